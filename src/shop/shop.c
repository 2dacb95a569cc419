/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a request to its door: who asks, what was sent; and from a failure to an answer. */
#include "shop/shop.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "service/keys.h"
#include "shop/shop_impl.h"

static const shop_door *const tables[] = {slk_shop_offer_doors, slk_shop_order_doors,
                                          slk_shop_account_doors, slk_shop_invoice_doors};

slk_err slk_shop_new(slk_shop **ret_shop, const slk_shop_options *options, slk_error *error)
{
    SLK_TRY(slk_service_key_note(slk_seal_db(options->seal), options->key,
                                 slk_seal_now(options->seal), error));
    slk_shop *shop = slk_calloc(1, sizeof *shop);
    if (!shop)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the service");
    shop->options = *options;
    *ret_shop = shop;
    return SLK_OK;
}

void slk_shop_free(slk_shop *shop)
{
    slk_free(shop);
}

/* ---- answers ---- */

static slk_err print(slk_buf *out, json_t *value, slk_error *error)
{
    const slk_err code = value ? slk_json_print(out, value) : SLK_E_NOMEM;
    json_decref(value);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "out of memory for an answer");
}

slk_err slk_shop_reply_headers(slk_http_exchange *exchange)
{
    SLK_TRY(slk_http_reply_header(exchange, "Cache-Control", "no-store"));
    return slk_http_reply_header(exchange, "X-Content-Type-Options", "nosniff");
}

slk_err slk_shop_reply(shop_request *request, int status, json_t *value, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, ANSWER_MAX_BYTES);
    SLK_TRY(print(&text, value, error));
    SLK_TRY(slk_shop_reply_headers(request->exchange));
    return slk_http_reply_json(request->exchange, status, slk_buf_str(&text));
}

slk_err slk_shop_reply_signed(shop_request *request, int status, json_t *value, slk_error *error)
{
    const slk_signing_key *key = request->shop->options.key;
    uint8_t public[SLK_SIGNING_KEY_BYTES], signature[SLK_SIGNATURE_BYTES];
    char public_hex[2 * sizeof public + 1], signature_hex[2 * sizeof signature + 1];
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, ANSWER_MAX_BYTES);
    SLK_TRY(print(&text, value, error));
    SLK_TRY(slk_sign(signature, key, text.data, text.len, error));
    slk_signing_public(public, key);
    slk_hex_encode(public_hex, public, sizeof public);
    slk_hex_encode(signature_hex, signature, sizeof signature);
    return slk_shop_reply(request, status,
                          json_pack("{s:s,s:s,s:s}", "payload", slk_buf_str(&text), "key",
                                    public_hex, "signature", signature_hex),
                          error);
}

/* What is asked of the customer's account is not what is too large for a server. */
static int status_of(slk_err code)
{
    return code == SLK_E_LIMIT ? 402 : 0;
}

static slk_err answer_failure(slk_http_exchange *exchange, slk_err code, const slk_error *error)
{
    const int status = status_of(code);
    SLK_TRY(slk_shop_reply_headers(exchange));
    if (code == SLK_E_AUTH)
        SLK_TRY(slk_http_reply_header(exchange, "WWW-Authenticate", "Bearer"));
    if (status)
        return slk_http_reply_error(exchange, status, slk_err_name(code), "%s",
                                    slk_error_text(error, code));
    if (code == SLK_E_IO || code == SLK_E_CORRUPT || code == SLK_E_INTERNAL || code == SLK_E_NOMEM)
        slk_log(SLK_LOG_ERROR, "shop.failed", "path=%s code=%s why=\"%s\"", slk_http_path(exchange),
                slk_err_name(code), slk_error_text(error, code));
    return slk_http_reply_failure(exchange, code, error);
}

/* ---- requests ---- */

slk_err slk_shop_query(uint64_t *ret, const shop_request *request, const char *name, uint64_t most,
                       uint64_t fallback, slk_error *error)
{
    const char *text = slk_http_query(request->exchange, name);
    uint64_t value = fallback;
    if (text && (slk_parse_u64(&value, text) != SLK_OK || value > most))
        return slk_fail(error, SLK_E_INVAL, "%s: a whole number up to %llu", name,
                        (unsigned long long)most);
    *ret = value;
    return SLK_OK;
}

slk_err slk_shop_bool(bool *ret, const shop_request *request, const char *field, slk_error *error)
{
    *ret = false;
    return slk_json_member(request->body, field) ? slk_json_bool(ret, request->body, field, error)
                                                 : SLK_OK;
}

static slk_err read_body(json_t **ret, slk_http_exchange *exchange, const shop_door *door,
                         slk_error *error)
{
    size_t n = 0;
    const char *text = slk_http_body(exchange, &n);
    const size_t max = door->max_body_bytes ? door->max_body_bytes : SLK_HTTP_JSON_MAX_BYTES;
    if (!slk_http_is_json(exchange))
        return slk_fail(error, SLK_E_INVAL, "Content-Type must be application/json");
    /* who may send more is known by now */
    SLK_TRY(door->max_body_bytes ? slk_json_parse(ret, text, n, max, error)
                                 : slk_json_parse_request(ret, text, n, max, error));
    if (!json_is_object(*ret))
        return slk_fail(error, SLK_E_INVAL, "the body is a JSON object");
    return SLK_OK;
}

static slk_err find_customer(shop_request *r, slk_error *error)
{
    const char *token = slk_http_bearer(r->exchange);
    const slk_err code = slk_customer_authorize(&r->customer, r->db, token, r->now_ms, error);
    return code == SLK_E_AUTH ? slk_http_guessed(r->exchange, error) : code;
}

static slk_err serve_door(const shop_served *served, slk_http_exchange *exchange, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *body = NULL;
    slk_seal *seal = served->shop->options.seal;
    shop_request request = {.shop = served->shop,
                            .exchange = exchange,
                            .db = slk_seal_db(seal),
                            .now_ms = slk_seal_now(seal)};
    if (!served->door->anybody)
        SLK_TRY(find_customer(&request, error));
    if (served->door->method[0] == 'P')
        SLK_TRY(read_body(&body, exchange, served->door, error));
    request.body = body;
    return served->door->handler(&request, error);
}

static slk_err serve(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_error own = {0};
    const slk_err code = serve_door(context, exchange, &own);
    if (code == SLK_OK)
        return SLK_OK;
    if (error)
        *error = own;
    return answer_failure(exchange, code, &own);
}

size_t slk_shop_routes(slk_http_route out[SLK_SHOP_ROUTES_MAX], slk_shop *shop)
{
    size_t n = 0;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const shop_door *door = tables[t]; door->method; door++, n++) {
            slk_assert(n < SLK_SHOP_ROUTES_MAX);
            shop->served[n] = (shop_served){shop, door};
            out[n] = (slk_http_route){.method = door->method,
                                      .path = door->path,
                                      .handler = serve,
                                      .context = &shop->served[n],
                                      .max_body_bytes = door->max_body_bytes};
        }
    return n;
}
