/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/msm/fixed_base.h"
#include "crypto/msm/msm.h"

#include "base/cpu.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define TABLE_BITS 8u

/* The kernel under test: main runs every test with each. */
static const slk_group *g1, *g2;

static slk_fr random_fr(uint64_t *seed)
{
    uint8_t wide[64];
    for (size_t i = 0; i < 64; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        wide[i] = (uint8_t)(*seed >> 56);
    }
    slk_fr out;
    slk_fr_from_wide(&out, wide);
    return out;
}

/* scalar * generator, encoded, by blst's own multiplication. */
static void multiple(const slk_group *group, uint8_t *out, const slk_fr *scalar)
{
    if (group->encoded_bytes == SLK_G1_BYTES) {
        slk_g1 point;
        slk_g1_affine affine;
        slk_g1_generator(&affine);
        slk_g1_mul(&point, &affine, scalar);
        slk_g1_to_affine(&affine, &point);
        slk_g1_write(out, &affine);
    } else {
        slk_g2 point;
        slk_g2_affine affine;
        slk_g2_generator(&affine);
        slk_g2_mul(&point, &affine, scalar);
        slk_g2_to_affine(&affine, &point);
        slk_g2_write(out, &affine);
    }
}

/* A sum as its official encoding. */
static void encode_sum(const slk_group *group, uint8_t *out, const void *jacobian)
{
    _Alignas(64) uint8_t affine[SLK_AFFINE_BYTES_MAX];
    group->to_affine(affine, jacobian);
    group->encode(out, affine, 1);
}

static void check_fixed_base(const slk_group *group, unsigned window_bits, size_t n)
{
    slk_fixed_base *table = NULL;
    slk_pool *pool = NULL;
    _Alignas(64) uint8_t base[SLK_AFFINE_BYTES_MAX], want[SLK_G2_BYTES], got[SLK_G2_BYTES];
    slk_fr *scalars = slk_alloc(n, sizeof(slk_fr));
    uint8_t *out = slk_alloc(n, group->affine_bytes);
    uint64_t seed = window_bits;
    assert_int_equal(slk_pool_new(&pool, 2, NULL), SLK_OK);
    group->generator(base);
    assert_int_equal(slk_fixed_base_new(&table, group, base, window_bits, NULL), SLK_OK);
    for (size_t i = 0; i < n; i++)
        scalars[i] = random_fr(&seed);
    scalars[0] = slk_fr_zero;
    scalars[1] = slk_fr_one;
    slk_fr_neg(&scalars[2], &slk_fr_one);
    slk_fr_from_u64(&scalars[3], UINT64_C(1) << (window_bits - 1));
    slk_fr_from_u64(&scalars[4], UINT64_C(1) << window_bits);
    assert_int_equal(slk_fixed_base_mul(table, pool, out, scalars, n, NULL), SLK_OK);
    for (size_t i = 0; i < n; i += 1 + i / 40) {
        multiple(group, want, &scalars[i]);
        group->encode(got, out + i * group->affine_bytes, 1);
        assert_memory_equal(got, want, group->encoded_bytes);
    }
    slk_fixed_base_free(table);
    slk_pool_free(pool);
    slk_free(out);
    slk_free(scalars);
}

static void test_fixed_base(void **state)
{
    (void)state;
    check_fixed_base(g1, 4, 2100);
    check_fixed_base(g1, 13, 1500);
    check_fixed_base(g2, 7, 1100);
}

/* Points k_i * generator with known k_i, so the sum is one multiplication. */
typedef struct fixture {
    const slk_group *group;
    size_t n;
    slk_fr *logs;
    slk_fr *scalars;
    uint8_t *encoded;
} fixture;

static void fixture_init(fixture *f, const slk_group *group, size_t n)
{
    *f = (fixture){.group = group, .n = n};
    f->logs = slk_alloc(n + 1, sizeof(slk_fr));
    f->scalars = slk_alloc(n + 1, sizeof(slk_fr));
    f->encoded = slk_alloc(n + 1, group->encoded_bytes);
    uint8_t *affine = slk_alloc(n + 1, group->affine_bytes);
    _Alignas(64) uint8_t base[SLK_AFFINE_BYTES_MAX];
    slk_fixed_base *table = NULL;
    uint64_t seed = n;
    for (size_t i = 0; i < n; i++) {
        f->logs[i] = i % 5 == 3 ? f->logs[i - 1] : random_fr(&seed); /* some points twice */
        f->scalars[i] = random_fr(&seed);
    }
    group->generator(base);
    assert_int_equal(slk_fixed_base_new(&table, group, base, TABLE_BITS, NULL), SLK_OK);
    assert_int_equal(slk_fixed_base_mul(table, NULL, affine, f->logs, n, NULL), SLK_OK);
    group->encode(f->encoded, affine, n);
    slk_fixed_base_free(table);
    slk_free(affine);
}

