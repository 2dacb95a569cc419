/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/scheduler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB (UINT64_C(1) << 30)
#define ALL_SEALING                                                                        \
    (SLK_LOTUS_TASK_BIT(SLK_LOTUS_PRECOMMIT1) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_PRECOMMIT2) | \
     SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT1) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT2) |       \
     SLK_LOTUS_TASK_BIT(SLK_LOTUS_FETCH))

static slk_lotus_worker_info info_of(const char *name, uint64_t memory, unsigned cpus)
{
    slk_lotus_worker_info info = {.machine = {.mem_physical = memory, .cpus = cpus}};
    (void)snprintf(info.hostname, sizeof info.hostname, "%s", name);
    return info;
}

static slk_sched *new_sched(void)
{
    slk_sched *sched = NULL;
    assert_int_equal(slk_sched_new(&sched, NULL), SLK_OK);
    return sched;
}

static void add(slk_sched *sched, uint64_t id, const slk_lotus_worker_info *info,
                slk_lotus_task_set tasks, unsigned most)
{
    const slk_sched_worker worker = {
        .id = id, .open = true, .tasks = tasks, .bounds = {{~0u, most}}, .info = info};
    assert_int_equal(slk_sched_set_worker(sched, &worker, NULL), SLK_OK);
}

/* The same, closed. */
static void add_closed(slk_sched *sched, uint64_t id, const slk_lotus_worker_info *info)
{
    const slk_sched_worker worker = {
        .id = id, .closed_why = "it does not answer", .tasks = ALL_SEALING, .info = info};
    assert_int_equal(slk_sched_set_worker(sched, &worker, NULL), SLK_OK);
}

static uint64_t ask(slk_sched *sched, slk_lotus_task task, int64_t proof, int64_t priority)
{
    uint64_t id = 0;
    const slk_sched_request request = {.task = task, .seal_proof = proof, .priority = priority};
    assert_int_equal(slk_sched_ask(&id, sched, &request, NULL), SLK_OK);
    return id;
}

/* One place: what is granted first shows the order. */
static void order_is_lotus(void **state)
{
    (void)state;
    const slk_lotus_worker_info info = info_of("w", 64 * GIB, 64);
    slk_sched *sched = new_sched();
    add(sched, 1, &info, ALL_SEALING, 1);
    const uint64_t pc1 = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
    const uint64_t second = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
    const uint64_t c2 = ask(sched, SLK_LOTUS_COMMIT2, 5, 0);
    const uint64_t urgent = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 7);
    const uint64_t fetch = ask(sched, SLK_LOTUS_FETCH, 5, 0);
    const uint64_t expected[] = {fetch, urgent, c2, pc1, second};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(slk_sched_round(sched), 1);
        assert_int_equal(slk_sched_round(sched), 0);
        assert_int_equal(slk_sched_granted(sched, expected[i]), 1);
        slk_sched_end(sched, expected[i]);
    }
    slk_sched_free(sched);
}

static void the_least_used_gets_it(void **state)
{
    (void)state;
    const slk_lotus_worker_info small = info_of("small", 8 * GIB, 4);
    const slk_lotus_worker_info large = info_of("large", 8 * GIB, 16);
    slk_sched *sched = new_sched();
    add(sched, 1, &small, ALL_SEALING, 0);
    add(sched, 2, &large, ALL_SEALING, 0);
    const uint64_t a = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
    const uint64_t b = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
    const uint64_t c = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
    assert_int_equal(slk_sched_round(sched), 3);
    assert_int_equal(slk_sched_granted(sched, a), 1); /* both idle: who came first */
    assert_int_equal(slk_sched_granted(sched, b), 2);
    assert_int_equal(slk_sched_granted(sched, c), 2); /* 1 of 16 is less than 1 of 4 */
    slk_sched_free(sched);
}

static unsigned only_two(const void *context, uint64_t worker, unsigned others, char *why)
{
    (void)context;
    (void)others;
    (void)snprintf(why, SLK_SCHED_WHY_CHARS, "has not the layers");
    return worker == 2 ? 1 : 0;
}

static void whom_it_waits_for(const void *context, char *out)
{
    (void)context;
    (void)snprintf(out, SLK_SCHED_ABOUT_CHARS, "beta is waited for");
}

