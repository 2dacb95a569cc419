/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "crypto/fr/fr.h"
#include "proofs/label/label.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/cache.h"

struct reading {
    int fd;
    const char *path;
    uint64_t tree_first;
    slk_gate *arriving;
    bool lean; /* files of the tree that lack are made */
};

static slk_err wait_for(slk_gate *arriving, uint64_t bytes, slk_error *error)
{
    if (!arriving || slk_gate_wait(arriving, bytes))
        return SLK_OK;
    return slk_fail(error, SLK_E_CANCELED, "no more of the sealed file comes");
}

static slk_err sealed_leaves(void *context, uint8_t *out, uint64_t first, size_t n, unsigned worker,
                             slk_error *error)
{
    (void)worker;
    const struct reading *r = context;
    const uint64_t node = r->tree_first + first;
    SLK_TRY(wait_for(r->arriving, (node + n) * 32, error));
    SLK_TRY(slk_file_read_at(r->fd, out, n * 32, node * 32, r->path, error));
    for (size_t i = 0; i < n; i++) {
        if (!slk_fr_node_is_canonical(out + 32 * i))
            return slk_fail(error, SLK_E_CORRUPT, "%s: node %llu is not a field element", r->path,
                            (unsigned long long)(node + i));
    }
    return SLK_OK;
}

static slk_err compare_file(const char *path, const uint8_t *want,
                            const slk_tree_geometry *geometry, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    const uint64_t bytes = slk_tree_file_bytes(geometry);
    SLK_TRY(slk_tree_open_sized(&fd, path, bytes, error));
    uint8_t chunk[4096];
    for (uint64_t at = 0; at < bytes; at += sizeof chunk) {
        size_t n = bytes - at < sizeof chunk ? (size_t)(bytes - at) : sizeof chunk;
        SLK_TRY(slk_file_read_at(fd, chunk, n, at, path, error));
        for (size_t i = 0; i < n; i += 32) {
            if (memcmp(chunk + i, want + at + i, 32) != 0)
                return slk_fail(error, SLK_E_CORRUPT,
                                "%s: node %llu is not the hash of the sealed file", path,
                                (unsigned long long)((at + i) / 32));
        }
    }
    return SLK_OK;
}

static slk_err check_tree(uint8_t root32[32], const slk_check_replica_request *request,
                          struct reading *reading, unsigned tree, uint8_t *memory, slk_error *error)
{
    const slk_sector_shape *shape = request->proof.shape;
    const slk_tree_geometry geometry = slk_tree_r_geometry(shape);
    const slk_tree_sink sink = {.memory = memory};
    reading->tree_first = tree * slk_tree_row_nodes(&geometry, 0);
    SLK_TRY(slk_tree_build(root32, NULL, request->env.crypto, &geometry, sealed_leaves, reading,
                           &sink, request->env.pool, request->env.job, error));
    SLK_CLEANUP(slk_freep)
    char *path = slk_base_tree_path(request->cache, "tree-r-last", shape, tree);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (reading->lean && !slk_file_exists(path))
        return slk_file_write_atomic(path, memory, (size_t)slk_tree_file_bytes(&geometry), 0644,
                                     error);
    return compare_file(path, memory, &geometry, error);
}

/* What lacked of a finished cache is there. */
static slk_err end_lean(const slk_check_replica_request *request, const char *note,
                        slk_error *error)
{
    SLK_TRY(slk_t_aux_write(request->cache, request->proof.shape, error));
    return slk_remove_tree_durable(note, error);
}

static slk_err check_roots(const slk_check_replica_request *request, const uint8_t root[32],
                           slk_error *error)
{
    uint8_t comm_c[32], comm_r_last[32], comm_r[32];
    SLK_TRY(slk_p_aux_read(comm_c, comm_r_last, request->cache, error));
    if (memcmp(root, comm_r_last, 32) != 0)
        return slk_fail(error, SLK_E_CORRUPT, "%s is not the replica of %s/p_aux", request->sealed,
                        request->cache);
    bool joined = slk_comm_r(comm_r, request->env.crypto, comm_c, comm_r_last);
    slk_assert(joined);
    if (request->comm_r && memcmp(request->comm_r, comm_r, 32) != 0)
        return slk_fail(error, SLK_E_CORRUPT, "%s/p_aux does not give the expected CommR",
                        request->cache);
    return SLK_OK;
}

