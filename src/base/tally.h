/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counters and histograms: what a part of the program keeps of its own work, for others to read.
 *
 * The owner adds from any thread, readers read from any thread, nobody waits for anybody: each number
 * is read whole, several together may be of slightly different moments. A zeroed counter is ready. */
#ifndef SLK_BASE_TALLY_H
#define SLK_BASE_TALLY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_counter {
    atomic_uint_fast64_t value;
} slk_counter;

static inline void slk_counter_add(slk_counter *counter, uint64_t n)
{
    (void)atomic_fetch_add_explicit(&counter->value, n, memory_order_relaxed);
}

static inline uint64_t slk_counter_read(const slk_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* A number that also goes down: what is under way. */
typedef struct slk_gauge {
    atomic_int_fast64_t value;
} slk_gauge;

static inline void slk_gauge_add(slk_gauge *gauge, int64_t n)
{
    (void)atomic_fetch_add_explicit(&gauge->value, n, memory_order_relaxed);
}

static inline int64_t slk_gauge_read(const slk_gauge *gauge)
{
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}

#define SLK_HISTOGRAM_BUCKETS 20u

/* How many values fell below which bound. bounds is static, rising, n of them (at most
 * SLK_HISTOGRAM_BUCKETS); what lies above the last is counted behind it. */
typedef struct slk_histogram {
    const uint64_t *bounds;
    size_t n;
    slk_counter count[SLK_HISTOGRAM_BUCKETS + 1];
    slk_counter sum;
} slk_histogram;

void slk_histogram_init(slk_histogram *ret_histogram, const uint64_t *bounds, size_t n);
/* A value equal to a bound belongs below it. */
void slk_histogram_add(slk_histogram *histogram, uint64_t value);

/* Bounds for times in microseconds: of answers (1 ms to 10 min) and of work (10 ms to 24 h). */
extern const uint64_t slk_answer_bounds_us[16];
extern const uint64_t slk_work_bounds_us[18];

#endif
