/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/mem.h"
#include "remote/connect.h"
#include "net/limiter.h"
#include "remote/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void prints(const slk_wire_type *type, const void *message, const char *json)
{
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, SLK_WIRE_BODY_MAX_BYTES);
    assert_int_equal(slk_wire_print(&out, type, message), SLK_OK);
    assert_string_equal(slk_buf_str(&out), json);
}

/* The room for any message; equal messages print equally, so a round trip compares texts. */
typedef union any_message {
    slk_wire_capabilities capabilities;
    slk_wire_order order;
    slk_wire_complete complete;
    slk_wire_c1_url c1_url;
    slk_wire_status status;
    slk_wire_call_back call_back;
    slk_wire_called called;
    slk_wire_nonce nonce;
    slk_wire_nonce_known known;
} any_message;

static void round_trip(const slk_wire_type *type, const void *message, const char *json)
{
    prints(type, message, json);
    any_message back;
    slk_error error = {0};
    assert_int_equal(slk_wire_read(&back, type, json, strlen(json), &error), SLK_OK);
    prints(type, &back, json);
}

static void every_message_is_go_json(void **state)
{
    (void)state;
    round_trip(
        &slk_wire_type_capabilities,
        &(slk_wire_capabilities){{2, {8, 9}}, 16, true, true, false, true, true, true},
        "{\"supported_proofs\":[8,9],\"max_batch_size\":16,\"supports_range_requests\":true,"
        "\"supports_sealed_manifest\":true,\"supports_cancel\":false,\"supports_renew\":true,"
        "\"supports_call_back\":true,\"supports_repeated_c1\":true}");
    round_trip(&slk_wire_type_call_back, &(slk_wire_call_back){"t", "ab"},
               "{\"partner_token\":\"t\",\"nonce\":\"ab\"}");
    round_trip(&slk_wire_type_called, &(slk_wire_called){false, "https://a", "tcp", "no"},
               "{\"reached\":false,\"url\":\"https://a\",\"step\":\"tcp\",\"reason\":\"no\"}");
    round_trip(&slk_wire_type_nonce, &(slk_wire_nonce){"ab"}, "{\"nonce\":\"ab\"}");
    round_trip(&slk_wire_type_nonce_known, &(slk_wire_nonce_known){true}, "{\"known\":true}");
    round_trip(&slk_wire_type_renewed, &(slk_wire_renewed){9, 4},
               "{\"lease_until\":9,\"lease_left\":4}");
    round_trip(&slk_wire_type_token_request, &(slk_wire_token_request){"ab"},
               "{\"partner_token\":\"ab\"}");
    round_trip(&slk_wire_type_authorized, &(slk_wire_authorized){false, "", 0},
               "{\"authorized\":false,\"partner_name\":\"\",\"allowance_remaining\":0}");
    round_trip(&slk_wire_type_available, &(slk_wire_available){true, "00ff"},
               "{\"available\":true,\"slot_token\":\"00ff\"}");
    round_trip(&slk_wire_type_order, &(slk_wire_order){"t", "", 1000, INT64_MAX, 5},
               "{\"partner_token\":\"t\",\"slot_token\":\"\",\"sp_id\":1000,"
               "\"sector_number\":9223372036854775807,\"reg_seal_proof\":5}");
    round_trip(&slk_wire_type_ordered, &(slk_wire_ordered){true, ""}, "{\"accepted\":true}");
    round_trip(&slk_wire_type_ordered, &(slk_wire_ordered){false, "no \"room\""},
               "{\"accepted\":false,\"reject_reason\":\"no \\\"room\\\"\"}");
    round_trip(&slk_wire_type_sector_request, &(slk_wire_sector_request){"t", 1, 2},
               "{\"partner_token\":\"t\",\"sp_id\":1,\"sector_number\":2}");
    round_trip(&slk_wire_type_status, &(slk_wire_status){.state = "pending"},
               "{\"state\":\"pending\"}");
    round_trip(&slk_wire_type_status,
               &(slk_wire_status){
                   "complete", "baga", "bago", -800, {2, {0xff, 0xfe}}, "", "layer 2", 3, 4, 5, 6},
               "{\"state\":\"complete\",\"tree_d_cid\":\"baga\",\"tree_r_cid\":\"bago\","
               "\"ticket_epoch\":-800,\"ticket_value\":\"//4=\",\"stage\":\"layer 2\","
               "\"stage_done\":3,\"stage_total\":4,\"lease_until\":5,\"lease_left\":6}");
    round_trip(&slk_wire_type_commit1, &(slk_wire_commit1){"t", 1, 2, 0, {1, {3}}},
               "{\"partner_token\":\"t\",\"sp_id\":1,\"sector_number\":2,\"seed_value\":\"Aw==\"}");
    round_trip(&slk_wire_type_commit1, &(slk_wire_commit1){"t", 1, 2, 272, {1, {3}}},
               "{\"partner_token\":\"t\",\"sp_id\":1,\"sector_number\":2,\"seed_epoch\":272,"
               "\"seed_value\":\"Aw==\"}");
    round_trip(&slk_wire_type_complete, &(slk_wire_complete){"t", 1, 2, "d", "r", 0, {1, {3}}},
               "{\"partner_token\":\"t\",\"sp_id\":1,\"sector_number\":2,\"tree_d_cid\":\"d\","
               "\"tree_r_cid\":\"r\",\"ticket_epoch\":0,\"ticket_value\":\"Aw==\"}");
    round_trip(&slk_wire_type_ticket, &(slk_wire_ticket){{1, {3}}, -640},
               "{\"ticket\":\"Aw==\",\"epoch\":-640}");
    round_trip(&slk_wire_type_c1_url, &(slk_wire_c1_url){"https://h/c", "t", 1, 2},
               "{\"c1_url\":\"https://h/c\",\"partner_token\":\"t\",\"sp_id\":1,"
               "\"sector_number\":2}");
}

