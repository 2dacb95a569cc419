/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "rpc/client.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "net/client.h"
#include "net/token.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_DEFAULT ((size_t)16 << 20)
#define REQUEST_MAX_BYTES ((size_t)64 << 20)
#define TIMEOUT_DEFAULT 30000
#define FOREVER_MS ((int64_t)365 * 24 * 3600 * 1000)
#define LEAST_CODE (-32700)
#define GREATEST_CODE (-32600)

struct slk_rpc_client {
    slk_http_client *http;
    char *url, *pin; /* heap; "" none */
    pthread_mutex_t mutex; /* guards bearer */
    char *bearer; /* heap; "" none */
    size_t max_answer_bytes;
    atomic_uint_fast64_t next_id;
};

/* ---- life ---- */

static slk_err copy_options(slk_rpc_client *client, const slk_rpc_client_options *o,
                            slk_error *error)
{
    client->url = slk_strdup(o->url);
    client->bearer = slk_strdup(o->bearer ? o->bearer : "");
    client->pin = slk_strdup(o->pin ? o->pin : "");
    client->max_answer_bytes = o->max_answer_bytes ? o->max_answer_bytes : ANSWER_DEFAULT;
    atomic_init(&client->next_id, 1);
    if (!client->url || !client->bearer || !client->pin)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const slk_http_client_options http = {.allow_plain_http = true,
                                          .ca_file = o->ca_file,
                                          .connect_timeout_ms = o->connect_timeout_ms,
                                          .later = o->later,
                                          .later_context = o->later_context};
    return slk_http_client_new(&client->http, &http, error);
}

slk_err slk_rpc_client_new(slk_rpc_client **ret_client, const slk_rpc_client_options *options,
                           slk_error *error)
{
    const char *url = options->url ? options->url : "";
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return slk_fail(error, SLK_E_INVAL, "an API's URL begins with http:// or https://");
    slk_rpc_client *client = slk_calloc(1, sizeof *client);
    if (!client)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_assert(pthread_mutex_init(&client->mutex, NULL) == 0);
    const slk_err code = copy_options(client, options, error);
    if (code == SLK_OK)
        *ret_client = client;
    else
        slk_rpc_client_free(client);
    return code;
}

static void free_secret(char *text)
{
    if (text)
        slk_bytes_wipe(text, strlen(text));
    slk_free(text);
}

static void free_secretp(char **text)
{
    free_secret(*text);
}

slk_err slk_rpc_client_set_bearer(slk_rpc_client *client, const char *bearer, slk_error *error)
{
    char *fresh = slk_strdup(bearer);
    if (!fresh)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a token");
    (void)pthread_mutex_lock(&client->mutex);
    char *old = client->bearer;
    client->bearer = fresh;
    (void)pthread_mutex_unlock(&client->mutex);
    free_secret(old);
    return SLK_OK;
}

static char *copy_bearer(slk_rpc_client *client)
{
    (void)pthread_mutex_lock(&client->mutex);
    char *copy = slk_strdup(client->bearer);
    (void)pthread_mutex_unlock(&client->mutex);
    return copy;
}

void slk_rpc_client_free(slk_rpc_client *client)
{
    if (!client)
        return;
    slk_http_client_free(client->http);
    free_secret(client->bearer);
    (void)pthread_mutex_destroy(&client->mutex);
    slk_free(client->url);
    slk_free(client->pin);
    slk_free(client);
}

void slk_rpc_client_freep(slk_rpc_client **client)
{
    slk_rpc_client_free(*client);
}

/* ---- the request ---- */

/* A body: head, the file in base64, tail. Without a file the head is all. */
typedef struct body {
    slk_buf head, tail, piece;
    int fd; /* -1 no file */
    const char *path;
    uint64_t file_bytes, text_bytes;
} body;

static void body_done(body *b)
{
    slk_buf_done(&b->head);
    slk_buf_done(&b->tail);
    slk_buf_done(&b->piece);
    slk_closep(&b->fd);
}

