/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/room.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "store/store_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* Of one type; path NULL: not of the wish. */
typedef struct place {
    const slk_store_path *path;
    uint64_t bytes;
    char *file, *temp, *fetched; /* fetched: what temp is called while it comes */
} place;

struct slk_store_room {
    slk_store *store;
    slk_store_room *next;
    place at[SLK_LOTUS_TYPES];
};

/* ---- what is reserved, and what there is; room_lock is held ---- */

static uint64_t missing_bytes(const place *p)
{
    const uint64_t there = slk_path_used_bytes(p->file) + slk_path_used_bytes(p->temp) +
                           slk_path_used_bytes(p->fetched);
    return p->bytes > there ? p->bytes - there : 0;
}

/* Bytes reserved on the path that are not on disk yet. room_lock is held. */
static uint64_t reserved_bytes(const slk_store *store, const slk_store_path *path)
{
    uint64_t bytes = 0;
    for (const slk_store_room *room = store->rooms; room; room = room->next)
        for (unsigned i = 0; i < SLK_LOTUS_TYPES; i++)
            if (room->at[i].path && strcmp(room->at[i].path->folder, path->folder) == 0)
                bytes += missing_bytes(&room->at[i]);
    return bytes;
}

bool slk_store_is_reserved(const slk_store *store, const slk_store_path *path)
{
    bool found = false;
    for (const slk_store_room *room = store->rooms; room && !found; room = room->next)
        for (unsigned i = 0; i < SLK_LOTUS_TYPES && !found; i++)
            found = room->at[i].path && strcmp(room->at[i].path->folder, path->folder) == 0;
    return found;
}

