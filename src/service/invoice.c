/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/invoice.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "db/args.h"
#include "service/service_impl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINES_MAX 256u /* of different kind, item and unit */

static const slk_sql before = {"invoice.before",
                               "SELECT last_seq, closing FROM service_invoice WHERE customer_id"
                               " = $1 ORDER BY last_seq DESC LIMIT 1"};
static const slk_sql count = {"invoice.count", "SELECT count(*) FROM service_invoice"};
static const slk_sql insert = {
    "invoice.insert",
    "INSERT INTO service_invoice (number, customer_id, first_seq, last_seq, closing, document,"
    " signature, key_id, issued_ms, due_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"};
static const slk_sql get = {
    "invoice.get", "SELECT document, signature, key_id, customer_id, first_seq, last_seq FROM"
                   " service_invoice WHERE number = $1 AND (customer_id = $2 OR $2 = 0)"};
static const slk_sql list = {
    "invoice.list", "SELECT i.number, c.name, c.currency, i.issued_ms, i.due_ms, i.closing,"
                    " i.customer_id, i.last_seq FROM service_invoice i JOIN service_customer c"
                    " ON c.id = i.customer_id WHERE i.customer_id = $1 OR $1 = 0"
                    " ORDER BY i.issued_ms DESC, i.number DESC"};
static const slk_sql payments_after = {
    "invoice.payments", "SELECT amount FROM service_ledger WHERE customer_id = $1 AND seq > $2"
                        " AND kind IN ('payment', 'refund', 'credit')"};

/* ---- lines ---- */

typedef struct line {
    slk_ledger_kind kind;
    slk_ledger_item item;
    uint64_t quantity;
    slk_money unit, amount;
} line;

struct gathering {
    int64_t until_ms;
    slk_ledger_entry first, last;
    uint64_t n_entries;
    line lines[LINES_MAX];
    size_t n;
};

static line *line_for(struct gathering *g, const slk_ledger_entry *e)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->lines[i].kind == e->kind && g->lines[i].item == e->item &&
            slk_money_cmp(&g->lines[i].unit, &e->unit) == 0)
            return &g->lines[i];
    if (g->n == LINES_MAX)
        return NULL;
    g->lines[g->n] = (line){.kind = e->kind, .item = e->item, .unit = e->unit};
    return &g->lines[g->n++];
}

/* Ends the walk without being a failure: an invoice ends before what is later, or of too many kinds. */
#define ENOUGH SLK_E_CANCELED

static slk_err gather(void *context, const slk_ledger_entry *e, slk_error *error)
{
    struct gathering *g = context;
    if (e->at_ms >= g->until_ms)
        return slk_fail(error, ENOUGH, "later than the invoice");
    line *l = line_for(g, e);
    if (!l)
        return slk_fail(error, ENOUGH, "more kinds of lines than one invoice has");
    SLK_TRY(slk_add_u64(&l->quantity, l->quantity, e->quantity));
    SLK_TRY(slk_money_add(&l->amount, &l->amount, &e->amount));
    if (g->n_entries++ == 0)
        g->first = *e;
    g->last = *e;
    return SLK_OK;
}

/* ---- the document ---- */

