/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* source: reference/proofs 5.5 */
static void test_record_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t bytes;
    } want[] = {
        {"2KiB", 8984},   {"4KiB", 9528},    {"16KiB", 12664}, {"32KiB", 13208}, {"8MiB", 23704},
        {"16MiB", 24248}, {"512MiB", 31064}, {"1GiB", 31608},  {"32GiB", 42744}, {"64GiB", 43288},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const slk_sector_shape *shape = slk_sector_shape_parse(want[i].name);
        assert_non_null(shape);
        slk_record_layout layout;
        slk_record_layout_init(&layout, shape);
        assert_int_equal(layout.record_bytes, want[i].bytes);
    }
}

static void test_path_digits(void **state)
{
    (void)state;
    const slk_sector_shape *shape = slk_sector_shape_parse("32KiB"); /* 8-8-2, 64 leaves */
    assert_non_null(shape);
    assert_int_equal(slk_path_levels(shape), 4);
    const uint64_t node = (1u << 9) | (5u << 6) | (3u << 3) | 6u;
    static const unsigned digit[] = {6, 3, 5, 1}, arity[] = {8, 8, 8, 2};
    for (unsigned level = 0; level < 4; level++) {
        assert_int_equal(slk_path_digit(shape, node, level), digit[level]);
        assert_int_equal(slk_path_arity(shape, level), arity[level]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_sizes),
        cmocka_unit_test(test_path_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
