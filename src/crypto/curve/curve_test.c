/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/curve.h"
#include "crypto/curve/group.h"
#include "crypto/curve/pairing.h"

#include "base/mem.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

/* source: the standard generator of G1, uncompressed */
static const char generator_hex[] = "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac"
                                    "586c55e83ff97a1aeffb3af00adb22c6bb"
                                    "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3"
                                    "edd03cc744a2888ae40caa232946c5e7e1";

static void multiple_g1(slk_g1_affine *out, uint64_t k)
{
    slk_fr scalar;
    slk_g1 point;
    slk_g1_generator(out);
    slk_fr_from_u64(&scalar, k);
    slk_g1_mul(&point, out, &scalar);
    slk_g1_to_affine(out, &point);
}

static void multiple_g2(slk_g2_affine *out, uint64_t k)
{
    slk_fr scalar;
    slk_g2 point;
    slk_g2_generator(out);
    slk_fr_from_u64(&scalar, k);
    slk_g2_mul(&point, out, &scalar);
    slk_g2_to_affine(out, &point);
}

static void test_encodings(void **state)
{
    (void)state;
    uint8_t want[96], got[192], compressed[96];
    slk_g1_affine g1, g1_back;
    slk_g2_affine g2, g2_back;
    slk_test_hex(want, 96, generator_hex);
    multiple_g1(&g1, 1);
    slk_g1_write(got, &g1);
    assert_memory_equal(got, want, 96);
    for (uint64_t k = 1; k < 6; k++) {
        multiple_g1(&g1, k);
        slk_g1_write(got, &g1);
        assert_true(slk_g1_read(&g1_back, got));
        assert_memory_equal(&g1, &g1_back, sizeof(g1));
        assert_true(slk_group_g1.decode(&g1_back, got, NULL, 1));
        assert_memory_equal(&g1, &g1_back, sizeof(g1));
        slk_g1_write_compressed(compressed, &g1);
        assert_true(slk_g1_read_compressed(&g1_back, compressed));
        assert_memory_equal(&g1, &g1_back, sizeof(g1));
        multiple_g2(&g2, k);
        slk_g2_write(got, &g2);
        assert_true(slk_g2_read(&g2_back, got));
        assert_memory_equal(&g2, &g2_back, sizeof(g2));
        assert_true(slk_group_g2.decode(&g2_back, got, NULL, 1));
        assert_memory_equal(&g2, &g2_back, sizeof(g2));
        slk_g2_write_compressed(compressed, &g2);
        assert_true(slk_g2_read_compressed(&g2_back, compressed));
        assert_memory_equal(&g2, &g2_back, sizeof(g2));
    }
}

static void test_bad_encodings(void **state)
{
    (void)state;
    uint8_t good[96], bad[96];
    slk_g1_affine point;
    slk_test_hex(good, 96, generator_hex);
    for (unsigned flag = 0x20; flag <= 0x80; flag *= 2) {
        memcpy(bad, good, 96);
        bad[0] |= (uint8_t)flag;
        assert_false(slk_g1_read(&point, bad));
        assert_false(slk_group_g1.decode(&point, bad, NULL, 1));
    }
    memcpy(bad, good, 96);
    bad[95] ^= 1; /* off the curve: only the checked reader sees it */
    assert_false(slk_g1_read(&point, bad));
    assert_true(slk_group_g1.decode(&point, bad, NULL, 1));
    memset(bad, 0xff, 96);
    bad[0] = 0x1f; /* x >= p */
    assert_false(slk_group_g1.decode(&point, bad, NULL, 1));
    memset(bad, 0, 96);
    bad[0] = 0x40; /* infinity */
    assert_false(slk_g1_read(&point, bad));
    assert_false(slk_group_g1.decode(&point, bad, NULL, 1));
    bad[0] = 0xc0;
    assert_false(slk_g1_read_compressed(&point, bad));
}

