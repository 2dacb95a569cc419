/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parts of a worker, as its own files see them. */
#ifndef SLK_WORKER_WORKER_IMPL_H
#define SLK_WORKER_WORKER_IMPL_H

#include "fil/sector.h"
#include "net/client.h"
#include "rpc/server.h"
#include "store/files.h"
#include "store/remote_fetch.h"
#include "store/remote_server.h"
#include "worker/auth.h"
#include "worker/journal.h"
#include "worker/miner.h"
#include "worker/peaks.h"
#include "worker/push.h"
#include "worker/runner.h"
#include "worker/worker.h"

#include <pthread.h>
#include <stdatomic.h>

#define SLK_OTHER_TOKEN "-"

typedef struct slk_worker_events slk_worker_events; /* events.c */

struct slk_worker {
    slk_worker_options options;
    slk_job life; /* canceled at the end: calls to the node end */
    char session[SLK_UUID_CHARS]; /* of this process */
    char id[SLK_UUID_CHARS]; /* of the folder */
    char address[64]; /* of the node's miner */
    bool node_is_ours; /* a node of ours: it knows our extensions */
    atomic_bool greeted; /* what is above is known; before that no call begins */

    /* Of the token at the node; the link's thread, and the start before it, alone. */
    char token_id[64]; /* "" it has none */
    bool token_given; /* the node gave it, it is not that of the start */
    bool token_ends; /* that of the start has an end */
    int64_t renew_ms; /* monotonic: when to ask for another */

    slk_rpc_client *rpc;
    slk_miner miner;
    slk_http_client *http; /* for /remote of others, and data by URL */
    slk_store *store;
    slk_worker_journal *journal;
    slk_worker_peaks *peaks;
    slk_runner *runner;
    slk_push *push;
    slk_worker_events *events;
    slk_auth *auth;
    slk_rpc_server *api;
    slk_store_server *remote;
    slk_http_server *server;
    slk_http_route routes[SLK_RPC_ROUTES + SLK_PUSH_ROUTES + SLK_STORE_SERVER_ROUTES + 1];
    char *api_url; /* ".../rpc/v0" */
    char *storage_url; /* ".../remote" */
    char pin[SLK_CERTIFICATE_PIN_CHARS]; /* of our key; "" plain HTTP */
    slk_lotus_need_table needs;
    slk_lotus_machine machine; /* as it was at the start: for fitting */

    pthread_mutex_t telling; /* held while the node is told what lies here; taken before lock */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t moved;
    slk_lotus_task_set tasks;
    bool enabled, shut, stopping;
    bool detached; /* nothing is declared any more */
    bool unsettled; /* the node missed a declaration or a drop */
    /* The one we are registered in; "" none, SLK_OTHER_TOKEN when that was by another token. */
    char node_session[SLK_UUID_CHARS];
    int64_t return_from_ms; /* monotonic; 0: not connected yet */
    bool resumed; /* calls of an earlier run were in the journal */
    pthread_t link_thread, return_thread;
    bool link_running, return_running;
};

/* ---- link.c: what the node knows of us */
/* Version, miner, sector size; then all paths and what lies on them. Repeats until the node answers. */
SLK_MUST_CHECK slk_err slk_worker_greet(slk_worker *worker, bool (*stop)(void *), void *context,
                                        slk_error *error);
SLK_MUST_CHECK slk_err slk_worker_link_start(slk_worker *worker, slk_error *error);
/* Attaches a path in the node's index and declares what lies on it. drop_missing: and takes back what it
 * has of this path that is not there any more. */
SLK_MUST_CHECK slk_err slk_worker_declare_path(slk_worker *worker, const slk_store_path *path,
                                               bool drop_missing, slk_error *error);
/* A URL of ours as the node is told it: with the pin of our key, if it understands that. Heap; NULL: out of
 * memory. */
