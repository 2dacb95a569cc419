/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TreeC while the last layer is labelled: processors that the one chain of labels leaves idle hash the
 * columns of nodes that are final. Internal to proofs/vanilla. */
#ifndef SLK_PROOFS_VANILLA_PC1_COLUMNS_H
#define SLK_PROOFS_VANILLA_PC1_COLUMNS_H

#include "base/gate.h"
#include "base/mem.h"
#include "proofs/tree/base_trees.h"
#include "proofs/vanilla/cache.h"
#include "proofs/vanilla/digest.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What SLK_PC1_TREE_C_AUTO depends on. */
typedef struct slk_pc1_room {
    unsigned threads; /* that may work at a time */
    unsigned busy; /* of them those that label and compute parents */
    bool in_memory; /* the two last layers; else all layers would fight for the page cache */
    uint64_t disk_free_bytes, disk_needed_bytes; /* needed: layers to make, and TreeC */
} slk_pc1_room;

bool slk_pc1_columns_pay(const slk_pc1_room *room);

/* Size of TreeC's files together. */
uint64_t slk_pc1_columns_disk_bytes(const slk_sector_shape *shape);

typedef struct slk_pc1_columns {
    const slk_pc1_request *request;
    const slk_sector_shape *shape;
    slk_base_trees trees;
    int fd[SLK_MAX_LAYERS]; /* of the layers that are not in memory */
    char *path[SLK_MAX_LAYERS];
    slk_digests digests[SLK_MAX_LAYERS]; /* of what is read from them */
    const uint8_t *below, *last; /* the two last layers; borrowed */
    slk_gate *labeled; /* nodes of the last layer that are final, from labeled_base; borrowed */
    uint64_t labeled_base;
    atomic_uint_fast64_t next; /* unit to be taken */
    atomic_bool alone; /* the labels are done: the job is told of columns */
    slk_region scratch; /* for each worker */
} slk_pc1_columns;
void slk_pc1_columns_none(slk_pc1_columns *ret_columns); /* before open may be reached */

/* Opens the files of TreeC. columns must be as
 * slk_pc1_columns_none leaves it, and is given to slk_pc1_columns_done whatever the result. Memory: 1 MiB
 * + 32 KiB * layers per worker, 32 bytes per 32768 nodes. */
SLK_MUST_CHECK slk_err slk_pc1_columns_open(slk_pc1_columns *columns,
                                            const slk_pc1_request *request, unsigned workers,
                                            slk_error *error);
void slk_pc1_columns_done(
    slk_pc1_columns *columns); /* idempotent; removes what was not committed */

/* When the last layer is begun: opens the finished layers, all but the two that are given in memory (and
 * borrowed). labeled is raised to base + the number of nodes of the last layer that are final. */
SLK_MUST_CHECK slk_err slk_pc1_columns_begin(slk_pc1_columns *columns, const uint8_t *below,
                                             const uint8_t *last, slk_gate *labeled, uint64_t base,
                                             slk_error *error);

/* Then: hashes columns until none is left to take, waiting for labels; returns early when the gate is
 * closed. Any number of workers at a time, each with a number of its own. */
SLK_MUST_CHECK slk_err slk_pc1_columns_work(slk_pc1_columns *columns, unsigned worker,
                                            slk_error *error);

/* All labels are there: from now on the job's stage is "tree-c", in nodes. */
void slk_pc1_columns_alone(slk_pc1_columns *columns);

/* After all workers have ended well: the rest of the trees, and the files under their names, with their
 * root in state->comm_c. SLK_E_CORRUPT: a layer that was read back is not what state says was written. */
SLK_MUST_CHECK slk_err slk_pc1_columns_commit(slk_pc1_columns *columns, slk_pc1_state *state,
                                              slk_error *error);

#endif
