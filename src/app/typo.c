/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/typo.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#define WORD_MAX 40u

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned slk_typo_distance(const char *a, const char *b)
{
    const size_t n = strlen(a), m = strlen(b);
    unsigned rows[3][WORD_MAX + 1]; /* of i - 2, i - 1 and i, taken in turn */
    if (n > WORD_MAX || m > WORD_MAX)
        return UINT_MAX;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1);
            row[j] = least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

bool slk_typo_near(const char *typed, const char *known)
{
    const unsigned distance = slk_typo_distance(typed, known);
    return distance > 0 && distance != UINT_MAX && distance * 3 <= strlen(known);
}
