/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls that bring, move, trim and drop files. */
#include "worker/worker_impl.h"

#include "base/mem.h"
#include "store/unsealed.h"

slk_err slk_step_fetch(slk_worker_run *run, slk_error *error)
{
    unsigned types = 0;
    slk_lotus_path_type path_type;
    slk_lotus_acquire_mode mode;
    if (slk_lotus_types_read(&types, json_array_get(run->params, 1), "types", error) != SLK_OK ||
        slk_lotus_path_type_read(&path_type, json_array_get(run->params, 2), "path type", error) !=
            SLK_OK ||
        slk_lotus_acquire_mode_read(&mode, json_array_get(run->params, 3), "mode", error) != SLK_OK)
        return slk_worker_bad_param(error);
    for (unsigned type = 1; type <= types; type <<= 1) {
        SLK_CLEANUP(slk_freep) char *file = NULL;
        if (types & type)
            SLK_TRY(slk_worker_acquire(run, type, path_type, mode, &file, error));
    }
    return SLK_OK;
}

/* What was moved is this place's to keep: the node hears it once more, as the primary copy. */
static slk_err declare_primary(slk_worker_run *run, unsigned type, slk_error *error)
{
    const slk_store_path *path = NULL;
    const slk_miner miner = slk_worker_miner_for(run->worker, run->job);
    SLK_TRY(slk_store_find(run->worker->store, &path, NULL, &run->ref.id, type, error));
    return slk_miner_declare(&miner, path->meta.id, &run->ref.id, type, true, error);
}

slk_err slk_step_move(slk_worker_run *run, slk_error *error)
{
    unsigned types = 0;
    if (slk_lotus_types_read(&types, json_array_get(run->params, 1), "types", error) != SLK_OK)
        return slk_worker_bad_param(error);
    for (unsigned type = 1; type <= types; type <<= 1) {
        SLK_CLEANUP(slk_freep) char *file = NULL;
        if (types & type)
            SLK_TRY(slk_worker_acquire(run, type, SLK_LOTUS_PATH_STORAGE, SLK_LOTUS_ACQUIRE_MOVE,
                                       &file, error));
    }
    SLK_TRY(slk_store_move(run->worker->store, &run->ref.id, types, run->shape->bytes, run->job,
                           error));
    for (unsigned type = 1; type <= types; type <<= 1)
        if (types & type)
            SLK_TRY(declare_primary(run, type, error));
    slk_worker_report_health(run->worker);
    return SLK_OK;
}

static slk_err keep_ranges(slk_worker_run *run, const char *path, const slk_lotus_range *ranges,
                           size_t n, slk_error *error)
{
    slk_unsealed file = SLK_UNSEALED_NONE;
    slk_bitfield keep = {0};
    slk_err code = slk_unsealed_open(&file, path, run->shape->bytes, true, error);
    for (size_t i = 0; i < n && code == SLK_OK; i++) {
        uint64_t offset = 0;
        uint64_t bytes = 0;
        code = slk_unpadded_to_padded(&offset, ranges[i].offset, error);
        if (code == SLK_OK)
            code = slk_unpadded_to_padded(&bytes, ranges[i].bytes, error);
        if (code == SLK_OK)
            code = slk_bitfield_add_range(&keep, offset, offset + bytes);
    }
    if (code == SLK_OK)
        code = slk_unsealed_keep(&file, &keep, error);
    slk_bitfield_done(&keep);
    slk_unsealed_done(&file);
    return code;
}

slk_err slk_step_release(slk_worker_run *run, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_lotus_range *ranges = NULL;
    SLK_CLEANUP(slk_freep) char *file = NULL;
    size_t n = 0;
    if (slk_lotus_ranges_read(&ranges, &n, json_array_get(run->params, 1), "ranges to keep",
                              error) != SLK_OK)
        return slk_worker_bad_param(error);
    slk_store *store = run->worker->store;
    if (n > 0) {
        SLK_TRY(slk_worker_acquire(run, SLK_LOTUS_UNSEALED, SLK_LOTUS_PATH_STORAGE,
                                   SLK_LOTUS_ACQUIRE_MOVE, &file, error));
        return keep_ranges(run, file, ranges, n, error);
    }
    SLK_TRY(slk_store_remove(store, NULL, &run->ref.id, SLK_LOTUS_UNSEALED, NULL, error));
    slk_worker_report_health(run->worker);
    return SLK_OK;
}

slk_err slk_step_finalize(slk_worker_run *run, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *cache = NULL;
    const slk_worker_ops *ops = run->worker->options.ops;
    SLK_TRY(slk_worker_acquire(run, SLK_LOTUS_CACHE, SLK_LOTUS_PATH_STORAGE, SLK_LOTUS_ACQUIRE_MOVE,
                               &cache, error));
    SLK_TRY(ops->finalize(ops->ctx, &run->ref, cache, run->job, error));
    slk_worker_report_health(run->worker);
    return SLK_OK;
}
