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

/* out = out * miller(p, q); a point at infinity contributes one. About 0.3 ms. */
void slk_pairing_miller(slk_gt *inout, const slk_g1_affine *p, const slk_g2_affine *q);
/* a^((p^12 - 1) / r) == 1: whether the product of pairings that a stands for is one. 0.4 ms. */
bool slk_pairing_is_one(const slk_gt *a);

#endif
