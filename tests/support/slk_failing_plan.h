/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which of the calls that are counted fails: the n-th, or all from it on. One plan per kind of call. */
#ifndef SLK_TEST_FAILING_PLAN_H
#define SLK_TEST_FAILING_PLAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct slk_failing_plan {
    atomic_uint_fast64_t seen;
    atomic_uint_fast64_t nth; /* 0: none fails */
    atomic_bool on; /* all later ones, too */
} slk_failing_plan;

/* Counts anew. Other threads may be calling. */
static inline void slk_failing_plan_set(slk_failing_plan *plan, uint64_t n, bool on)
{
    plan->nth = 0;
    plan->seen = 0;
    plan->on = on;
    plan->nth = n;
}

/* Counts a call; whether it fails. */
static inline bool slk_failing_plan_fails(slk_failing_plan *plan)
{
    const uint64_t n = ++plan->seen;
    const uint64_t nth = plan->nth;
    return nth && (plan->on ? n >= nth : n == nth);
}

#endif
