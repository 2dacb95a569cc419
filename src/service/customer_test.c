/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/customer.h"

#include "base/mem.h"
#include "codec/json.h"
#include "service/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static slk_customer named(const char *name)
{
    slk_customer c = {.currency = "EUR", .limit = {slk_bigint_from_u64(5000), false}};
    (void)snprintf(c.name, sizeof c.name, "%s", name);
    return c;
}

static int64_t add(world *w, const char *name)
{
    const slk_customer c = named(name);
    int64_t id = 0;
    assert_int_equal(slk_customer_add(&id, w->db, &c, NOW, NULL), SLK_OK);
    assert_true(id > 0);
    return id;
}

static void token(world *w, char out[65], int64_t id, const char *name, int64_t expires_ms)
{
    assert_int_equal(slk_customer_token_add(out, w->db, id, name, expires_ms, NOW, NULL), SLK_OK);
}

static void test_customers(void **state)
{
    world *w = *state;
    slk_customer c = named("acme"), found;
    slk_error error = {0};
    int64_t other = 0;
    const int64_t id = add(w, "acme");
    assert_int_equal(slk_customer_add(&other, w->db, &c, NOW, &error), SLK_E_EXISTS);
    assert_non_null(strstr(error.message, "acme"));
    other = add(w, "beta");
    assert_int_not_equal(id, other);
    assert_int_equal(slk_customer_get(&found, w->db, id, NULL), SLK_OK);
    assert_string_equal(found.name, "acme");
    assert_string_equal(found.currency, "EUR");
    assert_int_equal(found.created_ms, NOW);
    found.closed = true;
    found.limit = (slk_money){0};
    memcpy(found.payer, "t01000", sizeof "t01000");
    assert_int_equal(slk_customer_set(w->db, &found, NULL), SLK_OK);
    assert_int_equal(slk_customer_find(&found, w->db, "acme", NULL), SLK_OK);
    assert_true(found.closed && slk_money_is_zero(&found.limit));
    assert_string_equal(found.payer, "t01000");
    memcpy(found.name, "beta", sizeof "beta");
    assert_int_equal(slk_customer_set(w->db, &found, NULL), SLK_E_EXISTS);
    found.id = 999;
    memcpy(found.name, "gone", sizeof "gone");
    assert_int_equal(slk_customer_set(w->db, &found, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_customer_get(&found, w->db, 999, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_customer_find(&found, w->db, "gone", NULL), SLK_E_NOTFOUND);
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    assert_int_equal(slk_customer_list(&list, w->db, NULL), SLK_OK);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "balance")),
                        "0");
}

static void test_refused(void **state)
{
    world *w = *state;
    int64_t id = 0;
    slk_customer c = named("");
    assert_int_equal(slk_customer_add(&id, w->db, &c, NOW, NULL), SLK_E_INVAL);
    c = named("two\nlines");
    assert_int_equal(slk_customer_add(&id, w->db, &c, NOW, NULL), SLK_E_INVAL);
    c = named("a");
    c.limit.negative = true;
    assert_int_equal(slk_customer_add(&id, w->db, &c, NOW, NULL), SLK_E_INVAL);
    c = named("a");
    memcpy(c.payer, "f9", sizeof "f9");
    assert_int_equal(slk_customer_add(&id, w->db, &c, NOW, NULL), SLK_E_INVAL);
    c = named("a");
    memcpy(c.currency, "eur", sizeof "eur");
    assert_int_equal(slk_customer_add(&id, w->db, &c, NOW, NULL), SLK_E_INVAL);
}

static void test_tokens(void **state)
{
    world *w = *state;
    char first[65], second[65], of_beta[65], more[65];
    slk_customer who;
    const int64_t acme = add(w, "acme"), beta = add(w, "beta");
    token(w, first, acme, "api", 0);
    token(w, second, acme, "ci", NOW + HOUR);
    token(w, of_beta, beta, "api", 0);
    assert_int_equal(slk_customer_authorize(&who, w->db, first, NOW, NULL), SLK_OK);
    assert_int_equal(who.id, acme);
    assert_int_equal(slk_customer_authorize(&who, w->db, of_beta, NOW, NULL), SLK_OK);
    assert_int_equal(who.id, beta);
    assert_int_equal(slk_customer_authorize(&who, w->db, second, NOW + HOUR - 1, NULL), SLK_OK);
    assert_int_equal(slk_customer_authorize(&who, w->db, second, NOW + HOUR, NULL), SLK_E_AUTH);
    assert_int_equal(slk_customer_authorize(&who, w->db, NULL, NOW, NULL), SLK_E_AUTH);
    assert_int_equal(slk_customer_authorize(&who, w->db, "", NOW, NULL), SLK_E_AUTH);
    first[0] = first[0] == 'a' ? 'b' : 'a';
    assert_int_equal(slk_customer_authorize(&who, w->db, first, NOW, NULL), SLK_E_AUTH);
    assert_int_equal(slk_customer_token_add(more, w->db, acme, "api", 0, NOW, NULL), SLK_E_EXISTS);
    assert_int_equal(slk_customer_token_add(more, w->db, 999, "api", 0, NOW, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_customer_token_add(more, w->db, acme, "a b", 0, NOW, NULL), SLK_E_INVAL);
    assert_int_equal(slk_customer_token_add(more, w->db, acme, "x", NOW, NOW, NULL), SLK_E_INVAL);
    /* one customer cannot revoke another's, nor see it */
    assert_int_equal(slk_customer_token_revoke(w->db, beta, "ci", NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_customer_token_revoke(w->db, beta, "api", NULL), SLK_OK);
    assert_int_equal(slk_customer_authorize(&who, w->db, of_beta, NOW, NULL), SLK_E_AUTH);
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    assert_int_equal(slk_customer_token_list(&list, w->db, acme, NULL), SLK_OK);
    assert_int_equal(json_array_size(list), 2);
}

static void test_token_bound(void **state)
{
    world *w = *state;
    char out[65], name[16];
    const int64_t id = add(w, "acme");
    for (unsigned i = 0; i < SLK_CUSTOMER_TOKENS_MAX; i++) {
        (void)snprintf(name, sizeof name, "t%u", i);
        token(w, out, id, name, i == 0 ? NOW + 1 : 0);
    }
    assert_int_equal(slk_customer_token_add(out, w->db, id, "more", 0, NOW, NULL), SLK_E_LIMIT);
    /* what has expired makes room */
    assert_int_equal(slk_customer_token_add(out, w->db, id, "more", 0, NOW + 1, NULL), SLK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_customers, world_make, world_unmake),
        cmocka_unit_test_setup_teardown(test_refused, world_make, world_unmake),
        cmocka_unit_test_setup_teardown(test_tokens, world_make, world_unmake),
        cmocka_unit_test_setup_teardown(test_token_bound, world_make, world_unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
