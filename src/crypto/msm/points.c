/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/msm/points.h"

#include "base/mem.h"

#include <stdatomic.h>

#define GRAIN 1024u

struct slk_msm_points {
    const slk_group *group;
    slk_region memory; /* [max] affine */
    size_t max, count;
    /* while decoding */
    const uint8_t *encoded;
    const uint32_t *index;
    atomic_bool bad;
};

slk_err slk_msm_points_new(slk_msm_points **ret_points, const slk_group *group, size_t max_points,
                           slk_error *error)
{
    slk_assert(max_points != 0);
    slk_msm_points *points = slk_calloc(1, sizeof(*points));
    if (points == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for points");
    points->group = group;
    points->max = max_points;
    slk_err err = slk_region_init(&points->memory, max_points * group->affine_bytes,
                                  "points of the parameters", error);
    if (err != SLK_OK) {
        slk_msm_points_free(points);
        return err;
    }
    *ret_points = points;
    return SLK_OK;
}

void slk_msm_points_free(slk_msm_points *points)
{
    if (points == NULL)
        return;
    slk_region_done(&points->memory);
    slk_free(points);
}

static void decode_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    slk_msm_points *p = context;
    const slk_group *g = p->group;
    (void)worker;
    const uint8_t *in = p->encoded + (p->index == NULL ? begin * g->encoded_bytes : 0);
    if (!g->decode(p->memory.data + begin * g->affine_bytes, in,
                   p->index == NULL ? NULL : p->index + begin, end - begin))
        atomic_store_explicit(&p->bad, true, memory_order_relaxed);
}

slk_err slk_msm_points_decode(slk_msm_points *points, slk_pool *pool, const uint8_t *encoded,
                              const uint32_t *index, size_t n, slk_error *error)
{
    slk_assert(n <= points->max);
    points->encoded = encoded;
    points->index = index;
    points->count = 0;
    atomic_store(&points->bad, false);
    slk_pool_for(pool, n, GRAIN, decode_body, points);
    if (atomic_load(&points->bad))
        return slk_fail(
            error, SLK_E_CORRUPT,
            "parameter file: a %s point is infinity or has a coordinate outside the field",
            points->group->name);
    points->count = n;
    return SLK_OK;
}

const slk_group *slk_msm_points_group(const slk_msm_points *points)
{
    return points->group;
}

size_t slk_msm_points_count(const slk_msm_points *points)
{
    return points->count;
}

const uint8_t *slk_msm_points_affine(const slk_msm_points *points)
{
    return points->memory.data;
}
