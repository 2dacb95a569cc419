/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Estimating, pushing, finding messages. source: reference/chain 1.7, 1.8, 3.2, 4.4 */
#include "devnet/devnet_impl.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/uuid.h"
#include "fil/policy.h"

#include <stdio.h>
#include <string.h>

#define PREMIUM 100000u
#define FEE_CAP 101054u /* base fee * 1.125^20 + premium */
#define DEFAULT_MAX_FEE UINT64_C(70000000000000000)
#define REPLACE_PERCENT 110u

/* Reads the message at position 0 and puts the sender's key address into From. NULL: *error set. */
static slk_dev_actor *read_message(slk_devnet *devnet, slk_message *m, const json_t *value,
                                   slk_dev_rpc_error *error)
{
    slk_error why = {0};
    if (slk_message_from_json(m, value, &why) != SLK_OK) {
        slk_dev_rpc_fail(error, -32700, "unmarshaling params: %s", why.message);
        return NULL;
    }
    slk_dev_actor *sender = slk_dev_actor_find(devnet, &m->from);
    if (sender == NULL || sender->is_miner) {
        slk_dev_rpc_fail(error, sender == NULL ? 11 : 1, "getting key address: actor not found");
        return NULL;
    }
    m->from = sender->key;
    return sender;
}

static void revert_text(const slk_dev_result *result, slk_dev_rpc_error *error)
{
    char name[48];
    slk_exit_name(name, sizeof name, result->exit_code);
    slk_dev_rpc_fail(
        error, 3,
        "message execution failed (exit=[%s], vm error=[message failed with backtrace:\n"
        "00: method -- %s (%lld)\n])",
        name, result->why, (long long)result->exit_code);
}

static void set_fees(slk_message *m, const slk_bigint *max_fee)
{
    slk_bigint limit = *max_fee, premium = slk_bigint_from_u64(PREMIUM);
    if (slk_bigint_is_zero(&limit))
        limit = slk_bigint_from_u64(DEFAULT_MAX_FEE);
    limit = slk_bigint_div_u64(&limit, slk_u64(m->gas_limit));
    if (slk_bigint_is_zero(&m->gas_premium))
        m->gas_premium = premium;
    if (slk_bigint_is_zero(&m->gas_fee_cap))
        m->gas_fee_cap = slk_bigint_from_u64(FEE_CAP);
    if (slk_bigint_cmp(&m->gas_fee_cap, &limit) > 0)
        m->gas_fee_cap = limit;
    if (slk_bigint_cmp(&m->gas_premium, &m->gas_fee_cap) > 0)
        m->gas_premium = m->gas_fee_cap;
}

/* Fills missing gas fields of *m, the limit by a dry run; one with a limit is not run.
 * source: filecoin-project/lotus node/impl/full/gas.go */
static bool estimate(slk_devnet *devnet, slk_message *m, const slk_bigint *max_fee,
                     slk_dev_rpc_error *error)
{
    slk_dev_result result = {0};
    slk_err code = m->gas_limit == 0 ? slk_dev_dry_run(devnet, &result, m) : SLK_OK;
    bool ok = code == SLK_OK && result.exit_code == SLK_EXIT_OK;
    if (code == SLK_OK && !ok)
        revert_text(&result, error);
    if (ok && m->gas_limit == 0)
        m->gas_limit = result.gas_used + result.gas_used / 4;
    if (ok)
        set_fees(m, max_fee);
    slk_buf_done(&result.returned);
    return ok;
}

typedef struct spec {
    slk_bigint max_fee;
    char uuid[40]; /* "" none */
} spec;

static bool read_spec(spec *s, const json_t *value, slk_dev_rpc_error *error)
{
    *s = (spec){0};
    slk_error why = {0};
    if (json_is_null(value))
        return true;
    const char *uuid = json_string_value(json_object_get(value, "MsgUuid"));
    bool ok = json_is_object(value);
    if (ok && json_object_get(value, "MaxFee") != NULL)
        ok = slk_json_bigint(&s->max_fee, value, "MaxFee", &why) == SLK_OK;
    if (uuid != NULL && strcmp(uuid, SLK_UUID_NIL) != 0) {
        ok = ok && strlen(uuid) == strlen(SLK_UUID_NIL);
        snprintf(s->uuid, sizeof s->uuid, "%s", uuid);
    }
    if (!ok)
        slk_dev_rpc_fail(error, -32700, "unmarshaling params: bad message send spec %s",
                         why.message);
    return ok;
}

