/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the provider's endpoints do with an accepted sector: status, files, C1, finalize. */
#include "seal/provider.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* C1 files kept per sector: seeds change rarely, a client that asks for ever more must not fill
 * the disk (128 MiB each at 32 GiB). */
#define C1_KEEP 4u

/* A client that asks for C1 is alive and has money on chain: its time-out starts anew. */
static const slk_sql stage_of = {
    "provider.stage", "SELECT progress_stage, progress_done, progress_total FROM task"
                      " WHERE pipeline = 'provider' AND sp_id = $1 AND sector_number = $2"
                      " AND owner IS NOT NULL AND progress_stage IS NOT NULL"};
static const slk_sql set_c1_supplied = {
    "provider.c1_supplied",
    "UPDATE rseal_provider_pipeline SET after_c1_supplied = 1, cleanup_timeout = CASE"
    " WHEN cleanup_timeout < $3 THEN $3 ELSE cleanup_timeout END, lease_warned = 0"
    " WHERE sp_id = $1 AND sector_number = $2 AND state <> 'cleaned'"};
static const slk_sql clear_timeout = {
    "provider.clear_timeout",
    "UPDATE rseal_provider_pipeline SET cleanup_timeout = NULL WHERE sp_id = $1"
    " AND sector_number = $2 AND state IN ('ordered', 'ticketed', 'labeled')"};

/* ---- what a partner may see of its own sectors ---- */

slk_err slk_provider_own_row(slk_provider_row *ret_row, slk_seal *seal, int64_t partner_id,
                             uint64_t sp_id, uint64_t number, slk_error *error)
{
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    slk_provider_row row;
    SLK_TRY(slk_provider_row_read(&row, seal, sp_id, number, error));
    if (row.partner_id != partner_id)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    *ret_row = row;
    return SLK_OK;
}

static slk_seal_remote_state remote_state(const slk_provider_row *row)
{
    if (row->state == SLK_PS_CLEANED || row->cleanup_requested)
        return SLK_SEAL_REMOTE_GONE;
    if (row->failed)
        return SLK_SEAL_REMOTE_FAILED;
    if (row->state == SLK_PS_ORDERED)
        return SLK_SEAL_REMOTE_PENDING;
    if (row->state == SLK_PS_TICKETED)
        return SLK_SEAL_REMOTE_SDR;
    return row->state == SLK_PS_LABELED || row->withheld ? SLK_SEAL_REMOTE_TREES
                                                         : SLK_SEAL_REMOTE_COMPLETE;
}

/* What the row's task says of itself, wherever it runs; nothing when it has none. */
static slk_err read_stage(slk_seal_status *status, slk_seal *seal, uint64_t sp_id, uint64_t number,
                          slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &stage_of,
                         SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), error));
    SLK_TRY(slk_query_step(&q, &row, error));
    if (!row)
        return SLK_OK;
    slk_sql_copy_text(status->stage, sizeof status->stage, &q, 0);
    status->stage_done = slk_column_i64(&q, 1);
    status->stage_total = slk_column_i64(&q, 2);
    return SLK_OK;
}

slk_err slk_provider_status(slk_seal_status *ret_status, slk_seal *seal, int64_t partner_id,
                            uint64_t sp_id, uint64_t number, slk_error *error)
{
    slk_provider_row row;
    slk_err code = slk_provider_own_row(&row, seal, partner_id, sp_id, number, error);
    if (code == SLK_E_NOTFOUND) {
        *ret_status = (slk_seal_status){.state = SLK_SEAL_REMOTE_GONE};
        return SLK_OK;
    }
    SLK_TRY(code);
    slk_seal_status status = {.state = remote_state(&row)};
    if (status.state == SLK_SEAL_REMOTE_GONE)
        (void)snprintf(status.fail_reason, sizeof status.fail_reason, "%s", row.cleanup_reason);
    else if (row.lease_until_ms > 0) {
        status.lease_left_ms = row.lease_until_ms - slk_seal_lived(seal);
        status.lease_until_ms = slk_seal_when_lived(seal, row.lease_until_ms);
    }
    if (status.state == SLK_SEAL_REMOTE_COMPLETE) {
        status.has_completion = true;
        status.completion = row.completion;
    }
    if (status.state == SLK_SEAL_REMOTE_FAILED)
        (void)snprintf(status.fail_reason, sizeof status.fail_reason, "%s", row.failed_reason);
    if (status.state == SLK_SEAL_REMOTE_SDR || status.state == SLK_SEAL_REMOTE_TREES)
        SLK_TRY(read_stage(&status, seal, sp_id, number, error));
    *ret_status = status;
    return SLK_OK;
}

