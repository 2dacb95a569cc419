/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypto/fr/fr.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/cache.h"

struct reading {
    int fd;
    const char *path;
    uint64_t tree_first;
};

static slk_err sealed_leaves(void *context, uint8_t *out, uint64_t first, size_t n, unsigned worker,
                             slk_error *error)
{
    (void)worker;
    const struct reading *r = context;
    const uint64_t node = r->tree_first + first;
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
    return compare_file(path, memory, &geometry, error);
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

slk_err slk_check_replica(const slk_check_replica_request *request, slk_error *error)
{
    const slk_sector_shape *shape = request->proof.shape;
    const slk_tree_geometry geometry = slk_tree_r_geometry(shape);
    SLK_CLEANUP(slk_closep) int lock = -1;
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_cache_lock(&lock, request->cache, false, error));
    SLK_TRY(slk_tree_open_sized(&fd, request->sealed, shape->bytes, error));
    SLK_CLEANUP(slk_freep)
    uint8_t *memory = slk_alloc((size_t)slk_tree_file_bytes(&geometry), 1);
    if (!memory)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the tree of %s", request->sealed);
    struct reading reading = {.fd = fd, .path = request->sealed};
    uint8_t base[SLK_MAX_BASE_TREES][32], sub[2][32], root[32];
    slk_job_stage(request->env.job, "replica", shape->nodes);
    for (unsigned i = 0; i < shape->base_trees; i++)
        SLK_TRY(check_tree(base[i], request, &reading, i, memory, error));
    slk_tree_join(root, sub, request->env.crypto, shape, base[0]);
    return check_roots(request, root, error);
}
