/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* /remote as it is served, and as it is fetched: from our own server, and from one that does as Lotus's does
 * or lies. */
#include "store/remote_fetch.h"
#include "store/remote_server.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/server.h"
#include "store/files.h"
#include "store/hold.h"
#include "store/place_test.h"
#include "store/unsealed.h"
#include "transfer/block_map.h"
#include "transfer/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 2048u
#define T_AUX_BYTES 512u
#define LARGE ((uint64_t)8 << 20) /* a sector of more than one block */

static const slk_lotus_sector one = {1000, 1}, two = {1000, 2};

typedef struct fixture {
    place from, to;
    const slk_store_path *source, *dest;
    slk_store_server *remote;
    slk_http_server *server;
    slk_http_client *client;
    char base[64], url[160];
    const char *urls[2];
    unsigned porep_calls;
    /* the other server */
    slk_buf tar;
    const char *tar_type;
    bool no_ranges;
    unsigned answers;
} fixture;

/* ---- the servers ---- */

static slk_err authorise_token(void *context, bool *ret_allowed, const char *token,
                               const slk_lotus_sector *sector, bool known_only, slk_error *error)
{
    (void)context;
    (void)known_only;
    if (strcmp(token, "first") == 0) { /* good for sector 1 alone */
        *ret_allowed = sector && slk_lotus_sector_equal(sector, &one);
        return SLK_OK;
    }
    *ret_allowed = strcmp(token, "right") == 0;
    if (*ret_allowed || strcmp(token, "reader") == 0)
        return SLK_OK;
    return slk_fail(error, strcmp(token, "later") == 0 ? SLK_E_UNREACHABLE : SLK_E_AUTH, "no");
}

static slk_err make_porep(void *context, slk_buf *out, const slk_store_porep_request *request,
                          slk_job *job, slk_error *error)
{
    fixture *f = context;
    slk_store_hold *hold = NULL;
    (void)job;
    f->porep_calls++;
    assert_true(slk_lotus_sector_equal(&request->sector.id, &one));
    assert_int_equal(request->sector.proof, 5);
    assert_int_equal(request->ticket[0], 0x11);
    assert_int_equal(request->seed[31], 0x22);
    /* Nobody changes its files meanwhile. */
    assert_int_equal(
        slk_store_hold_take(&hold, f->from.store, &one, 0, SLK_LOTUS_CACHE, 0, NULL, NULL),
        SLK_E_BUSY);
    return slk_buf_text(out, "[\"proofs\"]") == SLK_OK ? SLK_OK
                                                       : slk_fail(error, SLK_E_NOMEM, "memory");
}

/* Sends f->tar without a length, as Lotus sends its archives. */
typedef struct sending {
    slk_buf bytes; /* its own: who hangs up in the middle does not wait for it */
    size_t at;
} sending;

static slk_err produce(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                       slk_error *error)
{
    sending *s = context;
    (void)error;
    *ret_n = slk_min_u64(capacity, s->bytes.len - s->at);
    if (*ret_n > 0)
        memcpy(out, s->bytes.data + s->at, *ret_n);
    s->at += *ret_n;
    return SLK_OK;
}

static void release(void *context)
{
    sending *s = context;
    slk_buf_done(&s->bytes);
    slk_free(s);
}

static slk_err get_other(void *context, slk_http_exchange *x, slk_error *error)
{
    fixture *f = context;
    f->answers++;
    if (strcmp(slk_http_param(x, "what"), "file") == 0 && !f->no_ranges) {
        /* As Go's file server: ranges, and no ETag. */
        uint64_t first = 0, last = f->tar.len - 1;
        char value[96];
        const char *range = slk_http_header_value(x, "Range");
        if (!range)
            return slk_http_reply_bytes(x, 200, "application/octet-stream", f->tar.data,
                                        f->tar.len);
        assert_int_equal(sscanf(range, "bytes=%lu-%lu", &first, &last), 2);
        (void)snprintf(value, sizeof value, "bytes %lu-%lu/%zu", first, last, f->tar.len);
        SLK_TRY(slk_http_reply_header(x, "Content-Range", value));
        return slk_http_reply_bytes(x, 206, "application/octet-stream", f->tar.data + first,
                                    last - first + 1);
    }
    sending *s = slk_calloc(1, sizeof *s);
    slk_buf_init(&s->bytes, f->tar.len + 1);
    assert_int_equal(slk_buf_append(&s->bytes, f->tar.data, f->tar.len), SLK_OK);
    (void)error;
    return slk_http_reply_stream(x, 200, f->tar_type, f->no_ranges ? slk_i64(f->tar.len) : -1,
                                 produce, release, s);
}

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    const slk_lotus_meta meta = place_meta();
    place_make(&f->from, parent);
    place_make(&f->to, parent);
    f->source = place_path(&f->from, 0, &meta);
    f->dest = place_path(&f->to, 0, &meta);
    slk_buf_init(&f->tar, (size_t)64 << 20);
    f->tar_type = "application/x-tar";
    const slk_store_server_options options = {
        .store = f->from.store, .context = f, .authorise = authorise_token, .porep = make_porep};
    assert_int_equal(slk_store_server_new(&f->remote, &options, NULL), SLK_OK);
    static slk_http_route routes[SLK_STORE_SERVER_ROUTES + 1];
    slk_store_server_routes(f->remote, routes);
    routes[SLK_STORE_SERVER_ROUTES] = (slk_http_route){
        .method = "GET", .path = "/other/{what}", .handler = get_other, .context = f};
    const slk_http_server_options server = {
        .listen = "127.0.0.1:0", .routes = routes, .n_routes = SLK_STORE_SERVER_ROUTES + 1};
    assert_int_equal(slk_http_server_new(&f->server, &server, NULL), SLK_OK);
    (void)snprintf(f->base, sizeof f->base, "http://127.0.0.1:%u", slk_http_server_port(f->server));
    const slk_http_client_options client = {.allow_plain_http = true};
    assert_int_equal(slk_http_client_new(&f->client, &client, NULL), SLK_OK);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_http_client_free(f->client);
    slk_http_server_free(f->server);
    slk_store_server_free(f->remote);
    place_done(&f->from);
    place_done(&f->to);
    slk_buf_done(&f->tar);
    free(f);
    return 0;
}

