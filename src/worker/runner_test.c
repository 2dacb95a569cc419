/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/runner.h"

#include "base/cond.h"
#include "base/mem.h"
#include "base/uuid.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOREVER_MS 20000

/* Work that goes on until the test lets it: what has begun is in `begun`, in order. */
struct world {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    char begun[16][32];
    size_t n_begun, n_at_work_max, n_at_work;
    unsigned allowed; /* how many may end */
    size_t most; /* at work at a time */
    size_t kept;
    char told[256]; /* what changed, a word each */
    slk_job *job; /* of whose work has begun last */
    slk_runner *runner;
};

static int order(void *context, const slk_worker_call *call)
{
    (void)context;
    return call->method[0] == 'F' ? -1 : call->method[0] - '0'; /* "Fetch", "3-a" */
}

static bool fits(void *context, const slk_worker_call *call, const slk_worker_call *const *at_work,
                 size_t n)
{
    const struct world *w = context;
    (void)at_work;
    return call->method[0] == 'F' || n < w->most;
}

static void begin(struct world *w, const slk_worker_call *call)
{
    (void)pthread_mutex_lock(&w->lock);
    (void)snprintf(w->begun[w->n_begun++], sizeof w->begun[0], "%s", call->method);
    w->n_at_work++;
    if (w->n_at_work > w->n_at_work_max)
        w->n_at_work_max = w->n_at_work;
    (void)pthread_cond_broadcast(&w->moved);
    (void)pthread_mutex_unlock(&w->lock);
}

/* Canceled, or allowed to end. */
static void work(struct world *w, slk_worker_call *call, slk_job *job)
{
    slk_error error = {0};
    (void)pthread_mutex_lock(&w->lock);
    while (w->allowed == 0 && slk_job_check(job, &error) == SLK_OK)
        (void)slk_cond_wait_ms(&w->moved, &w->lock, 20);
    if (w->allowed > 0)
        w->allowed--;
    w->n_at_work--;
    (void)pthread_mutex_unlock(&w->lock);
    if (slk_job_check(job, &error) != SLK_OK)
        call->outcome.fault = (slk_lotus_fault){.failed = true, .message = "canceled"};
}

static void run(void *context, slk_runner_group *group)
{
    struct world *w = context;
    for (size_t i = 0; i < slk_runner_group_n(group); i++) {
        w->job = slk_runner_group_job(group, i);
        begin(w, slk_runner_group_call(group, i));
    }
    for (size_t i = 0; i < slk_runner_group_n(group); i++) {
        work(w, slk_runner_group_call(group, i), slk_runner_group_job(group, i));
        slk_runner_group_end(group, i);
    }
}

static void keep(void *context, const slk_worker_call *call)
{
    struct world *w = context;
    assert_true(call->done);
    (void)pthread_mutex_lock(&w->lock);
    w->kept++;
    (void)pthread_mutex_unlock(&w->lock);
}

/* Under the runner's lock alone. */
static void changed(void *context, const slk_runner_view *view)
{
    static const char *const words[] = {[SLK_RUNNER_WAITING] = "waits",
                                        [SLK_RUNNER_AT_WORK] = "works",
                                        [SLK_RUNNER_ENDED] = "ended",
                                        [SLK_RUNNER_RETURNED] = "gone"};
    struct world *w = context;
    const size_t n = strlen(w->told);
    (void)snprintf(w->told + n, sizeof w->told - n, "%s%s%s:%u ", words[view->state],
                   view->stage[0] ? "-" : "", view->stage, (unsigned)view->done);
}

