/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long a sector is kept here (its lease), and how it is let go: asked for, canceled, or because the
 * lease ended. There is one way out of each: cleanup_requested, in one transaction with its reason. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/provider.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HOUR_MS (INT64_C(3600) * 1000)
#define LOOK_MAX 64u /* leases seen to in one look; the next look takes the rest */

/* Stages of lease_warned. */
enum { WARNED_NOT, WARNED_HALF_DAY, WARNED_HOUR };

/* One range of an index for each stage: $1 now, $2 in an hour, $3 in half a day, or 0. Rows that were warned
 * of and are not due yet are not looked at again and again. */
#define DUE_AT(stage, until, name)                                                                 \
    "SELECT * FROM (SELECT sp_id, sector_number, cleanup_timeout"                                  \
    " FROM rseal_provider_pipeline WHERE after_cleanup = 0 AND cleanup_requested = 0"              \
    " AND (withheld = 0 OR failed = 1) AND lease_warned = " stage " AND cleanup_timeout <= " until \
    " ORDER BY cleanup_timeout LIMIT 64) " name
#define LATER(a, b) "CASE WHEN " a " < " b " THEN " b " ELSE " a " END"
static const slk_sql find_due = {
    "lease.due",
    DUE_AT("2", "$1", "a") " UNION ALL " DUE_AT("1", LATER("$1", "$2"), "b") " UNION ALL " DUE_AT(
        "0", LATER("$1", LATER("$2", "$3")), "c")};
/* A row that was failed by hand has no lease yet: it would be kept for ever. */
static const slk_sql give_failed = {
    "lease.failed", "UPDATE rseal_provider_pipeline SET cleanup_timeout = $1 WHERE failed = 1"
                    " AND after_cleanup = 0 AND cleanup_timeout IS NULL"};
static const slk_sql still_over = {
    "lease.over", "SELECT count(*) FROM rseal_provider_pipeline WHERE sp_id = $1"
                  " AND sector_number = $2 AND after_cleanup = 0 AND cleanup_requested = 0"
                  " AND (withheld = 0 OR failed = 1) AND cleanup_timeout <= $3"};
static const slk_sql warn = {
    "lease.warn", "UPDATE rseal_provider_pipeline SET lease_warned = $4 WHERE sp_id = $1"
                  " AND sector_number = $2 AND cleanup_timeout = $3 AND lease_warned < $4"
                  " AND after_cleanup = 0 AND cleanup_requested = 0"};
static const slk_sql renew = {
    "lease.renew",
    "UPDATE rseal_provider_pipeline SET cleanup_timeout = CASE WHEN cleanup_timeout < $3 THEN $3"
    " ELSE cleanup_timeout END, lease_warned = 0 WHERE sp_id = $1 AND sector_number = $2"
    " AND after_cleanup = 0 AND cleanup_requested = 0 AND cleanup_timeout IS NOT NULL"
    " RETURNING cleanup_timeout"};
static const slk_sql set_reason = {"lease.reason",
                                   "UPDATE rseal_provider_pipeline SET cleanup_reason = $3"
                                   " WHERE sp_id = $1 AND sector_number = $2"};

/* ---- letting go ---- */

struct let_go {
    slk_seal *seal;
    slk_change change;
    bool only_if_over; /* a lease that was renewed meanwhile is left alone */
    bool done;
};

static slk_err let_go_body(slk_db *db, void *context, slk_error *error)
{
    struct let_go *g = context;
    const slk_change *c = &g->change;
    int64_t over = 1;
    if (g->only_if_over)
        SLK_TRY(slk_sql_number(
            &over, db, &still_over,
            SLK_ARGS(slk_arg_u(c->sp_id), slk_arg_u(c->number), slk_arg_i(slk_seal_lived(g->seal))),
            error));
    g->done = over != 0;
    if (!g->done)
        return SLK_OK;
    SLK_TRY(slk_task_drop(db, SLK_PIPELINE_PROVIDER, c->sp_id, c->number, NULL, error));
    SLK_TRY(slk_sql_run(db, &set_reason,
                        SLK_ARGS(slk_arg_u(c->sp_id), slk_arg_u(c->number), slk_arg_t(c->detail)),
                        NULL, error));
    return slk_state_apply(db, c, error);
}

static slk_err let_go(struct let_go *g, slk_error *error)
{
    slk_err code = slk_db_tx(slk_seal_db(g->seal), let_go_body, g, error);
    if (code == SLK_E_CONFLICT)
        return SLK_OK; /* it was cleaned up meanwhile */
    SLK_TRY(code);
    if (!g->done)
        return SLK_OK;
    (void)slk_seal_cancel_running(g->seal, SLK_PIPELINE_PROVIDER, g->change.sp_id,
                                  g->change.number);
    /* A C1 may be at a worker that is away, for as long as that is waited for. */
    slk_seal_files_evict(g->seal, SLK_PIPELINE_PROVIDER, g->change.sp_id, g->change.number);
    slk_seal_wake(g->seal);
    return SLK_OK;
}

