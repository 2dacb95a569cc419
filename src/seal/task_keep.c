/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Claims while they last: leases renewed and progress stored, claims given back, tasks dropped. */
#include "base/mem.h"
#include "db/args.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"
#include "seal/task_impl.h"

#include <string.h>

static const slk_sql release_own = {
    "task.release_own",
    "UPDATE task SET owner = NULL, lease_until_ms = 0, progress_stage = NULL WHERE owner = $1"};
static const slk_sql renew_task = {
    "task.renew", "UPDATE task SET lease_until_ms = $3, progress_stage = $4, progress_done = $5,"
                  " progress_total = $6, stage_ms = CASE WHEN $7 = 1 THEN $8 ELSE stage_ms END"
                  " WHERE id = $1 AND fence = $2"};
static const slk_sql drop_tasks = {
    "task.drop", "DELETE FROM task WHERE pipeline = $1 AND sp_id = $2 AND sector_number = $3"};
static const slk_sql drop_tasks_of = {
    "task.drop_one", "DELETE FROM task WHERE pipeline = $1 AND sp_id = $2 AND sector_number = $3"
                     " AND kind = $4"};
static const slk_sql count_task = {"task.still_ours",
                                   "SELECT count(*) FROM task WHERE id = $1 AND fence = $2"};

/* ---- keeping alive ---- */

struct beat {
    slk_seal *seal;
    size_t n;
    struct {
        int64_t id, fence;
        const char *stage;
        uint64_t done, total;
        bool new_stage;
        bool write; /* else it is only looked whether it is still ours */
        bool lost;
    } item[SLK_SEAL_MAX_RUNNING];
    bool any; /* to be written */
    int64_t now_ms;
    int64_t lease_until_ms;
};

/* All that runs here. What is worth writing: a lease at two thirds, or progress since the last time. */
static void collect(struct beat *b)
{
    slk_seal *seal = b->seal;
    pthread_mutex_lock(&seal->mutex);
    for (slk_seal_running *r = seal->running; r && b->n < SLK_SEAL_MAX_RUNNING; r = r->next) {
        const char *stage = atomic_load(&r->task->job.stage);
        uint64_t done = atomic_load(&r->task->job.done);
        bool due = r->lease_until_ms - b->now_ms < seal->options.lease_ms * 2 / 3;
        b->item[b->n].write = due || stage != r->last_stage || done != r->last_done;
        b->item[b->n].id = r->task->id;
        b->item[b->n].fence = r->task->fence;
        b->item[b->n].stage = stage;
        b->item[b->n].done = done;
        b->item[b->n].total = atomic_load(&r->task->job.total);
        b->item[b->n].new_stage = stage != r->last_stage;
        b->item[b->n].lost = false;
        b->any = b->any || b->item[b->n].write;
        b->n++;
    }
    pthread_mutex_unlock(&seal->mutex);
}

static slk_err beat_body(slk_db *db, void *context, slk_error *error)
{
    struct beat *b = context;
    for (size_t i = 0; i < b->n; i++) {
        int64_t changes = 0;
        if (!b->item[i].write)
            continue;
        SLK_TRY(slk_sql_run(db, &renew_task,
                            SLK_ARGS(slk_arg_i(b->item[i].id), slk_arg_i(b->item[i].fence),
                                     slk_arg_i(b->lease_until_ms), slk_arg_t(b->item[i].stage),
                                     slk_arg_u(b->item[i].done), slk_arg_u(b->item[i].total),
                                     slk_arg_i(b->item[i].new_stage), slk_arg_i(b->now_ms)),
                            &changes, error));
        b->item[i].lost = changes == 0;
    }
    return SLK_OK;
}

/* What was written counts as written. */
static void settle(const struct beat *b)
{
    pthread_mutex_lock(&b->seal->mutex);
    for (slk_seal_running *r = b->seal->running; r; r = r->next)
        for (size_t i = 0; i < b->n; i++)
            if (b->item[i].write && r->task->id == b->item[i].id) {
                r->last_stage = b->item[i].stage;
                r->last_done = b->item[i].done;
                r->lease_until_ms = b->lease_until_ms;
            }
    pthread_mutex_unlock(&b->seal->mutex);
}

