/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Estimating, pushing and finding messages. */
#include "chain/chain_impl.h"

#include "base/mem.h"
#include "base/uuid.h"

#include <stdio.h>
#include <string.h>

static json_t *new_spec(const slk_bigint *max_fee, const char *uuid)
{
    return json_pack("{s:o, s:s, s:b}", "MaxFee", slk_json_new_bigint(max_fee), "MsgUuid", uuid,
                     "MaximizeFeeCap", 0);
}

static slk_err new_message(json_t **ret, const slk_message *message, slk_error *error)
{
    slk_err code = slk_message_to_json(ret, message, 'f');
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "no memory for a message");
}

slk_err slk_chain_estimate_gas(slk_chain *chain, slk_message *message, const slk_bigint *max_fee,
                               slk_chain_fault *ret_fault, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    json_t *input;
    SLK_TRY(new_message(&input, message, error));
    SLK_TRY(slk_chain_invoke(chain, &result, "GasEstimateMessageGas",
                             json_pack("[o, o, []]", input, new_spec(max_fee, SLK_UUID_NIL)),
                             SLK_CHAIN_SLOW, ret_fault, error));
    slk_message estimated = {0};
    slk_err code = slk_message_from_json(&estimated, result, error);
    if (code == SLK_OK && estimated.gas_limit <= 0)
        code = slk_fail(error, SLK_E_PROTO, "no gas limit");
    if (code != SLK_OK) {
        slk_message_done(&estimated);
        return slk_chain_breach(code, "GasEstimateMessageGas", error);
    }
    message->gas_limit = estimated.gas_limit;
    message->gas_fee_cap = estimated.gas_fee_cap;
    message->gas_premium = estimated.gas_premium;
    slk_message_done(&estimated);
    return SLK_OK;
}

/* Is `got` the call we asked for? Nonce, gas and sender are the node's to choose, and the value may
 * be that of an earlier try under the same uuid: deposits change from epoch to epoch. */
static bool same_call(const slk_message *asked, const slk_message *got)
{
    return slk_address_equal(&asked->to, &got->to) && asked->method == got->method &&
           asked->params_bytes == got->params_bytes &&
           (asked->params_bytes == 0 ||
            memcmp(asked->params, got->params, asked->params_bytes) == 0);
}

slk_err slk_chain_push(slk_chain *chain, slk_signed_message *ret_signed, const slk_message *message,
                       const slk_bigint *max_fee, const char *uuid, slk_chain_fault *ret_fault,
                       slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    json_t *input;
    if (message->nonce != 0)
        return slk_fail(error, SLK_E_INVAL, "a message to push must leave the nonce to the node");
    SLK_TRY(new_message(&input, message, error));
    SLK_TRY(slk_chain_invoke(chain, &result, "MpoolPushMessage",
                             json_pack("[o, o]", input, new_spec(max_fee, uuid)), SLK_CHAIN_PUSH,
                             ret_fault, error));
    slk_signed_message pushed = {0};
    slk_err code = slk_signed_message_from_json(&pushed, result, error);
    if (code == SLK_OK && !same_call(message, &pushed.message))
        code = slk_fail(error, SLK_E_PROTO, "another message than the one given");
    if (code != SLK_OK) {
        slk_signed_message_done(&pushed);
        return slk_chain_breach(code, "MpoolPushMessage", error);
    }
    *ret_signed = pushed;
    return SLK_OK;
}

/* Looks in one node's pool. */
static slk_err find_in_pool(slk_chain *chain, size_t node, bool *ret_found,
                            slk_signed_message *ret_signed, const slk_message *like,
                            slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *pool = NULL;
    SLK_TRY(slk_chain_invoke_at(chain, node, &pool, "MpoolPending", json_pack("[[]]"),
                                SLK_CHAIN_SLOW, NULL, error));
    for (size_t i = 0; i < json_array_size(pool); i++) {
        slk_signed_message m = {0};
        slk_error ignored; /* a message of a kind we do not know is not ours */
        if (slk_signed_message_from_json(&m, json_array_get(pool, i), &ignored) != SLK_OK)
            continue;
        if (same_call(like, &m.message)) {
            *ret_signed = m;
            *ret_found = true;
            return SLK_OK;
        }
        slk_signed_message_done(&m);
    }
    return SLK_OK;
}

