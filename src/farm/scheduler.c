/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/scheduler.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
    uint64_t id; /* rises: the lower the older */
    uint64_t worker; /* 0: waits */
    uint64_t batch; /* of those granted together; 0: alone */
    bool slot; /* takes one of the worker's: of a batch one does */
    int64_t since_ms; /* wall clock */
    slk_lotus_need need; /* counted at the worker while it has it */
    slk_sched_request what;
};

struct slot {
    slk_sched_worker worker;
    slk_lotus_load load; /* of the requests that it has */
    unsigned running;
    unsigned
        mates[SLK_LOTUS_TASKS]; /* of them those that take no place: another of their batch does */
};

struct slk_sched {
    struct request *requests; /* sorted by before() */
    size_t n_requests;
    struct slot *slots; /* in order of arrival */
    size_t n_slots;
    uint64_t last_id;
};

slk_err slk_sched_new(slk_sched **ret_sched, slk_error *error)
{
    slk_sched *sched = slk_calloc(1, sizeof *sched);
    if (!sched)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the scheduler");
    *ret_sched = sched;
    return SLK_OK;
}

void slk_sched_free(slk_sched *sched)
{
    if (!sched)
        return;
    slk_free(sched->requests);
    slk_free(sched->slots);
    slk_free(sched);
}

/* ---- workers ---- */

static struct slot *find_slot(const slk_sched *sched, uint64_t worker)
{
    for (size_t i = 0; i < sched->n_slots; i++)
        if (sched->slots[i].worker.id == worker)
            return &sched->slots[i];
    return NULL;
}

static void add_load(struct slot *slot, const struct request *r)
{
    const slk_lotus_machine *machine = &slot->worker.info->machine;
    const slk_lotus_need need =
        r->batch ? slk_lotus_need_in_batch(&r->need, &slot->load, machine) : r->need;
    slot->running++;
    slot->mates[r->what.task] += !r->slot;
    slk_lotus_load_add(&slot->load, r->what.task, r->what.seal_proof, &need, machine);
}

/* Adds up anew what runs there: the machine may have changed since it was added. */
static void recount(const slk_sched *sched, uint64_t worker)
{
    struct slot *slot = find_slot(sched, worker);
    if (!slot)
        return;
    slot->load = (slk_lotus_load){0};
    slot->running = 0;
    memset(slot->mates, 0, sizeof slot->mates);
    for (size_t i = 0; i < sched->n_requests; i++)
        if (sched->requests[i].worker == worker)
            add_load(slot, &sched->requests[i]);
}

slk_err slk_sched_set_worker(slk_sched *sched, const slk_sched_worker *worker, slk_error *error)
{
    slk_assert(worker->id != 0);
    struct slot *known = find_slot(sched, worker->id);
    if (known) {
        known->worker = *worker;
        recount(sched, worker->id);
        return SLK_OK;
    }
    if (sched->n_slots == SLK_SCHED_WORKERS_MAX)
        return slk_fail(error, SLK_E_LIMIT, "there are %u workers already", SLK_SCHED_WORKERS_MAX);
    struct slot *more = slk_realloc(sched->slots, sched->n_slots + 1, sizeof *more);
    if (!more)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a worker");
    sched->slots = more;
    more[sched->n_slots++] = (struct slot){.worker = *worker};
    recount(sched, worker->id);
    return SLK_OK;
}

void slk_sched_remove_worker(slk_sched *sched, uint64_t worker)
{
    struct slot *known = find_slot(sched, worker);
    if (!known)
        return;
    const size_t after = sched->n_slots - (size_t)(known - sched->slots) - 1;
    memmove(known, known + 1, after * sizeof *known);
    sched->n_slots--;
}

/* ---- requests ---- */

/* Whether a comes before b. */
static bool before(const struct request *a, const struct request *b)
{
    const int order =
        slk_lotus_task_compare(a->what.task, a->what.priority, b->what.task, b->what.priority);
    return order != 0 ? order < 0 : a->id < b->id;
}

static struct request *find_request(const slk_sched *sched, uint64_t id)
{
    for (size_t i = 0; i < sched->n_requests; i++)
        if (sched->requests[i].id == id)
            return &sched->requests[i];
    return NULL;
}

