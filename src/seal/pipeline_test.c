/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sector's whole life on both sides, and everything that may go wrong on the way. */
#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

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

static const slk_sql released_sql = {"test.released",
                                     "SELECT after_cleanup FROM rseal_client_pipeline"
                                     " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql tasks_sql = {"test.tasks", "SELECT count(*) FROM task"};
static const slk_sql enabled_sql = {"test.enabled",
                                    "SELECT enabled FROM rseal_client_providers WHERE id = $1"};

static int64_t number_of(slk_db *db, const slk_sql *sql, const slk_arg *args, size_t n)
{
    int64_t v = -1;
    assert_int_equal(slk_sql_number(&v, db, sql, args, n, NULL), SLK_OK);
    return v;
}

static bool released(world *w, uint64_t number)
{
    return number_of(w->client.db, &released_sql,
                     SLK_ARGS(slk_arg_u(WORLD_SP), slk_arg_u(number))) == 1;
}

static bool enabled(world *w)
{
    return number_of(w->client.db, &enabled_sql, SLK_ARGS(slk_arg_i(w->provider_id))) == 1;
}

static void run_to_the_end(world *w, uint64_t number, unsigned turns)
{
    char state[32];
    world_run(w, number, "proving", turns);
    if (world_failed(&w->client, number, state))
        fail_msg("the client's sector failed: %s (crashed at %s)", state, w->crashed_at);
    if (strcmp(world_state(&w->client, number, state), "proving") != 0)
        fail_msg("the client's sector is only %s (crashed at %s)", state, w->crashed_at);
    for (unsigned i = 0; i < 60; i++) {
        world_turn(w);
        if (released(w, number) && strcmp(world_state(&w->provider, number, state), "cleaned") == 0)
            break;
    }
    assert_true(released(w, number));
    assert_string_equal(world_state(&w->provider, number, state), "cleaned");
    assert_int_equal(number_of(w->client.db, &tasks_sql, NULL, 0), 0);
    assert_int_equal(number_of(w->provider.db, &tasks_sql, NULL, 0), 0);
    world_check(w);
}

static void expect_file(const char *folder, const char *name, bool there)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, name);
    assert_int_equal(slk_file_exists(path), there);
}

static void happy_path(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    assert_int_equal(number, 0);
    run_to_the_end(w, number, 200);
    assert_int_equal(world_messages(w, number, false), 1);
    assert_int_equal(world_messages(w, number, true), 1);
    assert_int_equal(w->work[OP_PC1], 1);
    assert_int_equal(w->work[OP_PC2], 1);
    assert_int_equal(w->work[OP_C2], 1);
    assert_int_equal(w->work[OP_FETCH], 1);
    expect_file(w->client.storage, "sealed/s-t01000-0", true);
    expect_file(w->client.storage, "cache/s-t01000-0/p_aux", true);
    expect_file(w->client.storage, "sectorstore.json", true);
    expect_file(w->client.storage, "storage.json", true);
    expect_file(w->client.scratch, "c1/s-t01000-0", false);
    expect_file(w->provider.scratch, "sealed/s-t01000-0", false);
    expect_file(w->provider.scratch, "cache/s-t01000-0", false);
    slk_partner p;
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, w->token, NULL), SLK_OK);
    assert_int_equal(p.allowance_remaining, 9);
}

static void several_at_once(void **state)
{
    world *w = *state;
    w->sectors[1].allocated = true; /* someone else burnt number 1 */
    uint64_t a = world_order(w), b = world_order(w), c = world_order(w);
    assert_int_equal(a, 0);
    assert_int_equal(b, 2);
    assert_int_equal(c, 3);
    run_to_the_end(w, a, 300);
    run_to_the_end(w, b, 300);
    run_to_the_end(w, c, 300);
}

/* The provider cannot call: the poll alone brings it about. */
static void without_callback(void **state)
{
    world *w = *state;
    const slk_partner_terms no_url = {.url = ""};
    assert_int_equal(slk_partner_set(w->provider.seal, w->partner_id, SLK_TERM_URL, &no_url, NULL),
                     SLK_OK);
    uint64_t number = world_order(w);
    run_to_the_end(w, number, 300);
    assert_int_equal(w->calls[OP_COMPLETE], 0);
    assert_int_equal(w->calls[OP_CLIENT_TICKET], 0);
}

