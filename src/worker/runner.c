/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/runner.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct item {
    struct item *next; /* in order of arrival */
    slk_worker_call *call;
    slk_runner_state state;
    slk_job job;
    int64_t since_ms;
    uint64_t mark;
    const char *told_stage; /* when it was told of last */
    uint64_t told_done;
    int64_t told_ms; /* monotonic */
};

struct slk_runner_group {
    slk_runner *runner;
    size_t n;
    struct item **items;
};

struct slk_runner {
    slk_runner_options options;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* anything changed */
    struct item *first;
    unsigned threads;
    bool stopping;
};

/* ---- list, lock held ---- */

static struct item *find(const slk_runner *runner, const char *uuid)
{
    for (struct item *i = runner->first; i; i = i->next)
        if (strcmp(i->call->id.uuid, uuid) == 0)
            return i;
    return NULL;
}

static void append(slk_runner *runner, struct item *item)
{
    struct item **at = &runner->first;
    while (*at)
        at = &(*at)->next;
    *at = item;
}

static void unlink_item(slk_runner *runner, const struct item *item)
{
    for (struct item **at = &runner->first; *at; at = &(*at)->next) {
        if (*at == item) {
            *at = item->next;
            return;
        }
    }
}

static slk_runner_view view_of(const struct item *item)
{
    const char *stage = atomic_load(&item->job.stage);
    return (slk_runner_view){.call = item->call,
                             .state = item->state,
                             .stage = stage ? stage : "",
                             .done = atomic_load(&item->job.done),
                             .total = atomic_load(&item->job.total),
                             .since_ms = item->since_ms};
}

static void tell(const slk_runner *runner, struct item *item)
{
    const slk_runner_view view = view_of(item);
    item->told_stage = view.stage;
    item->told_done = view.done;
    item->told_ms = slk_clock_monotonic_ms();
    if (runner->options.changed)
        runner->options.changed(runner->options.context, &view);
}

static void put_in(const slk_runner *runner, struct item *item, slk_runner_state state)
{
    item->state = state;
    item->since_ms = slk_clock_wall_ms();
    tell(runner, item);
}

static bool same_batch(const slk_worker_call *a, const slk_worker_call *b)
{
    return a == b || (a->batch[0] && strcmp(a->batch, b->batch) == 0);
}

static size_t gather_at_work(const slk_runner *runner, const slk_worker_call **out, size_t max)
{
    size_t n = 0;
    for (const struct item *i = runner->first; i && n < max; i = i->next)
        if (i->state == SLK_RUNNER_AT_WORK)
            out[n++] = i->call;
    return n;
}

/* ---- one group's thread ---- */

/* Ended by _stop rather than by itself. */
static bool is_to_run_again(slk_runner *runner, struct item *item)
{
    (void)pthread_mutex_lock(&runner->lock);
    const bool stopping = runner->stopping;
    (void)pthread_mutex_unlock(&runner->lock);
    return stopping && item->call->outcome.fault.failed && item->job.canceled;
}

static void end_item(slk_runner *runner, struct item *item)
{
    const bool again = is_to_run_again(runner, item);
    if (!again) {
        item->call->done = true;
        runner->options.keep(runner->options.context, item->call);
    }
    (void)pthread_mutex_lock(&runner->lock);
    put_in(runner, item, again ? SLK_RUNNER_WAITING : SLK_RUNNER_ENDED);
    (void)pthread_cond_broadcast(&runner->moved);
    (void)pthread_mutex_unlock(&runner->lock);
}

size_t slk_runner_group_n(const slk_runner_group *group)
{
    return group->n;
}

slk_worker_call *slk_runner_group_call(const slk_runner_group *group, size_t index)
{
    slk_assert(index < group->n);
    return group->items[index]->call;
}

slk_job *slk_runner_group_job(const slk_runner_group *group, size_t index)
{
    slk_assert(index < group->n);
    return &group->items[index]->job;
}

void slk_runner_group_end(slk_runner_group *group, size_t index)
{
    slk_assert(index < group->n);
    struct item *item = group->items[index];
    slk_assert(item);
    group->items[index] = NULL;
    end_item(group->runner, item);
}

static void group_free(slk_runner_group *group)
{
    slk_free(group->items);
    slk_free(group);
}

static void start_what_fits(slk_runner *runner);

static void *group_main(void *arg)
{
    slk_runner_group *group = arg;
    slk_runner *runner = group->runner;
    runner->options.run(runner->options.context, group);
    for (size_t i = 0; i < group->n; i++)
        if (group->items[i])
            slk_runner_group_end(group, i);
    group_free(group);
    (void)pthread_mutex_lock(&runner->lock);
    runner->threads--;
    start_what_fits(runner);
    (void)pthread_cond_broadcast(&runner->moved);
    (void)pthread_mutex_unlock(&runner->lock);
    return NULL;
}

/* ---- starting, lock held ---- */

