/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/ledger.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "db/args.h"
#include "service/service_impl.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS                                                                            \
    "customer_id, seq, at_ms, kind, item, order_id, sp_id, sector_number, quantity, unit," \
    " amount, balance, currency, reference, note, previous_hash, entry_hash, signature, key_id"

static const slk_sql tail_of = {"ledger.tail", "SELECT " COLUMNS " FROM service_ledger WHERE"
                                               " customer_id = $1 ORDER BY seq DESC LIMIT 1"};
static const slk_sql find = {"ledger.find", "SELECT " COLUMNS " FROM service_ledger WHERE"
                                            " customer_id = $1 AND reference = $2"};
static const slk_sql walk = {"ledger.walk", "SELECT " COLUMNS " FROM service_ledger WHERE"
                                            " customer_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"};
static const slk_sql insert = {"ledger.insert",
                               "INSERT INTO service_ledger (" COLUMNS
                               ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
                               " $13, $14, $15, $16, $17, $18, $19)"};

static const char *const kind_names[SLK_LEDGER_KINDS] = {
    [SLK_LEDGER_CHARGE] = "charge",         [SLK_LEDGER_CREDIT] = "credit",
    [SLK_LEDGER_PAYMENT] = "payment",       [SLK_LEDGER_REFUND] = "refund",
    [SLK_LEDGER_ADJUSTMENT] = "adjustment",
};
static const char *const item_names[SLK_LEDGER_ITEMS] = {
    [SLK_ITEM_SECTOR] = "sector", [SLK_ITEM_PROOF] = "proof", [SLK_ITEM_RETENTION] = "retention",
    [SLK_ITEM_PUSH] = "push",     [SLK_ITEM_LATE] = "late",   [SLK_ITEM_FAILED] = "failed",
    [SLK_ITEM_MONEY] = "money",
};

const char *slk_ledger_kind_name(slk_ledger_kind kind)
{
    return kind_names[kind];
}

const char *slk_ledger_item_name(slk_ledger_item item)
{
    return item_names[item];
}

bool slk_name_find(unsigned *ret_index, const char *const *names, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *ret_index = i;
        return true;
    }
    return false;
}

bool slk_ledger_kind_parse(slk_ledger_kind *ret, const char *name)
{
    unsigned i = 0;
    const bool found = slk_name_find(&i, kind_names, SLK_LEDGER_KINDS, name);
    if (found)
        *ret = (slk_ledger_kind)i;
    return found;
}

bool slk_ledger_item_parse(slk_ledger_item *ret, const char *name)
{
    unsigned i = 0;
    const bool found = slk_name_find(&i, item_names, SLK_LEDGER_ITEMS, name);
    if (found)
        *ret = (slk_ledger_item)i;
    return found;
}

/* ---- rows ---- */

static slk_err corrupt_row(const slk_ledger_entry *entry, slk_error *error)
{
    return slk_fail(error, SLK_E_CORRUPT,
                    "entry %lld of customer %lld in the ledger cannot be read: it was changed",
                    (long long)entry->seq, (long long)entry->customer_id);
}

static bool read_money(slk_ledger_entry *entry, const slk_query *q)
{
    const char *text[3];
    for (int i = 0; i < 3; i++) {
        text[i] = slk_column_text(q, 9 + i);
        if (!text[i])
            return false;
    }
    return slk_money_parse(&entry->unit, text[0]) == SLK_OK &&
           slk_money_parse(&entry->amount, text[1]) == SLK_OK &&
           slk_money_parse(&entry->balance, text[2]) == SLK_OK;
}

