/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The scalar field, eight elements at once, with 52-bit multiply-add. For kernel files of crypto/.
 *
 * An element is five limbs of 52 bits, limb k of all eight in one register. Products are those of
 * Montgomery with R = 2^260: slk_fr8_mul(a, b) = a * b / R mod r. r = 0.0284 R, so a product of
 * values below a*r and b*r comes out below (0.0284 a b + 1) r, and nothing is ever reduced further
 * before the end: values may grow to 35r, which is just below 2^260, so of the factors of one product
 * a * b <= 1197. Users state their bounds.
 *
 * "Carried" means limbs below 2^52, the last holding what is left: what factors must be. "Loose"
 * means limbs of any size and sign below 2^62, the value as above: what sums may be.
 *
 * gcc 12 keeps a multiplication in registers as written here: 100 multiply-adds (50 cycles on two
 * ports), 55 cycles measured for one after the other on Zen 5 with the carry, 82 one behind the
 * other. One accumulator for low and high halves, or reducing limb by limb, gains nothing there. */
#ifndef SLK_CRYPTO_FR_IFMA_H
#define SLK_CRYPTO_FR_IFMA_H

#include "crypto/fr/fr_inline.h"

#include <immintrin.h>

enum { SLK_FR8_LIMBS = 5, SLK_FR8_LANES = 8 };

typedef struct slk_fr8 {
    __m512i l[SLK_FR8_LIMBS];
} slk_fr8;

/* Low and high halves of products apart: shorter dependency chains. At most 16 products. */
typedef struct slk_fr8_sum {
    __m512i low[9], high[9];
} slk_fr8_sum;

#define SLK_FR8_INLINE static inline __attribute__((always_inline))
#define SLK_FR8_MASK ((UINT64_C(1) << 52) - 1)
#define SLK_FR8_RECIPROCAL UINT64_C(0x2355094edfedb) /* 2^96 / (1 + r / 2^208), rounded down */

SLK_FR8_INLINE __m512i slk_fr8_word(uint64_t v)
{
    return _mm512_set1_epi64((long long)v);
}

/* multiple * limb i of r, multiple <= 35. source: reference/proofs 1.1 */
SLK_FR8_INLINE __m512i slk_fr8_multiple(uint64_t multiple, int i)
{
    static const uint64_t limbs[SLK_FR8_LIMBS] = {
        SLK_FR_R0 & SLK_FR8_MASK, (SLK_FR_R0 >> 52 | SLK_FR_R1 << 12) & SLK_FR8_MASK,
        (SLK_FR_R1 >> 40 | SLK_FR_R2 << 24) & SLK_FR8_MASK,
        (SLK_FR_R2 >> 28 | SLK_FR_R3 << 36) & SLK_FR8_MASK, SLK_FR_R3 >> 16};
    return slk_fr8_word(multiple * limbs[i]);
}

SLK_FR8_INLINE __m512i slk_fr8_modulus(int i)
{
    return slk_fr8_multiple(1, i);
}

/* The same element in all lanes. */
SLK_FR8_INLINE slk_fr8 slk_fr8_broadcast(const uint64_t limbs[SLK_FR8_LIMBS])
{
    slk_fr8 out;
    for (int i = 0; i < SLK_FR8_LIMBS; i++)
        out.l[i] = slk_fr8_word(limbs[i]);
    return out;
}

/* Four words of 64 bits of each lane to limbs, and carried limbs of a value below 2^256 back. */
SLK_FR8_INLINE slk_fr8 slk_fr8_from_words(const __m512i w[4])
{
    const __m512i mask = slk_fr8_word(SLK_FR8_MASK);
    slk_fr8 out = {{
        _mm512_and_si512(w[0], mask),
        _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64(w[0], 52), _mm512_slli_epi64(w[1], 12)),
                         mask),
        _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64(w[1], 40), _mm512_slli_epi64(w[2], 24)),
                         mask),
        _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64(w[2], 28), _mm512_slli_epi64(w[3], 36)),
                         mask),
        _mm512_srli_epi64(w[3], 16),
    }};
    return out;
}

