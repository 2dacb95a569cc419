/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/msm/msm.h"

#include "base/mem.h"
#include "crypto/msm/buckets.h"

#include <stdatomic.h>
#include <string.h>

#define CHUNK_POINTS 32768u
#define WINDOW_BITS_MIN 3u
#define WINDOW_BITS_MAX 16u
#define WINDOWS_MAX 85u /* slk_digits_count(WINDOW_BITS_MIN) */

struct slk_msm {
    const slk_group *group;
    slk_pool *pool;
    unsigned threads, window_bits, windows;
    unsigned slices; /* of a chunk: tasks are windows * slices, at least one per thread */
    uint32_t n_buckets; /* per window and slice: 2^(c-1) */
    slk_region memory;
    uint8_t *points; /* [CHUNK_POINTS] affine */
    int32_t *digits; /* [windows][CHUNK_POINTS] */
    uint8_t *buckets; /* [windows * slices][n_buckets] affine */
    uint8_t *sums; /* [threads][SLK_PAIRS_MAX] affine, for ones */
    slk_bucket_worker *workers; /* [threads] */
    /* the chunk being worked on */
    const uint8_t *in;
    const uint32_t *index;
    const slk_fr *scalars;
    size_t n;
    atomic_bool bad;
    uint8_t window_sums[WINDOWS_MAX][SLK_JACOBIAN_BYTES_MAX] __attribute__((aligned(8)));
};

/* Total additions, a bucket counting for its two full additions at the end. */
static uint64_t cost(unsigned window_bits, uint64_t n)
{
    return slk_digits_count(window_bits) * (n + (UINT64_C(4) << (window_bits - 1)));
}

static unsigned best_window(uint64_t n)
{
    unsigned best = WINDOW_BITS_MIN;
    for (unsigned c = WINDOW_BITS_MIN + 1; c <= WINDOW_BITS_MAX; c++)
        if (cost(c, n) < cost(best, n))
            best = c;
    return best;
}

/* Carves `bytes` from the region's running offset; with base NULL only counts. */
static void *carve(uint8_t *base, size_t *offset, size_t bytes)
{
    void *p = base == NULL ? NULL : base + *offset;
    *offset += (bytes + 63) & ~(size_t)63;
    return p;
}

static size_t lay_out(slk_msm *msm, uint8_t *base)
{
    const slk_group *g = msm->group;
    size_t offset = 0, tasks = (size_t)msm->windows * msm->slices;
    msm->points = carve(base, &offset, CHUNK_POINTS * g->affine_bytes);
    msm->digits = carve(base, &offset, CHUNK_POINTS * msm->windows * sizeof(int32_t));
    msm->buckets = carve(base, &offset, tasks * msm->n_buckets * g->affine_bytes);
    msm->sums = carve(base, &offset, msm->threads * SLK_PAIRS_MAX * g->affine_bytes);
    for (unsigned t = 0; t < msm->threads; t++) {
        slk_bucket_worker *w = &msm->workers[t];
        w->group = g;
        w->pairs = carve(base, &offset, SLK_PAIRS_MAX * sizeof(*w->pairs));
        w->scratch = carve(base, &offset, g->pair_scratch_bytes);
        w->stamps = carve(base, &offset, msm->n_buckets * sizeof(uint32_t));
        w->deferred = carve(base, &offset, SLK_DEFERRED_MAX * sizeof(*w->deferred));
        w->copies = carve(base, &offset, SLK_PAIRS_MAX * g->affine_bytes);
    }
    return offset;
}

slk_err slk_msm_new(slk_msm **ret_msm, const slk_group *group, slk_pool *pool,
                    uint64_t expected_scalars, slk_error *error)
{
    slk_msm *msm = slk_calloc(1, sizeof(*msm));
    if (msm == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a multi-scalar multiplication");
    msm->group = group;
    msm->pool = pool;
    msm->threads = slk_pool_threads(pool);
    msm->window_bits = best_window(expected_scalars);
    msm->windows = slk_digits_count(msm->window_bits);
    msm->slices = (msm->threads + msm->windows - 1) / msm->windows;
    msm->n_buckets = UINT32_C(1) << (msm->window_bits - 1);
    msm->workers = slk_calloc(msm->threads, sizeof(*msm->workers));
    slk_err err = SLK_E_NOMEM;
    if (msm->workers != NULL)
        err = slk_region_init(&msm->memory, lay_out(msm, NULL), "point buckets", error);
    if (err != SLK_OK) {
        slk_msm_free(msm);
        return slk_fail(error, SLK_E_NOMEM, "no memory for a multi-scalar multiplication");
    }
    (void)lay_out(msm, msm->memory.data);
    *ret_msm = msm;
    return SLK_OK;
}

void slk_msm_free(slk_msm *msm)
{
    if (msm == NULL)
        return;
    slk_region_done(&msm->memory);
    slk_free(msm->workers);
    slk_free(msm);
}

static void decode_range(slk_msm *msm, uint8_t *out, size_t begin, size_t end)
{
    const slk_group *g = msm->group;
    const uint32_t *index = msm->index == NULL ? NULL : msm->index + begin;
    const uint8_t *in = msm->in + (msm->index == NULL ? begin * g->encoded_bytes : 0);
    if (!g->decode(out, in, index, end - begin))
        atomic_store_explicit(&msm->bad, true, memory_order_relaxed);
}

static void prepare_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    slk_msm *msm = context;
    (void)worker;
    decode_range(msm, msm->points + begin * msm->group->affine_bytes, begin, end);
    for (uint64_t i = begin; i < end; i++)
        slk_digits_of(msm->digits + i, CHUNK_POINTS, &msm->scalars[i], msm->window_bits);
}

