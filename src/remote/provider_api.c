/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/provider_api.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/job.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "fil/sector.h"
#include "remote/endpoint.h"
#include "remote/turnstile.h"
#include "remote/wire.h"
#include "seal/client.h"
#include "seal/provider.h"
#include "transfer/cache_tar.h"
#include "transfer/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* source: what the reference implementation answers */
#define MAX_BATCH 128u
#define ETAG_CHARS 112u
#define MANIFEST_FILE "sealed-manifest" /* in the sector's cache folder; never sent with it */

struct endpoint {
    const char *method;
    const char *path;
    slk_err (*handler)(slk_remote_provider *provider, slk_http_exchange *exchange,
                       slk_error *error);
};

/* What a route's handler gets. */
struct served {
    slk_remote_provider *provider;
    const struct endpoint *endpoint;
};

struct slk_remote_provider {
    slk_seal *seal;
    const slk_crypto *crypto;
    slk_relay *relay; /* NULL: none */
    slk_remote_peer *peer; /* NULL: none */
    slk_turnstile *turnstile;
    slk_job job; /* above those of all C1s and manifests: _cancel ends them */
    slk_remote_provider_counts counts;
    struct served served[SLK_REMOTE_PROVIDER_ROUTES];
};

slk_err slk_remote_provider_new(slk_remote_provider **ret_provider,
                                const slk_remote_provider_options *options, slk_error *error)
{
    slk_remote_provider *provider = slk_calloc(1, sizeof *provider);
    if (!provider)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the provider's endpoints");
    provider->seal = options->seal;
    provider->crypto = options->crypto;
    provider->relay = options->relay;
    provider->peer = options->peer;
    slk_job_init(&provider->job);
    slk_histogram_init(&provider->counts.commit1_us, slk_answer_bounds_us,
                       sizeof slk_answer_bounds_us / sizeof *slk_answer_bounds_us);
    const slk_err code = slk_turnstile_new(&provider->turnstile, error);
    if (code != SLK_OK) {
        slk_free(provider);
        return code;
    }
    *ret_provider = provider;
    return SLK_OK;
}

void slk_remote_provider_free(slk_remote_provider *provider)
{
    if (!provider)
        return;
    slk_turnstile_free(provider->turnstile);
    slk_free(provider);
}

const slk_remote_provider_counts *
slk_remote_provider_get_counts(const slk_remote_provider *provider)
{
    return &provider->counts;
}

void slk_remote_provider_cancel(slk_remote_provider *provider)
{
    if (provider)
        slk_job_cancel(&provider->job);
}

/* 401 with a fixed text, whatever was wrong with the token; 429 for who guesses or calls too often. */
static slk_err authorize(slk_partner *ret_partner, const slk_remote_provider *provider,
                         slk_http_exchange *exchange, const char *in_body, slk_error *error)
{
    const char *token = slk_endpoint_token(exchange, in_body);
    if (!*token)
        return slk_fail(error, SLK_E_AUTH, "unauthorized");
    const slk_err code = slk_provider_authorize(ret_partner, provider->seal, token, error);
    if (code == SLK_E_AUTH)
        return slk_http_guessed(exchange, error); /* a right one passes, whatever others guessed */
    SLK_TRY(code);
    return slk_turnstile_call(provider->turnstile, exchange, ret_partner->id, error);
}

/* ---- capabilities, authorize, available, order ---- */

static slk_err get_capabilities(slk_remote_provider *provider, slk_http_exchange *exchange,
                                slk_error *error)
{
    const slk_seal_options *options = slk_seal_get_options(provider->seal);
    slk_wire_capabilities answer = {.supports_range_requests = true,
                                    .supports_sealed_manifest = true,
                                    .supports_cancel = true,
                                    .supports_renew = true,
                                    .supports_call_back = provider->peer != NULL,
                                    .supports_repeated_c1 = true};
    answer.max_batch_size = slk_i64(slk_min_u64(options->capacity_sectors, MAX_BATCH));
    static_assert(SLK_SEAL_MAX_PROOFS <= SLK_WIRE_PROOFS_MAX, "every proof offered has room");
    answer.supported_proofs.n = options->seal_proofs_n;
    for (size_t i = 0; i < options->seal_proofs_n; i++)
        answer.supported_proofs.value[i] = options->seal_proofs[i];
    return slk_endpoint_reply(exchange, &slk_wire_type_capabilities, &answer, error);
}

