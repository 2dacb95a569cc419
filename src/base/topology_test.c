/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/topology.h"

#include "base/cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>

static slk_topology load(const char *described)
{
    slk_topology t = {0};
    assert_int_equal(slk_topology_load(&t, described, NULL), SLK_OK);
    return t;
}

static void described_machines(void **state)
{
    (void)state;
    static const struct {
        const char *described;
        unsigned packages, l3_groups, cores, cpus;
        bool worth;
    } machines[] = {
        {"pack:1 l3:1 core:2 pu:1", 1, 1, 2, 2, false},
        {"pack:1 l3:2 core:4 pu:2", 1, 2, 8, 16, true},
        {"pack:1 l3:1 core:4 pu:2", 1, 1, 4, 8, true},
        {"pack:2 l3:8 core:8 pu:2", 2, 16, 128, 256, true},
        {"pack:1 l3:2 core:1 pu:1", 1, 2, 2, 2, true},
        {"pu:3", 1, 1, 3, 3, false},
        {"pack:1 core:16 pu:1", 1, 1, 16, 16, false}, /* no cache told */
    };
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        slk_topology t = load(machines[i].described);
        assert_int_equal(t.packages, machines[i].packages);
        assert_int_equal(t.l3_groups, machines[i].l3_groups);
        assert_int_equal(t.n_cores, machines[i].cores);
        assert_int_equal(t.n_cpus, machines[i].cpus);
        assert_true(slk_topology_worth_binding(&t) == machines[i].worth);
        unsigned group = 0;
        for (unsigned c = 0; c < t.n_cores; c++) {
            assert_in_range(t.cores[c].l3_group, group, group + (c > 0));
            group = t.cores[c].l3_group;
        }
        assert_int_equal(group, t.l3_groups - 1);
        slk_topology_done(&t);
        slk_topology_done(&t);
    }
}

/* Two caches of two cores with two threads each: every hardware thread once, siblings together. */
static void threads_belong_to_cores(void **state)
{
    (void)state;
    slk_topology t = load("pack:1 l3:2 core:2 pu:2");
    bool seen[8] = {false};
    for (unsigned i = 0; i < t.n_cores; i++) {
        assert_int_equal(t.cores[i].l3_group, i / 2);
        assert_int_equal(t.cores[i].n_cpus, 2);
        for (unsigned k = 0; k < 2; k++) {
            assert_true(t.cores[i].cpu[k] < 8);
            assert_false(seen[t.cores[i].cpu[k]]);
            seen[t.cores[i].cpu[k]] = true;
        }
    }
    slk_topology_done(&t);
}

