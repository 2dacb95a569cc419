/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Eight Miller loops at once: a pair to a lane, each with its own point T on the twist and its own value
 * f in Fp12 = Fp6[w]/(w^2 - v), Fp6 = Fp2[v]/(v^3 - 1 - u).
 *
 * T is in Jacobian coordinates: x below 8 p, y below 8 p, z below 3 p. Lines are c + b x_P v + e y_P v w with
 * three coefficients in Fp2, those with v^2, w and v^2 w being zero; a common factor in Fp2 is free. Every
 * coefficient of f is below 8 p where a squaring begins and below 16 p where a line is multiplied in.
 * Comments at sums give the bound in multiples of p, products being below 1.001.
 * source: formulas of doubling and addition for y^2 = x^3 + b in Jacobian coordinates; lines as in J. Beuchat
 * et al., eprint 2010/354, algorithms 26 and 27, divided by 2 and 4 */
#include "crypto/curve/fp2_ifma.h"
#include "crypto/curve/miller_impl.h"

#include "base/cpu.h"

#define LANES SLK_MILLER_LANES

typedef struct fp6v {
    slk_fp2v c[3];
} fp6v;

typedef struct fp12v {
    fp6v c[2];
} fp12v;

typedef struct point {
    slk_fp2v x, y, z;
} point;

typedef struct line {
    slk_fp2v c, b, e; /* 1, v, v w */
} line;

typedef struct pairs {
    slk_fpv minus_px, py;
    slk_fp2v qx, qy;
} pairs;

/* The products as functions: one copy each stays in the instruction cache. */
static __attribute__((noinline)) slk_fp2v times(const slk_fp2v *a, const slk_fp2v *b)
{
    return slk_fp2v_mul(a, b);
}

static __attribute__((noinline)) slk_fp2v squared(const slk_fp2v *a)
{
    return slk_fp2v_sqr(a);
}

static __attribute__((noinline)) slk_fp2v scaled(const slk_fp2v *a, const slk_fpv *b)
{
    return (slk_fp2v){{slk_fpv_mul(&a->c[0], b), slk_fpv_mul(&a->c[1], b)}};
}

static slk_fp2v plus(const slk_fp2v *a, const slk_fp2v *b)
{
    return slk_fp2v_add(a, b);
}

static slk_fp2v shifted(const slk_fp2v *a, unsigned n)
{
    return (slk_fp2v){{slk_fpv_shl(&a->c[0], n), slk_fpv_shl(&a->c[1], n)}};
}

/* Below 8 p; from below 16 p, 32 p, 64 p. */
static __attribute__((noinline)) slk_fp2v from16(const slk_fp2v *a)
{
    return (slk_fp2v){{slk_fpv_reduce_once(&a->c[0], 3), slk_fpv_reduce_once(&a->c[1], 3)}};
}

static __attribute__((noinline)) slk_fp2v from32(const slk_fp2v *a)
{
    const slk_fp2v t = {{slk_fpv_reduce_once(&a->c[0], 4), slk_fpv_reduce_once(&a->c[1], 4)}};
    return from16(&t);
}

static __attribute__((noinline)) slk_fp2v from64(const slk_fp2v *a)
{
    const slk_fp2v t = {{slk_fpv_reduce_once(&a->c[0], 5), slk_fpv_reduce_once(&a->c[1], 5)}};
    return from32(&t);
}

/* ---- The twist. */

/* T = 2 T and the tangent at T: 3 x^3 - 2 y^2, - 3 x^2 z^2 x_P, 2 y z^3 y_P. */
static void doubled(line *ret_line, point *t, const pairs *at)
{
    const slk_fp2v a = squared(&t->x), b = squared(&t->y), c = squared(&b), zz = squared(&t->z);
    const slk_fp2v xb = times(&t->x, &b), d = shifted(&xb, 2); /* 4.1 */
    const slk_fp2v a2 = shifted(&a, 1), e = plus(&a2, &a); /* 3.1 */
    const slk_fp2v f = squared(&e), d2 = shifted(&d, 1); /* 8.1 */
    const slk_fp2v xe = times(&t->x, &e), b2 = shifted(&b, 1);
    ret_line->c = slk_fp2v_sub(&xe, &b2, 2); /* 5.1 */
    const slk_fp2v yz = times(&t->y, &t->z);
    t->z = shifted(&yz, 1);
    const slk_fp2v slope = times(&e, &zz), rise = times(&t->z, &zz);
    ret_line->b = scaled(&slope, &at->minus_px);
    ret_line->e = scaled(&rise, &at->py);
    const slk_fp2v x = slk_fp2v_sub(&f, &d2, 4); /* 17.1 */
    t->x = from32(&x);
    const slk_fp2v left = slk_fp2v_sub(&d, &t->x, 3); /* 12.1 */
    const slk_fp2v product = times(&e, &left), c8 = shifted(&c, 3); /* 8.1 */
    const slk_fp2v y = slk_fp2v_sub(&product, &c8, 4); /* 17.1 */
    t->y = from32(&y);
}

