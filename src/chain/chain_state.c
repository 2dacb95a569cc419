/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The miner's state, accounts and the node's wallet. */
#include "chain/chain_impl.h"

#include "base/mem.h"

#include <string.h>

static slk_err ask(slk_chain *chain, json_t **ret_result, const char *method, json_t *params,
                   slk_error *error)
{
    return slk_chain_invoke(chain, ret_result, method, params, SLK_CHAIN_READ, NULL, error);
}

static slk_err ask_amount(slk_chain *chain, slk_bigint *ret, const char *method, json_t *params,
                          slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(ask(chain, &result, method, params, error));
    slk_err code = slk_json_as_bigint(ret, result, "amount", error);
    return code == SLK_OK ? SLK_OK : slk_chain_breach(code, method, error);
}

static slk_err ask_bool(slk_chain *chain, bool *ret, const char *method, json_t *params,
                        slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(ask(chain, &result, method, params, error));
    if (!json_is_boolean(result))
        return slk_fail(error, SLK_E_PROTO, "answer to %s: not true or false", method);
    *ret = json_is_true(result);
    return SLK_OK;
}

static slk_err ask_address(slk_chain *chain, slk_address *ret, const char *method,
                           const slk_address *address, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    json_t *params = json_pack("[o, []]", slk_chain_json_address(address));
    SLK_TRY(ask(chain, &result, method, params, error));
    return slk_chain_read_address(ret, result, method, error);
}

static slk_err read_miner_info(slk_miner_info *info, const json_t *value, slk_error *error)
{
    json_t *control;
    SLK_TRY(slk_chain_read_address(&info->owner, json_object_get(value, "Owner"), "Owner", error));
    SLK_TRY(
        slk_chain_read_address(&info->worker, json_object_get(value, "Worker"), "Worker", error));
    SLK_TRY(slk_json_array(&control, value, "ControlAddresses", error));
    info->n_control = json_array_size(control);
    if (info->n_control > SLK_CONTROL_MAX)
        return slk_fail(error, SLK_E_LIMIT, "%zu control addresses", info->n_control);
    for (size_t i = 0; i < info->n_control; i++)
        SLK_TRY(slk_chain_read_address(&info->control[i], json_array_get(control, i),
                                       "ControlAddresses", error));
    SLK_TRY(slk_json_i64(&info->window_post_type, value, "WindowPoStProofType", error));
    return slk_json_u64(&info->sector_bytes, value, "SectorSize", error);
}

slk_err slk_chain_miner_info(slk_chain *chain, slk_miner_info *ret_info, uint64_t miner_id,
                             const slk_tipset *tipset, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    slk_miner_info info = {0};
    SLK_TRY(ask(chain, &result, "StateMinerInfo",
                json_pack("[o, o]", slk_chain_json_miner(miner_id), slk_chain_json_key(tipset)),
                error));
    slk_err code = read_miner_info(&info, result, error);
    if (code != SLK_OK)
        return slk_chain_breach(code, "StateMinerInfo", error);
    *ret_info = info;
    return SLK_OK;
}

slk_err slk_chain_allocated(slk_chain *chain, slk_bitfield *ret_set, uint64_t miner_id,
                            const slk_tipset *tipset, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(ask(chain, &result, "StateMinerAllocated",
                json_pack("[o, o]", slk_chain_json_miner(miner_id), slk_chain_json_key(tipset)),
                error));
    slk_err code = slk_bitfield_from_json(ret_set, result, error);
    return code == SLK_OK ? SLK_OK : slk_chain_breach(code, "StateMinerAllocated", error);
}

slk_err slk_chain_is_allocated(slk_chain *chain, bool *ret_allocated, uint64_t miner_id,
                               uint64_t sector_number, const slk_tipset *tipset, slk_error *error)
{
    return ask_bool(chain, ret_allocated, "StateMinerSectorAllocated",
                    json_pack("[o, I, o]", slk_chain_json_miner(miner_id),
                              (json_int_t)sector_number, slk_chain_json_key(tipset)),
                    error);
}

slk_err slk_chain_available_balance(slk_chain *chain, slk_bigint *ret_balance, uint64_t miner_id,
                                    const slk_tipset *tipset, slk_error *error)
{
    return ask_amount(
        chain, ret_balance, "StateMinerAvailableBalance",
        json_pack("[o, o]", slk_chain_json_miner(miner_id), slk_chain_json_key(tipset)), error);
}

