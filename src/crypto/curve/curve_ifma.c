/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Square roots and membership of the groups for eight points at once.
 *
 * Membership is one multiplication by |z| = 0xd201000000010000 and an endomorphism that is cheap to
 * apply: P of E(Fp) is in G1 if and only if (beta x, y) = -z^2 P, Q of E'(Fp2) is in G2 if and only
 * if psi(Q) = z Q. source: M. Scott, A note on group membership tests,
 * eprint 2021/1130; checked against blst's test by curve_test.c.
 *
 * No curve here has a point of order two (its order is odd), so y is never 0 and a doubling gives z = 0
 * only from z = 0. The chain adds Q to kQ for 2 <= k < 2^63 only, and for Q of order r, k is neither 0
 * nor +-1 modulo r: such a Q meets no special case. One that does, by equal or opposite points or by
 * infinity, is outside the group; the sum's z = z1 * z2 * (x2 - x1) is then 0, later steps multiply by
 * z and keep it 0, and z = 0 is refused at the end.
 *
 * Coordinates are kept below 8 p: x below 5.1 p, y below 3.1 p, z below 1.1 p. */
#include "crypto/curve/curve_impl.h"
#include "crypto/curve/fp2_ifma.h"

#include "base/cpu.h"

#include <stdbool.h>

#define LANES SLK_CURVE_LANES

/* The products as functions: one copy each stays in the instruction cache. */
static __attribute__((noinline)) void times(slk_fpv *out, const slk_fpv *a, const slk_fpv *b)
{
    *out = slk_fpv_mul(a, b);
}

static __attribute__((noinline)) void squared(slk_fpv *out, const slk_fpv *a)
{
    *out = slk_fpv_sqr(a);
}

static __attribute__((noinline)) void times2(slk_fp2v *out, const slk_fp2v *a, const slk_fp2v *b)
{
    *out = slk_fp2v_mul(a, b);
}

static __attribute__((noinline)) void squared2(slk_fp2v *out, const slk_fp2v *a)
{
    *out = slk_fp2v_sqr(a);
}

/* Constants in the form of fp_ifma.h, computed with Python's integers. */
static const uint64_t four_limbs[8] = {0xc203aa3a7e6bb, 0x99c5b63f91e5d, 0xec2218e49b9f5,
                                       0xb47d6b297d25b, 0x36f29b533dd05, 0xaac3b92d6d85a,
                                       0x25d100f5559b6, 0x5208};
static const uint64_t half_limbs[8] = {0xaa4075474b22d, 0xb213e047f1ff7, 0xfb31b91640dbe,
                                       0x26f727afe7f18, 0x0e5cd98bad0b5, 0x8d8b36a08fe7f,
                                       0xff89451d47238, 0x1764f};
/* 2^((p-1)/3), the cube root of 1 that belongs to -z^2 */
static const uint64_t beta_limbs[8] = {0xd75aaff33455f, 0xd095356b7cbb6, 0x953a2f6fa079f,
                                       0x1080cf0a3d697, 0x3f7de3465fe7c, 0x01f71fd6896ec,
                                       0xd9dd9cc172747, 0x7d91};
/* psi(x, y) = (conj(x) psi_x u, conj(y) (psi_y[0] + psi_y[1] u)): (1+u)^(-(p-1)/3) has no real
 * part; (1+u)^(-(p-1)/2). */
static const uint64_t psi_x_limbs[8] = {0x18a5500cc654c, 0x2e1c1e9482fe9, 0xd5d532d24a460,
                                        0x023e982695377, 0x36c99171ef509, 0x19b0966cc23e1,
                                        0x44c5fb3cf7304, 0x1227f};
static const uint64_t psi_y_limbs[2][8] = {
    {0x9c1a677c96161, 0xf16c8708fcef3, 0x94977d28093e6, 0xa06b71c927307, 0xb4fa740f70cc7,
     0x844ca7b844683, 0x3f2d89b2709bb, 0x0917d},
    {0x53e598836494a, 0x0d44ccf702cac, 0xd677e519e1819, 0x7253f567ab707, 0xc14d00a8de6bd,
     0x975b0e8b07449, 0xdf760e4bf908f, 0x10e93}};

