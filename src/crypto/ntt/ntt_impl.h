/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Kernels of the transforms. Internal to crypto/.
 *
 * A kernel works on a group: eight transforms of 2^k points side by side, in scratch of its own
 * form. Point i of transform j is an element of a vector at i * step + j * lane_step, so the eight
 * may be neighbouring columns (lane_step 1) or rows (step 1) of a matrix. Vectors hold slk_fr.
 *
 *   split  values at the powers of a root to coefficients times 2^k, natural to bit-reversed order:
 *          a block of X^2m - c^2 falls into X^m - c and X^m + c, so each block has one root;
 *   join   coefficients in bit-reversed order to values in natural order.
 *
 * Both are of the form x + c y, x - c y and bring a value below 2r to one below (2k + 4) r at most,
 * for kernels that do not reduce. k from 3 to SLK_NTT_GROUP_LOG2_MAX. */
#ifndef SLK_CRYPTO_NTT_IMPL_H
#define SLK_CRYPTO_NTT_IMPL_H

#include "crypto/fr/fr.h"

#include <stddef.h>
#include <stdint.h>

enum { SLK_NTT_LANES = 8, SLK_NTT_GROUP_LOG2_MAX = 11 };

/* Where the points of a group lie in a vector. */
typedef struct slk_ntt_place {
    slk_fr *values; /* point 0 of transform 0 */
    size_t n; /* points */
    size_t step, lane_step;
} slk_ntt_place;

typedef struct slk_ntt_impl {
    const char *name;
    uint64_t needs; /* SLK_CPU_ bits */
    size_t point_bytes; /* of a group's scratch, a multiple of 64; scratch is aligned to 64 */
    size_t factor_bytes; /* of a constant in the kernel's form, a multiple of 8 */
    unsigned product_log2; /* multiply gives the product divided by 2^product_log2 */
    /* n constants to the kernel's form. */
    void (*factors)(void *out, const slk_fr *in, size_t n);
    void (*load)(void *scratch, const slk_ntt_place *place);
    void (*store)(const slk_ntt_place *place, const void *scratch); /* fully reduced */
    /* roots[b] = W^reverse(b), reverse as of 63 bits: 1, i, … as far as 2^(k-1), for split; and
     * roots[h + j] = W_2h^j for join. W_n: the n-th root, of split the inverse ones. */
    void (*split)(void *scratch, unsigned k, const void *roots);
    void (*join)(void *scratch, unsigned k, const void *roots);
    /* Point i of transform j times start[j] * step[j]^i. */
    void (*powers)(void *scratch, size_t n, const slk_fr start[SLK_NTT_LANES],
                   const slk_fr step[SLK_NTT_LANES]);
    /* Point i times factor i. */
    void (*scale)(void *scratch, size_t n, const void *factors);
    /* The group times that of the vector, and that of the vector less the group. */
    void (*multiply)(void *scratch, const slk_ntt_place *place);
    void (*subtract)(void *scratch, const slk_ntt_place *place);
} slk_ntt_impl;

extern const slk_ntt_impl slk_ntt_plain;
extern const slk_ntt_impl slk_ntt_ifma;

#endif
