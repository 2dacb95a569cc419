/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/prover_impl.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "farm/bring.h"
#include "farm/reclaim.h"
#include "farm/select.h"
#include "farm/work.h"

#include <stdio.h>
#include <string.h>

slk_err slk_farm_prover_new(slk_farm_prover **ret_prover, slk_farm *farm,
                            const slk_seal_prover *prover, slk_error *error)
{
    slk_farm_prover *p = slk_calloc(1, sizeof *p);
    if (!p)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the prover");
    p->farm = farm;
    p->own = *prover;
    slk_assert(pthread_mutex_init(&p->lock, NULL) == 0);
    *ret_prover = p;
    return SLK_OK;
}

void slk_farm_prover_free(slk_farm_prover *prover)
{
    if (!prover)
        return;
    (void)pthread_mutex_destroy(&prover->lock);
    slk_free(prover);
}

/* ---- what calls have in common ---- */

slk_lotus_sector_ref slk_farm_ref_of(const slk_seal_sector *sector)
{
    return (slk_lotus_sector_ref){.id = {sector->sp_id, sector->number},
                                  .proof = sector->seal_proof};
}

slk_err slk_farm_zero_piece(slk_lotus_piece *ret, const slk_farm_prover *p, int64_t seal_proof,
                            slk_error *error)
{
    SLK_TRY(p->own.sector_bytes(p->own.ctx, &ret->bytes, seal_proof, error));
    return p->own.zero_comm_d(p->own.ctx, ret->comm_p, seal_proof, error);
}

json_t *slk_farm_piece_list(const slk_lotus_piece *piece)
{
    return json_pack("[o]", slk_lotus_piece_json(piece));
}

slk_err slk_farm_no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for a call of a worker");
}

slk_err slk_farm_liar(slk_farm_prover *p, const slk_farm_call *call, slk_err code, const char *what,
                      slk_error *error)
{
    slk_farm_distrust(p->farm, call->session, call->hostname, what);
    slk_error dropping = {0};
    if (slk_farm_calls_drop_sector(p->farm->calls, &call->call.sector, &dropping) != SLK_OK)
        slk_log(SLK_LOG_WARN, "farm.drop", "why=\"%s\"", dropping.message);
    return slk_fail(error, code, "worker %.80s made what is false: %s", call->hostname, what);
}

slk_err slk_farm_result_bytes(slk_buf *out, const slk_farm_call *call, slk_error *error)
{
    if (!json_is_string(call->outcome.result))
        return slk_fail(error, SLK_E_PROTO, "worker %.80s returned no bytes", call->hostname);
    return slk_json_as_bytes(out, call->outcome.result, "result", error);
}

/* The same of a C1 alone: what its worker made before was looked at by itself. */
static slk_err refute_c1(slk_farm_prover *p, const slk_farm_call *call, const char *what,
                         slk_error *error)
{
    slk_farm_distrust(p->farm, call->session, call->hostname, what);
    slk_error dropping = {0};
    if (slk_farm_calls_drop(p->farm->calls, call->id, &dropping) != SLK_OK)
        slk_log(SLK_LOG_WARN, "farm.drop", "why=\"%s\"", dropping.message);
    return slk_fail(error, SLK_E_PROTO, "the C1 of worker %.80s is false: %.200s", call->hostname,
                    what);
}

/* ---- PC2 ---- */

static slk_err pc2_here(slk_farm_prover *p, slk_seal_commitments *ret,
                        const slk_seal_sector *sector, const slk_seal_paths *paths, slk_job *job,
                        slk_error *error)
{
    const slk_lotus_sector_ref ref = slk_farm_ref_of(sector);
    slk_farm_grant here = {0};
    SLK_TRY(slk_farm_work_here(&here, p->farm, SLK_LOTUS_PRECOMMIT2, &ref, job, error));
    const slk_err code = p->own.pc2(p->own.ctx, ret, sector, paths, job, error);
    slk_farm_grant_end(p->farm, &here);
    return code;
}

