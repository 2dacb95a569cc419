/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lotus's table of what tasks need, and its JSON. */
#include "lotus/resources.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "lotus/lotus_impl.h"
#include "lotus/resources_impl.h"

#include <stdio.h>
#include <string.h>

#define SIZES 5u /* 2K 8M 512M 32G 64G: proof number modulo 5 */
#define PROOFS_WITH_ROWS 15 /* the non-interactive ones have none */

#define K(n) ((uint64_t)(n) << 10)
#define M(n) ((uint64_t)(n) << 20)
#define G(n) ((uint64_t)(n) << 30)

/* Memory, threads, threads beside a graphics processor, graphics processors. */
#define NEED(min, max, base, threads, threads_gpu, gpu)                      \
    {                                                                        \
        .min_memory = (min), .max_memory = (max), .base_min_memory = (base), \
        .max_parallelism = (threads), .max_parallelism_gpu = (threads_gpu),  \
        .gpu_utilization = (gpu)                                             \
    }
#define SAME(bytes, threads, gpu) NEED(bytes, bytes, bytes, threads, 0, gpu)
#define EVERYWHERE(need) need, need, need, need, need

/* source: reference/lotus-worker 7 */
#define ROW_PC1                                                                      \
    {                                                                                \
        SAME(K(2), 1, 0), SAME(M(8), 1, 0), NEED(M(768), G(1), M(1), 1, 0, 0),       \
            NEED(G(56), G(64), M(10), 1, 0, 0), NEED(G(112), G(128), M(10), 1, 0, 0) \
    }
#define ROW_C1                                                                                   \
    {                                                                                            \
        SAME(K(2), 0, 0), SAME(M(8), 0, 0), SAME(G(1), 0, 0), SAME(G(1), 0, 0), SAME(G(1), 0, 0) \
    }
#define ROW_C2                                                                         \
    {                                                                                  \
        SAME(K(2), 1, 1), SAME(M(8), 1, 1), NEED(G(1), M(1536), G(10), 1, 0, 1),       \
            NEED(G(30), G(150), G(32), -1, 6, 1), NEED(G(60), G(190), G(64), -1, 6, 1) \
    }
#define ROW_RU                                                                                 \
    {                                                                                          \
        SAME(K(2), 1, 1), SAME(M(8), 1, 1), SAME(G(1), 1, 1), NEED(G(4), G(4), G(1), 1, 6, 1), \
            NEED(G(8), G(8), G(1), 1, 6, 1)                                                    \
    }

static const struct row {
    bool there; /* tasks without a row need nothing */
    slk_lotus_need need[SIZES];
} rows[SLK_LOTUS_TASKS] = {
    [SLK_LOTUS_ADD_PIECE] = {true,
                             {SAME(K(2), 1, 0), SAME(M(8), 1, 0), SAME(G(1), 1, 0),
                              NEED(G(4), G(4), G(1), 1, 0, 0), NEED(G(8), G(8), G(1), 1, 0, 0)}},
    [SLK_LOTUS_PRECOMMIT1] = {true, ROW_PC1},
    [SLK_LOTUS_UNSEAL] = {true, ROW_PC1},
    [SLK_LOTUS_PRECOMMIT2] = {true,
                              {SAME(K(2), -1, 0), SAME(M(8), -1, 0),
                               NEED(G(1), M(1536), G(1), -1, 0, 0),
                               NEED(G(15), G(15), G(1), -1, 6, 1),
                               NEED(G(30), G(30), G(1), -1, 6, 1)}},
    [SLK_LOTUS_COMMIT1] = {true, ROW_C1},
    [SLK_LOTUS_PROVE_UPDATE1] = {true, ROW_C1},
    [SLK_LOTUS_COMMIT2] = {true, ROW_C2},
    [SLK_LOTUS_PROVE_UPDATE2] = {true, ROW_C2},
    [SLK_LOTUS_FETCH] = {true, {EVERYWHERE(NEED(M(1), M(1), 0, 0, 0, 0))}},
    [SLK_LOTUS_REPLICA_UPDATE] = {true, ROW_RU},
    [SLK_LOTUS_REGEN_KEY] = {true, ROW_RU},
    [SLK_LOTUS_DATA_CID] = {true, {EVERYWHERE(NEED(G(4), G(4), G(1), 1, 0, 0))}},
    [SLK_LOTUS_WINDOW_POST] = {true,
                               {SAME(K(2), 1, 1), SAME(M(8), 1, 1),
                                NEED(G(1), M(1536), G(10), 1, 0, 1),
                                NEED(G(30), G(96), G(32), -1, 6, 1),
                                NEED(G(60), G(120), G(64), -1, 6, 1)}},
    [SLK_LOTUS_WINNING_POST] = {true,
                                {SAME(K(2), 1, 1), SAME(M(8), 1, 1),
                                 NEED(K(2), K(2), G(10), 1, 0, 1),
                                 NEED(G(1), G(1), G(32), -1, 6, 1),
                                 NEED(G(1), G(1), G(64), -1, 6, 1)}},
};

bool slk_lotus_need_has_row(slk_lotus_task task, int64_t proof)
{
    return rows[task].there && proof < PROOFS_WITH_ROWS;
}

slk_lotus_need slk_lotus_need_builtin(slk_lotus_task task, int64_t proof)
{
    slk_assert(task < SLK_LOTUS_TASKS && proof >= 0 && proof < SLK_LOTUS_PROOFS);
    if (!slk_lotus_need_has_row(task, proof))
        return (slk_lotus_need){0};
    return rows[task].need[(unsigned)proof % SIZES];
}

