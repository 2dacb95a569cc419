/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Orders and their sectors. */
#include "base/mem.h"
#include "codec/json.h"
#include "service/order.h"
#include "shop/shop_impl.h"

#define ORDER_BODY_MAX ((size_t)512 << 10) /* ten thousand numbers of 20 digits */

static slk_err reply_order(shop_request *r, int status, const slk_order *order, slk_error *error)
{
    json_t *value = NULL;
    SLK_TRY(slk_order_to_json(&value, order, error));
    return slk_shop_reply_signed(r, status, value, error);
}

static slk_err read_numbers(uint64_t **ret, size_t *ret_n, const json_t *body, slk_error *error)
{
    json_t *list;
    SLK_TRY(slk_json_array(&list, body, "sector_numbers", error));
    const size_t n = json_array_size(list);
    if (n == 0 || n > SLK_ORDER_SECTORS_MAX)
        return slk_fail(error, SLK_E_INVAL, "sector_numbers: 1 to %llu of them",
                        (unsigned long long)SLK_ORDER_SECTORS_MAX);
    SLK_CLEANUP(slk_freep) uint64_t *numbers = slk_alloc(n, sizeof *numbers);
    if (!numbers)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an order");
    for (size_t i = 0; i < n; i++) {
        int64_t number;
        SLK_TRY(slk_json_as_i64(&number, json_array_get(list, i), "sector_numbers", error));
        if (number < 0)
            return slk_fail(error, SLK_E_INVAL, "sector_numbers: none is below zero");
        numbers[i] = (uint64_t)number;
    }
    *ret = numbers;
    numbers = NULL;
    *ret_n = n;
    return SLK_OK;
}

static slk_err place(shop_request *r, slk_error *error)
{
    slk_order order;
    bool is_new = false;
    SLK_CLEANUP(slk_freep) uint64_t *numbers = NULL;
    const char *key = slk_http_header_value(r->exchange, "Idempotency-Key");
    slk_order_request request = {.idempotency_key = key ? key : ""};
    SLK_TRY(slk_json_string(&request.quote_id, r->body, "quote", error));
    SLK_TRY(slk_json_u64(&request.sp_id, r->body, "sp_id", error));
    SLK_TRY(read_numbers(&numbers, &request.n, r->body, error));
    request.numbers = numbers;
    SLK_TRY(slk_order_place(&order, &is_new, r->db, r->customer.id, &request, r->now_ms, error));
    return reply_order(r, is_new ? 201 : 200, &order, error);
}

static slk_err list(shop_request *r, slk_error *error)
{
    uint64_t most, before_ms;
    json_t *orders = NULL;
    SLK_TRY(slk_shop_query(&most, r, "most", LIST_MOST, 100, error));
    SLK_TRY(slk_shop_query(&before_ms, r, "before_ms", INT64_MAX, INT64_MAX, error));
    SLK_TRY(slk_order_list(&orders, r->db, r->customer.id, (int64_t)before_ms, most, error));
    return slk_shop_reply(r, 200, json_pack("{s:o}", "orders", orders), error);
}

static slk_err show(shop_request *r, slk_error *error)
{
    slk_order order;
    SLK_TRY(slk_order_get(&order, r->db, r->customer.id, slk_http_param(r->exchange, "id"), error));
    return reply_order(r, 200, &order, error);
}

static slk_err sectors(shop_request *r, slk_error *error)
{
    slk_order order;
    uint64_t most, from;
    json_t *value = NULL;
    SLK_TRY(slk_order_get(&order, r->db, r->customer.id, slk_http_param(r->exchange, "id"), error));
    SLK_TRY(slk_shop_query(&most, r, "most", LIST_MOST, 100, error));
    SLK_TRY(slk_shop_query(&from, r, "from", SLK_ORDER_SECTORS_MAX, 0, error));
    SLK_TRY(slk_order_sectors(&value, r->db, order.id, from, most, error));
    return slk_shop_reply(r, 200, json_pack("{s:o}", "sectors", value), error);
}

static slk_err cancel(shop_request *r, slk_error *error)
{
    uint64_t n = 0;
    slk_order order;
    const char *id = slk_http_param(r->exchange, "id");
    SLK_TRY(slk_order_cancel(&n, r->db, r->customer.id, id, r->now_ms, error));
    SLK_TRY(slk_order_get(&order, r->db, r->customer.id, id, error));
    return reply_order(r, 200, &order, error);
}

const shop_door slk_shop_order_doors[] = {
    {.method = "POST",
     .path = "/sealing/v1/orders",
     .handler = place,
     .max_body_bytes = ORDER_BODY_MAX},
    {.method = "GET", .path = "/sealing/v1/orders", .handler = list},
    {.method = "GET", .path = "/sealing/v1/orders/{id}", .handler = show},
    {.method = "GET", .path = "/sealing/v1/orders/{id}/sectors", .handler = sectors},
    {.method = "POST", .path = "/sealing/v1/orders/{id}/cancel", .handler = cancel},
    {0},
};
