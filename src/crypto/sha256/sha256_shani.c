/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SHA-256 with the SHA extensions.
 *
 * sha256rnds2 wants the state as (A,B,E,F) and (C,D,G,H), highest lane first. One message is bound
 * by the latency of that instruction, so pairs() runs two messages side by side.
 * source: Intel SDM vol. 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2. */
#include "crypto/sha256/sha256_impl.h"

#include "base/cpu.h"

#include <immintrin.h>

typedef struct sha_state {
    __m128i abef, cdgh;
} sha_state;

static inline __m128i load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline sha_state state_load(const uint32_t state[8])
{
    __m128i cdab = _mm_shuffle_epi32(load(state), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(load(state + 4), 0x1b);
    sha_state s = {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
    return s;
}

/* (A,B,C,D) and (E,F,G,H), A and E in the lowest lane. */
static inline void state_store(__m128i ret_half[2], sha_state s)
{
    __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);
    ret_half[0] = _mm_blend_epi16(feba, dchg, 0xf0);
    ret_half[1] = _mm_alignr_epi8(dchg, feba, 8);
}

static inline sha_state state_sum(sha_state a, sha_state b)
{
    sha_state s = {_mm_add_epi32(a.abef, b.abef), _mm_add_epi32(a.cdgh, b.cdgh)};
    return s;
}

/* Four rounds; wk = four words with their constants added. */
static inline sha_state four_rounds(sha_state s, __m128i wk)
{
    s.cdgh = _mm_sha256rnds2_epu32(s.cdgh, s.abef, wk);
    s.abef = _mm_sha256rnds2_epu32(s.abef, s.cdgh, _mm_shuffle_epi32(wk, 0x0e));
    return s;
}

static inline __m128i byte_swap(__m128i words)
{
    return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

static inline void block_load(__m128i w[4], const uint8_t *block64)
{
    for (int i = 0; i < 4; i++)
        w[i] = byte_swap(load(block64 + 16 * i));
}

/* Words 4g..4g+3 with constants; replaces them in w by words 4g+16..4g+19 while these are needed.
 * g is a constant after unrolling, so w stays in registers. */
static inline __m128i schedule(__m128i w[4], int g)
{
    __m128i now = w[g & 3];
    __m128i wk = _mm_add_epi32(now, load(slk_sha256_k + 4 * g));
    if (g < 12) {
        __m128i mid = _mm_alignr_epi8(w[(g + 3) & 3], w[(g + 2) & 3], 4);
        __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(g + 1) & 3]), mid);
        w[g & 3] = _mm_sha256msg2_epu32(sum, w[(g + 3) & 3]);
    }
    return wk;
}

static void compress(uint32_t state[8], const uint8_t *blocks64, size_t n_blocks)
{
    sha_state s = state_load(state);
    for (; n_blocks > 0; n_blocks--, blocks64 += 64) {
        sha_state start = s;
        __m128i w[4];
        block_load(w, blocks64);
#pragma GCC unroll 16
        for (int g = 0; g < 16; g++)
            s = four_rounds(s, schedule(w, g));
        s = state_sum(s, start);
    }
    __m128i half[2];
    state_store(half, s);
    _mm_storeu_si128((__m128i *)state, half[0]);
    _mm_storeu_si128((__m128i *)(state + 4), half[1]);
}

/* source: FIPS 180-4, 5.3.3, in the order of sha_state. */
static inline sha_state state_iv(void)
{
    sha_state s = {_mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
                   _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19)};
    return s;
}

static inline void digest_store(uint8_t *out, sha_state s)
{
    __m128i half[2];
    state_store(half, s);
    const __m128i trim = _mm_set_epi32(0x3fffffff, -1, -1, -1);
    _mm_storeu_si128((__m128i *)out, byte_swap(half[0]));
    _mm_storeu_si128((__m128i *)(out + 16), _mm_and_si128(byte_swap(half[1]), trim));
}

static inline void pair_two(uint8_t *out, const uint8_t *in, const uint32_t pad_wk[64])
{
    __m128i wa[4], wb[4];
    block_load(wa, in);
    block_load(wb, in + 64);
    sha_state a = state_iv(), b = a;
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++) {
        a = four_rounds(a, schedule(wa, g));
        b = four_rounds(b, schedule(wb, g));
    }
    sha_state a_mid = state_sum(a, state_iv()), b_mid = state_sum(b, state_iv());
    a = a_mid;
    b = b_mid;
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++) {
        __m128i wk = load(pad_wk + 4 * g);
        a = four_rounds(a, wk);
        b = four_rounds(b, wk);
    }
    digest_store(out, state_sum(a, a_mid));
    digest_store(out + 32, state_sum(b, b_mid));
}

static void pairs(uint8_t *out, const uint8_t *in, size_t n_pairs, const uint32_t pad_wk[64])
{
    for (; n_pairs >= 2; n_pairs -= 2, in += 128, out += 64)
        pair_two(out, in, pad_wk);
    if (n_pairs == 1) {
        /* The odd one at the end runs beside a copy of itself. */
        uint8_t twice[128], both[64];
        for (int i = 0; i < 4; i++) {
            __m128i part = load(in + 16 * i);
            _mm_storeu_si128((__m128i *)(twice + 16 * i), part);
            _mm_storeu_si128((__m128i *)(twice + 64 + 16 * i), part);
        }
        pair_two(both, twice, pad_wk);
        _mm_storeu_si128((__m128i *)out, load(both));
        _mm_storeu_si128((__m128i *)(out + 16), load(both + 16));
    }
}

const slk_sha256_impl slk_sha256_shani = {.name = "shani",
                                          .needs = SLK_CPU_SHA | SLK_CPU_SSSE3 | SLK_CPU_SSE41,
                                          .compress = compress,
                                          .pairs = pairs,
                                          .pairs_step = 1};
