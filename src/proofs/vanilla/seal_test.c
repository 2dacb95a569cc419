/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Recorded sectors made again: every file, commitment and C1 byte. */
#include "base/file.h"
#include "base/mem.h"
#include "support/slk_seal_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static void test_2k(void **state)
{
    static const char *const names[] = {"s-2k-data", "s-2k-v1",  "s-2k-synth", "s-2k-ni",
                                        "x-2k-cc",   "x-2k-max", "x-2k-zero"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        slk_seal_case_run_all(*state, names[i]);
}

static void test_tree_shapes(void **state)
{
    static const char *const names[] = {"s-4k-data",   "x-4k-v1",    "s-16k-data",
                                        "x-16k-synth", "s-32k-data", "x-32k-ni"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        slk_seal_case_run_all(*state, names[i]);
}

static void test_8m(void **state)
{
    slk_seal_case_run_all(*state, "s-8m-data");
}

/* What a killed writer left does not outlive the sector's large files. */
static void test_finalize_leftovers(void **state)
{
    static const char *const names[] = {".selkie-columns.tmp", "sc-02-data-tree-d.dat.tmp"};
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-2k-data");
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    for (size_t k = 0; k < 2; k++) {
        SLK_CLEANUP(slk_freep) char *stale = slk_path_join(c.cache, names[k]);
        assert_int_equal(slk_file_write_atomic(stale, "x", 1, 0644, NULL), SLK_OK);
    }
    assert_int_equal(slk_finalize_cache(c.sector.proof.shape, c.cache, NULL), SLK_OK);
    for (size_t k = 0; k < 2; k++) {
        SLK_CLEANUP(slk_freep) char *stale = slk_path_join(c.cache, names[k]);
        assert_false(slk_file_exists(stale));
    }
    slk_seal_case_close(&c);
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

/* With arguments: only those cases, for sectors freshly made by the oracle ($SLK_VECTORS/<name>). */
static int run_named(int n, char **names)
{
    void *env = NULL;
    if (setup(&env) != 0)
        return 1;
    for (int i = 0; i < n; i++) {
        slk_seal_case_run_all(env, names[i]);
        (void)printf("%s: all files, commitments and C1 bytes are equal\n", names[i]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return run_named(argc - 1, argv + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_2k),
        cmocka_unit_test(test_tree_shapes),
        cmocka_unit_test(test_8m),
        cmocka_unit_test(test_finalize_leftovers),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
