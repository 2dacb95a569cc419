/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/compute.h"

#include "app/compute_impl.h"
#include "app/compute_wire.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define LOOK_MS 50 /* at whether a job was canceled */
#define LOOK_GATE_MS 10 /* at how much has arrived */
#define CANCEL_MS 5000 /* unless the options say otherwise */
#define ENDS_MAX 3u /* of the process, with one task under way */
#define STARTS_MAX 3u

/* ---- the whole ---- */

static slk_err copy_options(slk_compute *c, const slk_compute_options *options, slk_error *error)
{
    c->own = *options->prover;
    c->threads = options->threads;
    c->development = options->development;
    c->cancel_ms = options->cancel_ms > 0 ? options->cancel_ms : CANCEL_MS;
    c->parameters_folder = slk_strdup(options->parameters_folder);
    c->lock_file = slk_strdup(options->lock);
    return c->parameters_folder && c->lock_file
               ? SLK_OK
               : slk_fail(error, SLK_E_NOMEM, "out of memory for computing");
}

slk_err slk_compute_new(slk_compute **ret_compute, const slk_compute_options *options,
                        slk_error *error)
{
    slk_compute *c = slk_calloc(1, sizeof *c);
    if (!c)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for computing");
    slk_assert(pthread_mutex_init(&c->lock, NULL) == 0);
    slk_assert(slk_cond_init(&c->moved) == 0);
    c->fd = -1;
    slk_err code = copy_options(c, options, error);
    if (code == SLK_OK) {
        const int rc = pthread_create(&c->thread, NULL, slk_compute_supervise, c);
        c->running = rc == 0;
        if (rc != 0)
            code = slk_fail_errno(error, rc, "cannot start the thread of a process");
    }
    if (code != SLK_OK) {
        slk_compute_free(c);
        return code;
    }
    *ret_compute = c;
    return SLK_OK;
}

void slk_compute_free(slk_compute *compute)
{
    if (!compute)
        return;
    (void)pthread_mutex_lock(&compute->lock);
    compute->stopping = true;
    if (compute->fd >= 0)
        (void)shutdown(compute->fd, SHUT_RDWR);
    (void)pthread_cond_broadcast(&compute->moved);
    (void)pthread_mutex_unlock(&compute->lock);
    if (compute->running)
        (void)pthread_join(compute->thread, NULL);
    slk_stage_names_done(&compute->stages);
    slk_free(compute->parameters_folder);
    slk_free(compute->lock_file);
    (void)pthread_cond_destroy(&compute->moved);
    (void)pthread_mutex_destroy(&compute->lock);
    slk_free(compute);
}

/* ---- one task ---- */

/* What is asked for, and how its sectors are told of. */
typedef struct task {
    slk_compute *compute;
    json_t *request; /* without id; lanes in the order of the states */
    slk_compute_state *lanes;
    size_t n;
    slk_gate *gate;
    uint64_t gate_level; /* that was passed on */
    bool gate_over;
    slk_seal_lane_ended *lane_ended;
    void *context;
    int64_t canceled_ms; /* monotonic, the first cancel; 0: none */
} task;

static bool all_ended(const task *t)
{
    size_t i = 0;
    while (i < t->n && t->lanes[i].ended)
        i++;
    return i == t->n;
}

static bool all_canceled(const task *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (!t->lanes[i].ended && slk_job_check(t->lanes[i].job, NULL) == SLK_OK)
            return false;
    return true;
}

/* Lock held: until the process takes tasks. */
static slk_err wait_ready(const task *t, slk_error *error)
{
    slk_compute *c = t->compute;
    const uint64_t failed = c->failed_starts;
    while (!c->ready) {
        if (all_canceled(t) || c->stopping)
            return slk_fail(error, SLK_E_CANCELED, "canceled");
        if (c->failed_starts - failed >= STARTS_MAX)
            return slk_fail(error, SLK_E_BUSY,
                            "the process that computes for this node does not start: it ended %s; "
                            "the log says why (compute.…)",
                            c->how);
        (void)slk_cond_wait_ms(&c->moved, &c->lock, LOOK_MS);
    }
    return SLK_OK;
}

