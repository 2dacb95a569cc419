/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The store itself, and what its parts share. Only for src/store/. */
#ifndef SLK_STORE_STORE_IMPL_H
#define SLK_STORE_STORE_IMPL_H

#include "store/hold.h"
#include "store/room.h"
#include "store/store.h"

#include <pthread.h>

struct slk_store {
    char *list_file; /* NULL: none */
    slk_store_hooks hooks;

    pthread_mutex_t lock; /* guards the paths and list_file on disk; taken after room_lock */
    const slk_store_path *open[SLK_STORE_PATHS_MAX];
    size_t n_open;
    struct retired {
        struct retired *next;
        slk_store_path *path;
    } * all; /* every path there ever was */

    pthread_mutex_t room_lock; /* guards rooms; is held while disks are looked at */
    slk_store_room *rooms;

    pthread_mutex_t hold_lock; /* guards holds */
    pthread_cond_t hold_moved;
    slk_store_hold *holds; /* in the order they were asked for */
};

/* Whether the path has a complete file of the sector: of the kind that belongs there, no link. */
bool slk_store_has(const slk_store_path *path, unsigned type, const slk_lotus_sector *sector);

/* As slk_store_stat, with room_lock held. */
slk_err slk_store_stat_locked(const slk_store *store, slk_lotus_fs_stat *ret_stat,
                              const slk_store_path *path, slk_error *error);
/* With room_lock held. */
bool slk_store_is_reserved(const slk_store *store, const slk_store_path *path);

/* Whether a file can be renamed from one to the other, as far as can be seen. */
bool slk_store_same_disk(const slk_store_path *a, const slk_store_path *b);

/* The hooks, when there are. */
slk_err slk_store_tell_dropping(const slk_store *store, const slk_store_path *path,
                                const slk_lotus_sector *sector, unsigned type, slk_error *error);
slk_err slk_store_tell_placed(const slk_store *store, const slk_store_path *path,
                              const slk_lotus_sector *sector, unsigned type, slk_error *error);

/* What attempts may leave beside the temporary name, "" for that itself. The last is what is being removed:
 * it is renamed away first, so that nothing half removed has a sector's name. */
#define SLK_STORE_LEFTOVERS 6u
extern const char *const slk_store_leftovers[SLK_STORE_LEFTOVERS];
#define SLK_STORE_GONE ".gone"
#define SLK_STORE_MOVE ".move" /* a copy on its way to another path */

#endif
