/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bodies of requests: large ones, streams, who may send them, and peers that leave. */
#include "net/server.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_DEADLINE_MS 300
#define KEPT_MAX ((size_t)5 << 20)
#define STREAM_MAX ((size_t)64 << 30)
#define WAIT_MS 10000

typedef struct fixture {
    slk_http_server *server;
    char folder[64];
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t moved;
    bool open; /* takers go on */
    unsigned waiting; /* takers and waiters */
    unsigned left; /* peers that were seen to leave */
    uint64_t sum, streamed, ended, admitted;
    size_t files; /* of this process, deleted, while a body was handled */
} fixture;

/* ---- the server's side ---- */

static uint64_t sum_of(const char *bytes, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = sum * 31 + (uint8_t)bytes[i];
    return sum;
}

/* Files without a name that this process has open in the folder. */
static size_t count_files(const fixture *f)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[300], target[300];
        (void)snprintf(path, sizeof path, "/proc/self/fd/%s", e->d_name);
        const ssize_t len = readlink(path, target, sizeof target - 1);
        target[len > 0 ? len : 0] = 0;
        n += strncmp(target, f->folder, strlen(f->folder)) == 0;
    }
    closedir(d);
    return n;
}

static slk_err keep(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)error;
    fixture *f = context;
    size_t n;
    const char *body = slk_http_body(x, &n);
    assert_int_equal(body[n], 0);
    pthread_mutex_lock(&f->mutex);
    f->sum = sum_of(body, n);
    f->files = count_files(f);
    pthread_mutex_unlock(&f->mutex);
    return slk_http_reply_text(x, 200, "%zu bytes", n);
}

static slk_err tell_large(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)error;
    return slk_http_reply_text(x, 500, "too large for me");
}

static slk_err admit(void *context, slk_http_exchange *x, slk_error *error)
{
    fixture *f = context;
    const char *who = slk_http_bearer(x);
    if (!who)
        slk_http_limit_body(x, 10);
    else if (strcmp(who, "known") != 0)
        return slk_fail(error, SLK_E_AUTH, "who are you");
    pthread_mutex_lock(&f->mutex);
    f->admitted++;
    pthread_mutex_unlock(&f->mutex);
    slk_http_set_state(x, f);
    return SLK_OK;
}

static void on_left(void *context)
{
    fixture *f = context;
    pthread_mutex_lock(&f->mutex);
    f->left++;
    pthread_cond_broadcast(&f->moved);
    pthread_mutex_unlock(&f->mutex);
}

static void on_end(void *context)
{
    fixture *f = context;
    pthread_mutex_lock(&f->mutex);
    f->ended++;
    pthread_cond_broadcast(&f->moved);
    pthread_mutex_unlock(&f->mutex);
}

/* Waits until it may go on or the peer has left. */
static bool wait_open(fixture *f)
{
    pthread_mutex_lock(&f->mutex);
    const unsigned left = f->left;
    f->waiting++;
    pthread_cond_broadcast(&f->moved);
    while (!f->open && f->left == left)
        pthread_cond_wait(&f->moved, &f->mutex);
    f->waiting--;
    const bool open = f->open;
    pthread_mutex_unlock(&f->mutex);
    return open;
}

static slk_err wait_head(void *context, slk_http_exchange *x, slk_error *error)
{
    fixture *f = context;
    slk_http_on_leave(x, on_left, f);
    if (!wait_open(f))
        return slk_fail(error, SLK_E_CANCELED, "gone");
    SLK_TRY(slk_http_reply_header(x, "Location", "/elsewhere"));
    return slk_http_reply_empty(x, 302);
}

static slk_err admit_stream(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)error;
    slk_http_set_state(x, context);
    slk_http_on_end(x, on_end, context);
    return SLK_OK;
}

