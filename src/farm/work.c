/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/work.h"

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
#define FAILURES_MAX 3u

static const char waiting_stage[] = "waiting for a worker";
static const char worker_stage[] = "on a worker";

static void end_request(slk_farm *farm, uint64_t request)
{
    slk_farm_enter(farm);
    slk_sched_end(farm->sched, request);
    slk_farm_moved(farm);
    slk_farm_leave(farm);
    slk_farm_room_changed(farm);
}

void slk_farm_grant_end(slk_farm *farm, slk_farm_grant *grant)
{
    if (!grant->worker)
        return;
    end_request(farm, grant->request);
    slk_farm_worker_give(grant->worker);
    grant->worker = NULL;
}

/* ---- waiting for a Return ---- */

/* The row as it is waited for. */
struct watch {
    slk_farm *farm;
    slk_farm_waiting waiting;
    int64_t away_since_ms; /* monotonic: nobody who could return it is there; 0: somebody is */
    bool adopted; /* the scheduler counts it */
    uint64_t request;
};

static slk_err watch_begin(struct watch *watch, slk_farm *farm, const slk_farm_call *row,
                           slk_job *job, slk_error *error)
{
    *watch = (struct watch){.farm = farm, .waiting = {.row = row, .job = job}};
    const int rc = slk_cond_init(&watch->waiting.moved);
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot wait for a worker");
    memcpy(watch->waiting.uuid, row->call.uuid, sizeof watch->waiting.uuid);
    watch->waiting.listed_ms = slk_clock_monotonic_ms();
    slk_farm_enter(farm);
    watch->waiting.next = farm->waiting;
    farm->waiting = &watch->waiting;
    slk_farm_leave(farm);
    return SLK_OK;
}

static void watch_end(struct watch *watch)
{
    slk_farm *farm = watch->farm;
    slk_farm_enter(farm);
    slk_farm_waiting **at = &farm->waiting;
    while (*at != &watch->waiting)
        at = &(*at)->next;
    *at = watch->waiting.next;
    if (watch->adopted)
        slk_sched_end(farm->sched, watch->request);
    slk_farm_moved(farm);
    slk_farm_leave(farm);
    (void)pthread_cond_destroy(&watch->waiting.moved);
}

/* Lock held: how long to wait for somebody who is not there. */
static int64_t patience(const struct watch *watch, const slk_farm_worker *holder)
{
    slk_farm *farm = watch->farm;
    const slk_farm_worker *w = holder ? holder : slk_farm_worker_of(farm, watch->waiting.row);
    return w && w->answers ? ANEW_MS : farm->options.lost_ms;
}

/* Lock held: the Return will not come any more. */
static bool is_lost(struct watch *watch)
{
    const int64_t now = slk_clock_monotonic_ms();
    const slk_farm_worker *holder = slk_farm_holder_of(watch->farm, watch->waiting.row);
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

/* Lock held: a call from before our restart takes its room at the worker. */
static void adopt(struct watch *watch, const slk_farm_work *work)
{
    const slk_farm_worker *holder = slk_farm_holder_of(watch->farm, watch->waiting.row);
    const slk_sched_request request = {.task = work->task,
                                       .seal_proof = work->sector.proof,
                                       .sector = work->sector.id,
                                       .job = watch->waiting.job};
    if (!watch->adopted && holder)
        watch->adopted = slk_sched_adopt(&watch->request, watch->farm->sched, &request, holder->id,
                                         NULL) == SLK_OK;
}

static slk_err wait_return(struct watch *watch, const slk_farm_work *work, bool again,
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
                            watch->waiting.row->hostname);
        else
            (void)slk_cond_wait_ms(&watch->waiting.moved, &farm->lock, LOOK_MS);
    }
    slk_farm_leave(farm);
    return code;
}

