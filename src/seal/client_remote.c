/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client's steps against its provider: poll, fetch, verify, C1, release. */
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "db/args.h"
#include "seal/arrival.h"
#include "seal/client_side_impl.h"
#include "seal/seal_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const slk_sql set_remote = {
    "poll.remote",
    "UPDATE rseal_client_pipeline SET remote_state = $3, remote_stage = $4,"
    " remote_done = $5, remote_moved_ms = $6 WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql replica_is_gone = {
    "fetch.anew", "UPDATE rseal_client_pipeline SET replica_anew = 0 WHERE sp_id = $1"
                  " AND sector_number = $2"};
static const slk_sql c1_is_gone = {"c1.anew",
                                   "UPDATE sectors_sdr_pipeline SET c1_anew = 0 WHERE sp_id = $1"
                                   " AND sector_number = $2"};

/* The provider has lied or failed us in a way that must not be repeated: it gets no new orders,
 * and the sector goes elsewhere or fails with this reason. */
static slk_err liar(slk_side *s, const char *reason, const char *why, slk_error *error)
{
    SLK_TRY(slk_client_distrust(s->seal, s->row.provider_id, why, error));
    char text[SLK_SEAL_REASON_CHARS];
    (void)snprintf(text, sizeof text, "%.200s; the provider gets no new orders", why);
    return slk_client_replace(s->task, &s->row, "lied", reason, text, error);
}

/* ---- poll ---- */

/* What a poll found out, for its save. */
struct polled {
    slk_seal_completion completion;
    bool has_lease; /* how long it is kept was said */
    int64_t lease_left_ms;
};

static slk_err poll_complete(slk_side *s, const slk_seal_status *status, slk_error *error)
{
    struct polled *out = slk_calloc(1, sizeof *out);
    s->task->output = out;
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_seal_commitments comm;
    if (!status->has_completion || slk_seal_parse_cids(&comm, &status->completion, error) != SLK_OK)
        return liar(s, "bad-completion", "the provider says complete without proper CIDs or ticket",
                    error);
    out->completion = status->completion;
    out->has_lease = status->lease_until_ms > 0;
    out->lease_left_ms = status->lease_left_ms;
    s->task->event = SLK_EV_SEALED;
    slk_task_note(s->task, "CommR %s", out->completion.tree_r_cid);
    return SLK_OK;
}

/* Whether the provider says more than ever before: another state, another stage of it, or more of that
 * stage. Less of it is work begun anew, and no stage at all a pause: neither is progress. */
static bool has_moved(const slk_client_row *row, const slk_seal_status *status)
{
    if (row->remote_moved_ms == 0 ||
        strcmp(row->remote_state, slk_seal_remote_state_name(status->state)) != 0)
        return true;
    if (status->stage[0] == '\0')
        return false;
    return strcmp(row->remote_stage, status->stage) != 0 || status->stage_done > row->remote_done;
}

/* Notes what is new in the provider's answer; *ret_still_ms: for how long nothing was. */
static slk_err note_remote(int64_t *ret_still_ms, slk_side *s, const slk_seal_status *status,
                           slk_error *error)
{
    const slk_client_row *row = &s->row;
    const char *name = slk_seal_remote_state_name(status->state);
    if (!has_moved(row, status)) {
        *ret_still_ms = slk_seal_age(s->seal, row->remote_moved_ms);
        return SLK_OK;
    }
    *ret_still_ms = 0;
    return slk_sql_run(slk_seal_db(s->seal), &set_remote,
                       SLK_ARGS(slk_arg_u(s->task->sp_id), slk_arg_u(s->task->number),
                                slk_arg_t(name), slk_arg_t(status->stage),
                                slk_arg_i(status->stage_done), slk_arg_i(slk_seal_now(s->seal))),
                       NULL, error);
}

