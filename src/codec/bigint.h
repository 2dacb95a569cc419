/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Token amounts: unsigned integers of up to 256 bits, in attoFIL (10^-18 FIL). */
#ifndef SLK_CODEC_BIGINT_H
#define SLK_CODEC_BIGINT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_BIGINT_TEXT_CHARS 80u /* 78 digits and a NUL */

/* Little-endian limbs. {0} is zero. */
typedef struct slk_bigint {
    uint64_t limb[4];
} slk_bigint;

slk_bigint slk_bigint_from_u64(uint64_t v);
bool slk_bigint_is_zero(const slk_bigint *a);
int slk_bigint_cmp(const slk_bigint *a, const slk_bigint *b); /* <0, 0, >0 */

/* SLK_E_LIMIT when the result does not fit or would be negative; *ret untouched then. ret may be
 * an input. */
SLK_MUST_CHECK slk_err slk_bigint_add(slk_bigint *ret, const slk_bigint *a, const slk_bigint *b);
SLK_MUST_CHECK slk_err slk_bigint_sub(slk_bigint *ret, const slk_bigint *a, const slk_bigint *b);
SLK_MUST_CHECK slk_err slk_bigint_mul_u64(slk_bigint *ret, const slk_bigint *a, uint64_t factor);
/* a / divisor (> 0), rounded down. */
slk_bigint slk_bigint_div_u64(const slk_bigint *a, uint64_t divisor);
/* a - b, or 0 when b > a. */
slk_bigint slk_bigint_sub_floor(const slk_bigint *a, const slk_bigint *b);

/* Decimal digits only, no sign, not empty. SLK_E_INVAL, SLK_E_LIMIT past 256 bits. */
SLK_MUST_CHECK slk_err slk_bigint_parse(slk_bigint *ret, const char *text);
void slk_bigint_print(char out[SLK_BIGINT_TEXT_CHARS], const slk_bigint *a);

/* Big-endian magnitude without leading zeros: 0..32 bytes into out, returns the count. */
size_t slk_bigint_to_be(uint8_t out[32], const slk_bigint *a);
/* n big-endian bytes; SLK_E_LIMIT past 256 bits. Leading zeros are allowed here. */
SLK_MUST_CHECK slk_err slk_bigint_from_be(slk_bigint *ret, const uint8_t *in, size_t n);

#endif
