/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/offer.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "db/args.h"
#include "service/service_impl.h"

#include <string.h>

#define DOCUMENT_MAX_BYTES ((size_t)16 << 10)

static const slk_sql newest = {
    "offer.newest", "SELECT version, document, withdrawn_ms FROM service_offer WHERE name = $1"
                    " ORDER BY version DESC LIMIT 1"};
static const slk_sql insert = {"offer.insert",
                               "INSERT INTO service_offer (name, version, document, created_ms)"
                               " VALUES ($1, $2, $3, $4)"};
static const slk_sql withdraw = {"offer.withdraw",
                                 "UPDATE service_offer SET withdrawn_ms = $2 WHERE name = $1"
                                 " AND withdrawn_ms = 0 AND version = (SELECT max(version) FROM"
                                 " service_offer WHERE name = $1)"};
static const slk_sql list = {
    "offer.list", "SELECT version, document FROM service_offer o WHERE withdrawn_ms = 0 AND"
                  " version = (SELECT max(version) FROM service_offer n WHERE n.name = o.name)"
                  " ORDER BY name"};

/* ---- prices ---- */

static bool has_seal_proof(const slk_offer *offer, int64_t seal_proof)
{
    for (size_t i = 0; i < offer->n_seal_proofs; i++)
        if (offer->seal_proofs[i] == seal_proof)
            return true;
    return false;
}

static slk_err check_wish(const slk_offer *offer, const slk_order_wish *wish, slk_error *error)
{
    if (!offer->kinds[wish->kind])
        return slk_fail(error, SLK_E_INVAL, "the offer %s is not for %s sectors", offer->name,
                        slk_order_kind_name(wish->kind));
    if (!has_seal_proof(offer, wish->seal_proof))
        return slk_fail(error, SLK_E_INVAL, "the offer %s is not for seal proof %lld", offer->name,
                        (long long)wish->seal_proof);
    if (wish->sectors < offer->least || wish->sectors > offer->most)
        return slk_fail(error, SLK_E_INVAL, "the offer %s is for %llu to %llu sectors at once",
                        offer->name, (unsigned long long)offer->least,
                        (unsigned long long)offer->most);
    if (wish->proof && !offer->has_proof)
        return slk_fail(error, SLK_E_INVAL, "the offer %s has no proofs", offer->name);
    if (wish->push && !offer->has_push)
        return slk_fail(error, SLK_E_INVAL, "the offer %s delivers only to who fetches",
                        offer->name);
    if (wish->retention_days > SLK_RETENTION_DAYS_MAX)
        return slk_fail(error, SLK_E_INVAL, "sectors are kept %llu days at most",
                        (unsigned long long)SLK_RETENTION_DAYS_MAX);
    return SLK_OK;
}

static slk_err sum_up(slk_price *price, uint64_t sectors)
{
    slk_money each = price->sector;
    SLK_TRY(slk_money_add(&each, &each, &price->proof));
    SLK_TRY(slk_money_add(&each, &each, &price->push));
    SLK_TRY(slk_money_add(&each, &each, &price->retention));
    return slk_money_times(&price->total, &each, sectors);
}

slk_err slk_offer_price(slk_price *ret_price, const slk_offer *offer, const slk_order_wish *wish,
                        slk_error *error)
{
    slk_price price = {0};
    SLK_TRY(check_wish(offer, wish, error));
    for (size_t i = 0; i < offer->n_steps && offer->steps[i].from <= wish->sectors; i++)
        price.sector = offer->steps[i].unit;
    if (wish->proof)
        price.proof = offer->proof;
    if (wish->push)
        price.push = offer->push;
    const uint64_t days = wish->retention_days > offer->retention_days
                              ? wish->retention_days - offer->retention_days
                              : 0;
    if (slk_money_times(&price.retention, &offer->retention_day, days) != SLK_OK ||
        sum_up(&price, wish->sectors) != SLK_OK)
        return slk_fail(error, SLK_E_LIMIT, "the price is too large");
    *ret_price = price;
    return SLK_OK;
}

/* ---- the list ---- */

static slk_err document_of(slk_buf *out, const slk_offer *offer, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    SLK_TRY(slk_offer_to_json(&value, offer, error));
    const slk_err code = slk_json_print(out, value);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "the offer is too long");
}