static slk_err post_authorize(slk_remote_provider *provider, slk_http_exchange *exchange,
                              slk_error *error)
{
    slk_wire_token_request request;
    SLK_TRY(slk_endpoint_read(&request, &slk_wire_type_token_request, exchange, error));
    slk_wire_authorized answer = {0};
    slk_partner partner = {0};
    const slk_err code = authorize(&partner, provider, exchange, request.partner_token, error);
    if (code == SLK_OK) {
        answer.authorized = true;
        answer.allowance_remaining = partner.allowance_remaining;
        (void)snprintf(answer.partner_name, sizeof answer.partner_name, "%s", partner.name);
    } else if (code != SLK_E_AUTH) {
        return code;
    }
    return slk_endpoint_reply(exchange, &slk_wire_type_authorized, &answer, error);
}

static slk_err post_available(slk_remote_provider *provider, slk_http_exchange *exchange,
                              slk_error *error)
{
    slk_wire_token_request request;
    SLK_TRY(slk_endpoint_read(&request, &slk_wire_type_token_request, exchange, error));
    slk_partner partner;
    SLK_TRY(authorize(&partner, provider, exchange, request.partner_token, error));
    slk_wire_available answer = {0};
    char slot[SLK_SLOT_CHARS] = "";
    SLK_TRY(slk_provider_available(&answer.available, slot, provider->seal, partner.id, error));
    if (answer.available) {
        slk_counter_add(&provider->counts.slots, 1);
        (void)snprintf(answer.slot_token, sizeof answer.slot_token, "%s", slot);
    }
    return slk_endpoint_reply(exchange, &slk_wire_type_available, &answer, error);
}

static slk_err post_order(slk_remote_provider *provider, slk_http_exchange *exchange,
                          slk_error *error)
{
    slk_wire_order request;
    SLK_TRY(slk_endpoint_read(&request, &slk_wire_type_order, exchange, error));
    slk_partner partner;
    SLK_TRY(authorize(&partner, provider, exchange, request.partner_token, error));
    slk_seal_sector sector = {.seal_proof = request.reg_seal_proof};
    SLK_TRY(slk_endpoint_sector(&sector.sp_id, &sector.number, request.sp_id, request.sector_number,
                                error));
    slk_wire_ordered answer = {0};
    char reason[SLK_SEAL_REASON_CHARS] = "";
    SLK_TRY(slk_provider_order(&answer.accepted, reason, provider->seal, partner.id,
                               request.slot_token, &sector, error));
    slk_counter_add(answer.accepted ? &provider->counts.accepted : &provider->counts.refused, 1);
    if (!answer.accepted)
        (void)snprintf(answer.reject_reason, sizeof answer.reject_reason, "%s", reason);
    if (answer.accepted)
        slk_log(SLK_LOG_INFO, "order.accepted",
                "sector=f0%" PRIu64 "/%" PRIu64 " partner=%" PRId64 " proof=%" PRId64, sector.sp_id,
                sector.number, partner.id, sector.seal_proof);
    else
        slk_log(SLK_LOG_INFO, "order.refused",
                "sector=f0%" PRIu64 "/%" PRIu64 " partner=%" PRId64 " proof=%" PRId64 " why=\"%s\"",
                sector.sp_id, sector.number, partner.id, sector.seal_proof, answer.reject_reason);
    return slk_endpoint_reply(exchange, &slk_wire_type_ordered, &answer, error);
}

/* Whether the partner can be reached is tried with the URL the operator gave for it, never with one
 * from a request: nobody can make this node call elsewhere. */