static slk_err read_cids(slk_seal_commitments *ret, const slk_farm_call *call, slk_error *error)
{
    slk_lotus_cids cids;
    SLK_TRY(slk_lotus_cids_read(&cids, call->outcome.result, "SectorCids", error));
    if (!cids.defined)
        return slk_fail(error, SLK_E_PROTO, "worker %.80s returned no CIDs", call->hostname);
    memcpy(ret->comm_d, cids.comm_d, 32);
    memcpy(ret->comm_r, cids.comm_r, 32);
    return SLK_OK;
}

/* The PC2 call alone: on the worker with the layers, or one that fetches them. */
static slk_err pc2_there(slk_farm_prover *p, slk_farm_call *ret_call,
                         const slk_lotus_sector_ref *ref, const slk_farm_call *pc1, slk_job *job,
                         slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp)
    json_t *params = json_pack("[o O]", slk_lotus_sector_ref_json(ref), pc1->outcome.result);
    if (!params)
        return slk_farm_no_memory(error);
    slk_farm_select select = {.farm = p->farm,
                              .sector = ref->id,
                              .types = SLK_LOTUS_SEALED | SLK_LOTUS_CACHE,
                              .made = pc1,
                              .fetched = true};
    struct slk_farm_fetch_layers fetch = {.sector = *ref, .key = pc1->key};
    const slk_farm_work work = {.task = SLK_LOTUS_PRECOMMIT2,
                                .sector = *ref,
                                .key = pc1->key,
                                .selector = slk_farm_select_near,
                                .selector_context = &select,
                                .about = slk_farm_select_about,
                                .hopeless = slk_farm_select_hopeless,
                                .hopeless_context = &select,
                                .method = "Filecoin.SealPreCommit2",
                                .params = params,
                                .prepare = slk_farm_bring_layers,
                                .context = &fetch};
    return slk_farm_work_do(ret_call, p->farm, &work, NULL, job, error);
}

static slk_err c1_there(slk_farm_prover *p, const slk_seal_sector *sector,
                        const slk_seal_commitments *comm, const slk_farm_call *made,
                        const uint8_t ticket[32], const uint8_t seed[32], const char *out_path,
                        slk_job *job, slk_error *error);

/* A C1 that nobody could have prepared for. made: by whose call the files are. */
static slk_err trial_c1(slk_farm_prover *p, const slk_seal_sector *sector,
                        const slk_seal_commitments *comm, const slk_farm_call *made,
                        const uint8_t ticket[32], const slk_seal_paths *paths, slk_job *job,
                        slk_error *error)
{
    uint8_t seed[32];
    slk_rng_fill(seed, sizeof seed);
    seed[31] &= 0x3f; /* as all randomness of the chain that ends in a proof */
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s.trial-c1", paths->sealed);
    if (!path)
        return slk_farm_no_memory(error);
    slk_err code = c1_there(p, sector, comm, made, ticket, seed, path, job, error);
    slk_error why = {0};
    const slk_err removed = slk_remove_tree(path, &why);
    if (code == SLK_OK && removed != SLK_OK)
        code = slk_fail(error, removed, "%s", why.message);
    return code;
}

/* What was brought is what it is said to be; if not, the worker lied. */
static slk_err check_brought(slk_farm_prover *p, const slk_seal_sector *sector,
                             const slk_seal_commitments *comm, const slk_farm_call *made,
                             const uint8_t ticket[32], const slk_seal_paths *paths, slk_job *job,
                             slk_error *error)
{
    char why[SLK_SEAL_REASON_CHARS] = "";
    bool valid = false;
    uint8_t zero[32];
    SLK_TRY(p->own.zero_comm_d(p->own.ctx, zero, sector->seal_proof, error));
    if (memcmp(zero, comm->comm_d, 32) != 0)
        return slk_fail(error, SLK_E_PROTO, "its CommD is not that of an empty sector");
    SLK_TRY(p->own.check_replica(p->own.ctx, &valid, why, sector, comm, ticket, paths, NULL, job,
                                 error));
    if (!valid)
        return slk_fail(error, SLK_E_PROTO, "%s", why);
    return trial_c1(p, sector, comm, made, ticket, paths, job, error);
}

