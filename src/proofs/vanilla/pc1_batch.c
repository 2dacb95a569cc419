/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/pc1_batch.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "proofs/vanilla/pc1_group.h"

#include <stdlib.h>
#include <string.h>

#define MEASURE_US 2000u
#define SPEEDUP 1.15

/* How sectors of one graph are spread over groups. */
struct spread {
    unsigned groups, at_once;
    unsigned sectors; /* of the largest group */
    const slk_label_kernel *kernel; /* of every group */
    double record_ns; /* of one node of a group */
    slk_label_store_plan store; /* of every group */
};

static uint64_t memory_allowed(const slk_pc1_batch_options *options)
{
    return options->memory_bytes ? options->memory_bytes : slk_mem_available() / 4 * 3;
}

/* n sectors over that many threads, each of which labels its share in one record where there is a kernel
 * as wide. Groups are of one size, or one less. */
static struct spread spread_over(const slk_crypto *crypto, size_t n, unsigned threads,
                                 unsigned lanes)
{
    const size_t share = (n + threads - 1) / threads;
    struct spread s = {.kernel = slk_label_choose(
                           crypto, (unsigned)(lanes > 0 ? slk_min_u64(share, lanes) : share))};
    const size_t widest = lanes > 0 ? slk_min_u64(lanes, s.kernel->lanes) : s.kernel->lanes;
    s.groups = (unsigned)((n + widest - 1) / widest);
    s.sectors = (unsigned)((n + s.groups - 1) / s.groups);
    s.at_once = s.groups < threads ? s.groups : threads;
    s.record_ns = slk_label_measure_ns(s.kernel, MEASURE_US);
    return s;
}

static double node_ns(const struct spread *s) /* of all sectors */
{
    return s->record_ns * ((s->groups + s->at_once - 1) / s->at_once);
}

/* A wide record takes little more time than a narrow one, so that fewer threads are often as fast. The
 * others are left for other work unless they make it SPEEDUP times as fast. */
static slk_err make_spread(struct spread *ret_spread, const slk_sector_shape *shape, size_t n,
                           const slk_pc1_batch_options *options, slk_error *error)
{
    if (options->lanes > SLK_LABEL_MAX_LANES)
        return slk_fail(error, SLK_E_LIMIT, "at most %u sectors can be labelled together",
                        SLK_LABEL_MAX_LANES);
    unsigned threads = options->threads ? options->threads : slk_cpu_count();
    const slk_crypto *crypto = options->env.crypto;
    struct spread s = spread_over(crypto, n, threads, options->lanes);
    while (threads > 1) {
        threads = (threads + 1) / 2;
        const struct spread fewer = spread_over(crypto, n, threads, options->lanes);
        if (node_ns(&fewer) > SPEEDUP * node_ns(&s))
            break;
        s = fewer;
    }
    SLK_TRY(slk_label_store_make_plan(&s.store, shape->nodes, 32 * (size_t)s.kernel->lanes,
                                      memory_allowed(options) / s.at_once, error));
    *ret_spread = s;
    return SLK_OK;
}

slk_err slk_pc1_batch_make_plan(slk_pc1_batch_plan *ret_plan, const slk_sector_shape *shape,
                                size_t n, const slk_pc1_batch_options *options, slk_error *error)
{
    struct spread s;
    SLK_TRY(make_spread(&s, shape, n, options, error));
    *ret_plan = (slk_pc1_batch_plan){
        .groups = s.groups,
        .groups_at_once = s.at_once,
        .group_sectors = s.sectors,
        .kernel = s.kernel->name,
        .kernel_lanes = s.kernel->lanes,
        .label_ns = s.record_ns / s.sectors,
        .in_memory = s.store.in_memory,
        .memory_bytes = s.store.memory_bytes * s.at_once,
        .store_bytes = s.store.disk_bytes * s.at_once,
        .sector_bytes = (3 + (uint64_t)shape->layers) * shape->bytes * n, /* TreeD is two */
        .parents_bytes = shape->nodes * SLK_PARENTS * sizeof(uint32_t),
    };
    return SLK_OK;
}

/* ---- Sectors of one graph. */

