/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sets of numbers (of sectors, of bytes) as ordered, disjoint, non-touching ranges; JSON run lengths and RLE+.
 * source: reference/chain 1.5; filecoin-project/go-bitfield rle+ */
#ifndef SLK_CODEC_BITFIELD_H
#define SLK_CODEC_BITFIELD_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_BITFIELD_MAX_RANGES 1000000u

typedef struct slk_bit_range {
    uint64_t first;
    uint64_t end; /* one past the last; first < end */
} slk_bit_range;

/* {0} is the empty set. Confined to one thread. */
typedef struct slk_bitfield {
    slk_bit_range *ranges;
    size_t n;
    size_t capacity;
} slk_bitfield;

void slk_bitfield_done(slk_bitfield *set); /* idempotent, leaves the empty set */

bool slk_bitfield_has(const slk_bitfield *set, uint64_t bit);
/* bit < 2^64 - 1. Adding what is there changes nothing. */
SLK_MUST_CHECK slk_err slk_bitfield_add(slk_bitfield *set, uint64_t bit);
/* The same of [first, end), first <= end; an empty range changes nothing, and every set has it. Removing what
 * is not there: no change. */
SLK_MUST_CHECK slk_err slk_bitfield_add_range(slk_bitfield *set, uint64_t first, uint64_t end);
SLK_MUST_CHECK slk_err slk_bitfield_remove_range(slk_bitfield *set, uint64_t first, uint64_t end);
bool slk_bitfield_has_range(const slk_bitfield *set, uint64_t first, uint64_t end);
/* The lowest number >= from that is not in the set. */
uint64_t slk_bitfield_first_free(const slk_bitfield *set, uint64_t from);
uint64_t slk_bitfield_count(const slk_bitfield *set);

/* Run lengths, zeros first: [0] or [] empty, [5,3] = {5,6,7}. ret_set is overwritten (not
 * released). SLK_E_INVAL: no numbers, a zero run after the first, past 2^64. */
SLK_MUST_CHECK slk_err slk_bitfield_from_json(slk_bitfield *ret_set, const json_t *value,
                                              slk_error *error);
json_t *slk_bitfield_to_json(const slk_bitfield *set); /* new reference, NULL: out of memory */

/* RLE+ bytes, version 0; the empty set is no bytes at all. */
SLK_MUST_CHECK slk_err slk_bitfield_from_rle(slk_bitfield *ret_set, const uint8_t *in, size_t n,
                                             slk_error *error);
SLK_MUST_CHECK slk_err slk_bitfield_to_rle(slk_buf *out, const slk_bitfield *set);

#endif
