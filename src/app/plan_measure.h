/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Measuring a machine for `selkie plan`. */
#ifndef SLK_APP_PLAN_MEASURE_H
#define SLK_APP_PLAN_MEASURE_H

#include "app/bench.h"
#include "app/plan_model.h"

typedef struct slk_plan_measures {
    slk_plan_machine machine;
    unsigned l3_groups, packages;
    double copy_bps; /* bytes a second copied in memory, all cores */
    uint64_t huge_pages_bytes; /* explicitly set aside and free */
    bool transparent_huge_pages; /* given when asked for */
    uint64_t disk_free_bytes;
} slk_plan_measures;

/* Measures processor, memory and the folder's disk, about 5 s; 256 MiB are written there and removed
 * again. bench carries tool, pool and the scratch folder. */
SLK_MUST_CHECK slk_err slk_plan_measure(slk_plan_measures *ret_measures, slk_bench *bench,
                                        slk_error *error);

#endif
