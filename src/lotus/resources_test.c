/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* source: reference/lotus-worker 4.2, 7 */
#include "lotus/resources.h"

#include "base/mem.h"
#include "codec/json.h"
#include "lotus/json_test.h"

#include <string.h>

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define JSON(name, text) SLK_CLEANUP(slk_json_decrefp) json_t *name = test_json(text)
#define GIB(n) ((uint64_t)(n) << 30)
#define MIB(n) ((uint64_t)(n) << 20)

static void tasks_have_names_and_order(void **state)
{
    (void)state;
    slk_lotus_task task = SLK_LOTUS_ADD_PIECE;
    assert_true(slk_lotus_task_of_name(&task, "seal/v0/precommit/2"));
    assert_int_equal(task, SLK_LOTUS_PRECOMMIT2);
    assert_string_equal(slk_lotus_task_short(task), "PC2");
    assert_true(slk_lotus_task_of_short(&task, "WNP"));
    assert_string_equal(slk_lotus_task_name(task), "post/v0/winningproof");
    assert_false(slk_lotus_task_of_name(&task, "seal/v0/precommit"));
    assert_false(slk_lotus_task_of_short(&task, "pc1"));
    for (unsigned i = 0; i < SLK_LOTUS_TASKS; i++) {
        slk_lotus_task found = SLK_LOTUS_TASKS;
        assert_true(slk_lotus_task_of_name(&found, slk_lotus_task_name((slk_lotus_task)i)));
        assert_int_equal(found, i);
        for (unsigned k = 0; k < i; k++) /* an order at all */
            assert_int_not_equal(slk_lotus_task_order((slk_lotus_task)i),
                                 slk_lotus_task_order((slk_lotus_task)k));
    }
    /* Moving and finishing go before all work; then priority; then what is nearer to its end. */
    assert_true(slk_lotus_task_compare(SLK_LOTUS_FINALIZE, 0, SLK_LOTUS_COMMIT2, 1000) < 0);
    assert_true(slk_lotus_task_compare(SLK_LOTUS_PRECOMMIT1, 2, SLK_LOTUS_COMMIT1, 1) < 0);
    assert_true(slk_lotus_task_compare(SLK_LOTUS_PRECOMMIT1, 1, SLK_LOTUS_PRECOMMIT2, 1) > 0);
    assert_true(slk_lotus_task_compare(SLK_LOTUS_FETCH, 0, SLK_LOTUS_FINALIZE, 0) > 0);
    assert_int_equal(slk_lotus_task_compare(SLK_LOTUS_FETCH, 3, SLK_LOTUS_FETCH, 3), 0);
}

static void sets_of_tasks(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_task_set set = 0;
    JSON(value, "{\"seal/v0/fetch\":{},\"seal/v9/new\":{},\"seal/v0/addpiece\":{}}");
    assert_int_equal(slk_lotus_task_set_read(&set, value, "tasks", &error), SLK_OK);
    assert_int_equal(set,
                     SLK_LOTUS_TASK_BIT(SLK_LOTUS_FETCH) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_ADD_PIECE));
    test_prints(slk_lotus_task_set_json(set), "{\"seal/v0/addpiece\":{},\"seal/v0/fetch\":{}}");
    JSON(list, "[]");
    assert_int_equal(slk_lotus_task_set_read(&set, list, "tasks", &error), SLK_E_INVAL);
}

