/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parts of SHA-256 with the SHA extensions. For files compiled for them (and SSE4.1) alone.
 *
 * sha256rnds2 wants the state as (A,B,E,F) and (C,D,G,H), highest lane first.
 * source: Intel SDM vol. 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2 */
#ifndef SLK_CRYPTO_SHA256_SHANI_H
#define SLK_CRYPTO_SHA256_SHANI_H

#include "crypto/sha256/sha256.h"

#include <immintrin.h>

#define SLK_SHANI_INLINE static inline __attribute__((always_inline))

typedef struct slk_shani_state {
    __m128i abef, cdgh;
} slk_shani_state;

SLK_SHANI_INLINE __m128i slk_shani_load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

SLK_SHANI_INLINE slk_shani_state slk_shani_state_load(const uint32_t state[8])
{
    __m128i cdab = _mm_shuffle_epi32(slk_shani_load(state), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(slk_shani_load(state + 4), 0x1b);
    slk_shani_state s = {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
    return s;
}

/* (A,B,C,D) and (E,F,G,H), A and E in the lowest lane. */
SLK_SHANI_INLINE void slk_shani_state_store(__m128i ret_half[2], slk_shani_state s)
{
    __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);
    ret_half[0] = _mm_blend_epi16(feba, dchg, 0xf0);
    ret_half[1] = _mm_alignr_epi8(dchg, feba, 8);
}

SLK_SHANI_INLINE slk_shani_state slk_shani_state_sum(slk_shani_state a, slk_shani_state b)
{
    slk_shani_state s = {_mm_add_epi32(a.abef, b.abef), _mm_add_epi32(a.cdgh, b.cdgh)};
    return s;
}

/* Four rounds; wk = four words with their constants added. */
SLK_SHANI_INLINE slk_shani_state slk_shani_four_rounds(slk_shani_state s, __m128i wk)
{
    s.cdgh = _mm_sha256rnds2_epu32(s.cdgh, s.abef, wk);
    s.abef = _mm_sha256rnds2_epu32(s.abef, s.cdgh, _mm_shuffle_epi32(wk, 0x0e));
    return s;
}

SLK_SHANI_INLINE __m128i slk_shani_byte_swap(__m128i words)
{
    return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

/* Words 4g..4g+3 with constants; replaces them in w by words 4g+16..4g+19 while these are needed.
 * g is a constant after unrolling, so w stays in registers. */
SLK_SHANI_INLINE __m128i slk_shani_schedule(__m128i w[4], int g)
{
    __m128i now = w[g & 3];
    __m128i wk = _mm_add_epi32(now, slk_shani_load(slk_sha256_k + 4 * g));
    if (g < 12) {
        __m128i mid = _mm_alignr_epi8(w[(g + 3) & 3], w[(g + 2) & 3], 4);
        __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(g + 1) & 3]), mid);
        w[g & 3] = _mm_sha256msg2_epu32(sum, w[(g + 3) & 3]);
    }
    return wk;
}

/* source: FIPS 180-4, 5.3.3, in the order of slk_shani_state. */
SLK_SHANI_INLINE slk_shani_state slk_shani_state_iv(void)
{
    slk_shani_state s = {_mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
                         _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19)};
    return s;
}

SLK_SHANI_INLINE void slk_shani_digest_store(uint8_t *out, slk_shani_state s)
{
    __m128i half[2];
    slk_shani_state_store(half, s);
    const __m128i trim = _mm_set_epi32(0x3fffffff, -1, -1, -1);
    _mm_storeu_si128((__m128i *)out, slk_shani_byte_swap(half[0]));
    _mm_storeu_si128((__m128i *)(out + 16), _mm_and_si128(slk_shani_byte_swap(half[1]), trim));
}

#endif
