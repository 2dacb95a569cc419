/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Workers come, are asked every heartbeat whether they are still the ones that came, and go. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "codec/json.h"
#include "farm/farm_impl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS 5000 /* source: reference/lotus-worker 5.3 */

/* ---- lifetime ---- */

static void free_worker(slk_farm_worker *worker)
{
    slk_rpc_client_free(worker->client);
    slk_http_stopper_free(worker->stopper);
    slk_lotus_worker_info_done(&worker->info);
    slk_free(worker->told);
    slk_lotus_strings_done(&worker->paths);
    slk_free(worker->url);
    slk_free(worker);
}

void slk_farm_worker_take(slk_farm_worker *worker)
{
    worker->refs++;
}

void slk_farm_worker_give(slk_farm_worker *worker)
{
    if (!worker)
        return;
    slk_farm *farm = worker->farm;
    slk_farm_enter(farm);
    const bool last = --worker->refs == 0;
    slk_farm_leave(farm);
    if (last)
        free_worker(worker);
}

slk_farm_worker *slk_farm_worker_by_id(slk_farm *farm, uint64_t id)
{
    slk_farm_worker *w = farm->workers;
    while (w && w->id != id)
        w = w->next;
    return w;
}

slk_farm_worker *slk_farm_worker_by_session(slk_farm *farm, const char *session)
{
    slk_farm_worker *w = farm->workers;
    while (w && strcmp(w->session, session) != 0)
        w = w->next;
    return w;
}

void slk_farm_worker_sign(slk_farm_call *row, slk_farm_worker *worker)
{
    slk_farm_enter(worker->farm);
    const char *path = worker->paths.n > 0 ? worker->paths.item[0] : "";
    memcpy(row->session, worker->session, sizeof row->session);
    memcpy(row->hostname, worker->info.hostname, sizeof row->hostname);
    (void)snprintf(row->identity, sizeof row->identity, "%s",
                   worker->identity[0] ? worker->identity : path);
    slk_farm_leave(worker->farm);
}

/* Lock held. A lotus-worker has no id, and two of one host may have one name, but each its own storage. */
static bool is_known_by(const slk_farm_worker *w, const char *identity, const char *hostname)
{
    const bool namesake = !w->local && strcmp(w->info.hostname, hostname) == 0;
    if (!identity[0])
        return namesake;
    return strcmp(w->identity, identity) == 0 ||
           (namesake && slk_lotus_strings_has(&w->paths, identity));
}

/* Lock held: they are one worker, or one is a copy of the other. Two of Lotus may share some of their storage. */
static bool is_same(const slk_farm_worker *a, const slk_farm_worker *b)
{
    if (a->identity[0])
        return strcmp(a->identity, b->identity) == 0;
    bool same = a->paths.n > 0 && a->paths.n == b->paths.n;
    for (size_t i = 0; i < a->paths.n && same; i++)
        same = is_known_by(b, a->paths.item[i], a->info.hostname);
    return same;
}

slk_farm_worker *slk_farm_worker_of(slk_farm *farm, const slk_farm_call *row)
{
    slk_farm_worker *found = slk_farm_worker_by_session(farm, row->session);
    for (slk_farm_worker *w = farm->workers; w && !found; w = w->next)
        if (is_known_by(w, row->identity, row->hostname))
            found = w;
    return found;
}

slk_farm_worker *slk_farm_holder_of(slk_farm *farm, const slk_farm_call *row)
{
    slk_farm_worker *w = slk_farm_worker_of(farm, row);
    return w && (w->ours || strcmp(w->session, row->session) == 0) ? w : NULL;
}

bool slk_farm_worker_is_open(const slk_farm_worker *worker)
{
    return worker->answers && !worker->closed && !worker->disabled;
}

unsigned slk_farm_worker_has(const slk_farm_worker *worker, const slk_lotus_sector *sector)
{
    unsigned here = 0;
    for (size_t i = 0; i < worker->paths.n && !worker->refuted; i++)
        here |= slk_farm_index_on(worker->farm->index, worker->paths.item[i], sector);
    return here;
}

bool slk_farm_worker_holds(const slk_farm_worker *worker, const slk_lotus_sector *sector,
                           unsigned types)
{
    return (slk_farm_worker_has(worker, sector) & types) == types;
}

/* A batch has no place for other data than zeros. */
static bool does_batches(const slk_farm_worker *worker)
{
    const unsigned needed = SLK_FARM_CAN_BATCH | SLK_FARM_CAN_ZERO_SECTORS;
    return worker->local || (worker->can & needed) == needed;
}

