/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The literal examples of reference/lotus-worker 1.4, 4.3 and 5.2. */
#include "lotus/storage.h"

#include "base/mem.h"
#include "codec/json.h"
#include "lotus/json_test.h"

#include <string.h>

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define JSON(name, text) SLK_CLEANUP(slk_json_decrefp) json_t *name = test_json(text)
#define NO_LISTS                                                               \
    "\"Groups\":null,\"AllowTo\":null,\"AllowTypes\":null,\"DenyTypes\":null," \
    "\"AllowMiners\":null,\"DenyMiners\":null"

static void paths_that_are_attached(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_path path = {0};
    const char *const literal =
        "{\"ID\":\"" UUID_A "\",\"URLs\":[\"http://127.0.0.1:3456/remote\"],"
        "\"Weight\":10,\"MaxStorage\":0,\"CanSeal\":true,"
        "\"CanStore\":false," NO_LISTS "}";
    JSON(value, literal);
    assert_int_equal(slk_lotus_path_read(&path, value, "path", &error), SLK_OK);
    assert_true(path.can_seal && !path.can_store && path.weight == 10 && path.urls.n == 1);
    test_prints(slk_lotus_path_json(&path), literal);
    slk_lotus_path_done(&path);
    slk_lotus_path_done(&path);
    /* An older peer knows nothing of miners. */
    JSON(old, "{\"ID\":\"" UUID_A "\",\"URLs\":[\"a\",\"b\",\"a\"],\"Groups\":[\"g\"]}");
    assert_int_equal(slk_lotus_path_read(&path, old, "path", &error), SLK_OK);
    assert_true(path.urls.n == 2 && path.filter.groups.n == 1);
    slk_lotus_path_done(&path);
    const char *const wrong[] = {
        "{\"ID\":\"x\",\"URLs\":[\"a\"]}",
        "{\"ID\":\"" UUID_A "\",\"URLs\":[]}",
        "{\"ID\":\"" UUID_A "\",\"URLs\":[1]}",
        "{\"ID\":\"" UUID_A "\",\"URLs\":[\"a\"],\"Weight\":-1}",
        "{\"ID\":\"" UUID_A "\",\"URLs\":[\"a\"],\"CanSeal\":1}",
        "{\"ID\":\"" UUID_A "\",\"URLs\":[\"a\"],\"Groups\":[\"g\"],\"DenyMiners\":[{}]}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        JSON(bad, wrong[i]);
        assert_int_equal(slk_lotus_path_read(&path, bad, "path", &error), SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, "path: "), error.message);
    }
}

static void deny_wins_and_empty_allows_all(void **state)
{
    (void)state;
    slk_lotus_filter f = {0}, other = {0};
    assert_true(slk_lotus_filter_takes_type(&f, SLK_LOTUS_SEALED));
    assert_true(slk_lotus_filter_takes_miner(&f, 1000));
    assert_int_equal(slk_lotus_strings_add(&f.allow_types, "sealed"), SLK_OK);
    assert_true(slk_lotus_filter_takes_type(&f, SLK_LOTUS_SEALED));
    assert_false(slk_lotus_filter_takes_type(&f, SLK_LOTUS_CACHE));
    assert_int_equal(slk_lotus_strings_add(&f.deny_types, "sealed"), SLK_OK);
    assert_false(slk_lotus_filter_takes_type(&f, SLK_LOTUS_SEALED));
    assert_int_equal(slk_lotus_strings_add(&f.allow_miners, "t01000"), SLK_OK);
    assert_int_equal(slk_lotus_strings_add(&f.allow_miners, "rubbish"), SLK_OK);
    assert_true(slk_lotus_filter_takes_miner(&f, 1000));
    assert_false(slk_lotus_filter_takes_miner(&f, 1001));
    assert_int_equal(slk_lotus_strings_add(&f.deny_miners, "f01000"), SLK_OK);
    assert_false(slk_lotus_filter_takes_miner(&f, 1000));
    assert_true(slk_lotus_filter_lets_move(&f, &other));
    assert_int_equal(slk_lotus_strings_add(&f.allow_to, "g"), SLK_OK);
    assert_false(slk_lotus_filter_lets_move(&f, &other));
    assert_int_equal(slk_lotus_strings_add(&other.groups, "g"), SLK_OK);
    assert_true(slk_lotus_filter_lets_move(&f, &other));
    slk_lotus_filter_done(&f);
    slk_lotus_filter_done(&other);
}

