/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

static uint64_t now_ns(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t); /* cannot fail for these ids */
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

int64_t slk_clock_wall_ms(void)
{
    return (int64_t)(now_ns(CLOCK_REALTIME) / 1000000);
}

int64_t slk_clock_monotonic_ms(void)
{
    return (int64_t)(now_ns(CLOCK_MONOTONIC) / 1000000);
}

uint64_t slk_clock_monotonic_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

bool slk_clock_kept_ms(int64_t *ret_wall_ms)
{
    struct timex state = {0};
    const int rc = adjtimex(&state); /* with nothing set it changes nothing */
    if (rc < 0 || rc == TIME_ERROR || (state.status & STA_UNSYNC))
        return false;
    const int64_t parts = state.status & STA_NANO ? 1000000 : 1000;
    *ret_wall_ms = (int64_t)state.time.tv_sec * 1000 + (int64_t)state.time.tv_usec / parts;
    return true;
}

void slk_clock_sleep_ms(int64_t ms)
{
    if (ms <= 0)
        return;
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

void slk_clock_format(char *out, size_t n, int64_t wall_ms)
{
    int64_t rest = wall_ms % 1000;
    if (rest < 0)
        rest += 1000;
    time_t seconds = (time_t)((wall_ms - rest) / 1000);
    struct tm parts;
    char day[32];
    if (!gmtime_r(&seconds, &parts) ||
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        (void)snprintf(out, n, "?");
        return;
    }
    (void)snprintf(out, n, "%s.%03dZ", day, (int)rest);
}
