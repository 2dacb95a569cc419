/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/sha256/sha256_label.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/crypto_impl.h"
#include "crypto/sha256/sha256_impl.h"
#include "crypto/sha256/sha256_label_impl.h"

#define RECORD_MAX_BYTES (32 * SLK_LABEL_MAX_LANES)

const slk_label_kernel *const slk_label_kernels[SLK_LABEL_KERNELS] = {
    &slk_label_avx512x32, &slk_label_avx512x16, &slk_label_avx512x8, &slk_label_avx2x8,
    &slk_label_shani2,    &slk_label_shani1,    &slk_label_ref,
};

const slk_label_kernel *slk_label_kernel_at(const slk_crypto *crypto, size_t index)
{
    for (size_t i = 0; i < SLK_LABEL_KERNELS; i++) {
        if ((slk_label_kernels[i]->needs & ~crypto->features) != 0)
            continue;
        if (index == 0)
            return slk_label_kernels[i];
        index--;
    }
    return NULL;
}

/* The first eight rounds of the header block, which sees neither layer nor node in them. */
static void eight_rounds(uint32_t ret_mid[8], const uint32_t words[8])
{
    uint32_t wk[8];
    for (size_t i = 0; i < 8; i++)
        wk[i] = words[i] + slk_sha256_k[i];
    memcpy(ret_mid, slk_sha256_iv, sizeof wk);
    slk_sha256_rounds(ret_mid, wk, 8);
}

void slk_label_key_init(slk_label_key *ret_key, const slk_label_kernel *kernel,
                        const uint8_t *const *replica_ids, unsigned lanes, unsigned layer)
{
    slk_assert(lanes >= 1 && lanes <= kernel->lanes);
    slk_label_key key = {.lanes = kernel->lanes};
    for (unsigned lane = 0; lane < kernel->lanes; lane++) {
        const uint8_t *id = replica_ids[lane < lanes ? lane : 0];
        uint32_t words[8], mid[8];
        for (size_t i = 0; i < 8; i++)
            words[i] = slk_load_be32(id + 4 * i);
        eight_rounds(mid, words);
        for (size_t i = 0; i < 8; i++) {
            key.word[i][lane] = words[i];
            key.mid[i][lane] = mid[i];
        }
        key.word[8][lane] = layer;
    }
    *ret_key = key;
}

/* Place of word w of a lane in a record, in words. */
static size_t word_place(const slk_label_kernel *kernel, unsigned lane, size_t w)
{
    if (kernel->layout == SLK_LABEL_NODES)
        return 8 * (size_t)lane + w;
    return lane / kernel->group * 8 * kernel->group + w * kernel->group + lane % kernel->group;
}

static void put_node(const slk_label_kernel *kernel, uint8_t *record, unsigned lane,
                     const uint8_t node32[32])
{
    if (kernel->layout == SLK_LABEL_NODES) {
        memcpy(record + 32 * (size_t)lane, node32, 32);
        return;
    }
    for (size_t w = 0; w < 8; w++) {
        uint32_t word = slk_load_be32(node32 + 4 * w);
        memcpy(record + 4 * word_place(kernel, lane, w), &word, sizeof word);
    }
}

static void take_node(const slk_label_kernel *kernel, uint8_t node32[32], const uint8_t *record,
                      unsigned lane)
{
    if (kernel->layout == SLK_LABEL_NODES) {
        memcpy(node32, record + 32 * (size_t)lane, 32);
        return;
    }
    for (size_t w = 0; w < 8; w++) {
        uint32_t word;
        memcpy(&word, record + 4 * word_place(kernel, lane, w), sizeof word);
        slk_store_be32(node32 + 4 * w, word);
    }
}

/* Node 0 has no parents: its message is the header block alone. */
static void first_record(const slk_label_kernel *kernel, uint8_t *out_record,
                         const slk_label_key *key)
{
    for (unsigned lane = 0; lane < kernel->lanes; lane++) {
        uint8_t message[128] = {[64] = 0x80, [126] = 0x02}, node[32];
        uint32_t state[8];
        for (size_t i = 0; i < 9; i++)
            slk_store_be32(message + 4 * i, key->word[i][lane]);
        memcpy(state, slk_sha256_iv, sizeof state);
        slk_sha256_ref.compress(state, message, 2);
        slk_sha256_state_bytes(node, state);
        slk_sha254_trim(node);
        put_node(kernel, out_record, lane, node);
    }
}

