/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/amount.h"

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
