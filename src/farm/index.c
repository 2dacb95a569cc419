/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/index.h"

#include "base/mem.h"
#include "base/num.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 256u

struct path {
    slk_lotus_path what;
    slk_lotus_fs_stat stat;
    char problem[512];
    int64_t seen_ms; /* of the last report, or when it was attached */
    size_t sectors; /* declarations */
};

/* What of a sector lies on one path. */
struct entry {
    struct entry *next;
    struct path *path;
    slk_lotus_sector sector;
    unsigned types; /* of them primary … */
    unsigned primary;
};

struct slk_farm_index {
    pthread_mutex_t lock;
    struct path **paths;
    size_t n_paths;
    struct entry **buckets; /* by sector; a power of two of them */
    size_t n_buckets;
    size_t n_entries;
};

slk_err slk_farm_index_new(slk_farm_index **ret_index, slk_error *error)
{
    slk_farm_index *index = slk_calloc(1, sizeof *index);
    struct entry **buckets = slk_calloc(BUCKETS_MIN, sizeof *buckets);
    if (!index || !buckets || pthread_mutex_init(&index->lock, NULL) != 0) {
        slk_free(index);
        slk_free(buckets);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the storage index");
    }
    index->buckets = buckets;
    index->n_buckets = BUCKETS_MIN;
    *ret_index = index;
    return SLK_OK;
}

static void free_path(struct path *path)
{
    slk_lotus_path_done(&path->what);
    slk_free(path);
}

void slk_farm_index_free(slk_farm_index *index)
{
    if (!index)
        return;
    for (size_t i = 0; i < index->n_buckets; i++)
        for (struct entry *e = index->buckets[i], *next; e; e = next) {
            next = e->next;
            slk_free(e);
        }
    for (size_t i = 0; i < index->n_paths; i++)
        free_path(index->paths[i]);
    slk_free(index->buckets);
    slk_free(index->paths);
    (void)pthread_mutex_destroy(&index->lock);
    slk_free(index);
}

static void enter(slk_farm_index *index)
{
    slk_assert(pthread_mutex_lock(&index->lock) == 0);
}

static void leave(slk_farm_index *index)
{
    slk_assert(pthread_mutex_unlock(&index->lock) == 0);
}

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for the storage index");
}

/* ---- paths ---- */

static struct path *find_path(const slk_farm_index *index, const char *id)
{
    for (size_t i = 0; i < index->n_paths; i++)
        if (strcmp(index->paths[i]->what.id, id) == 0)
            return index->paths[i];
    return NULL;
}

static slk_err copy_path(slk_lotus_path *ret, const slk_lotus_path *from, slk_error *error)
{
    slk_lotus_path copy = *from;
    copy.urls = (slk_lotus_strings){0};
    copy.filter = (slk_lotus_filter){0};
    if (slk_lotus_filter_copy(&copy.filter, &from->filter) != SLK_OK ||
        slk_lotus_strings_copy(&copy.urls, &from->urls) != SLK_OK) {
        slk_lotus_path_done(&copy);
        return no_memory(error);
    }
    *ret = copy;
    return SLK_OK;
}

/* What it is from now on; the URLs it had are kept behind the new ones. */
static slk_err replace_path(struct path *path, const slk_lotus_path *by, slk_error *error)
{
    slk_lotus_path fresh;
    SLK_TRY(copy_path(&fresh, by, error));
    slk_err code = SLK_OK;
    for (size_t i = 0; i < path->what.urls.n && code == SLK_OK; i++)
        code = slk_lotus_strings_add(&fresh.urls, path->what.urls.item[i]);
    if (code != SLK_OK) {
        slk_lotus_path_done(&fresh);
        return slk_fail(error, code, "storage path %s has too many URLs", by->id);
    }
    slk_lotus_path_done(&path->what);
    path->what = fresh;
    return SLK_OK;
}

