/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client's operator and endpoint functions: providers, orders, completion, tickets. */
#include "seal/client.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"
#include "seal/sql_impl.h"

#include <stdio.h>
#include <string.h>

static const slk_sql upsert_provider = {
    "providers.upsert",
    "INSERT INTO rseal_client_providers (sp_id, provider_url, provider_token,"
    " provider_token_hash, provider_name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6,"
    " $6) ON CONFLICT (sp_id, provider_url) DO UPDATE SET provider_token = $3,"
    " provider_token_hash = $4, provider_name = $5, updated_at = $6, enabled = 1,"
    " disabled_reason = '' RETURNING id"};
static const slk_sql enable_provider = {
    "providers.enable", "UPDATE rseal_client_providers SET enabled = $2, disabled_reason = $3,"
                        " updated_at = $4 WHERE id = $1"};
static const slk_sql count_unreleased = {
    "providers.unreleased", "SELECT count(*) FROM rseal_client_pipeline WHERE provider_id = $1"
                            " AND after_cleanup = 0"};
static const slk_sql forget_provider = {
    "providers.forget",
    "UPDATE rseal_client_pipeline SET provider_id = NULL WHERE provider_id = $1"};
static const slk_sql delete_provider = {"providers.delete",
                                        "DELETE FROM rseal_client_providers WHERE id = $1"};
static const slk_sql has_provider = {"providers.any",
                                     "SELECT count(*) FROM rseal_client_providers WHERE sp_id = $1"
                                     " AND (enabled = 1 OR $2 = 0)"};
static const slk_sql own_numbers = {
    "client.numbers",
    "SELECT sector_number FROM rseal_client_pipeline WHERE sp_id = $1 AND sector_number >= $2"
    " ORDER BY sector_number"};
static const slk_sql insert_sector = {
    "client.insert",
    "INSERT INTO rseal_client_pipeline (sp_id, sector_number, create_time, reg_seal_proof,"
    " user_sector_duration_epochs, state, state_ms) VALUES ($1, $2, $3, $4, $5, 'new', $3)"};
static const slk_sql insert_details = {
    "client.insert_details",
    "INSERT INTO sectors_sdr_pipeline (sp_id, sector_number, create_time, reg_seal_proof)"
    " VALUES ($1, $2, $3, $4)"};
static const slk_sql token_known = {
    "client.token", "SELECT count(*) FROM rseal_client_providers WHERE provider_token_hash = $1"};
static const slk_sql delegated_to = {
    "client.delegated",
    "SELECT c.reg_seal_proof FROM rseal_client_pipeline c JOIN rseal_client_providers p"
    " ON p.id = c.provider_id WHERE c.sp_id = $1 AND c.sector_number = $2"
    " AND p.provider_token_hash = $3"};
static const slk_sql store_completion = {
    "client.completion",
    "UPDATE sectors_sdr_pipeline SET ticket_epoch = $3, ticket_value = $4, tree_d_cid = $5,"
    " tree_r_cid = $6 WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql count_sent = {"client.sent",
                                   "SELECT count(*) FROM sectors_sdr_pipeline WHERE sp_id = $1"
                                   " AND sector_number = $2 AND (precommit_uuid IS NOT NULL"
                                   " OR after_precommit_msg = 1)"};
static const slk_sql abandon_asked = {
    "client.abandon_asked", "SELECT abandon_requested FROM rseal_client_pipeline WHERE sp_id = $1"
                            " AND sector_number = $2"};
static const slk_sql ask_abandon = {"client.abandon",
                                    "UPDATE rseal_client_pipeline SET abandon_requested = 1"
                                    " WHERE sp_id = $1 AND sector_number = $2"};

static const slk_sql read_reason = {"client.reason",
                                    "SELECT failed_reason FROM rseal_client_pipeline"
                                    " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql reset_tries = {
    "client.reset_tries", "UPDATE sectors_sdr_pipeline SET precommit_tries = 0, commit_tries = 0"
                          " WHERE sp_id = $1 AND sector_number = $2"};

static bool in_range(uint64_t sp_id, uint64_t number)
{
    return sp_id <= INT64_MAX && number <= INT64_MAX;
}

