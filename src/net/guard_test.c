/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The server against raw bytes: framing that two parsers could read differently, limits and
 * deadlines. */
#include "net/server.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_DEADLINE_MS 1000
#define BODY_DEADLINE_MS 1200
#define IDLE_MS 1400
#define REPLY_SILENCE_MS 700
#define LATE_MS 1000 /* a cut may come so much after its deadline */

typedef struct fixture {
    slk_http_server *server;
    atomic_int begun; /* slow ones */
    atomic_int handled;
} fixture;

static slk_err answer(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)error;
    fixture *f = context;
    f->handled++;
    size_t n;
    (void)slk_http_body(x, &n);
    return slk_http_reply_text(x, 200, "%zu bytes", n);
}

static slk_err answer_slowly(void *context, slk_http_exchange *x, slk_error *error)
{
    fixture *f = context;
    f->begun++;
    slk_clock_sleep_ms(2 * IDLE_MS);
    return answer(context, x, error);
}

static slk_err produce_forever(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                               slk_error *error)
{
    (void)context;
    (void)error;
    memset(out, 'x', capacity);
    *ret_n = capacity;
    return SLK_OK;
}

static slk_err answer_forever(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)error;
    return slk_http_reply_stream(x, 200, "text/plain", -1, produce_forever, NULL, context);
}

static slk_http_route routes[] = {
    {.method = "GET", .path = "/forever", .handler = answer_forever},
    {.method = "GET", .path = "/", .handler = answer},
    {.method = "POST", .path = "/post", .handler = answer, .max_body_bytes = 100},
    {.method = "POST", .path = "/large", .handler = answer, .max_body_bytes = 10 << 20},
    {.method = "GET", .path = "/slow", .handler = answer_slowly},
};

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        routes[i].context = f;
    slk_http_server_options o = {.listen = "127.0.0.1:0",
                                 .routes = routes,
                                 .n_routes = sizeof routes / sizeof *routes,
                                 .max_connections_per_address = 20,
                                 .header_deadline_ms = HEADER_DEADLINE_MS,
                                 .body_deadline_ms = BODY_DEADLINE_MS,
                                 .idle_ms = IDLE_MS,
                                 .reply_silence_ms = REPLY_SILENCE_MS};
    assert_int_equal(slk_http_server_new(&f->server, &o, NULL), SLK_OK);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_http_server_free(f->server);
    free(f);
    return 0;
}

static int dial(const fixture *f)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(slk_http_server_port(f->server)),
                            .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void send_bytes(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t put = send(fd, bytes, n, MSG_NOSIGNAL);
        if (put <= 0)
            return; /* the server may hang up on us */
        bytes += put;
        n -= (size_t)put;
    }
}

/* All until the server closes or limit_ms pass; *ret_closed says which. */
static size_t read_all(int fd, char *out, size_t max, int64_t limit_ms, bool *ret_closed)
{
    size_t n = 0;
    int64_t until = slk_clock_monotonic_ms() + limit_ms;
    *ret_closed = false;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = until - slk_clock_monotonic_ms();
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            break;
        ssize_t got = recv(fd, out + n, max - 1 - n, 0);
        if (got <= 0) {
            *ret_closed = true;
            break;
        }
        n += (size_t)got;
    }
    out[n] = 0;
    return n;
}

/* Sends all, expects the status (0: none, just closed) and the end of the connection at once. */
static void refused(fixture *f, const char *what, const char *bytes, size_t n, int status)
{
    char reply[65536], start[32];
    bool closed;
    int before = f->handled;
    int fd = dial(f);
    send_bytes(fd, bytes, n);
    (void)read_all(fd, reply, sizeof reply, 5000, &closed);
    close(fd);
    (void)snprintf(start, sizeof start, "HTTP/1.1 %d ", status);
    bool fits = status == 0 ? reply[0] == 0 || strncmp(reply, "HTTP/1.1 4", 10) == 0
                            : strncmp(reply, start, strlen(start)) == 0;
    if (!fits)
        fail_msg("%s: %.200s", what, reply);
    if (!closed)
        fail_msg("%s: the connection stays open: %.200s", what, reply);
    if (strstr(reply, "HTTP/1.1 2"))
        fail_msg("%s: something was answered: %.400s", what, reply);
    if (f->handled != before)
        fail_msg("%s: a handler ran", what);
}

#define BODY "GET / HTTP/1.1\r\nHost: x\r\n\r\n" /* what a smuggler wants to be read as a request */