/* Lock held. It always reads: who cannot be told has a process that hangs. */
static void tell(slk_compute *c, json_t *message)
{
    slk_error error = {0};
    if (c->fd >= 0 && !c->killed && slk_compute_send(c->fd, message, &error) != SLK_OK)
        slk_compute_kill(c, error.message);
    else if (c->fd < 0 || c->killed)
        json_decref(message);
}

static void pass_cancels(task *t, const slk_compute_call *call)
{
    for (size_t i = 0; i < t->n; i++) {
        slk_compute_state *lane = &t->lanes[i];
        if (lane->ended || lane->told_cancel || slk_job_check(lane->job, NULL) == SLK_OK)
            continue;
        lane->told_cancel = true;
        if (t->canceled_ms == 0)
            t->canceled_ms = slk_clock_monotonic_ms();
        tell(t->compute, json_pack("{s:s,s:I,s:I}", "do", "cancel", "id", (json_int_t)call->id,
                                   "lane", (json_int_t)i));
    }
}

static bool cancel_overdue(const task *t)
{
    bool waits = false;
    for (size_t i = 0; i < t->n; i++)
        waits = waits || (t->lanes[i].told_cancel && !t->lanes[i].ended);
    return waits && t->canceled_ms &&
           slk_clock_monotonic_ms() - t->canceled_ms > t->compute->cancel_ms;
}

static void pass_gate(task *t, const slk_compute_call *call)
{
    if (!t->gate || t->gate_over)
        return;
    const bool broken = slk_gate_broken(t->gate), closed = slk_gate_closed(t->gate);
    const uint64_t level = slk_gate_level(t->gate); /* after the state: what closed has its last */
    if (level == t->gate_level && !closed && !broken)
        return;
    t->gate_level = level;
    t->gate_over = closed || broken;
    tell(t->compute, json_pack("{s:s,s:I,s:I,s:s}", "do", "gate", "id", (json_int_t)call->id,
                               "level", (json_int_t)level, "state",
                               broken   ? "broken"
                               : closed ? "closed"
                                        : "open"));
}

static void pass_progress(slk_compute_state *lane)
{
    if (!lane->moved || !lane->job)
        return;
    lane->moved = false;
    if (atomic_load(&lane->job->stage) != lane->stage ||
        atomic_load(&lane->job->total) != lane->total || atomic_load(&lane->job->done) > lane->done)
        slk_job_stage(lane->job, lane->stage, lane->total);
    slk_job_advance(lane->job, lane->done - atomic_load(&lane->job->done));
}

/* Lock held, but not while a sector's end is told. */
static void pass_on(task *t)
{
    for (size_t i = 0; i < t->n; i++) {
        slk_compute_state *lane = &t->lanes[i];
        pass_progress(lane);
        if (!lane->ended || lane->passed_on || !t->lane_ended)
            continue;
        lane->passed_on = true;
        (void)pthread_mutex_unlock(&t->compute->lock);
        t->lane_ended(t->context, i, lane->code, &lane->error);
        (void)pthread_mutex_lock(&t->compute->lock);
    }
}

/* Lock held: until it has ended, one way or the other. */
static void wait_end(task *t, const slk_compute_call *call)
{
    slk_compute *c = t->compute;
    while (!call->answer && !call->lost) {
        pass_cancels(t, call);
        pass_gate(t, call);
        pass_on(t);
        if (cancel_overdue(t))
            slk_compute_kill(c, "a task that was canceled goes on");
        if (!call->answer && !call->lost)
            (void)slk_cond_wait_ms(call->woken, &c->lock, t->gate ? LOOK_GATE_MS : LOOK_MS);
    }
    pass_on(t);
}

