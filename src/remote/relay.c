/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/relay.h"

#include "base/bytes.h"
#include "base/cond.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/client.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MARK "X-Selkie-Relayed-By"
#define ROOM_BYTES ((size_t)256 * 1024)
#define FIRST_BYTE_MS (20 * 60 * 1000)
#define STALL_MS 60000
#define LOOK_MS 1000 /* between looks at whether it was canceled */
#define FIELDS_MAX 6u

struct slk_relay {
    slk_http_client *client;
    slk_job job; /* above those of all passages */
    bool allow_plain_http;
    char node_name[64];
};

/* One question on its way: a thread of its own asks and puts what comes into the room, the server's
 * thread takes it out. */
struct passage {
    slk_relay *relay;
    slk_job job;
    pthread_t thread;
    bool runs; /* thread is to be joined */
    /* The question; its texts outlive the handler's exchange. */
    char *url;
    char *pin;
    char *token;
    char *content_type;
    char *body;
    size_t body_bytes;
    int64_t stall_ms;
    char method[8];
    slk_http_header fields[FIELDS_MAX]; /* values are heap */
    size_t n_fields;
    /* The answer, under the mutex. */
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    bool has_head, ended;
    slk_http_response head; /* its body: only of an answer that is no 2xx */
    slk_err code;
    size_t first, used;
    uint8_t room[ROOM_BYTES];
};

/* ---- the relay ---- */

slk_err slk_relay_new(slk_relay **ret_relay, const slk_relay_options *options, slk_error *error)
{
    slk_relay *relay = slk_calloc(1, sizeof *relay);
    if (!relay)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the relay");
    /* Plain HTTP is judged per node, in try_node; nodes of a farm have private addresses. */
    const slk_http_client_options http = {
        .allow_plain_http = true, .ca_file = options->ca_file, .stall_timeout_ms = STALL_MS};
    const slk_err code = slk_http_client_new(&relay->client, &http, error);
    if (code != SLK_OK) {
        slk_free(relay);
        return code;
    }
    slk_job_init(&relay->job);
    relay->allow_plain_http = options->allow_plain_http;
    (void)snprintf(relay->node_name, sizeof relay->node_name, "%s", options->node_name);
    *ret_relay = relay;
    return SLK_OK;
}

void slk_relay_free(slk_relay *relay)
{
    if (!relay)
        return;
    slk_http_client_free(relay->client);
    slk_free(relay);
}

void slk_relay_cancel(slk_relay *relay)
{
    if (relay)
        slk_job_cancel(&relay->job);
}

bool slk_relay_is_marked(const slk_http_exchange *exchange)
{
    return slk_http_header_value(exchange, MARK) != NULL;
}

/* ---- the thread that asks ---- */

static void lock(struct passage *p)
{
    slk_assert(pthread_mutex_lock(&p->mutex) == 0);
}

static void unlock(struct passage *p)
{
    slk_assert(pthread_mutex_unlock(&p->mutex) == 0);
}

static void tell(struct passage *p)
{
    slk_assert(pthread_cond_broadcast(&p->moved) == 0);
}

/* Waits, locked, for a part of the room; 0: the answer is not wanted any more. */
static size_t wait_for_room(struct passage *p)
{
    while (p->used == ROOM_BYTES && slk_job_check(&p->job, NULL) == SLK_OK)
        (void)slk_cond_wait_ms(&p->moved, &p->mutex, LOOK_MS);
    return slk_job_check(&p->job, NULL) == SLK_OK ? ROOM_BYTES - p->used : 0;
}

static void put(struct passage *p, const uint8_t *bytes, size_t n)
{
    const size_t at = (p->first + p->used) % ROOM_BYTES;
    const size_t before_end = ROOM_BYTES - at < n ? ROOM_BYTES - at : n;
    memcpy(p->room + at, bytes, before_end);
    memcpy(p->room, bytes + before_end, n - before_end);
    p->used += n;
}

static void note_head(struct passage *p, const slk_http_response *response)
{
    if (p->has_head)
        return;
    p->head = *response;
    p->head.body = (slk_buf){0};
    p->has_head = true;
}

static slk_err take_part(void *context, const slk_http_response *response, const uint8_t *bytes,
                         size_t n, slk_error *error)
{
    struct passage *p = context;
    slk_err code = SLK_OK;
    lock(p);
    note_head(p, response);
    while (n > 0 && code == SLK_OK) {
        const size_t part = slk_min_u64(wait_for_room(p), n);
        if (part == 0)
            code = slk_fail(error, SLK_E_CANCELED, "the answer is not wanted any more");
        put(p, bytes, part);
        bytes += part;
        n -= part;
        tell(p);
    }
    unlock(p);
    return code;
}

