/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Integers from outside: checked sums, products, narrowing, parsing. */
#ifndef SLK_BASE_NUM_H
#define SLK_BASE_NUM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* *ret = a + b or a * b; SLK_E_LIMIT on overflow, *ret untouched. */
static inline SLK_MUST_CHECK slk_err slk_add_u64(uint64_t *ret, uint64_t a, uint64_t b)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return SLK_E_LIMIT;
    *ret = sum;
    return SLK_OK;
}

static inline SLK_MUST_CHECK slk_err slk_mul_u64(uint64_t *ret, uint64_t a, uint64_t b)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return SLK_E_LIMIT;
    *ret = product;
    return SLK_OK;
}

/* Narrowing where the caller has already checked the range; asserts it. */
static inline uint32_t slk_u32(uint64_t v)
{
    slk_assert(v <= UINT32_MAX);
    return (uint32_t)v;
}
static inline int64_t slk_i64(uint64_t v)
{
    slk_assert(v <= INT64_MAX);
    return (int64_t)v;
}
static inline uint64_t slk_u64(int64_t v)
{
    slk_assert(v >= 0);
    return (uint64_t)v;
}

static inline uint64_t slk_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
static inline uint64_t slk_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}
static inline bool slk_is_pow2(uint64_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}
/* floor(log2 v), v > 0. */
static inline unsigned slk_log2(uint64_t v)
{
    slk_assert(v != 0);
    return 63u - (unsigned)__builtin_clzll(v);
}

/* Whole text as decimal (optional sign for i64), nothing before or after it.
 * SLK_E_INVAL on anything else, SLK_E_LIMIT out of range; *ret untouched then. */
SLK_MUST_CHECK slk_err slk_parse_u64(uint64_t *ret, const char *text);
SLK_MUST_CHECK slk_err slk_parse_i64(int64_t *ret, const char *text);

#endif