struct class
{
    slk_pc1_lane **lanes;
    size_t n;
    const slk_pc1_batch_options *options;
    slk_parents parents;
    slk_pc1_group *groups;
};

static bool same_graph(const slk_pc1_lane *a, const slk_pc1_lane *b)
{
    const slk_seal_proof *x = &a->request.sector.proof, *y = &b->request.sector.proof;
    return x->shape == y->shape && x->api == y->api && memcmp(x->porep_id, y->porep_id, 32) == 0;
}

static void end_class(struct class *c, slk_err code, const slk_error *error)
{
    for (size_t i = 0; i < c->n; i++)
        slk_pc1_lane_end(c->lanes[i], code, error);
}

/* Without a folder of parent caches the table needs one to lie in for a while: any sector's will do. */
static slk_err open_parents(struct class *c, slk_error *error)
{
    const slk_seal_env *env = &c->options->env;
    slk_graph graph;
    slk_graph_init(&graph, env->crypto, &c->lanes[0]->request.sector.proof);
    slk_err code = SLK_OK;
    for (size_t i = 0; i < c->n; i++) {
        const char *scratch =
            c->options->n_folders ? c->options->folders[0] : c->lanes[i]->request.cache;
        code = slk_parents_open(&c->parents, env->crypto, &graph, env->parent_cache, scratch,
                                env->pool, env->job, error);
        if (code != SLK_E_NOSPACE && code != SLK_E_IO)
            return code;
    }
    return code;
}

/* Sectors that begin at the same layer come to lie together. */
static int later_first(const void *a, const void *b)
{
    const slk_pc1_lane *x = *(slk_pc1_lane *const *)a, *y = *(slk_pc1_lane *const *)b;
    const unsigned xl = slk_pc1_lane_first_layer(x), yl = slk_pc1_lane_first_layer(y);
    if (xl != yl)
        return xl > yl ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static void run_groups(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)worker;
    struct class *c = context;
    for (uint64_t i = begin; i < end; i++)
        slk_pc1_group_run(&c->groups[i]);
}

static void label_class(struct class *c, const struct spread *s, slk_pool *pool,
                        slk_pc1_batch_stats *stats)
{
    uint64_t total = 0;
    slk_pc1_lane **next = c->lanes;
    for (unsigned i = 0; i < s->groups; i++) {
        const size_t size = c->n * (i + 1) / s->groups - c->n * i / s->groups;
        c->groups[i] = (slk_pc1_group){.kernel = s->kernel,
                                       .parents = &c->parents,
                                       .job = c->options->env.job,
                                       .plan = s->store,
                                       .lanes = next,
                                       .n = (unsigned)size};
        next += size;
        total +=
            slk_pc1_group_layers(&c->groups[i]) * c->lanes[0]->request.sector.proof.shape->nodes;
    }
    slk_job_stage(c->options->env.job, "layers", total);
    const int64_t before = slk_clock_monotonic_ms();
    slk_pool_for(pool, s->groups, 1, run_groups, c);
    stats->seconds += (double)(slk_clock_monotonic_ms() - before) / 1000;
    stats->memory_bytes = slk_max_u64(stats->memory_bytes, s->store.memory_bytes * s->at_once);
    for (unsigned i = 0; i < s->groups; i++) {
        stats->labels += c->groups[i].labels;
        stats->cpu_seconds += c->groups[i].cpu_seconds;
    }
}

static void run_class(struct class *c, slk_pc1_batch_stats *stats)
{
    struct spread s;
    slk_error error = {0};
    slk_pool *pool = NULL; /* its loop lasts for hours: not one that others wait for */
    const slk_sector_shape *shape = c->lanes[0]->request.sector.proof.shape;
    slk_err code = make_spread(&s, shape, c->n, c->options, &error);
    if (code == SLK_OK)
        code = open_parents(c, &error);
    if (code == SLK_OK)
        code = slk_pool_new(&pool, s.at_once, &error);
    if (code == SLK_OK) {
        c->groups = slk_calloc(s.groups, sizeof *c->groups);
        if (!c->groups)
            code = slk_fail(&error, SLK_E_NOMEM, "out of memory");
    }
    if (code == SLK_OK) {
        qsort(c->lanes, c->n, sizeof(slk_pc1_lane *), later_first);
        label_class(c, &s, pool, stats);
    } else {
        end_class(c, code, &error);
    }
    slk_pool_free(pool);
    slk_parents_done(&c->parents);
    slk_free(c->groups);
}

