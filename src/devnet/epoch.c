/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Making epochs, reorgs and controls; the same code replays them. */
#include "devnet/devnet_impl.h"

#include "base/mem.h"
#include "base/num.h"
#include "crypto/blake2b/blake2b.h"

#include <string.h>

#define RECORD_MAX_BYTES ((size_t)32 << 20)
#define DRY_RUN_GAS_LIMIT INT64_C(10000000000) /* source: lotus BlockGasLimit */

/* An epoch as it goes to the log and comes from it. */
typedef struct epoch_plan {
    slk_buf messages; /* CBOR items [cid, forced exit] */
    uint64_t n_messages;
} epoch_plan;

static slk_err out_of_memory(slk_devnet *devnet, slk_err code, slk_error *error)
{
    /* Half an epoch may have been executed. */
    devnet->broken = true;
    return slk_fail(error, code, "out of memory while making an epoch; restart the devnet");
}

static int64_t take_forced_exit(slk_devnet *devnet, uint64_t method)
{
    for (size_t i = 0; i < devnet->n_fails; i++) {
        if (devnet->fails[i].method != method)
            continue;
        int64_t exit_code = devnet->fails[i].exit_code;
        devnet->n_fails--;
        memmove(&devnet->fails[i], &devnet->fails[i + 1],
                (devnet->n_fails - i) * sizeof devnet->fails[0]);
        return exit_code;
    }
    return 0;
}

/* Executes one message in devnet->epoch and notes its receipt. */
static slk_err include(slk_devnet *devnet, slk_dev_message *m, int64_t forced_exit)
{
    slk_dev_result result;
    slk_err code = slk_dev_execute(devnet, &result, &m->signed_message.message, forced_exit);
    if (code == SLK_OK) {
        m->included = devnet->epoch;
        m->exit_code = result.exit_code;
        m->gas_used = result.gas_used;
        m->n_returned = result.returned.len;
        slk_free(m->returned);
        m->returned = (uint8_t *)slk_buf_take(&result.returned);
        code = m->returned == NULL ? SLK_E_NOMEM : SLK_OK;
    }
    slk_buf_done(&result.returned);
    return code;
}

/* Pre-commits nobody proved: gone, deposit burnt. */
static slk_err clean_up(slk_devnet *devnet, slk_dev_actor *miner)
{
    for (size_t i = 0; i < miner->n_precommits; i++) {
        slk_dev_precommit *p = &miner->precommits[i];
        if (p->gone_epoch != EPOCH_NEVER || p->cleanup_epoch > devnet->epoch)
            continue;
        p->gone_epoch = devnet->epoch;
        p->gone_seq = ++devnet->seq;
        slk_dev_funds funds = slk_dev_funds_latest(miner);
        funds.deposits = slk_bigint_sub_floor(&funds.deposits, &p->record.deposit);
        funds.balance = slk_bigint_sub_floor(&funds.balance, &p->record.deposit);
        SLK_TRY(slk_dev_funds_set(devnet, miner, funds));
    }
    return SLK_OK;
}

/* Ends the epoch: clean-up and the block over these message CIDs. */
static slk_err finish(slk_devnet *devnet, bool null_round, uint64_t seq_before,
                      const epoch_plan *plan)
{
    uint8_t digest[32];
    for (size_t i = 0; i < devnet->n_actors; i++)
        if (devnet->actors[i]->is_miner)
            SLK_TRY(clean_up(devnet, devnet->actors[i]));
    SLK_CLEANUP(slk_buf_done) slk_buf list;
    slk_buf_init(&list, RECORD_MAX_BYTES);
    SLK_TRY(slk_cbor_put_array(&list, plan->n_messages));
    SLK_TRY(slk_buf_append(&list, slk_buf_str(&plan->messages), plan->messages.len));
    slk_blake2b_of(digest, 32, list.data, list.len);
    return slk_dev_block_append(devnet, null_round, seq_before, digest);
}

static slk_err plan_add(epoch_plan *plan, const slk_dev_message *m, int64_t forced_exit)
{
    plan->n_messages++;
    SLK_TRY(slk_cbor_put_array(&plan->messages, 2));
    SLK_TRY(slk_cbor_put_cid(&plan->messages, &m->cid));
    return slk_cbor_put_int(&plan->messages, forced_exit);
}

static slk_err execute_pool(slk_devnet *devnet, epoch_plan *plan)
{
    slk_dev_message *m;
    while ((m = slk_dev_pool_next(devnet)) != NULL) {
        int64_t forced = take_forced_exit(devnet, m->signed_message.message.method);
        SLK_TRY(plan_add(plan, m, forced));
        SLK_TRY(include(devnet, m, forced));
    }
    return SLK_OK;
}

