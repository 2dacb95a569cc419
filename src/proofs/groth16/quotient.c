/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The polynomial H with two vectors of the domain: C's values are made by a second synthesis, where
 * B's were, which costs a fortieth of the transforms. */
#include "proofs/groth16/internal.h"

#include "base/num.h"
#include "crypto/ntt/ntt.h"

#include <string.h>

static slk_fr *elements(const slk_region *region)
{
    return (slk_fr *)(void *)region->data;
}

slk_err slk_quotient_init(slk_quotient *ret_quotient, slk_witness *ret_witness,
                          const slk_assignment *from, slk_pool *pool, slk_error *error)
{
    const slk_circuit_counts counts = slk_circuit_counts_whole(from->circuit);
    slk_quotient q = {.log2_n = slk_log2(counts.constraints + counts.inputs - 1) + 1};
    const size_t bytes = sizeof(slk_fr) << q.log2_n;
    slk_err err = slk_region_init(&q.a, bytes, "constraint values A", error);
    if (err == SLK_OK)
        err = slk_region_init(&q.b, bytes, "constraint values B", error);
    const slk_r1cs_values values = {elements(&q.a), elements(&q.b), NULL};
    if (err == SLK_OK)
        err = slk_circuit_synthesise(ret_witness, &values, from->circuit, pool, from->c1,
                                     from->partition, error);
    if (err != SLK_OK) {
        slk_quotient_done(&q);
        return err;
    }
    /* The appended constraints: input * 0 = 0. */
    memcpy(values.a + counts.constraints, ret_witness->input, counts.inputs * sizeof(slk_fr));
    *ret_quotient = q;
    return SLK_OK;
}

/* C's values into b, zero past the constraints. */
static slk_err regenerate(slk_quotient *q, const slk_assignment *from, slk_pool *pool,
                          slk_error *error)
{
    const uint64_t used = slk_circuit_counts_whole(from->circuit).constraints;
    const slk_r1cs_values values = {NULL, NULL, elements(&q->b)};
    memset(values.c + used, 0, ((UINT64_C(1) << q->log2_n) - used) * sizeof(slk_fr));
    return slk_circuit_synthesise(NULL, &values, from->circuit, pool, from->c1, from->partition,
                                  error);
}

static slk_err run(slk_quotient *q, const slk_assignment *from, slk_ntt *ntt, slk_pool *pool,
                   slk_job *job, slk_error *error)
{
    SLK_TRY(slk_ntt_quotient_product(ntt, elements(&q->a), elements(&q->b), job, error));
    SLK_TRY(regenerate(q, from, pool, error));
    return slk_ntt_quotient_finish(ntt, elements(&q->a), elements(&q->b), job, error);
}

slk_err slk_quotient_run(slk_quotient *quotient, const slk_assignment *from, slk_pool *pool,
                         slk_job *job, slk_error *error)
{
    slk_ntt *ntt = NULL;
    SLK_TRY(slk_ntt_new(&ntt, from->crypto, quotient->log2_n, pool, error));
    slk_job_stage(job, "fft", slk_ntt_quotient_work(quotient->log2_n));
    slk_err err = run(quotient, from, ntt, pool, job, error);
    slk_ntt_free(ntt);
    slk_region_done(&quotient->b);
    return err;
}

void slk_quotient_done(slk_quotient *quotient)
{
    slk_region_done(&quotient->a);
    slk_region_done(&quotient->b);
}
