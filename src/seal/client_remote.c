/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client's steps against its provider: delegate, poll, fetch, verify, C1, release. */
#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"
#include "seal/sql_impl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Providers asked for one sector in one go. */
#define CHOICES_MAX 32u

static const slk_sql choose_providers = {
    "delegate.choose",
    "SELECT p.id FROM rseal_client_providers p WHERE p.sp_id = $1 AND p.enabled = 1"
    " ORDER BY (SELECT count(*) FROM rseal_client_pipeline c WHERE c.provider_id = p.id"
    " AND c.after_cleanup = 0), p.id"};
static const slk_sql read_provider = {
    "delegate.provider",
    "SELECT provider_url, provider_token FROM rseal_client_providers WHERE id = $1"};
static const slk_sql set_provider = {
    "delegate.set", "UPDATE rseal_client_pipeline SET provider_id = $3 WHERE sp_id = $1"
                    " AND sector_number = $2 AND state = 'new' AND provider_id IS NULL"};

/* ---- the row, its provider and its files, for the length of a run ---- */

struct side {
    slk_task *task;
    bool has_files; /* side_done lets others at them again */
    slk_seal *seal;
    slk_client_row row;
    slk_seal_token token;
    slk_seal_remote to;
    slk_seal_places store; /* in the storage folder */
    slk_seal_places scratch;
    slk_seal_paths paths;
    slk_seal_commitments comm;
};

static void side_done(struct side *s)
{
    if (s->has_files)
        slk_seal_files_leave(s->seal, SLK_PIPELINE_CLIENT, s->task->sp_id, s->task->number);
    slk_seal_token_done(&s->token);
    slk_seal_places_done(&s->store);
    slk_seal_places_done(&s->scratch);
}

/* Reads the row anew and opens the token of its provider, if it has one. */
static slk_err side_read(struct side *s, slk_error *error)
{
    slk_seal_token_done(&s->token);
    SLK_TRY(slk_client_row_read(&s->row, s->seal, s->task->sp_id, s->task->number, error));
    if (!s->row.has_provider)
        return SLK_OK;
    SLK_TRY(slk_seal_token_open(&s->token, s->seal, s->row.provider_token, error));
    s->to = (slk_seal_remote){s->row.provider_url, slk_buf_str(&s->token.text)};
    return SLK_OK;
}

static slk_err side_begin(struct side *s, slk_task *task, slk_error *error)
{
    s->task = task;
    s->seal = task->seal;
    const slk_seal_options *o = slk_seal_get_options(s->seal);
    SLK_TRY(slk_seal_places_of(&s->store, o->storage_folder, task->sp_id, task->number, error));
    SLK_TRY(slk_seal_places_of(&s->scratch, o->scratch_folder, task->sp_id, task->number, error));
    s->paths = (slk_seal_paths){s->store.sealed, s->store.cache};
    SLK_TRY(side_read(s, error));
    if (s->row.has_completion)
        return slk_seal_parse_cids(&s->comm, &s->row.completion, error);
    return SLK_OK;
}

/* For the steps that write or read the sector's files, against a release that removes them. */
static slk_err side_take_files(struct side *s, slk_error *error)
{
    SLK_TRY(slk_seal_files_enter(s->seal, SLK_PIPELINE_CLIENT, s->task->sp_id, s->task->number,
                                 &s->task->job, error));
    s->has_files = true;
    return SLK_OK;
}

/* The provider has lied or failed us in a way that must not be repeated: it gets no new orders,
 * and the sector fails with this reason. */
static slk_err liar(struct side *s, const char *reason, const char *why, slk_error *error)
{
    SLK_TRY(slk_client_distrust(s->seal, s->row.provider_id, why, error));
    slk_task_give_up(s->task, reason);
    return slk_fail(error, SLK_E_PROTO, "%s; the provider gets no new orders", why);
}

/* ---- delegate ---- */

static slk_err choices(int64_t *ids, size_t *ret_n, slk_seal *seal, uint64_t sp_id,
                       slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(
        slk_sql_open(&q, slk_seal_db(seal), &choose_providers, SLK_ARGS(slk_arg_u(sp_id)), error));
    bool row = true;
    size_t n = 0;
    while (n < CHOICES_MAX) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        ids[n++] = slk_column_i64(&q, 0);
    }
    *ret_n = n;
    return SLK_OK;
}

/* Notes whom we are about to ask, so that after a crash the same one is asked again: a sector is
 * never in the hands of two providers. */
