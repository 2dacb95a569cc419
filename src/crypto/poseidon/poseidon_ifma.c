/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Poseidon on twice eight hashes at once with 52-bit multiply-add.
 *
 * Arithmetic as in crypto/fr/fr_ifma.h, in Montgomery form with R = 2^260. Bounds:
 *   - full rounds: state below 7r, after x^5 and key below 7r, after a matrix below 4r;
 *   - a block of partial rounds adds less than 1.3r to elements 1.., of 15 blocks at most: below
 *     22r; element 0 stays below 10r.
 * All that is below 35r < 2^260, so five limbs hold it.
 *
 * Limbs of a sum of n products hold at most 10 n + 10 terms below 2^52: with n <= 16 below 2^60. */
#include "crypto/poseidon/poseidon_impl.h"

#include "base/cpu.h"
#include "crypto/fr/fr_ifma.h"

#include <string.h>

#define BLOCK SLK_POSEIDON_BLOCK
#define LIMBS SLK_POSEIDON_WIDE_LIMBS
#define LANES 8u

/* An element of both groups of eight hashes. The chain of one group's S-boxes is longer than the work
 * in it; the other group's fills the gaps. A third one gains nothing. */
#define GROUPS 2u
typedef struct pair {
    slk_fr8 of[GROUPS];
} pair;

/* x^5 + key */
static void sbox(pair *x, const uint64_t *key, size_t groups)
{
    pair fourth;
    const slk_fr8 constant = slk_fr8_broadcast(key);
    for (size_t g = 0; g < groups; g++)
        fourth.of[g] = slk_fr8_square(&x->of[g]);
    for (size_t g = 0; g < groups; g++)
        fourth.of[g] = slk_fr8_square(&fourth.of[g]);
    for (size_t g = 0; g < groups; g++) {
        const slk_fr8 fifth = slk_fr8_mul_loose(&fourth.of[g], &x->of[g]);
        x->of[g] = slk_fr8_carried(slk_fr8_add(&fifth, &constant));
    }
}

/* sum of x[i] * factor[i], i < n; loose */
static inline slk_fr8 dot(const pair *x, const uint64_t *factor, unsigned n, size_t group)
{
    slk_fr8_sum s;
    slk_fr8_sum_clear(&s);
    for (unsigned i = 0; i < n; i++) {
        slk_fr8 b = slk_fr8_broadcast(factor + LIMBS * i);
        slk_fr8_sum_add(&s, &x[i].of[group], &b);
    }
    return slk_fr8_reduced(&s);
}

static void dots(pair *out, const pair *x, const uint64_t *factor, unsigned n, size_t groups)
{
    for (size_t g = 0; g < groups; g++)
        out->of[g] = slk_fr8_carried(dot(x, factor, n, g));
}

static void mix(pair *x, const uint64_t *columns, unsigned t, size_t groups)
{
    pair y[SLK_POSEIDON_MAX_WIDTH];
    for (unsigned j = 0; j < t; j++)
        dots(&y[j], x, columns + (size_t)LIMBS * t * j, t, groups);
    for (unsigned j = 0; j < t; j++)
        for (size_t g = 0; g < groups; g++)
            x[j].of[g] = y[j].of[g];
}

static const uint64_t *full_sbox(pair *x, const uint64_t *key, unsigned t, size_t groups)
{
    for (unsigned i = 0; i < t; i++, key += LIMBS)
        sbox(&x[i], key, groups);
    return key;
}

/* As in the scalar kernel. */
static const uint64_t *partial_block(pair *x, const uint64_t *factor, const uint64_t *key,
                                     unsigned t, unsigned b, size_t groups)
{
    pair z[BLOCK];
    for (unsigned k = 0; k < b; k++) {
        sbox(&x[0], key + LIMBS * k, groups);
        z[k] = x[0];
        pair y;
        dots(&y, x, factor, t + k, groups);
        factor += LIMBS * (t + k);
        if (k + 1 < b)
            x[t + k] = z[k];
        x[0] = y;
    }
    for (unsigned j = 1; j < t; j++, factor += LIMBS * b) {
        for (size_t g = 0; g < groups; g++) {
            slk_fr8 y = dot(z, factor, b, g);
            x[j].of[g] = slk_fr8_carried(slk_fr8_add(&y, &x[j].of[g]));
        }
    }
    return factor;
}

