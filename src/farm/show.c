/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What people and Lotus's tools see of the farm. */
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "farm/farm_impl.h"

#include <stdio.h>
#include <string.h>

#define JOBS_MAX 4096u

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for a list");
}

/* Takes value over; false without memory. */
static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* ---- workers ---- */

static json_t *stats_of(const slk_farm_worker *w)
{
    const slk_lotus_load *load = slk_sched_load(w->farm->sched, w->id);
    slk_lotus_worker_stats stats = {
        .info = w->info, .tasks = w->tasks, .enabled = slk_farm_worker_is_open(w)};
    if (load)
        stats.load = *load;
    return slk_lotus_worker_stats_json(&stats);
}

json_t *slk_farm_worker_stats(slk_farm *farm)
{
    json_t *all = json_object();
    slk_farm_enter(farm);
    bool good = all != NULL;
    for (const slk_farm_worker *w = farm->workers; w && good; w = w->next)
        good = put(all, w->session, stats_of(w));
    slk_farm_leave(farm);
    if (good)
        return all;
    json_decref(all);
    return NULL;
}

json_t *slk_farm_task_names(slk_lotus_task_set set)
{
    json_t *names = json_array();
    bool good = names != NULL;
    for (unsigned t = 0; t < SLK_LOTUS_TASKS && good; t++)
        if (set & SLK_LOTUS_TASK_BIT(t))
            good = json_array_append_new(names,
                                         json_string(slk_lotus_task_short((slk_lotus_task)t))) == 0;
    if (good)
        return names;
    json_decref(names);
    return NULL;
}

static json_t *text_list(const slk_lotus_strings *list)
{
    json_t *all = json_array();
    bool good = all != NULL;
    for (size_t i = 0; i < list->n && good; i++)
        good = json_array_append_new(all, json_string(list->item[i])) == 0;
    if (good)
        return all;
    json_decref(all);
    return NULL;
}

const char *slk_farm_worker_kind(const slk_farm_worker *worker)
{
    return worker->local ? "local" : worker->ours ? "selkie" : "lotus";
}

static json_t *worker_row(const slk_farm_worker *w)
{
    const int64_t now = slk_clock_monotonic_ms();
    return json_pack(
        "{ss ss ss ss sb ss so sI sI sI sI so sI sI}", "Session", w->session, "Hostname",
        w->info.hostname, "URL", w->url ? w->url : "", "Kind", slk_farm_worker_kind(w), "Open",
        slk_farm_worker_is_open(w), "Why", w->why, "Tasks", slk_farm_task_names(w->tasks),
        "Running", (json_int_t)slk_sched_running(w->farm->sched, w->id), "CPUs",
        (json_int_t)w->info.machine.cpus, "MemPhysical", (json_int_t)w->info.machine.mem_physical,
        "GPUs", (json_int_t)w->info.machine.gpus.n, "Paths", text_list(&w->paths), "SinceMs",
        (json_int_t)(now - w->since_ms), "HeardMs", (json_int_t)(w->local ? 0 : now - w->heard_ms));
}

json_t *slk_farm_workers(slk_farm *farm)
{
    json_t *all = json_array();
    slk_farm_enter(farm);
    bool good = all != NULL;
    for (const slk_farm_worker *w = farm->workers; w && good; w = w->next)
        good = json_array_append_new(all, worker_row(w)) == 0;
    slk_farm_leave(farm);
    if (good)
        return all;
    json_decref(all);
    return NULL;
}

json_t *slk_farm_use(slk_farm *farm)
{
    json_int_t local_total = 0, local_busy = 0, remote_total = 0, remote_busy = 0;
    slk_farm_enter(farm);
    for (const slk_farm_worker *w = farm->workers; w; w = w->next) {
        const unsigned running = slk_sched_slots(farm->sched, w->id);
        for (size_t i = 0; i < SLK_SCHED_BOUNDS && w->local; i++)
            local_total += w->bounds[i].tasks ? w->bounds[i].most : 0;
        local_busy += w->local ? running : 0;
        remote_total += !w->local && w->answers;
        remote_busy += !w->local && w->answers && running > 0;
    }
    slk_farm_leave(farm);
    return json_pack("{sI sI sI sI sI}", "LocalTotal", local_total, "LocalReserved", (json_int_t)0,
                     "LocalBusy", local_busy, "RemoteTotal", remote_total, "RemoteBusy",
                     remote_busy);
}

/* ---- jobs ---- */

/* Lock held. The list of the session's jobs in all, made when it is not there. */
static json_t *list_of(json_t *all, const char *session)
{
    json_t *list = json_object_get(all, session);
    if (!list && put(all, session, json_array()))
        list = json_object_get(all, session);
    return list;
}

static void request_id(char out[SLK_UUID_CHARS], uint64_t id)
{
    (void)snprintf(out, SLK_UUID_CHARS, "00000000-0000-0000-0000-%012llx",
                   (unsigned long long)id & 0xffffffffffff);
}

