/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fetching from a server that lies: a raw socket server of a few behaviours, and the real one. */
#include "transfer/fetch.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/certificate.h"
#include "net/http_text.h"
#include "net/server.h"
#include "transfer/block_map.h"
#include "transfer/cache_tar.h"
#include "transfer/fetch_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_BYTES (SLK_FETCH_BLOCK_BYTES * 3 + 12345)
#define LARGE_BYTES (SLK_FETCH_BLOCK_BYTES * 48)
#define STALL_AFTER (SLK_FETCH_BLOCK_BYTES * 40)

typedef enum lie {
    HONEST,
    CUT, /* closes after some bytes of each body */
    TOO_LONG, /* Content-Length and body beyond the range */
    TOO_SHORT, /* chunked, ends properly but early */
    SHIFTED, /* Content-Range one byte off */
    NO_CONTENT_RANGE,
    OTHER_TOTAL,
    NO_RANGES, /* 200, whole */
    NO_RANGES_CUT, /* the same, cut the first two times */
    NO_RANGES_SHORT_FILE, /* 200, a byte less */
    UNSATISFIED, /* 416 */
    NOT_THERE, /* 404 */
    NO_ENTRY, /* 401 */
    BUSY_AT_FIRST, /* 503 three times */
    NO_CONTENT, /* 204 */
    CHANGES_ONCE, /* another file and ETag after the second answer */
    CHANGES_ALWAYS,
    NOT_HTTP,
    STALLS, /* sends STALL_AFTER bytes in all, then nothing */
    FAILS_LATER, /* 404 after the second answer */
} lie;

typedef struct liar {
    int fd;
    pthread_t thread;
    uint64_t total; /* size of the file it serves */
    atomic_int lie;
    atomic_uint answers;
    atomic_uint_fast64_t sent;
    atomic_uint open; /* connections being served */
    atomic_bool stop;
} liar;

typedef struct fixture {
    char folder[64];
    char dest[96];
    char url[96];
    liar liar;
    slk_http_client *client;
    slk_fetch_from from;
} fixture;

/* ---- the file: byte i of version v ---- */

static uint8_t byte_of(uint64_t i, unsigned version)
{
    uint64_t x = (i / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15) + version;
    return (uint8_t)(x >> (8 * (i % 8)) ^ x >> 60);
}

/* ---- the liar ---- */

