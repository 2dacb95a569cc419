/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Stages of `selkie bench` that seal a sector of random data in the scratch folder. */
#include "app/bench.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proofs/params/params.h"
#include "proofs/porep.h"

#include <string.h>
#include <unistd.h>

enum { MINER = 1000, SECTOR = 1, BATCH = 100 };

static double seconds_since(uint64_t start_ns)
{
    return 1e-9 * (double)(slk_clock_monotonic_ns() - start_ns);
}

/* Random nodes below r, as Fr32 data is. */
static slk_err write_data(slk_bench *bench)
{
    enum { CHUNK = 1 << 20 };
    slk_tool *tool = bench->tool;
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_CLEANUP(slk_freep) uint8_t *chunk = slk_alloc(1, CHUNK);
    if (!chunk)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_file_create(&fd, bench->unsealed, 0600, &tool->error));
    for (uint64_t at = 0; at < bench->shape->bytes; at += CHUNK) {
        const uint64_t left = bench->shape->bytes - at;
        const size_t n = left < CHUNK ? (size_t)left : CHUNK;
        slk_rng_fill(chunk, n);
        for (size_t i = 31; i < n; i += 32)
            chunk[i] &= 0x3f;
        SLK_TRY(slk_job_check(&tool->job, &tool->error));
        SLK_TRY(slk_file_write_at(fd, chunk, n, at, bench->unsealed, &tool->error));
    }
    return SLK_OK;
}

static slk_err name_sector(slk_bench *bench)
{
    slk_error *error = &bench->tool->error;
    static const uint8_t porep_id[32] = {0x73, 0x65, 0x6c, 0x6b};
    bench->sector = (slk_sector_identity){.miner_id = MINER, .number = SECTOR};
    for (int64_t number = 5; number < 10; number++) {
        SLK_TRY(slk_seal_proof_registered(&bench->sector.proof, number, error));
        if (bench->sector.proof.shape == bench->shape)
            break;
    }
    if (bench->sector.proof.shape != bench->shape)
        slk_seal_proof_custom(&bench->sector.proof, bench->shape, porep_id, SLK_API_1_1,
                              SLK_FEATURE_NONE);
    slk_rng_fill(bench->sector.ticket, 32);
    slk_rng_fill(bench->seed, 32);
    bench->sector.ticket[31] &= 0x3f;
    bench->seed[31] &= 0x3f;
    bench->unsealed = slk_path_join(bench->folder, "unsealed");
    bench->sealed = slk_path_join(bench->folder, "sealed");
    bench->cache = slk_path_join(bench->folder, "cache");
    bench->env = (slk_seal_env){.crypto = bench->tool->crypto,
                                .pool = bench->tool->pool,
                                .job = &bench->tool->job,
                                .parent_cache = NULL};
    if (!bench->unsealed || !bench->sealed || !bench->cache)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return SLK_OK;
}

/* Seconds the job has spent so far in stages whose names begin so. */
static double stage_seconds(slk_job *job, const char *prefix)
{
    const char *stage;
    double sum = 0, seconds;
    for (size_t i = 0; slk_job_stage_seconds(job, i, &stage, &seconds); i++)
        if (strncmp(stage, prefix, strlen(prefix)) == 0)
            sum += seconds;
    return sum;
}

static slk_err run_pc1(slk_bench *bench, double *ret_seconds)
{
    SLK_TRY(name_sector(bench));
    slk_job_stage(&bench->tool->job, "random data", 0);
    SLK_TRY(write_data(bench));
    slk_pc1_request request = {.env = bench->env,
                               .sector = bench->sector,
                               .unsealed = bench->unsealed,
                               .sealed = bench->sealed,
                               .cache = bench->cache};
    uint64_t start = slk_clock_monotonic_ns();
    SLK_TRY(slk_pc1(&bench->pc1, &request, &bench->tool->error));
    *ret_seconds = seconds_since(start);
    bench->has_pc1 = true;
    return SLK_OK;
}

slk_err slk_bench_pc1(slk_bench *bench)
{
    double seconds;
    slk_job *job = &bench->tool->job;
    SLK_TRY(run_pc1(bench, &seconds));
    const double nodes = (double)bench->shape->nodes;
    slk_bench_report(bench, &(slk_bench_row){.stage = "pc1",
                                             .work = "all",
                                             .unit = "node",
                                             .units = nodes * bench->shape->layers,
                                             .seconds = seconds,
                                             .threads = 1});
    slk_bench_report(bench, &(slk_bench_row){.stage = "pc1",
                                             .work = "tree-d",
                                             .unit = "node",
                                             .units = nodes,
                                             .seconds = stage_seconds(job, "tree-d"),
                                             .threads = bench->threads,
                                             .limit_cycles = 90});
    slk_bench_report(bench, &(slk_bench_row){.stage = "pc1",
                                             .work = "parents",
                                             .unit = "node",
                                             .units = nodes,
                                             .seconds = stage_seconds(job, "parents"),
                                             .threads = bench->threads});
    slk_bench_report(bench, &(slk_bench_row){.stage = "pc1",
                                             .work = "labels",
                                             .unit = "node",
                                             .units = nodes * bench->shape->layers,
                                             .seconds = stage_seconds(job, "layer"),
                                             .threads = 1,
                                             .limit_cycles = 2445});
    return bench->batch > 1 ? slk_bench_pc1_batch(bench) : SLK_OK;
}