static slk_err post_call_back(slk_remote_provider *provider, slk_http_exchange *exchange,
                              slk_error *error)
{
    slk_wire_call_back request;
    SLK_TRY(slk_endpoint_read(&request, &slk_wire_type_call_back, exchange, error));
    slk_partner partner;
    SLK_TRY(authorize(&partner, provider, exchange, request.partner_token, error));
    if (!provider->peer)
        return slk_fail(error, SLK_E_UNSUPPORTED, "this node calls nobody back");
    if (strlen(request.nonce) != SLK_NONCE_CHARS - 1)
        return slk_fail(error, SLK_E_INVAL, "nonce must have 64 characters");
    SLK_TRY(slk_turnstile_call_back(provider->turnstile, exchange, partner.id, error));
    char url[SLK_PARTNER_URL_CHARS];
    SLK_TRY(slk_partner_url(url, provider->seal, partner.id, error));
    slk_remote_called called;
    slk_remote_peer_bring_nonce(provider->peer, &called, url, request.nonce);
    slk_log(SLK_LOG_INFO, "partner.called_back",
            "partner=%" PRId64 " reached=%d step=%s why=\"%s\"", partner.id, called.reached,
            called.step, called.reason);
    slk_wire_called answer = {.reached = called.reached};
    (void)snprintf(answer.url, sizeof answer.url, "%s", called.url);
    (void)snprintf(answer.step, sizeof answer.step, "%s", called.step);
    (void)snprintf(answer.reason, sizeof answer.reason, "%s", called.reason);
    return slk_endpoint_reply(exchange, &slk_wire_type_called, &answer, error);
}

/* ---- one sector ---- */

struct sector_call {
    slk_partner partner;
    uint64_t sp_id;
    uint64_t number;
};

static slk_err read_sector_call(struct sector_call *ret, const slk_remote_provider *provider,
                                slk_http_exchange *exchange, slk_error *error)
{
    slk_wire_sector_request request;
    SLK_TRY(slk_endpoint_read(&request, &slk_wire_type_sector_request, exchange, error));
    SLK_TRY(authorize(&ret->partner, provider, exchange, request.partner_token, error));
    return slk_endpoint_sector(&ret->sp_id, &ret->number, request.sp_id, request.sector_number,
                               error);
}

/* What is left of a lease in whole seconds. One that is over has not gone unsaid. */
static int64_t left_s(int64_t left_ms)
{
    return left_ms >= 2000 ? left_ms / 1000 : 1;
}

static slk_err post_status(slk_remote_provider *provider, slk_http_exchange *exchange,
                           slk_error *error)
{
    struct sector_call sector;
    SLK_TRY(read_sector_call(&sector, provider, exchange, error));
    slk_seal_status status = {0};
    SLK_TRY(slk_provider_status(&status, provider->seal, sector.partner.id, sector.sp_id,
                                sector.number, error));
    slk_wire_status answer = {0};
    (void)snprintf(answer.state, sizeof answer.state, "%s",
                   slk_seal_remote_state_name(status.state));
    (void)snprintf(answer.fail_reason, sizeof answer.fail_reason, "%s", status.fail_reason);
    (void)snprintf(answer.stage, sizeof answer.stage, "%s", status.stage);
    answer.stage_done = status.stage_done;
    answer.stage_total = status.stage_total;
    answer.lease_until = status.lease_until_ms / 1000;
    if (answer.lease_until > 0)
        answer.lease_left = left_s(status.lease_left_ms);
    if (status.has_completion) {
        const slk_seal_completion *done = &status.completion;
        (void)snprintf(answer.tree_d_cid, sizeof answer.tree_d_cid, "%s", done->tree_d_cid);
        (void)snprintf(answer.tree_r_cid, sizeof answer.tree_r_cid, "%s", done->tree_r_cid);
        answer.ticket_epoch = done->ticket_epoch;
        answer.ticket_value.n = sizeof done->ticket;
        memcpy(answer.ticket_value.data, done->ticket, sizeof done->ticket);
    }
    return slk_endpoint_reply(exchange, &slk_wire_type_status, &answer, error);
}