/* ---- providers ---- */

slk_err slk_client_provider_add(int64_t *ret_id, slk_seal *seal, uint64_t sp_id, const char *url,
                                const char *token, const char *name, slk_error *error)
{
    uint8_t raw[32];
    bool hex = slk_hex_decode(raw, sizeof raw, token);
    slk_bytes_wipe(raw, sizeof raw);
    if (!hex)
        return slk_fail(error, SLK_E_INVAL, "the provider's token must be 64 hex characters");
    size_t chars = strlen(url);
    if (sp_id > INT64_MAX || chars == 0 || chars > 500 || strlen(name) > 127)
        return slk_fail(error, SLK_E_INVAL, "miner, address or name is out of bounds");
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    char hash[65];
    keeper->hash(keeper->ctx, hash, token);
    SLK_CLEANUP(slk_buf_done) slk_buf wrapped;
    slk_buf_init(&wrapped, 500);
    SLK_TRY(keeper->wrap(keeper->ctx, &wrapped, token, error));
    return slk_sql_number(ret_id, slk_seal_db(seal), &upsert_provider,
                          SLK_ARGS(slk_arg_u(sp_id), slk_arg_t(url),
                                   slk_arg_t(slk_buf_str(&wrapped)), slk_arg_t(hash),
                                   slk_arg_t(name), slk_arg_i(slk_seal_now(seal))),
                          error);
}

static slk_err set_enabled(slk_seal *seal, int64_t id, bool enabled, const char *reason,
                           slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(slk_seal_db(seal), &enable_provider,
                        SLK_ARGS(slk_arg_i(id), slk_arg_i(enabled), slk_arg_t(reason),
                                 slk_arg_i(slk_seal_now(seal))),
                        &changes, error));
    return changes == 1 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no such provider");
}

slk_err slk_client_provider_enable(slk_seal *seal, int64_t id, bool enabled, slk_error *error)
{
    SLK_TRY(set_enabled(seal, id, enabled, enabled ? "" : "by the operator", error));
    slk_seal_wake(seal);
    return SLK_OK;
}

slk_err slk_client_distrust(slk_seal *seal, int64_t provider_id, const char *why, slk_error *error)
{
    slk_log(SLK_LOG_ERROR, "provider.disabled", "provider=%ld why=\"%s\"", (long)provider_id, why);
    return set_enabled(seal, provider_id, false, why, error);
}

static slk_err remove_body(slk_db *db, void *context, slk_error *error)
{
    const int64_t *id = context;
    int64_t unreleased = 0, changes = 0;
    SLK_TRY(slk_sql_number(&unreleased, db, &count_unreleased, SLK_ARGS(slk_arg_i(*id)), error));
    if (unreleased > 0)
        return slk_fail(error, SLK_E_CONFLICT, "%ld sectors of this provider are not released",
                        (long)unreleased);
    SLK_TRY(slk_sql_run(db, &forget_provider, SLK_ARGS(slk_arg_i(*id)), NULL, error));
    SLK_TRY(slk_sql_run(db, &delete_provider, SLK_ARGS(slk_arg_i(*id)), &changes, error));
    return changes == 1 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no such provider");
}

slk_err slk_client_provider_remove(slk_seal *seal, int64_t id, slk_error *error)
{
    return slk_db_tx(slk_seal_db(seal), remove_body, &id, error);
}

/* ---- orders ---- */

struct new_order {
    slk_seal *seal;
    const slk_bitfield *taken;
    uint64_t sp_id;
    int64_t seal_proof;
    int64_t duration_epochs;
    uint64_t number;
};

/* The lowest number from o->number on that the chain has free and our table has not used. */
static slk_err next_number(struct new_order *o, slk_db *db, slk_error *error)
{
    uint64_t number = slk_bitfield_first_free(o->taken, 0);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &own_numbers, SLK_ARGS(slk_arg_u(o->sp_id), slk_arg_u(number)),
                         error));
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

