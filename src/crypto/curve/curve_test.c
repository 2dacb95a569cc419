/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/curve.h"
#include "crypto/curve/group.h"
#include "crypto/curve/pairing.h"

#include "base/cpu.h"
#include "crypto/crypto_impl.h"
#include "crypto/curve/fp_bytes.h"

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
    slk_miller_product(&slk_miller_plain, &product, &p6, &q1, 1);
    slk_miller_product(&slk_miller_plain, &product, &p2, &q3, 1);
    assert_true(slk_pairing_is_one(&product));
    slk_miller_product(&slk_miller_plain, &product, &p1, &q1, 1);
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

/* Each against one multiplication. */
static void test_multiply_each(void **state)
{
    (void)state;
    slk_g1_affine points[SLK_COMBINE_MAX], want[SLK_COMBINE_MAX];
    slk_fr scalars[SLK_COMBINE_MAX];
    for (size_t n = 0; n <= SLK_COMBINE_MAX; n++) {
        for (size_t i = 0; i < n; i++) {
            slk_g1 product;
            uint8_t node[32] = {0};
            memset(node, (int)(7 * i + n + 1), 1 + (2 * i + n) % 31);
            assert_true(slk_fr_from_node(&scalars[i], node));
            multiple_g1(&points[i], (unsigned)(3 * i + 1));
            slk_g1_mul(&product, &points[i], &scalars[i]);
            slk_g1_to_affine(&want[i], &product);
        }
        slk_g1_multiply_each(points, scalars, n);
        assert_memory_equal(points, want, n * sizeof(*points));
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
        slk_miller_product(&slk_miller_plain, &together, p, q, n);
        for (size_t i = 0; i < n; i++)
            slk_miller_product(&slk_miller_plain, &apart, &p[i], &q[i], 1);
        assert_memory_equal(&together, &apart, sizeof(apart));
        if (n > N)
            continue;
        slk_gt_one(&by_lines);
        slk_pairing_miller_lines(&by_lines, terms, n);
        assert_memory_equal(&by_lines, &apart, sizeof(apart));
    }
    slk_free(lines);
}

/* By eight lanes and by blst: e(P, Q) e(P, -Q) = 1 for all numbers of pairs, infinity among them; and not
 * when one pair differs. */
static void test_miller_lanes(void **state)
{
    (void)state;
    enum { N = 19 };
    slk_g1_affine p[N];
    slk_g2_affine q[N], minus[N];
    if (slk_miller_ifma.needs & ~slk_cpu_features(NULL))
        skip();
    for (size_t i = 0; i < N; i++) {
        multiple_g1(&p[i], 5 * i + 2);
        multiple_g2(&q[i], i * i + 3);
        slk_g2_affine_neg(&minus[i], &q[i]);
        if (i % 7 == 4)
            memset(&p[i], 0, sizeof(p[i]));
    }
    for (size_t n = 1; n <= N; n++) {
        slk_gt product, other;
        slk_gt_one(&product);
        slk_miller_product(&slk_miller_ifma, &product, p, q, n);
        other = product;
        slk_miller_product(&slk_miller_plain, &product, p, minus, n);
        assert_true(slk_pairing_is_one(&product));
        slk_miller_product(&slk_miller_plain, &other, p, minus, n - 1);
        assert_true(slk_pairing_is_one(&other) == slk_g1_affine_is_infinity(&p[n - 1]));
    }
}

/* --- many points at once ---------------------------------------------------------------------- */

enum { ROW = 17 };

typedef struct row {
    uint8_t g1[ROW][96], g2[ROW][192]; /* uncompressed */
    uint8_t g1_short[ROW][48], g2_short[ROW][96];
    slk_g1_affine want1[ROW];
    slk_g2_affine want2[ROW];
} row;

/* Multiples of both signs, whose roots are now the larger, now the smaller. */
static void row_init(row *r)
{
    for (size_t i = 0; i < ROW; i++) {
        multiple_g1(&r->want1[i], i * i * i + 1);
        multiple_g2(&r->want2[i], UINT64_MAX - i);
        if (i % 3 == 1)
            slk_g1_affine_neg(&r->want1[i], &r->want1[i]);
        slk_g1_write(r->g1[i], &r->want1[i]);
        slk_g2_write(r->g2[i], &r->want2[i]);
        slk_g1_write_compressed(r->g1_short[i], &r->want1[i]);
        slk_g2_write_compressed(r->g2_short[i], &r->want2[i]);
    }
}

