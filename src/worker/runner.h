/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The calls a worker has in hand: which waits, which is at work on a thread of its own, which has ended
 * and is to be returned to the node.
 *
 *   add -> waiting -> at work -> ended -> (returned: gone)
 *
 * Whoever waits with the lowest order, then the longest, starts as soon as the owner says that it has
 * room. Calls of one batch start together, once all of them wait. Safe from many threads. */
#ifndef SLK_WORKER_RUNNER_H
#define SLK_WORKER_RUNNER_H

#include "base/err.h"
#include "base/job.h"
#include "worker/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls at work at the same time; those beyond wait. */
#define SLK_RUNNER_THREADS_MAX 64u
/* Calls of one batch. */
#define SLK_RUNNER_BATCH_MAX 1024u

typedef struct slk_runner slk_runner;
/* Calls that run together on one thread: mostly one. */
typedef struct slk_runner_group slk_runner_group;

size_t slk_runner_group_n(const slk_runner_group *group);
slk_worker_call *slk_runner_group_call(const slk_runner_group *group, size_t index);
slk_job *slk_runner_group_job(const slk_runner_group *group, size_t index);
/* The call's outcome is filled in: it is kept and becomes returnable now, while others of the group go
 * on. Once per index; those left are ended when run comes back. */
void slk_runner_group_end(slk_runner_group *group, size_t index);

/* How a call stands. */
typedef enum slk_runner_state {
    SLK_RUNNER_WAITING,
    SLK_RUNNER_AT_WORK,
    SLK_RUNNER_ENDED,
    SLK_RUNNER_RETURNED, /* shown once: it is gone then */
} slk_runner_state;
typedef struct slk_runner_view {
    const slk_worker_call *call;
    slk_runner_state state;
    const char *stage; /* of work; "" before the first */
    uint64_t done, total;
    int64_t since_ms; /* wall clock: taken, started, ended or returned */
} slk_runner_view;

typedef struct slk_runner_options {
    void *context;
    /* Lower starts first. */
    int (*order)(void *context, const slk_worker_call *call);
    /* Whether call may start beside these n; asked under the runner's lock, so it computes only. */
    bool (*fits)(void *context, const slk_worker_call *call, const slk_worker_call *const *at_work,
                 size_t n);
    /* Does the work and fills in the outcomes. */
    void (*run)(void *context, slk_runner_group *group);
    /* Keeps the outcome; before it the call is not returnable. */
    void (*keep)(void *context, const slk_worker_call *call);
    /* A call was taken, has begun, moved on (_tell), ended or was returned, as the view shows; under the
     * runner's lock, so it copies only. NULL: nobody is told. */
    void (*changed)(void *context, const slk_runner_view *view);
} slk_runner_options;

SLK_MUST_CHECK slk_err slk_runner_new(slk_runner **ret_runner, const slk_runner_options *options,
                                      slk_error *error);
/* After _stop. NULL allowed. */
void slk_runner_free(slk_runner *runner);

/* Takes the calls (a batch, or one), which may be done already; on failure they stay the caller's.
 * SLK_E_CANCELED after _stop. */
SLK_MUST_CHECK slk_err slk_runner_add(slk_runner *runner, slk_worker_call *const *calls, size_t n,
                                      slk_error *error);

/* Looks again at what waits: what fits has changed. */
void slk_runner_look(slk_runner *runner);

/* Cancels what waits or is at work; false when there is no such call, or it has ended. */
bool slk_runner_cancel(slk_runner *runner, const char *uuid);

/* Whether _stop has begun: what is canceled from then on is to run again. */
bool slk_runner_is_stopping(slk_runner *runner);

/* Nothing starts any more, what is at work is canceled, and all threads have ended when it returns. What
 * has not ended by itself stays as it is in the journal: it is to run again. */
void slk_runner_stop(slk_runner *runner);

/* Whether it has no call in hand, also none that has ended and is to be returned. */
bool slk_runner_is_empty(slk_runner *runner);

/* Waits until nothing waits or is at work, or ms are over (false), or _stop. */
bool slk_runner_wait_quiet(slk_runner *runner, int64_t ms);

/* One that has ended, the longest first, skipping those with that mark (not 0): its mark becomes `mark`,
 * and it stays where it is until _returned. *ret_again: it had another mark before. NULL: none, after
 * waiting at most ms for one; at once after _stop. One thread at a time. */
const slk_worker_call *slk_runner_next_ended(slk_runner *runner, uint64_t mark, int64_t ms,
                                             bool *ret_again);
/* It is gone; the call is freed. */
void slk_runner_returned(slk_runner *runner, const slk_worker_call *call);

/* Shows all, oldest first, under the runner's lock: show only copies. False from show ends it. */
void slk_runner_list(slk_runner *runner, bool (*show)(void *context, const slk_runner_view *view),
                     void *context);
/* Tells of what is at work and has moved on since it was told of last: a new stage at once, more of the
 * same one at most every ms. False: nothing is at work. */
bool slk_runner_tell(slk_runner *runner, int64_t every_ms);

#endif