/* PC2 is done there: files come here and are looked at. */
static slk_err take_sealed(slk_farm_prover *p, slk_seal_commitments *ret,
                           const slk_seal_sector *sector, const slk_farm_call *pc1,
                           const slk_farm_call *pc2, const slk_seal_paths *paths, slk_job *job,
                           slk_error *error)
{
    uint8_t ticket[32];
    uint64_t bytes = 0;
    slk_seal_commitments comm;
    if (!slk_hex_decode(ticket, 32, pc1->key))
        return slk_fail(error, SLK_E_INTERNAL, "a stored call has no ticket");
    slk_err code = read_cids(&comm, pc2, error);
    if (code == SLK_OK)
        code = p->own.sector_bytes(p->own.ctx, &bytes, sector->seal_proof, error);
    slk_farm_step_aside(p->farm, true);
    if (code == SLK_OK)
        code = slk_farm_bring_finished(p->farm, pc2, bytes, paths, job, error);
    if (code == SLK_OK)
        code = check_brought(p, sector, &comm, pc2, ticket, paths, job, error);
    slk_farm_step_aside(p->farm, false);
    if (code == SLK_E_PROTO || code == SLK_E_INVAL) {
        slk_farm_forget_brought(paths);
        return slk_farm_liar(p, pc2, SLK_E_CORRUPT, error->message, error);
    }
    SLK_TRY(code);
    *ret = comm;
    return SLK_OK;
}

static const char gone_with_worker[] = "the layers are gone with their worker";

/* Nobody has layers that are good for anything: labelling begins anew. */
static slk_err layers_gone(slk_farm_prover *p, const slk_lotus_sector *sector, const char *why,
                           slk_error *error)
{
    slk_error dropping = {0};
    slk_err code = slk_farm_calls_drop_sector(p->farm->calls, sector, &dropping);
    if (code == SLK_OK)
        code = slk_farm_forget_away(p->farm, sector, &dropping);
    if (code != SLK_OK)
        return slk_fail(error, code, "%s", dropping.message);
    return slk_fail_context(error, SLK_E_CORRUPT, "%s", why);
}

static slk_err farm_pc2(void *ctx, slk_seal_commitments *ret, const slk_seal_sector *sector,
                        const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    slk_farm_prover *p = ctx;
    const slk_lotus_sector_ref ref = slk_farm_ref_of(sector);
    slk_farm_call pc1 = {0}, pc2 = {0};
    slk_error none = {0};
    slk_err code =
        slk_farm_calls_find(&pc1, p->farm->calls, &ref.id, SLK_LOTUS_PRECOMMIT1, NULL, &none);
    if (code == SLK_E_NOTFOUND)
        return pc2_here(p, ret, sector, paths, job, error);
    if (code != SLK_OK)
        return slk_fail(error, code, "%s", none.message);
    code = pc2_there(p, &pc2, &ref, &pc1, job, error);
    if (code == SLK_OK)
        code = take_sealed(p, ret, sector, &pc1, &pc2, paths, job, error);
    if (code == SLK_E_NOTFOUND) {
        code = layers_gone(p, &ref.id, gone_with_worker, error);
        slk_farm_forget_brought(paths);
    }
    if (code == SLK_E_CANCELED && !slk_farm_is_stopping(p->farm))
        slk_farm_forget_brought(paths);
    slk_farm_call_done(&pc1);
    slk_farm_call_done(&pc2);
    return code;
}

/* ---- C1 ---- */

