/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Interpolation is decimation in frequency with inverse roots, evaluation is its transpose,
 * decimation in time. A block of N = R * M elements is seen as R rows of M:
 *   interpolate: transform each column (length R), multiply row p, column j by w^(j * reverse(p)),
 *                then transform each row (length M) the same way;
 *   evaluate:    rows first, then twiddles and columns.
 * Columns are worked on a few at a time, copied to scratch that stays in the cache. */
#include "crypto/ntt/ntt.h"

#include "base/mem.h"
#include "base/num.h"
#include "crypto/fr/fr_inline.h"

#include <blst.h>
#include <string.h>

#define BASE_LOG2 12u /* 128 KiB: transformed directly */
#define BASE_N (UINT32_C(1) << BASE_LOG2)
#define COLUMN_LOG2_MAX 10u
#define COLUMNS 8u /* worked on together: 256 bytes of every row */
#define SCALE_LOG2 11u

/* blst's multiplication uses MULX and ADX where the processor has them: 12 ns instead of 19. */
static inline void mul(slk_fr *out, const slk_fr *a, const slk_fr *b)
{
    blst_fr_mul((blst_fr *)out, (const blst_fr *)a, (const blst_fr *)b);
}

struct slk_ntt {
    unsigned log2_n;
    slk_pool *pool;
    slk_region memory;
    slk_fr *roots[2]; /* [BASE_N / 2] powers of the BASE_N-th root; [1] of its inverse */
    slk_fr *powers; /* [1 << SCALE_LOG2] of slk_ntt_scale */
    slk_fr *scratch; /* per worker [COLUMNS << COLUMN_LOG2_MAX] */
};

/* One transform in progress. */
typedef struct ntt_run {
    const slk_ntt *ntt;
    slk_fr *values;
    bool inverse;
} ntt_run;

static void fill_powers(slk_fr *out, size_t n, const slk_fr *base)
{
    out[0] = slk_fr_one;
    for (size_t i = 1; i < n; i++)
        mul(&out[i], &out[i - 1], base);
}