static slk_err let_go_of(slk_seal *seal, const slk_provider_row *row, const char *actor,
                         const char *reason, slk_error *error)
{
    if (row->state == SLK_PS_CLEANED || row->cleanup_requested)
        return SLK_OK;
    struct let_go g = {.seal = seal,
                       .change = slk_seal_change(seal, SLK_PIPELINE_PROVIDER, row->sector.sp_id,
                                                 row->sector.number, SLK_EV_CLEANUP_ASKED, actor,
                                                 reason)};
    return let_go(&g, error);
}

slk_err slk_provider_cleanup(slk_seal *seal, int64_t partner_id, uint64_t sp_id, uint64_t number,
                             slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_provider_own_row(&row, seal, partner_id, sp_id, number, error));
    return let_go_of(seal, &row, "endpoint", "the client is done with it", error);
}

slk_err slk_provider_cancel(slk_seal *seal, int64_t partner_id, uint64_t sp_id, uint64_t number,
                            slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_provider_own_row(&row, seal, partner_id, sp_id, number, error));
    return let_go_of(seal, &row, "endpoint", "canceled by the client", error);
}

slk_err slk_provider_operator_cancel(slk_seal *seal, uint64_t sp_id, uint64_t number, bool really,
                                     bool dry_run, slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    SLK_TRY(slk_provider_row_read(&row, seal, sp_id, number, error));
    if (row.state == SLK_PS_CLEANED)
        return slk_fail(error, SLK_E_CONFLICT, "the sector is cleaned up already");
    const bool sealed = row.state == SLK_PS_SEALED || row.state == SLK_PS_FINALIZED;
    if (sealed && !row.failed && !really)
        return slk_fail(error, SLK_E_CONFLICT,
                        "the sector is %s: its client may have a deposit on chain, which it loses "
                        "when it cannot prove the sector; cancel it --really-do-it",
                        slk_state_name(row.state));
    return dry_run ? SLK_OK : let_go_of(seal, &row, "operator", "canceled by the provider", error);
}

/* ---- renewing ---- */

struct renewal {
    slk_seal *seal;
    slk_change change;
    int64_t until_ms; /* lived time; in: at least; out: as it is now */
};

static slk_err renew_body(slk_db *db, void *context, slk_error *error)
{
    struct renewal *r = context;
    int64_t until = 0;
    SLK_TRY(slk_sql_number(
        &until, db, &renew,
        SLK_ARGS(slk_arg_u(r->change.sp_id), slk_arg_u(r->change.number), slk_arg_i(r->until_ms)),
        error));
    if (until == 0)
        return slk_fail(error, SLK_E_CONFLICT,
                        "the sector has no lease: it is not sealed yet, or is being cleaned up");
    r->until_ms = until;
    char at[32], detail[64];
    slk_clock_format(at, sizeof at, slk_seal_when_lived(r->seal, until));
    (void)snprintf(detail, sizeof detail, "until %s", at);
    r->change.detail = detail;
    return slk_state_note(db, &r->change, "lease_renewed", error);
}

static slk_err renew_to(int64_t *ret_until_ms, slk_seal *seal, const slk_provider_row *row,
                        int64_t for_ms, const char *actor, slk_error *error)
{
    /* Asking all the time must not fill the timeline. */
    const int64_t lived = slk_seal_lived(seal), left = row->lease_until_ms - lived;
    if (row->lease_until_ms > 0 && !row->cleanup_requested && for_ms - left < HOUR_MS &&
        left > for_ms / 2) {
        *ret_until_ms = slk_seal_when_lived(seal, row->lease_until_ms);
        return SLK_OK;
    }
    struct renewal r = {.seal = seal,
                        .change = slk_seal_change(seal, SLK_PIPELINE_PROVIDER, row->sector.sp_id,
                                                  row->sector.number, SLK_EVENT_COUNT, actor, ""),
                        .until_ms = lived + for_ms};
    slk_err code = slk_db_tx(slk_seal_db(seal), renew_body, &r, error);
    SLK_TRY(code);
    slk_log(SLK_LOG_INFO, "lease.renewed", "sector=f0%" PRIu64 "/%" PRIu64 " actor=%s kept_ms=%ld",
            row->sector.sp_id, row->sector.number, actor, (long)for_ms);
    *ret_until_ms = slk_seal_when_lived(seal, r.until_ms);
    return SLK_OK;
}

slk_err slk_provider_renew(int64_t *ret_until_ms, slk_seal *seal, int64_t partner_id,
                           uint64_t sp_id, uint64_t number, slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_provider_own_row(&row, seal, partner_id, sp_id, number, error));
    return renew_to(ret_until_ms, seal, &row, slk_seal_get_options(seal)->cleanup_timeout_ms,
                    "endpoint", error);
}

