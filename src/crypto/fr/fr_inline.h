/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The field operations of fr.h as inline functions for hot loops. For crypto/ and proofs/; other
 * code calls fr.h. Contracts are those of fr.h. */
#ifndef SLK_CRYPTO_FR_INLINE_H
#define SLK_CRYPTO_FR_INLINE_H

#include "crypto/fr/fr.h"

#include <stdint.h>

__extension__ typedef unsigned __int128 slk_u128;

/* source: reference/proofs 1.1 (r), and -1/r mod 2^64 from it */
#define SLK_FR_R0 UINT64_C(0xffffffff00000001)
#define SLK_FR_R1 UINT64_C(0x53bda402fffe5bfe)
#define SLK_FR_R2 UINT64_C(0x3339d80809a1d805)
#define SLK_FR_R3 UINT64_C(0x73eda753299d7d48)
#define SLK_FR_NEG_INV UINT64_C(0xfffffffeffffffff)

/* The limbs of 2^512 mod r: times this (Montgomery) turns a plain integer into Montgomery form. */
#define SLK_FR_TWO_512                                                                            \
    {                                                                                             \
        UINT64_C(0xc999e990f3f29c6d), UINT64_C(0x2b6cedcb87925c23), UINT64_C(0x05d314967254398f), \
            UINT64_C(0x0748d9d99f59ff11)                                                          \
    }

/* a + b * c + *carry; the low word returned, the high word left in *carry. Cannot overflow. */
static inline uint64_t slk_fr_mac(uint64_t a, uint64_t b, uint64_t c, uint64_t *carry)
{
    slk_u128 t = (slk_u128)b * c + a + *carry;
    *carry = (uint64_t)(t >> 64);
    return (uint64_t)t;
}

static inline uint64_t slk_fr_adc(uint64_t a, uint64_t b, uint64_t *carry)
{
    slk_u128 t = (slk_u128)a + b + *carry;
    *carry = (uint64_t)(t >> 64);
    return (uint64_t)t;
}

static inline uint64_t slk_fr_sbb(uint64_t a, uint64_t b, uint64_t *borrow)
{
    slk_u128 t = (slk_u128)a - b - *borrow;
    *borrow = (uint64_t)(t >> 64) & 1;
    return (uint64_t)t;
}

/* t < 2r becomes t mod r, without a branch. */
static inline void slk_fr_reduce_once(slk_fr *out, uint64_t t0, uint64_t t1, uint64_t t2,
                                      uint64_t t3)
{
    uint64_t borrow = 0;
    uint64_t d0 = slk_fr_sbb(t0, SLK_FR_R0, &borrow);
    uint64_t d1 = slk_fr_sbb(t1, SLK_FR_R1, &borrow);
    uint64_t d2 = slk_fr_sbb(t2, SLK_FR_R2, &borrow);
    uint64_t d3 = slk_fr_sbb(t3, SLK_FR_R3, &borrow);
    uint64_t keep = 0 - borrow;
    out->l[0] = d0 ^ (keep & (d0 ^ t0));
    out->l[1] = d1 ^ (keep & (d1 ^ t1));
    out->l[2] = d2 ^ (keep & (d2 ^ t2));
    out->l[3] = d3 ^ (keep & (d3 ^ t3));
}

static inline void slk_fr_add_i(slk_fr *out, const slk_fr *a, const slk_fr *b)
{
    /* 2r < 2^256: no carry out. */
    uint64_t carry = 0;
    uint64_t t0 = slk_fr_adc(a->l[0], b->l[0], &carry);
    uint64_t t1 = slk_fr_adc(a->l[1], b->l[1], &carry);
    uint64_t t2 = slk_fr_adc(a->l[2], b->l[2], &carry);
    uint64_t t3 = slk_fr_adc(a->l[3], b->l[3], &carry);
    slk_fr_reduce_once(out, t0, t1, t2, t3);
}

static inline void slk_fr_sub_i(slk_fr *out, const slk_fr *a, const slk_fr *b)
{
    uint64_t borrow = 0, carry = 0;
    uint64_t t0 = slk_fr_sbb(a->l[0], b->l[0], &borrow);
    uint64_t t1 = slk_fr_sbb(a->l[1], b->l[1], &borrow);
    uint64_t t2 = slk_fr_sbb(a->l[2], b->l[2], &borrow);
    uint64_t t3 = slk_fr_sbb(a->l[3], b->l[3], &borrow);
    uint64_t mask = 0 - borrow;
    out->l[0] = slk_fr_adc(t0, mask & SLK_FR_R0, &carry);
    out->l[1] = slk_fr_adc(t1, mask & SLK_FR_R1, &carry);
    out->l[2] = slk_fr_adc(t2, mask & SLK_FR_R2, &carry);
    out->l[3] = slk_fr_adc(t3, mask & SLK_FR_R3, &carry);
}

#if defined(__BMI2__) && defined(__ADX__)

