/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/world_test.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/cid.h"
#include "fil/actor.h"
#include "fil/commcid.h"
#include "seal/sql_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLICA_BYTES 64u
#define EPOCH_MS 1000

/* ---- what the stubs share ---- */

static slk_err fault(world *w, world_op op, slk_error *error)
{
    pthread_mutex_lock(&w->mutex);
    w->calls[op]++;
    bool fails = false;
    if (w->fail_code != SLK_OK && w->fail_op == op) {
        if (w->fail_after > 0)
            w->fail_after--;
        else if (w->fail_count > 0) {
            w->fail_count--;
            fails = true;
        }
    }
    slk_err code = w->fail_code;
    pthread_mutex_unlock(&w->mutex);
    return fails ? slk_fail(error, code, "fault %d", (int)op) : SLK_OK;
}

void world_fail(world *w, world_op op, unsigned after, unsigned count, slk_err code)
{
    w->fail_op = op;
    w->fail_after = after;
    w->fail_count = count;
    w->fail_code = code;
}

/* The chain's state is shared by both nodes' threads: each stub holds the (recursive) mutex. */
static world *lock_world(world *w)
{
    pthread_mutex_lock(&w->mutex);
    return w;
}

static void unlock_world(world **w)
{
    pthread_mutex_unlock(&(*w)->mutex);
}

/* A poor man's hash: 32 bytes that depend on every input, top bits clear. */
static void mix(uint8_t out32[32], const char *what, uint64_t a, uint64_t b, const uint8_t *more)
{
    uint64_t h = UINT64_C(1469598103934665603);
    for (const char *c = what; *c; c++)
        h = (h ^ (uint8_t)*c) * UINT64_C(1099511628211);
    h = (h ^ a) * UINT64_C(1099511628211);
    h = (h ^ b) * UINT64_C(1099511628211);
    for (unsigned i = 0; more && i < 32; i++)
        h = (h ^ more[i]) * UINT64_C(1099511628211);
    for (unsigned i = 0; i < 4; i++) {
        h = (h ^ i) * UINT64_C(1099511628211);
        slk_store_le64(out32 + 8 * i, h);
    }
    out32[31] &= 0x1f;
}

static slk_err put_file(const char *path, const void *bytes, size_t n, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_file_create(&fd, path, 0644, error));
    return slk_file_write_at(fd, bytes, n, 0, path, error);
}

static size_t get_file(const char *path, void *bytes, size_t n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    size_t got = fread(bytes, 1, n, f);
    (void)fclose(f);
    return got;
}

/* ---- prover ---- */

static slk_err sector_bytes(void *ctx, uint64_t *ret, int64_t proof, slk_error *error)
{
    (void)ctx;
    if (proof != WORLD_PROOF)
        return slk_fail(error, SLK_E_UNSUPPORTED, "unknown proof");
    *ret = REPLICA_BYTES;
    return SLK_OK;
}

static slk_err zero_comm_d(void *ctx, uint8_t out32[32], int64_t proof, slk_error *error)
{
    (void)ctx;
    (void)error;
    mix(out32, "zero", (uint64_t)proof, 0, NULL);
    return SLK_OK;
}

static void replica_of(uint8_t out[REPLICA_BYTES], const slk_seal_sector *s, const uint8_t *ticket)
{
    mix(out, "replica", s->sp_id, s->number, ticket);
    mix(out + 32, "replica2", s->sp_id, s->number, ticket);
}

static slk_err stub_pc1(void *ctx, const slk_seal_sector *s, const uint8_t ticket[32],
                        const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    world *w = ctx;
    slk_job_stage(job, "layer 1", 1);
    SLK_TRY(fault(w, OP_PC1, error));
    uint8_t want[REPLICA_BYTES], have[REPLICA_BYTES];
    replica_of(want, s, ticket);
    char layer[256];
    (void)snprintf(layer, sizeof layer, "%s/layer-1", paths->cache);
    if (get_file(layer, have, sizeof have) == sizeof have && memcmp(have, want, sizeof have) == 0)
        return SLK_OK;
    w->work[OP_PC1]++;
    SLK_TRY(put_file(layer, want, sizeof want, error));
    slk_job_advance(job, 1);
    if (w->in_pc1)
        w->in_pc1(w, job);
    return slk_job_check(job, error);
}

static void stub_pc1_batch(void *ctx, const slk_seal_lane *lanes, size_t n,
                           slk_seal_lane_ended *ended, void *context)
{
    world *w = ctx;
    pthread_mutex_lock(&w->mutex);
    w->batches++;
    w->batch_most = n > w->batch_most ? n : w->batch_most;
    pthread_mutex_unlock(&w->mutex);
    for (size_t i = 0; i < n; i++) {
        slk_error error = {0};
        slk_err code =
            stub_pc1(w, lanes[i].sector, lanes[i].ticket, &lanes[i].paths, lanes[i].job, &error);
        ended(context, i, code, &error);
    }
}

