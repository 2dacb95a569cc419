/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/calls.h"

#include "base/file.h"
#include "base/mem.h"
#include "seal/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define U1 "6f6b1d0a-7d0e-4c38-9a52-5f2c1a3f9d77"
#define U2 "0c1b5a52-1111-4c38-9a52-5f2c1a3f9d01"
#define SESSION "aaaaaaaa-1111-4c38-9a52-5f2c1a3f9d01"
#define IDENTITY "bbbbbbbb-1111-4c38-9a52-5f2c1a3f9d01"

struct world {
    char folder[64];
    slk_db *db;
    slk_farm_calls *calls;
};

static void open_calls(struct world *w)
{
    char path[96];
    size_t n;
    (void)snprintf(path, sizeof path, "%s/db", w->folder);
    assert_int_equal(slk_db_open(&w->db, path, 0, NULL), SLK_OK);
    const slk_migration *list = slk_seal_migrations(&n);
    assert_int_equal(slk_db_migrate(w->db, list, n, NULL), SLK_OK);
    (void)snprintf(path, sizeof path, "%s/results", w->folder);
    assert_int_equal(slk_farm_calls_new(&w->calls, w->db, "node", path, NULL), SLK_OK);
}

static void close_calls(struct world *w)
{
    slk_farm_calls_free(w->calls);
    slk_db_close(w->db);
}

static int begin(void **state)
{
    struct world *w = slk_calloc(1, sizeof *w);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/selkie-calls-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    open_calls(w);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    close_calls(w);
    assert_int_equal(slk_remove_tree(w->folder, NULL), SLK_OK);
    slk_free(w);
    return 0;
}

static const slk_lotus_sector one = {1000, 1};

static int64_t start(struct world *w, const char *key)
{
    slk_farm_call call = {.call.sector = one,
                          .task = SLK_LOTUS_PRECOMMIT1,
                          .session = SESSION,
                          .hostname = "w1",
                          .identity = IDENTITY};
    (void)snprintf(call.key, sizeof call.key, "%s", key);
    assert_int_equal(slk_farm_calls_begin(&call, w->calls, NULL), SLK_OK);
    return call.id;
}

static void name_it(struct world *w, int64_t id, const char *uuid, bool done)
{
    bool is_done = !done;
    slk_error error = {0};
    assert_int_equal(slk_farm_calls_named(&is_done, w->calls, id, uuid, &error), SLK_OK);
    assert_int_equal(is_done, done);
}

static void return_it(struct world *w, const char *uuid, const char *text, bool known)
{
    slk_lotus_call_id call = {.sector = one};
    slk_farm_outcome outcome = {.result = json_string(text)};
    bool is_known = !known;
    slk_error error = {0};
    memcpy(call.uuid, uuid, sizeof call.uuid);
    assert_int_equal(slk_farm_calls_returned(&is_known, w->calls, &call, &outcome, &error), SLK_OK);
    assert_int_equal(is_known, known);
    slk_farm_outcome_done(&outcome);
}

static void expect_result(struct world *w, const char *key, const char *text)
{
    slk_farm_call call = {0};
    slk_error error = {0};
    assert_int_equal(slk_farm_calls_find(&call, w->calls, &one, SLK_LOTUS_PRECOMMIT1, key, &error),
                     SLK_OK);
    assert_int_equal(call.state, SLK_FARM_CALL_DONE);
    assert_string_equal(json_string_value(call.outcome.result), text);
    assert_string_equal(call.hostname, "w1");
    assert_string_equal(call.identity, IDENTITY);
    slk_farm_call_done(&call);
}

