/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/store.h"

#include "base/cond.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/path_impl.h"
#include "store/store_impl.h"

#include <string.h>

/* ---- the open paths; the caller has the lock ---- */

/* Index of the path with this ID, or this folder by any of its names; n_open when none is open. */
static size_t locate(const slk_store *store, const char *which)
{
    size_t i = 0;
    while (i < store->n_open && strcmp(store->open[i]->meta.id, which) != 0 &&
           strcmp(store->open[i]->folder, which) != 0)
        i++;
    if (i == store->n_open && strchr(which, '/'))
        for (i = 0; i < store->n_open && !slk_file_same(store->open[i]->folder, which);)
            i++;
    return i;
}

/* Opens the folder, without adding it to anything but what is freed at the end. */
static slk_err open_path(slk_store *store, const slk_store_path **ret_path, const char *folder,
                         slk_error *error)
{
    struct retired *entry = slk_calloc(1, sizeof *entry);
    if (!entry)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for storage path %s", folder);
    const slk_err code = slk_store_path_open(&entry->path, folder, error);
    if (code != SLK_OK) {
        slk_free(entry);
        return code;
    }
    entry->next = store->all;
    store->all = entry;
    *ret_path = entry->path;
    return SLK_OK;
}

static slk_err add_path(slk_store *store, const slk_store_path **ret_path, const char *folder,
                        slk_error *error)
{
    const slk_store_path *path = NULL;
    SLK_TRY(open_path(store, &path, folder, error));
    const size_t same = locate(store, path->meta.id);
    if (same < store->n_open && strcmp(store->open[same]->folder, path->folder) == 0)
        return slk_fail(error, SLK_E_EXISTS, "storage path %s is open already", path->folder);
    if (same < store->n_open)
        return slk_fail(
            error, SLK_E_EXISTS,
            "storage paths %s and %s have the same ID %s; was one copied from the other? "
            "Give one of them a new ID in its " SLK_LOTUS_META_FILE,
            path->folder, store->open[same]->folder, path->meta.id);
    if (store->n_open == SLK_STORE_PATHS_MAX)
        return slk_fail(error, SLK_E_LIMIT, "%u storage paths are open; no more can be",
                        SLK_STORE_PATHS_MAX);
    store->open[store->n_open++] = path;
    *ret_path = path;
    return SLK_OK;
}

/* ---- open, free ---- */

static slk_err open_listed(slk_store *store, slk_error *error)
{
    SLK_CLEANUP(slk_lotus_strings_done) slk_lotus_strings folders = {0};
    SLK_TRY(slk_store_list_read(&folders, store->list_file, error));
    for (size_t i = 0; i < folders.n; i++) {
        const slk_store_path *path;
        const slk_err code = add_path(store, &path, folders.item[i], error);
        if (code != SLK_OK)
            return slk_fail_context(error, code, "%s", store->list_file);
    }
    return SLK_OK;
}

slk_err slk_store_open(slk_store **ret_store, const char *list_file, const slk_store_hooks *hooks,
                       slk_error *error)
{
    slk_store *store = slk_calloc(1, sizeof *store);
    if (!store)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the storage paths");
    slk_assert(pthread_mutex_init(&store->lock, NULL) == 0);
    slk_assert(pthread_mutex_init(&store->room_lock, NULL) == 0);
    slk_assert(pthread_mutex_init(&store->hold_lock, NULL) == 0);
    slk_assert(slk_cond_init(&store->hold_moved) == 0);
    if (hooks)
        store->hooks = *hooks;
    slk_err code = SLK_OK;
    if (list_file && !(store->list_file = slk_strdup(list_file)))
        code = slk_fail(error, SLK_E_NOMEM, "out of memory for the storage paths");
    if (code == SLK_OK && list_file)
        code = open_listed(store, error);
    if (code != SLK_OK) {
        slk_store_free(store);
        return code;
    }
    *ret_store = store;
    return SLK_OK;
}

void slk_store_free(slk_store *store)
{
    if (!store)
        return;
    slk_assert(!store->rooms && !store->holds);
    while (store->all) {
        struct retired *entry = store->all;
        store->all = entry->next;
        slk_store_path_free(entry->path);
        slk_free(entry);
    }
    slk_free(store->list_file);
    (void)pthread_mutex_destroy(&store->lock);
    (void)pthread_mutex_destroy(&store->room_lock);
    (void)pthread_mutex_destroy(&store->hold_lock);
    (void)pthread_cond_destroy(&store->hold_moved);
    slk_free(store);
}

void slk_store_freep(slk_store **store)
{
    slk_store_free(*store);
    *store = NULL;
}

/* ---- attach, detach ---- */

static slk_err attach(slk_store *store, const slk_store_path **ret_path, const char *folder,
                      slk_error *error)
{
    SLK_TRY(add_path(store, ret_path, folder, error));
    const slk_err code = slk_store_list_change(store->list_file, (*ret_path)->folder, true, error);
    if (code != SLK_OK)
        store->n_open--;
    return code;
}

