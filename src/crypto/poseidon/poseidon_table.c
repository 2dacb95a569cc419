/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Constants of Poseidon from nothing but its parameters. source: reference/proofs 2.1 to 2.5 */
#include "crypto/poseidon/poseidon_impl.h"

#include "base/mem.h"

#include <string.h>

#define FULL_ROUNDS 8u
#define HALF 4u
#define MAX_T SLK_POSEIDON_MAX_WIDTH

__extension__ typedef unsigned __int128 u128;

/* The self-shrinking generator: 80 bits, the oldest at bit 0. source: reference/proofs 2.2 */
typedef struct grain {
    u128 bits;
} grain;

static unsigned grain_step(grain *g)
{
    u128 s = g->bits;
    unsigned next = (unsigned)((s >> 62) ^ (s >> 51) ^ (s >> 38) ^ (s >> 23) ^ (s >> 13) ^ s) & 1u;
    g->bits = (s >> 1) | (u128)next << 79;
    return next;
}

static unsigned grain_bit(grain *g)
{
    unsigned keep, bit;
    do {
        keep = grain_step(g);
        bit = grain_step(g);
    } while (!keep);
    return bit;
}

static void grain_field(grain *g, unsigned *at, unsigned n_bits, unsigned value)
{
    for (unsigned i = n_bits; i-- > 0; (*at)++)
        g->bits |= (u128)((value >> i) & 1u) << *at;
}

static void grain_init(grain *g, unsigned width, unsigned partial_rounds)
{
    unsigned at = 0;
    g->bits = 0;
    grain_field(g, &at, 2, 1); /* prime field */
    grain_field(g, &at, 4, 1); /* x^5, as the reference counts it */
    grain_field(g, &at, 12, 255);
    grain_field(g, &at, 12, width);
    grain_field(g, &at, 10, FULL_ROUNDS);
    grain_field(g, &at, 10, partial_rounds);
    grain_field(g, &at, 30, (1u << 30) - 1);
    for (unsigned i = 0; i < 160; i++)
        (void)grain_step(g);
}

static void grain_element(grain *g, slk_fr *out)
{
    uint8_t node[32];
    do {
        memset(node, 0, sizeof node);
        for (unsigned i = 255; i-- > 0;)
            node[i / 8] = (uint8_t)(node[i / 8] | grain_bit(g) << (i % 8));
    } while (!slk_fr_from_node(out, node));
}

/* y = x * m, m of t*t; y is not x. */
static void row_times(slk_fr *y, const slk_fr *x, const slk_fr *m, unsigned t)
{
    slk_fr term;
    for (unsigned j = 0; j < t; j++) {
        slk_fr_mul(&y[j], &x[0], &m[j]);
        for (unsigned i = 1; i < t; i++) {
            slk_fr_mul(&term, &x[i], &m[i * t + j]);
            slk_fr_add(&y[j], &y[j], &term);
        }
    }
}

static void row_scale(slk_fr *row, const slk_fr *factor, unsigned n)
{
    for (unsigned j = 0; j < n; j++)
        slk_fr_mul(&row[j], &row[j], factor);
}

static void row_subtract(slk_fr *row, const slk_fr *other, const slk_fr *factor, unsigned n)
{
    slk_fr term;
    for (unsigned j = 0; j < n; j++) {
        slk_fr_mul(&term, &other[j], factor);
        slk_fr_sub(&row[j], &row[j], &term);
    }
}

/* out = 1/m for n*n matrices by elimination without exchanging rows: the matrices met here are
 * sub-matrices of Cauchy matrices and products of them, none has a zero pivot. m is used up. */
static void invert(slk_fr *out, slk_fr *m, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++)
            out[i * n + j] = i == j ? slk_fr_one : slk_fr_zero;
    for (unsigned p = 0; p < n; p++) {
        slk_fr factor;
        slk_assert(!slk_fr_is_zero(&m[p * n + p]));
        slk_fr_inv(&factor, &m[p * n + p]);
        row_scale(m + p * n, &factor, n);
        row_scale(out + p * n, &factor, n);
        for (unsigned i = 0; i < n; i++) {
            if (i == p)
                continue;
            factor = m[i * n + p];
            row_subtract(m + i * n, m + p * n, &factor, n);
            row_subtract(out + i * n, out + p * n, &factor, n);
        }
    }
}

/* M[i][j] = 1 / (i + t + j). source: reference/proofs 2.3 */
static void make_mds(slk_fr *mds, unsigned t)
{
    for (unsigned i = 0; i < t; i++)
        for (unsigned j = 0; j < t; j++) {
            slk_fr_from_u64(&mds[i * t + j], i + t + j);
            slk_fr_inv(&mds[i * t + j], &mds[i * t + j]);
        }
}