void slk_farm_tell_sched(slk_farm_worker *worker)
{
    slk_sched_worker known = {.id = worker->id,
                              .open = slk_farm_worker_is_open(worker),
                              .tasks = worker->tasks,
                              .batch_most =
                                  does_batches(worker) ? worker->farm->options.batch_most : 1,
                              .info = &worker->info,
                              .numa_bytes = worker->numa_bytes,
                              .n_numa = worker->n_numa};
    slk_error error = {0};
    memcpy(known.bounds, worker->bounds, sizeof known.bounds);
    memcpy(known.closed_why, worker->why, sizeof known.closed_why);
    if (slk_sched_set_worker(worker->farm->sched, &known, &error) != SLK_OK)
        slk_log(SLK_LOG_ERROR, "farm.worker", "worker=\"%s\" why=\"%s\" then=\"gets no work\"",
                worker->info.hostname, error.message);
}

/* Lock held: out of the list; its thread ends by itself and is joined later. */
static void unlink_worker(slk_farm_worker *worker, const char *why)
{
    slk_farm *farm = worker->farm;
    slk_farm_worker **at = &farm->workers;
    while (*at != worker)
        at = &(*at)->next;
    *at = worker->next;
    worker->gone = true;
    if (worker->stopper)
        slk_http_stopper_stop(worker->stopper);
    worker->next = farm->leaving;
    farm->leaving = worker;
    slk_sched_remove_worker(farm->sched, worker->id);
    if (!worker->local)
        slk_log(SLK_LOG_INFO, "farm.worker_left", "worker=\"%s\" session=%s why=\"%s\"",
                worker->info.hostname, worker->session, why);
    slk_farm_workers_moved(farm);
}

void slk_farm_workers_reap(slk_farm *farm)
{
    for (;;) {
        slk_farm_enter(farm);
        slk_farm_worker *worker = farm->leaving;
        if (worker)
            farm->leaving = worker->next;
        slk_farm_leave(farm);
        if (!worker)
            return;
        if (worker->beating)
            (void)pthread_join(worker->beat, NULL);
        if (worker->reading)
            (void)pthread_join(worker->events, NULL);
        slk_farm_worker_give(worker);
    }
}

void slk_farm_workers_stop(slk_farm *farm)
{
    slk_farm_enter(farm);
    while (farm->workers)
        unlink_worker(farm->workers, "the node stops");
    slk_farm_leave(farm);
    slk_farm_workers_reap(farm);
}

/* ---- questions ---- */

slk_err slk_farm_invoke(const slk_farm_worker *worker, const char *method, const json_t *params,
                        const slk_rpc_how *how, json_t **ret_result, slk_error *error)
{
    slk_farm_key key;
    slk_rpc_how shown = how ? *how : (slk_rpc_how){0};
    SLK_TRY(slk_farm_doors_key(worker->farm->doors, &key, worker->url, NULL, error));
    const slk_http_pass pass = slk_farm_key_pass(&key);
    shown.pass = &pass;
    const slk_err code =
        slk_rpc_invoke(worker->client, method, params, &shown, ret_result, NULL, error);
    slk_farm_key_wipe(&key);
    return code;
}

static slk_err ask(json_t **ret, slk_farm_worker *worker, const char *method, slk_error *error)
{
    const slk_rpc_how how = {.timeout_ms = ASK_MS};
    SLK_CLEANUP(slk_json_decrefp) json_t *none = json_array();
    if (!none)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a question to a worker");
    return slk_farm_invoke(worker, method, none, &how, ret, error);
}

static slk_err check_version(slk_farm_worker *worker, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    int64_t version = 0;
    SLK_TRY(ask(&answer, worker, "Filecoin.Version", error));
    SLK_TRY(slk_json_as_i64(&version, answer, "Version", error));
    if (version >> 8 != SLK_LOTUS_WORKER_API_VERSION >> 8)
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "unsupported worker api version: %lld.%lld.%lld (expected 1.7.0)",
                        (long long)(version >> 16), (long long)(version >> 8 & 255),
                        (long long)(version & 255));
    return SLK_OK;
}

/* What a worker says of itself at each heartbeat. */
struct sign {
    char session[SLK_UUID_CHARS];
    bool disabled;
};

/* One that is disabled refuses the first question: that is how a lotus-miner gives it nothing new. What it
 * has it goes on with, so that it is not away. */
