/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tables and kernels of Poseidon. Internal to crypto/.
 *
 * Kernels run the partial rounds in blocks of SLK_POSEIDON_BLOCK. Within a block only element 0 goes
 * through the S-box; with z_k its value after the S-box and key of round k, the others are
 * x_j + sum over m < k of z_m * v_m[j-1]. Put into the column product this gives
 *   y_0 = col_k[0] z_k + sum_j col_k[j] x_j + sum_{m<k} z_m w_{k,m},  w_{k,m} = sum_j col_k[j] v_m[j-1]
 * so the others are brought up to date once a block, and a block needs BLOCK + t - 1 reductions
 * where the plain order needs BLOCK * t. */
#ifndef SLK_CRYPTO_POSEIDON_IMPL_H
#define SLK_CRYPTO_POSEIDON_IMPL_H

#include "crypto/fr/fr.h"
#include "crypto/poseidon/poseidon.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_POSEIDON_BLOCK 4u
#define SLK_POSEIDON_MAX_TERMS (SLK_POSEIDON_MAX_WIDTH + SLK_POSEIDON_BLOCK - 1)

/* An element as the wide kernels read it: x * 2^260 mod r in five limbs of 52 bits. */
enum { SLK_POSEIDON_WIDE_LIMBS = 5 };

/* The same constants for kernels of 52-bit limbs, each element SLK_POSEIDON_WIDE_LIMBS words. */
typedef struct slk_poseidon_wide {
    const uint64_t *tag, *compressed, *mds, *pre_sparse_columns, *blocked;
} slk_poseidon_wide;

/* Immutable after slk_poseidon_table_init. */
typedef struct slk_poseidon_table {
    slk_poseidon_params params;
    /* Column j of the pre-sparse matrix as row j, so that every product reads along rows. (The MDS
     * matrix is symmetric.) */
    const slk_fr *pre_sparse_columns;
    /* Per block of b rounds (b = BLOCK, the last one what is left): for k < b the t + k factors
     * col_k[0..t), w_{k,0..k); then for each j = 1..t-1 the b factors v_0[j-1], …, v_{b-1}[j-1]. */
    const slk_fr *blocked;
    slk_poseidon_wide wide;
    slk_fr *memory; /* all of the above, owned */
    uint64_t *wide_memory;
} slk_poseidon_table;

/* Where the inputs of n hashes lie: node k of hash i at in[k] + i * stride. */
typedef struct slk_poseidon_nodes {
    const uint8_t *in[SLK_POSEIDON_MAX_WIDTH];
    size_t stride;
} slk_poseidon_nodes;

typedef struct slk_poseidon_impl {
    const char *name;
    uint64_t needs; /* SLK_CPU_ bits */
    void (*hash)(const slk_poseidon_table *table, slk_fr *out, const slk_fr *in);
    /* out[i] = hash i, 32 bytes each. Hashes are read before their results are written and in
     * ascending groups, so out may start where the inputs of a batch start. */
    void (*many)(const slk_poseidon_table *table, uint8_t *out, const slk_poseidon_nodes *nodes,
                 size_t n);
} slk_poseidon_impl;

/* Computes all constants of one arity (2, 4, 8, 11). SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_poseidon_table_init(slk_poseidon_table *table, unsigned arity,
                                               slk_error *error);
void slk_poseidon_table_done(slk_poseidon_table *table); /* idempotent, zeroed allowed */

/* The hash straight from its definition (reference/proofs 2.4), the twin of every kernel. */
void slk_poseidon_plain(const slk_poseidon_params *params, slk_fr *out, const slk_fr *in);

extern const slk_poseidon_impl slk_poseidon_portable;
extern const slk_poseidon_impl slk_poseidon_mulx;
extern const slk_poseidon_impl slk_poseidon_ifma;

#endif
