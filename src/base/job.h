/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A long computation as seen from outside: where it is, and a way to stop it.
 *
 * The owner creates it and may read and cancel from any thread; the computation reports.
 * Library code takes `slk_job *job`, NULL meaning "nobody watches". */
#ifndef SLK_BASE_JOB_H
#define SLK_BASE_JOB_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLK_JOB_STAGES = 32 }; /* stages whose time is kept */

typedef struct slk_job {
    _Atomic(const char *) stage; /* static string: "layer 3", "tree-c" */
    atomic_uint_fast64_t done; /* units of the stage done */
    atomic_uint_fast64_t total; /* units of the stage; 0 unknown */
    atomic_uint_fast64_t before; /* of done: what was done when the stage began to be watched */
    atomic_uint_fast64_t since_ns; /* monotonic: when that was */
    atomic_bool canceled;
    struct slk_job *above; /* canceled: this one, too; NULL none */
    /* Time spent per stage; written by slk_job_stage alone. */
    struct slk_job_time {
        const char *stage;
        uint64_t ns;
    } time[SLK_JOB_STAGES];
} slk_job;

void slk_job_init(slk_job *job);
/* The same, for one of several computations that are canceled together: above outlives it. */
void slk_job_init_under(slk_job *job, slk_job *above);
/* stage must be a string that outlives the job. Called by one thread at a time. */
void slk_job_stage(slk_job *job, const char *stage, uint64_t total);
void slk_job_advance(slk_job *job, uint64_t units);
/* Units of the stage that somebody else did before this job was told of it: they are done, but say nothing
 * of how fast the rest goes. Right after slk_job_stage. */
void slk_job_resume(slk_job *job, uint64_t units);
/* How fast the stage goes, on average since it began here: units a second, and the milliseconds it takes
 * from now_ns (monotonic) to its end at that pace. false: that cannot be said (yet). Any thread. */
bool slk_job_pace(double *ret_rate, int64_t *ret_left_ms, const slk_job *job, uint64_t now_ns);
void slk_job_cancel(slk_job *job);
/* SLK_E_CANCELED once canceled, else SLK_OK. Cheap enough for every few thousand units. */
SLK_MUST_CHECK slk_err slk_job_check(slk_job *job, slk_error *error);

/* After the computation: seconds spent in each stage, in order of first appearance, times of one name
 * added up. index from 0; false past the last. The last stage counts until the first call. */
bool slk_job_stage_seconds(slk_job *job, size_t index, const char **ret_stage, double *ret_seconds);

#endif
