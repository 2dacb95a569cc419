/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How kernels are chosen. That each is right is tested with its primitive. */
#include "crypto/crypto.h"

#include "base/cpu.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const char *kernel_of(const slk_crypto *crypto, const char *primitive)
{
    const char *name, *kernel;
    for (size_t i = 0; slk_crypto_choice(crypto, i, &name, &kernel); i++)
        if (strcmp(name, primitive) == 0)
            return kernel;
    return "none";
}

static void assert_choice(const char *choice, const char *primitive, const char *kernel)
{
    slk_crypto *crypto;
    assert_int_equal(slk_crypto_new(&crypto, choice, NULL), SLK_OK);
    assert_string_equal(kernel_of(crypto, primitive), kernel);
    slk_crypto_free(crypto);
}

static void a_level_is_the_same_every_time(void **state)
{
    (void)state;
    static const char *const all[] = {"sha256", "sha256_pairs", "blake2b_words", "poseidon", "ntt"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_choice("plain", all[i], "plain");
    const uint64_t has = slk_cpu_features(NULL);
    const bool sha = (has & SLK_CPU_SHA) && (has & SLK_CPU_SSSE3) && (has & SLK_CPU_SSE41);
    assert_choice("sse", "sha256", sha ? "shani" : "plain");
    assert_choice("sse", "blake2b_words", "plain");
    assert_choice("avx2", "blake2b_words", has & SLK_CPU_AVX2 ? "avx2" : "plain");
    assert_choice("native", "sha256", sha ? "shani" : "plain");
}

static void a_kernel_is_named(void **state)
{
    (void)state;
    assert_choice("poseidon=plain", "poseidon", "plain");
    assert_choice("native,poseidon=plain", "poseidon", "plain");
    assert_choice("poseidon=plain,native,sha256=plain", "sha256", "plain");
    if (slk_cpu_features(NULL) & SLK_CPU_AVX2)
        assert_choice("avx2,sha256=plain", "blake2b_words", "avx2");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *const wrong[] = {"sse9",
                                 ",",
                                 "native,",
                                 ",native",
                                 "native,sse",
                                 "poseidon",
                                 "poseidon=",
                                 "=plain",
                                 "=",
                                 "poseidon=plain,poseidon=plain",
                                 "poseidon=turbo",
                                 "posei=plain",
                                 "poseidon =plain",
                                 "PLAIN",
                                 "plain ",
                                 "poseidon=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                 longest,
                                 "plain,blake2b_words=avx2",
                                 "sse,poseidon=ifma"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        slk_crypto *crypto = NULL;
        slk_error error = {0};
        assert_int_equal(slk_crypto_new(&crypto, wrong[i], &error), SLK_E_INVAL);
        assert_null(crypto);
        assert_true(strlen(slk_error_text(&error, SLK_E_INVAL)) > 10);
    }
}

/* By speed: what is chosen can be run here, and is reported once. */
static void every_kernel_is_reported(void **state)
{
    (void)state;
    slk_crypto *crypto;
    slk_kernel_report r;
    assert_int_equal(slk_crypto_new(&crypto, "", NULL), SLK_OK);
    size_t p = 0;
    for (; slk_crypto_report(crypto, p, 0, &r); p++) {
        size_t chosen = 0, k = 0;
        for (; slk_crypto_report(crypto, p, k, &r); k++) {
            assert_true(r.eligible == (r.ns_each > 0));
            assert_true(r.eligible || !r.chosen);
            if (r.chosen)
                assert_string_equal(kernel_of(crypto, r.primitive), r.kernel);
            chosen += r.chosen;
        }
        assert_int_equal(chosen, 1);
        assert_string_equal(r.kernel, "plain"); /* the last one runs everywhere */
        assert_true(r.eligible);
    }
    assert_true(p >= 4);
    slk_crypto_free(crypto);
    /* A level hides kernels from the report too. */
    assert_int_equal(slk_crypto_new(&crypto, "plain", NULL), SLK_OK);
    assert_true(slk_crypto_report(crypto, 0, 0, &r));
    assert_false(r.eligible);
    slk_crypto_free(crypto);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_is_the_same_every_time),
        cmocka_unit_test(a_kernel_is_named),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(every_kernel_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
