/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/files.h"

#include "base/file.h"
#include "base/mem.h"
#include "store/copy_impl.h"
#include "store/store_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_kept(const slk_store_path *path, const slk_lotus_strings *keep)
{
    return keep && slk_lotus_strings_has(keep, path->meta.id);
}

/* ---- removing ---- */

/* What attempts to make the file left on this path. */
static slk_err remove_leftovers(const slk_store_path *path, const slk_lotus_sector *sector,
                                unsigned type, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *temp = slk_store_temp(path, type, sector);
    for (size_t i = 0; i < SLK_STORE_LEFTOVERS; i++) {
        SLK_CLEANUP(slk_freep)
        char *left = temp ? slk_strf("%s%s", temp, slk_store_leftovers[i]) : NULL;
        if (!left)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        if (slk_file_exists(left))
            SLK_TRY(slk_remove_tree(left, error));
    }
    return SLK_OK;
}

/* A folder is renamed away first: half of it must not have the sector's name. */
static slk_err remove_copy(const slk_store *store, const slk_store_path *path,
                           const slk_lotus_sector *sector, unsigned type, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *file = slk_store_file(path, type, sector);
    SLK_CLEANUP(slk_freep) char *temp = slk_store_temp(path, type, sector);
    SLK_CLEANUP(slk_freep) char *gone = temp ? slk_strf("%s" SLK_STORE_GONE, temp) : NULL;
    if (!file || !gone)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_store_tell_dropping(store, path, sector, type, error));
    if (slk_lotus_type_is_folder(type)) {
        SLK_TRY(slk_remove_tree(gone, error));
        SLK_TRY(slk_file_rename_durable(file, gone, error));
        SLK_TRY(slk_file_sync_folder_of(file, error));
        return slk_remove_tree(gone, error);
    }
    return slk_remove_tree_durable(file, error);
}

slk_err slk_store_remove(slk_store *store, size_t *ret_n, const slk_lotus_sector *sector,
                         unsigned type, const slk_lotus_strings *keep, slk_error *error)
{
    const slk_store_path *paths[SLK_STORE_PATHS_MAX];
    const size_t n_paths = slk_store_list(store, paths);
    size_t n = 0;
    slk_err first = SLK_OK;
    for (size_t i = 0; i < n_paths; i++) {
        slk_err code = SLK_OK;
        slk_error why = {0};
        if (is_kept(paths[i], keep))
            continue;
        if (slk_store_has(paths[i], type, sector)) {
            code = remove_copy(store, paths[i], sector, type, &why);
            n += code == SLK_OK;
        }
        if (code == SLK_OK)
            code = remove_leftovers(paths[i], sector, type, &why);
        if (code != SLK_OK && first == SLK_OK) {
            first = code;
            if (error)
                *error = why;
        }
    }
    if (ret_n)
        *ret_n = n;
    return first;
}

slk_err slk_store_remove_attempts(slk_store *store, const slk_lotus_sector *sector, unsigned type,
                                  slk_error *error)
{
    const slk_store_path *paths[SLK_STORE_PATHS_MAX];
    const size_t n = slk_store_list(store, paths);
    for (size_t i = 0; i < n; i++)
        SLK_TRY(remove_leftovers(paths[i], sector, type, error));
    return SLK_OK;
}

/* ---- placing ---- */

slk_err slk_store_place(slk_store *store, const slk_store_room *room,
                        const slk_lotus_sector *sector, unsigned type, slk_error *error)
{
    const char *file = slk_store_room_file(room, type);
    if (slk_lotus_type_is_folder(type) && slk_file_exists(file))
        return slk_fail(error, SLK_E_EXISTS, "%s is there already", file);
    SLK_TRY(slk_file_rename_durable(slk_store_room_temp(room, type), file, error));
    return slk_store_tell_placed(store, slk_store_room_path(room, type), sector, type, error);
}

/* ---- moving ---- */

typedef struct move {
    slk_store *store;
    const slk_lotus_sector *sector;
    unsigned type;
    const slk_store_path *from, *to;
    const char *file; /* where it is */
    const char *dest; /* where it goes */
} move;