static slk_err choose(struct side *s, int64_t provider_id, slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(
        slk_seal_db(s->seal), &set_provider,
        SLK_ARGS(slk_arg_u(s->task->sp_id), slk_arg_u(s->task->number), slk_arg_i(provider_id)),
        &changes, error));
    if (changes != 1)
        return slk_fail(error, SLK_E_CONFLICT, "the sector moved meanwhile");
    SLK_TRY(side_read(s, error));
    return slk_seal_crash_point(s->seal, "delegate.chosen", error);
}

static slk_err unchoose(struct side *s, const char *why, slk_error *error)
{
    slk_change change = slk_seal_change(s->seal, SLK_PIPELINE_CLIENT, s->task->sp_id,
                                        s->task->number, SLK_EV_REFUSED, "client.delegate", why);
    SLK_TRY(slk_seal_apply(s->seal, &change, error));
    return side_read(s, error);
}

/* Orders from the chosen provider. *ret_accepted false: refused, the row is free again. */
static slk_err order_from(bool *ret_accepted, struct side *s, const char *slot, slk_error *error)
{
    const slk_seal_peer *peer = &slk_seal_get_ops(s->seal)->peer;
    char reason[SLK_SEAL_REASON_CHARS] = "";
    slk_err code =
        peer->order(peer->ctx, ret_accepted, reason, &s->to, slot, &s->row.sector, error);
    if (code == SLK_E_AUTH) /* surely not accepted: another provider may be asked */
        return unchoose(s, slk_error_text(error, code), error);
    SLK_TRY(code);
    SLK_TRY(slk_seal_crash_point(s->seal, "delegate.answered", error));
    if (*ret_accepted) {
        s->task->event = SLK_EV_ORDERED;
        slk_task_note(s->task, "accepted by %s", s->row.provider_url);
        return SLK_OK;
    }
    slk_log(SLK_LOG_WARN, "order.refused", "sector=f0%lu/%lu why=\"%s\"",
            (unsigned long)s->task->sp_id, (unsigned long)s->task->number, reason);
    return unchoose(s, reason, error);
}

/* Asks a provider for a slot; one that cannot be asked has no room. Nothing is ordered by this, so
 * nothing need be remembered. */
static slk_err ask_for_room(bool *ret_available, char slot[33], struct side *s, int64_t provider_id,
                            slk_error *error)
{
    char url[512], wrapped[512];
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_row(&q, slk_seal_db(s->seal), &read_provider,
                            SLK_ARGS(slk_arg_i(provider_id)), "provider", error));
        slk_sql_copy_text(url, sizeof url, &q, 0);
        slk_sql_copy_text(wrapped, sizeof wrapped, &q, 1);
    }
    SLK_CLEANUP(slk_seal_token_done) slk_seal_token token = {0};
    SLK_TRY(slk_seal_token_open(&token, s->seal, wrapped, error));
    const slk_seal_peer *peer = &slk_seal_get_ops(s->seal)->peer;
    slk_seal_remote to = {url, slk_buf_str(&token.text)};
    slk_err code = peer->available(peer->ctx, ret_available, slot, &to, error);
    if (code == SLK_OK || code == SLK_E_CANCELED)
        return code;
    slk_log(SLK_LOG_WARN, "provider.unavailable", "provider=%ld why=\"%s\" next=\"asks another\"",
            (long)provider_id, slk_error_text(error, code));
    *ret_available = false;
    return SLK_OK;
}

static slk_err try_provider(bool *ret_accepted, struct side *s, int64_t provider_id,
                            slk_error *error)
{
    bool available = false;
    char slot[33] = "";
    SLK_TRY(ask_for_room(&available, slot, s, provider_id, error));
    if (!available)
        return SLK_OK;
    SLK_TRY(choose(s, provider_id, error));
    return order_from(ret_accepted, s, slot, error);
}

slk_err slk_step_client_delegate(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(side_done) struct side s = {0};
    SLK_TRY(side_begin(&s, task, error));
    bool accepted = false;
    if (s.row.has_provider) /* asked before: the answer was lost, ask the same again */
        SLK_TRY(order_from(&accepted, &s, "", error));
    int64_t ids[CHOICES_MAX];
    size_t n = 0;
    if (!accepted)
        SLK_TRY(choices(ids, &n, s.seal, task->sp_id, error));
    for (size_t i = 0; i < n && !accepted; i++)
        SLK_TRY(try_provider(&accepted, &s, ids[i], error));
    if (accepted)
        return SLK_OK;
    return slk_task_wait(task, 0,
                         n == 0 ? "the miner has no enabled provider" : "no provider has room now");
}

/* ---- poll ---- */

