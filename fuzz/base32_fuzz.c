/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Base32: every value has one spelling, both ways. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/base32.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(n, 1);
    SLK_CLEANUP(slk_freep) char *spelled = slk_alloc(slk_base32_chars(n) + 1, 1);
    size_t n_bytes = 0;
    slk_assert(bytes && spelled);
    if (slk_base32_decode(bytes, n, &n_bytes, text, n) == SLK_OK) {
        slk_assert(slk_base32_chars(n_bytes) == n);
        slk_base32_encode(spelled, bytes, n_bytes);
        slk_assert(memcmp(spelled, text, n) == 0 && spelled[n] == 0);
        /* A byte less of room is refused. */
        slk_assert(n_bytes == 0 ||
                   slk_base32_decode(bytes, n_bytes - 1, &n_bytes, text, n) == SLK_E_LIMIT);
    }
    slk_base32_encode(spelled, data, n);
    slk_assert(slk_base32_decode(bytes, n, &n_bytes, spelled, slk_base32_chars(n)) == SLK_OK);
    slk_assert(n_bytes == n && (n == 0 || memcmp(bytes, data, n) == 0));
    return 0;
}