slk_err slk_chain_find_pending(slk_chain *chain, bool *ret_found, bool *ret_asked,
                               slk_signed_message *ret_signed, const slk_message *like,
                               const char *node, slk_error *error)
{
    bool found = false, answered = false, asked = false;
    slk_err code = SLK_E_UNREACHABLE;
    for (size_t i = 0; i < chain->n_nodes && !found; i++) {
        code = find_in_pool(chain, i, &found, ret_signed, like, error);
        answered = answered || code == SLK_OK;
        asked = asked || (code == SLK_OK && slk_chain_is_named(chain, i, node));
    }
    if (!answered)
        return code;
    *ret_asked = asked;
    *ret_found = found;
    return SLK_OK;
}

slk_err slk_chain_sign(slk_chain *chain, slk_signed_message *ret_signed, const slk_message *message,
                       slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    json_t *input;
    SLK_TRY(new_message(&input, message, error));
    SLK_TRY(slk_chain_invoke(chain, &result, "WalletSignMessage",
                             json_pack("[o, o]", slk_chain_json_address(&message->from), input),
                             SLK_CHAIN_READ, NULL, error));
    slk_signed_message signed_message = {0};
    slk_err code = slk_signed_message_from_json(&signed_message, result, error);
    if (code == SLK_OK && (!same_call(message, &signed_message.message) ||
                           signed_message.message.nonce != message->nonce))
        code = slk_fail(error, SLK_E_PROTO, "another message than the one given");
    if (code != SLK_OK) {
        slk_signed_message_done(&signed_message);
        return slk_chain_breach(code, "WalletSignMessage", error);
    }
    *ret_signed = signed_message;
    return SLK_OK;
}

slk_err slk_chain_push_signed(slk_chain *chain, const slk_signed_message *message,
                              slk_chain_fault *ret_fault, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    json_t *input;
    slk_err code = slk_signed_message_to_json(&input, message, 'f');
    if (code != SLK_OK)
        return slk_fail(error, code, "no memory for a message");
    return slk_chain_invoke(chain, &result, "MpoolPush", json_pack("[o]", input), SLK_CHAIN_SLOW,
                            ret_fault, error);
}

void slk_msg_lookup_done(slk_msg_lookup *lookup)
{
    slk_free(lookup->return_bytes);
    *lookup = (slk_msg_lookup){0};
}

static slk_err read_lookup(slk_msg_lookup *lookup, const json_t *value, slk_error *error)
{
    json_t *receipt;
    SLK_TRY(slk_json_cid(&lookup->message, value, "Message", error));
    SLK_TRY(slk_json_i64(&lookup->height, value, "Height", error));
    SLK_TRY(slk_json_object(&receipt, value, "Receipt", error));
    SLK_TRY(slk_json_i64(&lookup->exit_code, receipt, "ExitCode", error));
    SLK_TRY(slk_json_i64(&lookup->gas_used, receipt, "GasUsed", error));
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, SLK_MESSAGE_PARAMS_MAX);
    SLK_TRY(slk_json_bytes(&bytes, receipt, "Return", error));
    lookup->n_return = bytes.len;
    lookup->return_bytes = (uint8_t *)slk_buf_take(&bytes);
    if (lookup->return_bytes == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a receipt");
    lookup->found = true;
    return SLK_OK;
}

slk_err slk_chain_search(slk_chain *chain, slk_msg_lookup *ret_lookup, const slk_cid *message,
                         const slk_tipset *tipset, slk_chain_fault *ret_fault, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(slk_chain_invoke(
        chain, &result, "StateSearchMsg",
        json_pack("[o, o, i, b]", slk_chain_json_key(tipset), slk_json_new_cid(message), -1, 1),
        SLK_CHAIN_READ, ret_fault, error));
    slk_msg_lookup lookup = {0};
    if (!json_is_null(result)) {
        slk_err code = read_lookup(&lookup, result, error);
        if (code != SLK_OK) {
            slk_msg_lookup_done(&lookup);
            return slk_chain_breach(code, "StateSearchMsg", error);
        }
    }
    *ret_lookup = lookup;
    return SLK_OK;
}
