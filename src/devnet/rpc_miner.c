/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Miner state, accounts, wallet. source: reference/chain 3.2 */
#include "devnet/devnet_impl.h"

#include "base/mem.h"
#include "codec/bitfield.h"
#include "fil/policy.h"

#include <stdio.h>

#define MARGIN_PERCENT 110u /* what the node adds to deposits and pledges it quotes */

static json_t *miner_info(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    const slk_dev_actor *miner = slk_dev_rpc_miner(devnet, params, 0, error);
    if (miner == NULL || !slk_dev_rpc_view(devnet, &view, params, 1, error))
        return NULL;
    const slk_sector_shape *shape = slk_sector_shape_of(miner->sector_bytes);
    slk_seal_proof proof;
    int64_t window = -1, partition = 2;
    for (int64_t number = 5; number < 10; number++) {
        if (slk_seal_proof_registered(&proof, number, NULL) == SLK_OK && proof.shape == shape)
            window = slk_policy_window_post_type(&proof);
    }
    if (window == 13)
        partition = 2349;
    else if (window == 14)
        partition = 2300;
    return json_pack(
        "{s:o, s:o, s:s, s:[], s:i, s:n, s:n, s:I, s:I, s:I, s:i, s:n, s:o, s:{s:s, s:s, s:i}, "
        "s:n}",
        "Owner", slk_dev_rpc_id_json(miner->owner), "Worker", slk_dev_rpc_id_json(miner->worker),
        "NewWorker", "<empty>", "ControlAddresses", "WorkerChangeEpoch", -1, "PeerId", "Multiaddrs",
        "WindowPoStProofType", (json_int_t)window, "SectorSize", (json_int_t)miner->sector_bytes,
        "WindowPoStPartitionSectors", (json_int_t)partition, "ConsensusFaultElapsed", -1,
        "PendingOwnerAddress", "Beneficiary", slk_dev_rpc_id_json(miner->owner), "BeneficiaryTerm",
        "Quota", "0", "UsedQuota", "0", "Expiration", 0, "PendingBeneficiaryTerm");
}

static json_t *allocated(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    const slk_dev_actor *miner = slk_dev_rpc_miner(devnet, params, 0, error);
    if (miner == NULL || !slk_dev_rpc_view(devnet, &view, params, 1, error))
        return NULL;
    slk_bitfield set = {0};
    json_t *value = NULL;
    bool ok = true;
    for (size_t i = 0; i < miner->n_precommits && ok; i++)
        if (miner->precommits[i].record.epoch < view)
            ok = slk_bitfield_add(&set, miner->precommits[i].record.info.sector_number) == SLK_OK;
    if (ok)
        value = slk_bitfield_to_json(&set);
    slk_bitfield_done(&set);
    return value;
}

static json_t *sector_allocated(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view, number;
    const slk_dev_actor *miner = slk_dev_rpc_miner(devnet, params, 0, error);
    if (miner == NULL || !slk_dev_rpc_i64(&number, params, 1, error) ||
        !slk_dev_rpc_view(devnet, &view, params, 2, error))
        return NULL;
    return json_boolean(slk_dev_allocated_at(miner, (uint64_t)number, view));
}

static json_t *with_margin(slk_bigint amount)
{
    if (slk_bigint_mul_u64(&amount, &amount, MARGIN_PERCENT) != SLK_OK)
        return NULL;
    amount = slk_bigint_div_u64(&amount, 100);
    return slk_json_new_bigint(&amount);
}

static json_t *deposit(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    slk_precommit info;
    slk_error why = {0};
    if (slk_dev_rpc_miner(devnet, params, 0, error) == NULL)
        return NULL;
    if (slk_precommit_from_json(&info, json_array_get(params, 1), &why) != SLK_OK)
        return slk_dev_rpc_fail(error, -32700, "unmarshaling params: %s", why.message);
    if (!slk_dev_rpc_view(devnet, &view, params, 2, error))
        return NULL;
    return with_margin(slk_dev_deposit_per_sector());
}

