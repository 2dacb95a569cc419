/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* WebSocket, server side, on connections of an slk_http_server, TLS or not. source: RFC 6455
 *
 * A hub holds any number of connections and one thread that reads them all, so that an idle
 * connection costs no thread (over TLS it keeps the one it has). Version 13, no extensions; a
 * subprotocol that is asked for is taken. Messages may come in fragments; they are bounded, and
 * gathered in memory up to 1 MiB and in a file without a name above. Text must be UTF-8.
 * An empty Ping goes out every ping_ms; a peer of which nothing came for silence_ms, or which took
 * nothing of what is queued for it, is dropped. */
#ifndef SLK_NET_WEBSOCKET_H
#define SLK_NET_WEBSOCKET_H

#include "base/err.h"
#include "net/server.h"
#include "net/spool.h"

#include <stddef.h>
#include <stdint.h>

typedef struct slk_ws_hub slk_ws_hub;
typedef struct slk_ws slk_ws; /* one connection; counted */

/* Called by one thread at a time, mostly the hub's: none may wait. */
typedef struct slk_ws_events {
    /* A whole message, text or binary; it lives until this returns, or is taken by slk_spool_move. */
    void (*message)(void *owner, slk_ws *ws, slk_spool *message);
    /* The connection is over, for whatever reason; the last call for it, and before
     * slk_http_server_free of its server returns. */
    void (*closed)(void *owner, slk_ws *ws);
} slk_ws_events;

typedef struct slk_ws_options {
    size_t max_message_bytes; /* 0: 1 MiB */
    size_t max_queued_bytes; /* not yet taken by the peer; 0: 64 MiB */
    const char *spool_folder; /* for big messages; NULL: all in memory */
    int64_t ping_ms; /* 0: 5000 */
    int64_t silence_ms; /* 0: 30 000 */
} slk_ws_options;

SLK_MUST_CHECK slk_err slk_ws_hub_new(slk_ws_hub **ret_hub, const slk_ws_options *options,
                                      const slk_ws_events *events, slk_error *error);
/* After slk_http_server_free of the server whose connections it has (which closes them), and when
 * nobody holds one any more. NULL allowed. */
void slk_ws_hub_free(slk_ws_hub *hub);

/* In a handler of a GET route: makes the connection one of the hub, or answers 400 or 426 when no
 * proper WebSocket was asked for. owner goes to the events: `closed` is called exactly once for it if
 * *ret_ws is set. The connection is held by then: slk_ws_drop. max_message_bytes: of this one, if it is
 * less than the hub's, and 16 such are queued for it at most; 0 the hub's. */
SLK_MUST_CHECK slk_err slk_ws_accept(slk_ws_hub *hub, slk_http_exchange *exchange, void *owner,
                                     size_t max_message_bytes, slk_ws **ret_ws, slk_error *error);

/* Keeps ws alive (not open) until slk_ws_drop. */
slk_ws *slk_ws_hold(slk_ws *ws);
void slk_ws_drop(slk_ws *ws);

/* Sends one text message, from any thread; copied. SLK_E_UNREACHABLE when it is closed, SLK_E_LIMIT
 * when the peer does not take what is queued: it is closed then. */
SLK_MUST_CHECK slk_err slk_ws_send(slk_ws *ws, const char *text, size_t n, slk_error *error);
/* Closes it with this status (1000 …), from any thread; what is queued goes first, for a second. */
void slk_ws_close(slk_ws *ws, unsigned status);

#endif
