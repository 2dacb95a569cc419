/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Orders as they are read and shown, and the edges between their states. */
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "db/args.h"
#include "service/order_impl.h"
#include "service/service_impl.h"

#include <string.h>

#define COLUMNS                                                                                \
    "id, quote_id, customer_id, sp_id, terms, state, fed, created_ms, state_ms, promised_ms, " \
    "outstanding"

static const slk_sql get = {"order.get", "SELECT " COLUMNS " FROM service_order WHERE id = $1"};
static const slk_sql count = {"order.count", "SELECT state, count(*) FROM service_sector"
                                             " WHERE order_id = $1 GROUP BY state"};
static const slk_sql sectors = {
    "order.sectors", "SELECT sp_id, sector_number, state, state_ms FROM service_sector"
                     " WHERE order_id = $1 AND position >= $2 ORDER BY position LIMIT $3"};
static const slk_sql list = {
    "order.list", "SELECT " COLUMNS " FROM service_order WHERE created_ms < $2"
                  " AND (customer_id = $1 OR $1 = 0) ORDER BY created_ms DESC, id LIMIT $3"};
static const slk_sql move = {"order.move_sector",
                             "UPDATE service_sector SET state = $4, state_ms = $5 WHERE"
                             " order_id = $1 AND position = $2 AND state = $3"};
static const slk_sql settle = {"order.settle",
                               "UPDATE service_order SET outstanding = $2, state = $3, state_ms ="
                               " CASE WHEN state = $3 THEN state_ms ELSE $4 END WHERE id = $1"};

static const char *const order_states[SLK_ORDER_STATES] = {
    [SLK_ORDER_WAITING] = "waiting",
    [SLK_ORDER_OPEN] = "open",
    [SLK_ORDER_COMPLETED] = "completed",
    [SLK_ORDER_CANCELED] = "canceled",
};
static const char *const sold_states[SLK_SOLD_STATES] = {
    [SLK_SOLD_PLANNED] = "planned", [SLK_SOLD_SEALING] = "sealing",
    [SLK_SOLD_CHARGED] = "charged", [SLK_SOLD_READY] = "ready",
    [SLK_SOLD_FAILED] = "failed",   [SLK_SOLD_CANCELED] = "canceled",
};

const char *slk_order_state_name(slk_order_state state)
{
    return order_states[state];
}

const char *slk_sold_state_name(slk_sold_state state)
{
    return sold_states[state];
}

static bool order_state_parse(slk_order_state *ret, const char *name)
{
    unsigned i = 0;
    const bool found = slk_name_find(&i, order_states, SLK_ORDER_STATES, name);
    if (found)
        *ret = (slk_order_state)i;
    return found;
}

bool slk_sold_state_parse(slk_sold_state *ret, const char *name)
{
    unsigned i = 0;
    const bool found = slk_name_find(&i, sold_states, SLK_SOLD_STATES, name);
    if (found)
        *ret = (slk_sold_state)i;
    return found;
}

/* ---- reading ---- */

static slk_err read_row(slk_order *ret, const slk_query *q, slk_error *error)
{
    slk_order o = {.customer_id = slk_column_i64(q, 2),
                   .sp_id = slk_u64(slk_column_i64(q, 3)),
                   .fed = slk_column_bool(q, 6),
                   .created_ms = slk_column_i64(q, 7),
                   .state_ms = slk_column_i64(q, 8),
                   .promised_ms = slk_column_i64(q, 9)};
    const char *state = slk_column_text(q, 5), *outstanding = slk_column_text(q, 10);
    slk_sql_copy_text(o.id, sizeof o.id, q, 0);
    slk_sql_copy_text(o.quote_id, sizeof o.quote_id, q, 1);
    if (!state || !order_state_parse(&o.state, state) || !outstanding ||
        slk_money_parse(&o.outstanding, outstanding) != SLK_OK)
        return slk_fail(error, SLK_E_CORRUPT, "the order %s cannot be read", o.id);
    SLK_TRY(slk_terms_parse(&o.terms, slk_column_text(q, 4), error));
    *ret = o;
    return SLK_OK;
}

