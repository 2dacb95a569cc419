/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the environment changes in the table. */
#include "lotus/resources.h"

#include "base/mem.h"
#include "base/num.h"
#include "lotus/resources_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZES 5u
#define NAME_CHARS 64u
#define NUMBER_CHARS 32u

static const char *const sizes[SIZES] = {"2K", "8M", "512M", "32G", "64G"}; /* proof modulo 5 */

typedef enum field {
    MIN_MEMORY,
    MAX_MEMORY,
    GPU_UTILIZATION,
    MAX_PARALLELISM,
    MAX_PARALLELISM_GPU,
    BASE_MIN_MEMORY,
    MAX_CONCURRENT,
    FIELDS
} field;

static const char *const fields[FIELDS] = {
    "MIN_MEMORY",          "MAX_MEMORY",      "GPU_UTILIZATION", "MAX_PARALLELISM",
    "MAX_PARALLELISM_GPU", "BASE_MIN_MEMORY", "MAX_CONCURRENT",
};

/* source: reference/lotus-worker 7 */
#define MULTICORE "FIL_PROOFS_USE_MULTICORE_SDR"
#define PRODUCERS "FIL_PROOFS_MULTICORE_SDR_PRODUCERS"
#define PRODUCERS_STANDARD 3

static const char *of_process(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

/* size NULL: the name without one. */
static void variable_name(char out[NAME_CHARS], slk_lotus_task task, const char *size, field which)
{
    (void)snprintf(out, NAME_CHARS, "%s_%s%s%s", slk_lotus_task_short(task),
                   size != NULL ? size : "", size != NULL ? "_" : "", fields[which]);
}

static slk_err no_number(const char *name, const char *value, const char *wanted, slk_error *error)
{
    return slk_fail(error, SLK_E_INVAL, "%s: \"%.40s\" is not %s", name, value, wanted);
}

static slk_err set_u64(uint64_t *ret, const char *name, const char *value, slk_error *error)
{
    uint64_t v;
    if (slk_parse_u64(&v, value) != SLK_OK || v > SLK_LOTUS_NEED_MAX_BYTES)
        return no_number(name, value, "a whole number up to 2^48, in bytes for memory", error);
    *ret = v;
    return SLK_OK;
}

static slk_err set_threads(int64_t *ret, const char *name, const char *value, slk_error *error)
{
    int64_t v;
    if (slk_parse_i64(&v, value) != SLK_OK || v < -1 || v > 1000000)
        return no_number(name, value, "a number of threads, or -1 for nearly all", error);
    *ret = v;
    return SLK_OK;
}

static slk_err set_share(double *ret, const char *name, const char *value, slk_error *error)
{
    char *end = NULL;
    const double v = strtod(value, &end);
    if (end == value || *end != '\0' || !(v >= 0 && v <= 1000))
        return no_number(name, value, "a number of graphics processors", error);
    *ret = v;
    return SLK_OK;
}

static slk_err set_field(slk_lotus_need *need, field which, const char *name, const char *value,
                         slk_error *error)
{
    uint64_t most = 0;
    switch (which) {
    case MIN_MEMORY:
        return set_u64(&need->min_memory, name, value, error);
    case MAX_MEMORY:
        return set_u64(&need->max_memory, name, value, error);
    case BASE_MIN_MEMORY:
        return set_u64(&need->base_min_memory, name, value, error);
    case GPU_UTILIZATION:
        return set_share(&need->gpu_utilization, name, value, error);
    case MAX_PARALLELISM:
        return set_threads(&need->max_parallelism, name, value, error);
    case MAX_PARALLELISM_GPU:
        return set_threads(&need->max_parallelism_gpu, name, value, error);
    case MAX_CONCURRENT:
        SLK_TRY(set_u64(&most, name, value, error));
        need->max_concurrent = slk_i64(most);
        return SLK_OK;
    case FIELDS:
    default:
        slk_assert(false);
        return SLK_E_INTERNAL;
    }
}

struct source {
    slk_lotus_env *get;
    void *context;
};

static const char *value_of(const struct source *env, slk_lotus_task task, const char *size,
                            field which, char name[NAME_CHARS])
{
    variable_name(name, task, size, which);
    return env->get(env->context, name);
}

static slk_err change_need(slk_lotus_need *need, slk_lotus_task task, const char *size,
                           const struct source *env, slk_error *error)
{
    for (unsigned f = 0; f < FIELDS; f++) {
        char name[NAME_CHARS];
        const char *value = value_of(env, task, size, (field)f, name);
        if (value == NULL || value[0] == '\0')
            value = value_of(env, task, NULL, (field)f, name);
        if (value != NULL && value[0] != '\0')
            SLK_TRY(set_field(need, (field)f, name, value, error));
    }
    return SLK_OK;
}

/* Threads of the official precommit 1 with its setting: itself and those that fetch for it. */
static slk_err multicore(int64_t *threads, const struct source *env, slk_error *error)
{
    const char *use = env->get(env->context, MULTICORE);
    const char *producers = env->get(env->context, PRODUCERS);
    if (use == NULL || strcmp(use, "1") != 0)
        return SLK_OK;
    uint64_t n = PRODUCERS_STANDARD;
    if (producers != NULL && producers[0] != '\0')
        SLK_TRY(set_u64(&n, PRODUCERS, producers, error));
    if (n > 1000)
        return no_number(PRODUCERS, producers, "a number of threads", error);
    *threads = 1 + slk_i64(n);
    return SLK_OK;
}

slk_err slk_lotus_need_table_env(slk_lotus_need_table *ret_table, slk_lotus_env *env, void *context,
                                 slk_error *error)
{
    const struct source source = {env != NULL ? env : of_process, context};
    int64_t threads = 1;
    SLK_CLEANUP(slk_freep) slk_lotus_need_table *table = slk_alloc(1, sizeof *table);
    if (table == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the table of resources");
    SLK_TRY(multicore(&threads, &source, error));
    slk_lotus_need_table_builtin(table);
    for (unsigned t = 0; t < SLK_LOTUS_TASKS; t++)
        for (int p = 0; p < SLK_LOTUS_PROOFS; p++) {
            const slk_lotus_task task = (slk_lotus_task)t;
            if (!slk_lotus_need_has_row(task, p))
                continue;
            if (task == SLK_LOTUS_PRECOMMIT1 || task == SLK_LOTUS_UNSEAL)
                table->need[t][p].max_parallelism = threads;
            SLK_TRY(
                change_need(&table->need[t][p], task, sizes[(unsigned)p % SIZES], &source, error));
        }
    *ret_table = *table;
    return SLK_OK;
}

static void print_field(char out[NUMBER_CHARS], const slk_lotus_need *need, field which)
{
    const int64_t numbers[FIELDS] = {
        [MIN_MEMORY] = slk_i64(need->min_memory),
        [MAX_MEMORY] = slk_i64(need->max_memory),
        [MAX_PARALLELISM] = need->max_parallelism,
        [MAX_PARALLELISM_GPU] = need->max_parallelism_gpu,
        [BASE_MIN_MEMORY] = slk_i64(need->base_min_memory),
        [MAX_CONCURRENT] = need->max_concurrent,
    };
    if (which == GPU_UTILIZATION)
        (void)snprintf(out, NUMBER_CHARS, "%g", need->gpu_utilization);
    else
        (void)snprintf(out, NUMBER_CHARS, "%" PRId64, numbers[which]);
}

void slk_lotus_need_variables(slk_lotus_env *env, void *env_context, slk_lotus_take_variable *take,
                              void *take_context)
{
    const struct source source = {env != NULL ? env : of_process, env_context};
    for (unsigned t = 0; t < SLK_LOTUS_TASKS; t++)
        for (unsigned size = 0; size < SIZES; size++) {
            const slk_lotus_task task = (slk_lotus_task)t;
            const slk_lotus_need need = slk_lotus_need_builtin(task, size);
            if (!slk_lotus_need_has_row(task, size))
                continue;
            for (unsigned f = 0; f < FIELDS; f++) {
                char name[NAME_CHARS], standard[NUMBER_CHARS];
                const char *value = value_of(&source, task, sizes[size], (field)f, name);
                print_field(standard, &need, (field)f);
                if (!take(take_context, name, value, standard))
                    return;
            }
        }
}
