/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Client and server against each other over real HTTPS on loopback. */
#include "net/certificate.h"
#include "net/client.h"
#include "net/http_text.h"
#include "net/server.h"
#include "net/token.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 100000u

typedef struct fixture {
    char folder[64];
    char file[96];
    char certificate[96];
    char key[96];
    uint8_t content[FILE_BYTES];
    slk_http_server *server;
    slk_http_client *client;
    atomic_int released;
    sem_t came, let_go; /* of /little: the byte is here; it may end */
    char base[64];
} fixture;

/* ---- handlers ---- */

static slk_err serve_echo(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    size_t n;
    const char *body = slk_http_body(x, &n);
    if (n == 0)
        return slk_fail(error, SLK_E_INVAL, "the \"body\" is empty");
    return slk_http_reply_bytes(x, 200, "application/octet-stream", body, n);
}

static slk_err serve_params(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    uint64_t sp, number;
    SLK_TRY(slk_http_param_u64(x, "sp_id", &sp, error));
    SLK_TRY(slk_http_param_u64(x, "sector_number", &number, error));
    const char *token = slk_http_query(x, "token");
    const char *bearer = slk_http_bearer(x);
    return slk_http_reply_text(x, 200, "%llu/%llu %s %s %d %s %s", (unsigned long long)sp,
                               (unsigned long long)number, token ? token : "-",
                               bearer ? bearer : "-", slk_http_is_json(x), slk_http_peer(x),
                               slk_http_path(x));
}

static slk_err serve_name(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)error;
    return slk_http_reply_text(x, 200, "%s", slk_http_param(x, "name"));
}

static slk_err serve_file(void *context, slk_http_exchange *x, slk_error *error)
{
    const fixture *f = context;
    return slk_http_reply_file(x, f->file, "application/octet-stream", NULL, error);
}

static slk_err serve_absent(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    return slk_http_reply_file(x, "/nonexistent/secret-path", NULL, NULL, error);
}

static slk_err fail_inside(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)x;
    return slk_fail(error, SLK_E_CORRUPT, "secret-detail");
}

static slk_err fail_busy(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)x;
    return slk_fail(error, SLK_E_BUSY, "later");
}

static slk_err fail_silently(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)x;
    (void)error;
    return SLK_OK;
}

typedef struct counter {
    fixture *f;
    size_t sent, total, fail_at;
} counter;

static slk_err produce(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                       slk_error *error)
{
    (void)error;
    counter *c = context;
    size_t n = c->total - c->sent < capacity ? c->total - c->sent : capacity;
    if (c->sent >= c->fail_at)
        return SLK_E_IO;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)((c->sent + i) % 251);
    c->sent += n;
    *ret_n = n;
    return SLK_OK;
}

static void release(void *context)
{
    counter *c = context;
    c->f->released++;
    free(c);
}

static slk_err serve_stream(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)error;
    counter *c = calloc(1, sizeof *c);
    assert_non_null(c);
    *c = (counter){.f = context, .total = 1000000, .fail_at = SIZE_MAX};
    const char *fail = slk_http_query(x, "fail");
    const char *length = slk_http_query(x, "length");
    if (fail)
        c->fail_at = 300000;
    return slk_http_reply_stream(x, 200, "application/x-tar", length ? 1000000 : -1, produce,
                                 release, c);
}

/* One byte, and then nothing until the test lets it end. */
static slk_err produce_little(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                              slk_error *error)
{
    counter *c = context;
    (void)capacity;
    (void)error;
    *ret_n = c->sent == 0;
    out[0] = 'x';
    if (c->sent++ > 0)
        (void)sem_wait(&c->f->let_go);
    return SLK_OK;
}

static slk_err serve_little(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)error;
    counter *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->f = context;
    return slk_http_reply_stream(x, 200, "text/plain", -1, produce_little, release, c);
}

/* ---- fixture ---- */

static slk_http_route routes[] = {
    {.method = "POST", .path = "/echo", .handler = serve_echo, .max_body_bytes = 1000},
    {.method = "PUT", .path = "/echo", .handler = serve_echo, .plain_errors = true},
    {.method = "GET", .path = "/sealed-data/{sp_id}/{sector_number}", .handler = serve_params},
    {.method = "GET", .path = "/name/{name}", .handler = serve_name},
    {.method = "GET", .path = "/file", .handler = serve_file},
    {.method = "GET", .path = "/absent", .handler = serve_absent},
    {.method = "GET", .path = "/broken", .handler = fail_inside},
    {.method = "GET", .path = "/busy", .handler = fail_busy, .plain_errors = true},
    {.method = "GET", .path = "/silent", .handler = fail_silently},
    {.method = "GET", .path = "/stream", .handler = serve_stream},
    {.method = "GET", .path = "/little", .handler = serve_little},
};
#define N_ROUTES (sizeof routes / sizeof *routes)

