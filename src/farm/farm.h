/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A node's workers: who is connected, what each does, and the work given to them.
 *
 *   slk_farm_new      the index, this node's own worker
 *   slk_farm_start    finds the calls that were under way; looks after the workers from now on
 *   slk_farm_connect  a worker has called: it is asked what it is and does, and is one of ours
 *   slk_farm_disconnect  it ends and has nothing of ours in hand: it is forgotten
 *   farm/prover.h     a prover whose work is done by them; farm/api.h what the node serves to them
 *   slk_farm_stop     ends all waiting; calls go on at the workers and are found again after a restart
 *
 * Two kinds of workers: this node itself (local), whose prover farm/prover.h is given; and those that
 * connected, lotus-worker or ours, which are called over HTTP and return results to us. A worker is
 * asked for its session every heartbeat: one that does not answer, or is disabled by its own operator, gets
 * nothing new; one with another session is forgotten, and connects anew. What a worker made that turned out to be false closes it for
 * good, by name, until an operator opens it again or it is started anew.
 *
 * All functions may be called from many threads. source: reference/lotus-worker 5.3, 10 */
#ifndef SLK_FARM_FARM_H
#define SLK_FARM_FARM_H

#include "base/err.h"
#include "db/db.h"
#include "farm/doors.h"
#include "farm/index.h"
#include "lotus/task.h"
#include "lotus/types.h"
#include "seal/ops.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct slk_farm slk_farm;

typedef struct slk_farm_options {
    slk_db *db; /* has the seal's tables when the farm is started; borrowed */
    const char *node_name; /* borrowed */
    const char *results_folder; /* of results larger than a row; borrowed for _new */
    slk_lotus_task_set local_tasks; /* of PC1, PC2 and C2: what this node does itself */
    unsigned local_compute; /* PC1 and PC2 at once here */
    unsigned local_snark; /* C2 at once here */
    /* Sectors of one size that are labelled together at most, up to SLK_SEAL_BATCH_MAX, here or by one worker
     * of ours; 0 and 1: each alone */
    unsigned batch_most;
    /* What would begin at a worker of which some of a batch have ended waits so long for the others to end,
     * so that it begins together, too; 0: not at all */
    int64_t batch_wait_ms;
    int64_t usual_proof; /* seal proof by whose needs it is judged whether somebody has room */
    /* Where workers' URLs may lead beside the addresses that they call from; NULL nowhere. Borrowed for
     * _new */
    const slk_ip_set *worker_addresses;
    const char *ca_file; /* for workers at https URLs; NULL the system's; borrowed for _new */
    int64_t heartbeat_ms; /* 0: 10 000 */
    int64_t lost_ms; /* a worker that is away so long has lost its tasks; 0: 600 000 */
    void (*room_changed)(
        void *context); /* slk_farm_room may say more; without locks; NULL nobody */
    void *room_context;
} slk_farm_options;

SLK_MUST_CHECK slk_err slk_farm_new(slk_farm **ret_farm, const slk_farm_options *options,
                                    slk_error *error);
/* Before any other call but those that only read. */
SLK_MUST_CHECK slk_err slk_farm_start(slk_farm *farm, slk_error *error);
/* Idempotent. What waits ends with SLK_E_CANCELED. */
void slk_farm_stop(slk_farm *farm);
void slk_farm_free(slk_farm *farm); /* stops; nothing may be running; NULL allowed */

slk_farm_index *slk_farm_get_index(slk_farm *farm);
/* UUID of this run of the node. */
const char *slk_farm_session(const slk_farm *farm);
slk_farm_doors *slk_farm_get_doors(slk_farm *farm);

/* Asks the worker at url (…/rpc/v0, as for slk_farm_doors_open), which who named, for version, session,
 * information, tasks and paths, and takes it. A session that is known is fine. SLK_E_UNSUPPORTED: another
 * version; SLK_E_UNREACHABLE …: it does not answer; SLK_E_AUTH: the URL leads elsewhere; SLK_E_INVAL: no
 * URL, or nothing it could do. */
SLK_MUST_CHECK slk_err slk_farm_connect(slk_farm *farm, const char *url, const slk_farm_who *who,
                                        slk_error *error);
/* The worker of that session, which who named, says goodbye. SLK_E_NOTFOUND: no such worker; SLK_E_AUTH: who
 * is another one; SLK_E_BUSY: a call of its is waited for, so that it stays, as one that is away. */
