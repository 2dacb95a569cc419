/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client's steps against the chain: pre-commit, seed, SNARK, commit.
 *
 * Every step looks at the chain before it acts, so that whatever a crash, a reorg or another
 * operator's tool has done meanwhile is found, not fought. source: reference/chain 1.8, 1.9 */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "fil/actor.h"
#include "seal/rows_impl.h"
#include "seal/sql_impl.h"

#include <stdio.h>
#include <string.h>

#define EXIT_INSUFFICIENT_FUNDS 6
#define EXIT_OUT_OF_GAS 7
#define EXIT_ILLEGAL_ARGUMENT 16
#define EXIT_NOT_FOUND 17
#define EXIT_FORBIDDEN 18
#define EXIT_NO_FUNDS 19
/* Messages of one kind sent for one sector before a person should look. */
#define SENDS_MAX 10
#define SIGNED_MESSAGE_MAX (256u * 1024u)

/* Only while the sector is wanted: an operator who gives it up meanwhile comes first or not at all. */
static const slk_sql set_precommit_uuid = {
    "precommit.uuid",
    "UPDATE sectors_sdr_pipeline SET precommit_uuid = $3 WHERE sp_id = $1 AND sector_number = $2"
    " AND precommit_uuid IS NULL AND EXISTS (SELECT 1 FROM rseal_client_pipeline c"
    " WHERE c.sp_id = $1 AND c.sector_number = $2 AND c.state = 'verified' AND c.failed = 0)"};
static const slk_sql set_commit_uuid = {
    "commit.uuid", "UPDATE sectors_sdr_pipeline SET commit_uuid = $3 WHERE sp_id = $1"
                   " AND sector_number = $2 AND commit_uuid IS NULL"};
static const slk_sql save_precommit = {"precommit.save",
                                       "UPDATE sectors_sdr_pipeline SET precommit_msg_cid = $3,"
                                       " precommit_signed_msg = $4, precommit_expiration = $5"
                                       " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql save_commit = {"commit.save",
                                    "UPDATE sectors_sdr_pipeline SET commit_msg_cid = $3,"
                                    " commit_signed_msg = $4 WHERE sp_id = $1"
                                    " AND sector_number = $2"};
static const slk_sql save_found = {
    "precommit.found", "UPDATE sectors_sdr_pipeline SET precommit_epoch = $3,"
                       " precommit_expiration = $4 WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql save_seed = {
    "seed.save", "UPDATE sectors_sdr_pipeline SET precommit_epoch = $3, precommit_expiration = $4,"
                 " seed_epoch = $5, seed_value = $6 WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql save_proof = {"porep.save", "UPDATE sectors_sdr_pipeline SET porep_proof = $3"
                                                 " WHERE sp_id = $1 AND sector_number = $2"};

/* ---- what the chain knows of the sector ---- */

struct view {
    slk_task *task;
    slk_seal *seal;
    const slk_seal_ops *ops;
    const slk_seal_chain *chain;
    slk_client_row row;
    slk_seal_commitments comm;
    slk_seal_network net;
    int64_t head;
    slk_seal_precommit_info precommit;
    slk_seal_sector_info sector;
};

/* What a step hands to its save function. */
struct chain_output {
    slk_seal_sent sent;
    slk_seal_precommit_info precommit;
    int64_t seed_epoch;
    uint8_t seed[32];
};

static slk_err view_begin(struct view *v, slk_task *task, slk_error *error)
{
    v->task = task;
    v->seal = task->seal;
    v->ops = slk_seal_get_ops(v->seal);
    v->chain = &v->ops->chain;
    SLK_TRY(slk_client_row_read(&v->row, v->seal, task->sp_id, task->number, error));
    SLK_TRY(slk_seal_parse_cids(&v->comm, &v->row.completion, error));
    void *ctx = v->chain->ctx;
    SLK_TRY(v->chain->network(ctx, &v->net, error));
    SLK_TRY(v->chain->head(ctx, &v->head, error));
    SLK_TRY(v->chain->precommit_info(ctx, &v->precommit, task->sp_id, task->number, error));
    return v->chain->sector_info(ctx, &v->sector, task->sp_id, task->number, error);
}

