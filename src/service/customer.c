/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/customer.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/json.h"
#include "db/args.h"
#include "fil/address.h"
#include "net/token.h"
#include "service/ledger.h"

#include <string.h>

#define USED_GRAIN_MS 60000 /* used_ms is written at most so often */

#define COLUMNS                                                                \
    "id, name, currency, credit_limit, payer, partner_id, pays_first, closed," \
    " created_ms"
static const slk_sql insert = {
    "customer.insert",
    "INSERT INTO service_customer (name, currency, credit_limit, payer,"
    " partner_id, pays_first, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id"};
static const slk_sql update = {"customer.update",
                               "UPDATE service_customer SET name = $2, credit_limit = $3,"
                               " payer = $4, pays_first = $5, closed = $6 WHERE id = $1"};
static const slk_sql get = {"customer.get",
                            "SELECT " COLUMNS " FROM service_customer WHERE id = $1"};
static const slk_sql find = {"customer.find",
                             "SELECT " COLUMNS " FROM service_customer WHERE name = $1"};
static const slk_sql list = {
    "customer.list",
    "SELECT " COLUMNS ", (SELECT balance FROM service_ledger l WHERE l.customer_id = c.id"
    " ORDER BY seq DESC LIMIT 1), (SELECT count(*) FROM service_token t WHERE"
    " t.customer_id = c.id) FROM service_customer c ORDER BY name"};
static const slk_sql count_tokens = {"customer.count_tokens",
                                     "SELECT count(*) FROM service_token WHERE customer_id = $1"};
static const slk_sql insert_token = {
    "customer.insert_token", "INSERT INTO service_token (customer_id, name, token_hash, created_ms,"
                             " expires_ms) VALUES ($1, $2, $3, $4, $5)"};
static const slk_sql drop_expired = {
    "customer.drop_expired", "DELETE FROM service_token WHERE customer_id = $1 AND expires_ms > 0"
                             " AND expires_ms <= $2"};
static const slk_sql drop_token = {
    "customer.drop_token", "DELETE FROM service_token WHERE customer_id = $1 AND name = $2"};
static const slk_sql list_tokens = {
    "customer.list_tokens", "SELECT name, created_ms, expires_ms, used_ms FROM service_token"
                            " WHERE customer_id = $1 ORDER BY created_ms, name"};
static const slk_sql find_token = {
    "customer.find_token", "SELECT customer_id, token_hash, expires_ms, used_ms FROM service_token"
                           " WHERE token_hash = $1"};
static const slk_sql use_token = {"customer.use_token",
                                  "UPDATE service_token SET used_ms = $2 WHERE token_hash = $1"};

/* ---- rows ---- */

static slk_err read_row(slk_customer *ret, const slk_query *q, slk_error *error)
{
    slk_customer c = {.id = slk_column_i64(q, 0),
                      .partner_id = slk_column_i64(q, 5),
                      .pays_first = slk_column_bool(q, 6),
                      .closed = slk_column_bool(q, 7),
                      .created_ms = slk_column_i64(q, 8)};
    const char *limit = slk_column_text(q, 3);
    slk_sql_copy_text(c.name, sizeof c.name, q, 1);
    slk_sql_copy_text(c.currency, sizeof c.currency, q, 2);
    slk_sql_copy_text(c.payer, sizeof c.payer, q, 4);
    if (!limit || slk_money_parse(&c.limit, limit) != SLK_OK)
        return slk_fail(error, SLK_E_CORRUPT, "the limit of customer %s cannot be read", c.name);
    *ret = c;
    return SLK_OK;
}

static slk_err read_one(slk_customer *ret, slk_db *db, const slk_sql *sql, slk_arg key,
                        slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, db, sql, &key, 1, "customer", error));
    return read_row(ret, &q, error);
}

slk_err slk_customer_get(slk_customer *ret_customer, slk_db *db, int64_t id, slk_error *error)
{
    return read_one(ret_customer, db, &get, slk_arg_i(id), error);
}

slk_err slk_customer_find(slk_customer *ret_customer, slk_db *db, const char *name,
                          slk_error *error)
{
    return read_one(ret_customer, db, &find, slk_arg_t(name), error);
}

/* ---- the operator's ---- */

