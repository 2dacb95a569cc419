/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Placing and canceling. */
#include "service/order.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "db/args.h"
#include "seal/permit.h"
#include "service/order_impl.h"
#include "service/service_impl.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_TEXT_MAX ((size_t)512 << 10)

static const slk_sql find_key = {"order.find_key",
                                 "SELECT id, request_hash FROM service_order WHERE customer_id = $1"
                                 " AND idempotency_key = $2"};
static const slk_sql outstanding = {"order.outstanding",
                                    "SELECT outstanding FROM service_order WHERE customer_id = $1"
                                    " AND state IN ('waiting', 'open')"};
static const slk_sql insert = {
    "order.insert",
    "INSERT INTO service_order (id, customer_id, idempotency_key, request_hash, quote_id, sp_id,"
    " terms, state, fed, created_ms, state_ms, promised_ms, outstanding)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12)"};
static const slk_sql insert_sector = {
    "order.insert_sector", "INSERT INTO service_sector (order_id, position, sp_id, sector_number,"
                           " state, state_ms) VALUES ($1, $2, $3, $4, $5, $6)"};
static const slk_sql use_quote = {"order.use_quote", "UPDATE service_quote SET order_id = $2"
                                                     " WHERE id = $1 AND order_id = ''"};
static const slk_sql planned = {
    "order.planned", "SELECT position, sp_id, sector_number FROM service_sector WHERE order_id = $1"
                     " AND state = 'planned' AND position >= $2 ORDER BY position LIMIT 1"};

/* ---- placing ---- */

struct placing {
    int64_t customer_id, now_ms;
    const slk_order_request *request;
    uint8_t hash[32];
    char id[SLK_UUID_CHARS]; /* of the new one */
    bool is_new;
    slk_order order;
};

static int ascending(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static slk_err check_numbers(const slk_order_request *r, slk_error *error)
{
    if (r->n == 0 || r->n > SLK_ORDER_SECTORS_MAX || r->sp_id > INT64_MAX)
        return slk_fail(error, SLK_E_INVAL, "an order has 1 to %llu sector numbers of one miner",
                        (unsigned long long)SLK_ORDER_SECTORS_MAX);
    SLK_CLEANUP(slk_freep) uint64_t *sorted = slk_alloc(r->n, sizeof *sorted);
    if (!sorted)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an order");
    memcpy(sorted, r->numbers, r->n * sizeof *sorted);
    qsort(sorted, r->n, sizeof *sorted, ascending);
    for (size_t i = 0; i < r->n; i++)
        if (sorted[i] > INT64_MAX || (i > 0 && sorted[i] == sorted[i - 1]))
            return slk_fail(error, SLK_E_INVAL,
                            "sector number %llu: each is below 2^63 and given once",
                            (unsigned long long)sorted[i]);
    return SLK_OK;
}

/* What makes two requests the same. */
static slk_err hash_request(uint8_t out32[32], const slk_order_request *r, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, REQUEST_TEXT_MAX);
    slk_err code =
        slk_buf_printf(&text, "%s %llu %d", r->quote_id, (unsigned long long)r->sp_id, r->fed);
    for (size_t i = 0; code == SLK_OK && i < r->n; i++)
        code = slk_buf_printf(&text, " %llu", (unsigned long long)r->numbers[i]);
    if (code != SLK_OK)
        return slk_fail(error, code, "out of memory for an order");
    slk_signing_digest(out32, text.data, text.len);
    return SLK_OK;
}

static slk_err find_earlier(struct placing *p, bool *ret_found, slk_db *db, slk_error *error)
{
    uint8_t hash[32];
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(
        &q, db, &find_key,
        SLK_ARGS(slk_arg_i(p->customer_id), slk_arg_t(p->request->idempotency_key)), error));
    SLK_TRY(slk_query_step(&q, ret_found, error));
    if (!*ret_found)
        return SLK_OK;
    SLK_TRY(slk_column_bytes(&q, 1, hash, sizeof hash, error));
    if (memcmp(hash, p->hash, sizeof hash) != 0)
        return slk_fail(error, SLK_E_CONFLICT,
                        "this idempotency key was used for another order: take a new one");
    slk_sql_copy_text(p->order.id, sizeof p->order.id, &q, 0);
    return SLK_OK;
}

slk_err slk_customer_owed(slk_money *ret_owed, slk_db *db, int64_t customer_id, slk_error *error)
{
    slk_money owed;
    SLK_TRY(slk_ledger_balance(&owed, db, customer_id, error));
    SLK_TRY(slk_money_sum_rows(&owed, db, &outstanding, SLK_ARGS(slk_arg_i(customer_id)), error));
    *ret_owed = owed;
    return SLK_OK;
}