char *slk_worker_told_url(const slk_worker *worker, const char *url) SLK_MUST_CHECK;
/* At the end, when no thread of ours works any more: a node of ours that has no call with us is told that
 * we end, so that it does not wait for us. */
void slk_worker_leave(slk_worker *worker);
/* Health of all paths, now; failures are logged. */
void slk_worker_report_health(slk_worker *worker);
/* The node misses nothing of what became of our files; else it is told now. */
SLK_MUST_CHECK slk_err slk_worker_settle(slk_worker *worker, slk_error *error);
/* For the store: declares and drops, or notes that the node missed it. */
void slk_worker_store_hooks(slk_store_hooks *ret_hooks, slk_worker *worker);
/* The node for a step: waits for it where it is away, until job is canceled. */
slk_miner slk_worker_miner_for(slk_worker *worker, slk_job *job);

/* ---- identity.c */
/* The id in the folder, made when there is none. SLK_E_CORRUPT: what is there is no id. */
SLK_MUST_CHECK slk_err slk_worker_find_id(slk_worker *worker, slk_error *error);

/* ---- own_token.c */
/* After the client of the node is made: with the token that was kept, if there is one. */
SLK_MUST_CHECK slk_err slk_worker_token_begin(slk_worker *worker, slk_error *error);
/* Asks the node for a new one when it is time. */
SLK_MUST_CHECK slk_err slk_worker_token_renew(slk_worker *worker, slk_error *error);
/* The node refused it: that of the start is borne again. False: that was it. */
bool slk_worker_token_fall_back(slk_worker *worker);

/* ---- returns.c */
SLK_MUST_CHECK slk_err slk_worker_returns_start(slk_worker *worker, slk_error *error);

/* ---- events.c: what becomes of the calls, on GET /selkie/events for whoever may call Selkie.TaskProgress
 *
 *   event: tasks   data: [row…]   all calls in hand: at first, then every 10 s while there are any
 *   event: task    data: row      one was taken, has begun, is in another stage, further, ended, returned
 *   event: worker  data: {}       what Enabled, TaskTypes, Paths or Machine answer is another
 *   : a comment                   in place of a list of none
 *
 * A row is one of Selkie.TaskProgress. Progress of a stage is told at most once a second. A stream ends
 * with the grant of its token, with the worker, and, cut, when its reader is a megabyte behind. */
SLK_MUST_CHECK slk_err slk_worker_events_new(slk_worker_events **ret_events, slk_worker *worker,
                                             slk_error *error);
/* Ends all streams; before slk_http_server_free. Idempotent. */
void slk_worker_events_stop(slk_worker_events *events);
void slk_worker_events_free(slk_worker_events *events); /* after that; NULL allowed */
slk_http_route slk_worker_events_route(slk_worker_events *events);
/* Any thread; of a call under the runner's lock. */
void slk_worker_events_call(slk_worker_events *events, const slk_runner_view *view);
void slk_worker_events_changed(slk_worker_events *events);
/* The same of what tasks take, which may change with each: told of with the next list. */
void slk_worker_events_measured(slk_worker_events *events);

/* ---- api.c, take.c: methods */
/* A row of Selkie.TaskProgress, all of them. NULL: out of memory. */
json_t *slk_worker_view_json(const slk_runner_view *view);
json_t *slk_worker_views_json(slk_worker *worker);
extern const slk_rpc_method slk_worker_methods[];
extern const size_t slk_worker_n_methods;
slk_rpc_handler slk_worker_take; /* any of the calls that are answered by a CallID */
slk_rpc_handler slk_worker_take_batch;

/* ---- steps.c: the calls that are answered by a CallID */
typedef struct slk_worker_run {
    slk_worker *worker;
    const slk_worker_call *call;
    const json_t *params;
    slk_job *job;
    slk_lotus_sector_ref ref; /* of a sector's call */
    const slk_sector_shape *shape;
    json_t *result; /* set by the step: a new reference */
    bool result_file; /* set by the step: the .out file is the result */
} slk_worker_run;

