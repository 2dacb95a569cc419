/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Drawing chain randomness: BLAKE2b-256(BE64(tag) || digest || BE64(epoch) || entropy).
 * source: reference/chain 1.3 */
#ifndef SLK_FIL_RANDOMNESS_H
#define SLK_FIL_RANDOMNESS_H

#include <stddef.h>
#include <stdint.h>

typedef enum slk_domain_tag {
    SLK_TAG_SEAL_RANDOMNESS = 5, /* the ticket */
    SLK_TAG_INTERACTIVE_SEAL_SEED = 6, /* the seed of the challenges */
} slk_domain_tag;

/* digest32 = BLAKE2b-256 of the VRF proof or of the beacon entry's data. epoch as asked, may be
 * negative. */
void slk_randomness_draw(uint8_t out32[32], const uint8_t digest32[32], int64_t tag, int64_t epoch,
                         const uint8_t *entropy, size_t entropy_bytes);

/* Entropy of a sector's ticket and seed: CBOR of the miner's ID address. Returns its length
 * (<= 13). */
size_t slk_randomness_entropy(uint8_t out16[16], uint64_t miner_id);

#endif
