/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The pairing of BLS12-381 and its target group, as blst computes it. */
#ifndef SLK_CRYPTO_CURVE_PAIRING_H
#define SLK_CRYPTO_CURVE_PAIRING_H

#include "crypto/curve/curve.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An element of Fp12, before or after the final exponentiation. */
typedef struct slk_gt {
    uint64_t l[72];
} slk_gt;

void slk_gt_one(slk_gt *out);
/* Results may alias operands. */
void slk_gt_mul(slk_gt *out, const slk_gt *a, const slk_gt *b);

/* The lines that a Miller loop draws through a point of G2: made once for a point that is paired
 * often. source: one doubling per bit of z = 0xd201000000010000 below the highest, one addition per
 * further bit that is set. 19,584 bytes. */
#define SLK_G2_LINES 68u
typedef struct slk_g2_lines {
    slk_fp2 l[SLK_G2_LINES][3];
} slk_g2_lines;

/* q is not infinity. 54 us. */
void slk_g2_lines_of(slk_g2_lines *out, const slk_g2_affine *q);

typedef struct slk_pairing_term {
    const slk_g1_affine *p; /* infinity contributes one */
    const slk_g2_lines *q;
} slk_pairing_term;

/* out = out * product of miller(p, q) over the terms, n <= SLK_PAIRING_TERMS_MAX. The squarings are
 * shared: 70 us, and 76 us per term. */
#define SLK_PAIRING_TERMS_MAX 8u
void slk_pairing_miller_lines(slk_gt *inout, const slk_pairing_term *terms, size_t n);
/* The same, up to a factor in Fp2 that slk_pairing_is_one does not see, for points that are paired once;
 * none of q is infinity. By blst 70 us, and 130 us per pair; with IFMA about 65 us per pair of eight. */
void slk_pairing_miller(const slk_crypto *crypto, slk_gt *inout, const slk_g1_affine *p,
                        const slk_g2_affine *q, size_t n);

/* a^((p^12 - 1) / r) == 1: whether the product of pairings that a stands for is one. 0.28 ms. */
bool slk_pairing_is_one(const slk_gt *a);

#endif
