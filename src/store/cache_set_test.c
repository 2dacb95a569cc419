/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/cache_set.h"

#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const slk_flat_member *member(const slk_cache_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->member[i].name, name) == 0)
            return &set->member[i];
    return NULL;
}

/* source: reference/lotus-worker 4.4 (nodes of PC1's output), 6.3 (limits) */
static void sizes_follow_the_shape(void **state)
{
    (void)state;
    static const struct {
        uint64_t sector, layer, tree_d;
        unsigned layers;
        const char *tree_c; /* the last */
        uint64_t tree_c_bytes;
    } known[] = {
        {2048, 64 * 32, 127 * 32, 2, "sc-02-data-tree-c.dat", 73 * 32},
        {(uint64_t)8 << 20, 262144 * 32, 524287 * 32, 2, "sc-02-data-tree-c.dat", 299593 * 32},
        {(uint64_t)512 << 20, UINT64_C(16777216) * 32, UINT64_C(33554431) * 32, 2,
         "sc-02-data-tree-c.dat", UINT64_C(19173961) * 32},
        {(uint64_t)32 << 30, UINT64_C(1073741824) * 32, UINT64_C(2147483647) * 32, 11,
         "sc-02-data-tree-c-7.dat", UINT64_C(153391689) * 32},
        {(uint64_t)64 << 30, UINT64_C(2147483648) * 32, UINT64_C(4294967295) * 32, 11,
         "sc-02-data-tree-c-15.dat", UINT64_C(153391689) * 32},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        slk_cache_set set;
        char last[SLK_FLAT_NAME_CHARS];
        slk_cache_set_init(&set, slk_sector_shape_of(known[i].sector), false);
        (void)snprintf(last, sizeof last, "sc-02-data-layer-%u.dat", known[i].layers);
        assert_non_null(member(&set, last));
        assert_true(member(&set, last)->min_bytes == known[i].layer);
        assert_true(member(&set, last)->max_bytes == known[i].layer);
        (void)snprintf(last, sizeof last, "sc-02-data-layer-%u.dat", known[i].layers + 1);
        assert_null(member(&set, last));
        assert_true(member(&set, "sc-02-data-tree-d.dat")->max_bytes == known[i].tree_d);
        assert_non_null(member(&set, known[i].tree_c));
        assert_true(member(&set, known[i].tree_c)->min_bytes == known[i].tree_c_bytes);
        assert_true(member(&set, known[i].tree_c)->max_bytes <= UINT64_C(5) << 30);
        assert_int_equal(member(&set, "p_aux")->max_bytes, 64);
        assert_int_equal(member(&set, "t_aux")->max_bytes, 10240);
        for (size_t k = 1; k < set.n; k++)
            assert_true(strcmp(set.member[k - 1].name, set.member[k].name) < 0);
    }
}

/* The names of a 32 KiB sector, 16 trees: those of a text are there, words of it divided by blanks. */
static bool complete(const char *names, slk_cache_stage stage)
{
    slk_cache_set set;
    bool has[SLK_FLAT_TAR_MEMBERS_MAX] = {false};
    const char *missing = NULL;
    slk_cache_set_init(&set, slk_sector_shape_of(4096), false);
    for (size_t i = 0; i < set.n; i++) {
        SLK_CLEANUP(slk_freep) char *word = slk_strf(" %s ", set.member[i].name);
        has[i] = strstr(names, word) != NULL;
    }
    const bool fine = slk_cache_set_complete(&set, has, stage, &missing);
    assert_true(fine == (missing == NULL));
    return fine;
}

#define LAYERS " sc-02-data-layer-1.dat sc-02-data-layer-2.dat "
#define TREE_D " sc-02-data-tree-d.dat "
#define TREE_C " sc-02-data-tree-c-0.dat sc-02-data-tree-c-1.dat "
#define KEPT " p_aux t_aux sc-02-data-tree-r-last-0.dat sc-02-data-tree-r-last-1.dat "
#define SYNTHETIC " syn-porep-vanilla-proofs.dat "

