/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/forecast.h"

#include "base/mem.h"
#include "base/num.h"
#include "db/args.h"

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

static const slk_sql paces = {"forecast.pace",
                              "SELECT count(*), COALESCE(min(at_ms), 0) FROM sector_event"
                              " WHERE event = 'trees_done' AND at_ms > $1 AND role = 'provider'"};
static const slk_sql ahead = {
    "forecast.ahead",
    "SELECT (SELECT count(*) FROM rseal_provider_pipeline WHERE failed = 0"
    " AND cleanup_requested = 0 AND state IN ('ordered', 'ticketed', 'labeled')) +"
    " (SELECT count(*) FROM service_sector WHERE state = 'planned')"};

/* sectors at so many per window, in whole milliseconds, no more than a thousand years. */
static int64_t time_for(uint64_t sectors, uint64_t sealed, int64_t window_ms)
{
    const double ms = (double)sectors * (double)window_ms / (double)sealed;
    const double most = 365250.0 * (double)DAY_MS;
    return (int64_t)(ms < most ? ms : most);
}

static slk_err read_pace(slk_forecast *f, slk_db *db, int64_t now_ms, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, db, &paces, SLK_ARGS(slk_arg_i(now_ms - DAY_MS)), "pace", error));
    const int64_t since_ms = now_ms - slk_column_i64(&q, 1);
    f->sealed = slk_u64(slk_column_i64(&q, 0));
    f->window_ms = f->sealed > 0 && since_ms > HOUR_MS ? since_ms : HOUR_MS;
    return SLK_OK;
}

slk_err slk_forecast_make(slk_forecast *ret_forecast, slk_db *db, uint64_t sectors,
                          int64_t sector_ms, int64_t now_ms, slk_error *error)
{
    slk_forecast f = {0};
    int64_t before = 0;
    slk_assert(sector_ms > 0);
    SLK_TRY(read_pace(&f, db, now_ms, error));
    SLK_TRY(slk_sql_number(&before, db, &ahead, NULL, 0, error));
    f.ahead = slk_u64(before);
    int64_t pace_ms = time_for(f.ahead + sectors, 1, sector_ms);
    if (f.sealed > 0) {
        const int64_t seen_ms = time_for(f.ahead + sectors, f.sealed, f.window_ms);
        pace_ms = seen_ms < pace_ms ? seen_ms : pace_ms;
    }
    f.eta_ms = sector_ms + pace_ms;
    *ret_forecast = f;
    return SLK_OK;
}