static slk_err print_params(body *b, const json_t *params, const slk_rpc_how *how)
{
    slk_buf *out = &b->head;
    SLK_TRY(slk_buf_byte(out, '['));
    for (size_t i = 0; i < json_array_size(params); i++) {
        if (i > 0)
            SLK_TRY(slk_buf_byte(out, ','));
        if (b->fd >= 0 && i == how->file_param) {
            SLK_TRY(slk_buf_byte(out, '"'));
            out = &b->tail;
            SLK_TRY(slk_buf_byte(out, '"'));
        } else {
            SLK_TRY(slk_json_print(out, json_array_get(params, i)));
        }
    }
    return slk_buf_text(out, "]}");
}

static slk_err open_file(body *b, const slk_rpc_how *how, slk_error *error)
{
    if (!how->file)
        return SLK_OK;
    b->path = how->file;
    SLK_TRY(slk_file_size(&b->file_bytes, how->file, error));
    SLK_TRY(slk_file_open_read(&b->fd, how->file, error));
    b->text_bytes = (b->file_bytes + 2) / 3 * 4;
    return SLK_OK;
}

static slk_err make_body(body *b, const char *method, uint64_t id, const json_t *params,
                         const slk_rpc_how *how, slk_error *error)
{
    slk_assert(json_is_array(params));
    slk_assert(!how->file || how->file_param < json_array_size(params));
    SLK_TRY(open_file(b, how, error));
    slk_err code = slk_buf_printf(&b->head,
                                  "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"%s\","
                                  "\"params\":",
                                  (unsigned long long)id, method);
    if (code == SLK_OK)
        code = print_params(b, params, how);
    if (code == SLK_E_LIMIT)
        return slk_fail(error, code, "%s: parameters of more than %zu bytes", method, b->head.max);
    return code == SLK_OK ? code : slk_fail(error, code, "out of memory for a call of %s", method);
}

