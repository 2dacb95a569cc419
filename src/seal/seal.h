/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One node's heart: database, operations it was given, options, and the threads that do the work.
 *
 *   slk_seal_new    opens: migrates the schema, notes the node, takes back its old claims
 *   slk_seal_start  starts scheduler, heartbeat and workers
 *   slk_seal_stop   cancels running jobs, waits for them, gives claims back
 *   slk_seal_free
 *
 * provider.h and client.h are what endpoints and commands call; they work from slk_seal_new on,
 * also without slk_seal_start (a command-line tool on the same database). All functions that take a
 * slk_seal may be called from many threads. */
#ifndef SLK_SEAL_SEAL_H
#define SLK_SEAL_SEAL_H

#include "base/err.h"
#include "base/tally.h"
#include "db/db.h"
#include "seal/ops.h"
#include "seal/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_SEAL_MAX_PROOFS 20u
#define SLK_SEAL_BATCH_MAX 64u

/* When a message for several sectors is due. */
typedef struct slk_seal_batching {
    size_t most; /* sectors in one, at most 256; 0 means 1 */
    int64_t timeout_ms; /* the one that waits longest waits no longer; 0: at once */
    int64_t slack_epochs; /* nor one whose deadline is so close */
} slk_seal_batching;

typedef struct slk_seal_options {
    const char *node_name; /* stays the same over restarts of this node; at most 63 chars */
    bool provider;
    bool client;
    bool beside; /* a tool beside the nodes: it takes no name among them, and is never started */
    unsigned workers[SLK_CLASS_COUNT]; /* 0 means the default: 1, calls and chain 2 */

    const char *scratch_folder; /* work in progress, C1 files */

    /* Provider */
    int64_t seal_proofs[SLK_SEAL_MAX_PROOFS]; /* what we offer, for /capabilities and orders */
    size_t seal_proofs_n;
    bool clients_on_our_chain; /* tickets from clients are checked against our chain */
    uint64_t capacity_sectors; /* uncleaned sectors and live slots of all partners; 0 means 16 */
    unsigned batch_sectors; /* labelled together at most, up to SLK_SEAL_BATCH_MAX; 0 means 1 */
    int64_t batch_wait_ms; /* a ticketed sector waits so long for others; 0: not at all */
    int64_t slot_ms; /* life of a slot token; 0 means 30000 */
    int64_t cleanup_timeout_ms; /* after sealing or failing; 0 means 72 h */
    int64_t keep_row_ms; /* a cleaned row is collected after; 0 means 24 h */

    /* Client */
    const char *storage_folder; /* finished sectors in Lotus's layout */
    int64_t poll_ms; /* between status questions; 0 means 30 s */
    int64_t seed_margin_epochs; /* head must be this far past the seed epoch; < 0 means 3 */
    int64_t ticket_slack_epochs; /* refuse to pre-commit this close to the ticket's end; < 0: 720 */
    int64_t
        keep_in_flight; /* sectors kept under way per miner; 0: none are ordered by themselves */
    int64_t flow_seal_proof; /* of those */
    const char *balance_reserve; /* attoFIL they leave alone; NULL: none */
    bool trial_c1; /* a vanilla proof for a seed of our own before the pre-commit, where a peer
                    * repeats C1 */
    int64_t stall_ms; /* an order that does not move for so long goes elsewhere; 0 means 24 h … */
    int64_t stall_factor; /* … or so many times what the provider usually takes; 0 means 3 */
    slk_seal_batching batching[SLK_SEAL_MESSAGE_KINDS];

    /* Both */
    int64_t schedule_ms; /* between looks for work when nobody wakes us; 0 means 1000 */
    int64_t chain_poll_ms; /* between looks at the chain; 0 means a quarter epoch, at least 100 */
    int64_t lease_ms; /* 0 means 60000; renewed at a third of it */
    /* How long a start watches whether its name lives elsewhere (member.h), if it was not given free;
     * 0 means 4000 where nodes share a database, else not at all; < 0: not at all. */
    int64_t watch_ms;
    int64_t backoff_scale_percent; /* of the steps' back-off times; 0 means 100; tests use 1 */

    /* Called at named points where a kill would be interesting; true = this process is dead now:
     * nothing more is written by it. NULL: env SELKIE_CRASH_AT names a point to _exit(137) at. */
    bool (*crash_at)(void *ctx, const char *point);
    void *crash_ctx;
} slk_seal_options;

