/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Nodes that are started with a wrong wall clock, or after a long night: which time they go by, and that
 * nothing ends because of it. */
#include "db/args.h"
#include "seal/times.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define YEAR (365 * 24 * HOUR)
#define LEASE (72 * HOUR)

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

/* As it is stopped and started again, with a clock that is off by so much. */
static void restart(world_node *node, int64_t off_ms)
{
    assert_int_equal(slk_time_store(node->seal, NULL), SLK_OK);
    world_node_close(node);
    node->w->clock_off_ms = off_ms;
    world_node_open(node);
}

/* As it is started for the first time: its database knows no time. */
static void start_first(world_node *node, int64_t off_ms)
{
    static const slk_sql forget[] = {{"test.forget", "DELETE FROM seal_time"},
                                     {"test.forget_nodes", "DELETE FROM node"}};
    assert_int_equal(slk_db_run(node->db, &forget[0], NULL), SLK_OK);
    assert_int_equal(slk_db_run(node->db, &forget[1], NULL), SLK_OK);
    world_node_close(node);
    node->w->clock_off_ms = off_ms;
    world_node_open(node);
}

static slk_time_doubt doubt(const world_node *node)
{
    slk_time_view view;
    slk_time_view_get(&view, node->seal);
    return view.doubt;
}

static void look(world_node *node)
{
    assert_int_equal(slk_time_look(node->seal, NULL), SLK_OK);
}

static void turns(world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        world_turn(w);
}

static const char *provider_state(world *w)
{
    static char text[32];
    return world_state(&w->provider, 1, text);
}

static void seal_one(world *w)
{
    const slk_seal_sector sector = {WORLD_SP, 1, WORLD_PROOF};
    char reason[SLK_SEAL_REASON_CHARS];
    bool accepted = false;
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "", &sector, NULL),
        SLK_OK);
    assert_true(accepted);
    for (unsigned i = 0; i < 100 && strcmp(provider_state(w), "sealed") != 0; i++)
        world_turn(w);
    assert_string_equal(provider_state(w), "sealed");
}

static slk_seal_status status(world *w)
{
    slk_seal_status s;
    assert_int_equal(slk_provider_status(&s, w->provider.seal, w->partner_id, WORLD_SP, 1, NULL),
                     SLK_OK);
    return s;
}

/* It stays for just as long as is left of its lease, and not a turn longer. */
static void ends_in(world *w, int64_t left_ms)
{
    assert_in_range(status(w).lease_left_ms, left_ms - MINUTE, left_ms);
    w->now_ms += left_ms - MINUTE - 5000;
    turns(w, 3);
    assert_string_equal(provider_state(w), "sealed");
    w->now_ms += MINUTE;
    turns(w, 5);
    assert_string_equal(provider_state(w), "cleaned");
}

/* ---- started wrong, then right ---- */

/* The lease is given by a node that is started with such a clock, and outlives its start with another. */
static void given_wrongly(int64_t off_ms, bool first, bool kept)
{
    world *w = world_new();
    if (first)
        start_first(&w->provider, off_ms);
    else
        restart(&w->provider, off_ms);
    const bool far = llabs(off_ms) > SLK_TIME_NEAR_MS;
    assert_int_equal(doubt(&w->provider), first || !far ? SLK_TIME_BELIEVED
                                          : off_ms < 0  ? SLK_TIME_BEHIND
                                                        : SLK_TIME_AHEAD);
    seal_one(w);
    if (!first && far) /* what it writes and says is right nevertheless */
        assert_in_range(status(w).lease_until_ms, w->now_ms + LEASE - MINUTE, w->now_ms + LEASE);
    w->clock_kept = kept;
    restart(&w->provider, 0);
    assert_int_equal(doubt(&w->provider), !first || kept || !far ? SLK_TIME_BELIEVED
                                          : off_ms < 0           ? SLK_TIME_AHEAD
                                                                 : SLK_TIME_BEHIND);
    turns(w, 5);
    assert_string_equal(provider_state(w), "sealed");
    if (doubt(&w->provider) == SLK_TIME_BELIEVED)
        assert_in_range(status(w).lease_until_ms, w->now_ms + LEASE - 2 * MINUTE,
                        w->now_ms + LEASE);
    ends_in(w, LEASE - 5000 > status(w).lease_left_ms ? status(w).lease_left_ms : LEASE);
    world_free(w);
}