static void ambiguous_framing_is_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name, *text;
        int status;
    } cases[] = {
        {"both",
         "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" BODY,
         400},
        {"both, other order",
         "POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
         "Content-Length: 4\r\n\r\n0\r\n\r\n" BODY,
         400},
        {"two lengths",
         "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
         "Content-Length: 27\r\n\r\n" BODY,
         400},
        {"two equal lengths",
         "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
         "Content-Length: 3\r\n\r\nabc",
         400},
        {"list of lengths", "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc",
         400},
        {"signed length", "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", 400},
        {"negative length", "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc", 400},
        {"hex length", "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc", 400},
        {"empty length", "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n" BODY, 400},
        {"length with words", "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 3 x\r\n\r\nabc",
         400},
        {"unknown coding", "POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n" BODY,
         400},
        {"chunked twice",
         "POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" BODY,
         400},
        {"chunked not last",
         "POST /post HTTP/1.1\r\nHost: x\r\n"
         "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" BODY,
         400},
        {"chunked in a list",
         "POST /post HTTP/1.1\r\nHost: x\r\n"
         "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" BODY,
         400},
        {"almost chunked",
         "POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n"
         "0\r\n\r\n" BODY,
         400},
        {"chunked with a tab",
         "POST /post HTTP/1.1\r\nHost: x\r\n"
         "Transfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n" BODY,
         400},
        {"chunked in 1.0",
         "POST /post HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n" BODY,
         400},
        {"blank before colon", "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length : 27\r\n\r\n" BODY,
         400},
        {"blank in name", "GET / HTTP/1.1\r\nHost: x\r\nX Y: 1\r\n\r\n", 400},
        {"no colon", "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400},
        {"no host", "GET / HTTP/1.1\r\nX: y\r\n\r\n", 400},
        {"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        {"host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
        {"host with a user", "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", 400},
        {"control in the target", "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"unescaped letter in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"http 0.9", "GET /\r\n\r\n", 0},
        {"http 1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
        {"http 2", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"small letters", "GET / http/1.1\r\nHost: x\r\n\r\n", 0},
        {"control in value",
         "GET / HTTP/1.1\r\nHost: x\r\nX: a\x01"
         "b\r\n\r\n",
         400},
        {"bad chunk size",
         "POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
         "zz\r\nabc\r\n0\r\n\r\n",
         0},
        {"huge chunk size",
         "POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
         "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
         0},
        {"negative chunk size",
         "POST /post HTTP/1.1\r\nHost: x\r\n"
         "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
         0},
        {"not http", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(f, cases[i].name, cases[i].text, strlen(cases[i].text), cases[i].status);
}

static void sizes_are_bounded(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_buf_done) slk_buf many;
    slk_buf_init(&many, 1 << 20);
    assert_int_equal(slk_buf_text(&many, "GET / HTTP/1.1\r\nHost: x\r\n"), SLK_OK);
    for (int i = 0; i < 64; i++)
        assert_int_equal(slk_buf_printf(&many, "X-%d: y\r\n", i), SLK_OK);
    assert_int_equal(slk_buf_text(&many, "\r\n"), SLK_OK);
    refused(f, "65 fields", slk_buf_str(&many), many.len, 431);
    slk_buf_reset(&many);
    assert_int_equal(slk_buf_text(&many, "GET / HTTP/1.1\r\nHost: x\r\nX: "), SLK_OK);
    for (int i = 0; i < 16400; i++)
        assert_int_equal(slk_buf_byte(&many, 'a'), SLK_OK);
    assert_int_equal(slk_buf_text(&many, "\r\n\r\n"), SLK_OK);
    refused(f, "16 KiB of fields", slk_buf_str(&many), many.len, 431);
    slk_buf_reset(&many);
    assert_int_equal(slk_buf_text(&many, "GET / HTTP/1.1\r\nX: "), SLK_OK);
    for (int i = 0; i < 500000; i++)
        assert_int_equal(slk_buf_byte(&many, 'a'), SLK_OK);
    refused(f, "endless field", slk_buf_str(&many), many.len, 0);
    slk_buf_reset(&many);
    assert_int_equal(slk_buf_text(&many, "GET /"), SLK_OK);
    for (int i = 0; i < 500000; i++)
        assert_int_equal(slk_buf_byte(&many, 'a'), SLK_OK);
    refused(f, "endless target", slk_buf_str(&many), many.len, 0);
    static const char too_long[] =
        "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\nabc";
    refused(f, "body announced too long", too_long, sizeof too_long - 1, 413);
    static const char enormous[] =
        "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551617\r\n\r\nabc";
    refused(f, "body announced past 2^64", enormous, sizeof enormous - 1, 0);
    slk_buf_reset(&many);
    assert_int_equal(slk_buf_text(&many, "POST /post HTTP/1.1\r\nHost: x\r\n"
                                         "Transfer-Encoding: chunked\r\n\r\n"),
                     SLK_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(slk_buf_text(&many, "a\r\n0123456789\r\n"), SLK_OK);
    refused(f, "chunks beyond the maximum", slk_buf_str(&many), many.len, 0);
}

/* Reads until the text has come, the server closes or 10 s pass; whether it has come. */
static bool read_until(int fd, const char *part, char *out, size_t max)
{
    size_t n = 0;
    int64_t until = slk_clock_monotonic_ms() + 10000;
    out[0] = 0;
    while (!strstr(out, part)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = until - slk_clock_monotonic_ms();
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return false;
        ssize_t got = recv(fd, out + n, max - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        out[n] = 0;
    }
    return true;
}

static void accepted(int fd, const char *text, const char *part)
{
    char reply[65536];
    send_bytes(fd, text, strlen(text));
    if (!read_until(fd, part, reply, sizeof reply))
        fail_msg("%s -> %s", text, reply);
}

static void good_requests_follow_each_other(void **state)
{
    fixture *f = *state;
    int fd = dial(f);
    accepted(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "0 bytes\n");
    accepted(fd, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "3 bytes\n");
    accepted(fd,
             "POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
             "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
             "5 bytes\n");
    accepted(fd, "GET /none HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "/none\"}}");
    accepted(fd, "DELETE / HTTP/1.1\r\nHost:\r\n\r\n", "DELETE\"}}");
    accepted(fd, BODY BODY, "0 bytes\nHTTP/1.1 200"); /* pipelined */
    close(fd);
    assert_int_equal(f->handled, 5);
}

/* How long the server bears with a peer that sends a byte every 50 ms. */
static int64_t drip(fixture *f, const char *begin, const char *drop)
{
    int fd = dial(f);
    int64_t start = slk_clock_monotonic_ms();
    send_bytes(fd, begin, strlen(begin));
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char c;
        if (poll(&p, 1, 50) > 0 && recv(fd, &c, 1, 0) <= 0)
            break;
        send_bytes(fd, drop, 1);
        if (slk_clock_monotonic_ms() - start > 12000)
            break;
    }
    close(fd);
    return slk_clock_monotonic_ms() - start;
}

static void in_time(const char *what, int64_t took, int64_t deadline)
{
    if (took < deadline - 50 || took > deadline + LATE_MS)
        fail_msg("%s: cut after %lld ms instead of %lld", what, (long long)took,
                 (long long)deadline);
}

static void slow_peers_are_cut(void **state)
{
    fixture *f = *state;
    in_time("silent", drip(f, "", ""), HEADER_DEADLINE_MS);
    in_time("request line", drip(f, "GET /", "a"), HEADER_DEADLINE_MS);
    in_time("header", drip(f, "GET / HTTP/1.1\r\nHost: x\r\nX: ", "a"), HEADER_DEADLINE_MS);
    in_time("body",
            drip(f, "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", "a"),
            BODY_DEADLINE_MS);
    assert_int_equal(f->handled, 0);
    in_time("idle", drip(f, BODY, ""), IDLE_MS);
    assert_int_equal(f->handled, 1);
}

#define SIP_MS 2000

/* How long until an endless answer ends of which `bytes` are read every 50 ms. */
static int64_t sip(fixture *f, size_t bytes)
{
    static const char ask[] = "GET /forever HTTP/1.1\r\nHost: x\r\n\r\n";
    char taken[65536];
    int fd = dial(f);
    int64_t start = slk_clock_monotonic_ms(), took = 0;
    send_bytes(fd, ask, sizeof ask - 1);
    while (took < SIP_MS) {
        struct pollfd p = {.fd = fd, .events = bytes ? POLLIN : 0};
        if (poll(&p, 1, 50) > 0 &&
            (p.revents & (POLLERR | POLLHUP) || recv(fd, taken, bytes, 0) <= 0))
            break;
        took = slk_clock_monotonic_ms() - start;
        if (bytes && (p.revents & POLLIN))
            slk_clock_sleep_ms(50); /* the rate */
    }
    close(fd);
    return took;
}

static void slow_readers_are_cut(void **state)
{
    fixture *f = *state;
    in_time("reads nothing", sip(f, 0), REPLY_SILENCE_MS);
    in_time("reads byte by byte", sip(f, 1), REPLY_SILENCE_MS);
    assert_in_range(sip(f, 65536), SIP_MS, INT64_MAX);
}

static void slow_handlers_are_not(void **state)
{
    fixture *f = *state;
    char reply[4096];
    bool closed;
    int fd = dial(f);
    send_bytes(fd, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 51);
    (void)read_all(fd, reply, sizeof reply, 10000, &closed);
    close(fd);
    assert_non_null(strstr(reply, "0 bytes\n"));
}

static void connections_per_address_are_bounded(void **state)
{
    fixture *f = *state;
    int fds[30];
    int open = 0;
    for (int i = 0; i < 30; i++)
        fds[i] = dial(f);
    for (int i = 0; i < 30; i++) {
        char reply[4096];
        send_bytes(fds[i], BODY, strlen(BODY));
        open += read_until(fds[i], "0 bytes\n", reply, sizeof reply);
    }
    for (int i = 0; i < 30; i++)
        close(fds[i]);
    assert_int_equal(open, 20);
}

#define PLACES 10

static void serve_few(fixture *f, unsigned max_connections)
{
    slk_http_server_free(f->server);
    const slk_http_server_options o = {.listen = "127.0.0.1:0",
                                       .routes = routes,
                                       .n_routes = sizeof routes / sizeof *routes,
                                       .max_connections = max_connections};
    assert_int_equal(slk_http_server_new(&f->server, &o, NULL), SLK_OK);
}

/* All places but one are taken by peers that say nothing: each newcomer gets one of them. */
static void expect_room(fixture *f, int others)
{
    int silent[PLACES], good[PLACES];
    char reply[4096];
    for (int i = 0; i < PLACES - others; i++)
        silent[i] = dial(f);
    for (int i = 0; i < PLACES - others; i++) {
        bool closed;
        good[i] = dial(f);
        accepted(good[i], BODY, "0 bytes\n");
        (void)read_all(silent[i], reply, sizeof reply, 5000, &closed);
        if (!closed)
            fail_msg("the silent one %d keeps its place", i);
    }
    for (int i = 0; i < PLACES - others; i++) {
        close(silent[i]);
        close(good[i]);
    }
}

/* Who is being answered keeps his place. */
static void newcomers_get_the_places_of_the_silent(void **state)
{
    fixture *f = *state;
    char reply[4096];
    serve_few(f, PLACES);
    int fd = dial(f);
    send_bytes(fd, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 51);
    while (f->begun == 0)
        slk_clock_sleep_ms(1);
    expect_room(f, 1);
    assert_true(read_until(fd, "0 bytes\n", reply, sizeof reply));
    close(fd);
}

/* A third of the descriptors is as much as connections may take. */
static void descriptors_are_left_for_files(void **state)
{
    fixture *f = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit few = {3 * PLACES + 2, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    serve_few(f, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0); /* we need as many ourselves */
    expect_room(f, 0);
}

static void stopping_waits_for_no_peer(void **state)
{
    fixture *f = *state;
    static const char *const texts[] = {
        "", "GET / HT", BODY, "GET /forever HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"};
    int fds[5];
    char reply[4096];
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(f);
        send_bytes(fds[i], texts[i], strlen(texts[i]));
    }
    assert_true(read_until(fds[2], "0 bytes\n", reply, sizeof reply));
    assert_true(read_until(fds[3], "200 OK", reply, sizeof reply));
    int64_t start = slk_clock_monotonic_ms();
    slk_http_server_free(f->server);
    f->server = NULL;
    assert_true(slk_clock_monotonic_ms() - start < HEADER_DEADLINE_MS + 5000);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ambiguous_framing_is_refused),
        T(sizes_are_bounded),
        T(good_requests_follow_each_other),
        T(slow_peers_are_cut),
        T(slow_readers_are_cut),
        T(slow_handlers_are_not),
        T(connections_per_address_are_bounded),
        T(newcomers_get_the_places_of_the_silent),
        T(descriptors_are_left_for_files),
        T(stopping_waits_for_no_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