static slk_err check_funds(slk_db *db, const slk_customer *customer, const slk_money *total,
                           slk_error *error)
{
    slk_money owed, over;
    char cost[SLK_MONEY_WORDS_CHARS], missing[SLK_MONEY_WORDS_CHARS];
    SLK_TRY(slk_customer_owed(&owed, db, customer->id, error));
    if (slk_money_add(&owed, &owed, total) != SLK_OK ||
        slk_money_sub(&over, &owed, &customer->limit) != SLK_OK)
        return slk_fail(error, SLK_E_LIMIT, "the order is too large");
    if (over.negative || slk_money_is_zero(&over))
        return SLK_OK;
    slk_money_words(cost, total, customer->currency);
    slk_money_words(missing, &over, customer->currency);
    return slk_fail(error, SLK_E_LIMIT,
                    "the order costs %s, and %s is missing on your account: pay it in first", cost,
                    missing);
}

static slk_err check_quote(const struct placing *p, const slk_quote *quote, slk_error *error)
{
    if (*quote->order_id)
        return slk_fail(error, SLK_E_CONFLICT, "the quote was used for the order %s",
                        quote->order_id);
    if (p->request->n != quote->terms.wish.sectors)
        return slk_fail(error, SLK_E_INVAL, "the quote is for %llu sectors, the order has %zu",
                        (unsigned long long)quote->terms.wish.sectors, p->request->n);
    return SLK_OK;
}

static slk_err insert_order(const struct placing *p, slk_db *db, const slk_terms *terms,
                            slk_error *error)
{
    char total[SLK_MONEY_CHARS];
    const slk_money money = slk_terms_total(terms);
    const slk_order_state state =
        terms->wish.kind == SLK_ORDER_DATA ? SLK_ORDER_WAITING : SLK_ORDER_OPEN;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_TERMS_MAX_BYTES);
    SLK_TRY(slk_terms_print(&text, terms, error));
    slk_money_print(total, &money);
    return slk_sql_run(db, &insert,
                       SLK_ARGS(slk_arg_t(p->id), slk_arg_i(p->customer_id),
                                slk_arg_t(p->request->idempotency_key),
                                slk_arg_b(p->hash, sizeof p->hash), slk_arg_t(p->request->quote_id),
                                slk_arg_u(p->request->sp_id), slk_arg_t(slk_buf_str(&text)),
                                slk_arg_t(slk_order_state_name(state)), slk_arg_i(p->request->fed),
                                slk_arg_i(p->now_ms), slk_arg_i(p->now_ms + terms->eta_ms),
                                slk_arg_t(total)),
                       NULL, error);
}

static slk_err insert_sectors(const struct placing *p, slk_db *db, const slk_terms *terms,
                              int64_t partner_id, slk_error *error)
{
    for (size_t i = 0; i < p->request->n; i++) {
        const slk_seal_sector sector = {p->request->sp_id, p->request->numbers[i],
                                        terms->wish.seal_proof};
        slk_err code = slk_sql_run(db, &insert_sector,
                                   SLK_ARGS(slk_arg_t(p->id), slk_arg_u(i), slk_arg_u(sector.sp_id),
                                            slk_arg_u(sector.number),
                                            slk_arg_t(slk_sold_state_name(SLK_SOLD_PLANNED)),
                                            slk_arg_i(p->now_ms)),
                                   NULL, error);
        if (code == SLK_OK && terms->wish.kind == SLK_ORDER_CC)
            code = slk_permit_add(db, partner_id, &sector, true, error);
        if (code == SLK_E_EXISTS)
            return slk_fail(error, code, "sector %llu of miner f0%llu is not free here",
                            (unsigned long long)sector.number, (unsigned long long)sector.sp_id);
        SLK_TRY(code);
    }
    return SLK_OK;
}

