/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/peer.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "codec/cid.h"
#include "fil/commcid.h"
#include "fil/sector.h"
#include "net/client.h"
#include "net/token.h"
#include "remote/connect.h"
#include "remote/peer_impl.h"
#include "remote/wire.h"
#include "transfer/cache_tar.h"
#include "transfer/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CALL_TIMEOUT_MS 30000
/* A provider reads 11 layers of 32 GiB before the first byte of C1 leaves it. */
#define C1_STALL_MS (20 * 60 * 1000)
/* What making it takes, as C1, and a minute to send it: not as long as the peer likes. */
#define MANIFEST_TIMEOUT_MS (C1_STALL_MS + 60000)
#define URL_MAX_BYTES 2048u
#define UNSURE_LEFT_MS (INT64_C(24) * 3600 * 1000)
#define MOST_LEFT_S (INT64_C(10) * 365 * 86400)

struct slk_remote_peer {
    slk_http_client *quick;
    slk_http_client *slow; /* waits C1_STALL_MS for a byte */
    bool allow_plain_http;
    unsigned connections;
    const slk_crypto *crypto;
};

slk_err slk_remote_peer_new(slk_remote_peer **ret_peer, const slk_remote_peer_options *options,
                            slk_error *error)
{
    slk_remote_peer *peer = slk_calloc(1, sizeof *peer);
    if (!peer)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the peer client");
    peer->allow_plain_http = options->allow_plain_http;
    peer->connections = options->connections;
    peer->crypto = options->crypto;
    /* Plain HTTP is judged per URL, in check_url. */
    slk_http_client_options http = {.allow_plain_http = true,
                                    .ca_file = options->ca_file,
                                    .public_only = !options->allow_private};
    slk_err code = slk_http_client_new(&peer->quick, &http, error);
    http.stall_timeout_ms = C1_STALL_MS;
    if (code == SLK_OK)
        code = slk_http_client_new(&peer->slow, &http, error);
    if (code != SLK_OK) {
        slk_remote_peer_free(peer);
        return code;
    }
    *ret_peer = peer;
    return SLK_OK;
}

void slk_remote_peer_free(slk_remote_peer *peer)
{
    if (!peer)
        return;
    slk_http_client_free(peer->quick);
    slk_http_client_free(peer->slow);
    slk_free(peer);
}

slk_remote_peer_totals slk_remote_peer_get_totals(const slk_remote_peer *peer)
{
    const slk_http_client_counts *quick = slk_http_client_get_counts(peer->quick);
    const slk_http_client_counts *slow = slk_http_client_get_counts(peer->slow);
    return (slk_remote_peer_totals){
        .calls = slk_counter_read(&quick->calls) + slk_counter_read(&slow->calls),
        .failed = slk_counter_read(&quick->failed) + slk_counter_read(&slow->failed),
        .received_bytes =
            slk_counter_read(&quick->received_bytes) + slk_counter_read(&slow->received_bytes),
    };
}

slk_err slk_peer_check_url(const slk_remote_peer *peer, const char *base, slk_error *error)
{
    SLK_TRY(slk_connect_check_url(base, error));
    if (!peer->allow_plain_http && slk_http_url_in_clear(base))
        return slk_fail(error, SLK_E_INVAL,
                        "the peer's URL is plain http, which would show its token to the network; "
                        "use https, or AllowPlainHttp behind a VPN");
    return SLK_OK;
}

/* "<base>/remoteseal/delegated/v0/<name>" on the heap. */
static slk_err make_url(char **ret_url, const slk_remote_peer *peer, const char *base,
                        const char *name, slk_error *error)
{
    SLK_TRY(slk_peer_check_url(peer, base, error));
    char path[128];
    (void)snprintf(path, sizeof path, SLK_WIRE_PATH "%s", name);
    char *url = slk_http_url_join(base, path);
    if (!url)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a URL");
    *ret_url = url;
    return SLK_OK;
}

