/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "lotus/task.h"

#include "codec/json.h"

#include <string.h>

static const struct {
    const char *name, *brief;
    int order;
} tasks[SLK_LOTUS_TASKS] = {
    [SLK_LOTUS_ADD_PIECE] = {"seal/v0/addpiece", "AP", 9},
    [SLK_LOTUS_PRECOMMIT1] = {"seal/v0/precommit/1", "PC1", 5},
    [SLK_LOTUS_PRECOMMIT2] = {"seal/v0/precommit/2", "PC2", 4},
    [SLK_LOTUS_COMMIT1] = {"seal/v0/commit/1", "C1", 2},
    [SLK_LOTUS_COMMIT2] = {"seal/v0/commit/2", "C2", 3},
    [SLK_LOTUS_UNSEAL] = {"seal/v0/unseal", "UNS", 1},
    [SLK_LOTUS_FETCH] = {"seal/v0/fetch", "GET", -1},
    [SLK_LOTUS_FINALIZE] = {"seal/v0/finalize", "FIN", -3},
    [SLK_LOTUS_FINALIZE_UNSEALED] = {"seal/v0/finalizeunsealed", "FUS", -4},
    [SLK_LOTUS_DATA_CID] = {"seal/v0/datacid", "DC", 10},
    [SLK_LOTUS_REPLICA_UPDATE] = {"seal/v0/replicaupdate", "RU", 8},
    [SLK_LOTUS_PROVE_UPDATE1] = {"seal/v0/provereplicaupdate/1", "PR1", 6},
    [SLK_LOTUS_PROVE_UPDATE2] = {"seal/v0/provereplicaupdate/2", "PR2", 7},
    [SLK_LOTUS_REGEN_KEY] = {"seal/v0/regensectorkey", "GSK", 11},
    [SLK_LOTUS_FINALIZE_UPDATE] = {"seal/v0/finalize/replicaupdate", "FRU", 0},
    [SLK_LOTUS_DOWNLOAD] = {"seal/v0/download/sector", "DL", -2},
    [SLK_LOTUS_WINDOW_POST] = {"post/v0/windowproof", "WDP", -5},
    [SLK_LOTUS_WINNING_POST] = {"post/v0/winningproof", "WNP", -6},
};

const char *slk_lotus_task_name(slk_lotus_task task)
{
    slk_assert(task < SLK_LOTUS_TASKS);
    return tasks[task].name;
}

const char *slk_lotus_task_short(slk_lotus_task task)
{
    slk_assert(task < SLK_LOTUS_TASKS);
    return tasks[task].brief;
}

int slk_lotus_task_order(slk_lotus_task task)
{
    slk_assert(task < SLK_LOTUS_TASKS);
    return tasks[task].order;
}

bool slk_lotus_task_of_name(slk_lotus_task *ret_task, const char *name)
{
    for (unsigned i = 0; i < SLK_LOTUS_TASKS; i++)
        if (strcmp(tasks[i].name, name) == 0) {
            *ret_task = (slk_lotus_task)i;
            return true;
        }
    return false;
}

bool slk_lotus_task_of_short(slk_lotus_task *ret_task, const char *name)
{
    for (unsigned i = 0; i < SLK_LOTUS_TASKS; i++)
        if (strcmp(tasks[i].brief, name) == 0) {
            *ret_task = (slk_lotus_task)i;
            return true;
        }
    return false;
}

int slk_lotus_task_compare(slk_lotus_task a, int64_t priority_a, slk_lotus_task b,
                           int64_t priority_b)
{
    const int order_a = slk_lotus_task_order(a), order_b = slk_lotus_task_order(b);
    if ((order_a < 0) != (order_b < 0))
        return order_a < 0 ? -1 : 1;
    if (priority_a != priority_b)
        return priority_a > priority_b ? -1 : 1;
    return order_a - order_b;
}

#define TASK_NAMES_MAX 256u

slk_err slk_lotus_task_set_read(slk_lotus_task_set *ret_set, const json_t *value, const char *what,
                                slk_error *error)
{
    if (!json_is_object(value) || json_object_size(value) > TASK_NAMES_MAX)
        return slk_fail(error, SLK_E_INVAL, "%s: not an object of at most %u tasks", what,
                        TASK_NAMES_MAX);
    slk_lotus_task_set set = 0;
    for (unsigned i = 0; i < SLK_LOTUS_TASKS; i++)
        if (json_object_get(value, tasks[i].name) != NULL)
            set |= SLK_LOTUS_TASK_BIT(i);
    *ret_set = set;
    return SLK_OK;
}

json_t *slk_lotus_task_set_json(slk_lotus_task_set set)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < SLK_LOTUS_TASKS && object != NULL; i++)
        if ((set & SLK_LOTUS_TASK_BIT(i)) != 0 &&
            json_object_set_new(object, tasks[i].name, json_object()) != 0) {
            json_decref(object);
            object = NULL;
        }
    return object;
}
