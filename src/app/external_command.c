/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie external pc2: precommit 2 for a lotus-worker, which starts it by --external-pc2.
 *
 * The worker gives seven environment variables and nothing else. It calls again on the same files
 * whatever came of the last call, so nothing that a call needs is changed before it is done: the data
 * comes out of TreeD, and the replica takes its place as the very last step.
 * source: reference/lotus-sector-import 7 */
#include "app/proof_args.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/base64.h"
#include "lotus/pc1_out.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/cache.h"
#include "proofs/vanilla/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE(name) "EXTSEAL_PC2_" name
#define LOCK_POLL_MS 200

struct job {
    uint64_t miner, number;
    slk_seal_proof proof;
    const char *cache, *sealed; /* of the environment */
    uint8_t comm_d[32]; /* as precommit 1 says */
    char *replica; /* heap: where the replica is made */
};

/* ---- the environment */

static slk_err read_text(const char **ret, const char *name, slk_error *error)
{
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0')
        return slk_fail(
            error, SLK_E_INVAL,
            "%s is not set: this command is started by `lotus-worker run --external-pc2`", name);
    *ret = value;
    return SLK_OK;
}

static slk_err read_number(uint64_t *ret, const char *name, slk_error *error)
{
    const char *value = NULL;
    uint64_t number;
    SLK_TRY(read_text(&value, name, error));
    if (slk_parse_u64(&number, value) != SLK_OK || number > SLK_SECTOR_NUMBER_MAX)
        return slk_fail(error, SLK_E_INVAL, "%s: \"%.40s\" is not a number", name, value);
    *ret = number;
    return SLK_OK;
}

static slk_err read_path(const char **ret, const char *name, slk_error *error)
{
    const char *value = NULL;
    SLK_TRY(read_text(&value, name, error));
    if (value[0] != '/' || value[strlen(value) - 1] == '/')
        return slk_fail(error, SLK_E_INVAL, "%s: \"%.200s\" is not the whole path of a file", name,
                        value);
    *ret = value;
    return SLK_OK;
}

static slk_err read_proof(slk_seal_proof *ret_proof, slk_error *error)
{
    uint64_t type, bytes;
    slk_seal_proof proof;
    SLK_TRY(read_number(&type, VARIABLE("PROOF_TYPE"), error));
    SLK_TRY(read_number(&bytes, VARIABLE("SECTOR_SIZE"), error));
    slk_err code = slk_seal_proof_registered(&proof, slk_i64(type), error);
    if (code != SLK_OK)
        return slk_fail_context(error, code, VARIABLE("PROOF_TYPE"));
    if (proof.shape->bytes != bytes)
        return slk_fail(error, SLK_E_INVAL,
                        VARIABLE("SECTOR_SIZE") " is %" PRIu64 ", but proof %" PRIu64
                                                " is for sectors of %" PRIu64,
                        bytes, type, proof.shape->bytes);
    *ret_proof = proof;
    return SLK_OK;
}

/* Synthetic sectors may go by the plain name of their size, so the size alone must agree. */
static slk_err read_pc1_out(struct job *job, slk_error *error)
{
    static const char name[] = VARIABLE("PC1OUT");
    const char *value = NULL;
    slk_lotus_pc1_out pc1;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_LOTUS_PC1_OUT_MAX_BYTES);
    SLK_TRY(read_text(&value, name, error));
    slk_err code = slk_base64_decode(&text, value, strlen(value));
    if (code == SLK_E_NOMEM)
        return slk_fail(error, code, "%s: out of memory", name);
    if (code != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "%s: not base64 of at most %u bytes", name,
                        SLK_LOTUS_PC1_OUT_MAX_BYTES);
    code = slk_lotus_pc1_out_read(&pc1, text.data, text.len, error);
    if (code != SLK_OK)
        return slk_fail_context(error, code, "%s", name);
    if (pc1.proof.shape != job->proof.shape)
        return slk_fail(error, SLK_E_INVAL, "%s is of a sector of %s, not %s", name,
                        pc1.proof.shape->name, job->proof.shape->name);
    memcpy(job->comm_d, pc1.comm_d, 32);
    return SLK_OK;
}

/* The replica is made where a worker looks for no sectors: beside the sealed file a half-made one would
 * be taken for a sector after a restart. source: reference/lotus-worker 6.2 */
