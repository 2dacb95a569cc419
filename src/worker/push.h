/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Data that a caller pushes to us beside its call: streams named by a UUID, on
 * HEAD and POST /rpc/streams/v0/push/{uuid}. source: reference/lotus-worker 3.4
 *
 *   caller: HEAD (waits) ............ answered 200 -> POST, the bytes -> answered 200
 *   worker:      claim (RPC call) ... open (task) -> reads a pipe --> close
 *
 * The UUID is the only secret, as in Lotus; so a stream that no call has claimed is let go after
 * SLK_PUSH_CLAIM_MS, or earlier when all places are taken, and only one HEAD and one POST are taken for
 * each. A claimed one lasts until it is closed: whoever claims has to. Safe from many threads. */
#ifndef SLK_WORKER_PUSH_H
#define SLK_WORKER_PUSH_H

#include "base/err.h"
#include "base/job.h"
#include "net/server.h"

#include <stdint.h>

#define SLK_PUSH_ROUTES 2u
#define SLK_PUSH_STREAMS_MAX 256u /* known at a time, claimed or not */
#define SLK_PUSH_CLAIM_MS 30000

typedef struct slk_push slk_push;

SLK_MUST_CHECK slk_err slk_push_new(slk_push **ret_push, slk_error *error);
/* Ends all waiting; before slk_http_server_free. Idempotent. */
void slk_push_stop(slk_push *push);
void slk_push_free(slk_push *push); /* after slk_http_server_free; NULL allowed */
void slk_push_routes(slk_push *push, slk_http_route out[SLK_PUSH_ROUTES]);

/* For the RPC call that names the stream: waits until its caller has shown up. SLK_E_TIMEOUT when it
 * does not within wait_ms; SLK_E_CONFLICT when another call has the stream; SLK_E_CANCELED. */
SLK_MUST_CHECK slk_err slk_push_claim(slk_push *push, const char *uuid, int64_t wait_ms,
                                      slk_job *job, slk_error *error);
/* The reading end of a claimed stream: the caller may send from now on. Its end is the end of the data,
 * also of data that was cut. SLK_E_NOTFOUND: its caller has left, or it was never claimed; SLK_E_TIMEOUT:
 * the caller does not send. The fd is the worker's; slk_push_close once it is closed, or on failure. */
SLK_MUST_CHECK slk_err slk_push_open(slk_push *push, const char *uuid, int *ret_fd, slk_job *job,
                                     slk_error *error);
/* Nobody wants (more of) the stream: its caller is answered. Unknown: nothing. */
void slk_push_close(slk_push *push, const char *uuid);

#endif