static void returned_in_time(void **state)
{
    struct world *w = *state;
    name_it(w, start(w, "ticket"), U1, false);
    return_it(w, U1, "labels", true);
    return_it(w, U1, "others", true); /* a second one changes nothing */
    expect_result(w, "ticket", "labels");
    expect_result(w, NULL, "labels");
    slk_farm_call call = {0};
    assert_int_equal(
        slk_farm_calls_find(&call, w->calls, &one, SLK_LOTUS_PRECOMMIT1, "another", NULL),
        SLK_E_NOTFOUND);
    assert_int_equal(slk_farm_calls_find(&call, w->calls, &one, SLK_LOTUS_COMMIT1, NULL, NULL),
                     SLK_E_NOTFOUND);
}

static void returned_before_it_was_known(void **state)
{
    struct world *w = *state;
    const int64_t id = start(w, "ticket");
    return_it(w, U1, "labels", false);
    return_it(w, U1, "others", false); /* the first one counts */
    name_it(w, id, U1, true);
    expect_result(w, "ticket", "labels");
    return_it(w, U1, "others", true);
    expect_result(w, "ticket", "labels");
}

static void survives_a_restart(void **state)
{
    struct world *w = *state;
    name_it(w, start(w, "running"), U1, false);
    (void)start(w, "no id yet");
    close_calls(w);
    open_calls(w);
    slk_farm_call call = {0};
    assert_int_equal(
        slk_farm_calls_find(&call, w->calls, &one, SLK_LOTUS_PRECOMMIT1, "no id yet", NULL),
        SLK_E_NOTFOUND);
    assert_int_equal(
        slk_farm_calls_find(&call, w->calls, &one, SLK_LOTUS_PRECOMMIT1, "running", NULL), SLK_OK);
    assert_int_equal(call.state, SLK_FARM_CALL_RUNNING);
    assert_string_equal(call.call.uuid, U1);
    return_it(w, U1, "labels", true);
    expect_result(w, "running", "labels");
}

static void files_live_with_their_rows(void **state)
{
    struct world *w = *state;
    char *kept = slk_farm_calls_file(w->calls, U1), *orphan = slk_farm_calls_file(w->calls, U2);
    const int64_t id = start(w, "seed");
    name_it(w, id, U1, false);
    assert_int_equal(slk_file_write_atomic(kept, "proof", 5, 0600, NULL), SLK_OK);
    assert_int_equal(slk_file_write_atomic(orphan, "proof", 5, 0600, NULL), SLK_OK);
    slk_lotus_call_id call = {.sector = one, .uuid = U1};
    const slk_farm_outcome outcome = {.result_file = true};
    bool known = false;
    assert_int_equal(slk_farm_calls_returned(&known, w->calls, &call, &outcome, NULL), SLK_OK);
    close_calls(w);
    open_calls(w);
    assert_true(slk_file_exists(kept));
    assert_false(slk_file_exists(orphan));
    assert_int_equal(slk_farm_calls_drop(w->calls, id, NULL), SLK_OK);
    assert_false(slk_file_exists(kept));
    slk_free(kept);
    slk_free(orphan);
}

/* Its row may have been dropped while the file was written. */
static void a_file_for_nobody_goes(void **state)
{
    struct world *w = *state;
    SLK_CLEANUP(slk_freep) char *file = slk_farm_calls_file(w->calls, U1);
    slk_lotus_call_id call = {.sector = one, .uuid = U1};
    const slk_farm_outcome outcome = {.result_file = true};
    bool known = true;
    assert_int_equal(slk_file_write_atomic(file, "proof", 5, 0600, NULL), SLK_OK);
    assert_int_equal(slk_farm_calls_returned(&known, w->calls, &call, &outcome, NULL), SLK_OK);
    assert_false(known);
    assert_false(slk_file_exists(file));
    const int64_t id = start(w, "seed"); /* whose id may be on the way: that one is kept, */
    assert_int_equal(slk_file_write_atomic(file, "proof", 5, 0600, NULL), SLK_OK);
    assert_int_equal(slk_farm_calls_returned(&known, w->calls, &call, &outcome, NULL), SLK_OK);
    assert_true(slk_file_exists(file));
    name_it(w, id, U2, false); /* until it is another's */
    return_it(w, U2, "proof", true);
    call.sector.number = 2;
    memcpy(call.uuid, SESSION, sizeof call.uuid);
    assert_int_equal(slk_farm_calls_returned(&known, w->calls, &call, &outcome, NULL), SLK_OK);
    assert_false(slk_file_exists(file));
}

