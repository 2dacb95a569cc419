/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "proofs/vanilla/cache.h"
#include "proofs/vanilla/challenges.h"
#include "proofs/vanilla/prover.h"

/* Their reads are under way together: about 3 MiB of them at 32 GiB. */
#define RECORDS_AT_ONCE 64u

struct writing {
    const slk_prover *prover;
    slk_record_context context;
    slk_synthetic_set set;
    const slk_outfile *file;
    uint8_t *scratch; /* one record per worker */
    slk_job *job;
    slk_fault fault;
};

static slk_err write_record(const struct writing *w, uint32_t index, uint8_t *record,
                            slk_gathered *from, slk_error *error)
{
    const size_t bytes = w->prover->layout.record_bytes;
    const uint64_t challenge = slk_synthetic_set_at(&w->set, index);
    SLK_TRY(slk_prover_record(w->prover, challenge, record, from, error));
    const char *problem = slk_record_problem(&w->context, record);
    if (problem)
        return slk_fail(error, SLK_E_CORRUPT, "synthetic proof %u of node %llu: %s", index,
                        (unsigned long long)challenge, problem);
    slk_job_advance(w->job, 1);
    return slk_file_write_at(w->file->fd, record, bytes,
                             SLK_SYNTHETIC_HEADER_BYTES + (uint64_t)index * bytes, w->file->temp,
                             error);
}

static slk_err write_some(const struct writing *w, uint64_t begin, uint64_t end, uint8_t *record,
                          slk_error *error)
{
    SLK_CLEANUP(slk_gather_done) slk_gather gather;
    slk_gather_init(&gather);
    SLK_TRY(slk_job_check(w->job, error));
    for (uint64_t i = begin; i < end; i++)
        SLK_TRY(
            slk_prover_note(w->prover, slk_synthetic_set_at(&w->set, (uint32_t)i), &gather, error));
    SLK_TRY(slk_gather_run(&gather, w->job, error));
    slk_gathered from = {.gather = &gather};
    for (uint64_t i = begin; i < end; i++)
        SLK_TRY(write_record(w, (uint32_t)i, record, &from, error));
    return SLK_OK;
}

static void write_range(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    struct writing *w = context;
    uint8_t *record = w->scratch + worker * w->prover->layout.record_bytes;
    slk_error error = {0};
    if (!slk_fault_any(&w->fault) && write_some(w, begin, end, record, &error) != SLK_OK)
        slk_fault_set(&w->fault, &error);
}

static slk_err write_all(struct writing *w, const slk_seal_env *env, const char *path,
                         const uint8_t header[SLK_SYNTHETIC_HEADER_BYTES], slk_error *error)
{
    SLK_CLEANUP(slk_outfile_done) slk_outfile file = SLK_OUTFILE_NONE;
    const size_t bytes = w->prover->layout.record_bytes;
    SLK_TRY(slk_outfile_open(&file, path, NULL,
                             SLK_SYNTHETIC_HEADER_BYTES + (uint64_t)w->set.count * bytes, error));
    w->file = &file;
    SLK_TRY(slk_file_write_at(file.fd, header, SLK_SYNTHETIC_HEADER_BYTES, 0, file.temp, error));
    slk_job_stage(env->job, "synthetic", w->set.count);
    slk_pool_for(env->pool, w->set.count, RECORDS_AT_ONCE, write_range, w);
    SLK_TRY(slk_fault_result(&w->fault, error));
    return slk_outfile_commit(&file, error);
}

slk_err slk_synthetic_write(const slk_seal_env *env, const slk_seal_proof *proof,
                            const char *sealed, const char *cache, const uint8_t replica_id[32],
                            const slk_pc2_result *result, slk_error *error)
{
    SLK_CLEANUP(slk_prover_done) slk_prover prover = {0};
    SLK_TRY(slk_prover_open(&prover, env->crypto, proof, result->comm_d, sealed, cache, error));
    SLK_CLEANUP(slk_freep)
    uint8_t *scratch = slk_alloc(slk_pool_threads(env->pool), prover.layout.record_bytes);
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(cache, SLK_SYNTHETIC_FILE);
    if (!scratch || !path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    uint8_t header[SLK_SYNTHETIC_HEADER_BYTES];
    memcpy(header, result->comm_d, 32);
    memcpy(header + 32, result->comm_c, 32);
    memcpy(header + 64, result->comm_r_last, 32);
    struct writing w = {
        .prover = &prover,
        .context = {.crypto = env->crypto,
                    .layout = &prover.layout,
                    .graph = &prover.graph,
                    .replica_id = replica_id,
                    .comm_d = header,
                    .comm_c = header + 32,
                    .comm_r_last = header + 64},
        .scratch = scratch,
        .job = env->job,
    };
    slk_fault_init(&w.fault);
    slk_synthetic_set_init(&w.set, proof->shape, replica_id, result->comm_r);
    return write_all(&w, env, path, header, error);
}
