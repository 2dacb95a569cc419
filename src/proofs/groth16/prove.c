/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/groth16/prove.h"

#include "base/bytes.h"
#include "base/num.h"
#include "crypto/msm/msm.h"
#include "proofs/groth16/internal.h"

#include <inttypes.h>
#include <string.h>

#define H_FEED 262144u /* coefficients per step, between looks at the job */

static slk_err check_counts(const slk_groth16_prover *prover, slk_error *error)
{
    slk_circuit_counts counts = slk_circuit_counts_whole(prover->circuit);
    const slk_circuit_density *density = &prover->density;
    uint64_t a = counts.inputs + density->a_aux_count;
    uint64_t b = density->b_inputs_count + density->b_aux_count;
    if (slk_params_l(prover->params).count == counts.aux &&
        slk_params_a(prover->params).count == a && slk_params_b_g1(prover->params).count == b &&
        slk_params_b_g2(prover->params).count == b)
        return SLK_OK;
    return slk_fail(error, SLK_E_CORRUPT,
                    "the parameters do not have the numbers of points of the circuit");
}

slk_err slk_groth16_prover_init(slk_groth16_prover *ret_prover, const slk_crypto *crypto,
                                const slk_params *params, slk_error *error)
{
    slk_groth16_prover prover = {.crypto = crypto, .params = params};
    SLK_TRY(slk_circuit_new(&prover.circuit, crypto, slk_params_key_of(params)->shape, error));
    slk_err err = slk_circuit_density_init(&prover.density, prover.circuit, error);
    if (err == SLK_OK)
        err = check_counts(&prover, error);
    if (err != SLK_OK) {
        slk_groth16_prover_done(&prover);
        return err;
    }
    *ret_prover = prover;
    return SLK_OK;
}

void slk_groth16_prover_done(slk_groth16_prover *prover)
{
    slk_circuit_density_done(&prover->density);
    slk_circuit_free(prover->circuit);
    prover->circuit = NULL;
}

/* --- sums over the parameters ----------------------------------------------------------------- */

/* Of all partitions asked for, [n] each, on the heap. */
typedef struct proof_sums {
    unsigned n;
    slk_g1 *a, *b1, *l, *h;
    slk_g2 *b2;
    slk_witness *witnesses;
} proof_sums;

