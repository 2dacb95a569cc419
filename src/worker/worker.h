/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A seal worker as Lotus knows it: an API server with storage paths that registers with a node (a
 * lotus-miner, or a node of ours), takes calls from it, computes, and returns the results.
 *
 *   api (rpc, push streams, /remote)  -> journal -> runner -> steps -> ops, store
 *   link (session, health, paths)     -> node                 returns -> node
 *
 * A call is on disk before it is answered, its result before it is returned, and it is returned until
 * the node has it. While the node is away work goes on. source: reference/lotus-worker */
#ifndef SLK_WORKER_WORKER_H
#define SLK_WORKER_WORKER_H

#include "base/err.h"
#include "lotus/resources.h"
#include "lotus/task.h"
#include "worker/ops.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct slk_worker slk_worker;

/* Kinds of work that are done here; others are refused with a reason and never offered. */
extern const slk_lotus_task_set slk_worker_all_tasks;

/* Borrowed for the worker's life. */
typedef struct slk_worker_options {
    const char *folder; /* repository: calls.db, calls/, storage.json, worker-id; exists */
    const char *name; /* ends the texts of failures; printable */
    const slk_worker_ops *ops;
    slk_lotus_task_set tasks; /* offered at first */
    const char *node_url; /* "http://127.0.0.1:2345/rpc/v0" */
    const char *node_token;
    const char *node_ca_file; /* NULL: the system's */
    const char
        *node_pin; /* of the key of a node at an https URL (net/certificate.h); NULL or "" none */
    const char *listen; /* "127.0.0.1:3456" */
    /* To serve TLS; NULL: plain HTTP. A node of ours is told the pin of the key with our URLs. */
    const char *certificate_file, *key_file;
    const char *host; /* under which the node reaches us: "127.0.0.1", "[::1]" */
    const uint8_t *secret32; /* own tokens are signed with it */
    unsigned parallel_fetches; /* 0: 5 */
    bool no_swap; /* swap is not counted as memory */
    bool ignore_resources; /* start whatever comes at once */
    /* How long a node that has a copy which must go is waited for; 0: 60 000. */
    int64_t source_wait_ms;
    /* After a restart with calls in hand: from being connected to the first Return; 0: 12 000. */
    int64_t hold_ms;
    int64_t beat_ms; /* between looks at the node; 0: 10 000 */
    int64_t again_ms; /* before a result is returned again; 0: 5000 */
} slk_worker_options;

/* Opens what is on disk, listens, and greets the node: waits for it to answer as long as it takes.
 * stop(context) is asked meanwhile and ends the waiting (SLK_E_CANCELED). SLK_E_UNSUPPORTED: a node of
 * another version. */
SLK_MUST_CHECK slk_err slk_worker_start(slk_worker **ret_worker, const slk_worker_options *options,
                                        bool (*stop)(void *context), void *context,
                                        slk_error *error);
/* Waits until somebody calls Shutdown (true), or ms are over. */
bool slk_worker_wait_shut(slk_worker *worker, int64_t ms);
/* Ends all; work that is not done goes on at the next start. A node of ours is told when there is none (2 s
 * at most). NULL allowed. */
void slk_worker_stop(slk_worker *worker);

uint16_t slk_worker_port(const slk_worker *worker);
/* "http://127.0.0.1:3456/rpc/v0": what the node was told. */
const char *slk_worker_url(const slk_worker *worker);
/* Of the node: "f01000"; "" of one that seals for others and has no sectors yet. */
const char *slk_worker_miner(const slk_worker *worker);

#endif
