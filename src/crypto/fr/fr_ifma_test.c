/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The vector scalar field against fr.h, lane by lane. Skipped on processors without the instructions. */
#include "crypto/fr/fr_ifma.h"

#include "base/cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Values below 35r are what a result may be, so factors below 34r and 35r are the largest pair:
 * 0.0284 * 34 * 35 + 1 < 35, but 0.0284 * 35 * 35 + 1 is not. */
enum { ROUNDS = 300, LANES = SLK_FR8_LANES, FACTOR_LIFT = 33, LIFT_MAX = 34, PRODUCTS_MAX = 16 };

static slk_fr random_fr(uint64_t *seed)
{
    uint8_t wide[64];
    slk_fr out;
    for (size_t i = 0; i < sizeof wide; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        wide[i] = (uint8_t)(*seed >> 56);
    }
    slk_fr_from_wide(&out, wide);
    return out;
}

/* Integers below r: random ones, and in the first rounds every pair of the edges 0, 1, r - 1. */
static void operands(slk_fr a[LANES], slk_fr b[LANES], uint64_t *seed, unsigned round)
{
    slk_fr edges[4] = {slk_fr_zero, {{1, 0, 0, 0}}, slk_fr_zero, random_fr(seed)};
    slk_fr_sub(&edges[2], &slk_fr_zero, &edges[1]);
    for (unsigned i = 0; i < LANES; i++) {
        const unsigned pair = round * LANES + i;
        a[i] = pair < 16 ? edges[pair / 4] : random_fr(seed);
        b[i] = pair < 16 ? edges[pair % 4] : random_fr(seed);
    }
}

static slk_fr8 loaded(const slk_fr a[LANES])
{
    __m512i w[4];
    for (size_t k = 0; k < 4; k++) {
        uint64_t lanes[LANES];
        for (size_t i = 0; i < LANES; i++)
            lanes[i] = a[i].l[k];
        w[k] = _mm512_loadu_si512(lanes);
    }
    return slk_fr8_from_words(w);
}

static void expect(const slk_fr8 *loose, const slk_fr want[LANES])
{
    const slk_fr8 least = slk_fr8_canonical(loose);
    __m512i w[4];
    slk_fr8_to_words(w, &least);
    for (size_t k = 0; k < 4; k++) {
        uint64_t lanes[LANES];
        _mm512_storeu_si512(lanes, w[k]);
        for (size_t i = 0; i < LANES; i++)
            assert_int_equal(lanes[i], want[i].l[k]);
    }
}

/* a + n r, loose. */
static slk_fr8 lifted(const slk_fr8 *a, uint64_t n)
{
    slk_fr8 out;
    for (int i = 0; i < SLK_FR8_LIMBS; i++)
        out.l[i] = _mm512_add_epi64(a->l[i], slk_fr8_multiple(n, i));
    return out;
}

/* a * b / 2^260: fr.h divides by 2^256, and four halvings are a product with the inverse of 16. */
static void product(slk_fr *out, const slk_fr *a, const slk_fr *b)
{
    slk_fr sixteenth;
    slk_fr_from_u64(&sixteenth, 16);
    slk_fr_inv(&sixteenth, &sixteenth);
    slk_fr_mul(out, a, b);
    slk_fr_mul(out, out, &sixteenth);
}

static void test_products(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        slk_fr a[LANES], b[LANES], want[LANES], square[LANES];
        operands(a, b, &seed, round);
        for (size_t i = 0; i < LANES; i++) {
            product(&want[i], &a[i], &b[i]);
            product(&square[i], &a[i], &a[i]);
        }
        const slk_fr8 va = loaded(a), vb = loaded(b);
        slk_fr8 got = slk_fr8_mul(&va, &vb);
        const slk_fr8 least = slk_fr8_below_modulus(&got); /* of least factors it is below 2r */
        expect(&got, want);
        expect(&least, want);
        slk_fr8 la = lifted(&va, FACTOR_LIFT), lb = lifted(&vb, round % (LIFT_MAX + 1));
        la = slk_fr8_carried(la);
        lb = slk_fr8_carried(lb);
        got = slk_fr8_mul(&la, &lb);
        expect(&got, want);
        got = slk_fr8_mul_loose(&lb, &la);
        expect(&got, want);
        got = slk_fr8_square(&la);
        expect(&got, square);
    }
}

/* Sums of as many products as are allowed, of values below 3r, so that the sum stays below 35r. */
static void test_sum_of_products(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (unsigned n = 1; n <= PRODUCTS_MAX; n++) {
        slk_fr want[LANES] = {{{0}}};
        slk_fr8_sum sum;
        slk_fr8_sum_clear(&sum);
        for (unsigned k = 0; k < n; k++) {
            slk_fr a[LANES], b[LANES], one;
            operands(a, b, &seed, k);
            for (size_t i = 0; i < LANES; i++) {
                product(&one, &a[i], &b[i]);
                slk_fr_add(&want[i], &want[i], &one);
            }
            slk_fr8 va = loaded(a), vb = loaded(b);
            va = lifted(&va, 2);
            vb = lifted(&vb, 2);
            va = slk_fr8_carried(va);
            vb = slk_fr8_carried(vb);
            slk_fr8_sum_add(&sum, &va, &vb);
        }
        const slk_fr8 got = slk_fr8_reduced(&sum);
        expect(&got, want);
    }
}

static void test_sums_and_bounds(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (unsigned round = 0; round < ROUNDS; round++) {
        slk_fr a[LANES], b[LANES], want[LANES];
        operands(a, b, &seed, round);
        const slk_fr8 va = loaded(a), vb = loaded(b);
        const unsigned n = round % (LIFT_MAX + 1);
        slk_fr8 got = lifted(&va, n);
        expect(&got, a);
        for (size_t i = 0; i < LANES; i++)
            slk_fr_add(&want[i], &a[i], &b[i]);
        got = slk_fr8_add(&va, &vb);
        expect(&got, want);
        for (size_t i = 0; i < LANES; i++)
            slk_fr_sub(&want[i], &a[i], &b[i]);
        const slk_fr8 lb = lifted(&vb, n > 0 ? n - 1 : 0);
        got = slk_fr8_sub(&va, &lb, n > 0 ? n : 1);
        expect(&got, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_sum_of_products),
        cmocka_unit_test(test_sums_and_bounds),
    };
    const uint64_t needs = SLK_CPU_AVX512F | SLK_CPU_AVX512IFMA;
    if ((slk_cpu_features(NULL) & needs) != needs)
        return 77; /* what meson shows as skipped */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
