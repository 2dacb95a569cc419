/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/load_impl.h"

#include "base/mem.h"
#include "db/args.h"

static const slk_sql count_unsettled = {
    "load.unsettled",
    "SELECT count(*) FROM (SELECT 1 FROM rseal_provider_pipeline WHERE " SLK_LOAD_UNSETTLED
    " = 1 LIMIT $1) u"};
static const slk_sql add_changes = {
    "load.add",
    "INSERT INTO rseal_provider_sum (partner_id, sp_id, folder_id, sectors, waiting_bytes,"
    " started_bytes) SELECT partner_id, sp_id, folder_id, CAST(sum(sectors) AS BIGINT),"
    " CAST(sum(waiting_bytes) AS BIGINT), CAST(sum(started_bytes) AS BIGINT)"
    " FROM rseal_provider_change WHERE 1 = 1 GROUP BY partner_id, sp_id, folder_id"
    " ON CONFLICT (partner_id, sp_id, folder_id) DO UPDATE SET"
    " sectors = rseal_provider_sum.sectors + excluded.sectors,"
    " waiting_bytes = rseal_provider_sum.waiting_bytes + excluded.waiting_bytes,"
    " started_bytes = rseal_provider_sum.started_bytes + excluded.started_bytes"};
static const slk_sql note_counted = {
    "load.counted", "UPDATE rseal_provider_pipeline SET counted_sectors = 1 - after_cleanup,"
                    " counted_bytes = " SLK_LOAD_BYTES ", counted_folder_id = folder_id"
                    " WHERE " SLK_LOAD_UNSETTLED " = 1"};

static slk_err settle_body(slk_db *db, void *context, slk_error *error)
{
    (void)context;
    SLK_TRY(slk_sql_run(db, &add_changes, NULL, 0, NULL, error));
    return slk_sql_run(db, &note_counted, NULL, 0, NULL, error);
}

slk_err slk_load_settle(slk_seal *seal, int64_t at_least, slk_error *error)
{
    slk_db *db = slk_seal_db(seal);
    int64_t unsettled = 0;
    SLK_TRY(slk_sql_number(&unsettled, db, &count_unsettled, SLK_ARGS(slk_arg_i(at_least)), error));
    if (unsettled < at_least)
        return SLK_OK;
    const slk_err code = slk_db_tx(db, settle_body, NULL, error);
    return code == SLK_E_BUSY || code == SLK_E_CONFLICT ? SLK_OK : code;
}
