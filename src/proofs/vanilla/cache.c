/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/cache.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/outfile.h"
#include "crypto/fr/fr.h"
#include "crypto/poseidon/poseidon.h"
#include "crypto/sha256/sha256.h"
#include "proofs/tree/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

slk_err slk_cache_write(const char *cache, const char *name, const void *bytes, size_t n,
                        slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(cache, name);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_CLEANUP(slk_outfile_done) slk_outfile file = SLK_OUTFILE_NONE;
    SLK_TRY(slk_outfile_open(&file, path, NULL, 0, error));
    SLK_TRY(slk_file_write_at(file.fd, bytes, n, 0, file.temp, error));
    return slk_outfile_commit(&file, error);
}

slk_err slk_p_aux_write(const char *cache, const uint8_t comm_c[32], const uint8_t comm_r_last[32],
                        slk_error *error)
{
    uint8_t bytes[64];
    memcpy(bytes, comm_c, 32);
    memcpy(bytes + 32, comm_r_last, 32);
    return slk_cache_write(cache, "p_aux", bytes, sizeof bytes, error);
}

slk_err slk_p_aux_read(uint8_t comm_c[32], uint8_t comm_r_last[32], const char *cache,
                       slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(cache, "p_aux");
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_CLEANUP(slk_closep) int fd = -1;
    uint8_t bytes[64];
    SLK_TRY(slk_tree_open_sized(&fd, path, sizeof bytes, error));
    SLK_TRY(slk_file_read_at(fd, bytes, sizeof bytes, 0, path, error));
    for (size_t i = 0; i < 2; i++) {
        if (!slk_fr_node_is_canonical(bytes + 32 * i))
            return slk_fail(error, SLK_E_CORRUPT, "%s: node %zu is not a field element", path, i);
    }
    memcpy(comm_c, bytes, 32);
    memcpy(comm_r_last, bytes + 32, 32);
    return SLK_OK;
}

static slk_err put_u64(slk_buf *buf, uint64_t v)
{
    uint8_t bytes[8];
    slk_store_le64(bytes, v);
    return slk_buf_append(buf, bytes, sizeof bytes);
}

static slk_err put_text(slk_buf *buf, const char *text)
{
    SLK_TRY(put_u64(buf, strlen(text)));
    return slk_buf_text(buf, text);
}

static slk_err put_config(slk_buf *buf, const char *cache, const char *id, uint64_t size,
                          uint64_t discard)
{
    SLK_TRY(put_text(buf, cache));
    SLK_TRY(put_text(buf, id));
    SLK_TRY(slk_buf_byte(buf, 1)); /* the size is there */
    SLK_TRY(put_u64(buf, size));
    return put_u64(buf, discard);
}

static slk_err put_t_aux(slk_buf *buf, const char *cache, const slk_sector_shape *shape)
{
    SLK_TRY(put_u64(buf, shape->layers));
    for (unsigned layer = 1; layer <= shape->layers; layer++) {
        char id[16];
        (void)snprintf(id, sizeof id, "layer-%u", layer);
        SLK_TRY(put_config(buf, cache, id, shape->nodes, 0));
    }
    const slk_tree_geometry c = slk_tree_c_geometry(shape);
    SLK_TRY(put_config(buf, cache, "tree-d", 2 * shape->nodes - 1, 0));
    SLK_TRY(put_config(buf, cache, "tree-r-last", slk_tree_total_nodes(&c), shape->discard));
    return put_config(buf, cache, "tree-c", slk_tree_total_nodes(&c), 0);
}

slk_err slk_t_aux_write(const char *cache, const slk_sector_shape *shape, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf buf;
    slk_buf_init(&buf, 1u << 20);
    slk_err code = put_t_aux(&buf, cache, shape);
    if (code != SLK_OK)
        return slk_fail(error, code, "cannot make t_aux of %s", cache);
    return slk_cache_write(cache, "t_aux", buf.data, buf.len, error);
}