static json_t *message_json(const slk_message *m)
{
    json_t *value = NULL;
    return slk_message_to_json(&value, m, DEVNET_NETWORK_LETTER) == SLK_OK ? value : NULL;
}

static json_t *signed_json(const slk_signed_message *m)
{
    json_t *value = NULL;
    return slk_signed_message_to_json(&value, m, DEVNET_NETWORK_LETTER) == SLK_OK ? value : NULL;
}

static json_t *gas_estimate(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    slk_message m = {0};
    spec s;
    int64_t view;
    json_t *value = NULL;
    if (read_message(devnet, &m, json_array_get(params, 0), error) != NULL &&
        read_spec(&s, json_array_get(params, 1), error) &&
        slk_dev_rpc_view(devnet, &view, params, 2, error) &&
        estimate(devnet, &m, &s.max_fee, error))
        value = message_json(&m);
    slk_message_done(&m);
    return value;
}

/* What the pool checks of any message. error->message says why not. */
static bool pool_accepts(slk_devnet *devnet, const slk_dev_actor *sender,
                         const slk_signed_message *m, slk_dev_rpc_error *error)
{
    const slk_message *inner = &m->message;
    slk_dev_funds funds = slk_dev_funds_latest(sender);
    slk_bigint cost = {{0}};
    char have[SLK_BIGINT_TEXT_CHARS], need[SLK_BIGINT_TEXT_CHARS];
    if (inner->params_bytes + 1024 > SLK_MESSAGE_MAX_BYTES) {
        slk_dev_rpc_fail(error, 1, "mpool push: message too large");
        return false;
    }
    if (inner->gas_limit <= 0 || inner->gas_limit > INT64_C(10000000000)) {
        slk_dev_rpc_fail(error, 1,
                         "mpool push: message will not be included in a block: "
                         "'GasLimit' field is out of range");
        return false;
    }
    if (inner->nonce < funds.nonce) {
        slk_dev_rpc_fail(error, 1,
                         "minimum expected nonce is %llu, got %llu: message nonce too low",
                         (unsigned long long)funds.nonce, (unsigned long long)inner->nonce);
        return false;
    }
    if (slk_bigint_mul_u64(&cost, &inner->gas_fee_cap, slk_u64(inner->gas_limit)) != SLK_OK ||
        slk_bigint_add(&cost, &cost, &inner->value) != SLK_OK ||
        slk_bigint_cmp(&funds.balance, &cost) < 0) {
        slk_bigint_print(have, &funds.balance);
        slk_bigint_print(need, &cost);
        slk_dev_rpc_fail(error, 1, "mpool push: not enough funds: %s < %s", have, need);
        return false;
    }
    (void)devnet;
    return true;
}

/* Another message of the same sender and nonce waiting? It may only be outbid. */
static bool replaces_fairly(slk_devnet *devnet, const slk_dev_actor *sender,
                            const slk_signed_message *m, slk_dev_rpc_error *error)
{
    slk_cid cid;
    if (slk_signed_message_cid(&cid, m) != SLK_OK)
        return false;
    for (size_t i = devnet->first_pending; i < devnet->n_messages; i++) {
        const slk_dev_message *old = &devnet->messages[i];
        const slk_message *inner = &old->signed_message.message;
        if (old->included >= 0 || old->dropped || inner->nonce != m->message.nonce ||
            slk_dev_actor_find(devnet, &inner->from) != sender)
            continue;
        if (slk_cid_equal(&old->cid, &cid)) {
            slk_dev_rpc_fail(
                error, 1,
                "failed to add locked: message with nonce %llu already in mpool: message "
                "with nonce already exists",
                (unsigned long long)inner->nonce);
            return false;
        }
        slk_bigint least = inner->gas_premium;
        char text[SLK_BIGINT_TEXT_CHARS];
        if (slk_bigint_mul_u64(&least, &least, REPLACE_PERCENT) != SLK_OK)
            return false;
        least = slk_bigint_div_u64(&least, 100);
        if (slk_bigint_cmp(&m->message.gas_premium, &least) > 0)
            continue;
        slk_bigint_print(text, &least);
        slk_dev_rpc_fail(
            error, 1,
            "mpool push: message from sender with nonce %llu already in mpool, increase "
            "GasPremium to %s from the old one to trigger replace by fee: replace by fee "
            "has too low GasPremium",
            (unsigned long long)inner->nonce, text);
        return false;
    }
    return true;
}