static bool send_all(int fd, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    while (n) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

static bool send_text(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

static bool send_range(liar *l, int fd, uint64_t first, uint64_t n, unsigned version)
{
    uint8_t chunk[65536];
    while (n) {
        size_t part = n < sizeof chunk ? n : sizeof chunk;
        for (size_t i = 0; i < part; i++)
            chunk[i] = byte_of(first + i, version);
        if (l->lie == STALLS && l->sent >= STALL_AFTER) {
            slk_clock_sleep_ms(5);
            if (l->stop)
                return false;
            continue;
        }
        if (!send_all(fd, chunk, part))
            return false;
        l->sent += part;
        first += part;
        n -= part;
    }
    return true;
}

/* Reads one request head; false when the peer is gone. */
static bool read_head(int fd, char *head, size_t max)
{
    size_t n = 0;
    while (n + 1 < max) {
        ssize_t got = recv(fd, head + n, 1, 0);
        if (got <= 0)
            return false;
        n++;
        head[n] = 0;
        if (n >= 4 && memcmp(head + n - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static const char *field(const char *head, const char *name, char *out, size_t max)
{
    const char *at = strcasestr(head, name);
    if (!at)
        return NULL;
    at += strlen(name);
    (void)snprintf(out, max, "%.*s", (int)strcspn(at, "\r"), at);
    return out;
}

typedef struct answer {
    liar *l;
    int fd;
    lie lie;
    unsigned number; /* of answers so far */
    unsigned version;
    uint64_t first, last;
    bool part;
} answer;

static bool send_head(const answer *a, int status, uint64_t length, const char *more)
{
    char head[512];
    (void)snprintf(head, sizeof head,
                   "HTTP/1.1 %d X\r\nContent-Length: %llu\r\nETag: \"v%u\"\r\n%s\r\n", status,
                   (unsigned long long)length, a->version, more);
    return send_text(a->fd, head);
}

static bool send_plain_part(const answer *a)
{
    char range[128];
    uint64_t n = a->last - a->first + 1;
    uint64_t shift = a->lie == SHIFTED ? 1 : 0;
    uint64_t total = a->l->total + (a->lie == OTHER_TOTAL ? 1 : 0);
    (void)snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%llu\r\n",
                   (unsigned long long)(a->first + shift), (unsigned long long)(a->last + shift),
                   (unsigned long long)total);
    if (a->lie == TOO_SHORT) {
        char head[512];
        (void)snprintf(head, sizeof head,
                       "HTTP/1.1 206 X\r\nTransfer-Encoding: chunked\r\nETag: \"v%u\"\r\n%s\r\n"
                       "5\r\nabcde\r\n0\r\n\r\n",
                       a->version, range);
        return send_text(a->fd, head);
    }
    uint64_t body = n + (a->lie == TOO_LONG ? 10 : 0);
    if (!send_head(a, 206, body, a->lie == NO_CONTENT_RANGE ? "" : range))
        return false;
    if (a->lie == CUT && n > 200000) {
        (void)send_range(a->l, a->fd, a->first, 70000 + a->number * 479001599 % (n - 70000),
                         a->version);
        return false;
    }
    return send_range(a->l, a->fd, a->first, body, a->version);
}

static bool send_whole(const answer *a)
{
    uint64_t n = a->l->total - (a->lie == NO_RANGES_SHORT_FILE ? 1 : 0);
    if (!send_head(a, 200, n, ""))
        return false;
    if (a->lie == NO_RANGES_CUT && a->number < 4) {
        (void)send_range(a->l, a->fd, 0, n / 2, a->version);
        return false;
    }
    return send_range(a->l, a->fd, 0, n, a->version);
}

static bool answer_one(answer *a)
{
    char text[128];
    switch (a->lie) {
    case UNSATISFIED:
        (void)snprintf(text, sizeof text, "Content-Range: bytes */%llu\r\n",
                       (unsigned long long)a->l->total - 1);
        return send_head(a, 416, 0, text);
    case NOT_THERE:
        return send_head(a, 404, 0, "");
    case NO_ENTRY:
        return send_head(a, 401, 0, "");
    case NO_CONTENT:
        return send_text(a->fd, "HTTP/1.1 204 X\r\n\r\n");
    case NOT_HTTP:
        return send_text(a->fd, "SSH-2.0-OpenSSH_9.2\r\n\r\n") && false;
    case BUSY_AT_FIRST:
        if (a->number < 3)
            return send_head(a, 503, 0, "");
        break;
    case FAILS_LATER:
        if (a->number >= 2)
            return send_head(a, 404, 0, "");
        break;
    case CHANGES_ONCE:
        a->version = a->number >= 2 ? 2 : 1;
        break;
    case CHANGES_ALWAYS:
        a->version = a->number + 1;
        break;
    case HONEST:
    case CUT:
    case TOO_LONG:
    case TOO_SHORT:
    case SHIFTED:
    case NO_CONTENT_RANGE:
    case OTHER_TOTAL:
    case NO_RANGES:
    case NO_RANGES_CUT:
    case NO_RANGES_SHORT_FILE:
    case STALLS:
        break;
    }
    return a->part ? send_plain_part(a) : send_whole(a);
}

static bool ranges_off(lie what)
{
    return what == NO_RANGES || what == NO_RANGES_CUT || what == NO_RANGES_SHORT_FILE;
}

typedef struct connection {
    liar *l;
    int fd;
} connection;

static void *serve(void *context)
{
    connection c = *(connection *)context;
    free(context);
    char head[4096], range[128], tag[64], want[64];
    bool go_on = true;
    while (go_on && !c.l->stop && read_head(c.fd, head, sizeof head)) {
        answer a = {.l = c.l, .fd = c.fd, .lie = (lie)c.l->lie, .version = 1};
        a.number = c.l->answers++;
        const char *r = field(head, "Range: bytes=", range, sizeof range);
        char full[160];
        (void)snprintf(full, sizeof full, "bytes=%s", r ? r : "");
        a.part = r && !ranges_off(a.lie) &&
                 slk_range_parse(&a.first, &a.last, full, c.l->total) == SLK_RANGE_PART;
        /* As RFC 9110 has it: a range of another version is answered with all of this one. */
        unsigned now = a.lie == CHANGES_ONCE && a.number >= 2 ? 2 : 1;
        (void)snprintf(want, sizeof want, "\"v%u\"", now);
        if (a.lie == CHANGES_ONCE && field(head, "If-Range: ", tag, sizeof tag) &&
            strcmp(tag, want) != 0)
            a.part = false;
        go_on = answer_one(&a);
    }
    (void)shutdown(c.fd, SHUT_RDWR);
    (void)close(c.fd);
    c.l->open--;
    return NULL;
}

static void *accept_all(void *context)
{
    liar *l = context;
    for (;;) {
        int fd = accept(l->fd, NULL, NULL);
        if (fd < 0 || l->stop) {
            if (fd >= 0)
                (void)close(fd);
            return NULL;
        }
        connection *c = malloc(sizeof *c);
        assert_non_null(c);
        *c = (connection){l, fd};
        struct timeval patience = {.tv_sec = 20};
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        l->open++;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, serve, c), 0);
        (void)pthread_detach(thread);
    }
}

static uint16_t start_liar(liar *l)
{
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    assert_int_equal(bind(l->fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(l->fd, 64), 0);
    assert_int_equal(getsockname(l->fd, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(pthread_create(&l->thread, NULL, accept_all, l), 0);
    return ntohs(a.sin_port);
}

static void stop_liar(liar *l)
{
    l->stop = true;
    (void)shutdown(l->fd, SHUT_RDWR);
    (void)pthread_join(l->thread, NULL);
    (void)close(l->fd);
    while (l->open)
        slk_clock_sleep_ms(1);
}

/* ---- fixture ---- */

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk_fetch_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->dest, sizeof f->dest, "%s/sealed", f->folder);
    f->liar.total = FILE_BYTES;
    (void)snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/sealed?token=secret-token",
                   start_liar(&f->liar));
    slk_http_client_options o = {.allow_plain_http = true};
    assert_int_equal(slk_http_client_new(&f->client, &o, NULL), SLK_OK);
    f->from = (slk_fetch_from){.client = f->client, .url = f->url, .connections = 3};
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_http_client_free(f->client);
    stop_liar(&f->liar);
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f);
    return 0;
}

static void check_content(const char *path, uint64_t bytes, unsigned version)
{
    slk_file_map map;
    assert_int_equal(slk_file_map_read(&map, path, NULL), SLK_OK);
    assert_int_equal(map.bytes, bytes);
    for (uint64_t i = 0; i < bytes; i++)
        if (map.data[i] != byte_of(i, version))
            fail_msg("byte %llu differs", (unsigned long long)i);
    slk_file_map_done(&map);
}

static bool beside(const fixture *f, const char *end)
{
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s%s", f->dest, end);
    return slk_file_exists(path);
}

static void check_complete(const fixture *f, unsigned version)
{
    check_content(f->dest, f->liar.total, version);
    assert_false(beside(f, ".tmp"));
    assert_false(beside(f, ".blocks"));
    assert_false(beside(f, ".blocks.tmp"));
}

static slk_err fetch_as(fixture *f, lie what, slk_error *error)
{
    f->liar.lie = (int)what;
    f->liar.answers = 0;
    f->liar.sent = 0;
    *error = (slk_error){0};
    slk_job job;
    slk_job_init(&job);
    slk_err code = slk_fetch_file(&f->from, f->dest, f->liar.total, &job, error);
    if (code == SLK_OK)
        assert_true(job.done == f->liar.total && job.total == f->liar.total);
    else
        assert_false(slk_file_exists(f->dest));
    assert_null(strstr(error->message, "secret-token"));
    return code;
}

static void expect(fixture *f, lie what, slk_err code, const char *part)
{
    slk_error e;
    slk_err got = fetch_as(f, what, &e);
    if (got != code || (part && !strstr(e.message, part)))
        fail_msg("lie %d: %s: %s", (int)what, slk_err_name(got), e.message);
}

/* ---- tests ---- */

static void honest_peers_are_read(void **state)
{
    fixture *f = *state;
    for (unsigned connections = 0; connections <= 16; connections += 4) {
        f->from.connections = connections;
        expect(f, HONEST, SLK_OK, NULL);
        check_complete(f, 1);
        assert_int_equal(f->liar.sent, FILE_BYTES);
        expect(f, NOT_THERE, SLK_OK, NULL); /* it is there: nothing is asked */
        assert_int_equal(f->liar.answers, 0);
        assert_int_equal(unlink(f->dest), 0);
    }
    static const uint64_t sizes[] = {1, 2048, SLK_FETCH_BLOCK_BYTES - 1, SLK_FETCH_BLOCK_BYTES,
                                     SLK_FETCH_BLOCK_BYTES + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        f->liar.total = sizes[i];
        expect(f, HONEST, SLK_OK, NULL);
        check_complete(f, 1);
        assert_int_equal(unlink(f->dest), 0);
    }
}

static void cuts_cost_little(void **state)
{
    fixture *f = *state;
    expect(f, CUT, SLK_OK, NULL);
    check_complete(f, 1);
    assert_true(f->liar.answers > 5);
    /* What was in flight when a connection died is lost at most. */
    assert_true(f->liar.sent < FILE_BYTES + f->liar.answers * 0x80000);
}

static void busy_peers_are_waited_for(void **state)
{
    fixture *f = *state;
    f->from.block_attempts = 8;
    expect(f, BUSY_AT_FIRST, SLK_OK, NULL);
    check_complete(f, 1);
}

static void lies_are_named(void **state)
{
    fixture *f = *state;
    f->from.block_attempts = 2;
    expect(f, TOO_LONG, SLK_E_PROTO, "more than was asked");
    expect(f, SHIFTED, SLK_E_PROTO, "the peer sends"); /* another part, or one past the end */
    expect(f, NO_CONTENT_RANGE, SLK_E_PROTO, "without saying which");
    expect(f, OTHER_TOTAL, SLK_E_PROTO, "where 12595257 belong");
    expect(f, TOO_SHORT, SLK_E_PROTO, "too early");
    expect(f, NO_RANGES_SHORT_FILE, SLK_E_PROTO, "has 12595256 bytes where 12595257 belong");
    expect(f, UNSATISFIED, SLK_E_PROTO, "has 12595256 bytes");
    expect(f, NOT_THERE, SLK_E_NOTFOUND, "404");
    assert_false(beside(f, ".tmp")); /* nothing came, nothing stays */
    assert_true(f->liar.answers <= 3); /* no use in asking again */
    expect(f, NO_ENTRY, SLK_E_AUTH, "401");
    expect(f, NO_CONTENT, SLK_E_PROTO, NULL);
    slk_error e;
    assert_int_not_equal(fetch_as(f, NOT_HTTP, &e), SLK_OK);
    expect(f, HONEST, SLK_OK, NULL);
    check_complete(f, 1);
}

static void peers_without_ranges_are_read(void **state)
{
    fixture *f = *state;
    expect(f, NO_RANGES, SLK_OK, NULL);
    check_complete(f, 1);
    assert_int_equal(unlink(f->dest), 0);
    expect(f, NO_RANGES_CUT, SLK_OK, NULL);
    check_complete(f, 1);
}

static void a_changed_file_is_fetched_anew_once(void **state)
{
    fixture *f = *state;
    expect(f, CHANGES_ONCE, SLK_OK, NULL);
    check_complete(f, 2);
    assert_int_equal(unlink(f->dest), 0);
    expect(f, CHANGES_ALWAYS, SLK_E_CONFLICT, "changed twice");
}

/* Who read along has read what is no more: he is told, and nothing is announced again. */
static void a_changed_file_breaks_the_gate(void **state)
{
    fixture *f = *state;
    slk_gate gate;
    slk_gate_init(&gate);
    f->from.connections = 1;
    f->from.arrived = &gate;
    expect(f, CHANGES_ONCE, SLK_OK, NULL);
    check_complete(f, 2);
    assert_true(slk_gate_broken(&gate));
    assert_false(slk_gate_wait(&gate, 1));
    slk_gate_done(&gate);
}

static void a_failed_fetch_goes_on_where_it_was(void **state)
{
    fixture *f = *state;
    f->from.connections = 1;
    expect(f, FAILS_LATER, SLK_E_NOTFOUND, NULL);
    uint64_t before = f->liar.sent;
    assert_true(before >= 2 * SLK_FETCH_BLOCK_BYTES && before < FILE_BYTES);
    assert_true(beside(f, ".blocks"));
    expect(f, HONEST, SLK_OK, NULL);
    assert_int_equal(f->liar.sent, FILE_BYTES - before);
    check_complete(f, 1);
}

/* Neither what lay there before, nor what a stream brought before it broke. */
static void a_stream_is_never_gone_on_with(void **state)
{
    fixture *f = *state;
    f->from.connections = 1;
    expect(f, FAILS_LATER, SLK_E_NOTFOUND, NULL);
    assert_true(beside(f, ".blocks"));
    f->from.whole = true;
    f->from.block_attempts = 1;
    expect(f, NO_RANGES_CUT, SLK_E_UNREACHABLE, NULL);
    assert_false(beside(f, ".blocks"));
    expect(f, HONEST, SLK_OK, NULL);
    check_complete(f, 1);
}

/* The half of an older version does not survive in the new one. */
static void a_file_changed_between_calls_is_fetched_anew(void **state)
{
    fixture *f = *state;
    f->from.connections = 1;
    expect(f, FAILS_LATER, SLK_E_NOTFOUND, NULL);
    f->liar.lie = CHANGES_ONCE;
    f->liar.answers = 2;
    assert_int_equal(slk_fetch_file(&f->from, f->dest, FILE_BYTES, NULL, NULL), SLK_OK);
    check_complete(f, 2);
}

/* A connection that is putting bytes on disk keeps its block, however slow it is: nobody else may have
 * the block checked while these bytes are on their way. */
static void who_writes_is_not_taken_over(void **state)
{
    fixture *f = *state;
    uint8_t claimed = 0;
    uint32_t got = 0;
    slk_job job;
    slk_job_init(&job);
    slk_job_cancel(&job); /* a claim does not wait */
    f->from.slow_ms = 1;
    fetch state_of = {.from = &f->from,
                      .job = &job,
                      .fd = -1,
                      .bytes = SLK_FETCH_BLOCK_BYTES,
                      .claimed = &claimed,
                      .got = &got};
    assert_int_equal(pthread_mutex_init(&state_of.mutex, NULL), 0);
    assert_int_equal(slk_block_map_init(&state_of.map, f->dest, SLK_FETCH_BLOCK_BYTES,
                                        SLK_FETCH_BLOCK_BYTES, NULL),
                     SLK_OK);
    run slow, quick;
    assert_true(slk_fetch_claim(&state_of, &slow));
    slk_clock_sleep_ms(5);
    slow.writing = true;
    assert_false(slk_fetch_claim(&state_of, &quick));
    slow.writing = false;
    assert_true(slk_fetch_claim(&state_of, &quick));
    assert_true(slow.lost);
    slk_fetch_release(&slow);
    slk_fetch_release(&quick);
    slk_block_map_done(&state_of.map);
    (void)pthread_mutex_destroy(&state_of.mutex);
}

typedef void damage(const char *temp, const char *blocks);

static void cut_temp(const char *temp, const char *blocks)
{
    (void)blocks;
    assert_int_equal(truncate(temp, 5), 0);
}
static void drop_temp(const char *temp, const char *blocks)
{
    (void)blocks;
    assert_int_equal(unlink(temp), 0);
}
static void drop_map(const char *temp, const char *blocks)
{
    (void)temp;
    assert_int_equal(unlink(blocks), 0);
}
static void cut_map(const char *temp, const char *blocks)
{
    (void)temp;
    assert_int_equal(truncate(blocks, 100), 0);
}
static void flip_map(const char *temp, const char *blocks)
{
    (void)temp;
    int fd;
    uint8_t byte;
    assert_int_equal(slk_file_open_rw(&fd, blocks, NULL), SLK_OK);
    assert_int_equal(slk_file_read_at(fd, &byte, 1, 160, blocks, NULL), SLK_OK);
    byte ^= 0x0c; /* claims blocks that are not there */
    assert_int_equal(slk_file_write_at(fd, &byte, 1, 160, blocks, NULL), SLK_OK);
    close(fd);
}
static void long_map(const char *temp, const char *blocks)
{
    (void)temp;
    assert_int_equal(truncate(blocks, 5000), 0);
}

static void a_damaged_state_starts_over(void **state)
{
    fixture *f = *state;
    f->from.connections = 1;
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", f->dest);
    SLK_CLEANUP(slk_freep) char *blocks = slk_strf("%s.blocks", f->dest);
    static damage *const damages[] = {cut_temp, drop_temp, drop_map, cut_map, flip_map, long_map};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        expect(f, FAILS_LATER, SLK_E_NOTFOUND, NULL);
        damages[i](temp, blocks);
        expect(f, HONEST, SLK_OK, NULL);
        assert_int_equal(f->liar.sent, FILE_BYTES);
        check_complete(f, 1);
        assert_int_equal(unlink(f->dest), 0);
    }
}

/* A process that fetches. */
static pid_t fetch_elsewhere(fixture *f)
{
    const pid_t child = fork();
    if (child != 0)
        return child;
    slk_http_client *client;
    slk_http_client_options o = {.allow_plain_http = true};
    if (slk_http_client_new(&client, &o, NULL) == SLK_OK) {
        f->from.client = client;
        slk_err ignored = slk_fetch_file(&f->from, f->dest, f->liar.total, NULL, NULL);
        (void)ignored;
    }
    _exit(1);
}

static void kill_and_wait(fixture *f, pid_t child)
{
    int status;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    f->liar.lie = HONEST;
    while (f->liar.open) /* the dead child's connections end */
        slk_clock_sleep_ms(1);
}

static void a_killed_fetch_goes_on(void **state)
{
    fixture *f = *state;
    f->liar.total = LARGE_BYTES;
    f->liar.lie = STALLS;
    const pid_t child = fetch_elsewhere(f);
    for (int i = 0; i < 3000 && !beside(f, ".blocks"); i++)
        slk_clock_sleep_ms(10);
    assert_true(beside(f, ".blocks"));
    kill_and_wait(f, child);
    expect(f, HONEST, SLK_OK, NULL);
    check_complete(f, 1);
    assert_true(f->liar.sent <= LARGE_BYTES - 32 * SLK_FETCH_BLOCK_BYTES);
}

/* What a loss of power may leave: a map whose file is gone, and the beginning of the next map. */
static void put_map_alone(const fixture *f)
{
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s.blocks", f->dest);
    SLK_CLEANUP(slk_freep) char *next = slk_strf("%s.tmp", path);
    slk_block_map map;
    assert_int_equal(slk_block_map_init(&map, path, f->liar.total, SLK_FETCH_BLOCK_BYTES, NULL),
                     SLK_OK);
    for (size_t i = 0; i < map.n_blocks; i++)
        slk_block_map_mark(&map, i);
    (void)snprintf(map.etag, sizeof map.etag, "\"v1\"");
    assert_int_equal(slk_block_map_save(&map, NULL), SLK_OK);
    slk_block_map_done(&map);
    assert_int_equal(slk_file_write_atomic(next, "selkie", 6, 0644, NULL), SLK_OK);
}

static uint64_t fetched_size(const fixture *f)
{
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s.tmp", f->dest);
    uint64_t bytes = 0;
    return slk_file_size(&bytes, path, NULL) == SLK_OK ? bytes : 0;
}

static void a_map_without_its_file_is_never_believed(void **state)
{
    fixture *f = *state;
    put_map_alone(f);
    f->liar.lie = STALLS;
    f->liar.sent = STALL_AFTER; /* of what there is to come, nothing comes */
    const pid_t child = fetch_elsewhere(f);
    while (fetched_size(f) != f->liar.total)
        slk_clock_sleep_ms(1);
    kill_and_wait(f, child);
    expect(f, HONEST, SLK_OK, NULL);
    check_complete(f, 1);
}

static void *cancel_soon(void *context)
{
    slk_job *job = context;
    for (int i = 0; i < 1000 && job->done == 0; i++)
        slk_clock_sleep_ms(5);
    slk_job_cancel(job);
    return NULL;
}

static void a_canceled_fetch_stops(void **state)
{
    fixture *f = *state;
    f->liar.total = LARGE_BYTES;
    f->liar.lie = STALLS;
    slk_job job;
    slk_job_init(&job);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &job), 0);
    int64_t begin = slk_clock_monotonic_ms();
    slk_error e;
    assert_int_equal(slk_fetch_file(&f->from, f->dest, LARGE_BYTES, &job, &e), SLK_E_CANCELED);
    assert_true(slk_clock_monotonic_ms() - begin < 10000);
    (void)pthread_join(thread, NULL);
    assert_int_equal(slk_fetch_forget(f->dest, NULL), SLK_OK);
    assert_false(beside(f, ".tmp"));
    assert_false(beside(f, ".blocks"));
}

