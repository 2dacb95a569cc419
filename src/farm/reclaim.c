/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/reclaim.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "farm/farm_impl.h"
#include "store/remote_fetch.h"

#include <string.h>

#define OVER_MAX 64u
static const unsigned sealing_types = SLK_LOTUS_UNSEALED | SLK_LOTUS_SEALED | SLK_LOTUS_CACHE;

static const slk_sql known_sector = {
    "ghost.known",
    "SELECT after_cleanup + after_finalize FROM rseal_provider_pipeline WHERE sp_id = $1"
    " AND sector_number = $2"};

/* One type of files on one path. */
static slk_err delete_at(slk_farm *farm, const slk_lotus_place *place, slk_error *error)
{
    slk_err code = SLK_E_NOTFOUND;
    for (size_t i = 0; i < place->urls.n && code != SLK_OK; i++) {
        slk_farm_key key;
        code = slk_farm_doors_key(farm->doors, &key, place->urls.item[i], NULL, error);
        if (code != SLK_OK)
            continue;
        const slk_http_pass pass = slk_farm_key_pass(&key);
        code = slk_store_delete_there(farm->http, &pass, place->urls.item[i], NULL, NULL, error);
        slk_farm_key_wipe(&key);
        if (code == SLK_E_NOTFOUND) /* it is what we want */
            code = SLK_OK;
    }
    return code;
}

static slk_err reclaim_type(slk_farm *farm, const slk_lotus_sector *sector, unsigned type,
                            slk_error *error)
{
    slk_lotus_places places;
    SLK_TRY(slk_farm_index_find(&places, farm->index, sector, type, 0, false,
                                slk_clock_monotonic_ms(), error));
    slk_err code = SLK_OK;
    for (size_t i = 0; i < places.n && code == SLK_OK; i++) {
        if (places.item[i].can_store)
            continue;
        code = delete_at(farm, &places.item[i], error);
        if (code == SLK_OK)
            slk_farm_index_drop(farm->index, places.item[i].id, sector, type);
    }
    slk_lotus_places_done(&places);
    return code;
}

slk_err slk_farm_reclaim(slk_farm *farm, const slk_lotus_sector *sector, slk_error *error)
{
    slk_err code = SLK_OK;
    for (unsigned type = 1; type <= sealing_types; type <<= 1) {
        slk_error own = {0};
        const slk_err one = reclaim_type(farm, sector, type, &own);
        if (one != SLK_OK && code == SLK_OK) {
            code = one;
            *error = own;
        }
    }
    return code;
}

slk_err slk_farm_reclaim_over(slk_farm *farm, slk_error *error)
{
    slk_lotus_sector over[OVER_MAX];
    size_t n = 0;
    slk_err code = slk_farm_calls_over(over, &n, OVER_MAX, farm->calls, error);
    for (size_t i = 0; i < n; i++) {
        slk_error own = {0};
        const slk_err one = slk_farm_reclaim(farm, &over[i], &own);
        SLK_TRY(slk_farm_calls_drop_sector(farm->calls, &over[i], error));
        if (one == SLK_OK)
            slk_log(SLK_LOG_INFO, "farm.reclaimed", "sector=f0%lu/%lu",
                    (unsigned long)over[i].miner, (unsigned long)over[i].number);
        else if (code == SLK_OK) {
            code = one;
            *error = own;
        }
    }
    return code;
}

static bool is_answered_for(slk_farm *farm, const char *path)
{
    bool is = false;
    slk_farm_enter(farm);
    for (const slk_farm_worker *w = farm->workers; w && !is; w = w->next)
        is = w->answers && slk_lotus_strings_has(&w->paths, path);
    slk_farm_leave(farm);
    return is;
}

slk_err slk_farm_forget_away(slk_farm *farm, const slk_lotus_sector *sector, slk_error *error)
{
    slk_lotus_places places;
    SLK_TRY(slk_farm_index_find(&places, farm->index, sector, sealing_types, 0, false,
                                slk_clock_monotonic_ms(), error));
    for (size_t i = 0; i < places.n; i++)
        if (!places.item[i].can_store && !is_answered_for(farm, places.item[i].id))
            slk_farm_index_drop(farm->index, places.item[i].id, sector, sealing_types);
    slk_lotus_places_done(&places);
    return SLK_OK;
}