/* db, the strings of options and what ops' contexts point to must outlive the slk_seal; options and
 * ops themselves are copied. Makes the folders. SLK_E_INVAL names the option that is wrong. */
SLK_MUST_CHECK slk_err slk_seal_new(slk_seal **ret_seal, slk_db *db, const slk_seal_ops *ops,
                                    const slk_seal_options *options, slk_error *error);
void slk_seal_free(slk_seal *seal); /* NULL allowed; stops first if need be */
void slk_seal_freep(slk_seal **seal);

SLK_MUST_CHECK slk_err slk_seal_start(slk_seal *seal, slk_error *error);
/* Idempotent. Returns when every worker is idle; running jobs are canceled. */
void slk_seal_stop(slk_seal *seal);

/* There may be new work: look now instead of at the next interval. */
void slk_seal_wake(slk_seal *seal);
/* The prover's room may say more than before. */
void slk_seal_room_changed(slk_seal *seal);

/* Without threads: schedules and runs everything that can run now, on this thread, until nothing
 * more is ready or max_tasks have run; *ret_ran of them. For tests and tools. */
SLK_MUST_CHECK slk_err slk_seal_run_ready(uint64_t *ret_ran, slk_seal *seal, uint64_t max_tasks,
                                          slk_error *error);

/* What this process has done so far of the step of that index in slk_seal_steps. */
typedef struct slk_step_counts {
    slk_histogram done_us; /* runs that ended with their edge, by how long they took */
    slk_counter again; /* runs that failed and are tried again */
    slk_counter failed; /* runs that failed the sector */
} slk_step_counts;
const slk_step_counts *slk_seal_step_counts(const slk_seal *seal, size_t step);

/* What the parts of this folder share. */
slk_db *slk_seal_db(slk_seal *seal);
const slk_seal_ops *slk_seal_get_ops(const slk_seal *seal);
const slk_seal_options *slk_seal_get_options(const slk_seal *seal); /* defaults filled in */
/* Believed time (times.h): the clock that the nodes of this database share (db.h), or the one ops gave,
 * unless it is in doubt. */
int64_t slk_seal_now(const slk_seal *seal);
/* How long it is since a believed time, but never more than was lived since the clock last jumped: what
 * is done because much time has passed is not done because a clock was set. */
int64_t slk_seal_age(const slk_seal *seal, int64_t since_ms);
/* Lived time (times.h), by which leases end; and the believed time at which it will be lived_ms. */
int64_t slk_seal_lived(const slk_seal *seal);
int64_t slk_seal_when_lived(const slk_seal *seal, int64_t lived_ms);
/* When a slot given now ends. */
int64_t slk_seal_slot_end(const slk_seal *seal, int64_t now_ms);
/* One that ends later than that was given before the clock was set back. A minute lies between the two:
 * clocks of nodes, and two looks at one clock, may differ by less than that. */
int64_t slk_seal_slot_bound(const slk_seal *seal, int64_t now_ms);

/* A point where a crash is interesting; SLK_E_CANCELED when this process plays dead. */
SLK_MUST_CHECK slk_err slk_seal_crash_point(slk_seal *seal, const char *point, slk_error *error);
void slk_seal_crash_here(slk_seal *seal, const char *point); /* where nothing follows */
bool slk_seal_is_dead(const slk_seal *seal);

/* One user at a time of a sector's files in this process (C1 against finalise and cleanup).
 * Returns false at once when someone has them; _enter waits until free or job is canceled. */
bool slk_seal_files_try(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number);
SLK_MUST_CHECK slk_err slk_seal_files_enter(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id,
                                            uint64_t number, slk_job *job, slk_error *error);
void slk_seal_files_leave(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number);

#endif