/* T = T + Q and the line through both: r x_Q - z y_Q, - r x_P, z y_P, z that of the sum. */
static void added(line *ret_line, point *t, const pairs *at)
{
    const slk_fp2v zz = squared(&t->z), u = times(&at->qx, &zz);
    const slk_fp2v zzz = times(&t->z, &zz), s = times(&at->qy, &zzz);
    const slk_fp2v h = slk_fp2v_sub(&u, &t->x, 3), r = slk_fp2v_sub(&s, &t->y, 3); /* 9.1 */
    const slk_fp2v hh = squared(&h), j = times(&h, &hh), v = times(&t->x, &hh), rr = squared(&r);
    const slk_fp2v v2 = shifted(&v, 1), less = plus(&j, &v2); /* 3.1 */
    t->z = times(&t->z, &h);
    const slk_fp2v rq = times(&r, &at->qx), zq = times(&at->qy, &t->z);
    ret_line->c = slk_fp2v_sub(&rq, &zq, 1); /* 3.1 */
    ret_line->b = scaled(&r, &at->minus_px);
    ret_line->e = scaled(&t->z, &at->py);
    const slk_fp2v yj = times(&t->y, &j);
    t->x = slk_fp2v_sub(&rr, &less, 2); /* 5.1 */
    const slk_fp2v left = slk_fp2v_sub(&v, &t->x, 3); /* 9.1 */
    const slk_fp2v product = times(&r, &left);
    t->y = slk_fp2v_sub(&product, &yj, 1); /* 3.1 */
}

/* ---- Fp12. */

static void plus6(fp6v *out, const fp6v *a, const fp6v *b)
{
    for (int i = 0; i < 3; i++)
        out->c[i] = plus(&a->c[i], &b->c[i]);
}

/* a (c + b v): for a below 32, c + b below 8; below 4.1, 5.1, 2.1. */
static void times_two_terms(fp6v *out, const fp6v *a, const slk_fp2v *c, const slk_fp2v *b)
{
    const slk_fp2v ac = times(&a->c[0], c), ab = times(&a->c[1], b), high = times(&a->c[2], b);
    const slk_fp2v turned = slk_fp2v_mul_nonresidue(&high, 1); /* 3.1 */
    const slk_fp2v sum_a = plus(&a->c[0], &a->c[1]), sum = plus(c, b);
    const slk_fp2v cross = times(&sum_a, &sum), both = plus(&ac, &ab); /* 2.1 */
    const slk_fp2v last = times(&a->c[2], c);
    out->c[0] = plus(&turned, &ac);
    out->c[1] = slk_fp2v_sub(&cross, &both, 2);
    out->c[2] = plus(&last, &ab);
}

/* a e v: below 3.1, 1.1, 1.1. */
static void times_one_term(fp6v *out, const fp6v *a, const slk_fp2v *e)
{
    const slk_fp2v high = times(&a->c[2], e);
    out->c[0] = slk_fp2v_mul_nonresidue(&high, 1);
    out->c[1] = times(&a->c[0], e);
    out->c[2] = times(&a->c[1], e);
}

/* f l, for f below 16; the result below 14. */
static void times_line(fp12v *f, const line *l)
{
    fp6v low, high, sum, both, cross;
    times_two_terms(&low, &f->c[0], &l->c, &l->b);
    times_one_term(&high, &f->c[1], &l->e);
    plus6(&sum, &f->c[0], &f->c[1]);
    const slk_fp2v be = plus(&l->b, &l->e);
    times_two_terms(&cross, &sum, &l->c, &be);
    plus6(&both, &low, &high); /* 7.2, 6.2, 3.2 */
    for (int i = 0; i < 3; i++)
        f->c[1].c[i] = slk_fp2v_sub(&cross.c[i], &both.c[i], 3);
    const slk_fp2v turned = slk_fp2v_mul_nonresidue(&high.c[2], 1); /* 3.1 */
    f->c[0].c[0] = plus(&turned, &low.c[0]);
    f->c[0].c[1] = plus(&high.c[0], &low.c[1]);
    f->c[0].c[2] = plus(&high.c[1], &low.c[2]);
}

