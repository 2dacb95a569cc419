/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/pc1_group.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <time.h>

#define CHUNK_NODES ((uint64_t)SLK_DIGEST_CHUNK_BYTES / 32)

struct run {
    slk_pc1_group *group;
    const slk_sector_shape *shape;
    unsigned n_live;
    slk_label_store *store;
    slk_aio *aio; /* layer files of all lanes */
    slk_region chunks; /* two per lane */
    slk_label_key key;
};

static unsigned first_layer(const slk_pc1_group *group)
{
    unsigned first = UINT32_MAX;
    for (unsigned i = 0; i < group->n; i++) {
        const unsigned own = slk_pc1_lane_first_layer(group->lanes[i]);
        first = own < first ? own : first;
    }
    return first;
}

unsigned slk_pc1_group_layers(const slk_pc1_group *group)
{
    return group->lanes[0]->request.sector.proof.shape->layers + 1 - first_layer(group);
}

/* ---- Lanes that end. */

static void reap(struct run *r, bool wait);

static void drop(struct run *r, unsigned number, slk_err code, const slk_error *error)
{
    slk_pc1_lane *lane = r->group->lanes[number];
    while (lane->busy[0] || lane->busy[1])
        reap(r, true);
    if (lane->ended) /* one of its last transfers failed too */
        return;
    slk_pc1_lane_end(lane, code, error);
    r->n_live--;
}

static void drop_all(struct run *r, slk_err code, const slk_error *error)
{
    for (unsigned i = 0; i < r->group->n; i++)
        if (!r->group->lanes[i]->ended)
            drop(r, i, code, error);
}

/* A sector whose file cannot be written ends; its own transfers alone are waited for. */
static void reap(struct run *r, bool wait)
{
    slk_aio_done done[2 * SLK_LABEL_MAX_LANES];
    const size_t n = slk_aio_reap(r->aio, done, sizeof done / sizeof *done, wait);
    for (size_t i = 0; i < n; i++)
        r->group->lanes[done[i].tag / 2]->busy[done[i].tag % 2] = false;
    for (size_t i = 0; i < n; i++) {
        slk_error error;
        const unsigned number = (unsigned)(done[i].tag / 2);
        if (r->group->lanes[number]->ended) /* the name in done[i] went with its file */
            continue;
        const slk_err code = slk_aio_result(&done[i], &error);
        if (code != SLK_OK)
            drop(r, number, code, &error);
    }
}

static void check_jobs(struct run *r)
{
    slk_error error;
    slk_err code = slk_job_check(r->group->job, &error);
    if (code != SLK_OK) {
        drop_all(r, code, &error);
        return;
    }
    for (unsigned i = 0; i < r->group->n; i++) {
        slk_pc1_lane *lane = r->group->lanes[i];
        if (lane->ended)
            continue;
        code = slk_job_check(lane->request.env.job, &error);
        if (code != SLK_OK)
            drop(r, i, code, &error);
    }
}

/* ---- A layer. */

static void open_files(struct run *r, unsigned layer)
{
    for (unsigned i = 0; i < r->group->n; i++) {
        slk_pc1_lane *lane = r->group->lanes[i];
        if (lane->ended)
            continue;
        slk_job_stage(lane->request.env.job, slk_layer_stage(layer), r->shape->nodes);
        if (slk_pc1_lane_has(lane, layer))
            continue;
        slk_error error;
        const slk_err code = slk_pc1_lane_open(lane, layer, &error);
        if (code != SLK_OK)
            drop(r, i, code, &error);
    }
}

static void commit_files(struct run *r, unsigned layer)
{
    for (unsigned i = 0; i < r->group->n; i++) {
        slk_pc1_lane *lane = r->group->lanes[i];
        while (lane->busy[0] || lane->busy[1])
            reap(r, true);
        if (!slk_pc1_lane_writes(lane))
            continue;
        slk_error error;
        const slk_err code = slk_pc1_lane_commit(lane, layer, &error);
        if (code != SLK_OK)
            drop(r, i, code, &error);
    }
}