static void fixture_done(fixture *f)
{
    slk_free(f->logs);
    slk_free(f->scalars);
    slk_free(f->encoded);
}

static void check_sum(const fixture *f, slk_pool *pool, size_t expected)
{
    slk_msm *msm = NULL;
    _Alignas(64) uint8_t jacobian[SLK_JACOBIAN_BYTES_MAX], got[SLK_G2_BYTES], want[SLK_G2_BYTES];
    slk_fr sum = slk_fr_zero, product;
    for (size_t i = 0; i < f->n; i++) {
        slk_fr_mul(&product, &f->logs[i], &f->scalars[i]);
        slk_fr_add(&sum, &sum, &product);
    }
    assert_int_equal(slk_msm_new(&msm, f->group, pool, expected, NULL), SLK_OK);
    size_t half = f->n / 3;
    assert_int_equal(slk_msm_add(msm, f->encoded, NULL, f->scalars, half, NULL), SLK_OK);
    assert_int_equal(slk_msm_add(msm, f->encoded + half * f->group->encoded_bytes, NULL,
                                 f->scalars + half, f->n - half, NULL),
                     SLK_OK);
    slk_msm_finish(msm, jacobian);
    encode_sum(f->group, got, jacobian);
    multiple(f->group, want, &sum);
    assert_memory_equal(got, want, f->group->encoded_bytes);
    slk_msm_free(msm);
}

static void test_random(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 33, 1025, 40000};
    slk_pool *pool = NULL;
    assert_int_equal(slk_pool_new(&pool, 3, NULL), SLK_OK);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fixture f;
        fixture_init(&f, g1, sizes[i]);
        check_sum(&f, pool, sizes[i]);
        check_sum(&f, NULL, 20);
        fixture_done(&f);
    }
    fixture f;
    fixture_init(&f, g2, 3000);
    check_sum(&f, pool, 3000);
    fixture_done(&f);
    slk_pool_free(pool);
}

/* More threads than windows: chunks are cut into slices. */
static void test_slices(void **state)
{
    (void)state;
    slk_pool *pool = NULL;
    fixture f;
    assert_int_equal(slk_pool_new(&pool, 40, NULL), SLK_OK);
    fixture_init(&f, g1, 5000);
    check_sum(&f, pool, 100000);
    fixture_done(&f);
    slk_pool_free(pool);
}

static void test_degenerate_scalars(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, g1, 6000);
    for (size_t i = 0; i < f.n; i++)
        f.scalars[i] = f.scalars[0]; /* one bucket per window */
    check_sum(&f, NULL, 100000);
    for (size_t i = 0; i < f.n; i++)
        slk_fr_from_u64(&f.scalars[i], i % 3); /* zeros, ones, twos */
    check_sum(&f, NULL, 100000);
    for (size_t i = 0; i + 1 < f.n; i += 2) { /* cancels to infinity everywhere */
        f.logs[i + 1] = f.logs[i];
        memcpy(f.encoded + 96 * (i + 1), f.encoded + 96 * i, 96);
        slk_fr_neg(&f.scalars[i + 1], &f.scalars[i]);
    }
    check_sum(&f, NULL, 100000);
    fixture_done(&f);
}

static void check_ones(const slk_group *group)
{
    fixture f;
    slk_msm *msm = NULL;
    uint32_t index[2500];
    slk_fr sum = slk_fr_zero;
    _Alignas(64) uint8_t jacobian[SLK_JACOBIAN_BYTES_MAX], got[SLK_G2_BYTES], want[SLK_G2_BYTES];
    fixture_init(&f, group, 5000);
    for (uint32_t i = 0; i < 2500; i++) {
        index[i] = 2 * i + i % 2;
        slk_fr_add(&sum, &sum, &f.logs[index[i]]);
    }
    for (size_t i = 0; i < 700; i++) {
        slk_fr product;
        slk_fr_mul(&product, &f.logs[index[i]], &f.scalars[i]);
        slk_fr_add(&sum, &sum, &product);
    }
    assert_int_equal(slk_msm_new(&msm, group, NULL, 700, NULL), SLK_OK);
    assert_int_equal(slk_msm_add_ones(msm, f.encoded, index, 2500, NULL), SLK_OK);
    assert_int_equal(slk_msm_add(msm, f.encoded, index, f.scalars, 700, NULL), SLK_OK);
    slk_msm_finish(msm, jacobian);
    encode_sum(group, got, jacobian);
    multiple(group, want, &sum);
    assert_memory_equal(got, want, group->encoded_bytes);
    slk_msm_free(msm);
    fixture_done(&f);
}

