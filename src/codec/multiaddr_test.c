/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/multiaddr.h"

#include <string.h>

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

static void to_listen_addresses_and_back(void **state)
{
    (void)state;
    const struct {
        const char *multiaddr, *listen, *again;
        bool tls;
    } rows[] = {
        {"/ip4/127.0.0.1/tcp/2345/http", "127.0.0.1:2345", NULL, false},
        {"/ip4/0.0.0.0/tcp/0/https", "0.0.0.0:0", "/ip4/0.0.0.0/tcp/0/tls/http", true},
        {"/ip6/::1/tcp/65535/http", "[::1]:65535", NULL, false},
        {"/dns/node.example/tcp/443/https", "node.example:443",
         "/dns/node.example/tcp/443/tls/http", true},
        {"/dns4/h/tcp/1/tls/ws/", "h:1", "/dns/h/tcp/1/tls/http", true},
        {"/ip4/10.0.0.1/tcp/3456", "10.0.0.1:3456", "/ip4/10.0.0.1/tcp/3456/http", false},
        {"/dns6/h/tcp/1/wss", "h:1", "/dns/h/tcp/1/tls/http", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        slk_error error = {0};
        slk_multiaddr address = {0}, back = {0};
        char listen[SLK_MULTIADDR_LISTEN_CHARS], text[SLK_MULTIADDR_TEXT_CHARS];
        assert_int_equal(slk_multiaddr_parse(&address, rows[i].multiaddr, true, &error), SLK_OK);
        assert_int_equal(address.tls, rows[i].tls);
        slk_multiaddr_listen(listen, &address);
        assert_string_equal(listen, rows[i].listen);
        slk_multiaddr_print(text, &address);
        assert_string_equal(text, rows[i].again != NULL ? rows[i].again : rows[i].multiaddr);
        assert_int_equal(slk_multiaddr_from_listen(&back, listen, address.tls, &error), SLK_OK);
        slk_multiaddr_print(text, &back);
        assert_string_equal(text, rows[i].again != NULL ? rows[i].again : rows[i].multiaddr);
    }
}

static void what_is_no_address(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",
        "/",
        "127.0.0.1:2345",
        "/ip4/127.0.0.1",
        "/ip4/127.0.0.1/udp/1",
        "/ip4/127.0.0.1/tcp/",
        "/ip4/127.0.0.1/tcp/70000",
        "/ip4/127.0.0.1/tcp/-1",
        "/ip4/127.0.0.1/tcp/0", /* not here */
        "/ip4/127.0.0.256/tcp/1",
        "/ip4/::1/tcp/1",
        "/ip6/127.0.0.1/tcp/1",
        "/ip6/::1%eth0/tcp/1",
        "/dns/a@b/tcp/1",
        "/dns//tcp/1",
        "/unix/x/tcp/1",
        "/ip4/127.0.0.1/tcp/1/quic",
        "/ip4/127.0.0.1/tcp/1/http/http/http/http/http",
    };
    slk_multiaddr address = {.port = 9};
    slk_error error = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(slk_multiaddr_parse(&address, wrong[i], false, &error), SLK_E_INVAL);
        assert_int_equal(address.port, 9);
    }
    const char *const no_listen[] = {"",       "1.2.3.4", ":1",          "[::1]",
                                     "[::1]1", "::1:1",   "[1.2.3.4]:1", "h:x",
                                     "h:1:2",  "a b:1",   "[::1:5"};
    for (size_t i = 0; i < sizeof no_listen / sizeof *no_listen; i++)
        assert_int_equal(slk_multiaddr_from_listen(&address, no_listen[i], false, &error),
                         SLK_E_INVAL);
    char long_text[8192];
    memset(long_text, '/', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(slk_multiaddr_parse(&address, long_text, false, &error), SLK_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_listen_addresses_and_back),
        cmocka_unit_test(what_is_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
