/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/ntt/ntt_passes.h"

#define LANES SLK_NTT_LANES

/* One pass in progress. */
typedef struct pass {
    const slk_ntt *ntt;
    slk_ntt_columns columns;
    slk_ntt_rows rows;
    slk_ntt_leg a, b;
    slk_job *job;
    uint64_t unit; /* elements per task */
} pass;

/* Element j of a block times start * step^j. */
typedef struct geometric {
    slk_fr start, step;
} geometric;

/* A block of 2^log2_n elements: the vector itself (level 0) or one of its outer rows (level 1). */
typedef struct block {
    unsigned level, log2_n;
    size_t offset; /* in the vector */
    uint64_t index; /* of its first coefficient: what its own indices are shifted by */
} block;

uint64_t slk_ntt_reverse(uint64_t v, unsigned bits)
{
    uint64_t out = 0;
    for (unsigned i = 0; i < bits; i++, v >>= 1)
        out = out << 1 | (v & 1);
    return out;
}

static void root_of(slk_fr *out, unsigned k, bool inverse)
{
    slk_fr_root_of_unity(out, k);
    if (inverse)
        slk_fr_inv(out, out);
}

static uint8_t *scratch_of(const pass *run, unsigned worker)
{
    return run->ntt->scratch + worker * run->ntt->scratch_bytes;
}

/* --- columns ---------------------------------------------------------------------------------- */

static slk_ntt_place columns_at(const pass *run, const block *b, slk_fr *values, uint64_t first)
{
    const unsigned t = run->ntt->bits[b->level];
    return (slk_ntt_place){values + b->offset + first, (size_t)1 << t, (size_t)1 << (b->log2_n - t),
                           1};
}

/* The factors of element (row i, column first + lane): a geometric sequence in i. */
static void column_powers(const pass *run, const slk_ntt_place *place, uint8_t *scratch,
                          const geometric *g, uint64_t first)
{
    slk_fr start[LANES], step[LANES];
    slk_fr_pow_u64(&start[0], &g->step, first);
    slk_fr_mul(&start[0], &start[0], &g->start);
    slk_fr_pow_u64(&step[0], &g->step, place->step);
    for (size_t k = 1; k < LANES; k++) {
        slk_fr_mul(&start[k], &start[k - 1], &g->step);
        step[k] = step[0];
    }
    run->ntt->impl->powers(scratch, place->n, start, step);
}

/* Eight columns of one vector; g NULL: no factors. */
static void split_columns(const pass *run, const block *b, slk_fr *values, uint64_t first,
                          const geometric *g, uint8_t *scratch)
{
    const slk_ntt *ntt = run->ntt;
    const slk_ntt_place place = columns_at(run, b, values, first);
    ntt->impl->load(scratch, &place);
    if (g != NULL)
        column_powers(run, &place, scratch, g, first);
    ntt->impl->split(scratch, ntt->bits[b->level], ntt->roots[0]);
    ntt->impl->store(&place, scratch);
}

static void join_columns(const pass *run, const block *b, slk_fr *values, uint64_t first,
                         const geometric *g, uint8_t *scratch)
{
    const slk_ntt *ntt = run->ntt;
    const slk_ntt_place place = columns_at(run, b, values, first);
    ntt->impl->load(scratch, &place);
    ntt->impl->join(scratch, ntt->bits[b->level], ntt->roots[1]);
    if (g != NULL)
        column_powers(run, &place, scratch, g, first);
    ntt->impl->store(&place, scratch);
}

static void product_columns(const pass *run, const block *b, uint64_t first, uint8_t *scratch)
{
    const slk_ntt *ntt = run->ntt;
    const slk_ntt_place from = columns_at(run, b, run->b.values, first);
    const slk_ntt_place to = columns_at(run, b, run->a.values, first);
    join_columns(run, b, run->a.values, first, NULL, scratch);
    ntt->impl->load(scratch, &from);
    ntt->impl->join(scratch, ntt->bits[b->level], ntt->roots[1]);
    ntt->impl->multiply(scratch, &to);
    ntt->impl->split(scratch, ntt->bits[b->level], ntt->roots[0]);
    ntt->impl->store(&to, scratch);
}