static bool is_ours(const struct view *v)
{
    return v->precommit.found && memcmp(v->precommit.comm_r, v->comm.comm_r, 32) == 0 &&
           v->precommit.ticket_epoch == v->row.completion.ticket_epoch &&
           v->precommit.seal_proof == v->row.sector.seal_proof;
}

/* How long until the chain can have changed. */
static int64_t look_again_ms(const struct view *v)
{
    int64_t ms = slk_seal_get_options(v->seal)->chain_poll_ms;
    if (ms <= 0)
        ms = v->net.epoch_ms / 4;
    return ms < 100 ? 100 : ms;
}

static void chain_output_done(void *output)
{
    struct chain_output *out = output;
    slk_seal_sent_done(&out->sent);
}

static struct chain_output *new_output(slk_task *task)
{
    task->output = slk_calloc(1, sizeof(struct chain_output));
    task->output_done = chain_output_done;
    return task->output;
}

/* The chain has a sector of this number: ours, and all is done; or not, and the number is lost. */
static slk_err sector_on_chain(struct view *v, slk_error *error)
{
    if (memcmp(v->sector.comm_r, v->comm.comm_r, 32) != 0) {
        slk_task_give_up(v->task, "number-taken");
        return slk_fail(error, SLK_E_INVAL, "the chain has another sector with this number");
    }
    v->task->event = SLK_EV_ON_CHAIN;
    slk_task_note(v->task, "activated at epoch %ld", (long)v->sector.activation);
    return SLK_OK;
}

static slk_err number_taken(struct view *v, slk_error *error)
{
    slk_task_give_up(v->task, "number-taken");
    return slk_fail(error, SLK_E_INVAL, "the chain has another pre-commit with this number");
}

/* Our pre-commit is on chain: note where. */
static slk_err precommit_on_chain(struct view *v, slk_error *error)
{
    struct chain_output *out = new_output(v->task);
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    out->precommit = v->precommit;
    v->task->event = SLK_EV_PRECOMMITTED;
    slk_task_note(v->task, "in epoch %ld", (long)v->precommit.precommit_epoch);
    return SLK_OK;
}

static slk_err check_sends(struct view *v, int64_t tries, const char *what, slk_error *error)
{
    if (tries < SENDS_MAX)
        return SLK_OK;
    slk_task_give_up(v->task, "too-many-messages");
    return slk_fail(error, SLK_E_INVAL, "%ld %s messages were sent for this sector", (long)tries,
                    what);
}

static slk_err ticket_expired(struct view *v, slk_error *error)
{
    slk_task_give_up(v->task, "ticket-expired");
    return slk_fail(error, SLK_E_INVAL, "the ticket is of epoch %ld, the head is %ld",
                    (long)v->row.completion.ticket_epoch, (long)v->head);
}

static int64_t precommit_epoch(const struct view *v)
{
    return is_ours(v) ? v->precommit.precommit_epoch : v->row.precommit_epoch;
}

static slk_err commit_expired(struct view *v, slk_error *error)
{
    slk_task_give_up(v->task, "commit-expired");
    return slk_fail(error, SLK_E_INVAL,
                    "the pre-commit is of epoch %ld, the head is %ld: the deposit is lost",
                    (long)precommit_epoch(v), (long)v->head);
}

/* Keeps a uuid for the message about to be sent; the stored one when there is one. */
static slk_err keep_uuid(char uuid[40], struct view *v, const slk_sql *sql, slk_error *error)
{
    if (uuid[0])
        return SLK_OK;
    char fresh[37];
    slk_seal_uuid(fresh);
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(
        slk_seal_db(v->seal), sql,
        SLK_ARGS(slk_arg_u(v->task->sp_id), slk_arg_u(v->task->number), slk_arg_t(fresh)), &changes,
        error));
    if (changes != 1)
        return slk_fail(error, SLK_E_CONFLICT, "the sector moved meanwhile");
    memcpy(uuid, fresh, sizeof fresh);
    return SLK_OK;
}

/* ---- pre-commit ---- */

/* A deposit is only put on a ticket that no reorg can change: the proof is checked against the
 * chain's own. One that is younger than the lookback was not drawn as agreed, and is waited for. */
