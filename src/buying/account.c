/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What we paid, and whether the service's ledger agrees with what we know. */
#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "buying/buying_impl.h"
#include "codec/json.h"
#include "db/args.h"
#include "service/reconcile.h"

#include <stdio.h>
#include <string.h>

#define PAGE_ENTRIES 500
#define KNOWN_MAX ((size_t)100000) /* orders, and payments, of one service */

static const slk_sql insert_payment = {
    "buying.insert_payment",
    "INSERT INTO buying_payment (service_id, reference, amount, made_ms) VALUES ($1, $2, $3, $4)"};
static const slk_sql count_payments = {"buying.count_payments",
                                       "SELECT count(*) FROM buying_payment WHERE service_id = $1"};
static const slk_sql payments = {"buying.payments", "SELECT reference, amount FROM buying_payment"
                                                    " WHERE service_id = $1 ORDER BY reference"};
static const slk_sql count_orders = {"buying.count_orders",
                                     "SELECT count(*) FROM buying_order WHERE service_id = $1 AND"
                                     " state = 'placed'"};
static const slk_sql orders = {
    "buying.placed_orders",
    "SELECT o.idempotency_key, o.order_id, o.terms, o.promised_ms, (SELECT count(*) FROM"
    " buying_sector b WHERE b.idempotency_key = o.idempotency_key) FROM buying_order o"
    " WHERE o.service_id = $1 AND o.state = 'placed' ORDER BY o.order_id"};
static const slk_sql sectors = {
    "buying.bought_sectors",
    "SELECT b.sp_id, b.sector_number, c.state, c.failed, c.cancel_requested FROM buying_sector b"
    " LEFT JOIN rseal_client_pipeline c ON c.sp_id = b.sp_id AND c.sector_number ="
    " b.sector_number WHERE b.idempotency_key = $1 ORDER BY b.sector_number"};

slk_err slk_buying_note_payment(const slk_buying *buying, const slk_buying_service *service,
                                const slk_money *amount, const char *reference, slk_error *error)
{
    char text[SLK_MONEY_CHARS];
    if (amount->negative || slk_money_is_zero(amount))
        return slk_fail(error, SLK_E_INVAL, "a payment is above zero");
    if (!*reference || strlen(reference) >= SLK_LEDGER_REFERENCE_CHARS ||
        !slk_text_is_printable(reference))
        return slk_fail(error, SLK_E_INVAL, "a reference is 1 to %u bytes of printable text",
                        SLK_LEDGER_REFERENCE_CHARS - 1);
    slk_money_print(text, amount);
    const slk_err code =
        slk_sql_run(slk_seal_db(buying->seal), &insert_payment,
                    SLK_ARGS(slk_arg_i(service->id), slk_arg_t(reference), slk_arg_t(text),
                             slk_arg_i(slk_seal_now(buying->seal))),
                    NULL, error);
    return code == SLK_E_EXISTS ? slk_fail(error, code, "a payment of that reference is noted")
                                : code;
}

/* ---- what we know ---- */

typedef struct known {
    slk_bought bought;
    slk_bought_order *orders;
    char (*keys)[SLK_UUID_CHARS]; /* as orders */
    slk_made_payment *payments;
    char (*references)[SLK_LEDGER_REFERENCE_CHARS]; /* as payments */
    slk_ledger_keys ledger_keys;
    size_t n_orders, n_payments;
} known;

static void known_done(known *k)
{
    for (size_t i = 0; k->orders && i < k->n_orders; i++)
        slk_free((void *)(uintptr_t)k->orders[i].sectors);
    slk_free(k->orders);
    slk_free(k->keys);
    slk_free(k->payments);
    slk_free(k->references);
}

static slk_err count_known(size_t *ret_n, slk_db *db, const slk_sql *sql, int64_t service_id,
                           slk_error *error)
{
    int64_t n = 0;
    SLK_TRY(slk_sql_number(&n, db, sql, SLK_ARGS(slk_arg_i(service_id)), error));
    if (slk_u64(n) > KNOWN_MAX)
        return slk_fail(error, SLK_E_LIMIT, "more than %zu orders or payments", KNOWN_MAX);
    *ret_n = (size_t)n;
    return SLK_OK;
}

static slk_err read_payments(known *k, slk_db *db, int64_t service_id, slk_error *error)
{
    size_t n = 0;
    SLK_TRY(count_known(&n, db, &count_payments, service_id, error));
    k->payments = slk_calloc(n + 1, sizeof *k->payments);
    k->references = slk_calloc(n + 1, sizeof *k->references);
    if (!k->payments || !k->references)
        return slk_fail(error, SLK_E_NOMEM, "out of memory to reconcile");
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &payments, SLK_ARGS(slk_arg_i(service_id)), error));
    for (; k->n_payments < n; k->n_payments++) {
        bool row = false;
        slk_made_payment *p = &k->payments[k->n_payments];
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        const char *amount = slk_column_text(&q, 1);
        slk_sql_copy_text(k->references[k->n_payments], sizeof *k->references, &q, 0);
        p->reference = k->references[k->n_payments];
        if (!amount || slk_money_parse(&p->amount, amount) != SLK_OK)
            return slk_fail(error, SLK_E_CORRUPT, "a payment that was noted cannot be read");
    }
    return SLK_OK;
}

