/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The layers of one sector: one thread labels, a second one digests, writes and makes durable what is
 * labelled, so that neither waits for the other's work. With one thread the two take turns by layer.
 *
 * A layer and the one below lie in memory (huge pages when there are any) and are written out from
 * there; where memory is short they are the mapped files themselves. On request, or where processors are
 * idle and there is room (SLK_PC1_TREE_C_AUTO), further threads hash columns into TreeC while the last
 * layer is labelled, and in the end all do. */
#include "base/fault.h"
#include "base/file.h"
#include "base/gate.h"
#include "base/mem.h"
#include "base/num.h"
#include "proofs/label/label.h"
#include "proofs/vanilla/digest.h"
#include "proofs/vanilla/pc1_columns.h"
#include "proofs/vanilla/pc1_impl.h"

#include <string.h>

/* Two layers may take this part of the memory that is there. */
#define MEMORY_SHARE_NUM 3u
#define MEMORY_SHARE_DEN 4u
/* From so many threads on, computing parents is no slower than reading them. */
#define FLY_THREADS 4u
#define MAKERS_MAX 3u
/* Chunks between two requests to begin writing. */
#define EARLY_CHUNKS 16u

/* Where a layer is while it is made and while the one above is made. */
struct place {
    slk_region memory; /* in memory, or */
    slk_file_map map; /* the mapped file */
    slk_outfile file; /* open from labelling to commit */
};

struct layers {
    slk_pc1_work *work;
    const slk_pc1_request *request;
    slk_parents parents; /* empty when they are computed on the fly */
    slk_rows rows;
    slk_digests digests;
    bool in_memory;
    bool alone; /* one thread does all, layer by layer */
    unsigned makers; /* threads that make rows of parents */
    unsigned make[SLK_MAX_LAYERS]; /* layers to make, in order */
    unsigned n;
    struct place place[2]; /* layer l: l mod 2 */
    slk_gate opened; /* files of make[] that are open */
    slk_gate labeled; /* nodes labelled, counted through all of make[] */
    slk_gate committed; /* layers of make[] that are durable */
    bool fused; /* TreeC is made, too */
    slk_pc1_columns columns;
    slk_fault fault;
};

static struct place *place_of(struct layers *l, unsigned layer)
{
    return &l->place[layer % 2];
}

static uint8_t *data_of(struct layers *l, unsigned layer)
{
    struct place *p = place_of(l, layer);
    return l->in_memory ? p->memory.data : p->map.data;
}

static void stop(struct layers *l, const slk_error *error)
{
    slk_fault_set(&l->fault, error);
    slk_gate_close(&l->opened);
    slk_gate_close(&l->labeled);
    slk_gate_close(&l->committed);
    slk_rows_close(&l->rows);
}

/* ---- The thread that labels. */

/* A layer kept from an earlier run, whose digest has been found right. */
static slk_err load_layer(struct layers *l, unsigned layer, slk_error *error)
{
    const uint64_t bytes = l->request->sector.proof.shape->bytes;
    struct place *p = place_of(l, layer);
    SLK_CLEANUP(slk_freep) char *path = slk_layer_path(l->request->cache, layer);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (!l->in_memory) {
        slk_file_map_done(&p->map);
        SLK_TRY(slk_file_map_read(&p->map, path, error));
        if (p->map.bytes != bytes)
            return slk_fail(error, SLK_E_CORRUPT, "%s has changed its size", path);
        return SLK_OK;
    }
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_file_open_read(&fd, path, error));
    for (uint64_t at = 0; at < bytes; at += SLK_DIGEST_CHUNK_BYTES) {
        SLK_TRY(slk_job_check(l->request->env.job, error));
        const size_t n = (size_t)slk_min_u64(SLK_DIGEST_CHUNK_BYTES, bytes - at);
        SLK_TRY(slk_file_read_at(fd, p->memory.data + at, n, at, path, error));
    }
    return SLK_OK;
}