static json_t *lines_json(const struct gathering *g)
{
    json_t *all = json_array();
    for (size_t i = 0; i < g->n; i++) {
        const line *l = &g->lines[i];
        json_t *o =
            json_pack("{s:s,s:s,s:I,s:o,s:o}", "kind", slk_ledger_kind_name(l->kind), "item",
                      slk_ledger_item_name(l->item), "quantity", (json_int_t)l->quantity, "unit",
                      slk_json_new_money(&l->unit), "amount", slk_json_new_money(&l->amount));
        if (json_array_append_new(all, o) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

struct making {
    const slk_signing_key *key;
    int64_t customer_id, until_ms, due_ms, now_ms;
    char number[SLK_INVOICE_NUMBER_CHARS];
};

static slk_err print_document(slk_buf *out, const struct making *m, const slk_customer *customer,
                              const struct gathering *g, const slk_money *opening, slk_error *error)
{
    const slk_money *closing = &g->last.balance;
    const slk_money nothing = {0};
    char hash[2 * SLK_LEDGER_HASH_BYTES + 1];
    slk_hex_encode(hash, g->last.hash, sizeof g->last.hash);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *value =
        json_pack("{s:s,s:{s:I,s:s},s:s,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:I,s:I,s:s}", "number",
                  m->number, "customer", "id", (json_int_t)customer->id, "name", customer->name,
                  "currency", customer->currency, "first_seq", (json_int_t)g->first.seq, "last_seq",
                  (json_int_t)g->last.seq, "from_ms", (json_int_t)g->first.at_ms, "until_ms",
                  (json_int_t)m->until_ms, "opening", slk_json_new_money(opening), "lines",
                  lines_json(g), "closing", slk_json_new_money(closing), "due",
                  slk_json_new_money(closing->negative ? &nothing : closing), "issued_ms",
                  (json_int_t)m->now_ms, "due_ms", (json_int_t)m->due_ms, "last_hash", hash);
    const slk_err code = value ? slk_json_print(out, value) : SLK_E_NOMEM;
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "the invoice cannot be printed");
}

static slk_err number_it(struct making *m, slk_db *db, slk_error *error)
{
    int64_t n = 0;
    struct tm at;
    const time_t seconds = (time_t)(m->now_ms / 1000);
    SLK_TRY(slk_sql_number(&n, db, &count, NULL, 0, error));
    slk_assert(gmtime_r(&seconds, &at) != NULL);
    (void)snprintf(m->number, sizeof m->number, "%04d-%06lld", at.tm_year + 1900,
                   (long long)(n + 1) % 1000000);
    return SLK_OK;
}

static slk_err keep(slk_db *db, const struct making *m, const struct gathering *g,
                    const slk_buf *document, slk_error *error)
{
    uint8_t hash[SLK_LEDGER_HASH_BYTES], signature[SLK_SIGNATURE_BYTES];
    char id[SLK_SIGNING_ID_CHARS], closing[SLK_MONEY_CHARS];
    slk_signing_digest(hash, document->data, document->len);
    SLK_TRY(slk_hash_sign(signature, id, m->key, hash, error));
    slk_money_print(closing, &g->last.balance);
    return slk_sql_run(db, &insert,
                       SLK_ARGS(slk_arg_t(m->number), slk_arg_i(m->customer_id),
                                slk_arg_i(g->first.seq), slk_arg_i(g->last.seq), slk_arg_t(closing),
                                slk_arg_t(slk_buf_str(document)),
                                slk_arg_b(signature, sizeof signature), slk_arg_t(id),
                                slk_arg_i(m->now_ms), slk_arg_i(m->due_ms)),
                       NULL, error);
}

/* Where the customer's last invoice ended. */
static slk_err read_before(int64_t *ret_seq, slk_money *ret_closing, slk_db *db, int64_t customer,
                           slk_error *error)
{
    bool row = false;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &before, SLK_ARGS(slk_arg_i(customer)), error));
    SLK_TRY(slk_query_step(&q, &row, error));
    *ret_seq = row ? slk_column_i64(&q, 0) : 0;
    *ret_closing = (slk_money){0};
    const char *closing = row ? slk_column_text(&q, 1) : "0";
    return closing && slk_money_parse(ret_closing, closing) == SLK_OK
               ? SLK_OK
               : slk_fail(error, SLK_E_CORRUPT, "an invoice cannot be read");
}

static slk_err make_with(slk_db *db, struct making *m, struct gathering *g, slk_error *error)
{
    slk_customer customer;
    slk_money opening;
    int64_t after = 0;
    slk_error why = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf document;
    slk_buf_init(&document, SLK_INVOICE_MAX_BYTES);
    SLK_TRY(slk_customer_get(&customer, db, m->customer_id, error));
    SLK_TRY(read_before(&after, &opening, db, m->customer_id, error));
    const slk_err code = slk_ledger_walk(db, m->customer_id, after, INT64_MAX, gather, g, &why);
    if (code != SLK_OK && code != ENOUGH)
        return slk_fail(error, code, "%s", slk_error_text(&why, code));
    if (g->n_entries == 0)
        return slk_fail(error, SLK_E_NOTFOUND, "there is nothing to invoice to %s", customer.name);
    SLK_TRY(number_it(m, db, error));
    SLK_TRY(print_document(&document, m, &customer, g, &opening, error));
    return keep(db, m, g, &document, error);
}

static slk_err make_body(slk_db *db, void *context, slk_error *error)
{
    struct making *m = context;
    SLK_CLEANUP(slk_freep) struct gathering *g = slk_calloc(1, sizeof *g);
    if (!g)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an invoice");
    g->until_ms = m->until_ms;
    return make_with(db, m, g, error);
}

