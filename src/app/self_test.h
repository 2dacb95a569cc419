/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a provider offers it has really sealed: at the start of a node a 2 KiB sector of each offered
 * feature set (graph version, synthetic proofs) goes through the prover, from labels to a verified
 * C1, and must have the CommR that all the world computes for it. Less than a second each.
 *
 * What passed is noted in the repository and not repeated by the same revision of this program on a
 * processor with the same features and kernels. */
#ifndef SLK_APP_SELF_TEST_H
#define SLK_APP_SELF_TEST_H

#include "app/repo.h"
#include "crypto/crypto.h"
#include "seal/ops.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_SELF_TEST_FILE "self-test" /* in the repository */

/* Takes those of the n proofs away that fail, with a line in the log each. SLK_E_UNSUPPORTED when
 * none is left of some. crypto: which kernels were chosen. */
SLK_MUST_CHECK slk_err slk_self_test(int64_t *proofs, size_t *n, const slk_seal_prover *prover,
                                     const slk_repo *repo, const slk_crypto *crypto,
                                     slk_error *error);

#endif
