/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/ledger.h"

#include "base/mem.h"
#include "codec/json.h"
#include "db/args.h"
#include "service/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDER "0b7c9d2e-1111-4222-8333-444455556666"
#define MANY 200u

/* ---- posting ---- */

struct posted {
    slk_ledger_entry entry;
    bool is_new;
};

static slk_err post(world *w, struct posted *ret, const slk_ledger_posting *posting,
                    slk_error *error)
{
    return slk_ledger_post_alone(&ret->entry, &ret->is_new, w->db, w->key, posting, error);
}

static slk_ledger_posting charge(int64_t customer, uint64_t sector, const char *reference)
{
    return (slk_ledger_posting){
        .customer_id = customer,
        .at_ms = NOW,
        .kind = SLK_LEDGER_CHARGE,
        .item = SLK_ITEM_SECTOR,
        .order_id = ORDER,
        .has_sector = true,
        .sp_id = 1000,
        .sector_number = sector,
        .quantity = 1,
        .unit = {slk_bigint_from_u64(1250), false},
        .currency = "EUR",
        .reference = reference,
        .note = "",
    };
}

static slk_ledger_posting payment(int64_t customer, uint64_t amount, const char *reference)
{
    return (slk_ledger_posting){
        .customer_id = customer,
        .at_ms = NOW,
        .kind = SLK_LEDGER_PAYMENT,
        .item = SLK_ITEM_MONEY,
        .order_id = "",
        .quantity = 1,
        .unit = {slk_bigint_from_u64(amount), true},
        .currency = "EUR",
        .reference = reference,
        .note = "bank transfer",
    };
}

static void all_good(world *w, int64_t customer, uint64_t n)
{
    uint64_t found = 0;
    slk_error error = {0};
    assert_int_equal(slk_ledger_check_all(&found, w->db, customer, &w->keys, &error), SLK_OK);
    assert_int_equal(found, n);
}

static void test_account(void **state)
{
    world *w = *state;
    struct posted p;
    slk_ledger_posting posting = payment(7, 5000, "paid:1");
    world_balance_is(w, 7, "0");
    assert_int_equal(post(w, &p, &posting, NULL), SLK_OK);
    assert_int_equal(p.entry.seq, 1);
    world_balance_is(w, 7, "-5000");
    posting = charge(7, 42, "sector:1");
    posting.quantity = 3;
    assert_int_equal(post(w, &p, &posting, NULL), SLK_OK);
    assert_int_equal(p.entry.seq, 2);
    world_balance_is(w, 7, "-1250");
    posting = charge(8, 42, "sector:1"); /* another account, with numbers of its own */
    assert_int_equal(post(w, &p, &posting, NULL), SLK_OK);
    assert_int_equal(p.entry.seq, 1);
    world_balance_is(w, 8, "1250");
    world_balance_is(w, 7, "-1250");
    all_good(w, 7, 2);
    all_good(w, 8, 1);
}

static void test_once(void **state)
{
    world *w = *state;
    struct posted p;
    slk_error error = {0};
    slk_ledger_posting posting = charge(7, 42, "sector:1");
    assert_int_equal(post(w, &p, &posting, NULL), SLK_OK);
    assert_true(p.is_new);
    posting.at_ms += 5000; /* told again later */
    assert_int_equal(post(w, &p, &posting, NULL), SLK_OK);
    assert_false(p.is_new);
    assert_int_equal(p.entry.seq, 1);
    assert_int_equal(p.entry.at_ms, NOW);
    world_balance_is(w, 7, "1250");
    posting.sector_number++;
    assert_int_equal(post(w, &p, &posting, &error), SLK_E_CONFLICT);
    assert_non_null(strstr(error.message, "sector:1 stands in the ledger with another content"));
    posting = charge(7, 42, "sector:2");
    posting.currency = "FIL";
    assert_int_equal(post(w, &p, &posting, &error), SLK_E_CONFLICT);
    assert_non_null(strstr(error.message, "account is in EUR"));
    all_good(w, 7, 1);
}

