/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The larger recorded sectors. Needs 5 GB of disk in $SELKIE_TEST_TMP (or /tmp). */
#include "support/slk_seal_case.h"

#include "base/clock.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static void step(const slk_seal_case *c, const char *name, void (*run)(const slk_seal_case *))
{
    int64_t start = slk_clock_monotonic_ms();
    run(c);
    slk_mem_usage usage = slk_mem_usage_now();
    (void)printf("%s %s %lld ms, anonymous %llu MiB\n", c->name, name,
                 (long long)(slk_clock_monotonic_ms() - start),
                 (unsigned long long)(usage.rss_anon_bytes >> 20));
    (void)fflush(stdout);
}

static void run(const slk_seal_env *env, const char *name)
{
    slk_seal_case c;
    slk_seal_case_open(&c, env, name);
    step(&c, "pc1", slk_seal_case_run_pc1);
    step(&c, "pc2", slk_seal_case_run_pc2);
    step(&c, "c1", slk_seal_case_run_commit1);
    step(&c, "finalize", slk_seal_case_run_finalize);
    step(&c, "back", slk_seal_case_run_back);
    slk_seal_case_close(&c);
}

static void test_8m(void **state)
{
    run(*state, "x-8m-v1");
    run(*state, "x-8m-cc");
}

static void test_16m(void **state)
{
    run(*state, "x-16m");
}

static void test_512m(void **state)
{
    run(*state, "s-512m-data");
}

static int setup(void **state)
{
    static slk_seal_env env;
    slk_crypto *crypto;
    if (slk_crypto_new(&crypto, getenv("SELKIE_CPU"), NULL) != SLK_OK ||
        slk_pool_new(&env.pool, 0, NULL) != SLK_OK)
        return -1;
    env.crypto = crypto;
    *state = &env;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_8m),
        cmocka_unit_test(test_16m),
        cmocka_unit_test(test_512m),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
