/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/watch.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "rpc/client.h"

#include <stdio.h>
#include <string.h>

#define CALL_MS 60000 /* a call answers at once with its id */
#define SEND_MS 1200000 /* … one with a file when that is through */
#define LOOK_MS 1000
/* A worker that was started anew has returned its old calls, or has them again, long before: ours go on with
 * them, one of Lotus returns them before it connects. */
#define ANEW_MS 60000

static const char worker_stage[] = "on a worker";

/* ---- waiting for a Return ---- */

/* Of a row that has its id. */
static slk_err watch_begin(slk_farm_watch *watch, slk_job *job, slk_error *error)
{
    slk_farm *farm = watch->farm;
    watch->waiting = (slk_farm_waiting){.row = &watch->row, .job = job};
    const int rc = slk_cond_init(&watch->waiting.moved);
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot wait for a worker");
    memcpy(watch->waiting.uuid, watch->row.call.uuid, sizeof watch->waiting.uuid);
    watch->waiting.listed_ms = slk_clock_monotonic_ms();
    slk_farm_enter(farm);
    watch->waiting.next = farm->waiting;
    farm->waiting = &watch->waiting;
    slk_farm_leave(farm);
    return SLK_OK;
}

static void watch_end(slk_farm_watch *watch)
{
    slk_farm *farm = watch->farm;
    slk_farm_enter(farm);
    slk_farm_waiting **at = &farm->waiting;
    while (*at != &watch->waiting)
        at = &(*at)->next;
    *at = watch->waiting.next;
    slk_sched_end(farm->sched, watch->waiting.adopted);
    slk_farm_moved(farm);
    slk_farm_leave(farm);
    (void)pthread_cond_destroy(&watch->waiting.moved);
}

/* Lock held: how long to wait for somebody who is not there. */
static int64_t patience(const slk_farm_watch *watch, const slk_farm_worker *holder)
{
    slk_farm *farm = watch->farm;
    const slk_farm_worker *w = holder ? holder : slk_farm_worker_of(farm, &watch->row);
    return w && w->answers ? ANEW_MS : farm->options.lost_ms;
}

/* Lock held: the Return will not come any more. */
static bool is_lost(slk_farm_watch *watch)
{
    const int64_t now = slk_clock_monotonic_ms();
    const slk_farm_worker *holder = slk_farm_holder_of(watch->farm, &watch->row);
    const int64_t listed_each_ms =
        holder && holder->streaming ? SLK_FARM_LIST_MS : watch->farm->options.heartbeat_ms;
    const bool unlisted = holder && (holder->can & SLK_FARM_CAN_PROGRESS) &&
                          now - watch->waiting.listed_ms > 2 * listed_each_ms;
    if (holder && holder->answers && !unlisted) {
        watch->away_since_ms = 0;
        return false;
    }
    if (watch->away_since_ms == 0)
        watch->away_since_ms = now;
    return now - watch->away_since_ms > patience(watch, holder);
}

/* Lock held: another call of its batch that takes its room already; 0: none. */
static uint64_t adopted_mate(const slk_farm_watch *watch)
{
    for (const slk_farm_waiting *w = watch->farm->waiting; w && watch->row.batch[0]; w = w->next)
        if (w->adopted && strcmp(w->row->batch, watch->row.batch) == 0)
            return w->adopted;
    return 0;
}

/* Lock held: a call from before our restart takes its room at the worker. */
static void adopt(slk_farm_watch *watch, const slk_farm_work *work)
{
    const slk_farm_worker *holder = slk_farm_holder_of(watch->farm, &watch->row);
    const slk_sched_request request = {.task = work->task,
                                       .seal_proof = work->sector.proof,
                                       .sector = work->sector.id,
                                       .job = watch->waiting.job};
    if (watch->waiting.adopted || !holder)
        return;
    if (slk_sched_adopt(&watch->waiting.adopted, watch->farm->sched, &request, holder->id,
                        adopted_mate(watch), NULL) != SLK_OK)
        watch->waiting.adopted = 0;
}

