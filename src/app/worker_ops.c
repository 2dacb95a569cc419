/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/worker_ops.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "proofs/fr32/fr32.h"
#include "proofs/piece/piece.h"
#include "proofs/vanilla/cache.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEP_BLOCKS ((size_t)8192)
#define STEP_RAW_BYTES (STEP_BLOCKS * SLK_FR32_RAW_BLOCK)
#define STEP_PADDED_BYTES (STEP_BLOCKS * SLK_FR32_PADDED_BLOCK)
#define POLL_MS 500 /* how often a reader that waits looks at its job */

/* ---- what a sector is ---- */

static slk_seal_sector seal_sector(const slk_lotus_sector_ref *sector)
{
    return (slk_seal_sector){
        .sp_id = sector->id.miner, .number = sector->id.number, .seal_proof = sector->proof};
}

static slk_err identity_of(slk_sector_identity *ret, const slk_lotus_sector_ref *sector,
                           const uint8_t *ticket32, slk_error *error)
{
    static const uint8_t none[32];
    const slk_seal_sector who = seal_sector(sector);
    return slk_prover_identity(ret, &who, ticket32 ? ticket32 : none, error);
}

static slk_seal_commitments commitments(const slk_lotus_cids *cids)
{
    slk_seal_commitments comm;
    memcpy(comm.comm_d, cids->comm_d, 32);
    memcpy(comm.comm_r, cids->comm_r, 32);
    return comm;
}

/* ---- pieces ---- */

static bool is_zero_piece(void *ctx, const slk_lotus_piece *piece)
{
    const slk_worker_prover *p = ctx;
    const slk_zero_nodes *zero = slk_prover_zero(p->prover);
    if (piece->bytes < SLK_PIECE_MIN_BYTES || !slk_is_pow2(piece->bytes) ||
        slk_log2(piece->bytes) - 5 >= SLK_ZERO_LEVELS)
        return false;
    return memcmp(zero->node[slk_log2(piece->bytes) - 5], piece->comm_p, 32) == 0;
}

/* Padded size of the smallest piece that holds raw_bytes. */
static slk_err piece_size(uint64_t *ret, uint64_t raw_bytes, slk_error *error)
{
    uint64_t size = SLK_PIECE_MIN_BYTES;
    while (size / SLK_FR32_PADDED_BLOCK * SLK_FR32_RAW_BLOCK < raw_bytes) {
        size *= 2;
        if (slk_log2(size) - 5 >= SLK_ZERO_LEVELS)
            return slk_fail(error, SLK_E_INVAL, "a piece of %llu bytes is larger than any",
                            (unsigned long long)raw_bytes);
    }
    *ret = size;
    return SLK_OK;
}

/* At most n bytes, *ret_n 0 at the end of the data. Looks at the job while nothing comes. */
static slk_err read_some(int fd, uint8_t *out, size_t n, size_t *ret_n, slk_job *job,
                         slk_error *error)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    for (;;) {
        SLK_TRY(slk_job_check(job, error));
        const int ready = poll(&wait, 1, POLL_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        const ssize_t got = ready < 0 ? -1 : read(fd, out, n);
        if (got >= 0) {
            *ret_n = (size_t)got;
            return SLK_OK;
        }
        if (errno != EINTR && errno != EAGAIN)
            return slk_fail_errno(error, errno, "cannot read the data of a piece");
    }
}

static slk_err read_exactly(int fd, uint8_t *out, size_t n, slk_job *job, slk_error *error)
{
    for (size_t at = 0; at < n;) {
        size_t got = 0;
        SLK_TRY(read_some(fd, out + at, n - at, &got, job, error));
        if (got == 0)
            return slk_fail(error, SLK_E_INVAL, "the data ends before all of the piece has come");
        at += got;
    }
    return SLK_OK;
}

struct piece_run {
    int fd;
    slk_commp *commp;
    slk_worker_padded *padded;
    void *context;
    slk_job *job;
    uint8_t raw[STEP_RAW_BYTES];
    uint8_t out[STEP_PADDED_BYTES];
};

