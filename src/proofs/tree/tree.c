/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/tree/tree.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypto/poseidon/poseidon.h"
#include "crypto/sha256/sha256.h"

#include <sys/stat.h>

#define CHUNK_BYTES (SLK_TREE_CHUNK_NODES * (size_t)32)
static_assert(SLK_TREE_CHUNK_NODES == 1u << 15, "2^15 nodes are 15 binary and 5 octal rows");

slk_tree_geometry slk_tree_d_geometry(const slk_sector_shape *shape)
{
    return (slk_tree_geometry){.log2_arity = 1, .depth = shape->log2_nodes};
}

slk_tree_geometry slk_tree_c_geometry(const slk_sector_shape *shape)
{
    return (slk_tree_geometry){.log2_arity = 3, .depth = shape->base_depth};
}

slk_tree_geometry slk_tree_r_geometry(const slk_sector_shape *shape)
{
    return (slk_tree_geometry){
        .log2_arity = 3, .depth = shape->base_depth, .first_row = 1 + shape->discard};
}

uint64_t slk_tree_row_nodes(const slk_tree_geometry *geometry, unsigned row)
{
    slk_assert(row <= geometry->depth);
    return UINT64_C(1) << geometry->log2_arity * (geometry->depth - row);
}

uint64_t slk_tree_row_offset(const slk_tree_geometry *geometry, unsigned row)
{
    slk_assert(row >= geometry->first_row && row <= geometry->depth + 1);
    uint64_t nodes = 0;
    for (unsigned r = geometry->first_row; r < row; r++)
        nodes += slk_tree_row_nodes(geometry, r);
    return nodes * 32;
}

uint64_t slk_tree_file_bytes(const slk_tree_geometry *geometry)
{
    return slk_tree_row_offset(geometry, geometry->depth + 1);
}

uint64_t slk_tree_total_nodes(const slk_tree_geometry *geometry)
{
    const slk_tree_geometry whole = {.log2_arity = geometry->log2_arity, .depth = geometry->depth};
    return slk_tree_file_bytes(&whole) / 32;
}

void slk_tree_hash_row(const slk_crypto *crypto, unsigned log2_arity, uint8_t *inout, size_t n)
{
    if (log2_arity == 1)
        slk_sha254_pairs(crypto, inout, inout, n);
    else
        slk_poseidon_batch(crypto, 1u << log2_arity, inout, inout, n);
}

struct build {
    const slk_crypto *crypto;
    const slk_tree_geometry *geometry;
    slk_tree_leaves *leaves;
    void *context;
    const slk_tree_sink *sink;
    slk_job *job;
    unsigned chunk_rows; /* rows above the leaves within one chunk */
    slk_region scratch; /* CHUNK_BYTES per worker */
    uint8_t *tops; /* root of every chunk: one whole row of the tree */
    slk_fault fault;
};

static slk_err put_nodes(const struct build *b, unsigned row, uint64_t first, const uint8_t *nodes,
                         uint64_t n, slk_error *error)
{
    if (row < b->geometry->first_row)
        return SLK_OK;
    uint64_t offset = slk_tree_row_offset(b->geometry, row) + first * 32;
    if (b->sink->fd < 0) {
        memcpy(b->sink->memory + offset, nodes, (size_t)n * 32);
        return SLK_OK;
    }
    return slk_file_write_at(b->sink->fd, nodes, (size_t)n * 32, offset, b->sink->path, error);
}

static slk_err build_chunk(struct build *b, uint64_t chunk, unsigned worker, slk_error *error)
{
    const unsigned shift = b->geometry->log2_arity;
    const uint64_t leaves = UINT64_C(1) << shift * b->chunk_rows;
    uint8_t *nodes = b->scratch.data + worker * CHUNK_BYTES;
    SLK_TRY(slk_job_check(b->job, error));
    SLK_TRY(b->leaves(b->context, nodes, chunk * leaves, (size_t)leaves, worker, error));
    uint64_t n = leaves;
    for (unsigned row = 0; row < b->chunk_rows; row++) {
        SLK_TRY(put_nodes(b, row, chunk * n, nodes, n, error));
        n >>= shift;
        slk_tree_hash_row(b->crypto, shift, nodes, (size_t)n);
    }
    memcpy(b->tops + chunk * 32, nodes, 32);
    slk_job_advance(b->job, leaves);
    return SLK_OK;
}

static void build_chunks(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    struct build *b = context;
    slk_error error = {0};
    for (uint64_t chunk = begin; chunk < end && !slk_fault_any(&b->fault); chunk++) {
        if (build_chunk(b, chunk, worker, &error) != SLK_OK)
            slk_fault_set(&b->fault, &error);
    }
}

