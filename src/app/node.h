/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A node put together: repository, database, proofs, chain, peers, and the heart they serve.
 *
 * `selkie run` opens it with the repository's lock and starts it; commands open it beside a running
 * node, without lock and without threads, and call seal/ directly on the same database. */
#ifndef SLK_APP_NODE_H
#define SLK_APP_NODE_H

#include "app/chain_ops.h"
#include "app/compute.h"
#include "app/farm_service.h"
#include "app/keeper.h"
#include "app/prover.h"
#include "app/repo.h"
#include "base/err.h"
#include "crypto/crypto.h"
#include "db/db.h"
#include "remote/peer.h"
#include "seal/seal.h"

#include <stdbool.h>

typedef struct slk_node {
    slk_repo repo;
    slk_crypto *crypto;
    slk_keeper keeper;
    slk_db *db;
    slk_prover *prover;
    slk_compute *compute; /* NULL: a tool, which computes by itself */
    slk_farm_service *farm; /* NULL: a tool, which computes by itself */
    slk_chain_ops *chain; /* NULL: no chain configured */
    slk_remote_peer *peer;
    slk_seal *seal;
    char *scratch_folder;
    char *storage_folder;
    bool provider;
    bool client;
} slk_node;

typedef struct slk_node_options {
    const char *folder;
    const char *config_file; /* NULL: the repository's own */
    const char *role; /* provider, client, both; NULL: the configured one */
    bool tool; /* a command: both roles, no lock, one thread */
    bool
        view; /* a tool that only reads: crypto, prover and peer are NULL, and of seal's operations only
                * those of the chain are there */
} slk_node_options;

/* The heart exists but is not started. */
SLK_MUST_CHECK slk_err slk_node_open(slk_node **ret_node, const slk_node_options *options,
                                     slk_error *error);
void slk_node_close(slk_node *node); /* stops first; NULL allowed */
void slk_node_closep(slk_node **node); /* for SLK_CLEANUP */

#endif
