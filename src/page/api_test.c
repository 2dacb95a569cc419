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

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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
    slk_err tried; /* what a provider's test finds */
    slk_err verified; /* what verifying ends in, once … */
    atomic_bool over; /* … it may end */
    atomic_bool opened; /* what was last wanted of a worker */
} fixture;

static slk_err own_url(void *context, char **ret_url, slk_error *error)
{
    (void)error;
    (void)context;
    *ret_url = slk_strdup("https://provider");
    return *ret_url ? SLK_OK : SLK_E_NOMEM;
}

static slk_err try_provider(void *context, slk_page_tried *ret, const slk_connect *at,
                            slk_error *error)
{
    const fixture *f = context;
    (void)error;
    assert_int_equal(strlen(at->token), 64);
    ret->steps = json_pack("[{s:s,s:s,s:s,s:s}]", "check", "token", "mark",
                           f->tried == SLK_OK ? "good" : "bad", "found", "x", "next", "");
    ret->code = f->tried;
    if (f->tried != SLK_OK)
        (void)slk_fail(&ret->why, f->tried, "token: it does not know the token");
    (void)snprintf(ret->partner_name, sizeof ret->partner_name, "us");
    ret->allowance_remaining = 7;
    return SLK_OK;
}

static slk_err verify(void *context, const slk_page_file_job *what, slk_error *error)
{
    fixture *f = context;
    if (what->number == 77)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    if (what->dry_run)
        return SLK_OK;
    slk_job_stage(what->job, "replica", 100);
    slk_job_advance(what->job, 40);
    while (!atomic_load(&f->over)) {
        SLK_TRY(slk_job_check(what->job, error));
        (void)sched_yield();
    }
    return f->verified == SLK_OK ? SLK_OK
                                 : slk_fail(error, f->verified, "sealed/s-t01000-0 is damaged");
}

static slk_err export(void *context, slk_page_copied *ret, const slk_page_file_job *what,
                      slk_error *error)
{
    (void)context;
    if (strcmp(what->to, "/mnt/none") == 0)
        return slk_fail(error, SLK_E_INVAL, "/mnt/none is no folder here");
    *ret = (slk_page_copied){3, 2048};
    return SLK_OK;
}

static slk_err workers(void *context, json_t **ret, slk_error *error)
{
    (void)context;
    (void)error;
    *ret = json_pack("{s:[{s:s}],s:[],s:[]}", "workers", "host", "seal-1", "waiting", "calls");
    return *ret ? SLK_OK : SLK_E_NOMEM;
}

static slk_err open_worker(void *context, const char *session, bool open, slk_error *error)
{
    fixture *f = context;
    if (*session == 'f')
        return slk_fail(error, SLK_E_NOTFOUND, "no such worker");
    f->opened = open;
    return SLK_OK;
}