static void unknown_fields_are_ignored_and_optional_ones_may_lack(void **state)
{
    (void)state;
    slk_wire_order order;
    const char *json = "{\"x\":[1,{}],\"sp_id\":1,\"sector_number\":2,\"reg_seal_proof\":5,"
                       "\"slot_token\":null}";
    assert_int_equal(slk_wire_read(&order, &slk_wire_type_order, json, strlen(json), NULL), SLK_OK);
    assert_string_equal(order.partner_token, "");
    assert_string_equal(order.slot_token, "");
    assert_int_equal(order.sector_number, 2);
}

static void refuses(const slk_wire_type *type, const char *json, const char *message)
{
    any_message out, before;
    memset(&out, 0x5a, sizeof out);
    before = out;
    slk_error error = {0};
    assert_int_equal(slk_wire_read(&out, type, json, strlen(json), &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, message));
    assert_memory_equal(&out, &before, sizeof out);
}

static void malformed_messages_are_refused(void **state)
{
    (void)state;
    const slk_wire_type *order = &slk_wire_type_order;
    refuses(order, "", "malformed JSON");
    refuses(order, "{\"sp_id\":1", "malformed JSON");
    refuses(order, "[]", "no JSON object");
    refuses(&slk_wire_type_ticket, "{}", "ticket: missing");
    refuses(&slk_wire_type_ticket, "{\"ticket\":\"AQ==\",\"epoch\":null}", "epoch: missing");
    refuses(order, "{\"sp_id\":\"1\",\"sector_number\":2,\"reg_seal_proof\":5}", "sp_id");
    refuses(order, "{\"sp_id\":1.5,\"sector_number\":2,\"reg_seal_proof\":5}", "sp_id");
    refuses(order, "{\"sp_id\":1,\"sector_number\":9223372036854775808,\"reg_seal_proof\":5}", "");
    refuses(order, "{\"partner_token\":5,\"sp_id\":1,\"sector_number\":2,\"reg_seal_proof\":5}",
            "partner_token");
    refuses(&slk_wire_type_ordered, "{\"accepted\":1}", "accepted");
    refuses(&slk_wire_type_commit1, "{\"sp_id\":1,\"sector_number\":2,\"seed_value\":\"A\"}",
            "seed_value: want base64");
    refuses(&slk_wire_type_ticket, "{\"ticket\":[3],\"epoch\":1}", "ticket");
    char json[256];
    memset(json, 'A', sizeof json);
    memcpy(json, "{\"ticket\":\"", 11);
    memcpy(json + 11 + 88, "\",\"epoch\":1}", 13);
    refuses(&slk_wire_type_ticket, json, "at most 64 bytes");
    refuses(&slk_wire_type_capabilities, "{\"supported_proofs\":[8,\"9\"]}", "supported_proofs");
}

static void fields_a_request_lacks_are_empty(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "null", "{\"sp_id\":null,\"seed_value\":null}"};
    for (size_t i = 0; i < 3; i++) {
        slk_wire_commit1 commit1;
        memset(&commit1, 0x5a, sizeof commit1);
        assert_int_equal(
            slk_wire_read(&commit1, &slk_wire_type_commit1, texts[i], strlen(texts[i]), NULL),
            SLK_OK);
        const slk_wire_commit1 empty = {0};
        assert_memory_equal(&commit1, &empty, sizeof empty);
    }
}

static void long_texts_are_cut_at_a_character(void **state)
{
    (void)state;
    char json[600] = "{\"partner_token\":\"";
    const size_t head = strlen(json);
    memset(json + head, 'a', 127);
    strcpy(json + head + 127, "\xc3\xa4\xc3\xa4\"}");
    slk_wire_token_request request;
    assert_int_equal(
        slk_wire_read(&request, &slk_wire_type_token_request, json, strlen(json), NULL), SLK_OK);
    assert_int_equal(strlen(request.partner_token), 127);
}

/* ---- connect strings ---- */

