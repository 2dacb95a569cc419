/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The doors over real HTTP: a customer's way from the offers to the ledger, and what is kept from others. */
#include "shop/shop.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/json.h"
#include "net/client.h"
#include "seal/permit.h"
#include "seal/world_test.h"
#include "service/customer.h"
#include "service/invoice.h"
#include "service/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fixture {
    world *w;
    slk_db *db;
    slk_signing_key *key;
    slk_shop *shop;
    slk_http_server *server;
    slk_http_client *client;
    slk_http_route routes[SLK_SHOP_ROUTES_MAX];
    slk_customer acme, beta;
    char acme_token[SLK_CUSTOMER_TOKEN_CHARS], beta_token[SLK_CUSTOMER_TOKEN_CHARS];
} fixture;

static slk_err eta(void *context, int64_t *ret_ms, const slk_order_wish *wish, slk_error *error)
{
    (void)context;
    (void)error;
    *ret_ms = 1000 * (int64_t)wish->sectors;
    return SLK_OK;
}

static slk_err own_url(void *context, char **ret_url, slk_error *error)
{
    (void)context;
    (void)error;
    *ret_url = slk_strdup("https://provider");
    return *ret_url ? SLK_OK : SLK_E_NOMEM;
}

static void add_customer(fixture *f, slk_customer *c, char token[65], const char *name)
{
    *c = (slk_customer){.currency = "EUR",
                        .limit = {slk_bigint_from_u64(5000), false},
                        .partner_id = f->w->partner_id};
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    assert_int_equal(slk_customer_add(&c->id, f->db, c, f->w->now_ms, NULL), SLK_OK);
    assert_int_equal(slk_customer_token_add(token, f->db, c->id, "first", 0, f->w->now_ms, NULL),
                     SLK_OK);
}

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const uint8_t secret[32] = {9};
    const slk_http_client_options client = {.allow_plain_http = true};
    slk_offer offer = {.name = "cc",
                       .kinds = {true, false},
                       .seal_proofs = {WORLD_PROOF},
                       .n_seal_proofs = 1,
                       .currency = "EUR",
                       .steps = {{1, {slk_bigint_from_u64(1000), false}}},
                       .n_steps = 1,
                       .least = 1,
                       .most = 20};
    int64_t version;
    f->w = world_new();
    f->db = f->w->provider.db;
    assert_int_equal(slk_signing_key_new(&f->key, secret, NULL), SLK_OK);
    assert_int_equal(slk_partner_permits_only(f->db, f->w->partner_id, NULL), SLK_OK);
    add_customer(f, &f->acme, f->acme_token, "acme");
    add_customer(f, &f->beta, f->beta_token, "beta");
    assert_int_equal(slk_offer_set(&version, f->db, &offer, f->w->now_ms, NULL), SLK_OK);
    const slk_shop_options options = {
        .seal = f->w->provider.seal, .key = f->key, .eta = eta, .own_url = own_url, .context = f};
    assert_int_equal(slk_shop_new(&f->shop, &options, NULL), SLK_OK);
    const slk_http_server_options server = {.listen = "127.0.0.1:0",
                                            .routes = f->routes,
                                            .n_routes = slk_shop_routes(f->routes, f->shop)};
    assert_int_equal(slk_http_server_new(&f->server, &server, NULL), SLK_OK);
    assert_int_equal(slk_http_client_new(&f->client, &client, NULL), SLK_OK);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_http_client_free(f->client);
    slk_http_server_free(f->server);
    slk_shop_free(f->shop);
    slk_signing_key_free(f->key);
    world_free(f->w);
    free(f);
    return 0;
}

/* ---- calls ---- */

struct call {
    const char *method, *path, *token, *key, *body;
};

/* The status; the answer's object into *ret unless NULL. */
static int call(fixture *f, json_t **ret, const struct call *c)
{
    char url[512];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/sealing/v1/%s",
                   slk_http_server_port(f->server), c->path);
    const slk_http_header key = {"Idempotency-Key", c->key};
    const slk_http_request request = {.method = c->method,
                                      .url = url,
                                      .bearer = c->token,
                                      .headers = &key,
                                      .n_headers = c->key ? 1 : 0,
                                      .body = c->body,
                                      .body_bytes = c->body ? strlen(c->body) : 0,
                                      .content_type = c->body ? "application/json" : NULL};
    slk_http_response response = {0};
    json_t *answer = NULL;
    assert_int_equal(slk_http_call(f->client, &request, &response, NULL), SLK_OK);
    const int status = response.status;
    assert_int_equal(slk_json_parse(&answer, slk_buf_str(&response.body), response.body.len,
                                    (size_t)1 << 20, NULL),
                     SLK_OK);
    if (status >= 400)
        assert_true(
            *json_string_value(json_object_get(json_object_get(answer, "error"), "message")));
    if (ret)
        *ret = answer;
    else
        json_decref(answer);
    slk_http_response_done(&response);
    return status;
}

