/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the provider's endpoints do: admission, status, C1, finalize, cleanup. */
#include "seal/provider.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "fil/sector.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"
#include "seal/sql_impl.h"

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

static const slk_sql drop_expired = {"slots.expire",
                                     "DELETE FROM rseal_provider_slots WHERE expires_ms <= $1"};
static const slk_sql read_room = {
    "slots.room",
    "SELECT p.allowance_remaining, p.allowance_total, p.allowed_proof_types,"
    " (SELECT count(*) FROM rseal_provider_pipeline WHERE partner_id = p.id AND after_cleanup = 0),"
    " (SELECT count(*) FROM rseal_provider_slots WHERE partner_id = p.id),"
    " (SELECT count(*) FROM rseal_provider_pipeline WHERE after_cleanup = 0),"
    " (SELECT count(*) FROM rseal_provider_slots)"
    " FROM rseal_delegated_partners p WHERE p.id = $1"};
static const slk_sql count_under_way = {
    "order.under_way", "SELECT reg_seal_proof, count(*) FROM rseal_provider_pipeline WHERE state IN"
                       " ('ordered', 'ticketed', 'labeled') AND failed = 0"
                       " GROUP BY reg_seal_proof"};
static const slk_sql insert_slot = {
    "slots.insert",
    "INSERT INTO rseal_provider_slots (slot_token, partner_id, expires_ms) VALUES ($1, $2, $3)"};
static const slk_sql use_slot = {
    "slots.use", "DELETE FROM rseal_provider_slots WHERE slot_token = $1 AND partner_id = $2"};
static const slk_sql find_order = {"order.find",
                                   "SELECT partner_id, state FROM rseal_provider_pipeline WHERE "
                                   "sp_id = $1 AND sector_number = $2"};
static const slk_sql take_allowance = {
    "order.allowance",
    "UPDATE rseal_delegated_partners SET allowance_remaining = allowance_remaining - 1,"
    " updated_at = $2 WHERE id = $1 AND allowance_remaining > 0"};
static const slk_sql insert_order = {
    "order.insert",
    "INSERT INTO rseal_provider_pipeline (sp_id, sector_number, partner_id, create_time,"
    " reg_seal_proof, state, state_ms) VALUES ($1, $2, $3, $4, $5, 'ordered', $4)"};
/* A client that asks for C1 is alive and has money on chain: its time-out starts anew. */
static const slk_sql set_c1_supplied = {
    "provider.c1_supplied",
    "UPDATE rseal_provider_pipeline SET after_c1_supplied = 1, cleanup_timeout = CASE"
    " WHEN cleanup_timeout < $3 THEN $3 ELSE cleanup_timeout END"
    " WHERE sp_id = $1 AND sector_number = $2 AND state <> 'cleaned'"};
static const slk_sql clear_timeout = {
    "provider.clear_timeout",
    "UPDATE rseal_provider_pipeline SET cleanup_timeout = NULL WHERE sp_id = $1"
    " AND sector_number = $2 AND state IN ('ordered', 'ticketed', 'labeled')"};

static bool in_range(uint64_t sp_id, uint64_t number)
{
    return sp_id <= INT64_MAX && number <= INT64_MAX;
}

/* ---- admission ---- */

/* What sealing one such sector takes on the scratch disk at its peak: layers, the copy of the data and
 * beside it the replica, tree-c (eight sevenths of the sector), tree-r, and half a sector to spare. All
 * data is zero, so there is no tree-d. source: reference/proofs 4 */
static uint64_t scratch_bytes_of(int64_t seal_proof)
{
    slk_seal_proof proof;
    if (slk_seal_proof_registered(&proof, seal_proof, NULL) != SLK_OK)
        return 0;
    return proof.shape->bytes * (proof.shape->layers + 4u);
}

/* Is there disk for one more of that proof beside what is being sealed? Sectors under way are
 * counted whole though they have taken a part: refusing early is better than failing late. */
static slk_err disk_left(bool *ret_left, slk_db *db, const slk_seal *seal, int64_t seal_proof,
                         slk_error *error)
{
    uint64_t wanted = scratch_bytes_of(seal_proof), free_bytes = 0;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &count_under_way, NULL, 0, error));
    bool row = true;
    while (true) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        uint64_t n = slk_u64(slk_column_i64(&q, 1));
        wanted += n * scratch_bytes_of(slk_column_i64(&q, 0)); /* n <= capacity: no overflow */
    }
    SLK_TRY(slk_folder_free_bytes(&free_bytes, slk_seal_get_options(seal)->scratch_folder, error));
    *ret_left = free_bytes >= wanted;
    return SLK_OK;
}