/* The rows above the chunks: few nodes, one thread. */
static slk_err build_top(const struct build *b, uint8_t root32[32], slk_error *error)
{
    for (unsigned row = b->chunk_rows;; row++) {
        uint64_t n = slk_tree_row_nodes(b->geometry, row);
        SLK_TRY(put_nodes(b, row, 0, b->tops, n, error));
        if (n == 1)
            break;
        slk_tree_hash_row(b->crypto, b->geometry->log2_arity, b->tops,
                          (size_t)(n >> b->geometry->log2_arity));
    }
    memcpy(root32, b->tops, 32);
    return SLK_OK;
}

static slk_err build_with_memory(struct build *b, uint8_t root32[32], uint64_t chunks,
                                 slk_pool *pool, slk_error *error)
{
    SLK_TRY(slk_region_init(&b->scratch, slk_pool_threads(pool) * CHUNK_BYTES, "tree rows", error));
    b->tops = slk_alloc((size_t)chunks, 32);
    if (!b->tops)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the upper rows of a tree");
    slk_pool_for(pool, chunks, 1, build_chunks, b);
    SLK_TRY(slk_fault_result(&b->fault, error));
    return build_top(b, root32, error);
}

slk_err slk_tree_build(uint8_t root32[32], const slk_crypto *crypto,
                       const slk_tree_geometry *geometry, slk_tree_leaves *leaves, void *context,
                       const slk_tree_sink *sink, slk_pool *pool, slk_job *job, slk_error *error)
{
    unsigned rows = 15 / geometry->log2_arity;
    struct build b = {
        .crypto = crypto,
        .geometry = geometry,
        .leaves = leaves,
        .context = context,
        .sink = sink,
        .job = job,
        .chunk_rows = rows < geometry->depth ? rows : geometry->depth,
    };
    slk_fault_init(&b.fault);
    uint64_t chunks = slk_tree_row_nodes(geometry, b.chunk_rows);
    slk_err code = build_with_memory(&b, root32, chunks, pool, error);
    slk_free(b.tops);
    slk_region_done(&b.scratch);
    return code;
}

slk_err slk_tree_d_build_zero(uint8_t root32[32], const slk_crypto *crypto,
                              const slk_tree_geometry *geometry, const slk_tree_sink *sink,
                              slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) uint8_t *run = slk_calloc(SLK_TREE_CHUNK_NODES, 32);
    if (!run)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a zero tree");
    const struct build b = {.geometry = geometry, .sink = sink};
    uint8_t node[64] = {0};
    for (unsigned row = 0; row <= geometry->depth; row++) {
        uint64_t n = slk_tree_row_nodes(geometry, row);
        uint64_t length = slk_min_u64(n, SLK_TREE_CHUNK_NODES);
        for (uint64_t i = 0; i < length; i++)
            memcpy(run + i * 32, node, 32);
        for (uint64_t first = 0; first < n; first += length) {
            SLK_TRY(slk_job_check(job, error));
            SLK_TRY(put_nodes(&b, row, first, run, length, error));
            slk_job_advance(job, row ? 0 : length);
        }
        memcpy(root32, node, 32);
        memcpy(node + 32, node, 32);
        slk_tree_hash_row(crypto, 1, node, 1);
    }
    return SLK_OK;
}

void slk_tree_join(uint8_t root32[32], uint8_t ret_sub[2][32], const slk_crypto *crypto,
                   const slk_sector_shape *shape, const uint8_t *base)
{
    memset(ret_sub, 0, 64);
    if (!shape->sub_arity) {
        memcpy(root32, base, 32);
        return;
    }
    const size_t subs = shape->top_arity ? shape->top_arity : 1;
    slk_assert(subs <= 2);
    slk_poseidon_batch(crypto, shape->sub_arity, ret_sub[0], base, subs);
    if (shape->top_arity)
        slk_poseidon_batch(crypto, shape->top_arity, root32, ret_sub[0], 1);
    else
        memcpy(root32, ret_sub[0], 32);
}

char *slk_tree_path(const char *folder, const char *id, int index)
{
    size_t n = strlen(folder);
    const char *slash = n && folder[n - 1] == '/' ? "" : "/";
    if (index < 0)
        return slk_strf("%s%ssc-02-data-%s.dat", folder, slash, id);
    return slk_strf("%s%ssc-02-data-%s-%d.dat", folder, slash, id, index);
}

char *slk_base_tree_path(const char *folder, const char *id, const slk_sector_shape *shape,
                         unsigned i)
{
    return slk_tree_path(folder, id, shape->base_trees > 1 ? (int)i : -1);
}

slk_err slk_tree_open_sized(int *ret_fd, const char *path, uint64_t bytes, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_file_open_read(&fd, path, error));
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return slk_fail(error, SLK_E_INVAL, "%s is not a regular file", path);
    if ((uint64_t)st.st_size != bytes)
        return slk_fail(error, SLK_E_CORRUPT, "%s has %llu bytes and must have %llu", path,
                        (unsigned long long)st.st_size, (unsigned long long)bytes);
    *ret_fd = fd;
    fd = -1;
    return SLK_OK;
}
