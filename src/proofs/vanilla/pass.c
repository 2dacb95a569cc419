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
#define SLICE_UNITS UINT64_C(64) /* of a thread, between other users of the pool: seconds */
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
                      const char *cache, bool zero_data, slk_error *error)
{
    slk_pass *pass = ret_pass;
    *pass = (slk_pass){.crypto = crypto, .shape = shape, .zero_data = zero_data};
    for (size_t i = 0; i < SLK_PASS_INPUTS; i++)
        pass->fd[i] = -1;
    for (unsigned i = 0; i < shape->layers + (zero_data ? 0 : 1); i++) {
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
    }
    for (size_t i = 0; i < SLK_MAX_LAYERS; i++)
        slk_digests_done(&pass->digests[i]);
    slk_free(pass->tree_d_digests);
    *pass = (slk_pass){0};
}

/* ---- Digests. */

/* Without columns and digests only the last layer is of interest. */
static unsigned first_input(const slk_pass *pass)
{
    return pass->tree_c || pass->digests[0].of ? 0 : pass->shape->layers - 1;
}

static uint64_t units(const slk_pass *pass)
{
    return (pass->shape->nodes + UNIT_NODES - 1) / UNIT_NODES;
}

slk_err slk_pass_digest(slk_pass *pass, slk_error *error)
{
    for (unsigned i = 0; i < pass->shape->layers; i++)
        SLK_TRY(slk_digests_init(&pass->digests[i], pass->crypto, pass->shape->bytes, error));
    if (pass->zero_data)
        return SLK_OK;
    pass->tree_d_digests = slk_alloc((size_t)units(pass) + 1, 32);
    if (!pass->tree_d_digests)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the digests of %s",
                        pass->path[pass->shape->layers]);
    return SLK_OK;
}

void slk_pass_layer_digest(const slk_pass *pass, unsigned layer, uint8_t out32[32])
{
    slk_digests_final(&pass->digests[layer], out32);
}

/* Nodes [first, first + n) of a row of TreeD into the hash, by way of a step's buffer. */
static slk_err hash_row(const slk_pass *pass, slk_sha256 *hash, uint8_t *buffer, unsigned row,
                        uint64_t first, uint64_t n, slk_error *error)
{
    const unsigned d = pass->shape->layers;
    const slk_tree_geometry geometry = slk_tree_d_geometry(pass->shape);
    uint64_t offset = slk_tree_row_offset(&geometry, row) + first * 32;
    for (uint64_t left = n * 32; left > 0;) {
        const size_t bytes = (size_t)slk_min_u64(left, STEP_BYTES);
        SLK_TRY(slk_file_read_at(pass->fd[d], buffer, bytes, offset, pass->path[d], error));
        slk_sha256_update(hash, buffer, bytes);
        offset += bytes;
        left -= bytes;
    }
    return SLK_OK;
}

/* log2 of the leaves of a unit: how many rows of TreeD, from the leaves, a chunk of it has. */
static unsigned unit_rows(const slk_pass *pass)
{
    return (unsigned)slk_min_u64(slk_log2(UNIT_NODES), pass->shape->log2_nodes);
}

slk_err slk_pass_tree_d_digest(slk_pass *pass, uint8_t out32[32], slk_error *error)
{
    const slk_tree_geometry geometry = slk_tree_d_geometry(pass->shape);
    SLK_CLEANUP(slk_freep) uint8_t *buffer = slk_alloc(STEP_BYTES, 1);
    if (!buffer)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_sha256 hash;
    slk_sha256_init(&hash, pass->crypto);
    for (unsigned row = unit_rows(pass); row <= geometry.depth; row++)
        SLK_TRY(hash_row(pass, &hash, buffer, row, 0, slk_tree_row_nodes(&geometry, row), error));
    slk_sha256_final(&hash, pass->tree_d_digests + units(pass) * 32);
    slk_sha256_of(pass->crypto, out32, pass->tree_d_digests, (size_t)(units(pass) + 1) * 32);
    return SLK_OK;
}

/* ---- One unit. */

struct run {
    slk_pass *pass;
    slk_job *job;
    size_t unit_nodes;
    uint64_t first; /* unit of the slice */
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
    if (i < pass->shape->layers ? pass->digests[i].of != NULL : pass->tree_d_digests != NULL)
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
    const unsigned end = layers + (pass->tree_r && !pass->zero_data ? 1 : 0);
    for (unsigned i = first_input(pass); i < end; i++)
        SLK_TRY(read_step(pass, desk, i, first, n, error));
    if (pass->tree_c)
        slk_poseidon_columns(pass->crypto, layers, desk->columns + at * 32,
                             (const uint8_t *const *)desk->input, n);
    if (pass->columns)
        SLK_TRY(keep_columns(pass, desk, first, n, error));
    if (pass->tree_r && pass->zero_data)
        memcpy(desk->replica + at * 32, desk->input[layers - 1], n * 32);
    for (size_t k = 0; pass->tree_r && !pass->zero_data && k < n; k++) {
        bool added =
            slk_fr_node_add(desk->replica + (at + k) * 32, desk->input[layers - 1] + 32 * k,
                            desk->input[layers] + 32 * k);
        slk_assert(added);
    }
    return SLK_OK;
}

/* The digests of a unit, once all its leaves have passed. */
static slk_err end_digests(slk_pass *pass, struct desk *desk, uint64_t unit, slk_error *error)
{
    const unsigned d = pass->shape->layers;
    for (unsigned i = 0; i < d; i++) {
        if (pass->digests[i].of)
            slk_sha256_final(&desk->hash[i], pass->digests[i].of + unit * 32);
    }
    if (!pass->tree_d_digests)
        return SLK_OK;
    for (unsigned row = 1; row < unit_rows(pass); row++) {
        const uint64_t n = UINT64_C(1) << (unit_rows(pass) - row);
        SLK_TRY(hash_row(pass, &desk->hash[d], desk->input[d], row, unit * n, n, error));
    }
    slk_sha256_final(&desk->hash[d], pass->tree_d_digests + unit * 32);
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
    SLK_TRY(end_digests(pass, &desk, unit, error));
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
        if (do_unit(run, run->first + unit, worker, &error) != SLK_OK)
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
    /* In slices: C1 and proofs that wait for the pool get their turn between them. */
    const uint64_t slice = SLICE_UNITS * slk_pool_threads(pool);
    for (run.first = 0; run.first < units(pass); run.first += slice)
        slk_pool_for(pool, slk_min_u64(slice, units(pass) - run.first), 1, do_units, &run);
    slk_region_done(&run.scratch);
    return slk_fault_result(&run.fault, error);
}
