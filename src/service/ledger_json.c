/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/ledger.h"

#include "base/bytes.h"
#include "codec/json.h"
#include "service/service_impl.h"

#include <string.h>

slk_err slk_ledger_to_json(json_t **ret, const slk_ledger_entry *e, slk_error *error)
{
    char unit[SLK_MONEY_CHARS], amount[SLK_MONEY_CHARS], balance[SLK_MONEY_CHARS];
    char previous[65], hash[65], signature[129];
    slk_money_print(unit, &e->unit);
    slk_money_print(amount, &e->amount);
    slk_money_print(balance, &e->balance);
    slk_hex_encode(previous, e->previous, sizeof e->previous);
    slk_hex_encode(hash, e->hash, sizeof e->hash);
    slk_hex_encode(signature, e->signature, sizeof e->signature);
    json_t *sector = e->has_sector ? json_pack("{s:I,s:I}", "sp_id", (json_int_t)e->sp_id,
                                               "sector_number", (json_int_t)e->sector_number)
                                   : json_null();
    *ret = json_pack("{s:I,s:I,s:I,s:s,s:s,s:s,s:o,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}",
                     "customer", (json_int_t)e->customer_id, "seq", (json_int_t)e->seq, "at_ms",
                     (json_int_t)e->at_ms, "kind", slk_ledger_kind_name(e->kind), "item",
                     slk_ledger_item_name(e->item), "order", e->order_id, "sector", sector,
                     "quantity", (json_int_t)e->quantity, "unit", unit, "amount", amount, "balance",
                     balance, "currency", e->currency, "reference", e->reference, "note", e->note,
                     "previous", previous, "hash", hash, "signature", signature, "key", e->key_id);
    return *ret ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory for a ledger's entry");
}

static slk_err text_field(char *out, size_t n, const json_t *value, const char *field,
                          slk_error *error)
{
    const char *text;
    SLK_TRY(slk_json_string(&text, value, field, error));
    if (strlen(text) >= n || !slk_text_is_printable(text))
        return slk_fail(error, SLK_E_INVAL, "%s: not a text of at most %zu bytes", field, n - 1);
    memcpy(out, text, strlen(text) + 1);
    return SLK_OK;
}

static slk_err names(slk_ledger_entry *e, const json_t *value, slk_error *error)
{
    const char *kind, *item;
    SLK_TRY(slk_json_string(&kind, value, "kind", error));
    SLK_TRY(slk_json_string(&item, value, "item", error));
    if (!slk_ledger_kind_parse(&e->kind, kind) || !slk_ledger_item_parse(&e->item, item))
        return slk_fail(error, SLK_E_INVAL, "kind, item: not known here");
    return SLK_OK;
}

static slk_err numbers(slk_ledger_entry *e, const json_t *value, slk_error *error)
{
    const json_t *sector = slk_json_member(value, "sector");
    SLK_TRY(slk_json_i64(&e->customer_id, value, "customer", error));
    SLK_TRY(slk_json_i64(&e->seq, value, "seq", error));
    SLK_TRY(slk_json_i64(&e->at_ms, value, "at_ms", error));
    SLK_TRY(slk_json_u64(&e->quantity, value, "quantity", error));
    e->has_sector = sector != NULL;
    if (!sector)
        return SLK_OK;
    SLK_TRY(slk_json_u64(&e->sp_id, sector, "sp_id", error));
    return slk_json_u64(&e->sector_number, sector, "sector_number", error);
}

static slk_err texts(slk_ledger_entry *e, const json_t *value, slk_error *error)
{
    SLK_TRY(text_field(e->order_id, sizeof e->order_id, value, "order", error));
    SLK_TRY(text_field(e->currency, sizeof e->currency, value, "currency", error));
    SLK_TRY(text_field(e->reference, sizeof e->reference, value, "reference", error));
    SLK_TRY(text_field(e->note, sizeof e->note, value, "note", error));
    SLK_TRY(text_field(e->key_id, sizeof e->key_id, value, "key", error));
    return SLK_OK;
}

slk_err slk_ledger_from_json(slk_ledger_entry *ret_entry, const json_t *value, slk_error *error)
{
    slk_ledger_entry e = {0};
    SLK_TRY(names(&e, value, error));
    SLK_TRY(numbers(&e, value, error));
    SLK_TRY(texts(&e, value, error));
    SLK_TRY(slk_json_money(&e.unit, value, "unit", error));
    SLK_TRY(slk_json_money(&e.amount, value, "amount", error));
    SLK_TRY(slk_json_money(&e.balance, value, "balance", error));
    SLK_TRY(slk_json_hex(e.previous, sizeof e.previous, value, "previous", error));
    SLK_TRY(slk_json_hex(e.hash, sizeof e.hash, value, "hash", error));
    SLK_TRY(slk_json_hex(e.signature, sizeof e.signature, value, "signature", error));
    *ret_entry = e;
    return SLK_OK;
}
