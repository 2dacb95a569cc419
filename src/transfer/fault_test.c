/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fetching through a network that fails: a proxy that cuts, stalls, crawls and damages, in front of
 * the real server. */
#include "transfer/fetch.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/server.h"

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

#define FILE_BYTES (SLK_FETCH_BLOCK_BYTES * 16 + 4321)
#define CUTS 200u
#define ETAG "\"file-1\""

typedef struct proxy {
    int fd;
    uint16_t port, target;
    pthread_t thread;
    atomic_bool stop;
    atomic_uint open; /* connections being served */
    atomic_uint accepted;
    atomic_uint_fast64_t sent; /* bytes towards the client, headers too */
    atomic_uint_fast64_t random; /* state */
    atomic_uint cuts_left;
    /* Of the accepted connections those from stall_from up to stall_to send stall_after bytes, then
     * nothing; or, with crawl, a byte a millisecond. */
    atomic_uint stall_from, stall_to;
    atomic_uint_fast64_t stall_after;
    atomic_bool crawl;
    atomic_uint_fast64_t damage_at; /* of all that is sent, this byte is changed; 0 none */
    atomic_uint damages_left;
} proxy;

typedef struct fixture {
    char folder[64], file[96], dest[96], manifest_path[96];
    uint8_t *content;
    slk_crypto *crypto;
    slk_http_server *server;
    slk_http_client *client;
    slk_manifest manifest;
    proxy proxy;
    char url[96];
    slk_fetch_from from;
    atomic_bool without_ranges;
} fixture;

/* ---- the proxy ---- */

typedef struct wire {
    proxy *p;
    int client, server;
    unsigned number;
} wire;

static uint64_t next_random(proxy *p)
{
    return atomic_fetch_add(&p->random, UINT64_C(0x9e3779b97f4a7c15)) *
           UINT64_C(0xbf58476d1ce4e5b9);
}

static bool send_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n) {
        ssize_t put = send(fd, bytes, n, MSG_NOSIGNAL);
        if (put <= 0)
            return false;
        bytes += put;
        n -= (size_t)put;
    }
    return true;
}

/* Bytes after which this connection is cut; UINT64_MAX never. */
static uint64_t plan_cut(proxy *p)
{
    unsigned left = p->cuts_left;
    while (left && !atomic_compare_exchange_weak(&p->cuts_left, &left, left - 1))
        ;
    return left ? 1 + (next_random(p) >> 32) % (3 * FILE_BYTES / (2 * CUTS)) : UINT64_MAX;
}

/* Counts what is about to be sent, and changes the byte whose turn it is. */
static void damage(proxy *p, uint8_t *bytes, size_t n)
{
    const uint64_t sent = atomic_fetch_add(&p->sent, n);
    uint64_t at = p->damage_at;
    if (!p->damages_left || at >= sent + n ||
        !atomic_compare_exchange_strong(&p->damage_at, &at, at + FILE_BYTES / 8))
        return;
    bytes[at > sent ? at - sent : 0] ^= 0x40;
    p->damages_left--;
}

/* True when the wire goes on. */
static bool hold_back(const wire *w, uint64_t passed)
{
    proxy *p = w->p;
    if (w->number < p->stall_from || w->number >= p->stall_to || passed < p->stall_after)
        return true;
    while (!p->stop && !p->crawl)
        slk_clock_sleep_ms(5);
    slk_clock_sleep_ms(1);
    return !p->stop;
}

static size_t piece(const wire *w, uint64_t passed, size_t max)
{
    const proxy *p = w->p;
    const bool slow = w->number >= p->stall_from && w->number < p->stall_to;
    return slow && passed >= p->stall_after ? 1 : max;
}

static void pass_back(const wire *w)
{
    static const size_t most = 65536;
    uint8_t bytes[65536];
    uint64_t passed = 0;
    const uint64_t cut = plan_cut(w->p);
    while (hold_back(w, passed)) {
        size_t want = piece(w, passed, most);
        ssize_t got = recv(w->server, bytes, want, 0);
        if (got <= 0)
            return;
        size_t n = (size_t)got;
        if (n > cut - passed)
            n = (size_t)(cut - passed);
        damage(w->p, bytes, n);
        if (!send_all(w->client, bytes, n))
            return;
        passed += n;
        if (passed == cut)
            return;
    }
}

static void *pass_on(void *context)
{
    const wire *w = context;
    uint8_t bytes[4096];
    ssize_t got;
    while ((got = recv(w->client, bytes, sizeof bytes, 0)) > 0)
        if (!send_all(w->server, bytes, (size_t)got))
            break;
    (void)shutdown(w->server, SHUT_RDWR);
    return NULL;
}

