/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* G1 and G2 behind one table of operations, so that multi-scalar multiplication, fixed-base
 * multiplication and sums are written once.
 *
 * Points are handed around as bytes with 8-byte alignment: affine points of affine_bytes each, in a
 * form of the group's own in which all zero bytes are infinity, and Jacobian ones of jacobian_bytes
 * with the layout of curve.h. The work horse is add_pairs: many independent affine additions that
 * share one field inversion (about 6 multiplications per addition instead of 11 to 16). In batches of
 * 1,024 on Zen 5 an addition takes 680 cycles in G1 and 2,000 in G2 with the plain kernel, 150 and 410
 * with the one for AVX-512 IFMA. */
#ifndef SLK_CRYPTO_CURVE_GROUP_H
#define SLK_CRYPTO_CURVE_GROUP_H

#include "crypto/crypto.h"
#include "crypto/curve/curve.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Additions that share one inversion, at most; larger batches gain nothing. */
#define SLK_PAIRS_MAX 1024u
/* Largest affine and Jacobian point, for buffers that serve both groups. */
#define SLK_AFFINE_BYTES_MAX 192u
#define SLK_JACOBIAN_BYTES_MAX 288u

/* *acc += addend, or -= when negate is set. Affine points. */
typedef struct slk_point_pair {
    void *acc;
    const void *addend;
    bool negate;
} slk_point_pair;

typedef struct slk_group {
    const char *name; /* "G1" */
    const char *kernel; /* "ifma" */
    uint64_t needs; /* SLK_CPU_ bits */
    size_t affine_bytes;
    size_t jacobian_bytes;
    size_t encoded_bytes; /* uncompressed */
    size_t pair_scratch_bytes; /* of add_pairs */
    void (*generator)(void *ret_affine);
    /* Unchecked reading of n points of a parameter file, number index[i] or i itself (index NULL):
     * false when one has flags (infinity) or a coordinate >= p, but neither curve nor subgroup are
     * checked. */
    bool (*decode)(void *ret_affine, const uint8_t *encoded, const uint32_t *index, size_t n);
    void (*encode)(uint8_t *out, const void *affine, size_t n);
    bool (*is_infinity)(const void *affine);
    /* n <= SLK_PAIRS_MAX additions; the acc of different pairs must differ, and no addend may be
     * another pair's acc. All special cases are handled. scratch: pair_scratch_bytes, 8-aligned. */
    void (*add_pairs)(slk_point_pair *pairs, size_t n, void *scratch);
    /* Jacobian, aliasing allowed. */
    void (*set_infinity)(void *out_jacobian);
    void (*add)(void *out_jacobian, const void *a_jacobian, const void *b_jacobian);
    void (*add_affine)(void *out_jacobian, const void *a_jacobian, const void *b_affine);
    void (*dbl)(void *out_jacobian, const void *a_jacobian);
    void (*from_affine)(void *out_jacobian, const void *affine);
    void (*to_affine)(void *out_affine, const void *jacobian); /* one inversion, about 3 us */
} slk_group;

typedef enum slk_group_id {
    SLK_G1,
    SLK_G2,
} slk_group_id;

/* The kernels crypto chose for this processor. Their affine points are not those of the plain ones. */
const slk_group *slk_group_of(const slk_crypto *crypto, slk_group_id id);

extern const slk_group slk_group_g1, slk_group_g2; /* plain: affine points are those of curve.h */
extern const slk_group slk_group_g1_ifma, slk_group_g2_ifma;

/* Signed digits of a scalar for windows of c bits, 2 <= c <= 20:
 * s = +-sum digit_w * 2^(c*w) with |digit_w| <= 2^(c-1), w < slk_digits_count(c). The sign of the
 * whole scalar is folded into the digits: digits[w * stride]. */
unsigned slk_digits_count(unsigned window_bits);
void slk_digits_of(int32_t *ret_digits, size_t stride, const slk_fr *scalar, unsigned window_bits);

#endif