static slk_err take(void *context, slk_http_exchange *x, const uint8_t *bytes, size_t n,
                    slk_error *error)
{
    fixture *f = context;
    assert_ptr_equal(slk_http_state(x), f);
    if (!wait_open(f))
        return slk_fail(error, SLK_E_CANCELED, "closed");
    pthread_mutex_lock(&f->mutex);
    f->streamed += n;
    f->sum += sum_of((const char *)bytes, n);
    pthread_mutex_unlock(&f->mutex);
    return memchr(bytes, '!', n) ? slk_fail(error, SLK_E_INVAL, "no shouting") : SLK_OK;
}

static slk_err end_stream(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)error;
    fixture *f = context;
    size_t n;
    assert_string_equal(slk_http_body(x, &n), "");
    pthread_mutex_lock(&f->mutex);
    const uint64_t streamed = f->streamed;
    pthread_mutex_unlock(&f->mutex);
    return slk_http_reply_text(x, 200, "%llu streamed", (unsigned long long)streamed);
}

static slk_http_route routes[] = {
    {.method = "POST", .path = "/keep", .handler = keep, .max_body_bytes = KEPT_MAX},
    {.method = "POST",
     .path = "/large",
     .handler = keep,
     .max_body_bytes = KEPT_MAX,
     .too_large = tell_large},
    {.method = "POST",
     .path = "/known",
     .handler = keep,
     .max_body_bytes = KEPT_MAX,
     .admit = admit},
    {.method = "HEAD", .path = "/push", .handler = wait_head},
    {.method = "POST",
     .path = "/push",
     .handler = end_stream,
     .max_body_bytes = STREAM_MAX,
     .admit = admit_stream,
     .take = take},
    {.method = "GET", .path = "/push", .handler = tell_large},
};

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk-body-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    pthread_mutex_init(&f->mutex, NULL);
    pthread_cond_init(&f->moved, NULL);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        routes[i].context = f;
    const slk_http_server_options o = {.listen = "127.0.0.1:0",
                                       .routes = routes,
                                       .n_routes = sizeof routes / sizeof *routes,
                                       .spool_folder = f->folder,
                                       .body_deadline_ms = BODY_DEADLINE_MS};
    assert_int_equal(slk_http_server_new(&f->server, &o, NULL), SLK_OK);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_http_server_free(f->server);
    pthread_cond_destroy(&f->moved);
    pthread_mutex_destroy(&f->mutex);
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f);
    return 0;
}

/* ---- the client's side ---- */

static int dial(const fixture *f)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in a = {.sin_family = AF_INET,
                                  .sin_port = htons(slk_http_server_port(f->server)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* False: the server has hung up. */
static bool put(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n) {
        const ssize_t done = send(fd, at, n, MSG_NOSIGNAL);
        if (done <= 0)
            return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

static bool put_text(int fd, const char *text)
{
    return put(fd, text, strlen(text));
}

/* What comes until `end` has come, or the connection's end. */
static void get(int fd, char *out, size_t max, const char *end)
{
    size_t n = 0;
    out[0] = 0;
    while (!strstr(out, end) && n + 1 < max) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, WAIT_MS) <= 0)
            fail_msg("no answer");
        const ssize_t done = recv(fd, out + n, max - 1 - n, 0);
        if (done <= 0)
            return;
        n += (size_t)done;
        out[n] = 0;
    }
}

static void expect(int fd, const char *status, const char *text)
{
    char out[4096];
    get(fd, out, sizeof out, text);
    assert_non_null(strstr(out, text));
    assert_memory_equal(out, status, strlen(status));
}

static void put_head(int fd, const char *path, const char *fields, size_t n)
{
    char head[512];
    (void)snprintf(head, sizeof head,
                   "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", path, fields, n);
    assert_true(put_text(fd, head));
}

static char *make_text(size_t n)
{
    char *text = slk_alloc(n + 1, 1);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + (i * 7 + i / 1000) % 26);
    text[n] = 0;
    return text;
}

static void wait_for(fixture *f, const unsigned *what, unsigned n)
{
    const int64_t until = slk_clock_monotonic_ms() + WAIT_MS;
    pthread_mutex_lock(&f->mutex);
    while (*what != n && slk_clock_monotonic_ms() < until) {
        pthread_mutex_unlock(&f->mutex);
        slk_clock_sleep_ms(2);
        pthread_mutex_lock(&f->mutex);
    }
    assert_int_equal(*what, n);
    pthread_mutex_unlock(&f->mutex);
}

