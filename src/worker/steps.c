/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The calls that are answered by a CallID, as one table, and how one of them is run. */
#include "worker/worker_impl.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "store/hold.h"

#include <stdio.h>
#include <string.h>

/* Whoever else has the files of a call that was canceled is waited for so long. */
#define CANCELED_WAIT_MS 30000

#define NO_PIECE "{\"Size\":0,\"PieceCID\":null}"
#define FILES (SLK_LOTUS_SEALED | SLK_LOTUS_CACHE)
#define ANY_FILES (SLK_LOTUS_UNSEALED | FILES)

/* One a line. */
/* clang-format off */
static const slk_worker_step steps[] = {
    /* method, its Return, parameters, kind of work, of a sector, value of a failure, reads, writes, run */
    {"AddPiece", "ReturnAddPiece", 4, SLK_LOTUS_ADD_PIECE, true, NO_PIECE, 0, SLK_LOTUS_UNSEALED, slk_step_add_piece},
    {"SealPreCommit1", "ReturnSealPreCommit1", 3, SLK_LOTUS_PRECOMMIT1, true, "null", 0, ANY_FILES, slk_step_pc1},
    {"SealPreCommit2", "ReturnSealPreCommit2", 2, SLK_LOTUS_PRECOMMIT2, true, "{\"Unsealed\":null,\"Sealed\":null}", 0, FILES, slk_step_pc2},
    {"SealCommit1", "ReturnSealCommit1", 5, SLK_LOTUS_COMMIT1, true, "null", 0, FILES, slk_step_c1},
    {"SealCommit2", "ReturnSealCommit2", 2, SLK_LOTUS_COMMIT2, true, "null", 0, 0, slk_step_c2},
    {"FinalizeSector", "ReturnFinalizeSector", 1, SLK_LOTUS_FINALIZE, true, NULL, 0, FILES, slk_step_finalize},
    {"ReleaseUnsealed", "ReturnReleaseUnsealed", 2, SLK_LOTUS_FINALIZE_UNSEALED, true, NULL, 0, SLK_LOTUS_UNSEALED, slk_step_release},
    {"MoveStorage", "ReturnMoveStorage", 2, SLK_LOTUS_FETCH, true, NULL, 0, SLK_LOTUS_ALL_TYPES, slk_step_move},
    {"Fetch", "ReturnFetch", 4, SLK_LOTUS_FETCH, true, NULL, 0, SLK_LOTUS_ALL_TYPES, slk_step_fetch},
    {"UnsealPiece", "ReturnUnsealPiece", 5, SLK_LOTUS_UNSEAL, true, NULL, 0, ANY_FILES, slk_step_unseal},
    {"DataCid", "ReturnDataCid", 2, SLK_LOTUS_DATA_CID, false, NO_PIECE, 0, 0, slk_step_data_cid},
    {"ReplicaUpdate", "ReturnReplicaUpdate", 2, SLK_LOTUS_REPLICA_UPDATE, true, "{\"NewSealed\":null,\"NewUnsealed\":null}", 0, 0, NULL},
    {"ProveReplicaUpdate1", "ReturnProveReplicaUpdate1", 4, SLK_LOTUS_PROVE_UPDATE1, true, "null", 0, 0, NULL},
    {"ProveReplicaUpdate2", "ReturnProveReplicaUpdate2", 5, SLK_LOTUS_PROVE_UPDATE2, true, "null", 0, 0, NULL},
    {"GenerateSectorKeyFromData", "ReturnGenerateSectorKeyFromData", 2, SLK_LOTUS_REGEN_KEY, true, NULL, 0, 0, NULL},
    {"FinalizeReplicaUpdate", "ReturnFinalizeReplicaUpdate", 1, SLK_LOTUS_FINALIZE_UPDATE, true, NULL, 0, 0, NULL},
    {"DownloadSectorData", "ReturnDownloadSector", 3, SLK_LOTUS_DOWNLOAD, true, NULL, 0, 0, NULL},
    {"CheckReplica", "ReturnSelkieCheck", 4, SLK_LOTUS_FETCH, true, "{\"Valid\":false,\"Why\":\"\"}", FILES, 0, slk_step_check_replica},
};
/* clang-format on */

const slk_lotus_task_set slk_worker_all_tasks =
    SLK_LOTUS_TASK_BIT(SLK_LOTUS_ADD_PIECE) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_PRECOMMIT1) |
    SLK_LOTUS_TASK_BIT(SLK_LOTUS_PRECOMMIT2) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT1) |
    SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT2) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_UNSEAL) |
    SLK_LOTUS_TASK_BIT(SLK_LOTUS_FETCH) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_FINALIZE) |
    SLK_LOTUS_TASK_BIT(SLK_LOTUS_FINALIZE_UNSEALED) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_DATA_CID);

const slk_worker_step *slk_worker_step_of(const char *method)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(steps[i].method, method) == 0)
            return &steps[i];
    return NULL;
}