static slk_err sums_init(proof_sums *ret_sums, unsigned n, slk_error *error)
{
    proof_sums sums = {.n = n,
                       .a = slk_calloc((size_t)4 * n, sizeof(slk_g1)),
                       .b2 = slk_calloc(n, sizeof(slk_g2)),
                       .witnesses = slk_calloc(n, sizeof(slk_witness))};
    *ret_sums = sums;
    if (sums.a == NULL || sums.b2 == NULL || sums.witnesses == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the sums of %u proofs", n);
    ret_sums->b1 = sums.a + n;
    ret_sums->l = sums.a + (size_t)2 * n;
    ret_sums->h = sums.a + (size_t)3 * n;
    return SLK_OK;
}

static void sums_done(proof_sums *sums)
{
    for (unsigned i = 0; i < sums->n && sums->witnesses != NULL; i++)
        slk_witness_done(&sums->witnesses[i]);
    slk_free(sums->witnesses);
    slk_free(sums->a);
    slk_free(sums->b2);
}

static slk_err feed_h(slk_msm *msm, slk_params_points points, const slk_fr *h, slk_job *job,
                      slk_error *error)
{
    for (uint64_t i = 0; i < points.count; i += H_FEED) {
        uint64_t n = slk_min_u64(H_FEED, points.count - i);
        SLK_TRY(slk_job_check(job, error));
        SLK_TRY(slk_msm_add(msm, points.data + SLK_G1_BYTES * i, NULL, h + i, n, error));
        slk_job_advance(job, n);
    }
    return SLK_OK;
}

static slk_err sum_h(slk_g1 *ret_sum, const slk_groth16_prover *prover, slk_pool *pool,
                     const slk_quotient *quotient, slk_job *job, slk_error *error)
{
    slk_params_points points = slk_params_h(prover->params);
    slk_msm *msm = NULL;
    slk_job_stage(job, "msm h", points.count);
    SLK_TRY(slk_msm_new(&msm, slk_group_of(prover->crypto, SLK_G1), pool, points.count, error));
    slk_err err = feed_h(msm, points, (const slk_fr *)(const void *)quotient->a.data, job, error);
    if (err == SLK_OK)
        slk_msm_finish(msm, ret_sum);
    slk_msm_free(msm);
    return err;
}

/* Witness and sum over H of each partition. */
static slk_err quotients(proof_sums *sums, const slk_groth16_prover *prover, slk_pool *pool,
                         const slk_c1 *c1, unsigned first, slk_job *job, slk_error *error)
{
    slk_quotient quotient;
    slk_err err = SLK_OK;
    if (slk_params_h(prover->params).count !=
        (UINT64_C(1) << slk_quotient_log2(prover->circuit)) - 1)
        return slk_fail(error, SLK_E_CORRUPT, "the parameters are for another domain");
    SLK_TRY(slk_quotient_init(&quotient, prover->circuit, error));
    for (unsigned k = 0; k < sums->n && err == SLK_OK; k++) {
        const slk_assignment from = {prover->crypto, prover->circuit, c1, first + k};
        err = slk_quotient_run(&quotient, &sums->witnesses[k], &from, pool, job, error);
        if (k + 1 == sums->n)
            slk_region_done(&quotient.b);
        if (err == SLK_OK)
            err = sum_h(&sums->h[k], prover, pool, &quotient, job, error);
    }
    slk_quotient_done(&quotient);
    return err;
}

static slk_err sum_query(void *ret_sums, const char *stage, const slk_query *query,
                         const proof_sums *sums, slk_pool *pool, slk_job *job, slk_error *error)
{
    slk_job_stage(job, stage, sums->n * 64 * (uint64_t)sums->witnesses[0].words);
    return slk_query_sums(ret_sums, query, sums->witnesses, sums->n, pool, job, error);
}

static slk_err sum_queries(proof_sums *sums, const slk_groth16_prover *prover, slk_pool *pool,
                           slk_job *job, slk_error *error)
{
    const slk_params *params = prover->params;
    const slk_circuit_density *density = &prover->density;
    const slk_group *g1 = slk_group_of(prover->crypto, SLK_G1);
    const slk_group *g2 = slk_group_of(prover->crypto, SLK_G2);
    const uint32_t inputs = sums->witnesses[0].inputs;
    const slk_query l = {g1, slk_params_l(params), 0, NULL, NULL};
    const slk_query a = {g1, slk_params_a(params), inputs, NULL, density->a_aux};
    const slk_query b1 = {g1, slk_params_b_g1(params), inputs, density->b_inputs, density->b_aux};
    const slk_query b2 = {g2, slk_params_b_g2(params), inputs, density->b_inputs, density->b_aux};
    SLK_TRY(sum_query(sums->l, "msm l", &l, sums, pool, job, error));
    SLK_TRY(sum_query(sums->a, "msm a", &a, sums, pool, job, error));
    SLK_TRY(sum_query(sums->b1, "msm b1", &b1, sums, pool, job, error));
    return sum_query(sums->b2, "msm b2", &b2, sums, pool, job, error);
}

/* --- the three points ------------------------------------------------------------------------- */

static void add_multiple(slk_g1 *inout, const slk_g1_affine *point, const slk_fr *scalar)
{
    slk_g1 product;
    slk_g1_mul(&product, point, scalar);
    slk_g1_add(inout, inout, &product);
}

static void add_point(slk_g1 *inout, const slk_g1_affine *point)
{
    slk_g1 jacobian;
    slk_g1_from_affine(&jacobian, point);
    slk_g1_add(inout, inout, &jacobian);
}

static void write_a(uint8_t out48[48], const slk_groth16_key *key, const slk_g1 *sum,
                    const slk_fr *r)
{
    slk_g1 a = *sum;
    slk_g1_affine point;
    add_point(&a, &key->alpha_g1);
    add_multiple(&a, &key->delta_g1, r);
    slk_g1_to_affine(&point, &a);
    slk_g1_write_compressed(out48, &point);
}

static void write_b(uint8_t out96[96], const slk_groth16_key *key, const slk_g2 *sum,
                    const slk_fr *s)
{
    slk_g2 b = *sum, t;
    slk_g2_affine point;
    slk_g2_from_affine(&t, &key->beta_g2);
    slk_g2_add(&b, &b, &t);
    slk_g2_mul(&t, &key->delta_g2, s);
    slk_g2_add(&b, &b, &t);
    slk_g2_to_affine(&point, &b);
    slk_g2_write_compressed(out96, &point);
}

/* s*SA + r*SB1 + r*s*delta + s*alpha + r*beta + SH + SL */
static void write_c(uint8_t out48[48], const slk_groth16_key *key, const proof_sums *sums,
                    unsigned k, const slk_fr *r, const slk_fr *s)
{
    slk_g1 c;
    slk_g1_affine point;
    slk_fr rs;
    slk_g1_add(&c, &sums->h[k], &sums->l[k]);
    slk_g1_to_affine(&point, &sums->a[k]);
    add_multiple(&c, &point, s);
    slk_g1_to_affine(&point, &sums->b1[k]);
    add_multiple(&c, &point, r);
    slk_fr_mul(&rs, r, s);
    add_multiple(&c, &key->delta_g1, &rs);
    add_multiple(&c, &key->alpha_g1, s);
    add_multiple(&c, &key->beta_g1, r);
    slk_g1_to_affine(&point, &c);
    slk_g1_write_compressed(out48, &point);
    slk_bytes_wipe(&rs, sizeof(rs));
}

slk_err slk_groth16_prove(uint8_t *ret_proofs, const slk_groth16_prover *prover, slk_pool *pool,
                          const slk_c1 *c1, unsigned first, unsigned n,
                          const slk_groth16_blinding *blinding, slk_job *job, slk_error *error)
{
    proof_sums sums;
    slk_assert(n >= 1);
    slk_err err = sums_init(&sums, n, error);
    if (err == SLK_OK)
        err = quotients(&sums, prover, pool, c1, first, job, error);
    if (err == SLK_OK)
        err = sum_queries(&sums, prover, pool, job, error);
    const slk_groth16_key *key = &slk_params_key_of(prover->params)->key;
    for (unsigned k = 0; k < n && err == SLK_OK; k++) {
        uint8_t *out = ret_proofs + (size_t)k * SLK_GROTH16_PROOF_BYTES;
        write_a(out, key, &sums.a[k], &blinding[k].r);
        write_b(out + 48, key, &sums.b2[k], &blinding[k].s);
        write_c(out + 144, key, &sums, k, &blinding[k].r, &blinding[k].s);
    }
    sums_done(&sums);
    return err;
}