static void describe(char *out, size_t size, const slk_seal_status *status)
{
    const char *name = slk_seal_remote_state_name(status->state);
    if (status->stage[0] == '\0')
        (void)snprintf(out, size, "%s", name);
    else if (status->stage_total <= 0)
        (void)snprintf(out, size, "%s, %s", name, status->stage);
    else
        (void)snprintf(out, size, "%s, %s, %" PRId64 " of %" PRId64, name, status->stage,
                       status->stage_done, status->stage_total);
}

static slk_err poll_under_way(slk_side *s, const slk_seal_status *status, slk_error *error)
{
    int64_t still_ms;
    char says[80];
    describe(says, sizeof says, status);
    SLK_TRY(note_remote(&still_ms, s, status, error));
    bool moved = false;
    SLK_TRY(slk_client_leave_stalled(&moved, s->task, &s->row, still_ms, says, error));
    if (moved)
        return SLK_OK;
    return slk_task_wait(s->task, slk_seal_get_options(s->seal)->poll_ms, "the provider says: %s",
                         says);
}

/* A provider that does not answer makes no progress either; one that has nothing but nonsense to say is
 * left in the end. */
static slk_err poll_failed(slk_side *s, slk_err code, slk_error *error)
{
    bool moved = false;
    char why[SLK_SEAL_REASON_CHARS];
    (void)snprintf(why, sizeof why, "%s", slk_error_text(error, code));
    int64_t since = s->row.remote_moved_ms > 0 ? s->row.remote_moved_ms : s->row.state_ms;
    if (slk_seal_verdict_of(code) == SLK_SEAL_WAIT && code != SLK_E_CANCELED)
        SLK_TRY(slk_client_leave_stalled(&moved, s->task, &s->row, slk_seal_age(s->seal, since),
                                         why, error));
    if (slk_seal_verdict_of(code) == SLK_SEAL_RETRY && s->task->last_attempt)
        return slk_client_replace(s->task, &s->row, "failed", "poll", why, error);
    return moved ? SLK_OK : code;
}

slk_err slk_step_client_poll(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(slk_side_done) slk_side s = {0};
    SLK_TRY(slk_side_begin(&s, task, error));
    const slk_seal_peer *peer = &slk_seal_get_ops(s.seal)->peer;
    slk_seal_status status = {0};
    char why[SLK_SEAL_REASON_CHARS];
    slk_err code = peer->status(peer->ctx, &status, &s.to, &s.row.sector, error);
    if (code != SLK_OK)
        return poll_failed(&s, code, error);
    switch (status.state) {
    case SLK_SEAL_REMOTE_COMPLETE:
        return poll_complete(&s, &status, error);
    case SLK_SEAL_REMOTE_FAILED:
        (void)snprintf(why, sizeof why, "the provider failed: %.200s",
                       status.fail_reason[0] ? status.fail_reason : "no reason given");
        return slk_client_replace(task, &s.row, "failed", "provider-failed", why, error);
    case SLK_SEAL_REMOTE_GONE:
        return slk_client_replace(task, &s.row, "failed", "provider-gone",
                                  "the provider does not know the sector any more", error);
    case SLK_SEAL_REMOTE_PENDING:
    case SLK_SEAL_REMOTE_SDR:
    case SLK_SEAL_REMOTE_TREES:
        return poll_under_way(&s, &status, error);
    case SLK_SEAL_REMOTE_STATE_COUNT:
        break;
    }
    return slk_fail(error, SLK_E_PROTO, "the provider's state is unknown");
}

slk_err slk_step_client_poll_save(slk_task *task, slk_db *db, slk_error *error)
{
    slk_seal_sector sector = {task->sp_id, task->number, 0};
    if (task->event != SLK_EV_SEALED)
        return SLK_OK;
    const struct polled *p = task->output;
    SLK_TRY(slk_client_store_completion(db, &sector, &p->completion, error));
    if (!p->has_lease)
        return SLK_OK;
    return slk_client_store_lease(db, task->seal, task->sp_id, task->number, p->lease_left_ms,
                                  error);
}

/* ---- fetch and verify ---- */

