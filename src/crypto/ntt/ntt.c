/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/ntt/ntt.h"

#include "base/num.h"
#include "crypto/crypto_impl.h"
#include "crypto/ntt/ntt_passes.h"

#include <string.h>

#define TILE_LOG2 5u /* of slk_ntt_reorder: 32 runs of 1 KiB */
#define TILE (1u << TILE_LOG2)

/* --- tables ----------------------------------------------------------------------------------- */

/* As few levels as the largest group allows, of equal length; eight of each are needed. */
static void choose_levels(slk_ntt *ntt)
{
    if (ntt->log2_n < SLK_NTT_LOG2_MIN)
        return;
    unsigned left = ntt->log2_n;
    ntt->depth = left > 2 * SLK_NTT_GROUP_LOG2_MAX ? 3 : 2;
    for (unsigned i = 0; i < ntt->depth; i++) {
        ntt->bits[i] = (left + ntt->depth - i - 1) / (ntt->depth - i);
        left -= ntt->bits[i];
    }
}

static void fill_roots(slk_ntt *ntt, unsigned k)
{
    const slk_ntt_impl *impl = ntt->impl;
    slk_fr root, power = slk_fr_one;
    slk_fr_root_of_unity(&root, k);
    slk_fr_inv(&root, &root);
    for (uint64_t i = 0; i < UINT64_C(1) << (k - 1); i++) {
        impl->factors(ntt->roots[0] + slk_ntt_reverse(i, k - 1) * impl->factor_bytes, &power, 1);
        slk_fr_mul(&power, &power, &root);
    }
    for (unsigned level = 0; level < k; level++) {
        const uint64_t half = UINT64_C(1) << level;
        slk_fr_root_of_unity(&root, level + 1);
        power = slk_fr_one;
        for (uint64_t j = 0; j < half; j++) {
            impl->factors(ntt->roots[1] + (half + j) * impl->factor_bytes, &power, 1);
            slk_fr_mul(&power, &power, &root);
        }
    }
}

static size_t bytes_of(const slk_ntt *ntt, unsigned threads)
{
    const unsigned longest = ntt->bits[0]; /* the shorter ones come last */
    return (3 * ntt->impl->factor_bytes + ntt->impl->point_bytes * threads) << longest;
}

size_t slk_ntt_bytes(unsigned log2_n, unsigned threads)
{
    slk_ntt ntt = {.impl = &slk_ntt_ifma, .log2_n = log2_n}; /* the other takes less */
    choose_levels(&ntt);
    return sizeof ntt + bytes_of(&ntt, threads);
}

static slk_err init(slk_ntt *ntt, slk_error *error)
{
    choose_levels(ntt);
    if (ntt->depth == 0)
        return SLK_OK;
    const slk_ntt_impl *impl = ntt->impl;
    const unsigned longest = ntt->bits[0];
    const size_t table = impl->factor_bytes << longest;
    ntt->scratch_bytes = impl->point_bytes << longest;
    SLK_TRY(slk_region_init(&ntt->memory, bytes_of(ntt, slk_pool_threads(ntt->pool)), "transform",
                            error));
    ntt->scratch = ntt->memory.data; /* first: it must be aligned */
    ntt->roots[0] = ntt->scratch + ntt->scratch_bytes * slk_pool_threads(ntt->pool);
    ntt->roots[1] = ntt->roots[0] + table;
    ntt->scales = ntt->roots[1] + table;
    fill_roots(ntt, longest);
    return SLK_OK;
}

