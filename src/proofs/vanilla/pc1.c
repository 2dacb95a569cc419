/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/outfile.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/cache.h"
#include "proofs/vanilla/digest.h"
#include "proofs/vanilla/pc1_impl.h"

#include <unistd.h>

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

/* ---- Layers. */

/* Keeps the layers below the first whose file is not there or not what it was. Those above may have been
 * made from what a failing disk gave for it: their own digests would not tell. */
static slk_err check_layers(slk_pc1_state *state, const slk_pc1_request *request, slk_error *error)
{
    const slk_sector_shape *shape = request->sector.proof.shape;
    const uint32_t done = state->layers_done;
    state->layers_done = 0;
    for (unsigned layer = 1; layer <= shape->layers; layer++) {
        const uint32_t bit = 1u << (layer - 1);
        if (!(done & bit))
            return SLK_OK;
        SLK_CLEANUP(slk_freep) char *path = slk_layer_path(request->cache, layer);
        if (!path)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        uint8_t digest[32];
        slk_err code = slk_digest_file(digest, request->env.crypto, path, shape->bytes,
                                       request->env.pool, request->env.job, error);
        if (code == SLK_E_CANCELED || code == SLK_E_NOMEM)
            return code;
        if (code != SLK_OK || memcmp(digest, state->layer_digest[layer - 1], 32) != 0)
            return SLK_OK;
        state->layers_done |= bit;
    }
    return SLK_OK;
}

slk_err slk_pc1_layer_open(slk_outfile *ret_file, const slk_pc1_request *request, unsigned layer,
                           slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_layer_path(request->cache, layer);
    SLK_CLEANUP(slk_freep) char *temp = slk_layer_temp(request->cache, layer);
    if (!path || !temp)
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
    SLK_TRY(slk_pc1_data(&work->state, found, request, error));
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
    static const uint8_t none[32];
    ret_result->layers_kept = kept;
    ret_result->tree_c = memcmp(work.state.comm_c, none, 32) != 0;
    return SLK_OK;
}
