/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Eight elements of BLS12-381's base field side by side, for kernel files compiled with AVX-512 F
 * and IFMA. Only for kernels; nothing here checks the processor.
 *
 * An element is eight limbs of 52 bits; l[k] holds limb k of all eight. Montgomery form with
 * R = 2^416, where blst has 2^384. R = 2^35.3 p, so nothing is reduced but by multiplication:
 *   - every function takes and gives limbs below 2^52, thus values below 2^416;
 *   - a product of a < A p and b < B p is below (1 + A B / 2^35) p. With A B <= 2^21 that is
 *     "nearly reduced": below (1 + 2^-14) p;
 *   - sums add their bounds, a difference adds the multiple of p it is given.
 * The bounds are the caller's to keep; `slk_fpv_canonical` gives the one value below p.
 *
 * Cost on Zen 5 (two 512-bit multiply-add ports): mul 256 multiply-adds, sqr 200, sums of two
 * products 384, so no fewer than half as many cycles. */
#ifndef SLK_CRYPTO_CURVE_FP_IFMA_H
#define SLK_CRYPTO_CURVE_FP_IFMA_H

#include "crypto/curve/curve.h"

#include <immintrin.h>
#include <string.h>

#define SLK_FPV_INLINE static inline __attribute__((always_inline))

enum { SLK_FPV_LIMBS = 8, SLK_FPV_LANES = 8 };

typedef struct slk_fpv {
    __m512i l[SLK_FPV_LIMBS];
} slk_fpv;

SLK_FPV_INLINE __m512i slk_fpv_word(uint64_t v)
{
    return _mm512_set1_epi64((long long)v);
}

SLK_FPV_INLINE __m512i slk_fpv_mask52(void)
{
    return slk_fpv_word((UINT64_C(1) << 52) - 1);
}

/* Limb i of p * 2^shift, shift 0..32. source: p of BLS12-381 (reference/proofs 9.1) */
SLK_FPV_INLINE __m512i slk_fpv_modulus(int i, int shift)
{
    static const uint64_t limbs[SLK_FPV_LIMBS] = {0xeffffffffaaab, 0xfeb153ffffb9f, 0x6b0f6241eabff,
                                                  0x12bf6730d2a0f, 0x764774b84f385, 0x1ba7b6434bacd,
                                                  0x1ea397fe69a4b, 0x1a011};
    uint64_t low = i == 0 || shift == 0 ? 0 : limbs[i - 1] >> (52 - shift);
    return slk_fpv_word(((limbs[i] << shift) | low) & ((UINT64_C(1) << 52) - 1));
}

/* -1/p mod 2^52 */
#define SLK_FPV_NEG_INV UINT64_C(0x3fffcfffcfffd)

SLK_FPV_INLINE slk_fpv slk_fpv_broadcast(const uint64_t limbs[SLK_FPV_LIMBS])
{
    slk_fpv out;
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
        out.l[i] = slk_fpv_word(limbs[i]);
    return out;
}

SLK_FPV_INLINE slk_fpv slk_fpv_zero(void)
{
    slk_fpv out;
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
        out.l[i] = _mm512_setzero_si512();
    return out;
}

/* 2^416 mod p */
SLK_FPV_INLINE slk_fpv slk_fpv_one(void)
{
    static const uint64_t limbs[SLK_FPV_LIMBS] = {0x6480ea8e9b9af, 0x65766c8fe444f, 0x8b540fea96f7d,
                                                  0x3b2ee82efd422, 0xa6723e5f0ade5, 0xff6eb6fdd4230,
                                                  0xe06ef23c24a25, 0x14c8e};
    return slk_fpv_broadcast(limbs);
}

/* --- sums ------------------------------------------------------------------------------------- */