static void selectors_and_avoiding(void **state)
{
    (void)state;
    const slk_lotus_worker_info a = info_of("alpha", 8 * GIB, 4), b = info_of("beta", 8 * GIB, 4);
    slk_sched *sched = new_sched();
    add(sched, 1, &a, ALL_SEALING, 0);
    uint64_t id = 0;
    char why[SLK_SCHED_WHY_CHARS];
    slk_sched_request bound = {.task = SLK_LOTUS_PRECOMMIT2, .seal_proof = 5, .selector = only_two};
    assert_int_equal(slk_sched_ask(&id, sched, &bound, NULL), SLK_OK);
    assert_int_equal(slk_sched_round(sched), 0);
    slk_sched_why(why, sched, id);
    assert_string_equal(why, "the only worker, alpha, has not the layers");
    assert_false(slk_sched_possible(sched, id));
    bound.about = whom_it_waits_for; /* says more than what is true of one worker */
    uint64_t told = 0;
    assert_int_equal(slk_sched_ask(&told, sched, &bound, NULL), SLK_OK);
    slk_sched_why(why, sched, told);
    assert_string_equal(why, "beta is waited for");
    slk_sched_end(sched, told);
    add(sched, 2, &b, ALL_SEALING, 0);
    assert_true(slk_sched_possible(sched, id));
    assert_int_equal(slk_sched_round(sched), 1);
    assert_int_equal(slk_sched_granted(sched, id), 2);
    slk_sched_why(why, sched, id);
    assert_string_equal(why, "");

    const uint64_t free = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
    assert_int_equal(slk_sched_round(sched), 1);
    assert_int_equal(slk_sched_granted(sched, free), 1);
    slk_sched_again(sched, free, true);
    assert_int_equal(slk_sched_running(sched, 1), 0);
    slk_sched_end(sched, id);
    assert_int_equal(slk_sched_round(sched), 1);
    assert_int_equal(slk_sched_granted(sched, free), 2);
    slk_sched_again(sched, free, true);
    assert_int_equal(slk_sched_round(sched), 0);
    assert_false(slk_sched_possible(sched, free));
    slk_sched_why(why, sched, free);
    assert_string_equal(why, "none of 2 workers can have it; alpha had it and failed; it is given "
                             "to it again at the next try");
    slk_sched_free(sched);
}

static void reasons_are_sentences(void **state)
{
    (void)state;
    const slk_lotus_worker_info info = info_of("alpha", 64 * GIB, 4);
    char why[SLK_SCHED_WHY_CHARS];
    slk_sched *sched = new_sched();
    const uint64_t id = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
    slk_sched_why(why, sched, id);
    assert_non_null(strstr(why, "no worker is connected; "));
    add(sched, 1, &info, SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT2), 0);
    slk_sched_why(why, sched, id);
    assert_non_null(strstr(why, "the only worker, alpha, does not do PC1: connect"));
    add_closed(sched, 1, &info);
    assert_int_equal(slk_sched_round(sched), 0);
    slk_sched_why(why, sched, id);
    assert_string_equal(why, "the only worker, alpha, is closed: it does not answer; `selkie "
                             "worker list` shows it");
    add(sched, 1, &info, ALL_SEALING, 0);
    const uint64_t too_large = ask(sched, SLK_LOTUS_PRECOMMIT1, 9, 0); /* 112 GiB */
    assert_int_equal(slk_sched_round(sched), 1); /* the small one goes past it */
    slk_sched_why(why, sched, too_large);
    assert_non_null(strstr(
        why, "physical memory, and never will: PC1 is reckoned to need 112.0 GiB, it has 64.0"));
    add(sched, 1, &info, ALL_SEALING, 1);
    slk_sched_why(why, sched, too_large);
    assert_string_equal(why,
                        "the only worker, alpha, runs 1 already, as many of that kind as it may");
    slk_sched_free(sched);
}