/* --- comparisons ------------------------------------------------------------------------------ */

/* Both below 16 p. */
static __mmask8 same(const slk_fpv *a, const slk_fpv *b)
{
    const slk_fpv x = slk_fpv_canonical(a), y = slk_fpv_canonical(b);
    return slk_fpv_equal(&x, &y);
}

static __mmask8 same2(const slk_fp2v *a, const slk_fp2v *b)
{
    return same(&a->c[0], &b->c[0]) & same(&a->c[1], &b->c[1]);
}

static __mmask8 zero(const slk_fpv *a)
{
    const slk_fpv x = slk_fpv_canonical(a);
    return slk_fpv_is_zero(&x);
}

/* --- square roots ----------------------------------------------------------------------------- */

/* a^((p-3)/4), by four bits of the exponent at a time. a below 16 p. */
static slk_fpv power(const slk_fpv *a)
{
    enum { DIGITS = 95 };
    static const uint64_t exponent[6] = {0xee7fbfffffffeaaa, 0x07aaffffac54ffff,
                                         0xd9cc34a83dac3d89, 0xd91dd2e13ce144af,
                                         0x92c6e9ed90d2eb35, 0x0680447a8e5ff9a6};
    slk_fpv table[16], out;
    table[0] = slk_fpv_one();
    for (int i = 1; i < 16; i++)
        times(&table[i], &table[i - 1], a);
    out = table[exponent[5] >> 56 & 15];
    for (int digit = DIGITS - 1; digit-- > 0;) {
        for (int i = 0; i < 4; i++)
            squared(&out, &out);
        unsigned value = exponent[digit / 16] >> (4 * (digit % 16)) & 15;
        if (value != 0)
            times(&out, &out, &table[value]);
    }
    return out;
}

static unsigned y_g1(slk_fp ret_y[LANES], const slk_fp in_x[LANES])
{
    const slk_fpv four = slk_fpv_broadcast(four_limbs), x = slk_fpv_load(in_x, 1);
    slk_fpv square, y, check;
    squared(&square, &x);
    times(&square, &square, &x);
    square = slk_fpv_add(&square, &four);
    y = power(&square);
    times(&y, &y, &square);
    squared(&check, &y);
    slk_fpv_store(ret_y, 1, &y);
    return same(&check, &square);
}

/* A square root of a, if there is one. With d = (a0 + sqrt(a0^2 + a1^2)) / 2 and t = d^((p-3)/4),
 * the square of t d is d or -d. If it is d, t d is the real part of the root and t its inverse, else
 * t d is the imaginary part and -t its inverse; the other part is a1 / 2 divided by that one. */
static slk_fp2v root(const slk_fp2v *a)
{
    const slk_fpv half = slk_fpv_broadcast(half_limbs);
    slk_fpv norm, t, d, part, other, check;
    times(&norm, &a->c[0], &a->c[0]);
    times(&t, &a->c[1], &a->c[1]);
    norm = slk_fpv_add(&norm, &t);
    t = power(&norm);
    times(&t, &t, &norm); /* the root of the norm, or of its negative: then a is no square */
    d = slk_fpv_add(&a->c[0], &t);
    const slk_fpv twice = slk_fpv_shl(&a->c[0], 1); /* the other root of the norm, where d is 0 */
    d = slk_fpv_select(zero(&d), &d, &twice);
    times(&d, &d, &half);
    t = power(&d);
    times(&part, &t, &d);
    squared(&check, &part);
    __mmask8 real = same(&check, &d);
    times(&other, &a->c[1], &half);
    times(&other, &other, &t);
    const slk_fpv minus = slk_fpv_neg(&other, 1);
    return (slk_fp2v){{slk_fpv_select(real, &minus, &part), slk_fpv_select(real, &part, &other)}};
}

static unsigned y_g2(slk_fp2 ret_y[LANES], const slk_fp2 in_x[LANES])
{
    const slk_fpv four = slk_fpv_broadcast(four_limbs);
    const slk_fp2v b = {{four, four}}, x = slk_fp2v_load(in_x, 1);
    slk_fp2v square, y, check;
    squared2(&square, &x);
    times2(&square, &square, &x);
    square = slk_fp2v_add(&square, &b);
    y = root(&square);
    squared2(&check, &y);
    slk_fp2v_store(ret_y, 1, &y);
    return same2(&check, &square);
}

