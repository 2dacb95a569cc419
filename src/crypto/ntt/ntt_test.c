/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/ntt/ntt.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

/* A fixed sequence without visible pattern: x <- x^2 + seed. */
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

static void check_points(unsigned k, size_t samples, slk_pool *pool)
{
    size_t n = (size_t)1 << k;
    slk_fr *coefficients = random_vector(n, k + 1), *values = slk_alloc(n, sizeof(slk_fr)), root;
    slk_ntt *ntt = NULL;
    assert_non_null(values);
    assert_int_equal(slk_ntt_new(&ntt, k, pool, NULL), SLK_OK);
    memcpy(values, coefficients, n * sizeof(slk_fr));
    slk_ntt_reorder(ntt, values);
    slk_ntt_evaluate(ntt, values);
    slk_fr_root_of_unity(&root, k);
    for (size_t s = 0; s < samples && s < n; s++) {
        size_t i = samples >= n ? s : (s * 7919 + (s & 1) * (n / 2)) % n;
        slk_fr x, want;
        slk_fr_pow_u64(&x, &root, i);
        want = evaluate_at(coefficients, n, &x);
        assert_true(slk_fr_equal(&want, &values[i]));
    }
    slk_fr scale, one = slk_fr_one;
    slk_fr_from_u64(&scale, n);
    slk_fr_inv(&scale, &scale);
    slk_ntt_interpolate(ntt, values);
    slk_ntt_scale(ntt, values, &scale, &one);
    slk_ntt_reorder(ntt, values);
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
    for (unsigned k = 0; k <= 8; k++)
        check_points(k, (size_t)1 << k, NULL);
    for (unsigned k = 12; k <= 16; k++)
        check_points(k, 24, pool);
    slk_pool_free(pool);
}

/* 2^23 takes two column passes, the second inside a worker. */
static void test_two_column_passes(void **state)
{
    (void)state;
    slk_pool *pool = NULL;
    assert_int_equal(slk_pool_new(&pool, 2, NULL), SLK_OK);
    check_points(23, 2, pool);
    slk_pool_free(pool);
}

static void test_coset(void **state)
{
    (void)state;
    unsigned k = 13;
    size_t n = (size_t)1 << k;
    slk_fr *coefficients = random_vector(n, 99), *values = slk_alloc(n, sizeof(slk_fr)), root;
    slk_ntt *ntt = NULL;
    assert_int_equal(slk_ntt_new(&ntt, k, NULL, NULL), SLK_OK);
    memcpy(values, coefficients, n * sizeof(slk_fr));
    slk_ntt_reorder(ntt, values);
    slk_ntt_scale(ntt, values, &slk_fr_one, &slk_fr_generator);
    slk_ntt_evaluate(ntt, values);
    slk_fr_root_of_unity(&root, k);
    for (uint64_t i = 0; i < n; i += 1111) {
        slk_fr x, want;
        slk_fr_pow_u64(&x, &root, i);
        slk_fr_mul(&x, &x, &slk_fr_generator);
        want = evaluate_at(coefficients, n, &x);
        assert_true(slk_fr_equal(&want, &values[i]));
    }
    slk_ntt_free(ntt);
    slk_free(values);
    slk_free(coefficients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_horner),
        cmocka_unit_test(test_two_column_passes),
        cmocka_unit_test(test_coset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
