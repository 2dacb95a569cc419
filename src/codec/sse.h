/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Server-sent events, read as they come, in pieces of any size.
 *
 * Of the fields `event` and `data` count, others and comments are passed over. An event without data is
 * none. Confined to one thread. source: HTML Living Standard 9.2 (event streams) */
#ifndef SLK_CODEC_SSE_H
#define SLK_CODEC_SSE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_SSE_NAME_CHARS 32u /* of an event, with the final NUL */

/* name "" where the event has none; data: n bytes, its lines joined by LF, and a final NUL. Both live for
 * the call. A failure ends the reading with it. */
typedef slk_err slk_sse_event(void *context, const char *name, const char *data, size_t n,
                              slk_error *error);

typedef struct slk_sse {
    slk_sse_event *event;
    void *context;
    slk_buf line; /* begun */
    slk_buf data;
    char name[SLK_SSE_NAME_CHARS];
    bool has_data;
    bool begun; /* the first line is over, which may have a byte order mark */
    bool after_cr; /* a LF that comes next belongs to the line end before it */
} slk_sse;

/* max_bytes: of a line, and of an event's data. */
void slk_sse_init(slk_sse *sse, size_t max_bytes, slk_sse_event *event, void *context);
void slk_sse_done(
    slk_sse *sse); /* idempotent; zeroed allowed. An event that is not complete is none. */
/* SLK_E_LIMIT: a line, an event's data or name is too long; SLK_E_NOMEM; the event's own failure. After a
 * failure only _done. */
SLK_MUST_CHECK slk_err slk_sse_take(slk_sse *sse, const uint8_t *bytes, size_t n, slk_error *error);

#endif
