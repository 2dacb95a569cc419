/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/remote_server.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "store/cache_set.h"
#include "store/files.h"
#include "store/hold.h"
#include "store/unsealed.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define DELETE_WAIT_MS 30000 /* a reader that has all may still be on its way out */
#define POREP_WAIT_MS 30000
#define POREP_MAX_BYTES ((size_t)256 << 20)
#define OCTETS "application/octet-stream"

struct slk_store_server {
    slk_store_server_options options;
    slk_job job; /* above those of all requests: _cancel ends them */
};

slk_err slk_store_server_new(slk_store_server **ret_server, const slk_store_server_options *options,
                             slk_error *error)
{
    slk_store_server *server = slk_calloc(1, sizeof *server);
    if (!server)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the server of sectors' files");
    server->options = *options;
    slk_job_init(&server->job);
    *ret_server = server;
    return SLK_OK;
}

void slk_store_server_free(slk_store_server *server)
{
    slk_free(server);
}

void slk_store_server_cancel(slk_store_server *server)
{
    slk_job_cancel(&server->job);
}

/* ---- who asks ---- */

static slk_err refuse(slk_http_exchange *exchange)
{
    return slk_http_reply_json(exchange, 401,
                               "{\"Error\":\"unauthorized: missing admin permission\"}");
}

/* name: of the sector whose files are asked for; NULL: it is not about one. *ret_replied: the request was
 * refused. */
static slk_err authorise(bool *ret_replied, const slk_store_server *server,
                         slk_http_exchange *exchange, const char *name, slk_error *error)
{
    const char *token = slk_http_token(exchange);
    slk_lotus_sector sector;
    const bool of_one = name && slk_lotus_sector_parse(&sector, name, NULL) == SLK_OK;
    bool allowed = false;
    slk_err code = SLK_E_AUTH;
    *ret_replied = true;
    if (token && !*token) /* a stranger may read, as in Lotus, and files are more than that */
        return refuse(exchange);
    if (token)
        code = server->options.authorise(server->options.context, &allowed, token,
                                         of_one ? &sector : NULL, !slk_http_may_guess(exchange),
                                         error);
    if (code == SLK_E_AUTH)
        code = slk_http_guessed(exchange, error);
    if (code == SLK_E_AUTH)
        return slk_http_reply_empty(exchange, 401);
    SLK_TRY(code);
    if (!allowed)
        return refuse(exchange);
    *ret_replied = false;
    return SLK_OK;
}

/* ---- what is asked for ---- */

/* What Lotus answers to whatever it cannot do, with our reason. */
static slk_err reply_500(slk_http_exchange *exchange, const char *why)
{
    return slk_http_reply_text(exchange, 500, "%s", why);
}

/* It is here, and may be had, or be gone, later: who takes a 500 for "not here" must not think so. */
static slk_err reply_later(slk_http_exchange *exchange, const char *why)
{
    return slk_http_reply_text(exchange, 503, "%s", why);
}

typedef struct subject {
    unsigned type;
    slk_lotus_sector sector;
} subject;

static slk_err read_subject(subject *ret, const slk_http_exchange *exchange, slk_error *error)
{
    ret->type = slk_lotus_type_of(slk_http_param(exchange, "type"));
    if (ret->type == 0)
        return slk_fail(error, SLK_E_INVAL, "there is no such type of files");
    return slk_lotus_sector_parse(&ret->sector, slk_http_param(exchange, "sector"), error);
}

static void end_hold(void *hold)
{
    slk_store_hold_free(hold);
}

/* Holds the types to read until the answer has been sent. */
static slk_err hold_to_read(const slk_store_server *server, slk_http_exchange *exchange,
                            const slk_lotus_sector *sector, unsigned types, int64_t wait_ms,
                            slk_job *job, slk_error *error)
{
    slk_store_hold *hold = NULL;
    SLK_TRY(
        slk_store_hold_take(&hold, server->options.store, sector, types, 0, wait_ms, job, error));
    slk_http_on_end(exchange, end_hold, hold);
    return SLK_OK;
}

/* ---- GET ---- */

static slk_err add_last_modified(slk_http_exchange *exchange, const char *file)
{
    struct stat st;
    struct tm utc;
    char text[64];
    if (stat(file, &st) != 0 || !gmtime_r(&st.st_mtim.tv_sec, &utc) ||
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc) == 0)
        return SLK_OK;
    return slk_http_reply_header(exchange, "Last-Modified", text);
}

