/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Jobs, locks and the queue, as a miner lists them. */
#include "lotus/worker_info.h"

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "lotus/lotus_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static slk_err read_task(slk_lotus_task *ret_task, const json_t *value, const char *field,
                         slk_error *error)
{
    const char *name;
    SLK_TRY(slk_json_string(&name, value, field, error));
    if (!slk_lotus_task_of_name(ret_task, name))
        return slk_fail(error, SLK_E_INVAL, "%s: \"%.60s\" is not a task", field, name);
    return SLK_OK;
}

/* ---- jobs */

void slk_lotus_job_state(char out[SLK_LOTUS_JOB_STATE_CHARS], int64_t run_wait)
{
    static const char *const names[] = {"ret-done", "returned", "ret-wait", "running", "prepared"};
    if (run_wait > SLK_LOTUS_JOB_PREPARED)
        (void)snprintf(out, SLK_LOTUS_JOB_STATE_CHARS, "assigned(%" PRId64 ")", run_wait - 1);
    else if (run_wait < SLK_LOTUS_JOB_RETURNED_DONE)
        (void)snprintf(out, SLK_LOTUS_JOB_STATE_CHARS, "unknown(%" PRId64 ")", run_wait);
    else
        (void)snprintf(out, SLK_LOTUS_JOB_STATE_CHARS, "%s",
                       names[run_wait - SLK_LOTUS_JOB_RETURNED_DONE]);
}

/* Offset from UTC: "Z", "+hh:mm", "-hh:mm"; false: none of these. */
static bool read_zone(int *ret_minutes, const char *text)
{
    char sign, end;
    unsigned hours, minutes;
    *ret_minutes = 0;
    if (strcmp(text, "Z") == 0)
        return true;
    if (strlen(text) != 6 || sscanf(text, "%c%2u:%2u%c", &sign, &hours, &minutes, &end) != 3 ||
        hours > 23 || minutes > 59 || (sign != '+' && sign != '-'))
        return false;
    *ret_minutes = (sign == '-' ? -1 : 1) * (int)(hours * 60 + minutes);
    return true;
}

/* Go's zero time, of the year 1, is a valid one. source: RFC 3339 5.6 */
static slk_err read_time(int64_t *ret_ms, const char *text, const char *field, slk_error *error)
{
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    int ms = 0, minutes = 0;
    if (rest != NULL && *rest == '.') {
        const size_t digits = strspn(rest + 1, "0123456789");
        for (size_t i = 0; i < 3; i++)
            ms = ms * 10 + (i < digits ? rest[1 + i] - '0' : 0);
        rest = digits > 0 ? rest + 1 + digits : NULL;
    }
    if (rest == NULL || !read_zone(&minutes, rest))
        return slk_fail(error, SLK_E_INVAL, "%s: not a time like 2026-11-21T03:17:00Z", field);
    *ret_ms = ((int64_t)timegm(&parts) - (int64_t)minutes * 60) * 1000 + ms;
    return SLK_OK;
}

static slk_err read_job(slk_lotus_job *job, const json_t *value, slk_error *error)
{
    const char *start;
    SLK_TRY(slk_lotus_call_id_read(&job->id, slk_json_member(value, "ID"), "ID", error));
    SLK_TRY(slk_lotus_sector_read(&job->sector, slk_json_member(value, "Sector"), "Sector", error));
    SLK_TRY(read_task(&job->task, value, "Task", error));
    SLK_TRY(slk_json_i64(&job->run_wait, value, "RunWait", error));
    SLK_TRY(slk_json_string(&start, value, "Start", error));
    SLK_TRY(read_time(&job->start_ms, start, "Start", error));
    return slk_lotus_get_text(job->hostname, sizeof job->hostname, value, "Hostname", error);
}

slk_err slk_lotus_job_read(slk_lotus_job *ret_job, const json_t *value, const char *what,
                           slk_error *error)
{
    slk_lotus_job job = {0};
    SLK_TRY(slk_lotus_named(read_job(&job, value, error), what, error));
    *ret_job = job;
    return SLK_OK;
}

json_t *slk_lotus_job_json(const slk_lotus_job *job)
{
    char start[32];
    slk_clock_format(start, sizeof start, job->start_ms);
    json_t *object =
        json_pack("{s:o, s:o, s:s, s:I, s:s}", "ID", slk_lotus_call_id_json(&job->id), "Sector",
                  slk_lotus_sector_json(&job->sector), "Task", slk_lotus_task_name(job->task),
                  "RunWait", (json_int_t)job->run_wait, "Start", start);
    if (object == NULL || job->hostname[0] == '\0')
        return object;
    if (json_object_set_new(object, "Hostname", slk_lotus_text_json(job->hostname)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* ---- the queue */

static slk_err read_waiting(slk_lotus_waiting *w, const json_t *value, slk_error *error)
{
    SLK_TRY(slk_lotus_sector_read(&w->sector, slk_json_member(value, "Sector"), "Sector", error));
    SLK_TRY(read_task(&w->task, value, "TaskType", error));
    SLK_TRY(slk_lotus_get_i64(&w->priority, value, "Priority", error));
    return slk_lotus_get_uuid(w->id, value, "SchedId", error);
}

slk_err slk_lotus_waiting_read(slk_lotus_waiting *ret_waiting, const json_t *value,
                               const char *what, slk_error *error)
{
    slk_lotus_waiting waiting = {0};
    SLK_TRY(slk_lotus_named(read_waiting(&waiting, value, error), what, error));
    *ret_waiting = waiting;
    return SLK_OK;
}

static json_t *waiting_json(const void *one)
{
    const slk_lotus_waiting *w = one;
    return json_pack("{s:o, s:s, s:I, s:s}", "Sector", slk_lotus_sector_json(&w->sector),
                     "TaskType", slk_lotus_task_name(w->task), "Priority", (json_int_t)w->priority,
                     "SchedId", w->id);
}

json_t *slk_lotus_sched_diag_json(const slk_lotus_waiting *waiting, size_t n_waiting,
                                  const slk_lotus_strings *windows)
{
    return json_pack("{s:{s:o, s:o}, s:n, s:n, s:{}, s:n}", "SchedInfo", "Requests",
                     slk_lotus_list_json(waiting, n_waiting, sizeof *waiting, waiting_json),
                     "OpenWindows", slk_lotus_strings_json(windows), "ReturnedWork", "Waiting",
                     "CallToWork", "EarlyRet");
}