static int dial(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void *serve_wire(void *context)
{
    wire *w = context;
    pthread_t back;
    w->server = dial(w->p->target);
    assert_int_equal(pthread_create(&back, NULL, pass_on, w), 0);
    pass_back(w);
    (void)shutdown(w->client, SHUT_RDWR);
    (void)shutdown(w->server, SHUT_RDWR);
    (void)pthread_join(back, NULL);
    close(w->client);
    close(w->server);
    w->p->open--;
    free(w);
    return NULL;
}

static void *accept_wires(void *context)
{
    proxy *p = context;
    while (!p->stop) {
        struct pollfd ready = {.fd = p->fd, .events = POLLIN};
        if (poll(&ready, 1, 20) <= 0)
            continue;
        int fd = accept(p->fd, NULL, NULL);
        if (fd < 0)
            continue;
        wire *w = calloc(1, sizeof *w);
        assert_non_null(w);
        *w = (wire){.p = p, .client = fd, .number = p->accepted++};
        p->open++;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, serve_wire, w), 0);
        (void)pthread_detach(thread);
    }
    return NULL;
}

static void start_proxy(proxy *p, uint16_t target)
{
    p->target = target;
    p->random = 12345;
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    assert_int_equal(bind(p->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(p->fd, 64), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&a, &n), 0);
    p->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, accept_wires, p), 0);
}

static void stop_proxy(proxy *p)
{
    p->stop = true;
    (void)pthread_join(p->thread, NULL);
    close(p->fd);
    while (p->open)
        slk_clock_sleep_ms(5);
}

/* ---- fixture ---- */

static slk_err serve_file(void *context, slk_http_exchange *x, slk_error *error)
{
    const fixture *f = context;
    return slk_http_reply_file(x, f->file, "application/octet-stream", ETAG, error);
}

static slk_http_route routes[] = {{.method = "GET", .path = "/sealed", .handler = serve_file}};

static void make_manifest(fixture *f)
{
    slk_manifest_subject subject = {.sp_id = 1, .number = 2, .file_bytes = FILE_BYTES};
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, SLK_MANIFEST_MAX_BYTES);
    assert_int_equal(slk_manifest_make(f->manifest_path, &subject, f->file, f->crypto, NULL, NULL),
                     SLK_OK);
    assert_int_equal(slk_file_read_all(&bytes, f->manifest_path, NULL), SLK_OK);
    assert_int_equal(
        slk_manifest_read(&f->manifest, bytes.data, bytes.len, &subject, f->crypto, NULL), SLK_OK);
}

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk_fault_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->file, sizeof f->file, "%s/sealed", f->folder);
    (void)snprintf(f->dest, sizeof f->dest, "%s/dest", f->folder);
    (void)snprintf(f->manifest_path, sizeof f->manifest_path, "%s/manifest", f->folder);
    f->content = malloc(FILE_BYTES);
    assert_non_null(f->content);
    for (uint64_t i = 0; i < FILE_BYTES; i += 8) {
        uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(f->content + i, &x, FILE_BYTES - i < 8 ? FILE_BYTES - i : 8);
    }
    assert_int_equal(slk_file_write_atomic(f->file, f->content, FILE_BYTES, 0600, NULL), SLK_OK);
    assert_int_equal(slk_crypto_new(&f->crypto, NULL, NULL), SLK_OK);
    make_manifest(f);
    routes[0].context = f;
    const slk_http_server_options o = {.listen = "127.0.0.1:0", .routes = routes, .n_routes = 1};
    assert_int_equal(slk_http_server_new(&f->server, &o, NULL), SLK_OK);
    const slk_http_client_options c = {.allow_plain_http = true};
    assert_int_equal(slk_http_client_new(&f->client, &c, NULL), SLK_OK);
    start_proxy(&f->proxy, slk_http_server_port(f->server));
    (void)snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/sealed", f->proxy.port);
    f->from = (slk_fetch_from){.client = f->client,
                               .url = f->url,
                               .connections = 4,
                               .slow_ms = 200,
                               .stall_ms = 5000,
                               .manifest = &f->manifest};
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_http_client_free(f->client);
    slk_http_server_free(f->server);
    stop_proxy(&f->proxy);
    slk_manifest_done(&f->manifest);
    slk_crypto_free(f->crypto);
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f->content);
    free(f);
    return 0;
}

static void fetch_all(fixture *f)
{
    slk_error e = {0};
    if (slk_fetch_file(&f->from, f->dest, FILE_BYTES, NULL, &e) != SLK_OK)
        fail_msg("%s", e.message);
}