typedef slk_err sector_fn(slk_seal *seal, int64_t partner_id, uint64_t sp_id, uint64_t number,
                          slk_error *error);

/* finalize and cleanup: 200 empty, as the reference answers, also when there is nothing to do: for
 * a sector that is not there (any more), since a client that repeats itself after the row was
 * collected must come to an end; and for finalize before the trees are done, which changes
 * nothing, so that C1 can still be made. */
static slk_err post_sector(slk_remote_provider *provider, slk_http_exchange *exchange,
                           sector_fn *fn, const char *event, slk_error *error)
{
    struct sector_call sector;
    SLK_TRY(read_sector_call(&sector, provider, exchange, error));
    const slk_err code = fn(provider->seal, sector.partner.id, sector.sp_id, sector.number, error);
    if (code == SLK_E_NOTFOUND || code == SLK_E_BUSY)
        return slk_http_reply_empty(exchange, 200);
    SLK_TRY(code);
    slk_log(SLK_LOG_INFO, event, "sector=f0%" PRIu64 "/%" PRIu64 " partner=%" PRId64, sector.sp_id,
            sector.number, sector.partner.id);
    return slk_http_reply_empty(exchange, 200);
}

static slk_err post_finalize(slk_remote_provider *provider, slk_http_exchange *exchange,
                             slk_error *error)
{
    return post_sector(provider, exchange, slk_provider_finalize, "finalize.asked", error);
}

static slk_err post_cleanup(slk_remote_provider *provider, slk_http_exchange *exchange,
                            slk_error *error)
{
    return post_sector(provider, exchange, slk_provider_cleanup, "cleanup.asked", error);
}

static slk_err post_cancel(slk_remote_provider *provider, slk_http_exchange *exchange,
                           slk_error *error)
{
    return post_sector(provider, exchange, slk_provider_cancel, "cancel.asked", error);
}

static slk_err post_renew(slk_remote_provider *provider, slk_http_exchange *exchange,
                          slk_error *error)
{
    struct sector_call sector;
    SLK_TRY(read_sector_call(&sector, provider, exchange, error));
    int64_t until_ms = 0;
    SLK_TRY(
        slk_endpoint_hide_sector(slk_provider_renew(&until_ms, provider->seal, sector.partner.id,
                                                    sector.sp_id, sector.number, error),
                                 error));
    const slk_wire_renewed answer = {.lease_until = until_ms / 1000,
                                     .lease_left = left_s(until_ms - slk_seal_now(provider->seal))};
    return slk_endpoint_reply(exchange, &slk_wire_type_renewed, &answer, error);
}

/* ---- files ---- */

static slk_err read_param(uint64_t *ret, const slk_http_exchange *exchange, const char *name,
                          slk_error *error)
{
    if (slk_http_param_u64(exchange, name, ret, NULL) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "invalid %s", name);
    return SLK_OK;
}

static slk_err read_sector_path(uint64_t *ret_sp_id, uint64_t *ret_number,
                                const slk_http_exchange *exchange, slk_error *error)
{
    SLK_TRY(read_param(ret_sp_id, exchange, "sp_id", error));
    return read_param(ret_number, exchange, "sector_number", error);
}

/* Has the node answer that has the sector's files, if they are not here; *ret_passed: it did. */
static slk_err pass_on(bool *ret_passed, slk_remote_provider *provider, slk_http_exchange *exchange,
                       const slk_relay_question *question, const struct sector_call *sector,
                       slk_error *error)
{
    slk_member_address nodes[SLK_MEMBER_HOLDERS_MAX];
    size_t n = 0;
    bool elsewhere = false;
    SLK_TRY(slk_provider_holders(&elsewhere, nodes, &n, provider->seal, sector->partner.id,
                                 sector->sp_id, sector->number, error));
    if (!elsewhere)
        return SLK_OK;
    if (n == 0 || !provider->relay || slk_relay_is_marked(exchange))
        return slk_fail(error, SLK_E_BUSY, "the sector's files are with another node");
    SLK_TRY(slk_relay_pass(provider->relay, exchange, question, nodes, n, error));
    slk_counter_add(&provider->counts.relayed, 1);
    *ret_passed = true;
    return SLK_OK;
}