/* Node 0 has no parents: its label follows from the replica's id alone, and of zeros it is the encoding.
 * source: reference/proofs 4 */
static slk_err check_first_node(const slk_check_replica_request *request,
                                const struct reading *reading, slk_error *error)
{
    uint8_t want[32], have[32];
    if (!request->replica_id)
        return SLK_OK;
    SLK_TRY(wait_for(reading->arriving, sizeof have, error));
    SLK_TRY(slk_file_read_at(reading->fd, have, sizeof have, 0, reading->path, error));
    slk_label_node(request->env.crypto, want, request->replica_id, request->proof.shape->layers, 0,
                   NULL, 0);
    if (memcmp(want, have, sizeof have) != 0)
        return slk_fail(error, SLK_E_CORRUPT, "%s was made for another sector or ticket",
                        reading->path);
    return SLK_OK;
}

slk_err slk_check_replica(const slk_check_replica_request *request, slk_error *error)
{
    const slk_sector_shape *shape = request->proof.shape;
    const slk_tree_geometry geometry = slk_tree_r_geometry(shape);
    SLK_CLEANUP(slk_closep) int lock = -1;
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_CLEANUP(slk_freep) char *note = slk_path_join(request->cache, SLK_CACHE_LEAN_FILE);
    SLK_TRY(wait_for(request->arriving, 1, error));
    if (!note)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const bool lean = slk_file_exists(note);
    SLK_TRY(slk_cache_lock(&lock, request->cache, lean, error));
    SLK_TRY(slk_tree_open_sized(&fd, request->sealed, shape->bytes, error));
    SLK_CLEANUP(slk_freep)
    uint8_t *memory = slk_alloc((size_t)slk_tree_file_bytes(&geometry), 1);
    if (!memory)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the tree of %s", request->sealed);
    struct reading reading = {
        .fd = fd, .path = request->sealed, .arriving = request->arriving, .lean = lean};
    uint8_t base[SLK_MAX_BASE_TREES][32], sub[2][32], root[32];
    slk_job_stage(request->env.job, "replica", shape->nodes);
    for (unsigned i = 0; i < shape->base_trees; i++)
        SLK_TRY(check_tree(base[i], request, &reading, i, memory, error));
    slk_tree_join(root, sub, request->env.crypto, shape, base[0]);
    SLK_TRY(check_roots(request, root, error));
    SLK_TRY(check_first_node(request, &reading, error));
    return lean ? end_lean(request, note, error) : SLK_OK;
}

/* ---- a sample ---- */

#define SAMPLE_LEAVES_MAX 512u
#define ARITY 8u
#define LOG2_ARITY 3u

/* One tree-r-last file, open. */
struct sampled {
    const slk_check_replica_request *request;
    slk_tree_geometry geometry;
    struct reading reading;
    int fd;
    const char *path;
};

static slk_err read_nodes(const struct sampled *s, uint8_t *out, unsigned row, uint64_t first,
                          size_t n, slk_error *error)
{
    const uint64_t offset = slk_tree_row_offset(&s->geometry, row) + 32 * first;
    return slk_file_read_at(s->fd, out, 32 * n, offset, s->path, error);
}

static slk_err compare_node(const struct sampled *s, const uint8_t want32[32], unsigned row,
                            uint64_t index, slk_error *error)
{
    uint8_t have[32];
    SLK_TRY(read_nodes(s, have, row, index, 1, error));
    if (memcmp(have, want32, 32) != 0)
        return slk_fail(error, SLK_E_CORRUPT,
                        "%s: node %llu of row %u is not the hash of what is below", s->path,
                        (unsigned long long)index, row);
    return SLK_OK;
}