static void expect_rows(struct world *w, int64_t n)
{
    static const slk_sql count = {"test.count", "SELECT count(*) FROM worker_call"};
    slk_query q = {0};
    bool row = false;
    assert_int_equal(slk_query_init(&q, w->db, &count, NULL), SLK_OK);
    assert_int_equal(slk_query_step(&q, &row, NULL), SLK_OK);
    assert_int_equal(slk_column_i64(&q, 0), n);
    slk_query_done(&q);
}

static void strangers_are_bounded(void **state)
{
    struct world *w = *state;
    char uuid[SLK_UUID_CHARS];
    return_it(w, U1, "for nobody", false);
    expect_rows(w, 0);
    const int64_t id = start(w, "the newest is kept");
    for (unsigned i = 0; i < SLK_FARM_EARLY_MAX + 50; i++) {
        (void)snprintf(uuid, sizeof uuid, "00000000-0000-4000-8000-%012x", i);
        return_it(w, uuid, "x", false);
    }
    expect_rows(w, SLK_FARM_EARLY_MAX + 1);
    name_it(w, id, uuid, true);
    return_it(w, U2, "for nobody", false); /* nor are those before it of any use now */
    expect_rows(w, 1);
}

static void is_wanted(struct world *w, const char *uuid, bool wanted)
{
    slk_lotus_call_id call = {.sector = one};
    bool wants = !wanted;
    memcpy(call.uuid, uuid, sizeof call.uuid);
    assert_int_equal(slk_farm_calls_wants(&wants, w->calls, &call, NULL), SLK_OK);
    assert_int_equal(wants, wanted);
}

static void results_are_wanted_once(void **state)
{
    struct world *w = *state;
    is_wanted(w, U1, false);
    const int64_t id = start(w, "seed");
    is_wanted(w, U1, true); /* its id is on the way */
    name_it(w, id, U1, false);
    is_wanted(w, U1, true);
    is_wanted(w, U2, false);
    return_it(w, U1, "proof", true);
    is_wanted(w, U1, false);
    (void)start(w, "another seed");
    return_it(w, U2, "early", false);
    is_wanted(w, U2, false);
    close_calls(w);
    open_calls(w);
    expect_rows(w, 1); /* whose id was on the way is not known any more */
}

static void sectors_that_are_over(void **state)
{
    struct world *w = *state;
    slk_lotus_sector over[4];
    size_t n = 0;
    name_it(w, start(w, "ticket"), U1, false);
    assert_int_equal(slk_farm_calls_over(over, &n, 4, w->calls, NULL), SLK_OK);
    assert_int_equal(n, 1); /* the provider side has no such sector */
    assert_true(slk_lotus_sector_equal(&over[0], &one));
    assert_int_equal(slk_farm_calls_drop_sector(w->calls, &one, NULL), SLK_OK);
    assert_int_equal(slk_farm_calls_over(over, &n, 4, w->calls, NULL), SLK_OK);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(returned_in_time, begin, end),
        cmocka_unit_test_setup_teardown(returned_before_it_was_known, begin, end),
        cmocka_unit_test_setup_teardown(survives_a_restart, begin, end),
        cmocka_unit_test_setup_teardown(files_live_with_their_rows, begin, end),
        cmocka_unit_test_setup_teardown(a_file_for_nobody_goes, begin, end),
        cmocka_unit_test_setup_teardown(strangers_are_bounded, begin, end),
        cmocka_unit_test_setup_teardown(results_are_wanted_once, begin, end),
        cmocka_unit_test_setup_teardown(sectors_that_are_over, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
