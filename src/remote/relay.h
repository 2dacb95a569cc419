/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Passes a peer's question on to the node that has the sector's files, and that node's answer back.
 *
 * The question goes on with the peer's own token, in the Authorization header, over TLS to a server
 * that must have the key its node noted (or, where it noted none, a trusted certificate): nothing of it
 * is stored, and the other node judges the token again. Plain http goes to this machine alone, unless
 * it was allowed. A question that was passed on carries a mark and is never passed on again, so that
 * nodes that do not know of each other's files cannot send it round.
 *
 * The answer is as the other node gives it: status, body, Content-Type, Content-Length, ETag,
 * Content-Range, Accept-Ranges, Retry-After, WWW-Authenticate. While it is being sent a relay takes
 * 256 KiB and a thread; it ends when no byte moves for a minute (20 minutes where the other node has to
 * make the answer first), when the peer goes away, and by _cancel. */
#ifndef SLK_REMOTE_RELAY_H
#define SLK_REMOTE_RELAY_H

#include "base/err.h"
#include "net/server.h"
#include "seal/member.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct slk_relay slk_relay;

typedef struct slk_relay_options {
    const char *node_name; /* the mark says who passes on; copied */
    const char *ca_file; /* PEM, for nodes that noted no key; NULL the system's */
    bool allow_plain_http;
} slk_relay_options;

SLK_MUST_CHECK slk_err slk_relay_new(slk_relay **ret_relay, const slk_relay_options *options,
                                     slk_error *error);
void slk_relay_free(slk_relay *relay); /* server gone; NULL allowed */
/* Ends what is being passed on, and all later ones: before the server is freed. NULL allowed. */
void slk_relay_cancel(slk_relay *relay);

/* Whether another node has passed this question on. */
bool slk_relay_is_marked(const slk_http_exchange *exchange);

typedef struct slk_relay_question {
    const char *path; /* in place of the one that was asked for, whose query may hold the token */
    const char *token;
    bool is_made_first; /* the answer is computed: its first byte may take minutes */
} slk_relay_question;

/* Answers with what the first of the nodes that can be reached answers to the same question; method
 * and body are the exchange's. Blocks until the answer begins. SLK_E_BUSY when none can be reached. */
SLK_MUST_CHECK slk_err slk_relay_pass(slk_relay *relay, slk_http_exchange *exchange,
                                      const slk_relay_question *question,
                                      const slk_member_address *nodes, size_t n_nodes,
                                      slk_error *error);

#endif
