/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The endpoints a provider serves: capabilities, authorize, available, order, status, sealed-data,
 * cache-data, commit1, finalize, cleanup; and what the reference does not know: sealed-manifest,
 * cancel, renew, call-back, and progress, lease and reason in status.
 *
 * The token is taken from the body's partner_token, else `Authorization: Bearer`, else the query's
 * token. 401 where no partner has it, except authorize, which answers {"authorized":false}; 429
 * for who comes too often (remote/turnstile.h). A sector of another partner looks like one that
 * does not exist. Refusals are plain text, or JSON for who accepts it.
 * source: reference/remote-seal-wire, "Served by the provider" */
#ifndef SLK_REMOTE_PROVIDER_API_H
#define SLK_REMOTE_PROVIDER_API_H

#include "base/err.h"
#include "crypto/crypto.h"
#include "base/tally.h"
#include "net/server.h"
#include "remote/peer.h"
#include "remote/relay.h"
#include "seal/seal.h"

#include <stddef.h>

#define SLK_REMOTE_PROVIDER_ROUTES 14u

typedef struct slk_remote_provider slk_remote_provider;

/* All borrowed; they outlive it. */
typedef struct slk_remote_provider_options {
    slk_seal *seal; /* what is served lies there; the proofs offered are its options' */
    const slk_crypto *crypto;
    slk_relay *relay; /* for sectors whose files are with another node; NULL: they are SLK_E_BUSY,
                       * as they are where that node cannot be reached */
    slk_remote_peer *peer; /* calls partners back; NULL: nobody is called back */
} slk_remote_provider_options;

SLK_MUST_CHECK slk_err slk_remote_provider_new(slk_remote_provider **ret_provider,
                                               const slk_remote_provider_options *options,
                                               slk_error *error);
void slk_remote_provider_free(slk_remote_provider *provider); /* server gone; NULL allowed */
/* Ends a C1 that is being computed, and all later ones: before the server is freed. NULL allowed. */
void slk_remote_provider_cancel(slk_remote_provider *provider);

/* What was answered so far, beside what the server counts of its routes. */
typedef struct slk_remote_provider_counts {
    slk_counter accepted; /* orders, repeated ones too */
    slk_counter refused;
    slk_counter slots;
    slk_counter relayed; /* questions answered by the node that has the files */
    slk_histogram commit1_us; /* C1s, kept ones too */
} slk_remote_provider_counts;
const slk_remote_provider_counts *
slk_remote_provider_get_counts(const slk_remote_provider *provider);

/* The routes with their context, for slk_http_server_options. */
void slk_remote_provider_routes(slk_http_route out[SLK_REMOTE_PROVIDER_ROUTES],
                                slk_remote_provider *provider);

#endif
