/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/amount.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DECIMALS 18u
#define DIGITS_MAX 78u

void slk_fil_format(char out[SLK_FIL_CHARS], const char *atto)
{
    const size_t n = strlen(atto);
    char digits[DECIMALS + DIGITS_MAX + 1];
    out[0] = '\0';
    if (n == 0 || n > DIGITS_MAX || strspn(atto, "0123456789") != n)
        return;
    const size_t zeros = n > DECIMALS ? 0 : DECIMALS + 1 - n; /* one digit before the point */
    memset(digits, '0', zeros);
    memcpy(digits + zeros, atto, n + 1);
    const size_t whole = zeros + n - DECIMALS;
    size_t end = zeros + n;
    while (end > whole && digits[end - 1] == '0')
        end--;
    (void)snprintf(out, SLK_FIL_CHARS, "%.*s%s%.*s FIL", (int)whole, digits, end > whole ? "." : "",
                   (int)(end - whole), digits + whole);
}

void slk_span_format(char out[SLK_SPAN_CHARS], int64_t ms)
{
    const int64_t s = ms > 0 ? ms / 1000 : 0;
    if (s >= 86400)
        (void)snprintf(out, SLK_SPAN_CHARS, "%" PRId64 " d %" PRId64 " h", s / 86400,
                       s % 86400 / 3600);
    else if (s >= 3600)
        (void)snprintf(out, SLK_SPAN_CHARS, "%" PRId64 " h %" PRId64 " min", s / 3600,
                       s % 3600 / 60);
    else if (s >= 60)
        (void)snprintf(out, SLK_SPAN_CHARS, "%" PRId64 " min", s / 60);
    else
        (void)snprintf(out, SLK_SPAN_CHARS, "%" PRId64 " s", s);
}

void slk_pace_format(char out[SLK_SPAN_CHARS], double rate, int64_t total)
{
    const double share = total > 0 ? 100 * rate / (double)total : 0;
    out[0] = '\0';
    if (share >= 1)
        (void)snprintf(out, SLK_SPAN_CHARS, "%.0f %%/s", share);
    else if (share * 60 >= 1)
        (void)snprintf(out, SLK_SPAN_CHARS, "%.0f %%/min", share * 60);
    else if (share > 0)
        (void)snprintf(out, SLK_SPAN_CHARS, "%.1f %%/h", share * 3600);
}