static slk_err stub_pc2(void *ctx, slk_seal_commitments *ret, const slk_seal_sector *s,
                        const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    world *w = ctx;
    slk_job_stage(job, "tree-r", 1);
    SLK_TRY(fault(w, OP_PC2, error));
    uint8_t replica[REPLICA_BYTES];
    char layer[256], p_aux[256];
    (void)snprintf(layer, sizeof layer, "%s/layer-1", paths->cache);
    (void)snprintf(p_aux, sizeof p_aux, "%s/p_aux", paths->cache);
    if (get_file(layer, replica, sizeof replica) != sizeof replica)
        return slk_fail(error, SLK_E_CORRUPT, "no layer");
    w->work[OP_PC2]++;
    SLK_TRY(put_file(paths->sealed, replica, sizeof replica, error));
    SLK_TRY(put_file(p_aux, replica, 32, error));
    SLK_TRY(zero_comm_d(NULL, ret->comm_d, s->seal_proof, error));
    mix(ret->comm_r, "comm_r", 0, 0, replica);
    return slk_job_check(job, error);
}

static slk_err stub_c1(void *ctx, const slk_seal_sector *s, const slk_seal_commitments *comm,
                       const uint8_t ticket[32], const uint8_t seed[32],
                       const slk_seal_paths *paths, const char *out_path, slk_job *job,
                       slk_error *error)
{
    world *w = ctx;
    (void)s;
    (void)ticket;
    (void)job;
    SLK_TRY(fault(w, OP_C1, error));
    char layer[256];
    (void)snprintf(layer, sizeof layer, "%s/layer-1", paths->cache);
    if (!slk_file_exists(layer))
        return slk_fail(error, SLK_E_CORRUPT, "the layers are gone");
    w->work[OP_C1]++;
    uint8_t c1[32];
    mix(c1, "c1", 0, slk_load_le64(comm->comm_r), seed);
    SLK_TRY(put_file(out_path, c1, sizeof c1, error));
    return SLK_OK;
}

static slk_err stub_finalise(void *ctx, const slk_seal_sector *s, const slk_seal_paths *paths,
                             slk_job *job, slk_error *error)
{
    (void)s;
    (void)job;
    SLK_TRY(fault(ctx, OP_FINALISE, error));
    char layer[256];
    (void)snprintf(layer, sizeof layer, "%s/layer-1", paths->cache);
    return slk_remove_tree(layer, error);
}

static slk_err stub_check_replica(void *ctx, bool *ret_valid, char *why, const slk_seal_sector *s,
                                  const slk_seal_commitments *comm, const slk_seal_paths *paths,
                                  slk_job *job, slk_error *error)
{
    (void)s;
    (void)job;
    SLK_TRY(fault(ctx, OP_CHECK_REPLICA, error));
    uint8_t replica[REPLICA_BYTES] = {0}, comm_r[32];
    (void)get_file(paths->sealed, replica, sizeof replica);
    mix(comm_r, "comm_r", 0, 0, replica);
    *ret_valid = memcmp(comm_r, comm->comm_r, 32) == 0;
    if (!*ret_valid)
        (void)snprintf(why, SLK_SEAL_REASON_CHARS, "tree-r-last does not agree with the replica");
    return SLK_OK;
}

static slk_err stub_verify_c1(void *ctx, bool *ret_valid, char *why, const slk_seal_sector *s,
                              const slk_seal_commitments *comm, const uint8_t ticket[32],
                              const uint8_t seed[32], const char *c1_path, slk_job *job,
                              slk_error *error)
{
    (void)s;
    (void)job;
    (void)ticket;
    SLK_TRY(fault(ctx, OP_VERIFY_C1, error));
    uint8_t want[32], have[32] = {0};
    mix(want, "c1", 0, slk_load_le64(comm->comm_r), seed);
    (void)get_file(c1_path, have, sizeof have);
    *ret_valid = memcmp(want, have, 32) == 0;
    if (!*ret_valid)
        (void)snprintf(why, SLK_SEAL_REASON_CHARS, "challenge 0 has a wrong path");
    return SLK_OK;
}

static void proof_of(uint8_t out[192], const uint8_t c1[32])
{
    for (unsigned i = 0; i < 6; i++)
        mix(out + (size_t)32 * i, "proof", i, 0, c1);
}

static slk_err stub_c2(void *ctx, slk_buf *proof, const slk_seal_sector *s, const char *c1_path,
                       slk_job *job, slk_error *error)
{
    world *w = ctx;
    (void)s;
    slk_job_stage(job, "snark", 1);
    SLK_TRY(fault(w, OP_C2, error));
    w->work[OP_C2]++;
    uint8_t c1[32], bytes[192];
    assert_int_equal(get_file(c1_path, c1, 32), 32);
    proof_of(bytes, c1);
    SLK_TRY(slk_job_check(job, error));
    return slk_buf_append(proof, bytes, sizeof bytes);
}

