/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/prover.h"

#include "app/pinning.h"
#include "app/meter.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/pool.h"
#include "proofs/params/params.h"
#include "proofs/piece/piece.h"
#include "proofs/porep.h"
#include "proofs/vanilla/c1.h"
#include "proofs/vanilla/pc1_batch.h"
#include "proofs/vanilla/seal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* C2 of one sector has at most this many different sizes in a lifetime. */
#define SIZES_MAX 16u
#define WRITE_BUFFER_BYTES (1u << 20)
/* Promised to a batch at least, which may be spread in another way than it was planned: to very small sectors
 * that makes a difference, and none to the machine. */
#define LABEL_MEMORY_MIN_BYTES ((uint64_t)16 << 20)
/* The highest number with a pre-commit; 15 to 19 are non-interactive. source: reference/chain 2 */
#define SEAL_PROOF_MAX 14

struct slk_prover {
    const slk_crypto *crypto;
    slk_pool *pool;
    char *folder;
    bool allow_development;
    slk_zero_nodes zero;
    pthread_mutex_t lock; /* guards the two tables; entries stay until _free */
    slk_params_key *keys[SIZES_MAX];
    slk_params *params[SIZES_MAX];
    uint64_t promised_bytes; /* for layers, to sectors being labeled; guarded by lock */
};

static slk_err pin(const slk_prover *prover, slk_error *error)
{
    slk_pinning p;
    SLK_TRY(slk_pinning_apply(&p, prover->pool, getenv("SELKIE_PIN"), error));
    if (p.threads > 0)
        slk_log(SLK_LOG_INFO, "threads.pinned",
                "bound=%u of=%u cores=%u l3_groups=%u packages=%u why=\"%s\"", p.bound, p.threads,
                p.cores, p.l3_groups, p.packages, p.why);
    return SLK_OK;
}

slk_err slk_prover_new(slk_prover **ret_prover, const slk_prover_options *options, slk_error *error)
{
    slk_prover *prover = slk_calloc(1, sizeof *prover);
    if (!prover)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the prover");
    slk_assert(pthread_mutex_init(&prover->lock, NULL) == 0);
    prover->crypto = options->crypto;
    prover->allow_development = options->allow_development;
    slk_zero_nodes_init(&prover->zero, options->crypto);
    prover->folder = slk_strdup(options->parameters_folder);
    slk_err code = prover->folder ? slk_pool_new(&prover->pool, options->threads, error)
                                  : slk_fail(error, SLK_E_NOMEM, "out of memory for the prover");
    if (code == SLK_OK)
        code = pin(prover, error);
    if (code != SLK_OK) {
        slk_prover_free(prover);
        return code;
    }
    *ret_prover = prover;
    return SLK_OK;
}

void slk_prover_free(slk_prover *prover)
{
    if (!prover)
        return;
    for (size_t i = 0; i < SIZES_MAX; i++) {
        slk_params_key_free(prover->keys[i]);
        slk_params_free(prover->params[i]);
    }
    slk_pool_free(prover->pool);
    slk_free(prover->folder);
    (void)pthread_mutex_destroy(&prover->lock);
    slk_free(prover);
}

/* ---- parameters ---- */

/* What keeps us from proving is for the operator to mend, so the sector waits. */
static slk_err params_failure(slk_err code, slk_error *error)
{
    if (code == SLK_E_NOTFOUND)
        return slk_fail_context(error, SLK_E_BUSY, "parameters are missing (see `selkie params`)");
    if (code == SLK_E_INVAL)
        return slk_fail_context(error, SLK_E_BUSY, "parameters cannot be used here");
    return code;
}

/* Index of the shape in our tables. */
static size_t slot_of(const slk_sector_shape *shape)
{
    size_t i = 0;
    while (slk_sector_shape_at(i) && slk_sector_shape_at(i) != shape)
        i++;
    slk_assert(i < SIZES_MAX && slk_sector_shape_at(i));
    return i;
}

static slk_err get_key(const slk_params_key **ret_key, slk_prover *prover,
                       const slk_sector_shape *shape, slk_error *error)
{
    const size_t slot = slot_of(shape);
    slk_assert(pthread_mutex_lock(&prover->lock) == 0);
    slk_err code = SLK_OK;
    if (!prover->keys[slot])
        code = slk_params_key_open(&prover->keys[slot], prover->crypto, prover->folder, shape,
                                   prover->allow_development, error);
    if (code == SLK_OK)
        *ret_key = prover->keys[slot];
    slk_assert(pthread_mutex_unlock(&prover->lock) == 0);
    return code == SLK_OK ? SLK_OK : params_failure(code, error);
}

