/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/fr/fr.h"

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/fr/fr_inline.h"

/* source: reference/proofs 1.1; the Montgomery forms are x * 2^256 mod r (checked in fr_test.c). */
const uint64_t slk_fr_modulus[4] = {SLK_FR_R0, SLK_FR_R1, SLK_FR_R2, SLK_FR_R3};
const slk_fr slk_fr_zero = {{0, 0, 0, 0}};
const slk_fr slk_fr_one = {
    {0x00000001fffffffe, 0x5884b7fa00034802, 0x998c4fefecbc4ff5, 0x1824b159acc5056f}};
const slk_fr slk_fr_generator = {
    {0x0000000efffffff1, 0x17e363d300189c0f, 0xff9c57876f8457b0, 0x351332208fc5a8c4}};
/* 7^((r-1)/2^32) */
static const slk_fr root_2_32 = {
    {0xb9b58d8c5f0e466a, 0x5b1b4c801819d7ec, 0x0af53ae352a31e64, 0x5bf3adda19e9b27b}};
/* 2^512 and 2^768 mod r, as plain limbs. */
static const slk_fr two_512 = {SLK_FR_TWO_512};
static const slk_fr two_768 = {
    {0xc62c1807439b73af, 0x1b3e0d188cf06990, 0x73d13c71c7b5f418, 0x6e2a5bb9c8db33e9}};

void slk_fr_add(slk_fr *out, const slk_fr *a, const slk_fr *b)
{
    slk_fr_add_i(out, a, b);
}

void slk_fr_sub(slk_fr *out, const slk_fr *a, const slk_fr *b)
{
    slk_fr_sub_i(out, a, b);
}

void slk_fr_neg(slk_fr *out, const slk_fr *a)
{
    slk_fr_sub_i(out, &slk_fr_zero, a);
}

void slk_fr_mul(slk_fr *out, const slk_fr *a, const slk_fr *b)
{
    slk_fr_mul_i(out, a, b);
}

void slk_fr_sqr(slk_fr *out, const slk_fr *a)
{
    slk_fr_mul_i(out, a, a);
}

void slk_fr_double(slk_fr *out, const slk_fr *a)
{
    slk_fr_add_i(out, a, a);
}

void slk_fr_pow_u64(slk_fr *out, const slk_fr *a, uint64_t exponent)
{
    slk_fr base = *a, result = slk_fr_one;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            slk_fr_mul_i(&result, &result, &base);
        slk_fr_mul_i(&base, &base, &base);
    }
    *out = result;
}

void slk_fr_inv(slk_fr *out, const slk_fr *a)
{
    /* a^(r-2), four bits of the exponent at a time; 0 stays 0. */
    static const uint64_t exponent[4] = {SLK_FR_R0 - 2, SLK_FR_R1, SLK_FR_R2, SLK_FR_R3};
    slk_fr power[16], result = slk_fr_one;
    power[0] = slk_fr_one;
    for (size_t i = 1; i < 16; i++)
        slk_fr_mul_i(&power[i], &power[i - 1], a);
    for (unsigned digit = 64; digit-- > 0;) {
        for (unsigned i = 0; i < 4; i++)
            slk_fr_mul_i(&result, &result, &result);
        slk_fr_mul_i(&result, &result, &power[(exponent[digit / 16] >> (digit % 16 * 4)) & 15]);
    }
    *out = result;
}

void slk_fr_inv_batch(slk_fr *inout, size_t n, slk_fr *scratch)
{
    slk_fr product = slk_fr_one;
    for (size_t i = 0; i < n; i++) {
        scratch[i] = product;
        slk_fr_mul_i(&product, &product, &inout[i]);
    }
    slk_fr_inv(&product, &product);
    for (size_t i = n; i-- > 0;) {
        slk_fr inverse;
        slk_fr_mul_i(&inverse, &product, &scratch[i]);
        slk_fr_mul_i(&product, &product, &inout[i]);
        inout[i] = inverse;
    }
}

