/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Giving the disks of workers back: files there that this node made and needs no more, and files that
 * nobody here knows.
 *
 * Only files for sealing are ever removed: what lies on a path that may store (CanStore) belongs to
 * somebody. What this node had made is removed by itself; of files that it does not know, which a
 * worker may have from another life, an operator decides. */
#ifndef SLK_FARM_RECLAIM_H
#define SLK_FARM_RECLAIM_H

#include "base/err.h"
#include "farm/farm.h"
#include "lotus/name.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Removes the sector's files from all workers that are there. Nothing there is fine. */
SLK_MUST_CHECK slk_err slk_farm_reclaim(slk_farm *farm, const slk_lotus_sector *sector,
                                        slk_error *error);
/* The same for every sector that had calls and is over (slk_farm_calls_over), whose calls are forgotten
 * then. Files that could not be removed, or of which nobody told yet, are left to slk_farm_reclaim_left. */
SLK_MUST_CHECK slk_err slk_farm_reclaim_over(slk_farm *farm, slk_error *error);
/* The same for every sector that lies on a worker's sealing path, had been ordered here, and is over: its
 * worker was away when it ended, or the node. The first failure is returned after all were tried. Cost: the
 * list of the index, and one question for each sector on sealing paths. */
SLK_MUST_CHECK slk_err slk_farm_reclaim_left(slk_farm *farm, slk_error *error);

/* The index forgets the sector's files on paths of workers that do not answer: whoever makes them anew need
 * not wait for those to be removed. They are ghosts if such a worker comes back. */
SLK_MUST_CHECK slk_err slk_farm_forget_away(slk_farm *farm, const slk_lotus_sector *sector,
                                            slk_error *error);

/* Sectors on workers' sealing paths that this node does not know, or that are over:
 * [{"Miner","Number","Path","Types":7,"Known":false,"Removed":bool}]. dry_run: none is removed. */
SLK_MUST_CHECK slk_err slk_farm_ghosts(json_t **ret_ghosts, slk_farm *farm, bool dry_run,
                                       slk_error *error);

#endif
