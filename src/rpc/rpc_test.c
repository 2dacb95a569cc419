/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON-RPC over real connections: what go-jsonrpc answers, what our client makes of it. */
#include "rpc/client.h"
#include "rpc/server.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "net/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 20000

typedef struct fixture {
    slk_rpc_server *rpc;
    slk_http_server *http;
    slk_http_client *raw;
    slk_rpc_client *client;
    char folder[64], url[64], received[96];
    atomic_uint waiting, canceled, notified;
    atomic_uint asked; /* for what a token allows, others than known ones, too */
    atomic_bool short_is_over; /* the token "short" */
    atomic_bool open;
} fixture;

/* ---- methods ---- */

static slk_err version(void *context, const slk_rpc_call *call, json_t **ret_result,
                       slk_error *error)
{
    (void)context;
    (void)call;
    (void)error;
    *ret_result = json_integer(66816);
    return SLK_OK;
}

static slk_err nothing(void *context, const slk_rpc_call *call, json_t **ret_result,
                       slk_error *error)
{
    (void)call;
    (void)ret_result;
    (void)error;
    fixture *f = context;
    f->notified++;
    return SLK_OK;
}

static slk_err add(void *context, const slk_rpc_call *call, json_t **ret_result, slk_error *error)
{
    (void)context;
    const json_t *a = json_array_get(call->params, 0), *b = json_array_get(call->params, 1);
    if (!json_is_integer(a))
        return slk_rpc_bad_param(call, 0, "a number", error);
    if (!json_is_integer(b)) {
        (void)slk_fail(error, SLK_E_INVAL, "b: no number");
        return slk_rpc_bad_param_error(call, 1, error);
    }
    *ret_result = json_integer(json_integer_value(a) + json_integer_value(b));
    return SLK_OK;
}

static slk_err boom(void *context, const slk_rpc_call *call, json_t **ret_result, slk_error *error)
{
    (void)context;
    (void)ret_result;
    const json_t *code = json_array_get(call->params, 0);
    if (json_is_integer(code))
        return slk_rpc_fault(call, (int)json_integer_value(code), error, "actor not found");
    return slk_fail(error, SLK_E_NOSPACE, "storage call error 102: \"no\" room");
}

static slk_err whoami(void *context, const slk_rpc_call *call, json_t **ret_result,
                      slk_error *error)
{
    (void)context;
    (void)error;
    *ret_result = json_pack("[i, s, s]", (int)call->permissions, call->token, call->peer);
    return SLK_OK;
}

/* Lengths of the strings, and the last one's bytes into a file. */
static slk_err lengths(void *context, const slk_rpc_call *call, json_t **ret_result,
                       slk_error *error)
{
    fixture *f = context;
    const json_t *list = json_array_get(call->params, 0), *file = json_array_get(call->params, 1);
    json_t *result = json_array();
    size_t i;
    const json_t *value;
    json_array_foreach(list, i, value)
    {
        const char *text = NULL;
        size_t n = 0;
        if (!slk_rpc_text(call, value, &text, &n)) {
            json_decref(result);
            return slk_rpc_bad_param(call, 0, "strings", error);
        }
        json_array_append_new(result, json_integer((json_int_t)n));
    }
    const slk_err code = slk_rpc_bytes_to_file(call, file, f->received, error);
    if (code == SLK_OK)
        *ret_result = result;
    else
        json_decref(result);
    return code;
}

static slk_err wait_for_end(void *context, const slk_rpc_call *call, json_t **ret_result,
                            slk_error *error)
{
    fixture *f = context;
    (void)ret_result;
    f->waiting++;
    while (!f->open) {
        if (slk_job_check(call->job, NULL) != SLK_OK) {
            f->canceled++;
            return slk_fail(error, SLK_E_CANCELED, "context canceled");
        }
        slk_clock_sleep_ms(1);
    }
    return SLK_OK;
}

static const slk_rpc_method methods[] = {
    {"Filecoin.Version", 0, SLK_RPC_READ, version},
    {"Filecoin.Add", 2, SLK_RPC_READ, add},
    {"Filecoin.Boom", 1, SLK_RPC_READ, boom},
    {"Filecoin.Nothing", 0, 0, nothing},
    {"Filecoin.Secret", 0, SLK_RPC_ADMIN | SLK_RPC_WORKER, version},
    {"Filecoin.Wait", 0, SLK_RPC_READ, wait_for_end},
};
static const slk_rpc_method more_methods[] = {
    {"Selkie.Who", 0, 0, whoami},
    {"Selkie.Lengths", 2, SLK_RPC_ADMIN, lengths},
};

