/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of groth16/ share. */
#ifndef SLK_PROOFS_GROTH16_INTERNAL_H
#define SLK_PROOFS_GROTH16_INTERNAL_H

#include "base/job.h"
#include "base/mem.h"
#include "base/pool.h"
#include "crypto/curve/group.h"
#include "proofs/circuit/circuit.h"
#include "proofs/params/params.h"

#include <stdint.h>

/* What is proved: one partition of a C1 output. Everything is borrowed. */
typedef struct slk_assignment {
    const slk_crypto *crypto;
    const slk_circuit *circuit;
    const slk_c1 *c1;
    unsigned partition;
} slk_assignment;

/* Two vectors on the whole domain, 2^log2_n elements each; made once for all partitions. */
typedef struct slk_quotient {
    unsigned log2_n;
    slk_region a, b;
} slk_quotient;

unsigned slk_quotient_log2(const slk_circuit *circuit);
SLK_MUST_CHECK slk_err slk_quotient_init(slk_quotient *ret_quotient, const slk_circuit *circuit,
                                         slk_error *error);
void slk_quotient_done(slk_quotient *quotient); /* idempotent */

/* Synthesises: the witness, and the coefficients of H = (A*B - C) / (X^n - 1) in natural order into
 * `a`. Stages "witness" and "fft". SLK_E_CANCELED after the witness, or within a pass of a transform. */
SLK_MUST_CHECK slk_err slk_quotient_run(slk_quotient *quotient, slk_witness *ret_witness,
                                        const slk_assignment *from, slk_pool *pool, slk_job *job,
                                        slk_error *error);

/* sum of points[j] * value over the inputs and aux wires that a query holds, j counting them.
 * dense_inputs, dense_aux: bitmaps; NULL dense_aux means all aux wires, NULL dense_inputs with
 * n_inputs 0 means no inputs. */
typedef struct slk_query {
    const slk_group *group;
    slk_params_points points;
    uint32_t n_inputs; /* inputs looked at */
    const uint64_t *dense_inputs; /* NULL: all n_inputs */
    const uint64_t *dense_aux;
} slk_query;

/* The sums of n >= 1 witnesses of one circuit, one after the other, group->jacobian_bytes each. The
 * points are gone through once. Advances the job by the wires of all witnesses. */
SLK_MUST_CHECK slk_err slk_query_sums(void *ret_jacobians, const slk_query *query,
                                      const slk_witness *witnesses, size_t n, slk_pool *pool,
                                      slk_job *job, slk_error *error);
/* Memory of one of them. fields: of its witness. */
size_t slk_query_bytes(const slk_group *group, unsigned threads, uint64_t fields);

#endif