/* The result, in the results folder, becomes the file that was asked for. SLK_E_PROTO: there was none. */
static slk_err take_file(slk_farm *farm, const slk_farm_call *call, const char *out_path,
                         slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *from = slk_farm_calls_file(farm->calls, call->call.uuid);
    SLK_CLEANUP(slk_closep) int fd = -1;
    slk_file_map map = {0};
    if (!from)
        return slk_farm_no_memory(error);
    if (!call->outcome.result_file)
        return slk_fail(error, SLK_E_PROTO, "worker %.80s returned no C1", call->hostname);
    SLK_TRY(slk_file_create(&fd, out_path, 0644, error));
    SLK_TRY(slk_file_map_read(&map, from, error));
    const slk_err code = slk_file_write_at(fd, map.data, map.bytes, 0, out_path, error);
    slk_file_map_done(&map);
    SLK_TRY(code);
    return slk_farm_calls_drop(farm->calls, call->id, error);
}

static slk_err c1_params(json_t **ret, const slk_farm_prover *p, const slk_seal_sector *sector,
                         const slk_seal_commitments *comm, const uint8_t ticket[32],
                         const uint8_t seed[32], slk_error *error)
{
    const slk_lotus_sector_ref ref = slk_farm_ref_of(sector);
    slk_lotus_cids cids = {.defined = true};
    slk_lotus_piece piece;
    memcpy(cids.comm_d, comm->comm_d, 32);
    memcpy(cids.comm_r, comm->comm_r, 32);
    SLK_TRY(slk_farm_zero_piece(&piece, p, sector->seal_proof, error));
    *ret = json_pack("[o o o o o]", slk_lotus_sector_ref_json(&ref),
                     slk_lotus_randomness_json(ticket), slk_lotus_randomness_json(seed),
                     slk_farm_piece_list(&piece), slk_lotus_cids_json(&cids));
    return *ret ? SLK_OK : slk_farm_no_memory(error);
}

static slk_err c1_there(slk_farm_prover *p, const slk_seal_sector *sector,
                        const slk_seal_commitments *comm, const slk_farm_call *made,
                        const uint8_t ticket[32], const uint8_t seed[32], const char *out_path,
                        slk_job *job, slk_error *error)
{
    char key[130], why[SLK_SEAL_REASON_CHARS] = "";
    bool valid = false;
    SLK_CLEANUP(slk_json_decrefp) json_t *params = NULL;
    SLK_TRY(c1_params(&params, p, sector, comm, ticket, seed, error));
    slk_hex_encode(key, ticket, 32);
    key[64] = ':';
    slk_hex_encode(key + 65, seed, 32);
    slk_farm_select select = {.farm = p->farm,
                              .sector = {sector->sp_id, sector->number},
                              .types = SLK_LOTUS_SEALED | SLK_LOTUS_CACHE,
                              .made = made};
    const slk_farm_work work = {.task = SLK_LOTUS_COMMIT1,
                                .sector = slk_farm_ref_of(sector),
                                .key = key,
                                .selector = slk_farm_select_holder,
                                .selector_context = &select,
                                .about = slk_farm_select_about,
                                .hopeless = slk_farm_select_hopeless,
                                .hopeless_context = &select,
                                .method = "Filecoin.SealCommit1",
                                .params = params};
    slk_farm_call call = {0};
    SLK_TRY(slk_farm_work_do(&call, p->farm, &work, NULL, job, error));
    slk_err code = take_file(p->farm, &call, out_path, error);
    if (code == SLK_E_PROTO)
        code = refute_c1(p, &call, "no C1 in its answer", error);
    if (code == SLK_OK)
        code = p->own.verify_c1(p->own.ctx, &valid, why, sector, comm, ticket, seed, out_path, job,
                                error);
    if (code == SLK_OK && !valid)
        code = refute_c1(p, &call, why, error);
    slk_farm_call_done(&call);
    return code;
}

