/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "worker/worker_impl.h"

#include <stdio.h>
#include <string.h>

#define FETCHES 5u
#define BEAT_MS 10000 /* source: reference/lotus-worker 5.3 */
#define SOURCE_WAIT_MS 60000
#define HOLD_MS \
    12000 /* a lotus-miner looks at sessions every 10 s. source: reference/lotus-worker 5.3 */
#define AGAIN_MS 5000 /* source: reference/lotus-worker 4.5 */

/* ---- parts ---- */

static slk_err authorise_rpc(void *context, const char *token, bool known_only,
                             slk_rpc_grant *ret_grant, slk_error *error)
{
    const slk_worker *worker = context;
    slk_auth_may may;
    SLK_TRY(slk_auth_look(worker->auth, &may, token, known_only, error));
    *ret_grant = may.grant;
    return SLK_OK;
}

static bool is_of(const slk_auth_may *may, const slk_lotus_sector *sector)
{
    char name[SLK_LOTUS_NAME_CHARS] = "";
    if (sector)
        slk_lotus_sector_print(name, sector);
    return may->sector[0] == 0 || strcmp(may->sector, name) == 0;
}

static slk_err authorise_remote(void *context, bool *ret_allowed, const char *token,
                                const slk_lotus_sector *sector, bool known_only, slk_error *error)
{
    const slk_worker *worker = context;
    slk_auth_may may;
    SLK_TRY(slk_auth_look(worker->auth, &may, token, known_only, error));
    *ret_allowed = (may.grant.permissions & SLK_RPC_ADMIN) ||
                   ((may.grant.permissions & SLK_RPC_FETCH) && is_of(&may, sector));
    return SLK_OK;
}

/* C1 for a node that would rather not fetch the files. */
static slk_err make_porep(void *context, slk_buf *out, const slk_store_porep_request *request,
                          slk_job *job, slk_error *error)
{
    slk_worker *worker = context;
    const slk_worker_ops *ops = worker->options.ops;
    const slk_lotus_pieces no_pieces = {0};
    slk_lotus_cids cids = {.defined = true};
    char name[SLK_UUID_CHARS];
    SLK_CLEANUP(slk_freep) char *sealed = NULL;
    SLK_CLEANUP(slk_freep) char *cache = NULL;
    SLK_CLEANUP(slk_freep) char *path = NULL;
    const slk_lotus_sector *id = &request->sector.id;
    memcpy(cids.comm_d, request->comm_d, 32);
    memcpy(cids.comm_r, request->comm_r, 32);
    SLK_TRY(slk_store_find(worker->store, NULL, &sealed, id, SLK_LOTUS_SEALED, error));
    SLK_TRY(slk_store_find(worker->store, NULL, &cache, id, SLK_LOTUS_CACHE, error));
    slk_uuid_random(name);
    path = slk_worker_journal_out(worker->journal, name); /* of no call: gone at the next start */
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for C1");
    const slk_worker_paths paths = {.sealed = sealed, .cache = cache};
    slk_err code = ops->c1(ops->ctx, &request->sector, &cids, request->ticket, request->seed,
                           &no_pieces, &paths, path, job, error);
    if (code == SLK_OK)
        code = slk_file_read_all(out, path, error);
    const slk_err removed = slk_remove_tree(path, code == SLK_OK ? error : NULL);
    return code != SLK_OK ? code : removed;
}

static slk_err open_node(slk_worker *worker, slk_error *error)
{
    const slk_worker_options *o = &worker->options;
    const slk_rpc_client_options rpc = {.url = o->node_url,
                                        .bearer = o->node_token,
                                        .ca_file = o->node_ca_file,
                                        .pin = o->node_pin};
    const slk_http_client_options http = {.allow_plain_http = true, .ca_file = o->node_ca_file};
    SLK_TRY(slk_rpc_client_new(&worker->rpc, &rpc, error));
    worker->miner = (slk_miner){.rpc = worker->rpc, .job = &worker->life};
    SLK_TRY(slk_worker_token_begin(worker, error));
    SLK_TRY(slk_auth_new(&worker->auth, o->secret32, &worker->miner, error));
    return slk_http_client_new(&worker->http, &http, error);
}

