/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Proof bytes: points have one compressed form, and no bytes prove what was not proved. */
#include "fuzz.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "proofs/groth16/key.h"
#include "support/slk_test_vectors.h"

#include <stdlib.h>

static slk_groth16_key *test_key(void)
{
    static slk_groth16_key key;
    if (key.ic == NULL) {
        size_t n = 0, used = 0;
        uint8_t *bytes = slk_test_vectors_bytes("params-2k.vk", &n);
        slk_assert(slk_groth16_key_read(&key, &used, fuzz_crypto(), bytes, n, 64, NULL) == SLK_OK &&
                   used == n);
        free(bytes);
    }
    return &key;
}

static void check_points(const uint8_t proof[SLK_GROTH16_PROOF_BYTES])
{
    uint8_t out[SLK_G2_COMPRESSED_BYTES];
    slk_g1_affine g1, g1_row;
    slk_g2_affine g2, g2_row;
    bool one = slk_g1_read_compressed(&g1, proof);
    slk_assert(slk_g1_read_compressed_all(fuzz_crypto(), &g1_row, proof, 0, 1) == one);
    if (one) {
        slk_assert(memcmp(&g1, &g1_row, sizeof g1) == 0);
        slk_g1_write_compressed(out, &g1);
        slk_assert(memcmp(out, proof, SLK_G1_COMPRESSED_BYTES) == 0);
    }
    one = slk_g2_read_compressed(&g2, proof + SLK_G1_COMPRESSED_BYTES);
    slk_assert(slk_g2_read_compressed_all(fuzz_crypto(), &g2_row, proof + SLK_G1_COMPRESSED_BYTES,
                                          0, 1) == one);
    if (one) {
        slk_assert(memcmp(&g2, &g2_row, sizeof g2) == 0);
        slk_g2_write_compressed(out, &g2);
        slk_assert(memcmp(out, proof + SLK_G1_COMPRESSED_BYTES, sizeof out) == 0);
    }
}

static void check_uncompressed(const uint8_t in[SLK_GROTH16_PROOF_BYTES])
{
    uint8_t out[SLK_G2_BYTES];
    slk_g1_affine g1;
    slk_g2_affine g2;
    if (slk_g1_read(&g1, in)) {
        slk_g1_write(out, &g1);
        slk_assert(memcmp(out, in, SLK_G1_BYTES) == 0);
    }
    if (slk_g2_read(&g2, in)) {
        slk_g2_write(out, &g2);
        slk_assert(memcmp(out, in, SLK_G2_BYTES) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const slk_groth16_key *key = test_key();
    slk_error error = {0};
    bool valid = true;
    if (n < SLK_GROTH16_PROOF_BYTES)
        return 0;
    check_points(data);
    check_uncompressed(data);
    /* The public inputs are 1, 2, 3 …: no sector has these. */
    SLK_CLEANUP(slk_freep) slk_fr *inputs = slk_calloc(key->n_ic, sizeof *inputs);
    slk_assert(inputs);
    for (uint32_t i = 0; i + 1 < key->n_ic; i++)
        slk_fr_from_u64(&inputs[i], i + 1);
    slk_assert(slk_groth16_verify(&valid, fuzz_crypto(), key, NULL, data, inputs, key->n_ic - 1,
                                  &error) == SLK_OK);
    slk_assert(!valid);
    return 0;
}