static slk_runner_group *group_new(slk_runner *runner, const struct item *first)
{
    slk_runner_group *group = slk_calloc(1, sizeof *group);
    if (!group)
        return NULL;
    group->runner = runner;
    group->items = slk_calloc(SLK_RUNNER_BATCH_MAX, sizeof(struct item *));
    if (!group->items) {
        slk_free(group);
        return NULL;
    }
    for (struct item *i = runner->first; i && group->n < SLK_RUNNER_BATCH_MAX; i = i->next)
        if (i->state == SLK_RUNNER_WAITING && same_batch(first->call, i->call))
            group->items[group->n++] = i;
    return group;
}

static bool start_thread(slk_runner_group *group)
{
    pthread_t thread;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const bool started = pthread_create(&thread, &attributes, group_main, group) == 0;
    (void)pthread_attr_destroy(&attributes);
    return started;
}

/* False: the machine has no room for another thread; whatever ends next tries again. */
static bool start(slk_runner *runner, const struct item *first)
{
    slk_runner_group *group = group_new(runner, first);
    if (!group)
        return false;
    for (size_t i = 0; i < group->n; i++)
        put_in(runner, group->items[i], SLK_RUNNER_AT_WORK);
    runner->threads++;
    if (start_thread(group))
        return true;
    runner->threads--;
    for (size_t i = 0; i < group->n; i++)
        put_in(runner, group->items[i], SLK_RUNNER_WAITING);
    group_free(group);
    return false;
}

static const struct item *pick(const slk_runner *runner)
{
    const slk_worker_call *at_work[SLK_RUNNER_THREADS_MAX + SLK_RUNNER_BATCH_MAX];
    const size_t n = gather_at_work(runner, at_work, sizeof at_work / sizeof *at_work);
    const struct item *best = NULL;
    int best_order = 0;
    for (const struct item *i = runner->first; i; i = i->next) {
        if (i->state != SLK_RUNNER_WAITING)
            continue;
        const int order = runner->options.order(runner->options.context, i->call);
        if (best && order >= best_order)
            continue;
        if (!runner->options.fits(runner->options.context, i->call, at_work, n))
            continue;
        best = i;
        best_order = order;
    }
    return best;
}

static void start_what_fits(slk_runner *runner)
{
    while (!runner->stopping && runner->threads < SLK_RUNNER_THREADS_MAX) {
        const struct item *item = pick(runner);
        if (!item || !start(runner, item))
            return;
    }
}

/* ---- outside ---- */

slk_err slk_runner_new(slk_runner **ret_runner, const slk_runner_options *options, slk_error *error)
{
    slk_runner *runner = slk_calloc(1, sizeof *runner);
    if (!runner)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker's calls");
    runner->options = *options;
    slk_assert(pthread_mutex_init(&runner->lock, NULL) == 0);
    if (slk_cond_init(&runner->moved) != 0) {
        (void)pthread_mutex_destroy(&runner->lock);
        slk_free(runner);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker's calls");
    }
    *ret_runner = runner;
    return SLK_OK;
}

static void item_free(struct item *item)
{
    slk_worker_call_free(item->call);
    slk_free(item);
}

void slk_runner_free(slk_runner *runner)
{
    if (!runner)
        return;
    slk_assert(runner->threads == 0);
    while (runner->first) {
        struct item *item = runner->first;
        runner->first = item->next;
        item_free(item);
    }
    (void)pthread_cond_destroy(&runner->moved);
    (void)pthread_mutex_destroy(&runner->lock);
    slk_free(runner);
}

static struct item *item_new(slk_worker_call *call)
{
    struct item *item = slk_calloc(1, sizeof *item);
    if (!item)
        return NULL;
    item->call = call;
    item->state = call->done ? SLK_RUNNER_ENDED : SLK_RUNNER_WAITING;
    item->since_ms = call->taken_ms;
    slk_job_init(&item->job);
    return item;
}

static void free_chain(struct item *chain)
{
    while (chain) {
        struct item *next = chain->next;
        slk_free(chain);
        chain = next;
    }
}

slk_err slk_runner_add(slk_runner *runner, slk_worker_call *const *calls, size_t n,
                       slk_error *error)
{
    struct item *chain = NULL;
    for (size_t i = n; i-- > 0;) {
        struct item *item = item_new(calls[i]);
        if (!item) {
            free_chain(chain);
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a call");
        }
        item->next = chain;
        chain = item;
    }
    (void)pthread_mutex_lock(&runner->lock);
    const bool stopping = runner->stopping;
    if (!stopping) {
        append(runner, chain);
        for (struct item *i = chain; i; i = i->next)
            tell(runner, i);
        start_what_fits(runner);
        (void)pthread_cond_broadcast(&runner->moved);
    }
    (void)pthread_mutex_unlock(&runner->lock);
    if (!stopping)
        return SLK_OK;
    free_chain(chain);
    return slk_fail(error, SLK_E_CANCELED, "the worker is stopping");
}

void slk_runner_look(slk_runner *runner)
{
    (void)pthread_mutex_lock(&runner->lock);
    start_what_fits(runner);
    (void)pthread_mutex_unlock(&runner->lock);
}

