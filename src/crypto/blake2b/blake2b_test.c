/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/blake2b/blake2b.h"

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "crypto/sha256/sha256.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void published_vectors(void **state)
{
    (void)state;
    uint8_t want[64], got[64], in[255];
    /* source: RFC 7693, appendix A */
    slk_test_hex(want, 64,
                 "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                 "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    slk_blake2b_of(got, 64, "abc", 3);
    assert_memory_equal(got, want, 64);
    /* source: the BLAKE2 known-answer file: key 00..3f, inputs of 0 and of 255 bytes */
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)i;
    slk_blake2b hash;
    slk_blake2b_init(&hash, 64, in, 64);
    slk_blake2b_final(&hash, got);
    slk_test_hex(want, 64,
                 "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
                 "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568");
    assert_memory_equal(got, want, 64);
    slk_blake2b_init(&hash, 64, in, 64);
    slk_blake2b_update(&hash, in, 255);
    slk_blake2b_final(&hash, got);
    slk_test_hex(want, 64,
                 "142709d62e28fcccd0af97fad0f8465b971e82201dc51070faa0372aa43e9248"
                 "4be1c1e73ba10906d5d1853db6a4106e0a7bf9800d373d6dee2d46d62ef2a461");
    assert_memory_equal(got, want, 64);
}

static void lengths_keys_and_pieces(void **state)
{
    (void)state;
    static const size_t out_bytes[] = {1, 20, 32, 64}, key_bytes[] = {0, 1, 32, 64};
    slk_crypto *crypto = NULL;
    assert_int_equal(slk_crypto_new(&crypto, "plain", NULL), SLK_OK);
    uint8_t in[300], got[64], want[32];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 7 + 3);
    slk_sha256 all;
    slk_sha256_init(&all, crypto);
    for (size_t o = 0; o < 16; o++) {
        size_t out = out_bytes[o / 4], key = key_bytes[o % 4];
        for (size_t n = 0; n <= sizeof in; n++) {
            slk_blake2b hash;
            slk_blake2b_init(&hash, out, in, key);
            slk_blake2b_update(&hash, in, n / 3);
            slk_blake2b_update(&hash, in + n / 3, n - n / 3);
            slk_blake2b_final(&hash, got);
            slk_sha256_update(&all, got, out);
        }
    }
    slk_sha256_final(&all, got);
    /* source: the same loop with Python's hashlib */
    slk_test_hex(want, 32, "897d875b233253cb8c23d406d8c96de1ed0594c7946a71897d9022be6c348549");
    assert_memory_equal(got, want, 32);
    slk_crypto_free(crypto);
}

static void any_cut_gives_the_same_digest(void **state)
{
    (void)state;
    uint8_t in[300], whole[64], cut[64];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 11);
    slk_blake2b_of(whole, 64, in, sizeof in);
    for (size_t n = 0; n <= sizeof in; n++) {
        slk_blake2b hash;
        slk_blake2b_init(&hash, 64, NULL, 0);
        slk_blake2b_update(&hash, in, n);
        slk_blake2b_update(&hash, in + n, sizeof in - n);
        slk_blake2b_final(&hash, cut);
        assert_memory_equal(cut, whole, 64);
    }
}

/* Every kernel and every length against whole hashes. */
static void words_are_hashes(void **state)
{
    (void)state;
    static const char *const levels[] = {"plain", "avx2", "native"};
    for (size_t level = 0; level < 3; level++) {
        slk_crypto *crypto;
        assert_int_equal(slk_crypto_new(&crypto, levels[level], NULL), SLK_OK);
        for (size_t n = 0; n <= 20; n++) {
            uint64_t in[21], out[21] = {0};
            for (size_t i = 0; i < n; i++)
                in[i] = UINT64_C(0xd1342543de82ef95) * (i + n);
            out[n] = 77;
            slk_blake2b_words(crypto, out, in, 5 + n, n);
            for (size_t i = 0; i < n; i++) {
                uint8_t message[16], digest[64];
                slk_store_be64(message, in[i]);
                slk_store_be64(message + 8, 5 + n);
                slk_blake2b_of(digest, 64, message, 16);
                assert_int_equal(out[i], slk_load_be64(digest));
            }
            assert_int_equal(out[n], 77);
        }
        slk_crypto_free(crypto);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(lengths_keys_and_pieces),
        cmocka_unit_test(any_cut_gives_the_same_digest),
        cmocka_unit_test(words_are_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