static slk_err stub_verify_proof(void *ctx, bool *ret_valid, const slk_seal_sector *s,
                                 const slk_seal_commitments *comm, const uint8_t ticket[32],
                                 const uint8_t seed[32], const uint8_t *proof, size_t n,
                                 slk_error *error)
{
    (void)s;
    (void)ticket;
    SLK_TRY(fault(ctx, OP_VERIFY_PROOF, error));
    uint8_t c1[32], want[192];
    mix(c1, "c1", 0, slk_load_le64(comm->comm_r), seed);
    proof_of(want, c1);
    *ret_valid = n == sizeof want && memcmp(want, proof, n) == 0;
    return SLK_OK;
}

/* ---- chain ---- */

static slk_err stub_network(void *ctx, slk_seal_network *ret, slk_error *error)
{
    (void)ctx;
    (void)error;
    *ret = (slk_seal_network){.ticket_lookback_epochs = 900,
                              .ticket_max_age_epochs = 3780,
                              .challenge_delay_epochs = 10,
                              .max_prove_commit_epochs = 86410,
                              .min_expiration_epochs = 518400,
                              .max_extension_epochs = 3680640,
                              .epoch_ms = EPOCH_MS};
    return SLK_OK;
}

static slk_err stub_head(void *ctx, int64_t *ret, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    SLK_TRY(fault(w, OP_HEAD, error));
    *ret = w->head;
    return SLK_OK;
}

static slk_err stub_ticket(void *ctx, uint8_t out32[32], uint64_t sp_id, int64_t epoch,
                           slk_error *error)
{
    SLK_TRY(fault(ctx, OP_TICKET, error));
    mix(out32, "ticket", sp_id, (uint64_t)epoch, NULL);
    return SLK_OK;
}

static slk_err stub_seed(void *ctx, uint8_t out32[32], uint64_t sp_id, int64_t epoch,
                         slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    SLK_TRY(fault(w, OP_SEED, error));
    if (epoch > w->head)
        return slk_fail(error, SLK_E_BUSY, "cannot draw randomness from the future");
    mix(out32, "seed", sp_id, (uint64_t)epoch, NULL);
    return SLK_OK;
}

static slk_err stub_allocated(void *ctx, slk_bitfield *ret_set, uint64_t sp_id, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    (void)sp_id;
    (void)error;
    for (uint64_t i = 0; i < WORLD_SECTORS; i++)
        if (w->sectors[i].allocated)
            SLK_TRY(slk_bitfield_add(ret_set, i));
    return SLK_OK;
}

static slk_err stub_check_miner(void *ctx, uint64_t sp_id, int64_t proof, slk_error *error)
{
    (void)ctx;
    (void)proof;
    return sp_id == WORLD_SP || sp_id == WORLD_SP + 1
               ? SLK_OK
               : slk_fail(error, SLK_E_INVAL, "no such miner");
}

static slk_err stub_precommit_info(void *ctx, slk_seal_precommit_info *ret, uint64_t sp_id,
                                   uint64_t number, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    (void)sp_id;
    SLK_TRY(fault(w, OP_PRECOMMIT_INFO, error));
    const world_chain_sector *s = &w->sectors[number % WORLD_SECTORS];
    *ret = (slk_seal_precommit_info){.found = s->precommitted,
                                     .seal_proof = WORLD_PROOF,
                                     .ticket_epoch = s->ticket_epoch,
                                     .precommit_epoch = s->precommit_epoch,
                                     .expiration = s->expiration};
    memcpy(ret->comm_r, s->comm_r, 32);
    return SLK_OK;
}

static slk_err stub_sector_info(void *ctx, slk_seal_sector_info *ret, uint64_t sp_id,
                                uint64_t number, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    (void)sp_id;
    (void)error;
    const world_chain_sector *s = &w->sectors[number % WORLD_SECTORS];
    *ret = (slk_seal_sector_info){.found = s->proven, .expiration = s->expiration};
    memcpy(ret->comm_r, s->comm_r, 32);
    return SLK_OK;
}

static slk_err new_message(world *w, slk_seal_sent *ret, const world_message *m)
{
    world_message *slot = NULL;
    for (unsigned i = 0; i < 64; i++) {
        if (w->messages[i].used && strcmp(w->messages[i].uuid, m->uuid) == 0) {
            slot = &w->messages[i];
            break;
        }
        if (!w->messages[i].used && !slot)
            slot = &w->messages[i];
    }
    assert_non_null(slot);
    if (!slot->used) {
        *slot = *m;
        slot->used = true;
        (void)snprintf(slot->cid, sizeof slot->cid, "bafymessage%ld", (long)(slot - w->messages));
    }
    ret->message_cid = slk_strdup(slot->cid);
    ret->signed_json = slk_strf("{\"CID\":\"%s\"}", slot->cid);
    return SLK_OK;
}

