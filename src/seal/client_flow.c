/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The constant flow: sectors ordered by themselves, so many under way per miner, as far as the money
 * goes. */
#include "seal/client.h"

#include "base/log.h"
#include "base/mem.h"
#include "codec/bigint.h"
#include "db/args.h"
#include "seal/rows_impl.h"

#include <stdio.h>
#include <string.h>

#define MINERS_MAX 256u

/* Failed sectors count until they are canceled: what fails again and again is not ordered again and
 * again. */
static const slk_sql count_under_way = {
    "flow.under_way", "SELECT count(*) FROM rseal_client_pipeline WHERE sp_id = $1"
                      " AND state <> 'proving' AND cancel_requested = 0"};
static const slk_sql count_unpaid = {
    "flow.unpaid", "SELECT count(*) FROM rseal_client_pipeline WHERE sp_id = $1 AND failed = 0"
                   " AND state IN ('new', 'ordered', 'sealed', 'fetched', 'verified',"
                   " 'precommit_sent')"};
static const slk_sql count_deposited = {
    "flow.deposited", "SELECT count(*) FROM rseal_client_pipeline WHERE sp_id = $1 AND failed = 0"
                      " AND state IN ('precommitted', 'seeded', 'vanilla', 'proven',"
                      " 'commit_sent')"};
static const slk_sql list_miners = {
    "flow.miners",
    "SELECT p.sp_id, max(m.keep_in_flight), max(m.reg_seal_proof), max(m.duration_epochs),"
    " max(m.reserve), max(m.note) FROM rseal_client_providers p LEFT JOIN rseal_client_miner m"
    " ON m.sp_id = p.sp_id WHERE p.enabled = 1 GROUP BY p.sp_id ORDER BY p.sp_id"};
static const slk_sql upsert_miner = {
    "miner.set",
    "INSERT INTO rseal_client_miner (sp_id, keep_in_flight, reg_seal_proof, duration_epochs,"
    " reserve) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (sp_id) DO UPDATE SET keep_in_flight = $2,"
    " reg_seal_proof = $3, duration_epochs = $4, reserve = $5"};
static const slk_sql read_miner = {"miner.read",
                                   "SELECT keep_in_flight, reg_seal_proof, duration_epochs, reserve"
                                   " FROM rseal_client_miner WHERE sp_id = $1"};
static const slk_sql write_note = {"flow.note",
                                   "INSERT INTO rseal_client_miner (sp_id, note) VALUES ($1, $2)"
                                   " ON CONFLICT (sp_id) DO UPDATE SET note = $2"};

slk_err slk_client_under_way(uint64_t *ret_n, slk_db *db, uint64_t sp_id, slk_error *error)
{
    int64_t n = 0;
    SLK_TRY(slk_sql_number(&n, db, &count_under_way, SLK_ARGS(slk_arg_u(sp_id)), error));
    *ret_n = slk_u64(n);
    return SLK_OK;
}

/* ---- money ---- */

static slk_err read_amount(slk_bigint *ret, const char *text, const char *what, slk_error *error)
{
    if (slk_bigint_parse(ret, text) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "%s: want attoFIL as decimal digits", what);
    return SLK_OK;
}

/* What is needed until all of them are proving: a sector without a deposit the larger of deposit and
 * pledge, one with a deposit what the pledge is more. */
static slk_err needed(slk_bigint *ret, const slk_seal_funds *funds, uint64_t unpaid,
                      uint64_t deposited, const slk_bigint *reserve, slk_error *error)
{
    slk_bigint deposit, pledge, sum, part;
    SLK_TRY(read_amount(&deposit, funds->deposit_per_sector, "the chain's deposit", error));
    SLK_TRY(read_amount(&pledge, funds->pledge_per_sector, "the chain's pledge", error));
    const slk_bigint *most = slk_bigint_cmp(&deposit, &pledge) > 0 ? &deposit : &pledge;
    const slk_bigint rest = slk_bigint_sub_floor(&pledge, &deposit);
    slk_err code = slk_bigint_mul_u64(&sum, most, unpaid);
    if (code == SLK_OK)
        code = slk_bigint_mul_u64(&part, &rest, deposited);
    if (code == SLK_OK)
        code = slk_bigint_add(&sum, &sum, &part);
    if (code == SLK_OK)
        code = slk_bigint_add(&sum, &sum, reserve);
    if (code != SLK_OK)
        return slk_fail(error, SLK_E_LIMIT, "the amounts of the chain are out of bounds");
    *ret = sum;
    return SLK_OK;
}