/* The leaves below one node of the lowest row in the file, and the path from there to the root. */
static slk_err check_one(const struct sampled *s, uint64_t index, slk_error *error)
{
    uint8_t nodes[SAMPLE_LEAVES_MAX * 32];
    const slk_crypto *crypto = s->request->env.crypto;
    const unsigned first_row = s->geometry.first_row;
    size_t n = (size_t)1 << (LOG2_ARITY * first_row);
    slk_assert(n <= SAMPLE_LEAVES_MAX);
    struct reading reading = s->reading;
    SLK_TRY(sealed_leaves(&reading, nodes, index * n, n, 0, error));
    for (unsigned row = 0; row < first_row; row++) {
        n /= ARITY;
        slk_tree_hash_row(crypto, LOG2_ARITY, nodes, n);
    }
    SLK_TRY(compare_node(s, nodes, first_row, index, error));
    for (unsigned row = first_row; row < s->geometry.depth; row++) {
        index /= ARITY;
        SLK_TRY(read_nodes(s, nodes, row, index * ARITY, ARITY, error));
        slk_tree_hash_row(crypto, LOG2_ARITY, nodes, 1);
        SLK_TRY(compare_node(s, nodes, row + 1, index, error));
    }
    return SLK_OK;
}

static uint64_t random_below(uint64_t bound)
{
    uint64_t v;
    slk_rng_fill((uint8_t *)&v, sizeof v);
    return v % bound; /* bound is far below 2^64: the bias is none to speak of */
}

/* Samples of one base tree, spread over its whole width, and its root. */
static slk_err sample_tree(uint8_t root32[32], const slk_check_replica_request *request,
                           const struct reading *reading, unsigned tree, uint64_t samples,
                           slk_error *error)
{
    const slk_sector_shape *shape = request->proof.shape;
    SLK_CLEANUP(slk_freep)
    char *path = slk_base_tree_path(request->cache, "tree-r-last", shape, tree);
    SLK_CLEANUP(slk_closep) int fd = -1;
    struct sampled s = {.request = request,
                        .geometry = slk_tree_r_geometry(shape),
                        .reading = *reading,
                        .path = path};
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_tree_open_sized(&fd, path, slk_tree_file_bytes(&s.geometry), error));
    s.fd = fd;
    s.reading.tree_first = tree * slk_tree_row_nodes(&s.geometry, 0);
    const uint64_t width = slk_tree_row_nodes(&s.geometry, s.geometry.first_row);
    const uint64_t n = samples < width ? samples : width;
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t from = i * width / n, to = (i + 1) * width / n;
        SLK_TRY(slk_job_check(request->env.job, error));
        SLK_TRY(check_one(&s, from + random_below(to - from), error));
        slk_job_advance(request->env.job, 1);
    }
    return read_nodes(&s, root32, s.geometry.depth, 0, 1, error);
}

slk_err slk_check_replica_sample(const slk_check_replica_request *request, uint64_t samples,
                                 slk_error *error)
{
    const slk_sector_shape *shape = request->proof.shape;
    const uint64_t each = samples / shape->base_trees + (samples % shape->base_trees > 0);
    SLK_CLEANUP(slk_closep) int lock = -1;
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_cache_lock(&lock, request->cache, false, error));
    SLK_TRY(slk_tree_open_sized(&fd, request->sealed, shape->bytes, error));
    const struct reading reading = {.fd = fd, .path = request->sealed};
    uint8_t base[SLK_MAX_BASE_TREES][32], sub[2][32], root[32];
    slk_job_stage(request->env.job, "sample", each * shape->base_trees);
    for (unsigned i = 0; i < shape->base_trees; i++)
        SLK_TRY(sample_tree(base[i], request, &reading, i, each, error));
    slk_tree_join(root, sub, request->env.crypto, shape, base[0]);
    SLK_TRY(check_roots(request, root, error));
    return check_first_node(request, &reading, error);
}
