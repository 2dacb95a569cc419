/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client has its provider keep a sector until it is through. */
#include "seal/world_test.h"

#include "db/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define HOUR (INT64_C(3600) * 1000)
#define LEASE_MS (72 * HOUR)

static int make(void **state)
{
    world *w = world_new();
    w->auto_land = false; /* sectors wait for their pre-commit for as long as a test likes */
    *state = w;
    return 0;
}

static int unmake(void **state)
{
    world_free(*state);
    return 0;
}

static int64_t number_of(slk_db *db, const slk_sql *sql, uint64_t number)
{
    int64_t n = -1;
    assert_int_equal(
        slk_sql_number(&n, db, sql, SLK_ARGS(slk_arg_u(WORLD_SP), slk_arg_u(number)), NULL),
        SLK_OK);
    return n;
}

/* Until when the provider keeps it, and until when the client believes that it does. */
static int64_t kept_until(world *w, uint64_t number)
{
    slk_seal_status s;
    assert_int_equal(
        slk_provider_status(&s, w->provider.seal, w->partner_id, WORLD_SP, number, NULL), SLK_OK);
    return s.lease_until_ms;
}

static int64_t believed_until(world *w, uint64_t number)
{
    static const slk_sql read = {"test.lease", "SELECT lease_until_ms FROM rseal_client_pipeline"
                                               " WHERE sp_id = $1 AND sector_number = $2"};
    return number_of(w->client.db, &read, number);
}

static int64_t renewals(world *w, uint64_t number)
{
    static const slk_sql count = {"test.renewals",
                                  "SELECT count(*) FROM sector_event WHERE sp_id = $1"
                                  " AND sector_number = $2 AND event = 'renewed'"};
    return number_of(w->client.db, &count, number);
}

static int64_t tasks(world *w, uint64_t number)
{
    static const slk_sql count = {"test.tasks",
                                  "SELECT count(*) FROM task WHERE sp_id = $1"
                                  " AND sector_number = $2 AND kind = 'client.renew'"};
    return number_of(w->client.db, &count, number);
}

/* Hours pass, a turn in each. */
static void pass(world *w, int64_t hours)
{
    for (int64_t i = 0; i < hours; i++) {
        w->now_ms += HOUR - 1000;
        world_turn(w);
    }
}

static void reach(world *w, uint64_t number, const char *state)
{
    char text[32];
    world_run(w, number, state, 400);
    assert_string_equal(world_state(&w->client, number, text), state);
}

/* Sealed as its client found out by a poll, then on its way to the chain, where it stays. */
static uint64_t polled(world *w)
{
    const uint64_t number = world_order(w);
    world_fail(w, OP_COMPLETE, 0, 1000, SLK_E_UNREACHABLE);
    reach(w, number, "precommit_sent");
    return number;
}

static void it_is_kept_while_it_is_needed(void **state)
{
    world *w = *state;
    const uint64_t number = polled(w);
    const int64_t end = kept_until(w, number);
    assert_int_equal(believed_until(w, number), end);
    pass(w, 46);
    assert_int_equal(w->calls[OP_RENEW], 0);
    pass(w, 4); /* two thirds are over */
    assert_int_equal(w->calls[OP_RENEW], 1);
    assert_true(kept_until(w, number) > end + 46 * HOUR);
    assert_int_equal(believed_until(w, number), kept_until(w, number));
    pass(w, 200);
    assert_in_range(renewals(w, number), 4, 6);
    assert_true(kept_until(w, number) > w->now_ms + 20 * HOUR);
    w->auto_land = true;
    world_run(w, number, "proving", 400);
    const unsigned calls = w->calls[OP_RENEW];
    pass(w, 100);
    assert_int_equal(w->calls[OP_RENEW], calls);
    assert_int_equal(tasks(w, number), 0);
}

