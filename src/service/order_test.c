/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/order.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "seal/permit.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY SLK_TERMS_DAY_MS
#define ETA (2 * DAY)

/* A provider that sells and a customer whose node orders there, proofs and chain played. */
typedef struct shop {
    world *w;
    slk_db *db;
    slk_signing_key *key;
    uint8_t public[1][32];
    slk_ledger_keys keys;
    slk_customer acme, beta; /* beta has no node */
} shop;

static slk_customer add_customer(shop *s, const char *name, int64_t partner_id, uint64_t limit)
{
    slk_customer c = {
        .currency = "EUR", .limit = {slk_bigint_from_u64(limit), false}, .partner_id = partner_id};
    (void)snprintf(c.name, sizeof c.name, "%s", name);
    assert_int_equal(slk_customer_add(&c.id, s->db, &c, s->w->now_ms, NULL), SLK_OK);
    return c;
}

static void add_offer(shop *s)
{
    slk_offer offer = {.name = "cc",
                       .kinds = {true, false},
                       .seal_proofs = {WORLD_PROOF},
                       .n_seal_proofs = 1,
                       .currency = "EUR",
                       .steps = {{1, {slk_bigint_from_u64(1000), false}}},
                       .n_steps = 1,
                       .late_basis_points = 1000,
                       .least = 1,
                       .most = 20};
    int64_t version;
    assert_int_equal(slk_offer_set(&version, s->db, &offer, s->w->now_ms, NULL), SLK_OK);
}

static int make(void **state)
{
    shop *s = calloc(1, sizeof *s);
    const uint8_t secret[32] = {9};
    s->w = world_new();
    s->db = s->w->provider.db;
    assert_int_equal(slk_signing_key_new(&s->key, secret, NULL), SLK_OK);
    slk_signing_public(s->public[0], s -> key);
    s->keys = (slk_ledger_keys){(const uint8_t(*)[32])s->public, 1};
    assert_int_equal(slk_partner_permits_only(s->db, s->w->partner_id, NULL), SLK_OK);
    s->acme = add_customer(s, "acme", s->w->partner_id, 10000);
    s->beta = add_customer(s, "beta", s->w->partner_id, 0);
    add_offer(s);
    *state = s;
    return 0;
}

static int unmake(void **state)
{
    shop *s = *state;
    slk_signing_key_free(s->key);
    world_free(s->w);
    free(s);
    return 0;
}

/* ---- steps ---- */

static slk_quote quote_for(shop *s, const slk_customer *who, uint64_t sectors, int64_t eta_ms)
{
    slk_quote q;
    const slk_order_wish wish = {SLK_ORDER_CC, WORLD_PROOF, sectors, false, false, 0};
    assert_int_equal(slk_quote_make(&q, s->db, who, "cc", &wish, eta_ms, s->w->now_ms, NULL),
                     SLK_OK);
    return q;
}

static slk_quote quote(shop *s, const slk_customer *who, uint64_t sectors)
{
    return quote_for(s, who, sectors, ETA);
}

static slk_err place(shop *s, slk_order *ret, const slk_customer *who, const char *quote_id,
                     const char *key, uint64_t first, size_t n, slk_error *error)
{
    uint64_t numbers[32];
    for (size_t i = 0; i < n; i++)
        numbers[i] = first + i;
    const slk_order_request request = {quote_id, key, WORLD_SP, numbers, n, false};
    bool is_new = false;
    return slk_order_place(ret, &is_new, s->db, who->id, &request, s->w->now_ms, error);
}

static slk_order placed(shop *s, uint64_t first, size_t n)
{
    slk_order order;
    char key[32];
    const slk_quote q = quote(s, &s->acme, n);
    (void)snprintf(key, sizeof key, "order-%llu", (unsigned long long)first);
    assert_int_equal(place(s, &order, &s->acme, q.id, key, first, n, NULL), SLK_OK);
    return order;
}

static void turn(shop *s)
{
    uint64_t moved = 1;
    while (moved > 0)
        assert_int_equal(
            slk_order_turn(&moved, s->db, s->w->provider.seal, s->key, s->w->now_ms, NULL), SLK_OK);
}

static slk_order seen(shop *s, const char *id)
{
    slk_order order;
    assert_int_equal(slk_order_get(&order, s->db, s->acme.id, id, NULL), SLK_OK);
    return order;
}

static void balance_is(shop *s, const char *want)
{
    slk_money balance;
    char text[SLK_MONEY_CHARS];
    uint64_t n = 0;
    assert_int_equal(slk_ledger_balance(&balance, s->db, s->acme.id, NULL), SLK_OK);
    slk_money_print(text, &balance);
    assert_string_equal(text, want);
    assert_int_equal(slk_ledger_check_all(&n, s->db, s->acme.id, &s->keys, NULL), SLK_OK);
}

