/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an operator does with the client's sectors: order, retry, cancel, remove. */
#include "seal/client.h"

#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"

#include <string.h>

static const slk_sql has_provider = {"orders.provider",
                                     "SELECT count(*) FROM rseal_client_providers WHERE sp_id = $1"
                                     " AND enabled = 1"};
static const slk_sql own_numbers = {"orders.numbers",
                                    "SELECT sector_number FROM rseal_client_number WHERE sp_id = $1"
                                    " AND sector_number >= $2 ORDER BY sector_number"};
static const slk_sql insert_number = {
    "orders.number", "INSERT INTO rseal_client_number (sp_id, sector_number) VALUES ($1, $2)"};
static const slk_sql insert_sector = {
    "orders.insert",
    "INSERT INTO rseal_client_pipeline (sp_id, sector_number, create_time, reg_seal_proof,"
    " user_sector_duration_epochs, state, state_ms, only_provider_id, held)"
    " VALUES ($1, $2, $3, $4, $5, 'new', $3, $6, $7)"};
static const slk_sql let_begin = {"orders.let_begin",
                                  "UPDATE rseal_client_pipeline SET held = 0 WHERE sp_id = $1"
                                  " AND sector_number = $2"};
static const slk_sql insert_details = {
    "orders.insert_details",
    "INSERT INTO sectors_sdr_pipeline (sp_id, sector_number, create_time, reg_seal_proof)"
    " VALUES ($1, $2, $3, $4)"};
static const slk_sql read_reason = {"retry.reason",
                                    "SELECT failed_reason FROM rseal_client_pipeline"
                                    " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql reset_tries = {
    "retry.reset_tries", "UPDATE sectors_sdr_pipeline SET precommit_tries = 0, commit_tries = 0"
                         " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql count_unchanged = {
    "retry.unchanged", "SELECT count(*) FROM sectors_sdr_pipeline WHERE sp_id = $1"
                       " AND sector_number = $2 AND COALESCE(precommit_uuid, '') = $3"
                       " AND precommit_tries = $4"};
static const slk_sql count_sent = {"cancel.sent",
                                   "SELECT count(*) FROM sectors_sdr_pipeline WHERE sp_id = $1"
                                   " AND sector_number = $2 AND (precommit_uuid IS NOT NULL"
                                   " OR after_precommit_msg = 1)"};
static const slk_sql cancel_asked = {
    "cancel.asked", "SELECT cancel_requested FROM rseal_client_pipeline WHERE sp_id = $1"
                    " AND sector_number = $2"};
static const slk_sql ask_cancel = {"cancel.ask",
                                   "UPDATE rseal_client_pipeline SET cancel_requested = 1"
                                   " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql read_ended = {
    "remove.read", "SELECT c.after_cleanup, c.failed, c.cancel_requested, (SELECT count(*) FROM"
                   " rseal_client_placement p WHERE p.sp_id = c.sp_id"
                   " AND p.sector_number = c.sector_number AND p.release_owed = 1)"
                   " FROM rseal_client_pipeline c WHERE c.sp_id = $1 AND c.sector_number = $2"};
static const slk_sql delete_rows[] = {
    {"remove.details", "DELETE FROM sectors_sdr_pipeline WHERE sp_id = $1 AND sector_number = $2"},
    {"remove.sector", "DELETE FROM rseal_client_pipeline WHERE sp_id = $1 AND sector_number = $2"},
};

/* ---- orders ---- */

struct new_order {
    slk_seal *seal;
    const slk_bitfield *taken;
    const slk_client_wish *wish;
    uint64_t number;
    bool full; /* so many are under way already */
};

/* The lowest number that the chain has free and that was never given out here. */
static slk_err next_number(struct new_order *o, slk_db *db, slk_error *error)
{
    uint64_t number = slk_bitfield_first_free(o->taken, 0);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &own_numbers,
                         SLK_ARGS(slk_arg_u(o->wish->sp_id), slk_arg_u(number)), error));
    bool row = true;
    while (true) {
        SLK_TRY(slk_query_step(&q, &row, error));
        uint64_t used = row ? slk_u64(slk_column_i64(&q, 0)) : UINT64_MAX;
        if (used > number)
            break;
        if (used == number)
            number = slk_bitfield_first_free(o->taken, number + 1);
    }
    if (number > INT64_MAX)
        return slk_fail(error, SLK_E_LIMIT, "the miner has no sector number left");
    o->number = number;
    return SLK_OK;
}