static slk_err pump(struct piece_run *run, uint64_t raw_bytes, slk_error *error)
{
    uint64_t offset = 0; /* padded */
    slk_job_stage(run->job, "piece", raw_bytes);
    while (raw_bytes > 0) {
        const size_t n = (size_t)slk_min_u64(raw_bytes, STEP_RAW_BYTES);
        SLK_TRY(read_exactly(run->fd, run->raw, n, run->job, error));
        SLK_TRY(slk_commp_update(run->commp, run->raw, n, error));
        if (run->padded) {
            slk_fr32_pad(run->out, run->raw, n);
            SLK_TRY(run->padded(run->context, run->out, slk_fr32_pad_out_bytes(n), offset, error));
        }
        offset += slk_fr32_pad_out_bytes(n);
        raw_bytes -= n;
        slk_job_advance(run->job, n);
    }
    return SLK_OK;
}

static slk_err read_piece(slk_lotus_piece *ret_piece, struct piece_run *run,
                          const slk_crypto *crypto, uint64_t raw_bytes, uint64_t padded_bytes,
                          slk_error *error)
{
    slk_piece piece;
    SLK_TRY(slk_commp_new(&run->commp, crypto, error));
    slk_err code = pump(run, raw_bytes, error);
    if (code == SLK_OK)
        code = slk_commp_final(run->commp, &piece, padded_bytes, error);
    slk_commp_free(run->commp);
    SLK_TRY(code);
    ret_piece->bytes = padded_bytes;
    memcpy(ret_piece->comm_p, piece.commitment, 32);
    return SLK_OK;
}

static slk_err piece(void *ctx, slk_lotus_piece *ret_piece, uint64_t raw_bytes, bool whole,
                     int source_fd, slk_worker_padded *padded, void *context, slk_job *job,
                     slk_error *error)
{
    const slk_worker_prover *p = ctx;
    uint64_t size = 0;
    SLK_TRY(piece_size(&size, raw_bytes, error));
    if (whole && size / SLK_FR32_PADDED_BLOCK * SLK_FR32_RAW_BLOCK != raw_bytes)
        return slk_fail(error, SLK_E_INVAL, "%llu bytes are no piece size",
                        (unsigned long long)raw_bytes);
    if (source_fd < 0) {
        ret_piece->bytes = size;
        memcpy(ret_piece->comm_p, slk_prover_zero(p->prover)->node[slk_log2(size) - 5], 32);
        return SLK_OK;
    }
    SLK_CLEANUP(slk_freep) struct piece_run *run = slk_alloc(1, sizeof *run);
    if (!run)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a piece");
    run->fd = source_fd;
    run->padded = padded;
    run->context = context;
    run->job = job;
    return read_piece(ret_piece, run, p->crypto, raw_bytes, size, error);
}

/* ---- precommit 1 ---- */

static slk_piece *pieces_of(const slk_lotus_pieces *pieces)
{
    slk_piece *list = slk_calloc(pieces->n, sizeof *list);
    for (size_t i = 0; list && i < pieces->n; i++) {
        list[i].padded_bytes = pieces->item[i].bytes;
        memcpy(list[i].commitment, pieces->item[i].comm_p, 32);
    }
    return list;
}

/* *ret_pieces is the caller's, and what the request points to. */
static slk_err fill_pc1(slk_pc1_request *ret, slk_piece **ret_pieces, slk_worker_prover *p,
                        const slk_worker_pc1 *what, slk_error *error)
{
    slk_piece *pieces = pieces_of(what->pieces);
    if (!pieces)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for pieces");
    *ret_pieces = pieces;
    *ret = (slk_pc1_request){.env = slk_prover_env(p->prover, what->job),
                             .unsealed = what->paths.unsealed,
                             .pieces = pieces,
                             .n_pieces = what->pieces->n,
                             .sealed = what->paths.sealed,
                             .cache = what->paths.cache,
                             .no_zero_tree_d = what->for_ours,
                             .tree_c = what->for_ours ? SLK_PC1_TREE_C_AUTO : SLK_PC1_TREE_C_NO};
    return identity_of(&ret->sector, &what->sector, what->ticket32, error);
}

static slk_err pc1(void *ctx, uint8_t ret_comm_d32[32], const slk_worker_pc1 *what,
                   slk_error *error)
{
    slk_worker_prover *p = ctx;
    SLK_CLEANUP(slk_freep) slk_piece *pieces = NULL;
    slk_pc1_request request;
    slk_pc1_result result;
    SLK_TRY(fill_pc1(&request, &pieces, p, what, error));
    SLK_TRY(slk_prover_pc1(p->prover, &result, &request, error));
    memcpy(ret_comm_d32, result.comm_d, 32);
    return SLK_OK;
}

