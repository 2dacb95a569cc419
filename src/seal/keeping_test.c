/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long sectors stay, and how they go: leases, cancel, drain, orphans. */
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "db/args.h"
#include "seal/drain.h"
#include "seal/orphans.h"
#include "seal/seal_impl.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR (INT64_C(3600) * 1000)

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

static bool order(world *w, uint64_t number, char reason[SLK_SEAL_REASON_CHARS])
{
    slk_seal_sector s = {WORLD_SP, number, WORLD_PROOF};
    bool accepted = false;
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "", &s, NULL),
        SLK_OK);
    return accepted;
}

static void until(world *w, uint64_t number, const char *state)
{
    char text[32];
    for (unsigned i = 0; i < 100 && strcmp(world_state(&w->provider, number, text), state); i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, number, text), state);
}

static void sealed(world *w, uint64_t number)
{
    char reason[SLK_SEAL_REASON_CHARS];
    assert_true(order(w, number, reason));
    until(w, number, "sealed");
}

static slk_seal_status status(world *w, uint64_t number)
{
    slk_seal_status s;
    assert_int_equal(
        slk_provider_status(&s, w->provider.seal, w->partner_id, WORLD_SP, number, NULL), SLK_OK);
    return s;
}

static int64_t events(world *w, uint64_t number, const char *event)
{
    static const slk_sql count = {"test.events",
                                  "SELECT count(*) FROM sector_event WHERE sp_id = $1"
                                  " AND sector_number = $2 AND event = $3"};
    int64_t n = -1;
    assert_int_equal(
        slk_sql_number(&n, w->provider.db, &count,
                       SLK_ARGS(slk_arg_u(WORLD_SP), slk_arg_u(number), slk_arg_t(event)), NULL),
        SLK_OK);
    return n;
}

/* ---- leases ---- */

/* The lease exists though the client was never told, and ends though it never answers. */
static void lease_without_notice(void **state)
{
    world *w = *state;
    world_fail(w, OP_COMPLETE, 0, 1000000, SLK_E_UNREACHABLE);
    sealed(w, 1);
    const int64_t end = status(w, 1).lease_until_ms;
    assert_in_range(end, w->now_ms + 71 * HOUR, w->now_ms + 72 * HOUR);
    for (unsigned hours = 0; hours < 71; hours += 5) { /* a day and more of failing to tell */
        w->now_ms += 5 * HOUR;
        world_turn(w);
    }
    assert_int_equal(events(w, 1, "notified"), 0);
    until(w, 1, "cleaned");
    assert_int_equal(status(w, 1).state, SLK_SEAL_REMOTE_GONE);
    assert_string_equal(status(w, 1).fail_reason, "its lease ended");
}

static void lease_warns_twice(void **state)
{
    world *w = *state;
    char text[32];
    sealed(w, 1);
    const int64_t end = status(w, 1).lease_until_ms;
    w->now_ms = end - 12 * HOUR - 5000;
    world_turn(w);
    assert_int_equal(events(w, 1, "lease_ending"), 0);
    w->now_ms = end - 12 * HOUR;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_int_equal(events(w, 1, "lease_ending"), 1);
    w->now_ms = end - HOUR;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_int_equal(events(w, 1, "lease_ending"), 2);
    assert_string_equal(world_state(&w->provider, 1, text), "sealed");
    w->now_ms = end;
    until(w, 1, "cleaned");
    assert_int_equal(events(w, 1, "lease_ending"), 2);
}

/* Who was away for long hears once, of what is nearest. */
static void lease_warns_late(void **state)
{
    world *w = *state;
    sealed(w, 1);
    w->now_ms = status(w, 1).lease_until_ms - HOUR / 2;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_int_equal(events(w, 1, "lease_ending"), 1);
}

