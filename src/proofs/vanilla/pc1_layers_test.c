/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Layers in every way they can be made: threads, parents, memory or mapped files. */
#include "base/mem.h"
#include "proofs/vanilla/pc1_columns.h"
#include "support/slk_seal_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct way {
    unsigned threads;
    slk_pc1_parents parents;
    uint64_t memory_bytes;
};

/* Makes a recorded sector's layers in this way; the files are then kept and compared with the record. */
static void make(const slk_crypto *crypto, const char *name, const struct way *way)
{
    slk_seal_env env = {.crypto = crypto};
    slk_error error = {0};
    slk_pc1_result result = {0};
    slk_seal_case c;
    assert_int_equal(slk_pool_new(&env.pool, way->threads, NULL), SLK_OK);
    slk_seal_case_open(&c, &env, name);
    slk_pc1_request request = slk_seal_case_pc1(&c);
    request.parents = way->parents;
    request.memory_bytes = way->memory_bytes;
    if (slk_pc1(&result, &request, &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(result.layers_kept, 0);
    if (slk_pc1(&result, &request, &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(result.layers_kept, c.sector.proof.shape->layers);
    slk_seal_case_run_pc1(&c);
    slk_seal_case_close(&c);
    slk_pool_free(env.pool);
}

static void every_way_small(void **state)
{
    for (unsigned threads = 1; threads <= 5; threads += 2)
        for (slk_pc1_parents p = SLK_PC1_PARENTS_FILE; p < SLK_PC1_PARENTS_COUNT; p++)
            for (uint64_t memory = 0; memory <= 1; memory++) {
                const struct way way = {threads, p, memory};
                make(*state, "s-4k-data", &way);
            }
}

/* Several blocks of parents, several chunks of digests. */
static void some_ways_large(void **state)
{
    static const struct way ways[] = {{1, SLK_PC1_PARENTS_FLY, 0},
                                      {2, SLK_PC1_PARENTS_FLY, 1},
                                      {4, SLK_PC1_PARENTS_FLY, 0},
                                      {3, SLK_PC1_PARENTS_FILE, 1}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        make(*state, "s-8m-data", &ways[i]);
}

/* Every condition of SLK_PC1_TREE_C_AUTO counts, at its boundary. */
static void when_columns_pay(void **state)
{
    (void)state;
    const slk_pc1_room room = {
        .threads = 2, .busy = 1, .in_memory = true, .disk_free_bytes = 9, .disk_needed_bytes = 9};
    assert_true(slk_pc1_columns_pay(&room));
    slk_pc1_room other = room;
    other.busy = 2;
    assert_false(slk_pc1_columns_pay(&other));
    other = room;
    other.in_memory = false;
    assert_false(slk_pc1_columns_pay(&other));
    other = room;
    other.disk_free_bytes = 8;
    assert_false(slk_pc1_columns_pay(&other));
}

/* TreeC where a thread is idle and the layers lie in memory; precommit 2 then gives the record's files. */
static void tree_c_by_itself(void **state)
{
    static const struct {
        struct way way;
        slk_pc1_tree_c ask;
        bool made;
    } cases[] = {{{2, SLK_PC1_PARENTS_FILE, 0}, SLK_PC1_TREE_C_AUTO, true},
                 {{2, SLK_PC1_PARENTS_FILE, 0}, SLK_PC1_TREE_C_NO, false},
                 {{1, SLK_PC1_PARENTS_FILE, 0}, SLK_PC1_TREE_C_YES, false},
                 {{2, SLK_PC1_PARENTS_FLY, 0}, SLK_PC1_TREE_C_AUTO, false},
                 {{2, SLK_PC1_PARENTS_FLY, 0}, SLK_PC1_TREE_C_YES, true},
                 {{2, SLK_PC1_PARENTS_FILE, 1}, SLK_PC1_TREE_C_AUTO, false},
                 {{2, SLK_PC1_PARENTS_FILE, 1}, SLK_PC1_TREE_C_YES, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slk_seal_env env = {.crypto = *state};
        slk_error error = {0};
        slk_pc1_result result = {0};
        slk_seal_case c;
        assert_int_equal(slk_pool_new(&env.pool, cases[i].way.threads, NULL), SLK_OK);
        slk_seal_case_open(&c, &env, "s-4k-data");
        slk_pc1_request request = slk_seal_case_pc1(&c);
        request.parents = cases[i].way.parents;
        request.memory_bytes = cases[i].way.memory_bytes;
        request.tree_c = cases[i].ask;
        if (slk_pc1(&result, &request, &error) != SLK_OK)
            fail_msg("%s", error.message);
        assert_int_equal(result.tree_c, cases[i].made);
        slk_seal_case_run_pc2(&c);
        slk_seal_case_close(&c);
        slk_pool_free(env.pool);
    }
}

/* With TreeC at hand precommit 2 still finds a layer that is not what it was: before any deposit. */
static void damage_below_tree_c(void **state)
{
    slk_seal_env env = {.crypto = *state};
    slk_error error = {0};
    slk_pc1_result result = {0};
    slk_pc2_result trees;
    slk_seal_case c;
    assert_int_equal(slk_pool_new(&env.pool, 2, NULL), SLK_OK);
    slk_seal_case_open(&c, &env, "s-2k-data");
    slk_pc1_request request = slk_seal_case_pc1(&c);
    request.tree_c = SLK_PC1_TREE_C_YES;
    assert_int_equal(slk_pc1(&result, &request, &error), SLK_OK);
    assert_true(result.tree_c);
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s/sc-02-data-layer-1.dat", c.cache);
    FILE *layer = fopen(path, "wb");
    assert_non_null(layer);
    for (size_t i = 0; i < 2048; i++)
        assert_int_equal(fputc(i % 32 == 0, layer), i % 32 == 0);
    assert_int_equal(fclose(layer), 0);
    slk_pc2_request second = slk_seal_case_pc2(&c);
    assert_int_equal(slk_pc2(&trees, &second, &error), SLK_E_CORRUPT);
    slk_seal_case_close(&c);
    slk_pool_free(env.pool);
}

static void *cancel_in_layer_2(void *argument)
{
    slk_job *job = argument;
    const char *stage;
    do {
        (void)sched_yield();
        stage = atomic_load(&job->stage);
    } while (!stage || strcmp(stage, "layer 2") != 0);
    slk_job_cancel(job);
    return NULL;
}

/* Nobody waits for anybody for ever, and the first layer is kept if it was on disk. */
static void canceled(void **state)
{
    slk_job job;
    slk_seal_env env = {.crypto = *state, .job = &job};
    slk_error error = {0};
    slk_pc1_result result = {0};
    slk_seal_case c;
    assert_int_equal(slk_pool_new(&env.pool, 3, NULL), SLK_OK);
    slk_seal_case_open(&c, &env, "s-8m-data");
    slk_pc1_request request = slk_seal_case_pc1(&c);
    request.parents = SLK_PC1_PARENTS_FLY;
    slk_job_init(&job);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, cancel_in_layer_2, &job), 0);
    assert_int_equal(slk_pc1(&result, &request, &error), SLK_E_CANCELED);
    (void)pthread_join(other, NULL);
    slk_job_init(&job);
    if (slk_pc1(&result, &request, &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_true(result.layers_kept <= 1);
    slk_seal_case_run_pc1(&c);
    slk_seal_case_close(&c);
    slk_pool_free(env.pool);
}

static int setup(void **state)
{
    slk_crypto *crypto;
    if (slk_crypto_new(&crypto, getenv("SELKIE_CPU"), NULL) != SLK_OK)
        return -1;
    *state = crypto;
    return 0;
}

static int teardown(void **state)
{
    slk_crypto_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_small),     cmocka_unit_test(some_ways_large),
        cmocka_unit_test(when_columns_pay),    cmocka_unit_test(tree_c_by_itself),
        cmocka_unit_test(damage_below_tree_c), cmocka_unit_test(canceled),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
