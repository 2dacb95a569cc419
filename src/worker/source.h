/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The data that a call names by {"Type","Info"}, as something to read from: zeros, what an HTTP server
 * has, what the caller pushes. source: reference/lotus-worker 3.4 */
#ifndef SLK_WORKER_SOURCE_H
#define SLK_WORKER_SOURCE_H

#include "base/err.h"
#include "base/job.h"
#include "lotus/types.h"
#include "net/client.h"
#include "worker/push.h"

typedef struct slk_source slk_source;

/* Opens it for one reader. http and push are borrowed until _close. SLK_E_NOTFOUND, SLK_E_TIMEOUT: a
 * pushed stream whose sender has gone or does not send. What an HTTP server says against it shows at
 * _close. */
SLK_MUST_CHECK slk_err slk_source_open(slk_source **ret_source, const slk_lotus_source *what,
                                       slk_http_client *http, slk_push *push, slk_job *job,
                                       slk_error *error);
/* -1 for zeros; else a pipe, whose end is the end of the data, also of data that was cut. */
int slk_source_fd(const slk_source *source);
/* Once, read to the end or not. SLK_OK unless the data was not all that its server has; code and reason
 * are for a reader that missed some. */
slk_err slk_source_close(slk_source *source, slk_error *error);

#endif