static void start(fixture *f, bool tls)
{
    for (size_t i = 0; i < N_ROUTES; i++)
        routes[i].context = f;
    slk_error e = {0};
    slk_http_server_options o = {.listen = "127.0.0.1:0",
                                 .certificate_file = tls ? f->certificate : NULL,
                                 .key_file = tls ? f->key : NULL,
                                 .routes = routes,
                                 .n_routes = N_ROUTES};
    if (slk_http_server_new(&f->server, &o, &e) != SLK_OK)
        fail_msg("%s", e.message);
    slk_http_client_options c = {.allow_plain_http = !tls, .ca_file = tls ? f->certificate : NULL};
    assert_int_equal(slk_http_client_new(&f->client, &c, NULL), SLK_OK);
    (void)snprintf(f->base, sizeof f->base, "%s://localhost:%u/", tls ? "https" : "http",
                   slk_http_server_port(f->server));
}

static fixture *make(bool tls)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk_net_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(sem_init(&f->came, 0, 0), 0);
    assert_int_equal(sem_init(&f->let_go, 0, 0), 0);
    (void)snprintf(f->file, sizeof f->file, "%s/sealed", f->folder);
    (void)snprintf(f->certificate, sizeof f->certificate, "%s/tls.crt", f->folder);
    (void)snprintf(f->key, sizeof f->key, "%s/tls.key", f->folder);
    for (size_t i = 0; i < FILE_BYTES; i++)
        f->content[i] = (uint8_t)(i * 7 + i / 256);
    assert_int_equal(slk_file_write_atomic(f->file, f->content, FILE_BYTES, 0600, NULL), SLK_OK);
    slk_error e = {0};
    if (slk_net_make_certificate(f->folder, NULL, 0, &e) != SLK_OK)
        fail_msg("%s", e.message);
    start(f, tls);
    return f;
}

static int make_tls(void **state)
{
    *state = make(true);
    return 0;
}

static int make_plain(void **state)
{
    *state = make(false);
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_http_client_free(f->client);
    slk_http_server_free(f->server);
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f);
    return 0;
}

static slk_http_response call(fixture *f, slk_http_request r, const char *path)
{
    SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(f->base, path);
    r.url = url;
    slk_error e = {0};
    slk_http_response response = {0};
    if (slk_http_call(f->client, &r, &response, &e) != SLK_OK)
        fail_msg("%s", e.message);
    return response;
}

static void expect_text(fixture *f, const char *path, int status, const char *body)
{
    slk_http_response r = call(f, (slk_http_request){0}, path);
    assert_int_equal(r.status, status);
    assert_string_equal(slk_buf_str(&r.body), body);
    slk_http_response_done(&r);
}

/* ---- tests ---- */

static void bodies_go_both_ways(void **state)
{
    fixture *f = *state;
    char big[1001];
    memset(big, 'x', sizeof big);
    slk_http_request post = {.method = "POST", .body = big, .body_bytes = 1000};
    slk_http_response r = call(f, post, "/echo");
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, 1000);
    assert_int_equal(r.content_length, 1000);
    assert_memory_equal(r.body.data, big, 1000);
    slk_http_response_done(&r);
    post.body_bytes = 1001;
    r = call(f, post, "/echo");
    assert_int_equal(r.status, 413);
    slk_http_response_done(&r);
    post.body_bytes = 0;
    r = call(f, post, "/echo");
    assert_int_equal(r.status, 400);
    assert_string_equal(
        slk_buf_str(&r.body),
        "{\"error\":{\"code\":\"invalid\",\"message\":\"the \\\"body\\\" is empty\"}}");
    slk_http_response_done(&r);
    post.method = "PUT";
    r = call(f, post, "/echo");
    assert_string_equal(slk_buf_str(&r.body), "the \"body\" is empty\n");
    slk_http_response_done(&r);
}

