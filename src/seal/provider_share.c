/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whose sector is next: fair queueing by start times.
 *
 * Every partner has a share: bytes sealed for it, over its weight. The waiting partner with the smallest
 * one gets the next place, and its share moves on by that sector's bytes over its weight; so over time
 * partners who always wait get work in proportion to their weights, whatever their sectors' sizes and
 * however many they queue. A partner that was idle has no claim on the past: its share counts as the
 * start of the sector that last had its turn (seal_sequence 'share'). */
#include "base/mem.h"
#include "base/num.h"
#include "db/args.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"

/* A node that was not seen so long is down. */
#define NODE_SILENT_MS (INT64_C(3) * 60000)

/* One partner's tickets under way at once, those in trouble included: what waits behind them is not
 * looked at, and a client that cannot be reached is not asked for more of them. */
#define UNDER_WAY_MAX 1024
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

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
#define WAITS "r.state = 'ordered' AND r.failed = 0 AND r.cleanup_requested = 0"
#define UNTICKETED WAITS " AND r.task_id_ticket IS NULL AND " SLK_STEP_NO_TASK("provider.ticket")
/* Those with a sector that waits: id, share, weight, bytes and number of the tickets under way. One such
 * sector is looked for of each partner, by a subquery that no planner makes a join of all that wait. */
static const slk_sql find_partners = {
    "share.partners",
    "SELECT w.id, w.start, w.weight, CAST((SELECT COALESCE(sum(u.sector_bytes), 0) FROM"
    " (SELECT r.sector_bytes FROM rseal_provider_pipeline r WHERE " WAITS
    " AND r.partner_id = w.id AND r.task_id_ticket IS NOT NULL LIMIT " TEXT(
        UNDER_WAY_MAX) ") u)"
                       " AS BIGINT), (SELECT count(*) FROM (SELECT 1 FROM rseal_provider_pipeline "
                       "r WHERE " WAITS
                       " AND r.partner_id = w.id AND r.task_id_ticket IS NOT NULL LIMIT " TEXT(
                           UNDER_WAY_MAX) ") n)"
                                          " FROM (SELECT p.id AS id, CASE WHEN p.share < v.value "
                                          "THEN v.value ELSE p.share END AS start,"
                                          " p.weight AS weight FROM rseal_delegated_partners p "
                                          "JOIN seal_sequence v ON v.name = 'share'"
                                          " WHERE (SELECT 1 FROM rseal_provider_pipeline r "
                                          "WHERE " UNTICKETED " AND r.partner_id = p.id LIMIT 1) = "
                                          "1) w ORDER BY w.start, w.id"};
static const slk_sql find_waiting = {
    "share.waiting",
    "SELECT r.sp_id, r.sector_number, r.create_time, r.sector_bytes FROM rseal_provider_pipeline r"
    " WHERE " UNTICKETED " AND r.partner_id = $1"
    " ORDER BY r.create_time, r.sp_id, r.sector_number LIMIT $2"};
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

/* How many more tickets shall be drawn now. A ticket ages once it is drawn: that happens when a worker is
 * about to be free, not before. */
static slk_err count_places(uint64_t *ret_most, slk_seal *seal, slk_db *db, slk_error *error)
{
    const slk_seal_options *o = slk_seal_get_options(seal);
    int64_t taken = 0, others = 0;
    const int64_t alive_ms = slk_seal_now(seal) - NODE_SILENT_MS;
    SLK_TRY(slk_sql_number(&others, db, &count_nodes,
                           SLK_ARGS(slk_arg_i(alive_ms), slk_arg_t(o->node_name)), error));
    SLK_TRY(slk_sql_number(
        &taken, db, &count_taken,
        SLK_ARGS(slk_arg_t(seal->folder_id[SLK_PIPELINE_PROVIDER]), slk_arg_i(alive_ms)), error));
    const uint64_t each = slk_min_u64((uint64_t)o->workers[SLK_CLASS_COMPUTE] * o->batch_sectors,
                                      SLK_SEAL_MAX_RUNNING / 2); /* at a node */
    const uint64_t places = each * (slk_u64(others) + 1u) + o->batch_sectors;
    *ret_most = places > slk_u64(taken) ? places - slk_u64(taken) : 0;
    return SLK_OK;
}

/* ---- who is next ---- */

/* A sector that waits, and where it starts in its partner's share. */
typedef struct candidate {
    int64_t start, create_time, sp_id, number;
} candidate;

/* The first of all that were seen, in order. */
typedef struct first_few {
    candidate list[SLK_STEP_FIND_MAX];
    size_t n, most;
} first_few;

static bool comes_before(const candidate *a, const candidate *b)
{
    if (a->start != b->start)
        return a->start < b->start;
    if (a->create_time != b->create_time)
        return a->create_time < b->create_time;
    return a->sp_id != b->sp_id ? a->sp_id < b->sp_id : a->number < b->number;
}

/* False when it comes after as many as are wanted. */
static bool take_in(first_few *f, const candidate *c)
{
    if (f->n == f->most && !comes_before(c, &f->list[f->n - 1]))
        return false;
    size_t at = f->n < f->most ? f->n++ : f->n - 1;
    for (; at > 0 && comes_before(c, &f->list[at - 1]); at--)
        f->list[at] = f->list[at - 1];
    f->list[at] = *c;
    return true;
}

/* A partner's next sector begins at its share, or where the others are by now if it was idle; each sector
 * before it, tickets under way included, moves it on by its bytes over the partner's weight. */
static slk_err take_in_partner(first_few *f, slk_db *db, const slk_query *partner, slk_error *error)
{
    const int64_t share = slk_column_i64(partner, 1), weight = slk_column_i64(partner, 2);
    int64_t bytes = slk_column_i64(partner, 3);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &find_waiting,
                         SLK_ARGS(slk_arg_i(slk_column_i64(partner, 0)), slk_arg_u(f->most)),
                         error));
    for (;;) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        const candidate c = {share + bytes / weight, slk_column_i64(&q, 2), slk_column_i64(&q, 0),
                             slk_column_i64(&q, 1)};
        if (!take_in(f, &c))
            return SLK_OK;
        bytes += slk_column_i64(&q, 3);
    }
}

static slk_err take_in_all(first_few *f, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &find_partners, error));
    for (;;) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        /* Those that follow start at least as far on. */
        if (f->n == f->most && slk_column_i64(&q, 1) > f->list[f->n - 1].start)
            return SLK_OK;
        if (slk_column_i64(&q, 4) < UNDER_WAY_MAX)
            SLK_TRY(take_in_partner(f, db, &q, error));
    }
}

slk_err slk_step_provider_ticket_find(uint64_t ret_keys[SLK_STEP_FIND_MAX][2], size_t *ret_n,
                                      slk_seal *seal, slk_db *db, slk_error *error)
{
    uint64_t places = 0;
    SLK_TRY(count_places(&places, seal, db, error));
    first_few f = {.most = places < SLK_STEP_FIND_MAX ? places : SLK_STEP_FIND_MAX};
    if (f.most > 0)
        SLK_TRY(take_in_all(&f, db, error));
    for (size_t i = 0; i < f.n; i++) {
        ret_keys[i][0] = slk_u64(f.list[i].sp_id);
        ret_keys[i][1] = slk_u64(f.list[i].number);
    }
    *ret_n = f.n;
    return SLK_OK;
}

/* ---- the turn is had ---- */

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
