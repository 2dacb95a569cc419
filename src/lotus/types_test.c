/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The literal examples of reference/lotus-worker 3, 4.1, 4.4 and 8. */
#include "lotus/types.h"

#include "base/mem.h"
#include "codec/json.h"
#include "fil/commcid.h"
#include "lotus/json_test.h"

#include <string.h>

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define JSON(name, text) SLK_CLEANUP(slk_json_decrefp) json_t *name = test_json(text)
#define COMM_R "bagboea4b5abcaolasekr35xxjw4v67qv7ppmuy3vwdpbnrzlvbegyuzfnia3ylc6"

static void sectors_and_refs(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_sector_ref ref = {0};
    JSON(value, "{\"ID\":{\"Miner\":1000,\"Number\":1},\"ProofType\":5}");
    assert_int_equal(slk_lotus_sector_ref_read(&ref, value, "sector", &error), SLK_OK);
    assert_true(ref.id.miner == 1000 && ref.id.number == 1 && ref.proof == 5);
    test_prints(slk_lotus_sector_ref_json(&ref),
                "{\"ID\":{\"Miner\":1000,\"Number\":1},\"ProofType\":5}");
    test_prints(slk_lotus_sector_json(&ref.id), "{\"Miner\":1000,\"Number\":1}");
    const struct {
        const char *text, *says;
    } wrong[] = {
        {"{\"ID\":{\"Miner\":1000},\"ProofType\":5}", "sector: ID: Number: missing"},
        {"{\"ID\":{\"Miner\":-1,\"Number\":1},\"ProofType\":5}", "sector: ID: Miner: negative"},
        {"{\"ID\":{\"Miner\":\"1000\",\"Number\":1},\"ProofType\":5}", "sector: ID: Miner: not"},
        {"{\"ID\":{\"Miner\":1000,\"Number\":1.5},\"ProofType\":5}", "sector: ID: Number: not"},
        {"{\"ID\":{\"Miner\":1000,\"Number\":1},\"ProofType\":20}", "sector: ProofType: 20 is not"},
        {"{\"ID\":{\"Miner\":1000,\"Number\":1}}", "sector: ProofType: missing"},
        {"[]", "sector: ID: Miner: missing"},
        {"null", "sector: ID: Miner: missing"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        JSON(bad, wrong[i].text);
        ref.proof = 3;
        assert_int_equal(slk_lotus_sector_ref_read(&ref, bad, "sector", &error), SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, wrong[i].says), error.message);
        assert_int_equal(ref.proof, 3);
    }
}

static void calls_have_names(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_call_id call = {0};
    const char *const literal = "{\"Sector\":{\"Miner\":1000,\"Number\":1},\"ID\":\"" UUID_A "\"}";
    JSON(value, literal);
    assert_int_equal(slk_lotus_call_id_read(&call, value, "call", &error), SLK_OK);
    test_prints(slk_lotus_call_id_json(&call), literal);
    JSON(upper, "{\"Sector\":{\"Miner\":1000,\"Number\":1},\"ID\":\"6F6B\"}");
    assert_int_equal(slk_lotus_call_id_read(&call, upper, "call", &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "call: ID: not a UUID"));
    JSON(uuid, "\"" SLK_UUID_NIL "\"");
    char read[SLK_UUID_CHARS];
    assert_int_equal(slk_lotus_uuid_read(read, uuid, "session", &error), SLK_OK);
    assert_string_equal(read, SLK_UUID_NIL);
}

static void randomness_has_32_bytes(void **state)
{
    (void)state;
    slk_error error = {0};
    uint8_t got[32];
    const char *const literal = "\"px/1ceOoKsAt2nOzrf7LAjVOgDuvQu8EIRvPr3L7pLg=\"";
    JSON(value, literal);
    assert_int_equal(slk_lotus_randomness_read(got, value, "ticket", &error), SLK_OK);
    assert_true(got[0] == 0xa7 && got[31] == 0xb8);
    test_prints(slk_lotus_randomness_json(got), literal);
    const char *const wrong[] = {"\"\"", "null", "\"px/1\"", "5",
                                 "\"px_1ceOoKsAt2nOzrf7LAjVOgDuvQu8EIRvPr3L7pLg=\""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        JSON(bad, wrong[i]);
        assert_int_equal(slk_lotus_randomness_read(got, bad, "ticket", &error), SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, "ticket: "), error.message);
    }
}