static slk_err write_sector(const struct new_order *o, slk_db *db, int64_t now, slk_error *error)
{
    const slk_client_wish *w = o->wish;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &insert_sector,
                         SLK_ARGS(slk_arg_u(w->sp_id), slk_arg_u(o->number), slk_arg_i(now),
                                  slk_arg_i(w->seal_proof), slk_arg_i(w->duration_epochs),
                                  slk_arg_i(w->only_provider_id), slk_arg_i(w->held)),
                         error));
    if (w->only_provider_id == 0)
        slk_bind_null(&q, 6);
    return slk_query_run(&q, error);
}

static slk_err order_body(slk_db *db, void *context, slk_error *error)
{
    struct new_order *o = context;
    const slk_client_wish *w = o->wish;
    if (w->most_under_way > 0) {
        uint64_t under_way = 0;
        SLK_TRY(slk_client_under_way(&under_way, db, w->sp_id, error));
        o->full = under_way >= w->most_under_way;
        if (o->full)
            return SLK_OK;
    }
    SLK_TRY(next_number(o, db, error));
    int64_t now = slk_seal_now(o->seal);
    SLK_TRY(slk_sql_run(db, &insert_number, SLK_ARGS(slk_arg_u(w->sp_id), slk_arg_u(o->number)),
                        NULL, error));
    SLK_TRY(write_sector(o, db, now, error));
    SLK_TRY(slk_sql_run(db, &insert_details,
                        SLK_ARGS(slk_arg_u(w->sp_id), slk_arg_u(o->number), slk_arg_i(now),
                                 slk_arg_i(w->seal_proof)),
                        NULL, error));
    slk_change change = slk_seal_change(o->seal, SLK_PIPELINE_CLIENT, w->sp_id, o->number,
                                        SLK_EVENT_COUNT, w->actor, "");
    return slk_state_note(db, &change, "allocated", error);
}

slk_err slk_client_allocate(bool *ret_full, uint64_t *ret_number, slk_seal *seal,
                            const slk_client_wish *wish, slk_error *error)
{
    const slk_seal_ops *ops = slk_seal_get_ops(seal);
    if (wish->sp_id > INT64_MAX || wish->duration_epochs < 0)
        return slk_fail(error, SLK_E_INVAL, "miner or duration is out of bounds");
    uint64_t bytes;
    SLK_TRY(ops->prover.sector_bytes(ops->prover.ctx, &bytes, wish->seal_proof, error));
    int64_t providers = 0;
    SLK_TRY(slk_sql_number(&providers, slk_seal_db(seal), &has_provider,
                           SLK_ARGS(slk_arg_u(wish->sp_id)), error));
    if (providers == 0)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "miner f0%lu has no enabled provider: add one, or enable it",
                        (unsigned long)wish->sp_id);
    slk_seal_network net; /* another network may have a miner of that number, too */
    int64_t head; /* refused by a node that is behind, whose free numbers are not free */
    SLK_TRY(slk_seal_network_read(&net, seal, error));
    SLK_TRY(ops->chain.head(ops->chain.ctx, &head, error));
    SLK_TRY(ops->chain.check_miner(ops->chain.ctx, wish->sp_id, wish->seal_proof, error));
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield taken = {0};
    SLK_TRY(ops->chain.allocated(ops->chain.ctx, &taken, wish->sp_id, error));
    struct new_order o = {seal, &taken, wish, 0, false};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), order_body, &o, error));
    *ret_full = o.full;
    *ret_number = o.number;
    if (!o.full)
        slk_seal_wake(seal);
    return SLK_OK;
}

slk_err slk_client_let_begin(slk_db *db, uint64_t sp_id, uint64_t number, slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    SLK_TRY(slk_sql_run(db, &let_begin, SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), &changes,
                        error));
    return changes > 0 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
}

