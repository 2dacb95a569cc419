/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One sector of a batch, and its layer files while they are written. Internal to the batch. */
#ifndef SLK_PROOFS_VANILLA_PC1_LANE_H
#define SLK_PROOFS_VANILLA_PC1_LANE_H

#include "base/aio.h"
#include "proofs/vanilla/digest.h"
#include "proofs/vanilla/pc1_batch.h"
#include "proofs/vanilla/pc1_impl.h"

typedef struct slk_pc1_lane {
    slk_pc1_request request; /* the caller's, with the batch's environment */
    slk_pc1_work work;
    slk_pc1_outcome *outcome;
    const slk_pc1_batch_options *options;
    size_t index; /* in the caller's list */
    unsigned kept;
    bool ended; /* its outcome is final */

    /* While a layer is written: two buffers of a chunk, one being filled, the other on its way. */
    slk_outfile file;
    slk_digests digests;
    uint8_t *chunk[2]; /* borrowed from the group */
    bool busy[2];
    unsigned turn;
    size_t filled; /* bytes of chunk[turn] */
    uint64_t chunks; /* handed over */
} slk_pc1_lane;

/* The outcome is noted once, the cache unlocked, the caller told. A file still being written is given up;
 * its transfers must have ended. code SLK_OK: error is not read. */
void slk_pc1_lane_end(slk_pc1_lane *lane, slk_err code, const slk_error *error);

/* Lowest layer that has to be made: 1 + finished layers from the first without a gap. */
unsigned slk_pc1_lane_first_layer(const slk_pc1_lane *lane);
bool slk_pc1_lane_has(const slk_pc1_lane *lane, unsigned layer);

/* Opens the layer's file. */
SLK_MUST_CHECK slk_err slk_pc1_lane_open(slk_pc1_lane *lane, unsigned layer, slk_error *error);
bool slk_pc1_lane_writes(const slk_pc1_lane *lane);

/* Where the next nodes go, and that n of them are there. A full chunk is digested and queued with tag
 * 2 * number + turn; the other chunk must then be free (not busy) before the next node. */
uint8_t *slk_pc1_lane_nodes(const slk_pc1_lane *lane);
void slk_pc1_lane_advance(slk_pc1_lane *lane, slk_aio *aio, unsigned number, size_t n);

/* After the last node, with nothing under way: makes the layer's file final. */
SLK_MUST_CHECK slk_err slk_pc1_lane_commit(slk_pc1_lane *lane, unsigned layer, slk_error *error);

#endif