static void *ask(void *context)
{
    struct passage *p = context;
    const slk_http_request request = {
        .method = p->method,
        .url = p->url,
        .bearer = p->token,
        .pin = p->pin,
        .headers = p->fields,
        .n_headers = p->n_fields,
        .body = p->body,
        .body_bytes = p->body_bytes,
        .content_type = p->content_type,
        .sink = take_part,
        .sink_context = p,
        .job = &p->job,
        .stall_timeout_ms = p->stall_ms,
    };
    slk_http_response response = {0};
    slk_error error = {0};
    const slk_err code = slk_http_call(p->relay->client, &request, &response, &error);
    lock(p);
    if (code == SLK_OK) {
        note_head(p, &response);
        p->head.body = response.body;
    } else if (code != SLK_E_CANCELED) {
        slk_log(SLK_LOG_WARN, "relay.failed", "why=\"%s\"", slk_error_text(&error, code));
    }
    p->code = code;
    p->ended = true;
    tell(p);
    unlock(p);
    return NULL;
}

/* ---- the server's thread ---- */

static void free_text(char *text)
{
    if (text)
        slk_bytes_wipe(text, strlen(text));
    slk_free(text);
}

/* Joins the thread, which may take a second when the answer is not at its end. */
static void passage_free(void *context)
{
    struct passage *p = context;
    if (p->runs) {
        slk_job_cancel(&p->job);
        lock(p);
        tell(p);
        unlock(p);
        slk_assert(pthread_join(p->thread, NULL) == 0);
    }
    for (size_t i = 0; i < p->n_fields; i++)
        slk_free((char *)(uintptr_t)p->fields[i].value);
    slk_http_response_done(&p->head);
    free_text(p->token);
    if (p->body)
        slk_bytes_wipe(p->body, p->body_bytes);
    slk_free(p->body);
    slk_free(p->content_type);
    slk_free(p->pin);
    slk_free(p->url);
    (void)pthread_cond_destroy(&p->moved);
    (void)pthread_mutex_destroy(&p->mutex);
    slk_free(p);
}

static bool add_field(struct passage *p, const char *name, const char *value)
{
    if (!value)
        return true;
    char *copy = slk_strdup(value);
    if (!copy)
        return false;
    p->fields[p->n_fields++] = (slk_http_header){name, copy};
    return true;
}

/* What of the request's header the answer depends on, and the mark. */
static bool copy_fields(struct passage *p, const slk_http_exchange *exchange)
{
    static const char *const names[] = {"Range", "If-Range", "If-None-Match", "Accept"};
    static_assert(sizeof names / sizeof *names < FIELDS_MAX, "every field has room");
    bool ok = add_field(p, MARK, p->relay->node_name);
    for (size_t i = 0; ok && i < sizeof names / sizeof *names; i++)
        ok = add_field(p, names[i], slk_http_header_value(exchange, names[i]));
    return ok;
}

static bool copy_body(struct passage *p, const slk_http_exchange *exchange)
{
    const char *type = slk_http_header_value(exchange, "Content-Type");
    const char *body = slk_http_body(exchange, &p->body_bytes);
    if (strcmp(p->method, "POST") != 0)
        return true;
    p->content_type = slk_strdup(type ? type : "");
    p->body = slk_alloc(p->body_bytes + 1, 1);
    if (p->body)
        memcpy(p->body, body, p->body_bytes + 1);
    return p->content_type && p->body;
}

static slk_err passage_new(struct passage **ret_passage, slk_relay *relay,
                           const slk_http_exchange *exchange, const slk_relay_question *question,
                           const slk_member_address *node, slk_error *error)
{
    struct passage *p = slk_calloc(1, sizeof *p);
    if (!p)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a relay");
    slk_assert(pthread_mutex_init(&p->mutex, NULL) == 0);
    slk_assert(slk_cond_init(&p->moved) == 0);
    p->relay = relay;
    slk_job_init_under(&p->job, &relay->job);
    p->stall_ms = question->is_made_first ? FIRST_BYTE_MS : STALL_MS;
    (void)snprintf(p->method, sizeof p->method, "%s", slk_http_method(exchange));
    p->url = slk_http_url_join(node->url, question->path);
    p->pin = slk_strdup(node->pin);
    p->token = slk_strdup(question->token);
    if (!p->url || !p->pin || !p->token || !copy_fields(p, exchange) || !copy_body(p, exchange)) {
        passage_free(p);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a relay");
    }
    *ret_passage = p;
    return SLK_OK;
}

