/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Wall clocks that jump: an hour, a year, forward, back, or stand still, at every stage of a sector and
 * set right again later. The sector is made once, nothing is cleaned up early, nobody is kept out. */
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR (INT64_C(3600) * 1000)
#define YEAR (365 * 24 * HOUR)
#define WRONG_TURNS 15u

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

struct jump {
    const char *name;
    int64_t by_ms;
    bool frozen;
};
static const struct jump jumps[] = {
    {"an hour ahead", HOUR, false},
    {"an hour back", -HOUR, false},
    {"a year ahead", YEAR, false},
    {"a year back", -YEAR, false},
    {"frozen", 0, true},
};
#define JUMPS (sizeof jumps / sizeof *jumps)

/* Turns with a clock that is wrong by so much, or stands still. */
static void live_wrongly(world *w, const struct jump *jump, unsigned turns)
{
    const int64_t stood_at = w->now_ms;
    for (unsigned i = 0; i < turns; i++) {
        w->clock_off_ms = jump->frozen ? stood_at - w->now_ms : jump->by_ms;
        world_turn(w);
    }
}

/* ---- the whole life ---- */

static void jump_at(const char *at, const struct jump *jump)
{
    world *w = world_new();
    char text[32];
    const uint64_t number = world_order(w);
    world_run(w, number, at, 300);
    live_wrongly(w, jump, WRONG_TURNS);
    if (strcmp(world_state(&w->provider, number, text), "cleaned") == 0 &&
        strcmp(world_state(&w->client, number, text), "proving") != 0)
        fail_msg("%s at %s: cleaned up while the client is %s", jump->name, at, text);
    w->clock_off_ms = 0; /* somebody sets it right: what was to wait may wait that hour longer */
    world_run(w, number, "proving", 100);
    w->now_ms += jump->by_ms == HOUR ? HOUR : 0;
    world_run(w, number, "proving", 200);
    if (world_failed(&w->client, number, text) ||
        strcmp(world_state(&w->client, number, text), "proving") != 0)
        fail_msg("%s at %s: the client's is %s", jump->name, at, text);
    if (w->work[OP_PC1] != 1 || w->work[OP_PC2] != 1 || w->work[OP_C2] != 1 ||
        world_messages(w, number, false) != 1 || world_messages(w, number, true) != 1)
        fail_msg("%s at %s: made %u %u %u times, %u and %u messages", jump->name, at,
                 w->work[OP_PC1], w->work[OP_PC2], w->work[OP_C2], world_messages(w, number, false),
                 world_messages(w, number, true));
    slk_partner p;
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, w->token, NULL), SLK_OK);
    assert_int_equal(p.allowance_remaining, 9);
    world_check(w);
    world_free(w);
}

static void at_every_stage(void **state)
{
    (void)state;
    static const char *const stages[] = {"new",      "ordered",        "sealed",       "fetched",
                                         "verified", "precommit_sent", "precommitted", "seeded",
                                         "vanilla",  "proven",         "commit_sent"};
    const size_t stride = place_is_server() ? 11 : 1;
    size_t n = 0;
    for (size_t i = 0; i < JUMPS * sizeof stages / sizeof *stages; i += stride, n++)
        jump_at(stages[i / JUMPS], &jumps[i % JUMPS]);
    (void)printf("# %zu lives\n", n);
}

/* ---- a task under way ---- */

static const struct jump *during;
static bool taken_over;

static void jump_meanwhile(world *w, slk_job *job)
{
    bool ran = false;
    w->in_pc1 = NULL;
    w->clock_off_ms = during->by_ms;
    for (unsigned i = 0; i < SLK_CLASS_COUNT; i++) {
        assert_int_equal(slk_task_run_one(&ran, w->provider.seal, (slk_task_class)i, NULL), SLK_OK);
        taken_over = taken_over || ran;
    }
    assert_int_equal(slk_task_heartbeat(w->provider.seal, NULL), SLK_OK);
    assert_int_equal(slk_job_check(job, NULL), SLK_OK);
}

