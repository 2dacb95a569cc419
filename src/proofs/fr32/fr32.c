/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/fr32/fr32.h"

#include "base/bytes.h"

#define TOP_MASK (UINT64_MAX >> 2)

uint64_t slk_fr32_padded_bytes(uint64_t raw_bytes)
{
    uint64_t bits = raw_bytes * 8;
    return (bits / 254 * 256 + bits % 254 + 7) / 8;
}

uint64_t slk_fr32_raw_bytes(uint64_t padded_bytes)
{
    uint64_t bits = padded_bytes * 8;
    return (bits / 256 * 254 + bits % 256) / 8;
}

size_t slk_fr32_pad_out_bytes(size_t n)
{
    return (n * 8 + 253) / 254 * 32;
}

/* Element k of a block starts at raw bit 254k: byte 32k - (k ? 1 : 0), bit 8 - 2k (0 for k = 0).
 * It is 33 bytes wide at most; in has 8 readable bytes after its 127. */
static void pad_element(uint8_t out32[32], const uint8_t *in, unsigned k)
{
    const unsigned bit = 254 * k, shift = bit % 8;
    const uint8_t *from = in + bit / 8;
    uint64_t w[4];
    for (size_t i = 0; i < 4; i++) {
        uint64_t low = slk_load_le64(from + 8 * i);
        uint64_t high = from[8 * i + 8];
        w[i] = shift ? low >> shift | high << (64 - shift) : low;
    }
    w[3] &= TOP_MASK;
    for (size_t i = 0; i < 4; i++)
        slk_store_le64(out32 + 8 * i, w[i]);
}

static void pad_block(uint8_t out128[128], const uint8_t in135[135])
{
    for (unsigned k = 0; k < 4; k++)
        pad_element(out128 + 32 * (size_t)k, in135, k);
}

void slk_fr32_pad(uint8_t *out, const uint8_t *in, size_t n)
{
    uint8_t block[135], padded[128];
    /* Blocks with at least 8 more bytes behind them are read in place. */
    for (; n >= sizeof block; n -= 127, in += 127, out += 128)
        pad_block(out, in);
    while (n) {
        size_t take = n < 127 ? n : 127;
        memset(block, 0, sizeof block);
        memcpy(block, in, take);
        pad_block(padded, block);
        size_t put = slk_fr32_pad_out_bytes(take);
        memcpy(out, padded, put);
        n -= take;
        in += take;
        out += put;
    }
}

static void unpad_block(uint8_t out127[127], const uint8_t in128[128])
{
    uint8_t block[136] = {0};
    for (unsigned k = 0; k < 4; k++) {
        const unsigned bit = 254 * k, shift = bit % 8;
        uint8_t *to = block + bit / 8;
        uint64_t carry = 0;
        for (size_t i = 0; i < 4; i++) {
            uint64_t w = slk_load_le64(in128 + 32 * (size_t)k + 8 * i);
            if (i == 3)
                w &= TOP_MASK;
            uint64_t v = w << shift | carry;
            carry = shift ? w >> (64 - shift) : 0;
            slk_store_le64(to + 8 * i, slk_load_le64(to + 8 * i) | v);
        }
        to[32] |= (uint8_t)carry;
    }
    memcpy(out127, block, 127);
}

void slk_fr32_unpad(uint8_t *out, size_t n_raw, const uint8_t *in)
{
    for (; n_raw >= 127; n_raw -= 127, in += 128, out += 127)
        unpad_block(out, in);
    if (!n_raw)
        return;
    uint8_t padded[128] = {0}, raw[127];
    memcpy(padded, in, slk_fr32_pad_out_bytes(n_raw));
    unpad_block(raw, padded);
    memcpy(out, raw, n_raw);
}