slk_err slk_chain_precommit_deposit(slk_chain *chain, slk_bigint *ret_deposit, uint64_t miner_id,
                                    const slk_precommit *sector, const slk_tipset *tipset,
                                    slk_error *error)
{
    json_t *info = NULL;
    slk_err code = slk_precommit_to_json(&info, sector);
    if (code != SLK_OK)
        return slk_fail(error, code, "no memory for a deposit question");
    return ask_amount(
        chain, ret_deposit, "StateMinerPreCommitDepositForPower",
        json_pack("[o, o, o]", slk_chain_json_miner(miner_id), info, slk_chain_json_key(tipset)),
        error);
}

slk_err slk_chain_initial_pledge(slk_chain *chain, slk_bigint *ret_pledge, int64_t duration_epochs,
                                 uint64_t sector_bytes, uint64_t verified_bytes,
                                 const slk_tipset *tipset, slk_error *error)
{
    return ask_amount(chain, ret_pledge, "StateMinerInitialPledgeForSector",
                      json_pack("[I, I, I, o]", (json_int_t)duration_epochs,
                                (json_int_t)sector_bytes, (json_int_t)verified_bytes,
                                slk_chain_json_key(tipset)),
                      error);
}

static json_t *sector_params(uint64_t miner_id, uint64_t sector_number, const slk_tipset *tipset)
{
    return json_pack("[o, I, o]", slk_chain_json_miner(miner_id), (json_int_t)sector_number,
                     slk_chain_json_key(tipset));
}

slk_err slk_chain_precommit_info(slk_chain *chain, bool *ret_found, slk_precommit_info *ret_info,
                                 uint64_t miner_id, uint64_t sector_number,
                                 const slk_tipset *tipset, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(ask(chain, &result, "StateSectorPreCommitInfo",
                sector_params(miner_id, sector_number, tipset), error));
    if (!json_is_null(result)) {
        slk_err code = slk_precommit_info_from_json(ret_info, result, error);
        if (code != SLK_OK)
            return slk_chain_breach(code, "StateSectorPreCommitInfo", error);
    }
    *ret_found = !json_is_null(result);
    return SLK_OK;
}

slk_err slk_chain_sector_info(slk_chain *chain, bool *ret_found, slk_sector_info *ret_info,
                              uint64_t miner_id, uint64_t sector_number, const slk_tipset *tipset,
                              slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(ask(chain, &result, "StateSectorGetInfo",
                sector_params(miner_id, sector_number, tipset), error));
    if (!json_is_null(result)) {
        slk_err code = slk_sector_info_from_json(ret_info, result, error);
        if (code != SLK_OK)
            return slk_chain_breach(code, "StateSectorGetInfo", error);
    }
    *ret_found = !json_is_null(result);
    return SLK_OK;
}

slk_err slk_chain_wallet_balance(slk_chain *chain, slk_bigint *ret_balance,
                                 const slk_address *address, slk_error *error)
{
    return ask_amount(chain, ret_balance, "WalletBalance",
                      json_pack("[o]", slk_chain_json_address(address)), error);
}

slk_err slk_chain_wallet_has(slk_chain *chain, bool *ret_has, const slk_address *address,
                             slk_error *error)
{
    return ask_bool(chain, ret_has, "WalletHas", json_pack("[o]", slk_chain_json_address(address)),
                    error);
}

slk_err slk_chain_account_key(slk_chain *chain, slk_address *ret_key, const slk_address *address,
                              slk_error *error)
{
    return ask_address(chain, ret_key, "StateAccountKey", address, error);
}

slk_err slk_chain_lookup_id(slk_chain *chain, slk_address *ret_id, const slk_address *address,
                            slk_error *error)
{
    uint64_t number;
    if (!slk_address_id(&number, address))
        return ask_address(chain, ret_id, "StateLookupID", address, error);
    *ret_id = *address;
    return SLK_OK;
}

slk_err slk_chain_actor(slk_chain *chain, uint64_t *ret_nonce, slk_bigint *ret_balance,
                        const slk_address *address, const slk_tipset *tipset, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    uint64_t nonce = 0;
    slk_bigint balance = {{0}};
    SLK_TRY(ask(chain, &result, "StateGetActor",
                json_pack("[o, o]", slk_chain_json_address(address), slk_chain_json_key(tipset)),
                error));
    slk_err code = slk_json_u64(&nonce, result, "Nonce", error);
    if (code == SLK_OK)
        code = slk_json_bigint(&balance, result, "Balance", error);
    if (code != SLK_OK)
        return slk_chain_breach(code, "StateGetActor", error);
    *ret_nonce = nonce;
    *ret_balance = balance;
    return SLK_OK;
}