void slk_label_record(const slk_label_kernel *kernel, void *out_record, const slk_label_key *key,
                      uint64_t node, const void *const *parents, unsigned n)
{
    slk_assert(n == 6 || n == 14 || (n == 0 && node == 0));
    if (n == 0)
        first_record(kernel, out_record, key);
    else
        kernel->label(out_record, key, node, parents, n);
}

static void run_plain(const slk_label_kernel *kernel, const slk_label_chain *chain,
                      const slk_label_key *key)
{
    const void *parents[14];
    const unsigned n = chain->previous ? 14 : 6;
    const uint32_t *row = chain->rows;
    for (uint64_t node = chain->first; node < chain->end; node++, row += 14) {
        for (size_t i = 0; i < n; i++)
            parents[i] = (i < 6 ? chain->layer : chain->previous) + 32 * (size_t)row[i];
        kernel->label(chain->layer + 32 * node, key, node, parents, n);
    }
}

void slk_label_run(const slk_label_kernel *kernel, const slk_label_chain *chain,
                   const slk_label_key *key)
{
    slk_assert(kernel->lanes == 1 && chain->ahead >= chain->end);
    slk_label_chain rest = *chain;
    if (rest.first == 0 && rest.end > 0) {
        first_record(kernel, rest.layer, key);
        rest.first++;
        rest.rows += 14;
    }
    if (rest.first >= rest.end)
        return;
    if (kernel->run)
        kernel->run(&rest, key);
    else
        run_plain(kernel, &rest, key);
}

const slk_label_kernel *slk_label_run_kernel(const slk_crypto *crypto)
{
    const slk_label_kernel *kernel = NULL;
    for (size_t i = 0; (kernel = slk_label_kernel_at(crypto, i)) != NULL; i++)
        if (kernel->lanes == 1 && slk_label_works(kernel))
            break;
    slk_assert(kernel);
    return kernel;
}

void slk_label_unpack(const slk_label_kernel *kernel, uint8_t *const *nodes, const void *records,
                      size_t n)
{
    if (kernel->unpack) {
        kernel->unpack(nodes, records, n);
        return;
    }
    const uint8_t *record = records;
    for (size_t k = 0; k < n; k++, record += 32 * (size_t)kernel->lanes)
        for (unsigned lane = 0; lane < kernel->lanes; lane++)
            if (nodes[lane])
                take_node(kernel, nodes[lane] + 32 * k, record, lane);
}

void slk_label_pack(const slk_label_kernel *kernel, void *records, const uint8_t *const *nodes,
                    size_t n)
{
    uint8_t *record = records;
    for (size_t k = 0; k < n; k++, record += 32 * (size_t)kernel->lanes)
        for (unsigned lane = 0; lane < kernel->lanes; lane++)
            if (nodes[lane])
                put_node(kernel, record, lane, nodes[lane] + 32 * k);
}

/* ---- Choice by answers and by speed. */

/* A run of nodes with all their parents below, as labels one by one have it. */
static bool run_works(const slk_label_kernel *kernel, bool upper)
{
    enum { NODES = 40, ROW = 14 };
    uint8_t layer[NODES * 32], twin[NODES * 32], previous[NODES * 32];
    uint32_t rows[NODES * ROW] = {0};
    const uint8_t id[32] = {7};
    const uint8_t *const ids[1] = {id};
    for (size_t i = 0; i < sizeof previous; i++)
        previous[i] = (uint8_t)(i * 173 + (i >> 8));
    for (size_t i = ROW; i < NODES * ROW; i++)
        rows[i] = (uint32_t)(i % ROW == 0 ? i / ROW - 1 : i * 31 % (i / ROW));
    slk_label_key key;
    slk_label_key_init(&key, kernel, ids, 1, upper ? 2 : 1);
    slk_label_chain chain = {layer, upper ? previous : NULL, rows, 0, NODES, NODES};
    slk_label_run(kernel, &chain, &key);
    chain.layer = twin;
    slk_label_run(&slk_label_ref, &chain, &key);
    return memcmp(layer, twin, sizeof layer) == 0;
}

