/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "proofs/vanilla/cache.h"
#include "proofs/vanilla/pass.h"
#include "proofs/vanilla/prover.h"

/* What is being made. No file has its final name before all are complete and the inputs were right. */
struct making {
    const slk_pc2_request *request;
    slk_pass pass;
    bool has_tree_c; /* by precommit 1 */
    slk_base_trees tree_c, tree_r;
    slk_outfile sealed, columns;
};

/* ---- Digests recorded by precommit 1. */

static slk_err check_state(const slk_pc2_request *request, const slk_pc1_state *state,
                           slk_error *error)
{
    const slk_sector_shape *shape = request->proof.shape;
    if (state->sector.proof.shape != shape ||
        memcmp(state->sector.proof.porep_id, request->proof.porep_id, 32) != 0)
        return slk_fail(error, SLK_E_CONFLICT, "%s was made for another seal proof",
                        request->cache);
    if (state->layers_done != (1u << shape->layers) - 1)
        return slk_fail(error, SLK_E_CONFLICT, "precommit 1 of %s is not finished", request->cache);
    return SLK_OK;
}

static slk_err check_digest(const slk_pass *pass, unsigned input, const uint8_t got[32],
                            const uint8_t want[32], slk_error *error)
{
    if (memcmp(got, want, 32) == 0)
        return SLK_OK;
    return slk_fail(error, SLK_E_CORRUPT, "%s is not what precommit 1 wrote; run precommit 1 again",
                    pass->path[input]);
}

static slk_err check_digests(slk_pass *pass, const slk_pc1_state *state, slk_error *error)
{
    uint8_t digest[32];
    for (unsigned i = 0; i < pass->shape->layers; i++) {
        if (!pass->digests[i].of)
            continue;
        slk_pass_layer_digest(pass, i, digest);
        SLK_TRY(check_digest(pass, i, digest, state->layer_digest[i], error));
    }
    if (pass->zero_data)
        return SLK_OK;
    SLK_TRY(slk_pass_tree_d_digest(pass, digest, error));
    return check_digest(pass, pass->shape->layers, digest, state->tree_d_digest, error);
}

/* ---- Trees and replica. */

static const char *replica_path(const slk_pc2_request *request)
{
    return request->replica ? request->replica : request->sealed;
}

static slk_err open_columns(struct making *m, slk_error *error)
{
    const slk_sector_shape *shape = m->request->proof.shape;
    if (!m->request->keep_columns)
        return SLK_OK;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(m->request->cache, SLK_COLUMNS_FILE);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_outfile_open(&m->columns, path, NULL, shape->layers * shape->bytes, error));
    slk_outfile_direct(&m->columns);
    m->pass.columns = &m->columns;
    return SLK_OK;
}

static slk_err open_files(struct making *m, slk_error *error)
{
    const slk_pc2_request *request = m->request;
    const slk_sector_shape *shape = request->proof.shape;
    const slk_crypto *crypto = request->env.crypto;
    SLK_CLEANUP(slk_closep) int sealed = -1;
    SLK_TRY(slk_tree_open_sized(&sealed, request->sealed, shape->bytes, error));
    if (!m->has_tree_c)
        SLK_TRY(slk_base_trees_open(&m->tree_c, crypto, shape, request->cache, "tree-c", error));
    SLK_TRY(slk_base_trees_open(&m->tree_r, crypto, shape, request->cache, "tree-r-last", error));
    SLK_TRY(slk_outfile_open(&m->sealed, replica_path(request), NULL, shape->bytes, error));
    SLK_TRY(open_columns(m, error));
    slk_outfile_direct(&m->sealed);
    m->pass.tree_c = m->has_tree_c ? NULL : &m->tree_c;
    m->pass.tree_r = &m->tree_r;
    m->pass.sealed = &m->sealed;
    return SLK_OK;
}

static slk_err read_comm_d(uint8_t comm_d[32], const slk_pass *pass, slk_error *error)
{
    if (pass->zero_data) {
        slk_comm_d_zero(comm_d, pass->crypto, pass->shape);
        return SLK_OK;
    }
    const unsigned d = pass->shape->layers;
    const slk_tree_geometry geometry = slk_tree_d_geometry(pass->shape);
    return slk_file_read_at(pass->fd[d], comm_d, 32, slk_tree_file_bytes(&geometry) - 32,
                            pass->path[d], error);
}