slk_err slk_ntt_new(slk_ntt **ret_ntt, const slk_crypto *crypto, unsigned log2_n, slk_pool *pool,
                    slk_error *error)
{
    slk_assert(log2_n <= 32);
    slk_ntt *ntt = slk_calloc(1, sizeof *ntt);
    if (ntt == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a transform");
    ntt->impl = crypto->ntt;
    ntt->log2_n = log2_n;
    ntt->pool = pool;
    slk_err err = init(ntt, error);
    if (err != SLK_OK) {
        slk_ntt_free(ntt);
        return err;
    }
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

/* --- transforms ------------------------------------------------------------------------------- */

/* Up to 2^5: level by level, on this thread. */
static void tiny_level(slk_fr *values, size_t n, size_t half, bool inverse)
{
    slk_fr root, power;
    slk_fr_root_of_unity(&root, slk_log2(2 * half));
    if (inverse)
        slk_fr_inv(&root, &root);
    for (size_t block = 0; block < n; block += 2 * half) {
        power = slk_fr_one;
        for (size_t j = block; j < block + half; j++) {
            slk_fr low = values[j], high = values[j + half];
            if (!inverse)
                slk_fr_mul(&high, &high, &power);
            slk_fr_add(&values[j], &low, &high);
            slk_fr_sub(&values[j + half], &low, &high);
            if (inverse)
                slk_fr_mul(&values[j + half], &values[j + half], &power);
            slk_fr_mul(&power, &power, &root);
        }
    }
}

void slk_ntt_interpolate(slk_ntt *ntt, slk_fr *values)
{
    const size_t n = (size_t)1 << ntt->log2_n;
    if (ntt->depth == 0) {
        for (size_t half = n / 2; half >= 1; half /= 2)
            tiny_level(values, n, half, true);
        return;
    }
    const slk_ntt_leg leg = {.values = values, .factor = slk_fr_one};
    slk_ntt_columns_pass(ntt, SLK_NTT_COLUMNS_SPLIT, values, NULL, NULL);
    slk_ntt_rows_pass(ntt, SLK_NTT_ROWS_SPLIT, &leg, NULL, NULL);
}

void slk_ntt_evaluate(slk_ntt *ntt, slk_fr *values)
{
    const size_t n = (size_t)1 << ntt->log2_n;
    if (ntt->depth == 0) {
        for (size_t half = 1; half < n; half *= 2)
            tiny_level(values, n, half, false);
        return;
    }
    const slk_ntt_leg leg = {.values = values, .factor = slk_fr_one};
    slk_ntt_rows_pass(ntt, SLK_NTT_ROWS_JOIN, &leg, NULL, NULL);
    slk_ntt_columns_pass(ntt, SLK_NTT_COLUMNS_JOIN, values, NULL, NULL);
}

/* factor / n */
static void over_n(slk_fr *out, const slk_fr *factor, unsigned log2_n)
{
    slk_fr n;
    slk_fr_from_u64(&n, UINT64_C(1) << log2_n);
    slk_fr_inv(&n, &n);
    slk_fr_mul(out, factor, &n);
}

/* All but the last pass, of columns to be joined. */
static void nearly_to_coset(slk_ntt *ntt, slk_fr *values, const slk_fr *shift, slk_job *job)
{
    slk_ntt_leg leg = {.values = values, .base = *shift, .scaled = true};
    over_n(&leg.factor, &slk_fr_one, ntt->log2_n);
    slk_ntt_columns_pass(ntt, SLK_NTT_COLUMNS_SPLIT, values, NULL, job);
    slk_ntt_rows_pass(ntt, SLK_NTT_ROWS_COSET, &leg, NULL, job);
}

/* --- order ------------------------------------------------------------------------------------ */

typedef struct reorder_run {
    slk_fr *values;
    unsigned log2_n;
} reorder_run;

/* Index (h, middle, l) with TILE_LOG2 bits at both ends goes to (reverse l, reverse middle,
 * reverse h): the tiles of `middle` and its reverse change places. They are read and written run by
 * run, since runs of one tile lie at equal places of the cache's sets. */
static void read_tile(slk_fr out[TILE][TILE], const reorder_run *run, uint64_t middle)
{
    const size_t stride = (size_t)1 << (run->log2_n - TILE_LOG2);
    for (size_t h = 0; h < TILE; h++)
        memcpy(out[h], run->values + h * stride + middle * TILE, sizeof out[h]);
}

static void write_tile(const reorder_run *run, uint64_t middle, slk_fr in[TILE][TILE])
{
    const size_t stride = (size_t)1 << (run->log2_n - TILE_LOG2);
    uint8_t reversed[TILE];
    for (size_t l = 0; l < TILE; l++)
        reversed[l] = (uint8_t)slk_ntt_reverse(l, TILE_LOG2);
    for (size_t h = 0; h < TILE; h++) {
        slk_fr *out = run->values + h * stride + middle * TILE;
        for (size_t l = 0; l < TILE; l++)
            out[l] = in[reversed[l]][reversed[h]];
    }
}

static void reorder_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    const reorder_run *run = context;
    slk_fr here[TILE][TILE], there[TILE][TILE];
    (void)worker;
    for (uint64_t middle = begin; middle < end; middle++) {
        const uint64_t other = slk_ntt_reverse(middle, run->log2_n - 2 * TILE_LOG2);
        if (other < middle)
            continue;
        read_tile(here, run, middle);
        read_tile(there, run, other);
        write_tile(run, other, here);
        if (other != middle)
            write_tile(run, middle, there);
    }
}

void slk_ntt_reorder(slk_ntt *ntt, slk_fr *values)
{
    const unsigned k = ntt->log2_n;
    if (k >= 2 * TILE_LOG2) {
        reorder_run run = {values, k};
        slk_pool_for(ntt->pool, UINT64_C(1) << (k - 2 * TILE_LOG2), 4, reorder_body, &run);
        return;
    }
    for (uint64_t i = 0; i < UINT64_C(1) << k; i++) {
        const uint64_t j = slk_ntt_reverse(i, k);
        if (i < j) {
            const slk_fr t = values[i];
            values[i] = values[j];
            values[j] = t;
        }
    }
}

/* --- quotient --------------------------------------------------------------------------------- */

#define QUOTIENT_PASSES 8u /* with the reordering */

uint64_t slk_ntt_quotient_work(unsigned log2_n)
{
    return QUOTIENT_PASSES * (UINT64_C(1) << log2_n);
}

slk_err slk_ntt_quotient_product(slk_ntt *ntt, slk_fr *a, slk_fr *b, slk_job *job, slk_error *error)
{
    slk_assert(ntt->depth > 0);
    nearly_to_coset(ntt, a, &slk_fr_generator, job);
    nearly_to_coset(ntt, b, &slk_fr_generator, job);
    slk_ntt_columns_pass(ntt, SLK_NTT_COLUMNS_PRODUCT, a, b, job);
    return slk_job_check(job, error);
}

slk_err slk_ntt_quotient_finish(slk_ntt *ntt, slk_fr *a, slk_fr *c, slk_job *job, slk_error *error)
{
    slk_assert(ntt->depth > 0);
    /* 1 / (n (g^n - 1)) */
    slk_fr factor, kernel;
    slk_fr_pow_u64(&factor, &slk_fr_generator, UINT64_C(1) << ntt->log2_n);
    slk_fr_sub(&factor, &factor, &slk_fr_one);
    slk_fr_inv(&factor, &factor);
    over_n(&factor, &factor, ntt->log2_n);
    slk_ntt_leg d = {.values = a, .scaled = true}, plain = {.values = c, .factor = factor};
    slk_fr_from_u64(&kernel, UINT64_C(1) << ntt->impl->product_log2);
    slk_fr_mul(&d.factor, &factor, &kernel);
    slk_fr_inv(&d.base, &slk_fr_generator);
    slk_ntt_columns_pass(ntt, SLK_NTT_COLUMNS_SPLIT, c, NULL, job);
    slk_ntt_rows_pass(ntt, SLK_NTT_ROWS_DIFFERENCE, &d, &plain, job);
    SLK_TRY(slk_job_check(job, error));
    slk_ntt_reorder(ntt, a);
    slk_job_advance(job, UINT64_C(1) << ntt->log2_n);
    return slk_job_check(job, error);
}
