/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who seals a sector: the best provider first, another when one fails, lies, stalls or is left, the
 * former one told to clean up; and an operator's ways back, out and away. */
#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static int make(void **state)
{
    world *w = world_new();
    world_second(w);
    *state = w;
    return 0;
}

static int unmake(void **state)
{
    world_free(*state);
    return 0;
}

/* ---- looking ---- */

static const slk_sql placement_sql = {
    "test.placement", "SELECT outcome, release_owed FROM rseal_client_placement WHERE sp_id = $1"
                      " AND sector_number = $2 AND provider_id = $3"};

/* The outcome of a placement, "-" when there is none. */
static const char *outcome(world *w, uint64_t number, int64_t provider_id, char out[32])
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    (void)snprintf(out, 32, "-");
    if (slk_sql_row(&q, w->client.db, &placement_sql,
                    SLK_ARGS(slk_arg_u(WORLD_SP), slk_arg_u(number), slk_arg_i(provider_id)), "row",
                    NULL) == SLK_OK)
        slk_sql_copy_text(out, 32, &q, 0);
    return out;
}

static int64_t owed(world *w)
{
    static const slk_sql sql = {"test.owed", "SELECT count(*) FROM rseal_client_placement"
                                             " WHERE release_owed = 1"};
    int64_t n = -1;
    assert_int_equal(slk_sql_number(&n, w->client.db, &sql, NULL, 0, NULL), SLK_OK);
    return n;
}

static int64_t provider_enabled(world *w, int64_t id)
{
    static const slk_sql sql = {"test.enabled",
                                "SELECT enabled FROM rseal_client_providers WHERE id = $1"};
    int64_t n = -1;
    assert_int_equal(slk_sql_number(&n, w->client.db, &sql, SLK_ARGS(slk_arg_i(id)), NULL), SLK_OK);
    return n;
}

static void turns(world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        world_turn(w);
}

static void expect_failed(world *w, uint64_t number, const char *reason)
{
    char text[32];
    assert_true(world_failed(&w->client, number, text));
    assert_string_equal(text, reason);
    world_check(w);
}

/* Proving, sealed by the second provider; the first has cleaned up; one pre-commit was sent. */
static void expect_moved(world *w, uint64_t number, const char *first)
{
    char text[32];
    world_run(w, number, "proving", 600);
    assert_false(world_failed(&w->client, number, text));
    assert_string_equal(world_state(&w->client, number, text), "proving");
    turns(w, 40);
    assert_string_equal(outcome(w, number, w->provider_id, text), first);
    assert_string_equal(outcome(w, number, w->other_id, text), "verified");
    assert_int_equal(owed(w), 0);
    (void)world_state(&w->provider, number, text);
    assert_true(text[0] == '\0' || strcmp(text, "cleaned") == 0);
    assert_string_equal(world_state(&w->other, number, text), "cleaned");
    assert_int_equal(world_messages(w, number, false), 1);
    assert_int_equal(world_messages(w, number, true), 1);
    world_check(w);
}

/* ---- what was bought of somebody ---- */

static uint64_t bought(world *w, int64_t provider_id, bool held)
{
    const slk_client_wish wish = {.sp_id = WORLD_SP,
                                  .seal_proof = WORLD_PROOF,
                                  .only_provider_id = provider_id,
                                  .held = held,
                                  .actor = "test"};
    bool full;
    uint64_t number;
    assert_int_equal(slk_client_allocate(&full, &number, w->client.seal, &wish, NULL), SLK_OK);
    return number;
}

/* Whoever is best, a sector that was bought of one is that one's. */
static void only_one_is_asked(void **state)
{
    world *w = *state;
    char text[32];
    const uint64_t a = bought(w, w->other_id, false), b = bought(w, w->provider_id, false);
    world_run(w, a, "proving", 600);
    world_run(w, b, "proving", 600);
    assert_string_equal(outcome(w, a, w->other_id, text), "verified");
    assert_string_equal(outcome(w, a, w->provider_id, text), "-");
    assert_string_equal(outcome(w, b, w->provider_id, text), "verified");
    assert_string_equal(outcome(w, b, w->other_id, text), "-");
    world_check(w);
}

/* Nor does it go elsewhere when that one fails. */
static void only_one_fails(void **state)
{
    world *w = *state;
    char text[32];
    w->lie = LIE_FAILED;
    const uint64_t number = bought(w, w->provider_id, false);
    turns(w, 200);
    assert_string_equal(outcome(w, number, w->other_id, text), "-");
    assert_true(world_failed(&w->client, number, text));
}