/* What can be refuted before a byte is fetched: CommD of an empty sector, a ticket of our chain
 * that, unless a pre-commit was sent, is still young enough for one. False claims end in SLK_OK, too,
 * when the sector goes elsewhere: the task's event is then the reorder. */
static slk_err check_claims(slk_side *s, slk_error *error)
{
    s->task->event = SLK_EVENT_COUNT;
    const slk_seal_ops *ops = slk_seal_get_ops(s->seal);
    uint8_t zero_comm_d[32], ticket[32];
    SLK_TRY(ops->prover.zero_comm_d(ops->prover.ctx, zero_comm_d, s->row.sector.seal_proof, error));
    if (memcmp(zero_comm_d, s->comm.comm_d, 32) != 0)
        return liar(s, "wrong-comm-d", "the provider's CommD is not that of an empty sector",
                    error);
    slk_seal_network net;
    int64_t head, epoch = s->row.completion.ticket_epoch;
    SLK_TRY(slk_seal_network_read(&net, s->seal, error));
    SLK_TRY(ops->chain.head(ops->chain.ctx, &head, error));
    const bool too_old = epoch < head - net.ticket_max_age_epochs;
    if (too_old && !slk_client_may_have_deposit(&s->row)) {
        char why[SLK_SEAL_REASON_CHARS];
        (void)snprintf(why, sizeof why, "the ticket is of epoch %ld, the head is %ld", (long)epoch,
                       (long)head);
        return slk_client_replace(s->task, &s->row, "failed", "ticket-expired", why, error);
    }
    if (epoch > head && s->task->last_attempt)
        return liar(s, "wrong-ticket", "the provider's ticket is from the future", error);
    if (epoch > head) { /* our node may be the one that is behind: not yet a lie */
        slk_task_reason(s->task, "wrong-ticket");
        return slk_fail(error, SLK_E_PROTO, "the provider's ticket is from the future");
    }
    SLK_TRY(ops->chain.ticket(ops->chain.ctx, ticket, s->task->sp_id, epoch, error));
    if (memcmp(ticket, s->row.completion.ticket, 32) != 0)
        return liar(s, "wrong-ticket", "the provider's ticket is not the chain's", error);
    return SLK_OK;
}

/* What lies there from another provider, or was found wrong, is not used again. */
static slk_err drop_replica(slk_side *s, slk_error *error)
{
    const slk_seal_peer *peer = &slk_seal_get_ops(s->seal)->peer;
    if (!s->row.replica_anew)
        return SLK_OK;
    SLK_TRY(peer->forget(peer->ctx, &s->paths, error));
    SLK_TRY(slk_remove_tree_durable(s->store.sealed, error));
    SLK_TRY(slk_remove_tree_durable(s->store.cache, error));
    return slk_sql_run(slk_seal_db(s->seal), &replica_is_gone,
                       SLK_ARGS(slk_arg_u(s->task->sp_id), slk_arg_u(s->task->number)), NULL,
                       error);
}

/* One that cannot be reached for so long, or fails for good, is left for another; our own disk or
 * an operator's stop is no reason for that. */
static slk_err peer_failed(slk_side *s, slk_err code, const char *reason, slk_error *error)
{
    bool moved = false;
    char why[SLK_SEAL_REASON_CHARS];
    (void)snprintf(why, sizeof why, "%.200s", slk_error_text(error, code));
    if (code == SLK_E_UNREACHABLE || code == SLK_E_TIMEOUT || code == SLK_E_AUTH)
        SLK_TRY(slk_client_leave_stalled(&moved, s->task, &s->row,
                                         slk_seal_age(s->seal, s->row.state_ms), why, error));
    bool theirs = code == SLK_E_NOTFOUND || code == SLK_E_PROTO || code == SLK_E_CORRUPT;
    if (!theirs || !s->task->last_attempt)
        return moved ? SLK_OK : code;
    return slk_client_replace(s->task, &s->row, "failed", reason, why, error);
}

