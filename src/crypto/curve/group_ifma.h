/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parts of a group that are done on eight points at once, with AVX-512 IFMA. Only for the group
 * files; the processor must have SLK_GROUP_IFMA_NEEDS.
 *
 * The affine points of these functions have the size and order of curve.h's, but each coordinate is
 * x * 2^416, below (1 + 2^-12) p: what the multiplier of fp_ifma.h works on. Infinity is all zero
 * bytes here too. */
#ifndef SLK_CRYPTO_CURVE_GROUP_IFMA_H
#define SLK_CRYPTO_CURVE_GROUP_IFMA_H

#include "base/cpu.h"
#include "crypto/curve/group.h"

#define SLK_GROUP_IFMA_NEEDS \
    (SLK_CPU_AVX512F | SLK_CPU_AVX512DQ | SLK_CPU_AVX512BW | SLK_CPU_AVX512IFMA)

/* Scratch of add_pairs: five coordinates of eight pairs, and the special cases. Not aligned yet. */
#define SLK_IFMA_SCRATCH_BYTES(components) \
    ((SLK_PAIRS_MAX / 8 + 2) * (5 * 512 * (components) + 64) + 512)

/* As slk_group.add_pairs, decode and encode; see there. */
void slk_g1_ifma_add_pairs(slk_point_pair *pairs, size_t n, void *scratch);
void slk_g2_ifma_add_pairs(slk_point_pair *pairs, size_t n, void *scratch);
bool slk_g1_ifma_decode(void *ret_affine, const uint8_t *encoded, const uint32_t *index, size_t n);
bool slk_g2_ifma_decode(void *ret_affine, const uint8_t *encoded, const uint32_t *index, size_t n);
void slk_g1_ifma_encode(uint8_t *out, const void *affine, size_t n);
void slk_g2_ifma_encode(uint8_t *out, const void *affine, size_t n);

#endif
