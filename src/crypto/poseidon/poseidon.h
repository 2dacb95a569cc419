/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Poseidon over the BLS12-381 scalar field as Filecoin uses it: arities 2, 4, 8 and 11, strength
 * "standard", hash type "Merkle tree", in the form with pre-multiplied constants and sparse
 * matrices. source: reference/proofs 2. */
#ifndef SLK_CRYPTO_POSEIDON_H
#define SLK_CRYPTO_POSEIDON_H

#include "crypto/crypto.h"
#include "crypto/fr/fr.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_POSEIDON_MAX_WIDTH 12

/* The constants of one arity, owned by the slk_crypto. t = arity + 1. Products are row vector times
 * matrix: y[j] = sum over i of x[i] * m[i*t + j]. */
typedef struct slk_poseidon_params {
    unsigned arity;
    unsigned width; /* t */
    unsigned full_rounds; /* 8 */
    unsigned partial_rounds; /* 55, 56, 57, 57 */
    slk_fr tag; /* 2^arity - 1 */
    const slk_fr *round_keys; /* plain form: (8 + R_P) * t */
    const slk_fr *mds; /* t*t */
    const slk_fr *compressed; /* 8t + R_P, in order of use */
    const slk_fr *pre_sparse; /* t*t */
    const slk_fr *sparse; /* R_P times (t of the first column, then t-1 of the first row) */
} slk_poseidon_params;

/* arity is 2, 4, 8 or 11. */
const slk_poseidon_params *slk_poseidon_params_of(const slk_crypto *crypto, unsigned arity);

/* One hash of `arity` elements; out may alias in. */
void slk_poseidon_hash(const slk_crypto *crypto, unsigned arity, slk_fr *out, const slk_fr *in);

/* n independent hashes of consecutive groups: in n*arity nodes, out n nodes, every input node < r
 * (the caller has checked). out == in is allowed, other overlap is not. Never allocates. */
void slk_poseidon_batch(const slk_crypto *crypto, unsigned arity, uint8_t *out, const uint8_t *in,
                        size_t n);

/* Column hashes: out[i] = H(layer[0][i], …, layer[arity-1][i]) for i < n. layer[k] points to n nodes,
 * each < r. Never allocates. */
void slk_poseidon_columns(const slk_crypto *crypto, unsigned arity, uint8_t *out,
                          const uint8_t *const *layer, size_t n);

#endif
