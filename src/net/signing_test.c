/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/signing.h"

#include "base/bytes.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* source: RFC 8032 7.1, tests 1 to 3 */
static const struct {
    const char *secret, *public, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint8_t secret[32], public[32], want[32], message[2], wanted[64], signature[64];
        const size_t n = strlen(vectors[i].message) / 2;
        slk_signing_key *key = NULL;
        assert_true(slk_hex_decode(secret, 32, vectors[i].secret));
        assert_true(slk_hex_decode(want, 32, vectors[i].public));
        assert_true(slk_hex_decode(message, n, vectors[i].message));
        assert_true(slk_hex_decode(wanted, 64, vectors[i].signature));
        assert_int_equal(slk_signing_key_new(&key, secret, NULL), SLK_OK);
        slk_signing_public(public, key);
        assert_memory_equal(public, want, 32);
        assert_int_equal(slk_sign(signature, key, message, n, NULL), SLK_OK);
        assert_memory_equal(signature, wanted, 64);
        assert_true(slk_signature_valid(public, message, n, signature));
        slk_signing_key_free(key);
    }
}

/* One bit anywhere, another key, other bytes: none is taken. */
static void test_refused(void **state)
{
    (void)state;
    uint8_t secret[32] = {7}, public[32], other[32], signature[64];
    static const char text[] = "a sector was delivered";
    slk_signing_key *key = NULL, *second = NULL;
    assert_int_equal(slk_signing_key_new(&key, secret, NULL), SLK_OK);
    secret[31] = 1;
    assert_int_equal(slk_signing_key_new(&second, secret, NULL), SLK_OK);
    slk_signing_public(public, key);
    slk_signing_public(other, second);
    assert_int_equal(slk_sign(signature, key, text, sizeof text, NULL), SLK_OK);
    assert_true(slk_signature_valid(public, text, sizeof text, signature));
    assert_false(slk_signature_valid(other, text, sizeof text, signature));
    assert_false(slk_signature_valid(public, text, sizeof text - 1, signature));
    for (unsigned bit = 0; bit < 512; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(slk_signature_valid(public, text, sizeof text, signature));
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    slk_signing_key_free(key);
    slk_signing_key_free(second);
}

static void test_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/slk-signing-XXXXXX", path[64];
    uint8_t first[32], again[32];
    char id[SLK_SIGNING_ID_CHARS];
    slk_signing_key *key = NULL;
    struct stat st;
    slk_error error = {0};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/ledger.key", folder);
    assert_int_equal(slk_signing_key_load(&key, path, NULL), SLK_OK);
    slk_signing_public(first, key);
    slk_signing_key_free(key);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(slk_signing_key_load(&key, path, NULL), SLK_OK);
    slk_signing_public(again, key);
    slk_signing_key_free(key);
    assert_memory_equal(first, again, 32);
    slk_signing_id(id, first);
    assert_int_equal(strlen(id), SLK_SIGNING_ID_CHARS - 1);
    assert_int_equal(slk_file_write_atomic(path, "abc\n", 4, 0600, NULL), SLK_OK);
    assert_int_equal(slk_signing_key_load(&key, path, &error), SLK_E_CORRUPT);
    assert_non_null(strstr(error.message, "ledger.key holds no signing key"));
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
