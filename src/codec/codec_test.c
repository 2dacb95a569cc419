/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/mem.h"
#include "codec/apiinfo.h"
#include "codec/base32.h"
#include "codec/base64.h"
#include "codec/bigint.h"
#include "codec/bitfield.h"
#include "codec/cbor.h"
#include "codec/cid.h"
#include "codec/json.h"
#include "codec/varint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void base32_is_rfc4648_without_padding(void **state)
{
    (void)state;
    /* source: RFC 4648 10, in lower case */
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "my"},
                                             {"fo", "mzxq"},
                                             {"foo", "mzxw6"},
                                             {"foob", "mzxw6yq"},
                                             {"fooba", "mzxw6ytb"},
                                             {"foobar", "mzxw6ytboi"}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        char text[32];
        uint8_t out[16];
        size_t n = 99;
        slk_base32_encode(text, (const uint8_t *)vectors[i][0], strlen(vectors[i][0]));
        assert_string_equal(text, vectors[i][1]);
        assert_int_equal(slk_base32_decode(out, 16, &n, text, strlen(text)), SLK_OK);
        assert_int_equal(n, strlen(vectors[i][0]));
        assert_memory_equal(out, vectors[i][0], n);
    }
    uint8_t out[16];
    size_t n;
    assert_int_equal(slk_base32_decode(out, 16, &n, "MY", 2), SLK_E_INVAL);
    assert_int_equal(slk_base32_decode(out, 16, &n, "mz", 2), SLK_E_INVAL); /* bits left over */
    assert_int_equal(slk_base32_decode(out, 16, &n, "m", 1), SLK_E_INVAL);
    assert_int_equal(slk_base32_decode(out, 16, &n, "mzx", 3), SLK_E_INVAL);
    assert_int_equal(slk_base32_decode(out, 1, &n, "mzxq", 4), SLK_E_LIMIT);
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xfb\xff", "+/8="}};
    SLK_CLEANUP(slk_buf_done) slk_buf buf;
    slk_buf_init(&buf, 100);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const char *raw = vectors[i][0], *text = vectors[i][1];
        slk_buf_reset(&buf);
        assert_int_equal(slk_base64_encode(&buf, (const uint8_t *)raw, strlen(raw)), SLK_OK);
        assert_string_equal(slk_buf_str(&buf), text);
        slk_buf_reset(&buf);
        assert_int_equal(slk_base64_decode(&buf, text, strlen(text)), SLK_OK);
        assert_int_equal(buf.len, strlen(raw));
        assert_memory_equal(slk_buf_str(&buf), raw, buf.len);
    }
    static const char *const bad[] = {
        "Zg", "Zg=", "Zh==", "Zg==\n", "====", "=", "Zm8=Zm8=", "Z===", "-_8=", "Zm 9v"};
    slk_buf_reset(&buf);
    assert_int_equal(slk_buf_text(&buf, "kept"), SLK_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(slk_base64_decode(&buf, bad[i], strlen(bad[i])), SLK_E_INVAL);
        assert_string_equal(slk_buf_str(&buf), "kept");
    }
    slk_buf_reset(&buf);
    assert_int_equal(slk_base64url_encode(&buf, (const uint8_t *)"\xfb\xff", 2), SLK_OK);
    assert_string_equal(slk_buf_str(&buf), "-_8");
    assert_int_equal(slk_base64url_decode(&buf, "-_8", 3), SLK_OK);
    assert_int_equal(slk_base64url_decode(&buf, "-_8=", 4), SLK_E_INVAL);
}

static void varints_have_one_spelling(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 1000, 0xf101, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint8_t bytes[SLK_VARINT_MAX_BYTES];
        uint64_t back = 7;
        size_t n = slk_varint_put(bytes, values[i]);
        assert_int_equal(slk_varint_get(&back, bytes, n), n);
        assert_true(back == values[i]);
        assert_int_equal(slk_varint_get(&back, bytes, n - 1), 0);
    }
    uint64_t v;
    assert_int_equal(slk_varint_get(&v, (const uint8_t *)"\x80\x00", 2), 0);
    assert_int_equal(
        slk_varint_get(&v, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10), 0);
}

