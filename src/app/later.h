/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long a command waits for a peer that had too many requests. */
#ifndef SLK_APP_LATER_H
#define SLK_APP_LATER_H

#include <stdbool.h>
#include <stdint.h>

/* A slk_http_later: says on standard error that it waits, and waits; at most three times for a call, and not at
 * all when more than ten seconds are wanted. context is not used. Any thread. */
bool slk_later_wait(void *context, int64_t seconds, unsigned before);

#endif
