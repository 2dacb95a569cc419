/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/permit.h"

#include "base/mem.h"
#include "db/args.h"
#include "seal/rows_impl.h"

#include <string.h>

static const slk_sql only = {"permit.only",
                             "UPDATE rseal_delegated_partners SET permits_only = 1 WHERE id = $1"};
static const slk_sql insert = {
    "permit.insert", "INSERT INTO rseal_partner_permits (sp_id, sector_number, partner_id,"
                     " reg_seal_proof, withheld) VALUES ($1, $2, $3, $4, $5)"};
static const slk_sql is_here = {"permit.is_here",
                                "SELECT count(*) FROM rseal_provider_pipeline WHERE sp_id = $1"
                                " AND sector_number = $2"};
static const slk_sql drop = {
    "permit.drop", "DELETE FROM rseal_partner_permits WHERE partner_id = $1 AND sp_id = $2"
                   " AND sector_number = $3"};
static const slk_sql change_allowance = {"permit.allowance",
                                         "UPDATE rseal_delegated_partners SET allowance_remaining ="
                                         " allowance_remaining + $2 WHERE id = $1"};
static const slk_sql look = {
    "permit.look", "SELECT r.state, r.failed, r.cleanup_requested, CASE WHEN r.tree_r_cid IS NULL "
                   "THEN 0 ELSE 1 END,"
                   " COALESCE(r.withheld, p.withheld) FROM rseal_partner_permits p"
                   " LEFT JOIN rseal_provider_pipeline r ON r.sp_id = p.sp_id"
                   " AND r.sector_number = p.sector_number AND r.partner_id = p.partner_id"
                   " WHERE p.partner_id = $1 AND p.sp_id = $2 AND p.sector_number = $3"};
static const slk_sql hand_over = {
    "permit.hand_over",
    "UPDATE rseal_provider_pipeline SET withheld = 0, lease_warned = 0, cleanup_timeout = CASE"
    " WHEN cleanup_timeout < $3 THEN $3 ELSE cleanup_timeout END WHERE sp_id = $1"
    " AND sector_number = $2 AND withheld = 1 AND state IN ('sealed', 'finalized')"};

slk_err slk_partner_permits_only(slk_db *db, int64_t partner_id, slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(db, &only, SLK_ARGS(slk_arg_i(partner_id)), &changes, error));
    return changes > 0 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no such partner");
}

static slk_err taken(const slk_seal_sector *sector, slk_error *error)
{
    return slk_fail(error, SLK_E_EXISTS, "sector %llu of miner f0%llu is not free here",
                    (unsigned long long)sector->number, (unsigned long long)sector->sp_id);
}

slk_err slk_permit_add(slk_db *db, int64_t partner_id, const slk_seal_sector *sector, bool withheld,
                       slk_error *error)
{
    int64_t here = 0;
    slk_assert(slk_db_in_tx(db));
    if (sector->sp_id > INT64_MAX || sector->number > INT64_MAX)
        return slk_fail(error, SLK_E_INVAL, "sp_id and sector_number must be below 2^63");
    const slk_arg sp_id = slk_arg_u(sector->sp_id), number = slk_arg_u(sector->number);
    SLK_TRY(slk_sql_number(&here, db, &is_here, SLK_ARGS(sp_id, number), error));
    if (here > 0)
        return taken(sector, error);
    const slk_err code = slk_sql_run(db, &insert,
                                     SLK_ARGS(sp_id, number, slk_arg_i(partner_id),
                                              slk_arg_i(sector->seal_proof), slk_arg_i(withheld)),
                                     NULL, error);
    if (code == SLK_E_EXISTS)
        return taken(sector, error);
    SLK_TRY(code);
    return slk_sql_run(db, &change_allowance, SLK_ARGS(slk_arg_i(partner_id), slk_arg_i(1)), NULL,
                       error);
}

slk_err slk_permit_drop(bool *ret_unused, slk_db *db, int64_t partner_id, uint64_t sp_id,
                        uint64_t number, slk_error *error)
{
    int64_t here = 0, changes = 0;
    slk_assert(slk_db_in_tx(db));
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    const slk_arg sp = slk_arg_u(sp_id), no = slk_arg_u(number), who = slk_arg_i(partner_id);
    SLK_TRY(slk_sql_number(&here, db, &is_here, SLK_ARGS(sp, no), error));
    *ret_unused = here == 0;
    if (here > 0)
        return SLK_OK;
    SLK_TRY(slk_sql_run(db, &drop, SLK_ARGS(who, sp, no), &changes, error));
    if (changes == 0)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such permit");
    return slk_sql_run(db, &change_allowance, SLK_ARGS(who, slk_arg_i(-1)), NULL, error);
}

static slk_permit_state state_of(slk_state state, bool failed, bool cleanup_requested)
{
    if (state == SLK_PS_CLEANED || cleanup_requested)
        return SLK_PERMIT_GONE;
    if (failed)
        return SLK_PERMIT_FAILED;
    return state == SLK_PS_SEALED || state == SLK_PS_FINALIZED ? SLK_PERMIT_SEALED
                                                               : SLK_PERMIT_SEALING;
}

slk_err slk_permit_look_at(slk_permit_look *ret_look, slk_db *db, int64_t partner_id,
                           uint64_t sp_id, uint64_t number, slk_error *error)
{
    slk_state state = SLK_PS_ORDERED;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    SLK_TRY(slk_sql_row(&q, db, &look,
                        SLK_ARGS(slk_arg_i(partner_id), slk_arg_u(sp_id), slk_arg_u(number)),
                        "permit", error));
    const char *name = slk_column_text(&q, 0);
    if (name && !slk_state_parse(&state, SLK_PIPELINE_PROVIDER, name))
        return slk_fail(error, SLK_E_CORRUPT, "a provider row has the unknown state %s", name);
    *ret_look = (slk_permit_look){
        .state = name ? state_of(state, slk_column_bool(&q, 1), slk_column_bool(&q, 2))
                      : SLK_PERMIT_UNUSED,
        .was_sealed = name && slk_column_bool(&q, 3),
        .withheld = slk_column_bool(&q, 4),
    };
    return SLK_OK;
}

slk_err slk_provider_hand_over(slk_db *db, slk_seal *seal, uint64_t sp_id, uint64_t number,
                               int64_t keep_ms, slk_error *error)
{
    int64_t changes = 0;
    slk_provider_row row;
    slk_assert(slk_db_in_tx(db));
    SLK_TRY(slk_provider_row_read(&row, seal, sp_id, number, error));
    if (row.state != SLK_PS_SEALED && row.state != SLK_PS_FINALIZED)
        return slk_fail(error, SLK_E_CONFLICT, "the sector is not sealed");
    const int64_t lease_ms = slk_seal_get_options(seal)->cleanup_timeout_ms;
    const int64_t until = slk_seal_lived(seal) + (keep_ms > lease_ms ? keep_ms : lease_ms);
    SLK_TRY(slk_sql_run(db, &hand_over,
                        SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number), slk_arg_i(until)), &changes,
                        error));
    if (changes == 0)
        return SLK_OK;
    slk_change change = slk_seal_change(seal, SLK_PIPELINE_PROVIDER, sp_id, number, SLK_EVENT_COUNT,
                                        "service", "its partner may fetch it");
    return slk_state_note(db, &change, "handed_over", error);
}
