/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The files of a sector of ours whose replica was verified here: checked again, and copied to another
 * storage. For the commands `selkie sector verify` and `export`, and for the page. */
#ifndef SLK_APP_SECTOR_FILES_H
#define SLK_APP_SECTOR_FILES_H

#include "app/service.h"
#include "base/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both below: SLK_E_NOTFOUND when the sector is not ours, SLK_E_CONFLICT while its replica is not here.
 * dry_run: says so and looks whether the files are there, no more. Any number of threads at once. */

/* Rebuilds tree-r-last from the replica, or samples places of it (0: all of it), on a pool of its own.
 * SLK_E_CORRUPT: which file does not agree. Job stage "replica" or "sample". */
SLK_MUST_CHECK slk_err slk_sector_files_verify(slk_node *node, uint64_t sp_id, uint64_t number,
                                               uint64_t samples, bool dry_run, slk_job *job,
                                               slk_error *error);

typedef struct slk_sector_copy {
    uint64_t files;
    uint64_t bytes;
} slk_sector_copy;
/* Copies replica and cache to to/sealed and to/cache in Lotus's layout, reads each file back and compares
 * it. to is a folder that exists. Files that are there under those names are replaced, whole. Job stage
 * "copy" in bytes, each counted twice: written and read back. */
SLK_MUST_CHECK slk_err slk_sector_files_export(slk_sector_copy *ret, slk_node *node, uint64_t sp_id,
                                               uint64_t number, const char *to, bool dry_run,
                                               slk_job *job, slk_error *error);

slk_service_action slk_sector_export; /* argument SECTOR; options miner, to, dry-run */
slk_service_action slk_sector_verify; /* argument SECTOR; options miner, sample */

#endif
