/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sums of products with one reduction at the end. For crypto/ and proofs/, as fr_inline.h. */
#ifndef SLK_CRYPTO_FR_DOT_H
#define SLK_CRYPTO_FR_DOT_H

#include "crypto/fr/fr_inline.h"

/* Products that fit one sum. */
#define SLK_FR_DOT_MAX 16u

/* out = t mod r for five limbs t < 9r. */
static inline void slk_fr_dot_finish(slk_fr *out, const uint64_t t[6])
{
    /* q is t / r rounded down, or one less: r is 7.2429 * 2^252, the factor 9039 / 2^16 is just below
     * 1 / 7.25, and top is below 66. */
    uint64_t top = t[4] << 4 | t[3] >> 60;
    uint64_t q = top * 9039 >> 16, carry = 0, borrow = 0;
    uint64_t q0 = slk_fr_mac(0, q, SLK_FR_R0, &carry);
    uint64_t q1 = slk_fr_mac(0, q, SLK_FR_R1, &carry);
    uint64_t q2 = slk_fr_mac(0, q, SLK_FR_R2, &carry);
    uint64_t q3 = slk_fr_mac(0, q, SLK_FR_R3, &carry);
    uint64_t t0 = slk_fr_sbb(t[0], q0, &borrow);
    uint64_t t1 = slk_fr_sbb(t[1], q1, &borrow);
    uint64_t t2 = slk_fr_sbb(t[2], q2, &borrow);
    uint64_t t3 = slk_fr_sbb(t[3], q3, &borrow);
    slk_fr_reduce_once(out, t0, t1, t2, t3);
}

/* out = sum of a[i] * b[i] for i < n <= SLK_FR_DOT_MAX; out may be among a, b.
 *
 * One limb of all b at a time, folding after each: the sum stays below
 * (16 r^2 + 2^256 r) / 2^256 < 8.3 r after the last. */
static inline void slk_fr_dot(slk_fr *out, const slk_fr *a, const slk_fr *b, unsigned n)
{
    static const slk_fr modulus = {{SLK_FR_R0, SLK_FR_R1, SLK_FR_R2, SLK_FR_R3}};
    uint64_t t[6] = {0};
#pragma GCC unroll 4
    for (unsigned j = 0; j < 4; j++) {
        for (unsigned i = 0; i < n; i++)
            slk_fr_row(t, &a[i], b[i].l[j]);
        slk_fr_fold(t, &modulus);
    }
    slk_fr_dot_finish(out, t);
}

/* inout += sum of a[i] * b[i] for i < n < SLK_FR_DOT_MAX. */
static inline void slk_fr_dot_add(slk_fr *inout, const slk_fr *a, const slk_fr *b, unsigned n)
{
    slk_fr sum;
    slk_fr_dot(&sum, a, b, n);
    slk_fr_add_i(inout, inout, &sum);
}

#endif