static slk_err ticket_is_final(bool *ret_final, struct view *v, slk_error *error)
{
    int64_t epoch = v->row.completion.ticket_epoch;
    uint8_t ticket[32];
    *ret_final = v->head >= epoch + v->net.ticket_lookback_epochs;
    if (!*ret_final)
        return slk_task_wait(v->task, look_again_ms(v),
                             "the ticket of epoch %ld is not final yet, the head is %ld",
                             (long)epoch, (long)v->head);
    SLK_TRY(v->chain->ticket(v->chain->ctx, ticket, v->task->sp_id, epoch, error));
    if (memcmp(ticket, v->row.completion.ticket, 32) == 0)
        return SLK_OK;
    slk_task_give_up(v->task, "wrong-ticket");
    return slk_fail(error, SLK_E_INVAL, "the ticket of epoch %ld is not (or no more) the chain's",
                    (long)epoch);
}

/* Legal for every legal pre-commit epoch. source: reference/chain 1.2 */
static int64_t expiration_of(const struct view *v)
{
    int64_t t = v->row.completion.ticket_epoch, duration = v->row.duration_epochs;
    if (duration <= 0 || duration > v->net.max_extension_epochs)
        duration = v->net.max_extension_epochs;
    int64_t least = v->net.ticket_max_age_epochs + v->net.max_prove_commit_epochs +
                    v->net.min_expiration_epochs;
    return t + (duration > least ? duration : least);
}

static slk_err send_precommit(struct view *v, slk_error *error)
{
    struct chain_output *out = new_output(v->task);
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(keep_uuid(v->row.precommit_uuid, v, &set_precommit_uuid, error));
    SLK_TRY(slk_seal_crash_point(v->seal, "precommit.uuid_kept", error));
    slk_seal_precommit p = {.sector = v->row.sector,
                            .ticket_epoch = v->row.completion.ticket_epoch,
                            .expiration = expiration_of(v),
                            .uuid = v->row.precommit_uuid};
    memcpy(p.comm_r, v->comm.comm_r, 32);
    SLK_TRY(v->chain->send_precommit(v->chain->ctx, &out->sent, &p, error));
    SLK_TRY(slk_seal_crash_point(v->seal, "precommit.pushed", error));
    out->precommit.expiration = p.expiration;
    v->task->event = SLK_EV_PRECOMMIT_SENT;
    slk_task_note(v->task, "message %s", out->sent.message_cid);
    return SLK_OK;
}

slk_err slk_step_client_precommit(slk_task *task, slk_error *error)
{
    struct view v = {0};
    SLK_TRY(view_begin(&v, task, error));
    if (v.sector.found)
        return sector_on_chain(&v, error);
    if (is_ours(&v))
        return precommit_on_chain(&v, error);
    if (v.precommit.found)
        return number_taken(&v, error);
    int64_t age = v.head - v.row.completion.ticket_epoch;
    /* With a uuid a message may be on its way already: only the chain's own limit counts then. */
    int64_t slack = v.row.precommit_uuid[0] ? 0 : slk_seal_get_options(v.seal)->ticket_slack_epochs;
    if (age > v.net.ticket_max_age_epochs - slack)
        return ticket_expired(&v, error);
    SLK_TRY(check_sends(&v, v.row.precommit_tries, "pre-commit", error));
    bool final = true;
    if (!v.row.precommit_uuid[0])
        SLK_TRY(ticket_is_final(&final, &v, error));
    return final ? send_precommit(&v, error) : SLK_OK;
}

static slk_err save_message(slk_task *task, slk_db *db, const slk_sql *sql, bool expiration,
                            slk_error *error)
{
    const struct chain_output *out = task->output;
    slk_arg args[] = {slk_arg_u(task->sp_id), slk_arg_u(task->number),
                      slk_arg_t(out->sent.message_cid), slk_arg_t(out->sent.signed_json),
                      slk_arg_i(out->precommit.expiration)};
    return slk_sql_run(db, sql, args, expiration ? 5 : 4, NULL, error);
}

static slk_err save_on_chain(slk_task *task, slk_db *db, slk_error *error)
{
    const struct chain_output *out = task->output;
    return slk_sql_run(db, &save_found,
                       SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number),
                                slk_arg_i(out->precommit.precommit_epoch),
                                slk_arg_i(out->precommit.expiration)),
                       NULL, error);
}

slk_err slk_step_client_precommit_save(slk_task *task, slk_db *db, slk_error *error)
{
    if (task->event == SLK_EV_PRECOMMITTED)
        return save_on_chain(task, db, error);
    if (task->event == SLK_EV_PRECOMMIT_SENT)
        return save_message(task, db, &save_precommit, true, error);
    return SLK_OK;
}

