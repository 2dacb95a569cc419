/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/exposition.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void a_family_and_its_samples(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, 4096);
    slk_exposition x = {.out = &out};
    slk_expose_family(&x, "selkie_a", SLK_METRIC_GAUGE, "What a is.");
    slk_expose(&x, SLK_NO_LABELS, 3);
    slk_expose(&x, SLK_LABELS({"role", "client"}, {"miner", "f01000"}), 0.25);
    slk_expose_family(&x, "selkie_b_total", SLK_METRIC_COUNTER, "What b is.");
    slk_expose(&x, SLK_NO_LABELS, 9007199254740993.0);
    assert_int_equal(x.code, SLK_OK);
    assert_string_equal(slk_buf_str(&out), "# HELP selkie_a What a is.\n"
                                           "# TYPE selkie_a gauge\n"
                                           "selkie_a 3\n"
                                           "selkie_a{role=\"client\",miner=\"f01000\"} 0.25\n"
                                           "# HELP selkie_b_total What b is.\n"
                                           "# TYPE selkie_b_total counter\n"
                                           "selkie_b_total 9.00719925474099e+15\n");
}

/* A partner may be called anything; the page must stay readable. */
static void a_label_cannot_break_out(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, 4096);
    slk_exposition x = {.out = &out};
    x.name = "m";
    slk_expose(&x, SLK_LABELS({"a", "x\"} 1\nn 2"}, {"b", "back\\slash"}, {"c", "\xc3\xa9\xff"}),
               1);
    assert_string_equal(slk_buf_str(&out),
                        "m{a=\"x\\\"} 1?n 2\",b=\"back\\\\slash\",c=\"\xc3\xa9?\"} 1\n");
    char longer[400];
    memset(longer, 'y', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    slk_buf_reset(&out);
    slk_expose(&x, SLK_LABELS({"a", longer}), 1);
    assert_int_equal(strspn(strchr(slk_buf_str(&out), 'y'), "y"), SLK_LABEL_MAX_BYTES);
}

static void a_histogram_adds_up(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1000, 2000000};
    slk_histogram h;
    slk_histogram_init(&h, bounds, 2);
    slk_histogram_add(&h, 500);
    slk_histogram_add(&h, 1500000);
    slk_histogram_add(&h, 3000000);
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, 4096);
    slk_exposition x = {.out = &out, .name = "d_seconds"};
    slk_expose_histogram(&x, SLK_LABELS({"step", "s"}), &h, 1000000);
    assert_string_equal(slk_buf_str(&out), "d_seconds_bucket{step=\"s\",le=\"0.001\"} 1\n"
                                           "d_seconds_bucket{step=\"s\",le=\"2\"} 2\n"
                                           "d_seconds_bucket{step=\"s\",le=\"+Inf\"} 3\n"
                                           "d_seconds_sum{step=\"s\"} 4.5005\n"
                                           "d_seconds_count{step=\"s\"} 3\n");
    slk_buf_reset(&out);
    slk_expose_histogram(&x, SLK_NO_LABELS, &h, 1000);
    assert_non_null(strstr(slk_buf_str(&out), "d_seconds_bucket{le=\"1\"} 1\n"));
    assert_non_null(strstr(slk_buf_str(&out), "d_seconds_count 3\n"));
}

static void a_full_buffer_is_remembered(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, 40);
    slk_exposition x = {.out = &out};
    for (unsigned i = 0; i < 10; i++)
        slk_expose_family(&x, "selkie_a", SLK_METRIC_GAUGE, "What a is.");
    assert_int_equal(x.code, SLK_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_and_its_samples),
        cmocka_unit_test(a_label_cannot_break_out),
        cmocka_unit_test(a_histogram_adds_up),
        cmocka_unit_test(a_full_buffer_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
