/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/job.h"

#include "base/clock.h"

#include <string.h>

#define LEFT_MAX_MS INT64_C(31536000000) /* a year: that is no forecast */

void slk_job_init(slk_job *job)
{
    atomic_init(&job->stage, "");
    atomic_init(&job->done, 0);
    atomic_init(&job->total, 0);
    atomic_init(&job->before, 0);
    atomic_init(&job->since_ns, 0);
    atomic_init(&job->canceled, false);
    job->above = NULL;
    memset(job->time, 0, sizeof job->time);
}

void slk_job_init_under(slk_job *job, slk_job *above)
{
    slk_job_init(job);
    job->above = above;
}

/* Credits the time since the stage began to it. */
static void count_stage(slk_job *job)
{
    const uint64_t now = slk_clock_monotonic_ns();
    const char *stage = atomic_load(&job->stage);
    const uint64_t spent = now - atomic_exchange(&job->since_ns, now);
    if (*stage == '\0')
        return;
    for (size_t i = 0; i < SLK_JOB_STAGES; i++) {
        struct slk_job_time *t = &job->time[i];
        if (t->stage && strcmp(t->stage, stage) != 0)
            continue;
        t->stage = stage;
        t->ns += spent;
        return;
    }
}

void slk_job_stage(slk_job *job, const char *stage, uint64_t total)
{
    if (!job)
        return;
    count_stage(job);
    atomic_store(&job->done, 0);
    atomic_store(&job->before, 0);
    atomic_store(&job->total, total);
    atomic_store(&job->stage, stage);
}

void slk_job_advance(slk_job *job, uint64_t units)
{
    if (job)
        atomic_fetch_add_explicit(&job->done, units, memory_order_relaxed);
}

void slk_job_resume(slk_job *job, uint64_t units)
{
    if (!job)
        return;
    atomic_store(&job->before, units);
    atomic_store(&job->done, units);
}

bool slk_job_pace(double *ret_rate, int64_t *ret_left_ms, const slk_job *job, uint64_t now_ns)
{
    const uint64_t since_ns = atomic_load(&job->since_ns), before = atomic_load(&job->before);
    const uint64_t done = atomic_load(&job->done), total = atomic_load(&job->total);
    if (done <= before || done > total || now_ns <= since_ns)
        return false;
    const double rate = 1e9 * (double)(done - before) / (double)(now_ns - since_ns);
    const double left_ms = 1000 * (double)(total - done) / rate;
    if (left_ms > (double)LEFT_MAX_MS)
        return false;
    *ret_rate = rate;
    *ret_left_ms = (int64_t)left_ms;
    return true;
}

void slk_job_cancel(slk_job *job)
{
    atomic_store(&job->canceled, true);
}

slk_err slk_job_check(slk_job *job, slk_error *error)
{
    for (slk_job *at = job; at; at = at->above)
        if (atomic_load_explicit(&at->canceled, memory_order_relaxed))
            return slk_fail(error, SLK_E_CANCELED, "canceled during %s", atomic_load(&job->stage));
    return SLK_OK;
}

bool slk_job_stage_seconds(slk_job *job, size_t index, const char **ret_stage, double *ret_seconds)
{
    if (index == 0)
        slk_job_stage(job, "", 0);
    if (index >= SLK_JOB_STAGES || !job->time[index].stage)
        return false;
    *ret_stage = job->time[index].stage;
    *ret_seconds = 1e-9 * (double)job->time[index].ns;
    return true;
}
