/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/offer.h"

#include "base/mem.h"
#include "codec/json.h"
#include "service/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good[] =
    "{\"name\":\"cc32\",\"title\":\"32 GiB without data\",\"kinds\":[\"cc\"],\"seal_proofs\":[8,9],"
    "\"currency\":\"EUR\",\"steps\":[{\"from\":1,\"unit\":\"400\"},{\"from\":100,\"unit\":\"350\"}]"
    ","
    "\"proof\":\"50\",\"push\":null,\"retention\":{\"days\":3,\"unit\":\"10\"},"
    "\"late_basis_points\":500,\"least\":1,\"most\":1000,\"valid_until_ms\":null}";

static slk_err read_offer(slk_offer *ret, const char *text, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    SLK_TRY(slk_json_parse(&value, text, strlen(text), 1 << 16, error));
    return slk_offer_from_json(ret, value, error);
}

static slk_offer good_offer(void)
{
    slk_offer offer;
    assert_int_equal(read_offer(&offer, good, NULL), SLK_OK);
    return offer;
}

/* ---- JSON ---- */

static void test_round(void **state)
{
    (void)state;
    const slk_offer offer = good_offer();
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL, *wanted = NULL;
    assert_int_equal(slk_offer_to_json(&value, &offer, NULL), SLK_OK);
    assert_int_equal(slk_json_parse(&wanted, good, strlen(good), 1 << 16, NULL), SLK_OK);
    assert_int_equal(json_object_set_new(wanted, "version", json_integer(0)), 0);
    assert_true(json_equal(value, wanted));
}

/* Each with what its sentence names. */
static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *field, *value, *says;
    } cases[] = {
        {"name", "\"\"", "name"},
        {"name", "\"CC\"", "name"},
        {"name", "\"a b\"", "name"},
        {"name", "\"abcdefghijklmnopqrstuvwxyz01234567\"", "name"},
        {"title", "7", "title"},
        {"title", "\"a\\u0007\"", "title"},
        {"kinds", "[]", "kinds"},
        {"kinds", "[\"cc\",\"cc\"]", "kinds"},
        {"kinds", "[\"snap\"]", "kinds"},
        {"seal_proofs", "[]", "seal_proofs"},
        {"seal_proofs", "[9,8]", "seal_proofs"},
        {"seal_proofs", "[8,8]", "seal_proofs"},
        {"seal_proofs", "[99]", "seal_proofs"},
        {"seal_proofs", "[\"8\"]", "seal_proofs"},
        {"currency", "\"euro\"", "currency"},
        {"steps", "[]", "steps"},
        {"steps", "[{\"from\":2,\"unit\":\"1\"}]", "steps"},
        {"steps", "[{\"from\":1,\"unit\":\"1\"},{\"from\":1,\"unit\":\"1\"}]", "steps"},
        {"steps", "[{\"from\":1,\"unit\":\"-1\"}]", "unit"},
        {"steps", "[{\"from\":1,\"unit\":1}]", "unit"},
        {"steps", "[{\"from\":1}]", "unit"},
        {"proof", "\"-1\"", "proof"},
        {"proof", "\"1.5\"", "proof"},
        {"push", "false", "push"},
        {"retention", "null", "retention"},
        {"retention", "{\"days\":99999,\"unit\":\"1\"}", "retention"},
        {"retention", "{\"days\":1}", "unit"},
        {"late_basis_points", "10001", "late_basis_points"},
        {"late_basis_points", "-1", "late_basis_points"},
        {"least", "0", "least"},
        {"least", "1001", "least"},
        {"most", "10001", "most"},
        {"valid_until_ms", "0", "valid_until_ms"},
        {"valid_until_ms", "\"tomorrow\"", "valid_until_ms"},
        {"prooof", "\"1\"", "prooof"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
        slk_offer offer = {.version = 77};
        slk_error error = {0};
        assert_int_equal(slk_json_parse(&value, good, strlen(good), 1 << 16, NULL), SLK_OK);
        json_t *member = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
        assert_non_null(member);
        assert_int_equal(json_object_set_new(value, cases[i].field, member), 0);
        assert_int_equal(slk_offer_from_json(&offer, value, &error), SLK_E_INVAL);
        assert_non_null(strstr(error.message, cases[i].says));
        assert_int_equal(offer.version, 77);
    }
    static const char *const needed[] = {
        "name",      "title", "kinds", "seal_proofs",       "currency", "steps",
        "retention", "least", "most",  "late_basis_points", "proof",    "push"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
        slk_offer offer;
        assert_int_equal(slk_json_parse(&value, good, strlen(good), 1 << 16, NULL), SLK_OK);
        assert_int_equal(json_object_del(value, needed[i]), 0);
        assert_int_equal(slk_offer_from_json(&offer, value, NULL), SLK_E_INVAL);
    }
}

