/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What stands between the internet and a handler, beside the guard: limits, proxies, certificates
 * that change, versions of a file; and addresses that are never called. */
#include "net/address.h"
#include "net/certificate.h"
#include "net/client.h"
#include "net/limiter.h"
#include "net/server.h"

#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ETAG "\"0123-2048\""

typedef struct fixture {
    char folder[64], file[96], certificate[96], key[96];
    slk_http_server *server;
    slk_http_client *client;
    char base[64];
    atomic_int ended;
    atomic_bool fast; /* /slow-down is over */
    unsigned waited, enough;
} fixture;

static slk_err serve_peer(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)error;
    return slk_http_reply_text(x, 200, "%s %s", slk_http_peer(x), slk_http_peer_owner(x));
}

static slk_err serve_file(void *context, slk_http_exchange *x, slk_error *error)
{
    const fixture *f = context;
    return slk_http_reply_file(x, f->file, "application/octet-stream", ETAG, error);
}

static slk_err serve_slow_down(void *context, slk_http_exchange *x, slk_error *error)
{
    const fixture *f = context;
    return f->fast ? slk_http_reply_text(x, 200, "fast") : slk_http_slow_down(x, 4500, error);
}

static slk_err serve_guess(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    return slk_http_guessed(x, error);
}

static void count_end(void *context)
{
    fixture *f = context;
    f->ended++;
}

static slk_err serve_counted(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)error;
    slk_http_on_end(x, count_end, context);
    return slk_http_reply_text(x, 200, "counted");
}

static slk_http_route routes[] = {
    {.method = "GET", .path = "/peer", .handler = serve_peer},
    {.method = "GET", .path = "/file", .handler = serve_file},
    {.method = "GET", .path = "/slow-down", .handler = serve_slow_down},
    {.method = "GET", .path = "/counted", .handler = serve_counted},
    {.method = "GET", .path = "/guess", .handler = serve_guess},
};
#define N_ROUTES (sizeof routes / sizeof *routes)

static fixture *make(slk_http_server_options options, bool tls)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    for (size_t i = 0; i < N_ROUTES; i++)
        routes[i].context = f;
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk_front_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->file, sizeof f->file, "%s/file", f->folder);
    (void)snprintf(f->certificate, sizeof f->certificate, "%s/tls.crt", f->folder);
    (void)snprintf(f->key, sizeof f->key, "%s/tls.key", f->folder);
    assert_int_equal(slk_file_write_atomic(f->file, "0123456789", 10, 0600, NULL), SLK_OK);
    assert_int_equal(slk_net_make_certificate(f->folder, NULL, 0, NULL), SLK_OK);
    options.listen = "127.0.0.1:0";
    options.routes = routes;
    options.n_routes = N_ROUTES;
    options.certificate_file = tls ? f->certificate : NULL;
    options.key_file = tls ? f->key : NULL;
    slk_error e = {0};
    if (slk_http_server_new(&f->server, &options, &e) != SLK_OK)
        fail_msg("%s", e.message);
    const slk_http_client_options c = {.allow_plain_http = true,
                                       .ca_file = tls ? f->certificate : NULL};
    assert_int_equal(slk_http_client_new(&f->client, &c, NULL), SLK_OK);
    (void)snprintf(f->base, sizeof f->base, "%s://127.0.0.1:%u", tls ? "https" : "http",
                   slk_http_server_port(f->server));
    return f;
}

static void unmake(fixture *f)
{
    slk_http_client_free(f->client);
    slk_http_server_free(f->server);
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f);
}

static slk_http_response ask(fixture *f, const char *path, slk_http_request r)
{
    SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(f->base, path);
    r.url = url;
    slk_error e = {0};
    slk_http_response response = {0};
    if (slk_http_call(f->client, &r, &response, &e) != SLK_OK)
        fail_msg("%s", e.message);
    return response;
}

