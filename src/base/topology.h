/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How the processors this process may use hang together: packages, groups that share a third-level
 * cache, physical cores, hardware threads. And threads bound to cores by that.
 *
 * Binding is a courtesy: where it is refused or not worth while work goes on unbound. Only helper
 * threads of a pool are bound, one physical core each; the calling thread stays free, and the kernel
 * puts it on the core that is left. */
#ifndef SLK_BASE_TOPOLOGY_H
#define SLK_BASE_TOPOLOGY_H

#include "base/err.h"
#include "base/pool.h"

#include <stdbool.h>
#include <stddef.h>

#define SLK_TOPOLOGY_SMT_MAX 8u /* hardware threads of one core that are told apart */

/* One physical core, or what of it the process may use. */
typedef struct slk_core {
    unsigned package, l3_group; /* from 0 */
    unsigned n_cpus; /* at least 1 */
    unsigned cpu[SLK_TOPOLOGY_SMT_MAX]; /* the system's numbers of its hardware threads */
} slk_core;

/* Immutable once loaded. */
typedef struct slk_topology {
    unsigned packages, l3_groups, n_cores, n_cpus; /* each at least 1 */
    slk_core *cores; /* n_cores, those of one L3 group together, groups ascending */
} slk_topology;

/* What this process may run on: the machine less what affinity and cgroup take away. described: NULL
 * this machine; else, for tests, a description by hwloc's synthetic notation, or "xml:" and an exported
 * topology; all of it may be used then. Some milliseconds. SLK_E_INVAL: a description that is none;
 * SLK_E_UNSUPPORTED: the machine does not tell. */
SLK_MUST_CHECK slk_err slk_topology_load(slk_topology *ret_topology, const char *described,
                                         slk_error *error);
void slk_topology_done(slk_topology *topology); /* idempotent, zeroed allowed */

/* Is anything gained by binding: more than one L3 group, or cores with several hardware threads? */
bool slk_topology_worth_binding(const slk_topology *topology);

/* Binds the helpers of a pool to distinct cores, the second core first, round and round when there are
 * more threads than cores. Returns how many are bound. No loop may be running. */
unsigned slk_topology_bind_pool(const slk_topology *topology, slk_pool *pool);

#endif