typedef struct room {
    int64_t remaining, total, active, slots, all_active, all_slots;
    char proofs[256];
} room;

static slk_err room_read(room *ret, slk_db *db, const slk_seal *seal, int64_t partner_id,
                         slk_error *error)
{
    SLK_TRY(slk_sql_run(db, &drop_expired, SLK_ARGS(slk_arg_i(slk_seal_now(seal))), NULL, error));
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, db, &read_room, SLK_ARGS(slk_arg_i(partner_id)), "partner", error));
    *ret = (room){.remaining = slk_column_i64(&q, 0),
                  .total = slk_column_i64(&q, 1),
                  .active = slk_column_i64(&q, 3),
                  .slots = slk_column_i64(&q, 4),
                  .all_active = slk_column_i64(&q, 5),
                  .all_slots = slk_column_i64(&q, 6)};
    slk_sql_copy_text(ret->proofs, sizeof ret->proofs, &q, 2);
    return SLK_OK;
}

/* Is there room for one more sector beside everything sealed and promised? */
static bool room_left(const room *r, const slk_seal *seal)
{
    uint64_t capacity = slk_seal_get_options(seal)->capacity_sectors;
    return r->remaining > r->slots && r->active + r->slots < r->total &&
           slk_u64(r->all_active + r->all_slots) < capacity;
}

struct available {
    slk_seal *seal;
    int64_t partner_id;
    bool available;
    char slot_token[SLK_SLOT_CHARS];
};

static slk_err available_body(slk_db *db, void *context, slk_error *error)
{
    struct available *a = context;
    room r;
    SLK_TRY(room_read(&r, db, a->seal, a->partner_id, error));
    a->available = room_left(&r, a->seal);
    if (!a->available)
        return SLK_OK;
    int64_t expires = slk_seal_now(a->seal) + slk_seal_get_options(a->seal)->slot_ms;
    return slk_sql_run(
        db, &insert_slot,
        SLK_ARGS(slk_arg_t(a->slot_token), slk_arg_i(a->partner_id), slk_arg_i(expires)), NULL,
        error);
}

slk_err slk_provider_available(bool *ret_available, char ret_slot_token[SLK_SLOT_CHARS],
                               slk_seal *seal, int64_t partner_id, slk_error *error)
{
    struct available a = {.seal = seal, .partner_id = partner_id};
    slk_seal_random_hex(a.slot_token, 16);
    SLK_TRY(slk_db_tx(slk_seal_db(seal), available_body, &a, error));
    *ret_available = a.available;
    (void)snprintf(ret_slot_token, SLK_SLOT_CHARS, "%s", a.available ? a.slot_token : "");
    return SLK_OK;
}

struct order {
    slk_seal *seal;
    int64_t partner_id;
    const char *slot_token;
    const slk_seal_sector *sector;
    const char *refusal; /* NULL: accepted */
    bool fresh;
    char proof_refusal[64]; /* room for one that names the proof */
};

/* True when the row is there already; the refusal then says whose it is as little as possible. */
static slk_err order_known(bool *ret_known, struct order *o, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &find_order,
                         SLK_ARGS(slk_arg_u(o->sector->sp_id), slk_arg_u(o->sector->number)),
                         error));
    SLK_TRY(slk_query_step(&q, ret_known, error));
    if (!*ret_known)
        return SLK_OK;
    const char *state = slk_column_text(&q, 1);
    if (slk_column_i64(&q, 0) != o->partner_id)
        o->refusal = "no capacity for this sector";
    else if (state && strcmp(state, slk_state_name(SLK_PS_CLEANED)) == 0)
        o->refusal = "this sector was sealed here and cleaned up";
    return SLK_OK;
}

static bool proof_allowed(const struct order *o, const room *r)
{
    const slk_seal_options *options = slk_seal_get_options(o->seal);
    bool offered = false;
    for (size_t i = 0; i < options->seal_proofs_n; i++)
        offered = offered || options->seal_proofs[i] == o->sector->seal_proof;
    if (!offered || r->proofs[0] == '\0')
        return offered;
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, ",%ld,", (long)o->sector->seal_proof);
    return strstr(r->proofs, wanted) != NULL;
}

