/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The calls a worker has taken, on disk from before it answers with their id until their result has
 * reached the node: kill -9 at any moment loses neither a call nor a result.
 *
 *   taken --------> done --------> (gone)
 *     run to its end   its Return was accepted
 *
 * A call that was taken and has not ended runs again after a restart, under the same id.
 *
 * Kept in `calls.db` of a folder; parameters and results too large for a row are files in `calls/`
 * beside it: <uuid>.in, <uuid>.out, which live as long as the row. Files without a row are removed at
 * the next start. Safe from many threads. */
#ifndef SLK_WORKER_JOURNAL_H
#define SLK_WORKER_JOURNAL_H

#include "base/err.h"
#include "lotus/types.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_WORKER_METHOD_CHARS 32u

/* How a call ended. */
typedef struct slk_worker_outcome {
    json_t *result; /* NULL: none */
    bool result_file; /* the result is the contents of the .out file, as base64 */
    slk_lotus_fault fault;
} slk_worker_outcome;

/* One call. Owned by who holds it; slk_worker_call_free. */
typedef struct slk_worker_call {
    slk_lotus_call_id id;
    char method[SLK_WORKER_METHOD_CHARS]; /* "SealPreCommit1" */
    char batch[SLK_UUID_CHARS]; /* calls with the same run together; "" alone */
    json_t *params; /* array, as it came; what lies in the .in file is null in it */
    int64_t proof; /* of the sector in params, for what the call needs; 0 without one. Not stored */
    bool restarted; /* it comes from before this process: of _load */
    bool repeatable; /* false: its data came by a stream that cannot come again */
    int64_t taken_ms; /* wall clock */
    bool done;
    slk_worker_outcome outcome; /* when done */
} slk_worker_call;

slk_worker_call *slk_worker_call_new(void) SLK_MUST_CHECK; /* zeroed; NULL out of memory */
void slk_worker_call_free(slk_worker_call *call); /* NULL allowed */

typedef struct slk_worker_journal slk_worker_journal;

/* Opens or makes what is needed in the folder, which exists. */
SLK_MUST_CHECK slk_err slk_worker_journal_open(slk_worker_journal **ret_journal, const char *folder,
                                               slk_error *error);
void slk_worker_journal_close(slk_worker_journal *journal); /* NULL allowed */

/* On disk when it returns. All of a list or none. */
SLK_MUST_CHECK slk_err slk_worker_journal_take(slk_worker_journal *journal,
                                               slk_worker_call *const *calls, size_t n,
                                               slk_error *error);
/* Its outcome, which the caller has put into call; the .out file, if any, is fsynced here. On disk when
 * it returns. */
SLK_MUST_CHECK slk_err slk_worker_journal_end(slk_worker_journal *journal,
                                              const slk_worker_call *call, slk_error *error);
/* The Return was accepted: row and files are dropped. Absent is fine. */
SLK_MUST_CHECK slk_err slk_worker_journal_drop(slk_worker_journal *journal, const char *uuid,
                                               slk_error *error);

/* Of a call that was not taken. Absent is fine. */
SLK_MUST_CHECK slk_err slk_worker_journal_drop_files(slk_worker_journal *journal, const char *uuid,
                                                     slk_error *error);

/* All calls there were when it was opened, oldest first, given to take, which owns each then. What has
 * been taken since is not among them: a worker serves while it waits for its node. A row that cannot be read is
 * SLK_E_CORRUPT and names the call. */
typedef slk_err slk_worker_journal_each(void *context, slk_worker_call *call, slk_error *error);
SLK_MUST_CHECK slk_err slk_worker_journal_load(slk_worker_journal *journal,
                                               slk_worker_journal_each *take, void *context,
                                               slk_error *error);

/* Heap; NULL when out of memory. */
char *slk_worker_journal_in(const slk_worker_journal *journal, const char *uuid) SLK_MUST_CHECK;
char *slk_worker_journal_out(const slk_worker_journal *journal, const char *uuid) SLK_MUST_CHECK;

#endif
