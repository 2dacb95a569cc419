/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/chain_ops_impl.h"

#include "app/later.h"
#include "base/assume.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "fil/commcid.h"
#include "fil/policy.h"
#include "fil/sector.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* A head older than this many epochs means that the node is not in sync.
 * source: reference/chain 1.9 */
#define HEAD_MAX_AGE_EPOCHS 10

slk_err slk_chain_ops_new(slk_chain_ops **ret_ops, const slk_chain_ops_options *options,
                          slk_error *error)
{
    slk_chain_ops *ops = slk_calloc(1, sizeof *ops);
    if (!ops)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the chain client");
    slk_assert(pthread_mutex_init(&ops->push_lock, NULL) == 0);
    slk_assert(pthread_mutex_init(&ops->network_lock, NULL) == 0);
    ops->development = options->development;
    for (size_t kind = 0; kind < SLK_SEAL_MESSAGE_KINDS; kind++) {
        const size_t n = options->control[kind].n;
        slk_assert(n <= SLK_CHAIN_OPS_CONTROL_MAX);
        ops->n_control[kind] = n;
        if (n > 0)
            memcpy(ops->control[kind], options->control[kind].list, n * sizeof *ops->control[kind]);
    }
    slk_err code = SLK_OK;
    if (slk_bigint_parse(&ops->max_fee[SLK_SEAL_PRECOMMIT], options->precommit_max_fee) != SLK_OK ||
        slk_bigint_parse(&ops->max_fee[SLK_SEAL_COMMIT], options->commit_max_fee) != SLK_OK ||
        slk_bigint_parse(&ops->message_max_fee, options->message_max_fee) != SLK_OK)
        code =
            slk_fail(error, SLK_E_INVAL,
                     "PreCommitMaxFee, CommitMaxFee and MessageMaxFee want an amount in attoFIL, "
                     "digits only");
    const slk_chain_options chain = {.api_info = options->api_info,
                                     .transport = options->transport,
                                     .later = options->patient ? slk_later_wait : NULL};
    if (code == SLK_OK)
        code = slk_chain_new(&ops->chain, &chain, error);
    if (code != SLK_OK) {
        slk_chain_ops_free(ops);
        return code;
    }
    *ret_ops = ops;
    return SLK_OK;
}

void slk_chain_ops_free(slk_chain_ops *ops)
{
    if (!ops)
        return;
    slk_chain_free(ops->chain);
    (void)pthread_mutex_destroy(&ops->push_lock);
    (void)pthread_mutex_destroy(&ops->network_lock);
    slk_free(ops);
}

slk_chain *slk_chain_ops_client(slk_chain_ops *ops)
{
    return ops->chain;
}

/* ---- network and head ---- */

slk_err slk_chain_ops_network(slk_chain_ops *ops, slk_network *ret_network, slk_error *error)
{
    slk_assert(pthread_mutex_lock(&ops->network_lock) == 0);
    slk_err code = SLK_OK;
    char node[SLK_CHAIN_NODE_CHARS];
    slk_chain_node_name(ops->chain, node);
    /* Asked anew when another node answers: it might be on another network. */
    if (!ops->has_network || strcmp(node, ops->network_node) != 0)
        code = slk_chain_network(ops->chain, &ops->network, error);
    if (code == SLK_OK)
        slk_chain_node_name(ops->chain, ops->network_node);
    /* Asked here, not at the start alone: the chain may only be reached later. */
    if (code == SLK_OK && ops->development && !ops->network.development)
        code = slk_fail(error, SLK_E_BUSY,
                        "the configuration says Development = true, but the chain is %s; remove it",
                        ops->network.name);
    if (ops->network.name[0])
        *ret_network = ops->network;
    ops->has_network = ops->has_network || code == SLK_OK;
    slk_assert(pthread_mutex_unlock(&ops->network_lock) == 0);
    return code;
}

static slk_err chain_network(void *ctx, slk_seal_network *ret, slk_error *error)
{
    slk_network network;
    SLK_TRY(slk_chain_ops_network(ctx, &network, error));
    slk_seal_proof proof;
    SLK_TRY(slk_seal_proof_registered(&proof, 5, error)); /* any V1_1 type: MPCD is the same */
    *ret = (slk_seal_network){
        .ticket_lookback_epochs = SLK_SEAL_RANDOMNESS_LOOKBACK,
        .ticket_max_age_epochs = SLK_MAX_PRE_COMMIT_RANDOMNESS_LOOKBACK,
        .challenge_delay_epochs = network.challenge_delay,
        .max_prove_commit_epochs =
            slk_policy_max_prove_commit_duration(&proof, network.challenge_delay),
        .min_expiration_epochs = SLK_MIN_SECTOR_EXPIRATION,
        .max_extension_epochs = SLK_MAX_SECTOR_EXPIRATION_EXTENSION,
        .epoch_ms = network.block_delay_s * 1000,
    };
    static_assert(sizeof ret->name >= sizeof network.name, "every name has room");
    memcpy(ret->name, network.name, sizeof network.name);
    return SLK_OK;
}

