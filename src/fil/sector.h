/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sector sizes and registered seal proofs: one table, all other code asks it.
 * source: reference/proofs 3.1, 5.1, 6; reference/chain 2. */
#ifndef SLK_FIL_SECTOR_H
#define SLK_FIL_SECTOR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_NODE_BYTES 32u
#define SLK_BASE_PARENTS 6u
#define SLK_EXPANDER_PARENTS 8u
#define SLK_PARENTS 14u
#define SLK_MAX_LAYERS 11u
#define SLK_MAX_BASE_TREES 16u
/* Of ours, in a cache folder: of what a finished cache has p_aux alone is there; the rest follows from the
 * replica. */
#define SLK_CACHE_LEAN_FILE ".selkie-lean"

/* Everything that follows from the size of a sector. */
typedef struct slk_sector_shape {
    const char *name; /* "32GiB", as in enum names */
    uint64_t bytes;
    uint64_t nodes; /* bytes / 32 */
    unsigned log2_nodes;
    unsigned layers; /* 2 or 11 */
    unsigned sub_arity; /* 0, 2 or 8: base trees joined into one sub tree */
    unsigned top_arity; /* 0 or 2 */
    unsigned base_trees; /* max(1,sub) * max(1,top) */
    unsigned base_depth; /* base tree has 8^base_depth leaves */
    unsigned discard; /* rows of tree-r-last left out beside the leaves */
    unsigned partitions; /* interactive and synthetic */
    unsigned challenges; /* per partition */
    unsigned ni_partitions; /* non-interactive */
    const char *tree_name; /* "8-8-0" */
} slk_sector_shape;

/* By exact size in bytes; NULL if there is no such sector size. By index from 0 for listings. */
const slk_sector_shape *slk_sector_shape_of(uint64_t bytes);
const slk_sector_shape *slk_sector_shape_at(size_t index);
/* "2KiB", "512MiB", "32GiB" (case-sensitive, no space) or plain bytes; NULL unknown. */
const slk_sector_shape *slk_sector_shape_parse(const char *text);

typedef enum slk_api_version { SLK_API_1_0, SLK_API_1_1, SLK_API_1_2 } slk_api_version;
typedef enum slk_porep_feature {
    SLK_FEATURE_NONE,
    SLK_FEATURE_SYNTHETIC,
    SLK_FEATURE_NON_INTERACTIVE,
} slk_porep_feature;

/* What a sector is sealed as. Copyable. */
typedef struct slk_seal_proof {
    const slk_sector_shape *shape;
    int64_t registered; /* 0..19, or -1 for sizes without a registered number */
    uint8_t porep_id[32];
    slk_api_version api;
    slk_porep_feature feature;
} slk_seal_proof;

/* From the registered number 0..19; SLK_E_INVAL otherwise. */
SLK_MUST_CHECK slk_err slk_seal_proof_registered(slk_seal_proof *ret_proof, int64_t number,
                                                 slk_error *error);
/* For sizes without a number (tests and tools). */
void slk_seal_proof_custom(slk_seal_proof *ret_proof, const slk_sector_shape *shape,
                           const uint8_t porep_id[32], slk_api_version api,
                           slk_porep_feature feature);

/* "StackedDrg32GiBV1_1" as in JSON; for unregistered ones the V1 name of the size. out >= 64 chars. */
void slk_seal_proof_name(char *out, size_t n, const slk_seal_proof *proof);
/* Partitions of this proof: shape->partitions or shape->ni_partitions. */
unsigned slk_seal_proof_partitions(const slk_seal_proof *proof);
/* Bytes of the on-chain proof: 192 per partition (the aggregated form for non-interactive is not
 * made here). */
size_t slk_seal_proof_bytes(const slk_seal_proof *proof);

/* prover_id: unsigned LEB128 of the miner's actor id, zero-padded to 32 bytes. */
void slk_prover_id(uint8_t out32[32], uint64_t miner_id);

#define SLK_SECTOR_NUMBER_MAX ((UINT64_C(1) << 63) - 1)

#endif