static slk_err read_row(slk_ledger_entry *ret, const slk_query *q, slk_error *error)
{
    slk_ledger_entry e = {.customer_id = slk_column_i64(q, 0), .seq = slk_column_i64(q, 1)};
    char kind[16], item[16];
    e.at_ms = slk_column_i64(q, 2);
    slk_sql_copy_text(kind, sizeof kind, q, 3);
    slk_sql_copy_text(item, sizeof item, q, 4);
    slk_sql_copy_text(e.order_id, sizeof e.order_id, q, 5);
    e.has_sector = !slk_column_is_null(q, 6);
    e.sp_id = (uint64_t)slk_column_i64(q, 6);
    e.sector_number = (uint64_t)slk_column_i64(q, 7);
    e.quantity = (uint64_t)slk_column_i64(q, 8);
    slk_sql_copy_text(e.currency, sizeof e.currency, q, 12);
    slk_sql_copy_text(e.reference, sizeof e.reference, q, 13);
    slk_sql_copy_text(e.note, sizeof e.note, q, 14);
    slk_sql_copy_text(e.key_id, sizeof e.key_id, q, 18);
    if (!slk_ledger_kind_parse(&e.kind, kind) || !slk_ledger_item_parse(&e.item, item) ||
        !read_money(&e, q) || slk_column_bytes(q, 15, e.previous, 32, NULL) != SLK_OK ||
        slk_column_bytes(q, 16, e.hash, 32, NULL) != SLK_OK ||
        slk_column_bytes(q, 17, e.signature, 64, NULL) != SLK_OK)
        return corrupt_row(&e, error);
    *ret = e;
    return SLK_OK;
}

/* *ret_found: the statement has a row, which is in *ret_entry. */
static slk_err read_one(slk_ledger_entry *ret_entry, bool *ret_found, slk_db *db,
                        const slk_sql *sql, const slk_arg *args, size_t n, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, sql, args, n, error));
    SLK_TRY(slk_query_step(&q, ret_found, error));
    return *ret_found ? read_row(ret_entry, &q, error) : SLK_OK;
}

static slk_err write_row(slk_db *db, const slk_ledger_entry *e, slk_error *error)
{
    char unit[SLK_MONEY_CHARS], amount[SLK_MONEY_CHARS], balance[SLK_MONEY_CHARS];
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    slk_money_print(unit, &e->unit);
    slk_money_print(amount, &e->amount);
    slk_money_print(balance, &e->balance);
    SLK_TRY(slk_sql_open(
        &q, db, &insert,
        SLK_ARGS(slk_arg_i(e->customer_id), slk_arg_i(e->seq), slk_arg_i(e->at_ms),
                 slk_arg_t(kind_names[e->kind]), slk_arg_t(item_names[e->item]),
                 slk_arg_t(e->order_id), slk_arg_u(e->sp_id), slk_arg_u(e->sector_number),
                 slk_arg_u(e->quantity), slk_arg_t(unit), slk_arg_t(amount), slk_arg_t(balance),
                 slk_arg_t(e->currency), slk_arg_t(e->reference), slk_arg_t(e->note),
                 slk_arg_b(e->previous, 32), slk_arg_b(e->hash, 32), slk_arg_b(e->signature, 64),
                 slk_arg_t(e->key_id)),
        error));
    if (!e->has_sector) {
        slk_bind_null(&q, 7);
        slk_bind_null(&q, 8);
    }
    return slk_query_run(&q, error);
}

/* ---- what is signed ---- */

slk_err slk_ledger_text(slk_buf *out, const slk_ledger_entry *e)
{
    char unit[SLK_MONEY_CHARS], amount[SLK_MONEY_CHARS], balance[SLK_MONEY_CHARS];
    char sector[48] = "", previous[2 * SLK_LEDGER_HASH_BYTES + 1];
    slk_money_print(unit, &e->unit);
    slk_money_print(amount, &e->amount);
    slk_money_print(balance, &e->balance);
    slk_hex_encode(previous, e->previous, sizeof e->previous);
    if (e->has_sector)
        (void)snprintf(sector, sizeof sector, "f0%llu/%llu", (unsigned long long)e->sp_id,
                       (unsigned long long)e->sector_number);
    return slk_buf_printf(
        out,
        "selkie-ledger-1\ncustomer=%lld\nseq=%lld\nat=%lld\nkind=%s\nitem=%s\norder=%s\n"
        "sector=%s\nquantity=%llu\nunit=%s\namount=%s\nbalance=%s\ncurrency=%s\nreference=%s\n"
        "note=%s\nprevious=%s\n",
        (long long)e->customer_id, (long long)e->seq, (long long)e->at_ms, kind_names[e->kind],
        item_names[e->item], e->order_id, sector, (unsigned long long)e->quantity, unit, amount,
        balance, e->currency, e->reference, e->note, previous);
}

