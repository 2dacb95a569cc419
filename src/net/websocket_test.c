/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* WebSockets against raw frames, in clear and over TLS, and the parser by itself. */
#include "net/websocket.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/certificate.h"
#include "net/ws_frame_impl.h"
#include "net/ws_handshake_impl.h"

#include <gnutls/gnutls.h>
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
#include <sys/socket.h>
#include <unistd.h>

#define PING_MS 200
#define SILENCE_MS 1500
#define MESSAGE_MAX ((size_t)3 << 20)
#define QUEUED_MAX ((size_t)8 << 20)
#define MANY 100u

typedef struct fixture {
    slk_http_server *server;
    slk_ws_hub *hub;
    char folder[64], certificate[96], key[96];
    bool tls;
    atomic_uint closed;
    atomic_uint messages;
    bool flood; /* a message is answered by more than a peer takes */
    atomic_int flood_code; /* what came of it; -1 nothing yet */
} fixture;

/* ---- a server that says what it hears ---- */

static void on_message(void *owner, slk_ws *ws, slk_spool *message)
{
    fixture *f = owner;
    const char *bytes = NULL;
    size_t n = 0;
    assert_int_equal(slk_spool_view(message, &bytes, &n, NULL), SLK_OK);
    assert_int_equal(bytes[n], 0);
    f->messages++;
    if (n == 3 && memcmp(bytes, "bye", 3) == 0) {
        slk_ws_close(ws, 1000);
        return;
    }
    slk_err code = slk_ws_send(ws, bytes, n, NULL);
    while (f->flood && code == SLK_OK)
        code = slk_ws_send(ws, bytes, n, NULL);
    if (f->flood)
        f->flood_code = code;
}

static void on_closed(void *owner, slk_ws *ws)
{
    (void)ws;
    fixture *f = owner;
    f->closed++;
}

static slk_err serve_ws(void *context, slk_http_exchange *x, slk_error *error)
{
    fixture *f = context;
    slk_ws *ws = NULL;
    SLK_TRY(slk_ws_accept(f->hub, x, f, 0, &ws, error));
    slk_ws_drop(ws);
    return SLK_OK;
}

static slk_http_route routes[] = {
    {.method = "GET", .path = "/ws", .handler = serve_ws},
};

static int make_with(void **state, bool tls)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->tls = tls;
    f->flood_code = -1;
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk-ws-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->certificate, sizeof f->certificate, "%s/tls.crt", f->folder);
    (void)snprintf(f->key, sizeof f->key, "%s/tls.key", f->folder);
    assert_int_equal(slk_net_make_certificate(f->folder, NULL, 0, NULL), SLK_OK);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        routes[i].context = f;
    const slk_ws_options w = {.max_message_bytes = MESSAGE_MAX,
                              .max_queued_bytes = QUEUED_MAX,
                              .spool_folder = f->folder,
                              .ping_ms = PING_MS,
                              .silence_ms = SILENCE_MS};
    const slk_ws_events events = {on_message, on_closed};
    const slk_http_server_options o = {.listen = "127.0.0.1:0",
                                       .certificate_file = tls ? f->certificate : NULL,
                                       .key_file = tls ? f->key : NULL,
                                       .routes = routes,
                                       .n_routes = sizeof routes / sizeof *routes,
                                       .max_connections = 2 * MANY,
                                       .max_connections_per_address = 2 * MANY,
                                       .idle_ms = 300};
    assert_int_equal(slk_ws_hub_new(&f->hub, &w, &events, NULL), SLK_OK);
    assert_int_equal(slk_http_server_new(&f->server, &o, NULL), SLK_OK);
    *state = f;
    return 0;
}

static int make(void **state)
{
    return make_with(state, false);
}

static int make_tls(void **state)
{
    return make_with(state, true);
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_http_server_free(f->server);
    slk_ws_hub_free(f->hub);
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f);
    return 0;
}

/* ---- a client ---- */

typedef struct client {
    int fd;
    gnutls_session_t tls; /* NULL in clear */
    gnutls_certificate_credentials_t trust;
} client;

