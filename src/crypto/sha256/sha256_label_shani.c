/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Labels with the SHA extensions, of one sector or of two side by side.
 *
 * One stream is bound by the latency of sha256rnds2 (4 cycles, two rounds), two by its throughput;
 * the schedules of one stream's repeated blocks are therefore kept only for two, where they take
 * work off the same execution ports. Records are official nodes.
 * source: Intel SDM vol. 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2 */
#include "crypto/sha256/sha256_label_impl.h"
#include "crypto/sha256/sha256_shani.h"

#include "base/cpu.h"

#define PARENT_BLOCKS 7
#define INLINE static inline __attribute__((always_inline))

typedef struct schedule {
    __m128i wk[16];
} schedule;

INLINE __m128i words(const slk_label_key *key, int first, int lane)
{
    return _mm_set_epi32((int)key->word[first + 3][lane], (int)key->word[first + 2][lane],
                         (int)key->word[first + 1][lane], (int)key->word[first][lane]);
}

INLINE void header_words(__m128i w[4], const slk_label_key *key, uint64_t node, int lane)
{
    w[0] = words(key, 0, lane);
    w[1] = words(key, 4, lane);
    w[2] =
        _mm_set_epi32(0, (int)(uint32_t)node, (int)(uint32_t)(node >> 32), (int)key->word[8][lane]);
    w[3] = _mm_setzero_si128();
}

INLINE slk_shani_state key_mid(const slk_label_key *key, int lane)
{
    uint32_t mid[8];
    for (int i = 0; i < 8; i++)
        mid[i] = key->mid[i][lane];
    return slk_shani_state_load(mid);
}

/* One block in `streams` lanes side by side. keep: NULL, or where the schedules go. */
INLINE void block_new(slk_shani_state *s, __m128i w[][4], schedule *keep, int streams)
{
    slk_shani_state start[2];
    for (int k = 0; k < streams; k++)
        start[k] = s[k];
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++)
        for (int k = 0; k < streams; k++) {
            __m128i wk = slk_shani_schedule(w[k], g);
            if (keep)
                _mm_store_si128(&keep[k].wk[g], wk);
            s[k] = slk_shani_four_rounds(s[k], wk);
        }
    for (int k = 0; k < streams; k++)
        s[k] = slk_shani_state_sum(s[k], start[k]);
}

INLINE void block_again(slk_shani_state *s, const schedule *kept, int streams)
{
    slk_shani_state start[2];
    for (int k = 0; k < streams; k++)
        start[k] = s[k];
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++)
        for (int k = 0; k < streams; k++)
            s[k] = slk_shani_four_rounds(s[k], _mm_load_si128(&kept[k].wk[g]));
    for (int k = 0; k < streams; k++)
        s[k] = slk_shani_state_sum(s[k], start[k]);
}

INLINE void header_block(slk_shani_state *s, const slk_label_key *key, uint64_t node, int streams)
{
    __m128i w[2][4];
    for (int k = 0; k < streams; k++) {
        header_words(w[k], key, node, k);
        s[k] = key_mid(key, k);
    }
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++)
        for (int k = 0; k < streams; k++) {
            __m128i wk = slk_shani_schedule(w[k], g);
            if (g >= 2) /* the first eight rounds are in the key */
                s[k] = slk_shani_four_rounds(s[k], wk);
        }
    for (int k = 0; k < streams; k++)
        s[k] = slk_shani_state_sum(s[k], slk_shani_state_iv());
}

INLINE void load_block(__m128i w[4], const uint8_t *left, const uint8_t *right)
{
    w[0] = slk_shani_byte_swap(slk_shani_load(left));
    w[1] = slk_shani_byte_swap(slk_shani_load(left + 16));
    w[2] = slk_shani_byte_swap(slk_shani_load(right));
    w[3] = slk_shani_byte_swap(slk_shani_load(right + 16));
}

INLINE void load_last(__m128i w[4], const uint8_t *node)
{
    w[0] = slk_shani_byte_swap(slk_shani_load(node));
    w[1] = slk_shani_byte_swap(slk_shani_load(node + 16));
    w[2] = _mm_set_epi32(0, 0, 0, (int)0x80000000);
    w[3] = _mm_set_epi32(SLK_LABEL_MESSAGE_BITS, 0, 0, 0);
}

INLINE void label(void *out_record, const slk_label_key *key, uint64_t node,
                  const void *const *parents, unsigned n, int streams)
{
    slk_shani_state s[2];
    __m128i w[2][4];
    schedule kept[PARENT_BLOCKS][2];
    const unsigned blocks = n / 2, all = SLK_LABEL_NODES_HASHED / 2;
    header_block(s, key, node, streams);
    for (unsigned b = 0; b < blocks; b++) {
        const uint8_t *left = parents[2 * b], *right = parents[2 * b + 1];
        for (int k = 0; k < streams; k++)
            load_block(w[k], left + 32 * k, right + 32 * k);
        block_new(s, w, kept[b], streams);
    }
    for (unsigned b = blocks; b < all; b++)
        block_again(s, kept[b % blocks], streams);
    const uint8_t *last = parents[(SLK_LABEL_NODES_HASHED - 1) % n];
    for (int k = 0; k < streams; k++)
        load_last(w[k], last + 32 * k);
    block_new(s, w, NULL, streams);
    for (int k = 0; k < streams; k++)
        slk_shani_digest_store((uint8_t *)out_record + 32 * k, s[k]);
}

