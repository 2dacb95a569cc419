/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The calls this node has under way at its workers, on disk: a worker's hours of work survive a restart
 * of the node, and a result that came is used however late it is asked for.
 *
 *   starting ---------> running ---------> done
 *     the worker gave     its Return came    (result, or fault)
 *     the call an id
 *
 * One row per sector, task and key: the key tells calls apart whose parameters differ (of PC1 it is the
 * ticket). Rows stay until they are dropped; those of a node are its own, whoever else shares the
 * database. What a worker returns for a call that has no row is kept while a call of that sector is starting
 * (the answer with the id is on its way), the last SLK_FARM_EARLY_MAX of them; for nobody, it is not.
 *
 * A result larger than a row is a file of the results folder, <uuid>.result, mode 0600, which lives as
 * long as the row. Safe from many threads. */
#ifndef SLK_FARM_CALLS_H
#define SLK_FARM_CALLS_H

#include "base/err.h"
#include "db/db.h"
#include "lotus/task.h"
#include "lotus/types.h"
#include "lotus/worker_info.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SLK_FARM_KEY_CHARS 160u
#define SLK_FARM_EARLY_MAX 256
#define SLK_FARM_RESULT_MAX_BYTES ((size_t)1 << 20) /* of JSON, in a row */

typedef struct slk_farm_calls slk_farm_calls;

typedef enum slk_farm_call_state {
    SLK_FARM_CALL_STARTING,
    SLK_FARM_CALL_RUNNING,
    SLK_FARM_CALL_DONE,
} slk_farm_call_state;

/* How a call ended. */
typedef struct slk_farm_outcome {
    json_t *result; /* what the Return carried; NULL none, or it is in the file */
    bool result_file;
    slk_lotus_fault fault;
} slk_farm_outcome;
void slk_farm_outcome_done(slk_farm_outcome *outcome); /* idempotent, {0} allowed */

typedef struct slk_farm_call {
    int64_t id; /* of the row */
    slk_lotus_call_id call; /* uuid "" while it starts */
    slk_lotus_task task;
    char key[SLK_FARM_KEY_CHARS];
    char session[SLK_UUID_CHARS]; /* of the worker */
    char hostname[SLK_LOTUS_HOSTNAME_CHARS];
    /* By what it is known again under another session: the id in the folder of one of ours, of another one a
     * storage path of its; "" it had none. */
    char identity[SLK_UUID_CHARS];
    char batch[SLK_UUID_CHARS]; /* of those given to the worker by one call; "" it alone */
    slk_farm_call_state state;
    int64_t created_ms, ended_ms;
    slk_farm_outcome outcome; /* when done */
} slk_farm_call;
void slk_farm_call_done(slk_farm_call *call); /* idempotent, {0} allowed */

/* db (which has the seal's tables) and node_name are borrowed. folder: of results, made 0700. Rows that
 * had no id yet when this node ended are dropped, as are what was early for them and files without a row. */
SLK_MUST_CHECK slk_err slk_farm_calls_new(slk_farm_calls **ret_calls, slk_db *db,
                                          const char *node_name, const char *folder,
                                          slk_error *error);
void slk_farm_calls_free(slk_farm_calls *calls); /* NULL allowed */

/* The newest row of that sector and task, with that key (NULL: with any). SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_farm_calls_find(slk_farm_call *ret_call, slk_farm_calls *calls,
                                           const slk_lotus_sector *sector, slk_lotus_task task,
                                           const char *key, slk_error *error);
SLK_MUST_CHECK slk_err slk_farm_calls_get(slk_farm_call *ret_call, slk_farm_calls *calls,
                                          int64_t id, slk_error *error);

/* A new row, before the worker is called: of the call's sector, task, key, worker and batch. Sets its id. */
SLK_MUST_CHECK slk_err slk_farm_calls_begin(slk_farm_call *call, slk_farm_calls *calls,
                                            slk_error *error);
/* The id that the worker gave it. Its outcome may be here already: *ret_done. */
SLK_MUST_CHECK slk_err slk_farm_calls_named(bool *ret_done, slk_farm_calls *calls, int64_t id,
                                            const char *uuid, slk_error *error);
/* Whether a Return for that call would be kept: its row is running, or it may be early. */
SLK_MUST_CHECK slk_err slk_farm_calls_wants(bool *ret_wants, slk_farm_calls *calls,
                                            const slk_lotus_call_id *call, slk_error *error);
/* A Return. *ret_known: there was a row for it. A repeated one changes nothing and is fine; the file of one that
 * is nobody's goes. */
SLK_MUST_CHECK slk_err slk_farm_calls_returned(bool *ret_known, slk_farm_calls *calls,
                                               const slk_lotus_call_id *call,
                                               const slk_farm_outcome *outcome, slk_error *error);

/* Row and file go; none is fine. */
SLK_MUST_CHECK slk_err slk_farm_calls_drop(slk_farm_calls *calls, int64_t id, slk_error *error);
SLK_MUST_CHECK slk_err slk_farm_calls_drop_sector(slk_farm_calls *calls,
                                                  const slk_lotus_sector *sector, slk_error *error);

/* Where the result file of a call is or is to be put; heap, NULL out of memory. */
char *slk_farm_calls_file(const slk_farm_calls *calls, const char *uuid) SLK_MUST_CHECK;

/* All rows that are no longer starting, oldest first, at most max, outcomes apart: *ret_list heap
 * (slk_free). */
SLK_MUST_CHECK slk_err slk_farm_calls_list(slk_farm_call **ret_list, size_t *ret_n,
                                           slk_farm_calls *calls, size_t max, slk_error *error);

/* Whether a call that a worker has in hand is nobody's: of a sector that is known here, with no row, whichever
 * node's of this database, and none of that sector is starting, whose id that might be. */
SLK_MUST_CHECK slk_err slk_farm_calls_is_orphan(bool *ret_is, slk_farm_calls *calls,
                                                const slk_lotus_call_id *call, slk_error *error);

/* Sectors with rows that the provider side has no more, or has cleaned up or finalized: nobody asks for
 * their results again. At most max into ret_sectors. */
SLK_MUST_CHECK slk_err slk_farm_calls_over(slk_lotus_sector *ret_sectors, size_t *ret_n, size_t max,
                                           slk_farm_calls *calls, slk_error *error);

#endif