/* ---- failures of single calls ---- */

static void fail_once(world_op op, slk_err code)
{
    world *w = world_new();
    uint64_t number = world_order(w);
    world_fail(w, op, 0, 2, code);
    run_to_the_end(w, number, 600);
    /* It must have happened; not every failure needs the same call again (callback and poll, the
     * client's ticket and our own chain's). */
    if (w->fail_count > 1)
        fail_msg("operation %d was never called", (int)op);
    assert_int_equal(world_messages(w, number, false), 1);
    assert_int_equal(world_messages(w, number, true), 1);
    world_free(w);
}

static void every_call_fails_for_a_while(void **state)
{
    (void)state;
    const unsigned stride = place_is_server() ? 5 : 1;
    for (unsigned i = 0; i < OP_COUNT; i += stride) {
        const world_op op = (world_op)i;
        /* The callback and clean-up come first; a life asks nobody for its funds, and is over before
         * its lease is. */
        if (op == OP_STATUS || op == OP_FINALISE || op == OP_FUNDS || op == OP_RENEW)
            continue;
        fail_once(op, SLK_E_UNREACHABLE);
        if (op != OP_AVAILABLE) {
            fail_once(op, SLK_E_IO);
            fail_once(op, SLK_E_PROTO); /* a garbled answer is not a lie */
        }
    }
}

/* A permanent failure stops the sector with a reason; the operator's retry lets it go on. */
static void fail_for_good(world_op op, bool client, const char *stage)
{
    world *w = world_new();
    char text[32];
    uint64_t number = world_order(w);
    world_fail(w, op, 0, 1, SLK_E_UNSUPPORTED);
    world_node *node = client ? &w->client : &w->provider;
    for (unsigned i = 0; i < 300 && !world_failed(node, number, text); i++)
        world_turn(w);
    assert_true(world_failed(node, number, text));
    assert_string_equal(text, stage);
    world_check(w);
    slk_err code = client ? slk_client_retry(w->client.seal, WORLD_SP, number, NULL)
                          : slk_provider_retry(w->provider.seal, WORLD_SP, number, NULL);
    assert_int_equal(code, SLK_OK);
    assert_false(world_failed(node, number, text));
    if (!client && world_failed(&w->client, number, text)) /* its poll had been told */
        assert_int_equal(slk_client_retry(w->client.seal, WORLD_SP, number, NULL), SLK_OK);
    run_to_the_end(w, number, 600);
    world_free(w);
}

static void permanent_failures(void **state)
{
    (void)state;
    fail_for_good(OP_PC1, false, "sdr");
    fail_for_good(OP_PC2, false, "trees");
    fail_for_good(OP_ORDER, true, "delegate");
    fail_for_good(OP_FETCH, true, "fetch");
    fail_for_good(OP_CHECK_REPLICA, true, "verify");
    fail_for_good(OP_SEND_PRECOMMIT, true, "precommit");
    fail_for_good(OP_SEED, true, "seed");
    fail_for_good(OP_COMMIT1, true, "c1");
    fail_for_good(OP_C2, true, "porep");
    fail_for_good(OP_SEND_COMMIT, true, "commit");
}

/* ---- kill at every point ---- */

/* Every point that either side passes during a life, one life each; on a server, where a life costs
 * seconds, every eleventh. */
static void killed_everywhere(void **state)
{
    (void)state;
    uint64_t point = 1, stride = place_is_server() ? 11 : 1;
    for (bool crashed = true; crashed; point += stride) {
        world *w = world_new();
        w->crash_at_point = point;
        uint64_t number = world_order(w);
        run_to_the_end(w, number, 600);
        crashed = w->crashed != NULL;
        assert_int_equal(world_messages(w, number, false), 1);
        assert_int_equal(world_messages(w, number, true), 1);
        assert_int_equal(w->work[OP_PC1], 1);
        assert_true(w->work[OP_PC2] <= 2);
        assert_true(w->work[OP_C2] <= 2);
        assert_int_equal(w->work[OP_FETCH], 1);
        bool in_c1 = strcmp(w->crashed_at, "c1.fetched") == 0 ||
                     strcmp(w->crashed_at, "provider.c1_made") == 0;
        assert_int_equal(w->calls[OP_COMMIT1], in_c1 ? 2 : 1);
        world_free(w);
    }
    assert_true(point > 60); /* the points are really there */
}

