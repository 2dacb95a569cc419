/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which blocks of a file that is being fetched are on disk: `<dest>.blocks`.
 *
 * The file is replaced as a whole (path.tmp, fsync, rename) and carries a checksum against rot;
 * whatever is not exactly right about it means "no block yet". Who begins anew removes it first. Confined to one thread at a time. */
#ifndef SLK_TRANSFER_BLOCK_MAP_H
#define SLK_TRANSFER_BLOCK_MAP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_BLOCK_MAP_ETAG 128u

typedef struct slk_block_map {
    char *path;
    uint64_t file_bytes;
    uint64_t block_bytes;
    size_t n_blocks;
    size_t n_done;
    char etag[SLK_BLOCK_MAP_ETAG]; /* "" unknown */
    uint8_t *done; /* one bit per block, lowest first */
} slk_block_map;

/* Reads path when it is a sound map of a file of that size and block size, else starts an empty
 * one (nothing is written yet). file_bytes and block_bytes > 0. */
SLK_MUST_CHECK slk_err slk_block_map_init(slk_block_map *ret_map, const char *path,
                                          uint64_t file_bytes, uint64_t block_bytes,
                                          slk_error *error);
void slk_block_map_done(slk_block_map *map); /* frees memory; zeroed allowed */

bool slk_block_map_has(const slk_block_map *map, size_t block);
void slk_block_map_mark(slk_block_map *map, size_t block); /* in memory */
void slk_block_map_unmark(slk_block_map *map, size_t block); /* in memory */
void slk_block_map_clear(slk_block_map *map); /* no block, no ETag; in memory */

/* Puts it on disk. The caller has synced the blocks that are marked. */
SLK_MUST_CHECK slk_err slk_block_map_save(const slk_block_map *map, slk_error *error);

/* The same on bytes, for tests: true when they are a sound map of that size. map->done is set up
 * by slk_block_map_init. */
bool slk_block_map_decode(slk_block_map *map, const uint8_t *bytes, size_t n);

#endif