static void outstanding_is(const slk_order *order, const char *want)
{
    char text[SLK_MONEY_CHARS];
    slk_money_print(text, &order->outstanding);
    assert_string_equal(text, want);
}

static void client_orders(shop *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t number;
        assert_int_equal(
            slk_client_order(&number, s->w->client.seal, WORLD_SP, WORLD_PROOF, 0, NULL), SLK_OK);
    }
}

static void run(shop *s, unsigned turns)
{
    for (unsigned i = 0; i < turns; i++) {
        world_turn(s->w);
        turn(s);
    }
}

static void pay(shop *s, uint64_t amount, const char *reference)
{
    slk_ledger_entry entry;
    bool is_new;
    const slk_ledger_posting posting = {.customer_id = s->acme.id,
                                        .at_ms = s->w->now_ms,
                                        .kind = SLK_LEDGER_PAYMENT,
                                        .item = SLK_ITEM_MONEY,
                                        .order_id = "",
                                        .quantity = 1,
                                        .unit = {slk_bigint_from_u64(amount), true},
                                        .currency = "EUR",
                                        .reference = reference,
                                        .note = ""};
    assert_int_equal(slk_ledger_post_alone(&entry, &is_new, s->db, s->key, &posting, NULL), SLK_OK);
}

/* ---- placing ---- */

static void test_once(void **state)
{
    shop *s = *state;
    slk_order order, again;
    slk_error error = {0};
    const slk_quote q = quote(s, &s->acme, 3), other = quote(s, &s->acme, 3);
    assert_int_equal(place(s, &order, &s->acme, q.id, "k1", 0, 3, NULL), SLK_OK);
    assert_int_equal(order.state, SLK_ORDER_OPEN);
    assert_int_equal(order.counts[SLK_SOLD_PLANNED], 3);
    assert_int_equal(order.promised_ms, s->w->now_ms + ETA);
    outstanding_is(&order, "3000");
    assert_int_equal(place(s, &again, &s->acme, q.id, "k1", 0, 3, NULL), SLK_OK);
    assert_string_equal(again.id, order.id);
    assert_int_equal(place(s, &again, &s->acme, q.id, "k1", 1, 3, &error), SLK_E_CONFLICT);
    assert_non_null(strstr(error.message, "idempotency key"));
    assert_int_equal(place(s, &again, &s->acme, q.id, "k2", 3, 3, &error), SLK_E_CONFLICT);
    assert_non_null(strstr(error.message, order.id));
    assert_int_equal(place(s, &again, &s->acme, other.id, "k3", 2, 3, &error), SLK_E_EXISTS);
    assert_non_null(strstr(error.message, "sector 2 "));
    assert_int_equal(place(s, &again, &s->acme, other.id, "k3", 3, 3, NULL), SLK_OK);
}

static void test_refused(void **state)
{
    shop *s = *state;
    slk_order order;
    slk_error error = {0};
    const slk_quote q = quote(s, &s->acme, 2);
    bool is_new;
    assert_int_equal(place(s, &order, &s->acme, q.id, "", 0, 2, NULL), SLK_E_INVAL);
    assert_int_equal(place(s, &order, &s->acme, q.id, "a\nb", 0, 2, NULL), SLK_E_INVAL);
    assert_int_equal(place(s, &order, &s->acme, "x", "k", 0, 2, NULL), SLK_E_INVAL);
    assert_int_equal(place(s, &order, &s->acme, SLK_UUID_NIL, "k", 0, 2, NULL), SLK_E_NOTFOUND);
    assert_int_equal(place(s, &order, &s->acme, q.id, "k", 0, 3, NULL), SLK_E_INVAL);
    assert_int_equal(place(s, &order, &s->acme, q.id, "k", 0, 0, NULL), SLK_E_INVAL);
    const uint64_t twice[] = {4, 4}, huge[] = {1, UINT64_MAX};
    const slk_order_request same = {q.id, "k", WORLD_SP, twice, 2, false};
    const slk_order_request large = {q.id, "k", WORLD_SP, huge, 2, false};
    assert_int_equal(slk_order_place(&order, &is_new, s->db, s->acme.id, &same, s->w->now_ms, NULL),
                     SLK_E_INVAL);
    assert_int_equal(
        slk_order_place(&order, &is_new, s->db, s->acme.id, &large, s->w->now_ms, NULL),
        SLK_E_INVAL);
    s->w->now_ms += SLK_QUOTE_LIFE_MS;
    assert_int_equal(place(s, &order, &s->acme, q.id, "k", 0, 2, &error), SLK_E_NOTFOUND);
    assert_non_null(strstr(error.message, "expired"));
    const slk_quote fresh = quote(s, &s->acme, 2);
    s->acme.closed = true;
    assert_int_equal(slk_customer_set(s->db, &s->acme, NULL), SLK_OK);
    assert_int_equal(place(s, &order, &s->acme, fresh.id, "k", 0, 2, NULL), SLK_E_CONFLICT);
}