SLK_FR8_INLINE void slk_fr8_to_words(__m512i w[4], const slk_fr8 *a)
{
    w[0] = _mm512_or_si512(a->l[0], _mm512_slli_epi64(a->l[1], 52));
    w[1] = _mm512_or_si512(_mm512_srli_epi64(a->l[1], 12), _mm512_slli_epi64(a->l[2], 40));
    w[2] = _mm512_or_si512(_mm512_srli_epi64(a->l[2], 24), _mm512_slli_epi64(a->l[3], 28));
    w[3] = _mm512_or_si512(_mm512_srli_epi64(a->l[3], 36), _mm512_slli_epi64(a->l[4], 16));
}

SLK_FR8_INLINE slk_fr8 slk_fr8_carried(slk_fr8 a)
{
    __m512i carry = _mm512_setzero_si512();
#pragma GCC unroll 5
    for (int i = 0; i < SLK_FR8_LIMBS; i++) {
        a.l[i] = _mm512_add_epi64(a.l[i], carry);
        carry = _mm512_srai_epi64(a.l[i], 52);
        if (i + 1 < SLK_FR8_LIMBS)
            a.l[i] = _mm512_and_si512(a.l[i], slk_fr8_word(SLK_FR8_MASK));
    }
    return a;
}

SLK_FR8_INLINE void slk_fr8_sum_clear(slk_fr8_sum *s)
{
    for (int i = 0; i < 9; i++)
        s->low[i] = s->high[i] = _mm512_setzero_si512();
}

/* s += a * b, both carried */
SLK_FR8_INLINE void slk_fr8_sum_add(slk_fr8_sum *s, const slk_fr8 *a, const slk_fr8 *b)
{
#pragma GCC unroll 5
    for (int j = 0; j < SLK_FR8_LIMBS; j++)
#pragma GCC unroll 5
        for (int i = 0; i < SLK_FR8_LIMBS; i++) {
            s->low[i + j] = _mm512_madd52lo_epu64(s->low[i + j], a->l[i], b->l[j]);
            s->high[i + j] = _mm512_madd52hi_epu64(s->high[i + j], a->l[i], b->l[j]);
        }
}

/* s / R mod r, loose: for one product every limb is below 2^57. */
SLK_FR8_INLINE slk_fr8 slk_fr8_reduced(const slk_fr8_sum *s)
{
    __m512i t[10];
    t[0] = s->low[0];
    t[9] = s->high[8];
#pragma GCC unroll 8
    for (int i = 1; i < 9; i++)
        t[i] = _mm512_add_epi64(s->low[i], s->high[i - 1]);
#pragma GCC unroll 5
    for (int i = 0; i < SLK_FR8_LIMBS; i++) {
        const __m512i zero = _mm512_setzero_si512();
        __m512i m = _mm512_madd52lo_epu64(zero, t[i], slk_fr8_word(SLK_FR_NEG_INV & SLK_FR8_MASK));
        /* Limb i becomes a multiple of 2^52, so its carry is t[i] / 2^52 rounded up. */
        __m512i carry = _mm512_add_epi64(t[i], slk_fr8_word(SLK_FR8_MASK));
        t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srli_epi64(carry, 52));
        t[i + 1] = _mm512_add_epi64(_mm512_madd52lo_epu64(t[i + 1], m, slk_fr8_modulus(1)),
                                    _mm512_madd52hi_epu64(zero, m, slk_fr8_modulus(0)));
#pragma GCC unroll 4
        for (int j = 1; j < SLK_FR8_LIMBS; j++) {
            if (j > 1)
                t[i + j] = _mm512_madd52lo_epu64(t[i + j], m, slk_fr8_modulus(j));
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], m, slk_fr8_modulus(j));
        }
    }
    return (slk_fr8){{t[5], t[6], t[7], t[8], t[9]}};
}

/* a * b / R of carried factors, loose. */
SLK_FR8_INLINE slk_fr8 slk_fr8_mul_loose(const slk_fr8 *a, const slk_fr8 *b)
{
    slk_fr8_sum s;
    slk_fr8_sum_clear(&s);
    slk_fr8_sum_add(&s, a, b);
    return slk_fr8_reduced(&s);
}

/* a * a / R, carried: products of different limbs once, then doubled. 20 multiply-adds less, for
 * 8 additions more. */
