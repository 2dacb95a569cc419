/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Methods of a worker that answer at once, and the table of all. source: reference/lotus-worker 4.3 */
#include "worker/worker_impl.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "store/hold.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_LOOK_MS 500

/* ---- who we are ---- */

static slk_err version(void *context, const slk_rpc_call *call, json_t **ret_result,
                       slk_error *error)
{
    (void)context;
    (void)call;
    return slk_rpc_give(ret_result, json_integer(SLK_LOTUS_WORKER_API_VERSION), error);
}

static slk_err give_session(slk_worker *worker, bool shown_when_disabled, json_t **ret_result,
                            slk_error *error)
{
    (void)pthread_mutex_lock(&worker->lock);
    const bool shut = worker->shut;
    const bool enabled = worker->enabled;
    (void)pthread_mutex_unlock(&worker->lock);
    if (shut)
        return slk_rpc_give(ret_result, json_string(SLK_UUID_NIL), error);
    if (!enabled && !shown_when_disabled)
        return slk_fail(error, SLK_E_BUSY, "worker disabled");
    return slk_rpc_give(ret_result, json_string(worker->session), error);
}

static slk_err session(void *context, const slk_rpc_call *call, json_t **ret_result,
                       slk_error *error)
{
    (void)call;
    return give_session(context, false, ret_result, error);
}

static slk_err process_session(void *context, const slk_rpc_call *call, json_t **ret_result,
                               slk_error *error)
{
    (void)call;
    return give_session(context, true, ret_result, error);
}

static slk_lotus_task_set tasks_of(slk_worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    const slk_lotus_task_set tasks = worker->tasks;
    (void)pthread_mutex_unlock(&worker->lock);
    return tasks;
}

static slk_err task_types(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    (void)call;
    return slk_rpc_give(ret_result, slk_lotus_task_set_json(tasks_of(context)), error);
}

static slk_err info(void *context, const slk_rpc_call *call, json_t **ret_result, slk_error *error)
{
    slk_worker *worker = context;
    (void)call;
    slk_lotus_worker_info what = {.ignore_resources = worker->options.ignore_resources};
    (void)snprintf(what.hostname, sizeof what.hostname, "%s", worker->options.name);
    SLK_TRY(slk_lotus_machine_local(&what.machine, error));
    if (worker->options.no_swap)
        what.machine.mem_swap = what.machine.mem_swap_used = 0;
    what.table = &worker->needs; /* borrowed */
    json_t *value = slk_lotus_worker_info_json(&what);
    slk_lotus_machine_done(&what.machine);
    return slk_rpc_give(ret_result, value, error);
}

/* ---- paths ---- */

static slk_err paths(void *context, const slk_rpc_call *call, json_t **ret_result, slk_error *error)
{
    slk_worker *worker = context;
    const slk_store_path *open[SLK_STORE_PATHS_MAX];
    slk_lotus_local_path items[SLK_STORE_PATHS_MAX];
    (void)call;
    const size_t n = slk_store_list(worker->store, open);
    for (size_t i = 0; i < n; i++) {
        items[i] = (slk_lotus_local_path){.weight = open[i]->meta.weight,
                                          .folder = open[i]->folder, /* borrowed */
                                          .can_seal = open[i]->meta.can_seal,
                                          .can_store = open[i]->meta.can_store};
        (void)snprintf(items[i].id, sizeof items[i].id, "%s", open[i]->meta.id);
    }
    const slk_lotus_local_paths list = {items, n};
    return slk_rpc_give(ret_result, slk_lotus_local_paths_json(&list), error);
}

static slk_err storage_local(void *context, const slk_rpc_call *call, json_t **ret_result,
                             slk_error *error)
{
    slk_worker *worker = context;
    const slk_store_path *open[SLK_STORE_PATHS_MAX];
    (void)call;
    const size_t n = slk_store_list(worker->store, open);
    json_t *map = json_object();
    for (size_t i = 0; i < n && map; i++) {
        if (json_object_set_new(map, open[i]->meta.id, json_string(open[i]->folder)) != 0) {
            json_decref(map);
            map = NULL;
        }
    }
    return slk_rpc_give(ret_result, map, error);
}

static slk_err storage_add(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    slk_worker *worker = context;
    const slk_store_path *path = NULL;
    const char *folder = json_string_value(json_array_get(call->params, 0));
    (void)ret_result;
    if (!folder)
        return slk_rpc_bad_param(call, 0, "a folder", error);
    SLK_TRY(slk_store_attach(worker->store, &path, folder, error));
    slk_log(SLK_LOG_INFO, "path.attached", "id=%s folder=\"%s\"", path->meta.id, path->folder);
    slk_worker_events_changed(worker->events);
    return slk_worker_declare_path(worker, path, false, error);
}

