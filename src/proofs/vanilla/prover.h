/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Vanilla proofs out of a sector's files, one record per challenge. */
#ifndef SLK_PROOFS_VANILLA_PROVER_H
#define SLK_PROOFS_VANILLA_PROVER_H

#include "proofs/graph/graph.h"
#include "proofs/piece/piece.h"
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
    int columns_fd; /* the kept columns, read instead of the layers; -1 none */
    char *columns_path;
    int tree_d_fd; /* -1: all data is zero */
    char *tree_d_path;
    slk_zero_nodes zero;
    slk_tree_set tree_c, tree_r;
} slk_prover;

/* Opens and size-checks everything: TreeD unless comm_d is that of zeros, the kept columns where they
 * are, else the layers. SLK_E_CORRUPT, SLK_E_NOTFOUND name the file. */
SLK_MUST_CHECK slk_err slk_prover_open(slk_prover *ret_prover, const slk_crypto *crypto,
                                       const slk_seal_proof *proof, const uint8_t comm_d[32],
                                       const char *sealed, const char *cache, slk_error *error);
void slk_prover_done(slk_prover *prover); /* idempotent */

/* The record of a challenge in [1, nodes): first notes what must be read, then, after slk_gather_run,
 * fills layout.record_bytes bytes out of exactly those reads. All records of a sector note the same
 * number of reads. */
SLK_MUST_CHECK slk_err slk_prover_note(const slk_prover *prover, uint64_t challenge,
                                       slk_gather *gather, slk_error *error);
SLK_MUST_CHECK slk_err slk_prover_record(const slk_prover *prover, uint64_t challenge,
                                         uint8_t *record, slk_gathered *from, slk_error *error);

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
