/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Client of Lotus nodes: what a sealing pipeline asks the chain. source: reference/chain 1, 3
 *
 * Reads go to the first node and fail over to the others, then to the one that answered; once a minute
 * the first is looked at, and reads return to it when it answers with a fresh head. Calls that push a
 * message, or let a node make one, stay with one node and are never repeated by this module. A const-free slk_chain may be used from
 * many threads. Tokens travel in the Authorization header only.
 *
 * Error codes common to all calls:
 *   UNREACHABLE, TIMEOUT  no node answered, or none has the method: wait, state unchanged (for pushes
 *                         outcome unknown)
 *   AUTH                  bad token, or a permission is missing
 *   BUSY                  the answer does not exist yet ("from the future"), or the node is
 *                         overloaded: later
 *   NOTFOUND              actor, message or tipset unknown to the node
 *   INVAL                 the node refused or the message would fail: see slk_chain_fault
 *   PROTO                 the answer is not what it must be */
#ifndef SLK_CHAIN_CHAIN_H
#define SLK_CHAIN_CHAIN_H

#include "base/err.h"
#include "codec/bigint.h"
#include "codec/bitfield.h"
#include "codec/cid.h"
#include "fil/actor.h"
#include "fil/address.h"
#include "fil/message.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_TIPSET_MAX_BLOCKS 32u
#define SLK_CHAIN_MAX_NODES 8u

typedef struct slk_chain slk_chain;

/* How requests travel. Default: HTTP through net/. Tests and the in-process devnet give their own.
 * post sends body to url with the bearer token ("" for none) and appends the answer to ret_body
 * (which bounds it). SLK_OK whenever a complete HTTP answer came, whatever its status. Must be safe
 * from many threads. */
typedef struct slk_chain_transport {
    void *context;
    slk_err (*post)(void *context, slk_buf *ret_body, int *ret_status, const char *url,
                    const char *token, const char *body, size_t body_bytes, int64_t timeout_ms,
                    slk_error *error);
} slk_chain_transport;

typedef struct slk_chain_options {
    const char *api_info; /* "TOKEN:ADDRESS[,TOKEN:ADDRESS…]", required */
    const slk_chain_transport *transport; /* NULL: HTTP. Copied */
    int64_t read_timeout_ms; /* 0: 30 s */
    int64_t push_timeout_ms; /* 0: 180 s; gas estimates and pushes */
    /* Of the default transport: slk_http_later of net/client.h; NULL: a node that had too many requests is as one
     * that cannot be reached. */
    bool (*later)(void *context, int64_t seconds, unsigned before);
    void *later_context;
    int64_t (*monotonic_ms)(void *context); /* NULL: base/clock.h; tests give their own */
    void *clock_context;
} slk_chain_options;

SLK_MUST_CHECK slk_err slk_chain_new(slk_chain **ret_chain, const slk_chain_options *options,
                                     slk_error *error);
void slk_chain_free(slk_chain *chain); /* NULL allowed; no call may be running */
void slk_chain_freep(slk_chain **chain); /* for SLK_CLEANUP */

size_t slk_chain_nodes(const slk_chain *chain);
/* A client of one of chain's nodes, for questions that belong to one wallet or one pool: number
 * `index` of them, counted from the one that reads go to. slk_chain_free before chain's own. */
SLK_MUST_CHECK slk_err slk_chain_alone(slk_chain **ret_one, slk_chain *chain, size_t index,
                                       slk_error *error);
/* The same of the node that slk_chain_node_name called so. SLK_E_UNREACHABLE also when none of ours
 * has that name (the configuration was changed). */
SLK_MUST_CHECK slk_err slk_chain_named(slk_chain **ret_one, slk_chain *chain, const char *node,
                                       slk_error *error);

/* Detail of a refusal, for calls that take one (may be NULL). Zeroed when the call succeeded or
 * failed otherwise. */
