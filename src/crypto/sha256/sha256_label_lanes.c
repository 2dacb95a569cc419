/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Labels of many sectors, one per vector lane. Compiled once per instruction set:
 * SLK_LABEL_AVX512 has sixteen lanes to a vector, SLK_LABEL_AVX512VL eight with the rotations and
 * three-operand logic of AVX-512, otherwise AVX2 has eight.
 *
 * The parents repeat, and so do their blocks of two: only n / 2 blocks have a schedule of their own.
 * Their 64 words with the round constants added are kept and added again in every repetition.
 * With two vectors (STREAMS) the rounds of one hide the latency of the other.
 * source: FIPS 180-4, 6.2 */
#include "crypto/sha256/sha256_impl.h"
#include "crypto/sha256/sha256_label_impl.h"

#include "base/cpu.h"
#ifdef SLK_LABEL_AVX512
#include "crypto/sha256/sha256_zmm.h"
#endif

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

#ifdef SLK_LABEL_AVX512
#define GROUP 16
#define MAX_STREAMS 2
typedef __m512i vec;
#else
#define GROUP 8
#define MAX_STREAMS 1
typedef __m256i vec;
#endif

#define RECORD_WORDS (8 * GROUP)
#define PARENT_BLOCKS 7

/* ---- One vector. */

#if defined(SLK_LABEL_AVX512)
INLINE vec load(const uint32_t *p)
{
    return _mm512_loadu_si512(p);
}

INLINE void store(uint32_t *p, vec v)
{
    _mm512_storeu_si512(p, v);
}

INLINE vec splat(uint32_t x)
{
    return _mm512_set1_epi32((int)x);
}

INLINE vec add(vec a, vec b)
{
    return _mm512_add_epi32(a, b);
}

INLINE vec mask(vec a, vec b)
{
    return _mm512_and_si512(a, b);
}

#define SHR(a, n) _mm512_srli_epi32(a, n)
#define ROR(a, n) _mm512_ror_epi32(a, n)
#define LOGIC(a, b, c, table) _mm512_ternarylogic_epi32(a, b, c, table)
#else
INLINE vec load(const uint32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

INLINE void store(uint32_t *p, vec v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

INLINE vec splat(uint32_t x)
{
    return _mm256_set1_epi32((int)x);
}

INLINE vec add(vec a, vec b)
{
    return _mm256_add_epi32(a, b);
}

INLINE vec mask(vec a, vec b)
{
    return _mm256_and_si256(a, b);
}

#define SHR(a, n) _mm256_srli_epi32(a, n)
#ifdef SLK_LABEL_AVX512VL
#define ROR(a, n) _mm256_ror_epi32(a, n)
#define LOGIC(a, b, c, table) _mm256_ternarylogic_epi32(a, b, c, table)
#else
#define ROR(a, n) _mm256_or_si256(_mm256_srli_epi32(a, n), _mm256_slli_epi32(a, 32 - (n)))
#endif
#endif

#ifdef LOGIC
/* Truth tables of three operands: a^b^c, a?b:c, the majority. */
INLINE vec xor3(vec a, vec b, vec c)
{
    return LOGIC(a, b, c, 0x96);
}

INLINE vec choose(vec a, vec b, vec c)
{
    return LOGIC(a, b, c, 0xca);
}

INLINE vec majority(vec a, vec b, vec c)
{
    return LOGIC(a, b, c, 0xe8);
}
#else
INLINE vec xor3(vec a, vec b, vec c)
{
    return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}

INLINE vec choose(vec a, vec b, vec c)
{
    return _mm256_xor_si256(c, _mm256_and_si256(a, _mm256_xor_si256(b, c)));
}

INLINE vec majority(vec a, vec b, vec c)
{
    return _mm256_xor_si256(b, _mm256_and_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(b, c)));
}
#endif

/* ---- SHA-256 on one vector of lanes. */

/* s holds a..h in places that move by one each round: a is at (8 - i) mod 8; i is a constant after
 * unrolling. What the next round waits for is added last: from e to the next e, and from a to the
 * next a, it is one rotation, one logic step and one addition. */
INLINE void round_one(vec s[8], int i, vec wk)
{
    vec a = s[(8 - i) & 7], b = s[(9 - i) & 7], c = s[(10 - i) & 7], d = s[(11 - i) & 7];
    vec e = s[(12 - i) & 7], f = s[(13 - i) & 7], g = s[(14 - i) & 7];
    vec early = add(s[(15 - i) & 7], wk), chosen = choose(e, f, g);
    vec e_sum = xor3(ROR(e, 6), ROR(e, 11), ROR(e, 25));
    vec a_sum = xor3(ROR(a, 2), ROR(a, 13), ROR(a, 22));
    vec t1 = add(add(early, chosen), e_sum);
    s[(11 - i) & 7] = add(add(add(d, early), chosen), e_sum); /* d, becomes e */
    s[(15 - i) & 7] = add(add(majority(a, b, c), t1), a_sum); /* h, becomes a */
}

/* Word i + 16 in the place of word i. */
INLINE void next_word(vec w[16], int i)
{
    vec a = w[(i + 1) & 15], b = w[(i + 14) & 15];
    vec s0 = xor3(ROR(a, 7), ROR(a, 18), SHR(a, 3));
    vec s1 = xor3(ROR(b, 17), ROR(b, 19), SHR(b, 10));
    w[i & 15] = add(add(w[i & 15], s0), add(w[(i + 9) & 15], s1));
}

typedef struct schedule {
    vec wk[64];
} schedule;

/* Rounds turn + begin .. turn + 15, and the words of the next turn if there is one. Keeps the words
 * with their constants unless keep is NULL. begin, more and whether keep is NULL are constants after
 * inlining. */
INLINE void sixteen_rounds(vec s[8], vec w[16], schedule *keep, int turn, int begin, int more)
{
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        vec wk = add(w[i], splat(slk_sha256_k[turn + i]));
        if (keep)
            keep->wk[turn + i] = wk;
        if (i >= begin)
            round_one(s, i, wk);
        if (more)
            next_word(w, i);
    }
}

