/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside of the farm: its workers, and the calls that are waited for. */
#ifndef SLK_FARM_FARM_IMPL_H
#define SLK_FARM_FARM_IMPL_H

#include "base/job.h"
#include "base/mem.h"
#include "base/stage_names.h"
#include "base/tally.h"
#include "farm/calls.h"
#include "farm/farm.h"
#include "farm/peaks.h"
#include "farm/scheduler.h"
#include "lotus/strings.h"
#include "lotus/worker_info.h"
#include "net/client.h"
#include "rpc/client.h"

#include <pthread.h>

/* What our own workers can besides. */
enum {
    SLK_FARM_CAN_CANCEL = 1,
    SLK_FARM_CAN_PROGRESS = 2,
    SLK_FARM_CAN_ZERO_SECTORS = 4, /* PC1 of an empty sector without its file */
    SLK_FARM_CAN_EVENTS = 8, /* /selkie/events */
    SLK_FARM_CAN_MACHINE = 16, /* Selkie.Machine */
    SLK_FARM_CAN_BATCH = 32, /* Selkie.SealPreCommit1Batch */
};

struct slk_farm_seeker; /* work.h */

/* Lives while it is in the list or somebody has it (refs). Guarded by the farm's lock, but for what
 * never changes after it was made: id, session, identity, url, client, local, can. */
typedef struct slk_farm_worker {
    struct slk_farm_worker *next;
    slk_farm *farm;
    uint64_t id; /* in the scheduler */
    unsigned refs;
    bool gone; /* not in the list any more */
    char session[SLK_UUID_CHARS];
    char identity[SLK_UUID_CHARS]; /* the id in its folder, a secret of its; "" it has none */
    char *url;
    slk_farm_who who; /* named it; mark "" local */
    slk_rpc_client *client; /* NULL: local */
    bool local;
    bool ours; /* it knows Selkie.Hello */
    unsigned can;
    slk_lotus_worker_info info;
    slk_lotus_task_set tasks;
    slk_lotus_strings paths; /* ids of its storage paths */
    slk_sched_bound bounds[SLK_SCHED_BOUNDS];
    slk_lotus_need_table
        *told; /* heap: the worker's own, once info's is raised by peaks; NULL none */
    bool reckoned; /* info's is raised */
    slk_farm_peaks peaks; /* of its host */
    uint64_t numa_bytes[SLK_MEM_NODES_MAX];
    size_t n_numa;
    bool answers; /* to the last heartbeat */
    bool
        doubted; /* one that may be the same has come: it is asked at once, and goes if it does not answer */
    bool disabled; /* it said so in its last answer: its own operator drains it */
    bool closed; /* by an operator, or because it lied */
    bool refuted; /* it lied: what it has is not believed either */
    char why[128]; /* it gets no new work */
    uint64_t ending; /* batch (slk_sched_batch) of which some have ended here; 0 none */
    int64_t ending_ms; /* monotonic: the first did */
    int64_t since_ms; /* monotonic: connected */
    int64_t heard_ms; /* monotonic: answered last */
    bool streaming; /* its events come: it tells what it does, and that it is another than it was */
    bool look; /* the next heartbeat is due, and asks for all */
    bool beating, reading; /* beat, events are to be joined */
    pthread_t beat, events;
    slk_http_stopper *stopper; /* of the reading of events; NULL: it has none */
} slk_farm_worker;

/* Somebody waits for the Return of a call. */
typedef struct slk_farm_waiting {
    struct slk_farm_waiting *next;
    char uuid[SLK_UUID_CHARS];
    const slk_farm_call *row; /* of which sector, and which worker has it */
    slk_job *job; /* gets the worker's progress; NULL nobody looks */
    pthread_cond_t moved; /* this, or a worker that may have it, changed */
    uint64_t
        adopted; /* request in the scheduler of a call from before; 0: it has another, or none */
    bool ended; /* its row is done */
    bool aborted;
    int64_t listed_ms; /* monotonic: the worker said last that it has it, or took it */
    int64_t done, total;
    const char *stage;
} slk_farm_waiting;

/* Calls of one task since the node started. */
typedef struct slk_farm_counts {
    slk_counter done, failed;
    slk_counter ms; /* that those done took, from the call to the Return */
} slk_farm_counts;

struct slk_farm {
    slk_farm_options options; /* defaults filled in */
    char *ca_file; /* NULL: the system's */
    char *results_folder;
    char session[SLK_UUID_CHARS];
    slk_farm_doors *doors;
    slk_http_client *http; /* files of workers */
    slk_farm_index *index;
    slk_farm_calls *calls;

    pthread_mutex_t lock;
    pthread_cond_t
        moved; /* a request was granted, or may be; a worker came, left, opened or closed */
    bool made; /* the two above exist */
    bool stopping;
    bool started;
    slk_farm_counts counts[SLK_LOTUS_TASKS];
    slk_sched *sched;
    slk_farm_worker *workers;
    uint64_t last_worker;
    slk_farm_waiting *waiting;
    struct slk_farm_seeker *seekers;
    slk_job life; /* canceled at the end: calls on behalf of several tasks end */
    slk_stage_names stages; /* that workers told of */
    slk_farm_worker *leaving; /* whose threads are to be joined */
    unsigned aside; /* tasks between two requests: files are brought, or looked at */
    pthread_t sweeper;
};