typedef struct slk_chain_fault {
    int64_t rpc_code; /* of the JSON-RPC error, 0 none */
    int64_t exit_code; /* from "exit=[…(16)…]", -1 none */
    bool out_of_gas;
    bool from_future; /* randomness or a tipset of an epoch that has not come */
    bool message_unknown; /* "failed to load message": this node never saw it */
    bool replaced_by_other; /* "NOT a valid replacement message" */
    bool nonce_too_low;
    bool already_pending; /* "message with nonce already exists" */
    bool not_enough_funds;
} slk_chain_fault;

typedef struct slk_tipset {
    int64_t height;
    size_t n_cids;
    slk_cid cids[SLK_TIPSET_MAX_BLOCKS];
    int64_t timestamp; /* seconds since 1970, of the first block */
    slk_bigint base_fee;
} slk_tipset;

/* The CID Curio stores as "tsk cid". */
SLK_MUST_CHECK slk_err slk_tipset_key_cid(slk_cid *ret_cid, const slk_tipset *tipset);

/* --- the node and its network ------------------------------------------------------------- */

typedef struct slk_network {
    char name[64];
    char address_letter; /* 'f' on mainnet, 't' elsewhere */
    bool development; /* name starts with "localnet", "devnet" or "2k" */
    int64_t block_delay_s;
    int64_t challenge_delay; /* PreCommitChallengeDelay, D */
    int64_t version; /* network version at the head */
    char node_version[96];
    bool can_sign; /* the token holds "sign" */
} slk_network;

/* Version, network name, parameters, network version, permissions. SLK_E_UNREACHABLE below
 * network version 25: the node is far behind. */
SLK_MUST_CHECK slk_err slk_chain_network(slk_chain *chain, slk_network *ret_network,
                                         slk_error *error);

/* With several nodes, a head older than five minutes makes it ask the others and prefer from then
 * on the one that is furthest. */
SLK_MUST_CHECK slk_err slk_chain_head(slk_chain *chain, slk_tipset *ret_tipset, slk_error *error);
/* The tipset at height on the chain of `from` (NULL: head); at a null round the one before. */
SLK_MUST_CHECK slk_err slk_chain_tipset_at(slk_chain *chain, slk_tipset *ret_tipset, int64_t height,
                                           const slk_tipset *from, slk_error *error);
/* The same, at a null round the one after. */
SLK_MUST_CHECK slk_err slk_chain_tipset_after(slk_chain *chain, slk_tipset *ret_tipset,
                                              int64_t height, const slk_tipset *from,
                                              slk_error *error);

/* --- randomness --------------------------------------------------------------------------- */

/* Ticket (tag 5) of miner_id at epoch, seen from tipset. Epoch may be negative. */
SLK_MUST_CHECK slk_err slk_chain_ticket(slk_chain *chain, uint8_t out32[32], uint64_t miner_id,
                                        int64_t epoch, const slk_tipset *tipset, slk_error *error);
/* Interactive seed (tag 6). SLK_E_BUSY while epoch is in the future. */
SLK_MUST_CHECK slk_err slk_chain_seed(slk_chain *chain, uint8_t out32[32], uint64_t miner_id,
                                      int64_t epoch, const slk_tipset *tipset, slk_error *error);

/* --- the miner ---------------------------------------------------------------------------- */

#define SLK_CONTROL_MAX 32u
typedef struct slk_miner_info {
    slk_address owner;
    slk_address worker;
    slk_address control[SLK_CONTROL_MAX];
    size_t n_control;
    int64_t window_post_type;
    uint64_t sector_bytes;
} slk_miner_info;

/* In all calls below tipset NULL means the head. */
SLK_MUST_CHECK slk_err slk_chain_miner_info(slk_chain *chain, slk_miner_info *ret_info,
                                            uint64_t miner_id, const slk_tipset *tipset,
                                            slk_error *error);
/* Every number ever allocated; the caller slk_bitfield_dones it. */
SLK_MUST_CHECK slk_err slk_chain_allocated(slk_chain *chain, slk_bitfield *ret_set,
                                           uint64_t miner_id, const slk_tipset *tipset,
                                           slk_error *error);