static slk_err poll_complete(struct side *s, const slk_seal_status *status, slk_error *error)
{
    slk_seal_completion *out = slk_calloc(1, sizeof *out);
    s->task->output = out;
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_seal_commitments comm;
    if (!status->has_completion || slk_seal_parse_cids(&comm, &status->completion, error) != SLK_OK)
        return liar(s, "bad-completion", "the provider says complete without proper CIDs or ticket",
                    error);
    *out = status->completion;
    s->task->event = SLK_EV_SEALED;
    slk_task_note(s->task, "CommR %s", out->tree_r_cid);
    return SLK_OK;
}

slk_err slk_step_client_poll(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(side_done) struct side s = {0};
    SLK_TRY(side_begin(&s, task, error));
    const slk_seal_peer *peer = &slk_seal_get_ops(s.seal)->peer;
    slk_seal_status status = {0};
    SLK_TRY(peer->status(peer->ctx, &status, &s.to, &s.row.sector, error));
    switch (status.state) {
    case SLK_SEAL_REMOTE_COMPLETE:
        return poll_complete(&s, &status, error);
    case SLK_SEAL_REMOTE_FAILED:
        slk_task_give_up(task, "provider-failed");
        return slk_fail(error, SLK_E_PROTO, "the provider failed: %s",
                        status.fail_reason[0] ? status.fail_reason : "no reason given");
    case SLK_SEAL_REMOTE_GONE:
        slk_task_give_up(task, "provider-gone");
        return slk_fail(error, SLK_E_PROTO, "the provider does not know the sector any more");
    case SLK_SEAL_REMOTE_PENDING:
    case SLK_SEAL_REMOTE_SDR:
    case SLK_SEAL_REMOTE_TREES:
        return slk_task_wait(task, slk_seal_get_options(s.seal)->poll_ms, "the provider says: %s",
                             slk_seal_remote_state_name(status.state));
    case SLK_SEAL_REMOTE_STATE_COUNT:
        break;
    }
    return slk_fail(error, SLK_E_PROTO, "the provider's state is unknown");
}

slk_err slk_step_client_poll_save(slk_task *task, slk_db *db, slk_error *error)
{
    slk_seal_sector sector = {task->sp_id, task->number, 0};
    return slk_client_store_completion(db, &sector, task->output, error);
}

/* ---- fetch and verify ---- */

/* What can be refuted before a byte is fetched: CommD of an empty sector, a ticket of our chain
 * that is still young enough. */
static slk_err check_claims(struct side *s, slk_error *error)
{
    const slk_seal_ops *ops = slk_seal_get_ops(s->seal);
    uint8_t zero_comm_d[32], ticket[32];
    SLK_TRY(ops->prover.zero_comm_d(ops->prover.ctx, zero_comm_d, s->row.sector.seal_proof, error));
    if (memcmp(zero_comm_d, s->comm.comm_d, 32) != 0)
        return liar(s, "wrong-comm-d", "the provider's CommD is not that of an empty sector",
                    error);
    slk_seal_network net;
    int64_t head, epoch = s->row.completion.ticket_epoch;
    SLK_TRY(ops->chain.network(ops->chain.ctx, &net, error));
    SLK_TRY(ops->chain.head(ops->chain.ctx, &head, error));
    if (head - epoch > net.ticket_max_age_epochs) {
        slk_task_give_up(s->task, "ticket-expired");
        return slk_fail(error, SLK_E_INVAL, "the ticket is of epoch %ld, the head is %ld",
                        (long)epoch, (long)head);
    }
    if (epoch > head) { /* our node may be the one that is behind: not yet a lie */
        slk_task_reason(s->task, "wrong-ticket");
        return slk_fail(error, SLK_E_PROTO, "the provider's ticket is from the future");
    }
    SLK_TRY(ops->chain.ticket(ops->chain.ctx, ticket, s->task->sp_id, epoch, error));
    if (memcmp(ticket, s->row.completion.ticket, 32) != 0)
        return liar(s, "wrong-ticket", "the provider's ticket is not the chain's", error);
    return SLK_OK;
}

slk_err slk_step_client_fetch(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(side_done) struct side s = {0};
    SLK_TRY(side_begin(&s, task, error));
    SLK_TRY(side_take_files(&s, error));
    SLK_TRY(check_claims(&s, error));
    const slk_seal_ops *ops = slk_seal_get_ops(s.seal);
    uint64_t bytes = 0;
    SLK_TRY(ops->prover.sector_bytes(ops->prover.ctx, &bytes, s.row.sector.seal_proof, error));
    SLK_TRY(
        ops->peer.fetch(ops->peer.ctx, &s.to, &s.row.sector, bytes, &s.paths, &task->job, error));
    SLK_TRY(slk_seal_crash_point(s.seal, "fetch.done", error));
    task->event = SLK_EV_FETCHED;
    slk_task_note(task, "%lu bytes", (unsigned long)bytes);
    return SLK_OK;
}