/* Blocks that the peer's own manifest refutes have been fetched several times when fetch says so;
 * after a second round of that they were not damaged on their way. */
static slk_err fetch_failed(slk_side *s, slk_err code, slk_error *error)
{
    char why[SLK_SEAL_REASON_CHARS];
    (void)snprintf(why, sizeof why, "%.200s", slk_error_text(error, code));
    if (code == SLK_E_CORRUPT && s->task->attempts >= 1)
        return liar(s, "replica-damaged", why, error);
    return peer_failed(s, code, "fetch", error);
}

slk_err slk_step_client_fetch(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(slk_side_done) slk_side s = {0};
    SLK_TRY(slk_side_begin(&s, task, error));
    SLK_TRY(slk_side_take_files(&s, error));
    SLK_TRY(check_claims(&s, error));
    if (task->event == SLK_EV_REORDER)
        return SLK_OK;
    SLK_TRY(drop_replica(&s, error));
    const slk_seal_ops *ops = slk_seal_get_ops(s.seal);
    uint64_t bytes = 0;
    SLK_TRY(ops->prover.sector_bytes(ops->prover.ctx, &bytes, s.row.sector.seal_proof, error));
    slk_arrival arrival;
    slk_arrival_begin(&arrival, s.seal, &s.row.sector, &s.comm, s.row.completion.ticket, &s.paths,
                      &task->job);
    slk_err code = ops->peer.fetch(ops->peer.ctx, &s.to, &s.row.sector, bytes, &s.comm, &s.paths,
                                   &arrival.gate, &task->job, error);
    slk_arrival_end(&arrival, code == SLK_OK);
    if (code != SLK_OK)
        return fetch_failed(&s, code, error);
    SLK_TRY(slk_seal_crash_point(s.seal, "fetch.done", error));
    task->event = SLK_EV_FETCHED;
    slk_task_note(task, "%lu bytes", (unsigned long)bytes);
    return SLK_OK;
}

/* The first wrong replica may have been damaged on its way or here: it is fetched once more. */
static slk_err wrong_replica(slk_side *s, const char *why, slk_error *error)
{
    if (s->row.refetches > 0)
        return liar(s, "replica-invalid", why, error);
    s->task->event = SLK_EV_REFETCH;
    slk_task_note(s->task, "%.200s: it is fetched again", why);
    return SLK_OK;
}

/* The provider's C1 for that seed, to path, and whether it verifies. */
static slk_err get_c1(slk_side *s, int64_t seed_epoch, const uint8_t seed[32], const char *path,
                      bool *ret_valid, char *why, slk_error *error)
{
    const slk_seal_ops *ops = slk_seal_get_ops(s->seal);
    SLK_TRY(ops->peer.commit1(ops->peer.ctx, &s->to, &s->row.sector, seed_epoch, seed, path,
                              &s->task->job, error));
    return ops->prover.verify_c1(ops->prover.ctx, ret_valid, why, &s->row.sector, &s->comm,
                                 s->row.completion.ticket, seed, path, &s->task->job, error);
}

static slk_err fetch_trial(slk_side *s, const char *path, bool *ret_valid, char *why,
                           slk_error *error)
{
    uint8_t seed[32];
    slk_rng_fill(seed, sizeof seed);
    seed[31] &= 0x3f; /* as all randomness of the chain that ends in a proof */
    SLK_TRY(slk_folder_make(s->scratch.c1, 0755, error));
    return get_c1(s, 0, seed, path, ret_valid, why, error);
}

/* Only who has the labels of this very replica can make a vanilla proof for a seed nobody foresaw: it
 * is asked for while there is no deposit yet. Not of providers that drop the labels after a C1.
 * *ret_good false: the task's event says where the sector goes. */