static void expect_equal(const fixture *f)
{
    SLK_CLEANUP(slk_buf_done) slk_buf got;
    slk_buf_init(&got, FILE_BYTES);
    assert_int_equal(slk_file_read_all(&got, f->dest, NULL), SLK_OK);
    assert_int_equal(got.len, FILE_BYTES);
    assert_memory_equal(got.data, f->content, FILE_BYTES);
}

/* The open ones, which may stand still or will never be cut, are not used again. */
static void new_connections(fixture *f)
{
    slk_http_client_free(f->client);
    const slk_http_client_options c = {.allow_plain_http = true};
    assert_int_equal(slk_http_client_new(&f->client, &c, NULL), SLK_OK);
    f->from.client = f->client;
}

/* ---- tests ---- */

/* docs/faults.md, row 4 */
static void cuts_resend_next_to_nothing(void **state)
{
    fixture *f = *state;
    static const unsigned connections[] = {1, 16};
    for (size_t i = 0; i < 2; i++) {
        f->from.connections = connections[i];
        f->proxy.cuts_left = CUTS;
        f->proxy.sent = 0;
        f->proxy.accepted = 0;
        fetch_all(f);
        expect_equal(f);
        assert_int_equal(f->proxy.cuts_left, 0);
        assert_in_range(f->proxy.accepted, CUTS, 4 * CUTS);
        /* Each answer has a header of some 300 bytes, which is not the file. */
        const uint64_t headers = 512u * (uint64_t)f->proxy.accepted;
        assert_in_range(f->proxy.sent, FILE_BYTES, FILE_BYTES + FILE_BYTES / 200 + headers);
        assert_int_equal(unlink(f->dest), 0);
        new_connections(f);
    }
}

/* Row 5: connections that stand still or crawl lose their work to those that run. */
static void the_quick_finish_for_the_slow(void **state)
{
    fixture *f = *state;
    for (int crawl = 0; crawl < 2; crawl++) {
        f->proxy.crawl = crawl;
        f->proxy.accepted = 0;
        f->proxy.sent = 0;
        f->proxy.stall_from = 0;
        f->proxy.stall_to = 3;
        f->proxy.stall_after = SLK_FETCH_BLOCK_BYTES / 2 + 150000;
        f->from.stall_ms = 600 * 1000;
        const int64_t start = slk_clock_monotonic_ms();
        fetch_all(f);
        assert_in_range(slk_clock_monotonic_ms() - start, 0, 60 * 1000);
        expect_equal(f);
        if (crawl) /* what a crawling one had brought was not asked for again */
            assert_in_range(f->proxy.sent, FILE_BYTES, FILE_BYTES + FILE_BYTES / 200);
        assert_int_equal(unlink(f->dest), 0);
        new_connections(f);
    }
}

/* With the times that a node uses: of connections that are open and never answer, the others take over
 * the work before they are given up. */
static void the_others_finish_for_the_dead(void **state)
{
    fixture *f = *state;
    f->from.slow_ms = 0;
    f->from.stall_ms = 0;
    f->proxy.stall_to = 3;
    const int64_t start = slk_clock_monotonic_ms();
    fetch_all(f);
    assert_in_range(slk_clock_monotonic_ms() - start, 9 * 1000, 29 * 1000);
    expect_equal(f);
}

/* One connection has nobody to take over: one that crawls or is half open is given up and opened
 * anew. */
static void a_lone_connection_is_left(void **state)
{
    fixture *f = *state;
    f->from.connections = 1;
    f->from.stall_ms = 1000;
    for (int crawl = 0; crawl < 2; crawl++) {
        f->proxy.crawl = crawl;
        f->proxy.accepted = 0;
        f->proxy.sent = 0;
        f->proxy.stall_to = 2;
        f->proxy.stall_after = 3 * SLK_FETCH_BLOCK_BYTES;
        const int64_t start = slk_clock_monotonic_ms();
        fetch_all(f);
        assert_in_range(slk_clock_monotonic_ms() - start, 2 * 1000, 60 * 1000);
        expect_equal(f);
        assert_in_range(f->proxy.sent, FILE_BYTES, FILE_BYTES + FILE_BYTES / 200);
        assert_int_equal(unlink(f->dest), 0);
        new_connections(f);
    }
}

/* Row 6: what was damaged under way is found and only that is fetched again. */
static void only_bad_blocks_are_fetched_again(void **state)
{
    fixture *f = *state;
    f->proxy.damage_at = FILE_BYTES / 16;
    f->proxy.damages_left = 3;
    fetch_all(f);
    expect_equal(f);
    assert_int_equal(f->proxy.damages_left, 0);
    /* The rest of a run behind a bad block may be under way already. */
    assert_in_range(f->proxy.sent, FILE_BYTES + 3 * SLK_FETCH_BLOCK_BYTES / 4,
                    FILE_BYTES + 3 * 5 * SLK_FETCH_BLOCK_BYTES);
}