static void bucket_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    slk_msm *msm = context;
    size_t bucket_bytes = msm->n_buckets * msm->group->affine_bytes;
    for (uint64_t task = begin; task < end; task++) {
        size_t window = task / msm->slices, slice = task % msm->slices;
        size_t first = msm->n * slice / msm->slices, last = msm->n * (slice + 1) / msm->slices;
        slk_buckets_add(&msm->workers[worker], msm->buckets + task * bucket_bytes,
                        msm->points + first * msm->group->affine_bytes,
                        msm->digits + window * CHUNK_POINTS + first, last - first);
    }
}

static slk_err corrupt_points(const slk_msm *msm, slk_error *error)
{
    return slk_fail(error, SLK_E_CORRUPT,
                    "parameter file: a %s point is infinity or has a coordinate outside the field",
                    msm->group->name);
}

slk_err slk_msm_add(slk_msm *msm, const uint8_t *points, const uint32_t *index,
                    const slk_fr *scalars, size_t n, slk_error *error)
{
    for (size_t done = 0; done < n; done += msm->n) {
        msm->n = n - done < CHUNK_POINTS ? n - done : CHUNK_POINTS;
        msm->in = index == NULL ? points + done * msm->group->encoded_bytes : points;
        msm->index = index == NULL ? NULL : index + done;
        msm->scalars = scalars + done;
        slk_pool_for(msm->pool, msm->n, 1024, prepare_body, msm);
        if (atomic_load(&msm->bad))
            return corrupt_points(msm, error);
        slk_pool_for(msm->pool, (uint64_t)msm->windows * msm->slices, 1, bucket_body, msm);
    }
    return SLK_OK;
}

static void ones_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    slk_msm *msm = context;
    size_t bytes = msm->group->affine_bytes;
    slk_bucket_worker *w = &msm->workers[worker];
    uint8_t *sums = msm->sums + worker * SLK_PAIRS_MAX * bytes;
    size_t n = (size_t)(end - begin);
    decode_range(msm, w->copies, begin, end);
    for (size_t i = 0; i < n; i++)
        w->pairs[i] = (slk_point_pair){sums + i * bytes, w->copies + i * bytes, false};
    msm->group->add_pairs(w->pairs, n, w->scratch);
}

slk_err slk_msm_add_ones(slk_msm *msm, const uint8_t *points, const uint32_t *index, size_t n,
                         slk_error *error)
{
    msm->in = points;
    msm->index = index;
    slk_pool_for(msm->pool, n, SLK_PAIRS_MAX, ones_body, msm);
    return atomic_load(&msm->bad) ? corrupt_points(msm, error) : SLK_OK;
}

/* sum over buckets of (b + 1) * bucket[b] by running sums from the top, all slices of one window. */
static void reduce_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    slk_msm *msm = context;
    const slk_group *g = msm->group;
    (void)worker;
    for (uint64_t w = begin; w < end; w++) {
        _Alignas(64) uint8_t run[SLK_JACOBIAN_BYTES_MAX];
        uint8_t *total = msm->window_sums[w];
        g->set_infinity(run);
        g->set_infinity(total);
        for (size_t at = (size_t)msm->n_buckets * msm->slices; at-- > 0;) {
            size_t b = at / msm->slices, task = w * msm->slices + at % msm->slices;
            const uint8_t *bucket = msm->buckets + (task * msm->n_buckets + b) * g->affine_bytes;
            if (!g->is_infinity(bucket))
                g->add_affine(run, run, bucket);
            if (at % msm->slices == 0)
                g->add(total, total, run);
        }
    }
}

void slk_msm_finish(slk_msm *msm, void *ret_jacobian)
{
    const slk_group *g = msm->group;
    _Alignas(64) uint8_t total[SLK_JACOBIAN_BYTES_MAX];
    slk_pool_for(msm->pool, msm->windows, 1, reduce_body, msm);
    g->set_infinity(total);
    for (unsigned w = msm->windows; w-- > 0;) {
        for (unsigned i = 0; i < msm->window_bits; i++)
            g->dbl(total, total);
        g->add(total, total, msm->window_sums[w]);
    }
    for (size_t i = 0; i < (size_t)msm->threads * SLK_PAIRS_MAX; i++) {
        const uint8_t *sum = msm->sums + i * g->affine_bytes;
        if (!g->is_infinity(sum))
            g->add_affine(total, total, sum);
    }
    memcpy(ret_jacobian, total, g->jacobian_bytes);
}
