/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fr32 padding: sizes agree, unpadding undoes it, every element is below 2^254. */
#include "fuzz.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "proofs/fr32/fr32.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t n_out = slk_fr32_pad_out_bytes(n);
    SLK_CLEANUP(slk_freep) uint8_t *padded = slk_alloc(n_out, 1);
    SLK_CLEANUP(slk_freep) uint8_t *raw = slk_alloc(n, 1);
    SLK_CLEANUP(slk_freep) uint8_t *pieces = slk_alloc(n_out, 1);
    slk_assert(padded && raw && pieces && n_out % 32 == 0);
    slk_fr32_pad(padded, data, n);
    for (size_t at = 31; at < n_out; at += 32)
        slk_assert(padded[at] >> 6 == 0);
    slk_fr32_unpad(raw, n, padded);
    slk_assert(n == 0 || memcmp(raw, data, n) == 0);
    for (size_t at = 0; at < n; at += SLK_FR32_RAW_BLOCK) {
        size_t part = n - at < SLK_FR32_RAW_BLOCK ? n - at : SLK_FR32_RAW_BLOCK;
        slk_fr32_pad(pieces + at / SLK_FR32_RAW_BLOCK * SLK_FR32_PADDED_BLOCK, data + at, part);
    }
    slk_assert(n_out == 0 || memcmp(pieces, padded, n_out) == 0);
    /* Any bytes unpad, and sizes of pieces are inverse. */
    size_t elements = n / 32;
    slk_fr32_unpad(raw, elements * 254 / 8, data);
    uint64_t padded_bytes = UINT64_C(128) << (n % 40);
    slk_assert(slk_fr32_padded_bytes(slk_fr32_raw_bytes(padded_bytes)) == padded_bytes);
    return 0;
}