/* ---- what nobody knows ---- */

static slk_err look_up(bool *ret_known, bool *ret_over, slk_farm *farm,
                       const slk_lotus_sector *sector, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, farm->options.db, &known_sector, error));
    slk_bind_i64(&q, 1, slk_i64(sector->miner));
    slk_bind_i64(&q, 2, slk_i64(sector->number));
    SLK_TRY(slk_query_step(&q, &row, error));
    *ret_known = row;
    *ret_over = !row || slk_column_i64(&q, 0) > 0;
    return SLK_OK;
}

/* What becomes of a sector that is not under way. */
struct ghosts {
    slk_farm *farm;
    json_t *list; /* NULL: it is not listed */
    bool remove_known; /* it was ordered here */
    bool remove_unknown;
    slk_err failed; /* first failure of a removal */
    slk_error why;
};

static bool remove_ghost(struct ghosts *g, const slk_lotus_sector *sector)
{
    slk_error own = {0};
    const slk_err code = slk_farm_reclaim(g->farm, sector, &own);
    if (code != SLK_OK && g->failed == SLK_OK) {
        g->failed = code;
        g->why = own;
    }
    return code == SLK_OK;
}

static slk_err one_ghost(struct ghosts *g, const char *path, const slk_lotus_declaration *d,
                         slk_error *error)
{
    bool known = false, over = false, removed = false;
    SLK_TRY(look_up(&known, &over, g->farm, &d->sector, error));
    if (!over)
        return SLK_OK;
    if (known ? g->remove_known : g->remove_unknown)
        removed = remove_ghost(g, &d->sector);
    if (!g->list)
        return SLK_OK;
    json_t *row = json_pack("{sI sI ss sI sb sb}", "Miner", (json_int_t)d->sector.miner, "Number",
                            (json_int_t)d->sector.number, "Path", path, "Types",
                            (json_int_t)d->types, "Known", known, "Removed", removed);
    return json_array_append_new(g->list, row) == 0
               ? SLK_OK
               : slk_fail(error, SLK_E_NOMEM, "out of memory for a list");
}

/* Those of one path, which only seals. */
static slk_err ghosts_of(struct ghosts *g, const char *path, const json_t *list, slk_error *error)
{
    slk_lotus_path what;
    if (slk_farm_index_path(&what, g->farm->index, path, error) != SLK_OK)
        return SLK_OK; /* detached meanwhile */
    const bool keeps = what.can_store;
    slk_lotus_path_done(&what);
    for (size_t i = 0; i < json_array_size(list) && !keeps; i++) {
        slk_lotus_declaration d;
        SLK_TRY(slk_lotus_declaration_read(&d, json_array_get(list, i), "declaration", error));
        if (d.types & sealing_types)
            SLK_TRY(one_ghost(g, path, &d, error));
    }
    return SLK_OK;
}

static slk_err all_ghosts(struct ghosts *g, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = slk_farm_index_list(g->farm->index);
    if (!all)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a list");
    const char *path;
    json_t *list;
    json_object_foreach(all, path, list) SLK_TRY(ghosts_of(g, path, list, error));
    return SLK_OK;
}

slk_err slk_farm_reclaim_left(slk_farm *farm, slk_error *error)
{
    struct ghosts g = {.farm = farm, .remove_known = true};
    SLK_TRY(all_ghosts(&g, error));
    return g.failed == SLK_OK ? SLK_OK : slk_fail(error, g.failed, "%s", g.why.message);
}

slk_err slk_farm_ghosts(json_t **ret_ghosts, slk_farm *farm, bool dry_run, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *ghosts = json_array();
    struct ghosts g = {
        .farm = farm, .list = ghosts, .remove_unknown = !dry_run, .remove_known = !dry_run};
    if (!ghosts)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a list");
    SLK_TRY(all_ghosts(&g, error));
    if (g.failed != SLK_OK)
        slk_log(SLK_LOG_WARN, "farm.ghost", "why=\"%s\"", slk_error_text(&g.why, g.failed));
    *ret_ghosts = ghosts;
    ghosts = NULL;
    return SLK_OK;
}
