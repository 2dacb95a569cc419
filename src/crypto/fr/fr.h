/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The scalar field of BLS12-381 on four 64-bit limbs.
 *
 * slk_fr holds x * 2^256 mod r ("Montgomery form"), always fully reduced (< r), little-endian
 * limbs: the same bytes as blst_fr, so pointers may be handed to blst. A "node" is 32 bytes, the
 * canonical integer little-endian; values >= r are refused, never reduced.
 * source: reference/proofs 1.1 (r, generator 7, 2-adicity 32). */
#ifndef SLK_CRYPTO_FR_H
#define SLK_CRYPTO_FR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_fr {
    uint64_t l[4];
} slk_fr;

extern const slk_fr slk_fr_zero, slk_fr_one;
extern const uint64_t slk_fr_modulus[4];

/* Results may alias operands. All constant time but the inversions. */
void slk_fr_add(slk_fr *out, const slk_fr *a, const slk_fr *b);
void slk_fr_sub(slk_fr *out, const slk_fr *a, const slk_fr *b);
void slk_fr_neg(slk_fr *out, const slk_fr *a);
void slk_fr_mul(slk_fr *out, const slk_fr *a, const slk_fr *b);
void slk_fr_sqr(slk_fr *out, const slk_fr *a);
void slk_fr_double(slk_fr *out, const slk_fr *a);
void slk_fr_pow_u64(slk_fr *out, const slk_fr *a, uint64_t exponent);
void slk_fr_inv(slk_fr *out, const slk_fr *a); /* 1/a; 0 for 0 */
/* Replaces each of n non-zero elements by its inverse; scratch holds n elements. */
void slk_fr_inv_batch(slk_fr *inout, size_t n, slk_fr *scratch);

bool slk_fr_is_zero(const slk_fr *a);
bool slk_fr_equal(const slk_fr *a, const slk_fr *b);

void slk_fr_from_u64(slk_fr *out, uint64_t v);
/* False, *out untouched, when the node is >= r. */
bool slk_fr_from_node(slk_fr *out, const uint8_t node32[32]);
void slk_fr_to_node(uint8_t node32[32], const slk_fr *a);
bool slk_fr_node_is_canonical(const uint8_t node32[32]);
/* 64 bytes little-endian reduced mod r: for uniform scalars from random bytes. */
void slk_fr_from_wide(slk_fr *out, const uint8_t in64[64]);
/* The canonical integer as limbs, least significant first. */
void slk_fr_to_limbs(uint64_t out[4], const slk_fr *a);

/* A primitive 2^log2_n-th root of unity, log2_n <= 32; and the coset shift g = 7. */
void slk_fr_root_of_unity(slk_fr *out, unsigned log2_n);
extern const slk_fr slk_fr_generator;

/* sum of two nodes mod r: the encoding of a replica node. False when either is >= r. */
bool slk_fr_node_add(uint8_t out32[32], const uint8_t a32[32], const uint8_t b32[32]);
bool slk_fr_node_sub(uint8_t out32[32], const uint8_t a32[32], const uint8_t b32[32]);

#endif
