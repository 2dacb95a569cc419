/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where a Lotus node is: `TOKEN:ADDRESS`, several separated by commas. source: reference/chain 3.1
 *
 * ADDRESS is a multiaddr (/ip4|ip6|dns|dns4|dns6/<host>/tcp/<port>[/http|https|ws|wss|tls…]) or a
 * URL (http, https, ws, wss). Web socket forms name the same port and path over HTTP. A leading
 * "FULLNODE_API_INFO=" is taken off an entry. */
#ifndef SLK_CODEC_APIINFO_H
#define SLK_CODEC_APIINFO_H

#include "base/err.h"

#include <stddef.h>

/* Heap strings owned by the struct. */
typedef struct slk_apiinfo {
    char *token; /* "" when there is none. Secret. */
    char *url; /* "http://127.0.0.1:1234", no slash at the end; append "/rpc/v1" */
} slk_apiinfo;

/* One entry of n characters. SLK_E_INVAL says what is wrong without repeating the token. */
SLK_MUST_CHECK slk_err slk_apiinfo_parse(slk_apiinfo *ret_info, const char *text, size_t n,
                                         slk_error *error);
void slk_apiinfo_done(slk_apiinfo *info); /* wipes the token; idempotent on a zeroed struct */

/* Comma separated entries, 1..max of them into ret_infos. On failure none is left to release. */
SLK_MUST_CHECK slk_err slk_apiinfo_parse_list(slk_apiinfo *ret_infos, size_t max, size_t *ret_n,
                                              const char *text, slk_error *error);

#endif
