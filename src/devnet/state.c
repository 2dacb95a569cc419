/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "devnet/devnet_impl.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <string.h>

slk_err slk_dev_grow(void **array, size_t n, size_t *capacity, size_t item_bytes)
{
    if (n < *capacity)
        return SLK_OK;
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = slk_realloc(*array, wanted, item_bytes);
    if (grown == NULL)
        return SLK_E_NOMEM;
    *array = grown;
    *capacity = wanted;
    return SLK_OK;
}

slk_dev_actor *slk_dev_actor_by_id(const slk_devnet *devnet, uint64_t id)
{
    for (size_t i = 0; i < devnet->n_actors; i++)
        if (devnet->actors[i]->id == id)
            return devnet->actors[i];
    return NULL;
}

slk_dev_actor *slk_dev_actor_find(const slk_devnet *devnet, const slk_address *address)
{
    uint64_t id;
    if (slk_address_id(&id, address))
        return slk_dev_actor_by_id(devnet, id);
    for (size_t i = 0; i < devnet->n_actors; i++)
        if (slk_address_equal(&devnet->actors[i]->key, address))
            return devnet->actors[i];
    return NULL;
}

static void actor_free(slk_dev_actor *actor)
{
    slk_bytes_wipe(actor->secret, sizeof actor->secret);
    slk_free(actor->funds);
    slk_free(actor->precommits);
    slk_free(actor->sectors);
    slk_free(actor);
}

/* An actor with the next id and empty funds. */
static slk_err actor_new(slk_devnet *devnet, slk_dev_actor **ret_actor)
{
    SLK_TRY(DEV_GROW(devnet->actors, devnet->n_actors, devnet->actors_capacity));
    slk_dev_actor *actor = slk_calloc(1, sizeof *actor);
    if (actor == NULL)
        return SLK_E_NOMEM;
    actor->id = DEVNET_FIRST_MINER + devnet->n_actors;
    actor->born_epoch = devnet->epoch;
    actor->born_seq = ++devnet->seq;
    if (slk_dev_funds_set(devnet, actor, (slk_dev_funds){0}) != SLK_OK) {
        actor_free(actor);
        return SLK_E_NOMEM;
    }
    devnet->actors[devnet->n_actors++] = actor;
    *ret_actor = actor;
    return SLK_OK;
}

slk_err slk_dev_account_new(slk_devnet *devnet, slk_dev_actor **ret_actor, const slk_address *key)
{
    SLK_TRY(actor_new(devnet, ret_actor));
    (*ret_actor)->key = *key;
    return SLK_OK;
}

/* An account whose key the node holds, with 1000 FIL. */
static slk_err wallet_account_new(slk_devnet *devnet, slk_dev_actor **ret_actor)
{
    slk_address key;
    uint8_t secret[32];
    slk_dev_key_derive(devnet, DEVNET_FIRST_MINER + devnet->n_actors, secret, &key);
    SLK_TRY(slk_dev_account_new(devnet, ret_actor, &key));
    memcpy((*ret_actor)->secret, secret, 32);
    (*ret_actor)->has_secret = true;
    slk_bytes_wipe(secret, sizeof secret);
    slk_dev_funds funds = slk_dev_funds_latest(*ret_actor);
    slk_bigint fil = slk_bigint_from_u64(1000000000000000000u);
    SLK_TRY(slk_bigint_mul_u64(&funds.balance, &fil, 1000));
    return slk_dev_funds_set(devnet, *ret_actor, funds);
}

slk_err slk_dev_miner_new(slk_devnet *devnet, slk_dev_actor **ret_actor, uint64_t sector_bytes,
                          uint64_t owner, uint64_t worker)
{
    slk_dev_actor *miner;
    SLK_TRY(actor_new(devnet, &miner));
    miner->is_miner = true;
    miner->sector_bytes = sector_bytes;
    miner->owner = owner;
    miner->worker = worker;
    slk_dev_actor *account;
    if (owner == 0) {
        SLK_TRY(wallet_account_new(devnet, &account));
        miner->owner = account->id;
    }
    if (worker == 0) {
        SLK_TRY(wallet_account_new(devnet, &account));
        miner->worker = account->id;
    }
    *ret_actor = miner;
    return SLK_OK;
}

