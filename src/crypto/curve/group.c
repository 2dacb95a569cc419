/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/group.h"

#include "base/bytes.h"
#include "crypto/crypto_impl.h"
#include "crypto/curve/fp_bytes.h"
#include "crypto/fr/fr_inline.h"

#include <blst.h>

/* 2^384 mod p, least significant limb first. source: p of BLS12-381 (reference/proofs 9.1). */
#define FP_ONE                                                                              \
    {                                                                                       \
        {                                                                                   \
            0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba, 0x77ce585370525745, \
                0x5c071a97a256ec6d, 0x15f65ec3fa80e493                                      \
        }                                                                                   \
    }
const slk_fp slk_fp_one = FP_ONE;
const slk_fp2 slk_fp2_one = {{FP_ONE, {{0}}}};

/* source: p of BLS12-381. */
static const uint64_t fp_modulus[6] = {0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624,
                                       0x64774b84f38512bf, 0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a};

bool slk_fp_read(slk_fp *ret, const uint8_t in48[48])
{
    for (size_t i = 0;; i++) {
        uint64_t limb = slk_load_be64(in48 + 8 * i);
        if (limb < fp_modulus[5 - i])
            break;
        if (limb > fp_modulus[5 - i] || i == 5)
            return false;
    }
    blst_fp_from_bendian((blst_fp *)ret, in48);
    return true;
}

static bool below_modulus(const slk_fp *a)
{
    for (size_t i = 6; i-- > 0;)
        if (a->l[i] != fp_modulus[i])
            return a->l[i] < fp_modulus[i];
    return false;
}

static void minus_modulus(slk_fp *a)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < 6; i++)
        a->l[i] = slk_fr_sbb(a->l[i], fp_modulus[i], &borrow);
}

void slk_wide_from_plain(slk_fp *coordinates, size_t n)
{
    /* 2^416 mod p: a product of Montgomery forms is divided by 2^384 */
    static const slk_fp factor = {{0x44f6480ea8e9b9af, 0xa96f7d65766c8fe4, 0xe82efd4228b540fe,
                                   0x6723e5f0ade53b2e, 0x25ff6eb6fdd4230a, 0x14c8ee06ef23c24a}};
    for (size_t i = 0; i < n; i++)
        blst_fp_mul((blst_fp *)&coordinates[i], (const blst_fp *)&coordinates[i],
                    (const blst_fp *)&factor);
}

void slk_wide_to_plain(slk_fp *coordinates, size_t n)
{
    static const slk_fp factor = {{0, 0, 0, 0, 0, UINT64_C(1) << 32}}; /* 2^352 */
    for (size_t i = 0; i < n; i++) {
        slk_fp *c = &coordinates[i];
        if (!below_modulus(c))
            minus_modulus(c);
        blst_fp_mul((blst_fp *)c, (const blst_fp *)c, (const blst_fp *)&factor);
    }
}

const slk_group *slk_group_of(const slk_crypto *crypto, slk_group_id id)
{
    return crypto->groups[id];
}

unsigned slk_digits_count(unsigned window_bits)
{
    return (255 + window_bits - 1) / window_bits;
}

/* (r - 1) / 2, least significant limb first: larger scalars are used as -(r - s), so that 254 bits
 * and the carry of the signed digits always fit. */
static const uint64_t half_modulus[4] = {0x7fffffff80000000, 0xa9ded2017fff2dff, 0x199cec0404d0ec02,
                                         0x39f6d3a994cebea4};

static bool above_half(const uint64_t s[4])
{
    for (size_t i = 4; i-- > 0;)
        if (s[i] != half_modulus[i])
            return s[i] > half_modulus[i];
    return false;
}

static void modulus_minus(uint64_t s[4])
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < 4; i++)
        s[i] = slk_fr_sbb(slk_fr_modulus[i], s[i], &borrow);
}

void slk_digits_of(int32_t *ret_digits, size_t stride, const slk_fr *scalar, unsigned window_bits)
{
    uint64_t s[5] = {0};
    slk_fr_to_limbs(s, scalar);
    bool negate = above_half(s);
    if (negate)
        modulus_minus(s);
    int32_t half = (int32_t)1 << (window_bits - 1), carry = 0;
    uint64_t mask = (UINT64_C(1) << window_bits) - 1;
    unsigned count = slk_digits_count(window_bits);
    for (unsigned w = 0; w < count; w++) {
        unsigned bit = w * window_bits, limb = bit / 64, shift = bit % 64;
        uint64_t v = s[limb] >> shift;
        if (shift != 0)
            v |= s[limb + 1] << (64 - shift);
        int32_t digit = (int32_t)(v & mask) + carry;
        carry = digit > half;
        if (carry)
            digit -= 2 * half;
        ret_digits[w * stride] = negate ? -digit : digit;
    }
    slk_assert(carry == 0);
}
