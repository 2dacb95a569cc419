/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/file.h"
#include "base/mem.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/cache.h"

#include <errno.h>
#include <unistd.h>

static slk_err remove_name(const char *path, slk_error *error)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return slk_fail_errno(error, errno, "cannot remove %s", path);
    return SLK_OK;
}

/* Also what a killed writer left under the temporary name. Takes ownership of both. */
static slk_err remove_both(char *owned_path, char *owned_temp, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = owned_path;
    SLK_CLEANUP(slk_freep) char *temp = owned_temp;
    if (!path || !temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(remove_name(temp, error));
    return remove_name(path, error);
}

static slk_err remove_path(char *owned_path, slk_error *error)
{
    return remove_both(owned_path, owned_path ? slk_strf("%s.tmp", owned_path) : NULL, error);
}

/* What must be complete before anything is removed. */
static slk_err check_kept(const slk_sector_shape *shape, const char *cache, slk_error *error)
{
    uint8_t comm_c[32], comm_r_last[32];
    SLK_TRY(slk_p_aux_read(comm_c, comm_r_last, cache, error));
    SLK_CLEANUP(slk_freep) char *t_aux = slk_path_join(cache, "t_aux");
    if (!t_aux)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    uint64_t bytes;
    SLK_TRY(slk_file_size(&bytes, t_aux, error));
    const slk_tree_geometry r = slk_tree_r_geometry(shape);
    for (unsigned i = 0; i < shape->base_trees; i++) {
        SLK_CLEANUP(slk_freep) char *path = slk_base_tree_path(cache, "tree-r-last", shape, i);
        SLK_CLEANUP(slk_closep) int fd = -1;
        if (!path)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(slk_tree_open_sized(&fd, path, slk_tree_file_bytes(&r), error));
    }
    return SLK_OK;
}

slk_err slk_finalize_cache(const slk_sector_shape *shape, const char *cache, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int lock = -1;
    SLK_TRY(slk_cache_lock(&lock, cache, true, error));
    SLK_TRY(check_kept(shape, cache, error));
    for (unsigned layer = 1; layer <= shape->layers; layer++)
        SLK_TRY(remove_both(slk_layer_path(cache, layer), slk_layer_temp(cache, layer), error));
    for (unsigned i = 0; i < shape->base_trees; i++)
        SLK_TRY(remove_path(slk_base_tree_path(cache, "tree-c", shape, i), error));
    SLK_TRY(remove_path(slk_tree_path(cache, "tree-d", -1), error));
    SLK_TRY(remove_path(slk_path_join(cache, SLK_COLUMNS_FILE), error));
    SLK_TRY(remove_path(slk_path_join(cache, SLK_PC1_STATE_FILE), error));
    SLK_CLEANUP(slk_freep) char *inside = slk_path_join(cache, "p_aux");
    if (!inside)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_file_sync_folder_of(inside, error);
}

/* The temporary file beside a name. Takes ownership of the path. */
static slk_err remove_temp(char *owned_path, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = owned_path;
    SLK_CLEANUP(slk_freep) char *temp = path ? slk_strf("%s.tmp", path) : NULL;
    return temp ? remove_name(temp, error) : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

slk_err slk_cache_tidy(const slk_sector_shape *shape, const char *cache, slk_error *error)
{
    static const char *const trees[] = {"tree-c", "tree-r-last"};
    static const char *const small[] = {"p_aux", "t_aux", SLK_SYNTHETIC_FILE};
    for (unsigned layer = 1; layer <= shape->layers; layer++) {
        SLK_CLEANUP(slk_freep) char *temp = slk_layer_temp(cache, layer);
        if (!temp)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(remove_name(temp, error));
    }
    for (unsigned i = 0; i < 2 * shape->base_trees; i++)
        SLK_TRY(remove_temp(slk_base_tree_path(cache, trees[i % 2], shape, i / 2), error));
    SLK_TRY(remove_temp(slk_tree_path(cache, "tree-d", -1), error));
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        SLK_TRY(remove_temp(slk_path_join(cache, small[i]), error));
    SLK_TRY(remove_path(slk_path_join(cache, SLK_COLUMNS_FILE), error));
    return remove_path(slk_path_join(cache, SLK_PC1_STATE_FILE), error);
}

slk_err slk_clear_synthetic(const char *cache, slk_error *error)
{
    return remove_path(slk_path_join(cache, SLK_SYNTHETIC_FILE), error);
}
