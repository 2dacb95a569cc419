/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* BLAKE2b-512 of many 16-byte messages side by side, one per vector lane. Compiled once per
 * instruction set: SLK_BLAKE2B_AVX512 takes eight lanes, otherwise AVX2 takes four.
 * source: RFC 7693, 3.1 and 3.2 */
#include "base/cpu.h"
#include "crypto/blake2b/blake2b_impl.h"

#ifdef SLK_BLAKE2B_AVX512
#define LANES 8
#else
#define LANES 4
#endif

typedef uint64_t vec __attribute__((vector_size(8 * LANES)));

/* source: RFC 7693, 2.6 */
static const uint64_t iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                               0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                               0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
/* 64 bytes out, no key. source: RFC 7693, 2.5 */
#define PARAMETERS UINT64_C(0x01010040)
#define MESSAGE_BYTES 16u

/* Where message words 0 and 1 enter, the only ones that are not zero: position among the 16 of each
 * round. source: RFC 7693, 2.7 */
static const uint8_t place0[12] = {0, 10, 3, 13, 1, 4, 8, 9, 6, 15, 0, 10};
static const uint8_t place1[12] = {1, 8, 13, 3, 9, 14, 2, 5, 12, 6, 1, 8};

static inline vec splat(uint64_t x)
{
    return x - (vec){0};
}

static inline vec ror(vec x, unsigned n)
{
    return (x >> n) | (x << (64 - n));
}

static inline vec word(vec m0, vec m1, size_t round, size_t place)
{
    if (place0[round] == place)
        return m0;
    if (place1[round] == place)
        return m1;
    return splat(0);
}

static inline __attribute__((always_inline)) void mix(vec v[16], size_t a, size_t b, size_t c,
                                                      size_t d, vec x, vec y)
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

/* First state word of the hash, per lane. */
static vec first_word(vec m0, vec m1)
{
    vec v[16];
    for (size_t i = 0; i < 8; i++)
        v[i] = v[i + 8] = splat(iv[i]);
    v[0] ^= PARAMETERS;
    v[12] ^= MESSAGE_BYTES;
    v[14] = ~v[14];
#pragma GCC unroll 12
    for (size_t r = 0; r < 12; r++) {
        mix(v, 0, 4, 8, 12, word(m0, m1, r, 0), word(m0, m1, r, 1));
        mix(v, 1, 5, 9, 13, word(m0, m1, r, 2), word(m0, m1, r, 3));
        mix(v, 2, 6, 10, 14, word(m0, m1, r, 4), word(m0, m1, r, 5));
        mix(v, 3, 7, 11, 15, word(m0, m1, r, 6), word(m0, m1, r, 7));
        mix(v, 0, 5, 10, 15, word(m0, m1, r, 8), word(m0, m1, r, 9));
        mix(v, 1, 6, 11, 12, word(m0, m1, r, 10), word(m0, m1, r, 11));
        mix(v, 2, 7, 8, 13, word(m0, m1, r, 12), word(m0, m1, r, 13));
        mix(v, 3, 4, 9, 14, word(m0, m1, r, 14), word(m0, m1, r, 15));
    }
    return splat(iv[0] ^ PARAMETERS) ^ v[0] ^ v[8];
}

static void words(uint64_t *out, const uint64_t *in, uint64_t key, size_t n)
{
    const vec m1 = splat(__builtin_bswap64(key));
    for (size_t i = 0; i < n; i += LANES) {
        vec m0;
        for (size_t k = 0; k < LANES; k++)
            m0[k] = __builtin_bswap64(in[i + k]);
        const vec h = first_word(m0, m1);
        for (size_t k = 0; k < LANES; k++)
            out[i + k] = __builtin_bswap64(h[k]);
    }
}

#ifdef SLK_BLAKE2B_AVX512
const slk_blake2b_impl slk_blake2b_avx512 = {
    .name = "avx512", .needs = SLK_CPU_AVX512F, .words = words, .step = LANES};
#else
const slk_blake2b_impl slk_blake2b_avx2 = {
    .name = "avx2", .needs = SLK_CPU_AVX2, .words = words, .step = LANES};
#endif
