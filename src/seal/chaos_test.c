/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two provider nodes and two client nodes, each pair on one database and one set of folders, take
 * turns drawn by a seed; at every point of a node's work it may be killed, and comes back after a
 * while drawn, too, or its tasks are taken over when their leases are over. Whatever the seed: every
 * sector ends proving, one message of each kind is sent for it, allowances are exact, and fsck finds
 * nothing. One thread: SELKIE_TEST_SEED repeats a run (SQLite). Then each named point by itself, where
 * SELKIE_TEST_SEEDS says how many lives each. */
#include "base/buf.h"
#include "base/mem.h"
#include "db/args.h"
#include "db/db.h"
#include "seal/fsck.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS 10
#define TURNS_MAX 6000
#define KILL_ONE_IN 25 /* points */
#define SEEDS_PER_POINT 8
#define POINT_SECTORS 3
#define POINT_KILLS 4 /* at most, so that nothing runs out of attempts */
#define POINTS_MAX 32
#define POINTS_PASSED 13

static const slk_sql not_proving = {
    "test.not_proving", "SELECT count(*) FROM rseal_client_pipeline WHERE state <> 'proving'"
                        " OR after_cleanup = 0"};
static const slk_sql not_cleaned = {
    "test.not_cleaned", "SELECT count(*) FROM rseal_provider_pipeline WHERE state <> 'cleaned'"};
static const slk_sql count_failed = {"test.failed",
                                     "SELECT count(*) FROM rseal_client_pipeline WHERE failed = 1"};
static const slk_sql allowance = {"test.allowance",
                                  "SELECT allowance_remaining FROM rseal_delegated_partners"};
static const slk_sql twice = {
    "test.twice", "SELECT count(*) FROM (SELECT sp_id, sector_number, to_state FROM sector_event"
                  " WHERE from_state IS NOT NULL AND to_state <> from_state"
                  " GROUP BY sp_id, sector_number, role, to_state HAVING count(*) > 1) x"};

/* The named points that lives passed, and kills at each. */
struct points {
    const char *name[POINTS_MAX];
    unsigned kills[POINTS_MAX];
    unsigned count;
};

struct chaos {
    world *w;
    struct points *points;
    const char *only; /* the one point to be killed at; NULL: any */
    uint64_t sectors;
    uint64_t seed;
    world_node *node[4];
    world_node second[2];
    unsigned away[4]; /* turns until a dead node is started again */
    unsigned kills;
    unsigned worked[4]; /* tasks run by each */
    bool calm; /* nobody is killed any more */
};

static uint32_t draw(struct chaos *c, uint32_t below)
{
    c->seed = c->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(c->seed >> 33) % below;
}

static unsigned point_index(struct points *points, const char *name)
{
    for (unsigned i = 0; i < points->count; i++)
        if (strcmp(points->name[i], name) == 0)
            return i;
    assert_true(points->count < POINTS_MAX);
    points->name[points->count] = name; /* names are literals */
    return points->count++;
}

static bool drawn_here(struct chaos *c, const char *point)
{
    if (!c->only)
        return draw(c, KILL_ONE_IN) == 0;
    return strcmp(c->only, point) == 0 && c->kills < POINT_KILLS && draw(c, 3) == 0;
}

static bool kill_here(void *context, const char *point)
{
    struct chaos *c = context;
    const unsigned at = point_index(c->points, point);
    if (c->calm || !drawn_here(c, point))
        return false;
    c->kills++;
    c->points->kills[at]++;
    return true;
}

static int64_t number(slk_db *db, const slk_sql *sql)
{
    int64_t n = -1;
    assert_int_equal(slk_sql_number(&n, db, sql, NULL, 0, NULL), SLK_OK);
    return n;
}

static void open_again(struct chaos *c, world_node *node)
{
    node->options.crash_at = kill_here;
    node->options.crash_ctx = c;
    node->options.capacity_sectors = 100;
    if (node->seal)
        world_node_close(node);
    world_node_open(node);
}

static void start_all(struct chaos *c)
{
    c->w = world_new();
    c->calm = true;
    world *w = c->w;
    const slk_partner_terms terms = {
        .url = "https://client", .allowance_remaining = 100, .allowance_total = 100};
    assert_int_equal(slk_partner_set(w->provider.seal, w->partner_id,
                                     SLK_TERM_ALLOWANCE | SLK_TERM_URL, &terms, NULL),
                     SLK_OK);
    c->second[0] = w->provider;
    c->second[1] = w->client;
    for (int i = 0; i < 2; i++) {
        c->second[i].seal = NULL;
        c->second[i].db = NULL;
        c->second[i].options.node_name = i == 0 ? "p2" : "c2";
    }
    c->node[0] = &w->provider;
    c->node[1] = &c->second[0];
    c->node[2] = &w->client;
    c->node[3] = &c->second[1];
    for (int i = 0; i < 4; i++)
        open_again(c, c->node[i]);
    for (uint64_t i = 0; i < c->sectors; i++)
        (void)world_order(w);
    c->calm = false;
}