slk_err slk_client_check_funds(slk_seal *seal, uint64_t sp_id, int64_t seal_proof, uint64_t count,
                               const char *reserve, slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(seal)->chain;
    slk_seal_funds funds = {0};
    int64_t unpaid = 0, deposited = 0;
    slk_bigint keep = {0}, have, sender, need;
    slk_seal_network net;
    int64_t head; /* refused by a node that is behind */
    if (!chain->funds)
        return SLK_OK;
    SLK_TRY(slk_seal_network_read(&net, seal, error));
    SLK_TRY(chain->head(chain->ctx, &head, error));
    SLK_TRY(chain->funds(chain->ctx, &funds, sp_id, seal_proof, error));
    SLK_TRY(slk_sql_number(&unpaid, slk_seal_db(seal), &count_unpaid, SLK_ARGS(slk_arg_u(sp_id)),
                           error));
    SLK_TRY(slk_sql_number(&deposited, slk_seal_db(seal), &count_deposited,
                           SLK_ARGS(slk_arg_u(sp_id)), error));
    if (reserve && *reserve)
        SLK_TRY(read_amount(&keep, reserve, "the reserve", error));
    SLK_TRY(needed(&need, &funds, slk_u64(unpaid) + count, slk_u64(deposited), &keep, error));
    SLK_TRY(read_amount(&have, funds.available, "the miner's balance", error));
    SLK_TRY(read_amount(&sender, funds.sender_balance, "the sender's balance", error));
    if (slk_bigint_add(&have, &have, &sender) != SLK_OK)
        return slk_fail(error, SLK_E_LIMIT, "the balances of the chain are out of bounds");
    if (slk_bigint_cmp(&have, &need) >= 0)
        return SLK_OK;
    char have_text[SLK_BIGINT_TEXT_CHARS], need_text[SLK_BIGINT_TEXT_CHARS];
    slk_bigint_print(have_text, &have);
    slk_bigint_print(need_text, &need);
    return slk_fail(error, SLK_E_LIMIT,
                    "miner f0%lu and its sender have %s attoFIL; %lu more sectors beside what is "
                    "under way need %s",
                    (unsigned long)sp_id, have_text, (unsigned long)count, need_text);
}

/* ---- settings of a miner ---- */

slk_err slk_client_miner_get(slk_client_miner *ret, slk_seal *seal, uint64_t sp_id,
                             slk_error *error)
{
    slk_client_miner miner = {.keep_in_flight = -1, .seal_proof = -1, .duration_epochs = -1};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    slk_err code =
        slk_sql_row(&q, slk_seal_db(seal), &read_miner, SLK_ARGS(slk_arg_u(sp_id)), "miner", error);
    if (code == SLK_OK) {
        miner.keep_in_flight = slk_column_i64(&q, 0);
        miner.seal_proof = slk_column_i64(&q, 1);
        miner.duration_epochs = slk_column_i64(&q, 2);
        slk_sql_copy_text(miner.reserve, sizeof miner.reserve, &q, 3);
    } else if (code != SLK_E_NOTFOUND) {
        return code;
    }
    *ret = miner;
    return SLK_OK;
}

slk_err slk_client_miner_check(slk_seal *seal, uint64_t sp_id, const slk_client_miner *miner,
                               slk_error *error)
{
    slk_bigint amount;
    uint64_t bytes;
    const slk_seal_prover *prover = &slk_seal_get_ops(seal)->prover;
    if (sp_id > INT64_MAX || miner->keep_in_flight > SLK_CLIENT_KEEP_MAX)
        return slk_fail(error, SLK_E_INVAL, "at most %d sectors are kept in flight",
                        SLK_CLIENT_KEEP_MAX);
    if (*miner->reserve)
        SLK_TRY(read_amount(&amount, miner->reserve, "the reserve", error));
    if (miner->seal_proof >= 0)
        SLK_TRY(prover->sector_bytes(prover->ctx, &bytes, miner->seal_proof, error));
    return SLK_OK;
}

slk_err slk_client_miner_set(slk_seal *seal, uint64_t sp_id, const slk_client_miner *miner,
                             slk_error *error)
{
    SLK_TRY(slk_client_miner_check(seal, sp_id, miner, error));
    SLK_TRY(slk_sql_run(slk_seal_db(seal), &upsert_miner,
                        SLK_ARGS(slk_arg_u(sp_id), slk_arg_i(miner->keep_in_flight),
                                 slk_arg_i(miner->seal_proof), slk_arg_i(miner->duration_epochs),
                                 slk_arg_t(miner->reserve)),
                        NULL, error));
    slk_seal_wake(seal);
    return SLK_OK;
}

/* ---- the flow ---- */

