/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The worker as its node knows it: who it is, its paths and what lies on them, and that it lives. */
#include "worker/worker_impl.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

#define KNOCK_MS 1000 /* between attempts to reach a node at the start */
#define NODE_AGENT "selkie"

slk_miner slk_worker_miner_for(slk_worker *worker, slk_job *job)
{
    return (slk_miner){.rpc = worker->rpc, .job = job, .patient = true};
}

static void log_failure(slk_log_level level, const char *event, slk_err code,
                        const slk_error *error, const char *then)
{
    char text[sizeof error->message];
    (void)snprintf(text, sizeof text, "%s", slk_error_text(error, code));
    slk_text_quotable(text);
    slk_log(level, event, "why=\"%s\" then=\"%s\"", text, then);
}

static void set_unsettled(slk_worker *worker, bool unsettled)
{
    (void)pthread_mutex_lock(&worker->lock);
    worker->unsettled = unsettled;
    (void)pthread_mutex_unlock(&worker->lock);
}

/* ---- paths and what lies on them ---- */

static slk_err strings_of(slk_lotus_strings *out, const char *text, slk_error *error)
{
    if (slk_lotus_strings_add(out, text) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    return SLK_OK;
}

char *slk_worker_told_url(const slk_worker *worker, const char *url)
{
    const bool pinned = worker->node_is_ours && worker->pin[0];
    return slk_strf("%s%s%s", url, pinned ? "#" : "", pinned ? worker->pin : "");
}

static slk_err attach(slk_worker *worker, const slk_store_path *path, slk_error *error)
{
    slk_lotus_fs_stat stat;
    SLK_TRY(slk_store_stat(worker->store, &stat, path, error));
    slk_lotus_path what = {.weight = path->meta.weight,
                           .max_storage = path->meta.max_storage,
                           .can_seal = path->meta.can_seal,
                           .can_store = path->meta.can_store,
                           .filter = path->meta.filter}; /* borrowed */
    (void)snprintf(what.id, sizeof what.id, "%s", path->meta.id);
    SLK_CLEANUP(slk_freep) char *url = slk_worker_told_url(worker, worker->storage_url);
    if (!url)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    SLK_TRY(strings_of(&what.urls, url, error));
    const slk_err code = slk_miner_attach(&worker->miner, &what, &stat, error);
    slk_lotus_strings_done(&what.urls);
    return code;
}

/* Of those types what is not there any more. */
static unsigned gone_of(const slk_store_path *path, const slk_lotus_declaration *one)
{
    unsigned gone = 0;
    for (unsigned type = 1; type <= one->types; type <<= 1) {
        SLK_CLEANUP(slk_freep)
        char *file = one->types & type ? slk_store_file(path, type, &one->sector) : NULL;
        if (file && !slk_file_exists(file))
            gone |= type;
    }
    return gone;
}

/* What went since the scan was taken back before it is declared here, perhaps: once more. */
static slk_err declare_all(slk_worker *worker, const slk_store_path *path,
                           const slk_store_scan *scan, slk_error *error)
{
    for (size_t i = 0; i < scan->n; i++) {
        const slk_lotus_declaration *one = &scan->found[i];
        SLK_TRY(slk_miner_declare(&worker->miner, path->meta.id, &one->sector, one->types,
                                  path->meta.can_store, error));
        const unsigned gone = gone_of(path, one);
        if (gone)
            SLK_TRY(slk_miner_drop(&worker->miner, path->meta.id, &one->sector, gone, error));
    }
    return SLK_OK;
}

/* Types of the sector that the scan has not. */
static unsigned missing(const slk_store_scan *scan, const slk_lotus_declaration *known)
{
    for (size_t i = 0; i < scan->n; i++)
        if (slk_lotus_sector_equal(&scan->found[i].sector, &known->sector))
            return known->types & ~scan->found[i].types;
    return known->types;
}

/* What the node has of all paths; *ret_list stays NULL where it cannot say. */
static slk_err list_known(slk_worker *worker, json_t **ret_list, slk_error *error)
{
    const slk_err code = slk_miner_list(&worker->miner, ret_list, error);
    if (code != SLK_E_CONFLICT && code != SLK_E_INVAL && code != SLK_E_PROTO)
        return code;
    /* A lotus-miner whose index has a sector on a path that it never met cannot list any. */
    log_failure(SLK_LOG_WARN, "index.not_compared", code, error,
                "what it has beyond our files stays there");
    return SLK_OK;
}

static slk_err drop_missing(slk_worker *worker, const slk_store_path *path, const json_t *list,
                            const slk_store_scan *scan, slk_error *error)
{
    const json_t *known = json_object_get(list, path->meta.id);
    for (size_t i = 0; i < json_array_size(known); i++) {
        slk_lotus_declaration one;
        SLK_TRY(slk_lotus_declaration_read(&one, json_array_get(known, i), "StorageList", error));
        const unsigned gone = missing(scan, &one);
        if (gone)
            SLK_TRY(slk_miner_drop(&worker->miner, path->meta.id, &one.sector, gone, error));
    }
    return SLK_OK;
}

/* Files come and go meanwhile, and the store's hooks tell of it: what the node knows is asked before it is
 * looked at what is there, so that nothing is taken back that came in between. */
slk_err slk_worker_declare_path(slk_worker *worker, const slk_store_path *path, bool drop,
                                slk_error *error)
{
    slk_store_scan scan = {0};
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(attach(worker, path, error));
    if (drop)
        SLK_TRY(list_known(worker, &list, error));
    SLK_TRY(slk_store_scan_path(&scan, path, error));
    slk_err code = declare_all(worker, path, &scan, error);
    if (code == SLK_OK && drop)
        code = drop_missing(worker, path, list, &scan, error);
    slk_store_scan_done(&scan);
    return code;
}

/* Telling held. */
static slk_err tell_paths(slk_worker *worker, bool drop, slk_error *error)
{
    const slk_store_path *paths[SLK_STORE_PATHS_MAX];
    const size_t n = slk_store_list(worker->store, paths);
    set_unsettled(worker, false); /* what changes from here on, and is missed, sets it again */
    slk_err code = SLK_OK;
    for (size_t i = 0; i < n && code == SLK_OK; i++)
        code = slk_worker_declare_path(worker, paths[i], drop, error);
    if (code != SLK_OK)
        set_unsettled(worker, true);
    return code;
}

static slk_err declare_paths(slk_worker *worker, bool drop, slk_error *error)
{
    (void)pthread_mutex_lock(&worker->telling);
    const slk_err code = tell_paths(worker, drop, error);
    (void)pthread_mutex_unlock(&worker->telling);
    return code;
}

slk_err slk_worker_settle(slk_worker *worker, slk_error *error)
{
    (void)pthread_mutex_lock(&worker->telling); /* who is just telling has not told all */
    (void)pthread_mutex_lock(&worker->lock);
    const bool unsettled = worker->unsettled;
    (void)pthread_mutex_unlock(&worker->lock);
    const slk_err code = unsettled ? tell_paths(worker, true, error) : SLK_OK;
    (void)pthread_mutex_unlock(&worker->telling);
    return code;
}

static void report_health(slk_worker *worker, const slk_store_path *path)
{
    slk_lotus_health health = {0};
    slk_error error = {0};
    slk_err code = slk_store_stat(worker->store, &health.stat, path, &error);
    if (code != SLK_OK)
        (void)snprintf(health.problem, sizeof health.problem, "%s", slk_error_text(&error, code));
    code = slk_miner_report_health(&worker->miner, path->meta.id, &health, &error);
    if (code != SLK_OK)
        log_failure(SLK_LOG_DEBUG, "health.not_told", code, &error, "it is told again");
}

void slk_worker_report_health(slk_worker *worker)
{
    const slk_store_path *paths[SLK_STORE_PATHS_MAX];
    const size_t n = slk_store_list(worker->store, paths);
    for (size_t i = 0; i < n; i++)
        report_health(worker, paths[i]);
}

/* ---- for the store ---- */

/* A node that is away hears of it later, and the file's way goes on. */
static slk_err told(slk_worker *worker, slk_err code, const slk_error *error)
{
    if (code == SLK_OK)
        return SLK_OK;
    set_unsettled(worker, true);
    log_failure(SLK_LOG_WARN, "index.not_told", code, error,
                "the node is told what lies here before the next result");
    return SLK_OK;
}

static slk_err dropping(void *context, const slk_store_path *path, const slk_lotus_sector *sector,
                        unsigned type, slk_error *error)
{
    slk_worker *worker = context;
    return told(worker, slk_miner_drop(&worker->miner, path->meta.id, sector, type, error), error);
}

static slk_err placed(void *context, const slk_store_path *path, const slk_lotus_sector *sector,
                      unsigned type, slk_error *error)
{
    slk_worker *worker = context;
    return told(worker,
                slk_miner_declare(&worker->miner, path->meta.id, sector, type, false, error),
                error);
}

void slk_worker_store_hooks(slk_store_hooks *ret_hooks, slk_worker *worker)
{
    *ret_hooks = (slk_store_hooks){.context = worker, .dropping = dropping, .placed = placed};
}

/* ---- the start ---- */

static slk_err greet_once(slk_worker *worker, slk_error *error)
{
    slk_lotus_version version;
    uint64_t sector_bytes = 0;
    SLK_TRY(slk_miner_version(&worker->miner, &version, error));
    if (version.api_version != SLK_LOTUS_MINER_API_VERSION)
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "the node speaks version %ld of the miner's API, this worker %d (1.5.0): "
                        "run versions that belong together",
                        version.api_version, SLK_LOTUS_MINER_API_VERSION);
    worker->node_is_ours = strncmp(version.agent, NODE_AGENT, strlen(NODE_AGENT)) == 0;
    SLK_TRY(slk_worker_token_renew(worker, error));
    SLK_TRY(slk_miner_address(&worker->miner, worker->address, sizeof worker->address, error));
    SLK_TRY(slk_miner_sector_size(&worker->miner, worker->address, &sector_bytes, error));
    if (strcmp(worker->address, SLK_LOTUS_NO_MINER) == 0)
        worker->address[0] = 0;
    slk_log(SLK_LOG_INFO, "node.found", "version=\"%s\" miner=%s sector_bytes=%lu", version.version,
            *worker->address ? worker->address : "none", sector_bytes);
    return declare_paths(worker, false, error);
}

