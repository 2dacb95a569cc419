/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Layers in every way they can be made: threads, parents, memory or mapped files. */
#include "support/slk_seal_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
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
        cmocka_unit_test(every_way_small),
        cmocka_unit_test(some_ways_large),
        cmocka_unit_test(canceled),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