static void held_ones_wait(void **state)
{
    world *w = *state;
    char text[32];
    const uint64_t kept = bought(w, 0, true), dropped = bought(w, 0, true);
    turns(w, 60);
    assert_string_equal(world_state(&w->client, kept, text), "new");
    assert_string_equal(outcome(w, kept, w->provider_id, text), "-");
    assert_int_equal(slk_client_let_begin(w->client.db, WORLD_SP, kept, NULL), SLK_OK);
    assert_int_equal(slk_client_let_begin(w->client.db, WORLD_SP, 99, NULL), SLK_E_NOTFOUND);
    assert_int_equal(world_cancel(w, dropped), SLK_OK);
    world_run(w, kept, "proving", 600);
    assert_string_equal(outcome(w, dropped, w->provider_id, text), "-");
    world_check(w);
}

/* ---- moving by itself ---- */

static void moved_after(world_lie lie, const char *first, bool trusted)
{
    world *w = world_new();
    uint64_t number = world_order(w);
    world_run(w, number, "ordered", 20);
    world_second(w);
    w->lie = lie;
    expect_moved(w, number, first);
    assert_int_equal(provider_enabled(w, w->provider_id), trusted);
    world_free(w);
}

static void provider_fails(void **state)
{
    (void)state;
    moved_after(LIE_FAILED, "failed", true);
    moved_after(LIE_GONE, "failed", true);
}

static void provider_lies(void **state)
{
    (void)state;
    moved_after(LIE_CIDS, "lied", false);
    moved_after(LIE_COMM_D, "lied", false);
    moved_after(LIE_TICKET, "lied", false);
    moved_after(LIE_REPLICA, "lied", false);
}

/* A replica that was damaged on its way is fetched again, from the same provider. */
static void one_bad_replica(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    w->lie = LIE_REPLICA;
    world_run(w, number, "fetched", 100);
    w->lie = LIE_NONE;
    world_run(w, number, "proving", 400);
    assert_string_equal(outcome(w, number, w->provider_id, text), "verified");
    assert_string_equal(outcome(w, number, w->other_id, text), "-");
    assert_int_equal(provider_enabled(w, w->provider_id), 1);
    assert_int_equal(w->work[OP_FETCH], 2);
}

static void provider_stalls(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    w->asleep = true;
    world_run(w, number, "ordered", 20);
    turns(w, 10);
    w->now_ms += INT64_C(23) * 3600 * 1000;
    turns(w, 10);
    assert_string_equal(world_state(&w->client, number, text), "ordered");
    assert_string_equal(outcome(w, number, w->other_id, text), "-");
    w->now_ms += INT64_C(2) * 3600 * 1000;
    turns(w, 10);
    w->asleep = false;
    expect_moved(w, number, "stalled");
}

/* A day passes, and the provider says how far it is. */
static void a_day_at(world *w, const char *stage, int64_t done)
{
    w->says_stage = stage;
    w->says_done = done;
    w->now_ms += INT64_C(23) * 3600 * 1000;
    turns(w, 10);
}

/* Slow is not stalled: whoever says more each day is waited for, whoever says the same is not. */
static void progress_is_movement(void **state)
{
    world *w = *state;
    char text[32];
    const uint64_t number = world_order(w);
    w->asleep = true;
    w->says_stage = "layer 1";
    world_run(w, number, "ordered", 20);
    turns(w, 10);
    a_day_at(w, "layer 1", 1); /* more of the stage */
    a_day_at(w, "layer 1", 2);
    a_day_at(w, "layer 2", 0); /* another stage */
    a_day_at(w, "layer 2", 0); /* since yesterday */
    a_day_at(w, "layer 2", 7);
    assert_string_equal(world_state(&w->client, number, text), "ordered");
    assert_string_equal(outcome(w, number, w->other_id, text), "-");
    a_day_at(w, "layer 2", 3); /* begun anew: not more than before */
    assert_string_equal(outcome(w, number, w->other_id, text), "-");
    a_day_at(w, "", 0); /* and a pause is none either */
    assert_string_equal(outcome(w, number, w->provider_id, text), "stalled");
    w->says_stage = NULL;
    w->asleep = false;
    expect_moved(w, number, "stalled");
}

