/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/sse.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MAX_BYTES 64u

/* All events as one text: "name=data|". */
struct heard {
    slk_buf text;
    slk_err answer;
};

static slk_err hear(void *context, const char *name, const char *data, size_t n, slk_error *error)
{
    struct heard *heard = context;
    assert_int_equal(data[n], 0);
    assert_int_equal(slk_buf_printf(&heard->text, "%s=%s|", name, data), SLK_OK);
    return heard->answer == SLK_OK ? SLK_OK : slk_fail(error, heard->answer, "enough");
}

/* In pieces of so many bytes. */
static slk_err read_in(struct heard *heard, const char *text, size_t piece, slk_error *error)
{
    slk_sse sse;
    slk_err code = SLK_OK;
    slk_buf_init(&heard->text, 4096);
    slk_sse_init(&sse, MAX_BYTES, hear, heard);
    const size_t n = strlen(text);
    for (size_t at = 0; at < n && code == SLK_OK; at += piece)
        code =
            slk_sse_take(&sse, (const uint8_t *)text + at, n - at < piece ? n - at : piece, error);
    slk_sse_done(&sse);
    return code;
}

static void check(const char *text, const char *events)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct heard heard = {.answer = SLK_OK};
        assert_int_equal(read_in(&heard, text, piece, NULL), SLK_OK);
        assert_string_equal(slk_buf_str(&heard.text), events);
        slk_buf_done(&heard.text);
    }
}

static void events_are_read(void **state)
{
    (void)state;
    check("event: task\ndata: {}\n\n", "task={}|");
    check("data:no space\n\ndata:  two\n\n", "=no space|= two|");
    check("data: a\ndata\ndata: c\n\n", "=a\n\nc|");
    check("event: a\nevent: b\ndata: 1\n\ndata: 2\n\n", "b=1|=2|");
    check("data\n\n", "=|");
}

static void all_line_ends_are_one(void **state)
{
    (void)state;
    check("event: a\r\ndata: 1\r\n\r\ndata: 2\r\rdata: 3\n\n", "a=1|=2|=3|");
    check("data: 1\r\r\n", "=1|");
}

static void what_is_no_event_is_passed_over(void **state)
{
    (void)state;
    check(": still here\n\n:\n\n", "");
    check("id: 7\nretry: 10\nevents: x\ndatum: y\n\n", "");
    check("event: nothing\n\ndata: 1\n\n", "=1|"); /* its name does not stay for the next */
    check("data: not whole\n", "");
    check("data: not whole", "");
    check("\xef\xbb\xbf"
          "data: 1\n\n\xef\xbb\xbf"
          "data: 2\n\n",
          "=1|"); /* a mark at the start alone */
}

static void nothing_grows_without_end(void **state)
{
    (void)state;
    char text[256];
    memset(text, 'x', sizeof text);
    text[200] = 0;
    slk_error error = {0};
    struct heard heard = {.answer = SLK_OK};
    assert_int_equal(read_in(&heard, text, 7, &error), SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "line"));
    assert_int_equal(read_in(&heard,
                             "data: 0123456789012345678901234567890123456789\n"
                             "data: 0123456789012345678901234567890123456789\n\n",
                             99, &error),
                     SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "data"));
    assert_int_equal(read_in(&heard, "event: 0123456789012345678901234567890\n", 99, NULL), SLK_OK);
    assert_int_equal(read_in(&heard, "event: 01234567890123456789012345678901\n", 99, &error),
                     SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "name"));
}

static void a_reader_may_have_enough(void **state)
{
    (void)state;
    slk_error error = {0};
    struct heard heard = {.answer = SLK_E_CANCELED};
    assert_int_equal(read_in(&heard, "data: 1\n\ndata: 2\n\n", 99, &error), SLK_E_CANCELED);
    assert_string_equal(slk_buf_str(&heard.text), "=1|");
    slk_buf_done(&heard.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_read),
        cmocka_unit_test(all_line_ends_are_one),
        cmocka_unit_test(what_is_no_event_is_passed_over),
        cmocka_unit_test(nothing_grows_without_end),
        cmocka_unit_test(a_reader_may_have_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
