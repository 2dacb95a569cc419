/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/mem.h"
#include "buying/buying_impl.h"
#include "codec/json.h"
#include "db/args.h"
#include "net/signing.h"
#include "remote/connect.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_MAX_BYTES ((size_t)512)

#define COLUMNS "id, name, url, public_key, customer_id, currency, partner_url"
static const slk_sql insert = {
    "buying.insert", "INSERT INTO buying_service (name, url, token, partner_token, public_key,"
                     " customer_id, currency, added_ms, partner_url)"
                     " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
                     " RETURNING id"};
static const slk_sql find = {"buying.find",
                             "SELECT " COLUMNS " FROM buying_service WHERE name = $1"};
static const slk_sql list = {"buying.list", "SELECT " COLUMNS " FROM buying_service ORDER BY name"};
static const slk_sql tokens = {"buying.tokens",
                               "SELECT token, partner_token FROM buying_service WHERE id = $1"};

/* ---- rows ---- */

static slk_err read_row(slk_buying_service *ret, const slk_query *q, slk_error *error)
{
    slk_buying_service s = {.id = slk_column_i64(q, 0), .customer_id = slk_column_i64(q, 4)};
    slk_sql_copy_text(s.name, sizeof s.name, q, 1);
    slk_sql_copy_text(s.url, sizeof s.url, q, 2);
    slk_sql_copy_text(s.currency, sizeof s.currency, q, 5);
    slk_sql_copy_text(s.partner_url, sizeof s.partner_url, q, 6);
    SLK_TRY(slk_column_bytes(q, 3, s.public_key, sizeof s.public_key, error));
    *ret = s;
    return SLK_OK;
}

slk_err slk_buying_find(slk_buying_service *ret_service, const slk_buying *buying, const char *name,
                        slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, slk_seal_db(buying->seal), &find, SLK_ARGS(slk_arg_t(name)), "service",
                        error));
    return read_row(ret_service, &q, error);
}

slk_err slk_buying_list(json_t **ret_list, const slk_buying *buying, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, slk_seal_db(buying->seal), &list, error));
    for (;;) {
        slk_buying_service s;
        char key[2 * SLK_SIGNING_KEY_BYTES + 1];
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        SLK_TRY(read_row(&s, &q, error));
        slk_hex_encode(key, s.public_key, sizeof s.public_key);
        json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:s}", "name", s.name, "url", s.url, "currency",
                              s.currency, "customer", (json_int_t)s.customer_id, "key", key);
        if (json_array_append_new(all, o) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a list of services");
    }
    *ret_list = all;
    all = NULL;
    return SLK_OK;
}

slk_err slk_buying_token(slk_buf *out, const slk_buying *buying, const slk_buying_service *service,
                         bool partner, slk_error *error)
{
    const slk_seal_keeper *keeper = &slk_seal_get_ops(buying->seal)->keeper;
    char wrapped[TOKEN_MAX_BYTES];
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_row(&q, slk_seal_db(buying->seal), &tokens,
                            SLK_ARGS(slk_arg_i(service->id)), "service", error));
        slk_sql_copy_text(wrapped, sizeof wrapped, &q, partner ? 1 : 0);
    }
    return keeper->unwrap(keeper->ctx, out, wrapped, error);
}

/* ---- adding ---- */

struct adding {
    slk_buying_service service;
    slk_buf token, partner_token; /* wrapped */
    int64_t now_ms;
};

static void adding_done(struct adding *a)
{
    slk_buf_done(&a->token);
    slk_buf_done(&a->partner_token);
}

/* Its key, by an answer that it signs itself: from here on it is that one. */
static slk_err learn_key(struct adding *a, const slk_buying *buying, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *envelope = NULL, *payload = NULL;
    const question offers = {.method = "GET", .path = "offers"};
    SLK_TRY(slk_buying_ask(&envelope, buying, a->service.url, &offers, error));
    const char *key = json_string_value(json_object_get(envelope, "key"));
    if (!key || !slk_hex_decode(a->service.public_key, sizeof a->service.public_key, key))
        return slk_fail(error, SLK_E_PROTO, "%s is no service that sells sectors", a->service.url);
    return slk_buying_verify(&payload, envelope, a->service.public_key, error);
}

static slk_err learn_account(struct adding *a, const slk_buying *buying, const char *token,
                             slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *account = NULL;
    const question q = {.method = "GET", .path = "account", .token = token};
    const char *currency;
    SLK_TRY(slk_buying_ask(&account, buying, a->service.url, &q, error));
    SLK_TRY(slk_json_i64(&a->service.customer_id, account, "id", error));
    SLK_TRY(slk_json_string(&currency, account, "currency", error));
    return slk_currency_parse(a->service.currency, currency, error);
}