static void a_full_disk_is_reported(void **state)
{
    fixture *f = *state;
    struct rlimit old, small = {1 << 20, RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    slk_error e;
    slk_err code = slk_fetch_file(&f->from, f->dest, FILE_BYTES, NULL, &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(code, SLK_E_LIMIT); /* EFBIG here; ENOSPC is SLK_E_NOSPACE by the same way */
    assert_false(beside(f, ".tmp"));
    expect(f, HONEST, SLK_OK, NULL);
}

static void impossible_wishes_are_refused(void **state)
{
    fixture *f = *state;
    slk_error e;
    assert_int_equal(slk_fetch_file(&f->from, f->dest, 0, NULL, &e), SLK_E_INVAL);
    assert_int_equal(slk_fetch_file(&f->from, f->dest, UINT64_MAX, NULL, &e), SLK_E_LIMIT);
    assert_int_equal(slk_file_write_atomic(f->dest, "x", 1, 0600, NULL), SLK_OK);
    assert_int_equal(slk_fetch_file(&f->from, f->dest, 5, NULL, &e), SLK_E_EXISTS);
    f->from.url = "http://127.0.0.1:1/x?token=secret-token";
    SLK_CLEANUP(slk_freep) char *other = slk_strf("%s2", f->dest);
    f->from.block_attempts = 2;
    assert_int_equal(slk_fetch_file(&f->from, other, 5, NULL, &e), SLK_E_UNREACHABLE);
    assert_null(strstr(e.message, "secret-token"));
}

/* ---- the cache, from the real server ---- */

typedef struct provider {
    const char *cache;
    const char *sealed;
    const slk_sector_shape *shape;
    slk_http_server *server;
    slk_http_client *client;
    char url[96];
} provider;

static slk_err serve_cache(void *context, slk_http_exchange *x, slk_error *error)
{
    const provider *p = context;
    slk_flat_tar *tar;
    uint64_t bytes;
    SLK_TRY(slk_cache_tar_new(&tar, &bytes, p->cache, p->shape, error));
    return slk_http_reply_stream(x, 200, "application/x-tar", slk_i64(bytes), slk_flat_tar_produce,
                                 slk_flat_tar_release, tar);
}

static slk_err serve_evil(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)error;
    char archive[2048];
    memset(archive, 'x', sizeof archive);
    return slk_http_reply_bytes(x, 200, "application/x-tar", archive, sizeof archive);
}

static slk_err serve_sealed(void *context, slk_http_exchange *x, slk_error *error)
{
    const provider *p = context;
    return slk_http_reply_file(x, p->sealed, "application/octet-stream", NULL, error);
}

static slk_http_route routes[] = {
    {.method = "GET", .path = "/cache", .handler = serve_cache},
    {.method = "GET", .path = "/evil", .handler = serve_evil},
    {.method = "GET", .path = "/sealed", .handler = serve_sealed},
};

static void start_provider(const fixture *f, provider *p)
{
    for (size_t i = 0; i < 3; i++)
        routes[i].context = p;
    assert_int_equal(slk_net_make_certificate(f->folder, NULL, 0, NULL), SLK_OK);
    SLK_CLEANUP(slk_freep) char *crt = slk_path_join(f->folder, SLK_CERTIFICATE_FILE);
    SLK_CLEANUP(slk_freep) char *key = slk_path_join(f->folder, SLK_CERTIFICATE_KEY_FILE);
    slk_http_server_options o = {.listen = "127.0.0.1:0",
                                 .certificate_file = crt,
                                 .key_file = key,
                                 .routes = routes,
                                 .n_routes = 3};
    assert_int_equal(slk_http_server_new(&p->server, &o, NULL), SLK_OK);
    slk_http_client_options c = {.ca_file = crt};
    assert_int_equal(slk_http_client_new(&p->client, &c, NULL), SLK_OK);
}

static const char *url_of(provider *p, const char *path)
{
    (void)snprintf(p->url, sizeof p->url, "https://127.0.0.1:%u%s", slk_http_server_port(p->server),
                   path);
    return p->url;
}

static void put_file(const char *folder, const char *name, size_t n)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, name);
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(n, 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_of(i, 1);
    assert_int_equal(slk_file_write_atomic(path, bytes, n, 0644, NULL), SLK_OK);
}