static void cids_round_trip(void **state)
{
    (void)state;
    /* source: reference/chain 5: the zero CommD of 2 KiB */
    const char *text = "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy";
    slk_cid cid, made;
    char printed[SLK_CID_TEXT_CHARS], hex[2 * SLK_CID_MAX_BYTES + 1];
    assert_int_equal(slk_cid_parse(&cid, text, NULL), SLK_OK);
    slk_cid_print(printed, &cid);
    assert_string_equal(printed, text);
    slk_hex_encode(hex, cid.bytes, cid.len);
    assert_string_equal(hex, "0181e203922020"
                             "fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833");
    slk_cid_parts parts = slk_cid_split(&cid);
    assert_true(parts.codec == SLK_CODEC_COMMITMENT_UNSEALED);
    assert_true(parts.hash == SLK_HASH_SHA2_256_TRUNC254);
    assert_int_equal(parts.digest_bytes, 32);
    slk_cid_make(&made, parts.codec, parts.hash, parts.digest, 32);
    assert_true(slk_cid_equal(&made, &cid));
    for (size_t n = 0; n < cid.len; n++)
        assert_int_equal(slk_cid_from_bytes(&made, cid.bytes, n, NULL), SLK_E_INVAL);
    assert_int_equal(slk_cid_parse(&made, "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", NULL),
                     SLK_E_INVAL);
    assert_int_equal(slk_cid_parse(&made, "", NULL), SLK_E_INVAL);
    slk_cid undefined = {0};
    slk_cid_print(printed, &undefined);
    assert_string_equal(printed, "");
}

static void amounts_are_exact(void **state)
{
    (void)state;
    static const char *const values[] = {
        "0",
        "1",
        "256",
        "1000000000000000000",
        "18446744073709551616",
        "115792089237316195423570985008687907853269984665640564039457584007913129639935"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        slk_bigint v, back;
        char text[SLK_BIGINT_TEXT_CHARS];
        uint8_t be[32];
        assert_int_equal(slk_bigint_parse(&v, values[i]), SLK_OK);
        slk_bigint_print(text, &v);
        assert_string_equal(text, values[i]);
        size_t n = slk_bigint_to_be(be, &v);
        assert_int_equal(slk_bigint_from_be(&back, be, n), SLK_OK);
        assert_int_equal(slk_bigint_cmp(&v, &back), 0);
    }
    slk_bigint v = {{0}}, w;
    assert_int_equal(
        slk_bigint_parse(
            &v, "115792089237316195423570985008687907853269984665640564039457584007913129639936"),
        SLK_E_LIMIT);
    assert_int_equal(slk_bigint_parse(&v, ""), SLK_E_INVAL);
    assert_int_equal(slk_bigint_parse(&v, "-1"), SLK_E_INVAL);
    assert_int_equal(slk_bigint_parse(&v, "1e3"), SLK_E_INVAL);
    v = slk_bigint_from_u64(UINT64_MAX);
    w = slk_bigint_from_u64(1);
    char text[SLK_BIGINT_TEXT_CHARS];
    assert_int_equal(slk_bigint_add(&v, &v, &w), SLK_OK);
    slk_bigint_print(text, &v);
    assert_string_equal(text, "18446744073709551616");
    assert_int_equal(slk_bigint_mul_u64(&v, &v, UINT64_MAX), SLK_OK);
    slk_bigint_print(text, &v);
    assert_string_equal(text, "340282366920938463444927863358058659840");
    v = slk_bigint_div_u64(&v, 1000000007);
    slk_bigint_print(text, &v);
    assert_string_equal(text, "340282364538961911672194481652");
    assert_int_equal(slk_bigint_sub(&w, &w, &v), SLK_E_LIMIT);
    w = slk_bigint_sub_floor(&w, &v);
    assert_true(slk_bigint_is_zero(&w));
}

