/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The API over real HTTP on both nodes of the small world: what each role may, what is answered, and
 * that every change reaches seal/. What only a browser shows is in tests/e2e/page_test.py. */
#include "access/access.h"
#include "codec/json.h"
#include "net/client.h"
#include "net/server.h"
#include "page/page.h"
#include "seal/world_test.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct side {
    slk_page *page;
    slk_http_server *server;
    slk_http_route routes[SLK_PAGE_ROUTES_MAX];
    char tokens[SLK_ROLE_COUNT][SLK_ACCESS_TOKEN_CHARS]; /* by role */
} side;

typedef struct fixture {
    world *w;
    slk_http_client *client;
    side provider, ours;
} fixture;

static slk_err own_url(void *context, char **ret_url, slk_error *error)
{
    (void)error;
    *ret_url = slk_strdup(context);
    return *ret_url ? SLK_OK : SLK_E_NOMEM;
}

static void serve(side *s, world_node *node)
{
    const slk_page_options options = {.seal = node->seal,
                                      .node_name = "node-a",
                                      .version = "1",
                                      .scratch_folder = node->scratch,
                                      .storage_folder = node->storage,
                                      .session_ms = 1000000,
                                      .own_url = own_url,
                                      .context = (void *)(uintptr_t) "https://provider"};
    assert_int_equal(slk_page_new(&s->page, &options, NULL), SLK_OK);
    const slk_http_server_options server = {.listen = "127.0.0.1:0",
                                            .routes = s->routes,
                                            .n_routes = slk_page_routes(s->routes, s->page)};
    assert_int_equal(slk_http_server_new(&s->server, &server, NULL), SLK_OK);
    for (unsigned role = SLK_ROLE_READ; role < SLK_ROLE_COUNT; role++) {
        const slk_access_grant grant = {"", (slk_role)role, 0, false};
        assert_int_equal(slk_access_create(s->tokens[role], NULL, node->db, &grant,
                                           slk_seal_now(node->seal), NULL),
                         SLK_OK);
    }
}

static void stop(side *s)
{
    slk_page_cancel(s->page);
    slk_http_server_free(s->server);
    slk_page_free(s->page);
}

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const slk_http_client_options options = {.allow_plain_http = true};
    f->w = world_new();
    assert_int_equal(slk_http_client_new(&f->client, &options, NULL), SLK_OK);
    serve(&f->provider, &f->w->provider);
    serve(&f->ours, &f->w->client);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    stop(&f->provider);
    stop(&f->ours);
    slk_http_client_free(f->client);
    world_free(f->w);
    free(f);
    return 0;
}

/* The answer to a call; its body is parsed into *ret_answer unless that is NULL. */
static int call(json_t **ret_answer, fixture *f, const side *s, slk_role role, const char *method,
                const char *path, const char *body)
{
    char url[256];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/api/v0/%s",
                   slk_http_server_port(s->server), path);
    const slk_http_request request = {.method = method,
                                      .url = url,
                                      .bearer = role ? s->tokens[role] : NULL,
                                      .body = body,
                                      .body_bytes = body ? strlen(body) : 0,
                                      .content_type = body ? "application/json" : NULL};
    slk_http_response response = {0};
    assert_int_equal(slk_http_call(f->client, &request, &response, NULL), SLK_OK);
    const int status = response.status;
    json_t *answer = NULL;
    assert_int_equal(slk_json_parse(&answer, slk_buf_str(&response.body), response.body.len,
                                    (size_t)1 << 20, NULL),
                     SLK_OK);
    if (status >= 400)
        assert_true(
            *json_string_value(json_object_get(json_object_get(answer, "error"), "message")));
    if (ret_answer)
        *ret_answer = answer;
    else
        json_decref(answer);
    slk_http_response_done(&response);
    return status;
}

static json_t *get(fixture *f, const side *s, const char *path)
{
    json_t *answer;
    assert_int_equal(call(&answer, f, s, SLK_ROLE_READ, "GET", path, NULL), 200);
    return answer;
}

static int64_t number(const json_t *object, const char *field)
{
    return json_integer_value(json_object_get(object, field));
}

static const char *text(const json_t *object, const char *field)
{
    const char *value = json_string_value(json_object_get(object, field));
    return value ? value : "";
}

