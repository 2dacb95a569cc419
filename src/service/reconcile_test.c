/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/reconcile.h"

#include "base/mem.h"
#include "service/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define ORDER "0b7c9d2e-1111-4222-8333-444455556666"
#define PROMISED (NOW + DAY)

/* Two sectors of an order with retention, charged, one of them late; a payment. */
typedef struct book {
    world *w;
    slk_bought_sector sectors[3];
    slk_bought_order order;
    slk_made_payment payment;
    slk_bought bought;
    int posted;
} book;

static slk_money of(uint64_t amount)
{
    return (slk_money){slk_bigint_from_u64(amount), false};
}

static book make_book(world *w)
{
    return (book){
        .w = w,
        .sectors = {{1000, 4, .received = true}, {1000, 5, .received = true}, {1000, 9}},
        .order = {.id = ORDER,
                  .terms = {.offer = "cc",
                            .wish = {SLK_ORDER_CC, 8, 3, false, false, 5},
                            .currency = "EUR",
                            .sector = of(1000),
                            .retention_day = of(7),
                            .retention_days_paid = 2,
                            .late_basis_points = 1000},
                  .promised_ms = PROMISED,
                  .n = 3},
        .payment = {"bank-1", of(500)},
    };
}

static const slk_bought *record(book *b)
{
    b->order.sectors = b->sectors;
    b->bought = (slk_bought){.orders = &b->order,
                             .n_orders = 1,
                             .payments = &b->payment,
                             .n_payments = 1,
                             .keys = &b->w->keys,
                             .currency = "EUR"};
    return &b->bought;
}

/* ---- what the service writes ---- */

static void post(book *b, slk_ledger_kind kind, slk_ledger_item item, uint64_t number,
                 uint64_t quantity, int64_t unit, int64_t at_ms, const char *reference)
{
    char own[32];
    (void)snprintf(own, sizeof own, "r%d", b->posted++);
    const bool of_sector = item != SLK_ITEM_MONEY;
    slk_ledger_entry entry;
    bool is_new;
    const slk_ledger_posting posting = {
        .customer_id = 7,
        .at_ms = at_ms,
        .kind = kind,
        .item = item,
        .order_id = of_sector ? ORDER : "",
        .has_sector = of_sector,
        .sp_id = 1000,
        .sector_number = number,
        .quantity = quantity,
        .unit = {slk_bigint_from_u64((uint64_t)(unit < 0 ? -unit : unit)), unit < 0},
        .currency = "EUR",
        .reference = reference ? reference : own,
        .note = ""};
    assert_int_equal(slk_ledger_post_alone(&entry, &is_new, b->w->db, b->w->key, &posting, NULL),
                     SLK_OK);
}

static void charge(book *b, uint64_t number, int64_t at_ms, int64_t sector_unit)
{
    post(b, SLK_LEDGER_CHARGE, SLK_ITEM_SECTOR, number, 1, sector_unit, at_ms, NULL);
    post(b, SLK_LEDGER_CHARGE, SLK_ITEM_RETENTION, number, 2, 7, at_ms, NULL);
}

static void pay(book *b)
{
    post(b, SLK_LEDGER_PAYMENT, SLK_ITEM_MONEY, 0, 1, -500, NOW, "bank-1");
}

static slk_err feed(void *context, const slk_ledger_entry *entry, slk_error *error)
{
    return slk_reconcile_feed(context, entry, error);
}

/* NULL: all is well, else what the sentence says. */
static void ends(book *b, const char *says, const char *balance)
{
    SLK_CLEANUP(slk_reconcile_freep) slk_reconcile *r = NULL;
    slk_error error = {0};
    slk_money owed;
    char text[SLK_MONEY_CHARS];
    assert_int_equal(slk_reconcile_new(&r, record(b), NULL), SLK_OK);
    slk_err code = slk_ledger_walk(b->w->db, 7, 0, 1000, feed, r, &error);
    if (code == SLK_OK)
        code = slk_reconcile_end(r, &owed, &error);
    if (says) {
        assert_int_equal(code, SLK_E_CONFLICT);
        if (!strstr(error.message, says))
            fail_msg("%s", error.message);
        return;
    }
    if (code != SLK_OK)
        fail_msg("%s", error.message);
    slk_money_print(text, &owed);
    assert_string_equal(text, balance);
}

/* ---- tests ---- */

static void test_good(void **state)
{
    book b = make_book(*state);
    charge(&b, 4, NOW, 1000);
    pay(&b);
    charge(&b, 5, PROMISED + 1, 1000);
    post(&b, SLK_LEDGER_CREDIT, SLK_ITEM_LATE, 5, 1, -100, PROMISED + 1, NULL);
    ends(&b, NULL, "1428");
}

static void test_nothing(void **state)
{
    book b = make_book(*state);
    b.sectors[0].received = b.sectors[1].received = false;
    pay(&b);
    ends(&b, NULL, "-500");
}

static void test_too_dear(void **state)
{
    book b = make_book(*state);
    charge(&b, 4, NOW, 1001);
    ends(&b, "entry 1 (charge sector, 10.01 EUR): by the terms it is 1 times 10.00 EUR", NULL);
}