bool slk_fr_is_zero(const slk_fr *a)
{
    return (a->l[0] | a->l[1] | a->l[2] | a->l[3]) == 0;
}

bool slk_fr_equal(const slk_fr *a, const slk_fr *b)
{
    return ((a->l[0] ^ b->l[0]) | (a->l[1] ^ b->l[1]) | (a->l[2] ^ b->l[2]) |
            (a->l[3] ^ b->l[3])) == 0;
}

void slk_fr_from_u64(slk_fr *out, uint64_t v)
{
    slk_fr plain = {{v, 0, 0, 0}};
    slk_fr_mul_i(out, &plain, &two_512);
}

static void load_limbs(slk_fr *out, const uint8_t node32[32])
{
    for (size_t i = 0; i < 4; i++)
        out->l[i] = slk_load_le64(node32 + 8 * i);
}

static void store_limbs(uint8_t node32[32], const slk_fr *a)
{
    for (size_t i = 0; i < 4; i++)
        slk_store_le64(node32 + 8 * i, a->l[i]);
}

static bool below_modulus(const slk_fr *plain)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < 4; i++)
        (void)slk_fr_sbb(plain->l[i], slk_fr_modulus[i], &borrow);
    return borrow != 0;
}

bool slk_fr_node_is_canonical(const uint8_t node32[32])
{
    slk_fr plain;
    load_limbs(&plain, node32);
    return below_modulus(&plain);
}

bool slk_fr_from_node(slk_fr *out, const uint8_t node32[32])
{
    slk_fr plain;
    load_limbs(&plain, node32);
    if (!below_modulus(&plain))
        return false;
    slk_fr_mul_i(out, &plain, &two_512);
    return true;
}

void slk_fr_to_limbs(uint64_t out[4], const slk_fr *a)
{
    static const slk_fr plain_one = {{1, 0, 0, 0}};
    slk_fr plain;
    slk_fr_mul_i(&plain, a, &plain_one);
    memcpy(out, plain.l, sizeof plain.l);
}

void slk_fr_to_node(uint8_t node32[32], const slk_fr *a)
{
    slk_fr plain;
    slk_fr_to_limbs(plain.l, a);
    store_limbs(node32, &plain);
}

void slk_fr_from_wide(slk_fr *out, const uint8_t in64[64])
{
    /* 2^256 < 3r: two conditional subtractions bring each half below r. */
    slk_fr low, high;
    load_limbs(&low, in64);
    load_limbs(&high, in64 + 32);
    for (int i = 0; i < 2; i++) {
        slk_fr_reduce_once(&low, low.l[0], low.l[1], low.l[2], low.l[3]);
        slk_fr_reduce_once(&high, high.l[0], high.l[1], high.l[2], high.l[3]);
    }
    slk_fr_mul_i(&low, &low, &two_512);
    slk_fr_mul_i(&high, &high, &two_768);
    slk_fr_add_i(out, &low, &high);
}

void slk_fr_root_of_unity(slk_fr *out, unsigned log2_n)
{
    slk_assert(log2_n <= 32);
    slk_fr root = root_2_32;
    for (unsigned i = 32; i > log2_n; i--)
        slk_fr_mul_i(&root, &root, &root);
    *out = root;
}

bool slk_fr_node_add(uint8_t out32[32], const uint8_t a32[32], const uint8_t b32[32])
{
    slk_fr a, b;
    load_limbs(&a, a32);
    load_limbs(&b, b32);
    if (!below_modulus(&a) || !below_modulus(&b))
        return false;
    slk_fr_add_i(&a, &a, &b);
    store_limbs(out32, &a);
    return true;
}

bool slk_fr_node_sub(uint8_t out32[32], const uint8_t a32[32], const uint8_t b32[32])
{
    slk_fr a, b;
    load_limbs(&a, a32);
    load_limbs(&b, b32);
    if (!below_modulus(&a) || !below_modulus(&b))
        return false;
    slk_fr_sub_i(&a, &a, &b);
    store_limbs(out32, &a);
    return true;
}
