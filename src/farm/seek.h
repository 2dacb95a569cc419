/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Work that waits for a worker, and how it is given to the one that gets it: alone, or with others by one call.
 * What farm/work.h is made of.
 *
 *   waits ------> led --------> called       its watch is under way
 *     ^  granted    |           ended        it failed, or this node has done it
 *     |             '---------> (by whoever led)
 *     '--- slk_farm_seek_again
 *
 * Each is waited for by a thread of its own. Of those that were granted together the first thread that sees it
 * leads all of them: it takes the worker, calls it, and says of each what became of it. */
#ifndef SLK_FARM_SEEK_H
#define SLK_FARM_SEEK_H

#include "base/err.h"
#include "base/job.h"
#include "farm/farm_impl.h"
#include "farm/watch.h"
#include "farm/work.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum slk_farm_seeker_state {
    SLK_FARM_SEEKS,
    SLK_FARM_LED,
    SLK_FARM_CALLED,
    SLK_FARM_ENDED,
} slk_farm_seeker_state;

/* Guarded by the farm's lock while it waits; by whoever leads it while it is led; then its thread's own. */
struct slk_farm_seeker {
    const slk_farm_work *work; /* borrowed, as is job */
    slk_job *job;
    struct slk_farm_seeker *next; /* of the farm's */
    uint64_t request; /* in the scheduler */
    int64_t asked_ms, given_ms; /* monotonic */
    slk_farm_seeker_state state;
    slk_farm_worker *worker; /* that it was given to: taken */
    slk_farm_watch watch; /* called */
    slk_err code; /* ended */
    slk_error error;
};

/* Waits until the seeker is called or has ended. Else it is asked no more: SLK_E_CANCELED (the farm stops, too),
 * SLK_E_NOTFOUND it is hopeless. */
SLK_MUST_CHECK slk_err slk_farm_seek_wait(slk_farm *farm, slk_farm_seeker *seeker,
                                          slk_error *error);
/* The worker that it was given to failed with that code: it waits again for another one. False: there is none,
 * and it is asked no more. */
bool slk_farm_seek_again(slk_farm *farm, slk_farm_seeker *seeker, slk_err code);
/* It is asked no more, and what it was granted is free. */
void slk_farm_seek_end(slk_farm *farm, slk_farm_seeker *seeker);

#endif
