/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The vector field against blst, lane by lane. Skipped on processors without the instructions. */
#include "crypto/curve/fp2_ifma.h"

#include "base/cpu.h"

#include <blst.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ROUNDS = 300, LANES = SLK_FPV_LANES };

static const slk_fp zero, one = {{0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba,
                                  0x77ce585370525745, 0x5c071a97a256ec6d, 0x15f65ec3fa80e493}};

static slk_fp random_fp(uint64_t *seed)
{
    slk_fp out = {0};
    for (size_t k = 0; k < 6; k++) {
        for (int i = 0; i < 4; i++) {
            *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            out.l[k] = out.l[k] << 16 | *seed >> 48;
        }
    }
    out.l[5] &= UINT64_C(0x0fffffffffffffff); /* below p */
    return out;
}

/* Random elements, and in the first rounds every pair of the edges 0, 1, -1. */
static void operands(slk_fp a[LANES], slk_fp b[LANES], uint64_t *seed, unsigned round)
{
    slk_fp edges[4] = {zero, one, one, random_fp(seed)};
    blst_fp_cneg((blst_fp *)&edges[2], (const blst_fp *)&one, true);
    for (unsigned i = 0; i < LANES; i++) {
        unsigned pair = round * LANES + i;
        a[i] = pair < 16 ? edges[pair / 4] : random_fp(seed);
        b[i] = pair < 16 ? edges[pair % 4] : random_fp(seed);
    }
}

static void expect(const slk_fpv *got, const slk_fp want[LANES])
{
    slk_fp lanes[LANES];
    slk_fpv_store(lanes, 1, got);
    for (size_t i = 0; i < LANES; i++)
        assert_memory_equal(&lanes[i], &want[i], sizeof(slk_fp));
}

/* a + n p, up to the bound that products admit: n < 2^17. */
static slk_fpv lifted(const slk_fpv *a, uint64_t n)
{
    __m512i t[SLK_FPV_LIMBS];
    for (int i = 0; i < SLK_FPV_LIMBS; i++) {
        t[i] = _mm512_madd52lo_epu64(a->l[i], slk_fpv_modulus(i, 0), slk_fpv_word(n));
        if (i > 0)
            t[i] = _mm512_madd52hi_epu64(t[i], slk_fpv_modulus(i - 1, 0), slk_fpv_word(n));
    }
    return slk_fpv_carried(t);
}

#define EACH(call)                        \
    for (size_t i = 0; i < LANES; i++) {  \
        blst_fp *w = (blst_fp *)&want[i]; \
        blst_fp *x = (blst_fp *)&a[i];    \
        blst_fp *y = (blst_fp *)&b[i];    \
        (void)x, (void)y;                 \
        call;                             \
    }

static void test_field(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        slk_fp a[LANES], b[LANES], want[LANES];
        operands(a, b, &seed, round);
        slk_fpv va = slk_fpv_load(a, 1), vb = slk_fpv_load(b, 1), got;
        EACH(*w = *x)
        expect(&va, want);
        got = slk_fpv_mul(&va, &vb);
        EACH(blst_fp_mul(w, x, y))
        expect(&got, want);
        slk_fpv la = lifted(&va, 131071), lb = lifted(&vb, seed % 131071);
        got = slk_fpv_mul(&la, &lb);
        got = slk_fpv_reduce_once(&got, 0);
        expect(&got, want);
        got = slk_fpv_sqr(&la);
        EACH(blst_fp_sqr(w, x))
        expect(&got, want);
        got = slk_fpv_mul_add(&va, &va, &va, &vb);
        EACH((blst_fp_add(w, x, y), blst_fp_mul(w, w, x)))
        expect(&got, want);
        got = slk_fpv_add(&va, &vb);
        EACH(blst_fp_add(w, x, y))
        expect(&got, want);
        got = slk_fpv_sub(&va, &vb, 1);
        EACH(blst_fp_sub(w, x, y))
        expect(&got, want);
        got = slk_fpv_sub(&va, &lb, 17);
        expect(&got, want);
        got = slk_fpv_neg(&va, 1);
        EACH(blst_fp_cneg(w, x, true))
        expect(&got, want);
        got = slk_fpv_shl(&va, 3);
        EACH((blst_fp_add(w, x, x), blst_fp_add(w, w, w), blst_fp_add(w, w, w)))
        expect(&got, want);
    }
}

