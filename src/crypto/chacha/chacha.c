/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* source: RFC 8439, 2.3; the form with a 64-bit counter is Bernstein's original. */
#include "crypto/chacha/chacha.h"

#include "base/bytes.h"
#include "base/err.h"

static inline uint32_t rol(uint32_t x, unsigned n)
{
    return (x << n) | (x >> (32 - n));
}

static inline void quarter(uint32_t x[16], size_t a, size_t b, size_t c, size_t d)
{
    x[a] += x[b];
    x[d] = rol(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rol(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rol(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rol(x[b] ^ x[c], 7);
}

static void block(uint8_t out[64], const uint32_t start[16], unsigned rounds)
{
    uint32_t x[16];
    memcpy(x, start, sizeof x);
    for (unsigned i = 0; i < rounds; i += 2) {
        quarter(x, 0, 4, 8, 12);
        quarter(x, 1, 5, 9, 13);
        quarter(x, 2, 6, 10, 14);
        quarter(x, 3, 7, 11, 15);
        quarter(x, 0, 5, 10, 15);
        quarter(x, 1, 6, 11, 12);
        quarter(x, 2, 7, 8, 13);
        quarter(x, 3, 4, 9, 14);
    }
    for (size_t i = 0; i < 16; i++)
        slk_store_le32(out + 4 * i, x[i] + start[i]);
}

static void key_setup(uint32_t x[16], const uint8_t key32[32])
{
    /* "expand 32-byte k". source: RFC 8439, 2.3 */
    static const uint32_t words[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(x, words, sizeof words);
    for (size_t i = 0; i < 8; i++)
        x[4 + i] = slk_load_le32(key32 + 4 * i);
}

void slk_chacha8_stream(uint8_t *out, size_t n, const uint8_t key32[32])
{
    uint32_t x[16] = {0};
    uint8_t stream[64];
    key_setup(x, key32);
    while (n > 0) {
        size_t part = n < 64 ? n : 64;
        block(stream, x, 8);
        memcpy(out, stream, part);
        out += part;
        n -= part;
        x[12]++;
        if (x[12] == 0)
            x[13]++;
    }
}

void slk_chacha20_stream(uint8_t *out, size_t n, uint64_t offset, const uint8_t key32[32],
                         const uint8_t nonce12[12])
{
    slk_assert(offset <= UINT64_C(1) << 38 && n <= (UINT64_C(1) << 38) - offset);
    uint32_t x[16];
    uint8_t stream[64];
    key_setup(x, key32);
    for (size_t i = 0; i < 3; i++)
        x[13 + i] = slk_load_le32(nonce12 + 4 * i);
    while (n > 0) {
        size_t skip = (size_t)(offset % 64);
        size_t part = n < 64 - skip ? n : 64 - skip;
        x[12] = (uint32_t)(offset / 64);
        block(stream, x, 20);
        memcpy(out, stream + skip, part);
        out += part;
        offset += part;
        n -= part;
    }
}
