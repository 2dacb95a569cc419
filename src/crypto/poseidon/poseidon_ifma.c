/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Poseidon on eight hashes at once with 52-bit multiply-add.
 *
 * An element is five limbs of 52 bits, limb k of all eight hashes in one register, in Montgomery
 * form with R = 2^260. r = 0.0283 R, so a product of values below a*r and b*r comes out below
 * (0.0283 a b + 1) r, and nothing is ever reduced further before the end:
 *   - full rounds: state below 7r, after x^5 and key below 7r, after a matrix below 4r;
 *   - a block of partial rounds adds less than 1.3r to elements 1.., of 15 blocks at most: below
 *     22r; element 0 stays below 10r.
 * All that is below 35r < 2^260, so five limbs hold it.
 *
 * Limbs of a sum of n products hold at most 10 n + 10 terms below 2^52: with n <= 16 below 2^60. */
#include "crypto/poseidon/poseidon_impl.h"

#include "base/cpu.h"
#include "crypto/fr/fr_inline.h"

#include <immintrin.h>
#include <string.h>

#define BLOCK SLK_POSEIDON_BLOCK
#define LIMBS SLK_POSEIDON_WIDE_LIMBS
#define LANES 8u
#define INLINE static inline __attribute__((always_inline))

typedef struct element {
    __m512i l[LIMBS];
} element;

/* Low and high halves of products apart: shorter dependency chains. */
typedef struct product_sum {
    __m512i low[9], high[9];
} product_sum;

INLINE __m512i constant(uint64_t v)
{
    return _mm512_set1_epi64((long long)v);
}

INLINE __m512i mask_52(void)
{
    return constant((UINT64_C(1) << 52) - 1);
}

INLINE void broadcast(__m512i out[LIMBS], const uint64_t *limbs)
{
    for (int i = 0; i < LIMBS; i++)
        out[i] = constant(limbs[i]);
}

INLINE void sum_clear(product_sum *s)
{
    for (int i = 0; i < 9; i++)
        s->low[i] = s->high[i] = _mm512_setzero_si512();
}

/* s += a * b */
INLINE void sum_add(product_sum *s, const __m512i a[LIMBS], const __m512i b[LIMBS])
{
#pragma GCC unroll 5
    for (int j = 0; j < LIMBS; j++)
#pragma GCC unroll 5
        for (int i = 0; i < LIMBS; i++) {
            s->low[i + j] = _mm512_madd52lo_epu64(s->low[i + j], a[i], b[j]);
            s->high[i + j] = _mm512_madd52hi_epu64(s->high[i + j], a[i], b[j]);
        }
}

/* source: the limbs of r and -1/r mod 2^52, from reference/proofs 1.1 */
INLINE __m512i modulus_limb(int i)
{
    static const uint64_t limbs[LIMBS] = {
        SLK_FR_R0 & 0xfffffffffffff, (SLK_FR_R0 >> 52 | SLK_FR_R1 << 12) & 0xfffffffffffff,
        (SLK_FR_R1 >> 40 | SLK_FR_R2 << 24) & 0xfffffffffffff,
        (SLK_FR_R2 >> 28 | SLK_FR_R3 << 36) & 0xfffffffffffff, SLK_FR_R3 >> 16};
    return constant(limbs[i]);
}

/* Limbs of any size below 2^60 to limbs of 52 bits. */
INLINE element carried(const __m512i t[LIMBS])
{
    element out;
    __m512i carry = _mm512_setzero_si512();
#pragma GCC unroll 5
    for (int i = 0; i < LIMBS; i++) {
        __m512i limb = _mm512_add_epi64(t[i], carry);
        carry = _mm512_srli_epi64(limb, 52);
        out.l[i] = i + 1 < LIMBS ? _mm512_and_si512(limb, mask_52()) : limb;
    }
    return out;
}