static void sets_and_words(void **state)
{
    (void)state;
    slk_error error = {0};
    unsigned types = 0;
    slk_lotus_path_type type = SLK_LOTUS_PATH_STORAGE;
    slk_lotus_acquire_mode mode = SLK_LOTUS_ACQUIRE_COPY;
    JSON(list, "[6,64,-1,\"sealing\",\"move\",\"x\"]");
    assert_int_equal(slk_lotus_types_read(&types, json_array_get(list, 0), "t", &error), SLK_OK);
    assert_int_equal(types, SLK_LOTUS_SEALED | SLK_LOTUS_CACHE);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(slk_lotus_types_read(&types, json_array_get(list, i), "t", &error),
                         SLK_E_INVAL);
    assert_int_equal(slk_lotus_path_type_read(&type, json_array_get(list, 3), "t", &error), SLK_OK);
    assert_int_equal(type, SLK_LOTUS_PATH_SEALING);
    assert_int_equal(slk_lotus_acquire_mode_read(&mode, json_array_get(list, 4), "m", &error),
                     SLK_OK);
    assert_int_equal(mode, SLK_LOTUS_ACQUIRE_MOVE);
    assert_int_equal(slk_lotus_path_type_read(&type, json_array_get(list, 5), "t", &error),
                     SLK_E_INVAL);
    assert_int_equal(slk_lotus_acquire_mode_read(&mode, json_array_get(list, 0), "m", &error),
                     SLK_E_INVAL);
}

static void pieces_are_padded_sizes_and_commitments(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_pieces pieces = {0};
    slk_lotus_piece piece = {0};
    uint64_t bytes = 0;
    const char *const one = "{\"Size\":2048,\"PieceCID\":{\"/\":\"" ZERO_PIECE_2K "\"}}";
    JSON(value, "[{\"Size\":2048,\"PieceCID\":{\"/\":\"" ZERO_PIECE_2K "\"}}]");
    assert_int_equal(slk_lotus_pieces_read(&pieces, value, "pieces", &error), SLK_OK);
    assert_int_equal(pieces.n, 1);
    assert_int_equal(pieces.item[0].bytes, 2048);
    test_prints(slk_lotus_piece_json(pieces.item), one);
    assert_int_equal(slk_lotus_pieces_bytes(&bytes, &pieces), SLK_OK);
    assert_int_equal(bytes, 2048);
    pieces.item[0].bytes = UINT64_C(1) << 63;
    assert_int_equal(slk_lotus_pieces_bytes(&bytes, &pieces), SLK_E_LIMIT);
    slk_lotus_pieces_done(&pieces);
    assert_int_equal(slk_lotus_pieces_read(&pieces, NULL, "pieces", &error), SLK_OK);
    assert_int_equal(pieces.n, 0);
    JSON(zero, "{\"Size\":0,\"PieceCID\":null}");
    assert_int_equal(slk_lotus_piece_read(&piece, zero, "piece", &error), SLK_OK);
    test_prints(slk_lotus_piece_json(&piece), "{\"Size\":0,\"PieceCID\":null}");
    const struct {
        const char *text, *says;
    } wrong[] = {
        {"[{\"Size\":2032,\"PieceCID\":{\"/\":\"" ZERO_PIECE_2K "\"}}]", "pieces: [0]: Size: 2032"},
        {"[{\"Size\":64,\"PieceCID\":{\"/\":\"" ZERO_PIECE_2K "\"}}]", "pieces: [0]: Size: 64"},
        {"[{\"Size\":2048,\"PieceCID\":{\"/\":\"" COMM_R "\"}}]", "pieces: [0]: PieceCID: "},
        {"[{\"Size\":2048,\"PieceCID\":null}]", "pieces: [0]: PieceCID: missing"},
        {"[{\"Size\":0,\"PieceCID\":null}]", "pieces: [0]: a piece of no size"},
        {"{}", "pieces: not an array"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        JSON(bad, wrong[i].text);
        assert_int_equal(slk_lotus_pieces_read(&pieces, bad, "pieces", &error), SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, wrong[i].says), error.message);
    }
}