static json_t *pledge(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view, duration, size, verified;
    if (!slk_dev_rpc_i64(&duration, params, 0, error) ||
        !slk_dev_rpc_i64(&size, params, 1, error) ||
        !slk_dev_rpc_i64(&verified, params, 2, error) ||
        !slk_dev_rpc_view(devnet, &view, params, 3, error))
        return NULL;
    if (duration <= 0 || size <= 0 || verified < 0 || verified > size)
        return slk_dev_rpc_fail(error, 1, "invalid sector duration or size");
    return with_margin(slk_dev_pledge_per_sector());
}

static json_t *available(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    slk_dev_funds funds;
    const slk_dev_actor *miner = slk_dev_rpc_miner(devnet, params, 0, error);
    if (miner == NULL || !slk_dev_rpc_view(devnet, &view, params, 1, error))
        return NULL;
    if (!slk_dev_funds_at(&funds, miner, view))
        return slk_dev_rpc_fail(error, 1, "actor not found");
    slk_bigint amount = slk_dev_available(&funds);
    return slk_json_new_bigint(&amount);
}

static json_t *precommit_info(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view, number;
    const slk_dev_actor *miner = slk_dev_rpc_miner(devnet, params, 0, error);
    if (miner == NULL || !slk_dev_rpc_i64(&number, params, 1, error) ||
        !slk_dev_rpc_view(devnet, &view, params, 2, error))
        return NULL;
    const slk_dev_precommit *p = slk_dev_precommit_at(miner, (uint64_t)number, view);
    json_t *info = NULL;
    if (p == NULL)
        return json_null();
    if (slk_precommit_to_json(&info, &p->record.info) != SLK_OK)
        return NULL;
    return json_pack("{s:o, s:o, s:I}", "Info", info, "PreCommitDeposit",
                     slk_json_new_bigint(&p->record.deposit), "PreCommitEpoch",
                     (json_int_t)p->record.epoch);
}

static json_t *sector_json(const slk_sector_info *s)
{
    return json_pack(
        "{s:I, s:I, s:o, s:I, s:I, s:s, s:s, s:o, s:n, s:n, s:I, s:n, s:n, s:I, s:s}",
        "SectorNumber", (json_int_t)s->sector_number, "SealProof", (json_int_t)s->seal_proof,
        "SealedCID", slk_json_new_cid(&s->sealed_cid), "Activation", (json_int_t)s->activation,
        "Expiration", (json_int_t)s->expiration, "DealWeight", "0", "VerifiedDealWeight", "0",
        "InitialPledge", slk_json_new_bigint(&s->initial_pledge), "ExpectedDayReward",
        "ExpectedStoragePledge", "PowerBaseEpoch", (json_int_t)s->power_base_epoch,
        "ReplacedDayReward", "SectorKeyCID", "Flags", (json_int_t)s->flags, "DailyFee", "0");
}

static json_t *sector_info(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view, number;
    const slk_dev_actor *miner = slk_dev_rpc_miner(devnet, params, 0, error);
    if (miner == NULL || !slk_dev_rpc_i64(&number, params, 1, error) ||
        !slk_dev_rpc_view(devnet, &view, params, 2, error))
        return NULL;
    const slk_dev_sector *s = slk_dev_sector_at(miner, (uint64_t)number, view);
    return s == NULL ? json_null() : sector_json(&s->record);
}

/* All sectors; a filter (run lengths) or null. */
static json_t *miner_sectors(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    slk_bitfield filter = {0};
    slk_error why = {0};
    const slk_dev_actor *miner = slk_dev_rpc_miner(devnet, params, 0, error);
    const json_t *wanted = json_array_get(params, 1);
    if (miner == NULL || !slk_dev_rpc_view(devnet, &view, params, 2, error))
        return NULL;
    if (slk_bitfield_from_json(&filter, wanted, &why) != SLK_OK)
        return slk_dev_rpc_fail(error, -32700, "unmarshaling params: %s", why.message);
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; i < miner->n_sectors && ok; i++) {
        const slk_dev_sector *s = &miner->sectors[i];
        if (s->epoch < view &&
            (json_is_null(wanted) || slk_bitfield_has(&filter, s->record.sector_number)))
            ok = json_array_append_new(list, sector_json(&s->record)) == 0;
    }
    slk_bitfield_done(&filter);
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *active_sectors(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    SLK_CLEANUP(slk_json_decrefp)
    json_t *three = json_pack("[O, n, O]", json_array_get(params, 0), json_array_get(params, 1));
    return three == NULL ? NULL : miner_sectors(devnet, three, error);
}