static void put(client *c, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    while (n) {
        const ssize_t done =
            c->tls ? gnutls_record_send(c->tls, at, n) : send(c->fd, at, n, MSG_NOSIGNAL);
        if (done <= 0)
            return;
        at += done;
        n -= (size_t)done;
    }
}

/* Up to n bytes; 0 at the end of the connection. Waits 10 s at most. */
static size_t get(client *c, void *out, size_t n)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    const bool buffered = c->tls && gnutls_record_check_pending(c->tls) > 0;
    if (!buffered && poll(&p, 1, 10000) <= 0)
        fail_msg("nothing came");
    ssize_t done;
    do /* a session ticket between makes it GNUTLS_E_AGAIN */
        done = c->tls ? gnutls_record_recv(c->tls, out, n) : recv(c->fd, out, n, 0);
    while (c->tls && done == GNUTLS_E_AGAIN);
    return done > 0 ? (size_t)done : 0;
}

/* Exactly n bytes; false at the end of the connection. */
static bool get_all(client *c, uint8_t *out, size_t n)
{
    while (n) {
        const size_t done = get(c, out, n);
        if (!done)
            return false;
        out += done;
        n -= done;
    }
    return true;
}

static void dial(const fixture *f, client *c)
{
    *c = (client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const struct sockaddr_in a = {.sin_family = AF_INET,
                                  .sin_port = htons(slk_http_server_port(f->server)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(c->fd, (const struct sockaddr *)&a, sizeof a), 0);
    if (!f->tls)
        return;
    assert_int_equal(gnutls_certificate_allocate_credentials(&c->trust), 0);
    assert_int_equal(gnutls_init(&c->tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
    assert_int_equal(gnutls_set_default_priority(c->tls), 0);
    assert_int_equal(gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, c->trust), 0);
    gnutls_transport_set_int(c->tls, c->fd);
    assert_int_equal(gnutls_handshake(c->tls), 0);
}

static void hang_up(client *c)
{
    if (c->tls) {
        gnutls_deinit(c->tls);
        gnutls_certificate_free_credentials(c->trust);
    }
    (void)close(c->fd);
}

/* The head of an answer, up to its empty line. */
static void get_head(client *c, char *out, size_t n)
{
    size_t len = 0;
    do {
        assert_true(len + 1 < n);
        assert_true(get_all(c, (uint8_t *)out + len, 1));
        out[++len] = 0;
    } while (len < 4 || strcmp(out + len - 4, "\r\n\r\n") != 0);
}

#define ASK                                                                         \
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, " \
    "Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void open_ws(const fixture *f, client *c)
{
    char head[1024];
    dial(f, c);
    put(c, ASK "\r\n", sizeof ASK "\r\n" - 1);
    get_head(c, head, sizeof head);
    assert_memory_equal(head, "HTTP/1.1 101", 12);
    /* source: RFC 6455 1.3 */
    assert_non_null(strstr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
}

/* A masked frame: first byte as given, length in its shortest form. */
static void put_frame(client *c, unsigned first, const void *payload, size_t n)
{
    slk_buf frame;
    uint8_t head[WS_HEADER_MAX];
    static const uint8_t mask[4] = {0x12, 0xf4, 0x56, 0x01};
    size_t head_n = slk_ws_header(head, 0, n);
    head[0] = (uint8_t)first;
    head[1] |= 0x80;
    slk_buf_init(&frame, n + 32);
    assert_int_equal(slk_buf_append(&frame, head, head_n), SLK_OK);
    assert_int_equal(slk_buf_append(&frame, mask, 4), SLK_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(slk_buf_byte(&frame, ((const uint8_t *)payload)[i] ^ mask[i & 3]), SLK_OK);
    put(c, frame.data, frame.len);
    slk_buf_done(&frame);
}

/* The next frame that is no Ping (answered if `pong`); its first byte, 0 at the end. */
static unsigned get_frame(client *c, slk_buf *payload, bool pong)
{
    for (;;) {
        uint8_t head[2], more[8];
        if (!get_all(c, head, 2))
            return 0;
        assert_int_equal(head[1] & 0x80, 0);
        uint64_t n = head[1];
        if (n >= 126) {
            const size_t extra = n == 126 ? 2 : 8;
            assert_true(get_all(c, more, extra));
            n = 0;
            for (size_t i = 0; i < extra; i++)
                n = n << 8 | more[i];
        }
        slk_buf_reset(payload);
        assert_int_equal(slk_buf_reserve(payload, n + 1), SLK_OK);
        assert_true(n == 0 || get_all(c, payload->data, n));
        payload->len = n;
        if (n)
            payload->data[n] = 0;
        if (head[0] != 0x89)
            return head[0];
        if (pong)
            put_frame(c, 0x8a, payload->data, n);
    }
}

static void expect_text(client *c, const char *text, size_t n)
{
    slk_buf payload;
    slk_buf_init(&payload, MESSAGE_MAX + 1);
    assert_int_equal(get_frame(c, &payload, true), 0x81);
    assert_int_equal(payload.len, n);
    assert_memory_equal(payload.data, text, n);
    slk_buf_done(&payload);
}

/* A Close of that status, then the end. */
static void expect_close(client *c, unsigned status)
{
    slk_buf payload;
    slk_buf_init(&payload, 64);
    assert_int_equal(get_frame(c, &payload, true), 0x88);
    assert_int_equal(payload.len, 2);
    assert_int_equal(payload.data[0] << 8 | payload.data[1], status);
    assert_int_equal(get_frame(c, &payload, true), 0);
    slk_buf_done(&payload);
}

static void wait_closed(fixture *f, unsigned n)
{
    const int64_t until = slk_clock_monotonic_ms() + 10000;
    while (f->closed < n && slk_clock_monotonic_ms() < until)
        slk_clock_sleep_ms(5);
    assert_int_equal(f->closed, n);
}

/* ---- tests ---- */

static void test_echo(void **state)
{
    fixture *f = *state;
    client c;
    open_ws(f, &c);
    put_frame(&c, 0x81, "hello", 5);
    expect_text(&c, "hello", 5);
    put_frame(&c, 0x82, "binary", 6);
    expect_text(&c, "binary", 6);
    put_frame(&c, 0x81, "", 0);
    expect_text(&c, "", 0);
    const uint8_t normal[2] = {1000 >> 8, 1000 & 255};
    put_frame(&c, 0x88, normal, 2);
    expect_close(&c, 1000);
    hang_up(&c);
    wait_closed(f, 1);
}

/* As Go's client sends: pieces of 4096 bytes; a Ping may come between. */
static void test_fragments(void **state)
{
    fixture *f = *state;
    client c;
    slk_buf payload;
    const size_t n = (size_t)2 << 20; /* more than a spool keeps in memory */
    char *text = slk_alloc(n, 1);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + i % 23);
    open_ws(f, &c);
    for (size_t at = 0; at < n; at += 4096)
        put_frame(&c, at == 0 ? 0x01 : 0x00, text + at, 4096);
    put_frame(&c, 0x89, "in between", 10);
    slk_buf_init(&payload, 64);
    assert_int_equal(get_frame(&c, &payload, true), 0x8a);
    assert_string_equal(slk_buf_str(&payload), "in between");
    put_frame(&c, 0x80, "", 0);
    expect_text(&c, text, n);
    slk_buf_done(&payload);
    slk_free(text);
    hang_up(&c);
    wait_closed(f, 1);
}

/* A frame may come with the request, and byte by byte. */
static void test_early_and_slow_bytes(void **state)
{
    fixture *f = *state;
    client c;
    char head[1024];
    static const char request[] = ASK "Sec-WebSocket-Protocol: lotus, other\r\n\r\n"
                                      "\x81\x82\x00\x00\x00\x00hi";
    dial(f, &c);
    put(&c, request, sizeof request - 1);
    get_head(&c, head, sizeof head);
    assert_memory_equal(head, "HTTP/1.1 101", 12);
    assert_non_null(strstr(head, "Sec-WebSocket-Protocol: lotus\r\n"));
    expect_text(&c, "hi", 2);
    static const char slow[] = "\x81\x83\x01\x02\x03\x04\x60\x60\x60";
    for (size_t i = 0; i < sizeof slow - 1; i++)
        put(&c, slow + i, 1);
    expect_text(&c, "abc", 3);
    hang_up(&c);
    wait_closed(f, 1);
}

static void test_faults(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t n;
        unsigned status;
    } faults[] = {
#define FAULT(bytes, status) {bytes, sizeof bytes - 1, status}
        FAULT("\x81\x02hi", 1002), /* not masked */
        FAULT("\xc1\x80\0\0\0\0", 1002), /* a reserved bit */
        FAULT("\x83\x80\0\0\0\0", 1002), /* no such opcode */
        FAULT("\x8b\x80\0\0\0\0", 1002),
        FAULT("\x09\x80\0\0\0\0", 1002), /* a fragmented Ping */
        FAULT("\x89\xfe\x00\x7e\0\0\0\0", 1002), /* a Ping of 126 bytes */
        FAULT("\x80\x80\0\0\0\0", 1002), /* goes on with nothing */
        FAULT("\x01\x80\0\0\0\0\x81\x80\0\0\0\0", 1002), /* begins within a message */
        FAULT("\x81\xfe\x00\x7d\0\0\0\0", 1002), /* a length that is too long written */
        FAULT("\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 1002),
        FAULT("\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 1002),
        FAULT("\x81\xff\0\0\0\0\x00\x40\0\0\0\0\0\0", 1009), /* 4 MiB */
        FAULT("\x81\x81\0\0\0\0\xff", 1007),
        FAULT("\x81\x81\0\0\0\0\xe2", 1007), /* cut within a character */
        FAULT("\x88\x81\0\0\0\0\x03", 1002), /* half a status */
        FAULT("\x88\x82\0\0\0\0\x03\xed", 1002), /* 1005 is never sent */
        FAULT("\x88\x83\0\0\0\0\x03\xe8\xff", 1007),
    };
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
        client c;
        open_ws(f, &c);
        put(&c, faults[i].bytes, faults[i].n);
        expect_close(&c, faults[i].status);
        hang_up(&c);
        wait_closed(f, i + 1);
    }
    assert_int_equal(f->messages, 0);
}

static void test_silence(void **state)
{
    fixture *f = *state;
    client quiet, alive;
    slk_buf payload;
    slk_buf_init(&payload, 64);
    open_ws(f, &quiet);
    open_ws(f, &alive);
    const int64_t begin = slk_clock_monotonic_ms();
    /* Pings come all the time; of these two peers one answers. */
    while (f->closed == 0) {
        uint8_t ping[2];
        assert_true(get_all(&alive, ping, 2));
        assert_int_equal(ping[0], 0x89);
        put_frame(&alive, 0x8a, "", 0);
    }
    const int64_t took = slk_clock_monotonic_ms() - begin;
    assert_in_range(took, SILENCE_MS - 100, SILENCE_MS + 2000);
    assert_int_equal(get_frame(&quiet, &payload, false), 0);
    put_frame(&alive, 0x81, "here", 4);
    expect_text(&alive, "here", 4);
    slk_buf_done(&payload);
    hang_up(&quiet);
    hang_up(&alive);
    wait_closed(f, 2);
}

static void test_many(void **state)
{
    fixture *f = *state;
    client *c = slk_calloc(MANY, sizeof *c);
    assert_non_null(c);
    for (unsigned i = 0; i < MANY; i++) {
        open_ws(f, &c[i]);
        if (i % 10 == 9) /* a slow machine must not make them look dead */
            for (unsigned k = 0; k <= i; k++)
                put_frame(&c[k], 0x8a, "", 0);
    }
    for (unsigned i = 0; i < MANY; i++)
        put_frame(&c[i], 0x81, "all", 3);
    for (unsigned i = 0; i < MANY; i++)
        expect_text(&c[i], "all", 3);
    for (unsigned i = 0; i < MANY; i += 2)
        put_frame(&c[i], 0x81, "bye", 3);
    for (unsigned i = 0; i < MANY; i += 2)
        expect_close(&c[i], 1000);
    for (unsigned i = 0; i < MANY; i++)
        hang_up(&c[i]);
    wait_closed(f, MANY);
    slk_free(c);
}

/* Who does not take what is sent to it is dropped, and takes no more memory than allowed. */
static void test_flood(void **state)
{
    fixture *f = *state;
    client c;
    f->flood = true;
    open_ws(f, &c);
    char *text = slk_alloc(1 << 20, 1);
    assert_non_null(text);
    memset(text, 'x', 1 << 20);
    put_frame(&c, 0x81, text, 1 << 20);
    wait_closed(f, 1);
    assert_int_equal(f->flood_code, SLK_E_LIMIT);
    slk_free(text);
    hang_up(&c);
}

/* Who sends all the time and reads nothing is no better than who is silent. */
static void test_sends_and_does_not_read(void **state)
{
    fixture *f = *state;
    client c;
    const int small = 4096;
    open_ws(f, &c);
    assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    char *text = slk_alloc(MESSAGE_MAX, 1);
    assert_non_null(text);
    memset(text, 'x', MESSAGE_MAX);
    put_frame(&c, 0x81, text, MESSAGE_MAX);
    put_frame(&c, 0x81, text, MESSAGE_MAX);
    const int64_t until = slk_clock_monotonic_ms() + 10 * SILENCE_MS;
    while (f->closed == 0 && slk_clock_monotonic_ms() < until) {
        put_frame(&c, 0x89, text, 125);
        (void)poll(NULL, 0, 20);
    }
    assert_int_equal(f->closed, 1);
    slk_free(text);
    hang_up(&c);
}

static void test_server_ends(void **state)
{
    fixture *f = *state;
    client c;
    open_ws(f, &c);
    slk_http_server_free(f->server);
    f->server = NULL;
    assert_int_equal(f->closed, 1);
    expect_close(&c, 1001);
    hang_up(&c);
}

static void test_refusals(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *fields, *answer;
    } asks[] = {
        {"", "HTTP/1.1 426"},
        {"Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", "HTTP/1.1 426"},
        {"Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\n",
         "HTTP/1.1 426"},
        {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n",
         "HTTP/1.1 426"},
        {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
         "HTTP/1.1 400"},
        {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",
         "HTTP/1.1 400"},
    };
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        client c;
        char head[1024], text[512];
        dial(f, &c);
        (void)snprintf(text, sizeof text, "GET /ws HTTP/1.1\r\nHost: x\r\n%s\r\n", asks[i].fields);
        put(&c, text, strlen(text));
        get_head(&c, head, sizeof head);
        assert_memory_equal(head, asks[i].answer, 12);
        hang_up(&c);
    }
    assert_int_equal(f->closed, 0);
}

/* A connection that was told to upgrade and went away costs nothing, and others are served. */
static void test_gone_before(void **state)
{
    fixture *f = *state;
    for (unsigned i = 0; i < 50; i++) {
        client c;
        dial(f, &c);
        put(&c, ASK "\r\n", sizeof ASK "\r\n" - 1);
        hang_up(&c);
    }
    client c;
    open_ws(f, &c);
    put_frame(&c, 0x81, "there", 5);
    expect_text(&c, "there", 5);
    hang_up(&c);
}

int main(void)
{
#define PLAIN(name) cmocka_unit_test_setup_teardown(name, make, unmake)
#define TLS(name) cmocka_unit_test_setup_teardown(name, make_tls, unmake)
    const struct CMUnitTest tests[] = {
        PLAIN(test_echo),        TLS(test_echo),
        PLAIN(test_fragments),   TLS(test_fragments),
        PLAIN(test_faults),      PLAIN(test_early_and_slow_bytes),
        PLAIN(test_silence),     TLS(test_silence),
        PLAIN(test_many),        PLAIN(test_sends_and_does_not_read),
        TLS(test_many),          PLAIN(test_flood),
        TLS(test_flood),         PLAIN(test_server_ends),
        TLS(test_server_ends),   PLAIN(test_refusals),
        PLAIN(test_gone_before), TLS(test_gone_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
