/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A node's own computations, done by a process that it starts: a crash, a kill or a computation that does
 * not end when it is canceled costs that process, never the node.
 *
 * The process gets its work through a pair of connected sockets (app/compute_wire.h): no address, no
 * token. It ends with the node, also by kill -9, and is started again when it ends by itself; what it had
 * under way is done again at once, from the files that it left. A task that was under way three times when
 * the process ended is SLK_E_INTERNAL with that reason. One that is canceled and does not end within
 * 5 s has the process killed, which counts against no task. Its log lines become lines of the node's. */
#ifndef SLK_APP_COMPUTE_H
#define SLK_APP_COMPUTE_H

#include "base/err.h"
#include "seal/ops.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct slk_compute slk_compute;

typedef struct slk_compute_options {
    const slk_seal_prover *prover; /* of this process; copied */
    const char *parameters_folder; /* copied, as is lock */
    const char *lock; /* file that at most one such process holds */
    unsigned threads; /* as in app/prover.h */
    bool development;
    int64_t cancel_ms; /* until a canceled task must have ended; 0: 5000 */
} slk_compute_options;

/* Starts the process, and does not wait for it. */
SLK_MUST_CHECK slk_err slk_compute_new(slk_compute **ret_compute,
                                       const slk_compute_options *options, slk_error *error);
/* Ends the process; no call in progress; NULL allowed. */
void slk_compute_free(slk_compute *compute);

/* The functions, which borrow compute: pc1, pc1_batch, pc2, c1, finalise, check_replica and c2 there, the
 * rest (what judges results, and what is cheap) here. Overhead of a task: below a millisecond, and up to
 * 50 ms until a cancel is passed on. */
void slk_compute_fill(slk_seal_prover *ret_ops, slk_compute *compute);

#endif