/* Signed limbs above -2^62 and below 2^62 to limbs of 52 bits; the value itself is in [0, 2^416). */
SLK_FPV_INLINE slk_fpv slk_fpv_carried(const __m512i t[SLK_FPV_LIMBS])
{
    slk_fpv out;
    __m512i limb = t[0];
#pragma GCC unroll 8
    for (int i = 0; i + 1 < SLK_FPV_LIMBS; i++) {
        out.l[i] = _mm512_and_si512(limb, slk_fpv_mask52());
        limb = _mm512_add_epi64(t[i + 1], _mm512_srai_epi64(limb, 52));
    }
    out.l[SLK_FPV_LIMBS - 1] = limb;
    return out;
}

SLK_FPV_INLINE slk_fpv slk_fpv_add(const slk_fpv *a, const slk_fpv *b)
{
    __m512i t[SLK_FPV_LIMBS];
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
        t[i] = _mm512_add_epi64(a->l[i], b->l[i]);
    return slk_fpv_carried(t);
}

/* a - b + 2^shift p: for b <= 2^shift p, shift a constant 0..32. */
SLK_FPV_INLINE slk_fpv slk_fpv_sub(const slk_fpv *a, const slk_fpv *b, int shift)
{
    __m512i t[SLK_FPV_LIMBS];
#pragma GCC unroll 8
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
        t[i] = _mm512_add_epi64(_mm512_sub_epi64(a->l[i], b->l[i]), slk_fpv_modulus(i, shift));
    return slk_fpv_carried(t);
}

/* 2^shift p - a: for a <= 2^shift p. */
SLK_FPV_INLINE slk_fpv slk_fpv_neg(const slk_fpv *a, int shift)
{
    const slk_fpv zero = slk_fpv_zero();
    return slk_fpv_sub(&zero, a, shift);
}

/* 2^n a, n a constant 1..8. */
SLK_FPV_INLINE slk_fpv slk_fpv_shl(const slk_fpv *a, unsigned n)
{
    __m512i t[SLK_FPV_LIMBS];
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
        t[i] = _mm512_slli_epi64(a->l[i], n);
    return slk_fpv_carried(t);
}

/* Lane by lane: mask set ? b : a. */
SLK_FPV_INLINE slk_fpv slk_fpv_select(__mmask8 mask, const slk_fpv *a, const slk_fpv *b)
{
    slk_fpv out;
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
        out.l[i] = _mm512_mask_mov_epi64(a->l[i], mask, b->l[i]);
    return out;
}

/* a, or a - 2^shift p where a is not smaller: halves the bound 2^(shift+1) p. */
SLK_FPV_INLINE slk_fpv slk_fpv_reduce_once(const slk_fpv *a, int shift)
{
    __m512i t[SLK_FPV_LIMBS];
#pragma GCC unroll 8
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
        t[i] = _mm512_sub_epi64(a->l[i], slk_fpv_modulus(i, shift));
    slk_fpv less = slk_fpv_carried(t);
    __mmask8 negative = _mm512_movepi64_mask(less.l[SLK_FPV_LIMBS - 1]);
    return slk_fpv_select(negative, &less, a);
}

/* The value below p that a stands for, for a < 16 p. */
SLK_FPV_INLINE slk_fpv slk_fpv_canonical(const slk_fpv *a)
{
    slk_fpv t = slk_fpv_reduce_once(a, 3);
    t = slk_fpv_reduce_once(&t, 2);
    t = slk_fpv_reduce_once(&t, 1);
    return slk_fpv_reduce_once(&t, 0);
}

/* Lanes that are 0 as integers; of a canonical value: lanes that are zero. */
SLK_FPV_INLINE __mmask8 slk_fpv_is_zero(const slk_fpv *a)
{
    __m512i any = a->l[0];
    for (int i = 1; i < SLK_FPV_LIMBS; i++)
        any = _mm512_or_si512(any, a->l[i]);
    return _mm512_testn_epi64_mask(any, any);
}

/* Lanes that are equal as integers; of canonical values: equal lanes. */
SLK_FPV_INLINE __mmask8 slk_fpv_equal(const slk_fpv *a, const slk_fpv *b)
{
    __mmask8 equal = 0xff;
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
        equal = _mm512_mask_cmpeq_epi64_mask(equal, a->l[i], b->l[i]);
    return equal;
}

/* --- products --------------------------------------------------------------------------------- */

