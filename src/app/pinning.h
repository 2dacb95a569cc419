/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether the threads of a pool are bound to cores, by $SELKIE_PIN, and what came of it. */
#ifndef SLK_APP_PINNING_H
#define SLK_APP_PINNING_H

#include "base/pool.h"
#include "base/topology.h"

#include <stdbool.h>

typedef struct slk_pinning {
    unsigned packages, l3_groups, cores, cpus; /* this process may use; 0 where not looked at */
    unsigned threads,
        bound; /* helpers of the pool, and how many of them sit on a core of their own */
    const char *why; /* a static sentence: why they are bound, or not */
} slk_pinning;

/* choice is what $SELKIE_PIN says: "on", "off", or "auto" (NULL and "" too), which binds where it can
 * help: several L3 groups, or several hardware threads to a core. What cannot be bound goes on unbound;
 * the only failure is SLK_E_INVAL, another choice. Some milliseconds, unless off or no helpers. */
SLK_MUST_CHECK slk_err slk_pinning_apply(slk_pinning *ret_pinning, slk_pool *pool,
                                         const char *choice, slk_error *error);

#endif