struct batch {
    slk_pc1_request *requests;
    slk_piece **pieces;
    slk_worker_pc1_ended *ended;
    void *context;
};

static void batch_ended(void *context, size_t index, const slk_pc1_outcome *outcome)
{
    const struct batch *b = context;
    b->ended(b->context, index, outcome->code, outcome->result.comm_d, &outcome->error);
}

static slk_err fill_batch(struct batch *b, slk_worker_prover *p, const slk_worker_pc1 *list,
                          size_t n, slk_error *error)
{
    b->requests = slk_calloc(n, sizeof *b->requests);
    b->pieces = slk_calloc(n, sizeof *b->pieces);
    if (!b->requests || !b->pieces)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a batch");
    for (size_t i = 0; i < n; i++)
        SLK_TRY(fill_pc1(&b->requests[i], &b->pieces[i], p, &list[i], error));
    return SLK_OK;
}

static void pc1_batch(void *ctx, const slk_worker_pc1 *list, size_t n, slk_worker_pc1_ended *ended,
                      void *context)
{
    slk_worker_prover *p = ctx;
    struct batch b = {.ended = ended, .context = context};
    slk_error error = {0};
    const slk_err code = fill_batch(&b, p, list, n, &error);
    if (code == SLK_OK)
        slk_prover_pc1_batch(p->prover, b.requests, n, batch_ended, &b);
    for (size_t i = 0; i < n && code != SLK_OK; i++)
        ended(context, i, code, NULL, &error);
    for (size_t i = 0; b.pieces && i < n; i++)
        slk_free(b.pieces[i]);
    slk_free(b.pieces);
    slk_free(b.requests);
}

/* ---- precommit 2 ---- */

static slk_err pc2(void *ctx, slk_lotus_cids *ret_cids, const slk_lotus_sector_ref *sector,
                   const uint8_t comm_d32[32], const uint8_t *ticket32,
                   const slk_worker_paths *paths, slk_job *job, slk_error *error)
{
    slk_worker_prover *p = ctx;
    slk_sector_identity identity;
    uint8_t replica_id[32], zero[32];
    slk_pc2_result result;
    SLK_TRY(identity_of(&identity, sector, ticket32, error));
    slk_replica_id(replica_id, p->crypto, &identity, comm_d32);
    slk_comm_d_zero(zero, p->crypto, identity.proof.shape);
    const slk_pc2_request request = {.env = slk_prover_env(p->prover, job),
                                     .proof = identity.proof,
                                     .replica_id = ticket32 ? replica_id : NULL,
                                     .zero_data = memcmp(comm_d32, zero, 32) == 0,
                                     .sealed = paths->sealed,
                                     .cache = paths->cache};
    const slk_seal_sector who = seal_sector(sector);
    SLK_TRY(slk_prover_pc2(&result, &request, &who, error));
    ret_cids->defined = true;
    memcpy(ret_cids->comm_d, result.comm_d, 32);
    memcpy(ret_cids->comm_r, result.comm_r, 32);
    return SLK_OK;
}

/* ---- commit ---- */