static void test_roles(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *method, *path, *body;
        slk_role role;
    } rows[] = {
        {"GET", "overview", NULL, SLK_ROLE_READ},
        {"GET", "events", NULL, SLK_ROLE_READ},
        {"GET", "sectors?role=client", NULL, SLK_ROLE_READ},
        {"POST", "sectors", "{\"miner\":\"f01000\"}", SLK_ROLE_WRITE},
        {"POST", "sectors/1000/0/retry", "{\"role\":\"client\"}", SLK_ROLE_WRITE},
        {"POST", "sectors/1000/0/cancel", "{\"role\":\"client\"}", SLK_ROLE_WRITE},
        {"POST", "sectors/1000/0/renew", "{\"role\":\"provider\"}", SLK_ROLE_WRITE},
        {"POST", "sectors/1000/0/remove", "{\"role\":\"client\"}", SLK_ROLE_WRITE},
        {"POST", "drain", "{\"on\":true}", SLK_ROLE_WRITE},
        {"POST", "alerts/ack", "{\"rule\":\"x\"}", SLK_ROLE_WRITE},
        {"POST", "partners", "{\"name\":\"x\"}", SLK_ROLE_ADMIN},
        {"PUT", "partners/1", "{\"weight\":2}", SLK_ROLE_ADMIN},
        {"POST", "partners/1/rotate", "{}", SLK_ROLE_ADMIN},
        {"DELETE", "partners/1", NULL, SLK_ROLE_ADMIN},
        {"POST", "providers", "{}", SLK_ROLE_ADMIN},
        {"PUT", "providers/1", "{\"enabled\":false}", SLK_ROLE_ADMIN},
        {"POST", "providers/1/test", "{}", SLK_ROLE_WRITE},
        {"POST", "providers/1/leave", "{}", SLK_ROLE_ADMIN},
        {"DELETE", "providers/1", NULL, SLK_ROLE_ADMIN},
        {"PUT", "miners/1000", "{\"keep_in_flight\":1}", SLK_ROLE_ADMIN},
        {"GET", "tokens", NULL, SLK_ROLE_ADMIN},
        {"POST", "tokens", "{\"role\":\"admin\"}", SLK_ROLE_ADMIN},
        {"DELETE", "tokens/x", NULL, SLK_ROLE_ADMIN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(
            call(NULL, f, &f->ours, SLK_ROLE_NONE, rows[i].method, rows[i].path, rows[i].body),
            401);
        for (unsigned role = SLK_ROLE_READ; role < rows[i].role; role++)
            assert_int_equal(
                call(NULL, f, &f->ours, (slk_role)role, rows[i].method, rows[i].path, rows[i].body),
                403);
    }
    json_t *partners = get(f, &f->provider, "partners");
    assert_int_equal(json_array_size(partners), 1); /* nothing of it happened */
    json_decref(partners);
}

