/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls over WebSockets: many at once on one connection, each in a thread of its own, answered as they
 * end. */
#include "rpc/server_impl.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

#define CALLS_PER_CONNECTION 64u
#define CALLS_IN_ALL 1024u
#define STACK_BYTES ((size_t)1 << 20)
#define WS_POLICY 1008 /* source: RFC 6455 7.4.1 */

typedef struct connection connection;

/* One message, a call or a batch of them. */
typedef struct running {
    connection *owner;
    slk_ws *ws; /* held while it runs */
    struct running *next, *previous; /* under the connection's mutex */
    slk_job job;
    slk_spool message; /* what the request was read from */
    slk_rpc_request request;
} running;

struct connection {
    slk_rpc_server *server;
    char *token; /* heap; "" none */
    char peer[64];
    slk_job job; /* above its calls; canceled when it is closed */
    atomic_uint holders;
    pthread_mutex_t mutex; /* guards what follows */
    slk_rpc_grant grant;
    running *calls;
    unsigned n_calls;
};

static void connection_drop(connection *c)
{
    if (atomic_fetch_sub(&c->holders, 1) != 1)
        return;
    slk_bytes_wipe(c->token, strlen(c->token));
    slk_free(c->token);
    (void)pthread_mutex_destroy(&c->mutex);
    slk_free(c);
}

static connection *connection_new(slk_rpc_server *server, const slk_rpc_caller *caller)
{
    connection *c = slk_calloc(1, sizeof *c);
    if (!c || !(c->token = slk_strdup(caller->token))) {
        slk_free(c);
        return NULL;
    }
    c->server = server;
    c->grant = (slk_rpc_grant){caller->permissions, caller->until_ms};
    (void)snprintf(c->peer, sizeof c->peer, "%s", caller->peer);
    slk_job_init_under(&c->job, &server->all);
    atomic_init(&c->holders, 1);
    slk_assert(pthread_mutex_init(&c->mutex, NULL) == 0);
    return c;
}

static slk_rpc_grant grant_of(connection *c, const slk_rpc_grant *fresh)
{
    (void)pthread_mutex_lock(&c->mutex);
    if (fresh)
        c->grant = *fresh;
    const slk_rpc_grant grant = c->grant;
    (void)pthread_mutex_unlock(&c->mutex);
    return grant;
}

/* What its token allows now; asked about again when what was said of it is over. */
static slk_err find_caller(slk_rpc_caller *ret, connection *c, slk_job *job, slk_error *error)
{
    const slk_rpc_server_options *o = &c->server->options;
    slk_rpc_grant grant = grant_of(c, NULL);
    if (grant.until_ms != 0 && slk_clock_monotonic_ms() >= grant.until_ms) {
        SLK_TRY(o->authorise(o->authorise_context, c->token, false, &grant, error));
        grant = grant_of(c, &grant);
    }
    *ret = (slk_rpc_caller){
        .permissions = grant.permissions, .token = c->token, .peer = c->peer, .job = job};
    return SLK_OK;
}

/* ---- one call ---- */

static void running_free(running *r)
{
    slk_rpc_request_done(&r->request);
    slk_spool_done(&r->message);
    slk_free(r);
}

static void link_call(connection *c, running *r)
{
    r->next = c->calls;
    if (r->next)
        r->next->previous = r;
    c->calls = r;
    c->n_calls++;
}

static void unlink_call(connection *c, running *r)
{
    if (r->previous)
        r->previous->next = r->next;
    else
        c->calls = r->next;
    if (r->next)
        r->next->previous = r->previous;
    c->n_calls--;
}

