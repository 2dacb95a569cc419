/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The circuit's matrices evaluated at tau. source: reference/proofs 9.3. */
#include "proofs/params/internal.h"

#include "base/mem.h"
#include "base/num.h"
#include "crypto/sha256/sha256.h"
#include "proofs/circuit/circuit.h"

#include <stdio.h>
#include <string.h>

#define LAGRANGE_BLOCK 16384u

static void secret_of(slk_fr *out, const slk_crypto *crypto, const char *label, const char *name)
{
    slk_sha256 hash;
    uint8_t node[32];
    slk_sha256_init(&hash, crypto);
    slk_sha256_update(&hash, label, strlen(label));
    slk_sha256_update(&hash, ": ", 2);
    slk_sha256_update(&hash, name, strlen(name));
    slk_sha256_final(&hash, node);
    slk_sha254_trim(node);
    bool canonical = slk_fr_from_node(out, node);
    slk_assert(canonical); /* 2^254 < r */
}

void slk_params_secrets_of(slk_params_secrets *ret_secrets, const slk_crypto *crypto,
                           const char *label)
{
    secret_of(&ret_secrets->alpha, crypto, label, "alpha");
    secret_of(&ret_secrets->beta, crypto, label, "beta");
    secret_of(&ret_secrets->gamma, crypto, label, "gamma");
    secret_of(&ret_secrets->delta, crypto, label, "delta");
    secret_of(&ret_secrets->tau, crypto, label, "tau");
}

/* L_i(tau) = w^i * (tau^m - 1) / (m * (tau - w^i)), made a block at a time as the constraints come
 * by in order. */
typedef struct lagrange {
    slk_fr tau, root, scale; /* scale = (tau^m - 1) / m */
    uint64_t first; /* of the block; UINT64_MAX before the first */
    slk_fr *values; /* [LAGRANGE_BLOCK] */
    slk_fr *powers; /* [LAGRANGE_BLOCK] */
    slk_fr *scratch; /* [LAGRANGE_BLOCK] */
} lagrange;

static void lagrange_block(lagrange *l, uint64_t first)
{
    slk_fr power;
    slk_fr_pow_u64(&power, &l->root, first);
    for (size_t i = 0; i < LAGRANGE_BLOCK; i++) {
        l->powers[i] = power;
        slk_fr_sub(&l->values[i], &l->tau, &power);
        slk_fr_mul(&power, &power, &l->root);
    }
    slk_fr_inv_batch(l->values, LAGRANGE_BLOCK, l->scratch);
    for (size_t i = 0; i < LAGRANGE_BLOCK; i++) {
        slk_fr_mul(&l->powers[i], &l->powers[i], &l->scale);
        slk_fr_mul(&l->values[i], &l->values[i], &l->powers[i]);
    }
    l->first = first;
}

static const slk_fr *lagrange_at(lagrange *l, uint64_t index)
{
    uint64_t first = index - index % LAGRANGE_BLOCK;
    if (first != l->first)
        lagrange_block(l, first);
    return &l->values[index - first];
}

typedef struct gather {
    lagrange lagrange;
    uint32_t inputs;
    slk_fr *a, *b, *c;
    slk_job *job;
    bool canceled; /* the visit goes on, but does nothing more */
} gather;

static void add_terms(slk_fr *out, uint32_t inputs, const slk_lc *lc, const slk_fr *value)
{
    for (size_t i = 0; i < lc->n; i++) {
        uint32_t var = lc->terms[i].var;
        size_t v = (var & SLK_VAR_INPUT) != 0 ? var & ~SLK_VAR_INPUT : (size_t)var + inputs;
        if (slk_fr_equal(lc->terms[i].coefficient, &slk_fr_one)) {
            slk_fr_add(&out[v], &out[v], value);
            continue;
        }
        slk_fr product;
        slk_fr_mul(&product, lc->terms[i].coefficient, value);
        slk_fr_add(&out[v], &out[v], &product);
    }
}