/* source: reference/proofs 2.5, compressed constants */
static void make_compressed(slk_fr *out, const slk_poseidon_params *p, const slk_fr *inverse)
{
    unsigned t = p->width, partial = p->partial_rounds;
    const slk_fr *keys = p->round_keys;
    memcpy(out, keys, t * sizeof *out);
    for (unsigned k = 1; k < HALF; k++)
        row_times(out + k * t, keys + k * t, inverse, t);
    slk_fr *single = out + (HALF + 1) * t, acc[MAX_T], y[MAX_T];
    memcpy(acc, keys + (HALF + partial) * t, t * sizeof *acc);
    for (unsigned i = 0; i < partial; i++) {
        row_times(y, acc, inverse, t);
        single[partial - 1 - i] = y[0];
        y[0] = slk_fr_zero;
        for (unsigned j = 0; j < t; j++)
            slk_fr_add(&acc[j], &y[j], &keys[(HALF + partial - i - 1) * t + j]);
    }
    row_times(out + HALF * t, acc, inverse, t);
    for (unsigned k = 1; k < HALF; k++)
        row_times(single + partial + (k - 1) * t, keys + (HALF + partial + k) * t, inverse, t);
}

/* One step of the factorisation: emits the sparse matrix of cur and replaces cur by mds * M'.
 * source: reference/proofs 2.5, matrices */
static void split_off(slk_fr *sparse, slk_fr *cur, const slk_fr *mds, unsigned t)
{
    unsigned n = t - 1;
    slk_fr hat[MAX_T * MAX_T], inverse[MAX_T * MAX_T], w[MAX_T], rest[MAX_T * MAX_T];
    for (unsigned i = 0; i < n; i++) {
        memcpy(hat + i * n, cur + (i + 1) * t + 1, n * sizeof *hat);
        w[i] = cur[(i + 1) * t];
    }
    memcpy(rest, hat, n * n * sizeof *rest);
    invert(inverse, hat, n);
    sparse[0] = cur[0];
    row_times(sparse + 1, w, inverse, n);
    memcpy(sparse + t, cur + 1, n * sizeof *sparse);
    /* mds * M': column 0 stays, the rest is the rest of each row times hat. */
    for (unsigned i = 0; i < t; i++) {
        cur[i * t] = mds[i * t];
        row_times(cur + i * t + 1, mds + i * t + 1, rest, n);
    }
}

static void make_sparse(slk_fr *pre_sparse, slk_fr *sparse, const slk_poseidon_params *p)
{
    unsigned t = p->width;
    memcpy(pre_sparse, p->mds, t * t * sizeof *pre_sparse);
    for (unsigned i = p->partial_rounds; i-- > 0;)
        split_off(sparse + i * (2 * t - 1), pre_sparse, p->mds, t);
}

/* Writes the factors of one block of b rounds whose sparse matrices are given; returns their end. */
static slk_fr *make_block(slk_fr *out, const slk_fr *sparse, unsigned t, unsigned b)
{
    unsigned each = 2 * t - 1;
    for (unsigned k = 0; k < b; k++) {
        const slk_fr *col = sparse + k * each;
        memcpy(out, col, t * sizeof *out);
        out += t;
        for (unsigned m = 0; m < k; m++, out++) {
            const slk_fr *row = sparse + m * each + t;
            slk_fr term;
            *out = slk_fr_zero;
            for (unsigned j = 1; j < t; j++) {
                slk_fr_mul(&term, &col[j], &row[j - 1]);
                slk_fr_add(out, out, &term);
            }
        }
    }
    for (unsigned j = 1; j < t; j++)
        for (unsigned k = 0; k < b; k++)
            *out++ = sparse[k * each + t + j - 1];
    return out;
}

static size_t block_size(unsigned t, unsigned b)
{
    return (size_t)b * t + b * (b - 1) / 2 + (size_t)b * (t - 1);
}

static size_t blocked_size(unsigned t, unsigned partial)
{
    unsigned rest = partial % SLK_POSEIDON_BLOCK;
    return partial / SLK_POSEIDON_BLOCK * block_size(t, SLK_POSEIDON_BLOCK) +
           (rest ? block_size(t, rest) : 0);
}

static void make_blocked(slk_fr *out, const slk_fr *sparse, unsigned t, unsigned partial)
{
    for (unsigned done = 0; done < partial; done += SLK_POSEIDON_BLOCK) {
        unsigned left = partial - done;
        unsigned b = left < SLK_POSEIDON_BLOCK ? left : SLK_POSEIDON_BLOCK;
        out = make_block(out, sparse + done * (2 * t - 1), t, b);
    }
}