/* The clock goes a week wrong while a sector is sealed, or its lease renewed, and is put right. */
static void lease_outlives_a_wrong_clock(void **state)
{
    world *w = *state;
    char text[32];
    w->clock_off_ms = -7 * 24 * HOUR;
    sealed(w, 1);
    w->clock_off_ms = 0;
    assert_in_range(status(w, 1).lease_until_ms, w->now_ms + 71 * HOUR, w->now_ms + 72 * HOUR);
    w->now_ms += 60 * HOUR;
    w->clock_off_ms = -7 * 24 * HOUR;
    int64_t until_ms = 0;
    assert_int_equal(
        slk_provider_renew(&until_ms, w->provider.seal, w->partner_id, WORLD_SP, 1, NULL), SLK_OK);
    w->clock_off_ms = 0;
    assert_int_equal(until_ms, w->now_ms + 72 * HOUR);
    w->now_ms += 71 * HOUR;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, 1, text), "sealed");
    w->now_ms += HOUR;
    until(w, 1, "cleaned");
}

static void lease_is_renewed(void **state)
{
    world *w = *state;
    slk_seal *seal = w->provider.seal;
    char text[32], reason[SLK_SEAL_REASON_CHARS];
    int64_t at = 0;
    assert_true(order(w, 1, reason));
    assert_int_equal(slk_provider_renew(&at, seal, w->partner_id, WORLD_SP, 1, NULL),
                     SLK_E_CONFLICT);
    assert_int_equal(slk_provider_renew(&at, seal, w->partner_id, WORLD_SP, 2, NULL),
                     SLK_E_NOTFOUND);
    assert_int_equal(slk_provider_renew(&at, seal, w->partner_id + 1, WORLD_SP, 1, NULL),
                     SLK_E_NOTFOUND);
    until(w, 1, "sealed");
    const int64_t end = status(w, 1).lease_until_ms;
    w->now_ms = end - HOUR;
    world_turn(w);
    assert_int_equal(events(w, 1, "lease_ending"), 1);
    assert_int_equal(slk_provider_renew(&at, seal, w->partner_id, WORLD_SP, 1, NULL), SLK_OK);
    assert_int_equal(at, w->now_ms + 72 * HOUR);
    assert_int_equal(status(w, 1).lease_until_ms, at);
    for (unsigned i = 0; i < 100; i++) /* asking all the time fills nothing */
        assert_int_equal(slk_provider_renew(&at, seal, w->partner_id, WORLD_SP, 1, NULL), SLK_OK);
    assert_int_equal(events(w, 1, "lease_renewed"), 1);
    w->now_ms = end + HOUR; /* it would be over */
    world_turn(w);
    assert_string_equal(world_state(&w->provider, 1, text), "sealed");
    assert_int_equal(slk_provider_operator_renew(&at, seal, WORLD_SP, 1, 200 * HOUR, true, NULL),
                     SLK_OK);
    assert_int_equal(at, w->now_ms + 200 * HOUR);
    assert_true(status(w, 1).lease_until_ms < at); /* a dry run */
    assert_int_equal(slk_provider_operator_renew(&at, seal, WORLD_SP, 1, 200 * HOUR, false, NULL),
                     SLK_OK);
    assert_int_equal(slk_provider_renew(&at, seal, w->partner_id, WORLD_SP, 1, NULL), SLK_OK);
    assert_int_equal(at, w->now_ms + 200 * HOUR); /* never nearer */
    w->now_ms = at - HOUR; /* and is warned of anew */
    world_turn(w);
    assert_int_equal(events(w, 1, "lease_ending"), 2);
    assert_int_equal(slk_provider_cleanup(seal, w->partner_id, WORLD_SP, 1, NULL), SLK_OK);
    assert_int_equal(slk_provider_renew(&at, seal, w->partner_id, WORLD_SP, 1, NULL),
                     SLK_E_CONFLICT);
    until(w, 1, "cleaned");
    assert_int_equal(slk_provider_operator_renew(&at, seal, WORLD_SP, 1, 0, false, NULL),
                     SLK_E_CONFLICT);
}

static void short_lease_is_no_news(void **state)
{
    world *w = *state;
    w->provider.options.cleanup_timeout_ms = HOUR / 2;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    sealed(w, 1);
    w->now_ms += HOUR / 2;
    until(w, 1, "cleaned");
    assert_int_equal(events(w, 1, "lease_ending"), 0);
}