static slk_err run_pc2(slk_bench *bench, double *ret_seconds)
{
    double seconds;
    if (!bench->has_pc1)
        SLK_TRY(run_pc1(bench, &seconds));
    slk_pc2_request request = {.env = bench->env,
                               .proof = bench->sector.proof,
                               .sealed = bench->sealed,
                               .cache = bench->cache};
    uint64_t start = slk_clock_monotonic_ns();
    SLK_TRY(slk_pc2(&bench->pc2, &request, &bench->tool->error));
    *ret_seconds = seconds_since(start);
    bench->has_pc2 = true;
    return SLK_OK;
}

/* Hashes of one sector in columns, and in the nodes above the leaves of a tree of arity 8. */
static double pc2_limit(const slk_sector_shape *shape)
{
    return (shape->layers == 11 ? 15000.0 : 4500.0) + 2 * 11000.0 / 7;
}

slk_err slk_bench_pc2(slk_bench *bench)
{
    double seconds;
    SLK_TRY(run_pc2(bench, &seconds));
    slk_bench_report(bench, &(slk_bench_row){.stage = "pc2",
                                             .work = "trees and replica",
                                             .unit = "node",
                                             .units = (double)bench->shape->nodes,
                                             .seconds = seconds,
                                             .threads = bench->threads,
                                             .limit_cycles = pc2_limit(bench->shape)});
    return SLK_OK;
}

static slk_err run_c1(slk_bench *bench, double *ret_seconds)
{
    double seconds;
    if (!bench->has_pc2)
        SLK_TRY(run_pc2(bench, &seconds));
    slk_commit1_request request = {
        .env = bench->env, .sector = bench->sector, .sealed = bench->sealed, .cache = bench->cache};
    memcpy(request.seed, bench->seed, 32);
    memcpy(request.comm_r, bench->pc2.comm_r, 32);
    memcpy(request.comm_d, bench->pc2.comm_d, 32);
    uint64_t start = slk_clock_monotonic_ns();
    SLK_TRY(slk_commit1(&bench->c1, &request, &bench->tool->error));
    *ret_seconds = seconds_since(start);
    bench->has_c1 = true;
    return SLK_OK;
}

slk_err slk_bench_c1(slk_bench *bench)
{
    double seconds;
    SLK_TRY(run_c1(bench, &seconds));
    slk_bench_report(bench, &(slk_bench_row){.stage = "c1",
                                             .work = "proofs, verified",
                                             .unit = "challenge",
                                             .units = bench->c1.partitions * bench->c1.challenges,
                                             .seconds = seconds,
                                             .threads = bench->threads});
    return SLK_OK;
}

slk_err slk_bench_check_replica(slk_bench *bench)
{
    double seconds;
    if (!bench->has_pc2)
        SLK_TRY(run_pc2(bench, &seconds));
    slk_check_replica_request request = {.env = bench->env,
                                         .proof = bench->sector.proof,
                                         .sealed = bench->sealed,
                                         .cache = bench->cache,
                                         .comm_r = bench->pc2.comm_r};
    uint64_t start = slk_clock_monotonic_ns();
    SLK_TRY(slk_check_replica(&request, &bench->tool->error));
    slk_bench_report(bench, &(slk_bench_row){.stage = "check-replica",
                                             .work = "TreeR again",
                                             .unit = "node",
                                             .units = (double)bench->shape->nodes,
                                             .seconds = seconds_since(start),
                                             .threads = bench->threads,
                                             .limit_cycles = 11000.0 / 7});
    return SLK_OK;
}

/* Development parameters in the scratch folder. */
slk_err slk_bench_params(slk_bench *bench)
{
    slk_tool *tool = bench->tool;
    if (!bench->proof_params)
        bench->proof_params = slk_path_join(bench->folder, "params");
    if (!bench->proof_params)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    if (slk_file_exists(bench->proof_params))
        return SLK_OK; /* made, and reported, because C2 needed them */
    SLK_TRY(slk_folder_make(bench->proof_params, 0700, &tool->error));
    uint64_t start = slk_clock_monotonic_ns();
    SLK_TRY(slk_params_generate(NULL, tool->crypto, tool->pool, bench->proof_params, bench->shape,
                                SLK_PARAMS_DEVELOPMENT_LABEL, &tool->job, &tool->error));
    slk_bench_report(bench, &(slk_bench_row){.stage = "params",
                                             .work = "development",
                                             .unit = "file",
                                             .units = 1,
                                             .seconds = seconds_since(start),
                                             .threads = bench->threads});
    return SLK_OK;
}

