/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Adding points into buckets by batches of affine additions. Only for msm/. */
#ifndef SLK_CRYPTO_MSM_BUCKETS_H
#define SLK_CRYPTO_MSM_BUCKETS_H

#include "crypto/curve/group.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_DEFERRED_MAX SLK_PAIRS_MAX

/* A point that must wait because its bucket is already in the batch. */
typedef struct slk_deferred {
    const uint8_t *point;
    uint32_t bucket;
    bool negate;
} slk_deferred;

/* Scratch of one thread; the arrays are the owner's. */
typedef struct slk_bucket_worker {
    const slk_group *group;
    slk_point_pair *pairs; /* [SLK_PAIRS_MAX] the batch */
    void *scratch; /* pair_scratch_bytes */
    uint32_t *stamps; /* [buckets] batch number that last used a bucket; zeroed at first */
    slk_deferred *deferred; /* [SLK_DEFERRED_MAX] */
    uint8_t *copies; /* [SLK_PAIRS_MAX] affine */
    uint32_t batch; /* number of the current batch */
    size_t n_pairs, n_deferred;
} slk_bucket_worker;

/* buckets[|digit| - 1] += sign(digit) * points[index[i]] for i < n, or points[i] (index NULL); digit
 * 0 is left out. points may be reused when it returns. Works at full speed for any distribution of
 * digits. */
void slk_buckets_add(slk_bucket_worker *worker, uint8_t *buckets, const uint8_t *points,
                     const uint32_t *index, const int32_t *digits, size_t n);

/* ret_jacobian = sum over b < n of (b + 1) * buckets[b], n a power of two. Two additions per bucket,
 * in batches; uses the worker's copies. buckets stay as they are. */
void slk_buckets_sum(slk_bucket_worker *worker, void *ret_jacobian, const uint8_t *buckets,
                     size_t n);

/* acc[b] += addend[b] for b < n. */
void slk_buckets_merge(slk_bucket_worker *worker, uint8_t *acc, const uint8_t *addend, size_t n);

#endif