static slk_err insert(uint64_t *ret_id, slk_sched *sched, const slk_sched_request *what,
                      uint64_t worker, slk_error *error)
{
    slk_assert(what->task < SLK_LOTUS_TASKS && what->seal_proof >= 0 &&
               what->seal_proof < SLK_LOTUS_PROOFS);
    if (sched->n_requests == SLK_SCHED_REQUESTS_MAX)
        return slk_fail(error, SLK_E_LIMIT, "%u tasks wait for workers already",
                        SLK_SCHED_REQUESTS_MAX);
    struct request *more =
        slk_realloc(sched->requests, sched->n_requests + 1, sizeof *sched->requests);
    if (!more)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a task");
    sched->requests = more;
    struct request fresh = {.id = ++sched->last_id,
                            .worker = worker,
                            .slot = worker != 0,
                            .since_ms = slk_clock_wall_ms(),
                            .what = *what};
    const struct slot *at = find_slot(sched, worker);
    if (at)
        fresh.need = slk_lotus_worker_need(at->worker.info, what->task, what->seal_proof);
    size_t i = sched->n_requests++;
    for (; i > 0 && before(&fresh, &more[i - 1]); i--)
        more[i] = more[i - 1];
    more[i] = fresh;
    recount(sched, worker);
    *ret_id = fresh.id;
    return SLK_OK;
}

slk_err slk_sched_ask(uint64_t *ret_id, slk_sched *sched, const slk_sched_request *request,
                      slk_error *error)
{
    return insert(ret_id, sched, request, 0, error);
}

slk_err slk_sched_adopt(uint64_t *ret_id, slk_sched *sched, const slk_sched_request *request,
                        uint64_t worker, uint64_t with, slk_error *error)
{
    uint64_t id = 0;
    SLK_TRY(insert(&id, sched, request, worker, error));
    struct request *mate = find_request(sched, with);
    if (mate && mate->worker == worker) {
        struct request *fresh = find_request(sched, id);
        mate->batch = mate->batch ? mate->batch : mate->id;
        fresh->batch = mate->batch;
        fresh->slot = false;
        recount(sched, worker);
    }
    *ret_id = id;
    return SLK_OK;
}

/* It has nothing any more; of its batch another one keeps the slot. */
static void let_go(slk_sched *sched, struct request *r)
{
    const uint64_t batch = r->batch;
    const bool slot = r->slot;
    r->worker = r->batch = 0;
    r->slot = false;
    for (size_t i = 0; i < sched->n_requests && batch && slot; i++) {
        if (sched->requests[i].batch == batch) {
            sched->requests[i].slot = true;
            return;
        }
    }
}

void slk_sched_end(slk_sched *sched, uint64_t request)
{
    struct request *r = find_request(sched, request);
    if (!r)
        return;
    const uint64_t worker = r->worker;
    let_go(sched, r);
    const size_t after = sched->n_requests - (size_t)(r - sched->requests) - 1;
    memmove(r, r + 1, after * sizeof *r);
    sched->n_requests--;
    recount(sched, worker);
}

static bool is_avoided(const slk_sched_request *what, uint64_t worker)
{
    for (size_t i = 0; i < SLK_SCHED_AVOIDED_MAX; i++)
        if (what->avoided[i] == worker)
            return true;
    return false;
}

/* The one avoided longest is forgiven when there is no place. */
static void avoid_worker(slk_sched_request *what, uint64_t worker)
{
    if (is_avoided(what, worker))
        return;
    memmove(what->avoided + 1, what->avoided,
            (SLK_SCHED_AVOIDED_MAX - 1) * sizeof what->avoided[0]);
    what->avoided[0] = worker;
}

void slk_sched_again(slk_sched *sched, uint64_t request, bool avoid)
{
    struct request *r = find_request(sched, request);
    if (!r)
        return;
    const uint64_t worker = r->worker;
    if (avoid && worker)
        avoid_worker(&r->what, worker);
    let_go(sched, r);
    recount(sched, worker);
}

/* ---- room ---- */

const slk_lotus_load *slk_sched_load(const slk_sched *sched, uint64_t worker)
{
    const struct slot *slot = find_slot(sched, worker);
    return slot ? &slot->load : NULL;
}

