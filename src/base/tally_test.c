/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/tally.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_value_falls_below_its_bound(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {10, 20};
    slk_histogram h;
    slk_histogram_init(&h, bounds, 2);
    slk_histogram_add(&h, 10);
    slk_histogram_add(&h, 11);
    slk_histogram_add(&h, 20);
    slk_histogram_add(&h, 21);
    assert_int_equal(slk_counter_read(&h.count[0]), 1);
    assert_int_equal(slk_counter_read(&h.count[1]), 2);
    assert_int_equal(slk_counter_read(&h.count[2]), 1);
    assert_int_equal(slk_counter_read(&h.sum), 62);
}

static void the_bounds_rise(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof slk_answer_bounds_us / sizeof *slk_answer_bounds_us; i++)
        assert_true(slk_answer_bounds_us[i] > slk_answer_bounds_us[i - 1]);
    for (size_t i = 1; i < sizeof slk_work_bounds_us / sizeof *slk_work_bounds_us; i++)
        assert_true(slk_work_bounds_us[i] > slk_work_bounds_us[i - 1]);
}

enum { THREADS = 8, ROUNDS = 20000 };

static void *add_many(void *context)
{
    slk_histogram *h = context;
    for (unsigned i = 0; i < ROUNDS; i++)
        slk_histogram_add(h, 1);
    return NULL;
}

static void many_threads_lose_nothing(void **state)
{
    (void)state;
    slk_histogram h;
    slk_histogram_init(&h, slk_work_bounds_us, 18);
    pthread_t thread[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, add_many, &h), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(slk_counter_read(&h.count[0]), THREADS * ROUNDS);
    assert_int_equal(slk_counter_read(&h.sum), THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_falls_below_its_bound),
        cmocka_unit_test(the_bounds_rise),
        cmocka_unit_test(many_threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