/* t += a * b over six limbs: two carry chains side by side, which compilers do not write. t[5] takes
 * what a sum of many products has over five limbs. */
static inline void slk_fr_row(uint64_t t[6], const slk_fr *a, uint64_t b)
{
    uint64_t low, high;
    __asm__("xorl %k[low], %k[low]\n\t" /* both carries are clear */
            "mulxq 0(%[a]), %[low], %[high]\n\t"
            "adcxq %[low], %[t0]\n\t"
            "adoxq %[high], %[t1]\n\t"
            "mulxq 8(%[a]), %[low], %[high]\n\t"
            "adcxq %[low], %[t1]\n\t"
            "adoxq %[high], %[t2]\n\t"
            "mulxq 16(%[a]), %[low], %[high]\n\t"
            "adcxq %[low], %[t2]\n\t"
            "adoxq %[high], %[t3]\n\t"
            "mulxq 24(%[a]), %[low], %[high]\n\t"
            "adcxq %[low], %[t3]\n\t"
            "adoxq %[high], %[t4]\n\t"
            "movl $0, %k[low]\n\t"
            "adcxq %[low], %[t4]\n\t"
            "adoxq %[low], %[t5]\n\t"
            "adcxq %[low], %[t5]\n\t"
            : [t0] "+r"(t[0]), [t1] "+r"(t[1]), [t2] "+r"(t[2]), [t3] "+r"(t[3]), [t4] "+r"(t[4]),
              [t5] "+r"(t[5]), [low] "=&r"(low), [high] "=&r"(high)
            : [a] "r"(a->l), "m"(*a), "d"(b)
            : "cc");
}

#else

/* t += a * b over six limbs. t[5] takes what a sum of many products has over five limbs. */
static inline void slk_fr_row(uint64_t t[6], const slk_fr *a, uint64_t b)
{
    uint64_t carry = 0;
    t[0] = slk_fr_mac(t[0], a->l[0], b, &carry);
    t[1] = slk_fr_mac(t[1], a->l[1], b, &carry);
    t[2] = slk_fr_mac(t[2], a->l[2], b, &carry);
    t[3] = slk_fr_mac(t[3], a->l[3], b, &carry);
    t[4] += carry;
    t[5] += t[4] < carry;
}

#endif

/* t = (t + m * r) / 2^64 with the m that makes it exact. */
static inline void slk_fr_fold(uint64_t t[6], const slk_fr *modulus)
{
    slk_fr_row(t, modulus, t[0] * SLK_FR_NEG_INV);
    t[0] = t[1];
    t[1] = t[2];
    t[2] = t[3];
    t[3] = t[4];
    t[4] = t[5];
    t[5] = 0;
}

#if defined(__BMI2__) && defined(__ADX__)

static inline void slk_fr_mul_i(slk_fr *out, const slk_fr *a, const slk_fr *b)
{
    static const slk_fr modulus = {{SLK_FR_R0, SLK_FR_R1, SLK_FR_R2, SLK_FR_R3}};
    uint64_t t[6] = {0};
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        slk_fr_row(t, a, b->l[j]);
        slk_fr_fold(t, &modulus);
    }
    slk_fr_reduce_once(out, t[0], t[1], t[2], t[3]);
}

#else

/* One row of the interleaved product: t = (t + a * b + m * r) / 2^64 with the m that makes it exact.
 * With a, t < 2^255 the two carries of a row add up without overflow, because the top limb of r is
 * below 2^63 - 1. */
static inline void slk_fr_mul_row(uint64_t t[4], const slk_fr *a, uint64_t b)
{
    uint64_t carry = 0, fold = 0;
    uint64_t low = slk_fr_mac(t[0], a->l[0], b, &carry);
    uint64_t m = low * SLK_FR_NEG_INV;
    (void)slk_fr_mac(low, m, SLK_FR_R0, &fold);
    low = slk_fr_mac(t[1], a->l[1], b, &carry);
    t[0] = slk_fr_mac(low, m, SLK_FR_R1, &fold);
    low = slk_fr_mac(t[2], a->l[2], b, &carry);
    t[1] = slk_fr_mac(low, m, SLK_FR_R2, &fold);
    low = slk_fr_mac(t[3], a->l[3], b, &carry);
    t[2] = slk_fr_mac(low, m, SLK_FR_R3, &fold);
    t[3] = carry + fold;
}

static inline void slk_fr_mul_i(slk_fr *out, const slk_fr *a, const slk_fr *b)
{
    uint64_t t[4] = {0, 0, 0, 0};
    slk_fr_mul_row(t, a, b->l[0]);
    slk_fr_mul_row(t, a, b->l[1]);
    slk_fr_mul_row(t, a, b->l[2]);
    slk_fr_mul_row(t, a, b->l[3]);
    slk_fr_reduce_once(out, t[0], t[1], t[2], t[3]);
}

#endif

#endif
