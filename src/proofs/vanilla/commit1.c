/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/cache.h"
#include "proofs/vanilla/challenges.h"
#include "proofs/vanilla/prover.h"

static slk_err check_request(const slk_commit1_request *request, slk_error *error)
{
    if (request->sector.number > SLK_SECTOR_NUMBER_MAX)
        return slk_fail(error, SLK_E_INVAL, "sector number %llu is over 2^63 - 1",
                        (unsigned long long)request->sector.number);
    if (slk_bytes_all_zero(request->comm_r, 32) || slk_bytes_all_zero(request->comm_d, 32))
        return slk_fail(error, SLK_E_INVAL, "CommR and CommD may not be zero");
    if (request->n_pieces == 0)
        return SLK_OK;
    uint8_t comm_d[32];
    SLK_TRY(slk_comm_d_of_pieces(comm_d, request->env.crypto, request->sector.proof.shape->bytes,
                                 request->pieces, request->n_pieces, error));
    if (memcmp(comm_d, request->comm_d, 32) != 0)
        return slk_fail(error, SLK_E_INVAL, "the pieces do not give this CommD");
    return SLK_OK;
}

static slk_err fill_header(slk_c1 *c1, const slk_commit1_request *request, slk_error *error)
{
    const slk_crypto *crypto = request->env.crypto;
    SLK_TRY(slk_p_aux_read(c1->comm_c, c1->comm_r_last, request->cache, error));
    memcpy(c1->comm_r, request->comm_r, 32);
    memcpy(c1->comm_d, request->comm_d, 32);
    memcpy(c1->seed, request->seed, 32);
    memcpy(c1->ticket, request->sector.ticket, 32);
    slk_replica_id(c1->replica_id, crypto, &request->sector, c1->comm_d);
    uint8_t comm_r[32];
    if (!slk_comm_r(comm_r, crypto, c1->comm_c, c1->comm_r_last) ||
        memcmp(comm_r, request->comm_r, 32) != 0)
        return slk_fail(error, SLK_E_INVAL, "%s/p_aux does not belong to this CommR",
                        request->cache);
    return SLK_OK;
}

/* ---- Out of layers and trees. */

struct filling {
    const slk_prover *prover;
    const slk_c1 *c1;
    const uint64_t *challenges;
    slk_gather gather;
    size_t reads; /* per record */
    slk_job *job;
    slk_fault fault;
};

static void fill_range(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)worker;
    struct filling *f = context;
    slk_error error = {0};
    for (uint64_t i = begin; i < end && !slk_fault_any(&f->fault); i++) {
        uint8_t *record = f->c1->records + i * f->c1->layout.record_bytes;
        slk_gathered from = {.gather = &f->gather, .next = i * f->reads};
        slk_err code = slk_job_check(f->job, &error);
        if (code == SLK_OK)
            code = slk_prover_record(f->prover, f->challenges[i], record, &from, &error);
        if (code != SLK_OK)
            slk_fault_set(&f->fault, &error);
        slk_job_advance(f->job, 1);
    }
}

/* Everything is read at once: the time is that of the storage. */
static slk_err fill_at_once(struct filling *f, size_t n, slk_pool *pool, slk_error *error)
{
    for (size_t i = 0; i < n; i++)
        SLK_TRY(slk_prover_note(f->prover, f->challenges[i], &f->gather, error));
    f->reads = f->gather.n / n;
    SLK_TRY(slk_gather_run(&f->gather, f->job, error));
    slk_fault_init(&f->fault);
    slk_pool_for(pool, n, 1, fill_range, f);
    return slk_fault_result(&f->fault, error);
}

static slk_err fill_from_trees(slk_c1 *c1, const slk_commit1_request *request, size_t n,
                               const uint64_t *challenges, slk_error *error)
{
    const slk_seal_env *env = &request->env;
    SLK_CLEANUP(slk_prover_done) slk_prover prover = {0};
    SLK_TRY(slk_prover_open(&prover, env->crypto, &c1->proof, c1->comm_d, request->sealed,
                            request->cache, error));
    struct filling f = {.prover = &prover, .c1 = c1, .challenges = challenges, .job = env->job};
    slk_gather_init(&f.gather);
    slk_err code = fill_at_once(&f, n, env->pool, error);
    slk_gather_done(&f.gather);
    return code;
}

/* ---- Out of the synthetic file. */

