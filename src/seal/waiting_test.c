/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A hundred thousand rows that wait: what a task, a look that finds nothing and an order cost must not depend
 * on how many there are. Counted in steps of the database's machine, not in time. And whose turn it is
 * among them. */
#include "base/mem.h"
#include "base/num.h"
#include "db/args.h"
#include "db/db.h"
#include "seal/disk.h"
#include "seal/load_impl.h"
#include "seal/rows_impl.h"
#include "seal/task_impl.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define FEW 1200
#define MANY 12000 /* of each pile; there are fourteen */
#define TASKS 64
#define ORDERS 8
#define AT_MOST_PERCENT 115

static void run_sql(slk_db *db, const slk_sql *sql, int64_t n, int64_t now_ms)
{
    slk_error error = {0};
    if (slk_sql_run(db, sql, SLK_ARGS(slk_arg_i(n), slk_arg_i(now_ms)), NULL, &error) != SLK_OK)
        fail_msg("%s", error.message);
}

/* Rows 1 … $1 of a pile; $2 is now. Each pile has its own miner, and its own ids of tasks. */
#define ROWS_OF_PILE "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < $1)"
#define PROVIDER_PILE(miner, state, columns, values)                                               \
    {                                                                                              \
        "pile." miner,                                                                             \
            ROWS_OF_PILE " INSERT INTO rseal_provider_pipeline (sp_id, sector_number, partner_id," \
                         " create_time, reg_seal_proof, state, state_ms, sector_bytes,"            \
                         " reserved_bytes" columns ") SELECT " miner ", i, 1, $2 - 100000000 + i," \
                         " 5, '" state "', $2, 2048, 10" values " FROM k"                          \
    }
#define CLIENT_PILE(miner, state, columns, values)                                             \
    {                                                                                          \
        "pile." miner, ROWS_OF_PILE                                                            \
            " INSERT INTO rseal_client_pipeline (sp_id, sector_number, create_time,"           \
            " reg_seal_proof, state, state_ms, after_delegate" columns ")"                     \
            " SELECT " miner ", i, $2 - 100000000 + i, 5, '" state "', $2, 1" values " FROM k" \
    }
#define TASK_PILE(miner, kind, role, class, not_before)                                        \
    {                                                                                          \
        "tasks." miner,                                                                        \
            ROWS_OF_PILE " INSERT INTO task (id, kind, pipeline, class, sp_id, sector_number," \
                         " created_ms, not_before_ms) SELECT " miner " * 1000000 + i, '" kind  \
                         "', '" role "', '" class "', " miner ", i, $2, " not_before " FROM k" \
    }
#define TASK_ID(miner) ", " miner " * 1000000 + i"

static const slk_sql provider_piles[] = {
    PROVIDER_PILE("2001", "ordered", "", ""), /* these get done */
    PROVIDER_PILE("2002", "sealed", ", after_notify_client, cleanup_timeout",
                  ", 1, $2 + 900000000"),
    PROVIDER_PILE("2003", "sealed", ", task_id_notify_client, cleanup_timeout",
                  TASK_ID("2003") ", $2 + 900000000"),
    TASK_PILE("2003", "provider.notify", "provider", "call", "$2 + 60000"),
    PROVIDER_PILE("2004", "sealed", ", after_notify_client, cleanup_timeout, lease_warned",
                  ", 1, $2 + 20000000, 1"),
    PROVIDER_PILE("2005", "ticketed", ", failed", ", 1"),
    PROVIDER_PILE("2006", "cleaned",
                  ", after_cleanup, cleanup_timeout, cleanup_requested, cleaned_at",
                  ", 1, $2 - 1000, 1, $2"),
    PROVIDER_PILE("2007", "labeled", ", folder_id, task_id_tree_r",
                  ", 'elsewhere'" TASK_ID("2007")),
    TASK_PILE("2007", "provider.trees", "provider", "compute", "0"),
    {"pile.elsewhere",
     "UPDATE task SET folder_id = 'elsewhere' WHERE sp_id = 2007 AND $1 + $2 > 0"},
    PROVIDER_PILE("2008", "ordered", ", cleanup_requested, task_id_cleanup", ", 1" TASK_ID("2008")),
    TASK_PILE("2008", "provider.cleanup", "provider", "call", "$2 + 60000"),
};
static const slk_sql client_piles[] = {
    CLIENT_PILE("1000", "new", "", ""), /* these get done */
    CLIENT_PILE("3002", "ordered", ", task_id_poll, task_id_step", TASK_ID("3002") TASK_ID("3002")),
    TASK_PILE("3002", "client.poll", "client", "call", "$2 + 60000"),
    CLIENT_PILE("3003", "verified", ", renew_ms, task_id_step", ", $2 + 1000000" TASK_ID("3003")),
    TASK_PILE("3003", "client.precommit", "client", "chain", "$2 + 60000"),
    CLIENT_PILE("3004", "proving", ", task_id_cleanup", TASK_ID("3004")),
    TASK_PILE("3004", "client.release", "client", "call", "$2 + 60000"),
    CLIENT_PILE("3005", "proving", ", after_cleanup", ", 1"),
    {"pile.details", ROWS_OF_PILE " INSERT INTO sectors_sdr_pipeline (sp_id, sector_number,"
                                  " create_time, reg_seal_proof) SELECT 1000, i, $2, 5 FROM k"},
    {"pile.placed", ROWS_OF_PILE " INSERT INTO rseal_client_placement (sp_id, sector_number,"
                                 " provider_id, ordered_ms, sealed_ms, ended_ms, outcome)"
                                 " SELECT 3005, i, 1, $2 - i, $2, $2, 'verified' FROM k"},
};