static slk_err authorise(void *context, const char *token, bool known_only,
                         slk_rpc_grant *ret_grant, slk_error *error)
{
    fixture *f = context;
    f->asked += !known_only;
    if (strcmp(token, "short") == 0 && f->short_is_over)
        return slk_fail(error, SLK_E_AUTH, "the token is over");
    if (strcmp(token, "sick") == 0)
        return slk_fail(error, SLK_E_UNREACHABLE, "the miner is away");
    const bool is_short = strcmp(token, "short") == 0;
    *ret_grant = (slk_rpc_grant){.permissions = is_short || strcmp(token, "all") == 0
                                                    ? SLK_RPC_READ | SLK_RPC_ADMIN
                                                : strcmp(token, "worker") == 0 ? SLK_RPC_WORKER
                                                                               : 0,
                                 .until_ms = is_short ? 1 : 0};
    return ret_grant->permissions ? SLK_OK : slk_fail(error, SLK_E_AUTH, "no such token");
}

/* ---- fixture ---- */

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk-rpc-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->received, sizeof f->received, "%s/received", f->folder);
    const slk_rpc_table tables[] = {
        {methods, sizeof methods / sizeof *methods, f},
        {more_methods, sizeof more_methods / sizeof *more_methods, f},
    };
    const slk_rpc_server_options o = {.tables = tables,
                                      .n_tables = 2,
                                      .authorise = authorise,
                                      .authorise_context = f,
                                      .anonymous = SLK_RPC_READ,
                                      .spool_folder = f->folder};
    slk_http_route routes[SLK_RPC_ROUTES];
    assert_int_equal(slk_rpc_server_new(&f->rpc, &o, NULL), SLK_OK);
    slk_rpc_server_routes(f->rpc, routes);
    slk_http_route *kept = slk_calloc(SLK_RPC_ROUTES, sizeof *kept);
    assert_non_null(kept);
    memcpy(kept, routes, sizeof routes);
    const slk_http_server_options h = {.listen = "127.0.0.1:0",
                                       .routes = kept,
                                       .n_routes = SLK_RPC_ROUTES,
                                       .spool_folder = f->folder};
    const slk_http_client_options c = {.allow_plain_http = true};
    assert_int_equal(slk_http_server_new(&f->http, &h, NULL), SLK_OK);
    assert_int_equal(slk_http_client_new(&f->raw, &c, NULL), SLK_OK);
    (void)snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/rpc/v0",
                   slk_http_server_port(f->http));
    const slk_rpc_client_options r = {.url = f->url, .bearer = "all"};
    assert_int_equal(slk_rpc_client_new(&f->client, &r, NULL), SLK_OK);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    const slk_http_route *routes = slk_http_server_route(f->http, 0);
    slk_rpc_client_free(f->client);
    slk_http_client_free(f->raw);
    slk_rpc_server_stop(f->rpc);
    slk_http_server_free(f->http);
    slk_rpc_server_free(f->rpc);
    slk_free((void *)(uintptr_t)routes);
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f);
    return 0;
}

/* Posts the body and returns the status; the answer must be `want`, in whatever order. */
static int post(fixture *f, const char *query, const char *bearer, const char *text, size_t n,
                const char *want)
{
    slk_http_response response = {0};
    slk_error error = {0};
    char *url = slk_strf("%s%s", f->url, query);
    const slk_http_request request = {
        .method = "POST", .url = url, .bearer = bearer, .body = text, .body_bytes = n};
    if (slk_http_call(f->raw, &request, &response, &error) != SLK_OK)
        fail_msg("%s", error.message);
    const int status = response.status;
    if (!want[0]) {
        assert_string_equal(slk_buf_str(&response.body), "");
    } else {
        json_t *have = json_loads(slk_buf_str(&response.body), 0, NULL);
        json_t *expected = json_loads(want, 0, NULL);
        assert_non_null(expected);
        if (!json_equal(have, expected))
            fail_msg("%s is not %s", slk_buf_str(&response.body), want);
        assert_int_equal(response.body.data[response.body.len - 1], '\n');
        json_decref(have);
        json_decref(expected);
    }
    slk_http_response_done(&response);
    slk_free(url);
    return status;
}

