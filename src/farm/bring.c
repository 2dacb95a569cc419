/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/bring.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "farm/select.h"
#include "farm/work.h"
#include "store/remote_fetch.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS 4u
#define TEMPORARY ".tmp"
#define BRING_AGAIN_MS 1000 /* between attempts to bring files from a worker that is away */

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for a transfer");
}

/* How the server of each URL is met. */
struct keys {
    slk_farm_key *key;
    slk_http_pass *pass; /* into key */
    size_t n;
};

static void keys_done(struct keys *keys)
{
    for (size_t i = 0; i < keys->n; i++)
        slk_farm_key_wipe(&keys->key[i]);
    slk_free(keys->key);
    slk_free(keys->pass);
}

/* URLs that no worker named since this node was started are taken off the list. *keys is {0}, and the
 * caller's to end, also after a failure. */
static slk_err find_keys(struct keys *keys, slk_farm *farm, slk_lotus_strings *urls,
                         slk_error *error)
{
    keys->key = slk_calloc(urls->n, sizeof *keys->key);
    keys->pass = slk_calloc(urls->n, sizeof *keys->pass);
    if (!keys->key || !keys->pass)
        return no_memory(error);
    slk_err code = SLK_OK;
    for (size_t i = 0; i < urls->n; i++) {
        char *url = urls->item[i];
        slk_farm_key *key = &keys->key[keys->n];
        code = slk_farm_doors_key(farm->doors, key, url, NULL, error);
        if (code != SLK_OK) {
            slk_free(url);
            continue;
        }
        urls->item[keys->n] = url;
        keys->pass[keys->n++] = slk_farm_key_pass(key);
    }
    urls->n = keys->n;
    return keys->n > 0 ? SLK_OK : code;
}

/* Marks the places that are the maker's, and says who that is; false: none is. */
static bool find_own(bool *own, slk_farm_who *ret_who, slk_farm *farm, const slk_farm_call *made,
                     const slk_lotus_places *places)
{
    bool any = false;
    slk_farm_enter(farm);
    const slk_farm_worker *maker = slk_farm_worker_of(farm, made);
    for (size_t i = 0; i < places->n && maker; i++) {
        own[i] = slk_lotus_strings_has(&maker->paths, places->item[i].id);
        any = any || own[i];
    }
    if (any)
        *ret_who = maker->who;
    slk_farm_leave(farm);
    return any;
}

/* Of the maker's places only those URLs that it named itself: somebody else may have named others for them. */
static slk_err add_urls(slk_lotus_strings *urls, slk_farm *farm, const slk_farm_call *made,
                        const slk_lotus_places *places)
{
    SLK_CLEANUP(slk_freep) bool *own = slk_calloc(places->n + 1, sizeof *own);
    slk_farm_who who;
    if (!own)
        return SLK_E_NOMEM;
    const bool any = find_own(own, &who, farm, made, places);
    slk_err code = SLK_OK;
    for (size_t i = 0; i < places->n; i++)
        for (size_t k = 0; k < places->item[i].urls.n && code == SLK_OK && own[i] == any; k++)
            if (!any || slk_farm_doors_is_of(farm->doors, places->item[i].urls.item[k], &who))
                code = slk_lotus_strings_add(urls, places->item[i].urls.item[k]);
    return code;
}

/* All URLs of that type of files at the maker, at others only when it has none: what they have of the
 * sector may be of an earlier attempt, or false. */
static slk_err urls_of(slk_lotus_strings *ret, slk_farm *farm, const slk_farm_call *made,
                       unsigned type, slk_error *error)
{
    slk_lotus_places places;
    slk_lotus_strings urls = {0};
    SLK_TRY(slk_farm_index_find(&places, farm->index, &made->call.sector, type, 0, false,
                                slk_clock_monotonic_ms(), error));
    slk_err code = add_urls(&urls, farm, made, &places);
    slk_lotus_places_done(&places);
    if (code != SLK_OK)
        code = no_memory(error);
    else if (urls.n == 0)
        code = slk_fail(error, SLK_E_UNREACHABLE, "no worker that is here has the %s files",
                        slk_lotus_type_name(type));
    if (code != SLK_OK) {
        slk_lotus_strings_done(&urls);
        return code;
    }
    *ret = urls;
    return SLK_OK;
}

static slk_err bring_one(slk_farm *farm, const slk_farm_call *made, uint64_t sector_bytes,
                         unsigned type, const char *dest, atomic_uint_fast64_t *came, slk_job *job,
                         slk_error *error)
{
    SLK_CLEANUP(slk_lotus_strings_done) slk_lotus_strings urls = {0};
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s" TEMPORARY, dest);
    if (!temp)
        return no_memory(error);
    SLK_CLEANUP(keys_done) struct keys keys = {0};
    SLK_TRY(urls_of(&urls, farm, made, type, error));
    SLK_TRY(find_keys(&keys, farm, &urls, error));
    const slk_store_fetch fetch = {.client = farm->http,
                                   .passes = keys.pass,
                                   .sector = made->call.sector,
                                   .shape = slk_sector_shape_of(sector_bytes),
                                   .type = type,
                                   .urls = (const char *const *)urls.item,
                                   .n_urls = urls.n,
                                   .stage = SLK_CACHE_FINISHED,
                                   .lean = true, /* whoever checks the replica makes the rest */
                                   .connections = CONNECTIONS,
                                   .came = came};
    size_t which = 0;
    return slk_store_fetch_to(&fetch, dest, temp, &which, job, error);
}

