/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/outfile.h"
#include "crypto/fr/fr.h"
#include "proofs/fr32/fr32.h"
#include "proofs/label/label.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/cache.h"

/* A layer in an unnamed file of the work folder: it vanishes with its mapping. */
static slk_err scratch_layer(slk_file_map *ret_map, const char *work, uint64_t bytes,
                             slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_file_create_unnamed(&fd, work, error));
    SLK_TRY(slk_file_reserve(fd, bytes, "a layer", error));
    return slk_file_map_rw(ret_map, fd, bytes, "a layer", error);
}

static slk_err label_all(slk_file_map *last, slk_file_map *other, const slk_unseal_request *request,
                         slk_error *error)
{
    const slk_sector_shape *shape = request->sector.proof.shape;
    const slk_seal_env *env = &request->env;
    slk_graph graph;
    slk_graph_init(&graph, env->crypto, &request->sector.proof);
    SLK_CLEANUP(slk_parents_done) slk_parents parents = {0};
    SLK_TRY(slk_parents_open(&parents, env->crypto, &graph, env->parent_cache, request->work,
                             env->pool, env->job, error));
    uint8_t replica_id[32];
    slk_replica_id(replica_id, env->crypto, &request->sector, request->comm_d);
    slk_rows rows;
    SLK_TRY(slk_rows_init(&rows, &parents, env->crypto, &graph, shape->layers, true, error));
    slk_err code = SLK_OK;
    for (unsigned layer = 1; layer <= shape->layers && code == SLK_OK; layer++) {
        /* The layer below moves to `other`, the new one overwrites the one before it. */
        slk_file_map below = *last;
        *last = *other;
        *other = below;
        slk_job_stage(env->job, slk_layer_stage(layer), shape->nodes);
        const slk_label_task task = {.crypto = env->crypto,
                                     .rows = &rows,
                                     .nodes = shape->nodes,
                                     .replica_id = replica_id,
                                     .layer = layer,
                                     .out = last->data,
                                     .previous = layer > 1 ? other->data : NULL};
        code = slk_label_layer(&task, env->job, error);
    }
    slk_rows_done(&rows);
    return code;
}

/* Blocks of 128 padded and 127 raw bytes decoded at a time. */
#define STEP_BLOCKS 512u

struct decoding {
    const slk_unseal_request *request;
    const uint8_t *labels;
    int sealed;
    uint8_t replica[STEP_BLOCKS * 128], raw[STEP_BLOCKS * 127];
};

/* data = replica - label, in place; then its raw bytes. */
static slk_err decode_blocks(struct decoding *d, uint64_t block, size_t n, slk_error *error)
{
    const char *path = d->request->sealed;
    SLK_TRY(slk_file_read_at(d->sealed, d->replica, n * 128, block * 128, path, error));
    for (size_t i = 0; i < n * 4; i++) {
        uint8_t *node = d->replica + 32 * i;
        const uint64_t at = block * 4 + i;
        if (!slk_fr_node_sub(node, node, d->labels + at * 32))
            return slk_fail(error, SLK_E_CORRUPT, "%s: node %llu is not a field element", path,
                            (unsigned long long)at);
        if (node[31] & 0xc0)
            return slk_fail(error, SLK_E_CORRUPT,
                            "%s: node %llu does not decode to data (another ticket, sector or "
                            "CommD?)",
                            path, (unsigned long long)at);
    }
    slk_fr32_unpad(d->raw, n * 127, d->replica);
    return SLK_OK;
}

static slk_err write_range(int out, const char *out_path, int sealed,
                           const slk_unseal_request *request, const uint8_t *labels,
                           slk_error *error)
{
    SLK_CLEANUP(slk_freep) struct decoding *d = slk_calloc(1, sizeof *d);
    if (!d)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    d->request = request;
    d->labels = labels;
    d->sealed = sealed;
    const uint64_t end = request->offset + request->length;
    for (uint64_t at = request->offset; at < end;) {
        SLK_TRY(slk_job_check(request->env.job, error));
        const uint64_t block = at / 127, skip = at % 127;
        const uint64_t blocks = slk_min_u64(STEP_BLOCKS, (end - block * 127 + 126) / 127);
        const uint64_t n = slk_min_u64(blocks * 127 - skip, end - at);
        SLK_TRY(decode_blocks(d, block, (size_t)blocks, error));
        SLK_TRY(slk_file_write_at(out, d->raw + skip, (size_t)n, at - request->offset, out_path,
                                  error));
        slk_job_advance(request->env.job, n);
        at += n;
    }
    return SLK_OK;
}

static slk_err unseal_with(slk_file_map *last, slk_file_map *other, int sealed,
                           const slk_unseal_request *request, slk_error *error)
{
    const slk_sector_shape *shape = request->sector.proof.shape;
    SLK_CLEANUP(slk_outfile_done) slk_outfile out = SLK_OUTFILE_NONE;
    SLK_TRY(slk_outfile_open(&out, request->out, NULL, request->length, error));
    SLK_TRY(scratch_layer(last, request->work, shape->bytes, error));
    SLK_TRY(scratch_layer(other, request->work, shape->bytes, error));
    SLK_TRY(label_all(last, other, request, error));
    slk_job_stage(request->env.job, "decode", request->length);
    SLK_TRY(write_range(out.fd, out.temp, sealed, request, last->data, error));
    return slk_outfile_commit(&out, error);
}

slk_err slk_unseal(const slk_unseal_request *request, slk_error *error)
{
    const slk_sector_shape *shape = request->sector.proof.shape;
    const uint64_t raw_bytes = slk_fr32_raw_bytes(shape->bytes);
    if (request->offset > raw_bytes || request->length > raw_bytes - request->offset)
        return slk_fail(error, SLK_E_INVAL, "the sector has only %llu bytes of data",
                        (unsigned long long)raw_bytes);
    if (request->sector.number > SLK_SECTOR_NUMBER_MAX)
        return slk_fail(error, SLK_E_INVAL, "sector number %llu is over 2^63 - 1",
                        (unsigned long long)request->sector.number);
    SLK_CLEANUP(slk_closep) int sealed = -1;
    SLK_TRY(slk_tree_open_sized(&sealed, request->sealed, shape->bytes, error));
    SLK_TRY(slk_folder_make(request->work, 0755, error));
    SLK_CLEANUP(slk_file_map_done) slk_file_map last = {0};
    SLK_CLEANUP(slk_file_map_done) slk_file_map other = {0};
    return unseal_with(&last, &other, sealed, request, error);
}