/* Takes the slot, or finds room without one; sets the refusal otherwise. */
static slk_err order_take_room(struct order *o, const room *r, slk_db *db, slk_error *error)
{
    if (o->slot_token[0] == '\0') {
        if (!room_left(r, o->seal))
            o->refusal = "no capacity for this sector";
        return SLK_OK;
    }
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(db, &use_slot, SLK_ARGS(slk_arg_t(o->slot_token), slk_arg_i(o->partner_id)),
                        &changes, error));
    if (changes == 0)
        o->refusal = "invalid or expired slot token";
    else if (r->active >= r->total) /* the operator lowered it since the slot was given */
        o->refusal = "no capacity for this sector";
    return SLK_OK;
}

static slk_err order_insert(struct order *o, slk_db *db, slk_error *error)
{
    int64_t now = slk_seal_now(o->seal), changes = 0;
    SLK_TRY(slk_sql_run(db, &take_allowance, SLK_ARGS(slk_arg_i(o->partner_id), slk_arg_i(now)),
                        &changes, error));
    if (changes == 0) {
        o->refusal = "allowance used up";
        return SLK_OK;
    }
    const slk_seal_sector *s = o->sector;
    SLK_TRY(
        slk_sql_run(db, &insert_order,
                    SLK_ARGS(slk_arg_u(s->sp_id), slk_arg_u(s->number), slk_arg_i(o->partner_id),
                             slk_arg_i(now), slk_arg_i(s->seal_proof)),
                    NULL, error));
    o->fresh = true;
    slk_change change = slk_seal_change(o->seal, SLK_PIPELINE_PROVIDER, s->sp_id, s->number,
                                        SLK_EVENT_COUNT, "endpoint", "");
    return slk_state_note(db, &change, "accepted", error);
}

static slk_err order_body(slk_db *db, void *context, slk_error *error)
{
    struct order *o = context;
    o->refusal = NULL;
    o->fresh = false;
    bool known = false;
    SLK_TRY(order_known(&known, o, db, error));
    if (known)
        return SLK_OK;
    room r;
    SLK_TRY(room_read(&r, db, o->seal, o->partner_id, error));
    if (!proof_allowed(o, &r)) {
        (void)snprintf(o->proof_refusal, sizeof o->proof_refusal,
                       "proof type %lld not allowed for this partner",
                       (long long)o->sector->seal_proof);
        o->refusal = o->proof_refusal;
        return SLK_OK;
    }
    bool disk = false;
    SLK_TRY(disk_left(&disk, db, o->seal, o->sector->seal_proof, error));
    if (!disk) {
        o->refusal = "no disk space for this sector now";
        return SLK_OK;
    }
    SLK_TRY(order_take_room(o, &r, db, error));
    return o->refusal ? SLK_OK : order_insert(o, db, error);
}

slk_err slk_provider_order(bool *ret_accepted, char reason[SLK_SEAL_REASON_CHARS], slk_seal *seal,
                           int64_t partner_id, const char *slot_token,
                           const slk_seal_sector *sector, slk_error *error)
{
    if (!in_range(sector->sp_id, sector->number))
        return slk_fail(error, SLK_E_INVAL, "sp_id and sector_number must be below 2^63");
    struct order o = {
        .seal = seal, .partner_id = partner_id, .slot_token = slot_token, .sector = sector};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), order_body, &o, error));
    *ret_accepted = o.refusal == NULL;
    (void)snprintf(reason, SLK_SEAL_REASON_CHARS, "%s", o.refusal ? o.refusal : "");
    if (o.fresh)
        slk_seal_wake(seal);
    return SLK_OK;
}

/* ---- what a partner may see of its own sectors ---- */

/* The row, if it is that partner's; another's is not there. */
static slk_err own_row(slk_provider_row *ret_row, slk_seal *seal, int64_t partner_id,
                       uint64_t sp_id, uint64_t number, slk_error *error)
{
    if (!in_range(sp_id, number))
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
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
    return row->state == SLK_PS_LABELED ? SLK_SEAL_REMOTE_TREES : SLK_SEAL_REMOTE_COMPLETE;
}

slk_err slk_provider_status(slk_seal_status *ret_status, slk_seal *seal, int64_t partner_id,
                            uint64_t sp_id, uint64_t number, slk_error *error)
{
    slk_provider_row row;
    slk_err code = own_row(&row, seal, partner_id, sp_id, number, error);
    if (code == SLK_E_NOTFOUND) {
        *ret_status = (slk_seal_status){.state = SLK_SEAL_REMOTE_GONE};
        return SLK_OK;
    }
    SLK_TRY(code);
    slk_seal_status status = {.state = remote_state(&row)};
    if (status.state == SLK_SEAL_REMOTE_COMPLETE) {
        status.has_completion = true;
        status.completion = row.completion;
    }
    if (status.state == SLK_SEAL_REMOTE_FAILED)
        (void)snprintf(status.fail_reason, sizeof status.fail_reason, "%s", row.failed_reason);
    *ret_status = status;
    return SLK_OK;
}

