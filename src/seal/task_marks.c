/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rows bear the ids of their tasks, and looks for work go by that. Both are written in one transaction; but a
 * task that somebody deleted by hand, or that a damaged file lost, would never be made again. */
#include "base/log.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/seal_impl.h"
#include "seal/task_impl.h"

#include <stdio.h>

#define ROWS_MAX 256u /* mended in one pass */

#define NO_TASK(table, column)                                                            \
    "SELECT sp_id, sector_number FROM " table " WHERE " column " IS NOT NULL AND " column \
    " NOT IN (SELECT id FROM task)"
#define PROVIDER(column) NO_TASK("rseal_provider_pipeline", column)
#define CLIENT(column) NO_TASK("rseal_client_pipeline", column)
#define SEALING(column) NO_TASK("sectors_sdr_pipeline", column)
#define OR " UNION ALL "
/* clang-format off */
#define ANY_NO_TASK \
    PROVIDER("task_id_ticket") \
    OR PROVIDER("task_id_sdr") \
    OR PROVIDER("task_id_tree_d") \
    OR PROVIDER("task_id_tree_c") \
    OR PROVIDER("task_id_tree_r") \
    OR PROVIDER("task_id_notify_client") \
    OR PROVIDER("task_id_finalize") \
    OR PROVIDER("task_id_cleanup") \
    OR CLIENT("task_id_step") \
    OR CLIENT("task_id_delegate") \
    OR CLIENT("task_id_poll") \
    OR CLIENT("task_id_fetch") \
    OR CLIENT("task_id_verify") \
    OR CLIENT("task_id_cleanup") \
    OR CLIENT("task_id_let_go") \
    OR CLIENT("task_id_renew") \
    OR SEALING("task_id_precommit_msg") \
    OR SEALING("task_id_precommit_wait") \
    OR SEALING("task_id_seed") \
    OR SEALING("task_id_c1") \
    OR SEALING("task_id_porep") \
    OR SEALING("task_id_commit_msg") \
    OR SEALING("task_id_commit_wait") \
    OR NO_TASK("rseal_client_placement", "task_id_let_go")
/* clang-format on */

static const slk_sql lost_marks = {"a sector's row names a task that is not there", ANY_NO_TASK};
static const slk_sql count_task = {
    "task.of_step",
    "SELECT count(*) FROM task WHERE kind = $1 AND sp_id = $2 AND sector_number = $3"};

const slk_sql *slk_task_lost_marks(void)
{
    return &lost_marks;
}

struct lost {
    uint64_t row[ROWS_MAX][2];
    size_t n;
    size_t at; /* the one to be mended */
};

static slk_err note_row(void *context, const char *promise, int64_t sp_id, int64_t number,
                        slk_error *error)
{
    struct lost *l = context;
    (void)promise;
    (void)error;
    if (l->n < ROWS_MAX) {
        l->row[l->n][0] = slk_u64(sp_id);
        l->row[l->n++][1] = slk_u64(number);
    }
    return SLK_OK;
}

/* Takes out of the row, of whichever role, all tasks that are not there. */
static slk_err mend_body(slk_db *db, void *context, slk_error *error)
{
    const struct lost *l = context;
    const uint64_t *row = l->row[l->at];
    size_t n;
    const slk_step *steps = slk_seal_steps(&n);
    for (size_t i = 0; i < n; i++) {
        int64_t tasks = 0;
        SLK_TRY(slk_sql_number(
            &tasks, db, &count_task,
            SLK_ARGS(slk_arg_t(steps[i].name), slk_arg_u(row[0]), slk_arg_u(row[1])), error));
        if (tasks == 0)
            SLK_TRY(slk_task_unmark(db, &steps[i], row[0], row[1], error));
    }
    return SLK_OK;
}

slk_err slk_task_mend_marks(slk_seal *seal, slk_error *error)
{
    struct lost l = {.n = 0};
    SLK_TRY(slk_state_visit_rows(seal->db, &lost_marks, note_row, &l, error));
    for (l.at = 0; l.at < l.n; l.at++)
        SLK_TRY(slk_db_tx(seal->db, mend_body, &l, error));
    if (l.n > 0)
        slk_log(SLK_LOG_ERROR, "task.marks_lost",
                "rows=%zu first=f0%lu/%lu next=\"their tasks are "
                "made again\"",
                l.n, (unsigned long)l.row[0][0], (unsigned long)l.row[0][1]);
    return SLK_OK;
}
