/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The service's own turn: what the pipeline has done with sectors that were sold, billed in the same
 * transaction. */
#include "base/mem.h"
#include "base/num.h"
#include "db/args.h"
#include "seal/permit.h"
#include "service/order_impl.h"
#include "service/service_impl.h"

#include <stdio.h>
#include <string.h>

#define SOLD_COLUMNS "s.order_id, s.position, s.sp_id, s.sector_number, s.state"

/* Sectors whose state is behind the pipeline's, and those of customers that owe nothing any more. */
static const slk_sql behind = {
    "order.behind",
    "SELECT " SOLD_COLUMNS " FROM service_sector s JOIN service_order o ON o.id = s.order_id"
    " JOIN service_customer c ON c.id = o.customer_id JOIN rseal_provider_pipeline r"
    " ON r.sp_id = s.sp_id AND r.sector_number = s.sector_number AND r.partner_id = c.partner_id"
    " WHERE s.state = 'planned' OR (s.state = 'sealing' AND (r.state IN ('sealed', 'finalized',"
    " 'cleaned') OR r.cleanup_requested = 1)) LIMIT $1"};
static const slk_sql paid = {
    "order.paid",
    "SELECT " SOLD_COLUMNS " FROM service_sector s JOIN service_order o ON o.id = s.order_id"
    " WHERE s.state = 'charged' AND (SELECT CASE WHEN l.balance = '0' OR l.balance LIKE '-%'"
    " THEN 1 ELSE 0 END FROM service_ledger l WHERE l.customer_id = o.customer_id"
    " ORDER BY l.seq DESC LIMIT 1) = 1 LIMIT $1"};
static const slk_sql find = {"order.find_sector",
                             "SELECT " SOLD_COLUMNS " FROM service_sector s WHERE s.sp_id = $1"
                             " AND s.sector_number = $2 AND s.state <> 'canceled'"};
static const slk_sql charged = {
    "order.charged", "SELECT amount FROM service_ledger WHERE customer_id = $1 AND order_id = $2"
                     " AND sp_id = $3 AND sector_number = $4"};

static slk_err read_sold(slk_sold *ret, const slk_query *q, slk_error *error)
{
    slk_sold sold = {.position = slk_u64(slk_column_i64(q, 1)),
                     .sp_id = slk_u64(slk_column_i64(q, 2)),
                     .number = slk_u64(slk_column_i64(q, 3))};
    const char *state = slk_column_text(q, 4);
    slk_sql_copy_text(sold.order_id, sizeof sold.order_id, q, 0);
    if (!state || !slk_sold_state_parse(&sold.state, state))
        return slk_fail(error, SLK_E_CORRUPT, "a sector of the order %s cannot be read",
                        sold.order_id);
    *ret = sold;
    return SLK_OK;
}

/* ---- what a sector costs ---- */

struct billing {
    slk_seal *seal;
    const slk_signing_key *key;
    int64_t now_ms;
    slk_sold sold;
    bool moved;
};

static slk_err post(slk_db *db, const struct billing *b, const slk_order *order,
                    const slk_charge *charge, const char *note, slk_error *error)
{
    char reference[SLK_LEDGER_REFERENCE_CHARS];
    slk_ledger_entry entry;
    bool is_new = false;
    (void)snprintf(reference, sizeof reference, "%s/%llu/%s", order->id,
                   (unsigned long long)b->sold.position, slk_ledger_item_name(charge->item));
    const slk_ledger_posting posting = {
        .customer_id = order->customer_id,
        .at_ms = b->now_ms,
        .kind = charge->kind,
        .item = charge->item,
        .order_id = order->id,
        .has_sector = true,
        .sp_id = b->sold.sp_id,
        .sector_number = b->sold.number,
        .quantity = charge->quantity,
        .unit = charge->unit,
        .currency = order->terms.currency,
        .reference = reference,
        .note = note,
    };
    return slk_ledger_post(&entry, &is_new, db, b->key, &posting, error);
}

/* By the time that all its entries carry, so that the customer can say what they must be. */
static slk_err bill(slk_db *db, struct billing *b, const slk_order *order, slk_error *error)
{
    slk_charge charges[SLK_CHARGES_MAX];
    const size_t n = slk_terms_charges(charges, &order->terms, order->promised_ms, b->now_ms);
    for (size_t i = 0; i < n; i++)
        SLK_TRY(post(db, b, order, &charges[i], "", error));
    return SLK_OK;
}

/* ---- one sector ---- */

static slk_err move_to(slk_db *db, struct billing *b, slk_sold_state to, slk_error *error)
{
    SLK_TRY(slk_sold_move(db, &b->sold, to, b->now_ms, error));
    b->sold.state = to;
    b->moved = true;
    return SLK_OK;
}

static slk_err hand_over(slk_db *db, struct billing *b, const slk_order *order,
                         const slk_customer *customer, const slk_permit_look *look,
                         slk_error *error)
{
    slk_money balance;
    SLK_TRY(slk_ledger_balance(&balance, db, customer->id, error));
    if (customer->pays_first && !balance.negative && !slk_money_is_zero(&balance))
        return SLK_OK;
    /* one that is not here any more was not fetched in time */
    if (look->state == SLK_PERMIT_SEALED)
        SLK_TRY(slk_provider_hand_over(db, b->seal, b->sold.sp_id, b->sold.number,
                                       slk_i64(order->terms.wish.retention_days) * SLK_TERMS_DAY_MS,
                                       error));
    return move_to(db, b, SLK_SOLD_READY, error);
}

