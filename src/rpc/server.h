/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON-RPC 2.0 as go-jsonrpc speaks it: over HTTP, lone and in batches, and over WebSocket.
 *
 * A server is tables of methods with a context each. Its routes (slk_rpc_server_routes) are put into
 * the table of an slk_http_server; its core (slk_rpc_answer) needs no network. Statuses, codes and
 * texts are those of reference/lotus-worker 3.1 and 3.2; `meta` of a request is passed over.
 *
 * Bodies are up to 100 MiB. A string of more than 64 KiB in one never becomes a JSON value: its value
 * is a marker, and slk_rpc_text gives its characters where they lie in the body. What is left of the
 * body is at most 4 MiB; of a caller without a token the whole body is at most 64 KiB and has at most
 * 1024 values.
 *
 * A call runs in the connection's thread (HTTP) or in one of its own (WebSocket, at most 64 at once
 * per connection) and may take as long as it needs. Its job is canceled when the peer closes the
 * connection, by xrpc.cancel and by slk_rpc_server_stop; a handler that waits looks at it. */
#ifndef SLK_RPC_SERVER_H
#define SLK_RPC_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"
#include "net/server.h"
#include "rpc/permission.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define SLK_RPC_BODY_MAX_BYTES ((size_t)104857600)
#define SLK_RPC_TEXT_BYTES ((size_t)65536) /* a longer string stays in the body */
#define SLK_RPC_ROUTES 2u

typedef struct slk_rpc_server slk_rpc_server;
typedef struct slk_rpc_request slk_rpc_request; /* what a body holds; private */

/* One call as its handler sees it; all of it lives until the handler returns. */
typedef struct slk_rpc_call {
    const char *method; /* "Filecoin.Version" */
    const json_t *params; /* array of exactly the method's count; borrowed */
    unsigned permissions; /* of the caller */
    const char *token; /* of the caller; "" none. A secret */
    const char *peer; /* numeric address */
    slk_job *job; /* canceled: nobody waits for the result any more */
    slk_rpc_request *request;
} slk_rpc_call;

/* Answers with a new reference (NULL: null) or fails. A failure becomes error code 1 with the error's
 * message, which the caller sees, unless slk_rpc_fault said otherwise. */
typedef slk_err slk_rpc_handler(void *context, const slk_rpc_call *call, json_t **ret_result,
                                slk_error *error);

typedef struct slk_rpc_method {
    const char *name; /* "Filecoin.Version" */
    unsigned n_params;
    unsigned needs; /* any of these bits is enough; 0: whoever is let in */
    slk_rpc_handler *handler;
} slk_rpc_method;

typedef struct slk_rpc_table {
    const slk_rpc_method *methods;
    size_t n_methods;
    void *context;
} slk_rpc_table;

/* What a token allows. */
typedef struct slk_rpc_grant {
    unsigned permissions;
    int64_t until_ms; /* monotonic: over, or to be asked about again, from then on; 0 never */
} slk_rpc_grant;

typedef struct slk_rpc_server_options {
    const slk_rpc_table *tables; /* copied; the methods are borrowed for the server's life */
    size_t n_tables;
    const char *path; /* NULL: "/rpc/v0"; borrowed for the server's life */
    /* What the token allows. SLK_E_AUTH is answered by 401, another error by 503 (or as it says).
     * known_only: its sender has had too many wrong ones, so that nobody is to be asked about this one:
     * unless it is known it is wrong. Called at each request that has a token, and by a WebSocket's next
     * call when the grant is over, from many threads. NULL: all tokens are wrong. */
    slk_err (*authorise)(void *context, const char *token, bool known_only,
                         slk_rpc_grant *ret_grant, slk_error *error);
    void *authorise_context;
    /* What people should know who call a method that is not there ("Filecoin.LogList"), for the error's
     * text; NULL: nothing. NULL function: never. */
    const char *(*missing)(const char *method);
    unsigned anonymous; /* permissions without a token: Lotus says SLK_RPC_READ */
    bool
        no_strange_sockets; /* a WebSocket without a token is answered 401: it could stay for ever */
    const char *spool_folder; /* for big messages of WebSockets; NULL: memory. Borrowed */
    size_t text_bytes; /* 0: SLK_RPC_TEXT_BYTES; SIZE_MAX: all strings become values */
} slk_rpc_server_options;

SLK_MUST_CHECK slk_err slk_rpc_server_new(slk_rpc_server **ret_server,
                                          const slk_rpc_server_options *options, slk_error *error);
/* Refuses further calls, cancels those that run and returns when no call over a WebSocket runs any
 * more. Before slk_http_server_free of the server that has the routes, which waits for the calls over
 * HTTP and closes the WebSockets. Idempotent. */
void slk_rpc_server_stop(slk_rpc_server *server);
/* After slk_http_server_free. Stops what was not stopped. NULL allowed. */
void slk_rpc_server_free(slk_rpc_server *server);

/* POST and GET (WebSocket) of options.path, to be copied into an HTTP server's table. */
void slk_rpc_server_routes(slk_rpc_server *server, slk_http_route out[SLK_RPC_ROUTES]);

/* ---- for handlers ---- */

/* Fails the call with this code and text. HTTP says 500 to -32700, -32601 and -32602, 400 to -32600. */
slk_err slk_rpc_fault(const slk_rpc_call *call, int code, slk_error *error, const char *format, ...)
    SLK_PRINTF(4, 5);
/* A parameter of the wrong kind: HTTP 500, code -32700. wanted: "an address". */
slk_err slk_rpc_bad_param(const slk_rpc_call *call, size_t index, const char *wanted,
                          slk_error *error);
/* The same for an error of a reader that named the field: passes its message on. */
slk_err slk_rpc_bad_param_error(const slk_rpc_call *call, size_t index, slk_error *error);

/* The handler's answer: value is taken over, NULL is no memory. */
SLK_MUST_CHECK slk_err slk_rpc_give(json_t **ret_result, json_t *value, slk_error *error);
/* A parameter that must be true or false; or as slk_rpc_bad_param. */
SLK_MUST_CHECK slk_err slk_rpc_flag(bool *ret, const slk_rpc_call *call, size_t index,
                                    slk_error *error);

/* The characters of a string value of the call, however long, as they lie in the JSON: without a final
 * NUL, escapes not resolved in one that is longer than text_bytes. False when value is no string. */
bool slk_rpc_text(const slk_rpc_call *call, const json_t *value, const char **ret_text,
                  size_t *ret_n);
/* The bytes that such a string holds in base64 (null: none) into the file path, which is there
 * completely or not at all (base/outfile.h), piece by piece: memory stays small. */
SLK_MUST_CHECK slk_err slk_rpc_bytes_to_file(const slk_rpc_call *call, const json_t *value,
                                             const char *path, slk_error *error);

/* ---- the core ---- */

typedef struct slk_rpc_caller {
    unsigned permissions;
    const char *token; /* "" none */
    const char *peer;
    slk_job *job; /* NULL: nobody cancels */
    bool stranger; /* what it sends has the narrow limits */
    int64_t until_ms; /* as in slk_rpc_grant, for a WebSocket */
} slk_rpc_caller;

/* Answers one body, which need not end in NUL: *ret_status and the answer's line appended to answer
 * (nothing for notifications). Any thread. Fails only for lack of memory. */
SLK_MUST_CHECK slk_err slk_rpc_answer(slk_rpc_server *server, const slk_rpc_caller *caller,
                                      const char *body, size_t n, int *ret_status, slk_buf *answer,
                                      slk_error *error);

#endif
