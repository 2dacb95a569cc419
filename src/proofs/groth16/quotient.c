/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The polynomial H in six transforms instead of seven: with g the shift of the coset,
 *   D = A * B modulo X^n - g^n (interpolated from the coset), and A * B = H * (X^n - 1) + C, so
 *   D = H * (g^n - 1) + C, hence H = (D - C) / (g^n - 1)
 * with C interpolated from the plain domain. */
#include "proofs/groth16/internal.h"

#include "crypto/ntt/ntt.h"

static slk_fr *elements(const slk_region *region)
{
    return (slk_fr *)(void *)region->data;
}

/* Constants of one domain. */
typedef struct domain {
    slk_fr n_inverse;
    slk_fr shift, shift_inverse; /* g */
    slk_fr c_factor; /* 1 / (n * (g^n - 1)) */
} domain;

static void domain_init(domain *d, unsigned log2_n)
{
    slk_fr n, z;
    slk_fr_from_u64(&n, UINT64_C(1) << log2_n);
    slk_fr_inv(&d->n_inverse, &n);
    d->shift = slk_fr_generator;
    slk_fr_inv(&d->shift_inverse, &d->shift);
    slk_fr_pow_u64(&z, &d->shift, UINT64_C(1) << log2_n);
    slk_fr_sub(&z, &z, &slk_fr_one);
    slk_fr_mul(&z, &z, &n);
    slk_fr_inv(&d->c_factor, &z);
}

typedef struct pointwise {
    slk_fr *a;
    const slk_fr *b;
    const slk_fr *factor;
} pointwise;

static void multiply_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    const pointwise *p = context;
    (void)worker;
    for (uint64_t i = begin; i < end; i++)
        slk_fr_mul(&p->a[i], &p->a[i], &p->b[i]);
}

/* a -= factor * b */
static void subtract_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    const pointwise *p = context;
    (void)worker;
    for (uint64_t i = begin; i < end; i++) {
        slk_fr t;
        slk_fr_mul(&t, &p->b[i], p->factor);
        slk_fr_sub(&p->a[i], &p->a[i], &t);
    }
}

/* What the transforms of one quotient share. */
typedef struct transforms {
    slk_ntt *ntt;
    slk_pool *pool;
    slk_job *job;
    domain domain;
    uint64_t n;
} transforms;

/* One transform done: counted, and a chance to stop. */
static slk_err step(const transforms *t, slk_error *error)
{
    slk_job_advance(t->job, 1);
    return slk_job_check(t->job, error);
}

/* From values on the domain to values on the coset. */
static slk_err to_coset(const transforms *t, slk_fr *values, slk_error *error)
{
    slk_ntt_interpolate(t->ntt, values);
    SLK_TRY(step(t, error));
    slk_ntt_scale(t->ntt, values, &t->domain.n_inverse, &t->domain.shift);
    slk_ntt_evaluate(t->ntt, values);
    return step(t, error);
}

static slk_err run(const transforms *t, slk_quotient *q, slk_error *error)
{
    slk_fr *a = elements(&q->a);
    SLK_TRY(to_coset(t, a, error));
    SLK_TRY(to_coset(t, elements(&q->b), error));
    pointwise product = {a, elements(&q->b), NULL};
    slk_pool_for(t->pool, t->n, 16384, multiply_body, &product);
    slk_region_done(&q->b);
    slk_ntt_interpolate(t->ntt, a);
    slk_ntt_scale(t->ntt, a, &t->domain.c_factor, &t->domain.shift_inverse);
    SLK_TRY(step(t, error));
    slk_ntt_interpolate(t->ntt, elements(&q->c));
    pointwise difference = {a, elements(&q->c), &t->domain.c_factor};
    slk_pool_for(t->pool, t->n, 16384, subtract_body, &difference);
    slk_region_done(&q->c);
    slk_ntt_reorder(t->ntt, a);
    return step(t, error);
}

slk_err slk_quotient_run(slk_quotient *quotient, slk_pool *pool, slk_job *job, slk_error *error)
{
    transforms t = {.pool = pool, .job = job, .n = UINT64_C(1) << quotient->log2_n};
    SLK_TRY(slk_ntt_new(&t.ntt, quotient->log2_n, pool, error));
    domain_init(&t.domain, quotient->log2_n);
    slk_job_stage(job, "fft", 6);
    slk_err err = run(&t, quotient, error);
    slk_ntt_free(t.ntt);
    return err;
}

void slk_quotient_done(slk_quotient *quotient)
{
    slk_region_done(&quotient->a);
    slk_region_done(&quotient->b);
    slk_region_done(&quotient->c);
}
