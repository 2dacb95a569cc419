/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which nodes a commit must open. source: reference/proofs 6. */
#ifndef SLK_PROOFS_VANILLA_CHALLENGES_H
#define SLK_PROOFS_VANILLA_CHALLENGES_H

#include "crypto/crypto.h"
#include "fil/sector.h"

#include <stdint.h>

/* All partitions' challenges in order: partitions * challenges numbers, each in [1, nodes).
 * interactive: from replica_id and seed; non-interactive: from replica_id and comm_r; synthetic: from
 * all three, picked out of the set below. */
void slk_challenges(uint64_t *out, const slk_crypto *crypto, const slk_seal_proof *proof,
                    const uint8_t replica_id[32], const uint8_t seed[32], const uint8_t comm_r[32]);

/* The set a synthetic sector is proven for in advance: min(nodes, 2^18) entries. */
typedef struct slk_synthetic_set {
    uint8_t key[32];
    uint64_t nodes;
    uint32_t count;
} slk_synthetic_set;

void slk_synthetic_set_init(slk_synthetic_set *ret_set, const slk_sector_shape *shape,
                            const uint8_t replica_id[32], const uint8_t comm_r[32]);
uint64_t slk_synthetic_set_at(const slk_synthetic_set *set, uint32_t index);

/* Index in the set of the j-th challenge of a sector (j = challenges * partition + i). */
uint32_t slk_synthetic_pick(const slk_synthetic_set *set, const uint8_t replica_id[32],
                            const uint8_t seed[32], uint32_t j);

#endif