static void read_sector(slk_bought_sector *ret, const slk_query *q)
{
    static const char *const received[] = {"verified", "precommit_sent", "precommitted", "seeded",
                                           "vanilla",  "proven",         "commit_sent",  "proving"};
    const char *state = slk_column_text(q, 2);
    *ret = (slk_bought_sector){.sp_id = slk_u64(slk_column_i64(q, 0)),
                               .number = slk_u64(slk_column_i64(q, 1))};
    for (size_t i = 0; state && i < sizeof received / sizeof *received; i++)
        ret->received = ret->received || strcmp(state, received[i]) == 0;
    const bool given_up = slk_column_bool(q, 3) || slk_column_bool(q, 4);
    ret->under_way = !ret->received && (given_up || state != NULL);
}

static slk_err read_sectors(slk_bought_order *order, slk_db *db, const char *key, slk_error *error)
{
    slk_bought_sector *list = slk_calloc(order->n + 1, sizeof *list);
    if (!list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory to reconcile");
    order->sectors = list;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &sectors, SLK_ARGS(slk_arg_t(key)), error));
    for (size_t i = 0; i < order->n; i++) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return slk_fail(error, SLK_E_CORRUPT, "a sector that was bought cannot be read");
        read_sector(&list[i], &q);
    }
    return SLK_OK;
}

static slk_err read_order(slk_bought_order *ret, char key[SLK_UUID_CHARS], const slk_query *q,
                          slk_error *error)
{
    slk_sql_copy_text(key, SLK_UUID_CHARS, q, 0);
    slk_sql_copy_text(ret->id, sizeof ret->id, q, 1);
    ret->promised_ms = slk_column_i64(q, 3);
    ret->n = (size_t)slk_u64(slk_column_i64(q, 4));
    return slk_terms_parse(&ret->terms, slk_column_text(q, 2), error);
}

static slk_err read_orders(known *k, slk_db *db, int64_t service_id, slk_error *error)
{
    size_t n = 0;
    SLK_TRY(count_known(&n, db, &count_orders, service_id, error));
    k->orders = slk_calloc(n + 1, sizeof *k->orders);
    k->keys = slk_calloc(n + 1, sizeof *k->keys);
    if (!k->orders || !k->keys)
        return slk_fail(error, SLK_E_NOMEM, "out of memory to reconcile");
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &orders, SLK_ARGS(slk_arg_i(service_id)), error));
    for (; k->n_orders < n; k->n_orders++) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        SLK_TRY(read_order(&k->orders[k->n_orders], k->keys[k->n_orders], &q, error));
    }
    slk_query_done(&q);
    for (size_t i = 0; i < k->n_orders; i++)
        SLK_TRY(read_sectors(&k->orders[i], db, k->keys[i], error));
    return SLK_OK;
}

static slk_err read_known(known *k, const slk_buying *buying, const slk_buying_service *service,
                          slk_error *error)
{
    slk_db *db = slk_seal_db(buying->seal);
    SLK_TRY(read_payments(k, db, service->id, error));
    SLK_TRY(read_orders(k, db, service->id, error));
    k->ledger_keys = (slk_ledger_keys){&service->public_key, 1};
    k->bought = (slk_bought){.orders = k->orders,
                             .n_orders = k->n_orders,
                             .payments = k->payments,
                             .n_payments = k->n_payments,
                             .keys = &k->ledger_keys};
    memcpy(k->bought.currency, service->currency, sizeof k->bought.currency);
    return SLK_OK;
}

/* ---- what the service says ---- */

static slk_err feed_page(slk_reconcile *r, uint64_t *ret_n, const json_t *answer, slk_error *error)
{
    json_t *entries;
    SLK_TRY(slk_json_array(&entries, answer, "entries", error));
    *ret_n = json_array_size(entries);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        slk_ledger_entry entry;
        SLK_TRY(slk_ledger_from_json(&entry, json_array_get(entries, i), error));
        SLK_TRY(slk_reconcile_feed(r, &entry, error));
    }
    return SLK_OK;
}

static slk_err feed_all(slk_buying_reconciled *ret, slk_reconcile *r, const slk_buying *buying,
                        const slk_buying_service *service, const char *token, slk_error *error)
{
    for (uint64_t n = PAGE_ENTRIES; n > 0; ret->entries += n) {
        char path[96];
        SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
        (void)snprintf(path, sizeof path, "ledger?after=%llu&most=%d",
                       (unsigned long long)ret->entries, PAGE_ENTRIES);
        const question q = {.method = "GET", .path = path, .token = token};
        SLK_TRY(slk_buying_ask(&answer, buying, service->url, &q, error));
        SLK_TRY(feed_page(r, &n, answer, error));
    }
    return slk_reconcile_end(r, &ret->balance, error);
}

slk_err slk_buying_reconcile(slk_buying_reconciled *ret, const slk_buying *buying,
                             const slk_buying_service *service, slk_error *error)
{
    SLK_CLEANUP(known_done) known k = {0};
    SLK_CLEANUP(slk_reconcile_freep) slk_reconcile *r = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf token;
    slk_buying_reconciled done = {0};
    slk_buf_init(&token, 256);
    SLK_TRY(read_known(&k, buying, service, error));
    SLK_TRY(slk_reconcile_new(&r, &k.bought, error));
    slk_err code = slk_buying_token(&token, buying, service, false, error);
    if (code == SLK_OK)
        code = feed_all(&done, r, buying, service, slk_buf_str(&token), error);
    slk_bytes_wipe(token.data, token.len);
    SLK_TRY(code);
    *ret = done;
    return SLK_OK;
}
