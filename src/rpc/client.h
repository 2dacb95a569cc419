/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Caller of a JSON-RPC server over HTTP: a lotus-miner, a worker or a node of ours.
 *
 * Safe from many threads; connections are kept and used again. What a call failed of is told apart: no
 * answer (SLK_E_UNREACHABLE, SLK_E_TIMEOUT: whether it was done is not known) or the peer's own error,
 * with its code. The URL never holds a token, and no message does. */
#ifndef SLK_RPC_CLIENT_H
#define SLK_RPC_CLIENT_H

#include "base/err.h"
#include "base/job.h"
#include "net/client.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_rpc_client slk_rpc_client;

typedef struct slk_rpc_client_options {
    const char *url; /* "http://127.0.0.1:2345/rpc/v0", https too */
    const char *bearer; /* NULL or "": none */
    const char *ca_file; /* as in net/client.h */
    const char *pin; /* as in net/client.h */
    int64_t connect_timeout_ms; /* 0: 10 000 */
    size_t max_answer_bytes; /* 0: 16 MiB */
    slk_http_later *later; /* as in net/client.h */
    void *later_context;
} slk_rpc_client_options;

/* Everything is copied. SLK_E_INVAL for a URL that is none. */
SLK_MUST_CHECK slk_err slk_rpc_client_new(slk_rpc_client **ret_client,
                                          const slk_rpc_client_options *options, slk_error *error);
/* Calls that begin from now on bear this token. SLK_E_NOMEM: the old one stays. */
SLK_MUST_CHECK slk_err slk_rpc_client_set_bearer(slk_rpc_client *client, const char *bearer,
                                                 slk_error *error);
void slk_rpc_client_free(slk_rpc_client *client); /* no call in progress; NULL allowed */
void slk_rpc_client_freep(slk_rpc_client **client); /* for SLK_CLEANUP */

#define SLK_RPC_NO_METHOD (-32601) /* the peer does not know the method */

/* The peer's own error. */
typedef struct slk_rpc_peer_error {
    bool is_set;
    int64_t code;
    char message[384]; /* cut, UTF-8 */
} slk_rpc_peer_error;

/* How one call differs from the plain one; all 0 is that. */
typedef struct slk_rpc_how {
    /* Of the whole call; 0: 30 000, and with a file as long as it moves; below 0: without limit. */
    int64_t timeout_ms;
    slk_job *job; /* canceled: the connection is cut, and the peer cancels the call; NULL allowed */
    /* A big parameter: params[file_param] is null, and in its place goes the base64 of this file,
     * read while it is sent. It must not change meanwhile. NULL: none. */
    const char *file;
    size_t file_param;
    const slk_http_pass *pass; /* in place of the client's bearer and pin; NULL: those */
} slk_rpc_how;

/* Calls method with params (an array, borrowed). SLK_OK: *ret_result is a new reference, JSON null
 * for null. The peer's own error fills *ret_error (NULL allowed) and is SLK_E_UNSUPPORTED for
 * SLK_RPC_NO_METHOD, SLK_E_INVAL for the other codes of JSON-RPC (-32700 … -32600), else
 * SLK_E_CONFLICT. SLK_E_AUTH: 401 or 403. SLK_E_BUSY: 429 or 503. SLK_E_PROTO: no JSON-RPC answer to this request. Others as
 * slk_http_call. how NULL: the plain call. */
SLK_MUST_CHECK slk_err slk_rpc_invoke(slk_rpc_client *client, const char *method,
                                      const json_t *params, const slk_rpc_how *how,
                                      json_t **ret_result, slk_rpc_peer_error *ret_error,
                                      slk_error *error);
/* The same, params stolen (NULL: out of memory) and the result dropped. */
SLK_MUST_CHECK slk_err slk_rpc_tell(slk_rpc_client *client, const char *method, json_t *params,
                                    const slk_rpc_how *how, slk_rpc_peer_error *ret_error,
                                    slk_error *error);

#endif
