/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reading many points: the cheap checks one by one, roots and membership eight at a time. */
#include "crypto/curve/curve.h"
#include "crypto/curve/curve_impl.h"
#include "crypto/curve/fp_bytes.h"

#include "crypto/crypto_impl.h"

#include <blst.h>
#include <string.h>

enum { LANES = SLK_CURVE_LANES, ALL = (1 << LANES) - 1 };

#define FLAG_COMPRESSED 0x80u
#define FLAG_INFINITY 0x40u
#define FLAGS 0xe0u

/* The lanes past the last point repeat the first one. */
static const uint8_t *lane_bytes(const uint8_t *in, size_t stride, size_t n, size_t lane)
{
    return in + (lane < n ? lane : 0) * stride;
}

/* A compressed form's coordinate: 48 bytes big-endian whose first may carry the flags. */
static bool read_flagged(slk_fp *ret, const uint8_t in48[48])
{
    uint8_t plain[48];
    memcpy(plain, in48, sizeof plain);
    if ((plain[0] & (FLAG_COMPRESSED | FLAG_INFINITY)) != FLAG_COMPRESSED)
        return false;
    plain[0] &= (uint8_t)~FLAGS;
    return slk_fp_read(ret, plain);
}

/* --- G1 --------------------------------------------------------------------------------------- */

/* Up to eight points; those that are not read repeat the first. */
static bool decode_g1(const slk_curve_impl *curve, slk_g1_affine points[LANES], const uint8_t *in,
                      size_t stride, size_t n)
{
    (void)curve;
    for (size_t i = 0; i < LANES; i++) {
        const uint8_t *bytes = lane_bytes(in, stride, n, i);
        blst_p1_affine *point = (blst_p1_affine *)&points[i];
        if ((bytes[0] & FLAGS) != 0 || blst_p1_deserialize(point, bytes) != BLST_SUCCESS ||
            blst_p1_affine_is_inf(point))
            return false;
    }
    return true;
}

static bool decompress_g1(const slk_curve_impl *curve, slk_g1_affine points[LANES],
                          const uint8_t *in, size_t stride, size_t n)
{
    slk_fp x[LANES], y[LANES];
    uint8_t again[SLK_G1_COMPRESSED_BYTES];
    for (size_t i = 0; i < LANES; i++)
        if (!read_flagged(&x[i], lane_bytes(in, stride, n, i)))
            return false;
    if (curve->y_g1(y, x) != ALL)
        return false;
    for (size_t i = 0; i < LANES; i++) {
        const uint8_t *bytes = lane_bytes(in, stride, n, i);
        points[i] = (slk_g1_affine){x[i], y[i]};
        slk_g1_write_compressed(again, &points[i]);
        if (again[0] != bytes[0])
            slk_g1_affine_neg(&points[i], &points[i]);
    }
    return true;
}

typedef bool g1_reader(const slk_curve_impl *curve, slk_g1_affine points[LANES], const uint8_t *in,
                       size_t stride, size_t n);

static bool read_g1(const slk_crypto *crypto, slk_g1_affine *ret_points, const uint8_t *in,
                    size_t stride, size_t n, g1_reader *reader)
{
    slk_g1_affine points[LANES];
    for (size_t first = 0; first < n; first += LANES) {
        size_t taken = n - first < LANES ? n - first : LANES;
        if (!reader(crypto->curve, points, in + first * stride, stride, taken) ||
            crypto->curve->in_g1(points) != ALL)
            return false;
        memcpy(ret_points + first, points, taken * sizeof *points);
    }
    return true;
}

bool slk_g1_read_all(const slk_crypto *crypto, slk_g1_affine *ret_points, const uint8_t *in,
                     size_t stride, size_t n)
{
    return read_g1(crypto, ret_points, in, stride, n, decode_g1);
}

bool slk_g1_read_compressed_all(const slk_crypto *crypto, slk_g1_affine *ret_points,
                                const uint8_t *in, size_t stride, size_t n)
{
    return read_g1(crypto, ret_points, in, stride, n, decompress_g1);
}

/* --- G2 --------------------------------------------------------------------------------------- */

static bool decode_g2(const slk_curve_impl *curve, slk_g2_affine points[LANES], const uint8_t *in,
                      size_t stride, size_t n)
{
    (void)curve;
    for (size_t i = 0; i < LANES; i++) {
        const uint8_t *bytes = lane_bytes(in, stride, n, i);
        blst_p2_affine *point = (blst_p2_affine *)&points[i];
        if ((bytes[0] & FLAGS) != 0 || blst_p2_deserialize(point, bytes) != BLST_SUCCESS ||
            blst_p2_affine_is_inf(point))
            return false;
    }
    return true;
}