/* ---- landing ---- */

static bool worth_resending(int64_t exit_code)
{
    return exit_code == EXIT_INSUFFICIENT_FUNDS || exit_code == EXIT_OUT_OF_GAS ||
           exit_code == EXIT_NO_FUNDS;
}

/* The node has lost its mempool: give it the same bytes once more. */
static slk_err push_stored(struct view *v, bool commit, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf json;
    slk_buf_init(&json, SIGNED_MESSAGE_MAX);
    SLK_TRY(
        slk_client_signed_message(&json, v->seal, v->task->sp_id, v->task->number, commit, error));
    SLK_TRY(v->chain->push_again(v->chain->ctx, slk_buf_str(&json), error));
    return slk_task_wait(v->task, look_again_ms(v), "the node had lost the message: pushed again");
}

static slk_err send_again(struct view *v, slk_event event, const char *why)
{
    v->task->event = event;
    slk_task_note(v->task, "%s", why);
    return SLK_OK;
}

static slk_err precommit_landed(struct view *v, const slk_seal_landing *landing, slk_error *error)
{
    if (is_ours(v))
        return precommit_on_chain(v, error);
    if (v->sector.found)
        return sector_on_chain(v, error);
    if (v->precommit.found)
        return number_taken(v, error);
    if (landing->exit_code == 0)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "the pre-commit landed and the chain has no record of it");
    if (worth_resending(landing->exit_code))
        return send_again(v, SLK_EV_PRECOMMIT_AGAIN, "no funds or gas: it is sent again");
    v->task->give_up = true;
    (void)snprintf(v->task->failed_reason, sizeof v->task->failed_reason, "precommit-exit-%ld",
                   (long)landing->exit_code % 1000);
    return slk_fail(error, SLK_E_INVAL, "the pre-commit message ended with exit code %ld",
                    (long)landing->exit_code);
}

slk_err slk_step_client_precommit_wait(slk_task *task, slk_error *error)
{
    struct view v = {0};
    SLK_TRY(view_begin(&v, task, error));
    slk_seal_landing landing = {0};
    SLK_TRY(v.chain->search(v.chain->ctx, &landing, v.row.precommit_cid, error));
    switch (landing.kind) {
    case SLK_SEAL_LANDED:
        return precommit_landed(&v, &landing, error);
    case SLK_SEAL_REPLACED:
        if (is_ours(&v))
            return precommit_on_chain(&v, error);
        return send_again(&v, SLK_EV_PRECOMMIT_AGAIN, "another message took its nonce");
    case SLK_SEAL_PENDING:
    case SLK_SEAL_UNKNOWN:
        break;
    }
    /* Past this the actor refuses it, so it can only burn gas. */
    if (!v.precommit.found &&
        v.head - v.row.completion.ticket_epoch > v.net.ticket_max_age_epochs + 10)
        return ticket_expired(&v, error);
    if (landing.kind == SLK_SEAL_UNKNOWN)
        return push_stored(&v, false, error);
    return slk_task_wait(task, look_again_ms(&v), "waiting for the pre-commit to land");
}

/* ---- seed ---- */

/* A reorg dropped the record while the number is free and the ticket young: the message itself is
 * back in the pool, most likely. Only one that can never land is followed by another. */
static slk_err precommit_dropped(struct view *v, slk_error *error)
{
    slk_seal_landing landing = {.kind = SLK_SEAL_REPLACED};
    if (v->row.precommit_cid[0])
        SLK_TRY(v->chain->search(v->chain->ctx, &landing, v->row.precommit_cid, error));
    switch (landing.kind) {
    case SLK_SEAL_UNKNOWN:
        return push_stored(v, false, error);
    case SLK_SEAL_PENDING:
        return slk_task_wait(v->task, look_again_ms(v),
                             "a reorg dropped the pre-commit: waiting for it to land again");
    case SLK_SEAL_LANDED:
        if (landing.exit_code == 0) /* two nodes disagree, or the head is just moving */
            return slk_fail(error, SLK_E_NOTFOUND,
                            "the pre-commit landed and the chain has no record of it");
        break;
    case SLK_SEAL_REPLACED:
        break;
    }
    return send_again(v, SLK_EV_PRECOMMIT_AGAIN, "a reorg dropped the pre-commit");
}

