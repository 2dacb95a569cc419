/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/fsck.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"
#include "db/args.h"
#include "seal/member.h"
#include "seal/orphans.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"
#include "seal/task_impl.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FINDINGS_MAX 1000u
#define SECOND_LOOK_MS 300

/* ---- promises of the tables; state.c has those of single rows ---- */

static const struct promise {
    slk_sql sql; /* its name is the promise broken */
    const char *mend;
} promises[] = {
    {{"a partner has more left than it was ever granted",
      "SELECT id, -1 FROM rseal_delegated_partners WHERE allowance_remaining > allowance_total"},
     "Set both with `selkie partner set NAME --allowance N`."},
    {{"a partner has more sectors and slots than its total",
      "SELECT p.id, -1 FROM rseal_delegated_partners p WHERE p.allowance_total <"
      " (SELECT count(*) FROM rseal_provider_pipeline r WHERE r.partner_id = p.id AND"
      " r.after_cleanup = 0) + (SELECT count(*) FROM rseal_provider_slots s WHERE"
      " s.partner_id = p.id)"},
     "Right after its total was lowered: nothing, it ends with its sectors. Else report it."},
    {{"the sums of sectors and reservations are not those of the rows",
      "SELECT partner_id, -1 FROM (SELECT partner_id, sp_id, folder_id, sectors, waiting_bytes,"
      " started_bytes FROM rseal_provider_sum UNION ALL SELECT partner_id, sp_id,"
      " counted_folder_id, 0 - counted_sectors,"
      " CASE WHEN counted_bytes < 0 THEN counted_bytes ELSE 0 END,"
      " CASE WHEN counted_bytes > 0 THEN 0 - counted_bytes ELSE 0 END"
      " FROM rseal_provider_pipeline) x GROUP BY partner_id, sp_id, folder_id"
      " HAVING sum(sectors) <> 0 OR sum(waiting_bytes) <> 0 OR sum(started_bytes) <> 0"},
     "Orders are taken by wrong sums: report it."},
    {{"a sector is labelled and treed at once",
      "SELECT sp_id, sector_number FROM task WHERE kind IN ('provider.sdr', 'provider.trees')"
      " GROUP BY sp_id, sector_number HAVING count(*) > 1"},
     "Report it; the later step fails until the earlier has ended."},
    {{"a task is claimed by a node that was never here",
      "SELECT sp_id, sector_number FROM task t WHERE t.owner IS NOT NULL AND NOT EXISTS"
      " (SELECT 1 FROM node n WHERE n.name = t.owner)"},
     "Nothing: another node takes it when its lease is over."},
    {{"a sector's files are in a folder that no node has",
      "SELECT sp_id, sector_number FROM rseal_provider_pipeline r WHERE r.folder_id <> '' AND"
      " r.state <> 'cleaned' AND NOT EXISTS (SELECT 1 FROM node n WHERE"
      " n.provider_folder_id = r.folder_id) UNION ALL"
      " SELECT sp_id, sector_number FROM rseal_client_pipeline r WHERE r.folder_id <> '' AND"
      " NOT EXISTS (SELECT 1 FROM node n WHERE n.client_folder_id = r.folder_id)"},
     "Start a node that has that folder as ScratchFolder (and StorageFolder)."},
    {{"a sector is on the way without its details",
      "SELECT sp_id, sector_number FROM sectors_sdr_pipeline s WHERE NOT EXISTS (SELECT 1 FROM"
      " rseal_client_pipeline c WHERE c.sp_id = s.sp_id AND c.sector_number = s.sector_number)"},
     "Report it."},
    {{"provider and client disagree about what was sealed",
      "SELECT p.sp_id, p.sector_number FROM rseal_provider_pipeline p JOIN sectors_sdr_pipeline s"
      " ON s.sp_id = p.sp_id AND s.sector_number = p.sector_number WHERE s.tree_r_cid IS NOT NULL"
      " AND p.tree_r_cid IS NOT NULL AND p.tree_r_cid <> s.tree_r_cid"},
     "Harmless when the sector was sealed by another provider since; else report it."},
    {{"two sectors of a miner have the same replica",
      "SELECT sp_id, min(sector_number) FROM rseal_provider_pipeline WHERE tree_r_cid IS NOT NULL"
      " GROUP BY sp_id, tree_r_cid HAVING count(*) > 1 UNION ALL"
      " SELECT sp_id, min(sector_number) FROM sectors_sdr_pipeline WHERE tree_r_cid IS NOT NULL"
      " GROUP BY sp_id, tree_r_cid HAVING count(*) > 1"},
     "Do not commit the later one: cancel it and order anew."},
};

