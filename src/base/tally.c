/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/tally.h"

#include "base/err.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)

const uint64_t slk_answer_bounds_us[16] = {
    1 * MS,   2 * MS,    5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS, 200 * MS,
    500 * MS, 1000 * MS, 2 * S,  5 * S,   10 * S,  30 * S,  60 * S,   600 * S,
};

const uint64_t slk_work_bounds_us[18] = {
    10 * MS,  100 * MS, 1 * S,    5 * S,     15 * S,    60 * S,    180 * S,   600 * S,   1800 * S,
    3600 * S, 5400 * S, 7200 * S, 10800 * S, 14400 * S, 21600 * S, 28800 * S, 43200 * S, 86400 * S,
};

void slk_histogram_init(slk_histogram *ret_histogram, const uint64_t *bounds, size_t n)
{
    slk_assert(n <= SLK_HISTOGRAM_BUCKETS);
    *ret_histogram = (slk_histogram){.bounds = bounds, .n = n};
}

void slk_histogram_add(slk_histogram *histogram, uint64_t value)
{
    size_t i = 0;
    while (i < histogram->n && value > histogram->bounds[i])
        i++;
    slk_counter_add(&histogram->count[i], 1);
    slk_counter_add(&histogram->sum, value);
}