static void leases_given_under_a_false_clock(void **state)
{
    (void)state;
    static const int64_t offs[] = {YEAR, -YEAR, HOUR, -HOUR};
    for (unsigned i = 0; i < 4 * sizeof offs / sizeof *offs; i++)
        given_wrongly(offs[i / 4], i & 1, i & 2);
}

/* The lease is in hand when a node is started with such a clock, which is set right later. */
static void leases_in_hand_of_a_false_start(void **state)
{
    world *w = *state;
    static const int64_t offs[] = {YEAR, -YEAR, HOUR, -HOUR};
    seal_one(w);
    int64_t left_ms = status(w).lease_left_ms;
    for (unsigned i = 0; i < sizeof offs / sizeof *offs; i++) {
        restart(&w->provider, offs[i]);
        turns(w, 20);
        w->now_ms += HOUR;
        left_ms -= HOUR + 20000;
        assert_string_equal(provider_state(w), "sealed");
        assert_int_equal(status(w).lease_left_ms, left_ms);
        if (i & 1)
            restart(&w->provider, 0);
        w->clock_off_ms = 0;
        turns(w, 5);
        left_ms -= 5000;
        assert_int_equal(doubt(&w->provider), SLK_TIME_BELIEVED);
        assert_int_equal(status(w).lease_until_ms, w->now_ms + left_ms);
    }
    ends_in(w, left_ms);
}

/* ---- long nights ---- */

/* Nobody could fetch while no node ran: that time counts for no lease. Its clock needs a word for it. */
static void a_year_off(void **state)
{
    world *w = *state;
    seal_one(w);
    const int64_t left_ms = status(w).lease_left_ms;
    assert_int_equal(slk_time_store(w->provider.seal, NULL), SLK_OK);
    world_node_close(&w->provider);
    w->now_ms += YEAR;
    world_node_open(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_AHEAD);
    assert_int_equal(slk_seal_now(w->provider.seal), w->now_ms - YEAR);
    turns(w, 5);
    int64_t jump_ms = 0;
    assert_int_equal(slk_time_accept(&jump_ms, w->provider.seal, true, NULL), SLK_OK);
    look(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_AHEAD); /* a dry run */
    assert_int_equal(slk_time_accept(&jump_ms, w->provider.seal, false, NULL), SLK_OK);
    assert_int_equal(jump_ms, YEAR);
    turns(w, 5);
    assert_int_equal(doubt(&w->provider), SLK_TIME_BELIEVED);
    assert_int_equal(slk_seal_now(w->provider.seal), w->now_ms);
    assert_int_equal(slk_time_accept(&jump_ms, w->provider.seal, false, NULL), SLK_E_CONFLICT);
    assert_int_equal(status(w).lease_left_ms, left_ms - 10000);
    ends_in(w, left_ms - 10000);
}

/* Two hours are nothing to doubt. */
static void a_short_rest(void **state)
{
    world *w = *state;
    seal_one(w);
    const int64_t left_ms = status(w).lease_left_ms;
    assert_int_equal(slk_time_store(w->provider.seal, NULL), SLK_OK);
    world_node_close(&w->provider);
    w->now_ms += SLK_TIME_NEAR_MS;
    world_node_open(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_BELIEVED);
    assert_int_equal(slk_seal_now(w->provider.seal), w->now_ms);
    assert_int_equal(status(w).lease_left_ms, left_ms);
    w->now_ms += 1000;
    world_node_close(&w->provider);
    w->now_ms += SLK_TIME_NEAR_MS; /* a killed one's last word is a little older */
    world_node_open(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_AHEAD);
}

/* A node that is killed has lived for what it wrote: less than it did, by a minute at most. */
static void killed_ones_lose_a_minute(void **state)
{
    world *w = *state;
    const int64_t lived = slk_seal_lived(w->provider.seal);
    for (unsigned i = 0; i < 600; i++) {
        w->now_ms += 1000;
        look(&w->provider);
    }
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    assert_in_range(slk_seal_lived(w->provider.seal), lived + 540000, lived + 600000);
}

/* ---- what confirms and what refutes ---- */

static void the_kernel_confirms(void **state)
{
    world *w = *state;
    w->clock_kept = true;
    restart(&w->provider, YEAR); /* that is not the kernel's time */
    assert_int_equal(doubt(&w->provider), SLK_TIME_AHEAD);
    w->clock_off_ms = 0;
    w->now_ms += YEAR;
    look(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_BELIEVED);
}

