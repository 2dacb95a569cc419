/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/mem.h"
#include "buying/buying_impl.h"
#include "codec/json.h"
#include "net/signing.h"
#include "net/token.h"

#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 60000
#define REASON_CHARS 256u

static slk_err code_of(int status)
{
    switch (status) {
    case 400:
        return SLK_E_INVAL;
    case 401:
        return SLK_E_AUTH;
    case 402:
        return SLK_E_LIMIT;
    case 404:
        return SLK_E_NOTFOUND;
    case 409:
        return SLK_E_CONFLICT;
    default:
        return status == 429 || status >= 500 ? SLK_E_BUSY : SLK_E_PROTO;
    }
}

/* What a stranger gave as a reason, as far as it may be shown. */
static slk_err refused(int status, const json_t *answer, slk_error *error)
{
    const char *said =
        json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
    char reason[REASON_CHARS];
    (void)snprintf(reason, sizeof reason, "%s", said ? said : "no reason given");
    slk_net_token_hide(reason);
    slk_text_quotable(reason);
    return slk_fail(error, code_of(status), "the service says: %s (HTTP %d)", reason, status);
}

static slk_err call(slk_http_response *response, const slk_buying *buying, const char *url,
                    const question *q, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf address, body;
    slk_buf_init(&address, SLK_BUYING_URL_CHARS + 512);
    slk_buf_init(&body, ANSWER_MAX_BYTES);
    if (slk_buf_printf(&address, "%s/sealing/v1/%s", url, q->path) != SLK_OK)
        return slk_fail(error, SLK_E_LIMIT, "the service's address is too long");
    if (q->body && slk_json_print(&body, q->body) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a question");
    const slk_http_header key = {"Idempotency-Key", q->key};
    const slk_http_request request = {.method = q->method,
                                      .url = slk_buf_str(&address),
                                      .bearer = q->token,
                                      .headers = &key,
                                      .n_headers = q->key ? 1 : 0,
                                      .body = q->body ? slk_buf_str(&body) : NULL,
                                      .body_bytes = body.len,
                                      .content_type = q->body ? "application/json" : NULL,
                                      .total_timeout_ms = TIMEOUT_MS,
                                      .max_body_bytes = ANSWER_MAX_BYTES};
    return slk_http_call(buying->client, &request, response, error);
}

slk_err slk_buying_ask(json_t **ret, const slk_buying *buying, const char *url, const question *q,
                       slk_error *error)
{
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    slk_error why = {0};
    SLK_TRY(call(&response, buying, url, q, error));
    const slk_err code =
        slk_json_parse(&answer, response.body.data, response.body.len, ANSWER_MAX_BYTES, &why);
    if (code == SLK_E_NOMEM)
        return slk_fail(error, code, "out of memory for an answer");
    if (response.status < 200 || response.status > 299)
        return refused(response.status, answer, error);
    if (code != SLK_OK || !json_is_object(answer))
        return slk_fail(error, SLK_E_PROTO, "the service's answer is no JSON object");
    *ret = answer;
    answer = NULL;
    return SLK_OK;
}

slk_err slk_buying_verify(json_t **ret_payload, const json_t *envelope, const uint8_t public32[32],
                          slk_error *error)
{
    const char *payload = json_string_value(json_object_get(envelope, "payload"));
    const char *signature_hex = json_string_value(json_object_get(envelope, "signature"));
    uint8_t signature[SLK_SIGNATURE_BYTES];
    if (!payload || !signature_hex || !slk_hex_decode(signature, sizeof signature, signature_hex) ||
        !slk_signature_valid(public32, payload, strlen(payload), signature))
        return slk_fail(error, SLK_E_PROTO,
                        "the answer is not signed by the key that the service had when it was "
                        "added");
    slk_error why = {0};
    const slk_err code =
        slk_json_parse(ret_payload, payload, strlen(payload), ANSWER_MAX_BYTES, &why);
    return code == SLK_OK || code == SLK_E_NOMEM
               ? code
               : slk_fail(error, SLK_E_PROTO, "what the service signed is no JSON");
}

slk_err slk_buying_ask_signed(json_t **ret_payload, const slk_buying *buying,
                              const slk_buying_service *service, const question *q,
                              slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf token;
    SLK_CLEANUP(slk_json_decrefp) json_t *envelope = NULL;
    slk_buf_init(&token, 256);
    slk_err code = slk_buying_token(&token, buying, service, false, error);
    if (code == SLK_OK) {
        question with_token = *q;
        with_token.token = slk_buf_str(&token);
        code = slk_buying_ask(&envelope, buying, service->url, &with_token, error);
    }
    slk_bytes_wipe(token.data, token.len);
    SLK_TRY(code);
    return slk_buying_verify(ret_payload, envelope, service->public_key, error);
}
