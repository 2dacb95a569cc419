/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A brake per address: so many calls at once, then one per interval. Fixed memory: addresses share
 * slots by hash, so a flood may slow a stranger in the same slot but never grows anything. */
#ifndef SLK_REMOTE_LIMITER_H
#define SLK_REMOTE_LIMITER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct slk_limiter slk_limiter;

/* burst calls at once, one more every interval_ms. Both at least 1. */
SLK_MUST_CHECK slk_err slk_limiter_new(slk_limiter **ret_limiter, uint32_t burst,
                                       int64_t interval_ms, slk_error *error);
void slk_limiter_free(slk_limiter *limiter); /* NULL allowed */

/* Takes one call of that address at now_ms (monotonic); false: too many. Any thread. */
bool slk_limiter_take(slk_limiter *limiter, const char *address, int64_t now_ms);
/* Whether that address has a call left, without taking it. */
bool slk_limiter_has(slk_limiter *limiter, const char *address, int64_t now_ms);

#endif