slk_err slk_client_order(uint64_t *ret_number, slk_seal *seal, uint64_t sp_id, int64_t seal_proof,
                         int64_t duration_epochs, slk_error *error)
{
    const slk_client_wish wish = {.sp_id = sp_id,
                                  .seal_proof = seal_proof,
                                  .duration_epochs = duration_epochs,
                                  .actor = "operator"};
    bool full;
    return slk_client_allocate(&full, ret_number, seal, &wish, error);
}

/* ---- retry ---- */

static const struct stage {
    const char *name; /* of the work that is done again */
    slk_event event;
} stages[] = {
    {"order", SLK_EV_REORDER}, {"fetch", SLK_EV_REFETCH}, {"verify", SLK_EV_RECHECK},
    {"seed", SLK_EV_RESEED},   {"c1", SLK_EV_C1_AGAIN},   {"porep", SLK_EV_PROVE_AGAIN},
};

const char *slk_client_stage_name(size_t i)
{
    return i < sizeof stages / sizeof *stages ? stages[i].name : NULL;
}

/* What a retry does beside letting go of the brake: a message that the chain has refused would be
 * found again and refused again, so another takes its place, with a new proof where that was the
 * cause. SLK_EVENT_COUNT: nothing. */
static slk_event again_event(slk_state state, const char *reason)
{
    if (state == SLK_CS_FETCHED)
        return SLK_EV_REFETCH;
    if (state == SLK_CS_PRECOMMIT_SENT && strncmp(reason, "precommit-exit-", 15) == 0)
        return SLK_EV_PRECOMMIT_AGAIN;
    if (state == SLK_CS_COMMIT_SENT && strcmp(reason, "commit-exit-16") == 0)
        return SLK_EV_RESEED;
    if (state == SLK_CS_COMMIT_SENT && strncmp(reason, "commit-exit-", 12) == 0)
        return SLK_EV_COMMIT_AGAIN;
    return SLK_EVENT_COUNT;
}

struct retry {
    slk_change change;
    slk_event from; /* SLK_EVENT_COUNT: whatever the reason of the failure asks for */
    const slk_client_row *checked; /* what the decision was made on */
};

/* Lets go of the brake, if it is on, and ends what is being tried. */
static slk_err let_loose(slk_state *ret_state, char reason[32], slk_db *db, slk_change *c,
                         slk_error *error)
{
    bool failed;
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_row(&q, db, &read_reason,
                            SLK_ARGS(slk_arg_u(c->sp_id), slk_arg_u(c->number)), "sector", error));
        slk_sql_copy_text(reason, 32, &q, 0);
    }
    SLK_TRY(slk_state_read(ret_state, &failed, db, c->pipeline, c->sp_id, c->number, error));
    SLK_TRY(slk_task_drop(db, SLK_PIPELINE_CLIENT, c->sp_id, c->number, NULL, error));
    if (!failed)
        return SLK_OK;
    c->event = SLK_EV_RETRY;
    return slk_state_apply(db, c, error);
}

/* Nothing was sent since the chain was asked. */
static slk_err check_unchanged(slk_db *db, const slk_client_row *checked, slk_error *error)
{
    int64_t same = 0;
    SLK_TRY(slk_sql_number(
        &same, db, &count_unchanged,
        SLK_ARGS(slk_arg_u(checked->sector.sp_id), slk_arg_u(checked->sector.number),
                 slk_arg_t(checked->precommit_uuid), slk_arg_i(checked->precommit_tries)),
        error));
    return same == 1 ? SLK_OK
                     : slk_fail(error, SLK_E_CONFLICT,
                                "a pre-commit of the sector was prepared meanwhile: try again");
}

static slk_err retry_body(slk_db *db, void *context, slk_error *error)
{
    struct retry *r = context;
    slk_change *c = &r->change;
    slk_state state;
    char reason[32];
    if (r->from == SLK_EV_REORDER)
        SLK_TRY(check_unchanged(db, r->checked, error));
    SLK_TRY(let_loose(&state, reason, db, c, error));
    c->event = r->from != SLK_EVENT_COUNT ? r->from : again_event(state, reason);
    if (c->event != SLK_EVENT_COUNT)
        SLK_TRY(slk_state_apply(db, c, error));
    return slk_sql_run(db, &reset_tries, SLK_ARGS(slk_arg_u(c->sp_id), slk_arg_u(c->number)), NULL,
                       error);
}

