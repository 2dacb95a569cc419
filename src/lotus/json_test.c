/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "lotus/json_test.h"

#include "base/mem.h"
#include "codec/json.h"

#include <string.h>

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

json_t *test_json(const char *text)
{
    json_t *value = NULL;
    slk_error error = {0};
    if (slk_json_parse(&value, text, strlen(text), 1 << 20, &error) != SLK_OK)
        fail_msg("%s: %s", text, error.message);
    return value;
}

void test_prints(json_t *value, const char *text)
{
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, 1 << 20);
    assert_int_equal(slk_json_print(&out, value), SLK_OK);
    assert_string_equal(slk_buf_str(&out), text);
    json_decref(value);
}