#define EXPECT(status, bearer, text, want) \
    assert_int_equal(post(f, "", bearer, text, strlen(text), want), status)
#define OK_ANSWER(id, result) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" result "}"
#define FAULT(id, code, message)                                                                   \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":\"" message "\"}" \
    "}"
#define CALL(id, method, params)                                                      \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":" params \
    ",\"meta\":{\"SpanContext\":\"AADy\"}}"

/* ---- tests ---- */

static void test_answers(void **state)
{
    fixture *f = *state;
    EXPECT(200, NULL, CALL("14", "Filecoin.Version", "[]"), OK_ANSWER("14", "66816"));
    EXPECT(200, NULL, CALL("\"a\"", "Filecoin.Add", "[1,2]"), OK_ANSWER("\"a\"", "3"));
    EXPECT(200, NULL, CALL("1.5", "Filecoin.Nothing", "null"), OK_ANSWER("1.5", "null"));
    EXPECT(200, NULL, "{\"id\":1,\"method\":\"Filecoin.Version\"}", OK_ANSWER("1", "66816"));
    EXPECT(200, NULL, CALL("1", "Filecoin.Boom", "[null]"),
           FAULT("1", "1", "storage call error 102: \\\"no\\\" room"));
    EXPECT(200, NULL, CALL("1", "Filecoin.Boom", "[11]"), FAULT("1", "11", "actor not found"));
    EXPECT(500, NULL, CALL("1", "Filecoin.Add", "[\"x\",2]"),
           FAULT("1", "-32700",
                 "unmarshaling params for 'Filecoin.Add': parameter 0: a number expected"));
    EXPECT(
        500, NULL, CALL("1", "Filecoin.Add", "[1,\"x\"]"),
        FAULT("1", "-32700", "unmarshaling params for 'Filecoin.Add': parameter 1: b: no number"));
    EXPECT(500, NULL, CALL("1", "Filecoin.X", "[]"),
           FAULT("1", "-32601", "method 'Filecoin.X' not found"));
    EXPECT(500, NULL, CALL("1", "Filecoin.Add", "[1]"),
           FAULT("1", "-32602", "wrong param count (method 'Filecoin.Add'): 1 != 2"));
    EXPECT(500, NULL, "{\"id\":1,\"method\":\"Filecoin.Add\"}",
           FAULT("1", "-32602", "wrong param count (method 'Filecoin.Add'): 0 != 2"));
}

static void test_no_requests(void **state)
{
    fixture *f = *state;
    EXPECT(400, NULL, "", FAULT("null", "-32600", "Invalid request"));
    EXPECT(400, NULL, "[]", FAULT("null", "-32600", "Invalid request"));
    EXPECT(500, NULL, "{\"id\":1,", FAULT("null", "-32700", "Parse error"));
    EXPECT(500, NULL, "5", FAULT("null", "-32700", "Parse error"));
    EXPECT(500, NULL, CALL("true", "Filecoin.Version", "[]"),
           FAULT("null", "-32700", "Parse error"));
    EXPECT(500, NULL, CALL("1", "Filecoin.Version", "{}"), FAULT("1", "-32700", "Parse error"));
    EXPECT(400, NULL, "{\"id\":1}", FAULT("1", "-32600", "Invalid request"));
}

static void test_batch_and_notification(void **state)
{
    fixture *f = *state;
    EXPECT(
        200, NULL,
        "[" CALL("1", "Filecoin.Version", "[]") "," CALL(
            "\"b\"", "Filecoin.X",
            "[]") ",7,"
                  "{\"method\":\"Filecoin.Nothing\"}," CALL("3", "Filecoin.Add", "[4,5]") "]",
        "[" OK_ANSWER("1", "66816") "," FAULT(
            "\"b\"", "-32601",
            "method 'Filecoin.X' not found") "," FAULT("null", "-32700",
                                                       "Parse error") "," OK_ANSWER("3", "9") "]");
    assert_int_equal(f->notified, 1);
    EXPECT(200, NULL, "{\"method\":\"Filecoin.Nothing\",\"params\":[]}", "");
    EXPECT(200, NULL, "{\"method\":\"Filecoin.Nothing\",\"id\":null}", "");
    EXPECT(200, NULL, "{\"method\":\"Filecoin.X\"}", "");
    EXPECT(200, NULL, "[{\"method\":\"Filecoin.Nothing\"}]", "");
    assert_int_equal(f->notified, 4);
}

