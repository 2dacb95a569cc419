/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Eight transforms at once on crypto/fr/fr_ifma.h. A constant is x * 2^260 mod r, so that a product
 * with one leaves the Montgomery form of the data, R = 2^256, as it is.
 *
 * Bounds: loaded values are below r, products with constants below 2r as long as the other factor
 * is below 35r. Two levels are done at a time. The first two have few roots other than 1 and go
 * from 2r to 8r; each further level adds 2r: at most 26r for 11 levels. Limbs are loose, each level
 * adds less than 2^58 to them. */
#include "base/cpu.h"
#include "crypto/fr/fr_ifma.h"
#include "crypto/ntt/ntt_impl.h"

#include <string.h>

#define LANES SLK_NTT_LANES
#define LIMBS SLK_FR8_LIMBS
#define PREFETCH_POINTS 12u
#define CHAINS 4u /* of powers: independent, to hide the latency of a multiplication */

/* --- vectors ---------------------------------------------------------------------------------- */

/* Elements 2i and 2i + 1 of the group's point in z[i]. */
SLK_FR8_INLINE void read_pairs(__m512i z[4], const slk_fr *first, size_t lane_step)
{
    for (size_t i = 0; i < 4; i++) {
        const slk_fr *at = first + 2 * i * lane_step;
        if (lane_step == 1)
            z[i] = _mm512_loadu_si512(at);
        else
            z[i] = _mm512_inserti64x4(
                _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(const void *)at)),
                _mm256_loadu_si256((const __m256i *)(const void *)(at + lane_step)), 1);
    }
}

SLK_FR8_INLINE void write_pairs(slk_fr *first, size_t lane_step, const __m512i z[4])
{
    for (size_t i = 0; i < 4; i++) {
        slk_fr *at = first + 2 * i * lane_step;
        _mm256_storeu_si256((__m256i *)(void *)at, _mm512_castsi512_si256(z[i]));
        _mm256_storeu_si256((__m256i *)(void *)(at + lane_step),
                            _mm512_extracti64x4_epi64(z[i], 1));
    }
}

SLK_FR8_INLINE slk_fr8 read_point(const slk_fr *first, size_t lane_step)
{
    const __m512i even = _mm512_setr_epi64(0, 4, 1, 5, 8, 12, 9, 13);
    const __m512i odd = _mm512_setr_epi64(2, 6, 3, 7, 10, 14, 11, 15);
    __m512i z[4];
    read_pairs(z, first, lane_step);
    const __m512i low0 = _mm512_unpacklo_epi64(z[0], z[1]),
                  low1 = _mm512_unpacklo_epi64(z[2], z[3]);
    const __m512i high0 = _mm512_unpackhi_epi64(z[0], z[1]);
    const __m512i high1 = _mm512_unpackhi_epi64(z[2], z[3]);
    const __m512i words[4] = {
        _mm512_permutex2var_epi64(low0, even, low1), _mm512_permutex2var_epi64(high0, even, high1),
        _mm512_permutex2var_epi64(low0, odd, low1), _mm512_permutex2var_epi64(high0, odd, high1)};
    return slk_fr8_from_words(words);
}

SLK_FR8_INLINE void write_point(slk_fr *first, size_t lane_step, const slk_fr8 *loose)
{
    const __m512i near = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i far = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    const __m512i first_two = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i last_two = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    const slk_fr8 a = slk_fr8_canonical(loose);
    __m512i w[4];
    slk_fr8_to_words(w, &a);
    const __m512i near01 = _mm512_permutex2var_epi64(w[0], near, w[1]);
    const __m512i near23 = _mm512_permutex2var_epi64(w[2], near, w[3]);
    const __m512i far01 = _mm512_permutex2var_epi64(w[0], far, w[1]);
    const __m512i far23 = _mm512_permutex2var_epi64(w[2], far, w[3]);
    const __m512i z[4] = {_mm512_permutex2var_epi64(near01, first_two, near23),
                          _mm512_permutex2var_epi64(near01, last_two, near23),
                          _mm512_permutex2var_epi64(far01, first_two, far23),
                          _mm512_permutex2var_epi64(far01, last_two, far23)};
    write_pairs(first, lane_step, z);
}

/* Rows of a matrix are far apart: the hardware does not see what comes next. */
SLK_FR8_INLINE void prefetch(const slk_ntt_place *place, size_t i)
{
    if (place->lane_step != 1 || i + PREFETCH_POINTS >= place->n)
        return;
    const char *at = (const char *)(place->values + (i + PREFETCH_POINTS) * place->step);
    for (size_t k = 0; k < LANES * sizeof(slk_fr); k += 64)
        _mm_prefetch(at + k, _MM_HINT_T0);
}

static void load(void *scratch, const slk_ntt_place *place)
{
    slk_fr8 *x = scratch;
    for (size_t i = 0; i < place->n; i++) {
        prefetch(place, i);
        x[i] = read_point(place->values + i * place->step, place->lane_step);
    }
}

static void store(const slk_ntt_place *place, const void *scratch)
{
    const slk_fr8 *x = scratch;
    for (size_t i = 0; i < place->n; i++)
        write_point(place->values + i * place->step, place->lane_step, &x[i]);
}

