/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/offer.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/json.h"
#include "fil/sector.h"
#include "service/service_impl.h"

#include <string.h>

static const char *const kind_names[SLK_ORDER_KINDS] = {
    [SLK_ORDER_CC] = "cc",
    [SLK_ORDER_DATA] = "data",
};

const char *slk_order_kind_name(slk_order_kind kind)
{
    return kind_names[kind];
}

bool slk_order_kind_parse(slk_order_kind *ret, const char *name)
{
    unsigned i = 0;
    const bool found = slk_name_find(&i, kind_names, SLK_ORDER_KINDS, name);
    if (found)
        *ret = (slk_order_kind)i;
    return found;
}

/* ---- out ---- */

static json_t *kinds_json(const slk_offer *offer)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < SLK_ORDER_KINDS; i++)
        if (offer->kinds[i])
            (void)json_array_append_new(list, json_string(kind_names[i]));
    return list;
}

static json_t *proofs_json(const slk_offer *offer)
{
    json_t *list = json_array();
    for (size_t i = 0; i < offer->n_seal_proofs; i++)
        (void)json_array_append_new(list, json_integer(offer->seal_proofs[i]));
    return list;
}

static json_t *steps_json(const slk_offer *offer)
{
    json_t *list = json_array();
    for (size_t i = 0; i < offer->n_steps; i++)
        (void)json_array_append_new(list,
                                    json_pack("{s:I,s:o}", "from", (json_int_t)offer->steps[i].from,
                                              "unit", slk_json_new_money(&offer->steps[i].unit)));
    return list;
}

slk_err slk_offer_to_json(json_t **ret, const slk_offer *o, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp)
    json_t *value = json_pack(
        "{s:s,s:I,s:s,s:o,s:o,s:s,s:o,s:o,s:o,s:{s:I,s:o},s:I,s:I,s:I,s:o}", "name", o->name,
        "version", (json_int_t)o->version, "title", o->title, "kinds", kinds_json(o), "seal_proofs",
        proofs_json(o), "currency", o->currency, "steps", steps_json(o), "proof",
        o->has_proof ? slk_json_new_money(&o->proof) : json_null(), "push",
        o->has_push ? slk_json_new_money(&o->push) : json_null(), "retention", "days",
        (json_int_t)o->retention_days, "unit", slk_json_new_money(&o->retention_day),
        "late_basis_points", (json_int_t)o->late_basis_points, "least", (json_int_t)o->least,
        "most", (json_int_t)o->most, "valid_until_ms",
        o->valid_until_ms ? json_integer(o->valid_until_ms) : json_null());
    /* an array that could not grow is shorter, and not what was meant */
    if (!value || json_array_size(json_object_get(value, "steps")) != o->n_steps ||
        json_array_size(json_object_get(value, "seal_proofs")) != o->n_seal_proofs ||
        json_array_size(json_object_get(value, "kinds")) !=
            (size_t)o->kinds[SLK_ORDER_CC] + o->kinds[SLK_ORDER_DATA])
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an offer");
    *ret = value;
    value = NULL;
    return SLK_OK;
}

/* ---- in ---- */

static slk_err amount(slk_money *ret, const json_t *value, const char *field, slk_error *error)
{
    slk_money money;
    SLK_TRY(slk_json_money(&money, value, field, error));
    if (money.negative)
        return slk_fail(error, SLK_E_INVAL, "%s: a price is not below zero", field);
    *ret = money;
    return SLK_OK;
}

/* null: not to be had; absent is an error, so that nothing is free by an oversight. */
static slk_err extra(slk_money *ret, bool *ret_has, const json_t *value, const char *field,
                     slk_error *error)
{
    *ret_has = !json_is_null(json_object_get(value, field));
    return *ret_has ? amount(ret, value, field, error) : SLK_OK;
}

static slk_err only_known(const json_t *value, const char *const *known, size_t n, slk_error *error)
{
    const char *key;
    json_t *member;
    if (!json_is_object(value))
        return slk_fail(error, SLK_E_INVAL, "an offer is a JSON object");
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        size_t i = 0;
        while (i < n && strcmp(known[i], key) != 0)
            i++;
        if (i == n)
            return slk_fail(error, SLK_E_INVAL, "an offer has no field \"%.32s\"", key);
    }
    return SLK_OK;
}

bool slk_offer_name_is(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const size_t n = strlen(text);
    return n > 0 && n < SLK_OFFER_NAME_CHARS && strspn(text, letters) == n;
}

static slk_err names_in(slk_offer *o, const json_t *value, slk_error *error)
{
    const char *name, *title, *currency;
    SLK_TRY(slk_json_string(&name, value, "name", error));
    SLK_TRY(slk_json_string(&title, value, "title", error));
    SLK_TRY(slk_json_string(&currency, value, "currency", error));
    if (!slk_offer_name_is(name))
        return slk_fail(error, SLK_E_INVAL, "name: 1 to %zu of a-z, 0-9 and -", sizeof o->name - 1);
    if (strlen(title) >= sizeof o->title || !slk_text_is_printable(title))
        return slk_fail(error, SLK_E_INVAL, "title: at most %zu bytes of printable text",
                        sizeof o->title - 1);
    memcpy(o->name, name, strlen(name) + 1);
    memcpy(o->title, title, strlen(title) + 1);
    return slk_currency_parse(o->currency, currency, error);
}

