/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The example of reference/lotus-worker 4.4. */
#include "lotus/pc1_out.h"

#include "base/mem.h"

#include <string.h>

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define TICKET "px/1ceOoKsAt2nOzrf7LAjVOgDuvQu8EIRvPr3L7pLg="
#define COMM_D                                                                                     \
    "[252,126,146,130,150,229,22,250,173,233,134,178,143,146,212,74,79,36,185,53,72,82,35,55,106," \
    "121,144,39,188,24,248,51]"
#define STORE(id, size) \
    "{\"id\":\"" id "\",\"path\":\"/c\",\"rows_to_discard\":0,\"size\":" size "}"
#define TEXT(labels, proof)                                                                   \
    "{\"_lotus_SealRandomness\":\"" TICKET "\",\"comm_d\":" COMM_D ",\"config\":" STORE(      \
        "tree-d", "127") ",\"labels\":{\"StackedDrg2KiBV1\":{\"_h\":null,\"labels\":[" labels \
                         "]}},\"registered_proof\":\"" proof "\"}"
#define LABELS STORE("layer-1", "64") "," STORE("layer-2", "64")

static void as_the_reference_has_it(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_pc1_out pc1 = {0};
    const char *const text = TEXT(LABELS, "StackedDrg2KiBV1_1");
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, SLK_LOTUS_PC1_OUT_MAX_BYTES);
    assert_int_equal(slk_lotus_pc1_out_read(&pc1, text, strlen(text), &error), SLK_OK);
    assert_int_equal(pc1.proof.registered, 5);
    assert_true(pc1.has_ticket && pc1.ticket[0] == 0xa7 && pc1.comm_d[0] == 252);
    assert_int_equal(slk_lotus_pc1_out_print(&out, &pc1, "/c"), SLK_OK);
    assert_string_equal(slk_buf_str(&out), text);
    slk_buf_reset(&out);
    pc1.has_ticket = false;
    assert_int_equal(slk_lotus_pc1_out_print(&out, &pc1, "/c"), SLK_OK);
    assert_string_equal(slk_buf_str(&out) + 1, strchr(text, ',') + 1);
    assert_int_equal(slk_lotus_pc1_out_read(&pc1, out.data, out.len, &error), SLK_OK);
    assert_false(pc1.has_ticket);
}

/* What lotus-worker v1.36.1 passed to its command for precommit 2, of a pledged sector. */
static const char recorded[] =
    "{\"_lotus_SealRandomness\":\"jXSNMybRjnkUYVUACAEK0LjEsutB22od97OGQfAj7pw=\",\"comm_"
    "d\":[252,126,146,130,150,229,22,250,173,233,134,178,143,146,212,74,79,36,185,53"
    ",72,82,35,55,106,121,144,39,188,24,248,51],\"config\":{\"id\":\"tree-d\",\"path\":\"/mi"
    "ner/cache/s-t01000-2\",\"rows_to_discard\":0,\"size\":127},\"labels\":{\"StackedDrg2Ki"
    "BV1\":{\"_h\":null,\"labels\":[{\"id\":\"layer-1\",\"path\":\"/miner/cache/s-t01000-2\",\"ro"
    "ws_to_discard\":0,\"size\":64},{\"id\":\"layer-2\",\"path\":\"/miner/cache/s-t01000-2\",\""
    "rows_to_discard\":0,\"size\":64}]}},\"registered_proof\":\"StackedDrg2KiBV1_1\"}";

static void as_lotus_prints_it(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_pc1_out pc1 = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, SLK_LOTUS_PC1_OUT_MAX_BYTES);
    assert_int_equal(slk_lotus_pc1_out_read(&pc1, recorded, strlen(recorded), &error), SLK_OK);
    assert_int_equal(slk_lotus_pc1_out_print(&out, &pc1, "/miner/cache/s-t01000-2"), SLK_OK);
    assert_string_equal(slk_buf_str(&out), recorded);
}

static void every_proof_comes_back(void **state)
{
    (void)state;
    slk_error error = {0};
    for (int64_t number = 0; number < 20; number++) {
        slk_lotus_pc1_out pc1 = {.has_ticket = true}, again = {0};
        SLK_CLEANUP(slk_buf_done) slk_buf out;
        slk_buf_init(&out, SLK_LOTUS_PC1_OUT_MAX_BYTES);
        assert_int_equal(slk_seal_proof_registered(&pc1.proof, number, &error), SLK_OK);
        assert_int_equal(slk_lotus_pc1_out_print(&out, &pc1, "/p\"ath \u00e9"), SLK_OK);
        assert_int_equal(slk_lotus_pc1_out_read(&again, out.data, out.len, &error), SLK_OK);
        assert_int_equal(again.proof.registered, number);
        if (number == 8) {
            assert_non_null(strstr(slk_buf_str(&out), "\"size\":2147483647}"));
            assert_non_null(strstr(slk_buf_str(&out), "\"id\":\"layer-11\""));
            assert_non_null(strstr(slk_buf_str(&out), "\"size\":1073741824}"));
        }
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *text, *says;
    } wrong[] = {
        {"", "JSON is empty"},
        {"{}", "registered_proof: missing"},
        {TEXT(LABELS, "StackedDrg2KiBV2"), "registered_proof: \"StackedDrg2KiBV2\""},
        {TEXT(LABELS, "StackedDrg8MiBV1_1"), "config: size: 127 nodes, 524287 expected"},
        {TEXT(STORE("layer-1", "64"), "StackedDrg2KiBV1_1"), "labels: 1 layers, 2 expected"},
        {TEXT(STORE("layer-2", "64") "," STORE("layer-1", "64"), "StackedDrg2KiBV1_1"),
         "labels: id: \"layer-2\", layer-1 expected"},
        {TEXT(STORE("layer-1", "64") "," STORE("layer-2", "65"), "StackedDrg2KiBV1_1"),
         "labels: size: 65 nodes"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        slk_error error = {0};
        slk_lotus_pc1_out pc1 = {0};
        assert_int_equal(slk_lotus_pc1_out_read(&pc1, wrong[i].text, strlen(wrong[i].text), &error),
                         SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, "precommit 1 output: "), error.message);
        if (strstr(error.message, wrong[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.message, wrong[i].says);
    }
    slk_error error = {0};
    slk_lotus_pc1_out pc1 = {0};
    char text[4096];
    (void)snprintf(text, sizeof text, "%s", TEXT(LABELS, "StackedDrg2KiBV1_1"));
    memcpy(strstr(text, "252"), "256", 3);
    assert_int_equal(slk_lotus_pc1_out_read(&pc1, text, strlen(text), &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "comm_d: 256 is not a byte"));
    (void)snprintf(text, sizeof text, "%s", TEXT(LABELS, "StackedDrg2KiBV1_1"));
    memcpy(strstr(text, ",51]"), ",64]", 4);
    assert_int_equal(slk_lotus_pc1_out_read(&pc1, text, strlen(text), &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "comm_d: more than 254 bits"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_reference_has_it),
        cmocka_unit_test(as_lotus_prints_it),
        cmocka_unit_test(every_proof_comes_back),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
