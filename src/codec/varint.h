/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Unsigned LEB128, the "uvarint" of multiformats and of ID addresses. */
#ifndef SLK_CODEC_VARINT_H
#define SLK_CODEC_VARINT_H

#include <stddef.h>
#include <stdint.h>

#define SLK_VARINT_MAX_BYTES 10u

/* Writes value into out (10 bytes of room); returns the bytes used, 1..10. */
size_t slk_varint_put(uint8_t *out, uint64_t value);

/* Reads one value from the n bytes at in; returns the bytes used, 0 when truncated, longer than 64
 * bits or not in shortest form (*ret_value untouched then). */
size_t slk_varint_get(uint64_t *ret_value, const uint8_t *in, size_t n);

#endif
