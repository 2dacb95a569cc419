/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes: fixed-width loads and stores, comparison of secrets, wiping. */
#ifndef SLK_BASE_BYTES_H
#define SLK_BASE_BYTES_H

#include "base/assume.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t slk_load_le32(const uint8_t *in4)
{
    uint32_t v;
    memcpy(&v, in4, 4);
    return v;
}
static inline uint64_t slk_load_le64(const uint8_t *in8)
{
    uint64_t v;
    memcpy(&v, in8, 8);
    return v;
}
static inline uint32_t slk_load_be32(const uint8_t *in4)
{
    return __builtin_bswap32(slk_load_le32(in4));
}
static inline uint64_t slk_load_be64(const uint8_t *in8)
{
    return __builtin_bswap64(slk_load_le64(in8));
}
static inline void slk_store_le32(uint8_t *out4, uint32_t v)
{
    memcpy(out4, &v, 4);
}
static inline void slk_store_le64(uint8_t *out8, uint64_t v)
{
    memcpy(out8, &v, 8);
}
static inline void slk_store_be32(uint8_t *out4, uint32_t v)
{
    slk_store_le32(out4, __builtin_bswap32(v));
}
static inline void slk_store_be64(uint8_t *out8, uint64_t v)
{
    slk_store_le64(out8, __builtin_bswap64(v));
}

/* Compares n bytes in time that depends on n alone. For secrets. */
bool slk_bytes_equal_ct(const uint8_t *a, const uint8_t *b, size_t n);

/* Overwrites n bytes; the compiler may not drop it. */
void slk_bytes_wipe(void *p, size_t n);

bool slk_bytes_all_zero(const uint8_t *p, size_t n);

/* Lower-case hex of n bytes and a final NUL into out (2n + 1 chars). */
void slk_hex_encode(char *out, const uint8_t *in, size_t n);

/* Exactly n bytes from exactly 2n hex digits of either case and nothing after.
 * False (out unspecified) on anything else. */
bool slk_hex_decode(uint8_t *out, size_t n, const char *text);

/* In place: a character that the text's end cuts is dropped, each byte that is not UTF-8 becomes '?'.
 * After a cut, and before a database or JSON. */
void slk_text_mend(char *text);
/* In place, for words of others in a sentence of ours: as slk_text_mend, control characters become
 * '?' too and '"' becomes '\''. */
void slk_text_quotable(char *text);
bool slk_text_is_utf8(const char *text);
/* UTF-8 without control characters; "" is. */
bool slk_text_is_printable(const char *text);

/* A copy of text for terminals and JSON: control characters and what is not UTF-8 become '?'. Heap;
 * NULL when out of memory. */
char *slk_text_printable(const char *text) SLK_MUST_CHECK;

#endif
