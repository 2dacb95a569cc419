/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/compute_serve.h"
#include "app/compute_wire.h"
#include "base/mem.h"
#include "codec/json.h"

#include <string.h>

static slk_err put(slk_compute_task *task, const char *name, json_t *value, slk_error *error)
{
    return json_object_set_new(task->answer, name, value) == 0
               ? SLK_OK
               : slk_fail(error, SLK_E_NOMEM, "out of memory for an answer");
}

static slk_err read_lane(slk_compute_lane *ret, const slk_compute_task *task, size_t i,
                         slk_error *error)
{
    return slk_compute_lane_read(ret, json_array_get(slk_json_member(task->request, "lanes"), i),
                                 error);
}

/* ---- PC1: of one, or of many at once ---- */

/* Those that are to be labelled, and their numbers in the request. */
struct labels {
    slk_compute_task *task;
    slk_compute_lane *read;
    slk_seal_lane *lanes;
    size_t *number;
    size_t n;
};

static slk_err read_lanes(struct labels *l, slk_error *error)
{
    slk_compute_task *task = l->task;
    for (size_t i = 0; i < task->n; i++) {
        if (json_is_null(json_array_get(slk_json_member(task->request, "lanes"), i)))
            continue;
        SLK_TRY(read_lane(&l->read[i], task, i, error));
        l->number[l->n] = i;
        l->lanes[l->n++] = (slk_seal_lane){.sector = &l->read[i].sector,
                                           .ticket = l->read[i].ticket,
                                           .paths = l->read[i].paths,
                                           .job = &task->jobs[i]};
    }
    return SLK_OK;
}

static void label_ended(void *context, size_t index, slk_err code, const slk_error *error)
{
    const struct labels *l = context;
    l->task->lane_ended(l->task->context, l->number[index], code, error);
}

static void label(struct labels *l)
{
    const slk_seal_prover *p = l->task->prover;
    const slk_seal_lane *first = l->lanes;
    if (l->n > 1) {
        p->pc1_batch(p->ctx, l->lanes, l->n, label_ended, l);
    } else if (l->n == 1) {
        slk_error error = {0};
        const slk_err code =
            p->pc1(p->ctx, first->sector, first->ticket, &first->paths, first->job, &error);
        label_ended(l, 0, code, &error);
    }
}

static slk_err do_pc1(slk_compute_task *task, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_seal_lane *lanes = slk_calloc(task->n, sizeof *lanes);
    SLK_CLEANUP(slk_freep) slk_compute_lane *read = slk_calloc(task->n, sizeof *read);
    SLK_CLEANUP(slk_freep) size_t *number = slk_calloc(task->n, sizeof *number);
    struct labels l = {.task = task, .read = read, .lanes = lanes, .number = number};
    if (!lanes || !read || !number)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for sectors to label");
    SLK_TRY(read_lanes(&l, error));
    label(&l);
    return SLK_OK;
}

/* ---- the others ---- */

static slk_err do_pc2(slk_compute_task *task, slk_error *error)
{
    const slk_seal_prover *p = task->prover;
    slk_compute_lane lane;
    slk_seal_commitments comm;
    SLK_TRY(read_lane(&lane, task, 0, error));
    SLK_TRY(p->pc2(p->ctx, &comm, &lane.sector, &lane.paths, task->jobs, error));
    return put(task, "comm", slk_compute_comm_json(&comm), error);
}

static slk_err do_c1(slk_compute_task *task, slk_error *error)
{
    const slk_seal_prover *p = task->prover;
    slk_compute_lane lane;
    slk_seal_commitments comm;
    uint8_t seed[32];
    const char *out = NULL;
    SLK_TRY(read_lane(&lane, task, 0, error));
    SLK_TRY(slk_compute_comm_read(&comm, slk_json_member(task->request, "comm"), error));
    SLK_TRY(slk_json_hex(seed, 32, task->request, "seed", error));
    SLK_TRY(slk_json_string(&out, task->request, "c1", error));
    return p->c1(p->ctx, &lane.sector, &comm, lane.ticket, seed, &lane.paths, out, task->jobs,
                 error);
}

static slk_err do_finalise(slk_compute_task *task, slk_error *error)
{
    const slk_seal_prover *p = task->prover;
    slk_compute_lane lane;
    SLK_TRY(read_lane(&lane, task, 0, error));
    return p->finalise(p->ctx, &lane.sector, &lane.paths, task->jobs, error);
}

static slk_err do_check(slk_compute_task *task, slk_error *error)
{
    const slk_seal_prover *p = task->prover;
    slk_compute_lane lane;
    slk_seal_commitments comm;
    bool valid = false, arriving = false;
    char why[SLK_SEAL_REASON_CHARS] = "";
    SLK_TRY(read_lane(&lane, task, 0, error));
    SLK_TRY(slk_compute_comm_read(&comm, slk_json_member(task->request, "comm"), error));
    SLK_TRY(slk_json_bool(&arriving, task->request, "arriving", error));
    SLK_TRY(p->check_replica(p->ctx, &valid, why, &lane.sector, &comm, lane.ticket, &lane.paths,
                             arriving ? task->gate : NULL, task->jobs, error));
    SLK_TRY(put(task, "valid", json_boolean(valid), error));
    return put(task, "reason", json_string(why), error);
}

static slk_err do_c2(slk_compute_task *task, slk_error *error)
{
    const slk_seal_prover *p = task->prover;
    slk_compute_lane lane;
    const char *c1 = NULL;
    slk_buf proof;
    SLK_TRY(read_lane(&lane, task, 0, error));
    SLK_TRY(slk_json_string(&c1, task->request, "c1", error));
    slk_buf_init(&proof, SLK_SEAL_PROOF_MAX_BYTES);
    slk_err code = p->c2(p->ctx, &proof, &lane.sector, c1, task->jobs, error);
    if (code == SLK_OK)
        code = put(task, "proof", slk_json_new_bytes(proof.data, proof.len), error);
    slk_buf_done(&proof);
    return code;
}

slk_err slk_compute_do(slk_compute_task *task, slk_error *error)
{
    static const struct {
        const char *name;
        slk_err (*run)(slk_compute_task *task, slk_error *error);
    } known[] = {{"pc1", do_pc1},           {"pc2", do_pc2},     {"c1", do_c1},
                 {"finalise", do_finalise}, {"check", do_check}, {"c2", do_c2}};
    const char *name = "";
    SLK_TRY(slk_json_string(&name, task->request, "do", error));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].run(task, error);
    return slk_fail(error, SLK_E_UNSUPPORTED, "nothing that is called `%.40s`", name);
}