static void requests_are_taken_apart(void **state)
{
    fixture *f = *state;
    expect_text(f, "/sealed-data/1000/9223372036854775807?x=1&token=ab%20c", 200,
                "1000/9223372036854775807 ab c - 0 127.0.0.1 "
                "/sealed-data/1000/9223372036854775807\n");
    slk_http_request get = {.bearer = "deadbeef", .content_type = "application/json; charset=x"};
    slk_http_response r = call(f, get, "/sealed-data/1/2");
    assert_string_equal(slk_buf_str(&r.body), "1/2 - deadbeef 1 127.0.0.1 /sealed-data/1/2\n");
    slk_http_response_done(&r);
    r = call(f, (slk_http_request){0}, "/sealed-data/-1/2");
    assert_int_equal(r.status, 400);
    assert_non_null(strstr(slk_buf_str(&r.body), "sp_id"));
    slk_http_response_done(&r);
    expect_text(f, "/name/a%2Fb%25", 200, "a/b%\n");
    static const char *const none[] = {"/sealed-data/1",  "/sealed-data/1/2/3", "/sealed-data//2",
                                       "/sealed-data/1/", "/sealed-data/1/2/",  "/",
                                       "/name/%zz",       "/name/%00",          "/name/%4",
                                       "/sealed-dat/1/2", "/namex/a",           "/name"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        r = call(f, (slk_http_request){0}, none[i]);
        assert_int_equal(r.status, 404);
        assert_string_equal(r.content_type, "application/json");
        slk_http_response_done(&r);
    }
    r = call(f, (slk_http_request){0}, "/echo");
    assert_int_equal(r.status, 405);
    slk_http_response_done(&r);
}

static void failures_have_statuses(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    slk_http_response r = call(f, (slk_http_request){0}, "/broken");
    assert_int_equal(r.status, 500);
    assert_null(strstr(slk_buf_str(&r.body), "secret-detail"));
    assert_int_equal(slk_http_expect_success(&r, "asking", &e), SLK_E_UNREACHABLE);
    slk_http_response_done(&r);
    r = call(f, (slk_http_request){0}, "/busy");
    assert_int_equal(r.status, 503);
    assert_int_equal(r.retry_after_s, 10);
    assert_int_equal(slk_http_expect_success(&r, "asking", &e), SLK_E_BUSY);
    slk_http_response_done(&r);
    r = call(f, (slk_http_request){0}, "/silent");
    assert_int_equal(r.status, 500);
    slk_http_response_done(&r);
    r = call(f, (slk_http_request){0}, "/absent");
    assert_int_equal(r.status, 404);
    assert_null(strstr(slk_buf_str(&r.body), "secret-path"));
    assert_int_equal(slk_http_expect_success(&r, "asking", &e), SLK_E_NOTFOUND);
    slk_http_response_done(&r);
}

static slk_http_response get_range(fixture *f, const char *range, const char *if_range)
{
    slk_http_header fields[2] = {{"Range", range}, {"If-Range", if_range}};
    slk_http_request r = {.headers = fields, .n_headers = if_range ? 2 : 1};
    return call(f, r, "/file");
}

static void expect_part(fixture *f, const char *range, size_t first, size_t last)
{
    slk_http_response r = get_range(f, range, NULL);
    assert_int_equal(r.status, 206);
    assert_true(r.has_content_range);
    assert_int_equal(r.range_first, first);
    assert_int_equal(r.range_last, last);
    assert_int_equal(r.range_total, FILE_BYTES);
    assert_int_equal(r.body.len, last - first + 1);
    assert_memory_equal(r.body.data, f->content + first, last - first + 1);
    slk_http_response_done(&r);
}

static void expect_whole(fixture *f, const char *range, const char *if_range)
{
    slk_http_response r = get_range(f, range, if_range);
    assert_int_equal(r.status, 200);
    assert_false(r.has_content_range);
    assert_true(r.accepts_ranges);
    assert_int_equal(r.body.len, FILE_BYTES);
    assert_memory_equal(r.body.data, f->content, FILE_BYTES);
    slk_http_response_done(&r);
}

