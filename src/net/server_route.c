/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/server_impl.h"

#include "base/mem.h"
#include "net/http_text.h"

#include <string.h>

static void drop_params(slk_http_exchange *exchange)
{
    for (size_t i = 0; i < exchange->n_params; i++)
        slk_free(exchange->params[i].value);
    exchange->n_params = 0;
}

static bool keep_param(slk_http_exchange *exchange, const char *name, size_t name_len,
                       const char *raw, size_t raw_len)
{
    slk_assert(exchange->n_params < PARAMS_MAX);
    char *value = slk_alloc(raw_len + 1, 1);
    if (!value || raw_len == 0 || !slk_percent_decode(value, raw, raw_len)) {
        slk_free(value);
        return false;
    }
    exchange->params[exchange->n_params++] = (http_param){name, name_len, value};
    return true;
}

static bool match_segment(slk_http_exchange *exchange, const char *pattern, size_t want,
                          const char *path, size_t have)
{
    if (want >= 2 && pattern[0] == '{')
        return keep_param(exchange, pattern + 1, want - 2, path, have);
    return have == want && memcmp(path, pattern, have) == 0;
}

/* Segment by segment on the path as sent, so that an escaped slash stays inside its segment. */
static bool match(slk_http_exchange *exchange, const char *pattern, const char *path, size_t n)
{
    const char *end = path + n;
    while (path < end && *path == '/' && *pattern == '/') {
        path++;
        pattern++;
        size_t have = strcspn(path, "/?");
        size_t want = strcspn(pattern, "/");
        if (!match_segment(exchange, pattern, want, path, have))
            return false;
        path += have;
        pattern += want;
    }
    return path == end && !*pattern;
}

static bool method_fits(const char *route_method, const char *method)
{
    return strcmp(route_method, method) == 0 ||
           (strcmp(route_method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

int slk_http_route_find(slk_http_exchange *exchange)
{
    const slk_http_server_options *o = &exchange->server->options;
    size_t n = strcspn(exchange->target, "?");
    int status = 404;
    for (size_t i = 0; i < o->n_routes; i++) {
        drop_params(exchange);
        if (!match(exchange, o->routes[i].path, exchange->target, n))
            continue;
        if (method_fits(o->routes[i].method, exchange->method)) {
            exchange->route = &o->routes[i];
            return 200;
        }
        status = 405;
        exchange->near = &o->routes[i];
    }
    return status;
}

const char *slk_http_param(const slk_http_exchange *exchange, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < exchange->n_params; i++) {
        const http_param *p = &exchange->params[i];
        if (p->name_len == n && memcmp(p->name, name, n) == 0)
            return p->value;
    }
    slk_assert(!"the route's path has this parameter");
    return "";
}
