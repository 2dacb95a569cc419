/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A customer's node and a service, over real HTTP; proofs and chain are played. */
#include "buying/buying.h"

#include "base/mem.h"
#include "codec/json.h"
#include "db/args.h"
#include "net/server.h"
#include "seal/permit.h"
#include "seal/world_test.h"
#include "service/customer.h"
#include "service/keys.h"
#include "service/order.h"
#include "shop/shop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fixture {
    world *w;
    slk_db *shop_db;
    slk_signing_key *key;
    slk_shop *shop;
    slk_http_server *server;
    slk_http_route routes[SLK_SHOP_ROUTES_MAX];
    slk_customer acme;
    char token[SLK_CUSTOMER_TOKEN_CHARS], url[64];
    slk_http_client *client;
    slk_buying buying;
    slk_buying_service service;
} fixture;

static slk_err eta(void *context, int64_t *ret_ms, const slk_order_wish *wish, slk_error *error)
{
    (void)context;
    (void)wish;
    (void)error;
    *ret_ms = 3600000;
    return SLK_OK;
}

static slk_err own_url(void *context, char **ret_url, slk_error *error)
{
    (void)context;
    (void)error;
    *ret_url = slk_strdup("https://provider");
    return *ret_url ? SLK_OK : SLK_E_NOMEM;
}

static void open_shop(fixture *f, uint8_t secret_byte)
{
    const uint8_t secret[32] = {secret_byte};
    assert_int_equal(slk_signing_key_new(&f->key, secret, NULL), SLK_OK);
    const slk_shop_options options = {
        .seal = f->w->provider.seal, .key = f->key, .eta = eta, .own_url = own_url};
    assert_int_equal(slk_shop_new(&f->shop, &options, NULL), SLK_OK);
    const slk_http_server_options server = {.listen = *f->url ? f->url + strlen("http://")
                                                              : "127.0.0.1:0",
                                            .routes = f->routes,
                                            .n_routes = slk_shop_routes(f->routes, f->shop)};
    assert_int_equal(slk_http_server_new(&f->server, &server, NULL), SLK_OK);
    (void)snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u", slk_http_server_port(f->server));
}

static void close_shop(fixture *f)
{
    slk_http_server_free(f->server);
    slk_shop_free(f->shop);
    slk_signing_key_free(f->key);
    f->server = NULL;
    f->shop = NULL;
    f->key = NULL;
}

static void fill_shop(fixture *f)
{
    int64_t version;
    slk_offer offer = {.name = "cc",
                       .kinds = {true, false},
                       .seal_proofs = {WORLD_PROOF},
                       .n_seal_proofs = 1,
                       .currency = "EUR",
                       .steps = {{1, {slk_bigint_from_u64(1000), false}}},
                       .n_steps = 1,
                       .least = 1,
                       .most = 20};
    f->acme = (slk_customer){.name = "acme",
                             .currency = "EUR",
                             .limit = {slk_bigint_from_u64(5000), false},
                             .partner_id = f->w->partner_id};
    assert_int_equal(slk_partner_permits_only(f->shop_db, f->w->partner_id, NULL), SLK_OK);
    assert_int_equal(slk_customer_add(&f->acme.id, f->shop_db, &f->acme, f->w->now_ms, NULL),
                     SLK_OK);
    assert_int_equal(
        slk_customer_token_add(f->token, f->shop_db, f->acme.id, "t", 0, f->w->now_ms, NULL),
        SLK_OK);
    assert_int_equal(slk_offer_set(&version, f->shop_db, &offer, f->w->now_ms, NULL), SLK_OK);
}

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const slk_http_client_options client = {.allow_plain_http = true};
    f->w = world_new();
    f->shop_db = f->w->provider.db;
    fill_shop(f);
    open_shop(f, 9);
    assert_int_equal(slk_client_provider_remove(f->w->client.seal, f->w->provider_id, NULL),
                     SLK_OK); /* it is met as a service */
    assert_int_equal(slk_http_client_new(&f->client, &client, NULL), SLK_OK);
    f->buying = (slk_buying){f->w->client.seal, f->client};
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_http_client_free(f->client);
    close_shop(f);
    world_free(f->w);
    free(f);
    return 0;
}

static void add(fixture *f)
{
    slk_error error = {0};
    if (slk_buying_add(&f->service, &f->buying, "lighthouse", f->url, f->token, &error) != SLK_OK)
        fail_msg("%s", error.message);
}

