/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One point after the other, by blst. */
#include "crypto/curve/curve_impl.h"

#include <blst.h>

static unsigned y_g1(slk_fp ret_y[SLK_CURVE_LANES], const slk_fp x[SLK_CURVE_LANES])
{
    static const uint64_t four[6] = {4};
    unsigned found = 0;
    for (unsigned i = 0; i < SLK_CURVE_LANES; i++) {
        blst_fp square, b;
        blst_fp_from_uint64(&b, four);
        blst_fp_sqr(&square, (const blst_fp *)&x[i]);
        blst_fp_mul(&square, &square, (const blst_fp *)&x[i]);
        blst_fp_add(&square, &square, &b);
        found |= (unsigned)blst_fp_sqrt((blst_fp *)&ret_y[i], &square) << i;
    }
    return found;
}

static unsigned y_g2(slk_fp2 ret_y[SLK_CURVE_LANES], const slk_fp2 x[SLK_CURVE_LANES])
{
    static const uint64_t four[6] = {4};
    unsigned found = 0;
    for (unsigned i = 0; i < SLK_CURVE_LANES; i++) {
        blst_fp2 square, b;
        blst_fp_from_uint64(&b.fp[0], four);
        b.fp[1] = b.fp[0];
        blst_fp2_sqr(&square, (const blst_fp2 *)&x[i]);
        blst_fp2_mul(&square, &square, (const blst_fp2 *)&x[i]);
        blst_fp2_add(&square, &square, &b);
        found |= (unsigned)blst_fp2_sqrt((blst_fp2 *)&ret_y[i], &square) << i;
    }
    return found;
}

static unsigned in_g1(const slk_g1_affine points[SLK_CURVE_LANES])
{
    unsigned in = 0;
    for (unsigned i = 0; i < SLK_CURVE_LANES; i++)
        in |= (unsigned)blst_p1_affine_in_g1((const blst_p1_affine *)&points[i]) << i;
    return in;
}

static unsigned in_g2(const slk_g2_affine points[SLK_CURVE_LANES])
{
    unsigned in = 0;
    for (unsigned i = 0; i < SLK_CURVE_LANES; i++)
        in |= (unsigned)blst_p2_affine_in_g2((const blst_p2_affine *)&points[i]) << i;
    return in;
}

const slk_curve_impl slk_curve_plain = {
    .name = "plain", .needs = 0, .y_g1 = y_g1, .y_g2 = y_g2, .in_g1 = in_g1, .in_g2 = in_g2};
