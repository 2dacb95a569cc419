/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sixteen pairs at once: word i of sixteen messages in one register. The SHA extensions remain
 * better for everything that is one message after the other. source: FIPS 180-4, 6.2 */
#include "crypto/sha256/sha256_impl.h"

#include "base/cpu.h"
#include "crypto/sha256/sha256_zmm.h"

#include <immintrin.h>

#define LANES 16
#define INLINE static inline __attribute__((always_inline))

INLINE __m512i constant(uint32_t v)
{
    return _mm512_set1_epi32((int)v);
}

INLINE __m512i add(__m512i a, __m512i b)
{
    return _mm512_add_epi32(a, b);
}

/* Truth tables of three operands: 0x96 a^b^c, 0xca a?b:c, 0xe8 the majority. */
#define XOR3(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0x96)
#define CHOOSE(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xca)
#define MAJORITY(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xe8)
#define ROR(a, n) _mm512_ror_epi32(a, n)

/* s holds a..h in places that move by one each round: a is at (8 - i) mod 8. i is a constant after
 * unrolling. */
INLINE void round_one(__m512i s[8], int i, __m512i wk)
{
    __m512i a = s[(8 - i) & 7], b = s[(9 - i) & 7], c = s[(10 - i) & 7];
    __m512i e = s[(12 - i) & 7], f = s[(13 - i) & 7], g = s[(14 - i) & 7];
    __m512i t1 = add(add(s[(15 - i) & 7], wk),
                     add(XOR3(ROR(e, 6), ROR(e, 11), ROR(e, 25)), CHOOSE(e, f, g)));
    __m512i t2 = add(XOR3(ROR(a, 2), ROR(a, 13), ROR(a, 22)), MAJORITY(a, b, c));
    s[(11 - i) & 7] = add(s[(11 - i) & 7], t1); /* d, becomes e */
    s[(15 - i) & 7] = add(t1, t2); /* h, becomes a */
}

/* Word i + 16 in the place of word i. */
INLINE void next_word(__m512i w[16], int i)
{
    __m512i a = w[(i + 1) & 15], b = w[(i + 14) & 15];
    __m512i s0 = XOR3(ROR(a, 7), ROR(a, 18), _mm512_srli_epi32(a, 3));
    __m512i s1 = XOR3(ROR(b, 17), ROR(b, 19), _mm512_srli_epi32(b, 10));
    w[i & 15] = add(add(w[i & 15], s0), add(w[(i + 9) & 15], s1));
}

/* source: FIPS 180-4, 5.3.3 */
INLINE void state_iv(__m512i s[8])
{
    static const uint32_t iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (int i = 0; i < 8; i++)
        s[i] = constant(iv[i]);
}

INLINE void message_block(__m512i s[8], const uint8_t *in)
{
    __m512i w[16];
    for (int i = 0; i < LANES; i++)
        w[i] = slk_zmm_byte_swap(_mm512_loadu_si512(in + 64 * i));
    slk_zmm_transpose(w);
    for (int turn = 0; turn < 64; turn += 16) {
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            round_one(s, i, add(w[i], constant(slk_sha256_k[turn + i])));
            if (turn < 48)
                next_word(w, i);
        }
    }
}

INLINE void padding_block(__m512i s[8], const uint32_t pad_wk[64])
{
    for (int turn = 0; turn < 64; turn += 16)
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            round_one(s, i, constant(pad_wk[turn + i]));
}

static void sixteen(uint8_t *out, const uint8_t *in, const uint32_t pad_wk[64])
{
    __m512i s[8], mid[8], rows[16];
    state_iv(s);
    message_block(s, in);
    state_iv(mid);
    for (int i = 0; i < 8; i++)
        s[i] = mid[i] = add(s[i], mid[i]);
    padding_block(s, pad_wk);
    for (int i = 0; i < 8; i++)
        rows[i] = rows[i + 8] = add(s[i], mid[i]);
    slk_zmm_transpose(rows);
    const __m256i trim = _mm256_set_epi32(0x3fffffff, -1, -1, -1, -1, -1, -1, -1);
    for (int i = 0; i < LANES; i++) {
        __m256i digest = _mm512_castsi512_si256(slk_zmm_byte_swap(rows[i]));
        _mm256_storeu_si256((__m256i *)(out + 32 * i), _mm256_and_si256(digest, trim));
    }
}

static void pairs(uint8_t *out, const uint8_t *in, size_t n_pairs, const uint32_t pad_wk[64])
{
    for (; n_pairs >= LANES; n_pairs -= LANES, in += 64 * LANES, out += 32 * LANES)
        sixteen(out, in, pad_wk);
}

const slk_sha256_impl slk_sha256_avx512 = {.name = "avx512",
                                           .needs = SLK_CPU_AVX512F | SLK_CPU_AVX512BW,
                                           .compress = NULL,
                                           .pairs = pairs,
                                           .pairs_step = LANES};