SLK_MUST_CHECK slk_err slk_chain_is_allocated(slk_chain *chain, bool *ret_allocated,
                                              uint64_t miner_id, uint64_t sector_number,
                                              const slk_tipset *tipset, slk_error *error);
SLK_MUST_CHECK slk_err slk_chain_available_balance(slk_chain *chain, slk_bigint *ret_balance,
                                                   uint64_t miner_id, const slk_tipset *tipset,
                                                   slk_error *error);
/* Deposit for pre-committing this sector, 10 % included by the node. */
SLK_MUST_CHECK slk_err slk_chain_precommit_deposit(slk_chain *chain, slk_bigint *ret_deposit,
                                                   uint64_t miner_id, const slk_precommit *sector,
                                                   const slk_tipset *tipset, slk_error *error);
/* Initial pledge for a sector that lives duration_epochs. */
SLK_MUST_CHECK slk_err slk_chain_initial_pledge(slk_chain *chain, slk_bigint *ret_pledge,
                                                int64_t duration_epochs, uint64_t sector_bytes,
                                                uint64_t verified_bytes, const slk_tipset *tipset,
                                                slk_error *error);
/* *ret_found false: no such record. */
SLK_MUST_CHECK slk_err slk_chain_precommit_info(slk_chain *chain, bool *ret_found,
                                                slk_precommit_info *ret_info, uint64_t miner_id,
                                                uint64_t sector_number, const slk_tipset *tipset,
                                                slk_error *error);
SLK_MUST_CHECK slk_err slk_chain_sector_info(slk_chain *chain, bool *ret_found,
                                             slk_sector_info *ret_info, uint64_t miner_id,
                                             uint64_t sector_number, const slk_tipset *tipset,
                                             slk_error *error);

/* --- accounts and wallet ------------------------------------------------------------------ */

SLK_MUST_CHECK slk_err slk_chain_wallet_balance(slk_chain *chain, slk_bigint *ret_balance,
                                                const slk_address *address, slk_error *error);
/* Does the node hold the key? address must be a key address. */
SLK_MUST_CHECK slk_err slk_chain_wallet_has(slk_chain *chain, bool *ret_has,
                                            const slk_address *address, slk_error *error);
SLK_MUST_CHECK slk_err slk_chain_account_key(slk_chain *chain, slk_address *ret_key,
                                             const slk_address *address, slk_error *error);
/* An ID address is its own; no node is asked. */
SLK_MUST_CHECK slk_err slk_chain_lookup_id(slk_chain *chain, slk_address *ret_id,
                                           const slk_address *address, slk_error *error);
/* Nonce and balance in the state of tipset. SLK_E_NOTFOUND: no such actor. */
SLK_MUST_CHECK slk_err slk_chain_actor(slk_chain *chain, uint64_t *ret_nonce,
                                       slk_bigint *ret_balance, const slk_address *address,
                                       const slk_tipset *tipset, slk_error *error);
/* Whether that ID address is worker, owner or a control address of the miner. */
bool slk_chain_controls(const slk_miner_info *miner, const slk_address *id);

/* The sender for a miner's message: first configured control address, then worker, then owner that
 * controls the miner, holds at least `need`, and whose key the node has. *ret_from is the key
 * address. preferred may be NULL with 0. SLK_E_NOTFOUND: none, the message says why for each. */
SLK_MUST_CHECK slk_err slk_chain_choose_sender(slk_chain *chain, slk_address *ret_from,
                                               const slk_miner_info *miner,
                                               const slk_address *preferred, size_t n_preferred,
                                               const slk_bigint *need, slk_error *error);

/* The most that any one address may spend for the miner: of those that slk_chain_choose_sender would
 * take. Zero when there is none. */
SLK_MUST_CHECK slk_err slk_chain_sender_balance(slk_chain *chain, slk_bigint *ret_balance,
                                                const slk_miner_info *miner,
                                                const slk_address *preferred, size_t n_preferred,
                                                slk_error *error);

