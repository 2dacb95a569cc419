/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/task.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/member.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"
#include "seal/task_impl.h"

#include <stdio.h>
#include <string.h>

#define STEPS_MAX 64u
#define CLAIM_ROUNDS 8u

static const char *const class_name[SLK_CLASS_COUNT] = {
    [SLK_CLASS_COMPUTE] = "compute", [SLK_CLASS_SNARK] = "snark", [SLK_CLASS_TRANSFER] = "transfer",
    [SLK_CLASS_CALL] = "call",       [SLK_CLASS_CHAIN] = "chain",
};

const char *slk_task_class_name(slk_task_class class)
{
    slk_assert(class < SLK_CLASS_COUNT);
    return class_name[class];
}

static const slk_sql insert_task = {
    "task.insert",
    "INSERT INTO task (id, kind, pipeline, class, sp_id, sector_number, created_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (kind, sp_id, sector_number) DO NOTHING"};
static const slk_sql claim_task = {
    "task.claim",
    "UPDATE task SET owner = $2, lease_until_ms = $3, fence = $4, started_ms = $5, stage_ms = $5,"
    " progress_stage = NULL, progress_done = 0, progress_total = 0, folder_id = $8"
    " WHERE id = $1 AND fence = $7"
    " AND (owner IS NULL OR lease_until_ms < $5 OR lease_until_ms > $6)"};
static const slk_sql delete_task = {"task.delete", "DELETE FROM task WHERE id = $1 AND fence = $2"};
static const slk_sql wait_task = {
    "task.wait",
    "UPDATE task SET owner = NULL, lease_until_ms = 0, not_before_ms = $3,"
    " last_error = $4, waits = CASE WHEN $5 = 0 THEN 0 ELSE waits + $5 END,"
    " attempts = attempts + $6, progress_stage = NULL,"
    " failing_since_ms = CASE WHEN $7 < 0 THEN failing_since_ms WHEN $5 + $6 = 0 THEN 0"
    " WHEN failing_since_ms = 0 THEN $7 ELSE failing_since_ms END"
    " WHERE id = $1 AND fence = $2"};
static const slk_sql read_waits = {"task.waits", "SELECT waits FROM task WHERE id = $1"};
static const slk_sql set_timeout = {
    "provider.timeout", "UPDATE rseal_provider_pipeline SET cleanup_timeout = $3"
                        " WHERE sp_id = $1 AND sector_number = $2 AND cleanup_timeout IS NULL"};

bool slk_task_role_on(const slk_seal *seal, slk_pipeline pipeline)
{
    return pipeline == SLK_PIPELINE_PROVIDER ? seal->options.provider : seal->options.client;
}

/* ---- scheduling ---- */

struct batch {
    slk_seal *seal;
    const slk_step *step;
    size_t n;
    uint64_t key[SLK_STEP_FIND_MAX][2];
    size_t ids_n; /* ids from first_id that are ours */
    int64_t first_id;
    uint64_t made;
};

static slk_err read_ready(struct batch *b, slk_db *db, slk_error *error)
{
    b->n = 0;
    if (b->step->find)
        return b->step->find(b->key, &b->n, b->seal, db, error);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(
        slk_sql_open(&q, db, b->step->ready, SLK_ARGS(slk_arg_i(slk_seal_lived(b->seal))), error));
    bool row = true;
    for (; b->n < SLK_STEP_FIND_MAX; b->n++) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        b->key[b->n][0] = slk_u64(slk_column_i64(&q, 0));
        b->key[b->n][1] = slk_u64(slk_column_i64(&q, 1));
    }
    return SLK_OK;
}

static slk_err make_task(struct batch *b, slk_db *db, const uint64_t key[2], int64_t id,
                         slk_error *error)
{
    int64_t changes = 0;
    const slk_step *step = b->step;
    SLK_TRY(slk_sql_run(db, &insert_task,
                        SLK_ARGS(slk_arg_i(id), slk_arg_t(step->name),
                                 slk_arg_t(slk_pipeline_name(step->pipeline)),
                                 slk_arg_t(class_name[step->class]), slk_arg_u(key[0]),
                                 slk_arg_u(key[1]), slk_arg_i(slk_seal_now(b->seal))),
                        &changes, error));
    if (changes == 0)
        return SLK_OK;
    b->made++;
    if (step->files)
        SLK_TRY(slk_member_place_task(db, step->pipeline, id, key[0], key[1], error));
    for (size_t i = 0; i < 2 && step->mark[i]; i++)
        SLK_TRY(slk_sql_run(db, step->mark[i],
                            SLK_ARGS(slk_arg_u(key[0]), slk_arg_u(key[1]), slk_arg_i(id)), NULL,
                            error));
    return SLK_OK;
}

