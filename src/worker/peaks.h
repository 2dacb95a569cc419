/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What tasks were seen to take of memory, by kind and seal proof, since the worker started.
 *
 * A worker computes in its own process, so that only what ran alone in it from beginning to end is
 * measured: the most anonymous memory the process had, sampled every 50 ms, less what it had before.
 * What ran beside something else, or failed, tells nothing. Safe from many threads. */
#ifndef SLK_WORKER_PEAKS_H
#define SLK_WORKER_PEAKS_H

#include "base/err.h"
#include "lotus/task.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_worker_peaks slk_worker_peaks;

SLK_MUST_CHECK slk_err slk_worker_peaks_new(slk_worker_peaks **ret_peaks, slk_error *error);
void slk_worker_peaks_free(slk_worker_peaks *peaks); /* nothing runs; NULL allowed */

/* Something begins, or has ended: one _end for each _begin. kept: it was that kind of task, and went well,
 * of so many sectors together, from 1: each took an equal share. True: it
 * took more than was known. */
void slk_worker_peaks_begin(slk_worker_peaks *peaks);
bool slk_worker_peaks_end(slk_worker_peaks *peaks, bool kept, slk_lotus_task task, int64_t proof,
                          size_t sectors);

/* [{"Task":"seal/v0/precommit/1","Proof":5,"Bytes":…}]; NULL: out of memory. */
json_t *slk_worker_peaks_json(slk_worker_peaks *peaks);

#endif