/* Into the pool, and on with the chain when each message makes an epoch. Takes *m over. */
static json_t *add(slk_devnet *devnet, slk_signed_message *m, const char *uuid, bool want_cid,
                   slk_dev_rpc_error *error)
{
    slk_dev_message *added;
    slk_error why = {0};
    if (slk_dev_pool_add(devnet, &added, m, uuid, &why) != SLK_OK)
        return slk_dev_rpc_fail_error(error, &why);
    json_t *value = want_cid ? slk_json_new_cid(&added->cid) : signed_json(&added->signed_message);
    if (devnet->options.clock == SLK_DEVNET_ON_MESSAGE &&
        slk_dev_epoch_make(devnet, 1, false, &why) != SLK_OK) {
        json_decref(value);
        return slk_dev_rpc_fail_error(error, &why);
    }
    return value;
}

static bool sign(slk_signed_message *m, const slk_dev_actor *sender, slk_dev_rpc_error *error)
{
    slk_cid cid;
    if (!sender->has_secret) {
        slk_dev_rpc_fail(error, 1, "failed to sign message: key not found in wallet");
        return false;
    }
    if (slk_message_cid(&cid, &m->message) != SLK_OK)
        return false;
    m->signature_type = SLK_SIGNATURE_BLS;
    m->signature_bytes = 96;
    slk_dev_key_sign(sender->secret, cid.bytes, cid.len, m->signature);
    return true;
}

/* MpoolPushMessage without what came before under the same uuid. */
static json_t *push_new(slk_devnet *devnet, slk_signed_message *m, const slk_dev_actor *sender,
                        const spec *s, slk_dev_rpc_error *error)
{
    if (m->message.nonce != 0)
        return slk_dev_rpc_fail(error, 1,
                                "MpoolPushMessage expects message nonce to be 0, was %llu",
                                (unsigned long long)m->message.nonce);
    if (!estimate(devnet, &m->message, &s->max_fee, error)) {
        if (error->code == 3) { /* wrapping loses the code */
            char inner[sizeof error->message];
            snprintf(inner, sizeof inner, "%s", error->message);
            slk_dev_rpc_fail(error, 1, "GasEstimateMessageGas error: %s", inner);
        }
        return NULL;
    }
    m->message.nonce = slk_dev_pool_next_nonce(devnet, sender);
    if (!pool_accepts(devnet, sender, m, error) || !sign(m, sender, error))
        return NULL;
    return add(devnet, m, s->uuid, false, error);
}

static json_t *push_message(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    slk_signed_message m = {0};
    spec s;
    json_t *value = NULL;
    if (!read_spec(&s, json_array_get(params, 1), error))
        return NULL;
    const slk_dev_message *earlier =
        s.uuid[0] == 0 ? NULL : slk_dev_message_by_uuid(devnet, s.uuid);
    if (earlier != NULL)
        return signed_json(&earlier->signed_message);
    const slk_dev_actor *sender =
        read_message(devnet, &m.message, json_array_get(params, 0), error);
    if (sender != NULL)
        value = push_new(devnet, &m, sender, &s, error);
    slk_signed_message_done(&m);
    return value;
}