static void a_number_that_stands_is_a_stall(void **state)
{
    world *w = *state;
    char text[32];
    const uint64_t number = world_order(w);
    w->asleep = true;
    w->says_stage = "layer 5";
    w->says_done = 9;
    world_run(w, number, "ordered", 20);
    turns(w, 10);
    a_day_at(w, "layer 5", 9);
    assert_string_equal(outcome(w, number, w->other_id, text), "-");
    a_day_at(w, "layer 5", 9);
    assert_string_equal(outcome(w, number, w->provider_id, text), "stalled");
    w->says_stage = NULL;
    w->asleep = false;
    expect_moved(w, number, "stalled");
}

/* One whose machine fails at its third layer each day has something new to say for ever. */
static void work_without_end_is_a_stall(void **state)
{
    world *w = *state;
    char text[32], stage[16] = "layer 1";
    const uint64_t number = world_order(w);
    w->asleep = true;
    w->says_stage = stage;
    world_run(w, number, "ordered", 20);
    for (unsigned day = 0; day < 10; day++) {
        (void)snprintf(stage, sizeof stage, "layer %u", 1 + day % 3);
        a_day_at(w, stage, 0);
        assert_string_equal(outcome(w, number, w->other_id, text), "-");
    }
    a_day_at(w, "layer 2", 0);
    assert_string_equal(outcome(w, number, w->provider_id, text), "stalled");
    w->says_stage = NULL;
    w->asleep = false;
    expect_moved(w, number, "stalled");
}

static void provider_vanishes(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->asleep = true;
    world_run(w, number, "ordered", 20);
    world_node_close(&w->provider);
    w->now_ms += INT64_C(25) * 3600 * 1000;
    world_run(w, number, "proving", 600);
    turns(w, 20);
    assert_int_equal(owed(w), 1); /* it cannot be told while it is away */
    world_node_open(&w->provider);
    w->asleep = false;
    w->now_ms += INT64_C(2) * 3600 * 1000;
    expect_moved(w, number, "stalled");
}

static void order_refused(void **state)
{
    world *w = *state;
    char text[32];
    w->steal_slots = true;
    uint64_t number = world_order(w);
    static const slk_sql none = {"test.none",
                                 "UPDATE rseal_delegated_partners SET allowance_remaining = 0"};
    assert_int_equal(slk_db_run(w->provider.db, &none, NULL), SLK_OK);
    w->steal_slots = false;
    world_run(w, number, "proving", 400);
    assert_string_equal(outcome(w, number, w->provider_id, text), "-");
    assert_string_equal(outcome(w, number, w->other_id, text), "verified");
}

/* The order arrived, its answer never does: after a while another gets the sector, and the first is
 * told to clean up whatever it has. */
static void answer_lost(void **state)
{
    world *w = *state;
    char text[32];
    world_fail(w, OP_ORDER, 0, 1000000, SLK_E_TIMEOUT);
    w->asleep = true;
    uint64_t number = world_order(w);
    turns(w, 60);
    assert_string_equal(world_state(&w->client, number, text), "new");
    assert_string_equal(outcome(w, number, w->other_id, text), "-");
    w->now_ms += 11 * 60 * 1000;
    turns(w, 10);
    w->asleep = false;
    expect_moved(w, number, "stalled");
}

static void provider_left(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    w->asleep = true;
    world_run(w, number, "ordered", 20);
    assert_int_equal(slk_client_provider_enable(w->client.seal, w->provider_id, false, NULL),
                     SLK_OK);
    turns(w, 20); /* disabled: what it has is finished there */
    assert_string_equal(outcome(w, number, w->other_id, text), "-");
    assert_int_equal(slk_client_provider_leave(w->client.seal, w->provider_id, NULL), SLK_OK);
    turns(w, 20);
    w->asleep = false;
    expect_moved(w, number, "withdrawn");
}

/* Then the token is refused there: what it may have taken has to be cleaned up all the same. */
static void answer_lost_and_token_refused(void **state)
{
    world *w = *state;
    world_fail(w, OP_ORDER, 0, 1000000, SLK_E_TIMEOUT);
    w->asleep = true;
    uint64_t number = world_order(w);
    turns(w, 3);
    world_fail(w, OP_ORDER, 0, 1, SLK_E_AUTH);
    turns(w, 10);
    w->asleep = false;
    expect_moved(w, number, "stalled");
}

