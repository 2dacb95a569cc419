/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/invoice.h"

#include "base/mem.h"
#include "codec/json.h"
#include "service/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static int64_t add_customer(world *w, const char *name)
{
    int64_t id = 0;
    slk_customer c = {.currency = "EUR"};
    (void)snprintf(c.name, sizeof c.name, "%s", name);
    assert_int_equal(slk_customer_add(&id, w->db, &c, NOW, NULL), SLK_OK);
    return id;
}

/* amount below zero: a payment. */
static void post(world *w, int64_t customer, int64_t amount, int64_t at_ms, const char *reference,
                 const char *note)
{
    const bool pays = amount < 0;
    slk_ledger_entry entry;
    bool is_new;
    const slk_ledger_posting posting = {
        .customer_id = customer,
        .at_ms = at_ms,
        .kind = pays ? SLK_LEDGER_PAYMENT : SLK_LEDGER_CHARGE,
        .item = pays ? SLK_ITEM_MONEY : SLK_ITEM_SECTOR,
        .order_id = "",
        .quantity = 1,
        .unit = {slk_bigint_from_u64((uint64_t)(pays ? -amount : amount)), pays},
        .currency = "EUR",
        .reference = reference,
        .note = note};
    assert_int_equal(slk_ledger_post_alone(&entry, &is_new, w->db, w->key, &posting, NULL), SLK_OK);
}

static slk_err make(world *w, char number[SLK_INVOICE_NUMBER_CHARS], int64_t customer,
                    int64_t until_ms)
{
    return slk_invoice_make(number, w->db, w->key, customer, until_ms, NOW + 14 * DAY, NOW + DAY,
                            NULL);
}

static json_t *document(world *w, int64_t customer, const char *number)
{
    SLK_CLEANUP(slk_invoice_done) slk_invoice invoice = {0};
    json_t *value = NULL;
    assert_int_equal(slk_invoice_get(&invoice, w->db, customer, number, NULL), SLK_OK);
    assert_true(slk_invoice_valid(&invoice, &w->keys));
    assert_int_equal(slk_json_parse(&value, invoice.document.data, invoice.document.len,
                                    SLK_INVOICE_MAX_BYTES, NULL),
                     SLK_OK);
    return value;
}

static void field_is(const json_t *value, const char *field, const char *want)
{
    assert_string_equal(json_string_value(json_object_get(value, field)), want);
}

/* Each entry is on one invoice, and one goes on where the other ended. */
static void test_chain(void **state)
{
    world *w = *state;
    char number[SLK_INVOICE_NUMBER_CHARS];
    const int64_t acme = add_customer(w, "acme");
    assert_int_equal(make(w, number, acme, NOW), SLK_E_NOTFOUND);
    post(w, acme, 250, NOW, "a", "");
    post(w, acme, 250, NOW, "b", "");
    post(w, acme, 300, NOW, "c", "");
    post(w, acme, -100, NOW, "d", "");
    post(w, acme, 250, NOW + DAY, "e", "");
    assert_int_equal(make(w, number, acme, NOW + 1), SLK_OK);
    assert_string_equal(number, "2027-000001");
    SLK_CLEANUP(slk_json_decrefp) json_t *first = document(w, acme, number);
    field_is(first, "opening", "0");
    field_is(first, "closing", "700");
    field_is(first, "due", "700");
    const json_t *lines = json_object_get(first, "lines");
    assert_int_equal(json_array_size(lines), 3);
    field_is(json_array_get(lines, 0), "amount", "500");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 0), "quantity")), 2);
    assert_int_equal(make(w, number, acme, NOW + 1), SLK_E_NOTFOUND);
    assert_int_equal(make(w, number, acme, INT64_MAX), SLK_OK);
    assert_string_equal(number, "2027-000002");
    SLK_CLEANUP(slk_json_decrefp) json_t *second = document(w, 0, number);
    field_is(second, "opening", "700");
    field_is(second, "closing", "950");
    assert_int_equal(json_integer_value(json_object_get(second, "first_seq")), 5);
}

static bool is_paid(world *w, int64_t customer)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    assert_int_equal(slk_invoice_list(&list, w->db, customer, NULL), SLK_OK);
    assert_int_equal(json_array_size(list), 1);
    return json_is_true(json_object_get(json_array_get(list, 0), "paid"));
}