static slk_err ask_quote(fixture *f, slk_quote *ret, uint64_t sectors, slk_error *error)
{
    const slk_order_wish wish = {SLK_ORDER_CC, WORLD_PROOF, sectors, false, false, 0};
    return slk_buying_quote(ret, &f->buying, &f->service, "cc", &wish, error);
}

static slk_quote quote(fixture *f, uint64_t sectors)
{
    slk_quote q;
    slk_error error = {0};
    if (ask_quote(f, &q, sectors, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return q;
}

static void turn(fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t moved = 1;
        world_turn(f->w);
        while (moved > 0)
            assert_int_equal(
                slk_order_turn(&moved, f->shop_db, f->w->provider.seal, f->key, f->w->now_ms, NULL),
                SLK_OK);
    }
}

static json_t *order_row(fixture *f, size_t i)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    assert_int_equal(slk_buying_orders(&list, &f->buying, NULL), SLK_OK);
    assert_true(json_array_size(list) > i);
    return json_incref(json_array_get(list, i));
}

static void row_is(fixture *f, const char *order_state, int64_t sectors, int64_t proving)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *row = order_row(f, 0);
    assert_string_equal(json_string_value(json_object_get(row, "state")), order_state);
    assert_int_equal(json_integer_value(json_object_get(row, "sectors")), sectors);
    assert_int_equal(json_integer_value(json_object_get(row, "proving")), proving);
}

static void reconciles(fixture *f, const char *balance, uint64_t entries)
{
    slk_buying_reconciled done;
    slk_error error = {0};
    char text[SLK_MONEY_CHARS];
    if (slk_buying_reconcile(&done, &f->buying, &f->service, &error) != SLK_OK)
        fail_msg("%s", error.message);
    slk_money_print(text, &done.balance);
    assert_string_equal(text, balance);
    assert_int_equal(done.entries, entries);
}

/* ---- tests ---- */

static void test_way(void **state)
{
    fixture *f = *state;
    char key[SLK_UUID_CHARS];
    slk_error error = {0};
    SLK_CLEANUP(slk_json_decrefp) json_t *offers = NULL, *account = NULL, *services = NULL;
    add(f);
    assert_int_equal(slk_buying_list(&services, &f->buying, NULL), SLK_OK);
    assert_int_equal(json_array_size(services), 1);
    assert_int_equal(slk_buying_offers(&offers, &f->buying, &f->service, NULL), SLK_OK);
    assert_int_equal(json_array_size(offers), 1);
    const slk_quote q = quote(f, 3);
    if (slk_buying_order(key, &f->buying, &f->service, q.id, WORLD_SP, &error) != SLK_OK)
        fail_msg("%s", error.message);
    row_is(f, "placed", 3, 0);
    reconciles(f, "0", 0);
    turn(f, 400);
    row_is(f, "placed", 3, 3);
    reconciles(f, "3000", 3);
    assert_int_equal(slk_buying_account(&account, &f->buying, &f->service, NULL), SLK_OK);
    assert_string_equal(json_string_value(json_object_get(account, "balance")), "3000");
    world_check(f->w);
}

static void test_not_added(void **state)
{
    fixture *f = *state;
    slk_error error = {0};
    assert_int_equal(
        slk_buying_add(&f->service, &f->buying, "a", f->url, "0123456789abcdef", &error),
        SLK_E_AUTH);
    assert_int_equal(slk_buying_add(&f->service, &f->buying, "", f->url, f->token, NULL),
                     SLK_E_INVAL);
    add(f);
    assert_int_equal(slk_buying_add(&f->service, &f->buying, "other", f->url, f->token, NULL),
                     SLK_E_EXISTS);
    assert_int_equal(slk_buying_find(&f->service, &f->buying, "other", NULL), SLK_E_NOTFOUND);
    close_shop(f);
    assert_int_equal(
        slk_buying_add(&f->service, &f->buying, "b", "http://127.0.0.1:9", f->token, NULL),
        SLK_E_UNREACHABLE);
}

/* Whoever answers with another key is not believed. */
static void test_other_key(void **state)
{
    fixture *f = *state;
    slk_quote q;
    slk_error error = {0};
    add(f);
    close_shop(f);
    open_shop(f, 10);
    assert_int_equal(ask_quote(f, &q, 1, &error), SLK_E_PROTO);
    assert_non_null(strstr(error.message, "not signed by the key"));
}