/* Two nodes of 96 GiB: two times 56 GiB fit, each into one; a third would lie across both. */
/* As this node itself: so many labels and trees, so many SNARKs, whatever the others do. */
static void bounds_are_of_their_tasks(void **state)
{
    (void)state;
    const slk_lotus_worker_info info = info_of("alpha", 200 * GIB, 64);
    const slk_lotus_task_set c2 = SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT2);
    const slk_sched_worker worker = {.id = 1,
                                     .open = true,
                                     .tasks = ALL_SEALING,
                                     .bounds = {{ALL_SEALING & ~c2, 1}, {c2, 2}},
                                     .info = &info};
    char why[SLK_SCHED_WHY_CHARS];
    slk_sched *sched = new_sched();
    assert_int_equal(slk_sched_set_worker(sched, &worker, NULL), SLK_OK);
    const uint64_t labels = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
    const uint64_t trees = ask(sched, SLK_LOTUS_PRECOMMIT2, 6, 0);
    for (unsigned i = 0; i < 3; i++)
        (void)ask(sched, SLK_LOTUS_COMMIT2, 5, 0);
    assert_int_equal(slk_sched_room(sched, SLK_LOTUS_COMMIT2, 5, 1, 99), 2);
    assert_int_equal(slk_sched_round(sched), 3);
    assert_int_equal(slk_sched_granted(sched, trees), 1); /* comes before labels */
    slk_sched_why(why, sched, labels);
    assert_non_null(strstr(why, "runs 1 already"));
    slk_sched_end(sched, trees);
    assert_int_equal(slk_sched_round(sched), 1);
    assert_int_equal(slk_sched_granted(sched, labels), 1);
    assert_int_equal(slk_sched_running(sched, 1), 3);
    slk_sched_free(sched);
}

static void labels_lie_in_one_numa_node(void **state)
{
    (void)state;
    const slk_lotus_worker_info info = info_of("alpha", 200 * GIB, 64);
    const uint64_t nodes[] = {96 * GIB, 96 * GIB},
                   small[] = {48 * GIB, 48 * GIB, 48 * GIB, 48 * GIB};
    char why[SLK_SCHED_WHY_CHARS];
    slk_sched_worker worker = {.id = 1,
                               .open = true,
                               .tasks = ALL_SEALING,
                               .info = &info,
                               .numa_bytes = nodes,
                               .n_numa = 2};
    slk_sched *sched = new_sched();
    assert_int_equal(slk_sched_set_worker(sched, &worker, NULL), SLK_OK);
    assert_int_equal(slk_sched_room(sched, SLK_LOTUS_PRECOMMIT1, 8, 1, 99), 2);
    for (unsigned i = 0; i < 2; i++)
        (void)ask(sched, SLK_LOTUS_PRECOMMIT1, 8, 0);
    const uint64_t third = ask(sched, SLK_LOTUS_PRECOMMIT1, 8, 0);
    assert_int_equal(slk_sched_round(sched), 2);
    slk_sched_why(why, sched, third);
    assert_non_null(strstr(why, "no room in one NUMA node beside the 2 that run"));
    (void)ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0); /* a small one fits anywhere */
    assert_int_equal(slk_sched_round(sched), 1);
    worker.n_numa = 4; /* none fits into one: there it does not matter */
    worker.numa_bytes = small;
    assert_int_equal(slk_sched_set_worker(sched, &worker, NULL), SLK_OK);
    assert_int_equal(slk_sched_round(sched), 1);
    slk_sched_free(sched);
}

static void a_worker_that_left(void **state)
{
    (void)state;
    const slk_lotus_worker_info info = info_of("alpha", 8 * GIB, 4);
    slk_sched *sched = new_sched();
    add(sched, 1, &info, ALL_SEALING, 0);
    const uint64_t id = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
    assert_int_equal(slk_sched_round(sched), 1);
    slk_sched_remove_worker(sched, 1);
    assert_int_equal(slk_sched_granted(sched, id), 1); /* its caller decides */
    assert_null(slk_sched_load(sched, 1));
    slk_sched_again(sched, id, false);
    assert_int_equal(slk_sched_round(sched), 0);
    add(sched, 2, &info, ALL_SEALING, 0);
    uint64_t old = 0;
    const slk_sched_request running = {.task = SLK_LOTUS_COMMIT1, .seal_proof = 5};
    assert_int_equal(slk_sched_adopt(&old, sched, &running, 2, 0, NULL), SLK_OK);
    assert_int_equal(slk_sched_running(sched, 2), 1);
    assert_int_equal(slk_sched_granted(sched, old), 2);
    slk_sched_free(sched);
}

