/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/mem.h"
#include "fil/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

/* source: reference/chain 1.4 */
#define PARAMS_BASE64 \
    "gYGHBQfYKlgpAAGC4gOB6AIgEREREREREREREREREREREREREREREREREREREREREQEYZIAaAAquYPY="
#define MESSAGE_CID "bafy2bzacedhapc5ww4ui47olfy5uvdxvurw5tnuaxd43vosbmf6vmgvxuijjc"
#define FROM \
    "t3eirceirceirceirceirceirceirceirceirceirceirceirceirceirceirceirceirceirceircfgxdf4ea"

static const char message_json[] =
    "{\"Version\":0,\"To\":\"t01000\",\"From\":\"" FROM
    "\",\"Nonce\":3,\"Value\":\"1000000\",\"GasLimit\":25000000,"
    "\"GasFeeCap\":\"200000\",\"GasPremium\":\"100000\",\"Method\":28,\"Params\":\"" PARAMS_BASE64
    "\",\"CID\":{\"/\":\"" MESSAGE_CID "\"}}";

static void read_message(slk_message *message)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    assert_int_equal(slk_json_parse(&value, message_json, sizeof message_json - 1, 4096, NULL),
                     SLK_OK);
    assert_int_equal(slk_message_from_json(message, value, NULL), SLK_OK);
}

static void messages_match_the_vector(void **state)
{
    (void)state;
    slk_message m = {0}, back = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf buf;
    slk_cid cid;
    char text[SLK_CID_TEXT_CHARS], head[2 * 9 + 1];
    read_message(&m);
    slk_buf_init(&buf, 4096);
    assert_int_equal(slk_message_to_cbor(&buf, &m), SLK_OK);
    slk_hex_encode(head, buf.data, 9);
    assert_string_equal(head, "8a004300e807583103");
    assert_int_equal(slk_message_cid(&cid, &m), SLK_OK);
    slk_cid_print(text, &cid);
    assert_string_equal(text, MESSAGE_CID);
    assert_int_equal(slk_message_from_cbor(&back, buf.data, buf.len, NULL), SLK_OK);
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_buf_reset(&buf);
    assert_int_equal(slk_message_to_json(&value, &back, 't'), SLK_OK);
    assert_int_equal(slk_json_print(&buf, value), SLK_OK);
    assert_string_equal(slk_buf_str(&buf), message_json);
    slk_message_done(&m);
    slk_message_done(&back);
}

static void signed_messages_round_trip(void **state)
{
    (void)state;
    slk_signed_message m = {.signature_type = SLK_SIGNATURE_BLS, .signature_bytes = 96}, back = {0};
    slk_cid cid, secp;
    char text[SLK_CID_TEXT_CHARS];
    read_message(&m.message);
    memset(m.signature, 0x33, 96);
    assert_int_equal(slk_signed_message_cid(&cid, &m), SLK_OK);
    slk_cid_print(text, &cid);
    assert_string_equal(text, MESSAGE_CID);
    SLK_CLEANUP(slk_buf_done) slk_buf buf;
    slk_buf_init(&buf, 4096);
    assert_int_equal(slk_signed_message_to_cbor(&buf, &m), SLK_OK);
    assert_int_equal(slk_signed_message_from_cbor(&back, buf.data, buf.len, NULL), SLK_OK);
    assert_memory_equal(back.signature, m.signature, 96);
    slk_signed_message_done(&back);
    for (size_t n = 0; n < buf.len; n++)
        assert_int_equal(slk_signed_message_from_cbor(&back, buf.data, n, NULL), SLK_E_INVAL);
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    assert_int_equal(slk_signed_message_to_json(&value, &m, 'f'), SLK_OK);
    assert_int_equal(slk_signed_message_from_json(&back, value, NULL), SLK_OK);
    assert_int_equal(back.signature_bytes, 96);
    assert_int_equal(back.message.params_bytes, 59);
    back.signature_type = SLK_SIGNATURE_SECP256K1;
    assert_int_equal(slk_signed_message_cid(&secp, &back), SLK_OK);
    assert_false(slk_cid_equal(&cid, &secp));
    slk_signed_message_done(&back);
    slk_signed_message_done(&m);
}

static void bad_json_messages_name_the_field(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"From\":\"f01\"}", "To"},
        {"{\"To\":\"f01\",\"From\":\"f01\",\"Value\":\"\"}", "Value"},
        {"{\"To\":\"f01\",\"From\":\"f01\",\"Value\":null}", "Value"},
        {"{\"To\":\"f01\",\"From\":\"f01\",\"Nonce\":-1}", "Nonce"},
        {"{\"To\":\"f01\",\"From\":\"f01\",\"Params\":\"?\"}", "Params"},
        {"{\"To\":\"<empty>\",\"From\":\"f01\"}", "To"},
        {"[]", "object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
        slk_message m = {0};
        slk_error error = {0};
        assert_int_equal(slk_json_parse(&value, cases[i][0], strlen(cases[i][0]), 4096, NULL),
                         SLK_OK);
        assert_int_equal(slk_message_from_json(&m, value, &error), SLK_E_INVAL);
        assert_non_null(strstr(error.message, cases[i][1]));
        assert_null(m.params);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_match_the_vector),
        cmocka_unit_test(signed_messages_round_trip),
        cmocka_unit_test(bad_json_messages_name_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