/* ---- asking ---- */

typedef struct asked {
    const char *method, *path, *token, *range;
    const char *body;
} asked;

/* The answer's status; ret_body (may be NULL) its text. */
static int ask_with(fixture *f, const asked *a, slk_http_response *ret)
{
    SLK_CLEANUP(slk_freep) char *url = slk_strf("%s%s", f->base, a->path);
    slk_error e = {0};
    slk_http_header range = {"Range", a->range};
    const slk_http_request request = {.method = a->method,
                                      .url = url,
                                      .bearer = a->token,
                                      .headers = &range,
                                      .n_headers = a->range != NULL,
                                      .body = a->body,
                                      .body_bytes = a->body ? strlen(a->body) : 0,
                                      .content_type = a->body ? "application/json" : NULL,
                                      .max_body_bytes = (size_t)64 << 20};
    if (slk_http_call(f->client, &request, ret, &e) != SLK_OK)
        fail_msg("%s: %s", a->path, e.message);
    return ret->status;
}

static int ask(fixture *f, const char *method, const char *path, const char *token)
{
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    const asked a = {.method = method, .path = path, .token = token};
    return ask_with(f, &a, &response);
}

static const slk_http_pass strange = {.bearer = "wrong"};
static const slk_http_pass passes[] = {
    {.bearer = "right"}, {.bearer = "right"}, {.bearer = "right"}, {.bearer = "right"}};

static slk_store_fetch fetch_of(fixture *f, unsigned type, slk_cache_stage stage, uint64_t bytes)
{
    char name[SLK_LOTUS_NAME_CHARS];
    slk_lotus_sector_print(name, &one);
    (void)snprintf(f->url, sizeof f->url, "%s/remote/%s/%s", f->base, slk_lotus_type_name(type),
                   name);
    f->urls[0] = f->url;
    return (slk_store_fetch){.client = f->client,
                             .passes = passes,
                             .sector = one,
                             .shape = slk_sector_shape_of(bytes),
                             .type = type,
                             .urls = f->urls,
                             .n_urls = 1,
                             .stage = stage};
}

static slk_err fetch_here(fixture *f, const slk_store_fetch *fetch, slk_error *error)
{
    const slk_store_path *path = NULL;
    size_t url = 99;
    const slk_err code =
        slk_store_fetch_here(f->to.store, &path, &url, fetch, SLK_LOTUS_PATH_SEALING, NULL, error);
    if (code == SLK_OK)
        assert_ptr_equal(path, f->dest);
    return code;
}

/* ---- who may ---- */

static void tokens_are_demanded(void **state)
{
    fixture *f = *state;
    static const char *const paths[][2] = {
        {"GET", "/remote/sealed/s-t01000-1"},
        {"DELETE", "/remote/sealed/s-t01000-1"},
        {"GET", "/remote/stat/00000000-0000-0000-0000-000000000000"},
        {"GET", "/remote/unsealed/s-t01000-1/5/allocated/0/127"},
        {"POST", "/remote/vanilla/porep"},
        {"POST", "/remote/vanilla/single"},
    };
    place_file(f->source, SLK_LOTUS_SEALED, &one, SECTOR, 7);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        SLK_CLEANUP(slk_http_response_done) slk_http_response none = {0};
        SLK_CLEANUP(slk_http_response_done) slk_http_response reader = {0};
        SLK_CLEANUP(slk_http_response_done) slk_http_response wrong = {0};
        asked a = {.method = paths[i][0], .path = paths[i][1]};
        assert_int_equal(ask_with(f, &a, &none), 401);
        assert_string_equal(slk_buf_str(&none.body),
                            "{\"Error\":\"unauthorized: missing admin permission\"}");
        a.token = "reader";
        assert_int_equal(ask_with(f, &a, &reader), 401);
        assert_string_equal(slk_buf_str(&reader.body), slk_buf_str(&none.body));
        a.token = "wrong";
        assert_int_equal(ask_with(f, &a, &wrong), 401);
        assert_int_equal(wrong.body.len, 0);
        assert_int_equal(ask(f, paths[i][0], paths[i][1], "later"), 503);
    }
    assert_int_equal(ask(f, "GET", "/remote/sealed/s-t01000-1?token=right", NULL), 200);
    assert_int_equal(ask(f, "GET", "/remote/sealed/s-t01000-1?token=reader", NULL), 401);
    assert_int_equal(ask(f, "GET", "/remote/sealed/s-t01000-1", "right"), 200);
    assert_int_equal(ask(f, "POST", "/remote/sealed/s-t01000-1", "right"), 405);
    assert_true(place_has(f->source, SLK_LOTUS_SEALED, &one, SECTOR, 7));
}