static int set_up(void **state)
{
    slk_error error = {0};
    struct world *w = slk_calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(pthread_mutex_init(&w->lock, NULL), 0);
    assert_int_equal(slk_cond_init(&w->moved), 0);
    w->most = 1;
    const slk_runner_options options = {
        .context = w, .order = order, .fits = fits, .run = run, .keep = keep, .changed = changed};
    assert_int_equal(slk_runner_new(&w->runner, &options, &error), SLK_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    slk_runner_stop(w->runner);
    slk_runner_free(w->runner);
    (void)pthread_cond_destroy(&w->moved);
    (void)pthread_mutex_destroy(&w->lock);
    slk_free(w);
    return 0;
}

static slk_worker_call *make(const char *method, const char *batch)
{
    slk_worker_call *call = slk_worker_call_new();
    assert_non_null(call);
    slk_uuid_random(call->id.uuid);
    (void)snprintf(call->method, sizeof call->method, "%s", method);
    (void)snprintf(call->batch, sizeof call->batch, "%s", batch);
    return call;
}

/* The uuid of the call. */
static const char *add(struct world *w, const char *method)
{
    slk_error error = {0};
    slk_worker_call *call = make(method, "");
    static char uuid[8][SLK_UUID_CHARS];
    static size_t at;
    char *out = uuid[at++ % 8];
    strcpy(out, call->id.uuid);
    assert_int_equal(slk_runner_add(w->runner, &call, 1, &error), SLK_OK);
    return out;
}

static void wait_begun(struct world *w, size_t n)
{
    (void)pthread_mutex_lock(&w->lock);
    while (w->n_begun < n)
        (void)pthread_cond_wait(&w->moved, &w->lock);
    (void)pthread_mutex_unlock(&w->lock);
}

static void allow(struct world *w, unsigned n)
{
    (void)pthread_mutex_lock(&w->lock);
    w->allowed += n;
    (void)pthread_cond_broadcast(&w->moved);
    (void)pthread_mutex_unlock(&w->lock);
}

static size_t return_all(struct world *w, size_t n)
{
    bool again = false;
    for (size_t i = 0; i < n; i++) {
        const slk_worker_call *call = slk_runner_next_ended(w->runner, 1, FOREVER_MS, &again);
        assert_non_null(call);
        slk_runner_returned(w->runner, call);
    }
    return n;
}

/* ---- tests ---- */

static void lower_order_goes_first_then_the_older(void **state)
{
    struct world *w = *state;
    (void)add(w, "9-first");
    wait_begun(w, 1); /* it has the only place */
    (void)add(w, "5-a");
    (void)add(w, "5-b");
    (void)add(w, "2-late");
    (void)add(w, "Fetch"); /* needs no place */
    wait_begun(w, 2);
    allow(w, 5);
    return_all(w, 5);
    static const char *const want[] = {"9-first", "Fetch", "2-late", "5-a", "5-b"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(w->begun[i], want[i]);
    assert_true(slk_runner_wait_quiet(w->runner, 0));
    assert_int_equal(w->kept, 5);
}

static void a_batch_begins_together(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    slk_worker_call *calls[3] = {make("5-x", "b"), make("5-y", "b"), make("5-z", "b")};
    (void)add(w, "9-first");
    wait_begun(w, 1);
    assert_int_equal(slk_runner_add(w->runner, calls, 3, &error), SLK_OK);
    allow(w, 1);
    wait_begun(w, 4);
    assert_true(w->n_at_work_max >= 3);
    allow(w, 1); /* one of them ends while the others go on */
    return_all(w, 2);
    assert_false(slk_runner_wait_quiet(w->runner, 0));
    allow(w, 2);
    return_all(w, 2);
}

static void cancel_ends_what_waits_and_what_works(void **state)
{
    struct world *w = *state;
    bool again = false;
    const char *works = add(w, "5-works");
    wait_begun(w, 1);
    const char *waits = add(w, "5-waits");
    assert_true(slk_runner_cancel(w->runner, waits));
    const slk_worker_call *call = slk_runner_next_ended(w->runner, 1, FOREVER_MS, &again);
    assert_non_null(call);
    assert_string_equal(call->id.uuid, waits);
    assert_true(call->outcome.fault.failed);
    slk_runner_returned(w->runner, call);
    assert_true(slk_runner_cancel(w->runner, works));
    call = slk_runner_next_ended(w->runner, 1, FOREVER_MS, &again);
    assert_string_equal(call->outcome.fault.message, "canceled");
    assert_false(slk_runner_cancel(w->runner, works)); /* has ended */
    slk_runner_returned(w->runner, call);
    assert_false(slk_runner_cancel(w->runner, works)); /* is gone */
    assert_int_equal(w->n_begun, 1);
}

static void stop_leaves_work_for_the_next_start(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    bool again = false;
    (void)add(w, "5-works");
    (void)add(w, "5-waits");
    wait_begun(w, 1);
    slk_runner_stop(w->runner);
    assert_int_equal(w->kept, 0); /* neither has an outcome in the journal */
    assert_null(slk_runner_next_ended(w->runner, 1, 0, &again));
    slk_worker_call *late = make("5-late", "");
    assert_int_equal(slk_runner_add(w->runner, &late, 1, &error), SLK_E_CANCELED);
    slk_worker_call_free(late);
    assert_int_equal(w->n_begun, 1);
}

static void what_was_not_returned_comes_again_next_round(void **state)
{
    struct world *w = *state;
    bool again = true;
    allow(w, 1);
    (void)add(w, "5-a");
    const slk_worker_call *call = slk_runner_next_ended(w->runner, 1, FOREVER_MS, &again);
    assert_non_null(call);
    assert_false(again);
    assert_null(slk_runner_next_ended(w->runner, 1, 0, &again));
    assert_ptr_equal(slk_runner_next_ended(w->runner, 2, 0, &again), call);
    assert_true(again);
    slk_runner_returned(w->runner, call);
    assert_null(slk_runner_next_ended(w->runner, 3, 0, &again));
}

static void an_outcome_of_before_is_returned_without_work(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    bool again = false;
    slk_worker_call *call = make("5-done", "");
    call->done = true;
    assert_int_equal(slk_runner_add(w->runner, &call, 1, &error), SLK_OK);
    assert_ptr_equal(slk_runner_next_ended(w->runner, 1, FOREVER_MS, &again), call);
    assert_int_equal(w->n_begun, 0);
    slk_runner_returned(w->runner, call);
}

struct seen {
    slk_runner_state state[4];
    size_t n;
};

static bool see(void *context, const slk_runner_view *view)
{
    struct seen *seen = context;
    seen->state[seen->n++] = view->state;
    return seen->n < 4;
}

static void all_are_shown_in_order_of_arrival(void **state)
{
    struct world *w = *state;
    struct seen seen = {0};
    (void)add(w, "5-works");
    wait_begun(w, 1);
    (void)add(w, "1-waits");
    slk_runner_list(w->runner, see, &seen);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.state[0], SLK_RUNNER_AT_WORK);
    assert_int_equal(seen.state[1], SLK_RUNNER_WAITING);
}

/* Once each, in order; what is done of a stage not before it is due. */
static void every_change_is_told(void **state)
{
    struct world *w = *state;
    assert_false(slk_runner_tell(w->runner, 0));
    (void)add(w, "5-works");
    wait_begun(w, 1);
    assert_string_equal(w->told, "waits:0 works:0 ");
    assert_true(slk_runner_tell(w->runner, 0)); /* nothing moved */
    slk_job_stage(w->job, "layer 1", 10);
    assert_true(slk_runner_tell(w->runner, FOREVER_MS)); /* a stage is due at once */
    slk_job_advance(w->job, 3);
    assert_true(slk_runner_tell(w->runner, FOREVER_MS));
    assert_true(slk_runner_tell(w->runner, 0));
    assert_true(slk_runner_tell(w->runner, 0));
    assert_string_equal(w->told, "waits:0 works:0 works-layer 1:0 works-layer 1:3 ");
    const char *waits = add(w, "5-waits");
    assert_true(slk_runner_cancel(w->runner, waits));
    allow(w, 1);
    return_all(w, 2);
    assert_false(slk_runner_tell(w->runner, 0));
    const char *rest = w->told + strlen("waits:0 works:0 works-layer 1:0 works-layer 1:3 ");
    assert_int_equal(strncmp(rest, "waits:0 ended:0 ", 16), 0); /* canceled before it began */
    assert_non_null(strstr(rest, "ended-layer 1:3 "));
    assert_non_null(strstr(rest, "gone:0 "));
    assert_non_null(strstr(rest, "gone-layer 1:3 "));
    assert_int_equal(strlen(rest),
                     strlen("waits:0 ended:0 ended-layer 1:3 gone:0 gone-layer 1:3 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lower_order_goes_first_then_the_older, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_begins_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancel_ends_what_waits_and_what_works, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_leaves_work_for_the_next_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_returned_comes_again_next_round, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_outcome_of_before_is_returned_without_work, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(all_are_shown_in_order_of_arrival, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_change_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
