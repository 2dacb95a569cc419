/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A brake per key (an address, a partner): so many calls at once, then one per interval. Fixed
 * memory: a key that has had its rest is forgotten first, and nobody outside can tell which keys
 * share a place. */
#ifndef SLK_NET_LIMITER_H
#define SLK_NET_LIMITER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct slk_limiter slk_limiter;

/* burst calls at once, one more every interval_ms. Both at least 1. */
SLK_MUST_CHECK slk_err slk_limiter_new(slk_limiter **ret_limiter, uint32_t burst,
                                       int64_t interval_ms, slk_error *error);
void slk_limiter_free(slk_limiter *limiter); /* NULL allowed */

/* Takes one call of that key at now_ms (monotonic); false: too many, nothing is taken. Any thread. */
bool slk_limiter_take(slk_limiter *limiter, const char *key, int64_t now_ms);
/* After how many milliseconds a call will be taken; 0 now. Takes none. */
int64_t slk_limiter_wait(slk_limiter *limiter, const char *key, int64_t now_ms);

#endif
