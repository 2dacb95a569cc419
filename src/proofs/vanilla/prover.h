/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Vanilla proofs out of a sector's files, one record per challenge. */
#ifndef SLK_PROOFS_VANILLA_PROVER_H
#define SLK_PROOFS_VANILLA_PROVER_H

#include "proofs/graph/graph.h"
#include "proofs/tree/tree_set.h"
#include "proofs/vanilla/record.h"
#include "proofs/vanilla/seal.h"

#include <stdint.h>

/* A sector after precommit 2, opened for reading. After open any number of threads may use it. */
typedef struct slk_prover {
    slk_seal_proof proof;
    slk_record_layout layout;
    slk_graph graph;
    int layer_fd[SLK_MAX_LAYERS];
    char *layer_path[SLK_MAX_LAYERS];
    int tree_d_fd;
    char *tree_d_path;
    slk_tree_set tree_c, tree_r;
} slk_prover;

/* Opens and size-checks everything. SLK_E_CORRUPT, SLK_E_NOTFOUND name the file. */
SLK_MUST_CHECK slk_err slk_prover_open(slk_prover *ret_prover, const slk_crypto *crypto,
                                       const slk_seal_proof *proof, const char *sealed,
                                       const char *cache, slk_error *error);
void slk_prover_done(slk_prover *prover); /* idempotent */

/* Fills layout.record_bytes bytes for a challenge in [1, nodes). */
SLK_MUST_CHECK slk_err slk_prover_record(const slk_prover *prover, uint64_t challenge,
                                         uint8_t *record, slk_error *error);

/* What all records of one sector share. */
typedef struct slk_record_context {
    const slk_crypto *crypto;
    const slk_record_layout *layout;
    const slk_graph *graph;
    const uint8_t *replica_id, *comm_d, *comm_c, *comm_r_last;
} slk_record_context;

/* Checks everything one record claims; NULL when all is right, else a static text that says what is
 * wrong. */
const char *slk_record_problem(const slk_record_context *context, const uint8_t *record);

/* Writes the synthetic proofs file (reference/proofs 5.5), each record verified first. Job stage
 * "synthetic" in records; about 5 ms of one core per record at 32 GiB. */
SLK_MUST_CHECK slk_err slk_synthetic_write(const slk_seal_env *env, const slk_seal_proof *proof,
                                           const char *sealed, const char *cache,
                                           const uint8_t replica_id[32],
                                           const slk_pc2_result *result, slk_error *error);

#endif
