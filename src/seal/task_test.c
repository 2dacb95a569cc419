/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The task engine by itself: leases, fences, progress, cancelling, stopping. */
#include "seal/task.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const slk_sql labeled_events = {"test.labeled",
                                       "SELECT count(*) FROM sector_event WHERE event = 'labeled'"};
static const slk_sql owned_tasks = {"test.owned",
                                    "SELECT count(*) FROM task WHERE owner IS NOT NULL"};
static const slk_sql lease = {"test.lease", "SELECT lease_until_ms FROM task"};
static const slk_sql stage = {"test.stage",
                              "SELECT progress_stage, progress_done, progress_total FROM task"};
static const slk_sql attempts = {"test.attempts", "SELECT attempts FROM task"};
static const slk_sql not_before = {"test.not_before", "SELECT not_before_ms FROM task"};

static const slk_sql take_away = {"test.take_away", "ALTER TABLE task RENAME TO task_away"};
static const slk_sql bring_back = {"test.bring_back", "ALTER TABLE task_away RENAME TO task"};

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

static int64_t number_of(slk_db *db, const slk_sql *sql)
{
    int64_t v = -1;
    assert_int_equal(slk_sql_number(&v, db, sql, NULL, 0, NULL), SLK_OK);
    return v;
}

/* An order with its ticket, so that the next compute task is its SDR. */
static void ordered(world *w)
{
    slk_seal_sector s = {WORLD_SP, 1, WORLD_PROOF};
    bool accepted = false, ran = false;
    char reason[SLK_SEAL_REASON_CHARS];
    uint64_t made;
    slk_seal *seal = w->provider.seal;
    assert_int_equal(slk_provider_order(&accepted, reason, seal, w->partner_id, "", &s, NULL),
                     SLK_OK);
    assert_true(accepted);
    assert_int_equal(slk_task_schedule(&made, seal, NULL), SLK_OK);
    assert_int_equal(slk_task_run_one(&ran, seal, SLK_CLASS_CALL, NULL), SLK_OK);
    assert_int_equal(slk_task_schedule(&made, seal, NULL), SLK_OK);
    assert_true(ran);
    assert_int_equal(made, 1);
}

static void run_sdr(world *w)
{
    bool ran = false;
    assert_int_equal(slk_task_run_one(&ran, w->provider.seal, SLK_CLASS_COMPUTE, NULL), SLK_OK);
    assert_true(ran);
}

/* A step that is not asked for would never be taken. */
static void every_step_is_looked_for(void **state)
{
    (void)state;
    size_t n;
    const slk_step *steps = slk_seal_steps(&n);
    for (size_t i = 0; i < n; i++) {
        char named[64];
        (void)snprintf(named, sizeof named, "SELECT '%s' WHERE", steps[i].name);
        if (!strstr(slk_seal_work(steps[i].pipeline)->text, named))
            fail_msg("nobody looks for %s", steps[i].name);
    }
}

/* ---- a second node takes over ---- */

/* As on a shared folder whose locks do not reach the other machine: only the fence is left. */
static void forget_file_locks(const world_node *node)
{
    SLK_CLEANUP(slk_freep) char *folder = slk_path_join(node->scratch, "locks");
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
    assert_int_equal(slk_folder_make(folder, 0755, NULL), SLK_OK);
}

static void second_node_takes_over(world *w, slk_job *job)
{
    (void)job;
    w->in_pc1 = NULL;
    world_node other = w->provider;
    other.options.node_name = "p2";
    world_node_open(&other);
    bool ran = true;
    assert_int_equal(slk_task_run_one(&ran, other.seal, SLK_CLASS_COMPUTE, NULL), SLK_OK);
    assert_false(ran); /* the lease holds */
    w->now_ms += 60001;
    forget_file_locks(&other);
    assert_int_equal(slk_task_run_one(&ran, other.seal, SLK_CLASS_COMPUTE, NULL), SLK_OK);
    assert_true(ran);
    world_node_close(&other);
}

