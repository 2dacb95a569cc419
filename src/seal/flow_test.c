/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The constant flow: so many sectors under way, as far as the money goes, by any number of nodes; and
 * numbers that are given out once. */
#include "base/mem.h"
#include "db/args.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

static const slk_sql count_sectors = {"test.sectors", "SELECT count(*) FROM rseal_client_pipeline"};

static int64_t sectors(world *w)
{
    int64_t n = -1;
    assert_int_equal(slk_sql_number(&n, w->client.db, &count_sectors, NULL, 0, NULL), SLK_OK);
    return n;
}

static uint64_t flow(world *w)
{
    uint64_t ordered = 0;
    slk_error error = {0};
    if (slk_client_flow(&ordered, w->client.seal, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return ordered;
}

static void keep(world *w, int64_t n, const char *reserve)
{
    slk_client_miner miner = {
        .keep_in_flight = n, .seal_proof = WORLD_PROOF, .duration_epochs = -1};
    (void)snprintf(miner.reserve, sizeof miner.reserve, "%s", reserve);
    assert_int_equal(slk_client_miner_set(w->client.seal, WORLD_SP, &miner, NULL), SLK_OK);
}

static bool noted(world *w, const char *what)
{
    static const slk_sql sql = {"test.note", "SELECT note FROM rseal_client_miner"};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    char text[SLK_SEAL_REASON_CHARS];
    assert_int_equal(slk_sql_row(&q, w->client.db, &sql, NULL, 0, "note", NULL), SLK_OK);
    slk_sql_copy_text(text, sizeof text, &q, 0);
    return *what ? strstr(text, what) != NULL : *text == '\0';
}

static void so_many_under_way(void **state)
{
    world *w = *state;
    assert_int_equal(flow(w), 0); /* nothing was asked for */
    keep(w, 3, "");
    assert_int_equal(flow(w), 3);
    assert_int_equal(flow(w), 0);
    world_run(w, 0, "proving", 400);
    char text[32];
    assert_string_equal(world_state(&w->client, 0, text), "proving");
    uint64_t done = 0;
    for (uint64_t i = 0; i < 3; i++)
        done += strcmp(world_state(&w->client, i, text), "proving") == 0;
    assert_int_equal(flow(w), done);
    keep(w, 0, "");
    for (unsigned i = 0; i < 200; i++)
        world_turn(w);
    assert_int_equal(flow(w), 0);
    assert_int_equal(sectors(w), 3 + done);
    world_check(w);
}

/* A disabled provider orders nothing; failed sectors hold their place until somebody has looked. */
static void nothing_in_vain(void **state)
{
    world *w = *state;
    keep(w, 2, "");
    assert_int_equal(slk_client_provider_enable(w->client.seal, w->provider_id, false, NULL),
                     SLK_OK);
    assert_int_equal(flow(w), 0);
    assert_int_equal(slk_client_provider_enable(w->client.seal, w->provider_id, true, NULL),
                     SLK_OK);
    assert_int_equal(flow(w), 2);
    w->lie = LIE_FAILED;
    for (unsigned i = 0; i < 20; i++)
        world_turn(w);
    char text[32];
    assert_true(world_failed(&w->client, 0, text) && world_failed(&w->client, 1, text));
    assert_int_equal(flow(w), 0);
    assert_int_equal(world_cancel(w, 0), SLK_OK);
    assert_int_equal(flow(w), 1);
}

/* Deposit 120, pledge 200: a sector without a deposit takes 200, one with it 80 more. */
static void as_far_as_the_money_goes(void **state)
{
    world *w = *state;
    (void)snprintf(w->funds.available, sizeof w->funds.available, "100");
    (void)snprintf(w->funds.sender_balance, sizeof w->funds.sender_balance, "399");
    keep(w, 5, "");
    assert_int_equal(flow(w), 2);
    assert_true(noted(w, "499 attoFIL"));
    assert_true(noted(w, "need 600"));
    (void)snprintf(w->funds.sender_balance, sizeof w->funds.sender_balance, "599");
    assert_int_equal(flow(w), 1);
    keep(w, 5, "100");
    (void)snprintf(w->funds.sender_balance, sizeof w->funds.sender_balance, "799");
    assert_int_equal(flow(w), 0);
    (void)snprintf(w->funds.sender_balance, sizeof w->funds.sender_balance, "800");
    assert_int_equal(flow(w), 1);
    (void)snprintf(w->funds.sender_balance, sizeof w->funds.sender_balance, "10000");
    assert_int_equal(flow(w), 1);
    assert_true(noted(w, ""));
    world_run(w, 0, "seeded", 200);
    (void)snprintf(w->funds.sender_balance, sizeof w->funds.sender_balance, "0");
    slk_error why = {0};
    assert_int_equal(slk_client_check_funds(w->client.seal, WORLD_SP, WORLD_PROOF, 7, "", &why),
                     SLK_E_LIMIT);
    assert_non_null(strstr(why.message, "7 more sectors"));
    const slk_client_miner bad = {.keep_in_flight = 1, .seal_proof = -1, .reserve = "1.5"};
    assert_int_equal(slk_client_miner_set(w->client.seal, WORLD_SP, &bad, NULL), SLK_E_INVAL);
}

/* What a node that is behind says of numbers and money is not believed. */
static void node_that_is_behind(void **state)
{
    world *w = *state;
    uint64_t number;
    world_fail(w, OP_HEAD, 0, 1000000, SLK_E_UNREACHABLE);
    assert_int_equal(slk_client_order(&number, w->client.seal, WORLD_SP, WORLD_PROOF, 0, NULL),
                     SLK_E_UNREACHABLE);
    assert_int_equal(slk_client_check_funds(w->client.seal, WORLD_SP, WORLD_PROOF, 1, "", NULL),
                     SLK_E_UNREACHABLE);
    world_fail(w, OP_HEAD, 0, 0, SLK_OK);
    assert_int_equal(slk_client_check_funds(w->client.seal, WORLD_SP, WORLD_PROOF, 1, "", NULL),
                     SLK_OK);
    assert_int_equal(slk_client_order(&number, w->client.seal, WORLD_SP, WORLD_PROOF, 0, NULL),
                     SLK_OK);
}

/* ---- several nodes on one database ---- */

/* In a process of its own: orders `orders` sectors, and then what the flow wants. */
static int other_process(world *w, const char *name, unsigned orders)
{
    slk_db *db = NULL;
    slk_seal *seal = NULL;
    slk_seal_options options = w->client.options;
    options.node_name = name;
    options.crash_at = NULL;
    uint64_t number, ordered;
    bool ok = slk_db_open(&db, w->client.db_place, 60000, NULL) == SLK_OK &&
              slk_seal_new(&seal, db, &w->client.ops, &options, NULL) == SLK_OK;
    for (unsigned i = 0; ok && i < orders; i++)
        ok = slk_client_order(&number, seal, WORLD_SP, WORLD_PROOF, 0, NULL) == SLK_OK;
    ok = ok && slk_client_flow(&ordered, seal, NULL) == SLK_OK;
    slk_seal_free(seal);
    slk_db_close(db);
    return ok ? 0 : 1;
}

static void run_processes(world *w, unsigned orders)
{
    static const char *const names[] = {"n1", "n2", "n3", "n4"};
    pid_t pids[4];
    (void)fflush(NULL);
    world_node_close(&w->client);
    for (unsigned i = 0; i < 4; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            _exit(other_process(w, names[i], orders));
    }
    for (unsigned i = 0; i < 4; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    world_node_open(&w->client);
}

static void numbers_of_many_processes(void **state)
{
    world *w = *state;
    run_processes(w, 10);
    static const slk_sql distinct = {
        "test.distinct", "SELECT count(DISTINCT sector_number) FROM rseal_client_pipeline"
                         " WHERE sector_number < 40"};
    int64_t n = 0;
    assert_int_equal(slk_sql_number(&n, w->client.db, &distinct, NULL, 0, NULL), SLK_OK);
    assert_int_equal(n, 40); /* each once, none left out */
    assert_int_equal(sectors(w), 40);
    world_check(w);
}

static void flow_of_many_processes(void **state)
{
    world *w = *state;
    keep(w, 30, "");
    run_processes(w, 0);
    assert_int_equal(sectors(w), 30);
    world_check(w);
}

#define FLOW(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FLOW(so_many_under_way),   FLOW(nothing_in_vain),           FLOW(as_far_as_the_money_goes),
        FLOW(node_that_is_behind), FLOW(numbers_of_many_processes), FLOW(flow_of_many_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
