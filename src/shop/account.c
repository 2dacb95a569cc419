/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a customer owes, its ledger, its tokens, and how its node fetches. */
#include "base/bytes.h"
#include "base/mem.h"
#include "codec/json.h"
#include "remote/connect.h"
#include "seal/partner.h"
#include "service/keys.h"
#include "service/order.h"
#include "shop/shop_impl.h"

#include <stdio.h>

#define CONNECT_OVERLAP_MS INT64_C(600000) /* the token before stays good so long */

static slk_err show_account(shop_request *r, slk_error *error)
{
    char limit[SLK_MONEY_CHARS], balance[SLK_MONEY_CHARS], owed[SLK_MONEY_CHARS];
    slk_money balance_money, owed_money;
    SLK_TRY(slk_ledger_balance(&balance_money, r->db, r->customer.id, error));
    SLK_TRY(slk_customer_owed(&owed_money, r->db, r->customer.id, error));
    slk_money_print(limit, &r->customer.limit);
    slk_money_print(balance, &balance_money);
    slk_money_print(owed, &owed_money);
    return slk_shop_reply(r, 200,
                          json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:b,s:b}", "id",
                                    (json_int_t)r->customer.id, "name", r->customer.name,
                                    "currency", r->customer.currency, "limit", limit, "balance",
                                    balance, "owed", owed, "pays_first", r->customer.pays_first,
                                    "closed", r->customer.closed),
                          error);
}

/* ---- ledger ---- */

static slk_err add_entry(void *context, const slk_ledger_entry *entry, slk_error *error)
{
    json_t *value = NULL;
    SLK_TRY(slk_ledger_to_json(&value, entry, error));
    return json_array_append_new(context, value) == 0
               ? SLK_OK
               : slk_fail(error, SLK_E_NOMEM, "out of memory for a ledger");
}

static slk_err keys_json(json_t **ret, slk_db *db, slk_error *error)
{
    slk_service_keys keys;
    SLK_TRY(slk_service_keys_read(&keys, db, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *list = json_array();
    for (size_t i = 0; i < keys.list.n; i++) {
        char hex[2 * SLK_SIGNING_KEY_BYTES + 1];
        slk_hex_encode(hex, keys.keys[i], SLK_SIGNING_KEY_BYTES);
        if (json_array_append_new(list, json_string(hex)) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a list of keys");
    }
    *ret = list;
    list = NULL;
    return SLK_OK;
}

static slk_err show_ledger(shop_request *r, slk_error *error)
{
    uint64_t after, most;
    json_t *keys = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *entries = json_array();
    SLK_TRY(slk_shop_query(&after, r, "after", INT64_MAX, 0, error));
    SLK_TRY(slk_shop_query(&most, r, "most", LIST_MOST, 100, error));
    SLK_TRY(
        slk_ledger_walk(r->db, r->customer.id, (int64_t)after, most, add_entry, entries, error));
    SLK_TRY(keys_json(&keys, r->db, error));
    return slk_shop_reply(r, 200, json_pack("{s:O,s:o}", "entries", entries, "keys", keys), error);
}

/* ---- tokens ---- */

static slk_err list_tokens(shop_request *r, slk_error *error)
{
    json_t *list = NULL;
    SLK_TRY(slk_customer_token_list(&list, r->db, r->customer.id, error));
    return slk_shop_reply(r, 200, json_pack("{s:o}", "tokens", list), error);
}

static slk_err add_token(shop_request *r, slk_error *error)
{
    char token[SLK_CUSTOMER_TOKEN_CHARS];
    const char *name;
    int64_t expires_ms = 0;
    SLK_TRY(slk_json_string(&name, r->body, "name", error));
    if (slk_json_member(r->body, "expires_ms"))
        SLK_TRY(slk_json_i64(&expires_ms, r->body, "expires_ms", error));
    SLK_TRY(
        slk_customer_token_add(token, r->db, r->customer.id, name, expires_ms, r->now_ms, error));
    const slk_err code =
        slk_shop_reply(r, 201, json_pack("{s:s,s:s}", "name", name, "token", token), error);
    slk_bytes_wipe(token, sizeof token);
    return code;
}

static slk_err revoke_token(shop_request *r, slk_error *error)
{
    const char *name = slk_http_param(r->exchange, "name");
    SLK_TRY(slk_customer_token_revoke(r->db, r->customer.id, name, error));
    return slk_shop_reply(r, 200, json_pack("{s:s}", "revoked", name), error);
}

/* ---- how its node fetches ---- */

static slk_err connect(shop_request *r, slk_error *error)
{
    const slk_shop_options *o = &r->shop->options;
    SLK_CLEANUP(slk_freep) char *url = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_connect string = {0};
    slk_buf_init(&text, SLK_CONNECT_TEXT_MAX);
    SLK_TRY(o->own_url(o->context, &url, error));
    (void)snprintf(string.url, sizeof string.url, "%s", url);
    SLK_TRY(slk_partner_rotate(string.token, o->seal, r->customer.partner_id, CONNECT_OVERLAP_MS,
                               error));
    slk_err code = slk_connect_print(&text, &string);
    slk_bytes_wipe(&string, sizeof string);
    code = code == SLK_OK
               ? slk_shop_reply(r, 201, json_pack("{s:s}", "connect_string", slk_buf_str(&text)),
                                error)
               : slk_fail(error, code, "the connect string cannot be made");
    slk_bytes_wipe(text.data, text.len);
    return code;
}

const shop_door slk_shop_account_doors[] = {
    {.method = "GET", .path = "/sealing/v1/account", .handler = show_account},
    {.method = "GET", .path = "/sealing/v1/ledger", .handler = show_ledger},
    {.method = "GET", .path = "/sealing/v1/tokens", .handler = list_tokens},
    {.method = "POST", .path = "/sealing/v1/tokens", .handler = add_token},
    {.method = "DELETE", .path = "/sealing/v1/tokens/{name}", .handler = revoke_token},
    {.method = "POST", .path = "/sealing/v1/connect", .handler = connect},
    {0},
};