slk_err slk_provider_operator_renew(int64_t *ret_until_ms, slk_seal *seal, uint64_t sp_id,
                                    uint64_t number, int64_t for_ms, bool dry_run, slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    SLK_TRY(slk_provider_row_read(&row, seal, sp_id, number, error));
    const int64_t lease_ms = for_ms > 0 ? for_ms : slk_seal_get_options(seal)->cleanup_timeout_ms;
    if (!dry_run)
        return renew_to(ret_until_ms, seal, &row, lease_ms, "operator", error);
    if (row.lease_until_ms == 0 || row.cleanup_requested)
        return slk_fail(error, SLK_E_CONFLICT,
                        "the sector has no lease: it is not sealed yet, or is being cleaned up");
    const int64_t until = slk_seal_lived(seal) + lease_ms;
    *ret_until_ms =
        slk_seal_when_lived(seal, until > row.lease_until_ms ? until : row.lease_until_ms);
    return SLK_OK;
}

/* ---- looking after leases ---- */

struct due {
    uint64_t sp_id;
    uint64_t number;
    int64_t until_ms; /* lived time */
};

struct warning {
    slk_change change;
    int64_t until_ms;
    int64_t stage;
    bool fresh;
};

static slk_err warn_body(slk_db *db, void *context, slk_error *error)
{
    struct warning *w = context;
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(db, &warn,
                        SLK_ARGS(slk_arg_u(w->change.sp_id), slk_arg_u(w->change.number),
                                 slk_arg_i(w->until_ms), slk_arg_i(w->stage)),
                        &changes, error));
    w->fresh = changes == 1; /* another node may have been quicker */
    return w->fresh ? slk_state_note(db, &w->change, "lease_ending", error) : SLK_OK;
}

static slk_err warn_of(slk_seal *seal, const struct due *d, int64_t now, slk_error *error)
{
    char at[32], detail[96];
    slk_clock_format(at, sizeof at, slk_seal_when_lived(seal, d->until_ms));
    (void)snprintf(detail, sizeof detail, "the files are removed at %s unless the lease is renewed",
                   at);
    struct warning w = {.change = slk_seal_change(seal, SLK_PIPELINE_PROVIDER, d->sp_id, d->number,
                                                  SLK_EVENT_COUNT, "lease", detail),
                        .until_ms = d->until_ms,
                        .stage = d->until_ms - now <= HOUR_MS ? WARNED_HOUR : WARNED_HALF_DAY};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), warn_body, &w, error));
    if (w.fresh)
        slk_log(SLK_LOG_WARN, "lease.ending", "sector=f0%" PRIu64 "/%" PRIu64 " until=%s", d->sp_id,
                d->number, at);
    return SLK_OK;
}

static slk_err end_of(slk_seal *seal, const struct due *d, slk_error *error)
{
    struct let_go g = {.seal = seal,
                       .change = slk_seal_change(seal, SLK_PIPELINE_PROVIDER, d->sp_id, d->number,
                                                 SLK_EV_CLEANUP_ASKED, "lease", "its lease ended"),
                       .only_if_over = true};
    SLK_TRY(let_go(&g, error));
    if (g.done)
        slk_log(SLK_LOG_WARN, "lease.over", "sector=f0%" PRIu64 "/%" PRIu64, d->sp_id, d->number);
    return SLK_OK;
}

static slk_err read_due(struct due list[LOOK_MAX], size_t *ret_n, slk_seal *seal, int64_t now,
                        slk_error *error)
{
    /* A lease that is short as a whole is no news when it begins. */
    const int64_t lease = slk_seal_get_options(seal)->cleanup_timeout_ms;
    const int64_t hour = lease > HOUR_MS ? now + HOUR_MS : 0;
    const int64_t half_day = lease > 12 * HOUR_MS ? now + 12 * HOUR_MS : 0;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &find_due,
                         SLK_ARGS(slk_arg_i(now), slk_arg_i(hour), slk_arg_i(half_day)), error));
    size_t n = 0;
    for (bool row = true; n < LOOK_MAX; n++) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        list[n] = (struct due){slk_u64(slk_column_i64(&q, 0)), slk_u64(slk_column_i64(&q, 1)),
                               slk_column_i64(&q, 2)};
    }
    *ret_n = n;
    return SLK_OK;
}

slk_err slk_provider_leases_look(slk_seal *seal, slk_error *error)
{
    const int64_t now = slk_seal_lived(seal);
    struct due list[LOOK_MAX];
    size_t n = 0;
    SLK_TRY(read_due(list, &n, seal, now, error));
    for (size_t i = 0; i < n && !slk_seal_is_dead(seal); i++)
        SLK_TRY(list[i].until_ms <= now ? end_of(seal, &list[i], error)
                                        : warn_of(seal, &list[i], now, error));
    return SLK_OK;
}

slk_err slk_provider_leases_give(slk_seal *seal, slk_error *error)
{
    const int64_t until = slk_seal_lived(seal) + slk_seal_get_options(seal)->cleanup_timeout_ms;
    return slk_sql_run(slk_seal_db(seal), &give_failed, SLK_ARGS(slk_arg_i(until)), NULL, error);
}