/* The former provider is told as often as it takes. */
static void release_is_owed(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    w->lie = LIE_FAILED;
    world_fail(w, OP_CLEANUP, 0, 5, SLK_E_UNREACHABLE);
    world_run(w, number, "ordered", 20);
    turns(w, 12);
    assert_int_equal(owed(w), 1);
    assert_int_equal(slk_client_provider_remove(w->client.seal, w->provider_id, NULL),
                     SLK_E_CONFLICT);
    w->now_ms += INT64_C(4) * 3600 * 1000;
    expect_moved(w, number, "failed");
    assert_string_equal(world_state(&w->provider, number, text), "cleaned");
    assert_int_equal(slk_client_provider_remove(w->client.seal, w->provider_id, NULL), SLK_OK);
}

/* Without another provider the sector stays where it is, failed with the reason. */
static void nobody_else(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "ordered", 20);
    assert_int_equal(slk_client_provider_enable(w->client.seal, w->other_id, false, NULL), SLK_OK);
    w->lie = LIE_FAILED;
    world_run(w, number, "proving", 40);
    expect_failed(w, number, "provider-failed");
    assert_int_equal(slk_client_retry_from(w->client.seal, WORLD_SP, number, "order", false, NULL),
                     SLK_E_CONFLICT);
    assert_int_equal(slk_client_provider_enable(w->client.seal, w->other_id, true, NULL), SLK_OK);
    assert_int_equal(slk_client_retry_from(w->client.seal, WORLD_SP, number, "order", false, NULL),
                     SLK_OK);
    expect_moved(w, number, "failed");
}

/* The last one that could have had it is gone while it is between two. */
static void nobody_left(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->lie = LIE_FAILED;
    world_run(w, number, "ordered", 20);
    static const slk_sql none = {"test.none",
                                 "UPDATE rseal_delegated_partners SET allowance_remaining = 0"};
    assert_int_equal(slk_db_run(w->other.db, &none, NULL), SLK_OK);
    turns(w, 12);
    assert_int_equal(slk_client_provider_enable(w->client.seal, w->other_id, false, NULL), SLK_OK);
    world_run(w, number, "proving", 40);
    expect_failed(w, number, "no-provider");
}

/* A late word from the former provider changes nothing. */
static void late_callback(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->lie = LIE_FAILED;
    world_run(w, number, "ordered", 20);
    turns(w, 3);
    w->asleep = true;
    slk_seal_completion completion = {.ticket_epoch = 1};
    (void)snprintf(completion.tree_d_cid, sizeof completion.tree_d_cid,
                   "baga6ea4seaqao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq");
    turns(w, 10);
    slk_err code =
        slk_client_complete(w->client.seal, w->token, WORLD_SP, number, &completion, NULL);
    assert_true(code == SLK_E_NOTFOUND || code == SLK_E_INVAL);
    w->asleep = false;
    expect_moved(w, number, "failed");
}

/* Killed at every point of the way, the sector ends proving, pre-committed once. */
static void killed_while_moving(void **state)
{
    (void)state;
    uint64_t stride = place_is_server() ? 41 : 4;
    bool crashed = true;
    for (uint64_t point = 1; crashed; point += stride) {
        world *w = world_new();
        world_second(w);
        w->lie = LIE_REPLICA;
        w->crash_at_point = point;
        uint64_t number = world_order(w);
        expect_moved(w, number, "lied");
        crashed = w->crashed != NULL;
        world_free(w);
    }
}

/* One provider, with one token, for two miners: its word counts for the sectors of either. */
static void provider_of_two_miners(void **state)
{
    world *w = *state;
    static const slk_sql completion_sql = {
        "test.completion", "SELECT ticket_epoch, ticket_value, tree_d_cid, tree_r_cid FROM"
                           " sectors_sdr_pipeline WHERE sp_id = 1000 AND sector_number = $1"};
    int64_t second;
    uint64_t number = world_order(w), other;
    assert_int_equal(slk_client_provider_add(&second, w->client.seal, WORLD_SP + 1,
                                             "https://provider", w->token, "p", NULL),
                     SLK_OK);
    assert_int_equal(slk_client_order(&other, w->client.seal, WORLD_SP + 1, WORLD_PROOF, 0, NULL),
                     SLK_OK);
    world_run(w, number, "sealed", 100);
    slk_seal_completion completion = {0};
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        assert_int_equal(slk_sql_row(&q, w->client.db, &completion_sql, SLK_ARGS(slk_arg_u(number)),
                                     "row", NULL),
                         SLK_OK);
        completion.ticket_epoch = slk_column_i64(&q, 0);
        assert_int_equal(slk_column_bytes(&q, 1, completion.ticket, 32, NULL), SLK_OK);
        slk_sql_copy_text(completion.tree_d_cid, sizeof completion.tree_d_cid, &q, 2);
        slk_sql_copy_text(completion.tree_r_cid, sizeof completion.tree_r_cid, &q, 3);
    }
    assert_int_equal(
        slk_client_complete(w->client.seal, w->token, WORLD_SP, number, &completion, NULL), SLK_OK);
    assert_int_equal(
        slk_client_complete(w->client.seal, w->token, WORLD_SP + 1, other, &completion, NULL),
        SLK_OK);
    assert_int_equal(
        slk_client_complete(w->client.seal, w->other_token, WORLD_SP + 1, other, &completion, NULL),
        SLK_E_NOTFOUND);
}