slk_dev_funds slk_dev_funds_latest(const slk_dev_actor *actor)
{
    return actor->funds[actor->n_funds - 1];
}

bool slk_dev_funds_at(slk_dev_funds *ret_funds, const slk_dev_actor *actor, int64_t h)
{
    size_t i = actor->n_funds;
    while (i > 0 && actor->funds[i - 1].epoch >= h)
        i--;
    if (i == 0)
        return false;
    *ret_funds = actor->funds[i - 1];
    return true;
}

slk_err slk_dev_funds_set(slk_devnet *devnet, slk_dev_actor *actor, slk_dev_funds funds)
{
    SLK_TRY(DEV_GROW(actor->funds, actor->n_funds, actor->funds_capacity));
    /* Controls happen "before the head"; they must not go before a message of the head itself. */
    funds.epoch = devnet->epoch;
    if (actor->n_funds > 0 && slk_dev_funds_latest(actor).epoch > funds.epoch)
        funds.epoch = slk_dev_funds_latest(actor).epoch;
    funds.seq = ++devnet->seq;
    actor->funds[actor->n_funds++] = funds;
    return SLK_OK;
}

slk_bigint slk_dev_available(const slk_dev_funds *funds)
{
    slk_bigint rest = slk_bigint_sub_floor(&funds->balance, &funds->deposits);
    return slk_bigint_sub_floor(&rest, &funds->pledge);
}

slk_dev_precommit *slk_dev_precommit_find(const slk_dev_actor *miner, uint64_t number)
{
    for (size_t i = 0; i < miner->n_precommits; i++)
        if (miner->precommits[i].record.info.sector_number == number &&
            miner->precommits[i].gone_epoch == EPOCH_NEVER)
            return &miner->precommits[i];
    return NULL;
}

const slk_dev_precommit *slk_dev_precommit_at(const slk_dev_actor *miner, uint64_t number,
                                              int64_t h)
{
    for (size_t i = 0; i < miner->n_precommits; i++) {
        const slk_dev_precommit *p = &miner->precommits[i];
        if (p->record.info.sector_number == number && p->record.epoch < h && p->gone_epoch >= h)
            return p;
    }
    return NULL;
}

const slk_dev_sector *slk_dev_sector_at(const slk_dev_actor *miner, uint64_t number, int64_t h)
{
    for (size_t i = 0; i < miner->n_sectors; i++)
        if (miner->sectors[i].record.sector_number == number && miner->sectors[i].epoch < h)
            return &miner->sectors[i];
    return NULL;
}

bool slk_dev_allocated_at(const slk_dev_actor *miner, uint64_t number, int64_t h)
{
    for (size_t i = 0; i < miner->n_precommits; i++)
        if (miner->precommits[i].record.info.sector_number == number &&
            miner->precommits[i].record.epoch < h)
            return true;
    return false;
}

static void rollback_actor(slk_dev_actor *actor, uint64_t seq)
{
    while (actor->n_funds > 1 && actor->funds[actor->n_funds - 1].seq > seq)
        actor->n_funds--;
    while (actor->n_sectors > 0 && actor->sectors[actor->n_sectors - 1].seq > seq)
        actor->n_sectors--;
    while (actor->n_precommits > 0 && actor->precommits[actor->n_precommits - 1].born_seq > seq)
        actor->n_precommits--;
    for (size_t i = 0; i < actor->n_precommits; i++) {
        slk_dev_precommit *p = &actor->precommits[i];
        if (p->gone_epoch != EPOCH_NEVER && p->gone_seq > seq)
            p->gone_epoch = EPOCH_NEVER;
    }
}

void slk_dev_rollback(slk_devnet *devnet, uint64_t seq)
{
    while (devnet->n_actors > 0 && devnet->actors[devnet->n_actors - 1]->born_seq > seq)
        actor_free(devnet->actors[--devnet->n_actors]);
    for (size_t i = 0; i < devnet->n_actors; i++)
        rollback_actor(devnet->actors[i], seq);
}

void slk_dev_state_done(slk_devnet *devnet)
{
    for (size_t i = 0; i < devnet->n_actors; i++)
        actor_free(devnet->actors[i]);
    slk_free(devnet->actors);
    devnet->actors = NULL;
    devnet->n_actors = 0;
}