/* ---- many cases, drawn ---- */

enum { WORKERS = 6, STEPS = 120, CASES = 1500 };

struct world {
    slk_sched *sched;
    slk_lotus_worker_info info[WORKERS + 1];
    bool known[WORKERS + 1], open[WORKERS + 1];
    slk_lotus_task_set tasks[WORKERS + 1];
    unsigned most[WORKERS + 1];
    uint64_t requests[STEPS];
    size_t n;
    uint64_t seed;
    uint64_t trace; /* of all grants */
};

static uint64_t draw(struct world *w, uint64_t below)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return w->seed % below;
}

/* Worker's id mod 3 equal to the sector's number mod 3, when that is not 0. */
static unsigned by_rest(const void *context, uint64_t worker, unsigned others, char *why)
{
    (void)others;
    const uint64_t *rest = context;
    (void)snprintf(why, SLK_SCHED_WHY_CHARS, "is another rest");
    return worker % 3 == *rest ? 2 : 0;
}
static const uint64_t rests[3] = {0, 1, 2};

static void draw_worker(struct world *w)
{
    const uint64_t id = 1 + draw(w, WORKERS);
    char name[16];
    (void)snprintf(name, sizeof name, "w%u", (unsigned)id);
    w->info[id] = info_of(name, (draw(w, 4) + 1) * 40 * GIB, 1 + (unsigned)draw(w, 40));
    w->info[id].ignore_resources = draw(w, 10) == 0;
    w->known[id] = true;
    w->open[id] = draw(w, 4) != 0;
    w->tasks[id] = (slk_lotus_task_set)draw(w, 1u << SLK_LOTUS_FETCH);
    w->most[id] = (unsigned)draw(w, 4);
    const unsigned batch_most = (unsigned)draw(w, 6);
    const slk_sched_worker worker = {.id = id,
                                     .open = w->open[id],
                                     .tasks = w->tasks[id],
                                     .bounds = {{~0u, w->most[id]}},
                                     .batch_most = batch_most,
                                     .info = &w->info[id]};
    assert_int_equal(slk_sched_set_worker(w->sched, &worker, NULL), SLK_OK);
}

static void draw_request(struct world *w)
{
    static const int64_t proofs[] = {5, 6, 7, 8, 9};
    const slk_sched_request request = {
        .task = (slk_lotus_task)draw(w, SLK_LOTUS_FETCH),
        .seal_proof = proofs[draw(w, 5)],
        .priority = (int64_t)draw(w, 3),
        .batch_most = (unsigned)draw(w, 4),
        .selector = draw(w, 3) == 0 ? by_rest : NULL,
        .context = &rests[draw(w, 3)],
    };
    assert_int_equal(slk_sched_ask(&w->requests[w->n++], w->sched, &request, NULL), SLK_OK);
}

/* Nobody has more than it may, and nothing waits that could run. */
static void check_world(struct world *w, bool after_round)
{
    slk_sched_seen seen;
    for (size_t i = 0; slk_sched_at(&seen, w->sched, i); i++) {
        const slk_sched_request *r = &seen.request;
        char why[SLK_SCHED_WHY_CHARS];
        for (uint64_t id = 1; id <= WORKERS && after_round && seen.worker == 0; id++) {
            bool may = w->known[id] && w->open[id] && (w->tasks[id] & SLK_LOTUS_TASK_BIT(r->task));
            for (size_t k = 0; k < SLK_SCHED_AVOIDED_MAX; k++)
                may = may && r->avoided[k] != id;
            if (!may || (r->selector && r->selector(r->context, id, 0, why) == 0))
                continue;
            const slk_lotus_need need = slk_lotus_worker_need(&w->info[id], r->task, r->seal_proof);
            const bool room = (!w->most[id] || slk_sched_slots(w->sched, id) < w->most[id]) &&
                              slk_lotus_fits(&w->info[id].machine, slk_sched_load(w->sched, id),
                                             r->task, r->seal_proof, &need,
                                             w->info[id].ignore_resources) == SLK_LOTUS_FITS;
            assert_false(room);
        }
        slk_sched_why(why, w->sched, seen.id);
        assert_int_equal(why[0] != '\0', seen.worker == 0);
    }
}

