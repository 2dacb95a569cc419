/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/seek.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "codec/json.h"
#include "rpc/client.h"
#include "seal/seal.h"

#include <string.h>

#define CALL_MS 60000 /* a call answers at once with its ids */
#define LOOK_MS 1000

static const char waiting_stage[] = "waiting for a worker";

/* ---- asking ---- */

/* Lock held. */
static slk_err ask_sched(slk_farm *farm, slk_farm_seeker *seeker, slk_error *error)
{
    const slk_farm_work *work = seeker->work;
    const slk_sched_request request = {.task = work->task,
                                       .seal_proof = work->sector.proof,
                                       .sector = work->sector.id,
                                       .batch_most =
                                           work->batch_method ? farm->options.batch_most : 1,
                                       .selector = work->selector,
                                       .about = work->about,
                                       .context = work->selector_context,
                                       .job = seeker->job};
    return slk_sched_ask(&seeker->request, farm->sched, &request, error);
}

/* Lock held. */
static slk_err ask_one(slk_farm *farm, slk_farm_seeker *seeker, slk_error *error)
{
    SLK_TRY(ask_sched(farm, seeker, error));
    seeker->state = SLK_FARM_SEEKS;
    seeker->asked_ms = slk_clock_monotonic_ms();
    seeker->next = farm->seekers;
    farm->seekers = seeker;
    return SLK_OK;
}

/* Lock held. Idempotent. */
static void unask(slk_farm *farm, slk_farm_seeker *seeker)
{
    if (seeker->request == 0)
        return;
    slk_farm_seeker **at = &farm->seekers;
    while (*at != seeker)
        at = &(*at)->next;
    *at = seeker->next;
    slk_sched_end(farm->sched, seeker->request);
    seeker->request = 0;
}

slk_err slk_farm_work_seek(slk_farm *farm, slk_farm_seeker *const *seekers, size_t n,
                           slk_error *error)
{
    slk_err code = SLK_OK;
    size_t asked = 0;
    slk_farm_enter(farm);
    for (; asked < n && code == SLK_OK; asked += code == SLK_OK)
        code = ask_one(farm, seekers[asked], error);
    while (code != SLK_OK && asked > 0)
        unask(farm, seekers[--asked]);
    if (code == SLK_OK)
        slk_farm_moved(farm);
    slk_farm_leave(farm);
    return code;
}

/* Lock held: the seeker leaves its batch. */
static void note_ending(const slk_farm *farm, const slk_farm_seeker *seeker)
{
    slk_farm_worker *worker = seeker->worker;
    const uint64_t batch = slk_sched_batch(farm->sched, seeker->request);
    if (!worker || batch == 0 || worker->ending == batch)
        return;
    worker->ending = batch;
    worker->ending_ms = slk_clock_monotonic_ms();
}

static void give_worker(slk_farm_seeker *seeker)
{
    slk_farm_worker_give(seeker->worker);
    seeker->worker = NULL;
}

void slk_farm_seek_end(slk_farm *farm, slk_farm_seeker *seeker)
{
    slk_farm_enter(farm);
    note_ending(farm, seeker);
    unask(farm, seeker);
    slk_farm_moved(farm);
    slk_farm_leave(farm);
    give_worker(seeker);
    slk_farm_room_changed(farm);
}

bool slk_farm_seek_again(slk_farm *farm, slk_farm_seeker *seeker, slk_err code)
{
    slk_farm_enter(farm);
    note_ending(farm, seeker);
    slk_sched_again(farm->sched, seeker->request, code != SLK_E_BUSY);
    const bool possible = slk_sched_possible(farm->sched, seeker->request) && !farm->stopping;
    seeker->state = SLK_FARM_SEEKS;
    if (!possible) /* before anybody else can lead it */
        unask(farm, seeker);
    slk_farm_moved(farm);
    slk_farm_leave(farm);
    give_worker(seeker);
    return possible;
}

/* ---- what became of it ---- */

static void settle(slk_farm *farm, slk_farm_seeker *seeker, slk_farm_seeker_state state)
{
    slk_farm_enter(farm);
    seeker->state = state;
    (void)pthread_cond_broadcast(&farm->moved);
    slk_farm_leave(farm);
}

static void has_ended(slk_farm *farm, slk_farm_seeker *seeker, slk_err code, const slk_error *error)
{
    seeker->code = code;
    if (code != SLK_OK)
        seeker->error = *error;
    settle(farm, seeker, SLK_FARM_ENDED);
}

/* ---- here ---- */

struct here {
    slk_farm *farm;
    slk_farm_seeker *const *seekers;
};

static void ended_here(void *to, size_t index, slk_err code, const slk_error *error)
{
    const struct here *here = to;
    has_ended(here->farm, here->seekers[index], code, error);
}

