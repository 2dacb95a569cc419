/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls to the other end of a remote-seal relation, in both directions: the functions of
 * slk_seal_peer over HTTP.
 *
 * The token goes into the Authorization header, and into the body where the wire has it there.
 * Downloads try the header alone first and put the token into the query only when the peer answers
 * 401 to that, as the reference provider does. Everything a peer sends is bounded and checked for
 * form; whether it is true is for the caller to find out.
 * source: reference/remote-seal-wire, client and provider behaviour. */
#ifndef SLK_REMOTE_PEER_H
#define SLK_REMOTE_PEER_H

#include "base/err.h"
#include "crypto/crypto.h"
#include "seal/ops.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest C1 accepted; 32 GiB sectors need 50 to 128 MiB. */
#define SLK_REMOTE_C1_MAX_BYTES ((uint64_t)256 << 20)

typedef struct slk_remote_peer slk_remote_peer;

typedef struct slk_remote_peer_options {
    const char *ca_file; /* PEM certificates trusted instead of the system's; NULL the system's */
    bool allow_plain_http; /* http:// to hosts other than 127.0.0.1, [::1] and localhost */
    bool allow_private; /* also addresses that are not of the public internet */
    unsigned connections; /* per download; 0 means 4 */
    const slk_crypto
        *crypto; /* borrowed; hashes what is downloaded. NULL: no manifest is asked for */
} slk_remote_peer_options;

SLK_MUST_CHECK slk_err slk_remote_peer_new(slk_remote_peer **ret_peer,
                                           const slk_remote_peer_options *options,
                                           slk_error *error);
void slk_remote_peer_free(slk_remote_peer *peer); /* no call in progress; NULL allowed */

/* Calls to peers so far, downloads included. */
typedef struct slk_remote_peer_totals {
    uint64_t calls;
    uint64_t failed; /* without a whole answer */
    uint64_t received_bytes;
} slk_remote_peer_totals;
slk_remote_peer_totals slk_remote_peer_get_totals(const slk_remote_peer *peer);

/* Fills ops->peer's functions; they borrow peer. Safe from many threads. */
void slk_remote_peer_ops(slk_seal_peer *ret_ops, slk_remote_peer *peer);

/* Who are we to that provider: for `selkie provider add`. *ret_authorized false: it does not know
 * the token. name: at least SLK_SEAL_REASON_CHARS, what the provider calls us. */
SLK_MUST_CHECK slk_err slk_remote_peer_authorize(slk_remote_peer *peer, bool *ret_authorized,
                                                 char *name, int64_t *ret_allowance,
                                                 const slk_seal_remote *to, slk_error *error);

/* The seal proofs that provider offers: *ret_n of them, at most max. */
SLK_MUST_CHECK slk_err slk_remote_peer_capabilities(slk_remote_peer *peer, int64_t *ret_proofs,
                                                    size_t *ret_n, size_t max, const char *url,
                                                    slk_error *error);

/* What came of a call back to a client: step and reason as in slk_wire_called. */
typedef struct slk_remote_called {
    bool reached;
    char url[513];
    char step[17];
    char reason[SLK_SEAL_REASON_CHARS];
} slk_remote_called;

/* Has the provider bring nonce to the address it has of us; takes at most half a minute. *ret_tried false:
 * it cannot be asked to. */
SLK_MUST_CHECK slk_err slk_remote_peer_call_back(slk_remote_peer *peer, bool *ret_tried,
                                                 slk_remote_called *ret_called,
                                                 const slk_seal_remote *to, const char *nonce,
                                                 slk_error *error);
/* Brings nonce to the client at url. What fails is the answer: reached false, and no more of why than the
 * client may know. */
void slk_remote_peer_bring_nonce(slk_remote_peer *peer, slk_remote_called *ret_called,
                                 const char *url, const char *nonce);

/* Does that provider list the proof among its capabilities? */
SLK_MUST_CHECK slk_err slk_remote_peer_supports(slk_remote_peer *peer, bool *ret_supported,
                                                const char *url, int64_t seal_proof,
                                                slk_error *error);

#endif