/* The labels of nodes [first, first + n) to the files of the sectors. */
static void emit(struct run *r, uint64_t first, size_t n)
{
    uint8_t *nodes[SLK_LABEL_MAX_LANES] = {0};
    for (unsigned i = 0; i < r->group->n; i++) {
        slk_pc1_lane *lane = r->group->lanes[i];
        while (lane->busy[lane->turn])
            reap(r, true);
        if (slk_pc1_lane_writes(lane))
            nodes[i] = slk_pc1_lane_nodes(lane);
    }
    slk_label_unpack(r->group->kernel, nodes, slk_label_store_latest(r->store, first), n);
    for (unsigned i = 0; i < r->group->n; i++)
        if (nodes[i] && slk_pc1_lane_writes(r->group->lanes[i]))
            slk_pc1_lane_advance(r->group->lanes[i], r->aio, i, n);
    slk_aio_submit(r->aio);
}

static slk_err label_range(struct run *r, uint64_t first, uint64_t end, unsigned n_parents,
                           slk_error *error)
{
    const void *parents[SLK_PARENTS];
    for (uint64_t node = first; node < end; node++) {
        void *record;
        SLK_TRY(slk_label_store_parents(r->store, parents, node, error));
        SLK_TRY(slk_label_store_slot(r->store, &record, node, error));
        slk_label_record(r->group->kernel, record, &r->key, node, parents,
                         node == 0 ? 0 : n_parents);
        slk_label_store_put(r->store, node);
    }
    return SLK_OK;
}

static void advance_jobs(struct run *r, uint64_t n)
{
    slk_job_advance(r->group->job, n);
    for (unsigned i = 0; i < r->group->n; i++) {
        const slk_pc1_lane *lane = r->group->lanes[i];
        if (!lane->ended)
            slk_job_advance(lane->request.env.job, n);
    }
    r->group->labels += n * r->n_live;
}

static slk_err make_layer(struct run *r, unsigned layer, slk_error *error)
{
    const uint8_t *replica_ids[SLK_LABEL_MAX_LANES];
    for (unsigned i = 0; i < r->group->n; i++)
        replica_ids[i] = r->group->lanes[i]->work.state.replica_id;
    slk_label_key_init(&r->key, r->group->kernel, replica_ids, r->group->n, layer);
    open_files(r, layer);
    const unsigned n_parents = layer == 1 ? SLK_BASE_PARENTS : SLK_PARENTS;
    slk_label_store_begin(r->store, r->group->parents, n_parents);
    for (uint64_t first = 0; first < r->shape->nodes; first += SLK_LABEL_STORE_STEP) {
        check_jobs(r);
        if (r->n_live == 0)
            return SLK_OK;
        const uint64_t end = slk_min_u64(r->shape->nodes, first + SLK_LABEL_STORE_STEP);
        SLK_TRY(label_range(r, first, end, n_parents, error));
        emit(r, first, (size_t)(end - first));
        advance_jobs(r, end - first);
    }
    SLK_TRY(slk_label_store_end(r->store, error));
    commit_files(r, layer);
    return SLK_OK;
}

/* ---- Going on above a finished layer: its labels come from the sectors' files. */

static int open_finished(struct run *r, unsigned number, unsigned layer, slk_error *error)
{
    int fd = -1;
    SLK_CLEANUP(slk_freep)
    char *path = slk_layer_path(r->group->lanes[number]->request.cache, layer);
    slk_err code =
        path ? slk_file_open_read(&fd, path, error) : slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (code != SLK_OK)
        drop(r, number, code, error);
    return fd;
}

/* Nodes [first, first + n) of every sector, into its first chunk. */
static void read_finished(struct run *r, const int *fd, uint64_t first, size_t n)
{
    for (unsigned i = 0; i < r->group->n; i++) {
        slk_pc1_lane *lane = r->group->lanes[i];
        slk_error error;
        if (lane->ended)
            continue;
        const slk_err code = slk_file_read_at(fd[i], lane->chunk[0], 32 * n, 32 * first,
                                              lane->request.cache, &error);
        if (code != SLK_OK)
            drop(r, i, code, &error);
    }
}