static slk_err get_params(const slk_params **ret_params, slk_prover *prover,
                          const slk_sector_shape *shape, slk_error *error)
{
    const size_t slot = slot_of(shape);
    slk_assert(pthread_mutex_lock(&prover->lock) == 0);
    slk_err code = SLK_OK;
    if (!prover->params[slot])
        code = slk_params_open(&prover->params[slot], prover->crypto, prover->folder, shape,
                               prover->allow_development, error);
    if (code == SLK_OK)
        *ret_params = prover->params[slot];
    slk_assert(pthread_mutex_unlock(&prover->lock) == 0);
    return code == SLK_OK ? SLK_OK : params_failure(code, error);
}

/* ---- what a seal proof is ---- */

slk_err slk_prover_proof(slk_seal_proof *ret, int64_t number, slk_error *error)
{
    if (number < 0 || number > SEAL_PROOF_MAX)
        return slk_fail(error, SLK_E_UNSUPPORTED, "seal proof %lld cannot be made here",
                        (long long)number);
    return slk_seal_proof_registered(ret, number, error);
}

static slk_err prover_sector_bytes(void *ctx, uint64_t *ret_bytes, int64_t seal_proof,
                                   slk_error *error)
{
    (void)ctx;
    slk_seal_proof proof;
    SLK_TRY(slk_prover_proof(&proof, seal_proof, error));
    *ret_bytes = proof.shape->bytes;
    return SLK_OK;
}

static slk_err prover_zero_comm_d(void *ctx, uint8_t out32[32], int64_t seal_proof,
                                  slk_error *error)
{
    const slk_prover *prover = ctx;
    slk_seal_proof proof;
    SLK_TRY(slk_prover_proof(&proof, seal_proof, error));
    memcpy(out32, prover->zero.node[proof.shape->log2_nodes], 32);
    return SLK_OK;
}

slk_err slk_prover_identity(slk_sector_identity *ret, const slk_seal_sector *sector,
                            const uint8_t ticket32[32], slk_error *error)
{
    SLK_TRY(slk_prover_proof(&ret->proof, sector->seal_proof, error));
    ret->miner_id = sector->sp_id;
    ret->number = sector->number;
    memcpy(ret->ticket, ticket32, 32);
    return SLK_OK;
}

slk_seal_env slk_prover_env(slk_prover *prover, slk_job *job)
{
    return (slk_seal_env){.crypto = prover->crypto, .pool = prover->pool, .job = job};
}

const slk_zero_nodes *slk_prover_zero(const slk_prover *prover)
{
    return &prover->zero;
}

/* ---- sealing ---- */

/* Memory for layers, beside what was promised to others: they fill theirs over hours, so that the kernel
 * calls it available for long. All of it, or as much as there is when that will do; 0 when there is not. */
static uint64_t promise_memory(slk_prover *prover, uint64_t wanted, bool part_will_do)
{
    const uint64_t spare = slk_mem_available() / 4 * 3;
    (void)pthread_mutex_lock(&prover->lock);
    const uint64_t left = spare > prover->promised_bytes ? spare - prover->promised_bytes : 0;
    const uint64_t bytes = wanted <= left ? wanted : part_will_do ? left : 0;
    prover->promised_bytes += bytes;
    (void)pthread_mutex_unlock(&prover->lock);
    return bytes;
}

static void end_promise(slk_prover *prover, uint64_t bytes)
{
    (void)pthread_mutex_lock(&prover->lock);
    prover->promised_bytes -= bytes;
    (void)pthread_mutex_unlock(&prover->lock);
}

slk_err slk_prover_pc1(slk_prover *prover, slk_pc1_result *ret_result, slk_pc1_request *request,
                       slk_error *error)
{
    slk_meter meter;
    const slk_sector_identity *sector = &request->sector;
    const uint64_t promised = promise_memory(prover, 2 * sector->proof.shape->bytes, false);
    request->memory_bytes =
        promised ? promised : 1; /* less than any layer: they are mapped files */
    slk_meter_start(&meter);
    const slk_err code = slk_pc1(ret_result, request, error);
    end_promise(prover, promised);
    slk_meter_stop(&meter, "pc1", sector->miner_id, sector->number, code == SLK_OK);
    return code;
}