/* --- constants -------------------------------------------------------------------------------- */

/* x * 2^256 mod r to the limbs of x * 2^260 mod r. */
static void factors(void *out, const slk_fr *in, size_t n)
{
    uint64_t *limbs = out;
    for (size_t i = 0; i < n; i++, limbs += LIMBS) {
        slk_fr x = in[i];
        for (int k = 0; k < 4; k++)
            slk_fr_add_i(&x, &x, &x);
        limbs[0] = x.l[0] & SLK_FR8_MASK;
        limbs[1] = (x.l[0] >> 52 | x.l[1] << 12) & SLK_FR8_MASK;
        limbs[2] = (x.l[1] >> 40 | x.l[2] << 24) & SLK_FR8_MASK;
        limbs[3] = (x.l[2] >> 28 | x.l[3] << 36) & SLK_FR8_MASK;
        limbs[4] = x.l[3] >> 16;
    }
}

static slk_fr8 lane_factors(const slk_fr in[LANES])
{
    uint64_t limbs[LANES][LIMBS], words[LIMBS][LANES];
    slk_fr8 out;
    factors(limbs, in, LANES);
    for (size_t i = 0; i < LIMBS; i++) {
        for (size_t k = 0; k < LANES; k++)
            words[i][k] = limbs[k][i];
        out.l[i] = _mm512_loadu_si512(words[i]);
    }
    return out;
}

/* --- butterflies ------------------------------------------------------------------------------ */

SLK_FR8_INLINE slk_fr8 times_root(const slk_fr8 *loose, const slk_fr8 *root)
{
    const slk_fr8 y = slk_fr8_carried(*loose);
    return slk_fr8_mul_loose(&y, root);
}

SLK_FR8_INLINE void butterfly(slk_fr8 *x, slk_fr8 *y, const slk_fr8 *root)
{
    const slk_fr8 product = times_root(y, root), old = *x;
    *x = slk_fr8_add(&old, &product);
    *y = slk_fr8_sub(&old, &product, 2);
}

/* The same with root 1 and y < multiple * r. */
SLK_FR8_INLINE void butterfly_1(slk_fr8 *x, slk_fr8 *y, uint64_t multiple)
{
    const slk_fr8 old = *x;
    *x = slk_fr8_add(&old, y);
    *y = slk_fr8_sub(&old, y, multiple);
}

/* Two levels of block `block` of 4 * quarter points. */
static void split_4(slk_fr8 *x, size_t quarter, size_t block, const uint64_t *roots)
{
    const slk_fr8 root = slk_fr8_broadcast(roots + LIMBS * block);
    const slk_fr8 even = slk_fr8_broadcast(roots + LIMBS * 2 * block);
    const slk_fr8 odd = slk_fr8_broadcast(roots + LIMBS * (2 * block + 1));
    for (size_t j = 0; j < quarter; j++) {
        slk_fr8 p0 = x[j], p1 = x[j + quarter], p2 = x[j + 2 * quarter], p3 = x[j + 3 * quarter];
        butterfly(&p0, &p2, &root);
        butterfly(&p1, &p3, &root);
        butterfly(&p0, &p1, &even);
        x[j] = p0;
        x[j + quarter] = p1;
        butterfly(&p2, &p3, &odd);
        x[j + 2 * quarter] = p2;
        x[j + 3 * quarter] = p3;
    }
}

/* The first two of the whole: three of four roots are 1. */
static void split_4_first(slk_fr8 *x, size_t quarter, const uint64_t *roots)
{
    const slk_fr8 odd = slk_fr8_broadcast(roots + LIMBS);
    for (size_t j = 0; j < quarter; j++) {
        slk_fr8 p0 = x[j], p1 = x[j + quarter], p2 = x[j + 2 * quarter], p3 = x[j + 3 * quarter];
        butterfly_1(&p0, &p2, 2);
        butterfly_1(&p1, &p3, 2);
        butterfly_1(&p0, &p1, 4);
        butterfly(&p2, &p3, &odd);
        x[j] = p0;
        x[j + quarter] = p1;
        x[j + 2 * quarter] = p2;
        x[j + 3 * quarter] = p3;
    }
}

/* Depth first, so that small blocks stay in the nearest cache. Depth of recursion: 5. */
static void split_block(slk_fr8 *x, unsigned k, size_t block, const uint64_t *roots)
{
    if (k == 3) {
        const slk_fr8 root = slk_fr8_broadcast(roots + LIMBS * block);
        for (size_t j = 0; j < 4; j++)
            butterfly(&x[j], &x[j + 4], &root);
        split_4(x, 1, 2 * block, roots);
        split_4(x + 4, 1, 2 * block + 1, roots);
        return;
    }
    const size_t quarter = (size_t)1 << (k - 2);
    split_4(x, quarter, block, roots);
    for (size_t i = 0; k > 2 && i < 4; i++)
        split_block(x + i * quarter, k - 2, 4 * block + i, roots);
}

