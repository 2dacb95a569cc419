/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/cache_tar.h"

#include <stdio.h>

/* Rows of 8^0 .. 8^(depth - 1 - discard) nodes. source: reference/proofs 5.1 */
static uint64_t tree_r_last_bytes(const slk_sector_shape *shape)
{
    uint64_t nodes = 0;
    for (unsigned row = 0; row + shape->discard < shape->base_depth; row++)
        nodes = nodes * 8 + 1;
    return nodes * SLK_NODE_BYTES;
}

size_t slk_cache_file_count(const slk_sector_shape *shape)
{
    return 2 + (size_t)shape->base_trees;
}

void slk_cache_file_at(slk_cache_file *ret_file, const slk_sector_shape *shape, size_t index)
{
    slk_assert(index < slk_cache_file_count(shape));
    if (index == 0) {
        *ret_file = (slk_cache_file){"p_aux", SLK_P_AUX_BYTES, SLK_P_AUX_BYTES};
        return;
    }
    if (index == 1) {
        *ret_file = (slk_cache_file){"t_aux", 0, SLK_T_AUX_MAX_BYTES};
        return;
    }
    uint64_t bytes = tree_r_last_bytes(shape);
    *ret_file = (slk_cache_file){"", bytes, bytes};
    if (shape->base_trees == 1)
        (void)snprintf(ret_file->name, sizeof ret_file->name, "sc-02-data-tree-r-last.dat");
    else
        (void)snprintf(ret_file->name, sizeof ret_file->name, "sc-02-data-tree-r-last-%zu.dat",
                       index - 2);
}
