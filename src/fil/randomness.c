/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/randomness.h"

#include "base/bytes.h"
#include "codec/varint.h"
#include "crypto/blake2b/blake2b.h"

void slk_randomness_draw(uint8_t out32[32], const uint8_t digest32[32], int64_t tag, int64_t epoch,
                         const uint8_t *entropy, size_t entropy_bytes)
{
    slk_blake2b hash;
    uint8_t number[8];
    slk_blake2b_init(&hash, 32, NULL, 0);
    slk_store_be64(number, (uint64_t)tag);
    slk_blake2b_update(&hash, number, 8);
    slk_blake2b_update(&hash, digest32, 32);
    slk_store_be64(number, (uint64_t)epoch);
    slk_blake2b_update(&hash, number, 8);
    slk_blake2b_update(&hash, entropy, entropy_bytes);
    slk_blake2b_final(&hash, out32);
}

size_t slk_randomness_entropy(uint8_t out16[16], uint64_t miner_id)
{
    /* A CBOR byte string of protocol 0 and the id; short enough for a one-byte head. */
    size_t n = slk_varint_put(out16 + 2, miner_id);
    out16[0] = (uint8_t)(0x40 | (n + 1));
    out16[1] = 0;
    return n + 2;
}
