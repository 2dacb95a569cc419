/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Small files of a cache: p_aux, and .selkie-pc1 with its digest made right when the first byte is
 * odd. */
#include "fuzz.h"

#include "base/mem.h"
#include "crypto/sha256/sha256.h"
#include "proofs/vanilla/cache.h"

#include <string.h>

static void check_state(const uint8_t *data, size_t n)
{
    slk_pc1_state state = {0}, again = {0};
    bool found = false;
    fuzz_write(SLK_PC1_STATE_FILE, data, n);
    slk_error error = {0};
    slk_err code = slk_pc1_state_load(&state, &found, fuzz_crypto(), fuzz_folder(), &error);
    slk_assert(code == SLK_OK);
    if (!found)
        return;
    slk_assert(state.sector.proof.shape);
    slk_assert(slk_pc1_state_save(&state, fuzz_crypto(), fuzz_folder(), &error) == SLK_OK);
    code = slk_pc1_state_load(&again, &found, fuzz_crypto(), fuzz_folder(), &error);
    slk_assert(code == SLK_OK && found && again.layers_done == state.layers_done);
    slk_assert(again.sector.miner_id == state.sector.miner_id);
    slk_assert(memcmp(again.layer_digest, state.layer_digest, sizeof state.layer_digest) == 0);
}

static void check_p_aux(const uint8_t *data, size_t n)
{
    uint8_t bytes[64];
    slk_error error = {0};
    fuzz_write("p_aux", data, n);
    if (slk_p_aux_read(bytes, bytes + 32, fuzz_folder(), &error) == SLK_OK)
        slk_assert(n == 64 && memcmp(bytes, data, 64) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(n, 1);
    slk_assert(bytes);
    memcpy(bytes, data + 1, n - 1);
    if (data[0] & 1 && n > 32)
        slk_sha256_of(fuzz_crypto(), bytes + n - 33, bytes, n - 33);
    check_state(bytes, n - 1);
    check_p_aux(bytes, n - 1);
    return 0;
}
