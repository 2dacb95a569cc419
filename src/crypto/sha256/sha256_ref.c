/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SHA-256 as the standard writes it: the twin every faster kernel is compared with.
 * source: FIPS 180-4, 6.2 */
#include "crypto/sha256/sha256.h"
#include "crypto/sha256/sha256_impl.h"

#include "base/bytes.h"

/* source: FIPS 180-4, 5.3.3 */
const uint32_t slk_sha256_iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

const uint32_t slk_sha256_k[64] __attribute__((aligned(64))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t ror(uint32_t x, unsigned n)
{
    return (x >> n) | (x << (32 - n));
}

static void expand(uint32_t w[64], const uint8_t block[64])
{
    for (size_t i = 0; i < 16; i++)
        w[i] = slk_load_be32(block + 4 * i);
    for (size_t i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        uint32_t s0 = ror(a, 7) ^ ror(a, 18) ^ (a >> 3);
        uint32_t s1 = ror(b, 17) ^ ror(b, 19) ^ (b >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
}

static void add_k(uint32_t w[64])
{
    for (size_t i = 0; i < 64; i++)
        w[i] += slk_sha256_k[i];
}

void slk_sha256_rounds(uint32_t state[8], const uint32_t *wk, size_t n_rounds)
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (size_t i = 0; i < n_rounds; i++) {
        uint32_t s1 = ror(e, 6) ^ ror(e, 11) ^ ror(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + wk[i];
        uint32_t s0 = ror(a, 2) ^ ror(a, 13) ^ ror(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const uint32_t after[8] = {a, b, c, d, e, f, g, h};
    memcpy(state, after, sizeof after);
}

static void rounds(uint32_t state[8], const uint32_t wk[64])
{
    uint32_t s[8];
    memcpy(s, state, sizeof s);
    slk_sha256_rounds(s, wk, 64);
    for (size_t i = 0; i < 8; i++)
        state[i] += s[i];
}

static void compress(uint32_t state[8], const uint8_t *blocks64, size_t n_blocks)
{
    uint32_t w[64];
    for (; n_blocks > 0; n_blocks--, blocks64 += 64) {
        expand(w, blocks64);
        add_k(w);
        rounds(state, w);
    }
}

void slk_sha256_pad_wk(uint32_t out[64])
{
    /* 0x80, zeros, and the length of 512 bits big-endian. */
    static const uint8_t pad[64] = {[0] = 0x80, [62] = 0x02};
    expand(out, pad);
    add_k(out);
}

void slk_sha256_state_bytes(uint8_t out32[32], const uint32_t state[8])
{
    for (size_t i = 0; i < 8; i++)
        slk_store_be32(out32 + 4 * i, state[i]);
}

static void pairs(uint8_t *out, const uint8_t *in, size_t n_pairs, const uint32_t pad_wk[64])
{
    for (; n_pairs > 0; n_pairs--, in += 64, out += 32) {
        uint32_t state[8];
        memcpy(state, slk_sha256_iv, sizeof state);
        compress(state, in, 1);
        rounds(state, pad_wk);
        slk_sha256_state_bytes(out, state);
        slk_sha254_trim(out);
    }
}

const slk_sha256_impl slk_sha256_ref = {
    .name = "plain", .needs = 0, .compress = compress, .pairs = pairs, .pairs_step = 1};