/* others: of the batch, under way. waiting: NULL nobody does. */
static bool put_more(json_t *row, const char *batch, size_t others, const slk_farm_waiting *waiting)
{
    const bool staged = waiting && waiting->stage;
    return (!batch[0] || (put(row, "Batch", json_string(batch)) &&
                          put(row, "Others", json_integer((json_int_t)others)))) &&
           (!staged || (put(row, "Stage", json_string(waiting->stage)) &&
                        put(row, "Done", json_integer(waiting->done)) &&
                        put(row, "Total", json_integer(waiting->total)) &&
                        (!waiting->job || slk_farm_put_pace(row, waiting->job, "Rate", "LeftMs"))));
}

static size_t count_others(const slk_farm_call *calls, size_t n, const slk_farm_call *one)
{
    size_t others = 0;
    for (size_t i = 0; i < n && one->batch[0]; i++)
        others += &calls[i] != one && calls[i].state == SLK_FARM_CALL_RUNNING &&
                  strcmp(calls[i].batch, one->batch) == 0;
    return others;
}

/* Lock held. */
static bool put_call(json_t *all, slk_farm *farm, const slk_farm_call *call, size_t others)
{
    const slk_farm_waiting *waiting = slk_farm_waiting_for(farm, call->call.uuid);
    const slk_farm_worker *worker = slk_farm_holder_of(farm, call);
    slk_lotus_job job = {.id = call->call,
                         .sector = call->call.sector,
                         .task = call->task,
                         .run_wait =
                             call->state == SLK_FARM_CALL_DONE
                                 ? (waiting ? SLK_LOTUS_JOB_RETURNED : SLK_LOTUS_JOB_RETURNED_DONE)
                             : worker ? SLK_LOTUS_JOB_RUNNING
                                      : SLK_LOTUS_JOB_RETURN_WAIT,
                         .start_ms = call->created_ms};
    memcpy(job.hostname, call->hostname, sizeof job.hostname);
    json_t *row = slk_lotus_job_json(&job);
    if (row && !put_more(row, call->batch, others, waiting)) {
        json_decref(row);
        row = NULL;
    }
    json_t *list = list_of(all, worker ? worker->session : SLK_UUID_NIL);
    return row && list && json_array_append_new(list, row) == 0;
}

static bool put_stage(json_t *row, const slk_job *job)
{
    return !job || (put(row, "Stage", json_string(atomic_load(&job->stage))) &&
                    put(row, "Done", json_integer((json_int_t)atomic_load(&job->done))) &&
                    put(row, "Total", json_integer((json_int_t)atomic_load(&job->total))) &&
                    slk_farm_put_pace(row, job, "Rate", "LeftMs"));
}

/* Lock held: what this process does itself. */
static bool put_local(json_t *all, slk_farm *farm)
{
    slk_sched_seen seen;
    for (size_t i = 0; slk_sched_at(&seen, farm->sched, i); i++) {
        const slk_farm_worker *worker = slk_farm_worker_by_id(farm, seen.worker);
        if (!worker || !worker->local)
            continue;
        slk_lotus_job job = {.id.sector = seen.request.sector,
                             .sector = seen.request.sector,
                             .task = seen.request.task,
                             .run_wait = SLK_LOTUS_JOB_RUNNING,
                             .start_ms = seen.since_ms};
        memcpy(job.id.uuid, SLK_UUID_NIL, sizeof job.id.uuid);
        memcpy(job.hostname, worker->info.hostname, sizeof job.hostname);
        char batch[SLK_UUID_CHARS] = "";
        if (seen.batch)
            request_id(batch, seen.batch);
        json_t *list = list_of(all, worker->session);
        json_t *row = slk_lotus_job_json(&job);
        if (!list || !row || json_array_append_new(list, row) != 0 ||
            !put_more(row, batch, slk_sched_batch_size(farm->sched, seen.batch) - 1u, NULL) ||
            !put_stage(row, seen.request.job))
            return false;
    }
    return true;
}

slk_err slk_farm_worker_jobs(json_t **ret_jobs, slk_farm *farm, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_farm_call *calls = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_object();
    size_t n = 0;
    if (!all)
        return no_memory(error);
    SLK_TRY(slk_farm_calls_list(&calls, &n, farm->calls, JOBS_MAX, error));
    slk_farm_enter(farm);
    bool good = put_local(all, farm);
    for (size_t i = 0; i < n && good; i++)
        good = put_call(all, farm, &calls[i], count_others(calls, n, &calls[i]));
    slk_farm_leave(farm);
    if (!good)
        return no_memory(error);
    *ret_jobs = all;
    all = NULL;
    return SLK_OK;
}

/* ---- what waits ---- */