static slk_err wait_return(slk_farm_watch *watch, const slk_farm_work *work, bool again,
                           slk_error *error)
{
    slk_farm *farm = watch->farm;
    slk_err code = SLK_OK;
    slk_farm_enter(farm);
    while (!watch->waiting.ended && code == SLK_OK) {
        if (again)
            adopt(watch, work);
        if (farm->stopping)
            code = slk_fail(error, SLK_E_CANCELED, "the node stops; the worker goes on");
        else if (watch->waiting.aborted)
            code = slk_fail(error, SLK_E_IO, "aborted by the operator");
        else if (slk_job_check(watch->waiting.job, NULL) != SLK_OK)
            code = slk_fail(error, SLK_E_CANCELED, "canceled");
        else if (is_lost(watch))
            code = slk_fail(error, SLK_E_UNREACHABLE, "worker %.80s is away with the task",
                            watch->row.hostname);
        else
            (void)slk_cond_wait_ms(&watch->waiting.moved, &farm->lock, LOOK_MS);
    }
    slk_farm_leave(farm);
    return code;
}

/* Whoever has it now; if that does not reach it, its next heartbeat shows that it still works on it. */
static void tell_cancel(const slk_farm_watch *watch)
{
    slk_farm_enter(watch->farm);
    slk_farm_worker *worker = slk_farm_holder_of(watch->farm, &watch->row);
    if (worker && !(worker->can & SLK_FARM_CAN_CANCEL))
        worker = NULL;
    if (worker)
        slk_farm_worker_take(worker);
    slk_farm_leave(watch->farm);
    if (worker)
        slk_farm_tell_cancel(worker, &watch->row.call);
    slk_farm_worker_give(worker);
}

static void drop_row(const slk_farm_watch *watch)
{
    slk_error error = {0};
    if (slk_farm_calls_drop(watch->farm->calls, watch->row.id, &error) != SLK_OK)
        slk_log(SLK_LOG_WARN, "farm.drop", "call=%s why=\"%s\"", watch->row.call.uuid,
                error.message);
}

/* The worker's own failure as an error of ours. */
static slk_err fault_error(const slk_farm_call *row, slk_error *error)
{
    char text[256];
    const slk_lotus_fault *fault = &row->outcome.fault;
    const slk_err code = fault->code == SLK_LOTUS_FAULT_NO_SPACE    ? SLK_E_NOSPACE
                         : fault->code == SLK_LOTUS_FAULT_RESTARTED ? SLK_E_BUSY
                         : fault->code == SLK_LOTUS_FAULT_TEMPORARY ? SLK_E_UNREACHABLE
                                                                    : SLK_E_IO;
    (void)snprintf(text, sizeof text, "%s", fault->message);
    slk_text_quotable(text);
    return slk_fail(error, code, "worker %.60s: %s", row->hostname, text);
}

/* Waits for the Return of a row that has its id, and takes what came. The row stays when the work is
 * good, or goes on without us. */
static slk_err finish(slk_farm_call *ret_call, slk_farm_watch *watch, const slk_farm_work *work,
                      bool again, slk_error *error)
{
    slk_farm *farm = watch->farm;
    slk_farm_counts *counts = &farm->counts[work->task];
    slk_farm_call done = {0};
    slk_err code = wait_return(watch, work, again, error);
    if (code == SLK_OK)
        code = slk_farm_calls_get(&done, farm->calls, watch->row.id, error);
    if (code == SLK_OK && done.outcome.fault.failed)
        code = fault_error(&done, error);
    if (code == SLK_OK) {
        slk_counter_add(&counts->done, 1);
        slk_counter_add(&counts->ms, (uint64_t)(done.ended_ms - done.created_ms));
        *ret_call = done;
        return SLK_OK;
    }
    slk_farm_call_done(&done);
    if (slk_farm_is_stopping(farm))
        return code;
    slk_counter_add(&counts->failed, code != SLK_E_CANCELED);
    if (code == SLK_E_CANCELED || watch->waiting.aborted)
        tell_cancel(watch);
    drop_row(watch);
    return code;
}

slk_err slk_farm_watch_finish(slk_farm_call *ret_call, slk_farm_watch *watch,
                              const slk_farm_work *work, slk_error *error)
{
    const slk_err code = finish(ret_call, watch, work, false, error);
    watch_end(watch);
    return code;
}

/* ---- one call ---- */

slk_err slk_farm_watch_row(slk_farm_watch *watch, slk_farm *farm, const slk_farm_work *work,
                           slk_farm_worker *worker, const char *batch, slk_error *error)
{
    *watch =
        (slk_farm_watch){.farm = farm, .row = {.task = work->task, .call.sector = work->sector.id}};
    slk_farm_call *row = &watch->row;
    slk_assert(strlen(work->key) < sizeof row->key);
    (void)snprintf(row->key, sizeof row->key, "%s", work->key);
    (void)snprintf(row->batch, sizeof row->batch, "%s", batch);
    slk_farm_worker_sign(row, worker);
    return slk_farm_calls_begin(row, farm->calls, error);
}

