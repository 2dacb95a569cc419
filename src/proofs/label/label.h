/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SDR labelling: every node's label is a hash over its parents' labels. source: reference/proofs 4. */
#ifndef SLK_PROOFS_LABEL_H
#define SLK_PROOFS_LABEL_H

#include "base/err.h"
#include "base/job.h"
#include "crypto/crypto.h"
#include "fil/sector.h"
#include "proofs/graph/parents.h"

#include <stdint.h>

/* Nodes a label hashes: its parents' labels, cyclically repeated. */
#define SLK_LABEL_PARENTS 37u

/* One label. parents: the labels hashed, n nodes in a row: 6 in layer 1, 14 above, none (n = 0) for
 * node 0. For verification; layers are made by slk_label_layer. */
void slk_label_node(const slk_crypto *crypto, uint8_t out32[32], const uint8_t replica_id[32],
                    unsigned layer, uint64_t node, const uint8_t *parents, unsigned n);

/* All labels of one layer, `nodes` * 32 bytes, in node order by the calling thread (each depends on
 * the one before). previous: the layer below, NULL for layer 1. Neither buffer may overlap the other.
 * Adds to the job in nodes; SLK_E_CANCELED is the only failure. About 0.7 us per node with SHA
 * instructions. */
SLK_MUST_CHECK slk_err slk_label_layer(uint8_t *out, const uint8_t *previous,
                                       const slk_crypto *crypto, const slk_parents *parents,
                                       uint64_t nodes, const uint8_t replica_id[32], unsigned layer,
                                       slk_job *job, slk_error *error);

#endif