#define PROMISES (sizeof promises / sizeof *promises + 1) /* and that of slk_task_lost_marks */

/* ---- findings ---- */

typedef struct look {
    slk_seal *seal;
    json_t *findings;
    const char *mend;
    uint64_t n, sectors, files;
    bool out_of_memory;
} look;

static void find(look *l, const char *promise, int64_t a, int64_t b, const char *detail)
{
    if (l->n++ >= FINDINGS_MAX)
        return;
    char miner[32];
    (void)snprintf(miner, sizeof miner, b < 0 ? "%ld" : "f0%ld", (long)a);
    json_t *finding = json_pack("{s:s,s:s,s:I,s:s,s:s}", "promise", promise, "miner", miner,
                                "number", (json_int_t)b, "detail", detail, "mend", l->mend);
    if (!finding || json_array_append_new(l->findings, finding) != 0)
        l->out_of_memory = true;
}

static slk_err find_row(void *context, const char *promise, int64_t a, int64_t b, slk_error *error)
{
    (void)error;
    find(context, promise, a, b, "");
    return SLK_OK;
}

static slk_err look_at_rows(look *l, slk_error *error)
{
    l->mend = "Report it with `selkie sector show`; the sector can be retried or canceled.";
    SLK_TRY(slk_state_visit_broken(l->seal->db, find_row, l, error));
    for (size_t i = 0; i < sizeof promises / sizeof *promises; i++) {
        l->mend = promises[i].mend;
        SLK_TRY(slk_state_visit_rows(l->seal->db, &promises[i].sql, find_row, l, error));
    }
    l->mend = "The next start of a node of this role makes the task again. Report it.";
    return slk_state_visit_rows(l->seal->db, slk_task_lost_marks(), find_row, l, error);
}

/* ---- files ---- */

static const slk_sql provider_files = {
    "fsck.provider_files", "SELECT sp_id, sector_number, reg_seal_proof, folder_id, state"
                           " FROM rseal_provider_pipeline WHERE cleanup_requested = 0"
                           " ORDER BY sp_id, sector_number"};
static const slk_sql client_files = {
    "fsck.client_files",
    "SELECT sp_id, sector_number, reg_seal_proof, folder_id, state"
    " FROM rseal_client_pipeline WHERE cancel_requested = 0 AND after_fetch = 1"
    " ORDER BY sp_id, sector_number"};

static bool promises_files(slk_pipeline pipeline, const char *state)
{
    return pipeline == SLK_PIPELINE_CLIENT || strcmp(state, "sealed") == 0 ||
           strcmp(state, "finalized") == 0;
}

static slk_err look_at_sector(look *l, const slk_query *q, slk_pipeline pipeline, slk_error *error)
{
    const slk_seal_options *o = &l->seal->options;
    const slk_seal_prover *prover = &l->seal->ops.prover;
    uint64_t sp_id = slk_u64(slk_column_i64(q, 0)), number = slk_u64(slk_column_i64(q, 1));
    SLK_CLEANUP(slk_seal_places_done) slk_seal_places places = {0};
    SLK_TRY(slk_seal_places_of(
        &places, pipeline == SLK_PIPELINE_CLIENT ? o->storage_folder : o->scratch_folder, sp_id,
        number, error));
    uint64_t bytes = 0;
    SLK_TRY(prover->sector_bytes(prover->ctx, &bytes, slk_column_i64(q, 2), error));
    const char *promise = "a file is missing that the state promises";
    l->mend = "Put it back from a copy, or `selkie sector retry --from fetch`; else cancel.";
    l->files += 2;
    struct stat st;
    if (stat(places.sealed, &st) != 0)
        find(l, promise, slk_column_i64(q, 0), slk_column_i64(q, 1), places.sealed);
    else if (slk_u64(st.st_size) != bytes)
        find(l, "a sealed file has another size than its sector", slk_column_i64(q, 0),
             slk_column_i64(q, 1), places.sealed);
    SLK_CLEANUP(slk_freep) char *aux = slk_path_join(places.cache, "p_aux");
    if (!aux)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (stat(aux, &st) != 0)
        find(l, promise, slk_column_i64(q, 0), slk_column_i64(q, 1), aux);
    return SLK_OK;
}

