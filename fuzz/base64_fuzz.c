/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Base64 in both alphabets: every value has one spelling, both ways. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/base64.h"

#include <string.h>

typedef slk_err coder(slk_buf *out, const uint8_t *in, size_t n);
typedef slk_err decoder(slk_buf *out, const char *text, size_t chars);

static void check(coder *encode, decoder *decode, const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    SLK_CLEANUP(slk_buf_done) slk_buf spelled;
    slk_buf_init(&bytes, n + 8);
    slk_buf_init(&spelled, 2 * n + 8);
    if (decode(&bytes, text, n) == SLK_OK) {
        slk_assert(encode(&spelled, bytes.data, bytes.len) == SLK_OK);
        slk_assert(spelled.len == n && (n == 0 || memcmp(spelled.data, data, n) == 0));
    } else {
        slk_assert(bytes.len == 0);
    }
    slk_buf_reset(&bytes);
    slk_buf_reset(&spelled);
    slk_assert(encode(&spelled, data, n) == SLK_OK);
    slk_assert(decode(&bytes, slk_buf_str(&spelled), spelled.len) == SLK_OK);
    slk_assert(bytes.len == n && (n == 0 || memcmp(bytes.data, data, n) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check(slk_base64_encode, slk_base64_decode, data, n);
    check(slk_base64url_encode, slk_base64url_decode, data, n);
    return 0;
}