static slk_err open_layer(struct layers *l, unsigned layer, slk_error *error)
{
    struct place *p = place_of(l, layer);
    slk_outfile_done(&p->file); /* the names of the layer two below */
    SLK_TRY(slk_pc1_layer_open(&p->file, l->request, layer, error));
    if (l->in_memory)
        return SLK_OK;
    slk_file_map_done(&p->map);
    return slk_file_map_rw(&p->map, p->file.fd, l->request->sector.proof.shape->bytes, p->file.temp,
                           error);
}

/* make[i]. The layer whose place it takes, two below, must be on disk. */
static slk_err label_layer(struct layers *l, unsigned i, slk_error *error)
{
    const unsigned layer = l->make[i];
    const slk_sector_shape *shape = l->request->sector.proof.shape;
    const slk_seal_env *env = &l->request->env;
    if (i >= 2 && !slk_gate_wait(&l->committed, i - 1))
        return SLK_OK; /* the other thread has failed and says why */
    if (layer > 1 && (i == 0 || l->make[i - 1] != layer - 1)) {
        if (i >= 1 && !slk_gate_wait(&l->committed, i))
            return SLK_OK;
        SLK_TRY(load_layer(l, layer - 1, error));
    }
    SLK_TRY(open_layer(l, layer, error));
    if (l->fused && i + 1 == l->n)
        SLK_TRY(slk_pc1_columns_begin(&l->columns, data_of(l, layer - 1), data_of(l, layer),
                                      &l->labeled, i * shape->nodes, error));
    (void)slk_gate_raise(&l->opened, i + 1);
    slk_job_stage(env->job, slk_layer_stage(layer), shape->nodes);
    const slk_label_task task = {.crypto = env->crypto,
                                 .rows = &l->rows,
                                 .nodes = shape->nodes,
                                 .replica_id = l->work->state.replica_id,
                                 .layer = layer,
                                 .out = data_of(l, layer),
                                 .previous = layer > 1 ? data_of(l, layer - 1) : NULL,
                                 .done = &l->labeled,
                                 .done_base = i * shape->nodes};
    return slk_label_layer(&task, env->job, error);
}

/* ---- The thread that writes. */

static slk_err write_chunk(struct layers *l, unsigned layer, uint64_t chunk, slk_error *error)
{
    const struct place *p = place_of(l, layer);
    const uint64_t at = chunk * SLK_DIGEST_CHUNK_BYTES;
    const uint8_t *data = data_of(l, layer) + at;
    const size_t n = slk_digests_chunk_bytes(&l->digests, chunk);
    slk_digests_take(&l->digests, chunk, data);
    if (!l->in_memory)
        return SLK_OK;
    SLK_TRY(slk_file_write_at(p->file.fd, data, n, at, p->file.temp, error));
    if ((chunk + 1) % EARLY_CHUNKS == 0)
        slk_file_write_early(p->file.fd, at + n - EARLY_CHUNKS * SLK_DIGEST_CHUNK_BYTES,
                             EARLY_CHUNKS * SLK_DIGEST_CHUNK_BYTES);
    return SLK_OK;
}

static slk_err write_layer(struct layers *l, unsigned i, slk_error *error)
{
    const unsigned layer = l->make[i];
    const slk_sector_shape *shape = l->request->sector.proof.shape;
    const uint64_t chunks = slk_digests_chunks(&l->digests);
    if (!slk_gate_wait(&l->opened, i + 1))
        return SLK_OK; /* the other thread has failed and says why */
    for (uint64_t chunk = 0; chunk < chunks; chunk++) {
        const uint64_t nodes =
            slk_min_u64(shape->nodes, (chunk + 1) * (SLK_DIGEST_CHUNK_BYTES / 32));
        if (!slk_gate_wait(&l->labeled, i * shape->nodes + nodes))
            return SLK_OK;
        SLK_TRY(write_chunk(l, layer, chunk, error));
    }
    uint8_t digest[32];
    slk_digests_final(&l->digests, digest);
    SLK_TRY(
        slk_pc1_layer_commit(l->work, l->request, layer, &place_of(l, layer)->file, digest, error));
    (void)slk_gate_raise(&l->committed, i + 1);
    return SLK_OK;
}