static slk_err schedule_body(slk_db *db, void *context, slk_error *error)
{
    struct batch *b = context;
    b->made = 0;
    SLK_TRY(read_ready(b, db, error));
    for (size_t i = 0; i < b->n && i < b->ids_n;
         i++) /* more than were seen before wait for a look */
        SLK_TRY(make_task(b, db, b->key[i], b->first_id + (int64_t)i, error));
    return SLK_OK;
}

/* Says of each step, by its place in the table, whether a row is ready for it. */
static slk_err find_work(bool *has, slk_seal *seal, slk_pipeline pipeline, slk_error *error)
{
    size_t n;
    const slk_step *steps = slk_seal_steps(&n);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, seal->db, slk_seal_work(pipeline),
                         SLK_ARGS(slk_arg_i(slk_seal_lived(seal))), error));
    for (bool row = true;;) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        const char *name = slk_column_text(&q, 0);
        const slk_step *step = slk_task_step_named(name ? name : "");
        slk_assert(step);
        has[step - steps] = true;
    }
}

/* A hit alone is worth a write transaction. */
static slk_err schedule_step(uint64_t *made, slk_seal *seal, const slk_step *step, slk_error *error)
{
    struct batch b = {.seal = seal, .step = step};
    SLK_TRY(read_ready(&b, seal->db, error));
    if (b.n == 0)
        return SLK_OK;
    b.ids_n = b.n;
    SLK_TRY(slk_task_take_numbers(&b.first_id, seal, (int64_t)b.n, error));
    SLK_TRY(slk_db_tx(seal->db, schedule_body, &b, error));
    *made += b.made;
    return SLK_OK;
}

slk_err slk_task_schedule(uint64_t *ret_made, slk_seal *seal, slk_error *error)
{
    *ret_made = 0;
    size_t n;
    const slk_step *steps = slk_seal_steps(&n);
    bool has[STEPS_MAX] = {false};
    slk_assert(n <= STEPS_MAX);
    for (slk_pipeline p = 0; p < SLK_PIPELINE_COUNT; p++)
        if (slk_task_role_on(seal, p))
            SLK_TRY(find_work(has, seal, p, error));
    for (size_t i = 0; i < n && !slk_seal_is_dead(seal); i++)
        if (has[i])
            SLK_TRY(schedule_step(ret_made, seal, &steps[i], error));
    return SLK_OK;
}

/* ---- claiming ---- */

/* Makes the task found ours, by one statement that only succeeds when nobody had it meanwhile: no
 * transaction is needed, and the losers of a race lose nothing. *ret_ours false: another was quicker.
 * A task that touches files fixes where they are, before it makes any: each does, since an earlier
 * one may have been stopped between its two statements. */
static slk_err claim_found(bool *ret_ours, slk_task_claim *c, slk_error *error)
{
    slk_seal *seal = c->seal;
    slk_task *task = c->task;
    const int64_t old_fence = task->fence;
    const bool first = c->step->files && task->folder_id[0] == '\0';
    const char *folder_id = first ? seal->folder_id[c->step->pipeline] : task->folder_id;
    int64_t now = slk_seal_now(seal), changes = 0;
    c->lease_until_ms = now + seal->options.lease_ms;
    SLK_TRY(slk_task_take_numbers(&task->fence, seal, 1, error));
    SLK_TRY(
        slk_sql_run(seal->db, &claim_task,
                    SLK_ARGS(slk_arg_i(task->id), slk_arg_t(seal->options.node_name),
                             slk_arg_i(c->lease_until_ms), slk_arg_i(task->fence), slk_arg_i(now),
                             slk_arg_i(now + SLK_TASK_FAR_LEASES * seal->options.lease_ms),
                             slk_arg_i(old_fence), slk_arg_t(folder_id)),
                    &changes, error));
    *ret_ours = changes == 1;
    if (!*ret_ours || !c->step->files)
        return SLK_OK;
    return slk_member_place_row(seal, c->step->pipeline, task->sp_id, task->number, error);
}