/* ---- no disk ---- */

static void writes_fail(bool yes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = yes ? 0 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Nothing can be written any more, database included, from the n-th turn on and for a while. */
static void disk_full_from(unsigned tasks)
{
    world *w = world_new();
    uint64_t number = world_order(w), ran;
    for (unsigned i = 0; i < tasks; i++) {
        assert_int_equal(slk_seal_run_ready(&ran, w->provider.seal, 1, NULL), SLK_OK);
        assert_int_equal(slk_seal_run_ready(&ran, w->client.seal, 1, NULL), SLK_OK);
        if (ran == 0)
            world_turn(w);
    }
    char before[32], after[32];
    (void)world_state(&w->client, number, before);
    w->disk_full = true;
    writes_fail(true);
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    writes_fail(false);
    assert_string_equal(world_state(&w->client, number, after), before);
    w->disk_full = false;
    w->now_ms += 61000; /* what could not even be put back is free when its lease is over */
    run_to_the_end(w, number, 600);
    assert_int_equal(world_messages(w, number, false), 1);
    assert_int_equal(world_messages(w, number, true), 1);
    world_free(w);
}

static void disk_full(void **state)
{
    (void)state;
    if (place_is_server())
        return; /* its disk is not ours */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
    for (unsigned tasks = 0; tasks < 25; tasks++)
        disk_full_from(tasks);
}

/* ---- liars ---- */

static void lied_to(world_lie lie, const char *reason, bool deposit, bool distrusted)
{
    world *w = world_new();
    char text[32];
    uint64_t number = world_order(w);
    w->lie = lie;
    for (unsigned i = 0; i < 400 && !world_failed(&w->client, number, text); i++)
        world_turn(w);
    assert_true(world_failed(&w->client, number, text));
    assert_string_equal(text, reason);
    assert_int_equal(world_messages(w, number, false), deposit ? 1 : 0);
    assert_int_equal(enabled(w), !distrusted);
    uint64_t other;
    if (distrusted)
        assert_int_equal(slk_client_order(&other, w->client.seal, WORLD_SP, WORLD_PROOF, 0, NULL),
                         SLK_E_NOTFOUND);
    world_check(w);
    world_free(w);
}

static void lying_provider(void **state)
{
    (void)state;
    lied_to(LIE_REPLICA, "replica-invalid", false, true);
    lied_to(LIE_BLOCKS, "replica-damaged", false, true);
    lied_to(LIE_COMM_D, "wrong-comm-d", false, true);
    lied_to(LIE_TICKET, "wrong-ticket", false, true);
    lied_to(LIE_CIDS, "bad-completion", false, true);
    lied_to(LIE_C1, "c1-invalid", true, true);
    lied_to(LIE_FAILED, "provider-failed", false, false);
    lied_to(LIE_GONE, "provider-gone", false, false);
}

static world *with_trials(void)
{
    world *w = world_new();
    w->repeats_c1 = true;
    w->client.options.trial_c1 = true;
    world_node_close(&w->client);
    world_node_open(&w->client);
    return w;
}

/* A provider without the labels is found out before there is a deposit. */
static void trial_c1(void **state)
{
    (void)state;
    char text[32];
    world *w = with_trials();
    uint64_t number = world_order(w);
    world_fail(w, OP_COMMIT1, 0, 3, SLK_E_UNREACHABLE);
    run_to_the_end(w, number, 600);
    assert_int_equal(w->calls[OP_COMMIT1], 3 + 2);
    assert_int_equal(w->calls[OP_VERIFY_C1], 2);
    assert_int_equal(w->calls[OP_CHECK_REPLICA], 1);
    world_free(w);

    w = with_trials();
    number = world_order(w);
    w->lie = LIE_C1;
    for (unsigned i = 0; i < 400 && !world_failed(&w->client, number, text); i++)
        world_turn(w);
    assert_true(world_failed(&w->client, number, text));
    assert_string_equal(text, "c1-invalid");
    assert_int_equal(world_messages(w, number, false), 0);
    assert_false(enabled(w));
    world_check(w);
    world_free(w);

    w = with_trials(); /* one bad answer is forgiven */
    number = world_order(w);
    w->lie = LIE_C1;
    while (w->calls[OP_VERIFY_C1] == 0)
        world_turn(w);
    w->lie = LIE_NONE;
    run_to_the_end(w, number, 600);
    assert_true(enabled(w));
    world_free(w);
}

/* After a wrong replica: retry fetches anew; cancel removes ours and lets the provider clean. */
static void after_a_wrong_replica(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    w->lie = LIE_REPLICA;
    world_run(w, number, "proving", 100);
    assert_true(world_failed(&w->client, number, text));
    w->lie = LIE_NONE;
    assert_int_equal(slk_client_retry(w->client.seal, WORLD_SP, number, NULL), SLK_OK);
    run_to_the_end(w, number, 300);
    assert_int_equal(w->work[OP_FETCH], 3); /* the second by itself, the third by the retry */
}

static void canceled(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    assert_int_equal(world_cancel(w, 77), SLK_E_NOTFOUND);
    w->lie = LIE_REPLICA;
    world_run(w, number, "proving", 100);
    assert_true(world_failed(&w->client, number, text));
    assert_int_equal(world_cancel(w, number), SLK_OK);
    assert_int_equal(world_cancel(w, number), SLK_OK);
    for (unsigned i = 0; i < 20; i++)
        world_turn(w);
    assert_true(released(w, number));
    assert_string_equal(world_state(&w->provider, number, text), "cleaned");
    expect_file(w->client.storage, "sealed/s-t01000-0", false);
    assert_int_equal(slk_client_retry(w->client.seal, WORLD_SP, number, NULL), SLK_E_CONFLICT);
    world_check(w);
}

static void canceled_at(const char *at, bool possible)
{
    world *w = world_new();
    char text[32];
    uint64_t number = world_order(w);
    world_run(w, number, at, 200);
    slk_err code = world_cancel(w, number);
    assert_int_equal(code, possible ? SLK_OK : SLK_E_CONFLICT);
    if (!possible) {
        run_to_the_end(w, number, 300);
    } else {
        for (unsigned i = 0; i < 30; i++)
            world_turn(w);
        assert_true(world_failed(&w->client, number, text));
        assert_string_equal(text, "canceled");
        assert_true(released(w, number));
        (void)world_state(&w->provider, number, text);
        assert_true(text[0] == '\0' || strcmp(text, "cleaned") == 0);
        assert_int_equal(world_messages(w, number, false), 0);
        expect_file(w->client.storage, "sealed/s-t01000-0", false);
    }
    world_check(w);
    world_free(w);
}

static void canceled_anywhere(void **state)
{
    (void)state;
    canceled_at("new", true);
    canceled_at("ordered", true);
    canceled_at("sealed", true);
    canceled_at("fetched", true);
    canceled_at("verified", true);
    canceled_at("precommit_sent", false);
    canceled_at("proven", false);
}

static void canceled_half_fetched(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    w->cut_fetch = true;
    world_run(w, number, "proving", 100);
    assert_true(world_failed(&w->client, number, text));
    expect_file(w->client.storage, "sealed/s-t01000-0.tmp", true);
    assert_int_equal(world_cancel(w, number), SLK_OK);
    for (unsigned i = 0; i < 20; i++)
        world_turn(w);
    assert_true(released(w, number));
    world_check(w); /* no temporary file */
}

/* ---- the chain misbehaves ---- */

static void ticket_too_old(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    world_run(w, number, "sealed", 50);
    w->head += 4000;
    world_run(w, number, "proving", 100);
    assert_true(world_failed(&w->client, number, text));
    assert_string_equal(text, "ticket-expired");
    assert_int_equal(world_messages(w, number, false), 0);
    assert_true(enabled(w));
}

static void chain_down_waits(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    world_run(w, number, "fetched", 100);
    world_fail(w, OP_HEAD, 0, 100000, SLK_E_UNREACHABLE);
    for (unsigned i = 0; i < 50; i++)
        world_turn(w);
    assert_false(world_failed(&w->client, number, text));
    w->fail_count = 0;
    run_to_the_end(w, number, 400);
}

static void no_funds_waits(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    world_fail(w, OP_SEND_PRECOMMIT, 0, 100000, SLK_E_LIMIT);
    for (unsigned i = 0; i < 60; i++)
        world_turn(w);
    assert_false(world_failed(&w->client, number, text));
    assert_string_equal(world_state(&w->client, number, text), "verified");
    w->fail_count = 0;
    run_to_the_end(w, number, 400);
    assert_int_equal(world_messages(w, number, false), 1);
}

/* The message went out, the answer was lost, and the node forgot the uuid: it is found on chain. */
static void precommit_found_on_chain(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_fail(w, OP_SEARCH, 0, 100000, SLK_E_UNREACHABLE);
    world_run(w, number, "precommit_sent", 100);
    world_turn(w);
    static const slk_sql back = {"test.back", "UPDATE rseal_client_pipeline SET state = 'verified',"
                                              " task_id_step = NULL"};
    static const slk_sql no_tasks = {"test.no_tasks", "DELETE FROM task"};
    assert_int_equal(slk_db_run(w->client.db, &back, NULL), SLK_OK);
    assert_int_equal(slk_db_run(w->client.db, &no_tasks, NULL), SLK_OK);
    w->fail_count = 0;
    run_to_the_end(w, number, 400);
    assert_int_equal(world_messages(w, number, false), 1);
}

static void resend_after_exit(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->next_exit_code = 7;
    world_run(w, number, "precommitted", 100);
    w->next_exit_code = 6;
    run_to_the_end(w, number, 400);
    assert_int_equal(world_messages(w, number, false), 2);
    assert_int_equal(world_messages(w, number, true), 2);
}

static void precommit_refused(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    w->next_exit_code = 18;
    world_run(w, number, "proving", 200);
    assert_true(world_failed(&w->client, number, text));
    assert_string_equal(text, "precommit-exit-18");
}

static void mempool_lost(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->auto_land = false;
    world_run(w, number, "precommit_sent", 100);
    w->messages[0].lost = true;
    world_turn(w);
    w->auto_land = true;
    run_to_the_end(w, number, 400);
    assert_int_equal(world_messages(w, number, false), 1);
}

/* A reorg moves P after the proof was made: new seed, new C1, new proof, one pre-commit. */
static void reorg_moves_the_seed(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_fail(w, OP_SEND_COMMIT, 0, 3, SLK_E_TIMEOUT);
    world_run(w, number, "proven", 200);
    w->sectors[number].precommit_epoch += 2;
    run_to_the_end(w, number, 600);
    assert_int_equal(world_messages(w, number, false), 1);
    assert_int_equal(world_messages(w, number, true), 1); /* no proof of the old seed was sent */
    assert_int_equal(w->work[OP_C2], 2);
    assert_int_equal(w->work[OP_C1], 2);
}

static void reorg_drops_the_precommit(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "precommitted", 200);
    w->sectors[number] = (world_chain_sector){0};
    w->messages[0].replaced = true; /* it cannot land again */
    run_to_the_end(w, number, 600);
    assert_int_equal(world_messages(w, number, false), 2);
}