static void test_permissions(void **state)
{
    fixture *f = *state;
    static const char who[] = CALL("1", "Selkie.Who", "[]");
    EXPECT(200, NULL, CALL("1", "Filecoin.Secret", "[]"),
           FAULT("1", "1", "missing permission to invoke 'Secret' (need 'admin')"));
    EXPECT(200, "worker", CALL("1", "Filecoin.Secret", "[]"), OK_ANSWER("1", "66816"));
    EXPECT(200, "worker", CALL("1", "Filecoin.Version", "[]"),
           FAULT("1", "1", "missing permission to invoke 'Version' (need 'read')"));
    EXPECT(200, NULL, who, OK_ANSWER("1", "[1,\"\",\"127.0.0.1\"]"));
    EXPECT(200, "all", who, OK_ANSWER("1", "[9,\"all\",\"127.0.0.1\"]"));
    assert_int_equal(post(f, "?token=worker", NULL, who, strlen(who),
                          OK_ANSWER("1", "[16,\"worker\",\"127.0.0.1\"]")),
                     200);
    /* The header goes before the URL. */
    assert_int_equal(post(f, "?token=worker", "all", who, strlen(who),
                          OK_ANSWER("1", "[9,\"all\",\"127.0.0.1\"]")),
                     200);
    EXPECT(401, "wrong", who, "");
    assert_int_equal(post(f, "?token=wrong", NULL, who, strlen(who), ""), 401);
    const slk_http_header basic = {"Authorization", "Basic YWxs"};
    const slk_http_request request = {.method = "POST",
                                      .url = f->url,
                                      .headers = &basic,
                                      .n_headers = 1,
                                      .body = who,
                                      .body_bytes = strlen(who)};
    slk_http_response response = {0};
    assert_int_equal(slk_http_call(f->raw, &request, &response, NULL), SLK_OK);
    assert_int_equal(response.status, 401);
    slk_http_response_done(&response);
}

/* {"method":Lengths,"params":[[texts of these sizes],file]} */
static char *make_big(const size_t *sizes, size_t count, const char *file)
{
    slk_buf text;
    slk_buf_init(&text, SIZE_MAX);
    assert_int_equal(slk_buf_text(&text, "{\"id\":1,\"method\":\"Selkie.Lengths\",\"params\":[["),
                     SLK_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(slk_buf_printf(&text, "%s\"", i ? "," : ""), SLK_OK);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(slk_buf_byte(&text, (uint8_t)('a' + k % 26)), SLK_OK);
        assert_int_equal(slk_buf_text(&text, "\""), SLK_OK);
    }
    assert_int_equal(slk_buf_printf(&text, "],%s]}", file), SLK_OK);
    return slk_buf_take(&text);
}

