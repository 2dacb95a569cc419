/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/graph/graph.h"

#include "base/bytes.h"
#include "base/num.h"
#include "crypto/blake2b/blake2b.h"
#include "crypto/chacha/chacha.h"
#include "crypto/sha256/sha256.h"

#include <stdio.h>

#define FEISTEL_ROUNDS 3u

static void seed_of(const slk_crypto *crypto, uint8_t out32[32], const char *tag,
                    const uint8_t porep_id[32])
{
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    slk_sha256_update(&hash, tag, strlen(tag));
    slk_sha256_update(&hash, porep_id, 32);
    slk_sha256_final(&hash, out32);
}

void slk_graph_init(slk_graph *ret_graph, const slk_crypto *crypto, const slk_seal_proof *proof)
{
    slk_graph g = {.nodes = proof->shape->nodes, .api = proof->api};
    uint8_t digest[32];
    seed_of(crypto, digest, "Filecoin_DRSample", proof->porep_id);
    memcpy(g.drg_seed, digest, sizeof g.drg_seed);
    seed_of(crypto, digest, "Filecoin_Feistel", proof->porep_id);
    for (size_t i = 0; i < 4; i++)
        g.feistel_keys[i] = slk_load_le64(digest + 8 * i);
    g.half_bits = 1;
    while (UINT64_C(1) << (2 * g.half_bits) < SLK_EXPANDER_PARENTS * g.nodes)
        g.half_bits++;
    g.half_mask = (UINT64_C(1) << g.half_bits) - 1;
    *ret_graph = g;
}

static void base_parents(const slk_graph *graph, uint64_t node, uint32_t out[SLK_BASE_PARENTS])
{
    memset(out, 0, SLK_BASE_PARENTS * sizeof *out);
    if (node < 2)
        return;
    uint8_t key[32], draws[80];
    memcpy(key, graph->drg_seed, sizeof graph->drg_seed);
    slk_store_le32(key + 28, slk_u32(node));
    slk_chacha8_stream(draws, sizeof draws, key);
    /* The metagraph has five nodes per node; distances double from bucket to bucket. */
    const uint64_t meta = node * 5;
    const unsigned buckets = slk_log2(meta) + 1;
    uint32_t *drawn = graph->api == SLK_API_1_0 ? out : out + 1;
    for (size_t j = 0; j < 5; j++) {
        unsigned bucket = (unsigned)(slk_load_le64(draws + 16 * j) % buckets) + 1;
        uint64_t longest = slk_min_u64(meta, UINT64_C(1) << bucket);
        uint64_t shortest = slk_max_u64(2, longest >> 1);
        uint64_t distance = shortest + slk_load_le64(draws + 16 * j + 8) % (longest - shortest + 1);
        uint64_t parent = (meta - distance) / 5;
        drawn[j] = slk_u32(parent == node ? node - 1 : parent);
    }
    out[graph->api == SLK_API_1_0 ? 5 : 0] = slk_u32(node - 1);
}

static uint64_t feistel(const slk_graph *graph, uint64_t index)
{
    uint64_t left = index >> graph->half_bits, right = index & graph->half_mask;
    for (size_t round = 0; round < FEISTEL_ROUNDS; round++) {
        uint8_t message[16], digest[64];
        slk_store_be64(message, right);
        slk_store_be64(message + 8, graph->feistel_keys[round]);
        slk_blake2b_of(digest, sizeof digest, message, sizeof message);
        uint64_t next = left ^ (slk_load_be64(digest) & graph->half_mask);
        left = right;
        right = next;
    }
    return left << graph->half_bits | right;
}

/* Version 1.0 truncates first, which matters from 32 GiB up. */
static uint32_t parent_of_index(const slk_graph *graph, uint64_t index)
{
    const uint64_t kept = graph->api == SLK_API_1_0 ? (uint32_t)index : index;
    return slk_u32(kept / SLK_EXPANDER_PARENTS);
}

void slk_graph_parents(const slk_graph *graph, uint64_t node, uint32_t out[SLK_PARENTS])
{
    slk_assert(node < graph->nodes);
    base_parents(graph, node, out);
    const uint64_t domain = SLK_EXPANDER_PARENTS * graph->nodes;
    for (size_t i = 0; i < SLK_EXPANDER_PARENTS; i++) {
        uint64_t index = feistel(graph, node * SLK_EXPANDER_PARENTS + i);
        while (index >= domain)
            index = feistel(graph, index);
        out[SLK_BASE_PARENTS + i] = parent_of_index(graph, index);
    }
}