slk_err slk_store_attach(slk_store *store, const slk_store_path **ret_path, const char *folder,
                         slk_error *error)
{
    const slk_store_path *path = NULL;
    slk_assert(pthread_mutex_lock(&store->lock) == 0);
    const slk_err code = attach(store, &path, folder, error);
    slk_assert(pthread_mutex_unlock(&store->lock) == 0);
    if (code == SLK_OK && ret_path)
        *ret_path = path;
    return code;
}

static slk_err not_open(const char *which, slk_error *error)
{
    return slk_fail(error, SLK_E_NOTFOUND, "no storage path \"%.200s\" is attached", which);
}

static slk_err detach(slk_store *store, const slk_store_path **ret_path, const char *which,
                      slk_error *error)
{
    const size_t i = locate(store, which);
    if (i == store->n_open)
        return not_open(which, error);
    const slk_store_path *path = store->open[i];
    if (slk_store_is_reserved(store, path))
        return slk_fail(error, SLK_E_BUSY,
                        "storage path %s is being written to; detach it when that is done",
                        path->folder);
    SLK_TRY(slk_store_list_change(store->list_file, path->folder, false, error));
    store->n_open--;
    memmove(store->open + i, store->open + i + 1, (store->n_open - i) * sizeof *store->open);
    *ret_path = path;
    return SLK_OK;
}

slk_err slk_store_detach(slk_store *store, const slk_store_path **ret_path, const char *which,
                         slk_error *error)
{
    const slk_store_path *path = NULL;
    slk_assert(pthread_mutex_lock(&store->room_lock) == 0); /* nobody chooses it meanwhile */
    slk_assert(pthread_mutex_lock(&store->lock) == 0);
    const slk_err code = detach(store, &path, which, error);
    slk_assert(pthread_mutex_unlock(&store->lock) == 0);
    slk_assert(pthread_mutex_unlock(&store->room_lock) == 0);
    if (code == SLK_OK && ret_path)
        *ret_path = path;
    return code;
}

size_t slk_store_list(slk_store *store, const slk_store_path *ret_paths[SLK_STORE_PATHS_MAX])
{
    slk_assert(pthread_mutex_lock(&store->lock) == 0);
    const size_t n = store->n_open;
    memcpy(ret_paths, store->open, n * sizeof *ret_paths);
    slk_assert(pthread_mutex_unlock(&store->lock) == 0);
    return n;
}

const slk_store_path *slk_store_get(slk_store *store, const char *which)
{
    slk_assert(pthread_mutex_lock(&store->lock) == 0);
    const size_t i = locate(store, which);
    const slk_store_path *path = i < store->n_open ? store->open[i] : NULL;
    slk_assert(pthread_mutex_unlock(&store->lock) == 0);
    return path;
}

/* ---- a sector's files ---- */

slk_err slk_store_find(slk_store *store, const slk_store_path **ret_path, char **ret_file,
                       const slk_lotus_sector *sector, unsigned type, slk_error *error)
{
    const slk_store_path *paths[SLK_STORE_PATHS_MAX], *best = NULL;
    const size_t n = slk_store_list(store, paths);
    for (size_t i = 0; i < n; i++)
        if (slk_store_has(paths[i], type, sector) &&
            (!best || paths[i]->meta.weight > best->meta.weight))
            best = paths[i];
    if (!best) {
        char name[SLK_LOTUS_NAME_CHARS];
        slk_lotus_sector_print(name, sector);
        return slk_fail(error, SLK_E_NOTFOUND, "there is no %s/%s on the storage paths here",
                        slk_lotus_type_name(type), name);
    }
    char *file = ret_file ? slk_store_file(best, type, sector) : NULL;
    if (ret_file && !file)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (ret_file)
        *ret_file = file;
    if (ret_path)
        *ret_path = best;
    return SLK_OK;
}

slk_err slk_store_stat(slk_store *store, slk_lotus_fs_stat *ret_stat, const slk_store_path *path,
                       slk_error *error)
{
    slk_assert(pthread_mutex_lock(&store->room_lock) == 0);
    const slk_err code = slk_store_stat_locked(store, ret_stat, path, error);
    slk_assert(pthread_mutex_unlock(&store->room_lock) == 0);
    return code;
}

slk_err slk_store_tell_dropping(const slk_store *store, const slk_store_path *path,
                                const slk_lotus_sector *sector, unsigned type, slk_error *error)
{
    const slk_store_hooks *hooks = &store->hooks;
    return hooks->dropping ? hooks->dropping(hooks->context, path, sector, type, error) : SLK_OK;
}

slk_err slk_store_tell_placed(const slk_store *store, const slk_store_path *path,
                              const slk_lotus_sector *sector, unsigned type, slk_error *error)
{
    const slk_store_hooks *hooks = &store->hooks;
    return hooks->placed ? hooks->placed(hooks->context, path, sector, type, error) : SLK_OK;
}