static void test_life_of_a_sector(void **state)
{
    fixture *f = *state;
    json_t *answer;
    assert_int_equal(call(&answer, f, &f->ours, SLK_ROLE_WRITE, "POST", "sectors",
                          "{\"miner\":\"f01000\",\"seal_proof\":5,\"count\":2}"),
                     200);
    const json_t *numbers = json_object_get(answer, "sectors");
    assert_int_equal(json_array_size(numbers), 2);
    const uint64_t first = (uint64_t)json_integer_value(json_array_get(numbers, 0));
    json_decref(answer);
    char path[64];
    (void)snprintf(path, sizeof path, "sectors/1000/%u/retry", (unsigned)first);
    assert_int_equal(call(NULL, f, &f->ours, SLK_ROLE_WRITE, "POST", path, "{\"role\":\"client\"}"),
                     409);
    world_run(f->w, first, "proving", 200);

    (void)snprintf(path, sizeof path, "sectors/1000/%u", (unsigned)first);
    answer = get(f, &f->ours, path);
    const json_t *role = json_array_get(json_object_get(answer, "roles"), 0);
    assert_string_equal(text(role, "state"), "proving");
    assert_true(json_array_size(json_object_get(answer, "timeline")) > 8);
    json_decref(answer);
    answer = get(f, &f->ours, "overview");
    const json_t *board = json_object_get(answer, "board");
    assert_true(number(board, "event_id") > 8);
    const json_t *states = json_object_get(json_object_get(board, "client"), "states");
    assert_true(number(json_object_get(states, "proving"), "count") >= 1);
    json_decref(answer);
    answer = get(f, &f->ours, "throughput?hours=24");
    int64_t proving = 0;
    size_t at;
    json_t *value;
    json_array_foreach(json_object_get(answer, "proving"), at, value) proving +=
        json_integer_value(value);
    assert_true(proving >= 1);
    json_decref(answer);
    answer = get(f, &f->ours, "messages");
    assert_true(json_array_size(answer) >= 2);
    json_decref(answer);
    static const char *const others[] = {"nodes", "chain", "alerts?all=1", "drain", "providers"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        json_decref(get(f, &f->ours, others[i]));
}

static int64_t total(fixture *f, const side *s, const char *query)
{
    char path[256];
    (void)snprintf(path, sizeof path, "sectors?%s", query);
    json_t *answer = get(f, s, path);
    const int64_t n = number(answer, "total");
    assert_true((int64_t)json_array_size(json_object_get(answer, "rows")) <= n);
    json_decref(answer);
    return n;
}

static void test_filters(void **state)
{
    fixture *f = *state;
    for (unsigned i = 0; i < 3; i++)
        (void)world_order(f->w);
    world_turn(f->w);
    assert_int_equal(total(f, &f->ours, "role=client"), 3);
    assert_int_equal(total(f, &f->provider, "role=provider"), 3);
    assert_int_equal(total(f, &f->ours, "role=provider"), 0);
    assert_int_equal(total(f, &f->ours, "role=client&miner=1000"), 3);
    assert_int_equal(total(f, &f->ours, "role=client&miner=1001"), 0);
    assert_int_equal(total(f, &f->ours, "role=client&failed=1"), 0);
    assert_int_equal(total(f, &f->ours, "role=client&failed=0"), 3);
    assert_int_equal(total(f, &f->ours, "role=client&state=proving"), 0);
    assert_int_equal(total(f, &f->ours,
                           "role=client&state=new,ordered,sealed,fetched,verified,"
                           "precommit_sent,precommitted"),
                     3);
    assert_int_equal(total(f, &f->ours, "role=client&peer=99"), 0);
    assert_int_equal(total(f, &f->ours, "role=client&text=PROVIDER"), 3);
    assert_int_equal(total(f, &f->ours, "role=client&text=%25"), 0); /* no sign of LIKE's */
    assert_int_equal(total(f, &f->ours, "role=client&text=_"), 0);
    assert_int_equal(total(f, &f->provider, "role=provider&text='%20OR%201=1"), 0);
    json_t *page = get(f, &f->ours, "sectors?role=client&limit=2&offset=2");
    assert_int_equal(json_array_size(json_object_get(page, "rows")), 1);
    json_decref(page);
    static const char *const bad[] = {"sectors?role=x", "sectors?role=client&limit=0",
                                      "sectors?role=client&failed=2", "throughput?hours=-1",
                                      "sectors/1000/-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(call(NULL, f, &f->ours, SLK_ROLE_READ, "GET", bad[i], NULL), 400);
    assert_int_equal(call(NULL, f, &f->ours, SLK_ROLE_READ, "GET", "sectors/1000/77", NULL), 404);
}

static void test_partners(void **state)
{
    fixture *f = *state;
    const side *s = &f->provider;
    json_t *answer;
    char path[64];
    assert_int_equal(
        call(&answer, f, s, SLK_ROLE_ADMIN, "POST", "partners",
             "{\"name\":\"lighthouse\",\"allowance\":7,\"weight\":3,\"proofs\":[5],"
             "\"miners\":[{\"sp_id\":1000,\"max_sectors\":2}],\"expires_ms\":9999999999999}"),
        200);
    const int64_t id = number(answer, "id");
    assert_int_equal(strlen(text(answer, "token")), 64);
    assert_true(strlen(text(answer, "connect_string")) > 80);
    json_decref(answer);
    assert_int_equal(
        call(NULL, f, s, SLK_ROLE_ADMIN, "POST", "partners", "{\"name\":\"lighthouse\"}"), 409);
    (void)snprintf(path, sizeof path, "partners/%lld", (long long)id);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "PUT", path, "{\"weight\":5}"), 200);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "PUT", path,
                          "{\"allowance_remaining\":1,\"allowance_total\":2}"),
                     200);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "PUT", path, "{\"allowance_total\":2}"), 400);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "PUT", path, "{\"weight\":0}"), 400);
    json_t *list = get(f, s, "partners");
    const json_t *row = json_array_get(list, 1);
    assert_string_equal(text(row, "name"), "lighthouse");
    assert_int_equal(number(row, "weight"), 5);
    assert_int_equal(number(row, "allowance_total"), 2);
    assert_int_equal(json_array_size(json_object_get(row, "miners")), 1); /* untouched */
    char *dump = json_dumps(list, 0);
    assert_null(strstr(dump, "token"));
    free(dump);
    json_decref(list);
    (void)snprintf(path, sizeof path, "partners/%lld/rotate", (long long)id);
    assert_int_equal(call(&answer, f, s, SLK_ROLE_ADMIN, "POST", path, "{\"overlap_ms\":0}"), 200);
    assert_int_equal(strlen(text(answer, "token")), 64);
    json_decref(answer);
    (void)snprintf(path, sizeof path, "partners/%lld", (long long)id);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "DELETE", path, NULL), 200);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "DELETE", path, NULL), 404);
    assert_int_equal(call(&answer, f, s, SLK_ROLE_WRITE, "POST", "drain", "{\"on\":true}"), 200);
    assert_true(json_is_true(json_object_get(answer, "on")));
    json_decref(answer);
}