/* The status alone, of an answer that need not be JSON. */
static int call_any(fixture *f, const struct call *c)
{
    char url[512];
    slk_http_response response = {0};
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/sealing/v1/%s",
                   slk_http_server_port(f->server), c->path);
    const slk_http_request request = {.url = url, .bearer = c->token};
    assert_int_equal(slk_http_call(f->client, &request, &response, NULL), SLK_OK);
    slk_http_response_done(&response);
    return response.status;
}

/* What was signed, checked as a customer does. */
static json_t *signed_answer(fixture *f, int want, const struct call *c)
{
    json_t *envelope = NULL, *payload = NULL;
    uint8_t public[32], own[32], signature[64];
    assert_int_equal(call(f, &envelope, c), want);
    const char *text = json_string_value(json_object_get(envelope, "payload"));
    assert_non_null(text);
    assert_true(slk_hex_decode(public, 32, json_string_value(json_object_get(envelope, "key"))));
    assert_true(
        slk_hex_decode(signature, 64, json_string_value(json_object_get(envelope, "signature"))));
    slk_signing_public(own, f->key);
    assert_memory_equal(public, own, 32);
    assert_true(slk_signature_valid(public, text, strlen(text), signature));
    assert_int_equal(slk_json_parse(&payload, text, strlen(text), 1 << 20, NULL), SLK_OK);
    json_decref(envelope);
    return payload;
}

static void text_of(char out[64], const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    (void)snprintf(out, 64, "%s", text ? text : "");
}

/* A quote of acme's; its id. */
static void quoted(fixture *f, char out[64], unsigned sectors)
{
    char body[128];
    (void)snprintf(body, sizeof body,
                   "{\"offer\":\"cc\",\"kind\":\"cc\",\"seal_proof\":%d,\"sectors\":%u}",
                   WORLD_PROOF, sectors);
    json_t *quote =
        signed_answer(f, 201, &(struct call){"POST", "quotes", f->acme_token, NULL, body});
    text_of(out, quote, "id");
    json_decref(quote);
}

static void ordered(fixture *f, char out[64], const char *quote, const char *key, int want)
{
    char body[160];
    (void)snprintf(body, sizeof body, "{\"quote\":\"%s\",\"sp_id\":%u,\"sector_numbers\":[0,1]}",
                   quote, WORLD_SP);
    json_t *order =
        signed_answer(f, want, &(struct call){"POST", "orders", f->acme_token, key, body});
    text_of(out, order, "id");
    json_decref(order);
}

static void turn(fixture *f)
{
    uint64_t moved = 1;
    while (moved > 0)
        assert_int_equal(
            slk_order_turn(&moved, f->db, f->w->provider.seal, f->key, f->w->now_ms, NULL), SLK_OK);
}

static void invoiced(fixture *f)
{
    char number[SLK_INVOICE_NUMBER_CHARS], path[64];
    json_t *answer = NULL;
    assert_int_equal(slk_invoice_make(number, f->db, f->key, f->acme.id, INT64_MAX, f->w->now_ms,
                                      f->w->now_ms, NULL),
                     SLK_OK);
    assert_int_equal(call(f, &answer, &(struct call){"GET", "invoices", f->acme_token, NULL, NULL}),
                     200);
    assert_int_equal(json_array_size(json_object_get(answer, "invoices")), 1);
    json_decref(answer);
    static const char *const forms[] = {"", "/csv", "/page"};
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "invoices/%s%s", number, forms[i]);
        assert_int_equal(call(f, NULL, &(struct call){"GET", path, f->beta_token, NULL, NULL}),
                         404);
        assert_int_equal(call_any(f, &(struct call){"GET", path, f->acme_token, NULL, NULL}), 200);
    }
}

/* ---- tests ---- */

