/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Affine additions with a shared inversion on eight pairs at once; compiled for G1, and with
 * SLK_GROUP_G2 for G2.
 *
 * A batch goes forward once, collecting the slopes' denominators into running products, and backward
 * once, taking each inverse out of them. Both walks keep two chains of products (even and odd
 * vectors), so that neighbouring multiplications never wait for each other; the field operations are
 * calls, so that gcc gives each its registers and the code stays within the first-level cache. */
#include "crypto/curve/group_ifma.h"

#include "crypto/curve/fp2_ifma.h"
#include "crypto/curve/lanes_ifma.h"
#include "crypto/fr/fr_inline.h"

#include <blst.h>

#ifdef SLK_GROUP_G2
#define COMPONENTS 2
#define NAME(what) slk_g2_ifma_##what
#else
#define COMPONENTS 1
#define NAME(what) slk_g1_ifma_##what
#endif

enum {
    LANES = SLK_FPV_LANES,
    WORDS = 12 * COMPONENTS, /* of an affine point */
    POINT_BYTES = 8 * WORDS,
    CHAINS = 2,
};
#define NOINLINE __attribute__((noinline))

typedef struct coord {
    slk_fpv c[COMPONENTS];
} coord;

/* --- the field, whichever it is --------------------------------------------------------------- */

static NOINLINE void multiply(coord *out, const coord *a, const coord *b)
{
#ifdef SLK_GROUP_G2
    const slk_fp2v product = slk_fp2v_mul((const slk_fp2v *)a, (const slk_fp2v *)b);
    out->c[0] = product.c[0];
    out->c[1] = product.c[1];
#else
    out->c[0] = slk_fpv_mul(&a->c[0], &b->c[0]);
#endif
}

static NOINLINE void square(coord *out, const coord *a)
{
#ifdef SLK_GROUP_G2
    const slk_fp2v product = slk_fp2v_sqr((const slk_fp2v *)a);
    out->c[0] = product.c[0];
    out->c[1] = product.c[1];
#else
    out->c[0] = slk_fpv_sqr(&a->c[0]);
#endif
}

static coord coord_one(void)
{
    coord out;
    for (int k = 0; k < COMPONENTS; k++)
        out.c[k] = k == 0 ? slk_fpv_one() : slk_fpv_zero();
    return out;
}

/* Lanes that are zero in the field. Values below 16 p. */
static __mmask8 zero_lanes(const coord *a)
{
    __mmask8 zero = 0xff;
    for (int k = 0; k < COMPONENTS; k++) {
        slk_fpv t = slk_fpv_canonical(&a->c[k]);
        zero &= slk_fpv_is_zero(&t);
    }
    return zero;
}

/* The inverses of eight elements of the prime field, none zero, by one inversion. */
static slk_fpv inverse_of_lanes(const slk_fpv *a)
{
    slk_fp lane[LANES], before[LANES], run;
    slk_fpv_store(lane, 1, a);
    before[1] = lane[0];
    for (size_t i = 1; i + 1 < LANES; i++)
        blst_fp_mul((blst_fp *)&before[i + 1], (const blst_fp *)&before[i],
                    (const blst_fp *)&lane[i]);
    blst_fp_mul((blst_fp *)&run, (const blst_fp *)&before[7], (const blst_fp *)&lane[7]);
    blst_fp_eucl_inverse((blst_fp *)&run, (const blst_fp *)&run);
    for (size_t i = LANES; i-- > 1;) {
        slk_fp inverse;
        blst_fp_mul((blst_fp *)&inverse, (const blst_fp *)&run, (const blst_fp *)&before[i]);
        blst_fp_mul((blst_fp *)&run, (const blst_fp *)&run, (const blst_fp *)&lane[i]);
        lane[i] = inverse;
    }
    lane[0] = run;
    return slk_fpv_load(lane, 1);
}

/* a becomes 1/a in all lanes; none is zero. */
static void invert(coord *a)
{
#ifdef SLK_GROUP_G2
    slk_fpv norm = slk_fpv_mul_add(&a->c[0], &a->c[0], &a->c[1], &a->c[1]);
    norm = inverse_of_lanes(&norm);
    const slk_fpv minus = slk_fpv_neg(&a->c[1], 4);
    a->c[0] = slk_fpv_mul(&a->c[0], &norm);
    a->c[1] = slk_fpv_mul(&minus, &norm);
#else
    a->c[0] = inverse_of_lanes(&a->c[0]);
#endif
}

