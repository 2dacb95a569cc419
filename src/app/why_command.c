/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie sealing why: what a sector waits for, of all that it may wait for, and what to do about it. */
#include "app/amount.h"
#include "app/farm_ask.h"
#include "app/sector_find.h"
#include "app/why_command.h"

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "lotus/worker_info.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SENTENCE_CHARS 768u

/* The sector, what its node says of its workers, and the sentences so far. */
struct why {
    slk_lotus_sector sector;
    json_t *diag, *jobs; /* NULL: nobody answers */
    json_t *list; /* [{"Miner","Number","What","Why"}] */
};

static void why_done(struct why *why)
{
    json_decref(why->diag);
    json_decref(why->jobs);
    json_decref(why->list);
}

static slk_err say(struct why *why, const char *what, const char *text, slk_error *error)
{
    json_t *row = json_pack("{sI sI ss ss}", "Miner", (json_int_t)why->sector.miner, "Number",
                            (json_int_t)why->sector.number, "What", what, "Why", text);
    return json_array_append_new(why->list, row) == 0
               ? SLK_OK
               : slk_fail(error, SLK_E_NOMEM, "out of memory for a list");
}

/* ---- what its node's workers have of it ---- */

static const json_t *requests(const struct why *why)
{
    return json_object_get(json_object_get(why->diag, "SchedInfo"), "Requests");
}

/* Tasks that no worker has yet. */
static slk_err say_waiting(struct why *why, slk_error *error)
{
    const json_t *reasons = json_object_get(why->diag, "Why");
    for (size_t i = 0; i < json_array_size(requests(why)); i++) {
        slk_lotus_waiting w;
        if (slk_lotus_waiting_read(&w, json_array_get(requests(why), i), "request", NULL) !=
                SLK_OK ||
            !slk_lotus_sector_equal(&w.sector, &why->sector))
            continue;
        SLK_TRY(say(why, slk_lotus_task_short(w.task), slk_service_text(reasons, w.id), error));
    }
    return SLK_OK;
}

static void describe_job(char out[SENTENCE_CHARS], const slk_lotus_job *job, const json_t *row)
{
    char since[SLK_SPAN_CHARS], together[48] = "";
    const char *stage = slk_service_text(row, "Stage");
    const int64_t others = slk_service_number(row, "Others");
    if (others > 0)
        (void)snprintf(together, sizeof together, " with %" PRId64 " other%s", others,
                       others == 1 ? "" : "s");
    slk_span_format(since, slk_clock_wall_ms() - job->start_ms);
    if (job->run_wait == SLK_LOTUS_JOB_RUNNING)
        (void)snprintf(out, SENTENCE_CHARS, "%.80s does it%s, for %s%s%.80s", job->hostname,
                       together, since, *stage ? ": " : "", stage);
    else if (job->run_wait == SLK_LOTUS_JOB_RETURN_WAIT)
        (void)snprintf(out, SENTENCE_CHARS,
                       "%.80s has it for %s and is away: start it again; after LostAfter of "
                       "[Workers] the task is begun elsewhere",
                       job->hostname, since);
    else
        (void)snprintf(out, SENTENCE_CHARS,
                       "%.80s has done it, begun %s ago; the result is used next", job->hostname,
                       since);
}

/* Tasks that a worker has; the results kept for later steps are nothing that is waited for. */
static slk_err say_jobs(struct why *why, slk_error *error)
{
    const char *session;
    json_t *list;
    json_object_foreach(why->jobs, session, list)
    {
        for (size_t i = 0; i < json_array_size(list); i++) {
            slk_lotus_job job;
            char text[SENTENCE_CHARS];
            const json_t *row = json_array_get(list, i);
            if (slk_lotus_job_read(&job, row, "job", NULL) != SLK_OK ||
                job.run_wait == SLK_LOTUS_JOB_RETURNED_DONE ||
                !slk_lotus_sector_equal(&job.sector, &why->sector))
                continue;
            describe_job(text, &job, row);
            SLK_TRY(say(why, slk_lotus_task_short(job.task), text, error));
        }
    }
    return SLK_OK;
}