static slk_err new_path(slk_farm_index *index, const slk_lotus_path *what,
                        const slk_lotus_fs_stat *stat, int64_t now_ms, slk_error *error)
{
    if (index->n_paths == SLK_FARM_PATHS_MAX)
        return slk_fail(error, SLK_E_LIMIT, "there are %u storage paths already",
                        SLK_FARM_PATHS_MAX);
    struct path **more = slk_realloc(index->paths, index->n_paths + 1, sizeof(struct path *));
    if (!more)
        return no_memory(error);
    index->paths = more;
    struct path *path = slk_calloc(1, sizeof *path);
    if (!path)
        return no_memory(error);
    const slk_err code = copy_path(&path->what, what, error);
    if (code != SLK_OK) {
        slk_free(path);
        return code;
    }
    path->stat = *stat;
    path->seen_ms = now_ms;
    index->paths[index->n_paths++] = path;
    return SLK_OK;
}

slk_err slk_farm_index_attach(slk_farm_index *index, const slk_lotus_path *path,
                              const slk_lotus_fs_stat *stat, int64_t now_ms, slk_error *error)
{
    enter(index);
    struct path *known = find_path(index, path->id);
    const slk_err code =
        known ? replace_path(known, path, error) : new_path(index, path, stat, now_ms, error);
    leave(index);
    return code;
}

/* Everything that lies there, and the path itself. */
static void forget_path(slk_farm_index *index, struct path *path)
{
    for (size_t i = 0; i < index->n_buckets; i++)
        for (struct entry **at = &index->buckets[i]; *at;) {
            struct entry *e = *at;
            if (e->path != path) {
                at = &e->next;
                continue;
            }
            *at = e->next;
            slk_free(e);
            index->n_entries--;
        }
    size_t i = 0;
    while (index->paths[i] != path)
        i++;
    memmove(index->paths + i, index->paths + i + 1,
            (index->n_paths - i - 1) * sizeof(struct path *));
    index->n_paths--;
    free_path(path);
}

static slk_err unknown(const char *id, slk_error *error)
{
    return slk_fail(error, SLK_E_NOTFOUND, "no storage path %.40s is attached", id);
}

slk_err slk_farm_index_detach(slk_farm_index *index, const char *id, const char *url,
                              slk_error *error)
{
    enter(index);
    struct path *path = find_path(index, id);
    slk_err code = path ? SLK_OK : unknown(id, error);
    if (path && !slk_lotus_strings_has(&path->what.urls, url))
        code = slk_fail(error, SLK_E_NOTFOUND, "storage path %.40s has no URL %.200s", id, url);
    if (code == SLK_OK) {
        slk_lotus_strings_remove(&path->what.urls, url);
        if (path->what.urls.n == 0)
            forget_path(index, path);
    }
    leave(index);
    return code;
}

slk_err slk_farm_index_report(slk_farm_index *index, const char *id, const slk_lotus_health *health,
                              int64_t now_ms, slk_error *error)
{
    enter(index);
    struct path *path = find_path(index, id);
    if (path) {
        path->stat = health->stat;
        path->seen_ms = now_ms;
        memcpy(path->problem, health->problem, sizeof path->problem);
    }
    leave(index);
    return path ? SLK_OK : unknown(id, error);
}

/* ---- declarations ---- */

static size_t bucket_of(const slk_farm_index *index, const slk_lotus_sector *sector)
{
    const uint64_t mixed =
        (sector->miner * UINT64_C(0x9e3779b97f4a7c15) + sector->number) *
        UINT64_C(0xff51afd7ed558ccd); /* odd multipliers spread consecutive numbers */
    return (size_t)(mixed >> 32) & (index->n_buckets - 1);
}

static struct entry *find_entry(const slk_farm_index *index, const struct path *path,
                                const slk_lotus_sector *sector)
{
    struct entry *e = index->buckets[bucket_of(index, sector)];
    while (e && (e->path != path || !slk_lotus_sector_equal(&e->sector, sector)))
        e = e->next;
    return e;
}

