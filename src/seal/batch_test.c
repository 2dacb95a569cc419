/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sectors labelled together: who waits for whom, and that nobody's trouble is another's. */
#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 60000

static void reopen(world *w, unsigned batch, int64_t wait_ms)
{
    w->provider.options.batch_sectors = batch;
    w->provider.options.batch_wait_ms = wait_ms;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
}

/* A provider that labels up to three together and waits a minute for them. */
static int make(void **state)
{
    world *w = world_new();
    reopen(w, 3, WAIT_MS);
    *state = w;
    return 0;
}

static int unmake(void **state)
{
    world_free(*state);
    return 0;
}

static void order_as(world *w, int64_t partner_id, uint64_t sp_id, uint64_t number, int64_t proof)
{
    slk_seal_sector s = {sp_id, number, proof};
    bool accepted = false;
    char reason[SLK_SEAL_REASON_CHARS];
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, partner_id, "", &s, NULL), SLK_OK);
    assert_string_equal(reason, "");
}

static void order(world *w, uint64_t number)
{
    order_as(w, w->partner_id, WORLD_SP, number, WORLD_PROOF);
}

static void run(world *w)
{
    uint64_t ran = 0;
    slk_error error = {0};
    if (slk_seal_run_ready(&ran, w->provider.seal, 1000, &error) != SLK_OK)
        fail_msg("%s", error.message);
}

static bool is(world *w, uint64_t number, const char *state)
{
    char text[32];
    return strcmp(world_state(&w->provider, number, text), state) == 0;
}

static int64_t count_in(world *w, const char *state)
{
    static const slk_sql count = {"test.in",
                                  "SELECT count(*) FROM rseal_provider_pipeline WHERE state = $1"};
    int64_t n = -1;
    assert_int_equal(slk_sql_number(&n, w->provider.db, &count, SLK_ARGS(slk_arg_t(state)), NULL),
                     SLK_OK);
    return n;
}

static void waits_for_company(void **state)
{
    world *w = *state;
    order(w, 1);
    run(w);
    assert_true(is(w, 1, "ticketed"));
    w->now_ms += WAIT_MS - 2;
    order(w, 2);
    run(w);
    assert_true(is(w, 1, "ticketed") && is(w, 2, "ticketed"));
    assert_int_equal(w->calls[OP_PC1], 0);
    w->now_ms += 2; /* the first has waited long enough; the second comes along */
    run(w);
    assert_int_equal(w->batches, 1);
    assert_int_equal(w->batch_most, 2);
    assert_true(is(w, 1, "sealed") && is(w, 2, "sealed"));
    world_check(w);
}

static void full_house_does_not_wait(void **state)
{
    world *w = *state;
    for (uint64_t i = 1; i <= 7; i++)
        order(w, i);
    run(w);
    assert_int_equal(w->batches, 2);
    assert_int_equal(w->batch_most, 3);
    assert_int_equal(count_in(w, "sealed"), 6);
    assert_true(is(w, 7, "ticketed")); /* alone */
    w->now_ms += WAIT_MS;
    run(w);
    assert_true(is(w, 7, "sealed"));
    assert_int_equal(w->batches, 2); /* one is no batch */
    assert_int_equal(w->work[OP_PC1], 7);
}

/* Of three there is room for two: they do not wait for the third, which waits for others. */
static void no_more_than_there_is_room_for(void **state)
{
    world *w = *state;
    w->batch_room = 2;
    order(w, 1);
    run(w);
    assert_true(is(w, 1, "ticketed")); /* there is room for another one with it */
    order(w, 2);
    order(w, 3);
    run(w);
    assert_int_equal(w->batches, 1);
    assert_int_equal(w->batch_most, 2);
    assert_int_equal(count_in(w, "sealed"), 2);
    w->batch_room = 1;
    order(w, 4);
    run(w); /* each that is due goes alone */
    assert_int_equal(w->batches, 1);
    assert_int_equal(count_in(w, "ticketed"), 1);
    w->now_ms += WAIT_MS;
    run(w);
    assert_int_equal(count_in(w, "sealed"), 4);
    world_check(w);
}

static void no_wait_no_hold(void **state)
{
    world *w = *state;
    reopen(w, 3, 0);
    order(w, 1);
    run(w);
    assert_true(is(w, 1, "sealed"));
}