static slk_err hash_of(uint8_t out32[32], const slk_ledger_entry *entry, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_LEDGER_TEXT_MAX_BYTES);
    const slk_err code = slk_ledger_text(&text, entry);
    if (code != SLK_OK)
        return slk_fail(error, code, "the text of a ledger's entry could not be made");
    slk_signing_digest(out32, text.data, text.len);
    return SLK_OK;
}

slk_err slk_hash_sign(uint8_t ret_signature[64], char ret_key_id[SLK_SIGNING_ID_CHARS],
                      const slk_signing_key *key, const uint8_t hash32[32], slk_error *error)
{
    uint8_t public[SLK_SIGNING_KEY_BYTES];
    slk_signing_public(public, key);
    slk_signing_id(ret_key_id, public);
    return slk_sign(ret_signature, key, hash32, SLK_LEDGER_HASH_BYTES, error);
}

bool slk_hash_is_signed(const slk_ledger_keys *keys, const char *key_id, const uint8_t hash32[32],
                        const uint8_t signature[64])
{
    for (size_t i = 0; i < keys->n; i++) {
        char id[SLK_SIGNING_ID_CHARS];
        slk_signing_id(id, keys->keys[i]);
        if (strcmp(id, key_id) == 0)
            return slk_signature_valid(keys->keys[i], hash32, SLK_LEDGER_HASH_BYTES, signature);
    }
    return false;
}

/* ---- posting ---- */

static bool sign_fits(slk_ledger_kind kind, const slk_money *unit)
{
    switch (kind) {
    case SLK_LEDGER_CHARGE:
    case SLK_LEDGER_REFUND:
        return !unit->negative;
    case SLK_LEDGER_CREDIT:
    case SLK_LEDGER_PAYMENT:
        return unit->negative || slk_money_is_zero(unit);
    case SLK_LEDGER_ADJUSTMENT:
        return true;
    case SLK_LEDGER_KINDS:
        break;
    }
    return false;
}

static slk_err take_text(char *out, size_t n, const char *text, const char *what, slk_error *error)
{
    if (strlen(text) >= n || !slk_text_is_printable(text))
        return slk_fail(error, SLK_E_INVAL,
                        "the %s of a ledger's entry has at most %zu bytes of printable text", what,
                        n - 1);
    memcpy(out, text, strlen(text) + 1);
    return SLK_OK;
}

/* All of an entry but its place in the chain. */
static slk_err begin_entry(slk_ledger_entry *e, const slk_ledger_posting *p, slk_error *error)
{
    *e = (slk_ledger_entry){
        .customer_id = p->customer_id,
        .at_ms = p->at_ms,
        .kind = p->kind,
        .item = p->item,
        .has_sector = p->has_sector,
        .sp_id = p->has_sector ? p->sp_id : 0,
        .sector_number = p->has_sector ? p->sector_number : 0,
        .quantity = p->quantity,
        .unit = p->unit,
    };
    slk_assert(p->kind < SLK_LEDGER_KINDS && p->item < SLK_LEDGER_ITEMS);
    if (p->quantity == 0 || p->quantity > INT64_MAX || !sign_fits(p->kind, &p->unit))
        return slk_fail(error, SLK_E_INVAL, "a %s cannot be of that amount", kind_names[p->kind]);
    if (!*p->reference || (*p->order_id && !slk_uuid_is(p->order_id)))
        return slk_fail(error, SLK_E_INVAL, "an entry needs a reference, and a UUID for an order");
    SLK_TRY(slk_currency_parse(e->currency, p->currency, error));
    SLK_TRY(take_text(e->order_id, sizeof e->order_id, p->order_id, "order", error));
    SLK_TRY(take_text(e->reference, sizeof e->reference, p->reference, "reference", error));
    SLK_TRY(take_text(e->note, sizeof e->note, p->note, "note", error));
    if (slk_money_times(&e->amount, &e->unit, e->quantity) != SLK_OK)
        return slk_fail(error, SLK_E_LIMIT, "the amount is too large");
    return SLK_OK;
}

