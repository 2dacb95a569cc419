/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which route a request's target takes. The first byte picks the method: 'G', 'H' or 'P'. */
#include "fuzz.h"

#include "base/mem.h"
#include "net/server_impl.h"

#include <string.h>

static const slk_http_route routes[] = {
    {.method = "GET", .path = "/"},
    {.method = "POST", .path = "/remoteseal/delegated/v0/order"},
    {.method = "GET", .path = "/remoteseal/delegated/v0/sealed-data/{sp_id}/{sector_number}"},
    {.method = "GET", .path = "/remoteseal/delegated/v0/cache-data/{sp_id}/{sector_number}"},
    {.method = "POST", .path = "/api/{name}"},
};

static const char *method_of(uint8_t byte)
{
    return byte == 'G' ? "GET" : byte == 'H' ? "HEAD" : "POST";
}

static size_t segments(const char *path)
{
    size_t n = 0;
    for (; *path && *path != '?'; path++)
        n += *path == '/';
    return n;
}

static void check_params(const slk_http_exchange *exchange)
{
    uint64_t number = 7;
    slk_assert(segments(exchange->target) == segments(exchange->route->path));
    slk_error error = {0};
    for (size_t i = 0; i < exchange->n_params; i++)
        slk_assert(exchange->params[i].value[0]);
    if (exchange->route == &routes[2] || exchange->route == &routes[3]) {
        slk_assert(exchange->n_params == 2);
        if (slk_http_param_u64(exchange, "sp_id", &number, &error) != SLK_OK)
            slk_assert(number == 7 && error.message[0]);
        slk_assert(slk_http_param(exchange, "sector_number")[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    slk_http_server server = {
        .options = {.routes = routes, .n_routes = sizeof routes / sizeof *routes}};
    SLK_CLEANUP(slk_freep) char *target = fuzz_text(data + 1, n - 1);
    slk_http_exchange exchange = {
        .server = &server, .target = target, .method = method_of(data[0])};
    int status = slk_http_route_find(&exchange);
    slk_assert(status == 200 || status == 404 || status == 405);
    slk_assert((status == 200) == (exchange.route != NULL));
    if (status == 200)
        check_params(&exchange);
    for (size_t i = 0; i < exchange.n_params; i++)
        slk_free(exchange.params[i].value);
    return 0;
}
