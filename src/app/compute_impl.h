/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside of app/compute.h: the process and its thread (compute_process.c), the tasks (compute.c). */
#ifndef SLK_APP_COMPUTE_IMPL_H
#define SLK_APP_COMPUTE_IMPL_H

#include "app/compute.h"
#include "base/buf.h"
#include "base/stage_names.h"

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A sector of a task. What it says of progress is passed on by the task's own thread. */
typedef struct slk_compute_state {
    slk_job *job;
    bool told_cancel;
    bool ended, passed_on;
    slk_err code;
    slk_error error;
    bool moved; /* stage, done or total is new */
    const char *stage;
    uint64_t done, total;
} slk_compute_state;

/* A task that the process has. Guarded by the lock. */
typedef struct slk_compute_call {
    struct slk_compute_call *next;
    int64_t id;
    slk_compute_state *lanes;
    size_t n;
    json_t *answer; /* "end"; NULL: not yet */
    bool lost; /* the process ended */
    bool killed; /* … because we killed it */
    pthread_cond_t *woken;
} slk_compute_call;

struct slk_compute {
    slk_seal_prover own;
    char *parameters_folder, *lock_file;
    unsigned threads;
    bool development;
    int64_t cancel_ms;

    pthread_t thread; /* starts the process, as whose parent it lives as long, and hears it */
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* ready, failed, stopping, or a call's answer */
    bool stopping;
    pid_t pid; /* 0: none */
    int fd; /* to the process; -1 none */
    bool ready; /* it said so */
    bool killed; /* by us */
    uint64_t failed_starts; /* times that it ended before it was ready */
    char how[96]; /* it ended last */
    slk_compute_call *calls;
    int64_t last_id;
    slk_stage_names stages;
};

/* Thread of its own: starts the process again and again until stopping. */
void *slk_compute_supervise(void *compute);
/* Lock held: SIGKILL, for something that it does not do. */
void slk_compute_kill(slk_compute *compute, const char *why);

#endif