unsigned slk_sched_running(const slk_sched *sched, uint64_t worker)
{
    const struct slot *slot = find_slot(sched, worker);
    return slot ? slot->running : 0;
}

unsigned slk_sched_slots(const slk_sched *sched, uint64_t worker)
{
    const struct slot *slot = find_slot(sched, worker);
    unsigned n = slot ? slot->running : 0;
    for (unsigned t = 0; t < SLK_LOTUS_TASKS && slot; t++)
        n -= slot->mates[t];
    return n;
}

/* The bound that the task counts towards; NULL: none. */
static const slk_sched_bound *bound_of(const struct slot *slot, slk_lotus_task task)
{
    for (size_t i = 0; i < SLK_SCHED_BOUNDS; i++) {
        const slk_sched_bound *bound = &slot->worker.bounds[i];
        if (bound->most > 0 && (bound->tasks & SLK_LOTUS_TASK_BIT(task)))
            return bound;
    }
    return NULL;
}

/* How many tasks of the bound run there, a batch being one. */
static unsigned bound_running(const struct slot *slot, const slk_sched_bound *bound)
{
    unsigned n = 0;
    for (slk_lotus_task t = 0; t < SLK_LOTUS_TASKS; t++)
        for (size_t p = 0; p < SLK_LOTUS_PROOFS && (bound->tasks & SLK_LOTUS_TASK_BIT(t)); p++)
            n += slot->load.running[t][p];
    for (slk_lotus_task t = 0; t < SLK_LOTUS_TASKS; t++)
        n -= bound->tasks & SLK_LOTUS_TASK_BIT(t) ? slot->mates[t] : 0;
    return n;
}

static bool has_slot(const struct slot *slot, slk_lotus_task task)
{
    const slk_sched_bound *bound = bound_of(slot, task);
    return !bound || bound_running(slot, bound) < bound->most;
}

/* How many of them its NUMA nodes hold, each in one; UINT64_MAX: it does not matter there. */
static uint64_t numa_slots(const struct slot *slot, slk_lotus_task task, const slk_lotus_need *need)
{
    const slk_sched_worker *w = &slot->worker;
    const uint64_t bytes = need->min_memory + need->base_min_memory;
    uint64_t slots = 0;
    if (task != SLK_LOTUS_PRECOMMIT1 || w->n_numa < 2 || bytes == 0 || w->info->ignore_resources)
        return UINT64_MAX;
    for (size_t i = 0; i < w->n_numa; i++)
        slots += w->numa_bytes[i] / bytes;
    return slots > 0 ? slots : UINT64_MAX;
}

static bool has_numa_slot(const struct slot *slot, slk_lotus_task task, int64_t seal_proof,
                          const slk_lotus_need *need)
{
    return slot->load.running[task][seal_proof] < numa_slots(slot, task, need);
}

/* *ret_need is what the task needs there. */
static bool has_room(slk_lotus_need *ret_need, const struct slot *slot, slk_lotus_task task,
                     int64_t seal_proof)
{
    const slk_lotus_worker_info *info = slot->worker.info;
    *ret_need = slk_lotus_worker_need(info, task, seal_proof);
    return has_slot(slot, task) && has_numa_slot(slot, task, seal_proof, ret_need) &&
           slk_lotus_fits(&info->machine, &slot->load, task, seal_proof, ret_need,
                          info->ignore_resources) == SLK_LOTUS_FITS;
}

/* The same for one more of a batch, of which one is there. */
static bool has_batch_room(slk_lotus_need *ret_need, const struct slot *slot, slk_lotus_task task,
                           int64_t seal_proof)
{
    const slk_lotus_worker_info *info = slot->worker.info;
    *ret_need = slk_lotus_worker_need(info, task, seal_proof);
    const slk_lotus_need beside = slk_lotus_need_in_batch(ret_need, &slot->load, &info->machine);
    return has_numa_slot(slot, task, seal_proof, ret_need) &&
           slk_lotus_fits(&info->machine, &slot->load, task, seal_proof, &beside,
                          info->ignore_resources) == SLK_LOTUS_FITS;
}