static void expect_body(fixture *f, const char *path, const slk_http_header *header,
                        const char *body)
{
    const slk_http_request r = {.headers = header, .n_headers = header ? 1 : 0};
    slk_http_response response = ask(f, path, r);
    assert_int_equal(response.status, 200);
    assert_string_equal(slk_buf_str(&response.body), body);
    slk_http_response_done(&response);
}

/* ---- limits ---- */

static void floods_get_429(void **state)
{
    (void)state;
    fixture *f = make(
        (slk_http_server_options){.request_burst = 5, .request_interval_ms = 3600 * 1000}, false);
    for (int i = 0; i < 5; i++)
        expect_body(f, "/peer", NULL, "127.0.0.1 127.0.0.1\n");
    slk_http_response r = ask(f, "/peer", (slk_http_request){0});
    assert_int_equal(r.status, 429);
    assert_in_range(r.retry_after_s, 3590, 3601);
    slk_http_response_done(&r);
    unmake(f);
}

static void handlers_can_slow_a_peer_down(void **state)
{
    (void)state;
    fixture *f = make((slk_http_server_options){0}, false);
    slk_http_response r = ask(f, "/slow-down", (slk_http_request){0});
    assert_int_equal(r.status, 429);
    assert_int_equal(r.retry_after_s, 5);
    assert_non_null(strstr(slk_buf_str(&r.body), "too many requests"));
    slk_http_response_done(&r);
    for (int i = 1; i <= 3; i++)
        expect_body(f, "/counted", NULL, "counted\n");
    slk_http_server_free(f->server); /* every exchange has ended by then */
    f->server = NULL;
    assert_int_equal(f->ended, 3);
    unmake(f);
}

static bool wait_a_little(void *context, int64_t seconds, unsigned before)
{
    fixture *f = context;
    assert_int_equal(seconds, 5);
    f->waited++;
    f->fast = before + 1 == f->enough;
    return before < 3;
}

static void who_is_patient_asks_again(void **state)
{
    (void)state;
    fixture *f = make((slk_http_server_options){0}, false);
    const slk_http_client_options patient = {
        .allow_plain_http = true, .later = wait_a_little, .later_context = f};
    slk_http_client_free(f->client);
    assert_int_equal(slk_http_client_new(&f->client, &patient, NULL), SLK_OK);
    f->enough = 2;
    expect_body(f, "/slow-down", NULL, "fast\n");
    assert_int_equal(f->waited, 2);
    f->enough = 99;
    f->fast = false;
    slk_http_response r = ask(f, "/slow-down", (slk_http_request){0});
    assert_int_equal(r.status, 429); /* its patience is over */
    assert_int_equal(f->waited, 2 + 4);
    slk_http_response_done(&r);
    unmake(f);
}

/* Twenty a minute of one address; what it may otherwise do it goes on doing. */
static void guesses_are_counted(void **state)
{
    (void)state;
    fixture *f = make((slk_http_server_options){.behind_proxy = true}, false);
    const slk_http_header one = {"X-Forwarded-For", "203.0.113.9"},
                          two = {"X-Forwarded-For", "203.0.113.10"};
    const slk_http_request guess = {.headers = &one, .n_headers = 1};
    unsigned refused = 0;
    slk_http_response r;
    while ((r = ask(f, "/guess", guess)).status == 401) {
        slk_http_response_done(&r);
        refused++;
    }
    assert_in_range(refused, SLK_HTTP_GUESSES, SLK_HTTP_GUESSES + 1); /* one more after 3 s */
    assert_int_equal(r.status, 429);
    assert_in_range(r.retry_after_s, 1, SLK_HTTP_GUESS_INTERVAL_MS / 1000 + 1);
    slk_http_response_done(&r);
    expect_body(f, "/peer", &one, "203.0.113.9 203.0.113.9\n");
    r = ask(f, "/guess", (slk_http_request){.headers = &two, .n_headers = 1});
    assert_int_equal(r.status, 401);
    slk_http_response_done(&r);
    unmake(f);
}