static slk_err open_store(slk_worker *worker, slk_error *error)
{
    slk_store_hooks hooks;
    SLK_CLEANUP(slk_freep)
    char *list = slk_path_join(worker->options.folder, SLK_LOTUS_STORAGE_FILE);
    if (!list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker");
    slk_worker_store_hooks(&hooks, worker);
    return slk_store_open(&worker->store, list, &hooks, error);
}

static slk_err open_calls(slk_worker *worker, slk_error *error)
{
    slk_runner_options options;
    slk_worker_runner_options(&options, worker);
    SLK_TRY(slk_lotus_machine_local(&worker->machine, error));
    if (worker->options.no_swap)
        worker->machine.mem_swap = worker->machine.mem_swap_used = 0;
    SLK_TRY(slk_lotus_need_table_env(&worker->needs, NULL, NULL, error));
    SLK_TRY(slk_worker_peaks_new(&worker->peaks, error));
    SLK_TRY(slk_worker_events_new(&worker->events, worker, error));
    SLK_TRY(slk_worker_journal_open(&worker->journal, worker->options.folder, error));
    return slk_runner_new(&worker->runner, &options, error);
}

static slk_err open_api(slk_worker *worker, slk_error *error)
{
    const slk_rpc_table table = {slk_worker_methods, slk_worker_n_methods, worker};
    const slk_rpc_server_options rpc = {.tables = &table,
                                        .n_tables = 1,
                                        .authorise = authorise_rpc,
                                        .authorise_context = worker,
                                        .anonymous = SLK_RPC_READ,
                                        .no_strange_sockets = true,
                                        .spool_folder = worker->options.folder};
    const slk_store_server_options remote = {.store = worker->store,
                                             .context = worker,
                                             .authorise = authorise_remote,
                                             .porep = make_porep};
    SLK_TRY(slk_push_new(&worker->push, error));
    SLK_TRY(slk_rpc_server_new(&worker->api, &rpc, error));
    SLK_TRY(slk_store_server_new(&worker->remote, &remote, error));
    slk_rpc_server_routes(worker->api, worker->routes);
    slk_push_routes(worker->push, worker->routes + SLK_RPC_ROUTES);
    slk_store_server_routes(worker->remote, worker->routes + SLK_RPC_ROUTES + SLK_PUSH_ROUTES);
    worker->routes[SLK_RPC_ROUTES + SLK_PUSH_ROUTES + SLK_STORE_SERVER_ROUTES] =
        slk_worker_events_route(worker->events);
    return SLK_OK;
}

static slk_err listen_on(slk_worker *worker, slk_error *error)
{
    const slk_worker_options *o = &worker->options;
    const slk_http_server_options http = {
        .listen = o->listen,
        .certificate_file = o->certificate_file,
        .key_file = o->key_file,
        .routes = worker->routes,
        .n_routes = sizeof worker->routes / sizeof *worker->routes,
        .spool_folder = o->folder,
    };
    if (o->certificate_file)
        SLK_TRY(slk_net_certificate_pin(worker->pin, o->certificate_file, error));
    SLK_TRY(slk_http_server_new(&worker->server, &http, error));
    const unsigned port = slk_http_server_port(worker->server);
    const char *scheme = o->certificate_file ? "https" : "http";
    worker->api_url = slk_strf("%s://%s:%u/rpc/v0", scheme, o->host, port);
    worker->storage_url = slk_strf("%s://%s:%u/remote", scheme, o->host, port);
    if (!worker->api_url || !worker->storage_url)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker");
    return SLK_OK;
}

/* ---- the start ---- */

/* Calls out of the journal; those of one batch lie one after another there. */
struct resuming {
    slk_worker *worker;
    slk_worker_call *calls[SLK_RUNNER_BATCH_MAX];
    size_t n;
};

static slk_err hand_over(struct resuming *r, slk_error *error)
{
    const slk_err code =
        r->n > 0 ? slk_runner_add(r->worker->runner, r->calls, r->n, error) : SLK_OK;
    for (size_t i = 0; i < r->n && code != SLK_OK; i++)
        slk_worker_call_free(r->calls[i]);
    r->n = 0;
    return code;
}

static slk_err resume(void *context, slk_worker_call *call, slk_error *error)
{
    struct resuming *r = context;
    if (!slk_worker_step_of(call->method)) {
        slk_worker_call_free(call);
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "calls.db holds a call that this version does not know; run the version "
                        "that took it");
    }
    call->proof = slk_worker_proof_of(call);
    r->worker->resumed = true;
    slk_log(SLK_LOG_INFO, "call.resumed", "call=%s method=%s sector=%lu-%lu done=%d", call->id.uuid,
            call->method, call->id.sector.miner, call->id.sector.number, call->done);
    const bool joins = r->n > 0 && r->n < SLK_RUNNER_BATCH_MAX && call->batch[0] &&
                       strcmp(call->batch, r->calls[0]->batch) == 0;
    const slk_err code = joins ? SLK_OK : hand_over(r, error);
    if (code != SLK_OK)
        slk_worker_call_free(call);
    else
        r->calls[r->n++] = call;
    return code;
}

static slk_err resume_all(slk_worker *worker, slk_error *error)
{
    struct resuming *r = slk_calloc(1, sizeof *r);
    if (!r)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for calls");
    r->worker = worker;
    slk_err code = slk_worker_journal_load(worker->journal, resume, r, error);
    if (code == SLK_OK)
        code = hand_over(r, error);
    for (size_t i = 0; i < r->n; i++)
        slk_worker_call_free(r->calls[i]);
    slk_free(r);
    return code;
}

