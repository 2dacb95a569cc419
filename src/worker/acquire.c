/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bringing a sector's files here, and clearing away what others have of it. */
#include "worker/worker_impl.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URLS_MAX 64u
#define FETCH_CONNECTIONS 4u
#define AGAIN_MS 1000
#define SOURCE_NONE SIZE_MAX

static int by_weight(const void *a, const void *b)
{
    const slk_lotus_place *x = a;
    const slk_lotus_place *y = b;
    return (x->weight > y->weight) - (x->weight < y->weight);
}

static bool is_ours(slk_worker *worker, const slk_lotus_place *place)
{
    return slk_store_get(worker->store, place->id) != NULL;
}

/* A copy at another node; the texts live as long as the places they come from. */
struct source {
    const char *url;
    const char *path_id;
};

/* Lightest first. */
static size_t gather(struct source out[URLS_MAX], slk_worker *worker, slk_lotus_places *places)
{
    size_t n = 0;
    if (places->n > 1)
        qsort(places->item, places->n, sizeof *places->item, by_weight);
    for (size_t i = 0; i < places->n; i++)
        for (size_t k = 0; k < places->item[i].urls.n && n < URLS_MAX; k++)
            if (!is_ours(worker, &places->item[i]))
                out[n++] = (struct source){places->item[i].urls.item[k], places->item[i].id};
    return n;
}

/* The sender's copies are to go, but not those on our paths: a disk that both see is one place. */
static slk_err own_ids(slk_lotus_strings *out, slk_worker *worker, slk_error *error)
{
    const slk_store_path *paths[SLK_STORE_PATHS_MAX];
    const size_t n = slk_store_list(worker->store, paths);
    for (size_t i = 0; i < n; i++)
        if (slk_lotus_strings_add(out, paths[i]->meta.id) != SLK_OK)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for the names of paths");
    return SLK_OK;
}

/* How the server of a source is met. */
struct meeting {
    slk_fetch_key key;
    slk_http_pass pass; /* into key, or of our own token */
};

/* A node of ours gives a key for one worker; it may not know yet, after a restart, what we are at. Lotus
 * knows but our own token. */
static slk_err meet(struct meeting *ret, slk_worker_run *run, const char *url, slk_error *error)
{
    slk_worker *worker = run->worker;
    const int64_t until = slk_clock_monotonic_ms() + worker->options.source_wait_ms;
    const slk_miner miner = slk_worker_miner_for(worker, run->job);
    if (!worker->node_is_ours) {
        ret->pass = (slk_http_pass){.bearer = worker->options.node_token};
        return SLK_OK;
    }
    for (;;) {
        const slk_err code = slk_miner_fetch_key(&miner, url, &ret->key, error);
        if (code == SLK_OK)
            ret->pass = (slk_http_pass){.bearer = ret->key.token, .pin = ret->key.pin};
        if (code != SLK_E_CONFLICT || !run->call || slk_clock_monotonic_ms() >= until)
            return code;
        SLK_TRY(slk_job_check(run->job, error));
        slk_clock_sleep_ms(AGAIN_MS);
    }
}

/* A server of ours that is away comes back; one that was started again knows our key again as soon as the node
 * knows it. */
static bool may_mend(const slk_worker *worker, slk_err code)
{
    return slk_miner_may_come_back(code) || (code == SLK_E_AUTH && worker->node_is_ours);
}

/* A copy that stays while ours changes would be taken for the sector's: a node that has it and does not
 * answer is waited for. */
static slk_err delete_there(slk_worker_run *run, const char *url, const slk_lotus_strings *keep,
                            slk_error *error)
{
    slk_worker *worker = run->worker;
    const int64_t until = slk_clock_monotonic_ms() + worker->options.source_wait_ms;
    for (;;) {
        struct meeting with;
        SLK_TRY(meet(&with, run, url, error));
        const slk_err code =
            slk_store_delete_there(worker->http, &with.pass, url, keep, run->job, error);
        slk_bytes_wipe(&with, sizeof with);
        if (!may_mend(worker, code) || slk_clock_monotonic_ms() >= until)
            return code;
        SLK_TRY(slk_job_check(run->job, error));
        slk_clock_sleep_ms(AGAIN_MS);
    }
}