static void the_chain_confirms_and_refutes(void **state)
{
    world *w = *state;
    slk_seal *seal = w->provider.seal;
    w->clock_off_ms = YEAR;
    look(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_AHEAD);
    slk_time_hear_chain(seal, w->now_ms, 30000); /* the true time */
    look(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_AHEAD);
    slk_time_hear_chain(seal, w->now_ms + YEAR - 6 * MINUTE, 30000); /* its node lags */
    look(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_AHEAD);
    slk_time_hear_chain(seal, w->now_ms + YEAR - 4 * MINUTE, 30000);
    w->now_ms += HOUR; /* heard too long ago */
    look(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_AHEAD);
    slk_time_hear_chain(seal, w->now_ms + YEAR - 4 * MINUTE, 30000);
    look(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_BELIEVED);
    w->clock_off_ms = YEAR - 6 * MINUTE; /* near, and behind the chain */
    look(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_REFUTED);
    assert_int_equal(slk_seal_now(seal), w->now_ms + YEAR);
    slk_time_view view;
    char text[SLK_TIME_TEXT_CHARS];
    slk_time_view_get(&view, seal);
    slk_time_describe(text, &view);
    assert_non_null(strstr(text, "the chain has a block of 2024-11-"));
    w->clock_off_ms = YEAR;
    look(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_BELIEVED);
}

/* ---- several nodes, older databases ---- */

/* A tool's word reaches the node, and a node that has not heard of it does not undo it. */
static void a_word_reaches_all(void **state)
{
    world *w = *state;
    restart(&w->provider, YEAR);
    slk_seal *tool;
    slk_seal_options beside = w->provider.options;
    beside.beside = true;
    assert_int_equal(slk_seal_new(&tool, w->provider.db, &w->provider.ops, &beside, NULL), SLK_OK);
    int64_t jump_ms = 0;
    assert_int_equal(slk_time_accept(&jump_ms, tool, false, NULL), SLK_OK);
    slk_seal_free(tool);
    assert_int_equal(slk_time_store(w->provider.seal, NULL), SLK_OK); /* has not heard */
    assert_int_equal(doubt(&w->provider), SLK_TIME_AHEAD);
    look(&w->provider);
    assert_int_equal(doubt(&w->provider), SLK_TIME_BELIEVED);
    assert_int_equal(slk_seal_now(w->provider.seal), w->now_ms + YEAR);
}

/* What nodes have lived is the most that any of them has. */
static void nodes_live_together(void **state)
{
    world *w = *state;
    slk_seal *second;
    slk_seal_options options = w->provider.options;
    options.node_name = "p2";
    assert_int_equal(slk_seal_new(&second, w->provider.db, &w->provider.ops, &options, NULL),
                     SLK_OK);
    static const slk_sql ahead = {"test.ahead", "UPDATE seal_time SET lived_ms = lived_ms + 1000"};
    const int64_t lived = slk_seal_lived(second);
    assert_int_equal(slk_db_run(w->provider.db, &ahead, NULL), SLK_OK);
    w->now_ms += 10;
    assert_int_equal(slk_time_look(second, NULL), SLK_OK);
    assert_int_equal(slk_seal_lived(second), lived + 1000);
    assert_int_equal(slk_seal_lived(w->provider.seal), lived + 10);
    assert_int_equal(slk_time_store(w->provider.seal, NULL), SLK_OK); /* takes nothing away */
    look(&w->provider);
    assert_int_equal(slk_seal_lived(w->provider.seal), lived + 1000);
    slk_seal_free(second);
}

/* Leases of an older program are wall times: they begin to be lived where its nodes were seen last, or
 * where the clock is, whichever ends them later. */
static void an_older_database(void **state)
{
    world *w = *state;
    static const slk_sql forget = {"test.forget", "DELETE FROM seal_time"};
    static const slk_sql seen = {"test.seen", "UPDATE node SET seen_ms = $1"};
    static const int64_t seen_off[] = {-3 * 24 * HOUR, YEAR, -MINUTE};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(slk_db_run(w->provider.db, &forget, NULL), SLK_OK);
        assert_int_equal(slk_sql_run(w->provider.db, &seen,
                                     SLK_ARGS(slk_arg_i(w->now_ms + seen_off[i])), NULL, NULL),
                         SLK_OK);
        slk_seal *seal;
        slk_seal_options options = w->provider.options;
        options.node_name = "later";
        assert_int_equal(slk_seal_new(&seal, w->provider.db, &w->provider.ops, &options, NULL),
                         SLK_OK);
        assert_int_equal(slk_seal_lived(seal), w->now_ms + (seen_off[i] < 0 ? seen_off[i] : 0));
        slk_seal_free(seal);
    }
}