/* What was granted in this round: the worker may have it, and has room for it beside the rest. */
static void check_grants(struct world *w)
{
    slk_lotus_load load[WORKERS + 1] = {0};
    unsigned running[WORKERS + 1] = {0};
    slk_sched_seen seen;
    for (size_t i = 0; slk_sched_at(&seen, w->sched, i); i++) {
        const slk_sched_request *r = &seen.request;
        const uint64_t id = seen.worker;
        if (id == 0)
            continue;
        const slk_lotus_need need = slk_lotus_worker_need(&w->info[id], r->task, r->seal_proof);
        slk_lotus_load_add(&load[id], r->task, r->seal_proof, &need, &w->info[id].machine);
        running[id]++;
        w->trace = w->trace * 31 + seen.id * 7 + id;
    }
    for (uint64_t id = 1; id <= WORKERS; id++)
        assert_int_equal(running[id], w->known[id] ? slk_sched_running(w->sched, id) : running[id]);
}

static void step(struct world *w)
{
    const uint64_t what = draw(w, 10);
    bool before[STEPS] = {false};
    if (what < 2)
        draw_worker(w);
    else if (what < 7 || w->n == 0)
        draw_request(w);
    else if (what < 9)
        slk_sched_end(w->sched, w->requests[draw(w, w->n)]);
    else
        slk_sched_again(w->sched, w->requests[draw(w, w->n)], draw(w, 2) == 0);
    for (size_t i = 0; i < w->n; i++)
        before[i] = slk_sched_granted(w->sched, w->requests[i]) != 0;
    (void)slk_sched_round(w->sched);
    for (size_t i = 0; i < w->n; i++) {
        const uint64_t id = slk_sched_granted(w->sched, w->requests[i]);
        if (id && !before[i])
            assert_true(w->known[id] && w->open[id]);
    }
    check_grants(w);
    check_world(w, true);
}