static slk_err stub_send_precommit(void *ctx, slk_seal_sent *ret, const slk_seal_precommit *p,
                                   slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    SLK_TRY(fault(w, OP_SEND_PRECOMMIT, error));
    if (w->sectors[p->sector.number].allocated)
        return slk_fail(error, SLK_E_CONFLICT, "exit=[ErrIllegalArgument(16)] already allocated");
    world_message m = {
        .number = p->sector.number, .ticket_epoch = p->ticket_epoch, .expiration = p->expiration};
    (void)snprintf(m.uuid, sizeof m.uuid, "%s", p->uuid);
    memcpy(m.comm_r, p->comm_r, 32);
    return new_message(w, ret, &m);
}

static slk_err stub_send_commit(void *ctx, slk_seal_sent *ret, const slk_seal_commit *c,
                                slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    SLK_TRY(fault(w, OP_SEND_COMMIT, error));
    world_message m = {.commit = true, .number = c->sector.number, .expiration = c->expiration};
    (void)snprintf(m.uuid, sizeof m.uuid, "%s", c->uuid);
    assert_int_equal(c->proof_bytes, sizeof m.proof);
    memcpy(m.proof, c->proof, sizeof m.proof);
    return new_message(w, ret, &m);
}

static slk_err stub_push_again(void *ctx, const char *json, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    (void)error;
    for (unsigned i = 0; i < 64; i++)
        if (w->messages[i].used && strstr(json, w->messages[i].cid))
            w->messages[i].lost = false;
    return SLK_OK;
}

static slk_err stub_search(void *ctx, slk_seal_landing *ret, const char *cid, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    SLK_TRY(fault(w, OP_SEARCH, error));
    for (unsigned i = 0; i < 64; i++) {
        const world_message *m = &w->messages[i];
        if (!m->used || strcmp(m->cid, cid) != 0)
            continue;
        *ret = (slk_seal_landing){.kind = m->replaced ? SLK_SEAL_REPLACED
                                          : m->landed ? SLK_SEAL_LANDED
                                          : m->lost   ? SLK_SEAL_UNKNOWN
                                                      : SLK_SEAL_PENDING,
                                  .exit_code = m->exit_code,
                                  .height = m->landed_epoch};
        if (m->landed && m->batch_exit != 0) { /* [0, [[0, code]]] */
            const uint8_t batch[] = {0x82, 0x00, 0x81, 0x82, 0x00, (uint8_t)m->batch_exit};
            memcpy(ret->return_value, batch, sizeof batch);
            ret->return_bytes = sizeof batch;
        }
        return SLK_OK;
    }
    *ret = (slk_seal_landing){.kind = SLK_SEAL_UNKNOWN};
    return SLK_OK;
}

static slk_err stub_funds(void *ctx, slk_seal_funds *ret, uint64_t sp_id, int64_t proof,
                          slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    (void)proof;
    if (sp_id != WORLD_SP)
        return slk_fail(error, SLK_E_INVAL, "no such miner");
    SLK_TRY(fault(w, OP_FUNDS, error));
    *ret = w->funds;
    return SLK_OK;
}

static void land_commit(world *w, world_message *m, world_chain_sector *s)
{
    uint8_t seed[32], c1[32], want[192];
    int64_t epoch = s->precommit_epoch + 10;
    mix(seed, "seed", WORLD_SP, (uint64_t)epoch, NULL);
    mix(c1, "c1", 0, slk_load_le64(s->comm_r), seed);
    proof_of(want, c1);
    if (!s->precommitted)
        m->exit_code = 17;
    else if (w->head <= epoch)
        m->exit_code = 18;
    else if (memcmp(want, m->proof, 192) != 0)
        m->exit_code = 16;
    if (w->always_refuse)
        m->exit_code = 16;
    m->batch_exit = w->next_batch_exit;
    w->next_batch_exit = 0;
    if (m->exit_code != 0 || m->batch_exit != 0)
        return;
    s->precommitted = false;
    s->proven = true;
}

static void land_precommit(world *w, world_message *m, world_chain_sector *s)
{
    if (s->allocated || m->ticket_epoch < w->head - 3780)
        m->exit_code = 16;
    if (m->exit_code != 0)
        return;
    s->allocated = true;
    s->precommitted = true;
    s->precommit_epoch = w->head;
    s->ticket_epoch = m->ticket_epoch;
    s->expiration = m->expiration;
    memcpy(s->comm_r, m->comm_r, 32);
}

static void land_messages(world *w)
{
    for (unsigned i = 0; i < 64; i++) {
        world_message *m = &w->messages[i];
        if (!m->used || m->landed || m->lost || m->replaced)
            continue;
        m->landed = true;
        m->landed_epoch = w->head;
        m->exit_code = w->next_exit_code;
        w->next_exit_code = 0;
        world_chain_sector *s = &w->sectors[m->number];
        if (m->commit)
            land_commit(w, m, s);
        else
            land_precommit(w, m, s);
    }
}

unsigned world_messages(const world *w, uint64_t number, bool commit)
{
    unsigned n = 0;
    for (unsigned i = 0; i < 64; i++)
        n += w->messages[i].used && w->messages[i].number == number &&
             w->messages[i].commit == commit;
    return n;
}