/* One node does a little, or one that is dead comes nearer to its next start. */
static void turn(struct chaos *c)
{
    unsigned i = draw(c, 4);
    world_node *node = c->node[i];
    if (c->away[i] > 0 && --c->away[i] == 0)
        open_again(c, node);
    if (c->away[i] == 0) {
        uint64_t ran = 0;
        slk_error error = {0};
        if (slk_seal_run_ready(&ran, node->seal, 1 + draw(c, 4), &error) != SLK_OK)
            fail_msg("%s", error.message);
        c->worked[i] += (unsigned)ran;
        if (slk_seal_is_dead(node->seal))
            c->away[i] = c->calm ? 1 : 1 + draw(c, 40);
    }
    c->w->now_ms += 1000 + draw(c, 3000);
    world_epoch(c->w);
}

static bool all_done(struct chaos *c)
{
    return number(c->w->client.db, &not_proving) == 0 &&
           number(c->w->provider.db, &not_cleaned) == 0;
}

static void judge(struct chaos *c)
{
    world *w = c->w;
    assert_int_equal(number(w->client.db, &count_failed), 0);
    for (uint64_t i = 0; i < c->sectors; i++) {
        assert_int_equal(world_messages(w, i, false), 1);
        assert_int_equal(world_messages(w, i, true), 1);
    }
    assert_int_equal(number(w->provider.db, &allowance), 100 - c->sectors);
    assert_int_equal(number(w->client.db, &twice), 0);
    assert_int_equal(number(w->provider.db, &twice), 0);
    for (int i = 0; i < 4; i++) {
        SLK_CLEANUP(slk_buf_done) slk_buf text;
        slk_buf_init(&text, 1u << 20);
        uint64_t findings = 1;
        assert_int_equal(slk_fsck(&text, &findings, c->node[i]->seal, NULL), SLK_OK);
        if (findings > 0)
            fail_msg("%s", slk_buf_str(&text));
    }
    world_check(w);
}

/* Until every sector is proving and cleaned up. */
static unsigned live(struct chaos *c)
{
    start_all(c);
    unsigned turns = 0;
    for (; turns < TURNS_MAX && !all_done(c); turns++)
        turn(c);
    assert_true(turns < TURNS_MAX);
    c->calm = true;
    for (int i = 0; i < 4; i++)
        if (slk_seal_is_dead(c->node[i]->seal))
            open_again(c, c->node[i]);
    judge(c);
    world_node_close(&c->second[0]);
    world_node_close(&c->second[1]);
    world_free(c->w);
    return turns;
}

static void live_anywhere(struct points *points, uint64_t seed)
{
    struct chaos c = {.points = points, .seed = seed, .sectors = SECTORS};
    const unsigned turns = live(&c);
    (void)printf("# seed %llu: %u kills in %u turns\n", (unsigned long long)seed, c.kills, turns);
    assert_true(c.kills > 10);
    for (int i = 0; i < 4; i++)
        assert_true(c.worked[i] > 0);
}

static void nodes_killed_at_any_point(void **state)
{
    struct points *points = *state;
    const char *text = getenv("SELKIE_TEST_SEED");
    if (text) {
        live_anywhere(points, strtoull(text, NULL, 10));
        return;
    }
    const uint64_t seeds = place_is_server() ? 1 : 6;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        live_anywhere(points, seed);
}

/* On a server, where a life costs seconds, one life at every fourth point. */
static void killed_at_each_point(void **state)
{
    struct points *points = *state;
    const char *text = getenv("SELKIE_TEST_SEEDS");
    uint64_t seeds = text ? strtoull(text, NULL, 10) : SEEDS_PER_POINT;
    unsigned stride = 1;
    if (place_is_server() && !text) {
        seeds = 1;
        stride = 4;
    }
    const unsigned count = points->count;
    assert_true(count >= POINTS_PASSED);
    for (unsigned i = 0; i < count; i += stride) {
        points->kills[i] = 0;
        for (uint64_t seed = 1; seed <= seeds; seed++) {
            struct chaos c = {
                .points = points, .only = points->name[i], .seed = seed, .sectors = POINT_SECTORS};
            (void)printf("# %s, seed %llu\n", c.only, (unsigned long long)seed);
            (void)live(&c);
        }
        (void)printf("# %s: %u kills in %llu lives\n", points->name[i], points->kills[i],
                     (unsigned long long)seeds);
        assert_true(points->kills[i] >= seeds / 2);
    }
}

int main(void)
{
    struct points points = {.count = 0};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(nodes_killed_at_any_point, &points),
        cmocka_unit_test_prestate(killed_at_each_point, &points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