static void columns_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    const pass *run = context;
    const block whole = {.log2_n = run->ntt->log2_n};
    uint8_t *scratch = scratch_of(run, worker);
    for (uint64_t i = begin; i < end && slk_job_check(run->job, NULL) == SLK_OK; i++) {
        if (run->columns == SLK_NTT_COLUMNS_SPLIT)
            split_columns(run, &whole, run->a.values, i * LANES, NULL, scratch);
        else if (run->columns == SLK_NTT_COLUMNS_JOIN)
            join_columns(run, &whole, run->a.values, i * LANES, NULL, scratch);
        else
            product_columns(run, &whole, i * LANES, scratch);
        slk_job_advance(run->job, run->unit);
    }
}

void slk_ntt_columns_pass(slk_ntt *ntt, slk_ntt_columns what, slk_fr *a, slk_fr *b, slk_job *job)
{
    pass run = {.ntt = ntt,
                .columns = what,
                .a.values = a,
                .b.values = b,
                .job = job,
                .unit = (uint64_t)LANES << ntt->bits[0]};
    slk_pool_for(ntt->pool, (UINT64_C(1) << ntt->log2_n) / run.unit, 1, columns_body, &run);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* The lanes' factors of a group of rows: twiddles in both directions, and what is constant along a
 * row of slk_ntt_leg's. */
typedef struct row_factors {
    slk_fr index_base[LANES]; /* base^(index of the row's first coefficient) * factor */
    slk_fr in_step[LANES], out_step[LANES], one[LANES];
} row_factors;

static void row_factors_of(row_factors *f, const pass *run, const block *b, const slk_ntt_leg *leg,
                           uint64_t first)
{
    const unsigned t = run->ntt->bits[b->level];
    slk_fr in, out;
    root_of(&in, b->log2_n, true);
    root_of(&out, b->log2_n, false);
    for (size_t k = 0; k < LANES; k++) {
        const uint64_t row = slk_ntt_reverse(first + k, t);
        const uint64_t index = b->index + (row << (run->ntt->log2_n - b->log2_n));
        slk_fr_pow_u64(&f->in_step[k], &in, row);
        slk_fr_pow_u64(&f->out_step[k], &out, row);
        f->index_base[k] = leg->factor;
        f->one[k] = slk_fr_one;
        if (leg->scaled) {
            slk_fr_pow_u64(&f->index_base[k], &leg->base, index);
            slk_fr_mul(&f->index_base[k], &f->index_base[k], &leg->factor);
        }
    }
}

static void split_rows(const pass *run, const slk_ntt_place *place, const slk_ntt_leg *leg,
                       const row_factors *f, uint8_t *scratch)
{
    const slk_ntt *ntt = run->ntt;
    ntt->impl->load(scratch, place);
    ntt->impl->powers(scratch, place->n, f->index_base, f->in_step);
    ntt->impl->split(scratch, ntt->bits[ntt->depth - 1], ntt->roots[0]);
    if (leg->scaled)
        ntt->impl->scale(scratch, place->n, ntt->scales);
}

static void join_rows(const pass *run, const slk_ntt_place *place, const row_factors *f,
                      uint8_t *scratch)
{
    const slk_ntt *ntt = run->ntt;
    ntt->impl->join(scratch, ntt->bits[ntt->depth - 1], ntt->roots[1]);
    ntt->impl->powers(scratch, place->n, f->one, f->out_step);
}

/* Rows [first, first + 8) of the innermost blocks. */
static void row_group(const pass *run, const block *b, uint64_t first, uint8_t *scratch)
{
    const slk_ntt *ntt = run->ntt;
    const size_t m = (size_t)1 << ntt->bits[ntt->depth - 1];
    const slk_ntt_place a = {run->a.values + b->offset + first * m, m, 1, m};
    row_factors f;
    row_factors_of(&f, run, b, &run->a, first);
    if (run->rows == SLK_NTT_ROWS_JOIN)
        ntt->impl->load(scratch, &a);
    else
        split_rows(run, &a, &run->a, &f, scratch);
    if (run->rows == SLK_NTT_ROWS_JOIN || run->rows == SLK_NTT_ROWS_COSET)
        join_rows(run, &a, &f, scratch);
    ntt->impl->store(&a, scratch);
    if (run->rows != SLK_NTT_ROWS_DIFFERENCE)
        return;
    const slk_ntt_place c = {run->b.values + b->offset + first * m, m, 1, m};
    row_factors_of(&f, run, b, &run->b, first);
    split_rows(run, &c, &run->b, &f, scratch);
    ntt->impl->subtract(scratch, &a);
    ntt->impl->store(&a, scratch);
}

/* One outer row of three levels: a block with columns and rows of its own. */
static void row_block(const pass *run, uint64_t p, uint8_t *scratch)
{
    const slk_ntt *ntt = run->ntt;
    const unsigned log2_m = ntt->log2_n - ntt->bits[0];
    const uint64_t row = slk_ntt_reverse(p, ntt->bits[0]);
    const block b = {.level = 1, .log2_n = log2_m, .offset = (size_t)p << log2_m, .index = row};
    const uint64_t columns = UINT64_C(1) << (log2_m - ntt->bits[1]);
    geometric in = {slk_fr_one, slk_fr_one}, out = in;
    root_of(&in.step, ntt->log2_n, true);
    root_of(&out.step, ntt->log2_n, false);
    slk_fr_pow_u64(&in.step, &in.step, row);
    slk_fr_pow_u64(&out.step, &out.step, row);
    for (uint64_t i = 0; i < columns && run->rows != SLK_NTT_ROWS_JOIN; i += LANES) {
        split_columns(run, &b, run->a.values, i, &in, scratch);
        if (run->rows == SLK_NTT_ROWS_DIFFERENCE)
            split_columns(run, &b, run->b.values, i, &in, scratch);
    }
    for (uint64_t i = 0; i < UINT64_C(1) << ntt->bits[1]; i += LANES)
        row_group(run, &b, i, scratch);
    if (run->rows != SLK_NTT_ROWS_JOIN && run->rows != SLK_NTT_ROWS_COSET)
        return;
    for (uint64_t i = 0; i < columns; i += LANES)
        join_columns(run, &b, run->a.values, i, &out, scratch);
}

static void rows_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    const pass *run = context;
    const block whole = {.log2_n = run->ntt->log2_n};
    uint8_t *scratch = scratch_of(run, worker);
    for (uint64_t i = begin; i < end && slk_job_check(run->job, NULL) == SLK_OK; i++) {
        if (run->ntt->depth == 2)
            row_group(run, &whole, i * LANES, scratch);
        else
            row_block(run, i, scratch);
        slk_job_advance(run->job, run->unit);
    }
}