static void ranges_are_exact(void **state)
{
    fixture *f = *state;
    expect_part(f, "bytes=0-0", 0, 0);
    expect_part(f, "bytes=0-99999", 0, 99999);
    expect_part(f, "bytes=99999-99999", 99999, 99999);
    expect_part(f, "bytes=5-", 5, 99999);
    expect_part(f, "bytes=5-18446744073709551615", 5, 99999);
    expect_part(f, "bytes=5-99999999999999999999999", 5, 99999);
    expect_part(f, "bytes=-1", 99999, 99999);
    expect_part(f, "bytes=-200000", 0, 99999);
    expect_part(f, "BYTES=4096-8191", 4096, 8191);
    static const char *const ignored[] = {"bytes=",     "bytes=-",       "bytes=5-4",  "bytes=a-b",
                                          "lines=0-5",  "bytes=0-1,5-6", "bytes=0-1x", "bytes 0-1",
                                          "bytes=+1-2", "bytes=--5",     "bytes=1"};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        expect_whole(f, ignored[i], NULL);
    /* As many parts as a header may have; more are refused with the header. */
    char parts[16000] = "bytes=0-0";
    while (strlen(parts) < sizeof parts - 8)
        strcat(parts, ",0-0");
    expect_whole(f, parts, NULL);
    static const char *const behind[] = {"bytes=100000-", "bytes=100000-100001", "bytes=-0",
                                         "bytes=99999999999999999999999-"};
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        slk_http_response r = get_range(f, behind[i], NULL);
        assert_int_equal(r.status, 416);
        assert_true(r.has_unsatisfied_range);
        assert_int_equal(r.range_total, FILE_BYTES);
        slk_http_response_done(&r);
    }
}

static void empty_files_are_files(void **state)
{
    fixture *f = *state;
    assert_int_equal(slk_file_write_atomic(f->file, "", 0, 0600, NULL), SLK_OK);
    slk_http_response r = get_range(f, "lines=0-1", NULL);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.content_length, 0);
    slk_http_response_done(&r);
    r = get_range(f, "bytes=0-0", NULL);
    assert_int_equal(r.status, 416);
    assert_true(r.has_unsatisfied_range && r.range_total == 0);
    slk_http_response_done(&r);
}

static void if_range_guards_the_version(void **state)
{
    fixture *f = *state;
    slk_http_response r = call(f, (slk_http_request){.method = "HEAD"}, "/file");
    assert_int_equal(r.status, 200);
    assert_int_equal(r.content_length, FILE_BYTES);
    assert_int_equal(r.body.len, 0);
    char etag[128];
    (void)snprintf(etag, sizeof etag, "%s", r.etag);
    assert_int_equal(etag[0], '"');
    slk_http_response_done(&r);
    r = get_range(f, "bytes=1-2", etag);
    assert_int_equal(r.status, 206);
    assert_string_equal(r.etag, etag);
    slk_http_response_done(&r);
    expect_whole(f, "bytes=1-2", "\"other\"");
    expect_whole(f, "bytes=1-2", "Wed, 21 Oct 2026 07:28:00 GMT");
    assert_int_equal(slk_file_write_atomic(f->file, f->content, FILE_BYTES, 0600, NULL), SLK_OK);
    expect_whole(f, "bytes=1-2", etag);
}

static slk_err count_bytes(void *context, const slk_http_response *response, const uint8_t *bytes,
                           size_t n, slk_error *error)
{
    size_t *seen = context;
    assert_int_equal(response->status, 200);
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != (uint8_t)((*seen + i) % 251))
            return slk_fail(error, SLK_E_CORRUPT, "wrong byte");
    *seen += n;
    return SLK_OK;
}

static void wait_released(const fixture *f, int n)
{
    for (int i = 0; i < 500 && f->released < n; i++)
        slk_clock_sleep_ms(10);
    assert_int_equal(f->released, n);
}

static void streams_arrive_whole_or_fail(void **state)
{
    fixture *f = *state;
    size_t seen = 0;
    slk_http_request get = {.sink = count_bytes, .sink_context = &seen};
    slk_http_response r = call(f, get, "/stream");
    assert_int_equal(seen, 1000000);
    assert_int_equal(r.content_length, -1);
    slk_http_response_done(&r);
    seen = 0;
    r = call(f, get, "/stream?length=1");
    assert_int_equal(seen, 1000000);
    assert_int_equal(r.content_length, 1000000);
    slk_http_response_done(&r);
    static const char *const failing[] = {"/stream?fail=1", "/stream?fail=1&length=1"};
    for (int i = 0; i < 2; i++) {
        seen = 0;
        SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(f->base, failing[i]);
        get.url = url;
        slk_error e = {0};
        assert_int_equal(slk_http_call(f->client, &get, &r, &e), SLK_E_UNREACHABLE);
        assert_true(seen < 1000000);
    }
    wait_released(f, 4);
}