slk_err slk_invoice_make(char ret_number[SLK_INVOICE_NUMBER_CHARS], slk_db *db,
                         const slk_signing_key *key, int64_t customer_id, int64_t until_ms,
                         int64_t due_ms, int64_t now_ms, slk_error *error)
{
    struct making m = {.key = key,
                       .customer_id = customer_id,
                       .until_ms = until_ms,
                       .due_ms = due_ms,
                       .now_ms = now_ms};
    SLK_TRY(slk_db_tx(db, make_body, &m, error));
    memcpy(ret_number, m.number, sizeof m.number);
    return SLK_OK;
}

/* ---- reading ---- */

void slk_invoice_done(slk_invoice *invoice)
{
    slk_buf_done(&invoice->document);
}

slk_err slk_invoice_get(slk_invoice *ret_invoice, slk_db *db, int64_t customer_id,
                        const char *number, slk_error *error)
{
    slk_invoice invoice = {0};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, db, &get, SLK_ARGS(slk_arg_t(number), slk_arg_i(customer_id)),
                        "invoice", error));
    slk_sql_copy_text(invoice.key_id, sizeof invoice.key_id, &q, 2);
    invoice.customer_id = slk_column_i64(&q, 3);
    invoice.first_seq = slk_column_i64(&q, 4);
    invoice.last_seq = slk_column_i64(&q, 5);
    SLK_TRY(slk_column_bytes(&q, 1, invoice.signature, sizeof invoice.signature, error));
    slk_buf_init(&invoice.document, SLK_INVOICE_MAX_BYTES);
    const char *text = slk_column_text(&q, 0);
    const slk_err code = slk_buf_text(&invoice.document, text ? text : "");
    if (code != SLK_OK) {
        slk_invoice_done(&invoice);
        return slk_fail(error, code, "out of memory for an invoice");
    }
    *ret_invoice = invoice;
    return SLK_OK;
}

bool slk_invoice_valid(const slk_invoice *invoice, const slk_ledger_keys *keys)
{
    uint8_t hash[32];
    slk_signing_digest(hash, invoice->document.data, invoice->document.len);
    return slk_hash_is_signed(keys, invoice->key_id, hash, invoice->signature);
}

/* Whether what was owed has come in since. */
static slk_err is_paid(bool *ret_paid, slk_db *db, int64_t customer, int64_t last_seq,
                       slk_money owed, slk_error *error)
{
    SLK_TRY(slk_money_sum_rows(&owed, db, &payments_after,
                               SLK_ARGS(slk_arg_i(customer), slk_arg_i(last_seq)), error));
    *ret_paid = owed.negative || slk_money_is_zero(&owed);
    return SLK_OK;
}

struct listed {
    json_t *value;
    int64_t customer_id, last_seq;
    slk_money closing;
};

static slk_err read_listed(struct listed *ret, const slk_query *q, slk_error *error)
{
    const char *closing = slk_column_text(q, 5);
    const slk_money nothing = {0};
    ret->customer_id = slk_column_i64(q, 6);
    ret->last_seq = slk_column_i64(q, 7);
    if (!closing || slk_money_parse(&ret->closing, closing) != SLK_OK)
        return slk_fail(error, SLK_E_CORRUPT, "an invoice cannot be read");
    ret->value =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:o}", "number", slk_column_text(q, 0), "customer",
                  slk_column_text(q, 1), "currency", slk_column_text(q, 2), "issued_ms",
                  (json_int_t)slk_column_i64(q, 3), "due_ms", (json_int_t)slk_column_i64(q, 4),
                  "due", slk_json_new_money(ret->closing.negative ? &nothing : &ret->closing));
    return ret->value ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory for invoices");
}

slk_err slk_invoice_list(json_t **ret_list, slk_db *db, int64_t customer_id, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &list, SLK_ARGS(slk_arg_i(customer_id)), error));
    for (;;) {
        struct listed row_read = {0};
        bool row = false, paid = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        SLK_TRY(read_listed(&row_read, &q, error));
        if (json_array_append_new(all, row_read.value) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for invoices");
        SLK_TRY(
            is_paid(&paid, db, row_read.customer_id, row_read.last_seq, row_read.closing, error));
        if (json_object_set_new(row_read.value, "paid", json_boolean(paid)) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for invoices");
    }
    *ret_list = all;
    all = NULL;
    return SLK_OK;
}
