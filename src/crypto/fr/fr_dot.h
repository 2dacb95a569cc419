/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sums of products with one reduction at the end. For crypto/ and proofs/, as fr_inline.h. */
#ifndef SLK_CRYPTO_FR_DOT_H
#define SLK_CRYPTO_FR_DOT_H

#include "crypto/fr/fr_inline.h"

/* Products that fit one sum: with 16 the accumulator stays below 2^514 and slk_fr_dot_reduce is
 * exact. */
#define SLK_FR_DOT_MAX 16u

/* acc += a * b */
static inline void slk_fr_dot_step(uint64_t acc[9], const slk_fr *a, const slk_fr *b)
{
#pragma GCC unroll 4
    for (unsigned j = 0; j < 4; j++) {
        uint64_t carry = 0;
        acc[j] = slk_fr_mac(acc[j], a->l[0], b->l[j], &carry);
        acc[j + 1] = slk_fr_mac(acc[j + 1], a->l[1], b->l[j], &carry);
        acc[j + 2] = slk_fr_mac(acc[j + 2], a->l[2], b->l[j], &carry);
        acc[j + 3] = slk_fr_mac(acc[j + 3], a->l[3], b->l[j], &carry);
#pragma GCC unroll 5
        for (unsigned i = j + 4; i < 9; i++)
            acc[i] = slk_fr_adc(acc[i], 0, &carry);
    }
}

/* out = acc / 2^256 mod r for acc < 2^514. */
static inline void slk_fr_dot_reduce(slk_fr *out, uint64_t acc[9])
{
    uint64_t over = 0; /* carry of the previous row into limb j + 4 */
#pragma GCC unroll 4
    for (unsigned j = 0; j < 4; j++) {
        uint64_t carry = 0, m = acc[j] * SLK_FR_NEG_INV;
        (void)slk_fr_mac(acc[j], m, SLK_FR_R0, &carry);
        acc[j + 1] = slk_fr_mac(acc[j + 1], m, SLK_FR_R1, &carry);
        acc[j + 2] = slk_fr_mac(acc[j + 2], m, SLK_FR_R2, &carry);
        acc[j + 3] = slk_fr_mac(acc[j + 3], m, SLK_FR_R3, &carry);
        acc[j + 4] = slk_fr_adc(acc[j + 4], carry, &over);
    }
    acc[8] += over;
    /* Now acc[4..8] = v < 2^258 + r. q is v / r rounded down, or one less: r is 7.2429 * 2^252, the
     * factor 9039 / 2^16 is just below 1 / 7.25, and top is at most 72. */
    uint64_t top = acc[8] << 4 | acc[7] >> 60;
    uint64_t q = top * 9039 >> 16, carry = 0, borrow = 0;
    uint64_t q0 = slk_fr_mac(0, q, SLK_FR_R0, &carry);
    uint64_t q1 = slk_fr_mac(0, q, SLK_FR_R1, &carry);
    uint64_t q2 = slk_fr_mac(0, q, SLK_FR_R2, &carry);
    uint64_t q3 = slk_fr_mac(0, q, SLK_FR_R3, &carry);
    uint64_t t0 = slk_fr_sbb(acc[4], q0, &borrow);
    uint64_t t1 = slk_fr_sbb(acc[5], q1, &borrow);
    uint64_t t2 = slk_fr_sbb(acc[6], q2, &borrow);
    uint64_t t3 = slk_fr_sbb(acc[7], q3, &borrow);
    slk_fr_reduce_once(out, t0, t1, t2, t3);
}

/* out = sum of a[i] * b[i] for i < n <= SLK_FR_DOT_MAX; out is not among a, b. */
static inline void slk_fr_dot(slk_fr *out, const slk_fr *a, const slk_fr *b, unsigned n)
{
    uint64_t acc[9] = {0};
    for (unsigned i = 0; i < n; i++)
        slk_fr_dot_step(acc, &a[i], &b[i]);
    slk_fr_dot_reduce(out, acc);
}

/* inout += sum of a[i] * b[i] for i < n < SLK_FR_DOT_MAX; inout is not among a, b. */
static inline void slk_fr_dot_add(slk_fr *inout, const slk_fr *a, const slk_fr *b, unsigned n)
{
    /* inout * 2^256 is what the reduction turns into inout. */
    uint64_t acc[9] = {0, 0, 0, 0, inout->l[0], inout->l[1], inout->l[2], inout->l[3], 0};
    for (unsigned i = 0; i < n; i++)
        slk_fr_dot_step(acc, &a[i], &b[i]);
    slk_fr_dot_reduce(inout, acc);
}

#endif