/* What runs here is neither begun again nor told to stop. */
static void work_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < JUMPS; i++) {
        world *w = world_new();
        char text[32];
        during = &jumps[i];
        taken_over = false;
        w->in_pc1 = jump_meanwhile;
        const uint64_t number = world_order(w);
        for (unsigned k = 0; k < 20; k++)
            world_turn(w);
        assert_null(w->in_pc1); /* it was under way */
        assert_false(taken_over);
        assert_int_equal(w->calls[OP_PC1], 1);
        assert_string_not_equal(world_state(&w->provider, number, text), "ticketed");
        world_free(w);
    }
}

/* ---- promises ---- */

static bool slot(world *w)
{
    char token[SLK_SLOT_CHARS];
    bool available = false;
    assert_int_equal(
        slk_provider_available(&available, token, w->provider.seal, w->partner_id, NULL), SLK_OK);
    return available;
}

/* Slots given before a jump keep nobody out for longer than 30 s, and those given after it hold. */
static void slots_end_all_the_same(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < JUMPS - 1; i++) {
        w->clock_off_ms = 0;
        while (slot(w))
            ;
        w->now_ms += 1000;
        w->clock_off_ms = jumps[i].by_ms;
        w->now_ms += 29000;
        unsigned given = 0;
        while (slot(w))
            given++;
        if (given != 10) /* as many as the partner may have */
            fail_msg("%s: %u slots", jumps[i].name, given);
        w->now_ms += 29999;
        assert_false(slot(w));
        w->now_ms += 31000;
    }
}

/* A look at the clock that lies a little behind the one before, or another node's clock, takes no slot
 * away: neither from its partner nor out of the sum of what is promised. */
static void slots_survive_small_steps(void **state)
{
    world *w = *state;
    char token[SLK_SLOT_CHARS], reason[SLK_SEAL_REASON_CHARS] = "";
    const slk_seal_sector sector = {WORLD_SP, 1, WORLD_PROOF};
    bool available = false, accepted = false;
    assert_int_equal(
        slk_provider_available(&available, token, w->provider.seal, w->partner_id, NULL), SLK_OK);
    assert_true(available);
    w->clock_off_ms = -5000;
    for (unsigned i = 1; i < 10; i++)
        assert_true(slot(w)); /* each drops what is over */
    assert_false(slot(w));
    assert_int_equal(slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, token,
                                        &sector, NULL),
                     SLK_OK);
    if (!accepted)
        fail_msg("%s", reason);
}

/* The files of a sealed sector stay for their 72 hours, however far ahead the clock jumps. */
static void nothing_is_cleaned_early(void **state)
{
    world *w = *state;
    char text[32], reason[SLK_SEAL_REASON_CHARS];
    const slk_seal_sector sector = {WORLD_SP, 1, WORLD_PROOF};
    bool accepted = false;
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "", &sector, NULL),
        SLK_OK);
    assert_true(accepted);
    for (unsigned i = 0; i < 20; i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, 1, text), "sealed");
    for (size_t i = 0; i < JUMPS; i++) {
        w->now_ms += 10 * HOUR;
        live_wrongly(w, &jumps[i], WRONG_TURNS);
        if (strcmp(world_state(&w->provider, 1, text), "sealed") != 0)
            fail_msg("%s: it is %s", jumps[i].name, text);
    }
    w->clock_off_ms = 0;
    w->now_ms += 24 * HOUR;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, 1, text), "cleaned");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_every_stage),
        cmocka_unit_test(work_goes_on),
        cmocka_unit_test_setup_teardown(slots_end_all_the_same, make, unmake),
        cmocka_unit_test_setup_teardown(slots_survive_small_steps, make, unmake),
        cmocka_unit_test_setup_teardown(nothing_is_cleaned_early, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
