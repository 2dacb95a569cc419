/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TreeC beside the last of eleven layers: the sizes that have so many are too large for a test, so a small
 * one is given them. */
#include "proofs/vanilla/pc1_columns.h"

#include "base/file.h"
#include "base/mem.h"
#include "proofs/vanilla/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES 16384u

struct world {
    char folder[64], cache[80], other[80], sealed[80];
    slk_sector_shape shape;
    slk_crypto *crypto;
    slk_pool *pool;
    slk_pc1_request request;
};

static int setup(void **state)
{
    static struct world w;
    const uint8_t porep_id[32] = {9};
    w.shape = *slk_sector_shape_of(BYTES);
    w.shape.layers = SLK_MAX_LAYERS;
    (void)snprintf(w.folder, sizeof w.folder, "/tmp/selkie-columns-XXXXXX");
    if (!mkdtemp(w.folder))
        return -1;
    (void)snprintf(w.cache, sizeof w.cache, "%s/cache", w.folder);
    (void)snprintf(w.other, sizeof w.other, "%s/other", w.folder);
    (void)snprintf(w.sealed, sizeof w.sealed, "%s/sealed", w.folder);
    w.request =
        (slk_pc1_request){.sealed = w.sealed, .cache = w.cache, .tree_c = SLK_PC1_TREE_C_YES};
    w.request.sector.miner_id = 1000;
    slk_seal_proof_custom(&w.request.sector.proof, &w.shape, porep_id, SLK_API_1_1,
                          SLK_FEATURE_NONE);
    *state = &w;
    if (slk_crypto_new(&w.crypto, getenv("SELKIE_CPU"), NULL) != SLK_OK ||
        slk_pool_new(&w.pool, 5, NULL) != SLK_OK)
        return -1;
    w.request.env.crypto = w.crypto;
    w.request.env.pool = w.pool;
    slk_pc1_result result;
    return slk_folder_make(w.other, 0755, NULL) == SLK_OK &&
                   slk_pc1(&result, &w.request, NULL) == SLK_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    struct world *w = *state;
    slk_pool_free(w->pool);
    slk_crypto_free(w->crypto);
    return slk_remove_tree(w->folder, NULL) == SLK_OK ? 0 : -1;
}

static void load_state(slk_pc1_state *ret_state, const struct world *w)
{
    bool found = false;
    assert_int_equal(slk_pc1_state_load(ret_state, &found, w->request.env.crypto, w->cache, NULL),
                     SLK_OK);
    assert_true(found);
    assert_int_equal(ret_state->layers_done, (1u << SLK_MAX_LAYERS) - 1);
}

/* The same tree as that of the pass of precommit 2. */
static void test_same_as_pass(void **state)
{
    const struct world *w = *state;
    const slk_crypto *crypto = w->request.env.crypto;
    slk_pc1_state pc1;
    slk_base_trees trees;
    slk_pass pass;
    uint8_t root[32];
    load_state(&pc1, w);
    slk_base_trees_none(&trees);
    assert_int_equal(slk_base_trees_open(&trees, crypto, &w->shape, w->other, "tree-c", NULL),
                     SLK_OK);
    assert_int_equal(slk_pass_open(&pass, crypto, &w->shape, w->cache, true, NULL), SLK_OK);
    pass.tree_c = &trees;
    assert_int_equal(slk_pass_run(&pass, NULL, NULL, NULL), SLK_OK);
    assert_int_equal(slk_base_trees_finish(root, &trees, NULL), SLK_OK);
    assert_memory_equal(pc1.comm_c, root, 32);
    slk_pass_done(&pass);
    slk_base_trees_done(&trees);
}

static slk_err again(const struct world *w, slk_pc1_state *pc1)
{
    slk_pc1_columns columns;
    slk_gate labeled;
    slk_file_map below = {0}, last = {0};
    SLK_CLEANUP(slk_freep) char *path_below = slk_layer_path(w->cache, SLK_MAX_LAYERS - 1);
    SLK_CLEANUP(slk_freep) char *path_last = slk_layer_path(w->cache, SLK_MAX_LAYERS);
    assert_int_equal(slk_file_map_read(&below, path_below, NULL), SLK_OK);
    assert_int_equal(slk_file_map_read(&last, path_last, NULL), SLK_OK);
    slk_pc1_columns_none(&columns);
    slk_gate_init(&labeled);
    (void)slk_gate_raise(&labeled, 7 + BYTES / 32);
    assert_int_equal(slk_pc1_columns_open(&columns, &w->request, 1, NULL), SLK_OK);
    assert_int_equal(slk_pc1_columns_begin(&columns, below.data, last.data, &labeled, 7, NULL),
                     SLK_OK);
    assert_int_equal(slk_pc1_columns_work(&columns, 0, NULL), SLK_OK);
    const slk_err code = slk_pc1_columns_commit(&columns, pc1, NULL);
    slk_pc1_columns_done(&columns);
    slk_gate_done(&labeled);
    slk_file_map_done(&below);
    slk_file_map_done(&last);
    return code;
}

/* A layer that the disk gives back otherwise than it was written makes no TreeC. */
static void test_damaged_layer(void **state)
{
    const struct world *w = *state;
    slk_pc1_state pc1;
    load_state(&pc1, w);
    assert_int_equal(again(w, &pc1), SLK_OK);
    for (unsigned layer = 1; layer <= SLK_MAX_LAYERS - 2; layer += 4) {
        SLK_CLEANUP(slk_freep) char *path = slk_layer_path(w->cache, layer);
        SLK_CLEANUP(slk_closep) int fd = -1;
        uint8_t byte;
        assert_int_equal(slk_file_open_rw(&fd, path, NULL), SLK_OK);
        assert_int_equal(slk_file_read_at(fd, &byte, 1, BYTES - 32, path, NULL), SLK_OK);
        byte ^= 1;
        assert_int_equal(slk_file_write_at(fd, &byte, 1, BYTES - 32, path, NULL), SLK_OK);
        memset(pc1.comm_c, 0, 32);
        assert_int_equal(again(w, &pc1), SLK_E_CORRUPT);
        assert_memory_equal(pc1.comm_c, (const uint8_t[32]){0}, 32);
        byte ^= 1;
        assert_int_equal(slk_file_write_at(fd, &byte, 1, BYTES - 32, path, NULL), SLK_OK);
    }
    assert_int_equal(again(w, &pc1), SLK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_pass),
        cmocka_unit_test(test_damaged_layer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
