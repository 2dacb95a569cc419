/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/client_chain_impl.h"

#include "base/mem.h"
#include "db/args.h"
#include "fil/policy.h"

#include <stdio.h>
#include <string.h>

/* Messages of one kind sent for one sector before a person should look. */
#define SENDS_MAX 10

static const slk_sql save_precommit_cid = {"precommit.save",
                                           "UPDATE sectors_sdr_pipeline SET precommit_msg_cid = $3"
                                           " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql save_commit_cid = {"commit.save",
                                        "UPDATE sectors_sdr_pipeline SET commit_msg_cid = $3"
                                        " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql save_found = {"precommit.found",
                                   "UPDATE sectors_sdr_pipeline SET precommit_epoch = $3,"
                                   " precommit_expiration = $4, precommit_deposit = $5"
                                   " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql save_seed = {"seed.save",
                                  "UPDATE sectors_sdr_pipeline SET seed_epoch = $3, seed_value = $4"
                                  " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql save_pledge = {"pledge.save",
                                    "UPDATE sectors_sdr_pipeline SET initial_pledge = $3"
                                    " WHERE sp_id = $1 AND sector_number = $2"};
/* A group of its own: nobody else's number is in it. */
static const slk_sql set_alone[SLK_SEAL_MESSAGE_KINDS] = {
    [SLK_SEAL_PRECOMMIT] = {"precommit.alone",
                            "UPDATE sectors_sdr_pipeline SET precommit_group = sector_number + 1"
                            " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_SEAL_COMMIT] = {"commit.alone",
                         "UPDATE sectors_sdr_pipeline SET commit_group = sector_number + 1"
                         " WHERE sp_id = $1 AND sector_number = $2"},
};

slk_err slk_look_begin(slk_look *ret_look, slk_task *task, slk_error *error)
{
    slk_look *l = ret_look;
    l->task = task;
    l->seal = task->seal;
    l->chain = &slk_seal_get_ops(l->seal)->chain;
    SLK_TRY(slk_client_row_read(&l->row, l->seal, task->sp_id, task->number, error));
    SLK_TRY(slk_seal_parse_cids(&l->comm, &l->row.completion, error));
    void *ctx = l->chain->ctx;
    SLK_TRY(slk_seal_network_read(&l->net, l->seal, error));
    SLK_TRY(l->chain->head(ctx, &l->head, error));
    SLK_TRY(l->chain->precommit_info(ctx, &l->precommit, task->sp_id, task->number, error));
    return l->chain->sector_info(ctx, &l->sector, task->sp_id, task->number, error);
}

bool slk_look_is_ours(const slk_look *l)
{
    return l->precommit.found && memcmp(l->precommit.comm_r, l->comm.comm_r, 32) == 0 &&
           l->precommit.ticket_epoch == l->row.completion.ticket_epoch &&
           l->precommit.seal_proof == l->row.sector.seal_proof;
}

int64_t slk_look_again_ms(const slk_look *l)
{
    int64_t ms = slk_seal_get_options(l->seal)->chain_poll_ms;
    if (ms <= 0)
        ms = l->net.epoch_ms / 4;
    return ms < 100 ? 100 : ms;
}

int64_t slk_look_precommit_epoch(const slk_look *l)
{
    return slk_look_is_ours(l) ? l->precommit.precommit_epoch : l->row.precommit_epoch;
}

int64_t slk_look_epochs_left(const slk_look *l, slk_seal_message_kind kind)
{
    return kind == SLK_SEAL_PRECOMMIT
               ? l->row.completion.ticket_epoch + l->net.ticket_max_age_epochs - l->head
               : slk_look_precommit_epoch(l) + l->net.max_prove_commit_epochs - l->head;
}

slk_chain_output *slk_chain_output_new(slk_task *task)
{
    slk_free(task->output);
    task->output = slk_calloc(1, sizeof(slk_chain_output));
    return task->output;
}

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory");
}

slk_err slk_look_sector_on_chain(slk_look *l, slk_error *error)
{
    if (memcmp(l->sector.comm_r, l->comm.comm_r, 32) != 0) {
        slk_task_give_up(l->task, "number-taken");
        return slk_fail(error, SLK_E_INVAL, "the chain has another sector with this number");
    }
    /* After a reorg that drops it another C1 is needed, from a provider that has not cleaned up. */
    if (l->head < l->sector.activation + SLK_MESSAGE_CONFIDENCE)
        return slk_task_wait(l->task, slk_look_again_ms(l),
                             "activated at epoch %ld, the head is %ld: a reorg may undo it",
                             (long)l->sector.activation, (long)l->head);
    slk_chain_output *out = slk_chain_output_new(l->task);
    if (!out)
        return no_memory(error);
    memcpy(out->pledge, l->sector.pledge, sizeof out->pledge);
    l->task->event = SLK_EV_ON_CHAIN;
    slk_task_note(l->task, "activated at epoch %ld", (long)l->sector.activation);
    return SLK_OK;
}