static slk_err order_body(slk_db *db, void *context, slk_error *error)
{
    struct new_order *o = context;
    SLK_TRY(next_number(o, db, error));
    int64_t now = slk_seal_now(o->seal);
    SLK_TRY(slk_sql_run(db, &insert_sector,
                        SLK_ARGS(slk_arg_u(o->sp_id), slk_arg_u(o->number), slk_arg_i(now),
                                 slk_arg_i(o->seal_proof), slk_arg_i(o->duration_epochs)),
                        NULL, error));
    SLK_TRY(slk_sql_run(db, &insert_details,
                        SLK_ARGS(slk_arg_u(o->sp_id), slk_arg_u(o->number), slk_arg_i(now),
                                 slk_arg_i(o->seal_proof)),
                        NULL, error));
    slk_change change = slk_seal_change(o->seal, SLK_PIPELINE_CLIENT, o->sp_id, o->number,
                                        SLK_EVENT_COUNT, "operator", "");
    return slk_state_note(db, &change, "allocated", error);
}

slk_err slk_client_order(uint64_t *ret_number, slk_seal *seal, uint64_t sp_id, int64_t seal_proof,
                         int64_t duration_epochs, slk_error *error)
{
    const slk_seal_ops *ops = slk_seal_get_ops(seal);
    if (sp_id > INT64_MAX || duration_epochs < 0)
        return slk_fail(error, SLK_E_INVAL, "miner or duration is out of bounds");
    uint64_t bytes;
    SLK_TRY(ops->prover.sector_bytes(ops->prover.ctx, &bytes, seal_proof, error));
    int64_t providers = 0;
    SLK_TRY(slk_sql_number(&providers, slk_seal_db(seal), &has_provider,
                           SLK_ARGS(slk_arg_u(sp_id), slk_arg_i(1)), error));
    if (providers == 0)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "miner f0%lu has no enabled provider: add one, or enable it",
                        (unsigned long)sp_id);
    SLK_TRY(ops->chain.check_miner(ops->chain.ctx, sp_id, seal_proof, error));
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield taken = {0};
    SLK_TRY(ops->chain.allocated(ops->chain.ctx, &taken, sp_id, error));
    struct new_order o = {seal, &taken, sp_id, seal_proof, duration_epochs, 0};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), order_body, &o, error));
    *ret_number = o.number;
    slk_seal_wake(seal);
    return SLK_OK;
}

/* A sector whose replica was found wrong is fetched anew: what lies there is not used again. */
static slk_err forget_replica(slk_seal *seal, uint64_t sp_id, uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_seal_places_done) slk_seal_places places = {0};
    SLK_TRY(slk_seal_places_of(&places, slk_seal_get_options(seal)->storage_folder, sp_id, number,
                               error));
    const slk_seal_peer *peer = &slk_seal_get_ops(seal)->peer;
    slk_seal_paths paths = {places.sealed, places.cache};
    SLK_TRY(peer->forget(peer->ctx, &paths, error));
    SLK_TRY(slk_remove_tree(places.sealed, error));
    return slk_remove_tree(places.cache, error);
}

struct retry {
    slk_change change;
    bool refetch;
};

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

static slk_err retry_body(slk_db *db, void *context, slk_error *error)
{
    struct retry *r = context;
    slk_change *c = &r->change;
    slk_state state;
    bool failed;
    char reason[32];
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_row(&q, db, &read_reason,
                            SLK_ARGS(slk_arg_u(c->sp_id), slk_arg_u(c->number)), "sector", error));
        slk_sql_copy_text(reason, sizeof reason, &q, 0);
    }
    SLK_TRY(slk_state_read(&state, &failed, db, c->pipeline, c->sp_id, c->number, error));
    c->event = SLK_EV_RETRY;
    SLK_TRY(slk_state_apply(db, c, error));
    c->event = again_event(state, reason);
    if (c->event != SLK_EVENT_COUNT && (c->event != SLK_EV_REFETCH || r->refetch))
        SLK_TRY(slk_state_apply(db, c, error));
    return slk_sql_run(db, &reset_tries, SLK_ARGS(slk_arg_u(c->sp_id), slk_arg_u(c->number)), NULL,
                       error);
}

