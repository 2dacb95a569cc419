/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Multi-scalar multiplication, sum of scalar_i * point_i, over points streamed from a parameter
 * file.
 *
 * Points arrive as uncompressed bytes and are decoded chunk by chunk, so memory does not depend on
 * their number; or decoded already, when several sums take from the same chunk (slk_msm_points).
 * Scalars are split by the caller: zeros are left out, ones go to the functions for ones (one
 * shared-inversion addition each), everything else to Pippenger's buckets with signed windows of c
 * bits, in batches with a shared inversion too.
 *
 * Peak memory: ceil(255 / c) * 2^(c-1) affine points of buckets, times ceil(threads / windows). c is
 * chosen from the expected number of scalars for the fewest additions, but a window's buckets shall
 * stay in the caches, so from 2^21 scalars on c is 16 in G1 (16 windows, 50 MB) and 15 in G2 (54 MB),
 * also for the 2^27 scalars of a 32 GiB sector's h. Then 4 bytes of digits per window for 32,768
 * points, as many decoded points if the sum decodes itself (3 MB in G1), and about 1 MB per thread.
 *
 * Cost with IFMA on Zen 5: 3,200 cycles of one core per full-size scalar in G1, 150 per one. */
#ifndef SLK_CRYPTO_MSM_MSM_H
#define SLK_CRYPTO_MSM_MSM_H

#include "base/err.h"
#include "base/pool.h"
#include "crypto/curve/group.h"
#include "crypto/fr/fr.h"
#include "crypto/msm/points.h"

#include <stddef.h>
#include <stdint.h>

/* One sum in the making. Used by one thread at a time; works on the pool (NULL: this thread). */
typedef struct slk_msm slk_msm;

/* expected_scalars guides the window size only. */
SLK_MUST_CHECK slk_err slk_msm_new(slk_msm **ret_msm, const slk_group *group, slk_pool *pool,
                                   uint64_t expected_scalars, slk_error *error);
void slk_msm_free(slk_msm *msm); /* NULL allowed */
/* Memory that one takes on a pool of so many threads. */
size_t slk_msm_bytes(const slk_group *group, unsigned threads, uint64_t expected_scalars);

/* Adds scalars[i] * points[index[i]] for i < n; index NULL means i itself. points are
 * group->encoded_bytes each. SLK_E_CORRUPT when a point is infinity or has a coordinate >= p; the
 * sum is useless then. Curve and subgroup are not checked. */
SLK_MUST_CHECK slk_err slk_msm_add(slk_msm *msm, const uint8_t *points, const uint32_t *index,
                                   const slk_fr *scalars, size_t n, slk_error *error);
/* The same with all scalars one. */
SLK_MUST_CHECK slk_err slk_msm_add_ones(slk_msm *msm, const uint8_t *points, const uint32_t *index,
                                        size_t n, slk_error *error);

/* The same with points that are decoded: scalars[i] * points[index[i]], with the chunk's numbering.
 * Several sums may take from one chunk, at the same time if they have different pools. Full speed
 * needs some thousand scalars per call. */
void slk_msm_add_decoded(slk_msm *msm, const slk_msm_points *points, const uint32_t *index,
                         const slk_fr *scalars, size_t n);
void slk_msm_add_decoded_ones(slk_msm *msm, const slk_msm_points *points, const uint32_t *index,
                              size_t n);

/* The sum, Jacobian, group->jacobian_bytes. The object can only be freed afterwards. */
void slk_msm_finish(slk_msm *msm, void *ret_jacobian);

#endif
