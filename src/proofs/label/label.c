/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/label/label.h"

#include "base/bytes.h"
#include "base/num.h"
#include "crypto/sha256/sha256.h"

/* A message is 64 bytes of header and 37 nodes, 1248 bytes; with its padding 20 blocks. */
#define MESSAGE_BITS ((64u + 32u * SLK_LABEL_PARENTS) * 8u)
/* Nodes between two looks at the job. */
#define STEP_NODES 16384u
/* How far ahead parents are fetched into the processor's caches. */
#define PREFETCH_NODES 8u

static void put_header(uint8_t header[64], const uint8_t replica_id[32], unsigned layer)
{
    memset(header, 0, 64);
    memcpy(header, replica_id, 32);
    slk_store_be32(header + 32, layer);
}

static void put_padding(uint8_t out32[32], unsigned bits)
{
    memset(out32, 0, 32);
    out32[0] = 0x80;
    slk_store_be64(out32 + 24, bits);
}

static void hash_node0(const slk_crypto *crypto, uint8_t out32[32], const uint8_t header[64])
{
    slk_sha256_of(crypto, out32, header, 64);
    slk_sha254_trim(out32);
}

/* group: n nodes (6 or 14, a whole number of blocks), repeated to 37 and padded. tail: the last
 * repetition with the padding, 37 mod n nodes and 32 bytes. */
static void hash_groups(const slk_crypto *crypto, uint8_t out32[32], const uint8_t header[64],
                        const uint8_t *group, unsigned n)
{
    uint32_t state[8];
    uint8_t tail[(9 + 1) * 32];
    const size_t rest = SLK_LABEL_PARENTS % n * (size_t)32, blocks = n / 2;
    memcpy(tail, group, rest);
    put_padding(tail + rest, MESSAGE_BITS);
    memcpy(state, slk_sha256_iv, sizeof state);
    slk_sha256_compress(crypto, state, header, 1);
    for (unsigned i = 0; i < SLK_LABEL_PARENTS / n; i++)
        slk_sha256_compress(crypto, state, group, blocks);
    slk_sha256_compress(crypto, state, tail, (rest + 32) / 64);
    slk_sha256_state_bytes(out32, state);
    slk_sha254_trim(out32);
}

void slk_label_node(const slk_crypto *crypto, uint8_t out32[32], const uint8_t replica_id[32],
                    unsigned layer, uint64_t node, const uint8_t *parents, unsigned n)
{
    slk_assert(n == 0 || n == SLK_BASE_PARENTS || n == SLK_PARENTS);
    uint8_t header[64];
    put_header(header, replica_id, layer);
    slk_store_be64(header + 36, node);
    if (n == 0)
        hash_node0(crypto, out32, header);
    else
        hash_groups(crypto, out32, header, parents, n);
}

struct labeling {
    uint8_t *out;
    const uint8_t *previous;
    const slk_crypto *crypto;
    const slk_parents *parents;
    uint64_t nodes;
    uint8_t header[64];
};

static void prefetch(const struct labeling *l, uint64_t node)
{
    if (node >= l->nodes)
        return;
    const uint32_t *row = slk_parents_row(l->parents, node);
    for (size_t i = 0; i < SLK_BASE_PARENTS; i++)
        __builtin_prefetch(l->out + (size_t)row[i] * 32);
    if (!l->previous)
        return;
    for (size_t i = SLK_BASE_PARENTS; i < SLK_PARENTS; i++)
        __builtin_prefetch(l->previous + (size_t)row[i] * 32);
}

static void label_range(struct labeling *l, uint64_t begin, uint64_t end)
{
    uint8_t group[SLK_PARENTS * 32];
    const unsigned n = l->previous ? SLK_PARENTS : SLK_BASE_PARENTS;
    for (uint64_t node = begin; node < end; node++) {
        prefetch(l, node + PREFETCH_NODES);
        slk_store_be64(l->header + 36, node);
        if (node == 0) {
            hash_node0(l->crypto, l->out, l->header);
            continue;
        }
        const uint32_t *row = slk_parents_row(l->parents, node);
        for (size_t i = 0; i < SLK_BASE_PARENTS; i++)
            memcpy(group + 32 * i, l->out + (size_t)row[i] * 32, 32);
        for (size_t i = SLK_BASE_PARENTS; i < n; i++)
            memcpy(group + 32 * i, l->previous + (size_t)row[i] * 32, 32);
        hash_groups(l->crypto, l->out + node * 32, l->header, group, n);
    }
}

slk_err slk_label_layer(uint8_t *out, const uint8_t *previous, const slk_crypto *crypto,
                        const slk_parents *parents, uint64_t nodes, const uint8_t replica_id[32],
                        unsigned layer, slk_job *job, slk_error *error)
{
    slk_assert((layer == 1) == (previous == NULL));
    struct labeling l = {
        .out = out, .previous = previous, .crypto = crypto, .parents = parents, .nodes = nodes};
    put_header(l.header, replica_id, layer);
    for (uint64_t node = 0; node < nodes; node += STEP_NODES) {
        SLK_TRY(slk_job_check(job, error));
        uint64_t end = slk_min_u64(nodes, node + STEP_NODES);
        label_range(&l, node, end);
        slk_job_advance(job, end - node);
    }
    return SLK_OK;
}
