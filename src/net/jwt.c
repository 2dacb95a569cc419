/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/jwt.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "codec/json.h"

#include <jwt.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX_BYTES ((size_t)SLK_JWT_MAX_CHARS)

static void jwt_freep(jwt_t **jwt)
{
    jwt_free(*jwt);
}

/* libjwt hands out memory of malloc. */
static void text_freep(char **text)
{
    free(*text);
}

/* ---- making ---- */

static json_t *payload_of(const slk_jwt_claims *claims)
{
    json_t *payload = json_object();
    json_t *allow = json_array();
    int bad = json_object_set_new(payload, "Allow", allow);
    for (unsigned i = 0; i < claims->n_allow; i++)
        bad |= json_array_append_new(allow, json_string(claims->allow[i]));
    if (claims->expires_s)
        bad |= json_object_set_new(payload, "exp", json_integer(claims->expires_s));
    if (claims->id[0])
        bad |= json_object_set_new(payload, "jti", json_string(claims->id));
    if (claims->subject[0])
        bad |= json_object_set_new(payload, "sub", json_string(claims->subject));
    if (claims->pin[0])
        bad |= json_object_set_new(payload, "pin", json_string(claims->pin));
    if (!bad)
        return payload;
    json_decref(payload);
    return NULL;
}

slk_err slk_jwt_make(char **ret_token, const slk_jwt_claims *claims, const uint8_t secret32[32],
                     slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *payload = payload_of(claims);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(jwt_freep) jwt_t *jwt = NULL;
    SLK_CLEANUP(text_freep) char *token = NULL;
    slk_buf_init(&text, PAYLOAD_MAX_BYTES);
    const bool good = payload && slk_json_print(&text, payload) == SLK_OK && jwt_new(&jwt) == 0 &&
                      jwt_add_grants_json(jwt, slk_buf_str(&text)) == 0 &&
                      jwt_set_alg(jwt, JWT_ALG_HS256, secret32, (int)SLK_JWT_SECRET_BYTES) == 0 &&
                      (token = jwt_encode_str(jwt));
    char *ours = good ? slk_strdup(token) : NULL;
    if (!ours)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a token");
    *ret_token = ours;
    return SLK_OK;
}

/* ---- reading ---- */

static slk_err bad(slk_error *error, const char *why)
{
    return slk_fail(error, SLK_E_AUTH, "the token (JWT) is not valid: %s", why);
}

static slk_err take_allow(slk_jwt_claims *claims, const json_t *payload, slk_error *error)
{
    const json_t *allow = slk_json_member(payload, "Allow");
    if (allow && !json_is_array(allow))
        return bad(error, "Allow is no list");
    for (size_t i = 0; i < json_array_size(allow) && claims->n_allow < SLK_JWT_ALLOW_MAX; i++) {
        const char *word = json_string_value(json_array_get(allow, i));
        if (!word)
            return bad(error, "Allow holds something that is no text");
        const size_t n = strlen(word);
        if (n > 0 && n < sizeof claims->allow[0])
            memcpy(claims->allow[claims->n_allow++], word, n + 1);
    }
    return SLK_OK;
}

static slk_err take_end(slk_jwt_claims *claims, const json_t *payload, int64_t now_s,
                        slk_error *error)
{
    const json_t *end = slk_json_member(payload, "exp");
    if (!end)
        return SLK_OK;
    if (!json_is_integer(end) || json_integer_value(end) <= 0)
        return bad(error, "exp is no time");
    claims->expires_s = json_integer_value(end);
    return now_s < claims->expires_s ? SLK_OK : bad(error, "it is over; ask for a new one");
}

static slk_err take_name(char out64[64], const json_t *payload, const char *member,
                         slk_error *error)
{
    const json_t *value = slk_json_member(payload, member);
    const char *text = json_string_value(value);
    if (!value)
        return SLK_OK;
    if (!text || strlen(text) >= 64 || !slk_text_is_printable(text))
        return bad(error, "jti, sub or pin is no name");
    memcpy(out64, text, strlen(text) + 1);
    return SLK_OK;
}

static slk_err take_all(slk_jwt_claims *claims, const json_t *payload, int64_t now_s,
                        slk_error *error)
{
    SLK_TRY(take_allow(claims, payload, error));
    SLK_TRY(take_end(claims, payload, now_s, error));
    SLK_TRY(take_name(claims->id, payload, "jti", error));
    SLK_TRY(take_name(claims->subject, payload, "sub", error));
    return take_name(claims->pin, payload, "pin", error);
}

slk_err slk_jwt_read(slk_jwt_claims *ret_claims, const char *token, const uint8_t secret32[32],
                     int64_t now_s, slk_error *error)
{
    SLK_CLEANUP(jwt_freep) jwt_t *jwt = NULL;
    SLK_CLEANUP(text_freep) char *text = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *payload = NULL;
    slk_jwt_claims claims = {0};
    if (strnlen(token, SLK_JWT_MAX_CHARS + 1) > SLK_JWT_MAX_CHARS)
        return bad(error, "it is too long");
    if (jwt_decode(&jwt, token, secret32, (int)SLK_JWT_SECRET_BYTES) != 0)
        return bad(error, "it was not made with the secret of this API");
    if (jwt_get_alg(jwt) != JWT_ALG_HS256)
        return bad(error, "it is not signed by HS256");
    if (!(text = jwt_get_grants_json(jwt, NULL)))
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a token");
    if (slk_json_parse_request(&payload, text, strlen(text), PAYLOAD_MAX_BYTES, NULL) != SLK_OK)
        return bad(error, "its payload is too large");
    if (!json_is_object(payload))
        return bad(error, "its payload is no object");
    SLK_TRY(take_all(&claims, payload, now_s, error));
    *ret_claims = claims;
    return SLK_OK;
}

void slk_jwt_peek(slk_jwt_claims *ret_claims, const char *token)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(slk_json_decrefp) json_t *payload = NULL;
    slk_jwt_claims claims = {0};
    const char *dot = strchr(token, '.');
    const char *start = dot ? dot + 1 : "";
    *ret_claims = claims;
    slk_buf_init(&text, PAYLOAD_MAX_BYTES);
    if (slk_base64url_decode(&text, start, strcspn(start, ".")) == SLK_OK &&
        slk_json_parse_request(&payload, slk_buf_str(&text), text.len, PAYLOAD_MAX_BYTES, NULL) ==
            SLK_OK &&
        take_all(&claims, payload, 0, NULL) == SLK_OK)
        *ret_claims = claims;
}
