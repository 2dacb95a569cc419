/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* source: RFC 7693, 3.2 and 3.3 */
#include "crypto/blake2b/blake2b.h"

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/crypto_impl.h"

/* source: RFC 7693, 2.6 */
static const uint64_t iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                               0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                               0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

/* Rounds 10 and 11 repeat 0 and 1. source: RFC 7693, 2.7 */
static const uint8_t sigma[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                      {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                      {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                      {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                      {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                      {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                      {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                      {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                      {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                      {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

static inline uint64_t ror(uint64_t x, unsigned n)
{
    return (x >> n) | (x << (64 - n));
}

static inline void mix(uint64_t v[16], size_t a, size_t b, size_t c, size_t d, uint64_t x,
                       uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = ror(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = ror(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = ror(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = ror(v[b] ^ v[c], 63);
}

/* bytes: message bytes up to the end of this block; below 2^64 always. */
static void compress(uint64_t state[8], const uint8_t block[128], uint64_t bytes, bool last)
{
    uint64_t m[16], v[16];
    for (size_t i = 0; i < 16; i++)
        m[i] = slk_load_le64(block + 8 * i);
    memcpy(v, state, 64);
    memcpy(v + 8, iv, 64);
    v[12] ^= bytes;
    if (last)
        v[14] = ~v[14];
    for (size_t round = 0; round < 12; round++) {
        const uint8_t *s = sigma[round % 10];
        mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
        mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
        mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
        mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
        mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
        mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
        mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
        mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (size_t i = 0; i < 8; i++)
        state[i] ^= v[i] ^ v[i + 8];
}

void slk_blake2b_init(slk_blake2b *hash, size_t out_bytes, const void *key, size_t key_bytes)
{
    slk_assert(out_bytes >= 1 && out_bytes <= 64 && key_bytes <= 64);
    memcpy(hash->state, iv, sizeof iv);
    hash->state[0] ^= UINT64_C(0x01010000) ^ (key_bytes << 8) ^ out_bytes;
    hash->bytes = 0;
    hash->used = 0;
    hash->out_bytes = out_bytes;
    memset(hash->block, 0, sizeof hash->block);
    if (key_bytes > 0) {
        memcpy(hash->block, key, key_bytes);
        hash->used = 128;
    }
}

void slk_blake2b_update(slk_blake2b *hash, const void *in, size_t n)
{
    const uint8_t *p = in;
    while (n > 0) {
        /* A full block waits for the next byte: the last one is compressed differently. */
        if (hash->used == 128) {
            hash->bytes += 128;
            compress(hash->state, hash->block, hash->bytes, false);
            hash->used = 0;
        }
        size_t part = n < 128 - hash->used ? n : 128 - hash->used;
        memcpy(hash->block + hash->used, p, part);
        hash->used += part;
        p += part;
        n -= part;
    }
}

void slk_blake2b_final(slk_blake2b *hash, uint8_t *out)
{
    memset(hash->block + hash->used, 0, 128 - hash->used);
    hash->bytes += hash->used;
    compress(hash->state, hash->block, hash->bytes, true);
    uint8_t full[64];
    for (size_t i = 0; i < 8; i++)
        slk_store_le64(full + 8 * i, hash->state[i]);
    memcpy(out, full, hash->out_bytes);
}

void slk_blake2b_of(uint8_t *out, size_t out_bytes, const void *in, size_t n)
{
    slk_blake2b hash;
    slk_blake2b_init(&hash, out_bytes, NULL, 0);
    slk_blake2b_update(&hash, in, n);
    slk_blake2b_final(&hash, out);
}

static void words_ref(uint64_t *out, const uint64_t *in, uint64_t key, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t message[16], digest[64];
        slk_store_be64(message, in[i]);
        slk_store_be64(message + 8, key);
        slk_blake2b_of(digest, sizeof digest, message, sizeof message);
        out[i] = slk_load_be64(digest);
    }
}

const slk_blake2b_impl slk_blake2b_ref = {.name = "plain", .words = words_ref, .step = 1};

void slk_blake2b_words(const slk_crypto *crypto, uint64_t *out, const uint64_t *in, uint64_t key,
                       size_t n)
{
    const size_t step = crypto->blake2b->step, whole = n - n % step;
    crypto->blake2b->words(out, in, key, whole);
    if (whole == n)
        return;
    /* A rest in company of zeros costs one group, which is far less than a plain hash each. */
    uint64_t rest[SLK_BLAKE2B_STEP_MAX] = {0};
    memcpy(rest, in + whole, (n - whole) * sizeof *rest);
    crypto->blake2b->words(rest, rest, key, step);
    memcpy(out + whole, rest, (n - whole) * sizeof *rest);
}
