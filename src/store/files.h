/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sector's files as wholes: putting under their names, removing, moving to where they are kept.
 * The caller has a hold to write (store/hold.h). */
#ifndef SLK_STORE_FILES_H
#define SLK_STORE_FILES_H

#include "base/job.h"
#include "store/room.h"
#include "store/store.h"

/* Gives what was made under the room's temporary name its own name, durably, and tells the hook. The
 * contents have been synced. SLK_E_EXISTS when a folder is there already; a file is replaced. */
SLK_MUST_CHECK slk_err slk_store_place(slk_store *store, const slk_store_room *room,
                                       const slk_lotus_sector *sector, unsigned type,
                                       slk_error *error);

/* Removes the copies of one type on all open paths but those whose IDs are in keep (NULL: none kept),
 * and what is left of attempts to make one. *ret_n (may be NULL): how many were removed; 0 is no error.
 * What cannot be removed is reported after the others were tried. */
SLK_MUST_CHECK slk_err slk_store_remove(slk_store *store, size_t *ret_n,
                                        const slk_lotus_sector *sector, unsigned type,
                                        const slk_lotus_strings *keep, slk_error *error);

/* Removes what is left of attempts to make a file of one type, on all open paths. */
SLK_MUST_CHECK slk_err slk_store_remove_attempts(slk_store *store, const slk_lotus_sector *sector,
                                                 unsigned type, slk_error *error);

/* Moves the types that are here to paths that may store; those that are on one stay, and other copies
 * of them are removed. Within a file system by renaming, else by copying (holes stay holes), syncing and
 * removing: at each moment there is a whole copy under the sector's name, and after a crash a repetition
 * comes to the same end. A type that is on no path is SLK_E_NOTFOUND; SLK_E_NOSPACE as
 * slk_store_room_reserve. job: stage "move" in bytes. */
SLK_MUST_CHECK slk_err slk_store_move(slk_store *store, const slk_lotus_sector *sector,
                                      unsigned types, uint64_t sector_bytes, slk_job *job,
                                      slk_error *error);

#endif