/* One that stays, or is not where the node's index has it, is taken off that. */
static slk_err drop_source(slk_worker_run *run, const struct source *source, unsigned type,
                           slk_error *error)
{
    slk_lotus_strings keep = {0};
    slk_error why = {0};
    slk_err code = own_ids(&keep, run->worker, &why);
    if (code == SLK_OK)
        code = delete_there(run, source->url, &keep, &why);
    slk_lotus_strings_done(&keep);
    if (code == SLK_OK)
        return SLK_OK;
    if (code == SLK_E_CANCELED) {
        *error = why;
        return code;
    }
    if (code != SLK_E_NOTFOUND) /* which Lotus also says of one that it could not remove */
        slk_log(SLK_LOG_WARN, "source.stays",
                "call=%s type=%s why=\"%s\" then=\"the node is told to "
                "forget it\"",
                run->call ? run->call->id.uuid : "", slk_lotus_type_name(type),
                slk_error_text(&why, code));
    const slk_miner miner = slk_worker_miner_for(run->worker, run->job);
    return slk_miner_drop(&miner, source->path_id, &run->ref.id, type, error);
}

/* Those that can be met, and how. */
struct meetings {
    size_t n;
    struct meeting with[URLS_MAX];
    slk_http_pass passes[URLS_MAX];
    const char *urls[URLS_MAX];
    size_t source[URLS_MAX]; /* which it is of those that were given */
    atomic_uint_fast64_t came; /* bytes, in all attempts */
};

static slk_err meet_all(struct meetings *m, slk_worker_run *run, const struct source *sources,
                        size_t n, slk_error *error)
{
    slk_err first = SLK_OK;
    m->n = 0;
    for (size_t i = 0; i < n; i++) {
        slk_error why = {0};
        const slk_err code = meet(&m->with[m->n], run, sources[i].url, &why);
        if (code == SLK_OK) {
            m->passes[m->n] = m->with[m->n].pass;
            m->urls[m->n] = sources[i].url;
            m->source[m->n++] = i;
        } else if (first == SLK_OK) {
            first = code;
            *error = why;
        }
    }
    return m->n > 0 ? SLK_OK : first;
}

static slk_err fetch_from(slk_worker_run *run, struct meetings *m, unsigned type,
                          slk_lotus_path_type path_type, const slk_store_path **ret_path,
                          size_t *ret_source, slk_error *error)
{
    slk_worker *worker = run->worker;
    size_t from = 0;
    const slk_store_fetch what = {
        .client = worker->http,
        .passes = m->passes,
        .sector = run->ref.id,
        .shape = run->shape,
        .type = type,
        .urls = m->urls,
        .n_urls = m->n,
        .stage = worker->node_is_ours ? SLK_CACHE_ANY_OF_OURS : SLK_CACHE_ANY,
        .connections = FETCH_CONNECTIONS,
        .came = &m->came,
    };
    SLK_TRY(
        slk_store_fetch_here(worker->store, ret_path, &from, &what, path_type, run->job, error));
    /* Another process may have put it on a path that both have, since it was looked for. */
    *ret_source = from < m->n ? m->source[from] : SOURCE_NONE;
    return SLK_OK;
}

/* A node that was started again made what it gave us void. A node of ours would count it as a failure of ours
 * when the source is away, so that is waited for, from when nothing came any more; Lotus knows better what to
 * do. *ret_source: which one gave it, or SOURCE_NONE. */