/* The codes seal/ops.h asks for, which differ from slk_http_expect_success in three places. */
static slk_err expect_success(const slk_http_response *response, const char *what, slk_error *error)
{
    slk_err code = slk_http_expect_success(response, what, error);
    if (response->status == 412)
        code = SLK_E_BUSY;
    else if (response->status == 409)
        code = SLK_E_INVAL;
    else if (code == SLK_OK && response->status != 200)
        code = slk_fail(error, SLK_E_PROTO, "%s: the peer answered %d where 200 was due", what,
                        response->status);
    if (code != SLK_OK && error)
        error->code = code;
    return code;
}

static slk_err read_answer(const struct slk_peer_exchange *exchange,
                           const slk_http_response *response, const char *what, slk_error *error)
{
    SLK_TRY(expect_success(response, what, error));
    if (!exchange->answer)
        return SLK_OK;
    const slk_err code = slk_wire_read(exchange->answer, exchange->answer_type, response->body.data,
                                       response->body.len, error);
    if (code == SLK_E_NOMEM)
        return code;
    if (code != SLK_OK)
        return slk_fail_context(error, SLK_E_PROTO, "%s: the peer's answer", what);
    return SLK_OK;
}

slk_err slk_peer_call(slk_remote_peer *peer, const char *base, const char *token,
                      const struct slk_peer_exchange *exchange, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *url = NULL;
    SLK_TRY(make_url(&url, peer, base, exchange->name, error));
    SLK_CLEANUP(slk_buf_done) slk_buf body;
    slk_buf_init(&body, SLK_WIRE_BODY_MAX_BYTES);
    if (exchange->request &&
        slk_wire_print(&body, exchange->request_type, exchange->request) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a message");
    const slk_http_request request = {
        .method = exchange->request ? "POST" : "GET",
        .url = url,
        .bearer = token,
        .body = exchange->request ? slk_buf_str(&body) : NULL,
        .body_bytes = body.len,
        .content_type = exchange->request ? "application/json" : NULL,
        .total_timeout_ms = exchange->timeout_ms ? exchange->timeout_ms : CALL_TIMEOUT_MS,
        .max_body_bytes = SLK_WIRE_BODY_MAX_BYTES,
        .failure = exchange->failure,
    };
    char what[64];
    (void)snprintf(what, sizeof what, "call `%.*s`", (int)strcspn(exchange->name, "?"),
                   exchange->name);
    slk_http_response response = {0};
    slk_err code = slk_http_call(peer->quick, &request, &response, error);
    if (code == SLK_OK)
        code = read_answer(exchange, &response, what, error);
    else
        code = slk_fail_context(error, code == SLK_E_LIMIT ? SLK_E_PROTO : code, "%s", what);
    slk_http_response_done(&response);
    if (body.data)
        slk_bytes_wipe(body.data, body.len);
    return code;
}

static void copy(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text);
}

void slk_peer_copy_printable(char *out, size_t size, const char *text)
{
    copy(out, size, text);
    slk_net_token_hide(out);
    for (; *out; out++)
        if ((unsigned char)*out < 0x20 || (unsigned char)*out >= 0x7f)
            *out = '?';
}

static void fill_sector(slk_wire_sector_request *ret, const slk_seal_remote *to,
                        const slk_seal_sector *sector)
{
    *ret = (slk_wire_sector_request){.sp_id = (int64_t)sector->sp_id,
                                     .sector_number = (int64_t)sector->number};
    copy(ret->partner_token, sizeof ret->partner_token, to->token);
}

static slk_err peer_available(void *ctx, bool *ret_available, char slot_token[33],
                              const slk_seal_remote *to, slk_error *error)
{
    slk_wire_token_request request = {0};
    copy(request.partner_token, sizeof request.partner_token, to->token);
    slk_wire_available answer;
    const struct slk_peer_exchange exchange = {
        .name = "available",
        .request_type = &slk_wire_type_token_request,
        .request = &request,
        .answer_type = &slk_wire_type_available,
        .answer = &answer,
        .timeout_ms = SLK_PEER_QUICK_MS,
    };
    SLK_TRY(slk_peer_call(ctx, to->url, to->token, &exchange, error));
    if (strlen(answer.slot_token) > 32)
        return slk_fail(error, SLK_E_PROTO, "call `available`: the slot token is too long");
    *ret_available = answer.available;
    copy(slot_token, 33, answer.slot_token);
    return SLK_OK;
}

