/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Poseidon in its optimised form on one hash at a time. Compiled twice: for any processor, and with
 * BMI2 and ADX (SLK_POSEIDON_MULX). source: reference/proofs 2.5 */
#include "crypto/poseidon/poseidon_impl.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "crypto/fr/fr_inline.h"
#include "crypto/fr/fr_dot.h"

#define BLOCK SLK_POSEIDON_BLOCK

static inline void power_5(slk_fr *x)
{
    slk_fr square, fourth;
    slk_fr_mul_i(&square, x, x);
    slk_fr_mul_i(&fourth, &square, &square);
    slk_fr_mul_i(x, &fourth, x);
}

/* x_i^5 + key_i for all i; returns the next key. */
static inline const slk_fr *full_sbox(slk_fr *x, const slk_fr *key, unsigned t)
{
    for (unsigned i = 0; i < t; i++) {
        power_5(&x[i]);
        slk_fr_add_i(&x[i], &x[i], &key[i]);
    }
    return key + t;
}

/* columns: column j of the matrix as row j. */
static inline void mix(slk_fr *x, const slk_fr *columns, unsigned t)
{
    slk_fr y[SLK_POSEIDON_MAX_WIDTH];
    for (unsigned j = 0; j < t; j++)
        slk_fr_dot(&y[j], x, columns + j * t, t);
    memcpy(x, y, t * sizeof *x);
}

/* b partial rounds; x has room for b - 1 more elements behind the t of the state, where the values
 * of element 0 are kept. Returns the factors of the next block. */
static inline const slk_fr *partial_block(slk_fr *x, const slk_fr *factor, const slk_fr *key,
                                          unsigned t, unsigned b)
{
    slk_fr z[BLOCK];
    for (unsigned k = 0; k < b; k++) {
        power_5(&x[0]);
        slk_fr_add_i(&x[0], &x[0], &key[k]);
        z[k] = x[0];
        slk_fr y;
        slk_fr_dot(&y, x, factor, t + k);
        factor += t + k;
        if (k + 1 < b)
            x[t + k] = z[k];
        x[0] = y;
    }
    for (unsigned j = 1; j < t; j++, factor += b)
        slk_fr_dot_add(&x[j], z, factor, b);
    return factor;
}

/* x: the state, t elements, in an array of SLK_POSEIDON_MAX_TERMS. */
static inline void permute(const slk_poseidon_table *table, slk_fr *out, slk_fr *x)
{
    const slk_poseidon_params *p = &table->params;
    const slk_fr *key = p->compressed, *factor = table->blocked;
    unsigned t = p->width, left = p->partial_rounds;
    for (unsigned i = 0; i < t; i++)
        slk_fr_add_i(&x[i], &x[i], &key[i]);
    key += t;
    for (unsigned k = 0; k < 4; k++) {
        key = full_sbox(x, key, t);
        mix(x, k < 3 ? p->mds : table->pre_sparse_columns, t);
    }
    while (left > 0) {
        unsigned b = left < BLOCK ? left : BLOCK;
        factor = partial_block(x, factor, key, t, b);
        key += b;
        left -= b;
    }
    for (unsigned k = 0; k < 3; k++) {
        key = full_sbox(x, key, t);
        mix(x, p->mds, t);
    }
    for (unsigned i = 0; i < t; i++)
        power_5(&x[i]);
    slk_fr_dot(out, x, p->mds + t, t); /* element 1 is all that is asked for */
}

static void hash(const slk_poseidon_table *table, slk_fr *out, const slk_fr *in)
{
    slk_fr x[SLK_POSEIDON_MAX_TERMS];
    x[0] = table->params.tag;
    memcpy(x + 1, in, table->params.arity * sizeof *in);
    permute(table, out, x);
}

static void many(const slk_poseidon_table *table, uint8_t *out, const slk_poseidon_nodes *nodes,
                 size_t n)
{
    /* 2^512 mod r brings a plain integer into Montgomery form, 1 brings it back. */
    static const slk_fr two_512 = {SLK_FR_TWO_512}, plain_one = {{1, 0, 0, 0}};
    slk_fr x[SLK_POSEIDON_MAX_TERMS], result;
    unsigned arity = table->params.arity;
    for (size_t i = 0; i < n; i++) {
        x[0] = table->params.tag;
        for (unsigned k = 0; k < arity; k++) {
            memcpy(&x[k + 1], nodes->in[k] + i * nodes->stride, 32);
            slk_fr_mul_i(&x[k + 1], &x[k + 1], &two_512);
        }
        permute(table, &result, x);
        slk_fr_mul_i(&result, &result, &plain_one);
        memcpy(out + 32 * i, &result, 32);
    }
}

#ifdef SLK_POSEIDON_MULX
const slk_poseidon_impl slk_poseidon_mulx = {
    .name = "mulx", .needs = SLK_CPU_BMI2 | SLK_CPU_ADX, .hash = hash, .many = many};
#else
const slk_poseidon_impl slk_poseidon_portable = {
    .name = "plain", .needs = 0, .hash = hash, .many = many};
#endif