/* ---- peers ---- */

static bool is_other(const slk_seal_remote *to)
{
    return strcmp(to->url, "https://other") == 0;
}

static slk_seal *seal_of(world *w, const slk_seal_remote *to)
{
    return is_other(to) ? w->other.seal : w->provider.seal;
}

static slk_err partner_of(slk_partner *ret, world *w, const slk_seal_remote *to, slk_error *error)
{
    slk_seal *seal = seal_of(w, to);
    if (!seal || slk_seal_is_dead(seal))
        return slk_fail(error, SLK_E_UNREACHABLE, "connection refused");
    return slk_provider_authorize(ret, seal, to->token, error);
}

/* Faults and lies are the first provider's; the other is honest and well. */
static slk_err peer_fault(world *w, world_op op, const slk_seal_remote *to, slk_error *error)
{
    return is_other(to) ? SLK_OK : fault(w, op, error);
}

static world_lie lie_of(const world *w, const slk_seal_remote *to)
{
    return is_other(to) ? LIE_NONE : w->lie;
}

static slk_err peer_available(void *ctx, bool *ret, char slot[33], const slk_seal_remote *to,
                              slk_error *error)
{
    world *w = ctx;
    slk_partner p;
    SLK_TRY(peer_fault(w, OP_AVAILABLE, to, error));
    SLK_TRY(partner_of(&p, w, to, error));
    SLK_TRY(slk_provider_available(ret, slot, seal_of(w, to), p.id, error));
    static const slk_sql steal = {"test.steal", "DELETE FROM rseal_provider_slots"};
    return w->steal_slots ? slk_db_run(w->provider.db, &steal, error) : SLK_OK;
}

static slk_err peer_order(void *ctx, bool *ret, char *reason, const slk_seal_remote *to,
                          const char *slot, const slk_seal_sector *s, slk_error *error)
{
    world *w = ctx;
    slk_partner p;
    SLK_TRY(partner_of(&p, w, to, error));
    SLK_TRY(slk_provider_order(ret, reason, seal_of(w, to), p.id, slot, s, error));
    return peer_fault(w, OP_ORDER, to,
                      error); /* after the effect: the answer is lost, the order is not */
}

static void lie_about(slk_seal_completion *c, world_lie lie)
{
    uint8_t other[32];
    slk_cid cid;
    mix(other, "lie", 1, 2, NULL);
    if (lie == LIE_COMM_D) {
        slk_comm_d_cid(&cid, other);
        slk_cid_print(c->tree_d_cid, &cid);
    } else if (lie == LIE_TICKET) {
        memcpy(c->ticket, other, 32);
    } else if (lie == LIE_CIDS) {
        (void)snprintf(c->tree_r_cid, sizeof c->tree_r_cid, "bagboeanonsense");
    }
}

static slk_err peer_status(void *ctx, slk_seal_status *ret, const slk_seal_remote *to,
                           const slk_seal_sector *s, slk_error *error)
{
    world *w = ctx;
    slk_partner p;
    SLK_TRY(peer_fault(w, OP_STATUS, to, error));
    SLK_TRY(partner_of(&p, w, to, error));
    SLK_TRY(slk_provider_status(ret, seal_of(w, to), p.id, s->sp_id, s->number, error));
    lie_about(&ret->completion, lie_of(w, to));
    if (lie_of(w, to) == LIE_FAILED)
        *ret = (slk_seal_status){.state = SLK_SEAL_REMOTE_FAILED, .fail_reason = "disk"};
    if (lie_of(w, to) == LIE_GONE)
        *ret = (slk_seal_status){.state = SLK_SEAL_REMOTE_GONE};
    return SLK_OK;
}

static slk_err peer_fetch(void *ctx, const slk_seal_remote *to, const slk_seal_sector *s,
                          uint64_t bytes, const slk_seal_paths *paths, slk_job *job,
                          slk_error *error)
{
    world *w = ctx;
    slk_partner p;
    slk_job_stage(job, "sealed", bytes);
    SLK_TRY(peer_fault(w, OP_FETCH, to, error));
    SLK_TRY(partner_of(&p, w, to, error));
    SLK_CLEANUP(slk_provider_files_done) slk_provider_files files = {0};
    SLK_TRY(slk_provider_get_files(&files, seal_of(w, to), p.id, s->sp_id, s->number, error));
    uint8_t replica[REPLICA_BYTES];
    assert_int_equal(get_file(files.sealed_path, replica, sizeof replica), sizeof replica);
    if (lie_of(w, to) == LIE_REPLICA)
        replica[7] ^= 1;
    if (w->cut_fetch) {
        SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", paths->sealed);
        SLK_TRY(put_file(temp, replica, 7, error));
        return slk_fail(error, SLK_E_UNSUPPORTED, "cut");
    }
    if (!slk_file_exists(paths->sealed))
        w->work[OP_FETCH]++;
    SLK_TRY(put_file(paths->sealed, replica, sizeof replica, error));
    SLK_TRY(slk_folder_make(paths->cache, 0755, error));
    char p_aux[256];
    (void)snprintf(p_aux, sizeof p_aux, "%s/p_aux", paths->cache);
    SLK_TRY(put_file(p_aux, replica, 32, error));
    return slk_job_check(job, error);
}

