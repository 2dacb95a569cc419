/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie sector list` and `selkie sector show`. */
#ifndef SLK_APP_SECTOR_SHOW_H
#define SLK_APP_SECTOR_SHOW_H

#include "app/service.h"

slk_service_action slk_sector_list; /* option limit */
slk_service_action slk_sector_show; /* argument SECTOR, option miner */

/* "90 s", "12 min", "3 h 5 min", "2 d 4 h". */
void slk_sector_format_ms(char *out, size_t size, int64_t ms);

#endif
