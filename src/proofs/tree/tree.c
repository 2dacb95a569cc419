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

/* ---- Chunk by chunk. */

slk_err slk_tree_builder_init(slk_tree_builder *ret_builder, const slk_crypto *crypto,
                              const slk_tree_geometry *geometry, const slk_tree_sink *sink,
                              slk_error *error)
{
    const unsigned rows = 15 / geometry->log2_arity;
    slk_tree_builder b = {
        .crypto = crypto,
        .geometry = *geometry,
        .sink = *sink,
        .chunk_rows = rows < geometry->depth ? rows : geometry->depth,
    };
    b.tops = slk_alloc((size_t)slk_tree_builder_chunks(&b), 32);
    if (!b.tops)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the upper rows of a tree");
    *ret_builder = b;
    return SLK_OK;
}

void slk_tree_builder_done(slk_tree_builder *builder)
{
    slk_free(builder->tops);
    slk_free(builder->digests);
    builder->tops = builder->digests = NULL;
}

slk_err slk_tree_builder_digest(slk_tree_builder *builder, slk_error *error)
{
    builder->digests = slk_alloc((size_t)slk_tree_builder_chunks(builder) + 1, 32);
    if (!builder->digests)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the digests of a tree");
    return SLK_OK;
}

void slk_tree_builder_digest_final(const slk_tree_builder *builder, uint8_t out32[32])
{
    slk_sha256_of(builder->crypto, out32, builder->digests,
                  ((size_t)slk_tree_builder_chunks(builder) + 1) * 32);
}

uint64_t slk_tree_builder_chunks(const slk_tree_builder *builder)
{
    return slk_tree_row_nodes(&builder->geometry, builder->chunk_rows);
}

size_t slk_tree_builder_chunk_nodes(const slk_tree_builder *builder)
{
    return (size_t)1 << builder->geometry.log2_arity * builder->chunk_rows;
}

static slk_err put_nodes(const slk_tree_geometry *geometry, const slk_tree_sink *sink, unsigned row,
                         uint64_t first, const uint8_t *nodes, uint64_t n, slk_error *error)
{
    if (row < geometry->first_row)
        return SLK_OK;
    uint64_t offset = slk_tree_row_offset(geometry, row) + first * 32;
    if (!sink->file) {
        memcpy(sink->memory + offset, nodes, (size_t)n * 32);
        return SLK_OK;
    }
    return slk_outfile_write(sink->file, nodes, (size_t)n * 32, offset, error);
}

/* A row where it belongs, and into the digest. */
static slk_err put_row(const slk_tree_builder *builder, slk_sha256 *hash, unsigned row,
                       uint64_t first, const uint8_t *nodes, uint64_t n, slk_error *error)
{
    if (builder->digests)
        slk_sha256_update(hash, nodes, (size_t)n * 32);
    return put_nodes(&builder->geometry, &builder->sink, row, first, nodes, n, error);
}

slk_err slk_tree_builder_put(slk_tree_builder *builder, uint64_t chunk, uint8_t *nodes,
                             slk_error *error)
{
    const unsigned shift = builder->geometry.log2_arity;
    uint64_t n = slk_tree_builder_chunk_nodes(builder);
    slk_sha256 hash;
    slk_sha256_init(&hash, builder->crypto);
    for (unsigned row = 0; row < builder->chunk_rows; row++) {
        SLK_TRY(put_row(builder, &hash, row, chunk * n, nodes, n, error));
        n >>= shift;
        slk_tree_hash_row(builder->crypto, shift, nodes, (size_t)n);
    }
    memcpy(builder->tops + chunk * 32, nodes, 32);
    if (builder->digests)
        slk_sha256_final(&hash, builder->digests + chunk * 32);
    return SLK_OK;
}