/* A notice does not say how long it is kept: that is found out within the hour. */
static void a_notice_is_followed_by_a_renewal(void **state)
{
    world *w = *state;
    const uint64_t number = world_order(w);
    reach(w, number, "precommit_sent");
    assert_int_equal(believed_until(w, number), 0);
    pass(w, 2);
    assert_int_equal(w->calls[OP_RENEW], 1);
    assert_int_equal(believed_until(w, number), kept_until(w, number));
}

static void who_does_not_renew_is_asked_now_and_then(void **state)
{
    world *w = *state;
    w->no_renewals = true;
    const uint64_t number = polled(w);
    pass(w, 62);
    const unsigned calls = w->calls[OP_RENEW];
    assert_in_range(calls, 2, 3);
    assert_int_equal(renewals(w, number), calls);
    assert_int_equal(believed_until(w, number), 0);
    w->no_renewals = false;
    pass(w, 7);
    assert_int_equal(believed_until(w, number), kept_until(w, number));
    assert_int_equal(tasks(w, number), 0);
}

/* Tried again in the last third, and no reason to fail the sector. */
static void it_is_tried_again(void **state)
{
    world *w = *state;
    char text[32];
    static const slk_sql failing = {"test.failing",
                                    "SELECT failing_since_ms FROM task WHERE kind = 'client.renew'"
                                    " AND sp_id = $1 AND sector_number = $2"};
    const uint64_t number = polled(w);
    world_fail(w, OP_RENEW, 0, 10, SLK_E_NOTFOUND);
    pass(w, 50);
    assert_true(w->calls[OP_RENEW] > 1);
    assert_true(number_of(w->client.db, &failing, number) > 0);
    assert_false(world_failed(&w->client, number, text));
    const int64_t before = kept_until(w, number);
    pass(w, 15);
    assert_true(kept_until(w, number) > before);
    assert_int_equal(tasks(w, number), 0);
}

/* A failed sector waits for its operator, a canceled one for nobody. */
static void failed_ones_are_kept_too(void **state)
{
    world *w = *state;
    static const slk_sql fail_it = {"test.fail", "UPDATE rseal_client_pipeline SET failed = 1,"
                                                 " failed_reason = 'fetch', failed_reason_msg = 'x'"
                                                 " WHERE sp_id = $1 AND sector_number = $2"};
    const uint64_t number = polled(w);
    assert_int_equal(slk_sql_run(w->client.db, &fail_it,
                                 SLK_ARGS(slk_arg_u(WORLD_SP), slk_arg_u(number)), NULL, NULL),
                     SLK_OK);
    pass(w, 50);
    assert_int_equal(renewals(w, number), 1);
    world_fail(w, OP_CLEANUP, 0, 1000, SLK_E_UNREACHABLE); /* who does not hear that it is over */
    const slk_client_cancel_options really = {.really = true};
    assert_int_equal(slk_client_cancel(w->client.seal, WORLD_SP, number, &really, NULL), SLK_OK);
    pass(w, 60);
    assert_int_equal(renewals(w, number), 1);
}

/* Another provider's lease is another lease. */
static void a_new_provider_begins_anew(void **state)
{
    world *w = *state;
    world_second(w);
    world_fail(w, OP_COMPLETE, 0, 1000, SLK_E_UNREACHABLE);
    const uint64_t number = world_order(w);
    reach(w, number, "verified");
    assert_true(believed_until(w, number) > 0);
    assert_int_equal(slk_client_retry_from(w->client.seal, WORLD_SP, number, "order", false, NULL),
                     SLK_OK);
    assert_int_equal(believed_until(w, number), 0);
    reach(w, number, "precommit_sent");
    assert_true(believed_until(w, number) > w->now_ms + LEASE_MS - HOUR);
}

int main(void)
{
#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)
    const struct CMUnitTest tests[] = {
        T(it_is_kept_while_it_is_needed),
        T(a_notice_is_followed_by_a_renewal),
        T(who_does_not_renew_is_asked_now_and_then),
        T(it_is_tried_again),
        T(failed_ones_are_kept_too),
        T(a_new_provider_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