static void enter_running(slk_seal *seal, slk_seal_running *r)
{
    pthread_mutex_lock(&seal->mutex);
    r->next = seal->running;
    seal->running = r;
    if (seal->stopping)
        slk_job_cancel(&r->task->job);
    slk_seal_send_worker(seal, r->step->class); /* where one was there may be more */
    pthread_mutex_unlock(&seal->mutex);
}

static void leave_running(slk_seal *seal, const slk_seal_running *r)
{
    pthread_mutex_lock(&seal->mutex);
    slk_seal_running **at = &seal->running;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    pthread_mutex_unlock(&seal->mutex);
}

/* ---- completing ---- */

struct finish {
    slk_task *task;
    const slk_step *step;
    slk_change change;
};

/* Deletes the task if it is still ours, and takes its id out of the row. */
static slk_err end_task(slk_db *db, const slk_task *task, const slk_step *step, slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(db, &delete_task, SLK_ARGS(slk_arg_i(task->id), slk_arg_i(task->fence)),
                        &changes, error));
    if (changes != 1)
        return slk_fail(error, SLK_E_CONFLICT, "task %ld is no longer ours", (long)task->id);
    return slk_task_unmark(db, step, task->sp_id, task->number, error);
}

static slk_err done_body(slk_db *db, void *context, slk_error *error)
{
    struct finish *f = context;
    SLK_TRY(end_task(db, f->task, f->step, error));
    if (f->step->save)
        SLK_TRY(f->step->save(f->task, db, error));
    return slk_state_apply(db, &f->change, error);
}

static slk_err failed_body(slk_db *db, void *context, slk_error *error)
{
    struct finish *f = context;
    SLK_TRY(end_task(db, f->task, f->step, error));
    if (f->step->pipeline == SLK_PIPELINE_PROVIDER) {
        const slk_seal *seal = f->task->seal;
        const int64_t until = slk_seal_lived(seal) + seal->options.cleanup_timeout_ms;
        SLK_TRY(slk_sql_run(
            db, &set_timeout,
            SLK_ARGS(slk_arg_u(f->task->sp_id), slk_arg_u(f->task->number), slk_arg_i(until)), NULL,
            error));
    }
    return slk_state_apply(db, &f->change, error);
}

static slk_err drop_body(slk_db *db, void *context, slk_error *error)
{
    const struct finish *f = context;
    return end_task(db, f->task, f->step, error);
}

/* Ends a task whose row is no longer where the step would leave it; if it is not even ours any
 * more there is nothing to end. */
static void drop_stale(struct finish *f)
{
    slk_error error = {0};
    slk_err code = slk_db_tx(f->task->seal->db, drop_body, f, &error);
    if (code != SLK_OK && code != SLK_E_CONFLICT)
        slk_log(SLK_LOG_ERROR, "task.lost", "task=%ld why=\"%s\" next=\"its lease runs out\"",
                (long)f->task->id, slk_error_text(&error, code));
}

/* After the first failure backoff_ms, then twice as long each time up to backoff_max_ms. */
static int64_t backoff(const slk_seal *seal, const slk_step *step, int64_t failures)
{
    int64_t ms = step->backoff_ms;
    for (int64_t i = 0; i < failures && ms < step->backoff_max_ms; i++)
        ms *= 2;
    if (ms > step->backoff_max_ms)
        ms = step->backoff_max_ms;
    return ms * seal->options.backoff_scale_percent / 100;
}

/* Why a task goes back: nothing is wrong, it was stopped, it was unlucky, it failed (and that counts
 * towards its last attempt). Since when it fails is remembered until a look goes well. */
typedef enum back {
    BACK_FINE,
    BACK_STOPPED,
    BACK_UNLUCKY,
    BACK_FAILED,
} back;

static void put_back(slk_task *task, int64_t delay_ms, const char *why, back kind)
{
    slk_error error = {0};
    const int64_t now = slk_seal_now(task->seal);
    slk_err code = slk_sql_run(
        task->seal->db, &wait_task,
        SLK_ARGS(slk_arg_i(task->id), slk_arg_i(task->fence), slk_arg_i(now + delay_ms),
                 slk_arg_t(why), slk_arg_i(kind == BACK_UNLUCKY), slk_arg_i(kind == BACK_FAILED),
                 slk_arg_i(kind == BACK_STOPPED ? -1 : now)),
        NULL, &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_ERROR, "task.lost", "task=%ld why=\"%s\" next=\"its lease runs out\"",
                (long)task->id, slk_error_text(&error, code));
}