static void a_token_may_be_of_one_sector(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_freep) char *stat = slk_strf("/remote/stat/%s", f->source->meta.id);
    place_file(f->source, SLK_LOTUS_SEALED, &one, SECTOR, 7);
    place_file(f->source, SLK_LOTUS_SEALED, &two, SECTOR, 7);
    assert_int_equal(ask(f, "GET", "/remote/sealed/s-t01000-1", "first"), 200);
    assert_int_equal(ask(f, "GET", "/remote/unsealed/s-t01000-1/5/allocated/0/127", "first"), 500);
    assert_int_equal(ask(f, "GET", "/remote/sealed/s-t01000-2", "first"), 401);
    assert_int_equal(ask(f, "DELETE", "/remote/sealed/s-t01000-2", "first"), 401);
    assert_int_equal(ask(f, "GET", "/remote/unsealed/s-t01000-2/5/allocated/0/127", "first"), 401);
    assert_int_equal(ask(f, "GET", "/remote/sealed/s-t01000-01", "first"), 401);
    assert_int_equal(ask(f, "GET", stat, "first"), 401);
    assert_int_equal(ask(f, "POST", "/remote/vanilla/porep", "first"), 401);
    assert_int_equal(ask(f, "DELETE", "/remote/sealed/s-t01000-1", "first"), 200);
    assert_true(place_has(f->source, SLK_LOTUS_SEALED, &two, SECTOR, 7));
}

/* ---- what is served ---- */

static void files_have_ranges_and_dates(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_http_response_done) slk_http_response whole = {0};
    SLK_CLEANUP(slk_http_response_done) slk_http_response part = {0};
    SLK_CLEANUP(slk_http_response_done) slk_http_response behind = {0};
    asked a = {.path = "/remote/sealed/s-t01000-1", .token = "right"};
    assert_int_equal(ask_with(f, &a, &whole), 500); /* not here */
    slk_http_response_done(&whole);
    place_file(f->source, SLK_LOTUS_SEALED, &one, SECTOR, 7);
    assert_int_equal(ask_with(f, &a, &whole), 200);
    assert_int_equal(whole.body.len, SECTOR);
    assert_string_equal(whole.content_type, "application/octet-stream");
    assert_int_equal(whole.etag[0], '"');
    a.range = "bytes=10-19";
    assert_int_equal(ask_with(f, &a, &part), 206);
    assert_int_equal(part.body.len, 10);
    assert_int_equal(part.range_total, SECTOR);
    a.range = "bytes=2048-";
    assert_int_equal(ask_with(f, &a, &behind), 416);
    SLK_CLEANUP(slk_freep)
    char *dated =
        slk_strf("curl -s -D - -o /dev/null -H 'Authorization: Bearer right' %s%s | "
                 "grep -Eq '^Last-Modified: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} "
                 "[0-9:]{8} GMT'",
                 f->base, a.path);
    assert_int_equal(system(dated), 0);
}

static void names_from_the_wire_stay_names(void **state)
{
    fixture *f = *state;
    static const char *const paths[] = {
        "/remote/sealed/s-t01000-01",      "/remote/sealed/s-t01000-1.tmp",
        "/remote/sealed/..%2fsectorstore", "/remote/..%2f..%2fetc/passwd",
        "/remote/sealed/%2e%2e",           "/remote/fetching/s-t01000-1",
        "/remote/sealed/fetching",         "/remote/nothing/s-t01000-1",
        "/remote/sealed/s-f01000-1",       "/remote/stat/..%2f..",
        "/remote/sealed/s-t01000-1%00",    "/remote/sealed/s-t099999999999999999999-1",
        "/remote/SEALED/s-t01000-1",
    };
    place_file(f->source, SLK_LOTUS_SEALED, &one, SECTOR, 7);
    SLK_CLEANUP(slk_freep) char *link = slk_store_file(f->source, SLK_LOTUS_SEALED, &two);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const int status = ask(f, "GET", paths[i], "right");
        assert_true(status == 500 || status == 404 || status == 400);
        assert_int_not_equal(ask(f, "DELETE", paths[i], "right"), 200);
    }
    assert_int_equal(ask(f, "GET", "/remote/sealed/s-t01000-2", "right"), 500);
    assert_int_equal(ask(f, "DELETE", "/remote/sealed/s-t01000-2", "right"), 500);
    SLK_CLEANUP(slk_http_response_done) slk_http_response absent = {0};
    const asked a = {.path = "/remote/cache/s-t01000-1", .token = "right"};
    assert_int_equal(ask_with(f, &a, &absent), 500);
    assert_null(strstr(slk_buf_str(&absent.body), f->from.folder));
    /* A link in place of a cache's file, and of the cache. */
    place_cache(f->source, SLK_LOTUS_CACHE, &one, slk_sector_shape_of(SECTOR), true);
    SLK_CLEANUP(slk_freep) char *cache = slk_store_file(f->source, SLK_LOTUS_CACHE, &one);
    SLK_CLEANUP(slk_freep) char *t_aux = slk_path_join(cache, "t_aux");
    assert_int_equal(unlink(t_aux), 0);
    assert_int_equal(symlink("/etc/passwd", t_aux), 0);
    slk_error e = {0};
    const slk_store_fetch fetch = fetch_of(f, SLK_LOTUS_CACHE, SLK_CACHE_ANY, SECTOR);
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_E_PROTO);
    assert_non_null(strstr(e.message, "lacks t_aux"));
    place_no_leftovers(f->dest, SLK_LOTUS_CACHE);
}