static slk_err run_c2(slk_bench *bench, double *ret_seconds)
{
    slk_tool *tool = bench->tool;
    double seconds;
    slk_params *params = NULL;
    if (!bench->has_c1)
        SLK_TRY(run_c1(bench, &seconds));
    if (!bench->params)
        SLK_TRY(slk_bench_params(bench));
    if (slk_seal_proof_bytes(&bench->c1.proof) > sizeof bench->proof)
        return slk_fail(&tool->error, SLK_E_UNSUPPORTED, "too many partitions for this bench");
    SLK_TRY(slk_params_open(&params, tool->crypto,
                            bench->params ? bench->params : bench->proof_params, bench->shape, true,
                            &tool->error));
    uint64_t start = slk_clock_monotonic_ns();
    slk_err code = slk_porep_prove(bench->proof, tool->crypto, tool->pool, params, &bench->c1,
                                   MINER, SECTOR, NULL, &tool->job, &tool->error);
    *ret_seconds = seconds_since(start);
    slk_params_free(params);
    bench->has_c2 = code == SLK_OK;
    return code;
}

slk_err slk_bench_c2(slk_bench *bench)
{
    double seconds;
    SLK_TRY(run_c2(bench, &seconds));
    slk_bench_report(bench, &(slk_bench_row){.stage = "c2",
                                             .work = "prove and check",
                                             .unit = "partition",
                                             .units = bench->c1.partitions,
                                             .seconds = seconds,
                                             .threads = bench->threads});
    return SLK_OK;
}

/* Shortest of some calls over the first n of a batch of equal statements. */
static slk_err time_verify(slk_bench *bench, const slk_params_key *key, size_t n,
                           double *ret_seconds)
{
    slk_tool *tool = bench->tool;
    SLK_CLEANUP(slk_freep) slk_porep_statement *all = slk_calloc(n, sizeof *all);
    const uint8_t *proofs[BATCH];
    size_t bytes[BATCH];
    if (!all)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        all[i] = (slk_porep_statement){
            .proof = bench->sector.proof, .miner_id = MINER, .sector_number = SECTOR};
        memcpy(all[i].ticket, bench->sector.ticket, 32);
        memcpy(all[i].seed, bench->seed, 32);
        memcpy(all[i].comm_r, bench->pc2.comm_r, 32);
        memcpy(all[i].comm_d, bench->pc2.comm_d, 32);
        proofs[i] = bench->proof;
        bytes[i] = slk_seal_proof_bytes(&bench->sector.proof);
    }
    *ret_seconds = 1e9;
    for (int i = 0; i < 5; i++) {
        bool valid = false;
        uint64_t start = slk_clock_monotonic_ns();
        SLK_TRY(n == 1 ? slk_porep_verify(&valid, tool->crypto, tool->pool, key, all, bench->proof,
                                          bytes[0], &tool->error)
                       : slk_porep_verify_batch(&valid, tool->crypto, tool->pool, key, all, proofs,
                                                bytes, n, &tool->error));
        double s = seconds_since(start);
        *ret_seconds = s < *ret_seconds ? s : *ret_seconds;
        if (!valid)
            return slk_fail(&tool->error, SLK_E_INTERNAL, "a proof just made is refused");
    }
    return SLK_OK;
}

slk_err slk_bench_verify(slk_bench *bench)
{
    slk_tool *tool = bench->tool;
    double seconds;
    slk_params_key *key = NULL;
    if (!bench->has_c2)
        SLK_TRY(run_c2(bench, &seconds));
    SLK_TRY(slk_params_key_open(&key, tool->crypto,
                                bench->params ? bench->params : bench->proof_params, bench->shape,
                                true, &tool->error));
    slk_job_stage(&tool->job, "verify", 0);
    static const size_t counts[] = {1, BATCH};
    static const char *const works[] = {"one", "100 in a batch"};
    slk_err code = SLK_OK;
    for (size_t k = 0; k < 2 && code == SLK_OK; k++) {
        code = time_verify(bench, key, counts[k], &seconds);
        if (code == SLK_OK)
            slk_bench_report(bench, &(slk_bench_row){.stage = "verify",
                                                     .work = works[k],
                                                     .unit = "proof",
                                                     .units = (double)counts[k],
                                                     .seconds = seconds,
                                                     .threads = bench->threads});
    }
    slk_params_key_free(key);
    return code;
}

void slk_bench_sector_done(slk_bench *bench)
{
    slk_c1_done(&bench->c1);
    slk_free(bench->unsealed);
    slk_free(bench->sealed);
    slk_free(bench->cache);
    slk_free(bench->proof_params);
}