/* ---- running one ---- */

slk_err slk_worker_bad_param(slk_error *error)
{
    return slk_fail_context(error, SLK_E_INVAL, "a parameter of the call");
}

slk_err slk_worker_answer(slk_worker_run *run, json_t *value, slk_error *error)
{
    if (!value)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the result");
    run->result = value;
    return SLK_OK;
}

slk_err slk_worker_read_sector(slk_worker_run *run, const slk_worker_step *step, slk_error *error)
{
    slk_seal_proof proof;
    if (!step->has_sector)
        return SLK_OK;
    SLK_TRY(slk_lotus_sector_ref_read(&run->ref, json_array_get(run->params, 0), "sector", error));
    SLK_TRY(slk_seal_proof_registered(&proof, run->ref.proof, error));
    run->shape = proof.shape;
    return SLK_OK;
}

static slk_err run_step(slk_worker_run *run, const slk_worker_step *step, slk_error *error)
{
    SLK_TRY(slk_job_check(run->job, error));
    SLK_TRY(slk_worker_read_sector(run, step, error));
    if (!step->run)
        return slk_fail(error, SLK_E_UNSUPPORTED, "%s is not done by this worker (selkie %s)",
                        step->method, SLK_VERSION);
    SLK_CLEANUP(slk_store_hold_freep) slk_store_hold *hold = NULL;
    if (step->reads | step->writes)
        SLK_TRY(slk_store_hold_take(&hold, run->worker->store, &run->ref.id, step->reads,
                                    step->writes, -1, run->job, error));
    return step->run(run, error);
}

static void note_end(const slk_worker_call *call, slk_err code, const slk_error *error)
{
    char text[sizeof error->message];
    if (code == SLK_OK) {
        slk_log(SLK_LOG_INFO, "call.done", "call=%s method=%s sector=%lu-%lu", call->id.uuid,
                call->method, call->id.sector.miner, call->id.sector.number);
        return;
    }
    (void)snprintf(text, sizeof text, "%s", slk_error_text(error, code));
    slk_text_quotable(text);
    slk_log(code == SLK_E_CANCELED ? SLK_LOG_INFO : SLK_LOG_ERROR, "call.failed",
            "call=%s method=%s sector=%lu-%lu code=%s why=\"%s\"", call->id.uuid, call->method,
            call->id.sector.miner, call->id.sector.number, slk_err_name(code), text);
}

void slk_worker_finish(slk_worker_call *call, slk_worker_run *run, slk_err code,
                       const slk_error *error)
{
    slk_worker_outcome *outcome = &call->outcome;
    note_end(call, code, error);
    if (code == SLK_OK) {
        outcome->result = run->result;
        outcome->result_file = run->result_file;
        return;
    }
    json_decref(run->result);
    slk_lotus_fault_of(&outcome->fault, code, error, run->worker->options.name);
}

/* A call that was at work when the worker ended, and whose data cannot come again. */
static void fail_restarted(slk_worker *worker, slk_worker_call *call)
{
    slk_lotus_fault *fault = &call->outcome.fault;
    *fault = (slk_lotus_fault){.failed = true, .code = SLK_LOTUS_FAULT_RESTARTED};
    (void)snprintf(fault->message, sizeof fault->message, "worker [name: %s] restarted",
                   worker->options.name);
}

/* Nobody goes on with what such a call has begun. */
static void drop_attempt(slk_worker *worker, const slk_worker_call *call, unsigned types,
                         int64_t wait_ms, slk_job *job)
{
    SLK_CLEANUP(slk_store_hold_freep) slk_store_hold *hold = NULL;
    slk_error why = {0};
    slk_err code =
        slk_store_hold_take(&hold, worker->store, &call->id.sector, 0, types, wait_ms, job, &why);
    for (unsigned type = 1; type <= types && code == SLK_OK; type <<= 1)
        if (types & type)
            code = slk_store_remove_attempts(worker->store, &call->id.sector, type, &why);
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "call.leftover", "call=%s why=\"%s\"", call->id.uuid,
                slk_error_text(&why, code));
}

void slk_worker_clear_canceled(slk_worker *worker, const slk_worker_call *call, slk_err code)
{
    const slk_worker_step *step = slk_worker_step_of(call->method);
    if (code == SLK_E_CANCELED && step->writes && !slk_runner_is_stopping(worker->runner))
        drop_attempt(worker, call, step->writes, CANCELED_WAIT_MS, NULL);
}

