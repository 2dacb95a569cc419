/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The proofs as seal/ops.h and the devnet want them: kernels, threads, parameter files. Each long
 * stage is metered (app/meter.h). */
#ifndef SLK_APP_PROVER_H
#define SLK_APP_PROVER_H

#include "base/err.h"
#include "crypto/crypto.h"
#include "devnet/devnet.h"
#include "proofs/vanilla/pc1_batch.h"
#include "proofs/vanilla/seal.h"
#include "seal/ops.h"

#include <stdbool.h>

typedef struct slk_prover slk_prover;

typedef struct slk_prover_options {
    const slk_crypto *crypto; /* borrowed */
    unsigned threads; /* 0: all processors */
    const char *parameters_folder; /* copied */
    bool allow_development; /* parameters whose secrets everybody knows */
} slk_prover_options;

SLK_MUST_CHECK slk_err slk_prover_new(slk_prover **ret_prover, const slk_prover_options *options,
                                      slk_error *error);
void slk_prover_free(slk_prover *prover); /* no call in progress; NULL allowed */

/* The functions; they borrow prover. Missing parameters are SLK_E_BUSY: the sector waits for the
 * operator. Safe from many threads; loops of one prover take turns on its threads. */
void slk_prover_fill(slk_seal_prover *ret_ops, slk_prover *prover);
void slk_prover_fill_devnet(slk_devnet_verifier *ret_verifier, slk_prover *prover);

/* The same with data of any kind, for a worker. What calls of proofs/vanilla/seal.h run with: */
slk_seal_env slk_prover_env(slk_prover *prover, slk_job *job);
/* slk_pc1, metered, with the memory for layers that others leave; memory_bytes is set here. */
SLK_MUST_CHECK slk_err slk_prover_pc1(slk_prover *prover, slk_pc1_result *ret_result,
                                      slk_pc1_request *request, slk_error *error);
/* slk_pc1_batch, likewise. ended is told each outcome, one at a time, from any thread. */
typedef void slk_prover_ended(void *context, size_t index, const slk_pc1_outcome *outcome);
void slk_prover_pc1_batch(slk_prover *prover, const slk_pc1_request *requests, size_t n,
                          slk_prover_ended *ended, void *context);
/* slk_pc2, metered as that of the sector. */
SLK_MUST_CHECK slk_err slk_prover_pc2(slk_pc2_result *ret_result, const slk_pc2_request *request,
                                      const slk_seal_sector *sector, slk_error *error);
/* What a registered number means, and who a sector is to the proofs. SLK_E_UNSUPPORTED for a kind that is
 * not sealed here. */
SLK_MUST_CHECK slk_err slk_prover_proof(slk_seal_proof *ret, int64_t number, slk_error *error);
SLK_MUST_CHECK slk_err slk_prover_identity(slk_sector_identity *ret, const slk_seal_sector *sector,
                                           const uint8_t ticket32[32], slk_error *error);
/* CommP of zeros: node[k] of 32 * 2^k padded bytes. Lives as long as the prover. */
const slk_zero_nodes *slk_prover_zero(const slk_prover *prover);

#endif
