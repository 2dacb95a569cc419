/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/member.h"

#include "base/clock.h"
#include "base/file.h"
#include "db/args.h"
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

/* ---- folders ---- */

struct maker {
    const char *folder;
    char id[37];
};

static void *make_id(void *context)
{
    struct maker *m = context;
    return slk_member_folder_id(m->id, m->folder, NULL) == SLK_OK ? NULL : context;
}

static void a_folder_has_one_id(void **state)
{
    world *w = *state;
    char folder[128];
    (void)snprintf(folder, sizeof folder, "%s/shared", w->folder);
    assert_int_equal(slk_folder_make(folder, 0700, NULL), SLK_OK);
    struct maker maker[8];
    pthread_t thread[8];
    for (int i = 0; i < 8; i++) {
        maker[i].folder = folder;
        assert_int_equal(pthread_create(&thread[i], NULL, make_id, &maker[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        void *failed;
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
        assert_string_equal(maker[i].id, maker[0].id);
    }
    char other[37], damaged[160];
    assert_int_equal(slk_member_folder_id(other, w->folder, NULL), SLK_OK);
    assert_string_not_equal(other, maker[0].id);
    (void)snprintf(damaged, sizeof damaged, "%s/.selkie-folder", folder);
    assert_int_equal(slk_file_write_atomic(damaged, "x\n", 2, 0644, NULL), SLK_OK);
    assert_int_equal(slk_member_folder_id(other, folder, NULL), SLK_E_CORRUPT);
}

/* A second provider node on the same database with a scratch folder of its own. */
static void open_second(world_node *second, const world *w, const char *name, char scratch[160])
{
    *second = w->provider;
    (void)snprintf(scratch, 160, "%s/second", w->provider.folder);
    second->options.node_name = name;
    second->options.scratch_folder = scratch;
    world_node_open(second);
}

static int64_t count(slk_db *db, const char *state)
{
    static const slk_sql in_state = {
        "test.state", "SELECT count(*) FROM rseal_provider_pipeline WHERE state = $1"};
    int64_t n = -1;
    assert_int_equal(slk_sql_number(&n, db, &in_state, SLK_ARGS(slk_arg_t(state)), NULL), SLK_OK);
    return n;
}

static void run_all(slk_seal *seal)
{
    uint64_t ran;
    assert_int_equal(slk_seal_run_ready(&ran, seal, 50, NULL), SLK_OK);
}

static void files_stay_with_their_folder(void **state)
{
    world *w = *state;
    world_node second;
    char scratch[160], reason[SLK_SEAL_REASON_CHARS];
    open_second(&second, w, "p2", scratch);
    bool accepted = false;
    const slk_seal_sector sector = {WORLD_SP, 7, WORLD_PROOF};
    assert_int_equal(
        slk_provider_order(&accepted, reason, second.seal, w->partner_id, "", &sector, NULL),
        SLK_OK);
    assert_true(accepted);
    world_fail(w, OP_PC2, 0, 1, SLK_E_IO); /* the first node labels and then fails for a while */
    run_all(w->provider.seal);
    assert_int_equal(count(w->provider.db, "labeled"), 1);
    w->now_ms += 3600 * 1000;
    run_all(second.seal); /* due, and nobody has it: but the layers are not here */
    assert_int_equal(count(w->provider.db, "labeled"), 1);
    run_all(w->provider.seal);
    assert_int_equal(count(w->provider.db, "sealed"), 1);
    assert_int_equal(w->work[OP_PC1], 1);
    slk_provider_files files;
    slk_error e = {0};
    assert_int_equal(slk_provider_get_files(&files, second.seal, w->partner_id, WORLD_SP, 7, &e),
                     SLK_E_BUSY);
    assert_int_equal(
        slk_provider_get_files(&files, w->provider.seal, w->partner_id, WORLD_SP, 7, &e), SLK_OK);
    slk_provider_files_done(&files);
    world_node_close(&second);
}

static void orders(slk_seal *seal, const world *w, uint64_t number)
{
    char reason[SLK_SEAL_REASON_CHARS];
    bool accepted = false;
    const slk_seal_sector sector = {WORLD_SP, number, WORLD_PROOF};
    assert_int_equal(slk_provider_order(&accepted, reason, seal, w->partner_id, "", &sector, NULL),
                     SLK_OK);
    assert_true(accepted);
}

/* How many nodes `seal` would have answer for the sector; -1: it would itself. */
static int holders(slk_seal *seal, int64_t partner_id, slk_member_address *nodes)
{
    bool elsewhere = false;
    size_t n = 0;
    assert_int_equal(
        slk_provider_holders(&elsewhere, nodes, &n, seal, partner_id, WORLD_SP, 7, NULL), SLK_OK);
    return elsewhere ? (int)n : -1;
}

static void files_are_found_at_their_node(void **state)
{
    world *w = *state;
    world_node second;
    slk_seal *first = w->provider.seal;
    char scratch[160];
    slk_member_address nodes[SLK_MEMBER_HOLDERS_MAX];
    open_second(&second, w, "p2", scratch);
    orders(first, w, 7);
    assert_int_equal(holders(second.seal, w->partner_id, nodes), -1); /* nowhere yet */
    run_all(first);
    assert_int_equal(count(w->provider.db, "sealed"), 1);
    assert_int_equal(holders(first, w->partner_id, nodes), -1);
    assert_int_equal(holders(second.seal, w->partner_id + 1, nodes), -1);
    assert_int_equal(holders(second.seal, w->partner_id, nodes), 0); /* it serves nowhere */
    assert_int_equal(slk_member_note_address(first, "https://a:1", "sha256//x", NULL), SLK_OK);
    assert_int_equal(slk_member_note_address(second.seal, "https://b:1", "", NULL), SLK_OK);
    assert_int_equal(holders(second.seal, w->partner_id, nodes), 1);
    assert_string_equal(nodes[0].name, w->provider.options.node_name);
    assert_string_equal(nodes[0].url, "https://a:1");
    assert_string_equal(nodes[0].pin, "sha256//x");
    w->now_ms += slk_member_fresh_ms(w->provider.db);
    assert_int_equal(holders(second.seal, w->partner_id, nodes), 0); /* not seen for too long */
    assert_int_equal(slk_member_beat(first, NULL), SLK_OK);
    assert_int_equal(holders(second.seal, w->partner_id, nodes), 1);
    assert_int_equal(slk_member_leave(first, NULL), SLK_OK);
    assert_int_equal(holders(second.seal, w->partner_id, nodes), 0);
    world_node_close(&w->provider);
    world_node_open(&w->provider); /* it may serve elsewhere now, and has not said so */
    assert_int_equal(holders(second.seal, w->partner_id, nodes), 0);
    world_node_close(&second);
}

/* Killed after the task had its folder, before the row had: the row gets it with the next claim. */
static void a_row_is_placed_later(void **state)
{
    world *w = *state;
    static const slk_sql bind = {"test.bind", "UPDATE task SET folder_id = $1"};
    static const slk_sql unplaced = {
        "test.unplaced", "SELECT count(*) FROM rseal_provider_pipeline WHERE folder_id = ''"};
    char id[37];
    bool ran = false;
    uint64_t made;
    int64_t n = -1;
    slk_seal *seal = w->provider.seal;
    orders(seal, w, 7);
    assert_int_equal(slk_task_schedule(&made, seal, NULL), SLK_OK);
    assert_int_equal(slk_task_run_one(&ran, seal, SLK_CLASS_CALL, NULL), SLK_OK);
    assert_int_equal(slk_task_schedule(&made, seal, NULL), SLK_OK);
    assert_int_equal(slk_member_folder_id(id, w->provider.scratch, NULL), SLK_OK);
    assert_int_equal(slk_sql_run(w->provider.db, &bind, SLK_ARGS(slk_arg_t(id)), NULL, NULL),
                     SLK_OK);
    assert_int_equal(slk_task_run_one(&ran, seal, SLK_CLASS_COMPUTE, NULL), SLK_OK);
    assert_int_equal(count(w->provider.db, "labeled"), 1);
    assert_int_equal(slk_sql_number(&n, w->provider.db, &unplaced, NULL, 0, NULL), SLK_OK);
    assert_int_equal(n, 0);
}

/* What a node began before it went down takes no place of those that live. */
static void the_dead_take_no_places(void **state)
{
    world *w = *state;
    world_node second;
    char scratch[160];
    open_second(&second, w, "p2", scratch);
    for (uint64_t i = 1; i <= 3; i++)
        orders(second.seal, w, i);
    world_fail(w, OP_PC1, 0, 3, SLK_E_IO); /* they are begun there, and wait */
    run_all(second.seal);
    assert_int_equal(w->fail_count, 0);
    assert_int_equal(count(w->provider.db, "ticketed"), 3);
    world_node_close(&second);
    orders(w->provider.seal, w, 4);
    run_all(w->provider.seal);
    assert_int_equal(count(w->provider.db, "sealed"), 0); /* it may be there still */
    w->now_ms += 4 * 60000;
    run_all(w->provider.seal);
    assert_int_equal(count(w->provider.db, "sealed"), 1);
    assert_int_equal(count(w->provider.db, "ticketed"), 3);
}

/* ---- names ---- */

struct beater {
    slk_seal *seal;
    atomic_bool stop;
};

static void *beat(void *context)
{
    struct beater *b = context;
    slk_err code = SLK_OK;
    while (code == SLK_OK && !atomic_load(&b->stop)) {
        code = slk_member_beat(b->seal, NULL);
        slk_clock_sleep_ms(20);
    }
    return code == SLK_OK ? NULL : context;
}

static void a_name_lives_once(void **state)
{
    world *w = *state;
    w->provider.options.watch_ms = 2000;
    w->provider.ops.clock.wall_ms = NULL; /* a clock that goes on */
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    struct beater b = {.seal = w->provider.seal};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, beat, &b), 0);
    slk_seal *second = NULL;
    slk_db *db;
    slk_error e = {0};
    assert_int_equal(slk_db_open(&db, w->provider.db_place, 0, NULL), SLK_OK);
    slk_seal_options options = w->provider.options;
    assert_int_equal(slk_seal_new(&second, db, &w->provider.ops, &options, &e), SLK_E_BUSY);
    assert_non_null(strstr(e.message, "lives"));
    atomic_store(&b.stop, true);
    void *failed;
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    options.watch_ms = 300; /* silent now: taken over */
    assert_int_equal(slk_seal_new(&second, db, &w->provider.ops, &options, &e), SLK_OK);
    assert_int_equal(slk_member_beat(w->provider.seal, &e), SLK_E_CONFLICT);
    assert_int_equal(slk_member_beat(second, &e), SLK_OK);
    slk_seal_free(second);
    slk_db_close(db);
}

static void nodes_agree_on_what_they_share(void **state)
{
    world *w = *state;
    slk_error e = {0};
    assert_int_equal(slk_member_agree(w->provider.db, "key", "a", &e), SLK_OK);
    assert_int_equal(slk_member_agree(w->provider.db, "key", "a", &e), SLK_OK);
    assert_int_equal(slk_member_agree(w->provider.db, "key", "b", &e), SLK_E_CONFLICT);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_folder_has_one_id),
        T(files_stay_with_their_folder),
        T(files_are_found_at_their_node),
        T(a_row_is_placed_later),
        T(the_dead_take_no_places),
        T(a_name_lives_once),
        T(nodes_agree_on_what_they_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