static void first_keys(pair *x, const uint64_t *key, unsigned t, size_t groups)
{
    for (unsigned i = 0; i < t; i++, key += LIMBS) {
        const slk_fr8 constant = slk_fr8_broadcast(key);
        for (size_t g = 0; g < groups; g++)
            x[i].of[g] = slk_fr8_carried(slk_fr8_add(&x[i].of[g], &constant));
    }
}

static void permute(const slk_poseidon_table *table, pair *out, pair *x, size_t groups)
{
    static const uint64_t no_key[LIMBS] = {0};
    const slk_poseidon_wide *w = &table->wide;
    unsigned t = table->params.width, left = table->params.partial_rounds;
    const uint64_t *key = w->compressed + (size_t)LIMBS * t, *factor = w->blocked;
    first_keys(x, w->compressed, t, groups);
    for (unsigned k = 0; k < 4; k++) {
        key = full_sbox(x, key, t, groups);
        mix(x, k < 3 ? w->mds : w->pre_sparse_columns, t, groups);
    }
    while (left > 0) {
        unsigned b = left < BLOCK ? left : BLOCK;
        factor = partial_block(x, factor, key, t, b, groups);
        key += LIMBS * b;
        left -= b;
    }
    for (unsigned k = 0; k < 3; k++) {
        key = full_sbox(x, key, t, groups);
        mix(x, w->mds, t, groups);
    }
    for (unsigned i = 0; i < t; i++)
        sbox(&x[i], no_key, groups);
    dots(out, x, w->mds + LIMBS * t, t, groups);
}

/* Node `in + lane * stride` in lane `lane`; lanes from n on repeat the last. */
static slk_fr8 gather(const uint8_t *in, size_t stride, size_t n)
{
    uint64_t word[4][LANES];
    __m512i w[4];
    for (size_t lane = 0; lane < LANES; lane++)
        for (size_t i = 0; i < 4; i++)
            memcpy(&word[i][lane], in + (lane < n ? lane : n - 1) * stride + 8 * i, 8);
    for (int i = 0; i < 4; i++)
        w[i] = _mm512_loadu_si512(word[i]);
    return slk_fr8_from_words(w);
}

/* Plain integers of at most r in the first n lanes to nodes. */
static void scatter(uint8_t *out, size_t n, const slk_fr8 *a)
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

/* Hashes [i, i + n) of a batch, n <= LANES * GROUPS. */
static void some(const slk_poseidon_table *table, uint8_t *out, const slk_poseidon_nodes *nodes,
                 size_t i, size_t n)
{
    pair x[SLK_POSEIDON_MAX_TERMS], y;
    const size_t groups = (n + LANES - 1) / LANES;
    size_t here[GROUPS] = {n < LANES ? n : LANES, n < LANES ? 0 : n - LANES};
    slk_fr8 factor = slk_fr8_broadcast(two_520);
    for (size_t g = 0; g < groups; g++) {
        const size_t at = (i + g * LANES) * nodes->stride;
        x[0].of[g] = slk_fr8_broadcast(table->wide.tag);
        for (unsigned k = 0; k < table->params.arity; k++) {
            slk_fr8 node = gather(nodes->in[k] + at, nodes->stride, here[g]);
            x[k + 1].of[g] = slk_fr8_mul(&node, &factor);
        }
    }
    permute(table, &y, x, groups);
    factor = slk_fr8_broadcast(plain_one);
    for (size_t g = 0; g < groups; g++) {
        const slk_fr8 plain = slk_fr8_mul(&y.of[g], &factor);
        scatter(out + 32 * (i + g * LANES), here[g], &plain);
    }
}

static void many(const slk_poseidon_table *table, uint8_t *out, const slk_poseidon_nodes *nodes,
                 size_t n)
{
    for (size_t i = 0; i < n; i += LANES * GROUPS)
        some(table, out, nodes, i, n - i < LANES * GROUPS ? n - i : LANES * GROUPS);
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
