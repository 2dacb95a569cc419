/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/work.h"

#include "base/clock.h"
#include "base/log.h"
#include "farm/seek.h"
#include "farm/watch.h"

#include <stdio.h>

#define FAILURES_MAX 3u

void slk_farm_grant_end(slk_farm *farm, slk_farm_grant *grant)
{
    if (!grant->worker)
        return;
    slk_farm_enter(farm);
    slk_sched_end(farm->sched, grant->request);
    slk_farm_moved(farm);
    slk_farm_leave(farm);
    slk_farm_room_changed(farm);
    slk_farm_worker_give(grant->worker);
    grant->worker = NULL;
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

static void note_failed(const slk_farm_work *work, slk_err code, const slk_error *error)
{
    slk_log(SLK_LOG_WARN, "farm.task_failed", "task=%s sector=%lu-%lu why=\"%s\"",
            slk_lotus_task_short(work->task), (unsigned long)work->sector.id.miner,
            (unsigned long)work->sector.id.number, slk_error_text(error, code));
}

/* By whom it was given to. */
static slk_err do_once(slk_farm_call *ret_call, slk_farm_seeker *seeker, slk_error *error)
{
    if (seeker->state == SLK_FARM_ENDED) {
        *error = seeker->error;
        return seeker->code;
    }
    SLK_TRY(slk_farm_watch_finish(ret_call, &seeker->watch, seeker->work, error));
    note_done(seeker->work, ret_call, seeker->given_ms - seeker->asked_ms,
              slk_clock_monotonic_ms() - seeker->given_ms);
    return SLK_OK;
}

static slk_err do_fresh(slk_farm_call *ret_call, slk_farm *farm, slk_farm_seeker *seeker,
                        slk_error *error)
{
    slk_err code = SLK_OK;
    for (unsigned failures = 0;;) {
        slk_error waiting = {0};
        const slk_err waited = slk_farm_seek_wait(farm, seeker, &waiting);
        if (waited != SLK_OK) {
            if (code == SLK_OK) /* else what the last worker failed of is the better reason */
                *error = waiting;
            code = code == SLK_OK ? waited : code;
            break;
        }
        code = do_once(ret_call, seeker, error);
        if (code == SLK_OK || seeker->worker->local)
            break;
        note_failed(seeker->work, code, error);
        if (code == SLK_E_CANCELED || ++failures == FAILURES_MAX ||
            !slk_farm_seek_again(farm, seeker, code))
            break;
    }
    slk_farm_seek_end(farm, seeker);
    return code;
}

slk_err slk_farm_work_begun(bool *ret_begun, slk_farm *farm, const slk_farm_work *work,
                            slk_error *error)
{
    slk_farm_call row = {0};
    slk_error why = {0};
    const slk_err code =
        slk_farm_calls_find(&row, farm->calls, &work->sector.id, work->task, work->key, &why);
    slk_farm_call_done(&row);
    if (code != SLK_OK && code != SLK_E_NOTFOUND)
        return slk_fail(error, code, "%s", why.message);
    *ret_begun = code == SLK_OK;
    return SLK_OK;
}

slk_err slk_farm_work_do(slk_farm_call *ret_call, slk_farm *farm, const slk_farm_work *work,
                         slk_farm_seeker *seeker, slk_job *job, slk_error *error)
{
    slk_farm_seeker own = {.work = work, .job = job};
    slk_farm_seeker *const seekers[] = {&own};
    *ret_call = (slk_farm_call){0};
    if (seeker)
        return do_fresh(ret_call, farm, seeker, error);
    const slk_err code = slk_farm_watch_resume(ret_call, farm, work, job, error);
    if (code != SLK_E_NOTFOUND)
        return code;
    SLK_TRY(slk_farm_work_seek(farm, seekers, 1, error));
    return do_fresh(ret_call, farm, &own, error);
}
