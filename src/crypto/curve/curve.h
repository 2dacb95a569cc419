/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Points of BLS12-381: representation, official encodings, single-point arithmetic.
 *
 * The arithmetic is blst's; the structs here have blst's memory layout. Field elements are in
 * Montgomery form (x * 2^384 mod p), fully reduced. An affine point with x = y = 0 stands for
 * infinity (it is on neither curve). Encodings are the Zcash ones: big-endian, flags 0x80
 * compressed, 0x40 infinity, 0x20 larger y in the first byte. source: reference/proofs 9.1. */
#ifndef SLK_CRYPTO_CURVE_CURVE_H
#define SLK_CRYPTO_CURVE_CURVE_H

#include "base/err.h"
#include "crypto/crypto.h"
#include "crypto/fr/fr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_G1_COMPRESSED_BYTES 48u
#define SLK_G1_BYTES 96u
#define SLK_G2_COMPRESSED_BYTES 96u
#define SLK_G2_BYTES 192u

typedef struct slk_fp {
    uint64_t l[6];
} slk_fp;

typedef struct slk_fp2 {
    slk_fp c[2];
} slk_fp2;

typedef struct slk_g1_affine {
    slk_fp x, y;
} slk_g1_affine;

typedef struct slk_g2_affine {
    slk_fp2 x, y;
} slk_g2_affine;

/* Jacobian: (x/z^2, y/z^3), infinity when z = 0. */
typedef struct slk_g1 {
    slk_fp x, y, z;
} slk_g1;

typedef struct slk_g2 {
    slk_fp2 x, y, z;
} slk_g2;

/* Reading with every check: canonical coordinates, on the curve, in the subgroup of order r, not
 * infinity. False (ret untouched) otherwise. */
SLK_MUST_CHECK bool slk_g1_read(slk_g1_affine *ret_point, const uint8_t in96[SLK_G1_BYTES]);
SLK_MUST_CHECK bool slk_g2_read(slk_g2_affine *ret_point, const uint8_t in192[SLK_G2_BYTES]);
SLK_MUST_CHECK bool slk_g1_read_compressed(slk_g1_affine *ret_point,
                                           const uint8_t in48[SLK_G1_COMPRESSED_BYTES]);
SLK_MUST_CHECK bool slk_g2_read_compressed(slk_g2_affine *ret_point,
                                           const uint8_t in96[SLK_G2_COMPRESSED_BYTES]);

/* The same for n points, eight at a time where the processor can; point i is read at
 * in + i * stride. False, with ret_points unspecified, when any is refused. */
SLK_MUST_CHECK bool slk_g1_read_all(const slk_crypto *crypto, slk_g1_affine *ret_points,
                                    const uint8_t *in, size_t stride, size_t n);
SLK_MUST_CHECK bool slk_g2_read_all(const slk_crypto *crypto, slk_g2_affine *ret_points,
                                    const uint8_t *in, size_t stride, size_t n);
SLK_MUST_CHECK bool slk_g1_read_compressed_all(const slk_crypto *crypto, slk_g1_affine *ret_points,
                                               const uint8_t *in, size_t stride, size_t n);
SLK_MUST_CHECK bool slk_g2_read_compressed_all(const slk_crypto *crypto, slk_g2_affine *ret_points,
                                               const uint8_t *in, size_t stride, size_t n);

/* Uncompressed and compressed forms; infinity is written with its flag. */
void slk_g1_write(uint8_t out96[SLK_G1_BYTES], const slk_g1_affine *point);
void slk_g2_write(uint8_t out192[SLK_G2_BYTES], const slk_g2_affine *point);
void slk_g1_write_compressed(uint8_t out48[SLK_G1_COMPRESSED_BYTES], const slk_g1_affine *point);
void slk_g2_write_compressed(uint8_t out96[SLK_G2_COMPRESSED_BYTES], const slk_g2_affine *point);

void slk_g1_generator(slk_g1_affine *ret_point);
void slk_g2_generator(slk_g2_affine *ret_point);
bool slk_g1_affine_is_infinity(const slk_g1_affine *point);
bool slk_g2_affine_is_infinity(const slk_g2_affine *point);

/* Results may alias operands. All inputs and special cases (infinity, equal, opposite) are fine.
 * slk_g1_mul costs about 0.1 ms, slk_g2_mul 0.3 ms. */
void slk_g1_from_affine(slk_g1 *out, const slk_g1_affine *a);
void slk_g2_from_affine(slk_g2 *out, const slk_g2_affine *a);
void slk_g1_to_affine(slk_g1_affine *out, const slk_g1 *a);
void slk_g2_to_affine(slk_g2_affine *out, const slk_g2 *a);
void slk_g1_add(slk_g1 *out, const slk_g1 *a, const slk_g1 *b);
void slk_g2_add(slk_g2 *out, const slk_g2 *a, const slk_g2 *b);
void slk_g1_mul(slk_g1 *out, const slk_g1_affine *a, const slk_fr *scalar);
void slk_g2_mul(slk_g2 *out, const slk_g2_affine *a, const slk_fr *scalar);
/* The same with a short scalar of n_bits <= 256 bits, least significant byte first. */
void slk_g1_mul_bits(slk_g1 *out, const slk_g1_affine *a, const uint8_t *scalar, size_t n_bits);
/* Sum of scalars[i] points[i], n <= SLK_COMBINE_MAX points, none at infinity. Not in constant time:
 * for public scalars. About 60 us for long scalars plus 18 us for each, 0.35 us per three bits of
 * short ones. About 60 KiB of stack. */
#define SLK_COMBINE_MAX 16u
void slk_g1_combine(slk_g1 *out, const slk_g1_affine *points, const slk_fr *scalars, size_t n);
/* points[i] = scalars[i] points[i], n <= SLK_COMBINE_MAX: points of order r, none at infinity, scalars none of
 * which is zero. Two inversions for all of them; otherwise as slk_g1_combine. */
void slk_g1_multiply_each(slk_g1_affine *inout_points, const slk_fr *scalars, size_t n);
void slk_g1_affine_neg(slk_g1_affine *out, const slk_g1_affine *a);
void slk_g2_affine_neg(slk_g2_affine *out, const slk_g2_affine *a);

#endif