static slk_err log_epoch(slk_devnet *devnet, bool null_round, const epoch_plan *plan,
                         slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf record;
    slk_buf_init(&record, RECORD_MAX_BYTES);
    slk_err code = slk_cbor_put_array(&record, 4);
    if (code == SLK_OK)
        code = slk_cbor_put_uint(&record, DEV_RECORD_EPOCH);
    if (code == SLK_OK)
        code = slk_cbor_put_bool(&record, null_round);
    if (code == SLK_OK)
        code = slk_cbor_put_bytes(&record, devnet->verdicts.valid, devnet->verdicts.n);
    if (code == SLK_OK)
        code = slk_cbor_put_array(&record, plan->n_messages);
    if (code == SLK_OK && plan->messages.len > 0)
        code = slk_buf_append(&record, plan->messages.data, plan->messages.len);
    if (code != SLK_OK)
        return out_of_memory(devnet, code, error);
    return slk_dev_store_append(devnet, &record, plan->n_messages > 0, error);
}

static slk_err make_one(slk_devnet *devnet, bool null_round, slk_error *error)
{
    epoch_plan plan = {0};
    uint64_t seq_before = devnet->seq;
    slk_buf_init(&plan.messages, RECORD_MAX_BYTES);
    devnet->epoch = (int64_t)devnet->n_tipsets;
    devnet->verdicts.n = 0;
    slk_err code = SLK_OK;
    if (!null_round && !devnet->hold_pool)
        code = execute_pool(devnet, &plan);
    if (code == SLK_OK)
        code = finish(devnet, null_round, seq_before, &plan);
    code = code == SLK_OK ? log_epoch(devnet, null_round, &plan, error)
                          : out_of_memory(devnet, code, error);
    slk_buf_done(&plan.messages);
    return code;
}

/* n epochs in which nothing is executed. */
static slk_err make_empty(slk_devnet *devnet, uint64_t n, bool null_round)
{
    const epoch_plan nothing = {0};
    for (uint64_t i = 0; i < n; i++) {
        devnet->epoch = (int64_t)devnet->n_tipsets;
        SLK_TRY(finish(devnet, null_round, devnet->seq, &nothing));
    }
    return SLK_OK;
}

slk_err slk_dev_epoch_make(slk_devnet *devnet, uint64_t n, bool null_round, slk_error *error)
{
    if (devnet->broken)
        return slk_fail(error, SLK_E_IO, "the devnet is out of step with its log; restart it");
    while (n > 0 && !null_round && !devnet->hold_pool && !slk_dev_pool_empty(devnet)) {
        SLK_TRY(make_one(devnet, false, error));
        n--;
    }
    if (n == 0)
        return SLK_OK;
    SLK_CLEANUP(slk_buf_done) slk_buf record;
    slk_buf_init(&record, 64);
    slk_err code = make_empty(devnet, n, null_round);
    if (code == SLK_OK)
        code = slk_cbor_put_array(&record, 3);
    if (code == SLK_OK)
        code = slk_cbor_put_uint(&record, DEV_RECORD_EMPTY);
    if (code == SLK_OK)
        code = slk_cbor_put_uint(&record, n);
    if (code == SLK_OK)
        code = slk_cbor_put_bool(&record, null_round);
    if (code != SLK_OK)
        return out_of_memory(devnet, code, error);
    return slk_dev_store_append(devnet, &record, false, error);
}

/* Takes the last depth epochs back. */
static void rewind_chain(slk_devnet *devnet, uint64_t depth, bool reinclude)
{
    devnet->n_tipsets -= (size_t)depth;
    int64_t first = (int64_t)devnet->n_tipsets;
    slk_dev_rollback(devnet, devnet->tipsets[first].seq_before);
    for (size_t i = 0; i < devnet->n_messages; i++) {
        slk_dev_message *m = &devnet->messages[i];
        if (m->included < first)
            continue;
        m->included = -1;
        m->dropped = !reinclude;
    }
    devnet->first_pending = 0;
    devnet->forks++;
}

/* A record of a type and up to two numbers. */
static slk_err log_numbers(slk_devnet *devnet, uint64_t type, uint64_t a, uint64_t b,
                           slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf record;
    slk_buf_init(&record, 64);
    const uint64_t numbers[3] = {type, a, b};
    slk_err code = slk_cbor_put_array(&record, 3);
    for (int i = 0; i < 3 && code == SLK_OK; i++)
        code = slk_cbor_put_uint(&record, numbers[i]);
    if (code != SLK_OK)
        return slk_fail(error, code, "out of memory for a record");
    return slk_dev_store_append(devnet, &record, true, error);
}

