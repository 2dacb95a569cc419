/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Labels: each sector by whoever has room for it, several together where they can be. */
#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "farm/seek.h"
#include "farm/prover_impl.h"
#include "farm/select.h"
#include "farm/work.h"
#include "lotus/pc1_out.h"
#include "seal/seal.h"

#include <string.h>

#define LIES_MAX 3u /* workers in a row whose labels are false, before it is tried again later */

/* One sector on its way. */
struct lane {
    slk_farm_prover *prover;
    slk_seal_lane what;
    slk_lotus_piece piece;
    char key[65];
    slk_farm_select select;
    slk_farm_work work;
    bool asked; /* for a worker, with others */
    slk_farm_seeker seeker;

    /* Of a batch. */
    struct batch *batch;
    size_t index;
    bool made, threaded;
    pthread_t thread;
};

struct batch {
    slk_seal_lane_ended *ended; /* under lock */
    void *context;
    pthread_mutex_t lock;
    struct lane *lanes;
    size_t n;
};

/* ---- a worker of Lotus ---- */

static slk_err check_added(const slk_farm_call *call, const slk_lotus_piece *wanted,
                           slk_error *error)
{
    slk_lotus_piece piece;
    SLK_TRY(slk_lotus_piece_read(&piece, call->outcome.result, "PieceInfo", error));
    if (piece.bytes != wanted->bytes || memcmp(piece.comm_p, wanted->comm_p, 32) != 0)
        return slk_fail(error, SLK_E_PROTO, "the worker's piece of zeros is none");
    return SLK_OK;
}

/* A worker of Lotus seals from a file of the data, which is zeros. */
static slk_err add_zeros(void *context, slk_farm *farm, slk_farm_worker *worker, slk_job *job,
                         slk_error *error)
{
    const struct lane *lane = context;
    if (worker->can & SLK_FARM_CAN_ZERO_SECTORS)
        return SLK_OK;
    const uint64_t raw = lane->piece.bytes / 128 * 127;
    const slk_lotus_source source = {.kind = SLK_LOTUS_SOURCE_ZEROS, .bytes = raw};
    SLK_CLEANUP(slk_json_decrefp)
    json_t *params = json_pack("[o n I o]", slk_lotus_sector_ref_json(&lane->work.sector),
                               (json_int_t)raw, slk_lotus_source_json(&source));
    if (!params)
        return slk_farm_no_memory(error);
    const slk_farm_work add = {.task = SLK_LOTUS_ADD_PIECE,
                               .sector = lane->work.sector,
                               .key = lane->work.key,
                               .method = "Filecoin.AddPiece",
                               .params = params};
    slk_farm_call call = {0};
    SLK_TRY(slk_farm_work_on(&call, farm, &add, worker, job, error));
    slk_error why = {0};
    slk_err code = check_added(&call, &lane->piece, &why);
    if (code != SLK_OK) {
        slk_farm_distrust(farm, call.session, call.hostname, why.message);
        code = slk_fail(error, code, "%s", why.message);
    }
    slk_error dropping = {0}; /* its use is over, whatever it was */
    const slk_err dropped = slk_farm_calls_drop(farm->calls, call.id, &dropping);
    if (code == SLK_OK && dropped != SLK_OK)
        code = slk_fail(error, dropped, "%s", dropping.message);
    slk_farm_call_done(&call);
    return code;
}

/* ---- a worker ---- */

/* What PC1 returned must be about this sector, its ticket and zeros. */
static slk_err check_pc1(const slk_farm_call *call, const uint8_t ticket[32],
                         const slk_lotus_piece *piece, slk_error *error)
{
    slk_buf text;
    slk_lotus_pc1_out out;
    slk_buf_init(&text, SLK_LOTUS_PC1_OUT_MAX_BYTES);
    slk_err code = slk_farm_result_bytes(&text, call, error);
    if (code == SLK_OK)
        code = slk_lotus_pc1_out_read(&out, text.data, text.len, error);
    slk_buf_done(&text);
    SLK_TRY(code);
    if (out.proof.shape->bytes != piece->bytes)
        return slk_fail(error, SLK_E_PROTO, "it is for sectors of another size");
    if (memcmp(out.comm_d, piece->comm_p, 32) != 0)
        return slk_fail(error, SLK_E_PROTO, "its CommD is not that of an empty sector");
    if (out.has_ticket && memcmp(out.ticket, ticket, 32) != 0)
        return slk_fail(error, SLK_E_PROTO, "it has another ticket");
    return SLK_OK;
}