static void room_is_told_by_id(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    SLK_CLEANUP(slk_freep) char *path = slk_strf("/remote/stat/%s", f->source->meta.id);
    const asked a = {.path = path, .token = "right"};
    assert_int_equal(ask_with(f, &a, &response), 200);
    assert_non_null(strstr(slk_buf_str(&response.body), "\"FSAvailable\":"));
    assert_int_equal(ask(f, "GET", "/remote/stat/00000000-0000-0000-0000-000000000000", "right"),
                     404);
    assert_int_equal(ask(f, "GET", "/remote/stat/nothing", "right"), 404);
}

static void what_is_allocated_is_told(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_freep) char *file = slk_store_file(f->source, SLK_LOTUS_UNSEALED, &one);
    slk_unsealed unsealed;
    assert_int_equal(slk_unsealed_create(&unsealed, file, SECTOR, NULL), SLK_OK);
    assert_int_equal(slk_unsealed_allocate(&unsealed, 0, 1024, NULL), SLK_OK);
    slk_unsealed_done(&unsealed);
    static const struct {
        const char *rest;
        int status;
    } known[] = {
        {"s-t01000-1/5/allocated/0/1016", 200},
        {"s-t01000-1/5/allocated/127/889", 200},
        {"s-t01000-1/5/allocated/0/2032", 416},
        {"s-t01000-1/5/allocated/1016/127", 416},
        {"s-t01000-1/5/allocated/0/1000", 500},
        {"s-t01000-1/6/allocated/0/127", 500},
        {"s-t01000-1/99/allocated/0/127", 500},
        {"s-t01000-2/5/allocated/0/127", 500},
        {"s-t01000-1/5/allocated/-127/127", 500},
        {"s-t01000-1/5/allocated/x/127", 500},
        {"s-t01000-1/18446744073709551615/allocated/0/127", 500},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        SLK_CLEANUP(slk_freep) char *path = slk_strf("/remote/unsealed/%s", known[i].rest);
        const int status = ask(f, "GET", path, "right");
        if (status != known[i].status)
            fail_msg("%s: %d", path, status);
    }
}

static void copies_are_deleted_but_those_kept(void **state)
{
    fixture *f = *state;
    const slk_lotus_meta meta = place_meta();
    const slk_store_path *second = place_path(&f->from, 1, &meta);
    place_file(f->source, SLK_LOTUS_SEALED, &one, SECTOR, 7);
    place_file(second, SLK_LOTUS_SEALED, &one, SECTOR, 7);
    SLK_CLEANUP(slk_freep)
    char *url = slk_strf("%s/remote/sealed/s-t01000-1", f->base);
    SLK_CLEANUP(slk_lotus_strings_done) slk_lotus_strings keep = {0};
    slk_error e = {0};
    assert_int_equal(slk_lotus_strings_add(&keep, "11111111-2222-3333-4444-555555555555"), SLK_OK);
    assert_int_equal(slk_lotus_strings_add(&keep, second->meta.id), SLK_OK);
    assert_int_equal(slk_store_delete_there(f->client, &passes[0], url, &keep, NULL, &e), SLK_OK);
    assert_false(place_has(f->source, SLK_LOTUS_SEALED, &one, SECTOR, 7));
    assert_true(place_has(second, SLK_LOTUS_SEALED, &one, SECTOR, 7));
    assert_int_equal(f->from.dropped, 1);
    assert_int_equal(slk_store_delete_there(f->client, &passes[0], url, &keep, NULL, &e), SLK_OK);
    assert_true(place_has(second, SLK_LOTUS_SEALED, &one, SECTOR, 7));
    SLK_CLEANUP(slk_freep)
    char *odd = slk_strf("%s?keep=%s.x", "/remote/sealed/s-t01000-1", f->source->meta.id);
    assert_int_equal(ask(f, "DELETE", odd, "right"), 500); /* rather nothing than too much */
    assert_true(place_has(second, SLK_LOTUS_SEALED, &one, SECTOR, 7));
    f->from.refuse = true; /* one that stays is not called gone */
    assert_int_equal(slk_store_delete_there(f->client, &passes[0], url, NULL, NULL, &e),
                     SLK_E_BUSY);
    f->from.refuse = false;
    assert_true(place_has(second, SLK_LOTUS_SEALED, &one, SECTOR, 7));
    assert_int_equal(slk_store_delete_there(f->client, &passes[0], url, NULL, NULL, &e), SLK_OK);
    assert_false(place_has(second, SLK_LOTUS_SEALED, &one, SECTOR, 7));
    assert_int_equal(slk_store_delete_there(f->client, &passes[0], url, NULL, NULL, &e),
                     SLK_E_NOTFOUND);
    assert_int_equal(slk_store_delete_there(f->client, &strange, url, NULL, NULL, &e), SLK_E_AUTH);
}

#define RANDOM_T "ERERERERERERERERERERERERERERERERERERERERERE="
#define RANDOM_S "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI="