static void test_providers_and_tokens(void **state)
{
    fixture *f = *state;
    const side *s = &f->ours;
    json_t *answer;
    char path[64];
    (void)snprintf(path, sizeof path, "providers/%lld", (long long)f->w->provider_id);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "PUT", path,
                          "{\"enabled\":false,\"name\":\"north\",\"price\":\"12\"}"),
                     200);
    json_t *list = get(f, s, "providers");
    assert_string_equal(text(json_array_get(list, 0), "name"), "north");
    assert_true(json_is_false(json_object_get(json_array_get(list, 0), "enabled")));
    json_decref(list);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "PUT", path, "{\"price\":\"-1\"}"), 400);
    assert_int_equal(
        call(NULL, f, s, SLK_ROLE_ADMIN, "PUT", "miners/1000", "{\"keep_in_flight\":4}"), 200);
    assert_int_equal(
        call(NULL, f, s, SLK_ROLE_ADMIN, "PUT", "miners/1000", "{\"keep_in_flight\":-2}"), 400);
    list = get(f, s, "miners");
    assert_int_equal(number(json_array_get(list, 0), "keep_in_flight"), 4);
    json_decref(list);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "POST", "providers",
                          "{\"connect_string\":\"x\",\"miner\":\"f01000\"}"),
                     400);
    assert_int_equal(call(&answer, f, s, SLK_ROLE_ADMIN, "POST", "tokens",
                          "{\"name\":\"graph\",\"role\":\"read\",\"expires_in_ms\":1000}"),
                     200);
    assert_int_equal(strlen(text(answer, "token")), 64);
    json_decref(answer);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "POST", "tokens",
                          "{\"name\":\"graph\",\"role\":\"read\"}"),
                     409);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "DELETE", "tokens/graph", NULL), 200);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "DELETE", "tokens/graph", NULL), 404);
}

static slk_err take_first(void *context, const slk_http_response *response, const uint8_t *bytes,
                          size_t n, slk_error *error)
{
    slk_buf *got = context;
    (void)response;
    if (slk_buf_append(got, bytes, n) != SLK_OK || strstr(slk_buf_str(got), "\n\n"))
        return slk_fail(error, SLK_E_CANCELED, "that is enough");
    return SLK_OK;
}

static void test_events(void **state)
{
    fixture *f = *state;
    char url[128];
    slk_buf got;
    slk_buf_init(&got, 1 << 20);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/api/v0/events",
                   slk_http_server_port(f->ours.server));
    const slk_http_request request = {.url = url,
                                      .bearer = f->ours.tokens[SLK_ROLE_READ],
                                      .sink = take_first,
                                      .sink_context = &got};
    slk_http_response response = {0};
    assert_int_equal(slk_http_call(f->client, &request, &response, NULL), SLK_E_CANCELED);
    assert_int_equal(strncmp(slk_buf_str(&got), "event: overview\ndata: {", 23), 0);
    slk_buf_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_roles, make, unmake),
        cmocka_unit_test_setup_teardown(test_life_of_a_sector, make, unmake),
        cmocka_unit_test_setup_teardown(test_filters, make, unmake),
        cmocka_unit_test_setup_teardown(test_partners, make, unmake),
        cmocka_unit_test_setup_teardown(test_providers_and_tokens, make, unmake),
        cmocka_unit_test_setup_teardown(test_events, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