typedef struct slk_worker_step {
    const char *method; /* "AddPiece" */
    const char *returns; /* "ReturnAddPiece" */
    unsigned n_params;
    slk_lotus_task task; /* kind of work; of MoveStorage that of Fetch */
    bool has_sector; /* the first parameter is a SectorRef */
    const char *empty; /* JSON of the value of a failed call; NULL: it returns none */
    unsigned reads, writes; /* types held while it runs */
    slk_err (*run)(slk_worker_run *run, slk_error *error); /* NULL: refused */
} slk_worker_step;

/* NULL: no such method. method without its prefix. */
const slk_worker_step *slk_worker_step_of(const char *method);
/* What a step that failed, or ended, leaves in the call; and its lines in the log. */
void slk_worker_finish(slk_worker_call *call, slk_worker_run *run, slk_err code,
                       const slk_error *error);
/* Of a call that was canceled, not stopped, what it had begun goes. Nobody of its own holds the files any more. */
void slk_worker_clear_canceled(slk_worker *worker, const slk_worker_call *call, slk_err code);
/* The run's sector out of its first parameter. */
SLK_MUST_CHECK slk_err slk_worker_read_sector(slk_worker_run *run, const slk_worker_step *step,
                                              slk_error *error);
/* "a parameter of the call: <what *error says>", SLK_E_INVAL. */
slk_err slk_worker_bad_param(slk_error *error);
/* Answers whoever sends the stream that the call named, read or not; of another call nothing. */
void slk_worker_close_stream(slk_worker *worker, const slk_worker_call *call);
/* Which proof the call's sector has, for the table of needs; 0: it has none that can be read. */
int64_t slk_worker_proof_of(const slk_worker_call *call);
/* Sets the result; NULL is out of memory. */
SLK_MUST_CHECK slk_err slk_worker_answer(slk_worker_run *run, json_t *value, slk_error *error);
/* Several SealPreCommit1 of one proof, labelled together. */
void slk_worker_run_batch(slk_worker *worker, slk_runner_group *group);
/* The runner's functions. */
void slk_worker_runner_options(slk_runner_options *ret_options, slk_worker *worker);

/* ---- acquire.c: files of a run's sector */
/* The file of one type here, fetched from where the node's index has it when it is not. mode: of the
 * fetching. *ret_file heap. The run holds the type to write. SLK_E_NOTFOUND: nobody has it. */
SLK_MUST_CHECK slk_err slk_worker_acquire(slk_worker_run *run, unsigned type,
                                          slk_lotus_path_type path_type,
                                          slk_lotus_acquire_mode mode, char **ret_file,
                                          slk_error *error);
/* Removes the copies of the types that other nodes have, wherever the index has them: they are not the
 * sector's any more. A node that does not answer is waited for; then the index is told to forget its copy. */
SLK_MUST_CHECK slk_err slk_worker_clear_others(slk_worker_run *run, unsigned types,
                                               slk_error *error);

/* ---- step_files.c, step_data.c, step_seal.c */
slk_err slk_step_fetch(slk_worker_run *run, slk_error *error);
slk_err slk_step_move(slk_worker_run *run, slk_error *error);
slk_err slk_step_release(slk_worker_run *run, slk_error *error);
slk_err slk_step_finalize(slk_worker_run *run, slk_error *error);
slk_err slk_step_add_piece(slk_worker_run *run, slk_error *error);
slk_err slk_step_data_cid(slk_worker_run *run, slk_error *error);
slk_err slk_step_unseal(slk_worker_run *run, slk_error *error);
slk_err slk_step_pc1(slk_worker_run *run, slk_error *error);
slk_err slk_step_pc2(slk_worker_run *run, slk_error *error);
slk_err slk_step_c1(slk_worker_run *run, slk_error *error);
slk_err slk_step_c2(slk_worker_run *run, slk_error *error);
slk_err slk_step_check_replica(slk_worker_run *run, slk_error *error);

#endif
