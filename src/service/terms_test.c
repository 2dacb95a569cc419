/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/terms.h"

#include "base/mem.h"
#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define NOW INT64_C(1800000000000)
#define DAY SLK_TERMS_DAY_MS

static slk_money of(uint64_t amount)
{
    return (slk_money){slk_bigint_from_u64(amount), false};
}

static slk_terms example(void)
{
    return (slk_terms){
        .offer = "cc32",
        .offer_version = 2,
        .wish = {SLK_ORDER_CC, 8, 10, true, true, 5},
        .currency = "EUR",
        .sector = of(1000),
        .proof = of(50),
        .push = of(30),
        .retention_day = of(7),
        .retention_days_paid = 2,
        .late_basis_points = 333,
        .eta_ms = 3 * DAY,
    };
}

static void money_is(const slk_money *money, const char *want)
{
    char text[SLK_MONEY_CHARS];
    slk_money_print(text, money);
    assert_string_equal(text, want);
}

static void same(const slk_terms *a, const slk_terms *b)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *x = NULL, *y = NULL;
    assert_int_equal(slk_terms_to_json(&x, a, NULL), SLK_OK);
    assert_int_equal(slk_terms_to_json(&y, b, NULL), SLK_OK);
    assert_true(json_equal(x, y));
}

static void test_sums(void **state)
{
    (void)state;
    const slk_terms terms = example();
    const slk_money each = slk_terms_each(&terms), total = slk_terms_total(&terms);
    money_is(&each, "1094");
    money_is(&total, "10940");
}

static void test_offer(void **state)
{
    (void)state;
    slk_offer offer = {.name = "cc32",
                       .version = 2,
                       .kinds = {true, false},
                       .seal_proofs = {8},
                       .n_seal_proofs = 1,
                       .currency = "EUR",
                       .steps = {{1, of(1000)}},
                       .n_steps = 1,
                       .has_proof = true,
                       .has_push = true,
                       .proof = of(50),
                       .push = of(30),
                       .retention_day = of(7),
                       .retention_days = 3,
                       .late_basis_points = 333,
                       .least = 1,
                       .most = 10};
    const slk_order_wish wish = {SLK_ORDER_CC, 8, 10, true, true, 5};
    const slk_terms want = example();
    slk_terms terms;
    slk_price price;
    assert_int_equal(slk_terms_of_offer(&terms, &offer, &wish, 3 * DAY, NULL), SLK_OK);
    same(&terms, &want);
    assert_int_equal(slk_offer_price(&price, &offer, &wish, NULL), SLK_OK);
    const slk_money total = slk_terms_total(&terms);
    assert_int_equal(slk_money_cmp(&price.total, &total), 0);
    const slk_order_wish short_wish = {SLK_ORDER_CC, 8, 10, true, true, 0};
    assert_int_equal(slk_terms_of_offer(&terms, &offer, &short_wish, 0, NULL), SLK_OK);
    assert_int_equal(terms.wish.retention_days, 3); /* what is included is kept, asked for or not */
    assert_int_equal(terms.retention_days_paid, 0);
    offer.most = 9;
    assert_int_equal(slk_terms_of_offer(&terms, &offer, &wish, 0, NULL), SLK_E_INVAL);
}

static void line_is(const slk_charge *line, slk_ledger_item item, uint64_t quantity,
                    const char *unit)
{
    assert_int_equal(line->item, item);
    assert_int_equal(line->kind, item == SLK_ITEM_LATE ? SLK_LEDGER_CREDIT : SLK_LEDGER_CHARGE);
    assert_int_equal(line->quantity, quantity);
    money_is(&line->unit, unit);
}

static void test_charges(void **state)
{
    (void)state;
    slk_charge lines[SLK_CHARGES_MAX];
    slk_terms terms = example();
    assert_int_equal(slk_terms_charges(lines, &terms, NOW, NOW), 4);
    line_is(&lines[0], SLK_ITEM_SECTOR, 1, "1000");
    line_is(&lines[1], SLK_ITEM_PROOF, 1, "50");
    line_is(&lines[2], SLK_ITEM_PUSH, 1, "30");
    line_is(&lines[3], SLK_ITEM_RETENTION, 2, "7");
    assert_int_equal(slk_terms_charges(lines, &terms, NOW, NOW + 1), 5);
    line_is(&lines[4], SLK_ITEM_LATE, 1, "-34");
    assert_int_equal(slk_terms_charges(lines, &terms, NOW, NOW + DAY), 5);
    line_is(&lines[4], SLK_ITEM_LATE, 1, "-34");
    assert_int_equal(slk_terms_charges(lines, &terms, NOW, NOW + DAY + 1), 5);
    line_is(&lines[4], SLK_ITEM_LATE, 2, "-34");
    assert_int_equal(slk_terms_charges(lines, &terms, NOW, NOW + 29 * DAY), 5);
    line_is(&lines[4], SLK_ITEM_LATE, 29, "-34");
    assert_int_equal(slk_terms_charges(lines, &terms, NOW, NOW + 30 * DAY), 5);
    line_is(&lines[4], SLK_ITEM_LATE, 1, "-1000"); /* all of it at most */
    terms.late_basis_points = 0;
    terms.retention_days_paid = 0;
    terms.wish.push = terms.wish.proof = false;
    assert_int_equal(slk_terms_charges(lines, &terms, NOW, NOW + 30 * DAY), 1);
    terms.sector = of(0); /* for nothing, and still on the bill */
    terms.late_basis_points = 333;
    assert_int_equal(slk_terms_charges(lines, &terms, NOW, NOW + 30 * DAY), 1);
    line_is(&lines[0], SLK_ITEM_SECTOR, 1, "0");
}

static void test_json(void **state)
{
    (void)state;
    const slk_terms terms = example();
    slk_terms back;
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    assert_int_equal(slk_terms_to_json(&value, &terms, NULL), SLK_OK);
    assert_int_equal(slk_terms_from_json(&back, value, NULL), SLK_OK);
    same(&back, &terms);
    const char *key;
    void *next;
    json_t *member;
    json_object_foreach_safe(value, next, key, member)
    { /* each is needed, and of its type */
        SLK_CLEANUP(slk_json_decrefp) json_t *copy = json_deep_copy(value);
        assert_int_equal(json_object_set_new(copy, key, json_array()), 0);
        assert_int_equal(slk_terms_from_json(&back, copy, NULL), SLK_E_INVAL);
    }
    static const struct {
        const char *field, *value;
    } bad[] = {
        {"total", "\"10941\""}, {"sector", "\"-1000\""}, {"sectors", "0"},
        {"sectors", "11"},      {"kind", "\"snap\""},    {"late_basis_points", "10001"},
        {"eta_ms", "-1"},       {"offer", "\"A\""},      {"retention_days_paid", "6"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        SLK_CLEANUP(slk_json_decrefp) json_t *copy = json_deep_copy(value);
        json_t *wrong = json_loads(bad[i].value, JSON_DECODE_ANY, NULL);
        assert_int_equal(json_object_set_new(copy, bad[i].field, wrong), 0);
        assert_int_equal(slk_terms_from_json(&back, copy, NULL), SLK_E_INVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_offer),
        cmocka_unit_test(test_charges),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