slk_err slk_client_retry(slk_seal *seal, uint64_t sp_id, uint64_t number, slk_error *error)
{
    if (!in_range(sp_id, number))
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    slk_client_row row;
    SLK_TRY(slk_client_row_read(&row, seal, sp_id, number, error));
    if (!row.failed || row.abandon_requested)
        return slk_fail(error, SLK_E_CONFLICT, "the sector has not failed, or was given up");
    struct retry r = {
        slk_seal_change(seal, SLK_PIPELINE_CLIENT, sp_id, number, SLK_EV_RETRY, "operator", ""),
        row.state == SLK_CS_FETCHED};
    if (r.refetch)
        SLK_TRY(forget_replica(seal, sp_id, number, error));
    SLK_TRY(slk_db_tx(slk_seal_db(seal), retry_body, &r, error));
    slk_seal_wake(seal);
    return SLK_OK;
}

struct abandon {
    slk_change change;
    bool repeated;
};

/* Puts the brake on a sector that has not failed. Its pre-commit uuid is the line: it is stored,
 * under the same guard, before anything is sent. */
static slk_err stop_for_good(slk_db *db, struct abandon *a, slk_error *error)
{
    int64_t sent = 0;
    SLK_TRY(slk_sql_number(&sent, db, &count_sent,
                           SLK_ARGS(slk_arg_u(a->change.sp_id), slk_arg_u(a->change.number)),
                           error));
    if (sent > 0)
        return slk_fail(error, SLK_E_CONFLICT,
                        "a pre-commit may be on its way: the sector cannot be given up now");
    SLK_TRY(slk_task_drop(db, SLK_PIPELINE_CLIENT, a->change.sp_id, a->change.number, NULL, error));
    a->change.event = SLK_EV_FAILED;
    a->change.failed_reason = "abandoned";
    a->change.detail = "Given up by the operator. Order anew.";
    return slk_state_apply(db, &a->change, error);
}

static slk_err abandon_body(slk_db *db, void *context, slk_error *error)
{
    struct abandon *a = context;
    slk_state state;
    bool failed;
    int64_t asked = 0;
    uint64_t sp_id = a->change.sp_id, number = a->change.number;
    SLK_TRY(slk_state_read(&state, &failed, db, SLK_PIPELINE_CLIENT, sp_id, number, error));
    SLK_TRY(slk_sql_number(&asked, db, &abandon_asked,
                           SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), error));
    a->repeated = asked != 0;
    if (a->repeated)
        return SLK_OK;
    if (!failed)
        SLK_TRY(stop_for_good(db, a, error));
    SLK_TRY(
        slk_sql_run(db, &ask_abandon, SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), NULL, error));
    return slk_state_note(db, &a->change, "abandoned", error);
}

slk_err slk_client_abandon(slk_seal *seal, uint64_t sp_id, uint64_t number, slk_error *error)
{
    if (!in_range(sp_id, number))
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    struct abandon a = {
        slk_seal_change(seal, SLK_PIPELINE_CLIENT, sp_id, number, SLK_EV_FAILED, "operator", ""),
        false};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), abandon_body, &a, error));
    if (a.repeated)
        return SLK_OK;
    (void)slk_seal_cancel_running(seal, SLK_PIPELINE_CLIENT, sp_id, number);
    slk_seal_wake(seal);
    return SLK_OK;
}

/* ---- completion: the poll and the callback meet here ---- */

slk_err slk_client_store_completion(slk_db *db, const slk_seal_sector *sector,
                                    const slk_seal_completion *completion, slk_error *error)
{
    return slk_sql_run(
        db, &store_completion,
        SLK_ARGS(slk_arg_u(sector->sp_id), slk_arg_u(sector->number),
                 slk_arg_i(completion->ticket_epoch), slk_arg_b(completion->ticket, 32),
                 slk_arg_t(completion->tree_d_cid), slk_arg_t(completion->tree_r_cid)),
        NULL, error);
}

struct complete {
    slk_change change;
    const slk_seal_sector *sector;
    const slk_seal_completion *completion;
    bool moved;
};