static void c1_is_made_by_the_owner(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_http_response_done) slk_http_response made = {0};
    SLK_CLEANUP(slk_http_response_done) slk_http_response bad = {0};
    const uint8_t comm[32] = {1};
    json_t *sealed = slk_lotus_comm_r_json(comm), *unsealed = slk_lotus_comm_d_json(comm);
    char *sealed_text = json_dumps(sealed, JSON_COMPACT);
    char *unsealed_text = json_dumps(unsealed, JSON_COMPACT);
    SLK_CLEANUP(slk_freep)
    char *body = slk_strf("{\"Sector\":{\"ID\":{\"Miner\":1000,\"Number\":1},\"ProofType\":5},"
                          "\"Sealed\":%s,\"Unsealed\":%s,\"Ticket\":\"" RANDOM_T
                          "\",\"Seed\":\"" RANDOM_S "\"}",
                          sealed_text, unsealed_text);
    asked a = {.method = "POST", .path = "/remote/vanilla/porep", .token = "right", .body = body};
    assert_int_equal(ask_with(f, &a, &made), 200);
    assert_string_equal(slk_buf_str(&made.body), "[\"proofs\"]");
    assert_string_equal(made.content_type, "application/octet-stream");
    a.body = "{\"Sector\":7}";
    assert_int_equal(ask_with(f, &a, &bad), 500);
    assert_non_null(strstr(slk_buf_str(&bad.body), "Sector"));
    assert_int_equal(f->porep_calls, 1);
    free(sealed_text);
    free(unsealed_text);
    json_decref(sealed);
    json_decref(unsealed);
}

/* ---- fetching from ours ---- */

static void files_are_fetched_and_placed(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    slk_store_fetch fetch = fetch_of(f, SLK_LOTUS_SEALED, SLK_CACHE_ANY, LARGE);
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_E_UNREACHABLE); /* 500 */
    place_file(f->source, SLK_LOTUS_SEALED, &one, LARGE, 7);
    if (fetch_here(f, &fetch, &e) != SLK_OK)
        fail_msg("%s", e.message);
    assert_true(place_has(f->dest, SLK_LOTUS_SEALED, &one, LARGE, 7));
    place_no_leftovers(f->dest, SLK_LOTUS_SEALED);
    assert_int_equal(f->to.placed, 1);
    /* Here already: nobody is asked. */
    f->urls[0] = "http://127.0.0.1:1/";
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_OK);
    assert_int_equal(f->to.placed, 1);
}

static void other_sizes_are_refused(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    slk_store_fetch fetch = fetch_of(f, SLK_LOTUS_SEALED, SLK_CACHE_ANY, SECTOR);
    place_file(f->source, SLK_LOTUS_SEALED, &one, SECTOR + 1, 7);
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_E_PROTO);
    assert_non_null(strstr(e.message, "2049"));
    place_file(f->source, SLK_LOTUS_SEALED, &one, SECTOR - 1, 7);
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_E_PROTO);
    assert_false(place_has(f->dest, SLK_LOTUS_SEALED, &one, 0, 0));
    fetch.type = SLK_LOTUS_PIECE;
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_E_UNSUPPORTED);
}

static void unsealed_files_need_their_trailer(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    const slk_store_fetch fetch = fetch_of(f, SLK_LOTUS_UNSEALED, SLK_CACHE_ANY, SECTOR);
    SLK_CLEANUP(slk_freep) char *file = slk_store_file(f->source, SLK_LOTUS_UNSEALED, &one);
    place_file(f->source, SLK_LOTUS_UNSEALED, &one, SECTOR + 3, 7);
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_E_PROTO);
    place_no_leftovers(f->dest, SLK_LOTUS_UNSEALED);
    slk_unsealed unsealed;
    assert_int_equal(slk_unsealed_create(&unsealed, file, SECTOR, NULL), SLK_OK);
    assert_int_equal(slk_unsealed_allocate(&unsealed, 0, SECTOR, NULL), SLK_OK);
    slk_unsealed_done(&unsealed);
    if (fetch_here(f, &fetch, &e) != SLK_OK)
        fail_msg("%s", e.message);
    SLK_CLEANUP(slk_freep) char *here = slk_store_file(f->dest, SLK_LOTUS_UNSEALED, &one);
    assert_int_equal(slk_unsealed_open(&unsealed, here, SECTOR, false, NULL), SLK_OK);
    assert_true(slk_unsealed_has(&unsealed, 0, SECTOR));
    slk_unsealed_done(&unsealed);
}

/* A whole file whose fetch died before it was placed may be of an earlier sealing. */
static void an_old_file_is_not_taken_for_the_new(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    const slk_store_fetch fetch = fetch_of(f, SLK_LOTUS_SEALED, SLK_CACHE_ANY, SECTOR);
    SLK_CLEANUP(slk_freep) char *temp = slk_store_temp(f->dest, SLK_LOTUS_SEALED, &one);
    uint8_t old[SECTOR];
    memset(old, 9, sizeof old);
    assert_int_equal(slk_file_write_atomic(temp, old, sizeof old, 0644, NULL), SLK_OK);
    place_file(f->source, SLK_LOTUS_SEALED, &one, SECTOR, 7);
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_OK);
    assert_true(place_has(f->dest, SLK_LOTUS_SEALED, &one, SECTOR, 7));
}

