/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files of sectors on their way: from workers into this node's folders, and from worker to worker. */
#ifndef SLK_FARM_BRING_H
#define SLK_FARM_BRING_H

#include "base/err.h"
#include "base/job.h"
#include "farm/calls.h"
#include "farm/farm_impl.h"
#include "seal/ops.h"

#include <stdint.h>

/* The sealed file and the files of a finished cache of a sector to their places here, from the worker that
 * made them, or where it has them no more from whoever has; the workers keep theirs. What is complete here
 * already is not fetched again, what an earlier run left is gone on with. Nobody checks what came. While the
 * worker is away it is waited for. SLK_E_NOTFOUND: nothing came for longer than the farm's lost_ms;
 * SLK_E_CANCELED: job was canceled, or the farm stops. job: stages "waiting for a worker", "fetch cache",
 * "fetch" in bytes. */
SLK_MUST_CHECK slk_err slk_farm_bring_finished(slk_farm *farm, const slk_farm_call *made,
                                               uint64_t sector_bytes, const slk_seal_paths *paths,
                                               slk_job *job, slk_error *error);
/* Whatever of that is here goes, half files too, as far as it can. */
void slk_farm_forget_brought(const slk_seal_paths *paths);

/* For slk_farm_work.prepare: the worker fetches sealed file and cache if it has not both (context:
 * slk_farm_fetch_layers). */
struct slk_farm_fetch_layers {
    slk_lotus_sector_ref sector;
    const char *key;
};
slk_err slk_farm_bring_layers(void *context, slk_farm *farm, slk_farm_worker *worker, slk_job *job,
                              slk_error *error);

#endif