static slk_err parse_document(slk_offer *ret, const char *text, int64_t version, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    SLK_TRY(slk_json_parse(&value, text, strlen(text), DOCUMENT_MAX_BYTES, error));
    (void)json_object_del(value, "version");
    SLK_TRY(slk_offer_from_json(ret, value, error));
    ret->version = version;
    return SLK_OK;
}

/* The newest version there is; its version is 0 when there is none. */
static slk_err read_newest(slk_offer *ret, int64_t *ret_withdrawn_ms, slk_db *db, const char *name,
                           slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_sql_open(&q, db, &newest, SLK_ARGS(slk_arg_t(name)), error));
    SLK_TRY(slk_query_step(&q, &row, error));
    ret->version = 0;
    if (!row)
        return SLK_OK;
    *ret_withdrawn_ms = slk_column_i64(&q, 2);
    return parse_document(ret, slk_column_text(&q, 1), slk_column_i64(&q, 0), error);
}

struct setting {
    const slk_offer *offer;
    int64_t now_ms, version;
};

static slk_err set_body(slk_db *db, void *context, slk_error *error)
{
    struct setting *s = context;
    slk_offer last = {0}, next = *s->offer;
    int64_t withdrawn_ms = 0;
    SLK_CLEANUP(slk_buf_done) slk_buf before, after;
    slk_buf_init(&before, DOCUMENT_MAX_BYTES);
    slk_buf_init(&after, DOCUMENT_MAX_BYTES);
    SLK_TRY(read_newest(&last, &withdrawn_ms, db, s->offer->name, error));
    next.version = last.version;
    SLK_TRY(document_of(&after, &next, error));
    if (last.version > 0 && withdrawn_ms == 0) {
        SLK_TRY(document_of(&before, &last, error));
        s->version = last.version;
        if (strcmp(slk_buf_str(&before), slk_buf_str(&after)) == 0)
            return SLK_OK;
    }
    s->version = ++next.version;
    slk_buf_reset(&after);
    SLK_TRY(document_of(&after, &next, error));
    return slk_sql_run(db, &insert,
                       SLK_ARGS(slk_arg_t(next.name), slk_arg_i(next.version),
                                slk_arg_t(slk_buf_str(&after)), slk_arg_i(s->now_ms)),
                       NULL, error);
}

slk_err slk_offer_set(int64_t *ret_version, slk_db *db, const slk_offer *offer, int64_t now_ms,
                      slk_error *error)
{
    struct setting s = {.offer = offer, .now_ms = now_ms};
    SLK_TRY(slk_db_tx(db, set_body, &s, error));
    *ret_version = s.version;
    return SLK_OK;
}

slk_err slk_offer_withdraw(slk_db *db, const char *name, int64_t now_ms, slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(
        slk_sql_run(db, &withdraw, SLK_ARGS(slk_arg_t(name), slk_arg_i(now_ms)), &changes, error));
    return changes > 0 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no offer of that name");
}

slk_err slk_offer_get(slk_offer *ret_offer, slk_db *db, const char *name, int64_t now_ms,
                      slk_error *error)
{
    slk_offer offer = {0};
    int64_t withdrawn_ms = 0;
    SLK_TRY(read_newest(&offer, &withdrawn_ms, db, name, error));
    if (offer.version == 0 || withdrawn_ms > 0 ||
        (offer.valid_until_ms > 0 && offer.valid_until_ms <= now_ms))
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such offer now");
    *ret_offer = offer;
    return SLK_OK;
}

slk_err slk_offer_list(json_t **ret_list, slk_db *db, int64_t now_ms, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &list, error));
    for (;;) {
        slk_offer offer;
        json_t *value = NULL;
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        SLK_TRY(parse_document(&offer, slk_column_text(&q, 1), slk_column_i64(&q, 0), error));
        if (offer.valid_until_ms > 0 && offer.valid_until_ms <= now_ms)
            continue;
        SLK_TRY(slk_offer_to_json(&value, &offer, error));
        if (json_array_append_new(all, value) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a list of offers");
    }
    *ret_list = all;
    all = NULL;
    return SLK_OK;
}
