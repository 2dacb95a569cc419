/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How often partners may come: calls and downloads of each. What is too much is SLK_E_BUSY, which the
 * server answers with 429 and Retry-After. Any thread. */
#ifndef SLK_REMOTE_TURNSTILE_H
#define SLK_REMOTE_TURNSTILE_H

#include "base/err.h"
#include "net/server.h"

#include <stdint.h>

/* Calls of one partner at once, then one per interval. A download of 64 GiB takes 1024. */
#define SLK_TURNSTILE_CALLS 2000u
#define SLK_TURNSTILE_CALL_INTERVAL_MS 10
/* Calls back to one partner at once, then one per interval: a test by hand, and nothing more. */
#define SLK_TURNSTILE_CALL_BACKS 6u
#define SLK_TURNSTILE_CALL_BACK_INTERVAL_MS 10000
/* Files being sent to one partner at the same time. */
#define SLK_TURNSTILE_DOWNLOADS 64u

typedef struct slk_turnstile slk_turnstile;

SLK_MUST_CHECK slk_err slk_turnstile_new(slk_turnstile **ret_turnstile, slk_error *error);
void slk_turnstile_free(slk_turnstile *turnstile); /* server gone; NULL allowed */

SLK_MUST_CHECK slk_err slk_turnstile_call(slk_turnstile *turnstile, slk_http_exchange *exchange,
                                          int64_t partner_id, slk_error *error);
SLK_MUST_CHECK slk_err slk_turnstile_call_back(slk_turnstile *turnstile,
                                               slk_http_exchange *exchange, int64_t partner_id,
                                               slk_error *error);
/* Counts until the exchange has ended. */
SLK_MUST_CHECK slk_err slk_turnstile_download(slk_turnstile *turnstile, slk_http_exchange *exchange,
                                              int64_t partner_id, slk_error *error);

#endif