/* Another replica under the same number: only when no message about the last one can ever land.
 * source: reference/chain 1.2, MaxPreCommitRandomnessLookback */
static slk_err check_reorder(slk_seal *seal, const slk_client_row *row, slk_error *error)
{
    uint64_t others = 0;
    SLK_TRY(slk_client_alternatives(&others, slk_seal_db(seal), row->sector.sp_id,
                                    row->sector.number, error));
    if (others == 0)
        return slk_fail(error, SLK_E_CONFLICT,
                        "the miner has no other enabled provider that has not had the sector: add "
                        "one, or cancel it and order another");
    if (!slk_client_may_have_deposit(row) && row->precommit_tries == 0)
        return SLK_OK; /* nothing was ever sent */
    const slk_seal_chain *chain = &slk_seal_get_ops(seal)->chain;
    uint64_t sp_id = row->sector.sp_id, number = row->sector.number;
    slk_seal_precommit_info precommit = {0};
    slk_seal_sector_info sector = {0};
    slk_seal_network net;
    int64_t head;
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield taken = {0};
    SLK_TRY(slk_seal_network_read(&net, seal, error));
    SLK_TRY(chain->head(chain->ctx, &head, error)); /* refuses a node that is behind */
    SLK_TRY(chain->precommit_info(chain->ctx, &precommit, sp_id, number, error));
    SLK_TRY(chain->sector_info(chain->ctx, &sector, sp_id, number, error));
    SLK_TRY(chain->allocated(chain->ctx, &taken, sp_id, error));
    if (precommit.found || sector.found || slk_bitfield_has(&taken, number))
        return slk_fail(error, SLK_E_CONFLICT,
                        "the chain has used this number: cancel the sector and order another");
    int64_t over =
        row->completion.ticket_epoch + net.ticket_max_age_epochs + net.ticket_lookback_epochs;
    if (head <= over)
        return slk_fail(error, SLK_E_CONFLICT,
                        "a pre-commit of the present replica may still land until epoch %ld, the "
                        "head is %ld",
                        (long)over, (long)head);
    return SLK_OK;
}

static slk_err check_from(slk_seal *seal, const slk_client_row *row, slk_event event,
                          const char *stage, slk_error *error)
{
    slk_state to;
    if (!slk_state_edge(&to, row->state, false, event))
        return slk_fail(error, SLK_E_CONFLICT, "the sector is %s: it cannot go back to %s",
                        slk_state_name(row->state), stage);
    if (row->state == SLK_CS_COMMIT_SENT && event == SLK_EV_RESEED && !row->failed)
        return slk_fail(error, SLK_E_CONFLICT,
                        "the commit message is on its way: what becomes of it is waited for");
    return event == SLK_EV_REORDER ? check_reorder(seal, row, error) : SLK_OK;
}

static slk_err retry(slk_seal *seal, const slk_client_row *row, slk_event from, const char *detail,
                     slk_error *error)
{
    uint64_t sp_id = row->sector.sp_id, number = row->sector.number;
    struct retry r = {
        slk_seal_change(seal, SLK_PIPELINE_CLIENT, sp_id, number, SLK_EV_RETRY, "operator", detail),
        from, row};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), retry_body, &r, error));
    (void)slk_seal_cancel_running(seal, SLK_PIPELINE_CLIENT, sp_id, number);
    slk_seal_wake(seal);
    return SLK_OK;
}

static slk_err read_wanted(slk_client_row *ret_row, slk_seal *seal, uint64_t sp_id, uint64_t number,
                           slk_error *error)
{
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    SLK_TRY(slk_client_row_read(ret_row, seal, sp_id, number, error));
    if (ret_row->cancel_requested)
        return slk_fail(error, SLK_E_CONFLICT, "the sector was canceled: order another");
    return SLK_OK;
}