static slk_err send_folder(slk_http_exchange *exchange, const char *folder, bool finished,
                           slk_error *error)
{
    slk_cache_set set;
    slk_flat_tar *tar = NULL;
    uint64_t bytes = 0;
    if (slk_http_header_value(exchange, "Range"))
        return slk_fail(error, SLK_E_INVAL, "a folder is not served in ranges");
    SLK_TRY(slk_cache_set_scan(&set, folder, finished, error));
    SLK_TRY(slk_flat_tar_new(&tar, &bytes, folder, set.member, set.n, error));
    return slk_http_reply_stream(exchange, 200, "application/x-tar", slk_i64(bytes),
                                 slk_flat_tar_produce, slk_flat_tar_release, tar);
}

static slk_err send_subject(const slk_store_server *server, slk_http_exchange *exchange,
                            slk_error *error)
{
    subject what;
    SLK_CLEANUP(slk_freep) char *file = NULL;
    SLK_TRY(read_subject(&what, exchange, error));
    SLK_TRY(hold_to_read(server, exchange, &what.sector, what.type, 0, NULL, error));
    SLK_TRY(slk_store_find(server->options.store, NULL, &file, &what.sector, what.type, error));
    if (slk_lotus_type_is_folder(what.type)) {
        const char *only = slk_http_query(exchange, "only");
        return send_folder(exchange, file, only && strcmp(only, "finished") == 0, error);
    }
    SLK_TRY(add_last_modified(exchange, file));
    return slk_http_reply_file(exchange, file, OCTETS, NULL, error);
}

static slk_err get_subject(void *context, slk_http_exchange *exchange, slk_error *error)
{
    const slk_store_server *server = context;
    bool replied = false;
    slk_error why = {0};
    SLK_TRY(authorise(&replied, server, exchange, slk_http_param(exchange, "sector"), error));
    if (replied)
        return SLK_OK;
    const slk_err code = send_subject(server, exchange, &why);
    if (code == SLK_OK)
        return SLK_OK;
    /* The reasons of the file system name our folders: they are for the log. */
    const bool ours = code != SLK_E_NOTFOUND && code != SLK_E_INVAL && code != SLK_E_BUSY;
    slk_log(ours ? SLK_LOG_WARN : SLK_LOG_DEBUG, "storage.get_failed", "code=%s why=\"%s\"",
            slk_err_name(code), slk_error_text(&why, code));
    if (code == SLK_E_BUSY)
        return reply_later(exchange, why.message);
    return reply_500(exchange, ours || code == SLK_E_NOTFOUND ? "it is not here, or not readable"
                                                              : why.message);
}

/* ---- DELETE ---- */

/* "ID.ID" */
static slk_err read_keep(slk_lotus_strings *ret_keep, const slk_http_exchange *exchange,
                         slk_error *error)
{
    const char *text = slk_http_query(exchange, "keep");
    while (text && *text) {
        char id[SLK_UUID_CHARS];
        const size_t n = strcspn(text, ".");
        if (n >= sizeof id)
            return slk_fail(error, SLK_E_INVAL, "keep: not the IDs of storage paths");
        memcpy(id, text, n);
        id[n] = 0;
        if (!slk_uuid_is(id))
            return slk_fail(error, SLK_E_INVAL, "keep: not the IDs of storage paths");
        if (slk_lotus_strings_add(ret_keep, id) != SLK_OK)
            return slk_fail(error, SLK_E_LIMIT, "keep: too many");
        text += n + (text[n] == '.');
    }
    return SLK_OK;
}

static slk_err delete_what(slk_store_server *server, const subject *what,
                           const slk_http_exchange *exchange, slk_error *error)
{
    SLK_CLEANUP(slk_lotus_strings_done) slk_lotus_strings keep = {0};
    SLK_CLEANUP(slk_store_hold_freep) slk_store_hold *hold = NULL;
    slk_store *store = server->options.store;
    SLK_TRY(read_keep(&keep, exchange, error));
    SLK_TRY(slk_store_hold_take(&hold, store, &what->sector, 0, what->type, DELETE_WAIT_MS,
                                &server->job, error));
    SLK_TRY(slk_store_find(store, NULL, NULL, &what->sector, what->type, error));
    return slk_store_remove(store, NULL, &what->sector, what->type, &keep, error);
}

static void log_delete(const slk_http_exchange *exchange, const subject *what, slk_err code,
                       const slk_error *why)
{
    char name[SLK_LOTUS_NAME_CHARS];
    slk_lotus_sector_print(name, &what->sector);
    slk_log(code == SLK_OK ? SLK_LOG_INFO : SLK_LOG_WARN, "storage.delete_asked",
            "peer=%s file=%s/%s code=%s why=\"%s\"", slk_http_peer(exchange),
            slk_lotus_type_name(what->type), name, slk_err_name(code), why->message);
}