/* Indices of the expander of up to BATCH_NODES nodes on their walk through the Feistel network. */
#define BATCH_NODES 256u
#define BATCH_WORDS (BATCH_NODES * SLK_EXPANDER_PARENTS)

struct walk {
    size_t n;
    uint64_t left[BATCH_WORDS], right[BATCH_WORDS], word[BATCH_WORDS];
    uint16_t place[BATCH_WORDS]; /* node in batch * 8 + parent */
};

static void feistel_batch(const slk_graph *graph, const slk_crypto *crypto, struct walk *w)
{
    for (size_t round = 0; round < FEISTEL_ROUNDS; round++) {
        slk_blake2b_words(crypto, w->word, w->right, graph->feistel_keys[round], w->n);
        for (size_t i = 0; i < w->n; i++) {
            uint64_t next = w->left[i] ^ (w->word[i] & graph->half_mask);
            w->left[i] = w->right[i];
            w->right[i] = next;
        }
    }
}

/* Stores the indices that have arrived in the domain; those that have not stay in the walk. */
static void collect(const slk_graph *graph, struct walk *w, uint32_t *rows)
{
    size_t left_over = 0;
    for (size_t i = 0; i < w->n; i++) {
        const uint64_t index = w->left[i] << graph->half_bits | w->right[i];
        if (index < SLK_EXPANDER_PARENTS * graph->nodes) {
            rows[w->place[i] / SLK_EXPANDER_PARENTS * SLK_PARENTS + SLK_BASE_PARENTS +
                 w->place[i] % SLK_EXPANDER_PARENTS] = parent_of_index(graph, index);
            continue;
        }
        w->left[left_over] = w->left[i];
        w->right[left_over] = w->right[i];
        w->place[left_over++] = w->place[i];
    }
    w->n = left_over;
}

static void parents_batch(const slk_graph *graph, const slk_crypto *crypto, uint64_t first,
                          size_t n, uint32_t *rows)
{
    struct walk w = {.n = n * SLK_EXPANDER_PARENTS};
    for (size_t i = 0; i < w.n; i++) {
        const uint64_t index = first * SLK_EXPANDER_PARENTS + i;
        w.left[i] = index >> graph->half_bits;
        w.right[i] = index & graph->half_mask;
        w.place[i] = (uint16_t)i;
    }
    for (size_t i = 0; i < n; i++)
        base_parents(graph, first + i, rows + i * SLK_PARENTS);
    while (w.n) {
        feistel_batch(graph, crypto, &w);
        collect(graph, &w, rows);
    }
}

void slk_graph_parents_range(const slk_graph *graph, const slk_crypto *crypto, uint64_t first,
                             uint64_t n, uint32_t *rows)
{
    slk_assert(first <= graph->nodes && n <= graph->nodes - first);
    for (uint64_t done = 0; done < n; done += BATCH_NODES)
        parents_batch(graph, crypto, first + done, (size_t)slk_min_u64(BATCH_NODES, n - done),
                      rows + done * SLK_PARENTS);
}

void slk_graph_cache_name(char out[SLK_GRAPH_CACHE_NAME_CHARS], const slk_crypto *crypto,
                          const slk_graph *graph)
{
    char text[256];
    int n = snprintf(text, sizeof text,
                     "poseidon_hasherstacked_graph::StackedGraph{expansion_degree: 8 base_graph: "
                     "drgraph::BucketGraph{size: %llu; degree: 6; hasher: poseidon_hasher} }",
                     (unsigned long long)graph->nodes);
    slk_assert(n > 0 && (size_t)n < sizeof text);
    uint8_t numbers[36], digest[32];
    for (size_t i = 0; i < 4; i++)
        slk_store_le64(numbers + 8 * i, graph->feistel_keys[i]);
    slk_store_le32(numbers + 32, slk_u32(graph->nodes));
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    slk_sha256_update(&hash, text, (size_t)n);
    slk_sha256_update(&hash, numbers, sizeof numbers);
    slk_sha256_final(&hash, digest);
    char hex[65];
    slk_hex_encode(hex, digest, 32);
    (void)snprintf(out, SLK_GRAPH_CACHE_NAME_CHARS, "v28-sdr-parent-%s", hex);
}
