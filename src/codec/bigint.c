/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/bigint.h"

#include "base/bytes.h"

#include <string.h>

slk_bigint slk_bigint_from_u64(uint64_t v)
{
    return (slk_bigint){{v, 0, 0, 0}};
}

bool slk_bigint_is_zero(const slk_bigint *a)
{
    return (a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3]) == 0;
}

int slk_bigint_cmp(const slk_bigint *a, const slk_bigint *b)
{
    for (int i = 3; i >= 0; i--)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

slk_err slk_bigint_add(slk_bigint *ret, const slk_bigint *a, const slk_bigint *b)
{
    slk_bigint sum;
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t partial;
        uint64_t over = __builtin_add_overflow(a->limb[i], b->limb[i], &partial);
        over |= __builtin_add_overflow(partial, carry, &sum.limb[i]);
        carry = over;
    }
    if (carry != 0)
        return SLK_E_LIMIT;
    *ret = sum;
    return SLK_OK;
}

slk_err slk_bigint_sub(slk_bigint *ret, const slk_bigint *a, const slk_bigint *b)
{
    slk_bigint difference;
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t partial;
        uint64_t under = __builtin_sub_overflow(a->limb[i], b->limb[i], &partial);
        under |= __builtin_sub_overflow(partial, borrow, &difference.limb[i]);
        borrow = under;
    }
    if (borrow != 0)
        return SLK_E_LIMIT;
    *ret = difference;
    return SLK_OK;
}

slk_bigint slk_bigint_sub_floor(const slk_bigint *a, const slk_bigint *b)
{
    slk_bigint difference = {{0}};
    if (slk_bigint_sub(&difference, a, b) != SLK_OK)
        return (slk_bigint){{0}};
    return difference;
}

/* a * factor + addend over 32-bit halves, so that no wider type is needed. */
static slk_err mul_add(slk_bigint *ret, const slk_bigint *a, uint32_t factor, uint64_t addend)
{
    slk_bigint out;
    uint64_t carry = addend;
    for (int i = 0; i < 4; i++) {
        uint64_t low = (a->limb[i] & UINT32_MAX) * factor + (carry & UINT32_MAX);
        uint64_t high = (a->limb[i] >> 32) * factor + (carry >> 32) + (low >> 32);
        out.limb[i] = high << 32 | (low & UINT32_MAX);
        carry = high >> 32;
    }
    if (carry != 0)
        return SLK_E_LIMIT;
    *ret = out;
    return SLK_OK;
}

slk_err slk_bigint_mul_u64(slk_bigint *ret, const slk_bigint *a, uint64_t factor)
{
    /* a * (high * 2^32 + low) by Horner's rule. */
    slk_bigint product, low;
    SLK_TRY(mul_add(&product, a, (uint32_t)(factor >> 32), 0));
    for (int i = 0; i < 2; i++)
        SLK_TRY(mul_add(&product, &product, 1u << 16, 0));
    SLK_TRY(mul_add(&low, a, (uint32_t)factor, 0));
    return slk_bigint_add(ret, &product, &low);
}

slk_bigint slk_bigint_div_u64(const slk_bigint *a, uint64_t divisor)
{
    /* Bit by bit: amounts are divided rarely. */
    slk_assert(divisor > 0);
    slk_bigint quotient = {{0}};
    uint64_t rest = 0;
    for (int i = 255; i >= 0; i--) {
        uint64_t top = rest >> 63;
        rest = rest << 1 | ((a->limb[i / 64] >> (i % 64)) & 1);
        if (top != 0 || rest >= divisor) {
            rest -= divisor;
            quotient.limb[i / 64] |= UINT64_C(1) << (i % 64);
        }
    }
    return quotient;
}

slk_err slk_bigint_parse(slk_bigint *ret, const char *text)
{
    slk_bigint v = {{0}};
    if (text[0] == 0)
        return SLK_E_INVAL;
    for (const char *p = text; *p != 0; p++) {
        if (*p < '0' || *p > '9')
            return SLK_E_INVAL;
        SLK_TRY(mul_add(&v, &v, 10, (uint64_t)(*p - '0')));
    }
    *ret = v;
    return SLK_OK;
}

void slk_bigint_print(char out[SLK_BIGINT_TEXT_CHARS], const slk_bigint *a)
{
    char digits[SLK_BIGINT_TEXT_CHARS];
    size_t n = 0;
    slk_bigint v = *a;
    do {
        uint64_t rest = 0;
        for (int i = 7; i >= 0; i--) {
            unsigned shift = (unsigned)(i % 2) * 32;
            uint64_t part = rest << 32 | ((v.limb[i / 2] >> shift) & UINT32_MAX);
            rest = part % 10;
            v.limb[i / 2] &= ~((uint64_t)UINT32_MAX << shift);
            v.limb[i / 2] |= (part / 10) << shift;
        }
        digits[n++] = (char)('0' + rest);
    } while (!slk_bigint_is_zero(&v));
    for (size_t i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    out[n] = 0;
}

size_t slk_bigint_to_be(uint8_t out[32], const slk_bigint *a)
{
    uint8_t full[32];
    for (int i = 0; i < 4; i++)
        slk_store_be64(full + 8 * i, a->limb[3 - i]);
    size_t skip = 0;
    while (skip < 32 && full[skip] == 0)
        skip++;
    memcpy(out, full + skip, 32 - skip);
    return 32 - skip;
}

slk_err slk_bigint_from_be(slk_bigint *ret, const uint8_t *in, size_t n)
{
    while (n > 0 && *in == 0) {
        in++;
        n--;
    }
    if (n > 32)
        return SLK_E_LIMIT;
    uint8_t full[32] = {0};
    if (n > 0)
        memcpy(full + 32 - n, in, n);
    for (int i = 0; i < 4; i++)
        ret->limb[3 - i] = slk_load_be64(full + 8 * i);
    return SLK_OK;
}