static slk_err peer_order(void *ctx, bool *ret_accepted, char *reason, const slk_seal_remote *to,
                          const char *slot_token, const slk_seal_sector *sector, slk_error *error)
{
    slk_wire_order request = {
        .sp_id = (int64_t)sector->sp_id,
        .sector_number = (int64_t)sector->number,
        .reg_seal_proof = sector->seal_proof,
    };
    copy(request.partner_token, sizeof request.partner_token, to->token);
    copy(request.slot_token, sizeof request.slot_token, slot_token);
    slk_wire_ordered answer;
    const struct slk_peer_exchange exchange = {
        .name = "order",
        .request_type = &slk_wire_type_order,
        .request = &request,
        .answer_type = &slk_wire_type_ordered,
        .answer = &answer,
    };
    SLK_TRY(slk_peer_call(ctx, to->url, to->token, &exchange, error));
    *ret_accepted = answer.accepted;
    slk_peer_copy_printable(reason, SLK_SEAL_REASON_CHARS, answer.reject_reason);
    return SLK_OK;
}

static bool read_state(slk_seal_remote_state *ret, const char *name)
{
    for (unsigned i = 0; i < SLK_SEAL_REMOTE_STATE_COUNT; i++) {
        if (strcmp(slk_seal_remote_state_name((slk_seal_remote_state)i), name) == 0) {
            *ret = (slk_seal_remote_state)i;
            return true;
        }
    }
    return false;
}

/* All four parts of a completion, well-formed. */
static bool read_completion(slk_seal_completion *ret, const slk_wire_status *status)
{
    slk_cid cid;
    uint8_t commitment[32];
    if (slk_cid_parse(&cid, status->tree_d_cid, NULL) != SLK_OK ||
        slk_comm_d_from_cid(commitment, &cid, NULL) != SLK_OK)
        return false;
    if (slk_cid_parse(&cid, status->tree_r_cid, NULL) != SLK_OK ||
        slk_comm_r_from_cid(commitment, &cid, NULL) != SLK_OK)
        return false;
    if (status->ticket_value.n != sizeof ret->ticket)
        return false;
    copy(ret->tree_d_cid, sizeof ret->tree_d_cid, status->tree_d_cid);
    copy(ret->tree_r_cid, sizeof ret->tree_r_cid, status->tree_r_cid);
    ret->ticket_epoch = status->ticket_epoch;
    memcpy(ret->ticket, status->ticket_value.data, sizeof ret->ticket);
    return true;
}

/* For how long the files are kept. Where only a time is said it is that of a clock which may be wrong, and
 * so may ours: then no more than a day is counted on. Both in seconds. */
static int64_t lease_left_ms(int64_t until_s, int64_t left_s)
{
    if (left_s > 0)
        return (left_s < MOST_LEFT_S ? left_s : MOST_LEFT_S) * 1000;
    const int64_t left_ms = until_s * 1000 - slk_clock_wall_ms();
    return left_ms < UNSURE_LEFT_MS ? left_ms : UNSURE_LEFT_MS;
}