/* A running sum whose lowest limb has weight 2^0 now: even[k] has weight 52 k, odd[k] 52 (k + 1).
 * Low halves of products go to one, high halves to the other, so no sum is ever moved: after a limb
 * has been reduced away, the two change places. A limb takes part in at most 8 * 3 + 2 products and
 * stays below 2^57. */
typedef struct slk_fpv_sum {
    __m512i even[SLK_FPV_LIMBS], odd[SLK_FPV_LIMBS];
} slk_fpv_sum;

/* sum += a * word, limbs 1.. of the low halves, all of the high ones; limb 0's low half is added
 * by the caller, ahead of the reduction before, which waits for it. */
SLK_FPV_INLINE void slk_fpv_row(slk_fpv_sum *s, const slk_fpv *a, __m512i word)
{
#pragma GCC unroll 8
    for (int j = 0; j < SLK_FPV_LIMBS; j++) {
        s->odd[j] = _mm512_madd52hi_epu64(s->odd[j], a->l[j], word);
        if (j > 0)
            s->even[j] = _mm512_madd52lo_epu64(s->even[j], a->l[j], word);
    }
}

/* Adds the multiple of p that makes the lowest limb zero, and drops that limb. It is a multiple of
 * 2^52 then, so what it hands on is its value before, divided by 2^52 and rounded up. */
SLK_FPV_INLINE void slk_fpv_drop(slk_fpv_sum *s)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i m = _mm512_madd52lo_epu64(zero, s->even[0], slk_fpv_word(SLK_FPV_NEG_INV));
    __m512i carry = _mm512_srli_epi64(_mm512_add_epi64(s->even[0], slk_fpv_mask52()), 52);
    slk_fpv_sum next;
    __m512i first = _mm512_add_epi64(s->odd[0], carry);
    first = _mm512_madd52hi_epu64(first, m, slk_fpv_modulus(0, 0));
    __m512i second = _mm512_madd52lo_epu64(s->even[1], m, slk_fpv_modulus(1, 0));
    next.even[0] = _mm512_add_epi64(first, second);
#pragma GCC unroll 8
    for (int j = 1; j < SLK_FPV_LIMBS; j++) {
        next.even[j] = _mm512_madd52hi_epu64(s->odd[j], m, slk_fpv_modulus(j, 0));
        if (j > 1)
            next.odd[j - 2] = _mm512_madd52lo_epu64(s->even[j], m, slk_fpv_modulus(j, 0));
    }
    next.odd[6] = next.odd[7] = zero;
    *s = next;
}

SLK_FPV_INLINE slk_fpv slk_fpv_sum_value(const slk_fpv_sum *s)
{
    __m512i t[SLK_FPV_LIMBS];
    t[0] = s->even[0];
    for (int j = 1; j < SLK_FPV_LIMBS; j++)
        t[j] = _mm512_add_epi64(s->even[j], s->odd[j - 1]);
    return slk_fpv_carried(t);
}

SLK_FPV_INLINE void slk_fpv_sum_clear(slk_fpv_sum *s)
{
    for (int j = 0; j < SLK_FPV_LIMBS; j++)
        s->even[j] = s->odd[j] = _mm512_setzero_si512();
}

/* a b / 2^416 */
SLK_FPV_INLINE slk_fpv slk_fpv_mul(const slk_fpv *a, const slk_fpv *b)
{
    slk_fpv_sum s;
    slk_fpv_sum_clear(&s);
    s.even[0] = _mm512_madd52lo_epu64(s.even[0], a->l[0], b->l[0]);
#pragma GCC unroll 8
    for (int i = 0; i < SLK_FPV_LIMBS; i++) {
        slk_fpv_row(&s, a, b->l[i]);
        if (i + 1 < SLK_FPV_LIMBS)
            s.odd[0] = _mm512_madd52lo_epu64(s.odd[0], a->l[0], b->l[i + 1]);
        slk_fpv_drop(&s);
    }
    return slk_fpv_sum_value(&s);
}