void slk_provider_files_done(slk_provider_files *files)
{
    slk_free(files->sealed_path);
    slk_free(files->cache_path);
    *files = (slk_provider_files){0};
}

/* For its partner. */
static bool has_files(const slk_provider_row *row)
{
    return !row->withheld && (row->state == SLK_PS_SEALED || row->state == SLK_PS_FINALIZED) &&
           !row->cleanup_requested;
}

/* It was sealed, and its layers were lost: the same replica comes again. */
static bool is_sealed_again(const slk_provider_row *row)
{
    return !row->failed && !row->cleanup_requested && *row->completion.tree_r_cid &&
           (row->state == SLK_PS_TICKETED || row->state == SLK_PS_LABELED);
}

slk_err slk_provider_get_files(slk_provider_files *ret_files, slk_seal *seal, int64_t partner_id,
                               uint64_t sp_id, uint64_t number, slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_provider_own_row(&row, seal, partner_id, sp_id, number, error));
    if (!has_files(&row) && is_sealed_again(&row))
        return slk_fail(error, SLK_E_BUSY, "the sector's layers were lost: it is sealed again");
    if (!has_files(&row))
        return slk_fail(error, SLK_E_NOTFOUND,
                        row.withheld ? "the sector is withheld until it may be had"
                                     : "the sector has no files yet, or no more");
    SLK_TRY(slk_member_need(seal, SLK_PIPELINE_PROVIDER, row.folder_id, error));
    const slk_seal_prover *prover = &slk_seal_get_ops(seal)->prover;
    uint64_t bytes = 0;
    SLK_TRY(prover->sector_bytes(prover->ctx, &bytes, row.sector.seal_proof, error));
    slk_seal_commitments comm;
    SLK_TRY(slk_seal_parse_cids(&comm, &row.completion, error));
    slk_seal_places places;
    SLK_TRY(slk_seal_places_of(&places, slk_seal_get_options(seal)->scratch_folder, sp_id, number,
                               error));
    *ret_files =
        (slk_provider_files){places.sealed, places.cache, bytes, row.sector.seal_proof, comm};
    places.sealed = NULL;
    places.cache = NULL;
    slk_seal_places_done(&places);
    return SLK_OK;
}

slk_err slk_provider_holders(bool *ret_elsewhere, slk_member_address nodes[SLK_MEMBER_HOLDERS_MAX],
                             size_t *ret_n, slk_seal *seal, int64_t partner_id, uint64_t sp_id,
                             uint64_t number, slk_error *error)
{
    slk_provider_row row;
    const slk_err code = slk_provider_own_row(&row, seal, partner_id, sp_id, number, error);
    if (code != SLK_OK && code != SLK_E_NOTFOUND)
        return code;
    const bool elsewhere = code == SLK_OK && has_files(&row) &&
                           !slk_member_has(seal, SLK_PIPELINE_PROVIDER, row.folder_id);
    if (elsewhere)
        SLK_TRY(slk_member_find_holders(nodes, ret_n, seal, row.folder_id, error));
    *ret_elsewhere = elsewhere;
    return SLK_OK;
}

/* ---- C1 ---- */