/* a b: for a below 32, b below 8; below 14.1, 8.1, 6.1. */
static void times6(fp6v *out, const fp6v *a, const fp6v *b)
{
    slk_fp2v own[3], cross[3];
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3; /* cross[i] = a[i] b[j] + a[j] b[i] */
        const slk_fp2v sum_a = plus(&a->c[i], &a->c[j]), sum_b = plus(&b->c[i], &b->c[j]);
        own[i] = times(&a->c[i], &b->c[i]);
        cross[i] = times(&sum_a, &sum_b);
    }
    for (int i = 0; i < 3; i++) {
        const slk_fp2v both = plus(&own[i], &own[(i + 1) % 3]); /* 2.1 */
        cross[i] = slk_fp2v_sub(&cross[i], &both, 2); /* 5.1 */
    }
    const slk_fp2v turned = slk_fp2v_mul_nonresidue(&cross[1], 3); /* 13.1 */
    const slk_fp2v high = slk_fp2v_mul_nonresidue(&own[2], 1); /* 3.1 */
    out->c[0] = plus(&turned, &own[0]);
    out->c[1] = plus(&cross[0], &high);
    out->c[2] = plus(&cross[2], &own[1]);
}

/* (a + b w)^2 = (a + b)(a + v b) - a b - v a b + 2 a b w, for f below 8; the result below 8. */
static void square(fp12v *f)
{
    const fp6v *a = &f->c[0], *b = &f->c[1];
    fp6v ab, sum, turned, all;
    times6(&ab, a, b);
    plus6(&sum, a, b);
    for (int i = 0; i < 3; i++)
        sum.c[i] = from16(&sum.c[i]);
    const slk_fp2v vb = slk_fp2v_mul_nonresidue(&b->c[2], 3); /* 16 */
    turned.c[0] = plus(&a->c[0], &vb);
    turned.c[1] = plus(&a->c[1], &b->c[0]);
    turned.c[2] = plus(&a->c[2], &b->c[1]);
    times6(&all, &turned, &sum);
    const slk_fp2v vab = slk_fp2v_mul_nonresidue(&ab.c[2], 3); /* 14.2 */
    const slk_fp2v less[3] = {plus(&ab.c[0], &vab), plus(&ab.c[1], &ab.c[0]),
                              plus(&ab.c[2], &ab.c[1])}; /* 28.3, 22.2, 14.2 */
    for (int i = 0; i < 3; i++) {
        const slk_fp2v low = slk_fp2v_sub(&all.c[i], &less[i], 5); /* 46.1 */
        const slk_fp2v high = shifted(&ab.c[i], 1); /* 28.2 */
        f->c[0].c[i] = from64(&low);
        f->c[1].c[i] = from32(&high);
    }
}

static void settle(fp12v *f)
{
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 3; i++)
            f->c[k].c[i] = from16(&f->c[k].c[i]);
}

static void one(fp12v *f)
{
    const slk_fpv zero = slk_fpv_zero();
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 3; i++)
            f->c[k].c[i] = (slk_fp2v){{zero, zero}};
    f->c[0].c[0].c[0] = slk_fpv_one();
}

static void values(slk_gt ret_values[LANES], const slk_g1_affine p[LANES],
                   const slk_g2_affine q[LANES])
{
    static const uint64_t z = UINT64_C(0xd201000000010000); /* source: BLS12-381, |z| */
    const slk_fpv px = slk_fpv_load(&p->x, 2);
    const pairs at = {slk_fpv_neg(&px, 1), slk_fpv_load(&p->y, 2), slk_fp2v_load(&q->x, 2),
                      slk_fp2v_load(&q->y, 2)};
    const slk_fpv zero = slk_fpv_zero();
    point t = {at.qx, at.qy, {{slk_fpv_one(), zero}}};
    fp12v f;
    line l;
    one(&f);
    for (int bit = 62; bit >= 0; bit--) {
        if (bit < 62) {
            settle(&f);
            square(&f);
        }
        doubled(&l, &t, &at);
        times_line(&f, &l);
        if (z >> bit & 1) {
            added(&l, &t, &at);
            times_line(&f, &l);
        }
    }
    slk_fp2 *out = (slk_fp2 *)(void *)ret_values;
    for (int k = 0; k < 6; k++)
        slk_fp2v_store(&out[k], 6, &f.c[k / 3].c[k % 3]);
}

const slk_miller_impl slk_miller_ifma = {
    .name = "ifma",
    .needs = SLK_CPU_AVX512F | SLK_CPU_AVX512DQ | SLK_CPU_AVX512IFMA,
    .values = values,
};
