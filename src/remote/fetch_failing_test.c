/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each allocation, and each call on a file, fails once, alone and with all that follow, while a sector is
 * fetched: manifest, cache, sealed file, C1. An error in words, nothing wrong under a final name, nothing
 * that was complete thrown away; the next fetch ends well and leaves nothing over. */
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "fil/sector.h"
#include "net/server.h"
#include "remote/peer.h"
#include "remote/wire.h"
#include "support/slk_failing_alloc.h"
#include "support/slk_failing_file.h"
#include "transfer/block_map.h"
#include "transfer/cache_tar.h"
#include "transfer/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS_MAX 2000u
#define FEW 12u /* of the calls of a large fetch, spread evenly; SELKIE_TEST_ALL=1: each */
#define C1_BYTES 3000u

/* Sectors are served by another process, in which nothing fails; a sector's number is its seal proof. */
struct fixture {
    char there[64], here[64], url[64];
    char sealed[96], cache[96], c1[96];
    slk_crypto *crypto;
    slk_remote_peer *client;
    slk_seal_peer peer;
    pid_t server;
};

static const struct way {
    const char *name;
    void (*at)(uint64_t n, bool on);
    uint64_t (*seen)(void);
    slk_err code;
} ways[] = {
    {"allocation", slk_failing_alloc_at, slk_failing_alloc_seen, SLK_E_NOMEM},
    {"call on a file", slk_failing_file_at, slk_failing_file_seen, SLK_E_IO},
};

/* ---- what is served ---- */

static const slk_sector_shape *shape_of(int64_t seal_proof)
{
    slk_seal_proof proof;
    assert_int_equal(slk_seal_proof_registered(&proof, seal_proof, NULL), SLK_OK);
    return proof.shape;
}

static char *place(const char *folder, const char *what, int64_t number)
{
    char *path = slk_strf("%s/%s-%" PRId64, folder, what, number);
    assert_non_null(path);
    return path;
}

