/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/later.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

#define SECONDS_MAX 10
#define TIMES_MAX 3u

bool slk_later_wait(void *context, int64_t seconds, unsigned before)
{
    (void)context;
    if (before >= TIMES_MAX || seconds > SECONDS_MAX)
        return false;
    (void)fprintf(
        stderr, "the peer has had too many requests (HTTP 429): asking it again in %" PRId64 " s\n",
        seconds);
    slk_clock_sleep_ms(seconds * 1000);
    return true;
}