static bool same_content(const slk_ledger_entry *a, const slk_ledger_entry *b)
{
    return a->kind == b->kind && a->item == b->item && strcmp(a->order_id, b->order_id) == 0 &&
           a->has_sector == b->has_sector && a->sp_id == b->sp_id &&
           a->sector_number == b->sector_number && a->quantity == b->quantity &&
           slk_money_cmp(&a->unit, &b->unit) == 0 && strcmp(a->currency, b->currency) == 0;
}

static slk_err chain_entry(slk_ledger_entry *e, const slk_ledger_entry *last,
                           const slk_signing_key *key, slk_error *error)
{
    if (last && strcmp(last->currency, e->currency) != 0)
        return slk_fail(error, SLK_E_CONFLICT, "the customer's account is in %s, not in %s",
                        last->currency, e->currency);
    e->seq = last ? last->seq + 1 : 1;
    e->balance = e->amount;
    if (last) {
        memcpy(e->previous, last->hash, sizeof e->previous);
        if (slk_money_add(&e->balance, &last->balance, &e->amount) != SLK_OK)
            return slk_fail(error, SLK_E_LIMIT, "the balance is too large");
    }
    SLK_TRY(hash_of(e->hash, e, error));
    return slk_hash_sign(e->signature, e->key_id, key, e->hash, error);
}

slk_err slk_ledger_post(slk_ledger_entry *ret_entry, bool *ret_new, slk_db *db,
                        const slk_signing_key *key, const slk_ledger_posting *posting,
                        slk_error *error)
{
    slk_ledger_entry entry, last = {0}, there = {0};
    bool found = false;
    slk_assert(slk_db_in_tx(db));
    SLK_TRY(begin_entry(&entry, posting, error));
    const slk_arg who = slk_arg_i(entry.customer_id);
    SLK_TRY(read_one(&there, &found, db, &find, SLK_ARGS(who, slk_arg_t(entry.reference)), error));
    if (found && !same_content(&there, &entry))
        return slk_fail(error, SLK_E_CONFLICT,
                        "the reference %s stands in the ledger with another content",
                        entry.reference);
    if (!found) {
        bool any = false;
        SLK_TRY(read_one(&last, &any, db, &tail_of, SLK_ARGS(who), error));
        SLK_TRY(chain_entry(&entry, any ? &last : NULL, key, error));
        SLK_TRY(write_row(db, &entry, error));
    }
    *ret_entry = found ? there : entry;
    *ret_new = !found;
    return SLK_OK;
}

struct alone {
    const slk_signing_key *key;
    const slk_ledger_posting *posting;
    slk_ledger_entry entry;
    bool is_new;
};

static slk_err alone_body(slk_db *db, void *context, slk_error *error)
{
    struct alone *a = context;
    return slk_ledger_post(&a->entry, &a->is_new, db, a->key, a->posting, error);
}

slk_err slk_ledger_post_alone(slk_ledger_entry *ret_entry, bool *ret_new, slk_db *db,
                              const slk_signing_key *key, const slk_ledger_posting *posting,
                              slk_error *error)
{
    struct alone a = {.key = key, .posting = posting};
    SLK_TRY(slk_db_tx(db, alone_body, &a, error));
    *ret_entry = a.entry;
    *ret_new = a.is_new;
    return SLK_OK;
}

slk_err slk_ledger_balance(slk_money *ret_balance, slk_db *db, int64_t customer_id,
                           slk_error *error)
{
    slk_ledger_entry last = {0};
    bool found = false;
    SLK_TRY(read_one(&last, &found, db, &tail_of, SLK_ARGS(slk_arg_i(customer_id)), error));
    *ret_balance = last.balance;
    return SLK_OK;
}

