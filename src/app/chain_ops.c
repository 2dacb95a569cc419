/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/chain_ops.h"

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

struct slk_chain_ops {
    slk_chain *chain;
    slk_bigint precommit_max_fee;
    slk_bigint commit_max_fee;
    bool development;
    pthread_mutex_t push_lock; /* one push at a time: the node assigns nonces in order */
    pthread_mutex_t network_lock;
    bool has_network;
    slk_network network;
};

slk_err slk_chain_ops_new(slk_chain_ops **ret_ops, const slk_chain_ops_options *options,
                          slk_error *error)
{
    slk_chain_ops *ops = slk_calloc(1, sizeof *ops);
    if (!ops)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the chain client");
    slk_assert(pthread_mutex_init(&ops->push_lock, NULL) == 0);
    slk_assert(pthread_mutex_init(&ops->network_lock, NULL) == 0);
    ops->development = options->development;
    slk_err code = SLK_OK;
    if (slk_bigint_parse(&ops->precommit_max_fee, options->precommit_max_fee) != SLK_OK ||
        slk_bigint_parse(&ops->commit_max_fee, options->commit_max_fee) != SLK_OK)
        code = slk_fail(error, SLK_E_INVAL,
                        "PreCommitMaxFee and CommitMaxFee want an amount in attoFIL, digits only");
    if (code == SLK_OK)
        code =
            slk_chain_new(&ops->chain, &(slk_chain_options){.api_info = options->api_info}, error);
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
    if (!ops->has_network)
        code = slk_chain_network(ops->chain, &ops->network, error);
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
    }
    *ret = out;
    return SLK_OK;
}

/* ---- sending ---- */

static slk_err fill_sent(slk_seal_sent *ret, const slk_signed_message *message, char network,
                         slk_error *error)
{
    slk_cid cid;
    char text[SLK_CID_TEXT_CHARS];
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf printed;
    slk_buf_init(&printed, 256u << 10);
    slk_err code = slk_signed_message_cid(&cid, message);
    if (code == SLK_OK)
        code = slk_signed_message_to_json(&json, message, network);
    if (code == SLK_OK)
        code = slk_json_print(&printed, json);
    if (code != SLK_OK)
        return slk_fail(error, code, "the signed message cannot be kept");
    slk_cid_print(text, &cid);
    slk_seal_sent sent = {.message_cid = slk_strdup(text), .signed_json = slk_buf_take(&printed)};
    if (!sent.message_cid || !sent.signed_json) {
        slk_seal_sent_done(&sent);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a message");
    }
    *ret = sent;
    return SLK_OK;
}

/* The codes seal/ops.h promises for a push that the node refused. */
static slk_err push_failure(slk_err code, const slk_chain_fault *fault, slk_error *error)
{
    if (fault->not_enough_funds)
        return slk_fail_context(error, error->code = SLK_E_LIMIT, "no sender can pay");
    if (fault->exit_code == SLK_EXIT_INSUFFICIENT_FUNDS ||
        fault->exit_code == SLK_EXIT_ACTOR_INSUFFICIENT_FUNDS)
        return slk_fail_context(error, error->code = SLK_E_LIMIT, "the funds do not suffice");
    if (fault->exit_code > 0 || fault->out_of_gas)
        return slk_fail_context(error, error->code = SLK_E_CONFLICT,
                                "the miner actor would refuse it (exit %" PRId64 ")",
                                fault->exit_code);
    return code;
}

struct sending {
    uint64_t miner_id;
    uint64_t method;
    const slk_buf *params;
    slk_bigint value;
    slk_bigint max_fee;
    const char *uuid;
};

