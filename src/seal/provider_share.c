/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whose sector is next: fair queueing by start times.
 *
 * Every partner has a share: bytes sealed for it, over its weight. The waiting partner with the smallest
 * one gets the next place, and its share moves on by that sector's bytes over its weight; so over time
 * partners who always wait get work in proportion to their weights, whatever their sectors' sizes and
 * however many they queue. A partner that was idle has no claim on the past: its share counts as the
 * start of the sector that last had its turn (seal_sequence 'share'). */
#include "base/mem.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"
#include "seal/sql_impl.h"

/* A node that was not seen so long is down. */
#define NODE_SILENT_MS (INT64_C(3) * 60000)

/* Places taken: what is ticketed, and tickets under way unless they are in trouble, for a client that
 * cannot be reached must not keep the others out. Nor must what was begun in the folder ($1 is ours) of
 * a node that is down: its workers do not count, either. */
static const slk_sql count_taken = {
    "share.taken", "SELECT (SELECT count(*) FROM rseal_provider_pipeline WHERE state = 'ticketed'"
                   " AND failed = 0 AND cleanup_requested = 0 AND (folder_id = '' OR folder_id = $1"
                   " OR folder_id IN (SELECT provider_folder_id FROM node WHERE seen_ms > $2)))"
                   " + (SELECT count(*) FROM task"
                   " WHERE kind = 'provider.ticket' AND attempts = 0 AND waits = 0)"};
static const slk_sql count_nodes = {"share.nodes",
                                    "SELECT count(*) FROM node WHERE roles IN ('provider', 'both')"
                                    " AND seen_ms > $1 AND name <> $2"};
static const slk_sql advance = {
    "share.advance",
    "UPDATE rseal_delegated_partners SET share = CASE WHEN share < (SELECT value FROM seal_sequence"
    " WHERE name = 'share') THEN (SELECT value FROM seal_sequence WHERE name = 'share')"
    " ELSE share END WHERE id = $1 RETURNING share"};
static const slk_sql move_on = {"share.move_on",
                                "UPDATE seal_sequence SET value = CASE WHEN value < $1 THEN $1"
                                " ELSE value END WHERE name = 'share'"};
static const slk_sql charge = {
    "share.charge",
    "UPDATE rseal_delegated_partners SET share = share + $2 / weight WHERE id = $1"};
static const slk_sql read_sector = {"share.sector",
                                    "SELECT partner_id, sector_bytes FROM rseal_provider_pipeline"
                                    " WHERE sp_id = $1 AND sector_number = $2"};

slk_err slk_step_provider_ticket_most(uint64_t *ret_most, slk_seal *seal, slk_db *db,
                                      slk_error *error)
{
    /* A ticket ages once it is drawn: that happens when a worker is about to be free, not before. */
    const slk_seal_options *o = slk_seal_get_options(seal);
    int64_t taken = 0, others = 0;
    const int64_t alive_ms = slk_seal_now(seal) - NODE_SILENT_MS;
    SLK_TRY(slk_sql_number(&others, db, &count_nodes,
                           SLK_ARGS(slk_arg_i(alive_ms), slk_arg_t(o->node_name)), error));
    SLK_TRY(slk_sql_number(
        &taken, db, &count_taken,
        SLK_ARGS(slk_arg_t(seal->folder_id[SLK_PIPELINE_PROVIDER]), slk_arg_i(alive_ms)), error));
    const uint64_t places =
        (o->workers[SLK_CLASS_COMPUTE] * (slk_u64(others) + 1u) + 1u) * o->batch_sectors;
    *ret_most = places > slk_u64(taken) ? places - slk_u64(taken) : 0;
    return SLK_OK;
}

slk_err slk_provider_share_charge(slk_db *db, uint64_t sp_id, uint64_t number, slk_error *error)
{
    int64_t partner_id, bytes, start = 0;
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_row(&q, db, &read_sector, SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)),
                            "sector", error));
        partner_id = slk_column_i64(&q, 0);
        bytes = slk_column_i64(&q, 1);
    }
    SLK_TRY(slk_sql_number(&start, db, &advance, SLK_ARGS(slk_arg_i(partner_id)), error));
    SLK_TRY(slk_sql_run(db, &move_on, SLK_ARGS(slk_arg_i(start)), NULL, error));
    return slk_sql_run(db, &charge, SLK_ARGS(slk_arg_i(partner_id), slk_arg_i(bytes)), NULL, error);
}