/* Points of the curves outside the subgroups: x = 4 on both. y from Python, mod p. */
static void test_points_outside_the_subgroup(void **state)
{
    (void)state;
    static const char y_g1[] =
        "0a989badd40d6212b33cffc3f3763e9bc760f988c9926b26da9dd85e928483446346b8ed00e1de5d5ea93e35"
        "4abe706c";
    static const char y_g2[] = /* c1, c0 */
        "055994da2a9efb42745e78b62459f9774b63c1818c2a91914caf6b66168296b7be91bf9d9e51ea5e29507478"
        "d6afc078170d98f930999f703bd1a434512f18a02f4a096f9ddbe77f3653ec945e2624adc2e6f5c142cfd4d2"
        "dc962acf692f366c";
    uint8_t bytes[192] = {0};
    slk_g1_affine g1;
    slk_g2_affine g2;
    bytes[47] = 4;
    slk_test_hex(bytes + 48, 48, y_g1);
    assert_true(slk_group_g1.decode(&g1, bytes, NULL, 1));
    slk_g1_write_compressed(bytes, &g1); /* so that the x is one of a point of the curve */
    assert_false(slk_g1_read_compressed(&g1, bytes));
    memset(bytes, 0, sizeof(bytes));
    bytes[47] = 4;
    slk_test_hex(bytes + 48, 48, y_g1);
    assert_false(slk_g1_read(&g1, bytes));
    memset(bytes, 0, sizeof(bytes));
    bytes[95] = 4;
    slk_test_hex(bytes + 96, 96, y_g2);
    assert_false(slk_g2_read(&g2, bytes));
    assert_true(slk_group_g2.decode(&g2, bytes, NULL, 1));
    slk_g2_write_compressed(bytes, &g2);
    assert_false(slk_g2_read_compressed(&g2, bytes));
}

/* Sums k_a + k_b of small multiples, with every special case in one batch. */
static void test_add_pairs(void **state)
{
    (void)state;
    static const int64_t cases[][2] = {{1, 2},  {3, 3},  {5, -5}, {0, 7}, {7, 0},  {0, 0},
                                       {9, -4}, {0, -6}, {4, -9}, {8, 1}, {2, -2}, {6, 6}};
    enum { N = sizeof(cases) / sizeof(cases[0]) };
    slk_g1_affine a[N], b[N], zero = {{{0}}, {{0}}};
    slk_g2_affine a2[N], b2[N], zero2 = {{{{{0}}}}, {{{{0}}}}};
    slk_point_pair pairs[N], pairs2[N];
    for (size_t i = 0; i < N; i++) {
        int64_t k = cases[i][1];
        multiple_g1(&a[i], (uint64_t)cases[i][0]);
        multiple_g1(&b[i], (uint64_t)(k < 0 ? -k : k));
        multiple_g2(&a2[i], (uint64_t)cases[i][0]);
        multiple_g2(&b2[i], (uint64_t)(k < 0 ? -k : k));
        pairs[i] = (slk_point_pair){&a[i], &b[i], k < 0};
        pairs2[i] = (slk_point_pair){&a2[i], &b2[i], k < 0};
    }
    void *scratch = slk_alloc(1, slk_group_g2.pair_scratch_bytes);
    assert_non_null(scratch);
    slk_group_g1.add_pairs(pairs, N, scratch);
    slk_group_g2.add_pairs(pairs2, N, scratch);
    for (size_t i = 0; i < N; i++) {
        int64_t sum = cases[i][0] + cases[i][1];
        slk_g1_affine want = zero;
        slk_g2_affine want2 = zero2;
        if (sum != 0) {
            multiple_g1(&want, (uint64_t)(sum < 0 ? -sum : sum));
            multiple_g2(&want2, (uint64_t)(sum < 0 ? -sum : sum));
        }
        if (sum < 0) {
            slk_g1_affine_neg(&want, &want);
            slk_g2_affine_neg(&want2, &want2);
        }
        assert_memory_equal(&a[i], &want, sizeof(want));
        assert_memory_equal(&a2[i], &want2, sizeof(want2));
    }
    slk_free(scratch);
}

static void check_digits(const slk_fr *scalar, unsigned c)
{
    int32_t digits[128];
    slk_digits_of(digits, 1, scalar, c);
    slk_fr sum = slk_fr_zero, shift, digit;
    slk_fr_from_u64(&shift, UINT64_C(1) << c);
    for (unsigned w = slk_digits_count(c); w-- > 0;) {
        int32_t d = digits[w];
        assert_true(d <= (1 << (c - 1)) && d >= -(1 << (c - 1)));
        slk_fr_mul(&sum, &sum, &shift);
        slk_fr_from_u64(&digit, (uint64_t)(d < 0 ? -d : d));
        if (d < 0)
            slk_fr_neg(&digit, &digit);
        slk_fr_add(&sum, &sum, &digit);
    }
    assert_true(slk_fr_equal(&sum, scalar));
}

static void test_digits(void **state)
{
    (void)state;
    slk_fr scalar = slk_fr_one, minus_one, half;
    slk_fr_neg(&minus_one, &slk_fr_one);
    slk_fr_double(&half, &slk_fr_one);
    slk_fr_inv(&half, &half); /* (r + 1) / 2 */
    for (unsigned c = 2; c <= 20; c++) {
        check_digits(&slk_fr_zero, c);
        check_digits(&slk_fr_one, c);
        check_digits(&minus_one, c);
        check_digits(&half, c);
        for (int i = 0; i < 50; i++) {
            slk_fr_mul(&scalar, &scalar, &slk_fr_generator);
            slk_fr_inv(&half, &scalar);
            check_digits(&scalar, c);
            check_digits(&half, c);
        }
    }
}

