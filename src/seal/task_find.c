/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whose turn it is. */
#include "base/mem.h"
#include "db/args.h"
#include "seal/seal_impl.h"
#include "seal/task_impl.h"

#include <string.h>

/* Further ahead than any back-off of the steps; the waits of the options come on top. */
#define FAR_MS (INT64_C(2) * 3600 * 1000)
/* Numbers fetched at once: a node that ends wastes the rest, and of two nodes' new tasks that many may
 * come before older ones. */
#define NUMBERS_BLOCK 256

/* Ids and fences come from one sequence, so that neither is ever used twice: a holder of a task that was
 * dropped and made again cannot take the new one for its own. They are taken outside of transactions,
 * which would otherwise all meet at this one row. */
static const slk_sql take_numbers = {
    "task.sequence",
    "UPDATE seal_sequence SET value = value + $1 WHERE name = 'task' RETURNING value"};

/* Each part is one range of the index task_turn (schema.c), read from its start: $9 tasks of each, without a
 * common order, so that nothing is sorted. New tasks have 0 in not_before_ms, and their ids give the
 * order. A clock that was set back leaves times far ahead: what no delay of ours reaches ($5) counts as
 * due, a lease like that ($6) as over. The fence keeps that harmless. */
#define COLUMNS "id, kind, sp_id, sector_number, attempts, created_ms, fence, folder_id"
#define RANGE(role, on, folder, range, due, name)                                           \
    "SELECT * FROM (SELECT " COLUMNS ", " due " AS due FROM task"                           \
    " WHERE owner IS NULL AND class = $1 AND pipeline = '" role "' AND folder_id = " folder \
    " AND " range " AND " on " = 1 ORDER BY not_before_ms, id LIMIT $9) " name
#define RANGES(role, on, folder, name)                                                           \
    RANGE(role, on, folder, "not_before_ms = 0", "created_ms", name "_new")                      \
    " UNION ALL " RANGE(role, on, folder, "not_before_ms > 0 AND not_before_ms <= $2",           \
                        "not_before_ms",                                                         \
                        name "_due") " UNION ALL " RANGE(role, on, folder, "not_before_ms > $5", \
                                                         "created_ms", name "_far")
#define ROLE(role, on, folder) \
    RANGES(role, on, "''", role "_any") " UNION ALL " RANGES(role, on, folder, role "_here")
static const slk_sql find_task = {
    "task.find",
    ROLE("provider", "$3", "$7") " UNION ALL " ROLE(
        "client", "$4",
        "$8") " UNION ALL SELECT * FROM (SELECT " COLUMNS ", 0 AS due FROM task"
              " WHERE owner IS NOT NULL AND class = $1 AND (lease_until_ms < $2 OR lease_until_ms "
              "> $6)"
              " AND ((pipeline = 'provider' AND $3 = 1 AND folder_id IN ('', $7))"
              " OR (pipeline = 'client' AND $4 = 1 AND folder_id IN ('', $8))) LIMIT $9) lost"};

/* ---- numbers ---- */

slk_err slk_task_take_numbers(int64_t *ret_first, slk_seal *seal, int64_t n, slk_error *error)
{
    slk_assert(n > 0 && n <= NUMBERS_BLOCK);
    pthread_mutex_lock(&seal->mutex);
    if (seal->numbers_left >= n) {
        *ret_first = seal->numbers_next;
        seal->numbers_next += n;
        seal->numbers_left -= n;
        n = 0;
    }
    pthread_mutex_unlock(&seal->mutex);
    if (n == 0)
        return SLK_OK;
    int64_t last = 0;
    SLK_TRY(
        slk_sql_number(&last, seal->db, &take_numbers, SLK_ARGS(slk_arg_i(NUMBERS_BLOCK)), error));
    const int64_t first = last - NUMBERS_BLOCK + 1;
    pthread_mutex_lock(&seal->mutex);
    seal->numbers_next = first + n;
    seal->numbers_left = NUMBERS_BLOCK - n;
    pthread_mutex_unlock(&seal->mutex);
    *ret_first = first;
    return SLK_OK;
}

/* ---- finding ---- */

const slk_step *slk_task_step_named(const char *name)
{
    size_t n;
    const slk_step *steps = slk_seal_steps(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(steps[i].name, name) == 0)
            return &steps[i];
    return NULL;
}

