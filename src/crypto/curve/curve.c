/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/curve.h"

#include <assert.h>
#include <blst.h>
#include <string.h>

static_assert(sizeof(slk_fp) == sizeof(blst_fp), "layout of blst");
static_assert(sizeof(slk_g1_affine) == sizeof(blst_p1_affine), "layout of blst");
static_assert(sizeof(slk_g2_affine) == sizeof(blst_p2_affine), "layout of blst");
static_assert(sizeof(slk_g1) == sizeof(blst_p1), "layout of blst");
static_assert(sizeof(slk_g2) == sizeof(blst_p2), "layout of blst");

/* Compressed, infinity, larger y: the three flag bits of the first byte. */
#define FLAG_COMPRESSED 0x80u
#define FLAG_INFINITY 0x40u
#define FLAGS 0xe0u

static const blst_p1_affine *p1a(const slk_g1_affine *a)
{
    return (const blst_p1_affine *)a;
}

static const blst_p2_affine *p2a(const slk_g2_affine *a)
{
    return (const blst_p2_affine *)a;
}

bool slk_g1_read(slk_g1_affine *ret_point, const uint8_t in96[SLK_G1_BYTES])
{
    blst_p1_affine point;
    if ((in96[0] & FLAGS) != 0 || blst_p1_deserialize(&point, in96) != BLST_SUCCESS ||
        blst_p1_affine_is_inf(&point) || !blst_p1_affine_in_g1(&point))
        return false;
    memcpy(ret_point, &point, sizeof(point));
    return true;
}

bool slk_g2_read(slk_g2_affine *ret_point, const uint8_t in192[SLK_G2_BYTES])
{
    blst_p2_affine point;
    if ((in192[0] & FLAGS) != 0 || blst_p2_deserialize(&point, in192) != BLST_SUCCESS ||
        blst_p2_affine_is_inf(&point) || !blst_p2_affine_in_g2(&point))
        return false;
    memcpy(ret_point, &point, sizeof(point));
    return true;
}

bool slk_g1_read_compressed(slk_g1_affine *ret_point, const uint8_t in48[SLK_G1_COMPRESSED_BYTES])
{
    blst_p1_affine point;
    if ((in48[0] & (FLAG_COMPRESSED | FLAG_INFINITY)) != FLAG_COMPRESSED ||
        blst_p1_uncompress(&point, in48) != BLST_SUCCESS || blst_p1_affine_is_inf(&point) ||
        !blst_p1_affine_in_g1(&point))
        return false;
    memcpy(ret_point, &point, sizeof(point));
    return true;
}

bool slk_g2_read_compressed(slk_g2_affine *ret_point, const uint8_t in96[SLK_G2_COMPRESSED_BYTES])
{
    blst_p2_affine point;
    if ((in96[0] & (FLAG_COMPRESSED | FLAG_INFINITY)) != FLAG_COMPRESSED ||
        blst_p2_uncompress(&point, in96) != BLST_SUCCESS || blst_p2_affine_is_inf(&point) ||
        !blst_p2_affine_in_g2(&point))
        return false;
    memcpy(ret_point, &point, sizeof(point));
    return true;
}

void slk_g1_write(uint8_t out96[SLK_G1_BYTES], const slk_g1_affine *point)
{
    blst_p1_affine_serialize(out96, p1a(point));
}

void slk_g2_write(uint8_t out192[SLK_G2_BYTES], const slk_g2_affine *point)
{
    blst_p2_affine_serialize(out192, p2a(point));
}

void slk_g1_write_compressed(uint8_t out48[SLK_G1_COMPRESSED_BYTES], const slk_g1_affine *point)
{
    blst_p1_affine_compress(out48, p1a(point));
}

void slk_g2_write_compressed(uint8_t out96[SLK_G2_COMPRESSED_BYTES], const slk_g2_affine *point)
{
    blst_p2_affine_compress(out96, p2a(point));
}

void slk_g1_generator(slk_g1_affine *ret_point)
{
    memcpy(ret_point, blst_p1_affine_generator(), sizeof(*ret_point));
}

void slk_g2_generator(slk_g2_affine *ret_point)
{
    memcpy(ret_point, blst_p2_affine_generator(), sizeof(*ret_point));
}

bool slk_g1_affine_is_infinity(const slk_g1_affine *point)
{
    return blst_p1_affine_is_inf(p1a(point));
}

bool slk_g2_affine_is_infinity(const slk_g2_affine *point)
{
    return blst_p2_affine_is_inf(p2a(point));
}

void slk_g1_from_affine(slk_g1 *out, const slk_g1_affine *a)
{
    blst_p1_from_affine((blst_p1 *)out, p1a(a));
}

void slk_g2_from_affine(slk_g2 *out, const slk_g2_affine *a)
{
    blst_p2_from_affine((blst_p2 *)out, p2a(a));
}

void slk_g1_to_affine(slk_g1_affine *out, const slk_g1 *a)
{
    blst_p1_to_affine((blst_p1_affine *)out, (const blst_p1 *)a);
}

void slk_g2_to_affine(slk_g2_affine *out, const slk_g2 *a)
{
    blst_p2_to_affine((blst_p2_affine *)out, (const blst_p2 *)a);
}

void slk_g1_add(slk_g1 *out, const slk_g1 *a, const slk_g1 *b)
{
    blst_p1_add_or_double((blst_p1 *)out, (const blst_p1 *)a, (const blst_p1 *)b);
}

void slk_g2_add(slk_g2 *out, const slk_g2 *a, const slk_g2 *b)
{
    blst_p2_add_or_double((blst_p2 *)out, (const blst_p2 *)a, (const blst_p2 *)b);
}

void slk_g1_mul_bits(slk_g1 *out, const slk_g1_affine *a, const uint8_t *scalar, size_t n_bits)
{
    blst_p1 point;
    blst_p1_from_affine(&point, p1a(a));
    blst_p1_mult((blst_p1 *)out, &point, scalar, n_bits);
}

void slk_g1_mul(slk_g1 *out, const slk_g1_affine *a, const slk_fr *scalar)
{
    uint8_t node[32];
    slk_fr_to_node(node, scalar);
    slk_g1_mul_bits(out, a, node, 255);
}

void slk_g2_mul(slk_g2 *out, const slk_g2_affine *a, const slk_fr *scalar)
{
    uint8_t node[32];
    blst_p2 point;
    slk_fr_to_node(node, scalar);
    blst_p2_from_affine(&point, p2a(a));
    blst_p2_mult((blst_p2 *)out, &point, node, 255);
}

void slk_g1_affine_neg(slk_g1_affine *out, const slk_g1_affine *a)
{
    out->x = a->x;
    blst_fp_cneg((blst_fp *)&out->y, (const blst_fp *)&a->y, true);
}

void slk_g2_affine_neg(slk_g2_affine *out, const slk_g2_affine *a)
{
    out->x = a->x;
    blst_fp2_cneg((blst_fp2 *)&out->y, (const blst_fp2 *)&a->y, true);
}