static void assert_cbor(const slk_buf *buf, const char *hex)
{
    SLK_CLEANUP(slk_freep) char *text = slk_alloc(buf->len * 2 + 1, 1);
    assert_non_null(text);
    slk_hex_encode(text, buf->data, buf->len);
    assert_string_equal(text, hex);
}

static void cbor_writes_the_shortest_form(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_buf_done) slk_buf buf;
    slk_buf_init(&buf, 1000);
    assert_int_equal(slk_cbor_put_int(&buf, -800), SLK_OK);
    assert_int_equal(slk_cbor_put_int(&buf, 23), SLK_OK);
    assert_int_equal(slk_cbor_put_int(&buf, 24), SLK_OK);
    assert_int_equal(slk_cbor_put_uint(&buf, UINT64_MAX), SLK_OK);
    assert_int_equal(slk_cbor_put_int(&buf, INT64_MIN), SLK_OK);
    assert_cbor(&buf, "39031f1718181bffffffffffffffff3b7fffffffffffffff");
    slk_buf_reset(&buf);
    slk_bigint one = slk_bigint_from_u64(1), zero = {{0}}, b256 = slk_bigint_from_u64(256);
    slk_bigint fil = slk_bigint_from_u64(1000000000000000000u);
    assert_int_equal(slk_cbor_put_bigint(&buf, &zero), SLK_OK);
    assert_int_equal(slk_cbor_put_bigint(&buf, &one), SLK_OK);
    assert_int_equal(slk_cbor_put_bigint(&buf, &b256), SLK_OK);
    assert_int_equal(slk_cbor_put_bigint(&buf, &fil), SLK_OK);
    assert_cbor(&buf, "40420001430001004900"
                      "0de0b6b3a7640000");
    slk_cbor c = slk_cbor_over(buf.data, buf.len);
    slk_bigint back;
    for (int i = 0; i < 4; i++)
        assert_int_equal(slk_cbor_get_bigint(&c, &back, "amount", NULL), SLK_OK);
    assert_int_equal(slk_bigint_cmp(&back, &fil), 0);
    assert_int_equal(slk_cbor_end(&c, "amounts", NULL), SLK_OK);
}

/* Whether one of the readers takes the item that the bytes begin with; who refuses stands where it stood. */
static bool reads_hex(const char *hex)
{
    uint8_t bytes[64];
    size_t n = strlen(hex) / 2, n_bytes;
    assert_true(slk_hex_decode(bytes, n, hex));
    slk_cbor c = slk_cbor_over(bytes, n);
    const uint8_t *found;
    int64_t number;
    uint64_t items;
    bool flag;
    slk_cid cid;
    const bool taken = slk_cbor_get_int(&c, &number, "item", NULL) == SLK_OK ||
                       slk_cbor_get_bytes(&c, &found, &n_bytes, 64, "item", NULL) == SLK_OK ||
                       slk_cbor_get_array(&c, &items, 64, "item", NULL) == SLK_OK ||
                       slk_cbor_get_bool(&c, &flag, "item", NULL) == SLK_OK ||
                       slk_cbor_get_cid(&c, &cid, "item", NULL) == SLK_OK || slk_cbor_take_null(&c);
    assert_true(taken == (c.at > 0));
    return taken;
}

