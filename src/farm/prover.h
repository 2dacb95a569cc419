/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A prover (seal/ops.h) whose work is done by the farm's workers, this node being one of them.
 *
 *   pc1        a worker with room: this node, ours, or Lotus's (which is given the zeros first). What a
 *              worker makes stays on its disk.
 *   pc2        where the layers are, or there if that one does no PC2, where they can be fetched. Then the
 *              replica and the files of a finished cache are brought into the node's own folders, and
 *              looked at: the whole replica against its tree and CommR, CommD, and a C1 for a random
 *              seed, which the worker makes and this node verifies.
 *   c1         where the layers are; verified here.
 *   finalise   the worker's files are removed; the node has its own.
 *   c2         any worker; whoever calls verifies the proof.
 *   the rest   here: a worker does not judge what workers made.
 *
 * A worker whose work turns out to be false gets none any more (slk_farm_distrust), and the work is done
 * anew elsewhere: pc2 says SLK_E_CORRUPT then. pc2 and c1 say so, too, when the layers are gone with their
 * worker: whoever calls has the sector labelled again.
 * A sector labelled by this node itself stays here. Sectors of a batch, and others that wait, are given together
 * to a worker that does batches, as far as it has room; each has its own call and its own end. */
#ifndef SLK_FARM_PROVER_H
#define SLK_FARM_PROVER_H

#include "base/err.h"
#include "farm/farm.h"
#include "seal/ops.h"

typedef struct slk_farm_prover slk_farm_prover;

/* prover: this node's own, for what the local worker does and for all checks; copied. The farm outlives it. */
SLK_MUST_CHECK slk_err slk_farm_prover_new(slk_farm_prover **ret_prover, slk_farm *farm,
                                           const slk_seal_prover *prover, slk_error *error);
void slk_farm_prover_free(slk_farm_prover *prover); /* no call in progress; NULL allowed */
void slk_farm_prover_fill(slk_seal_prover *ret_ops, slk_farm_prover *prover);

#endif
