/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SDR labels of many sectors at once: one hash per sector over the same parents.
 *
 * A label is S254 over a header block (replica id, layer, node) and 37 nodes: the n = 6 (layer 1) or
 * n = 14 (above) parents' labels, repeated cyclically; with its padding 20 blocks. All sectors of a
 * group have the same graph, so one kernel hashes node x of `lanes` sectors together. What the lanes
 * hold lies side by side in a *record*: the labels of one node of all lanes, 32 * lanes bytes, in the
 * kernel's own layout, which chains from label to label without conversion. slk_label_pack and
 * slk_label_unpack convert between records and official nodes.
 *
 * Thread safety: all functions are pure; keys and kernels are read only. Nothing here can fail.
 * source: reference/proofs 4 */
#ifndef SLK_CRYPTO_SHA256_LABEL_H
#define SLK_CRYPTO_SHA256_LABEL_H

#include "crypto/crypto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_LABEL_MAX_LANES 32u
/* Records of every kernel are aligned to this where the caller can choose; kernels accept any. */
#define SLK_LABEL_ALIGN 64u

typedef enum slk_label_layout {
    SLK_LABEL_NODES, /* lane after lane, 32 official bytes each */
    /* Groups of 16 or 8 lanes (SLK_LABEL_WORDS of the kernel's vector), one after the other, each
     * word-major: digest word w of lane i of the group as native uint32_t at [w * group + i]. */
    SLK_LABEL_WORDS
} slk_label_layout;

/* What the header block of `lanes` sectors holds in one layer. Plain values, copyable. */
typedef struct slk_label_key {
    _Alignas(64) uint32_t word[9][SLK_LABEL_MAX_LANES]; /* message words 0..8 of each lane */
    _Alignas(64) uint32_t mid[8][SLK_LABEL_MAX_LANES]; /* a..h after the rounds 0..7 */
    unsigned lanes;
} slk_label_key;

/* A run of nodes of one sector, each of which needs the one before: SDR for latency. */
typedef struct slk_label_chain {
    uint8_t *layer; /* official nodes of this layer; those before `first` are there */
    const uint8_t *previous; /* the layer below; NULL in layer 1 */
    const uint32_t *rows; /* parents, 14 to a node, 6 of this layer and 8 of the one below, of
                             the nodes `first` to `ahead` - 1 */
    uint64_t first, end; /* nodes to label */
    uint64_t ahead; /* >= end: labels of parents up to here are fetched into the caches early */
} slk_label_chain;

typedef struct slk_label_kernel {
    const char *name; /* "shani2", "avx512x16" */
    uint64_t needs; /* SLK_CPU_ bits */
    unsigned lanes; /* 1, 2, 8, 16 or 32 */
    unsigned group; /* lanes of one word-major group; 1 for SLK_LABEL_NODES */
    slk_label_layout layout;
    /* See slk_label_record; n is 6 or 14 here. */
    void (*label)(void *out_record, const slk_label_key *key, uint64_t node,
                  const void *const *parents, unsigned n);
    /* See slk_label_run; first > 0 here. NULL but for the fastest kernels of one lane. */
    void (*run)(const slk_label_chain *chain, const slk_label_key *key);
    /* n nodes of every lane: out[i] + 32 * k is node k of lane i. NULL where a plain loop is used. */
    void (*unpack)(uint8_t *const *out, const void *records, size_t n);
} slk_label_kernel;

/* The kernels this processor may use, index from 0; NULL past the last. The last is the plain one,
 * of one lane. */
const slk_label_kernel *slk_label_kernel_at(const slk_crypto *crypto, size_t index);

/* The kernel that labels `sectors` (>= 1) sectors in the least time when ceil(sectors / lanes)
 * records are made one after the other. Tests and measures every kernel of the processor, about 1 ms
 * each; one that gives wrong answers is not taken. */
const slk_label_kernel *slk_label_choose(const slk_crypto *crypto, unsigned sectors);

/* Nanoseconds that one record of a layer above the first takes with its parents in the cache: the
 * least of several tries within about budget_us microseconds. */
double slk_label_measure_ns(const slk_label_kernel *kernel, unsigned budget_us);

/* replica_ids: `lanes` (at most kernel->lanes) pointers to 32 bytes; lanes that are not there are
 * given the first id and their labels mean nothing. */
void slk_label_key_init(slk_label_key *ret_key, const slk_label_kernel *kernel,
                        const uint8_t *const *replica_ids, unsigned lanes, unsigned layer);

/* Labels node `node` of all lanes. parents: n records, 6 in layer 1, 14 above, in hashing order
 * (repetitions allowed); n = 0 for node 0. out_record may be one of the parents.
 * Cost per record in core cycles of a Zen 5: see docs/performance.md. */
void slk_label_record(const slk_label_kernel *kernel, void *out_record, const slk_label_key *key,
                      uint64_t node, const void *const *parents, unsigned n);

/* Labels the nodes of a chain. The next header block is hashed beside the chain, which is bound by the
 * latency of 19 blocks, and parents are asked for well before they are read. All parents of a node
 * must be below it (of this layer) or below the size of `previous`. */
void slk_label_run(const slk_label_kernel *kernel, const slk_label_chain *chain,
                   const slk_label_key *key);
/* The kernel for slk_label_run: the best of one lane that passes its known-answer test (0.1 ms). */
const slk_label_kernel *slk_label_run_kernel(const slk_crypto *crypto);

/* Between n consecutive records and the official nodes of the lanes: lane i's node k at
 * nodes[i] + 32 * k. nodes: kernel->lanes pointers; NULL skips a lane (unpack) or leaves its part of
 * the records as it is (pack). No overlap. unpack is bound by memory; pack is a plain loop, for
 * resuming. */
void slk_label_unpack(const slk_label_kernel *kernel, uint8_t *const *nodes, const void *records,
                      size_t n);
void slk_label_pack(const slk_label_kernel *kernel, void *records, const uint8_t *const *nodes,
                    size_t n);

#endif
