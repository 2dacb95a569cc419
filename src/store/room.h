/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Room on a path for files that are about to be written, and which path that is.
 *
 * A reservation counts for what is not on disk of it yet: what lies under the final name, or under the
 * temporary one, is taken off, so that it shrinks by itself as the files grow.
 * source: reference/lotus-worker 5.2 (candidates), 6.4 */
#ifndef SLK_STORE_ROOM_H
#define SLK_STORE_ROOM_H

#include "store/store.h"

typedef struct slk_store_room slk_store_room;

typedef struct slk_store_wish {
    slk_lotus_sector sector;
    unsigned types; /* bits, at least one; each may end up on a path of its own */
    uint64_t sector_bytes;
    bool finalised; /* the cache is to be a finished one */
    uint64_t bytes; /* of each type, when it is known; 0: as Lotus reckons */
    slk_lotus_path_type path_type;
    const slk_store_path
        *from; /* must let its files go there (groups), and is no choice; NULL: any */
} slk_store_wish;

/* Of the paths that may hold the type (CanSeal or CanStore, weight above 0, types, miners, groups) and
 * have the room, the one where available bytes times weight are most. SLK_E_NOSPACE when there is none:
 * the message says of each path why. What is reserved is so until _free. */
SLK_MUST_CHECK slk_err slk_store_room_reserve(slk_store_room **ret_room, slk_store *store,
                                              const slk_store_wish *wish, slk_error *error);
void slk_store_room_free(slk_store_room *room); /* NULL allowed */
void slk_store_room_freep(slk_store_room **room); /* for SLK_CLEANUP */

/* Of one type of the wish; they live as long as the room. */
const slk_store_path *slk_store_room_path(const slk_store_room *room, unsigned type);
const char *slk_store_room_file(const slk_store_room *room, unsigned type);
const char *slk_store_room_temp(const slk_store_room *room, unsigned type);

#endif
