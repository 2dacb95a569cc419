/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/base32.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

void slk_base32_encode(char *out, const uint8_t *in, size_t n)
{
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < n; i++) {
        bits = (bits << 8) | in[i];
        held += 8;
        while (held >= 5) {
            held -= 5;
            *out++ = alphabet[(bits >> held) & 31];
        }
    }
    if (held > 0)
        *out++ = alphabet[(bits << (5 - held)) & 31];
    *out = 0;
}

static int value_of(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    return -1;
}

slk_err slk_base32_decode(uint8_t *out, size_t capacity, size_t *ret_n, const char *text,
                          size_t chars)
{
    /* 1, 3 or 6 characters over a multiple of 8 encode no whole number of bytes. */
    size_t tail = chars % 8;
    if (tail == 1 || tail == 3 || tail == 6)
        return SLK_E_INVAL;
    if (chars / 8 * 5 + tail * 5 / 8 > capacity)
        return SLK_E_LIMIT;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;
    for (size_t i = 0; i < chars; i++) {
        int v = value_of(text[i]);
        if (v < 0)
            return SLK_E_INVAL;
        bits = (bits << 5) | (uint32_t)v;
        held += 5;
        if (held >= 8) {
            held -= 8;
            out[n++] = (uint8_t)(bits >> held);
        }
    }
    if ((bits & ((1u << held) - 1)) != 0)
        return SLK_E_INVAL;
    *ret_n = n;
    return SLK_OK;
}
