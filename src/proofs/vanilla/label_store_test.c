/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Layers on files give what layers in memory give: made with a cheap function in place of the hash. */
#include "proofs/vanilla/label_store.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define LAYERS 3u

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Base parents before the node, some near and some anywhere; expanders anywhere. */
static slk_parents made_parents(uint64_t nodes, uint64_t seed)
{
    uint32_t *rows = slk_calloc((size_t)nodes, SLK_PARENTS * sizeof *rows);
    assert_non_null(rows);
    for (uint64_t node = 1; node < nodes; node++) {
        uint32_t *row = rows + node * SLK_PARENTS;
        for (unsigned k = 0; k < SLK_PARENTS; k++) {
            const uint64_t near = node < 9 ? node : 9;
            const uint64_t reach = k >= SLK_BASE_PARENTS ? nodes : node;
            row[k] = (uint32_t)(k < 2 ? node - 1 - next(&seed) % near : next(&seed) % reach);
        }
    }
    return (slk_parents){.rows = rows};
}

static void combine(uint8_t *out, size_t bytes, unsigned layer, uint64_t node,
                    const void *const *parents, unsigned n)
{
    uint8_t fresh[1024];
    for (size_t i = 0; i < bytes; i++) {
        unsigned sum = layer * 17 + (unsigned)node * 29 + (unsigned)(node >> 8) + (unsigned)i;
        for (unsigned k = 0; k < n; k++)
            sum = sum * 5 + ((const uint8_t *)parents[k])[i];
        fresh[i] = (uint8_t)sum;
    }
    memcpy(out, fresh, bytes);
}

static slk_err make_layer(slk_label_store *store, const slk_parents *parents, unsigned layer,
                          uint64_t nodes, size_t bytes, uint8_t *copy, slk_error *error)
{
    const unsigned n = layer == 0 ? 0 : layer == 1 ? SLK_BASE_PARENTS : SLK_PARENTS;
    slk_label_store_begin(store, parents, n);
    for (uint64_t node = 0; node < nodes; node++) {
        const void *from[SLK_PARENTS];
        void *slot;
        SLK_TRY(slk_label_store_parents(store, from, node, error));
        SLK_TRY(slk_label_store_slot(store, &slot, node, error));
        combine(slot, bytes, layer, node, from, node == 0 ? 0 : n);
        slk_label_store_put(store, node);
        const uint64_t in_step = node % SLK_LABEL_STORE_STEP + 1;
        if (in_step == SLK_LABEL_STORE_STEP || node + 1 == nodes) {
            const uint64_t first = node + 1 - in_step;
            memcpy(copy + first * bytes, slk_label_store_latest(store, first),
                   (size_t)in_step * bytes);
        }
    }
    return slk_label_store_end(store, error);
}

struct form {
    uint64_t nodes;
    size_t record_bytes;
    uint64_t memory;
    size_t folders;
    slk_aio_way way;
};

static slk_label_store *open_store(const struct form *form, slk_label_store_plan *ret_plan,
                                   const char *folder)
{
    const char *folders[] = {folder, folder, folder};
    slk_label_store *store = NULL;
    assert_int_equal(
        slk_label_store_make_plan(ret_plan, form->nodes, form->record_bytes, form->memory, NULL),
        SLK_OK);
    assert_true(ret_plan->memory_bytes <= form->memory);
    assert_int_equal(slk_label_store_new(&store, ret_plan, form->nodes, form->record_bytes, folders,
                                         form->folders, form->way, NULL),
                     SLK_OK);
    return store;
}

static void compare(const struct form *form)
{
    slk_parents parents = made_parents(form->nodes, form->nodes + form->record_bytes);
    const size_t bytes = (size_t)form->nodes * form->record_bytes;
    struct form all = *form;
    all.memory = UINT64_MAX;
    slk_label_store_plan plan;
    slk_label_store *plain = open_store(&all, &plan, "/tmp");
    assert_true(plan.in_memory);
    slk_label_store *files = open_store(form, &plan, "/tmp");
    assert_false(plan.in_memory);
    SLK_CLEANUP(slk_freep) uint8_t *want = slk_alloc(bytes, 1);
    SLK_CLEANUP(slk_freep) uint8_t *got = slk_alloc(bytes, 1);
    for (unsigned layer = 0; layer < LAYERS; layer++) {
        assert_int_equal(
            make_layer(plain, &parents, layer, form->nodes, form->record_bytes, want, NULL),
            SLK_OK);
        assert_int_equal(
            make_layer(files, &parents, layer, form->nodes, form->record_bytes, got, NULL), SLK_OK);
        assert_memory_equal(got, want, bytes);
    }
    slk_label_store_free(plain);
    slk_label_store_free(files);
    slk_free((void *)(uintptr_t)parents.rows);
}

