/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie sealing why SECTOR: of a running node's workers, then of its tasks. */
#ifndef SLK_APP_WHY_COMMAND_H
#define SLK_APP_WHY_COMMAND_H

#include "app/service.h"

slk_service_action slk_sealing_why; /* argument SECTOR, option miner */

#endif