static slk_err look_at_files(look *l, slk_pipeline pipeline, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, l->seal->db,
                         pipeline == SLK_PIPELINE_CLIENT ? &client_files : &provider_files, NULL, 0,
                         error));
    while (true) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        l->sectors++;
        char folder_id[SLK_FOLDER_ID_CHARS], state[32];
        slk_sql_copy_text(folder_id, sizeof folder_id, &q, 3);
        slk_sql_copy_text(state, sizeof state, &q, 4);
        if (promises_files(pipeline, state) && slk_member_has(l->seal, pipeline, folder_id))
            SLK_TRY(look_at_sector(l, &q, pipeline, error));
    }
}

static slk_err find_orphan(void *context, const slk_orphan *orphan, slk_error *error)
{
    look *l = context;
    (void)error;
    l->mend = orphan->kind == SLK_ORPHAN_STORAGE
                  ? "Perhaps a sector on chain whose row is lost: keep it unless you know."
                  : "`selkie orphans` shows and removes them.";
    if (orphan->kind != SLK_ORPHAN_FOREIGN)
        find(l, "files of no sector", slk_i64(orphan->sp_id), slk_i64(orphan->number),
             orphan->path);
    return SLK_OK;
}

/* ---- both ---- */

static slk_err look_once(look *l, slk_error *error)
{
    SLK_TRY(look_at_rows(l, error));
    SLK_TRY(look_at_files(l, SLK_PIPELINE_PROVIDER, error));
    SLK_TRY(look_at_files(l, SLK_PIPELINE_CLIENT, error));
    SLK_TRY(slk_orphans_scan(l->seal, find_orphan, l, error));
    return l->out_of_memory ? slk_fail(error, SLK_E_NOMEM, "out of memory") : SLK_OK;
}

/* Those of the second look that the first had, too. */
static json_t *found_twice(const json_t *first, const json_t *second)
{
    json_t *both = json_array();
    for (size_t i = 0; both && i < json_array_size(second); i++) {
        json_t *finding = json_array_get(second, i);
        bool known = false;
        for (size_t k = 0; k < json_array_size(first) && !known; k++)
            known = json_equal(finding, json_array_get(first, k)) == 1;
        if (known && json_array_append(both, finding) != 0) {
            json_decref(both);
            return NULL;
        }
    }
    return both;
}

slk_err slk_fsck(slk_buf *out, uint64_t *ret_findings, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *first = json_array();
    SLK_CLEANUP(slk_json_decrefp) json_t *second = json_array();
    if (!first || !second)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    look l = {.seal = seal, .findings = first};
    SLK_TRY(look_once(&l, error));
    if (l.n > 0) {
        slk_clock_sleep_ms(SECOND_LOOK_MS);
        l = (look){.seal = seal, .findings = second};
        SLK_TRY(look_once(&l, error));
    }
    SLK_CLEANUP(slk_json_decrefp) json_t *both = found_twice(first, second);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer =
        json_pack("{s:O?,s:I,s:I,s:I}", "findings", both, "promises", (json_int_t)PROMISES,
                  "sectors", (json_int_t)l.sectors, "files", (json_int_t)l.files);
    if (!both || !answer)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    *ret_findings = json_array_size(both);
    return slk_json_print(out, answer) == SLK_OK ? SLK_OK
                                                 : slk_fail(error, SLK_E_NOMEM, "out of memory");
}
