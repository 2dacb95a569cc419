/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/groth16/key.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rng.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

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

static slk_err read_ic(slk_groth16_key *key, const uint8_t *bytes, slk_error *error)
{
    key->ic = slk_alloc(key->n_ic, sizeof(*key->ic));
    if (key->ic == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a verifying key");
    for (uint32_t i = 0; i < key->n_ic; i++)
        if (!slk_g1_read(&key->ic[i], bytes + AT_IC + (size_t)SLK_G1_BYTES * i))
            return bad_point(error, "an input point");
    return SLK_OK;
}

static slk_err read_key(slk_groth16_key *key, const uint8_t *bytes, size_t n, uint32_t max_ic,
                        slk_error *error)
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
    return read_ic(key, bytes, error);
}

slk_err slk_groth16_key_read(slk_groth16_key *ret_key, size_t *ret_used, const uint8_t *bytes,
                             size_t n, uint32_t max_ic, slk_error *error)
{
    slk_groth16_key key = {0};
    slk_err err = read_key(&key, bytes, n, max_ic, error);
    if (err != SLK_OK) {
        slk_groth16_key_done(&key);
        return err;
    }
    slk_gt_one(&key.alpha_beta);
    slk_pairing_miller(&key.alpha_beta, &key.alpha_g1, &key.beta_g2);
    *ret_used = SLK_GROTH16_KEY_BYTES(key.n_ic);
    *ret_key = key;
    return SLK_OK;
}

void slk_groth16_key_done(slk_groth16_key *key)
{
    slk_free(key->ic);
    key->ic = NULL;
}

/* --- proofs ----------------------------------------------------------------------------------- */

typedef struct proof_points {
    slk_g1_affine a, c;
    slk_g2_affine b;
} proof_points;

static bool read_proof(proof_points *ret_points, const uint8_t proof192[SLK_GROTH16_PROOF_BYTES])
{
    return slk_g1_read_compressed(&ret_points->a, proof192) &&
           slk_g2_read_compressed(&ret_points->b, proof192 + 48) &&
           slk_g1_read_compressed(&ret_points->c, proof192 + 144);
}

/* sum of scalars[i] * ic[i], scalars[0] belonging to ic[0]. Node numbers are short scalars. */
static void combine_inputs(slk_g1_affine *out, const slk_groth16_key *key, const slk_fr *scalars)
{
    slk_g1 sum = {0}, product;
    for (uint32_t i = 0; i < key->n_ic; i++) {
        uint8_t node[32];
        slk_fr_to_node(node, &scalars[i]);
        size_t bytes = 32;
        while (bytes > 0 && node[bytes - 1] == 0)
            bytes--;
        if (bytes == 0)
            continue;
        slk_g1_mul_bits(&product, &key->ic[i], node, 8 * bytes);
        slk_g1_add(&sum, &sum, &product);
    }
    slk_g1_to_affine(out, &sum);
}

static slk_err check_inputs(const slk_groth16_key *key, size_t n_inputs, slk_error *error)
{
    if (n_inputs + 1 == key->n_ic)
        return SLK_OK;
    return slk_fail(error, SLK_E_INVAL,
                    "%zu public inputs, but the verifying key is for %" PRIu32 ": it is of another "
                    "sector size",
                    n_inputs, key->n_ic - 1);
}

slk_err slk_groth16_verify(bool *ret_valid, const slk_groth16_key *key,
                           const uint8_t proof192[SLK_GROTH16_PROOF_BYTES], const slk_fr *inputs,
                           size_t n_inputs, slk_error *error)
{
    proof_points points;
    slk_g1_affine combined;
    SLK_TRY(check_inputs(key, n_inputs, error));
    if (!read_proof(&points, proof192)) {
        *ret_valid = false;
        return SLK_OK;
    }
    SLK_CLEANUP(slk_freep) slk_fr *scalars = slk_alloc(key->n_ic, sizeof(slk_fr));
    if (scalars == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for public inputs");
    scalars[0] = slk_fr_one;
    memcpy(scalars + 1, inputs, n_inputs * sizeof(slk_fr));
    combine_inputs(&combined, key, scalars);
    /* e(-A, B) * e(alpha, beta) * e(IC, gamma) * e(C, delta) == 1 */
    slk_gt product = key->alpha_beta;
    slk_g1_affine_neg(&points.a, &points.a);
    slk_pairing_miller(&product, &points.a, &points.b);
    slk_pairing_miller(&product, &combined, &key->gamma_g2);
    slk_pairing_miller(&product, &points.c, &key->delta_g2);
    *ret_valid = slk_pairing_is_one(&product);
    return SLK_OK;
}

/* --- many proofs ------------------------------------------------------------------------------ */

/* Per thread: prod e(-z_j A_j, B_j) before the final exponentiation, and sum z_j C_j. */
typedef struct batch_part {
    slk_gt product;
    slk_g1 c_sum;
} batch_part;

typedef struct batch_run {
    const uint8_t *proofs;
    const uint8_t *coefficients; /* [n][16] little-endian */
    batch_part *parts;
    atomic_bool bad;
} batch_run;

static void batch_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    batch_run *run = context;
    batch_part *part = &run->parts[worker];
    for (uint64_t j = begin; j < end && !atomic_load(&run->bad); j++) {
        proof_points points;
        slk_g1 product;
        slk_g1_affine scaled;
        if (!read_proof(&points, run->proofs + j * SLK_GROTH16_PROOF_BYTES)) {
            atomic_store(&run->bad, true);
            return;
        }
        slk_g1_mul_bits(&product, &points.c, run->coefficients + 16 * j, 128);
        slk_g1_add(&part->c_sum, &part->c_sum, &product);
        slk_g1_mul_bits(&product, &points.a, run->coefficients + 16 * j, 128);
        slk_g1_to_affine(&scaled, &product);
        slk_g1_affine_neg(&scaled, &scaled);
        slk_pairing_miller(&part->product, &scaled, &points.b);
    }
}