slk_err slk_ntt_new(slk_ntt **ret_ntt, unsigned log2_n, slk_pool *pool, slk_error *error)
{
    slk_assert(log2_n <= 32);
    slk_ntt *ntt = slk_calloc(1, sizeof(*ntt));
    if (ntt == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a transform");
    size_t per_worker = (size_t)COLUMNS << COLUMN_LOG2_MAX, powers = (size_t)1 << SCALE_LOG2;
    size_t elements = BASE_N + powers + per_worker * slk_pool_threads(pool);
    slk_err err = slk_region_init(&ntt->memory, elements * sizeof(slk_fr), "transform", error);
    if (err != SLK_OK) {
        slk_free(ntt);
        return err;
    }
    ntt->log2_n = log2_n;
    ntt->pool = pool;
    ntt->roots[0] = (slk_fr *)(void *)ntt->memory.data;
    ntt->roots[1] = ntt->roots[0] + BASE_N / 2;
    ntt->powers = ntt->roots[1] + BASE_N / 2;
    ntt->scratch = ntt->powers + powers;
    slk_fr root;
    slk_fr_root_of_unity(&root, BASE_LOG2);
    fill_powers(ntt->roots[0], BASE_N / 2, &root);
    slk_fr_inv(&root, &root);
    fill_powers(ntt->roots[1], BASE_N / 2, &root);
    *ret_ntt = ntt;
    return SLK_OK;
}

void slk_ntt_free(slk_ntt *ntt)
{
    if (ntt == NULL)
        return;
    slk_region_done(&ntt->memory);
    slk_free(ntt);
}

/* --- transforms that fit the cache: 2^k rows of `width` elements, k <= BASE_LOG2 -------------- */

static void butterflies_dif(slk_fr *low, slk_fr *high, size_t width, const slk_fr *root)
{
    for (size_t i = 0; i < width; i++) {
        slk_fr difference;
        slk_fr_sub_i(&difference, &low[i], &high[i]);
        slk_fr_add_i(&low[i], &low[i], &high[i]);
        mul(&high[i], &difference, root);
    }
}

static void butterflies_dit(slk_fr *low, slk_fr *high, size_t width, const slk_fr *root)
{
    for (size_t i = 0; i < width; i++) {
        slk_fr product;
        mul(&product, &high[i], root);
        slk_fr_sub_i(&high[i], &low[i], &product);
        slk_fr_add_i(&low[i], &low[i], &product);
    }
}

static void small_dif(slk_fr *values, unsigned k, size_t width, const slk_fr *roots)
{
    size_t n = (size_t)1 << k;
    for (size_t half = n / 2; half >= 1; half /= 2) {
        size_t stride = BASE_N / 2 / half;
        for (size_t block = 0; block < n; block += 2 * half) {
            for (size_t j = 0; j < half; j++) {
                slk_fr *low = values + (block + j) * width;
                butterflies_dif(low, low + half * width, width, &roots[j * stride]);
            }
        }
    }
}

static void small_dit(slk_fr *values, unsigned k, size_t width, const slk_fr *roots)
{
    size_t n = (size_t)1 << k;
    for (size_t half = 1; half < n; half *= 2) {
        size_t stride = BASE_N / 2 / half;
        for (size_t block = 0; block < n; block += 2 * half) {
            for (size_t j = 0; j < half; j++) {
                slk_fr *low = values + (block + j) * width;
                butterflies_dit(low, low + half * width, width, &roots[j * stride]);
            }
        }
    }
}

static void small_transform(const ntt_run *run, slk_fr *values, unsigned k, size_t width)
{
    if (run->inverse)
        small_dif(values, k, width, run->ntt->roots[1]);
    else
        small_dit(values, k, width, run->ntt->roots[0]);
}

/* --- large ones ------------------------------------------------------------------------------- */

static uint64_t reverse_bits(uint64_t v, unsigned bits)
{
    uint64_t out = 0;
    for (unsigned i = 0; i < bits; i++, v >>= 1)
        out = out << 1 | (v & 1);
    return out;
}

/* log2 of the column length for a block of 2^k, k > BASE_LOG2: the passes share the bits evenly. */
static unsigned column_log2(unsigned k)
{
    unsigned rest = k - BASE_LOG2, passes = (rest + COLUMN_LOG2_MAX - 1) / COLUMN_LOG2_MAX;
    return (rest + passes - 1) / passes;
}

static void root_of(slk_fr *out, unsigned k, bool inverse)
{
    slk_fr_root_of_unity(out, k);
    if (inverse)
        slk_fr_inv(out, out);
}

/* scratch[row p][i] *= w^((first + i) * reverse(p)), w of order 2^k. */
static void twiddle(slk_fr *scratch, unsigned k, unsigned t, uint64_t first, bool inverse)
{
    slk_fr root, start_step, start = slk_fr_one, step = slk_fr_one;
    root_of(&root, k, inverse);
    slk_fr_pow_u64(&start_step, &root, first);
    for (uint64_t frequency = 1; frequency < UINT64_C(1) << t; frequency++) {
        mul(&start, &start, &start_step);
        mul(&step, &step, &root);
        slk_fr *row = scratch + reverse_bits(frequency, t) * COLUMNS;
        slk_fr power = start;
        for (size_t i = 0; i < COLUMNS; i++) {
            mul(&row[i], &row[i], &power);
            mul(&power, &power, &step);
        }
    }
}

/* Columns [first, first + COLUMNS) of a block of 2^k elements in rows of 2^(k-t). */
static void column_group(const ntt_run *run, slk_fr *block, unsigned k, uint64_t first,
                         unsigned worker)
{
    unsigned t = column_log2(k);
    size_t rows = (size_t)1 << t, stride = (size_t)1 << (k - t);
    slk_fr *scratch = run->ntt->scratch + worker * ((size_t)COLUMNS << COLUMN_LOG2_MAX);
    for (size_t p = 0; p < rows; p++)
        memcpy(scratch + p * COLUMNS, block + p * stride + first, COLUMNS * sizeof(slk_fr));
    if (!run->inverse)
        twiddle(scratch, k, t, first, false);
    small_transform(run, scratch, t, COLUMNS);
    if (run->inverse)
        twiddle(scratch, k, t, first, true);
    for (size_t p = 0; p < rows; p++)
        memcpy(block + p * stride + first, scratch + p * COLUMNS, COLUMNS * sizeof(slk_fr));
}

static void all_columns(const ntt_run *run, slk_fr *block, unsigned k, unsigned worker)
{
    uint64_t columns = UINT64_C(1) << (k - column_log2(k));
    for (uint64_t first = 0; first < columns; first += COLUMNS)
        column_group(run, block, k, first, worker);
}

/* A whole block on one thread. Depth of recursion: two for 2^32. */
static void transform_block(const ntt_run *run, slk_fr *block, unsigned k, unsigned worker)
{
    if (k <= BASE_LOG2) {
        small_transform(run, block, k, 1);
        return;
    }
    unsigned t = column_log2(k);
    if (run->inverse)
        all_columns(run, block, k, worker);
    for (size_t p = 0; p < (size_t)1 << t; p++)
        transform_block(run, block + (p << (k - t)), k - t, worker);
    if (!run->inverse)
        all_columns(run, block, k, worker);
}

static void columns_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    const ntt_run *run = context;
    for (uint64_t i = begin; i < end; i++)
        column_group(run, run->values, run->ntt->log2_n, i * COLUMNS, worker);
}

