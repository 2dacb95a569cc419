/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Storage paths as the two APIs tell of them. */
#include "lotus/storage.h"

#include "base/mem.h"
#include "codec/json.h"
#include "fil/address.h"
#include "lotus/lotus_impl.h"
#include "lotus/storage_impl.h"
#include "lotus/types.h"

#include <stddef.h>
#include <string.h>

/* ---- what a path takes */

/* The lists of a filter. A place tells of those from PLACE_LISTS on. */
static const struct {
    size_t at;
    const char *name;
} lists[] = {
    {offsetof(slk_lotus_filter, groups), "Groups"},
    {offsetof(slk_lotus_filter, allow_to), "AllowTo"},
    {offsetof(slk_lotus_filter, allow_types), "AllowTypes"},
    {offsetof(slk_lotus_filter, deny_types), "DenyTypes"},
    {offsetof(slk_lotus_filter, allow_miners), "AllowMiners"},
    {offsetof(slk_lotus_filter, deny_miners), "DenyMiners"},
};
#define LISTS (sizeof lists / sizeof *lists)
#define PLACE_LISTS 2u

static slk_lotus_strings *list_of(slk_lotus_filter *filter, size_t i)
{
    return (slk_lotus_strings *)(void *)((char *)filter + lists[i].at);
}

static const slk_lotus_strings *list_in(const slk_lotus_filter *filter, size_t i)
{
    return (const slk_lotus_strings *)(const void *)((const char *)filter + lists[i].at);
}

void slk_lotus_filter_done(slk_lotus_filter *filter)
{
    for (size_t i = 0; i < LISTS; i++)
        slk_lotus_strings_done(list_of(filter, i));
}

slk_err slk_lotus_filter_copy(slk_lotus_filter *ret_copy, const slk_lotus_filter *filter)
{
    slk_lotus_filter copy = {0};
    for (size_t i = 0; i < LISTS; i++) {
        const slk_err code = slk_lotus_strings_copy(list_of(&copy, i), list_in(filter, i));
        if (code != SLK_OK) {
            slk_lotus_filter_done(&copy);
            return code;
        }
    }
    *ret_copy = copy;
    return SLK_OK;
}

bool slk_lotus_filter_takes_type(const slk_lotus_filter *filter, unsigned type)
{
    const char *name = slk_lotus_type_name(type);
    slk_assert(name != NULL);
    return !slk_lotus_strings_has(&filter->deny_types, name) &&
           (filter->allow_types.n == 0 || slk_lotus_strings_has(&filter->allow_types, name));
}

static bool names_miner(const slk_lotus_strings *list, uint64_t miner)
{
    for (size_t i = 0; i < list->n; i++) {
        uint64_t id;
        if (slk_miner_id_parse(&id, list->item[i], NULL) == SLK_OK && id == miner)
            return true;
    }
    return false;
}

bool slk_lotus_filter_takes_miner(const slk_lotus_filter *filter, uint64_t miner)
{
    return !names_miner(&filter->deny_miners, miner) &&
           (filter->allow_miners.n == 0 || names_miner(&filter->allow_miners, miner));
}

bool slk_lotus_filter_lets_move(const slk_lotus_filter *from, const slk_lotus_filter *to)
{
    return from->allow_to.n == 0 || slk_lotus_strings_meet(&from->allow_to, &to->groups);
}

static slk_err read_lists(slk_lotus_filter *ret_filter, size_t first, const json_t *object,
                          slk_error *error)
{
    slk_lotus_filter filter = {0};
    for (size_t i = first; i < LISTS; i++) {
        const slk_err code =
            slk_lotus_strings_read(list_of(&filter, i), object, lists[i].name, error);
        if (code != SLK_OK) {
            slk_lotus_filter_done(&filter);
            return code;
        }
    }
    *ret_filter = filter;
    return SLK_OK;
}

static bool add_lists(json_t *object, size_t first, const slk_lotus_filter *filter)
{
    for (size_t i = first; i < LISTS; i++)
        if (json_object_set_new(object, lists[i].name,
                                slk_lotus_strings_json(list_in(filter, i))) != 0)
            return false;
    return true;
}

slk_err slk_lotus_filter_read(slk_lotus_filter *ret_filter, const json_t *object, slk_error *error)
{
    return read_lists(ret_filter, 0, object, error);
}

bool slk_lotus_filter_add_json(json_t *object, const slk_lotus_filter *filter)
{
    return add_lists(object, 0, filter);
}

/* ---- StorageInfo */

void slk_lotus_path_done(slk_lotus_path *path)
{
    slk_lotus_strings_done(&path->urls);
    slk_lotus_filter_done(&path->filter);
}