/* *ret_passed: another node has answered, ret is left as it was. what: the endpoint. */
static slk_err find_files(slk_provider_files *ret, bool *ret_passed, slk_remote_provider *provider,
                          slk_http_exchange *exchange, const char *what, slk_error *error)
{
    struct sector_call sector;
    SLK_TRY(read_sector_path(&sector.sp_id, &sector.number, exchange, error));
    SLK_TRY(authorize(&sector.partner, provider, exchange, NULL, error));
    SLK_TRY(slk_turnstile_download(provider->turnstile, exchange, sector.partner.id, error));
    char path[128];
    (void)snprintf(path, sizeof path, SLK_WIRE_PATH "%s/%" PRIu64 "/%" PRIu64, what, sector.sp_id,
                   sector.number);
    const slk_relay_question question = {.path = path,
                                         .token = slk_endpoint_token(exchange, NULL),
                                         .is_made_first = strcmp(what, "sealed-manifest") == 0};
    SLK_TRY(pass_on(ret_passed, provider, exchange, &question, &sector, error));
    if (*ret_passed)
        return SLK_OK;
    return slk_endpoint_hide_sector(slk_provider_get_files(ret, provider->seal, sector.partner.id,
                                                           sector.sp_id, sector.number, error),
                                    error);
}

/* The replica's identity: the same at every node and address that serves it. */
static void make_etag(char out[ETAG_CHARS], const slk_provider_files *files, const char *kind)
{
    char comm_r[65];
    slk_hex_encode(comm_r, files->comm.comm_r, sizeof files->comm.comm_r);
    (void)snprintf(out, ETAG_CHARS, "\"%s-%" PRIu64 "%s\"", comm_r, files->sector_bytes, kind);
}

static slk_err get_sealed_data(slk_remote_provider *provider, slk_http_exchange *exchange,
                               slk_error *error)
{
    SLK_CLEANUP(slk_provider_files_done) slk_provider_files files = {0};
    bool passed = false;
    SLK_TRY(find_files(&files, &passed, provider, exchange, "sealed-data", error));
    if (passed)
        return SLK_OK;
    char etag[ETAG_CHARS];
    make_etag(etag, &files, "");
    return slk_http_reply_file(exchange, files.sealed_path, "application/octet-stream", etag,
                               error);
}

/* Made when it is first asked for, and kept in the sector's cache folder. Takes half a minute for 32
 * GiB; the sector's files are in use meanwhile. */
static slk_err make_manifest(const char *path, slk_remote_provider *provider,
                             const slk_provider_files *files, uint64_t sp_id, uint64_t number,
                             slk_error *error)
{
    slk_manifest_subject subject = {
        .sp_id = sp_id, .number = number, .file_bytes = files->sector_bytes};
    memcpy(subject.comm_r, files->comm.comm_r, sizeof subject.comm_r);
    slk_job job;
    slk_job_init_under(&job, &provider->job);
    SLK_TRY(
        slk_seal_files_enter(provider->seal, SLK_PIPELINE_PROVIDER, sp_id, number, &job, error));
    const slk_err code =
        slk_manifest_make(path, &subject, files->sealed_path, provider->crypto, &job, error);
    slk_seal_files_leave(provider->seal, SLK_PIPELINE_PROVIDER, sp_id, number);
    return code;
}