static void test_limit(void **state)
{
    shop *s = *state;
    slk_order order;
    slk_error error = {0};
    const slk_quote ten = quote(s, &s->acme, 10), one = quote(s, &s->acme, 1);
    const slk_quote of_beta = quote(s, &s->beta, 1);
    assert_int_equal(place(s, &order, &s->acme, ten.id, "k1", 0, 10, NULL), SLK_OK);
    assert_int_equal(place(s, &order, &s->acme, one.id, "k2", 10, 1, &error), SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "costs 10.00 EUR, and 10.00 EUR is missing"));
    pay(s, 999, "p1");
    assert_int_equal(place(s, &order, &s->acme, one.id, "k2", 10, 1, &error), SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "0.01 EUR is missing"));
    pay(s, 1, "p2");
    assert_int_equal(place(s, &order, &s->acme, one.id, "k2", 10, 1, NULL), SLK_OK);
    assert_int_equal(place(s, &order, &s->beta, of_beta.id, "k", 11, 1, NULL), SLK_E_LIMIT);
}

/* Another's is what does not exist. */
static void test_apart(void **state)
{
    shop *s = *state;
    slk_order order, seen_order;
    slk_quote seen_quote;
    uint64_t n;
    const slk_quote q = quote(s, &s->acme, 1);
    assert_int_equal(slk_quote_get(&seen_quote, s->db, s->beta.id, q.id, s->w->now_ms, NULL),
                     SLK_E_NOTFOUND);
    assert_int_equal(place(s, &order, &s->beta, q.id, "k", 0, 1, NULL), SLK_E_NOTFOUND);
    assert_int_equal(place(s, &order, &s->acme, q.id, "k", 0, 1, NULL), SLK_OK);
    assert_int_equal(slk_order_get(&seen_order, s->db, s->beta.id, order.id, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_order_cancel(&n, s->db, s->beta.id, order.id, s->w->now_ms, NULL),
                     SLK_E_NOTFOUND);
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    assert_int_equal(slk_order_list(&list, s->db, s->beta.id, INT64_MAX, 10, NULL), SLK_OK);
    assert_int_equal(json_array_size(list), 0);
}

/* ---- a life ---- */

static void test_life(void **state)
{
    shop *s = *state;
    slk_order order = placed(s, 0, 3);
    client_orders(s, 3);
    run(s, 400);
    char state_name[32];
    for (uint64_t i = 0; i < 3; i++)
        assert_string_equal(world_state(&s->w->client, i, state_name), "proving");
    order = seen(s, order.id);
    assert_int_equal(order.state, SLK_ORDER_COMPLETED);
    assert_int_equal(order.counts[SLK_SOLD_READY], 3);
    outstanding_is(&order, "0");
    balance_is(s, "3000");
    turn(s); /* nothing twice */
    balance_is(s, "3000");
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    assert_int_equal(slk_order_sectors(&list, s->db, order.id, 1, 10, NULL), SLK_OK);
    assert_int_equal(json_array_size(list), 2);
}

static void test_pays_first(void **state)
{
    shop *s = *state;
    char state_name[32];
    s->acme.pays_first = true;
    assert_int_equal(slk_customer_set(s->db, &s->acme, NULL), SLK_OK);
    slk_order order = placed(s, 0, 2);
    client_orders(s, 2);
    run(s, 200);
    order = seen(s, order.id);
    assert_int_equal(order.state, SLK_ORDER_OPEN);
    assert_int_equal(order.counts[SLK_SOLD_CHARGED], 2);
    assert_string_equal(world_state(&s->w->client, 0, state_name), "ordered");
    balance_is(s, "2000");
    pay(s, 1999, "p1");
    run(s, 100);
    assert_int_equal(seen(s, order.id).counts[SLK_SOLD_CHARGED], 2);
    pay(s, 1, "p2");
    run(s, 300);
    order = seen(s, order.id);
    assert_int_equal(order.state, SLK_ORDER_COMPLETED);
    assert_string_equal(world_state(&s->w->client, 0, state_name), "proving");
    balance_is(s, "0");
}

static void test_late(void **state)
{
    shop *s = *state;
    slk_order order;
    const slk_quote q = quote_for(s, &s->acme, 1, 1);
    assert_int_equal(place(s, &order, &s->acme, q.id, "k", 0, 1, NULL), SLK_OK);
    s->w->now_ms += 1000;
    client_orders(s, 1);
    run(s, 100);
    assert_int_equal(seen(s, order.id).state, SLK_ORDER_COMPLETED);
    balance_is(s, "900"); /* a day begun, for a tenth */
}

static void test_cancel(void **state)
{
    shop *s = *state;
    uint64_t n = 0;
    slk_order order = placed(s, 0, 3);
    client_orders(s, 1);
    world_turn(s->w);
    world_turn(s->w);
    assert_int_equal(slk_order_cancel(&n, s->db, s->acme.id, order.id, s->w->now_ms, NULL), SLK_OK);
    assert_int_equal(n, 2);
    order = seen(s, order.id);
    assert_int_equal(order.state, SLK_ORDER_OPEN);
    outstanding_is(&order, "1000");
    assert_int_equal(slk_order_cancel(&n, s->db, s->acme.id, order.id, s->w->now_ms, NULL), SLK_OK);
    assert_int_equal(n, 0);
    run(s, 300);
    assert_int_equal(seen(s, order.id).state, SLK_ORDER_COMPLETED);
    balance_is(s, "1000");
    order = placed(s, 1, 2); /* the numbers are free again */
    assert_int_equal(slk_order_cancel(&n, s->db, s->acme.id, order.id, s->w->now_ms, NULL), SLK_OK);
    assert_int_equal(seen(s, order.id).state, SLK_ORDER_CANCELED);
    balance_is(s, "1000");
}

/* The customer, or the operator, gives one up while it is sealed: it costs nothing. */
static void test_stopped(void **state)
{
    shop *s = *state;
    const slk_order order = placed(s, 0, 1);
    client_orders(s, 1);
    world_fail(s->w, OP_PC2, 0, 1000, SLK_E_BUSY);
    run(s, 50);
    assert_int_equal(seen(s, order.id).counts[SLK_SOLD_SEALING], 1);
    assert_int_equal(
        slk_provider_operator_cancel(s->w->provider.seal, WORLD_SP, 0, true, false, NULL), SLK_OK);
    turn(s);
    assert_int_equal(seen(s, order.id).counts[SLK_SOLD_FAILED], 1);
    assert_int_equal(seen(s, order.id).state, SLK_ORDER_COMPLETED);
    balance_is(s, "0");
}

static void test_bad(void **state)
{
    shop *s = *state;
    slk_error error = {0};
    const slk_order order = placed(s, 0, 2);
    client_orders(s, 2);
    assert_int_equal(slk_order_fail_sector(s->db, s->key, WORLD_SP, 0, "x", s->w->now_ms, &error),
                     SLK_E_CONFLICT);
    run(s, 100);
    balance_is(s, "2000");
    assert_int_equal(
        slk_order_fail_sector(s->db, s->key, WORLD_SP, 0, "not provable", s->w->now_ms, NULL),
        SLK_OK);
    balance_is(s, "1000");
    assert_int_equal(slk_order_fail_sector(s->db, s->key, WORLD_SP, 0, "x", s->w->now_ms, NULL),
                     SLK_E_CONFLICT);
    assert_int_equal(slk_order_fail_sector(s->db, s->key, WORLD_SP, 9, "x", s->w->now_ms, NULL),
                     SLK_E_NOTFOUND);
    assert_int_equal(seen(s, order.id).counts[SLK_SOLD_FAILED], 1);
    balance_is(s, "1000");
}

static void test_list(void **state)
{
    shop *s = *state;
    char first[SLK_UUID_CHARS];
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL, *older = NULL;
    memcpy(first, placed(s, 0, 1).id, sizeof first);
    s->w->now_ms++;
    (void)placed(s, 1, 1);
    assert_int_equal(slk_order_list(&list, s->db, 0, INT64_MAX, 10, NULL), SLK_OK);
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(slk_order_list(&older, s->db, s->acme.id, s->w->now_ms, 10, NULL), SLK_OK);
    assert_int_equal(json_array_size(older), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(older, 0), "id")), first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_once, make, unmake),
        cmocka_unit_test_setup_teardown(test_refused, make, unmake),
        cmocka_unit_test_setup_teardown(test_limit, make, unmake),
        cmocka_unit_test_setup_teardown(test_apart, make, unmake),
        cmocka_unit_test_setup_teardown(test_life, make, unmake),
        cmocka_unit_test_setup_teardown(test_pays_first, make, unmake),
        cmocka_unit_test_setup_teardown(test_late, make, unmake),
        cmocka_unit_test_setup_teardown(test_cancel, make, unmake),
        cmocka_unit_test_setup_teardown(test_stopped, make, unmake),
        cmocka_unit_test_setup_teardown(test_bad, make, unmake),
        cmocka_unit_test_setup_teardown(test_list, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