/* ---- choosing ---- */

static void set_price(world *w, int64_t id, const char *price)
{
    const slk_client_provider_change change = {.price = price};
    assert_int_equal(slk_client_provider_set(w->client.seal, id, &change, NULL), SLK_OK);
}

static bool goes_to_other(world *w)
{
    char text[32];
    uint64_t number = world_order(w);
    world_run(w, number, "ordered", 20);
    return strcmp(outcome(w, number, w->other_id, text), "-") != 0;
}

static void cheapest_first(void **state)
{
    world *w = *state;
    w->asleep = true;
    set_price(w, w->provider_id, "2000000000000000000");
    set_price(w, w->other_id, "1000000000000000000");
    assert_true(goes_to_other(w));
    assert_true(goes_to_other(w)); /* its queue is longer; it is cheaper all the same */
    set_price(w, w->other_id, "3000000000000000000");
    assert_false(goes_to_other(w));
    set_price(w, w->other_id, "");
    assert_true(goes_to_other(w)); /* unknown counts as nothing */
    const slk_client_provider_change bad = {.price = "12.5"};
    assert_int_equal(slk_client_provider_set(w->client.seal, w->other_id, &bad, NULL), SLK_E_INVAL);
}

static void shortest_queue_first(void **state)
{
    world *w = *state;
    w->asleep = true;
    assert_false(goes_to_other(w));
    assert_true(goes_to_other(w));
    assert_false(goes_to_other(w));
}

/* Half of its sectors came to nothing: what it costs is the double. */
static void record_counts(void **state)
{
    world *w = *state;
    static const slk_sql failures = {
        "test.failures",
        "INSERT INTO rseal_client_placement (sp_id, sector_number, provider_id, ordered_ms,"
        " ended_ms, outcome) VALUES (1000, 900, $1, 1, 2, 'failed'), (1000, 901, $1, 1, 2, "
        "'lied')"};
    w->asleep = true;
    set_price(w, w->provider_id, "1000");
    set_price(w, w->other_id, "1500");
    assert_false(goes_to_other(w));
    assert_int_equal(
        slk_sql_run(w->client.db, &failures, SLK_ARGS(slk_arg_i(w->provider_id)), NULL, NULL),
        SLK_OK);
    assert_true(goes_to_other(w));
}

/* ---- ways back ---- */

static void back_from(const char *at, const char *stage, slk_err want, int64_t epochs)
{
    world *w = world_new();
    char text[32];
    world_second(w);
    uint64_t number = world_order(w);
    world_run(w, number, at, 300);
    w->head += epochs;
    assert_string_equal(world_state(&w->client, number, text), at);
    assert_int_equal(slk_client_retry_from(w->client.seal, WORLD_SP, number, stage, true, NULL),
                     want);
    assert_string_equal(world_state(&w->client, number, text), at);
    slk_error why = {0};
    slk_err code = slk_client_retry_from(w->client.seal, WORLD_SP, number, stage, false, &why);
    if (code != want)
        fail_msg("%s from %s: %d %s", stage, at, (int)code, why.message);
    world_run(w, number, "proving", 600);
    assert_false(world_failed(&w->client, number, text));
    assert_string_equal(world_state(&w->client, number, text), "proving");
    turns(w, 40);
    assert_int_equal(world_messages(w, number, false), 1);
    assert_int_equal(world_messages(w, number, true), 1);
    assert_int_equal(owed(w), 0);
    world_check(w);
    world_free(w);
}