static slk_err read_path(slk_lotus_path *path, const json_t *value, slk_error *error)
{
    SLK_TRY(slk_lotus_get_uuid(path->id, value, "ID", error));
    SLK_TRY(slk_lotus_get_u64(&path->weight, value, "Weight", error));
    SLK_TRY(slk_lotus_get_u64(&path->max_storage, value, "MaxStorage", error));
    SLK_TRY(slk_lotus_get_bool(&path->can_seal, value, "CanSeal", error));
    SLK_TRY(slk_lotus_get_bool(&path->can_store, value, "CanStore", error));
    SLK_TRY(slk_lotus_strings_read(&path->urls, value, "URLs", error));
    if (path->urls.n == 0)
        return slk_fail(error, SLK_E_INVAL, "URLs: none");
    return slk_lotus_filter_read(&path->filter, value, error);
}

slk_err slk_lotus_path_read(slk_lotus_path *ret_path, const json_t *value, const char *what,
                            slk_error *error)
{
    slk_lotus_path path = {0};
    slk_err code = read_path(&path, value, error);
    if (code == SLK_OK)
        *ret_path = path;
    else
        slk_lotus_path_done(&path);
    return slk_lotus_named(code, what, error);
}

json_t *slk_lotus_path_json(const slk_lotus_path *path)
{
    json_t *object = json_pack(
        "{s:s, s:o, s:I, s:I, s:b, s:b}", "ID", path->id, "URLs",
        slk_lotus_strings_json(&path->urls), "Weight", (json_int_t)path->weight, "MaxStorage",
        (json_int_t)path->max_storage, "CanSeal", path->can_seal, "CanStore", path->can_store);
    if (object != NULL && slk_lotus_filter_add_json(object, &path->filter))
        return object;
    json_decref(object);
    return NULL;
}

/* ---- FsStat, HealthReport */

static slk_err read_fs_stat(slk_lotus_fs_stat *stat, const json_t *value, slk_error *error)
{
    if (!json_is_object(value))
        return slk_fail(error, SLK_E_INVAL, "not an object");
    SLK_TRY(slk_lotus_get_i64(&stat->capacity, value, "Capacity", error));
    SLK_TRY(slk_lotus_get_i64(&stat->available, value, "Available", error));
    SLK_TRY(slk_lotus_get_i64(&stat->fs_available, value, "FSAvailable", error));
    SLK_TRY(slk_lotus_get_i64(&stat->reserved, value, "Reserved", error));
    SLK_TRY(slk_lotus_get_i64(&stat->max, value, "Max", error));
    return slk_lotus_get_i64(&stat->used, value, "Used", error);
}

slk_err slk_lotus_fs_stat_read(slk_lotus_fs_stat *ret_stat, const json_t *value, const char *what,
                               slk_error *error)
{
    slk_lotus_fs_stat stat;
    SLK_TRY(slk_lotus_named(read_fs_stat(&stat, value, error), what, error));
    *ret_stat = stat;
    return SLK_OK;
}

json_t *slk_lotus_fs_stat_json(const slk_lotus_fs_stat *stat)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "Capacity", (json_int_t)stat->capacity,
                     "Available", (json_int_t)stat->available, "FSAvailable",
                     (json_int_t)stat->fs_available, "Reserved", (json_int_t)stat->reserved, "Max",
                     (json_int_t)stat->max, "Used", (json_int_t)stat->used);
}

slk_err slk_lotus_health_read(slk_lotus_health *ret_health, const json_t *value, const char *what,
                              slk_error *error)
{
    slk_lotus_health health = {0};
    SLK_TRY(slk_lotus_named(
        slk_lotus_fs_stat_read(&health.stat, slk_json_member(value, "Stat"), "Stat", error), what,
        error));
    SLK_TRY(slk_lotus_named(
        slk_lotus_get_sentence(health.problem, sizeof health.problem, value, "Err", error), what,
        error));
    *ret_health = health;
    return SLK_OK;
}

json_t *slk_lotus_health_json(const slk_lotus_health *health)
{
    return json_pack("{s:o, s:o}", "Stat", slk_lotus_fs_stat_json(&health->stat), "Err",
                     slk_lotus_text_json(health->problem));
}

/* ---- SectorStorageInfo */

#define PLACES_MAX 4096u

static void place_done(void *one)
{
    slk_lotus_place *place = one;
    slk_lotus_strings_done(&place->urls);
    slk_lotus_strings_done(&place->base_urls);
    slk_lotus_filter_done(&place->filter);
}

void slk_lotus_places_done(slk_lotus_places *places)
{
    for (size_t i = 0; i < places->n; i++)
        place_done(&places->item[i]);
    slk_free(places->item);
    *places = (slk_lotus_places){0};
}

static slk_err read_place_fields(slk_lotus_place *place, const json_t *value, slk_error *error)
{
    SLK_TRY(slk_lotus_get_uuid(place->id, value, "ID", error));
    SLK_TRY(slk_lotus_get_u64(&place->weight, value, "Weight", error));
    SLK_TRY(slk_lotus_get_bool(&place->can_seal, value, "CanSeal", error));
    SLK_TRY(slk_lotus_get_bool(&place->can_store, value, "CanStore", error));
    SLK_TRY(slk_lotus_get_bool(&place->primary, value, "Primary", error));
    SLK_TRY(slk_lotus_strings_read(&place->urls, value, "URLs", error));
    SLK_TRY(slk_lotus_strings_read(&place->base_urls, value, "BaseURLs", error));
    return read_lists(&place->filter, PLACE_LISTS, value, error);
}

