/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/pairing.h"

#include "base/assume.h"

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

void slk_pairing_miller(slk_gt *inout, const slk_g1_affine *p, const slk_g2_affine *q, size_t n)
{
    while (n > 0) {
        enum { GROUP = 16 }; /* what blst keeps on its stack */
        const blst_p1_affine *ps[GROUP];
        const blst_p2_affine *qs[GROUP];
        size_t taken = n < GROUP ? n : GROUP, used = 0;
        blst_fp12 loop;
        for (size_t i = 0; i < taken; i++) {
            if (slk_g1_affine_is_infinity(&p[i]))
                continue;
            ps[used] = (const blst_p1_affine *)&p[i];
            qs[used++] = (const blst_p2_affine *)&q[i];
        }
        if (used > 0) {
            blst_miller_loop_n(&loop, qs, ps, used);
            blst_fp12_mul(fp12(inout), fp12(inout), &loop);
        }
        p += taken;
        q += taken;
        n -= taken;
    }
}

bool slk_pairing_is_one(const slk_gt *a)
{
    blst_fp12 result;
    blst_final_exp(&result, (const blst_fp12 *)a);
    return blst_fp12_is_one(&result);
}
