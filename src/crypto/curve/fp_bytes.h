/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Coordinates as bytes and in other forms, and the constant one of both coordinate fields. Only for this folder. */
#ifndef SLK_CRYPTO_CURVE_FP_BYTES_H
#define SLK_CRYPTO_CURVE_FP_BYTES_H

#include "crypto/curve/curve.h"

extern const slk_fp slk_fp_one;
extern const slk_fp2 slk_fp2_one;

/* Big-endian 48 bytes to Montgomery form; false (ret unspecified) when >= p, which also catches
 * every flag bit. */
SLK_MUST_CHECK bool slk_fp_read(slk_fp *ret, const uint8_t in48[48]);

/* n coordinates of the prime field between Montgomery form and the form of group_ifma.h, in place.
 * Zero stays zero. */
void slk_wide_from_plain(slk_fp *coordinates, size_t n);
void slk_wide_to_plain(slk_fp *coordinates, size_t n);

#endif