#define LEAST UINT64_C(491520)

static void test_files_are_as_memory(void **state)
{
    (void)state;
    static const struct form forms[] = {
        {3000, 512, LEAST, 1, SLK_AIO_ANY},      {3000, 512, LEAST, 3, SLK_AIO_THREADS},
        {3000, 256, LEAST, 2, SLK_AIO_ANY},      {23000, 32, LEAST, 1, SLK_AIO_ANY},
        {1500, 1024, LEAST + 7, 3, SLK_AIO_ANY}, {4096, 512, 2 << 20, 2, SLK_AIO_ANY},
        {4097, 512, 3 << 20, 2, SLK_AIO_ANY},    {4095, 512, 1 << 20, 3, SLK_AIO_THREADS},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        compare(&forms[i]);
}

static void test_plans(void **state)
{
    (void)state;
    slk_label_store_plan plan;
    slk_error error;
    const uint64_t nodes = UINT64_C(1) << 30;
    assert_int_equal(slk_label_store_make_plan(&plan, nodes, 512, LEAST - 1, &error), SLK_E_LIMIT);
    for (uint64_t memory = 2 << 20; memory <= UINT64_C(1) << 40; memory = memory * 3 / 2) {
        assert_int_equal(slk_label_store_make_plan(&plan, nodes, 512, memory, &error), SLK_OK);
        assert_true(plan.memory_bytes <= memory);
        assert_true(plan.in_memory == (memory >= nodes * 1024));
        assert_int_equal(plan.disk_bytes, plan.in_memory ? 0 : nodes * 1024);
    }
    assert_int_equal(slk_label_store_make_plan(&plan, 64, 512, 1 << 16, &error), SLK_OK);
    assert_true(plan.in_memory);
}

/* A disk that fills up: the reservation is refused, and where it is not, the write. */
static void test_full_disk(void **state)
{
    (void)state;
    const struct form form = {3000, 512, LEAST, 1, SLK_AIO_ANY};
    const char *folder = "/tmp";
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
    slk_label_store_plan plan;
    slk_label_store *store = open_store(&form, &plan, folder);
    slk_parents parents = made_parents(form.nodes, 1);
    SLK_CLEANUP(slk_freep) uint8_t *copy = slk_alloc((size_t)form.nodes * form.record_bytes, 1);
    slk_error error = {0};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const slk_err made =
        make_layer(store, &parents, 1, form.nodes, form.record_bytes, copy, &error);
    slk_label_store *second = NULL;
    const slk_err opened = slk_label_store_new(&second, &plan, form.nodes, form.record_bytes,
                                               &folder, 1, SLK_AIO_ANY, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(made, SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "/tmp"));
    assert_int_equal(opened, SLK_E_LIMIT);
    slk_label_store_free(store);
    slk_free((void *)(uintptr_t)parents.rows);
}

/* Given up in the middle, with reads and writes under way. */
static void test_abandoned(void **state)
{
    (void)state;
    const struct form form = {3000, 512, LEAST, 2, SLK_AIO_ANY};
    slk_label_store_plan plan;
    slk_label_store *store = open_store(&form, &plan, "/tmp");
    slk_parents parents = made_parents(form.nodes, 2);
    slk_label_store_begin(store, &parents, SLK_BASE_PARENTS);
    for (uint64_t node = 0; node < 2500; node++) {
        const void *from[SLK_PARENTS];
        void *slot;
        assert_int_equal(slk_label_store_parents(store, from, node, NULL), SLK_OK);
        assert_int_equal(slk_label_store_slot(store, &slot, node, NULL), SLK_OK);
        slk_label_store_put(store, node);
    }
    slk_label_store_free(store);
    slk_label_store_free(NULL);
    slk_free((void *)(uintptr_t)parents.rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_as_memory),
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_abandoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
