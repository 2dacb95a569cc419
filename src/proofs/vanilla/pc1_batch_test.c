/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A batch gives every sector the very files that precommit 1 alone gives it. */
#include "proofs/vanilla/pc1_batch.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "proofs/vanilla/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTORS_MAX 40u

/* n sectors of one size: single/<i> made alone, batch/<i> made together. */
struct world {
    char folder[64];
    slk_seal_env env;
    size_t n;
    slk_pc1_request alone[SECTORS_MAX], batch[SECTORS_MAX];
    char paths[SECTORS_MAX][5][96];
    slk_job job[SECTORS_MAX];
    slk_pc1_outcome outcomes[SECTORS_MAX];
};

static void fill_data(const char *path, uint64_t bytes, size_t i)
{
    SLK_CLEANUP(slk_freep) uint8_t *data = slk_alloc((size_t)bytes, 1);
    assert_non_null(data);
    uint64_t x = i + 1;
    for (size_t k = 0; k < bytes; k++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        data[k] = k % 32 == 31 ? (uint8_t)(x >> 60) : (uint8_t)(x >> 56);
    }
    assert_int_equal(slk_file_write_atomic(path, data, (size_t)bytes, 0644, NULL), SLK_OK);
}

static void set_paths(struct world *w, size_t i, bool data)
{
    static const char *const names[] = {"a-cache", "a-sealed", "b-cache", "b-sealed", "data"};
    for (size_t k = 0; k < 5; k++)
        (void)snprintf(w->paths[i][k], sizeof w->paths[i][k], "%s/%s-%zu", w->folder, names[k], i);
    w->alone[i].cache = w->paths[i][0];
    w->alone[i].sealed = w->paths[i][1];
    if (data) {
        fill_data(w->paths[i][4], w->alone[i].sector.proof.shape->bytes, i);
        w->alone[i].unsealed = w->paths[i][4];
    }
    w->batch[i] = w->alone[i];
    w->batch[i].cache = w->paths[i][2];
    w->batch[i].sealed = w->paths[i][3];
}

static void add_sector(struct world *w, uint64_t bytes, uint8_t porep)
{
    const size_t i = w->n++;
    uint8_t porep_id[32] = {porep};
    slk_pc1_request *r = &w->alone[i];
    *r = (slk_pc1_request){.env = w->env};
    r->sector.miner_id = 1000 + i % 3;
    r->sector.number = i;
    memset(r->sector.ticket, (int)i + 1, 31);
    slk_seal_proof_custom(&r->sector.proof, slk_sector_shape_of(bytes), porep_id, SLK_API_1_1,
                          SLK_FEATURE_NONE);
    set_paths(w, i, i % 4 != 1);
    slk_job_init(&w->job[i]);
    w->batch[i].env = (slk_seal_env){.job = &w->job[i]};
}

static void open_world(struct world *w, void **state)
{
    *w = (struct world){.env = *(const slk_seal_env *)*state};
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/selkie-batch-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
}

static void close_world(struct world *w)
{
    assert_int_equal(slk_remove_tree(w->folder, NULL), SLK_OK);
}

static void same_files(const char *a, const char *b)
{
    SLK_CLEANUP(slk_file_map_done) slk_file_map x = {0};
    SLK_CLEANUP(slk_file_map_done) slk_file_map y = {0};
    assert_int_equal(slk_file_map_read(&x, a, NULL), SLK_OK);
    assert_int_equal(slk_file_map_read(&y, b, NULL), SLK_OK);
    assert_int_equal(x.bytes, y.bytes);
    assert_memory_equal(x.data, y.data, x.bytes);
}

static void same_file(const char *folder_a, const char *folder_b, const char *name)
{
    SLK_CLEANUP(slk_freep) char *a = slk_path_join(folder_a, name);
    SLK_CLEANUP(slk_freep) char *b = slk_path_join(folder_b, name);
    same_files(a, b);
}

static void same_sector(const struct world *w, size_t i)
{
    slk_pc1_result alone;
    assert_int_equal(slk_pc1(&alone, &w->alone[i], NULL), SLK_OK);
    assert_int_equal(w->outcomes[i].code, SLK_OK);
    assert_memory_equal(alone.comm_d, w->outcomes[i].result.comm_d, 32);
    assert_memory_equal(alone.replica_id, w->outcomes[i].result.replica_id, 32);
    const char *a = w->alone[i].cache, *b = w->batch[i].cache;
    for (unsigned layer = 1; layer <= w->alone[i].sector.proof.shape->layers; layer++) {
        SLK_CLEANUP(slk_freep) char *x = slk_layer_path(a, layer);
        SLK_CLEANUP(slk_freep) char *y = slk_layer_path(b, layer);
        same_files(x, y);
    }
    same_file(a, b, SLK_PC1_STATE_FILE);
    same_file(a, b, "sc-02-data-tree-d.dat");
    same_files(w->alone[i].sealed, w->batch[i].sealed);
}

static slk_pc1_batch_options options_of(const struct world *w)
{
    return (slk_pc1_batch_options){.env = w->env, .memory_bytes = UINT64_C(1) << 31};
}

static size_t run(struct world *w, const slk_pc1_batch_options *options)
{
    return slk_pc1_batch(w->outcomes, NULL, w->batch, w->n, options);
}

static void test_all_counts(void **state)
{
    for (size_t n = 1; n <= 17; n++) {
        struct world w;
        open_world(&w, state);
        for (size_t i = 0; i < n; i++)
            add_sector(&w, n % 2 ? 2048 : 16384, 7);
        const slk_pc1_batch_options options = options_of(&w);
        assert_int_equal(run(&w, &options), 0);
        for (size_t i = 0; i < n; i++)
            same_sector(&w, i);
        close_world(&w);
    }
}

static int setup(void **state)
{
    static slk_seal_env env;
    slk_crypto *crypto;
    if (slk_crypto_new(&crypto, getenv("SELKIE_CPU"), NULL) != SLK_OK ||
        slk_pool_new(&env.pool, 2, NULL) != SLK_OK)
        return -1;
    env.crypto = crypto;
    *state = &env;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_counts),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
