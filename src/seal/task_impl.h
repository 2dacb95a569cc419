/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the task engine share: finding whose turn it is (task_find.c), claims and their ends
 * (task.c), keeping and dropping (task_keep.c). */
#ifndef SLK_SEAL_TASK_IMPL_H
#define SLK_SEAL_TASK_IMPL_H

#include "db/db.h"
#include "seal/seal.h"
#include "seal/task.h"

#include <stdbool.h>
#include <stdint.h>

/* A lease that ends so many leases ahead is from before the clock was set back. */
#define SLK_TASK_FAR_LEASES 10

/* A task that was found, on its way to being ours. */
typedef struct slk_task_claim {
    slk_seal *seal;
    slk_task_class class;
    const slk_step *step; /* NULL: nothing found */
    slk_task *task; /* the caller's */
    int64_t lease_until_ms;
} slk_task_claim;

/* Fills c->step and c->task with the task of that class whose turn it is, among those this node may run
 * and can begin (slk_task_must_wait); c->step NULL when there is none. Nothing is claimed. Turns go by the
 * time a task has been due, whether it is new or comes back, so none is passed over for ever; a lease that
 * is over comes first. Costs a few looks into an index, however many wait. */
SLK_MUST_CHECK slk_err slk_task_find(slk_task_claim *c, slk_error *error);

/* n numbers from *ret_first on that no task of this database has or had as id or fence. */
SLK_MUST_CHECK slk_err slk_task_take_numbers(int64_t *ret_first, slk_seal *seal, int64_t n,
                                             slk_error *error);

/* Whether this node does that pipeline's tasks. */
bool slk_task_role_on(const slk_seal *seal, slk_pipeline pipeline);

/* NULL for a name that no step has. */
const slk_step *slk_task_step_named(const char *name);
/* Whether a thread of this process still works on that task, its lease being over, or uses the files that it
 * needs. The workers look again when that ends. */
bool slk_task_must_wait(slk_seal *seal, const slk_step *step, int64_t id, uint64_t sp_id,
                        uint64_t number);
void slk_task_fill(slk_task *task, const slk_step *step, int64_t id, uint64_t sp_id,
                   uint64_t number, int64_t attempts);

/* Inside a transaction: takes the step's task out of its row. */
SLK_MUST_CHECK slk_err slk_task_unmark(slk_db *db, const slk_step *step, uint64_t sp_id,
                                       uint64_t number, slk_error *error);

/* Finds the rows that name a task that is not there: sp_id, sector_number. Its name is the promise. */
const slk_sql *slk_task_lost_marks(void);
/* At a start: makes such rows ready again, 256 of them; the next start takes more. */
SLK_MUST_CHECK slk_err slk_task_mend_marks(slk_seal *seal, slk_error *error);

#endif
