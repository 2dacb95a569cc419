/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/pairing.h"

#include "base/assume.h"

#include <blst.h>
#include <string.h>

static_assert(sizeof(slk_gt) == sizeof(blst_fp12), "layout of blst");

void slk_gt_one(slk_gt *out)
{
    memcpy(out, blst_fp12_one(), sizeof(*out));
}

void slk_gt_mul(slk_gt *out, const slk_gt *a, const slk_gt *b)
{
    blst_fp12_mul((blst_fp12 *)out, (const blst_fp12 *)a, (const blst_fp12 *)b);
}

void slk_pairing_miller(slk_gt *inout, const slk_g1_affine *p, const slk_g2_affine *q)
{
    if (slk_g1_affine_is_infinity(p) || slk_g2_affine_is_infinity(q))
        return;
    blst_fp12 loop;
    blst_miller_loop(&loop, (const blst_p2_affine *)q, (const blst_p1_affine *)p);
    blst_fp12_mul((blst_fp12 *)inout, (const blst_fp12 *)inout, &loop);
}

bool slk_pairing_is_one(const slk_gt *a)
{
    blst_fp12 result;
    blst_final_exp(&result, (const blst_fp12 *)a);
    return blst_fp12_is_one(&result);
}