/* (a b + c d) / 2^416, below (1 + (A B + C D) / 2^35) p. */
SLK_FPV_INLINE slk_fpv slk_fpv_mul_add(const slk_fpv *a, const slk_fpv *b, const slk_fpv *c,
                                       const slk_fpv *d)
{
    slk_fpv_sum s;
    slk_fpv_sum_clear(&s);
    s.even[0] = _mm512_madd52lo_epu64(s.even[0], a->l[0], b->l[0]);
    s.even[0] = _mm512_madd52lo_epu64(s.even[0], c->l[0], d->l[0]);
#pragma GCC unroll 8
    for (int i = 0; i < SLK_FPV_LIMBS; i++) {
        slk_fpv_row(&s, a, b->l[i]);
        slk_fpv_row(&s, c, d->l[i]);
        if (i + 1 < SLK_FPV_LIMBS) {
            s.odd[0] = _mm512_madd52lo_epu64(s.odd[0], a->l[0], b->l[i + 1]);
            s.odd[0] = _mm512_madd52lo_epu64(s.odd[0], c->l[0], d->l[i + 1]);
        }
        slk_fpv_drop(&s);
    }
    return slk_fpv_sum_value(&s);
}

/* t (16 limbs of any size below 2^59) / 2^416 */
SLK_FPV_INLINE slk_fpv slk_fpv_reduced(const __m512i t[2 * SLK_FPV_LIMBS])
{
    slk_fpv_sum s;
    for (int j = 0; j < SLK_FPV_LIMBS; j++) {
        s.even[j] = t[j];
        s.odd[j] = _mm512_setzero_si512();
    }
#pragma GCC unroll 8
    for (int i = 0; i < SLK_FPV_LIMBS; i++) {
        s.odd[7] = t[i + 8];
        slk_fpv_drop(&s);
    }
    return slk_fpv_sum_value(&s);
}

/* a^2 / 2^416 */
SLK_FPV_INLINE slk_fpv slk_fpv_sqr(const slk_fpv *a)
{
    __m512i t[2 * SLK_FPV_LIMBS];
    for (int i = 0; i < 2 * SLK_FPV_LIMBS; i++)
        t[i] = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
#pragma GCC unroll 8
        for (int j = i + 1; j < SLK_FPV_LIMBS; j++) {
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], a->l[i], a->l[j]);
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a->l[i], a->l[j]);
        }
#pragma GCC unroll 16
    for (int i = 1; i + 1 < 2 * SLK_FPV_LIMBS; i++)
        t[i] = _mm512_add_epi64(t[i], t[i]);
#pragma GCC unroll 8
    for (int i = 0; i < SLK_FPV_LIMBS; i++) {
        t[2 * i] = _mm512_madd52lo_epu64(t[2 * i], a->l[i], a->l[i]);
        t[2 * i + 1] = _mm512_madd52hi_epu64(t[2 * i + 1], a->l[i], a->l[i]);
    }
    return slk_fpv_reduced(t);
}

/* --- other forms ------------------------------------------------------------------------------ */

/* w[k]: 64-bit word k of eight values below 2^384, least significant first. */
SLK_FPV_INLINE slk_fpv slk_fpv_unpack(const __m512i w[6])
{
    const __m512i mask = slk_fpv_mask52();
    slk_fpv out;
    out.l[0] = _mm512_and_si512(w[0], mask);
    out.l[4] = _mm512_and_si512(
        _mm512_or_si512(_mm512_srli_epi64(w[3], 16), _mm512_slli_epi64(w[4], 48)), mask);
    out.l[5] = _mm512_and_si512(_mm512_srli_epi64(w[4], 4), mask);
    out.l[7] = _mm512_srli_epi64(w[5], 44);
#pragma GCC unroll 3
    for (unsigned i = 1; i < 4; i++)
        out.l[i] = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64(w[i - 1], 64 - 12 * i),
                                                    _mm512_slli_epi64(w[i], 12 * i)),
                                    mask);
    out.l[6] = _mm512_and_si512(
        _mm512_or_si512(_mm512_srli_epi64(w[4], 56), _mm512_slli_epi64(w[5], 8)), mask);
    return out;
}

