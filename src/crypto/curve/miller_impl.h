/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Miller loops of eight pairs side by side. Internal to crypto/. */
#ifndef SLK_CRYPTO_CURVE_MILLER_IMPL_H
#define SLK_CRYPTO_CURVE_MILLER_IMPL_H

#include "crypto/curve/pairing.h"

enum { SLK_MILLER_LANES = 8 };

typedef struct slk_miller_impl {
    const char *name;
    uint64_t needs; /* SLK_CPU_ bits */
    /* ret_values[i]: blst's value of the loop over p[i] and q[i] before the conjugation that z < 0 asks
     * for, times an element of Fp2, which the final exponentiation makes one. No point is infinity.
     * NULL: blst's own loop, pair by pair. */
    void (*values)(slk_gt ret_values[SLK_MILLER_LANES], const slk_g1_affine p[SLK_MILLER_LANES],
                   const slk_g2_affine q[SLK_MILLER_LANES]);
} slk_miller_impl;

extern const slk_miller_impl slk_miller_plain, slk_miller_ifma;

/* Whether loops over multiples of the generators, by this kernel, give pairings that are bilinear and
 * agree with blst's. 2 ms. */
bool slk_miller_works(const slk_miller_impl *miller);

/* inout = inout * product of the loops over n pairs; see slk_pairing_miller. */
void slk_miller_product(const slk_miller_impl *miller, slk_gt *inout, const slk_g1_affine *p,
                        const slk_g2_affine *q, size_t n);

#endif