static json_t *push_signed(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    slk_signed_message m = {0};
    slk_error why = {0};
    json_t *value = NULL;
    if (slk_signed_message_from_json(&m, json_array_get(params, 0), &why) != SLK_OK)
        return slk_dev_rpc_fail(error, -32700, "unmarshaling params: %s", why.message);
    const slk_dev_actor *sender = slk_dev_actor_find(devnet, &m.message.from);
    if (sender == NULL || sender->is_miner)
        slk_dev_rpc_fail(error, 1, "mpool push: not enough funds: actor not found");
    else if (!slk_dev_key_verify(&m))
        slk_dev_rpc_fail(error, 1, "mpool push: signature verification failed");
    else if (pool_accepts(devnet, sender, &m, error) && replaces_fairly(devnet, sender, &m, error))
        value = add(devnet, &m, "", true, error);
    slk_signed_message_done(&m);
    return value;
}

static json_t *sign_message(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    slk_signed_message m = {0};
    slk_error why = {0};
    json_t *value = NULL;
    const slk_dev_actor *signer = slk_dev_rpc_actor(devnet, params, 0, error);
    if (signer == NULL)
        return NULL;
    if (slk_message_from_json(&m.message, json_array_get(params, 1), &why) != SLK_OK)
        return slk_dev_rpc_fail(error, -32700, "unmarshaling params: %s", why.message);
    if (sign(&m, signer, error))
        value = signed_json(&m);
    slk_signed_message_done(&m);
    return value;
}

static json_t *sign_bytes(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    uint8_t signature[96];
    slk_error why = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, 1u << 20);
    const slk_dev_actor *signer = slk_dev_rpc_actor(devnet, params, 0, error);
    if (signer == NULL)
        return NULL;
    if (slk_json_as_bytes(&bytes, json_array_get(params, 1), "bytes", &why) != SLK_OK)
        return slk_dev_rpc_fail(error, -32700, "unmarshaling params: %s", why.message);
    if (!signer->has_secret)
        return slk_dev_rpc_fail(error, 1, "key not found in wallet");
    slk_dev_key_sign(signer->secret, (const uint8_t *)slk_buf_str(&bytes), bytes.len, signature);
    return json_pack("{s:i, s:o}", "Type", SLK_SIGNATURE_BLS, "Data",
                     slk_json_new_bytes(signature, 96));
}

static json_t *get_nonce(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    const slk_dev_actor *actor = slk_dev_rpc_actor(devnet, params, 0, error);
    return actor == NULL ? NULL : json_integer((json_int_t)slk_dev_pool_next_nonce(devnet, actor));
}