static slk_err peer_forget(void *ctx, const slk_seal_paths *paths, slk_error *error)
{
    (void)ctx;
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", paths->sealed);
    return slk_remove_tree(temp, error);
}

static slk_err peer_commit1(void *ctx, const slk_seal_remote *to, const slk_seal_sector *s,
                            int64_t seed_epoch, const uint8_t seed[32], const char *out_path,
                            slk_job *job, slk_error *error)
{
    world *w = ctx;
    slk_partner p;
    SLK_TRY(peer_fault(w, OP_COMMIT1, to, error));
    SLK_TRY(partner_of(&p, w, to, error));
    SLK_CLEANUP(slk_closep) int fd = -1;
    uint64_t bytes;
    SLK_TRY(slk_provider_commit1(&fd, &bytes, seal_of(w, to), p.id, s->sp_id, s->number, seed_epoch,
                                 seed, job, error));
    uint8_t c1[32];
    SLK_TRY(slk_file_read_at(fd, c1, sizeof c1, 0, "c1", error));
    if (lie_of(w, to) == LIE_C1)
        c1[0] ^= 1;
    SLK_TRY(put_file(out_path, c1, sizeof c1, error));
    return SLK_OK;
}

static slk_err peer_finalize(void *ctx, const slk_seal_remote *to, const slk_seal_sector *s,
                             slk_error *error)
{
    world *w = ctx;
    slk_partner p;
    SLK_TRY(peer_fault(w, OP_FINALIZE, to, error));
    SLK_TRY(partner_of(&p, w, to, error));
    return slk_provider_finalize(seal_of(w, to), p.id, s->sp_id, s->number, error);
}

static slk_err peer_cleanup(void *ctx, const slk_seal_remote *to, const slk_seal_sector *s,
                            slk_error *error)
{
    world *w = ctx;
    slk_partner p;
    SLK_TRY(peer_fault(w, OP_CLEANUP, to, error));
    SLK_TRY(partner_of(&p, w, to, error));
    return slk_provider_cleanup(seal_of(w, to), p.id, s->sp_id, s->number, error);
}

static slk_err peer_ticket(void *ctx, uint8_t out32[32], int64_t *ret_epoch, const char *url,
                           uint64_t sp_id, slk_error *error)
{
    world *w = ctx;
    (void)url;
    SLK_TRY(fault(w, OP_CLIENT_TICKET, error));
    if (!w->client.seal || slk_seal_is_dead(w->client.seal))
        return slk_fail(error, SLK_E_UNREACHABLE, "connection refused");
    return slk_client_ticket(out32, ret_epoch, w->client.seal, sp_id, error);
}

static slk_err peer_complete(void *ctx, const slk_seal_remote *to, const slk_seal_sector *s,
                             const slk_seal_completion *c, slk_error *error)
{
    world *w = ctx;
    SLK_TRY(fault(w, OP_COMPLETE, error));
    if (!w->client.seal || slk_seal_is_dead(w->client.seal))
        return slk_fail(error, SLK_E_UNREACHABLE, "connection refused");
    slk_seal_completion told = *c;
    if (strcmp(to->token, w->other_token) != 0)
        lie_about(&told, w->lie);
    return slk_client_complete(w->client.seal, to->token, s->sp_id, s->number, &told, error);
}

/* ---- keeper, clock, crash ---- */

static void keeper_hash(void *ctx, char out65[65], const char *token)
{
    (void)ctx;
    uint8_t hash[32], text[32] = {0};
    for (size_t i = 0; token[i]; i++)
        text[i % 32] = (uint8_t)(text[i % 32] * 31 + (uint8_t)token[i]);
    mix(hash, "token", 0, 0, text);
    slk_hex_encode(out65, hash, 32);
}

static slk_err keeper_wrap(void *ctx, slk_buf *out, const char *token, slk_error *error)
{
    (void)ctx;
    (void)error;
    return slk_buf_printf(out, "wrapped:%s", token);
}

static slk_err keeper_unwrap(void *ctx, slk_buf *out, const char *wrapped, slk_error *error)
{
    (void)ctx;
    if (strncmp(wrapped, "wrapped:", 8) != 0)
        return slk_fail(error, SLK_E_CORRUPT, "not wrapped");
    return slk_buf_text(out, wrapped + 8);
}

static int64_t clock_wall_ms(void *ctx)
{
    const world *w = ctx;
    return w->now_ms;
}

static bool crash_at(void *ctx, const char *point)
{
    world_node *node = ctx;
    world *w = node->w;
    if (w->crash_at_point == 0 || ++w->points != w->crash_at_point)
        return false;
    (void)snprintf(w->crashed_at, sizeof w->crashed_at, "%s", point);
    w->crashed = node;
    return true;
}

