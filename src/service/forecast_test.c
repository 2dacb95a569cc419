/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/forecast.h"

#include "base/mem.h"
#include "db/args.h"
#include "service/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void sealed(world *w, int64_t at_ms)
{
    static const slk_sql insert = {
        "test.sealed", "INSERT INTO sector_event (sp_id, sector_number, role, at_ms, node, actor,"
                       " event, detail) VALUES (1000, 1, 'provider', $1, 'n', 'a', 'trees_done',"
                       " '')"};
    assert_int_equal(slk_sql_run(w->db, &insert, SLK_ARGS(slk_arg_i(at_ms)), NULL, NULL), SLK_OK);
}

static slk_forecast forecast(world *w, uint64_t sectors)
{
    slk_forecast f;
    assert_int_equal(slk_forecast_make(&f, w->db, sectors, HOUR, NOW, NULL), SLK_OK);
    return f;
}

static void test_forecast(void **state)
{
    world *w = *state;
    assert_int_equal(forecast(w, 3).eta_ms, 4 * HOUR); /* nothing is known but the setting */
    for (int64_t i = 1; i <= 40; i++)
        sealed(w, NOW - i * HOUR / 4);
    slk_forecast f = forecast(w, 8);
    assert_int_equal(f.sealed, 40);
    assert_int_equal(f.window_ms, 10 * HOUR);
    assert_int_equal(f.eta_ms, HOUR + 2 * HOUR);
    sealed(w, NOW - 25 * HOUR); /* of yesterday */
    assert_int_equal(forecast(w, 8).sealed, 40);
    assert_int_equal(forecast(w, UINT64_C(1) << 62).eta_ms > 0, 1);
}

/* A pace of minutes is not stretched over a day. */
static void test_young(void **state)
{
    world *w = *state;
    sealed(w, NOW - 60000);
    sealed(w, NOW - 30000);
    const slk_forecast f = forecast(w, 2);
    assert_int_equal(f.window_ms, HOUR);
    assert_int_equal(f.eta_ms, 2 * HOUR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_forecast, world_make, world_unmake),
        cmocka_unit_test_setup_teardown(test_young, world_make, world_unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