static slk_err take_out(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                        slk_error *error)
{
    struct passage *p = context;
    slk_err code = SLK_OK;
    lock(p);
    while (p->used == 0 && !p->ended)
        (void)slk_cond_wait_ms(&p->moved, &p->mutex, LOOK_MS);
    const size_t n = slk_min_u64(slk_min_u64(capacity, p->used), ROOM_BYTES - p->first);
    memcpy(out, p->room + p->first, n);
    p->first = (p->first + n) % ROOM_BYTES;
    p->used -= n;
    if (n == 0 && p->code != SLK_OK)
        code = slk_fail(error, p->code, "the other node's answer was cut");
    tell(p);
    unlock(p);
    *ret_n = n;
    return code;
}

static slk_err copy_range(slk_http_exchange *exchange, const slk_http_response *head)
{
    char value[96];
    if (head->has_content_range)
        (void)snprintf(value, sizeof value, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                       head->range_first, head->range_last, head->range_total);
    else if (head->has_unsatisfied_range)
        (void)snprintf(value, sizeof value, "bytes */%" PRIu64, head->range_total);
    else
        return SLK_OK;
    return slk_http_reply_header(exchange, "Content-Range", value);
}

static slk_err copy_head(slk_http_exchange *exchange, const slk_http_response *head)
{
    SLK_TRY(copy_range(exchange, head));
    if (head->etag[0])
        SLK_TRY(slk_http_reply_header(exchange, "ETag", head->etag));
    if (head->accepts_ranges)
        SLK_TRY(slk_http_reply_header(exchange, "Accept-Ranges", "bytes"));
    if (head->status == 401)
        SLK_TRY(slk_http_reply_header(exchange, "WWW-Authenticate", "Bearer"));
    if (head->retry_after_s < 0)
        return SLK_OK;
    char value[24];
    (void)snprintf(value, sizeof value, "%" PRId64, head->retry_after_s);
    return slk_http_reply_header(exchange, "Retry-After", value);
}

/* Takes p over, which has a head. */
static slk_err reply(slk_http_exchange *exchange, struct passage *p, slk_error *error)
{
    const slk_http_response *head = &p->head;
    const bool good = head->status >= 200 && head->status <= 299;
    const char *type = head->content_type[0] ? head->content_type : NULL;
    slk_err code = copy_head(exchange, head);
    if (code == SLK_OK && good && head->content_length != 0)
        return slk_http_reply_stream(exchange, head->status, type, head->content_length, take_out,
                                     passage_free, p);
    if (code == SLK_OK)
        code = slk_http_reply_bytes(exchange, head->status, type, slk_buf_str(&head->body),
                                    head->body.len);
    else
        code = slk_fail(error, code, "out of memory for an answer");
    passage_free(p);
    return code;
}

/* Asks one node; *ret_head: an answer has begun. */
static slk_err start(bool *ret_head, struct passage *p, slk_error *error)
{
    const int rc = pthread_create(&p->thread, NULL, ask, p);
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot start a thread for a relay");
    p->runs = true;
    lock(p);
    while (!p->has_head && !p->ended)
        (void)slk_cond_wait_ms(&p->moved, &p->mutex, LOOK_MS);
    const slk_err code = p->code;
    *ret_head = p->has_head;
    unlock(p);
    return *ret_head ? SLK_OK : code;
}

/* SLK_E_UNREACHABLE: another node may be asked. */
static slk_err try_node(slk_relay *relay, slk_http_exchange *exchange,
                        const slk_relay_question *question, const slk_member_address *node,
                        slk_error *error)
{
    struct passage *p = NULL;
    bool has_head = false;
    if (!relay->allow_plain_http && slk_http_url_in_clear(node->url)) {
        slk_log(
            SLK_LOG_WARN, "relay.failed",
            "node=%s why=\"its address %s would show tokens to the network\" then=\"set NodeURL "
            "there, or AllowPlainHTTP here\"",
            node->name, node->url);
        return SLK_E_UNREACHABLE;
    }
    SLK_TRY(passage_new(&p, relay, exchange, question, node, error));
    const slk_err code = start(&has_head, p, error);
    if (has_head)
        return reply(exchange, p, error);
    passage_free(p);
    return code;
}

slk_err slk_relay_pass(slk_relay *relay, slk_http_exchange *exchange,
                       const slk_relay_question *question, const slk_member_address *nodes,
                       size_t n_nodes, slk_error *error)
{
    for (size_t i = 0; i < n_nodes; i++) {
        const slk_err code = try_node(relay, exchange, question, &nodes[i], error);
        if (code == SLK_OK || code == SLK_E_NOMEM)
            return code;
        if (code != SLK_E_UNREACHABLE)
            break;
    }
    return slk_fail(error, SLK_E_BUSY, "the node that has the sector's files does not answer now");
}
