/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/varint.h"

size_t slk_varint_put(uint8_t *out, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

size_t slk_varint_get(uint64_t *ret_value, const uint8_t *in, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n && i < SLK_VARINT_MAX_BYTES; i++) {
        uint64_t part = in[i] & 0x7f;
        if (i == 9 && part > 1)
            return 0;
        value |= part << (7 * i);
        if ((in[i] & 0x80) != 0)
            continue;
        if (in[i] == 0 && i > 0) /* a longer spelling of a smaller number */
            return 0;
        *ret_value = value;
        return i + 1;
    }
    return 0;
}