void slk_farm_enter(slk_farm *farm);
void slk_farm_leave(slk_farm *farm);
/* Lock held: grants what can be granted and wakes all who wait for a worker. */
void slk_farm_moved(slk_farm *farm);
/* Lock held: the same, and those who wait for a Return look who has their call. */
void slk_farm_workers_moved(slk_farm *farm);
/* Lock held: the same where what selectors look at may have changed without a sign. Wakes nobody when
 * nothing is granted. */
void slk_farm_look_again(slk_farm *farm);
/* Lock held: waits for a change, at most ms. */
void slk_farm_wait(slk_farm *farm, int64_t ms);

/* Without the lock. */
bool slk_farm_is_stopping(slk_farm *farm);
/* Without the lock: more may be begun than before. */
void slk_farm_room_changed(slk_farm *farm);
/* Without the lock: a task that has no request now goes on beside the workers (aside), or no more. */
void slk_farm_step_aside(slk_farm *farm, bool aside);

/* Lock held. NULL: there is none. */
slk_farm_worker *slk_farm_worker_by_id(slk_farm *farm, uint64_t id);
slk_farm_worker *slk_farm_worker_by_session(slk_farm *farm, const char *session);
/* Lock held: the worker that has or had the call, also one that was started anew since. */
slk_farm_worker *slk_farm_worker_of(slk_farm *farm, const slk_farm_call *row);
/* Lock held: the same, if it goes on with the call: one of Lotus that was started anew does not. */
slk_farm_worker *slk_farm_holder_of(slk_farm *farm, const slk_farm_call *row);
/* Without the lock: the row's is that worker. */
void slk_farm_worker_sign(slk_farm_call *row, slk_farm_worker *worker);
/* Lock held: who waits for that call; NULL: nobody. */
slk_farm_waiting *slk_farm_waiting_for(const slk_farm *farm, const char *uuid);
/* Lock held: it may be given something new. */
bool slk_farm_worker_is_open(const slk_farm_worker *worker);
/* Lock held: the caller has it until _give. */
void slk_farm_worker_take(slk_farm_worker *worker);
/* Without the lock. NULL allowed. */
void slk_farm_worker_give(slk_farm_worker *worker);

/* workers.c */
/* slk_rpc_invoke of a connected worker, which is shown its key; how NULL: the plain call. */
SLK_MUST_CHECK slk_err slk_farm_invoke(const slk_farm_worker *worker, const char *method,
                                       const json_t *params, const slk_rpc_how *how,
                                       json_t **ret_result, slk_error *error);
SLK_MUST_CHECK slk_err slk_farm_add_local(slk_farm *farm, slk_error *error);
void slk_farm_workers_stop(slk_farm *farm);
/* Joins the threads of workers that left. Without the lock. */
void slk_farm_workers_reap(slk_farm *farm);
/* Lock held: what the scheduler knows of it is what is true now. */
void slk_farm_tell_sched(slk_farm_worker *worker);
/* Lock held: which types of the sector the worker's paths together have, and whether they have all of those.
 * One that lied has nothing. */
unsigned slk_farm_worker_has(const slk_farm_worker *worker, const slk_lotus_sector *sector);
bool slk_farm_worker_holds(const slk_farm_worker *worker, const slk_lotus_sector *sector,
                           unsigned types);
/* The worker's outcome was false: nothing of it is believed any more, until an operator opens it. One that is
 * there no more is only named in the log. */
void slk_farm_distrust(slk_farm *farm, const char *session, const char *hostname, const char *why);

/* machine.c: takes in what Selkie.Machine answered. Without the lock. */
SLK_MUST_CHECK slk_err slk_farm_take_machine(slk_farm_worker *worker, const json_t *answer,
                                             slk_error *error);
/* Lock held: what the worker itself says that the task needs. */
slk_lotus_need slk_farm_told_need(const slk_farm_worker *worker, slk_lotus_task task,
                                  int64_t proof);

/* cancel.c, without the lock */
/* The worker, which can cancel, stops working on it; that it did not reach it is logged. */
void slk_farm_tell_cancel(const slk_farm_worker *worker, const slk_lotus_call_id *call);
/* Of the calls that it says it has in hand, those that are nobody's end: the answer with their id was lost, or
 * they were held for lost and given to another. */
void slk_farm_cancel_orphans(const slk_farm_worker *worker, const json_t *list);

/* show.c: "local", "lotus" or "selkie"; ["PC1"], NULL without memory. */
const char *slk_farm_worker_kind(const slk_farm_worker *worker);
json_t *slk_farm_task_names(slk_lotus_task_set tasks);
/* board.c: how fast the job's stage goes, under the two names, when it can be said. false: no memory. */
bool slk_farm_put_pace(json_t *row, const slk_job *job, const char *rate_key, const char *left_key);

/* progress.c: takes in {"ID":CallID,"Stage","Done","Total"}, or a list of them. Lock held. */
void slk_farm_take_row(slk_farm *farm, const json_t *row);
void slk_farm_take_progress(slk_farm *farm, const json_t *list);

/* events.c: the thread of a worker that has them; ends when it is gone. arg: the worker. */
void *slk_farm_read_events(void *arg);
/* A worker whose events come lists what it has so often. source: docs/worker.md */
#define SLK_FARM_LIST_MS 10000

#endif