static slk_err prover_pc1(void *ctx, const slk_seal_sector *sector, const uint8_t ticket[32],
                          const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    slk_pc1_request request = {.env = slk_prover_env(ctx, job),
                               .sealed = paths->sealed,
                               .cache = paths->cache,
                               .tree_c = SLK_PC1_TREE_C_AUTO,
                               .no_zero_tree_d = true};
    slk_pc1_result result;
    SLK_TRY(slk_prover_identity(&request.sector, sector, ticket, error));
    return slk_prover_pc1(ctx, &result, &request, error);
}

/* Outcomes of a batch on their way to who asked for it, one at a time. */
struct batch_outcomes {
    pthread_mutex_t lock;
    slk_pc1_outcome *outcomes;
    slk_prover_ended *ended;
    void *context;
};

static void batch_ended(void *context, size_t index)
{
    struct batch_outcomes *b = context;
    (void)pthread_mutex_lock(&b->lock);
    b->ended(b->context, index, &b->outcomes[index]);
    (void)pthread_mutex_unlock(&b->lock);
}

/* Sectors of one size are labelled in records of a power of two of them, so that three take the memory of
 * four. */
static slk_err label_memory(uint64_t *ret_bytes, slk_prover *prover, const slk_sector_shape *shape,
                            size_t n, slk_error *error)
{
    const slk_pc1_batch_options endless = {.env = slk_prover_env(prover, NULL),
                                           .memory_bytes = UINT64_MAX};
    slk_pc1_batch_plan plan;
    SLK_TRY(slk_pc1_batch_make_plan(&plan, shape, n, &endless, error));
    *ret_bytes = slk_max_u64(plan.memory_bytes, LABEL_MEMORY_MIN_BYTES);
    return SLK_OK;
}

static slk_err run_batch(slk_prover *prover, slk_pc1_outcome *outcomes,
                         const slk_pc1_request *requests, size_t n, slk_prover_ended *ended,
                         void *context, slk_error *error)
{
    uint64_t layers = 0;
    SLK_TRY(label_memory(&layers, prover, requests[0].sector.proof.shape, n, error));
    const uint64_t promised = promise_memory(prover, layers, true);
    if (promised == 0)
        return slk_fail(error, SLK_E_NOMEM, "all memory is promised to other sectors");
    slk_job job; /* the sectors' own jobs cancel them */
    slk_job_init(&job);
    struct batch_outcomes b = {.lock = PTHREAD_MUTEX_INITIALIZER,
                               .outcomes = outcomes,
                               .ended = ended,
                               .context = context};
    const slk_pc1_batch_options options = {.env = slk_prover_env(prover, &job),
                                           .memory_bytes = promised,
                                           .ended = batch_ended,
                                           .context = &b};
    slk_pc1_batch_stats stats;
    const size_t failed = slk_pc1_batch(outcomes, &stats, requests, n, &options);
    end_promise(prover, promised);
    (void)pthread_mutex_destroy(&b.lock);
    slk_log(SLK_LOG_INFO, "batch.done",
            "stage=pc1 sectors=%zu failed=%zu seconds=%.3f label_memory_bytes=%lu", n, failed,
            stats.seconds, (unsigned long)stats.memory_bytes);
    return SLK_OK;
}

void slk_prover_pc1_batch(slk_prover *prover, const slk_pc1_request *requests, size_t n,
                          slk_prover_ended *ended, void *context)
{
    slk_pc1_outcome failed = {.code = SLK_E_NOMEM};
    slk_pc1_outcome *outcomes = slk_calloc(n, sizeof *outcomes);
    if (outcomes)
        failed.code = run_batch(prover, outcomes, requests, n, ended, context, &failed.error);
    else
        (void)slk_fail(&failed.error, SLK_E_NOMEM, "out of memory");
    for (size_t i = 0; i < n && failed.code != SLK_OK; i++)
        ended(context, i, &failed);
    slk_free(outcomes);
}

static slk_err fill_requests(slk_pc1_request *requests, const slk_seal_lane *lanes, size_t n,
                             slk_prover *prover, slk_error *error)
{
    for (size_t i = 0; i < n; i++) {
        requests[i] = (slk_pc1_request){.env = slk_prover_env(prover, lanes[i].job),
                                        .sealed = lanes[i].paths.sealed,
                                        .cache = lanes[i].paths.cache,
                                        .tree_c = SLK_PC1_TREE_C_AUTO,
                                        .no_zero_tree_d = true};
        SLK_TRY(slk_prover_identity(&requests[i].sector, lanes[i].sector, lanes[i].ticket, error));
    }
    return SLK_OK;
}