static void run_one(slk_worker *worker, slk_worker_call *call, slk_job *job)
{
    const slk_worker_step *step = slk_worker_step_of(call->method);
    slk_worker_run run = {.worker = worker, .call = call, .params = call->params, .job = job};
    slk_error error = {0};
    slk_assert(step);
    slk_log(SLK_LOG_INFO, "call.started", "call=%s method=%s sector=%lu-%lu", call->id.uuid,
            call->method, call->id.sector.miner, call->id.sector.number);
    if (call->restarted && !call->repeatable) {
        fail_restarted(worker, call);
        if (step->writes)
            drop_attempt(worker, call, step->writes, -1, job);
        return;
    }
    const slk_err code = run_step(&run, step, &error);
    slk_worker_finish(call, &run, code, &error);
    slk_worker_clear_canceled(worker, call, code);
}

/* ---- for the runner ---- */

static slk_lotus_task task_of(const slk_worker_call *call)
{
    const slk_worker_step *step = slk_worker_step_of(call->method);
    slk_assert(step);
    return step->task;
}

static void run_group(void *context, slk_runner_group *group)
{
    slk_worker *worker = context;
    const size_t n = slk_runner_group_n(group);
    slk_worker_call *call = slk_runner_group_call(group, 0);
    const slk_lotus_task task = task_of(call);
    const int64_t proof = call->proof;
    slk_worker_peaks_begin(worker->peaks);
    if (n > 1)
        slk_worker_run_batch(worker, group); /* its calls are not ours any more then */
    else
        run_one(worker, call, slk_runner_group_job(group, 0));
    /* Of a batch a sector that failed only makes the share of each look smaller. */
    if (slk_worker_peaks_end(worker->peaks, n > 1 || !call->outcome.fault.failed, task, proof, n))
        slk_worker_events_measured(worker->events);
}

static int order(void *context, const slk_worker_call *call)
{
    (void)context;
    return slk_lotus_task_order(task_of(call));
}

int64_t slk_worker_proof_of(const slk_worker_call *call)
{
    slk_lotus_sector_ref ref = {0};
    if (slk_lotus_sector_ref_read(&ref, json_array_get(call->params, 0), "sector", NULL) != SLK_OK)
        return 0;
    return ref.proof;
}

static size_t count_fetches(const slk_worker_call *const *at_work, size_t n)
{
    size_t fetches = 0;
    for (size_t i = 0; i < n; i++)
        fetches += strcmp(at_work[i]->method, "Fetch") == 0;
    return fetches;
}

/* Something that is alone always fits: the node has decided that this machine can do it. Nothing does before it
 * is known whose node it is: a call may come as soon as we listen. */
static bool fits(void *context, const slk_worker_call *call, const slk_worker_call *const *at_work,
                 size_t n)
{
    const slk_worker *worker = context;
    const slk_worker_options *o = &worker->options;
    slk_lotus_load load = {0};
    if (!atomic_load(&worker->greeted))
        return false;
    if (strcmp(call->method, "Fetch") == 0)
        return count_fetches(at_work, n) < o->parallel_fetches;
    for (size_t i = 0; i < n; i++) {
        const slk_lotus_task task = task_of(at_work[i]);
        const int64_t proof = at_work[i]->proof;
        slk_lotus_need takes = worker->needs.need[task][proof];
        if (at_work[i]->batch[0])
            takes = slk_lotus_need_in_batch(&takes, &load, &worker->machine);
        slk_lotus_load_add(&load, task, proof, &takes, &worker->machine);
    }
    const slk_lotus_task task = task_of(call);
    const int64_t proof = call->proof;
    const slk_lotus_need *need = &worker->needs.need[task][proof];
    return load.threads == 0 || need->max_parallelism == 0 ||
           slk_lotus_fits(&worker->machine, &load, task, proof, need, o->ignore_resources) ==
               SLK_LOTUS_FITS;
}

/* The data is the last parameter of the calls that have any. */
void slk_worker_close_stream(slk_worker *worker, const slk_worker_call *call)
{
    SLK_CLEANUP(slk_freep) slk_lotus_source *source = slk_calloc(1, sizeof *source);
    const json_t *data = json_array_get(call->params, json_array_size(call->params) - 1);
    if (!call->repeatable && source && slk_lotus_source_read(source, data, "data", NULL) == SLK_OK)
        slk_push_close(worker->push, source->text);
}

static void keep(void *context, const slk_worker_call *call)
{
    slk_worker *worker = context;
    slk_error error = {0};
    slk_worker_close_stream(worker, call);
    const slk_err code = slk_worker_journal_end(worker->journal, call, &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_ERROR, "call.not_kept",
                "call=%s why=\"%s\" then=\"it is returned now, and would run again after a "
                "restart before that\"",
                call->id.uuid, slk_error_text(&error, code));
}

static void changed(void *context, const slk_runner_view *view)
{
    const slk_worker *worker = context;
    slk_worker_events_call(worker->events, view);
}

void slk_worker_runner_options(slk_runner_options *ret_options, slk_worker *worker)
{
    *ret_options = (slk_runner_options){.context = worker,
                                        .order = order,
                                        .fits = fits,
                                        .run = run_group,
                                        .keep = keep,
                                        .changed = changed};
}