static slk_err check(const slk_customer *c, slk_error *error)
{
    slk_address payer;
    if (!*c->name || !slk_text_is_printable(c->name))
        return slk_fail(error, SLK_E_INVAL, "a customer's name is 1 to %u bytes of printable text",
                        SLK_CUSTOMER_NAME_CHARS - 1);
    if (c->limit.negative)
        return slk_fail(error, SLK_E_INVAL, "a customer's limit is not below zero");
    if (*c->payer && slk_address_parse(&payer, c->payer, error) != SLK_OK)
        return slk_fail_context(error, SLK_E_INVAL, "the payer");
    return SLK_OK;
}

static slk_err name_taken(slk_err code, const char *name, slk_error *error)
{
    return code == SLK_E_EXISTS
               ? slk_fail(error, code, "there is already a customer named %s", name)
               : code;
}

slk_err slk_customer_add(int64_t *ret_id, slk_db *db, const slk_customer *c, int64_t now_ms,
                         slk_error *error)
{
    slk_currency currency;
    char limit[SLK_MONEY_CHARS];
    bool row = false;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(check(c, error));
    SLK_TRY(slk_currency_parse(currency, c->currency, error));
    slk_money_print(limit, &c->limit);
    SLK_TRY(slk_sql_open(&q, db, &insert,
                         SLK_ARGS(slk_arg_t(c->name), slk_arg_t(currency), slk_arg_t(limit),
                                  slk_arg_t(c->payer), slk_arg_i(c->partner_id),
                                  slk_arg_i(c->pays_first), slk_arg_i(now_ms)),
                         error));
    const slk_err code = slk_query_step(&q, &row, error);
    if (code != SLK_OK)
        return name_taken(code, c->name, error);
    *ret_id = slk_column_i64(&q, 0);
    return slk_query_run(&q, error);
}

slk_err slk_customer_set(slk_db *db, const slk_customer *c, slk_error *error)
{
    char limit[SLK_MONEY_CHARS];
    int64_t changes = 0;
    SLK_TRY(check(c, error));
    slk_money_print(limit, &c->limit);
    const slk_err code =
        slk_sql_run(db, &update,
                    SLK_ARGS(slk_arg_i(c->id), slk_arg_t(c->name), slk_arg_t(limit),
                             slk_arg_t(c->payer), slk_arg_i(c->pays_first), slk_arg_i(c->closed)),
                    &changes, error);
    if (code != SLK_OK)
        return name_taken(code, c->name, error);
    return changes > 0 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no such customer");
}

static json_t *customer_json(const slk_customer *c, const slk_query *q)
{
    char limit[SLK_MONEY_CHARS];
    const char *balance = slk_column_text(q, 9);
    slk_money_print(limit, &c->limit);
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:b,s:b,s:I,s:s,s:I}", "id", (json_int_t)c->id, "name",
                     c->name, "currency", c->currency, "limit", limit, "payer", c->payer,
                     "pays_first", c->pays_first, "closed", c->closed, "created_ms",
                     (json_int_t)c->created_ms, "balance", balance ? balance : "0", "tokens",
                     (json_int_t)slk_column_i64(q, 10));
}

slk_err slk_customer_list(json_t **ret_list, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &list, error));
    for (;;) {
        slk_customer customer;
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        SLK_TRY(read_row(&customer, &q, error));
        if (json_array_append_new(all, customer_json(&customer, &q)) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a list of customers");
    }
    *ret_list = all;
    all = NULL;
    return SLK_OK;
}

/* ---- tokens ---- */

struct token {
    int64_t customer_id, expires_ms, now_ms;
    const char *name, *hash;
};

static slk_err token_body(slk_db *db, void *context, slk_error *error)
{
    const struct token *t = context;
    const slk_arg who = slk_arg_i(t->customer_id);
    slk_customer customer;
    int64_t n = 0;
    SLK_TRY(slk_customer_get(&customer, db, t->customer_id, error));
    SLK_TRY(slk_sql_run(db, &drop_expired, SLK_ARGS(who, slk_arg_i(t->now_ms)), NULL, error));
    SLK_TRY(slk_sql_number(&n, db, &count_tokens, SLK_ARGS(who), error));
    if (n >= (int64_t)SLK_CUSTOMER_TOKENS_MAX)
        return slk_fail(error, SLK_E_LIMIT, "there are %u tokens: revoke one first",
                        SLK_CUSTOMER_TOKENS_MAX);
    const slk_err code = slk_sql_run(db, &insert_token,
                                     SLK_ARGS(who, slk_arg_t(t->name), slk_arg_t(t->hash),
                                              slk_arg_i(t->now_ms), slk_arg_i(t->expires_ms)),
                                     NULL, error);
    return code == SLK_E_EXISTS
               ? slk_fail(error, code, "there is already a token named %s", t->name)
               : code;
}