static void test_way(void **state)
{
    fixture *f = *state;
    char quote[64], order[64], again[64], path[128], text[64];
    json_t *offers = signed_answer(f, 200, &(struct call){"GET", "offers", NULL, NULL, NULL});
    assert_int_equal(json_array_size(json_object_get(offers, "offers")), 1);
    json_decref(offers);
    quoted(f, quote, 2);
    ordered(f, order, quote, "key-1", 201);
    ordered(f, again, quote, "key-1", 200);
    assert_string_equal(order, again);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t number;
        assert_int_equal(
            slk_client_order(&number, f->w->client.seal, WORLD_SP, WORLD_PROOF, 0, NULL), SLK_OK);
    }
    for (unsigned i = 0; i < 300; i++) {
        world_turn(f->w);
        turn(f);
    }
    (void)snprintf(path, sizeof path, "orders/%s", order);
    json_t *seen = signed_answer(f, 200, &(struct call){"GET", path, f->acme_token, NULL, NULL});
    text_of(text, seen, "state");
    assert_string_equal(text, "completed");
    json_decref(seen);
    (void)snprintf(path, sizeof path, "orders/%s/sectors?from=1&most=5", order);
    assert_int_equal(call(f, &seen, &(struct call){"GET", path, f->acme_token, NULL, NULL}), 200);
    assert_int_equal(json_array_size(json_object_get(seen, "sectors")), 1);
    json_decref(seen);
    assert_int_equal(call(f, &seen, &(struct call){"GET", "ledger", f->acme_token, NULL, NULL}),
                     200);
    assert_int_equal(json_array_size(json_object_get(seen, "entries")), 2);
    assert_int_equal(json_array_size(json_object_get(seen, "keys")), 1);
    json_decref(seen);
    assert_int_equal(call(f, &seen, &(struct call){"GET", "account", f->acme_token, NULL, NULL}),
                     200);
    text_of(text, seen, "balance");
    assert_string_equal(text, "2000");
    json_decref(seen);
    invoiced(f);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    const char *t = f->acme_token;
    static const char nil[] = "{\"quote\":\"00000000-0000-0000-0000-000000000000\",\"sp_id\":1000,"
                              "\"sector_numbers\":[0]}";
    const struct {
        struct call call;
        int want;
    } cases[] = {
        {{"GET", "account", NULL, NULL, NULL}, 401},
        {{"GET", "account", "0123", NULL, NULL}, 401},
        {{"GET", "nothing", t, NULL, NULL}, 404},
        {{"POST", "quotes", t, NULL, "[]"}, 400},
        {{"POST", "quotes", t, NULL, "{"}, 400},
        {{"POST", "quotes", t, NULL, "{\"offer\":\"cc\"}"}, 400},
        {{"POST", "quotes", t, NULL,
          "{\"offer\":\"no\",\"kind\":\"cc\",\"seal_proof\":5,\"sectors\":1}"},
         404},
        {{"POST", "quotes", t, NULL,
          "{\"offer\":\"cc\",\"kind\":\"data\",\"seal_proof\":5,\"sectors\":1}"},
         400},
        {{"POST", "quotes", t, NULL,
          "{\"offer\":\"cc\",\"kind\":\"cc\",\"seal_proof\":5,\"sectors\":21}"},
         400},
        {{"POST", "orders", t, NULL, nil}, 400},
        {{"POST", "orders", t, "k", nil}, 404},
        {{"POST", "orders", t, "k", "{\"quote\":1}"}, 400},
        {{"POST", "orders", t, "k", "{\"quote\":\"x\",\"sp_id\":1,\"sector_numbers\":[-1]}"}, 400},
        {{"GET", "orders?most=1001", t, NULL, NULL}, 400},
        {{"GET", "orders?before_ms=-1", t, NULL, NULL}, 400},
        {{"GET", "ledger?after=x", t, NULL, NULL}, 400},
        {{"GET", "orders/x", t, NULL, NULL}, 404},
        {{"POST", "tokens", t, NULL, "{\"name\":\"first\"}"}, 409},
        {{"POST", "tokens", t, NULL, "{\"name\":\"a b\"}"}, 400},
        {{"DELETE", "tokens/none", t, NULL, NULL}, 404},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(call(f, NULL, &cases[i].call), cases[i].want);
}

static void test_too_dear(void **state)
{
    fixture *f = *state;
    char quote[64], body[160];
    json_t *answer = NULL;
    quoted(f, quote, 6);
    (void)snprintf(body, sizeof body,
                   "{\"quote\":\"%s\",\"sp_id\":1000,\"sector_numbers\":[0,1,2,3,4,5]}", quote);
    assert_int_equal(call(f, &answer, &(struct call){"POST", "orders", f->acme_token, "k", body}),
                     402);
    const char *message =
        json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
    assert_non_null(strstr(message, "10.00 EUR is missing"));
    json_decref(answer);
}

