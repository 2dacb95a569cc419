/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/outfile.h"
#include "crypto/fr/fr.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/cache.h"
#include "proofs/vanilla/digest.h"
#include "proofs/vanilla/pc1_impl.h"

#include <unistd.h>

/* ---- TreeD and the copy of the data, in one pass. */

struct copying {
    int from;
    const char *from_path;
    uint64_t from_bytes; /* zeros follow */
    int to;
    const char *to_path;
};

static slk_err copy_leaves(void *context, uint8_t *out, uint64_t first, size_t n, unsigned worker,
                           slk_error *error)
{
    (void)worker;
    const struct copying *c = context;
    const uint64_t offset = first * 32;
    const size_t bytes = n * 32;
    size_t there = 0;
    if (offset < c->from_bytes)
        there = (size_t)slk_min_u64(bytes, c->from_bytes - offset);
    SLK_TRY(slk_file_read_at(c->from, out, there, offset, c->from_path, error));
    memset(out + there, 0, bytes - there);
    for (size_t i = 0; i < n; i++) {
        if (!slk_fr_node_is_canonical(out + 32 * i))
            return slk_fail(error, SLK_E_INVAL,
                            "%s: node %llu is not a field element (is the data Fr32-padded?)",
                            c->from_path, (unsigned long long)(first + i));
    }
    return slk_file_write_at(c->to, out, bytes, offset, c->to_path, error);
}

static slk_err open_unsealed(struct copying *c, const slk_pc1_request *request, slk_error *error)
{
    const uint64_t sector = request->sector.proof.shape->bytes;
    SLK_TRY(slk_file_size(&c->from_bytes, request->unsealed, error));
    if (c->from_bytes > sector || (c->from_bytes < sector && request->n_pieces == 0))
        return slk_fail(error, SLK_E_INVAL, "%s has %llu bytes, the sector %llu", request->unsealed,
                        (unsigned long long)c->from_bytes, (unsigned long long)sector);
    c->from_path = request->unsealed;
    return slk_file_open_read(&c->from, request->unsealed, error);
}

static slk_err build_tree_d(uint8_t comm_d[32], const slk_pc1_request *request,
                            const slk_outfile *tree, const slk_outfile *sealed, slk_error *error)
{
    const slk_sector_shape *shape = request->sector.proof.shape;
    const slk_seal_env *env = &request->env;
    const slk_tree_geometry geometry = slk_tree_d_geometry(shape);
    const slk_tree_sink sink = {.file = tree};
    slk_job_stage(env->job, "tree-d", shape->nodes);
    if (!request->unsealed)
        return slk_tree_d_build_zero(comm_d, env->crypto, &geometry, &sink, env->job, error);
    struct copying copying = {.from = -1, .to = sealed->fd, .to_path = sealed->temp};
    SLK_TRY(open_unsealed(&copying, request, error));
    slk_err code = slk_tree_build(comm_d, env->crypto, &geometry, copy_leaves, &copying, &sink,
                                  env->pool, env->job, error);
    slk_closep(&copying.from);
    return code;
}

static slk_err check_pieces(const slk_pc1_request *request, const uint8_t comm_d[32],
                            slk_error *error)
{
    uint8_t want[32];
    if (request->n_pieces == 0)
        return SLK_OK;
    SLK_TRY(slk_comm_d_of_pieces(want, request->env.crypto, request->sector.proof.shape->bytes,
                                 request->pieces, request->n_pieces, error));
    if (memcmp(want, comm_d, 32) != 0)
        return slk_fail(error, SLK_E_INVAL,
                        "the pieces do not give the CommD of the data (do they fill the sector?)");
    return SLK_OK;
}

/* Whether a state found in the cache is of this very sector. */
static bool same_sector(const slk_sector_identity *a, const slk_sector_identity *b)
{
    return a->miner_id == b->miner_id && a->number == b->number &&
           memcmp(a->ticket, b->ticket, 32) == 0 &&
           memcmp(a->proof.porep_id, b->proof.porep_id, 32) == 0 &&
           a->proof.shape == b->proof.shape && a->proof.api == b->proof.api;
}