static json_t *pool_pending(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    if (!slk_dev_rpc_view(devnet, &view, params, 0, error))
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < devnet->n_messages && list != NULL; i++) {
        const slk_dev_message *m = &devnet->messages[i];
        if (m->included >= 0 || m->dropped)
            continue;
        if (json_array_append_new(list, signed_json(&m->signed_message)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *fee_cap(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)devnet;
    (void)params;
    (void)error;
    slk_bigint v = slk_bigint_from_u64(FEE_CAP);
    return slk_json_new_bigint(&v);
}

static json_t *premium(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)devnet;
    (void)params;
    (void)error;
    slk_bigint v = slk_bigint_from_u64(PREMIUM);
    return slk_json_new_bigint(&v);
}

static json_t *lookup_json(const slk_devnet *devnet, const slk_dev_message *m)
{
    int64_t executed = slk_dev_block_after(devnet, m->included + 1);
    slk_assert(executed > m->included);
    return json_pack("{s:o, s:{s:I, s:o, s:I, s:n}, s:n, s:o, s:I}", "Message",
                     slk_json_new_cid(&m->cid), "Receipt", "ExitCode", (json_int_t)m->exit_code,
                     "Return", slk_json_new_bytes(m->returned, m->n_returned), "GasUsed",
                     (json_int_t)m->gas_used, "EventsRoot", "ReturnDec", "TipSet",
                     slk_dev_block_key_json(devnet, executed), "Height", (json_int_t)executed);
}

static bool same_call(const slk_message *a, const slk_message *b)
{
    return slk_address_equal(&a->to, &b->to) && a->method == b->method &&
           slk_bigint_cmp(&a->value, &b->value) == 0 && a->params_bytes == b->params_bytes &&
           (a->params_bytes == 0 || memcmp(a->params, b->params, a->params_bytes) == 0);
}

/* The message executed before view with m's sender and nonce; m itself or what replaced it. */
static const slk_dev_message *executed_in_place(const slk_devnet *devnet, const slk_dev_message *m,
                                                int64_t view)
{
    const slk_message *inner = &m->signed_message.message;
    const slk_dev_actor *sender = slk_dev_actor_find(devnet, &inner->from);
    for (size_t i = 0; i < devnet->n_messages; i++) {
        const slk_dev_message *other = &devnet->messages[i];
        if (other->included >= 0 && other->included < view &&
            other->signed_message.message.nonce == inner->nonce &&
            slk_dev_actor_find(devnet, &other->signed_message.message.from) == sender)
            return other;
    }
    return NULL;
}

static json_t *search(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view, limit;
    slk_cid cid;
    slk_error why = {0};
    if (!slk_dev_rpc_view(devnet, &view, params, 0, error))
        return NULL;
    if (slk_json_as_cid(&cid, json_array_get(params, 1), "message", &why) != SLK_OK)
        return slk_dev_rpc_fail(error, -32700, "unmarshaling params: %s", why.message);
    if (!slk_dev_rpc_i64(&limit, params, 2, error))
        return NULL;
    const slk_dev_message *m = slk_dev_message_by_cid(devnet, &cid);
    char text[SLK_CID_TEXT_CHARS];
    slk_cid_print(text, &cid);
    if (m == NULL)
        return slk_dev_rpc_fail(error, 1, "failed to load message: ipld: could not find %s", text);
    const slk_dev_message *landed = executed_in_place(devnet, m, view);
    if (landed == NULL)
        return json_null();
    if (slk_cid_equal(&landed->cid, &cid))
        return lookup_json(devnet, landed);
    if (!json_is_true(json_array_get(params, 3)))
        return json_null();
    if (same_call(&landed->signed_message.message, &m->signed_message.message))
        return lookup_json(devnet, landed);
    return slk_dev_rpc_fail(
        error, 1,
        "failed to find message: found message with equal nonce as the one we are "
        "looking for that is NOT a valid replacement message (%s)",
        text);
}

static json_t *get_message(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    slk_cid cid;
    slk_error why = {0};
    if (slk_json_as_cid(&cid, json_array_get(params, 0), "message", &why) != SLK_OK)
        return slk_dev_rpc_fail(error, -32700, "unmarshaling params: %s", why.message);
    const slk_dev_message *m = slk_dev_message_by_cid(devnet, &cid);
    if (m == NULL)
        return slk_dev_rpc_fail(error, 1, "ipld: could not find message");
    return message_json(&m->signed_message.message);
}

const slk_dev_rpc_method slk_dev_rpc_pool_methods[] = {
    {"Filecoin.GasEstimateMessageGas", SLK_RPC_READ, 3, gas_estimate},
    {"Filecoin.GasEstimateFeeCap", SLK_RPC_READ, 3, fee_cap},
    {"Filecoin.GasEstimateGasPremium", SLK_RPC_READ, 4, premium},
    {"Filecoin.MpoolPushMessage", SLK_RPC_SIGN, 2, push_message},
    {"Filecoin.MpoolPush", SLK_RPC_WRITE, 1, push_signed},
    {"Filecoin.MpoolGetNonce", SLK_RPC_READ, 1, get_nonce},
    {"Filecoin.MpoolPending", SLK_RPC_READ, 1, pool_pending},
    {"Filecoin.WalletSignMessage", SLK_RPC_SIGN, 2, sign_message},
    {"Filecoin.WalletSign", SLK_RPC_SIGN, 2, sign_bytes},
    {"Filecoin.StateSearchMsg", SLK_RPC_READ, 4, search},
    {"Filecoin.ChainGetMessage", SLK_RPC_READ, 1, get_message},
    {NULL, 0, 0, NULL},
};