static slk_err kinds_in(slk_offer *o, const json_t *value, slk_error *error)
{
    json_t *list, *item;
    size_t i;
    SLK_TRY(slk_json_array(&list, value, "kinds", error));
    json_array_foreach(list, i, item)
    {
        slk_order_kind kind;
        const char *name = json_string_value(item);
        if (!name || !slk_order_kind_parse(&kind, name) || o->kinds[kind])
            return slk_fail(error, SLK_E_INVAL, "kinds: cc and data are known, each once");
        o->kinds[kind] = true;
    }
    if (json_array_size(list) == 0)
        return slk_fail(error, SLK_E_INVAL, "kinds: at least one of cc and data");
    return SLK_OK;
}

static slk_err proofs_in(slk_offer *o, const json_t *value, slk_error *error)
{
    json_t *list, *item;
    size_t i;
    SLK_TRY(slk_json_array(&list, value, "seal_proofs", error));
    o->n_seal_proofs = json_array_size(list);
    if (o->n_seal_proofs == 0 || o->n_seal_proofs > SLK_OFFER_PROOFS_MAX)
        return slk_fail(error, SLK_E_INVAL, "seal_proofs: 1 to %u numbers", SLK_OFFER_PROOFS_MAX);
    json_array_foreach(list, i, item)
    {
        slk_seal_proof proof;
        const int64_t number = json_is_integer(item) ? json_integer_value(item) : -1;
        if (number < 0 || slk_seal_proof_registered(&proof, number, NULL) != SLK_OK ||
            (i > 0 && number <= o->seal_proofs[i - 1]))
            return slk_fail(error, SLK_E_INVAL,
                            "seal_proofs: registered numbers, each once, in order");
        o->seal_proofs[i] = number;
    }
    return SLK_OK;
}

static slk_err steps_in(slk_offer *o, const json_t *value, slk_error *error)
{
    json_t *list, *item;
    size_t i;
    SLK_TRY(slk_json_array(&list, value, "steps", error));
    o->n_steps = json_array_size(list);
    if (o->n_steps == 0 || o->n_steps > SLK_OFFER_STEPS_MAX)
        return slk_fail(error, SLK_E_INVAL, "steps: 1 to %u", SLK_OFFER_STEPS_MAX);
    json_array_foreach(list, i, item)
    {
        slk_offer_step *step = &o->steps[i];
        SLK_TRY(slk_json_u64(&step->from, item, "from", error));
        SLK_TRY(amount(&step->unit, item, "unit", error));
        if (i == 0 ? step->from != 1 : step->from <= step[-1].from)
            return slk_fail(error, SLK_E_INVAL, "steps: the first is from 1, and they ascend");
    }
    return SLK_OK;
}

static slk_err bounds_in(slk_offer *o, const json_t *value, slk_error *error)
{
    json_t *retention;
    SLK_TRY(slk_json_object(&retention, value, "retention", error));
    SLK_TRY(slk_json_u64(&o->retention_days, retention, "days", error));
    SLK_TRY(amount(&o->retention_day, retention, "unit", error));
    SLK_TRY(slk_json_u64(&o->late_basis_points, value, "late_basis_points", error));
    SLK_TRY(slk_json_u64(&o->least, value, "least", error));
    SLK_TRY(slk_json_u64(&o->most, value, "most", error));
    if (o->retention_days > SLK_RETENTION_DAYS_MAX)
        return slk_fail(error, SLK_E_INVAL, "retention: at most %llu days",
                        (unsigned long long)SLK_RETENTION_DAYS_MAX);
    if (o->late_basis_points > SLK_BASIS_POINTS)
        return slk_fail(error, SLK_E_INVAL, "late_basis_points: at most %llu, the whole price",
                        (unsigned long long)SLK_BASIS_POINTS);
    if (o->least == 0 || o->least > o->most || o->most > SLK_ORDER_SECTORS_MAX)
        return slk_fail(error, SLK_E_INVAL, "least, most: 1 to %llu sectors, least first",
                        (unsigned long long)SLK_ORDER_SECTORS_MAX);
    if (!slk_json_member(value, "valid_until_ms"))
        return SLK_OK;
    SLK_TRY(slk_json_i64(&o->valid_until_ms, value, "valid_until_ms", error));
    if (o->valid_until_ms <= 0)
        return slk_fail(error, SLK_E_INVAL, "valid_until_ms: a time, or null");
    return SLK_OK;
}

slk_err slk_offer_from_json(slk_offer *ret_offer, const json_t *value, slk_error *error)
{
    static const char *const known[] = {"name",
                                        "title",
                                        "kinds",
                                        "seal_proofs",
                                        "currency",
                                        "steps",
                                        "proof",
                                        "push",
                                        "retention",
                                        "least",
                                        "most",
                                        "valid_until_ms",
                                        "late_basis_points"};
    slk_offer offer = {0};
    SLK_TRY(only_known(value, known, sizeof known / sizeof *known, error));
    SLK_TRY(names_in(&offer, value, error));
    SLK_TRY(kinds_in(&offer, value, error));
    SLK_TRY(proofs_in(&offer, value, error));
    SLK_TRY(steps_in(&offer, value, error));
    SLK_TRY(extra(&offer.proof, &offer.has_proof, value, "proof", error));
    SLK_TRY(extra(&offer.push, &offer.has_push, value, "push", error));
    SLK_TRY(bounds_in(&offer, value, error));
    *ret_offer = offer;
    return SLK_OK;
}