static void complete_done(slk_task *task, const slk_step *step, uint64_t took_us)
{
    slk_seal *seal = task->seal;
    struct finish f = {task, step,
                       slk_seal_change(seal, step->pipeline, task->sp_id, task->number, task->event,
                                       step->name, task->note)};
    slk_error error = {0};
    slk_err code = slk_db_tx(seal->db, done_body, &f, &error);
    if (code == SLK_OK) {
        slk_histogram_add(&slk_seal_counts_of(seal, step)->done_us, took_us);
        slk_log(SLK_LOG_INFO, "task.done", "step=%s sector=f0%lu/%lu note=\"%s\"", step->name,
                (unsigned long)task->sp_id, (unsigned long)task->number, task->note);
        return;
    }
    slk_log(SLK_LOG_WARN, "task.not_taken", "step=%s sector=f0%lu/%lu why=\"%s\"", step->name,
            (unsigned long)task->sp_id, (unsigned long)task->number, slk_error_text(&error, code));
    if (code != SLK_E_CONFLICT) {
        put_back(task, backoff(seal, step, 0), slk_error_text(&error, code), BACK_UNLUCKY);
        return;
    }
    /* The row moved on by itself (a callback, a clean-up): the task is over. */
    drop_stale(&f);
}

static void complete_failed(slk_task *task, const slk_step *step, slk_err code,
                            const slk_error *cause)
{
    slk_seal *seal = task->seal;
    char detail[512];
    (void)snprintf(detail, sizeof detail, "%s. %s", slk_error_text(cause, code), step->advice);
    struct finish f = {task, step,
                       slk_seal_change(seal, step->pipeline, task->sp_id, task->number,
                                       SLK_EV_FAILED, step->name, detail)};
    const char *dot = strchr(step->name, '.');
    char reason[24];
    (void)snprintf(reason, sizeof reason, "%.20s",
                   task->failed_reason[0] ? task->failed_reason : dot + 1);
    f.change.failed_reason = reason;
    slk_error error = {0};
    slk_err done = slk_db_tx(seal->db, failed_body, &f, &error);
    slk_counter_add(&slk_seal_counts_of(seal, step)->failed, 1);
    slk_log(SLK_LOG_ERROR, "sector.failed", "step=%s sector=f0%lu/%lu reason=%s why=\"%s\"",
            step->name, (unsigned long)task->sp_id, (unsigned long)task->number, reason, detail);
    if (done == SLK_E_CONFLICT)
        drop_stale(&f);
    else if (done != SLK_OK)
        put_back(task, backoff(seal, step, 0), slk_error_text(&error, done), BACK_UNLUCKY);
}

static void complete_error(slk_task *task, const slk_step *step, slk_err code,
                           const slk_error *cause)
{
    slk_seal *seal = task->seal;
    if (code == SLK_E_CANCELED) {
        put_back(task, 0, "canceled", BACK_STOPPED);
        return;
    }
    slk_seal_verdict verdict = task->give_up ? SLK_SEAL_PERMANENT : slk_seal_verdict_of(code);
    bool never = step->max_attempts == 0;
    if (!never &&
        (verdict == SLK_SEAL_PERMANENT || (verdict == SLK_SEAL_RETRY && task->last_attempt))) {
        complete_failed(task, step, code, cause);
        return;
    }
    slk_counter_add(&slk_seal_counts_of(seal, step)->again, 1);
    bool counted = !never && verdict == SLK_SEAL_RETRY;
    int64_t waits = 0;
    if (slk_sql_number(&waits, seal->db, &read_waits, SLK_ARGS(slk_arg_i(task->id)), NULL) !=
        SLK_OK)
        waits = 0;
    int64_t delay = backoff(seal, step, counted ? task->attempts : waits);
    slk_log(SLK_LOG_WARN, "task.again", "step=%s sector=f0%lu/%lu in_ms=%ld why=\"%s\"", step->name,
            (unsigned long)task->sp_id, (unsigned long)task->number, (long)delay,
            slk_error_text(cause, code));
    put_back(task, delay, slk_error_text(cause, code), counted ? BACK_FAILED : BACK_UNLUCKY);
}

static void complete(slk_task *task, const slk_step *step, slk_err code, const slk_error *cause,
                     uint64_t took_us)
{
    if (slk_seal_is_dead(task->seal) ||
        slk_seal_crash_point(task->seal, "task.before_complete", NULL) != SLK_OK)
        return;
    if (code != SLK_OK)
        complete_error(task, step, code, cause);
    else if (task->wait)
        put_back(task, task->wait_ms > 0 ? task->wait_ms : step->interval_ms, task->note,
                 BACK_FINE);
    else
        complete_done(task, step, took_us);
    slk_seal_crash_here(task->seal, "task.after_complete");
}

