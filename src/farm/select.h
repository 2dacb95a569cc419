/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which workers may have a task: by where the sector's files are and where there is room for them.
 * Functions for slk_sched_request.selector and slk_farm_work.hopeless; called with the farm's lock held.
 * source: reference/lotus-worker 7 */
#ifndef SLK_FARM_SELECT_H
#define SLK_FARM_SELECT_H

#include "farm/farm_impl.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct slk_farm_select {
    slk_farm *farm;
    slk_lotus_sector sector;
    uint64_t sector_bytes;
    unsigned types; /* files it must have */
    const slk_farm_call *made; /* by which they were made; not of PC1 and C2, which need none */
    bool fetched; /* whoever has not all of them fetches the others: PC2 */
    uint64_t file_bytes; /* to be sent with the call */
    int64_t missing_since_ms; /* monotonic; 0: somebody has them. Written by _hopeless */
} slk_farm_select;

/* PC1: this node, or a worker that has room for the sector's files and can be given its data. Others
 * before this node. */
unsigned slk_farm_select_pc1(const void *context, uint64_t worker, unsigned others, char *why);
/* PC2: who has the files; when no worker that has them does PC2 or gets work, one that can fetch them, before
 * others one that has a part of them: a fetch that failed may have moved the rest. Of several that
 * have them only the one that made them, while it is there: what others have may be of an earlier attempt. */
unsigned slk_farm_select_near(const void *context, uint64_t worker, unsigned others, char *why);
/* C1: who has the files; the same of several. */
unsigned slk_farm_select_holder(const void *context, uint64_t worker, unsigned others, char *why);
/* C2: this node, or a worker that the file can be sent to. Others before this node. */
unsigned slk_farm_select_c2(const void *context, uint64_t worker, unsigned others, char *why);

/* While nobody who answers has the files: whom is waited for, how long, and what then. For
 * slk_farm_work.about. */
void slk_farm_select_about(const void *context, char *out);

/* For longer than the farm's lost_ms no worker that answers has had the files; those to be fetched: no workers
 * together. */
bool slk_farm_select_hopeless(void *context);

/* Lock held: workers that answer, but that one (NULL: all count), have each of the types. */
bool slk_farm_is_reachable(const slk_farm *farm, const slk_lotus_sector *sector, unsigned types,
                           const slk_farm_worker *but);

#endif
