/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who does what, when: requests that wait for a worker, workers with their resources.
 *
 * Pure logic: no thread, no call to anybody. The same calls in the same order give the same
 * grants; the clock is only noted. Not safe from several threads: the farm (farm.h) holds its lock around it.
 *
 * Order of requests: that of slk_lotus_task_compare, then the older. Of the workers that may have a request it goes to
 * the one that its selector ranks highest, of those to the one that is used least, of those to the one
 * that came first. A worker with room gets the first request it can do: one that nobody has room for
 * keeps no other waiting.
 *
 * Requests that may be done together (batch_most) and are alike in task, proof and avoided workers are
 * granted as a batch: with the first of them go as many of those that wait as its worker has room and use
 * for, and of workers of one rank it goes to the one that takes most. source: reference/lotus-worker 4.2 and 7 */
#ifndef SLK_FARM_SCHEDULER_H
#define SLK_FARM_SCHEDULER_H

#include "base/err.h"
#include "base/job.h"
#include "lotus/name.h"
#include "lotus/task.h"
#include "lotus/worker_info.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_sched slk_sched;

#define SLK_SCHED_REQUESTS_MAX 4096u /* that wait or run */
#define SLK_SCHED_WORKERS_MAX 1024u
#define SLK_SCHED_AVOIDED_MAX 8u /* workers that one request keeps away from */
#define SLK_SCHED_WHY_CHARS 384u

/* Of these tasks together so many may run at a worker at once, a batch being one. */
typedef struct slk_sched_bound {
    slk_lotus_task_set tasks; /* none of them in another bound of the worker */
    unsigned most; /* 0: no limit */
} slk_sched_bound;
#define SLK_SCHED_BOUNDS 2u

typedef struct slk_sched_worker {
    uint64_t id; /* not 0, chosen by the caller, never used twice */
    bool open; /* takes new work */
    char closed_why[128]; /* "it does not answer"; of one that is not open */
    slk_lotus_task_set tasks;
    slk_sched_bound bounds[SLK_SCHED_BOUNDS];
    unsigned batch_most; /* requests that it does together at most; 0 and 1: it does none */
    /* What it has and what tasks need there: measured, its own table or the usual one. Borrowed while
     * the worker is known; what changes in it counts from the next request on. */
    const slk_lotus_worker_info *info;
    /* Memory of each of its NUMA nodes in bytes, borrowed likewise; 0: unknown. Labels (PC1) that lie across
     * nodes are read slowly for hours: no more such tasks run there than fit into its nodes, each into one,
     * unless none does. What else runs there is not told apart by node. */
    const uint64_t *numa_bytes;
    size_t n_numa;
} slk_sched_worker;

/* How well a worker suits a request, beside so many others that it gets in the same batch: 0 not at all
 * (why, SLK_SCHED_WHY_CHARS, says why: "has not the layers"), else the higher the better. Cheap; called
 * often. */
typedef unsigned slk_sched_selector(const void *context, uint64_t worker, unsigned others,
                                    char *why);

/* What people should know of a request that waits, whichever worker it is about; "" nothing. out has
 * SLK_SCHED_ABOUT_CHARS. */
#define SLK_SCHED_ABOUT_CHARS 192u
typedef void slk_sched_about(const void *context, char *out);

typedef struct slk_sched_request {
    slk_lotus_task task;
    int64_t priority;
    int64_t seal_proof;
    slk_lotus_sector sector;
    unsigned batch_most; /* that may be done together with this one, itself included; 0: it alone */
    slk_sched_selector *selector; /* NULL: any worker */
    slk_sched_about *about; /* NULL: nothing */
    const void *context; /* of both, borrowed until the request ends */
    const slk_job *job; /* where its task is, for lists; borrowed likewise; NULL nobody says */
    uint64_t avoided[SLK_SCHED_AVOIDED_MAX]; /* workers that must not have it; 0 none */
} slk_sched_request;

SLK_MUST_CHECK slk_err slk_sched_new(slk_sched **ret_sched, slk_error *error);
void slk_sched_free(slk_sched *sched); /* NULL allowed */

/* Adds the worker, or changes what is known of the one with that id: what runs there stays counted.
 * SLK_E_LIMIT, SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_sched_set_worker(slk_sched *sched, const slk_sched_worker *worker,
                                            slk_error *error);
/* Forgets it. Requests that run there stay running for their callers, who end them. */
void slk_sched_remove_worker(slk_sched *sched, uint64_t worker);

/* A new request, the youngest. *ret_id is never 0 and never used again. SLK_E_LIMIT, SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_sched_ask(uint64_t *ret_id, slk_sched *sched,
                                     const slk_sched_request *request, slk_error *error);
/* A request that already runs on that worker (it was granted before a restart), in a batch with the request
 * `with` if that is there, too (0: alone). */
SLK_MUST_CHECK slk_err slk_sched_adopt(uint64_t *ret_id, slk_sched *sched,
                                       const slk_sched_request *request, uint64_t worker,
                                       uint64_t with, slk_error *error);
/* The request has ended, granted or not: what it had is free. An unknown id is nothing. */
void slk_sched_end(slk_sched *sched, uint64_t request);
/* It waits again, as old as before, out of its batch, and away from the worker that had it. */
void slk_sched_again(slk_sched *sched, uint64_t request, bool avoid);

/* Grants all that can be granted now; returns how many. Ask slk_sched_granted who has what. */
size_t slk_sched_round(slk_sched *sched);
/* The worker that has it; 0: it waits, or is unknown. */
uint64_t slk_sched_granted(const slk_sched *sched, uint64_t request);

/* Of one that was granted: what all of its batch have in common; 0: it is alone. Never used again. */
uint64_t slk_sched_batch(const slk_sched *sched, uint64_t request);

/* How many are left of it. */
unsigned slk_sched_batch_size(const slk_sched *sched, uint64_t batch);

/* Whether some worker, busy, closed or not, might get it: does the task, is not avoided, suits. */
bool slk_sched_possible(const slk_sched *sched, uint64_t request);

/* Why it waits, in one sentence for people; "" when it does not. */
void slk_sched_why(char out[SLK_SCHED_WHY_CHARS], const slk_sched *sched, uint64_t request);

/* ---- for lists ---- */
typedef struct slk_sched_seen {
    uint64_t id;
    uint64_t worker; /* 0: it waits */
    uint64_t batch; /* as slk_sched_batch */
    int64_t since_ms; /* wall clock: asked */
    slk_sched_request request; /* the selector's context may not be used */
} slk_sched_seen;
/* The index-th request, those that wait and those that run in the order they came; false past the last. */
bool slk_sched_at(slk_sched_seen *ret, slk_sched *sched, size_t index);

/* What runs at a worker; NULL for an unknown one. Valid until the next call. */
const slk_lotus_load *slk_sched_load(const slk_sched *sched, uint64_t worker);
/* How many requests it has. */
unsigned slk_sched_running(const slk_sched *sched, uint64_t worker);
/* The same, a batch being one: what its bounds are about. */
unsigned slk_sched_slots(const slk_sched *sched, uint64_t worker);

/* How many more of the task would find room on open workers, selectors apart, in batches of batch_most (1:
 * each alone); at most max. */
unsigned slk_sched_room(const slk_sched *sched, slk_lotus_task task, int64_t seal_proof,
                        unsigned batch_most, unsigned max);

#endif
