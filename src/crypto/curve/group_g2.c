/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/group.h"

#include "crypto/curve/fp_bytes.h"
#include "crypto/curve/group_ifma.h"
#include "crypto/curve/group_impl.h"

#include <blst.h>
#include <string.h>

static void fp2_add(void *out, const void *a, const void *b)
{
    blst_fp2_add(out, a, b);
}
static void fp2_sub(void *out, const void *a, const void *b)
{
    blst_fp2_sub(out, a, b);
}
static void fp2_neg(void *out, const void *a)
{
    blst_fp2_cneg(out, a, true);
}
static void fp2_mul(void *out, const void *a, const void *b)
{
    blst_fp2_mul(out, a, b);
}
static void fp2_sqr(void *out, const void *a)
{
    blst_fp2_sqr(out, a);
}
static void fp2_inv(void *out, const void *a)
{
    blst_fp2_eucl_inverse(out, a);
}

static const slk_field_ops fp2_ops = {
    .bytes = sizeof(slk_fp2),
    .add = fp2_add,
    .sub = fp2_sub,
    .neg = fp2_neg,
    .mul = fp2_mul,
    .sqr = fp2_sqr,
    .inv = fp2_inv,
    .one = &slk_fp2_one,
};

static void generator(void *ret_affine)
{
    slk_g2_generator(ret_affine);
}

static bool decode_one(slk_g2_affine *ret, const uint8_t *encoded)
{
    return slk_fp_read(&ret->x.c[1], encoded) && slk_fp_read(&ret->x.c[0], encoded + 48) &&
           slk_fp_read(&ret->y.c[1], encoded + 96) && slk_fp_read(&ret->y.c[0], encoded + 144);
}

static bool decode(void *ret_affine, const uint8_t *encoded, const uint32_t *index, size_t n)
{
    slk_g2_affine *points = ret_affine;
    bool good = true;
    for (size_t i = 0; i < n; i++)
        good &= decode_one(&points[i], encoded + (index == NULL ? i : index[i]) * SLK_G2_BYTES);
    return good;
}

static void encode(uint8_t *out, const void *affine, size_t n)
{
    const slk_g2_affine *points = affine;
    for (size_t i = 0; i < n; i++)
        slk_g2_write(out + i * SLK_G2_BYTES, &points[i]);
}

static bool is_infinity(const void *affine)
{
    return slk_field_is_zero(affine, sizeof(slk_g2_affine));
}

static void add_pairs(slk_point_pair *pairs, size_t n, void *scratch)
{
    slk_add_pairs(&fp2_ops, pairs, n, scratch);
}

static void set_infinity(void *out)
{
    memset(out, 0, sizeof(slk_g2));
}
static void add(void *out, const void *a, const void *b)
{
    blst_p2_add_or_double(out, a, b);
}
static void add_affine(void *out, const void *a, const void *b)
{
    blst_p2_add_or_double_affine(out, a, b);
}
static void dbl(void *out, const void *a)
{
    blst_p2_double(out, a);
}
static void from_affine(void *out, const void *a)
{
    blst_p2_from_affine(out, a);
}
static void to_affine(void *out, const void *a)
{
    blst_p2_to_affine(out, a);
}

static void generator_wide(void *ret_affine)
{
    slk_g2_generator(ret_affine);
    slk_wide_from_plain(ret_affine, 4);
}
static void add_affine_wide(void *out, const void *a, const void *b)
{
    slk_g2_affine plain = *(const slk_g2_affine *)b;
    slk_wide_to_plain(&plain.x.c[0], 4);
    blst_p2_add_or_double_affine(out, a, (const blst_p2_affine *)&plain);
}
static void from_affine_wide(void *out, const void *a)
{
    slk_g2_affine plain = *(const slk_g2_affine *)a;
    slk_wide_to_plain(&plain.x.c[0], 4);
    blst_p2_from_affine(out, (const blst_p2_affine *)&plain);
}
static void to_affine_wide(void *out, const void *a)
{
    blst_p2_to_affine(out, a);
    slk_wide_from_plain(out, 4);
}

const slk_group slk_group_g2 = {
    .name = "G2",
    .kernel = "plain",
    .affine_bytes = sizeof(slk_g2_affine),
    .jacobian_bytes = sizeof(slk_g2),
    .encoded_bytes = SLK_G2_BYTES,
    .pair_scratch_bytes = SLK_PAIR_SCRATCH_BYTES(sizeof(slk_fp2)),
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

const slk_group slk_group_g2_ifma = {
    .name = "G2",
    .kernel = "ifma",
    .needs = SLK_GROUP_IFMA_NEEDS,
    .affine_bytes = sizeof(slk_g2_affine),
    .jacobian_bytes = sizeof(slk_g2),
    .encoded_bytes = SLK_G2_BYTES,
    .pair_scratch_bytes = SLK_IFMA_SCRATCH_BYTES(2),
    .generator = generator_wide,
    .decode = slk_g2_ifma_decode,
    .encode = slk_g2_ifma_encode,
    .is_infinity = is_infinity,
    .add_pairs = slk_g2_ifma_add_pairs,
    .set_infinity = set_infinity,
    .add = add,
    .add_affine = add_affine_wide,
    .dbl = dbl,
    .from_affine = from_affine_wide,
    .to_affine = to_affine_wide,
};
