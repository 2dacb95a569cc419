/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The replica is checked while it arrives, on a thread of its own, so that checking and fetching
 * together take as long as the longer of the two.
 *
 * Only "it is right" counts, and only in this process: the verify step that follows then has nothing
 * left to do. All else (wrong, canceled, a fetch that began anew, a restart between the two steps) is as if nobody had looked,
 * and the verify step looks itself; so what is refused, and why, does not depend on this. */
#ifndef SLK_SEAL_ARRIVAL_H
#define SLK_SEAL_ARRIVAL_H

#include "base/gate.h"
#include "base/job.h"
#include "seal/ops.h"
#include "seal/seal.h"

#include <pthread.h>
#include <stdbool.h>

#define SLK_ARRIVALS 64u /* checked replicas that are remembered; older ones are checked again */

/* Remembered replicas; part of slk_seal, which guards it. */
typedef struct slk_arrivals {
    struct slk_arrived {
        uint64_t sp_id, number;
        uint8_t comm_r[32];
        bool valid;
    } list[SLK_ARRIVALS];
    size_t next;
} slk_arrivals;

typedef struct slk_arrival {
    slk_seal *seal;
    slk_seal_sector sector;
    slk_seal_commitments comm;
    uint8_t ticket[32];
    slk_seal_paths paths;
    slk_gate gate; /* for slk_seal_peer.fetch */
    slk_job job;
    pthread_t thread;
    bool runs;
    bool valid;
} slk_arrival;

/* Begins to wait for bytes. The texts of paths, and job, with which the check is canceled, live until
 * _end. A thread that cannot be started is no failure. */
void slk_arrival_begin(slk_arrival *arrival, slk_seal *seal, const slk_seal_sector *sector,
                       const slk_seal_commitments *comm, const uint8_t ticket[32],
                       const slk_seal_paths *paths, slk_job *job);
/* After the fetch: waits for the check to end, if all has arrived and job is not canceled, and
 * remembers a good outcome, unless the gate was broken: other bytes were checked then. */
void slk_arrival_end(slk_arrival *arrival, bool fetched);

/* Whether that replica was found right as it arrived; true once. */
bool slk_arrival_was_valid(slk_seal *seal, const slk_seal_sector *sector,
                           const slk_seal_commitments *comm);

#endif
