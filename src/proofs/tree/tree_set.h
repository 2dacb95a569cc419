/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reading finished trees: Merkle paths out of TreeD, TreeC and TreeR files. */
#ifndef SLK_PROOFS_TREE_SET_H
#define SLK_PROOFS_TREE_SET_H

#include "base/gather.h"
#include "proofs/tree/tree.h"

#include <stdint.h>

/* The base trees of TreeC or TreeR of one sector, opened for reading. After open it is only read:
 * any number of threads may take paths. */
typedef struct slk_tree_set {
    const slk_crypto *crypto;
    const slk_sector_shape *shape;
    slk_tree_geometry geometry;
    int fd[SLK_MAX_BASE_TREES];
    char *path[SLK_MAX_BASE_TREES];
    int leaves_fd; /* the replica, for the rows tree-r-last leaves out; -1 for TreeC */
    char *leaves_path;
    uint8_t base_roots[SLK_MAX_BASE_TREES][32];
    uint8_t sub_roots[2][32];
    uint8_t root[32];
} slk_tree_set;

/* Opens all files, checks their sizes and joins their roots. SLK_E_CORRUPT: wrong size, a root that
 * is not a field element. replica NULL: TreeC; otherwise TreeR over that sealed file. */
SLK_MUST_CHECK slk_err slk_tree_set_open(slk_tree_set *ret_set, const slk_crypto *crypto,
                                         const slk_sector_shape *shape, const char *folder,
                                         const char *replica, slk_error *error);
void slk_tree_set_done(slk_tree_set *set); /* idempotent; SLK_TREE_SET_NONE allowed */
#define SLK_TREE_SET_NONE ((slk_tree_set){.leaves_fd = -1})

/* Leaf of a node and its siblings bottom-up, in index order without the node itself: 7 per base
 * level, sub_arity - 1, top_arity - 1. First _note tells what must be read, then, after
 * slk_gather_run, _path takes exactly those reads. In a TreeR the rows left out are hashed from the
 * replica and must agree with the first row kept, else SLK_E_CORRUPT (cost: 8^first_row / 7 hashes). */
SLK_MUST_CHECK slk_err slk_tree_set_note(const slk_tree_set *set, uint64_t node, slk_gather *gather,
                                         slk_error *error);
SLK_MUST_CHECK slk_err slk_tree_set_path(const slk_tree_set *set, uint64_t node, uint8_t leaf32[32],
                                         uint8_t *siblings, slk_gathered *from, slk_error *error);

/* TreeD path out of its open file: leaf and log2(nodes) siblings, in the same two steps. */
SLK_MUST_CHECK slk_err slk_tree_d_note(int fd, const char *path, const slk_sector_shape *shape,
                                       uint64_t node, slk_gather *gather, slk_error *error);
void slk_tree_d_path(const slk_sector_shape *shape, uint64_t node, uint8_t leaf32[32],
                     uint8_t *siblings, slk_gathered *from);

/* A path to be followed: node number, leaf, siblings as above. */
typedef struct slk_tree_walk {
    uint64_t node;
    const uint8_t *leaf, *siblings;
} slk_tree_walk;
#define SLK_TREE_WALKS 16u

/* The roots that n <= SLK_TREE_WALKS paths of TreeC or TreeR lead to, one node each, level by level
 * together so that hashes run side by side. False when a node is not a field element. */
bool slk_tree_walk_roots(uint8_t *roots, const slk_crypto *crypto, const slk_sector_shape *shape,
                         const slk_tree_walk *walks, size_t n);
/* The root one path of TreeD leads to. */
void slk_tree_d_path_root(uint8_t root32[32], const slk_crypto *crypto,
                          const slk_sector_shape *shape, uint64_t node, const uint8_t leaf32[32],
                          const uint8_t *siblings);

#endif
