/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What tasks need of a machine: Lotus's table, what changes it, and whether something fits.
 *
 * All of it is arithmetic on plain structs. source: reference/lotus-worker 4.3, 7 */
#ifndef SLK_LOTUS_RESOURCES_H
#define SLK_LOTUS_RESOURCES_H

#include "base/err.h"
#include "lotus/strings.h"
#include "lotus/task.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_LOTUS_PROOFS 20 /* registered seal proofs, 0..19 */

/* More memory than this is as good as endless: sums of needs then stay within 64 bits. What comes from a
 * peer is cut to it. */
#define SLK_LOTUS_NEED_MAX_BYTES (UINT64_C(1) << 48)

/* Of one task on one kind of sector. Memory in bytes. */
typedef struct slk_lotus_need {
    uint64_t min_memory; /* must be in memory itself */
    uint64_t max_memory; /* at most, with swap */
    uint64_t base_min_memory; /* beside it, shared data such as parameters */
    double gpu_utilization; /* graphics processors, in parts of one; 0: none */
    int64_t max_parallelism; /* threads; -1: nearly all */
    int64_t
        max_parallelism_gpu; /* threads where a graphics processor does the work; 0: as without */
    int64_t max_concurrent; /* of this task and proof at a time; 0: no limit */
} slk_lotus_need;

/* Row of Lotus's table. Tasks without a row, and non-interactive proofs, need nothing: all zero. */
slk_lotus_need slk_lotus_need_builtin(slk_lotus_task task, int64_t proof);

/* Every task and proof. 20 KB; one per worker. */
typedef struct slk_lotus_need_table {
    slk_lotus_need need[SLK_LOTUS_TASKS][SLK_LOTUS_PROOFS];
} slk_lotus_need_table;

void slk_lotus_need_table_builtin(slk_lotus_need_table *ret_table);

/* Value of an environment variable, NULL: not set. */
typedef const char *slk_lotus_env(void *context, const char *name);

/* The table with what the environment changes: <SHORT>_<SIZE>_<FIELD> and <SHORT>_<FIELD>, the one with
 * a size wins; and precommit 1's threads of FIL_PROOFS_USE_MULTICORE_SDR. env NULL: that of this process.
 * SLK_E_INVAL names a variable that is no number. */
SLK_MUST_CHECK slk_err slk_lotus_need_table_env(slk_lotus_need_table *ret_table, slk_lotus_env *env,
                                                void *context, slk_error *error);

/* All variables that could be set, one call of `take` each, value NULL when it is not; stops when take
 * returns false. standard: what holds without it. For `selkie worker resources`. */
typedef bool slk_lotus_take_variable(void *context, const char *name, const char *value,
                                     const char *standard);
void slk_lotus_need_variables(slk_lotus_env *env, void *env_context, slk_lotus_take_variable *take,
                              void *take_context);

/* {task:{"5":{"MinMemory":…}}}; null or a missing entry means the built-in row; unknown tasks and proofs
 * are passed over. */
SLK_MUST_CHECK slk_err slk_lotus_need_table_read(slk_lotus_need_table *ret_table,
                                                 const json_t *value, const char *what,
                                                 slk_error *error);
json_t *slk_lotus_need_table_json(const slk_lotus_need_table *table); /* NULL: out of memory */

/* ---- A machine. */
typedef struct slk_lotus_machine {
    uint64_t mem_physical, mem_used, mem_swap, mem_swap_used; /* bytes */
    uint64_t cpus;
    slk_lotus_strings gpus; /* names */
} slk_lotus_machine;

void slk_lotus_machine_done(slk_lotus_machine *machine); /* idempotent */
/* This one: memory less what control groups forbid, processors this process may use, no graphics
 * processor. SLK_E_UNSUPPORTED: the system does not tell. */
SLK_MUST_CHECK slk_err slk_lotus_machine_local(slk_lotus_machine *ret_machine, slk_error *error);

/* Threads a need takes there. -1 is 92 % of the processors, rounded down, at least one. */
uint64_t slk_lotus_need_threads(const slk_lotus_need *need, uint64_t cpus, size_t gpus);

/* What runs on a machine: sums of the needs. {0}: nothing. */
typedef struct slk_lotus_load {
    uint64_t mem_min, mem_max; /* bytes, with base */
    uint64_t threads;
    double gpus;
    uint32_t running[SLK_LOTUS_TASKS][SLK_LOTUS_PROOFS];
} slk_lotus_load;

void slk_lotus_load_add(slk_lotus_load *load, slk_lotus_task task, int64_t proof,
                        const slk_lotus_need *need, const slk_lotus_machine *machine);

/* What one of several sectors that are labelled by one call (SealPreCommit1Batch) takes beside the load,
 * need being what it takes alone: as much memory, two layers of it, but of the processors only what is
 * left: they share those. */
slk_lotus_need slk_lotus_need_in_batch(const slk_lotus_need *need, const slk_lotus_load *load,
                                       const slk_lotus_machine *machine);

/* Why something does not fit. */
typedef enum slk_lotus_fit {
    SLK_LOTUS_FITS,
    SLK_LOTUS_NO_SLOT, /* max_concurrent of this task and proof are running */
    SLK_LOTUS_NO_MEMORY, /* physical */
    SLK_LOTUS_NO_SWAP, /* physical and swap together */
    SLK_LOTUS_NO_CPU,
    SLK_LOTUS_NO_GPU
} slk_lotus_fit;

/* ignore: all but max_concurrent is passed over (IgnoreResources). */
slk_lotus_fit slk_lotus_fits(const slk_lotus_machine *machine, const slk_lotus_load *load,
                             slk_lotus_task task, int64_t proof, const slk_lotus_need *need,
                             bool ignore);
/* "physical memory": what is short, for sentences. */
const char *slk_lotus_fit_name(slk_lotus_fit fit);

/* The greatest of the shares of processors, memory (least and most) and graphics processors in use. */
double slk_lotus_utilization(const slk_lotus_machine *machine, const slk_lotus_load *load);

#endif