static void stages_demand_their_files(void **state)
{
    (void)state;
    static const struct {
        const char *names;
        bool any, layers, trees, finished;
    } known[] = {
        {"", false, false, false, false},
        {LAYERS TREE_D, true, true, false, false},
        {LAYERS, false, false, false, false},
        {LAYERS TREE_D TREE_C, true, true, false, false},
        {LAYERS TREE_D TREE_C KEPT, true, true, true, true},
        {LAYERS TREE_D KEPT, false, true, false, true},
        {TREE_D TREE_C KEPT, false, false, false, true},
        {LAYERS TREE_C KEPT, false, false, false, true},
        {" sc-02-data-layer-1.dat " TREE_D TREE_C KEPT, false, false, false, true},
        {LAYERS TREE_D " sc-02-data-tree-c-0.dat " KEPT, false, true, false, true},
        {KEPT, true, false, false, true},
        {KEPT SYNTHETIC, true, false, true, true},
        {SYNTHETIC, false, false, false, false},
        /* Sorted, and cut at a member: */
        {" p_aux ", false, false, false, false},
        {" p_aux " LAYERS, false, false, false, false},
        {" p_aux " LAYERS TREE_C TREE_D, false, true, false, false},
        {" p_aux " LAYERS TREE_C TREE_D " sc-02-data-tree-r-last-0.dat ", false, true, false,
         false},
        {" p_aux sc-02-data-tree-r-last-0.dat sc-02-data-tree-r-last-1.dat ", false, false, false,
         false},
        {" p_aux t_aux sc-02-data-tree-r-last-1.dat ", false, false, false, false},
    };
    assert_true(complete(LAYERS, SLK_CACHE_ANY_OF_OURS)); /* tree-d of zeros is left out */
    assert_false(complete(" sc-02-data-layer-1.dat ", SLK_CACHE_ANY_OF_OURS));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (complete(known[i].names, SLK_CACHE_ANY) != known[i].any ||
            complete(known[i].names, SLK_CACHE_LAYERS) != known[i].layers ||
            complete(known[i].names, SLK_CACHE_TREES) != known[i].trees ||
            complete(known[i].names, SLK_CACHE_FINISHED) != known[i].finished)
            fail_msg("set %zu", i);
    }
}

static void put(const char *folder, const char *name, const char *text)
{
    SLK_CLEANUP(slk_freep) char *file = slk_path_join(folder, name);
    assert_int_equal(slk_file_write_atomic(file, text, strlen(text), 0644, NULL), SLK_OK);
}

static void a_folder_shows_what_travels(void **state)
{
    (void)state;
    char folder[] = "/tmp/slk_cache_set_test.XXXXXX";
    static const char *const stays[] = {".selkie-pc1",
                                        ".selkie-columns",
                                        "sealed-manifest",
                                        "c1.url",
                                        "p_aux.tmp",
                                        "sc-02-data-layer-1.dat.tmp",
                                        "sc-02-data-layer-0.dat",
                                        "sc-02-data-layer-12.dat",
                                        "sc-02-data-layer-01.dat",
                                        "sc-02-data-tree-c-16.dat"};
    slk_cache_set set;
    slk_error e = {0};
    assert_non_null(mkdtemp(folder));
    assert_int_equal(slk_cache_set_scan(&set, folder, false, &e), SLK_E_NOTFOUND);
    for (size_t i = 0; i < sizeof stays / sizeof *stays; i++)
        put(folder, stays[i], "x");
    SLK_CLEANUP(slk_freep) char *link = slk_path_join(folder, "sc-02-data-tree-d.dat");
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(slk_cache_set_scan(&set, folder, false, &e), SLK_E_NOTFOUND);
    put(folder, "t_aux", "abc");
    put(folder, "p_aux", "abcd");
    put(folder, "sc-02-data-layer-11.dat", "a");
    put(folder, "sc-02-data-tree-c.dat", "a");
    put(folder, "sc-02-data-tree-r-last-15.dat", "a");
    put(folder, "syn-porep-vanilla-proofs.dat", "a");
    put(folder, "sc-02-data-layer-3.dat", ""); /* not begun: as good as none */
    assert_int_equal(slk_cache_set_scan(&set, folder, false, &e), SLK_OK);
    assert_int_equal(set.n, 6);
    assert_string_equal(set.member[0].name, "p_aux");
    assert_int_equal(set.member[0].min_bytes, 4);
    assert_string_equal(set.member[5].name, "t_aux");
    assert_int_equal(slk_cache_set_scan(&set, folder, true, &e), SLK_OK);
    assert_int_equal(set.n, 3);
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_follow_the_shape),
        cmocka_unit_test(stages_demand_their_files),
        cmocka_unit_test(a_folder_shows_what_travels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