static slk_task *new_task(slk_seal *seal)
{
    slk_task *task = slk_calloc(1, sizeof *task);
    if (!task)
        return NULL;
    task->seal = seal;
    slk_job_init(&task->job);
    return task;
}

static void free_task(slk_task *task)
{
    if (task && task->output && task->output_done)
        task->output_done(task->output);
    if (task)
        slk_free(task->output);
    slk_free(task);
}

static void run_claimed(slk_task *task, const slk_step *step, int64_t lease_until_ms)
{
    slk_seal_running running = {.task = task, .step = step, .lease_until_ms = lease_until_ms};
    enter_running(task->seal, &running);
    slk_error cause = {0};
    const uint64_t start_ns = slk_clock_monotonic_ns();
    slk_err code = slk_seal_crash_point(task->seal, "task.claimed", &cause);
    if (code == SLK_OK)
        code = step->run(task, &cause);
    leave_running(task->seal, &running);
    complete(task, step, code, &cause, (slk_clock_monotonic_ns() - start_ns) / 1000);
}

/* ---- several at once ---- */

struct together {
    slk_seal *seal;
    const slk_step *step;
    slk_task *task[SLK_SEAL_BATCH_MAX];
    slk_seal_running running[SLK_SEAL_BATCH_MAX];
    size_t n;
    unsigned places; /* taken for all but the first, which is its worker's own */
    int64_t oldest_ms; /* when the first of them was there to be done */
    uint64_t start_ns;
};

static void give_places(struct together *t, unsigned n)
{
    if (n == 0)
        return;
    slk_seal_give_places(t->seal, t->step->class, n);
    t->places -= n;
}

static void drop_tasks(struct together *t)
{
    for (size_t i = 0; i < t->n; i++)
        free_task(t->task[i]);
    t->n = 0;
}

static void together_done(struct together *t)
{
    give_places(t, t->places);
    drop_tasks(t);
}

/* Those that may join the first, not claimed yet. */
static slk_err find_mates(struct together *t, slk_error *error)
{
    slk_seal *seal = t->seal;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, seal->db, t->step->mates,
                         SLK_ARGS(slk_arg_i(t->task[0]->id), slk_arg_i(slk_seal_now(seal)),
                                  slk_arg_t(seal->folder_id[t->step->pipeline])),
                         error));
    for (bool row = true; t->n < t->places + 1u;) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        const int64_t id = slk_column_i64(&q, 0);
        const uint64_t sp_id = slk_u64(slk_column_i64(&q, 1));
        const uint64_t number = slk_u64(slk_column_i64(&q, 2));
        if (slk_task_must_wait(seal, t->step, id, sp_id, number))
            continue;
        slk_task *task = new_task(seal);
        if (!task)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        slk_task_fill(task, t->step, id, sp_id, number, slk_column_i64(&q, 3));
        task->created_ms = slk_column_i64(&q, 4);
        task->fence = slk_column_i64(&q, 5);
        slk_sql_copy_text(task->folder_id, sizeof task->folder_id, &q, 6);
        t->oldest_ms = task->created_ms < t->oldest_ms ? task->created_ms : t->oldest_ms;
        t->task[t->n++] = task;
    }
    return SLK_OK;
}

/* Claims the mates; those somebody else was quicker to claim drop out. */
static slk_err claim_mates(struct together *t, slk_error *error)
{
    size_t kept = 1;
    for (size_t i = 1; i < t->n; i++) {
        slk_task_claim c = {.seal = t->seal, .step = t->step, .task = t->task[i]};
        bool ours = false;
        const slk_err code = claim_found(&ours, &c, error);
        if (code != SLK_OK || !ours) {
            free_task(t->task[i]);
            t->task[i] = NULL;
            SLK_TRY(code);
            continue;
        }
        t->running[kept] = (slk_seal_running){
            .task = t->task[i], .step = t->step, .lease_until_ms = c.lease_until_ms};
        slk_task *task = t->task[i];
        t->task[i] = NULL;
        t->task[kept++] = task;
    }
    t->n = kept;
    give_places(t, t->places + 1u - (unsigned)kept);
    return SLK_OK;
}

