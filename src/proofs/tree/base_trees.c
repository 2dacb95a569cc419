/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/tree/base_trees.h"

#include "base/mem.h"

#include <string.h>

void slk_base_trees_none(slk_base_trees *ret_trees)
{
    *ret_trees = (slk_base_trees){0};
    for (size_t i = 0; i < SLK_MAX_BASE_TREES; i++)
        ret_trees->file[i] = SLK_OUTFILE_NONE;
}

static slk_err open_one(slk_base_trees *trees, const slk_tree_geometry *geometry,
                        const char *folder, const char *id, unsigned i, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_base_tree_path(folder, id, trees->shape, i);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_outfile *file = &trees->file[i];
    SLK_TRY(slk_outfile_open(file, path, NULL, slk_tree_file_bytes(geometry), error));
    slk_outfile_direct(file);
    const slk_tree_sink sink = {.file = file};
    return slk_tree_builder_init(&trees->builder[i], trees->crypto, geometry, &sink, error);
}

slk_err slk_base_trees_open(slk_base_trees *trees, const slk_crypto *crypto,
                            const slk_sector_shape *shape, const char *folder, const char *id,
                            slk_error *error)
{
    trees->crypto = crypto;
    trees->shape = shape;
    const slk_tree_geometry geometry =
        strcmp(id, "tree-c") == 0 ? slk_tree_c_geometry(shape) : slk_tree_r_geometry(shape);
    for (unsigned i = 0; i < shape->base_trees; i++)
        SLK_TRY(open_one(trees, &geometry, folder, id, i, error));
    return SLK_OK;
}

void slk_base_trees_done(slk_base_trees *trees)
{
    for (size_t i = 0; i < SLK_MAX_BASE_TREES; i++) {
        slk_outfile_done(&trees->file[i]);
        slk_tree_builder_done(&trees->builder[i]);
    }
}

size_t slk_base_trees_chunk_nodes(const slk_base_trees *trees)
{
    return slk_tree_builder_chunk_nodes(&trees->builder[0]);
}

slk_err slk_base_trees_put(slk_base_trees *trees, uint64_t first, uint8_t *nodes, size_t n,
                           slk_error *error)
{
    const size_t chunk = slk_base_trees_chunk_nodes(trees);
    const uint64_t per_tree = slk_tree_builder_chunks(&trees->builder[0]);
    slk_assert(first % chunk == 0 && n % chunk == 0);
    for (size_t at = 0; at < n; at += chunk) {
        const uint64_t index = (first + at) / chunk;
        SLK_TRY(slk_tree_builder_put(&trees->builder[index / per_tree], index % per_tree,
                                     nodes + at * 32, error));
    }
    return SLK_OK;
}

slk_err slk_base_trees_finish(uint8_t root32[32], slk_base_trees *trees, slk_error *error)
{
    uint8_t base[SLK_MAX_BASE_TREES][32], sub[2][32];
    for (unsigned i = 0; i < trees->shape->base_trees; i++)
        SLK_TRY(slk_tree_builder_finish(base[i], &trees->builder[i], error));
    slk_tree_join(root32, sub, trees->crypto, trees->shape, base[0]);
    return SLK_OK;
}

slk_err slk_base_trees_commit(slk_base_trees *trees, slk_error *error)
{
    for (unsigned i = 0; i < trees->shape->base_trees; i++)
        SLK_TRY(slk_outfile_commit(&trees->file[i], error));
    return SLK_OK;
}
