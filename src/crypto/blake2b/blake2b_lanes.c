/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* BLAKE2b-512 of many 16-byte messages side by side, one per vector lane. Compiled once per
 * instruction set: SLK_BLAKE2B_AVX512 takes twice eight lanes, otherwise AVX2 takes four.
 * source: RFC 7693, 3.1 and 3.2 */
#include "base/cpu.h"
#include "crypto/blake2b/blake2b_impl.h"

#include <string.h>

#ifdef SLK_BLAKE2B_AVX512
#define LANES 8
#define STREAMS 2 /* vectors side by side, so that one fills the waiting times of the other */
#else
#define LANES 4
#define STREAMS 1 /* its 16 registers hold no second */
#endif
#define INLINE static inline __attribute__((always_inline))

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

INLINE vec word(vec m0, vec m1, size_t round, size_t place)
{
    if (place0[round] == place)
        return m0;
    if (place1[round] == place)
        return m1;
    return splat(0);
}

INLINE void mix(vec v[16], size_t a, size_t b, size_t c, size_t d, vec x, vec y)
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

/* One half round of each stream: columns or diagonals, whose four mixes do not depend on each other. */
INLINE void half_round(vec v[STREAMS][16], const size_t at[4][4], const vec m0[STREAMS], vec m1,
                       size_t round, size_t place)
{
#pragma GCC unroll 4
    for (size_t g = 0; g < 4; g++)
#pragma GCC unroll 2
        for (size_t k = 0; k < STREAMS; k++)
            mix(v[k], at[g][0], at[g][1], at[g][2], at[g][3], word(m0[k], m1, round, place + 2 * g),
                word(m0[k], m1, round, place + 2 * g + 1));
}

/* First state word of the hash, per lane. */
INLINE void first_words(vec ret_word[STREAMS], const vec m0[STREAMS], vec m1)
{
    static const size_t columns[4][4] = {
        {0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15}};
    static const size_t diagonals[4][4] = {
        {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13}, {3, 4, 9, 14}};
    vec v[STREAMS][16];
    for (size_t k = 0; k < STREAMS; k++) {
        for (size_t i = 0; i < 8; i++)
            v[k][i] = v[k][i + 8] = splat(iv[i]);
        v[k][0] ^= PARAMETERS;
        v[k][12] ^= MESSAGE_BYTES;
        v[k][14] = ~v[k][14];
    }
#pragma GCC unroll 12
    for (size_t r = 0; r < 12; r++) {
        half_round(v, columns, m0, m1, r, 0);
        half_round(v, diagonals, m0, m1, r, 8);
    }
    for (size_t k = 0; k < STREAMS; k++)
        ret_word[k] = splat(iv[0] ^ PARAMETERS) ^ v[k][0] ^ v[k][8];
}

INLINE vec byte_swap(vec words)
{
    for (size_t i = 0; i < LANES; i++)
        words[i] = __builtin_bswap64(words[i]);
    return words;
}

static void words(uint64_t *out, const uint64_t *in, uint64_t key, size_t n)
{
    const vec m1 = splat(__builtin_bswap64(key));
    for (size_t i = 0; i < n; i += STREAMS * LANES) {
        vec m[STREAMS];
        memcpy(m, in + i, sizeof m);
        for (size_t k = 0; k < STREAMS; k++)
            m[k] = byte_swap(m[k]);
        first_words(m, m, m1);
        for (size_t k = 0; k < STREAMS; k++)
            m[k] = byte_swap(m[k]);
        memcpy(out + i, m, sizeof m);
    }
}

#ifdef SLK_BLAKE2B_AVX512
const slk_blake2b_impl slk_blake2b_avx512 = {.name = "avx512",
                                             .needs = SLK_CPU_AVX512F | SLK_CPU_AVX512BW,
                                             .words = words,
                                             .step = STREAMS * LANES};
#else
const slk_blake2b_impl slk_blake2b_avx2 = {
    .name = "avx2", .needs = SLK_CPU_AVX2, .words = words, .step = STREAMS * LANES};
#endif
