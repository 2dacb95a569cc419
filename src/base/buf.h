/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A growable byte buffer that cannot be made without a maximum.
 *
 * data[len] is always 0, so text in it can be read as a C string. Confined to one thread. */
#ifndef SLK_BASE_BUF_H
#define SLK_BASE_BUF_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct slk_buf {
    uint8_t *data; /* NULL until the first byte */
    size_t len;
    size_t capacity; /* bytes allocated less one for the final 0 */
    size_t max;
} slk_buf;

void slk_buf_init(slk_buf *buf, size_t max_bytes);
void slk_buf_done(slk_buf *buf); /* idempotent; usable with SLK_CLEANUP */
void slk_buf_reset(slk_buf *buf); /* len = 0, keeps the memory */

/* SLK_E_LIMIT past max, SLK_E_NOMEM; the buffer is unchanged then. */
SLK_MUST_CHECK slk_err slk_buf_reserve(slk_buf *buf, size_t more);
SLK_MUST_CHECK slk_err slk_buf_append(slk_buf *buf, const void *bytes, size_t n);
SLK_MUST_CHECK slk_err slk_buf_byte(slk_buf *buf, uint8_t byte);
SLK_MUST_CHECK slk_err slk_buf_text(slk_buf *buf, const char *text);
SLK_MUST_CHECK slk_err slk_buf_printf(slk_buf *buf, const char *format, ...) SLK_PRINTF(2, 3);

/* The contents as a C string, "" when empty. Valid until the next change. */
const char *slk_buf_str(const slk_buf *buf);

/* Hands the memory to the caller (slk_free), leaving buf empty. "" when it was empty; NULL when
 * out of memory. */
char *slk_buf_take(slk_buf *buf) SLK_MUST_CHECK;

#endif