static slk_err delete_subject(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_store_server *server = context;
    bool replied = false;
    slk_error why = {0};
    SLK_TRY(authorise(&replied, server, exchange, slk_http_param(exchange, "sector"), error));
    if (replied)
        return SLK_OK;
    subject what;
    slk_err code = read_subject(&what, exchange, &why);
    if (code == SLK_OK) {
        code = delete_what(server, &what, exchange, &why);
        log_delete(exchange, &what, code, &why);
    }
    if (code == SLK_OK)
        return slk_http_reply_empty(exchange, 200);
    if (code == SLK_E_NOTFOUND || code == SLK_E_INVAL)
        return reply_500(exchange, code == SLK_E_INVAL ? why.message : "it is not here");
    return reply_later(exchange, code == SLK_E_BUSY ? why.message : "it could not be removed now");
}

/* ---- stat, allocated ---- */

static slk_err get_stat(void *context, slk_http_exchange *exchange, slk_error *error)
{
    const slk_store_server *server = context;
    bool replied = false;
    slk_lotus_fs_stat stat;
    SLK_TRY(authorise(&replied, server, exchange, NULL, error));
    if (replied)
        return SLK_OK;
    const char *id = slk_http_param(exchange, "id");
    const slk_store_path *path = slk_uuid_is(id) ? slk_store_get(server->options.store, id) : NULL;
    if (!path)
        return slk_http_reply_text(exchange, 404, "there is no such storage path here");
    if (slk_store_stat(server->options.store, &stat, path, error) != SLK_OK)
        return reply_500(exchange, "the storage path cannot be looked at");
    SLK_CLEANUP(slk_json_decrefp) json_t *json = slk_lotus_fs_stat_json(&stat);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 4096);
    if (!json || slk_json_print(&text, json) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_http_reply_json(exchange, 200, slk_buf_str(&text));
}

static slk_err find_allocated(bool *ret_allocated, const slk_store_server *server,
                              slk_http_exchange *exchange, slk_error *error)
{
    slk_lotus_sector sector;
    slk_seal_proof proof;
    uint64_t number, offset, size;
    SLK_CLEANUP(slk_freep) char *file = NULL;
    SLK_CLEANUP(slk_unsealed_done) slk_unsealed unsealed = SLK_UNSEALED_NONE;
    SLK_TRY(slk_lotus_sector_parse(&sector, slk_http_param(exchange, "sector"), error));
    SLK_TRY(slk_http_param_u64(exchange, "proofType", &number, error));
    SLK_TRY(slk_http_param_u64(exchange, "offset", &offset, error));
    SLK_TRY(slk_http_param_u64(exchange, "size", &size, error));
    SLK_TRY(slk_seal_proof_registered(&proof, number > INT64_MAX ? -1 : slk_i64(number), error));
    SLK_TRY(slk_unpadded_to_padded(&offset, offset, error));
    SLK_TRY(slk_unpadded_to_padded(&size, size, error));
    SLK_TRY(hold_to_read(server, exchange, &sector, SLK_LOTUS_UNSEALED, 0, NULL, error));
    SLK_TRY(slk_store_find(server->options.store, NULL, &file, &sector, SLK_LOTUS_UNSEALED, error));
    SLK_TRY(slk_unsealed_open(&unsealed, file, proof.shape->bytes, false, error));
    *ret_allocated = slk_unsealed_has(&unsealed, offset, size);
    return SLK_OK;
}

static slk_err get_allocated(void *context, slk_http_exchange *exchange, slk_error *error)
{
    const slk_store_server *server = context;
    bool replied = false, allocated = false;
    SLK_TRY(authorise(&replied, server, exchange, slk_http_param(exchange, "sector"), error));
    if (replied)
        return SLK_OK;
    const slk_err code = find_allocated(&allocated, server, exchange, error);
    if (code == SLK_OK)
        return slk_http_reply_empty(exchange, allocated ? 200 : 416);
    return reply_500(exchange, code == SLK_E_INVAL ? slk_error_text(error, code)
                                                   : "it is not here, or not readable");
}

/* ---- proofs ---- */