static bool does(const struct slot *slot, slk_lotus_task task)
{
    return (slot->worker.tasks & SLK_LOTUS_TASK_BIT(task)) != 0;
}

/* As far as it matters to a task of that kind. */
static double utilization(const struct slot *slot, slk_lotus_task task)
{
    const double load = slk_lotus_utilization(&slot->worker.info->machine, &slot->load);
    const slk_sched_bound *bound = bound_of(slot, task);
    const double slots = bound ? (double)bound_running(slot, bound) / bound->most : 0;
    return slots > load ? slots : load;
}

/* ---- rounds ---- */

static unsigned rank_of(const slk_sched_request *what, uint64_t worker, unsigned others, char *why)
{
    why[0] = '\0';
    return what->selector ? what->selector(what->context, worker, others, why) : 1;
}

static unsigned batch_limit(const struct slot *slot, unsigned batch_most)
{
    const unsigned most =
        batch_most < slot->worker.batch_most ? batch_most : slot->worker.batch_most;
    return most > 1 ? most : 1;
}

/* May wait for nothing better than to be done together with r. */
static bool is_mate(const struct request *r, const struct request *other)
{
    return other->worker == 0 && other->what.task == r->what.task &&
           other->what.seal_proof == r->what.seal_proof && other->what.batch_most > 1 &&
           memcmp(other->what.avoided, r->what.avoided, sizeof r->what.avoided) == 0;
}

static void grant(struct slot *slot, struct request *r, const slk_lotus_need *need, uint64_t batch,
                  bool takes_slot)
{
    r->worker = slot->worker.id;
    r->need = *need;
    r->batch = batch;
    r->slot = takes_slot;
    add_load(slot, r);
}

/* Those that wait and go to the worker with the first-th request, for which it has room and which it suits
 * with that rank; how many, the first included. really: they are granted; else they are only counted, and
 * slot is a copy. */
static unsigned fill(struct slot *slot, slk_sched *sched, size_t first, unsigned rank, bool really)
{
    const struct request r = sched->requests[first];
    const unsigned most = batch_limit(slot, r.what.batch_most);
    char why[SLK_SCHED_WHY_CHARS];
    unsigned n = 0;
    for (size_t i = first; i < sched->n_requests && n < most; i++) {
        struct request copy = sched->requests[i];
        struct request *other = really ? &sched->requests[i] : &copy;
        slk_lotus_need need =
            slk_lotus_worker_need(slot->worker.info, r.what.task, r.what.seal_proof);
        if (n > 0 &&
            (!is_mate(&r, other) || rank_of(&other->what, slot->worker.id, n, why) != rank ||
             !has_batch_room(&need, slot, r.what.task, r.what.seal_proof)))
            continue;
        grant(slot, other, &need, most > 1 ? r.id : 0, n == 0);
        n++;
    }
    return n;
}

struct choice {
    struct slot *slot; /* NULL none */
    unsigned rank, together;
    double used;
};

static void consider(struct choice *best, slk_sched *sched, struct slot *slot, size_t index)
{
    char why[SLK_SCHED_WHY_CHARS];
    const slk_sched_request *what = &sched->requests[index].what;
    const slk_sched_worker *w = &slot->worker;
    if (!w->open || !does(slot, what->task) || is_avoided(what, w->id))
        return;
    const unsigned rank = rank_of(what, w->id, 0, why);
    slk_lotus_need need;
    if (rank == 0 || rank < best->rank || !has_room(&need, slot, what->task, what->seal_proof))
        return;
    struct slot copy = *slot;
    const struct choice this = {slot, rank, fill(&copy, sched, index, rank, false),
                                utilization(slot, what->task)};
    if (rank > best->rank || this.together > best->together ||
        (this.together == best->together && this.used < best->used))
        *best = this;
}

size_t slk_sched_round(slk_sched *sched)
{
    size_t granted = 0;
    for (size_t i = 0; i < sched->n_requests; i++) {
        struct choice best = {0};
        for (size_t k = 0; k < sched->n_slots && sched->requests[i].worker == 0; k++)
            consider(&best, sched, &sched->slots[k], i);
        if (!best.slot)
            continue;
        const unsigned n = fill(best.slot, sched, i, best.rank, true);
        if (n == 1)
            sched->requests[i].batch = 0;
        granted += n;
    }
    return granted;
}