static void health(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_health report = {0};
    const char *const literal =
        "{\"Stat\":{\"Capacity\":100,\"Available\":-5,\"FSAvailable\":60,\"Reserved\":65,"
        "\"Max\":0,\"Used\":40},\"Err\":\"disk gone\"}";
    JSON(value, literal);
    assert_int_equal(slk_lotus_health_read(&report, value, "report", &error), SLK_OK);
    assert_true(report.stat.available == -5 && report.stat.used == 40);
    assert_string_equal(report.problem, "disk gone");
    test_prints(slk_lotus_health_json(&report), literal);
    JSON(bad, "{\"Stat\":null,\"Err\":\"\"}");
    assert_int_equal(slk_lotus_health_read(&report, bad, "report", &error), SLK_E_INVAL);
    assert_string_equal(error.message, "report: Stat: not an object");
}

static void places_of_a_file(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_places places = {0};
    const char *const literal =
        "[{\"ID\":\"" UUID_A "\",\"URLs\":[\"http://h/remote/unsealed/s-t01000-1\"],"
        "\"BaseURLs\":[\"http://h/remote\"],\"Weight\":10,\"CanSeal\":true,\"CanStore\":false,"
        "\"Primary\":true,\"AllowTypes\":null,\"DenyTypes\":null,\"AllowMiners\":null,"
        "\"DenyMiners\":null}]";
    JSON(value, literal);
    assert_int_equal(slk_lotus_places_read(&places, value, "places", &error), SLK_OK);
    assert_true(places.n == 1 && places.item[0].primary && places.item[0].base_urls.n == 1);
    test_prints(slk_lotus_places_json(&places), literal);
    slk_lotus_places_done(&places);
    test_prints(slk_lotus_places_json(&places), "[]");
    /* The second is bad: the first is released. */
    JSON(bad, "[{\"ID\":\"" UUID_A "\",\"URLs\":[\"a\"]},{\"ID\":\"" UUID_B
              "\",\"URLs\":[\"a\"],\"DenyMiners\":5}]");
    assert_int_equal(slk_lotus_places_read(&places, bad, "places", &error), SLK_E_INVAL);
    assert_ptr_equal(strstr(error.message, "places: [1]: DenyMiners: "), error.message);
}

static void paths_of_a_worker(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_local_paths paths = {0};
    const char *const literal = "[{\"ID\":\"" UUID_A "\",\"Weight\":10,\"LocalPath\":\"/p\","
                                "\"CanSeal\":true,\"CanStore\":false}]";
    JSON(value, literal);
    assert_int_equal(slk_lotus_local_paths_read(&paths, value, "paths", &error), SLK_OK);
    assert_string_equal(paths.item[0].folder, "/p");
    test_prints(slk_lotus_local_paths_json(&paths), literal);
    slk_lotus_local_paths_done(&paths);
    JSON(bad, "[{\"ID\":\"" UUID_A "\",\"LocalPath\":\"/p\"},{\"ID\":\"" UUID_B "\"}]");
    assert_int_equal(slk_lotus_local_paths_read(&paths, bad, "paths", &error), SLK_E_INVAL);
}

static void declarations(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_declaration d = {0};
    const char *const literal = "{\"Miner\":1000,\"Number\":1,\"SectorFileType\":3}";
    JSON(value, literal);
    assert_int_equal(slk_lotus_declaration_read(&d, value, "decl", &error), SLK_OK);
    assert_int_equal(d.types, 3);
    test_prints(slk_lotus_declaration_json(&d), literal);
}

