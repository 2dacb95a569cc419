/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Moving eight points between memory, one after another, and vectors that hold one word of all
 * eight. For kernel files compiled for AVX-512 (F, DQ, BW) alone. */
#ifndef SLK_CRYPTO_CURVE_LANES_IFMA_H
#define SLK_CRYPTO_CURVE_LANES_IFMA_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_LANES_INLINE static inline __attribute__((always_inline))

/* 128-bit parts 0 of a, 0 of b, 2 of a, 2 of b; and the same of parts 1 and 3. */
SLK_LANES_INLINE __m512i slk_lanes_even(__m512i a, __m512i b)
{
    return _mm512_permutex2var_epi64(a, _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0), b);
}

SLK_LANES_INLINE __m512i slk_lanes_odd(__m512i a, __m512i b)
{
    return _mm512_permutex2var_epi64(a, _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2), b);
}

/* Rows become columns. */
SLK_LANES_INLINE void slk_lanes_transpose(__m512i m[8])
{
    __m512i t[8], u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_epi64(m[i], m[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi64(m[i], m[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            u[i + k] = slk_lanes_even(t[i + k], t[i + k + 2]);
            u[i + k + 2] = slk_lanes_odd(t[i + k], t[i + k + 2]);
        }
    for (int i = 0; i < 4; i++) {
        m[i] = _mm512_shuffle_i64x2(u[i], u[i + 4], 0x44);
        m[i + 4] = _mm512_shuffle_i64x2(u[i], u[i + 4], 0xee);
    }
}

/* words[k] = word k of in[0..8), k < 8. */
SLK_LANES_INLINE void slk_lanes_load8(__m512i words[8], const uint8_t *const in[8])
{
    for (int i = 0; i < 8; i++)
        words[i] = _mm512_loadu_si512(in[i]);
    slk_lanes_transpose(words);
}

SLK_LANES_INLINE void slk_lanes_store8(uint8_t *const out[8], const __m512i words[8])
{
    __m512i rows[8];
    for (int i = 0; i < 8; i++)
        rows[i] = words[i];
    slk_lanes_transpose(rows);
    for (int i = 0; i < 8; i++)
        _mm512_storeu_si512(out[i], rows[i]);
}

/* The same with four words. */
SLK_LANES_INLINE void slk_lanes_load4(__m512i words[4], const uint8_t *const in[8], size_t offset)
{
    __m512i z[4];
    for (int i = 0; i < 4; i++) {
        __m256i low = _mm256_loadu_si256((const void *)(in[i] + offset));
        __m256i high = _mm256_loadu_si256((const void *)(in[i + 4] + offset));
        z[i] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    }
    for (int k = 0; k < 2; k++) {
        __m512i a = k == 0 ? _mm512_unpacklo_epi64(z[0], z[1]) : _mm512_unpackhi_epi64(z[0], z[1]);
        __m512i b = k == 0 ? _mm512_unpacklo_epi64(z[2], z[3]) : _mm512_unpackhi_epi64(z[2], z[3]);
        words[k] = slk_lanes_even(a, b);
        words[k + 2] = slk_lanes_odd(a, b);
    }
}

SLK_LANES_INLINE void slk_lanes_store4(uint8_t *const out[8], size_t offset, const __m512i words[4])
{
    __m512i z[4];
    for (int k = 0; k < 2; k++) {
        __m512i a = k == 0 ? _mm512_unpacklo_epi64(words[0], words[1])
                           : _mm512_unpackhi_epi64(words[0], words[1]);
        __m512i b = k == 0 ? _mm512_unpacklo_epi64(words[2], words[3])
                           : _mm512_unpackhi_epi64(words[2], words[3]);
        z[k] = slk_lanes_even(a, b);
        z[k + 2] = slk_lanes_odd(a, b);
    }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_si256((void *)(out[i] + offset), _mm512_castsi512_si256(z[i]));
        _mm256_storeu_si256((void *)(out[i + 4] + offset), _mm512_extracti64x4_epi64(z[i], 1));
    }
}

/* Most significant byte of each word first. */
SLK_LANES_INLINE __m512i slk_lanes_swap_bytes(__m512i words)
{
    const __m512i order = _mm512_set_epi64(
        0x08090a0b0c0d0e0f, 0x0001020304050607, 0x08090a0b0c0d0e0f, 0x0001020304050607,
        0x08090a0b0c0d0e0f, 0x0001020304050607, 0x08090a0b0c0d0e0f, 0x0001020304050607);
    return _mm512_shuffle_epi8(words, order);
}

#endif