/* Compresses the block w. started: a..h after the rounds before round `begin`. */
INLINE void block_new(vec state[8], vec w[16], schedule *keep, const vec started[8], int begin)
{
    vec s[8];
    for (int i = 0; i < 8; i++)
        s[i] = started[i];
    sixteen_rounds(s, w, keep, 0, begin, 1);
    for (int turn = 16; turn < 48; turn += 16)
        sixteen_rounds(s, w, keep, turn, 0, 1);
    sixteen_rounds(s, w, keep, 48, 0, 0);
    for (int i = 0; i < 8; i++)
        state[i] = add(state[i], s[i]);
}

/* ---- The blocks of a label, for `streams` vectors (a constant after inlining). */

struct lanes {
    vec state[MAX_STREAMS][8];
};

INLINE void load_node(vec w[8], const uint32_t *record)
{
    for (int i = 0; i < 8; i++)
        w[i] = load(record + i * GROUP);
}

INLINE void header_block(struct lanes *l, const slk_label_key *key, uint64_t node, int streams)
{
    for (int k = 0; k < streams; k++) {
        vec w[16], mid[8];
        for (int i = 0; i < 9; i++)
            w[i] = load(key->word[i] + k * GROUP);
        w[9] = splat((uint32_t)(node >> 32));
        w[10] = splat((uint32_t)node);
        for (int i = 11; i < 16; i++)
            w[i] = splat(0);
        for (int i = 0; i < 8; i++) {
            mid[i] = load(key->mid[i] + k * GROUP);
            l->state[k][i] = splat(slk_sha256_iv[i]);
        }
        block_new(l->state[k], w, NULL, mid, 8);
    }
}

static __attribute__((noinline)) void first_time(vec state[8], schedule *keep, const uint32_t *left,
                                                 const uint32_t *right)
{
    vec w[16];
    load_node(w, left);
    load_node(w + 8, right);
    block_new(state, w, keep, state, 0);
}

/* A block seen before, in all streams. */
INLINE void block_again(struct lanes *l, const schedule *kept, int streams)
{
    vec s[MAX_STREAMS][8];
    for (int k = 0; k < streams; k++)
        for (int i = 0; i < 8; i++)
            s[k][i] = l->state[k][i];
    for (int turn = 0; turn < 64; turn += 8) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            for (int k = 0; k < streams; k++)
                round_one(s[k], i, kept[k * PARENT_BLOCKS].wk[turn + i]);
    }
    for (int k = 0; k < streams; k++)
        for (int i = 0; i < 8; i++)
            l->state[k][i] = add(l->state[k][i], s[k][i]);
}

/* One node and the padding. */
static __attribute__((noinline)) void last_block(vec state[8], const uint32_t *record)
{
    vec w[16];
    load_node(w, record);
    w[8] = splat(0x80000000);
    for (int i = 9; i < 15; i++)
        w[i] = splat(0);
    w[15] = splat(SLK_LABEL_MESSAGE_BITS);
    block_new(state, w, NULL, state, 0);
}

INLINE void label(void *out_record, const slk_label_key *key, uint64_t node,
                  const void *const *parents, unsigned n, int streams)
{
    struct lanes l;
    schedule kept[MAX_STREAMS * PARENT_BLOCKS];
    const unsigned blocks = n / 2, all = SLK_LABEL_NODES_HASHED / 2;
    header_block(&l, key, node, streams);
    for (unsigned b = 0; b < blocks; b++)
        for (int k = 0; k < streams; k++) {
            const uint32_t *left = parents[2 * b], *right = parents[2 * b + 1];
            first_time(l.state[k], &kept[k * PARENT_BLOCKS + (int)b], left + k * RECORD_WORDS,
                       right + k * RECORD_WORDS);
        }
    for (unsigned b = blocks; b < all; b++)
        block_again(&l, &kept[b % blocks], streams);
    const uint32_t *last = parents[(SLK_LABEL_NODES_HASHED - 1) % n];
    uint32_t *out = out_record;
    for (int k = 0; k < streams; k++) {
        last_block(l.state[k], last + k * RECORD_WORDS);
        /* The last byte of the digest is the lowest of word 7. */
        l.state[k][7] = mask(l.state[k][7], splat(0xffffff3f));
        for (int i = 0; i < 8; i++)
            store(out + k * RECORD_WORDS + i * GROUP, l.state[k][i]);
    }
}

