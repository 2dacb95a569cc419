/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The proofs as worker/ops.h wants them: for sectors with data of any kind. */
#ifndef SLK_APP_WORKER_OPS_H
#define SLK_APP_WORKER_OPS_H

#include "app/prover.h"
#include "crypto/crypto.h"
#include "worker/ops.h"

typedef struct slk_worker_prover {
    slk_prover *prover; /* borrowed, as is crypto */
    const slk_crypto *crypto;
    slk_seal_prover ops; /* of prover */
} slk_worker_prover;

/* The functions borrow ret_prover, which stays where it is. */
void slk_worker_ops_fill(slk_worker_ops *ret_ops, slk_worker_prover *ret_prover, slk_prover *prover,
                         const slk_crypto *crypto);

#endif