static slk_err place_body(slk_db *db, void *context, slk_error *error)
{
    struct placing *p = context;
    slk_customer customer;
    slk_quote quote;
    bool found = false;
    SLK_TRY(find_earlier(p, &found, db, error));
    p->is_new = !found;
    if (found)
        return slk_order_get(&p->order, db, p->customer_id, p->order.id, error);
    SLK_TRY(slk_customer_get(&customer, db, p->customer_id, error));
    if (customer.closed)
        return slk_fail(error, SLK_E_CONFLICT, "this account is closed: it orders nothing more");
    SLK_TRY(slk_quote_get(&quote, db, p->customer_id, p->request->quote_id, p->now_ms, error));
    SLK_TRY(check_quote(p, &quote, error));
    const slk_money total = slk_terms_total(&quote.terms);
    SLK_TRY(check_funds(db, &customer, &total, error));
    SLK_TRY(insert_order(p, db, &quote.terms, error));
    SLK_TRY(insert_sectors(p, db, &quote.terms, customer.partner_id, error));
    SLK_TRY(
        slk_sql_run(db, &use_quote, SLK_ARGS(slk_arg_t(quote.id), slk_arg_t(p->id)), NULL, error));
    return slk_order_get(&p->order, db, p->customer_id, p->id, error);
}

slk_err slk_order_place(slk_order *ret_order, bool *ret_new, slk_db *db, int64_t customer_id,
                        const slk_order_request *request, int64_t now_ms, slk_error *error)
{
    struct placing p = {.customer_id = customer_id, .now_ms = now_ms, .request = request};
    const size_t n = strlen(request->idempotency_key);
    if (n == 0 || n >= SLK_IDEMPOTENCY_CHARS || !slk_text_is_printable(request->idempotency_key))
        return slk_fail(error, SLK_E_INVAL,
                        "an order needs an idempotency key, 1 to %u bytes of printable text",
                        SLK_IDEMPOTENCY_CHARS - 1);
    if (!slk_uuid_is(request->quote_id))
        return slk_fail(error, SLK_E_INVAL, "an order needs the id of a quote, a UUID");
    SLK_TRY(check_numbers(request, error));
    SLK_TRY(hash_request(p.hash, request, error));
    slk_uuid_random(p.id);
    SLK_TRY(slk_db_tx(db, place_body, &p, error));
    *ret_order = p.order;
    *ret_new = p.is_new;
    return SLK_OK;
}

/* ---- canceling ---- */

struct canceling {
    int64_t customer_id, now_ms;
    const char *id;
    uint64_t n;
};

static slk_err next_planned(slk_sold *ret, bool *ret_found, slk_db *db, const char *id,
                            uint64_t from, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &planned, SLK_ARGS(slk_arg_t(id), slk_arg_u(from)), error));
    SLK_TRY(slk_query_step(&q, ret_found, error));
    if (!*ret_found)
        return SLK_OK;
    *ret = (slk_sold){.position = slk_u64(slk_column_i64(&q, 0)),
                      .sp_id = slk_u64(slk_column_i64(&q, 1)),
                      .number = slk_u64(slk_column_i64(&q, 2)),
                      .state = SLK_SOLD_PLANNED};
    memcpy(ret->order_id, id, strlen(id) + 1);
    return SLK_OK;
}

/* *ret_unused: nobody has begun it, and nobody can any more. */
static slk_err take_back(bool *ret_unused, slk_db *db, const slk_order *order, int64_t partner_id,
                         const slk_sold *sold, slk_error *error)
{
    *ret_unused = order->state == SLK_ORDER_WAITING; /* which has no permits yet */
    return *ret_unused
               ? SLK_OK
               : slk_permit_drop(ret_unused, db, partner_id, sold->sp_id, sold->number, error);
}

static slk_err cancel_body(slk_db *db, void *context, slk_error *error)
{
    struct canceling *c = context;
    slk_customer customer;
    slk_order order;
    c->n = 0;
    SLK_TRY(slk_order_get(&order, db, c->customer_id, c->id, error));
    SLK_TRY(slk_customer_get(&customer, db, c->customer_id, error));
    for (uint64_t from = 0;;) {
        slk_sold sold;
        bool found = false, unused = false;
        SLK_TRY(next_planned(&sold, &found, db, c->id, from, error));
        if (!found)
            break;
        from = sold.position + 1;
        SLK_TRY(take_back(&unused, db, &order, customer.partner_id, &sold, error));
        if (!unused)
            continue;
        SLK_TRY(slk_sold_move(db, &sold, SLK_SOLD_CANCELED, c->now_ms, error));
        c->n++;
    }
    return slk_order_settle(db, c->id, c->now_ms, error);
}

slk_err slk_order_cancel(uint64_t *ret_n, slk_db *db, int64_t customer_id, const char *id,
                         int64_t now_ms, slk_error *error)
{
    struct canceling c = {.customer_id = customer_id, .now_ms = now_ms, .id = id};
    SLK_TRY(slk_db_tx(db, cancel_body, &c, error));
    *ret_n = c.n;
    return SLK_OK;
}
