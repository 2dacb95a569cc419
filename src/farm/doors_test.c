/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/doors.h"

#include "net/jwt.h"
#include "rpc/permission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static slk_farm_doors *new_doors(const char *allowed)
{
    slk_ip_set set = {0};
    slk_farm_doors *doors = NULL;
    assert_int_equal(slk_ip_set_add(&set, allowed, NULL), SLK_OK);
    assert_int_equal(slk_farm_doors_new(&doors, &set, NULL), SLK_OK);
    return doors;
}

static slk_farm_who who_is(const char *credential, const char *peer)
{
    slk_farm_who who;
    assert_int_equal(slk_farm_who_is(&who, credential, peer, NULL), SLK_OK);
    return who;
}

static slk_err open_as(slk_farm_doors *doors, const char *url, const char *peer, slk_error *error)
{
    const slk_farm_who who = who_is("a", peer);
    return slk_farm_doors_open(doors, url, &who, error);
}

static void a_url_leads_to_who_named_it(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_farm_doors *doors = new_doors("198.51.100.0/24, 2001:db8:1::/48");
    static const struct {
        const char *url, *peer;
        slk_err code;
    } cases[] = {
        {"http://10.0.0.5:3456/rpc/v0", "10.0.0.5", SLK_OK},
        {"http://10.0.0.6:3456/rpc/v0", "10.0.0.5", SLK_E_AUTH},
        {"http://[::ffff:10.0.0.5]:3456/remote", "10.0.0.5", SLK_OK},
        {"http://[2001:db8::5]:3456/remote", "2001:db8::5", SLK_OK},
        {"http://[2001:db8::6]:3456/remote", "2001:db8::5", SLK_E_AUTH},
        {"http://127.0.0.1:3456/rpc/v0", "127.0.0.1", SLK_OK},
        {"http://127.0.0.1:3456/rpc/v0", "::1", SLK_OK}, /* this machine, whichever way */
        {"http://localhost:3456/rpc/v0", "127.0.0.1", SLK_OK},
        {"http://127.0.0.1:2345/rpc/v0", "10.255.255.5", SLK_E_AUTH}, /* ours, not theirs */
        {"http://localhost:3456/rpc/v0", "10.255.255.5", SLK_E_AUTH},
        {"http://2130706433:3456/", "10.255.255.5", SLK_E_AUTH}, /* 127.0.0.1 in another form */
        {"http://10.0.0.9:3456/rpc/v0", "127.0.0.1", SLK_E_AUTH},
        {"http://169.254.169.254/latest/", "10.0.0.5", SLK_E_AUTH},
        {"http://198.51.100.7:3456/rpc/v0", "10.0.0.5", SLK_OK}, /* allowed */
        {"http://[2001:db8:1::7]:3456/rpc/v0", "10.0.0.5", SLK_OK},
        {"https://10.0.0.5:3456/rpc/v0#" PIN, "10.0.0.5", SLK_OK},
        {"http://10.0.0.5:3456/rpc/v0#" PIN, "10.0.0.5", SLK_E_INVAL}, /* of no key */
        {"https://10.0.0.5:3456/rpc/v0#else", "10.0.0.5", SLK_E_INVAL},
        {"http://10.0.0.5:3456@10.0.0.6/rpc/v0", "10.0.0.5", SLK_E_INVAL},
        {"http://10.0.0.6\\@10.0.0.5/rpc/v0", "10.0.0.5", SLK_E_INVAL},
        {"http://10.0.0.5%2f:3456/rpc/v0", "10.0.0.5", SLK_E_INVAL},
        {"http:///rpc/v0", "10.0.0.5", SLK_E_INVAL},
        {"http://[::1/rpc/v0", "::1", SLK_E_INVAL},
        {"file:///etc/passwd", "127.0.0.1", SLK_E_INVAL},
        {"gopher://127.0.0.1:70/", "127.0.0.1", SLK_E_INVAL},
        {"", "127.0.0.1", SLK_E_INVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (open_as(doors, cases[i].url, cases[i].peer, &error) != cases[i].code)
            fail_msg("%s from %s: %s", cases[i].url, cases[i].peer, error.message);
    assert_int_equal(open_as(doors, "http://10.0.0.6:3456/x", "10.0.0.5", &error), SLK_E_AUTH);
    assert_non_null(strstr(error.message, "http://10.0.0.6:3456 does not lead to 10.0.0.5"));
    assert_non_null(strstr(error.message, "--listen"));
    assert_non_null(strstr(error.message, "WorkerAddresses"));
    slk_farm_who who;
    assert_int_equal(slk_farm_who_is(&who, "a", "nowhere", NULL), SLK_E_INVAL);
    slk_farm_doors_free(doors);
}

static void only_what_a_name_stood_for_is_called(void **state)
{
    (void)state;
    slk_farm_key key;
    slk_farm_doors *doors = new_doors("");
    assert_int_equal(open_as(doors, "http://10.0.0.5:3456/rpc/v0", "10.0.0.5", NULL), SLK_OK);
    assert_int_equal(slk_farm_doors_key(doors, &key, "http://10.0.0.5:3456/remote/x", NULL, NULL),
                     SLK_OK);
    slk_ip good, bad;
    assert_true(slk_ip_parse(&good, "10.0.0.5") && slk_ip_parse(&bad, "10.0.0.6"));
    const slk_http_pass pass = slk_farm_key_pass(&key);
    assert_true(slk_ip_set_has(pass.only, &good));
    assert_false(slk_ip_set_has(pass.only, &bad));
    assert_int_equal(slk_farm_doors_key(doors, &key, "http://10.0.0.5:3457/", NULL, NULL),
                     SLK_E_NOTFOUND);
    assert_int_equal(slk_farm_doors_key(doors, &key, "http://10.0.0.5:34567/", NULL, NULL),
                     SLK_E_NOTFOUND);
    slk_farm_doors_free(doors);
}

static void what_one_is_shown_is_nothing_to_another(void **state)
{
    (void)state;
    slk_farm_key a_key, b_key, again, fetch;
    const slk_lotus_sector sector = {1000, 7};
    slk_farm_may may = {0};
    slk_farm_doors *doors = new_doors("");
    slk_farm_doors *others = new_doors("");
    const slk_farm_who a = who_is("token-a", "10.0.0.5"), b = who_is("token-b", "10.0.0.5"),
                       c = who_is("token-a", "10.0.0.6");
    assert_int_equal(slk_farm_doors_open(doors, "http://10.0.0.5:1/rpc/v0", &a, NULL), SLK_OK);
    assert_int_equal(slk_farm_doors_open(doors, "http://10.0.0.5:2/rpc/v0", &b, NULL), SLK_OK);
    assert_int_equal(slk_farm_doors_key(doors, &a_key, "http://10.0.0.5:1/x", NULL, NULL), SLK_OK);
    assert_int_equal(slk_farm_doors_key(doors, &b_key, "http://10.0.0.5:2/x", NULL, NULL), SLK_OK);
    assert_int_equal(slk_farm_doors_key(doors, &again, "http://10.0.0.5:1/", NULL, NULL), SLK_OK);
    assert_string_equal(a_key.token, again.token); /* a worker need not ask about it again */
    assert_string_not_equal(a_key.token, b_key.token);
    assert_true(slk_farm_doors_know(doors, &may, a_key.token, &a));
    assert_int_equal(may.permissions, SLK_RPC_ADMIN);
    assert_string_equal(may.sector, "");
    assert_false(slk_farm_doors_know(doors, &may, a_key.token, &b));
    assert_false(slk_farm_doors_know(doors, &may, a_key.token, &c)); /* elsewhere */
    assert_false(slk_farm_doors_know(others, &may, a_key.token, &a)); /* another run's */
    assert_int_equal(slk_farm_doors_key(doors, &fetch, "http://10.0.0.5:2/x", &sector, NULL),
                     SLK_OK);
    assert_true(slk_farm_doors_know(doors, &may, fetch.token, &b));
    assert_int_equal(may.permissions, SLK_RPC_FETCH);
    assert_string_equal(may.sector, "s-t01000-7");
    assert_false(slk_farm_doors_know(doors, &may, fetch.token, &a));
    assert_true(slk_farm_doors_is_of(doors, "http://10.0.0.5:1/remote/x", &a));
    assert_false(slk_farm_doors_is_of(doors, "http://10.0.0.5:1/remote/x", &b));
    assert_false(slk_farm_doors_is_of(doors, "http://10.0.0.5:3/remote/x", &a));
    /* Whoever takes a door over is shown another token. */
    assert_int_equal(slk_farm_doors_open(doors, "http://10.0.0.5:1/rpc/v0", &b, NULL), SLK_OK);
    assert_int_equal(slk_farm_doors_key(doors, &again, "http://10.0.0.5:1/", NULL, NULL), SLK_OK);
    assert_false(slk_farm_doors_know(doors, &may, again.token, &a));
    slk_farm_doors_free(doors);
    slk_farm_doors_free(others);
}

static void one_caller_pushes_nobody_out(void **state)
{
    (void)state;
    slk_farm_key key;
    slk_farm_doors *doors = new_doors("");
    const slk_farm_who a = who_is("token-a", "10.0.0.5"), b = who_is("token-b", "10.0.0.6");
    char url[64];
    assert_int_equal(slk_farm_doors_open(doors, "http://10.0.0.6:1/", &b, NULL), SLK_OK);
    for (unsigned port = 1; port <= SLK_FARM_DOORS_OF_ONE + 1; port++) {
        (void)snprintf(url, sizeof url, "http://10.0.0.5:%u/", port);
        assert_int_equal(slk_farm_doors_open(doors, url, &a, NULL), SLK_OK);
    }
    assert_int_equal(slk_farm_doors_key(doors, &key, "http://10.0.0.5:1/", NULL, NULL),
                     SLK_E_NOTFOUND);
    assert_int_equal(slk_farm_doors_key(doors, &key, "http://10.0.0.5:2/", NULL, NULL), SLK_OK);
    assert_int_equal(slk_farm_doors_key(doors, &key, "http://10.0.0.6:1/", NULL, NULL), SLK_OK);
    slk_farm_doors_free(doors);
}

static void a_pin_goes_with_the_door(void **state)
{
    (void)state;
    slk_farm_key key;
    const slk_lotus_sector sector = {1000, 7};
    char url[] = "https://10.0.0.5:1/rpc/v0#" PIN;
    slk_farm_doors *doors = new_doors("");
    assert_int_equal(open_as(doors, url, "10.0.0.5", NULL), SLK_OK);
    slk_farm_url_plain(url);
    assert_string_equal(url, "https://10.0.0.5:1/rpc/v0");
    assert_int_equal(slk_farm_doors_key(doors, &key, url, &sector, NULL), SLK_OK);
    assert_string_equal(slk_farm_key_pass(&key).pin, PIN);
    slk_farm_doors_free(doors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_leads_to_who_named_it),
        cmocka_unit_test(only_what_a_name_stood_for_is_called),
        cmocka_unit_test(what_one_is_shown_is_nothing_to_another),
        cmocka_unit_test(one_caller_pushes_nobody_out),
        cmocka_unit_test(a_pin_goes_with_the_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