slk_err slk_dev_reorg(slk_devnet *devnet, uint64_t depth, bool reinclude, slk_error *error)
{
    if (depth == 0 || depth >= devnet->n_tipsets)
        return slk_fail(error, SLK_E_INVAL, "a reorg of %llu epochs is not possible",
                        (unsigned long long)depth);
    SLK_TRY(log_numbers(devnet, DEV_RECORD_REORG, depth, reinclude, error));
    rewind_chain(devnet, depth, reinclude);
    /* One more than were there: the heavier chain wins. */
    return slk_dev_epoch_make(devnet, depth + 1, false, error);
}

static slk_err apply_fund(slk_devnet *devnet, const slk_address *address, const slk_bigint *amount)
{
    devnet->epoch = (int64_t)devnet->n_tipsets - 2;
    slk_dev_actor *actor = slk_dev_actor_find(devnet, address);
    if (actor == NULL)
        SLK_TRY(slk_dev_account_new(devnet, &actor, address));
    slk_dev_funds funds = slk_dev_funds_latest(actor);
    SLK_TRY(slk_bigint_add(&funds.balance, &funds.balance, amount));
    return slk_dev_funds_set(devnet, actor, funds);
}

slk_err slk_dev_fund(slk_devnet *devnet, const slk_address *address, const slk_bigint *amount,
                     slk_error *error)
{
    uint64_t id;
    if (slk_dev_actor_find(devnet, address) == NULL && slk_address_id(&id, address))
        return slk_fail(error, SLK_E_NOTFOUND, "actor not found");
    SLK_CLEANUP(slk_buf_done) slk_buf record;
    slk_buf_init(&record, 256);
    slk_err code = slk_cbor_put_array(&record, 3);
    if (code == SLK_OK)
        code = slk_cbor_put_uint(&record, DEV_RECORD_FUND);
    if (code == SLK_OK)
        code = slk_address_put_cbor(&record, address);
    if (code == SLK_OK)
        code = slk_cbor_put_bigint(&record, amount);
    if (code != SLK_OK)
        return slk_fail(error, code, "out of memory for a record");
    SLK_TRY(slk_dev_store_append(devnet, &record, true, error));
    code = apply_fund(devnet, address, amount);
    return code == SLK_OK ? SLK_OK : out_of_memory(devnet, code, error);
}

/* With the owner and worker of the first miner, and 1000 FIL of its own. */
static slk_err apply_miner(slk_devnet *devnet, uint64_t *ret_id, uint64_t sector_bytes)
{
    slk_dev_actor *first = slk_dev_actor_by_id(devnet, DEVNET_FIRST_MINER), *miner;
    devnet->epoch = (int64_t)devnet->n_tipsets - 2;
    SLK_TRY(slk_dev_miner_new(devnet, &miner, sector_bytes, first == NULL ? 0 : first->owner,
                              first == NULL ? 0 : first->worker));
    slk_dev_funds funds = slk_dev_funds_latest(miner);
    slk_bigint fil = slk_bigint_from_u64(1000000000000000000u);
    SLK_TRY(slk_bigint_mul_u64(&funds.balance, &fil, 1000));
    *ret_id = miner->id;
    return slk_dev_funds_set(devnet, miner, funds);
}

slk_err slk_dev_create_miner(slk_devnet *devnet, uint64_t *ret_id, uint64_t sector_bytes,
                             slk_error *error)
{
    if (slk_sector_shape_of(sector_bytes) == NULL)
        return slk_fail(error, SLK_E_INVAL, "no sector size of %llu bytes",
                        (unsigned long long)sector_bytes);
    SLK_TRY(log_numbers(devnet, DEV_RECORD_MINER, sector_bytes, 0, error));
    slk_err code = apply_miner(devnet, ret_id, sector_bytes);
    return code == SLK_OK ? SLK_OK : out_of_memory(devnet, code, error);
}