static const struct back {
    const char *at, *stage;
    slk_err want;
    int64_t epochs; /* that pass first */
} backs[] = {
    {"ordered", "order", SLK_OK, 0},
    {"sealed", "order", SLK_OK, 0},
    {"fetched", "order", SLK_OK, 0},
    {"verified", "order", SLK_OK, 0},
    {"precommit_sent", "order", SLK_E_CONFLICT, 0},
    {"seeded", "order", SLK_E_CONFLICT, 0},
    {"ordered", "fetch", SLK_E_CONFLICT, 0},
    {"fetched", "fetch", SLK_OK, 0},
    {"verified", "fetch", SLK_OK, 0},
    {"precommit_sent", "fetch", SLK_OK, 0},
    {"proven", "fetch", SLK_OK, 0},
    {"precommitted", "verify", SLK_OK, 0},
    {"vanilla", "seed", SLK_OK, 0},
    {"vanilla", "c1", SLK_OK, 0},
    {"proven", "c1", SLK_OK, 0},
    {"proven", "porep", SLK_OK, 0},
    {"precommitted", "fetch", SLK_OK, 4000}, /* the ticket is old, the deposit is on chain */
    {"seeded", "verify", SLK_OK, 4000},
    {"proven", "fetch", SLK_OK, 4000},
    {"precommitted", "porep", SLK_E_CONFLICT, 0},
    {"verified", "nonsense", SLK_E_INVAL, 0},
};

static void back_by_stage(void **state)
{
    (void)state;
    size_t stride = place_is_server() ? 5 : 1;
    for (size_t i = 0; i < sizeof backs / sizeof *backs; i += stride)
        back_from(backs[i].at, backs[i].stage, backs[i].want, backs[i].epochs);
}

static slk_err back_to(world *w, uint64_t number, const char *stage)
{
    return slk_client_retry_from(w->client.seal, WORLD_SP, number, stage, false, NULL);
}

/* Proving, from the first provider, with the pre-commit it had. */
static void expect_stayed(world *w, uint64_t number)
{
    char text[32];
    world_run(w, number, "proving", 600);
    assert_string_equal(world_state(&w->client, number, text), "proving");
    assert_string_equal(outcome(w, number, w->provider_id, text), "verified");
    assert_string_equal(outcome(w, number, w->other_id, text), "-");
    assert_int_equal(world_messages(w, number, false), 1);
    world_check(w);
}

/* With its deposit on chain a sector goes to nobody else, whatever its provider does. */
static void deposit_and_bad_replica(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "precommitted", 200);
    w->lie = LIE_REPLICA;
    assert_int_equal(back_to(w, number, "fetch"), SLK_OK);
    world_run(w, number, "proving", 100);
    expect_failed(w, number, "replica-invalid");
    w->lie = LIE_NONE;
    assert_int_equal(slk_client_retry(w->client.seal, WORLD_SP, number, NULL), SLK_OK);
    expect_stayed(w, number);
}

static void deposit_and_provider_away(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    world_run(w, number, "precommitted", 200);
    world_fail(w, OP_FETCH, 0, 1000000, SLK_E_UNREACHABLE);
    assert_int_equal(back_to(w, number, "fetch"), SLK_OK);
    turns(w, 5);
    w->now_ms += INT64_C(25) * 3600 * 1000;
    turns(w, 5);
    assert_false(world_failed(&w->client, number, text));
    assert_string_equal(world_state(&w->client, number, text), "sealed");
    world_fail(w, OP_FETCH, 0, 0, SLK_OK);
    w->now_ms += INT64_C(2) * 3600 * 1000;
    expect_stayed(w, number);
}

static void deposit_and_fetch_first(void **state)
{
    world *w = *state;
    static const slk_sql foreign = {"test.foreign",
                                    "UPDATE sectors_sdr_pipeline SET precommit_uuid = NULL"};
    uint64_t number = world_order(w);
    world_run(w, number, "precommitted", 200);
    assert_int_equal(back_to(w, number, "fetch"), SLK_OK);
    assert_int_equal(back_to(w, number, "order"), SLK_E_CONFLICT);
    assert_int_equal(slk_db_run(w->client.db, &foreign, NULL), SLK_OK); /* only found on chain */
    assert_int_equal(back_to(w, number, "order"), SLK_E_CONFLICT);
    expect_stayed(w, number);
}