/* Twice the buckets; without memory it goes on with longer chains. */
static void spread(slk_farm_index *index)
{
    const size_t n = index->n_buckets;
    struct entry **old = index->buckets;
    struct entry **more = slk_calloc(2 * n, sizeof *more);
    if (!more)
        return;
    index->buckets = more;
    index->n_buckets = 2 * n;
    for (size_t i = 0; i < n; i++)
        for (struct entry *e = old[i], *next; e; e = next) {
            next = e->next;
            struct entry **to = &more[bucket_of(index, &e->sector)];
            e->next = *to;
            *to = e;
        }
    slk_free(old);
}

static slk_err new_entry(struct entry **ret, slk_farm_index *index, struct path *path,
                         const slk_lotus_sector *sector, slk_error *error)
{
    if (index->n_entries == SLK_FARM_DECLARATIONS_MAX)
        return slk_fail(error, SLK_E_LIMIT, "%u sectors are declared already",
                        SLK_FARM_DECLARATIONS_MAX);
    if (index->n_entries > index->n_buckets)
        spread(index);
    struct entry *e = slk_calloc(1, sizeof *e);
    if (!e)
        return no_memory(error);
    struct entry **at = &index->buckets[bucket_of(index, sector)];
    *e = (struct entry){.next = *at, .path = path, .sector = *sector};
    *at = e;
    index->n_entries++;
    path->sectors++;
    *ret = e;
    return SLK_OK;
}

slk_err slk_farm_index_declare(slk_farm_index *index, const char *id,
                               const slk_lotus_sector *sector, unsigned types, bool primary,
                               slk_error *error)
{
    enter(index);
    struct path *path = find_path(index, id);
    slk_err code = path ? SLK_OK : unknown(id, error);
    struct entry *e = path ? find_entry(index, path, sector) : NULL;
    if (path && !e)
        code = new_entry(&e, index, path, sector, error);
    if (code == SLK_OK) {
        e->types |= types;
        e->primary |= primary ? types : 0;
    }
    leave(index);
    return code;
}

static void drop_entry(slk_farm_index *index, struct entry *gone)
{
    struct entry **at = &index->buckets[bucket_of(index, &gone->sector)];
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    gone->path->sectors--;
    index->n_entries--;
    slk_free(gone);
}

void slk_farm_index_drop(slk_farm_index *index, const char *id, const slk_lotus_sector *sector,
                         unsigned types)
{
    enter(index);
    const struct path *path = find_path(index, id);
    struct entry *e = path ? find_entry(index, path, sector) : NULL;
    if (e) {
        e->types &= ~types;
        e->primary &= e->types;
        if (e->types == 0)
            drop_entry(index, e);
    }
    leave(index);
}

unsigned slk_farm_index_on(slk_farm_index *index, const char *id, const slk_lotus_sector *sector)
{
    enter(index);
    const struct path *path = find_path(index, id);
    const struct entry *e = path ? find_entry(index, path, sector) : NULL;
    const unsigned types = e ? e->types : 0;
    leave(index);
    return types;
}

/* ---- choosing ---- */

/* Whether new files of that many bytes may go there. */
static bool is_candidate(const struct path *path, slk_lotus_path_type use, uint64_t need_bytes,
                         uint64_t miner, int64_t now_ms)
{
    const bool fits_use =
        use == SLK_LOTUS_PATH_SEALING ? path->what.can_seal : path->what.can_store;
    return fits_use && path->what.weight > 0 && path->problem[0] == '\0' &&
           now_ms - path->seen_ms <= SLK_FARM_HEARTBEAT_MS && path->stat.available >= 0 &&
           (uint64_t)path->stat.available >= need_bytes &&
           slk_lotus_filter_takes_miner(&path->what.filter, miner);
}

static bool takes_types(const struct path *path, unsigned types)
{
    for (unsigned bit = 1; bit < 1u << SLK_LOTUS_TYPES; bit <<= 1)
        if (types & bit && !slk_lotus_filter_takes_type(&path->what.filter, bit))
            return false;
    return true;
}