static void the_table(void **state)
{
    (void)state;
    slk_lotus_need need = slk_lotus_need_builtin(SLK_LOTUS_PRECOMMIT1, 8);
    assert_true(need.min_memory == GIB(56) && need.max_memory == GIB(64));
    assert_true(need.base_min_memory == MIB(10) && need.max_parallelism == 1);
    for (int same = 3; same < 15; same += 5) { /* V1, V1_1 and synthetic share rows */
        need = slk_lotus_need_builtin(SLK_LOTUS_COMMIT2, same);
        assert_true(need.min_memory == GIB(30) && need.max_memory == GIB(150));
        assert_true(need.base_min_memory == GIB(32) && need.max_parallelism == -1);
        assert_true(need.max_parallelism_gpu == 6 && need.gpu_utilization > 0.99);
    }
    need = slk_lotus_need_builtin(SLK_LOTUS_PRECOMMIT2, 7);
    assert_true(need.max_memory == MIB(1536) && need.max_parallelism == -1);
    assert_true(need.gpu_utilization < 0.01);
    need = slk_lotus_need_builtin(SLK_LOTUS_UNSEAL, 5);
    assert_true(need.min_memory == 2048 && need.base_min_memory == 2048);
    need = slk_lotus_need_builtin(SLK_LOTUS_WINNING_POST, 2);
    assert_true(need.min_memory == 2048 && need.base_min_memory == GIB(10));
    need = slk_lotus_need_builtin(SLK_LOTUS_FETCH, 9);
    assert_true(need.min_memory == MIB(1) && need.base_min_memory == 0);
    need = slk_lotus_need_builtin(SLK_LOTUS_FINALIZE, 8); /* free */
    assert_true(need.min_memory == 0 && need.max_memory == 0 && need.max_parallelism == 0);
    need = slk_lotus_need_builtin(SLK_LOTUS_PRECOMMIT1, 18); /* non-interactive: no row */
    assert_true(need.min_memory == 0 && need.max_parallelism == 0);
}

struct variables {
    const char *pair[8][2]; /* name, value; ends with NULL */
};

static const char *get(void *context, const char *name)
{
    const struct variables *v = context;
    for (size_t i = 0; v->pair[i][0] != NULL; i++)
        if (strcmp(v->pair[i][0], name) == 0)
            return v->pair[i][1];
    return NULL;
}

static void the_environment_changes_the_table(void **state)
{
    (void)state;
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) slk_lotus_need_table *table = slk_calloc(1, sizeof *table);
    struct variables none = {0};
    assert_int_equal(slk_lotus_need_table_env(table, get, &none, &error), SLK_OK);
    assert_int_equal(table->need[SLK_LOTUS_PRECOMMIT1][8].max_parallelism, 1);
    struct variables some = {{{"PC1_32G_MAX_MEMORY", "77"},
                              {"PC1_MAX_MEMORY", "66"},
                              {"PC2_GPU_UTILIZATION", "0.25"},
                              {"C2_MAX_CONCURRENT", "2"},
                              {"FIL_PROOFS_USE_MULTICORE_SDR", "1"},
                              {"UNS_MAX_PARALLELISM", "9"}}};
    assert_int_equal(slk_lotus_need_table_env(table, get, &some, &error), SLK_OK);
    assert_int_equal(table->need[SLK_LOTUS_PRECOMMIT1][3].max_memory, 77); /* the sized one wins */
    assert_int_equal(table->need[SLK_LOTUS_PRECOMMIT1][8].max_memory, 77);
    assert_int_equal(table->need[SLK_LOTUS_PRECOMMIT1][5].max_memory, 66);
    assert_true(table->need[SLK_LOTUS_PRECOMMIT2][8].gpu_utilization < 0.26);
    assert_int_equal(table->need[SLK_LOTUS_COMMIT2][9].max_concurrent, 2);
    assert_int_equal(table->need[SLK_LOTUS_PRECOMMIT1][8].max_parallelism, 4);
    assert_int_equal(table->need[SLK_LOTUS_UNSEAL][8].max_parallelism, 9);
    assert_int_equal(table->need[SLK_LOTUS_PRECOMMIT1][18].max_memory, 0);
    struct variables producers = {
        {{"FIL_PROOFS_USE_MULTICORE_SDR", "1"}, {"FIL_PROOFS_MULTICORE_SDR_PRODUCERS", "1"}}};
    assert_int_equal(slk_lotus_need_table_env(table, get, &producers, &error), SLK_OK);
    assert_int_equal(table->need[SLK_LOTUS_PRECOMMIT1][8].max_parallelism, 2);
    const struct variables wrong[] = {
        {{{"PC1_MIN_MEMORY", "64GiB"}}},
        {{{"PC1_2K_MIN_MEMORY", "-1"}}},
        {{{"PC2_MAX_PARALLELISM", "-2"}}},
        {{{"C2_GPU_UTILIZATION", "nan"}}},
        {{{"C2_GPU_UTILIZATION", "1,5"}}},
        {{{"AP_BASE_MIN_MEMORY", "9223372036854775807"}}},
        {{{"FIL_PROOFS_USE_MULTICORE_SDR", "1"}, {"FIL_PROOFS_MULTICORE_SDR_PRODUCERS", "x"}}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct variables one = wrong[i];
        const char *const name = one.pair[one.pair[1][0] != NULL][0];
        assert_int_equal(slk_lotus_need_table_env(table, get, &one, &error), SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, name), error.message);
        assert_int_equal(table->need[SLK_LOTUS_PRECOMMIT1][8].max_parallelism, 2);
    }
}