/* Limb i of q p for q = 0..7. source: p of BLS12-381 */
static const uint64_t multiples[SLK_FPV_LIMBS][8] __attribute__((aligned(64))) = {
    {0x0, 0xeffffffffaaab, 0xdffffffff5556, 0xcffffffff0001, 0xbfffffffeaaac, 0xafffffffe5557,
     0x9fffffffe0002, 0x8fffffffdaaad},
    {0x0, 0xfeb153ffffb9f, 0xfd62a7ffff73f, 0xfc13fbffff2df, 0xfac54ffffee7f, 0xf976a3fffea1f,
     0xf827f7fffe5bf, 0xf6d94bfffe15f},
    {0x0, 0x6b0f6241eabff, 0xd61ec483d57ff, 0x412e26c5c03ff, 0xac3d8907aafff, 0x174ceb4995bff,
     0x825c4d8b807ff, 0xed6bafcd6b3ff},
    {0x0, 0x12bf6730d2a0f, 0x257ece61a541e, 0x383e359277e2e, 0x4afd9cc34a83d, 0x5dbd03f41d24d,
     0x707c6b24efc5c, 0x833bd255c266b},
    {0x0, 0x764774b84f385, 0xec8ee9709e70a, 0x62d65e28eda8f, 0xd91dd2e13ce14, 0x4f6547998c199,
     0xc5acbc51db51e, 0x3bf4310a2a8a3},
    {0x0, 0x1ba7b6434bacd, 0x374f6c869759a, 0x52f722c9e3068, 0x6e9ed90d2eb35, 0x8a468f507a603,
     0xa5ee4593c60d0, 0xc195fbd711b9e},
    {0x0, 0x1ea397fe69a4b, 0x3d472ffcd3496, 0x5beac7fb3cee1, 0x7a8e5ff9a692c, 0x9931f7f810377,
     0xb7d58ff679dc2, 0xd67927f4e380d},
    {0x0, 0x1a011, 0x34022, 0x4e033, 0x68044, 0x82055, 0x9c066, 0xb6077},
};

/* Limbs between -2^54 and 2^54 of a value from 0 to 8 p, to the same below (1 + 2^-12) p. The
 * multiple of p to take away comes from a lower bound on the value's part above 2^364, where p is
 * just below 106514; the bound is at most 3 short. */
SLK_FPV_INLINE slk_fpv settled(__m512i t[SLK_FPV_LIMBS])
{
    const __m512i per_p = slk_fpv_word((UINT64_C(1) << 52) / 106514);
    __m512i top = _mm512_add_epi64(t[7], _mm512_srai_epi64(t[6], 52));
    top = _mm512_max_epi64(_mm512_sub_epi64(top, slk_fpv_word(1)), _mm512_setzero_si512());
    __m512i q = _mm512_madd52hi_epu64(_mm512_setzero_si512(), top, per_p);
#pragma GCC unroll 8
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
        t[i] = _mm512_sub_epi64(t[i], _mm512_permutexvar_epi64(q, _mm512_load_si512(multiples[i])));
    return slk_fpv_carried(t);
}

/* --- points in memory ------------------------------------------------------------------------- */

SLK_FPV_INLINE void load_words(__m512i words[WORDS], const uint8_t *const in[LANES])
{
    const uint8_t *at[LANES];
    for (int k = 0; k + 8 <= WORDS; k += 8) {
        for (int i = 0; i < LANES; i++)
            at[i] = in[i] + 8 * k;
        slk_lanes_load8(words + k, at);
    }
    if (WORDS % 8 != 0)
        slk_lanes_load4(words + WORDS / 8 * 8, in, WORDS / 8 * 64);
}

SLK_FPV_INLINE void store_words(uint8_t *const out[LANES], const __m512i words[WORDS])
{
    uint8_t *at[LANES];
    for (int k = 0; k + 8 <= WORDS; k += 8) {
        for (int i = 0; i < LANES; i++)
            at[i] = out[i] + 8 * k;
        slk_lanes_store8(at, words + k);
    }
    if (WORDS % 8 != 0)
        slk_lanes_store4(out, WORDS / 8 * 64, words + WORDS / 8 * 8);
}