static void lists_are_bounded(void **state)
{
    (void)state;
    slk_error error = {0};
    uint64_t *sizes = NULL;
    size_t n = 0;
    SLK_CLEANUP(slk_json_decrefp) json_t *many = json_array();
    for (unsigned i = 0; i <= SLK_LOTUS_PIECES_MAX; i++)
        assert_int_equal(json_array_append_new(many, json_integer(127)), 0);
    assert_int_equal(slk_lotus_sizes_read(&sizes, &n, many, "sizes", &error), SLK_E_INVAL);
    assert_int_equal(json_array_remove(many, 0), 0);
    assert_int_equal(slk_lotus_sizes_read(&sizes, &n, many, "sizes", &error), SLK_OK);
    assert_int_equal(n, SLK_LOTUS_PIECES_MAX);
    assert_int_equal(sizes[n - 1], 127);
    slk_free(sizes);
    JSON(null, "null");
    assert_int_equal(slk_lotus_sizes_read(&sizes, &n, null, "sizes", &error), SLK_OK);
    assert_true(n == 0 && sizes == NULL);
    JSON(negative, "[127,-1]");
    assert_int_equal(slk_lotus_sizes_read(&sizes, &n, negative, "sizes", &error), SLK_E_INVAL);
    assert_string_equal(error.message, "sizes: [1]: size: negative");
}

static void ranges_end_within_63_bits(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_range *ranges = NULL;
    size_t n = 0;
    JSON(value, "[{\"Offset\":0,\"Size\":2032}]");
    assert_int_equal(slk_lotus_ranges_read(&ranges, &n, value, "keep", &error), SLK_OK);
    assert_true(n == 1 && ranges[0].offset == 0 && ranges[0].bytes == 2032);
    slk_free(ranges);
    JSON(far, "[{\"Offset\":9223372036854775807,\"Size\":1}]");
    assert_int_equal(slk_lotus_ranges_read(&ranges, &n, far, "keep", &error), SLK_E_INVAL);
}

static void commitments_of_a_sector(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_cids cids = {0};
    const char *const literal =
        "{\"Unsealed\":{\"/\":\"" ZERO_PIECE_2K "\"},\"Sealed\":{\"/\":\"" COMM_R "\"}}";
    JSON(value, literal);
    assert_int_equal(slk_lotus_cids_read(&cids, value, "cids", &error), SLK_OK);
    assert_true(cids.defined);
    test_prints(slk_lotus_cids_json(&cids), literal);
    JSON(none, "{\"Unsealed\":null,\"Sealed\":null}");
    assert_int_equal(slk_lotus_cids_read(&cids, none, "cids", &error), SLK_OK);
    assert_false(cids.defined);
    test_prints(slk_lotus_cids_json(&cids), "{\"Unsealed\":null,\"Sealed\":null}");
    const char *const wrong[] = {"{\"Unsealed\":{\"/\":\"" ZERO_PIECE_2K "\"},\"Sealed\":null}",
                                 "{\"Unsealed\":{\"/\":\"" COMM_R
                                 "\"},\"Sealed\":{\"/\":\"" ZERO_PIECE_2K "\"}}",
                                 "null", "[]"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        JSON(bad, wrong[i]);
        assert_int_equal(slk_lotus_cids_read(&cids, bad, "cids", &error), SLK_E_INVAL);
    }
}

