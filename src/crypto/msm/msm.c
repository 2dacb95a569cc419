/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/msm/msm.h"

#include "base/mem.h"
#include "crypto/msm/buckets.h"

#include <string.h>

#define CHUNK_POINTS 32768u
#define WINDOW_BITS_MIN 3u
#define WINDOW_BITS_MAX 16u
#define WINDOWS_MAX 85u /* slk_digits_count(WINDOW_BITS_MIN) */
/* Buckets of one window at most: in the caches they cost an addition 184 cycles, twice as many 211
 * (G1, Zen 5, 1 MiB of second-level cache), which is more than a larger window saves. */
#define WINDOW_BYTES_MAX ((uint64_t)4 << 20)

struct slk_msm {
    const slk_group *group;
    slk_pool *pool;
    unsigned threads, window_bits, windows;
    unsigned slices; /* of a chunk: tasks are windows * slices, at least one per thread */
    uint32_t n_buckets; /* per window and slice: 2^(c-1) */
    slk_region memory;
    slk_msm_points *own; /* [CHUNK_POINTS], of slk_msm_add and _ones; made when first used */
    int32_t *digits; /* [windows][CHUNK_POINTS] */
    uint8_t *buckets; /* [windows * slices][n_buckets] affine */
    uint8_t *sums; /* [threads][SLK_PAIRS_MAX] affine, for ones */
    slk_bucket_worker *workers; /* [threads] */
    /* the chunk being worked on */
    const uint8_t *points; /* affine */
    const uint32_t *index;
    const slk_fr *scalars;
    size_t n;
    uint8_t window_sums[WINDOWS_MAX][SLK_JACOBIAN_BYTES_MAX] __attribute__((aligned(8)));
};

/* Total additions: one per point and window, and two per bucket at the end. */
static uint64_t cost(unsigned window_bits, uint64_t n)
{
    return slk_digits_count(window_bits) * (n + (UINT64_C(2) << (window_bits - 1)));
}

static unsigned best_window(const slk_group *group, uint64_t n)
{
    unsigned best = WINDOW_BITS_MIN;
    for (unsigned c = WINDOW_BITS_MIN + 1; c <= WINDOW_BITS_MAX; c++)
        if (group->affine_bytes << (c - 1) <= WINDOW_BYTES_MAX && cost(c, n) < cost(best, n))
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
    msm->digits = carve(base, &offset, CHUNK_POINTS * msm->windows * sizeof(int32_t));
    msm->buckets = carve(base, &offset, tasks * msm->n_buckets * g->affine_bytes);
    msm->sums = carve(base, &offset, msm->threads * SLK_PAIRS_MAX * g->affine_bytes);
    for (unsigned t = 0; t < msm->threads; t++) {
        slk_bucket_worker none, *w = msm->workers == NULL ? &none : &msm->workers[t];
        w->group = g;
        w->pairs = carve(base, &offset, SLK_PAIRS_MAX * sizeof(*w->pairs));
        w->scratch = carve(base, &offset, g->pair_scratch_bytes);
        w->stamps = carve(base, &offset, msm->n_buckets * sizeof(uint32_t));
        w->deferred = carve(base, &offset, SLK_DEFERRED_MAX * sizeof(*w->deferred));
        w->copies = carve(base, &offset, SLK_PAIRS_MAX * g->affine_bytes);
    }
    return offset;
}

static void choose_sizes(slk_msm *msm, const slk_group *group, unsigned threads,
                         uint64_t expected_scalars)
{
    msm->group = group;
    msm->threads = threads;
    msm->window_bits = best_window(group, expected_scalars);
    msm->windows = slk_digits_count(msm->window_bits);
    msm->slices = (threads + msm->windows - 1) / msm->windows;
    msm->n_buckets = UINT32_C(1) << (msm->window_bits - 1);
}

size_t slk_msm_bytes(const slk_group *group, unsigned threads, uint64_t expected_scalars)
{
    slk_msm msm = {.pool = NULL};
    choose_sizes(&msm, group, threads, expected_scalars);
    return lay_out(&msm, NULL) + CHUNK_POINTS * group->affine_bytes; /* with a chunk of its own */
}

slk_err slk_msm_new(slk_msm **ret_msm, const slk_group *group, slk_pool *pool,
                    uint64_t expected_scalars, slk_error *error)
{
    slk_msm *msm = slk_calloc(1, sizeof(*msm));
    if (msm == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a multi-scalar multiplication");
    msm->pool = pool;
    choose_sizes(msm, group, slk_pool_threads(pool), expected_scalars);
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
    slk_msm_points_free(msm->own);
    slk_region_done(&msm->memory);
    slk_free(msm->workers);
    slk_free(msm);
}

static void digits_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    slk_msm *msm = context;
    (void)worker;
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
        const uint8_t *points = msm->points;
        if (msm->index == NULL)
            points += first * msm->group->affine_bytes;
        slk_buckets_add(&msm->workers[worker], msm->buckets + task * bucket_bytes, points,
                        msm->index == NULL ? NULL : msm->index + first,
                        msm->digits + window * CHUNK_POINTS + first, last - first);
    }
}