static void of_all_partners_and_one_proof(void **state)
{
    world *w = *state;
    char token[SLK_TOKEN_CHARS];
    int64_t other;
    const slk_partner_terms terms = {.allowance_remaining = 9, .allowance_total = 9};
    w->provider.options.seal_proofs[1] = 6;
    w->provider.options.seal_proofs_n = 2;
    reopen(w, 3, WAIT_MS);
    assert_int_equal(slk_partner_add(&other, token, w->provider.seal, "other", &terms, NULL),
                     SLK_OK);
    order_as(w, w->partner_id, WORLD_SP, 1, WORLD_PROOF);
    order_as(w, other, 1001, 1, WORLD_PROOF);
    order_as(w, w->partner_id, WORLD_SP, 2, 6); /* another size: not with these */
    run(w);
    assert_int_equal(count_in(w, "ticketed"), 3);
    order_as(w, other, 1002, 9, WORLD_PROOF);
    run(w);
    assert_int_equal(w->batches, 1);
    assert_int_equal(w->batch_most, 3);
    assert_int_equal(count_in(w, "sealed"), 3);
    assert_true(is(w, 2, "ticketed"));
}

static void one_fails(void **state)
{
    world *w = *state;
    for (uint64_t i = 1; i <= 3; i++)
        order(w, i);
    world_fail(w, OP_PC1, 1, 1, SLK_E_IO);
    run(w);
    assert_int_equal(w->batch_most, 3);
    assert_int_equal(count_in(w, "sealed"), 2);
    assert_int_equal(count_in(w, "ticketed"), 1);
    w->now_ms += WAIT_MS;
    for (unsigned i = 0; i < 10; i++) /* it is tried again, by itself */
        world_turn(w);
    assert_int_equal(count_in(w, "sealed"), 3);
    world_fail(w, OP_PC1, 0, 1000, SLK_E_UNSUPPORTED); /* all of them: each for itself */
    for (uint64_t i = 4; i <= 6; i++)
        order(w, i);
    run(w);
    char reason[32];
    for (uint64_t i = 4; i <= 6; i++) {
        assert_true(world_failed(&w->provider, i, reason));
        assert_string_equal(reason, "sdr");
    }
    world_check(w);
}

static bool lies_there(world *w, const char *sector, const char *what)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/cache/%s/%s", w->provider.scratch, sector, what);
    return slk_file_exists(path);
}

/* Three of one batch, one customer of which says nothing any more: the others' sectors and the room for
 * new ones do not wait for it, and it has its own until its lease ends. */
static void slow_customer_holds_nobody(void **state)
{
    world *w = *state;
    char token[SLK_TOKEN_CHARS];
    int64_t slow;
    const slk_partner_terms terms = {.allowance_remaining = 9, .allowance_total = 9};
    w->provider.options.capacity_sectors = 3;
    reopen(w, 3, WAIT_MS);
    assert_int_equal(slk_partner_add(&slow, token, w->provider.seal, "slow", &terms, NULL), SLK_OK);
    order(w, 1);
    order(w, 2);
    order_as(w, slow, 1001, 7, WORLD_PROOF);
    run(w);
    assert_int_equal(w->batch_most, 3);
    assert_int_equal(count_in(w, "sealed"), 3);
    for (uint64_t i = 1; i <= 2; i++) {
        slk_seal *seal = w->provider.seal;
        assert_int_equal(slk_provider_finalize(seal, w->partner_id, WORLD_SP, i, NULL), SLK_OK);
        run(w);
        assert_int_equal(slk_provider_cleanup(seal, w->partner_id, WORLD_SP, i, NULL), SLK_OK);
        run(w);
    }
    assert_int_equal(count_in(w, "cleaned"), 2);
    assert_false(lies_there(w, "s-t01000-1", "p_aux") || lies_there(w, "s-t01000-2", "p_aux"));
    assert_true(lies_there(w, "s-t01001-7", "layer-1")); /* its C1 can still be made */
    order(w, 3);
    order(w, 4);
    run(w); /* they wait for a third */
    w->now_ms += WAIT_MS;
    run(w);
    assert_true(is(w, 3, "sealed") && is(w, 4, "sealed"));
    assert_int_equal(w->batches, 2);
    w->now_ms += INT64_C(73) * 3600 * 1000; /* longer than a lease */
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_false(lies_there(w, "s-t01001-7", "layer-1"));
    world_check(w);
}