static void the_limiter_keeps_keys_apart(void **state)
{
    (void)state;
    slk_limiter *limiter = NULL;
    assert_int_equal(slk_limiter_new(&limiter, 2, 1000, NULL), SLK_OK);
    assert_true(slk_limiter_take(limiter, "a", 100));
    assert_int_equal(slk_limiter_wait(limiter, "a", 100), 0);
    assert_true(slk_limiter_take(limiter, "a", 100));
    assert_int_equal(slk_limiter_wait(limiter, "a", 100), 1000);
    assert_int_equal(slk_limiter_wait(limiter, "a", 700), 400);
    /* A thousand strangers later the one in debt is still known: those who owe less go first. */
    for (int i = 0; i < 1000; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "stranger %d", i);
        assert_true(slk_limiter_take(limiter, key, 100));
    }
    assert_false(slk_limiter_take(limiter, "a", 100));
    assert_int_equal(slk_limiter_wait(limiter, "a", 1100), 0);
    slk_limiter_free(limiter);
}

/* ---- who is asking ---- */

static void only_proxies_speak_for_others(void **state)
{
    (void)state;
    const slk_http_header one = {"X-Forwarded-For", "203.0.113.9"};
    const slk_http_header chain = {"X-Forwarded-For",
                                   "1.1.1.1, 2001:db8:1:2:3:4:5:6, 10.9.9.9,127.0.0.1"};
    fixture *f = make((slk_http_server_options){0}, false);
    expect_body(f, "/peer", &one, "127.0.0.1 127.0.0.1\n");
    unmake(f);
    f = make((slk_http_server_options){.behind_proxy = true, .trusted_proxies = "10.0.0.0/8"},
             false);
    expect_body(f, "/peer", NULL, "127.0.0.1 127.0.0.1\n");
    expect_body(f, "/peer", &one, "203.0.113.9 203.0.113.9\n");
    expect_body(f, "/peer", &chain, "2001:db8:1:2:3:4:5:6 2001:db8:1:2::\n");
    unmake(f);
    slk_http_server_options bad = {
        .listen = "127.0.0.1:0", .behind_proxy = true, .trusted_proxies = "10.0.0.0/33"};
    slk_http_server *server = NULL;
    slk_error e = {0};
    assert_int_equal(slk_http_server_new(&server, &bad, &e), SLK_E_INVAL);
    assert_non_null(strstr(e.message, "10.0.0.0/33"));
}

static void check_chain(const slk_ip_set *set, const char *forwarded, const char *want)
{
    slk_ip socket, ip;
    char text[SLK_ADDRESS_CHARS];
    assert_true(slk_ip_parse(&socket, "10.0.0.1"));
    ip = slk_ip_behind_proxies(set, &socket, forwarded);
    slk_ip_print(text, &ip);
    assert_string_equal(text, want);
}