uint64_t slk_sched_granted(const slk_sched *sched, uint64_t request)
{
    const struct request *r = find_request(sched, request);
    return r ? r->worker : 0;
}

uint64_t slk_sched_batch(const slk_sched *sched, uint64_t request)
{
    const struct request *r = find_request(sched, request);
    return r ? r->batch : 0;
}

unsigned slk_sched_batch_size(const slk_sched *sched, uint64_t batch)
{
    unsigned n = 0;
    for (size_t i = 0; i < sched->n_requests && batch; i++)
        n += sched->requests[i].batch == batch;
    return n;
}

/* How many of the request fill the slot, which is a copy; at most max. */
static unsigned fill_up(struct slot *slot, const struct request *r, unsigned max)
{
    const unsigned most = batch_limit(slot, r->what.batch_most);
    unsigned n = 0, size = 0; /* of the batch that is being filled */
    for (; n < max; n++) {
        struct request one = *r;
        slk_lotus_need need;
        const bool joins = size > 0 && size < most;
        if (joins ? !has_batch_room(&need, slot, r->what.task, r->what.seal_proof)
                  : !has_room(&need, slot, r->what.task, r->what.seal_proof))
            break;
        grant(slot, &one, &need, most > 1, !joins);
        size = joins ? size + 1 : 1;
    }
    return n;
}

unsigned slk_sched_room(const slk_sched *sched, slk_lotus_task task, int64_t seal_proof,
                        unsigned batch_most, unsigned max)
{
    const struct request r = {
        .what = {.task = task, .seal_proof = seal_proof, .batch_most = batch_most}};
    unsigned n = 0;
    for (size_t i = 0; i < sched->n_slots; i++) {
        struct slot slot = sched->slots[i];
        if (slot.worker.open && does(&slot, task))
            n += fill_up(&slot, &r, max - n);
    }
    return n;
}

bool slk_sched_possible(const slk_sched *sched, uint64_t request)
{
    const struct request *r = find_request(sched, request);
    char why[SLK_SCHED_WHY_CHARS];
    for (size_t i = 0; i < sched->n_slots && r; i++) {
        const slk_sched_worker *w = &sched->slots[i].worker;
        if (does(&sched->slots[i], r->what.task) && !is_avoided(&r->what, w->id) &&
            rank_of(&r->what, w->id, 0, why) > 0)
            return true;
    }
    return false;
}

/* ---- why it waits ---- */

/* Its numbers, and what changes them. */
static void say_too_small(char *out, size_t size, const struct slot *slot, const struct request *r,
                          const slk_lotus_need *need, slk_lotus_fit fit)
{
    const slk_lotus_machine *m = &slot->worker.info->machine;
    const char *task = slk_lotus_task_short(r->what.task);
    const bool swap = fit == SLK_LOTUS_NO_SWAP;
    const double gib = 1 << 30;
    if (fit == SLK_LOTUS_NO_MEMORY || swap)
        (void)snprintf(
            out, size,
            "has not enough: %s, and never will: %s is reckoned to need %.1f GiB, it has "
            "%.1f; %s_MIN_MEMORY, %s_MAX_MEMORY there change that",
            slk_lotus_fit_name(fit), task,
            (double)(need->base_min_memory + (swap ? need->max_memory : need->min_memory)) / gib,
            (double)(m->mem_physical + (swap ? m->mem_swap : 0)) / gib, task, task);
    else
        (void)snprintf(out, size,
                       "has not enough: %s, and never will; `selkie worker resources --all` there "
                       "lists what changes that",
                       slk_lotus_fit_name(fit));
}