static void number_burnt_by_another(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    world_run(w, number, "fetched", 200);
    w->sectors[number] =
        (world_chain_sector){.allocated = true, .precommitted = true, .seal_proof = WORLD_PROOF};
    world_run(w, number, "proving", 200);
    assert_true(world_failed(&w->client, number, text));
    assert_string_equal(text, "number-taken");
}

static void expect_failed(world *w, uint64_t number, const char *reason)
{
    char text[32];
    assert_true(world_failed(&w->client, number, text));
    assert_string_equal(text, reason);
    world_check(w);
}

/* Exit code 0 of the message is not yet an activated sector. */
static void batch_return_is_read(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "proven", 200);
    w->next_batch_exit = 16;
    run_to_the_end(w, number, 400);
    assert_int_equal(world_messages(w, number, true), 2);
    assert_int_equal(w->work[OP_C2], 2);
}

static void proof_refused_for_ever(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->always_refuse = true;
    world_run(w, number, "proving", 600);
    expect_failed(w, number, "commit-exit-16");
}

static void messages_are_replaced(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->auto_land = false;
    world_run(w, number, "precommit_sent", 100);
    w->messages[0].replaced = true;
    w->auto_land = true;
    world_run(w, number, "proven", 300);
    w->auto_land = false;
    world_run(w, number, "commit_sent", 100);
    for (unsigned i = 0; i < 64; i++)
        if (w->messages[i].commit)
            w->messages[i].replaced = true;
    w->auto_land = true;
    run_to_the_end(w, number, 300);
    assert_int_equal(world_messages(w, number, false), 2);
    assert_int_equal(world_messages(w, number, true), 2);
}