/* --- G1 --------------------------------------------------------------------------------------- */

typedef struct point {
    slk_fpv x, y, z;
} point;

static void dbl(point *p)
{
    slk_fpv a, b, c, d, e, f, t;
    squared(&a, &p->x);
    squared(&b, &p->y);
    const slk_fpv b4 = slk_fpv_shl(&b, 2), b2 = slk_fpv_shl(&b, 1);
    times(&d, &p->x, &b4);
    times(&c, &b4, &b2);
    t = slk_fpv_shl(&a, 1);
    e = slk_fpv_add(&t, &a);
    squared(&f, &e);
    t = slk_fpv_shl(&p->y, 1);
    times(&p->z, &t, &p->z);
    t = slk_fpv_shl(&d, 1);
    p->x = slk_fpv_sub(&f, &t, 2);
    t = slk_fpv_sub(&d, &p->x, 3);
    times(&t, &t, &e);
    p->y = slk_fpv_sub(&t, &c, 1);
}

/* p += q, for p != q, p != -q, neither infinity; else z becomes 0. */
static void add(point *p, const point *q)
{
    slk_fpv pp, qq, u1, u2, s1, s2, t;
    squared(&pp, &p->z);
    squared(&qq, &q->z);
    times(&u1, &p->x, &qq);
    times(&u2, &q->x, &pp);
    times(&qq, &qq, &q->z);
    times(&s1, &p->y, &qq);
    times(&pp, &pp, &p->z);
    times(&s2, &q->y, &pp);
    const slk_fpv h = slk_fpv_sub(&u2, &u1, 1), r = slk_fpv_sub(&s2, &s1, 1);
    slk_fpv hh, hhh, v;
    squared(&hh, &h);
    times(&hhh, &hh, &h);
    times(&v, &u1, &hh);
    times(&p->z, &p->z, &q->z);
    times(&p->z, &p->z, &h);
    t = slk_fpv_shl(&v, 1);
    t = slk_fpv_add(&t, &hhh);
    squared(&p->x, &r);
    p->x = slk_fpv_sub(&p->x, &t, 2);
    t = slk_fpv_sub(&v, &p->x, 3);
    times(&t, &t, &r);
    times(&s1, &s1, &hhh);
    p->y = slk_fpv_sub(&t, &s1, 1);
}

/* Doublings that follow each addition in the multiplication by |z|, from its highest two bits on. */
static const unsigned char doublings[] = {2, 3, 9, 32, 16};

static void times_z(point *p)
{
    const point base = *p;
    dbl(p);
    for (unsigned i = 0; i < sizeof doublings; i++) {
        add(p, &base);
        for (unsigned k = 0; k < doublings[i]; k++)
            dbl(p);
    }
}

static unsigned in_g1(const slk_g1_affine points[LANES])
{
    const slk_fpv beta = slk_fpv_broadcast(beta_limbs);
    const slk_fpv x = slk_fpv_load(&points[0].x, 2), y = slk_fpv_load(&points[0].y, 2);
    point p = {x, y, slk_fpv_one()};
    slk_fpv want_x, want_y, zz;
    times_z(&p);
    times_z(&p);
    squared(&zz, &p.z);
    times(&want_x, &x, &beta);
    times(&want_x, &want_x, &zz);
    times(&zz, &zz, &p.z);
    times(&want_y, &y, &zz);
    p.y = slk_fpv_neg(&p.y, 2);
    return same(&p.x, &want_x) & same(&p.y, &want_y) & (__mmask8)~zero(&p.z);
}

/* --- G2, the same over Fp2 -------------------------------------------------------------------- */

typedef struct point2 {
    slk_fp2v x, y, z;
} point2;

static slk_fp2v twice2(const slk_fp2v *a, unsigned log2)
{
    return (slk_fp2v){{log2 == 1 ? slk_fpv_shl(&a->c[0], 1) : slk_fpv_shl(&a->c[0], 2),
                       log2 == 1 ? slk_fpv_shl(&a->c[1], 1) : slk_fpv_shl(&a->c[1], 2)}};
}

