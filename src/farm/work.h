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

typedef void slk_farm_here_ended(void *to, size_t index, slk_err code, const slk_error *error);

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
    /* Several are given to one worker by this method, whose parameter is the list of their params and whose
     * answer that of their calls; NULL: never. Such works have all their functions in common. */
    const char *batch_method;
    /* What the chosen worker, which is not this node itself, needs before the call; NULL: nothing. Not
     * asked of one that does batches. */
    slk_err (*prepare)(void *context, slk_farm *farm, slk_farm_worker *worker, slk_job *job,
                       slk_error *error);
    /* This node does it itself, of a batch all of it: ended once for each of contexts, one at a time, from
     * any thread. NULL: it is never given to this node. */
    void (*here)(void *const *contexts, size_t n, slk_farm_here_ended *ended, void *to);
    void *context; /* of prepare and here */
} slk_farm_work;

/* Work that waits for a worker, or was just given to one (farm/seek.h). The caller's, zeroed but for work and
 * job; it stays where it is until it is done. */
typedef struct slk_farm_seeker slk_farm_seeker;

/* Has all of them wait for workers from the same moment, so that they may be given to them together. Then each
 * is to be done by slk_farm_work_do. On failure none waits. */
SLK_MUST_CHECK slk_err slk_farm_work_seek(slk_farm *farm, slk_farm_seeker *const *seekers, size_t n,
                                          slk_error *error);

/* Has the work done. A call that is under way for it, also from before a restart of this node, is
 * waited for; a result that is there is taken. Else it waits for a worker with room. seeker: it waits for
 * one already, and there was no such call; NULL. *ret_call is the call that is done,
 * without fault, for slk_farm_call_done; or its id is 0, and this node has done it.
 * A worker that fails it, goes away or has no disk is avoided and another one tried; the failure of the
 * last one is returned when none is left: SLK_E_IO the worker's own, SLK_E_NOSPACE, SLK_E_BUSY it was
 * restarted, SLK_E_UNREACHABLE it is away, or what it needed. What this node fails itself is returned at once. SLK_E_CANCELED: job was
 * canceled, and ours told to stop; or the farm stops, and the call goes on. job: stages "waiting for a
 * worker", "on a worker" or what it tells. */
SLK_MUST_CHECK slk_err slk_farm_work_do(slk_farm_call *ret_call, slk_farm *farm,
                                        const slk_farm_work *work, slk_farm_seeker *seeker,
                                        slk_job *job, slk_error *error);
/* Whether there is a call under way for it, or its result. */
SLK_MUST_CHECK slk_err slk_farm_work_begun(bool *ret_begun, slk_farm *farm,
                                           const slk_farm_work *work, slk_error *error);

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