static slk_err chain_head(void *ctx, int64_t *ret_epoch, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_network network;
    SLK_TRY(slk_chain_ops_network(ops, &network, error));
    slk_tipset head;
    SLK_TRY(slk_chain_head(ops->chain, &head, error));
    const int64_t age_s = slk_clock_wall_ms() / 1000 - head.timestamp;
    /* Development networks stand still whenever nobody needs them. */
    if (!network.development && age_s > HEAD_MAX_AGE_EPOCHS * network.block_delay_s)
        return slk_fail(error, SLK_E_UNREACHABLE,
                        "the chain node is not in sync: its head is %" PRId64 " s old", age_s);
    *ret_epoch = head.height;
    return SLK_OK;
}

static slk_err chain_ticket(void *ctx, uint8_t out32[32], uint64_t sp_id, int64_t epoch,
                            slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_tipset head;
    SLK_TRY(slk_chain_head(ops->chain, &head, error));
    return slk_chain_ticket(ops->chain, out32, sp_id, epoch, &head, error);
}

static slk_err chain_seed(void *ctx, uint8_t out32[32], uint64_t sp_id, int64_t epoch,
                          slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_tipset head;
    SLK_TRY(slk_chain_head(ops->chain, &head, error));
    return slk_chain_seed(ops->chain, out32, sp_id, epoch, &head, error);
}

/* ---- the miner ---- */

static slk_err chain_allocated(void *ctx, slk_bitfield *ret_set, uint64_t sp_id, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    return slk_chain_allocated(ops->chain, ret_set, sp_id, NULL, error);
}

static slk_err chain_check_miner(void *ctx, uint64_t sp_id, int64_t seal_proof, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_seal_proof proof;
    SLK_TRY(slk_seal_proof_registered(&proof, seal_proof, error));
    slk_miner_info info;
    const slk_err code = slk_chain_miner_info(ops->chain, &info, sp_id, NULL, error);
    if (code == SLK_E_NOTFOUND || code == SLK_E_INVAL)
        return slk_fail(error, SLK_E_INVAL, "the chain has no miner f0%" PRIu64, sp_id);
    SLK_TRY(code);
    if (info.sector_bytes != proof.shape->bytes)
        return slk_fail(error, SLK_E_INVAL,
                        "miner f0%" PRIu64 " has sectors of %" PRIu64 " bytes; seal proof %" PRId64
                        " is for %s",
                        sp_id, info.sector_bytes, seal_proof, proof.shape->name);
    if (info.window_post_type != slk_policy_window_post_type(&proof))
        return slk_fail(error, SLK_E_INVAL,
                        "seal proof %" PRId64 " does not go with the window PoSt type %" PRId64
                        " of miner f0%" PRIu64,
                        seal_proof, info.window_post_type, sp_id);
    return SLK_OK;
}

static slk_err chain_precommit_info(void *ctx, slk_seal_precommit_info *ret, uint64_t sp_id,
                                    uint64_t number, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_precommit_info info;
    slk_seal_precommit_info out = {0};
    SLK_TRY(slk_chain_precommit_info(ops->chain, &out.found, &info, sp_id, number, NULL, error));
    if (out.found) {
        SLK_TRY(slk_comm_r_from_cid(out.comm_r, &info.info.sealed_cid, error));
        out.seal_proof = info.info.seal_proof;
        out.ticket_epoch = info.info.seal_rand_epoch;
        out.precommit_epoch = info.epoch;
        out.expiration = info.info.expiration;
        static_assert(sizeof out.deposit >= SLK_BIGINT_TEXT_CHARS, "every amount has room");
        slk_bigint_print(out.deposit, &info.deposit);
    }
    *ret = out;
    return SLK_OK;
}

static slk_err chain_sector_info(void *ctx, slk_seal_sector_info *ret, uint64_t sp_id,
                                 uint64_t number, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_sector_info info;
    slk_seal_sector_info out = {0};
    SLK_TRY(slk_chain_sector_info(ops->chain, &out.found, &info, sp_id, number, NULL, error));
    if (out.found) {
        SLK_TRY(slk_comm_r_from_cid(out.comm_r, &info.sealed_cid, error));
        out.activation = info.activation;
        out.expiration = info.expiration;
        slk_bigint_print(out.pledge, &info.initial_pledge);
    }
    *ret = out;
    return SLK_OK;
}

/* ---- money ---- */