static slk_err fetch_again(slk_worker_run *run, const struct source *sources, size_t n,
                           unsigned type, slk_lotus_path_type path_type,
                           const slk_store_path **ret_path, size_t *ret_source, slk_error *error)
{
    struct meetings *m = slk_calloc(1, sizeof *m);
    if (!m)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a transfer");
    const slk_worker *worker = run->worker;
    int64_t since = slk_clock_monotonic_ms();
    slk_err code;
    for (uint64_t before = 0;; before = atomic_load(&m->came)) {
        code = meet_all(m, run, sources, n, error);
        if (code == SLK_OK)
            code = fetch_from(run, m, type, path_type, ret_path, ret_source, error);
        const int64_t now = slk_clock_monotonic_ms();
        if (atomic_load(&m->came) > before)
            since = now;
        if (!worker->node_is_ours || !may_mend(worker, code) ||
            now - since >= worker->options.source_wait_ms ||
            slk_job_check(run->job, NULL) != SLK_OK)
            break;
        slk_clock_sleep_ms(AGAIN_MS);
    }
    slk_bytes_wipe(m->with, sizeof m->with);
    slk_free(m);
    return code;
}

static slk_err fetch(slk_worker_run *run, const struct source *sources, size_t n, unsigned type,
                     slk_lotus_path_type path_type, slk_lotus_acquire_mode mode, slk_error *error)
{
    slk_worker *worker = run->worker;
    const slk_store_path *path = NULL;
    size_t from = 0;
    const int64_t started = slk_clock_monotonic_ms();
    SLK_TRY(fetch_again(run, sources, n, type, path_type, &path, &from, error));
    slk_log(SLK_LOG_INFO, "fetch.done", "call=%s type=%s seconds=%.1f", run->call->id.uuid,
            slk_lotus_type_name(type), (double)(slk_clock_monotonic_ms() - started) / 1000);
    if (mode != SLK_LOTUS_ACQUIRE_MOVE)
        return SLK_OK;
    const slk_miner miner = slk_worker_miner_for(worker, run->job);
    SLK_TRY(slk_miner_declare(&miner, path->meta.id, &run->ref.id, type, true, error));
    return from == SOURCE_NONE ? SLK_OK : drop_source(run, &sources[from], type, error);
}

slk_err slk_worker_acquire(slk_worker_run *run, unsigned type, slk_lotus_path_type path_type,
                           slk_lotus_acquire_mode mode, char **ret_file, slk_error *error)
{
    slk_worker *worker = run->worker;
    slk_err code = slk_store_find(worker->store, NULL, ret_file, &run->ref.id, type, error);
    if (code != SLK_E_NOTFOUND)
        return code;
    struct source sources[URLS_MAX];
    slk_lotus_places places = {0};
    const slk_miner miner = slk_worker_miner_for(worker, run->job);
    SLK_TRY(slk_miner_find(&miner, &run->ref.id, type, &places, error));
    const size_t n = gather(sources, worker, &places);
    if (n > 0)
        code = fetch(run, sources, n, type, path_type, mode, error);
    else
        code = slk_fail(error, SLK_E_NOTFOUND,
                        "no node has the %s of sector %lu of f0%lu, says the storage index",
                        slk_lotus_type_name(type), run->ref.id.number, run->ref.id.miner);
    slk_lotus_places_done(&places);
    SLK_TRY(code);
    return slk_store_find(worker->store, NULL, ret_file, &run->ref.id, type, error);
}

static slk_err clear_type(slk_worker_run *run, unsigned type, slk_error *error)
{
    slk_worker *worker = run->worker;
    struct source sources[URLS_MAX];
    slk_lotus_places places = {0};
    const slk_miner miner = slk_worker_miner_for(worker, run->job);
    SLK_TRY(slk_miner_find(&miner, &run->ref.id, type, &places, error));
    const size_t n = gather(sources, worker, &places);
    slk_err code = SLK_OK;
    for (size_t i = 0; i < n && code == SLK_OK; i++)
        code = drop_source(run, &sources[i], type, error);
    slk_lotus_places_done(&places);
    return code;
}

slk_err slk_worker_clear_others(slk_worker_run *run, unsigned types, slk_error *error)
{
    for (unsigned type = 1; type <= types; type <<= 1)
        if (types & type)
            SLK_TRY(clear_type(run, type, error));
    return SLK_OK;
}