unsigned slk_farm_index_takes(slk_farm_index *index, const char *id, unsigned types,
                              uint64_t sector_bytes, uint64_t miner, int64_t now_ms, unsigned most)
{
    uint64_t need = 0, sectors = 0;
    if (slk_lotus_need_bytes(&need, types, sector_bytes, false, NULL) != SLK_OK)
        return 0;
    enter(index);
    const struct path *path = find_path(index, id);
    if (path && is_candidate(path, SLK_LOTUS_PATH_SEALING, need, miner, now_ms) &&
        takes_types(path, types))
        sectors = need > 0 ? (uint64_t)path->stat.available / need : most;
    leave(index);
    return (unsigned)slk_min_u64(sectors, most);
}

static slk_err fill_urls(slk_lotus_place *place, const struct path *path, unsigned type,
                         const slk_lotus_sector *sector, slk_error *error)
{
    char name[SLK_LOTUS_NAME_CHARS];
    slk_lotus_sector_print(name, sector);
    for (size_t i = 0; i < path->what.urls.n; i++) {
        const char *base = path->what.urls.item[i];
        SLK_CLEANUP(slk_freep)
        char *url = slk_strf("%s/%s/%s", base, slk_lotus_type_name(type), name);
        if (!url)
            return no_memory(error);
        if (slk_lotus_strings_add(&place->urls, url) != SLK_OK ||
            slk_lotus_strings_add(&place->base_urls, base) != SLK_OK)
            return slk_fail(error, SLK_E_LIMIT, "the URLs of storage path %s are too long",
                            path->what.id);
    }
    return SLK_OK;
}

static slk_err fill_place(slk_lotus_place *place, const struct path *path, unsigned type,
                          const slk_lotus_sector *sector, slk_error *error)
{
    memcpy(place->id, path->what.id, sizeof place->id);
    place->can_seal = path->what.can_seal;
    place->can_store = path->what.can_store;
    SLK_TRY(fill_urls(place, path, type, sector, error));
    if (slk_lotus_filter_copy(&place->filter, &path->what.filter) != SLK_OK)
        return no_memory(error);
    return SLK_OK;
}

static slk_err find_places(slk_lotus_places *places, slk_farm_index *index,
                           const slk_lotus_sector *sector, unsigned types, uint64_t need,
                           bool allow_fetch, int64_t now_ms, slk_error *error)
{
    places->item = slk_calloc(index->n_paths, sizeof *places->item);
    if (!places->item)
        return no_memory(error);
    for (size_t i = 0; i < index->n_paths; i++) {
        const struct path *path = index->paths[i];
        const struct entry *e = find_entry(index, path, sector);
        const unsigned here = e ? e->types & types : 0;
        if (here == 0 && !(allow_fetch && takes_types(path, types) &&
                           is_candidate(path, SLK_LOTUS_PATH_SEALING, need, sector->miner, now_ms)))
            continue;
        slk_lotus_place *place = &places->item[places->n++];
        const unsigned asked = here ? here : types;
        place->weight = here ? path->what.weight * (unsigned)__builtin_popcount(here) : 0;
        place->primary = here && (e->primary & here) == here;
        SLK_TRY(fill_place(place, path, asked & -asked, sector, error));
    }
    return SLK_OK;
}

slk_err slk_farm_index_find(slk_lotus_places *ret_places, slk_farm_index *index,
                            const slk_lotus_sector *sector, unsigned types, uint64_t sector_bytes,
                            bool allow_fetch, int64_t now_ms, slk_error *error)
{
    uint64_t need = 0;
    slk_lotus_places places = {0};
    if (types == 0)
        return slk_fail(error, SLK_E_INVAL, "no type of files is asked for");
    if (allow_fetch)
        SLK_TRY(slk_lotus_need_bytes(&need, types, sector_bytes, false, error));
    enter(index);
    const slk_err code =
        find_places(&places, index, sector, types, need, allow_fetch, now_ms, error);
    leave(index);
    if (code != SLK_OK) {
        slk_lotus_places_done(&places);
        return code;
    }
    *ret_places = places;
    return SLK_OK;
}