struct lanes_ended {
    slk_seal_lane_ended *ended;
    void *context;
};

static void lane_ended(void *context, size_t index, const slk_pc1_outcome *outcome)
{
    const struct lanes_ended *l = context;
    l->ended(l->context, index, outcome->code, &outcome->error);
}

static void prover_pc1_batch(void *ctx, const slk_seal_lane *lanes, size_t n,
                             slk_seal_lane_ended *ended, void *context)
{
    slk_error error = {0};
    struct lanes_ended l = {ended, context};
    slk_pc1_request *requests = slk_calloc(n, sizeof *requests);
    const slk_err code = requests ? fill_requests(requests, lanes, n, ctx, &error)
                                  : slk_fail(&error, SLK_E_NOMEM, "out of memory");
    if (code == SLK_OK)
        slk_prover_pc1_batch(ctx, requests, n, lane_ended, &l);
    for (size_t i = 0; i < n && code != SLK_OK; i++)
        ended(context, i, code, &error);
    slk_free(requests);
}

slk_err slk_prover_pc2(slk_pc2_result *ret_result, const slk_pc2_request *request,
                       const slk_seal_sector *sector, slk_error *error)
{
    slk_meter meter;
    slk_meter_start(&meter);
    const slk_err code = slk_pc2(ret_result, request, error);
    slk_meter_stop(&meter, "pc2", sector->sp_id, sector->number, code == SLK_OK);
    return code;
}

static slk_err prover_pc2(void *ctx, slk_seal_commitments *ret, const slk_seal_sector *sector,
                          const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    slk_pc2_request request = {
        .env = slk_prover_env(ctx, job), .sealed = paths->sealed, .cache = paths->cache};
    SLK_TRY(slk_prover_proof(&request.proof, sector->seal_proof, error));
    slk_pc2_result result;
    SLK_TRY(slk_prover_pc2(&result, &request, sector, error));
    memcpy(ret->comm_d, result.comm_d, 32);
    memcpy(ret->comm_r, result.comm_r, 32);
    return SLK_OK;
}

/* ---- C1 ---- */

/* The JSON comes in small pieces: gathers them. */
struct json_file {
    int fd;
    const char *path;
    uint64_t at;
    slk_buf pending;
};

static slk_err flush_json(struct json_file *file, slk_error *error)
{
    if (file->pending.len > 0)
        SLK_TRY(slk_file_write_at(file->fd, file->pending.data, file->pending.len, file->at,
                                  file->path, error));
    file->at += file->pending.len;
    slk_buf_reset(&file->pending);
    return SLK_OK;
}

static slk_err take_json(void *context, const void *bytes, size_t n, slk_error *error)
{
    struct json_file *file = context;
    if (n > WRITE_BUFFER_BYTES - file->pending.len)
        SLK_TRY(flush_json(file, error));
    if (n > WRITE_BUFFER_BYTES) {
        SLK_TRY(slk_file_write_at(file->fd, bytes, n, file->at, file->path, error));
        file->at += n;
        return SLK_OK;
    }
    if (slk_buf_append(&file->pending, bytes, n) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for C1");
    return SLK_OK;
}

static slk_err write_c1(const slk_c1 *c1, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_file_create(&fd, path, 0644, error));
    struct json_file file = {.fd = fd, .path = path};
    slk_buf_init(&file.pending, WRITE_BUFFER_BYTES);
    slk_err code = slk_c1_write_json(c1, false, take_json, &file, error);
    if (code == SLK_OK)
        code = flush_json(&file, error);
    slk_buf_done(&file.pending);
    return code;
}

static slk_err make_c1(const slk_commit1_request *request, const char *out_path, slk_error *error)
{
    SLK_CLEANUP(slk_c1_done) slk_c1 c1 = {0};
    SLK_TRY(slk_commit1(&c1, request, error));
    return write_c1(&c1, out_path, error);
}