/* Factor q of a row's coefficients: base to the power of what reverse(q) adds to their index. */
static void fill_scales(slk_ntt *ntt, const slk_fr *base)
{
    const unsigned last = ntt->bits[ntt->depth - 1];
    slk_fr step, power = slk_fr_one;
    slk_fr_pow_u64(&step, base, UINT64_C(1) << (ntt->log2_n - last));
    for (uint64_t i = 0; i < UINT64_C(1) << last; i++) {
        ntt->impl->factors(ntt->scales + slk_ntt_reverse(i, last) * ntt->impl->factor_bytes, &power,
                           1);
        slk_fr_mul(&power, &power, &step);
    }
}

void slk_ntt_rows_pass(slk_ntt *ntt, slk_ntt_rows what, const slk_ntt_leg *a, const slk_ntt_leg *b,
                       slk_job *job)
{
    pass run = {.ntt = ntt, .rows = what, .a = *a, .job = job};
    if (b != NULL)
        run.b = *b;
    if (a->scaled)
        fill_scales(ntt, &a->base);
    slk_assert(b == NULL || !b->scaled);
    const unsigned last = ntt->bits[ntt->depth - 1];
    run.unit =
        ntt->depth == 2 ? (uint64_t)LANES << last : UINT64_C(1) << (ntt->log2_n - ntt->bits[0]);
    slk_pool_for(ntt->pool, (UINT64_C(1) << ntt->log2_n) / run.unit, 1, rows_body, &run);
}
