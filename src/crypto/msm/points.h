/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A chunk of points from a parameter file, decoded once, from which several sums may take: all the
 * partitions of a sector add up the same points with other scalars. */
#ifndef SLK_CRYPTO_MSM_POINTS_H
#define SLK_CRYPTO_MSM_POINTS_H

#include "base/err.h"
#include "base/pool.h"
#include "crypto/curve/group.h"

#include <stddef.h>
#include <stdint.h>

typedef struct slk_msm_points slk_msm_points;

/* Room for max_points (at least 1) affine points: 96 bytes each in G1, 192 in G2. SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_msm_points_new(slk_msm_points **ret_points, const slk_group *group,
                                          size_t max_points, slk_error *error);
void slk_msm_points_free(slk_msm_points *points); /* NULL allowed */

/* The chunk becomes n <= max_points points: number index[i] of encoded, or i itself (index NULL);
 * they are group->encoded_bytes each. Works on the pool (NULL: this thread); 25 cycles and more per
 * G1 point with IFMA, 300 without. SLK_E_CORRUPT when a point is infinity or has a coordinate >= p;
 * the chunk is empty then. Curve and subgroup are not checked. */
SLK_MUST_CHECK slk_err slk_msm_points_decode(slk_msm_points *points, slk_pool *pool,
                                             const uint8_t *encoded, const uint32_t *index,
                                             size_t n, slk_error *error);

const slk_group *slk_msm_points_group(const slk_msm_points *points);
size_t slk_msm_points_count(const slk_msm_points *points);
const uint8_t *
slk_msm_points_affine(const slk_msm_points *points); /* [count] in the group's form */

#endif
