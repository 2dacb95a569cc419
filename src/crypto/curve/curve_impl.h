/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What reading points costs most, for eight points at once. Internal to crypto/. */
#ifndef SLK_CRYPTO_CURVE_CURVE_IMPL_H
#define SLK_CRYPTO_CURVE_CURVE_IMPL_H

#include "crypto/curve/curve.h"

enum { SLK_CURVE_LANES = 8 };

typedef struct slk_curve_impl {
    const char *name;
    uint64_t needs; /* SLK_CPU_ bits */
    /* ret_y[i] with ret_y[i]^2 = x[i]^3 + 4, or + 4 (1 + u), either of the two; bit i of the result
     * says that there is one. Without one, ret_y[i] is any field element. */
    unsigned (*y_g1)(slk_fp ret_y[SLK_CURVE_LANES], const slk_fp x[SLK_CURVE_LANES]);
    unsigned (*y_g2)(slk_fp2 ret_y[SLK_CURVE_LANES], const slk_fp2 x[SLK_CURVE_LANES]);
    /* Bit i: point i, which is on its curve and not infinity, is of order r. */
    unsigned (*in_g1)(const slk_g1_affine points[SLK_CURVE_LANES]);
    unsigned (*in_g2)(const slk_g2_affine points[SLK_CURVE_LANES]);
} slk_curve_impl;

extern const slk_curve_impl slk_curve_plain, slk_curve_ifma;

/* Whether the kernel answers as the plain one does: for points of the groups, points outside them,
 * and x that belong to no point. 1 ms. */
bool slk_curve_works(const slk_curve_impl *curve);

#endif
