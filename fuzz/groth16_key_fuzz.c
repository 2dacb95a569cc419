/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Verifying keys; what is accepted has only points that are written back as they were read. */
#include "fuzz.h"

#include "base/mem.h"
#include "proofs/groth16/key.h"

#include <string.h>

#define MAX_IC 40u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_groth16_key_done) slk_groth16_key key = {0};
    slk_error error = {0};
    size_t used = 0;
    if (slk_groth16_key_read(&key, &used, fuzz_crypto(), data, n, MAX_IC, &error) != SLK_OK) {
        slk_assert(error.code == SLK_E_CORRUPT && used == 0);
        return 0;
    }
    uint8_t point[SLK_G1_BYTES];
    slk_assert(used <= n && used == SLK_GROTH16_KEY_BYTES(key.n_ic) && key.n_ic <= MAX_IC);
    for (uint32_t i = 0; i < key.n_ic; i++) {
        slk_g1_write(point, &key.ic[i]);
        slk_assert(memcmp(point, data + SLK_GROTH16_KEY_BYTES(i), sizeof point) == 0);
    }
    return 0;
}
