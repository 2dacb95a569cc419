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

/* From values on the domain to values on the coset. */
static void to_coset(slk_ntt *ntt, slk_fr *values, const domain *d)
{
    slk_ntt_interpolate(ntt, values);
    slk_ntt_scale(ntt, values, &d->n_inverse, &d->shift);
    slk_ntt_evaluate(ntt, values);
}

static slk_err run(slk_quotient *q, slk_ntt *ntt, slk_pool *pool, slk_job *job, slk_error *error)
{
    domain d;
    uint64_t n = UINT64_C(1) << q->log2_n;
    domain_init(&d, q->log2_n);
    slk_job_stage(job, "fft", 6);
    to_coset(ntt, elements(&q->a), &d);
    slk_job_advance(job, 2);
    SLK_TRY(slk_job_check(job, error));
    to_coset(ntt, elements(&q->b), &d);
    slk_job_advance(job, 2);
    SLK_TRY(slk_job_check(job, error));
    pointwise product = {elements(&q->a), elements(&q->b), NULL};
    slk_pool_for(pool, n, 16384, multiply_body, &product);
    slk_region_done(&q->b);
    slk_ntt_interpolate(ntt, elements(&q->a));
    slk_ntt_scale(ntt, elements(&q->a), &d.c_factor, &d.shift_inverse);
    slk_job_advance(job, 1);
    SLK_TRY(slk_job_check(job, error));
    slk_ntt_interpolate(ntt, elements(&q->c));
    pointwise difference = {elements(&q->a), elements(&q->c), &d.c_factor};
    slk_pool_for(pool, n, 16384, subtract_body, &difference);
    slk_region_done(&q->c);
    slk_ntt_reorder(ntt, elements(&q->a));
    slk_job_advance(job, 1);
    return slk_job_check(job, error);
}

slk_err slk_quotient_run(slk_quotient *quotient, slk_pool *pool, slk_job *job, slk_error *error)
{
    slk_ntt *ntt = NULL;
    SLK_TRY(slk_ntt_new(&ntt, quotient->log2_n, pool, error));
    slk_err err = run(quotient, ntt, pool, job, error);
    slk_ntt_free(ntt);
    return err;
}

void slk_quotient_done(slk_quotient *quotient)
{
    slk_region_done(&quotient->a);
    slk_region_done(&quotient->b);
    slk_region_done(&quotient->c);
}