static void fill(world_node *node, const slk_sql *piles, size_t n, int64_t rows, int64_t now_ms)
{
    for (size_t i = 0; i < n; i++)
        run_sql(node->db, &piles[i], rows, now_ms);
}

static void run_tasks(world_node *node, uint64_t most)
{
    uint64_t ran = 0;
    slk_error error = {0};
    if (slk_seal_run_ready(&ran, node->seal, most, &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(ran, most);
}

static uint64_t work_of_tasks(world_node *node)
{
    run_tasks(node, TASKS); /* whatever is done once is done */
    const uint64_t before = slk_db_work(node->db);
    run_tasks(node, TASKS);
    return slk_db_work(node->db) - before;
}

/* Until each row has its task. */
static uint64_t work_of_schedule(world_node *node)
{
    const uint64_t before = slk_db_work(node->db);
    slk_error error = {0};
    for (uint64_t made = 1; made > 0;)
        if (slk_task_schedule(&made, node->seal, &error) != SLK_OK)
            fail_msg("%s", error.message);
    return slk_db_work(node->db) - before;
}

static uint64_t work_of_orders(world *w)
{
    const uint64_t before = slk_db_work(w->provider.db);
    for (uint64_t i = 0; i < ORDERS; i++) {
        bool accepted = false;
        char reason[SLK_SEAL_REASON_CHARS];
        const slk_seal_sector sector = {WORLD_SP, 100 + i, WORLD_PROOF};
        assert_int_equal(slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "",
                                            &sector, NULL),
                         SLK_OK);
        if (!accepted)
            fail_msg("%s", reason);
    }
    return slk_db_work(w->provider.db) - before;
}

struct work {
    uint64_t scheduled; /* per row */
    uint64_t client, provider, orders;
};

static struct work work_among(int64_t rows)
{
    world *w = world_new();
    world_node_close(&w->provider);
    w->provider.options.capacity_sectors = 1000000;
    world_node_open(&w->provider);
    const slk_partner_terms terms = {
        .url = "", .allowance_remaining = 1000000, .allowance_total = 1000000};
    assert_int_equal(slk_partner_set(w->provider.seal, w->partner_id,
                                     SLK_TERM_ALLOWANCE | SLK_TERM_URL, &terms, NULL),
                     SLK_OK);
    fill(&w->provider, provider_piles, sizeof provider_piles / sizeof *provider_piles, rows,
         w->now_ms);
    fill(&w->client, client_piles, sizeof client_piles / sizeof *client_piles, rows, w->now_ms);
    world_fail(w, OP_AVAILABLE, 0, 1000000, SLK_E_UNREACHABLE); /* each is asked, and comes back */
    struct work work = {.scheduled = work_of_schedule(&w->client) / (uint64_t)rows,
                        .client = work_of_tasks(&w->client),
                        .provider = work_of_tasks(&w->provider),
                        .orders = work_of_orders(w)};
    world_free(w);
    return work;
}

static void assert_flat(const char *what, uint64_t few, uint64_t many)
{
    if (few == 0 || many * 100 > few * AT_MOST_PERCENT)
        fail_msg("%s: %lu steps among few, %lu among many", what, (unsigned long)few,
                 (unsigned long)many);
}

static void costs_are_flat(void **state)
{
    (void)state;
    if (place_is_server())
        skip(); /* counts nothing */
    const struct work few = work_among(FEW), many = work_among(MANY);
    assert_flat("a row gets its task", few.scheduled, many.scheduled);
    assert_flat("tasks of a provider", few.provider, many.provider);
    assert_flat("tasks of a client", few.client, many.client);
    assert_flat("orders", few.orders, many.orders);
}

/* ---- on a server: rows and entries of indexes that it reads, for nothing else is counted ---- */

static const slk_sql rows_read = {
    "test.rows_read",
    "SELECT CAST(sum(pg_stat_get_xact_tuples_returned(oid)) AS BIGINT) FROM pg_class"
    " WHERE relkind IN ('r', 'i') AND relnamespace = (SELECT n.oid FROM"
    " pg_namespace n WHERE n.nspname = current_schema())"};
/* Some of those that wait have their tickets under way. */
static const slk_sql give_tickets[] = {
    TASK_PILE("2001", "provider.ticket", "provider", "call", "$2 + 60000"),
    {"pile.under_way", "UPDATE rseal_provider_pipeline SET task_id_ticket = 2001 * 1000000"
                       " + sector_number WHERE sp_id = 2001 AND sector_number <= $1 AND $2 > 0"},
};

/* A server plans a statement anew so often, then it keeps the plan: one that was made when nothing was there.
 * source: plancache.c of PostgreSQL 15, choose_custom_plan */
#define PLANS_UNTIL_KEPT 6

struct looks {
    world_node *node;
    uint64_t sp_id, number; /* of a sector that is ordered; afterwards it is being cleaned up */
    int64_t rows;
};

static slk_err look_body(slk_db *db, void *context, slk_error *error)
{
    struct looks *l = context;
    size_t n = 0, found = 0;
    const slk_step *steps = slk_seal_steps(&n);
    uint64_t keys[SLK_STEP_FIND_MAX][2];
    int64_t before = 0, after = 0;
    SLK_TRY(slk_sql_number(&before, db, &rows_read, NULL, 0, error));
    SLK_TRY(slk_step_provider_ticket_find(keys, &found, l->node->seal, db, error));
    SLK_TRY(slk_disk_check(l->node->seal, l->sp_id, l->number, error));
    const slk_change change = slk_seal_change(l->node->seal, SLK_PIPELINE_PROVIDER, l->sp_id,
                                              l->number, SLK_EV_CLEANUP_ASKED, "test", "");
    SLK_TRY(slk_state_apply(db, &change, error));
    for (size_t i = 0; i < n; i++) {
        if (!steps[i].ready || steps[i].pipeline != SLK_PIPELINE_PROVIDER)
            continue;
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        bool row = false;
        SLK_TRY(slk_sql_open(&q, db, steps[i].ready, SLK_ARGS(slk_arg_i(1)), error));
        SLK_TRY(slk_query_step(&q, &row, error));
    }
    SLK_TRY(slk_sql_number(&after, db, &rows_read, NULL, 0, error));
    l->rows = after - before;
    return SLK_OK;
}

static int64_t rows_of_looks(int64_t rows)
{
    world *w = world_new();
    slk_error error = {0};
    struct looks l = {.node = &w->provider};
    for (uint64_t i = 0; i < PLANS_UNTIL_KEPT; i++) {
        bool accepted = false;
        char reason[SLK_SEAL_REASON_CHARS];
        const slk_seal_sector sector = {WORLD_SP, i, WORLD_PROOF};
        assert_int_equal(slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "",
                                            &sector, NULL),
                         SLK_OK);
        l.sp_id = WORLD_SP;
        l.number = i;
        assert_int_equal(slk_db_tx(w->provider.db, look_body, &l, NULL), SLK_OK);
    }
    fill(&w->provider, provider_piles, sizeof provider_piles / sizeof *provider_piles, rows,
         w->now_ms);
    fill(&w->provider, give_tickets, 2, 20, w->now_ms);
    l.sp_id = 2001;
    l.number = 100;
    /* The second time only marks what the first has left dead in the index, as looks do all the time. */
    if (slk_load_settle(w->provider.seal, 1, &error) != SLK_OK ||
        slk_load_settle(w->provider.seal, 1, &error) != SLK_OK ||
        slk_db_tx(w->provider.db, look_body, &l, &error) != SLK_OK)
        fail_msg("%s", error.message);
    world_free(w);
    return l.rows;
}