/* Layout of .selkie-pc1, all numbers LE64. */
enum {
    AT_MAGIC = 0,
    AT_MINER = 16,
    AT_NUMBER = 24,
    AT_TICKET = 32,
    AT_POREP_ID = 64,
    AT_BYTES = 96,
    AT_API = 104,
    AT_COMM_D = 112,
    AT_REPLICA_ID = 144,
    AT_TREE_D = 176,
    AT_DONE = 208,
    AT_LAYERS = 216,
    AT_COMM_C = AT_LAYERS + 32 * (int)SLK_MAX_LAYERS,
    AT_CHECK = AT_COMM_C + 32,
    STATE_BYTES = AT_CHECK + 32
};
static const uint8_t state_magic[16] = "selkie pc1 v4\n";

slk_err slk_pc1_state_save(const slk_pc1_state *state, const slk_crypto *crypto, const char *cache,
                           slk_error *error)
{
    uint8_t b[STATE_BYTES] = {0};
    memcpy(b + AT_MAGIC, state_magic, sizeof state_magic);
    slk_store_le64(b + AT_MINER, state->sector.miner_id);
    slk_store_le64(b + AT_NUMBER, state->sector.number);
    memcpy(b + AT_TICKET, state->sector.ticket, 32);
    memcpy(b + AT_POREP_ID, state->sector.proof.porep_id, 32);
    slk_store_le64(b + AT_BYTES, state->sector.proof.shape->bytes);
    slk_store_le64(b + AT_API, (uint64_t)state->sector.proof.api);
    memcpy(b + AT_COMM_D, state->comm_d, 32);
    memcpy(b + AT_REPLICA_ID, state->replica_id, 32);
    memcpy(b + AT_TREE_D, state->tree_d_digest, 32);
    slk_store_le64(b + AT_DONE, state->layers_done);
    memcpy(b + AT_LAYERS, state->layer_digest, sizeof state->layer_digest);
    memcpy(b + AT_COMM_C, state->comm_c, 32);
    slk_sha256_of(crypto, b + AT_CHECK, b, AT_CHECK);
    return slk_cache_write(cache, SLK_PC1_STATE_FILE, b, sizeof b, error);
}

static bool decode_state(slk_pc1_state *state, const slk_crypto *crypto, const uint8_t *b)
{
    uint8_t check[32];
    slk_sha256_of(crypto, check, b, AT_CHECK);
    if (memcmp(b + AT_MAGIC, state_magic, sizeof state_magic) != 0 ||
        memcmp(b + AT_CHECK, check, 32) != 0)
        return false;
    state->sector.miner_id = slk_load_le64(b + AT_MINER);
    state->sector.number = slk_load_le64(b + AT_NUMBER);
    memcpy(state->sector.ticket, b + AT_TICKET, 32);
    const slk_sector_shape *shape = slk_sector_shape_of(slk_load_le64(b + AT_BYTES));
    const uint64_t api = slk_load_le64(b + AT_API);
    if (!shape || api > SLK_API_1_2)
        return false;
    slk_seal_proof_custom(&state->sector.proof, shape, b + AT_POREP_ID, (slk_api_version)api,
                          SLK_FEATURE_NONE);
    memcpy(state->comm_d, b + AT_COMM_D, 32);
    memcpy(state->replica_id, b + AT_REPLICA_ID, 32);
    memcpy(state->tree_d_digest, b + AT_TREE_D, 32);
    state->layers_done = (uint32_t)slk_load_le64(b + AT_DONE);
    memcpy(state->layer_digest, b + AT_LAYERS, sizeof state->layer_digest);
    memcpy(state->comm_c, b + AT_COMM_C, 32);
    return true;
}

slk_err slk_pc1_state_load(slk_pc1_state *ret_state, bool *ret_found, const slk_crypto *crypto,
                           const char *cache, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(cache, SLK_PC1_STATE_FILE);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_CLEANUP(slk_closep) int fd = -1;
    uint8_t bytes[STATE_BYTES];
    slk_err code = slk_tree_open_sized(&fd, path, sizeof bytes, error);
    if (code == SLK_OK)
        code = slk_file_read_at(fd, bytes, sizeof bytes, 0, path, error);
    if (code == SLK_E_NOTFOUND || code == SLK_E_CORRUPT) {
        *ret_found = false;
        return SLK_OK;
    }
    if (code != SLK_OK)
        return code;
    slk_pc1_state state = {0};
    *ret_found = decode_state(&state, crypto, bytes);
    if (*ret_found)
        *ret_state = state;
    return SLK_OK;
}