/* n <= CHUNK_POINTS */
static void add_chunk(slk_msm *msm, const uint8_t *points, const uint32_t *index,
                      const slk_fr *scalars, size_t n)
{
    msm->points = points;
    msm->index = index;
    msm->scalars = scalars;
    msm->n = n;
    slk_pool_for(msm->pool, n, 1024, digits_body, msm);
    slk_pool_for(msm->pool, (uint64_t)msm->windows * msm->slices, 1, bucket_body, msm);
}

void slk_msm_add_decoded(slk_msm *msm, const slk_msm_points *points, const uint32_t *index,
                         const slk_fr *scalars, size_t n)
{
    const uint8_t *affine = slk_msm_points_affine(points);
    slk_assert(slk_msm_points_group(points) == msm->group);
    slk_assert(index != NULL || n <= slk_msm_points_count(points));
    for (size_t done = 0; done < n; done += CHUNK_POINTS) {
        size_t count = n - done < CHUNK_POINTS ? n - done : CHUNK_POINTS;
        if (index == NULL)
            add_chunk(msm, affine + done * msm->group->affine_bytes, NULL, scalars + done, count);
        else
            add_chunk(msm, affine, index + done, scalars + done, count);
    }
}

static void ones_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    slk_msm *msm = context;
    size_t bytes = msm->group->affine_bytes;
    slk_bucket_worker *w = &msm->workers[worker];
    uint8_t *sums = msm->sums + worker * SLK_PAIRS_MAX * bytes;
    size_t n = (size_t)(end - begin);
    for (size_t i = 0; i < n; i++) {
        size_t at = msm->index == NULL ? begin + i : msm->index[begin + i];
        w->pairs[i] = (slk_point_pair){sums + i * bytes, msm->points + at * bytes, false};
    }
    msm->group->add_pairs(w->pairs, n, w->scratch);
}

void slk_msm_add_decoded_ones(slk_msm *msm, const slk_msm_points *points, const uint32_t *index,
                              size_t n)
{
    slk_assert(slk_msm_points_group(points) == msm->group);
    slk_assert(index != NULL || n <= slk_msm_points_count(points));
    msm->points = slk_msm_points_affine(points);
    msm->index = index;
    slk_pool_for(msm->pool, n, SLK_PAIRS_MAX, ones_body, msm);
}

/* Decodes the next points into the chunk of its own. */
static slk_err decode_own(slk_msm *msm, const uint8_t *encoded, const uint32_t *index, size_t done,
                          size_t n, slk_error *error)
{
    if (msm->own == NULL)
        SLK_TRY(slk_msm_points_new(&msm->own, msm->group, CHUNK_POINTS, error));
    if (index == NULL)
        encoded += done * msm->group->encoded_bytes;
    else
        index += done;
    return slk_msm_points_decode(msm->own, msm->pool, encoded, index, n, error);
}

slk_err slk_msm_add(slk_msm *msm, const uint8_t *points, const uint32_t *index,
                    const slk_fr *scalars, size_t n, slk_error *error)
{
    for (size_t done = 0; done < n; done += CHUNK_POINTS) {
        size_t count = n - done < CHUNK_POINTS ? n - done : CHUNK_POINTS;
        SLK_TRY(decode_own(msm, points, index, done, count, error));
        slk_msm_add_decoded(msm, msm->own, NULL, scalars + done, count);
    }
    return SLK_OK;
}

slk_err slk_msm_add_ones(slk_msm *msm, const uint8_t *points, const uint32_t *index, size_t n,
                         slk_error *error)
{
    for (size_t done = 0; done < n; done += CHUNK_POINTS) {
        size_t count = n - done < CHUNK_POINTS ? n - done : CHUNK_POINTS;
        SLK_TRY(decode_own(msm, points, index, done, count, error));
        slk_msm_add_decoded_ones(msm, msm->own, NULL, count);
    }
    return SLK_OK;
}

/* All slices of one window. */
static void reduce_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    slk_msm *msm = context;
    size_t bytes = msm->n_buckets * msm->group->affine_bytes;
    slk_bucket_worker *w = &msm->workers[worker];
    for (uint64_t window = begin; window < end; window++) {
        uint8_t *buckets = msm->buckets + window * msm->slices * bytes;
        for (unsigned slice = 1; slice < msm->slices; slice++)
            slk_buckets_merge(w, buckets, buckets + slice * bytes, msm->n_buckets);
        slk_buckets_sum(w, msm->window_sums[window], buckets, msm->n_buckets);
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
