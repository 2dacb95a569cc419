/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One walk over the compact witness for one query of the parameters: bits that are set become plain
 * additions, field wires go to the buckets, zeros cost nothing. */
#include "proofs/groth16/internal.h"

#include "base/mem.h"
#include "crypto/msm/msm.h"

#include <inttypes.h>

#define ONES_MAX 65536u
#define FIELDS_MAX 32768u

typedef struct walk {
    const slk_query *query;
    slk_msm *msm;
    slk_job *job;
    uint32_t *ones; /* [ONES_MAX + 64] point numbers */
    uint32_t *fields; /* [FIELDS_MAX + 64] */
    slk_fr *scalars; /* [FIELDS_MAX + 64] */
    size_t n_ones, n_fields;
    uint64_t next; /* point of the next dense variable */
} walk;

static slk_err flush_ones(walk *w, slk_error *error)
{
    SLK_TRY(slk_job_check(w->job, error));
    SLK_TRY(slk_msm_add_ones(w->msm, w->query->points.data, w->ones, w->n_ones, error));
    w->n_ones = 0;
    return SLK_OK;
}

static slk_err flush_fields(walk *w, slk_error *error)
{
    SLK_TRY(slk_job_check(w->job, error));
    SLK_TRY(slk_msm_add(w->msm, w->query->points.data, w->fields, w->scalars, w->n_fields, error));
    w->n_fields = 0;
    return SLK_OK;
}

static uint32_t point_of(const walk *w, uint64_t dense, uint64_t bit)
{
    return (uint32_t)(w->next + (unsigned)__builtin_popcountll(dense & (bit - 1)));
}

/* 64 wires. dense: those that the query holds. */
static slk_err add_block(walk *w, slk_witness_block block, uint64_t dense, slk_error *error)
{
    for (uint64_t m = block.bits & dense; m != 0; m &= m - 1)
        w->ones[w->n_ones++] = point_of(w, dense, m & -m);
    for (uint64_t m = block.is_field; m != 0; m &= m - 1, block.field++) {
        uint64_t bit = m & -m;
        if ((bit & dense) == 0)
            continue;
        w->fields[w->n_fields] = point_of(w, dense, bit);
        w->scalars[w->n_fields++] = *block.field;
    }
    w->next += (unsigned)__builtin_popcountll(dense);
    if (w->n_ones >= ONES_MAX)
        SLK_TRY(flush_ones(w, error));
    if (w->n_fields >= FIELDS_MAX)
        SLK_TRY(flush_fields(w, error));
    return SLK_OK;
}

static slk_err add_inputs(walk *w, const slk_witness *witness, slk_error *error)
{
    const slk_query *q = w->query;
    for (uint32_t i = 0; i < q->n_inputs; i++) {
        if (q->dense_inputs != NULL && ((q->dense_inputs[i / 64] >> (i % 64)) & 1) == 0)
            continue;
        w->fields[w->n_fields] = (uint32_t)w->next++;
        w->scalars[w->n_fields++] = witness->input[i];
    }
    slk_assert(w->n_fields <= FIELDS_MAX);
    (void)error;
    return SLK_OK;
}

static slk_err add_all(walk *w, const slk_witness *witness, slk_error *error)
{
    SLK_TRY(add_inputs(w, witness, error));
    for (size_t word = 0; word < witness->words; word++) {
        uint64_t dense = UINT64_MAX;
        if (w->query->dense_aux != NULL)
            dense = w->query->dense_aux[word];
        else if (word + 1 == witness->words && witness->wires % 64 != 0)
            dense = (UINT64_C(1) << (witness->wires % 64)) - 1;
        SLK_TRY(add_block(w, slk_witness_block_at(witness, word), dense, error));
        if (word % 512 == 511)
            slk_job_advance(w->job, UINT64_C(512) * 64);
    }
    SLK_TRY(flush_ones(w, error));
    SLK_TRY(flush_fields(w, error));
    if (w->next != w->query->points.count)
        return slk_fail(error, SLK_E_CORRUPT,
                        "parameter file: %" PRIu64 " points where the circuit has %" PRIu64,
                        w->query->points.count, w->next);
    return SLK_OK;
}

slk_err slk_query_sum(void *ret_jacobian, const slk_query *query, const slk_witness *witness,
                      slk_pool *pool, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) uint32_t *ones = slk_alloc(ONES_MAX + 64, sizeof(uint32_t));
    SLK_CLEANUP(slk_freep) uint32_t *fields = slk_alloc(FIELDS_MAX + 64, sizeof(uint32_t));
    SLK_CLEANUP(slk_freep) slk_fr *scalars = slk_alloc(FIELDS_MAX + 64, sizeof(slk_fr));
    if (ones == NULL || fields == NULL || scalars == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for walking a witness");
    walk w = {.query = query, .job = job, .ones = ones, .fields = fields, .scalars = scalars};
    SLK_TRY(slk_msm_new(&w.msm, query->group, pool, witness->fields, error));
    slk_err err = add_all(&w, witness, error);
    if (err == SLK_OK)
        slk_msm_finish(w.msm, ret_jacobian);
    slk_msm_free(w.msm);
    return err;
}
