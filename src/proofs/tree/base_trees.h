/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All base trees of TreeC or TreeR of one sector while they are made: one file each, under temporary
 * names until all of them are complete. */
#ifndef SLK_PROOFS_TREE_BASE_TREES_H
#define SLK_PROOFS_TREE_BASE_TREES_H

#include "base/outfile.h"
#include "proofs/tree/tree.h"

#include <stdint.h>

typedef struct slk_base_trees {
    const slk_crypto *crypto;
    const slk_sector_shape *shape;
    slk_outfile file[SLK_MAX_BASE_TREES];
    slk_tree_builder builder[SLK_MAX_BASE_TREES];
} slk_base_trees;
void slk_base_trees_none(slk_base_trees *ret_trees); /* before open may be reached */

/* Opens the files of `id` ("tree-c", "tree-r-last") in the folder and reserves their disk blocks;
 * SLK_E_BUSY, SLK_E_NOSPACE. trees must be as slk_base_trees_none leaves it, and is given to
 * slk_base_trees_done whatever the result. Memory: 32 bytes per 32768 nodes. */
SLK_MUST_CHECK slk_err slk_base_trees_open(slk_base_trees *trees, const slk_crypto *crypto,
                                           const slk_sector_shape *shape, const char *folder,
                                           const char *id, slk_error *error);
void slk_base_trees_done(slk_base_trees *trees); /* idempotent; removes what was not committed */

/* How many leaves make a chunk: at most SLK_TREE_CHUNK_NODES, a divisor of the sector's nodes. */
size_t slk_base_trees_chunk_nodes(const slk_base_trees *trees);

/* Leaves [first, first + n) of the sector, both multiples of the chunk, each < r; used up. Any number
 * of threads, every chunk once. */
SLK_MUST_CHECK slk_err slk_base_trees_put(slk_base_trees *trees, uint64_t first, uint8_t *nodes,
                                          size_t n, slk_error *error);

/* When all leaves are there: the upper rows of all files, and the root above them. */
SLK_MUST_CHECK slk_err slk_base_trees_finish(uint8_t root32[32], slk_base_trees *trees,
                                             slk_error *error);
/* Then: all files flushed and under their final names. */
SLK_MUST_CHECK slk_err slk_base_trees_commit(slk_base_trees *trees, slk_error *error);

#endif
