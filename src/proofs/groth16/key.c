/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/groth16/key.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <inttypes.h>

/* Offsets in a verifying key. source: reference/proofs 9.2 */
enum {
    AT_ALPHA_G1 = 0,
    AT_BETA_G1 = 96,
    AT_BETA_G2 = 192,
    AT_GAMMA_G2 = 384,
    AT_DELTA_G1 = 576,
    AT_DELTA_G2 = 672,
    AT_IC_COUNT = 864,
    AT_IC = 868,
};

static slk_err bad_point(slk_error *error, const char *which)
{
    return slk_fail(error, SLK_E_CORRUPT,
                    "verifying key: %s is not a point of the group, or is infinity", which);
}

static slk_err read_ic(slk_groth16_key *key, const slk_crypto *crypto, const uint8_t *bytes,
                       slk_error *error)
{
    key->ic = slk_alloc(key->n_ic, sizeof(*key->ic));
    if (key->ic == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a verifying key");
    if (!slk_g1_read_all(crypto, key->ic, bytes + AT_IC, SLK_G1_BYTES, key->n_ic))
        return bad_point(error, "an input point");
    return SLK_OK;
}

static slk_err read_key(slk_groth16_key *key, const slk_crypto *crypto, const uint8_t *bytes,
                        size_t n, uint32_t max_ic, slk_error *error)
{
    if (n < AT_IC)
        return slk_fail(error, SLK_E_CORRUPT, "verifying key: only %zu bytes", n);
    key->n_ic = slk_load_be32(bytes + AT_IC_COUNT);
    if (key->n_ic == 0 || key->n_ic > max_ic)
        return slk_fail(error, SLK_E_CORRUPT,
                        "verifying key: %" PRIu32 " input points, expected at most %" PRIu32,
                        key->n_ic, max_ic);
    if (n < SLK_GROTH16_KEY_BYTES(key->n_ic))
        return slk_fail(error, SLK_E_CORRUPT, "verifying key: %zu bytes instead of %zu", n,
                        SLK_GROTH16_KEY_BYTES(key->n_ic));
    if (!slk_g1_read(&key->alpha_g1, bytes + AT_ALPHA_G1))
        return bad_point(error, "alpha");
    if (!slk_g1_read(&key->beta_g1, bytes + AT_BETA_G1) ||
        !slk_g2_read(&key->beta_g2, bytes + AT_BETA_G2))
        return bad_point(error, "beta");
    if (!slk_g2_read(&key->gamma_g2, bytes + AT_GAMMA_G2))
        return bad_point(error, "gamma");
    if (!slk_g1_read(&key->delta_g1, bytes + AT_DELTA_G1) ||
        !slk_g2_read(&key->delta_g2, bytes + AT_DELTA_G2))
        return bad_point(error, "delta");
    return read_ic(key, crypto, bytes, error);
}

static slk_err prepare_key(slk_groth16_key *key, slk_error *error)
{
    key->lines = slk_alloc(1, sizeof(*key->lines));
    if (key->lines == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a verifying key");
    slk_g2_lines_of(&key->lines->beta, &key->beta_g2);
    slk_g2_lines_of(&key->lines->gamma, &key->gamma_g2);
    slk_g2_lines_of(&key->lines->delta, &key->delta_g2);
    slk_pairing_term term = {&key->alpha_g1, &key->lines->beta};
    slk_gt_one(&key->alpha_beta);
    slk_pairing_miller_lines(&key->alpha_beta, &term, 1);
    return SLK_OK;
}

slk_err slk_groth16_key_read(slk_groth16_key *ret_key, size_t *ret_used, const slk_crypto *crypto,
                             const uint8_t *bytes, size_t n, uint32_t max_ic, slk_error *error)
{
    slk_groth16_key key = {0};
    slk_err err = read_key(&key, crypto, bytes, n, max_ic, error);
    if (err != SLK_OK) {
        slk_groth16_key_done(&key);
        return err;
    }
    err = prepare_key(&key, error);
    if (err != SLK_OK) {
        slk_groth16_key_done(&key);
        return err;
    }
    *ret_used = SLK_GROTH16_KEY_BYTES(key.n_ic);
    *ret_key = key;
    return SLK_OK;
}

void slk_groth16_key_done(slk_groth16_key *key)
{
    slk_free(key->ic);
    slk_free(key->lines);
    key->ic = NULL;
    key->lines = NULL;
}