#define TOKEN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void connect_strings_round_trip(void **state)
{
    (void)state;
    slk_connect connect = {.url = "https://seal.example.org:12310", .token = TOKEN};
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, SLK_CONNECT_TEXT_MAX);
    assert_int_equal(slk_connect_print(&out, &connect), SLK_OK);
    assert_memory_equal(slk_buf_str(&out), "eyJ1cmwiOiJodHRwczovL3NlYWwuZXhhbXBsZS5vcmc6MTIzMTAiL",
                        53);
    assert_int_equal(slk_buf_text(&out, " \n"), SLK_OK);
    slk_connect back = {0};
    slk_error error = {0};
    assert_int_equal(slk_connect_read(&back, slk_buf_str(&out), NULL, 0, &error), SLK_OK);
    assert_string_equal(back.url, connect.url);
    assert_string_equal(back.token, connect.token);
    const char *own[] = {NULL, "HTTPS://Seal.Example.Org:12310/"};
    assert_int_equal(slk_connect_read(&back, slk_buf_str(&out), own, 2, &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "this very node"));
}

static void bad_connect_strings_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "no connect string"},
        {"not base64!", "no connect string"},
        {"e30", "no connect string"},
        {"bm8=", "does not hold JSON"},
        {"e30=", "lacks the URL"},
        {"eyJ1cmwiOiJodHRwczovL2gifQ==", "lacks the token"}, /* {"url":"https://h"} */
        {"eyJ1cmwiOiIiLCJ0b2tlbiI6ImFiIn0=", "lacks the URL"}, /* {"url":"","token":"ab"} */
        /* {"url":"https://h","token":"ab"} */
        {"eyJ1cmwiOiJodHRwczovL2giLCJ0b2tlbiI6ImFiIn0=", "not 64 hexadecimal"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slk_connect connect;
        slk_error error = {0};
        assert_int_equal(slk_connect_read(&connect, cases[i].text, NULL, 0, &error), SLK_E_INVAL);
        assert_non_null(strstr(error.message, cases[i].message));
    }
}

static void urls_are_checked_and_compared(void **state)
{
    (void)state;
    static const char *const good[] = {"https://h",       "http://127.0.0.1:1/",
                                       "https://[::1]:8", "https://h.example/base/path/",
                                       "HTTPS://H",       "https://h:65535"};
    static const char *const bad[] = {"",
                                      "h",
                                      "ftp://h",
                                      "https://",
                                      "https://:1",
                                      "https://h:",
                                      "https://h:0",
                                      "https://h:65536",
                                      "https://h:1x",
                                      "https://u@h",
                                      "https://h/?q",
                                      "https://h#f",
                                      "https://h h",
                                      "https://[::1",
                                      "https://[x]",
                                      "https://h:123456"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(slk_connect_check_url(good[i], NULL), SLK_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slk_connect_check_url(bad[i], NULL), SLK_E_INVAL);
    assert_true(slk_connect_same_url("https://h", "https://H:443/"));
    assert_true(slk_connect_same_url("http://h:80/a//", "http://h/a"));
    assert_false(slk_connect_same_url("https://h", "http://h:443"));
    assert_false(slk_connect_same_url("https://h", "https://h:444"));
    assert_false(slk_connect_same_url("https://h", "https://hh"));
    assert_false(slk_connect_same_url("https://h/a", "https://h/b"));
}

static void the_limiter_refills(void **state)
{
    (void)state;
    slk_limiter *limiter = NULL;
    assert_int_equal(slk_limiter_new(&limiter, 3, 1000, NULL), SLK_OK);
    for (int i = 0; i < 3; i++)
        assert_true(slk_limiter_take(limiter, "10.0.0.1", 5000));
    assert_false(slk_limiter_take(limiter, "10.0.0.1", 5000));
    assert_false(slk_limiter_take(limiter, "10.0.0.1", 5999));
    assert_true(slk_limiter_take(limiter, "10.0.0.2", 5999));
    assert_true(slk_limiter_take(limiter, "10.0.0.1", 6000));
    assert_false(slk_limiter_take(limiter, "10.0.0.1", 6000));
    for (int i = 0; i < 3; i++)
        assert_true(slk_limiter_take(limiter, "10.0.0.1", 90000));
    assert_false(slk_limiter_take(limiter, "10.0.0.1", 90000));
    slk_limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_go_json),
        cmocka_unit_test(unknown_fields_are_ignored_and_optional_ones_may_lack),
        cmocka_unit_test(malformed_messages_are_refused),
        cmocka_unit_test(fields_a_request_lacks_are_empty),
        cmocka_unit_test(long_texts_are_cut_at_a_character),
        cmocka_unit_test(connect_strings_round_trip),
        cmocka_unit_test(bad_connect_strings_are_refused),
        cmocka_unit_test(urls_are_checked_and_compared),
        cmocka_unit_test(the_limiter_refills),
    };
    return cmocka_run_group_tests_name("remote wire", tests, NULL, NULL);
}
