/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Verifying keys; what is accepted has only points that are written back as they were read. */
#include "proofs/groth16/key.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    slk_groth16_key key = {0};
    size_t used = 0;
    if (slk_groth16_key_read(&key, &used, bytes, n, 40, NULL) != SLK_OK)
        return 0;
    slk_assert(used <= n && key.n_ic >= 1 && key.n_ic <= 40);
    uint8_t point[SLK_G1_BYTES];
    for (uint32_t i = 0; i < key.n_ic; i++) {
        slk_g1_write(point, &key.ic[i]);
        slk_assert(memcmp(point, bytes + SLK_GROTH16_KEY_BYTES(i), sizeof point) == 0);
    }
    slk_groth16_key_done(&key);
    return 0;
}
