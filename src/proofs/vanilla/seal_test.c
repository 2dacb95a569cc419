/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Recorded sectors made again: every file, commitment and C1 byte. */
#include "support/slk_seal_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
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
        cmocka_unit_test(test_2k),
        cmocka_unit_test(test_tree_shapes),
        cmocka_unit_test(test_8m),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