/* Who lied is not asked again, and nothing that it has is used. */
static bool somebody_has_labels(slk_farm *farm, const slk_lotus_sector *sector)
{
    slk_farm_enter(farm);
    const bool has = slk_farm_is_reachable(farm, sector, SLK_LOTUS_SEALED | SLK_LOTUS_CACHE, NULL);
    slk_farm_leave(farm);
    return has;
}

static slk_err farm_c1(void *ctx, const slk_seal_sector *sector, const slk_seal_commitments *comm,
                       const uint8_t ticket[32], const uint8_t seed[32],
                       const slk_seal_paths *paths, const char *out_path, slk_job *job,
                       slk_error *error)
{
    slk_farm_prover *p = ctx;
    const slk_lotus_sector sector_id = {sector->sp_id, sector->number};
    slk_farm_call pc1 = {0}, pc2 = {0};
    slk_error none = {0};
    char key[65];
    slk_hex_encode(key, ticket, 32);
    slk_err code =
        slk_farm_calls_find(&pc1, p->farm->calls, &sector_id, SLK_LOTUS_PRECOMMIT1, key, &none);
    if (code == SLK_E_NOTFOUND)
        return p->own.c1(p->own.ctx, sector, comm, ticket, seed, paths, out_path, job, error);
    if (code != SLK_OK)
        return slk_fail(error, code, "%s", none.message);
    const bool known = slk_farm_calls_find(&pc2, p->farm->calls, &sector_id, SLK_LOTUS_PRECOMMIT2,
                                           key, &none) == SLK_OK;
    code = c1_there(p, sector, comm, known ? &pc2 : &pc1, ticket, seed, out_path, job, error);
    /* The replica here stays: it will be the same. */
    if (code == SLK_E_NOTFOUND)
        code = layers_gone(p, &sector_id, gone_with_worker, error);
    else if (code == SLK_E_PROTO && !somebody_has_labels(p->farm, &sector_id))
        code = layers_gone(p, &sector_id, "the layers are not believed", error);
    slk_farm_call_done(&pc1);
    slk_farm_call_done(&pc2);
    return code;
}

/* ---- finalise ---- */

static slk_err farm_finalise(void *ctx, const slk_seal_sector *sector, const slk_seal_paths *paths,
                             slk_job *job, slk_error *error)
{
    slk_farm_prover *p = ctx;
    const slk_lotus_sector id = {sector->sp_id, sector->number};
    SLK_TRY(p->own.finalise(p->own.ctx, sector, paths, job, error));
    slk_farm_call pc1 = {0};
    slk_error why = {0};
    slk_err code = slk_farm_calls_find(&pc1, p->farm->calls, &id, SLK_LOTUS_PRECOMMIT1, NULL, &why);
    if (code == SLK_E_NOTFOUND)
        return SLK_OK;
    slk_farm_call_done(&pc1);
    if (code == SLK_OK)
        code = slk_farm_reclaim(p->farm, &id, &why);
    if (code == SLK_OK)
        code = slk_farm_calls_drop_sector(p->farm->calls, &id, &why);
    if (code != SLK_OK) /* the calls stay, and with them what removes the files later */
        slk_log(SLK_LOG_WARN, "farm.reclaim", "sector=f0%lu/%lu why=\"%s\" next=\"tries again\"",
                (unsigned long)id.miner, (unsigned long)id.number, slk_error_text(&why, code));
    return SLK_OK;
}

/* ---- C2 ---- */

static void note_maker(slk_farm_prover *p, const slk_farm_call *call)
{
    slk_assert(pthread_mutex_lock(&p->lock) == 0);
    struct maker *m = &p->makers[p->next++ % SLK_FARM_RECENT];
    m->sector = call->call.sector;
    memcpy(m->session, call->session, sizeof m->session);
    memcpy(m->hostname, call->hostname, sizeof m->hostname);
    slk_assert(pthread_mutex_unlock(&p->lock) == 0);
}

