/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The Groth16 prover: one partition of a C1 output to 192 bytes. source: reference/proofs 9.4. */
#ifndef SLK_PROOFS_GROTH16_PROVE_H
#define SLK_PROOFS_GROTH16_PROVE_H

#include "base/err.h"
#include "base/job.h"
#include "base/pool.h"
#include "crypto/fr/fr.h"
#include "proofs/circuit/circuit.h"
#include "proofs/groth16/key.h"
#include "proofs/params/params.h"
#include "proofs/vanilla/c1.h"

#include <stdint.h>

/* What is the same for all partitions of all sectors of one size. Immutable once made, shared
 * freely between threads. */
typedef struct slk_groth16_prover {
    const slk_crypto *crypto; /* borrowed */
    const slk_params *params; /* borrowed */
    slk_circuit *circuit;
    slk_circuit_density density;
} slk_groth16_prover;

/* crypto and params are borrowed. SLK_E_CORRUPT when the parameters have not the numbers of points
 * that the circuit's densities ask for. */
SLK_MUST_CHECK slk_err slk_groth16_prover_init(slk_groth16_prover *ret_prover,
                                               const slk_crypto *crypto, const slk_params *params,
                                               slk_error *error);
void slk_groth16_prover_done(slk_groth16_prover *prover); /* idempotent on a zeroed struct */

/* Proves one partition with the blinding r, s: the same r, s give the same bytes. Whoever learns r
 * or s learns about the witness; take them fresh from slk_rng_fill and wipe them. Memory and
 * stages: slk_porep_prove. The proof is not verified here. */
SLK_MUST_CHECK slk_err slk_groth16_prove(uint8_t ret_proof192[SLK_GROTH16_PROOF_BYTES],
                                         const slk_groth16_prover *prover, slk_pool *pool,
                                         const slk_c1 *c1, unsigned partition, const slk_fr *r,
                                         const slk_fr *s, slk_job *job, slk_error *error);

#endif