/* ---- The batch. */

struct batch {
    slk_pc1_lane *lanes;
    slk_pc1_lane **some; /* room for the lanes of one class */
    size_t n;
    const slk_pc1_batch_options *options;
};

/* Sectors before this one have their folders and sealed files already. */
static bool same_place(const char *own, const char *other)
{
    return strcmp(own, other) == 0 || slk_file_same(own, other);
}

static slk_err check_alone(const struct batch *b, size_t i, slk_error *error)
{
    const slk_pc1_request *own = &b->lanes[i].request;
    for (size_t k = 0; k < i; k++) {
        const slk_pc1_request *other = &b->lanes[k].request;
        if (same_place(own->cache, other->cache) || same_place(own->sealed, other->sealed))
            return slk_fail(error, SLK_E_INVAL,
                            "sector %zu of the batch has the cache folder or the sealed file of "
                            "sector %zu: %s",
                            i, k, own->cache);
    }
    return slk_job_check(b->options->env.job, error);
}

/* Everything before the labels. A sector without a job of its own is watched by the batch's. */
static void begin_sector(const struct batch *b, size_t i)
{
    slk_pc1_lane *lane = &b->lanes[i];
    slk_job *own = lane->request.env.job;
    slk_error error;
    slk_err code = check_alone(b, i, &error);
    lane->request.env = b->options->env;
    if (own)
        lane->request.env.job = own;
    if (code == SLK_OK)
        code = slk_pc1_begin(&lane->work, &lane->request, &error);
    lane->request.env.job = own;
    lane->kept = (unsigned)__builtin_popcount(lane->work.state.layers_done);
    if (code != SLK_OK || slk_pc1_lane_first_layer(lane) > lane->request.sector.proof.shape->layers)
        slk_pc1_lane_end(lane, code, &error);
}

/* The lanes that share the graph of the first one left; false: none is left. */
static bool next_class(const struct batch *b, struct class *ret_class)
{
    *ret_class = (struct class){.lanes = b->some, .options = b->options};
    for (size_t i = 0; i < b->n; i++) {
        slk_pc1_lane *lane = &b->lanes[i];
        if (!lane->ended && (ret_class->n == 0 || same_graph(lane, b->some[0])))
            b->some[ret_class->n++] = lane;
    }
    return ret_class->n > 0;
}

static void run_batch(const struct batch *b, slk_pc1_batch_stats *stats)
{
    for (size_t i = 0; i < b->n; i++)
        begin_sector(b, i);
    struct class class;
    while (next_class(b, &class))
        run_class(&class, stats);
}

size_t slk_pc1_batch(slk_pc1_outcome *outcomes, slk_pc1_batch_stats *ret_stats,
                     const slk_pc1_request *requests, size_t n,
                     const slk_pc1_batch_options *options)
{
    slk_assert(n <= SLK_PC1_BATCH_MAX);
    slk_pc1_batch_stats stats = {0};
    SLK_CLEANUP(slk_freep) slk_pc1_lane *lanes = slk_calloc(n, sizeof *lanes);
    SLK_CLEANUP(slk_freep) slk_pc1_lane **some = slk_calloc(n, sizeof *some);
    const struct batch batch = {.lanes = lanes, .some = some, .n = n, .options = options};
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        outcomes[i] = (slk_pc1_outcome){0};
        if (!lanes || !some)
            outcomes[i].code = slk_fail(&outcomes[i].error, SLK_E_NOMEM, "out of memory");
        else
            lanes[i] = (slk_pc1_lane){.request = requests[i],
                                      .work = SLK_PC1_WORK_NONE,
                                      .outcome = &outcomes[i],
                                      .options = options,
                                      .index = i,
                                      .file = SLK_OUTFILE_NONE};
    }
    if (lanes && some)
        run_batch(&batch, &stats);
    for (size_t i = 0; i < n; i++)
        failed += outcomes[i].code != SLK_OK;
    if (ret_stats)
        *ret_stats = stats;
    return failed;
}
