/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/jwt.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "net/token.h"

#include <gnutls/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* source: reference/lotus-worker 2 */
static const char admin_token[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJBbGxvdyI6WyJhZG1pbiJdfQ."
                                  "uHl5sSm5M8-hA_so7jGS10_9wkCKm1jaP22REf2z8XE";
static const char all_signature[] = "5lRaUKL6YDoISGlo14xwpeeacUF8a9HmOlEQ3ukDj_o";

static void secret_of(uint8_t secret32[32])
{
    for (unsigned i = 0; i < 32; i++)
        secret32[i] = (uint8_t)i;
}

/* A token of these two texts, signed as it must be by an HMAC of that size. */
static char *sign(const char *header, const char *payload, gnutls_mac_algorithm_t mac)
{
    uint8_t secret[32], out[64];
    slk_buf text;
    secret_of(secret);
    slk_buf_init(&text, 65536);
    assert_int_equal(slk_base64url_encode(&text, (const uint8_t *)header, strlen(header)), SLK_OK);
    assert_int_equal(slk_buf_text(&text, "."), SLK_OK);
    assert_int_equal(slk_base64url_encode(&text, (const uint8_t *)payload, strlen(payload)),
                     SLK_OK);
    assert_int_equal(gnutls_hmac_fast(mac, secret, sizeof secret, text.data, text.len, out), 0);
    assert_int_equal(slk_buf_text(&text, "."), SLK_OK);
    assert_int_equal(slk_base64url_encode(&text, out, gnutls_hmac_get_len(mac)), SLK_OK);
    return slk_buf_take(&text);
}

static slk_err read_made(slk_jwt_claims *claims, const char *header, const char *payload,
                         int64_t now_s)
{
    uint8_t secret[32];
    slk_error error = {0};
    secret_of(secret);
    char *token = sign(header, payload, GNUTLS_MAC_SHA256);
    const slk_err code = slk_jwt_read(claims, token, secret, now_s, &error);
    if (code != SLK_OK) {
        assert_non_null(strstr(error.message, "JWT"));
        assert_null(strstr(error.message, token));
    }
    slk_free(token);
    return code;
}

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static void test_vectors(void **state)
{
    (void)state;
    uint8_t secret[32];
    char *token = NULL;
    slk_jwt_claims claims = {.allow = {"admin"}, .n_allow = 1};
    secret_of(secret);
    assert_int_equal(slk_jwt_make(&token, &claims, secret, NULL), SLK_OK);
    assert_string_equal(token, admin_token);
    slk_free(token);
    claims = (slk_jwt_claims){.allow = {"read", "write", "sign", "admin"}, .n_allow = 4};
    assert_int_equal(slk_jwt_make(&token, &claims, secret, NULL), SLK_OK);
    assert_string_equal(strrchr(token, '.') + 1, all_signature);
    slk_jwt_claims back = {0};
    assert_int_equal(slk_jwt_read(&back, token, secret, 0, NULL), SLK_OK);
    assert_memory_equal(&back, &claims, sizeof claims);
    slk_free(token);
}

static void test_end_and_id(void **state)
{
    (void)state;
    uint8_t secret[32];
    char *token = NULL;
    slk_jwt_claims back = {0};
    const slk_jwt_claims claims = {
        .allow = {"worker"}, .n_allow = 1, .expires_s = 1000, .id = "w-17"};
    secret_of(secret);
    assert_int_equal(slk_jwt_make(&token, &claims, secret, NULL), SLK_OK);
    assert_int_equal(slk_jwt_read(&back, token, secret, 999, NULL), SLK_OK);
    assert_memory_equal(&back, &claims, sizeof claims);
    slk_error error = {0};
    assert_int_equal(slk_jwt_read(&back, token, secret, 1000, &error), SLK_E_AUTH);
    assert_non_null(strstr(error.message, "it is over"));
    slk_free(token);
}

static void test_other_algorithms(void **state)
{
    (void)state;
    uint8_t secret[32];
    slk_jwt_claims claims = {0};
    secret_of(secret);
    char *longer =
        sign("{\"alg\":\"HS512\",\"typ\":\"JWT\"}", "{\"Allow\":[\"admin\"]}", GNUTLS_MAC_SHA512);
    assert_int_equal(slk_jwt_read(&claims, longer, secret, 0, NULL), SLK_E_AUTH);
    slk_free(longer);
    char *none = sign("{\"alg\":\"none\"}", "{\"Allow\":[\"admin\"]}", GNUTLS_MAC_SHA256);
    assert_int_equal(slk_jwt_read(&claims, none, secret, 0, NULL), SLK_E_AUTH);
    *(strrchr(none, '.') + 1) = 0;
    assert_int_equal(slk_jwt_read(&claims, none, secret, 0, NULL), SLK_E_AUTH);
    slk_free(none);
}

static void test_each_changed_character(void **state)
{
    (void)state;
    uint8_t secret[32];
    char token[sizeof admin_token];
    slk_jwt_claims claims = {0};
    secret_of(secret);
    for (size_t i = 0; i + 1 < sizeof admin_token - 1; i++) {
        memcpy(token, admin_token, sizeof token);
        token[i] = token[i] == 'A' ? 'B' : 'A';
        assert_int_equal(slk_jwt_read(&claims, token, secret, 0, NULL), SLK_E_AUTH);
        token[i] = 0;
        assert_int_equal(slk_jwt_read(&claims, token, secret, 0, NULL), SLK_E_AUTH);
    }
    secret[31] ^= 1;
    assert_int_equal(slk_jwt_read(&claims, admin_token, secret, 0, NULL), SLK_E_AUTH);
}

static void test_claims(void **state)
{
    (void)state;
    slk_jwt_claims claims = {0};
    assert_int_equal(read_made(&claims, HS256,
                               "{\"Allow\":[\"read\",\"a word that is far too long\",\"x\"],"
                               "\"iss\":{\"a\":[1]},\"jti\":\"7\"}",
                               0),
                     SLK_OK);
    assert_int_equal(claims.n_allow, 2);
    assert_string_equal(claims.allow[1], "x");
    assert_string_equal(claims.id, "7");
    assert_int_equal(read_made(&claims, HS256, "{\"Allow\":null}", 0), SLK_OK);
    assert_int_equal(claims.n_allow, 0);
    const char *const wrong[] = {
        "{\"Allow\":\"admin\"}",
        "{\"Allow\":[1]}",
        "{\"Allow\":[],\"exp\":\"soon\"}",
        "{\"Allow\":[],\"exp\":1.5}",
        "{\"Allow\":[],\"exp\":0}",
        "{\"Allow\":[],\"jti\":7}",
        "{\"Allow\":[],\"jti\":\"a\\u0007\"}",
        "[\"admin\"]",
        "no JSON",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(read_made(&claims, HS256, wrong[i], 0), SLK_E_AUTH);
}

static void test_long(void **state)
{
    (void)state;
    uint8_t secret[32];
    slk_jwt_claims claims = {0};
    secret_of(secret);
    char *payload = slk_alloc(8192, 1);
    assert_non_null(payload);
    memset(payload, 'a', 8191);
    payload[8191] = 0;
    memcpy(payload, "{\"Allow\":[],\"x\":\"", 17);
    payload[8190] = '}';
    payload[8189] = '"';
    assert_int_equal(read_made(&claims, HS256, payload, 0), SLK_E_AUTH);
    payload[2000] = '"';
    payload[2001] = '}';
    payload[2002] = 0;
    assert_int_equal(read_made(&claims, HS256, payload, 0), SLK_OK);
    slk_free(payload);
}

/* As a peer may quote it. */
static void test_hidden(void **state)
{
    (void)state;
    char text[2 * sizeof admin_token + 64];
    const char *const around[][2] = {
        {"bad token ", ""}, {"\"", "\" is void"}, {"Bearer:", ", and"}};
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        (void)snprintf(text, sizeof text, "%s%s%s", around[i][0], admin_token, around[i][1]);
        slk_net_token_hide(text);
        assert_null(strstr(text, "eyJ"));
        assert_null(strstr(text, "uHl5"));
        assert_memory_equal(text, around[i][0], strlen(around[i][0]));
        assert_string_equal(text + strlen(text) - strlen(around[i][1]), around[i][1]);
    }
    /* Cut by the text's end: what is left of it goes, too. */
    (void)snprintf(text, sizeof text, "bad token %.20s", admin_token);
    slk_net_token_hide(text);
    assert_string_equal(text, "bad token ********************");
    (void)snprintf(text, sizeof text, "bad token %s %s", admin_token, admin_token);
    slk_net_token_hide(text);
    assert_null(strstr(text, "eyJ"));
    const char *const harmless[] = {"the eyJ of a storm", "eyJ", "heyJude.", ""};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        (void)snprintf(text, sizeof text, "%s", harmless[i]);
        slk_net_token_hide(text);
        assert_string_equal(text, harmless[i]);
    }
}

static void test_pin(void **state)
{
    (void)state;
    uint8_t secret[32];
    slk_jwt_claims claims = {.allow = {"worker"}, .n_allow = 1, .pin = "sha256//AAAA="}, read = {0};
    char *token = NULL;
    secret_of(secret);
    assert_int_equal(slk_jwt_make(&token, &claims, secret, NULL), SLK_OK);
    assert_int_equal(slk_jwt_read(&read, token, secret, 0, NULL), SLK_OK);
    assert_string_equal(read.pin, claims.pin);
    slk_jwt_peek(&read, token);
    assert_string_equal(read.pin, claims.pin);
    assert_string_equal(read.allow[0], "worker");
    slk_free(token);
    const char *const none[] = {admin_token, "", "a.b", "a.!!.c", "a.e30.c", "a.eyJwaW4iOjd9.c"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        read = claims;
        slk_jwt_peek(&read, none[i]);
        assert_string_equal(read.pin, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),          cmocka_unit_test(test_end_and_id),
        cmocka_unit_test(test_other_algorithms), cmocka_unit_test(test_each_changed_character),
        cmocka_unit_test(test_claims),           cmocka_unit_test(test_long),
        cmocka_unit_test(test_hidden),           cmocka_unit_test(test_pin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