/* ---- this node ---- */

struct labelling {
    slk_farm_here_ended *ended;
    void *to;
    slk_seal_lane lanes[SLK_SEAL_BATCH_MAX];
    size_t place[SLK_SEAL_BATCH_MAX]; /* of each among those that were given */
    size_t n;
};

static void label_ended(void *context, size_t index, slk_err code, const slk_error *error)
{
    const struct labelling *l = context;
    l->ended(l->to, l->place[index], code, error);
}

/* Layers of workers are of no use any more when this node labels the sectors itself. */
static void begin_here(struct labelling *l, void *const *contexts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct lane *lane = contexts[i];
        slk_error error = {0};
        const slk_err code =
            slk_farm_calls_drop_sector(lane->prover->farm->calls, &lane->work.sector.id, &error);
        if (code != SLK_OK) {
            l->ended(l->to, i, code, &error);
            continue;
        }
        l->lanes[l->n] = lane->what;
        l->place[l->n++] = i;
    }
}

static void label_here(void *const *contexts, size_t n, slk_farm_here_ended *ended, void *to)
{
    const slk_seal_prover *own = &((const struct lane *)contexts[0])->prover->own;
    struct labelling l = {.ended = ended, .to = to};
    slk_assert(n <= SLK_SEAL_BATCH_MAX);
    begin_here(&l, contexts, n);
    if (l.n > 1 && own->pc1_batch) {
        own->pc1_batch(own->ctx, l.lanes, l.n, label_ended, &l);
        return;
    }
    for (size_t i = 0; i < l.n; i++) {
        const slk_seal_lane *lane = &l.lanes[i];
        slk_error error = {0};
        const slk_err code =
            own->pc1(own->ctx, lane->sector, lane->ticket, &lane->paths, lane->job, &error);
        label_ended(&l, i, code, &error);
    }
}

/* ---- one sector ---- */

static void lane_done(struct lane *lane)
{
    json_decref(lane->work.params);
}

/* The lane stays where it is. */
static slk_err lane_init(struct lane *lane, slk_farm_prover *p, const slk_seal_lane *what,
                         slk_error *error)
{
    const slk_lotus_sector_ref ref = slk_farm_ref_of(what->sector);
    lane->prover = p;
    lane->what = *what;
    SLK_TRY(slk_farm_zero_piece(&lane->piece, p, ref.proof, error));
    slk_hex_encode(lane->key, what->ticket, 32);
    json_t *params =
        json_pack("[o o o]", slk_lotus_sector_ref_json(&ref),
                  slk_lotus_randomness_json(what->ticket), slk_farm_piece_list(&lane->piece));
    if (!params)
        return slk_farm_no_memory(error);
    lane->select =
        (slk_farm_select){.farm = p->farm, .sector = ref.id, .sector_bytes = lane->piece.bytes};
    lane->work = (slk_farm_work){.task = SLK_LOTUS_PRECOMMIT1,
                                 .sector = ref,
                                 .key = lane->key,
                                 .selector = slk_farm_select_pc1,
                                 .selector_context = &lane->select,
                                 .method = "Filecoin.SealPreCommit1",
                                 .params = params,
                                 .batch_method = "Selkie.SealPreCommit1Batch",
                                 .prepare = add_zeros,
                                 .here = label_here,
                                 .context = lane};
    lane->seeker = (slk_farm_seeker){.work = &lane->work, .job = what->job};
    return SLK_OK;
}

/* SLK_E_PROTO: what a worker returned was false. */
static slk_err label_once(struct lane *lane, slk_error *error)
{
    slk_farm_prover *p = lane->prover;
    slk_farm_call call = {0};
    slk_farm_seeker *seeker = lane->asked ? &lane->seeker : NULL;
    lane->asked = false;
    SLK_TRY(slk_farm_work_do(&call, p->farm, &lane->work, seeker, lane->what.job, error));
    if (call.id == 0)
        return SLK_OK;
    slk_err code = check_pc1(&call, lane->what.ticket, &lane->piece, error);
    if (code == SLK_E_PROTO || code == SLK_E_INVAL)
        code = slk_farm_liar(p, &call, SLK_E_PROTO, error->message, error);
    slk_farm_call_done(&call);
    return code;
}

