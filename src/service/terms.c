/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/terms.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "service/service_impl.h"

#include <string.h>

slk_err slk_terms_of_offer(slk_terms *ret_terms, const slk_offer *offer, const slk_order_wish *wish,
                           int64_t eta_ms, slk_error *error)
{
    slk_price price;
    SLK_TRY(slk_offer_price(&price, offer, wish, error));
    slk_terms terms = {
        .offer_version = offer->version,
        .wish = *wish,
        .sector = price.sector,
        .proof = price.proof,
        .push = price.push,
        .retention_day = offer->retention_day,
        .late_basis_points = offer->late_basis_points,
        .eta_ms = eta_ms,
    };
    if (wish->retention_days > offer->retention_days)
        terms.retention_days_paid = wish->retention_days - offer->retention_days;
    else
        terms.wish.retention_days = offer->retention_days;
    memcpy(terms.offer, offer->name, sizeof terms.offer);
    memcpy(terms.currency, offer->currency, sizeof terms.currency);
    *ret_terms = terms;
    return SLK_OK;
}

static slk_err add_up(slk_money *ret_each, slk_money *ret_total, const slk_terms *terms)
{
    slk_money each;
    SLK_TRY(slk_money_times(&each, &terms->retention_day, terms->retention_days_paid));
    SLK_TRY(slk_money_add(&each, &each, &terms->sector));
    SLK_TRY(slk_money_add(&each, &each, &terms->proof));
    SLK_TRY(slk_money_add(&each, &each, &terms->push));
    SLK_TRY(slk_money_times(ret_total, &each, terms->wish.sectors));
    *ret_each = each;
    return SLK_OK;
}

slk_money slk_terms_each(const slk_terms *terms)
{
    slk_money each = {0}, total;
    slk_assert(add_up(&each, &total, terms) == SLK_OK);
    return each;
}

slk_money slk_terms_total(const slk_terms *terms)
{
    slk_money each, total = {0};
    slk_assert(add_up(&each, &total, terms) == SLK_OK);
    return total;
}

/* ---- lines ---- */

static size_t add_line(slk_charge *list, size_t n, slk_ledger_item item, uint64_t quantity,
                       const slk_money *unit)
{
    if (quantity == 0 || (slk_money_is_zero(unit) && item != SLK_ITEM_SECTOR))
        return n;
    list[n] = (slk_charge){SLK_LEDGER_CHARGE, item, quantity, *unit};
    return n + 1;
}

static size_t add_credit(slk_charge *list, size_t n, const slk_terms *terms, uint64_t days)
{
    slk_money unit;
    if (days == 0 || terms->late_basis_points == 0)
        return n;
    uint64_t quantity = days;
    slk_err code =
        slk_money_part(&unit, &terms->sector, terms->late_basis_points, SLK_BASIS_POINTS);
    slk_money sum;
    if (code == SLK_OK)
        code = slk_money_times(&sum, &unit, days);
    if (code != SLK_OK || slk_money_cmp(&sum, &terms->sector) > 0) {
        unit = terms->sector;
        quantity = 1;
    }
    if (slk_money_is_zero(&unit))
        return n;
    list[n] = (slk_charge){SLK_LEDGER_CREDIT, SLK_ITEM_LATE, quantity, slk_money_minus(&unit)};
    return n + 1;
}

size_t slk_terms_charges(slk_charge ret[SLK_CHARGES_MAX], const slk_terms *terms,
                         int64_t promised_ms, int64_t charged_ms)
{
    size_t n = add_line(ret, 0, SLK_ITEM_SECTOR, 1, &terms->sector);
    n = add_line(ret, n, SLK_ITEM_PROOF, terms->wish.proof, &terms->proof);
    n = add_line(ret, n, SLK_ITEM_PUSH, terms->wish.push, &terms->push);
    n = add_line(ret, n, SLK_ITEM_RETENTION, terms->retention_days_paid, &terms->retention_day);
    const int64_t late_ms = charged_ms - promised_ms;
    const int64_t days = late_ms > 0 ? (late_ms - 1) / SLK_TERMS_DAY_MS + 1 : 0;
    return add_credit(ret, n, terms, slk_u64(days));
}

/* ---- JSON ---- */

slk_err slk_terms_to_json(json_t **ret, const slk_terms *t, slk_error *error)
{
    const slk_money total = slk_terms_total(t);
    const struct {
        const char *name;
        const slk_money *money;
    } amounts[] = {{"sector", &t->sector},
                   {"proof", &t->proof},
                   {"push", &t->push},
                   {"retention_day", &t->retention_day},
                   {"total", &total}};
    SLK_CLEANUP(slk_json_decrefp)
    json_t *value = json_pack(
        "{s:s,s:I,s:s,s:I,s:I,s:b,s:b,s:I,s:s,s:I,s:I,s:I}", "offer", t->offer, "offer_version",
        (json_int_t)t->offer_version, "kind", slk_order_kind_name(t->wish.kind), "seal_proof",
        (json_int_t)t->wish.seal_proof, "sectors", (json_int_t)t->wish.sectors, "with_proof",
        t->wish.proof, "with_push", t->wish.push, "retention_days",
        (json_int_t)t->wish.retention_days, "currency", t->currency, "retention_days_paid",
        (json_int_t)t->retention_days_paid, "late_basis_points", (json_int_t)t->late_basis_points,
        "eta_ms", (json_int_t)t->eta_ms);
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        char text[SLK_MONEY_CHARS];
        slk_money_print(text, amounts[i].money);
        if (json_object_set_new(value, amounts[i].name, json_string(text)) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for the terms of an order");
    }
    *ret = value;
    value = NULL;
    return SLK_OK;
}