static slk_err ask_sign(struct sign *ret, slk_farm_worker *worker, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    slk_err code = ask(&answer, worker, "Filecoin.Session", error);
    ret->disabled = code == SLK_E_CONFLICT;
    if (ret->disabled)
        code = ask(&answer, worker, "Filecoin.ProcessSession", error);
    SLK_TRY(code);
    return slk_lotus_uuid_read(ret->session, answer, "Session", error);
}

static slk_err ask_tasks(slk_lotus_task_set *ret, slk_farm_worker *worker, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    SLK_TRY(ask(&answer, worker, "Filecoin.TaskTypes", error));
    return slk_lotus_task_set_read(ret, answer, "TaskTypes", error);
}

static slk_err ask_paths(slk_lotus_strings *ret, slk_farm_worker *worker, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    slk_lotus_local_paths paths = {0};
    slk_lotus_strings ids = {0};
    SLK_TRY(ask(&answer, worker, "Filecoin.Paths", error));
    SLK_TRY(slk_lotus_local_paths_read(&paths, answer, "Paths", error));
    slk_err code = SLK_OK;
    for (size_t i = 0; i < paths.n && code == SLK_OK; i++)
        code = slk_lotus_strings_add(&ids, paths.item[i].id);
    slk_lotus_local_paths_done(&paths);
    if (code != SLK_OK) {
        slk_lotus_strings_done(&ids);
        return slk_fail(error, code, "the worker has too many storage paths");
    }
    *ret = ids;
    return SLK_OK;
}

static unsigned extension_of(const char *name)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {{"cancel", SLK_FARM_CAN_CANCEL},
                 {"progress", SLK_FARM_CAN_PROGRESS},
                 {"zero-sectors", SLK_FARM_CAN_ZERO_SECTORS},
                 {"batch", SLK_FARM_CAN_BATCH},
                 {"machine", SLK_FARM_CAN_MACHINE},
                 {"events", SLK_FARM_CAN_EVENTS}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].bit;
    return 0;
}

/* id NULL: it is older. */
static void take_identity(slk_farm_worker *worker, const char *id)
{
    if (id && slk_uuid_is(id))
        (void)snprintf(worker->identity, sizeof worker->identity, "%s", id);
}

/* One of Lotus does not know the question. */
static slk_err ask_ours(slk_farm_worker *worker, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    json_t *list = NULL;
    const slk_err code = ask(&answer, worker, "Selkie.Hello", error);
    if (code == SLK_E_UNSUPPORTED)
        return SLK_OK;
    SLK_TRY(code);
    SLK_TRY(slk_json_array(&list, answer, "extensions", error));
    worker->ours = true;
    take_identity(worker, json_string_value(json_object_get(answer, "id")));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        worker->can |= name ? extension_of(name) : 0;
    }
    return worker->can & SLK_FARM_CAN_EVENTS ? slk_http_stopper_new(&worker->stopper, error)
                                             : SLK_OK;
}

/* Why it gets nothing new, unless it is closed, which has a reason of its own. away: why it does not answer;
 * NULL: it does. */
static void excuse(slk_farm_worker *worker, const char *away)
{
    static const char disabled[] = "its own operator has it take nothing new";
    if (!worker->closed)
        (void)snprintf(worker->why, sizeof worker->why, "%.120s",
                       away               ? away
                       : worker->disabled ? disabled
                                          : "");
}

static slk_err ask_all(slk_farm_worker *worker, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *info = NULL;
    struct sign sign = {.session = ""};
    SLK_TRY(check_version(worker, error));
    SLK_TRY(ask_sign(&sign, worker, error));
    memcpy(worker->session, sign.session, sizeof worker->session);
    worker->disabled = sign.disabled;
    excuse(worker, NULL);
    if (strcmp(worker->session, SLK_UUID_NIL) == 0)
        return slk_fail(error, SLK_E_CONFLICT, "worker already closed");
    SLK_TRY(ask(&info, worker, "Filecoin.Info", error));
    SLK_TRY(slk_lotus_worker_info_read(&worker->info, info, "Info", error));
    slk_text_quotable(worker->info.hostname);
    SLK_TRY(ask_tasks(&worker->tasks, worker, error));
    SLK_TRY(ask_paths(&worker->paths, worker, error));
    SLK_TRY(slk_farm_peaks_load(&worker->peaks, worker->farm->options.db, worker->info.hostname,
                                error));
    return ask_ours(worker, error);
}

