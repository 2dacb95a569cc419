/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The farm as the page and the metrics show it. */
#include "base/clock.h"
#include "farm/farm_impl.h"

#include <string.h>

bool slk_farm_put_pace(json_t *row, const slk_job *job, const char *rate_key, const char *left_key)
{
    double rate;
    int64_t left_ms;
    if (!slk_job_pace(&rate, &left_ms, job, slk_clock_monotonic_ns()))
        return true;
    return json_object_set_new(row, rate_key, json_real(rate)) == 0 &&
           json_object_set_new(row, left_key, json_integer(left_ms)) == 0;
}

static json_t *request_row(const slk_sched_seen *seen)
{
    return json_pack("{sI sI ss sI}", "sp_id", (json_int_t)seen->request.sector.miner, "number",
                     (json_int_t)seen->request.sector.number, "task",
                     slk_lotus_task_short(seen->request.task),
                     seen->worker ? "started_ms" : "asked_ms", (json_int_t)seen->since_ms);
}

/* NULL without memory. */
static json_t *running_row(const slk_sched_seen *seen)
{
    json_t *row = request_row(seen);
    const slk_job *job = seen->request.job;
    if (!row || !job)
        return row;
    const json_int_t done = (json_int_t)atomic_load(&job->done);
    const json_int_t total = (json_int_t)atomic_load(&job->total);
    if (json_object_set_new(row, "stage", json_string(atomic_load(&job->stage))) == 0 &&
        json_object_set_new(row, "done", json_integer(done)) == 0 &&
        json_object_set_new(row, "total", json_integer(total)) == 0 &&
        slk_farm_put_pace(row, job, "rate", "left_ms"))
        return row;
    json_decref(row);
    return NULL;
}

/* Lock held: the requests that worker has; 0: those that wait. */
static json_t *requests_of(slk_farm *farm, uint64_t worker)
{
    json_t *list = json_array();
    slk_sched_seen seen;
    bool good = list != NULL;
    for (size_t i = 0; good && slk_sched_at(&seen, farm->sched, i); i++) {
        if (seen.worker != worker)
            continue;
        json_t *row = worker ? running_row(&seen) : request_row(&seen);
        if (row && !worker) {
            char why[SLK_SCHED_WHY_CHARS];
            slk_sched_why(why, farm->sched, seen.id);
            good = json_object_set_new(row, "why", json_string(why)) == 0;
        }
        good = json_array_append_new(list, row) == 0 && good;
    }
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

/* Lock held. */
static json_t *worker_row(slk_farm *farm, const slk_farm_worker *w)
{
    static const slk_lotus_load nothing = {0};
    const int64_t now = slk_clock_monotonic_ms();
    const slk_lotus_machine *m = &w->info.machine;
    const slk_lotus_load *load = slk_sched_load(farm->sched, w->id);
    if (!load)
        load = &nothing;
    return json_pack("{ss ss ss sb sb sb sb ss so sI sI sI sI sI sI sI so}", "session", w->session,
                     "host", w->info.hostname, "kind", slk_farm_worker_kind(w), "answers",
                     w->answers, "open", !w->closed && !w->disabled, "disabled", w->disabled,
                     "refuted", w->refuted, "why", w->why, "tasks", slk_farm_task_names(w->tasks),
                     "cpus", (json_int_t)m->cpus, "cpus_used", (json_int_t)load->threads,
                     "memory_bytes", (json_int_t)m->mem_physical, "memory_used_bytes",
                     (json_int_t)load->mem_min, "gpus", (json_int_t)m->gpus.n, "since_ms",
                     (json_int_t)(now - w->since_ms), "silent_ms",
                     (json_int_t)(w->local || w->answers ? 0 : now - w->heard_ms), "running",
                     requests_of(farm, w->id));
}

static json_t *calls_list(const slk_farm *farm)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (unsigned t = 0; t < SLK_LOTUS_TASKS && good; t++) {
        const slk_farm_counts *c = &farm->counts[t];
        const json_int_t done = (json_int_t)slk_counter_read(&c->done);
        const json_int_t failed = (json_int_t)slk_counter_read(&c->failed);
        if (done + failed > 0)
            good =
                json_array_append_new(list, json_pack("{ss sI sI sI}", "task",
                                                      slk_lotus_task_short((slk_lotus_task)t),
                                                      "done", done, "failed", failed, "ms",
                                                      (json_int_t)slk_counter_read(&c->ms))) == 0;
    }
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

json_t *slk_farm_board(slk_farm *farm)
{
    json_t *workers = json_array();
    slk_farm_enter(farm);
    bool good = workers != NULL;
    for (const slk_farm_worker *w = farm->workers; w && good; w = w->next)
        good = json_array_append_new(workers, worker_row(farm, w)) == 0;
    json_t *waiting = requests_of(farm, 0);
    slk_farm_leave(farm);
    if (good)
        return json_pack("{so so so}", "workers", workers, "waiting", waiting, "calls",
                         calls_list(farm));
    json_decref(workers);
    json_decref(waiting);
    return NULL;
}
