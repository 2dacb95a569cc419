/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages for several sectors: who goes with whom and when, what one bad sector does to the others,
 * and that no crash, lost answer or stuck message makes two of one. */
#include "base/mem.h"
#include "db/args.h"
#include "seal/summary.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS (INT64_C(3600) * 1000)

static int make(void **state)
{
    *state = world_new();
    return 0;
}

static int unmake(void **state)
{
    world_free(*state);
    return 0;
}

/* The client again, with other limits for both kinds. */
static void set_batching(world *w, size_t most, int64_t timeout_ms, int64_t slack_epochs)
{
    world_node_close(&w->client);
    for (unsigned kind = 0; kind < SLK_SEAL_MESSAGE_KINDS; kind++)
        w->client.options.batching[kind] = (slk_seal_batching){most, timeout_ms, slack_epochs};
    world_node_open(&w->client);
}

static void order(world *w, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        assert_int_equal(world_order(w), i);
}

static unsigned in_state(world *w, uint64_t n, const char *state)
{
    char text[32];
    unsigned found = 0;
    for (uint64_t i = 0; i < n; i++)
        found += strcmp(world_state(&w->client, i, text), state) == 0;
    return found;
}

static unsigned failed(world *w, uint64_t n)
{
    char text[32];
    unsigned found = 0;
    for (uint64_t i = 0; i < n; i++)
        found += world_failed(&w->client, i, text);
    return found;
}

/* Turns until all n are there or nothing more can come. */
static void run_all(world *w, uint64_t n, const char *state, unsigned turns)
{
    for (unsigned i = 0; i < turns && in_state(w, n, state) + failed(w, n) < n; i++)
        world_turn(w);
}

static void expect_all_proving(world *w, uint64_t n)
{
    run_all(w, n, "proving", 600);
    char reason[32] = "";
    for (uint64_t i = 0; i < n; i++)
        if (world_failed(&w->client, i, reason))
            fail_msg("sector %lu failed: %s (crashed at %s)", (unsigned long)i, reason,
                     w->crashed_at);
    if (in_state(w, n, "proving") != n)
        fail_msg("%u of %lu are proving (crashed at %s)", in_state(w, n, "proving"),
                 (unsigned long)n, w->crashed_at);
    world_check(w);
}

/* The database knows statements by their address. */
static const slk_sql landed_rows = {"test.landed",
                                    "SELECT count(*) FROM message_batch WHERE state = 'landed'"
                                    " AND value = '360' AND exit_code = 0"};
static const slk_sql priced_rows = {"test.priced", "SELECT count(*) FROM sectors_sdr_pipeline WHERE"
                                                   " precommit_deposit = '120'"
                                                   " AND initial_pledge = '200'"};
static const slk_sql dissolved_rows = {
    "test.dissolved", "SELECT count(*) FROM message_batch WHERE state = 'dissolved'"};
static const slk_sql tried_rows = {
    "test.tried", "SELECT count(*) FROM sectors_sdr_pipeline WHERE precommit_tries > 0"};
static const slk_sql tries = {"test.tries", "SELECT sum(tries) FROM message_batch"};

static int64_t count(world *w, const slk_sql *sql)
{
    int64_t n = -1;
    assert_int_equal(slk_sql_number(&n, w->client.db, sql, NULL, 0, NULL), SLK_OK);
    return n;
}

/* What the sector's task says it waits for. */
static void expect_waits_for(world *w, uint64_t number, const char *what)
{
    static const slk_sql sql = {"test.waits",
                                "SELECT last_error FROM task WHERE sector_number = $1"};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    assert_int_equal(slk_sql_row(&q, w->client.db, &sql, SLK_ARGS(slk_arg_u(number)), "task", NULL),
                     SLK_OK);
    const char *text = slk_column_text(&q, 0);
    if (!text || !strstr(text, what))
        fail_msg("waits for: %s", text ? text : "(nothing)");
}