static void stale_holder_is_refused(void **state)
{
    world *w = *state;
    char text[32];
    ordered(w);
    w->in_pc1 = second_node_takes_over;
    run_sdr(w);
    assert_int_equal(number_of(w->provider.db, &labeled_events), 1);
    assert_string_equal(world_state(&w->provider, 1, text), "labeled");
    world_check(w);
}

static void takes_over_and_fails(world *w, slk_job *job)
{
    world_fail(w, OP_PC1, 0, 1, SLK_E_IO);
    second_node_takes_over(w, job);
}

/* The stale holder finishes after the new one put the task back: still refused. */
static void stale_holder_after_a_failure(void **state)
{
    world *w = *state;
    char text[32];
    ordered(w);
    w->in_pc1 = takes_over_and_fails;
    run_sdr(w);
    assert_string_equal(world_state(&w->provider, 1, text), "ticketed");
    assert_int_equal(number_of(w->provider.db, &attempts), 1);
    for (unsigned i = 0; i < 20; i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, 1, text), "sealed");
    assert_int_equal(number_of(w->provider.db, &labeled_events), 1);
}

/* ---- heartbeat ---- */

static void beats(world *w, slk_job *job)
{
    int64_t before = number_of(w->provider.db, &lease);
    slk_job_stage(job, "layer 2", 10);
    slk_job_advance(job, 4);
    w->now_ms += 25000;
    assert_int_equal(slk_task_heartbeat(w->provider.seal, NULL), SLK_OK);
    assert_int_equal(number_of(w->provider.db, &lease), before + 25000);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    assert_int_equal(slk_sql_row(&q, w->provider.db, &stage, NULL, 0, "task", NULL), SLK_OK);
    assert_string_equal(slk_column_text(&q, 0), "layer 2");
    assert_int_equal(slk_column_i64(&q, 1), 4);
    assert_int_equal(slk_column_i64(&q, 2), 10);
    assert_int_equal(slk_job_check(job, NULL), SLK_OK);
}

static void heartbeat_renews_and_tells(void **state)
{
    world *w = *state;
    ordered(w);
    w->in_pc1 = beats;
    run_sdr(w);
    assert_int_equal(number_of(w->provider.db, &labeled_events), 1);
}

/* A heartbeat that could not write is made good by the next one. */
static void beat_is_lost(world *w, slk_job *job)
{
    const int64_t before = number_of(w->provider.db, &lease);
    slk_job_stage(job, "layer 2", 10);
    w->now_ms += 25000;
    assert_int_equal(slk_sql_run(w->provider.db, &take_away, NULL, 0, NULL, NULL), SLK_OK);
    assert_int_not_equal(slk_task_heartbeat(w->provider.seal, NULL), SLK_OK);
    assert_int_equal(slk_sql_run(w->provider.db, &bring_back, NULL, 0, NULL, NULL), SLK_OK);
    assert_int_equal(number_of(w->provider.db, &lease), before);
    assert_int_equal(slk_task_heartbeat(w->provider.seal, NULL), SLK_OK);
    assert_int_equal(number_of(w->provider.db, &lease), before + 25000);
}

static void heartbeat_makes_good(void **state)
{
    world *w = *state;
    ordered(w);
    w->in_pc1 = beat_is_lost;
    run_sdr(w);
    assert_int_equal(number_of(w->provider.db, &labeled_events), 1);
}

static void asks_for_cleanup(world *w, slk_job *job)
{
    assert_int_equal(slk_provider_cleanup(w->provider.seal, w->partner_id, WORLD_SP, 1, NULL),
                     SLK_OK);
    assert_int_equal(slk_job_check(job, NULL), SLK_E_CANCELED); /* told at once */
}