static slk_err bring_once(slk_farm *farm, const slk_farm_call *made, uint64_t sector_bytes,
                          const slk_seal_paths *paths, atomic_uint_fast64_t *came, slk_job *job,
                          slk_error *error)
{
    (void)rmdir(
        paths->cache); /* made empty for labels that are elsewhere; what is full is complete */
    if (!slk_file_exists(paths->cache))
        SLK_TRY(
            bring_one(farm, made, sector_bytes, SLK_LOTUS_CACHE, paths->cache, came, job, error));
    if (!slk_file_exists(paths->sealed))
        SLK_TRY(
            bring_one(farm, made, sector_bytes, SLK_LOTUS_SEALED, paths->sealed, came, job, error));
    return SLK_OK;
}

static void wait_a_moment(slk_farm *farm)
{
    slk_farm_enter(farm);
    if (!farm->stopping)
        slk_farm_wait(farm, BRING_AGAIN_MS);
    slk_farm_leave(farm);
}

slk_err slk_farm_bring_finished(slk_farm *farm, const slk_farm_call *made, uint64_t sector_bytes,
                                const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    atomic_uint_fast64_t came = 0;
    uint64_t before = 0;
    for (int64_t since = 0;; before = atomic_load(&came)) {
        const slk_err code = bring_once(farm, made, sector_bytes, paths, &came, job, error);
        if (code != SLK_E_UNREACHABLE && code != SLK_E_TIMEOUT)
            return code;
        const int64_t now = slk_clock_monotonic_ms();
        if (since == 0 || atomic_load(&came) > before) {
            since = now;
            slk_log(SLK_LOG_WARN, "farm.bring",
                    "sector=f0%lu/%lu worker=\"%s\" why=\"%s\" next=\"as soon as it is there\"",
                    (unsigned long)made->call.sector.miner, (unsigned long)made->call.sector.number,
                    made->hostname, slk_error_text(error, code));
        }
        if (now - since > farm->options.lost_ms)
            return slk_fail_context(error, SLK_E_NOTFOUND, "the replica is gone");
        slk_job_stage(job, "waiting for a worker", 0);
        wait_a_moment(farm);
        if (slk_farm_is_stopping(farm))
            return slk_fail(error, SLK_E_CANCELED, "the node stops");
        SLK_TRY(slk_job_check(job, error));
    }
}

void slk_farm_forget_brought(const slk_seal_paths *paths)
{
    const char *const places[] = {paths->cache, paths->sealed};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s" TEMPORARY, places[i]);
        slk_error error = {0};
        slk_err code = slk_remove_tree(places[i], &error);
        if (code == SLK_OK && temp)
            code = slk_store_fetch_forget(temp, &error);
        if (code != SLK_OK)
            slk_log(SLK_LOG_WARN, "farm.forget", "why=\"%s\"", slk_error_text(&error, code));
    }
}

/* A lotus-worker does not say whether it was its own disk that failed, or the source that was away: that one
 * is, unless it answers us. */
static slk_err judge_fetch(slk_err code, slk_farm *farm, const slk_farm_worker *worker,
                           const slk_lotus_sector *sector, unsigned types, slk_error *error)
{
    slk_farm_enter(farm);
    const unsigned missing = types & ~slk_farm_worker_has(worker, sector);
    const bool reachable = slk_farm_is_reachable(farm, sector, missing, worker);
    slk_farm_leave(farm);
    return code == SLK_E_IO && !reachable
               ? slk_fail_context(error, SLK_E_UNREACHABLE, "whoever has the layers is away")
               : code;
}

slk_err slk_farm_bring_layers(void *context, slk_farm *farm, slk_farm_worker *worker, slk_job *job,
                              slk_error *error)
{
    const struct slk_farm_fetch_layers *layers = context;
    const unsigned types = SLK_LOTUS_SEALED | SLK_LOTUS_CACHE;
    slk_farm_enter(farm);
    const bool there = slk_farm_worker_holds(worker, &layers->sector.id, types);
    slk_farm_leave(farm);
    if (there)
        return SLK_OK;
    SLK_CLEANUP(slk_json_decrefp)
    json_t *params = json_pack("[o i s s]", slk_lotus_sector_ref_json(&layers->sector), (int)types,
                               "sealing", "move");
    if (!params)
        return no_memory(error);
    const slk_farm_work work = {.task = SLK_LOTUS_FETCH,
                                .sector = layers->sector,
                                .key = layers->key,
                                .method = "Filecoin.Fetch",
                                .params = params};
    slk_farm_call call = {0};
    slk_err code = slk_farm_work_on(&call, farm, &work, worker, job, error);
    if (code != SLK_OK)
        return judge_fetch(code, farm, worker, &layers->sector.id, types, error);
    code = slk_farm_calls_drop(farm->calls, call.id, error);
    slk_farm_call_done(&call);
    return code;
}