/* ---- with threads: one that is canceled leaves at once, the others stay ---- */

static atomic_uint lanes_begun;
static atomic_bool last_may_end;

/* The second lane runs until it is canceled, the third until it is let go. */
static void in_lane(world *w, slk_job *job)
{
    (void)w;
    unsigned lane = atomic_fetch_add(&lanes_begun, 1) + 1;
    while (lane == 2 && slk_job_check(job, NULL) == SLK_OK)
        usleep(1000);
    while (lane == 3 && !atomic_load(&last_may_end))
        usleep(1000);
}

static void wait_for(world *w, uint64_t number, const char *state)
{
    for (unsigned i = 0; i < 20000 && !is(w, number, state); i++) {
        usleep(1000);
        w->now_ms++;
    }
    assert_true(is(w, number, state));
}

static void one_is_canceled(void **state)
{
    world *w = *state;
    char folder[200];
    slk_seal *seal = w->provider.seal;
    atomic_store(&lanes_begun, 0);
    atomic_store(&last_may_end, false);
    w->in_pc1 = in_lane;
    for (uint64_t i = 1; i <= 3; i++)
        order(w, i);
    assert_int_equal(slk_seal_start(seal, NULL), SLK_OK);
    for (unsigned i = 0; i < 20000 && atomic_load(&lanes_begun) < 2; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&lanes_begun), 2);
    assert_int_equal(count_in(w, "labeled"), 1); /* the first does not wait for the others */
    static const slk_sql running = {"test.running", "SELECT sector_number FROM task WHERE"
                                                    " kind = 'provider.sdr' AND owner IS NOT NULL"
                                                    " ORDER BY id LIMIT 1"};
    int64_t second = 0;
    assert_int_equal(slk_sql_number(&second, w->provider.db, &running, NULL, 0, NULL), SLK_OK);
    assert_int_equal(
        slk_provider_operator_cancel(seal, WORLD_SP, slk_u64(second), false, false, NULL), SLK_OK);
    wait_for(w, slk_u64(second), "cleaned"); /* while the batch goes on */
    (void)snprintf(folder, sizeof folder, "%s/cache/s-t01000-%ld", w->provider.scratch,
                   (long)second);
    assert_false(slk_file_exists(folder));
    assert_int_equal(count_in(w, "ticketed"), 1); /* the third is at it */
    atomic_store(&last_may_end, true);
    for (unsigned i = 0; i < 20000 && count_in(w, "sealed") < 2; i++) {
        usleep(1000);
        w->now_ms++;
    }
    slk_seal_stop(seal);
    assert_int_equal(count_in(w, "sealed"), 2);
    assert_int_equal(w->batches, 1);
}

/* Killed at any point, with sectors of a batch in any state of being done. */
static void killed_anywhere(void **state)
{
    (void)state;
    uint64_t points = 0;
    /* Making a database on a server takes long: there every fourth point is tried. */
    const uint64_t step = getenv("SELKIE_TEST_DATABASE") ? 4 : 1;
    for (uint64_t at = 1; at == 1 || at <= points; at += step) {
        world *w = world_new();
        reopen(w, 3, 0);
        for (uint64_t i = 1; i <= 3; i++)
            order(w, i);
        w->crash_at_point = at;
        for (unsigned i = 0; i < 200 && count_in(w, "sealed") < 3; i++)
            world_turn(w);
        assert_int_equal(count_in(w, "sealed"), 3);
        points = w->points > points ? w->points : points;
        world_check(w);
        world_free(w);
    }
    assert_in_range(points, 10, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(waits_for_company, make, unmake),
        cmocka_unit_test_setup_teardown(full_house_does_not_wait, make, unmake),
        cmocka_unit_test_setup_teardown(no_more_than_there_is_room_for, make, unmake),
        cmocka_unit_test_setup_teardown(no_wait_no_hold, make, unmake),
        cmocka_unit_test_setup_teardown(of_all_partners_and_one_proof, make, unmake),
        cmocka_unit_test_setup_teardown(one_fails, make, unmake),
        cmocka_unit_test_setup_teardown(slow_customer_holds_nobody, make, unmake),
        cmocka_unit_test_setup_teardown(one_is_canceled, make, unmake),
        cmocka_unit_test(killed_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
