/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/job.h"

void slk_job_init(slk_job *job)
{
    atomic_init(&job->stage, "");
    atomic_init(&job->done, 0);
    atomic_init(&job->total, 0);
    atomic_init(&job->canceled, false);
}

void slk_job_stage(slk_job *job, const char *stage, uint64_t total)
{
    if (!job)
        return;
    atomic_store(&job->done, 0);
    atomic_store(&job->total, total);
    atomic_store(&job->stage, stage);
}

void slk_job_advance(slk_job *job, uint64_t units)
{
    if (job)
        atomic_fetch_add_explicit(&job->done, units, memory_order_relaxed);
}

void slk_job_cancel(slk_job *job)
{
    atomic_store(&job->canceled, true);
}

slk_err slk_job_check(slk_job *job, slk_error *error)
{
    if (job && atomic_load_explicit(&job->canceled, memory_order_relaxed))
        return slk_fail(error, SLK_E_CANCELED, "canceled during %s", atomic_load(&job->stage));
    return SLK_OK;
}