/* One that waits ends without a thread of its own: as canceled. */
static void end_waiting(slk_runner *runner, struct item *item)
{
    slk_lotus_fault *fault = &item->call->outcome.fault;
    *fault = (slk_lotus_fault){.failed = true, .code = SLK_LOTUS_FAULT_UNKNOWN};
    (void)snprintf(fault->message, sizeof fault->message, "canceled before it began");
    end_item(runner, item);
}

bool slk_runner_cancel(slk_runner *runner, const char *uuid)
{
    (void)pthread_mutex_lock(&runner->lock);
    struct item *item = find(runner, uuid);
    const bool waiting = item && item->state == SLK_RUNNER_WAITING;
    const bool found = item && item->state != SLK_RUNNER_ENDED;
    if (waiting)
        item->state = SLK_RUNNER_AT_WORK; /* nobody starts it now */
    if (found)
        slk_job_cancel(&item->job);
    (void)pthread_mutex_unlock(&runner->lock);
    if (waiting)
        end_waiting(runner, item);
    return found;
}

bool slk_runner_is_stopping(slk_runner *runner)
{
    (void)pthread_mutex_lock(&runner->lock);
    const bool stopping = runner->stopping;
    (void)pthread_mutex_unlock(&runner->lock);
    return stopping;
}

void slk_runner_stop(slk_runner *runner)
{
    (void)pthread_mutex_lock(&runner->lock);
    runner->stopping = true;
    for (struct item *i = runner->first; i; i = i->next)
        if (i->state == SLK_RUNNER_AT_WORK)
            slk_job_cancel(&i->job);
    (void)pthread_cond_broadcast(&runner->moved);
    while (runner->threads > 0)
        (void)pthread_cond_wait(&runner->moved, &runner->lock);
    (void)pthread_mutex_unlock(&runner->lock);
}

static bool quiet(const slk_runner *runner)
{
    for (const struct item *i = runner->first; i; i = i->next)
        if (i->state != SLK_RUNNER_ENDED)
            return false;
    return true;
}

bool slk_runner_wait_quiet(slk_runner *runner, int64_t ms)
{
    const int64_t until = slk_clock_monotonic_ms() + ms;
    (void)pthread_mutex_lock(&runner->lock);
    while (!quiet(runner) && !runner->stopping && slk_clock_monotonic_ms() < until)
        (void)slk_cond_wait_ms(&runner->moved, &runner->lock, until - slk_clock_monotonic_ms());
    const bool is = quiet(runner);
    (void)pthread_mutex_unlock(&runner->lock);
    return is;
}

bool slk_runner_is_empty(slk_runner *runner)
{
    (void)pthread_mutex_lock(&runner->lock);
    const bool empty = !runner->first;
    (void)pthread_mutex_unlock(&runner->lock);
    return empty;
}

static struct item *find_ended(const slk_runner *runner, uint64_t mark)
{
    for (struct item *i = runner->first; i; i = i->next)
        if (i->state == SLK_RUNNER_ENDED && i->mark != mark)
            return i;
    return NULL;
}

const slk_worker_call *slk_runner_next_ended(slk_runner *runner, uint64_t mark, int64_t ms,
                                             bool *ret_again)
{
    const int64_t until = slk_clock_monotonic_ms() + ms;
    (void)pthread_mutex_lock(&runner->lock);
    struct item *item;
    while (!(item = find_ended(runner, mark)) && !runner->stopping &&
           slk_clock_monotonic_ms() < until)
        (void)slk_cond_wait_ms(&runner->moved, &runner->lock, until - slk_clock_monotonic_ms());
    if (item) {
        *ret_again = item->mark != 0;
        item->mark = mark;
    }
    (void)pthread_mutex_unlock(&runner->lock);
    return item ? item->call : NULL;
}

void slk_runner_returned(slk_runner *runner, const slk_worker_call *call)
{
    (void)pthread_mutex_lock(&runner->lock);
    struct item *item = find(runner, call->id.uuid);
    slk_assert(item && item->state == SLK_RUNNER_ENDED);
    unlink_item(runner, item);
    put_in(runner, item, SLK_RUNNER_RETURNED);
    (void)pthread_cond_broadcast(&runner->moved);
    (void)pthread_mutex_unlock(&runner->lock);
    item_free(item);
}

void slk_runner_list(slk_runner *runner, bool (*show)(void *context, const slk_runner_view *view),
                     void *context)
{
    (void)pthread_mutex_lock(&runner->lock);
    for (struct item *i = runner->first; i; i = i->next) {
        const slk_runner_view view = view_of(i);
        if (!show(context, &view))
            break;
    }
    (void)pthread_mutex_unlock(&runner->lock);
}

bool slk_runner_tell(slk_runner *runner, int64_t every_ms)
{
    bool any = false;
    (void)pthread_mutex_lock(&runner->lock);
    const int64_t now = slk_clock_monotonic_ms();
    for (struct item *i = runner->first; i; i = i->next) {
        if (i->state != SLK_RUNNER_AT_WORK)
            continue;
        const slk_runner_view view = view_of(i);
        const bool further = view.done != i->told_done && now - i->told_ms >= every_ms;
        any = true;
        if (further || view.stage != i->told_stage)
            tell(runner, i);
    }
    (void)pthread_mutex_unlock(&runner->lock);
    return any;
}
