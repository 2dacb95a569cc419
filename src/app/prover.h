/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The proofs as seal/ops.h and the devnet want them: kernels, threads, parameter files. Each long
 * stage is metered (app/meter.h). */
#ifndef SLK_APP_PROVER_H
#define SLK_APP_PROVER_H

#include "base/err.h"
#include "crypto/crypto.h"
#include "devnet/devnet.h"
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

#endif
