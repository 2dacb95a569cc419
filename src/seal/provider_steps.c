/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the provider does for an ordered sector: ticket, SDR, trees, notify, finalize, cleanup. */
#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/cid.h"
#include "db/args.h"
#include "fil/commcid.h"
#include "seal/disk.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Epochs outside this are no epochs of any chain we can meet (a thousand years of 30 s). */
#define EPOCH_BOUND INT64_C(1000000000)

static const slk_sql save_ticket = {
    "provider.save_ticket",
    "UPDATE rseal_provider_pipeline SET ticket_epoch = $3, ticket_value = $4, ticket_source = $5,"
    " started_ms = $6 WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql save_trees = {
    "provider.save_trees",
    "UPDATE rseal_provider_pipeline SET tree_d_cid = $3, tree_r_cid = $4, cleanup_timeout = $5,"
    " sealed_ms = $6, reserved_bytes = $7 WHERE sp_id = $1 AND sector_number = $2"};

/* ---- ticket ---- */

struct ticket_output {
    uint8_t ticket[32];
    int64_t epoch;
    const char *source;
};

/* A ticket decides what is sealed for hours: it must at least look like one, and when the clients
 * live on our chain it must be that chain's. */
static slk_err check_ticket(slk_task *task, const struct ticket_output *t, slk_error *error)
{
    const slk_seal_ops *ops = slk_seal_get_ops(task->seal);
    if (slk_bytes_all_zero(t->ticket, 32) || t->epoch < -EPOCH_BOUND || t->epoch > EPOCH_BOUND)
        return slk_fail(error, SLK_E_PROTO, "the client's ticket is none (epoch %ld)",
                        (long)t->epoch);
    if (!slk_seal_get_options(task->seal)->clients_on_our_chain || !ops->chain.head)
        return SLK_OK;
    int64_t head;
    slk_seal_network net;
    SLK_TRY(slk_seal_network_read(&net, task->seal, error));
    SLK_TRY(ops->chain.head(ops->chain.ctx, &head, error));
    if (t->epoch > head || t->epoch < head - net.ticket_max_age_epochs)
        return slk_fail(error, SLK_E_PROTO, "the client's ticket is of epoch %ld, the head is %ld",
                        (long)t->epoch, (long)head);
    uint8_t ours[32];
    SLK_TRY(ops->chain.ticket(ops->chain.ctx, ours, task->sp_id, t->epoch, error));
    if (memcmp(ours, t->ticket, 32) != 0)
        return slk_fail(error, SLK_E_PROTO, "the client's ticket of epoch %ld is not the chain's",
                        (long)t->epoch);
    return SLK_OK;
}

static slk_err ticket_from_client(struct ticket_output *t, slk_task *task,
                                  const slk_provider_row *row, slk_error *error)
{
    const slk_seal_peer *peer = &slk_seal_get_ops(task->seal)->peer;
    if (row->partner_url[0] == '\0')
        return slk_fail(error, SLK_E_UNREACHABLE, "the partner has no address");
    SLK_TRY(peer->ticket(peer->ctx, t->ticket, &t->epoch, row->partner_url, task->sp_id, error));
    t->source = "client";
    return check_ticket(task, t, error);
}

static slk_err ticket_from_chain(struct ticket_output *t, slk_task *task, slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(task->seal)->chain;
    if (!chain->head)
        return slk_fail(error, SLK_E_UNREACHABLE, "this node has no chain of its own");
    slk_seal_network net;
    int64_t head;
    SLK_TRY(slk_seal_network_read(&net, task->seal, error));
    SLK_TRY(chain->head(chain->ctx, &head, error));
    t->epoch = head - net.ticket_lookback_epochs;
    t->source = "own chain";
    return chain->ticket(chain->ctx, t->ticket, task->sp_id, t->epoch, error);
}

slk_err slk_step_provider_ticket(slk_task *task, slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_provider_row_read(&row, task->seal, task->sp_id, task->number, error));
    struct ticket_output *t = slk_calloc(1, sizeof *t);
    task->output = t;
    if (!t)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_error own = {0};
    slk_err code = ticket_from_client(t, task, &row, error);
    if (code != SLK_OK && code != SLK_E_CANCELED && ticket_from_chain(t, task, &own) == SLK_OK) {
        slk_log(SLK_LOG_WARN, "ticket.own", "sector=f0%lu/%lu why=\"%s\"",
                (unsigned long)task->sp_id, (unsigned long)task->number,
                slk_error_text(error, code));
        code = SLK_OK;
    }
    SLK_TRY(code);
    task->event = SLK_EV_TICKETED;
    slk_task_note(task, "ticket of epoch %ld from %s", (long)t->epoch, t->source);
    return SLK_OK;
}

