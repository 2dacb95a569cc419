/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/farm.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "farm/farm_impl.h"
#include "farm/reclaim.h"
#include "seal/seal.h"

#include <stdio.h>
#include <string.h>

#define SWEEP_MS 10000
#define SWEEP_ALL_MS 60000 /* of all that lies on workers; sooner when one has come */

void slk_farm_enter(slk_farm *farm)
{
    slk_assert(pthread_mutex_lock(&farm->lock) == 0);
}

void slk_farm_leave(slk_farm *farm)
{
    slk_assert(pthread_mutex_unlock(&farm->lock) == 0);
}

void slk_farm_moved(slk_farm *farm)
{
    (void)slk_sched_round(farm->sched);
    (void)pthread_cond_broadcast(&farm->moved);
}

/* Lock held. */
static void wake_all(slk_farm *farm)
{
    (void)pthread_cond_broadcast(&farm->moved);
    for (slk_farm_waiting *w = farm->waiting; w; w = w->next)
        (void)pthread_cond_signal(&w->moved);
}

void slk_farm_workers_moved(slk_farm *farm)
{
    (void)slk_sched_round(farm->sched);
    wake_all(farm);
}

void slk_farm_look_again(slk_farm *farm)
{
    if (slk_sched_round(farm->sched) > 0)
        (void)pthread_cond_broadcast(&farm->moved);
}

void slk_farm_wait(slk_farm *farm, int64_t ms)
{
    (void)slk_cond_wait_ms(&farm->moved, &farm->lock, ms);
}

bool slk_farm_is_stopping(slk_farm *farm)
{
    slk_farm_enter(farm);
    const bool stopping = farm->stopping;
    slk_farm_leave(farm);
    return stopping;
}

void slk_farm_room_changed(slk_farm *farm)
{
    if (farm->options.room_changed)
        farm->options.room_changed(farm->options.room_context);
}

void slk_farm_step_aside(slk_farm *farm, bool aside)
{
    slk_farm_enter(farm);
    farm->aside += aside ? 1 : -1u;
    slk_farm_leave(farm);
    if (aside)
        slk_farm_room_changed(farm);
}

/* ---- making and ending ---- */

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for the farm");
}

static slk_err make_parts(slk_farm *farm, const slk_farm_options *options, slk_error *error)
{
    const slk_http_client_options http = {.allow_plain_http = true, .ca_file = options->ca_file};
    if (pthread_mutex_init(&farm->lock, NULL) != 0 || slk_cond_init(&farm->moved) != 0)
        return no_memory(error);
    farm->made = true;
    slk_uuid_random(farm->session);
    SLK_TRY(slk_farm_doors_new(&farm->doors, options->worker_addresses, error));
    SLK_TRY(slk_http_client_new(&farm->http, &http, error));
    SLK_TRY(slk_farm_index_new(&farm->index, error));
    SLK_TRY(slk_sched_new(&farm->sched, error));
    return slk_farm_add_local(farm, error);
}

slk_err slk_farm_new(slk_farm **ret_farm, const slk_farm_options *options, slk_error *error)
{
    slk_farm *farm = slk_calloc(1, sizeof *farm);
    if (!farm)
        return no_memory(error);
    slk_assert(options->batch_most <= SLK_SEAL_BATCH_MAX);
    farm->options = *options;
    slk_job_init(&farm->life);
    if (farm->options.heartbeat_ms == 0)
        farm->options.heartbeat_ms = 10000;
    if (farm->options.lost_ms == 0)
        farm->options.lost_ms = 600000;
    farm->ca_file = options->ca_file ? slk_strdup(options->ca_file) : NULL;
    farm->results_folder = slk_strdup(options->results_folder);
    const bool copied = farm->results_folder && (farm->ca_file || !options->ca_file);
    const slk_err code = copied ? make_parts(farm, options, error) : no_memory(error);
    if (code != SLK_OK) {
        slk_farm_free(farm);
        return code;
    }
    *ret_farm = farm;
    return SLK_OK;
}

/* all: what was left behind, too. */
static void sweep_once(slk_farm *farm, bool all)
{
    slk_error error = {0};
    slk_farm_workers_reap(farm);
    slk_err code = slk_farm_reclaim_over(farm, &error);
    if (code == SLK_OK && all)
        code = slk_farm_reclaim_left(farm, &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "farm.reclaim", "why=\"%s\" next=\"tries again\"",
                slk_error_text(&error, code));
}