/* Lock held. */
static void unlink_call(slk_compute *c, const slk_compute_call *call)
{
    slk_compute_call **at = &c->calls;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
}

/* Sectors that have ended are null when it is asked for again, so that the others keep their numbers. */
static json_t *lanes_left(const task *t)
{
    json_t *left = json_array();
    for (size_t i = 0; i < t->n && left; i++) {
        json_t *lane = t->lanes[i].ended ? json_null()
                                         : json_array_get(json_object_get(t->request, "lanes"), i);
        if (json_array_append(left, lane) != 0) {
            json_decref(left);
            left = NULL;
        }
    }
    return left;
}

static json_t *numbered(const task *t, int64_t id)
{
    json_t *message = json_copy(t->request); /* its members are shared */
    if (message && json_object_set_new(message, "id", json_integer(id)) == 0 &&
        json_object_set_new(message, "lanes", lanes_left(t)) == 0)
        return message;
    json_decref(message);
    return NULL;
}

/* Once; call->lost: the process ended. */
static slk_err attempt(task *t, slk_compute_call *call, slk_error *error)
{
    slk_compute *c = t->compute;
    pthread_cond_t woken;
    slk_assert(slk_cond_init(&woken) == 0);
    (void)pthread_mutex_lock(&c->lock);
    slk_err code = wait_ready(t, error);
    if (code == SLK_OK) {
        *call = (slk_compute_call){
            .next = c->calls, .id = ++c->last_id, .lanes = t->lanes, .n = t->n, .woken = &woken};
        c->calls = call;
        slk_log(SLK_LOG_DEBUG, "compute.task", "what=%s sectors=%zu pid=%d",
                json_string_value(json_object_get(t->request, "do")), t->n, (int)c->pid);
        tell(c, numbered(t, call->id));
        wait_end(t, call);
        unlink_call(c, call);
    }
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_cond_destroy(&woken);
    return code;
}

static void begin_again(task *t)
{
    t->canceled_ms = 0;
    t->gate_level = 0;
    t->gate_over = false;
    for (size_t i = 0; i < t->n; i++)
        t->lanes[i].told_cancel = false;
}

/* Has it done, over ends of the process; *ret_answer: new reference, NULL when only its
 * sectors have something to tell. */
static slk_err do_task(json_t **ret_answer, task *t, slk_error *error)
{
    for (unsigned ends = 0;;) {
        slk_compute_call call = {0};
        SLK_TRY(attempt(t, &call, error));
        if (call.answer) {
            *ret_answer = call.answer;
            return slk_compute_outcome(call.answer, error);
        }
        if (all_ended(t))
            return SLK_OK; /* only the end of the whole was not heard any more */
        if (all_canceled(t))
            return slk_fail(error, SLK_E_CANCELED, "canceled");
        ends += call.killed ? 0 : 1;
        if (ends == ENDS_MAX)
            return slk_fail(error, SLK_E_INTERNAL,
                            "the process that computes for this node ended %u times while it did "
                            "this, last %s",
                            ends, t->compute->how);
        begin_again(t);
    }
}

/* ---- one sector ---- */

static json_t *request_of(const char *what, const slk_seal_sector *sector, const uint8_t *ticket,
                          const slk_seal_paths *paths)
{
    return json_pack("{s:s,s:[o]}", "do", what, "lanes",
                     slk_compute_lane_json(sector, ticket, paths));
}

/* A task about one sector; request is stolen. */
static slk_err do_one(json_t **ret_answer, slk_compute *c, json_t *request, slk_gate *gate,
                      slk_job *job, slk_error *error)
{
    slk_compute_state lane = {.job = job};
    task t = {.compute = c, .request = request, .lanes = &lane, .n = 1, .gate = gate};
    json_t *answer = NULL;
    slk_err code = request ? do_task(&answer, &t, error)
                           : slk_fail(error, SLK_E_NOMEM, "out of memory for a task");
    if (code == SLK_OK && lane.ended && lane.code != SLK_OK) {
        *error = lane.error;
        code = lane.code;
    }
    json_decref(request);
    if (code == SLK_OK && ret_answer)
        *ret_answer = answer;
    else
        json_decref(answer);
    return code;
}