/* --- messages ----------------------------------------------------------------------------- */

/* Dry run on the head: fills gas_limit, gas_fee_cap and gas_premium of *message. max_fee zero: the
 * node's default. SLK_E_INVAL with fault when it would fail. */
SLK_MUST_CHECK slk_err slk_chain_estimate_gas(slk_chain *chain, slk_message *message,
                                              const slk_bigint *max_fee, slk_chain_fault *ret_fault,
                                              slk_error *error);

/* Lets the node estimate gas, assign the nonce, sign and push. message->nonce must be 0. Calling
 * again with the same uuid on the same node returns the same message, also when value or sender
 * have changed since; method and params are checked to be ours. Never call it concurrently for one
 * sender. On success *ret_signed is the caller's (slk_signed_message_done). UNREACHABLE,
 * TIMEOUT: it may or may not have been pushed: repeat with the same uuid. */
SLK_MUST_CHECK slk_err slk_chain_push(slk_chain *chain, slk_signed_message *ret_signed,
                                      const slk_message *message, const slk_bigint *max_fee,
                                      const char *uuid, slk_chain_fault *ret_fault,
                                      slk_error *error);

/* The name of the node that reads go to: its address, without token or password. */
#define SLK_CHAIN_NODE_CHARS 128u
void slk_chain_node_name(slk_chain *chain, char out[SLK_CHAIN_NODE_CHARS]);

/* A message with the receiver, method and params of `like` in the pool of any node that answers.
 * *ret_signed is the caller's when there is one; *ret_asked: the node of that name was among those
 * that answered. Fails when no node answers. */
SLK_MUST_CHECK slk_err slk_chain_find_pending(slk_chain *chain, bool *ret_found, bool *ret_asked,
                                              slk_signed_message *ret_signed,
                                              const slk_message *like, const char *node,
                                              slk_error *error);

/* Lets a node sign the message as it is. SLK_E_AUTH, SLK_E_INVAL: it has not the key. */
SLK_MUST_CHECK slk_err slk_chain_sign(slk_chain *chain, slk_signed_message *ret_signed,
                                      const slk_message *message, slk_error *error);

/* Pushes an already signed message again (the node lost its pool), to whichever node answers: the
 * same bytes are the same message everywhere. */
SLK_MUST_CHECK slk_err slk_chain_push_signed(slk_chain *chain, const slk_signed_message *message,
                                             slk_chain_fault *ret_fault, slk_error *error);

typedef struct slk_msg_lookup {
    bool found; /* executed, as seen from the tipset asked */
    slk_cid message; /* differs from the CID asked when a fee replacement landed */
    int64_t exit_code;
    int64_t gas_used;
    int64_t height; /* execution tipset: one non-null tipset after inclusion */
    uint8_t *return_bytes; /* owned */
    size_t n_return;
} slk_msg_lookup;
void slk_msg_lookup_done(slk_msg_lookup *lookup); /* idempotent */

/* Looks back without limit from tipset, replacements allowed. found false: not executed yet.
 * NOTFOUND (fault.message_unknown): this node never saw it. CONFLICT (fault.replaced_by_other):
 * another message took the nonce. */
SLK_MUST_CHECK slk_err slk_chain_search(slk_chain *chain, slk_msg_lookup *ret_lookup,
                                        const slk_cid *message, const slk_tipset *tipset,
                                        slk_chain_fault *ret_fault, slk_error *error);

/* --- anything else ------------------------------------------------------------------------ */

/* One raw call: "Filecoin.X" or "Devnet.X", params an array (reference stays with the caller, NULL:
 * none). *ret_result is a new reference, JSON null included. push: long timeout, no failover. */
SLK_MUST_CHECK slk_err slk_chain_call(slk_chain *chain, json_t **ret_result, const char *method,
                                      json_t *params, bool push, slk_chain_fault *ret_fault,
                                      slk_error *error);

#endif
