/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One call of a worker: from its row over its sending to its Return. What farm/work.h is made of. */
#ifndef SLK_FARM_WATCH_H
#define SLK_FARM_WATCH_H

#include "base/err.h"
#include "base/job.h"
#include "farm/calls.h"
#include "farm/farm_impl.h"
#include "farm/work.h"

/* A call whose Return is waited for; it must stay where it is. */
typedef struct slk_farm_watch {
    slk_farm *farm;
    slk_farm_call row; /* outcome apart */
    slk_farm_waiting waiting;
    int64_t away_since_ms; /* monotonic: nobody who could return it is there; 0: somebody is */
} slk_farm_watch;

/* A row that is starting, of work for that worker; batch: as in farm/calls.h. */
SLK_MUST_CHECK slk_err slk_farm_watch_row(slk_farm_watch *watch, slk_farm *farm,
                                          const slk_farm_work *work, slk_farm_worker *worker,
                                          const char *batch, slk_error *error);
/* Sends the call of such a row alone. On failure the row is gone. */
SLK_MUST_CHECK slk_err slk_farm_watch_send(slk_farm_watch *watch, const slk_farm_work *work,
                                           slk_farm_worker *worker, slk_job *job, slk_error *error);
/* The worker took the call of such a row and gave it that id: its Return is waited for from now on. On
 * failure the row is gone, and a worker of ours is told to stop. */
SLK_MUST_CHECK slk_err slk_farm_watch_took(slk_farm_watch *watch, const slk_lotus_call_id *call,
                                           slk_job *job, slk_error *error);
/* It did not take it; the row goes. code and *error are passed on, with the worker's name. */
slk_err slk_farm_watch_refused(slk_farm_watch *watch, slk_err code, slk_error *error);

/* Waits for the Return of a call that was taken, and ends the watch. SLK_OK: *ret_call is the call, without
 * fault; its row stays, as it does when the farm stops. Else as slk_farm_work_do says of one worker. */
SLK_MUST_CHECK slk_err slk_farm_watch_finish(slk_farm_call *ret_call, slk_farm_watch *watch,
                                             const slk_farm_work *work, slk_error *error);

/* A call for that work from before, also from before a restart of this node: its result, waited for if need
 * be. SLK_E_NOTFOUND: there is none that helps. */
SLK_MUST_CHECK slk_err slk_farm_watch_resume(slk_farm_call *ret_call, slk_farm *farm,
                                             const slk_farm_work *work, slk_job *job,
                                             slk_error *error);

#endif