static void do_here(slk_farm *farm, slk_farm_seeker *const *seekers, size_t n)
{
    struct here here = {farm, seekers};
    void *contexts[SLK_SEAL_BATCH_MAX];
    slk_assert(seekers[0]->work->here); /* else no selector lets this node have it */
    for (size_t i = 0; i < n; i++)
        contexts[i] = seekers[i]->work->context;
    seekers[0]->work->here(contexts, n, ended_here, &here);
}

/* ---- a worker ---- */

static void call_one(slk_farm *farm, slk_farm_seeker *seeker)
{
    const slk_farm_work *work = seeker->work;
    slk_error error = {0};
    slk_err code = SLK_OK;
    if (work->prepare)
        code = work->prepare(work->context, farm, seeker->worker, seeker->job, &error);
    if (code == SLK_OK)
        code = slk_farm_watch_row(&seeker->watch, farm, work, seeker->worker, "", &error);
    if (code == SLK_OK)
        code = slk_farm_watch_send(&seeker->watch, work, seeker->worker, seeker->job, &error);
    if (code == SLK_OK)
        settle(farm, seeker, SLK_FARM_CALLED);
    else
        has_ended(farm, seeker, code, &error);
}

/* Those that have a row go on; *ret_n of them, the first in seekers. */
static void begin_rows(slk_farm *farm, slk_farm_seeker **seekers, size_t n, size_t *ret_n)
{
    char batch[SLK_UUID_CHARS];
    size_t kept = 0;
    slk_uuid_random(batch);
    for (size_t i = 0; i < n; i++) {
        slk_farm_seeker *seeker = seekers[i];
        slk_error error = {0};
        const slk_err code =
            slk_farm_watch_row(&seeker->watch, farm, seeker->work, seeker->worker, batch, &error);
        if (code == SLK_OK)
            seekers[kept++] = seeker;
        else
            has_ended(farm, seeker, code, &error);
    }
    *ret_n = kept;
}

static json_t *batch_params(slk_farm_seeker *const *seekers, size_t n)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t i = 0; i < n && good; i++)
        good = json_array_append(list, seekers[i]->work->params) == 0;
    json_t *params = good ? json_pack("[O]", list) : NULL;
    json_decref(list);
    return params;
}

/* The i-th of them is that of the i-th work. */
static slk_err read_calls(slk_lotus_call_id *calls, slk_farm_seeker *const *seekers, size_t n,
                          const json_t *answer, slk_error *error)
{
    if (json_array_size(answer) != n)
        return slk_fail(error, SLK_E_PROTO, "the worker gave %zu ids for %zu sectors",
                        json_array_size(answer), n);
    for (size_t i = 0; i < n; i++) {
        SLK_TRY(slk_lotus_call_id_read(&calls[i], json_array_get(answer, i), "CallID", error));
        if (!slk_lotus_sector_equal(&calls[i].sector, &seekers[i]->work->sector.id))
            return slk_fail(error, SLK_E_PROTO, "the worker gave an id for another sector");
    }
    return SLK_OK;
}

/* Calls whose ids are no use to us; those that cannot be read are not ours to end. */
static void cancel_calls(const slk_farm_worker *worker, const json_t *answer)
{
    slk_lotus_call_id call;
    for (size_t i = 0; i < json_array_size(answer) && i < SLK_SEAL_BATCH_MAX &&
                       (worker->can & SLK_FARM_CAN_CANCEL);
         i++)
        if (slk_lotus_call_id_read(&call, json_array_get(answer, i), "CallID", NULL) == SLK_OK)
            slk_farm_tell_cancel(worker, &call);
}

static slk_err send_batch(slk_lotus_call_id *calls, slk_farm *farm, slk_farm_seeker *const *seekers,
                          size_t n, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *params = batch_params(seekers, n);
    const slk_rpc_how how = {.timeout_ms = CALL_MS, .job = &farm->life};
    if (!params)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a call of a worker");
    SLK_TRY(slk_farm_invoke(seekers[0]->worker, seekers[0]->work->batch_method, params, &how,
                            &answer, error));
    const slk_err code = read_calls(calls, seekers, n, answer, error);
    if (code != SLK_OK)
        cancel_calls(seekers[0]->worker, answer);
    else
        slk_log(SLK_LOG_INFO, "farm.batch", "task=%s sectors=%zu batch=%s worker=\"%s\"",
                slk_lotus_task_short(seekers[0]->work->task), n, seekers[0]->watch.row.batch,
                seekers[0]->worker->info.hostname);
    return code;
}

static void call_batch(slk_farm *farm, slk_farm_seeker **seekers, size_t n)
{
    slk_lotus_call_id calls[SLK_SEAL_BATCH_MAX];
    slk_error error = {0};
    begin_rows(farm, seekers, n, &n);
    if (n == 0)
        return;
    const slk_err sent = send_batch(calls, farm, seekers, n, &error);
    for (size_t i = 0; i < n; i++) {
        slk_farm_seeker *seeker = seekers[i];
        slk_error own = error;
        const slk_err code = sent == SLK_OK
                                 ? slk_farm_watch_took(&seeker->watch, &calls[i], seeker->job, &own)
                                 : slk_farm_watch_refused(&seeker->watch, sent, &own);
        if (code == SLK_OK)
            settle(farm, seeker, SLK_FARM_CALLED);
        else
            has_ended(farm, seeker, code, &own);
    }
}