/* ---- heartbeats ---- */

static void take_tasks_and_paths(slk_farm_worker *worker)
{
    slk_lotus_task_set tasks = 0;
    slk_lotus_strings paths = {0};
    slk_error error = {0};
    if (ask_tasks(&tasks, worker, &error) != SLK_OK || ask_paths(&paths, worker, &error) != SLK_OK)
        return; /* the next heartbeat finds out why */
    slk_farm_enter(worker->farm);
    const slk_lotus_strings before = worker->paths;
    worker->tasks = tasks;
    worker->paths = paths;
    paths = before;
    slk_farm_tell_sched(worker);
    slk_farm_leave(worker->farm);
    slk_lotus_strings_done(&paths);
}

static void take_machine(slk_farm_worker *worker)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    slk_error error = {0};
    if (!(worker->can & SLK_FARM_CAN_MACHINE) ||
        ask(&answer, worker, "Selkie.Machine", &error) != SLK_OK)
        return;
    const slk_err code = slk_farm_take_machine(worker, answer, &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "farm.machine", "worker=\"%s\" why=\"%s\"", worker->info.hostname,
                slk_error_text(&error, code));
}

static void take_progress(slk_farm_worker *worker)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    slk_error error = {0};
    if (!(worker->can & SLK_FARM_CAN_PROGRESS) ||
        ask(&list, worker, "Selkie.TaskProgress", &error) != SLK_OK)
        return;
    slk_farm_enter(worker->farm);
    slk_farm_take_progress(worker->farm, list);
    slk_farm_leave(worker->farm);
    if (worker->can & SLK_FARM_CAN_CANCEL)
        slk_farm_cancel_orphans(worker, list);
}

/* Lock held. What its sign, or that there was none, means for the worker. */
static void judge(slk_farm_worker *worker, slk_err code, const struct sign *sign,
                  const slk_error *error)
{
    if (code == SLK_OK && strcmp(sign->session, worker->session) != 0) {
        unlink_worker(worker, "it was started anew");
        return;
    }
    const bool answered = code == SLK_OK;
    const bool disabled = answered && sign->disabled;
    if (worker->doubted && !answered) {
        unlink_worker(worker, "it was started anew at another address");
        return;
    }
    if (worker->doubted)
        slk_log(
            SLK_LOG_WARN, "farm.worker_twin",
            "worker=\"%s\" session=%s why=\"another one has the same id or storage\" then=\"they "
            "are taken for each other: of folders that were copied remove worker-id in one\"",
            worker->info.hostname, worker->session);
    worker->doubted = false;
    if (answered)
        worker->heard_ms = slk_clock_monotonic_ms();
    if (answered == worker->answers && disabled == worker->disabled)
        return;
    worker->answers = answered;
    worker->disabled = disabled;
    excuse(worker, answered ? NULL : slk_error_text(error, code));
    slk_log(answered ? SLK_LOG_INFO : SLK_LOG_WARN, "farm.worker_heard",
            "worker=\"%s\" session=%s answers=%d disabled=%d why=\"%s\"", worker->info.hostname,
            worker->session, answered, disabled, answered ? "" : slk_error_text(error, code));
    slk_farm_tell_sched(worker);
    slk_farm_workers_moved(worker->farm);
}

/* all: not only whether it is there and the same. */
static bool beat_once(slk_farm_worker *worker, bool all)
{
    struct sign sign = {.session = ""};
    slk_error error = {0};
    const slk_err code = ask_sign(&sign, worker, &error);
    slk_text_quotable(error.message);
    slk_farm_enter(worker->farm);
    if (!worker->gone)
        judge(worker, code, &sign, &error);
    const bool gone = worker->gone, answers = worker->answers;
    slk_farm_leave(worker->farm);
    if (!gone && answers && all) {
        take_tasks_and_paths(worker);
        take_progress(worker);
        take_machine(worker);
    }
    return !gone;
}

static void *beat_main(void *arg)
{
    slk_farm_worker *worker = arg;
    slk_farm *farm = worker->farm;
    for (bool here = true; here;) {
        const int64_t due = slk_clock_monotonic_ms() + farm->options.heartbeat_ms;
        slk_farm_enter(farm);
        while (!worker->gone && !worker->doubted && !worker->look && !farm->stopping &&
               slk_clock_monotonic_ms() < due)
            slk_farm_wait(farm, due - slk_clock_monotonic_ms());
        here = !worker->gone && !farm->stopping;
        const bool all = worker->look || !worker->streaming;
        worker->look = false;
        slk_farm_leave(farm);
        here = here && beat_once(worker, all);
    }
    return NULL;
}