/* Worth waiting for, rather than to be mended by whoever started us. */
static bool may_come(slk_err code)
{
    return slk_miner_may_come_back(code) || code == SLK_E_CONFLICT || code == SLK_E_PROTO;
}

slk_err slk_worker_greet(slk_worker *worker, bool (*stop)(void *), void *context, slk_error *error)
{
    for (bool first = true;; first = false) {
        slk_err code = greet_once(worker, error);
        if (code == SLK_E_AUTH && slk_worker_token_fall_back(worker))
            code = greet_once(worker, error);
        if (code == SLK_OK || !may_come(code))
            return code;
        if (first)
            log_failure(SLK_LOG_WARN, "node.away", code, error, "it is asked again each second");
        if (stop(context))
            return slk_fail(error, SLK_E_CANCELED, "stopped before the node answered");
        slk_clock_sleep_ms(KNOCK_MS);
    }
}

/* ---- the beat ---- */

static slk_err connect_to(slk_worker *worker, const char *session, slk_error *error)
{
    (void)pthread_mutex_lock(&worker->lock);
    const bool known = strcmp(worker->node_session, session) == 0;
    const bool fresh = worker->node_session[0] == 0;
    const bool other_token = strcmp(worker->node_session, SLK_OTHER_TOKEN) == 0;
    (void)pthread_mutex_unlock(&worker->lock);
    if (known)
        return slk_worker_settle(worker, error);
    if (!fresh) {
        slk_log(SLK_LOG_INFO, other_token ? "token.other" : "node.restarted",
                "node_session=%s then=\"declares all again\"", session);
        SLK_TRY(declare_paths(worker, true, error));
    }
    SLK_CLEANUP(slk_freep) char *url = slk_worker_told_url(worker, worker->api_url);
    if (!url)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for our URL");
    SLK_TRY(slk_miner_connect(&worker->miner, url, error));
    (void)pthread_mutex_lock(&worker->lock);
    (void)snprintf(worker->node_session, sizeof worker->node_session, "%s", session);
    if (worker->return_from_ms == 0)
        worker->return_from_ms =
            slk_clock_monotonic_ms() + (worker->resumed ? worker->options.hold_ms : 0);
    (void)pthread_mutex_unlock(&worker->lock);
    slk_log(SLK_LOG_INFO, "node.connected", "url=%s node_session=%s", worker->api_url, session);
    return SLK_OK;
}