/* One chunk, two sums: every second point with scalars, every third as it is; and the whole. */
static void check_shared_points(const slk_group *group)
{
    enum { N = 3000 };
    fixture f;
    slk_msm *msm[2] = {NULL, NULL};
    slk_msm_points *points = NULL;
    uint32_t seconds[N / 2], thirds[N / 3];
    slk_fr sum[2] = {slk_fr_zero, slk_fr_zero}, scalars[N / 2], product;
    fixture_init(&f, group, N);
    for (uint32_t i = 0; i < N; i++) {
        slk_fr_mul(&product, &f.logs[i], &f.scalars[i]);
        slk_fr_add(&sum[1], &sum[1], &product);
        if (i % 2 == 0) {
            seconds[i / 2] = i;
            scalars[i / 2] = f.scalars[i];
            slk_fr_add(&sum[0], &sum[0], &product);
        }
        if (i % 3 == 0) {
            thirds[i / 3] = i;
            slk_fr_add(&sum[0], &sum[0], &f.logs[i]);
        }
    }
    assert_int_equal(slk_msm_points_new(&points, group, N, NULL), SLK_OK);
    assert_int_equal(slk_msm_points_decode(points, NULL, f.encoded, NULL, N, NULL), SLK_OK);
    for (size_t k = 0; k < 2; k++)
        assert_int_equal(slk_msm_new(&msm[k], group, NULL, N, NULL), SLK_OK);
    slk_msm_add_decoded_ones(msm[0], points, thirds, N / 3);
    slk_msm_add_decoded(msm[1], points, NULL, f.scalars, N);
    slk_msm_add_decoded(msm[0], points, seconds, scalars, N / 2);
    for (size_t k = 0; k < 2; k++) {
        _Alignas(64) uint8_t jacobian[SLK_JACOBIAN_BYTES_MAX];
        uint8_t got[SLK_G2_BYTES], want[SLK_G2_BYTES];
        slk_msm_finish(msm[k], jacobian);
        encode_sum(group, got, jacobian);
        multiple(group, want, &sum[k]);
        assert_memory_equal(got, want, group->encoded_bytes);
        slk_msm_free(msm[k]);
    }
    slk_msm_points_free(points);
    fixture_done(&f);
}

static void test_shared_points(void **state)
{
    (void)state;
    check_shared_points(g1);
    check_shared_points(g2);
}

static void test_ones(void **state)
{
    (void)state;
    check_ones(g1);
    check_ones(g2);
}

static void test_corrupt_point(void **state)
{
    (void)state;
    fixture f;
    slk_msm *msm = NULL;
    slk_error error;
    fixture_init(&f, g1, 10);
    f.encoded[96 * 7] |= 0x40;
    assert_int_equal(slk_msm_new(&msm, g1, NULL, 10, NULL), SLK_OK);
    assert_int_equal(slk_msm_add(msm, f.encoded, NULL, f.scalars, 10, &error), SLK_E_CORRUPT);
    assert_int_equal(slk_msm_add_ones(msm, f.encoded, NULL, 10, &error), SLK_E_CORRUPT);
    slk_msm_free(msm);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_base),    cmocka_unit_test(test_random),
        cmocka_unit_test(test_slices),        cmocka_unit_test(test_degenerate_scalars),
        cmocka_unit_test(test_ones),          cmocka_unit_test(test_corrupt_point),
        cmocka_unit_test(test_shared_points),
    };
    static const slk_group *const kernels[][2] = {{&slk_group_g1, &slk_group_g2},
                                                  {&slk_group_g1_ifma, &slk_group_g2_ifma}};
    int failed = 0;
    for (size_t k = 0; k < sizeof(kernels) / sizeof(kernels[0]); k++) {
        g1 = kernels[k][0];
        g2 = kernels[k][1];
        if ((g1->needs & ~slk_cpu_features(NULL)) == 0)
            failed += cmocka_run_group_tests_name(g1->kernel, tests, NULL, NULL);
    }
    return failed;
}
