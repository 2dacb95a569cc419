/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/ntt/ntt.h"

#include "base/mem.h"
#include "crypto/ntt/ntt_impl.h"
#include "crypto/ntt/ntt_passes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const char *const levels[] = {"plain", "native"};
#define LEVELS (sizeof levels / sizeof *levels)

static slk_crypto *crypto[LEVELS];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEVELS; i++)
        assert_int_equal(slk_crypto_new(&crypto[i], levels[i], NULL), SLK_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEVELS; i++)
        slk_crypto_free(crypto[i]);
    return 0;
}

/* A fixed sequence without visible pattern, x <- x^2 + seed, with the ends of the field among it. */
static slk_fr *random_vector(size_t n, uint64_t seed)
{
    slk_fr *out = slk_alloc(n, sizeof(slk_fr)), step, x;
    assert_non_null(out);
    slk_fr_from_u64(&step, seed);
    slk_fr_inv(&x, &slk_fr_generator);
    for (size_t i = 0; i < n; i++) {
        slk_fr_sqr(&x, &x);
        slk_fr_add(&x, &x, &step);
        out[i] = x;
        if (i % 13 == 5)
            out[i] = slk_fr_zero;
        if (i % 13 == 6)
            out[i] = (slk_fr){
                {slk_fr_modulus[0] - 1, slk_fr_modulus[1], slk_fr_modulus[2], slk_fr_modulus[3]}};
    }
    return out;
}

/* Horner at one point. */
static slk_fr evaluate_at(const slk_fr *coefficients, size_t n, const slk_fr *x)
{
    slk_fr sum = slk_fr_zero;
    for (size_t i = n; i-- > 0;) {
        slk_fr_mul(&sum, &sum, x);
        slk_fr_add(&sum, &sum, &coefficients[i]);
    }
    return sum;
}

/* values[i] = f(w^i) at some places. */
static void check_values(const slk_fr *values, const slk_fr *coefficients, unsigned k,
                         size_t samples)
{
    const size_t n = (size_t)1 << k;
    slk_fr root;
    slk_fr_root_of_unity(&root, k);
    for (size_t s = 0; s < samples && s < n; s++) {
        const size_t i = samples >= n ? s : (s * 7919 + (s & 1) * (n / 2)) % n;
        slk_fr x, want;
        slk_fr_pow_u64(&x, &root, i);
        want = evaluate_at(coefficients, n, &x);
        assert_memory_equal(&want, &values[i], sizeof want);
    }
}

static void check_points(size_t level, unsigned k, size_t samples, slk_pool *pool)
{
    const size_t n = (size_t)1 << k;
    slk_fr *coefficients = random_vector(n, k + 1), *values = slk_alloc(n, sizeof(slk_fr));
    slk_ntt *ntt = NULL;
    slk_fr scale;
    assert_non_null(values);
    assert_int_equal(slk_ntt_new(&ntt, crypto[level], k, pool, NULL), SLK_OK);
    memcpy(values, coefficients, n * sizeof(slk_fr));
    slk_ntt_reorder(ntt, values);
    slk_ntt_evaluate(ntt, values);
    check_values(values, coefficients, k, samples);
    slk_ntt_interpolate(ntt, values);
    slk_ntt_reorder(ntt, values);
    slk_fr_from_u64(&scale, n);
    for (size_t i = 0; i < n; i++)
        slk_fr_mul(&coefficients[i], &coefficients[i], &scale);
    assert_memory_equal(values, coefficients, n * sizeof(slk_fr));
    slk_ntt_free(ntt);
    slk_free(values);
    slk_free(coefficients);
}

static void test_against_horner(void **state)
{
    (void)state;
    slk_pool *pool = NULL;
    assert_int_equal(slk_pool_new(&pool, 3, NULL), SLK_OK);
    for (size_t level = 0; level < LEVELS; level++) {
        for (unsigned k = 0; k <= 9; k++)
            check_points(level, k, (size_t)1 << k, k % 2 ? pool : NULL);
        for (unsigned k = 10; k <= 17; k++)
            check_points(level, k, 12, pool);
    }
    slk_pool_free(pool);
}

/* 2^23 takes three levels. */
static void test_three_levels(void **state)
{
    (void)state;
    slk_pool *pool = NULL;
    assert_int_equal(slk_pool_new(&pool, 2, NULL), SLK_OK);
    check_points(LEVELS - 1, 23, 2, pool);
    slk_pool_free(pool);
}