/* A reorg takes the young sector back: its provider still has what another C1 is made of. */
static void young_sector_is_dropped(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    world_run(w, number, "proven", 300);
    world_chain_sector *s = &w->sectors[number];
    s->proven = true;
    s->activation = w->head;
    turns(w, 3);
    assert_string_equal(world_state(&w->client, number, text), "proven");
    s->proven = false;
    expect_stayed(w, number);
    assert_true(s->proven);
    assert_in_range(w->head - s->activation, 5, 20);
}

/* With a pre-commit that never landed: only after its ticket is over for good. */
static void another_replica_under_the_number(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    w->auto_land = false;
    world_run(w, number, "precommit_sent", 200);
    w->messages[0].lost = true;
    w->head += 2950;
    world_run(w, number, "proving", 50);
    expect_failed(w, number, "ticket-expired");
    assert_int_equal(slk_client_retry_from(w->client.seal, WORLD_SP, number, "order", false, NULL),
                     SLK_E_CONFLICT);
    w->head += 1000;
    assert_int_equal(slk_client_retry_from(w->client.seal, WORLD_SP, number, "order", false, NULL),
                     SLK_OK);
    w->messages[0].lost = false;
    w->auto_land = true;
    world_run(w, number, "proving", 600);
    assert_string_equal(world_state(&w->client, number, text), "proving");
    assert_string_equal(outcome(w, number, w->other_id, text), "verified");
    turns(w, 20);
    world_check(w);
}

/* A ticket that ran out before anything was sent: the next provider draws another. */
static void ticket_runs_out(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "sealed", 50);
    w->head += 4000;
    expect_moved(w, number, "failed");
}

static void ticket_runs_out_before_the_message(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "verified", 100);
    w->head += 4000;
    expect_moved(w, number, "failed");
}

/* ---- ways out ---- */

static slk_err cancel(world *w, uint64_t number, bool really, bool dry_run)
{
    const slk_client_cancel_options options = {.really = really, .dry_run = dry_run};
    return slk_client_cancel(w->client.seal, WORLD_SP, number, &options, NULL);
}

static slk_err remove_sector(world *w, uint64_t number, bool really, bool dry_run)
{
    const slk_client_remove_options options = {.really = really, .dry_run = dry_run};
    return slk_client_remove(w->client.seal, WORLD_SP, number, &options, NULL);
}

static void cancel_with_a_deposit(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    world_run(w, number, "seeded", 200);
    assert_int_equal(cancel(w, number, false, false), SLK_E_CONFLICT);
    assert_int_equal(cancel(w, number, true, true), SLK_OK);
    assert_false(world_failed(&w->client, number, text));
    assert_int_equal(cancel(w, number, true, false), SLK_OK);
    turns(w, 30);
    expect_failed(w, number, "canceled");
    assert_string_equal(world_state(&w->provider, number, text), "cleaned");
    assert_int_equal(remove_sector(w, number, false, false), SLK_E_CONFLICT); /* on chain */
    assert_int_equal(remove_sector(w, number, true, false), SLK_OK);
    assert_string_equal(world_state(&w->client, number, text), "");
    world_check(w);
}

static void cancel_failed_with_a_deposit(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->lie = LIE_C1;
    world_run(w, number, "proving", 300);
    expect_failed(w, number, "c1-invalid");
    assert_int_equal(cancel(w, number, false, false), SLK_E_CONFLICT);
    assert_int_equal(cancel(w, number, true, false), SLK_OK);
    assert_int_equal(cancel(w, number, false, false), SLK_OK); /* asked already */
}

static bool has_replica(world *w, uint64_t number)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/sealed/s-t01000-%lu", w->client.storage,
                   (unsigned long)number);
    return slk_file_exists(path);
}

/* Our message may land yet: the files stay until it is known that it cannot. */
static void cancel_with_a_message_on_its_way(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->auto_land = false;
    world_run(w, number, "precommit_sent", 200);
    assert_int_equal(cancel(w, number, true, false), SLK_OK);
    turns(w, 20);
    assert_true(has_replica(w, number));
    assert_int_equal(remove_sector(w, number, false, false), SLK_E_CONFLICT);
    w->messages[0].lost = true; /* by this node; others may know it */
    assert_int_equal(remove_sector(w, number, false, false), SLK_E_CONFLICT);
    w->messages[0].replaced = true;
    assert_int_equal(remove_sector(w, number, false, false), SLK_OK);
    assert_false(has_replica(w, number));
}