static json_t *list_miners(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    if (!slk_dev_rpc_view(devnet, &view, params, 0, error))
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < devnet->n_actors && list != NULL; i++) {
        const slk_dev_actor *a = devnet->actors[i];
        if (!a->is_miner || a->born_epoch >= view)
            continue;
        if (json_array_append_new(list, slk_dev_rpc_id_json(a->id)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *wallet_balance(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    slk_address address;
    slk_dev_funds funds = {0};
    if (!slk_dev_rpc_address(&address, params, 0, error))
        return NULL;
    const slk_dev_actor *actor = slk_dev_actor_find(devnet, &address);
    if (actor != NULL && !slk_dev_funds_at(&funds, actor, slk_dev_head(devnet)))
        funds = (slk_dev_funds){0};
    return slk_json_new_bigint(&funds.balance);
}

static json_t *wallet_has(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    slk_address address;
    uint64_t id;
    if (!slk_dev_rpc_address(&address, params, 0, error))
        return NULL;
    const slk_dev_actor *actor = slk_dev_actor_find(devnet, &address);
    return json_boolean(!slk_address_id(&id, &address) && actor != NULL && actor->has_secret);
}

static json_t *wallet_list(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)params;
    (void)error;
    json_t *list = json_array();
    for (size_t i = 0; i < devnet->n_actors && list != NULL; i++) {
        const slk_dev_actor *a = devnet->actors[i];
        if (a->has_secret && json_array_append_new(list, slk_dev_rpc_address_json(&a->key)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *account_key(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    const slk_dev_actor *actor = slk_dev_rpc_actor(devnet, params, 0, error);
    if (actor == NULL || !slk_dev_rpc_view(devnet, &view, params, 1, error))
        return NULL;
    if (actor->is_miner)
        return slk_dev_rpc_fail(error, 1, "failed to get account actor state for t0%llu",
                                (unsigned long long)actor->id);
    return slk_dev_rpc_address_json(&actor->key);
}

static json_t *lookup_id(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    const slk_dev_actor *actor = slk_dev_rpc_actor(devnet, params, 0, error);
    if (actor == NULL || !slk_dev_rpc_view(devnet, &view, params, 1, error))
        return NULL;
    if (actor->born_epoch >= view)
        return slk_dev_rpc_fail(error, 1, "actor not found");
    return slk_dev_rpc_id_json(actor->id);
}

static json_t *get_actor(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    slk_dev_funds funds;
    slk_cid some;
    static const uint8_t empty_list[] = {0x80};
    const slk_dev_actor *actor = slk_dev_rpc_actor(devnet, params, 0, error);
    if (actor == NULL || !slk_dev_rpc_view(devnet, &view, params, 1, error))
        return NULL;
    if (!slk_dev_funds_at(&funds, actor, view))
        return slk_dev_rpc_fail(error, 1, "actor not found");
    slk_cid_of_cbor(&some, empty_list, 1);
    return json_pack("{s:o, s:o, s:I, s:o, s:n}", "Code", slk_json_new_cid(&some), "Head",
                     slk_json_new_cid(&some), "Nonce", (json_int_t)funds.nonce, "Balance",
                     slk_json_new_bigint(&funds.balance), "DelegatedAddress");
}

static json_t *wallet_default(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)params;
    for (size_t i = 0; i < devnet->n_actors; i++)
        if (devnet->actors[i]->has_secret)
            return slk_dev_rpc_address_json(&devnet->actors[i]->key);
    return slk_dev_rpc_fail(error, 1, "failed to get default key");
}

/* Power counts proven sectors at once: there is no WindowPoSt here. */
static json_t *miner_power(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    const slk_dev_actor *miner = slk_dev_rpc_miner(devnet, params, 0, error);
    if (miner == NULL || !slk_dev_rpc_view(devnet, &view, params, 1, error))
        return NULL;
    uint64_t mine = 0, total = 0;
    for (size_t a = 0; a < devnet->n_actors; a++) {
        const slk_dev_actor *actor = devnet->actors[a];
        for (size_t i = 0; i < actor->n_sectors && actor->sectors[i].epoch < view; i++) {
            total += actor->sector_bytes;
            mine += actor == miner ? actor->sector_bytes : 0;
        }
    }
    slk_bigint own = slk_bigint_from_u64(mine), all = slk_bigint_from_u64(total);
    return json_pack("{s:{s:o, s:o}, s:{s:o, s:o}, s:b}", "MinerPower", "RawBytePower",
                     slk_json_new_bigint(&own), "QualityAdjPower", slk_json_new_bigint(&own),
                     "TotalPower", "RawBytePower", slk_json_new_bigint(&all), "QualityAdjPower",
                     slk_json_new_bigint(&all), "HasMinPower", mine > 0);
}

#define DEADLINES 48

/* Deadlines are multiples of the challenge window from epoch 0. */
static json_t *proving_deadline(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    if (slk_dev_rpc_miner(devnet, params, 0, error) == NULL ||
        !slk_dev_rpc_view(devnet, &view, params, 1, error))
        return NULL;
    const int64_t window = SLK_WPOST_CHALLENGE_WINDOW, period = DEADLINES * window;
    int64_t start = view / period * period, open = view / window * window;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:i, s:i}", "CurrentEpoch",
                     (json_int_t)view, "PeriodStart", (json_int_t)start, "Index",
                     (json_int_t)((view - start) / window), "Open", (json_int_t)open, "Close",
                     (json_int_t)(open + window), "Challenge", (json_int_t)(open - 20),
                     "FaultCutoff", (json_int_t)(open - 70), "WPoStPeriodDeadlines", DEADLINES,
                     "WPoStProvingPeriod", (json_int_t)period, "WPoStChallengeWindow",
                     (json_int_t)window, "WPoStChallengeLookback", 20, "FaultDeclarationCutoff",
                     70);
}

const slk_dev_rpc_method slk_dev_rpc_miner_methods[] = {
    {"Filecoin.StateMinerInfo", SLK_RPC_READ, 2, miner_info},
    {"Filecoin.StateMinerAllocated", SLK_RPC_READ, 2, allocated},
    {"Filecoin.StateMinerSectorAllocated", SLK_RPC_READ, 3, sector_allocated},
    {"Filecoin.StateMinerPreCommitDepositForPower", SLK_RPC_READ, 3, deposit},
    {"Filecoin.StateMinerInitialPledgeForSector", SLK_RPC_READ, 4, pledge},
    {"Filecoin.StateMinerAvailableBalance", SLK_RPC_READ, 2, available},
    {"Filecoin.StateSectorPreCommitInfo", SLK_RPC_READ, 3, precommit_info},
    {"Filecoin.StateSectorGetInfo", SLK_RPC_READ, 3, sector_info},
    {"Filecoin.StateMinerSectors", SLK_RPC_READ, 3, miner_sectors},
    {"Filecoin.StateMinerActiveSectors", SLK_RPC_READ, 2, active_sectors},
    {"Filecoin.StateMinerPower", SLK_RPC_READ, 2, miner_power},
    {"Filecoin.StateMinerProvingDeadline", SLK_RPC_READ, 2, proving_deadline},
    {"Filecoin.WalletDefaultAddress", SLK_RPC_WRITE, 0, wallet_default},
    {"Filecoin.StateListMiners", SLK_RPC_READ, 1, list_miners},
    {"Filecoin.WalletBalance", SLK_RPC_READ, 1, wallet_balance},
    {"Filecoin.WalletHas", SLK_RPC_WRITE, 1, wallet_has},
    {"Filecoin.WalletList", SLK_RPC_WRITE, 0, wallet_list},
    {"Filecoin.StateAccountKey", SLK_RPC_READ, 2, account_key},
    {"Filecoin.StateLookupID", SLK_RPC_READ, 2, lookup_id},
    {"Filecoin.StateGetActor", SLK_RPC_READ, 2, get_actor},
    {NULL, 0, 0, NULL},
};