/* The way back, for a < 2^384 = 9.8 p. */
SLK_FPV_INLINE void slk_fpv_pack(__m512i w[6], const slk_fpv *a)
{
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        __m512i low = i == 0 ? a->l[0] : _mm512_srli_epi64(a->l[i], 12 * i);
        w[i] = _mm512_or_si512(low, _mm512_slli_epi64(a->l[i + 1], 52 - 12 * i));
    }
    w[4] = _mm512_or_si512(
        _mm512_or_si512(_mm512_srli_epi64(a->l[4], 48), _mm512_slli_epi64(a->l[5], 4)),
        _mm512_slli_epi64(a->l[6], 56));
    w[5] = _mm512_or_si512(_mm512_srli_epi64(a->l[6], 8), _mm512_slli_epi64(a->l[7], 44));
}

/* x 2^384 to x 2^416, nearly reduced, and back. Any input below 2^32 p. */
SLK_FPV_INLINE slk_fpv slk_fpv_from_blst_form(const slk_fpv *a)
{
    static const uint64_t two_448[SLK_FPV_LIMBS] = {
        0x7fde37dba9366, 0x4e27525bc342b, 0x1f5b1e9778489, 0xb872b2b91b9dc,
        0xb206f497dfcaf, 0x4137cc89a9b0b, 0xd9d20d7e39959, 0x411c};
    const slk_fpv factor = slk_fpv_broadcast(two_448);
    return slk_fpv_mul(a, &factor);
}

SLK_FPV_INLINE slk_fpv slk_fpv_to_blst_form(const slk_fpv *a)
{
    static const uint64_t two_384[SLK_FPV_LIMBS] = {
        0x900000002fffd, 0x0bc40c0002760, 0x3c758baebf400, 0x57455f4898575,
        0xd77ce58537052, 0x071a97a256ec6, 0xec3fa80e4935c, 0x15f65};
    const slk_fpv factor = slk_fpv_broadcast(two_384);
    return slk_fpv_mul(a, &factor);
}

/* A plain integer x < 2^384 to x 2^416, nearly reduced. */
SLK_FPV_INLINE slk_fpv slk_fpv_from_integer(const slk_fpv *a)
{
    static const uint64_t two_832[SLK_FPV_LIMBS] = {
        0xa5bf4cb89af51, 0x3afbba7ca31a2, 0x2646160ec71f1, 0xa84d710465903,
        0x3480a4a188311, 0x98e5907ad91f5, 0x2075d74507266, 0x8746};
    const slk_fpv factor = slk_fpv_broadcast(two_832);
    return slk_fpv_mul(a, &factor);
}

/* Eight elements of blst's form at in[lane * stride], and back (canonical). For set-up and tests:
 * about as slow as a multiplication. stride in elements. */
SLK_FPV_INLINE slk_fpv slk_fpv_load(const slk_fp *in, size_t stride)
{
    _Alignas(64) uint64_t words[6][SLK_FPV_LANES];
    __m512i w[6];
    for (size_t lane = 0; lane < SLK_FPV_LANES; lane++)
        for (size_t k = 0; k < 6; k++)
            words[k][lane] = in[lane * stride].l[k];
    for (size_t k = 0; k < 6; k++)
        w[k] = _mm512_load_si512(words[k]);
    slk_fpv a = slk_fpv_unpack(w);
    return slk_fpv_from_blst_form(&a);
}

SLK_FPV_INLINE void slk_fpv_store(slk_fp *out, size_t stride, const slk_fpv *a)
{
    _Alignas(64) uint64_t words[6][SLK_FPV_LANES];
    __m512i w[6];
    slk_fpv t = slk_fpv_to_blst_form(a);
    t = slk_fpv_reduce_once(&t, 0);
    slk_fpv_pack(w, &t);
    for (size_t k = 0; k < 6; k++)
        _mm512_store_si512(words[k], w[k]);
    for (size_t lane = 0; lane < SLK_FPV_LANES; lane++)
        for (size_t k = 0; k < 6; k++)
            out[lane * stride].l[k] = words[k][lane];
}

#endif