/* ---- nodes ---- */

static slk_seal_ops stub_ops(world *w)
{
    return (slk_seal_ops){
        .prover = {w, sector_bytes, zero_comm_d, stub_pc1, stub_pc2, stub_c1, stub_finalise,
                   stub_check_replica, stub_verify_c1, stub_c2, stub_verify_proof, stub_pc1_batch},
        .chain = {w, stub_network, stub_head, stub_ticket, stub_seed, stub_allocated,
                  stub_check_miner, stub_precommit_info, stub_sector_info, stub_send_precommit,
                  stub_send_commit, stub_push_again, stub_search, stub_funds},
        .peer = {w, peer_available, peer_order, peer_status, peer_fetch, peer_forget, peer_commit1,
                 peer_finalize, peer_cleanup, peer_ticket, peer_complete},
        .keeper = {w, keeper_hash, keeper_wrap, keeper_unwrap},
        .clock = {w, clock_wall_ms},
    };
}

void world_node_open(world_node *node)
{
    slk_error error = {0};
    if (slk_db_open(&node->db, node->db_place, 0, &error) != SLK_OK)
        fail_msg("%s", error.message);
    if (slk_seal_new(&node->seal, node->db, &node->ops, &node->options, &error) != SLK_OK)
        fail_msg("%s", error.message);
}

void world_node_close(world_node *node)
{
    slk_seal_free(node->seal);
    slk_db_close(node->db);
    node->seal = NULL;
    node->db = NULL;
}

static void node_init(world_node *node, world *w, bool provider, const char *name)
{
    node->w = w;
    node->provider = provider;
    (void)snprintf(node->folder, sizeof node->folder, "%s/%s", w->folder, name);
    (void)snprintf(node->db_path, sizeof node->db_path, "%s/node.db", node->folder);
    (void)snprintf(node->scratch, sizeof node->scratch, "%s/scratch", node->folder);
    (void)snprintf(node->storage, sizeof node->storage, "%s/storage", node->folder);
    assert_int_equal(slk_folder_make(node->folder, 0700, NULL), SLK_OK);
    place_make(node->db_place, node->db_path);
    node->ops = stub_ops(w);
    node->options = (slk_seal_options){.node_name = provider ? "p1" : "c1",
                                       .provider = provider,
                                       .client = !provider,
                                       .scratch_folder = node->scratch,
                                       .seal_proofs = {WORLD_PROOF},
                                       .seal_proofs_n = 1,
                                       .capacity_sectors = 16,
                                       .storage_folder = node->storage,
                                       .poll_ms = 5000,
                                       .seed_margin_epochs = 1,
                                       .ticket_slack_epochs = 100,
                                       .chain_poll_ms = 500,
                                       .backoff_scale_percent = 10,
                                       .crash_at = crash_at,
                                       .crash_ctx = node};
    world_node_open(node);
}

world *world_new(void)
{
    slk_log_init(SLK_LOG_ERROR + 1, 2);
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    pthread_mutexattr_t attr;
    assert_int_equal(pthread_mutexattr_init(&attr), 0);
    assert_int_equal(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE), 0);
    assert_int_equal(pthread_mutex_init(&w->mutex, &attr), 0);
    (void)pthread_mutexattr_destroy(&attr);
    /* In memory where possible: the many fsyncs of a real disk say nothing here. */
    (void)snprintf(w->folder, sizeof w->folder, "%s/slk_seal_test.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(w->folder));
    w->now_ms = INT64_C(1700000000000);
    w->head = 5000;
    w->auto_land = true;
    w->funds = (slk_seal_funds){.available = "0",
                                .deposit_per_sector = "120",
                                .pledge_per_sector = "200",
                                .sender_balance = "1000000"};
    node_init(&w->provider, w, true, "provider");
    node_init(&w->client, w, false, "client");
    slk_partner_terms terms = {
        .url = "https://client", .allowance_remaining = 10, .allowance_total = 10};
    assert_int_equal(
        slk_partner_add(&w->partner_id, w->token, w->provider.seal, "acme", &terms, NULL), SLK_OK);
    assert_int_equal(slk_client_provider_add(&w->provider_id, w->client.seal, WORLD_SP,
                                             "https://provider", w->token, "p", NULL),
                     SLK_OK);
    return w;
}

void world_second(world *w)
{
    int64_t partner_id;
    slk_partner_terms terms = {
        .url = "https://client", .allowance_remaining = 10, .allowance_total = 10};
    node_init(&w->other, w, true, "other");
    assert_int_equal(
        slk_partner_add(&partner_id, w->other_token, w->other.seal, "acme", &terms, NULL), SLK_OK);
    assert_int_equal(slk_client_provider_add(&w->other_id, w->client.seal, WORLD_SP,
                                             "https://other", w->other_token, "o", NULL),
                     SLK_OK);
}

