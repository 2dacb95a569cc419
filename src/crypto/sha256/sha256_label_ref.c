/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The label of one sector as the format writes it: the twin of the faster kernels. */
#include "crypto/sha256/sha256_impl.h"
#include "crypto/sha256/sha256_label_impl.h"

#include "base/bytes.h"

static void label(void *out_record, const slk_label_key *key, uint64_t node,
                  const void *const *parents, unsigned n)
{
    uint8_t message[20 * 64] = {0};
    uint32_t state[8];
    for (size_t i = 0; i < 9; i++)
        slk_store_be32(message + 4 * i, key->word[i][0]);
    slk_store_be64(message + 36, node);
    for (size_t i = 0; i < SLK_LABEL_NODES_HASHED; i++)
        memcpy(message + 64 + 32 * i, parents[i % n], 32);
    message[SLK_LABEL_MESSAGE_BITS / 8] = 0x80;
    slk_store_be64(message + sizeof message - 8, SLK_LABEL_MESSAGE_BITS);
    memcpy(state, slk_sha256_iv, sizeof state);
    slk_sha256_ref.compress(state, message, 20);
    slk_sha256_state_bytes(out_record, state);
    slk_sha254_trim(out_record);
}

const slk_label_kernel slk_label_ref = {
    .name = "plain", .needs = 0, .lanes = 1, .group = 1, .layout = SLK_LABEL_NODES, .label = label};