/* ---- what its node's tasks say ---- */

static void describe_task(char out[SENTENCE_CHARS], const struct why *why, const json_t *task)
{
    char span[SLK_SPAN_CHARS];
    const char *because = slk_service_text(task, "last_error");
    const int64_t in_ms = slk_service_number(task, "not_before_ms") - slk_clock_wall_ms();
    slk_span_format(span, in_ms);
    if (slk_service_bool(task, "running"))
        (void)snprintf(
            out, SENTENCE_CHARS, "under way on %.60s%s%.80s", slk_service_text(task, "owner"),
            *slk_service_text(task, "stage") ? ": " : "", slk_service_text(task, "stage"));
    else if (in_ms > 0)
        (void)snprintf(out, SENTENCE_CHARS, "tried again in %s%s%.500s", span, *because ? ": " : "",
                       because);
    else if (!why->diag)
        (void)snprintf(out, SENTENCE_CHARS,
                       "ready, but no node answers here: `selkie run`, and look at `selkie node "
                       "list` where several share the database");
    else
        (void)snprintf(out, SENTENCE_CHARS,
                       "ready, and begun when there is room; %zu tasks wait for workers before it: "
                       "`selkie sealing jobs` shows what runs, more workers or a larger Compute in "
                       "[Workers] would begin it earlier",
                       json_array_size(requests(why)));
}

/* One side of the sector; the workers' own words, where there are any, say more than its task. */
static slk_err say_role(struct why *why, const json_t *row, slk_error *error)
{
    char text[SENTENCE_CHARS];
    const json_t *task = json_object_get(row, "task");
    const char *role = slk_service_text(row, "role");
    if (slk_service_bool(row, "failed")) {
        (void)snprintf(text, sizeof text, "failed: %.500s; `selkie sector retry` tries again",
                       slk_service_text(row, "message"));
        return say(why, role, text, error);
    }
    if (!json_is_object(task)) {
        (void)snprintf(text, sizeof text, "nothing of its own; next: %.300s",
                       slk_service_text(row, "next"));
        return say(why, role, text, error);
    }
    if (slk_service_bool(task, "running") && json_array_size(why->list) > 0)
        return SLK_OK;
    describe_task(text, why, task);
    return say(why, slk_service_text(task, "step"), text, error);
}

/* ---- the command ---- */

static void ask_workers(struct why *why, const char *folder)
{
    slk_error nobody = {0};
    if (slk_farm_ask(&why->diag, folder, "Filecoin.SealingSchedDiag", json_pack("[b]", 0), 0,
                     &nobody) != SLK_OK ||
        slk_farm_ask(&why->jobs, folder, "Filecoin.WorkerJobs", json_array(), 0, &nobody) != SLK_OK)
        (void)fprintf(stderr, "selkie sealing why: %s\n", nobody.message);
}

static void print(const struct why *why)
{
    for (size_t i = 0; i < json_array_size(why->list); i++) {
        const json_t *row = json_array_get(why->list, i);
        (void)printf("f0%" PRIu64 "/%" PRIu64 " %s: %s\n", why->sector.miner, why->sector.number,
                     slk_service_text(row, "What"), slk_service_text(row, "Why"));
    }
}

slk_err slk_sealing_why(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(why_done) struct why why = {.list = json_array()};
    SLK_CLEANUP(slk_json_decrefp) json_t *view = NULL;
    if (!why.list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a list");
    SLK_TRY(slk_sector_find(&why.sector.miner, &why.sector.number, node, options, error));
    SLK_TRY(slk_sector_view(&view, node, why.sector.miner, why.sector.number, error));
    ask_workers(&why, slk_options_text(options, "repo"));
    SLK_TRY(say_waiting(&why, error));
    SLK_TRY(say_jobs(&why, error));
    const json_t *roles = json_object_get(view, "roles");
    for (size_t i = 0; i < json_array_size(roles); i++)
        SLK_TRY(say_role(&why, json_array_get(roles, i), error));
    if (options->json)
        slk_service_print(why.list);
    else
        print(&why);
    return SLK_OK;
}