slk_err slk_farm_watch_refused(slk_farm_watch *watch, slk_err code, slk_error *error)
{
    drop_row(watch);
    return slk_fail_context(error, code, "worker %.60s", watch->row.hostname);
}

/* The Return may be here already: it is waited for before the row has the id. */
slk_err slk_farm_watch_took(slk_farm_watch *watch, const slk_lotus_call_id *call, slk_job *job,
                            slk_error *error)
{
    slk_farm *farm = watch->farm;
    bool done = false, waits = false;
    watch->row.call = *call;
    slk_job_stage(job, worker_stage, 0);
    slk_err code = watch_begin(watch, job, error);
    waits = code == SLK_OK;
    if (code == SLK_OK)
        code = slk_farm_calls_named(&done, farm->calls, watch->row.id, call->uuid, error);
    if (code == SLK_OK) {
        slk_farm_enter(farm);
        watch->waiting.ended = watch->waiting.ended || done;
        slk_farm_leave(farm);
        return SLK_OK;
    }
    tell_cancel(watch);
    if (waits)
        watch_end(watch);
    return slk_farm_watch_refused(watch, code, error);
}

slk_err slk_farm_watch_send(slk_farm_watch *watch, const slk_farm_work *work,
                            slk_farm_worker *worker, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    slk_lotus_call_id id;
    const slk_rpc_how how = {.timeout_ms = work->file ? SEND_MS : CALL_MS,
                             .job = job,
                             .file = work->file,
                             .file_param = work->file_param};
    slk_err code = slk_farm_invoke(worker, work->method, work->params, &how, &answer, error);
    if (code == SLK_OK)
        code = slk_lotus_call_id_read(&id, answer, "CallID", error);
    if (code == SLK_OK && !slk_lotus_sector_equal(&id.sector, &work->sector.id))
        code = slk_fail(error, SLK_E_PROTO, "the worker gave an id for another sector");
    return code == SLK_OK ? slk_farm_watch_took(watch, &id, job, error)
                          : slk_farm_watch_refused(watch, code, error);
}

slk_err slk_farm_work_on(slk_farm_call *ret_call, slk_farm *farm, const slk_farm_work *work,
                         slk_farm_worker *worker, slk_job *job, slk_error *error)
{
    slk_farm_watch watch;
    SLK_TRY(slk_farm_watch_row(&watch, farm, work, worker, "", error));
    SLK_TRY(slk_farm_watch_send(&watch, work, worker, job, error));
    return slk_farm_watch_finish(ret_call, &watch, work, error);
}

/* ---- a call from before ---- */

slk_err slk_farm_watch_resume(slk_farm_call *ret_call, slk_farm *farm, const slk_farm_work *work,
                              slk_job *job, slk_error *error)
{
    slk_farm_watch watch = {.farm = farm};
    slk_farm_call *row = &watch.row;
    SLK_TRY(slk_farm_calls_find(row, farm->calls, &work->sector.id, work->task, work->key, error));
    if (row->state == SLK_FARM_CALL_DONE && !row->outcome.fault.failed) {
        *ret_call = *row;
        return SLK_OK;
    }
    slk_farm_call_done(row);
    if (row->state != SLK_FARM_CALL_RUNNING) {
        SLK_TRY(slk_farm_calls_drop(farm->calls, row->id, error));
        return slk_fail(error, SLK_E_NOTFOUND, "the earlier call had failed");
    }
    slk_job_stage(job, worker_stage, 0);
    SLK_TRY(watch_begin(&watch, job, error));
    slk_farm_call now = {0}; /* it may have been returned before anybody watched */
    slk_err code = slk_farm_calls_get(&now, farm->calls, row->id, error);
    if (code == SLK_OK && now.state == SLK_FARM_CALL_DONE) {
        slk_farm_enter(farm);
        watch.waiting.ended = true;
        slk_farm_leave(farm);
    }
    slk_farm_call_done(&now);
    if (code == SLK_OK)
        code = finish(ret_call, &watch, work, true, error);
    watch_end(&watch);
    if (code == SLK_OK || code == SLK_E_CANCELED)
        return code;
    slk_log(SLK_LOG_WARN, "farm.resume", "task=%s sector=%lu-%lu why=\"%s\" then=\"given anew\"",
            slk_lotus_task_short(work->task), (unsigned long)work->sector.id.miner,
            (unsigned long)work->sector.id.number, slk_error_text(error, code));
    return slk_fail(error, SLK_E_NOTFOUND, "the earlier call is lost");
}