/* Room on the connection and in all. */
static bool take_place(connection *c, running *r)
{
    slk_rpc_server *server = c->server;
    (void)pthread_mutex_lock(&server->mutex);
    (void)pthread_mutex_lock(&c->mutex);
    const bool room = c->n_calls < CALLS_PER_CONNECTION && server->n_threads < CALLS_IN_ALL &&
                      !atomic_load(&server->stopping);
    if (room) {
        link_call(c, r);
        server->n_threads++;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    (void)pthread_mutex_unlock(&server->mutex);
    return room;
}

/* The last that a call does with its server. */
static void leave_place(connection *c, running *r)
{
    slk_rpc_server *server = c->server;
    slk_ws *ws = r->ws;
    (void)pthread_mutex_lock(&c->mutex);
    unlink_call(c, r);
    (void)pthread_mutex_unlock(&c->mutex);
    running_free(r);
    slk_ws_drop(ws);
    connection_drop(c);
    (void)pthread_mutex_lock(&server->mutex);
    server->n_threads--;
    (void)pthread_cond_broadcast(&server->fewer);
    (void)pthread_mutex_unlock(&server->mutex);
}

/* Who is gone, or takes nothing, needs no answer. */
static void say(slk_ws *ws, const slk_buf *answer)
{
    if (answer->len)
        (void)!slk_ws_send(ws, slk_buf_str(answer), answer->len, NULL);
}

static void say_fault(slk_ws *ws, int code, const char *message, const json_t *id)
{
    SLK_CLEANUP(slk_buf_done) slk_buf answer;
    int status = 0;
    slk_buf_init(&answer, ANSWER_MAX_BYTES);
    if (slk_rpc_answer_fault(code, message, id, &status, &answer, NULL) == SLK_OK)
        say(ws, &answer);
}

static void *run(void *context)
{
    running *r = context;
    connection *c = r->owner;
    SLK_CLEANUP(slk_buf_done) slk_buf answer;
    int status = 0;
    slk_rpc_caller caller;
    slk_error error = {0};
    slk_buf_init(&answer, ANSWER_MAX_BYTES);
    const slk_err code = find_caller(&caller, c, &r->job, &error);
    if (code != SLK_OK) {
        say_fault(r->ws, CODE_ORDINARY, slk_error_text(&error, code),
                  slk_json_member(r->request.root, "id"));
        if (code == SLK_E_AUTH)
            slk_ws_close(r->ws, WS_POLICY);
    } else if (slk_rpc_answer_request(c->server, &caller, &r->request, &status, &answer, NULL) ==
               SLK_OK)
        say(r->ws, &answer);
    else
        say_fault(r->ws, CODE_ORDINARY, "out of memory", slk_json_member(r->request.root, "id"));
    leave_place(c, r);
    return NULL;
}

static bool start_thread(running *r)
{
    pthread_attr_t attributes;
    pthread_t thread;
    slk_assert(pthread_attr_init(&attributes) == 0);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const bool started = pthread_create(&thread, &attributes, run, r) == 0;
    (void)pthread_attr_destroy(&attributes);
    return started;
}

static void start(connection *c, running *r)
{
    slk_ws *ws = r->ws;
    if (!take_place(c, r)) {
        say_fault(ws, CODE_ORDINARY, "too many calls at once; wait for some of them",
                  slk_json_member(r->request.root, "id"));
        running_free(r);
        return;
    }
    atomic_fetch_add(&c->holders, 1);
    slk_ws_hold(ws);
    if (start_thread(r))
        return;
    say_fault(ws, CODE_ORDINARY, "no thread for a call; try again later",
              slk_json_member(r->request.root, "id"));
    leave_place(c, r);
}

/* ---- what comes ---- */

/* xrpc.cancel [id]: the call goes on to its answer, but its job is canceled. */
static void cancel(connection *c, const json_t *notification)
{
    const json_t *id = json_array_get(slk_json_member(notification, "params"), 0);
    (void)pthread_mutex_lock(&c->mutex);
    for (running *r = c->calls; id && r; r = r->next)
        if (json_equal(slk_json_member(r->request.root, "id"), id))
            slk_job_cancel(&r->job);
    (void)pthread_mutex_unlock(&c->mutex);
}

static running *take_message(connection *c, slk_spool *message)
{
    running *r = slk_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->owner = c;
    slk_job_init_under(&r->job, &c->job);
    slk_spool_move(&r->message, message);
    return r;
}

static slk_err read_request(connection *c, running *r)
{
    const char *body = NULL;
    size_t n = 0;
    SLK_TRY(slk_spool_view(&r->message, &body, &n, NULL));
    return slk_rpc_request_read(&r->request, body, n, c->server->options.text_bytes, !c->token[0],
                                NULL);
}

static void on_message(void *owner, slk_ws *ws, slk_spool *message)
{
    connection *c = owner;
    running *r = take_message(c, message);
    const slk_err code = r ? read_request(c, r) : SLK_E_NOMEM;
    if (code != SLK_OK) {
        say_fault(ws, code == SLK_E_NOMEM ? CODE_ORDINARY : CODE_PARSE,
                  code == SLK_E_NOMEM ? "out of memory" : "Parse error", NULL);
        if (r)
            running_free(r);
        return;
    }
    const json_t *method = slk_json_member(r->request.root, "method");
    if (json_is_string(method) && strcmp(json_string_value(method), "xrpc.cancel") == 0) {
        cancel(c, r->request.root);
        running_free(r);
    } else if (json_is_object(r->request.root) && !method) {
        running_free(r); /* an answer, though nothing was asked */
    } else {
        r->ws = ws;
        start(c, r);
    }
}

static void on_closed(void *owner, slk_ws *ws)
{
    (void)ws;
    connection *c = owner;
    slk_job_cancel(&c->job);
    connection_drop(c);
}

/* ---- from HTTP ---- */

static slk_err find_hub(slk_rpc_server *server, slk_ws_hub **ret_hub, slk_error *error)
{
    const slk_ws_options options = {.max_message_bytes = SLK_RPC_BODY_MAX_BYTES,
                                    .spool_folder = server->options.spool_folder};
    const slk_ws_events events = {on_message, on_closed};
    slk_err code = SLK_OK;
    (void)pthread_mutex_lock(&server->mutex);
    if (!server->hub)
        code = slk_ws_hub_new(&server->hub, &options, &events, error);
    *ret_hub = server->hub;
    (void)pthread_mutex_unlock(&server->mutex);
    return code;
}

slk_err slk_rpc_socket_serve(slk_rpc_server *server, const slk_rpc_caller *caller,
                             slk_http_exchange *exchange, slk_error *error)
{
    slk_ws *ws = NULL;
    slk_ws_hub *hub = NULL;
    SLK_TRY(find_hub(server, &hub, error));
    connection *c = connection_new(server, caller);
    if (!c)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a WebSocket");
    const size_t max = caller->stranger ? STRANGER_BODY_MAX_BYTES : 0;
    const slk_err code = slk_ws_accept(hub, exchange, c, max, &ws, error);
    if (ws)
        slk_ws_drop(ws);
    else
        connection_drop(c);
    return code;
}

void slk_rpc_socket_stop(slk_rpc_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    while (server->n_threads > 0)
        slk_assert(pthread_cond_wait(&server->fewer, &server->mutex) == 0);
    (void)pthread_mutex_unlock(&server->mutex);
}