static slk_err read_wish(slk_order_wish *ret, const json_t *value, slk_error *error)
{
    const char *kind;
    SLK_TRY(slk_json_string(&kind, value, "kind", error));
    if (!slk_order_kind_parse(&ret->kind, kind))
        return slk_fail(error, SLK_E_INVAL, "kind: cc or data");
    SLK_TRY(slk_json_i64(&ret->seal_proof, value, "seal_proof", error));
    SLK_TRY(slk_json_u64(&ret->sectors, value, "sectors", error));
    SLK_TRY(slk_json_bool(&ret->proof, value, "with_proof", error));
    SLK_TRY(slk_json_bool(&ret->push, value, "with_push", error));
    SLK_TRY(slk_json_u64(&ret->retention_days, value, "retention_days", error));
    if (ret->sectors == 0 || ret->sectors > SLK_ORDER_SECTORS_MAX ||
        ret->retention_days > SLK_RETENTION_DAYS_MAX)
        return slk_fail(error, SLK_E_INVAL, "sectors, retention_days: out of range");
    return SLK_OK;
}

static slk_err read_names(slk_terms *t, const json_t *value, slk_error *error)
{
    const char *offer, *currency;
    SLK_TRY(slk_json_string(&offer, value, "offer", error));
    SLK_TRY(slk_json_string(&currency, value, "currency", error));
    if (!slk_offer_name_is(offer))
        return slk_fail(error, SLK_E_INVAL, "offer: not a name of an offer");
    memcpy(t->offer, offer, strlen(offer) + 1);
    return slk_currency_parse(t->currency, currency, error);
}

static slk_err read_amounts(slk_terms *t, slk_money *ret_total, const json_t *value,
                            slk_error *error)
{
    SLK_TRY(slk_json_money(&t->sector, value, "sector", error));
    SLK_TRY(slk_json_money(&t->proof, value, "proof", error));
    SLK_TRY(slk_json_money(&t->push, value, "push", error));
    SLK_TRY(slk_json_money(&t->retention_day, value, "retention_day", error));
    SLK_TRY(slk_json_money(ret_total, value, "total", error));
    if (t->sector.negative || t->proof.negative || t->push.negative || t->retention_day.negative)
        return slk_fail(error, SLK_E_INVAL, "a price is not below zero");
    return SLK_OK;
}

slk_err slk_terms_from_json(slk_terms *ret_terms, const json_t *value, slk_error *error)
{
    slk_terms t = {0};
    slk_money said, each, total;
    SLK_TRY(read_names(&t, value, error));
    SLK_TRY(read_wish(&t.wish, value, error));
    SLK_TRY(read_amounts(&t, &said, value, error));
    SLK_TRY(slk_json_i64(&t.offer_version, value, "offer_version", error));
    SLK_TRY(slk_json_u64(&t.retention_days_paid, value, "retention_days_paid", error));
    SLK_TRY(slk_json_u64(&t.late_basis_points, value, "late_basis_points", error));
    SLK_TRY(slk_json_i64(&t.eta_ms, value, "eta_ms", error));
    if (t.retention_days_paid > t.wish.retention_days || t.late_basis_points > SLK_BASIS_POINTS ||
        t.eta_ms < 0)
        return slk_fail(error, SLK_E_INVAL,
                        "retention_days_paid, late_basis_points, eta_ms: out of range");
    if (add_up(&each, &total, &t) != SLK_OK || slk_money_cmp(&total, &said) != 0)
        return slk_fail(error, SLK_E_INVAL, "total: not the sum of its parts");
    *ret_terms = t;
    return SLK_OK;
}

/* ---- text ---- */

slk_err slk_terms_print(slk_buf *out, const slk_terms *terms, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    SLK_TRY(slk_terms_to_json(&value, terms, error));
    const slk_err code = slk_json_print(out, value);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "the terms are too long");
}

slk_err slk_terms_parse(slk_terms *ret_terms, const char *text, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_err code = slk_json_parse(&value, text ? text : "", text ? strlen(text) : 0,
                                  SLK_TERMS_MAX_BYTES, error);
    if (code == SLK_OK)
        code = slk_terms_from_json(ret_terms, value, error);
    return code == SLK_E_INVAL
               ? slk_fail_context(error, SLK_E_CORRUPT, "terms in the database cannot be read")
               : code;
}