static slk_err name_replica(struct job *job, slk_error *error)
{
    const char *name = strrchr(job->sealed, '/') + 1;
    job->replica = slk_strf("%.*sfetching/%s.pc2", (int)(name - job->sealed), job->sealed, name);
    return job->replica ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

static slk_err read_environment(struct job *job, slk_error *error)
{
    SLK_TRY(read_number(&job->number, VARIABLE("SECTOR_NUM"), error));
    SLK_TRY(read_number(&job->miner, VARIABLE("SECTOR_MINER"), error));
    SLK_TRY(read_proof(&job->proof, error));
    SLK_TRY(read_path(&job->cache, VARIABLE("CACHE"), error));
    SLK_TRY(read_path(&job->sealed, VARIABLE("SEALED"), error));
    SLK_TRY(read_pc1_out(job, error));
    return name_replica(job, error);
}

/* ---- the work */

/* A worker that is killed leaves its command running, and its miner soon asks for the sector again. To
 * fail then would count against the sector: the second command waits for the first. */
static slk_err lock_cache(int *ret_lock, slk_tool *tool, const char *cache)
{
    for (bool said = false;; said = true) {
        slk_err code = slk_cache_lock(ret_lock, cache, true, &tool->error);
        if (code != SLK_E_BUSY)
            return code;
        if (!said)
            (void)fprintf(stderr, "selkie: waiting for another process that works in %s\n", cache);
        SLK_TRY(slk_job_check(&tool->job, &tool->error));
        slk_clock_sleep_ms(LOCK_POLL_MS);
    }
}

/* The data comes from TreeD, so it must be that of this sector. */
static slk_err check_tree_d(const struct job *job, slk_error *error)
{
    uint8_t root[32];
    SLK_CLEANUP(slk_closep) int fd = -1;
    const slk_tree_geometry geometry = slk_tree_d_geometry(job->proof.shape);
    const uint64_t bytes = slk_tree_file_bytes(&geometry);
    SLK_CLEANUP(slk_freep) char *path = slk_tree_path(job->cache, "tree-d", -1);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_tree_open_sized(&fd, path, bytes, error));
    SLK_TRY(slk_file_read_at(fd, root, 32, bytes - 32, path, error));
    if (memcmp(root, job->comm_d, 32) != 0)
        return slk_fail(error, SLK_E_CORRUPT,
                        "%s is not of this sector: its root is not the CommD of precommit 1; run "
                        "precommit 1 again",
                        path);
    return SLK_OK;
}

/* Of a command that was killed: as large as the sector, so that it goes before room is asked for. */
static slk_err clear_leftovers(const struct job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", job->replica);
    if (!temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_remove_tree(job->replica, error));
    return slk_remove_tree(temp, error);
}

static slk_err make_replica_folder(const struct job *job, slk_error *error)
{
    const char *end = strrchr(job->replica, '/');
    SLK_CLEANUP(slk_freep)
    char *folder = slk_strf("%.*s", (int)(end - job->replica), job->replica);
    if (!folder)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_folder_make(folder, 0755, error);
}

/* Synthetic proofs are the worker's affair: it makes them after this, from the same files. */
static slk_seal_proof without_synthetic(const slk_seal_proof *proof)
{
    slk_seal_proof plain = *proof;
    if (plain.feature == SLK_FEATURE_SYNTHETIC)
        plain.feature = SLK_FEATURE_NONE;
    return plain;
}

static slk_err make(slk_pc2_result *ret_result, slk_tool *tool, const struct job *job)
{
    slk_error *error = &tool->error;
    SLK_CLEANUP(slk_closep) int lock = -1;
    SLK_TRY(lock_cache(&lock, tool, job->cache));
    SLK_TRY(clear_leftovers(job, error));
    SLK_TRY(check_tree_d(job, error));
    SLK_TRY(make_replica_folder(job, error));
    const slk_pc2_request request = {.env = slk_proof_env(tool),
                                     .proof = without_synthetic(&job->proof),
                                     .sealed = job->sealed,
                                     .replica = job->replica,
                                     .cache = job->cache,
                                     .holds_lock = true};
    SLK_TRY(slk_pc2(ret_result, &request, error));
    SLK_TRY(slk_cache_tidy(job->proof.shape, job->cache, error));
    return slk_file_rename_durable(job->replica, job->sealed, error);
}

static slk_err external_pc2(slk_tool *tool)
{
    struct job job = {0};
    slk_pc2_result result;
    slk_err code = slk_tool_misuse(tool, read_environment(&job, &tool->error));
    if (code == SLK_OK)
        code = make(&result, tool, &job);
    slk_free(job.replica);
    if (code != SLK_OK)
        return tool->misused || code == SLK_E_CANCELED
                   ? code
                   : slk_fail_context(&tool->error, code,
                                      "precommit 2 of sector %" PRIu64 " of f0%" PRIu64, job.number,
                                      job.miner);
    slk_tool_number(tool, "miner", job.miner);
    slk_tool_number(tool, "sector", job.number);
    slk_tool_comm_d(tool, "comm_d", result.comm_d);
    slk_tool_comm_r(tool, "comm_r", result.comm_r);
    return SLK_OK;
}

static int run_external_pc2(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = external_pc2(&tool);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

const slk_command slk_commands_external[] = {
    {.name = "external pc2",
     .help = "Does precommit 2 for `lotus-worker run --external-pc2`, which names the sector in "
             "EXTSEAL_PC2_ variables.",
     .example = "selkie external pc2",
     .run = run_external_pc2},
    {0},
};