/* ---- Both. */

typedef slk_err part(struct layers *l, unsigned i, slk_error *error);

static void run_part(struct layers *l, part *one, unsigned i)
{
    slk_error error = {0};
    if (!slk_fault_any(&l->fault) && one(l, i, &error) != SLK_OK)
        stop(l, &error);
}

/* The last layer is open, so the two it needs are in their places. */
static void hash_columns(struct layers *l, unsigned worker)
{
    slk_error error = {0};
    if (slk_gate_wait(&l->opened, l->n) && !slk_fault_any(&l->fault) &&
        slk_pc1_columns_work(&l->columns, worker, &error) != SLK_OK)
        stop(l, &error);
}

/* Index 0 labels, index 1 writes, the next make rows of parents; others hash columns, in the end all
 * do. */
static void run_thread(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)end;
    struct layers *l = context;
    if (begin > 1 && begin < 2 + l->makers)
        slk_rows_make(&l->rows);
    for (unsigned i = 0; i < l->n && begin <= 1; i++)
        run_part(l, begin == 0 ? label_layer : write_layer, i);
    if (!l->fused)
        return;
    if (begin == 0)
        slk_pc1_columns_alone(&l->columns);
    hash_columns(l, worker);
}

/* The one that writes is mostly idle, so on two processors there are three threads. */
static unsigned column_threads(const struct layers *l)
{
    const unsigned threads = slk_pool_threads(l->request->env.pool);
    return threads > 2 + l->makers ? threads - 2 - l->makers : 1;
}

static unsigned all_threads(const struct layers *l)
{
    return 2 + l->makers + (l->fused ? column_threads(l) : 0);
}

/* With one thread there is nobody to do it beside the labels; a last layer that was kept gives no
 * occasion. Precommit 2 makes TreeC then. */
static bool can_fuse(const struct layers *l)
{
    const slk_pc1_request *r = l->request;
    const slk_sector_shape *shape = r->sector.proof.shape;
    if (r->tree_c == SLK_PC1_TREE_C_NO || l->alone || l->make[l->n - 1] != shape->layers)
        return false;
    if (r->tree_c == SLK_PC1_TREE_C_YES)
        return true;
    slk_pc1_room room = {.threads = slk_pool_threads(r->env.pool),
                         .busy = 1 + l->makers,
                         .in_memory = l->in_memory,
                         .disk_needed_bytes =
                             l->n * shape->bytes + slk_pc1_columns_disk_bytes(shape)};
    return slk_folder_free_bytes(&room.disk_free_bytes, r->cache, NULL) == SLK_OK &&
           slk_pc1_columns_pay(&room);
}

/* Room that another process has taken meanwhile is no failure where nobody has insisted. */
static slk_err open_columns(struct layers *l, slk_error *error)
{
    l->fused = can_fuse(l);
    if (!l->fused)
        return SLK_OK;
    const slk_err code = slk_pc1_columns_open(&l->columns, l->request, all_threads(l), error);
    if (l->request->tree_c == SLK_PC1_TREE_C_YES || (code != SLK_E_NOSPACE && code != SLK_E_NOMEM))
        return code;
    slk_pc1_columns_done(&l->columns);
    l->fused = false;
    return SLK_OK;
}

static slk_err run_layers(struct layers *l, slk_error *error)
{
    if (l->alone) {
        for (unsigned i = 0; i < l->n; i++) {
            run_part(l, label_layer, i);
            run_part(l, write_layer, i);
        }
        return slk_fault_result(&l->fault, error);
    }
    SLK_TRY(open_columns(l, error));
    const unsigned threads = all_threads(l);
    slk_pool *pool = NULL; /* its loop may last for hours: not one that others wait for */
    SLK_TRY(slk_pool_new(&pool, threads, error));
    slk_pool_for(pool, threads, 1, run_thread, l);
    slk_pool_free(pool);
    SLK_TRY(slk_fault_result(&l->fault, error));
    if (!l->fused)
        return SLK_OK;
    SLK_TRY(slk_pc1_columns_commit(&l->columns, &l->work->state, error));
    return slk_pc1_state_save(&l->work->state, l->request->env.crypto, l->request->cache, error);
}

