/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside of slk_chain_ops: chain_ops.c reads, chain_messages.c sends. */
#ifndef SLK_APP_CHAIN_OPS_IMPL_H
#define SLK_APP_CHAIN_OPS_IMPL_H

#include "app/chain_ops.h"

#include <pthread.h>

struct slk_chain_ops {
    slk_chain *chain;
    slk_bigint max_fee[SLK_SEAL_MESSAGE_KINDS]; /* for each sector; zero: the node's own default */
    slk_bigint message_max_fee; /* for one message; zero: no further limit */
    slk_address control[SLK_SEAL_MESSAGE_KINDS][SLK_CHAIN_OPS_CONTROL_MAX]; /* who sends first */
    size_t n_control[SLK_SEAL_MESSAGE_KINDS];
    bool development;
    pthread_mutex_t push_lock; /* one push at a time: the node assigns nonces in order */
    pthread_mutex_t network_lock;
    bool has_network;
    slk_network network;
    char network_node[SLK_CHAIN_NODE_CHARS]; /* that said so */
};

/* The functions of slk_seal_chain about messages; ctx is a slk_chain_ops. */
slk_err slk_chain_ops_price(void *ctx, char ret_value[SLK_SEAL_ATTO_CHARS],
                            const slk_seal_message *message, slk_error *error);
slk_err slk_chain_ops_rehearse(void *ctx, bool *ret_executes, const slk_seal_message *message,
                               slk_error *error);
slk_err slk_chain_ops_choose_node(void *ctx, char ret_node[SLK_SEAL_NODE_CHARS],
                                  const slk_seal_message *message, slk_error *error);
slk_err slk_chain_ops_send(void *ctx, slk_seal_sent *ret, const slk_seal_message *message,
                           slk_error *error);
slk_err slk_chain_ops_find_pending(void *ctx, bool *ret_found, bool *ret_asked, slk_seal_sent *ret,
                                   const slk_seal_message *message, slk_error *error);
slk_err slk_chain_ops_raise_fee(void *ctx, slk_seal_sent *ret, slk_seal_message_kind kind,
                                size_t sectors, const char *signed_json, slk_error *error);
slk_err slk_chain_ops_push_again(void *ctx, const char *signed_json, slk_error *error);
slk_err slk_chain_ops_search(void *ctx, slk_seal_landing *ret, const char *message_cid,
                             slk_error *error);

#endif