/* ---- who goes with whom, and when ---- */

static void full_batches_go_at_once(void **state)
{
    world *w = *state;
    set_batching(w, 3, 4 * HOUR_MS, 0);
    order(w, 6);
    expect_all_proving(w, 6);
    assert_int_equal(world_all_messages(w, false), 2);
    assert_int_equal(world_all_messages(w, true), 2);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(w->messages[i].n, 3);
    assert_int_equal(count(w, &landed_rows), 4);
    assert_int_equal(count(w, &priced_rows), 6);
}

static void expect_summary(world *w, const char *what)
{
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, 1u << 20);
    assert_int_equal(slk_summary(&out, w->client.seal, NULL), SLK_OK);
    if (!strstr(slk_buf_str(&out), what))
        fail_msg("summary: %s", slk_buf_str(&out));
}

static void money_is_added_up(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    w->auto_land = false;
    order(w, 3);
    run_all(w, 3, "precommit_sent", 60);
    expect_summary(w, "\"money\":[],\"messages_waiting\":1");
    w->auto_land = true;
    run_all(w, 3, "precommitted", 60);
    expect_summary(w, "{\"sp_id\":1000,\"deposits\":\"360\",\"pledges\":\"0\"}");
    expect_all_proving(w, 3);
    expect_summary(w, "{\"sp_id\":1000,\"deposits\":\"0\",\"pledges\":\"600\"}");
    expect_summary(w, "\"messages_waiting\":0");
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, 1u << 20);
    assert_int_equal(slk_view_messages(&out, w->client.seal, 10, NULL), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&out), "\"kind\":\"precommit\",\"sp_id\":1000,"
                                              "\"sectors\":3,\"numbers\":["));
}

static void nobody_waits_longer_than_the_timeout(void **state)
{
    world *w = *state;
    set_batching(w, 5, HOUR_MS, 0);
    order(w, 2);
    run_all(w, 2, "precommit_sent", 60);
    assert_int_equal(in_state(w, 2, "verified"), 2);
    assert_int_equal(world_all_messages(w, false), 0);
    expect_waits_for(w, 0, "other sectors");
    w->now_ms += HOUR_MS;
    run_all(w, 2, "proven", 300);
    assert_int_equal(world_all_messages(w, false), 1);
    assert_int_equal(w->messages[0].n, 2);
    w->now_ms += HOUR_MS;
    expect_all_proving(w, 2);
    assert_int_equal(world_all_messages(w, true), 1);
}

/* Long before the timeout, but the ticket is about to run out: the batch leaves with all it has. */
static void urgent_sectors_take_the_others_along(void **state)
{
    world *w = *state;
    set_batching(w, 5, 1000 * HOUR_MS, 300);
    order(w, 2);
    run_all(w, 2, "precommit_sent", 60);
    assert_int_equal(in_state(w, 2, "verified"), 2);
    w->head += 2600;
    w->now_ms += 61000; /* their next look */
    run_all(w, 2, "precommitted", 60);
    assert_int_equal(world_all_messages(w, false), 1);
    assert_int_equal(w->messages[0].n, 2);
    run_all(w, 2, "proven", 300);
    for (unsigned i = 0; i < 30; i++)
        world_turn(w);
    assert_int_equal(in_state(w, 2, "proven"), 2);
    w->head += 86000;
    w->now_ms += 61000;
    expect_all_proving(w, 2);
    assert_int_equal(world_all_messages(w, true), 1);
}

/* A sector that joined is in the message even when the slack for those that come late is over. */
static void joined_sectors_are_not_late(void **state)
{
    world *w = *state;
    w->client.options.ticket_slack_epochs = 720;
    set_batching(w, 5, 1000 * HOUR_MS, 720);
    order(w, 1);
    run_all(w, 1, "precommit_sent", 60);
    w->head += 2750;
    w->now_ms += 61000;
    run_all(w, 1, "precommitted", 20);
    assert_int_equal(in_state(w, 1, "precommitted"), 1);
}