static void rows_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    const ntt_run *run = context;
    unsigned k = run->ntt->log2_n - column_log2(run->ntt->log2_n);
    for (uint64_t p = begin; p < end; p++)
        transform_block(run, run->values + (p << k), k, worker);
}

static void transform(ntt_run *run)
{
    unsigned k = run->ntt->log2_n;
    if (k <= BASE_LOG2) {
        small_transform(run, run->values, k, 1);
        return;
    }
    unsigned t = column_log2(k);
    uint64_t groups = (UINT64_C(1) << (k - t)) / COLUMNS;
    if (run->inverse)
        slk_pool_for(run->ntt->pool, groups, 1, columns_body, run);
    slk_pool_for(run->ntt->pool, UINT64_C(1) << t, 1, rows_body, run);
    if (!run->inverse)
        slk_pool_for(run->ntt->pool, groups, 1, columns_body, run);
}

void slk_ntt_interpolate(slk_ntt *ntt, slk_fr *values)
{
    transform(&(ntt_run){ntt, values, true});
}

void slk_ntt_evaluate(slk_ntt *ntt, slk_fr *values)
{
    transform(&(ntt_run){ntt, values, false});
}

/* --- scaling and order ------------------------------------------------------------------------ */

/* With p = high * 2^low + l, reverse(p) = reverse(l) * 2^(k - low) + reverse(high), so
 * base^reverse(p) is a table entry by l times one power per high part. */
typedef struct scale_run {
    const slk_fr *powers;
    slk_fr *values;
    const slk_fr *factor, *base;
    unsigned log2_n, low;
} scale_run;

static void scale_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    const scale_run *run = context;
    (void)worker;
    for (uint64_t high = begin; high < end; high++) {
        slk_fr common, power;
        slk_fr_pow_u64(&common, run->base, reverse_bits(high, run->log2_n - run->low));
        mul(&common, &common, run->factor);
        slk_fr *values = run->values + (high << run->low);
        for (size_t l = 0; l < (size_t)1 << run->low; l++) {
            mul(&power, &common, &run->powers[l]);
            mul(&values[l], &values[l], &power);
        }
    }
}

void slk_ntt_scale(slk_ntt *ntt, slk_fr *values, const slk_fr *factor, const slk_fr *base)
{
    unsigned low = ntt->log2_n < SCALE_LOG2 ? ntt->log2_n : SCALE_LOG2;
    slk_fr step, power = slk_fr_one;
    slk_fr_pow_u64(&step, base, UINT64_C(1) << (ntt->log2_n - low));
    for (uint64_t i = 0; i < UINT64_C(1) << low; i++) {
        ntt->powers[reverse_bits(i, low)] = power;
        mul(&power, &power, &step);
    }
    scale_run run = {ntt->powers, values, factor, base, ntt->log2_n, low};
    slk_pool_for(ntt->pool, UINT64_C(1) << (ntt->log2_n - low), 1, scale_body, &run);
}

static void reorder_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    const ntt_run *run = context;
    (void)worker;
    for (uint64_t i = begin; i < end; i++) {
        uint64_t j = reverse_bits(i, run->ntt->log2_n);
        if (i < j) {
            slk_fr t = run->values[i];
            run->values[i] = run->values[j];
            run->values[j] = t;
        }
    }
}

void slk_ntt_reorder(slk_ntt *ntt, slk_fr *values)
{
    ntt_run run = {ntt, values, false};
    slk_pool_for(ntt->pool, UINT64_C(1) << ntt->log2_n, 65536, reorder_body, &run);
}