slk_err slk_order_read(slk_order *ret_order, slk_db *db, const char *id, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, db, &get, SLK_ARGS(slk_arg_t(id)), "order", error));
    return read_row(ret_order, &q, error);
}

slk_err slk_order_count(slk_order *order, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    memset(order->counts, 0, sizeof order->counts);
    SLK_TRY(slk_sql_open(&q, db, &count, SLK_ARGS(slk_arg_t(order->id)), error));
    for (;;) {
        slk_sold_state state;
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        const char *name = slk_column_text(&q, 0);
        if (!name || !slk_sold_state_parse(&state, name))
            return slk_fail(error, SLK_E_CORRUPT, "a sector of the order %s cannot be read",
                            order->id);
        order->counts[state] = slk_u64(slk_column_i64(&q, 1));
    }
}

slk_err slk_order_get(slk_order *ret_order, slk_db *db, int64_t customer_id, const char *id,
                      slk_error *error)
{
    slk_order order;
    SLK_TRY(slk_order_read(&order, db, id, error));
    if (order.customer_id != customer_id)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such order");
    SLK_TRY(slk_order_count(&order, db, error));
    *ret_order = order;
    return SLK_OK;
}

/* ---- showing ---- */

slk_err slk_order_to_json(json_t **ret, const slk_order *o, slk_error *error)
{
    char outstanding[SLK_MONEY_CHARS];
    json_t *terms = NULL;
    SLK_TRY(slk_terms_to_json(&terms, &o->terms, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *counts = json_object();
    int failed = 0;
    for (unsigned i = 0; i < SLK_SOLD_STATES; i++)
        failed |=
            json_object_set_new(counts, sold_states[i], json_integer((json_int_t)o->counts[i]));
    slk_money_print(outstanding, &o->outstanding);
    json_t *value = json_pack("{s:s,s:s,s:I,s:I,s:o,s:s,s:b,s:I,s:I,s:I,s:s,s:O}", "id", o->id,
                              "quote", o->quote_id, "customer", (json_int_t)o->customer_id, "sp_id",
                              (json_int_t)o->sp_id, "terms", terms, "state", order_states[o->state],
                              "fed", o->fed, "created_ms", (json_int_t)o->created_ms, "state_ms",
                              (json_int_t)o->state_ms, "promised_ms", (json_int_t)o->promised_ms,
                              "outstanding", outstanding, "sectors", counts);
    if (!value || failed) {
        json_decref(value);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an order");
    }
    *ret = value;
    return SLK_OK;
}

slk_err slk_order_sectors(json_t **ret_list, slk_db *db, const char *id, uint64_t from,
                          uint64_t most, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &sectors,
                         SLK_ARGS(slk_arg_t(id), slk_arg_u(from), slk_arg_u(most)), error));
    for (;;) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        json_t *o =
            json_pack("{s:I,s:I,s:s,s:I}", "sp_id", (json_int_t)slk_column_i64(&q, 0),
                      "sector_number", (json_int_t)slk_column_i64(&q, 1), "state",
                      slk_column_text(&q, 2), "state_ms", (json_int_t)slk_column_i64(&q, 3));
        if (json_array_append_new(all, o) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a list of sectors");
    }
    *ret_list = all;
    all = NULL;
    return SLK_OK;
}

/* The rows first: one question at a time. */
static slk_err read_list(slk_order **ret_orders, size_t *ret_n, slk_db *db, int64_t customer_id,
                         int64_t before_ms, uint64_t most, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_order *orders = slk_calloc(most, sizeof *orders);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    size_t n = 0;
    if (!orders)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a list of orders");
    SLK_TRY(slk_sql_open(&q, db, &list,
                         SLK_ARGS(slk_arg_i(customer_id), slk_arg_i(before_ms), slk_arg_u(most)),
                         error));
    for (;;) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row || n == most)
            break;
        SLK_TRY(read_row(&orders[n], &q, error));
        n++;
    }
    *ret_orders = orders;
    orders = NULL;
    *ret_n = n;
    return SLK_OK;
}