static void label_one(void *out_record, const slk_label_key *key, uint64_t node,
                      const void *const *parents, unsigned n)
{
    label(out_record, key, node, parents, n, 1);
}

static void label_two(void *out_record, const slk_label_key *key, uint64_t node,
                      const void *const *parents, unsigned n)
{
    label(out_record, key, node, parents, n, 2);
}

/* ---- One sector, node after node. */

/* How many nodes ahead of the chain parents are fetched. */
#define FETCH_NODES 24u

/* Asks for parent i of a later node. One at a time among the blocks: a request that has to look up its
 * page holds up what comes after it, and the chain runs on for a block or two only. */
INLINE void fetch(const slk_label_chain *chain, const uint32_t *row, unsigned i)
{
    const uint8_t *from = i < 6 ? chain->layer : chain->previous;
    _mm_prefetch(from + 32 * (size_t)row[i], _MM_HINT_T0);
}

/* The words of block b of the parents. newest: those of the label before this node, which is nearly
 * always the first parent and is not waited for through memory then. */
INLINE void gather(__m128i w[4], const slk_label_chain *chain, const uint32_t *row, unsigned b,
                   uint64_t node, const __m128i newest[2])
{
    const uint8_t *from = b < 3 ? chain->layer : chain->previous;
    load_block(w, from + 32 * (size_t)row[2 * b], from + 32 * (size_t)row[2 * b + 1]);
    if (b == 0 && row[0] + 1 == node) {
        w[0] = newest[0];
        w[1] = newest[1];
    }
}

INLINE void run(const slk_label_chain *chain, const slk_label_key *key, unsigned n)
{
    const unsigned blocks = n / 2, all = SLK_LABEL_NODES_HASHED / 2;
    const unsigned last = (SLK_LABEL_NODES_HASHED - 1) % n;
    const uint32_t *row = chain->rows;
    schedule kept[PARENT_BLOCKS];
    const __m128i trim = _mm_set_epi32((int)0xffffff3f, -1, -1, -1);
    const uint8_t *before = chain->layer + 32 * (chain->first - 1);
    __m128i w[1][4];
    __m128i newest[2] = {slk_shani_byte_swap(slk_shani_load(before)),
                         slk_shani_byte_swap(slk_shani_load(before + 16))};
    slk_shani_state s, next;
    header_block(&next, key, chain->first, 1);
    for (uint64_t node = chain->first; node < chain->end; node++, row += 14) {
        const uint32_t *later = node + FETCH_NODES < chain->ahead ? row + FETCH_NODES * 14 : row;
        s = next;
        for (unsigned b = 0; b < blocks; b++) {
            fetch(chain, later, b);
            gather(w[0], chain, row, b, node, newest);
            block_new(&s, w, &kept[b], 1);
        }
        /* Fills the gaps of the chain, to which it does not belong. */
        header_block(&next, key, node + 1, 1);
        for (unsigned b = blocks; b < all; b++) {
            if (b < n)
                fetch(chain, later, b);
            block_again(&s, &kept[b % blocks], 1);
        }
        load_last(w[0], (n == 6 ? chain->layer : chain->previous) + 32 * (size_t)row[last]);
        block_new(&s, w, NULL, 1);
        slk_shani_state_store(newest, s);
        newest[1] = _mm_and_si128(newest[1], trim);
        uint8_t *out = chain->layer + 32 * node;
        _mm_storeu_si128((__m128i *)(void *)out, slk_shani_byte_swap(newest[0]));
        _mm_storeu_si128((__m128i *)(void *)(out + 16), slk_shani_byte_swap(newest[1]));
    }
}

static void run_chain(const slk_label_chain *chain, const slk_label_key *key)
{
    if (chain->previous)
        run(chain, key, 14);
    else
        run(chain, key, 6);
}

#define NEEDS (SLK_CPU_SHA | SLK_CPU_SSSE3 | SLK_CPU_SSE41)
const slk_label_kernel slk_label_shani1 = {.name = "shani1",
                                           .needs = NEEDS,
                                           .lanes = 1,
                                           .group = 1,
                                           .layout = SLK_LABEL_NODES,
                                           .label = label_one,
                                           .run = run_chain};
const slk_label_kernel slk_label_shani2 = {.name = "shani2",
                                           .needs = NEEDS,
                                           .lanes = 2,
                                           .group = 1,
                                           .layout = SLK_LABEL_NODES,
                                           .label = label_two};
