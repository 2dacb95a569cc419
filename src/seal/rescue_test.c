/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ways out: what an operator's retry and abandon do, what is not waited for without end, and what a
 * deposit is not put on. */
#include "base/file.h"
#include "db/args.h"
#include "db/db.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <string.h>

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

static void expect_state(world *w, uint64_t number, const char *state)
{
    char text[32], reason[32];
    assert_false(world_failed(&w->client, number, reason));
    assert_string_equal(world_state(&w->client, number, text), state);
    world_check(w);
}

static void expect_failed(world *w, uint64_t number, const char *reason)
{
    char text[32];
    assert_true(world_failed(&w->client, number, text));
    assert_string_equal(text, reason);
    world_check(w);
}

static void retry(world *w, uint64_t number)
{
    assert_int_equal(slk_client_retry(w->client.seal, WORLD_SP, number, NULL), SLK_OK);
}

/* The cause of a refusal is gone: retry sends another message, it does not find the old one again. */
static void retry_after_a_refused_precommit(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->next_exit_code = 20;
    world_run(w, number, "proving", 200);
    expect_failed(w, number, "precommit-exit-20");
    retry(w, number);
    world_run(w, number, "proving", 400);
    expect_state(w, number, "proving");
    assert_int_equal(world_messages(w, number, false), 2);
}

static void retry_after_a_refused_commit(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "proven", 200);
    w->next_exit_code = 20;
    world_run(w, number, "proving", 200);
    expect_failed(w, number, "commit-exit-20");
    retry(w, number);
    world_run(w, number, "proving", 400);
    expect_state(w, number, "proving");
    assert_int_equal(world_messages(w, number, true), 2);
}

static void retry_after_a_refused_proof(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->always_refuse = true;
    world_run(w, number, "proving", 600);
    expect_failed(w, number, "commit-exit-16");
    w->always_refuse = false;
    unsigned proofs = w->work[OP_C2];
    retry(w, number);
    world_run(w, number, "proving", 600);
    expect_state(w, number, "proving");
    assert_int_equal(w->work[OP_C2], proofs + 1);
}

/* Ten messages are enough without a person; after one has looked, ten more. */
static void retry_counts_messages_anew(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "proven", 200);
    static const slk_sql ten = {"test.ten", "UPDATE sectors_sdr_pipeline SET commit_tries = 10"};
    assert_int_equal(slk_db_run(w->client.db, &ten, NULL), SLK_OK);
    world_run(w, number, "proving", 200);
    expect_failed(w, number, "too-many-messages");
    retry(w, number);
    world_run(w, number, "proving", 400);
    expect_state(w, number, "proving");
}

/* A commit that stays in the pool beyond the deadline is the end of the sector, not of patience. */
static void commit_pending_for_ever(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "proven", 200);
    w->auto_land = false;
    world_run(w, number, "commit_sent", 100);
    w->head += 86000;
    for (unsigned i = 0; i < 10; i++)
        world_turn(w);
    expect_state(w, number, "commit_sent");
    w->head += 1000;
    world_run(w, number, "proving", 50);
    expect_failed(w, number, "commit-expired");
}

static void no_c1_before_the_deadline(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "precommitted", 200);
    world_fail(w, OP_COMMIT1, 0, 1000000, SLK_E_UNREACHABLE);
    world_run(w, number, "vanilla", 100);
    expect_state(w, number, "seeded");
    w->head += 90000;
    world_run(w, number, "proving", 200);
    expect_failed(w, number, "commit-expired");
}

/* Parameters that never come are waited for, as long as a proof would be of use. */
static void no_proof_before_the_deadline(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "vanilla", 200);
    world_fail(w, OP_C2, 0, 1000000, SLK_E_BUSY);
    world_run(w, number, "proven", 100);
    expect_state(w, number, "vanilla");
    w->head += 90000;
    world_run(w, number, "proving", 200);
    expect_failed(w, number, "commit-expired");
}

/* A C1 file that rots on our disk is fetched anew instead of being proven wrongly for ever. */
static void c1_file_is_damaged(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "vanilla", 200);
    char pattern[192];
    (void)snprintf(pattern, sizeof pattern, "%s/c1/*/*.json", w->client.scratch);
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    static const char junk[33] = "thirty-two bytes that are not C1";
    assert_int_equal(slk_file_write_atomic(found.gl_pathv[0], junk, 32, 0644, NULL), SLK_OK);
    globfree(&found);
    world_run(w, number, "proving", 400);
    expect_state(w, number, "proving");
    assert_int_equal(world_messages(w, number, true), 1);
}

