/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Durable tasks: what is to be done next for which sector, by whom, and how far it is.
 *
 * A step (steps.c, one const table) names a pipeline, the state a row must be in, a resource class,
 * a retry policy and a run function. The scheduler makes one task per ready row and step; a worker
 * claims it, runs it, and completes it.
 *
 *            schedule          claim (owner, lease, new fence)        run returns
 *   row ready --------> waiting -----------------------------> running ----+--> done: one transaction
 *                          ^                                      |        |    {fence still ours;
 *                          |<--- lease over, or owner restarted --'        |     state edge; outputs;
 *                          |<--- wait: not_before, attempts as before -----+     task deleted; event}
 *                          |<--- retry: attempts + 1, back-off ------------+
 *                                                             give up -----'--> failed: edge + event
 *
 * - Nothing a run function writes before its completion may be wrong to keep: files are under their
 *   final names only when complete, and are reused by the next run.
 * - Each claim has a fence of its own, used once. A holder whose lease was taken over cannot complete: its
 *   transaction finds another fence and is rolled back (SLK_E_CONFLICT), its result is dropped.
 * - A heartbeat renews leases of running tasks and stores their progress; a task whose row is to be
 *   canceled, or whose lease was lost, has its slk_job canceled.
 * - A restarted node takes back its own claims at once (same node name), others' after the lease.
 * - Leases are believed times (times.h) of the database's clock, so that nodes agree and a jump of one
 *   node's clock changes nothing; were they ever to disagree, work would be done twice, but never
 *   have a double effect: the fence decides.
 */
#ifndef SLK_SEAL_TASK_H
#define SLK_SEAL_TASK_H

#include "base/err.h"
#include "base/job.h"
#include "db/db.h"
#include "seal/ops.h"
#include "seal/state.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct slk_seal slk_seal; /* seal/seal.h */

/* What a task occupies while it runs; options give the number of workers of each. */
typedef enum slk_task_class {
    SLK_CLASS_COMPUTE, /* labelling, trees, checks: cores and memory bandwidth */
    SLK_CLASS_SNARK, /* C2: most of the memory */
    SLK_CLASS_TRANSFER, /* long transfers */
    SLK_CLASS_CALL, /* short calls to peers */
    SLK_CLASS_CHAIN, /* calls to the chain node */
    SLK_CLASS_COUNT,
} slk_task_class;

const char *slk_task_class_name(slk_task_class class);

/* A claimed task as its run function sees it. */
typedef struct slk_task {
    slk_seal *seal;
    int64_t id;
    int64_t fence;
    char folder_id[80]; /* where it was bound to when it was found, "" nowhere (member.h) */
    int64_t attempts; /* failed attempts before this one */
    int64_t created_ms;
    bool last_attempt; /* a failure of the retry kind now is for good */
    uint64_t sp_id;
    uint64_t number;
    slk_job job; /* reports progress, tells to stop */

    /* Set by run on SLK_OK. */
    slk_event event; /* the edge to take when done */
    bool wait; /* true: no edge, come back after wait_ms (0: the step's own interval) */
    int64_t wait_ms;
    char note[SLK_SEAL_REASON_CHARS]; /* for the timeline (done) or last_error (wait) */
    /* Set by run on failure, to name it: at most 20 characters; default is the step's name. */
    char failed_reason[24];
    bool give_up; /* set by run before it fails: trying again cannot help */
    void *output; /* heap, for the step's save function; freed with slk_free by the engine … */
    void (*output_done)(void *output); /* … after this, which may be NULL */
} slk_task;

/* How the run of one of several tasks ended; error is read when code is not SLK_OK. */
typedef void slk_task_ended(void *context, size_t index, slk_err code, const slk_error *error);

#define SLK_STEP_FIND_MAX 64u /* rows in one look; the next look takes the rest */

typedef struct slk_step {
    const char *name; /* "provider.sdr": task.kind, actor in the timeline */
    slk_pipeline pipeline;
    slk_task_class class;
    bool files; /* touches the sector's files: runs only where they are (member.h) */
    /* SELECT sp_id, sector_number of rows ready and without this task, best first, at most
     * SLK_STEP_FIND_MAX; $1 lived time. Its cost must not grow with the rows that wait: see ROWS in steps.c. */
    const slk_sql *ready;
    /* Instead of ready where a statement cannot say which: fills *ret_n keys, sp_id and number. */
    slk_err (*find)(uint64_t ret_keys[SLK_STEP_FIND_MAX][2], size_t *ret_n, slk_seal *seal,
                    slk_db *db, slk_error *error);
    /* UPDATE row SET task_id_x = $3 WHERE sp_id = $1 AND sector_number = $2 …; NULL: no second one. */
    const slk_sql *mark[2];
    const slk_sql *unmark[2]; /* the same with NULL */
    int64_t interval_ms; /* between looks, when run says wait without saying how long */
    int64_t backoff_ms; /* after the first failure; doubles up to backoff_max_ms */
    int64_t backoff_max_ms;
    int64_t max_attempts; /* failures of the retry kind before the row is failed; 0: never gives up,
                           * whatever the failure */
    slk_err (*run)(slk_task *task, slk_error *error);
    /* Where several tasks are done better together (options batch_sectors, batch_wait_ms): the ones
     * that may join, SELECT id, sp_id, sector_number, attempts, created_ms, fence, folder_id, best
     * first; $1 id of the one that was claimed, $2 now, $3 the id of this node's folder. Each stays a task of its own, with its lease, its job and its
     * end. NULL: always alone. */
    const slk_sql *mates;
    /* Instead of run when there are several: calls ended once for each index, when it has ended, from
     * any thread but one at a time, and returns after the last. tasks[i] is gone then. */
    void (*run_many)(slk_task *const *tasks, size_t n, slk_task_ended *ended, void *context);
    /* Writes outputs inside the completing transaction, before the edge; may be NULL. */
    slk_err (*save)(slk_task *task, slk_db *db, slk_error *error);
    const char *advice; /* the operator's next step when it has failed for good */
} slk_step;

/* The table of all steps; index < *ret_n. */
const slk_step *slk_seal_steps(size_t *ret_n);
/* Names of the steps of that pipeline for which a row is ready; $1 lived time. */
const slk_sql *slk_seal_work(slk_pipeline pipeline);

/* Makes tasks for all ready rows of the node's roles; *ret_made of them. */
SLK_MUST_CHECK slk_err slk_task_schedule(uint64_t *ret_made, slk_seal *seal, slk_error *error);

/* Claims and runs one task of that class on this thread, to its completion; *ret_ran false when
 * there was none. Failures of the task itself are recorded, not returned. */
SLK_MUST_CHECK slk_err slk_task_run_one(bool *ret_ran, slk_seal *seal, slk_task_class class,
                                        slk_error *error);

/* Renews leases and stores progress of what runs in this process; cancels what must stop. */
SLK_MUST_CHECK slk_err slk_task_heartbeat(slk_seal *seal, slk_error *error);

/* Gives all claims of this node's name back (start, and graceful stop). */
SLK_MUST_CHECK slk_err slk_task_release_own(slk_seal *seal, slk_error *error);

/* Inside a transaction: ends the row's tasks (any step of that pipeline, or only the step named).
 * A worker running one finds its fence gone. */
SLK_MUST_CHECK slk_err slk_task_drop(slk_db *db, slk_pipeline pipeline, uint64_t sp_id,
                                     uint64_t number, const char *step_or_null, slk_error *error);

#endif