slk_err slk_look_number_taken(slk_look *l, slk_error *error)
{
    slk_task_give_up(l->task, "number-taken");
    return slk_fail(error, SLK_E_INVAL, "the chain has another pre-commit with this number");
}

slk_err slk_look_precommitted(slk_look *l, slk_error *error)
{
    slk_chain_output *out = slk_chain_output_new(l->task);
    if (!out)
        return no_memory(error);
    out->precommit = l->precommit;
    l->task->event = SLK_EV_PRECOMMITTED;
    slk_task_note(l->task, "in epoch %ld", (long)l->precommit.precommit_epoch);
    return SLK_OK;
}

slk_err slk_look_check_sends(slk_look *l, int64_t tries, slk_seal_message_kind kind,
                             slk_error *error)
{
    if (tries < SENDS_MAX)
        return SLK_OK;
    slk_task_give_up(l->task, "too-many-messages");
    return slk_fail(error, SLK_E_INVAL, "%ld %s messages were sent for this sector", (long)tries,
                    slk_seal_message_kind_name(kind));
}

slk_err slk_look_ticket_expired(slk_look *l, slk_error *error)
{
    char why[SLK_SEAL_REASON_CHARS];
    (void)snprintf(why, sizeof why, "the ticket is of epoch %ld, the head is %ld",
                   (long)l->row.completion.ticket_epoch, (long)l->head);
    /* Nothing was sent, nor may have been: another replica may take its place. */
    if (!slk_client_may_have_deposit(&l->row) && l->row.precommit_tries == 0)
        return slk_client_replace(l->task, &l->row, "failed", "ticket-expired", why, error);
    slk_task_give_up(l->task, "ticket-expired");
    return slk_fail(error, SLK_E_INVAL, "%s", why);
}

slk_err slk_look_commit_expired(slk_look *l, slk_error *error)
{
    slk_task_give_up(l->task, "commit-expired");
    return slk_fail(error, SLK_E_INVAL,
                    "the pre-commit is of epoch %ld, the head is %ld: the deposit is lost",
                    (long)slk_look_precommit_epoch(l), (long)l->head);
}

bool slk_look_worth_resending(int64_t exit_code)
{
    return exit_code == SLK_CHAIN_EXIT_INSUFFICIENT_FUNDS ||
           exit_code == SLK_CHAIN_EXIT_OUT_OF_GAS || exit_code == SLK_CHAIN_EXIT_NO_FUNDS;
}

slk_err slk_look_take(slk_look *l, slk_event event, const char *why)
{
    l->task->event = event;
    slk_task_note(l->task, "%s", why);
    return SLK_OK;
}

slk_err slk_look_go_alone(slk_look *l, slk_event event, slk_error *error)
{
    slk_chain_output *out = slk_chain_output_new(l->task);
    if (!out)
        return no_memory(error);
    out->alone = true;
    return slk_look_take(l, event,
                         "the message for several sectors was refused: this one goes alone");
}

/* ---- what files are kept for ---- */

/* Until it is known to have failed, or that another took its nonce, a message may give the chain the
 * sector: also one that has landed, as long as the chain's record is not seen. */
static slk_err may_count(bool *ret_may, slk_seal *seal, const char *uuid, uint64_t number,
                         slk_error *error)
{
    SLK_CLEANUP(slk_batch_done) slk_batch batch = {0};
    slk_seal_landing landing = {.kind = SLK_SEAL_PENDING};
    *ret_may = false;
    if (!uuid[0])
        return SLK_OK;
    SLK_TRY(slk_batch_read(&batch, seal, uuid, error));
    if (batch.cid[0])
        SLK_TRY(slk_batch_search(&landing, &batch, seal, error));
    const bool failed =
        landing.kind == SLK_SEAL_LANDED && slk_batch_exit_of(&batch, &landing, number) != 0;
    *ret_may = !failed && landing.kind != SLK_SEAL_REPLACED;
    return SLK_OK;
}