/* Those that neither move nor are due may have been dropped all the same: a canceled sector must not be
 * worked on until its lease is. */
static slk_err look_at_rest(struct beat *b, slk_error *error)
{
    for (size_t i = 0; i < b->n; i++) {
        int64_t ours = 1;
        if (!b->item[i].write)
            SLK_TRY(slk_sql_number(&ours, b->seal->db, &count_task,
                                   SLK_ARGS(slk_arg_i(b->item[i].id), slk_arg_i(b->item[i].fence)),
                                   error));
        b->item[i].lost = b->item[i].lost || ours == 0;
    }
    return SLK_OK;
}

static void cancel_lost(const struct beat *b)
{
    pthread_mutex_lock(&b->seal->mutex);
    for (slk_seal_running *r = b->seal->running; r; r = r->next)
        for (size_t i = 0; i < b->n; i++)
            if (b->item[i].lost && r->task->id == b->item[i].id)
                slk_job_cancel(&r->task->job);
    pthread_mutex_unlock(&b->seal->mutex);
}

slk_err slk_task_heartbeat(slk_seal *seal, slk_error *error)
{
    if (slk_seal_is_dead(seal))
        return SLK_OK;
    struct beat b = {.seal = seal, .now_ms = slk_seal_now(seal)};
    b.lease_until_ms = b.now_ms + seal->options.lease_ms;
    collect(&b);
    if (b.any)
        SLK_TRY(slk_db_tx(seal->db, beat_body, &b, error));
    settle(&b);
    SLK_TRY(look_at_rest(&b, error));
    cancel_lost(&b);
    return SLK_OK;
}

slk_err slk_task_release_own(slk_seal *seal, slk_error *error)
{
    return slk_sql_run(seal->db, &release_own, SLK_ARGS(slk_arg_t(seal->options.node_name)), NULL,
                       error);
}

slk_err slk_task_check_ours(const slk_task *task, slk_error *error)
{
    int64_t ours = 0;
    SLK_TRY(slk_sql_number(&ours, task->seal->db, &count_task,
                           SLK_ARGS(slk_arg_i(task->id), slk_arg_i(task->fence)), error));
    return ours ? SLK_OK : slk_fail(error, SLK_E_CANCELED, "the task is no longer ours");
}

/* ---- dropping ---- */

slk_err slk_task_unmark(slk_db *db, const slk_step *step, uint64_t sp_id, uint64_t number,
                        slk_error *error)
{
    for (size_t i = 0; i < 2 && step->unmark[i]; i++)
        SLK_TRY(slk_sql_run(db, step->unmark[i], SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)),
                            NULL, error));
    return SLK_OK;
}

slk_err slk_task_drop(slk_db *db, slk_pipeline pipeline, uint64_t sp_id, uint64_t number,
                      const char *step_or_null, slk_error *error)
{
    slk_assert(slk_db_in_tx(db));
    size_t n;
    const slk_step *steps = slk_seal_steps(&n);
    for (size_t i = 0; i < n; i++)
        if (steps[i].pipeline == pipeline &&
            (!step_or_null || strcmp(step_or_null, steps[i].name) == 0))
            SLK_TRY(slk_task_unmark(db, &steps[i], sp_id, number, error));
    const char *name = slk_pipeline_name(pipeline);
    if (!step_or_null)
        return slk_sql_run(db, &drop_tasks,
                           SLK_ARGS(slk_arg_t(name), slk_arg_u(sp_id), slk_arg_u(number)), NULL,
                           error);
    return slk_sql_run(
        db, &drop_tasks_of,
        SLK_ARGS(slk_arg_t(name), slk_arg_u(sp_id), slk_arg_u(number), slk_arg_t(step_or_null)),
        NULL, error);
}