static void real_peers_over_https(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_freep) char *cache = slk_path_join(f->folder, "cache");
    SLK_CLEANUP(slk_freep) char *got = slk_path_join(f->folder, "got");
    SLK_CLEANUP(slk_freep) char *temp = slk_path_join(f->folder, "got.tmp");
    SLK_CLEANUP(slk_freep) char *sealed = slk_path_join(f->folder, "original");
    provider p = {.cache = cache, .sealed = sealed, .shape = slk_sector_shape_of(2048)};
    start_provider(f, &p);
    assert_int_equal(slk_folder_make(cache, 0755, NULL), SLK_OK);
    put_file(cache, "p_aux", 64);
    put_file(cache, "t_aux", 300);
    slk_fetch_from from = {.client = p.client, .url = url_of(&p, "/cache"), .block_attempts = 1};
    slk_error e;
    assert_int_equal(slk_fetch_cache(&from, got, p.shape, NULL, &e), SLK_E_NOTFOUND);
    assert_false(slk_file_exists(temp));
    put_file(cache, "sc-02-data-tree-r-last.dat", 32);
    slk_job job;
    slk_job_init(&job);
    assert_int_equal(slk_fetch_cache(&from, got, p.shape, &job, &e), SLK_OK);
    SLK_CLEANUP(slk_freep) char *compare = slk_strf("diff -r %s %s", cache, got);
    assert_int_equal(system(compare), 0);
    assert_false(slk_file_exists(temp));
    assert_int_equal(slk_fetch_cache(&from, got, p.shape, NULL, &e), SLK_E_EXISTS);
    assert_int_equal(slk_remove_tree(got, NULL), SLK_OK);
    from.url = url_of(&p, "/evil");
    assert_int_equal(slk_fetch_cache(&from, got, p.shape, NULL, &e), SLK_E_PROTO);
    assert_false(slk_file_exists(got));
    assert_false(slk_file_exists(temp));
    put_file(f->folder, "original", FILE_BYTES);
    from.url = url_of(&p, "/sealed");
    assert_int_equal(slk_fetch_file(&from, f->dest, FILE_BYTES, NULL, &e), SLK_OK);
    check_complete(f, 1);
    slk_http_client_free(p.client);
    slk_http_server_free(p.server);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(honest_peers_are_read),
        T(cuts_cost_little),
        T(busy_peers_are_waited_for),
        T(lies_are_named),
        T(peers_without_ranges_are_read),
        T(a_changed_file_is_fetched_anew_once),
        T(a_changed_file_breaks_the_gate),
        T(a_failed_fetch_goes_on_where_it_was),
        T(a_file_changed_between_calls_is_fetched_anew),
        T(a_stream_is_never_gone_on_with),
        T(who_writes_is_not_taken_over),
        T(a_damaged_state_starts_over),
        T(a_killed_fetch_goes_on),
        T(a_map_without_its_file_is_never_believed),
        T(a_canceled_fetch_stops),
        T(a_full_disk_is_reported),
        T(impossible_wishes_are_refused),
        T(real_peers_over_https),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
