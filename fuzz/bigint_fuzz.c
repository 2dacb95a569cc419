/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Token amounts: text and bytes back and forth, and arithmetic that undoes itself. */
#include "fuzz.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/bigint.h"

static bool same(const slk_bigint *a, const slk_bigint *b)
{
    return slk_bigint_cmp(a, b) == 0;
}

static void check_forms(const slk_bigint *v)
{
    char text[SLK_BIGINT_TEXT_CHARS];
    uint8_t bytes[32];
    slk_bigint again = {0};
    slk_bigint_print(text, v);
    slk_assert(slk_bigint_parse(&again, text) == SLK_OK && same(&again, v));
    size_t n = slk_bigint_to_be(bytes, v);
    slk_assert(n <= sizeof bytes && (n == 0) == slk_bigint_is_zero(v) && (n == 0 || bytes[0]));
    slk_assert(slk_bigint_from_be(&again, bytes, n) == SLK_OK && same(&again, v));
}

static void check_arithmetic(const slk_bigint *a, const slk_bigint *b, uint64_t factor)
{
    slk_bigint r = {0}, back = {0};
    if (slk_bigint_add(&r, a, b) == SLK_OK) {
        slk_assert(slk_bigint_cmp(&r, a) >= 0);
        slk_assert(slk_bigint_sub(&back, &r, b) == SLK_OK && same(&back, a));
    }
    slk_assert((slk_bigint_sub(&r, a, b) == SLK_OK) == (slk_bigint_cmp(a, b) >= 0));
    r = slk_bigint_sub_floor(a, b);
    slk_assert(slk_bigint_cmp(&r, a) <= 0);
    if (factor == 0)
        return;
    r = slk_bigint_div_u64(a, factor);
    slk_assert(slk_bigint_mul_u64(&back, &r, factor) == SLK_OK && slk_bigint_cmp(&back, a) <= 0);
    slk_bigint rest = {0}, limit = slk_bigint_from_u64(factor);
    slk_assert(slk_bigint_sub(&rest, a, &back) == SLK_OK && slk_bigint_cmp(&rest, &limit) < 0);
    if (slk_bigint_mul_u64(&r, a, factor) == SLK_OK) {
        back = slk_bigint_div_u64(&r, factor);
        slk_assert(same(&back, a));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    slk_bigint a = {0}, b = {0};
    if (slk_bigint_parse(&a, text) == SLK_OK)
        check_forms(&a);
    size_t half = n / 2;
    if (slk_bigint_from_be(&a, data, half) == SLK_OK)
        check_forms(&a);
    if (half > 0 && slk_bigint_from_be(&b, data + half, n - half) == SLK_OK)
        check_forms(&b);
    check_arithmetic(&a, &b, n >= 8 ? slk_load_le64(data + n - 8) : n);
    return 0;
}
