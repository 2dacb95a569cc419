/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Groth16 verification over BLS12-381: the verifying key, one proof, many proofs at once.
 * source: reference/proofs 9.1, 9.2, 9.5. */
#ifndef SLK_PROOFS_GROTH16_KEY_H
#define SLK_PROOFS_GROTH16_KEY_H

#include "base/err.h"
#include "base/pool.h"
#include "crypto/crypto.h"
#include "crypto/curve/curve.h"
#include "crypto/curve/pairing.h"
#include "crypto/fr/fr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_GROTH16_PROOF_BYTES 192u
/* Bytes of a verifying key with n input points. */
#define SLK_GROTH16_KEY_BYTES(n_inputs) (868u + 96u * (size_t)(n_inputs))

typedef struct slk_groth16_lines {
    slk_g2_lines beta, gamma, delta;
} slk_groth16_lines;

/* A verifying key, every point checked, with what pairings with its points need: the Miller value
 * of (alpha, beta), the lines of beta, gamma and delta. Owned memory: ic, lines (59 KB). */
typedef struct slk_groth16_key {
    slk_g1_affine alpha_g1, beta_g1, delta_g1;
    slk_g2_affine beta_g2, gamma_g2, delta_g2;
    slk_gt alpha_beta;
    uint32_t n_ic; /* public inputs + 1 */
    slk_g1_affine *ic; /* heap */
    slk_groth16_lines *lines; /* heap */
} slk_groth16_key;

/* From the official bytes; *ret_used is the length of the key, n may be longer (a parameter file
 * goes on after it). SLK_E_CORRUPT: too short, more than max_ic input points, a point that is not
 * on its curve, not in its group, or infinity. */
SLK_MUST_CHECK slk_err slk_groth16_key_read(slk_groth16_key *ret_key, size_t *ret_used,
                                            const slk_crypto *crypto, const uint8_t *bytes,
                                            size_t n, uint32_t max_ic, slk_error *error);
void slk_groth16_key_done(slk_groth16_key *key); /* idempotent on a zeroed struct */

/* One proof of 192 bytes (compressed A, B, C) for n_inputs = key->n_ic - 1 public inputs.
 * *ret_valid false also for bytes that are no points of the right groups or infinity. About 0.9 ms
 * on two threads of the pool, 1 ms on one, for 39 inputs. */
SLK_MUST_CHECK slk_err slk_groth16_verify(bool *ret_valid, const slk_crypto *crypto,
                                          const slk_groth16_key *key, slk_pool *pool,
                                          const uint8_t proof192[SLK_GROTH16_PROOF_BYTES],
                                          const slk_fr *inputs, size_t n_inputs, slk_error *error);

/* n proofs, one after the other, with their inputs one after the other, in one equation with
 * random 128-bit coefficients from the kernel. Accepts a batch with a bad proof with probability
 * 2^-128. About 0.3 ms per proof and core. n >= 1. */
SLK_MUST_CHECK slk_err slk_groth16_verify_batch(bool *ret_valid, const slk_crypto *crypto,
                                                const slk_groth16_key *key, slk_pool *pool,
                                                const uint8_t *proofs, size_t n,
                                                const slk_fr *inputs, size_t n_inputs,
                                                slk_error *error);

#endif