static void test_long_strings(void **state)
{
    fixture *f = *state;
    const size_t sizes[] = {0, 5, SLK_RPC_TEXT_BYTES, SLK_RPC_TEXT_BYTES + 1, 3000000, 9000000};
    char *text = make_big(sizes, 6, "\"aGVsbG8=\"");
    EXPECT(200, "all", text, OK_ANSWER("1", "[0,5,65536,65537,3000000,9000000]"));
    slk_free(text);
    slk_buf back;
    slk_buf_init(&back, 100);
    assert_int_equal(slk_file_read_all(&back, f->received, NULL), SLK_OK);
    assert_string_equal(slk_buf_str(&back), "hello");
    slk_buf_done(&back);
    /* A quote that is escaped does not end a string, one behind an escaped backslash does. */
    const size_t one[] = {SLK_RPC_TEXT_BYTES};
    text = make_big(one, 1, "null");
    char *end = strstr(text, "\"],null");
    memcpy(end - 6, "\\\"\\\\\\\\", 6);
    char *longer = slk_strf("%.*sxx\"],null]}", (int)(end - text), text);
    EXPECT(200, "all", longer, OK_ANSWER("1", "[65538]"));
    slk_free(longer);
    slk_free(text);
    /* Of a stranger 64 KiB are read. */
    text = make_big(&sizes[3], 1, "null");
    EXPECT(500, NULL, text, FAULT("null", "-32700", "Parse error"));
    slk_free(text);
    /* What a mark looks like is a string like others where no long one is. */
    EXPECT(200, "all", "{\"id\":1,\"method\":\"Selkie.Lengths\",\"params\":[[\"\\u00010\"],null]}",
           OK_ANSWER("1", "[2]"));
    /* Values beside long strings are bounded. */
    slk_buf values;
    slk_buf_init(&values, SIZE_MAX);
    assert_int_equal(slk_buf_text(&values, "[0"), SLK_OK);
    for (unsigned i = 0; i < (5u << 20) / 2; i++)
        assert_int_equal(slk_buf_text(&values, ",0"), SLK_OK);
    EXPECT(500, "all", slk_buf_str(&values), FAULT("null", "-32700", "Parse error"));
    slk_buf_done(&values);
}

static void test_body_beyond_the_maximum(void **state)
{
    fixture *f = *state;
    char *text = slk_alloc(SLK_RPC_BODY_MAX_BYTES + 2, 1);
    assert_non_null(text);
    memset(text, ' ', SLK_RPC_BODY_MAX_BYTES + 1);
    text[SLK_RPC_BODY_MAX_BYTES + 1] = 0;
    slk_http_response response = {0};
    const slk_http_request request = {.method = "POST",
                                      .url = f->url,
                                      .bearer = "all",
                                      .body = text,
                                      .body_bytes = SLK_RPC_BODY_MAX_BYTES + 1};
    /* The answer comes before the body is sent: the connection may be cut first. */
    if (slk_http_call(f->raw, &request, &response, NULL) == SLK_OK) {
        assert_int_equal(response.status, 500);
        assert_non_null(strstr(slk_buf_str(&response.body), "-32700"));
    }
    slk_http_response_done(&response);
    slk_free(text);
}

static void test_client(void **state)
{
    fixture *f = *state;
    json_t *result = NULL;
    slk_rpc_peer_error fault;
    slk_error error = {0};
    json_t *params = json_pack("[i,i]", 40, 2);
    assert_int_equal(
        slk_rpc_invoke(f->client, "Filecoin.Add", params, NULL, &result, &fault, &error), SLK_OK);
    assert_int_equal(json_integer_value(result), 42);
    assert_false(fault.is_set);
    json_decref(result);
    assert_int_equal(slk_rpc_invoke(f->client, "Filecoin.X", params, NULL, &result, &fault, &error),
                     SLK_E_UNSUPPORTED);
    assert_int_equal(fault.code, SLK_RPC_NO_METHOD);
    json_decref(params);
    assert_int_equal(
        slk_rpc_tell(f->client, "Filecoin.Boom", json_pack("[i]", 102), NULL, &fault, &error),
        SLK_E_CONFLICT);
    assert_int_equal(fault.code, 102);
    assert_string_equal(fault.message, "actor not found");
    assert_int_equal(slk_rpc_tell(f->client, "Filecoin.Boom", json_array(), NULL, &fault, &error),
                     SLK_E_INVAL);
    assert_int_equal(slk_rpc_tell(f->client, "Filecoin.Nothing", json_array(), NULL, NULL, NULL),
                     SLK_OK);
    const slk_rpc_client_options o = {.url = f->url, .bearer = "wrong-token"};
    slk_rpc_client *other = NULL;
    assert_int_equal(slk_rpc_client_new(&other, &o, NULL), SLK_OK);
    assert_int_equal(slk_rpc_tell(other, "Filecoin.Nothing", json_array(), NULL, &fault, &error),
                     SLK_E_AUTH);
    assert_null(strstr(error.message, "wrong-token"));
    slk_rpc_client_free(other);
}

