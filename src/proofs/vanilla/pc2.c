/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "crypto/fr/fr.h"
#include "crypto/poseidon/poseidon.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/cache.h"
#include "proofs/vanilla/prover.h"

/* Columns hashed at a time: 32 KiB per layer and thread. */
#define STEP_NODES 1024u
#define STEP_BYTES (STEP_NODES * (size_t)32)

/* The input files, and scratch for each worker: layers + 1 times STEP_BYTES. */
struct inputs {
    const slk_pc2_request *request;
    unsigned layers;
    int fd[SLK_MAX_LAYERS + 1]; /* layer l at l - 1; TreeD last, at `layers` */
    char *path[SLK_MAX_LAYERS + 1];
    slk_region scratch;
    uint64_t tree_first; /* first node of the base tree in work */
    int sealed_fd;
    const char *sealed_path;
};

static uint64_t input_bytes(const slk_sector_shape *shape, unsigned i)
{
    const slk_tree_geometry d = slk_tree_d_geometry(shape);
    return i < shape->layers ? shape->bytes : slk_tree_file_bytes(&d);
}

static void inputs_done(struct inputs *in)
{
    for (unsigned i = 0; i <= in->layers; i++) {
        slk_closep(&in->fd[i]);
        slk_free(in->path[i]);
    }
    slk_region_done(&in->scratch);
}

static slk_err inputs_open(struct inputs *in, slk_error *error)
{
    const slk_sector_shape *shape = in->request->proof.shape;
    for (unsigned i = 0; i <= in->layers; i++) {
        in->path[i] = i < in->layers ? slk_layer_path(in->request->cache, i + 1)
                                     : slk_tree_path(in->request->cache, "tree-d", -1);
        if (!in->path[i])
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(slk_tree_open_sized(&in->fd[i], in->path[i], input_bytes(shape, i), error));
    }
    SLK_CLEANUP(slk_closep) int sealed = -1;
    SLK_TRY(slk_tree_open_sized(&sealed, in->request->sealed, shape->bytes, error));
    const size_t per_worker = (in->layers + 1) * STEP_BYTES;
    return slk_region_init(&in->scratch, per_worker * slk_pool_threads(in->request->env.pool),
                           "columns", error);
}

/* ---- Digests recorded by precommit 1. */

struct check {
    const struct inputs *in;
    const slk_pc1_state *state;
    slk_fault fault;
};

static slk_err check_input(const struct check *c, unsigned i, slk_error *error)
{
    const slk_pc2_request *request = c->in->request;
    uint8_t digest[32];
    SLK_TRY(slk_file_digest(digest, request->env.crypto, c->in->path[i],
                            input_bytes(request->proof.shape, i), request->env.job, error));
    const uint8_t *want = i < c->in->layers ? c->state->layer_digest[i] : c->state->tree_d_digest;
    if (memcmp(digest, want, 32) != 0)
        return slk_fail(error, SLK_E_CORRUPT,
                        "%s is not what precommit 1 wrote; run precommit 1 again", c->in->path[i]);
    slk_job_advance(request->env.job, 1);
    return SLK_OK;
}

static void check_inputs_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)worker;
    struct check *c = context;
    slk_error error = {0};
    for (uint64_t i = begin; i < end && !slk_fault_any(&c->fault); i++) {
        if (check_input(c, (unsigned)i, &error) != SLK_OK)
            slk_fault_set(&c->fault, &error);
    }
}

static slk_err check_inputs(const struct inputs *in, const slk_pc1_state *state, slk_error *error)
{
    const slk_pc2_request *request = in->request;
    if (state->sector.proof.shape != request->proof.shape ||
        memcmp(state->sector.proof.porep_id, request->proof.porep_id, 32) != 0)
        return slk_fail(error, SLK_E_CONFLICT, "%s was made for another seal proof",
                        request->cache);
    if (state->layers_done != (1u << in->layers) - 1)
        return slk_fail(error, SLK_E_CONFLICT, "precommit 1 of %s is not finished", request->cache);
    struct check c = {.in = in, .state = state};
    slk_fault_init(&c.fault);
    slk_job_stage(request->env.job, "check", in->layers + 1);
    slk_pool_for(request->env.pool, in->layers + 1, 1, check_inputs_body, &c);
    return slk_fault_result(&c.fault, error);
}