static void sources_are_tried_in_turn(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    slk_store_fetch fetch = fetch_of(f, SLK_LOTUS_SEALED, SLK_CACHE_ANY, SECTOR);
    SLK_CLEANUP(slk_freep) char *absent = slk_strf("%s/remote/sealed/s-t01000-2", f->base);
    const slk_store_path *path = NULL;
    size_t url = 99;
    f->urls[1] = f->urls[0];
    f->urls[0] = absent;
    fetch.n_urls = 2;
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_E_UNREACHABLE);
    assert_non_null(strstr(e.message, "none of 2 sources"));
    place_file(f->source, SLK_LOTUS_SEALED, &one, SECTOR, 7);
    assert_int_equal(
        slk_store_fetch_here(f->to.store, &path, &url, &fetch, SLK_LOTUS_PATH_STORAGE, NULL, &e),
        SLK_OK);
    assert_int_equal(url, 1);
}

static bool has_file(const slk_store_path *path, const char *name)
{
    SLK_CLEANUP(slk_freep) char *folder = slk_store_file(path, SLK_LOTUS_CACHE, &one);
    SLK_CLEANUP(slk_freep) char *file = slk_path_join(folder, name);
    return slk_file_exists(file);
}

static void assert_same_cache(const fixture *f)
{
    SLK_CLEANUP(slk_freep) char *a = slk_store_file(f->source, SLK_LOTUS_CACHE, &one);
    SLK_CLEANUP(slk_freep) char *b = slk_store_file(f->dest, SLK_LOTUS_CACHE, &one);
    SLK_CLEANUP(slk_freep) char *compare = slk_strf("diff -r %s %s", a, b);
    assert_int_equal(system(compare), 0);
}

static void caches_travel_at_their_stages(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    slk_store_fetch fetch = fetch_of(f, SLK_LOTUS_CACHE, SLK_CACHE_TREES, SECTOR);
    place_cache(f->source, SLK_LOTUS_CACHE, &one, fetch.shape, false);
    if (fetch_here(f, &fetch, &e) != SLK_OK)
        fail_msg("%s", e.message);
    assert_same_cache(f);
    assert_int_equal(slk_store_remove(f->to.store, NULL, &one, SLK_LOTUS_CACHE, NULL, NULL),
                     SLK_OK);
    fetch.stage = SLK_CACHE_FINISHED;
    const slk_http_client_counts *counts = slk_http_client_get_counts(f->client);
    const uint64_t before = slk_counter_read(&counts->received_bytes);
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_OK);
    /* Three members of at most a block each, and the end: the rest was not even sent. */
    assert_in_range(slk_counter_read(&counts->received_bytes) - before, 3 * 1024 + 1024,
                    3 * 1024 + T_AUX_BYTES + 1024);
    assert_true(has_file(f->dest, "p_aux"));
    assert_true(has_file(f->dest, "sc-02-data-tree-r-last.dat"));
    assert_false(has_file(f->dest, "sc-02-data-layer-1.dat"));
    assert_false(has_file(f->dest, "sc-02-data-tree-c.dat"));
    place_no_leftovers(f->dest, SLK_LOTUS_CACHE);
    /* Of a finished one no layers can be had. */
    assert_int_equal(slk_store_remove(f->to.store, NULL, &one, SLK_LOTUS_CACHE, NULL, NULL),
                     SLK_OK);
    assert_int_equal(slk_store_remove(f->from.store, NULL, &one, SLK_LOTUS_CACHE, NULL, NULL),
                     SLK_OK);
    place_cache(f->source, SLK_LOTUS_CACHE, &one, fetch.shape, true);
    fetch.stage = SLK_CACHE_TREES;
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_E_PROTO);
    assert_non_null(strstr(e.message, "it lacks sc-02-data-layer-1.dat"));
    fetch.stage = SLK_CACHE_ANY;
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_OK);
    assert_same_cache(f);
}

static void a_folder_has_no_ranges(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_http_response_done) slk_http_response whole = {0};
    SLK_CLEANUP(slk_http_response_done) slk_http_response part = {0};
    asked a = {.path = "/remote/cache/s-t01000-1", .token = "right"};
    place_cache(f->source, SLK_LOTUS_CACHE, &one, slk_sector_shape_of(SECTOR), true);
    assert_int_equal(ask_with(f, &a, &whole), 200);
    assert_string_equal(whole.content_type, "application/x-tar");
    assert_int_equal(whole.body.len % 512, 0);
    a.range = "bytes=0-9";
    assert_int_equal(ask_with(f, &a, &part), 500);
}

/* What is being sent is not removed, and what is being written is not sent. */
static void holds_are_kept(void **state)
{
    fixture *f = *state;
    slk_store_hold *hold = NULL;
    place_file(f->source, SLK_LOTUS_SEALED, &one, SECTOR, 7);
    assert_int_equal(
        slk_store_hold_take(&hold, f->from.store, &one, 0, SLK_LOTUS_SEALED, 0, NULL, NULL),
        SLK_OK);
    SLK_CLEANUP(slk_freep) char *url = slk_strf("%s/remote/sealed/s-t01000-1", f->base);
    slk_error e = {0};
    assert_int_equal(ask(f, "GET", "/remote/sealed/s-t01000-1", "right"), 503);
    slk_store_server_cancel(f->remote); /* DELETE would wait half a minute */
    assert_int_equal(slk_store_delete_there(f->client, &passes[0], url, NULL, NULL, &e),
                     SLK_E_BUSY);
    slk_store_hold_free(hold);
    assert_int_equal(ask(f, "GET", "/remote/sealed/s-t01000-1", "right"), 200);
    /* The answer is out, so nobody holds it any more: */
    assert_int_equal(
        slk_store_hold_take(&hold, f->from.store, &one, 0, SLK_LOTUS_SEALED, 5000, NULL, NULL),
        SLK_OK);
    slk_store_hold_free(hold);
}