static void canceled_while_it_waits(void **state)
{
    world *w = *state;
    set_batching(w, 5, HOUR_MS, 0);
    order(w, 3);
    run_all(w, 3, "precommit_sent", 60);
    const slk_client_cancel_options only = {0};
    assert_int_equal(slk_client_cancel(w->client.seal, WORLD_SP, 1, &only, NULL), SLK_OK);
    w->now_ms += HOUR_MS;
    run_all(w, 3, "proven", 300);
    assert_int_equal(world_all_messages(w, false), 1);
    assert_int_equal(w->messages[0].n, 2);
    assert_int_equal(world_messages(w, 1, false), 0);
    world_check(w);
}

/* ---- one bad sector ---- */

static void refused_alone_fails_alone(void **state)
{
    world *w = *state;
    char reason[32];
    set_batching(w, 4, HOUR_MS, 0);
    w->refused_number = 2;
    order(w, 4);
    for (unsigned i = 0; i < 2000 && failed(w, 4) == 0; i++) {
        w->now_ms += 60000; /* the refused one is tried again many times */
        world_turn(w);
    }
    assert_true(world_failed(&w->client, 2, reason));
    assert_string_equal(reason, "precommit");
    assert_int_equal(failed(w, 4), 1);
    w->now_ms += HOUR_MS;
    run_all(w, 4, "proving", 60);
    assert_int_equal(in_state(w, 4, "proving"), 3);
    assert_int_equal(world_messages(w, 2, false), 0);
    assert_int_equal(world_all_messages(w, false), 1); /* the other three together */
    assert_int_equal(w->messages[0].n, 3);
    world_check(w);
    w->refused_number = WORLD_SECTORS;
    assert_int_equal(slk_client_retry(w->client.seal, WORLD_SP, 2, NULL), SLK_OK);
    run_all(w, 4, "proven", 60);
    w->now_ms += HOUR_MS;
    expect_all_proving(w, 4);
}

/* One sector's gas is above one sector's cap: only whether the chain takes it parts it from the rest. */
static void dear_gas_does_not_hold_the_others(void **state)
{
    world *w = *state;
    set_batching(w, 4, HOUR_MS, 0);
    w->refused_number = 2;
    w->dear_alone = true;
    order(w, 4);
    run_all(w, 4, "precommit_sent", 100);
    assert_int_equal(world_all_messages(w, false), 1);
    assert_int_equal(w->messages[0].n, 3);
}

