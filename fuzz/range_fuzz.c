/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Range and Content-Range headers, percent escapes, tokens, text shown to people. */
#include "fuzz.h"

#include "base/mem.h"
#include "net/http_text.h"

#include <string.h>

static void check_ranges(const char *text, uint64_t total)
{
    slk_content_range content = {0};
    uint64_t first = 0, last = 0;
    if (slk_content_range_parse(&content, text) && !content.unsatisfied)
        slk_assert(content.first <= content.last && content.last < content.total);
    slk_range_kind kind = slk_range_parse(&first, &last, text, total);
    slk_assert(kind <= SLK_RANGE_UNSATISFIABLE);
    if (kind == SLK_RANGE_PART)
        slk_assert(first <= last && last < total);
}

static void check_texts(const char *text, const char *in, size_t n)
{
    SLK_CLEANUP(slk_freep) char *out = slk_alloc(n + 1, 1);
    slk_assert(out);
    for (size_t room = 1; room <= n + 1; room += n / 2 + 1) {
        slk_printable(out, room, in, n);
        slk_assert(strlen(out) < room);
        for (const char *p = out; *p; p++)
            slk_assert(*p >= ' ' && *p < 0x7f);
    }
    if (slk_percent_decode(out, in, n))
        slk_assert(strlen(out) <= n && (memchr(in, '%', n) || memcmp(out, in, n) == 0));
    if (slk_is_token(text))
        slk_assert(text[0] && !strpbrk(text, " \t\r\n\"(),/:;<=>?@[\\]{}"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint64_t totals[] = {0, 1, 100, UINT64_C(32) << 30, UINT64_MAX};
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++)
        check_ranges(text, totals[i]);
    check_texts(text, text, n);
    return 0;
}