static void *sweep_main(void *arg)
{
    slk_farm *farm = arg;
    uint64_t seen = 0; /* the newest worker at the last look at all */
    slk_farm_enter(farm);
    for (int64_t due = 0, due_all = 0; !farm->stopping;) {
        const int64_t now = slk_clock_monotonic_ms();
        if (now < due) {
            slk_farm_wait(farm, 1000);
            continue;
        }
        const bool all = now >= due_all || farm->last_worker != seen;
        seen = farm->last_worker;
        due = now + SWEEP_MS;
        due_all = all ? now + SWEEP_ALL_MS : due_all;
        slk_farm_leave(farm);
        sweep_once(farm, all);
        slk_farm_enter(farm);
    }
    slk_farm_leave(farm);
    return NULL;
}

slk_err slk_farm_start(slk_farm *farm, slk_error *error)
{
    const slk_farm_options *o = &farm->options;
    SLK_TRY(slk_farm_calls_new(&farm->calls, o->db, o->node_name, farm->results_folder, error));
    const int rc = pthread_create(&farm->sweeper, NULL, sweep_main, farm);
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot start the farm");
    farm->started = true;
    return SLK_OK;
}

void slk_farm_stop(slk_farm *farm)
{
    if (!farm || !farm->made)
        return;
    slk_job_cancel(&farm->life);
    slk_farm_enter(farm);
    farm->stopping = true;
    wake_all(farm);
    slk_farm_leave(farm);
    if (farm->started)
        (void)pthread_join(farm->sweeper, NULL);
    farm->started = false;
    slk_farm_workers_stop(farm);
}

void slk_farm_free(slk_farm *farm)
{
    if (!farm)
        return;
    slk_farm_stop(farm);
    slk_sched_free(farm->sched);
    slk_farm_calls_free(farm->calls);
    slk_farm_index_free(farm->index);
    slk_http_client_free(farm->http);
    slk_farm_doors_free(farm->doors);
    if (farm->made) {
        (void)pthread_cond_destroy(&farm->moved);
        (void)pthread_mutex_destroy(&farm->lock);
    }
    slk_stage_names_done(&farm->stages);
    slk_free(farm->ca_file);
    slk_free(farm->results_folder);
    slk_free(farm);
}

slk_farm_index *slk_farm_get_index(slk_farm *farm)
{
    return farm->index;
}

const char *slk_farm_session(const slk_farm *farm)
{
    return farm->session;
}

slk_farm_doors *slk_farm_get_doors(slk_farm *farm)
{
    return farm->doors;
}

/* ---- results ---- */

slk_err slk_farm_wants(bool *ret_wants, slk_farm *farm, const slk_lotus_call_id *call,
                       slk_error *error)
{
    return slk_farm_calls_wants(ret_wants, farm->calls, call, error);
}

char *slk_farm_result_file(slk_farm *farm, const slk_lotus_call_id *call)
{
    return slk_farm_calls_file(farm->calls, call->uuid);
}

slk_farm_waiting *slk_farm_waiting_for(const slk_farm *farm, const char *uuid)
{
    slk_farm_waiting *w = farm->waiting;
    while (w && strcmp(w->uuid, uuid) != 0)
        w = w->next;
    return w;
}

slk_err slk_farm_returned(slk_farm *farm, const slk_lotus_call_id *call,
                          const slk_farm_outcome *outcome, slk_error *error)
{
    bool known = false;
    SLK_TRY(slk_farm_calls_returned(&known, farm->calls, call, outcome, error));
    slk_farm_enter(farm);
    slk_farm_waiting *w = slk_farm_waiting_for(farm, call->uuid);
    if (w) {
        w->ended = true;
        (void)pthread_cond_signal(&w->moved);
    }
    slk_farm_leave(farm);
    if (!known)
        slk_log(SLK_LOG_INFO, "farm.early", "call=%s why=\"not known here (yet)\"", call->uuid);
    return SLK_OK;
}

slk_err slk_farm_abort(slk_farm *farm, const slk_lotus_call_id *call, slk_error *error)
{
    slk_farm_enter(farm);
    slk_farm_waiting *w = slk_farm_waiting_for(farm, call->uuid);
    if (w) {
        w->aborted = true;
        (void)pthread_cond_signal(&w->moved);
    }
    slk_farm_leave(farm);
    return w ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "nobody waits for call %s", call->uuid);
}
