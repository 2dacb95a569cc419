/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the JSON-RPC server share. */
#ifndef SLK_RPC_SERVER_IMPL_H
#define SLK_RPC_SERVER_IMPL_H

#include "net/websocket.h"
#include "rpc/server.h"

#include <pthread.h>
#include <stdatomic.h>

#define ANSWER_MAX_BYTES ((size_t)64 << 20)
#define STRANGER_BODY_MAX_BYTES ((size_t)65536) /* of a caller without a token */

/* source: JSON-RPC 2.0, 5.1; 1 is Go's for any error of a method */
enum {
    CODE_PARSE = -32700,
    CODE_REQUEST = -32600,
    CODE_NO_METHOD = -32601,
    CODE_PARAMS = -32602,
    CODE_ORDINARY = 1,
};

/* A long string, where it lies in the body, without its quotes. */
typedef struct rpc_text {
    const char *text;
    size_t n;
} rpc_text;

struct slk_rpc_request {
    json_t *root; /* long strings are marks */
    rpc_text *texts;
    size_t n_texts;
    int fault; /* code of the call at hand, if its handler chose one; 0 not */
};

struct slk_rpc_server {
    slk_rpc_server_options options;
    slk_rpc_table *tables;
    slk_job all; /* above every call */
    atomic_bool stopping;
    pthread_mutex_t mutex; /* guards hub and n_threads */
    slk_ws_hub *hub; /* made with the first WebSocket */
    pthread_cond_t fewer;
    unsigned n_threads; /* calls over WebSockets */
};

/* request.c: reads a body, which must live as long as the request. SLK_E_NOMEM, else what is wrong with
 * it. stranger: the narrow limits. Done also after a failure. */
SLK_MUST_CHECK slk_err slk_rpc_request_read(slk_rpc_request *request, const char *body, size_t n,
                                            size_t text_bytes, bool stranger, slk_error *error);
void slk_rpc_request_done(slk_rpc_request *request);

/* server.c: answers what was read. */
SLK_MUST_CHECK slk_err slk_rpc_answer_request(slk_rpc_server *server, const slk_rpc_caller *caller,
                                              slk_rpc_request *request, int *ret_status,
                                              slk_buf *answer, slk_error *error);
/* The answer to a request that is none, id null. */
SLK_MUST_CHECK slk_err slk_rpc_answer_fault(int code, const char *message, const json_t *id,
                                            int *ret_status, slk_buf *answer, slk_error *error);

/* socket.c: GET of the route, and the end of all calls over WebSockets. */
slk_err slk_rpc_socket_serve(slk_rpc_server *server, const slk_rpc_caller *caller,
                             slk_http_exchange *exchange, slk_error *error);
void slk_rpc_socket_stop(slk_rpc_server *server);

#endif