/* ---- Leaves. */

static slk_err read_nodes(const struct inputs *in, uint8_t *out, unsigned i, uint64_t first,
                          size_t n, slk_error *error)
{
    SLK_TRY(slk_file_read_at(in->fd[i], out, n * 32, first * 32, in->path[i], error));
    for (size_t k = 0; k < n; k++) {
        if (!slk_fr_node_is_canonical(out + 32 * k))
            return slk_fail(error, SLK_E_CORRUPT, "%s: node %llu is not a field element",
                            in->path[i], (unsigned long long)(first + k));
    }
    return SLK_OK;
}

static uint8_t *scratch_of(const struct inputs *in, unsigned worker)
{
    return in->scratch.data + worker * (in->layers + 1) * STEP_BYTES;
}

static slk_err column_leaves(void *context, uint8_t *out, uint64_t first, size_t n, unsigned worker,
                             slk_error *error)
{
    const struct inputs *in = context;
    uint8_t *scratch = scratch_of(in, worker);
    for (size_t done = 0; done < n; done += STEP_NODES) {
        const size_t step = n - done < STEP_NODES ? n - done : STEP_NODES;
        const uint8_t *rows[SLK_MAX_LAYERS];
        for (unsigned i = 0; i < in->layers; i++) {
            uint8_t *row = scratch + i * STEP_BYTES;
            SLK_TRY(read_nodes(in, row, i, in->tree_first + first + done, step, error));
            rows[i] = row;
        }
        slk_poseidon_columns(in->request->env.crypto, in->layers, out + done * 32, rows, step);
    }
    return SLK_OK;
}

/* replica = label of the last layer + data; written to the sealed file and given to TreeR. */
static slk_err replica_leaves(void *context, uint8_t *out, uint64_t first, size_t n,
                              unsigned worker, slk_error *error)
{
    const struct inputs *in = context;
    uint8_t *labels = scratch_of(in, worker), *data = labels + STEP_BYTES;
    const uint64_t begin = in->tree_first + first;
    for (size_t done = 0; done < n; done += STEP_NODES) {
        const size_t step = n - done < STEP_NODES ? n - done : STEP_NODES;
        SLK_TRY(read_nodes(in, labels, in->layers - 1, begin + done, step, error));
        SLK_TRY(read_nodes(in, data, in->layers, begin + done, step, error));
        for (size_t k = 0; k < step; k++) {
            bool added = slk_fr_node_add(out + (done + k) * 32, labels + 32 * k, data + 32 * k);
            slk_assert(added);
        }
    }
    return slk_file_write_at(in->sealed_fd, out, n * 32, begin * 32, in->sealed_path, error);
}

/* ---- Trees. */

static slk_err build_tree(struct inputs *in, const char *id, const slk_tree_geometry *geometry,
                          slk_tree_leaves *leaves, unsigned tree, uint8_t root32[32],
                          slk_error *error)
{
    const slk_seal_env *env = &in->request->env;
    SLK_CLEANUP(slk_freep)
    char *path = slk_base_tree_path(in->request->cache, id, in->request->proof.shape, tree);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_CLEANUP(slk_outfile_done) slk_outfile file = SLK_OUTFILE_NONE;
    SLK_TRY(slk_outfile_open(&file, path, NULL, slk_tree_file_bytes(geometry), error));
    const slk_tree_sink sink = {.fd = file.fd, .path = file.temp};
    in->tree_first = tree * slk_tree_row_nodes(geometry, 0);
    SLK_TRY(slk_tree_build(root32, env->crypto, geometry, leaves, in, &sink, env->pool, env->job,
                           error));
    return slk_outfile_commit(&file, error);
}