static void a_block_that_stays_bad_ends_it(void **state)
{
    fixture *f = *state;
    f->manifest.hashes[32 * 5] ^= 1;
    f->from.connections = 1;
    slk_error e = {0};
    assert_int_equal(slk_fetch_file(&f->from, f->dest, FILE_BYTES, NULL, &e), SLK_E_CORRUPT);
    assert_non_null(strstr(e.message, "block 5 "));
    assert_false(slk_file_exists(f->dest));
    /* Once the manifest is right nothing but that block is missing. */
    f->manifest.hashes[32 * 5] ^= 1;
    f->proxy.sent = 0;
    fetch_all(f);
    expect_equal(f);
    assert_in_range(f->proxy.sent, FILE_BYTES - 5 * SLK_FETCH_BLOCK_BYTES,
                    FILE_BYTES - 4 * SLK_FETCH_BLOCK_BYTES);
}

/* What rotted on our own disk between two calls is found, too; and the address may change. */
static void what_lies_there_is_checked(void **state)
{
    fixture *f = *state;
    f->manifest.hashes[32 * 14] ^= 1;
    f->from.connections = 1;
    assert_int_equal(slk_fetch_file(&f->from, f->dest, FILE_BYTES, NULL, NULL), SLK_E_CORRUPT);
    f->manifest.hashes[32 * 14] ^= 1;
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", f->dest);
    int fd = -1;
    uint8_t byte;
    assert_int_equal(slk_file_open_rw(&fd, temp, NULL), SLK_OK);
    assert_int_equal(slk_file_read_at(fd, &byte, 1, 7 * SLK_FETCH_BLOCK_BYTES, temp, NULL), SLK_OK);
    byte ^= 1;
    assert_int_equal(slk_file_write_at(fd, &byte, 1, 7 * SLK_FETCH_BLOCK_BYTES, temp, NULL),
                     SLK_OK);
    close(fd);
    char moved[96];
    (void)snprintf(moved, sizeof moved, "http://localhost:%u/sealed", f->proxy.port);
    f->from.url = moved;
    f->proxy.sent = 0;
    fetch_all(f);
    expect_equal(f);
    assert_in_range(f->proxy.sent, SLK_FETCH_BLOCK_BYTES + 4321, 4 * SLK_FETCH_BLOCK_BYTES + 8192);
}

typedef struct reader {
    fixture *f;
    slk_gate gate;
    bool equal;
    uint64_t seen; /* bytes compared before the fetch was over */
} reader;

static void *read_along(void *context)
{
    reader *r = context;
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", r->f->dest);
    SLK_CLEANUP(slk_closep) int fd = -1;
    uint8_t bytes[4096];
    r->equal = true;
    for (uint64_t at = 0; at < FILE_BYTES; at += sizeof bytes) {
        const size_t n = FILE_BYTES - at < sizeof bytes ? FILE_BYTES - at : sizeof bytes;
        if (!slk_gate_wait(&r->gate, at + n))
            break;
        if (fd < 0)
            assert_int_equal(slk_file_open_read(&fd, temp, NULL), SLK_OK);
        assert_int_equal(slk_file_read_at(fd, bytes, n, at, temp, NULL), SLK_OK);
        r->equal = r->equal && memcmp(bytes, r->f->content + at, n) == 0;
        r->seen += n;
    }
    return NULL;
}

/* Bytes that have arrived in order are final and can be read while others still come. */
static void what_has_arrived_can_be_read(void **state)
{
    fixture *f = *state;
    reader r = {.f = f};
    slk_gate_init(&r.gate);
    f->from.arrived = &r.gate;
    f->proxy.damage_at = FILE_BYTES / 16;
    f->proxy.damages_left = 2;
    f->proxy.cuts_left = 20;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_along, &r), 0);
    fetch_all(f);
    slk_gate_close(&r.gate);
    (void)pthread_join(thread, NULL);
    slk_gate_done(&r.gate);
    assert_true(r.equal);
    assert_int_equal(r.seen, FILE_BYTES);
    expect_equal(f);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(cuts_resend_next_to_nothing),       T(the_quick_finish_for_the_slow),
        T(the_others_finish_for_the_dead),    T(a_lone_connection_is_left),
        T(only_bad_blocks_are_fetched_again), T(a_block_that_stays_bad_ends_it),
        T(what_lies_there_is_checked),        T(what_has_arrived_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