/* The record we saw is gone: cleaned up, or reorganised away. */
static slk_err precommit_missing(struct view *v, slk_error *error)
{
    if (v->sector.found)
        return sector_on_chain(v, error);
    if (v->precommit.found)
        return number_taken(v, error);
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield taken = {0};
    SLK_TRY(v->chain->allocated(v->chain->ctx, &taken, v->task->sp_id, error));
    bool fresh = v->head - v->row.completion.ticket_epoch <= v->net.ticket_max_age_epochs;
    slk_task_reason(v->task, "precommit-lost");
    if (!slk_bitfield_has(&taken, v->task->number) && fresh && v->row.state == SLK_CS_PRECOMMITTED)
        return precommit_dropped(v, error);
    return slk_fail(error, SLK_E_NOTFOUND, "the pre-commit is no longer on chain");
}

slk_err slk_step_client_seed(slk_task *task, slk_error *error)
{
    struct view v = {0};
    SLK_TRY(view_begin(&v, task, error));
    if (!is_ours(&v))
        return precommit_missing(&v, error);
    int64_t seed_epoch = v.precommit.precommit_epoch + v.net.challenge_delay_epochs;
    int64_t ready = seed_epoch + slk_seal_get_options(v.seal)->seed_margin_epochs;
    if (v.head < ready) /* the chain's own pace decides, not a wall clock */
        return slk_task_wait(task, look_again_ms(&v),
                             "the seed comes in epoch %ld, the head is %ld", (long)seed_epoch,
                             (long)v.head);
    struct chain_output *out = new_output(task);
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(v.chain->seed(v.chain->ctx, out->seed, task->sp_id, seed_epoch, error));
    out->seed_epoch = seed_epoch;
    out->precommit = v.precommit;
    task->event = SLK_EV_SEEDED;
    slk_task_note(task, "seed of epoch %ld", (long)seed_epoch);
    return SLK_OK;
}

slk_err slk_step_client_seed_save(slk_task *task, slk_db *db, slk_error *error)
{
    const struct chain_output *out = task->output;
    if (task->event != SLK_EV_SEEDED)
        return SLK_OK;
    return slk_sql_run(db, &save_seed,
                       SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number),
                                slk_arg_i(out->precommit.precommit_epoch),
                                slk_arg_i(out->precommit.expiration), slk_arg_i(out->seed_epoch),
                                slk_arg_b(out->seed, 32)),
                       NULL, error);
}

/* ---- SNARK ---- */