/* a * b - c = h * (x^n - 1) at a point outside, for c the values a * b on the domain. */
static void check_quotient(size_t level, unsigned k, slk_pool *pool)
{
    const size_t n = (size_t)1 << k;
    slk_fr *a = random_vector(n, 3), *b = random_vector(n, 4), *c = slk_alloc(n, sizeof(slk_fr));
    slk_fr *va = slk_alloc(n, sizeof(slk_fr)), *vb = slk_alloc(n, sizeof(slk_fr));
    slk_fr x, z, left, right, t, scale;
    slk_ntt *ntt = NULL;
    slk_job job;
    slk_job_init(&job);
    assert_true(c != NULL && va != NULL && vb != NULL);
    assert_int_equal(slk_ntt_new(&ntt, crypto[level], k, pool, NULL), SLK_OK);
    for (size_t i = 0; i < n; i++)
        slk_fr_mul(&c[i], &a[i], &b[i]);
    memcpy(va, a, n * sizeof(slk_fr));
    memcpy(vb, b, n * sizeof(slk_fr));
    assert_int_equal(slk_ntt_quotient_product(ntt, va, vb, &job, NULL), SLK_OK);
    memcpy(vb, c, n * sizeof(slk_fr));
    assert_int_equal(slk_ntt_quotient_finish(ntt, va, vb, &job, NULL), SLK_OK);
    assert_int_equal(job.done, slk_ntt_quotient_work(k));
    slk_fr *const all[] = {a, b, c};
    slk_fr_from_u64(&scale, n);
    slk_fr_inv(&scale, &scale);
    slk_fr_from_u64(&x, 1234567);
    slk_fr at[3];
    for (size_t i = 0; i < 3; i++) {
        slk_ntt_interpolate(ntt, all[i]);
        slk_ntt_reorder(ntt, all[i]);
        at[i] = evaluate_at(all[i], n, &x);
        slk_fr_mul(&at[i], &at[i], &scale);
    }
    slk_fr_mul(&left, &at[0], &at[1]);
    slk_fr_sub(&left, &left, &at[2]);
    slk_fr_pow_u64(&z, &x, n);
    slk_fr_sub(&z, &z, &slk_fr_one);
    t = evaluate_at(va, n, &x);
    slk_fr_mul(&right, &t, &z);
    assert_memory_equal(&left, &right, sizeof left);
    assert_true(slk_fr_is_zero(&va[n - 1])); /* of degree n - 2 */
    slk_ntt_free(ntt);
    for (size_t i = 0; i < 3; i++)
        slk_free(all[i]);
    slk_free(va);
    slk_free(vb);
}

static void test_quotient(void **state)
{
    (void)state;
    slk_pool *pool = NULL;
    assert_int_equal(slk_pool_new(&pool, 2, NULL), SLK_OK);
    for (size_t level = 0; level < LEVELS; level++) {
        check_quotient(level, 6, NULL);
        check_quotient(level, 7, pool);
        check_quotient(level, 15, pool);
    }
    slk_pool_free(pool);
}

static void test_large_quotient(void **state)
{
    (void)state;
    slk_pool *pool = NULL;
    assert_int_equal(slk_pool_new(&pool, 2, NULL), SLK_OK);
    check_quotient(LEVELS - 1, 23, pool);
    slk_pool_free(pool);
}

static void test_cancel(void **state)
{
    (void)state;
    slk_ntt *ntt = NULL;
    slk_job job;
    slk_fr *a = random_vector(64, 1), *b = random_vector(64, 2);
    slk_job_init(&job);
    slk_job_cancel(&job);
    assert_int_equal(slk_ntt_new(&ntt, crypto[0], 6, NULL, NULL), SLK_OK);
    assert_int_equal(slk_ntt_quotient_product(ntt, a, b, &job, NULL), SLK_E_CANCELED);
    assert_int_equal(slk_ntt_quotient_finish(ntt, a, b, &job, NULL), SLK_E_CANCELED);
    assert_int_equal(job.done, 0);
    slk_ntt_free(ntt);
    slk_free(a);
    slk_free(b);
}

/* The longest group, with the largest values in every place: the bounds of kernels that do not
 * reduce are met here if anywhere. */
static void check_bounds(const slk_ntt_impl *impl, const slk_ntt_impl *twin)
{
    enum { K = SLK_NTT_GROUP_LOG2_MAX, N = 1 << K, LANES = SLK_NTT_LANES };
    const slk_ntt_impl *const both[] = {impl, twin};
    slk_fr *out[2], start[LANES], step[LANES];
    slk_fr *root = random_vector(N, 9);
    const slk_fr largest = {
        {slk_fr_modulus[0] - 1, slk_fr_modulus[1], slk_fr_modulus[2], slk_fr_modulus[3]}};
    root[0] = root[1] = root[2] = slk_fr_one;
    for (size_t i = 0; i < 2; i++) {
        slk_region scratch, roots;
        out[i] = random_vector((size_t)N * LANES, 8);
        assert_int_equal(slk_region_init(&scratch, both[i]->point_bytes << K, "test", NULL),
                         SLK_OK);
        assert_int_equal(slk_region_init(&roots, both[i]->factor_bytes << K, "test", NULL), SLK_OK);
        for (size_t k = 0; k < (size_t)N * LANES; k += 3)
            out[i][k] = largest;
        for (size_t k = 0; k < LANES; k++)
            start[k] = step[k] = largest;
        const slk_ntt_place place = {out[i], N, LANES, 1};
        both[i]->factors(roots.data, root, N);
        both[i]->load(scratch.data, &place);
        both[i]->split(scratch.data, K, roots.data);
        both[i]->powers(scratch.data, N, start, step);
        both[i]->join(scratch.data, K, roots.data);
        both[i]->store(&place, scratch.data);
        slk_region_done(&scratch);
        slk_region_done(&roots);
    }
    assert_memory_equal(out[0], out[1], (size_t)N * LANES * sizeof(slk_fr));
    slk_free(out[0]);
    slk_free(out[1]);
    slk_free(root);
}

static void test_bounds(void **state)
{
    (void)state;
    const char *primitive, *kernel;
    for (size_t i = 0; slk_crypto_choice(crypto[LEVELS - 1], i, &primitive, &kernel); i++)
        if (strcmp(primitive, "ntt") == 0 && strcmp(kernel, "ifma") == 0)
            check_bounds(&slk_ntt_ifma, &slk_ntt_plain);
}

/* With an argument: the test that takes minutes under the sanitizers. */
int main(int argc, char **argv)
{
    (void)argv;
    const struct CMUnitTest large[] = {cmocka_unit_test(test_large_quotient)};
    if (argc > 1)
        return cmocka_run_group_tests(large, setup, teardown);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_horner), cmocka_unit_test(test_three_levels),
        cmocka_unit_test(test_quotient),       cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
