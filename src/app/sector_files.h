/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie sector export` and `selkie sector verify`: the files of a sector that was verified. */
#ifndef SLK_APP_SECTOR_FILES_H
#define SLK_APP_SECTOR_FILES_H

#include "app/service.h"

slk_service_action slk_sector_export; /* argument SECTOR; options miner, to, dry-run */
slk_service_action slk_sector_verify; /* argument SECTOR; options miner, sample */

#endif