static slk_err get_sealed_manifest(slk_remote_provider *provider, slk_http_exchange *exchange,
                                   slk_error *error)
{
    SLK_CLEANUP(slk_provider_files_done) slk_provider_files files = {0};
    bool passed = false;
    SLK_TRY(find_files(&files, &passed, provider, exchange, "sealed-manifest", error));
    if (passed)
        return SLK_OK;
    uint64_t sp_id, number;
    SLK_TRY(read_sector_path(&sp_id, &number, exchange, error));
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(files.cache_path, MANIFEST_FILE);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an answer");
    SLK_TRY(make_manifest(path, provider, &files, sp_id, number, error));
    char etag[ETAG_CHARS];
    make_etag(etag, &files, "-manifest");
    return slk_http_reply_file(exchange, path, "application/octet-stream", etag, error);
}

static slk_err get_cache_data(slk_remote_provider *provider, slk_http_exchange *exchange,
                              slk_error *error)
{
    SLK_CLEANUP(slk_provider_files_done) slk_provider_files files = {0};
    bool passed = false;
    SLK_TRY(find_files(&files, &passed, provider, exchange, "cache-data", error));
    if (passed)
        return SLK_OK;
    slk_seal_proof proof;
    SLK_TRY(slk_seal_proof_registered(&proof, files.seal_proof, error));
    slk_flat_tar *tar = NULL;
    uint64_t bytes = 0;
    SLK_TRY(slk_cache_tar_new(&tar, &bytes, files.cache_path, proof.shape, error));
    return slk_http_reply_stream(exchange, 200, "application/x-tar", slk_i64(bytes),
                                 slk_flat_tar_produce, slk_flat_tar_release, tar);
}

/* ---- commit1 ---- */

struct c1_reader {
    int fd;
    uint64_t at;
    uint64_t bytes;
};

static slk_err produce_c1(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                          slk_error *error)
{
    struct c1_reader *reader = context;
    const size_t n = (size_t)slk_min_u64(capacity, reader->bytes - reader->at);
    if (n > 0) {
        const ssize_t got = pread(reader->fd, out, n, (off_t)reader->at);
        if (got <= 0)
            return slk_fail(error, SLK_E_IO, "the C1 file cannot be read");
        reader->at += (uint64_t)got;
        *ret_n = (size_t)got;
        return SLK_OK;
    }
    *ret_n = 0;
    return SLK_OK;
}

static void release_c1(void *context)
{
    struct c1_reader *reader = context;
    (void)close(reader->fd);
    slk_free(reader);
}

static slk_err reply_c1(slk_http_exchange *exchange, int fd, uint64_t bytes, slk_error *error)
{
    struct c1_reader *reader = slk_alloc(1, sizeof *reader);
    if (!reader) {
        (void)close(fd);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an answer");
    }
    *reader = (struct c1_reader){.fd = fd, .bytes = bytes};
    return slk_http_reply_stream(exchange, 200, "application/octet-stream", slk_i64(bytes),
                                 produce_c1, release_c1, reader);
}

/* What the state says comes before what the seed looks like, as with the reference. */
static slk_err refuse_seed(slk_seal *seal, int64_t partner_id, uint64_t sp_id, uint64_t number,
                           slk_error *error)
{
    slk_seal_status status;
    SLK_TRY(slk_provider_status(&status, seal, partner_id, sp_id, number, error));
    if (status.state == SLK_SEAL_REMOTE_GONE)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    if (status.state != SLK_SEAL_REMOTE_COMPLETE)
        return slk_fail(error, SLK_E_BUSY, "the trees are not done yet");
    return slk_fail(error, SLK_E_INVAL, "seed_value must be 32 bytes");
}