static void exported_machine(void **state)
{
    (void)state;
    static const char xml[] =
        /* A line each: hwloc without its plugins reads the head by lines. */
        "xml:<?xml version=\"1.0\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
        "<topology version=\"2.0\">"
        "<object type=\"Machine\" os_index=\"0\" cpuset=\"0x3\" complete_cpuset=\"0x3\" "
        "allowed_cpuset=\"0x3\" nodeset=\"0x1\" complete_nodeset=\"0x1\" allowed_nodeset=\"0x1\" "
        "gp_index=\"1\">"
        "<object type=\"NUMANode\" os_index=\"0\" cpuset=\"0x3\" complete_cpuset=\"0x3\" "
        "nodeset=\"0x1\" complete_nodeset=\"0x1\" gp_index=\"2\" local_memory=\"1024\"/>"
        "<object type=\"L3Cache\" cpuset=\"0x1\" complete_cpuset=\"0x1\" nodeset=\"0x1\" "
        "complete_nodeset=\"0x1\" gp_index=\"3\" cache_size=\"1024\" depth=\"3\" "
        "cache_linesize=\"64\" cache_associativity=\"8\" cache_type=\"0\">"
        "<object type=\"Core\" os_index=\"0\" cpuset=\"0x1\" complete_cpuset=\"0x1\" "
        "nodeset=\"0x1\" complete_nodeset=\"0x1\" gp_index=\"4\">"
        "<object type=\"PU\" os_index=\"0\" cpuset=\"0x1\" complete_cpuset=\"0x1\" nodeset=\"0x1\" "
        "complete_nodeset=\"0x1\" gp_index=\"5\"/></object></object>"
        "<object type=\"L3Cache\" cpuset=\"0x2\" complete_cpuset=\"0x2\" nodeset=\"0x1\" "
        "complete_nodeset=\"0x1\" gp_index=\"6\" cache_size=\"1024\" depth=\"3\" "
        "cache_linesize=\"64\" cache_associativity=\"8\" cache_type=\"0\">"
        "<object type=\"Core\" os_index=\"1\" cpuset=\"0x2\" complete_cpuset=\"0x2\" "
        "nodeset=\"0x1\" complete_nodeset=\"0x1\" gp_index=\"7\">"
        "<object type=\"PU\" os_index=\"1\" cpuset=\"0x2\" complete_cpuset=\"0x2\" nodeset=\"0x1\" "
        "complete_nodeset=\"0x1\" gp_index=\"8\"/></object></object>"
        "</object></topology>";
    slk_topology t = load(xml);
    assert_int_equal(t.l3_groups, 2);
    assert_int_equal(t.n_cores, 2);
    slk_topology_done(&t);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    slk_topology t = {0};
    assert_int_equal(slk_topology_load(&t, "core:", NULL), SLK_E_INVAL);
    assert_int_equal(slk_topology_load(&t, "nothing of the kind", NULL), SLK_E_INVAL);
    assert_int_equal(slk_topology_load(&t, "xml:<a>", NULL), SLK_E_INVAL);
    assert_null(t.cores);
}

/* What is seen is what the process may use, also when that is less than the machine. */
static void affinity_is_honoured(void **state)
{
    (void)state;
    cpu_set_t before, one;
    slk_topology t = load(NULL);
    assert_int_equal(t.n_cpus, slk_cpu_count());
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    const unsigned cpu = t.cores[t.n_cores - 1].cpu[0];
    slk_topology_done(&t);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    t = load(NULL);
    assert_int_equal(t.n_cores, 1);
    assert_int_equal(t.n_cpus, 1);
    assert_int_equal(t.l3_groups, 1);
    assert_int_equal(t.cores[0].cpu[0], cpu);
    slk_topology_done(&t);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void count(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)worker;
    uint64_t *sums = context;
    for (uint64_t i = begin; i < end; i++)
        sums[i]++;
}

/* Helpers sit on cores of their own, the caller is left alone, loops still cover everything. */
static void pools_are_bound(void **state)
{
    (void)state;
    slk_topology t = load(NULL);
    slk_pool *pool = NULL;
    cpu_set_t before, after, helper;
    pthread_t thread;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(slk_pool_new(&pool, t.n_cores, NULL), SLK_OK);
    assert_int_equal(slk_topology_bind_pool(&t, pool), t.n_cores - 1);
    for (unsigned i = 0; slk_pool_helper(pool, i, &thread); i++) {
        assert_int_equal(pthread_getaffinity_np(thread, sizeof helper, &helper), 0);
        assert_int_equal(CPU_COUNT(&helper), t.cores[i + 1].n_cpus);
        assert_true(CPU_ISSET(t.cores[i + 1].cpu[0], &helper));
    }
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    uint64_t sums[100] = {0};
    slk_pool_for(pool, 100, 7, count, sums);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(sums[i], 1);
    slk_pool_free(pool);
    assert_int_equal(slk_pool_new(&pool, 5, NULL), SLK_OK); /* more threads than some have cores */
    assert_int_equal(slk_topology_bind_pool(&t, pool), 4);
    slk_pool_free(pool);
    slk_topology_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(described_machines),   cmocka_unit_test(threads_belong_to_cores),
        cmocka_unit_test(exported_machine),     cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(affinity_is_honoured), cmocka_unit_test(pools_are_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