static void chains_are_read_from_the_right(void **state)
{
    (void)state;
    slk_ip_set set = {0};
    assert_int_equal(slk_ip_set_add(&set, "10.0.0.0/8, fd00::/8 192.0.2.7", NULL), SLK_OK);
    assert_int_equal(set.n, 3);
    check_chain(&set, NULL, "10.0.0.1");
    check_chain(&set, "", "10.0.0.1");
    check_chain(&set, "8.8.8.8", "8.8.8.8");
    check_chain(&set, "8.8.8.8, 9.9.9.9", "9.9.9.9");
    check_chain(&set, "8.8.8.8,10.1.1.1 , 192.0.2.7", "8.8.8.8");
    check_chain(&set, "10.3.3.3, fd00::1", "10.3.3.3");
    check_chain(&set, "8.8.8.8, unknown, 10.1.1.1", "10.1.1.1");
    check_chain(&set, "8.8.8.8,,", "10.0.0.1");
    check_chain(&set, "8.8.8.8:80", "10.0.0.1");
    char endless[4096];
    memset(endless, 'x', sizeof endless);
    endless[sizeof endless - 1] = 0;
    check_chain(&set, endless, "10.0.0.1");
    static const char *const bad[] = {"10.0.0.0/33", "::/129", "10.0.0/8", "x", "10.0.0.0/", "/8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slk_ip_set_add(&set, bad[i], NULL), SLK_E_INVAL);
}

static void closed_addresses_are_known(void **state)
{
    (void)state;
    static const char *const open[] = {"1.1.1.1",        "9.255.255.255",    "11.0.0.0",
                                       "100.63.0.0",     "100.128.0.0",      "172.15.9.9",
                                       "172.32.0.1",     "192.167.1.1",      "169.253.1.1",
                                       "223.255.1.1",    "2606:4700::1111",  "2001:4860:4860::8888",
                                       "2002:101:101::", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"};
    static const char *const closed[] = {"0.0.0.0",
                                         "10.0.0.1",
                                         "100.64.0.1",
                                         "127.0.0.1",
                                         "127.255.0.1",
                                         "169.254.169.254",
                                         "172.16.0.1",
                                         "172.31.255.255",
                                         "192.0.0.1",
                                         "192.0.2.1",
                                         "192.168.1.1",
                                         "198.18.0.1",
                                         "198.51.100.1",
                                         "203.0.113.1",
                                         "224.0.0.1",
                                         "255.255.255.255",
                                         "::",
                                         "::1",
                                         "::ffff:10.0.0.1",
                                         "fe80::1",
                                         "fc00::1",
                                         "fd00:ec2::254",
                                         "ff02::1",
                                         "2001:db8::1",
                                         "2002:a00:1::",
                                         "64:ff9b::169.254.169.254",
                                         "::127.0.0.1",
                                         "2001:0:1::1",
                                         "100::1",
                                         "4000::1"};
    slk_ip ip;
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        assert_true(slk_ip_parse(&ip, open[i]));
        if (!slk_ip_is_public(&ip))
            fail_msg("%s is public", open[i]);
    }
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        assert_true(slk_ip_parse(&ip, closed[i]));
        if (slk_ip_is_public(&ip))
            fail_msg("%s is not public", closed[i]);
    }
    static const char *const here[] = {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"};
    static const char *const elsewhere[] = {
        "128.0.0.1", "126.255.255.255", "10.0.0.1", "::", "::2", "::ffff:1.2.3.127"};
    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        assert_true(slk_ip_parse(&ip, here[i]) && slk_ip_is_loopback(&ip));
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        assert_true(slk_ip_parse(&ip, elsewhere[i]) && !slk_ip_is_loopback(&ip));
}

/* Whatever way the address is written, it is judged when the socket is opened. */
static void closed_addresses_are_not_called(void **state)
{
    (void)state;
    fixture *f = make((slk_http_server_options){0}, false);
    const slk_http_client_options options = {.allow_plain_http = true, .public_only = true};
    slk_http_client *careful = NULL;
    assert_int_equal(slk_http_client_new(&careful, &options, NULL), SLK_OK);
    static const char *const hosts[] = {"127.0.0.1",  "localhost",  "2130706433",
                                        "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]",
                                        "127.1",      "0"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        char url[128];
        (void)snprintf(url, sizeof url, "http://%s:%u/counted", hosts[i],
                       slk_http_server_port(f->server));
        slk_error e = {0};
        slk_http_response r = {0};
        const slk_http_request request = {.url = url};
        slk_err code = slk_http_call(careful, &request, &r, &e);
        if (code != SLK_E_INVAL)
            fail_msg("%s: %s %s", hosts[i], slk_err_name(code), e.message);
        assert_non_null(strstr(e.message, "public internet"));
    }
    slk_http_client_free(careful);
    assert_int_equal(f->ended, 0);
    unmake(f);
}

static void only_the_addresses_of_a_call_are_called(void **state)
{
    (void)state;
    fixture *f = make((slk_http_server_options){0}, false);
    slk_ip_set here = {0}, elsewhere = {0};
    char url[128];
    slk_error e = {0};
    slk_http_response r = {0};
    assert_int_equal(slk_ip_set_add(&here, "127.0.0.1", NULL), SLK_OK);
    assert_int_equal(slk_ip_set_add(&elsewhere, "192.0.2.1", NULL), SLK_OK);
    (void)snprintf(url, sizeof url, "http://localhost:%u/counted", slk_http_server_port(f->server));
    slk_http_request request = {.url = url, .only = &elsewhere};
    assert_int_equal(slk_http_call(f->client, &request, &r, &e), SLK_E_INVAL);
    assert_non_null(strstr(e.message, "another address"));
    assert_int_equal(f->ended, 0);
    request.only = &here;
    assert_int_equal(slk_http_call(f->client, &request, &r, &e), SLK_OK);
    slk_http_response_done(&r);
    unmake(f);
}

/* ---- certificates ---- */

static void expect_refused(fixture *f, const char *path)
{
    SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(f->base, path);
    const slk_http_request request = {.url = url};
    slk_error e = {0};
    slk_http_response r = {0};
    assert_int_equal(slk_http_call(f->client, &request, &r, &e), SLK_E_UNREACHABLE);
}

static void certificates_change_under_way(void **state)
{
    (void)state;
    fixture *f = make((slk_http_server_options){0}, true);
    expect_body(f, "/peer", NULL, "127.0.0.1 127.0.0.1\n");
    char old[128];
    (void)snprintf(old, sizeof old, "%s/old.crt", f->folder);
    assert_int_equal(rename(f->certificate, old), 0);
    slk_error e = {0};
    assert_int_equal(slk_http_server_reload(f->server, &e), SLK_E_NOTFOUND);
    assert_int_equal(slk_file_write_atomic(f->certificate, "no PEM", 6, 0600, NULL), SLK_OK);
    assert_int_equal(slk_http_server_reload(f->server, &e), SLK_E_INVAL);
    expect_body(f, "/peer", NULL, "127.0.0.1 127.0.0.1\n");
    assert_int_equal(unlink(f->certificate), 0);
    assert_int_equal(unlink(f->key), 0);
    assert_int_equal(slk_net_make_certificate(f->folder, NULL, 0, NULL), SLK_OK);
    if (slk_http_server_reload(f->server, &e) != SLK_OK)
        fail_msg("%s", e.message);
    /* The open connection goes on; a new one sees the new certificate only. */
    expect_body(f, "/peer", NULL, "127.0.0.1 127.0.0.1\n");
    expect_refused(f, "/peer"); /* that was its last answer */
    const slk_http_client_options trust_old = {.ca_file = old},
                                  trust_new = {.ca_file = f->certificate};
    SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(f->base, "/peer");
    const slk_http_request request = {.url = url};
    for (int i = 0; i < 2; i++) {
        slk_http_client *fresh = NULL;
        slk_http_response r = {0};
        assert_int_equal(slk_http_client_new(&fresh, i ? &trust_new : &trust_old, NULL), SLK_OK);
        slk_err code = slk_http_call(fresh, &request, &r, &e);
        assert_int_equal(code, i ? SLK_OK : SLK_E_UNREACHABLE);
        slk_http_response_done(&r);
        slk_http_client_free(fresh);
    }
    /* The key of another certificate. */
    assert_int_equal(rename(old, f->certificate), 0);
    assert_int_equal(slk_http_server_reload(f->server, &e), SLK_E_INVAL);
    assert_non_null(strstr(e.message, f->key));
    unmake(f);
}

static void renew_certificate(fixture *f)
{
    slk_error e = {0};
    assert_int_equal(unlink(f->certificate), 0);
    assert_int_equal(unlink(f->key), 0);
    assert_int_equal(slk_net_make_certificate(f->folder, NULL, 0, NULL), SLK_OK);
    if (slk_http_server_reload(f->server, &e) != SLK_OK)
        fail_msg("%s", e.message);
}

/* However many there were, and whoever holds on to an old one. */
static void certificates_change_often(void **state)
{
    (void)state;
    enum { TIMES = 20 };
    fixture *f = make((slk_http_server_options){0}, true);
    SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(f->base, "/peer");
    const slk_http_request request = {.url = url};
    slk_http_client *holder[TIMES];
    slk_error e = {0};
    for (int i = 0; i < TIMES; i++) {
        const slk_http_client_options trust = {.ca_file = f->certificate};
        assert_int_equal(slk_http_client_new(&holder[i], &trust, NULL), SLK_OK);
        slk_http_response r = {0};
        if (slk_http_call(holder[i], &request, &r, &e) != SLK_OK)
            fail_msg("%s", e.message);
        slk_http_response_done(&r);
        renew_certificate(f);
        assert_int_equal(slk_http_server_reload(f->server, &e), SLK_OK); /* nothing new */
    }
    slk_http_response r = {0};
    assert_int_equal(slk_http_call(holder[0], &request, &r, &e), SLK_E_UNREACHABLE);
    assert_int_equal(slk_http_call(holder[TIMES - 1], &request, &r, &e), SLK_OK);
    slk_http_response_done(&r);
    for (int i = 0; i < TIMES; i++)
        slk_http_client_free(holder[i]);
    unmake(f);
}

/* ---- versions ---- */

static void known_versions_are_not_sent(void **state)
{
    (void)state;
    fixture *f = make((slk_http_server_options){0}, false);
    static const struct {
        const char *name, *value;
        int status;
    } cases[] = {
        {"If-None-Match", ETAG, 304},        {"If-None-Match", "\"x\", W/" ETAG " ,\"y\"", 304},
        {"If-None-Match", "*", 304},         {"If-None-Match", "\"x\", \"0123-204\"", 200},
        {"If-None-Match", "0123-2048", 200}, {"If-Range", ETAG, 206},
        {"If-Range", "W/" ETAG, 200},        {"If-Range", "\"other\"", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const slk_http_header header = {cases[i].name, cases[i].value};
        const bool range = strcmp(cases[i].name, "If-Range") == 0;
        slk_http_response r = ask(f, "/file",
                                  (slk_http_request){.headers = &header,
                                                     .n_headers = 1,
                                                     .has_range = range,
                                                     .range_first = 2,
                                                     .range_last = 3});
        if (r.status != cases[i].status)
            fail_msg("%s: %s: %d", cases[i].name, cases[i].value, r.status);
        assert_string_equal(r.etag, ETAG);
        slk_http_response_done(&r);
    }
    slk_http_response head = ask(f, "/file", (slk_http_request){.method = "HEAD"});
    assert_int_equal(head.status, 200);
    assert_int_equal(head.content_length, 10);
    assert_true(head.accepts_ranges);
    slk_http_response_done(&head);
    slk_http_response past =
        ask(f, "/file", (slk_http_request){.has_range = true, .range_first = 10, .range_last = 99});
    assert_int_equal(past.status, 416);
    assert_true(past.has_unsatisfied_range);
    assert_int_equal(past.range_total, 10);
    slk_http_response_done(&past);
    const slk_http_header several = {"Range", "bytes=0-1,4-5"};
    expect_body(f, "/file", &several, "0123456789");
    unmake(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floods_get_429),
        cmocka_unit_test(handlers_can_slow_a_peer_down),
        cmocka_unit_test(who_is_patient_asks_again),
        cmocka_unit_test(guesses_are_counted),
        cmocka_unit_test(the_limiter_keeps_keys_apart),
        cmocka_unit_test(only_proxies_speak_for_others),
        cmocka_unit_test(chains_are_read_from_the_right),
        cmocka_unit_test(closed_addresses_are_known),
        cmocka_unit_test(closed_addresses_are_not_called),
        cmocka_unit_test(only_the_addresses_of_a_call_are_called),
        cmocka_unit_test(certificates_change_under_way),
        cmocka_unit_test(certificates_change_often),
        cmocka_unit_test(known_versions_are_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