static slk_err read_porep(slk_store_porep_request *ret, const slk_http_exchange *exchange,
                          slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *body = NULL;
    slk_store_porep_request request;
    size_t n = 0;
    const char *text = slk_http_body(exchange, &n);
    SLK_TRY(slk_json_parse_request(&body, text, n, SLK_HTTP_JSON_MAX_BYTES, error));
    SLK_TRY(slk_lotus_sector_ref_read(&request.sector, slk_json_member(body, "Sector"), "Sector",
                                      error));
    SLK_TRY(
        slk_lotus_comm_r_read(request.comm_r, slk_json_member(body, "Sealed"), "Sealed", error));
    SLK_TRY(slk_lotus_comm_d_read(request.comm_d, slk_json_member(body, "Unsealed"), "Unsealed",
                                  error));
    SLK_TRY(slk_lotus_randomness_read(request.ticket, slk_json_member(body, "Ticket"), "Ticket",
                                      error));
    SLK_TRY(slk_lotus_randomness_read(request.seed, slk_json_member(body, "Seed"), "Seed", error));
    *ret = request;
    return SLK_OK;
}

typedef struct sent {
    slk_buf bytes;
    size_t at;
} sent;

static slk_err produce_sent(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                            slk_error *error)
{
    sent *s = context;
    (void)error;
    const size_t left = s->bytes.len - s->at, n = left < capacity ? left : capacity;
    memcpy(out, s->bytes.data + s->at, n);
    s->at += n;
    *ret_n = n;
    return SLK_OK;
}

static void free_sent(void *context)
{
    sent *s = context;
    slk_buf_done(&s->bytes);
    slk_free(s);
}

static slk_err make_porep(slk_store_server *server, slk_http_exchange *exchange, sent *out,
                          slk_error *error)
{
    slk_store_porep_request request;
    slk_job job;
    if (!server->options.porep)
        return slk_fail(error, SLK_E_UNSUPPORTED, "C1 is not made for others here");
    SLK_TRY(read_porep(&request, exchange, error));
    slk_job_init_under(&job, &server->job);
    SLK_TRY(hold_to_read(server, exchange, &request.sector.id, SLK_LOTUS_SEALED | SLK_LOTUS_CACHE,
                         POREP_WAIT_MS, &job, error));
    SLK_TRY(server->options.porep(server->options.context, &out->bytes, &request, &job, error));
    if (out->bytes.len == 0)
        return slk_fail(error, SLK_E_INTERNAL, "a C1 of no bytes");
    return SLK_OK;
}

static slk_err post_porep(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_store_server *server = context;
    bool replied = false;
    slk_error why = {0};
    SLK_TRY(authorise(&replied, server, exchange, NULL, error));
    if (replied)
        return SLK_OK;
    sent *out = slk_calloc(1, sizeof *out);
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_buf_init(&out->bytes, POREP_MAX_BYTES);
    const slk_err code = make_porep(server, exchange, out, &why);
    if (code == SLK_OK)
        return slk_http_reply_stream(exchange, 200, OCTETS, slk_i64(out->bytes.len), produce_sent,
                                     free_sent, out);
    free_sent(out);
    slk_log(SLK_LOG_WARN, "storage.porep_failed", "code=%s why=\"%s\"", slk_err_name(code),
            slk_error_text(&why, code));
    return reply_500(exchange, slk_error_text(&why, code));
}

static slk_err post_single(void *context, slk_http_exchange *exchange, slk_error *error)
{
    bool replied = false;
    SLK_TRY(authorise(&replied, context, exchange, NULL, error));
    return replied ? SLK_OK : reply_500(exchange, "proofs of spacetime are not made here");
}

/* ---- routes ---- */

void slk_store_server_routes(slk_store_server *server,
                             slk_http_route ret_routes[SLK_STORE_SERVER_ROUTES])
{
    const slk_http_route routes[SLK_STORE_SERVER_ROUTES] = {
        {.method = "GET", .path = "/remote/stat/{id}", .handler = get_stat},
        {.method = "GET",
         .path = "/remote/unsealed/{sector}/{proofType}/allocated/{offset}/{size}",
         .handler = get_allocated},
        {.method = "POST", .path = "/remote/vanilla/porep", .handler = post_porep},
        {.method = "POST", .path = "/remote/vanilla/single", .handler = post_single},
        {.method = "GET", .path = "/remote/{type}/{sector}", .handler = get_subject},
        {.method = "DELETE", .path = "/remote/{type}/{sector}", .handler = delete_subject},
    };
    for (size_t i = 0; i < SLK_STORE_SERVER_ROUTES; i++) {
        ret_routes[i] = routes[i];
        ret_routes[i].context = server;
        ret_routes[i].plain_errors = true;
    }
}