/* s / 2^260 mod r, not fully reduced. */
INLINE element reduced(const product_sum *s)
{
    __m512i t[10];
    t[0] = s->low[0];
    t[9] = s->high[8];
#pragma GCC unroll 8
    for (int i = 1; i < 9; i++)
        t[i] = _mm512_add_epi64(s->low[i], s->high[i - 1]);
#pragma GCC unroll 5
    for (int i = 0; i < LIMBS; i++) {
        const __m512i zero = _mm512_setzero_si512();
        __m512i m = _mm512_madd52lo_epu64(zero, t[i], constant(SLK_FR_NEG_INV & 0xfffffffffffff));
        /* Limb i becomes a multiple of 2^52, so its carry is t[i] / 2^52 rounded up. */
        __m512i carry = _mm512_srli_epi64(_mm512_add_epi64(t[i], mask_52()), 52);
        t[i + 1] = _mm512_add_epi64(t[i + 1], carry);
        t[i + 1] = _mm512_add_epi64(_mm512_madd52lo_epu64(t[i + 1], m, modulus_limb(1)),
                                    _mm512_madd52hi_epu64(zero, m, modulus_limb(0)));
#pragma GCC unroll 4
        for (int j = 1; j < LIMBS; j++) {
            if (j > 1)
                t[i + j] = _mm512_madd52lo_epu64(t[i + j], m, modulus_limb(j));
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], m, modulus_limb(j));
        }
    }
    return carried(t + LIMBS);
}

INLINE element times(const __m512i a[LIMBS], const __m512i b[LIMBS])
{
    product_sum s;
    sum_clear(&s);
    sum_add(&s, a, b);
    return reduced(&s);
}

INLINE element plus_constant(element a, const uint64_t *limbs)
{
    __m512i t[LIMBS];
    for (int i = 0; i < LIMBS; i++)
        t[i] = _mm512_add_epi64(a.l[i], constant(limbs[i]));
    return carried(t);
}

static inline element power_5(element x)
{
    element square = times(x.l, x.l);
    element fourth = times(square.l, square.l);
    return times(fourth.l, x.l);
}

/* sum of x[i] * factor[i], i < n */
static inline element dot(const element *x, const uint64_t *factor, unsigned n)
{
    product_sum s;
    sum_clear(&s);
    for (unsigned i = 0; i < n; i++) {
        __m512i b[LIMBS];
        broadcast(b, factor + LIMBS * i);
        sum_add(&s, x[i].l, b);
    }
    return reduced(&s);
}

static void mix(element *x, const uint64_t *columns, unsigned t)
{
    element y[SLK_POSEIDON_MAX_WIDTH];
    for (unsigned j = 0; j < t; j++)
        y[j] = dot(x, columns + (size_t)LIMBS * t * j, t);
    memcpy(x, y, t * sizeof *x);
}

static const uint64_t *full_sbox(element *x, const uint64_t *key, unsigned t)
{
    for (unsigned i = 0; i < t; i++, key += LIMBS)
        x[i] = plus_constant(power_5(x[i]), key);
    return key;
}

/* As in the scalar kernel. */
static const uint64_t *partial_block(element *x, const uint64_t *factor, const uint64_t *key,
                                     unsigned t, unsigned b)
{
    element z[BLOCK];
    for (unsigned k = 0; k < b; k++) {
        x[0] = z[k] = plus_constant(power_5(x[0]), key + LIMBS * k);
        element y = dot(x, factor, t + k);
        factor += LIMBS * (t + k);
        if (k + 1 < b)
            x[t + k] = z[k];
        x[0] = y;
    }
    for (unsigned j = 1; j < t; j++, factor += LIMBS * b) {
        element y = dot(z, factor, b);
        for (int i = 0; i < LIMBS; i++)
            y.l[i] = _mm512_add_epi64(y.l[i], x[j].l[i]);
        x[j] = carried(y.l);
    }
    return factor;
}