static slk_err fill_message(slk_message *message, slk_chain_ops *ops, const struct sending *sending,
                            slk_error *error)
{
    slk_miner_info info;
    SLK_TRY(slk_chain_miner_info(ops->chain, &info, sending->miner_id, NULL, error));
    slk_bigint need = sending->value;
    /* source: reference/chain 1.7, a tenth of the most it may cost as the sender's reserve */
    const slk_bigint reserve = slk_bigint_div_u64(&sending->max_fee, 10);
    SLK_TRY(slk_bigint_add(&need, &need, &reserve));
    const slk_err code =
        slk_chain_choose_sender(ops->chain, &message->from, &info, NULL, 0, &need, error);
    if (code == SLK_E_NOTFOUND)
        return slk_fail_context(error, error->code = SLK_E_LIMIT, "no sender for the message");
    SLK_TRY(code);
    slk_address_from_id(&message->to, sending->miner_id);
    message->value = sending->value;
    message->method = sending->method;
    if (slk_message_set_params(message, sending->params->data, sending->params->len) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a message");
    return SLK_OK;
}

static slk_err send_message(slk_seal_sent *ret, slk_chain_ops *ops, const struct sending *sending,
                            slk_error *error)
{
    slk_network network;
    SLK_TRY(slk_chain_ops_network(ops, &network, error));
    SLK_CLEANUP(slk_message_done) slk_message message = {0};
    SLK_TRY(fill_message(&message, ops, sending, error));
    SLK_CLEANUP(slk_signed_message_done) slk_signed_message signed_message = {0};
    slk_chain_fault fault = {0};
    slk_assert(pthread_mutex_lock(&ops->push_lock) == 0);
    const slk_err code = slk_chain_push(ops->chain, &signed_message, &message, &sending->max_fee,
                                        sending->uuid, &fault, error);
    slk_assert(pthread_mutex_unlock(&ops->push_lock) == 0);
    if (code != SLK_OK)
        return push_failure(code, &fault, error);
    return fill_sent(ret, &signed_message, network.address_letter, error);
}

#define PARAMS_MAX_BYTES SLK_MESSAGE_MAX_BYTES

static slk_err chain_send_precommit(void *ctx, slk_seal_sent *ret,
                                    const slk_seal_precommit *precommit, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_precommit sector = {
        .seal_proof = precommit->sector.seal_proof,
        .sector_number = precommit->sector.number,
        .seal_rand_epoch = precommit->ticket_epoch,
        .expiration = precommit->expiration,
    };
    if (!slk_comm_r_in_range(precommit->comm_r))
        return slk_fail(error, SLK_E_INVAL, "CommR is no field element");
    slk_comm_r_cid(&sector.sealed_cid, precommit->comm_r);
    SLK_CLEANUP(slk_buf_done) slk_buf params;
    slk_buf_init(&params, PARAMS_MAX_BYTES);
    if (slk_precommit_params_encode(&params, &sector, 1) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a pre-commit");
    struct sending sending = {
        .miner_id = precommit->sector.sp_id,
        .method = SLK_METHOD_PRE_COMMIT_SECTOR_BATCH2,
        .params = &params,
        .max_fee = ops->precommit_max_fee,
        .uuid = precommit->uuid,
    };
    SLK_TRY(slk_chain_precommit_deposit(ops->chain, &sending.value, precommit->sector.sp_id,
                                        &sector, NULL, error));
    return send_message(ret, ops, &sending, error);
}

/* max(0, pledge - deposit on chain). source: reference/chain 1.7 */
static slk_err commit_value(slk_bigint *ret, slk_chain_ops *ops, const slk_seal_commit *commit,
                            slk_error *error)
{
    slk_seal_proof proof;
    SLK_TRY(slk_seal_proof_registered(&proof, commit->sector.seal_proof, error));
    slk_tipset head;
    SLK_TRY(slk_chain_head(ops->chain, &head, error));
    slk_bigint pledge;
    SLK_TRY(slk_chain_initial_pledge(ops->chain, &pledge, commit->expiration - head.height,
                                     proof.shape->bytes, 0, &head, error));
    bool found = false;
    slk_precommit_info info;
    SLK_TRY(slk_chain_precommit_info(ops->chain, &found, &info, commit->sector.sp_id,
                                     commit->sector.number, NULL, error));
    if (!found)
        return slk_fail(error, SLK_E_CONFLICT, "the chain has no pre-commit of the sector");
    *ret = slk_bigint_sub_floor(&pledge, &info.deposit);
    return SLK_OK;
}

static slk_err chain_send_commit(void *ctx, slk_seal_sent *ret, const slk_seal_commit *commit,
                                 slk_error *error)
{
    slk_chain_ops *ops = ctx;
    const slk_sector_activation sector = {.sector_number = commit->sector.number};
    const slk_bytes_view proof = {.data = commit->proof, .n = commit->proof_bytes};
    const slk_prove_commit prove = {
        .sectors = &sector,
        .n_sectors = 1,
        .proofs = &proof,
        .n_proofs = 1,
        .require_activation_success = true,
        .require_notification_success = true,
    };
    SLK_CLEANUP(slk_buf_done) slk_buf params;
    slk_buf_init(&params, PARAMS_MAX_BYTES);
    if (slk_prove_commit_params_encode(&params, &prove) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a prove-commit");
    struct sending sending = {
        .miner_id = commit->sector.sp_id,
        .method = SLK_METHOD_PROVE_COMMIT_SECTORS3,
        .params = &params,
        .max_fee = ops->commit_max_fee,
        .uuid = commit->uuid,
    };
    SLK_TRY(commit_value(&sending.value, ops, commit, error));
    return send_message(ret, ops, &sending, error);
}

static slk_err chain_push_again(void *ctx, const char *signed_json, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    SLK_TRY(slk_json_parse(&json, signed_json, strlen(signed_json), 256u << 10, error));
    SLK_CLEANUP(slk_signed_message_done) slk_signed_message message = {0};
    SLK_TRY(slk_signed_message_from_json(&message, json, error));
    slk_chain_fault fault = {0};
    slk_assert(pthread_mutex_lock(&ops->push_lock) == 0);
    const slk_err code = slk_chain_push_signed(ops->chain, &message, &fault, error);
    slk_assert(pthread_mutex_unlock(&ops->push_lock) == 0);
    if (code != SLK_OK && (fault.already_pending || fault.nonce_too_low))
        return SLK_OK;
    return code;
}

static slk_err chain_search(void *ctx, slk_seal_landing *ret, const char *message_cid,
                            slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_seal_landing out = {.kind = SLK_SEAL_PENDING};
    slk_cid cid;
    SLK_TRY(slk_cid_parse(&cid, message_cid, error));
    slk_tipset head, deep;
    SLK_TRY(slk_chain_head(ops->chain, &head, error));
    if (head.height < SLK_MESSAGE_CONFIDENCE) {
        *ret = out;
        return SLK_OK;
    }
    SLK_TRY(
        slk_chain_tipset_at(ops->chain, &deep, head.height - SLK_MESSAGE_CONFIDENCE, &head, error));
    slk_chain_fault fault = {0};
    SLK_CLEANUP(slk_msg_lookup_done) slk_msg_lookup lookup = {0};
    const slk_err code = slk_chain_search(ops->chain, &lookup, &cid, &deep, &fault, error);
    if (code != SLK_OK && fault.message_unknown)
        out.kind = SLK_SEAL_UNKNOWN;
    else if (code != SLK_OK && fault.replaced_by_other)
        out.kind = SLK_SEAL_REPLACED;
    else
        SLK_TRY(code);
    if (code == SLK_OK && lookup.found) {
        out.kind = SLK_SEAL_LANDED;
        out.exit_code = lookup.exit_code;
        out.height = lookup.height;
        out.return_cut = lookup.n_return > sizeof out.return_value;
        out.return_bytes = out.return_cut ? 0 : lookup.n_return;
        if (out.return_bytes > 0)
            memcpy(out.return_value, lookup.return_bytes, out.return_bytes);
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
    SLK_TRY(slk_chain_sender_balance(ops->chain, &sender, &info, error));
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
        .send_precommit = chain_send_precommit,
        .send_commit = chain_send_commit,
        .push_again = chain_push_again,
        .search = chain_search,
        .funds = chain_funds,
    };
}