static slk_err detach(slk_worker *worker, const char *which, slk_error *error)
{
    const slk_store_path *path = NULL;
    SLK_TRY(slk_store_detach(worker->store, &path, which, error));
    slk_log(SLK_LOG_INFO, "path.detached", "id=%s folder=\"%s\"", path->meta.id, path->folder);
    slk_worker_events_changed(worker->events);
    return slk_miner_detach(&worker->miner, path->meta.id, worker->storage_url, error);
}

static slk_err storage_detach(void *context, const slk_rpc_call *call, json_t **ret_result,
                              slk_error *error)
{
    const char *folder = json_string_value(json_array_get(call->params, 0));
    (void)ret_result;
    if (!folder)
        return slk_rpc_bad_param(call, 0, "a folder", error);
    return detach(context, folder, error);
}

/* The paths stay ours; the node forgets them, until the next start. */
static slk_err storage_detach_all(void *context, const slk_rpc_call *call, json_t **ret_result,
                                  slk_error *error)
{
    slk_worker *worker = context;
    const slk_store_path *open[SLK_STORE_PATHS_MAX];
    (void)call;
    (void)ret_result;
    const size_t n = slk_store_list(worker->store, open);
    (void)pthread_mutex_lock(&worker->lock);
    worker->detached = true;
    (void)pthread_mutex_unlock(&worker->lock);
    for (size_t i = 0; i < n; i++)
        SLK_TRY(slk_miner_detach(&worker->miner, open[i]->meta.id, worker->storage_url, error));
    return SLK_OK;
}

static slk_err storage_redeclare(void *context, const slk_rpc_call *call, json_t **ret_result,
                                 slk_error *error)
{
    slk_worker *worker = context;
    const json_t *which = json_array_get(call->params, 0);
    bool drop = false;
    const slk_store_path *open[SLK_STORE_PATHS_MAX];
    (void)ret_result;
    if (!json_is_null(which) && !json_is_string(which))
        return slk_rpc_bad_param(call, 0, "a path's ID or null", error);
    SLK_TRY(slk_rpc_flag(&drop, call, 1, error));
    const char *id = json_string_value(which);
    const slk_store_path *one = id ? slk_store_get(worker->store, id) : NULL;
    if (id && !one)
        return slk_fail(error, SLK_E_NOTFOUND, "no path %.64s is open here", id);
    const size_t n = slk_store_list(worker->store, open);
    for (size_t i = 0; i < n; i++)
        if (!one || open[i] == one)
            SLK_TRY(slk_worker_declare_path(worker, open[i], drop, error));
    return SLK_OK;
}

static slk_err remove_sector(void *context, const slk_rpc_call *call, json_t **ret_result,
                             slk_error *error)
{
    slk_worker *worker = context;
    slk_worker_run run = {.worker = worker, .job = call->job};
    const unsigned types = SLK_LOTUS_SEALED | SLK_LOTUS_CACHE | SLK_LOTUS_UNSEALED;
    SLK_CLEANUP(slk_store_hold_freep) slk_store_hold *hold = NULL;
    (void)ret_result;
    if (slk_lotus_sector_read(&run.ref.id, json_array_get(call->params, 0), "sector", error) !=
        SLK_OK)
        return slk_rpc_bad_param_error(call, 0, error);
    SLK_TRY(slk_store_hold_take(&hold, worker->store, &run.ref.id, 0, types, -1, call->job, error));
    SLK_TRY(slk_worker_clear_others(&run, types, error));
    for (unsigned type = 1; type <= types; type <<= 1)
        if (types & type)
            SLK_TRY(slk_store_remove(worker->store, NULL, &run.ref.id, type, NULL, error));
    slk_worker_report_health(worker);
    return SLK_OK;
}

/* ---- switches ---- */

static slk_err enabled(void *context, const slk_rpc_call *call, json_t **ret_result,
                       slk_error *error)
{
    slk_worker *worker = context;
    (void)call;
    (void)pthread_mutex_lock(&worker->lock);
    const bool is = worker->enabled;
    (void)pthread_mutex_unlock(&worker->lock);
    return slk_rpc_give(ret_result, json_boolean(is), error);
}

static slk_err set_enabled(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    slk_worker *worker = context;
    const json_t *value = json_array_get(call->params, 0);
    (void)ret_result;
    if (!json_is_boolean(value))
        return slk_rpc_bad_param(call, 0, "true or false", error);
    (void)pthread_mutex_lock(&worker->lock);
    worker->enabled = json_is_true(value);
    (void)pthread_mutex_unlock(&worker->lock);
    slk_log(SLK_LOG_INFO, "worker.enabled", "enabled=%d", json_is_true(value));
    slk_worker_events_changed(worker->events);
    return SLK_OK;
}