static void test_pairing_is_bilinear(void **state)
{
    (void)state;
    slk_g1_affine p6, p2, p1;
    slk_g2_affine q1, q3;
    slk_gt product;
    multiple_g1(&p6, 6);
    multiple_g1(&p2, 2);
    multiple_g1(&p1, 1);
    multiple_g2(&q1, 1);
    multiple_g2(&q3, 3);
    slk_g1_affine_neg(&p6, &p6);
    slk_gt_one(&product);
    slk_pairing_miller(&product, &p6, &q1, 1);
    slk_pairing_miller(&product, &p2, &q3, 1);
    assert_true(slk_pairing_is_one(&product));
    slk_pairing_miller(&product, &p1, &q1, 1);
    assert_false(slk_pairing_is_one(&product));
}

/* Against one multiplication after the other: every width of digits, zeros, equal and opposite
 * points, all numbers of points. */
static void test_combine(void **state)
{
    (void)state;
    slk_g1_affine points[SLK_COMBINE_MAX], got_affine, want_affine;
    slk_fr scalars[SLK_COMBINE_MAX], walk = slk_fr_generator;
    slk_g1 got, want, product;
    for (size_t i = 0; i < SLK_COMBINE_MAX; i++) {
        multiple_g1(&points[i], i == 5 ? 1 : 1 + i % 7);
        if (i == 9)
            slk_g1_affine_neg(&points[i], &points[i]);
        slk_fr_inv(&walk, &walk);
        slk_fr_add(&walk, &walk, &slk_fr_generator);
        scalars[i] = walk;
    }
    slk_fr_from_u64(&scalars[1], 0);
    slk_fr_from_u64(&scalars[2], 1);
    slk_fr_from_u64(&scalars[3], (1u << 24) - 1);
    slk_fr_from_u64(&scalars[4], 1u << 24);
    slk_fr_from_u64(&scalars[6], UINT64_MAX);
    slk_fr_neg(&scalars[7], &slk_fr_one);
    scalars[12] = scalars[5];
    for (size_t first = 0; first < SLK_COMBINE_MAX; first++)
        for (size_t n = 0; n + first <= SLK_COMBINE_MAX; n++) {
            memset(&want, 0, sizeof(want));
            for (size_t i = first; i < first + n; i++) {
                slk_g1_mul(&product, &points[i], &scalars[i]);
                slk_g1_add(&want, &want, &product);
            }
            slk_g1_combine(&got, points + first, scalars + first, n);
            slk_g1_to_affine(&got_affine, &got);
            slk_g1_to_affine(&want_affine, &want);
            assert_memory_equal(&got_affine, &want_affine, sizeof(want_affine));
        }
}

/* Lines and pairs give the same value, for all numbers of them; infinity contributes one. */
static void test_miller_lines(void **state)
{
    (void)state;
    enum { N = SLK_PAIRING_TERMS_MAX };
    slk_g1_affine p[3 * N];
    slk_g2_affine q[3 * N];
    slk_g2_lines *lines = slk_alloc(N, sizeof(*lines));
    slk_pairing_term terms[N];
    slk_gt by_lines, together, apart;
    assert_non_null(lines);
    for (size_t i = 0; i < 3 * N; i++) {
        multiple_g1(&p[i], 3 * i + 1);
        multiple_g2(&q[i], i * i + 1);
        if (i % 9 == 3)
            memset(&p[i], 0, sizeof(p[i]));
    }
    for (size_t i = 0; i < N; i++) {
        slk_g2_lines_of(&lines[i], &q[i]);
        terms[i] = (slk_pairing_term){&p[i], &lines[i]};
    }
    for (size_t n = 0; n <= 3 * N; n++) {
        slk_gt_one(&together);
        slk_gt_one(&apart);
        slk_pairing_miller(&together, p, q, n);
        for (size_t i = 0; i < n; i++)
            slk_pairing_miller(&apart, &p[i], &q[i], 1);
        assert_memory_equal(&together, &apart, sizeof(apart));
        if (n > N)
            continue;
        slk_gt_one(&by_lines);
        slk_pairing_miller_lines(&by_lines, terms, n);
        assert_memory_equal(&by_lines, &apart, sizeof(apart));
    }
    slk_free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_bad_encodings),
        cmocka_unit_test(test_points_outside_the_subgroup),
        cmocka_unit_test(test_add_pairs),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_pairing_is_bilinear),
        cmocka_unit_test(test_combine),
        cmocka_unit_test(test_miller_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
