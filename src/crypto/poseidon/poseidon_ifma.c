/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Poseidon on eight hashes at once with 52-bit multiply-add.
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

static inline slk_fr8 plus_constant(slk_fr8 a, const uint64_t *limbs)
{
    slk_fr8 constant = slk_fr8_broadcast(limbs);
    return slk_fr8_carried(slk_fr8_add(&a, &constant));
}

static inline slk_fr8 power_5(slk_fr8 x)
{
    slk_fr8 square = slk_fr8_mul(&x, &x);
    slk_fr8 fourth = slk_fr8_mul(&square, &square);
    return slk_fr8_mul(&fourth, &x);
}

/* sum of x[i] * factor[i], i < n; loose */
static inline slk_fr8 dot(const slk_fr8 *x, const uint64_t *factor, unsigned n)
{
    slk_fr8_sum s;
    slk_fr8_sum_clear(&s);
    for (unsigned i = 0; i < n; i++) {
        slk_fr8 b = slk_fr8_broadcast(factor + LIMBS * i);
        slk_fr8_sum_add(&s, &x[i], &b);
    }
    return slk_fr8_reduced(&s);
}

static void mix(slk_fr8 *x, const uint64_t *columns, unsigned t)
{
    slk_fr8 y[SLK_POSEIDON_MAX_WIDTH];
    for (unsigned j = 0; j < t; j++)
        y[j] = slk_fr8_carried(dot(x, columns + (size_t)LIMBS * t * j, t));
    memcpy(x, y, t * sizeof *x);
}

static const uint64_t *full_sbox(slk_fr8 *x, const uint64_t *key, unsigned t)
{
    for (unsigned i = 0; i < t; i++, key += LIMBS)
        x[i] = plus_constant(power_5(x[i]), key);
    return key;
}

/* As in the scalar kernel. */
static const uint64_t *partial_block(slk_fr8 *x, const uint64_t *factor, const uint64_t *key,
                                     unsigned t, unsigned b)
{
    slk_fr8 z[BLOCK];
    for (unsigned k = 0; k < b; k++) {
        x[0] = z[k] = plus_constant(power_5(x[0]), key + LIMBS * k);
        slk_fr8 y = slk_fr8_carried(dot(x, factor, t + k));
        factor += LIMBS * (t + k);
        if (k + 1 < b)
            x[t + k] = z[k];
        x[0] = y;
    }
    for (unsigned j = 1; j < t; j++, factor += LIMBS * b) {
        slk_fr8 y = dot(z, factor, b);
        x[j] = slk_fr8_carried(slk_fr8_add(&y, &x[j]));
    }
    return factor;
}

static slk_fr8 permute(const slk_poseidon_table *table, slk_fr8 *x)
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
    return slk_fr8_carried(dot(x, w->mds + LIMBS * t, t));
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

static void many(const slk_poseidon_table *table, uint8_t *out, const slk_poseidon_nodes *nodes,
                 size_t n)
{
    slk_fr8 x[SLK_POSEIDON_MAX_TERMS];
    unsigned arity = table->params.arity;
    for (size_t i = 0; i < n; i += LANES) {
        size_t here = n - i < LANES ? n - i : LANES;
        slk_fr8 factor = slk_fr8_broadcast(two_520);
        x[0] = slk_fr8_broadcast(table->wide.tag);
        for (unsigned k = 0; k < arity; k++) {
            slk_fr8 node = gather(nodes->in[k] + i * nodes->stride, nodes->stride, here);
            x[k + 1] = slk_fr8_mul(&node, &factor);
        }
        slk_fr8 y = permute(table, x);
        factor = slk_fr8_broadcast(plain_one);
        y = slk_fr8_mul(&y, &factor);
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