static void put_bytes(const char *path, uint64_t n)
{
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(n, 1);
    assert_non_null(bytes);
    for (uint64_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
    assert_int_equal(slk_file_write_atomic(path, bytes, n, 0644, NULL), SLK_OK);
}

static void put_sector(const struct fixture *f, int64_t number)
{
    SLK_CLEANUP(slk_freep) char *sealed = place(f->there, "sealed", number);
    SLK_CLEANUP(slk_freep) char *cache = place(f->there, "cache", number);
    SLK_CLEANUP(slk_freep) char *manifest = place(f->there, "manifest", number);
    SLK_CLEANUP(slk_freep) char *c1 = place(f->there, "c1", number);
    const slk_sector_shape *shape = shape_of(number);
    put_bytes(sealed, shape->bytes);
    put_bytes(c1, C1_BYTES);
    assert_int_equal(slk_folder_make(cache, 0755, NULL), SLK_OK);
    for (size_t i = 0; i < slk_cache_file_count(shape); i++) {
        slk_cache_file file;
        slk_cache_file_at(&file, shape, i);
        SLK_CLEANUP(slk_freep) char *path = slk_path_join(cache, file.name);
        put_bytes(path, file.bytes ? file.bytes : 100);
    }
    const slk_manifest_subject subject = {
        .sp_id = 1000, .number = (uint64_t)number, .file_bytes = shape->bytes};
    assert_int_equal(slk_manifest_make(manifest, &subject, sealed, f->crypto, NULL, NULL), SLK_OK);
}

static slk_err serve_file(void *context, slk_http_exchange *x, slk_error *error)
{
    const struct fixture *f = context;
    const bool manifest = strstr(slk_http_path(x), "manifest") != NULL;
    SLK_CLEANUP(slk_freep)
    char *path = place(f->there, manifest ? "manifest" : "sealed", atol(slk_http_param(x, "n")));
    return slk_http_reply_file(x, path, "application/octet-stream", NULL, error);
}

static slk_err serve_cache(void *context, slk_http_exchange *x, slk_error *error)
{
    const struct fixture *f = context;
    const int64_t number = atol(slk_http_param(x, "n"));
    SLK_CLEANUP(slk_freep) char *path = place(f->there, "cache", number);
    slk_flat_tar *tar;
    uint64_t bytes;
    SLK_TRY(slk_cache_tar_new(&tar, &bytes, path, shape_of(number), error));
    return slk_http_reply_stream(x, 200, "application/x-tar", slk_i64(bytes), slk_flat_tar_produce,
                                 slk_flat_tar_release, tar);
}

static slk_err serve_c1(void *context, slk_http_exchange *x, slk_error *error)
{
    const struct fixture *f = context;
    SLK_CLEANUP(slk_freep) char *path = place(f->there, "c1", 5);
    return slk_http_reply_file(x, path, "application/json", NULL, error);
}

/* Until the test ends. */
static void serve(struct fixture *f, int port_to)
{
    slk_http_route routes[] = {
        {.method = "GET", .path = SLK_WIRE_PATH "sealed-data/{sp_id}/{n}", .handler = serve_file},
        {.method = "GET",
         .path = SLK_WIRE_PATH "sealed-manifest/{sp_id}/{n}",
         .handler = serve_file},
        {.method = "GET", .path = SLK_WIRE_PATH "cache-data/{sp_id}/{n}", .handler = serve_cache},
        {.method = "POST", .path = SLK_WIRE_PATH "commit1", .handler = serve_c1},
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        routes[i].context = f;
    const slk_http_server_options options = {.listen = "127.0.0.1:0",
                                             .request_burst = 1000000,
                                             .routes = routes,
                                             .n_routes = sizeof routes / sizeof *routes};
    slk_http_server *server = NULL;
    uint16_t port = 0;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (slk_http_server_new(&server, &options, NULL) == SLK_OK)
        port = slk_http_server_port(server);
    if (write(port_to, &port, sizeof port) != (ssize_t)sizeof port)
        _exit(1);
    for (;;)
        (void)pause();
}

static int make(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    /* What a sync costs is not the question. */
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(f->there, sizeof f->there, "%s/slk_fetch_there.XXXXXX", base);
    (void)snprintf(f->here, sizeof f->here, "%s/slk_fetch_here.XXXXXX", base);
    assert_non_null(mkdtemp(f->there));
    assert_non_null(mkdtemp(f->here));
    (void)snprintf(f->sealed, sizeof f->sealed, "%s/sealed", f->here);
    (void)snprintf(f->cache, sizeof f->cache, "%s/cache", f->here);
    (void)snprintf(f->c1, sizeof f->c1, "%s/c1", f->here);
    assert_int_equal(slk_crypto_new(&f->crypto, NULL, NULL), SLK_OK);
    put_sector(f, 5);
    put_sector(f, 6);
    int ends[2];
    uint16_t port = 0;
    assert_int_equal(pipe(ends), 0);
    f->server = fork();
    if (f->server == 0)
        serve(f, ends[1]);
    assert_int_equal(read(ends[0], &port, sizeof port), sizeof port);
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u", port);
    const slk_remote_peer_options options = {
        .connections = 1, .allow_private = true, .crypto = f->crypto};
    assert_int_equal(slk_remote_peer_new(&f->client, &options, NULL), SLK_OK);
    slk_remote_peer_ops(&f->peer, f->client);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    struct fixture *f = *state;
    (void)kill(f->server, SIGKILL);
    (void)waitpid(f->server, NULL, 0);
    slk_remote_peer_free(f->client);
    slk_crypto_free(f->crypto);
    assert_int_equal(slk_remove_tree(f->there, NULL), SLK_OK);
    assert_int_equal(slk_remove_tree(f->here, NULL), SLK_OK);
    free(f);
    return 0;
}

/* ---- one fetch ---- */

static slk_err fetch(struct fixture *f, int64_t number, slk_error *error)
{
    const slk_seal_remote to = {.url = f->url, .token = "token"};
    const slk_seal_sector sector = {1000, (uint64_t)number, number};
    const slk_seal_commitments comm = {0};
    const slk_seal_paths paths = {.sealed = f->sealed, .cache = f->cache};
    const uint8_t seed[32] = {1};
    const slk_seal_peer *p = &f->peer;
    slk_job job;
    slk_job_init(&job);
    SLK_TRY(
        p->fetch(p->ctx, &to, &sector, shape_of(number)->bytes, &comm, &paths, NULL, &job, error));
    return p->commit1(p->ctx, &to, &sector, 5, seed, f->c1, &job, error);
}

static bool same_file(const char *one, const char *other)
{
    slk_file_map a, b;
    assert_int_equal(slk_file_map_read(&a, one, NULL), SLK_OK);
    assert_int_equal(slk_file_map_read(&b, other, NULL), SLK_OK);
    const bool same = a.bytes == b.bytes && memcmp(a.data, b.data, a.bytes) == 0;
    slk_file_map_done(&a);
    slk_file_map_done(&b);
    return same;
}

/* What lies under a final name, if anything does, is right. */
static bool names_are_right(const struct fixture *f, int64_t number)
{
    SLK_CLEANUP(slk_freep) char *sealed = place(f->there, "sealed", number);
    SLK_CLEANUP(slk_freep) char *cache = place(f->there, "cache", number);
    bool right = !slk_file_exists(f->sealed) || same_file(f->sealed, sealed);
    const slk_sector_shape *shape = shape_of(number);
    for (size_t i = 0; slk_file_exists(f->cache) && i < slk_cache_file_count(shape); i++) {
        slk_cache_file file;
        slk_cache_file_at(&file, shape, i);
        SLK_CLEANUP(slk_freep) char *here = slk_path_join(f->cache, file.name);
        SLK_CLEANUP(slk_freep) char *there = slk_path_join(cache, file.name);
        right = right && same_file(here, there);
    }
    return right;
}

static bool is_over(const struct fixture *f, const char *end)
{
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s/%s", f->here, end);
    assert_non_null(path);
    return slk_file_exists(path);
}

static void check_complete(const struct fixture *f, int64_t number)
{
    static const char *const over[] = {"sealed.tmp", "sealed.blocks", "sealed.blocks.tmp",
                                       "cache.tmp", "cache/c1.url.tmp"};
    SLK_CLEANUP(slk_freep) char *c1 = place(f->there, "c1", number);
    assert_true(slk_file_exists(f->sealed) && is_over(f, "cache/c1.url"));
    assert_true(names_are_right(f, number));
    assert_true(same_file(f->c1, c1));
    for (size_t i = 0; i < sizeof over / sizeof *over; i++)
        if (is_over(f, over[i]))
            fail_msg("%s is left over", over[i]);
}

/* A cache that is complete, and the first block of the file. */
static void leave_half(const struct fixture *f, int64_t number)
{
    SLK_CLEANUP(slk_freep)
    char *copy = slk_strf("cp -r %s/cache-%" PRId64 " %s && cp %s/sealed-%" PRId64 " %s.tmp",
                          f->there, number, f->cache, f->there, number, f->sealed);
    SLK_CLEANUP(slk_freep) char *map_path = slk_strf("%s.blocks", f->sealed);
    slk_block_map map;
    assert_int_equal(system(copy), 0);
    assert_int_equal(
        slk_block_map_init(&map, map_path, shape_of(number)->bytes, SLK_MANIFEST_BLOCK_BYTES, NULL),
        SLK_OK);
    slk_block_map_mark(&map, 0);
    assert_int_equal(slk_block_map_save(&map, NULL), SLK_OK);
    slk_block_map_done(&map);
}

static ino_t inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void begin(const struct fixture *f, int64_t number, bool half)
{
    assert_int_equal(slk_remove_tree(f->here, NULL), SLK_OK);
    assert_int_equal(slk_folder_make(f->here, 0755, NULL), SLK_OK);
    if (half)
        leave_half(f, number);
}

/* True when the n-th call was reached. */
static bool try_one(struct fixture *f, const struct way *way, int64_t number, bool half, uint64_t n,
                    bool on)
{
    begin(f, number, half);
    const ino_t cache = inode_of(f->cache);
    slk_error error = {0};
    way->at(n, on);
    const slk_err code = fetch(f, number, &error);
    const bool hit = way->seen() >= n;
    way->at(0, false);
    if (code != SLK_OK && (!hit || code != way->code || !strchr(error.message, ' ')))
        fail_msg("%s %" PRIu64 "%s: %s: %s", way->name, n, on ? " and on" : "", slk_err_name(code),
                 error.message);
    if (!names_are_right(f, number) || (half && inode_of(f->cache) != cache))
        fail_msg("%s %" PRIu64 "%s: wrong files, or good ones gone", way->name, n,
                 on ? " and on" : "");
    if (fetch(f, number, &error) != SLK_OK)
        fail_msg("after %s %" PRIu64 "%s: %s", way->name, n, on ? " and on" : "", error.message);
    check_complete(f, number);
    return hit;
}

static uint64_t calls_of(struct fixture *f, const struct way *way, int64_t number, bool half)
{
    begin(f, number, half);
    assert_int_equal(fetch(f, number, NULL), SLK_OK); /* the connection is there from now on */
    begin(f, number, half);
    way->at(0, false);
    assert_int_equal(fetch(f, number, NULL), SLK_OK);
    const uint64_t seen = way->seen();
    check_complete(f, number);
    return seen;
}

static void try_all(struct fixture *f, int64_t number, bool half, uint64_t few)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const uint64_t all = calls_of(f, &ways[i], number, half);
        unsigned tries = 0, hits = 0;
        const uint64_t step = getenv("SELKIE_TEST_ALL") || all < few ? 1 : all / few;
        assert_in_range(all, 10, CALLS_MAX);
        for (uint64_t n = 1; n <= all; n += step) {
            hits += try_one(f, &ways[i], number, half, n, false);
            hits += try_one(f, &ways[i], number, half, n, true);
            tries += 2;
        }
        print_message("%s: %" PRIu64 ", tried %u times, reached %u times\n", ways[i].name, all,
                      tries, hits);
        assert_true(hits * 10 >= tries * 9); /* how a body is cut into pieces varies */
    }
}

static void each_call_of_a_fetch(void **state)
{
    try_all(*state, 5, false, CALLS_MAX);
}

static void calls_of_a_fetch_that_goes_on(void **state)
{
    try_all(*state, 6, true, FEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_of_a_fetch),
        cmocka_unit_test(calls_of_a_fetch_that_goes_on),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
