/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One message. source: reference/chain 4.4 */
#include "devnet/devnet_impl.h"

#include "base/mem.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>

/* Gas is charged by method and size, roughly as Lotus's meter would. */
#define GAS_SEND 500000
#define GAS_PRE_COMMIT 15000000
#define GAS_PROVE 40000000
#define GAS_PER_PARAM_BYTE 1300
#define RETURN_MAX_BYTES 65536u

void slk_dev_result_fail(slk_dev_result *result, int64_t exit_code, const char *format, ...)
{
    va_list args;
    result->exit_code = exit_code;
    slk_buf_reset(&result->returned);
    va_start(args, format);
    vsnprintf(result->why, sizeof result->why, format, args);
    va_end(args);
}

int64_t slk_dev_gas_of(const slk_message *message)
{
    int64_t gas = (int64_t)message->params_bytes * GAS_PER_PARAM_BYTE;
    if (message->method == SLK_METHOD_PRE_COMMIT_SECTOR_BATCH2)
        return gas + GAS_PRE_COMMIT;
    if (message->method == SLK_METHOD_PROVE_COMMIT_SECTORS3)
        return gas + GAS_PROVE;
    return gas + GAS_SEND;
}

/* fee_cap * gas_limit + value; false on overflow. */
static bool cost_of(slk_bigint *ret, const slk_message *message)
{
    return slk_bigint_mul_u64(ret, &message->gas_fee_cap, slk_u64(message->gas_limit)) == SLK_OK &&
           slk_bigint_add(ret, ret, &message->value) == SLK_OK;
}

bool slk_dev_includable(const slk_devnet *devnet, const slk_message *message)
{
    const slk_dev_actor *sender = slk_dev_actor_find(devnet, &message->from);
    slk_bigint cost;
    if (sender == NULL || sender->is_miner || message->gas_limit < 0)
        return false;
    slk_dev_funds funds = slk_dev_funds_latest(sender);
    return funds.nonce == message->nonce && cost_of(&cost, message) &&
           slk_bigint_cmp(&funds.balance, &cost) >= 0;
}

/* Nonce and gas: what stays even when the message fails. The price is base fee and premium, at
 * most the fee cap. */
static slk_err charge(slk_devnet *devnet, slk_dev_actor *sender, const slk_message *m,
                      int64_t gas_used)
{
    slk_dev_funds funds = slk_dev_funds_latest(sender);
    slk_bigint price = slk_bigint_from_u64(DEVNET_BASE_FEE), fee = {{0}};
    if (slk_bigint_add(&price, &price, &m->gas_premium) != SLK_OK ||
        slk_bigint_cmp(&price, &m->gas_fee_cap) > 0)
        price = m->gas_fee_cap;
    if (slk_bigint_mul_u64(&fee, &price, slk_u64(gas_used)) != SLK_OK)
        fee = funds.balance;
    funds.nonce++;
    funds.balance = slk_bigint_sub_floor(&funds.balance, &fee);
    return slk_dev_funds_set(devnet, sender, funds);
}

/* Moves the value; the receiver is made when it is a key address never seen. */
static slk_err move_value(slk_devnet *devnet, slk_dev_result *result, slk_dev_actor **ret_receiver,
                          slk_dev_actor *sender, const slk_message *m)
{
    slk_dev_actor *receiver = slk_dev_actor_find(devnet, &m->to);
    uint64_t id;
    if (receiver == NULL && (slk_address_id(&id, &m->to) || m->to.bytes[0] == 2)) {
        slk_dev_result_fail(result, SLK_EXIT_INVALID_RECEIVER, "no such actor");
        return SLK_OK;
    }
    if (receiver == NULL)
        SLK_TRY(slk_dev_account_new(devnet, &receiver, &m->to));
    slk_dev_funds from = slk_dev_funds_latest(sender);
    if (slk_bigint_sub(&from.balance, &from.balance, &m->value) != SLK_OK) {
        slk_dev_result_fail(result, SLK_EXIT_INSUFFICIENT_FUNDS, "sender cannot pay the value");
        return SLK_OK;
    }
    SLK_TRY(slk_dev_funds_set(devnet, sender, from));
    slk_dev_funds to = slk_dev_funds_latest(receiver);
    if (slk_bigint_add(&to.balance, &to.balance, &m->value) != SLK_OK) {
        slk_dev_result_fail(result, SLK_EXIT_ILLEGAL_STATE, "balance overflow");
        return SLK_OK;
    }
    *ret_receiver = receiver;
    return slk_dev_funds_set(devnet, receiver, to);
}

static slk_err run_method(slk_devnet *devnet, slk_dev_result *result, slk_dev_actor *receiver,
                          const slk_dev_actor *sender, const slk_message *m)
{
    if (m->method == SLK_METHOD_SEND)
        return SLK_OK;
    bool controlling = receiver->owner == sender->id || receiver->worker == sender->id;
    if (receiver->is_miner && m->method == SLK_METHOD_PRE_COMMIT_SECTOR_BATCH2)
        return slk_dev_execute_precommit(devnet, result, receiver, controlling, m);
    if (receiver->is_miner && m->method == SLK_METHOD_PROVE_COMMIT_SECTORS3)
        return slk_dev_execute_prove(devnet, result, receiver, controlling, m);
    slk_dev_result_fail(result, SLK_EXIT_UNHANDLED_MESSAGE, "method %llu is not known here",
                        (unsigned long long)m->method);
    return SLK_OK;
}

slk_err slk_dev_execute(slk_devnet *devnet, slk_dev_result *result, const slk_message *message,
                        int64_t forced_exit)
{
    slk_dev_actor *sender = slk_dev_actor_find(devnet, &message->from), *receiver = NULL;
    *result = (slk_dev_result){.gas_used = slk_dev_gas_of(message)};
    slk_buf_init(&result->returned, RETURN_MAX_BYTES);
    slk_assert(sender != NULL);
    if (message->gas_limit < result->gas_used) {
        result->gas_used = message->gas_limit;
        SLK_TRY(charge(devnet, sender, message, result->gas_used));
        slk_dev_result_fail(result, SLK_EXIT_OUT_OF_GAS, "out of gas");
        return SLK_OK;
    }
    SLK_TRY(charge(devnet, sender, message, result->gas_used));
    uint64_t mark = devnet->seq;
    if (forced_exit != 0)
        slk_dev_result_fail(result, forced_exit, "failure asked for by Devnet.FailNext");
    else
        SLK_TRY(move_value(devnet, result, &receiver, sender, message));
    if (result->exit_code == SLK_EXIT_OK)
        SLK_TRY(run_method(devnet, result, receiver, sender, message));
    if (result->exit_code != SLK_EXIT_OK)
        slk_dev_rollback(devnet, mark);
    return SLK_OK;
}