slk_err slk_dev_drop(slk_devnet *devnet, const slk_cid *cid, slk_error *error)
{
    slk_dev_message *m = slk_dev_message_by_cid(devnet, cid);
    if (m == NULL || m->included >= 0)
        return slk_fail(error, SLK_E_NOTFOUND, "no such message in the pool");
    SLK_CLEANUP(slk_buf_done) slk_buf record;
    slk_buf_init(&record, 256);
    slk_err code = slk_cbor_put_array(&record, 3);
    if (code == SLK_OK)
        code = slk_cbor_put_uint(&record, DEV_RECORD_DROP);
    if (code == SLK_OK)
        code = slk_cbor_put_cid(&record, cid);
    if (code == SLK_OK)
        code = slk_cbor_put_null(&record);
    if (code != SLK_OK)
        return slk_fail(error, code, "out of memory for a record");
    SLK_TRY(slk_dev_store_append(devnet, &record, true, error));
    m->dropped = true;
    return SLK_OK;
}

slk_err slk_dev_dry_run(slk_devnet *devnet, slk_dev_result *result, const slk_message *message)
{
    uint64_t mark = devnet->seq;
    const slk_dev_actor *sender = slk_dev_actor_find(devnet, &message->from);
    slk_assert(sender != NULL);
    devnet->epoch = slk_dev_head(devnet);
    devnet->dry_run = true;
    slk_err code = SLK_OK;
    for (size_t i = devnet->first_pending; i < devnet->n_messages && code == SLK_OK; i++) {
        const slk_dev_message *m = &devnet->messages[i];
        if (m->included >= 0 || m->dropped ||
            slk_dev_actor_find(devnet, &m->signed_message.message.from) != sender ||
            m->signed_message.message.nonce != slk_dev_funds_latest(sender).nonce)
            continue;
        slk_dev_result ignored;
        code = slk_dev_execute(devnet, &ignored, &m->signed_message.message, 0);
        slk_buf_done(&ignored.returned);
    }
    slk_message trial = *message; /* params stay the caller's */
    trial.nonce = slk_dev_funds_latest(sender).nonce;
    trial.gas_limit = DRY_RUN_GAS_LIMIT;
    trial.gas_fee_cap = (slk_bigint){{0}};
    if (code == SLK_OK)
        code = slk_dev_execute(devnet, result, &trial, 0);
    slk_dev_rollback(devnet, mark);
    devnet->dry_run = false;
    return code;
}

/* --- replay --------------------------------------------------------------------------------- */

static slk_err replay_push(slk_devnet *devnet, slk_cbor *c, slk_error *error)
{
    const uint8_t *cbor, *uuid;
    size_t n, n_uuid;
    char text[40] = {0};
    slk_signed_message message = {0};
    slk_dev_message *added;
    SLK_TRY(slk_cbor_get_bytes(c, &cbor, &n, RECORD_MAX_BYTES, "message", error));
    SLK_TRY(slk_cbor_get_bytes(c, &uuid, &n_uuid, sizeof text - 1, "uuid", error));
    memcpy(text, uuid, n_uuid);
    SLK_TRY(slk_signed_message_from_cbor(&message, cbor, n, error));
    slk_err code = slk_dev_pool_add(devnet, &added, &message, text, error);
    slk_signed_message_done(&message);
    return code;
}

static slk_err replay_messages(slk_devnet *devnet, slk_cbor *c, epoch_plan *plan, slk_error *error)
{
    uint64_t n;
    SLK_TRY(slk_cbor_get_array(c, &n, UINT32_MAX, "messages", error));
    for (uint64_t i = 0; i < n; i++) {
        slk_cid cid;
        int64_t forced;
        SLK_TRY(slk_cbor_get_tuple(c, 2, "message", error));
        SLK_TRY(slk_cbor_get_cid(c, &cid, "message", error));
        SLK_TRY(slk_cbor_get_int(c, &forced, "exit", error));
        slk_dev_message *m = slk_dev_message_by_cid(devnet, &cid);
        if (m == NULL || m->included >= 0 ||
            !slk_dev_includable(devnet, &m->signed_message.message))
            return slk_fail(error, SLK_E_CORRUPT, "an epoch includes a message it cannot");
        SLK_TRY(plan_add(plan, m, forced));
        SLK_TRY(include(devnet, m, forced));
    }
    return SLK_OK;
}

static slk_err replay_epoch(slk_devnet *devnet, slk_cbor *c, slk_error *error)
{
    bool null_round;
    const uint8_t *valid;
    size_t n;
    epoch_plan plan = {0};
    SLK_TRY(slk_cbor_get_bool(c, &null_round, "null round", error));
    SLK_TRY(slk_cbor_get_bytes(c, &valid, &n, RECORD_MAX_BYTES, "verdicts", error));
    devnet->verdicts.n = devnet->verdicts.at = 0;
    for (size_t i = 0; i < n; i++) {
        SLK_TRY(DEV_GROW(devnet->verdicts.valid, devnet->verdicts.n, devnet->verdicts.capacity));
        devnet->verdicts.valid[devnet->verdicts.n++] = valid[i];
    }
    uint64_t seq_before = devnet->seq;
    devnet->epoch = (int64_t)devnet->n_tipsets;
    slk_buf_init(&plan.messages, RECORD_MAX_BYTES);
    slk_err code = replay_messages(devnet, c, &plan, error);
    if (code == SLK_OK)
        code = finish(devnet, null_round, seq_before, &plan);
    slk_buf_done(&plan.messages);
    return code;
}