/* ---- fetching from others ---- */

#define BLOCK 512u

/* A ustar header by its offsets; source: POSIX.1-1988. */
static void put_header(slk_buf *tar, const char *name, size_t bytes)
{
    uint8_t h[BLOCK + 16] = {0}; /* room for the NULs of the last fields */
    unsigned sum = 0;
    memcpy(h, name, strlen(name));
    (void)snprintf((char *)h + 124, 12, "%011zo", bytes);
    memset(h + 148, ' ', 8);
    h[156] = '0';
    memcpy(h + 257, "ustar\00000", 9);
    for (size_t i = 0; i < BLOCK; i++)
        sum += h[i];
    (void)snprintf((char *)h + 148, 7, "%06o", sum);
    assert_int_equal(slk_buf_append(tar, h, BLOCK), SLK_OK);
}

static void put_member(slk_buf *tar, const char *name, size_t bytes, bool pad)
{
    put_header(tar, name, bytes);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(slk_buf_byte(tar, (uint8_t)(i + 1)), SLK_OK);
    while (pad && tar->len % BLOCK != 0)
        assert_int_equal(slk_buf_byte(tar, 0), SLK_OK);
}

/* A whole cache of a 2 KiB sector as Lotus sends it: no padding and no blocks at the end. */
static const struct {
    const char *name;
    size_t bytes;
} members[] = {{"p_aux", 64},
               {"sc-02-data-layer-1.dat", 2048},
               {"sc-02-data-layer-2.dat", 2048},
               {"sc-02-data-tree-c.dat", 2336},
               {"sc-02-data-tree-d.dat", 4064},
               {"sc-02-data-tree-r-last.dat", 32},
               {"t_aux", 300}};
#define MEMBERS (sizeof members / sizeof *members)

static slk_store_fetch fetch_other(fixture *f, const char *what, unsigned type,
                                   slk_cache_stage stage)
{
    slk_store_fetch fetch = fetch_of(f, type, stage, SECTOR);
    (void)snprintf(f->url, sizeof f->url, "%s/other/%s", f->base, what);
    return fetch;
}

static void a_cut_between_members_is_seen(void **state)
{
    fixture *f = *state;
    const slk_store_fetch any = fetch_other(f, "tar", SLK_LOTUS_CACHE, SLK_CACHE_ANY);
    slk_store_fetch finished = any;
    finished.stage = SLK_CACHE_FINISHED;
    for (size_t n = 0; n <= MEMBERS; n++) {
        slk_error e = {0};
        slk_buf_reset(&f->tar);
        for (size_t i = 0; i < n; i++)
            put_member(&f->tar, members[i].name, members[i].bytes, i + 1 < n);
        const slk_err code = fetch_here(f, &any, &e);
        if (code != (n == MEMBERS ? SLK_OK : SLK_E_PROTO))
            fail_msg("%zu members: %s %s", n, slk_err_name(code), e.message);
        if (n < MEMBERS)
            assert_non_null(strstr(e.message, "lacks"));
        place_no_leftovers(f->dest, SLK_LOTUS_CACHE);
    }
    assert_true(has_file(f->dest, "sc-02-data-layer-2.dat"));
    assert_int_equal(slk_store_remove(f->to.store, NULL, &one, SLK_LOTUS_CACHE, NULL, NULL),
                     SLK_OK);
    /* A server that does not know ?only=finished sends all: the rest is dropped as it comes. */
    assert_int_equal(fetch_here(f, &finished, NULL), SLK_OK);
    assert_true(has_file(f->dest, "t_aux"));
    assert_false(has_file(f->dest, "sc-02-data-layer-2.dat"));
}

/* What Lotus has before a sector is finalised is hundreds of times what is wanted of it. */
static void p_aux_alone_is_read_of_a_cache_with_layers(void **state)
{
    fixture *f = *state;
    static const size_t other_order[] = {5, 1, 2, 3, 4, 6, 0};
    slk_error e = {0};
    slk_store_fetch lean = fetch_other(f, "tar", SLK_LOTUS_CACHE, SLK_CACHE_FINISHED);
    lean.lean = true;
    slk_buf_reset(&f->tar);
    put_member(&f->tar, members[0].name, members[0].bytes, true);
    put_header(&f->tar, members[1].name, members[1].bytes); /* and no more: nobody asks for it */
    if (fetch_here(f, &lean, &e) != SLK_OK)
        fail_msg("%s", e.message);
    assert_true(has_file(f->dest, "p_aux"));
    assert_true(has_file(f->dest, SLK_CACHE_LEAN_FILE));
    assert_int_equal(slk_store_remove(f->to.store, NULL, &one, SLK_LOTUS_CACHE, NULL, NULL),
                     SLK_OK);
    /* A finished one is read as ever, and one in another order, too. */
    for (unsigned finished = 0; finished < 2; finished++) {
        slk_buf_reset(&f->tar);
        for (size_t i = 0; i < MEMBERS; i++) {
            const size_t m = finished ? i : other_order[i];
            if (!finished || m == 0 || m > 4)
                put_member(&f->tar, members[m].name, members[m].bytes, true);
        }
        if (fetch_here(f, &lean, &e) != SLK_OK)
            fail_msg("%s", e.message);
        assert_true(has_file(f->dest, "t_aux"));
        assert_true(has_file(f->dest, "sc-02-data-tree-r-last.dat"));
        assert_false(has_file(f->dest, SLK_CACHE_LEAN_FILE));
        assert_int_equal(slk_store_remove(f->to.store, NULL, &one, SLK_LOTUS_CACHE, NULL, NULL),
                         SLK_OK);
    }
}

