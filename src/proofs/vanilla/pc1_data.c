/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/outfile.h"
#include "crypto/fr/fr.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/pc1_impl.h"
#include "proofs/vanilla/zero_tree_d.h"

/* ---- TreeD and the copy of the data, in one pass. */

struct copying {
    int from;
    const char *from_path;
    uint64_t from_bytes; /* zeros follow */
    const slk_outfile *to;
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
    return slk_outfile_write(c->to, out, bytes, offset, error);
}

static slk_err open_unsealed(struct copying *c, const slk_pc1_request *request, slk_error *error)
{
    const uint64_t sector = request->sector.proof.shape->bytes;
    SLK_TRY(slk_file_size(&c->from_bytes, request->unsealed, error));
    if (c->from_bytes != sector && request->n_pieces == 0)
        return slk_fail(error, SLK_E_INVAL, "%s has %llu bytes, the sector %llu", request->unsealed,
                        (unsigned long long)c->from_bytes, (unsigned long long)sector);
    c->from_path = request->unsealed;
    return slk_file_open_read(&c->from, request->unsealed, error);
}

static slk_err build_tree_d(uint8_t comm_d[32], uint8_t digest32[32],
                            const slk_pc1_request *request, const slk_outfile *tree,
                            const slk_outfile *sealed, slk_error *error)
{
    const slk_sector_shape *shape = request->sector.proof.shape;
    const slk_seal_env *env = &request->env;
    const slk_tree_geometry geometry = slk_tree_d_geometry(shape);
    const slk_tree_sink sink = {.file = tree};
    struct copying copying = {.from = -1, .to = sealed};
    slk_job_stage(env->job, "tree-d", shape->nodes);
    SLK_TRY(open_unsealed(&copying, request, error));
    slk_pool *pool = NULL; /* half of the threads wait for the disk */
    slk_err code = slk_pool_new(&pool, 2 * slk_pool_threads(env->pool), error);
    if (code == SLK_OK)
        code = slk_tree_build(comm_d, digest32, env->crypto, &geometry, copy_leaves, &copying,
                              &sink, pool, env->job, error);
    slk_pool_free(pool);
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

/* ---- Files of the sector. */

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

/* What has to be right before files of an earlier run are replaced. */
static slk_err check_data(const slk_pc1_state *state, bool found, const slk_pc1_request *request,
                          const uint8_t comm_d[32], slk_error *error)
{
    SLK_TRY(check_pieces(request, comm_d, error));
    if (found && memcmp(comm_d, state->comm_d, 32) != 0)
        return slk_fail(error, SLK_E_CONFLICT, "%s was begun with other data", request->cache);
    return remove_pc2_files(request->sector.proof.shape, request->cache, error);
}

static slk_err make_data(slk_pc1_state *state, bool found, const slk_pc1_request *request,
                         const char *path, slk_outfile *sealed, slk_error *error)
{
    const slk_tree_geometry geometry = slk_tree_d_geometry(request->sector.proof.shape);
    SLK_CLEANUP(slk_outfile_done) slk_outfile tree = SLK_OUTFILE_NONE;
    SLK_TRY(slk_outfile_open(&tree, path, NULL, slk_tree_file_bytes(&geometry), error));
    slk_outfile_direct(&tree);
    slk_outfile_direct(sealed);
    uint8_t comm_d[32], digest[32];
    SLK_TRY(build_tree_d(comm_d, digest, request, &tree, sealed, error));
    SLK_TRY(check_data(state, found, request, comm_d, error));
    SLK_TRY(slk_outfile_commit(&tree, error));
    memcpy(state->comm_d, comm_d, 32);
    memcpy(state->tree_d_digest, digest, 32);
    return SLK_OK;
}

/* The copy of zeros is the new file as it is. */
static slk_err make_zero_data(slk_pc1_state *state, bool found, const slk_pc1_request *request,
                              const char *path, slk_error *error)
{
    uint8_t comm_d[32];
    slk_comm_d_zero(comm_d, request->env.crypto, request->sector.proof.shape);
    SLK_TRY(check_data(state, found, request, comm_d, error));
    if (!request->no_zero_tree_d)
        SLK_TRY(slk_zero_tree_d(&request->env, request->sector.proof.shape, path, error));
    memcpy(state->comm_d, comm_d, 32);
    memset(state->tree_d_digest, 0, 32);
    return SLK_OK;
}

slk_err slk_pc1_data(slk_pc1_state *state, bool found, const slk_pc1_request *request,
                     slk_error *error)
{
    const slk_sector_shape *shape = request->sector.proof.shape;
    SLK_CLEANUP(slk_outfile_done) slk_outfile sealed = SLK_OUTFILE_NONE;
    SLK_CLEANUP(slk_freep) char *path = slk_tree_path(request->cache, "tree-d", -1);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_outfile_open(&sealed, request->sealed, NULL, shape->bytes, error));
    SLK_TRY(slk_job_check(request->env.job, error));
    if (request->unsealed)
        SLK_TRY(make_data(state, found, request, path, &sealed, error));
    else
        SLK_TRY(make_zero_data(state, found, request, path, error));
    SLK_TRY(slk_outfile_commit(&sealed, error));
    memset(state->comm_c, 0, 32); /* TreeC has been removed with what else came after */
    slk_replica_id(state->replica_id, request->env.crypto, &request->sector, state->comm_d);
    return slk_pc1_state_save(state, request->env.crypto, request->cache, error);
}