slk_err slk_step_provider_ticket_save(slk_task *task, slk_db *db, slk_error *error)
{
    const struct ticket_output *t = task->output;
    SLK_TRY(slk_provider_share_charge(db, task->sp_id, task->number, error));
    return slk_sql_run(db, &save_ticket,
                       SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number),
                                slk_arg_i(t->epoch), slk_arg_b(t->ticket, 32), slk_arg_t(t->source),
                                slk_arg_i(slk_seal_now(task->seal))),
                       NULL, error);
}

/* ---- SDR and trees ---- */

/* What a step that works on the sector's files needs; work_done gives all of it back. */
struct work {
    slk_task *task;
    bool entered;
    slk_provider_row row;
    slk_seal_places places;
    slk_seal_paths paths;
};

static void work_done(struct work *w)
{
    if (w->entered)
        slk_seal_files_leave(w->task->seal, SLK_PIPELINE_PROVIDER, w->task->sp_id, w->task->number);
    slk_seal_places_done(&w->places);
}

/* wait: until nobody else has the sector's files; else SLK_E_BUSY while somebody has. */
static slk_err work_begin(struct work *w, slk_task *task, bool wait, slk_error *error)
{
    w->task = task;
    slk_seal *seal = task->seal;
    SLK_TRY(slk_seal_places_of(&w->places, slk_seal_get_options(seal)->scratch_folder, task->sp_id,
                               task->number, error));
    w->paths = (slk_seal_paths){w->places.sealed, w->places.cache};
    if (wait)
        SLK_TRY(slk_seal_files_enter(seal, SLK_PIPELINE_PROVIDER, task->sp_id, task->number,
                                     &task->job, error));
    else if (!slk_seal_files_try(seal, SLK_PIPELINE_PROVIDER, task->sp_id, task->number))
        return slk_fail(error, SLK_E_BUSY, "the files are in use");
    w->entered = true;
    SLK_TRY(slk_task_check_ours(task, error));
    return slk_provider_row_read(&w->row, seal, task->sp_id, task->number, error);
}

static slk_err sdr_begin(struct work *w, slk_task *task, bool wait, slk_error *error)
{
    SLK_TRY(work_begin(w, task, wait, error));
    if (!w->row.has_ticket)
        return slk_fail(error, SLK_E_INTERNAL, "a ticketed sector has no ticket");
    SLK_TRY(slk_disk_check(task->seal, task->sp_id, task->number, error));
    return slk_folder_make(w->paths.cache, 0755, error);
}

static slk_err sdr_end(const struct work *w, slk_error *error)
{
    SLK_TRY(slk_disk_shrink(w->task->seal, w->task->sp_id, w->task->number, error));
    w->task->event = SLK_EV_LABELED;
    return SLK_OK;
}

slk_err slk_step_provider_sdr(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(work_done) struct work w = {0};
    SLK_TRY(sdr_begin(&w, task, true, error));
    const slk_seal_prover *prover = &slk_seal_get_ops(task->seal)->prover;
    SLK_TRY(prover->pc1(prover->ctx, &w.row.sector, w.row.ticket, &w.paths, &task->job, error));
    return sdr_end(&w, error);
}

/* ---- SDR of several sectors ---- */

struct sdr_batch {
    slk_task_ended *ended;
    void *context;
    struct work work[SLK_SEAL_BATCH_MAX];
    size_t index[SLK_SEAL_BATCH_MAX]; /* of its task */
    slk_seal_lane lane[SLK_SEAL_BATCH_MAX];
    size_t n; /* that could begin */
};

/* Its files are free before its task ends: whoever cleans up waits for them. */
static void lane_ended(void *context, size_t i, slk_err code, const slk_error *error)
{
    struct sdr_batch *b = context;
    slk_error own = {0};
    if (code == SLK_OK) {
        code = sdr_end(&b->work[i], &own);
        error = &own;
    }
    work_done(&b->work[i]);
    b->ended(b->context, b->index[i], code, error);
}

