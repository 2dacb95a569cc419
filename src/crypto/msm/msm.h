/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Multi-scalar multiplication, sum of scalar_i * point_i, over points streamed from a parameter
 * file.
 *
 * Points arrive as uncompressed bytes and are decoded chunk by chunk, so memory does not depend on
 * their number. Scalars are split by the caller: zeros are left out, ones go to slk_msm_add_ones
 * (one shared-inversion addition each), everything else to slk_msm_add (Pippenger's buckets with
 * signed windows, additions in batches with a shared inversion).
 *
 * Peak memory: windows * 2^(c-1) affine points of buckets, c <= 16 chosen from the expected number
 * of scalars (G1 at most 50 MB, G2 100 MB, times ceil(threads / 16)), plus 10 MB of chunk and about
 * 1 MB per thread. */
#ifndef SLK_CRYPTO_MSM_MSM_H
#define SLK_CRYPTO_MSM_MSM_H

#include "base/err.h"
#include "base/pool.h"
#include "crypto/curve/group.h"
#include "crypto/fr/fr.h"

#include <stddef.h>
#include <stdint.h>

/* One sum in the making. Used by one thread at a time; works on the pool (NULL: this thread). */
typedef struct slk_msm slk_msm;

/* expected_scalars guides the window size only. */
SLK_MUST_CHECK slk_err slk_msm_new(slk_msm **ret_msm, const slk_group *group, slk_pool *pool,
                                   uint64_t expected_scalars, slk_error *error);
void slk_msm_free(slk_msm *msm); /* NULL allowed */

/* Adds scalars[i] * points[index[i]] for i < n; index NULL means i itself. points are
 * group->encoded_bytes each. SLK_E_CORRUPT when a point is infinity or has a coordinate >= p; the
 * sum is useless then. Curve and subgroup are not checked. */
SLK_MUST_CHECK slk_err slk_msm_add(slk_msm *msm, const uint8_t *points, const uint32_t *index,
                                   const slk_fr *scalars, size_t n, slk_error *error);
/* The same with all scalars one. */
SLK_MUST_CHECK slk_err slk_msm_add_ones(slk_msm *msm, const uint8_t *points, const uint32_t *index,
                                        size_t n, slk_error *error);

/* The sum, Jacobian, group->jacobian_bytes. The object can only be freed afterwards. */
void slk_msm_finish(slk_msm *msm, void *ret_jacobian);

#endif
