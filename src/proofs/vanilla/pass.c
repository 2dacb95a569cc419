/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/pass.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypto/fr/fr.h"
#include "crypto/poseidon/poseidon.h"
#include "crypto/sha256/sha256.h"
#include "proofs/vanilla/cache.h"

/* A unit of work is one chunk of the digests and a whole number of chunks of the trees. Within it
 * nodes go step by step, so that what is read stays in the cache until it has been used. */
#define UNIT_NODES SLK_TREE_CHUNK_NODES
#define UNIT_BYTES (UNIT_NODES * (size_t)32)
#define STEP_NODES 1024u
#define STEP_BYTES (STEP_NODES * (size_t)32)
static_assert(UNIT_BYTES == SLK_DIGEST_CHUNK_BYTES, "one digest a unit");

static uint64_t input_bytes(const slk_sector_shape *shape, unsigned i)
{
    const slk_tree_geometry d = slk_tree_d_geometry(shape);
    return i < shape->layers ? shape->bytes : slk_tree_file_bytes(&d);
}

slk_err slk_pass_open(slk_pass *ret_pass, const slk_crypto *crypto, const slk_sector_shape *shape,
                      const char *cache, slk_error *error)
{
    slk_pass *pass = ret_pass;
    *pass = (slk_pass){.crypto = crypto, .shape = shape};
    for (size_t i = 0; i < SLK_PASS_INPUTS; i++)
        pass->fd[i] = -1;
    for (unsigned i = 0; i <= shape->layers; i++) {
        pass->path[i] =
            i < shape->layers ? slk_layer_path(cache, i + 1) : slk_tree_path(cache, "tree-d", -1);
        if (!pass->path[i])
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(slk_tree_open_sized(&pass->fd[i], pass->path[i], input_bytes(shape, i), error));
    }
    return SLK_OK;
}

void slk_pass_done(slk_pass *pass)
{
    for (size_t i = 0; pass->shape && i < SLK_PASS_INPUTS; i++) {
        slk_closep(&pass->fd[i]);
        slk_free(pass->path[i]);
        slk_digests_done(&pass->digests[i]);
    }
    *pass = (slk_pass){0};
}

/* ---- Digests. */

/* Whether the pass meets every byte of the chunks it reads of input i: not where rows of a small TreeD
 * share the chunk of its leaves. */
static bool digested_on_the_way(const slk_pass *pass, unsigned i)
{
    return pass->digests[i].of && (i < pass->shape->layers || pass->shape->bytes >= UNIT_BYTES);
}

slk_err slk_pass_digest(slk_pass *pass, slk_pool *pool, slk_job *job, slk_error *error)
{
    const unsigned d = pass->shape->layers;
    for (unsigned i = 0; i <= d; i++)
        SLK_TRY(
            slk_digests_init(&pass->digests[i], pass->crypto, input_bytes(pass->shape, i), error));
    const uint64_t leaves = digested_on_the_way(pass, d) ? pass->shape->bytes / UNIT_BYTES : 0;
    const uint64_t chunks = slk_digests_chunks(&pass->digests[d]);
    slk_job_stage(job, "check", chunks - leaves);
    return slk_digests_read(&pass->digests[d], pass->fd[d], pass->path[d], leaves, chunks, pool,
                            job, error);
}

/* ---- One unit. */

struct run {
    slk_pass *pass;
    slk_job *job;
    size_t unit_nodes;
    slk_region scratch;
    slk_fault fault;
};

/* What one worker has: a step of every input, a unit of results. */
struct desk {
    uint8_t *input[SLK_PASS_INPUTS];
    slk_sha256 hash[SLK_PASS_INPUTS];
    uint8_t *columns, *replica; /* leaves of the two trees */
    uint8_t *turned; /* a step of labels node by node */
};

static size_t desk_bytes(const slk_pass *pass)
{
    const unsigned turned = pass->columns ? pass->shape->layers : 0;
    return (pass->shape->layers + 1 + turned) * STEP_BYTES + 2 * UNIT_BYTES;
}

static void desk_init(struct desk *desk, const struct run *run, unsigned worker)
{
    const unsigned inputs = run->pass->shape->layers + 1;
    uint8_t *memory = run->scratch.data + worker * desk_bytes(run->pass);
    for (unsigned i = 0; i < inputs; i++) {
        desk->input[i] = memory + i * STEP_BYTES;
        slk_sha256_init(&desk->hash[i], run->pass->crypto);
    }
    desk->columns = memory + inputs * STEP_BYTES;
    desk->replica = desk->columns + UNIT_BYTES;
    desk->turned = desk->replica + UNIT_BYTES;
}

