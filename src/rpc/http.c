/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The routes of a JSON-RPC server. */
#include "rpc/server_impl.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <string.h>

/* Who sent a request: known before its body. */
typedef struct guest {
    slk_rpc_grant grant;
    char *token; /* heap; "" none */
} guest;

static void guest_free(void *context)
{
    guest *g = context;
    slk_bytes_wipe(g->token, strlen(g->token));
    slk_free(g->token);
    slk_free(g);
}

/* token NULL: there is one that cannot be read. */
static slk_err authorise(slk_rpc_server *server, const char *token, bool known_only,
                         slk_rpc_grant *ret_grant, slk_error *error)
{
    const slk_rpc_server_options *o = &server->options;
    if (token && !*token) {
        *ret_grant = (slk_rpc_grant){.permissions = o->anonymous};
        return SLK_OK;
    }
    if (!token || !o->authorise)
        return slk_fail(error, SLK_E_AUTH, "unauthorized");
    return o->authorise(o->authorise_context, token, known_only, ret_grant, error);
}

static slk_err remember(slk_http_exchange *exchange, slk_rpc_grant grant, const char *token,
                        slk_error *error)
{
    guest *g = slk_calloc(1, sizeof *g);
    if (!g || !(g->token = slk_strdup(token))) {
        slk_free(g);
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    g->grant = grant;
    slk_http_set_state(exchange, g);
    slk_http_on_end(exchange, guest_free, g);
    return SLK_OK;
}

static slk_err admit(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_rpc_server *server = context;
    slk_rpc_grant grant = {0};
    if (atomic_load(&server->stopping))
        return slk_fail(error, SLK_E_BUSY, "the server is about to end");
    const char *token = slk_http_token(exchange);
    slk_err code = authorise(server, token, !slk_http_may_guess(exchange), &grant, error);
    if (code == SLK_E_AUTH)
        code = slk_http_guessed(exchange, error);
    if (code == SLK_E_AUTH)
        return slk_http_reply_empty(exchange, 401);
    SLK_TRY(code);
    if (!*token)
        slk_http_limit_body(exchange, STRANGER_BODY_MAX_BYTES);
    return remember(exchange, grant, token, error);
}

static slk_rpc_caller caller_of(const slk_http_exchange *exchange, slk_job *job)
{
    const guest *g = slk_http_state(exchange);
    return (slk_rpc_caller){.permissions = g->grant.permissions,
                            .until_ms = g->grant.until_ms,
                            .token = g->token,
                            .stranger = !g->token[0],
                            .peer = slk_http_peer(exchange),
                            .job = job};
}

static slk_err reply(slk_http_exchange *exchange, int status, const slk_buf *answer)
{
    return slk_http_reply_bytes(exchange, status, answer->len ? "application/json" : NULL,
                                slk_buf_str(answer), answer->len);
}

static void cancel(void *context)
{
    slk_job_cancel(context);
}

static slk_err serve_post(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_rpc_server *server = context;
    SLK_CLEANUP(slk_buf_done) slk_buf answer;
    slk_job job;
    int status = 0;
    size_t n = 0;
    const char *body = slk_http_body(exchange, &n);
    slk_buf_init(&answer, ANSWER_MAX_BYTES);
    slk_job_init_under(&job, &server->all);
    const slk_rpc_caller caller = caller_of(exchange, &job);
    slk_http_on_leave(exchange, cancel, &job);
    const slk_err code = slk_rpc_answer(server, &caller, body, n, &status, &answer, error);
    slk_http_on_leave(exchange, NULL, NULL);
    SLK_TRY(code);
    return reply(exchange, status, &answer);
}

static slk_err serve_too_large(void *context, slk_http_exchange *exchange, slk_error *error)
{
    (void)context;
    SLK_CLEANUP(slk_buf_done) slk_buf answer;
    int status = 0;
    slk_buf_init(&answer, ANSWER_MAX_BYTES);
    SLK_TRY(slk_rpc_answer_fault(CODE_PARSE, "Parse error", NULL, &status, &answer, error));
    return reply(exchange, status, &answer);
}

static slk_err serve_get(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_rpc_server *server = context;
    const slk_rpc_caller caller = caller_of(exchange, NULL);
    if (caller.stranger && server->options.no_strange_sockets)
        return slk_http_reply_empty(exchange, 401);
    return slk_rpc_socket_serve(server, &caller, exchange, error);
}

void slk_rpc_server_routes(slk_rpc_server *server, slk_http_route out[SLK_RPC_ROUTES])
{
    out[0] = (slk_http_route){.method = "POST",
                              .path = server->options.path,
                              .handler = serve_post,
                              .context = server,
                              .max_body_bytes = SLK_RPC_BODY_MAX_BYTES,
                              .admit = admit,
                              .too_large = serve_too_large};
    out[1] = (slk_http_route){.method = "GET",
                              .path = server->options.path,
                              .handler = serve_get,
                              .context = server,
                              .admit = admit};
}