slk_err slk_client_retry(slk_seal *seal, uint64_t sp_id, uint64_t number, slk_error *error)
{
    slk_client_row row;
    SLK_TRY(read_wanted(&row, seal, sp_id, number, error));
    if (!row.failed)
        return slk_fail(error, SLK_E_CONFLICT,
                        "the sector has not failed; --from says what to do again");
    return retry(seal, &row, SLK_EVENT_COUNT, "", error);
}

slk_err slk_client_retry_from(slk_seal *seal, uint64_t sp_id, uint64_t number, const char *stage,
                              bool dry_run, slk_error *error)
{
    slk_client_row row;
    SLK_TRY(read_wanted(&row, seal, sp_id, number, error));
    slk_event event = SLK_EVENT_COUNT;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (strcmp(stages[i].name, stage) == 0)
            event = stages[i].event;
    if (event == SLK_EVENT_COUNT)
        return slk_fail(error, SLK_E_INVAL,
                        "no stage `%.20s`: order, fetch, verify, seed, c1 or porep", stage);
    SLK_TRY(check_from(seal, &row, event, stage, error));
    return dry_run ? SLK_OK : retry(seal, &row, event, "by hand", error);
}

/* ---- cancel ---- */

struct cancel {
    slk_change change;
    const slk_client_cancel_options *options;
    bool nothing; /* was to be done */
};

/* The pre-commit's uuid is the line: it is stored, under the same guard, before anything is sent. */
static slk_err check_deposit(slk_db *db, const struct cancel *a, slk_error *error)
{
    int64_t sent = 0;
    SLK_TRY(slk_sql_number(&sent, db, &count_sent,
                           SLK_ARGS(slk_arg_u(a->change.sp_id), slk_arg_u(a->change.number)),
                           error));
    if (sent == 0 || a->options->really)
        return SLK_OK;
    return slk_fail(error, SLK_E_CONFLICT,
                    "a pre-commit was sent: its deposit would be lost and the number could not be "
                    "used again; --really-do-it cancels nevertheless");
}

static slk_err stop_for_good(slk_db *db, struct cancel *a, slk_error *error)
{
    SLK_TRY(slk_task_drop(db, SLK_PIPELINE_CLIENT, a->change.sp_id, a->change.number, NULL, error));
    a->change.event = SLK_EV_FAILED;
    a->change.failed_reason = "canceled";
    a->change.detail = "Given up by the operator. Order anew.";
    return slk_state_apply(db, &a->change, error);
}

static slk_err cancel_body(slk_db *db, void *context, slk_error *error)
{
    struct cancel *a = context;
    slk_state state;
    bool failed;
    int64_t asked = 0;
    uint64_t sp_id = a->change.sp_id, number = a->change.number;
    SLK_TRY(slk_state_read(&state, &failed, db, SLK_PIPELINE_CLIENT, sp_id, number, error));
    SLK_TRY(slk_sql_number(&asked, db, &cancel_asked, SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)),
                           error));
    if (state == SLK_CS_PROVING)
        return slk_fail(error, SLK_E_CONFLICT, "the sector is proving: there is nothing to cancel");
    if (asked == 0)
        SLK_TRY(check_deposit(db, a, error));
    a->nothing = asked != 0 || a->options->dry_run;
    if (a->nothing)
        return SLK_OK;
    if (!failed)
        SLK_TRY(stop_for_good(db, a, error));
    SLK_TRY(
        slk_sql_run(db, &ask_cancel, SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), NULL, error));
    return slk_state_note(db, &a->change, "canceled", error);
}

slk_err slk_client_cancel(slk_seal *seal, uint64_t sp_id, uint64_t number,
                          const slk_client_cancel_options *options, slk_error *error)
{
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    struct cancel a = {
        slk_seal_change(seal, SLK_PIPELINE_CLIENT, sp_id, number, SLK_EV_FAILED, "operator", ""),
        options, false};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), cancel_body, &a, error));
    if (a.nothing)
        return SLK_OK;
    (void)slk_seal_cancel_running(seal, SLK_PIPELINE_CLIENT, sp_id, number);
    slk_seal_wake(seal);
    return SLK_OK;
}