slk_err slk_file_digest(uint8_t out32[32], const slk_crypto *crypto, const char *path,
                        uint64_t bytes, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_tree_open_sized(&fd, path, bytes, error));
    const size_t step = (size_t)1 << 20;
    SLK_CLEANUP(slk_freep) uint8_t *chunk = slk_alloc(step, 1);
    if (!chunk)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    for (uint64_t at = 0; at < bytes; at += step) {
        SLK_TRY(slk_job_check(job, error));
        size_t n = (size_t)slk_min_u64(step, bytes - at);
        SLK_TRY(slk_file_read_at(fd, chunk, n, at, path, error));
        slk_sha256_update(&hash, chunk, n);
    }
    slk_sha256_final(&hash, out32);
    return SLK_OK;
}

slk_err slk_cache_lock(int *ret_fd, const char *cache, bool exclusive, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot open cache folder %s", cache);
    if (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return slk_fail(error, SLK_E_BUSY,
                            "another process is working in cache folder %s; wait for it to end, "
                            "then run this again",
                            cache);
        *ret_fd = -1;
        return SLK_OK;
    }
    *ret_fd = fd;
    fd = -1;
    return SLK_OK;
}

char *slk_layer_path(const char *cache, unsigned layer)
{
    char id[16];
    (void)snprintf(id, sizeof id, "layer-%u", layer);
    return slk_tree_path(cache, id, -1);
}

char *slk_layer_temp(const char *cache, unsigned layer)
{
    SLK_CLEANUP(slk_freep) char *path = slk_layer_path(cache, layer);
    return path ? slk_strf("%.*s.tmp", (int)(strlen(path) - 3), path) : NULL;
}

const char *slk_layer_stage(unsigned layer)
{
    static const char *const names[SLK_MAX_LAYERS] = {
        "layer 1", "layer 2", "layer 3", "layer 4",  "layer 5",  "layer 6",
        "layer 7", "layer 8", "layer 9", "layer 10", "layer 11",
    };
    slk_assert(layer >= 1 && layer <= SLK_MAX_LAYERS);
    return names[layer - 1];
}

void slk_comm_d_zero(uint8_t out32[32], const slk_crypto *crypto, const slk_sector_shape *shape)
{
    slk_zero_nodes zero;
    slk_zero_nodes_init(&zero, crypto);
    memcpy(out32, zero.node[shape->log2_nodes], 32);
}

void slk_replica_id(uint8_t out32[32], const slk_crypto *crypto, const slk_sector_identity *sector,
                    const uint8_t comm_d[32])
{
    uint8_t prover[32], number[8];
    slk_prover_id(prover, sector->miner_id);
    slk_store_be64(number, sector->number);
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    slk_sha256_update(&hash, prover, 32);
    slk_sha256_update(&hash, number, 8);
    slk_sha256_update(&hash, sector->ticket, 32);
    slk_sha256_update(&hash, comm_d, 32);
    slk_sha256_update(&hash, sector->proof.porep_id, 32);
    slk_sha256_final(&hash, out32);
    slk_sha254_trim(out32);
}

bool slk_comm_r(uint8_t out32[32], const slk_crypto *crypto, const uint8_t comm_c[32],
                const uint8_t comm_r_last[32])
{
    uint8_t pair[64];
    memcpy(pair, comm_c, 32);
    memcpy(pair + 32, comm_r_last, 32);
    if (!slk_fr_node_is_canonical(pair) || !slk_fr_node_is_canonical(pair + 32))
        return false;
    slk_poseidon_batch(crypto, 2, out32, pair, 1);
    return true;
}