static void answers_are_bounded(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(f->base, "/stream?token=abc");
    slk_http_request get = {.url = url, .max_body_bytes = 999999};
    slk_http_response r;
    slk_error e = {0};
    assert_int_equal(slk_http_call(f->client, &get, &r, &e), SLK_E_LIMIT);
    assert_null(strstr(e.message, "abc"));
    get.max_body_bytes = 1000000;
    assert_int_equal(slk_http_call(f->client, &get, &r, &e), SLK_OK);
    slk_http_response_done(&r);
    size_t seen = 1; /* so the first byte is wrong: the sink's error comes through */
    get.sink = count_bytes;
    get.sink_context = &seen;
    assert_int_equal(slk_http_call(f->client, &get, &r, &e), SLK_E_CORRUPT);
    assert_non_null(strstr(e.message, "wrong byte"));
    slk_job job;
    slk_job_init(&job);
    slk_job_cancel(&job);
    get.job = &job;
    assert_int_equal(slk_http_call(f->client, &get, &r, &e), SLK_E_CANCELED);
}

static slk_err try_url(slk_http_client *client, const char *url, slk_error *error)
{
    slk_http_response r;
    slk_http_request get = {.url = url};
    slk_err code = slk_http_call(client, &get, &r, error);
    if (code == SLK_OK)
        slk_http_response_done(&r);
    return code;
}

static slk_err note_byte(void *context, const slk_http_response *response, const uint8_t *bytes,
                         size_t n, slk_error *error)
{
    fixture *f = context;
    (void)response;
    (void)bytes;
    (void)n;
    (void)error;
    (void)sem_post(&f->came);
    return SLK_OK;
}

struct long_call {
    fixture *f;
    slk_http_stopper *stopper;
    int64_t stall_ms;
    slk_err code;
};

static void *call_little(void *context)
{
    struct long_call *l = context;
    SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(l->f->base, "/little");
    const slk_http_request get = {.url = url,
                                  .sink = note_byte,
                                  .sink_context = l->f,
                                  .stall_timeout_ms = l->stall_ms,
                                  .stopper = l->stopper};
    slk_http_response r = {0};
    l->code = slk_http_call(l->f->client, &get, &r, NULL);
    if (l->code == SLK_OK)
        slk_http_response_done(&r);
    return NULL;
}

static void a_stopper_ends_its_call_at_once(void **state)
{
    fixture *f = *state;
    pthread_t thread;
    struct long_call l = {.f = f, .stall_ms = 60000};
    assert_int_equal(slk_http_stopper_new(&l.stopper, NULL), SLK_OK);
    slk_http_response whole = call(f, (slk_http_request){.stopper = l.stopper}, "/file");
    assert_int_equal(whole.body.len, FILE_BYTES);
    slk_http_response_done(&whole);
    assert_int_equal(pthread_create(&thread, NULL, call_little, &l), 0);
    (void)sem_wait(&f->came);
    const int64_t before = slk_clock_monotonic_ms();
    slk_http_stopper_stop(l.stopper);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(l.code, SLK_E_CANCELED);
    assert_true(slk_clock_monotonic_ms() - before < 900); /* others look once a second */
    (void)call_little(&l);
    assert_int_equal(l.code, SLK_E_CANCELED);
    slk_http_stopper_free(l.stopper);
    (void)sem_post(&f->let_go);
    l.stall_ms = 100;
    assert_int_equal(slk_http_stopper_new(&l.stopper, NULL), SLK_OK);
    (void)call_little(&l);
    assert_int_equal(l.code, SLK_E_TIMEOUT);
    slk_http_stopper_free(l.stopper);
    (void)sem_post(&f->let_go);
}

