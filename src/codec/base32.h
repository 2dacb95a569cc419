/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Base32 as Filecoin and multibase `b` write it: RFC 4648 alphabet in lower case, no padding. */
#ifndef SLK_CODEC_BASE32_H
#define SLK_CODEC_BASE32_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Characters for n bytes, without the final NUL. */
static inline size_t slk_base32_chars(size_t n)
{
    return (n * 8 + 4) / 5;
}

/* slk_base32_chars(n) characters and a NUL into out. */
void slk_base32_encode(char *out, const uint8_t *in, size_t n);

/* Decodes exactly chars characters into out (capacity bytes); *ret_n says how many bytes came out.
 * SLK_E_INVAL: a character outside a-z2-7, an impossible length, or left-over bits that are not
 * zero (so every value has one spelling). SLK_E_LIMIT: more than capacity. */
SLK_MUST_CHECK slk_err slk_base32_decode(uint8_t *out, size_t capacity, size_t *ret_n,
                                         const char *text, size_t chars);

#endif