/* ---- remove ---- */

/* A sector is over when its last provider was let go, and every former one too. */
static slk_err check_over(slk_db *db, uint64_t sp_id, uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, db, &read_ended, SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)),
                        "sector", error));
    bool released = slk_column_bool(&q, 0), asked = slk_column_bool(&q, 2);
    if (released && slk_column_i64(&q, 3) == 0)
        return SLK_OK;
    if (slk_column_bool(&q, 1) && !asked)
        return slk_fail(error, SLK_E_CONFLICT,
                        "the sector has failed and its provider still keeps it: cancel it first");
    return slk_fail(error, SLK_E_CONFLICT,
                    released || asked ? "a provider has yet to be told to clean up: wait for that"
                                      : "the sector is under way: cancel it first");
}

static slk_err check_not_on_chain(slk_seal *seal, uint64_t sp_id, uint64_t number, slk_error *error)
{
    slk_client_row row;
    const char *what;
    SLK_TRY(slk_client_row_read(&row, seal, sp_id, number, error));
    SLK_TRY(slk_client_chain_counts(&what, seal, &row, error));
    if (!what)
        return SLK_OK;
    return slk_fail(error, SLK_E_CONFLICT,
                    "the chain has %s: without its files it cannot be proven any more and "
                    "power and collateral are lost; --really-do-it removes it nevertheless",
                    what);
}

static slk_err remove_files(slk_seal *seal, uint64_t sp_id, uint64_t number, slk_error *error)
{
    const slk_seal_options *o = slk_seal_get_options(seal);
    const slk_seal_peer *peer = &slk_seal_get_ops(seal)->peer;
    SLK_CLEANUP(slk_seal_places_done) slk_seal_places store = {0};
    SLK_CLEANUP(slk_seal_places_done) slk_seal_places scratch = {0};
    SLK_TRY(slk_seal_places_of(&store, o->storage_folder, sp_id, number, error));
    SLK_TRY(slk_seal_places_of(&scratch, o->scratch_folder, sp_id, number, error));
    const slk_seal_paths paths = {store.sealed, store.cache};
    SLK_TRY(peer->forget(peer->ctx, &paths, error));
    SLK_TRY(slk_remove_tree_durable(scratch.c1, error));
    SLK_TRY(slk_remove_tree_durable(store.sealed, error));
    return slk_remove_tree_durable(store.cache, error);
}

static slk_err remove_body(slk_db *db, void *context, slk_error *error)
{
    const slk_change *c = context;
    SLK_TRY(check_over(db, c->sp_id, c->number, error));
    for (size_t i = 0; i < sizeof delete_rows / sizeof *delete_rows; i++)
        SLK_TRY(slk_sql_run(db, &delete_rows[i],
                            SLK_ARGS(slk_arg_u(c->sp_id), slk_arg_u(c->number)), NULL, error));
    return slk_state_note(db, c, "removed", error);
}

slk_err slk_client_remove(slk_seal *seal, uint64_t sp_id, uint64_t number,
                          const slk_client_remove_options *options, slk_error *error)
{
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    SLK_TRY(check_over(slk_seal_db(seal), sp_id, number, error));
    if (!options->really)
        SLK_TRY(check_not_on_chain(seal, sp_id, number, error));
    if (options->dry_run)
        return SLK_OK;
    if (!slk_seal_files_try(seal, SLK_PIPELINE_CLIENT, sp_id, number))
        return slk_fail(error, SLK_E_BUSY, "the sector's files are in use: try again");
    slk_err code = options->keep_files ? SLK_OK : remove_files(seal, sp_id, number, error);
    if (code == SLK_OK) {
        slk_change change =
            slk_seal_change(seal, SLK_PIPELINE_CLIENT, sp_id, number, SLK_EVENT_COUNT, "operator",
                            options->keep_files ? "files kept" : "with its files");
        code = slk_db_tx(slk_seal_db(seal), remove_body, &change, error);
    }
    slk_seal_files_leave(seal, SLK_PIPELINE_CLIENT, sp_id, number);
    return code;
}