static slk_err peer_status(void *ctx, slk_seal_status *ret, const slk_seal_remote *to,
                           const slk_seal_sector *sector, slk_error *error)
{
    slk_wire_sector_request request;
    fill_sector(&request, to, sector);
    slk_wire_status answer;
    const struct slk_peer_exchange exchange = {
        .name = "status",
        .request_type = &slk_wire_type_sector_request,
        .request = &request,
        .answer_type = &slk_wire_type_status,
        .answer = &answer,
    };
    SLK_TRY(slk_peer_call(ctx, to->url, to->token, &exchange, error));
    slk_seal_status status = {0};
    if (!read_state(&status.state, answer.state))
        return slk_fail(error, SLK_E_PROTO, "call `status`: the peer names an unknown state");
    status.has_completion = read_completion(&status.completion, &answer);
    if (status.state == SLK_SEAL_REMOTE_COMPLETE && !status.has_completion)
        return slk_fail(error, SLK_E_PROTO,
                        "call `status`: complete, but CIDs or ticket are missing or malformed");
    slk_peer_copy_printable(status.fail_reason, sizeof status.fail_reason, answer.fail_reason);
    slk_peer_copy_printable(status.stage, sizeof status.stage, answer.stage);
    status.stage_done = answer.stage_done;
    status.stage_total = answer.stage_total;
    if (answer.lease_until > 0 && answer.lease_until < INT64_MAX / 1000) {
        status.lease_until_ms = answer.lease_until * 1000;
        status.lease_left_ms = lease_left_ms(answer.lease_until, answer.lease_left);
    }
    *ret = status;
    return SLK_OK;
}

/* ---- downloads ---- */

/* The size of what is there, 0 if that is no file. Whoever cannot tell must not take it for nothing: what is
 * nothing is removed. */
static slk_err bytes_there(uint64_t *ret_bytes, const char *path, slk_error *error)
{
    const slk_err code = slk_file_size(ret_bytes, path, error);
    if (code != SLK_E_NOTFOUND && code != SLK_E_INVAL)
        return code;
    *ret_bytes = 0;
    return SLK_OK;
}

/* Is every file of a finished cache there with its size? */
static slk_err cache_is_complete(bool *ret_complete, const char *cache,
                                 const slk_sector_shape *shape, slk_error *error)
{
    bool complete = true;
    for (size_t i = 0; complete && i < slk_cache_file_count(shape); i++) {
        slk_cache_file file;
        slk_cache_file_at(&file, shape, i);
        SLK_CLEANUP(slk_freep) char *path = slk_path_join(cache, file.name);
        uint64_t there = 0;
        if (!path)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
        SLK_TRY(bytes_there(&there, path, error));
        complete = there > 0 && there <= file.max_bytes && (!file.bytes || there == file.bytes);
    }
    *ret_complete = complete;
    return SLK_OK;
}

struct download {
    slk_remote_peer *peer;
    const slk_seal_remote *to;
    const slk_seal_sector *sector;
    const slk_sector_shape *shape;
    const slk_seal_commitments *comm;
    const slk_seal_paths *paths;
    slk_gate *arrived;
    slk_job *job;
    bool has_manifest;
    slk_manifest manifest;
};

typedef slk_err get_fn(const struct download *download, const slk_fetch_from *from,
                       slk_error *error);

static slk_err get_sealed(const struct download *download, const slk_fetch_from *from,
                          slk_error *error)
{
    slk_fetch_from sealed = *from;
    sealed.arrived = download->arrived;
    if (download->has_manifest)
        sealed.manifest = &download->manifest;
    return slk_fetch_file(&sealed, download->paths->sealed, download->shape->bytes, download->job,
                          error);
}

static slk_err get_cache(const struct download *download, const slk_fetch_from *from,
                         slk_error *error)
{
    return slk_fetch_cache(from, download->paths->cache, download->shape, download->job, error);
}

static slk_err get(const struct download *download, const char *name, get_fn *fn, slk_error *error)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%" PRIu64 "/%" PRIu64, name, download->sector->sp_id,
                   download->sector->number);
    SLK_CLEANUP(slk_freep) char *url = NULL;
    SLK_TRY(make_url(&url, download->peer, download->to->url, path, error));
    slk_fetch_from from = {
        .client = download->peer->quick,
        .url = url,
        .pass.bearer = download->to->token,
        .connections = download->peer->connections,
    };
    const slk_err code = fn(download, &from, error);
    if (code != SLK_E_AUTH)
        return code;
    /* The reference provider reads the token from the query alone. */
    char *with_token = slk_strf("%s?token=%s", url, download->to->token);
    if (!with_token)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a URL");
    from.url = with_token;
    const slk_err second = fn(download, &from, error);
    slk_bytes_wipe(with_token, strlen(with_token));
    slk_free(with_token);
    return second;
}