static void unreachable_peers_say_why(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    assert_int_equal(try_url(f->client, "https://no-such-host.invalid/x?token=abc", &e),
                     SLK_E_UNREACHABLE);
    assert_non_null(strstr(e.message, "DNS"));
    assert_null(strstr(e.message, "abc"));
    assert_int_equal(try_url(f->client, "https://127.0.0.1:1/", &e), SLK_E_UNREACHABLE);
    assert_non_null(strstr(e.message, "TCP"));
    assert_int_equal(try_url(f->client, "http://127.0.0.1:1/", &e), SLK_E_INVAL);
    assert_int_equal(try_url(f->client, "file:///etc/hostname", &e), SLK_E_INVAL);
    assert_int_equal(try_url(f->client, "not a url", &e), SLK_E_INVAL);
    assert_int_equal(try_url(f->client, "https://user:pass@127.0.0.1:1/", &e), SLK_E_INVAL);
    assert_null(strstr(e.message, "pass"));
    slk_http_client *strict;
    assert_int_equal(slk_http_client_new(&strict, NULL, NULL), SLK_OK);
    assert_int_equal(try_url(strict, f->base, &e), SLK_E_UNREACHABLE);
    assert_non_null(strstr(e.message, "TLS"));
    slk_http_client_free(strict);
    slk_http_client_options o = {.ca_file = "/nonexistent.pem"};
    assert_int_equal(slk_http_client_new(&strict, &o, &e), SLK_E_INVAL);
    slk_http_header split = {"X-A", "b\r\nX-C: d"};
    slk_http_request get = {.url = f->base, .headers = &split, .n_headers = 1};
    slk_http_response r;
    assert_int_equal(slk_http_call(f->client, &get, &r, &e), SLK_E_INVAL);
}

static void failures_name_their_step(void **state)
{
    const fixture *f = *state;
    const slk_http_client_options public_only = {.public_only = true};
    slk_http_client *strict;
    assert_int_equal(slk_http_client_new(&strict, &public_only, NULL), SLK_OK);
    const struct {
        slk_http_client *client;
        const char *url, *step;
    } cases[] = {
        {f->client, "https://no-such-host.invalid/", "dns"},
        {f->client, "https://127.0.0.1:1/", "tcp"},
        {strict, f->base, "address"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slk_http_failure failure = {0};
        slk_http_response r;
        const slk_http_request get = {.url = cases[i].url, .failure = &failure};
        assert_int_not_equal(slk_http_call(cases[i].client, &get, &r, NULL), SLK_OK);
        assert_string_equal(failure.step, cases[i].step);
        assert_null(strstr(failure.what, "127.0.0.1"));
    }
    slk_http_client_free(strict);
    assert_int_equal(slk_http_client_new(&strict, NULL, NULL), SLK_OK);
    slk_http_failure failure = {0};
    slk_http_response r;
    const slk_http_request get = {.url = f->base, .failure = &failure};
    assert_int_not_equal(slk_http_call(strict, &get, &r, NULL), SLK_OK);
    assert_string_equal(failure.step, "tls");
    slk_http_client_free(strict);
}

/* Listens and never says a word: its queue takes connections, up to `backlog` and one. */
static int be_silent(char url[64], const char *scheme, int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(url, 64, "%s://127.0.0.1:%u/", scheme, (unsigned)ntohs(address.sin_port));
    return fd;
}

static void silence_is_told_by_how_far_it_came(void **state)
{
    (void)state;
    const slk_http_client_options options = {.allow_plain_http = true};
    slk_http_client *client;
    assert_int_equal(slk_http_client_new(&client, &options, NULL), SLK_OK);
    static const struct {
        const char *scheme, *first, *second; /* the step of a first call and of one more */
    } cases[] = {{"https", "tls", "tcp"}, {"http", "http", "tcp"}};
    for (size_t i = 0; i < 2; i++) {
        char url[64];
        slk_http_failure failure = {0};
        slk_http_response r;
        const int fd = be_silent(url, cases[i].scheme, 0);
        const slk_http_request get = {.url = url, .failure = &failure, .total_timeout_ms = 100};
        assert_int_equal(slk_http_call(client, &get, &r, NULL), SLK_E_TIMEOUT);
        assert_string_equal(failure.step, cases[i].first);
        assert_int_equal(slk_http_call(client, &get, &r, NULL), SLK_E_TIMEOUT);
        assert_string_equal(failure.step, cases[i].second); /* the queue is full */
        (void)close(fd);
    }
    slk_http_client_free(client);
}

static void *many_calls(void *context)
{
    fixture *f = context;
    for (int i = 0; i < 20; i++) {
        SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(f->base, "/file");
        slk_http_request get = {
            .url = url, .has_range = true, .range_first = (uint64_t)i, .range_last = 50000};
        slk_http_response r;
        if (slk_http_call(f->client, &get, &r, NULL) != SLK_OK)
            return context;
        bool same = r.status == 206 && memcmp(r.body.data, f->content + i, r.body.len) == 0;
        slk_http_response_done(&r);
        if (!same)
            return context;
    }
    return NULL;
}

static void threads_share_a_client(void **state)
{
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many_calls, *state), 0);
    for (int i = 0; i < 8; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static void servers_refuse_bad_options(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    slk_http_server *other;
    char taken[32];
    (void)snprintf(taken, sizeof taken, "127.0.0.1:%u", slk_http_server_port(f->server));
    slk_http_server_options o = {.listen = taken, .routes = routes, .n_routes = N_ROUTES};
    assert_int_equal(slk_http_server_new(&other, &o, &e), SLK_E_BUSY);
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "[::1:0",
                                      "1.2.3:x",
                                      "no-such-host.invalid:1",
                                      "127.0.0.1:70000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o.listen = bad[i];
        assert_int_equal(slk_http_server_new(&other, &o, &e), SLK_E_INVAL);
    }
    o.listen = "127.0.0.1:0";
    o.certificate_file = f->certificate;
    assert_int_equal(slk_http_server_new(&other, &o, &e), SLK_E_INVAL);
    o.key_file = f->file;
    assert_int_equal(slk_http_server_new(&other, &o, &e), SLK_E_INVAL);
}