static void end_member(void *context, size_t index, slk_err code, const slk_error *cause)
{
    struct together *t = context;
    leave_running(t->seal, &t->running[index]);
    complete(t->task[index], t->step, code, cause, (slk_clock_monotonic_ns() - t->start_ns) / 1000);
    free_task(t->task[index]);
    t->task[index] = NULL;
    if (t->places > 0)
        give_places(t, 1);
    slk_seal_wake(t->seal); /* what comes next for it need not wait for the others */
}

static void run_members(struct together *t)
{
    for (size_t i = 0; i < t->n; i++)
        enter_running(t->seal, &t->running[i]);
    t->start_ns = slk_clock_monotonic_ns();
    slk_error cause = {0};
    const slk_err code = slk_seal_crash_point(t->seal, "task.claimed", &cause);
    if (code == SLK_OK)
        t->step->run_many(t->task, t->n, end_member, t);
    for (size_t i = 0; i < t->n && code != SLK_OK; i++)
        end_member(t, i, code, &cause);
    for (size_t i = 0; i < t->n; i++)
        slk_assert(!t->task[i]);
}

/* All that may join the claimed task and that there is room for are claimed with it. Until there are as many as
 * wanted it is put back (n 0), but not for longer than the first of them may wait. */
static slk_err gather(struct together *t, slk_error *error)
{
    const slk_seal_options *o = &t->seal->options;
    t->places = slk_seal_take_places(t->seal, t->step->class, o->batch_sectors - 1);
    slk_err code = find_mates(t, error);
    const int64_t left_ms = t->oldest_ms + o->batch_wait_ms - slk_seal_now(t->seal);
    if (code == SLK_OK && t->n <= t->places && left_ms > 0) {
        char why[64];
        (void)snprintf(why, sizeof why, "%zu of %u are there to be done together", t->n,
                       t->places + 1);
        put_back(t->task[0], left_ms, why, BACK_FINE);
        drop_tasks(t);
        return SLK_OK;
    }
    if (code == SLK_OK)
        code = claim_mates(t, error);
    for (size_t i = 0; i < t->n && code != SLK_OK; i++)
        if (t->task[i] && t->task[i]->fence != 0) /* what was claimed goes back, the rest is free */
            put_back(t->task[i], 0, slk_error_text(error, code), BACK_UNLUCKY);
    return code;
}

/* Finds and claims one; another node may be quicker, and then the next one is as good. */
static slk_err claim_one(bool *ret_ours, slk_task_claim *c, slk_error *error)
{
    *ret_ours = false;
    for (unsigned round = 0; round < CLAIM_ROUNDS && !*ret_ours; round++) {
        SLK_TRY(slk_task_find(c, error));
        if (!c->step)
            return SLK_OK;
        SLK_TRY(claim_found(ret_ours, c, error));
    }
    return SLK_OK;
}

/* Claims a task and those that are done together with it; n 0: there was none, or they wait for others. */
static slk_err claim_together(bool *ret_ran, struct together *t, slk_task_class class,
                              slk_error *error)
{
    slk_task *task = new_task(t->seal);
    slk_task_claim c = {.seal = t->seal, .class = class, .task = task};
    if (!task)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    t->task[t->n++] = task;
    const slk_err code = claim_one(ret_ran, &c, error);
    if (code != SLK_OK || !*ret_ran) {
        drop_tasks(t);
        return code;
    }
    t->step = c.step;
    t->oldest_ms = task->created_ms;
    t->running[0] =
        (slk_seal_running){.task = task, .step = c.step, .lease_until_ms = c.lease_until_ms};
    return c.step->mates && t->seal->options.batch_sectors > 1 ? gather(t, error) : SLK_OK;
}

slk_err slk_task_run_one(bool *ret_ran, slk_seal *seal, slk_task_class class, slk_error *error)
{
    *ret_ran = false;
    if (slk_seal_is_dead(seal))
        return SLK_OK;
    SLK_CLEANUP(together_done) struct together t = {.seal = seal};
    /* One thread at a time, or each would have a part of what belongs together. */
    const bool alone = class == SLK_CLASS_COMPUTE && seal->options.batch_sectors > 1;
    if (alone)
        pthread_mutex_lock(&seal->gathering);
    const slk_err code = claim_together(ret_ran, &t, class, error);
    if (alone)
        pthread_mutex_unlock(&seal->gathering);
    SLK_TRY(code);
    if (t.n == 1)
        run_claimed(t.task[0], t.step, t.running[0].lease_until_ms);
    else if (t.n > 1)
        run_members(&t);
    return SLK_OK;
}
