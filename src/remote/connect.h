/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The connect string: what a provider hands to a partner, base URL and token in one word.
 * Standard base64 of {"url":"https://host[:port]","token":"<64 hex>"}. It is a secret.
 * source: reference/remote-seal-wire, general rules. */
#ifndef SLK_REMOTE_CONNECT_H
#define SLK_REMOTE_CONNECT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define SLK_CONNECT_URL_CHARS 256u
#define SLK_CONNECT_TEXT_MAX 1024u

typedef struct slk_connect {
    char url[SLK_CONNECT_URL_CHARS + 1]; /* without a slash at the end */
    char token[65]; /* lower-case hex */
} slk_connect;

/* A base URL we can call: http or https, a host, optionally a port and a path, nothing else (no
 * user, query or fragment), at most SLK_CONNECT_URL_CHARS. SLK_E_INVAL says what is wrong. */
SLK_MUST_CHECK slk_err slk_connect_check_url(const char *url, slk_error *error);

/* Whether both name the same place: scheme and host without case, default ports, final slash. */
bool slk_connect_same_url(const char *a, const char *b);

SLK_MUST_CHECK slk_err slk_connect_print(slk_buf *out, const slk_connect *connect);

/* White space around it is ignored. SLK_E_INVAL: no base64, no JSON, url or token missing or
 * malformed, or the URL is one of own_urls (NULL entries skipped): this very node. Messages never
 * hold the token. */
SLK_MUST_CHECK slk_err slk_connect_read(slk_connect *ret_connect, const char *text,
                                        const char *const *own_urls, size_t n_own_urls,
                                        slk_error *error);

#endif