struct miner {
    uint64_t sp_id;
    slk_client_miner wanted; /* with the defaults of the options filled in */
    char note[SLK_SEAL_REASON_CHARS];
};

static void fill_in(struct miner *m, const slk_query *q, const slk_seal_options *o)
{
    *m = (struct miner){.sp_id = slk_u64(slk_column_i64(q, 0)),
                        .wanted = {.keep_in_flight = o->keep_in_flight,
                                   .seal_proof = o->flow_seal_proof,
                                   .duration_epochs = 0}};
    (void)snprintf(m->wanted.reserve, sizeof m->wanted.reserve, "%s",
                   o->balance_reserve ? o->balance_reserve : "");
    slk_sql_copy_text(m->note, sizeof m->note, q, 5);
    if (slk_column_is_null(q, 1))
        return;
    if (slk_column_i64(q, 1) >= 0)
        m->wanted.keep_in_flight = slk_column_i64(q, 1);
    if (slk_column_i64(q, 2) >= 0)
        m->wanted.seal_proof = slk_column_i64(q, 2);
    if (slk_column_i64(q, 3) >= 0)
        m->wanted.duration_epochs = slk_column_i64(q, 3);
    const char *reserve = slk_column_text(q, 4);
    if (reserve && *reserve)
        slk_sql_copy_text(m->wanted.reserve, sizeof m->wanted.reserve, q, 4);
}

static slk_err read_miners(struct miner *miners, size_t *ret_n, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &list_miners, NULL, 0, error));
    bool row = true;
    size_t n = 0;
    while (n < MINERS_MAX) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        fill_in(&miners[n++], &q, slk_seal_get_options(seal));
    }
    *ret_n = n;
    return SLK_OK;
}

/* What keeps a miner's flow from more sectors, for people; written and logged when it changes. */
static slk_err note(slk_seal *seal, const struct miner *m, const char *text, slk_error *error)
{
    char cut[SLK_SEAL_REASON_CHARS];
    (void)snprintf(cut, sizeof cut, "%s", text);
    if (strcmp(cut, m->note) == 0)
        return SLK_OK;
    if (*cut)
        slk_log(SLK_LOG_WARN, "flow.waits", "miner=f0%lu why=\"%s\"", (unsigned long)m->sp_id, cut);
    else
        slk_log(SLK_LOG_INFO, "flow.goes_on", "miner=f0%lu", (unsigned long)m->sp_id);
    return slk_sql_run(slk_seal_db(seal), &write_note,
                       SLK_ARGS(slk_arg_u(m->sp_id), slk_arg_t(cut)), NULL, error);
}

/* Orders until so many are under way; *inout_ordered counts. */
static slk_err fill_up(uint64_t *inout_ordered, slk_seal *seal, const struct miner *m,
                       slk_error *error)
{
    const slk_client_wish wish = {.sp_id = m->sp_id,
                                  .seal_proof = m->wanted.seal_proof,
                                  .duration_epochs = m->wanted.duration_epochs,
                                  .most_under_way = slk_u64(m->wanted.keep_in_flight),
                                  .actor = "flow"};
    uint64_t under_way, number;
    bool full = false;
    SLK_TRY(slk_client_under_way(&under_way, slk_seal_db(seal), m->sp_id, error));
    while (!full && under_way < wish.most_under_way) {
        SLK_TRY(
            slk_client_check_funds(seal, m->sp_id, wish.seal_proof, 1, m->wanted.reserve, error));
        SLK_TRY(slk_client_allocate(&full, &number, seal, &wish, error));
        if (full)
            break;
        ++*inout_ordered;
        under_way++;
        slk_log(SLK_LOG_INFO, "flow.ordered", "sector=f0%lu/%lu under_way=%lu of=%lu",
                (unsigned long)m->sp_id, (unsigned long)number, (unsigned long)under_way,
                (unsigned long)wish.most_under_way);
    }
    return SLK_OK;
}

slk_err slk_client_flow(uint64_t *ret_ordered, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_freep) struct miner *miners = slk_calloc(MINERS_MAX, sizeof *miners);
    size_t n = 0;
    uint64_t ordered = 0;
    if (!miners)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(read_miners(miners, &n, seal, error));
    for (size_t i = 0; i < n; i++) {
        slk_error why = {0};
        if (miners[i].wanted.keep_in_flight <= 0)
            continue;
        slk_err code = fill_up(&ordered, seal, &miners[i], &why);
        SLK_TRY(note(seal, &miners[i], code == SLK_OK ? "" : slk_error_text(&why, code), error));
    }
    *ret_ordered = ordered;
    return SLK_OK;
}