static slk_err advance(slk_db *db, struct billing *b, const slk_order *order,
                       const slk_customer *customer, const slk_permit_look *look, slk_error *error)
{
    if (b->sold.state == SLK_SOLD_PLANNED && look->state != SLK_PERMIT_UNUSED)
        SLK_TRY(move_to(db, b, SLK_SOLD_SEALING, error));
    if (b->sold.state == SLK_SOLD_SEALING &&
        (look->state == SLK_PERMIT_SEALED ||
         (look->state == SLK_PERMIT_GONE && look->was_sealed))) {
        SLK_TRY(bill(db, b, order, error));
        SLK_TRY(move_to(db, b, SLK_SOLD_CHARGED, error));
    }
    if (b->sold.state == SLK_SOLD_SEALING && look->state == SLK_PERMIT_GONE)
        SLK_TRY(move_to(db, b, SLK_SOLD_FAILED, error));
    if (b->sold.state == SLK_SOLD_CHARGED)
        SLK_TRY(hand_over(db, b, order, customer, look, error));
    return SLK_OK;
}

static slk_err find_sold(slk_sold *ret, slk_db *db, uint64_t sp_id, uint64_t number,
                         slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    if (sp_id > INT64_MAX || number > INT64_MAX)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    SLK_TRY(
        slk_sql_row(&q, db, &find, SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), "sector", error));
    return read_sold(ret, &q, error);
}

static slk_err turn_body(slk_db *db, void *context, slk_error *error)
{
    struct billing *b = context;
    slk_order order;
    slk_customer customer;
    slk_permit_look look;
    b->moved = false;
    SLK_TRY(find_sold(&b->sold, db, b->sold.sp_id, b->sold.number, error)); /* as it is now */
    SLK_TRY(slk_order_read(&order, db, b->sold.order_id, error));
    SLK_TRY(slk_customer_get(&customer, db, order.customer_id, error));
    SLK_TRY(
        slk_permit_look_at(&look, db, customer.partner_id, b->sold.sp_id, b->sold.number, error));
    SLK_TRY(advance(db, b, &order, &customer, &look, error));
    return b->moved ? slk_order_settle(db, order.id, b->now_ms, error) : SLK_OK;
}

/* ---- all of them ---- */

static slk_err read_behind(slk_sold *list, size_t *n, slk_db *db, const slk_sql *sql,
                           slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, sql, SLK_ARGS(slk_arg_i(SLK_ORDER_TURN)), error));
    while (*n < SLK_ORDER_TURN) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        SLK_TRY(read_sold(&list[*n], &q, error));
        ++*n;
    }
    return SLK_OK;
}

slk_err slk_order_turn(uint64_t *ret_moved, slk_db *db, slk_seal *seal, const slk_signing_key *key,
                       int64_t now_ms, slk_error *error)
{
    slk_sold list[SLK_ORDER_TURN];
    size_t n = 0;
    SLK_TRY(read_behind(list, &n, db, &behind, error));
    SLK_TRY(read_behind(list, &n, db, &paid, error));
    *ret_moved = 0;
    for (size_t i = 0; i < n; i++) {
        struct billing b = {.seal = seal, .key = key, .now_ms = now_ms, .sold = list[i]};
        SLK_TRY(slk_db_tx(db, turn_body, &b, error));
        *ret_moved += b.moved;
    }
    if (*ret_moved > 0)
        slk_seal_wake(seal);
    return SLK_OK;
}

/* ---- one that turned out bad ---- */

struct failing {
    struct billing billing;
    const char *why;
};

static slk_err fail_body(slk_db *db, void *context, slk_error *error)
{
    struct failing *f = context;
    struct billing *b = &f->billing;
    slk_order order;
    slk_money sum = {0};
    SLK_TRY(find_sold(&b->sold, db, b->sold.sp_id, b->sold.number, error));
    if (b->sold.state != SLK_SOLD_CHARGED && b->sold.state != SLK_SOLD_READY)
        return slk_fail(error, SLK_E_CONFLICT,
                        "the sector is %s: only one that was charged is credited",
                        slk_sold_state_name(b->sold.state));
    SLK_TRY(slk_order_read(&order, db, b->sold.order_id, error));
    SLK_TRY(slk_money_sum_rows(&sum, db, &charged,
                               SLK_ARGS(slk_arg_i(order.customer_id), slk_arg_t(order.id),
                                        slk_arg_u(b->sold.sp_id), slk_arg_u(b->sold.number)),
                               error));
    if (!sum.negative && !slk_money_is_zero(&sum)) {
        const slk_charge credit = {SLK_LEDGER_CREDIT, SLK_ITEM_FAILED, 1, slk_money_minus(&sum)};
        SLK_TRY(post(db, b, &order, &credit, f->why, error));
    }
    SLK_TRY(move_to(db, b, SLK_SOLD_FAILED, error));
    return slk_order_settle(db, order.id, b->now_ms, error);
}

slk_err slk_order_fail_sector(slk_db *db, const slk_signing_key *key, uint64_t sp_id,
                              uint64_t number, const char *why, int64_t now_ms, slk_error *error)
{
    struct failing f = {
        .billing = {.key = key, .now_ms = now_ms, .sold = {.sp_id = sp_id, .number = number}},
        .why = why};
    return slk_db_tx(db, fail_body, &f, error);
}