/* A row failed by hand, as only SQL can: it has no lease, and must not stay for ever. */
static void failed_by_hand(void **state)
{
    world *w = *state;
    char reason[SLK_SEAL_REASON_CHARS], text[32];
    static const slk_sql fail = {"test.fail", "UPDATE rseal_provider_pipeline SET failed = 1,"
                                              " failed_reason = 'hand', failed_reason_msg = 'x'"};
    assert_true(order(w, 1, reason));
    assert_int_equal(slk_sql_run(w->provider.db, &fail, NULL, 0, NULL, NULL), SLK_OK);
    assert_int_equal(status(w, 1).state, SLK_SEAL_REMOTE_FAILED);
    assert_int_equal(status(w, 1).lease_until_ms, 0);
    slk_error error = {0};
    assert_int_equal(slk_seal_start(w->provider.seal, &error),
                     SLK_OK); /* its upkeep gives it one */
    for (unsigned i = 0; i < 20000 && status(w, 1).lease_until_ms == 0; i++)
        usleep(1000);
    slk_seal_stop(w->provider.seal);
    assert_int_equal(status(w, 1).lease_until_ms, w->now_ms + 72 * HOUR);
    w->now_ms += 72 * HOUR;
    until(w, 1, "cleaned");
    assert_true(world_failed(&w->provider, 1, text));
    assert_int_equal(slk_partner_remove(w->provider.seal, w->partner_id, NULL), SLK_OK);
}

/* ---- cancel ---- */

static atomic_uint in_pc1_calls;

/* Runs until it is told to stop, as SDR does for hours. */
static void forever(world *w, slk_job *job)
{
    (void)w;
    atomic_fetch_add(&in_pc1_calls, 1);
    while (slk_job_check(job, NULL) == SLK_OK)
        usleep(1000);
}

static bool any_file(const world *w, uint64_t number)
{
    static const char *const inner[] = {"sealed", "cache", "c1"};
    bool found = false;
    for (size_t i = 0; i < 3; i++) {
        char path[200];
        (void)snprintf(path, sizeof path, "%s/%s/s-t01000-%lu", w->provider.scratch, inner[i],
                       (unsigned long)number);
        found = found || slk_file_exists(path);
    }
    return found;
}

static void cancel_stops_the_work(void **state)
{
    world *w = *state;
    char reason[SLK_SEAL_REASON_CHARS], text[32];
    slk_seal *seal = w->provider.seal;
    atomic_store(&in_pc1_calls, 0);
    w->in_pc1 = forever;
    assert_true(order(w, 1, reason));
    assert_int_equal(slk_seal_start(seal, NULL), SLK_OK);
    for (unsigned i = 0; i < 20000 && atomic_load(&in_pc1_calls) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&in_pc1_calls), 1);
    assert_true(any_file(w, 1));
    assert_int_equal(slk_provider_operator_cancel(seal, WORLD_SP, 1, false, true, NULL), SLK_OK);
    assert_int_equal(status(w, 1).state, SLK_SEAL_REMOTE_SDR); /* a dry run */
    assert_int_equal(slk_provider_operator_cancel(seal, WORLD_SP, 1, false, false, NULL), SLK_OK);
    /* The time of the test's limit: nothing here waits for a lease or a time-out. */
    for (unsigned i = 0; i < 20000 && strcmp(world_state(&w->provider, 1, text), "cleaned") != 0;
         i++) {
        usleep(1000);
        w->now_ms += 1;
    }
    assert_string_equal(world_state(&w->provider, 1, text), "cleaned");
    slk_seal_stop(seal);
    assert_false(any_file(w, 1));
    assert_int_equal(status(w, 1).state, SLK_SEAL_REMOTE_GONE);
    assert_string_equal(status(w, 1).fail_reason, "canceled by the provider");
    assert_int_equal(slk_provider_operator_cancel(seal, WORLD_SP, 1, false, false, NULL),
                     SLK_E_CONFLICT);
    assert_int_equal(slk_provider_operator_cancel(seal, WORLD_SP, 2, false, false, NULL),
                     SLK_E_NOTFOUND);
}