static void commit_lost_in_the_pool(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "proven", 200);
    w->auto_land = false;
    world_run(w, number, "commit_sent", 100);
    w->messages[1].lost = true;
    world_turn(w);
    w->auto_land = true;
    run_to_the_end(w, number, 300);
    assert_int_equal(world_messages(w, number, true), 1);
}

static void commit_too_late(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "proven", 200);
    w->head += 90000;
    world_run(w, number, "proving", 100);
    expect_failed(w, number, "commit-expired");
}

static void pending_until_the_ticket_is_over(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    w->auto_land = false;
    world_run(w, number, "precommit_sent", 100);
    w->head += 3000;
    world_run(w, number, "proving", 50);
    expect_failed(w, number, "ticket-expired");
    assert_int_equal(world_messages(w, number, false), 1);
}

static void ticket_runs_out_before_the_message(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "verified", 100);
    w->head += 2800;
    world_run(w, number, "proving", 100);
    expect_failed(w, number, "ticket-expired");
    assert_int_equal(world_messages(w, number, false), 0);
}

static void precommit_is_lost(const char *at)
{
    world *w = world_new();
    uint64_t number = world_order(w);
    world_run(w, number, at, 200);
    w->sectors[number].precommitted = false; /* the number stays burnt */
    world_run(w, number, "proving", 6000);
    expect_failed(w, number, "precommit-lost");
    world_free(w);
}

