/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client's commit: sent with those of other sectors, waited for, each with its own result. */
#include "seal/client_chain_impl.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* A reorg may have moved the pre-commit: the proof then answers a seed that is not asked. */
static slk_err seed_still_holds(bool *ret_holds, slk_look *l, slk_error *error)
{
    int64_t epoch = l->precommit.precommit_epoch + l->net.challenge_delay_epochs;
    uint8_t seed[32];
    *ret_holds = false;
    if (epoch != l->row.seed_epoch)
        return SLK_OK;
    SLK_TRY(l->chain->seed(l->chain->ctx, seed, l->task->sp_id, epoch, error));
    *ret_holds = memcmp(seed, l->row.seed, 32) == 0;
    return SLK_OK;
}

slk_err slk_step_client_commit(slk_task *task, slk_error *error)
{
    slk_look l = {0};
    SLK_TRY(slk_look_begin(&l, task, error));
    if (l.sector.found)
        return slk_look_sector_on_chain(&l, error);
    if (!slk_look_is_ours(&l))
        return slk_look_precommit_missing(&l, error);
    if (slk_look_epochs_left(&l, SLK_SEAL_COMMIT) < 0)
        return slk_look_commit_expired(&l, error);
    SLK_TRY(slk_look_check_sends(&l, l.row.commit_tries, SLK_SEAL_COMMIT, error));
    bool holds;
    SLK_TRY(seed_still_holds(&holds, &l, error));
    if (!holds)
        return slk_look_take(&l, SLK_EV_RESEED, "the pre-commit moved: a new seed is needed");
    return slk_batch_step(&l, SLK_SEAL_COMMIT, error);
}

static slk_err commit_landed(slk_look *l, const slk_batch *batch, const slk_seal_landing *landing,
                             slk_error *error)
{
    if (l->sector.found)
        return slk_look_sector_on_chain(l, error);
    const int64_t code = slk_batch_exit_of(batch, landing, l->task->number);
    if (code == 0)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "the commit landed and the chain has no such sector");
    SLK_TRY(slk_look_check_sends(l, l->row.commit_tries, SLK_SEAL_COMMIT, error));
    if (slk_look_worth_resending(code) || code == SLK_CHAIN_EXIT_FORBIDDEN)
        return slk_look_take(l, SLK_EV_COMMIT_AGAIN, "it is sent again");
    if (landing->exit_code != 0 && batch->sectors > 1 && slk_look_is_ours(l))
        return slk_look_go_alone(l, SLK_EV_COMMIT_AGAIN, error);
    if (code == SLK_CHAIN_EXIT_NOT_FOUND || !slk_look_is_ours(l))
        return slk_look_precommit_missing(l, error);
    if (slk_look_epochs_left(l, SLK_SEAL_COMMIT) < 0)
        return slk_look_commit_expired(l, error);
    if (code == SLK_CHAIN_EXIT_ILLEGAL_ARGUMENT && l->row.commit_tries < 3)
        return slk_look_take(l, SLK_EV_RESEED, "the chain refused the proof: it is made again");
    l->task->give_up = true;
    (void)snprintf(l->task->failed_reason, sizeof l->task->failed_reason, "commit-exit-%ld",
                   (long)code % 10000);
    return slk_fail(error, SLK_E_INVAL, "the commit message ended with exit code %ld", (long)code);
}

slk_err slk_step_client_commit_wait(slk_task *task, slk_error *error)
{
    slk_look l = {0};
    SLK_TRY(slk_look_begin(&l, task, error));
    SLK_CLEANUP(slk_batch_done) slk_batch batch = {0};
    SLK_TRY(slk_batch_read(&batch, l.seal, l.row.commit_uuid, error));
    slk_seal_landing landing = {0};
    SLK_TRY(slk_batch_search(&landing, &batch, l.seal, error));
    switch (landing.kind) {
    case SLK_SEAL_LANDED:
        return commit_landed(&l, &batch, &landing, error);
    case SLK_SEAL_REPLACED:
        if (l.sector.found)
            return slk_look_sector_on_chain(&l, error);
        return slk_look_take(&l, SLK_EV_COMMIT_AGAIN, "another message took its nonce");
    case SLK_SEAL_UNKNOWN:
    case SLK_SEAL_PENDING:
        break;
    }
    /* Past this the actor refuses it: a message that never left the pool must not be waited for. */
    if (!l.sector.found && l.row.has_precommit_epoch &&
        slk_look_epochs_left(&l, SLK_SEAL_COMMIT) < -10)
        return slk_look_commit_expired(&l, error);
    return slk_batch_urge(&l, &batch, &landing, error);
}