static int64_t bounded(uint64_t bytes)
{
    return slk_i64(slk_min_u64(bytes, INT64_MAX));
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

slk_err slk_store_stat_locked(const slk_store *store, slk_lotus_fs_stat *ret_stat,
                              const slk_store_path *path, slk_error *error)
{
    struct statvfs fs;
    if (statvfs(path->folder, &fs) != 0)
        return slk_fail_errno(error, errno, "cannot ask for free space at %s", path->folder);
    const uint64_t free_bytes = (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
    const uint64_t reserved = reserved_bytes(store, path);
    const uint64_t max = path->meta.max_storage;
    const uint64_t used = max ? slk_path_used_bytes(path->folder) : 0;
    uint64_t available = less(free_bytes, reserved);
    if (max)
        available = slk_min_u64(available, less(less(max, used), reserved));
    *ret_stat = (slk_lotus_fs_stat){
        .capacity = bounded((uint64_t)fs.f_blocks * (uint64_t)fs.f_frsize),
        .fs_available = bounded(free_bytes),
        .available = bounded(available),
        .reserved = bounded(reserved),
        .max = bounded(max),
        .used = bounded(used),
    };
    return SLK_OK;
}

/* ---- which path ---- */

#define WHY_CHARS 160u

/* Why the path may not have files of this type; false: it may. */
static bool is_forbidden(char why[WHY_CHARS], const slk_store_path *path,
                         const slk_store_wish *wish, unsigned type)
{
    const slk_lotus_meta *meta = &path->meta;
    const char *text = NULL;
    if (wish->path_type == SLK_LOTUS_PATH_SEALING ? !meta->can_seal : !meta->can_store)
        text =
            wish->path_type == SLK_LOTUS_PATH_SEALING ? "is not for sealing" : "is not for storing";
    else if (meta->weight == 0)
        text = "is read-only (weight 0)";
    else if (!slk_lotus_filter_takes_type(&meta->filter, type))
        text = "does not take this type";
    else if (!slk_lotus_filter_takes_miner(&meta->filter, wish->sector.miner))
        text = "does not take this miner";
    else if (wish->from && strcmp(wish->from->folder, path->folder) == 0)
        text = "is where it is";
    else if (wish->from && !slk_lotus_filter_lets_move(&wish->from->meta.filter, &meta->filter))
        text = "is in none of the groups it may go to";
    if (text)
        (void)snprintf(why, WHY_CHARS, "%s", text);
    return text != NULL;
}

bool slk_store_same_disk(const slk_store_path *a, const slk_store_path *b)
{
    struct stat x, y;
    return stat(a->folder, &x) == 0 && stat(b->folder, &y) == 0 && x.st_dev == y.st_dev;
}

/* *ret_available: what the path offers when it can take the bytes; false: why says why it cannot. */
static bool has_room(char why[WHY_CHARS], uint64_t *ret_available, const slk_store *store,
                     const slk_store_path *path, const slk_store_wish *wish, uint64_t bytes)
{
    slk_lotus_fs_stat stat;
    slk_error error = {0};
    if (slk_store_stat_locked(store, &stat, path, &error) != SLK_OK) {
        (void)snprintf(why, WHY_CHARS, "%.150s", error.message);
        return false;
    }
    uint64_t available = slk_u64(stat.available);
    if (wish->from && slk_store_same_disk(wish->from, path)) /* renaming takes no blocks */
        available = stat.max
                        ? less(less(slk_u64(stat.max), slk_u64(stat.used)), slk_u64(stat.reserved))
                        : slk_max_u64(available, bytes);
    if (available < bytes)
        (void)snprintf(why, WHY_CHARS, "has %" PRIu64 " bytes left where %" PRIu64 " are needed",
                       available, bytes);
    *ret_available = available;
    return available >= bytes;
}

static double value_of(const slk_store_path *path, uint64_t available)
{
    return (double)available * (double)path->meta.weight;
}

static slk_err choose(const slk_store_path **ret_path, slk_store *store, const slk_store_wish *wish,
                      unsigned type, uint64_t bytes, slk_error *error)
{
    const slk_store_path *paths[SLK_STORE_PATHS_MAX], *best = NULL;
    const size_t n = slk_store_list(store, paths);
    double best_value = -1;
    SLK_CLEANUP(slk_buf_done) slk_buf reasons;
    slk_buf_init(&reasons, 1 << 16);
    for (size_t i = 0; i < n; i++) {
        char why[WHY_CHARS];
        uint64_t available = 0;
        if (is_forbidden(why, paths[i], wish, type) ||
            !has_room(why, &available, store, paths[i], wish, bytes)) {
            /* A reason that does not fit is left out. */
            slk_err ignored = slk_buf_printf(&reasons, "; %s %s", paths[i]->folder, why);
            (void)ignored;
        } else if (value_of(paths[i], available) > best_value) {
            best = paths[i];
            best_value = value_of(best, available);
        }
    }
    *ret_path = best;
    if (best)
        return SLK_OK;
    char name[SLK_LOTUS_NAME_CHARS];
    slk_lotus_sector_print(name, &wish->sector);
    return slk_fail(error, SLK_E_NOSPACE, "no storage path has room for %s/%s%s",
                    slk_lotus_type_name(type), name,
                    n ? slk_buf_str(&reasons) : ": none is attached");
}

/* ---- reserving ---- */

static slk_err fill_place(place *p, const slk_store_wish *wish, unsigned type, slk_error *error)
{
    p->file = slk_store_file(p->path, type, &wish->sector);
    p->temp = slk_store_temp(p->path, type, &wish->sector);
    p->fetched = p->temp ? slk_strf("%s.tmp", p->temp) : NULL;
    if (!p->file || !p->temp || !p->fetched)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a reservation");
    return SLK_OK;
}

/* Each type counts for the next one, too. */
static slk_err reserve_all(slk_store_room *room, const slk_store_wish *wish, slk_error *error)
{
    for (unsigned i = 0; i < SLK_LOTUS_TYPES; i++) {
        const unsigned type = 1u << i;
        uint64_t bytes = wish->bytes;
        if ((wish->types & type) == 0)
            continue;
        if (bytes == 0)
            SLK_TRY(slk_lotus_need_bytes(&bytes, type, wish->sector_bytes, wish->finalised, error));
        place p = {.bytes = bytes};
        SLK_TRY(choose(&p.path, room->store, wish, type, bytes, error));
        const slk_err code = fill_place(&p, wish, type, error);
        room->at[i] = p;
        SLK_TRY(code);
    }
    return SLK_OK;
}

static void unlink_room(slk_store_room *room)
{
    slk_store_room **at = &room->store->rooms;
    while (*at != room)
        at = &(*at)->next;
    *at = room->next;
}

static void free_room(slk_store_room *room)
{
    for (unsigned i = 0; i < SLK_LOTUS_TYPES; i++) {
        slk_free(room->at[i].file);
        slk_free(room->at[i].temp);
        slk_free(room->at[i].fetched);
    }
    slk_free(room);
}

slk_err slk_store_room_reserve(slk_store_room **ret_room, slk_store *store,
                               const slk_store_wish *wish, slk_error *error)
{
    slk_assert(wish->types != 0 && (wish->types & ~(unsigned)SLK_LOTUS_ALL_TYPES) == 0);
    slk_store_room *room = slk_calloc(1, sizeof *room);
    if (!room)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a reservation");
    room->store = store;
    slk_assert(pthread_mutex_lock(&store->room_lock) == 0);
    room->next = store->rooms;
    store->rooms = room;
    const slk_err code = reserve_all(room, wish, error);
    if (code != SLK_OK)
        unlink_room(room);
    slk_assert(pthread_mutex_unlock(&store->room_lock) == 0);
    if (code == SLK_OK)
        *ret_room = room;
    else
        free_room(room);
    return code;
}

void slk_store_room_free(slk_store_room *room)
{
    if (!room)
        return;
    slk_store *store = room->store;
    slk_assert(pthread_mutex_lock(&store->room_lock) == 0);
    unlink_room(room);
    slk_assert(pthread_mutex_unlock(&store->room_lock) == 0);
    free_room(room);
}

void slk_store_room_freep(slk_store_room **room)
{
    slk_store_room_free(*room);
    *room = NULL;
}

static const place *place_of(const slk_store_room *room, unsigned type)
{
    slk_assert(slk_is_pow2(type) && type <= SLK_LOTUS_ALL_TYPES);
    const place *p = &room->at[slk_log2(type)];
    slk_assert(p->path);
    return p;
}

const slk_store_path *slk_store_room_path(const slk_store_room *room, unsigned type)
{
    return place_of(room, type)->path;
}

const char *slk_store_room_file(const slk_store_room *room, unsigned type)
{
    return place_of(room, type)->file;
}

const char *slk_store_room_temp(const slk_store_room *room, unsigned type)
{
    return place_of(room, type)->temp;
}