static void precommits_are_lost(void **state)
{
    (void)state;
    precommit_is_lost("precommitted");
    precommit_is_lost("proven");
}

static void proven_by_someone_else(const char *at, bool ours)
{
    world *w = world_new();
    uint64_t number = world_order(w);
    world_run(w, number, at, 200);
    w->sectors[number].proven = true;
    w->sectors[number].precommitted = false;
    if (!ours)
        w->sectors[number].comm_r[0] ^= 1;
    if (ours)
        run_to_the_end(w, number, 200);
    else {
        world_run(w, number, "proving", 200);
        expect_failed(w, number, "number-taken");
    }
    world_free(w);
}

static void sectors_found_on_chain(void **state)
{
    (void)state;
    proven_by_someone_else("precommitted", true);
    proven_by_someone_else("proven", true);
    proven_by_someone_else("verified", false);
    proven_by_someone_else("proven", false);
}

static void c1_file_disappears(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    world_run(w, number, "vanilla", 200);
    SLK_CLEANUP(slk_freep) char *c1 = slk_path_join(w->client.scratch, "c1");
    assert_int_equal(slk_remove_tree(c1, NULL), SLK_OK);
    run_to_the_end(w, number, 200);
    assert_int_equal(w->work[OP_C1], 1); /* the provider had kept it */
    assert_int_equal(world_messages(w, number, true), 1);
}

static void slot_is_gone(void **state)
{
    world *w = *state;
    char text[32];
    uint64_t number = world_order(w);
    w->steal_slots = true;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_string_equal(world_state(&w->client, number, text), "new");
    w->steal_slots = false;
    run_to_the_end(w, number, 200);
}

static void order_unauthorized(void **state)
{
    (void)state;
    fail_once(OP_ORDER, SLK_E_AUTH);
}