static slk_err prover_c1(void *ctx, const slk_seal_sector *sector, const slk_seal_commitments *comm,
                         const uint8_t ticket[32], const uint8_t seed[32],
                         const slk_seal_paths *paths, const char *out_path, slk_job *job,
                         slk_error *error)
{
    slk_commit1_request request = {
        .env = slk_prover_env(ctx, job), .sealed = paths->sealed, .cache = paths->cache};
    SLK_TRY(slk_prover_identity(&request.sector, sector, ticket, error));
    memcpy(request.seed, seed, 32);
    memcpy(request.comm_r, comm->comm_r, 32);
    memcpy(request.comm_d, comm->comm_d, 32);
    slk_meter meter;
    slk_meter_start(&meter);
    const slk_err code = make_c1(&request, out_path, error);
    slk_meter_stop(&meter, "c1", sector->sp_id, sector->number, code == SLK_OK);
    return code;
}

/* A C1 file, whatever is wrong with its bytes being SLK_E_CORRUPT. */
static slk_err read_c1(slk_c1 *ret_c1, const slk_seal_proof *proof, const char *path,
                       slk_error *error)
{
    slk_file_map map = {0};
    uint64_t bytes = 0;
    SLK_TRY(slk_file_size(&bytes, path, error));
    if (bytes == 0)
        return slk_fail(error, SLK_E_CORRUPT, "%s is empty", path);
    SLK_TRY(slk_file_map_read(&map, path, error));
    const slk_err code = slk_c1_read_json(ret_c1, map.data, map.bytes, proof, error);
    slk_file_map_done(&map);
    return code;
}

static slk_err prover_finalise(void *ctx, const slk_seal_sector *sector,
                               const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)job;
    slk_seal_proof proof;
    SLK_TRY(slk_prover_proof(&proof, sector->seal_proof, error));
    SLK_TRY(slk_finalize_cache(proof.shape, paths->cache, error));
    return slk_clear_synthetic(paths->cache, error);
}

/* ---- checks ---- */

static void answer_no(bool *ret_valid, char *why, const char *text)
{
    *ret_valid = false;
    (void)snprintf(why, SLK_SEAL_REASON_CHARS, "%s", text);
}

/* A pool of its own for a file that still arrives: its threads sleep more than they work, and loops
 * of the prover's pool take turns. */
static slk_err check_arriving(slk_check_replica_request *request, slk_gate *arriving,
                              slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s" SLK_SEAL_ARRIVING, request->sealed);
    slk_pool *pool = NULL;
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    SLK_TRY(slk_pool_new(&pool, slk_pool_threads(request->env.pool), error));
    request->env.pool = pool;
    request->sealed = path;
    request->arriving = arriving;
    const slk_err code = slk_check_replica(request, error);
    slk_pool_free(pool);
    return code;
}

static slk_err prover_check_replica(void *ctx, bool *ret_valid, char *why,
                                    const slk_seal_sector *sector, const slk_seal_commitments *comm,
                                    const uint8_t ticket[32], const slk_seal_paths *paths,
                                    slk_gate *arriving, slk_job *job, slk_error *error)
{
    uint8_t replica_id[32];
    slk_check_replica_request request = {.env = slk_prover_env(ctx, job),
                                         .sealed = paths->sealed,
                                         .cache = paths->cache,
                                         .comm_r = comm->comm_r,
                                         .replica_id = replica_id};
    slk_sector_identity identity;
    SLK_TRY(slk_prover_identity(&identity, sector, ticket, error));
    request.proof = identity.proof;
    const slk_prover *prover = ctx;
    slk_replica_id(replica_id, prover->crypto, &identity, comm->comm_d);
    if (memcmp(comm->comm_d, prover->zero.node[request.proof.shape->log2_nodes], 32) != 0) {
        answer_no(ret_valid, why, "CommD is not that of an empty sector");
        return SLK_OK;
    }
    slk_err code;
    if (arriving) {
        code = check_arriving(&request, arriving, error);
    } else {
        slk_meter meter;
        slk_meter_start(&meter);
        code = slk_check_replica(&request, error);
        slk_meter_stop(&meter, "verify", sector->sp_id, sector->number, code == SLK_OK);
    }
    if (code == SLK_E_CORRUPT) {
        answer_no(ret_valid, why, error->message);
        return SLK_OK;
    }
    SLK_TRY(code);
    *ret_valid = true;
    return SLK_OK;
}

