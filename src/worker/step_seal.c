/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls that seal after the labels: trees and replica, vanilla proofs, the SNARK. */
#include "worker/worker_impl.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/json.h"
#include "lotus/pc1_out.h"

#include <stdio.h>
#include <string.h>

/* ---- SealPreCommit2 ---- */

static slk_err read_pc1_out(slk_worker_run *run, slk_lotus_pc1_out *ret, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_LOTUS_PC1_OUT_MAX_BYTES);
    if (slk_json_as_bytes(&text, json_array_get(run->params, 1), "precommit 1 output", error) !=
            SLK_OK ||
        slk_lotus_pc1_out_read(ret, text.data, text.len, error) != SLK_OK)
        return slk_worker_bad_param(error);
    if (ret->proof.shape != run->shape)
        return slk_fail(error, SLK_E_INVAL, "the precommit 1 output is one of another sector size");
    return SLK_OK;
}

slk_err slk_step_pc2(slk_worker_run *run, slk_error *error)
{
    const slk_worker_ops *ops = run->worker->options.ops;
    slk_lotus_pc1_out pc1;
    slk_lotus_cids cids;
    SLK_CLEANUP(slk_freep) char *sealed = NULL;
    SLK_CLEANUP(slk_freep) char *cache = NULL;
    SLK_TRY(read_pc1_out(run, &pc1, error));
    SLK_TRY(slk_worker_acquire(run, SLK_LOTUS_SEALED, SLK_LOTUS_PATH_SEALING,
                               SLK_LOTUS_ACQUIRE_MOVE, &sealed, error));
    SLK_TRY(slk_worker_acquire(run, SLK_LOTUS_CACHE, SLK_LOTUS_PATH_SEALING, SLK_LOTUS_ACQUIRE_MOVE,
                               &cache, error));
    SLK_TRY(slk_worker_clear_others(run, SLK_LOTUS_SEALED | SLK_LOTUS_CACHE, error));
    const slk_worker_paths paths = {.sealed = sealed, .cache = cache};
    SLK_TRY(ops->pc2(ops->ctx, &cids, &run->ref, pc1.comm_d, pc1.has_ticket ? pc1.ticket : NULL,
                     &paths, run->job, error));
    if (memcmp(cids.comm_d, pc1.comm_d, 32) != 0)
        return slk_fail(error, SLK_E_CORRUPT,
                        "CommD of the trees is not that of precommit 1: seal the sector anew");
    return slk_worker_answer(run, slk_lotus_cids_json(&cids), error);
}

/* ---- SealCommit1 ---- */

static slk_err c1_with(slk_worker_run *run, const slk_lotus_pieces *pieces, slk_error *error)
{
    const slk_worker_ops *ops = run->worker->options.ops;
    uint8_t ticket[32];
    uint8_t seed[32];
    slk_lotus_cids cids;
    SLK_CLEANUP(slk_freep) char *sealed = NULL;
    SLK_CLEANUP(slk_freep) char *cache = NULL;
    SLK_CLEANUP(slk_freep) char *out = NULL;
    if (slk_lotus_randomness_read(ticket, json_array_get(run->params, 1), "ticket", error) !=
            SLK_OK ||
        slk_lotus_randomness_read(seed, json_array_get(run->params, 2), "seed", error) != SLK_OK ||
        slk_lotus_cids_read(&cids, json_array_get(run->params, 4), "CIDs", error) != SLK_OK)
        return slk_worker_bad_param(error);
    if (!cids.defined)
        return slk_fail(error, SLK_E_INVAL, "the call names no CommD and CommR");
    SLK_TRY(slk_worker_acquire(run, SLK_LOTUS_SEALED, SLK_LOTUS_PATH_SEALING,
                               SLK_LOTUS_ACQUIRE_MOVE, &sealed, error));
    SLK_TRY(slk_worker_acquire(run, SLK_LOTUS_CACHE, SLK_LOTUS_PATH_SEALING, SLK_LOTUS_ACQUIRE_MOVE,
                               &cache, error));
    out = slk_worker_journal_out(run->worker->journal, run->call->id.uuid);
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the result");
    const slk_worker_paths paths = {.sealed = sealed, .cache = cache};
    SLK_TRY(
        ops->c1(ops->ctx, &run->ref, &cids, ticket, seed, pieces, &paths, out, run->job, error));
    run->result_file = true;
    return SLK_OK;
}

slk_err slk_step_c1(slk_worker_run *run, slk_error *error)
{
    slk_lotus_pieces pieces = {0};
    if (slk_lotus_pieces_read(&pieces, json_array_get(run->params, 3), "pieces", error) != SLK_OK)
        return slk_worker_bad_param(error);
    const slk_err code = c1_with(run, &pieces, error);
    slk_lotus_pieces_done(&pieces);
    return code;
}

/* ---- SealCommit2 ---- */

slk_err slk_step_c2(slk_worker_run *run, slk_error *error)
{
    const slk_worker_ops *ops = run->worker->options.ops;
    SLK_CLEANUP(slk_freep) char *in = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf proof;
    slk_buf_init(&proof, SLK_WORKER_PROOF_MAX_BYTES);
    in = slk_worker_journal_in(run->worker->journal, run->call->id.uuid);
    if (!in)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    SLK_TRY(ops->c2(ops->ctx, &proof, &run->ref, in, run->job, error));
    return slk_worker_answer(run, slk_json_new_bytes(proof.data, proof.len), error);
}

/* ---- CheckReplica, of our own nodes ---- */

static slk_err check(slk_worker_run *run, const slk_lotus_cids *cids, const uint8_t ticket[32],
                     const slk_worker_paths *paths, slk_error *error)
{
    const slk_worker_ops *ops = run->worker->options.ops;
    char why[SLK_WORKER_REASON_CHARS] = "";
    bool valid = false;
    SLK_TRY(
        ops->check_replica(ops->ctx, &valid, why, &run->ref, cids, ticket, paths, run->job, error));
    slk_text_mend(why);
    return slk_worker_answer(run, json_pack("{sbss}", "Valid", valid, "Why", why), error);
}

slk_err slk_step_check_replica(slk_worker_run *run, slk_error *error)
{
    const json_t *what = json_array_get(run->params, 2);
    slk_lotus_cids cids = {.defined = true};
    uint8_t ticket[32];
    slk_store *store = run->worker->store;
    SLK_CLEANUP(slk_freep) char *sealed = NULL;
    SLK_CLEANUP(slk_freep) char *cache = NULL;
    if (json_is_true(json_array_get(run->params, 3)))
        return slk_fail(error, SLK_E_UNSUPPORTED, "a replica is checked here once it is whole");
    if (slk_lotus_comm_r_read(cids.comm_r, json_object_get(what, "CommR"), "CommR", error) !=
            SLK_OK ||
        slk_lotus_comm_d_read(cids.comm_d, json_object_get(what, "CommD"), "CommD", error) !=
            SLK_OK ||
        slk_lotus_randomness_read(ticket, json_object_get(what, "Ticket"), "Ticket", error) !=
            SLK_OK)
        return slk_worker_bad_param(error);
    SLK_TRY(slk_store_find(store, NULL, &sealed, &run->ref.id, SLK_LOTUS_SEALED, error));
    SLK_TRY(slk_store_find(store, NULL, &cache, &run->ref.id, SLK_LOTUS_CACHE, error));
    const slk_worker_paths paths = {.sealed = sealed, .cache = cache};
    return check(run, &cids, ticket, &paths, error);
}