static void set_open(fixture *f)
{
    pthread_mutex_lock(&f->mutex);
    f->open = true;
    pthread_cond_broadcast(&f->moved);
    pthread_mutex_unlock(&f->mutex);
}

/* ---- tests ---- */

/* A page's multiple has no room for a NUL behind it but what the spool adds. */
static void test_large_bodies_lie_in_a_file(void **state)
{
    fixture *f = *state;
    const size_t sizes[] = {0, 1, SLK_SPOOL_BYTES, SLK_SPOOL_BYTES + 1, (size_t)4 << 20, KEPT_MAX};
    const int fd = dial(f);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char answer[64];
        char *text = make_text(sizes[i]);
        put_head(fd, "/keep", "", sizes[i]);
        assert_true(put(fd, text, sizes[i]));
        (void)snprintf(answer, sizeof answer, "%zu bytes\n", sizes[i]);
        expect(fd, "HTTP/1.1 200", answer);
        assert_int_equal(f->sum, sum_of(text, sizes[i]));
        assert_int_equal(f->files, sizes[i] > SLK_SPOOL_BYTES ? 1 : 0);
        slk_free(text);
    }
    (void)close(fd);
}

static void test_too_large(void **state)
{
    fixture *f = *state;
    int fd = dial(f);
    put_head(fd, "/keep", "", KEPT_MAX + 1);
    expect(fd, "HTTP/1.1 413", "larger than allowed");
    (void)close(fd);
    fd = dial(f);
    put_head(fd, "/large", "", KEPT_MAX + 1);
    expect(fd, "HTTP/1.1 500", "too large for me");
    (void)close(fd);
    /* Chunked: what is too much is dropped, and answered at its end. */
    fd = dial(f);
    char *text = make_text(KEPT_MAX + 1);
    assert_true(put_text(
        fd, "POST /large HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n500001\r\n"));
    assert_true(put(fd, text, KEPT_MAX + 1));
    assert_true(put_text(fd, "\r\n0\r\n\r\n"));
    expect(fd, "HTTP/1.1 500", "too large for me");
    (void)close(fd);
    /* Not for ever. */
    fd = dial(f);
    (void)put_text(
        fd, "POST /large HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n");
    unsigned n = 0;
    while (n < 10 && put(fd, text, KEPT_MAX))
        n++;
    assert_in_range(n, 1, 5);
    (void)close(fd);
    slk_free(text);
}

static void test_admission(void **state)
{
    fixture *f = *state;
    static const char stranger[] = "Authorization: Bearer stranger\r\n";
    static const char known[] = "Authorization: Bearer known\r\n";
    int fd = dial(f);
    put_head(fd, "/known", stranger, 3); /* refused before the body is there */
    expect(fd, "HTTP/1.1 401", "who are you");
    (void)close(fd);
    fd = dial(f);
    put_head(fd, "/known", stranger, KEPT_MAX + 1); /* who it is goes before how much it is */
    expect(fd, "HTTP/1.1 401", "who are you");
    (void)close(fd);
    assert_int_equal(f->admitted, 0);
    fd = dial(f);
    put_head(fd, "/known", "", 11);
    expect(fd, "HTTP/1.1 413", "larger than allowed");
    (void)close(fd);
    fd = dial(f);
    put_head(fd, "/known", "", 10);
    assert_true(put_text(fd, "0123456789"));
    expect(fd, "HTTP/1.1 200", "10 bytes");
    put_head(fd, "/known", known, 11); /* the same connection goes on */
    assert_true(put_text(fd, "0123456789a"));
    expect(fd, "HTTP/1.1 200", "11 bytes");
    put_head(fd, "/known", stranger, 0);
    expect(fd, "HTTP/1.1 401", "who are you");
    (void)close(fd);
    assert_int_equal(f->admitted, 3);
}