bool slk_label_works(const slk_label_kernel *kernel)
{
    enum { PARENTS = 14 };
    uint8_t id[SLK_LABEL_MAX_LANES][32], in[SLK_LABEL_MAX_LANES][PARENTS * 32];
    _Alignas(SLK_LABEL_ALIGN) uint8_t records[PARENTS + 1][SLK_LABEL_MAX_LANES * 32];
    const uint8_t *ids[SLK_LABEL_MAX_LANES], *nodes[SLK_LABEL_MAX_LANES];
    const void *parents[PARENTS], *plain[PARENTS];
    for (size_t i = 0; i < sizeof in; i++)
        in[i / sizeof *in][i % sizeof *in] = (uint8_t)(i * 173 + (i >> 8));
    for (unsigned lane = 0; lane < SLK_LABEL_MAX_LANES; lane++) {
        memset(id[lane], (int)lane + 1, 32);
        ids[lane] = id[lane];
        nodes[lane] = in[lane];
    }
    const size_t record_bytes = 32 * (size_t)kernel->lanes;
    slk_label_pack(kernel, records, nodes, PARENTS);
    for (size_t i = 0; i < PARENTS; i++)
        parents[i] = (const uint8_t *)records + i * record_bytes;
    for (unsigned n = 6; n <= PARENTS; n += 8) {
        uint8_t got[SLK_LABEL_MAX_LANES][32], want[32], *out[SLK_LABEL_MAX_LANES];
        slk_label_key key;
        slk_label_key_init(&key, kernel, ids, kernel->lanes, n);
        slk_label_record(kernel, records[PARENTS], &key, UINT64_C(0x123456789a), parents, n);
        for (unsigned lane = 0; lane < kernel->lanes; lane++)
            out[lane] = got[lane];
        slk_label_unpack(kernel, out, records[PARENTS], 1);
        for (unsigned lane = 0; lane < kernel->lanes; lane++) {
            for (size_t i = 0; i < PARENTS; i++)
                plain[i] = in[lane] + 32 * i;
            slk_label_key_init(&key, &slk_label_ref, &ids[lane], 1, n);
            slk_label_record(&slk_label_ref, want, &key, UINT64_C(0x123456789a), plain, n);
            if (memcmp(got[lane], want, 32) != 0)
                return false;
        }
    }
    return !kernel->run || (run_works(kernel, false) && run_works(kernel, true));
}

void slk_label_work(const slk_label_kernel *kernel, size_t records)
{
    _Alignas(SLK_LABEL_ALIGN) uint8_t ring[14][RECORD_MAX_BYTES];
    const uint8_t id[32] = {1};
    const uint8_t *const ids[1] = {id};
    const void *parents[14];
    memset(ring, 0x5a, sizeof ring);
    for (size_t i = 0; i < 14; i++)
        parents[i] = ring[i];
    slk_label_key key;
    slk_label_key_init(&key, kernel, ids, 1, 2);
    for (uint64_t node = 1; node <= records; node++)
        kernel->label(ring[0], &key, node, parents, 14);
}

double slk_label_measure_ns(const slk_label_kernel *kernel, unsigned budget_us)
{
    enum { NODES = 8 };
    const uint64_t until = slk_clock_monotonic_ns() + UINT64_C(1000) * budget_us;
    double best = 0;
    for (uint64_t now = 0; now < until;) {
        const uint64_t begin = slk_clock_monotonic_ns();
        slk_label_work(kernel, NODES);
        now = slk_clock_monotonic_ns();
        const double ns = (double)(now - begin) / NODES;
        if (best == 0 || ns < best)
            best = ns;
    }
    return best;
}

const slk_label_kernel *slk_label_choose(const slk_crypto *crypto, unsigned sectors)
{
    slk_assert(sectors >= 1);
    const slk_label_kernel *best = NULL;
    double least = 0;
    for (size_t i = 0; slk_label_kernel_at(crypto, i); i++) {
        const slk_label_kernel *kernel = slk_label_kernel_at(crypto, i);
        if (!slk_label_works(kernel))
            continue;
        const unsigned records = (sectors + kernel->lanes - 1) / kernel->lanes;
        const double ns = slk_label_measure_ns(kernel, 1000) * records;
        if (best && ns >= least)
            continue;
        best = kernel;
        least = ns;
    }
    slk_assert(best);
    return best;
}
