/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SDR labelling: every node's label is a hash over its parents' labels. source: reference/proofs 4. */
#ifndef SLK_PROOFS_LABEL_H
#define SLK_PROOFS_LABEL_H

#include "base/err.h"
#include "base/gate.h"
#include "base/job.h"
#include "crypto/crypto.h"
#include "fil/sector.h"
#include "proofs/label/rows.h"

#include <stdint.h>

/* Nodes a label hashes: its parents' labels, cyclically repeated. */
#define SLK_LABEL_PARENTS 37u

/* One label. parents: the labels hashed, n nodes in a row: 6 in layer 1, 14 above, none (n = 0) for
 * node 0. For verification; layers are made by slk_label_layer. */
void slk_label_node(const slk_crypto *crypto, uint8_t out32[32], const uint8_t replica_id[32],
                    unsigned layer, uint64_t node, const uint8_t *parents, unsigned n);

/* One layer of one sector. Borrowed for the call. */
typedef struct slk_label_task {
    const slk_crypto *crypto;
    slk_rows *rows; /* the blocks of this layer are taken */
    uint64_t nodes;
    const uint8_t *replica_id;
    unsigned layer; /* from 1 */
    uint8_t *out; /* 32 * nodes bytes */
    const uint8_t *previous; /* the layer below; NULL for layer 1 */
    /* NULL, or raised to done_base + nodes made, every block of rows. When it has been closed by
     * others, labelling ends early and without an error. */
    slk_gate *done;
    uint64_t done_base;
} slk_label_task;

/* All labels in node order by the calling thread (each depends on the one before). The buffers may not
 * overlap. Adds to the job in nodes; SLK_E_CANCELED is the only failure (rows that
 * were closed end it early, too). Bound by the latency of the
 * processor's SHA instructions, 19 * 128 cycles a node (0.62 us at 4 GHz), as long as the parents'
 * labels come fast enough: from memory in huge pages they do. */
SLK_MUST_CHECK slk_err slk_label_layer(const slk_label_task *task, slk_job *job, slk_error *error);

#endif
