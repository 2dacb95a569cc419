/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The request that asks for a WebSocket. source: RFC 6455 4.2 */
#ifndef SLK_NET_WS_HANDSHAKE_IMPL_H
#define SLK_NET_WS_HANDSHAKE_IMPL_H

#include "net/server.h"

#define WS_ACCEPT_CHARS 28u

/* What proves that the key was read: base64 of a SHA-1. */
SLK_MUST_CHECK slk_err slk_ws_accept_text(char out[WS_ACCEPT_CHARS + 1], const char *key,
                                          slk_error *error);

/* Whether the request is one: adds what the 101 must say, or answers 400 or 426. */
SLK_MUST_CHECK slk_err slk_ws_handshake(slk_http_exchange *exchange, bool *ret_good,
                                        slk_error *error);

#endif
