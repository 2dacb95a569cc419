/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Eight elements of BLS12-381's quadratic extension Fp[u]/(u^2 + 1), on fp_ifma.h and with its
 * rules: bounds speak of both coefficients. */
#ifndef SLK_CRYPTO_CURVE_FP2_IFMA_H
#define SLK_CRYPTO_CURVE_FP2_IFMA_H

#include "crypto/curve/fp_ifma.h"

typedef struct slk_fp2v {
    slk_fpv c[2];
} slk_fp2v;

SLK_FPV_INLINE slk_fp2v slk_fp2v_add(const slk_fp2v *a, const slk_fp2v *b)
{
    return (slk_fp2v){{slk_fpv_add(&a->c[0], &b->c[0]), slk_fpv_add(&a->c[1], &b->c[1])}};
}

/* a - b + 2^shift p in both coefficients: for b <= 2^shift p. */
SLK_FPV_INLINE slk_fp2v slk_fp2v_sub(const slk_fp2v *a, const slk_fp2v *b, int shift)
{
    return (slk_fp2v){
        {slk_fpv_sub(&a->c[0], &b->c[0], shift), slk_fpv_sub(&a->c[1], &b->c[1], shift)}};
}

SLK_FPV_INLINE slk_fp2v slk_fp2v_neg(const slk_fp2v *a, int shift)
{
    return (slk_fp2v){{slk_fpv_neg(&a->c[0], shift), slk_fpv_neg(&a->c[1], shift)}};
}

SLK_FPV_INLINE slk_fp2v slk_fp2v_select(__mmask8 mask, const slk_fp2v *a, const slk_fp2v *b)
{
    return (slk_fp2v){
        {slk_fpv_select(mask, &a->c[0], &b->c[0]), slk_fpv_select(mask, &a->c[1], &b->c[1])}};
}

/* a b: for a < A p, b < 16 p, below (1 + 32 A / 2^35) p. Two sums of products, each reduced once:
 * as many multiply-adds as three products with the sums of the coefficients, and fewer carries. */
SLK_FPV_INLINE slk_fp2v slk_fp2v_mul(const slk_fp2v *a, const slk_fp2v *b)
{
    const slk_fpv minus = slk_fpv_neg(&b->c[1], 4);
    slk_fp2v out;
    out.c[0] = slk_fpv_mul_add(&a->c[0], &b->c[0], &a->c[1], &minus);
    out.c[1] = slk_fpv_mul_add(&a->c[0], &b->c[1], &a->c[1], &b->c[0]);
    return out;
}

/* a^2 = (a0 + a1)(a0 - a1) + 2 a0 a1 u: for a < 16 p, nearly reduced. */
SLK_FPV_INLINE slk_fp2v slk_fp2v_sqr(const slk_fp2v *a)
{
    const slk_fpv sum = slk_fpv_add(&a->c[0], &a->c[1]);
    const slk_fpv difference = slk_fpv_sub(&a->c[0], &a->c[1], 4);
    const slk_fpv twice = slk_fpv_shl(&a->c[0], 1);
    slk_fp2v out;
    out.c[0] = slk_fpv_mul(&sum, &difference);
    out.c[1] = slk_fpv_mul(&twice, &a->c[1]);
    return out;
}

/* a (1 + u), the non-residue that the sextic extension is built on: (a0 - a1) + (a0 + a1) u, the
 * first plus 2^shift p. */
SLK_FPV_INLINE slk_fp2v slk_fp2v_mul_nonresidue(const slk_fp2v *a, int shift)
{
    return (slk_fp2v){{slk_fpv_sub(&a->c[0], &a->c[1], shift), slk_fpv_add(&a->c[0], &a->c[1])}};
}

/* Eight elements of blst's form at in[lane * stride], and back (canonical). stride in elements. */
SLK_FPV_INLINE slk_fp2v slk_fp2v_load(const slk_fp2 *in, size_t stride)
{
    return (slk_fp2v){{slk_fpv_load(&in->c[0], 2 * stride), slk_fpv_load(&in->c[1], 2 * stride)}};
}

SLK_FPV_INLINE void slk_fp2v_store(slk_fp2 *out, size_t stride, const slk_fp2v *a)
{
    slk_fpv_store(&out->c[0], 2 * stride, &a->c[0]);
    slk_fpv_store(&out->c[1], 2 * stride, &a->c[1]);
}

#endif
