/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client's pre-commit: sent with those of other sectors, waited for, found or lost. */
#include "seal/client_chain_impl.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* A deposit is only put on a ticket that no reorg can change: the proof is checked against the
 * chain's own. One that is younger than the lookback was not drawn as agreed, and is waited for. */
static slk_err ticket_is_final(bool *ret_final, slk_look *l, slk_error *error)
{
    int64_t epoch = l->row.completion.ticket_epoch;
    uint8_t ticket[32];
    *ret_final = l->head >= epoch + l->net.ticket_lookback_epochs;
    if (!*ret_final)
        return slk_task_wait(l->task, slk_look_again_ms(l),
                             "the ticket of epoch %ld is not final yet, the head is %ld",
                             (long)epoch, (long)l->head);
    SLK_TRY(l->chain->ticket(l->chain->ctx, ticket, l->task->sp_id, epoch, error));
    if (memcmp(ticket, l->row.completion.ticket, 32) == 0)
        return SLK_OK;
    slk_task_give_up(l->task, "wrong-ticket");
    return slk_fail(error, SLK_E_INVAL, "the ticket of epoch %ld is not (or no more) the chain's",
                    (long)epoch);
}

slk_err slk_step_client_precommit(slk_task *task, slk_error *error)
{
    slk_look l = {0};
    SLK_TRY(slk_look_begin(&l, task, error));
    if (l.sector.found)
        return slk_look_sector_on_chain(&l, error);
    if (slk_look_is_ours(&l))
        return slk_look_precommitted(&l, error);
    if (l.precommit.found)
        return slk_look_number_taken(&l, error);
    /* Once it has joined it goes with the others; only the chain's own limit counts then. */
    int64_t slack = l.row.precommit_joined ? 0 : slk_seal_get_options(l.seal)->ticket_slack_epochs;
    if (slk_look_epochs_left(&l, SLK_SEAL_PRECOMMIT) < slack)
        return slk_look_ticket_expired(&l, error);
    SLK_TRY(slk_look_check_sends(&l, l.row.precommit_tries, SLK_SEAL_PRECOMMIT, error));
    bool final = true;
    if (!l.row.precommit_uuid[0])
        SLK_TRY(ticket_is_final(&final, &l, error));
    return final ? slk_batch_step(&l, SLK_SEAL_PRECOMMIT, error) : SLK_OK;
}

static slk_err precommit_landed(slk_look *l, const slk_batch *batch,
                                const slk_seal_landing *landing, slk_error *error)
{
    if (slk_look_is_ours(l))
        return slk_look_precommitted(l, error);
    if (l->sector.found)
        return slk_look_sector_on_chain(l, error);
    if (l->precommit.found)
        return slk_look_number_taken(l, error);
    if (landing->exit_code == 0)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "the pre-commit landed and the chain has no record of it");
    if (slk_look_worth_resending(landing->exit_code))
        return slk_look_take(l, SLK_EV_PRECOMMIT_AGAIN, "no funds or gas: it is sent again");
    if (batch->sectors > 1)
        return slk_look_go_alone(l, SLK_EV_PRECOMMIT_AGAIN, error);
    l->task->give_up = true;
    (void)snprintf(l->task->failed_reason, sizeof l->task->failed_reason, "precommit-exit-%ld",
                   (long)landing->exit_code % 1000);
    return slk_fail(error, SLK_E_INVAL, "the pre-commit message ended with exit code %ld",
                    (long)landing->exit_code);
}

slk_err slk_step_client_precommit_wait(slk_task *task, slk_error *error)
{
    slk_look l = {0};
    SLK_TRY(slk_look_begin(&l, task, error));
    SLK_CLEANUP(slk_batch_done) slk_batch batch = {0};
    SLK_TRY(slk_batch_read(&batch, l.seal, l.row.precommit_uuid, error));
    slk_seal_landing landing = {0};
    SLK_TRY(slk_batch_search(&landing, &batch, l.seal, error));
    switch (landing.kind) {
    case SLK_SEAL_LANDED:
        return precommit_landed(&l, &batch, &landing, error);
    case SLK_SEAL_REPLACED:
        if (slk_look_is_ours(&l))
            return slk_look_precommitted(&l, error);
        return slk_look_take(&l, SLK_EV_PRECOMMIT_AGAIN, "another message took its nonce");
    case SLK_SEAL_PENDING:
    case SLK_SEAL_UNKNOWN:
        break;
    }
    /* Past this the actor refuses it, so it can only burn gas. */
    if (!l.precommit.found && slk_look_epochs_left(&l, SLK_SEAL_PRECOMMIT) < -10)
        return slk_look_ticket_expired(&l, error);
    return slk_batch_urge(&l, &batch, &landing, error);
}

/* ---- lost ---- */

/* A reorg dropped the record while the number is free and the ticket young: the message itself is
 * back in the pool, most likely. Only one that can never land is followed by another. */
static slk_err precommit_dropped(slk_look *l, slk_error *error)
{
    SLK_CLEANUP(slk_batch_done) slk_batch batch = {0};
    slk_seal_landing landing = {.kind = SLK_SEAL_REPLACED};
    if (l->row.precommit_uuid[0]) {
        SLK_TRY(slk_batch_read(&batch, l->seal, l->row.precommit_uuid, error));
        if (batch.cid[0])
            SLK_TRY(slk_batch_search(&landing, &batch, l->seal, error));
    }
    switch (landing.kind) {
    case SLK_SEAL_UNKNOWN:
    case SLK_SEAL_PENDING:
        return slk_batch_urge(l, &batch, &landing, error);
    case SLK_SEAL_LANDED:
        if (landing.exit_code == 0) /* two nodes disagree, or the head is just moving */
            return slk_fail(error, SLK_E_NOTFOUND,
                            "the pre-commit landed and the chain has no record of it");
        break;
    case SLK_SEAL_REPLACED:
        break;
    }
    return slk_look_take(l, SLK_EV_PRECOMMIT_AGAIN, "a reorg dropped the pre-commit");
}

slk_err slk_look_precommit_missing(slk_look *l, slk_error *error)
{
    if (l->sector.found)
        return slk_look_sector_on_chain(l, error);
    if (l->precommit.found)
        return slk_look_number_taken(l, error);
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield taken = {0};
    SLK_TRY(l->chain->allocated(l->chain->ctx, &taken, l->task->sp_id, error));
    bool fresh = slk_look_epochs_left(l, SLK_SEAL_PRECOMMIT) >= 0;
    slk_task_reason(l->task, "precommit-lost");
    if (!slk_bitfield_has(&taken, l->task->number) && fresh && l->row.state == SLK_CS_PRECOMMITTED)
        return precommit_dropped(l, error);
    return slk_fail(error, SLK_E_NOTFOUND, "the pre-commit is no longer on chain");
}
