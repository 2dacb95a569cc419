/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The vanilla proof of one challenge as a flat block of bytes.
 *
 * The block is exactly one record of the official synthetic-proofs file:
 *   LE64(challenge) || 14 x LE64(parent) || D || K(challenge) || K(parent 0) … K(parent 13) || R
 *   D    = TreeD leaf, then log2(nodes) siblings
 *   K(x) = L labels of x (layer 1 first), then TreeC leaf of x, then path siblings
 *   R    = TreeR leaf, then path siblings
 * Siblings go bottom-up, in index order with the node itself left out: 7 per base level, then
 * sub_arity - 1, then top_arity - 1. Positions in a path are the digits of the node number and are
 * not stored. The same block feeds the synthetic file, the C1 JSON, the verifier and the circuit.
 * source: reference/proofs 5.5. */
#ifndef SLK_PROOFS_VANILLA_RECORD_H
#define SLK_PROOFS_VANILLA_RECORD_H

#include "fil/sector.h"

#include <stddef.h>
#include <stdint.h>

/* Offsets into a record, all in bytes, fixed by the sector size. */
typedef struct slk_record_layout {
    const slk_sector_shape *shape;
    size_t d_leaf; /* TreeD leaf; siblings follow */
    size_t d_siblings;
    size_t columns; /* K(challenge); the 14 parents' follow, column_bytes apart */
    size_t column_bytes;
    size_t column_leaf; /* within K: TreeC leaf, after L labels at 0 */
    size_t column_siblings; /* within K */
    size_t tree_siblings; /* number of siblings of a TreeC or TreeR path */
    size_t r_leaf;
    size_t r_siblings;
    size_t record_bytes;
} slk_record_layout;

void slk_record_layout_init(slk_record_layout *ret_layout, const slk_sector_shape *shape);

/* Number of levels of a TreeC/TreeR path, and arity and digit (position among siblings) of node x
 * at each level, bottom-up. level < slk_path_levels(shape). */
unsigned slk_path_levels(const slk_sector_shape *shape);
unsigned slk_path_arity(const slk_sector_shape *shape, unsigned level);
unsigned slk_path_digit(const slk_sector_shape *shape, uint64_t node, unsigned level);

/* Reading a record. column: 0 the challenge, 1..6 base parents, 7..14 expander parents. */
uint64_t slk_record_challenge(const uint8_t *record);
uint64_t slk_record_parent(const uint8_t *record, unsigned parent /* 0..13 */);
const uint8_t *slk_record_column(const slk_record_layout *layout, const uint8_t *record,
                                 unsigned column);
/* Parent i < 37 of the labelling message of layer l (from 1): a label within the parents' columns,
 * the 6 (l = 1) or 14 repeated cyclically. */
const uint8_t *slk_record_label_parent(const slk_record_layout *layout, const uint8_t *record,
                                       unsigned layer, unsigned i);

#endif