static void test_refused(void **state)
{
    fixture *f = *state;
    char key[SLK_UUID_CHARS], text[32];
    slk_error error = {0};
    add(f);
    const slk_quote six = quote(f, 6);
    assert_int_equal(slk_buying_order(key, &f->buying, &f->service, six.id, WORLD_SP, &error),
                     SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "10.00 EUR is missing"));
    row_is(f, "refused", 6, 0);
    turn(f, 50);
    for (uint64_t i = 0; i < 6; i++) {
        assert_true(world_failed(&f->w->client, i, text));
        assert_string_equal(text, "canceled");
    }
    reconciles(f, "0", 0);
    assert_int_equal(slk_buying_order(key, &f->buying, &f->service, SLK_UUID_NIL, WORLD_SP, &error),
                     SLK_E_NOTFOUND);
}

/* The service goes away between the numbers and the order: nothing begins, and it is sent again. */
static void test_resumed(void **state)
{
    fixture *f = *state;
    char key[SLK_UUID_CHARS], text[32];
    uint64_t n = 0;
    slk_error error = {0};
    static const slk_sql back = {"test.back", "UPDATE buying_order SET state = 'placing'"},
                         hold = {"test.hold", "UPDATE rseal_client_pipeline SET held = 1"};
    add(f);
    const slk_quote q = quote(f, 2);
    assert_int_equal(slk_buying_order(key, &f->buying, &f->service, q.id, WORLD_SP, &error),
                     SLK_OK);
    /* as after a node that died before it could note the answer */
    assert_int_equal(slk_db_run(f->w->client.db, &back, NULL), SLK_OK);
    assert_int_equal(slk_db_run(f->w->client.db, &hold, NULL), SLK_OK);
    const slk_client_wish lost = {
        .sp_id = WORLD_SP, .seal_proof = WORLD_PROOF, .held = true, .actor = "buyer"};
    bool full;
    uint64_t orphan;
    assert_int_equal(slk_client_allocate(&full, &orphan, f->w->client.seal, &lost, NULL), SLK_OK);
    turn(f, 601); /* seconds: it is nobody's by now */
    assert_string_equal(world_state(&f->w->client, 0, text), "new");
    close_shop(f);
    assert_int_equal(slk_buying_resume(&n, &f->buying, &error), SLK_E_UNREACHABLE);
    assert_non_null(strstr(error.message, "the order is kept"));
    open_shop(f, 9);
    assert_int_equal(slk_buying_resume(&n, &f->buying, NULL), SLK_OK);
    assert_int_equal(n, 1);
    row_is(f, "placed", 2, 0);
    assert_true(world_failed(&f->w->client, orphan, text));
    turn(f, 400);
    row_is(f, "placed", 2, 2);
    reconciles(f, "2000", 2);
    assert_int_equal(slk_buying_resume(&n, &f->buying, NULL), SLK_OK);
    assert_int_equal(n, 0);
}

/* A provider that we are a partner of is not taken over: its sectors need its token. */
static void test_partner_already(void **state)
{
    fixture *f = *state;
    char key[SLK_UUID_CHARS];
    int64_t id = 0;
    slk_error error = {0};
    static const char other[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    static const slk_sql moved = {"test.moved", "UPDATE buying_service SET partner_url ="
                                                " 'https://elsewhere'"};
    add(f);
    const slk_quote q = quote(f, 1);
    assert_int_equal(slk_db_run(f->w->client.db, &moved, NULL), SLK_OK);
    assert_int_equal(slk_buying_find(&f->service, &f->buying, "lighthouse", NULL), SLK_OK);
    assert_int_equal(slk_client_provider_add(&id, f->w->client.seal, WORLD_SP, "https://elsewhere",
                                             other, "partner", NULL),
                     SLK_OK);
    assert_int_equal(slk_buying_order(key, &f->buying, &f->service, q.id, WORLD_SP, &error),
                     SLK_E_EXISTS);
    assert_non_null(strstr(error.message, "under another token"));
}

static void test_payments(void **state)
{
    fixture *f = *state;
    slk_buying_reconciled done;
    slk_error error = {0};
    const slk_money five = {slk_bigint_from_u64(500), false};
    add(f);
    assert_int_equal(slk_buying_note_payment(&f->buying, &f->service, &five, "bank-1", NULL),
                     SLK_OK);
    assert_int_equal(slk_buying_note_payment(&f->buying, &f->service, &five, "bank-1", NULL),
                     SLK_E_EXISTS);
    assert_int_equal(slk_buying_reconcile(&done, &f->buying, &f->service, &error), SLK_E_CONFLICT);
    assert_non_null(strstr(error.message, "bank-1 has not been noted"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        CASE(test_way),     CASE(test_not_added),       CASE(test_other_key), CASE(test_refused),
        CASE(test_resumed), CASE(test_partner_already), CASE(test_payments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
