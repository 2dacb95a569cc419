/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sums of multiples with the doublings shared: each scalar is written with odd signed digits, few
 * of which are not zero, and all points walk down their digits together. */
#include "crypto/curve/curve.h"

#include "base/assume.h"
#include "base/num.h"

#include <blst.h>
#include <string.h>

static_assert(sizeof(slk_g1) == sizeof(blst_p1), "layout of blst");

enum {
    DIGITS_MAX = 256, /* 255 bits and a carry */
    WIDTH_MAX = 5,
    ODD_MAX = 1 << (WIDTH_MAX - 2), /* P, 3P, … 15P */
};

typedef struct term {
    unsigned n_odd; /* points in use of odd; 0 for a scalar of zero */
    unsigned n_digits;
    int8_t digits[DIGITS_MAX];
    slk_g1_affine odd[ODD_MAX];
} term;

static unsigned bit_length(const uint64_t limbs[4])
{
    for (unsigned i = 4; i-- > 0;)
        if (limbs[i] != 0)
            return 64 * i + 64 - (unsigned)__builtin_clzll(limbs[i]);
    return 0;
}

/* limbs = (limbs - digit) / 2 for a digit that makes the difference even. The value stays below
 * 2^256: scalars are below 2^255 and digits small. */
static void take_digit(uint64_t limbs[4], int digit)
{
    uint64_t carry = digit < 0 ? (uint64_t)-digit : 0;
    if (digit > 0)
        limbs[0] -= (uint64_t)digit; /* the low bits are the digit: no borrow */
    for (unsigned i = 0; i < 4 && carry != 0; i++)
        carry = __builtin_add_overflow(limbs[i], carry, &limbs[i]);
    for (unsigned i = 0; i < 3; i++)
        limbs[i] = limbs[i] >> 1 | limbs[i + 1] << 63;
    limbs[3] >>= 1;
}

/* Digits that are zero or odd and below 2^(width - 1) in size. A wide digit needs a table of odd
 * multiples, which pays only for long scalars. */
static void recode(term *t, const slk_fr *scalar)
{
    uint64_t limbs[4];
    slk_fr_to_limbs(limbs, scalar);
    unsigned bits = bit_length(limbs), width = bits <= 24 ? 2 : bits <= 64 ? 3 : WIDTH_MAX;
    t->n_odd = bits == 0 ? 0 : 1u << (width - 2);
    t->n_digits = 0;
    while ((limbs[0] | limbs[1] | limbs[2] | limbs[3]) != 0) {
        int digit = 0;
        if (limbs[0] & 1) {
            digit = (int)(limbs[0] & ((1u << width) - 1));
            if (digit >= 1 << (width - 1))
                digit -= 1 << width;
        }
        slk_assert(t->n_digits < DIGITS_MAX);
        t->digits[t->n_digits++] = (int8_t)digit;
        take_digit(limbs, digit);
    }
}

/* The odd multiples of all terms, made affine with one inversion. */
static void tabulate(term *terms, const slk_g1_affine *points, size_t n)
{
    blst_p1 multiples[SLK_COMBINE_MAX * ODD_MAX];
    blst_p1_affine affine[SLK_COMBINE_MAX * ODD_MAX];
    size_t used = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        blst_p1 twice;
        if (terms[i].n_odd == 0)
            continue;
        terms[i].odd[0] = points[i];
        if (terms[i].n_odd == 1)
            continue;
        blst_p1_from_affine(&multiples[used], (const blst_p1_affine *)&points[i]);
        blst_p1_double(&twice, &multiples[used++]);
        for (unsigned k = 1; k < terms[i].n_odd; k++, used++)
            blst_p1_add_or_double(&multiples[used], &multiples[used - 1], &twice);
    }
    if (used == 0)
        return;
    const blst_p1 *const list[2] = {multiples, NULL};
    blst_p1s_to_affine(affine, list, used);
    for (size_t i = 0; i < n; i++) {
        if (terms[i].n_odd < 2)
            continue;
        memcpy(terms[i].odd, &affine[at], terms[i].n_odd * sizeof(affine[0]));
        at += terms[i].n_odd;
    }
}

static void add_digit(blst_p1 *sum, const term *t, unsigned position)
{
    int digit = position < t->n_digits ? t->digits[position] : 0;
    if (digit == 0)
        return;
    slk_g1_affine point = t->odd[(digit < 0 ? -digit : digit) / 2];
    if (digit < 0)
        slk_g1_affine_neg(&point, &point);
    blst_p1_add_or_double_affine(sum, sum, (const blst_p1_affine *)&point);
}

/* Digits and tables of all terms; the number of digits of the longest scalar. */
static unsigned prepare(term *terms, const slk_g1_affine *points, const slk_fr *scalars, size_t n)
{
    unsigned longest = 0;
    slk_assert(n <= SLK_COMBINE_MAX);
    for (size_t i = 0; i < n; i++) {
        recode(&terms[i], &scalars[i]);
        longest = terms[i].n_digits > longest ? terms[i].n_digits : longest;
    }
    tabulate(terms, points, n);
    return longest;
}

void slk_g1_combine(slk_g1 *out, const slk_g1_affine *points, const slk_fr *scalars, size_t n)
{
    term terms[SLK_COMBINE_MAX];
    blst_p1 sum;
    memset(&sum, 0, sizeof(sum));
    for (unsigned position = prepare(terms, points, scalars, n); position-- > 0;) {
        blst_p1_double(&sum, &sum);
        for (size_t i = 0; i < n; i++)
            add_digit(&sum, &terms[i], position);
    }
    memcpy(out, &sum, sizeof(sum));
}

void slk_g1_multiply_each(slk_g1_affine *inout_points, const slk_fr *scalars, size_t n)
{
    term terms[SLK_COMBINE_MAX];
    blst_p1 multiples[SLK_COMBINE_MAX];
    const blst_p1 *const list[2] = {multiples, NULL};
    (void)prepare(terms, inout_points, scalars, n);
    memset(multiples, 0, sizeof(multiples));
    for (size_t i = 0; i < n; i++) {
        slk_assert(terms[i].n_odd > 0);
        for (unsigned position = terms[i].n_digits; position-- > 0;) {
            blst_p1_double(&multiples[i], &multiples[i]);
            add_digit(&multiples[i], &terms[i], position);
        }
    }
    if (n > 0)
        blst_p1s_to_affine((blst_p1_affine *)inout_points, list, n);
}