struct listing {
    unsigned n;
    bool found;
};

static bool take(void *context, const char *name, const char *value, const char *standard)
{
    struct listing *list = context;
    list->n++;
    if (strcmp(name, "PC1_32G_MAX_MEMORY") == 0) {
        assert_string_equal(value, "77");
        assert_string_equal(standard, "68719476736");
        list->found = true;
    } else {
        assert_null(value);
    }
    return strcmp(name, "C2_2K_GPU_UTILIZATION") != 0 || strcmp(standard, "1") == 0;
}

static void variables_are_listed(void **state)
{
    (void)state;
    struct variables some = {{{"PC1_32G_MAX_MEMORY", "77"}}};
    struct listing list = {0};
    slk_lotus_need_variables(get, &some, take, &list);
    assert_true(list.found);
    assert_int_equal(list.n, 14 * 5 * 7); /* tasks with a row, sizes, fields */
}

static void tables_travel(void **state)
{
    (void)state;
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) slk_lotus_need_table *table = slk_calloc(1, sizeof *table);
    SLK_CLEANUP(slk_freep) slk_lotus_need_table *again = slk_calloc(1, sizeof *again);
    slk_lotus_need_table_builtin(table);
    table->need[SLK_LOTUS_PRECOMMIT1][5] = (slk_lotus_need){0}; /* told, not left out */
    table->need[SLK_LOTUS_COMMIT2][8].gpu_utilization = 0.5;
    table->need[SLK_LOTUS_FINALIZE][8].max_concurrent = 3;
    SLK_CLEANUP(slk_json_decrefp) json_t *value = slk_lotus_need_table_json(table);
    assert_non_null(value);
    assert_null(json_object_get(value, "seal/v0/finalizeunsealed"));
    assert_int_equal(slk_lotus_need_table_read(again, value, "resources", &error), SLK_OK);
    assert_memory_equal(table, again, sizeof *table);
    JSON(some, "{\"seal/v0/precommit/1\":{\"5\":{\"MinMemory\":1,\"MaxMemory\":"
               "9223372036854775807,\"GPUUtilization\":0.5,\"MaxParallelism\":-1,"
               "\"MaxParallelismGPU\":0,\"BaseMinMemory\":3,\"MaxConcurrent\":4},\"99\":7},"
               "\"seal/v0/new\":7,\"seal/v0/fetch\":null}");
    assert_int_equal(slk_lotus_need_table_read(table, some, "resources", &error), SLK_OK);
    const slk_lotus_need *need = &table->need[SLK_LOTUS_PRECOMMIT1][5];
    assert_true(need->min_memory == 1 && need->base_min_memory == 3 && need->max_concurrent == 4);
    assert_int_equal(need->max_memory, SLK_LOTUS_NEED_MAX_BYTES);
    assert_int_equal(table->need[SLK_LOTUS_PRECOMMIT1][6].min_memory, MIB(8));
    assert_int_equal(table->need[SLK_LOTUS_FETCH][6].min_memory, MIB(1));
    JSON(null, "null");
    assert_int_equal(slk_lotus_need_table_read(table, null, "resources", &error), SLK_OK);
    const char *const wrong[] = {
        "[]",
        "{\"seal/v0/fetch\":{\"5\":null}}",
        "{\"seal/v0/fetch\":[]}",
        "{\"seal/v0/fetch\":{\"5\":{\"MinMemory\":-1}}}",
        "{\"seal/v0/fetch\":{\"5\":{\"MaxParallelism\":-2}}}",
        "{\"seal/v0/fetch\":{\"5\":{\"GPUUtilization\":-0.5}}}",
        "{\"seal/v0/fetch\":{\"5\":{\"GPUUtilization\":\"1\"}}}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        JSON(bad, wrong[i]);
        assert_int_equal(slk_lotus_need_table_read(table, bad, "resources", &error), SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, "resources: "), error.message);
    }
}

