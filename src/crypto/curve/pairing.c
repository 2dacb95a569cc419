/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/pairing.h"

#include "base/assume.h"
#include "crypto/crypto_impl.h"

#include <blst.h>
#include <string.h>

static_assert(sizeof(slk_gt) == sizeof(blst_fp12), "layout of blst");
static_assert(sizeof(slk_g2_lines) == SLK_G2_LINES * sizeof(blst_fp6), "layout of blst");

void slk_gt_one(slk_gt *out)
{
    memcpy(out, blst_fp12_one(), sizeof(*out));
}

void slk_gt_mul(slk_gt *out, const slk_gt *a, const slk_gt *b)
{
    blst_fp12_mul((blst_fp12 *)out, (const blst_fp12 *)a, (const blst_fp12 *)b);
}

static blst_fp12 *fp12(slk_gt *a)
{
    return (blst_fp12 *)a;
}

void slk_g2_lines_of(slk_g2_lines *out, const slk_g2_affine *q)
{
    blst_precompute_lines((blst_fp6 *)out, (const blst_p2_affine *)q);
}

/* A point as the lines want it: (-2x, 2y). */
typedef struct prepared {
    blst_fp x, y;
    const slk_g2_lines *lines;
} prepared;

static void prepare(prepared *out, const slk_pairing_term *term)
{
    const blst_fp *x = (const blst_fp *)&term->p->x, *y = (const blst_fp *)&term->p->y;
    blst_fp_add(&out->x, x, x);
    blst_fp_cneg(&out->x, &out->x, true);
    blst_fp_add(&out->y, y, y);
    out->lines = term->q;
}

static void times_lines(blst_fp12 *product, const prepared *terms, size_t n, unsigned line)
{
    for (size_t i = 0; i < n; i++) {
        blst_fp6 value;
        memcpy(&value, terms[i].lines->l[line], sizeof(value));
        for (unsigned k = 0; k < 2; k++) {
            blst_fp_mul(&value.fp2[1].fp[k], &value.fp2[1].fp[k], &terms[i].x);
            blst_fp_mul(&value.fp2[2].fp[k], &value.fp2[2].fp[k], &terms[i].y);
        }
        blst_fp12_mul_by_xy00z0(product, product, &value);
    }
}

void slk_pairing_miller_lines(slk_gt *inout, const slk_pairing_term *terms, size_t n)
{
    static const unsigned doublings[] = {1, 2, 3, 9, 32, 16}; /* between the bits of z */
    prepared points[SLK_PAIRING_TERMS_MAX];
    size_t used = 0;
    unsigned line = 0;
    blst_fp12 product = *blst_fp12_one();
    slk_assert(n <= SLK_PAIRING_TERMS_MAX);
    for (size_t i = 0; i < n; i++)
        if (!slk_g1_affine_is_infinity(terms[i].p))
            prepare(&points[used++], &terms[i]);
    if (used == 0)
        return;
    for (unsigned run = 0; run < sizeof(doublings) / sizeof(doublings[0]); run++) {
        if (run > 0)
            times_lines(&product, points, used, line++);
        for (unsigned k = 0; k < doublings[run]; k++) {
            if (line > 0)
                blst_fp12_sqr(&product, &product);
            times_lines(&product, points, used, line++);
        }
    }
    slk_assert(line == SLK_G2_LINES);
    blst_fp12_conjugate(&product); /* z is negative */
    blst_fp12_mul(fp12(inout), fp12(inout), &product);
}

static void plain_product(slk_gt *inout, const slk_g1_affine *p, const slk_g2_affine *q, size_t n)
{
    const blst_p1_affine *ps[SLK_MILLER_LANES];
    const blst_p2_affine *qs[SLK_MILLER_LANES];
    blst_fp12 loop;
    for (size_t i = 0; i < n; i++) {
        ps[i] = (const blst_p1_affine *)&p[i];
        qs[i] = (const blst_p2_affine *)&q[i];
    }
    blst_miller_loop_n(&loop, qs, ps, n);
    blst_fp12_mul(fp12(inout), fp12(inout), &loop);
}