/* ---- what is done because much time has passed ---- */

static void ages_begin_anew_at_a_jump(void **state)
{
    world *w = *state;
    slk_seal *seal = w->provider.seal;
    const int64_t before = slk_seal_now(seal);
    w->now_ms += 5 * HOUR;
    look(&w->provider);
    assert_int_equal(slk_seal_age(seal, before), 5 * HOUR);
    assert_int_equal(slk_seal_age(seal, w->now_ms + 5000), -5000);
    w->clock_off_ms = YEAR;
    assert_int_equal(slk_seal_now(seal), w->now_ms); /* a jump that no look has met */
    assert_int_equal(slk_seal_age(seal, before), 5 * HOUR);
    look(&w->provider);
    assert_int_equal(slk_seal_age(seal, before), 5 * HOUR);
    slk_time_hear_chain(seal, w->now_ms + YEAR, 30000);
    look(&w->provider);
    assert_int_equal(slk_seal_age(seal, before), 0);
    w->now_ms += HOUR;
    assert_int_equal(slk_seal_age(seal, before), HOUR);
    assert_int_equal(slk_seal_age(seal, slk_seal_now(seal) + YEAR), HOUR); /* of a false future */
}

/* A client whose clock jumps a year, and is right, leaves no provider for its silence. */
static void no_provider_stalls_by_a_jump(void **state)
{
    world *w = *state;
    char text[32];
    world_second(w);
    w->now_ms += 30 * HOUR;
    turns(w, 1);
    const uint64_t number = world_order(w);
    w->asleep = true;
    world_run(w, number, "ordered", 20);
    turns(w, 10);
    w->clock_kept = true;
    assert_int_equal(slk_time_store(w->client.seal, NULL), SLK_OK);
    world_node_close(&w->client);
    w->now_ms += YEAR;
    world_node_open(&w->client);
    turns(w, 40);
    assert_string_equal(world_state(&w->client, number, text), "ordered");
    assert_string_equal(world_state(&w->other, number, text), "");
    w->now_ms += 25 * HOUR;
    turns(w, 40);
    assert_string_not_equal(world_state(&w->other, number, text), "");
}

/* How much of a lease is over when a client is started nobody knows: it is renewed at once. */
static void a_started_client_renews(void **state)
{
    world *w = *state;
    char text[32];
    w->auto_land = false;
    world_fail(w, OP_COMPLETE, 0, 1000, SLK_E_UNREACHABLE);
    const uint64_t number = world_order(w);
    world_run(w, number, "precommit_sent", 400);
    assert_string_equal(world_state(&w->client, number, text), "precommit_sent");
    turns(w, 5);
    assert_int_equal(w->calls[OP_RENEW], 0);
    assert_int_equal(slk_time_store(w->client.seal, NULL), SLK_OK);
    world_node_close(&w->client);
    w->now_ms += 10 * HOUR;
    w->clock_kept = true;
    world_node_open(&w->client);
    turns(w, 5);
    assert_int_equal(w->calls[OP_RENEW], 1);
    w->clock_kept = false;
    w->clock_off_ms = -YEAR;
    w->now_ms += 47 * HOUR;
    turns(w, 5);
    assert_int_equal(w->calls[OP_RENEW], 1);
    w->now_ms += 2 * HOUR; /* two thirds are over, whatever the clock says */
    turns(w, 5);
    assert_int_equal(w->calls[OP_RENEW], 2);
}

int main(void)
{
#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leases_given_under_a_false_clock),
        T(leases_in_hand_of_a_false_start),
        T(a_year_off),
        T(a_short_rest),
        T(killed_ones_lose_a_minute),
        T(the_kernel_confirms),
        T(the_chain_confirms_and_refutes),
        T(a_word_reaches_all),
        T(nodes_live_together),
        T(an_older_database),
        T(ages_begin_anew_at_a_jump),
        T(no_provider_stalls_by_a_jump),
        T(a_started_client_renews),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
