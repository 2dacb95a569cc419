/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two layers of labels of several sectors, node by node: the one being made and the one below it.
 *
 * A record holds one node's label of every sector side by side: record_bytes, a power of two from 32
 * to 1024. Records are made in order, each out of records made before. The store keeps both layers in
 * memory when the memory allowed holds them. Else they go to nameless files, striped over one or more
 * folders (best: one per drive): the latest records stay in a ring, older parents are read ahead of
 * their use, since the graph tells them long before, and full units are written behind. Then it is
 * the number of small reads per second that bounds the speed, about ten for each node, however many
 * sectors a record has. One thread at a time. */
#ifndef SLK_PROOFS_VANILLA_LABEL_STORE_H
#define SLK_PROOFS_VANILLA_LABEL_STORE_H

#include "base/aio.h"
#include "base/err.h"
#include "proofs/graph/parents.h"

#include <stdint.h>

typedef struct slk_label_store slk_label_store;

typedef struct slk_label_store_plan {
    bool in_memory;
    uint64_t memory_bytes;
    uint64_t disk_bytes; /* of all files together; 0 in memory */
    uint64_t ring_nodes; /* on files: the latest records in memory, a power of two */
    uint64_t ahead_nodes; /* on files: how far before their use parents are read */
} slk_label_store_plan;

/* How a store would use at most memory_bytes. SLK_E_LIMIT: fewer than even the files need (1 MiB
 * always suffices). */
SLK_MUST_CHECK slk_err slk_label_store_make_plan(slk_label_store_plan *ret_plan, uint64_t nodes,
                                                 size_t record_bytes, uint64_t memory_bytes,
                                                 slk_error *error);

/* folders: where files go (n > 0 unless the plan is in memory); borrowed until free. Disk blocks are
 * reserved: SLK_E_NOSPACE. */
SLK_MUST_CHECK slk_err slk_label_store_new(slk_label_store **ret_store,
                                           const slk_label_store_plan *plan, uint64_t nodes,
                                           size_t record_bytes, const char *const *folders,
                                           size_t n_folders, slk_aio_way way, slk_error *error);
void slk_label_store_free(slk_label_store *store); /* NULL allowed, at any moment */

/* Starts a layer; the one finished last is now the one below. n_parents: how many of the parents of a
 * node will be asked for, 0, 6 (without a layer below) or 14. parents may be NULL for 0. */
void slk_label_store_begin(slk_label_store *store, const slk_parents *parents, unsigned n_parents);

/* For each node from 0, in order: where its parents' records are, n_parents pointers (none for node
 * 0), valid until the record is put; then the record is written to the slot, which may be one of
 * these, and put. On a failed transfer every further call fails the same way. */
SLK_MUST_CHECK slk_err slk_label_store_parents(slk_label_store *store, const void **ret_parents,
                                               uint64_t node, slk_error *error);
SLK_MUST_CHECK slk_err slk_label_store_slot(slk_label_store *store, void **ret_record,
                                            uint64_t node, slk_error *error);
void slk_label_store_put(slk_label_store *store, uint64_t node);

/* The records of SLK_LABEL_STORE_STEP nodes (fewer at the end of the layer) from first, a multiple of
 * it, one after the other. Valid until the next slot. */
#define SLK_LABEL_STORE_STEP 256u
const uint8_t *slk_label_store_latest(const slk_label_store *store, uint64_t first);

/* After the last node: all of the layer is stored. */
SLK_MUST_CHECK slk_err slk_label_store_end(slk_label_store *store, slk_error *error);

#endif