static slk_err replay_numbers(slk_devnet *devnet, slk_cbor *c, uint64_t type, slk_error *error)
{
    uint64_t a, b, id;
    SLK_TRY(slk_cbor_get_uint(c, &a, "number", error));
    SLK_TRY(slk_cbor_get_uint(c, &b, "number", error));
    if (type == DEV_RECORD_MINER)
        return apply_miner(devnet, &id, a);
    if (a == 0 || a >= devnet->n_tipsets)
        return slk_fail(error, SLK_E_CORRUPT, "an impossible reorg");
    rewind_chain(devnet, a, b != 0);
    return SLK_OK;
}

static slk_err replay_clock(slk_devnet *devnet, slk_cbor *c, slk_error *error)
{
    SLK_TRY(slk_cbor_get_int(c, &devnet->options.block_delay_ms, "block delay", error));
    return slk_cbor_get_int(c, &devnet->time_offset_ms, "offset", error);
}

static slk_err replay_empty(slk_devnet *devnet, slk_cbor *c, slk_error *error)
{
    uint64_t n;
    bool null_round;
    SLK_TRY(slk_cbor_get_uint(c, &n, "count", error));
    SLK_TRY(slk_cbor_get_bool(c, &null_round, "null round", error));
    return make_empty(devnet, n, null_round);
}

static slk_err replay_fund(slk_devnet *devnet, slk_cbor *c, slk_error *error)
{
    slk_address address;
    slk_bigint amount;
    SLK_TRY(slk_address_get_cbor(c, &address, "address", error));
    SLK_TRY(slk_cbor_get_bigint(c, &amount, "amount", error));
    return apply_fund(devnet, &address, &amount);
}

static slk_err replay_drop(slk_devnet *devnet, slk_cbor *c, slk_error *error)
{
    slk_cid cid;
    SLK_TRY(slk_cbor_get_cid(c, &cid, "message", error));
    if (!slk_cbor_take_null(c))
        return slk_fail(error, SLK_E_CORRUPT, "a malformed record");
    slk_dev_message *m = slk_dev_message_by_cid(devnet, &cid);
    if (m == NULL)
        return slk_fail(error, SLK_E_CORRUPT, "a message dropped that never came");
    m->dropped = true;
    return SLK_OK;
}

slk_err slk_dev_replay_record(slk_devnet *devnet, const uint8_t *in, size_t n, slk_error *error)
{
    slk_cbor c = slk_cbor_over(in, n);
    uint64_t items, type;
    SLK_TRY(slk_cbor_get_array(&c, &items, 16, "record", error));
    SLK_TRY(slk_cbor_get_uint(&c, &type, "type", error));
    if ((type == DEV_RECORD_GENESIS) != (devnet->n_tipsets == 0))
        return slk_fail(error, SLK_E_CORRUPT, "genesis is not the first record");
    switch (type) {
    case DEV_RECORD_GENESIS:
        SLK_TRY(slk_dev_genesis_replay(devnet, &c, error));
        break;
    case DEV_RECORD_PUSH:
        SLK_TRY(replay_push(devnet, &c, error));
        break;
    case DEV_RECORD_EPOCH:
        SLK_TRY(replay_epoch(devnet, &c, error));
        break;
    case DEV_RECORD_EMPTY:
        SLK_TRY(replay_empty(devnet, &c, error));
        break;
    case DEV_RECORD_FUND:
        SLK_TRY(replay_fund(devnet, &c, error));
        break;
    case DEV_RECORD_DROP:
        SLK_TRY(replay_drop(devnet, &c, error));
        break;
    case DEV_RECORD_CLOCK:
        SLK_TRY(replay_clock(devnet, &c, error));
        break;
    case DEV_RECORD_MINER:
    case DEV_RECORD_REORG:
        SLK_TRY(replay_numbers(devnet, &c, type, error));
        break;
    default:
        return slk_fail(error, SLK_E_UNSUPPORTED, "record type %llu is of a newer devnet",
                        (unsigned long long)type);
    }
    return slk_cbor_end(&c, "record", error);
}