SLK_MUST_CHECK slk_err slk_farm_disconnect(slk_farm *farm, const char *session,
                                           const slk_farm_who *who, slk_error *error);
/* Whether a worker that who named works on the sector now, so that it needs the sector's files. */
bool slk_farm_works_on(slk_farm *farm, const slk_farm_who *who, const slk_lotus_sector *sector);
/* Whether the worker whose credential (slk_farm_who_is) that is works now on a sector of which the worker
 * asker has files. */
bool slk_farm_fetches_from(slk_farm *farm, const char *credential, const slk_farm_who *asker);

/* What a worker returned for a call. Unknown calls are fine. The outcome stays the caller's. */
struct slk_farm_outcome;
SLK_MUST_CHECK slk_err slk_farm_returned(slk_farm *farm, const slk_lotus_call_id *call,
                                         const struct slk_farm_outcome *outcome, slk_error *error);
/* Whether the farm has use for what is returned for that call. */
SLK_MUST_CHECK slk_err slk_farm_wants(bool *ret_wants, slk_farm *farm,
                                      const slk_lotus_call_id *call, slk_error *error);
/* Where the bytes of a result that is a file are put before slk_farm_returned; heap. */
char *slk_farm_result_file(slk_farm *farm, const slk_lotus_call_id *call) SLK_MUST_CHECK;

/* Ends the waiting for a call as if the worker had failed it; what the worker does is its own affair
 * (ours are told). SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_farm_abort(slk_farm *farm, const slk_lotus_call_id *call,
                                      slk_error *error);
/* Closes a worker for new work, or opens it. session: or the beginning of one, or the name of one worker
 * alone. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_farm_set_open(slk_farm *farm, const char *session, bool open,
                                         const char *why, slk_error *error);

/* How many tasks of the class may usefully be under way now: those that are, and as many more as workers
 * have room for; for slk_seal_prover.room. */
unsigned slk_farm_room(slk_farm *farm, bool snark);
/* How many more sectors workers have room to label in batches, beside those that wait; for
 * slk_seal_prover.batch_room. */
unsigned slk_farm_batch_room(slk_farm *farm);

/* ---- what people see; new references, NULL: out of memory ---- */
json_t *slk_farm_worker_stats(slk_farm *farm); /* Filecoin.WorkerStats */
/* [{"Session","Hostname","URL","Kind":"local|lotus|selkie","Open","Why","Tasks":["PC1"],"Running",
 *   "CPUs","MemPhysical","GPUs","Paths":[id],"SinceMs","HeardMs"}] */
json_t *slk_farm_workers(slk_farm *farm);
/* Filecoin.WorkerJobs, each with our "Stage","Done","Total" besides, when the worker tells; "Rate" (units
 * a second) and "LeftMs" (of the stage), when that can be said; "Batch" of those that are done
 * together, and "Others": how many more of it are under way. */
SLK_MUST_CHECK slk_err slk_farm_worker_jobs(json_t **ret_jobs, slk_farm *farm, slk_error *error);
/* Filecoin.SealingSchedDiag, with "Why":{id: sentence} besides. */
json_t *slk_farm_sched_diag(slk_farm *farm);
/* {"LocalTotal","LocalReserved","LocalBusy","RemoteTotal","RemoteBusy"}: workers, as the seed's `info`
 * counts them. */
json_t *slk_farm_use(slk_farm *farm);
/* All of it for the page and the metrics:
 * {"workers":[{"session","host","kind","answers","open","disabled","refuted","why","tasks":["PC1"],"cpus",
 *              "cpus_used","memory_bytes","memory_used_bytes","gpus","since_ms","silent_ms",
 *              "running":[{"sp_id","number","task","started_ms", "stage","done","total","rate","left_ms"}]}],
 *  "waiting":[{"sp_id","number","task","asked_ms","why"}],
 *  "calls":[{"task","done","failed","ms"}]}
 * open: by an operator's or our own will, and the worker's own (disabled); refuted: closed because it lied; cpus_used and
 * memory_used_bytes: what its tasks take by its table; since_ms and silent_ms ago; started_ms and
 * asked_ms since 1970; "stage" and so on only where it is known; calls of other processes, since the
 * node started. */
json_t *slk_farm_board(slk_farm *farm);

#endif