/* ---- coming ---- */

static slk_err new_worker(slk_farm_worker **ret, slk_farm *farm, const char *url,
                          const slk_farm_who *who, slk_error *error)
{
    const slk_rpc_client_options options = {.url = url, .ca_file = farm->ca_file};
    slk_farm_worker *worker = slk_calloc(1, sizeof *worker);
    if (!worker)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a worker");
    *worker = (slk_farm_worker){.farm = farm, .refs = 1, .answers = true, .url = slk_strdup(url)};
    worker->who = *who;
    slk_err code = worker->url ? slk_rpc_client_new(&worker->client, &options, error)
                               : slk_fail(error, SLK_E_NOMEM, "out of memory for a worker");
    if (code == SLK_OK)
        code = ask_all(worker, error);
    if (code != SLK_OK) {
        free_worker(worker);
        return code;
    }
    *ret = worker;
    return SLK_OK;
}

/* Lock held: what is known of it is so old that it is the same one, or never will be again. */
static void clear_the_way(const slk_farm_worker *worker)
{
    for (slk_farm_worker *w = worker->farm->workers, *next; w; w = next) {
        next = w->next;
        if (!w->local && strcmp(w->url, worker->url) == 0)
            unlink_worker(w, "another one is at its address");
        else
            w->doubted = w->doubted || is_same(w, worker);
    }
}

/* Lock held. */
static slk_err link_worker(slk_farm_worker *worker, slk_error *error)
{
    slk_farm *farm = worker->farm;
    clear_the_way(worker);
    const int rc = pthread_create(&worker->beat, NULL, beat_main, worker);
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot start the heartbeat of a worker");
    worker->beating = true;
    if (worker->stopper) /* without a thread for its events it is asked */
        worker->reading = pthread_create(&worker->events, NULL, slk_farm_read_events, worker) == 0;
    worker->id = ++farm->last_worker;
    worker->since_ms = worker->heard_ms = slk_clock_monotonic_ms();
    worker->next = farm->workers;
    farm->workers = worker;
    slk_farm_tell_sched(worker);
    slk_farm_workers_moved(farm);
    return SLK_OK;
}

slk_err slk_farm_connect(slk_farm *farm, const char *url, const slk_farm_who *who, slk_error *error)
{
    slk_farm_worker *worker = NULL;
    SLK_CLEANUP(slk_freep) char *plain = slk_strdup(url);
    if (!plain)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a worker");
    slk_farm_url_plain(plain);
    SLK_TRY(slk_farm_doors_open(farm->doors, url, who, error));
    slk_err code = new_worker(&worker, farm, plain, who, error);
    if (code != SLK_OK)
        return slk_fail_context(error, code, "worker at %.200s", plain);
    slk_farm_enter(farm);
    slk_farm_worker *here = slk_farm_worker_by_session(farm, worker->session);
    const bool known = here != NULL;
    if (known)
        here->who = *who; /* it may have another token now */
    if (!known && farm->stopping)
        code = slk_fail(error, SLK_E_CANCELED, "the node stops");
    else if (!known)
        code = link_worker(worker, error);
    slk_farm_leave(farm);
    if (known || code != SLK_OK) {
        free_worker(worker);
        return code;
    }
    take_machine(worker);
    slk_log(SLK_LOG_INFO, "farm.worker_came", "worker=\"%s\" session=%s url=%s kind=%s",
            worker->info.hostname, worker->session, plain, worker->ours ? "selkie" : "lotus");
    return SLK_OK;
}

/* ---- going ---- */

/* Lock held: somebody waits for a call that was given to that session. */
static bool is_waited_for(const slk_farm *farm, const char *session)
{
    const slk_farm_waiting *w = farm->waiting;
    while (w && (w->ended || strcmp(w->row->session, session) != 0))
        w = w->next;
    return w != NULL;
}

/* Lock held. */
static slk_err dismiss(slk_farm *farm, const char *session, const slk_farm_who *who,
                       slk_error *error)
{
    slk_farm_worker *worker = slk_farm_worker_by_session(farm, session);
    if (!worker || worker->local)
        return slk_fail(error, SLK_E_NOTFOUND, "no worker of session %.40s is connected", session);
    if (strcmp(worker->who.mark, who->mark) != 0)
        return slk_fail(error, SLK_E_AUTH, "session %.40s is that of another worker", session);
    if (is_waited_for(farm, session))
        return slk_fail(error, SLK_E_BUSY, "calls of session %.40s are waited for", session);
    unlink_worker(worker, "it said goodbye");
    return SLK_OK;
}

