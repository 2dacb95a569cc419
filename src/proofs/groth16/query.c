/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One walk over compact witnesses for one query of the parameters: bits that are set become plain
 * additions, field wires go to the buckets, zeros cost nothing. All witnesses advance together, so
 * that the points are read from the disk once. */
#include "proofs/groth16/internal.h"

#include "base/mem.h"
#include "crypto/msm/msm.h"

#include <inttypes.h>

#define ONES_MAX 65536u
#define FIELDS_MAX 32768u
#define STEP_WORDS 2048u /* 131,072 wires: 12 MB of G1 points */

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

static void add_inputs(walk *w, const slk_witness *witness)
{
    const slk_query *q = w->query;
    for (uint32_t i = 0; i < q->n_inputs; i++) {
        if (q->dense_inputs != NULL && ((q->dense_inputs[i / 64] >> (i % 64)) & 1) == 0)
            continue;
        w->fields[w->n_fields] = (uint32_t)w->next++;
        w->scalars[w->n_fields++] = witness->input[i];
    }
    slk_assert(w->n_fields <= FIELDS_MAX);
}

static slk_err add_words(walk *w, const slk_witness *witness, size_t begin, size_t end,
                         slk_error *error)
{
    for (size_t word = begin; word < end; word++) {
        uint64_t dense = UINT64_MAX;
        if (w->query->dense_aux != NULL)
            dense = w->query->dense_aux[word];
        else if (word + 1 == witness->words && witness->wires % 64 != 0)
            dense = (UINT64_C(1) << (witness->wires % 64)) - 1;
        SLK_TRY(add_block(w, slk_witness_block_at(witness, word), dense, error));
    }
    slk_job_advance(w->job, (uint64_t)(end - begin) * 64);
    return SLK_OK;
}

static slk_err finish(walk *w, void *ret_jacobian, slk_error *error)
{
    SLK_TRY(flush_ones(w, error));
    SLK_TRY(flush_fields(w, error));
    if (w->next != w->query->points.count)
        return slk_fail(error, SLK_E_CORRUPT,
                        "parameter file: %" PRIu64 " points where the circuit has %" PRIu64,
                        w->query->points.count, w->next);
    slk_msm_finish(w->msm, ret_jacobian);
    return SLK_OK;
}

static slk_err walk_init(walk *w, const slk_query *query, const slk_witness *witness,
                         slk_pool *pool, slk_job *job, slk_error *error)
{
    w->query = query;
    w->job = job;
    w->ones = slk_alloc(ONES_MAX + 64, sizeof(uint32_t));
    w->fields = slk_alloc(FIELDS_MAX + 64, sizeof(uint32_t));
    w->scalars = slk_alloc(FIELDS_MAX + 64, sizeof(slk_fr));
    if (w->ones == NULL || w->fields == NULL || w->scalars == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for walking a witness");
    SLK_TRY(slk_msm_new(&w->msm, query->group, pool, witness->fields, error));
    add_inputs(w, witness);
    return SLK_OK;
}

static void walks_done(walk *walks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        slk_msm_free(walks[i].msm);
        slk_free(walks[i].ones);
        slk_free(walks[i].fields);
        slk_free(walks[i].scalars);
    }
    slk_free(walks);
}

static slk_err sum_all(uint8_t *ret, walk *walks, const slk_query *query,
                       const slk_witness *witnesses, size_t n, slk_pool *pool, slk_job *job,
                       slk_error *error)
{
    for (size_t k = 0; k < n; k++)
        SLK_TRY(walk_init(&walks[k], query, &witnesses[k], pool, job, error));
    const size_t words = witnesses[0].words;
    for (size_t begin = 0; begin < words; begin += STEP_WORDS) {
        const size_t end = words - begin < STEP_WORDS ? words : begin + STEP_WORDS;
        for (size_t k = 0; k < n; k++)
            SLK_TRY(add_words(&walks[k], &witnesses[k], begin, end, error));
    }
    for (size_t k = 0; k < n; k++)
        SLK_TRY(finish(&walks[k], ret + k * query->group->jacobian_bytes, error));
    return SLK_OK;
}

slk_err slk_query_sums(void *ret_jacobians, const slk_query *query, const slk_witness *witnesses,
                       size_t n, slk_pool *pool, slk_job *job, slk_error *error)
{
    walk *walks = slk_calloc(n, sizeof *walks);
    if (walks == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for walking a witness");
    slk_err err = sum_all(ret_jacobians, walks, query, witnesses, n, pool, job, error);
    walks_done(walks, n);
    return err;
}

size_t slk_query_bytes(const slk_group *group, unsigned threads, uint64_t fields)
{
    const size_t buffers = (ONES_MAX + 64) * sizeof(uint32_t) +
                           (FIELDS_MAX + 64) * (sizeof(uint32_t) + sizeof(slk_fr));
    return slk_msm_bytes(group, threads, fields) + buffers;
}