static slk_err c1(void *ctx, const slk_lotus_sector_ref *sector, const slk_lotus_cids *cids,
                  const uint8_t ticket32[32], const uint8_t seed32[32],
                  const slk_lotus_pieces *pieces, const slk_worker_paths *paths,
                  const char *out_path, slk_job *job, slk_error *error)
{
    slk_worker_prover *p = ctx;
    slk_seal_proof proof;
    uint8_t comm_d[32];
    SLK_CLEANUP(slk_freep) slk_piece *list = pieces_of(pieces);
    if (!list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for pieces");
    SLK_TRY(slk_prover_proof(&proof, sector->proof, error));
    if (pieces->n > 0) {
        SLK_TRY(
            slk_comm_d_of_pieces(comm_d, p->crypto, proof.shape->bytes, list, pieces->n, error));
        if (memcmp(comm_d, cids->comm_d, 32) != 0)
            return slk_fail(error, SLK_E_INVAL, "the pieces do not give the sector's CommD");
    }
    const slk_seal_sector who = seal_sector(sector);
    const slk_seal_commitments comm = commitments(cids);
    const slk_seal_paths where = {.sealed = paths->sealed, .cache = paths->cache};
    return p->ops.c1(p->ops.ctx, &who, &comm, ticket32, seed32, &where, out_path, job, error);
}

static slk_err c2(void *ctx, slk_buf *proof, const slk_lotus_sector_ref *sector,
                  const char *c1_path, slk_job *job, slk_error *error)
{
    slk_worker_prover *p = ctx;
    const slk_seal_sector who = seal_sector(sector);
    return p->ops.c2(p->ops.ctx, proof, &who, c1_path, job, error);
}

static slk_err finalize(void *ctx, const slk_lotus_sector_ref *sector, const char *cache,
                        slk_job *job, slk_error *error)
{
    slk_worker_prover *p = ctx;
    const slk_seal_sector who = seal_sector(sector);
    const slk_seal_paths where = {.sealed = "", .cache = cache};
    return p->ops.finalise(p->ops.ctx, &who, &where, job, error);
}

/* ---- back from the replica ---- */

static slk_err pad_file(const char *path, uint64_t raw_bytes, slk_worker_padded *padded,
                        void *context, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_CLEANUP(slk_freep) struct piece_run *run = slk_alloc(1, sizeof *run);
    if (!run)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for data");
    SLK_TRY(slk_file_open_read(&fd, path, error));
    uint64_t done = 0;
    while (done < raw_bytes) {
        const size_t n = (size_t)slk_min_u64(raw_bytes - done, STEP_RAW_BYTES);
        SLK_TRY(slk_job_check(job, error));
        SLK_TRY(slk_file_read_at(fd, run->raw, n, done, path, error));
        slk_fr32_pad(run->out, run->raw, n);
        SLK_TRY(padded(context, run->out, slk_fr32_pad_out_bytes(n),
                       done / SLK_FR32_RAW_BLOCK * SLK_FR32_PADDED_BLOCK, error));
        done += n;
    }
    return SLK_OK;
}

static slk_err unseal(void *ctx, const slk_lotus_sector_ref *sector, const uint8_t comm_d32[32],
                      const uint8_t ticket32[32], const char *sealed, const char *work,
                      uint64_t offset, uint64_t length, slk_worker_padded *padded, void *context,
                      slk_job *job, slk_error *error)
{
    slk_worker_prover *p = ctx;
    SLK_CLEANUP(slk_freep) char *out = slk_path_join(work, "data");
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    slk_unseal_request request = {.env = slk_prover_env(p->prover, job),
                                  .sealed = sealed,
                                  .work = work,
                                  .out = out,
                                  .offset = offset,
                                  .length = length};
    SLK_TRY(identity_of(&request.sector, sector, ticket32, error));
    memcpy(request.comm_d, comm_d32, 32);
    SLK_TRY(slk_unseal(&request, error));
    return pad_file(out, length, padded, context, job, error);
}

/* What says why writes as much as seal/ops.h has room for. */
static_assert(SLK_WORKER_REASON_CHARS == SLK_SEAL_REASON_CHARS, "the same room for a reason");

static slk_err check_replica(void *ctx, bool *ret_valid, char *why,
                             const slk_lotus_sector_ref *sector, const slk_lotus_cids *cids,
                             const uint8_t ticket32[32], const slk_worker_paths *paths,
                             slk_job *job, slk_error *error)
{
    slk_worker_prover *p = ctx;
    const slk_seal_sector who = seal_sector(sector);
    const slk_seal_commitments comm = commitments(cids);
    const slk_seal_paths where = {.sealed = paths->sealed, .cache = paths->cache};
    return p->ops.check_replica(p->ops.ctx, ret_valid, why, &who, &comm, ticket32, &where, NULL,
                                job, error);
}

void slk_worker_ops_fill(slk_worker_ops *ret_ops, slk_worker_prover *ret_prover, slk_prover *prover,
                         const slk_crypto *crypto)
{
    *ret_prover = (slk_worker_prover){.prover = prover, .crypto = crypto};
    slk_prover_fill(&ret_prover->ops, prover);
    *ret_ops = (slk_worker_ops){
        .ctx = ret_prover,
        .is_zero_piece = is_zero_piece,
        .piece = piece,
        .pc1 = pc1,
        .pc1_batch = pc1_batch,
        .pc2 = pc2,
        .c1 = c1,
        .c2 = c2,
        .finalize = finalize,
        .unseal = unseal,
        .check_replica = check_replica,
    };
}