/* Sizes around what one read gives and what base64 pads. */
static void test_client_sends_a_file(void **state)
{
    fixture *f = *state;
    const size_t sizes[] = {0, 1, 2, 3, 12287, 12288, 12289, 3000001};
    char *path = slk_strf("%s/sent", f->folder);
    assert_non_null(path);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        slk_buf sent, back;
        json_t *result = NULL;
        slk_buf_init(&sent, SIZE_MAX);
        slk_buf_init(&back, SIZE_MAX);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(slk_buf_byte(&sent, (uint8_t)(k * 7 + k / 255)), SLK_OK);
        assert_int_equal(slk_file_write_atomic(path, slk_buf_str(&sent), sent.len, 0600, NULL),
                         SLK_OK);
        const slk_rpc_how how = {.file = path, .file_param = 1};
        json_t *params = json_pack("[[s],n]", "x");
        slk_error error = {0};
        if (slk_rpc_invoke(f->client, "Selkie.Lengths", params, &how, &result, NULL, &error) !=
            SLK_OK)
            fail_msg("%s", error.message);
        assert_int_equal(slk_file_read_all(&back, f->received, NULL), SLK_OK);
        assert_int_equal(back.len, sent.len);
        if (sent.len)
            assert_memory_equal(back.data, sent.data, sent.len);
        json_decref(params);
        json_decref(result);
        slk_buf_done(&sent);
        slk_buf_done(&back);
    }
    slk_free(path);
}

static void test_padding_within(void **state)
{
    fixture *f = *state;
    const size_t n = ((size_t)1 << 18) + 8;
    char *text = slk_alloc(n + 3, 1);
    assert_non_null(text);
    memset(text, 'A', n + 2);
    text[0] = text[n + 1] = '"';
    text[n + 2] = 0;
    char *good = make_big(NULL, 0, text);
    EXPECT(200, "all", good, OK_ANSWER("1", "[]"));
    slk_free(good);
    text[1 << 18] = '='; /* the last character of the first piece */
    char *bad = make_big(NULL, 0, text);
    EXPECT(200, "all", bad, FAULT("1", "1", "a string of base64 is expected"));
    slk_free(bad);
    slk_free(text);
}

static void wait_count(const atomic_uint *what, unsigned n)
{
    const int64_t until = slk_clock_monotonic_ms() + WAIT_MS;
    while (*what < n && slk_clock_monotonic_ms() < until)
        slk_clock_sleep_ms(1);
    assert_int_equal(*what, n);
}

static void *cancel_when_it_waits(void *context)
{
    fixture *f = ((void **)context)[0];
    wait_count(&f->waiting, 1);
    slk_job_cancel(((void **)context)[1]);
    return NULL;
}

/* Who closes the connection cancels the call at the other end. */
static void test_cancel_over_http(void **state)
{
    fixture *f = *state;
    slk_job job;
    slk_error error = {0};
    pthread_t thread;
    slk_job_init(&job);
    void *both[] = {f, &job};
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_it_waits, both), 0);
    const slk_rpc_how how = {.timeout_ms = -1, .job = &job};
    assert_int_equal(slk_rpc_tell(f->client, "Filecoin.Wait", json_array(), &how, NULL, &error),
                     SLK_E_CANCELED);
    pthread_join(thread, NULL);
    wait_count(&f->canceled, 1);
}

static void test_timeout(void **state)
{
    fixture *f = *state;
    slk_error error = {0};
    const slk_rpc_how how = {.timeout_ms = 300};
    assert_int_equal(slk_rpc_tell(f->client, "Filecoin.Wait", json_array(), &how, NULL, &error),
                     SLK_E_TIMEOUT);
    wait_count(&f->canceled, 1);
}

/* ---- WebSocket ---- */

