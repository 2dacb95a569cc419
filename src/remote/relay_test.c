/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two real HTTPS servers: a door that passes every question on, and a holder that answers it. */
#include "remote/relay.h"

#include "base/assume.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/certificate.h"
#include "net/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_BYTES ((size_t)3 << 20)
#define ROUTES 8u
#define ENDLESS_BYTES ((uint64_t)1 << 30)
#define TOKEN "0123456789abcdef0123456789abcdef"
#define ETAG "\"replica-1\""

static struct world {
    char folder[64];
    char *file, *certificate, *key;
    uint8_t *bytes; /* of the file */
    slk_http_server *holder, *door;
    slk_http_route passes[ROUTES]; /* of the door: as the holder's */
    slk_http_client *http;
    slk_relay *relay;
    slk_member_address nodes[2];
    size_t n_nodes;
    atomic_uint asked; /* questions that reached the holder */
    bool marked;
    char bearer[80], query[80], content_type[80], body[80];
    atomic_uint_fast64_t produced; /* bytes of the endless answer */
} w;

/* ---- the holder ---- */

static void note(const slk_http_exchange *exchange)
{
    size_t n = 0;
    const char *bearer = slk_http_bearer(exchange);
    const char *query = slk_http_query(exchange, "token");
    const char *type = slk_http_header_value(exchange, "Content-Type");
    w.marked = slk_relay_is_marked(exchange);
    (void)snprintf(w.bearer, sizeof w.bearer, "%s", bearer ? bearer : "");
    (void)snprintf(w.query, sizeof w.query, "%s", query ? query : "");
    (void)snprintf(w.content_type, sizeof w.content_type, "%s", type ? type : "");
    (void)snprintf(w.body, sizeof w.body, "%s", slk_http_body(exchange, &n));
    atomic_fetch_add(&w.asked, 1);
}

static slk_err get_file(void *context, slk_http_exchange *exchange, slk_error *error)
{
    (void)context;
    note(exchange);
    return slk_http_reply_file(exchange, w.file, "application/octet-stream", ETAG, error);
}

static slk_err get_failure(void *context, slk_http_exchange *exchange, slk_error *error)
{
    note(exchange);
    if (strcmp(context, "busy") == 0)
        return slk_http_slow_down(exchange, 4000, error);
    if (strcmp(context, "auth") == 0)
        return slk_fail(error, SLK_E_AUTH, "unauthorized");
    return slk_fail(error, SLK_E_NOTFOUND, "sector not found");
}

static slk_err post_body(void *context, slk_http_exchange *exchange, slk_error *error)
{
    (void)context;
    (void)error;
    note(exchange);
    return slk_http_reply_bytes(exchange, 200, "application/json", "made", 4);
}

static slk_err produce(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                       slk_error *error)
{
    if (context && atomic_load(&w.produced) > 1000)
        return slk_fail(error, SLK_E_IO, "cut");
    const size_t n = context ? 1001 : capacity;
    memset(out, 7, n);
    atomic_fetch_add(&w.produced, n);
    *ret_n = n;
    return SLK_OK;
}

static slk_err get_endless(void *context, slk_http_exchange *exchange, slk_error *error)
{
    (void)error;
    const bool open_end = context && strcmp(context, "cut-anywhere") == 0;
    return slk_http_reply_stream(exchange, 200, "application/x-tar",
                                 open_end ? -1 : (int64_t)ENDLESS_BYTES, produce, NULL, context);
}

static slk_err pass(void *context, slk_http_exchange *exchange, slk_error *error)
{
    const slk_relay_question question = {.path = context, .token = TOKEN};
    return slk_relay_pass(w.relay, exchange, &question, w.nodes, w.n_nodes, error);
}

static const slk_http_route holds[] = {
    {.method = "GET", .path = "/file", .handler = get_file},
    {.method = "GET",
     .path = "/lost",
     .handler = get_failure,
     .context = "lost",
     .plain_errors = true},
    {.method = "GET", .path = "/busy", .handler = get_failure, .context = "busy"},
    {.method = "GET", .path = "/auth", .handler = get_failure, .context = "auth"},
    {.method = "POST", .path = "/c1", .handler = post_body},
    {.method = "GET", .path = "/endless", .handler = get_endless},
    {.method = "GET", .path = "/cut", .handler = get_endless, .context = "cut"},
    {.method = "GET", .path = "/cut-anywhere", .handler = get_endless, .context = "cut-anywhere"},
};
static_assert(sizeof holds / sizeof *holds == ROUTES, "all routes");