static void split(void *scratch, unsigned k, const void *roots)
{
    slk_fr8 *x = scratch;
    if (k == 3) {
        split_block(x, k, 0, roots);
        return;
    }
    const size_t quarter = (size_t)1 << (k - 2);
    split_4_first(x, quarter, roots);
    for (size_t i = 0; i < 4; i++)
        split_block(x + i * quarter, k - 2, i, roots);
}

static void join_4(slk_fr8 *x, size_t quarter, const uint64_t *roots)
{
    for (size_t j = 0; j < quarter; j++) {
        const slk_fr8 root = slk_fr8_broadcast(roots + LIMBS * (quarter + j));
        slk_fr8 p0 = x[j], p1 = x[j + quarter], p2 = x[j + 2 * quarter], p3 = x[j + 3 * quarter];
        butterfly(&p0, &p1, &root);
        butterfly(&p2, &p3, &root);
        const slk_fr8 near = slk_fr8_broadcast(roots + LIMBS * (2 * quarter + j));
        butterfly(&p0, &p2, &near);
        x[j] = p0;
        x[j + 2 * quarter] = p2;
        const slk_fr8 far = slk_fr8_broadcast(roots + LIMBS * (3 * quarter + j));
        butterfly(&p1, &p3, &far);
        x[j + quarter] = p1;
        x[j + 3 * quarter] = p3;
    }
}

static void join_4_first(slk_fr8 *x, const uint64_t *roots)
{
    const slk_fr8 far = slk_fr8_broadcast(roots + (size_t)LIMBS * 3);
    butterfly_1(&x[0], &x[1], 2);
    butterfly_1(&x[2], &x[3], 2);
    butterfly_1(&x[0], &x[2], 4);
    butterfly(&x[1], &x[3], &far);
}

static void join_block(slk_fr8 *x, unsigned k, const uint64_t *roots)
{
    if (k == 2) {
        join_4_first(x, roots);
        return;
    }
    if (k == 3) {
        join_4_first(x, roots);
        join_4_first(x + 4, roots);
        for (size_t j = 0; j < 4; j++) {
            const slk_fr8 root = slk_fr8_broadcast(roots + LIMBS * (4 + j));
            butterfly(&x[j], &x[j + 4], &root);
        }
        return;
    }
    const size_t quarter = (size_t)1 << (k - 2);
    for (size_t i = 0; i < 4; i++)
        join_block(x + i * quarter, k - 2, roots);
    join_4(x, quarter, roots);
}

static void join(void *scratch, unsigned k, const void *roots)
{
    join_block(scratch, k, roots);
}

/* --- products --------------------------------------------------------------------------------- */

static void powers(void *scratch, size_t n, const slk_fr start[LANES], const slk_fr step[LANES])
{
    slk_fr8 *x = scratch, power[CHAINS];
    slk_fr8 factor = lane_factors(step);
    power[0] = lane_factors(start);
    for (size_t i = 1; i < CHAINS; i++)
        power[i] = slk_fr8_mul(&power[i - 1], &factor);
    for (size_t i = 1; i < CHAINS; i *= 2)
        factor = slk_fr8_mul(&factor, &factor);
    for (size_t i = 0; i < n; i += CHAINS)
        for (size_t k = 0; k < CHAINS; k++) {
            x[i + k] = times_root(&x[i + k], &power[k]);
            power[k] = slk_fr8_mul(&power[k], &factor);
        }
}

static void scale(void *scratch, size_t n, const void *constants)
{
    slk_fr8 *x = scratch;
    const uint64_t *limbs = constants;
    for (size_t i = 0; i < n; i++) {
        const slk_fr8 factor = slk_fr8_broadcast(limbs + LIMBS * i);
        x[i] = times_root(&x[i], &factor);
    }
}

/* x * 2^256 and y * 2^256 give x * y * 2^252. */
static void multiply(void *scratch, const slk_ntt_place *place)
{
    slk_fr8 *x = scratch;
    for (size_t i = 0; i < place->n; i++) {
        prefetch(place, i);
        const slk_fr8 y = read_point(place->values + i * place->step, place->lane_step);
        x[i] = times_root(&x[i], &y);
    }
}

static void subtract(void *scratch, const slk_ntt_place *place)
{
    slk_fr8 *x = scratch;
    for (size_t i = 0; i < place->n; i++) {
        const slk_fr8 from = read_point(place->values + i * place->step, place->lane_step);
        const slk_fr8 y = slk_fr8_canonical(&x[i]);
        x[i] = slk_fr8_sub(&from, &y, 1);
    }
}

const slk_ntt_impl slk_ntt_ifma = {.name = "ifma",
                                   .needs = SLK_CPU_AVX512F | SLK_CPU_AVX512IFMA,
                                   .point_bytes = sizeof(slk_fr8),
                                   .factor_bytes = LIMBS * sizeof(uint64_t),
                                   .product_log2 = 4,
                                   .factors = factors,
                                   .load = load,
                                   .store = store,
                                   .split = split,
                                   .join = join,
                                   .powers = powers,
                                   .scale = scale,
                                   .multiply = multiply,
                                   .subtract = subtract};
