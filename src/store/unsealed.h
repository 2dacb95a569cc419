/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The unsealed file of a sector, as Lotus lays it out: sector-size bytes of Fr32-padded data, an RLE+
 * of the bytes that are allocated, and the RLE+'s length as a little-endian uint32. A file of exactly
 * the sector's size counts as allocated in full.
 *
 * What is not allocated reads as zeros and takes no disk. All offsets and sizes here are padded, as in
 * the file, unless a name says `unpadded` (127 of 128 bytes).
 * source: reference/lotus-worker 6.5 */
#ifndef SLK_STORE_UNSEALED_H
#define SLK_STORE_UNSEALED_H

#include "base/err.h"
#include "codec/bitfield.h"

#include <stdbool.h>
#include <stdint.h>

/* The longest RLE+ read; one sector never comes near. */
#define SLK_UNSEALED_RLE_MAX_BYTES ((size_t)1 << 20)

/* Confined to one thread; one writer of a file at a time. */
typedef struct slk_unsealed {
    int fd; /* for reading, and writing where it was opened for that; -1 closed */
    char *path; /* for errors */
    uint64_t sector_bytes;
    slk_bitfield allocated; /* of bytes, ranges below sector_bytes */
} slk_unsealed;
#define SLK_UNSEALED_NONE ((slk_unsealed){.fd = -1})

/* Opens the file and reads its trailer. SLK_E_NOTFOUND; SLK_E_CORRUPT when it is shorter than the
 * sector or its trailer is none. *ret_file is for slk_unsealed_done. */
SLK_MUST_CHECK slk_err slk_unsealed_open(slk_unsealed *ret_file, const char *path,
                                         uint64_t sector_bytes, bool writable, slk_error *error);
/* Makes the file, empty (nothing is allocated), and opens it for writing; what was there is replaced.
 * It is on disk when this returns, under its own name: a caller that must not show a half-written one
 * gives a temporary path and renames. */
SLK_MUST_CHECK slk_err slk_unsealed_create(slk_unsealed *ret_file, const char *path,
                                           uint64_t sector_bytes, slk_error *error);
void slk_unsealed_done(slk_unsealed *file); /* closes; idempotent */

/* Data for [offset, offset + n); it counts once slk_unsealed_allocate has said so.
 * SLK_E_INVAL past the sector's end. */
SLK_MUST_CHECK slk_err slk_unsealed_write(slk_unsealed *file, const void *in, size_t n,
                                          uint64_t offset, slk_error *error);
/* Adds [offset, offset + n) to what is allocated (overlaps are fine): the data goes to disk first, then
 * the trailer. n 0 changes nothing. SLK_E_INVAL past the sector's end. */
SLK_MUST_CHECK slk_err slk_unsealed_allocate(slk_unsealed *file, uint64_t offset, uint64_t n,
                                             slk_error *error);
/* Only what is in `keep` as well stays allocated; the disk of the rest is given back. */
SLK_MUST_CHECK slk_err slk_unsealed_keep(slk_unsealed *file, const slk_bitfield *keep,
                                         slk_error *error);
/* Whether all of [offset, offset + n) is allocated; n 0: true. */
bool slk_unsealed_has(const slk_unsealed *file, uint64_t offset, uint64_t n);

/* *ret: the padded form of an unpadded offset or size. SLK_E_INVAL when it is no multiple of 127 or too
 * large. */
SLK_MUST_CHECK slk_err slk_unpadded_to_padded(uint64_t *ret, uint64_t unpadded, slk_error *error);

#endif
