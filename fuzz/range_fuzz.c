/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Range and Content-Range headers, percent-decoding, text shown to people. */
#include "base/err.h"
#include "net/http_text.h"

#include <string.h>

#define TEXT_MAX 300u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const uint64_t totals[] = {0, 1, 100, UINT64_C(1) << 35, UINT64_MAX};
    char text[TEXT_MAX + 1], out[TEXT_MAX + 1];
    n = n < TEXT_MAX ? n : TEXT_MAX;
    if (n)
        memcpy(text, bytes, n);
    text[n] = 0;
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++) {
        uint64_t first = 0, last = 0;
        if (slk_range_parse(&first, &last, text, totals[i]) == SLK_RANGE_PART)
            slk_assert(first <= last && last < totals[i]);
    }
    slk_content_range range;
    if (slk_content_range_parse(&range, text) && !range.unsatisfied)
        slk_assert(range.first <= range.last && range.last < range.total);
    if (slk_percent_decode(out, text, strlen(text)))
        slk_assert(strlen(out) <= strlen(text));
    slk_printable(out, 20, text, n);
    for (size_t i = 0; out[i]; i++)
        slk_assert(out[i] >= 0x20 && out[i] < 0x7f && i < 20);
    (void)slk_is_token(text);
    return 0;
}
