/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/journal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static slk_worker_journal *journal;

static void reopen(void)
{
    slk_error error = {0};
    slk_worker_journal_close(journal); /* as after kill -9: nothing is written at the end */
    journal = NULL;
    if (slk_worker_journal_open(&journal, folder, &error) != SLK_OK)
        fail_msg("%s", error.message);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/slk-journal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    reopen();
    return 0;
}

static int tear_down(void **state)
{
    slk_error error = {0};
    (void)state;
    slk_worker_journal_close(journal);
    journal = NULL;
    return slk_remove_tree(folder, &error) == SLK_OK ? 0 : -1;
}

static slk_worker_call *make(const char *method, uint64_t number)
{
    slk_worker_call *call = slk_worker_call_new();
    assert_non_null(call);
    slk_uuid_random(call->id.uuid);
    call->id.sector = (slk_lotus_sector){1000, number};
    (void)snprintf(call->method, sizeof call->method, "%s", method);
    call->params = json_pack("[{s{sIsI}si}sn]", "ID", "Miner", (json_int_t)1000, "Number",
                             (json_int_t)number, "ProofType", 5, "ticket");
    assert_non_null(call->params);
    call->repeatable = true;
    call->taken_ms = 1234567890123;
    return call;
}

static void take(slk_worker_call *call)
{
    slk_error error = {0};
    if (slk_worker_journal_take(journal, &call, 1, &error) != SLK_OK)
        fail_msg("%s", error.message);
}

/* ---- what is loaded ---- */

struct loaded {
    slk_worker_call *call[8];
    size_t n;
};

static slk_err keep(void *context, slk_worker_call *call, slk_error *error)
{
    struct loaded *loaded = context;
    (void)error;
    assert_true(loaded->n < 8);
    loaded->call[loaded->n++] = call;
    return SLK_OK;
}