static void nearly_all_threads(void **state)
{
    (void)state;
    slk_lotus_need need = {.max_parallelism = -1};
    assert_int_equal(slk_lotus_need_threads(&need, 1, 0), 1);
    assert_int_equal(slk_lotus_need_threads(&need, 2, 0), 1);
    assert_int_equal(slk_lotus_need_threads(&need, 64, 0), 58);
    need.max_parallelism_gpu = 6;
    assert_int_equal(slk_lotus_need_threads(&need, 64, 1), 58); /* does not use it */
    need.gpu_utilization = 1;
    assert_int_equal(slk_lotus_need_threads(&need, 64, 1), 6);
    assert_int_equal(slk_lotus_need_threads(&need, 64, 0), 58);
    need.max_parallelism_gpu = -1;
    assert_int_equal(slk_lotus_need_threads(&need, 64, 1), 58);
    need.max_parallelism = 0;
    assert_int_equal(slk_lotus_need_threads(&need, 64, 0), 0);
}

static slk_lotus_fit fits(const slk_lotus_machine *m, const slk_lotus_load *load,
                          const slk_lotus_need *need)
{
    return slk_lotus_fits(m, load, SLK_LOTUS_PRECOMMIT1, 8, need, false);
}

static void what_fits(void **state)
{
    (void)state;
    slk_lotus_machine m = {.mem_physical = 100, .mem_swap = 50, .cpus = 4};
    SLK_CLEANUP(slk_freep) slk_lotus_load *load = slk_calloc(1, sizeof *load);
    slk_lotus_need need = {
        .min_memory = 40, .max_memory = 60, .base_min_memory = 10, .max_parallelism = 1};
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_FITS);
    slk_lotus_load_add(load, SLK_LOTUS_PRECOMMIT1, 8, &need, &m);
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_FITS); /* 50 + 50 of 100, 70 + 70 of 150 */
    m.mem_used = 70;
    m.mem_swap_used = 10;
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_FITS); /* 80 in use: 70 are left */
    m.mem_swap_used = 11;
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_NO_SWAP);
    assert_int_equal(slk_lotus_fits(&m, load, SLK_LOTUS_PRECOMMIT1, 8, &need, true),
                     SLK_LOTUS_FITS);
    m.mem_swap_used = 10;
    need.min_memory = 41;
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_NO_MEMORY);
    need.min_memory = 40;
    need.max_parallelism = 3;
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_FITS);
    need.max_parallelism = 4;
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_NO_CPU);
    need.max_parallelism = 1;
    need.max_concurrent = 1;
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_NO_SLOT);
    assert_int_equal(slk_lotus_fits(&m, load, SLK_LOTUS_PRECOMMIT1, 8, &need, true),
                     SLK_LOTUS_NO_SLOT);
    assert_int_equal(slk_lotus_fits(&m, load, SLK_LOTUS_PRECOMMIT1, 9, &need, false),
                     SLK_LOTUS_FITS); /* another proof */
    need.max_concurrent = 0;
    need.gpu_utilization = 0.6;
    assert_int_equal(fits(&m, load, &need),
                     SLK_LOTUS_FITS); /* no processor of that kind: not asked */
    assert_int_equal(slk_lotus_strings_add(&m.gpus, "g"), SLK_OK);
    load->gpus = 0.5;
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_NO_GPU);
    load->gpus = 0.4;
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_FITS);
    assert_string_equal(slk_lotus_fit_name(SLK_LOTUS_NO_CPU), "processors");
    need.max_memory = UINT64_MAX;
    assert_int_equal(fits(&m, load, &need), SLK_LOTUS_NO_SWAP); /* no sum wraps round */
    slk_lotus_machine_done(&m);
}