SLK_FPV_INLINE void unpack_coord(coord *out, const __m512i *words)
{
    for (int k = 0; k < COMPONENTS; k++)
        out->c[k] = slk_fpv_unpack(words + 6 * k);
}

SLK_FPV_INLINE void pack_coord(__m512i *words, const coord *a)
{
    for (int k = 0; k < COMPONENTS; k++)
        slk_fpv_pack(words + 6 * k, &a->c[k]);
}

static bool is_infinity(const uint8_t *point)
{
    uint64_t any = 0, word;
    for (size_t i = 0; i < WORDS; i++) {
        memcpy(&word, point + 8 * i, 8);
        any |= word;
    }
    return any == 0;
}

/* --- eight additions -------------------------------------------------------------------------- */

/* Lanes where the formula for the sum of two points does not hold. */
typedef struct special {
    __mmask8 any, twice, keep, copy, cancel; /* keep: addend is infinity; copy: acc is */
} special;

typedef struct eight {
    coord x1, y1; /* of acc */
    coord dx; /* x2 - x1 + 2 p, the slope's denominator, or what stands for it in special lanes */
    coord dy; /* of the slope, with the sign of the pair */
    coord before; /* product of the chain's denominators so far */
    special special;
    uint8_t padding[64 - sizeof(special)];
} eight;

typedef struct batch {
    eight *eights; /* 64-aligned */
    const slk_point_pair *pairs;
    size_t n_pairs;
    uint8_t *infinity; /* stands for both points of the pairs that fill up a vector */
} batch;

static __mmask8 pointers(uint8_t *acc[LANES], const uint8_t *addend[LANES], const batch *b,
                         size_t v)
{
    unsigned negate = 0;
    for (size_t i = 0; i < LANES; i++) {
        size_t at = v * LANES + i;
        bool filler = at >= b->n_pairs;
        acc[i] = filler ? b->infinity : b->pairs[at].acc;
        addend[i] = filler ? b->infinity : b->pairs[at].addend;
        negate |= filler ? 0 : (unsigned)b->pairs[at].negate << i;
    }
    return (__mmask8)negate;
}

/* Low limbs of 0, p, 2 p, 3 p, or a zero word: a lane that might be special. */
SLK_FPV_INLINE __mmask8 suspicious(const coord *dx, const __m512i *x1, const __m512i *x2)
{
    __mmask8 equal = 0xff, none = 0xff;
    for (int k = 0; k < COMPONENTS; k++) {
        __mmask8 hit = 0;
        for (int shift = 0; shift < 2; shift++)
            hit |= _mm512_cmpeq_epi64_mask(dx->c[k].l[0], slk_fpv_modulus(0, shift));
        __m512i three = slk_fpv_word(3 * UINT64_C(0xeffffffffaaab) % (UINT64_C(1) << 52));
        equal &= hit | _mm512_cmpeq_epi64_mask(dx->c[k].l[0], three);
        none &= _mm512_testn_epi64_mask(x1[6 * k], x1[6 * k]) |
                _mm512_testn_epi64_mask(x2[6 * k], x2[6 * k]);
    }
    return equal | none;
}

/* Tells what the lanes are, and gives those that need it another denominator. */
static NOINLINE __attribute__((cold)) void mark_special(eight *e, __mmask8 suspects,
                                                        uint8_t *const acc[LANES],
                                                        const uint8_t *const addend[LANES])
{
    special *s = &e->special;
    for (size_t i = 0; i < LANES; i++) {
        s->keep |= (__mmask8)((unsigned)is_infinity(addend[i]) << i);
        s->copy |= (__mmask8)((unsigned)is_infinity(acc[i]) << i);
    }
    s->copy &= (__mmask8)~s->keep;
    s->any = s->keep | s->copy;
    if (suspects & (__mmask8)~s->any) {
        __mmask8 equal = zero_lanes(&e->dx) & (__mmask8)~s->any;
        s->twice = equal & zero_lanes(&e->dy) & (__mmask8)~zero_lanes(&e->y1);
        s->cancel = equal & (__mmask8)~s->twice;
        s->any |= equal;
    }
    const coord one = coord_one();
    for (int k = 0; k < COMPONENTS; k++) {
        const slk_fpv twice = slk_fpv_shl(&e->y1.c[k], 1);
        e->dx.c[k] = slk_fpv_select(s->any, &e->dx.c[k], &one.c[k]);
        e->dx.c[k] = slk_fpv_select(s->twice, &e->dx.c[k], &twice);
    }
}

