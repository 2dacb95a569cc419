/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/group_check.h"

#include "base/mem.h"

#include <string.h>

/* a + b: additions, doublings, opposites, infinity on either side; whole vectors and a rest. */
static const int8_t sums[][2] = {{1, 2},  {3, 3},  {5, -5},  {0, 7},   {7, 0},   {0, 0},   {9, -4},
                                 {0, -6}, {4, -9}, {8, 1},   {2, -2},  {6, 6},   {10, 11}, {12, 13},
                                 {1, 14}, {15, 2}, {11, -3}, {13, -8}, {14, -2}, {5, 10},  {6, -1}};
enum { SUMS = sizeof(sums) / sizeof(sums[0]) };

static void multiple(const slk_group *group, void *out_affine, int k)
{
    _Alignas(64) uint8_t base[SLK_AFFINE_BYTES_MAX], sum[SLK_JACOBIAN_BYTES_MAX];
    group->generator(base);
    group->set_infinity(sum);
    for (int i = 0; i < k; i++)
        group->add_affine(sum, sum, base);
    memset(out_affine, 0, group->affine_bytes);
    if (k != 0)
        group->to_affine(out_affine, sum);
}

/* The official encoding of |k| times the generator, by the plain group. */
static void wanted(const slk_group *group, uint8_t *out, int k)
{
    const slk_group *plain =
        group->affine_bytes == sizeof(slk_g1_affine) ? &slk_group_g1 : &slk_group_g2;
    _Alignas(64) uint8_t point[SLK_AFFINE_BYTES_MAX];
    multiple(plain, point, k < 0 ? -k : k);
    if (k < 0 && plain == &slk_group_g1)
        slk_g1_affine_neg((void *)point, (const void *)point);
    else if (k < 0)
        slk_g2_affine_neg((void *)point, (const void *)point);
    plain->encode(out, point, 1);
}

bool slk_group_works(const slk_group *group)
{
    SLK_CLEANUP(slk_freep)
    uint8_t *memory = slk_calloc(1, group->pair_scratch_bytes + 2 * SUMS * SLK_AFFINE_BYTES_MAX);
    if (memory == NULL)
        return false;
    uint8_t *a = memory, *b = a + SUMS * SLK_AFFINE_BYTES_MAX,
            *scratch = b + SUMS * SLK_AFFINE_BYTES_MAX;
    uint8_t got[SUMS][SLK_G2_BYTES], want[SLK_G2_BYTES];
    slk_point_pair pairs[SUMS];
    size_t bytes = group->affine_bytes;
    bool good = true;
    for (size_t i = 0; i < SUMS; i++) {
        multiple(group, a + i * bytes, sums[i][0]);
        multiple(group, b + i * bytes, sums[i][1] < 0 ? -sums[i][1] : sums[i][1]);
        pairs[i] = (slk_point_pair){a + i * bytes, b + i * bytes, sums[i][1] < 0};
    }
    group->add_pairs(pairs, SUMS, scratch);
    for (size_t i = 0; i < SUMS; i++) {
        int k = sums[i][0] + sums[i][1];
        wanted(group, want, k);
        group->encode(got[i], a + i * bytes, 1);
        good &= memcmp(got[i], want, group->encoded_bytes) == 0;
        good &= group->decode(b, got[i], NULL, 1) == (k != 0);
        group->encode(got[i], b, 1);
        good &= k == 0 || memcmp(got[i], want, group->encoded_bytes) == 0;
    }
    return good;
}

void slk_group_work(const slk_group *group)
{
    enum { N = SLK_GROUP_WORK_PAIRS };
    SLK_CLEANUP(slk_freep)
    uint8_t *memory = slk_calloc(1, group->pair_scratch_bytes + (N + 2) * SLK_AFFINE_BYTES_MAX);
    if (memory == NULL)
        return;
    uint8_t *points = memory, *one = points + N * SLK_AFFINE_BYTES_MAX,
            *two = one + SLK_AFFINE_BYTES_MAX, *scratch = two + SLK_AFFINE_BYTES_MAX;
    slk_point_pair pairs[N];
    multiple(group, one, 1);
    multiple(group, two, 2);
    for (size_t i = 0; i < N; i++) {
        memcpy(points + i * group->affine_bytes, one, group->affine_bytes);
        pairs[i] = (slk_point_pair){points + i * group->affine_bytes, two, false};
    }
    group->add_pairs(pairs, N, scratch);
}