static void loads_add_up(void **state)
{
    (void)state;
    slk_lotus_machine m = {.mem_physical = 100, .mem_swap = 100, .cpus = 4};
    assert_int_equal(slk_lotus_strings_add(&m.gpus, "g"), SLK_OK);
    SLK_CLEANUP(slk_freep) slk_lotus_load *load = slk_calloc(1, sizeof *load);
    const slk_lotus_need need = {.min_memory = 10,
                                 .max_memory = 70,
                                 .base_min_memory = 10,
                                 .max_parallelism = 1,
                                 .gpu_utilization = 0.1};
    for (unsigned i = 0; i < 3; i++)
        slk_lotus_load_add(load, SLK_LOTUS_COMMIT2, 5, &need, &m);
    assert_true(load->mem_min == 60 && load->mem_max == 240 && load->threads == 3);
    assert_int_equal(load->running[SLK_LOTUS_COMMIT2][5], 3);
    const double most = slk_lotus_utilization(&m, load);
    assert_true(most > 1.19 && most < 1.21); /* 240 of 200 */
    slk_lotus_machine_done(&m);
}

/* Two layers for each, and the processors that there are for all. */
static void batches_share_processors(void **state)
{
    (void)state;
    const slk_lotus_machine m = {.mem_physical = GIB(300), .cpus = 3};
    const slk_lotus_need need = slk_lotus_need_builtin(SLK_LOTUS_PRECOMMIT1, 8);
    slk_lotus_load load = {0};
    unsigned n = 0;
    for (;; n++) {
        const slk_lotus_need one = slk_lotus_need_in_batch(&need, &load, &m);
        if (slk_lotus_fits(&m, &load, SLK_LOTUS_PRECOMMIT1, 8, &one, false) != SLK_LOTUS_FITS)
            break;
        slk_lotus_load_add(&load, SLK_LOTUS_PRECOMMIT1, 8, &one, &m);
    }
    assert_int_equal(n, 4); /* of 64 GiB; by the processors there were only three */
    assert_int_equal(load.threads, 3);
    assert_int_equal(load.running[SLK_LOTUS_PRECOMMIT1][8], 4);
    assert_int_equal(load.mem_max, 4 * (GIB(64) + (10 << 20)));
}

static void this_machine(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_machine m = {0};
    assert_int_equal(slk_lotus_machine_local(&m, &error), SLK_OK);
    assert_true(m.mem_physical > MIB(64) && m.mem_used <= m.mem_physical);
    assert_true(m.mem_swap_used <= m.mem_swap && m.cpus >= 1 && m.gpus.n == 0);
    slk_lotus_machine_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_have_names_and_order),
        cmocka_unit_test(sets_of_tasks),
        cmocka_unit_test(the_table),
        cmocka_unit_test(the_environment_changes_the_table),
        cmocka_unit_test(variables_are_listed),
        cmocka_unit_test(tables_travel),
        cmocka_unit_test(nearly_all_threads),
        cmocka_unit_test(what_fits),
        cmocka_unit_test(loads_add_up),
        cmocka_unit_test(batches_share_processors),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
