/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/topology.h"

#include "base/mem.h"

#include <hwloc.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static slk_err read_machine(hwloc_topology_t topology, const char *described, slk_error *error)
{
    static const char xml[] = "xml:";
    int refused = 0;
    if (described && strncmp(described, xml, sizeof xml - 1) == 0) {
        const char *text = described + sizeof xml - 1;
        const size_t n = strlen(text) + 1;
        refused = n > INT_MAX || hwloc_topology_set_xmlbuffer(topology, text, (int)n) != 0;
    } else if (described) {
        refused = hwloc_topology_set_synthetic(topology, described) != 0;
    }
    if (refused)
        return slk_fail(error, SLK_E_INVAL, "this does not describe a machine: %.60s", described);
    /* Devices and instruction caches are of no interest and take time to look for. */
    (void)hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    if (hwloc_topology_load(topology) != 0)
        return slk_fail(error, described ? SLK_E_INVAL : SLK_E_UNSUPPORTED,
                        "the arrangement of the processors cannot be read");
    return SLK_OK;
}

/* The process may use this hardware thread. */
static bool may_use(hwloc_topology_t topology, unsigned cpu, const cpu_set_t *affinity)
{
    if (!hwloc_bitmap_isset(hwloc_topology_get_allowed_cpuset(topology), cpu))
        return false;
    return !affinity || (cpu < CPU_SETSIZE && CPU_ISSET(cpu, affinity));
}

/* Logical index of what the core lies in; 0 where the machine has no such level. */
static unsigned index_above(hwloc_topology_t topology, hwloc_obj_t core, hwloc_obj_type_t type)
{
    const hwloc_obj_t above = hwloc_get_ancestor_obj_by_type(topology, type, core);
    return above ? above->logical_index : 0;
}

static void read_core(slk_core *ret_core, hwloc_topology_t topology, hwloc_obj_t object,
                      const cpu_set_t *affinity)
{
    *ret_core = (slk_core){.package = index_above(topology, object, HWLOC_OBJ_PACKAGE),
                           .l3_group = index_above(topology, object, HWLOC_OBJ_L3CACHE)};
    for (int cpu = hwloc_bitmap_first(object->cpuset); cpu >= 0;
         cpu = hwloc_bitmap_next(object->cpuset, cpu))
        if (may_use(topology, (unsigned)cpu, affinity) && ret_core->n_cpus < SLK_TOPOLOGY_SMT_MAX)
            ret_core->cpu[ret_core->n_cpus++] = (unsigned)cpu;
}

/* Gives the values that occur the numbers 0, 1, … in ascending order; returns how many there are. */
static unsigned renumber(slk_core *cores, unsigned n, unsigned *(*field)(slk_core *core))
{
    unsigned next = 0, before = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned *value = field(&cores[i]), now = *value;
        if (i > 0 && now != before)
            next++;
        before = now;
        *value = next;
    }
    return next + 1;
}

static unsigned *package_of(slk_core *core)
{
    return &core->package;
}

static unsigned *group_of(slk_core *core)
{
    return &core->l3_group;
}

static slk_err read_cores(slk_topology *t, hwloc_topology_t topology, const cpu_set_t *affinity,
                          slk_error *error)
{
    /* A virtual machine may show hardware threads without cores. */
    const hwloc_obj_type_t type =
        hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    const int all = hwloc_get_nbobjs_by_type(topology, type);
    if (all < 1)
        return slk_fail(error, SLK_E_UNSUPPORTED, "the machine shows no processors");
    t->cores = slk_calloc((size_t)all, sizeof *t->cores);
    if (!t->cores)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    for (int i = 0; i < all; i++) {
        slk_core *core = &t->cores[t->n_cores];
        read_core(core, topology, hwloc_get_obj_by_type(topology, type, (unsigned)i), affinity);
        t->n_cpus += core->n_cpus;
        t->n_cores += core->n_cpus > 0;
    }
    if (t->n_cores == 0)
        return slk_fail(error, SLK_E_UNSUPPORTED, "no processor may be used");
    /* hwloc numbers cores as it walks the machine, so those of a group follow each other. */
    t->packages = renumber(t->cores, t->n_cores, package_of);
    t->l3_groups = renumber(t->cores, t->n_cores, group_of);
    return SLK_OK;
}

slk_err slk_topology_load(slk_topology *ret_topology, const char *described, slk_error *error)
{
    hwloc_topology_t topology;
    slk_topology t = {0};
    cpu_set_t affinity;
    const bool bounded = !described && sched_getaffinity(0, sizeof affinity, &affinity) == 0;
    if (hwloc_topology_init(&topology) != 0)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_err code = read_machine(topology, described, error);
    if (code == SLK_OK)
        code = read_cores(&t, topology, bounded ? &affinity : NULL, error);
    hwloc_topology_destroy(topology);
    if (code != SLK_OK) {
        slk_topology_done(&t);
        return code;
    }
    *ret_topology = t;
    return SLK_OK;
}

void slk_topology_done(slk_topology *topology)
{
    slk_free(topology->cores);
    *topology = (slk_topology){0};
}

bool slk_topology_worth_binding(const slk_topology *topology)
{
    return topology->l3_groups > 1 || topology->n_cpus > topology->n_cores;
}

static bool bind_to(pthread_t thread, const slk_core *core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned k = 0; k < core->n_cpus; k++)
        if (core->cpu[k] < CPU_SETSIZE)
            CPU_SET(core->cpu[k], &set);
    return CPU_COUNT(&set) > 0 && pthread_setaffinity_np(thread, sizeof set, &set) == 0;
}

unsigned slk_topology_bind_pool(const slk_topology *topology, slk_pool *pool)
{
    unsigned bound = 0;
    pthread_t thread;
    for (unsigned i = 0; slk_pool_helper(pool, i, &thread); i++)
        bound += bind_to(thread, &topology->cores[(i + 1) % topology->n_cores]);
    return bound;
}
