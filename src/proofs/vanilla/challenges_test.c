/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/challenges.h"

#include "base/bytes.h"
#include "crypto/sha256/sha256.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

static void check_list(const slk_crypto *crypto, const json_t *entry, slk_porep_feature feature)
{
    uint8_t replica_id[32], seed[32] = {0}, comm_r[32];
    slk_test_get_hex(replica_id, 32, entry, "replica_id");
    slk_test_get_hex(comm_r, 32, entry, "comm_r");
    if (json_object_get(entry, "seed"))
        slk_test_get_hex(seed, 32, entry, "seed");
    const uint8_t porep_id[32] = {0};
    slk_seal_proof proof;
    slk_seal_proof_custom(&proof,
                          slk_sector_shape_of((uint64_t)slk_test_get_int(entry, "sector_size")),
                          porep_id, SLK_API_1_2, feature);
    static uint64_t got[126 * 18];
    slk_challenges(got, crypto, &proof, replica_id, seed, comm_r);
    const json_t *partitions = slk_test_get(entry, "challenges");
    assert_int_equal(json_array_size(partitions), slk_seal_proof_partitions(&proof));
    size_t k, i;
    json_t *partition, *value;
    json_array_foreach(partitions, k, partition)
    {
        assert_int_equal(json_array_size(partition), proof.shape->challenges);
        json_array_foreach(partition, i, value)
            assert_int_equal(got[k * proof.shape->challenges + i], json_integer_value(value));
    }
}

/* The set belongs to the keys of the entry before it. */
static void check_set(const slk_crypto *crypto, const json_t *keys, const json_t *entry)
{
    uint8_t replica_id[32], comm_r[32], got[32], want[32];
    slk_test_get_hex(replica_id, 32, keys, "replica_id");
    slk_test_get_hex(comm_r, 32, keys, "comm_r");
    slk_synthetic_set set;
    slk_synthetic_set_init(&set,
                           slk_sector_shape_of((uint64_t)slk_test_get_int(entry, "sector_size")),
                           replica_id, comm_r);
    assert_int_equal(set.count, slk_test_get_int(entry, "count"));
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    for (uint32_t i = 0; i < set.count; i++) {
        uint64_t node = slk_synthetic_set_at(&set, i);
        slk_sha256_update(&hash, &node, 8);
        if (i < 16)
            assert_int_equal(node,
                             json_integer_value(json_array_get(slk_test_get(entry, "first"), i)));
    }
    slk_sha256_final(&hash, got);
    slk_test_get_hex(want, 32, entry, "sha256_of_le64");
    assert_memory_equal(got, want, 32);
}

static void test_vectors(void **state)
{
    json_t *all = slk_test_vectors_json("challenges.json.gz");
    size_t i, kinds[4] = {0};
    json_t *entry, *before = NULL;
    json_array_foreach(all, i, entry)
    {
        const char *kind = slk_test_get_text(entry, "kind");
        if (strcmp(kind, "synthetic set") == 0) {
            check_set(*state, before, entry);
            kinds[3]++;
            continue;
        }
        slk_porep_feature feature = kind[0] == 'i'   ? SLK_FEATURE_NONE
                                    : kind[0] == 's' ? SLK_FEATURE_SYNTHETIC
                                                     : SLK_FEATURE_NON_INTERACTIVE;
        check_list(*state, entry, feature);
        kinds[feature]++;
        before = entry;
    }
    for (size_t k = 0; k < 4; k++)
        assert_true(kinds[k] >= 3);
    json_decref(all);
}

static int setup(void **state)
{
    slk_crypto *crypto;
    if (slk_crypto_new(&crypto, getenv("SELKIE_CPU"), NULL) != SLK_OK)
        return -1;
    *state = crypto;
    return 0;
}

static int teardown(void **state)
{
    slk_crypto_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
