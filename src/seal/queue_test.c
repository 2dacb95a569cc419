/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Several nodes take tasks from one database and stand still past their leases: every task has its
 * effect exactly once. SELKIE_TEST_SECTORS says how many sectors (four tasks each). */
#include "base/clock.h"
#include "db/args.h"
#include "db/db.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES 5
#define LEASE_MS 150
#define SECTORS 40
#define DEADLINE_MS 200000
#define DEADLINE_MS_PER_SECTOR 100 /* a sixth of the sectors sleeps on one of the nodes */

static const slk_sql count_open = {
    "test.open", "SELECT count(*) FROM rseal_provider_pipeline WHERE after_notify_client = 0"};
static const slk_sql count_edges = {"test.edges",
                                    "SELECT count(*) FROM sector_event WHERE event = $1"};
static const slk_sql count_twice = {
    "test.twice", "SELECT count(*) FROM (SELECT sp_id, sector_number, event FROM sector_event"
                  " WHERE from_state IS NOT NULL GROUP BY sp_id, sector_number, event"
                  " HAVING count(*) > 1) x"};
static const slk_sql count_tasks = {"test.tasks", "SELECT count(*) FROM task"};

static uint64_t sectors(void)
{
    const char *text = getenv("SELKIE_TEST_SECTORS");
    return text ? strtoull(text, NULL, 10) : SECTORS;
}

static atomic_uint stalls;

/* Of a few sectors a sixth, of many a hundred and some: what else is to be shown is how many there are. */
static unsigned stall_each(void)
{
    return sectors() > 600 ? (unsigned)(sectors() / 100) : 6;
}

/* Longer than the lease, and nobody renews it: as if the process had been stopped. */
static void stand_still(world *w, slk_job *job)
{
    (void)w;
    (void)job;
    static atomic_uint calls;
    if (atomic_fetch_add(&calls, 1) % stall_each() != 0)
        return;
    atomic_fetch_add(&stalls, 1);
    slk_clock_sleep_ms(LEASE_MS * 2);
}

/* As the heart's in everything but that it never beats. */
static void *work(void *context)
{
    world_node *node = context;
    int64_t until_ms =
        slk_clock_monotonic_ms() + DEADLINE_MS + DEADLINE_MS_PER_SECTOR * (int64_t)sectors();
    int64_t open = 1;
    while (open > 0 && slk_clock_monotonic_ms() < until_ms) {
        uint64_t ran = 0;
        slk_error e = {0};
        slk_err code = slk_seal_run_ready(&ran, node->seal, 8, &e);
        if (code == SLK_OK && ran == 0)
            code = slk_sql_number(&open, node->db, &count_open, NULL, 0, &e);
        if (code != SLK_OK && code != SLK_E_BUSY) {
            (void)fprintf(stderr, "%s: %s\n", node->options.node_name, e.message);
            return context;
        }
        if (ran == 0)
            slk_clock_sleep_ms(5);
    }
    return open == 0 ? NULL : context;
}

static void order_all(world *w)
{
    const slk_partner_terms terms = {
        .url = "", .allowance_remaining = 100000, .allowance_total = 100000};
    assert_int_equal(slk_partner_set(w->provider.seal, w->partner_id,
                                     SLK_TERM_ALLOWANCE | SLK_TERM_URL, &terms, NULL),
                     SLK_OK);
    for (uint64_t i = 0; i < sectors(); i++) {
        bool accepted;
        char reason[SLK_SEAL_REASON_CHARS];
        const slk_seal_sector sector = {WORLD_SP, i, WORLD_PROOF};
        assert_int_equal(slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "",
                                            &sector, NULL),
                         SLK_OK);
        if (!accepted)
            fail_msg("%s", reason);
    }
}

static void each_task_has_its_effect_once(void **state)
{
    (void)state;
    world *w = world_new();
    w->in_pc1 = stand_still;
    world_node_close(&w->provider);
    w->provider.options.capacity_sectors = 100000;
    world_node_open(&w->provider);
    order_all(w);
    world_node node[NODES];
    char name[NODES][16];
    pthread_t thread[NODES];
    for (unsigned i = 0; i < NODES; i++) {
        node[i] = w->provider;
        (void)snprintf(name[i], sizeof name[i], "n%u", i);
        node[i].options.node_name = name[i];
        node[i].options.lease_ms = LEASE_MS;
        node[i].options.crash_at = NULL;
        node[i].ops.clock.wall_ms = NULL; /* leases by the real clock */
        world_node_open(&node[i]);
    }
    for (unsigned i = 0; i < NODES; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, work, &node[i]), 0);
    for (unsigned i = 0; i < NODES; i++) {
        void *failed;
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
    static const char *const edge[] = {"ticketed", "labeled", "trees_done", "notified"};
    for (size_t i = 0; i < sizeof edge / sizeof *edge; i++) {
        int64_t n = 0;
        assert_int_equal(
            slk_sql_number(&n, w->provider.db, &count_edges, SLK_ARGS(slk_arg_t(edge[i])), NULL),
            SLK_OK);
        assert_int_equal(n, sectors());
    }
    int64_t twice = 1, tasks = 1;
    assert_int_equal(slk_sql_number(&twice, w->provider.db, &count_twice, NULL, 0, NULL), SLK_OK);
    assert_int_equal(slk_sql_number(&tasks, w->provider.db, &count_tasks, NULL, 0, NULL), SLK_OK);
    assert_int_equal(twice, 0);
    assert_int_equal(tasks, 0);
    assert_true(atomic_load(&stalls) > 0);
    assert_true(w->calls[OP_PC1] > sectors()); /* others did take over */
    for (unsigned i = 0; i < NODES; i++)
        world_node_close(&node[i]);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_task_has_its_effect_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
