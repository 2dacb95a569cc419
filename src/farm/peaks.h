/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What workers of ours measured of their tasks' memory: kept by host, the most by task and seal proof, and
 * what it changes in what the scheduler reckons with.
 *
 * A measured peak raises what a task is reckoned to need there, never lowers it (it may have been lucky),
 * and never beyond the machine's memory: alone it may always run. It raises only what Lotus's table says:
 * where an operator's variable says otherwise, that holds. */
#ifndef SLK_FARM_PEAKS_H
#define SLK_FARM_PEAKS_H

#include "base/err.h"
#include "db/db.h"
#include "lotus/worker_info.h"

#include <jansson.h>
#include <stdint.h>

/* Of one host, bytes; 0: not measured. */
typedef struct slk_farm_peaks {
    uint64_t bytes[SLK_LOTUS_TASKS][SLK_LOTUS_PROOFS];
} slk_farm_peaks;

/* What is stored of the host. */
SLK_MUST_CHECK slk_err slk_farm_peaks_load(slk_farm_peaks *ret_peaks, slk_db *db,
                                           const char *hostname, slk_error *error);
/* Reads what a worker tells (worker/peaks.h); *ret_more: anything is above what was there. Unknown tasks
 * and proofs are passed over. */
SLK_MUST_CHECK slk_err slk_farm_peaks_read(slk_farm_peaks *peaks, bool *ret_more,
                                           const json_t *list, slk_error *error);
/* Keeps what is above what is stored. */
SLK_MUST_CHECK slk_err slk_farm_peaks_store(const slk_farm_peaks *peaks, slk_db *db,
                                            const char *hostname, slk_error *error);

/* Where a need comes from. */
typedef enum slk_farm_need_origin {
    SLK_FARM_OF_TABLE,
    SLK_FARM_OF_OVERRIDE,
    SLK_FARM_OF_MEASURE,
} slk_farm_need_origin;
const char *slk_farm_need_origin_name(slk_farm_need_origin origin); /* "table" */

/* What the task needs: told is what the worker says (Info), bytes its peak, physical its memory. */
slk_farm_need_origin slk_farm_need_of(slk_lotus_need *ret_need, const slk_lotus_need *told,
                                      slk_lotus_task task, int64_t proof, uint64_t bytes,
                                      uint64_t physical);

#endif