/* Only our own kind has one, and it is no more than a help: whatever a peer answers but "later" (429,
 * 503) means that there is none. The first request makes it, which takes as long as C1. */
static slk_err fetch_manifest(struct download *download, slk_error *error)
{
    const slk_seal_sector *sector = download->sector;
    char path[128];
    (void)snprintf(path, sizeof path, "sealed-manifest/%" PRIu64 "/%" PRIu64, sector->sp_id,
                   sector->number);
    SLK_CLEANUP(slk_freep) char *url = NULL;
    SLK_TRY(make_url(&url, download->peer, download->to->url, path, error));
    slk_manifest_subject subject = {
        .sp_id = sector->sp_id, .number = sector->number, .file_bytes = download->shape->bytes};
    memcpy(subject.comm_r, download->comm->comm_r, sizeof subject.comm_r);
    const slk_http_request request = {.url = url,
                                      .bearer = download->to->token,
                                      .total_timeout_ms = MANIFEST_TIMEOUT_MS,
                                      .max_body_bytes = SLK_MANIFEST_MAX_BYTES,
                                      .job = download->job};
    slk_http_response response = {0};
    slk_err code = slk_http_call(download->peer->slow, &request, &response, error);
    if (code == SLK_OK && response.status != 200 && response.status != 429 &&
        response.status != 503) {
        slk_http_response_done(&response);
        return SLK_OK;
    }
    if (code == SLK_OK)
        code = expect_success(&response, "fetching a manifest", error);
    if (code == SLK_OK)
        code = slk_manifest_read(&download->manifest, response.body.data, response.body.len,
                                 &subject, download->peer->crypto, error);
    slk_http_response_done(&response);
    download->has_manifest = code == SLK_OK;
    return code;
}

/* What a download left that no later one can use. */
static slk_err fetch_sealed(struct download *download, slk_error *error)
{
    const char *sealed = download->paths->sealed;
    uint64_t there = 0;
    SLK_TRY(bytes_there(&there, sealed, error));
    if (there == download->shape->bytes) /* perhaps of a call that ended right after its rename */
        return slk_fetch_forget(sealed, error);
    SLK_TRY(slk_remove_tree(sealed, error));
    if (download->peer->crypto)
        SLK_TRY(fetch_manifest(download, error));
    const slk_err code = get(download, "sealed-data", get_sealed, error);
    slk_manifest_done(&download->manifest);
    return code;
}

static slk_err write_c1_url(const struct download *download, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *url = NULL;
    SLK_TRY(make_url(&url, download->peer, download->to->url, "commit1", error));
    slk_wire_c1_url message = {.sp_id = (int64_t)download->sector->sp_id,
                               .sector_number = (int64_t)download->sector->number};
    copy(message.c1_url, sizeof message.c1_url, url);
    copy(message.partner_token, sizeof message.partner_token, download->to->token);
    SLK_CLEANUP(slk_freep)
    char *path = slk_path_join(download->paths->cache, SLK_SEAL_C1_URL_FILE);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, URL_MAX_BYTES);
    if (!path || slk_wire_print(&text, &slk_wire_type_c1_url, &message) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for %s", SLK_SEAL_C1_URL_FILE);
    const slk_err code = slk_file_write_atomic(path, text.data, text.len, 0600, error);
    slk_bytes_wipe(text.data, text.len);
    slk_bytes_wipe(&message, sizeof message);
    return code;
}

static slk_err fetch_cache(const struct download *download, slk_error *error)
{
    const char *cache = download->paths->cache;
    bool complete = false;
    SLK_TRY(cache_is_complete(&complete, cache, download->shape, error));
    if (!complete) {
        SLK_TRY(slk_remove_tree(cache, error));
        SLK_TRY(get(download, "cache-data", get_cache, error));
    }
    SLK_TRY(slk_file_sync_folder_of(cache, error)); /* if an earlier call ended before that */
    return write_c1_url(download, error);
}