/* Without our mark, p_aux means a finished sector, which is never overwritten. */
static slk_err check_unused(const char *cache, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(cache, "p_aux");
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (slk_file_exists(path))
        return slk_fail(error, SLK_E_CONFLICT, "%s holds a finished sector", cache);
    return SLK_OK;
}

static slk_err start_state(slk_pc1_state *state, bool *ret_found, const slk_pc1_request *request,
                           slk_error *error)
{
    SLK_TRY(slk_pc1_state_load(state, ret_found, request->env.crypto, request->cache, error));
    if (!*ret_found) {
        *state = (slk_pc1_state){.sector = request->sector};
        return check_unused(request->cache, error);
    }
    if (!same_sector(&state->sector, &request->sector))
        return slk_fail(error, SLK_E_CONFLICT,
                        "%s belongs to another sector or ticket; give each its own folder",
                        request->cache);
    return SLK_OK;
}

/* Also what a killed writer left under the temporary name. */
static slk_err remove_file(char *owned_path, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = owned_path;
    SLK_CLEANUP(slk_freep) char *temp = path ? slk_strf("%s.tmp", path) : NULL;
    if (!temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_remove_tree(path, error));
    return slk_remove_tree(temp, error);
}

/* Results of a precommit 2 do not fit files made anew: p_aux, which says it is complete, goes first. */
static slk_err remove_pc2_files(const slk_sector_shape *shape, const char *cache, slk_error *error)
{
    SLK_TRY(remove_file(slk_path_join(cache, "p_aux"), error));
    SLK_TRY(remove_file(slk_path_join(cache, "t_aux"), error));
    SLK_TRY(remove_file(slk_path_join(cache, SLK_SYNTHETIC_FILE), error));
    SLK_TRY(remove_file(slk_path_join(cache, SLK_COLUMNS_FILE), error));
    for (unsigned i = 0; i < shape->base_trees; i++) {
        SLK_TRY(remove_file(slk_base_tree_path(cache, "tree-c", shape, i), error));
        SLK_TRY(remove_file(slk_base_tree_path(cache, "tree-r-last", shape, i), error));
    }
    return SLK_OK;
}

static slk_err make_data(slk_pc1_state *state, bool found, const slk_pc1_request *request,
                         slk_error *error)
{
    const slk_sector_shape *shape = request->sector.proof.shape;
    const slk_tree_geometry geometry = slk_tree_d_geometry(shape);
    SLK_CLEANUP(slk_outfile_done) slk_outfile tree = SLK_OUTFILE_NONE;
    SLK_CLEANUP(slk_outfile_done) slk_outfile sealed = SLK_OUTFILE_NONE;
    SLK_CLEANUP(slk_freep) char *path = slk_tree_path(request->cache, "tree-d", -1);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const uint64_t bytes = slk_tree_file_bytes(&geometry);
    SLK_TRY(slk_outfile_open(&tree, path, NULL, bytes, error));
    SLK_TRY(slk_outfile_open(&sealed, request->sealed, NULL, shape->bytes, error));
    uint8_t comm_d[32];
    SLK_TRY(build_tree_d(comm_d, request, &tree, &sealed, error));
    SLK_TRY(check_pieces(request, comm_d, error));
    if (found && memcmp(comm_d, state->comm_d, 32) != 0)
        return slk_fail(error, SLK_E_CONFLICT, "%s was begun with other data", request->cache);
    SLK_TRY(remove_pc2_files(shape, request->cache, error));
    SLK_TRY(slk_outfile_commit(&tree, error));
    SLK_TRY(slk_outfile_commit(&sealed, error));
    memcpy(state->comm_d, comm_d, 32);
    slk_replica_id(state->replica_id, request->env.crypto, &request->sector, comm_d);
    SLK_TRY(slk_digest_file(state->tree_d_digest, request->env.crypto, path, bytes,
                            request->env.pool, request->env.job, error));
    return slk_pc1_state_save(state, request->env.crypto, request->cache, error);
}

/* ---- Layers. */