slk_err slk_step_client_verify(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(side_done) struct side s = {0};
    SLK_TRY(side_begin(&s, task, error));
    SLK_TRY(side_take_files(&s, error));
    SLK_TRY(check_claims(&s, error));
    const slk_seal_prover *prover = &slk_seal_get_ops(s.seal)->prover;
    bool valid = false;
    char why[SLK_SEAL_REASON_CHARS] = "";
    SLK_TRY(prover->check_replica(prover->ctx, &valid, why, &s.row.sector, &s.comm, &s.paths,
                                  &task->job, error));
    if (!valid)
        return liar(&s, "replica-invalid", why[0] ? why : "the replica is not what was promised",
                    error);
    task->event = SLK_EV_VERIFIED;
    return SLK_OK;
}

/* ---- C1 ---- */

static slk_err fetch_c1(struct side *s, const char *temp, slk_error *error)
{
    const slk_seal_ops *ops = slk_seal_get_ops(s->seal);
    const slk_client_row *row = &s->row;
    SLK_TRY(ops->peer.commit1(ops->peer.ctx, &s->to, &row->sector, row->seed_epoch, row->seed, temp,
                              &s->task->job, error));
    bool valid = false;
    char why[SLK_SEAL_REASON_CHARS] = "";
    SLK_TRY(ops->prover.verify_c1(ops->prover.ctx, &valid, why, &row->sector, &s->comm,
                                  row->completion.ticket, row->seed, temp, &s->task->job, error));
    if (valid)
        return SLK_OK;
    if (s->task->attempts < 2) /* a cut body looks the same as a lie: ask again first */
        return slk_fail(error, SLK_E_CORRUPT, "the provider's C1 does not verify: %s", why);
    return liar(s, "c1-invalid", why[0] ? why : "the provider's C1 does not verify", error);
}

slk_err slk_step_client_c1(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(side_done) struct side s = {0};
    SLK_TRY(side_begin(&s, task, error));
    if (!s.row.has_seed)
        return slk_fail(error, SLK_E_INTERNAL, "a seeded sector has no seed");
    SLK_CLEANUP(slk_freep) char *path = slk_seal_c1_path(&s.scratch, s.row.seed);
    SLK_CLEANUP(slk_freep) char *temp = path ? slk_strf("%s.tmp", path) : NULL;
    if (!temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    task->event = SLK_EV_VANILLA;
    if (slk_file_exists(path)) /* under its final name it was verified */
        return SLK_OK;
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
static slk_err remove_abandoned(struct side *s, slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(s->seal)->chain;
    slk_seal_precommit_info precommit = {0};
    slk_seal_sector_info sector = {0};
    SLK_TRY(chain->precommit_info(chain->ctx, &precommit, s->task->sp_id, s->task->number, error));
    SLK_TRY(chain->sector_info(chain->ctx, &sector, s->task->sp_id, s->task->number, error));
    if (precommit.found || sector.found) {
        slk_task_note(s->task, "the chain knows the sector: its files stay");
        return SLK_OK;
    }
    const slk_seal_peer *peer = &slk_seal_get_ops(s->seal)->peer;
    SLK_TRY(peer->forget(peer->ctx, &s->paths, error));
    SLK_TRY(slk_remove_tree(s->store.cache, error));
    return slk_remove_tree(s->store.sealed, error);
}

/* A provider that has forgotten the sector is a provider that has cleaned up. */
static slk_err tell_release(struct side *s, slk_error *error)
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
static slk_err forget_c1_url(const struct side *s, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(s->store.cache, SLK_SEAL_C1_URL_FILE);
    return path ? slk_remove_tree(path, error) : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

slk_err slk_step_client_release(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(side_done) struct side s = {0};
    SLK_TRY(side_begin(&s, task, error));
    s.has_files = slk_seal_files_try(s.seal, SLK_PIPELINE_CLIENT, task->sp_id, task->number);
    if (!s.has_files) /* a fetch that was told to stop has not stopped yet */
        return slk_task_wait(task, 200, "the files are in use");
    if (s.row.has_provider)
        SLK_TRY(tell_release(&s, error));
    if (s.row.abandon_requested)
        SLK_TRY(remove_abandoned(&s, error));
    SLK_TRY(forget_c1_url(&s, error));
    SLK_TRY(slk_remove_tree(s.scratch.c1, error));
    task->event = SLK_EV_RELEASED;
    return SLK_OK;
}