/* Lock held: fills the two lists; both have room for all requests. */
static size_t collect(slk_lotus_waiting *waiting, json_t *why, slk_farm *farm, size_t max)
{
    slk_sched_seen seen;
    size_t n = 0;
    for (size_t i = 0; n < max && slk_sched_at(&seen, farm->sched, i); i++) {
        if (seen.worker != 0)
            continue;
        char text[SLK_SCHED_WHY_CHARS];
        slk_lotus_waiting *w = &waiting[n++];
        *w = (slk_lotus_waiting){.sector = seen.request.sector,
                                 .task = seen.request.task,
                                 .priority = seen.request.priority};
        request_id(w->id, seen.id);
        slk_sched_why(text, farm->sched, seen.id);
        (void)put(why, w->id, json_string(text));
    }
    return n;
}

/* Lock held. What was measured of the worker's tasks, and what is reckoned with. */
static bool put_needs(json_t *list, const slk_farm_worker *w)
{
    bool good = true;
    for (unsigned t = 0; t < SLK_LOTUS_TASKS && good; t++)
        for (int p = 0; p < SLK_LOTUS_PROOFS && good; p++) {
            const slk_lotus_need told = slk_farm_told_need(w, (slk_lotus_task)t, p);
            const uint64_t bytes = w->peaks.bytes[t][p];
            slk_lotus_need need;
            if (bytes == 0)
                continue;
            const slk_farm_need_origin origin = slk_farm_need_of(
                &need, &told, (slk_lotus_task)t, p, bytes, w->info.machine.mem_physical);
            good = json_array_append_new(
                       list, json_pack("{ss ss si sI sI ss}", "Host", w->info.hostname, "Task",
                                       slk_lotus_task_short((slk_lotus_task)t), "Proof", p,
                                       "MeasuredBytes", (json_int_t)bytes, "NeedBytes",
                                       (json_int_t)(need.min_memory + need.base_min_memory),
                                       "Origin", slk_farm_need_origin_name(origin))) == 0;
        }
    return good;
}

/* Lock held. NULL without memory. */
static json_t *needs(const slk_farm *farm)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (const slk_farm_worker *w = farm->workers; w && good; w = w->next)
        good = put_needs(list, w);
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

json_t *slk_farm_sched_diag(slk_farm *farm)
{
    SLK_CLEANUP(slk_freep)
    slk_lotus_waiting *waiting = slk_calloc(SLK_SCHED_REQUESTS_MAX, sizeof *waiting);
    const slk_lotus_strings windows = {0}; /* who asks gets at once, or waits: there are none */
    json_t *why = json_object();
    if (!waiting || !why) {
        json_decref(why);
        return NULL;
    }
    slk_farm_enter(farm);
    const size_t n = collect(waiting, why, farm, SLK_SCHED_REQUESTS_MAX);
    json_t *needed = needs(farm);
    slk_farm_leave(farm);
    json_t *all = slk_lotus_sched_diag_json(waiting, n, &windows);
    const bool has_needs = all && put(all, "Needs", needed);
    if (has_needs && put(all, "Why", why))
        return all;
    if (!all)
        json_decref(needed);
    if (!has_needs)
        json_decref(why);
    json_decref(all);
    return NULL;
}

/* ---- how much may begin ---- */

/* So many claimed tasks may wait for a worker: room for one kind of task is none for another. */
#define IDLE_MAX 16u

unsigned slk_farm_room(slk_farm *farm, bool snark)
{
    const int64_t proof = farm->options.usual_proof;
    const unsigned batch = farm->options.batch_most;
    const unsigned idle_max = IDLE_MAX > batch ? IDLE_MAX : batch;
    slk_sched_seen seen;
    slk_farm_enter(farm);
    unsigned inside = snark ? 0 : farm->aside; /* begun; of them such as only wait for room */
    unsigned idle = 0;
    for (size_t i = 0; slk_sched_at(&seen, farm->sched, i); i++) {
        if ((seen.request.task == SLK_LOTUS_COMMIT2) != snark)
            continue;
        inside++;
        idle += seen.worker == 0;
    }
    const unsigned most = idle < idle_max ? idle_max - idle : 0;
    unsigned room = slk_sched_room(farm->sched, snark ? SLK_LOTUS_COMMIT2 : SLK_LOTUS_PRECOMMIT1,
                                   proof, 1, most);
    if (!snark && room < most) {
        const unsigned trees = slk_sched_room(farm->sched, SLK_LOTUS_PRECOMMIT2, proof, 1, most);
        room = trees > room ? trees : room;
    }
    slk_farm_leave(farm);
    return inside + room;
}

unsigned slk_farm_batch_room(slk_farm *farm)
{
    const slk_farm_options *o = &farm->options;
    slk_sched_seen seen;
    unsigned waiting = 0;
    slk_farm_enter(farm);
    for (size_t i = 0; slk_sched_at(&seen, farm->sched, i); i++)
        waiting += seen.worker == 0 && seen.request.task == SLK_LOTUS_PRECOMMIT1;
    const unsigned room = slk_sched_room(farm->sched, SLK_LOTUS_PRECOMMIT1, o->usual_proof,
                                         o->batch_most, waiting + o->batch_most);
    slk_farm_leave(farm);
    return room > waiting ? room - waiting : 0;
}
