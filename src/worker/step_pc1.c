/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SealPreCommit1, of one sector and of many that are labelled together. */
#include "worker/worker_impl.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "lotus/pc1_out.h"
#include "store/hold.h"

#include <string.h>

/* One sector on its way through the labelling. */
struct lane {
    slk_worker_run run;
    slk_store_hold *hold; /* of a batch: one alone is held by its caller */
    uint8_t ticket[32];
    slk_lotus_pieces pieces;
    char *unsealed;
    slk_store_room *room; /* NULL: in the places of an earlier call */
    char *sealed, *cache;
    slk_worker_pc1 what;
    uint8_t comm_d[32];
};

static void lane_done(struct lane *lane)
{
    slk_store_hold_free(lane->hold);
    slk_store_room_free(lane->room);
    slk_lotus_pieces_done(&lane->pieces);
    slk_free(lane->unsealed);
    slk_free(lane->sealed);
    slk_free(lane->cache);
}

/* ---- before ---- */

static slk_err read_params(struct lane *lane, slk_error *error)
{
    const json_t *params = lane->run.params;
    uint64_t bytes = 0;
    if (slk_lotus_randomness_read(lane->ticket, json_array_get(params, 1), "ticket", error) !=
            SLK_OK ||
        slk_lotus_pieces_read(&lane->pieces, json_array_get(params, 2), "pieces", error) != SLK_OK)
        return slk_worker_bad_param(error);
    if (slk_lotus_pieces_bytes(&bytes, &lane->pieces) != SLK_OK || bytes != lane->run.shape->bytes)
        return slk_fail(error, SLK_E_INVAL, "the pieces are not together the sector's %lu bytes",
                        lane->run.shape->bytes);
    return SLK_OK;
}

/* Its only data are zeros, all of one piece: no file of them is needed. */
static bool is_empty_sector(const struct lane *lane)
{
    const slk_worker_ops *ops = lane->run.worker->options.ops;
    return lane->pieces.n == 1 && ops->is_zero_piece(ops->ctx, &lane->pieces.item[0]);
}

/* Both are here from an earlier call: finished layers that are right need not be made again. A cache
 * without its sealed file is of no use, and in the way. */
static slk_err find_earlier(struct lane *lane, slk_error *error)
{
    slk_store *store = lane->run.worker->store;
    const slk_lotus_sector *id = &lane->run.ref.id;
    char *cache = NULL;
    char *sealed = NULL;
    if (slk_store_find(store, NULL, &cache, id, SLK_LOTUS_CACHE, error) != SLK_OK)
        return SLK_OK;
    if (slk_store_find(store, NULL, &sealed, id, SLK_LOTUS_SEALED, error) != SLK_OK) {
        slk_free(cache);
        return slk_store_remove(store, NULL, id, SLK_LOTUS_CACHE, NULL, error);
    }
    lane->cache = cache;
    lane->sealed = sealed;
    return SLK_OK;
}

static slk_err reserve(struct lane *lane, slk_error *error)
{
    const slk_store_wish wish = {.sector = lane->run.ref.id,
                                 .types = SLK_LOTUS_SEALED | SLK_LOTUS_CACHE,
                                 .sector_bytes = lane->run.shape->bytes,
                                 .path_type = SLK_LOTUS_PATH_SEALING};
    SLK_TRY(slk_store_room_reserve(&lane->room, lane->run.worker->store, &wish, error));
    lane->sealed = slk_strdup(slk_store_room_temp(lane->room, SLK_LOTUS_SEALED));
    lane->cache = slk_strdup(slk_store_room_temp(lane->room, SLK_LOTUS_CACHE));
    if (!lane->sealed || !lane->cache)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for paths");
    return slk_folder_make(lane->cache, 0755, error);
}