static void test_tokens(void **state)
{
    fixture *f = *state;
    char token[80];
    json_t *answer = NULL;
    assert_int_equal(
        call(f, &answer,
             &(struct call){"POST", "tokens", f->acme_token, NULL, "{\"name\":\"ci\"}"}),
        201);
    (void)snprintf(token, sizeof token, "%s", json_string_value(json_object_get(answer, "token")));
    json_decref(answer);
    assert_int_equal(call(f, NULL, &(struct call){"GET", "account", token, NULL, NULL}), 200);
    assert_int_equal(call(f, &answer, &(struct call){"GET", "tokens", token, NULL, NULL}), 200);
    assert_int_equal(json_array_size(json_object_get(answer, "tokens")), 2);
    json_decref(answer);
    assert_int_equal(call(f, NULL, &(struct call){"DELETE", "tokens/ci", token, NULL, NULL}), 200);
    assert_int_equal(call(f, NULL, &(struct call){"GET", "account", token, NULL, NULL}), 401);
}

static void test_connect(void **state)
{
    fixture *f = *state;
    json_t *answer = NULL;
    slk_partner partner;
    assert_int_equal(call(f, &answer, &(struct call){"POST", "connect", f->acme_token, NULL, "{}"}),
                     201);
    assert_true(strlen(json_string_value(json_object_get(answer, "connect_string"))) > 64);
    json_decref(answer);
    /* the token of before is still good for a while */
    assert_int_equal(slk_provider_authorize(&partner, f->w->provider.seal, f->w->token, NULL),
                     SLK_OK);
}

/* All that beta could try on what is acme's: it finds nothing, and changes nothing. */
static void test_apart(void **state)
{
    fixture *f = *state;
    static const char *const on_order[] = {"", "/sectors", "/sectors?from=0", "/cancel"};
    static const struct {
        const char *before, *after;
    } variants[] = {
        {"", ""},   {"", "%20"},        {"%20", ""}, {"", "%00"}, {"", "/"},
        {"./", ""}, {"../orders/", ""}, {"", "%2f"}, {"", "'--"}, {"", "?customer=1"},
    };
    char quote[64], order[64], path[256];
    unsigned attempts = 0;
    quoted(f, quote, 2);
    ordered(f, order, quote, "key-1", 201);
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
        for (size_t i = 0; i < sizeof on_order / sizeof *on_order; i++, attempts++) {
            const bool cancel = i == 3;
            (void)snprintf(path, sizeof path, "orders/%s%s%s%s", variants[v].before, order,
                           variants[v].after, on_order[i]);
            const struct call c = {cancel ? "POST" : "GET", path, f->beta_token, NULL,
                                   cancel ? "{}" : NULL};
            const int status = call(f, NULL, &c);
            assert_true(status == 404 || status == 400 || status == 405);
        }
    assert_true(attempts >= 40);
    (void)snprintf(path, sizeof path, "quotes/%s", quote);
    assert_int_equal(call(f, NULL, &(struct call){"GET", path, f->beta_token, NULL, NULL}), 404);
    json_t *answer = NULL;
    assert_int_equal(call(f, &answer, &(struct call){"GET", "orders", f->beta_token, NULL, NULL}),
                     200);
    assert_int_equal(json_array_size(json_object_get(answer, "orders")), 0);
    json_decref(answer);
    assert_int_equal(call(f, &answer, &(struct call){"GET", "ledger", f->beta_token, NULL, NULL}),
                     200);
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 0);
    json_decref(answer);
    assert_int_equal(
        call(f, NULL, &(struct call){"DELETE", "tokens/first", f->beta_token, NULL, NULL}),
        200); /* its own */
    assert_int_equal(call(f, NULL, &(struct call){"GET", "account", f->acme_token, NULL, NULL}),
                     200);
    slk_order seen;
    assert_int_equal(slk_order_get(&seen, f->db, f->acme.id, order, NULL), SLK_OK);
    assert_int_equal(seen.state, SLK_ORDER_OPEN);
}

/* Guesses are counted, and a right token is not held up by them. */
static void test_guesses(void **state)
{
    fixture *f = *state;
    unsigned slowed = 0;
    for (unsigned i = 0; i < 2 * SLK_HTTP_GUESSES; i++) {
        char token[65];
        (void)snprintf(token, sizeof token, "%064u", i);
        const int status = call(f, NULL, &(struct call){"GET", "account", token, NULL, NULL});
        assert_true(status == 401 || status == 429);
        slowed += status == 429;
    }
    assert_true(slowed > 0);
    assert_int_equal(call(f, NULL, &(struct call){"GET", "account", f->acme_token, NULL, NULL}),
                     200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_way, make, unmake),
        cmocka_unit_test_setup_teardown(test_refused, make, unmake),
        cmocka_unit_test_setup_teardown(test_too_dear, make, unmake),
        cmocka_unit_test_setup_teardown(test_tokens, make, unmake),
        cmocka_unit_test_setup_teardown(test_connect, make, unmake),
        cmocka_unit_test_setup_teardown(test_apart, make, unmake),
        cmocka_unit_test_setup_teardown(test_guesses, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
