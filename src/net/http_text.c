/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/http_text.h"

#include "base/bytes.h"

#include <string.h>
#include <strings.h>

/* Digits at *at, at least one; moves *at behind them. Values past 2^64 - 1 stay there: no body is
 * so long, so the comparison that follows comes out right. */
static bool take_number(uint64_t *ret, const char **at)
{
    const char *p = *at;
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            v = UINT64_MAX;
    if (p == *at)
        return false;
    *ret = v;
    *at = p;
    return true;
}

bool slk_content_range_parse(slk_content_range *ret_range, const char *value)
{
    slk_content_range r = {0};
    if (strncasecmp(value, "bytes ", 6) != 0)
        return false;
    const char *p = value + 6;
    if (strncmp(p, "*/", 2) == 0) {
        p += 2;
        r.unsatisfied = true;
        if (!take_number(&r.total, &p) || *p)
            return false;
        *ret_range = r;
        return true;
    }
    if (!take_number(&r.first, &p) || *p++ != '-' || !take_number(&r.last, &p) || *p++ != '/' ||
        !take_number(&r.total, &p) || *p)
        return false;
    if (r.first > r.last || r.last >= r.total)
        return false;
    *ret_range = r;
    return true;
}

/* "-N": the last N bytes. */
static slk_range_kind parse_tail(uint64_t *ret_first, uint64_t *ret_last, const char *p,
                                 uint64_t total)
{
    uint64_t tail;
    if (!take_number(&tail, &p) || *p)
        return SLK_RANGE_WHOLE;
    if (tail == 0 || total == 0)
        return SLK_RANGE_UNSATISFIABLE;
    *ret_first = tail < total ? total - tail : 0;
    *ret_last = total - 1;
    return SLK_RANGE_PART;
}

slk_range_kind slk_range_parse(uint64_t *ret_first, uint64_t *ret_last, const char *header,
                               uint64_t total)
{
    if (!header || strncasecmp(header, "bytes=", 6) != 0)
        return SLK_RANGE_WHOLE;
    const char *p = header + 6;
    uint64_t first = 0, last = UINT64_MAX;
    if (*p == '-')
        return parse_tail(ret_first, ret_last, p + 1, total);
    if (!take_number(&first, &p) || *p++ != '-')
        return SLK_RANGE_WHOLE;
    if (*p && !take_number(&last, &p))
        return SLK_RANGE_WHOLE;
    if (*p || first > last)
        return SLK_RANGE_WHOLE;
    if (first >= total)
        return SLK_RANGE_UNSATISFIABLE;
    *ret_first = first;
    *ret_last = last < total ? last : total - 1;
    return SLK_RANGE_PART;
}

void slk_printable(char *out, size_t out_n, const char *in, size_t in_n)
{
    size_t n = 0;
    for (; n + 1 < out_n && n < in_n && in[n]; n++) {
        bool blank = in[n] == '\n' || in[n] == '\r' || in[n] == '\t';
        out[n] = blank ? ' ' : in[n] >= 0x20 && in[n] < 0x7f ? in[n] : '.';
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = 0;
}

bool slk_percent_decode(char *out, const char *in, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        if (in[i] == 0)
            return false;
        if (in[i] != '%') {
            out[to++] = in[i];
            continue;
        }
        char digits[3] = {0};
        uint8_t byte = 0;
        if (i + 2 < n)
            memcpy(digits, in + i + 1, 2);
        if (!slk_hex_decode(&byte, 1, digits) || byte == 0)
            return false;
        out[to++] = (char)byte;
        i += 2;
    }
    out[to] = 0;
    return true;
}

bool slk_is_token(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    if (!*text)
        return false;
    for (; *text; text++) {
        char c = *text;
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && !strchr(others, c))
            return false;
    }
    return true;
}