/* Removes the oldest C1 file when C1_KEEP are there, and every leftover temporary one. */
static slk_err make_room_for_c1(const char *folder, slk_error *error)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return slk_fail_errno(error, errno, "cannot read the folder %s", folder);
    char oldest[80] = "";
    struct timespec oldest_time = {0};
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct stat st;
        size_t chars = strlen(e->d_name);
        if (e->d_name[0] == '.' || chars >= sizeof oldest ||
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (chars > 4 && strcmp(e->d_name + chars - 4, ".tmp") == 0) {
            (void)unlinkat(dirfd(dir), e->d_name, 0);
            continue;
        }
        n++;
        bool older =
            st.st_mtim.tv_sec < oldest_time.tv_sec ||
            (st.st_mtim.tv_sec == oldest_time.tv_sec && st.st_mtim.tv_nsec < oldest_time.tv_nsec);
        if (oldest[0] == '\0' || older) {
            memcpy(oldest, e->d_name, chars + 1);
            oldest_time = st.st_mtim;
        }
    }
    if (n >= C1_KEEP)
        (void)unlinkat(dirfd(dir), oldest, 0);
    (void)closedir(dir);
    return SLK_OK;
}

/* Computes C1 into path, complete or not at all. The caller has the sector's files. */
static slk_err make_c1(slk_seal *seal, const slk_provider_row *row, const slk_seal_places *places,
                       const uint8_t seed[32], const char *path, slk_job *job, slk_error *error)
{
    slk_seal_commitments comm;
    SLK_TRY(slk_seal_parse_cids(&comm, &row->completion, error));
    SLK_TRY(slk_folder_make(places->c1, 0755, error));
    SLK_TRY(make_room_for_c1(places->c1, error));
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", path);
    if (!temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const slk_seal_prover *prover = &slk_seal_get_ops(seal)->prover;
    slk_seal_paths paths = {places->sealed, places->cache};
    slk_err code = prover->c1(prover->ctx, &row->sector, &comm, row->completion.ticket, seed,
                              &paths, temp, job, error);
    if (code == SLK_OK) {
        SLK_CLEANUP(slk_closep) int fd = -1;
        code = slk_file_open_rw(&fd, temp, error);
        if (code == SLK_OK)
            code = slk_file_sync(fd, temp, error);
    }
    if (code == SLK_OK)
        code = slk_seal_crash_point(seal, "provider.c1_made", error);
    if (code == SLK_OK)
        code = slk_file_rename_durable(temp, path, error);
    if (code != SLK_OK && !slk_seal_is_dead(seal))
        (void)unlink(temp);
    return code;
}

static slk_err c1_for_seed(int *ret_fd, bool *ret_made, slk_seal *seal, int64_t partner_id,
                           uint64_t sp_id, uint64_t number, const uint8_t seed[32], slk_job *job,
                           slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_provider_own_row(&row, seal, partner_id, sp_id, number, error)); /* as it is now */
    if (row.state == SLK_PS_CLEANED || row.cleanup_requested)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    if (!has_files(&row) && row.failed)
        return slk_fail(error, SLK_E_CONFLICT, "the sector failed: %.200s", row.failed_message);
    if (!has_files(&row))
        return slk_fail(error, SLK_E_BUSY,
                        row.withheld ? "the sector is withheld until it may be had"
                                     : "the trees are not done yet");
    SLK_TRY(slk_member_need(seal, SLK_PIPELINE_PROVIDER, row.folder_id, error));
    SLK_CLEANUP(slk_seal_places_done) slk_seal_places places = {0};
    SLK_TRY(slk_seal_places_of(&places, slk_seal_get_options(seal)->scratch_folder, sp_id, number,
                               error));
    SLK_CLEANUP(slk_freep) char *path = slk_seal_c1_path(&places, seed);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (slk_file_open_read(ret_fd, path, NULL) == SLK_OK)
        return SLK_OK;
    if (row.state == SLK_PS_FINALIZED || row.finalize_requested)
        return slk_fail(error, SLK_E_CONFLICT,
                        "the sector was finalized: no C1 for another seed can be made");
    slk_error own = {0};
    const slk_err code = make_c1(seal, &row, &places, seed, path, job, &own);
    if (code == SLK_E_CORRUPT || code == SLK_E_NOTFOUND)
        return slk_provider_lost_layers(seal, &row, slk_error_text(&own, code), error);
    if (code != SLK_OK)
        return slk_fail(error, code, "%s", own.message);
    *ret_made = true;
    return slk_file_open_read(ret_fd, path, error);
}

struct c1_note {
    slk_change change;
    int64_t cleanup_timeout_ms;
};

