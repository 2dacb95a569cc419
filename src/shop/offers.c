/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Offers and quotes. */
#include "base/mem.h"
#include "codec/json.h"
#include "service/quote.h"
#include "shop/shop_impl.h"

#include <string.h>

static slk_err list_offers(shop_request *r, slk_error *error)
{
    json_t *list = NULL;
    SLK_TRY(slk_offer_list(&list, r->db, r->now_ms, error));
    return slk_shop_reply_signed(
        r, 200, json_pack("{s:o,s:I}", "offers", list, "at_ms", (json_int_t)r->now_ms), error);
}

static slk_err read_wish(slk_order_wish *ret, const shop_request *r, slk_error *error)
{
    const char *kind;
    SLK_TRY(slk_json_string(&kind, r->body, "kind", error));
    if (!slk_order_kind_parse(&ret->kind, kind))
        return slk_fail(error, SLK_E_INVAL, "kind: cc or data");
    SLK_TRY(slk_json_i64(&ret->seal_proof, r->body, "seal_proof", error));
    SLK_TRY(slk_json_u64(&ret->sectors, r->body, "sectors", error));
    SLK_TRY(slk_shop_bool(&ret->proof, r, "with_proof", error));
    SLK_TRY(slk_shop_bool(&ret->push, r, "with_push", error));
    ret->retention_days = 0;
    return slk_json_member(r->body, "retention_days")
               ? slk_json_u64(&ret->retention_days, r->body, "retention_days", error)
               : SLK_OK;
}

static slk_err make_quote(shop_request *r, slk_error *error)
{
    const slk_shop_options *o = &r->shop->options;
    const char *offer;
    slk_order_wish wish;
    slk_quote quote;
    json_t *value = NULL;
    int64_t eta_ms = 0;
    SLK_TRY(slk_json_string(&offer, r->body, "offer", error));
    SLK_TRY(read_wish(&wish, r, error));
    SLK_TRY(o->eta(o->context, &eta_ms, &wish, error));
    SLK_TRY(slk_quote_make(&quote, r->db, &r->customer, offer, &wish, eta_ms, r->now_ms, error));
    SLK_TRY(slk_quote_to_json(&value, &quote, error));
    return slk_shop_reply_signed(r, 201, value, error);
}

static slk_err show_quote(shop_request *r, slk_error *error)
{
    slk_quote quote;
    json_t *value = NULL;
    SLK_TRY(slk_quote_get(&quote, r->db, r->customer.id, slk_http_param(r->exchange, "id"),
                          r->now_ms, error));
    SLK_TRY(slk_quote_to_json(&value, &quote, error));
    return slk_shop_reply_signed(r, 200, value, error);
}

const shop_door slk_shop_offer_doors[] = {
    {.method = "GET", .path = "/sealing/v1/offers", .handler = list_offers, .anybody = true},
    {.method = "POST", .path = "/sealing/v1/quotes", .handler = make_quote},
    {.method = "GET", .path = "/sealing/v1/quotes/{id}", .handler = show_quote},
    {0},
};