/* Within one file system. The index learns of the going before, and of the coming after. */
static slk_err move_by_name(const move *m, bool *ret_other_disk, slk_error *error)
{
    SLK_TRY(slk_store_tell_dropping(m->store, m->from, m->sector, m->type, error));
    if (rename(m->file, m->dest) != 0) {
        const int os_errno = errno;
        /* It is still where it was. */
        SLK_TRY(slk_store_tell_placed(m->store, m->from, m->sector, m->type, error));
        *ret_other_disk = os_errno == EXDEV;
        return *ret_other_disk
                   ? SLK_OK
                   : slk_fail_errno(error, os_errno, "cannot move %s to %s", m->file, m->dest);
    }
    SLK_TRY(slk_file_sync_folder_of(m->dest, error));
    SLK_TRY(slk_file_sync_folder_of(m->file, error));
    return slk_store_tell_placed(m->store, m->to, m->sector, m->type, error);
}

static slk_err move_by_copy(const move *m, const char *temp, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *copy = slk_strf("%s" SLK_STORE_MOVE, temp);
    if (!copy)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_remove_tree(copy, error));
    slk_err code = slk_store_copy(m->file, copy, job, error);
    if (code == SLK_OK)
        code = slk_file_rename_durable(copy, m->dest, error);
    if (code != SLK_OK) {
        slk_err ignored = slk_remove_tree(copy, NULL);
        (void)ignored;
        return code;
    }
    SLK_TRY(slk_store_tell_placed(m->store, m->to, m->sector, m->type, error));
    return remove_copy(m->store, m->from, m->sector, m->type, error);
}

/* Copies on paths that do not store, once one is on a path that does. */
static slk_err remove_others(slk_store *store, const slk_lotus_sector *sector, unsigned type,
                             slk_error *error)
{
    const slk_store_path *paths[SLK_STORE_PATHS_MAX];
    SLK_CLEANUP(slk_lotus_strings_done) slk_lotus_strings keep = {0};
    const size_t n = slk_store_list(store, paths);
    for (size_t i = 0; i < n; i++)
        if (paths[i]->meta.can_store && slk_lotus_strings_add(&keep, paths[i]->meta.id) != SLK_OK)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_store_remove(store, NULL, sector, type, &keep, error);
}

static bool is_stored(slk_store *store, const slk_lotus_sector *sector, unsigned type)
{
    const slk_store_path *paths[SLK_STORE_PATHS_MAX];
    const size_t n = slk_store_list(store, paths);
    for (size_t i = 0; i < n; i++)
        if (paths[i]->meta.can_store && slk_store_has(paths[i], type, sector))
            return true;
    return false;
}

static slk_err move_type(slk_store *store, const slk_lotus_sector *sector, unsigned type,
                         uint64_t sector_bytes, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *file = NULL;
    SLK_CLEANUP(slk_store_room_freep) slk_store_room *room = NULL;
    move m = {.store = store, .sector = sector, .type = type};
    if (is_stored(store, sector, type))
        return remove_others(store, sector, type, error);
    SLK_TRY(slk_store_find(store, &m.from, &file, sector, type, error));
    slk_store_wish wish = {.sector = *sector,
                           .types = type,
                           .sector_bytes = sector_bytes,
                           .bytes = slk_path_used_bytes(file) + 1, /* 0 would mean: as usual */
                           .path_type = SLK_LOTUS_PATH_STORAGE,
                           .from = m.from};
    SLK_TRY(slk_store_room_reserve(&room, store, &wish, error));
    m.to = slk_store_room_path(room, type);
    m.file = file;
    m.dest = slk_store_room_file(room, type);
    bool other_disk = !slk_store_same_disk(m.from, m.to);
    if (!other_disk)
        SLK_TRY(move_by_name(&m, &other_disk, error));
    if (other_disk)
        SLK_TRY(move_by_copy(&m, slk_store_room_temp(room, type), job, error));
    return remove_others(store, sector, type, error);
}

static uint64_t bytes_to_move(slk_store *store, const slk_lotus_sector *sector, unsigned types)
{
    uint64_t bytes = 0;
    for (unsigned type = 1; type <= SLK_LOTUS_PIECE; type <<= 1) {
        SLK_CLEANUP(slk_freep) char *file = NULL;
        if ((types & type) && !is_stored(store, sector, type) &&
            slk_store_find(store, NULL, &file, sector, type, NULL) == SLK_OK)
            bytes += slk_path_used_bytes(file);
    }
    return bytes;
}

slk_err slk_store_move(slk_store *store, const slk_lotus_sector *sector, unsigned types,
                       uint64_t sector_bytes, slk_job *job, slk_error *error)
{
    if (job)
        slk_job_stage(job, "move", bytes_to_move(store, sector, types));
    for (unsigned type = 1; type <= SLK_LOTUS_PIECE; type <<= 1)
        if (types & type)
            SLK_TRY(move_type(store, sector, type, sector_bytes, job, error));
    return SLK_OK;
}