/* A sector without data of that proof, sealed now: what the node wants to name a deposit. */
static void sample_precommit(slk_precommit *ret, int64_t seal_proof, int64_t head)
{
    const uint8_t comm_r[32] = {0};
    *ret = (slk_precommit){
        .seal_proof = seal_proof,
        .seal_rand_epoch = head - SLK_SEAL_RANDOMNESS_LOOKBACK,
        .expiration = head + SLK_MAX_SECTOR_EXPIRATION_EXTENSION,
    };
    slk_comm_r_cid(&ret->sealed_cid, comm_r);
}

/* Who could pay for messages of that kind. Of all nodes that answer: each has its own wallet. */
static slk_err richest_sender(slk_bigint *ret, slk_chain_ops *ops, const slk_miner_info *info,
                              slk_seal_message_kind kind, slk_error *error)
{
    slk_bigint most = {{0}};
    bool answered = false;
    slk_err code = SLK_OK;
    for (size_t i = 0; i < slk_chain_nodes(ops->chain); i++) {
        SLK_CLEANUP(slk_chain_freep) slk_chain *node = NULL;
        slk_bigint balance;
        code = slk_chain_alone(&node, ops->chain, i, error);
        if (code == SLK_OK)
            code = slk_chain_sender_balance(node, &balance, info, ops->control[kind],
                                            ops->n_control[kind], error);
        if (code == SLK_OK && slk_bigint_cmp(&balance, &most) > 0)
            most = balance;
        answered = answered || code == SLK_OK;
    }
    if (!answered)
        return code;
    *ret = most;
    return SLK_OK;
}

/* A sector needs both messages: the poorer of their senders counts. */
static slk_err sender_funds(slk_bigint *ret, slk_chain_ops *ops, const slk_miner_info *info,
                            slk_error *error)
{
    slk_bigint precommit, commit;
    SLK_TRY(richest_sender(&precommit, ops, info, SLK_SEAL_PRECOMMIT, error));
    commit = precommit;
    if (ops->n_control[SLK_SEAL_PRECOMMIT] + ops->n_control[SLK_SEAL_COMMIT] > 0)
        SLK_TRY(richest_sender(&commit, ops, info, SLK_SEAL_COMMIT, error));
    *ret = slk_bigint_cmp(&commit, &precommit) < 0 ? commit : precommit;
    return SLK_OK;
}

static slk_err chain_funds(void *ctx, slk_seal_funds *ret, uint64_t sp_id, int64_t seal_proof,
                           slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_seal_proof proof;
    slk_tipset head;
    slk_miner_info info;
    slk_precommit sample;
    slk_bigint available, deposit, pledge, sender;
    SLK_TRY(slk_seal_proof_registered(&proof, seal_proof, error));
    SLK_TRY(slk_chain_head(ops->chain, &head, error));
    SLK_TRY(slk_chain_miner_info(ops->chain, &info, sp_id, &head, error));
    SLK_TRY(slk_chain_available_balance(ops->chain, &available, sp_id, &head, error));
    sample_precommit(&sample, seal_proof, head.height);
    SLK_TRY(slk_chain_precommit_deposit(ops->chain, &deposit, sp_id, &sample, &head, error));
    SLK_TRY(slk_chain_initial_pledge(ops->chain, &pledge, SLK_MAX_SECTOR_EXPIRATION_EXTENSION,
                                     proof.shape->bytes, 0, &head, error));
    SLK_TRY(sender_funds(&sender, ops, &info, error));
    static_assert(SLK_SEAL_ATTO_CHARS >= SLK_BIGINT_TEXT_CHARS, "every amount has room");
    slk_bigint_print(ret->available, &available);
    slk_bigint_print(ret->deposit_per_sector, &deposit);
    slk_bigint_print(ret->pledge_per_sector, &pledge);
    slk_bigint_print(ret->sender_balance, &sender);
    return SLK_OK;
}

void slk_chain_ops_fill(slk_seal_chain *ret_chain, slk_chain_ops *ops)
{
    *ret_chain = (slk_seal_chain){
        .ctx = ops,
        .network = chain_network,
        .head = chain_head,
        .ticket = chain_ticket,
        .seed = chain_seed,
        .allocated = chain_allocated,
        .check_miner = chain_check_miner,
        .precommit_info = chain_precommit_info,
        .sector_info = chain_sector_info,
        .price = slk_chain_ops_price,
        .rehearse = slk_chain_ops_rehearse,
        .choose_node = slk_chain_ops_choose_node,
        .send = slk_chain_ops_send,
        .find_pending = slk_chain_ops_find_pending,
        .raise_fee = slk_chain_ops_raise_fee,
        .push_again = slk_chain_ops_push_again,
        .search = slk_chain_ops_search,
        .funds = chain_funds,
    };
}