static void gather_constraint(void *context, uint64_t index, const slk_lc *a, const slk_lc *b,
                              const slk_lc *c)
{
    gather *g = context;
    if (g->canceled)
        return;
    const slk_fr *value = lagrange_at(&g->lagrange, index);
    add_terms(g->a, g->inputs, a, value);
    add_terms(g->b, g->inputs, b, value);
    add_terms(g->c, g->inputs, c, value);
    if (index % 4096 == 4095) {
        slk_job_advance(g->job, 4096);
        g->canceled = slk_job_check(g->job, NULL) != SLK_OK;
    }
}

static void lagrange_init(lagrange *l, slk_params_queries *q, const slk_fr *tau, slk_fr *block)
{
    slk_fr m;
    *l = (lagrange){.tau = *tau, .first = UINT64_MAX, .values = block};
    l->powers = block + LAGRANGE_BLOCK;
    l->scratch = block + 2 * (size_t)LAGRANGE_BLOCK;
    slk_fr_root_of_unity(&l->root, q->log2_domain);
    slk_fr_pow_u64(&q->vanishing, tau, UINT64_C(1) << q->log2_domain);
    slk_fr_sub(&q->vanishing, &q->vanishing, &slk_fr_one);
    slk_fr_from_u64(&m, UINT64_C(1) << q->log2_domain);
    slk_fr_inv(&m, &m);
    slk_fr_mul(&l->scale, &q->vanishing, &m);
}

static slk_err run(slk_params_queries *q, const slk_circuit *circuit, const slk_fr *tau,
                   slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_fr *block = slk_alloc(3 * (size_t)LAGRANGE_BLOCK, sizeof(slk_fr));
    if (block == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for Lagrange polynomials");
    uint64_t constraints = slk_circuit_counts_whole(circuit).constraints;
    gather g = {.inputs = q->inputs, .a = q->a, .b = q->b, .c = q->c, .job = job};
    slk_job_stage(job, "circuit", constraints);
    lagrange_init(&g.lagrange, q, tau, block);
    slk_circuit_visitor visitor = {.context = &g, .constraint = gather_constraint};
    SLK_TRY(slk_circuit_visit(circuit, &visitor, error));
    SLK_TRY(slk_job_check(job, error));
    for (uint32_t i = 0; i < q->inputs; i++)
        slk_fr_add(&q->a[i], &q->a[i], lagrange_at(&g.lagrange, constraints + i));
    return SLK_OK;
}

slk_err slk_params_queries_init(slk_params_queries *ret_queries, const slk_crypto *crypto,
                                const slk_sector_shape *shape, const slk_fr *tau, slk_job *job,
                                slk_error *error)
{
    slk_circuit *circuit = NULL;
    slk_params_queries q = {0};
    SLK_TRY(slk_circuit_new(&circuit, crypto, shape, error));
    slk_circuit_counts counts = slk_circuit_counts_whole(circuit);
    q.inputs = counts.inputs;
    q.variables = counts.inputs + counts.aux;
    q.log2_domain = slk_log2(counts.constraints + counts.inputs - 1) + 1;
    slk_err err =
        slk_region_init(&q.memory, 3 * q.variables * sizeof(slk_fr), "parameter queries", error);
    if (err == SLK_OK) {
        q.a = (slk_fr *)(void *)q.memory.data;
        q.b = q.a + q.variables;
        q.c = q.b + q.variables;
        err = run(&q, circuit, tau, job, error);
    }
    slk_circuit_free(circuit);
    if (err != SLK_OK) {
        slk_params_queries_done(&q);
        return err;
    }
    *ret_queries = q;
    return SLK_OK;
}

void slk_params_queries_done(slk_params_queries *queries)
{
    slk_region_done(&queries->memory);
    queries->a = queries->b = queries->c = NULL;
}
