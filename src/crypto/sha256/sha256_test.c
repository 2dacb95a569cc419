/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/sha256/sha256.h"

#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const char *const levels[] = {"plain", "sse", "avx2", "native"};
#define LEVELS (sizeof levels / sizeof *levels)

static slk_crypto *make(const char *level)
{
    slk_crypto *crypto = NULL;
    slk_error error;
    if (slk_crypto_new(&crypto, level, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return crypto;
}

/* A stand-in for random bytes that never repeats within a test. */
static void fill(uint8_t *out, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(seed >> 56);
    }
}

static void check(const slk_crypto *crypto, const char *text, const char *want_hex)
{
    uint8_t want[32], got[32];
    slk_test_hex(want, 32, want_hex);
    slk_sha256_of(crypto, got, text, strlen(text));
    assert_memory_equal(got, want, 32);
}

static void published_vectors(void **state)
{
    (void)state;
    for (size_t k = 0; k < LEVELS; k++) {
        slk_crypto *crypto = make(levels[k]);
        /* source: FIPS 180-2 appendix B, NIST CAVP */
        check(crypto, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        check(crypto, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check(crypto, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        uint8_t want[32], got[32];
        char thousand[1000];
        memset(thousand, 'a', sizeof thousand);
        slk_sha256 hash;
        slk_sha256_init(&hash, crypto);
        for (int i = 0; i < 1000; i++)
            slk_sha256_update(&hash, thousand, sizeof thousand);
        slk_sha256_final(&hash, got);
        slk_test_hex(want, 32, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
        assert_memory_equal(got, want, 32);
        slk_crypto_free(crypto);
    }
}

static void every_length_to_300(void **state)
{
    (void)state;
    for (size_t k = 0; k < LEVELS; k++) {
        slk_crypto *crypto = make(levels[k]);
        uint8_t in[300], digest[32], want[32];
        for (size_t i = 0; i < sizeof in; i++)
            in[i] = (uint8_t)(i * 7 + 3);
        slk_sha256 all;
        slk_sha256_init(&all, crypto);
        for (size_t n = 0; n <= sizeof in; n++) {
            slk_sha256_of(crypto, digest, in, n);
            slk_sha256_update(&all, digest, 32);
            /* The same in two pieces, cut anywhere. */
            uint8_t pieces[32];
            slk_sha256 hash;
            slk_sha256_init(&hash, crypto);
            slk_sha256_update(&hash, in, n * 5 / 7);
            slk_sha256_update(&hash, in + n * 5 / 7, n - n * 5 / 7);
            slk_sha256_final(&hash, pieces);
            assert_memory_equal(pieces, digest, 32);
        }
        slk_sha256_final(&all, digest);
        /* source: the same loop with Python's hashlib */
        slk_test_hex(want, 32, "7d917fbd2cf49ddff9ad0a8706bba32d204e92e71d2e369c5a03d6af29278c9f");
        assert_memory_equal(digest, want, 32);
        slk_crypto_free(crypto);
    }
}

static void kernels_agree(void **state)
{
    (void)state;
    enum { MAX = 70 };
    slk_crypto *ref = make("plain");
    uint8_t in[64 * MAX + 1], out[32 * MAX], twin[32 * MAX];
    fill(in, sizeof in, 11);
    for (size_t k = 0; k < LEVELS; k++) {
        slk_crypto *crypto = make(levels[k]);
        for (size_t n = 0; n <= MAX; n++) {
            const uint8_t *from = in + n % 2; /* odd addresses too */
            memset(out, 0xee, sizeof out);
            memset(twin, 0xee, sizeof twin);
            slk_sha254_pairs(crypto, out, from, n);
            for (size_t i = 0; i < n; i++) {
                slk_sha256_of(ref, twin + 32 * i, from + 64 * i, 64);
                slk_sha254_trim(twin + 32 * i);
            }
            assert_memory_equal(out, twin, sizeof out);
            uint32_t a[8], b[8];
            memcpy(a, slk_sha256_iv, sizeof a);
            memcpy(b, slk_sha256_iv, sizeof b);
            slk_sha256_compress(crypto, a, from, n);
            slk_sha256_compress(ref, b, from, n);
            assert_memory_equal(a, b, sizeof a);
        }
        /* In place. */
        uint8_t same[64 * MAX];
        memcpy(same, in, sizeof same);
        slk_sha254_pairs(ref, twin, in, MAX);
        slk_sha254_pairs(crypto, same, same, MAX);
        assert_memory_equal(same, twin, sizeof twin);
        slk_crypto_free(crypto);
    }
    slk_crypto_free(ref);
}

static void zero_pieces(void **state)
{
    (void)state;
    /* source: reference/proofs 1.3 */
    slk_crypto *crypto = make(NULL);
    uint8_t node[64] = {0}, want[32];
    for (int i = 0; i < 6; i++) {
        memcpy(node + 32, node, 32);
        slk_sha254_pairs(crypto, node, node, 1);
        if (i == 0) {
            slk_test_hex(want, 32,
                         "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb0b");
            assert_memory_equal(node, want, 32);
        }
    }
    slk_test_hex(want, 32, "fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833");
    assert_memory_equal(node, want, 32);
    slk_crypto_free(crypto);
}

static void levels_are_checked(void **state)
{
    (void)state;
    slk_crypto *crypto = NULL;
    slk_error error;
    assert_int_equal(slk_crypto_new(&crypto, "sse9", &error), SLK_E_INVAL);
    assert_null(crypto);
    crypto = make("plain");
    const char *primitive, *kernel;
    assert_true(slk_crypto_choice(crypto, 0, &primitive, &kernel));
    assert_string_equal(primitive, "sha256");
    assert_string_equal(kernel, "plain");
    assert_false(slk_crypto_choice(crypto, 99, &primitive, &kernel));
    slk_crypto_free(crypto);
    slk_crypto_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),  cmocka_unit_test(every_length_to_300),
        cmocka_unit_test(kernels_agree),      cmocka_unit_test(zero_pieces),
        cmocka_unit_test(levels_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
