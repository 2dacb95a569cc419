/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers and hex from text: what is accepted prints back to the same value. */
#include "fuzz.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void check_numbers(const char *text)
{
    uint64_t u = 7, u_again = 0;
    int64_t i = 7, i_again = 0;
    char out[32];
    if (slk_parse_u64(&u, text) == SLK_OK) {
        (void)snprintf(out, sizeof out, "%" PRIu64, u);
        slk_assert(slk_parse_u64(&u_again, out) == SLK_OK && u_again == u);
        slk_assert(text[strspn(text, "0123456789")] == 0);
    } else {
        slk_assert(u == 7);
    }
    if (slk_parse_i64(&i, text) == SLK_OK) {
        (void)snprintf(out, sizeof out, "%" PRId64, i);
        slk_assert(slk_parse_i64(&i_again, out) == SLK_OK && i_again == i);
    } else {
        slk_assert(i == 7);
    }
}

static void check_hex(const char *text, size_t chars)
{
    size_t n = chars / 2;
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(n, 1);
    SLK_CLEANUP(slk_freep) char *again = slk_alloc(2 * n + 1, 1);
    slk_assert(bytes && again);
    if (!slk_hex_decode(bytes, n, text))
        return;
    slk_hex_encode(again, bytes, n);
    slk_assert(strlen(again) == strlen(text) && strcasecmp(again, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    check_numbers(text);
    check_hex(text, n);
    return 0;
}