static void test_paid(void **state)
{
    world *w = *state;
    char number[SLK_INVOICE_NUMBER_CHARS];
    const int64_t acme = add_customer(w, "acme"), beta = add_customer(w, "beta");
    post(w, acme, 250, NOW, "a", "");
    assert_int_equal(make(w, number, acme, INT64_MAX), SLK_OK);
    assert_false(is_paid(w, acme));
    post(w, acme, 500, NOW, "b", ""); /* what is charged later is another invoice's */
    post(w, acme, -249, NOW, "c", "");
    assert_false(is_paid(w, acme));
    post(w, acme, -1, NOW, "d", "");
    assert_true(is_paid(w, acme));
    post(w, beta, -5, NOW, "a", "");
    assert_int_equal(make(w, number, beta, INT64_MAX), SLK_OK);
    assert_true(is_paid(w, beta));
    SLK_CLEANUP(slk_json_decrefp) json_t *value = document(w, beta, number);
    field_is(value, "due", "0");
    field_is(value, "closing", "-5");
}

static void test_apart(void **state)
{
    world *w = *state;
    char number[SLK_INVOICE_NUMBER_CHARS];
    const int64_t acme = add_customer(w, "acme"), beta = add_customer(w, "beta");
    slk_invoice invoice = {0};
    post(w, acme, 250, NOW, "a", "");
    assert_int_equal(make(w, number, acme, INT64_MAX), SLK_OK);
    assert_int_equal(slk_invoice_get(&invoice, w->db, beta, number, NULL), SLK_E_NOTFOUND);
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    assert_int_equal(slk_invoice_list(&list, w->db, beta, NULL), SLK_OK);
    assert_int_equal(json_array_size(list), 0);
}

static void test_changed(void **state)
{
    world *w = *state;
    char number[SLK_INVOICE_NUMBER_CHARS];
    static const slk_sql change = {"test.change",
                                   "UPDATE service_invoice SET document = document || ' '"};
    const int64_t acme = add_customer(w, "acme");
    SLK_CLEANUP(slk_invoice_done) slk_invoice invoice = {0};
    post(w, acme, 250, NOW, "a", "");
    assert_int_equal(make(w, number, acme, INT64_MAX), SLK_OK);
    assert_int_equal(slk_db_run(w->db, &change, NULL), SLK_OK);
    assert_int_equal(slk_invoice_get(&invoice, w->db, acme, number, NULL), SLK_OK);
    assert_false(slk_invoice_valid(&invoice, &w->keys));
}

/* What others wrote is neither a formula nor markup. */
static void test_printed(void **state)
{
    world *w = *state;
    char number[SLK_INVOICE_NUMBER_CHARS];
    const int64_t acme = add_customer(w, "<b>acme</b> & \"co\"");
    SLK_CLEANUP(slk_invoice_done) slk_invoice invoice = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf csv, page;
    slk_buf_init(&csv, 1 << 16);
    slk_buf_init(&page, 1 << 16);
    post(w, acme, 250, NOW, "=1+1", "say \"hi\"");
    post(w, acme, -100, NOW, "p", "@SUM(A1)");
    assert_int_equal(make(w, number, acme, INT64_MAX), SLK_OK);
    assert_int_equal(slk_invoice_get(&invoice, w->db, acme, number, NULL), SLK_OK);
    assert_int_equal(slk_invoice_csv(&csv, w->db, &invoice, NULL), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&csv), "1,2027-01-15T08:00:00.000Z,charge,sector,,,1,250,"
                                              "250,250,EUR,\"'=1+1\",\"say \"\"hi\"\"\"\r\n"));
    assert_non_null(strstr(slk_buf_str(&csv), ",-100,-100,150,EUR,\"p\",\"'@SUM(A1)\"\r\n"));
    assert_int_equal(slk_invoice_page(&page, &invoice, NULL), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&page), "&lt;b&gt;acme&lt;/b&gt; &amp; &quot;co&quot;"));
    assert_null(strstr(slk_buf_str(&page), "<b>acme"));
    assert_non_null(strstr(slk_buf_str(&page), "<td>1.50 EUR</td>"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_make, world_unmake)
    const struct CMUnitTest tests[] = {CASE(test_chain), CASE(test_paid), CASE(test_apart),
                                       CASE(test_changed), CASE(test_printed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
