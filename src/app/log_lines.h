/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lines of a log file (base/log.h): picked by level, event and sector, the last ones or as they
 * come. */
#ifndef SLK_APP_LOG_LINES_H
#define SLK_APP_LOG_LINES_H

#include "base/err.h"
#include "base/log.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_LOG_TAIL_MAX 100000u /* lines */

typedef struct slk_log_filter {
    slk_log_level least;
    const char *event; /* beginning of the event's name; NULL any */
    const char *sector; /* value of sector=; NULL any */
} slk_log_filter;

/* Takes one line, without its end. A failure ends the reading with that error. */
typedef slk_err slk_log_take(void *context, const char *line, slk_error *error);

/* Whether the line passes. A line that is none of ours passes when nothing is asked for. */
bool slk_log_line_passes(const char *line, const slk_log_filter *filter);

/* {"at","level","event", and every key=value as "key":"value"}; of a line that is none of ours
 * {"text"}. New reference; NULL when out of memory. */
json_t *slk_log_line_json(const char *line) SLK_MUST_CHECK;

/* The last lines that pass, at most `most` (up to SLK_LOG_TAIL_MAX), of <path>.1 and path, oldest
 * first; *ret_end is where path ended. Reads both files once. Absent files are empty. */
SLK_MUST_CHECK slk_err slk_log_tail(const char *path, const slk_log_filter *filter, size_t most,
                                    slk_log_take *take, void *context, uint64_t *ret_end,
                                    slk_error *error);

/* The whole lines that pass of path from *at on, which moves past them. When path has become shorter
 * than *at, a new file took its place: the rest of <path>.1 comes first, then path from its start. */
SLK_MUST_CHECK slk_err slk_log_follow(const char *path, const slk_log_filter *filter, uint64_t *at,
                                      slk_log_take *take, void *context, slk_error *error);

#endif