static slk_err peer_fetch(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                          uint64_t sector_bytes, const slk_seal_commitments *comm,
                          const slk_seal_paths *paths, slk_gate *arrived, slk_job *job,
                          slk_error *error)
{
    slk_seal_proof proof;
    SLK_TRY(slk_seal_proof_registered(&proof, sector->seal_proof, error));
    if (proof.shape->bytes != sector_bytes)
        return slk_fail(error, SLK_E_INVAL, "seal proof %" PRId64 " is not of that sector size",
                        sector->seal_proof);
    struct download download = {.peer = ctx,
                                .to = to,
                                .sector = sector,
                                .shape = proof.shape,
                                .comm = comm,
                                .paths = paths,
                                .arrived = arrived,
                                .job = job};
    SLK_TRY(fetch_cache(&download, error));
    return fetch_sealed(&download, error);
}

static slk_err peer_forget(void *ctx, const slk_seal_paths *paths, slk_error *error)
{
    (void)ctx;
    SLK_CLEANUP(slk_freep) char *cache = slk_strf("%s.tmp", paths->cache);
    if (!cache)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    SLK_TRY(slk_fetch_forget(paths->sealed, error));
    return slk_remove_tree_durable(cache, error);
}

/* ---- commit1 ---- */

struct c1_file {
    int fd;
    uint64_t bytes;
    const char *path;
};

static slk_err take_c1(void *context, const slk_http_response *response, const uint8_t *bytes,
                       size_t n, slk_error *error)
{
    (void)response;
    struct c1_file *file = context;
    if (n > SLK_REMOTE_C1_MAX_BYTES - file->bytes)
        return slk_fail(error, SLK_E_PROTO, "call `commit1`: the answer is longer than 256 MiB");
    SLK_TRY(slk_file_write_at(file->fd, bytes, n, file->bytes, file->path, error));
    file->bytes += n;
    return SLK_OK;
}

static slk_err receive_c1(slk_remote_peer *peer, const slk_http_request *request,
                          struct c1_file *file, slk_error *error)
{
    slk_http_response response = {0};
    slk_err code = slk_http_call(peer->slow, request, &response, error);
    if (code == SLK_OK)
        code = expect_success(&response, "call `commit1`", error);
    slk_http_response_done(&response);
    if (code == SLK_OK && file->bytes == 0)
        code = slk_fail(error, SLK_E_PROTO, "call `commit1`: the answer is empty");
    return code;
}

static slk_err peer_commit1(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                            int64_t seed_epoch, const uint8_t seed[32], const char *out_path,
                            slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *url = NULL;
    SLK_TRY(make_url(&url, ctx, to->url, "commit1", error));
    slk_wire_commit1 message = {
        .sp_id = (int64_t)sector->sp_id,
        .sector_number = (int64_t)sector->number,
        .seed_epoch = seed_epoch,
        .seed_value = {.n = 32},
    };
    memcpy(message.seed_value.data, seed, 32);
    copy(message.partner_token, sizeof message.partner_token, to->token);
    SLK_CLEANUP(slk_buf_done) slk_buf body;
    slk_buf_init(&body, SLK_WIRE_BODY_MAX_BYTES);
    if (slk_wire_print(&body, &slk_wire_type_commit1, &message) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a message");
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_file_create(&fd, out_path, 0644, error));
    struct c1_file file = {.fd = fd, .path = out_path};
    const slk_http_request request = {
        .method = "POST",
        .url = url,
        .bearer = to->token,
        .body = body.data,
        .body_bytes = body.len,
        .content_type = "application/json",
        .sink = take_c1,
        .sink_context = &file,
        .job = job,
    };
    const slk_err code = receive_c1(ctx, &request, &file, error);
    slk_bytes_wipe(body.data, body.len);
    return code;
}

/* ---- the rest ---- */

static slk_err call_sector(void *ctx, const char *name, const slk_seal_remote *to,
                           const slk_seal_sector *sector, slk_error *error)
{
    slk_wire_sector_request request;
    fill_sector(&request, to, sector);
    const struct slk_peer_exchange exchange = {
        .name = name, .request_type = &slk_wire_type_sector_request, .request = &request};
    return slk_peer_call(ctx, to->url, to->token, &exchange, error);
}