static slk_err complete_body(slk_db *db, void *context, slk_error *error)
{
    struct complete *c = context;
    slk_state state;
    bool failed;
    c->moved = false;
    SLK_TRY(slk_state_read(&state, &failed, db, SLK_PIPELINE_CLIENT, c->sector->sp_id,
                           c->sector->number, error));
    if (failed || (state != SLK_CS_NEW && state != SLK_CS_ORDERED))
        return SLK_OK; /* known already, or no longer wanted */
    SLK_TRY(
        slk_task_drop(db, SLK_PIPELINE_CLIENT, c->sector->sp_id, c->sector->number, NULL, error));
    if (state == SLK_CS_NEW) { /* the answer to our order was lost, the order was not */
        c->change.event = SLK_EV_ORDERED;
        SLK_TRY(slk_state_apply(db, &c->change, error));
    }
    SLK_TRY(slk_client_store_completion(db, c->sector, c->completion, error));
    c->change.event = SLK_EV_SEALED;
    c->moved = true;
    return slk_state_apply(db, &c->change, error);
}

slk_err slk_client_authorize(slk_seal *seal, const char *token, slk_error *error)
{
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    char hash[65];
    keeper->hash(keeper->ctx, hash, token);
    int64_t known = 0;
    SLK_TRY(
        slk_sql_number(&known, slk_seal_db(seal), &token_known, SLK_ARGS(slk_arg_t(hash)), error));
    if (known == 0)
        return slk_fail(error, SLK_E_AUTH, "the partner token is not known here");
    return SLK_OK;
}

slk_err slk_client_complete(slk_seal *seal, const char *token, uint64_t sp_id, uint64_t number,
                            const slk_seal_completion *completion, slk_error *error)
{
    SLK_TRY(slk_client_authorize(seal, token, error));
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    char hash[65];
    keeper->hash(keeper->ctx, hash, token);
    if (!in_range(sp_id, number))
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    slk_seal_commitments comm;
    SLK_TRY(slk_seal_parse_cids(&comm, completion, error));
    slk_seal_sector sector = {sp_id, number, 0};
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_row(&q, slk_seal_db(seal), &delegated_to,
                            SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number), slk_arg_t(hash)),
                            "sector", error));
        sector.seal_proof = slk_column_i64(&q, 0);
    }
    struct complete c = {.change = slk_seal_change(seal, SLK_PIPELINE_CLIENT, sp_id, number,
                                                   SLK_EV_SEALED, "callback", ""),
                         .sector = &sector,
                         .completion = completion};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), complete_body, &c, error));
    if (c.moved)
        slk_seal_wake(seal);
    return SLK_OK;
}

/* ---- tickets and places ---- */

slk_err slk_client_ticket(uint8_t ret_ticket[32], int64_t *ret_epoch, slk_seal *seal,
                          uint64_t sp_id, slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(seal)->chain;
    if (!chain->head)
        return slk_fail(error, SLK_E_UNREACHABLE, "this node has no chain");
    int64_t providers = 0;
    if (sp_id <= INT64_MAX)
        SLK_TRY(slk_sql_number(&providers, slk_seal_db(seal), &has_provider,
                               SLK_ARGS(slk_arg_u(sp_id), slk_arg_i(0)), error));
    if (providers == 0)
        return slk_fail(error, SLK_E_NOTFOUND, "that miner is not ours");
    slk_seal_network net;
    int64_t head;
    SLK_TRY(chain->network(chain->ctx, &net, error));
    SLK_TRY(chain->head(chain->ctx, &head, error));
    uint8_t ticket[32];
    SLK_TRY(chain->ticket(chain->ctx, ticket, sp_id, head - net.ticket_lookback_epochs, error));
    memcpy(ret_ticket, ticket, 32);
    *ret_epoch = head - net.ticket_lookback_epochs;
    return SLK_OK;
}

slk_err slk_client_paths(char **ret_sealed, char **ret_cache, slk_seal *seal, uint64_t sp_id,
                         uint64_t number, slk_error *error)
{
    slk_seal_places places;
    SLK_TRY(slk_seal_places_of(&places, slk_seal_get_options(seal)->storage_folder, sp_id, number,
                               error));
    *ret_sealed = places.sealed;
    *ret_cache = places.cache;
    places.sealed = NULL;
    places.cache = NULL;
    slk_seal_places_done(&places);
    return SLK_OK;
}
