/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/challenges.h"

#include "base/bytes.h"
#include "base/num.h"
#include "crypto/blake2b/blake2b.h"
#include "crypto/chacha/chacha.h"
#include "crypto/sha256/sha256.h"

#define SYNTHETIC_MAX (UINT64_C(1) << 18)
static const uint8_t synthetic_nonce[12] = "synth-porep"; /* and a zero byte */

/* The integer mod (nodes - 1), plus 1: never node 0. */
static uint64_t node_of(const uint8_t bytes32[32], uint64_t nodes)
{
    uint64_t rest = 0;
    for (size_t i = 32; i-- > 0;)
        rest = (rest << 8 | bytes32[i]) % (nodes - 1);
    return rest + 1;
}

static void derived_key(uint8_t out32[32], const char *tag, const uint8_t replica_id[32],
                        const uint8_t other[32])
{
    slk_blake2b hash;
    slk_blake2b_init(&hash, 32, tag, strlen(tag));
    slk_blake2b_update(&hash, replica_id, 32);
    slk_blake2b_update(&hash, other, 32);
    slk_blake2b_final(&hash, out32);
}

void slk_synthetic_set_init(slk_synthetic_set *ret_set, const slk_sector_shape *shape,
                            const uint8_t replica_id[32], const uint8_t comm_r[32])
{
    derived_key(ret_set->key, "filecoin.io|PoRep|1|Synthetic|1|Generation", replica_id, comm_r);
    ret_set->nodes = shape->nodes;
    ret_set->count = (uint32_t)slk_min_u64(shape->nodes, SYNTHETIC_MAX);
}

uint64_t slk_synthetic_set_at(const slk_synthetic_set *set, uint32_t index)
{
    slk_assert(index < set->count);
    uint8_t bytes[32];
    slk_chacha20_stream(bytes, 32, UINT64_C(32) * index, set->key, synthetic_nonce);
    return node_of(bytes, set->nodes);
}

uint32_t slk_synthetic_pick(const slk_synthetic_set *set, const uint8_t replica_id[32],
                            const uint8_t seed[32], uint32_t j)
{
    uint8_t key[32], bytes[4];
    derived_key(key, "filecoin.io|PoRep|1|Synthetic|1|Selection", replica_id, seed);
    slk_chacha20_stream(bytes, 4, UINT64_C(4) * j, key, synthetic_nonce);
    return slk_load_le32(bytes) % set->count;
}

static uint64_t hashed(const slk_crypto *crypto, const char *tag, const uint8_t replica_id[32],
                       const uint8_t other[32], uint32_t j, uint64_t nodes)
{
    uint8_t number[4], digest[32];
    slk_store_le32(number, j);
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    slk_sha256_update(&hash, tag, strlen(tag));
    slk_sha256_update(&hash, replica_id, 32);
    slk_sha256_update(&hash, other, 32);
    slk_sha256_update(&hash, number, sizeof number);
    slk_sha256_final(&hash, digest);
    return node_of(digest, nodes);
}

void slk_challenges(uint64_t *out, const slk_crypto *crypto, const slk_seal_proof *proof,
                    const uint8_t replica_id[32], const uint8_t seed[32], const uint8_t comm_r[32])
{
    const uint64_t nodes = proof->shape->nodes;
    const uint32_t count = slk_seal_proof_partitions(proof) * proof->shape->challenges;
    slk_synthetic_set set;
    slk_synthetic_set_init(&set, proof->shape, replica_id, comm_r);
    for (uint32_t j = 0; j < count; j++) {
        switch (proof->feature) {
        case SLK_FEATURE_NONE:
            out[j] = hashed(crypto, "", replica_id, seed, j, nodes);
            break;
        case SLK_FEATURE_SYNTHETIC:
            out[j] = slk_synthetic_set_at(&set, slk_synthetic_pick(&set, replica_id, seed, j));
            break;
        case SLK_FEATURE_NON_INTERACTIVE:
            out[j] = hashed(crypto, "filecoin.io|PoRep|1|NonInteractive|1", replica_id, comm_r, j,
                            nodes);
            break;
        }
    }
}