static slk_err prepare(struct lane *lane, slk_error *error)
{
    slk_worker_run *run = &lane->run;
    SLK_TRY(read_params(lane, error));
    if (!is_empty_sector(lane))
        SLK_TRY(slk_worker_acquire(run, SLK_LOTUS_UNSEALED, SLK_LOTUS_PATH_SEALING,
                                   SLK_LOTUS_ACQUIRE_MOVE, &lane->unsealed, error));
    SLK_TRY(slk_worker_clear_others(run, SLK_LOTUS_SEALED | SLK_LOTUS_CACHE, error));
    SLK_TRY(find_earlier(lane, error));
    if (!lane->cache)
        SLK_TRY(reserve(lane, error));
    lane->what = (slk_worker_pc1){
        .sector = run->ref,
        .ticket32 = lane->ticket,
        .pieces = &lane->pieces,
        .paths = {.unsealed = lane->unsealed, .sealed = lane->sealed, .cache = lane->cache},
        .for_ours = run->worker->node_is_ours,
        .job = run->job};
    return SLK_OK;
}

/* ---- after ---- */

/* Of an attempt, which goes on in its place. */
static slk_err clear_attempt(const struct lane *lane, slk_error *error)
{
    SLK_TRY(slk_remove_tree(lane->cache, error));
    SLK_TRY(slk_remove_tree(lane->sealed, error));
    return slk_folder_make(lane->cache, 0755, error);
}

/* Of an earlier call: what is made now has the sector's name only when it is complete. */
static slk_err clear_earlier(struct lane *lane, slk_error *error)
{
    slk_store *store = lane->run.worker->store;
    const slk_lotus_sector *id = &lane->run.ref.id;
    SLK_TRY(slk_store_remove(store, NULL, id, SLK_LOTUS_CACHE, NULL, error));
    SLK_TRY(slk_store_remove(store, NULL, id, SLK_LOTUS_SEALED, NULL, error));
    slk_free(lane->cache);
    slk_free(lane->sealed);
    lane->cache = lane->sealed = NULL;
    SLK_TRY(reserve(lane, error));
    lane->what.paths.cache = lane->cache;
    lane->what.paths.sealed = lane->sealed;
    return SLK_OK;
}

/* What is there belongs to another ticket or to other data. */
static slk_err start_over(struct lane *lane, slk_error *error)
{
    const slk_worker_ops *ops = lane->run.worker->options.ops;
    SLK_TRY(lane->room ? clear_attempt(lane, error) : clear_earlier(lane, error));
    return ops->pc1(ops->ctx, lane->comm_d, &lane->what, error);
}

static slk_err conclude(struct lane *lane, slk_error *error)
{
    slk_worker_run *run = &lane->run;
    slk_store *store = run->worker->store;
    slk_lotus_pc1_out out = {.has_ticket = true};
    SLK_CLEANUP(slk_freep) char *cache = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_LOTUS_PC1_OUT_MAX_BYTES);
    if (lane->room) {
        SLK_TRY(slk_store_place(store, lane->room, &run->ref.id, SLK_LOTUS_SEALED, error));
        SLK_TRY(slk_store_place(store, lane->room, &run->ref.id, SLK_LOTUS_CACHE, error));
    }
    SLK_TRY(slk_seal_proof_registered(&out.proof, run->ref.proof, error));
    memcpy(out.comm_d, lane->comm_d, 32);
    memcpy(out.ticket, lane->ticket, 32);
    SLK_TRY(slk_store_find(store, NULL, &cache, &run->ref.id, SLK_LOTUS_CACHE, error));
    if (slk_lotus_pc1_out_print(&text, &out, cache) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the result");
    return slk_worker_answer(run, slk_json_new_bytes(text.data, text.len), error);
}

/* ---- one ---- */

slk_err slk_step_pc1(slk_worker_run *run, slk_error *error)
{
    const slk_worker_ops *ops = run->worker->options.ops;
    struct lane lane = {.run = *run};
    slk_err code = prepare(&lane, error);
    if (code == SLK_OK)
        code = ops->pc1(ops->ctx, lane.comm_d, &lane.what, error);
    if (code == SLK_E_CONFLICT)
        code = start_over(&lane, error);
    if (code == SLK_OK)
        code = conclude(&lane, error);
    lane_done(&lane);
    run->result = lane.run.result;
    return code;
}

