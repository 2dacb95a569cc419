/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/pc1_columns.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/num.h"
#include "crypto/fr/fr.h"
#include "crypto/poseidon/poseidon.h"
#include "crypto/sha256/sha256.h"

#define STEP_NODES 1024u
#define STEP_BYTES (STEP_NODES * (size_t)32)
#define UNIT_BYTES (SLK_TREE_CHUNK_NODES * (size_t)32)
static_assert(UNIT_BYTES == SLK_DIGEST_CHUNK_BYTES, "one digest a unit");

void slk_pc1_columns_none(slk_pc1_columns *ret_columns)
{
    *ret_columns = (slk_pc1_columns){0};
    slk_base_trees_none(&ret_columns->trees);
    for (size_t i = 0; i < SLK_MAX_LAYERS; i++)
        ret_columns->fd[i] = -1;
}

/* The two last layers are in memory. */
static unsigned layers_read(const slk_pc1_columns *columns)
{
    const unsigned layers = columns->shape->layers;
    return layers > 2 ? layers - 2 : 0;
}

bool slk_pc1_columns_pay(const slk_pc1_room *room)
{
    return room->threads > room->busy && room->in_memory &&
           room->disk_free_bytes >= room->disk_needed_bytes;
}

uint64_t slk_pc1_columns_disk_bytes(const slk_sector_shape *shape)
{
    const slk_tree_geometry geometry = slk_tree_c_geometry(shape);
    return shape->base_trees * slk_tree_file_bytes(&geometry);
}

static size_t worker_bytes(const slk_pc1_columns *columns)
{
    return UNIT_BYTES + columns->shape->layers * STEP_BYTES;
}

slk_err slk_pc1_columns_open(slk_pc1_columns *columns, const slk_pc1_request *request,
                             unsigned workers, slk_error *error)
{
    columns->request = request;
    columns->shape = request->sector.proof.shape;
    SLK_TRY(slk_region_init(&columns->scratch, workers * worker_bytes(columns), "columns", error));
    return slk_base_trees_open(&columns->trees, request->env.crypto, columns->shape, request->cache,
                               "tree-c", error);
}

slk_err slk_pc1_columns_begin(slk_pc1_columns *columns, const uint8_t *below, const uint8_t *last,
                              slk_gate *labeled, uint64_t base, slk_error *error)
{
    columns->below = below;
    columns->last = last;
    columns->labeled = labeled;
    columns->labeled_base = base;
    for (unsigned i = 0; i < layers_read(columns); i++) {
        SLK_TRY(slk_digests_init(&columns->digests[i], columns->request->env.crypto,
                                 columns->shape->bytes, error));
        columns->path[i] = slk_layer_path(columns->request->cache, i + 1);
        if (!columns->path[i])
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(
            slk_tree_open_sized(&columns->fd[i], columns->path[i], columns->shape->bytes, error));
    }
    return SLK_OK;
}

void slk_pc1_columns_done(slk_pc1_columns *columns)
{
    for (size_t i = 0; i < SLK_MAX_LAYERS; i++) {
        slk_closep(&columns->fd[i]);
        slk_free(columns->path[i]);
        slk_digests_done(&columns->digests[i]);
    }
    slk_region_done(&columns->scratch);
    slk_base_trees_done(&columns->trees);
    slk_pc1_columns_none(columns);
}

/* Layer i + 1 of nodes [first, first + n): in memory, or read into the buffer. */
static slk_err layer_nodes(const slk_pc1_columns *columns, const uint8_t **ret_nodes,
                           uint8_t *buffer, slk_sha256 *hash, unsigned i, uint64_t first, size_t n,
                           slk_error *error)
{
    const unsigned layers = columns->shape->layers;
    if (i >= layers_read(columns)) {
        *ret_nodes = (i + 1 == layers ? columns->last : columns->below) + first * 32;
        return SLK_OK;
    }
    SLK_TRY(slk_file_read_at(columns->fd[i], buffer, n * 32, first * 32, columns->path[i], error));
    slk_sha256_update(hash, buffer, n * 32);
    for (size_t k = 0; k < n; k++) {
        if (!slk_fr_node_is_canonical(buffer + 32 * k))
            return slk_fail(error, SLK_E_CORRUPT, "%s: node %llu is not a field element",
                            columns->path[i], (unsigned long long)(first + k));
    }
    *ret_nodes = buffer;
    return SLK_OK;
}

static slk_err hash_unit(slk_pc1_columns *columns, uint64_t first, size_t n, uint8_t *memory,
                         slk_error *error)
{
    const unsigned layers = columns->shape->layers;
    slk_sha256 hash[SLK_MAX_LAYERS];
    for (unsigned i = 0; i < layers; i++)
        slk_sha256_init(&hash[i], columns->request->env.crypto);
    for (size_t at = 0; at < n; at += STEP_NODES) {
        const size_t step = (size_t)slk_min_u64(STEP_NODES, n - at);
        const uint8_t *rows[SLK_MAX_LAYERS];
        for (unsigned i = 0; i < layers; i++)
            SLK_TRY(layer_nodes(columns, &rows[i], memory + UNIT_BYTES + i * STEP_BYTES, &hash[i],
                                i, first + at, step, error));
        slk_poseidon_columns(columns->request->env.crypto, layers, memory + at * 32, rows, step);
    }
    for (unsigned i = 0; i < layers_read(columns); i++)
        slk_sha256_final(&hash[i], columns->digests[i].of + first / SLK_TREE_CHUNK_NODES * 32);
    return slk_base_trees_put(&columns->trees, first, memory, n, error);
}

slk_err slk_pc1_columns_work(slk_pc1_columns *columns, unsigned worker, slk_error *error)
{
    const uint64_t nodes = columns->shape->nodes;
    const size_t n = (size_t)slk_min_u64(SLK_TREE_CHUNK_NODES, nodes);
    uint8_t *memory = columns->scratch.data + worker * worker_bytes(columns);
    for (;;) {
        const uint64_t first = atomic_fetch_add(&columns->next, 1) * n;
        if (first >= nodes || !slk_gate_wait(columns->labeled, columns->labeled_base + first + n) ||
            slk_gate_closed(columns->labeled))
            return SLK_OK;
        SLK_TRY(slk_job_check(columns->request->env.job, error));
        SLK_TRY(hash_unit(columns, first, n, memory, error));
        slk_job_advance(columns->request->env.job, atomic_load(&columns->alone) ? n : 0);
    }
}

void slk_pc1_columns_alone(slk_pc1_columns *columns)
{
    const uint64_t nodes = columns->shape->nodes;
    const uint64_t n = slk_min_u64(SLK_TREE_CHUNK_NODES, nodes);
    const uint64_t taken = slk_min_u64(nodes, atomic_load(&columns->next) * n);
    slk_job_stage(columns->request->env.job, "tree-c", nodes - taken);
    atomic_store(&columns->alone, true);
}

slk_err slk_pc1_columns_commit(slk_pc1_columns *columns, slk_pc1_state *state, slk_error *error)
{
    uint8_t root[32], digest[32];
    for (unsigned i = 0; i < layers_read(columns); i++) {
        slk_digests_final(&columns->digests[i], digest);
        if (memcmp(digest, state->layer_digest[i], 32) != 0)
            return slk_fail(error, SLK_E_CORRUPT,
                            "%s is not what was written; run precommit 1 again", columns->path[i]);
    }
    SLK_TRY(slk_base_trees_finish(root, &columns->trees, error));
    SLK_TRY(slk_base_trees_commit(&columns->trees, error));
    memcpy(state->comm_c, root, 32);
    return SLK_OK;
}