static slk_err c1_note_body(slk_db *db, void *context, slk_error *error)
{
    const struct c1_note *n = context;
    SLK_TRY(slk_sql_run(db, &set_c1_supplied,
                        SLK_ARGS(slk_arg_u(n->change.sp_id), slk_arg_u(n->change.number),
                                 slk_arg_i(n->cleanup_timeout_ms)),
                        NULL, error));
    return slk_state_note(db, &n->change, "c1_supplied", error);
}

/* Only what was made is noted: asking again must not fill the timeline. */
static slk_err note_c1(slk_seal *seal, uint64_t sp_id, uint64_t number, int64_t seed_epoch,
                       const uint8_t seed[32], slk_error *error)
{
    char detail[160], hex[65];
    slk_hex_encode(hex, seed, 32);
    if (seed_epoch == INT64_MIN)
        (void)snprintf(detail, sizeof detail, "seed %s", hex);
    else
        (void)snprintf(detail, sizeof detail, "seed %s of epoch %ld", hex, (long)seed_epoch);
    struct c1_note note = {slk_seal_change(seal, SLK_PIPELINE_PROVIDER, sp_id, number,
                                           SLK_EVENT_COUNT, "endpoint", detail),
                           slk_seal_lived(seal) + slk_seal_get_options(seal)->cleanup_timeout_ms};
    return slk_db_tx(slk_seal_db(seal), c1_note_body, &note, error);
}

slk_err slk_provider_commit1(int *ret_fd, uint64_t *ret_bytes, slk_seal *seal, int64_t partner_id,
                             uint64_t sp_id, uint64_t number, int64_t seed_epoch,
                             const uint8_t seed[32], slk_job *job, slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_provider_own_row(&row, seal, partner_id, sp_id, number, error));
    SLK_TRY(slk_seal_files_enter(seal, SLK_PIPELINE_PROVIDER, sp_id, number, job, error));
    SLK_CLEANUP(slk_closep) int fd = -1;
    bool made = false;
    slk_err code = c1_for_seed(&fd, &made, seal, partner_id, sp_id, number, seed, job, error);
    slk_seal_files_leave(seal, SLK_PIPELINE_PROVIDER, sp_id, number);
    SLK_TRY(code);
    struct stat st;
    if (fstat(fd, &st) != 0)
        return slk_fail_errno(error, errno, "cannot look at the C1 file");
    if (made)
        SLK_TRY(note_c1(seal, sp_id, number, seed_epoch, seed, error));
    *ret_bytes = slk_u64(st.st_size);
    *ret_fd = fd;
    fd = -1;
    return SLK_OK;
}

/* ---- finalize, retry ---- */

slk_err slk_provider_finalize(slk_seal *seal, int64_t partner_id, uint64_t sp_id, uint64_t number,
                              slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_provider_own_row(&row, seal, partner_id, sp_id, number, error));
    if (row.state == SLK_PS_CLEANED || row.cleanup_requested || row.finalize_requested)
        return SLK_OK;
    if (row.state != SLK_PS_SEALED)
        return slk_fail(error, SLK_E_BUSY, "the trees are not done yet");
    slk_change change = slk_seal_change(seal, SLK_PIPELINE_PROVIDER, sp_id, number,
                                        SLK_EV_FINALIZE_ASKED, "endpoint", "");
    SLK_TRY(slk_seal_apply(seal, &change, error));
    slk_seal_wake(seal);
    return SLK_OK;
}

static slk_err retry_body(slk_db *db, void *context, slk_error *error)
{
    const slk_change *c = context;
    SLK_TRY(slk_state_apply(db, c, error));
    return slk_sql_run(db, &clear_timeout, SLK_ARGS(slk_arg_u(c->sp_id), slk_arg_u(c->number)),
                       NULL, error);
}

slk_err slk_provider_retry(slk_seal *seal, uint64_t sp_id, uint64_t number, slk_error *error)
{
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    slk_change change =
        slk_seal_change(seal, SLK_PIPELINE_PROVIDER, sp_id, number, SLK_EV_RETRY, "operator", "");
    SLK_TRY(slk_db_tx(slk_seal_db(seal), retry_body, &change, error));
    slk_seal_wake(seal);
    return SLK_OK;
}