slk_err slk_client_chain_counts(const char **ret_what, slk_seal *seal, const slk_client_row *row,
                                slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(seal)->chain;
    const uint64_t sp_id = row->sector.sp_id, number = row->sector.number;
    slk_seal_precommit_info precommit = {0};
    slk_seal_sector_info sector = {0}, later = {0};
    slk_seal_network net;
    int64_t head;
    bool precommits = false, commits = false;
    if (!chain->precommit_info)
        return slk_fail(error, SLK_E_UNREACHABLE,
                        "no chain is configured to ask whether it has the sector");
    SLK_TRY(slk_seal_network_read(&net, seal, error));
    SLK_TRY(chain->head(chain->ctx, &head, error));
    /* The record moves from the pre-commits to the sectors: it is not missed in between. */
    SLK_TRY(chain->sector_info(chain->ctx, &sector, sp_id, number, error));
    SLK_TRY(chain->precommit_info(chain->ctx, &precommit, sp_id, number, error));
    SLK_TRY(chain->sector_info(chain->ctx, &later, sp_id, number, error));
    *ret_what = sector.found || later.found ? "the sector"
                : precommit.found           ? "its pre-commit"
                                            : NULL;
    if (*ret_what)
        return SLK_OK;
    SLK_TRY(may_count(&precommits, seal, row->precommit_uuid, number, error));
    SLK_TRY(may_count(&commits, seal, row->commit_uuid, number, error));
    if (precommits || commits)
        *ret_what = "a message about it on its way";
    return SLK_OK;
}

/* ---- what the steps leave in the row ---- */

static slk_err save_text(slk_task *task, slk_db *db, const slk_sql *sql, const char *text,
                         slk_error *error)
{
    return slk_sql_run(db, sql,
                       SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number), slk_arg_t(text)),
                       NULL, error);
}

static slk_err save_precommit_sent(slk_task *task, slk_db *db, slk_error *error)
{
    const slk_chain_output *out = task->output;
    return save_text(task, db, &save_precommit_cid, out->cid, error);
}

static slk_err save_commit_sent(slk_task *task, slk_db *db, slk_error *error)
{
    const slk_chain_output *out = task->output;
    return save_text(task, db, &save_commit_cid, out->cid, error);
}

static slk_err save_on_chain(slk_task *task, slk_db *db, slk_error *error)
{
    const slk_chain_output *out = task->output;
    return save_text(task, db, &save_pledge, out->pledge, error);
}

static slk_err save_precommitted(slk_task *task, slk_db *db, slk_error *error)
{
    const slk_seal_precommit_info *info = &((const slk_chain_output *)task->output)->precommit;
    return slk_sql_run(db, &save_found,
                       SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number),
                                slk_arg_i(info->precommit_epoch), slk_arg_i(info->expiration),
                                slk_arg_t(info->deposit)),
                       NULL, error);
}

static slk_err save_seeded(slk_task *task, slk_db *db, slk_error *error)
{
    const slk_chain_output *out = task->output;
    SLK_TRY(save_precommitted(task, db, error));
    return slk_sql_run(db, &save_seed,
                       SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number),
                                slk_arg_i(out->seed_epoch), slk_arg_b(out->seed, 32)),
                       NULL, error);
}

static slk_err save_again(slk_task *task, slk_db *db, slk_error *error)
{
    const slk_chain_output *out = task->output;
    if (!out || !out->alone)
        return SLK_OK;
    const bool commit = task->event == SLK_EV_COMMIT_AGAIN;
    return slk_sql_run(db, &set_alone[commit ? SLK_SEAL_COMMIT : SLK_SEAL_PRECOMMIT],
                       SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number)), NULL, error);
}

slk_err slk_step_client_chain_save(slk_task *task, slk_db *db, slk_error *error)
{
    static const struct {
        slk_event event;
        slk_err (*save)(slk_task *task, slk_db *db, slk_error *error);
    } rows[] = {
        {SLK_EV_PRECOMMIT_SENT, save_precommit_sent},
        {SLK_EV_COMMIT_SENT, save_commit_sent},
        {SLK_EV_PRECOMMITTED, save_precommitted},
        {SLK_EV_SEEDED, save_seeded},
        {SLK_EV_ON_CHAIN, save_on_chain},
        {SLK_EV_PRECOMMIT_AGAIN, save_again},
        {SLK_EV_COMMIT_AGAIN, save_again},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].event == task->event)
            return rows[i].save(task, db, error);
    return SLK_OK;
}