/* ---- Records to official nodes. */

#ifdef SLK_LABEL_AVX512
/* Two records of one group are the rows of a square; its columns are the nodes of a lane, twice 32
 * bytes. A single record is taken for both halves. */
INLINE void unpack_two(uint8_t *const *out, const uint32_t *first, const uint32_t *second,
                       size_t at, unsigned lane0)
{
    vec m[16];
    load_node(m, first);
    load_node(m + 8, second);
    slk_zmm_transpose(m);
    for (unsigned i = 0; i < GROUP; i++) {
        uint8_t *to = out[lane0 + i];
        if (!to)
            continue;
        vec nodes = slk_zmm_byte_swap(m[i]);
        if (first != second)
            _mm512_storeu_si512(to + at, nodes);
        else
            _mm256_storeu_si256((__m256i *)(void *)(to + at), _mm512_castsi512_si256(nodes));
    }
}

INLINE void unpack(uint8_t *const *out, const void *records, size_t n, int streams)
{
    const uint32_t *r = records;
    const size_t step = (size_t)streams * RECORD_WORDS;
    for (size_t k = 0; k < n; k += 2, r += 2 * step)
        for (int g = 0; g < streams; g++) {
            const uint32_t *part = r + g * RECORD_WORDS;
            unpack_two(out, part, k + 1 < n ? part + step : part, 32 * k, (unsigned)g * GROUP);
        }
}
#else
INLINE void transpose(vec m[8])
{
    vec t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_epi32(m[i], m[i + 1]);
        t[i + 1] = _mm256_unpackhi_epi32(m[i], m[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            m[i + 2 * k] = _mm256_unpacklo_epi64(t[i + k], t[i + k + 2]);
            m[i + 2 * k + 1] = _mm256_unpackhi_epi64(t[i + k], t[i + k + 2]);
        }
    /* m[4q + c] now holds column c of each half of rows 4q..4q+3. */
    for (int c = 0; c < 4; c++) {
        t[c] = _mm256_permute2x128_si256(m[c], m[c + 4], 0x20);
        t[c + 4] = _mm256_permute2x128_si256(m[c], m[c + 4], 0x31);
    }
    for (int c = 0; c < 8; c++)
        m[c] = t[c];
}

static void unpack(uint8_t *const *out, const void *records, size_t n)
{
    const vec order =
        _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
    const uint32_t *r = records;
    for (size_t k = 0; k < n; k++, r += RECORD_WORDS) {
        vec m[8];
        load_node(m, r);
        transpose(m);
        for (unsigned i = 0; i < GROUP; i++)
            if (out[i])
                store((uint32_t *)(void *)(out[i] + 32 * k), _mm256_shuffle_epi8(m[i], order));
    }
}
#endif

/* ---- The kernels of this instruction set. */

static void label_one(void *out_record, const slk_label_key *key, uint64_t node,
                      const void *const *parents, unsigned n)
{
    label(out_record, key, node, parents, n, 1);
}

#ifdef SLK_LABEL_AVX512
static void label_two(void *out_record, const slk_label_key *key, uint64_t node,
                      const void *const *parents, unsigned n)
{
    label(out_record, key, node, parents, n, 2);
}

static void unpack_one(uint8_t *const *out, const void *records, size_t n)
{
    unpack(out, records, n, 1);
}

static void unpack_both(uint8_t *const *out, const void *records, size_t n)
{
    unpack(out, records, n, 2);
}

const slk_label_kernel slk_label_avx512x16 = {.name = "avx512x16",
                                              .needs = SLK_CPU_AVX512F | SLK_CPU_AVX512BW,
                                              .lanes = 16,
                                              .group = 16,
                                              .layout = SLK_LABEL_WORDS,
                                              .label = label_one,
                                              .unpack = unpack_one};
const slk_label_kernel slk_label_avx512x32 = {.name = "avx512x32",
                                              .needs = SLK_CPU_AVX512F | SLK_CPU_AVX512BW,
                                              .lanes = 32,
                                              .group = 16,
                                              .layout = SLK_LABEL_WORDS,
                                              .label = label_two,
                                              .unpack = unpack_both};
#else
#ifdef SLK_LABEL_AVX512VL
const slk_label_kernel slk_label_avx512x8 = {.name = "avx512x8",
                                             .needs =
                                                 SLK_CPU_AVX2 | SLK_CPU_AVX512F | SLK_CPU_AVX512VL,
#else
const slk_label_kernel slk_label_avx2x8 = {.name = "avx2x8",
                                           .needs = SLK_CPU_AVX2,
#endif
                                             .lanes = 8,
                                             .group = 8,
                                             .layout = SLK_LABEL_WORDS,
                                             .label = label_one,
                                             .unpack = unpack};
#endif