/* Asked of another process (a command) of the same database, while the work shows no progress: the next
 * heartbeat finds out, long before the lease would. */
static void cancel_from_elsewhere(void **state)
{
    world *w = *state;
    char reason[SLK_SEAL_REASON_CHARS], text[32];
    slk_seal *seal = w->provider.seal, *tool = NULL;
    atomic_store(&in_pc1_calls, 0);
    w->in_pc1 = forever;
    assert_true(order(w, 1, reason));
    assert_int_equal(slk_seal_start(seal, NULL), SLK_OK);
    for (unsigned i = 0; i < 20000 && atomic_load(&in_pc1_calls) == 0; i++)
        usleep(1000);
    slk_seal_options options = w->provider.options;
    options.node_name = "tool";
    options.beside = true;
    slk_error error = {0};
    if (slk_seal_new(&tool, w->provider.db, &w->provider.ops, &options, &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(slk_provider_operator_cancel(tool, WORLD_SP, 1, false, false, NULL), SLK_OK);
    slk_seal_free(tool);
    for (unsigned i = 0; /* the clock stands: no lease ends */
         i < 20000 && strcmp(world_state(&w->provider, 1, text), "cleaned") != 0; i++)
        usleep(1000);
    assert_string_equal(world_state(&w->provider, 1, text), "cleaned");
    slk_seal_stop(seal);
    assert_false(any_file(w, 1));
}

/* By the clock alone, which stands, the removal of files that somebody uses would never come back. */
static void cancel_waits_for_the_files(void **state)
{
    world *w = *state;
    char reason[SLK_SEAL_REASON_CHARS], text[32];
    slk_seal *seal = w->provider.seal;
    uint64_t ran = 0;
    assert_true(order(w, 1, reason));
    assert_int_equal(slk_seal_files_enter(seal, SLK_PIPELINE_PROVIDER, WORLD_SP, 1, NULL, NULL),
                     SLK_OK);
    assert_int_equal(slk_provider_operator_cancel(seal, WORLD_SP, 1, false, false, NULL), SLK_OK);
    assert_int_equal(slk_seal_run_ready(&ran, seal, 100, NULL), SLK_OK);
    assert_int_equal(ran, 0);
    assert_string_equal(world_state(&w->provider, 1, text), "ordered");
    slk_seal_files_leave(seal, SLK_PIPELINE_PROVIDER, WORLD_SP, 1);
    assert_int_equal(slk_seal_run_ready(&ran, seal, 100, NULL), SLK_OK);
    assert_string_equal(world_state(&w->provider, 1, text), "cleaned");
}

static bool is_awaited(slk_seal *seal)
{
    pthread_mutex_lock(&seal->mutex);
    const bool is = seal->file_users && seal->file_users->awaited;
    pthread_mutex_unlock(&seal->mutex);
    return is;
}

/* Nor does a node's own time bring it back: who leaves the files wakes it. */
static void files_left_wake_the_workers(void **state)
{
    world *w = *state;
    char reason[SLK_SEAL_REASON_CHARS], text[32];
    w->provider.options.schedule_ms = HOUR;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    slk_seal *seal = w->provider.seal;
    assert_true(order(w, 1, reason));
    assert_int_equal(slk_seal_files_enter(seal, SLK_PIPELINE_PROVIDER, WORLD_SP, 1, NULL, NULL),
                     SLK_OK);
    assert_int_equal(slk_provider_operator_cancel(seal, WORLD_SP, 1, false, false, NULL), SLK_OK);
    assert_int_equal(slk_seal_start(seal, NULL), SLK_OK);
    for (unsigned i = 0; i < 20000 && !is_awaited(seal); i++)
        usleep(1000);
    assert_true(is_awaited(seal));
    slk_seal_files_leave(seal, SLK_PIPELINE_PROVIDER, WORLD_SP, 1);
    for (unsigned i = 0; i < 20000 && strcmp(world_state(&w->provider, 1, text), "cleaned") != 0;
         i++)
        usleep(1000);
    slk_seal_stop(seal);
    assert_string_equal(world_state(&w->provider, 1, text), "cleaned");
}

/* While a claimed PC1 is on its way to the files another process cancels its sector, and all is cleaned up
 * before it gets there. */
static bool cancel_before_the_work(void *context, const char *point)
{
    world_node *node = context;
    char text[32];
    if (strcmp(point, "task.claimed") != 0 || strcmp(world_state(node, 1, text), "ticketed") != 0)
        return false;
    slk_seal_options options = node->options;
    options.node_name = "tool";
    options.beside = true;
    options.crash_at = NULL;
    slk_seal *tool = NULL;
    uint64_t made = 0;
    bool ran = false;
    assert_int_equal(slk_seal_new(&tool, node->db, &node->ops, &options, NULL), SLK_OK);
    assert_int_equal(slk_provider_operator_cancel(tool, WORLD_SP, 1, false, false, NULL), SLK_OK);
    assert_int_equal(slk_task_schedule(&made, tool, NULL), SLK_OK);
    assert_int_equal(slk_task_run_one(&ran, tool, SLK_CLASS_CALL, NULL), SLK_OK);
    assert_true(ran);
    slk_seal_free(tool);
    return false;
}

static void canceled_work_makes_no_files(void **state)
{
    world *w = *state;
    char reason[SLK_SEAL_REASON_CHARS];
    w->provider.options.crash_at = cancel_before_the_work;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    assert_true(order(w, 1, reason));
    until(w, 1, "cleaned");
    assert_false(any_file(w, 1));
}

static void cancel_of_sealed(void **state)
{
    world *w = *state;
    slk_seal *seal = w->provider.seal;
    sealed(w, 1);
    assert_int_equal(slk_provider_operator_cancel(seal, WORLD_SP, 1, false, false, NULL),
                     SLK_E_CONFLICT); /* money may hang on it */
    assert_int_equal(slk_provider_operator_cancel(seal, WORLD_SP, 1, true, false, NULL), SLK_OK);
    until(w, 1, "cleaned");
    sealed(w, 2);
    assert_int_equal(slk_provider_cancel(seal, w->partner_id + 1, WORLD_SP, 2, NULL),
                     SLK_E_NOTFOUND);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(slk_provider_cancel(seal, w->partner_id, WORLD_SP, 2, NULL), SLK_OK);
    assert_string_equal(status(w, 2).fail_reason, "canceled by the client");
    until(w, 2, "cleaned");
    assert_false(any_file(w, 2));
    world_check(w);
}

/* ---- drain ---- */

static void drained(void **state)
{
    world *w = *state;
    slk_drain d;
    char reason[SLK_SEAL_REASON_CHARS], slot[SLK_SLOT_CHARS];
    bool available = true;
    sealed(w, 1);
    assert_true(order(w, 2, reason));
    assert_true(order(w, 3, reason));
    assert_int_equal(slk_drain_set(w->provider.seal, true, NULL), SLK_OK);
    const int64_t since = w->now_ms;
    w->now_ms += 1000;
    assert_int_equal(slk_drain_set(w->provider.seal, true, NULL), SLK_OK);
    world_node_close(&w->provider); /* it is no matter of one process */
    world_node_open(&w->provider);
    slk_seal *seal = w->provider.seal;
    assert_int_equal(slk_provider_available(&available, slot, seal, w->partner_id, NULL), SLK_OK);
    assert_false(available);
    assert_false(order(w, 4, reason));
    assert_non_null(strstr(reason, "draining"));
    assert_true(order(w, 2, reason)); /* the same again is no new one */
    assert_int_equal(slk_drain_look(&d, seal, NULL), SLK_OK);
    assert_true(d.on);
    assert_int_equal(d.since_ms, since);
    assert_int_equal(d.ordered, 2);
    assert_int_equal(d.sealed, 1);
    until(w, 3, "sealed"); /* what is under way is finished */
    assert_int_equal(slk_drain_look(&d, seal, NULL), SLK_OK);
    assert_int_equal(d.sealed, 3);
    assert_int_equal(d.sealed_by_ms, 0);
    assert_int_equal(d.empty_by_ms, status(w, 3).lease_until_ms > status(w, 2).lease_until_ms
                                        ? status(w, 3).lease_until_ms
                                        : status(w, 2).lease_until_ms);
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(slk_provider_cleanup(seal, w->partner_id, WORLD_SP, i, NULL), SLK_OK);
    assert_int_equal(slk_drain_look(&d, seal, NULL), SLK_OK);
    assert_int_equal(d.cleaning, 3);
    until(w, 3, "cleaned");
    assert_int_equal(slk_drain_look(&d, seal, NULL), SLK_OK);
    assert_int_equal(d.ordered + d.sealing + d.sealed + d.cleaning + d.failed, 0);
    assert_int_equal(d.empty_by_ms, 0);
    assert_int_equal(slk_drain_set(seal, false, NULL), SLK_OK);
    assert_true(order(w, 4, reason));
    assert_int_equal(slk_drain_look(&d, seal, NULL), SLK_OK);
    assert_false(d.on);
}

static void drain_says_when(void **state)
{
    world *w = *state;
    static const slk_sql pace = {"test.pace", "UPDATE rseal_provider_pipeline SET sealed_ms ="
                                              " started_ms + 60000 WHERE sector_number = 1"};
    slk_drain d;
    char reason[SLK_SEAL_REASON_CHARS];
    assert_int_equal(slk_drain_look(&d, w->provider.seal, NULL), SLK_OK);
    assert_int_equal(d.sealed_by_ms, 0);
    sealed(w, 1);
    assert_int_equal(slk_sql_run(w->provider.db, &pace, NULL, 0, NULL, NULL), SLK_OK);
    for (uint64_t i = 2; i < 5; i++)
        assert_true(order(w, i, reason));
    assert_int_equal(slk_drain_look(&d, w->provider.seal, NULL), SLK_OK);
    assert_int_equal(d.sealed_by_ms, w->now_ms + 3 * 60000);
    assert_int_equal(d.empty_by_ms, w->now_ms + 3 * 60000 + 72 * HOUR);
}

/* ---- orphans ---- */

struct found {
    world *w;
    unsigned kinds[SLK_ORPHAN_KIND_COUNT];
    uint64_t bytes;
    bool remove;
};

static slk_err find(void *context, const slk_orphan *o, slk_error *error)
{
    struct found *f = context;
    f->kinds[o->kind]++;
    f->bytes += o->bytes;
    if (!f->remove)
        return SLK_OK;
    slk_err code = slk_orphan_remove(f->w->provider.seal, o, error);
    if (o->kind != SLK_ORPHAN_FOREIGN)
        return code;
    assert_int_equal(code, SLK_E_INVAL);
    return SLK_OK;
}

static void put(const world *w, const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", w->provider.scratch, name);
    assert_int_equal(slk_file_write_atomic(path, "xxxx", 4, 0644, NULL), SLK_OK);
}

static bool has(const world *w, const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", w->provider.scratch, name);
    return slk_file_exists(path);
}

static void orphans(void **state)
{
    world *w = *state;
    char folder[200];
    struct found f = {.w = w};
    sealed(w, 1);
    assert_int_equal(slk_orphans_scan(w->provider.seal, find, &f, NULL), SLK_OK);
    assert_int_equal(f.kinds[SLK_ORPHAN_SCRATCH] + f.kinds[SLK_ORPHAN_FOREIGN], 0);
    put(w, "sealed/s-t01000-99");
    put(w, "sealed/s-t01000-1.tmp"); /* another file of a sector that is here */
    put(w, "sealed/s-t01000-77.tmp");
    put(w, "c1/notes.txt");
    put(w, "sealed/s-t01000-01");
    put(w, "cache/s-t018446744073709551616-1");
    (void)snprintf(folder, sizeof folder, "%s/cache/s-t01001-5", w->provider.scratch);
    assert_int_equal(mkdir(folder, 0755), 0);
    put(w, "cache/s-t01001-5/layer");
    put(w, "cache/.removed-s-t01000-3");
    assert_int_equal(slk_orphans_scan(w->provider.seal, find, &f, NULL), SLK_OK);
    assert_int_equal(f.kinds[SLK_ORPHAN_SCRATCH], 3);
    assert_int_equal(f.kinds[SLK_ORPHAN_FOREIGN], 3);
    assert_int_equal(f.kinds[SLK_ORPHAN_REMAINS], 1);
    assert_true(f.bytes >= 7 * 512);
    assert_true(has(w, "sealed/s-t01000-99")); /* looking removes nothing */
    f = (struct found){.w = w, .remove = true};
    assert_int_equal(slk_orphans_scan(w->provider.seal, find, &f, NULL), SLK_OK);
    f = (struct found){.w = w};
    assert_int_equal(slk_orphans_scan(w->provider.seal, find, &f, NULL), SLK_OK);
    assert_int_equal(f.kinds[SLK_ORPHAN_SCRATCH] + f.kinds[SLK_ORPHAN_REMAINS], 0);
    assert_int_equal(f.kinds[SLK_ORPHAN_FOREIGN], 3);
    assert_false(has(w, "cache/s-t01001-5"));
    assert_true(has(w, "c1/notes.txt"));
    assert_true(has(w, "sealed/s-t01000-1.tmp"));
    assert_true(has(w, "sealed/s-t01000-1"));
    assert_int_equal(unlink(strcat(strcpy(folder, w->provider.scratch), "/sealed/s-t01000-1.tmp")),
                     0);
}

/* Ordered between the look and the removal: its files stay. */
static void orphan_found_its_owner(void **state)
{
    world *w = *state;
    char path[200], reason[SLK_SEAL_REASON_CHARS];
    put(w, "sealed/s-t01000-9");
    (void)snprintf(path, sizeof path, "%s/sealed/s-t01000-9", w->provider.scratch);
    const slk_orphan o = {SLK_ORPHAN_SCRATCH, path, WORLD_SP, 9, 0};
    assert_true(order(w, 9, reason));
    assert_int_equal(slk_orphan_remove(w->provider.seal, &o, NULL), SLK_E_CONFLICT);
    assert_true(has(w, "sealed/s-t01000-9"));
    until(w, 9, "sealed");
    assert_int_equal(slk_provider_cleanup(w->provider.seal, w->partner_id, WORLD_SP, 9, NULL),
                     SLK_OK);
    until(w, 9, "cleaned");
    put(w, "sealed/s-t01000-9"); /* a cleaned row owns nothing */
    assert_int_equal(slk_orphan_remove(w->provider.seal, &o, NULL), SLK_OK);
    assert_false(has(w, "sealed/s-t01000-9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lease_without_notice, make, unmake),
        cmocka_unit_test_setup_teardown(lease_warns_twice, make, unmake),
        cmocka_unit_test_setup_teardown(lease_warns_late, make, unmake),
        cmocka_unit_test_setup_teardown(lease_outlives_a_wrong_clock, make, unmake),
        cmocka_unit_test_setup_teardown(lease_is_renewed, make, unmake),
        cmocka_unit_test_setup_teardown(short_lease_is_no_news, make, unmake),
        cmocka_unit_test_setup_teardown(failed_by_hand, make, unmake),
        cmocka_unit_test_setup_teardown(cancel_stops_the_work, make, unmake),
        cmocka_unit_test_setup_teardown(cancel_from_elsewhere, make, unmake),
        cmocka_unit_test_setup_teardown(cancel_waits_for_the_files, make, unmake),
        cmocka_unit_test_setup_teardown(files_left_wake_the_workers, make, unmake),
        cmocka_unit_test_setup_teardown(canceled_work_makes_no_files, make, unmake),
        cmocka_unit_test_setup_teardown(cancel_of_sealed, make, unmake),
        cmocka_unit_test_setup_teardown(drained, make, unmake),
        cmocka_unit_test_setup_teardown(drain_says_when, make, unmake),
        cmocka_unit_test_setup_teardown(orphans, make, unmake),
        cmocka_unit_test_setup_teardown(orphan_found_its_owner, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