slk_err slk_order_list(json_t **ret_list, slk_db *db, int64_t customer_id, int64_t before_ms,
                       uint64_t most, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_array();
    SLK_CLEANUP(slk_freep) slk_order *orders = NULL;
    size_t n = 0;
    SLK_TRY(read_list(&orders, &n, db, customer_id, before_ms, most, error));
    for (size_t i = 0; i < n; i++) {
        json_t *value = NULL;
        SLK_TRY(slk_order_count(&orders[i], db, error));
        SLK_TRY(slk_order_to_json(&value, &orders[i], error));
        if (json_array_append_new(all, value) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a list of orders");
    }
    *ret_list = all;
    all = NULL;
    return SLK_OK;
}

/* ---- edges ---- */

static bool has_edge(slk_sold_state from, slk_sold_state to)
{
    static const struct {
        slk_sold_state from, to;
    } edges[] = {
        {SLK_SOLD_PLANNED, SLK_SOLD_SEALING}, {SLK_SOLD_PLANNED, SLK_SOLD_CANCELED},
        {SLK_SOLD_PLANNED, SLK_SOLD_FAILED},  {SLK_SOLD_SEALING, SLK_SOLD_CHARGED},
        {SLK_SOLD_SEALING, SLK_SOLD_FAILED},  {SLK_SOLD_CHARGED, SLK_SOLD_READY},
        {SLK_SOLD_CHARGED, SLK_SOLD_FAILED},  {SLK_SOLD_READY, SLK_SOLD_FAILED},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        if (edges[i].from == from && edges[i].to == to)
            return true;
    return false;
}

slk_err slk_sold_move(slk_db *db, const slk_sold *sold, slk_sold_state to, int64_t now_ms,
                      slk_error *error)
{
    int64_t changes = 0;
    slk_assert(slk_db_in_tx(db));
    if (has_edge(sold->state, to))
        SLK_TRY(slk_sql_run(db, &move,
                            SLK_ARGS(slk_arg_t(sold->order_id), slk_arg_u(sold->position),
                                     slk_arg_t(sold_states[sold->state]),
                                     slk_arg_t(sold_states[to]), slk_arg_i(now_ms)),
                            &changes, error));
    return changes > 0 ? SLK_OK
                       : slk_fail(error, SLK_E_CONFLICT, "sector %llu of miner f0%llu is %s",
                                  (unsigned long long)sold->number, (unsigned long long)sold->sp_id,
                                  sold_states[sold->state]);
}

static slk_order_state state_by(const slk_order *o)
{
    if (o->counts[SLK_SOLD_PLANNED] + o->counts[SLK_SOLD_SEALING] + o->counts[SLK_SOLD_CHARGED] > 0)
        return o->state;
    return o->counts[SLK_SOLD_READY] + o->counts[SLK_SOLD_FAILED] > 0 ? SLK_ORDER_COMPLETED
                                                                      : SLK_ORDER_CANCELED;
}

slk_err slk_order_settle(slk_db *db, const char *id, int64_t now_ms, slk_error *error)
{
    slk_order order;
    char text[SLK_MONEY_CHARS];
    slk_assert(slk_db_in_tx(db));
    SLK_TRY(slk_order_read(&order, db, id, error));
    SLK_TRY(slk_order_count(&order, db, error));
    slk_money left = slk_terms_each(&order.terms);
    /* no more than the total, which fits */
    SLK_TRY(slk_money_times(&left, &left,
                            order.counts[SLK_SOLD_PLANNED] + order.counts[SLK_SOLD_SEALING]));
    slk_money_print(text, &left);
    return slk_sql_run(db, &settle,
                       SLK_ARGS(slk_arg_t(id), slk_arg_t(text),
                                slk_arg_t(order_states[state_by(&order)]), slk_arg_i(now_ms)),
                       NULL, error);
}
