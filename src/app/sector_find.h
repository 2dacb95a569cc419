/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which sector an operator means, for the `selkie sector …` commands. */
#ifndef SLK_APP_SECTOR_FIND_H
#define SLK_APP_SECTOR_FIND_H

#include "app/service.h"

/* The row of --miner, for find. */
#define SLK_OPTION_SECTOR_MINER                                        \
    {                                                                  \
        .name = "miner", .type = SLK_OPTION_MINER,                     \
        .help = "its miner, when several have a sector of that number" \
    }

/* Argument 0, "7" or "f01000/7" as it is printed; of the former --miner tells the miner, or there is
 * only one that has a sector of that number here. SLK_E_INVAL, SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_sector_find(uint64_t *ret_sp_id, uint64_t *ret_number, slk_node *node,
                                       const slk_options *options, slk_error *error);

/* The sector's view (seal/view.h, slk_view_sector). New reference. */
SLK_MUST_CHECK slk_err slk_sector_view(json_t **ret, slk_node *node, uint64_t sp_id,
                                       uint64_t number, slk_error *error);

#endif
