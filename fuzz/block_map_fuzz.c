/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The map of fetched blocks as found on disk after a crash. */
#include "transfer/block_map.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    slk_block_map map;
    if (slk_block_map_init(&map, "/nonexistent/map", 100, 9, NULL) != SLK_OK)
        return 0;
    if (slk_block_map_decode(&map, bytes, n)) {
        slk_assert(map.n_done <= map.n_blocks && map.n_blocks == 12);
        slk_assert(strlen(map.etag) < SLK_BLOCK_MAP_ETAG);
    }
    slk_block_map_done(&map);
    return 0;
}
