/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a page shows of the whole node at once: JSON text appended to out, each from a few bounded
 * reads. As in view.h there is no token, hash or wrapped token in it, and times are "…_ms". */
#ifndef SLK_SEAL_BOARD_H
#define SLK_SEAL_BOARD_H

#include "base/buf.h"
#include "base/err.h"
#include "seal/seal.h"

#include <stdint.h>

/* {"event_id" (rises with every timeline entry),
 *  "provider":{"enabled","draining","capacity","used","slots","leases_ending" (within 12 h),
 *              "lease_first_ms" (0 when none of them),"states":{STATE:{"count","failed"}}},
 *  "client":{"enabled","states":{…}},
 *  "queue":[{"class","running","ready","waiting"}],
 *  "running":[{"role","sp_id","number","state","step","owner","stage","done","total","eta_ms",
 *              "rate","started_ms"}]}   rate: units of the stage a second, null when unknown; at most
 *                                       100 of the oldest
 * Cost: a few milliseconds at 10,000 sectors. */
SLK_MUST_CHECK slk_err slk_board_overview(slk_buf *out, slk_seal *seal, slk_error *error);

/* {"from_ms","bucket_ms","sealed":[n],"proving":[n],"failed":[n]}: what was reached in each of
 * buckets (1..500) equal stretches of time that end now. */
SLK_MUST_CHECK slk_err slk_board_throughput(slk_buf *out, slk_seal *seal, int64_t bucket_ms,
                                            uint64_t buckets, slk_error *error);

/* [{"name","roles","starts","started_ms","seen_ms","running"}] */
SLK_MUST_CHECK slk_err slk_board_nodes(slk_buf *out, slk_seal *seal, slk_error *error);

#endif