static void only_a_cache_comes_out_of_an_archive(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {".selkie-pc1", "../p_aux", "sc-02-data-layer-3.dat",
                                        "sc-02-data-tree-c-0.dat", "notes"};
    const slk_store_fetch any = fetch_other(f, "tar", SLK_LOTUS_CACHE, SLK_CACHE_ANY);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        slk_error e = {0};
        slk_buf_reset(&f->tar);
        put_member(&f->tar, names[k], 64, true);
        for (size_t i = 0; i < MEMBERS; i++)
            put_member(&f->tar, members[i].name, members[i].bytes, true);
        assert_int_equal(fetch_here(f, &any, &e), SLK_E_PROTO);
        place_no_leftovers(f->dest, SLK_LOTUS_CACHE);
    }
    slk_buf_reset(&f->tar);
    for (size_t i = 0; i < MEMBERS; i++)
        put_member(&f->tar, members[i].name, members[i].bytes - (i == 2), true);
    assert_int_equal(fetch_here(f, &any, NULL), SLK_E_PROTO);
}

/* Ranges without an ETag are ranges of nobody knows what: what lies there is not gone on with. */
static void without_an_etag_nothing_is_gone_on_with(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    slk_store_fetch fetch = fetch_other(f, "file", SLK_LOTUS_SEALED, SLK_CACHE_ANY);
    for (unsigned i = 0; i < SECTOR; i++)
        assert_int_equal(slk_buf_byte(&f->tar, 7), SLK_OK);
    SLK_CLEANUP(slk_freep) char *temp = slk_store_temp(f->dest, SLK_LOTUS_SEALED, &one);
    SLK_CLEANUP(slk_freep) char *left = slk_strf("%s.tmp", temp);
    SLK_CLEANUP(slk_freep) char *blocks = slk_strf("%s.blocks", temp);
    slk_block_map map;
    uint8_t old[SECTOR];
    memset(old, 9, sizeof old);
    assert_int_equal(slk_file_write_atomic(left, old, sizeof old, 0644, NULL), SLK_OK);
    assert_int_equal(slk_block_map_init(&map, blocks, SECTOR, SLK_FETCH_BLOCK_BYTES, NULL), SLK_OK);
    slk_block_map_mark(&map, 0);
    assert_int_equal(slk_block_map_save(&map, NULL), SLK_OK);
    slk_block_map_done(&map);
    if (fetch_here(f, &fetch, &e) != SLK_OK)
        fail_msg("%s", e.message);
    assert_true(place_has(f->dest, SLK_LOTUS_SEALED, &one, SECTOR, 7));
    assert_int_equal(f->answers, 2); /* its size, and all of it */
    place_no_leftovers(f->dest, SLK_LOTUS_SEALED);
    assert_int_equal(slk_store_remove(f->to.store, NULL, &one, SLK_LOTUS_SEALED, NULL, NULL),
                     SLK_OK);
    f->no_ranges = true;
    assert_int_equal(fetch_here(f, &fetch, &e), SLK_OK);
    assert_true(place_has(f->dest, SLK_LOTUS_SEALED, &one, SECTOR, 7));
}

static void a_full_path_is_said_before_anything_is_asked(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    slk_lotus_meta meta = place_meta();
    meta.max_storage = 1000;
    const slk_store_path *path = NULL;
    (void)place_path(&f->to, 1, &meta);
    assert_int_equal(slk_store_detach(f->to.store, NULL, f->dest->meta.id, NULL), SLK_OK);
    slk_store_fetch fetch = fetch_other(f, "tar", SLK_LOTUS_CACHE, SLK_CACHE_ANY);
    assert_int_equal(
        slk_store_fetch_here(f->to.store, &path, NULL, &fetch, SLK_LOTUS_PATH_SEALING, NULL, &e),
        SLK_E_NOSPACE);
    assert_int_equal(f->answers, 0);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tokens_are_demanded),
        T(a_token_may_be_of_one_sector),
        T(files_have_ranges_and_dates),
        T(names_from_the_wire_stay_names),
        T(room_is_told_by_id),
        T(what_is_allocated_is_told),
        T(copies_are_deleted_but_those_kept),
        T(c1_is_made_by_the_owner),
        T(files_are_fetched_and_placed),
        T(other_sizes_are_refused),
        T(unsealed_files_need_their_trailer),
        T(an_old_file_is_not_taken_for_the_new),
        T(sources_are_tried_in_turn),
        T(caches_travel_at_their_stages),
        T(a_folder_has_no_ranges),
        T(holds_are_kept),
        T(a_cut_between_members_is_seen),
        T(p_aux_alone_is_read_of_a_cache_with_layers),
        T(only_a_cache_comes_out_of_an_archive),
        T(without_an_etag_nothing_is_gone_on_with),
        T(a_full_path_is_said_before_anything_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
