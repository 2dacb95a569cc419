/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/quote.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "db/args.h"
#include "service/service_impl.h"

#include <string.h>

static const slk_sql drop_expired = {
    "quote.drop_expired", "DELETE FROM service_quote WHERE customer_id = $1 AND order_id = ''"
                          " AND expires_ms <= $2"};
static const slk_sql count_open = {
    "quote.count", "SELECT count(*) FROM service_quote WHERE customer_id = $1 AND order_id = ''"};
static const slk_sql insert = {"quote.insert",
                               "INSERT INTO service_quote (id, customer_id, terms, made_ms,"
                               " expires_ms) VALUES ($1, $2, $3, $4, $5)"};
static const slk_sql get = {"quote.get",
                            "SELECT terms, made_ms, expires_ms, order_id FROM service_quote"
                            " WHERE id = $1 AND customer_id = $2"};

struct making {
    const slk_customer *customer;
    const char *offer_name;
    const slk_order_wish *wish;
    int64_t eta_ms, now_ms;
    slk_quote quote;
};

static slk_err make_body(slk_db *db, void *context, slk_error *error)
{
    struct making *m = context;
    const slk_arg who = slk_arg_i(m->customer->id);
    slk_offer offer;
    int64_t open = 0;
    SLK_CLEANUP(slk_buf_done) slk_buf terms;
    slk_buf_init(&terms, SLK_TERMS_MAX_BYTES);
    SLK_TRY(slk_offer_get(&offer, db, m->offer_name, m->now_ms, error));
    if (strcmp(offer.currency, m->customer->currency) != 0)
        return slk_fail(error, SLK_E_INVAL, "the offer %s is in %s, your account in %s", offer.name,
                        offer.currency, m->customer->currency);
    SLK_TRY(slk_terms_of_offer(&m->quote.terms, &offer, m->wish, m->eta_ms, error));
    SLK_TRY(slk_sql_run(db, &drop_expired, SLK_ARGS(who, slk_arg_i(m->now_ms)), NULL, error));
    SLK_TRY(slk_sql_number(&open, db, &count_open, SLK_ARGS(who), error));
    if (open >= SLK_QUOTES_OPEN_MAX)
        return slk_fail(error, SLK_E_LIMIT, "there are %d quotes: use one, or wait until they end",
                        SLK_QUOTES_OPEN_MAX);
    m->quote.made_ms = m->now_ms;
    m->quote.expires_ms = m->now_ms + SLK_QUOTE_LIFE_MS;
    if (offer.valid_until_ms > 0 && offer.valid_until_ms < m->quote.expires_ms)
        m->quote.expires_ms = offer.valid_until_ms;
    SLK_TRY(slk_terms_print(&terms, &m->quote.terms, error));
    return slk_sql_run(db, &insert,
                       SLK_ARGS(slk_arg_t(m->quote.id), who, slk_arg_t(slk_buf_str(&terms)),
                                slk_arg_i(m->quote.made_ms), slk_arg_i(m->quote.expires_ms)),
                       NULL, error);
}

slk_err slk_quote_make(slk_quote *ret_quote, slk_db *db, const slk_customer *customer,
                       const char *offer_name, const slk_order_wish *wish, int64_t eta_ms,
                       int64_t now_ms, slk_error *error)
{
    struct making m = {.customer = customer,
                       .offer_name = offer_name,
                       .wish = wish,
                       .eta_ms = eta_ms,
                       .now_ms = now_ms};
    slk_uuid_random(m.quote.id);
    SLK_TRY(slk_db_tx(db, make_body, &m, error));
    *ret_quote = m.quote;
    return SLK_OK;
}

slk_err slk_quote_get(slk_quote *ret_quote, slk_db *db, int64_t customer_id, const char *id,
                      int64_t now_ms, slk_error *error)
{
    slk_quote quote = {0};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(
        slk_sql_row(&q, db, &get, SLK_ARGS(slk_arg_t(id), slk_arg_i(customer_id)), "quote", error));
    slk_sql_copy_text(quote.order_id, sizeof quote.order_id, &q, 3);
    quote.made_ms = slk_column_i64(&q, 1);
    quote.expires_ms = slk_column_i64(&q, 2);
    if (!*quote.order_id && quote.expires_ms <= now_ms)
        return slk_fail(error, SLK_E_NOTFOUND, "the quote has expired: ask for another");
    memcpy(quote.id, id, strlen(id) + 1); /* it was found, so it is a UUID */
    SLK_TRY(slk_terms_parse(&quote.terms, slk_column_text(&q, 0), error));
    *ret_quote = quote;
    return SLK_OK;
}

slk_err slk_quote_to_json(json_t **ret, const slk_quote *quote, slk_error *error)
{
    json_t *terms = NULL;
    SLK_TRY(slk_terms_to_json(&terms, &quote->terms, error));
    *ret = json_pack("{s:s,s:o,s:I,s:I,s:o}", "id", quote->id, "terms", terms, "made_ms",
                     (json_int_t)quote->made_ms, "expires_ms", (json_int_t)quote->expires_ms,
                     "order", *quote->order_id ? json_string(quote->order_id) : json_null());
    return *ret ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory for a quote");
}