slk_err slk_farm_disconnect(slk_farm *farm, const char *session, const slk_farm_who *who,
                            slk_error *error)
{
    slk_farm_enter(farm);
    const slk_err code = dismiss(farm, session, who, error);
    slk_farm_leave(farm);
    return code;
}

/* ---- this node ---- */

slk_err slk_farm_add_local(slk_farm *farm, slk_error *error)
{
    const slk_farm_options *o = &farm->options;
    const slk_lotus_task_set c2 = SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT2);
    slk_farm_worker *worker = slk_calloc(1, sizeof *worker);
    if (!worker)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for this node's worker");
    *worker = (slk_farm_worker){
        .farm = farm,
        .refs = 1,
        .local = true,
        .tasks = o->local_tasks,
        .bounds = {{o->local_tasks & ~c2, o->local_compute}, {o->local_tasks & c2, o->local_snark}},
        .answers = true,
        .info = {.ignore_resources = true}};
    slk_uuid_random(worker->session);
    if (gethostname(worker->info.hostname, sizeof worker->info.hostname - 1) != 0)
        (void)snprintf(worker->info.hostname, sizeof worker->info.hostname, "this node");
    const slk_err code = slk_lotus_machine_local(&worker->info.machine, error);
    if (code != SLK_OK) {
        free_worker(worker);
        return code;
    }
    worker->id = ++farm->last_worker;
    worker->since_ms = worker->heard_ms = slk_clock_monotonic_ms();
    worker->next = farm->workers;
    farm->workers = worker;
    slk_farm_tell_sched(worker);
    return SLK_OK;
}

/* ---- opening and closing ---- */

/* Lock held. */
static void close_worker(slk_farm_worker *worker, bool open, const char *why)
{
    worker->closed = !open;
    worker->refuted = worker->refuted && !open;
    (void)snprintf(worker->why, sizeof worker->why, "%s", open ? "" : why);
    excuse(worker, worker->answers ? NULL : "it did not answer");
    slk_farm_tell_sched(worker);
    slk_farm_workers_moved(worker->farm);
}

/* Lock held: the worker whose session begins so, or that has that name; *ret_n: how many. */
static slk_farm_worker *find_by(unsigned *ret_n, const slk_farm *farm, const char *text, bool name)
{
    slk_farm_worker *found = NULL;
    for (slk_farm_worker *w = farm->workers; w && *text; w = w->next) {
        const bool is = name ? strcmp(w->info.hostname, text) == 0 && !w->local
                             : strncmp(w->session, text, strlen(text)) == 0;
        found = is ? w : found;
        *ret_n += is;
    }
    return found;
}

slk_err slk_farm_set_open(slk_farm *farm, const char *session, bool open, const char *why,
                          slk_error *error)
{
    slk_farm_enter(farm);
    unsigned n = 0;
    slk_farm_worker *found = find_by(&n, farm, session, false);
    if (n == 0)
        found = find_by(&n, farm, session, true);
    if (n == 1)
        close_worker(found, open, why);
    slk_farm_leave(farm);
    return n == 1
               ? SLK_OK
               : slk_fail(error, SLK_E_NOTFOUND,
                          "`%.40s` is %s; `selkie worker list` shows names and sessions", session,
                          n ? "of more than one worker"
                            : "neither the beginning of a worker's session nor a worker's name");
}

void slk_farm_distrust(slk_farm *farm, const char *session, const char *hostname, const char *why)
{
    slk_farm_enter(farm);
    slk_farm_worker *worker = slk_farm_worker_by_session(farm, session);
    const bool known = worker && worker->refuted;
    if (worker && !known) {
        close_worker(worker, false, why);
        worker->refuted = true;
    }
    if (!known)
        slk_log(SLK_LOG_ERROR, "farm.worker_lies",
                "worker=\"%s\" session=%s url=%s why=\"%s\" then=\"it %s; look at it, then `selkie "
                "worker enable %s`\"",
                hostname, session, worker && !worker->local ? worker->url : "", why,
                worker ? "gets no work any more" : "has left meanwhile", session);
    slk_farm_leave(farm);
}
