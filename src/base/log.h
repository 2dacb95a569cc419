/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The log of a program: one line per event, `time level event key=value…`.
 *
 * Libraries return errors, programs log them, each failure once, with its consequence.
 * Secrets never reach a log: callers pass none. Safe from many threads. */
#ifndef SLK_BASE_LOG_H
#define SLK_BASE_LOG_H

#include "base/err.h"

typedef enum slk_log_level {
    SLK_LOG_DEBUG,
    SLK_LOG_INFO,
    SLK_LOG_WARN,
    SLK_LOG_ERROR,
} slk_log_level;

/* Called once by main before threads start; default is INFO to stderr. */
void slk_log_init(slk_log_level least, int fd);

/* event is a dotted name ("task.done"); format gives "key=value key=\"two words\"", may be "". */
void slk_log(slk_log_level level, const char *event, const char *format, ...) SLK_PRINTF(3, 4);

#endif
