/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The control namespace for tests. source: reference/chain 4.5 */
#include "devnet/devnet_impl.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define ADVANCE_MAX 1000000

static json_t *make(slk_devnet *devnet, int64_t n, bool null_round, slk_dev_rpc_error *error)
{
    slk_error why = {0};
    if (n < 0 || n > ADVANCE_MAX)
        return slk_dev_rpc_fail(error, 1, "can make 0 to %d epochs at once", ADVANCE_MAX);
    if (slk_dev_epoch_make(devnet, (uint64_t)n, null_round, &why) != SLK_OK)
        return slk_dev_rpc_fail_error(error, &why);
    return json_integer(slk_dev_head(devnet));
}

static json_t *advance(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t n;
    return slk_dev_rpc_i64(&n, params, 0, error) ? make(devnet, n, false, error) : NULL;
}

static json_t *advance_to(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t height;
    if (!slk_dev_rpc_i64(&height, params, 0, error))
        return NULL;
    return make(devnet, height - ((int64_t)devnet->n_tipsets - 1), false, error);
}

static json_t *null_rounds(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t n;
    return slk_dev_rpc_i64(&n, params, 0, error) ? make(devnet, n, true, error) : NULL;
}

static json_t *reorg(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t depth;
    slk_error why = {0};
    const char *mode = json_string_value(json_array_get(params, 1));
    if (!slk_dev_rpc_i64(&depth, params, 0, error))
        return NULL;
    if (depth < 1 || mode == NULL || (strcmp(mode, "drop") != 0 && strcmp(mode, "reinclude") != 0))
        return slk_dev_rpc_fail(error, 1, "a reorg takes a depth and \"drop\" or \"reinclude\"");
    if (slk_dev_reorg(devnet, (uint64_t)depth, strcmp(mode, "reinclude") == 0, &why) != SLK_OK)
        return slk_dev_rpc_fail_error(error, &why);
    return json_integer(slk_dev_head(devnet));
}

static json_t *fail_next(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t method, exit_code;
    if (!slk_dev_rpc_i64(&method, params, 0, error) ||
        !slk_dev_rpc_i64(&exit_code, params, 1, error))
        return NULL;
    if (devnet->n_fails == DEVNET_MAX_FAILS || method < 0)
        return slk_dev_rpc_fail(error, 1, "too many failures asked for, or a bad method");
    devnet->fails[devnet->n_fails].method = (uint64_t)method;
    devnet->fails[devnet->n_fails++].exit_code = exit_code;
    return json_null();
}

static json_t *hold_mempool(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    const json_t *value = json_array_get(params, 0);
    if (!json_is_boolean(value))
        return slk_dev_rpc_fail(error, -32700, "unmarshaling params: true or false expected");
    devnet->hold_pool = json_is_true(value);
    return json_null();
}

static json_t *drop_message(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    slk_cid cid;
    slk_error why = {0};
    if (slk_json_as_cid(&cid, json_array_get(params, 0), "message", &why) != SLK_OK ||
        slk_dev_drop(devnet, &cid, &why) != SLK_OK)
        return slk_dev_rpc_fail_error(error, &why);
    return json_null();
}

static json_t *rpc_fault(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t count, what;
    const char *method = json_string_value(json_array_get(params, 0));
    if (!slk_dev_rpc_i64(&count, params, 1, error) || !slk_dev_rpc_i64(&what, params, 2, error))
        return NULL;
    size_t at = 0;
    while (at < devnet->n_faults && devnet->faults[at].left > 0)
        at++;
    if (method == NULL || strlen(method) >= sizeof devnet->faults[0].method ||
        at == DEVNET_MAX_FAULTS || count < 1 || what < -60000 || what > 599)
        return slk_dev_rpc_fail(error, 1,
                                "a fault takes a method, a count, and an HTTP status, 1 (half "
                                "an answer) or minus milliseconds");
    slk_dev_fault *f = &devnet->faults[at];
    *f = (slk_dev_fault){.left = count, .what = what};
    snprintf(f->method, sizeof f->method, "%s", method);
    if (at == devnet->n_faults)
        devnet->n_faults++;
    return json_null();
}

static json_t *fund(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    slk_address address;
    slk_bigint amount;
    slk_error why = {0};
    if (!slk_dev_rpc_address(&address, params, 0, error))
        return NULL;
    if (slk_json_as_bigint(&amount, json_array_get(params, 1), "amount", &why) != SLK_OK ||
        slk_dev_fund(devnet, &address, &amount, &why) != SLK_OK)
        return slk_dev_rpc_fail_error(error, &why);
    return json_null();
}

static json_t *create_miner(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t size;
    uint64_t id = 0;
    slk_error why = {0};
    if (!slk_dev_rpc_i64(&size, params, 0, error))
        return NULL;
    if (slk_dev_create_miner(devnet, &id, size < 0 ? 0 : (uint64_t)size, &why) != SLK_OK)
        return slk_dev_rpc_fail_error(error, &why);
    return slk_dev_rpc_id_json(id);
}

static json_t *actor_json(const slk_dev_actor *a)
{
    slk_dev_funds funds = slk_dev_funds_latest(a);
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:I, s:I}", "Id", slk_dev_rpc_id_json(a->id),
                     "Key", slk_dev_rpc_address_json(&a->key), "Nonce", (json_int_t)funds.nonce,
                     "Balance", slk_json_new_bigint(&funds.balance), "Deposits",
                     slk_json_new_bigint(&funds.deposits), "Pledge",
                     slk_json_new_bigint(&funds.pledge), "PreCommits", (json_int_t)a->n_precommits,
                     "Sectors", (json_int_t)a->n_sectors);
}

static json_t *dump(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)params;
    (void)error;
    json_t *actors = json_array();
    for (size_t i = 0; i < devnet->n_actors && actors != NULL; i++) {
        if (json_array_append_new(actors, actor_json(devnet->actors[i])) != 0) {
            json_decref(actors);
            return NULL;
        }
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "Head", (json_int_t)slk_dev_head(devnet),
                     "Epochs", (json_int_t)devnet->n_tipsets, "Forks", (json_int_t)devnet->forks,
                     "Messages", (json_int_t)devnet->n_messages, "Actors", actors);
}

const slk_dev_rpc_method slk_dev_rpc_control_methods[] = {
    {"Devnet.Advance", SLK_RPC_ADMIN, 1, advance},
    {"Devnet.AdvanceTo", SLK_RPC_ADMIN, 1, advance_to},
    {"Devnet.NullRounds", SLK_RPC_ADMIN, 1, null_rounds},
    {"Devnet.Reorg", SLK_RPC_ADMIN, 2, reorg},
    {"Devnet.FailNext", SLK_RPC_ADMIN, 2, fail_next},
    {"Devnet.HoldMempool", SLK_RPC_ADMIN, 1, hold_mempool},
    {"Devnet.DropMessage", SLK_RPC_ADMIN, 1, drop_message},
    {"Devnet.RpcFault", SLK_RPC_ADMIN, 3, rpc_fault},
    {"Devnet.Fund", SLK_RPC_ADMIN, 2, fund},
    {"Devnet.CreateMiner", SLK_RPC_ADMIN, 1, create_miner},
    {"Devnet.Dump", SLK_RPC_ADMIN, 0, dump},
    {NULL, 0, 0, NULL},
};
