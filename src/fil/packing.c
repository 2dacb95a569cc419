/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/packing.h"

#include "base/mem.h"
#include "base/num.h"

#include <stdlib.h>

#define PIECE_MIN_BYTES UINT64_C(128) /* source: reference/proofs 1.3 */
#define FILLERS_MAX 64u /* one of each power of two at most */

static int larger_first(const void *left, const void *right)
{
    const slk_packed *a = left, *b = right;
    if (a->padded_bytes != b->padded_bytes)
        return a->padded_bytes > b->padded_bytes ? -1 : 1;
    return a->piece < b->piece ? -1 : 1;
}

/* Zeros from offset to the sector's end: each as large as its place allows. */
static size_t fill(slk_packed *out, size_t sector, uint64_t offset, uint64_t sector_bytes)
{
    size_t n = 0;
    while (offset % sector_bytes != 0) {
        const uint64_t bytes = offset & (~offset + 1);
        out[n++] = (slk_packed){SLK_PACKING_FILLER, sector, offset, bytes};
        offset += bytes;
    }
    return n;
}

slk_err slk_pack(slk_packed **ret_packed, size_t *ret_n, const uint64_t *padded_bytes, size_t n,
                 uint64_t sector_bytes, slk_error *error)
{
    slk_assert(n > 0 && slk_is_pow2(sector_bytes));
    for (size_t i = 0; i < n; i++)
        if (!slk_is_pow2(padded_bytes[i]) || padded_bytes[i] < PIECE_MIN_BYTES ||
            padded_bytes[i] > sector_bytes)
            return slk_fail(error, SLK_E_INVAL,
                            "piece %zu has %llu padded bytes: not a power of two from 128 to %llu",
                            i, (unsigned long long)padded_bytes[i],
                            (unsigned long long)sector_bytes);
    SLK_CLEANUP(slk_freep) slk_packed *list = slk_alloc(n + FILLERS_MAX, sizeof *list);
    if (!list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for %zu pieces", n);
    for (size_t i = 0; i < n; i++)
        list[i] = (slk_packed){.piece = i, .padded_bytes = padded_bytes[i]};
    qsort(list, n, sizeof *list, larger_first);
    size_t sector = 0;
    uint64_t offset = 0;
    for (size_t i = 0; i < n; i++) {
        if (offset == sector_bytes) {
            offset = 0;
            sector++;
        }
        list[i].sector = sector;
        list[i].offset_bytes = offset;
        offset += list[i].padded_bytes;
    }
    *ret_n = n + fill(list + n, sector, offset, sector_bytes);
    *ret_packed = list;
    list = NULL;
    return SLK_OK;
}
