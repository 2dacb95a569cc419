/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/disk.h"

#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"
#include "fil/sector.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"

/* $2: our folder; $3: the latest end of a slot. A sector that is nowhere yet may come here. */
static const slk_sql sum_reserved = {
    "disk.reserved",
    "SELECT CAST(COALESCE((SELECT sum(waiting_bytes + started_bytes) FROM rseal_provider_load"
    " WHERE folder_id IN ('', $2)), 0) AS BIGINT),"
    " CAST(coalesce((SELECT sum(reserved_bytes) FROM rseal_provider_slots"
    " WHERE expires_ms > $1 AND expires_ms <= $3), 0) AS BIGINT)"};
/* Those whose SDR runs or is over keep theirs; one that only waits does not stand in the way, unless it is
 * the one asked for. Rows are looked up one by one: joined, all that wait might be read. */
static const slk_sql sum_started = {
    "disk.started",
    "SELECT CAST(COALESCE((SELECT sum(started_bytes) FROM rseal_provider_load"
    " WHERE folder_id IN ('', $3)), 0) + COALESCE((SELECT sum((SELECT r.reserved_bytes"
    " FROM rseal_provider_pipeline r WHERE r.sp_id = k.sp_id AND r.sector_number = k.sector_number"
    " AND r.after_cleanup = 0 AND r.failed = 0 AND r.folder_id IN ('', $3)"
    " AND r.state IN ('ordered', 'ticketed')))"
    " FROM (SELECT sp_id, sector_number FROM task WHERE kind = 'provider.sdr'"
    " AND owner IS NOT NULL UNION SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT)) k),"
    " 0) AS BIGINT)"};
static const slk_sql under_way = {
    "disk.under_way",
    "SELECT sp_id, sector_number FROM rseal_provider_pipeline WHERE state IN"
    " ('ticketed', 'labeled') AND failed = 0 AND cleanup_requested = 0 AND reserved_bytes > 0"
    " AND folder_id = $1"};
static const slk_sql read_proof = {"disk.proof",
                                   "SELECT reg_seal_proof FROM rseal_provider_pipeline"
                                   " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql shrink = {
    "disk.shrink", "UPDATE rseal_provider_pipeline SET reserved_bytes = $3 WHERE sp_id = $1"
                   " AND sector_number = $2 AND reserved_bytes > $3"
                   " AND state IN ('ticketed', 'labeled')"};

/* Layers, the copy of the data and beside it the replica, tree-c (eight sevenths of the sector), tree-r,
 * and half a sector to spare. All data is zero, so there is no tree-d. source: reference/proofs 4 */
uint64_t slk_disk_peak_bytes(int64_t seal_proof)
{
    slk_seal_proof proof;
    if (slk_seal_proof_registered(&proof, seal_proof, NULL) != SLK_OK)
        return 0;
    return proof.shape->bytes * (proof.shape->layers + 4u);
}

/* Four files of up to 200 MB at 32 GiB. */
uint64_t slk_disk_c1_bytes(int64_t seal_proof)
{
    slk_seal_proof proof;
    if (slk_seal_proof_registered(&proof, seal_proof, NULL) != SLK_OK)
        return 0;
    return proof.shape->bytes / 32u;
}

static const char *our_folder(const slk_seal *seal)
{
    return seal->folder_id[SLK_PIPELINE_PROVIDER];
}

slk_err slk_disk_look(slk_disk *ret_disk, slk_db *db, const slk_seal *seal, slk_error *error)
{
    slk_disk disk = {0};
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        const int64_t now = slk_seal_now(seal);
        SLK_TRY(slk_sql_row(&q, db, &sum_reserved,
                            SLK_ARGS(slk_arg_i(now), slk_arg_t(our_folder(seal)),
                                     slk_arg_i(slk_seal_slot_bound(seal, now))),
                            "reservation", error));
        disk.sectors_bytes = slk_u64(slk_column_i64(&q, 0));
        disk.slots_bytes = slk_u64(slk_column_i64(&q, 1));
    }
    SLK_TRY(
        slk_folder_free_bytes(&disk.free_bytes, slk_seal_get_options(seal)->scratch_folder, error));
    *ret_disk = disk;
    return SLK_OK;
}

uint64_t slk_disk_left_bytes(const slk_disk *disk)
{
    uint64_t taken = disk->sectors_bytes + disk->slots_bytes;
    return disk->free_bytes > taken ? disk->free_bytes - taken : 0;
}

slk_err slk_disk_check(slk_seal *seal, uint64_t sp_id, uint64_t number, slk_error *error)
{
    int64_t wanted = 0;
    uint64_t free_bytes = 0;
    SLK_TRY(slk_sql_number(
        &wanted, slk_seal_db(seal), &sum_started,
        SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number), slk_arg_t(our_folder(seal))), error));
    const char *folder = slk_seal_get_options(seal)->scratch_folder;
    SLK_TRY(slk_folder_free_bytes(&free_bytes, folder, error));
    if (free_bytes >= slk_u64(wanted))
        return SLK_OK;
    return slk_fail(error, SLK_E_NOSPACE,
                    "the scratch disk has %lu MiB free, what is being sealed and this sector still "
                    "need %lu MiB: free some, it goes on by itself",
                    (unsigned long)(free_bytes >> 20), (unsigned long)(slk_u64(wanted) >> 20));
}

slk_err slk_disk_shrink(slk_seal *seal, uint64_t sp_id, uint64_t number, slk_error *error)
{
    int64_t seal_proof = 0;
    slk_db *db = slk_seal_db(seal);
    SLK_TRY(slk_sql_number(&seal_proof, db, &read_proof,
                           SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), error));
    SLK_CLEANUP(slk_seal_places_done) slk_seal_places places = {0};
    SLK_TRY(slk_seal_places_of(&places, slk_seal_get_options(seal)->scratch_folder, sp_id, number,
                               error));
    uint64_t peak = slk_disk_peak_bytes(seal_proof);
    uint64_t used = slk_path_used_bytes(places.cache) + slk_path_used_bytes(places.sealed);
    uint64_t rest = peak > used ? peak - used : 0;
    return slk_sql_run(db, &shrink, SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number), slk_arg_u(rest)),
                       NULL, error);
}

#define SHRINK_MAX 256u /* sectors of one look; the next one takes them again */

slk_err slk_disk_shrink_all(slk_seal *seal, slk_error *error)
{
    uint64_t key[SHRINK_MAX][2];
    size_t n = 0;
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &under_way,
                             SLK_ARGS(slk_arg_t(our_folder(seal))), error));
        for (; n < SHRINK_MAX; n++) {
            bool row = true;
            SLK_TRY(slk_query_step(&q, &row, error));
            if (!row)
                break;
            key[n][0] = slk_u64(slk_column_i64(&q, 0));
            key[n][1] = slk_u64(slk_column_i64(&q, 1));
        }
    }
    for (size_t i = 0; i < n; i++)
        SLK_TRY(slk_disk_shrink(seal, key[i][0], key[i][1], error));
    return SLK_OK;
}