/* ---- being granted ---- */

/* Lock held: the seeker, and those that were granted together with it. */
static size_t take_together(slk_farm_seeker *seekers[SLK_SEAL_BATCH_MAX], slk_farm *farm,
                            slk_farm_seeker *first, slk_farm_worker *worker)
{
    const uint64_t batch = slk_sched_batch(farm->sched, first->request);
    const int64_t now = slk_clock_monotonic_ms();
    size_t n = 0;
    for (slk_farm_seeker *seeker = farm->seekers; seeker; seeker = seeker->next) {
        if (seeker->state != SLK_FARM_SEEKS ||
            !(seeker == first ||
              (batch != 0 && slk_sched_batch(farm->sched, seeker->request) == batch)))
            continue;
        slk_assert(n < SLK_SEAL_BATCH_MAX);
        slk_farm_worker_take(worker);
        seeker->worker = worker;
        seeker->given_ms = now;
        seeker->state = SLK_FARM_LED;
        seekers[n++] = seeker;
    }
    return n;
}

/* Lock held, and let go meanwhile. */
static void lead(slk_farm *farm, slk_farm_seeker *first, slk_farm_worker *worker)
{
    slk_farm_seeker *seekers[SLK_SEAL_BATCH_MAX];
    const size_t n = take_together(seekers, farm, first, worker);
    slk_farm_leave(farm);
    if (worker->local)
        do_here(farm, seekers, n);
    else if (n == 1)
        call_one(farm, first);
    else
        call_batch(farm, seekers, n);
    slk_farm_enter(farm);
}

/* Lock held. *ret_worker: who has it now; NULL: nobody, after a while. */
static slk_err wait_grant(slk_farm_worker **ret_worker, slk_farm *farm, slk_farm_seeker *seeker,
                          slk_error *error)
{
    const slk_farm_work *work = seeker->work;
    const uint64_t granted = slk_sched_granted(farm->sched, seeker->request);
    *ret_worker = slk_farm_worker_by_id(farm, granted);
    if (*ret_worker)
        return SLK_OK;
    if (farm->stopping || slk_job_check(seeker->job, NULL) != SLK_OK)
        return slk_fail(error, SLK_E_CANCELED, "canceled while waiting for a worker");
    if (granted) { /* it has left since */
        slk_sched_again(farm->sched, seeker->request, false);
        slk_farm_moved(farm);
        return SLK_OK;
    }
    if (work->hopeless && work->hopeless(work->hopeless_context)) {
        char why[SLK_SCHED_WHY_CHARS];
        slk_sched_why(why, farm->sched, seeker->request);
        return slk_fail(error, SLK_E_NOTFOUND, "waiting is of no use: %s", why);
    }
    slk_farm_wait(farm, LOOK_MS);
    if (slk_sched_granted(farm->sched, seeker->request) == 0)
        slk_farm_look_again(farm);
    return SLK_OK;
}

slk_err slk_farm_seek_wait(slk_farm *farm, slk_farm_seeker *seeker, slk_error *error)
{
    slk_err code = SLK_OK;
    slk_farm_enter(farm);
    if (seeker->state == SLK_FARM_SEEKS)
        slk_job_stage(seeker->job, waiting_stage, 0);
    while (code == SLK_OK && seeker->state <= SLK_FARM_LED) {
        slk_farm_worker *worker = NULL;
        if (seeker->state == SLK_FARM_LED)
            slk_farm_wait(farm, LOOK_MS);
        else
            code = wait_grant(&worker, farm, seeker, error);
        if (worker)
            lead(farm, seeker, worker);
    }
    if (code != SLK_OK) /* before anybody else can lead it */
        unask(farm, seeker);
    slk_farm_leave(farm);
    return code;
}

/* ---- this node's own place ---- */

static unsigned only_here(const void *context, uint64_t worker, unsigned others, char *why)
{
    (void)others;
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
    slk_farm_seeker seeker = {.work = &work, .job = job};
    slk_job_stage(job, waiting_stage, 0);
    slk_farm_enter(farm);
    slk_err code = ask_sched(farm, &seeker, error);
    slk_farm_moved(farm);
    const bool possible = slk_sched_possible(farm->sched, seeker.request);
    while (code == SLK_OK && possible && !seeker.worker)
        code = wait_grant(&seeker.worker, farm, &seeker, error);
    if (seeker.worker)
        slk_farm_worker_take(seeker.worker);
    else
        slk_sched_end(farm->sched, seeker.request);
    slk_farm_leave(farm);
    *ret_here = (slk_farm_grant){seeker.request, seeker.worker};
    return code;
}