/* ---- many ---- */

struct batch {
    slk_worker *worker;
    slk_runner_group *group;
    struct lane *lanes; /* by place in the group */
    slk_worker_pc1 *list; /* those that run, */
    size_t *place; /* and their places */
    size_t n;
};

static void end_lane(struct batch *batch, size_t index, slk_err code, const slk_error *error)
{
    struct lane *lane = &batch->lanes[index];
    slk_worker_call *call = slk_runner_group_call(batch->group, index);
    slk_worker_finish(call, &lane->run, code, error);
    lane_done(lane);
    slk_worker_clear_canceled(batch->worker, call, code);
    slk_runner_group_end(batch->group, index);
}

static void ended(void *context, size_t index, slk_err code, const uint8_t *comm_d32,
                  const slk_error *error)
{
    struct batch *batch = context;
    const size_t place = batch->place[index];
    struct lane *lane = &batch->lanes[place];
    slk_error why = {0};
    if (code == SLK_OK)
        memcpy(lane->comm_d, comm_d32, 32);
    else
        why = *error;
    if (code == SLK_E_CONFLICT)
        code = start_over(lane, &why);
    if (code == SLK_OK)
        code = conclude(lane, &why);
    end_lane(batch, place, code, &why);
}

static slk_err begin(struct batch *batch, size_t index, slk_error *error)
{
    const slk_worker_call *call = slk_runner_group_call(batch->group, index);
    const slk_worker_step *step = slk_worker_step_of(call->method);
    struct lane *lane = &batch->lanes[index];
    slk_log(SLK_LOG_INFO, "call.started", "call=%s method=%s sector=%lu-%lu batch=%s",
            call->id.uuid, call->method, call->id.sector.miner, call->id.sector.number,
            call->batch);
    lane->run = (slk_worker_run){.worker = batch->worker,
                                 .call = call,
                                 .params = call->params,
                                 .job = slk_runner_group_job(batch->group, index)};
    SLK_TRY(slk_worker_read_sector(&lane->run, step, error));
    SLK_TRY(slk_store_hold_take(&lane->hold, batch->worker->store, &lane->run.ref.id, step->reads,
                                step->writes, -1, lane->run.job, error));
    return prepare(lane, error);
}

static void run_lanes(struct batch *batch)
{
    const slk_worker_ops *ops = batch->worker->options.ops;
    for (size_t i = 0; i < slk_runner_group_n(batch->group); i++) {
        slk_error error = {0};
        const slk_err code = begin(batch, i, &error);
        if (code != SLK_OK) {
            end_lane(batch, i, code, &error);
            continue;
        }
        batch->list[batch->n] = batch->lanes[i].what;
        batch->place[batch->n++] = i;
    }
    if (batch->n > 0)
        ops->pc1_batch(ops->ctx, batch->list, batch->n, ended, batch);
}

void slk_worker_run_batch(slk_worker *worker, slk_runner_group *group)
{
    const size_t n = slk_runner_group_n(group);
    struct batch batch = {.worker = worker,
                          .group = group,
                          .lanes = slk_calloc(n, sizeof(struct lane)),
                          .list = slk_calloc(n, sizeof(slk_worker_pc1)),
                          .place = slk_calloc(n, sizeof(size_t))};
    if (batch.lanes && batch.list && batch.place) {
        run_lanes(&batch);
    } else {
        slk_error error = {0};
        slk_worker_run run = {.worker = worker};
        const slk_err code = slk_fail(&error, SLK_E_NOMEM, "out of memory for a batch");
        for (size_t i = 0; i < n; i++)
            slk_worker_finish(slk_runner_group_call(group, i), &run, code, &error);
    }
    slk_free(batch.lanes);
    slk_free(batch.list);
    slk_free(batch.place);
}