/* dx, dy and acc of vector v. */
static NOINLINE void load_eight(const batch *b, size_t v)
{
    eight *e = &b->eights[v];
    uint8_t *acc[LANES];
    const uint8_t *addend[LANES];
    __m512i w1[WORDS], w2[WORDS];
    const __mmask8 negate = pointers(acc, addend, b, v);
    load_words(w1, (const uint8_t *const *)acc);
    load_words(w2, addend);
    for (int k = 0; k < COMPONENTS; k++) {
        const slk_fpv x1 = slk_fpv_unpack(w1 + 6 * k), x2 = slk_fpv_unpack(w2 + 6 * k);
        e->x1.c[k] = x1;
        e->dx.c[k] = slk_fpv_sub(&x2, &x1, 1);
    }
    for (int k = 0; k < COMPONENTS; k++) {
        const slk_fpv y1 = slk_fpv_unpack(w1 + WORDS / 2 + 6 * k);
        slk_fpv y2 = slk_fpv_unpack(w2 + WORDS / 2 + 6 * k);
        for (int i = 0; i < SLK_FPV_LIMBS; i++)
            y2.l[i] = _mm512_mask_sub_epi64(y2.l[i], negate, slk_fpv_modulus(i, 1), y2.l[i]);
        e->y1.c[k] = y1;
        e->dy.c[k] = slk_fpv_sub(&y2, &y1, 1);
    }
    e->special = (special){0};
    const __mmask8 suspects = suspicious(&e->dx, w1, w2);
    if (suspects != 0)
        mark_special(e, suspects, acc, addend);
}

/* Doubling: the slope is 3 x^2 / 2 y, and x2 - x1 is zero. */
static NOINLINE __attribute__((cold)) void numerators_of_doubles(eight *e)
{
    coord three;
    square(&three, &e->x1);
    for (int k = 0; k < COMPONENTS; k++) {
        const slk_fpv twice = slk_fpv_shl(&three.c[k], 1);
        three.c[k] = slk_fpv_add(&twice, &three.c[k]);
        e->dy.c[k] = slk_fpv_select(e->special.twice, &e->dy.c[k], &three.c[k]);
        for (int i = 0; i < SLK_FPV_LIMBS; i++)
            e->dx.c[k].l[i] =
                _mm512_mask_mov_epi64(e->dx.c[k].l[i], e->special.twice, slk_fpv_modulus(i, 1));
    }
}

/* y of both components becomes p - y, or 2 p - y where that is negative. */
static void negate_y(uint8_t *point)
{
    static const uint64_t p[6] = {0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624,
                                  0x64774b84f38512bf, 0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a};
    for (int k = 0; k < COMPONENTS; k++) {
        uint64_t y[6];
        uint8_t *at = point + POINT_BYTES / 2 + 48 * k;
        memcpy(y, at, sizeof(y));
        uint64_t borrow = 0, carry = 0;
        for (int i = 0; i < 6; i++)
            y[i] = slk_fr_sbb(p[i], y[i], &borrow);
        for (int i = 0; i < 6 && borrow != 0; i++)
            y[i] = slk_fr_adc(y[i], p[i], &carry);
        memcpy(at, y, sizeof(y));
    }
}

static NOINLINE __attribute__((cold)) void store_special(const special *s,
                                                         uint8_t *const acc[LANES],
                                                         const uint8_t *const addend[LANES],
                                                         __mmask8 negate, const __m512i *words)
{
    _Alignas(64) uint8_t sums[LANES][POINT_BYTES];
    uint8_t *at[LANES];
    for (size_t i = 0; i < LANES; i++)
        at[i] = sums[i];
    store_words(at, words);
    for (size_t i = 0; i < LANES; i++) {
        unsigned bit = 1u << i;
        if (s->keep & bit)
            continue;
        if (s->copy & bit) {
            memcpy(sums[i], addend[i], POINT_BYTES);
            if (negate & bit)
                negate_y(sums[i]);
        } else if (s->cancel & bit) {
            memset(sums[i], 0, POINT_BYTES);
        }
        memcpy(acc[i], sums[i], POINT_BYTES);
    }
}