/* What this worker lacks for it; whether it ever will be enough is said, too. */
static void say_room(char *out, size_t size, const struct slot *slot, const struct request *r)
{
    const slk_lotus_worker_info *info = slot->worker.info;
    const slk_lotus_need need = slk_lotus_worker_need(info, r->what.task, r->what.seal_proof);
    const slk_lotus_fit fit = slk_lotus_fits(&info->machine, &slot->load, r->what.task,
                                             r->what.seal_proof, &need, info->ignore_resources);
    const slk_lotus_load nothing = {0};
    const bool ever = slk_lotus_fits(&info->machine, &nothing, r->what.task, r->what.seal_proof,
                                     &need, info->ignore_resources) == SLK_LOTUS_FITS;
    const slk_sched_bound *bound = bound_of(slot, r->what.task);
    if (!has_slot(slot, r->what.task))
        (void)snprintf(out, size, "runs %u already, as many of that kind as it may",
                       bound_running(slot, bound));
    else if (fit == SLK_LOTUS_FITS && !has_numa_slot(slot, r->what.task, r->what.seal_proof, &need))
        (void)snprintf(out, size,
                       "has no room in one NUMA node beside the %u that run; labels across nodes "
                       "would be slow",
                       slot->load.running[r->what.task][r->what.seal_proof]);
    else if (fit == SLK_LOTUS_FITS)
        (void)snprintf(out, size, "has room and gets it next");
    else if (!ever)
        say_too_small(out, size, slot, r, &need, fit);
    else
        (void)snprintf(out, size, "has no room beside the %u tasks it runs: %s", slot->running,
                       slk_lotus_fit_name(fit));
}

/* How near the worker is to having it: the nearest one's reason is told. */
static unsigned say_worker(char *out, size_t size, const struct slot *slot, const struct request *r)
{
    const slk_sched_worker *w = &slot->worker;
    char why[SLK_SCHED_WHY_CHARS];
    if (!does(slot, r->what.task)) {
        (void)snprintf(
            out, size,
            "does not do %s: connect a worker that does, or `selkie worker tasks enable`",
            slk_lotus_task_short(r->what.task));
        return 1;
    }
    if (is_avoided(&r->what, w->id)) {
        (void)snprintf(out, size, "had it and failed; it is given to it again at the next try");
        return 2;
    }
    if (!w->open) {
        (void)snprintf(out, size, "is closed: %s; `selkie worker list` shows it", w->closed_why);
        return 3;
    }
    if (rank_of(&r->what, w->id, 0, why) == 0) {
        (void)snprintf(out, size, "%s", why[0] ? why : "does not suit");
        return 4;
    }
    say_room(out, size, slot, r);
    return 5;
}

/* Who comes nearest to having it, and what is lacking. */
static void say_workers(char *out, size_t size, const slk_sched *sched, const struct request *r)
{
    if (sched->n_slots == 0) {
        (void)snprintf(out, size,
                       "no worker is connected; `selkie auth api-info` prints what one needs");
        return;
    }
    unsigned nearest = 0;
    char text[256], best[256] = "";
    const slk_sched_worker *who = NULL;
    for (size_t i = 0; i < sched->n_slots; i++) {
        const unsigned near = say_worker(text, sizeof text, &sched->slots[i], r);
        if (near <= nearest)
            continue;
        nearest = near;
        who = &sched->slots[i].worker;
        memcpy(best, text, sizeof best);
    }
    if (sched->n_slots == 1)
        (void)snprintf(out, size, "the only worker, %.80s, %s", who->info->hostname, best);
    else
        (void)snprintf(out, size, "none of %zu workers can have it; %.60s %s", sched->n_slots,
                       who->info->hostname, best);
}

void slk_sched_why(char out[SLK_SCHED_WHY_CHARS], const slk_sched *sched, uint64_t request)
{
    const struct request *r = find_request(sched, request);
    char about[SLK_SCHED_ABOUT_CHARS] = "";
    out[0] = '\0';
    if (!r || r->worker)
        return;
    if (r->what.about)
        r->what.about(r->what.context, about);
    if (about[0])
        (void)snprintf(out, SLK_SCHED_WHY_CHARS, "%s", about);
    else
        say_workers(out, SLK_SCHED_WHY_CHARS, sched, r);
}

bool slk_sched_at(slk_sched_seen *ret, slk_sched *sched, size_t index)
{
    if (index >= sched->n_requests)
        return false;
    const struct request *r = &sched->requests[index];
    *ret = (slk_sched_seen){r->id, r->worker, r->batch, r->since_ms, r->what};
    return true;
}