static slk_err check_synthetic_header(int fd, const char *path, const slk_c1 *c1, slk_error *error)
{
    uint8_t header[SLK_SYNTHETIC_HEADER_BYTES];
    SLK_TRY(slk_file_read_at(fd, header, sizeof header, 0, path, error));
    if (memcmp(header, c1->comm_d, 32) != 0 || memcmp(header + 32, c1->comm_c, 32) != 0 ||
        memcmp(header + 64, c1->comm_r_last, 32) != 0)
        return slk_fail(error, SLK_E_CORRUPT, "%s belongs to another sector", path);
    return SLK_OK;
}

static slk_err fill_from_synthetic(slk_c1 *c1, const char *path, size_t n,
                                   const uint64_t *challenges, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    slk_synthetic_set set;
    slk_synthetic_set_init(&set, c1->proof.shape, c1->replica_id, c1->comm_r);
    const size_t bytes = c1->layout.record_bytes;
    SLK_TRY(slk_tree_open_sized(&fd, path, SLK_SYNTHETIC_HEADER_BYTES + (uint64_t)set.count * bytes,
                                error));
    SLK_TRY(check_synthetic_header(fd, path, c1, error));
    SLK_CLEANUP(slk_gather_done) slk_gather gather;
    slk_gather_init(&gather);
    for (size_t i = 0; i < n; i++) {
        const uint64_t index = slk_synthetic_pick(&set, c1->replica_id, c1->seed, (uint32_t)i);
        SLK_TRY(slk_gather_add(&gather, fd, path, SLK_SYNTHETIC_HEADER_BYTES + index * bytes, bytes,
                               error));
    }
    SLK_TRY(slk_gather_run(&gather, job, error));
    slk_gathered from = {.gather = &gather};
    for (size_t i = 0; i < n; i++) {
        uint8_t *record = c1->records + i * bytes;
        memcpy(record, slk_gathered_take(&from, bytes), bytes);
        if (slk_record_challenge(record) != challenges[i])
            return slk_fail(error, SLK_E_CORRUPT, "%s: record for challenge %zu is of another node",
                            path, i);
        slk_job_advance(job, 1);
    }
    return SLK_OK;
}

static slk_err fill_records(slk_c1 *c1, const slk_commit1_request *request, slk_error *error)
{
    const size_t n = (size_t)c1->partitions * c1->challenges;
    SLK_CLEANUP(slk_freep) uint64_t *challenges = slk_calloc(n, sizeof *challenges);
    SLK_CLEANUP(slk_freep) char *synthetic = slk_path_join(request->cache, SLK_SYNTHETIC_FILE);
    if (!challenges || !synthetic)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_challenges(challenges, request->env.crypto, &c1->proof, c1->replica_id, c1->seed,
                   c1->comm_r);
    slk_job_stage(request->env.job, "commit-1", n);
    if (c1->proof.feature == SLK_FEATURE_SYNTHETIC && slk_file_exists(synthetic))
        return fill_from_synthetic(c1, synthetic, n, challenges, request->env.job, error);
    return fill_from_trees(c1, request, n, challenges, error);
}

static slk_err fill_and_verify(slk_c1 *c1, const slk_commit1_request *request, slk_error *error)
{
    SLK_TRY(fill_header(c1, request, error));
    SLK_TRY(fill_records(c1, request, error));
    const slk_c1_expected expected = {
        .sector = &request->sector, .comm_r = request->comm_r, .comm_d = request->comm_d};
    bool valid = false;
    slk_error reason = {0};
    SLK_TRY(slk_c1_verify(&valid, &reason, c1, &expected, request->env.crypto, request->env.pool,
                          error));
    if (!valid)
        return slk_fail(error, SLK_E_CORRUPT, "the files of %s do not prove this sector: %s",
                        request->cache, reason.message);
    return SLK_OK;
}

slk_err slk_commit1(slk_c1 *ret_c1, const slk_commit1_request *request, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int lock = -1;
    SLK_TRY(check_request(request, error));
    SLK_TRY(slk_cache_lock(&lock, request->cache, false, error));
    slk_c1 c1 = {0};
    SLK_TRY(slk_c1_init(&c1, &request->sector.proof, error));
    slk_err code = fill_and_verify(&c1, request, error);
    if (code == SLK_OK)
        *ret_c1 = c1;
    else
        slk_c1_done(&c1);
    return code;
}