void slk_provider_files_done(slk_provider_files *files)
{
    slk_free(files->sealed_path);
    slk_free(files->cache_path);
    *files = (slk_provider_files){0};
}

static bool has_files(const slk_provider_row *row)
{
    return (row->state == SLK_PS_SEALED || row->state == SLK_PS_FINALIZED) &&
           !row->cleanup_requested;
}

slk_err slk_provider_get_files(slk_provider_files *ret_files, slk_seal *seal, int64_t partner_id,
                               uint64_t sp_id, uint64_t number, slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(own_row(&row, seal, partner_id, sp_id, number, error));
    if (!has_files(&row))
        return slk_fail(error, SLK_E_NOTFOUND, "the sector has no files yet, or no more");
    const slk_seal_prover *prover = &slk_seal_get_ops(seal)->prover;
    uint64_t bytes = 0;
    SLK_TRY(prover->sector_bytes(prover->ctx, &bytes, row.sector.seal_proof, error));
    slk_seal_places places;
    SLK_TRY(slk_seal_places_of(&places, slk_seal_get_options(seal)->scratch_folder, sp_id, number,
                               error));
    *ret_files = (slk_provider_files){places.sealed, places.cache, bytes, row.sector.seal_proof};
    places.sealed = NULL;
    places.cache = NULL;
    slk_seal_places_done(&places);
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
    SLK_TRY(own_row(&row, seal, partner_id, sp_id, number, error)); /* as it is now */
    if (row.state == SLK_PS_CLEANED || row.cleanup_requested)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    if (!has_files(&row))
        return slk_fail(error, SLK_E_BUSY, "the trees are not done yet");
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
    SLK_TRY(make_c1(seal, &row, &places, seed, path, job, error));
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
                           slk_seal_now(seal) + slk_seal_get_options(seal)->cleanup_timeout_ms};
    return slk_db_tx(slk_seal_db(seal), c1_note_body, &note, error);
}

slk_err slk_provider_commit1(int *ret_fd, uint64_t *ret_bytes, slk_seal *seal, int64_t partner_id,
                             uint64_t sp_id, uint64_t number, int64_t seed_epoch,
                             const uint8_t seed[32], slk_job *job, slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(own_row(&row, seal, partner_id, sp_id, number, error));
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

/* ---- finalize, cleanup, retry ---- */

slk_err slk_provider_finalize(slk_seal *seal, int64_t partner_id, uint64_t sp_id, uint64_t number,
                              slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(own_row(&row, seal, partner_id, sp_id, number, error));
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

static slk_err cleanup_body(slk_db *db, void *context, slk_error *error)
{
    const slk_change *c = context;
    SLK_TRY(slk_task_drop(db, SLK_PIPELINE_PROVIDER, c->sp_id, c->number, NULL, error));
    return slk_state_apply(db, c, error);
}

slk_err slk_provider_cleanup(slk_seal *seal, int64_t partner_id, uint64_t sp_id, uint64_t number,
                             slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(own_row(&row, seal, partner_id, sp_id, number, error));
    if (row.state == SLK_PS_CLEANED || row.cleanup_requested)
        return SLK_OK;
    slk_change change = slk_seal_change(seal, SLK_PIPELINE_PROVIDER, sp_id, number,
                                        SLK_EV_CLEANUP_ASKED, "endpoint", "");
    slk_err code = slk_db_tx(slk_seal_db(seal), cleanup_body, &change, error);
    if (code == SLK_E_CONFLICT)
        return SLK_OK; /* it was cleaned up meanwhile */
    SLK_TRY(code);
    (void)slk_seal_cancel_running(seal, SLK_PIPELINE_PROVIDER, sp_id, number);
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
    if (!in_range(sp_id, number))
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    slk_change change =
        slk_seal_change(seal, SLK_PIPELINE_PROVIDER, sp_id, number, SLK_EV_RETRY, "operator", "");
    SLK_TRY(slk_db_tx(slk_seal_db(seal), retry_body, &change, error));
    slk_seal_wake(seal);
    return SLK_OK;
}