/* Who made the sector's last proof; session "" this node, or it is long ago. */
static void take_maker(struct maker *out, slk_farm_prover *p, const slk_lotus_sector *sector)
{
    *out = (struct maker){0};
    slk_assert(pthread_mutex_lock(&p->lock) == 0);
    for (size_t i = 0; i < SLK_FARM_RECENT; i++)
        if (p->makers[i].session[0] && slk_lotus_sector_equal(&p->makers[i].sector, sector)) {
            *out = p->makers[i];
            p->makers[i].session[0] = '\0';
        }
    slk_assert(pthread_mutex_unlock(&p->lock) == 0);
}

static slk_err take_proof(slk_farm_prover *p, slk_buf *proof, slk_farm_call *call, slk_error *error)
{
    slk_buf bytes;
    slk_buf_init(&bytes, SLK_SEAL_PROOF_MAX_BYTES);
    slk_err code = slk_farm_result_bytes(&bytes, call, error);
    if (code == SLK_OK && slk_buf_append(proof, bytes.data, bytes.len) != SLK_OK)
        code = slk_fail(error, SLK_E_NOMEM, "out of memory for the proof");
    slk_buf_done(&bytes);
    if (code == SLK_OK)
        note_maker(p, call);
    slk_error dropping = {0}; /* its use is over, whatever it was */
    if (slk_farm_calls_drop(p->farm->calls, call->id, &dropping) != SLK_OK)
        slk_log(SLK_LOG_WARN, "farm.drop", "why=\"%s\"", dropping.message);
    return code;
}

/* A proof that is asked for. */
struct proof {
    const slk_farm_prover *prover;
    slk_buf *out;
    const slk_seal_sector *sector;
    const char *c1_path;
    slk_job *job;
};

static void prove_here(void *const *contexts, size_t n, slk_farm_here_ended *ended, void *to)
{
    const struct proof *proof = contexts[0];
    const slk_seal_prover *own = &proof->prover->own;
    slk_error error = {0};
    slk_assert(n == 1);
    const slk_err code =
        own->c2(own->ctx, proof->out, proof->sector, proof->c1_path, proof->job, &error);
    ended(to, 0, code, &error);
}

static slk_err c2_work(slk_farm_call *ret_call, struct proof *proof, slk_error *error)
{
    slk_farm *farm = proof->prover->farm;
    char key[SLK_FARM_KEY_CHARS], *name = strrchr(proof->c1_path, '/');
    const slk_lotus_sector_ref ref = slk_farm_ref_of(proof->sector);
    slk_farm_select select = {.farm = farm, .sector = ref.id};
    SLK_TRY(slk_file_size(&select.file_bytes, proof->c1_path, error));
    (void)snprintf(key, sizeof key, "%llu:%.120s", (unsigned long long)select.file_bytes,
                   name ? name + 1 : proof->c1_path);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *params = json_pack("[o n]", slk_lotus_sector_ref_json(&ref));
    if (!params)
        return slk_farm_no_memory(error);
    const slk_farm_work work = {.task = SLK_LOTUS_COMMIT2,
                                .sector = ref,
                                .key = key,
                                .selector = slk_farm_select_c2,
                                .selector_context = &select,
                                .method = "Filecoin.SealCommit2",
                                .params = params,
                                .file = proof->c1_path,
                                .file_param = 1,
                                .here = prove_here,
                                .context = proof};
    return slk_farm_work_do(ret_call, farm, &work, NULL, proof->job, error);
}

static slk_err farm_c2(void *ctx, slk_buf *proof, const slk_seal_sector *sector,
                       const char *c1_path, slk_job *job, slk_error *error)
{
    slk_farm_prover *p = ctx;
    slk_farm_call call = {0};
    struct proof asked = {p, proof, sector, c1_path, job};
    slk_err code = c2_work(&call, &asked, error);
    if (code == SLK_OK && call.id != 0)
        code = take_proof(p, proof, &call, error);
    slk_farm_call_done(&call);
    return code;
}

