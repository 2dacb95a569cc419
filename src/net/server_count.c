/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/server_impl.h"

#include "base/clock.h"
#include "base/mem.h"

const int slk_http_statuses[SLK_HTTP_STATUSES] = {
    200, 204, 206, 303, 304, 400, 401, 403, 404, 409, 412, 413, 416, 429, 500, 503, 507, 0,
};

slk_err slk_http_count_init(slk_http_server *server, slk_error *error)
{
    const size_t n = server->options.n_routes;
    server->counts = slk_calloc(n, sizeof *server->counts);
    if (!server->counts)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        slk_histogram_init(&server->counts[i].duration_us, slk_answer_bounds_us,
                           sizeof slk_answer_bounds_us / sizeof *slk_answer_bounds_us);
    return SLK_OK;
}

static int64_t now_us(void)
{
    return (int64_t)(slk_clock_monotonic_ns() / 1000);
}

void slk_http_count_begin(slk_http_exchange *exchange)
{
    const slk_http_server *server = exchange->server;
    exchange->counts = &server->counts[exchange->route - server->options.routes];
    exchange->begin_us = now_us();
    slk_counter_add(&exchange->counts->requests, 1);
    slk_gauge_add(&exchange->counts->active, 1);
}

void slk_http_count_end(slk_http_exchange *exchange)
{
    slk_http_counts *counts = exchange->counts;
    if (!counts)
        return;
    exchange->counts = NULL;
    size_t i = 0;
    while (slk_http_statuses[i] != 0 && slk_http_statuses[i] != exchange->status)
        i++;
    slk_gauge_add(&counts->active, -1);
    slk_counter_add(&counts->status[i], 1);
    slk_counter_add(&counts->bytes, exchange->sent_bytes);
    const int64_t took = now_us() - exchange->begin_us;
    slk_histogram_add(&counts->duration_us, took > 0 ? (uint64_t)took : 0);
}

const slk_http_counts *slk_http_server_counts(const slk_http_server *server, size_t route)
{
    slk_assert(route < server->options.n_routes);
    return &server->counts[route];
}

const slk_http_route *slk_http_server_route(const slk_http_server *server, size_t route)
{
    return route < server->options.n_routes ? &server->options.routes[route] : NULL;
}

const slk_http_server *slk_http_server_of(const slk_http_exchange *exchange)
{
    return exchange->server;
}
