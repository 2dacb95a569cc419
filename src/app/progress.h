/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Watches one slk_job from a thread of its own: shows stage, share, rate and time left on standard
 * error once it takes longer than two seconds, and samples memory and time for the summary.
 *
 * On a terminal one line is rewritten twice a second; elsewhere a line every ten seconds. Between
 * start and stop SIGINT and SIGTERM cancel the job instead of ending the process, so that no
 * half-made file is left. At most one at a time per process. */
#ifndef SLK_APP_PROGRESS_H
#define SLK_APP_PROGRESS_H

#include "base/err.h"
#include "base/job.h"

#include <stdint.h>

typedef struct slk_progress slk_progress;

typedef struct slk_progress_summary {
    double seconds; /* wall time between start and stop */
    uint64_t peak_anon_bytes; /* highest sample of anonymous memory, every 50 ms */
} slk_progress_summary;

/* job is borrowed until _stop. quiet shows nothing and only measures. */
SLK_MUST_CHECK slk_err slk_progress_start(slk_progress **ret_progress, slk_job *job, bool quiet,
                                          slk_error *error);
/* Ends the thread, clears the line, frees. progress may be NULL: an all-zero summary. */
slk_progress_summary slk_progress_stop(slk_progress *progress);

#endif