static slk_err build_trees(struct inputs *in, const char *id, slk_tree_leaves *leaves,
                           uint8_t root32[32], slk_error *error)
{
    const slk_sector_shape *shape = in->request->proof.shape;
    const slk_tree_geometry geometry =
        leaves == column_leaves ? slk_tree_c_geometry(shape) : slk_tree_r_geometry(shape);
    uint8_t base[SLK_MAX_BASE_TREES][32], sub[2][32];
    for (unsigned i = 0; i < shape->base_trees; i++)
        SLK_TRY(build_tree(in, id, &geometry, leaves, i, base[i], error));
    slk_tree_join(root32, sub, in->request->env.crypto, shape, base[0]);
    return SLK_OK;
}

static slk_err encode_and_build_r(struct inputs *in, uint8_t root32[32], slk_error *error)
{
    const slk_pc2_request *request = in->request;
    SLK_CLEANUP(slk_outfile_done) slk_outfile sealed = SLK_OUTFILE_NONE;
    SLK_TRY(slk_outfile_open(&sealed, request->sealed, NULL, request->proof.shape->bytes, error));
    in->sealed_fd = sealed.fd;
    in->sealed_path = sealed.temp;
    slk_job_stage(request->env.job, "tree-r", request->proof.shape->nodes);
    SLK_TRY(build_trees(in, "tree-r-last", replica_leaves, root32, error));
    return slk_outfile_commit(&sealed, error);
}

static slk_err make_all(struct inputs *in, slk_pc2_result *result, slk_error *error)
{
    const slk_pc2_request *request = in->request;
    const slk_sector_shape *shape = request->proof.shape;
    slk_job_stage(request->env.job, "tree-c", shape->nodes);
    SLK_TRY(build_trees(in, "tree-c", column_leaves, result->comm_c, error));
    SLK_TRY(encode_and_build_r(in, result->comm_r_last, error));
    SLK_TRY(slk_file_read_at(in->fd[in->layers], result->comm_d, 32,
                             input_bytes(shape, in->layers) - 32, in->path[in->layers], error));
    bool joined =
        slk_comm_r(result->comm_r, request->env.crypto, result->comm_c, result->comm_r_last);
    slk_assert(joined);
    return slk_t_aux_write(request->cache, shape, error);
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
    return slk_synthetic_write(&request->env, &request->proof, request->sealed, request->cache,
                               replica_id, result, error);
}

static slk_err pc2_with(struct inputs *in, slk_pc2_result *result, slk_error *error)
{
    const slk_pc2_request *request = in->request;
    SLK_CLEANUP(slk_closep) int lock = -1;
    slk_pc1_state state;
    bool found = false;
    SLK_TRY(slk_cache_lock(&lock, request->cache, true, error));
    SLK_TRY(slk_pc1_state_load(&state, &found, request->env.crypto, request->cache, error));
    SLK_TRY(inputs_open(in, error));
    if (found)
        SLK_TRY(check_inputs(in, &state, error));
    SLK_TRY(make_all(in, result, error));
    const uint8_t *replica_id = request->replica_id;
    if (!replica_id && found)
        replica_id = state.replica_id;
    SLK_TRY(make_synthetic(request, replica_id, result, error));
    return slk_p_aux_write(request->cache, result->comm_c, result->comm_r_last, error);
}

slk_err slk_pc2(slk_pc2_result *ret_result, const slk_pc2_request *request, slk_error *error)
{
    struct inputs in = {.request = request, .layers = request->proof.shape->layers};
    for (size_t i = 0; i <= SLK_MAX_LAYERS; i++)
        in.fd[i] = -1;
    slk_pc2_result result;
    slk_err code = pc2_with(&in, &result, error);
    inputs_done(&in);
    if (code == SLK_OK)
        *ret_result = result;
    return code;
}
