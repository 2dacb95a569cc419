/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long sectors would take from now: what a quote promises.
 *
 * The pace is that of the last day: so many sectors were sealed in it (an hour's worth counts for an
 * hour, while a node is younger than a day). Ahead of the new ones are all that are being sealed and all
 * that other orders have bought. A node that has sealed nothing yet promises what it is configured to. */
#ifndef SLK_SERVICE_FORECAST_H
#define SLK_SERVICE_FORECAST_H

#include "base/err.h"
#include "db/db.h"

#include <stdint.h>

typedef struct slk_forecast {
    uint64_t ahead; /* sectors before the new ones */
    uint64_t sealed; /* in the last window_ms */
    int64_t window_ms; /* at most a day */
    int64_t eta_ms; /* until the last of the new ones */
} slk_forecast;

/* sector_ms (> 0): how long one sector takes from its beginning to its end, and the least pace that is
 * believed. sectors: the new ones. Cost: a few index reads. */
SLK_MUST_CHECK slk_err slk_forecast_make(slk_forecast *ret_forecast, slk_db *db, uint64_t sectors,
                                         int64_t sector_ms, int64_t now_ms, slk_error *error);

#endif