static slk_err read_step(const slk_pass *pass, struct desk *desk, unsigned i, uint64_t first,
                         size_t n, slk_error *error)
{
    uint8_t *nodes = desk->input[i];
    SLK_TRY(slk_file_read_at(pass->fd[i], nodes, n * 32, first * 32, pass->path[i], error));
    if (digested_on_the_way(pass, i))
        slk_sha256_update(&desk->hash[i], nodes, n * 32);
    for (size_t k = 0; k < n; k++) {
        if (!slk_fr_node_is_canonical(nodes + 32 * k))
            return slk_fail(error, SLK_E_CORRUPT, "%s: node %llu is not a field element",
                            pass->path[i], (unsigned long long)(first + k));
    }
    return SLK_OK;
}

static slk_err keep_columns(const slk_pass *pass, const struct desk *desk, uint64_t first, size_t n,
                            slk_error *error)
{
    const size_t layers = pass->shape->layers;
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < layers; i++)
            memcpy(desk->turned + (k * layers + i) * 32, desk->input[i] + 32 * k, 32);
    return slk_outfile_write(pass->columns, desk->turned, n * layers * 32, first * layers * 32,
                             error);
}

/* Nodes [first, first + n) of all inputs; results `at` nodes into the unit. */
static slk_err do_step(const slk_pass *pass, struct desk *desk, uint64_t first, size_t at, size_t n,
                       slk_error *error)
{
    const unsigned layers = pass->shape->layers;
    for (unsigned i = pass->tree_c ? 0 : layers - 1; i < layers + (pass->tree_r ? 1 : 0); i++)
        SLK_TRY(read_step(pass, desk, i, first, n, error));
    if (pass->tree_c)
        slk_poseidon_columns(pass->crypto, layers, desk->columns + at * 32,
                             (const uint8_t *const *)desk->input, n);
    if (pass->columns)
        SLK_TRY(keep_columns(pass, desk, first, n, error));
    for (size_t k = 0; pass->tree_r && k < n; k++) {
        bool added =
            slk_fr_node_add(desk->replica + (at + k) * 32, desk->input[layers - 1] + 32 * k,
                            desk->input[layers] + 32 * k);
        slk_assert(added);
    }
    return SLK_OK;
}

static slk_err do_unit(const struct run *run, uint64_t unit, unsigned worker, slk_error *error)
{
    slk_pass *pass = run->pass;
    const size_t n = run->unit_nodes;
    const uint64_t first = unit * n;
    struct desk desk;
    SLK_TRY(slk_job_check(run->job, error));
    desk_init(&desk, run, worker);
    for (size_t at = 0; at < n; at += STEP_NODES)
        SLK_TRY(do_step(pass, &desk, first + at, at, slk_min_u64(STEP_NODES, n - at), error));
    for (unsigned i = 0; i <= pass->shape->layers; i++) {
        if (digested_on_the_way(pass, i))
            slk_sha256_final(&desk.hash[i], pass->digests[i].of + unit * 32);
    }
    if (pass->tree_c)
        SLK_TRY(slk_base_trees_put(pass->tree_c, first, desk.columns, n, error));
    if (pass->tree_r) {
        SLK_TRY(slk_outfile_write(pass->sealed, desk.replica, n * 32, first * 32, error));
        SLK_TRY(slk_base_trees_put(pass->tree_r, first, desk.replica, n, error));
    }
    slk_job_advance(run->job, n);
    return SLK_OK;
}

static void do_units(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    struct run *run = context;
    slk_error error = {0};
    for (uint64_t unit = begin; unit < end && !slk_fault_any(&run->fault); unit++) {
        if (do_unit(run, unit, worker, &error) != SLK_OK)
            slk_fault_set(&run->fault, &error);
    }
}

slk_err slk_pass_run(slk_pass *pass, slk_pool *pool, slk_job *job, slk_error *error)
{
    struct run run = {
        .pass = pass,
        .job = job,
        .unit_nodes = (size_t)slk_min_u64(UNIT_NODES, pass->shape->nodes),
    };
    slk_fault_init(&run.fault);
    SLK_TRY(
        slk_region_init(&run.scratch, slk_pool_threads(pool) * desk_bytes(pass), "a pass", error));
    slk_pool_for(pool, pass->shape->nodes / run.unit_nodes, 1, do_units, &run);
    slk_region_done(&run.scratch);
    return slk_fault_result(&run.fault, error);
}
