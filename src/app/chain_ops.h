/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The chain as seal/ops.h wants it, over chain/chain.h: deposits and pledges, senders, messages,
 * confidence, the translation of the node's answers. */
#ifndef SLK_APP_CHAIN_OPS_H
#define SLK_APP_CHAIN_OPS_H

#include "base/err.h"
#include "chain/chain.h"
#include "seal/ops.h"

#define SLK_CHAIN_OPS_CONTROL_MAX 16u

typedef struct slk_chain_ops slk_chain_ops;

typedef struct slk_chain_ops_options {
    const char *api_info; /* "TOKEN:ADDRESS[,…]" */
    const char *precommit_max_fee; /* for each sector, attoFIL, decimal; "0" the node's own */
    const char *commit_max_fee;
    const char *message_max_fee; /* for one message, however many sectors; "0" no limit */
    /* Who sends messages of a kind, before worker and owner; at most SLK_CHAIN_OPS_CONTROL_MAX, copied. */
    struct {
        const slk_address *list;
        size_t n;
    } control[SLK_SEAL_MESSAGE_KINDS];
    const slk_chain_transport *transport; /* NULL: HTTP. Copied */
    bool patient; /* somebody waits: who had too many requests is asked again (later.h) */
    bool development; /* proofs of this node may be forgeable: no other network is spoken to */
} slk_chain_ops_options;

SLK_MUST_CHECK slk_err slk_chain_ops_new(slk_chain_ops **ret_ops,
                                         const slk_chain_ops_options *options, slk_error *error);
void slk_chain_ops_free(slk_chain_ops *ops); /* NULL allowed; no call in progress */

/* The functions; they borrow ops. Safe from many threads: pushes wait for each other. */
void slk_chain_ops_fill(slk_seal_chain *ret_chain, slk_chain_ops *ops);

/* The client underneath, for reading. */
slk_chain *slk_chain_ops_client(slk_chain_ops *ops);

/* The network as first asked, then from memory. SLK_E_BUSY with *ret_network filled: the chain is not
 * one for a node with development on, which may hold proofs that anybody could forge. */
SLK_MUST_CHECK slk_err slk_chain_ops_network(slk_chain_ops *ops, slk_network *ret_network,
                                             slk_error *error);

#endif
