/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rows of parents on their way to the thread that labels: out of the table, or computed on the fly by
 * other threads a little ahead of it, which spares the 56 bytes per node of a table.
 *
 * The rows of all layers in turn are blocks of SLK_ROW_BLOCK_NODES. One thread takes them in order;
 * any number of others may make them. */
#ifndef SLK_PROOFS_LABEL_ROWS_H
#define SLK_PROOFS_LABEL_ROWS_H

#include "base/gate.h"
#include "proofs/graph/parents.h"

#include <stdatomic.h>
#include <stdint.h>

#define SLK_ROW_BLOCK_NODES 4096u
#define SLK_ROW_BLOCKS 32u /* made at most this far ahead: 7 MiB */

typedef struct slk_rows {
    const slk_parents *table; /* NULL: on the fly */
    const slk_crypto *crypto;
    slk_graph graph;
    uint64_t blocks; /* of all layers together */
    uint64_t taken;
    bool alone; /* nobody else makes blocks: the taker does it */
    uint32_t *memory; /* SLK_ROW_BLOCKS blocks */
    atomic_uint_fast64_t next; /* block to be made by whoever asks next */
    slk_gate made[SLK_ROW_BLOCKS]; /* block b + 1 has come to lie in place b mod SLK_ROW_BLOCKS */
    slk_gate passed; /* blocks the taker is done with */
} slk_rows;

/* table: may be NULL, then the rows are computed. layers: how often the nodes are gone through. alone:
 * slk_rows_make is not called. SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_rows_init(slk_rows *rows, const slk_parents *table,
                                     const slk_crypto *crypto, const slk_graph *graph,
                                     unsigned layers, bool alone, slk_error *error);
void slk_rows_done(slk_rows *rows); /* nobody may be in a call */

/* The next block: rows of the nodes [first, first + *ret_nodes) where first goes up by
 * SLK_ROW_BLOCK_NODES and starts again with each layer. Valid until the next call. NULL: closed, or no
 * more. With a table nothing is waited for. */
const uint32_t *slk_rows_take(slk_rows *rows, uint64_t *ret_nodes);

/* A making thread: returns when all blocks are made or the rows are closed. About 0.8 us per node and
 * core with AVX-512. With a table there is nothing to do. */
void slk_rows_make(slk_rows *rows);

/* Ends all waiting, from any thread. */
void slk_rows_close(slk_rows *rows);

#endif