static void test_refused(void **state)
{
    world *w = *state;
    struct posted p;
    slk_ledger_posting posting = charge(7, 1, "a");
    posting.unit.negative = true;
    assert_int_equal(post(w, &p, &posting, NULL), SLK_E_INVAL);
    posting = payment(7, 5, "a");
    posting.unit.negative = false;
    assert_int_equal(post(w, &p, &posting, NULL), SLK_E_INVAL);
    posting = charge(7, 1, "");
    assert_int_equal(post(w, &p, &posting, NULL), SLK_E_INVAL);
    posting = charge(7, 1, "two\nlines");
    assert_int_equal(post(w, &p, &posting, NULL), SLK_E_INVAL);
    posting = charge(7, 1, "a");
    posting.note = "amount\namount=0";
    assert_int_equal(post(w, &p, &posting, NULL), SLK_E_INVAL);
    posting = charge(7, 1, "a");
    posting.order_id = "1";
    assert_int_equal(post(w, &p, &posting, NULL), SLK_E_INVAL);
    posting = charge(7, 1, "a");
    posting.quantity = 0;
    assert_int_equal(post(w, &p, &posting, NULL), SLK_E_INVAL);
    posting = charge(7, 1, "a");
    posting.unit.size = (slk_bigint){{0, 0, 0, UINT64_C(1) << 63}};
    assert_int_equal(post(w, &p, &posting, NULL), SLK_OK);
    posting.reference = "b";
    assert_int_equal(post(w, &p, &posting, NULL), SLK_E_LIMIT);
    all_good(w, 7, 1);
}

/* ---- whatever is changed is found ---- */

static void fill(world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct posted p;
        char reference[32];
        (void)snprintf(reference, sizeof reference, "post:%u", i);
        const slk_ledger_posting posting =
            i % 3 == 2 ? payment(7, 1000 + i, reference) : charge(7, i, reference);
        assert_int_equal(post(w, &p, &posting, NULL), SLK_OK);
    }
}

static void run(world *w, const slk_sql *sql)
{
    assert_int_equal(slk_db_run(w->db, sql, NULL), SLK_OK);
}

static void test_changed_rows(void **state)
{
    world *w = *state;
#define CHANGE(what)                                                      \
    {                                                                     \
        "test.change", "UPDATE service_ledger SET " what " WHERE seq = 5" \
    }
    static const slk_sql changes[] = {
        CHANGE("at_ms = at_ms + 1"),
        CHANGE("kind = 'adjustment'"),
        CHANGE("kind = 'gift'"),
        CHANGE("item = 'proof'"),
        CHANGE("order_id = '" SLK_UUID_NIL "'"),
        CHANGE("sector_number = sector_number + 1"),
        CHANGE("sp_id = 1001"),
        CHANGE("sp_id = NULL"),
        CHANGE("quantity = quantity + 1"),
        CHANGE("unit = '1249'"),
        CHANGE("unit = '12x'"),
        CHANGE("amount = '1249'"),
        CHANGE("unit = '1249', amount = '1249'"),
        CHANGE("balance = '0'"),
        CHANGE("currency = 'USD'"),
        CHANGE("reference = 'other'"),
        CHANGE("note = 'a friend'"),
        CHANGE("previous_hash = entry_hash"),
        CHANGE("entry_hash = previous_hash"),
        CHANGE("signature = previous_hash"),
        CHANGE("key_id = '0000000000000000'"),
        CHANGE("seq = 100"),
        CHANGE("customer_id = 9"),
        {"test.drop", "DELETE FROM service_ledger WHERE seq = 5"},
    };
    static const slk_sql keep = {"test.keep", "CREATE TABLE kept AS SELECT * FROM service_ledger"},
                         empty = {"test.empty", "DELETE FROM service_ledger"},
                         back = {"test.back", "INSERT INTO service_ledger SELECT * FROM kept"};
    fill(w, 10);
    run(w, &keep);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint64_t n = 0;
        slk_error error = {0};
        run(w, &changes[i]);
        assert_int_equal(slk_ledger_check_all(&n, w->db, 7, &w->keys, &error), SLK_E_CORRUPT);
        assert_int_equal(n, 4);
        assert_non_null(strstr(error.message, "entry "));
        run(w, &empty);
        run(w, &back);
        all_good(w, 7, 10);
    }
}

static slk_err keep_entry(void *context, const slk_ledger_entry *entry, slk_error *error)
{
    (void)error;
    slk_ledger_entry *list = context;
    list[entry->seq - 1] = *entry;
    return SLK_OK;
}