/* state NULL: nothing is known about the inputs. */
static slk_err make_all(struct making *m, slk_pc2_result *result, const slk_pc1_state *state,
                        slk_error *error)
{
    const slk_seal_env *env = &m->request->env;
    const slk_sector_shape *shape = m->request->proof.shape;
    if (state)
        SLK_TRY(slk_pass_digest(&m->pass, error));
    slk_job_stage(env->job, "trees", shape->nodes);
    SLK_TRY(slk_pass_run(&m->pass, env->pool, env->job, error));
    if (state)
        SLK_TRY(check_digests(&m->pass, state, error));
    if (m->has_tree_c)
        memcpy(result->comm_c, state->comm_c, 32);
    else
        SLK_TRY(slk_base_trees_finish(result->comm_c, &m->tree_c, error));
    SLK_TRY(slk_base_trees_finish(result->comm_r_last, &m->tree_r, error));
    SLK_TRY(read_comm_d(result->comm_d, &m->pass, error));
    bool joined = slk_comm_r(result->comm_r, env->crypto, result->comm_c, result->comm_r_last);
    slk_assert(joined);
    if (m->pass.columns)
        SLK_TRY(slk_outfile_commit(&m->columns, error));
    if (!m->has_tree_c)
        SLK_TRY(slk_base_trees_commit(&m->tree_c, error));
    SLK_TRY(slk_base_trees_commit(&m->tree_r, error));
    SLK_TRY(slk_outfile_commit(&m->sealed, error));
    return slk_t_aux_write(m->request->cache, shape, error);
}

/* Whether the files of TreeC are those precommit 1 has noted. Kept columns are made with TreeC. */
static bool has_tree_c(const slk_pc2_request *request, const slk_pc1_state *state)
{
    static const uint8_t none[32];
    if (memcmp(state->comm_c, none, 32) == 0 || request->keep_columns)
        return false;
    slk_tree_set set = SLK_TREE_SET_NONE;
    const bool has = slk_tree_set_open(&set, request->env.crypto, request->proof.shape,
                                       request->cache, NULL, NULL) == SLK_OK &&
                     memcmp(set.root, state->comm_c, 32) == 0;
    slk_tree_set_done(&set);
    return has;
}

static slk_err make_synthetic(const slk_pc2_request *request, const uint8_t *replica_id,
                              const slk_pc2_result *result, slk_error *error)
{
    if (request->proof.feature != SLK_FEATURE_SYNTHETIC)
        return SLK_OK;
    if (!replica_id)
        return slk_fail(error, SLK_E_INVAL,
                        "the replica id is needed for synthetic proofs, and %s/%s is not there",
                        request->cache, SLK_PC1_STATE_FILE);
    return slk_synthetic_write(&request->env, &request->proof, replica_path(request),
                               request->cache, replica_id, result, error);
}

/* A mark that cannot be read says nothing about the layers: they are not those of other programs, which
 * leave none. */
static slk_err check_unmarked(const slk_pc2_request *request, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(request->cache, SLK_PC1_STATE_FILE);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (slk_file_exists(path))
        return slk_fail(error, SLK_E_CORRUPT, "%s is damaged; run precommit 1 again", path);
    return SLK_OK;
}

static slk_err pc2_with(struct making *m, slk_pc2_result *result, slk_error *error)
{
    const slk_pc2_request *request = m->request;
    SLK_CLEANUP(slk_closep) int lock = -1;
    slk_pc1_state state;
    bool found = false;
    if (!request->holds_lock)
        SLK_TRY(slk_cache_lock(&lock, request->cache, true, error));
    SLK_TRY(slk_pc1_state_load(&state, &found, request->env.crypto, request->cache, error));
    SLK_TRY(found ? check_state(request, &state, error) : check_unmarked(request, error));
    uint8_t zero[32];
    slk_comm_d_zero(zero, request->env.crypto, request->proof.shape);
    const bool zero_data = found ? memcmp(state.comm_d, zero, 32) == 0 : request->zero_data;
    SLK_TRY(slk_pass_open(&m->pass, request->env.crypto, request->proof.shape, request->cache,
                          zero_data, error));
    m->has_tree_c = found && has_tree_c(request, &state);
    SLK_TRY(open_files(m, error));
    SLK_TRY(make_all(m, result, found ? &state : NULL, error));
    const uint8_t *replica_id = request->replica_id;
    if (!replica_id && found)
        replica_id = state.replica_id;
    SLK_TRY(make_synthetic(request, replica_id, result, error));
    return slk_p_aux_write(request->cache, result->comm_c, result->comm_r_last, error);
}

slk_err slk_pc2(slk_pc2_result *ret_result, const slk_pc2_request *request, slk_error *error)
{
    struct making m = {.request = request, .sealed = SLK_OUTFILE_NONE, .columns = SLK_OUTFILE_NONE};
    slk_base_trees_none(&m.tree_c);
    slk_base_trees_none(&m.tree_r);
    slk_pc2_result result;
    slk_err code = pc2_with(&m, &result, error);
    slk_base_trees_done(&m.tree_c);
    slk_base_trees_done(&m.tree_r);
    slk_outfile_done(&m.sealed);
    slk_outfile_done(&m.columns);
    slk_pass_done(&m.pass);
    if (code == SLK_OK)
        *ret_result = result;
    return code;
}