/* Most room times weight first. */
static int by_room(const void *a, const void *b)
{
    const struct path *x = *(struct path *const *)a, *y = *(struct path *const *)b;
    const double room_x = (double)x->stat.available * (double)x->what.weight;
    const double room_y = (double)y->stat.available * (double)y->what.weight;
    return room_x < room_y ? 1 : room_x > room_y ? -1 : strcmp(x->what.id, y->what.id);
}

static slk_err copy_paths(slk_lotus_path *list, size_t *n, struct path *const *from, size_t n_from,
                          slk_error *error)
{
    for (size_t i = 0; i < n_from; i++) {
        SLK_TRY(copy_path(&list[*n], &from[i]->what, error));
        *n += 1;
    }
    return SLK_OK;
}

slk_err slk_farm_index_best(slk_lotus_path **ret_list, size_t *ret_n, slk_farm_index *index,
                            unsigned types, uint64_t sector_bytes, slk_lotus_path_type use,
                            uint64_t miner, int64_t now_ms, slk_error *error)
{
    uint64_t need = 0;
    /* What is stored is finalised. */
    SLK_TRY(slk_lotus_need_bytes(&need, types, sector_bytes, use == SLK_LOTUS_PATH_STORAGE, error));
    enter(index);
    size_t n = 0, copied = 0;
    struct path **good = slk_calloc(index->n_paths, sizeof(struct path *));
    for (size_t i = 0; i < index->n_paths && good; i++)
        if (is_candidate(index->paths[i], use, need, miner, now_ms))
            good[n++] = index->paths[i];
    slk_lotus_path *list = good ? slk_calloc(n, sizeof *list) : NULL;
    slk_err code = list ? SLK_OK : no_memory(error);
    if (list && n == 0)
        code = slk_fail(error, SLK_E_NOTFOUND, "no good path found");
    if (code == SLK_OK) {
        qsort(good, n, sizeof(struct path *), by_room);
        code = copy_paths(list, &copied, good, n, error);
    }
    leave(index);
    slk_free(good);
    if (code != SLK_OK) {
        for (size_t i = 0; i < copied; i++)
            slk_lotus_path_done(&list[i]);
        slk_free(list);
        return code;
    }
    *ret_list = list;
    *ret_n = n;
    return SLK_OK;
}

slk_err slk_farm_index_path(slk_lotus_path *ret_path, slk_farm_index *index, const char *id,
                            slk_error *error)
{
    enter(index);
    const struct path *path = find_path(index, id);
    const slk_err code = path ? copy_path(ret_path, &path->what, error)
                              : slk_fail(error, SLK_E_NOTFOUND, "sector store not found");
    leave(index);
    return code;
}

slk_err slk_farm_index_stat(slk_lotus_fs_stat *ret_stat, slk_farm_index *index, const char *id,
                            slk_error *error)
{
    enter(index);
    const struct path *path = find_path(index, id);
    if (path)
        *ret_stat = path->stat;
    leave(index);
    return path ? SLK_OK : unknown(id, error);
}

/* ---- lists ---- */

static bool put_entry(json_t *all, const struct entry *e)
{
    const slk_lotus_declaration declaration = {.sector = e->sector, .types = e->types};
    return json_array_append_new(json_object_get(all, e->path->what.id),
                                 slk_lotus_declaration_json(&declaration)) == 0;
}

json_t *slk_farm_index_list(slk_farm_index *index)
{
    json_t *all = json_object();
    enter(index);
    bool good = all != NULL;
    for (size_t i = 0; i < index->n_paths && good; i++)
        good = json_object_set_new(all, index->paths[i]->what.id, json_array()) == 0;
    for (size_t i = 0; i < index->n_buckets && good; i++)
        for (const struct entry *e = index->buckets[i]; e && good; e = e->next)
            good = put_entry(all, e);
    leave(index);
    if (good)
        return all;
    json_decref(all);
    return NULL;
}