static slk_err take_memory(struct layers *l, slk_error *error)
{
    const uint64_t bytes = l->request->sector.proof.shape->bytes;
    const uint64_t most = l->request->memory_bytes;
    l->in_memory =
        2 * bytes <= (most ? most : slk_mem_available() / MEMORY_SHARE_DEN * MEMORY_SHARE_NUM);
    for (size_t i = 0; i < 2 && l->in_memory; i++)
        l->in_memory = slk_region_init(&l->place[i].memory, bytes, "a layer", NULL) == SLK_OK;
    return slk_digests_init(&l->digests, l->request->env.crypto, bytes, error);
}

/* A table that is made for one sector alone pays only where few threads would compute its rows; and its
 * disk must be there beside that of the layers. */
static bool on_the_fly(const struct layers *l, const slk_graph *graph)
{
    const slk_pc1_request *r = l->request;
    uint64_t room = 0;
    if (r->parents != SLK_PC1_PARENTS_ANY || r->env.parent_cache)
        return r->parents == SLK_PC1_PARENTS_FLY;
    const uint64_t need = slk_parents_bytes(graph) + l->n * r->sector.proof.shape->bytes;
    return slk_pool_threads(r->env.pool) >= FLY_THREADS ||
           (slk_folder_free_bytes(&room, r->cache, NULL) == SLK_OK && room < need);
}

static slk_err open_rows(struct layers *l, slk_error *error)
{
    const slk_seal_env *env = &l->request->env;
    slk_graph graph;
    slk_graph_init(&graph, env->crypto, &l->request->sector.proof);
    const bool fly = on_the_fly(l, &graph);
    const unsigned threads = slk_pool_threads(env->pool);
    l->alone = threads == 1;
    l->makers = !fly || l->alone ? 0 : threads > MAKERS_MAX ? MAKERS_MAX : threads - 1;
    SLK_TRY(slk_rows_init(&l->rows, fly ? NULL : &l->parents, env->crypto, &graph, l->n, l->alone,
                          error));
    if (fly)
        return SLK_OK;
    return slk_parents_open(&l->parents, env->crypto, &graph, env->parent_cache, l->request->cache,
                            env->pool, env->job, error);
}

static void begin(struct layers *l)
{
    l->place[0].file = l->place[1].file = SLK_OUTFILE_NONE;
    slk_gate_init(&l->opened);
    slk_gate_init(&l->labeled);
    slk_gate_init(&l->committed);
    slk_fault_init(&l->fault);
    slk_pc1_columns_none(&l->columns);
}

static void end(struct layers *l)
{
    for (size_t i = 0; i < 2; i++) {
        slk_file_map_done(&l->place[i].map);
        slk_outfile_done(&l->place[i].file);
        slk_region_done(&l->place[i].memory);
    }
    slk_digests_done(&l->digests);
    slk_pc1_columns_done(&l->columns);
    slk_parents_done(&l->parents);
    slk_rows_done(&l->rows);
    slk_gate_done(&l->opened);
    slk_gate_done(&l->labeled);
    slk_gate_done(&l->committed);
}

slk_err slk_pc1_layers(slk_pc1_work *work, const slk_pc1_request *request, slk_error *error)
{
    struct layers l = {.work = work, .request = request};
    for (unsigned layer = 1; layer <= request->sector.proof.shape->layers; layer++) {
        if (!(work->state.layers_done & 1u << (layer - 1)))
            l.make[l.n++] = layer;
    }
    if (l.n == 0)
        return SLK_OK;
    begin(&l);
    slk_err code = open_rows(&l, error);
    if (code == SLK_OK)
        code = take_memory(&l, error);
    if (code == SLK_OK)
        code = run_layers(&l, error);
    end(&l);
    return code;
}
