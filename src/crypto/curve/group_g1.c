/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/group.h"

#include "crypto/curve/fp_bytes.h"
#include "crypto/curve/group_ifma.h"
#include "crypto/curve/group_impl.h"

#include <blst.h>
#include <string.h>

static void fp_add(void *out, const void *a, const void *b)
{
    blst_fp_add(out, a, b);
}
static void fp_sub(void *out, const void *a, const void *b)
{
    blst_fp_sub(out, a, b);
}
static void fp_neg(void *out, const void *a)
{
    blst_fp_cneg(out, a, true);
}
static void fp_mul(void *out, const void *a, const void *b)
{
    blst_fp_mul(out, a, b);
}
static void fp_sqr(void *out, const void *a)
{
    blst_fp_sqr(out, a);
}
static void fp_inv(void *out, const void *a)
{
    blst_fp_eucl_inverse(out, a);
}

static const slk_field_ops fp_ops = {
    .bytes = sizeof(slk_fp),
    .add = fp_add,
    .sub = fp_sub,
    .neg = fp_neg,
    .mul = fp_mul,
    .sqr = fp_sqr,
    .inv = fp_inv,
    .one = &slk_fp_one,
};

static void generator(void *ret_affine)
{
    slk_g1_generator(ret_affine);
}

static bool decode_one(slk_g1_affine *ret, const uint8_t *encoded)
{
    return slk_fp_read(&ret->x, encoded) && slk_fp_read(&ret->y, encoded + 48);
}

static bool decode(void *ret_affine, const uint8_t *encoded, const uint32_t *index, size_t n)
{
    slk_g1_affine *points = ret_affine;
    bool good = true;
    for (size_t i = 0; i < n; i++)
        good &= decode_one(&points[i], encoded + (index == NULL ? i : index[i]) * SLK_G1_BYTES);
    return good;
}

static void encode(uint8_t *out, const void *affine, size_t n)
{
    const slk_g1_affine *points = affine;
    for (size_t i = 0; i < n; i++)
        slk_g1_write(out + i * SLK_G1_BYTES, &points[i]);
}

static bool is_infinity(const void *affine)
{
    return slk_field_is_zero(affine, sizeof(slk_g1_affine));
}

static void add_pairs(slk_point_pair *pairs, size_t n, void *scratch)
{
    slk_add_pairs(&fp_ops, pairs, n, scratch);
}

static void set_infinity(void *out)
{
    memset(out, 0, sizeof(slk_g1));
}
static void add(void *out, const void *a, const void *b)
{
    blst_p1_add_or_double(out, a, b);
}
static void add_affine(void *out, const void *a, const void *b)
{
    blst_p1_add_or_double_affine(out, a, b);
}
static void dbl(void *out, const void *a)
{
    blst_p1_double(out, a);
}
static void from_affine(void *out, const void *a)
{
    blst_p1_from_affine(out, a);
}
static void to_affine(void *out, const void *a)
{
    blst_p1_to_affine(out, a);
}

static void generator_wide(void *ret_affine)
{
    slk_g1_generator(ret_affine);
    slk_wide_from_plain(ret_affine, 2);
}
static void add_affine_wide(void *out, const void *a, const void *b)
{
    slk_g1_affine plain = *(const slk_g1_affine *)b;
    slk_wide_to_plain(&plain.x, 2);
    blst_p1_add_or_double_affine(out, a, (const blst_p1_affine *)&plain);
}
static void from_affine_wide(void *out, const void *a)
{
    slk_g1_affine plain = *(const slk_g1_affine *)a;
    slk_wide_to_plain(&plain.x, 2);
    blst_p1_from_affine(out, (const blst_p1_affine *)&plain);
}
static void to_affine_wide(void *out, const void *a)
{
    blst_p1_to_affine(out, a);
    slk_wide_from_plain(out, 2);
}

const slk_group slk_group_g1 = {
    .name = "G1",
    .kernel = "plain",
    .affine_bytes = sizeof(slk_g1_affine),
    .jacobian_bytes = sizeof(slk_g1),
    .encoded_bytes = SLK_G1_BYTES,
    .pair_scratch_bytes = SLK_PAIR_SCRATCH_BYTES(sizeof(slk_fp)),
    .generator = generator,
    .decode = decode,
    .encode = encode,
    .is_infinity = is_infinity,
    .add_pairs = add_pairs,
    .set_infinity = set_infinity,
    .add = add,
    .add_affine = add_affine,
    .dbl = dbl,
    .from_affine = from_affine,
    .to_affine = to_affine,
};

const slk_group slk_group_g1_ifma = {
    .name = "G1",
    .kernel = "ifma",
    .needs = SLK_GROUP_IFMA_NEEDS,
    .affine_bytes = sizeof(slk_g1_affine),
    .jacobian_bytes = sizeof(slk_g1),
    .encoded_bytes = SLK_G1_BYTES,
    .pair_scratch_bytes = SLK_IFMA_SCRATCH_BYTES(1),
    .generator = generator_wide,
    .decode = slk_g1_ifma_decode,
    .encode = slk_g1_ifma_encode,
    .is_infinity = is_infinity,
    .add_pairs = slk_g1_ifma_add_pairs,
    .set_infinity = set_infinity,
    .add = add,
    .add_affine = add_affine_wide,
    .dbl = dbl,
    .from_affine = from_affine_wide,
    .to_affine = to_affine_wide,
};