/* One of ours stops working on it; if that does not reach it, its next heartbeat shows that it still does. */
static void tell_cancel(slk_farm *farm, const struct watch *watch, const slk_lotus_call_id *call)
{
    slk_farm_enter(farm);
    slk_farm_worker *worker = slk_farm_holder_of(watch->farm, watch->waiting.row);
    if (worker && (worker->can & SLK_FARM_CAN_CANCEL))
        slk_farm_worker_take(worker);
    else
        worker = NULL;
    slk_farm_leave(farm);
    if (!worker)
        return;
    slk_farm_tell_cancel(worker, call);
    slk_farm_worker_give(worker);
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
static slk_err finish(slk_farm_call *ret_call, struct watch *watch, const slk_farm_work *work,
                      bool again, slk_error *error)
{
    slk_farm *farm = watch->farm;
    slk_farm_counts *counts = &farm->counts[work->task];
    slk_farm_call done = {0};
    slk_err code = wait_return(watch, work, again, error);
    if (code == SLK_OK)
        code = slk_farm_calls_get(&done, farm->calls, watch->waiting.row->id, error);
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
        tell_cancel(farm, watch, &watch->waiting.row->call);
    slk_error dropping = {0};
    if (slk_farm_calls_drop(farm->calls, watch->waiting.row->id, &dropping) != SLK_OK)
        slk_log(SLK_LOG_WARN, "farm.drop", "call=%s why=\"%s\"", watch->waiting.row->call.uuid,
                dropping.message);
    return code;
}

/* ---- one call ---- */

static slk_err send_call(slk_lotus_call_id *ret, const slk_farm_work *work, slk_farm_worker *worker,
                         slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    const slk_rpc_how how = {.timeout_ms = work->file ? SEND_MS : CALL_MS,
                             .job = job,
                             .file = work->file,
                             .file_param = work->file_param};
    SLK_TRY(slk_farm_invoke(worker, work->method, work->params, &how, &answer, error));
    slk_lotus_call_id id;
    SLK_TRY(slk_lotus_call_id_read(&id, answer, "CallID", error));
    if (!slk_lotus_sector_equal(&id.sector, &work->sector.id))
        return slk_fail(error, SLK_E_PROTO, "the worker gave an id for another sector");
    *ret = id;
    return SLK_OK;
}

/* Of a row that is starting: calls the worker, notes the id, waits. *ret_noted: the row has it. */
static slk_err start_call(slk_farm_call *ret_call, bool *ret_noted, slk_farm *farm,
                          const slk_farm_work *work, slk_farm_call *row, slk_farm_worker *worker,
                          slk_job *job, slk_error *error)
{
    bool done = false;
    *ret_noted = false;
    SLK_TRY(send_call(&row->call, work, worker, job, error));
    struct watch watch;
    /* Before the row has its id: the Return may be here already. */
    SLK_TRY(watch_begin(&watch, farm, row, job, error));
    slk_err code = slk_farm_calls_named(&done, farm->calls, row->id, row->call.uuid, error);
    if (done) {
        slk_farm_enter(farm);
        watch.waiting.ended = true;
        slk_farm_leave(farm);
    }
    *ret_noted = code == SLK_OK;
    if (code == SLK_OK)
        code = finish(ret_call, &watch, work, false, error);
    else
        tell_cancel(farm, &watch, &row->call);
    watch_end(&watch);
    return code;
}

slk_err slk_farm_work_on(slk_farm_call *ret_call, slk_farm *farm, const slk_farm_work *work,
                         slk_farm_worker *worker, slk_job *job, slk_error *error)
{
    slk_farm_call row = {.task = work->task, .call.sector = work->sector.id};
    slk_assert(strlen(work->key) < sizeof row.key);
    (void)snprintf(row.key, sizeof row.key, "%s", work->key);
    slk_farm_worker_sign(&row, worker);
    SLK_TRY(slk_farm_calls_begin(&row, farm->calls, error));
    slk_job_stage(job, worker_stage, 0);
    bool noted = false;
    const slk_err code = start_call(ret_call, &noted, farm, work, &row, worker, job, error);
    if (code == SLK_OK || noted)
        return code;
    slk_error dropping = {0}; /* the worker never took it, or nobody will know */
    if (slk_farm_calls_drop(farm->calls, row.id, &dropping) != SLK_OK)
        slk_log(SLK_LOG_WARN, "farm.drop", "why=\"%s\"", dropping.message);
    return slk_fail_context(error, code, "worker %.60s", row.hostname);
}

/* ---- a call from before ---- */

/* SLK_E_NOTFOUND: there is none that helps. */
static slk_err resume(slk_farm_call *ret_call, slk_farm *farm, const slk_farm_work *work,
                      slk_job *job, slk_error *error)
{
    slk_farm_call row = {0};
    SLK_TRY(slk_farm_calls_find(&row, farm->calls, &work->sector.id, work->task, work->key, error));
    if (row.state == SLK_FARM_CALL_DONE && !row.outcome.fault.failed) {
        *ret_call = row;
        return SLK_OK;
    }
    slk_farm_call_done(&row);
    if (row.state != SLK_FARM_CALL_RUNNING) {
        SLK_TRY(slk_farm_calls_drop(farm->calls, row.id, error));
        return slk_fail(error, SLK_E_NOTFOUND, "the earlier call had failed");
    }
    slk_job_stage(job, worker_stage, 0);
    struct watch watch;
    SLK_TRY(watch_begin(&watch, farm, &row, job, error));
    slk_farm_call now = {0}; /* it may have been returned before anybody watched */
    slk_err code = slk_farm_calls_get(&now, farm->calls, row.id, error);
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

/* ---- a worker with room ---- */

static slk_err ask_for_worker(uint64_t *ret_request, slk_farm *farm, const slk_farm_work *work,
                              const slk_job *job, slk_error *error)
{
    const slk_sched_request request = {.task = work->task,
                                       .seal_proof = work->sector.proof,
                                       .sector = work->sector.id,
                                       .selector = work->selector,
                                       .about = work->about,
                                       .context = work->selector_context,
                                       .job = job};
    slk_farm_enter(farm);
    const slk_err code = slk_sched_ask(ret_request, farm->sched, &request, error);
    if (code == SLK_OK)
        slk_farm_moved(farm);
    slk_farm_leave(farm);
    return code;
}

/* Waits until somebody has the request; it is taken then. */
static slk_err wait_grant(slk_farm_grant *ret, slk_farm *farm, const slk_farm_work *work,
                          uint64_t request, slk_job *job, slk_error *error)
{
    slk_err code = SLK_OK;
    slk_job_stage(job, waiting_stage, 0);
    slk_farm_enter(farm);
    for (;;) {
        slk_farm_worker *worker =
            slk_farm_worker_by_id(farm, slk_sched_granted(farm->sched, request));
        if (worker) {
            slk_farm_worker_take(worker);
            *ret = (slk_farm_grant){request, worker};
            break;
        }
        if (farm->stopping || slk_job_check(job, NULL) != SLK_OK) {
            code = slk_fail(error, SLK_E_CANCELED, "canceled while waiting for a worker");
            break;
        }
        if (work->hopeless && work->hopeless(work->hopeless_context)) {
            char why[SLK_SCHED_WHY_CHARS];
            slk_sched_why(why, farm->sched, request);
            code = slk_fail(error, SLK_E_NOTFOUND, "waiting is of no use: %s", why);
            break;
        }
        slk_farm_wait(farm, LOOK_MS);
        if (slk_sched_granted(farm->sched, request) == 0)
            slk_farm_look_again(farm);
    }
    slk_farm_leave(farm);
    return code;
}

/* The granted worker failed: whether another one may try. */
static bool try_another(slk_farm *farm, const slk_farm_grant *grant, slk_err code)
{
    slk_farm_enter(farm);
    slk_sched_again(farm->sched, grant->request, code != SLK_E_BUSY);
    const bool possible = slk_sched_possible(farm->sched, grant->request) && !farm->stopping;
    slk_farm_moved(farm);
    slk_farm_leave(farm);
    return possible;
}

/* On the worker of the grant. */
static slk_err do_there(slk_farm_call *ret_call, slk_farm *farm, const slk_farm_work *work,
                        slk_farm_worker *worker, slk_job *job, slk_error *error)
{
    if (work->prepare)
        SLK_TRY(work->prepare(work->context, farm, worker, job, error));
    return slk_farm_work_on(ret_call, farm, work, worker, job, error);
}

/* One line for each task: how long it waited for a worker, and was with it. */
static void note_done(const slk_farm_work *work, const slk_farm_call *call, int64_t waited_ms,
                      int64_t took_ms)
{
    slk_log(SLK_LOG_INFO, "farm.done",
            "task=%s sector=%lu-%lu call=%s worker=\"%s\" session=%s waited_ms=%ld took_ms=%ld",
            slk_lotus_task_short(work->task), (unsigned long)work->sector.id.miner,
            (unsigned long)work->sector.id.number, call->call.uuid, call->hostname, call->session,
            (long)waited_ms, (long)took_ms);
}

static slk_err do_fresh(slk_farm_call *ret_call, slk_farm_grant *ret_local, slk_farm *farm,
                        const slk_farm_work *work, slk_job *job, slk_error *error)
{
    uint64_t request = 0;
    const int64_t asked = slk_clock_monotonic_ms();
    SLK_TRY(ask_for_worker(&request, farm, work, job, error));
    slk_err code = SLK_OK;
    for (unsigned failures = 0;; failures++) {
        slk_farm_grant grant = {0};
        slk_error found = {0};
        const slk_err before = code;
        code = wait_grant(&grant, farm, work, request, job, &found);
        if (code == SLK_OK && grant.worker->local) {
            *ret_local = grant;
            return SLK_OK;
        }
        const int64_t given = slk_clock_monotonic_ms();
        if (code == SLK_OK)
            code = do_there(ret_call, farm, work, grant.worker, job, &found);
        else if (before != SLK_OK)
            code = before; /* what the last worker failed of is the better reason */
        else
            *error = found;
        if (code != SLK_OK && grant.worker) {
            *error = found;
            slk_log(SLK_LOG_WARN, "farm.task_failed", "task=%s sector=%lu-%lu why=\"%s\"",
                    slk_lotus_task_short(work->task), (unsigned long)work->sector.id.miner,
                    (unsigned long)work->sector.id.number, slk_error_text(error, code));
        }
        if (code == SLK_OK)
            note_done(work, ret_call, given - asked, slk_clock_monotonic_ms() - given);
        const bool more = code != SLK_OK && code != SLK_E_CANCELED && grant.worker &&
                          failures + 1 < FAILURES_MAX && try_another(farm, &grant, code);
        slk_farm_worker_give(grant.worker);
        if (!more)
            break;
    }
    end_request(farm, request);
    return code;
}

static unsigned only_here(const void *context, uint64_t worker, char *why)
{
    slk_farm *farm = (slk_farm *)(uintptr_t)context;
    const slk_farm_worker *w = slk_farm_worker_by_id(farm, worker);
    (void)snprintf(why, SLK_SCHED_WHY_CHARS, "is not the node that has the files");
    return w && w->local;
}

slk_err slk_farm_work_here(slk_farm_grant *ret_here, slk_farm *farm, slk_lotus_task task,
                           const slk_lotus_sector_ref *sector, slk_job *job, slk_error *error)
{
    const slk_farm_work work = {
        .task = task, .sector = *sector, .selector = only_here, .selector_context = farm};
    uint64_t request = 0;
    *ret_here = (slk_farm_grant){0};
    SLK_TRY(ask_for_worker(&request, farm, &work, job, error));
    slk_farm_enter(farm);
    const bool possible = slk_sched_possible(farm->sched, request);
    slk_farm_leave(farm);
    const slk_err code = possible ? wait_grant(ret_here, farm, &work, request, job, error) : SLK_OK;
    if (!ret_here->worker)
        end_request(farm, request);
    return code;
}

slk_err slk_farm_work_do(slk_farm_call *ret_call, slk_farm_grant *ret_local, slk_farm *farm,
                         const slk_farm_work *work, slk_job *job, slk_error *error)
{
    *ret_local = (slk_farm_grant){0};
    const slk_err code = resume(ret_call, farm, work, job, error);
    return code == SLK_E_NOTFOUND ? do_fresh(ret_call, ret_local, farm, work, job, error) : code;
}
