/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a sector and its files are called, in JSON, in URLs and on disk.
 * source: reference/lotus-worker 4.1, 6.2, 6.4 */
#ifndef SLK_LOTUS_NAME_H
#define SLK_LOTUS_NAME_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sector of a miner: actor id and number, each below 2^63. Copyable, all zero: none. */
typedef struct slk_lotus_sector {
    uint64_t miner, number;
} slk_lotus_sector;

/* The address that stands for no miner: of a node that has sealed for none yet. */
#define SLK_LOTUS_NO_MINER "f00"

bool slk_lotus_sector_equal(const slk_lotus_sector *a, const slk_lotus_sector *b);

#define SLK_LOTUS_NAME_CHARS 48u

/* "s-t01000-1", whatever the network. */
void slk_lotus_sector_print(char out[SLK_LOTUS_NAME_CHARS], const slk_lotus_sector *sector);
/* The whole text is such a name, and the only spelling of it: no leading zeros, no sign, nothing after.
 * SLK_E_INVAL otherwise. */
SLK_MUST_CHECK slk_err slk_lotus_sector_parse(slk_lotus_sector *ret_sector, const char *text,
                                              slk_error *error);

/* Kinds of files of a sector, as a set of bits. */
enum {
    SLK_LOTUS_UNSEALED = 1,
    SLK_LOTUS_SEALED = 2,
    SLK_LOTUS_CACHE = 4,
    SLK_LOTUS_UPDATE = 8,
    SLK_LOTUS_UPDATE_CACHE = 16,
    SLK_LOTUS_PIECE = 32,
    SLK_LOTUS_ALL_TYPES = 63,
    SLK_LOTUS_TYPES = 6 /* how many there are */
};

/* One bit: "unsealed", "sealed", "cache", "update", "update-cache", "piece": the folder of a storage
 * path, and the element of a URL. NULL for anything but one known bit. */
const char *slk_lotus_type_name(unsigned type);
/* The bit of a name; 0: unknown. */
unsigned slk_lotus_type_of(const char *name);
/* A folder (cache, update-cache), not a file. */
bool slk_lotus_type_is_folder(unsigned type);

/* Bytes that the files of these kinds are reckoned to take of a sector of that size: while it is being
 * sealed, or once it is finalised. SLK_E_INVAL: unknown bits, or a sum past 2^63. */
SLK_MUST_CHECK slk_err slk_lotus_need_bytes(uint64_t *ret_bytes, unsigned types,
                                            uint64_t sector_bytes, bool finalised,
                                            slk_error *error);

/* What a path is for, and what becomes of the source of a fetch. */
typedef enum slk_lotus_path_type {
    SLK_LOTUS_PATH_SEALING,
    SLK_LOTUS_PATH_STORAGE
} slk_lotus_path_type;
typedef enum slk_lotus_acquire_mode {
    SLK_LOTUS_ACQUIRE_MOVE,
    SLK_LOTUS_ACQUIRE_COPY
} slk_lotus_acquire_mode;

/* "sealing", "storage"; "move", "copy". False: no such word. */
bool slk_lotus_path_type_of(slk_lotus_path_type *ret_type, const char *name);
bool slk_lotus_acquire_mode_of(slk_lotus_acquire_mode *ret_mode, const char *name);

#endif