static NOINLINE void store_eight(const batch *b, size_t v, const coord *x3, const coord *y3)
{
    const eight *e = &b->eights[v];
    uint8_t *acc[LANES];
    const uint8_t *addend[LANES];
    __m512i words[WORDS];
    const __mmask8 negate = pointers(acc, addend, b, v);
    pack_coord(words, x3);
    pack_coord(words + WORDS / 2, y3);
    if (e->special.any != 0)
        store_special(&e->special, acc, addend, negate, words);
    else
        store_words(acc, words);
}

/* x3 = slope^2 - x1 - x2, with x1 + x2 = 2 x1 + dx - 2 p; and x1 - x3. */
static NOINLINE void third_x(coord *x3, coord *back, const eight *e, const coord *slope_squared)
{
    for (int k = 0; k < COMPONENTS; k++) {
        __m512i t[SLK_FPV_LIMBS];
        for (int i = 0; i < SLK_FPV_LIMBS; i++) {
            __m512i x1 = e->x1.c[k].l[i];
            t[i] = _mm512_add_epi64(slk_fpv_modulus(i, 2), slk_fpv_modulus(i, 1));
            t[i] = _mm512_add_epi64(t[i], slope_squared->c[k].l[i]);
            t[i] =
                _mm512_sub_epi64(t[i], _mm512_add_epi64(x1, _mm512_add_epi64(x1, e->dx.c[k].l[i])));
        }
        x3->c[k] = settled(t);
        back->c[k] = slk_fpv_sub(&e->x1.c[k], &x3->c[k], 1);
    }
}

static NOINLINE void third_y(coord *y3, const eight *e, const coord *product)
{
    for (int k = 0; k < COMPONENTS; k++) {
        __m512i t[SLK_FPV_LIMBS];
        for (int i = 0; i < SLK_FPV_LIMBS; i++)
            t[i] = _mm512_add_epi64(slk_fpv_modulus(i, 1),
                                    _mm512_sub_epi64(product->c[k].l[i], e->y1.c[k].l[i]));
        y3->c[k] = settled(t);
    }
}

/* Vectors v and v + 1, the last of their chains that are not done; run: inverse products. */
static void finish_two(const batch *b, size_t v, coord run[CHAINS])
{
    coord slope[CHAINS], x3[CHAINS], y3[CHAINS], t[CHAINS];
    eight *e = &b->eights[v];
    for (int k = 0; k < CHAINS; k++)
        multiply(&t[k], &run[k], &e[k].before);
    for (int k = 0; k < CHAINS; k++)
        multiply(&run[k], &run[k], &e[k].dx);
    for (int k = 0; k < CHAINS; k++) {
        if (e[k].special.twice != 0)
            numerators_of_doubles(&e[k]);
        multiply(&slope[k], &t[k], &e[k].dy);
    }
    for (int k = 0; k < CHAINS; k++)
        square(&t[k], &slope[k]);
    for (int k = 0; k < CHAINS; k++)
        third_x(&x3[k], &t[k], &e[k], &t[k]);
    for (int k = 0; k < CHAINS; k++)
        multiply(&t[k], &t[k], &slope[k]);
    for (int k = 0; k < CHAINS; k++) {
        third_y(&y3[k], &e[k], &t[k]);
        store_eight(b, v + (size_t)k, &x3[k], &y3[k]);
    }
}

/* run becomes the inverses of both chains' products. */
static void invert_chains(coord run[CHAINS])
{
    coord all, first;
    multiply(&all, &run[0], &run[1]);
    invert(&all);
    multiply(&first, &all, &run[1]);
    multiply(&run[1], &all, &run[0]);
    run[0] = first;
}