static element permute(const slk_poseidon_table *table, element *x)
{
    const slk_poseidon_wide *w = &table->wide;
    const uint64_t *key = w->compressed, *factor = w->blocked;
    unsigned t = table->params.width, left = table->params.partial_rounds;
    for (unsigned i = 0; i < t; i++, key += LIMBS)
        x[i] = plus_constant(x[i], key);
    for (unsigned k = 0; k < 4; k++) {
        key = full_sbox(x, key, t);
        mix(x, k < 3 ? w->mds : w->pre_sparse_columns, t);
    }
    while (left > 0) {
        unsigned b = left < BLOCK ? left : BLOCK;
        factor = partial_block(x, factor, key, t, b);
        key += LIMBS * b;
        left -= b;
    }
    for (unsigned k = 0; k < 3; k++) {
        key = full_sbox(x, key, t);
        mix(x, w->mds, t);
    }
    for (unsigned i = 0; i < t; i++)
        x[i] = power_5(x[i]);
    return dot(x, w->mds + LIMBS * t, t);
}

/* Node `in + lane * stride` in lane `lane`; lanes from n on repeat the last. */
static element gather(const uint8_t *in, size_t stride, size_t n)
{
    uint64_t word[4][LANES];
    __m512i w[4];
    for (size_t lane = 0; lane < LANES; lane++)
        for (size_t i = 0; i < 4; i++)
            memcpy(&word[i][lane], in + (lane < n ? lane : n - 1) * stride + 8 * i, 8);
    for (int i = 0; i < 4; i++)
        w[i] = _mm512_loadu_si512(word[i]);
    const __m512i mask = mask_52();
    element out = {{
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

/* Plain integers of at most r in the first n lanes to nodes. */
static void scatter(uint8_t *out, size_t n, const element *a)
{
    uint64_t l[LIMBS][LANES];
    for (int i = 0; i < LIMBS; i++)
        _mm512_storeu_si512(l[i], a->l[i]);
    for (size_t lane = 0; lane < n; lane++) {
        slk_fr x;
        slk_fr_reduce_once(&x, l[0][lane] | l[1][lane] << 52, l[1][lane] >> 12 | l[2][lane] << 40,
                           l[2][lane] >> 24 | l[3][lane] << 28,
                           l[3][lane] >> 36 | l[4][lane] << 16);
        memcpy(out + 32 * lane, &x, 32);
    }
}

/* 2^520 mod r: brings a plain integer into Montgomery form. */
static const uint64_t two_520[LIMBS] = {0x99103f29c6cf0, 0x57927663d999e, 0xa1c0ed631138b,
                                        0x3c829f7715f1b, 0x9ff646cc027};
static const uint64_t plain_one[LIMBS] = {1, 0, 0, 0, 0};

static void many(const slk_poseidon_table *table, uint8_t *out, const slk_poseidon_nodes *nodes,
                 size_t n)
{
    element x[SLK_POSEIDON_MAX_TERMS];
    unsigned arity = table->params.arity;
    for (size_t i = 0; i < n; i += LANES) {
        size_t here = n - i < LANES ? n - i : LANES;
        __m512i factor[LIMBS];
        broadcast(x[0].l, table->wide.tag);
        broadcast(factor, two_520);
        for (unsigned k = 0; k < arity; k++) {
            element node = gather(nodes->in[k] + i * nodes->stride, nodes->stride, here);
            x[k + 1] = times(node.l, factor);
        }
        element y = permute(table, x);
        broadcast(factor, plain_one);
        y = times(y.l, factor);
        scatter(out + 32 * i, here, &y);
    }
}

/* One alone is no work for eight lanes. */
static void hash(const slk_poseidon_table *table, slk_fr *out, const slk_fr *in)
{
    slk_poseidon_mulx.hash(table, out, in);
}

const slk_poseidon_impl slk_poseidon_ifma = {.name = "ifma",
                                             .needs = SLK_CPU_AVX512F | SLK_CPU_AVX512IFMA |
                                                      SLK_CPU_BMI2 | SLK_CPU_ADX,
                                             .hash = hash,
                                             .many = many};
