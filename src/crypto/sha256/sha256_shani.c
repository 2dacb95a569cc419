/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SHA-256 with the SHA extensions.
 *
 * One message is bound by the latency of sha256rnds2, so pairs() runs two messages side by side.
 * source: Intel SDM vol. 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2. */
#include "crypto/sha256/sha256_impl.h"

#include "base/cpu.h"
#include "crypto/sha256/sha256_shani.h"

#include <immintrin.h>

static inline void block_load(__m128i w[4], const uint8_t *block64)
{
    for (int i = 0; i < 4; i++)
        w[i] = slk_shani_byte_swap(slk_shani_load(block64 + 16 * i));
}

static void compress(uint32_t state[8], const uint8_t *blocks64, size_t n_blocks)
{
    slk_shani_state s = slk_shani_state_load(state);
    for (; n_blocks > 0; n_blocks--, blocks64 += 64) {
        slk_shani_state start = s;
        __m128i w[4];
        block_load(w, blocks64);
#pragma GCC unroll 16
        for (int g = 0; g < 16; g++)
            s = slk_shani_four_rounds(s, slk_shani_schedule(w, g));
        s = slk_shani_state_sum(s, start);
    }
    __m128i half[2];
    slk_shani_state_store(half, s);
    _mm_storeu_si128((__m128i *)state, half[0]);
    _mm_storeu_si128((__m128i *)(state + 4), half[1]);
}

static inline void pair_two(uint8_t *out, const uint8_t *in, const uint32_t pad_wk[64])
{
    __m128i wa[4], wb[4];
    block_load(wa, in);
    block_load(wb, in + 64);
    slk_shani_state a = slk_shani_state_iv(), b = a;
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++) {
        a = slk_shani_four_rounds(a, slk_shani_schedule(wa, g));
        b = slk_shani_four_rounds(b, slk_shani_schedule(wb, g));
    }
    slk_shani_state a_mid = slk_shani_state_sum(a, slk_shani_state_iv()),
                    b_mid = slk_shani_state_sum(b, slk_shani_state_iv());
    a = a_mid;
    b = b_mid;
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++) {
        __m128i wk = slk_shani_load(pad_wk + 4 * g);
        a = slk_shani_four_rounds(a, wk);
        b = slk_shani_four_rounds(b, wk);
    }
    slk_shani_digest_store(out, slk_shani_state_sum(a, a_mid));
    slk_shani_digest_store(out + 32, slk_shani_state_sum(b, b_mid));
}

static void pairs(uint8_t *out, const uint8_t *in, size_t n_pairs, const uint32_t pad_wk[64])
{
    for (; n_pairs >= 2; n_pairs -= 2, in += 128, out += 64)
        pair_two(out, in, pad_wk);
    if (n_pairs == 1) {
        /* The odd one at the end runs beside a copy of itself. */
        uint8_t twice[128], both[64];
        for (int i = 0; i < 4; i++) {
            __m128i part = slk_shani_load(in + 16 * i);
            _mm_storeu_si128((__m128i *)(twice + 16 * i), part);
            _mm_storeu_si128((__m128i *)(twice + 64 + 16 * i), part);
        }
        pair_two(both, twice, pad_wk);
        _mm_storeu_si128((__m128i *)out, slk_shani_load(both));
        _mm_storeu_si128((__m128i *)(out + 16), slk_shani_load(both + 16));
    }
}

const slk_sha256_impl slk_sha256_shani = {.name = "shani",
                                          .needs = SLK_CPU_SHA | SLK_CPU_SSSE3 | SLK_CPU_SSE41,
                                          .compress = compress,
                                          .pairs = pairs,
                                          .pairs_step = 1};