/* Somebody with the database but without the key makes all hashes anew: the signature tells. */
static void test_made_anew(void **state)
{
    world *w = *state;
    slk_ledger_entry list[3];
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    fill(w, 3);
    assert_int_equal(slk_ledger_walk(w->db, 7, 0, 3, keep_entry, list, NULL), SLK_OK);
    list[0].note[0] = 'x';
    list[0].note[1] = 0;
    slk_buf_init(&text, SLK_LEDGER_TEXT_MAX_BYTES);
    assert_int_equal(slk_ledger_text(&text, &list[0]), SLK_OK);
    slk_signing_digest(list[0].hash, text.data, text.len);
    slk_error error = {0};
    assert_int_equal(slk_ledger_check(NULL, &list[0], &w->keys, &error), SLK_E_CORRUPT);
    assert_non_null(strstr(error.message, "signature"));
    assert_int_equal(slk_ledger_check(&list[0], &list[1], &w->keys, &error), SLK_E_CORRUPT);
    assert_int_equal(slk_ledger_check(&list[1], &list[2], &w->keys, NULL), SLK_OK);
    const slk_ledger_keys none = {NULL, 0};
    assert_int_equal(slk_ledger_check(&list[1], &list[2], &none, &error), SLK_E_CORRUPT);
}

/* Exactly these bytes are hashed: programs of others check them, too. */
static void test_text(void **state)
{
    world *w = *state;
    struct posted p;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_ledger_posting posting = charge(7, 42, "sector:1");
    posting.note = "Größe 32 GiB";
    assert_int_equal(post(w, &p, &posting, NULL), SLK_OK);
    slk_buf_init(&text, SLK_LEDGER_TEXT_MAX_BYTES);
    assert_int_equal(slk_ledger_text(&text, &p.entry), SLK_OK);
    assert_string_equal(
        slk_buf_str(&text),
        "selkie-ledger-1\ncustomer=7\nseq=1\nat=1800000000000\nkind=charge\nitem=sector\n"
        "order=" ORDER "\nsector=f01000/42\nquantity=1\nunit=1250\namount=1250\nbalance=1250\n"
        "currency=EUR\nreference=sector:1\nnote=Größe 32 GiB\nprevious="
        "0000000000000000000000000000000000000000000000000000000000000000\n");
}

/* Through JSON and back, all of a long account, checked as a customer does. */
static void test_json(void **state)
{
    world *w = *state;
    static slk_ledger_entry list[MANY];
    fill(w, MANY);
    assert_int_equal(slk_ledger_walk(w->db, 7, 0, MANY, keep_entry, list, NULL), SLK_OK);
    slk_ledger_entry last = {0};
    for (unsigned i = 0; i < MANY; i++) {
        SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
        slk_ledger_entry entry;
        assert_int_equal(slk_ledger_to_json(&value, &list[i], NULL), SLK_OK);
        assert_int_equal(slk_ledger_from_json(&entry, value, NULL), SLK_OK);
        assert_int_equal(slk_ledger_check(i ? &last : NULL, &entry, &w->keys, NULL), SLK_OK);
        last = entry;
    }
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    assert_int_equal(slk_ledger_to_json(&value, &list[0], NULL), SLK_OK);
    const char *key;
    void *next;
    json_t *item;
    json_object_foreach_safe(value, next, key, item)
    { /* each field is needed, and of its type */
        slk_ledger_entry entry;
        SLK_CLEANUP(slk_json_decrefp) json_t *copy = json_deep_copy(value);
        assert_int_equal(json_object_set_new(copy, key, json_true()), 0);
        assert_int_equal(slk_ledger_from_json(&entry, copy, NULL), SLK_E_INVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_account, world_make, world_unmake),
        cmocka_unit_test_setup_teardown(test_once, world_make, world_unmake),
        cmocka_unit_test_setup_teardown(test_refused, world_make, world_unmake),
        cmocka_unit_test_setup_teardown(test_changed_rows, world_make, world_unmake),
        cmocka_unit_test_setup_teardown(test_made_anew, world_make, world_unmake),
        cmocka_unit_test_setup_teardown(test_text, world_make, world_unmake),
        cmocka_unit_test_setup_teardown(test_json, world_make, world_unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
