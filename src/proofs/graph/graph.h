/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The stacked depth-robust graph: for every node six base parents (earlier nodes of its own layer)
 * and eight expander parents (any nodes of the layer before). source: reference/proofs 3.3-3.6. */
#ifndef SLK_PROOFS_GRAPH_H
#define SLK_PROOFS_GRAPH_H

#include "crypto/crypto.h"
#include "fil/sector.h"

#include <stdint.h>

/* Plain values, copyable, shared freely between threads. */
typedef struct slk_graph {
    uint64_t nodes;
    slk_api_version api;
    uint8_t drg_seed[28];
    uint64_t feistel_keys[4]; /* the fourth only occurs in the cache name */
    unsigned half_bits; /* a permuted index has twice as many */
    uint64_t half_mask;
} slk_graph;

/* The graph of a seal proof (its size, porep id and API version). */
void slk_graph_init(slk_graph *ret_graph, const slk_crypto *crypto, const slk_seal_proof *proof);

/* Parents of node < nodes in hashing order: 6 base, then 8 expander. Repetitions occur, and node 0
 * has expander parents too, though labelling never reads them. About 5 us. */
void slk_graph_parents(const slk_graph *graph, uint64_t node, uint32_t out[SLK_PARENTS]);

/* The same for nodes [first, first + n), one row of 14 after the other, with many hashes side by side:
 * about 1 us per node with AVX-512. */
void slk_graph_parents_range(const slk_graph *graph, const slk_crypto *crypto, uint64_t first,
                             uint64_t n, uint32_t *rows);

/* "v28-sdr-parent-<64 hex>": name of the official parent cache without ".cache". out: 80 chars. */
#define SLK_GRAPH_CACHE_NAME_CHARS 80u
void slk_graph_cache_name(char out[SLK_GRAPH_CACHE_NAME_CHARS], const slk_crypto *crypto,
                          const slk_graph *graph);

#endif