/* Clears the bits of layers whose file is not there or not what it was. */
static slk_err check_layers(slk_pc1_state *state, const slk_pc1_request *request, slk_error *error)
{
    const slk_sector_shape *shape = request->sector.proof.shape;
    for (unsigned layer = 1; layer <= shape->layers; layer++) {
        const uint32_t bit = 1u << (layer - 1);
        if (!(state->layers_done & bit))
            continue;
        SLK_CLEANUP(slk_freep) char *path = slk_layer_path(request->cache, layer);
        if (!path)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        uint8_t digest[32];
        slk_err code = slk_digest_file(digest, request->env.crypto, path, shape->bytes,
                                       request->env.pool, request->env.job, error);
        if (code == SLK_E_CANCELED || code == SLK_E_NOMEM)
            return code;
        if (code != SLK_OK || memcmp(digest, state->layer_digest[layer - 1], 32) != 0)
            state->layers_done &= ~bit;
    }
    return SLK_OK;
}

slk_err slk_pc1_layer_open(slk_outfile *ret_file, const slk_pc1_request *request, unsigned layer,
                           slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_layer_path(request->cache, layer);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    /* The official temporary name has two dots. source: reference/proofs 4 */
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%.*s.tmp", (int)(strlen(path) - 3), path);
    if (!temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_outfile_open(ret_file, path, temp, request->sector.proof.shape->bytes, error);
}

slk_err slk_pc1_layer_commit(slk_pc1_work *work, const slk_pc1_request *request, unsigned layer,
                             slk_outfile *file, const uint8_t digest[32], slk_error *error)
{
    SLK_TRY(slk_outfile_commit(file, error));
    memcpy(work->state.layer_digest[layer - 1], digest, 32);
    work->state.layers_done |= 1u << (layer - 1);
    return slk_pc1_state_save(&work->state, request->env.crypto, request->cache, error);
}

/* Before anything is written: what could not be replaced at the end. */
static slk_err check_sealed(const char *sealed, slk_error *error)
{
    uint64_t bytes;
    slk_err code = slk_file_size(&bytes, sealed, error);
    return code == SLK_E_NOTFOUND ? SLK_OK : code;
}

static slk_err begin_locked(slk_pc1_work *work, const slk_pc1_request *request, slk_error *error)
{
    bool found = false;
    SLK_TRY(start_state(&work->state, &found, request, error));
    SLK_TRY(make_data(&work->state, found, request, error));
    return check_layers(&work->state, request, error);
}

slk_err slk_pc1_begin(slk_pc1_work *work, const slk_pc1_request *request, slk_error *error)
{
    if (request->sector.number > SLK_SECTOR_NUMBER_MAX)
        return slk_fail(error, SLK_E_INVAL, "sector number %llu is over 2^63 - 1",
                        (unsigned long long)request->sector.number);
    work->fresh = !slk_file_exists(request->cache);
    SLK_TRY(slk_folder_make(request->cache, 0755, error));
    SLK_TRY(check_sealed(request->sealed, error));
    SLK_TRY(slk_cache_lock(&work->lock, request->cache, true, error));
    return begin_locked(work, request, error);
}

void slk_pc1_end(slk_pc1_work *work, const slk_pc1_request *request)
{
    slk_closep(&work->lock);
    work->lock = -1;
    if (work->fresh)
        (void)rmdir(request->cache); /* only if nothing came to lie in it */
    work->fresh = false;
}

slk_err slk_pc1(slk_pc1_result *ret_result, const slk_pc1_request *request, slk_error *error)
{
    slk_pc1_work work = SLK_PC1_WORK_NONE;
    slk_err code = slk_pc1_begin(&work, request, error);
    const unsigned kept = (unsigned)__builtin_popcount(work.state.layers_done);
    if (code == SLK_OK)
        code = slk_pc1_layers(&work, request, error);
    slk_pc1_end(&work, request);
    if (code != SLK_OK)
        return code;
    memcpy(ret_result->comm_d, work.state.comm_d, 32);
    memcpy(ret_result->replica_id, work.state.replica_id, 32);
    ret_result->layers_kept = kept;
    return SLK_OK;
}