static struct loaded load(void)
{
    struct loaded loaded = {0};
    slk_error error = {0};
    if (slk_worker_journal_load(journal, keep, &loaded, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return loaded;
}

static void free_loaded(struct loaded *loaded)
{
    for (size_t i = 0; i < loaded->n; i++)
        slk_worker_call_free(loaded->call[i]);
}

static void put_file(char *owned_path, const char *text)
{
    SLK_CLEANUP(slk_freep) char *path = owned_path;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static bool is_there(char *owned_path)
{
    SLK_CLEANUP(slk_freep) char *path = owned_path;
    return slk_file_exists(path);
}

/* ---- tests ---- */

/* A worker serves before it goes through what is left from before. */
static void what_is_taken_since_is_not_loaded(void **state)
{
    (void)state;
    slk_worker_call *old = make("AddPiece", 1);
    take(old);
    reopen();
    slk_worker_call *fresh = make("AddPiece", 2);
    take(fresh);
    struct loaded loaded = load();
    assert_int_equal(loaded.n, 1);
    assert_string_equal(loaded.call[0]->id.uuid, old->id.uuid);
    free_loaded(&loaded);
    reopen();
    loaded = load();
    assert_int_equal(loaded.n, 2);
    free_loaded(&loaded);
    slk_worker_call_free(old);
    slk_worker_call_free(fresh);
}

static void a_taken_call_is_there_after_a_restart(void **state)
{
    (void)state;
    slk_worker_call *first = make("SealPreCommit1", 7);
    slk_worker_call *second = make("AddPiece", 8);
    second->repeatable = false;
    (void)snprintf(second->batch, sizeof second->batch, "%s", first->id.uuid);
    take(first);
    take(second);
    reopen();
    struct loaded loaded = load();
    assert_int_equal(loaded.n, 2);
    const slk_worker_call *a = loaded.call[0];
    assert_string_equal(a->id.uuid, first->id.uuid);
    assert_true(slk_lotus_sector_equal(&a->id.sector, &first->id.sector));
    assert_string_equal(a->method, "SealPreCommit1");
    assert_true(json_equal(a->params, first->params));
    assert_true(a->restarted && a->repeatable && !a->done);
    assert_int_equal(a->taken_ms, 1234567890123);
    assert_string_equal(a->batch, "");
    assert_false(loaded.call[1]->repeatable);
    assert_string_equal(loaded.call[1]->batch, first->id.uuid);
    free_loaded(&loaded);
    slk_worker_call_free(first);
    slk_worker_call_free(second);
}

static void a_result_is_there_until_it_is_dropped(void **state)
{
    slk_error error = {0};
    (void)state;
    slk_worker_call *call = make("SealPreCommit2", 7);
    take(call);
    call->outcome.result = json_pack("{ss}", "Sealed", "x");
    assert_int_equal(slk_worker_journal_end(journal, call, &error), SLK_OK);
    reopen();
    struct loaded loaded = load();
    assert_int_equal(loaded.n, 1);
    assert_true(loaded.call[0]->done);
    assert_true(json_equal(loaded.call[0]->outcome.result, call->outcome.result));
    assert_false(loaded.call[0]->outcome.fault.failed);
    free_loaded(&loaded);
    assert_int_equal(slk_worker_journal_drop(journal, call->id.uuid, &error), SLK_OK);
    assert_int_equal(slk_worker_journal_drop(journal, call->id.uuid, &error), SLK_OK);
    reopen();
    loaded = load();
    assert_int_equal(loaded.n, 0);
    slk_worker_call_free(call);
}

static void a_failure_is_kept_word_for_word(void **state)
{
    slk_error error = {0};
    (void)state;
    slk_worker_call *call = make("SealPreCommit1", 7);
    take(call);
    call->outcome.fault = (slk_lotus_fault){true, SLK_LOTUS_FAULT_NO_SPACE, "no room [name: w]"};
    assert_int_equal(slk_worker_journal_end(journal, call, &error), SLK_OK);
    reopen();
    struct loaded loaded = load();
    assert_int_equal(loaded.n, 1);
    assert_true(loaded.call[0]->outcome.fault.failed);
    assert_int_equal(loaded.call[0]->outcome.fault.code, 102);
    assert_string_equal(loaded.call[0]->outcome.fault.message, "no room [name: w]");
    free_loaded(&loaded);
    slk_worker_call_free(call);
}

static void files_live_as_long_as_their_call(void **state)
{
    slk_error error = {0};
    (void)state;
    slk_worker_call *call = make("SealCommit1", 7);
    slk_worker_call *other = make("SealCommit2", 7);
    put_file(slk_worker_journal_in(journal, other->id.uuid), "never taken");
    put_file(slk_worker_journal_in(journal, call->id.uuid), "parameter");
    take(call);
    put_file(slk_worker_journal_out(journal, call->id.uuid), "result");
    call->outcome.result_file = true;
    assert_int_equal(slk_worker_journal_end(journal, call, &error), SLK_OK);
    reopen();
    assert_false(is_there(slk_worker_journal_in(journal, other->id.uuid)));
    assert_true(is_there(slk_worker_journal_in(journal, call->id.uuid)));
    assert_true(is_there(slk_worker_journal_out(journal, call->id.uuid)));
    struct loaded loaded = load();
    assert_true(loaded.n == 1 && loaded.call[0]->outcome.result_file);
    free_loaded(&loaded);
    assert_int_equal(slk_worker_journal_drop(journal, call->id.uuid, &error), SLK_OK);
    assert_false(is_there(slk_worker_journal_in(journal, call->id.uuid)));
    assert_false(is_there(slk_worker_journal_out(journal, call->id.uuid)));
    slk_worker_call_free(call);
    slk_worker_call_free(other);
}

static void a_result_file_that_is_not_there_is_no_end(void **state)
{
    slk_error error = {0};
    (void)state;
    slk_worker_call *call = make("SealCommit1", 7);
    take(call);
    call->outcome.result_file = true;
    assert_int_not_equal(slk_worker_journal_end(journal, call, &error), SLK_OK);
    reopen();
    struct loaded loaded = load();
    assert_true(loaded.n == 1 && !loaded.call[0]->done);
    free_loaded(&loaded);
    slk_worker_call_free(call);
}

static void a_list_is_taken_whole_or_not_at_all(void **state)
{
    slk_error error = {0};
    (void)state;
    slk_worker_call *calls[3] = {make("SealPreCommit1", 1), make("SealPreCommit1", 2),
                                 make("SealPreCommit1", 3)};
    strcpy(calls[2]->id.uuid, calls[0]->id.uuid); /* the third cannot be */
    assert_int_not_equal(slk_worker_journal_take(journal, calls, 3, &error), SLK_OK);
    reopen();
    struct loaded loaded = load();
    assert_int_equal(loaded.n, 0);
    assert_int_equal(slk_worker_journal_take(journal, calls, 2, &error), SLK_OK);
    reopen();
    loaded = load();
    assert_int_equal(loaded.n, 2);
    free_loaded(&loaded);
    for (size_t i = 0; i < 3; i++)
        slk_worker_call_free(calls[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_taken_call_is_there_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_taken_since_is_not_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_result_is_there_until_it_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_is_kept_word_for_word, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_live_as_long_as_their_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_result_file_that_is_not_there_is_no_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_list_is_taken_whole_or_not_at_all, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