SLK_FR8_INLINE slk_fr8 slk_fr8_square(const slk_fr8 *a)
{
    slk_fr8_sum s;
    slk_fr8_sum_clear(&s);
#pragma GCC unroll 5
    for (int j = 1; j < SLK_FR8_LIMBS; j++)
#pragma GCC unroll 4
        for (int i = 0; i < j; i++) {
            s.low[i + j] = _mm512_madd52lo_epu64(s.low[i + j], a->l[i], a->l[j]);
            s.high[i + j] = _mm512_madd52hi_epu64(s.high[i + j], a->l[i], a->l[j]);
        }
#pragma GCC unroll 8
    for (int i = 1; i < 9; i++) {
        const __m512i once = _mm512_add_epi64(s.low[i], s.high[i - 1]);
        s.low[i] = _mm512_add_epi64(once, once);
    }
#pragma GCC unroll 9
    for (int i = 0; i < 9; i++)
        s.high[i] = _mm512_setzero_si512();
#pragma GCC unroll 5
    for (int i = 0; i < SLK_FR8_LIMBS; i++) {
        s.low[2 * i] = _mm512_madd52lo_epu64(s.low[2 * i], a->l[i], a->l[i]);
        s.high[2 * i] = _mm512_madd52hi_epu64(s.high[2 * i], a->l[i], a->l[i]);
    }
    return slk_fr8_carried(slk_fr8_reduced(&s));
}

SLK_FR8_INLINE slk_fr8 slk_fr8_mul(const slk_fr8 *a, const slk_fr8 *b)
{
    return slk_fr8_carried(slk_fr8_mul_loose(a, b));
}

/* Loose sums. */
SLK_FR8_INLINE slk_fr8 slk_fr8_add(const slk_fr8 *a, const slk_fr8 *b)
{
    slk_fr8 out;
    for (int i = 0; i < SLK_FR8_LIMBS; i++)
        out.l[i] = _mm512_add_epi64(a->l[i], b->l[i]);
    return out;
}

/* a - b + multiple * r, for b up to that */
SLK_FR8_INLINE slk_fr8 slk_fr8_sub(const slk_fr8 *a, const slk_fr8 *b, uint64_t multiple)
{
    slk_fr8 out;
    for (int i = 0; i < SLK_FR8_LIMBS; i++)
        out.l[i] =
            _mm512_sub_epi64(_mm512_add_epi64(a->l[i], slk_fr8_multiple(multiple, i)), b->l[i]);
    return out;
}

/* The least representative, of a carried value below 2r. */
SLK_FR8_INLINE slk_fr8 slk_fr8_below_modulus(const slk_fr8 *a)
{
    slk_fr8 out;
    for (int i = 0; i < SLK_FR8_LIMBS; i++)
        out.l[i] = _mm512_sub_epi64(a->l[i], slk_fr8_modulus(i));
    out = slk_fr8_carried(out);
    __mmask8 negative = _mm512_cmplt_epi64_mask(out.l[4], _mm512_setzero_si512());
    for (int i = 0; i < SLK_FR8_LIMBS; i++)
        out.l[i] = _mm512_mask_mov_epi64(out.l[i], negative, a->l[i]);
    return out;
}

/* The same of any loose value from 0 to 35r. */
SLK_FR8_INLINE slk_fr8 slk_fr8_canonical(const slk_fr8 *loose)
{
    /* q = floor(a / r) or one less. */
    slk_fr8 a = slk_fr8_carried(*loose);
    const __m512i zero = _mm512_setzero_si512();
    __m512i q = _mm512_madd52hi_epu64(zero, a.l[4], slk_fr8_word(SLK_FR8_RECIPROCAL));
    q = _mm512_srli_epi64(q, 44);
    __m512i high = zero;
#pragma GCC unroll 5
    for (int i = 0; i < SLK_FR8_LIMBS; i++) {
        __m512i part = _mm512_madd52lo_epu64(high, q, slk_fr8_modulus(i));
        a.l[i] = _mm512_sub_epi64(a.l[i], part);
        high = _mm512_madd52hi_epu64(zero, q, slk_fr8_modulus(i));
    }
    a = slk_fr8_carried(a);
    return slk_fr8_below_modulus(&a);
}

#endif