static slk_err compute_pc1(void *ctx, const slk_seal_sector *sector, const uint8_t ticket[32],
                           const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    return do_one(NULL, ctx, request_of("pc1", sector, ticket, paths), NULL, job, error);
}

static slk_err compute_pc2(void *ctx, slk_seal_commitments *ret, const slk_seal_sector *sector,
                           const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    SLK_TRY(do_one(&answer, ctx, request_of("pc2", sector, NULL, paths), NULL, job, error));
    return slk_compute_comm_read(ret, slk_json_member(answer, "comm"), error);
}

static json_t *with(json_t *request, const char *name, json_t *value)
{
    if (request && json_object_set_new(request, name, value) == 0)
        return request;
    json_decref(request);
    return NULL;
}

static slk_err compute_c1(void *ctx, const slk_seal_sector *sector,
                          const slk_seal_commitments *comm, const uint8_t ticket[32],
                          const uint8_t seed[32], const slk_seal_paths *paths, const char *out_path,
                          slk_job *job, slk_error *error)
{
    char hex[65];
    slk_hex_encode(hex, seed, 32);
    json_t *request = request_of("c1", sector, ticket, paths);
    request = with(request, "comm", slk_compute_comm_json(comm));
    request = with(request, "seed", json_string(hex));
    request = with(request, "c1", json_string(out_path));
    return do_one(NULL, ctx, request, NULL, job, error);
}

static slk_err compute_finalise(void *ctx, const slk_seal_sector *sector,
                                const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    return do_one(NULL, ctx, request_of("finalise", sector, NULL, paths), NULL, job, error);
}

static slk_err compute_check(void *ctx, bool *ret_valid, char *why, const slk_seal_sector *sector,
                             const slk_seal_commitments *comm, const uint8_t ticket[32],
                             const slk_seal_paths *paths, slk_gate *arriving, slk_job *job,
                             slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    const char *reason = "";
    bool valid = false;
    json_t *request = request_of("check", sector, ticket, paths);
    request = with(request, "comm", slk_compute_comm_json(comm));
    request = with(request, "arriving", json_boolean(arriving != NULL));
    SLK_TRY(do_one(&answer, ctx, request, arriving, job, error));
    SLK_TRY(slk_json_bool(&valid, answer, "valid", error));
    SLK_TRY(slk_json_string(&reason, answer, "reason", error));
    if (!valid)
        (void)snprintf(why, SLK_SEAL_REASON_CHARS, "%s", reason);
    *ret_valid = valid;
    return SLK_OK;
}

static slk_err compute_c2(void *ctx, slk_buf *proof, const slk_seal_sector *sector,
                          const char *c1_path, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    slk_buf bytes;
    json_t *request = request_of("c2", sector, NULL, NULL);
    request = with(request, "c1", json_string(c1_path));
    SLK_TRY(do_one(&answer, ctx, request, NULL, job, error));
    slk_buf_init(&bytes, SLK_SEAL_PROOF_MAX_BYTES);
    slk_err code = slk_json_bytes(&bytes, answer, "proof", error);
    if (code == SLK_OK && slk_buf_append(proof, bytes.data, bytes.len) != SLK_OK)
        code = slk_fail(error, SLK_E_NOMEM, "out of memory for the proof");
    slk_buf_done(&bytes);
    return code;
}

/* ---- many sectors ---- */

static json_t *batch_request(const slk_seal_lane *lanes, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n && list; i++)
        if (json_array_append_new(list, slk_compute_lane_json(lanes[i].sector, lanes[i].ticket,
                                                              &lanes[i].paths)) != 0) {
            json_decref(list);
            list = NULL;
        }
    return json_pack("{s:s,s:o}", "do", "pc1", "lanes", list);
}