static void tokens_and_certificates(void **state)
{
    fixture *f = *state;
    char a[65], b[65], hash[65];
    slk_net_token_new(a);
    slk_net_token_new(b);
    assert_int_equal(strlen(a), 64);
    assert_string_not_equal(a, b);
    slk_net_token_hash(hash, "abc");
    assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(slk_net_token_matches("abc", hash));
    assert_false(slk_net_token_matches("abd", hash));
    assert_false(slk_net_token_matches(NULL, hash));
    assert_false(slk_net_token_matches("abc", "ba78"));
    struct stat st;
    assert_int_equal(stat(f->key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    ino_t inode = st.st_ino;
    assert_int_equal(slk_net_make_certificate(f->folder, NULL, 0, NULL), SLK_OK);
    assert_int_equal(stat(f->key, &st), 0);
    assert_true(st.st_ino == inode);
}

static void header_texts_are_parsed(void **state)
{
    (void)state;
    slk_content_range r;
    assert_true(slk_content_range_parse(&r, "bytes 0-9/100"));
    assert_true(r.first == 0 && r.last == 9 && r.total == 100 && !r.unsatisfied);
    assert_true(slk_content_range_parse(&r, "bytes */100"));
    assert_true(r.unsatisfied && r.total == 100);
    static const char *const bad[] = {"",
                                      "bytes",
                                      "bytes 0-9/*",
                                      "bytes 9-0/100",
                                      "bytes 0-100/100",
                                      "bytes 0-9/100 ",
                                      "bytes -9/100",
                                      "lines 0-9/100",
                                      "bytes */",
                                      "bytes 0-9",
                                      "bytes 0-9/10 0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(slk_content_range_parse(&r, bad[i]));
    char text[8];
    slk_printable(text, sizeof text,
                  "a\x01\xff"
                  "b \n",
                  6);
    assert_string_equal(text, "a..b");
    slk_printable(text, sizeof text, "0123456789", 10);
    assert_string_equal(text, "0123456");
    SLK_CLEANUP(slk_freep) char *joined = slk_http_url_join("https://h/", "/a");
    assert_string_equal(joined, "https://h/a");
}

#define TLS(function) cmocka_unit_test_setup_teardown(function, make_tls, unmake)
#define PLAIN(function) cmocka_unit_test_setup_teardown(function, make_plain, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS(bodies_go_both_ways),
        TLS(requests_are_taken_apart),
        TLS(failures_have_statuses),
        TLS(ranges_are_exact),
        PLAIN(ranges_are_exact),
        TLS(empty_files_are_files),
        PLAIN(empty_files_are_files),
        TLS(if_range_guards_the_version),
        TLS(streams_arrive_whole_or_fail),
        PLAIN(streams_arrive_whole_or_fail),
        TLS(answers_are_bounded),
        TLS(unreachable_peers_say_why),
        TLS(a_stopper_ends_its_call_at_once),
        PLAIN(a_stopper_ends_its_call_at_once),
        TLS(failures_name_their_step),
        TLS(silence_is_told_by_how_far_it_came),
        TLS(threads_share_a_client),
        PLAIN(servers_refuse_bad_options),
        TLS(tokens_and_certificates),
        cmocka_unit_test(header_texts_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