slk_err slk_client_check_deadline(slk_task *task, const slk_client_row *row, slk_err code,
                                  slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(task->seal)->chain;
    slk_seal_network net;
    int64_t head = 0;
    if (code == SLK_OK || code == SLK_E_CANCELED || !row->has_precommit_epoch ||
        chain->network(chain->ctx, &net, NULL) != SLK_OK ||
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
        SLK_TRY(slk_remove_tree(path, error));
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

/* ---- commit ---- */

/* A reorg may have moved the pre-commit: the proof then answers a seed that is not asked. */
static slk_err seed_still_holds(bool *ret_holds, struct view *v, slk_error *error)
{
    int64_t epoch = v->precommit.precommit_epoch + v->net.challenge_delay_epochs;
    uint8_t seed[32];
    *ret_holds = false;
    if (epoch != v->row.seed_epoch)
        return SLK_OK;
    SLK_TRY(v->chain->seed(v->chain->ctx, seed, v->task->sp_id, epoch, error));
    *ret_holds = memcmp(seed, v->row.seed, 32) == 0;
    return SLK_OK;
}

static slk_err send_commit(struct view *v, slk_error *error)
{
    struct chain_output *out = new_output(v->task);
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(keep_uuid(v->row.commit_uuid, v, &set_commit_uuid, error));
    SLK_TRY(slk_seal_crash_point(v->seal, "commit.uuid_kept", error));
    slk_seal_commit c = {.sector = v->row.sector,
                         .proof = v->row.proof,
                         .proof_bytes = v->row.proof_bytes,
                         .expiration = v->precommit.expiration,
                         .uuid = v->row.commit_uuid};
    SLK_TRY(v->chain->send_commit(v->chain->ctx, &out->sent, &c, error));
    SLK_TRY(slk_seal_crash_point(v->seal, "commit.pushed", error));
    v->task->event = SLK_EV_COMMIT_SENT;
    slk_task_note(v->task, "message %s", out->sent.message_cid);
    return SLK_OK;
}

slk_err slk_step_client_commit(slk_task *task, slk_error *error)
{
    struct view v = {0};
    SLK_TRY(view_begin(&v, task, error));
    if (v.sector.found)
        return sector_on_chain(&v, error);
    if (!is_ours(&v))
        return precommit_missing(&v, error);
    if (v.head > v.precommit.precommit_epoch + v.net.max_prove_commit_epochs)
        return commit_expired(&v, error);
    SLK_TRY(check_sends(&v, v.row.commit_tries, "commit", error));
    bool holds;
    SLK_TRY(seed_still_holds(&holds, &v, error));
    if (!holds)
        return send_again(&v, SLK_EV_RESEED, "the pre-commit moved: a new seed is needed");
    return send_commit(&v, error);
}

slk_err slk_step_client_commit_save(slk_task *task, slk_db *db, slk_error *error)
{
    return task->event == SLK_EV_COMMIT_SENT ? save_message(task, db, &save_commit, false, error)
                                             : SLK_OK;
}

/* Exit code for our sector: of the message, or of the batch's single entry. */
static int64_t sector_exit(const slk_seal_landing *landing)
{
    if (landing->exit_code != 0 || landing->return_bytes == 0)
        return landing->exit_code;
    slk_batch_return batch = {0};
    if (slk_batch_return_decode(&batch, landing->return_value, landing->return_bytes, NULL) !=
        SLK_OK)
        return 0; /* the sector's own record decides */
    int64_t code = slk_batch_return_exit_of(&batch, 0);
    slk_batch_return_done(&batch);
    return code;
}

static slk_err commit_landed(struct view *v, const slk_seal_landing *landing, slk_error *error)
{
    if (v->sector.found)
        return sector_on_chain(v, error);
    int64_t code = sector_exit(landing);
    if (code == 0)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "the commit landed and the chain has no such sector");
    SLK_TRY(check_sends(v, v->row.commit_tries, "commit", error));
    if (worth_resending(code) || code == EXIT_FORBIDDEN)
        return send_again(v, SLK_EV_COMMIT_AGAIN, "it is sent again");
    if (code == EXIT_NOT_FOUND || !is_ours(v))
        return precommit_missing(v, error);
    if (v->head > v->precommit.precommit_epoch + v->net.max_prove_commit_epochs)
        return commit_expired(v, error);
    if (code == EXIT_ILLEGAL_ARGUMENT && v->row.commit_tries < 3)
        return send_again(v, SLK_EV_RESEED, "the chain refused the proof: it is made again");
    v->task->give_up = true;
    (void)snprintf(v->task->failed_reason, sizeof v->task->failed_reason, "commit-exit-%ld",
                   (long)code % 10000);
    return slk_fail(error, SLK_E_INVAL, "the commit message ended with exit code %ld", (long)code);
}

slk_err slk_step_client_commit_wait(slk_task *task, slk_error *error)
{
    struct view v = {0};
    SLK_TRY(view_begin(&v, task, error));
    slk_seal_landing landing = {0};
    SLK_TRY(v.chain->search(v.chain->ctx, &landing, v.row.commit_cid, error));
    switch (landing.kind) {
    case SLK_SEAL_LANDED:
        return commit_landed(&v, &landing, error);
    case SLK_SEAL_REPLACED:
        if (v.sector.found)
            return sector_on_chain(&v, error);
        return send_again(&v, SLK_EV_COMMIT_AGAIN, "another message took its nonce");
    case SLK_SEAL_UNKNOWN:
    case SLK_SEAL_PENDING:
        break;
    }
    /* Past this the actor refuses it: a message that never left the pool must not be waited for. */
    if (!v.sector.found && v.row.has_precommit_epoch &&
        v.head > precommit_epoch(&v) + v.net.max_prove_commit_epochs + 10)
        return commit_expired(&v, error);
    if (landing.kind == SLK_SEAL_UNKNOWN)
        return push_stored(&v, true, error);
    return slk_task_wait(task, look_again_ms(&v), "waiting for the commit to land");
}
