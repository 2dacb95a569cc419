/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the peer client share. */
#ifndef SLK_REMOTE_PEER_IMPL_H
#define SLK_REMOTE_PEER_IMPL_H

#include "net/client.h"
#include "remote/peer.h"
#include "remote/wire.h"

#define SLK_PEER_QUICK_MS 10000 /* source: reference/remote-seal-wire, `available` */

/* A message and what is to come back; answer NULL: an empty body. */
struct slk_peer_exchange {
    const char *name; /* of the endpoint */
    const slk_wire_type *request_type;
    const void *request; /* NULL: GET */
    const slk_wire_type *answer_type;
    void *answer;
    int64_t timeout_ms; /* 0: half a minute */
    slk_http_failure *failure; /* NULL allowed */
};

/* Calls the endpoint of the peer at base; failures as seal/ops.h has them. token NULL: none. */
SLK_MUST_CHECK slk_err slk_peer_call(slk_remote_peer *peer, const char *base, const char *token,
                                     const struct slk_peer_exchange *exchange, slk_error *error);
/* Whether that address may be called at all. */
SLK_MUST_CHECK slk_err slk_peer_check_url(const slk_remote_peer *peer, const char *base,
                                          slk_error *error);
SLK_MUST_CHECK slk_err slk_peer_capabilities(slk_remote_peer *peer, slk_wire_capabilities *ret,
                                             const char *url, slk_error *error);
/* Reasons come from outside and end in logs and on terminals: printable ASCII only, no token. */
void slk_peer_copy_printable(char *out, size_t size, const char *text);

#endif