static void a_server_reads_few_rows(void **state)
{
    (void)state;
    if (!place_is_server())
        skip();
    const int64_t few = rows_of_looks(200), many = rows_of_looks(900);
    if (few == 0 || many > few + 20)
        fail_msg("%ld rows read among few, %ld among many", (long)few, (long)many);
}

/* ---- marks ---- */

static const slk_sql next_step[] = {
    CLIENT_PILE("1000", "sealed", ", task_id_poll, task_id_fetch, task_id_step", ", 7, 8, 8"),
};
static const slk_sql step_mark = {"mark.step", "SELECT COALESCE(task_id_step, 0) +"
                                               " COALESCE(task_id_poll, 0) FROM"
                                               " rseal_client_pipeline"};

static slk_err unmark_body(slk_db *db, void *context, slk_error *error)
{
    return slk_task_unmark(db, slk_task_step_named(context), 1000, 1, error);
}

/* A poll that ends when its sector is fetched already: what is fetched need not be looked for again. */
static void a_late_end_leaves_the_next_mark(void **state)
{
    (void)state;
    world *w = world_new();
    int64_t mark = 0;
    char poll[] = "client.poll", fetch[] = "client.fetch";
    fill(&w->client, next_step, 1, 1, w->now_ms);
    assert_int_equal(slk_db_tx(w->client.db, unmark_body, poll, NULL), SLK_OK);
    assert_int_equal(slk_sql_number(&mark, w->client.db, &step_mark, NULL, 0, NULL), SLK_OK);
    assert_int_equal(mark, 8);
    assert_int_equal(slk_db_tx(w->client.db, unmark_body, fetch, NULL), SLK_OK);
    assert_int_equal(slk_sql_number(&mark, w->client.db, &step_mark, NULL, 0, NULL), SLK_OK);
    assert_int_equal(mark, 0);
    world_free(w);
}

