/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/group.h"

#include "base/bytes.h"
#include "crypto/curve/fp_bytes.h"
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

static bool decode(void *ret_affine, const uint8_t *encoded)
{
    slk_fp2 *c = ret_affine;
    return slk_fp_read(&c[0].c[1], encoded) && slk_fp_read(&c[0].c[0], encoded + 48) &&
           slk_fp_read(&c[1].c[1], encoded + 96) && slk_fp_read(&c[1].c[0], encoded + 144);
}

static void encode(uint8_t *out, const void *affine)
{
    slk_g2_write(out, affine);
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

const slk_group slk_group_g2 = {
    .name = "G2",
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
