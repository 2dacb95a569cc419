/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A long computation as seen from outside: where it is, and a way to stop it.
 *
 * The owner creates it and may read and cancel from any thread; the computation reports.
 * Library code takes `slk_job *job`, NULL meaning "nobody watches". */
#ifndef SLK_BASE_JOB_H
#define SLK_BASE_JOB_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

typedef struct slk_job {
    _Atomic(const char *) stage; /* static string: "layer 3", "tree-c" */
    atomic_uint_fast64_t done; /* units of the stage done */
    atomic_uint_fast64_t total; /* units of the stage; 0 unknown */
    atomic_bool canceled;
} slk_job;

void slk_job_init(slk_job *job);
/* stage must be a string that outlives the job. */
void slk_job_stage(slk_job *job, const char *stage, uint64_t total);
void slk_job_advance(slk_job *job, uint64_t units);
void slk_job_cancel(slk_job *job);
/* SLK_E_CANCELED once canceled, else SLK_OK. Cheap enough for every few thousand units. */
SLK_MUST_CHECK slk_err slk_job_check(slk_job *job, slk_error *error);

#endif