slk_err slk_customer_token_add(char ret_token[SLK_CUSTOMER_TOKEN_CHARS], slk_db *db,
                               int64_t customer_id, const char *name, int64_t expires_ms,
                               int64_t now_ms, slk_error *error)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-@";
    char token[SLK_CUSTOMER_TOKEN_CHARS], hash[SLK_CUSTOMER_TOKEN_CHARS];
    const size_t n = strlen(name);
    if (n == 0 || n >= SLK_CUSTOMER_NAME_CHARS || strspn(name, allowed) != n)
        return slk_fail(error, SLK_E_INVAL,
                        "a token's name has 1 to %u letters, digits or one of . _ - @",
                        SLK_CUSTOMER_NAME_CHARS - 1);
    if (expires_ms < 0 || (expires_ms > 0 && expires_ms <= now_ms))
        return slk_fail(error, SLK_E_INVAL, "the token would have expired already");
    slk_net_token_new(token);
    slk_net_token_hash(hash, token);
    struct token t = {customer_id, expires_ms, now_ms, name, hash};
    const slk_err code = slk_db_tx(db, token_body, &t, error);
    if (code == SLK_OK)
        memcpy(ret_token, token, sizeof token);
    slk_bytes_wipe(token, sizeof token);
    return code;
}

slk_err slk_customer_token_revoke(slk_db *db, int64_t customer_id, const char *name,
                                  slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(db, &drop_token, SLK_ARGS(slk_arg_i(customer_id), slk_arg_t(name)),
                        &changes, error));
    return changes > 0 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no token of that name");
}

static json_t *time_or_null(int64_t ms)
{
    return ms ? json_integer(ms) : json_null();
}

slk_err slk_customer_token_list(json_t **ret_list, slk_db *db, int64_t customer_id,
                                slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &list_tokens, SLK_ARGS(slk_arg_i(customer_id)), error));
    for (;;) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        json_t *o = json_pack("{s:s,s:I,s:o,s:o}", "name", slk_column_text(&q, 0), "created_ms",
                              (json_int_t)slk_column_i64(&q, 1), "expires_ms",
                              time_or_null(slk_column_i64(&q, 2)), "used_ms",
                              time_or_null(slk_column_i64(&q, 3)));
        if (json_array_append_new(all, o) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a list of tokens");
    }
    *ret_list = all;
    all = NULL;
    return SLK_OK;
}

struct holder {
    int64_t customer_id, used_ms;
};

/* *ret_known: somebody has a token of this hash, and it has not expired. */
static slk_err look_up(struct holder *ret, bool *ret_known, slk_db *db, const char *token,
                       const char *hash, int64_t now_ms, slk_error *error)
{
    bool row = false;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &find_token, SLK_ARGS(slk_arg_t(hash)), error));
    SLK_TRY(slk_query_step(&q, &row, error));
    *ret_known = false;
    if (!row)
        return SLK_OK;
    const char *there = slk_column_text(&q, 1);
    const int64_t expires_ms = slk_column_i64(&q, 2);
    *ret = (struct holder){slk_column_i64(&q, 0), slk_column_i64(&q, 3)};
    *ret_known =
        there && slk_net_token_matches(token, there) && (expires_ms == 0 || expires_ms > now_ms);
    return SLK_OK;
}

slk_err slk_customer_authorize(slk_customer *ret_customer, slk_db *db, const char *token,
                               int64_t now_ms, slk_error *error)
{
    char hash[SLK_CUSTOMER_TOKEN_CHARS];
    struct holder holder = {0};
    bool known = false;
    slk_net_token_hash(hash, token ? token : "");
    SLK_TRY(look_up(&holder, &known, db, token, hash, now_ms, error));
    if (!known)
        return slk_fail(error, SLK_E_AUTH, "the token is not known, or has expired");
    if (now_ms - holder.used_ms >= USED_GRAIN_MS)
        SLK_TRY(
            slk_sql_run(db, &use_token, SLK_ARGS(slk_arg_t(hash), slk_arg_i(now_ms)), NULL, error));
    return slk_customer_get(ret_customer, db, holder.customer_id, error);
}
