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

unsigned slk_quotient_log2(const slk_circuit *circuit)
{
    const slk_circuit_counts counts = slk_circuit_counts_whole(circuit);
    return slk_log2(counts.constraints + counts.inputs - 1) + 1;
}

slk_err slk_quotient_init(slk_quotient *ret_quotient, const slk_circuit *circuit, slk_error *error)
{
    slk_quotient q = {.log2_n = slk_quotient_log2(circuit)};
    const size_t bytes = sizeof(slk_fr) << q.log2_n;
    slk_err err = slk_region_init(&q.a, bytes, "constraint values A", error);
    if (err == SLK_OK)
        err = slk_region_init(&q.b, bytes, "constraint values B", error);
    if (err != SLK_OK) {
        slk_quotient_done(&q);
        return err;
    }
    *ret_quotient = q;
    return SLK_OK;
}

static void zero_from(slk_fr *values, const slk_quotient *q, uint64_t used)
{
    memset(values + used, 0, ((UINT64_C(1) << q->log2_n) - used) * sizeof(slk_fr));
}

static slk_err synthesise(slk_quotient *q, slk_witness *ret_witness, const slk_assignment *from,
                          slk_pool *pool, slk_error *error)
{
    const slk_circuit_counts counts = slk_circuit_counts_whole(from->circuit);
    const slk_r1cs_values values = {elements(&q->a), elements(&q->b), NULL};
    SLK_TRY(slk_circuit_synthesise(ret_witness, &values, from->circuit, pool, from->c1,
                                   from->partition, error));
    /* The appended constraints: input * 0 = 0. */
    memcpy(values.a + counts.constraints, ret_witness->input, counts.inputs * sizeof(slk_fr));
    zero_from(values.a, q, counts.constraints + counts.inputs);
    zero_from(values.b, q, counts.constraints);
    return SLK_OK;
}

/* C's values into b, zero past the constraints. */
static slk_err regenerate(slk_quotient *q, const slk_assignment *from, slk_pool *pool,
                          slk_error *error)
{
    const uint64_t used = slk_circuit_counts_whole(from->circuit).constraints;
    const slk_r1cs_values values = {NULL, NULL, elements(&q->b)};
    zero_from(values.c, q, used);
    return slk_circuit_synthesise(NULL, &values, from->circuit, pool, from->c1, from->partition,
                                  error);
}

static slk_err transform(slk_quotient *q, const slk_assignment *from, slk_ntt *ntt, slk_pool *pool,
                         slk_job *job, slk_error *error)
{
    SLK_TRY(slk_ntt_quotient_product(ntt, elements(&q->a), elements(&q->b), job, error));
    SLK_TRY(regenerate(q, from, pool, error));
    return slk_ntt_quotient_finish(ntt, elements(&q->a), elements(&q->b), job, error);
}

slk_err slk_quotient_run(slk_quotient *quotient, slk_witness *ret_witness,
                         const slk_assignment *from, slk_pool *pool, slk_job *job, slk_error *error)
{
    slk_ntt *ntt = NULL;
    slk_witness witness = {0};
    slk_job_stage(job, "witness", 0);
    SLK_TRY(synthesise(quotient, &witness, from, pool, error));
    slk_err err = slk_job_check(job, error);
    if (err == SLK_OK)
        err = slk_ntt_new(&ntt, from->crypto, quotient->log2_n, pool, error);
    if (err == SLK_OK) {
        slk_job_stage(job, "fft", slk_ntt_quotient_work(quotient->log2_n));
        err = transform(quotient, from, ntt, pool, job, error);
    }
    slk_ntt_free(ntt);
    if (err != SLK_OK) {
        slk_witness_done(&witness);
        return err;
    }
    *ret_witness = witness;
    return SLK_OK;
}

void slk_quotient_done(slk_quotient *quotient)
{
    slk_region_done(&quotient->a);
    slk_region_done(&quotient->b);
}