static void data_comes_from_three_places(void **state)
{
    (void)state;
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) slk_lotus_source *source = slk_calloc(1, sizeof *source);
    const char *const good[] = {"{\"Type\":\"null\",\"Info\":\"2032\"}",
                                "{\"Type\":\"http\",\"Info\":\"http://127.0.0.1:1/piece?a=b\"}",
                                "{\"Type\":\"push\",\"Info\":\"" UUID_A "\"}"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        JSON(value, good[i]);
        assert_int_equal(slk_lotus_source_read(source, value, "data", &error), SLK_OK);
        assert_int_equal(source->kind, i);
        test_prints(slk_lotus_source_json(source), good[i]);
    }
    JSON(zeros, good[0]);
    assert_int_equal(slk_lotus_source_read(source, zeros, "data", &error), SLK_OK);
    assert_int_equal(source->bytes, 2032);
    const char *const wrong[] = {
        "{\"Type\":\"null\",\"Info\":\"-1\"}",
        "{\"Type\":\"null\",\"Info\":2032}",
        "{\"Type\":\"null\",\"Info\":\"9223372036854775808\"}",
        "{\"Type\":\"http\",\"Info\":\"file:///etc/passwd\"}",
        "{\"Type\":\"http\",\"Info\":\"http://a b\"}",
        "{\"Type\":\"push\",\"Info\":\"../x\"}",
        "{\"Type\":\"pull\",\"Info\":\"x\"}",
        "{}",
        "null",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        JSON(bad, wrong[i]);
        assert_int_equal(slk_lotus_source_read(source, bad, "data", &error), SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, "data: "), error.message);
    }
}

static void failures_of_calls(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_fault fault = {0};
    JSON(none, "null");
    assert_int_equal(slk_lotus_fault_read(&fault, none, "error", &error), SLK_OK);
    assert_false(fault.failed);
    test_prints(slk_lotus_fault_json(&fault), "null");
    JSON(value, "{\"Code\":0,\"Message\":\"it broke [name: w1]\"}");
    assert_int_equal(slk_lotus_fault_read(&fault, value, "error", &error), SLK_OK);
    assert_true(fault.failed && fault.code == 0);
    test_prints(slk_lotus_fault_json(&fault), "{\"Code\":0,\"Message\":\"it broke [name: w1]\"}");
    JSON(text, "\"broken\"");
    assert_int_equal(slk_lotus_fault_read(&fault, text, "error", &error), SLK_E_INVAL);
    assert_int_equal(slk_fail(&error, SLK_E_NOSPACE, "no room for 3 GiB"), SLK_E_NOSPACE);
    slk_lotus_fault_of(&fault, SLK_E_NOSPACE, &error, "w1");
    test_prints(slk_lotus_fault_json(&fault),
                "{\"Code\":102,\"Message\":\"no room for 3 GiB [name: w1]\"}");
    slk_lotus_fault_of(&fault, SLK_E_CORRUPT, NULL, "w1");
    assert_int_equal(fault.code, SLK_LOTUS_FAULT_UNKNOWN);
    assert_string_equal(fault.message, "corrupt [name: w1]");
    slk_lotus_fault_of(&fault, SLK_E_UNREACHABLE, NULL, "w1");
    assert_int_equal(fault.code, SLK_LOTUS_FAULT_TEMPORARY);
    slk_lotus_fault_of(&fault, SLK_E_IO, NULL, "w1");
    assert_int_equal(fault.code, SLK_LOTUS_FAULT_UNKNOWN);
}

static void long_sentences_are_cut_between_characters(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_fault fault = {0};
    char text[1600] = "";
    for (size_t i = 0; i < 700; i++)
        strcat(text, "\u00e9");
    SLK_CLEANUP(slk_json_decrefp)
    json_t *value = json_pack("{s:i, s:s}", "Code", 100, "Message", text);
    assert_int_equal(slk_lotus_fault_read(&fault, value, "error", &error), SLK_OK);
    assert_int_equal(strlen(fault.message), 1022); /* 511 of two bytes each */
    SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_fault_json(&fault);
    assert_non_null(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sectors_and_refs),
        cmocka_unit_test(calls_have_names),
        cmocka_unit_test(randomness_has_32_bytes),
        cmocka_unit_test(sets_and_words),
        cmocka_unit_test(pieces_are_padded_sizes_and_commitments),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(ranges_end_within_63_bits),
        cmocka_unit_test(commitments_of_a_sector),
        cmocka_unit_test(data_comes_from_three_places),
        cmocka_unit_test(failures_of_calls),
        cmocka_unit_test(long_sentences_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