bool slk_chain_controls(const slk_miner_info *miner, const slk_address *id)
{
    bool found = slk_address_equal(id, &miner->owner) || slk_address_equal(id, &miner->worker);
    for (size_t i = 0; i < miner->n_control; i++)
        found = found || slk_address_equal(id, &miner->control[i]);
    return found;
}

/* SLK_E_NOTFOUND with the reason when this address cannot send for the miner, rich or poor. */
static slk_err try_sender(slk_chain *chain, slk_address *ret_key, slk_bigint *ret_balance,
                          const slk_miner_info *miner, const slk_address *candidate,
                          slk_error *error)
{
    slk_address id, key;
    slk_bigint balance;
    bool has;
    SLK_TRY(slk_chain_lookup_id(chain, &id, candidate, error));
    if (!slk_chain_controls(miner, &id))
        return slk_fail(error, SLK_E_NOTFOUND, "does not control the miner");
    SLK_TRY(slk_chain_wallet_balance(chain, &balance, &id, error));
    slk_err code = slk_chain_account_key(chain, &key, &id, error);
    if (code == SLK_E_INVAL) /* a multisig, for instance */
        return slk_fail(error, SLK_E_NOTFOUND, "has no key of its own");
    SLK_TRY(code);
    SLK_TRY(slk_chain_wallet_has(chain, &has, &key, error));
    if (!has)
        return slk_fail(error, SLK_E_NOTFOUND, "key is not in the node's wallet");
    *ret_key = key;
    *ret_balance = balance;
    return SLK_OK;
}

/* The same, and it must hold `need`. */
static slk_err try_payer(slk_chain *chain, slk_address *ret_key, const slk_miner_info *miner,
                         const slk_address *candidate, const slk_bigint *need, slk_error *error)
{
    slk_address key;
    slk_bigint balance;
    SLK_TRY(try_sender(chain, &key, &balance, miner, candidate, error));
    if (slk_bigint_cmp(&balance, need) < 0) {
        char has[SLK_BIGINT_TEXT_CHARS], wants[SLK_BIGINT_TEXT_CHARS];
        slk_bigint_print(has, &balance);
        slk_bigint_print(wants, need);
        return slk_fail(error, SLK_E_NOTFOUND, "has %s attoFIL of the %s needed", has, wants);
    }
    *ret_key = key;
    return SLK_OK;
}

/* Who is asked to send, in that order: those preferred, the worker, the owner. */
static const slk_address *candidate_at(const slk_miner_info *miner, const slk_address *preferred,
                                       size_t n_preferred, size_t i)
{
    return i < n_preferred ? &preferred[i] : i == n_preferred ? &miner->worker : &miner->owner;
}

slk_err slk_chain_sender_balance(slk_chain *chain, slk_bigint *ret_balance,
                                 const slk_miner_info *miner, const slk_address *preferred,
                                 size_t n_preferred, slk_error *error)
{
    slk_bigint most = {{0}};
    for (size_t i = 0; i < n_preferred + 2; i++) {
        slk_address key;
        slk_bigint balance;
        const slk_err code = try_sender(chain, &key, &balance, miner,
                                        candidate_at(miner, preferred, n_preferred, i), error);
        if (code == SLK_OK && slk_bigint_cmp(&balance, &most) > 0)
            most = balance;
        else if (code != SLK_OK && code != SLK_E_NOTFOUND)
            return code;
    }
    *ret_balance = most;
    return SLK_OK;
}

slk_err slk_chain_choose_sender(slk_chain *chain, slk_address *ret_from,
                                const slk_miner_info *miner, const slk_address *preferred,
                                size_t n_preferred, const slk_bigint *need, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf reasons;
    slk_buf_init(&reasons, 4096);
    for (size_t i = 0; i < n_preferred + 2; i++) {
        const slk_address *candidate = candidate_at(miner, preferred, n_preferred, i);
        slk_error why = {0};
        slk_err code = try_payer(chain, ret_from, miner, candidate, need, &why);
        if (code == SLK_OK)
            return SLK_OK;
        if (code != SLK_E_NOTFOUND) {
            if (error != NULL)
                *error = why;
            return code;
        }
        char text[SLK_ADDRESS_TEXT_CHARS];
        slk_address_print(text, candidate, 'f');
        code = slk_buf_printf(&reasons, "; %.24s %s", text, why.message);
        if (code != SLK_OK && code != SLK_E_LIMIT)
            return slk_fail(error, code, "no memory to choose a sender");
    }
    return slk_fail(error, SLK_E_NOTFOUND, "no address can send for the miner%s",
                    slk_buf_str(&reasons));
}