static void dbl2(point2 *p)
{
    slk_fp2v a, b, c, d, e, f, t;
    squared2(&a, &p->x);
    squared2(&b, &p->y);
    const slk_fp2v b4 = twice2(&b, 2), b2 = twice2(&b, 1);
    times2(&d, &p->x, &b4);
    times2(&c, &b4, &b2);
    t = twice2(&a, 1);
    e = slk_fp2v_add(&t, &a);
    squared2(&f, &e);
    t = twice2(&p->y, 1);
    times2(&p->z, &t, &p->z);
    t = twice2(&d, 1);
    p->x = slk_fp2v_sub(&f, &t, 2);
    t = slk_fp2v_sub(&d, &p->x, 3);
    times2(&t, &t, &e);
    p->y = slk_fp2v_sub(&t, &c, 1);
}

static void add2(point2 *p, const point2 *q)
{
    slk_fp2v pp, qq, u1, u2, s1, s2, t;
    squared2(&pp, &p->z);
    squared2(&qq, &q->z);
    times2(&u1, &p->x, &qq);
    times2(&u2, &q->x, &pp);
    times2(&qq, &qq, &q->z);
    times2(&s1, &p->y, &qq);
    times2(&pp, &pp, &p->z);
    times2(&s2, &q->y, &pp);
    const slk_fp2v h = slk_fp2v_sub(&u2, &u1, 1), r = slk_fp2v_sub(&s2, &s1, 1);
    slk_fp2v hh, hhh, v;
    squared2(&hh, &h);
    times2(&hhh, &hh, &h);
    times2(&v, &u1, &hh);
    times2(&p->z, &p->z, &q->z);
    times2(&p->z, &p->z, &h);
    t = twice2(&v, 1);
    t = slk_fp2v_add(&t, &hhh);
    squared2(&p->x, &r);
    p->x = slk_fp2v_sub(&p->x, &t, 2);
    t = slk_fp2v_sub(&v, &p->x, 3);
    times2(&t, &t, &r);
    times2(&s1, &s1, &hhh);
    p->y = slk_fp2v_sub(&t, &s1, 1);
}

static unsigned in_g2(const slk_g2_affine points[LANES])
{
    const slk_fpv psi_x = slk_fpv_broadcast(psi_x_limbs);
    const slk_fp2v psi_y = {{slk_fpv_broadcast(psi_y_limbs[0]), slk_fpv_broadcast(psi_y_limbs[1])}};
    const slk_fp2v x = slk_fp2v_load(&points[0].x, 2), y = slk_fp2v_load(&points[0].y, 2);
    point2 p = {x, y, {{slk_fpv_one(), slk_fpv_zero()}}};
    slk_fp2v want_x, want_y, zz;
    const point2 base = p;
    dbl2(&p);
    for (unsigned i = 0; i < sizeof doublings; i++) {
        add2(&p, &base);
        for (unsigned k = 0; k < doublings[i]; k++)
            dbl2(&p);
    }
    /* (x0 - x1 u) c u = x1 c + x0 c u */
    times(&want_x.c[0], &x.c[1], &psi_x);
    times(&want_x.c[1], &x.c[0], &psi_x);
    want_y = (slk_fp2v){{y.c[0], slk_fpv_neg(&y.c[1], 1)}};
    times2(&want_y, &want_y, &psi_y);
    squared2(&zz, &p.z);
    times2(&want_x, &want_x, &zz);
    times2(&zz, &zz, &p.z);
    times2(&want_y, &want_y, &zz);
    p.y = slk_fp2v_neg(&p.y, 2); /* z is negative */
    return same2(&p.x, &want_x) & same2(&p.y, &want_y) &
           (__mmask8) ~(zero(&p.z.c[0]) & zero(&p.z.c[1]));
}

const slk_curve_impl slk_curve_ifma = {.name = "ifma",
                                       .needs =
                                           SLK_CPU_AVX512F | SLK_CPU_AVX512DQ | SLK_CPU_AVX512IFMA,
                                       .y_g1 = y_g1,
                                       .y_g2 = y_g2,
                                       .in_g1 = in_g1,
                                       .in_g2 = in_g2};