/* source: reference/proofs 2.1 */
static unsigned partial_rounds_of(unsigned arity)
{
    slk_assert(arity == 2 || arity == 4 || arity == 8 || arity == 11);
    return arity == 2 ? 55 : arity == 4 ? 56 : 57;
}

static void fill(slk_poseidon_table *table, slk_fr *at)
{
    slk_poseidon_params *p = &table->params;
    unsigned t = p->width, rounds = p->full_rounds + p->partial_rounds;
    slk_fr inverse[MAX_T * MAX_T], copy[MAX_T * MAX_T];
    slk_fr *keys = at, *mds = keys + rounds * t, *compressed = mds + t * t;
    slk_fr *pre_sparse = compressed + FULL_ROUNDS * t + p->partial_rounds;
    slk_fr *columns = pre_sparse + t * t, *sparse = columns + t * t;
    slk_fr *blocked = sparse + p->partial_rounds * (2 * t - 1);
    grain g;
    grain_init(&g, t, p->partial_rounds);
    for (unsigned i = 0; i < rounds * t; i++)
        grain_element(&g, &keys[i]);
    make_mds(mds, t);
    p->round_keys = keys;
    p->mds = mds;
    memcpy(copy, mds, t * t * sizeof *copy);
    invert(inverse, copy, t);
    make_compressed(compressed, p, inverse);
    make_sparse(pre_sparse, sparse, p);
    for (unsigned i = 0; i < t * t; i++)
        columns[i] = pre_sparse[i % t * t + i / t];
    make_blocked(blocked, sparse, t, p->partial_rounds);
    p->compressed = compressed;
    p->pre_sparse = pre_sparse;
    p->sparse = sparse;
    table->pre_sparse_columns = columns;
    table->blocked = blocked;
}

static const uint64_t *widen(uint64_t **at, const slk_fr *in, size_t n)
{
    const uint64_t mask = (UINT64_C(1) << 52) - 1;
    uint64_t *start = *at, *out = start;
    slk_fr sixteen, x; /* from x * 2^256 to x * 2^260 */
    slk_fr_from_u64(&sixteen, 16);
    for (size_t i = 0; i < n; i++, out += SLK_POSEIDON_WIDE_LIMBS) {
        slk_fr_mul(&x, &in[i], &sixteen);
        out[0] = x.l[0] & mask;
        out[1] = (x.l[0] >> 52 | x.l[1] << 12) & mask;
        out[2] = (x.l[1] >> 40 | x.l[2] << 24) & mask;
        out[3] = (x.l[2] >> 28 | x.l[3] << 36) & mask;
        out[4] = x.l[3] >> 16;
    }
    *at = out;
    return start;
}

static void fill_wide(slk_poseidon_table *table, uint64_t *at, size_t blocked)
{
    const slk_poseidon_params *p = &table->params;
    size_t t = p->width;
    table->wide = (slk_poseidon_wide){
        .tag = widen(&at, &p->tag, 1),
        .compressed = widen(&at, p->compressed, FULL_ROUNDS * t + p->partial_rounds),
        .mds = widen(&at, p->mds, t * t),
        .pre_sparse_columns = widen(&at, table->pre_sparse_columns, t * t),
        .blocked = widen(&at, table->blocked, blocked),
    };
}

slk_err slk_poseidon_table_init(slk_poseidon_table *table, unsigned arity, slk_error *error)
{
    unsigned t = arity + 1, partial = partial_rounds_of(arity);
    size_t blocked = blocked_size(t, partial);
    size_t count = (size_t)(FULL_ROUNDS + partial) * t + 3 * t * t + FULL_ROUNDS * t + partial +
                   (size_t)partial * (2 * t - 1) + blocked;
    size_t wide = 1 + FULL_ROUNDS * t + partial + 2 * t * t + blocked;
    slk_fr *memory = slk_alloc(count, sizeof *memory);
    uint64_t *wide_memory = slk_alloc(wide * SLK_POSEIDON_WIDE_LIMBS, sizeof *wide_memory);
    if (!memory || !wide_memory) {
        slk_free(memory);
        slk_free(wide_memory);
        return slk_fail(error, SLK_E_NOMEM, "no memory for the Poseidon constants of arity %u",
                        arity);
    }
    table->memory = memory;
    table->wide_memory = wide_memory;
    table->params = (slk_poseidon_params){
        .arity = arity, .width = t, .full_rounds = FULL_ROUNDS, .partial_rounds = partial};
    slk_fr_from_u64(&table->params.tag, (UINT64_C(1) << arity) - 1);
    fill(table, memory);
    fill_wide(table, wide_memory, blocked);
    return SLK_OK;
}

void slk_poseidon_table_done(slk_poseidon_table *table)
{
    slk_free(table->memory);
    slk_free(table->wide_memory);
    *table = (slk_poseidon_table){0};
}