static bool decompress_g2(const slk_curve_impl *curve, slk_g2_affine points[LANES],
                          const uint8_t *in, size_t stride, size_t n)
{
    slk_fp2 x[LANES], y[LANES];
    uint8_t again[SLK_G2_COMPRESSED_BYTES];
    for (size_t i = 0; i < LANES; i++) {
        const uint8_t *bytes = lane_bytes(in, stride, n, i);
        if (!read_flagged(&x[i].c[1], bytes) || !slk_fp_read(&x[i].c[0], bytes + 48))
            return false;
    }
    if (curve->y_g2(y, x) != ALL)
        return false;
    for (size_t i = 0; i < LANES; i++) {
        const uint8_t *bytes = lane_bytes(in, stride, n, i);
        points[i] = (slk_g2_affine){x[i], y[i]};
        slk_g2_write_compressed(again, &points[i]);
        if (again[0] != bytes[0])
            slk_g2_affine_neg(&points[i], &points[i]);
    }
    return true;
}

typedef bool g2_reader(const slk_curve_impl *curve, slk_g2_affine points[LANES], const uint8_t *in,
                       size_t stride, size_t n);

static bool read_g2(const slk_crypto *crypto, slk_g2_affine *ret_points, const uint8_t *in,
                    size_t stride, size_t n, g2_reader *reader)
{
    slk_g2_affine points[LANES];
    for (size_t first = 0; first < n; first += LANES) {
        size_t taken = n - first < LANES ? n - first : LANES;
        if (!reader(crypto->curve, points, in + first * stride, stride, taken) ||
            crypto->curve->in_g2(points) != ALL)
            return false;
        memcpy(ret_points + first, points, taken * sizeof *points);
    }
    return true;
}

bool slk_g2_read_all(const slk_crypto *crypto, slk_g2_affine *ret_points, const uint8_t *in,
                     size_t stride, size_t n)
{
    return read_g2(crypto, ret_points, in, stride, n, decode_g2);
}

bool slk_g2_read_compressed_all(const slk_crypto *crypto, slk_g2_affine *ret_points,
                                const uint8_t *in, size_t stride, size_t n)
{
    return read_g2(crypto, ret_points, in, stride, n, decompress_g2);
}

/* --- known answers ---------------------------------------------------------------------------- */

/* The two roots of one square: equal or opposite. */
static bool same_root(const slk_fp2 *a, const slk_fp2 *b)
{
    slk_g2_affine negated = {*a, *b};
    slk_g2_affine_neg(&negated, &negated);
    return memcmp(a, b, sizeof *a) == 0 || memcmp(a, &negated.y, sizeof *a) == 0;
}

bool slk_curve_works(const slk_curve_impl *curve)
{
    slk_g1_affine g1[LANES];
    slk_g2_affine g2[LANES];
    slk_fp x[LANES], y[LANES], want[LANES];
    slk_fp2 x2[LANES], y2[LANES], want2[LANES];
    bool works = true;
    for (size_t i = 0; i < LANES; i++) {
        uint8_t bytes[48] = {0};
        bytes[47] = (uint8_t)(i + 1);
        slk_assert(slk_fp_read(&x[i], bytes));
        x2[i] = (slk_fp2){{x[i], x[0]}};
        slk_g1_generator(&g1[i]);
        slk_g2_generator(&g2[i]);
    }
    x[7] = g1[7].x;
    x2[7] = g2[7].x;
    unsigned found = slk_curve_plain.y_g1(want, x), found2 = slk_curve_plain.y_g2(want2, x2);
    if (curve->y_g1(y, x) != found || curve->y_g2(y2, x2) != found2)
        return false;
    for (size_t i = 0; i < LANES; i++) {
        slk_fp2 a = {{y[i], y[i]}}, b = {{want[i], want[i]}};
        works &= !(found >> i & 1) || same_root(&a, &b);
        works &= !(found2 >> i & 1) || same_root(&y2[i], &want2[i]);
        if (i % 2 == 0 && (found >> i & 1))
            g1[i] = (slk_g1_affine){x[i], want[i]};
        if (i % 2 == 0 && (found2 >> i & 1))
            g2[i] = (slk_g2_affine){x2[i], want2[i]};
    }
    return works && curve->in_g1(g1) == slk_curve_plain.in_g1(g1) &&
           curve->in_g2(g2) == slk_curve_plain.in_g2(g2);
}
