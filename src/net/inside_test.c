/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A peer's address that leads inside: in every form an address can have, behind a name that changes
 * its mind, behind a redirect, under another scheme. Nothing is called. */
#include "net/client.h"
#include "net/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static slk_http_server *server;
static unsigned port;
static atomic_uint reached; /* what must not be */
static char location[128]; /* where /moved points */

static slk_err serve_inside(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)error;
    reached++;
    return slk_http_reply_text(x, 200, "the inside");
}

static slk_err serve_moved(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)error;
    SLK_TRY(slk_http_reply_header(x, "Location", location));
    return slk_http_reply_empty(x, *(const int *)context);
}

static int status; /* of /moved */

static int open_server(void **state)
{
    (void)state;
    static const slk_http_route routes[] = {
        {.method = "GET", .path = "/inside", .handler = serve_inside},
        {.method = "GET", .path = "/moved", .handler = serve_moved, .context = &status},
    };
    const slk_http_server_options options = {
        .listen = "127.0.0.1:0", .routes = routes, .n_routes = sizeof routes / sizeof *routes};
    if (slk_http_server_new(&server, &options, NULL) != SLK_OK)
        return -1;
    port = slk_http_server_port(server);
    return 0;
}

static int close_server(void **state)
{
    (void)state;
    slk_http_server_free(server);
    return 0;
}

static slk_err call(const slk_http_client_options *options, const char *url, int *ret_status,
                    slk_error *error)
{
    slk_http_client *client = NULL;
    slk_http_response response = {0};
    const slk_http_request request = {.url = url, .total_timeout_ms = 5000};
    assert_int_equal(slk_http_client_new(&client, options, error), SLK_OK);
    const slk_err code = slk_http_call(client, &request, &response, error);
    if (ret_status)
        *ret_status = response.status;
    slk_http_response_done(&response);
    slk_http_client_free(client);
    return code;
}

static const slk_http_client_options careful = {.allow_plain_http = true, .public_only = true};

static void every_form_is_known(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.1.2.3",
        "172.20.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "224.0.0.1",
        "255.255.255.255",
    };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        char url[128];
        slk_error error = {0};
        (void)snprintf(url, sizeof url, "http://%s:%u/inside", hosts[i], port);
        const slk_err code = call(&careful, url, NULL, &error);
        if (code != SLK_E_INVAL || !strstr(error.message, "public internet"))
            fail_msg("%s: %s %s", hosts[i], slk_err_name(code), error.message);
    }
    assert_int_equal(reached, 0);
}

static void other_schemes_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "file:///etc/passwd",      "file://127.0.0.1/etc/passwd",
        "ftp://127.0.0.1/",        "gopher://127.0.0.1/_x",
        "dict://127.0.0.1:11211/", "ldap://127.0.0.1/",
        "smb://127.0.0.1/x",       "telnet://127.0.0.1",
        "scp://127.0.0.1/x",       "tftp://127.0.0.1/x",
        "http://user@127.0.0.1/",  "http://user:pass@127.0.0.1/",
        "//127.0.0.1/inside",      "",
    };
    static const slk_http_client_options trusting = {.allow_plain_http = true};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        slk_error error = {0};
        const slk_err code = call(&trusting, urls[i], NULL, &error);
        if (code != SLK_E_INVAL)
            fail_msg("%s: %s %s", urls[i], slk_err_name(code), error.message);
    }
    char plain[64];
    slk_error error = {0};
    (void)snprintf(plain, sizeof plain, "http://127.0.0.1:%u/inside", port);
    const slk_http_client_options secure = {0};
    assert_int_equal(call(&secure, plain, NULL, &error), SLK_E_INVAL);
    assert_int_equal(reached, 0);
}

static void redirects_are_not_followed(void **state)
{
    (void)state;
    static const int kinds[] = {301, 302, 303, 307, 308};
    static const slk_http_client_options trusting = {.allow_plain_http = true};
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/moved", port);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        static const char *const to[] = {"http://127.0.0.1:%u/inside", "//127.0.0.1:%u/inside",
                                         "/inside"};
        for (size_t k = 0; k < sizeof to / sizeof *to; k++) {
            int got = 0;
            slk_error error = {0};
            status = kinds[i];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            (void)snprintf(location, sizeof location, to[k], port);
#pragma GCC diagnostic pop
            assert_int_equal(call(&trusting, url, &got, &error), SLK_OK);
            assert_int_equal(got, kinds[i]);
        }
    }
    assert_int_equal(reached, 0);
}

/* ---- a name that changes its mind ---- */

struct names {
    char file[64]; /* lies over /etc/hosts, for this thread alone */
    bool possible;
    slk_err first, second, both;
    char why_second[256], why_both[256];
};

static bool say(const struct names *n, const char *lines)
{
    FILE *f = fopen(n->file, "w");
    return f && fputs(lines, f) >= 0 && fclose(f) == 0;
}

static slk_err ask(char why[256], const struct names *n, const char *lines)
{
    char url[64];
    slk_error error = {0};
    if (!say(n, lines))
        return SLK_E_INTERNAL;
    (void)snprintf(url, sizeof url, "http://rebind.test:%u/inside", port);
    const slk_err code = call(&careful, url, NULL, &error);
    if (why)
        (void)snprintf(why, 256, "%s", error.message);
    return code;
}

/* In a network of its own, which has no way out: what is judged public goes nowhere. */
static void *look_up(void *context)
{
    struct names *n = context;
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 || !say(n, "") ||
        mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(n->file, "/etc/hosts", NULL, MS_BIND, NULL) != 0)
        return NULL;
    n->possible = true;
    n->first = ask(NULL, n, "1.1.1.1 rebind.test\n");
    n->second = ask(n->why_second, n, "127.0.0.1 rebind.test\n");
    n->both = ask(n->why_both, n, "1.1.1.1 rebind.test\n127.0.0.1 rebind.test\n");
    return NULL;
}

static void names_are_judged_each_time(void **state)
{
    (void)state;
    struct names n = {.file = "/tmp/slk_inside_test.XXXXXX"};
    const int fd = mkstemp(n.file);
    pthread_t thread;
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(pthread_create(&thread, NULL, look_up, &n), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(unlink(n.file), 0);
    if (!n.possible) {
        (void)printf("# no namespaces here: names were not changed\n");
        skip();
    }
    assert_int_equal(n.first, SLK_E_UNREACHABLE);
    assert_int_equal(n.second, SLK_E_INVAL);
    assert_non_null(strstr(n.why_second, "public internet"));
    assert_int_equal(n.both, SLK_E_INVAL);
    assert_non_null(strstr(n.why_both, "public internet"));
    assert_int_equal(reached, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_known),
        cmocka_unit_test(other_schemes_are_refused),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(names_are_judged_each_time),
    };
    return cmocka_run_group_tests_name("inside", tests, open_server, close_server);
}
