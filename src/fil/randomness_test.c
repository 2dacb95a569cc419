/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "crypto/blake2b/blake2b.h"
#include "fil/policy.h"
#include "fil/randomness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void assert_draw(const char *digest_hex, int64_t tag, int64_t epoch, const char *entropy_hex,
                        const char *expected)
{
    uint8_t digest[32], entropy[16], out[32];
    char hex[65];
    size_t n = strlen(entropy_hex) / 2;
    assert_true(slk_hex_decode(digest, 32, digest_hex));
    assert_true(slk_hex_decode(entropy, n, entropy_hex));
    slk_randomness_draw(out, digest, tag, epoch, entropy, n);
    slk_hex_encode(hex, out, 32);
    assert_string_equal(hex, expected);
}

static void draws_match_the_vectors(void **state)
{
    (void)state;
    /* source: reference/chain 1.3 */
    assert_draw("18ea1bc64ae14b5862140d44614299337c6cc957f2e57cb76d0d202cf9de718b", 5, 2797727,
                "440099cb34", "dcc0aa70b1ca67ea6297832a4d2f708ec77ec8fbd3b93aeaf0f9068c4a37b584");
    const char *b = "99c3d7b945e490b90bf600be5817a9b900d5f8c3f55ba504525e044b504598db";
    assert_draw(b, SLK_TAG_SEAL_RANDOMNESS, 100, "4300e807",
                "e50f4525f60a64df19237f25eaa9b23f12a9fee91345ac6638fcfce302dcca5a");
    assert_draw(b, SLK_TAG_SEAL_RANDOMNESS, -800, "4300e807",
                "e6f3ba89086f1fea7e6d8a0a87545a12b3060441d9e2256676a16167a518dcce");
    uint8_t beacon[96], digest[32];
    char hex[65];
    memset(beacon, 3, sizeof beacon);
    slk_blake2b_of(digest, 32, beacon, sizeof beacon);
    slk_hex_encode(hex, digest, 32);
    assert_draw(hex, SLK_TAG_INTERACTIVE_SEAL_SEED, 260, "4300e807",
                "c8d62d5089fda97c363fe5d1a47e40312f5cba29f88f6e175bfa7dfaa98f744a");
}

static void entropy_is_the_cbor_address(void **state)
{
    (void)state;
    uint8_t out[16];
    char hex[33];
    size_t n = slk_randomness_entropy(out, 1000);
    slk_hex_encode(hex, out, n);
    assert_string_equal(hex, "4300e807");
    n = slk_randomness_entropy(out, 1234567);
    slk_hex_encode(hex, out, n);
    assert_string_equal(hex, "440087ad4b");
    assert_int_equal(slk_randomness_entropy(out, INT64_MAX), 11);
}

static void expirations_follow_the_rule(void **state)
{
    (void)state;
    slk_seal_proof v1, v1_1;
    assert_int_equal(slk_seal_proof_registered(&v1, 3, NULL), SLK_OK);
    assert_int_equal(slk_seal_proof_registered(&v1_1, 8, NULL), SLK_OK);
    /* source: reference/chain 1.2, the worked timeline */
    assert_int_equal(slk_policy_max_prove_commit_duration(&v1_1, 150), 86550);
    assert_int_equal(slk_policy_max_prove_commit_duration(&v1_1, 10), 86410);
    assert_int_equal(slk_policy_max_prove_commit_duration(&v1, 150), 3030);
    assert_int_equal(slk_policy_expiration(&v1_1, 4999100, 0, 150), 8679740);
    assert_int_equal(slk_policy_expiration(&v1_1, 4999100, 1, 150), 5607830);
    assert_int_equal(slk_policy_expiration(&v1_1, -640, INT64_MAX, 10), 3680000);
    assert_int_equal(slk_policy_max_sector_lifetime(&v1_1), 5259485);
    assert_int_equal(slk_policy_max_sector_lifetime(&v1), 1555200);
    assert_int_equal(slk_policy_window_post_type(&v1_1), 13);
    assert_int_equal(slk_policy_window_post_type(&v1), 8);
    assert_int_equal(slk_policy_seal_proof_of_window_post(10, false), 5);
    assert_int_equal(slk_policy_seal_proof_of_window_post(13, true), 13);
    assert_int_equal(slk_policy_seal_proof_of_window_post(8, false), 8);
    assert_int_equal(slk_policy_seal_proof_of_window_post(15, false), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_match_the_vectors),
        cmocka_unit_test(entropy_is_the_cbor_address),
        cmocka_unit_test(expirations_follow_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
