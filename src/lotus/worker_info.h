/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a worker says of itself, and what a miner says of its workers, jobs, locks and queue.
 *
 * Reading and printing as in lotus/types.h; _done releases, is idempotent and accepts {0}; a read
 * overwrites its output. source: reference/lotus-worker 4.3, 5.2 */
#ifndef SLK_LOTUS_WORKER_INFO_H
#define SLK_LOTUS_WORKER_INFO_H

#include "base/err.h"
#include "base/uuid.h"
#include "lotus/name.h"
#include "lotus/resources.h"
#include "lotus/task.h"
#include "lotus/types.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_LOTUS_HOSTNAME_CHARS 256u

/* ---- WorkerInfo: {"Hostname":…,"IgnoreResources":false,"Resources":{…}} */
typedef struct slk_lotus_worker_info {
    char hostname[SLK_LOTUS_HOSTNAME_CHARS];
    bool ignore_resources;
    slk_lotus_machine machine;
    slk_lotus_need_table *table; /* heap; NULL: the built-in one */
} slk_lotus_worker_info;

void slk_lotus_worker_info_done(slk_lotus_worker_info *info);
SLK_MUST_CHECK slk_err slk_lotus_worker_info_read(slk_lotus_worker_info *ret_info,
                                                  const json_t *value, const char *what,
                                                  slk_error *error);
json_t *slk_lotus_worker_info_json(const slk_lotus_worker_info *info);
slk_lotus_need slk_lotus_worker_need(const slk_lotus_worker_info *info, slk_lotus_task task,
                                     int64_t proof);

/* ---- Version of a miner: {"Version":"…","APIVersion":66816,"BlockDelay":30,"Agent":"…"} */
typedef struct slk_lotus_version {
    char version[128], agent[128];
    int64_t api_version;
    uint64_t block_delay_s;
} slk_lotus_version;

SLK_MUST_CHECK slk_err slk_lotus_version_read(slk_lotus_version *ret_version, const json_t *value,
                                              const char *what, slk_error *error);
json_t *slk_lotus_version_json(const slk_lotus_version *version);

/* ---- WorkerStats: {"<session>":{…}}; of one worker, as the node that has it tells it. */
typedef struct slk_lotus_worker_stats {
    slk_lotus_worker_info info;
    slk_lotus_task_set tasks;
    bool enabled;
    slk_lotus_load load; /* TaskCounts are its running */
} slk_lotus_worker_stats;

json_t *slk_lotus_worker_stats_json(const slk_lotus_worker_stats *stats);

/* ---- WorkerJobs: {"<session>":[{…}]} */
typedef enum slk_lotus_run_wait {
    SLK_LOTUS_JOB_RETURNED_DONE = -3,
    SLK_LOTUS_JOB_RETURNED = -2,
    SLK_LOTUS_JOB_RETURN_WAIT = -1,
    SLK_LOTUS_JOB_RUNNING = 0,
    SLK_LOTUS_JOB_PREPARED = 1 /* from 2 on: assigned, RunWait - 1 */
} slk_lotus_run_wait;

typedef struct slk_lotus_job {
    slk_lotus_call_id id;
    slk_lotus_sector sector;
    slk_lotus_task task;
    int64_t run_wait; /* slk_lotus_run_wait */
    int64_t start_ms; /* since 1970 */
    char hostname[SLK_LOTUS_HOSTNAME_CHARS]; /* "": not said */
} slk_lotus_job;

/* "running", "assigned(3)", "ret-wait"… as Lotus's own list says it. */
#define SLK_LOTUS_JOB_STATE_CHARS 32u
void slk_lotus_job_state(char out[SLK_LOTUS_JOB_STATE_CHARS], int64_t run_wait);
SLK_MUST_CHECK slk_err slk_lotus_job_read(slk_lotus_job *ret_job, const json_t *value,
                                          const char *what, slk_error *error);
json_t *slk_lotus_job_json(const slk_lotus_job *job);

/* ---- SealingSchedDiag */
typedef struct slk_lotus_waiting {
    slk_lotus_sector sector;
    slk_lotus_task task;
    int64_t priority;
    char id[SLK_UUID_CHARS];
} slk_lotus_waiting;

SLK_MUST_CHECK slk_err slk_lotus_waiting_read(slk_lotus_waiting *ret_waiting, const json_t *value,
                                              const char *what, slk_error *error);
/* The whole answer: the queue, and the session of each open window. */
json_t *slk_lotus_sched_diag_json(const slk_lotus_waiting *waiting, size_t n_waiting,
                                  const slk_lotus_strings *windows);

#endif
