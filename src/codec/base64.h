/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Base64, strict: RFC 4648 with padding (bytes in JSON), and the URL alphabet without padding
 * (tokens). No white space, no missing padding, left-over bits zero: one spelling per value. */
#ifndef SLK_CODEC_BASE64_H
#define SLK_CODEC_BASE64_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Appends the encoding of n bytes to out. */
SLK_MUST_CHECK slk_err slk_base64_encode(slk_buf *out, const uint8_t *in, size_t n);
SLK_MUST_CHECK slk_err slk_base64url_encode(slk_buf *out, const uint8_t *in, size_t n);

/* Appends the bytes of chars characters of text to out. SLK_E_INVAL on any deviation,
 * SLK_E_LIMIT past out's maximum; out is unchanged on failure. */
SLK_MUST_CHECK slk_err slk_base64_decode(slk_buf *out, const char *text, size_t chars);
SLK_MUST_CHECK slk_err slk_base64url_decode(slk_buf *out, const char *text, size_t chars);

#endif