void world_free(world *w)
{
    if (w->other.seal) {
        world_node_close(&w->other);
        place_drop(w->other.db_path);
    }
    world_node_close(&w->client);
    world_node_close(&w->provider);
    place_drop(w->client.db_path);
    place_drop(w->provider.db_path);
    assert_int_equal(slk_remove_tree(w->folder, NULL), SLK_OK);
    (void)pthread_mutex_destroy(&w->mutex);
    free(w);
}

/* ---- driving ---- */

static void restart_dead(world_node *node)
{
    if (!node->seal || !slk_seal_is_dead(node->seal))
        return;
    world_node_close(node);
    world_node_open(node);
}

void world_epoch(world *w)
{
    pthread_mutex_lock(&w->mutex);
    w->head++;
    if (w->auto_land)
        land_messages(w);
    pthread_mutex_unlock(&w->mutex);
}

/* One ready task of the node; false when there was none. */
static bool run_one(world_node *node)
{
    uint64_t ran = 0;
    slk_error error = {0};
    if (slk_seal_run_ready(&ran, node->seal, 1, &error) != SLK_OK && !node->w->disk_full)
        fail_msg("%s", error.message);
    bool dead = slk_seal_is_dead(node->seal);
    restart_dead(&node->w->provider);
    restart_dead(&node->w->other);
    restart_dead(&node->w->client);
    return ran > 0 || dead;
}

static bool run_some(world *w)
{
    bool ran = !w->asleep && run_one(&w->provider);
    ran = (w->other.seal && run_one(&w->other)) || ran;
    return run_one(&w->client) || ran;
}

void world_turn(world *w)
{
    for (unsigned round = 0; round < 100 && run_some(w); round++)
        ;
    w->now_ms += 1000;
    world_epoch(w);
}

uint64_t world_order(world *w)
{
    uint64_t number = 0;
    slk_error error = {0};
    if (slk_client_order(&number, w->client.seal, WORLD_SP, WORLD_PROOF, 0, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return number;
}

slk_err world_cancel(world *w, uint64_t number)
{
    const slk_client_cancel_options options = {0};
    return slk_client_cancel(w->client.seal, WORLD_SP, number, &options, NULL);
}

static const slk_sql state_sql[2] = {
    {"test.client", "SELECT state, failed, failed_reason FROM rseal_client_pipeline"
                    " WHERE sp_id = $1 AND sector_number = $2"},
    {"test.provider", "SELECT state, failed, failed_reason FROM rseal_provider_pipeline"
                      " WHERE sp_id = $1 AND sector_number = $2"},
};

const char *world_state(world_node *node, uint64_t number, char out[32])
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    out[0] = '\0';
    if (slk_sql_row(&q, node->db, &state_sql[node->provider],
                    SLK_ARGS(slk_arg_u(WORLD_SP), slk_arg_u(number)), "row", NULL) == SLK_OK)
        slk_sql_copy_text(out, 32, &q, 0);
    return out;
}

bool world_failed(world_node *node, uint64_t number, char reason[32])
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    reason[0] = '\0';
    if (slk_sql_row(&q, node->db, &state_sql[node->provider],
                    SLK_ARGS(slk_arg_u(WORLD_SP), slk_arg_u(number)), "row", NULL) != SLK_OK)
        return false;
    slk_sql_copy_text(reason, 32, &q, 2);
    return slk_column_bool(&q, 1);
}

static bool arrived(world *w, uint64_t number, const char *state)
{
    char text[32];
    return strcmp(world_state(&w->client, number, text), state) == 0 ||
           world_failed(&w->client, number, text);
}

void world_run(world *w, uint64_t number, const char *state, unsigned turns)
{
    for (unsigned i = 0; i < turns; i++) {
        for (unsigned round = 0; round < 100; round++) {
            if (arrived(w, number, state))
                return;
            bool ran = !w->asleep && run_one(&w->provider);
            ran = (w->other.seal && run_one(&w->other)) || ran;
            if (arrived(w, number, state))
                return;
            if (!run_one(&w->client) && !ran)
                break;
        }
        w->now_ms += 1000;
        world_epoch(w);
    }
}

static int no_temporary(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    size_t n = strlen(path);
    if (n > 4 && strcmp(path + n - 4, ".tmp") == 0)
        fail_msg("left over: %s", path);
    return 0;
}

void world_check(world *w)
{
    uint64_t broken = 0;
    char what[SLK_SEAL_REASON_CHARS] = "";
    assert_int_equal(slk_state_check(&broken, what, w->provider.db, NULL), SLK_OK);
    if (broken > 0)
        fail_msg("provider: %s", what);
    if (w->other.seal)
        assert_int_equal(slk_state_check(&broken, what, w->other.db, NULL), SLK_OK);
    if (broken > 0)
        fail_msg("other: %s", what);
    assert_int_equal(slk_state_check(&broken, what, w->client.db, NULL), SLK_OK);
    if (broken > 0)
        fail_msg("client: %s", what);
    assert_int_equal(nftw(w->folder, no_temporary, 8, FTW_PHYS), 0);
}
