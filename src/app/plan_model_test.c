/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The formulas against the figures of reference/performance 2 to 4, at its rates. */
#include "app/plan_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#define GIB (UINT64_C(1) << 30)

/* Kernels as measured there, at 3.6 GHz. */
static const slk_plan_machine reference = {
    .cores = 16,
    .memory_bytes = 1200 * GIB,
    .parameters_bytes = UINT64_C(47373896256),
    .snark_memory_bytes = 9 * GIB,
    .label_one_ns = 2560 / 3.6,
    .kernel = {{16, 870 / 3.6}},
    .n_kernels = 1,
    .pair_ns = 90 / 3.6,
    .column_ns = 23600 / 3.6,
    .node_ns = 17600 / 3.6,
    .butterfly_ns = 17.2 / 3.6,
    .scalar_point_ns = 12.5 * 220 / 3.6,
    .one_point_ns = 220 / 3.6,
    .disk_write_bps = 2e9,
    .disk_read_bps = 4e9,
    .disk_iops = 10e6,
};

static const slk_plan_stage *stage(const slk_plan *plan, const char *name)
{
    for (size_t i = 0; i < SLK_PLAN_STAGES; i++)
        if (strncmp(plan->stage[i].name, name, strlen(name)) == 0)
            return &plan->stage[i];
    fail_msg("no stage %s", name);
    return NULL;
}

static void assert_near(double got, double want, double part)
{
    if (fabs(got - want) > part * want)
        fail_msg("got %.6g, want %.6g", got, want);
}

static slk_plan make(const char *size, const slk_plan_machine *machine, bool batch)
{
    slk_plan plan;
    slk_plan_make(&plan, slk_sector_shape_parse(size), machine, batch);
    return plan;
}

static void files_have_their_exact_sizes(void **state)
{
    (void)state;
    slk_plan p = make("32GiB", &reference, true);
    const uint64_t sector = UINT64_C(34359738368), tree_d = UINT64_C(68719476704),
                   tree_c = UINT64_C(39268272384), tree_r = UINT64_C(76695808),
                   layers = UINT64_C(377957122048);
    assert_true(stage(&p, "labels")->disk_bytes == layers);
    assert_true(stage(&p, "labels")->write_bytes == layers);
    assert_true(stage(&p, "tree-d")->disk_bytes == tree_d + sector);
    assert_true(stage(&p, "pc2")->disk_bytes == tree_c + tree_r + sector);
    assert_true(stage(&p, "pc2")->read_bytes == layers + sector);
    assert_true(p.disk_bytes == layers + tree_d + tree_c + tree_r + 2 * sector);
    p = make("64GiB", &reference, true);
    assert_true(stage(&p, "labels")->disk_bytes == 2 * layers);
    assert_true(stage(&p, "tree-d")->disk_bytes == 2 * tree_d + 32 + 2 * sector);
    assert_true(stage(&p, "pc2")->disk_bytes == 2 * (tree_c + tree_r + sector));
}

static void times_are_those_of_the_reference(void **state)
{
    (void)state;
    slk_plan p = make("32GiB", &reference, false);
    assert_near(stage(&p, "labels")->seconds, 2 * 3600 + 20 * 60, 0.01); /* 2.1: 2h20m */
    p = make("32GiB", &reference, true);
    assert_near(stage(&p, "labels")->seconds, 12 * 3600 + 41 * 60, 0.01); /* 12h41m */
    assert_near(86400 / stage(&p, "labels")->core_seconds, 30.3, 0.01); /* sectors/day/core */
    assert_near(stage(&p, "tree-d")->core_seconds, 27, 0.02); /* 2.2 */
    assert_near(stage(&p, "pc2")->core_seconds, 8540, 0.01); /* 2.3 */
    assert_near(stage(&p, "c2")->core_seconds, 1860, 0.05); /* 2.4: 31 core-min */
    assert_near(p.core_seconds / 3600, 3.7, 0.02); /* 4a: batch x16 */
    assert_near(stage(&p, "c1")->random_reads, 60000, 0.1); /* 3: about 60k small reads */
}

static void memory_and_disks_bound(void **state)
{
    (void)state;
    slk_plan p = make("32GiB", &reference, true);
    assert_true(p.labels_in_memory);
    assert_int_equal(p.groups, 1); /* 1 TiB holds one group of 16 */
    assert_int_equal(p.lanes, 16);
    assert_int_equal(p.bound, SLK_PLAN_MEMORY);
    assert_true(p.group_bytes == 1024 * GIB);
    /* Too little memory for sixteen, enough for two groups of eight. */
    slk_plan_machine several = reference;
    several.kernel[several.n_kernels++] = (struct slk_plan_kernel){8, 1160 / 3.6};
    several.memory_bytes = 1140 * GIB;
    several.disk_iops = 1e4;
    p = make("32GiB", &several, true);
    assert_int_equal(p.lanes, 8);
    assert_int_equal(p.groups, 2);
    assert_true(p.labels_in_memory);
    slk_plan_machine small = reference;
    small.memory_bytes = 24 * GIB;
    p = make("32GiB", &small, true);
    assert_false(p.labels_in_memory);
    /* 2 layers are written, and 10 pages read for every node of 16 sectors. */
    assert_int_equal(p.lanes, 16);
    assert_true(stage(&p, "labels")->write_bytes == 2 * UINT64_C(377957122048));
    assert_near(stage(&p, "labels")->random_reads, 110 * 0x1p30 / 16, 1e-9);
    const double ten_million = p.stage[1].sectors_a_day;
    small.disk_iops = 1e4;
    p = make("32GiB", &small, true);
    assert_int_equal(p.bound, SLK_PLAN_DISK_IOPS);
    assert_near(p.stage[1].sectors_a_day, 86400 * 1e4 * 16 / (110 * 0x1p30), 1e-6);
    assert_true(p.stage[1].sectors_a_day < ten_million);
    slk_plan_machine slow = reference;
    slow.memory_bytes = 64 * 1024 * GIB;
    slow.disk_write_bps = 1e8;
    p = make("32GiB", &slow, true);
    assert_int_equal(p.bound, SLK_PLAN_DISK_WRITE);
    /* Of 34.44 GB per sector. */
    assert_near((double)p.network_bytes, 34.49e9, 0.001);
    assert_near(p.network_bps, 8 * (double)p.network_bytes * p.sectors_a_day / 86400, 1e-9);
}

/* More of anything never seals less. */
static void more_is_not_less(void **state)
{
    (void)state;
    double before = 0;
    slk_plan_machine m = reference;
    for (m.cores = 1; m.cores <= 256; m.cores *= 2) {
        m.memory_bytes = (uint64_t)m.cores * 1200 * GIB;
        slk_plan p = make("64GiB", &m, true);
        assert_true(p.sectors_a_day >= before);
        before = p.sectors_a_day;
        for (size_t i = 0; i < SLK_PLAN_STAGES; i++) {
            assert_true(p.stage[i].seconds > 0 && isfinite(p.stage[i].seconds));
            assert_true(p.stage[i].sectors_a_day >= p.sectors_a_day * 0.999);
        }
    }
    for (int i = 0; i < SLK_PLAN_BOUNDS; i++)
        assert_true(strlen(slk_plan_bound_name((slk_plan_bound)i)) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_their_exact_sizes),
        cmocka_unit_test(times_are_those_of_the_reference),
        cmocka_unit_test(memory_and_disks_bound),
        cmocka_unit_test(more_is_not_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