/* Few nodes, one thread: a 32768th of the tree. */
slk_err slk_tree_builder_finish(uint8_t root32[32], slk_tree_builder *builder, slk_error *error)
{
    const slk_tree_geometry *geometry = &builder->geometry;
    slk_sha256 hash;
    slk_sha256_init(&hash, builder->crypto);
    for (unsigned row = builder->chunk_rows;; row++) {
        uint64_t n = slk_tree_row_nodes(geometry, row);
        SLK_TRY(put_row(builder, &hash, row, 0, builder->tops, n, error));
        if (n == 1)
            break;
        slk_tree_hash_row(builder->crypto, geometry->log2_arity, builder->tops,
                          (size_t)(n >> geometry->log2_arity));
    }
    memcpy(root32, builder->tops, 32);
    if (builder->digests)
        slk_sha256_final(&hash, builder->digests + slk_tree_builder_chunks(builder) * 32);
    return SLK_OK;
}

/* ---- In one call. */

struct build {
    slk_tree_builder *builder;
    slk_tree_leaves *leaves;
    void *context;
    slk_job *job;
    slk_region scratch; /* a chunk of leaves per worker */
    slk_fault fault;
};

static slk_err build_chunk(struct build *b, uint64_t chunk, unsigned worker, slk_error *error)
{
    const size_t leaves = slk_tree_builder_chunk_nodes(b->builder);
    uint8_t *nodes = b->scratch.data + worker * CHUNK_BYTES;
    SLK_TRY(slk_job_check(b->job, error));
    SLK_TRY(b->leaves(b->context, nodes, chunk * leaves, leaves, worker, error));
    SLK_TRY(slk_tree_builder_put(b->builder, chunk, nodes, error));
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

slk_err slk_tree_build(uint8_t root32[32], uint8_t *ret_digest32, const slk_crypto *crypto,
                       const slk_tree_geometry *geometry, slk_tree_leaves *leaves, void *context,
                       const slk_tree_sink *sink, slk_pool *pool, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_tree_builder_done) slk_tree_builder builder = {0};
    SLK_CLEANUP(slk_region_done) slk_region scratch = {0};
    SLK_TRY(slk_tree_builder_init(&builder, crypto, geometry, sink, error));
    if (ret_digest32)
        SLK_TRY(slk_tree_builder_digest(&builder, error));
    SLK_TRY(slk_region_init(&scratch, slk_pool_threads(pool) * CHUNK_BYTES, "tree rows", error));
    struct build b = {
        .builder = &builder, .leaves = leaves, .context = context, .job = job, .scratch = scratch};
    slk_fault_init(&b.fault);
    slk_pool_for(pool, slk_tree_builder_chunks(&builder), 1, build_chunks, &b);
    SLK_TRY(slk_fault_result(&b.fault, error));
    SLK_TRY(slk_tree_builder_finish(root32, &builder, error));
    if (ret_digest32)
        slk_tree_builder_digest_final(&builder, ret_digest32);
    return SLK_OK;
}

slk_err slk_tree_d_write_zero(const slk_crypto *crypto, const slk_tree_geometry *geometry,
                              const slk_outfile *file, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_region_done) slk_region run = {0};
    SLK_TRY(slk_region_init(&run, CHUNK_BYTES, "a zero tree", error));
    const slk_tree_sink sink = {.file = file};
    uint8_t node[64] = {0};
    for (unsigned row = 0; row <= geometry->depth; row++) {
        const uint64_t n = slk_tree_row_nodes(geometry, row);
        const uint64_t length = slk_min_u64(n, SLK_TREE_CHUNK_NODES);
        for (uint64_t i = 0; i < length; i++)
            memcpy(run.data + i * 32, node, 32);
        /* The leaves are there: a new file is zero. */
        for (uint64_t first = row ? 0 : n; first < n; first += length) {
            SLK_TRY(slk_job_check(job, error));
            SLK_TRY(put_nodes(geometry, &sink, row, first, run.data, length, error));
            slk_job_advance(job, length);
        }
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
