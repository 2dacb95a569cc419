/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Server-sent events: the same ones in whichever pieces they come. The input's first byte is the size of
 * the pieces. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/sse.h"

#include <string.h>

#define MAX_BYTES 256u

static slk_err hear(void *context, const char *name, const char *data, size_t n, slk_error *error)
{
    slk_buf *all = context;
    slk_assert(strlen(name) < SLK_SSE_NAME_CHARS && n <= MAX_BYTES && data[n] == 0);
    slk_assert(!strpbrk(name, "\r\n") && !memchr(data, '\r', n));
    (void)error;
    slk_assert(slk_buf_printf(all, "%s %zu ", name, n) == SLK_OK);
    slk_assert(slk_buf_append(all, data, n) == SLK_OK);
    return SLK_OK;
}

static slk_err read_all(slk_buf *all, const uint8_t *data, size_t n, size_t piece)
{
    slk_sse sse;
    slk_err code = SLK_OK;
    slk_buf_init(all, (size_t)1 << 24);
    slk_sse_init(&sse, MAX_BYTES, hear, all);
    for (size_t at = 0; at < n && code == SLK_OK; at += piece) {
        const size_t more = n - at < piece ? n - at : piece;
        SLK_CLEANUP(slk_freep) char *exact = fuzz_text(data + at, more);
        code = slk_sse_take(&sse, (const uint8_t *)exact, more, NULL);
    }
    slk_sse_done(&sse);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    slk_buf whole, pieces;
    if (n == 0)
        return 0;
    const size_t piece = data[0] ? data[0] : 1;
    const slk_err code = read_all(&whole, data + 1, n - 1, n);
    slk_assert(read_all(&pieces, data + 1, n - 1, piece) == code);
    slk_assert(whole.len == pieces.len);
    slk_assert(whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0);
    slk_buf_done(&whole);
    slk_buf_done(&pieces);
    return 0;
}