static slk_err pack_finished(struct run *r, uint64_t first, uint64_t n, slk_error *error)
{
    const uint8_t *nodes[SLK_LABEL_MAX_LANES] = {0};
    for (uint64_t k = 0; k < n; k++) {
        void *record;
        for (unsigned i = 0; i < r->group->n; i++)
            nodes[i] = r->group->lanes[i]->chunk[0] + 32 * k;
        SLK_TRY(slk_label_store_slot(r->store, &record, first + k, error));
        slk_label_pack(r->group->kernel, record, nodes, 1);
        slk_label_store_put(r->store, first + k);
    }
    return SLK_OK;
}

static slk_err load_layer(struct run *r, unsigned layer, slk_error *error)
{
    int fd[SLK_LABEL_MAX_LANES];
    for (unsigned i = 0; i < r->group->n; i++)
        fd[i] = r->group->lanes[i]->ended ? -1 : open_finished(r, i, layer, error);
    slk_label_store_begin(r->store, NULL, 0);
    slk_err code = SLK_OK;
    for (uint64_t first = 0; first < r->shape->nodes && code == SLK_OK; first += CHUNK_NODES) {
        check_jobs(r);
        if (r->n_live == 0)
            break;
        const uint64_t n = slk_min_u64(CHUNK_NODES, r->shape->nodes - first);
        read_finished(r, fd, first, (size_t)n);
        code = pack_finished(r, first, n, error);
    }
    for (unsigned i = 0; i < r->group->n; i++)
        slk_closep(&fd[i]);
    if (code != SLK_OK || r->n_live == 0)
        return code;
    return slk_label_store_end(r->store, error);
}

/* ---- The run. */

static slk_err open_run(struct run *r, slk_error *error)
{
    const slk_pc1_group *g = r->group;
    const slk_pc1_batch_options *o = g->lanes[0]->options;
    const size_t chunk_bytes = (size_t)slk_min_u64(r->shape->bytes, SLK_DIGEST_CHUNK_BYTES);
    SLK_TRY(slk_aio_new(&r->aio, 2 * g->n, o->way, error));
    SLK_TRY(slk_region_init(&r->chunks, 2 * g->n * chunk_bytes, "layer files", error));
    for (unsigned i = 0; i < g->n; i++)
        for (unsigned k = 0; k < 2; k++)
            g->lanes[i]->chunk[k] = r->chunks.data + (2 * i + k) * chunk_bytes;
    const char *own = g->lanes[0]->request.cache;
    return slk_label_store_new(&r->store, &g->plan, r->shape->nodes, 32 * (size_t)g->kernel->lanes,
                               o->n_folders ? o->folders : &own, o->n_folders ? o->n_folders : 1,
                               o->way, error);
}

static slk_err make_layers(struct run *r, slk_error *error)
{
    const unsigned first = first_layer(r->group);
    if (first > r->shape->layers)
        return SLK_OK;
    SLK_TRY(open_run(r, error));
    if (first > 1)
        SLK_TRY(load_layer(r, first - 1, error));
    for (unsigned layer = first; layer <= r->shape->layers && r->n_live > 0; layer++)
        SLK_TRY(make_layer(r, layer, error));
    return SLK_OK;
}

static double thread_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void slk_pc1_group_run(slk_pc1_group *group)
{
    struct run r = {
        .group = group, .shape = group->lanes[0]->request.sector.proof.shape, .n_live = group->n};
    const double before = thread_seconds();
    slk_error error = {0};
    drop_all(&r, make_layers(&r, &error), &error);
    slk_label_store_free(r.store);
    slk_aio_free(r.aio);
    slk_region_done(&r.chunks);
    group->cpu_seconds = thread_seconds() - before;
}
