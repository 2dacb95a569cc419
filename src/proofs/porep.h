/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The proof of replication as the rest of the program sees it: from a C1 output to the bytes that
 * go on chain ("C2"), and from those bytes to yes or no.
 *
 * A proof is 192 bytes per partition, partitions in order. For non-interactive sectors these are
 * the plain partition proofs; the aggregated form is not made or read here. */
#ifndef SLK_PROOFS_POREP_H
#define SLK_PROOFS_POREP_H

#include "base/err.h"
#include "base/job.h"
#include "base/pool.h"
#include "crypto/crypto.h"
#include "crypto/fr/fr.h"
#include "fil/sector.h"
#include "proofs/params/params.h"
#include "proofs/vanilla/c1.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a proof says: this miner sealed this data as this sector. Copyable. */
typedef struct slk_porep_statement {
    slk_seal_proof proof;
    uint64_t miner_id;
    uint64_t sector_number; /* at most SLK_SECTOR_NUMBER_MAX */
    uint8_t ticket[32], seed[32]; /* seed is ignored by non-interactive proofs */
    uint8_t comm_r[32], comm_d[32];
} slk_porep_statement;

/* Is proof a valid proof of the statement under key? An answer "no" is SLK_OK with *ret_valid
 * false: wrong length, bytes that are no points, failed equation. SLK_E_INVAL: the statement
 * itself cannot be (zero or non-canonical comm_r or comm_d, sector number out of range), or key is
 * of another sector size. key comes from slk_params_key_open. Milliseconds, plus the 14 parents of
 * each challenge; pool may be NULL. Safe from many threads with separate pools. */
SLK_MUST_CHECK slk_err slk_porep_verify(bool *ret_valid, const slk_crypto *crypto, slk_pool *pool,
                                        const slk_params_key *key,
                                        const slk_porep_statement *statement, const uint8_t *proof,
                                        size_t proof_bytes, slk_error *error);

/* The same for n statements of one sector size in a single equation with random 128-bit
 * coefficients: valid only if every one is (up to 2^-128). proofs[i] has proof_bytes[i] bytes.
 * n >= 1. */
SLK_MUST_CHECK slk_err slk_porep_verify_batch(bool *ret_valid, const slk_crypto *crypto,
                                              slk_pool *pool, const slk_params_key *key,
                                              const slk_porep_statement *statements,
                                              const uint8_t *const *proofs,
                                              const size_t *proof_bytes, size_t n,
                                              slk_error *error);

/* The same for n >= 1 partitions from `first` on of one statement: proofs of 192 bytes each. */
SLK_MUST_CHECK slk_err slk_porep_verify_partitions(bool *ret_valid, const slk_crypto *crypto,
                                                   slk_pool *pool, const slk_params_key *key,
                                                   const slk_porep_statement *statement,
                                                   unsigned first, unsigned n,
                                                   const uint8_t *proofs, slk_error *error);

/* Fixed blinding of every partition instead of fresh randomness. Only for tests: such proofs are
 * reproducible and leak the witness if r and s ever repeat or are known. */
typedef struct slk_porep_blinding {
    slk_fr r, s;
} slk_porep_blinding;

/* C2: proves c1 under params and checks the result with slk_porep_verify before returning it
 * (SLK_E_CORRUPT when that fails: the parameters or the C1 are damaged).
 * ret_proof: slk_seal_proof_bytes(&c1->proof) bytes, written on success only.
 * Refuses with SLK_E_INVAL: params of another sector size, a C1 whose replica id is not that of
 * miner, sector number, ticket and comm_d; an all-zero seed (as the reference does);
 * blinding with parameters that are not development parameters.
 * Peak anonymous memory: slk_groth16_memory_of (two vectors of 32 bytes times the domain, the
 * compact witnesses, point buckets); the parameters are read through the page cache, those of L, A
 * and B once for all partitions. job reports the stages "witness", "fft" and "msm h" of each
 * partition, then "msm l", "msm a", "msm b1", "msm b2" and "verify"; cancelling returns
 * SLK_E_CANCELED at the next look at the job: within a second, but for the witness (up to 10
 * core-seconds of a 32 GiB partition), which is made to its end. */
SLK_MUST_CHECK slk_err slk_porep_prove(uint8_t *ret_proof, const slk_crypto *crypto, slk_pool *pool,
                                       const slk_params *params, const slk_c1 *c1,
                                       uint64_t miner_id, uint64_t sector_number,
                                       const slk_porep_blinding *blinding, slk_job *job,
                                       slk_error *error);
/* The same for partitions first .. first + n - 1 alone, 192 bytes each into ret_proofs;
 * proofs/porep_part.h carries them to where they are joined. */
SLK_MUST_CHECK slk_err slk_porep_prove_partitions(uint8_t *ret_proofs, const slk_crypto *crypto,
                                                  slk_pool *pool, const slk_params *params,
                                                  const slk_c1 *c1, uint64_t miner_id,
                                                  uint64_t sector_number, unsigned first,
                                                  unsigned n, const slk_porep_blinding *blinding,
                                                  slk_job *job, slk_error *error);

/* The public inputs of one partition without the leading ONE: 3 + 18 * challenges elements.
 * ret_inputs holds that many. source: reference/proofs 8.8. */
size_t slk_porep_public_input_count(const slk_sector_shape *shape);
SLK_MUST_CHECK slk_err slk_porep_public_inputs(slk_fr *ret_inputs, const slk_crypto *crypto,
                                               const slk_porep_statement *statement,
                                               unsigned partition, slk_error *error);

#endif