/* A reorg takes the pre-commit off the chain and puts the message back into the pool. */
static void reorg_returns_the_message(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "precommitted", 200);
    w->sectors[number] = (world_chain_sector){0};
    w->messages[0].landed = false;
    w->auto_land = false;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    w->auto_land = true;
    world_run(w, number, "proving", 400);
    expect_state(w, number, "proving");
    assert_int_equal(world_messages(w, number, false), 1);
}

static void reorg_and_the_pool_forgets(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "precommitted", 200);
    w->sectors[number] = (world_chain_sector){0};
    w->messages[0].landed = false;
    w->messages[0].lost = true;
    world_run(w, number, "proving", 400);
    expect_state(w, number, "proving");
    assert_int_equal(world_messages(w, number, false), 1);
}

static slk_err young_ticket(void *ctx, uint8_t out32[32], int64_t *ret_epoch, const char *url,
                            uint64_t sp_id, slk_error *error)
{
    world *w = ctx;
    (void)url;
    *ret_epoch = w->head - 2;
    return w->client.ops.chain.ticket(w->client.ops.chain.ctx, out32, sp_id, *ret_epoch, error);
}

/* A provider that seals on the newest ticket instead of a final one: a reorg would change it, and
 * the proof with it. The deposit waits until none can. */
static void ticket_is_not_final(void **state)
{
    world *w = *state;
    world_node_close(&w->provider);
    w->provider.ops.peer.ticket = young_ticket;
    world_node_open(&w->provider);
    uint64_t number = world_order(w);
    world_run(w, number, "precommit_sent", 200);
    expect_state(w, number, "verified");
    assert_int_equal(world_messages(w, number, false), 0);
    w->head += 900;
    world_run(w, number, "proving", 400);
    expect_state(w, number, "proving");
}

static void ticket_changed_by_a_reorg(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "verified", 200);
    static const slk_sql other = {"test.ticket",
                                  "UPDATE sectors_sdr_pipeline SET ticket_value = $1"};
    const uint8_t zeros[32] = {0};
    assert_int_equal(slk_sql_run(w->client.db, &other, SLK_ARGS(slk_arg_b(zeros, 32)), NULL, NULL),
                     SLK_OK);
    world_run(w, number, "proving", 200);
    expect_failed(w, number, "wrong-ticket");
    assert_int_equal(world_messages(w, number, false), 0);
}

/* A provider that never gets done must not hold a sector for ever. */
static void cancel_what_only_waits(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_fail(w, OP_PC1, 0, 1000000, SLK_E_NOSPACE);
    for (unsigned i = 0; i < 50; i++)
        world_turn(w);
    expect_state(w, number, "ordered");
    assert_int_equal(world_cancel(w, number), SLK_OK);
    expect_failed(w, number, "canceled");
    for (unsigned i = 0; i < 50; i++)
        world_turn(w);
    char text[32];
    assert_string_equal(world_state(&w->provider, number, text), "cleaned");
    assert_int_equal(slk_client_provider_remove(w->client.seal, w->provider_id, NULL), SLK_OK);
    world_check(w);
}

static void no_cancel_on_the_way_to_the_chain(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "precommit_sent", 200);
    assert_int_equal(world_cancel(w, number), SLK_E_CONFLICT);
    world_run(w, number, "proving", 400);
    assert_int_equal(world_cancel(w, number), SLK_E_CONFLICT);
    expect_state(w, number, "proving");
}

#define RESCUE(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESCUE(retry_after_a_refused_precommit),
        RESCUE(retry_after_a_refused_commit),
        RESCUE(retry_after_a_refused_proof),
        RESCUE(retry_counts_messages_anew),
        RESCUE(commit_pending_for_ever),
        RESCUE(no_c1_before_the_deadline),
        RESCUE(no_proof_before_the_deadline),
        RESCUE(c1_file_is_damaged),
        RESCUE(reorg_returns_the_message),
        RESCUE(reorg_and_the_pool_forgets),
        RESCUE(ticket_is_not_final),
        RESCUE(ticket_changed_by_a_reorg),
        RESCUE(cancel_what_only_waits),
        RESCUE(no_cancel_on_the_way_to_the_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