void slk_lotus_need_table_builtin(slk_lotus_need_table *ret_table)
{
    for (unsigned t = 0; t < SLK_LOTUS_TASKS; t++)
        for (int p = 0; p < SLK_LOTUS_PROOFS; p++)
            ret_table->need[t][p] = slk_lotus_need_builtin((slk_lotus_task)t, p);
}

/* ---- JSON */

static slk_err read_threads(int64_t *ret, const json_t *value, const char *field, slk_error *error)
{
    SLK_TRY(slk_lotus_get_i64(ret, value, field, error));
    if (*ret < -1 || *ret > 1000000)
        return slk_fail(error, SLK_E_INVAL, "%s: not a number of threads", field);
    return SLK_OK;
}

static slk_err read_memory(uint64_t *ret, const json_t *value, const char *field, slk_error *error)
{
    SLK_TRY(slk_lotus_get_u64(ret, value, field, error));
    *ret = slk_min_u64(*ret, SLK_LOTUS_NEED_MAX_BYTES);
    return SLK_OK;
}

static slk_err read_need(slk_lotus_need *need, const json_t *value, slk_error *error)
{
    if (!json_is_object(value))
        return slk_fail(error, SLK_E_INVAL, "not an object");
    uint64_t most = 0;
    SLK_TRY(read_memory(&need->min_memory, value, "MinMemory", error));
    SLK_TRY(read_memory(&need->max_memory, value, "MaxMemory", error));
    SLK_TRY(read_memory(&need->base_min_memory, value, "BaseMinMemory", error));
    SLK_TRY(slk_lotus_get_number(&need->gpu_utilization, value, "GPUUtilization", error));
    SLK_TRY(read_threads(&need->max_parallelism, value, "MaxParallelism", error));
    SLK_TRY(read_threads(&need->max_parallelism_gpu, value, "MaxParallelismGPU", error));
    SLK_TRY(slk_lotus_get_u64(&most, value, "MaxConcurrent", error));
    need->max_concurrent = slk_i64(most);
    return SLK_OK;
}

/* "0" … "19", in that spelling; -1: another key. */
static int proof_of(const char *key)
{
    char again[8];
    for (int p = 0; p < SLK_LOTUS_PROOFS; p++) {
        (void)snprintf(again, sizeof again, "%d", p);
        if (strcmp(again, key) == 0)
            return p;
    }
    return -1;
}

static slk_err read_task(slk_lotus_need *needs, json_t *value, slk_error *error)
{
    const char *key;
    json_t *member;
    if (json_is_null(value))
        return SLK_OK;
    if (!json_is_object(value))
        return slk_fail(error, SLK_E_INVAL, "not an object");
    json_object_foreach(value, key, member)
    {
        const int proof = proof_of(key);
        if (proof >= 0)
            SLK_TRY(slk_lotus_named(read_need(&needs[proof], member, error), key, error));
    }
    return SLK_OK;
}

slk_err slk_lotus_need_table_read(slk_lotus_need_table *ret_table, const json_t *value,
                                  const char *what, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_lotus_need_table *table = slk_alloc(1, sizeof *table);
    if (table == NULL)
        return slk_fail(error, SLK_E_NOMEM, "%s: out of memory", what);
    if (value != NULL && !json_is_null(value) && !json_is_object(value))
        return slk_fail(error, SLK_E_INVAL, "%s: not an object", what);
    slk_lotus_need_table_builtin(table);
    for (unsigned t = 0; t < SLK_LOTUS_TASKS; t++) {
        const char *name = slk_lotus_task_name((slk_lotus_task)t);
        json_t *member = json_object_get(value, name);
        if (member == NULL)
            continue;
        slk_err code = slk_lotus_named(read_task(table->need[t], member, error), name, error);
        if (code != SLK_OK)
            return slk_lotus_named(code, what, error);
    }
    *ret_table = *table;
    return SLK_OK;
}

static json_t *need_json(const slk_lotus_need *need)
{
    return json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I}", "MinMemory",
                     (json_int_t)need->min_memory, "MaxMemory", (json_int_t)need->max_memory,
                     "GPUUtilization", slk_lotus_number_json(need->gpu_utilization),
                     "MaxParallelism", (json_int_t)need->max_parallelism, "MaxParallelismGPU",
                     (json_int_t)need->max_parallelism_gpu, "BaseMinMemory",
                     (json_int_t)need->base_min_memory, "MaxConcurrent",
                     (json_int_t)need->max_concurrent);
}

static bool is_nothing(const slk_lotus_need *need)
{
    return need->min_memory == 0 && need->max_memory == 0 && need->base_min_memory == 0 &&
           need->gpu_utilization <= 0 && need->max_parallelism == 0 &&
           need->max_parallelism_gpu == 0 && need->max_concurrent == 0;
}

/* Of one task: what the reader could not know. NULL: out of memory. */
static json_t *task_json(slk_lotus_task task, const slk_lotus_need *needs)
{
    char key[8];
    json_t *object = json_object();
    for (int p = 0; p < SLK_LOTUS_PROOFS && object != NULL; p++) {
        if (is_nothing(&needs[p]) && !slk_lotus_need_has_row(task, p))
            continue;
        (void)snprintf(key, sizeof key, "%d", p);
        if (json_object_set_new(object, key, need_json(&needs[p])) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

json_t *slk_lotus_need_table_json(const slk_lotus_need_table *table)
{
    json_t *object = json_object();
    for (unsigned t = 0; t < SLK_LOTUS_TASKS && object != NULL; t++) {
        json_t *task = task_json((slk_lotus_task)t, table->need[t]);
        if (task != NULL && json_object_size(task) == 0) {
            json_decref(task);
            continue;
        }
        if (json_object_set_new(object, slk_lotus_task_name((slk_lotus_task)t), task) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}
