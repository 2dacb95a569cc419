/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/num.h"

slk_err slk_parse_u64(uint64_t *ret, const char *text)
{
    if (!text || !*text)
        return SLK_E_INVAL;
    uint64_t value = 0;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9')
            return SLK_E_INVAL;
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return SLK_E_LIMIT;
    }
    *ret = value;
    return SLK_OK;
}

slk_err slk_parse_i64(int64_t *ret, const char *text)
{
    if (!text)
        return SLK_E_INVAL;
    bool negative = *text == '-';
    uint64_t magnitude;
    SLK_TRY(slk_parse_u64(&magnitude, negative ? text + 1 : text));
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1u : 0u))
        return SLK_E_LIMIT;
    *ret = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return SLK_OK;
}
