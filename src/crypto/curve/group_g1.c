/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/group.h"

#include "base/bytes.h"
#include "crypto/curve/fp_bytes.h"
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

static bool decode(void *ret_affine, const uint8_t *encoded)
{
    slk_fp *c = ret_affine;
    return slk_fp_read(&c[0], encoded) && slk_fp_read(&c[1], encoded + 48);
}

static void encode(uint8_t *out, const void *affine)
{
    slk_g1_write(out, affine);
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

const slk_group slk_group_g1 = {
    .name = "G1",
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