/* ---- the world ---- */

static slk_http_server *serve(const slk_http_route *routes, size_t n)
{
    slk_error error = {0};
    slk_http_server *server = NULL;
    const slk_http_server_options options = {.listen = "127.0.0.1:0",
                                             .certificate_file = w.certificate,
                                             .key_file = w.key,
                                             .routes = routes,
                                             .n_routes = n};
    if (slk_http_server_new(&server, &options, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return server;
}

static int open_world(void **state)
{
    (void)state;
    strcpy(w.folder, "/tmp/selkie-relay-test-XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    assert_int_equal(slk_net_make_certificate(w.folder, NULL, 0, NULL), SLK_OK);
    w.certificate = slk_path_join(w.folder, SLK_CERTIFICATE_FILE);
    w.key = slk_path_join(w.folder, SLK_CERTIFICATE_KEY_FILE);
    w.file = slk_path_join(w.folder, "replica");
    w.bytes = slk_alloc(FILE_BYTES, 1);
    for (size_t i = 0; i < FILE_BYTES; i++)
        w.bytes[i] = (uint8_t)(i * 31 + i / 257);
    assert_int_equal(slk_file_write_atomic(w.file, w.bytes, FILE_BYTES, 0600, NULL), SLK_OK);
    memcpy(w.passes, holds, sizeof holds);
    for (size_t i = 0; i < ROUTES; i++) {
        w.passes[i].handler = pass;
        w.passes[i].context = (void *)(uintptr_t)holds[i].path;
    }
    w.holder = serve(holds, ROUTES);
    const slk_http_client_options http = {.ca_file = w.certificate};
    assert_int_equal(slk_http_client_new(&w.http, &http, NULL), SLK_OK);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    slk_http_server_free(w.holder);
    slk_http_client_free(w.http);
    slk_free(w.bytes);
    slk_free(w.file);
    slk_free(w.certificate);
    slk_free(w.key);
    return slk_remove_tree(w.folder, NULL) == SLK_OK ? 0 : -1;
}

/* Each test has a relay and a door of its own, and one node: the holder, by its key. */
static int open_relay(void **state)
{
    (void)state;
    const slk_relay_options options = {.node_name = "door"};
    assert_int_equal(slk_relay_new(&w.relay, &options, NULL), SLK_OK);
    w.door = serve(w.passes, ROUTES);
    w.n_nodes = 1;
    w.nodes[0] = (slk_member_address){.name = "holder"};
    (void)snprintf(w.nodes[0].url, sizeof w.nodes[0].url, "https://127.0.0.1:%u",
                   (unsigned)slk_http_server_port(w.holder));
    assert_int_equal(slk_net_certificate_pin(w.nodes[0].pin, w.certificate, NULL), SLK_OK);
    atomic_store(&w.asked, 0);
    atomic_store(&w.produced, 0);
    return 0;
}

static int close_relay(void **state)
{
    (void)state;
    slk_http_server_free(w.door);
    slk_relay_free(w.relay);
    return 0;
}

static slk_err ask_server(slk_http_response *ret, const slk_http_server *server,
                          const slk_http_request *given, const char *path, slk_error *error)
{
    char url[128];
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u%s",
                   (unsigned)slk_http_server_port(server), path);
    slk_http_request request = *given;
    request.url = url;
    request.max_body_bytes = FILE_BYTES;
    return slk_http_call(w.http, &request, ret, error);
}

/* Asks both and expects the same from both. */
static void same(const slk_http_request *request, const char *path, int status)
{
    slk_http_response direct = {0}, passed = {0};
    assert_int_equal(ask_server(&direct, w.holder, request, path, NULL), SLK_OK);
    assert_int_equal(ask_server(&passed, w.door, request, path, NULL), SLK_OK);
    assert_int_equal(direct.status, status);
    assert_int_equal(passed.status, status);
    assert_int_equal(passed.content_length, direct.content_length);
    assert_int_equal(passed.has_content_range, direct.has_content_range);
    assert_int_equal(passed.has_unsatisfied_range, direct.has_unsatisfied_range);
    assert_int_equal(passed.range_first, direct.range_first);
    assert_int_equal(passed.range_last, direct.range_last);
    assert_int_equal(passed.range_total, direct.range_total);
    assert_int_equal(passed.accepts_ranges, direct.accepts_ranges);
    assert_int_equal(passed.retry_after_s, direct.retry_after_s);
    assert_string_equal(passed.etag, direct.etag);
    assert_string_equal(passed.content_type, direct.content_type);
    assert_int_equal(passed.body.len, direct.body.len);
    assert_memory_equal(slk_buf_str(&passed.body), slk_buf_str(&direct.body), direct.body.len);
    slk_http_response_done(&direct);
    slk_http_response_done(&passed);
}

/* ---- what passes ---- */

static void files_pass_as_they_are(void **state)
{
    (void)state;
    const slk_http_request whole = {0};
    same(&whole, "/file", 200);
    const slk_http_request head = {.method = "HEAD"};
    same(&head, "/file", 200);
    const slk_http_request part = {.has_range = true, .range_first = 1000, .range_last = 2000000};
    same(&part, "/file", 206);
    const slk_http_request past = {
        .has_range = true, .range_first = FILE_BYTES, .range_last = FILE_BYTES + 9};
    same(&past, "/file", 416);
    const slk_http_header fields[] = {
        {"If-Range", ETAG}, {"If-Range", "\"another\""}, {"If-None-Match", ETAG}};
    static const int statuses[] = {206, 200, 304};
    for (size_t i = 0; i < 3; i++) {
        slk_http_request asked = part;
        asked.headers = &fields[i];
        asked.n_headers = 1;
        same(&asked, "/file", statuses[i]);
    }
    const slk_http_header several = {"Range", "bytes=0-1,4-5"};
    const slk_http_request many = {.headers = &several, .n_headers = 1};
    same(&many, "/file", 200);
}

static void refusals_pass_as_they_are(void **state)
{
    (void)state;
    const slk_http_request plain = {0};
    same(&plain, "/lost", 404);
    same(&plain, "/busy", 429);
    same(&plain, "/auth", 401);
    const slk_http_header accept = {"Accept", "application/json"};
    const slk_http_request json = {.headers = &accept, .n_headers = 1};
    same(&json, "/lost", 404);
}

static void the_token_goes_in_the_header(void **state)
{
    (void)state;
    const slk_http_request request = {.has_range = true, .range_last = 9};
    slk_http_response response = {0};
    assert_int_equal(ask_server(&response, w.door, &request, "/file?token=" TOKEN, NULL), SLK_OK);
    assert_int_equal(response.status, 206);
    slk_http_response_done(&response);
    assert_string_equal(w.bearer, TOKEN);
    assert_string_equal(w.query, "");
    assert_true(w.marked);
}

static void bodies_pass(void **state)
{
    (void)state;
    const slk_http_request request = {.method = "POST",
                                      .body = "{\"seed\":1}",
                                      .body_bytes = 10,
                                      .content_type = "application/json"};
    same(&request, "/c1", 200);
    assert_string_equal(w.body, "{\"seed\":1}");
    assert_string_equal(w.content_type, "application/json");
}

/* ---- who answers ---- */

static int status_through_door(void)
{
    const slk_http_request request = {.has_range = true, .range_last = 9};
    slk_http_response response = {0};
    assert_int_equal(ask_server(&response, w.door, &request, "/file", NULL), SLK_OK);
    const int status = response.status;
    slk_http_response_done(&response);
    return status;
}

static void the_next_node_is_asked(void **state)
{
    (void)state;
    w.nodes[1] = w.nodes[0];
    strcpy(w.nodes[0].url, "https://127.0.0.1:1");
    assert_int_equal(status_through_door(), 503);
    w.n_nodes = 2;
    assert_int_equal(status_through_door(), 206);
}

static void only_the_noted_key_is_spoken_to(void **state)
{
    (void)state;
    w.nodes[0].pin[12] = (char)(w.nodes[0].pin[12] == 'A' ? 'B' : 'A');
    assert_int_equal(status_through_door(), 503);
    w.nodes[0].pin[0] = '\0'; /* then its certificate, which the system does not know */
    assert_int_equal(status_through_door(), 503);
    assert_int_equal(atomic_load(&w.asked), 0);
}

static void nothing_crosses_in_clear(void **state)
{
    (void)state;
    slk_http_server *plain = NULL;
    const slk_http_server_options options = {
        .listen = "127.0.0.2:0", .routes = holds, .n_routes = ROUTES};
    assert_int_equal(slk_http_server_new(&plain, &options, NULL), SLK_OK);
    (void)snprintf(w.nodes[0].url, sizeof w.nodes[0].url, "http://127.0.0.2:%u",
                   (unsigned)slk_http_server_port(plain));
    assert_int_equal(status_through_door(), 503); /* none of the names of this machine */
    assert_int_equal(atomic_load(&w.asked), 0);
    assert_int_equal(close_relay(NULL), 0);
    const slk_relay_options allowed = {.node_name = "door", .allow_plain_http = true};
    assert_int_equal(slk_relay_new(&w.relay, &allowed, NULL), SLK_OK);
    w.door = serve(w.passes, ROUTES);
    assert_int_equal(status_through_door(), 206);
    slk_http_server_free(plain);
}

/* ---- how it ends ---- */

static void a_cut_answer_is_cut(void **state)
{
    (void)state;
    const slk_http_request request = {0};
    slk_http_response response = {0};
    assert_int_equal(ask_server(&response, w.door, &request, "/cut", NULL), SLK_E_UNREACHABLE);
    atomic_store(&w.produced, 0); /* nor does one without a length end as if it were whole */
    assert_int_equal(ask_server(&response, w.door, &request, "/cut-anywhere", NULL),
                     SLK_E_UNREACHABLE);
}

static slk_err cancel_at_first(void *context, const slk_http_response *response,
                               const uint8_t *bytes, size_t n, slk_error *error)
{
    (void)context;
    (void)response;
    (void)bytes;
    (void)n;
    (void)error;
    slk_relay_cancel(w.relay);
    return SLK_OK;
}

static void it_can_be_canceled(void **state)
{
    (void)state;
    const slk_http_request request = {.sink = cancel_at_first};
    slk_http_response response = {0};
    assert_int_equal(ask_server(&response, w.door, &request, "/endless", NULL), SLK_E_UNREACHABLE);
    assert_int_equal(status_through_door(), 503); /* and all later ones */
}

static slk_err go_away(void *context, const slk_http_response *response, const uint8_t *bytes,
                       size_t n, slk_error *error)
{
    (void)context;
    (void)response;
    (void)bytes;
    (void)n;
    return slk_fail(error, SLK_E_LIMIT, "enough");
}

/* The door is free again, and what was made on the way is what sockets and rooms hold. */
static void it_ends_with_its_peer(void **state)
{
    (void)state;
    const slk_http_request request = {.sink = go_away};
    slk_http_response response = {0};
    assert_int_equal(ask_server(&response, w.door, &request, "/endless", NULL), SLK_E_LIMIT);
    slk_http_server_free(w.door);
    w.door = NULL;
    assert_in_range(atomic_load(&w.produced), 1, (uint64_t)64 << 20);
}

int main(void)
{
#define WITH_RELAY(test) cmocka_unit_test_setup_teardown(test, open_relay, close_relay)
    const struct CMUnitTest tests[] = {
        WITH_RELAY(files_pass_as_they_are),       WITH_RELAY(refusals_pass_as_they_are),
        WITH_RELAY(the_token_goes_in_the_header), WITH_RELAY(bodies_pass),
        WITH_RELAY(the_next_node_is_asked),       WITH_RELAY(only_the_noted_key_is_spoken_to),
        WITH_RELAY(nothing_crosses_in_clear),     WITH_RELAY(a_cut_answer_is_cut),
        WITH_RELAY(it_can_be_canceled),           WITH_RELAY(it_ends_with_its_peer),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