static slk_err try_c1(slk_side *s, bool *ret_good, slk_error *error)
{
    const slk_seal_peer *peer = &slk_seal_get_ops(s->seal)->peer;
    bool repeats = false, valid = true;
    char why[SLK_SEAL_REASON_CHARS] = "";
    *ret_good = true;
    if (!slk_seal_get_options(s->seal)->trial_c1 || slk_client_may_have_deposit(&s->row))
        return SLK_OK;
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s/trial", s->scratch.c1);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_err code = peer->repeats_c1(peer->ctx, &repeats, &s->to, error);
    if (code == SLK_OK && repeats)
        code = fetch_trial(s, path, &valid, why, error);
    if (!slk_seal_is_dead(s->seal))
        (void)unlink(path);
    *ret_good = code == SLK_OK && valid;
    if (code != SLK_OK)
        return peer_failed(s, code, "trial-c1", error);
    if (*ret_good)
        return SLK_OK;
    if (s->task->attempts < 2) /* a cut body looks the same as a lie: ask again first */
        return slk_fail(error, SLK_E_CORRUPT, "the provider's trial C1 does not verify: %s", why);
    return liar(s, "c1-invalid", why[0] ? why : "the provider's trial C1 does not verify", error);
}

slk_err slk_step_client_verify(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(slk_side_done) slk_side s = {0};
    SLK_TRY(slk_side_begin(&s, task, error));
    SLK_TRY(slk_side_take_files(&s, error));
    SLK_TRY(check_claims(&s, error));
    if (task->event == SLK_EV_REORDER)
        return SLK_OK;
    bool good;
    SLK_TRY(try_c1(&s, &good, error));
    if (!good)
        return SLK_OK;
    const slk_seal_prover *prover = &slk_seal_get_ops(s.seal)->prover;
    bool valid = slk_arrival_was_valid(s.seal, &s.row.sector, &s.comm);
    char why[SLK_SEAL_REASON_CHARS] = "";
    if (valid)
        slk_task_note(task, "checked while it arrived");
    else
        SLK_TRY(prover->check_replica(prover->ctx, &valid, why, &s.row.sector, &s.comm,
                                      s.row.completion.ticket, &s.paths, NULL, &task->job, error));
    if (!valid)
        return wrong_replica(&s, why[0] ? why : "the replica is not what was promised", error);
    task->event = SLK_EV_VERIFIED;
    return SLK_OK;
}

/* ---- C1 ---- */

/* Nonsense instead of C1, as often as we ask, goes on the provider's record. */
static slk_err c1_failed(slk_side *s, slk_err code, slk_error *error)
{
    if (code != SLK_E_PROTO || !s->task->last_attempt)
        return code;
    const slk_error said = *error;
    SLK_TRY(
        slk_client_note_outcome(s->seal, &s->row, "failed", slk_error_text(&said, code), error));
    *error = said;
    return code;
}

static slk_err fetch_c1(slk_side *s, const char *temp, slk_error *error)
{
    bool valid = false;
    char why[SLK_SEAL_REASON_CHARS] = "";
    const slk_err code = get_c1(s, s->row.seed_epoch, s->row.seed, temp, &valid, why, error);
    if (code != SLK_OK)
        return c1_failed(s, code, error);
    if (valid)
        return SLK_OK;
    if (s->task->attempts < 2) /* a cut body looks the same as a lie: ask again first */
        return slk_fail(error, SLK_E_CORRUPT, "the provider's C1 does not verify: %s", why);
    /* The deposit is on chain: no other provider can help, so the sector stays with this one. */
    const char *text = why[0] ? why : "the provider's C1 does not verify";
    SLK_TRY(slk_client_distrust(s->seal, s->row.provider_id, text, error));
    SLK_TRY(slk_client_note_outcome(s->seal, &s->row, "lied", text, error));
    slk_task_give_up(s->task, "c1-invalid");
    return slk_fail(error, SLK_E_PROTO, "%s; the provider gets no new orders", text);
}

