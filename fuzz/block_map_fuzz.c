/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The map of fetched blocks as found on disk after a crash: as it is, and with the checksum at its
 * end made right, which no search would find. */
#include "fuzz.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "transfer/block_map.h"

#define FILE_BYTES 100u
#define BLOCK_BYTES 9u

/* source: Fowler, Noll, Vo: FNV-1a, 64 bits */
static void set_checksum(uint8_t *bytes, size_t n)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i + 8 < n; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    slk_store_le64(bytes + n - 8, sum);
}

static void check_map(slk_block_map *map)
{
    size_t n_done = 0;
    for (size_t i = 0; i < map->n_blocks; i++)
        n_done += slk_block_map_has(map, i);
    slk_assert(n_done == map->n_done && strlen(map->etag) < SLK_BLOCK_MAP_ETAG);
    SLK_CLEANUP(slk_block_map_done) slk_block_map again = {0};
    slk_assert(slk_block_map_save(map, NULL) == SLK_OK);
    slk_assert(slk_block_map_init(&again, map->path, map->file_bytes, BLOCK_BYTES, NULL) == SLK_OK);
    slk_assert(again.n_done == n_done && strcmp(again.etag, map->etag) == 0);
    for (size_t i = 0; i < map->n_blocks; i++)
        slk_assert(slk_block_map_has(map, i) == slk_block_map_has(&again, i));
}

static void check_bytes(const uint8_t *bytes, size_t n)
{
    SLK_CLEANUP(slk_block_map_done) slk_block_map map = {0};
    slk_assert(slk_block_map_init(&map, "/nowhere/map", FILE_BYTES, BLOCK_BYTES, NULL) == SLK_OK);
    slk_assert(map.n_blocks == 12);
    slk_free(map.path);
    map.path = slk_strf("%s/map", fuzz_folder());
    slk_assert(map.path);
    if (slk_block_map_decode(&map, bytes, n))
        check_map(&map);
    else
        slk_assert(map.n_done == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check_bytes(data, n);
    if (n <= 8)
        return 0;
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(n, 1);
    slk_assert(bytes);
    memcpy(bytes, data, n);
    set_checksum(bytes, n);
    check_bytes(bytes, n);
    return 0;
}