/* Each passes alone, together they use too much gas: halves go, and halves of halves. */
static void too_much_for_one_message(void **state)
{
    world *w = *state;
    set_batching(w, 8, HOUR_MS, 0);
    w->most_sectors = 3;
    order(w, 8);
    expect_all_proving(w, 8);
    assert_int_equal(world_all_messages(w, false), 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(w->messages[i].n, 2);
    assert_true(count(w, &dissolved_rows) >= 3);
}

/* The pre-commit passes the estimate and is refused when it lands: each goes alone. */
static void refused_on_landing(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    w->next_exit_code = 16;
    order(w, 3);
    expect_all_proving(w, 3);
    assert_int_equal(world_all_messages(w, false), 4);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(world_messages(w, i, false), 2);
}

/* Exit code 0, and the batch says no of one sector: that one proves again, the others are done. */
static void one_bad_proof(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    w->next_batch_exit = 16;
    order(w, 3);
    for (unsigned i = 0; i < 80; i++)
        world_turn(w);
    assert_int_equal(in_state(w, 3, "proving"), 2);
    w->now_ms += HOUR_MS; /* it waits for company that does not come */
    expect_all_proving(w, 3);
    assert_int_equal(world_all_messages(w, true), 2);
    assert_int_equal(w->work[OP_C2], 4);
}

static void commit_refused_as_a_whole(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    order(w, 3);
    run_all(w, 3, "precommitted", 100);
    w->next_exit_code = 20;
    expect_all_proving(w, 3);
    assert_int_equal(world_all_messages(w, true), 4);
}

/* A reorg takes one of three pre-commits off the chain: it alone is sent again. */
static void one_falls_out_of_the_chain(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    order(w, 3);
    run_all(w, 3, "precommitted", 300);
    w->sectors[1] = (world_chain_sector){0};
    w->messages[0].replaced = true;
    for (unsigned i = 0; i < 40; i++)
        world_turn(w);
    w->now_ms += HOUR_MS;
    for (unsigned i = 0; i < 60; i++)
        world_turn(w);
    w->now_ms += HOUR_MS;
    expect_all_proving(w, 3);
    assert_int_equal(world_messages(w, 0, false), 1);
    assert_int_equal(world_messages(w, 1, false), 2);
    assert_int_equal(world_messages(w, 2, false), 1);
}

/* The node behind ChainApiInfo is exchanged for one of another network: nothing is sent to it, nobody
 * is called a liar for what it says, and everything goes on when the right one is back. */
static void wrong_network(void **state)
{
    world *w = *state;
    char reason[32];
    uint64_t number;
    world_fail(w, OP_FETCH, 0, 1000000, SLK_E_UNREACHABLE);
    order(w, 2);
    run_all(w, 2, "sealed", 60);
    w->network = "calibrationnet";
    w->fail_count = 0;
    for (unsigned i = 0; i < 100; i++)
        world_turn(w);
    assert_int_equal(failed(w, 2), 0);
    assert_false(world_failed(&w->provider, 0, reason));
    assert_int_equal(world_all_messages(w, false), 0);
    expect_waits_for(w, 0, "localnet-test, the chain node is on calibrationnet");
    assert_int_equal(slk_client_order(&number, w->client.seal, WORLD_SP, WORLD_PROOF, 0, NULL),
                     SLK_E_BUSY);
    w->network = "localnet-test";
    expect_all_proving(w, 2);
}

/* ---- never two ---- */

/* Every point that either side passes while three sectors share their messages. */
static void killed_everywhere(void **state)
{
    (void)state;
    uint64_t point = 1;
    for (bool crashed = true; crashed; point += 17) { /* the others see single sectors */
        world *w = world_new();
        set_batching(w, 3, HOUR_MS, 0);
        w->crash_at_point = point;
        order(w, 3);
        expect_all_proving(w, 3);
        crashed = w->crashed != NULL;
        assert_int_equal(world_all_messages(w, false), 1);
        assert_int_equal(world_all_messages(w, true), 1);
        world_free(w);
    }
    assert_true(point > 100);
}

static void killed_at(const char *where)
{
    world *w = world_new();
    set_batching(w, 3, HOUR_MS, 0);
    w->crash_at_place = where;
    order(w, 3);
    expect_all_proving(w, 3);
    assert_string_equal(w->crashed_at, where);
    assert_int_equal(world_all_messages(w, false), 1);
    assert_int_equal(world_all_messages(w, true), 1);
    world_free(w);
}

static void killed_around_the_push(void **state)
{
    (void)state;
    killed_at("batch.closed");
    killed_at("batch.try_noted");
    killed_at("batch.pushed");
    killed_at("batch.noted");
}

/* The node takes the message and dies before it answers; its pool is known to the other one. */
static void answer_lost_and_gossiped(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    w->answers_lost = 1;
    w->auto_land = false;
    order(w, 3);
    run_all(w, 3, "precommit_sent", 40);
    assert_int_equal(in_state(w, 3, "verified"), 3);
    assert_int_equal(world_all_messages(w, false), 1);
    w->messages[0].gossiped = true;
    run_all(w, 3, "precommit_sent", 60);
    assert_int_equal(in_state(w, 3, "precommit_sent"), 3);
    w->auto_land = true;
    expect_all_proving(w, 3);
    assert_int_equal(world_all_messages(w, false), 1);
    assert_int_equal(world_all_messages(w, true), 1);
}

/* The node refuses a try and does not say what it holds: nothing is undone before it does. */
static void refused_by_a_node_that_hides_its_pool(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    world_fail(w, OP_SEND_PRECOMMIT, 0, 1000000, SLK_E_CONFLICT);
    w->pool_hidden = true;
    order(w, 3);
    for (unsigned i = 0; i < 60; i++)
        world_turn(w);
    expect_waits_for(w, 0, "may hold the message");
    assert_int_equal(count(w, &dissolved_rows), 0);
    assert_int_equal(count(w, &tried_rows), 0);
    w->pool_hidden = false;
    for (unsigned i = 0; i < 60 && count(w, &dissolved_rows) == 0; i++) {
        w->now_ms += 60000;
        world_turn(w);
    }
    assert_true(count(w, &dissolved_rows) > 0);
    assert_int_equal(count(w, &tried_rows), 3);
    w->fail_count = 0;
    w->now_ms += HOUR_MS;
    expect_all_proving(w, 3);
}

/* It landed before we could ask anybody: each sector finds itself on chain. */
static void answer_lost_and_landed(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    w->answers_lost = 1;
    order(w, 3);
    for (unsigned i = 0; i < 60 && world_all_messages(w, false) == 0; i++)
        world_turn(w);
    w->messages[0].gossiped = true;
    expect_all_proving(w, 3);
    assert_int_equal(world_all_messages(w, false), 1);
}

/* The node comes back after a while: the same uuid gives the same message. */
static void answer_lost_and_the_node_returns(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    w->answers_lost = 1;
    order(w, 3);
    for (unsigned i = 0; i < 60; i++)
        world_turn(w);
    assert_int_equal(in_state(w, 3, "verified"), 3);
    w->node_down[0] = false;
    expect_all_proving(w, 3);
    assert_int_equal(world_all_messages(w, false), 1);
}

/* It never comes back, and nobody has seen the message: another node is given it in the end. */
static void answer_lost_and_the_node_stays_away(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    w->answers_lost = 1;
    order(w, 3);
    for (unsigned i = 0; i < 60; i++)
        world_turn(w);
    assert_int_equal(world_all_messages(w, false), 1);
    w->now_ms += 11 * 60 * 1000;
    expect_all_proving(w, 3);
    assert_int_equal(world_all_messages(w, false), 2);
    assert_int_equal(w->messages[1].node, 1);
    w->node_down[0] = false; /* what it still has is refused by the chain, harms nobody */
    world_epoch(w);
    assert_true(w->messages[0].landed);
    assert_int_equal(w->messages[0].exit_code, 16);
    for (uint64_t i = 0; i < 3; i++)
        assert_true(w->sectors[i].proven);
}

/* A sent message outlives its node: its bytes are pushed to the other one. */
static void sent_and_the_node_stays_away(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    w->auto_land = false;
    order(w, 3);
    run_all(w, 3, "precommit_sent", 60);
    w->node_down[0] = true;
    w->messages[0].lost = true; /* as the other node sees it */
    world_turn(w);
    w->messages[0].node = 1;
    w->auto_land = true;
    expect_all_proving(w, 3);
    assert_int_equal(world_all_messages(w, false), 1);
}

/* ---- fees ---- */

static void stuck_messages_get_a_higher_fee(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    w->fee_needed = 2;
    order(w, 3);
    expect_all_proving(w, 3);
    assert_int_equal(world_all_messages(w, false), 1);
    assert_int_equal(world_all_messages(w, true), 1);
    assert_int_equal(w->messages[0].fee, 2);
    assert_int_equal(w->messages[1].fee, 2);
}

/* The fee is raised in the database, and the process dies before it is pushed. */
static void killed_while_the_fee_is_raised(void **state)
{
    world *w = *state;
    set_batching(w, 2, HOUR_MS, 0);
    w->fee_needed = 1;
    w->crash_at_place = "batch.fee_noted";
    order(w, 2);
    expect_all_proving(w, 2);
    assert_string_equal(w->crashed_at, "batch.fee_noted");
    assert_int_equal(world_all_messages(w, false), 1);
    assert_int_equal(world_all_messages(w, true), 1);
}

/* The old message lands while the new one is on its way: it counts. */
static void lands_while_the_fee_is_raised(void **state)
{
    world *w = *state;
    set_batching(w, 2, HOUR_MS, 0);
    w->fee_needed = 1;
    order(w, 2);
    run_all(w, 2, "precommit_sent", 100);
    for (unsigned i = 0; i < 200 && w->messages[0].fee == 0; i++) {
        w->auto_land = false;
        world_turn(w);
    }
    assert_int_equal(w->messages[0].fee, 1);
    /* The chain took the first one after all. */
    (void)snprintf(w->messages[0].cid, sizeof w->messages[0].cid, "bafymessage0f0");
    w->messages[0].earlier_cid[0] = '\0';
    w->auto_land = true;
    expect_all_proving(w, 2);
    assert_int_equal(world_all_messages(w, false), 1);
}

static void no_room_under_the_cap(void **state)
{
    world *w = *state;
    char reason[32];
    set_batching(w, 1, 0, 0);
    w->fee_needed = 5;
    w->fee_cap = 1;
    order(w, 1);
    for (unsigned i = 0; i < 400; i++)
        world_turn(w);
    assert_false(world_failed(&w->client, 0, reason));
    expect_waits_for(w, 0, "cap");
    assert_int_equal(w->messages[0].fee, 1);
    w->messages[0].fee_needed = 1; /* the base fee falls */
    w->fee_needed = 0;
    expect_all_proving(w, 1);
}

/* Gas above the cap, or nobody who can pay: a wait that says so, for the whole batch. */
static void money_is_waited_for(void **state)
{
    world *w = *state;
    set_batching(w, 3, HOUR_MS, 0);
    world_fail(w, OP_REHEARSE, 0, 1000000, SLK_E_LIMIT);
    order(w, 3);
    for (unsigned i = 0; i < 200; i++)
        world_turn(w);
    assert_int_equal(failed(w, 3), 0);
    assert_int_equal(in_state(w, 3, "verified"), 3);
    expect_waits_for(w, 0, "fault");
    assert_int_equal(world_all_messages(w, false), 0);
    assert_int_equal(count(w, &tries), 0);
    w->fail_count = 0;
    expect_all_proving(w, 3);
    assert_int_equal(world_all_messages(w, false), 1);
}

#define BATCH(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BATCH(full_batches_go_at_once),
        BATCH(money_is_added_up),
        BATCH(nobody_waits_longer_than_the_timeout),
        BATCH(urgent_sectors_take_the_others_along),
        BATCH(joined_sectors_are_not_late),
        BATCH(canceled_while_it_waits),
        BATCH(refused_alone_fails_alone),
        BATCH(dear_gas_does_not_hold_the_others),
        BATCH(too_much_for_one_message),
        BATCH(refused_on_landing),
        BATCH(one_bad_proof),
        BATCH(commit_refused_as_a_whole),
        BATCH(one_falls_out_of_the_chain),
        BATCH(wrong_network),
        cmocka_unit_test(killed_everywhere),
        cmocka_unit_test(killed_around_the_push),
        BATCH(answer_lost_and_gossiped),
        BATCH(refused_by_a_node_that_hides_its_pool),
        BATCH(answer_lost_and_landed),
        BATCH(answer_lost_and_the_node_returns),
        BATCH(answer_lost_and_the_node_stays_away),
        BATCH(sent_and_the_node_stays_away),
        BATCH(stuck_messages_get_a_higher_fee),
        BATCH(killed_while_the_fee_is_raised),
        BATCH(lands_while_the_fee_is_raised),
        BATCH(no_room_under_the_cap),
        BATCH(money_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