static slk_err peer_finalize(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                             slk_error *error)
{
    return call_sector(ctx, "finalize", to, sector, error);
}

static slk_err peer_cleanup(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                            slk_error *error)
{
    return call_sector(ctx, "cleanup", to, sector, error);
}

static slk_err peer_ticket(void *ctx, uint8_t out32[32], int64_t *ret_epoch, const char *client_url,
                           uint64_t sp_id, slk_error *error)
{
    char name[64];
    (void)snprintf(name, sizeof name, "ticket?maddr=f0%" PRIu64, sp_id);
    slk_wire_ticket answer;
    const struct slk_peer_exchange exchange = {
        .name = name, .answer_type = &slk_wire_type_ticket, .answer = &answer};
    SLK_TRY(slk_peer_call(ctx, client_url, NULL, &exchange, error));
    if (answer.ticket.n != 32)
        return slk_fail(error, SLK_E_PROTO, "call `ticket`: the ticket is not 32 bytes");
    memcpy(out32, answer.ticket.data, 32);
    *ret_epoch = answer.epoch;
    return SLK_OK;
}

static slk_err peer_complete(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                             const slk_seal_completion *completion, slk_error *error)
{
    slk_wire_complete request = {
        .sp_id = (int64_t)sector->sp_id,
        .sector_number = (int64_t)sector->number,
        .ticket_epoch = completion->ticket_epoch,
        .ticket_value = {.n = 32},
    };
    copy(request.partner_token, sizeof request.partner_token, to->token);
    copy(request.tree_d_cid, sizeof request.tree_d_cid, completion->tree_d_cid);
    copy(request.tree_r_cid, sizeof request.tree_r_cid, completion->tree_r_cid);
    memcpy(request.ticket_value.data, completion->ticket, 32);
    const struct slk_peer_exchange exchange = {
        .name = "complete", .request_type = &slk_wire_type_complete, .request = &request};
    return slk_peer_call(ctx, to->url, to->token, &exchange, error);
}

static slk_err peer_repeats_c1(void *ctx, bool *ret_repeats, const slk_seal_remote *to,
                               slk_error *error)
{
    slk_wire_capabilities can;
    SLK_TRY(slk_peer_capabilities(ctx, &can, to->url, error));
    *ret_repeats = can.supports_repeated_c1;
    return SLK_OK;
}

static slk_err peer_renew(void *ctx, bool *ret_can, int64_t *ret_left_ms, const slk_seal_remote *to,
                          const slk_seal_sector *sector, slk_error *error)
{
    slk_wire_capabilities can;
    SLK_TRY(slk_peer_capabilities(ctx, &can, to->url, error));
    slk_wire_renewed answer = {0};
    slk_wire_sector_request request;
    fill_sector(&request, to, sector);
    const struct slk_peer_exchange exchange = {.name = "renew",
                                               .request_type = &slk_wire_type_sector_request,
                                               .request = &request,
                                               .answer_type = &slk_wire_type_renewed,
                                               .answer = &answer};
    if (can.supports_renew)
        SLK_TRY(slk_peer_call(ctx, to->url, to->token, &exchange, error));
    if (answer.lease_until < 0 || answer.lease_until > INT64_MAX / 1000)
        return slk_fail(error, SLK_E_PROTO, "call `renew`: the lease ends at no possible time");
    *ret_can = can.supports_renew;
    *ret_left_ms = lease_left_ms(answer.lease_until, answer.lease_left);
    return SLK_OK;
}

void slk_remote_peer_ops(slk_seal_peer *ret_ops, slk_remote_peer *peer)
{
    *ret_ops = (slk_seal_peer){
        .ctx = peer,
        .available = peer_available,
        .order = peer_order,
        .status = peer_status,
        .fetch = peer_fetch,
        .forget = peer_forget,
        .commit1 = peer_commit1,
        .finalize = peer_finalize,
        .cleanup = peer_cleanup,
        .repeats_c1 = peer_repeats_c1,
        .renew = peer_renew,
        .ticket = peer_ticket,
        .complete = peer_complete,
    };
}