static void batch_begin(struct sdr_batch *b, slk_task *const *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct work *w = &b->work[b->n];
        slk_error error = {0};
        *w = (struct work){0};
        const slk_err code = sdr_begin(w, tasks[i], false, &error);
        if (code != SLK_OK) {
            work_done(w);
            b->ended(b->context, i, code, &error);
            continue;
        }
        slk_task_note(tasks[i], "with %zu others", n - 1);
        b->lane[b->n] = (slk_seal_lane){&w->row.sector, w->row.ticket, w->paths, &tasks[i]->job};
        b->index[b->n++] = i;
    }
}

void slk_step_provider_sdr_many(slk_task *const *tasks, size_t n, slk_task_ended *ended,
                                void *context)
{
    const slk_seal_prover *prover = &slk_seal_get_ops(tasks[0]->seal)->prover;
    struct sdr_batch *b = slk_calloc(1, sizeof *b);
    slk_error error = {0};
    if (!b || !prover->pc1_batch) {
        const slk_err code =
            b ? slk_fail(&error, SLK_E_UNSUPPORTED, "sectors are labelled one at a time here")
              : slk_fail(&error, SLK_E_NOMEM, "out of memory");
        slk_free(b);
        for (size_t i = 0; i < n; i++)
            ended(context, i, code, &error);
        return;
    }
    b->ended = ended;
    b->context = context;
    batch_begin(b, tasks, n);
    if (b->n > 0)
        prover->pc1_batch(prover->ctx, b->lane, b->n, lane_ended, b);
    slk_free(b);
}

struct trees_output {
    int64_t seal_proof;
    char tree_d_cid[SLK_CID_TEXT_CHARS];
    char tree_r_cid[SLK_CID_TEXT_CHARS];
};

static slk_err print_cids(struct trees_output *out, const slk_seal_commitments *comm,
                          slk_error *error)
{
    if (!slk_comm_d_in_range(comm->comm_d) || !slk_comm_r_in_range(comm->comm_r))
        return slk_fail(error, SLK_E_INTERNAL, "the prover's commitments are out of range");
    slk_cid cid;
    slk_comm_d_cid(&cid, comm->comm_d);
    slk_cid_print(out->tree_d_cid, &cid);
    slk_comm_r_cid(&cid, comm->comm_r);
    slk_cid_print(out->tree_r_cid, &cid);
    return SLK_OK;
}

slk_err slk_step_provider_trees(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(work_done) struct work w = {0};
    SLK_TRY(work_begin(&w, task, true, error));
    const slk_seal_prover *prover = &slk_seal_get_ops(task->seal)->prover;
    slk_seal_commitments comm;
    uint8_t zero_comm_d[32];
    SLK_TRY(prover->zero_comm_d(prover->ctx, zero_comm_d, w.row.sector.seal_proof, error));
    slk_err code = prover->pc2(prover->ctx, &comm, &w.row.sector, &w.paths, &task->job, error);
    /* Whatever of the labels is damaged or gone: labelling makes it again. */
    const bool lacking = code == SLK_E_CORRUPT || code == SLK_E_NOTFOUND;
    struct trees_output *out = slk_calloc(1, sizeof *out);
    task->output = out;
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    out->seal_proof = w.row.sector.seal_proof;
    bool may = false;
    if (lacking)
        SLK_TRY(slk_provider_may_relabel(&may, task->seal, task->sp_id, task->number, NULL));
    if (may) {
        task->event = SLK_EV_RELABEL;
        slk_task_note(task, "%s", slk_error_text(error, code));
        return SLK_OK;
    }
    SLK_TRY(code);
    if (memcmp(comm.comm_d, zero_comm_d, 32) != 0)
        return slk_fail(error, SLK_E_INTERNAL, "CommD is not that of an empty sector");
    SLK_TRY(print_cids(out, &comm, error));
    if (*w.row.completion.tree_r_cid && strcmp(w.row.completion.tree_r_cid, out->tree_r_cid) != 0)
        return slk_fail(error, SLK_E_INTERNAL,
                        "the replica was %s before its layers were lost, and is %s now",
                        w.row.completion.tree_r_cid, out->tree_r_cid);
    task->event = SLK_EV_TREES_DONE;
    slk_task_note(task, "CommR %s", out->tree_r_cid);
    return SLK_OK;
}

