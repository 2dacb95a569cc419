/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The process that computes for a node: does what it is told over a socket (app/compute_wire.h), each
 * task in a thread of its own, until the other end is closed, and ends then at once, whatever runs:
 * files are made so that a killed run can be gone on with. */
#ifndef SLK_APP_COMPUTE_SERVE_H
#define SLK_APP_COMPUTE_SERVE_H

#include "base/err.h"
#include "seal/ops.h"

#include <jansson.h>

/* The first word of its command line, which has the number of its socket's descriptor as the second. */
#define SLK_COMPUTE_WORD "compute-for-a-node"

/* Serves fd with these functions; the "start" message was read before. Never returns. */
_Noreturn void slk_compute_serve(int fd, const slk_seal_prover *prover);

/* The whole process: reads "start", makes a prover of the proofs and serves. Never returns. */
_Noreturn void slk_compute_main(const char *descriptor);

/* Does one task and fills its answer: what "end" carries besides code and why. lane_ended is told of
 * pc1's sectors. */
typedef struct slk_compute_task {
    const slk_seal_prover *prover;
    const json_t *request;
    slk_job *jobs; /* one for each lane */
    size_t n;
    slk_gate *gate;
    slk_seal_lane_ended *lane_ended;
    void *context;
    json_t *answer; /* object */
} slk_compute_task;
SLK_MUST_CHECK slk_err slk_compute_do(slk_compute_task *task, slk_error *error);

#endif
