/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A batch may hold a bucket once only, since its additions are independent. Points whose bucket is
 * taken wait in a list. With many buckets few wait and they join the next batch; when the list
 * fills up (few buckets, or equal scalars) its points are first added up per bucket, in pairs,
 * again by batches. */
#include "crypto/msm/buckets.h"

#include <stdlib.h>
#include <string.h>

static void run_batch(slk_bucket_worker *w)
{
    if (w->n_pairs != 0)
        w->group->add_pairs(w->pairs, w->n_pairs, w->scratch);
    w->n_pairs = 0;
    w->batch++;
    slk_assert(w->batch != 0); /* once wrapped, old stamps could look current */
}

static bool try_put(slk_bucket_worker *w, uint8_t *buckets, const slk_deferred *entry)
{
    if (w->stamps[entry->bucket] == w->batch || w->n_pairs == SLK_PAIRS_MAX)
        return false;
    w->stamps[entry->bucket] = w->batch;
    uint8_t *bucket = buckets + entry->bucket * w->group->affine_bytes;
    __builtin_prefetch(bucket, 1);
    __builtin_prefetch(bucket + 64, 1);
    w->pairs[w->n_pairs++] = (slk_point_pair){bucket, entry->point, entry->negate};
    return true;
}

static void put_deferred(slk_bucket_worker *w, uint8_t *buckets)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n_deferred; i++)
        if (!try_put(w, buckets, &w->deferred[i]))
            w->deferred[kept++] = w->deferred[i];
    w->n_deferred = kept;
}

static int by_bucket(const void *a, const void *b)
{
    uint32_t x = ((const slk_deferred *)a)->bucket, y = ((const slk_deferred *)b)->bucket;
    return (x > y) - (x < y);
}

/* Adds neighbours of equal bucket in the sorted list once; true while there was something to add.
 * All entries point into w->copies. */
static bool merge_once(slk_bucket_worker *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n_deferred; i++) {
        slk_deferred entry = w->deferred[i];
        if (i + 1 < w->n_deferred && w->deferred[i + 1].bucket == entry.bucket) {
            uint8_t *acc = w->copies + (size_t)(entry.point - w->copies);
            w->pairs[w->n_pairs++] = (slk_point_pair){acc, w->deferred[i + 1].point, false};
            i++;
        }
        w->deferred[kept++] = entry;
    }
    w->n_deferred = kept;
    if (w->n_pairs == 0)
        return false;
    run_batch(w);
    return true;
}

/* Empties the waiting list: copies, sums per bucket, one addition per bucket. The batch is empty
 * before and after. */
static void collapse(slk_bucket_worker *w, uint8_t *buckets)
{
    size_t bytes = w->group->affine_bytes, n = w->n_deferred;
    qsort(w->deferred, n, sizeof(*w->deferred), by_bucket);
    memset(w->copies, 0, n * bytes);
    for (size_t i = 0; i < n; i++) {
        slk_deferred *entry = &w->deferred[i];
        uint8_t *copy = w->copies + i * bytes;
        w->pairs[w->n_pairs++] = (slk_point_pair){copy, entry->point, entry->negate};
    }
    run_batch(w);
    for (size_t i = 0; i < n; i++) {
        w->deferred[i].point = w->copies + i * bytes;
        w->deferred[i].negate = false;
    }
    while (merge_once(w))
        continue;
    put_deferred(w, buckets);
    run_batch(w);
}

static void flush(slk_bucket_worker *w, uint8_t *buckets)
{
    run_batch(w);
    if (w->n_deferred > SLK_DEFERRED_MAX / 2)
        collapse(w, buckets);
    put_deferred(w, buckets);
}

void slk_buckets_add(slk_bucket_worker *worker, uint8_t *buckets, const uint8_t *points,
                     const uint32_t *index, const int32_t *digits, size_t n)
{
    worker->batch++; /* other buckets may carry the current stamp */
    for (size_t i = 0; i < n; i++) {
        int32_t digit = digits[i];
        if (digit == 0)
            continue;
        slk_deferred entry = {points + (index == NULL ? i : index[i]) * worker->group->affine_bytes,
                              (uint32_t)(digit < 0 ? -digit : digit) - 1, digit < 0};
        if (worker->n_pairs == SLK_PAIRS_MAX || worker->n_deferred == SLK_DEFERRED_MAX)
            flush(worker, buckets);
        if (!try_put(worker, buckets, &entry))
            worker->deferred[worker->n_deferred++] = entry;
    }
    run_batch(worker);
    if (worker->n_deferred != 0)
        collapse(worker, buckets);
}

/* --- sums of buckets -------------------------------------------------------------------------- */

/* The buckets are cut into stretches whose running sums advance together, a batch per step. */
#define STRETCHES_MAX (SLK_PAIRS_MAX / 2)

/* Bucket s * length + i, i < length, has the weight i + 1 within stretch s:
 * runs[s] = sum of its buckets, totals[s] = weighted sum. */
static void sum_stretches(slk_bucket_worker *w, uint8_t *runs, uint8_t *totals,
                          const uint8_t *buckets, size_t stretches, size_t length)
{
    size_t bytes = w->group->affine_bytes;
    for (size_t i = length; i-- > 0;) {
        for (size_t s = 0; s < stretches; s++) {
            const uint8_t *bucket = buckets + (s * length + i) * bytes;
            __builtin_prefetch(bucket - (i == 0 ? 0 : bytes));
            w->pairs[w->n_pairs++] = (slk_point_pair){runs + s * bytes, bucket, false};
        }
        run_batch(w);
        for (size_t s = 0; s < stretches; s++)
            w->pairs[w->n_pairs++] = (slk_point_pair){totals + s * bytes, runs + s * bytes, false};
        run_batch(w);
    }
}

void slk_buckets_sum(slk_bucket_worker *worker, void *ret_jacobian, const uint8_t *buckets,
                     size_t n)
{
    const slk_group *g = worker->group;
    _Alignas(64) uint8_t all[SLK_JACOBIAN_BYTES_MAX], above[SLK_JACOBIAN_BYTES_MAX],
        sum[SLK_JACOBIAN_BYTES_MAX];
    size_t stretches = n < STRETCHES_MAX ? n : STRETCHES_MAX, length = n / stretches;
    uint8_t *runs = worker->copies, *totals = runs + stretches * g->affine_bytes;
    memset(runs, 0, 2 * stretches * g->affine_bytes);
    sum_stretches(worker, runs, totals, buckets, stretches, length);
    /* sum over s of totals[s] + s * length * runs[s] */
    g->set_infinity(all);
    g->set_infinity(above);
    g->set_infinity(sum);
    for (size_t s = stretches; s-- > 0;) {
        g->add(above, above, all);
        if (!g->is_infinity(runs + s * g->affine_bytes))
            g->add_affine(all, all, runs + s * g->affine_bytes);
        if (!g->is_infinity(totals + s * g->affine_bytes))
            g->add_affine(sum, sum, totals + s * g->affine_bytes);
    }
    for (size_t k = 1; k < length; k *= 2)
        g->dbl(above, above);
    g->add(ret_jacobian, above, sum);
}

void slk_buckets_merge(slk_bucket_worker *worker, uint8_t *acc, const uint8_t *addend, size_t n)
{
    size_t bytes = worker->group->affine_bytes;
    for (size_t b = 0; b < n; b++) {
        worker->pairs[worker->n_pairs++] =
            (slk_point_pair){acc + b * bytes, addend + b * bytes, false};
        if (worker->n_pairs == SLK_PAIRS_MAX || b + 1 == n)
            run_batch(worker);
    }
}