static slk_err do_batch(slk_compute *c, slk_compute_state *states, const slk_seal_lane *lanes,
                        size_t n, slk_seal_lane_ended *ended, void *context, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *request = batch_request(lanes, n);
    json_t *answer = NULL;
    if (!request)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for sectors to label");
    if (n > SLK_COMPUTE_LANES_MAX)
        return slk_fail(error, SLK_E_LIMIT, "more than %u sectors at once", SLK_COMPUTE_LANES_MAX);
    for (size_t i = 0; i < n; i++)
        states[i].job = lanes[i].job;
    task t = {.compute = c,
              .request = request,
              .lanes = states,
              .n = n,
              .lane_ended = ended,
              .context = context};
    const slk_err code = do_task(&answer, &t, error);
    json_decref(answer);
    return code;
}

static void compute_pc1_batch(void *ctx, const slk_seal_lane *lanes, size_t n,
                              slk_seal_lane_ended *ended, void *context)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) slk_compute_state *states = slk_calloc(n, sizeof *states);
    const slk_err code = states ? do_batch(ctx, states, lanes, n, ended, context, &error)
                                : slk_fail(&error, SLK_E_NOMEM, "out of memory");
    const slk_err rest =
        code != SLK_OK ? code : slk_fail(&error, SLK_E_INTERNAL, "it was not labelled");
    for (size_t i = 0; i < n; i++)
        if (!states || !states[i].passed_on)
            ended(context, i, rest, &error);
}

/* ---- here ---- */

static slk_err compute_sector_bytes(void *ctx, uint64_t *ret_bytes, int64_t seal_proof,
                                    slk_error *error)
{
    const slk_compute *c = ctx;
    return c->own.sector_bytes(c->own.ctx, ret_bytes, seal_proof, error);
}

static slk_err compute_zero_comm_d(void *ctx, uint8_t out32[32], int64_t seal_proof,
                                   slk_error *error)
{
    const slk_compute *c = ctx;
    return c->own.zero_comm_d(c->own.ctx, out32, seal_proof, error);
}

static slk_err compute_verify_c1(void *ctx, bool *ret_valid, char *why,
                                 const slk_seal_sector *sector, const slk_seal_commitments *comm,
                                 const uint8_t ticket[32], const uint8_t seed[32],
                                 const char *c1_path, slk_job *job, slk_error *error)
{
    const slk_compute *c = ctx;
    return c->own.verify_c1(c->own.ctx, ret_valid, why, sector, comm, ticket, seed, c1_path, job,
                            error);
}

static slk_err compute_verify_proof(void *ctx, bool *ret_valid, const slk_seal_sector *sector,
                                    const slk_seal_commitments *comm, const uint8_t ticket[32],
                                    const uint8_t seed[32], const uint8_t *proof,
                                    size_t proof_bytes, slk_error *error)
{
    const slk_compute *c = ctx;
    return c->own.verify_proof(c->own.ctx, ret_valid, sector, comm, ticket, seed, proof,
                               proof_bytes, error);
}

void slk_compute_fill(slk_seal_prover *ret_ops, slk_compute *compute)
{
    *ret_ops = (slk_seal_prover){
        .ctx = compute,
        .sector_bytes = compute_sector_bytes,
        .zero_comm_d = compute_zero_comm_d,
        .pc1 = compute_pc1,
        .pc1_batch = compute->own.pc1_batch ? compute_pc1_batch : NULL,
        .pc2 = compute_pc2,
        .c1 = compute_c1,
        .finalise = compute_finalise,
        .check_replica = compute_check,
        .verify_c1 = compute_verify_c1,
        .c2 = compute_c2,
        .verify_proof = compute_verify_proof,
    };
}
