/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages as seal/ops.h wants them: what they cost, who pays, what may be paid for gas. */
#include "app/chain_ops_impl.h"

#include "base/assume.h"
#include "base/mem.h"
#include "codec/json.h"
#include "fil/policy.h"
#include "fil/sector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A premium never grows beyond so many times what the node names for a new message. */
#define PREMIUM_TIMES 5u

static slk_err fill_sent(slk_seal_sent *ret, slk_chain_ops *ops, const slk_signed_message *message,
                         slk_error *error)
{
    slk_network network;
    slk_cid cid;
    char text[SLK_CID_TEXT_CHARS];
    slk_bigint max_fee = {{0}};
    SLK_TRY(slk_chain_ops_network(ops, &network, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf printed;
    slk_buf_init(&printed, SLK_SEAL_SIGNED_MAX_BYTES);
    slk_err code = slk_signed_message_cid(&cid, message);
    if (code == SLK_OK)
        code = slk_signed_message_to_json(&json, message, network.address_letter);
    if (code == SLK_OK)
        code = slk_json_print(&printed, json);
    if (code == SLK_OK)
        code = slk_bigint_mul_u64(&max_fee, &message->message.gas_fee_cap,
                                  (uint64_t)message->message.gas_limit);
    if (code != SLK_OK)
        return slk_fail(error, code, "the signed message cannot be kept");
    slk_cid_print(text, &cid);
    slk_seal_sent sent = {.message_cid = slk_strdup(text), .signed_json = slk_buf_take(&printed)};
    slk_bigint_print(sent.value, &message->message.value);
    slk_bigint_print(sent.max_fee, &max_fee);
    if (!sent.message_cid || !sent.signed_json) {
        slk_seal_sent_done(&sent);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a message");
    }
    *ret = sent;
    return SLK_OK;
}

/* The codes seal/ops.h promises for a message that the node refused. */
static slk_err refusal(slk_err code, const slk_chain_fault *fault, slk_error *error)
{
    if (fault->not_enough_funds)
        return slk_fail_context(error, SLK_E_LIMIT, "no sender can pay");
    if (fault->exit_code == SLK_EXIT_INSUFFICIENT_FUNDS ||
        fault->exit_code == SLK_EXIT_ACTOR_INSUFFICIENT_FUNDS)
        return slk_fail_context(error, SLK_E_LIMIT, "the funds do not suffice");
    if (fault->out_of_gas)
        return slk_fail_context(error, SLK_E_CONFLICT, "the miner actor would run out of gas");
    if (fault->exit_code > 0)
        return slk_fail_context(error, SLK_E_CONFLICT,
                                "the miner actor would refuse it (exit %" PRId64 ")",
                                fault->exit_code);
    return code;
}

/* ---- money ---- */

/* The most that gas for so many sectors may cost; zero leaves it to the node. */
static slk_bigint cap_of(const slk_chain_ops *ops, slk_seal_message_kind kind, size_t sectors)
{
    slk_bigint cap;
    if (slk_bigint_mul_u64(&cap, &ops->max_fee[kind], sectors) != SLK_OK)
        cap = ops->message_max_fee;
    const bool limited = !slk_bigint_is_zero(&ops->message_max_fee);
    if (limited && (slk_bigint_is_zero(&cap) || slk_bigint_cmp(&cap, &ops->message_max_fee) > 0))
        cap = ops->message_max_fee;
    return cap;
}

/* The deposit depends on the sector's size alone: one question for all of them.
 * source: reference/chain 1.7 */
static slk_err price_precommits(slk_bigint *ret, slk_chain_ops *ops,
                                const slk_seal_message *message, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_precommit *sectors = NULL;
    size_t n = 0;
    SLK_TRY(
        slk_precommit_params_decode(&sectors, &n, message->params, message->params_bytes, error));
    if (n == 0)
        return slk_fail(error, SLK_E_INVAL, "a pre-commit of no sectors");
    SLK_TRY(slk_chain_precommit_deposit(ops->chain, ret, message->sp_id, &sectors[0], NULL, error));
    if (slk_bigint_mul_u64(ret, ret, n) != SLK_OK)
        return slk_fail(error, SLK_E_PROTO, "the node names a deposit beyond all bounds");
    return SLK_OK;
}

/* Adds max(0, pledge - deposit on chain). source: reference/chain 1.7 */
static slk_err add_commit(slk_bigint *sum, slk_chain_ops *ops, const slk_tipset *head,
                          uint64_t sp_id, uint64_t number, slk_error *error)
{
    slk_precommit_info info;
    slk_seal_proof proof;
    slk_bigint pledge;
    bool found = false;
    SLK_TRY(slk_chain_precommit_info(ops->chain, &found, &info, sp_id, number, NULL, error));
    if (!found)
        return slk_fail(error, SLK_E_CONFLICT, "the chain has no pre-commit of sector %" PRIu64,
                        number);
    SLK_TRY(slk_seal_proof_registered(&proof, info.info.seal_proof, error));
    SLK_TRY(slk_chain_initial_pledge(ops->chain, &pledge, info.info.expiration - head->height,
                                     proof.shape->bytes, 0, head, error));
    pledge = slk_bigint_sub_floor(&pledge, &info.deposit);
    if (slk_bigint_add(sum, sum, &pledge) != SLK_OK)
        return slk_fail(error, SLK_E_PROTO, "the node names a pledge beyond all bounds");
    return SLK_OK;
}

static slk_err price_commits(slk_bigint *ret, slk_chain_ops *ops, const slk_seal_message *message,
                             slk_error *error)
{
    slk_tipset head;
    slk_bigint sum = {{0}};
    slk_prove_commit_decoded prove = {0};
    SLK_TRY(slk_chain_head(ops->chain, &head, error));
    SLK_TRY(slk_prove_commit_params_decode(&prove, message->params, message->params_bytes, error));
    slk_err code = SLK_OK;
    for (size_t i = 0; i < prove.params.n_sectors && code == SLK_OK; i++)
        code = add_commit(&sum, ops, &head, message->sp_id, prove.params.sectors[i].sector_number,
                          error);
    slk_prove_commit_decoded_done(&prove);
    if (code == SLK_OK)
        *ret = sum;
    return code;
}

slk_err slk_chain_ops_price(void *ctx, char ret_value[SLK_SEAL_ATTO_CHARS],
                            const slk_seal_message *message, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_bigint value;
    SLK_TRY(message->kind == SLK_SEAL_PRECOMMIT ? price_precommits(&value, ops, message, error)
                                                : price_commits(&value, ops, message, error));
    slk_bigint_print(ret_value, &value);
    return SLK_OK;
}

/* ---- sending ---- */

static slk_err fill_call(slk_message *ret, const slk_seal_message *message, slk_error *error)
{
    slk_address_from_id(&ret->to, message->sp_id);
    ret->method = message->kind == SLK_SEAL_PRECOMMIT ? SLK_METHOD_PRE_COMMIT_SECTOR_BATCH2
                                                      : SLK_METHOD_PROVE_COMMIT_SECTORS3;
    if (*message->value && slk_bigint_parse(&ret->value, message->value) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "the message's value is no amount");
    if (slk_message_set_params(ret, message->params, message->params_bytes) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a message");
    return SLK_OK;
}

/* The message with a sender in that node's wallet that can pay value and a tenth of the gas cap.
 * source: reference/chain 1.7 */
static slk_err fill_message(slk_message *ret, const slk_chain_ops *ops, slk_chain *node,
                            const slk_seal_message *message, const slk_bigint *cap,
                            slk_error *error)
{
    slk_miner_info info;
    SLK_TRY(fill_call(ret, message, error));
    SLK_TRY(slk_chain_miner_info(node, &info, message->sp_id, NULL, error));
    slk_bigint need = ret->value;
    const slk_bigint reserve = slk_bigint_div_u64(cap, 10);
    SLK_TRY(slk_bigint_add(&need, &need, &reserve));
    const slk_err code =
        slk_chain_choose_sender(node, &ret->from, &info, ops->control[message->kind],
                                ops->n_control[message->kind], &need, error);
    if (code == SLK_E_NOTFOUND)
        return slk_fail_context(error, SLK_E_LIMIT, "no sender can pay");
    return code;
}

/* A message and the node whose wallet pays it: they are chosen together. */
struct payer {
    slk_chain *node;
    slk_message message;
};

static void payer_done(struct payer *payer)
{
    slk_message_done(&payer->message);
    slk_chain_free(payer->node);
}

/* "Nobody can pay" says more than "no answer"; else the first failure counts. */
static slk_err find_payer(struct payer *ret, slk_chain_ops *ops, const slk_seal_message *message,
                          const slk_bigint *cap, slk_error *error)
{
    slk_err code = SLK_OK;
    for (size_t i = 0; i < slk_chain_nodes(ops->chain); i++) {
        struct payer payer = {0};
        slk_error why = {0};
        slk_err now = slk_chain_alone(&payer.node, ops->chain, i, &why);
        if (now == SLK_OK)
            now = fill_message(&payer.message, ops, payer.node, message, cap, &why);
        if (now == SLK_OK) {
            *ret = payer;
            return SLK_OK;
        }
        payer_done(&payer);
        if (i > 0 && (code == SLK_E_LIMIT || now != SLK_E_LIMIT))
            continue;
        code = now;
        if (error)
            *error = why;
    }
    return code;
}

/* A fee cap below the base fee would leave the message in the pool until the base fee falls: then it
 * had better not be sent. */
static slk_err check_gas(slk_chain_ops *ops, const slk_message *estimated, const slk_bigint *cap,
                         slk_error *error)
{
    slk_tipset head;
    slk_bigint cost;
    SLK_TRY(slk_chain_head(ops->chain, &head, error));
    if (slk_bigint_is_zero(cap) ||
        slk_bigint_mul_u64(&cost, &head.base_fee, (uint64_t)estimated->gas_limit) != SLK_OK ||
        slk_bigint_cmp(&cost, cap) <= 0)
        return SLK_OK;
    char costs[SLK_BIGINT_TEXT_CHARS], most[SLK_BIGINT_TEXT_CHARS];
    slk_bigint_print(costs, &cost);
    slk_bigint_print(most, cap);
    return slk_fail(error, SLK_E_LIMIT,
                    "gas costs %s attoFIL now, above the cap of %s: waiting for a lower base fee",
                    costs, most);
}

slk_err slk_chain_ops_rehearse(void *ctx, bool *ret_executes, const slk_seal_message *message,
                               slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_chain_fault fault = {0};
    const slk_bigint cap = cap_of(ops, message->kind, message->sectors);
    SLK_CLEANUP(payer_done) struct payer payer = {0};
    *ret_executes = false;
    SLK_TRY(find_payer(&payer, ops, message, &cap, error));
    const slk_err code = slk_chain_estimate_gas(payer.node, &payer.message, &cap, &fault, error);
    if (code != SLK_OK)
        return refusal(code, &fault, error);
    *ret_executes = true;
    return check_gas(ops, &payer.message, &cap, error);
}

slk_err slk_chain_ops_choose_node(void *ctx, char ret_node[SLK_SEAL_NODE_CHARS],
                                  const slk_seal_message *message, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_tipset head;
    const slk_bigint cap = cap_of(ops, message->kind, message->sectors);
    SLK_CLEANUP(payer_done) struct payer payer = {0};
    SLK_TRY(
        slk_chain_head(ops->chain, &head, error)); /* one that answers and keeps up comes first */
    SLK_TRY(find_payer(&payer, ops, message, &cap, error));
    static_assert(SLK_SEAL_NODE_CHARS >= SLK_CHAIN_NODE_CHARS, "every name has room");
    slk_chain_node_name(payer.node, ret_node);
    return SLK_OK;
}

slk_err slk_chain_ops_send(void *ctx, slk_seal_sent *ret, const slk_seal_message *message,
                           slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_chain_fault fault = {0};
    const slk_bigint cap = cap_of(ops, message->kind, message->sectors);
    SLK_CLEANUP(payer_done) struct payer payer = {0};
    SLK_CLEANUP(slk_signed_message_done) slk_signed_message pushed = {0};
    SLK_TRY(slk_chain_named(&payer.node, ops->chain, message->node, error));
    SLK_TRY(fill_message(&payer.message, ops, payer.node, message, &cap, error));
    slk_assert(pthread_mutex_lock(&ops->push_lock) == 0);
    const slk_err code =
        slk_chain_push(payer.node, &pushed, &payer.message, &cap, message->uuid, &fault, error);
    slk_assert(pthread_mutex_unlock(&ops->push_lock) == 0);
    if (code != SLK_OK)
        return refusal(code, &fault, error);
    return fill_sent(ret, ops, &pushed, error);
}

slk_err slk_chain_ops_find_pending(void *ctx, bool *ret_found, bool *ret_asked, slk_seal_sent *ret,
                                   const slk_seal_message *message, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    bool found = false;
    SLK_CLEANUP(slk_message_done) slk_message like = {0};
    SLK_CLEANUP(slk_signed_message_done) slk_signed_message pending = {0};
    SLK_TRY(fill_call(&like, message, error));
    SLK_TRY(slk_chain_find_pending(ops->chain, &found, ret_asked, &pending, &like, message->node,
                                   error));
    if (found)
        SLK_TRY(fill_sent(ret, ops, &pending, error));
    *ret_found = found;
    return SLK_OK;
}

/* ---- until it lands ---- */

static slk_err read_signed(slk_signed_message *ret, const char *signed_json, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    SLK_TRY(
        slk_json_parse(&json, signed_json, strlen(signed_json), SLK_SEAL_SIGNED_MAX_BYTES, error));
    return slk_signed_message_from_json(ret, json, error);
}

slk_err slk_chain_ops_push_again(void *ctx, const char *signed_json, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    SLK_CLEANUP(slk_signed_message_done) slk_signed_message message = {0};
    SLK_TRY(read_signed(&message, signed_json, error));
    slk_chain_fault fault = {0};
    slk_assert(pthread_mutex_lock(&ops->push_lock) == 0);
    const slk_err code = slk_chain_push_signed(ops->chain, &message, &fault, error);
    slk_assert(pthread_mutex_unlock(&ops->push_lock) == 0);
    if (code != SLK_OK && (fault.already_pending || fault.nonce_too_low))
        return SLK_OK;
    return code;
}

/* a * numerator / denominator + 1, so that it always grows. */
static slk_err grown(slk_bigint *ret, const slk_bigint *a, uint64_t numerator, uint64_t denominator)
{
    const slk_bigint one = slk_bigint_from_u64(1);
    slk_bigint v;
    SLK_TRY(slk_bigint_mul_u64(&v, a, numerator));
    v = slk_bigint_div_u64(&v, denominator);
    return slk_bigint_add(ret, &v, &one);
}

/* A premium that replaces the old one, and a fee cap for the base fee of now and half as much again,
 * within the cap, or without one within the node's own default.
 * source: reference/chain 1.8 */
static slk_err raise(slk_message *m, const slk_message *fresh, const slk_bigint *base_fee,
                     const slk_bigint *cap, slk_error *error)
{
    slk_bigint premium, fee_cap, dearest, most = fresh->gas_fee_cap;
    if (!slk_bigint_is_zero(cap))
        most = slk_bigint_div_u64(cap, (uint64_t)m->gas_limit);
    SLK_TRY(grown(&premium, &m->gas_premium, 5, 4));
    SLK_TRY(grown(&dearest, &fresh->gas_premium, PREMIUM_TIMES, 1));
    if (slk_bigint_cmp(&premium, &dearest) > 0)
        return slk_fail(
            error, SLK_E_LIMIT,
            "it is stuck although its premium is near %u times the usual: no higher fee",
            PREMIUM_TIMES);
    SLK_TRY(grown(&fee_cap, base_fee, 3, 2));
    SLK_TRY(slk_bigint_add(&fee_cap, &fee_cap, &premium));
    if (slk_bigint_cmp(&fee_cap, &m->gas_fee_cap) < 0)
        fee_cap = m->gas_fee_cap;
    if (slk_bigint_cmp(&fee_cap, &most) > 0)
        fee_cap = most;
    if (slk_bigint_cmp(&fee_cap, &premium) < 0 || slk_bigint_cmp(&fee_cap, base_fee) < 0)
        return slk_fail(error, SLK_E_LIMIT,
                        "it is stuck and the gas cap leaves no room for a higher fee");
    m->gas_premium = premium;
    m->gas_fee_cap = fee_cap;
    return SLK_OK;
}

/* The node whose wallet has the message's key. */
static slk_err find_signer(slk_chain **ret, slk_chain_ops *ops, const slk_address *from,
                           slk_error *error)
{
    slk_err code = SLK_OK;
    for (size_t i = 0; i < slk_chain_nodes(ops->chain); i++) {
        SLK_CLEANUP(slk_chain_freep) slk_chain *node = NULL;
        bool has = false;
        code = slk_chain_alone(&node, ops->chain, i, error);
        if (code == SLK_OK)
            code = slk_chain_wallet_has(node, &has, from, error);
        if (code != SLK_OK || !has)
            continue;
        *ret = node;
        node = NULL;
        return SLK_OK;
    }
    return code != SLK_OK ? code
                          : slk_fail(error, SLK_E_AUTH, "the sender's key is in no node's wallet");
}

/* A higher fee only helps the next message of its sender: others wait for those before them. */
static slk_err is_next(slk_chain *node, const slk_message *m, slk_error *error)
{
    uint64_t nonce = 0;
    slk_bigint balance;
    SLK_TRY(slk_chain_actor(node, &nonce, &balance, &m->from, NULL, error));
    if (nonce == m->nonce)
        return SLK_OK;
    return slk_fail(error, SLK_E_CONFLICT,
                    "its nonce is %" PRIu64 ", the sender's next on the chain is %" PRIu64,
                    m->nonce, nonce);
}

slk_err slk_chain_ops_raise_fee(void *ctx, slk_seal_sent *ret, slk_seal_message_kind kind,
                                size_t sectors, const char *signed_json, slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_tipset head;
    const slk_bigint cap = cap_of(ops, kind, sectors);
    SLK_CLEANUP(slk_chain_freep) slk_chain *node = NULL;
    SLK_CLEANUP(slk_signed_message_done) slk_signed_message old = {0};
    SLK_CLEANUP(slk_signed_message_done) slk_signed_message higher = {0};
    SLK_TRY(read_signed(&old, signed_json, error));
    if (old.message.gas_limit <= 0)
        return slk_fail(error, SLK_E_CORRUPT, "the stored message has no gas limit");
    SLK_TRY(find_signer(&node, ops, &old.message.from, error));
    SLK_TRY(is_next(node, &old.message, error));
    /* With its gas limit: the node executes nothing, names a premium and cuts the fee cap to its own
     * default. */
    const slk_bigint none = {{0}};
    slk_message fresh = old.message;
    fresh.gas_premium = none;
    fresh.gas_fee_cap = slk_bigint_from_u64(UINT64_MAX);
    SLK_TRY(slk_chain_estimate_gas(node, &fresh, &none, NULL, error));
    SLK_TRY(slk_chain_head(ops->chain, &head, error));
    SLK_TRY(raise(&old.message, &fresh, &head.base_fee, &cap, error));
    SLK_TRY(slk_chain_sign(node, &higher, &old.message, error));
    return fill_sent(ret, ops, &higher, error);
}

slk_err slk_chain_ops_search(void *ctx, slk_seal_landing *ret, const char *message_cid,
                             slk_error *error)
{
    slk_chain_ops *ops = ctx;
    slk_cid cid;
    slk_tipset head, deep;
    SLK_TRY(slk_cid_parse(&cid, message_cid, error));
    SLK_TRY(slk_chain_head(ops->chain, &head, error));
    ret->kind = SLK_SEAL_PENDING;
    if (head.height < SLK_MESSAGE_CONFIDENCE)
        return SLK_OK;
    SLK_TRY(
        slk_chain_tipset_at(ops->chain, &deep, head.height - SLK_MESSAGE_CONFIDENCE, &head, error));
    slk_chain_fault fault = {0};
    SLK_CLEANUP(slk_msg_lookup_done) slk_msg_lookup lookup = {0};
    const slk_err code = slk_chain_search(ops->chain, &lookup, &cid, &deep, &fault, error);
    if (code != SLK_OK && fault.message_unknown)
        ret->kind = SLK_SEAL_UNKNOWN;
    else if (code != SLK_OK && fault.replaced_by_other)
        ret->kind = SLK_SEAL_REPLACED;
    else
        SLK_TRY(code);
    if (code != SLK_OK || !lookup.found)
        return SLK_OK;
    ret->kind = SLK_SEAL_LANDED;
    ret->exit_code = lookup.exit_code;
    ret->height = lookup.height;
    ret->gas_used = lookup.gas_used;
    ret->return_bytes = lookup.n_return > sizeof ret->return_value ? 0 : lookup.n_return;
    if (ret->return_bytes > 0)
        memcpy(ret->return_value, lookup.return_bytes, ret->return_bytes);
    return SLK_OK;
}
