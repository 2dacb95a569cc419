/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside of slk_seal, for seal.c and task.c. */
#ifndef SLK_SEAL_SEAL_IMPL_H
#define SLK_SEAL_SEAL_IMPL_H

#include "seal/arrival.h"
#include "seal/member.h"
#include "seal/seal.h"
#include "seal/times.h"

#include <pthread.h>
#include <stdatomic.h>

#define SLK_SEAL_MAX_WORKERS 256u
#define SLK_SEAL_MAX_RUNNING 512u /* tasks at once in one process, batches counted in full */

/* A sector whose files someone in this process is using. */
typedef struct slk_seal_file_user {
    slk_pipeline pipeline;
    uint64_t sp_id;
    uint64_t number;
    int lock_fd; /* -1: nobody else can be at them */
    slk_job *job; /* that it may be canceled by; NULL none. Lives as long as the user */
    bool awaited; /* a task was passed over for it: who leaves wakes the workers */
    struct slk_seal_file_user *next;
} slk_seal_file_user;

/* A task that runs in this process, in a list guarded by mutex. */
typedef struct slk_seal_running {
    slk_task *task;
    const slk_step *step;
    int64_t lease_until_ms;
    const char *last_stage; /* what was written last */
    uint64_t last_done;
    struct slk_seal_running *next;
} slk_seal_running;

typedef struct slk_seal_worker {
    slk_seal *seal;
    slk_task_class class;
    pthread_t thread;
} slk_seal_worker;

struct slk_seal {
    slk_db *db;
    slk_seal_ops ops;
    slk_seal_options options;
    slk_step_counts *counts; /* of each step */
    char instance[37]; /* of this node, this start */
    char folder_id[SLK_PIPELINE_COUNT][SLK_FOLDER_ID_CHARS];
    slk_time time;

    pthread_mutex_t gathering; /* held while a batch is claimed; taken before mutex */
    pthread_mutex_t mutex;
    pthread_cond_t work[SLK_CLASS_COUNT]; /* workers: work_there and room, or stopping */
    pthread_cond_t look; /* scheduler: wanted, or stopping */
    pthread_cond_t files_free;
    bool made; /* mutex and conditions exist */
    bool work_there[SLK_CLASS_COUNT]; /* perhaps: one worker is to look, and to pass it on if so */
    bool look_wanted;
    bool stopping;
    slk_seal_running *running;
    slk_seal_file_user *file_users;
    slk_arrivals arrivals; /* under mutex */
    int64_t numbers_next; /* for tasks and fences, under mutex … */
    int64_t numbers_left; /* … so many from there on are ours */

    atomic_bool dead; /* plays a killed process: writes nothing more */
    bool started;
    pthread_t scheduler;
    pthread_t heart;
    bool has_flow;
    pthread_t flow;
    slk_seal_worker workers[SLK_SEAL_MAX_WORKERS];
    unsigned workers_n;
    /* Workers that look for something to run, and tasks that run, those of a batch counted in full; under
     * mutex */
    unsigned busy[SLK_CLASS_COUNT];
    int64_t last_gc_ms;
};

/* The counts of a step of the table, to add to. */
slk_step_counts *slk_seal_counts_of(slk_seal *seal, const slk_step *step);

/* So many more tasks of the class may begin together with one that does: at most `most`, no more than the prover
 * has room for (where that has none, they wait there together), and than this process can keep. They count as
 * running until they are given back. */
unsigned slk_seal_take_places(slk_seal *seal, slk_task_class class, unsigned most);
void slk_seal_give_places(slk_seal *seal, slk_task_class class, unsigned n);

/* Mutex held: one worker of the class looks for work. */
void slk_seal_send_worker(slk_seal *seal, slk_task_class class);

/* Whether someone in this process uses the sector's files. If so, the workers look for work again as soon
 * as they are free: a task that was passed over for it needs no time to come back at. */
bool slk_seal_files_await(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number);

/* Cancels the job that entered the sector's files here, if there is one. */
void slk_seal_files_evict(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number);

/* Cancels the jobs of that sector that run here; returns how many. */
unsigned slk_seal_cancel_running(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id,
                                 uint64_t number);

#endif