static slk_err switch_task(slk_worker *worker, const slk_rpc_call *call, bool on, slk_error *error)
{
    slk_lotus_task task;
    const char *name = json_string_value(json_array_get(call->params, 0));
    if (!name || !slk_lotus_task_of_name(&task, name))
        return slk_rpc_bad_param(call, 0, "the name of a kind of task", error);
    const slk_lotus_task_set bit = SLK_LOTUS_TASK_BIT(task);
    if (on && !(slk_worker_all_tasks & bit)) {
        /* `lotus-worker tasks enable --all` names all there are in Lotus, and would end at the first that
         * is refused, with some switched on and some not. */
        slk_log(SLK_LOG_WARN, "worker.task", "task=%s why=\"this worker does not do it\"", name);
        return SLK_OK;
    }
    (void)pthread_mutex_lock(&worker->lock);
    worker->tasks = on ? worker->tasks | bit : worker->tasks & ~bit;
    (void)pthread_mutex_unlock(&worker->lock);
    slk_log(SLK_LOG_INFO, "worker.task", "task=%s enabled=%d", name, on);
    slk_worker_events_changed(worker->events);
    return SLK_OK;
}

static slk_err task_enable(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    (void)ret_result;
    return switch_task(context, call, true, error);
}

static slk_err task_disable(void *context, const slk_rpc_call *call, json_t **ret_result,
                            slk_error *error)
{
    (void)ret_result;
    return switch_task(context, call, false, error);
}

static slk_err wait_quiet(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    slk_worker *worker = context;
    (void)ret_result;
    while (!slk_runner_wait_quiet(worker->runner, WAIT_LOOK_MS))
        SLK_TRY(slk_job_check(call->job, error));
    return SLK_OK;
}

static slk_err shut_down(void *context, const slk_rpc_call *call, json_t **ret_result,
                         slk_error *error)
{
    slk_worker *worker = context;
    (void)call;
    (void)ret_result;
    (void)error;
    (void)pthread_mutex_lock(&worker->lock);
    worker->shut = true;
    (void)pthread_cond_broadcast(&worker->moved);
    (void)pthread_mutex_unlock(&worker->lock);
    return SLK_OK;
}

static slk_err refuse(void *context, const slk_rpc_call *call, json_t **ret_result,
                      slk_error *error)
{
    (void)context;
    (void)ret_result;
    return slk_fail(error, SLK_E_UNSUPPORTED, "%s is not done by this worker (selkie %s)",
                    call->method, SLK_VERSION);
}

/* ---- extensions of ours ---- */

static slk_err hello(void *context, const slk_rpc_call *call, json_t **ret_result, slk_error *error)
{
    slk_worker *worker = context;
    (void)call;
    return slk_rpc_give(ret_result,
                        json_pack("{ss ss so s[sssssss]}", "version", SLK_VERSION, "id", worker->id,
                                  "tasks", slk_lotus_task_set_json(tasks_of(worker)), "extensions",
                                  "batch", "cancel", "progress", "check-replica", "zero-sectors",
                                  "machine", "events"),
                        error);
}