static void test_twice(void **state)
{
    book b = make_book(*state);
    charge(&b, 4, NOW, 1000);
    charge(&b, 4, NOW, 1000);
    ends(&b, "entry 3 (charge sector, 10.00 EUR): it was charged before", NULL);
}

static void test_not_received(void **state)
{
    book b = make_book(*state);
    charge(&b, 9, NOW, 1000);
    ends(&b, "the sector has not been received", NULL);
}

static void test_under_way(void **state)
{
    book b = make_book(*state);
    b.sectors[2].under_way = true;
    charge(&b, 4, NOW, 1000);
    charge(&b, 5, NOW, 1000);
    pay(&b);
    ends(&b, NULL, "1528");
    charge(&b, 9, NOW, 1000);
    ends(&b, NULL, "2542");
}

static void test_not_ordered(void **state)
{
    book b = make_book(*state);
    charge(&b, 6, NOW, 1000);
    ends(&b, "a sector that the order does not have", NULL);
}

static void test_other_order(void **state)
{
    book b = make_book(*state);
    charge(&b, 4, NOW, 1000);
    memcpy(b.order.id, "1", 1);
    ends(&b, "an order that is not known here", NULL);
}

static void test_not_in_terms(void **state)
{
    book b = make_book(*state);
    post(&b, SLK_LEDGER_CHARGE, SLK_ITEM_PUSH, 4, 1, 5, NOW, NULL);
    ends(&b, "the terms of the order have nothing of the kind", NULL);
}

static void test_no_credit(void **state)
{
    book b = make_book(*state);
    charge(&b, 4, NOW, 1000);
    charge(&b, 5, PROMISED + 1, 1000);
    pay(&b);
    ends(&b, "sector f01000/5 of order " ORDER ": its credit (late) is missing", NULL);
}

static void test_not_charged(void **state)
{
    book b = make_book(*state);
    charge(&b, 4, NOW, 1000);
    pay(&b);
    ends(&b, "sector f01000/5 of order " ORDER ": it was received, and is not charged", NULL);
}

static void test_payments(void **state)
{
    book b = make_book(*state);
    charge(&b, 4, NOW, 1000);
    charge(&b, 5, NOW, 1000);
    ends(&b, "the payment bank-1 has not been noted", NULL);
    pay(&b);
    b.payment.amount = of(501);
    ends(&b, "another amount was paid", NULL);
    b.payment.reference = "bank-2";
    ends(&b, "no payment of this reference", NULL);
}

static void test_refused(void **state)
{
    book b = make_book(*state);
    b.sectors[0].received = false;
    b.sectors[0].refused = true;
    charge(&b, 4, NOW, 1000);
    charge(&b, 5, NOW, 1000);
    pay(&b);
    ends(&b, "sector f01000/4 of order " ORDER ": it was no good, and is not credited in full",
         NULL);
    post(&b, SLK_LEDGER_CREDIT, SLK_ITEM_FAILED, 4, 1, -1014, NOW + 1, NULL);
    ends(&b, NULL, "514");
}

static void test_half_credited(void **state)
{
    book b = make_book(*state);
    charge(&b, 4, NOW, 1000);
    post(&b, SLK_LEDGER_CREDIT, SLK_ITEM_FAILED, 4, 1, -1000, NOW, NULL);
    ends(&b, "it is not all that was charged", NULL);
}

static void test_adjustments(void **state)
{
    book b = make_book(*state);
    b.sectors[0].received = b.sectors[1].received = false;
    pay(&b);
    post(&b, SLK_LEDGER_ADJUSTMENT, SLK_ITEM_MONEY, 0, 1, -3, NOW, "gift");
    ends(&b, NULL, "-503");
    post(&b, SLK_LEDGER_ADJUSTMENT, SLK_ITEM_MONEY, 0, 1, 3, NOW, "fee");
    ends(&b, "it has not been agreed to", NULL);
}

/* Damage is told apart from disagreement. */
static void test_damaged(void **state)
{
    book b = make_book(*state);
    static const slk_sql change = {"test.change", "UPDATE service_ledger SET amount = '1' WHERE"
                                                  " seq = 2"};
    SLK_CLEANUP(slk_reconcile_freep) slk_reconcile *r = NULL;
    slk_error error = {0};
    charge(&b, 4, NOW, 1000);
    assert_int_equal(slk_db_run(b.w->db, &change, NULL), SLK_OK);
    assert_int_equal(slk_reconcile_new(&r, record(&b), NULL), SLK_OK);
    assert_int_equal(slk_ledger_walk(b.w->db, 7, 0, 1000, feed, r, &error), SLK_E_CORRUPT);
    assert_non_null(strstr(error.message, "entry 2 "));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_make, world_unmake)
    const struct CMUnitTest tests[] = {
        CASE(test_good),        CASE(test_nothing),       CASE(test_too_dear),
        CASE(test_twice),       CASE(test_not_received),  CASE(test_under_way),
        CASE(test_not_ordered), CASE(test_other_order),   CASE(test_not_in_terms),
        CASE(test_no_credit),   CASE(test_not_charged),   CASE(test_payments),
        CASE(test_refused),     CASE(test_half_credited), CASE(test_adjustments),
        CASE(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