static void providers_of_the_client(void **state)
{
    world *w = *state;
    slk_seal *c = w->client.seal;
    int64_t id, again;
    uint64_t number;
    assert_int_equal(slk_client_provider_add(&id, c, WORLD_SP, "https://x", "short", "", NULL),
                     SLK_E_INVAL);
    assert_int_equal(slk_client_provider_add(&id, c, WORLD_SP, "", w->token, "", NULL),
                     SLK_E_INVAL);
    assert_int_equal(
        slk_client_provider_add(&again, c, WORLD_SP, "https://provider", w->token, "q", NULL),
        SLK_OK);
    assert_int_equal(again, w->provider_id);
    assert_int_equal(slk_client_provider_enable(c, w->provider_id, false, NULL), SLK_OK);
    assert_int_equal(slk_client_provider_enable(c, 99, false, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_client_order(&number, c, WORLD_SP, WORLD_PROOF, 0, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_client_provider_enable(c, w->provider_id, true, NULL), SLK_OK);
    assert_int_equal(slk_client_order(&number, c, WORLD_SP, 8, 0, NULL), SLK_E_UNSUPPORTED);
    assert_int_equal(slk_client_order(&number, c, WORLD_SP, WORLD_PROOF, -1, NULL), SLK_E_INVAL);
    number = world_order(w);
    world_run(w, number, "sealed", 50);
    assert_int_equal(slk_client_provider_remove(c, w->provider_id, NULL), SLK_E_CONFLICT);
    run_to_the_end(w, number, 200);
    assert_int_equal(slk_client_provider_remove(c, w->provider_id, NULL), SLK_OK);
    assert_int_equal(slk_client_provider_remove(c, w->provider_id, NULL), SLK_E_NOTFOUND);
    world_check(w);
    char *sealed, *cache;
    assert_int_equal(slk_client_paths(&sealed, &cache, c, WORLD_SP, number, NULL), SLK_OK);
    assert_true(slk_file_exists(sealed) && slk_file_exists(cache));
    slk_free(sealed);
    slk_free(cache);
}

static void expiration_is_legal(void **state)
{
    world *w = *state;
    uint64_t a = world_order(w), b;
    assert_int_equal(slk_client_order(&b, w->client.seal, WORLD_SP, WORLD_PROOF, 1, NULL), SLK_OK);
    run_to_the_end(w, a, 300);
    run_to_the_end(w, b, 300);
    for (unsigned i = 0; i < 64; i++) {
        const world_message *m = &w->messages[i];
        for (size_t j = 0; j < m->n && !m->commit; j++)
            assert_int_equal(m->members[j].expiration - m->members[j].ticket_epoch,
                             m->members[j].number == a ? 3680640 : 3780 + 86410 + 518400);
    }
}

/* ---- the real engine: threads ---- */

static void with_threads(void **state)
{
    world *w = *state;
    char text[32];
    w->client.ops.clock.wall_ms = NULL;
    w->provider.ops.clock.wall_ms = NULL;
    w->client.options.chain_poll_ms = 100;
    w->client.options.poll_ms = 100;
    w->client.options.backoff_scale_percent = 1;
    w->provider.options.backoff_scale_percent = 1;
    world_node_close(&w->client);
    world_node_close(&w->provider);
    world_node_open(&w->client);
    world_node_open(&w->provider);
    assert_int_equal(slk_seal_start(w->provider.seal, NULL), SLK_OK);
    assert_int_equal(slk_seal_start(w->client.seal, NULL), SLK_OK);
    uint64_t a = world_order(w), b = world_order(w);
    for (unsigned i = 0; i < 2000; i++) {
        struct timespec ms = {0, 5000000};
        (void)nanosleep(&ms, NULL);
        world_epoch(w);
        if (released(w, a) && released(w, b))
            break;
    }
    if (!released(w, a) || !released(w, b)) {
        SLK_CLEANUP(slk_buf_done) slk_buf out;
        slk_buf_init(&out, 1u << 20);
        assert_int_equal(slk_view_sectors(&out, w->client.seal, 0, NULL), SLK_OK);
        assert_int_equal(slk_view_sectors(&out, w->provider.seal, 0, NULL), SLK_OK);
        fail_msg("not released: %s", slk_buf_str(&out));
    }
    slk_seal_stop(w->client.seal);
    slk_seal_stop(w->provider.seal);
    assert_string_equal(world_state(&w->client, a, text), "proving");
    assert_int_equal(world_messages(w, a, false), 1);
    assert_int_equal(world_messages(w, b, true), 1);
    world_check(w);
}

static void views(void **state)
{
    world *w = *state;
    uint64_t number = world_order(w);
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, 1u << 20);
    world_run(w, number, "sealed", 100);
    assert_int_equal(slk_view_sectors(&out, w->client.seal, 0, NULL), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&out), "\"state\":\"sealed\""));
    assert_int_equal(slk_view_providers(&out, w->client.seal, NULL), SLK_OK);
    assert_int_equal(slk_view_partners(&out, w->provider.seal, NULL), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&out), "\"name\":\"acme\""));
    assert_int_equal(slk_view_sector(&out, w->client.seal, WORLD_SP, number, NULL), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&out), "\"event\":\"allocated\""));
    assert_int_equal(slk_view_sector(&out, w->provider.seal, WORLD_SP, number, NULL), SLK_OK);
    assert_int_equal(slk_view_sector(&out, w->client.seal, WORLD_SP, 77, NULL), SLK_E_NOTFOUND);
    assert_null(strstr(slk_buf_str(&out), w->token));
    assert_null(strstr(slk_buf_str(&out), "wrapped"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(happy_path, make, unmake),
        cmocka_unit_test_setup_teardown(several_at_once, make, unmake),
        cmocka_unit_test_setup_teardown(without_callback, make, unmake),
        cmocka_unit_test(every_call_fails_for_a_while),
        cmocka_unit_test(permanent_failures),
        cmocka_unit_test(killed_everywhere),
        cmocka_unit_test(disk_full),
        cmocka_unit_test(lying_provider),
        cmocka_unit_test(trial_c1),
        cmocka_unit_test_setup_teardown(after_a_wrong_replica, make, unmake),
        cmocka_unit_test_setup_teardown(canceled, make, unmake),
        cmocka_unit_test(canceled_anywhere),
        cmocka_unit_test_setup_teardown(canceled_half_fetched, make, unmake),
        cmocka_unit_test_setup_teardown(ticket_too_old, make, unmake),
        cmocka_unit_test_setup_teardown(chain_down_waits, make, unmake),
        cmocka_unit_test_setup_teardown(no_funds_waits, make, unmake),
        cmocka_unit_test_setup_teardown(precommit_found_on_chain, make, unmake),
        cmocka_unit_test_setup_teardown(resend_after_exit, make, unmake),
        cmocka_unit_test_setup_teardown(precommit_refused, make, unmake),
        cmocka_unit_test_setup_teardown(mempool_lost, make, unmake),
        cmocka_unit_test_setup_teardown(reorg_moves_the_seed, make, unmake),
        cmocka_unit_test_setup_teardown(reorg_drops_the_precommit, make, unmake),
        cmocka_unit_test_setup_teardown(number_burnt_by_another, make, unmake),
        cmocka_unit_test_setup_teardown(batch_return_is_read, make, unmake),
        cmocka_unit_test_setup_teardown(proof_refused_for_ever, make, unmake),
        cmocka_unit_test_setup_teardown(messages_are_replaced, make, unmake),
        cmocka_unit_test_setup_teardown(commit_lost_in_the_pool, make, unmake),
        cmocka_unit_test_setup_teardown(commit_too_late, make, unmake),
        cmocka_unit_test_setup_teardown(pending_until_the_ticket_is_over, make, unmake),
        cmocka_unit_test_setup_teardown(ticket_runs_out_before_the_message, make, unmake),
        cmocka_unit_test(precommits_are_lost),
        cmocka_unit_test(sectors_found_on_chain),
        cmocka_unit_test_setup_teardown(c1_file_disappears, make, unmake),
        cmocka_unit_test_setup_teardown(slot_is_gone, make, unmake),
        cmocka_unit_test(order_unauthorized),
        cmocka_unit_test_setup_teardown(providers_of_the_client, make, unmake),
        cmocka_unit_test_setup_teardown(expiration_is_legal, make, unmake),
        cmocka_unit_test_setup_teardown(with_threads, make, unmake),
        cmocka_unit_test_setup_teardown(views, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
