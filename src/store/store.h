/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The storage paths of one process, in Lotus's layout:
 *
 *   <path>/sectorstore.json                       what the path is; its ID is a UUID
 *   <path>/{unsealed,sealed,cache,…}/s-t01000-1   a file of a sector, complete
 *   <path>/{unsealed,sealed,cache,…}/fetching/    what is not complete yet
 *
 * A list of paths is kept in a repository's storage.json. What lies under a sector's name is complete
 * and on disk; everything else has another name, so that a scan never takes it for a sector. Which files
 * are there is asked of the disk each time: nothing is remembered that a crash could make untrue.
 * Several processes may use one path; each reckons with its own reservations (store/room.h).
 * Threads: all functions may be called from any thread, unless they say otherwise.
 * source: reference/lotus-worker 1.4, 6.2, 6.4 */
#ifndef SLK_STORE_STORE_H
#define SLK_STORE_STORE_H

#include "base/err.h"
#include "lotus/name.h"
#include "lotus/storage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_store slk_store;

#define SLK_STORE_PATHS_MAX 256u /* open at once */

/* One opened path. Never changes; lives as long as the store, also after it was detached. */
typedef struct slk_store_path {
    slk_lotus_meta meta;
    char *folder; /* absolute */
} slk_store_path;

/* Told when a sector's files come and go, whoever does it. Called without any lock of the store but with
 * the caller's hold (store/hold.h); may wait and may call the store. */
typedef struct slk_store_hooks {
    void *context;
    /* Before a copy is removed from a path; a failure keeps the copy and is passed on. NULL: nobody. */
    slk_err (*dropping)(void *context, const slk_store_path *path, const slk_lotus_sector *sector,
                        unsigned type, slk_error *error);
    /* After a complete copy appeared on a path; a failure is passed on, the copy stays. NULL: nobody. */
    slk_err (*placed)(void *context, const slk_store_path *path, const slk_lotus_sector *sector,
                      unsigned type, slk_error *error);
} slk_store_hooks;

/* Opens all paths of the list. list_file: storage.json (absent: none yet; made at the first attach);
 * NULL: nothing is remembered beyond this process. hooks NULL: none; copied.
 * SLK_E_NOTFOUND a path or its sectorstore.json is not there (a disk that is not mounted?);
 * SLK_E_CORRUPT one of the files is damaged; SLK_E_EXISTS two paths have one ID. Each names the path and
 * what to do. */
SLK_MUST_CHECK slk_err slk_store_open(slk_store **ret_store, const char *list_file,
                                      const slk_store_hooks *hooks, slk_error *error);
void slk_store_free(slk_store *store); /* no reservation, no hold, no call; NULL allowed */
void slk_store_freep(slk_store **store); /* for SLK_CLEANUP */

/* Makes folder (which may exist) a path: writes its sectorstore.json, mode 0644, with a new ID in place
 * of meta->id. SLK_E_EXISTS when it is one already. Does not open it. */
SLK_MUST_CHECK slk_err slk_store_init_path(const char *folder, const slk_lotus_meta *meta,
                                           slk_error *error);

/* Opens a path and adds it to the list on disk. folder is made absolute. SLK_E_EXISTS when it or its ID
 * is open already (the message names where). *ret_path may be NULL. */
SLK_MUST_CHECK slk_err slk_store_attach(slk_store *store, const slk_store_path **ret_path,
                                        const char *folder, slk_error *error);
/* Closes a path and takes it off the list on disk; its files stay. which: its folder or its ID.
 * SLK_E_NOTFOUND; SLK_E_BUSY while something is reserved there. *ret_path (may be NULL): what it was. */
SLK_MUST_CHECK slk_err slk_store_detach(slk_store *store, const slk_store_path **ret_path,
                                        const char *which, slk_error *error);

/* The open paths, in the order they were attached; returns how many there are, at most
 * SLK_STORE_PATHS_MAX. */
size_t slk_store_list(slk_store *store, const slk_store_path *ret_paths[SLK_STORE_PATHS_MAX]);
/* By folder or ID; NULL when none is open. */
const slk_store_path *slk_store_get(slk_store *store, const char *which);

/* Full names, heap, NULL when out of memory. type: one bit. The second is where the first is made: beside
 * it, on the same file system; its folder is there. */
char *slk_store_file(const slk_store_path *path, unsigned type,
                     const slk_lotus_sector *sector) SLK_MUST_CHECK;
char *slk_store_temp(const slk_store_path *path, unsigned type,
                     const slk_lotus_sector *sector) SLK_MUST_CHECK;

/* A copy of the sector's file or folder of this type (one bit): *ret_path where it is (the heaviest path
 * that has one, then the first attached), *ret_file its full name, heap. Either may be NULL.
 * SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_store_find(slk_store *store, const slk_store_path **ret_path,
                                      char **ret_file, const slk_lotus_sector *sector,
                                      unsigned type, slk_error *error);

/* What the path has to offer: of the file system, less what is reserved. With MaxStorage, Available is at
 * most what that leaves beside Used and Reserved. Reads the path's folders. */
SLK_MUST_CHECK slk_err slk_store_stat(slk_store *store, slk_lotus_fs_stat *ret_stat,
                                      const slk_store_path *path, slk_error *error);

/* What lies on a path. */
typedef struct slk_store_scan {
    slk_lotus_declaration *found; /* one per sector, types together; heap */
    size_t n;
    slk_lotus_strings foreign; /* "sealed/notes.txt": not ours, never declared, never touched */
} slk_store_scan;
void slk_store_scan_done(slk_store_scan *scan); /* idempotent */
/* A file where a folder belongs, a folder where a file belongs and a link are foreign, too; each is logged
 * as a warning. The list of foreign ones ends at SLK_LOTUS_STRINGS_MAX. */
SLK_MUST_CHECK slk_err slk_store_scan_path(slk_store_scan *ret_scan, const slk_store_path *path,
                                           slk_error *error);

#endif
