/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Moving words among sixteen vectors of sixteen. For files compiled for AVX-512 (F, BW) alone. */
#ifndef SLK_CRYPTO_SHA256_ZMM_H
#define SLK_CRYPTO_SHA256_ZMM_H

#include <immintrin.h>

#define SLK_ZMM_INLINE static inline __attribute__((always_inline))

/* Rows become columns. */
SLK_ZMM_INLINE void slk_zmm_transpose(__m512i m[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(m[i], m[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(m[i], m[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int k = 0; k < 2; k++) {
            m[i + 2 * k] = _mm512_unpacklo_epi64(t[i + k], t[i + k + 2]);
            m[i + 2 * k + 1] = _mm512_unpackhi_epi64(t[i + k], t[i + k + 2]);
        }
    /* m[4q + c] now holds column c of each quarter of rows 4q..4q+3. */
    for (int c = 0; c < 4; c++) {
        t[c] = _mm512_shuffle_i32x4(m[c], m[c + 4], 0x88);
        t[c + 4] = _mm512_shuffle_i32x4(m[c], m[c + 4], 0xdd);
        t[c + 8] = _mm512_shuffle_i32x4(m[c + 8], m[c + 12], 0x88);
        t[c + 12] = _mm512_shuffle_i32x4(m[c + 8], m[c + 12], 0xdd);
    }
    for (int c = 0; c < 4; c++) {
        m[c] = _mm512_shuffle_i32x4(t[c], t[c + 8], 0x88);
        m[c + 8] = _mm512_shuffle_i32x4(t[c], t[c + 8], 0xdd);
        m[c + 4] = _mm512_shuffle_i32x4(t[c + 4], t[c + 12], 0x88);
        m[c + 12] = _mm512_shuffle_i32x4(t[c + 4], t[c + 12], 0xdd);
    }
}

SLK_ZMM_INLINE __m512i slk_zmm_byte_swap(__m512i words)
{
    const __m512i order =
        _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
    return _mm512_shuffle_epi8(words, order);
}

#endif
