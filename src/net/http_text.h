/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The small grammars of HTTP header values that client and server need. Pure functions. */
#ifndef SLK_NET_HTTP_TEXT_H
#define SLK_NET_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Content-Range of a 206 (`bytes 0-9/100`) or of a 416 (`bytes *` `/100`). False for anything else,
 * also for an unknown total and for first > last or last >= total. */
typedef struct slk_content_range {
    bool unsatisfied;
    uint64_t first, last, total;
} slk_content_range;
bool slk_content_range_parse(slk_content_range *ret_range, const char *value);

/* What a Range header asks of a body of `total` bytes. NULL header: WHOLE. Several ranges, other
 * units and malformed text are WHOLE too, as RFC 9110 14.2 allows. */
typedef enum slk_range_kind {
    SLK_RANGE_WHOLE,
    SLK_RANGE_PART, /* first and last are set, inclusive, below total */
    SLK_RANGE_UNSATISFIABLE,
} slk_range_kind;
slk_range_kind slk_range_parse(uint64_t *ret_first, uint64_t *ret_last, const char *header,
                               uint64_t total);

/* Copies at most out_n - 1 bytes of in, with a '.' for what is not printable ASCII and without
 * space at the end; stops at in_n. For showing a peer's text to people. */
void slk_printable(char *out, size_t out_n, const char *in, size_t in_n);

/* Percent-decodes n bytes of in into out (n + 1 bytes). False for broken escapes and a NUL. */
bool slk_percent_decode(char *out, const char *in, size_t n);

/* Whether text is a non-empty HTTP token (RFC 9110 5.6.2). */
bool slk_is_token(const char *text);

#endif
