/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The provider's scratch disk: what is free, and what of it is already promised.
 *
 * An accepted order reserves what sealing the sector takes at its peak, before anything is written;
 * a slot reserves the same for the largest sector its partner may order. The reservation is a column
 * of the row (reserved_bytes: what the sector may still come to take), so that it outlives every
 * process, and it shrinks as the files grow: at the end of a stage and about once a minute. It is
 * measured before the free space is looked at, never after: what is written meanwhile counts twice
 * for a moment, not not at all. Of several nodes each counts what lies in its folder, and what lies
 * nowhere yet. */
#ifndef SLK_SEAL_DISK_H
#define SLK_SEAL_DISK_H

#include "base/err.h"
#include "db/db.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stdint.h>

/* What sealing one sector takes at its peak; 0 for a proof that is none. */
uint64_t slk_disk_peak_bytes(int64_t seal_proof);
/* What a sealed one may still come to take: its C1 files. */
uint64_t slk_disk_c1_bytes(int64_t seal_proof);

typedef struct slk_disk {
    uint64_t free_bytes; /* of the scratch folder's file system */
    uint64_t sectors_bytes; /* of it, reserved by accepted sectors */
    uint64_t slots_bytes; /* and by live slots */
} slk_disk;

/* As it is now; also inside a transaction. */
SLK_MUST_CHECK slk_err slk_disk_look(slk_disk *ret_disk, slk_db *db, const slk_seal *seal,
                                     slk_error *error);
/* What nobody has reserved; 0 when more is reserved than there is. */
uint64_t slk_disk_left_bytes(const slk_disk *disk);

/* Is there what this sector may still take, beside those that are being worked on already? Asked before
 * SDR starts, for somebody else may have filled the disk since the order: SLK_E_NOSPACE with both
 * numbers in the sentence. */
SLK_MUST_CHECK slk_err slk_disk_check(slk_seal *seal, uint64_t sp_id, uint64_t number,
                                      slk_error *error);

/* Shrinks reservations to what is not on disk yet: of one sector, or of all under way. */
SLK_MUST_CHECK slk_err slk_disk_shrink(slk_seal *seal, uint64_t sp_id, uint64_t number,
                                       slk_error *error);
SLK_MUST_CHECK slk_err slk_disk_shrink_all(slk_seal *seal, slk_error *error);

#endif