/* A new task, one that comes back and has been due since the first was made, and a newer one. */
static const slk_sql three_tasks[] = {
    PROVIDER_PILE("2001", "ordered", ", task_id_ticket", ", i"),
    {"turn.first", "INSERT INTO task (id, kind, pipeline, class, sp_id, sector_number, created_ms,"
                   " not_before_ms) SELECT i, 'provider.ticket', 'provider', 'call', 2001, i,"
                   " $2 - 1000 + 400 * (i - 1), CASE WHEN i = 3 THEN $2 - 800 ELSE 0 END"
                   " FROM (SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 3) k WHERE $1 > 0"},
};
static const slk_sql ids_left = {"turn.left", "SELECT COALESCE(sum(id), 0) FROM task"};

static void turns_go_by_the_time_a_task_is_due(void **state)
{
    (void)state;
    world *w = world_new();
    fill(&w->provider, three_tasks, 2, 3, w->now_ms);
    static const int64_t left[] = {2 + 3, 2, 0}; /* the new one, the one come back, the newer one */
    for (size_t i = 0; i < 3; i++) {
        bool ran = false;
        int64_t sum = -1;
        assert_int_equal(slk_task_run_one(&ran, w->provider.seal, SLK_CLASS_CALL, NULL), SLK_OK);
        assert_true(ran);
        assert_int_equal(slk_sql_number(&sum, w->provider.db, &ids_left, NULL, 0, NULL), SLK_OK);
        assert_int_equal(sum, left[i]);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(costs_are_flat),
                                       cmocka_unit_test(a_server_reads_few_rows),
                                       cmocka_unit_test(a_late_end_leaves_the_next_mark),
                                       cmocka_unit_test(turns_go_by_the_time_a_task_is_due)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