static uint64_t run_case(uint64_t seed)
{
    struct world w = {.sched = new_sched(), .seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
    for (size_t i = 0; i < STEPS - 1; i++)
        step(&w);
    slk_sched_free(w.sched);
    return w.trace;
}

/* ---- batches ---- */

static void add_batching(slk_sched *sched, uint64_t id, const slk_lotus_worker_info *info,
                         unsigned batch_most, unsigned most)
{
    const slk_sched_worker worker = {.id = id,
                                     .open = true,
                                     .tasks = ALL_SEALING,
                                     .bounds = {{~0u, most}},
                                     .batch_most = batch_most,
                                     .info = info};
    assert_int_equal(slk_sched_set_worker(sched, &worker, NULL), SLK_OK);
}

static void ask_many(uint64_t *ids, size_t n, slk_sched *sched, int64_t proof,
                     slk_sched_selector *selector)
{
    const slk_sched_request request = {
        .task = SLK_LOTUS_PRECOMMIT1, .seal_proof = proof, .batch_most = 8, .selector = selector};
    for (size_t i = 0; i < n; i++)
        assert_int_equal(slk_sched_ask(&ids[i], sched, &request, NULL), SLK_OK);
}

/* As many as its memory holds, on fewer processors; a batch takes one of its slots as long as any of it is
 * there. */
static void what_waits_goes_together(void **state)
{
    (void)state;
    const slk_lotus_worker_info info = info_of("large", 300 * GIB, 3);
    slk_sched *sched = new_sched();
    uint64_t ids[6], other = ask(sched, SLK_LOTUS_PRECOMMIT1, 7, 0);
    add_batching(sched, 1, &info, 8, 1);
    slk_sched_end(sched, other);
    ask_many(ids, 6, sched, 8, NULL);
    assert_int_equal(slk_sched_room(sched, SLK_LOTUS_PRECOMMIT1, 8, 8, 99), 4);
    assert_int_equal(slk_sched_room(sched, SLK_LOTUS_PRECOMMIT1, 8, 2, 99), 2);
    assert_int_equal(slk_sched_room(sched, SLK_LOTUS_PRECOMMIT1, 8, 1, 99), 1);
    assert_int_equal(slk_sched_round(sched), 4);
    const uint64_t batch = slk_sched_batch(sched, ids[0]);
    assert_true(batch != 0);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(slk_sched_batch(sched, ids[i]), i < 4 ? batch : 0);
    assert_int_equal(slk_sched_running(sched, 1), 4);
    assert_int_equal(slk_sched_slots(sched, 1), 1);
    assert_int_equal(slk_sched_load(sched, 1)->threads, 3);
    assert_int_equal(slk_sched_load(sched, 1)->mem_max, 4 * (64 * GIB + (10 << 20)));
    slk_sched_end(sched, ids[0]);
    slk_sched_again(sched, ids[1], false);
    assert_int_equal(slk_sched_batch(sched, ids[1]), 0);
    assert_int_equal(slk_sched_batch_size(sched, batch), 2);
    assert_int_equal(slk_sched_slots(sched, 1), 1);
    assert_int_equal(slk_sched_round(sched), 0); /* it has the one slot still */
    slk_sched_end(sched, ids[2]);
    slk_sched_end(sched, ids[3]);
    assert_int_equal(slk_sched_slots(sched, 1), 0);
    assert_int_equal(slk_sched_round(sched), 3);
    assert_int_equal(slk_sched_batch(sched, ids[5]), slk_sched_batch(sched, ids[1]));
    assert_true(slk_sched_batch(sched, ids[5]) != batch);
    slk_sched_free(sched);
}

static void a_batch_goes_where_most_of_it_fits(void **state)
{
    (void)state;
    const slk_lotus_worker_info plain = info_of("plain", 900 * GIB, 64);
    const slk_lotus_worker_info small = info_of("small", 140 * GIB, 64);
    const slk_lotus_worker_info large = info_of("large", 280 * GIB, 64);
    slk_sched *sched = new_sched();
    uint64_t ids[8];
    ask_many(ids, 8, sched, 8, NULL);
    add(sched, 1, &plain, ALL_SEALING, 1);
    add_batching(sched, 2, &small, 8, 0);
    add_batching(sched, 3, &large, 8, 0);
    assert_int_equal(slk_sched_round(sched), 7);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(slk_sched_granted(sched, ids[i]), i < 4 ? 3 : i < 6 ? 2 : i < 7 ? 1 : 0);
    assert_int_equal(slk_sched_batch(sched, ids[6]), 0); /* alone on one that does none */
    assert_int_equal(slk_sched_batch(sched, ids[4]), slk_sched_batch(sched, ids[5]));
    slk_sched_free(sched);
}

/* Its disk holds two more. */
static unsigned two_at_a_time(const void *context, uint64_t worker, unsigned others, char *why)
{
    (void)context;
    (void)worker;
    (void)snprintf(why, SLK_SCHED_WHY_CHARS, "has no room on its disk");
    return others < 2 ? 2 : 0;
}

static void only_what_is_alike_goes_together(void **state)
{
    (void)state;
    const slk_lotus_worker_info info = info_of("large", 64 * GIB, 64);
    slk_sched *sched = new_sched();
    uint64_t ids[3], more[3], alone = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
    ask_many(ids, 3, sched, 5, two_at_a_time);
    ask_many(more, 3, sched, 6, NULL);
    add_batching(sched, 1, &info, 8, 0);
    assert_int_equal(slk_sched_round(sched), 7);
    assert_int_equal(slk_sched_batch(sched, alone), 0);
    assert_int_equal(slk_sched_batch(sched, ids[0]), slk_sched_batch(sched, ids[1]));
    assert_int_equal(slk_sched_batch(sched, ids[2]),
                     0); /* by itself, as far as the disk is known */
    assert_true(slk_sched_batch(sched, more[0]) != slk_sched_batch(sched, ids[0]));
    for (size_t i = 1; i < 3; i++)
        assert_int_equal(slk_sched_batch(sched, more[i]), slk_sched_batch(sched, more[0]));
    assert_int_equal(slk_sched_slots(sched, 1), 4);
    slk_sched_again(sched, more[2], true); /* it failed there, and keeps away; the others do not */
    slk_sched_again(sched, more[0], false);
    slk_sched_again(sched, more[1], false);
    assert_int_equal(slk_sched_round(sched), 2);
    assert_int_equal(slk_sched_granted(sched, more[2]), 0);
    assert_int_equal(slk_sched_batch(sched, more[0]), slk_sched_batch(sched, more[1]));
    slk_sched_free(sched);
}

static void a_batch_from_before_is_one(void **state)
{
    (void)state;
    const slk_lotus_worker_info info = info_of("w", 64 * GIB, 2);
    slk_sched *sched = new_sched();
    uint64_t ids[3];
    const slk_sched_request request = {.task = SLK_LOTUS_PRECOMMIT1, .seal_proof = 5};
    add_batching(sched, 1, &info, 8, 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(slk_sched_adopt(&ids[i], sched, &request, 1, i > 0 ? ids[i - 1] : 0, NULL),
                         SLK_OK);
    assert_int_equal(slk_sched_slots(sched, 1), 1);
    assert_int_equal(slk_sched_running(sched, 1), 3);
    assert_int_equal(slk_sched_load(sched, 1)->threads, 2);
    assert_int_equal(slk_sched_batch_size(sched, slk_sched_batch(sched, ids[2])), 3);
    slk_sched_free(sched);
}

/* So many are granted as there was said to be room for, whatever runs and however it ends. */
static void room_is_what_is_granted(void **state)
{
    (void)state;
    const slk_lotus_worker_info small = info_of("small", 8 * GIB, 2);
    const slk_lotus_worker_info large = info_of("large", 8 * GIB, 5);
    slk_sched *sched = new_sched();
    assert_int_equal(slk_sched_room(sched, SLK_LOTUS_PRECOMMIT1, 5, 1, 99), 0);
    add(sched, 1, &small, ALL_SEALING, 0);
    add(sched, 2, &large, ALL_SEALING, 3);
    add(sched, 3, &large, SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT2), 0);
    const unsigned room = slk_sched_room(sched, SLK_LOTUS_PRECOMMIT1, 5, 1, 99);
    assert_int_equal(room, 2 + 3);
    assert_int_equal(slk_sched_room(sched, SLK_LOTUS_PRECOMMIT1, 5, 1, 4), 4);
    assert_int_equal(slk_sched_running(sched, 2), 0); /* asking takes nothing */
    uint64_t first = 0;
    for (unsigned i = 0; i < room + 2; i++) {
        const uint64_t id = ask(sched, SLK_LOTUS_PRECOMMIT1, 5, 0);
        first = first ? first : id;
    }
    assert_int_equal(slk_sched_round(sched), room);
    assert_int_equal(slk_sched_room(sched, SLK_LOTUS_PRECOMMIT1, 5, 1, 99), 0);
    slk_sched_end(sched, first);
    assert_int_equal(slk_sched_room(sched, SLK_LOTUS_PRECOMMIT1, 5, 1, 99), 1);
    add_closed(sched, 1, &small);
    add_closed(sched, 2, &large);
    assert_int_equal(slk_sched_room(sched, SLK_LOTUS_PRECOMMIT1, 5, 1, 99), 0);
    slk_sched_free(sched);
}

static void thousands_of_cases(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        const uint64_t trace = run_case(seed);
        if (seed % 50 == 0)
            assert_int_equal(run_case(seed), trace); /* the same calls, the same grants */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_lotus),
        cmocka_unit_test(the_least_used_gets_it),
        cmocka_unit_test(selectors_and_avoiding),
        cmocka_unit_test(reasons_are_sentences),
        cmocka_unit_test(a_worker_that_left),
        cmocka_unit_test(thousands_of_cases),
        cmocka_unit_test(what_waits_goes_together),
        cmocka_unit_test(a_batch_goes_where_most_of_it_fits),
        cmocka_unit_test(only_what_is_alike_goes_together),
        cmocka_unit_test(a_batch_from_before_is_one),
        cmocka_unit_test(room_is_what_is_granted),
        cmocka_unit_test(labels_lie_in_one_numa_node),
        cmocka_unit_test(bounds_are_of_their_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