slk_err slk_step_provider_trees_save(slk_task *task, slk_db *db, slk_error *error)
{
    const struct trees_output *out = task->output;
    if (task->event == SLK_EV_RELABEL)
        return slk_provider_reserve_labels(db, task->sp_id, task->number, out->seal_proof, error);
    const int64_t now = slk_seal_now(task->seal);
    const int64_t until =
        slk_seal_lived(task->seal) + slk_seal_get_options(task->seal)->cleanup_timeout_ms;
    return slk_sql_run(db, &save_trees,
                       SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number),
                                slk_arg_t(out->tree_d_cid), slk_arg_t(out->tree_r_cid),
                                slk_arg_i(until), slk_arg_i(now),
                                slk_arg_u(slk_disk_c1_bytes(out->seal_proof))),
                       NULL, error);
}

/* ---- telling the client ---- */

slk_err slk_step_provider_notify(slk_task *task, slk_error *error)
{
    slk_provider_row row;
    SLK_TRY(slk_provider_row_read(&row, task->seal, task->sp_id, task->number, error));
    task->event = SLK_EV_NOTIFIED;
    if (row.partner_url[0] == '\0') {
        slk_task_note(task, "the partner has no address: its poll will find out");
        return SLK_OK;
    }
    SLK_CLEANUP(slk_seal_token_done) slk_seal_token token = {0};
    SLK_TRY(slk_seal_token_open(&token, task->seal, row.partner_token, error));
    const slk_seal_peer *peer = &slk_seal_get_ops(task->seal)->peer;
    slk_seal_remote to = {row.partner_url, slk_buf_str(&token.text)};
    return peer->complete(peer->ctx, &to, &row.sector, &row.completion, error);
}

/* ---- giving disk back ---- */

slk_err slk_step_provider_finalize(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(work_done) struct work w = {0};
    SLK_TRY(work_begin(&w, task, true, error));
    if (w.row.cleanup_requested)
        return slk_fail(error, SLK_E_CANCELED, "the sector is being cleaned up");
    const slk_seal_prover *prover = &slk_seal_get_ops(task->seal)->prover;
    SLK_TRY(prover->finalise(prover->ctx, &w.row.sector, &w.paths, &task->job, error));
    task->event = SLK_EV_FINALIZED;
    return SLK_OK;
}

/* What begins with the file's name and a dot: of work that ended before its time. */
static slk_err remove_beside(const char *path, slk_error *error)
{
    const char *name = strrchr(path, '/') + 1;
    SLK_CLEANUP(slk_freep) char *folder = slk_strf("%.*s", (int)(name - path), path);
    if (!folder)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    DIR *dir = opendir(folder);
    if (!dir)
        return errno == ENOENT ? SLK_OK : slk_fail_errno(error, errno, "cannot read %s", folder);
    slk_err code = SLK_OK;
    const size_t n = strlen(name);
    for (const struct dirent *e; code == SLK_OK && (e = readdir(dir)) != NULL;) {
        if (strncmp(e->d_name, name, n) != 0 || e->d_name[n] != '.')
            continue;
        SLK_CLEANUP(slk_freep) char *beside = slk_strf("%s%s", folder, e->d_name);
        code = beside ? slk_remove_tree_durable(beside, error)
                      : slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    (void)closedir(dir);
    return code;
}

slk_err slk_step_provider_cleanup(slk_task *task, slk_error *error)
{
    slk_seal *seal = task->seal;
    if (!slk_seal_files_try(seal, SLK_PIPELINE_PROVIDER, task->sp_id, task->number))
        return slk_task_wait(task, SLK_TASK_FILES_WAIT_MS, "the files are in use");
    struct work w = {.task = task, .entered = true};
    slk_err code = slk_seal_places_of(&w.places, slk_seal_get_options(seal)->scratch_folder,
                                      task->sp_id, task->number, error);
    if (code == SLK_OK)
        code = slk_remove_tree_durable(w.places.c1, error);
    if (code == SLK_OK)
        code = slk_remove_tree_durable(w.places.cache, error);
    if (code == SLK_OK)
        code = remove_beside(w.places.cache, error);
    if (code == SLK_OK)
        code = remove_beside(w.places.sealed, error);
    if (code == SLK_OK)
        code = slk_seal_crash_point(seal, "provider.half_clean", error);
    if (code == SLK_OK)
        code = slk_remove_tree_durable(w.places.sealed, error);
    work_done(&w);
    task->event = SLK_EV_CLEANED;
    return code;
}
