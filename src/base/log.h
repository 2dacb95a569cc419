/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The log of a program: one line per event, `time level event key=value…`.
 *
 * Libraries return errors, programs log them, each failure once, with its consequence.
 * Secrets never reach a log: callers pass none. Safe from many threads. */
#ifndef SLK_BASE_LOG_H
#define SLK_BASE_LOG_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum slk_log_level {
    SLK_LOG_DEBUG,
    SLK_LOG_INFO,
    SLK_LOG_WARN,
    SLK_LOG_ERROR,
} slk_log_level;

/* Called once by main before threads start; default is INFO to stderr. */
void slk_log_init(slk_log_level least, int fd);

/* At any time, from any thread. */
void slk_log_set_level(slk_log_level least);
slk_log_level slk_log_get_level(void);

/* "debug" …; false for any other word. */
const char *slk_log_level_name(slk_log_level level);
bool slk_log_level_read(slk_log_level *ret_level, const char *name);

/* From now on every line goes to the end of the file at path (0600) as well. A line that would make
 * it longer than max_bytes first moves it to <path>.1, that to <path>.2 and so on, of which the
 * last `kept` stay. Once more, also with the same path: opens anew. A file that cannot be written is
 * tried again with the next line; the log goes on without it. */
SLK_MUST_CHECK slk_err slk_log_open_file(const char *path, uint64_t max_bytes, unsigned kept,
                                         slk_error *error);
void slk_log_close_file(void); /* no file: nothing */

/* event is a dotted name ("task.done"); format gives "key=value key=\"two words\"", may be "".
 * Control characters become blanks, what is not UTF-8 becomes '?'. A value of others' words inside
 * quotes comes from slk_text_quotable. */
void slk_log(slk_log_level level, const char *event, const char *format, ...) SLK_PRINTF(3, 4);

#endif