void NAME(add_pairs)(slk_point_pair *pairs, size_t n, void *scratch)
{
    slk_assert(n <= SLK_PAIRS_MAX);
    uint8_t *base = (uint8_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    const batch b = {(eight *)(void *)(base + 256), pairs, n, base};
    const size_t vectors = (n + CHAINS * LANES - 1) / (CHAINS * LANES) * CHAINS;
    coord run[CHAINS] = {coord_one(), coord_one()};
    memset(b.infinity, 0, POINT_BYTES);
    if (n == 0)
        return;
    load_eight(&b, 0);
    for (size_t v = 0; v < vectors; v++) {
        eight *e = &b.eights[v];
        if (v + 1 < vectors)
            load_eight(&b, v + 1);
        e->before = run[v % CHAINS];
        multiply(&run[v % CHAINS], &run[v % CHAINS], &e->dx);
    }
    invert_chains(run);
    for (size_t v = vectors; v > 0; v -= CHAINS)
        finish_two(&b, v - CHAINS, run);
}

/* --- encodings -------------------------------------------------------------------------------- */

/* Encoded, a coordinate's words come most significant first, and so do its components. */
SLK_FPV_INLINE int encoded_word(int word)
{
    int half = word / (WORDS / 2) * (WORDS / 2);
    return half + WORDS / 2 - 1 - (word - half);
}

/* Lanes whose value is below p. */
SLK_FPV_INLINE __mmask8 below_p(const slk_fpv *a)
{
    __m512i t[SLK_FPV_LIMBS];
    for (int i = 0; i < SLK_FPV_LIMBS; i++)
        t[i] = _mm512_sub_epi64(a->l[i], slk_fpv_modulus(i, 0));
    const slk_fpv less = slk_fpv_carried(t);
    return _mm512_movepi64_mask(less.l[SLK_FPV_LIMBS - 1]);
}

static __mmask8 decode_eight(uint8_t *const out[LANES], const uint8_t *const in[LANES])
{
    __m512i encoded[WORDS], words[WORDS];
    __mmask8 good = 0xff;
    load_words(encoded, in);
    for (int i = 0; i < WORDS; i++)
        words[i] = slk_lanes_swap_bytes(encoded[encoded_word(i)]);
    for (int k = 0; k < 2 * COMPONENTS; k++) {
        slk_fpv t = slk_fpv_unpack(words + 6 * k);
        good &= below_p(&t);
        t = slk_fpv_from_integer(&t);
        slk_fpv_pack(words + 6 * k, &t);
    }
    store_words(out, words);
    return good;
}

bool NAME(decode)(void *ret_affine, const uint8_t *encoded, const uint32_t *index, size_t n)
{
    uint8_t *points = ret_affine, unused[POINT_BYTES];
    __mmask8 good = 0xff;
    for (size_t done = 0; done < n; done += LANES) {
        uint8_t *out[LANES];
        const uint8_t *in[LANES];
        for (size_t i = 0; i < LANES; i++) {
            size_t at = done + i < n ? done + i : n - 1;
            out[i] = done + i < n ? points + at * POINT_BYTES : unused;
            in[i] = encoded + (index == NULL ? at : index[at]) * POINT_BYTES;
        }
        good &= decode_eight(out, in);
    }
    return good == 0xff;
}

static void encode_eight(uint8_t *const out[LANES], const uint8_t *const in[LANES])
{
    __m512i encoded[WORDS], words[WORDS];
    slk_fpv unit = slk_fpv_zero();
    unit.l[0] = slk_fpv_word(1);
    load_words(words, in);
    for (int k = 0; k < 2 * COMPONENTS; k++) {
        slk_fpv t = slk_fpv_unpack(words + 6 * k);
        t = slk_fpv_mul(&t, &unit);
        t = slk_fpv_reduce_once(&t, 0);
        slk_fpv_pack(words + 6 * k, &t);
    }
    for (int i = 0; i < WORDS; i++)
        encoded[encoded_word(i)] = slk_lanes_swap_bytes(words[i]);
    store_words(out, encoded);
    for (size_t i = 0; i < LANES; i++)
        if (is_infinity(in[i]))
            out[i][0] |= 0x40;
}

void NAME(encode)(uint8_t *out, const void *affine, size_t n)
{
    const uint8_t *points = affine;
    uint8_t unused[POINT_BYTES];
    for (size_t done = 0; done < n; done += LANES) {
        uint8_t *to[LANES];
        const uint8_t *in[LANES];
        for (size_t i = 0; i < LANES; i++) {
            size_t at = done + i < n ? done + i : n - 1;
            to[i] = done + i < n ? out + at * POINT_BYTES : unused;
            in[i] = points + at * POINT_BYTES;
        }
        encode_eight(to, in);
    }
}