static void test_head_waits(void **state)
{
    fixture *f = *state;
    const int fd = dial(f), gone = dial(f);
    assert_true(put_text(gone, "HEAD /push HTTP/1.1\r\nHost: x\r\n\r\n"));
    wait_for(f, &f->waiting, 1);
    assert_true(put_text(fd, "HEAD /push HTTP/1.1\r\nHost: x\r\n\r\n"));
    wait_for(f, &f->waiting, 2);
    (void)close(gone);
    wait_for(f, &f->left, 1);
    /* That one woke both: the test's server cannot tell them apart. */
    expect(fd, "HTTP/1.1 503", "\r\n\r\n");
    set_open(f);
    assert_true(put_text(fd, "HEAD /push HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(fd, "HTTP/1.1 302", "Location: /elsewhere\r\n");
    (void)close(fd);
}

static void test_stream(void **state)
{
    fixture *f = *state;
    char *text = make_text(1 << 20);
    int fd = dial(f);
    put_head(fd, "/push", "", (size_t)8 << 20);
    assert_true(put(fd, text, 1000));
    wait_for(f, &f->waiting, 1);
    /* The taker may wait longer than a peer may. */
    slk_clock_sleep_ms(2 * 6 * BODY_DEADLINE_MS);
    set_open(f);
    assert_true(put(fd, text, (1 << 20) - 1000));
    for (unsigned i = 1; i < 8; i++)
        assert_true(put(fd, text, 1 << 20));
    expect(fd, "HTTP/1.1 200", "8388608 streamed");
    assert_true(put_text(fd, "POST /push HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "5\r\nhello\r\n0\r\n\r\n"));
    expect(fd, "HTTP/1.1 200", "8388613 streamed");
    (void)close(fd);
    slk_free(text);
}

static void expect_end(fixture *f, int fd, uint64_t ended)
{
    char out[256];
    const int64_t begin = slk_clock_monotonic_ms();
    get(fd, out, sizeof out, "never");
    assert_string_equal(out, "");
    assert_true(slk_clock_monotonic_ms() - begin < WAIT_MS);
    pthread_mutex_lock(&f->mutex);
    while (f->ended != ended)
        pthread_cond_wait(&f->moved, &f->mutex);
    pthread_mutex_unlock(&f->mutex);
    (void)close(fd);
}

static void test_stream_is_cut(void **state)
{
    fixture *f = *state;
    set_open(f);
    int fd = dial(f); /* by the taker */
    put_head(fd, "/push", "", 1000);
    assert_true(put_text(fd, "hello!"));
    expect_end(f, fd, 1);
    fd = dial(f); /* as the peer has gone silent, though it was fast */
    char *text = make_text(1 << 20);
    put_head(fd, "/push", "", (size_t)8 << 20);
    assert_true(put(fd, text, 1 << 20));
    const int64_t begin = slk_clock_monotonic_ms();
    expect_end(f, fd, 2);
    assert_in_range(slk_clock_monotonic_ms() - begin, BODY_DEADLINE_MS - 50,
                    6 * BODY_DEADLINE_MS + 3000);
    slk_free(text);
    fd = dial(f); /* by the peer */
    put_head(fd, "/push", "", 1000);
    assert_true(put_text(fd, "hello"));
    (void)shutdown(fd, SHUT_WR);
    expect_end(f, fd, 3);
}

/* A peer that leaves while its bytes are waited with is noticed. */
static void test_peer_leaves_a_full_taker(void **state)
{
    fixture *f = *state;
    const int fd = dial(f);
    put_head(fd, "/push", "", 1000);
    assert_true(put_text(fd, "hello"));
    wait_for(f, &f->waiting, 1);
    (void)close(fd);
    set_open(f);
    pthread_mutex_lock(&f->mutex);
    while (f->ended != 1)
        pthread_cond_wait(&f->moved, &f->mutex);
    assert_int_equal(f->streamed, 5);
    pthread_mutex_unlock(&f->mutex);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        CASE(test_large_bodies_lie_in_a_file),
        CASE(test_too_large),
        CASE(test_admission),
        CASE(test_head_waits),
        CASE(test_stream),
        CASE(test_stream_is_cut),
        CASE(test_peer_leaves_a_full_taker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
