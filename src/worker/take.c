/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Taking calls that are answered by a CallID: on disk first, then the answer, then the work.
 *
 * Once its parameters can be read a call never fails as such, as a lotus-miner would keep the failure for
 * ever: whatever is wrong is its outcome. source: reference/lotus-worker 4.5 */
#include "worker/worker_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_PARAM 1u /* of SealCommit2: the output of commit 1 */

static const char *without_prefix(const char *method)
{
    const char *dot = strchr(method, '.');
    return dot ? dot + 1 : method;
}

static slk_worker_call *new_call(const slk_worker_step *step, json_t *params)
{
    slk_worker_call *call = slk_worker_call_new();
    if (!call || !params) {
        slk_worker_call_free(call);
        json_decref(params);
        return NULL;
    }
    slk_uuid_random(call->id.uuid);
    (void)snprintf(call->method, sizeof call->method, "%s", step->method);
    call->params = params;
    call->repeatable = true;
    call->taken_ms = slk_clock_wall_ms();
    return call;
}

static void fail_call(slk_worker *worker, slk_worker_call *call, slk_err code,
                      const slk_error *error)
{
    slk_lotus_fault_of(&call->outcome.fault, code, error, worker->options.name);
    call->done = true;
}

/* A stream of the caller's, which this call is the one to read. */
static slk_err claim_stream(slk_worker *worker, slk_worker_call *call, const slk_rpc_call *rpc,
                            size_t index, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_lotus_source *source = slk_calloc(1, sizeof *source);
    if (!source)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a call");
    if (slk_lotus_source_read(source, json_array_get(call->params, index), "data", error) != SLK_OK)
        return slk_rpc_bad_param_error(rpc, index, error);
    if (source->kind != SLK_LOTUS_SOURCE_PUSH)
        return SLK_OK;
    call->repeatable = false;
    const slk_err code =
        slk_push_claim(worker->push, source->text, SLK_PUSH_CLAIM_MS, rpc->job, error);
    return code == SLK_OK ? SLK_OK : slk_rpc_bad_param_error(rpc, index, error);
}

/* A parameter of any size, kept in a file. */
static void keep_blob(slk_worker *worker, slk_worker_call *call, const slk_rpc_call *rpc)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *path = slk_worker_journal_in(worker->journal, call->id.uuid);
    slk_err code =
        path ? slk_rpc_bytes_to_file(rpc, json_array_get(rpc->params, BLOB_PARAM), path, &error)
             : SLK_E_NOMEM;
    if (code == SLK_OK && json_array_set_new(call->params, BLOB_PARAM, json_null()) != 0)
        code = slk_fail(&error, SLK_E_NOMEM, "out of memory for a call");
    if (code != SLK_OK)
        fail_call(worker, call, code, &error);
}

static slk_err prepare(slk_worker *worker, slk_worker_call *call, const slk_worker_step *step,
                       const slk_rpc_call *rpc, slk_error *error)
{
    slk_lotus_sector_ref ref = {0};
    if (step->has_sector) {
        if (slk_lotus_sector_ref_read(&ref, json_array_get(call->params, 0), "sector", error) !=
            SLK_OK)
            return slk_rpc_bad_param_error(rpc, 0, error);
        call->id.sector = ref.id;
        call->proof = ref.proof;
    }
    if (step->run == slk_step_c2)
        keep_blob(worker, call, rpc);
    if (step->run == slk_step_add_piece)
        return claim_stream(worker, call, rpc, 3, error);
    if (step->run == slk_step_data_cid)
        return claim_stream(worker, call, rpc, 1, error);
    return SLK_OK;
}

/* Of a call that is refused: nobody knows its id, so nobody may find it again. kept: it has a row. */
static void forget(const slk_worker *worker, const slk_worker_call *call, bool kept)
{
    slk_error error = {0};
    const char *uuid = call->id.uuid;
    const slk_err code = kept ? slk_worker_journal_drop(worker->journal, uuid, &error)
                              : slk_worker_journal_drop_files(worker->journal, uuid, &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_ERROR, "call.kept", "call=%s why=\"%s\"", uuid,
                slk_error_text(&error, code));
}

/* Calls belong to the runner on success. One that cannot be kept is returned as failed, at once. */
static slk_err hand_over(slk_worker *worker, slk_worker_call *const *calls, size_t n,
                         slk_error *error)
{
    slk_error why = {0};
    const slk_err code = slk_worker_journal_take(worker->journal, calls, n, &why);
    if (code != SLK_OK)
        slk_log(SLK_LOG_ERROR, "call.not_kept", "call=%s why=\"%s\" then=\"it is refused\"",
                calls[0]->id.uuid, slk_error_text(&why, code));
    for (size_t i = 0; i < n; i++) {
        if (code != SLK_OK && !calls[i]->done)
            fail_call(worker, calls[i], code, &why);
        if (calls[i]->done)
            slk_worker_close_stream(worker, calls[i]);
        slk_log(SLK_LOG_INFO, "call.taken", "call=%s method=%s sector=%lu-%lu", calls[i]->id.uuid,
                calls[i]->method, calls[i]->id.sector.miner, calls[i]->id.sector.number);
    }
    const slk_err added = slk_runner_add(worker->runner, calls, n, error);
    for (size_t i = 0; i < n && added != SLK_OK; i++)
        forget(worker, calls[i], code == SLK_OK);
    return added;
}