static slk_err prover_verify_c1(void *ctx, bool *ret_valid, char *why,
                                const slk_seal_sector *sector, const slk_seal_commitments *comm,
                                const uint8_t ticket[32], const uint8_t seed[32],
                                const char *c1_path, slk_job *job, slk_error *error)
{
    slk_prover *prover = ctx;
    slk_sector_identity identity;
    SLK_TRY(slk_prover_identity(&identity, sector, ticket, error));
    SLK_TRY(slk_job_check(job, error));
    SLK_CLEANUP(slk_c1_done) slk_c1 c1 = {0};
    const slk_err code = read_c1(&c1, &identity.proof, c1_path, error);
    if (code == SLK_E_CORRUPT || code == SLK_E_LIMIT) {
        answer_no(ret_valid, why, error->message);
        return SLK_OK;
    }
    SLK_TRY(code);
    const slk_c1_expected expected = {
        .sector = &identity, .comm_r = comm->comm_r, .comm_d = comm->comm_d, .seed = seed};
    slk_error reason = {0};
    bool valid = false;
    SLK_TRY(slk_c1_verify(&valid, &reason, &c1, &expected, prover->crypto, prover->pool, error));
    if (!valid)
        answer_no(&valid, why, slk_error_text(&reason, SLK_E_CORRUPT));
    *ret_valid = valid;
    return SLK_OK;
}

/* ---- C2 ---- */

static slk_err prove(uint8_t *ret_proof, slk_prover *prover, const slk_seal_proof *proof,
                     const slk_seal_sector *sector, const char *c1_path, slk_job *job,
                     slk_error *error)
{
    const slk_params *params = NULL;
    SLK_TRY(get_params(&params, prover, proof->shape, error));
    SLK_CLEANUP(slk_c1_done) slk_c1 c1 = {0};
    SLK_TRY(read_c1(&c1, proof, c1_path, error));
    return slk_porep_prove(ret_proof, prover->crypto, prover->pool, params, &c1, sector->sp_id,
                           sector->number, NULL, job, error);
}

