/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/sector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void shapes_agree_with_themselves(void **state)
{
    (void)state;
    size_t n = 0;
    for (const slk_sector_shape *s; (s = slk_sector_shape_at(n)); n++) {
        assert_true(s->bytes == s->nodes * SLK_NODE_BYTES);
        assert_true(s->nodes == UINT64_C(1) << s->log2_nodes);
        unsigned sub = s->sub_arity ? s->sub_arity : 1, top = s->top_arity ? s->top_arity : 1;
        assert_int_equal(s->base_trees, sub * top);
        assert_true(s->nodes == s->base_trees * (UINT64_C(1) << (3 * s->base_depth)));
        /* source: reference/proofs 5.1, the default of rows_to_discard */
        unsigned rows = s->base_depth + 1;
        unsigned discard = rows <= 2 ? 0 : rows == 3 ? 1 : rows - 2 < 2 ? rows - 2 : 2;
        assert_int_equal(s->discard, discard);
        assert_true(s->layers <= SLK_MAX_LAYERS && s->base_trees <= SLK_MAX_BASE_TREES);
        assert_int_equal(s->layers, s->bytes > UINT64_C(1) << 30 ? 11 : 2);
        assert_int_equal(s->tree_name[0] - '0', 8);
        assert_int_equal(s->tree_name[2] - '0', s->sub_arity);
        assert_int_equal(s->tree_name[4] - '0', s->top_arity);
        assert_ptr_equal(slk_sector_shape_parse(s->name), s);
        assert_ptr_equal(slk_sector_shape_of(s->bytes), s);
    }
    assert_int_equal(n, 10);
    assert_ptr_equal(slk_sector_shape_parse("34359738368"), slk_sector_shape_parse("32GiB"));
    assert_null(slk_sector_shape_parse("32gib"));
    assert_null(slk_sector_shape_parse("32 GiB"));
    assert_null(slk_sector_shape_parse(""));
    assert_null(slk_sector_shape_parse("2049"));
    assert_null(slk_sector_shape_of(0));
}

static void registered_proofs_are_named(void **state)
{
    (void)state;
    static const struct {
        int64_t number;
        const char *name;
        uint64_t bytes;
        unsigned api, feature, partitions;
    } want[] = {
        {0, "StackedDrg2KiBV1", 2048, SLK_API_1_0, SLK_FEATURE_NONE, 1},
        {4, "StackedDrg64GiBV1", UINT64_C(64) << 30, SLK_API_1_0, SLK_FEATURE_NONE, 10},
        {5, "StackedDrg2KiBV1_1", 2048, SLK_API_1_1, SLK_FEATURE_NONE, 1},
        {8, "StackedDrg32GiBV1_1", UINT64_C(32) << 30, SLK_API_1_1, SLK_FEATURE_NONE, 10},
        {11, "StackedDrg8MiBV1_1_Feat_SyntheticPoRep", UINT64_C(8) << 20, SLK_API_1_2,
         SLK_FEATURE_SYNTHETIC, 1},
        {15, "StackedDrg2KiBV1_2_Feat_NonInteractivePoRep", 2048, SLK_API_1_2,
         SLK_FEATURE_NON_INTERACTIVE, 13},
        {18, "StackedDrg32GiBV1_2_Feat_NonInteractivePoRep", UINT64_C(32) << 30, SLK_API_1_2,
         SLK_FEATURE_NON_INTERACTIVE, 126},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        slk_seal_proof proof;
        slk_error error;
        char name[64];
        assert_int_equal(slk_seal_proof_registered(&proof, want[i].number, &error), SLK_OK);
        slk_seal_proof_name(name, sizeof name, &proof);
        assert_string_equal(name, want[i].name);
        assert_true(proof.registered == want[i].number);
        assert_true(proof.shape->bytes == want[i].bytes);
        assert_int_equal(proof.api, want[i].api);
        assert_int_equal(proof.feature, want[i].feature);
        assert_int_equal(slk_seal_proof_partitions(&proof), want[i].partitions);
        assert_int_equal(slk_seal_proof_bytes(&proof), 192 * want[i].partitions);
        uint8_t id[32] = {(uint8_t)want[i].number};
        assert_memory_equal(proof.porep_id, id, 32);
    }
    slk_seal_proof proof = {.registered = 77};
    slk_error error;
    assert_int_equal(slk_seal_proof_registered(&proof, 20, &error), SLK_E_INVAL);
    assert_int_equal(slk_seal_proof_registered(&proof, -1, NULL), SLK_E_INVAL);
    assert_true(proof.registered == 77);
}

static void sizes_without_a_number_have_the_first_name(void **state)
{
    (void)state;
    slk_seal_proof proof;
    char name[64];
    uint8_t id[32] = {104};
    slk_seal_proof_custom(&proof, slk_sector_shape_parse("4KiB"), id, SLK_API_1_1,
                          SLK_FEATURE_NONE);
    slk_seal_proof_name(name, sizeof name, &proof);
    assert_string_equal(name, "StackedDrg4KiBV1");
    assert_true(proof.registered == -1);
}

static void prover_ids_are_leb128(void **state)
{
    (void)state;
    uint8_t out[32], want[32] = {0xe8, 0x07}; /* 1000 */
    slk_prover_id(out, 1000);
    assert_memory_equal(out, want, 32);
    uint8_t one_byte[32] = {0x7f}, two_bytes[32] = {0x80, 0x01};
    slk_prover_id(out, 127);
    assert_memory_equal(out, one_byte, 32);
    slk_prover_id(out, 128);
    assert_memory_equal(out, two_bytes, 32);
    uint8_t zero[32] = {0};
    slk_prover_id(out, 0);
    assert_memory_equal(out, zero, 32);
    uint8_t max[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    slk_prover_id(out, UINT64_MAX);
    assert_memory_equal(out, max, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_agree_with_themselves),
        cmocka_unit_test(registered_proofs_are_named),
        cmocka_unit_test(sizes_without_a_number_have_the_first_name),
        cmocka_unit_test(prover_ids_are_leb128),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
