/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One task given to a worker and waited for: over failures of workers, their restarts and ours. */
#ifndef SLK_FARM_WORK_H
#define SLK_FARM_WORK_H

#include "base/err.h"
#include "base/job.h"
#include "farm/calls.h"
#include "farm/farm_impl.h"
#include "farm/scheduler.h"

#include <jansson.h>

/* What a worker was given. worker NULL: nothing. */
typedef struct slk_farm_grant {
    uint64_t request; /* in the scheduler */
    slk_farm_worker *worker; /* taken */
} slk_farm_grant;
/* It is free for others; idempotent, NULL worker allowed. */
void slk_farm_grant_end(slk_farm *farm, slk_farm_grant *grant);

typedef struct slk_farm_work {
    slk_lotus_task task;
    slk_lotus_sector_ref sector;
    const char *key; /* tells calls of other parameters apart (farm/calls.h) */
    slk_sched_selector *selector; /* NULL: any worker; called with the farm's lock held */
    slk_sched_about *about; /* as selector; NULL: nothing */
    const void *selector_context; /* of both */
    /* Asked from time to time while nobody has it, with the lock held: whether it is of no use to wait,
     * which is SLK_E_NOTFOUND then. NULL: it never is. */
    bool (*hopeless)(void *context);
    void *hopeless_context;
    const char *method; /* "Filecoin.SealPreCommit1" */
    json_t *params; /* borrowed; not changed */
    const char *file; /* its base64 is parameter file_param, as in rpc/client.h; NULL none */
    size_t file_param;
    /* What the chosen worker, which is not this node itself, needs before the call; NULL: nothing. */
    slk_err (*prepare)(void *context, slk_farm *farm, slk_farm_worker *worker, slk_job *job,
                       slk_error *error);
    void *context; /* of prepare */
} slk_farm_work;

/* Has the task done. A call that is under way for it, also from before a restart of this node, is
 * waited for; a result that is there is taken. Else it waits for a worker with room. Either
 * ret_local->worker is set: this node is to do it itself, and then to end the grant; or *ret_call is the
 * call that is done, without fault, for slk_farm_call_done.
 * A worker that fails it, goes away or has no disk is avoided and another one tried; the failure of the
 * last one is returned when none is left: SLK_E_IO the worker's own, SLK_E_NOSPACE, SLK_E_BUSY it was
 * restarted, SLK_E_UNREACHABLE it is away, or what it needed. SLK_E_CANCELED: job was canceled, and ours told to stop; or the farm
 * stops, and the call goes on. job: stages "waiting for a worker", "on a worker" or what it tells. */
SLK_MUST_CHECK slk_err slk_farm_work_do(slk_farm_call *ret_call, slk_farm_grant *ret_local,
                                        slk_farm *farm, const slk_farm_work *work, slk_job *job,
                                        slk_error *error);

/* A place of this node's own worker for something that it does itself; none at once when it has no such
 * worker. */
SLK_MUST_CHECK slk_err slk_farm_work_here(slk_farm_grant *ret_here, slk_farm *farm,
                                          slk_lotus_task task, const slk_lotus_sector_ref *sector,
                                          slk_job *job, slk_error *error);

/* As slk_farm_work_do on one worker, beside what it was granted: nothing is asked of the scheduler. */
SLK_MUST_CHECK slk_err slk_farm_work_on(slk_farm_call *ret_call, slk_farm *farm,
                                        const slk_farm_work *work, slk_farm_worker *worker,
                                        slk_job *job, slk_error *error);

#endif