slk_err slk_worker_take(void *context, const slk_rpc_call *rpc, json_t **ret_result,
                        slk_error *error)
{
    slk_worker *worker = context;
    const slk_worker_step *step = slk_worker_step_of(without_prefix(rpc->method));
    slk_assert(step);
    slk_worker_call *call = new_call(step, json_copy((json_t *)(uintptr_t)rpc->params));
    if (!call)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a call");
    json_t *id = NULL;
    slk_err code = prepare(worker, call, step, rpc, error);
    if (code == SLK_OK && !(id = slk_lotus_call_id_json(&call->id))) {
        code = slk_fail(error, SLK_E_NOMEM, "out of memory for a call");
        forget(worker, call, false);
    }
    if (code == SLK_OK)
        code = hand_over(worker, &call, 1, error);
    if (code != SLK_OK) {
        slk_worker_call_free(call);
        json_decref(id);
        return code;
    }
    *ret_result = id;
    return SLK_OK;
}

/* ---- several at once, of our own nodes ---- */

struct taking {
    slk_worker_call *calls[SLK_RUNNER_BATCH_MAX];
    size_t n;
    json_t *ids;
};

static slk_err add_one(struct taking *taking, slk_worker *worker, const slk_worker_step *step,
                       const char *batch, json_t *params, const slk_rpc_call *rpc, slk_error *error)
{
    if (!json_is_array(params) || json_array_size(params) != step->n_params)
        return slk_rpc_bad_param(rpc, 0, "a list of [sector, ticket, pieces]", error);
    slk_worker_call *call = new_call(step, json_incref(params));
    if (!call)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a call");
    taking->calls[taking->n++] = call;
    (void)snprintf(call->batch, sizeof call->batch, "%s", batch);
    SLK_TRY(prepare(worker, call, step, rpc, error));
    if (json_array_append_new(taking->ids, slk_lotus_call_id_json(&call->id)) != 0)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a call");
    return SLK_OK;
}

static int by_sector(const void *a, const void *b)
{
    const slk_lotus_sector *x = &(*(slk_worker_call *const *)a)->id.sector;
    const slk_lotus_sector *y = &(*(slk_worker_call *const *)b)->id.sector;
    if (x->miner != y->miner)
        return x->miner < y->miner ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* Each run holds its sectors' files one after the other: in the same order everywhere, so that no two
 * batches wait for each other, and each once, so that none waits for itself. */
static slk_err put_in_order(struct taking *taking, const slk_rpc_call *rpc, slk_error *error)
{
    qsort(taking->calls, taking->n, sizeof(slk_worker_call *), by_sector);
    for (size_t i = 1; i < taking->n; i++)
        if (by_sector(&taking->calls[i - 1], &taking->calls[i]) == 0)
            return slk_rpc_bad_param(rpc, 0, "a list with each sector once", error);
    return SLK_OK;
}

static slk_err take_all(struct taking *taking, slk_worker *worker, const slk_rpc_call *rpc,
                        slk_error *error)
{
    json_t *list = json_array_get(rpc->params, 0);
    const slk_worker_step *step = slk_worker_step_of("SealPreCommit1");
    const size_t n = json_array_size(list);
    char batch[SLK_UUID_CHARS];
    slk_uuid_random(batch);
    if (n == 0 || n > SLK_RUNNER_BATCH_MAX)
        return slk_rpc_bad_param(rpc, 0, "a list of 1 to 1024 sectors", error);
    for (size_t i = 0; i < n; i++)
        SLK_TRY(add_one(taking, worker, step, batch, json_array_get(list, i), rpc, error));
    SLK_TRY(put_in_order(taking, rpc, error));
    return hand_over(worker, taking->calls, n, error);
}

slk_err slk_worker_take_batch(void *context, const slk_rpc_call *rpc, json_t **ret_result,
                              slk_error *error)
{
    struct taking *taking = slk_calloc(1, sizeof *taking);
    if (!taking || !(taking->ids = json_array())) {
        slk_free(taking);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for calls");
    }
    const slk_err code = take_all(taking, context, rpc, error);
    if (code == SLK_OK)
        *ret_result = json_incref(taking->ids);
    for (size_t i = 0; i < taking->n && code != SLK_OK; i++)
        slk_worker_call_free(taking->calls[i]);
    json_decref(taking->ids);
    slk_free(taking);
    return code;
}