static slk_err beat(slk_worker *worker, slk_error *error)
{
    char session[SLK_UUID_CHARS];
    SLK_TRY(slk_worker_token_renew(worker, error));
    SLK_TRY(slk_miner_session(&worker->miner, session, error));
    SLK_TRY(connect_to(worker, session, error));
    slk_worker_report_health(worker);
    return SLK_OK;
}

static bool detached(slk_worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    const bool is = worker->detached;
    (void)pthread_mutex_unlock(&worker->lock);
    return is;
}

/* False: the worker is stopping. */
static bool wait_beat(slk_worker *worker, int64_t ms)
{
    const int64_t until = slk_clock_monotonic_ms() + ms;
    (void)pthread_mutex_lock(&worker->lock);
    while (!worker->stopping && slk_clock_monotonic_ms() < until)
        (void)slk_cond_wait_ms(&worker->moved, &worker->lock, until - slk_clock_monotonic_ms());
    const bool stopping = worker->stopping;
    (void)pthread_mutex_unlock(&worker->lock);
    return !stopping;
}

static void *link_main(void *context)
{
    slk_worker *worker = context;
    const int64_t beat_ms = worker->options.beat_ms;
    const int64_t knock_ms = beat_ms < KNOCK_MS ? beat_ms : KNOCK_MS;
    bool away = false;
    do {
        slk_error error = {0};
        if (detached(worker))
            continue;
        slk_err code = beat(worker, &error);
        if (code == SLK_E_AUTH && slk_worker_token_fall_back(worker))
            code = beat(worker, &error);
        if (code == SLK_OK && away)
            slk_log(SLK_LOG_INFO, "node.back", "url=%s", worker->options.node_url);
        else if (code != SLK_OK && code != SLK_E_CANCELED && !away)
            log_failure(SLK_LOG_WARN, "node.away", code, &error,
                        "work goes on, the node is asked again");
        away = code != SLK_OK;
    } while (wait_beat(worker, away ? knock_ms : beat_ms));
    return NULL;
}

slk_err slk_worker_link_start(slk_worker *worker, slk_error *error)
{
    worker->link_running = pthread_create(&worker->link_thread, NULL, link_main, worker) == 0;
    if (!worker->link_running)
        return slk_fail(error, SLK_E_NOMEM, "cannot start a thread");
    return SLK_OK;
}

/* ---- the end ---- */

void slk_worker_leave(slk_worker *worker)
{
    const slk_miner miner = {.rpc = worker->rpc}; /* our life is over, its calls are canceled */
    const bool connected =
        worker->node_session[0] && strcmp(worker->node_session, SLK_OTHER_TOKEN) != 0;
    slk_error error = {0};
    if (!connected || !worker->node_is_ours || !slk_runner_is_empty(worker->runner))
        return;
    const slk_err code = slk_miner_leave(&miner, worker->session, &error);
    if (code == SLK_OK)
        slk_log(SLK_LOG_INFO, "node.left", "url=%s", worker->options.node_url);
    else
        log_failure(SLK_LOG_DEBUG, "node.not_left", code, &error,
                    "to the node this worker is away until it is started again");
}