static void cleanup_cancels(void **state)
{
    world *w = *state;
    char text[32];
    ordered(w);
    w->in_pc1 = asks_for_cleanup;
    run_sdr(w);
    assert_int_equal(number_of(w->provider.db, &labeled_events), 0);
    world_turn(w);
    assert_string_equal(world_state(&w->provider, 1, text), "cleaned");
    world_check(w);
}

static slk_err drop_all(slk_db *db, void *context, slk_error *error)
{
    (void)context;
    return slk_task_drop(db, SLK_PIPELINE_PROVIDER, WORLD_SP, 1, NULL, error);
}

static void loses_its_task(world *w, slk_job *job)
{
    assert_int_equal(slk_db_tx(w->provider.db, drop_all, NULL, NULL), SLK_OK);
    w->now_ms += 25000;
    assert_int_equal(slk_task_heartbeat(w->provider.seal, NULL), SLK_OK);
    assert_int_equal(slk_job_check(job, NULL), SLK_E_CANCELED);
}

static void heartbeat_cancels_what_was_lost(void **state)
{
    world *w = *state;
    ordered(w);
    w->in_pc1 = loses_its_task;
    run_sdr(w);
    assert_int_equal(number_of(w->provider.db, &labeled_events), 0);
}

/* ---- retries ---- */

static void failures_are_counted_and_spaced(void **state)
{
    world *w = *state;
    char text[32];
    w->provider.options.backoff_scale_percent = 100;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    ordered(w);
    world_fail(w, OP_PC1, 0, 100, SLK_E_IO);
    run_sdr(w);
    assert_int_equal(number_of(w->provider.db, &attempts), 1);
    assert_int_equal(number_of(w->provider.db, &not_before), w->now_ms + 10000);
    w->now_ms += 10000;
    run_sdr(w);
    assert_int_equal(number_of(w->provider.db, &not_before), w->now_ms + 20000);
    w->now_ms += 20000;
    run_sdr(w);
    assert_true(world_failed(&w->provider, 1, text));
    assert_string_equal(text, "sdr");
    assert_int_equal(slk_provider_retry(w->provider.seal, WORLD_SP, 1, NULL), SLK_OK);
    assert_int_equal(slk_provider_retry(w->provider.seal, WORLD_SP, 1, NULL), SLK_E_CONFLICT);
    w->fail_code = SLK_OK;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, 1, text), "sealed");
}

/* What is not the sector's fault never fails it. */
static void waiting_has_no_end(void **state)
{
    world *w = *state;
    char text[32];
    ordered(w);
    world_fail(w, OP_PC1, 0, 50, SLK_E_NOSPACE);
    for (unsigned i = 0; i < 50; i++) {
        w->now_ms += 600000;
        world_turn(w);
    }
    assert_int_equal(w->fail_count, 0);
    w->now_ms += 600000;
    world_turn(w);
    assert_false(world_failed(&w->provider, 1, text));
    assert_string_equal(world_state(&w->provider, 1, text), "sealed");
}

/* The clock was a year ahead when the task was put back, and is right again. */
static void clock_set_back(void **state)
{
    world *w = *state;
    char text[32];
    const int64_t year_ms = INT64_C(365) * 86400 * 1000;
    ordered(w);
    w->now_ms += year_ms;
    world_fail(w, OP_PC1, 0, 1, SLK_E_NOSPACE);
    run_sdr(w);
    w->now_ms -= year_ms;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, 1, text), "sealed");
}

/* Waiting for others may take longer than any back-off: it is waited for, not asked all the time. */
static void long_waits_are_waited_for(void **state)
{
    world *w = *state;
    const int64_t wait_ms = INT64_C(24) * 3600 * 1000;
    w->provider.options.batch_sectors = 2;
    w->provider.options.batch_wait_ms = wait_ms;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    ordered(w);
    run_sdr(w); /* looks, and goes back */
    bool ran = true;
    assert_int_equal(number_of(w->provider.db, &not_before), w->now_ms + wait_ms);
    assert_int_equal(slk_task_run_one(&ran, w->provider.seal, SLK_CLASS_COMPUTE, NULL), SLK_OK);
    assert_false(ran);
    w->now_ms += wait_ms;
    run_sdr(w);
    assert_int_equal(number_of(w->provider.db, &labeled_events), 1);
}