/* Lanes that are not used repeat the last pair. */
static void lanes_product(const slk_miller_impl *miller, slk_gt *inout,
                          slk_g1_affine p[SLK_MILLER_LANES], slk_g2_affine q[SLK_MILLER_LANES],
                          size_t n)
{
    slk_gt values[SLK_MILLER_LANES];
    for (size_t i = n; i < SLK_MILLER_LANES; i++) {
        p[i] = p[n - 1];
        q[i] = q[n - 1];
    }
    miller->values(values, p, q);
    for (size_t i = 1; i < n; i++)
        slk_gt_mul(&values[0], &values[0], &values[i]);
    blst_fp12_conjugate(fp12(&values[0])); /* z is negative */
    slk_gt_mul(inout, inout, &values[0]);
}

void slk_miller_product(const slk_miller_impl *miller, slk_gt *inout, const slk_g1_affine *p,
                        const slk_g2_affine *q, size_t n)
{
    enum { LANES_WORTH = 3 }; /* eight lanes take as long as two or three loops of blst */
    slk_g1_affine ps[SLK_MILLER_LANES];
    slk_g2_affine qs[SLK_MILLER_LANES];
    for (size_t at = 0; at < n;) {
        size_t used = 0;
        for (; at < n && used < SLK_MILLER_LANES; at++) {
            if (slk_g1_affine_is_infinity(&p[at]))
                continue;
            ps[used] = p[at];
            qs[used++] = q[at];
        }
        if (miller->values && used >= LANES_WORTH)
            lanes_product(miller, inout, ps, qs, used);
        else if (used > 0)
            plain_product(inout, ps, qs, used);
    }
}

void slk_pairing_miller(const slk_crypto *crypto, slk_gt *inout, const slk_g1_affine *p,
                        const slk_g2_affine *q, size_t n)
{
    slk_miller_product(crypto->miller, inout, p, q, n);
}

const slk_miller_impl slk_miller_plain = {.name = "plain"};

/* e(k P, Q) e(P, -k Q) = 1 in each pair of lanes, by this kernel; and e(P, Q) by it, e(P, -Q) by blst. */
bool slk_miller_works(const slk_miller_impl *miller)
{
    slk_g1_affine p[SLK_MILLER_LANES];
    slk_g2_affine q[SLK_MILLER_LANES], minus[SLK_MILLER_LANES];
    slk_g1 multiple_1 = {0};
    slk_g2 multiple_2 = {0}, generator_2;
    slk_g1_generator(&p[0]);
    slk_g2_generator(&q[0]);
    slk_g1 generator_1;
    slk_g1_from_affine(&generator_1, &p[0]);
    slk_g2_from_affine(&generator_2, &q[0]);
    multiple_1 = generator_1;
    multiple_2 = generator_2;
    for (size_t i = 0; i < SLK_MILLER_LANES; i++) {
        slk_g1_to_affine(&p[i], &multiple_1);
        slk_g2_to_affine(&q[SLK_MILLER_LANES - 1 - i], &multiple_2);
        slk_g1_add(&multiple_1, &multiple_1, &generator_1);
        slk_g2_add(&multiple_2, &multiple_2, &generator_2);
    }
    for (size_t i = 0; i < SLK_MILLER_LANES; i++)
        slk_g2_affine_neg(&minus[i], &q[i]);
    slk_gt product, own;
    slk_gt_one(&own);
    slk_miller_product(miller, &own, p, q, SLK_MILLER_LANES);
    product = own;
    slk_miller_product(&slk_miller_plain, &product, p, minus, SLK_MILLER_LANES);
    return slk_pairing_is_one(&product) && !slk_pairing_is_one(&own);
}

bool slk_pairing_is_one(const slk_gt *a)
{
    blst_fp12 result;
    blst_final_exp(&result, (const blst_fp12 *)a);
    return blst_fp12_is_one(&result);
}
