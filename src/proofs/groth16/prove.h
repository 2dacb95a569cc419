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

/* Keeps a proof from telling about the witness. */
typedef struct slk_groth16_blinding {
    slk_fr r, s;
} slk_groth16_blinding;

/* Proves partitions first .. first + n - 1 of a C1, n >= 1, partition k with blinding[k - first]:
 * the same r, s give the same bytes. Whoever learns r or s learns about the witness; take them
 * fresh from slk_rng_fill and wipe them. ret_proofs: 192 bytes each, one after the other, unspecified
 * on failure. The quotients are made one partition after the other, then one pass over the
 * parameters' other points serves all partitions. Memory: slk_groth16_memory; stages and
 * cancellation: slk_porep_prove. The proofs are not verified here. */
SLK_MUST_CHECK slk_err slk_groth16_prove(uint8_t *ret_proofs, const slk_groth16_prover *prover,
                                         slk_pool *pool, const slk_c1 *c1, unsigned first,
                                         unsigned n, const slk_groth16_blinding *blinding,
                                         slk_job *job, slk_error *error);

/* Anonymous memory that slk_groth16_prove of `partitions` partitions needs, item by item, in bytes.
 * The parameters are mapped and do not count. */
typedef struct slk_groth16_memory {
    uint64_t program; /* the process itself and the C1 */
    uint64_t vectors; /* two of the domain, while the quotients are made */
    uint64_t witnesses; /* of all partitions */
    uint64_t circuit; /* tables, densities, scratch of the synthesis */
    uint64_t transforms; /* tables, and scratch per thread */
    uint64_t msm_h; /* buckets and chunk of the sum over H */
    uint64_t msm_queries; /* of the largest of the other four sums, all partitions */
    uint64_t peak; /* at most this at one time */
} slk_groth16_memory;

/* threads: of the pool. Needs no parameters; counts the circuit (30 ms for 32 GiB).
 * SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_groth16_memory_of(slk_groth16_memory *ret_memory,
                                             const slk_crypto *crypto,
                                             const slk_sector_shape *shape, unsigned partitions,
                                             unsigned threads, slk_error *error);

#endif