slk_err slk_ledger_walk(slk_db *db, int64_t customer_id, int64_t after, uint64_t most,
                        slk_ledger_visit *visit, void *context, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    const uint64_t limit = slk_min_u64(most, INT64_MAX);
    SLK_TRY(slk_sql_open(&q, db, &walk,
                         SLK_ARGS(slk_arg_i(customer_id), slk_arg_i(after), slk_arg_u(limit)),
                         error));
    for (;;) {
        slk_ledger_entry entry;
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        SLK_TRY(read_row(&entry, &q, error));
        SLK_TRY(visit(context, &entry, error));
    }
}

/* ---- checking ---- */

static slk_err wrong(const slk_ledger_entry *e, const char *what, slk_error *error)
{
    return slk_fail(error, SLK_E_CORRUPT, "entry %lld of customer %lld: %s", (long long)e->seq,
                    (long long)e->customer_id, what);
}

static const char *breaks_chain(const slk_ledger_entry *previous, const slk_ledger_entry *e)
{
    static const uint8_t first[SLK_LEDGER_HASH_BYTES] = {0};
    if (e->seq != (previous ? previous->seq : 0) + 1)
        return "one before it is missing";
    if (previous && e->customer_id != previous->customer_id)
        return "it is another customer's";
    if (memcmp(e->previous, previous ? previous->hash : first, sizeof e->previous) != 0)
        return "it does not follow the one before";
    if (previous && strcmp(e->currency, previous->currency) != 0)
        return "it is in another currency than those before";
    return NULL;
}

static const char *does_not_add_up(const slk_ledger_entry *previous, const slk_ledger_entry *e)
{
    static const slk_money nothing = {0};
    slk_money amount, balance;
    if (e->quantity == 0 || !sign_fits(e->kind, &e->unit) ||
        slk_money_times(&amount, &e->unit, e->quantity) != SLK_OK ||
        slk_money_cmp(&amount, &e->amount) != 0)
        return "its amount is not quantity times unit";
    if (slk_money_add(&balance, previous ? &previous->balance : &nothing, &e->amount) != SLK_OK ||
        slk_money_cmp(&balance, &e->balance) != 0)
        return "its balance is not the sum";
    return NULL;
}

slk_err slk_ledger_check(const slk_ledger_entry *previous, const slk_ledger_entry *entry,
                         const slk_ledger_keys *keys, slk_error *error)
{
    uint8_t hash[SLK_LEDGER_HASH_BYTES];
    const char *what = breaks_chain(previous, entry);
    if (!what)
        what = does_not_add_up(previous, entry);
    if (what)
        return wrong(entry, what, error);
    SLK_TRY(hash_of(hash, entry, error));
    if (memcmp(hash, entry->hash, sizeof hash) != 0)
        return wrong(entry, "its content was changed after it was written", error);
    if (!slk_hash_is_signed(keys, entry->key_id, entry->hash, entry->signature))
        return wrong(entry, "its signature is not by a key of this service", error);
    return SLK_OK;
}

struct checking {
    slk_ledger_entry last;
    const slk_ledger_keys *keys;
    uint64_t n;
};

static slk_err check_next(void *context, const slk_ledger_entry *entry, slk_error *error)
{
    struct checking *c = context;
    SLK_TRY(slk_ledger_check(c->n ? &c->last : NULL, entry, c->keys, error));
    c->last = *entry;
    c->n++;
    return SLK_OK;
}

slk_err slk_ledger_check_all(uint64_t *ret_n, slk_db *db, int64_t customer_id,
                             const slk_ledger_keys *keys, slk_error *error)
{
    struct checking c = {.keys = keys};
    const slk_err code = slk_ledger_walk(db, customer_id, 0, INT64_MAX, check_next, &c, error);
    *ret_n = c.n;
    return code;
}