/* ---- threads ---- */

static void never_ends(world *w, slk_job *job)
{
    (void)w;
    while (slk_job_check(job, NULL) == SLK_OK)
        slk_clock_sleep_ms(1);
}

static void stop_gives_back(void **state)
{
    world *w = *state;
    char text[32];
    ordered(w);
    w->in_pc1 = never_ends;
    assert_int_equal(slk_seal_start(w->provider.seal, NULL), SLK_OK);
    while (number_of(w->provider.db, &owned_tasks) == 0)
        slk_clock_sleep_ms(1);
    slk_seal_stop(w->provider.seal);
    slk_seal_stop(w->provider.seal);
    assert_int_equal(number_of(w->provider.db, &owned_tasks), 0);
    assert_int_equal(number_of(w->provider.db, &attempts), 0);
    w->in_pc1 = NULL;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, 1, text), "sealed");
}

static void wrong_options(void **state)
{
    world *w = *state;
    slk_seal *seal = NULL;
    slk_seal_options o = w->client.options;
    o.node_name = "";
    assert_int_equal(slk_seal_new(&seal, w->client.db, &w->client.ops, &o, NULL), SLK_E_INVAL);
    o = w->client.options;
    o.provider = o.client = false;
    assert_int_equal(slk_seal_new(&seal, w->client.db, &w->client.ops, &o, NULL), SLK_E_INVAL);
    o = w->client.options;
    o.storage_folder = NULL;
    assert_int_equal(slk_seal_new(&seal, w->client.db, &w->client.ops, &o, NULL), SLK_E_INVAL);
    o = w->client.options;
    o.workers[SLK_CLASS_CALL] = 1000;
    assert_int_equal(slk_seal_new(&seal, w->client.db, &w->client.ops, &o, NULL), SLK_E_INVAL);
    /* Scratch and storage by another name, or one inside the other. */
    char other[200], inside[200];
    slk_error e = {0};
    (void)snprintf(other, sizeof other, "%s/alias", w->client.folder);
    (void)snprintf(inside, sizeof inside, "%s/inside", w->client.storage);
    assert_int_equal(symlink(w->client.storage, other), 0);
    const char *const wrong[] = {w->client.storage, other, inside, w->client.folder};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        o = w->client.options;
        o.scratch_folder = wrong[i];
        assert_int_equal(slk_seal_new(&seal, w->client.db, &w->client.ops, &o, &e), SLK_E_INVAL);
        assert_non_null(strstr(e.message, "StorageFolder"));
    }
    assert_null(seal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_looked_for),
        cmocka_unit_test_setup_teardown(stale_holder_is_refused, make, unmake),
        cmocka_unit_test_setup_teardown(stale_holder_after_a_failure, make, unmake),
        cmocka_unit_test_setup_teardown(heartbeat_renews_and_tells, make, unmake),
        cmocka_unit_test_setup_teardown(heartbeat_makes_good, make, unmake),
        cmocka_unit_test_setup_teardown(cleanup_cancels, make, unmake),
        cmocka_unit_test_setup_teardown(heartbeat_cancels_what_was_lost, make, unmake),
        cmocka_unit_test_setup_teardown(failures_are_counted_and_spaced, make, unmake),
        cmocka_unit_test_setup_teardown(waiting_has_no_end, make, unmake),
        cmocka_unit_test_setup_teardown(clock_set_back, make, unmake),
        cmocka_unit_test_setup_teardown(long_waits_are_waited_for, make, unmake),
        cmocka_unit_test_setup_teardown(stop_gives_back, make, unmake),
        cmocka_unit_test_setup_teardown(wrong_options, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
