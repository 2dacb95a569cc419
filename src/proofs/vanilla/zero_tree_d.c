/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/zero_tree_d.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/outfile.h"
#include "proofs/piece/piece.h"
#include "proofs/tree/tree.h"

#include <unistd.h>

#define CHUNK_BYTES (SLK_TREE_CHUNK_NODES * (size_t)32)

static slk_err write_own(const slk_seal_env *env, const slk_sector_shape *shape, const char *path,
                         slk_error *error)
{
    const slk_tree_geometry geometry = slk_tree_d_geometry(shape);
    SLK_CLEANUP(slk_outfile_done) slk_outfile file = SLK_OUTFILE_NONE;
    slk_job_stage(env->job, "tree-d", shape->nodes);
    SLK_TRY(slk_outfile_open(&file, path, NULL, slk_tree_file_bytes(&geometry), error));
    slk_outfile_direct(&file);
    SLK_TRY(slk_tree_d_write_zero(env->crypto, &geometry, &file, env->job, error));
    return slk_outfile_commit(&file, error);
}

/* ---- Whether the shared file is what it should be. */

struct checking {
    int fd;
    const char *path;
    uint64_t offset, nodes; /* the row */
    const uint8_t *node; /* all of them */
    slk_region scratch; /* a chunk per worker */
    slk_job *job;
    slk_fault fault;
};

static slk_err check_chunk(const struct checking *c, uint64_t chunk, unsigned worker,
                           slk_error *error)
{
    uint8_t *data = c->scratch.data + worker * CHUNK_BYTES;
    const uint64_t first = chunk * SLK_TREE_CHUNK_NODES;
    const size_t n = (size_t)slk_min_u64(SLK_TREE_CHUNK_NODES, c->nodes - first);
    SLK_TRY(slk_job_check(c->job, error));
    SLK_TRY(slk_file_read_at(c->fd, data, n * 32, c->offset + first * 32, c->path, error));
    /* Equal to its neighbour everywhere and right at the beginning: right everywhere. */
    if (memcmp(data, c->node, 32) != 0 || memcmp(data, data + 32, (n - 1) * 32) != 0)
        return slk_fail(error, SLK_E_CORRUPT, "%s is damaged", c->path);
    slk_job_advance(c->job, n);
    return SLK_OK;
}

static void check_chunks(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    struct checking *c = context;
    slk_error error = {0};
    for (uint64_t chunk = begin; chunk < end && !slk_fault_any(&c->fault); chunk++) {
        if (check_chunk(c, chunk, worker, &error) != SLK_OK)
            slk_fault_set(&c->fault, &error);
    }
}

static slk_err check_rows(struct checking *c, const slk_seal_env *env,
                          const slk_tree_geometry *geometry, slk_error *error)
{
    slk_zero_nodes zero;
    slk_zero_nodes_init(&zero, env->crypto);
    slk_fault_init(&c->fault);
    for (unsigned row = 0; row <= geometry->depth && !slk_fault_any(&c->fault); row++) {
        c->offset = slk_tree_row_offset(geometry, row);
        c->nodes = slk_tree_row_nodes(geometry, row);
        c->node = zero.node[row];
        const uint64_t chunks = (c->nodes + SLK_TREE_CHUNK_NODES - 1) / SLK_TREE_CHUNK_NODES;
        slk_pool_for(env->pool, chunks, 1, check_chunks, c);
    }
    return slk_fault_result(&c->fault, error);
}

static slk_err check_shared(const slk_seal_env *env, const slk_sector_shape *shape,
                            const char *path, slk_error *error)
{
    const slk_tree_geometry geometry = slk_tree_d_geometry(shape);
    struct checking c = {.fd = -1, .path = path, .job = env->job};
    slk_job_stage(env->job, "tree-d", 2 * shape->nodes - 1);
    slk_err code = slk_tree_open_sized(&c.fd, path, slk_tree_file_bytes(&geometry), error);
    if (code == SLK_OK)
        code =
            slk_region_init(&c.scratch, slk_pool_threads(env->pool) * CHUNK_BYTES, "TreeD", error);
    if (code == SLK_OK)
        code = check_rows(&c, env, &geometry, error);
    slk_region_done(&c.scratch);
    slk_closep(&c.fd);
    return code;
}

/* ---- One file, many names. */

/* False: no such name could be given. */
static bool give_name(const char *shared, const char *path)
{
    if (slk_file_same(shared, path))
        return true; /* renaming one name of a file over another would do nothing */
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", path);
    if (!temp)
        return false;
    (void)unlink(temp);
    if (link(shared, temp) != 0)
        return false;
    if (slk_file_rename_durable(temp, path, NULL) == SLK_OK)
        return true;
    (void)unlink(temp);
    return false;
}

slk_err slk_zero_tree_d(const slk_seal_env *env, const slk_sector_shape *shape, const char *path,
                        slk_error *error)
{
    if (!env->parent_cache)
        return write_own(env, shape, path, error);
    SLK_CLEANUP(slk_freep)
    char *shared = slk_strf("%s/selkie-zero-tree-d-%llu.dat", env->parent_cache,
                            (unsigned long long)shape->bytes);
    if (!shared)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_err code = check_shared(env, shape, shared, error);
    if (code == SLK_E_NOTFOUND || code == SLK_E_CORRUPT)
        code = write_own(env, shape, shared, error);
    if (code == SLK_OK && give_name(shared, path))
        return SLK_OK;
    if (code == SLK_E_CANCELED || code == SLK_E_NOMEM)
        return code;
    return write_own(env, shape, path, error);
}