/* Whether each of the four readers takes the first n points. */
static void expect_row(const slk_crypto *crypto, const row *r, size_t n, bool g1, bool g2,
                       bool g1_short, bool g2_short)
{
    slk_g1_affine got1[ROW];
    slk_g2_affine got2[ROW];
    assert_true(slk_g1_read_all(crypto, got1, r->g1[0], 96, n) == g1);
    if (g1)
        assert_memory_equal(got1, r->want1, n * sizeof(got1[0]));
    assert_true(slk_g2_read_all(crypto, got2, r->g2[0], 192, n) == g2);
    if (g2)
        assert_memory_equal(got2, r->want2, n * sizeof(got2[0]));
    assert_true(slk_g1_read_compressed_all(crypto, got1, r->g1_short[0], 48, n) == g1_short);
    if (g1_short)
        assert_memory_equal(got1, r->want1, n * sizeof(got1[0]));
    assert_true(slk_g2_read_compressed_all(crypto, got2, r->g2_short[0], 96, n) == g2_short);
    if (g2_short)
        assert_memory_equal(got2, r->want2, n * sizeof(got2[0]));
}

static void expect_refused(const slk_crypto *crypto, row *bad, const row *good)
{
    expect_row(crypto, bad, ROW, false, false, false, false);
    *bad = *good;
}

static void check_rows(const char *level)
{
    slk_crypto *crypto = NULL;
    row *good = slk_alloc(2, sizeof(*good)), *bad = good + 1;
    assert_non_null(good);
    assert_int_equal(slk_crypto_new(&crypto, level, NULL), SLK_OK);
    row_init(good);
    *bad = *good;
    for (size_t n = 0; n <= ROW; n++)
        expect_row(crypto, good, n, true, true, true, true);
    for (size_t i = 0; i < ROW; i++) {
        for (unsigned flag = 0; flag < 3; flag++) { /* infinity, larger y or none, compressed */
            bad->g1[i][0] ^= (uint8_t)(0x20u << flag);
            bad->g2[i][0] ^= (uint8_t)(0x20u << flag);
            bad->g1_short[i][0] ^= (uint8_t)(flag == 0 ? 0x40u : 0x20u << flag);
            bad->g2_short[i][0] ^= (uint8_t)(flag == 0 ? 0x40u : 0x20u << flag);
            expect_refused(crypto, bad, good);
        }
        memset(bad->g1[i], 0, 96); /* infinity */
        memset(bad->g2[i], 0, 192);
        memset(bad->g1_short[i], 0, 48);
        memset(bad->g2_short[i], 0, 96);
        bad->g1[i][0] = bad->g2[i][0] = 0x40;
        bad->g1_short[i][0] = bad->g2_short[i][0] = 0xc0;
        expect_refused(crypto, bad, good);
        bad->g1[i][95] ^= 1; /* off the curve; above p */
        bad->g2[i][191] ^= 1;
        memset(bad->g1_short[i] + 1, 0xff, 47);
        bad->g1_short[i][0] = 0x9f;
        memset(bad->g2_short[i] + 48, 0xff, 48);
        expect_refused(crypto, bad, good);
    }
    slk_free(good);
    slk_crypto_free(crypto);
}

static void test_rows(void **state)
{
    (void)state;
    check_rows(NULL);
    check_rows("avx2");
    check_rows("plain");
}

/* x = 0, 1, 2 …: nearly none belongs to a point of order r, half to points of the curve. In rows of
 * one, by the kernels of this machine and one at a time; a real and an imaginary x in G2. */
