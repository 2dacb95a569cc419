/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "lotus/name.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

static void sectors_have_one_name(void **state)
{
    (void)state;
    char text[SLK_LOTUS_NAME_CHARS];
    slk_error error = {0};
    slk_lotus_sector sector = {.miner = 1000, .number = 1}, got = {0};
    slk_lotus_sector_print(text, &sector);
    assert_string_equal(text, "s-t01000-1");
    assert_int_equal(slk_lotus_sector_parse(&got, text, &error), SLK_OK);
    assert_true(slk_lotus_sector_equal(&got, &sector));
    sector = (slk_lotus_sector){.miner = INT64_MAX, .number = INT64_MAX};
    slk_lotus_sector_print(text, &sector);
    assert_int_equal(slk_lotus_sector_parse(&got, text, &error), SLK_OK);
    assert_true(slk_lotus_sector_equal(&got, &sector));
    const char *const wrong[] = {"",
                                 "s-t01000",
                                 "s-t0-1",
                                 "s-t01000-",
                                 "s-t01000-1.tmp",
                                 "s-f01000-1",
                                 "s-t001000-1",
                                 "s-t01000-01",
                                 "s-t01000--1",
                                 "s-t01000-+1",
                                 "s-t01000-1/..",
                                 " s-t01000-1",
                                 "s-t01000-9223372036854775808",
                                 "s-t09223372036854775808-1",
                                 "s-t01000-1-s-t01000-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        got = (slk_lotus_sector){7, 8};
        assert_int_equal(slk_lotus_sector_parse(&got, wrong[i], &error), SLK_E_INVAL);
        assert_int_equal(got.miner, 7);
    }
}

static void kinds_of_files_have_names(void **state)
{
    (void)state;
    const char *const names[] = {"unsealed", "sealed", "cache", "update", "update-cache", "piece"};
    for (unsigned i = 0; i < SLK_LOTUS_TYPES; i++) {
        assert_string_equal(slk_lotus_type_name(1u << i), names[i]);
        assert_int_equal(slk_lotus_type_of(names[i]), 1u << i);
        assert_int_equal(slk_lotus_type_is_folder(1u << i), i == 2 || i == 4);
    }
    assert_null(slk_lotus_type_name(0));
    assert_null(slk_lotus_type_name(3));
    assert_null(slk_lotus_type_name(64));
    assert_int_equal(slk_lotus_type_of("fetching"), 0);
    assert_int_equal(slk_lotus_type_of(""), 0);
}

/* source: reference/lotus-worker 6.4 */
static void room_is_reckoned_in_tenths(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    slk_error error = {0};
    const unsigned files = SLK_LOTUS_SEALED | SLK_LOTUS_CACHE;
    assert_int_equal(slk_lotus_need_bytes(&bytes, files, 2048, false, &error), SLK_OK);
    assert_int_equal(bytes, 30924);
    assert_int_equal(slk_lotus_need_bytes(&bytes, SLK_LOTUS_CACHE, 2048, true, &error), SLK_OK);
    assert_int_equal(bytes, 204);
    assert_int_equal(slk_lotus_need_bytes(&bytes, SLK_LOTUS_ALL_TYPES, 2048, false, &error),
                     SLK_OK);
    assert_int_equal(bytes, 2048 * 4 + 28876 + 4300);
    assert_int_equal(slk_lotus_need_bytes(&bytes, 0, 2048, false, &error), SLK_OK);
    assert_int_equal(bytes, 0);
    assert_int_equal(slk_lotus_need_bytes(&bytes, 64, 2048, false, &error), SLK_E_INVAL);
    assert_int_equal(slk_lotus_need_bytes(&bytes, 4, UINT64_MAX / 100, false, &error), SLK_E_INVAL);
}

static void words_of_a_fetch(void **state)
{
    (void)state;
    slk_lotus_path_type type = SLK_LOTUS_PATH_SEALING;
    slk_lotus_acquire_mode mode = SLK_LOTUS_ACQUIRE_COPY;
    assert_true(slk_lotus_path_type_of(&type, "storage"));
    assert_int_equal(type, SLK_LOTUS_PATH_STORAGE);
    assert_true(slk_lotus_acquire_mode_of(&mode, "move"));
    assert_int_equal(mode, SLK_LOTUS_ACQUIRE_MOVE);
    assert_false(slk_lotus_path_type_of(&type, "store"));
    assert_false(slk_lotus_acquire_mode_of(&mode, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sectors_have_one_name),
        cmocka_unit_test(kinds_of_files_have_names),
        cmocka_unit_test(room_is_reckoned_in_tenths),
        cmocka_unit_test(words_of_a_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