static void serve(fixture *f, side *s, world_node *node)
{
    const slk_page_options options = {
        .seal = node->seal,
        .node_name = "node-a",
        .version = "1",
        .scratch_folder = node->scratch,
        .storage_folder = node->storage,
        .session_ms = 1000000,
        .ops = {own_url, try_provider, verify, export, workers, open_worker, f}};
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
    serve(f, &f->provider, &f->w->provider);
    serve(f, &f->ours, &f->w->client);
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

#define SESSION "6f6b1d0a-0000-0000-0000-000000000001"

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
        {"GET", "sectors/1000/0/stages", NULL, SLK_ROLE_READ},
        {"GET", "jobs", NULL, SLK_ROLE_READ},
        {"GET", "funds", NULL, SLK_ROLE_READ},
        {"POST", "jobs/stop", "{\"id\":1}", SLK_ROLE_WRITE},
        {"POST", "sectors/1000/0/verify", "{}", SLK_ROLE_WRITE},
        {"POST", "sectors/1000/0/export", "{\"to\":\"/mnt\"}", SLK_ROLE_ADMIN},
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
        {"GET", "workers", NULL, SLK_ROLE_READ},
        {"POST", "workers/" SESSION, "{\"open\":false}", SLK_ROLE_ADMIN},
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
    static const char *const others[] = {"nodes",        "funds", "chain",
                                         "alerts?all=1", "drain", "providers"};
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

/* The tests of a provider: what fails is the answer; adding one that fails is refused. */
static void test_tried(void **state)
{
    fixture *f = *state;
    json_t *answer;
    char path[64];
    (void)snprintf(path, sizeof path, "providers/%lld/test", (long long)f->w->provider_id);
    assert_int_equal(call(&answer, f, &f->ours, SLK_ROLE_WRITE, "POST", path, "{}"), 200);
    assert_true(json_is_true(json_object_get(answer, "good")));
    assert_int_equal(number(answer, "allowance_remaining"), 7);
    json_decref(answer);
    f->tried = SLK_E_AUTH;
    assert_int_equal(call(&answer, f, &f->ours, SLK_ROLE_WRITE, "POST", path, "{}"), 200);
    assert_true(json_is_false(json_object_get(answer, "good")));
    assert_string_equal(text(json_array_get(json_object_get(answer, "checks"), 0), "mark"), "bad");
    json_decref(answer);
    const slk_connect connect = {
        "https://north", "abababababababababababababababababababababababababababababababab"};
    SLK_CLEANUP(slk_buf_done) slk_buf body, string;
    slk_buf_init(&body, 4096);
    slk_buf_init(&string, 4096);
    assert_int_equal(slk_connect_print(&string, &connect), SLK_OK);
    assert_int_equal(slk_buf_printf(&body, "{\"connect_string\":\"%s\",\"miner\":\"f01000\"}",
                                    slk_buf_str(&string)),
                     SLK_OK);
    const char *text_of = slk_buf_str(&body);
    assert_int_equal(call(NULL, f, &f->ours, SLK_ROLE_ADMIN, "POST", "providers", text_of), 502);
    answer = get(f, &f->ours, "providers");
    const size_t before = json_array_size(answer);
    json_decref(answer);
    f->tried = SLK_OK;
    assert_int_equal(call(NULL, f, &f->ours, SLK_ROLE_ADMIN, "POST", "providers", text_of), 200);
    answer = get(f, &f->ours, "providers");
    assert_int_equal(json_array_size(answer), before + 1);
    json_decref(answer);
}

/* What a change would do is told without doing it. */
static void test_dry_runs(void **state)
{
    fixture *f = *state;
    const side *s = &f->ours;
    json_t *answer;
    char path[64];
    const uint64_t n = world_order(f->w);
    world_run(f->w, n, "proving", 200);
    for (unsigned i = 0; i < 20; i++)
        world_turn(f->w); /* until its provider has cleaned up */
    const char *const changes[][3] = {
        {"retry", "{\"role\":\"client\",\"dry_run\":true}", "409"},
        {"remove", "{\"role\":\"client\",\"dry_run\":true}", "409"},
        {"remove", "{\"role\":\"client\",\"dry_run\":true,\"really\":true}", "200"},
        {"cancel", "{\"role\":\"client\",\"dry_run\":true,\"really\":true}", "409"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        (void)snprintf(path, sizeof path, "sectors/1000/%u/%s", (unsigned)n, changes[i][0]);
        const int status = call(&answer, f, s, SLK_ROLE_WRITE, "POST", path, changes[i][1]);
        assert_int_equal(status, atoi(changes[i][2]));
        if (status == 200)
            assert_true(json_is_true(json_object_get(answer, "dry_run")));
        json_decref(answer);
    }
    (void)snprintf(path, sizeof path, "sectors/1000/%u", (unsigned)n);
    json_decref(get(f, s, path)); /* it is there yet */
    const uint64_t early = world_order(f->w);
    (void)snprintf(path, sizeof path, "sectors/1000/%u/cancel", (unsigned)early);
    assert_int_equal(
        call(NULL, f, s, SLK_ROLE_WRITE, "POST", path, "{\"role\":\"client\",\"dry_run\":true}"),
        200);
    (void)snprintf(path, sizeof path, "sectors/1000/%u/stages", (unsigned)early);
    answer = get(f, s, path);
    assert_int_equal(json_array_size(answer), 6);
    size_t at;
    json_t *row;
    json_array_foreach(answer, at, row)
        assert_true(json_is_true(json_object_get(row, "valid")) || *text(row, "why"));
    assert_true(json_is_false(json_object_get(json_array_get(answer, 5), "valid"))); /* porep */
    json_decref(answer);
    (void)snprintf(path, sizeof path, "sectors/1000/%u", (unsigned)early);
    answer = get(f, s, path);
    assert_true(json_is_false(json_object_get(json_array_get(json_object_get(answer, "roles"), 0),
                                              "failed"))); /* not given up */
    json_decref(answer);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_READ, "GET", "sectors/1000/77/stages", NULL), 404);
}