static slk_err read_place(void *one, const json_t *value, slk_error *error)
{
    slk_err code = read_place_fields(one, value, error);
    if (code != SLK_OK)
        place_done(one);
    return code;
}

slk_err slk_lotus_places_read(slk_lotus_places *ret_places, const json_t *value, const char *what,
                              slk_error *error)
{
    void *items;
    size_t n;
    SLK_TRY(
        slk_lotus_named(slk_lotus_get_list(&items, &n, value, PLACES_MAX, sizeof *ret_places->item,
                                           read_place, place_done, error),
                        what, error));
    *ret_places = (slk_lotus_places){.item = items, .n = n};
    return SLK_OK;
}

static json_t *place_json(const void *one)
{
    const slk_lotus_place *p = one;
    json_t *object =
        json_pack("{s:s, s:o, s:o, s:I, s:b, s:b, s:b}", "ID", p->id, "URLs",
                  slk_lotus_strings_json(&p->urls), "BaseURLs",
                  slk_lotus_strings_json(&p->base_urls), "Weight", (json_int_t)p->weight, "CanSeal",
                  p->can_seal, "CanStore", p->can_store, "Primary", p->primary);
    if (object != NULL && add_lists(object, PLACE_LISTS, &p->filter))
        return object;
    json_decref(object);
    return NULL;
}

json_t *slk_lotus_places_json(const slk_lotus_places *places)
{
    return slk_lotus_list_json(places->item, places->n, sizeof *places->item, place_json);
}

/* ---- StoragePath */

#define LOCAL_PATHS_MAX 1024u

static void local_path_done(void *one)
{
    slk_lotus_local_path *path = one;
    slk_free(path->folder);
    path->folder = NULL;
}

void slk_lotus_local_paths_done(slk_lotus_local_paths *paths)
{
    for (size_t i = 0; i < paths->n; i++)
        local_path_done(&paths->item[i]);
    slk_free(paths->item);
    *paths = (slk_lotus_local_paths){0};
}

static slk_err read_local_path(void *one, const json_t *value, slk_error *error)
{
    slk_lotus_local_path *path = one;
    const char *folder;
    SLK_TRY(slk_lotus_get_uuid(path->id, value, "ID", error));
    SLK_TRY(slk_lotus_get_u64(&path->weight, value, "Weight", error));
    SLK_TRY(slk_lotus_get_bool(&path->can_seal, value, "CanSeal", error));
    SLK_TRY(slk_lotus_get_bool(&path->can_store, value, "CanStore", error));
    SLK_TRY(slk_json_string(&folder, value, "LocalPath", error));
    path->folder = slk_strdup(folder);
    return path->folder != NULL ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

slk_err slk_lotus_local_paths_read(slk_lotus_local_paths *ret_paths, const json_t *value,
                                   const char *what, slk_error *error)
{
    void *items;
    size_t n;
    SLK_TRY(slk_lotus_named(slk_lotus_get_list(&items, &n, value, LOCAL_PATHS_MAX,
                                               sizeof *ret_paths->item, read_local_path,
                                               local_path_done, error),
                            what, error));
    *ret_paths = (slk_lotus_local_paths){.item = items, .n = n};
    return SLK_OK;
}

static json_t *local_path_json(const void *one)
{
    const slk_lotus_local_path *p = one;
    return json_pack("{s:s, s:I, s:o, s:b, s:b}", "ID", p->id, "Weight", (json_int_t)p->weight,
                     "LocalPath", slk_lotus_text_json(p->folder), "CanSeal", p->can_seal,
                     "CanStore", p->can_store);
}

json_t *slk_lotus_local_paths_json(const slk_lotus_local_paths *paths)
{
    return slk_lotus_list_json(paths->item, paths->n, sizeof *paths->item, local_path_json);
}

/* ---- Decl */

slk_err slk_lotus_declaration_read(slk_lotus_declaration *ret_declaration, const json_t *value,
                                   const char *what, slk_error *error)
{
    slk_lotus_declaration d;
    SLK_TRY(slk_lotus_sector_read(&d.sector, value, what, error));
    SLK_TRY(slk_lotus_named(slk_lotus_types_read(&d.types, slk_json_member(value, "SectorFileType"),
                                                 "SectorFileType", error),
                            what, error));
    *ret_declaration = d;
    return SLK_OK;
}

json_t *slk_lotus_declaration_json(const slk_lotus_declaration *declaration)
{
    return json_pack("{s:I, s:I, s:I}", "Miner", (json_int_t)declaration->sector.miner, "Number",
                     (json_int_t)declaration->sector.number, "SectorFileType",
                     (json_int_t)declaration->types);
}
