/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/chacha/chacha.h"

#include "crypto/crypto.h"
#include "crypto/sha256/sha256.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const uint8_t key[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
static const uint8_t nonce[12] = {'s', 'y', 'n', 't', 'h', '-', 'p', 'o', 'r', 'e', 'p', 0};

static void digest(uint8_t out32[32], const void *in, size_t n)
{
    slk_crypto *crypto = NULL;
    assert_int_equal(slk_crypto_new(&crypto, "plain", NULL), SLK_OK);
    slk_sha256_of(crypto, out32, in, n);
    slk_crypto_free(crypto);
}

static void published_block(void **state)
{
    (void)state;
    /* source: RFC 8439, 2.3.2: block 1 */
    static const uint8_t rfc_nonce[12] = {0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0};
    uint8_t want[64], got[64];
    slk_test_hex(want, 64,
                 "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
                 "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
    slk_chacha20_stream(got, 64, 64, key, rfc_nonce);
    assert_memory_equal(got, want, 64);
}

static void any_offset_gives_the_same_stream(void **state)
{
    (void)state;
    uint8_t whole[320], part[320], got[32], want[32];
    slk_chacha20_stream(whole, sizeof whole, 0, key, nonce);
    digest(got, whole, sizeof whole);
    /* source: an independent Python model of RFC 8439 */
    slk_test_hex(want, 32, "1208a611af935ac3589fc70e004d7ad9aee1a757f094aa573bb060383ec15473");
    assert_memory_equal(got, want, 32);
    for (size_t from = 0; from < sizeof whole; from += 3) {
        size_t n = (sizeof whole - from) * 2 / 3;
        memset(part, 0, sizeof part);
        slk_chacha20_stream(part, n, from, key, nonce);
        assert_memory_equal(part, whole + from, n);
    }
    slk_chacha20_stream(got, 16, (UINT64_C(1) << 38) - 16, key, nonce);
    slk_test_hex(want, 16, "ea43dd7c88790eb34d2b20ee3528bf5d");
    assert_memory_equal(got, want, 16);
}

static void eight_rounds(void **state)
{
    (void)state;
    uint8_t stream[150], got[32], want[32];
    slk_chacha8_stream(stream, sizeof stream, key);
    digest(got, stream, sizeof stream);
    /* source: the same Python model with 8 rounds; 00..31 as the key */
    slk_test_hex(want, 32, "47d4328dfbf07053a6f10bc9d343e8295e5cd01821ec0c9890d00bd14a02f789");
    assert_memory_equal(got, want, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_block),
        cmocka_unit_test(any_offset_gives_the_same_stream),
        cmocka_unit_test(eight_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