static slk_err label(struct lane *lane, slk_error *error)
{
    slk_err code = SLK_E_PROTO;
    for (unsigned lies = 0; code == SLK_E_PROTO && lies < LIES_MAX; lies++)
        code = label_once(lane, error);
    return code == SLK_E_PROTO ? slk_fail_context(error, SLK_E_IO, "several workers lied") : code;
}

slk_err slk_farm_pc1(void *ctx, const slk_seal_sector *sector, const uint8_t ticket[32],
                     const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    struct lane *lane = slk_calloc(1, sizeof *lane);
    if (!lane)
        return slk_farm_no_memory(error);
    const slk_seal_lane what = {sector, ticket, *paths, job};
    slk_err code = lane_init(lane, ctx, &what, error);
    if (code == SLK_OK)
        code = label(lane, error);
    lane_done(lane);
    slk_free(lane);
    return code;
}

/* ---- several ---- */

static void end_lane(const struct lane *lane, slk_err code, const slk_error *error)
{
    struct batch *b = lane->batch;
    slk_assert(pthread_mutex_lock(&b->lock) == 0);
    b->ended(b->context, lane->index, code, error);
    slk_assert(pthread_mutex_unlock(&b->lock) == 0);
}

static void *lane_main(void *arg)
{
    struct lane *lane = arg;
    slk_error error = {0};
    const slk_err code = label(lane, &error);
    end_lane(lane, code, &error);
    return NULL;
}

static void make_lanes(struct batch *b, slk_farm_prover *p, const slk_seal_lane *lanes)
{
    for (size_t i = 0; i < b->n; i++) {
        struct lane *lane = &b->lanes[i];
        slk_error error = {0};
        lane->batch = b;
        lane->index = i;
        const slk_err code = lane_init(lane, p, &lanes[i], &error);
        lane->made = code == SLK_OK;
        if (code != SLK_OK)
            end_lane(lane, code, &error);
    }
}

/* Of those that no worker has from before. One that cannot be asked for here is by its own thread, which
 * finds out why. */
static void ask_together(const struct batch *b, slk_farm *farm)
{
    slk_farm_seeker *seekers[SLK_SEAL_BATCH_MAX];
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct lane *lane = &b->lanes[i];
        bool begun = true;
        slk_error error = {0};
        if (lane->made && slk_farm_work_begun(&begun, farm, &lane->work, &error) == SLK_OK &&
            !begun)
            seekers[n++] = &lane->seeker;
    }
    slk_error error = {0};
    if (n == 0 || slk_farm_work_seek(farm, seekers, n, &error) != SLK_OK)
        return;
    for (size_t i = 0; i < b->n; i++)
        b->lanes[i].asked = b->lanes[i].seeker.request != 0;
}

/* Each is waited for by a thread of its own; those there is none for, one after the other by this one. */
static void run_lanes(const struct batch *b)
{
    for (size_t i = 1; i < b->n; i++) {
        struct lane *lane = &b->lanes[i];
        lane->threaded = lane->made && pthread_create(&lane->thread, NULL, lane_main, lane) == 0;
    }
    for (size_t i = 0; i < b->n; i++)
        if (b->lanes[i].made && !b->lanes[i].threaded)
            (void)lane_main(&b->lanes[i]);
    for (size_t i = 0; i < b->n; i++)
        if (b->lanes[i].threaded)
            (void)pthread_join(b->lanes[i].thread, NULL);
}

void slk_farm_pc1_batch(void *ctx, const slk_seal_lane *lanes, size_t n, slk_seal_lane_ended *ended,
                        void *context)
{
    slk_farm_prover *p = ctx;
    struct batch b = {.ended = ended, .context = context, .n = n};
    slk_assert(n <= SLK_SEAL_BATCH_MAX);
    b.lanes = slk_calloc(n, sizeof *b.lanes);
    if (!b.lanes) {
        slk_error error = {0};
        const slk_err code = slk_farm_no_memory(&error);
        for (size_t i = 0; i < n; i++)
            ended(context, i, code, &error);
        return;
    }
    slk_assert(pthread_mutex_init(&b.lock, NULL) == 0);
    make_lanes(&b, p, lanes);
    ask_together(&b, p->farm);
    run_lanes(&b);
    for (size_t i = 0; i < n; i++)
        lane_done(&b.lanes[i]);
    (void)pthread_mutex_destroy(&b.lock);
    slk_free(b.lanes);
}
