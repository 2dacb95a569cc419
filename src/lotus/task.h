/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Kinds of work a worker may do: Lotus's names, their short forms and their order.
 * source: reference/lotus-worker 4.2 */
#ifndef SLK_LOTUS_TASK_H
#define SLK_LOTUS_TASK_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum slk_lotus_task {
    SLK_LOTUS_ADD_PIECE,
    SLK_LOTUS_PRECOMMIT1,
    SLK_LOTUS_PRECOMMIT2,
    SLK_LOTUS_COMMIT1,
    SLK_LOTUS_COMMIT2,
    SLK_LOTUS_UNSEAL,
    SLK_LOTUS_FETCH,
    SLK_LOTUS_FINALIZE,
    SLK_LOTUS_FINALIZE_UNSEALED,
    SLK_LOTUS_DATA_CID,
    SLK_LOTUS_REPLICA_UPDATE,
    SLK_LOTUS_PROVE_UPDATE1,
    SLK_LOTUS_PROVE_UPDATE2,
    SLK_LOTUS_REGEN_KEY,
    SLK_LOTUS_FINALIZE_UPDATE,
    SLK_LOTUS_DOWNLOAD,
    SLK_LOTUS_WINDOW_POST,
    SLK_LOTUS_WINNING_POST,
    SLK_LOTUS_TASKS /* how many */
} slk_lotus_task;

/* "seal/v0/precommit/1" and "PC1". */
const char *slk_lotus_task_name(slk_lotus_task task);
const char *slk_lotus_task_short(slk_lotus_task task);
/* By either; false: no such task. */
bool slk_lotus_task_of_name(slk_lotus_task *ret_task, const char *name);
bool slk_lotus_task_of_short(slk_lotus_task *ret_task, const char *name);

/* Lotus's order number: negative ones come before all others whatever the priority, then the lower first. */
int slk_lotus_task_order(slk_lotus_task task);
/* <0: a request for task a with its priority goes before one for b; 0: neither. Greater priorities first. */
int slk_lotus_task_compare(slk_lotus_task a, int64_t priority_a, slk_lotus_task b,
                           int64_t priority_b);

/* A set of tasks: bit 1 << task. */
typedef uint32_t slk_lotus_task_set;
#define SLK_LOTUS_TASK_BIT(task) ((slk_lotus_task_set)1 << (unsigned)(task))

/* {"seal/v0/addpiece":{},…}. Names we do not know are passed over: a newer peer may have them. */
SLK_MUST_CHECK slk_err slk_lotus_task_set_read(slk_lotus_task_set *ret_set, const json_t *value,
                                               const char *what, slk_error *error);
json_t *slk_lotus_task_set_json(slk_lotus_task_set set); /* NULL: out of memory */

#endif
