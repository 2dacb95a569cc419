/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where pieces lie in sectors.
 *
 * A piece starts at a multiple of its padded size. Sizes are powers of two, so pieces laid one after
 * the other from the largest to the smallest are always aligned, and none ever crosses the end of a
 * sector: nothing is lost between them, no arrangement needs fewer sectors, and only the last sector
 * has room left, which is filled with pieces of zeros. source: reference/proofs 1.3 */
#ifndef SLK_FIL_PACKING_H
#define SLK_FIL_PACKING_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_PACKING_FILLER SIZE_MAX

/* One piece in its place. */
typedef struct slk_packed {
    size_t piece; /* index into the sizes given; SLK_PACKING_FILLER: zeros */
    size_t sector; /* 0, 1 … */
    uint64_t offset_bytes; /* padded, in the sector */
    uint64_t padded_bytes;
} slk_packed;

/* Packs n pieces (1 at least) of these padded sizes into sectors of sector_bytes. *ret_packed: all of
 * them and the fillers, by sector and offset, *ret_n in number, without a gap (slk_free); pieces of one
 * size keep their order. SLK_E_INVAL with the index of a piece whose size is no power of two from 128
 * bytes to the sector's; SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_pack(slk_packed **ret_packed, size_t *ret_n,
                                const uint64_t *padded_bytes, size_t n, uint64_t sector_bytes,
                                slk_error *error);

#endif