static int dial_ws(const fixture *f, const char *fields)
{
    char text[512];
    size_t n = 0;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in a = {.sin_family = AF_INET,
                                  .sin_port = htons(slk_http_server_port(f->http)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    const int len = snprintf(text, sizeof text,
                             "GET /rpc/v0 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n%s"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                             fields);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    do
        assert_int_equal(recv(fd, text + n, 1, 0), 1);
    while (++n < 4 || memcmp(text + n - 4, "\r\n\r\n", 4) != 0);
    assert_memory_equal(text, "HTTP/1.1 101", 12);
    return fd;
}

static void say(int fd, const char *text)
{
    const size_t n = strlen(text);
    uint8_t head[14] = {0x81};
    size_t head_n = 6; /* the mask is all zero */
    if (n < 126) {
        head[1] = (uint8_t)(0x80 | n);
    } else if (n < 65536) {
        head[1] = 0xfe;
        head[2] = (uint8_t)(n >> 8);
        head[3] = (uint8_t)n;
        head_n = 8;
    } else {
        head[1] = 0xff;
        for (unsigned i = 0; i < 8; i++)
            head[9 - i] = (uint8_t)(n >> 8 * i);
        head_n = 14;
    }
    assert_int_equal(send(fd, head, head_n, MSG_NOSIGNAL), head_n);
    for (size_t at = 0; at < n;) {
        const ssize_t done = send(fd, text + at, n - at, MSG_NOSIGNAL);
        assert_true(done > 0);
        at += (size_t)done;
    }
}

/* The next answer, Pings passed over, as JSON. */
static json_t *hear(int fd)
{
    uint8_t head[4];
    char text[2048];
    do {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        assert_int_equal(recv(fd, head, 2, MSG_WAITALL), 2);
    } while (head[0] == 0x89);
    assert_int_equal(head[0], 0x81);
    size_t n = head[1];
    if (n == 126) {
        assert_int_equal(recv(fd, head + 2, 2, MSG_WAITALL), 2);
        n = (size_t)head[2] << 8 | head[3];
    }
    assert_true(n < sizeof text);
    assert_int_equal(recv(fd, text, n, MSG_WAITALL), n);
    json_t *value = json_loadb(text, n, 0, NULL);
    assert_non_null(value);
    return value;
}

static void expect_heard(int fd, const char *want)
{
    json_t *have = hear(fd), *expected = json_loads(want, 0, NULL);
    char *text = json_dumps(have, 0);
    if (!json_equal(have, expected))
        fail_msg("%s is not %s", text, want);
    free(text);
    json_decref(have);
    json_decref(expected);
}

#define ALL "Authorization: Bearer all\r\n"

static void test_socket(void **state)
{
    fixture *f = *state;
    const int fd = dial_ws(f, ALL);
    /* The slow call does not hold up the quick ones. */
    say(fd, CALL("1", "Filecoin.Wait", "[]"));
    wait_count(&f->waiting, 1);
    say(fd, CALL("2", "Filecoin.Add", "[1,2]"));
    expect_heard(fd, OK_ANSWER("2", "3"));
    say(fd, CALL("3", "Filecoin.X", "[]"));
    expect_heard(fd, FAULT("3", "-32601", "method 'Filecoin.X' not found"));
    say(fd, "{");
    expect_heard(fd, FAULT("null", "-32700", "Parse error"));
    say(fd, "[" CALL("4", "Filecoin.Version", "[]") "]");
    expect_heard(fd, "[" OK_ANSWER("4", "66816") "]");
    say(fd, OK_ANSWER("5", "1")); /* an answer to what was not asked */
    const size_t sizes[] = {2000000};
    char *text = make_big(sizes, 1, "\"aGVsbG8=\"");
    say(fd, text);
    expect_heard(fd, OK_ANSWER("1", "[2000000]"));
    slk_free(text);
    f->open = true;
    expect_heard(fd, OK_ANSWER("1", "null"));
    (void)close(fd);
}

static void test_socket_cancel(void **state)
{
    fixture *f = *state;
    const int fd = dial_ws(f, "");
    say(fd, CALL("1", "Filecoin.Wait", "[]"));
    say(fd, CALL("\"1\"", "Filecoin.Wait", "[]"));
    wait_count(&f->waiting, 2);
    say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"xrpc.cancel\",\"params\":[1]}");
    expect_heard(fd, FAULT("1", "1", "context canceled"));
    assert_int_equal(f->canceled, 1);
    (void)close(fd); /* cancels the other one */
    wait_count(&f->canceled, 2);
}

static void test_socket_of_a_stranger(void **state)
{
    fixture *f = *state;
    const int fd = dial_ws(f, "");
    say(fd, CALL("1", "Selkie.Who", "[]"));
    expect_heard(fd, OK_ANSWER("1", "[1,\"\",\"127.0.0.1\"]"));
    const size_t sizes[] = {70000};
    char *text = make_big(sizes, 1, "null");
    say(fd, text);
    uint8_t head[2];
    assert_int_equal(recv(fd, head, 2, MSG_WAITALL), 2);
    assert_int_equal(head[0], 0x88);
    slk_free(text);
    (void)close(fd);
}

/* What was said of a token holds until its end; then it is asked about again. */
static void test_socket_outlives_its_token(void **state)
{
    fixture *f = *state;
    const int fd = dial_ws(f, "Authorization: Bearer short\r\n");
    say(fd, CALL("1", "Filecoin.Secret", "[]"));
    expect_heard(fd, OK_ANSWER("1", "66816"));
    assert_int_equal(f->asked, 2); /* when it came, and now */
    f->short_is_over = true;
    say(fd, CALL("2", "Filecoin.Secret", "[]"));
    expect_heard(fd, FAULT("2", "1", "the token is over"));
    uint8_t head[4];
    assert_int_equal(recv(fd, head, 4, MSG_WAITALL), 4);
    assert_memory_equal(head, "\x88\x02\x03\xf0", 4); /* closed: 1008 */
    (void)close(fd);
}

static int status_as(fixture *f, const char *token)
{
    const slk_http_request request = {
        .method = "POST", .url = f->url, .bearer = token, .body = "{}", .body_bytes = 2};
    slk_http_response response = {0};
    assert_int_equal(slk_http_call(f->raw, &request, &response, NULL), SLK_OK);
    const int status = response.status;
    slk_http_response_done(&response);
    return status;
}

static void test_nobody_is_asked_for_who_guesses(void **state)
{
    fixture *f = *state;
    unsigned tries = 0;
    while (status_as(f, "wrong") == 401)
        tries++;
    assert_true(tries >= SLK_HTTP_GUESSES);
    assert_true(f->asked <= tries); /* not for the one that was put off */
    assert_int_equal(status_as(f, "all"), 200); /* a good one is let in */
}

static void test_too_many_calls(void **state)
{
    fixture *f = *state;
    const int fd = dial_ws(f, ALL);
    for (unsigned i = 0; i < 64; i++)
        say(fd, CALL("1", "Filecoin.Wait", "[]"));
    wait_count(&f->waiting, 64);
    say(fd, CALL("2", "Filecoin.Version", "[]"));
    expect_heard(fd, FAULT("2", "1", "too many calls at once; wait for some of them"));
    /* The end of the server ends them all. */
    slk_rpc_server_stop(f->rpc);
    assert_int_equal(f->canceled, 64);
    (void)close(fd);
}

static void test_sick_authority(void **state)
{
    fixture *f = *state;
    const slk_http_request request = {
        .method = "POST", .url = f->url, .bearer = "sick", .body = "{}", .body_bytes = 2};
    slk_http_response response = {0};
    assert_int_equal(slk_http_call(f->raw, &request, &response, NULL), SLK_OK);
    assert_int_equal(response.status, 503);
    slk_http_response_done(&response);
}

static void test_words(void **state)
{
    (void)state;
    slk_jwt_claims claims = {0};
    slk_rpc_permissions_to_claims(&claims, SLK_RPC_READ | SLK_RPC_WRITE | SLK_RPC_ADMIN);
    assert_int_equal(claims.n_allow, 3);
    assert_string_equal(claims.allow[2], "admin");
    (void)snprintf(claims.allow[1], sizeof claims.allow[1], "fly");
    assert_int_equal(slk_rpc_permissions_of_claims(&claims), SLK_RPC_READ | SLK_RPC_ADMIN);
    assert_string_equal(slk_rpc_permission_word(SLK_RPC_SIGN | SLK_RPC_WORKER), "sign");
    assert_string_equal(slk_rpc_permission_word(0), "");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        CASE(test_answers),
        CASE(test_no_requests),
        CASE(test_batch_and_notification),
        CASE(test_permissions),
        CASE(test_long_strings),
        CASE(test_body_beyond_the_maximum),
        CASE(test_client),
        CASE(test_client_sends_a_file),
        CASE(test_padding_within),
        CASE(test_cancel_over_http),
        CASE(test_timeout),
        CASE(test_socket),
        CASE(test_socket_cancel),
        CASE(test_socket_of_a_stranger),
        CASE(test_socket_outlives_its_token),
        CASE(test_nobody_is_asked_for_who_guesses),
        CASE(test_too_many_calls),
        CASE(test_sick_authority),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
