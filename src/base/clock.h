/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Time. Wall time for what people and peers see, monotonic time for durations and deadlines. */
#ifndef SLK_BASE_CLOCK_H
#define SLK_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t slk_clock_wall_ms(void); /* milliseconds since 1970, UTC */
int64_t slk_clock_monotonic_ms(void); /* milliseconds since some fixed moment of this boot */
uint64_t slk_clock_monotonic_ns(void);

/* The kernel's wall clock, where something (NTP, PTP) tells the kernel that it keeps it in time; false
 * where nothing does. What stands between this process and the kernel's clock is not asked. */
bool slk_clock_kept_ms(int64_t *ret_wall_ms);

/* Sleeps at least ms unless a signal comes. */
void slk_clock_sleep_ms(int64_t ms);

/* "2026-11-21T03:17:00.123Z" into out (at least 25 chars). */
void slk_clock_format(char *out, size_t n, int64_t wall_ms);

#endif