static slk_err start(slk_worker *worker, bool (*stop)(void *), void *context, slk_error *error)
{
    SLK_TRY(slk_worker_find_id(worker, error));
    SLK_TRY(open_node(worker, error));
    SLK_TRY(open_store(worker, error));
    SLK_TRY(open_calls(worker, error));
    SLK_TRY(open_api(worker, error));
    SLK_TRY(listen_on(worker, error));
    SLK_TRY(slk_worker_greet(worker, stop, context, error));
    atomic_store(&worker->greeted, true);
    SLK_TRY(resume_all(worker, error));
    slk_runner_look(worker->runner);
    SLK_TRY(slk_worker_returns_start(worker, error));
    return slk_worker_link_start(worker, error);
}

static slk_err make(slk_worker **ret, const slk_worker_options *options, slk_error *error)
{
    slk_worker *worker = slk_calloc(1, sizeof *worker);
    if (!worker)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker");
    worker->options = *options;
    if (worker->options.parallel_fetches == 0)
        worker->options.parallel_fetches = FETCHES;
    if (worker->options.source_wait_ms == 0)
        worker->options.source_wait_ms = SOURCE_WAIT_MS;
    if (worker->options.hold_ms == 0)
        worker->options.hold_ms = HOLD_MS;
    if (worker->options.beat_ms == 0)
        worker->options.beat_ms = BEAT_MS;
    if (worker->options.again_ms == 0)
        worker->options.again_ms = AGAIN_MS;
    worker->tasks = options->tasks & slk_worker_all_tasks;
    worker->enabled = true;
    slk_job_init(&worker->life);
    slk_uuid_random(worker->session);
    slk_assert(pthread_mutex_init(&worker->telling, NULL) == 0);
    slk_assert(pthread_mutex_init(&worker->lock, NULL) == 0);
    slk_assert(slk_cond_init(&worker->moved) == 0);
    *ret = worker;
    return SLK_OK;
}

slk_err slk_worker_start(slk_worker **ret_worker, const slk_worker_options *options,
                         bool (*stop)(void *context), void *context, slk_error *error)
{
    slk_worker *worker = NULL;
    SLK_TRY(make(&worker, options, error));
    const slk_err code = start(worker, stop, context, error);
    if (code != SLK_OK) {
        slk_worker_stop(worker);
        return code;
    }
    *ret_worker = worker;
    return SLK_OK;
}

bool slk_worker_wait_shut(slk_worker *worker, int64_t ms)
{
    const int64_t until = slk_clock_monotonic_ms() + ms;
    (void)pthread_mutex_lock(&worker->lock);
    while (!worker->shut && slk_clock_monotonic_ms() < until)
        (void)slk_cond_wait_ms(&worker->moved, &worker->lock, until - slk_clock_monotonic_ms());
    const bool shut = worker->shut;
    (void)pthread_mutex_unlock(&worker->lock);
    return shut;
}

/* ---- the end ---- */

static void end_threads(slk_worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    (void)pthread_cond_broadcast(&worker->moved);
    (void)pthread_mutex_unlock(&worker->lock);
    if (worker->runner)
        slk_runner_stop(worker->runner);
    slk_job_cancel(&worker->life);
    if (worker->return_running)
        (void)pthread_join(worker->return_thread, NULL);
    if (worker->link_running)
        (void)pthread_join(worker->link_thread, NULL);
}

void slk_worker_stop(slk_worker *worker)
{
    if (!worker)
        return;
    if (worker->events)
        slk_worker_events_stop(worker->events);
    if (worker->push)
        slk_push_stop(worker->push);
    if (worker->api)
        slk_rpc_server_stop(worker->api);
    if (worker->remote)
        slk_store_server_cancel(worker->remote);
    end_threads(worker);
    if (worker->link_running)
        slk_worker_leave(worker);
    slk_http_server_free(worker->server);
    slk_rpc_server_free(worker->api);
    slk_store_server_free(worker->remote);
    slk_push_free(worker->push);
    slk_runner_free(worker->runner);
    slk_worker_events_free(worker->events);
    slk_worker_peaks_free(worker->peaks);
    slk_worker_journal_close(worker->journal);
    slk_store_free(worker->store);
    slk_auth_free(worker->auth);
    slk_http_client_free(worker->http);
    slk_rpc_client_free(worker->rpc);
    slk_lotus_machine_done(&worker->machine);
    slk_free(worker->api_url);
    slk_free(worker->storage_url);
    (void)pthread_cond_destroy(&worker->moved);
    (void)pthread_mutex_destroy(&worker->lock);
    (void)pthread_mutex_destroy(&worker->telling);
    slk_free(worker);
}

uint16_t slk_worker_port(const slk_worker *worker)
{
    return slk_http_server_port(worker->server);
}

const char *slk_worker_url(const slk_worker *worker)
{
    return worker->api_url;
}

const char *slk_worker_miner(const slk_worker *worker)
{
    return worker->address;
}