/* scalars[0] = sum z_j, scalars[1 + i] = sum z_j * input_{j,i}. */
static void combine_scalars(slk_fr *scalars, const uint8_t *coefficients, size_t n,
                            const slk_fr *inputs, size_t n_inputs)
{
    memset(scalars, 0, (n_inputs + 1) * sizeof(slk_fr));
    for (size_t j = 0; j < n; j++) {
        uint8_t node[32] = {0};
        slk_fr z, product;
        memcpy(node, coefficients + 16 * j, 16);
        bool canonical = slk_fr_from_node(&z, node);
        slk_assert(canonical);
        slk_fr_add(&scalars[0], &scalars[0], &z);
        for (size_t i = 0; i < n_inputs; i++) {
            slk_fr_mul(&product, &z, &inputs[j * n_inputs + i]);
            slk_fr_add(&scalars[1 + i], &scalars[1 + i], &product);
        }
    }
}

static bool batch_equation(const slk_groth16_key *key, const batch_part *parts, unsigned n_parts,
                           const slk_fr *scalars)
{
    slk_gt product;
    slk_g1 c_sum = {0}, alpha;
    slk_g1_affine point;
    slk_gt_one(&product);
    for (unsigned t = 0; t < n_parts; t++) {
        slk_gt_mul(&product, &product, &parts[t].product);
        slk_g1_add(&c_sum, &c_sum, &parts[t].c_sum);
    }
    slk_g1_to_affine(&point, &c_sum);
    slk_pairing_miller(&product, &point, &key->delta_g2);
    combine_inputs(&point, key, scalars);
    slk_pairing_miller(&product, &point, &key->gamma_g2);
    slk_g1_mul(&alpha, &key->alpha_g1, &scalars[0]);
    slk_g1_to_affine(&point, &alpha);
    slk_pairing_miller(&product, &point, &key->beta_g2);
    return slk_pairing_is_one(&product);
}

slk_err slk_groth16_verify_batch(bool *ret_valid, const slk_groth16_key *key, slk_pool *pool,
                                 const uint8_t *proofs, size_t n, const slk_fr *inputs,
                                 size_t n_inputs, slk_error *error)
{
    unsigned threads = slk_pool_threads(pool);
    SLK_TRY(check_inputs(key, n_inputs, error));
    SLK_CLEANUP(slk_freep) uint8_t *coefficients = slk_alloc(n, 16);
    SLK_CLEANUP(slk_freep) slk_fr *scalars = slk_alloc(n_inputs + 1, sizeof(slk_fr));
    SLK_CLEANUP(slk_freep) batch_part *parts = slk_calloc(threads, sizeof(batch_part));
    if (coefficients == NULL || scalars == NULL || parts == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for %zu proofs", n);
    slk_rng_fill(coefficients, 16 * n);
    for (unsigned t = 0; t < threads; t++)
        slk_gt_one(&parts[t].product);
    batch_run run = {.proofs = proofs, .coefficients = coefficients, .parts = parts};
    slk_pool_for(pool, n, 1, batch_body, &run);
    if (atomic_load(&run.bad)) {
        *ret_valid = false;
        return SLK_OK;
    }
    combine_scalars(scalars, coefficients, n, inputs, n_inputs);
    *ret_valid = batch_equation(key, parts, threads, scalars);
    return SLK_OK;
}