static void test_small_x(void **state)
{
    (void)state;
    slk_crypto *crypto = NULL;
    uint8_t bytes[96];
    slk_g1_affine g1;
    slk_g2_affine g2;
    assert_int_equal(slk_crypto_new(&crypto, NULL, NULL), SLK_OK);
    for (unsigned x = 0; x < 256; x++) {
        memset(bytes, 0, sizeof(bytes));
        bytes[0] = x % 2 ? 0x80 : 0xa0;
        bytes[47] = (uint8_t)x;
        assert_true(slk_g1_read_compressed(&g1, bytes) ==
                    slk_g1_read_compressed_all(crypto, &g1, bytes, 0, 1));
        assert_true(slk_g2_read_compressed(&g2, bytes) ==
                    slk_g2_read_compressed_all(crypto, &g2, bytes, 0, 1));
        bytes[47] = x % 3 == 0;
        bytes[95] = (uint8_t)x;
        assert_true(slk_g2_read_compressed(&g2, bytes) ==
                    slk_g2_read_compressed_all(crypto, &g2, bytes, 0, 1));
    }
    slk_crypto_free(crypto);
}

/* x in G2's field for which x^3 + 4 (1 + u) is real, once a square among the real numbers and once
 * not: the square root's special case. From Python. */
static void test_real_squares(void **state)
{
    (void)state;
    static const char *const xs[] = {
        /* c1, c0 */
        "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "00000000020bcf671744ce4ca2529d4382da2564a63621a2e9df59993ee24f268dbaa982bbc8ec97c8207e"
        "05a03215f5e4b6c75cfb",
        "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "00000000020e31aad2f4b199f7f87e6433692648312e55a89b142b798084e1ac133c07736855bf683690d5"
        "fa5f87e90a1b49384db0"};
    slk_crypto *crypto = NULL;
    assert_int_equal(slk_crypto_new(&crypto, NULL, NULL), SLK_OK);
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[96];
        slk_fp2 x[8], y[8];
        slk_test_hex(bytes, 96, xs[i]);
        for (size_t k = 0; k < 8; k++) {
            assert_true(slk_fp_read(&x[k].c[1], bytes));
            assert_true(slk_fp_read(&x[k].c[0], bytes + 48));
        }
        assert_int_equal(slk_curve_plain.y_g2(y, x), 0xff);
        assert_int_equal(crypto->curve->y_g2(y, x), 0xff);
    }
    slk_crypto_free(crypto);
}

/* Points whose order is made of factors of the cofactor alone, and a good point plus such a one. */
static void test_small_orders(void **state)
{
    (void)state;
    static const char y_of_4[] = "0a989badd40d6212b33cffc3f3763e9bc760f988c9926b26da9dd85e92848344"
                                 "6346b8ed00e1de5d5ea93e354abe706c";
    /* r, and the cofactor (z-1)^2 / 3 without its factors 11^2 and 10177^2, little-endian; from Python. */
    static const char *const factors[] = {
        "01000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73",
        "432370635cb77a62683077c5fb7d790000000000000000000000000000000000",
        "2ba0dc28c0490163746a4c4d0900000000000000000000000000000000000000"};
    slk_crypto *crypto = NULL;
    uint8_t bytes[96] = {0}, scalar[32];
    slk_g1_affine good, outside, small, got;
    slk_g1 point, sum;
    assert_int_equal(slk_crypto_new(&crypto, NULL, NULL), SLK_OK);
    multiple_g1(&good, 77);
    bytes[47] = 4;
    slk_test_hex(bytes + 48, 48, y_of_4);
    assert_true(slk_group_g1.decode(&outside, bytes, NULL, 1));
    for (size_t which = 0; which < 3; which++) {
        small = outside;
        for (size_t i = 0; i <= which; i += which > 0 ? which : 1) {
            slk_test_hex(scalar, 32, factors[i]);
            slk_g1_mul_bits(&point, &small, scalar, 256);
            slk_g1_to_affine(&small, &point);
        }
        assert_false(slk_g1_affine_is_infinity(&small));
        for (int plus = 0; plus < 2; plus++) {
            slk_g1_from_affine(&point, &small);
            slk_g1_from_affine(&sum, &good);
            if (plus)
                slk_g1_add(&point, &point, &sum);
            slk_g1_to_affine(&got, &point);
            slk_g1_write(bytes, &got);
            assert_false(slk_g1_read(&got, bytes));
            assert_false(slk_g1_read_all(crypto, &got, bytes, 0, 1));
        }
    }
    slk_crypto_free(crypto);
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
        cmocka_unit_test(test_multiply_each),
        cmocka_unit_test(test_miller_lines),
        cmocka_unit_test(test_miller_lanes),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_small_x),
        cmocka_unit_test(test_real_squares),
        cmocka_unit_test(test_small_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