/* The newest job once it is over. */
static json_t *ended(fixture *f)
{
    for (;;) {
        json_t *list = get(f, &f->ours, "jobs");
        json_t *job = json_incref(json_array_get(list, 0));
        json_decref(list);
        if (strcmp(text(job, "outcome"), "running") != 0)
            return job;
        json_decref(job);
    }
}

static void expect_end(fixture *f, const char *outcome, const char *part)
{
    json_t *job = ended(f);
    assert_string_equal(text(job, "outcome"), outcome);
    assert_non_null(strstr(text(job, "message"), part));
    assert_true(number(job, "ended_ms") >= number(job, "started_ms"));
    json_decref(job);
}

static void test_jobs(void **state)
{
    fixture *f = *state;
    const side *s = &f->ours;
    const char *verify_path = "sectors/1000/0/verify";
    assert_int_equal(call(NULL, f, s, SLK_ROLE_WRITE, "POST", "sectors/1000/77/verify", "{}"), 404);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_WRITE, "POST", verify_path, "{\"dry_run\":true}"),
                     200);
    json_t *list = get(f, s, "jobs");
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_WRITE, "POST", verify_path, "{\"samples\":9}"), 200);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_WRITE, "POST", verify_path, "{}"), 503);
    list = get(f, s, "jobs");
    const json_t *job = json_array_get(list, 0);
    assert_string_equal(text(job, "outcome"), "running");
    assert_int_equal(number(job, "samples"), 9);
    json_decref(list);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_WRITE, "POST", "jobs/stop", "{\"id\":2}"), 404);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_WRITE, "POST", "jobs/stop", "{\"id\":1}"), 200);
    expect_end(f, "stopped", "");
    atomic_store(&f->over, true);
    f->verified = SLK_E_CORRUPT;
    assert_int_equal(call(NULL, f, s, SLK_ROLE_WRITE, "POST", verify_path, "{}"), 200);
    expect_end(f, "refuted", "damaged");
    f->verified = SLK_OK;
    assert_int_equal(call(NULL, f, s, SLK_ROLE_WRITE, "POST", verify_path, "{}"), 200);
    expect_end(f, "done", "");
    static const char *const bad[] = {"{}", "{\"to\":\"mnt\"}", "{\"to\":\"/mnt/none\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "POST", "sectors/1000/0/export", bad[i]),
                         400);
    assert_int_equal(
        call(NULL, f, s, SLK_ROLE_ADMIN, "POST", "sectors/1000/0/export", "{\"to\":\"/mnt\"}"),
        200);
    expect_end(f, "done", "");
    list = get(f, s, "jobs");
    assert_int_equal(json_array_size(list), 4);
    assert_int_equal(number(json_array_get(list, 0), "bytes"), 2048);
    json_decref(list);
    atomic_store(&f->over, false); /* one that runs when the node ends is stopped by that */
    assert_int_equal(call(NULL, f, s, SLK_ROLE_WRITE, "POST", verify_path, "{}"), 200);
}

static void test_workers(void **state)
{
    fixture *f = *state;
    const side *s = &f->provider;
    const char *path = "workers/" SESSION;
    json_t *board = get(f, s, "workers");
    assert_string_equal(text(json_array_get(json_object_get(board, "workers"), 0), "host"),
                        "seal-1");
    json_decref(board);
    const char *open = "{\"open\":true}", *dry = "{\"open\":false,\"dry_run\":true}";
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "POST", path, open), 200);
    assert_true(f->opened);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "POST", path, dry), 200);
    assert_true(f->opened);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "POST", path, "{\"open\":false}"), 200);
    assert_false(f->opened);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "POST", path, "{}"), 400);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "POST", "workers/6f6b", open), 400);
    assert_int_equal(call(NULL, f, s, SLK_ROLE_ADMIN, "POST",
                          "workers/ff6b1d0a-0000-0000-0000-000000000001", open),
                     404);
    assert_false(f->opened);
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
        cmocka_unit_test_setup_teardown(test_tried, make, unmake),
        cmocka_unit_test_setup_teardown(test_dry_runs, make, unmake),
        cmocka_unit_test_setup_teardown(test_jobs, make, unmake),
        cmocka_unit_test_setup_teardown(test_workers, make, unmake),
        cmocka_unit_test_setup_teardown(test_events, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
