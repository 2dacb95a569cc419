/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The plain kernel: every element fully reduced, butterflies one level after the other. */
#include "crypto/fr/fr_inline.h"
#include "crypto/ntt/ntt_impl.h"

#include <blst.h>
#include <string.h>

#define LANES SLK_NTT_LANES

typedef struct point {
    slk_fr lane[LANES];
} point;

/* blst's multiplication uses MULX and ADX where the processor has them: 12 ns instead of 19. */
static inline void mul(slk_fr *out, const slk_fr *a, const slk_fr *b)
{
    blst_fr_mul((blst_fr *)out, (const blst_fr *)a, (const blst_fr *)b);
}

static void factors(void *out, const slk_fr *in, size_t n)
{
    memcpy(out, in, n * sizeof(slk_fr));
}

static slk_fr *element(const slk_ntt_place *place, size_t i, size_t lane)
{
    return place->values + i * place->step + lane * place->lane_step;
}

static void load(void *scratch, const slk_ntt_place *place)
{
    point *x = scratch;
    for (size_t i = 0; i < place->n; i++)
        for (size_t k = 0; k < LANES; k++)
            x[i].lane[k] = *element(place, i, k);
}

static void store(const slk_ntt_place *place, const void *scratch)
{
    const point *x = scratch;
    for (size_t i = 0; i < place->n; i++)
        for (size_t k = 0; k < LANES; k++)
            *element(place, i, k) = x[i].lane[k];
}

static void butterfly(point *x, point *y, const slk_fr *root)
{
    for (size_t k = 0; k < LANES; k++) {
        slk_fr product;
        mul(&product, &y->lane[k], root);
        slk_fr_sub_i(&y->lane[k], &x->lane[k], &product);
        slk_fr_add_i(&x->lane[k], &x->lane[k], &product);
    }
}

static void split(void *scratch, unsigned k, const void *roots)
{
    point *x = scratch;
    const slk_fr *root = roots;
    for (size_t half = (size_t)1 << (k - 1); half > 0; half /= 2)
        for (size_t b = 0; b < ((size_t)1 << k) / (2 * half); b++)
            for (size_t j = 0; j < half; j++)
                butterfly(&x[2 * half * b + j], &x[2 * half * b + j + half], &root[b]);
}

static void join(void *scratch, unsigned k, const void *roots)
{
    point *x = scratch;
    const slk_fr *root = roots;
    for (size_t half = 1; half < (size_t)1 << k; half *= 2)
        for (size_t b = 0; b < ((size_t)1 << k) / (2 * half); b++)
            for (size_t j = 0; j < half; j++)
                butterfly(&x[2 * half * b + j], &x[2 * half * b + j + half], &root[half + j]);
}

static void powers(void *scratch, size_t n, const slk_fr start[LANES], const slk_fr step[LANES])
{
    point *x = scratch, power;
    memcpy(power.lane, start, sizeof power.lane);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < LANES; k++) {
            mul(&x[i].lane[k], &x[i].lane[k], &power.lane[k]);
            mul(&power.lane[k], &power.lane[k], &step[k]);
        }
}

static void scale(void *scratch, size_t n, const void *constants)
{
    point *x = scratch;
    const slk_fr *factor = constants;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < LANES; k++)
            mul(&x[i].lane[k], &x[i].lane[k], &factor[i]);
}

static void multiply(void *scratch, const slk_ntt_place *place)
{
    point *x = scratch;
    for (size_t i = 0; i < place->n; i++)
        for (size_t k = 0; k < LANES; k++)
            mul(&x[i].lane[k], &x[i].lane[k], element(place, i, k));
}

static void subtract(void *scratch, const slk_ntt_place *place)
{
    point *x = scratch;
    for (size_t i = 0; i < place->n; i++)
        for (size_t k = 0; k < LANES; k++)
            slk_fr_sub_i(&x[i].lane[k], element(place, i, k), &x[i].lane[k]);
}

const slk_ntt_impl slk_ntt_plain = {.name = "plain",
                                    .needs = 0,
                                    .point_bytes = sizeof(point),
                                    .factor_bytes = sizeof(slk_fr),
                                    .product_log2 = 0,
                                    .factors = factors,
                                    .load = load,
                                    .store = store,
                                    .split = split,
                                    .join = join,
                                    .powers = powers,
                                    .scale = scale,
                                    .multiply = multiply,
                                    .subtract = subtract};