/* ---- prices ---- */

static void total_is(const slk_order_wish *wish, const char *want)
{
    const slk_offer offer = good_offer();
    slk_price price;
    char text[SLK_MONEY_CHARS];
    assert_int_equal(slk_offer_price(&price, &offer, wish, NULL), SLK_OK);
    slk_money_print(text, &price.total);
    assert_string_equal(text, want);
}

static void test_prices(void **state)
{
    (void)state;
    slk_order_wish wish = {.kind = SLK_ORDER_CC, .seal_proof = 8, .sectors = 1};
    total_is(&wish, "400");
    wish.sectors = 99;
    total_is(&wish, "39600");
    wish.sectors = 100;
    total_is(&wish, "35000");
    wish.proof = true;
    total_is(&wish, "40000");
    wish.retention_days = 3;
    total_is(&wish, "40000");
    wish.retention_days = 10;
    total_is(&wish, "47000");
}

static void test_not_offered(void **state)
{
    (void)state;
    static const slk_order_wish wishes[] = {
        {SLK_ORDER_DATA, 8, 1, false, false, 0}, {SLK_ORDER_CC, 7, 1, false, false, 0},
        {SLK_ORDER_CC, 8, 0, false, false, 0},   {SLK_ORDER_CC, 8, 1001, false, false, 0},
        {SLK_ORDER_CC, 8, 1, false, true, 0},    {SLK_ORDER_CC, 8, 1, false, false, 3651},
    };
    slk_offer offer = good_offer();
    slk_price price;
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        slk_error error = {0};
        assert_int_equal(slk_offer_price(&price, &offer, &wishes[i], &error), SLK_E_INVAL);
        assert_true(*error.message);
    }
    offer.has_proof = false;
    const slk_order_wish wish = {SLK_ORDER_CC, 8, 1, true, false, 0};
    assert_int_equal(slk_offer_price(&price, &offer, &wish, NULL), SLK_E_INVAL);
    offer.has_proof = true;
    offer.proof.size = (slk_bigint){{0, 0, 0, UINT64_MAX}};
    assert_int_equal(slk_offer_price(&price, &offer, &wish, NULL), SLK_OK);
    const slk_order_wish two = {SLK_ORDER_CC, 8, 2, true, false, 0};
    assert_int_equal(slk_offer_price(&price, &offer, &two, NULL), SLK_E_LIMIT);
}

/* ---- the list ---- */

static int64_t set(world *w, const slk_offer *offer)
{
    int64_t version = 0;
    assert_int_equal(slk_offer_set(&version, w->db, offer, NOW, NULL), SLK_OK);
    return version;
}

static void listed(world *w, int64_t now_ms, size_t n)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    assert_int_equal(slk_offer_list(&list, w->db, now_ms, NULL), SLK_OK);
    assert_int_equal(json_array_size(list), n);
}

static void test_versions(void **state)
{
    world *w = *state;
    slk_offer offer = good_offer(), found;
    assert_int_equal(slk_offer_get(&found, w->db, "cc32", NOW, NULL), SLK_E_NOTFOUND);
    assert_int_equal(set(w, &offer), 1);
    assert_int_equal(set(w, &offer), 1); /* nothing new */
    offer.most = 500;
    assert_int_equal(set(w, &offer), 2);
    assert_int_equal(slk_offer_get(&found, w->db, "cc32", NOW, NULL), SLK_OK);
    assert_int_equal(found.version, 2);
    assert_int_equal(found.most, 500);
    memcpy(offer.name, "other", sizeof "other");
    offer.valid_until_ms = NOW + 1000;
    assert_int_equal(set(w, &offer), 1);
    listed(w, NOW, 2);
    listed(w, NOW + 1000, 1);
    assert_int_equal(slk_offer_get(&found, w->db, "other", NOW + 999, NULL), SLK_OK);
    assert_int_equal(slk_offer_get(&found, w->db, "other", NOW + 1000, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_offer_withdraw(w->db, "cc32", NOW, NULL), SLK_OK);
    assert_int_equal(slk_offer_withdraw(w->db, "cc32", NOW, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_offer_get(&found, w->db, "cc32", NOW, NULL), SLK_E_NOTFOUND);
    listed(w, NOW, 1);
    offer = good_offer(); /* offered once more, under a new version */
    assert_int_equal(set(w, &offer), 3);
    listed(w, NOW, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_prices),
        cmocka_unit_test(test_not_offered),
        cmocka_unit_test_setup_teardown(test_versions, world_make, world_unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
