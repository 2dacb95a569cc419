/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/curve/group.h"

#include "base/bytes.h"
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