static void test_comparisons(void **state)
{
    (void)state;
    uint64_t seed = 2;
    slk_fp a[LANES];
    for (size_t i = 0; i < LANES; i++)
        a[i] = i % 3 == 0 ? zero : random_fp(&seed);
    slk_fpv v = slk_fpv_load(a, 1);
    for (uint64_t n = 0; n < 14; n++) {
        slk_fpv t = lifted(&v, n);
        t = slk_fpv_canonical(&t);
        assert_int_equal(slk_fpv_is_zero(&t), 0x49);
        slk_fpv u = slk_fpv_canonical(&v);
        assert_int_equal(slk_fpv_equal(&t, &u), 0xff);
        u.l[7] = _mm512_add_epi64(u.l[7], _mm512_set_epi64(0, 0, 0, 1, 0, 0, 2, 0));
        assert_int_equal(slk_fpv_equal(&t, &u), 0xed);
        slk_fpv s = slk_fpv_select(0xed, &u, &t), zeros = slk_fpv_zero();
        assert_int_equal(slk_fpv_equal(&s, &zeros), 0x49);
        __m512i w[6];
        slk_fpv_pack(w, &t);
        s = slk_fpv_unpack(w);
        assert_int_equal(slk_fpv_equal(&s, &t), 0xff);
    }
    slk_fpv x = slk_fpv_one();
    slk_fp ones[LANES];
    for (size_t i = 0; i < LANES; i++)
        ones[i] = one;
    expect(&x, ones);
    x = slk_fpv_zero();
    x.l[0] = slk_fpv_word(1);
    x = slk_fpv_from_integer(&x);
    expect(&x, ones);
}

static void expect2(const slk_fp2v *got, const slk_fp2 want[LANES])
{
    slk_fp2 lanes[LANES];
    slk_fp2v_store(lanes, 1, got);
    for (size_t i = 0; i < LANES; i++)
        assert_memory_equal(&lanes[i], &want[i], sizeof(slk_fp2));
}

static void test_extension(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (unsigned round = 0; round < ROUNDS; round++) {
        slk_fp ab[4][LANES];
        slk_fp2 a[LANES], b[LANES], want[LANES], u1 = {{one, one}};
        operands(ab[0], ab[1], &seed, round);
        operands(ab[2], ab[3], &seed, ROUNDS - 1 - round);
        for (size_t i = 0; i < LANES; i++) {
            a[i] = (slk_fp2){{ab[0][i], ab[1][i]}};
            b[i] = (slk_fp2){{ab[2][i], ab[3][i]}};
        }
        slk_fp2v va = slk_fp2v_load(a, 1), vb = slk_fp2v_load(b, 1), got;
        got = slk_fp2v_mul(&va, &vb);
        for (size_t i = 0; i < LANES; i++)
            blst_fp2_mul((void *)&want[i], (void *)&a[i], (void *)&b[i]);
        expect2(&got, want);
        slk_fp2v high = {{lifted(&va.c[0], 14), lifted(&va.c[1], 13)}};
        got = slk_fp2v_mul(&vb, &high);
        expect2(&got, want);
        got = slk_fp2v_sqr(&high);
        for (size_t i = 0; i < LANES; i++)
            blst_fp2_sqr((void *)&want[i], (void *)&a[i]);
        expect2(&got, want);
        got = slk_fp2v_mul_nonresidue(&va, 1);
        for (size_t i = 0; i < LANES; i++)
            blst_fp2_mul((void *)&want[i], (void *)&a[i], (void *)&u1);
        expect2(&got, want);
        got = slk_fp2v_sub(&va, &vb, 1);
        for (size_t i = 0; i < LANES; i++)
            blst_fp2_sub((void *)&want[i], (void *)&a[i], (void *)&b[i]);
        expect2(&got, want);
        got = slk_fp2v_neg(&got, 2);
        got = slk_fp2v_add(&got, &va);
        for (size_t i = 0; i < LANES; i++)
            want[i] = b[i];
        expect2(&got, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_extension),
    };
    uint64_t needs = SLK_CPU_AVX512F | SLK_CPU_AVX512DQ | SLK_CPU_AVX512IFMA;
    if ((slk_cpu_features(NULL) & needs) != needs)
        return 77; /* what meson shows as skipped */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