/* How our node fetches there. */
static slk_err learn_partner(struct adding *a, const slk_buying *buying, const char *token,
                             slk_error *error)
{
    const slk_seal_keeper *keeper = &slk_seal_get_ops(buying->seal)->keeper;
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL, *nothing = json_object();
    const question q = {.method = "POST", .path = "connect", .token = token, .body = nothing};
    const char *text;
    slk_connect connect = {0};
    SLK_TRY(slk_buying_ask(&answer, buying, a->service.url, &q, error));
    SLK_TRY(slk_json_string(&text, answer, "connect_string", error));
    slk_err code = slk_connect_read(&connect, text, NULL, 0, error);
    if (code == SLK_OK)
        code = keeper->wrap(keeper->ctx, &a->partner_token, connect.token, error);
    (void)snprintf(a->service.partner_url, sizeof a->service.partner_url, "%s", connect.url);
    slk_bytes_wipe(&connect, sizeof connect);
    return code;
}

static slk_err keep(struct adding *a, const slk_buying *buying, slk_error *error)
{
    const slk_buying_service *s = &a->service;
    const slk_err code = slk_sql_number(
        &a->service.id, slk_seal_db(buying->seal), &insert,
        SLK_ARGS(slk_arg_t(s->name), slk_arg_t(s->url), slk_arg_t(slk_buf_str(&a->token)),
                 slk_arg_t(slk_buf_str(&a->partner_token)),
                 slk_arg_b(s->public_key, sizeof s->public_key), slk_arg_i(s->customer_id),
                 slk_arg_t(s->currency), slk_arg_i(a->now_ms), slk_arg_t(s->partner_url)),
        error);
    return code == SLK_E_EXISTS
               ? slk_fail(error, code, "a service of that name or address is known already")
               : code;
}

static slk_err begin(struct adding *a, const slk_buying *buying, const char *name, const char *url,
                     slk_error *error)
{
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    if (!*name || strlen(name) >= sizeof a->service.name || !slk_text_is_printable(name))
        return slk_fail(error, SLK_E_INVAL, "a service's name is 1 to %zu bytes of printable text",
                        sizeof a->service.name - 1);
    if (n >= sizeof a->service.url)
        return slk_fail(error, SLK_E_INVAL, "the service's address is too long");
    memcpy(a->service.name, name, strlen(name) + 1);
    memcpy(a->service.url, url, n);
    a->now_ms = slk_seal_now(buying->seal);
    slk_buf_init(&a->token, TOKEN_MAX_BYTES);
    slk_buf_init(&a->partner_token, TOKEN_MAX_BYTES);
    return slk_connect_check_url(a->service.url, error);
}

slk_err slk_buying_add(slk_buying_service *ret_service, const slk_buying *buying, const char *name,
                       const char *url, const char *token, slk_error *error)
{
    const slk_seal_keeper *keeper = &slk_seal_get_ops(buying->seal)->keeper;
    SLK_CLEANUP(adding_done) struct adding a = {0};
    SLK_TRY(begin(&a, buying, name, url, error));
    SLK_TRY(keeper->wrap(keeper->ctx, &a.token, token, error));
    SLK_TRY(learn_key(&a, buying, error));
    SLK_TRY(learn_account(&a, buying, token, error));
    SLK_TRY(learn_partner(&a, buying, token, error));
    SLK_TRY(keep(&a, buying, error));
    *ret_service = a.service;
    return SLK_OK;
}

/* ---- asking ---- */

slk_err slk_buying_offers(json_t **ret_list, const slk_buying *buying,
                          const slk_buying_service *service, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *payload = NULL;
    const question q = {.method = "GET", .path = "offers"};
    SLK_TRY(slk_buying_ask_signed(&payload, buying, service, &q, error));
    json_t *offers = json_object_get(payload, "offers");
    if (!json_is_array(offers))
        return slk_fail(error, SLK_E_PROTO, "the service's offers are no list");
    *ret_list = json_incref(offers);
    return SLK_OK;
}

slk_err slk_buying_account(json_t **ret, const slk_buying *buying,
                           const slk_buying_service *service, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf token;
    slk_buf_init(&token, TOKEN_MAX_BYTES);
    slk_err code = slk_buying_token(&token, buying, service, false, error);
    if (code == SLK_OK) {
        const question q = {.method = "GET", .path = "account", .token = slk_buf_str(&token)};
        code = slk_buying_ask(ret, buying, service->url, &q, error);
    }
    slk_bytes_wipe(token.data, token.len);
    return code;
}