static slk_err prover_c2(void *ctx, slk_buf *proof, const slk_seal_sector *sector,
                         const char *c1_path, slk_job *job, slk_error *error)
{
    slk_seal_proof kind;
    SLK_TRY(slk_prover_proof(&kind, sector->seal_proof, error));
    uint8_t bytes[SLK_SEAL_PROOF_MAX_BYTES];
    const size_t n = slk_seal_proof_bytes(&kind);
    slk_assert(n <= sizeof bytes);
    slk_meter meter;
    slk_meter_start(&meter);
    const slk_err code = prove(bytes, ctx, &kind, sector, c1_path, job, error);
    slk_meter_stop(&meter, "c2", sector->sp_id, sector->number, code == SLK_OK);
    SLK_TRY(code);
    if (slk_buf_append(proof, bytes, n) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the proof");
    return SLK_OK;
}

static slk_err verify(slk_prover *prover, bool *ret_valid, const slk_porep_statement *statement,
                      const uint8_t *proof, size_t proof_bytes, slk_error *error)
{
    const slk_params_key *key = NULL;
    SLK_TRY(get_key(&key, prover, statement->proof.shape, error));
    return slk_porep_verify(ret_valid, prover->crypto, prover->pool, key, statement, proof,
                            proof_bytes, error);
}

static slk_err prover_verify_proof(void *ctx, bool *ret_valid, const slk_seal_sector *sector,
                                   const slk_seal_commitments *comm, const uint8_t ticket[32],
                                   const uint8_t seed[32], const uint8_t *proof, size_t proof_bytes,
                                   slk_error *error)
{
    slk_porep_statement statement = {.miner_id = sector->sp_id, .sector_number = sector->number};
    SLK_TRY(slk_prover_proof(&statement.proof, sector->seal_proof, error));
    memcpy(statement.ticket, ticket, 32);
    memcpy(statement.seed, seed, 32);
    memcpy(statement.comm_r, comm->comm_r, 32);
    memcpy(statement.comm_d, comm->comm_d, 32);
    return verify(ctx, ret_valid, &statement, proof, proof_bytes, error);
}

void slk_prover_fill(slk_seal_prover *ret_ops, slk_prover *prover)
{
    *ret_ops = (slk_seal_prover){
        .ctx = prover,
        .sector_bytes = prover_sector_bytes,
        .zero_comm_d = prover_zero_comm_d,
        .pc1 = prover_pc1,
        .pc1_batch = prover_pc1_batch,
        .pc2 = prover_pc2,
        .c1 = prover_c1,
        .finalise = prover_finalise,
        .check_replica = prover_check_replica,
        .verify_c1 = prover_verify_c1,
        .c2 = prover_c2,
        .verify_proof = prover_verify_proof,
    };
}

/* ---- the devnet's verifier ---- */

static slk_err devnet_verify_seal(void *context, bool *ret_valid, const slk_devnet_seal *seal,
                                  slk_error *error)
{
    slk_porep_statement statement = {.miner_id = seal->miner_id,
                                     .sector_number = seal->sector_number};
    SLK_TRY(slk_prover_proof(&statement.proof, seal->seal_proof, error));
    memcpy(statement.ticket, seal->ticket32, 32);
    memcpy(statement.seed, seal->seed32, 32);
    memcpy(statement.comm_r, seal->comm_r32, 32);
    memcpy(statement.comm_d, seal->comm_d32, 32);
    return verify(context, ret_valid, &statement, seal->proof, seal->proof_bytes, error);
}

/* Appends the zero pieces that bring at up to a multiple of step, smallest first, as the actor
 * does. source: reference/chain 1.6 */
static slk_err pad_to(slk_piece *list, size_t *n, size_t max, uint64_t *at, uint64_t step,
                      const slk_zero_nodes *zero, slk_error *error)
{
    uint64_t gap = (step - *at % step) % step;
    while (gap > 0) {
        const unsigned bit = (unsigned)__builtin_ctzll(gap);
        if (*n == max)
            return slk_fail(error, SLK_E_INVAL, "too many pieces");
        list[*n].padded_bytes = UINT64_C(1) << bit;
        memcpy(list[*n].commitment, zero->node[bit - 5], 32);
        *n += 1;
        *at += UINT64_C(1) << bit;
        gap &= gap - 1;
    }
    return SLK_OK;
}

static slk_err devnet_fill_pieces(slk_piece *list, size_t *ret_n, size_t max, uint64_t sector_bytes,
                                  const slk_devnet_piece *pieces, size_t n_pieces,
                                  const slk_zero_nodes *zero, slk_error *error)
{
    uint64_t at = 0;
    size_t n = 0;
    for (size_t i = 0; i < n_pieces; i++) {
        const uint64_t size = pieces[i].size_bytes;
        if (size < SLK_PIECE_MIN_BYTES || (size & (size - 1)) != 0 || size > sector_bytes)
            return slk_fail(error, SLK_E_INVAL, "a piece of %llu bytes", (unsigned long long)size);
        SLK_TRY(pad_to(list, &n, max, &at, size, zero, error));
        if (n == max || at + size > sector_bytes)
            return slk_fail(error, SLK_E_INVAL, "the pieces do not fit the sector");
        list[n].padded_bytes = size;
        memcpy(list[n++].commitment, pieces[i].comm_p32, 32);
        at += size;
    }
    SLK_TRY(pad_to(list, &n, max, &at, sector_bytes, zero, error));
    *ret_n = n;
    return SLK_OK;
}

static slk_err devnet_comm_d(void *context, uint8_t out32[32], int64_t seal_proof,
                             const slk_devnet_piece *pieces, size_t n_pieces, slk_error *error)
{
    const slk_prover *prover = context;
    slk_seal_proof proof;
    SLK_TRY(slk_prover_proof(&proof, seal_proof, error));
    if (n_pieces == 0) {
        memcpy(out32, prover->zero.node[proof.shape->log2_nodes], 32);
        return SLK_OK;
    }
    if (n_pieces > 4096)
        return slk_fail(error, SLK_E_INVAL, "too many pieces");
    const size_t max = (n_pieces + 1) * 40; /* up to 36 zero pieces before each and at the end */
    SLK_CLEANUP(slk_freep) slk_piece *list = slk_calloc(max, sizeof *list);
    if (!list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for pieces");
    size_t n = 0;
    SLK_TRY(devnet_fill_pieces(list, &n, max, proof.shape->bytes, pieces, n_pieces, &prover->zero,
                               error));
    return slk_comm_d_of_pieces(out32, prover->crypto, proof.shape->bytes, list, n, error);
}

void slk_prover_fill_devnet(slk_devnet_verifier *ret_verifier, slk_prover *prover)
{
    *ret_verifier = (slk_devnet_verifier){
        .context = prover, .verify_seal = devnet_verify_seal, .comm_d = devnet_comm_d};
}