static void cbor_reads_only_that_form(void **state)
{
    (void)state;
    static const char *const good[] = {"00",     "1818", "39031f", "40",
                                       "820180", "f6",   "f5",     "8181818100"};
    static const char *const bad[] = {"",
                                      "1817",
                                      "190018",
                                      "1a0000ffff",
                                      "1b00000000ffffffff",
                                      "5f",
                                      "9f00ff",
                                      "a0",
                                      "fb3ff0000000000000",
                                      "f97e00",
                                      "4201",
                                      "8201",
                                      "1c",
                                      "f818",
                                      "ff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(reads_hex(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(reads_hex(bad[i]));
    uint8_t negative[] = {0x42, 0x01, 0x01}, long_zero[] = {0x42, 0x00, 0x00};
    slk_bigint v;
    slk_cbor c = slk_cbor_over(negative, 3);
    assert_int_equal(slk_cbor_get_bigint(&c, &v, "value", NULL), SLK_E_INVAL);
    c = slk_cbor_over(long_zero, 3);
    assert_int_equal(slk_cbor_get_bigint(&c, &v, "value", NULL), SLK_E_INVAL);
    uint8_t huge[] = {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint64_t items;
    c = slk_cbor_over(huge, 9);
    assert_int_equal(slk_cbor_get_array(&c, &items, UINT64_MAX, "list", NULL), SLK_E_INVAL);
    int64_t i;
    uint8_t big[] = {0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0};
    c = slk_cbor_over(big, 9);
    assert_int_equal(slk_cbor_get_int(&c, &i, "n", NULL), SLK_E_INVAL);
}

static void json_names_the_bad_field(void **state)
{
    (void)state;
    const char *text = "{\"a\":9223372036854775807,\"b\":\"QUI=\",\"c\":{\"/\":\"bafy\"},\"d\":-1,"
                       "\"e\":null,\"v\":\"12\",\"f\":1.5}";
    slk_error error;
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    assert_int_equal(slk_json_parse(&value, text, strlen(text), 1000, &error), SLK_OK);
    int64_t i;
    uint64_t u;
    slk_bigint big;
    slk_cid cid;
    json_t *array = value;
    assert_int_equal(slk_json_i64(&i, value, "a", &error), SLK_OK);
    assert_true(i == INT64_MAX);
    assert_int_equal(slk_json_i64(&i, value, "f", &error), SLK_E_INVAL);
    assert_int_equal(slk_json_u64(&u, value, "d", &error), SLK_E_INVAL);
    assert_string_equal(error.message, "d: negative");
    assert_int_equal(slk_json_i64(&i, value, "e", &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "e: missing"));
    assert_int_equal(slk_json_cid(&cid, value, "c", &error), SLK_E_INVAL);
    assert_int_equal(slk_json_cid(&cid, value, "e", &error), SLK_OK);
    assert_false(slk_cid_defined(&cid));
    assert_int_equal(slk_json_array(&array, value, "e", &error), SLK_OK);
    assert_null(array);
    assert_int_equal(slk_json_bigint(&big, value, "v", &error), SLK_OK);
    assert_true(big.limb[0] == 12);
    SLK_CLEANUP(slk_buf_done) slk_buf buf;
    slk_buf_init(&buf, 100);
    assert_int_equal(slk_json_bytes(&buf, value, "b", &error), SLK_OK);
    assert_string_equal(slk_buf_str(&buf), "AB");
    json_t *none = NULL;
    assert_int_equal(slk_json_parse(&none, "{\"a\":1,\"a\":2}", 13, 100, NULL), SLK_E_INVAL);
    assert_int_equal(slk_json_parse(&none, "[1] x", 5, 100, NULL), SLK_E_INVAL);
    assert_int_equal(slk_json_parse(&none, "[18446744073709551616]", 22, 100, NULL), SLK_E_INVAL);
    assert_int_equal(slk_json_parse(&none, "[1]", 3, 2, NULL), SLK_E_LIMIT);
    char deep[200];
    memset(deep, '[', sizeof deep);
    assert_int_equal(slk_json_parse(&none, deep, sizeof deep, 1000, NULL), SLK_E_INVAL);
    assert_null(none);
}

/* A list of so many numbers, and a text full of commas, which is one value. */
static void messages_of_strangers_have_few_values(void **state)
{
    (void)state;
    json_t *none = NULL;
    char many[2 * SLK_JSON_REQUEST_VALUES + 1];
    memset(many, ',', sizeof many);
    for (size_t i = 1; i < sizeof many; i += 2)
        many[i] = '0';
    many[0] = '[';
    many[sizeof many - 1] = ']';
    assert_int_equal(slk_json_parse_request(&none, many, sizeof many, 10000, NULL), SLK_E_LIMIT);
    assert_int_equal(slk_json_parse(&none, many, sizeof many, 10000, NULL), SLK_OK);
    json_decref(none);
    many[2] = ' ';
    many[3] = ' ';
    assert_int_equal(slk_json_parse_request(&none, many, sizeof many, 10000, NULL), SLK_OK);
    json_decref(none);
    memset(many, ',', sizeof many);
    many[0] = many[sizeof many - 1] = '"';
    assert_int_equal(slk_json_parse_request(&none, many, sizeof many, 10000, NULL), SLK_OK);
    json_decref(none);
}

static void assert_api_info(const char *text, const char *token, const char *url)
{
    slk_apiinfo info = {0};
    slk_error error = {0};
    slk_err code = slk_apiinfo_parse(&info, text, strlen(text), &error);
    if (url == NULL) {
        assert_int_equal(code, SLK_E_INVAL);
        assert_null(strstr(error.message, "SECRET"));
        return;
    }
    assert_int_equal(code, SLK_OK);
    assert_string_equal(info.token, token);
    assert_string_equal(info.url, url);
    slk_apiinfo_done(&info);
}

static void api_info_is_read_as_lotus_writes_it(void **state)
{
    (void)state;
    assert_api_info("SECRET.a-b_c:/ip4/127.0.0.1/tcp/1234/http", "SECRET.a-b_c",
                    "http://127.0.0.1:1234");
    assert_api_info("/dns/node.example/tcp/443/wss", "", "https://node.example:443");
    assert_api_info("/ip6/::1/tcp/1234", "", "http://[::1]:1234");
    assert_api_info("/dns4/h/tcp/1/tls/ws", "", "https://h:1");
    assert_api_info("http://h:1234", "", "http://h:1234");
    assert_api_info("t:https://h/rpc/v1", "t", "https://h");
    assert_api_info("t:wss://[::1]:99/", "t", "https://[::1]:99");
    assert_api_info("t:ws://h:1", "t", "http://h:1");
    assert_api_info("FULLNODE_API_INFO=t:/ip4/1.2.3.4/tcp/1/http", "t", "http://1.2.3.4:1");
    static const char *const bad[] = {"SECRET",
                                      "SECRET:",
                                      "SECRET:/ip4/1.2.3.4",
                                      ":",
                                      "SECRET:/ip4/1.2.3.4/udp/1",
                                      "SECRET:/ip4/a@b/tcp/1",
                                      "SECRET:http://u:p@h:1",
                                      "SECRET:http://h:99999",
                                      "SECRET:http://h:1/?x=1",
                                      "SECRET:ftp://h",
                                      "SECRET:/ip4/1.2.3.4/tcp/1/quic",
                                      "SEC RET:http://h",
                                      "SECRET:/ip4/1.2.3.4/tcp/0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_api_info(bad[i], NULL, NULL);
    slk_apiinfo infos[2];
    size_t n;
    assert_int_equal(slk_apiinfo_parse_list(infos, 2, &n, "a:http://h:1,b:http://h:2", NULL),
                     SLK_OK);
    assert_int_equal(n, 2);
    assert_string_equal(infos[1].token, "b");
    slk_apiinfo_done(&infos[0]);
    slk_apiinfo_done(&infos[1]);
    assert_int_equal(slk_apiinfo_parse_list(infos, 2, &n, "http://h:1,", NULL), SLK_E_INVAL);
    assert_int_equal(slk_apiinfo_parse_list(infos, 1, &n, "http://h:1,http://h:2", NULL),
                     SLK_E_LIMIT);
}

static void assert_runs(const slk_bitfield *set, const char *json)
{
    SLK_CLEANUP(slk_buf_done) slk_buf buf;
    slk_buf_init(&buf, 1000);
    json_t *value = slk_bitfield_to_json(set);
    assert_int_equal(slk_json_print(&buf, value), SLK_OK);
    json_decref(value);
    assert_string_equal(slk_buf_str(&buf), json);
    slk_buf_reset(&buf);
    assert_int_equal(slk_bitfield_to_rle(&buf, set), SLK_OK);
    slk_bitfield back = {0};
    assert_int_equal(slk_bitfield_from_rle(&back, buf.data, buf.len, NULL), SLK_OK);
    assert_int_equal(back.n, set->n);
    if (set->n > 0)
        assert_memory_equal(back.ranges, set->ranges, set->n * sizeof *set->ranges);
    slk_bitfield_done(&back);
}

static void bitfields_are_run_lengths(void **state)
{
    (void)state;
    slk_bitfield set = {0};
    assert_runs(&set, "[0]");
    static const uint64_t in[] = {0, 2, 3, 1000, 1002, 1001, 4};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        assert_int_equal(slk_bitfield_add(&set, in[i]), SLK_OK);
    assert_runs(&set, "[0,1,1,3,995,3]");
    assert_true(slk_bitfield_has(&set, 1001));
    assert_false(slk_bitfield_has(&set, 1));
    assert_int_equal(slk_bitfield_first_free(&set, 0), 1);
    assert_int_equal(slk_bitfield_first_free(&set, 2), 5);
    assert_int_equal(slk_bitfield_count(&set), 7);
    assert_int_equal(slk_bitfield_remove_range(&set, 1001, 1002), SLK_OK);
    assert_int_equal(slk_bitfield_remove_range(&set, 0, 1), SLK_OK);
    assert_int_equal(slk_bitfield_remove_range(&set, 77, 78), SLK_OK);
    assert_runs(&set, "[2,3,995,1,1,1]");
    for (uint64_t i = 0; i < 300; i++)
        assert_int_equal(slk_bitfield_add(&set, 5000 + i * i), SLK_OK);
    assert_int_equal(slk_bitfield_count(&set), 305);
    SLK_CLEANUP(slk_buf_done) slk_buf buf;
    slk_buf_init(&buf, 10000);
    slk_bitfield back = {0};
    assert_int_equal(slk_bitfield_to_rle(&buf, &set), SLK_OK);
    assert_int_equal(slk_bitfield_from_rle(&back, buf.data, buf.len, NULL), SLK_OK);
    assert_memory_equal(back.ranges, set.ranges, set.n * sizeof *set.ranges);
    slk_bitfield_done(&back);
    slk_bitfield_done(&set);
    static const char *const bad[] = {
        "[1,0]", "[-1]", "[1.0]", "{}",
        "[9223372036854775807,9223372036854775807,9223372036854775807]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *value = json_loads(bad[i], 0, NULL);
        assert_int_equal(slk_bitfield_from_json(&set, value, NULL), SLK_E_INVAL);
        json_decref(value);
    }
    /* A run past the end, an unknown version, a zero run, a final zero byte. */
    static const char *const broken[] = {"03", "1800", "0a", "00"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        uint8_t bytes[8];
        size_t n = strlen(broken[i]) / 2;
        assert_true(slk_hex_decode(bytes, n, broken[i]));
        assert_int_not_equal(slk_bitfield_from_rle(&set, bytes, n, NULL), SLK_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base32_is_rfc4648_without_padding),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(varints_have_one_spelling),
        cmocka_unit_test(cids_round_trip),
        cmocka_unit_test(amounts_are_exact),
        cmocka_unit_test(cbor_writes_the_shortest_form),
        cmocka_unit_test(cbor_reads_only_that_form),
        cmocka_unit_test(json_names_the_bad_field),
        cmocka_unit_test(messages_of_strangers_have_few_values),
        cmocka_unit_test(api_info_is_read_as_lotus_writes_it),
        cmocka_unit_test(bitfields_are_run_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
