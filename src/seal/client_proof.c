/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client's steps between pre-commit and commit: seed and SNARK. */
#include "seal/client_chain_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"

#include <string.h>

static const slk_sql save_proof = {"porep.save", "UPDATE sectors_sdr_pipeline SET porep_proof = $3"
                                                 " WHERE sp_id = $1 AND sector_number = $2"};

/* ---- seed ---- */

slk_err slk_step_client_seed(slk_task *task, slk_error *error)
{
    slk_look l = {0};
    SLK_TRY(slk_look_begin(&l, task, error));
    if (!slk_look_is_ours(&l))
        return slk_look_precommit_missing(&l, error);
    int64_t seed_epoch = l.precommit.precommit_epoch + l.net.challenge_delay_epochs;
    int64_t ready = seed_epoch + slk_seal_get_options(l.seal)->seed_margin_epochs;
    if (l.head < ready) /* the chain's own pace decides, not a wall clock */
        return slk_task_wait(task, slk_look_again_ms(&l),
                             "the seed comes in epoch %ld, the head is %ld", (long)seed_epoch,
                             (long)l.head);
    slk_chain_output *out = slk_chain_output_new(task);
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(l.chain->seed(l.chain->ctx, out->seed, task->sp_id, seed_epoch, error));
    out->seed_epoch = seed_epoch;
    out->precommit = l.precommit;
    task->event = SLK_EV_SEEDED;
    slk_task_note(task, "seed of epoch %ld", (long)seed_epoch);
    return SLK_OK;
}

/* ---- SNARK ---- */

slk_err slk_client_check_deadline(slk_task *task, const slk_client_row *row, slk_err code,
                                  slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(task->seal)->chain;
    slk_seal_network net;
    int64_t head = 0;
    if (code == SLK_OK || code == SLK_E_CANCELED || !row->has_precommit_epoch ||
        slk_seal_network_read(&net, task->seal, NULL) != SLK_OK ||
        chain->head(chain->ctx, &head, NULL) != SLK_OK ||
        head <= row->precommit_epoch + net.max_prove_commit_epochs)
        return code;
    slk_task_give_up(task, "commit-expired");
    return slk_fail_context(error, code, "past the commit deadline, the deposit is lost");
}

struct proof_output {
    uint8_t bytes[SLK_SEAL_PROOF_MAX_BYTES];
    size_t n;
};

static slk_err prove(struct proof_output *out, slk_task *task, const slk_client_row *row,
                     const char *c1_path, slk_error *error)
{
    const slk_seal_prover *prover = &slk_seal_get_ops(task->seal)->prover;
    SLK_CLEANUP(slk_buf_done) slk_buf proof;
    slk_buf_init(&proof, SLK_SEAL_PROOF_MAX_BYTES);
    SLK_TRY(prover->c2(prover->ctx, &proof, &row->sector, c1_path, &task->job, error));
    slk_seal_commitments comm;
    SLK_TRY(slk_seal_parse_cids(&comm, &row->completion, error));
    bool valid = false;
    SLK_TRY(prover->verify_proof(prover->ctx, &valid, &row->sector, &comm, row->completion.ticket,
                                 row->seed, proof.data, proof.len, error));
    if (!valid)
        return slk_fail(error, SLK_E_INTERNAL, "the proof just made does not verify");
    memcpy(out->bytes, proof.data, proof.len);
    out->n = proof.len;
    return SLK_OK;
}

/* After a failed proof: has the C1 file, which was good when it came, gone bad on our disk? Every
 * retry would find it again. */
static bool c1_went_bad(slk_task *task, const slk_client_row *row, const char *c1_path,
                        slk_err code)
{
    const slk_seal_prover *prover = &slk_seal_get_ops(task->seal)->prover;
    slk_seal_commitments comm;
    bool valid = true;
    char why[SLK_SEAL_REASON_CHARS] = "";
    slk_error ignored = {0};
    return slk_seal_verdict_of(code) == SLK_SEAL_RETRY &&
           slk_seal_parse_cids(&comm, &row->completion, NULL) == SLK_OK &&
           prover->verify_c1(prover->ctx, &valid, why, &row->sector, &comm, row->completion.ticket,
                             row->seed, c1_path, &task->job, &ignored) == SLK_OK &&
           !valid;
}

slk_err slk_step_client_c2(slk_task *task, slk_error *error)
{
    slk_client_row row;
    SLK_TRY(slk_client_row_read(&row, task->seal, task->sp_id, task->number, error));
    SLK_CLEANUP(slk_seal_places_done) slk_seal_places scratch = {0};
    SLK_TRY(slk_seal_places_of(&scratch, slk_seal_get_options(task->seal)->scratch_folder,
                               task->sp_id, task->number, error));
    SLK_CLEANUP(slk_freep) char *path = slk_seal_c1_path(&scratch, row.seed);
    struct proof_output *out = slk_calloc(1, sizeof *out);
    task->output = out;
    if (!path || !out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (!slk_file_exists(path)) {
        task->event = SLK_EV_RESEED;
        slk_task_note(task, "the C1 file is gone: it is asked for again");
        return SLK_OK;
    }
    slk_err code = prove(out, task, &row, path, error);
    if (code != SLK_OK && c1_went_bad(task, &row, path, code)) {
        SLK_TRY(slk_remove_tree_durable(path, error));
        task->event = SLK_EV_RESEED;
        slk_task_note(task, "the C1 file was damaged: it is asked for again");
        return SLK_OK;
    }
    if (code != SLK_OK)
        return slk_client_check_deadline(task, &row, code, error);
    task->event = SLK_EV_PROVEN;
    return SLK_OK;
}

slk_err slk_step_client_c2_save(slk_task *task, slk_db *db, slk_error *error)
{
    const struct proof_output *out = task->output;
    if (task->event != SLK_EV_PROVEN)
        return SLK_OK;
    return slk_sql_run(
        db, &save_proof,
        SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number), slk_arg_b(out->bytes, out->n)),
        NULL, error);
}