/* Of what Info has no place for: what tasks took of memory here, and memory by NUMA node. */
static slk_err machine(void *context, const slk_rpc_call *call, json_t **ret_result,
                       slk_error *error)
{
    slk_worker *worker = context;
    uint64_t nodes[SLK_MEM_NODES_MAX];
    (void)call;
    const size_t n = slk_mem_nodes(nodes, "/sys/devices/system/node");
    json_t *list = json_array();
    for (size_t i = 0; i < n && list; i++) {
        if (json_array_append_new(list, json_integer((json_int_t)nodes[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return slk_rpc_give(
        ret_result,
        json_pack("{so so}", "Nodes", list, "Peaks", slk_worker_peaks_json(worker->peaks)), error);
}

static slk_err task_cancel(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    slk_worker *worker = context;
    slk_lotus_call_id id;
    if (slk_lotus_call_id_read(&id, json_array_get(call->params, 0), "call", error) != SLK_OK)
        return slk_rpc_bad_param_error(call, 0, error);
    return slk_rpc_give(ret_result, json_boolean(slk_runner_cancel(worker->runner, id.uuid)),
                        error);
}

json_t *slk_worker_view_json(const slk_runner_view *view)
{
    static const char *const states[] = {[SLK_RUNNER_WAITING] = "waiting",
                                         [SLK_RUNNER_AT_WORK] = "running",
                                         [SLK_RUNNER_ENDED] = "returning",
                                         [SLK_RUNNER_RETURNED] = "returned"};
    const slk_worker_step *step = slk_worker_step_of(view->call->method);
    slk_assert(step);
    json_t *row =
        json_pack("{so ss ss ss ss sI sI sI}", "ID", slk_lotus_call_id_json(&view->call->id),
                  "Task", slk_lotus_task_name(step->task), "Method", step->method, "State",
                  states[view->state], "Stage", view->stage, "Done", (json_int_t)view->done,
                  "Total", (json_int_t)view->total, "Since", (json_int_t)view->since_ms);
    /* While it is at work the outcome is its own thread's. */
    const bool ended = view->state == SLK_RUNNER_ENDED || view->state == SLK_RUNNER_RETURNED;
    const slk_lotus_fault *fault = &view->call->outcome.fault;
    if (!row || !ended || !fault->failed ||
        json_object_set_new(row, "Why", json_string(fault->message)) == 0)
        return row;
    json_decref(row);
    return NULL;
}

static bool add_view(void *context, const slk_runner_view *view)
{
    json_t **list = context;
    if (json_array_append_new(*list, slk_worker_view_json(view)) == 0)
        return true;
    json_decref(*list);
    *list = NULL;
    return false;
}

json_t *slk_worker_views_json(slk_worker *worker)
{
    json_t *list = json_array();
    if (list)
        slk_runner_list(worker->runner, add_view, &list);
    return list;
}

static slk_err task_progress(void *context, const slk_rpc_call *call, json_t **ret_result,
                             slk_error *error)
{
    (void)call;
    return slk_rpc_give(ret_result, slk_worker_views_json(context), error);
}

/* ---- the table ---- */

/* One a line. */
/* clang-format off */
const slk_rpc_method slk_worker_methods[] = {
    {"Filecoin.Version", 0, SLK_RPC_ADMIN, version},
    {"Filecoin.TaskTypes", 0, SLK_RPC_ADMIN, task_types},
    {"Filecoin.Paths", 0, SLK_RPC_ADMIN, paths},
    {"Filecoin.Info", 0, SLK_RPC_ADMIN, info},
    {"Filecoin.Session", 0, SLK_RPC_ADMIN, session},
    {"Filecoin.ProcessSession", 0, SLK_RPC_ADMIN, process_session},
    {"Filecoin.Enabled", 0, SLK_RPC_ADMIN, enabled},
    {"Filecoin.SetEnabled", 1, SLK_RPC_ADMIN, set_enabled},
    {"Filecoin.TaskEnable", 1, SLK_RPC_ADMIN, task_enable},
    {"Filecoin.TaskDisable", 1, SLK_RPC_ADMIN, task_disable},
    {"Filecoin.WaitQuiet", 0, SLK_RPC_ADMIN, wait_quiet},
    {"Filecoin.Remove", 1, SLK_RPC_ADMIN, remove_sector},
    {"Filecoin.StorageLocal", 0, SLK_RPC_ADMIN, storage_local},
    {"Filecoin.StorageAddLocal", 1, SLK_RPC_ADMIN, storage_add},
    {"Filecoin.StorageDetachLocal", 1, SLK_RPC_ADMIN, storage_detach},
    {"Filecoin.StorageDetachAll", 0, SLK_RPC_ADMIN, storage_detach_all},
    {"Filecoin.StorageRedeclareLocal", 2, SLK_RPC_ADMIN, storage_redeclare},
    {"Filecoin.Shutdown", 0, SLK_RPC_ADMIN, shut_down},
    {"Filecoin.GenerateWinningPoSt", 4, SLK_RPC_ADMIN, refuse},
    {"Filecoin.GenerateWindowPoSt", 5, SLK_RPC_ADMIN, refuse},
    {"Filecoin.AddPiece", 4, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.SealPreCommit1", 3, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.SealPreCommit2", 2, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.SealCommit1", 5, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.SealCommit2", 2, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.FinalizeSector", 1, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.ReleaseUnsealed", 2, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.MoveStorage", 2, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.Fetch", 4, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.UnsealPiece", 5, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.DataCid", 2, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.ReplicaUpdate", 2, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.ProveReplicaUpdate1", 4, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.ProveReplicaUpdate2", 5, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.GenerateSectorKeyFromData", 2, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.FinalizeReplicaUpdate", 1, SLK_RPC_ADMIN, slk_worker_take},
    {"Filecoin.DownloadSectorData", 3, SLK_RPC_ADMIN, slk_worker_take},
    {"Selkie.Hello", 0, SLK_RPC_ADMIN, hello},
    {"Selkie.SealPreCommit1Batch", 1, SLK_RPC_ADMIN, slk_worker_take_batch},
    {"Selkie.CheckReplica", 4, SLK_RPC_ADMIN, slk_worker_take},
    {"Selkie.TaskCancel", 1, SLK_RPC_ADMIN, task_cancel},
    {"Selkie.TaskProgress", 0, SLK_RPC_ADMIN, task_progress},
    {"Selkie.Machine", 0, SLK_RPC_ADMIN, machine},
};
/* clang-format on */
const size_t slk_worker_n_methods = sizeof slk_worker_methods / sizeof *slk_worker_methods;
