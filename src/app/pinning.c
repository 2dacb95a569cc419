/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/pinning.h"

#include <string.h>

slk_err slk_pinning_apply(slk_pinning *ret_pinning, slk_pool *pool, const char *choice,
                          slk_error *error)
{
    const bool is_auto = !choice || !*choice || strcmp(choice, "auto") == 0;
    const bool off = !is_auto && strcmp(choice, "off") == 0;
    if (!is_auto && !off && strcmp(choice, "on") != 0)
        return slk_fail(error, SLK_E_INVAL, "SELKIE_PIN is auto, on or off, not \"%.20s\"", choice);
    slk_pinning result = {.threads = slk_pool_threads(pool) - 1};
    slk_topology topology = {0};
    if (off) {
        result.why = "SELKIE_PIN=off";
    } else if (result.threads == 0) {
        result.why = "one thread only, and that is the caller's";
    } else if (slk_topology_load(&topology, NULL, NULL) != SLK_OK) {
        result.why = "the machine does not tell how its processors hang together";
    } else {
        result.packages = topology.packages;
        result.l3_groups = topology.l3_groups;
        result.cores = topology.n_cores;
        result.cpus = topology.n_cpus;
        const bool worth = slk_topology_worth_binding(&topology);
        if (worth || !is_auto)
            result.bound = slk_topology_bind_pool(&topology, pool);
        result.why = result.bound == result.threads ? "each helper thread sits on one core"
                     : worth || !is_auto            ? "the system refused some or all of it"
                                         : "one L3 cache, one hardware thread to a core: "
                                           "the kernel's own placing is as good";
    }
    slk_topology_done(&topology);
    *ret_pinning = result;
    return SLK_OK;
}