static bool runs_here(slk_seal *seal, int64_t id)
{
    pthread_mutex_lock(&seal->mutex);
    bool found = false;
    for (slk_seal_running *r = seal->running; r; r = r->next)
        found = found || r->task->id == id;
    pthread_mutex_unlock(&seal->mutex);
    return found;
}

bool slk_task_must_wait(slk_seal *seal, const slk_step *step, int64_t id, uint64_t sp_id,
                        uint64_t number)
{
    return runs_here(seal, id) ||
           (step->files && slk_seal_files_await(seal, step->pipeline, sp_id, number));
}

/* The most tasks of a class that must wait: of a sector at most one of them needs its files. */
static int64_t count_waiting(slk_seal *seal)
{
    int64_t n = 0;
    pthread_mutex_lock(&seal->mutex);
    for (const slk_seal_running *r = seal->running; r; r = r->next)
        n++;
    for (const slk_seal_file_user *u = seal->file_users; u; u = u->next)
        n++;
    pthread_mutex_unlock(&seal->mutex);
    return n;
}

void slk_task_fill(slk_task *task, const slk_step *step, int64_t id, uint64_t sp_id,
                   uint64_t number, int64_t attempts)
{
    task->id = id;
    task->sp_id = sp_id;
    task->number = number;
    task->attempts = attempts;
    task->last_attempt = step->max_attempts > 0 && attempts + 1 >= step->max_attempts;
}

/* A task on offer, and since when it is due. */
typedef struct offer {
    slk_task_claim *claim;
    int64_t due_ms;
    bool passed_over; /* one that must wait */
} offer;

/* Keeps the current row if it is due longer than what is kept already. */
static void consider(offer *best, const slk_query *q)
{
    slk_task_claim *c = best->claim;
    const int64_t id = slk_column_i64(q, 0), due_ms = slk_column_i64(q, 8);
    const uint64_t sp_id = slk_u64(slk_column_i64(q, 2)), number = slk_u64(slk_column_i64(q, 3));
    const char *kind = slk_column_text(q, 1);
    const slk_step *step = slk_task_step_named(kind ? kind : "");
    if (!step)
        return;
    if (slk_task_must_wait(c->seal, step, id, sp_id, number)) {
        best->passed_over = true;
        return;
    }
    if (c->step && (due_ms > best->due_ms || (due_ms == best->due_ms && id > c->task->id)))
        return;
    c->step = step;
    best->due_ms = due_ms;
    slk_task_fill(c->task, step, id, sp_id, number, slk_column_i64(q, 4));
    c->task->created_ms = slk_column_i64(q, 5);
    c->task->fence = slk_column_i64(q, 6);
    slk_sql_copy_text(c->task->folder_id, sizeof c->task->folder_id, q, 7);
}

/* The best of the first few of each range. */
static slk_err find_among(offer *best, int64_t few, slk_error *error)
{
    slk_task_claim *c = best->claim;
    slk_seal *seal = c->seal;
    const slk_seal_options *o = &seal->options;
    const int64_t now = slk_seal_now(seal);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(
        &q, seal->db, &find_task,
        SLK_ARGS(slk_arg_t(slk_task_class_name(c->class)), slk_arg_i(now), slk_arg_i(o->provider),
                 slk_arg_i(o->client),
                 slk_arg_i(now + FAR_MS + o->poll_ms + o->batch_wait_ms + o->chain_poll_ms),
                 slk_arg_i(now + SLK_TASK_FAR_LEASES * o->lease_ms),
                 slk_arg_t(seal->folder_id[SLK_PIPELINE_PROVIDER]),
                 slk_arg_t(seal->folder_id[SLK_PIPELINE_CLIENT]), slk_arg_i(few)),
        error));
    c->step = NULL;
    best->passed_over = false;
    for (;;) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        consider(best, &q);
    }
}

static bool has_steps(const slk_seal *seal, slk_task_class class)
{
    size_t n;
    const slk_step *steps = slk_seal_steps(&n);
    for (size_t i = 0; i < n; i++)
        if (steps[i].class == class && slk_task_role_on(seal, steps[i].pipeline))
            return true;
    return false;
}

slk_err slk_task_find(slk_task_claim *c, slk_error *error)
{
    c->step = NULL;
    if (!has_steps(c->seal, c->class))
        return SLK_OK;
    offer best = {.claim = c};
    SLK_TRY(find_among(&best, 1, error));
    return best.passed_over ? find_among(&best, count_waiting(c->seal) + 1, error) : SLK_OK;
}