/* What a node says that is behind, or on another network, is no reason to remove anything. */
static void cancel_with_a_bad_node(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    world_run(w, number, "verified", 200);
    world_fail(w, OP_HEAD, 0, 1000000, SLK_E_UNREACHABLE);
    assert_int_equal(cancel(w, number, false, false), SLK_OK);
    turns(w, 10);
    assert_true(has_replica(w, number));
    world_fail(w, OP_HEAD, 0, 0, SLK_OK);
    w->network = "another";
    w->now_ms += INT64_C(2) * 3600 * 1000;
    turns(w, 10);
    assert_true(has_replica(w, number));
    w->network = "localnet-test";
    w->now_ms += INT64_C(2) * 3600 * 1000;
    turns(w, 10);
    assert_false(has_replica(w, number));
    w->network = "another";
    assert_int_equal(remove_sector(w, number, false, false), SLK_E_BUSY);
    w->network = "localnet-test";
    assert_int_equal(remove_sector(w, number, false, false), SLK_OK);
    assert_string_equal(world_state(&w->client, number, text), "");
}

static void remove_when_over(void **state)
{
    world *w = *state;
    char text[32];
    SLK_CLEANUP(slk_buf_done) slk_buf view;
    slk_buf_init(&view, 1 << 20);
    uint64_t number = world_order(w);
    assert_int_equal(remove_sector(w, number, true, false), SLK_E_CONFLICT); /* under way */
    assert_int_equal(cancel(w, number, false, false), SLK_OK);
    turns(w, 5);
    assert_int_equal(remove_sector(w, number, false, true), SLK_OK);
    assert_string_equal(world_state(&w->client, number, text), "new");
    assert_int_equal(remove_sector(w, number, false, false), SLK_OK);
    assert_string_equal(world_state(&w->client, number, text), "");
    assert_int_equal(remove_sector(w, number, false, false), SLK_E_NOTFOUND);
    assert_int_equal(slk_view_sector(&view, w->client.seal, WORLD_SP, number, NULL), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&view), "removed")); /* its history stays */
    assert_int_equal(world_order(w), number + 1); /* and its number is not used again */
    world_check(w);
}

static void remove_a_proving_sector(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "proving", 400);
    assert_int_equal(remove_sector(w, number, true, false), SLK_E_CONFLICT); /* not released */
    turns(w, 20);
    assert_true(has_replica(w, number));
    assert_int_equal(remove_sector(w, number, false, false), SLK_E_CONFLICT); /* on chain */
    assert_true(has_replica(w, number));
    assert_int_equal(remove_sector(w, number, true, false), SLK_OK);
    assert_false(has_replica(w, number));
}

#define PLACED(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_one_is_asked, make, unmake),
        cmocka_unit_test_setup_teardown(only_one_fails, make, unmake),
        cmocka_unit_test_setup_teardown(held_ones_wait, make, unmake),
        cmocka_unit_test(provider_fails),
        cmocka_unit_test(provider_lies),
        PLACED(one_bad_replica),
        PLACED(provider_stalls),
        PLACED(progress_is_movement),
        PLACED(a_number_that_stands_is_a_stall),
        PLACED(work_without_end_is_a_stall),
        PLACED(provider_vanishes),
        PLACED(order_refused),
        PLACED(answer_lost),
        PLACED(answer_lost_and_token_refused),
        PLACED(provider_left),
        PLACED(release_is_owed),
        PLACED(nobody_else),
        PLACED(nobody_left),
        PLACED(late_callback),
        PLACED(provider_of_two_miners),
        cmocka_unit_test(killed_while_moving),
        PLACED(cheapest_first),
        PLACED(shortest_queue_first),
        PLACED(record_counts),
        cmocka_unit_test(back_by_stage),
        PLACED(deposit_and_bad_replica),
        PLACED(deposit_and_provider_away),
        PLACED(deposit_and_fetch_first),
        PLACED(young_sector_is_dropped),
        PLACED(another_replica_under_the_number),
        PLACED(ticket_runs_out),
        PLACED(ticket_runs_out_before_the_message),
        PLACED(cancel_with_a_deposit),
        PLACED(cancel_failed_with_a_deposit),
        PLACED(cancel_with_a_message_on_its_way),
        PLACED(cancel_with_a_bad_node),
        PLACED(remove_when_over),
        PLACED(remove_a_proving_sector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