static slk_err serve_c1(slk_remote_provider *provider, slk_http_exchange *exchange,
                        const slk_wire_commit1 *request, const struct sector_call *sector,
                        slk_error *error)
{
    int fd = -1;
    uint64_t bytes = 0;
    const int64_t partner_id = sector->partner.id;
    slk_job job;
    slk_job_init_under(&job, &provider->job);
    const uint64_t start_ns = slk_clock_monotonic_ns();
    const slk_err code =
        request->seed_value.n == 32
            ? slk_provider_commit1(&fd, &bytes, provider->seal, partner_id, sector->sp_id,
                                   sector->number,
                                   request->seed_epoch ? request->seed_epoch : INT64_MIN,
                                   request->seed_value.data, &job, error)
            : refuse_seed(provider->seal, partner_id, sector->sp_id, sector->number, error);
    if (code == SLK_E_BUSY)
        return slk_http_reply_error(exchange, 412, slk_err_name(code),
                                    "sector trees not yet complete");
    SLK_TRY(slk_endpoint_hide_sector(code, error));
    slk_histogram_add(&provider->counts.commit1_us, (slk_clock_monotonic_ns() - start_ns) / 1000);
    slk_log(SLK_LOG_INFO, "c1.served", "sector=f0%" PRIu64 "/%" PRIu64 " bytes=%" PRIu64,
            sector->sp_id, sector->number, bytes);
    return reply_c1(exchange, fd, bytes, error);
}

static slk_err post_commit1(slk_remote_provider *provider, slk_http_exchange *exchange,
                            slk_error *error)
{
    slk_wire_commit1 request;
    SLK_TRY(slk_endpoint_read(&request, &slk_wire_type_commit1, exchange, error));
    struct sector_call sector;
    SLK_TRY(authorize(&sector.partner, provider, exchange, request.partner_token, error));
    SLK_TRY(slk_endpoint_sector(&sector.sp_id, &sector.number, request.sp_id, request.sector_number,
                                error));
    const slk_relay_question question = {.path = SLK_WIRE_PATH "commit1",
                                         .token =
                                             slk_endpoint_token(exchange, request.partner_token),
                                         .is_made_first = true};
    bool passed = false;
    SLK_TRY(pass_on(&passed, provider, exchange, &question, &sector, error));
    return passed ? SLK_OK : serve_c1(provider, exchange, &request, &sector, error);
}

/* ---- the table ---- */

static const struct endpoint endpoints[] = {
    {"GET", SLK_WIRE_PATH "capabilities", get_capabilities},
    {"POST", SLK_WIRE_PATH "authorize", post_authorize},
    {"POST", SLK_WIRE_PATH "available", post_available},
    {"POST", SLK_WIRE_PATH "order", post_order},
    {"POST", SLK_WIRE_PATH "status", post_status},
    {"GET", SLK_WIRE_PATH "sealed-data/{sp_id}/{sector_number}", get_sealed_data},
    {"GET", SLK_WIRE_PATH "cache-data/{sp_id}/{sector_number}", get_cache_data},
    {"GET", SLK_WIRE_PATH "sealed-manifest/{sp_id}/{sector_number}", get_sealed_manifest},
    {"POST", SLK_WIRE_PATH "commit1", post_commit1},
    {"POST", SLK_WIRE_PATH "finalize", post_finalize},
    {"POST", SLK_WIRE_PATH "cleanup", post_cleanup},
    {"POST", SLK_WIRE_PATH "cancel", post_cancel},
    {"POST", SLK_WIRE_PATH "renew", post_renew},
    {"POST", SLK_WIRE_PATH "call-back", post_call_back},
};
static_assert(sizeof endpoints / sizeof *endpoints == SLK_REMOTE_PROVIDER_ROUTES, "all routes");

static slk_err serve(void *context, slk_http_exchange *exchange, slk_error *error)
{
    const struct served *served = context;
    const slk_err code = served->endpoint->handler(served->provider, exchange, error);
    if (code != SLK_OK)
        slk_endpoint_log(exchange, code, error);
    return code;
}

void slk_remote_provider_routes(slk_http_route out[SLK_REMOTE_PROVIDER_ROUTES],
                                slk_remote_provider *provider)
{
    for (size_t i = 0; i < SLK_REMOTE_PROVIDER_ROUTES; i++) {
        provider->served[i] = (struct served){.provider = provider, .endpoint = &endpoints[i]};
        out[i] = (slk_http_route){
            .method = endpoints[i].method,
            .path = endpoints[i].path,
            .handler = serve,
            .context = &provider->served[i],
            .plain_errors = true,
        };
    }
}