static void the_file_of_a_path(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_meta meta = {0}, again = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, SLK_LOTUS_META_MAX_BYTES);
    const char *const literal =
        "{\"ID\":\"" UUID_A "\",\"Weight\":10,\"CanSeal\":true,\"CanStore\":false,\"MaxStorage\":0,"
        "\"Groups\":null,\"AllowTo\":null,\"AllowTypes\":null,\"DenyTypes\":[\"novelty\"],"
        "\"AllowMiners\":null,\"DenyMiners\":[\"f01000\"]}";
    assert_int_equal(slk_lotus_meta_parse(&meta, literal, strlen(literal), &error), SLK_OK);
    assert_true(meta.can_seal && meta.weight == 10);
    assert_int_equal(slk_lotus_meta_print(&out, &meta), SLK_OK);
    assert_int_equal(slk_buf_str(&out)[out.len - 1], '\n');
    assert_int_equal(slk_lotus_meta_parse(&again, out.data, out.len, &error), SLK_OK);
    assert_true(slk_lotus_strings_has(&again.filter.deny_types, "novelty"));
    assert_true(slk_lotus_strings_has(&again.filter.deny_miners, "f01000"));
    assert_string_equal(again.id, UUID_A);
    slk_lotus_meta_done(&meta);
    slk_lotus_meta_done(&again);
    assert_int_equal(slk_lotus_meta_parse(&meta, "{}", 2, &error), SLK_E_INVAL);
    assert_ptr_equal(strstr(error.message, "sectorstore.json: ID: missing"), error.message);
    assert_int_equal(slk_lotus_meta_parse(&meta, "", 0, &error), SLK_E_INVAL);
}

static void the_file_of_all_paths(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_strings paths = {0}, again = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, SLK_LOTUS_STORAGE_MAX_BYTES);
    const char *const literal = "{\"StoragePaths\":[{\"Path\":\"/abs/path\"},{\"Path\":\"/b\"}]}";
    assert_int_equal(slk_lotus_storage_parse(&paths, literal, strlen(literal), &error), SLK_OK);
    assert_int_equal(paths.n, 2);
    assert_int_equal(slk_lotus_storage_print(&out, &paths), SLK_OK);
    assert_int_equal(slk_lotus_storage_parse(&again, out.data, out.len, &error), SLK_OK);
    assert_true(again.n == 2 && strcmp(again.item[0], "/abs/path") == 0);
    slk_lotus_strings_done(&paths);
    slk_lotus_strings_done(&again);
    const char *const none = "{\"StoragePaths\":null}";
    assert_int_equal(slk_lotus_storage_parse(&paths, none, strlen(none), &error), SLK_OK);
    assert_int_equal(paths.n, 0);
    const char *const wrong[] = {
        "{\"StoragePaths\":[{\"Path\":\"relative\"}]}",
        "{\"StoragePaths\":[{\"Path\":\"/a\"},{\"Path\":\"/a\"}]}",
        "{\"StoragePaths\":[{}]}",
        "{\"StoragePaths\":{}}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(slk_lotus_storage_parse(&paths, wrong[i], strlen(wrong[i]), &error),
                         SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, "storage.json: "), error.message);
    }
}

static void lists_of_texts(void **state)
{
    (void)state;
    slk_lotus_strings list = {0}, copy = {0};
    SLK_CLEANUP(slk_freep) char *big = slk_calloc(SLK_LOTUS_STRING_CHARS + 1, 1);
    for (unsigned i = 0; i < SLK_LOTUS_STRINGS_MAX; i++) {
        SLK_CLEANUP(slk_freep) char *text = slk_strf("%u", i);
        assert_int_equal(slk_lotus_strings_add(&list, text), SLK_OK);
    }
    assert_int_equal(slk_lotus_strings_add(&list, "0"), SLK_OK); /* is there already */
    assert_int_equal(slk_lotus_strings_add(&list, "more"), SLK_E_LIMIT);
    assert_int_equal(slk_lotus_strings_copy(&copy, &list), SLK_OK);
    slk_lotus_strings_remove(&copy, "17");
    slk_lotus_strings_remove(&copy, "17");
    assert_int_equal(copy.n, SLK_LOTUS_STRINGS_MAX - 1);
    assert_string_equal(copy.item[17], "18");
    assert_true(slk_lotus_strings_meet(&list, &copy));
    slk_lotus_strings_done(&copy);
    assert_false(slk_lotus_strings_meet(&list, &copy));
    memset(big, 'x', SLK_LOTUS_STRING_CHARS);
    assert_int_equal(slk_lotus_strings_add(&copy, big), SLK_E_LIMIT);
    slk_lotus_strings_done(&list);
    slk_lotus_strings_done(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_that_are_attached),
        cmocka_unit_test(deny_wins_and_empty_allows_all),
        cmocka_unit_test(health),
        cmocka_unit_test(places_of_a_file),
        cmocka_unit_test(paths_of_a_worker),
        cmocka_unit_test(declarations),
        cmocka_unit_test(the_file_of_a_path),
        cmocka_unit_test(the_file_of_all_paths),
        cmocka_unit_test(lists_of_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