static slk_err drop_c1(slk_side *s, const char *path, slk_error *error)
{
    if (!s->row.c1_anew)
        return SLK_OK;
    SLK_TRY(slk_remove_tree_durable(path, error));
    return slk_sql_run(slk_seal_db(s->seal), &c1_is_gone,
                       SLK_ARGS(slk_arg_u(s->task->sp_id), slk_arg_u(s->task->number)), NULL,
                       error);
}

slk_err slk_step_client_c1(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(slk_side_done) slk_side s = {0};
    SLK_TRY(slk_side_begin(&s, task, error));
    if (!s.row.has_seed)
        return slk_fail(error, SLK_E_INTERNAL, "a seeded sector has no seed");
    SLK_CLEANUP(slk_freep) char *path = slk_seal_c1_path(&s.scratch, s.row.seed);
    SLK_CLEANUP(slk_freep) char *temp = path ? slk_strf("%s.tmp", path) : NULL;
    if (!temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(drop_c1(&s, path, error));
    task->event = SLK_EV_VANILLA;
    if (slk_file_exists(path)) /* under its final name it was verified */
        return slk_file_sync_folder_of(path, error);
    SLK_TRY(slk_folder_make(s.scratch.c1, 0755, error));
    slk_err code = fetch_c1(&s, temp, error);
    if (code != SLK_OK && !slk_seal_is_dead(s.seal))
        (void)unlink(temp);
    if (code != SLK_OK)
        return slk_client_check_deadline(task, &s.row, code, error);
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_file_open_rw(&fd, temp, error));
    SLK_TRY(slk_file_sync(fd, temp, error));
    SLK_TRY(slk_seal_crash_point(s.seal, "c1.fetched", error));
    return slk_file_rename_durable(temp, path, error);
}

/* ---- release ---- */

/* A sector that was given up leaves no files here, unless the chain counts on them. */
static slk_err remove_canceled(slk_side *s, slk_error *error)
{
    const char *what;
    SLK_TRY(slk_client_chain_counts(&what, s->seal, &s->row, error));
    if (what) {
        slk_task_note(s->task, "the chain has %s: its files stay", what);
        return SLK_OK;
    }
    const slk_seal_peer *peer = &slk_seal_get_ops(s->seal)->peer;
    SLK_TRY(peer->forget(peer->ctx, &s->paths, error));
    SLK_TRY(slk_remove_tree_durable(s->store.cache, error));
    return slk_remove_tree_durable(s->store.sealed, error);
}

/* A provider that has forgotten the sector is a provider that has cleaned up. */
static slk_err tell_release(slk_side *s, slk_error *error)
{
    const slk_seal_peer *peer = &slk_seal_get_ops(s->seal)->peer;
    slk_err code = SLK_OK;
    if (s->row.state == SLK_CS_PROVING)
        code = peer->finalize(peer->ctx, &s->to, &s->row.sector, error);
    if (code == SLK_OK)
        code = peer->cleanup(peer->ctx, &s->to, &s->row.sector, error);
    return code == SLK_E_NOTFOUND ? SLK_OK : code;
}

/* The finished sector is handed to a miner: the token must not go with it. */
static slk_err forget_c1_url(const slk_side *s, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(s->store.cache, SLK_SEAL_C1_URL_FILE);
    return path ? slk_remove_tree_durable(path, error)
                : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

slk_err slk_step_client_release(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(slk_side_done) slk_side s = {0};
    SLK_TRY(slk_side_begin(&s, task, error));
    s.has_files = slk_seal_files_try(s.seal, SLK_PIPELINE_CLIENT, task->sp_id, task->number);
    if (!s.has_files)
        return slk_task_wait(task, SLK_TASK_FILES_WAIT_MS, "the files are in use");
    if (s.row.has_provider)
        SLK_TRY(tell_release(&s, error));
    if (s.row.cancel_requested)
        SLK_TRY(remove_canceled(&s, error));
    SLK_TRY(forget_c1_url(&s, error));
    SLK_TRY(slk_remove_tree_durable(s.scratch.c1, error));
    task->event = SLK_EV_RELEASED;
    return SLK_OK;
}