/* Characters of the file's base64 from `offset` of them. */
static slk_err give_text(body *b, uint64_t offset, uint8_t *out, size_t capacity, size_t *ret_n,
                         slk_error *error)
{
    uint8_t bytes[3 * 4096];
    const uint64_t from = offset / 4 * 3, left = b->file_bytes - from;
    const size_t n = left < sizeof bytes ? (size_t)left : sizeof bytes;
    const size_t skip = (size_t)(offset % 4);
    slk_buf_reset(&b->piece);
    SLK_TRY(slk_file_read_at(b->fd, bytes, n, from, b->path, error));
    if (slk_base64_encode(&b->piece, bytes, n) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const size_t have = b->piece.len - skip;
    *ret_n = have < capacity ? have : capacity;
    memcpy(out, b->piece.data + skip, *ret_n);
    return SLK_OK;
}

static void give_bytes(const slk_buf *from, uint64_t offset, uint8_t *out, size_t capacity,
                       size_t *ret_n)
{
    const size_t have = from->len - (size_t)offset;
    *ret_n = have < capacity ? have : capacity;
    memcpy(out, from->data + offset, *ret_n);
}

static slk_err give(void *context, uint64_t offset, uint8_t *out, size_t capacity, size_t *ret_n,
                    slk_error *error)
{
    body *b = context;
    if (offset < b->head.len) {
        give_bytes(&b->head, offset, out, capacity, ret_n);
        return SLK_OK;
    }
    offset -= b->head.len;
    if (offset < b->text_bytes)
        return give_text(b, offset, out, capacity, ret_n, error);
    give_bytes(&b->tail, offset - b->text_bytes, out, capacity, ret_n);
    return SLK_OK;
}

static slk_err send_body(slk_rpc_client *client, body *b, const slk_rpc_how *how,
                         slk_http_response *response, slk_error *error)
{
    SLK_CLEANUP(free_secretp) char *bearer = copy_bearer(client);
    if (!bearer)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const slk_http_pass own = {.bearer = *bearer ? bearer : NULL, .pin = client->pin};
    const slk_http_pass *pass = how->pass ? how->pass : &own;
    const int64_t given = how->timeout_ms;
    const int64_t total = given ? given : how->file ? 0 : TIMEOUT_DEFAULT;
    const slk_http_request request = {
        .method = "POST",
        .url = client->url,
        .bearer = pass->bearer,
        .pin = pass->pin,
        .only = pass->only,
        .source = give,
        .source_context = b,
        .source_bytes = b->head.len + b->text_bytes + b->tail.len,
        .content_type = "application/json",
        .total_timeout_ms = total < 0 ? 0 : total,
        .stall_timeout_ms = total < 0 ? FOREVER_MS : total,
        .max_body_bytes = client->max_answer_bytes,
        .job = how->job,
    };
    return slk_http_call(client->http, &request, response, error);
}

/* ---- the answer ---- */

static slk_err code_of_peer(int64_t code)
{
    if (code == SLK_RPC_NO_METHOD)
        return SLK_E_UNSUPPORTED;
    return code >= LEAST_CODE && code <= GREATEST_CODE ? SLK_E_INVAL : SLK_E_CONFLICT;
}

static slk_err take_error(const json_t *fault, const char *method, slk_rpc_peer_error *ret_error,
                          slk_error *error)
{
    slk_rpc_peer_error found = {.is_set = true};
    const char *message = json_string_value(slk_json_member(fault, "message"));
    SLK_TRY(slk_json_i64(&found.code, fault, "code", error));
    (void)snprintf(found.message, sizeof found.message, "%s", message ? message : "");
    slk_text_quotable(found.message);
    slk_net_token_hide(found.message);
    if (ret_error)
        *ret_error = found;
    return slk_fail(error, code_of_peer(found.code), "%s: %s (code %lld)", method, found.message,
                    (long long)found.code);
}

static slk_err read_answer(const slk_http_response *response, const char *method, uint64_t id,
                           json_t **ret_result, slk_rpc_peer_error *ret_error, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    const slk_buf *text = &response->body;
    const int status = response->status;
    slk_error why = {0};
    const slk_err code = slk_json_parse(&answer, slk_buf_str(text), text->len, text->max, &why);
    if (code == SLK_E_NOMEM)
        return slk_fail(error, code, "%s: out of memory for the answer", method);
    const json_t *fault = slk_json_member(answer, "error");
    if (status != 200 && !(fault && (status == 400 || status == 500))) {
        SLK_TRY(slk_http_expect_success(response, method, error));
        return slk_fail(error, SLK_E_PROTO, "%s: the peer answered %d", method, status);
    }
    slk_net_token_hide(why.message);
    if (code != SLK_OK)
        return slk_fail(error, SLK_E_PROTO, "%s: the answer is no JSON: %s", method, why.message);
    const json_t *its = json_object_get(answer, "id");
    const bool ours = json_is_integer(its) && json_integer_value(its) == slk_i64(id);
    if (!ours && !(fault && json_is_null(its)))
        return slk_fail(error, SLK_E_PROTO, "%s: the answer is one to another request", method);
    if (fault)
        return take_error(fault, method, ret_error, error);
    json_t *result = json_object_get(answer, "result");
    *ret_result = result ? json_incref(result) : json_null();
    return SLK_OK;
}

slk_err slk_rpc_invoke(slk_rpc_client *client, const char *method, const json_t *params,
                       const slk_rpc_how *how, json_t **ret_result, slk_rpc_peer_error *ret_error,
                       slk_error *error)
{
    static const slk_rpc_how plain = {0};
    SLK_CLEANUP(body_done) body b = {.fd = -1};
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    const uint64_t id = atomic_fetch_add(&client->next_id, 1);
    slk_buf_init(&b.head, REQUEST_MAX_BYTES);
    slk_buf_init(&b.tail, REQUEST_MAX_BYTES);
    slk_buf_init(&b.piece, REQUEST_MAX_BYTES);
    if (ret_error)
        *ret_error = (slk_rpc_peer_error){0};
    SLK_TRY(make_body(&b, method, id, params, how ? how : &plain, error));
    const slk_err code = send_body(client, &b, how ? how : &plain, &response, error);
    if (code != SLK_OK)
        return slk_fail_context(error, code, "%s", method);
    return read_answer(&response, method, id, ret_result, ret_error, error);
}

slk_err slk_rpc_tell(slk_rpc_client *client, const char *method, json_t *params,
                     const slk_rpc_how *how, slk_rpc_peer_error *ret_error, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *ours = params;
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    if (!ours)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a call of %s", method);
    return slk_rpc_invoke(client, method, ours, how, &result, ret_error, error);
}