/* ---- here ---- */

static slk_err farm_verify_proof(void *ctx, bool *ret_valid, const slk_seal_sector *sector,
                                 const slk_seal_commitments *comm, const uint8_t ticket[32],
                                 const uint8_t seed[32], const uint8_t *proof, size_t proof_bytes,
                                 slk_error *error)
{
    slk_farm_prover *p = ctx;
    struct maker maker;
    const slk_lotus_sector id = {sector->sp_id, sector->number};
    SLK_TRY(p->own.verify_proof(p->own.ctx, ret_valid, sector, comm, ticket, seed, proof,
                                proof_bytes, error));
    take_maker(&maker, p, &id);
    if (!*ret_valid && maker.session[0])
        slk_farm_distrust(p->farm, maker.session, maker.hostname,
                          "a proof (C2) that does not verify");
    return SLK_OK;
}

static slk_err farm_sector_bytes(void *ctx, uint64_t *ret_bytes, int64_t seal_proof,
                                 slk_error *error)
{
    const slk_farm_prover *p = ctx;
    return p->own.sector_bytes(p->own.ctx, ret_bytes, seal_proof, error);
}

static slk_err farm_zero_comm_d(void *ctx, uint8_t out32[32], int64_t seal_proof, slk_error *error)
{
    const slk_farm_prover *p = ctx;
    return p->own.zero_comm_d(p->own.ctx, out32, seal_proof, error);
}

static slk_err farm_check_replica(void *ctx, bool *ret_valid, char *why,
                                  const slk_seal_sector *sector, const slk_seal_commitments *comm,
                                  const uint8_t ticket[32], const slk_seal_paths *paths,
                                  slk_gate *arriving, slk_job *job, slk_error *error)
{
    const slk_farm_prover *p = ctx;
    const slk_lotus_sector_ref ref = slk_farm_ref_of(sector);
    slk_farm_grant here = {0};
    if (!arriving) /* one that arrives is waited for more than worked on */
        SLK_TRY(slk_farm_work_here(&here, p->farm, SLK_LOTUS_PRECOMMIT2, &ref, job, error));
    const slk_err code = p->own.check_replica(p->own.ctx, ret_valid, why, sector, comm, ticket,
                                              paths, arriving, job, error);
    slk_farm_grant_end(p->farm, &here);
    return code;
}

static slk_err farm_verify_c1(void *ctx, bool *ret_valid, char *why, const slk_seal_sector *sector,
                              const slk_seal_commitments *comm, const uint8_t ticket[32],
                              const uint8_t seed[32], const char *c1_path, slk_job *job,
                              slk_error *error)
{
    const slk_farm_prover *p = ctx;
    return p->own.verify_c1(p->own.ctx, ret_valid, why, sector, comm, ticket, seed, c1_path, job,
                            error);
}

static unsigned farm_room(void *ctx, bool snark)
{
    const slk_farm_prover *p = ctx;
    return slk_farm_room(p->farm, snark);
}

static unsigned farm_batch_room(void *ctx)
{
    const slk_farm_prover *p = ctx;
    return slk_farm_batch_room(p->farm);
}

void slk_farm_prover_fill(slk_seal_prover *ret_ops, slk_farm_prover *prover)
{
    *ret_ops = (slk_seal_prover){
        .ctx = prover,
        .sector_bytes = farm_sector_bytes,
        .zero_comm_d = farm_zero_comm_d,
        .pc1 = slk_farm_pc1,
        .pc1_batch = slk_farm_pc1_batch,
        .pc2 = farm_pc2,
        .c1 = farm_c1,
        .finalise = farm_finalise,
        .check_replica = farm_check_replica,
        .verify_c1 = farm_verify_c1,
        .c2 = farm_c2,
        .verify_proof = farm_verify_proof,
        .room = farm_room,
        .batch_room = farm_batch_room,
    };
}
