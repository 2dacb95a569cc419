/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/world_test.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/cid.h"
#include "db/args.h"
#include "fil/actor.h"
#include "fil/commcid.h"

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

static unsigned stub_batch_room(void *ctx)
{
    const world *w = ctx;
    return w->batch_room;
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
    SLK_TRY(fault(w, OP_C1, error));
    char layer[256];
    (void)snprintf(layer, sizeof layer, "%s/layer-1", paths->cache);
    if (!slk_file_exists(layer))
        return slk_fail(error, SLK_E_CORRUPT, "the layers are gone");
    if (w->in_c1)
        w->in_c1(w, job);
    if (job)
        SLK_TRY(slk_job_check(job, error));
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
                                  const slk_seal_commitments *comm, const uint8_t ticket[32],
                                  const slk_seal_paths *paths, slk_gate *arriving, slk_job *job,
                                  slk_error *error)
{
    (void)s;
    (void)ticket;
    (void)job;
    if (arriving && !slk_gate_wait(arriving, REPLICA_BYTES))
        return slk_fail(error, SLK_E_CANCELED, "no more comes");
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
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    (void)error;
    *ret = (slk_seal_network){.ticket_lookback_epochs = 900,
                              .ticket_max_age_epochs = 3780,
                              .challenge_delay_epochs = 10,
                              .max_prove_commit_epochs = 86410,
                              .min_expiration_epochs = 518400,
                              .max_extension_epochs = 3680640,
                              .epoch_ms = EPOCH_MS};
    (void)snprintf(ret->name, sizeof ret->name, "%s", w->network);
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
                                     .seal_proof = s->seal_proof,
                                     .ticket_epoch = s->ticket_epoch,
                                     .precommit_epoch = s->precommit_epoch,
                                     .expiration = s->expiration,
                                     .deposit = "120"};
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
    *ret = (slk_seal_sector_info){.found = s->proven,
                                  .activation = s->activation,
                                  .expiration = s->expiration,
                                  .pledge = "200"};
    memcpy(ret->comm_r, s->comm_r, 32);
    return SLK_OK;
}

/* The message's sectors out of its parameters, as an actor reads them. */
static void decode_precommits(world_message *m, const slk_seal_message *message)
{
    SLK_CLEANUP(slk_freep) slk_precommit *list = NULL;
    size_t n = 0;
    slk_err code;
    do /* it is a node that is short of memory in a test, not the chain */
        code = slk_precommit_params_decode(&list, &n, message->params, message->params_bytes, NULL);
    while (code == SLK_E_NOMEM);
    assert_int_equal(code, SLK_OK);
    assert_in_range(n, 1, WORLD_SECTORS);
    for (size_t i = 0; i < n; i++) {
        m->members[i] = (world_member){.number = list[i].sector_number,
                                       .seal_proof = list[i].seal_proof,
                                       .ticket_epoch = list[i].seal_rand_epoch,
                                       .expiration = list[i].expiration};
        assert_int_equal(slk_comm_r_from_cid(m->members[i].comm_r, &list[i].sealed_cid, NULL),
                         SLK_OK);
    }
    m->n = n;
}

static void decode_commits(world_message *m, const slk_seal_message *message)
{
    slk_prove_commit_decoded d = {0};
    slk_err code;
    do
        code = slk_prove_commit_params_decode(&d, message->params, message->params_bytes, NULL);
    while (code == SLK_E_NOMEM);
    assert_int_equal(code, SLK_OK);
    assert_in_range(d.params.n_sectors, 1, WORLD_SECTORS);
    assert_int_equal(d.params.n_sectors, d.params.n_proofs);
    for (size_t i = 0; i < d.params.n_sectors; i++) {
        m->members[i] = (world_member){.number = d.params.sectors[i].sector_number};
        assert_int_equal(d.params.proofs[i].n, sizeof m->members[i].proof);
        memcpy(m->members[i].proof, d.params.proofs[i].data, d.params.proofs[i].n);
    }
    m->n = d.params.n_sectors;
    slk_prove_commit_decoded_done(&d);
}

static world_message decode_message(const slk_seal_message *message)
{
    world_message m = {.commit = message->kind == SLK_SEAL_COMMIT};
    (void)snprintf(m.uuid, sizeof m.uuid, "%s", message->uuid);
    if (m.commit)
        decode_commits(&m, message);
    else
        decode_precommits(&m, message);
    assert_int_equal(m.n, message->sectors);
    return m;
}

static bool has_number(const world_message *m, uint64_t number)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->members[i].number == number)
            return true;
    return false;
}

/* Some message in a pool that can be seen pre-commits the number. */
static bool is_pending(const world *w, uint64_t number)
{
    for (unsigned i = 0; i < WORLD_MESSAGES; i++) {
        const world_message *m = &w->messages[i];
        if (m->used && !m->landed && !m->lost && !m->replaced && !m->commit &&
            (m->gossiped || !w->node_down[m->node]) && has_number(m, number))
            return true;
    }
    return false;
}

/* What the actor would say now. */
static slk_err judge(const world *w, const world_message *m, slk_error *error)
{
    if (w->most_sectors > 0 && m->n > w->most_sectors)
        return slk_fail(error, SLK_E_CONFLICT, "call ran out of gas");
    for (size_t i = 0; i < m->n; i++) {
        const uint64_t number = m->members[i].number;
        const world_chain_sector *s = &w->sectors[number];
        if (number == w->refused_number)
            return slk_fail(error, SLK_E_CONFLICT, "exit=[ErrIllegalArgument(16)] refused");
        if (!m->commit && (s->allocated || is_pending(w, number)))
            return slk_fail(error, SLK_E_CONFLICT, "exit=[ErrIllegalArgument(16)] allocated");
        if (m->commit && !s->precommitted)
            return slk_fail(error, SLK_E_CONFLICT, "exit=[ErrNotFound(17)] no pre-commit");
    }
    return SLK_OK;
}

static slk_err stub_price(void *ctx, char ret_value[SLK_SEAL_ATTO_CHARS],
                          const slk_seal_message *message, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    SLK_TRY(fault(w, OP_PRICE, error));
    (void)snprintf(ret_value, SLK_SEAL_ATTO_CHARS, "%zu", message->sectors * 120);
    return SLK_OK;
}

static slk_err stub_rehearse(void *ctx, bool *ret_executes, const slk_seal_message *message,
                             slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    *ret_executes = false;
    SLK_TRY(fault(w, OP_REHEARSE, error));
    const world_message m = decode_message(message);
    SLK_TRY(judge(w, &m, error));
    *ret_executes = true;
    return w->dear_alone && m.n == 1 ? slk_fail(error, SLK_E_LIMIT, "gas costs too much") : SLK_OK;
}

static slk_err stub_choose_node(void *ctx, char ret_node[SLK_SEAL_NODE_CHARS],
                                const slk_seal_message *message, slk_error *error)
{
    (void)message;
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    if (w->node_down[0] && w->node_down[1])
        return slk_fail(error, SLK_E_UNREACHABLE, "no node answers");
    (void)snprintf(ret_node, SLK_SEAL_NODE_CHARS, "n%d", w->node_down[0] ? 1 : 0);
    return SLK_OK;
}

static slk_err fill_sent(slk_seal_sent *ret, const world_message *m, slk_error *error)
{
    slk_seal_sent sent = {.message_cid = slk_strdup(m->cid),
                          .signed_json = slk_strf("{\"CID\":\"%s\"}", m->cid)};
    if (!sent.message_cid || !sent.signed_json) {
        slk_seal_sent_done(&sent);
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    (void)snprintf(sent.value, sizeof sent.value, "%zu", m->n * 120);
    (void)snprintf(sent.max_fee, sizeof sent.max_fee, "%zu", m->n * (1 + m->fee));
    *ret = sent;
    return SLK_OK;
}

static slk_err stub_send(void *ctx, slk_seal_sent *ret, const slk_seal_message *message,
                         slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    world_message m = decode_message(message);
    SLK_TRY(fault(w, m.commit ? OP_SEND_COMMIT : OP_SEND_PRECOMMIT, error));
    m.node = strcmp(message->node, "n1") == 0;
    assert_true(m.node == 1 || strcmp(message->node, "n0") == 0);
    if (w->node_down[m.node])
        return slk_fail(error, SLK_E_UNREACHABLE, "node %u does not answer", m.node);
    world_message *slot = NULL;
    for (unsigned i = 0; i < WORLD_MESSAGES; i++) {
        world_message *at = &w->messages[i];
        if (at->used && strcmp(at->uuid, m.uuid) == 0 && at->node == m.node)
            return fill_sent(ret, at, error);
        slot = !at->used && !slot ? at : slot;
    }
    assert_non_null(slot);
    SLK_TRY(judge(w, &m, error));
    m.used = true;
    m.fee_needed = w->fee_needed;
    (void)snprintf(m.cid, sizeof m.cid, "bafymessage%ldf0", (long)(slot - w->messages));
    *slot = m;
    if (w->answers_lost > 0) {
        w->answers_lost--;
        w->node_down[m.node] = true;
        return slk_fail(error, SLK_E_UNREACHABLE, "node %u went away", m.node);
    }
    return fill_sent(ret, slot, error);
}

static slk_err stub_find_pending(void *ctx, bool *ret_found, bool *ret_asked, slk_seal_sent *ret,
                                 const slk_seal_message *message, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    const world_message want = decode_message(message);
    *ret_asked = !w->pool_hidden && !w->node_down[strcmp(message->node, "n1") == 0];
    *ret_found = false;
    for (unsigned i = 0; i < WORLD_MESSAGES && !*ret_found; i++) {
        const world_message *m = &w->messages[i];
        if (!m->used || m->landed || m->lost || m->commit != want.commit || m->n != want.n ||
            (w->node_down[m->node] && !m->gossiped) ||
            memcmp(m->members, want.members, sizeof want.members) != 0)
            continue;
        SLK_TRY(fill_sent(ret, m, error));
        *ret_found = true;
    }
    return SLK_OK;
}

static world_message *message_named(world *w, const char *cid)
{
    for (unsigned i = 0; i < WORLD_MESSAGES; i++) {
        world_message *m = &w->messages[i];
        if (m->used && (strcmp(m->cid, cid) == 0 || strcmp(m->earlier_cid, cid) == 0))
            return m;
    }
    return NULL;
}

/* "bafymessage3f1" in {"CID":"bafymessage3f1"}: message 3, its fee raised once. */
static world_message *message_in(world *w, const char *json, unsigned *ret_fee)
{
    unsigned index = 0;
    assert_int_equal(sscanf(json, "{\"CID\":\"bafymessage%uf%u\"}", &index, ret_fee), 2);
    assert_in_range(index, 0, WORLD_MESSAGES - 1);
    assert_true(w->messages[index].used);
    return &w->messages[index];
}

static slk_err stub_raise_fee(void *ctx, slk_seal_sent *ret, slk_seal_message_kind kind,
                              size_t sectors, const char *json, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    unsigned fee = 0;
    world_message *m = message_in(w, json, &fee);
    assert_int_equal(kind == SLK_SEAL_COMMIT, m->commit);
    assert_int_equal(sectors, m->n);
    if (fee >= w->fee_cap)
        return slk_fail(error, SLK_E_LIMIT, "the cap leaves no room");
    world_message higher = *m;
    higher.fee = fee + 1;
    (void)snprintf(higher.cid, sizeof higher.cid, "bafymessage%ldf%u", (long)(m - w->messages),
                   higher.fee);
    return fill_sent(ret, &higher, error);
}

static slk_err stub_push_again(void *ctx, const char *json, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    (void)error;
    unsigned fee = 0;
    world_message *m = message_in(w, json, &fee);
    m->lost = false;
    if (m->landed || fee <= m->fee)
        return SLK_OK; /* nonce too low, or there already */
    (void)snprintf(m->earlier_cid, sizeof m->earlier_cid, "%s", m->cid);
    (void)snprintf(m->cid, sizeof m->cid, "bafymessage%ldf%u", (long)(m - w->messages), fee);
    m->fee = fee;
    return SLK_OK;
}

static slk_err stub_search(void *ctx, slk_seal_landing *ret, const char *cid, slk_error *error)
{
    SLK_CLEANUP(unlock_world) world *w = lock_world(ctx);
    SLK_TRY(fault(w, OP_SEARCH, error));
    const world_message *m = message_named(w, cid);
    *ret = (slk_seal_landing){.kind = SLK_SEAL_UNKNOWN};
    if (!m)
        return SLK_OK;
    *ret = (slk_seal_landing){.kind = m->replaced ? SLK_SEAL_REPLACED
                                      : m->landed ? SLK_SEAL_LANDED
                                      : m->lost   ? SLK_SEAL_UNKNOWN
                                                  : SLK_SEAL_PENDING,
                              .exit_code = m->exit_code,
                              .height = m->landed_epoch,
                              .gas_used = 1000};
    if (!m->landed || !m->commit || m->exit_code != 0)
        return SLK_OK;
    slk_batch_failure failures[WORLD_SECTORS];
    slk_batch_return result = {.success_count = m->n, .failures = failures};
    for (size_t i = 0; i < m->n; i++)
        if (m->members[i].exit_code != 0) {
            failures[result.n_failures++] = (slk_batch_failure){i, m->members[i].exit_code};
            result.success_count--;
        }
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, sizeof ret->return_value);
    const slk_err code = slk_batch_return_encode(&bytes, &result);
    if (code == SLK_E_NOMEM)
        return slk_fail(error, code, "out of memory");
    assert_int_equal(code, SLK_OK);
    memcpy(ret->return_value, bytes.data, bytes.len);
    ret->return_bytes = bytes.len;
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

/* Exit code for one sector of a commit: of the whole message when it is 17 or 18. */
static int64_t land_commit(world *w, const world_member *m, world_chain_sector *s)
{
    uint8_t seed[32], c1[32], want[192];
    int64_t epoch = s->precommit_epoch + 10;
    mix(seed, "seed", WORLD_SP, (uint64_t)epoch, NULL);
    mix(c1, "c1", 0, slk_load_le64(s->comm_r), seed);
    proof_of(want, c1);
    if (!s->precommitted)
        return 17;
    if (w->head <= epoch)
        return 18;
    return memcmp(want, m->proof, 192) == 0 && m->number != w->refused_number ? 0 : 16;
}

static void land_commits(world *w, world_message *m)
{
    size_t good = 0;
    for (size_t i = 0; i < m->n; i++) {
        const int64_t code = land_commit(w, &m->members[i], &w->sectors[m->members[i].number]);
        if (code == 17 || code == 18)
            m->exit_code = code;
        m->members[i].exit_code = code;
    }
    if (w->next_batch_exit != 0)
        m->members[0].exit_code = w->next_batch_exit;
    const bool whole = w->next_batch_exit == 0;
    w->next_batch_exit = 0;
    for (size_t i = 0; i < m->n; i++)
        good += m->members[i].exit_code == 0;
    if (w->always_refuse || (good == 0 && whole && m->exit_code == 0))
        m->exit_code = 16;
    for (size_t i = 0; i < m->n && m->exit_code == 0; i++) {
        world_chain_sector *s = &w->sectors[m->members[i].number];
        s->precommitted = s->precommitted && m->members[i].exit_code != 0;
        s->activation = s->proven ? s->activation : w->head;
        s->proven = s->proven || m->members[i].exit_code == 0;
    }
}

static void land_precommits(world *w, world_message *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (w->sectors[m->members[i].number].allocated ||
            m->members[i].number == w->refused_number ||
            m->members[i].ticket_epoch < w->head - 3780)
            m->exit_code = 16;
    for (size_t i = 0; i < m->n && m->exit_code == 0; i++) {
        world_chain_sector *s = &w->sectors[m->members[i].number];
        *s = (world_chain_sector){.allocated = true,
                                  .precommitted = true,
                                  .seal_proof = m->members[i].seal_proof,
                                  .precommit_epoch = w->head,
                                  .ticket_epoch = m->members[i].ticket_epoch,
                                  .expiration = m->members[i].expiration};
        memcpy(s->comm_r, m->members[i].comm_r, 32);
    }
}

static void land_messages(world *w)
{
    for (unsigned i = 0; i < WORLD_MESSAGES; i++) {
        world_message *m = &w->messages[i];
        if (!m->used || m->landed || m->lost || m->replaced || m->fee < m->fee_needed ||
            (w->node_down[m->node] && !m->gossiped))
            continue;
        m->landed = true;
        m->landed_epoch = w->head;
        m->exit_code = w->next_exit_code;
        w->next_exit_code = 0;
        if (m->exit_code != 0)
            continue;
        if (m->commit)
            land_commits(w, m);
        else
            land_precommits(w, m);
    }
}

unsigned world_all_messages(const world *w, bool commit)
{
    unsigned n = 0;
    for (unsigned i = 0; i < WORLD_MESSAGES; i++)
        n += w->messages[i].used && w->messages[i].commit == commit;
    return n;
}

unsigned world_messages(const world *w, uint64_t number, bool commit)
{
    unsigned n = 0;
    for (unsigned i = 0; i < WORLD_MESSAGES; i++)
        n += w->messages[i].used && has_number(&w->messages[i], number) &&
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
    if (w->says_stage && strcmp(to->token, w->other_token) != 0) {
        *ret = (slk_seal_status){.state = SLK_SEAL_REMOTE_SDR, .stage_done = w->says_done};
        (void)snprintf(ret->stage, sizeof ret->stage, "%s", w->says_stage);
    }
    if (lie_of(w, to) == LIE_FAILED)
        *ret = (slk_seal_status){.state = SLK_SEAL_REMOTE_FAILED, .fail_reason = "disk"};
    if (lie_of(w, to) == LIE_GONE)
        *ret = (slk_seal_status){.state = SLK_SEAL_REMOTE_GONE};
    return SLK_OK;
}

static slk_err peer_fetch(void *ctx, const slk_seal_remote *to, const slk_seal_sector *s,
                          uint64_t bytes, const slk_seal_commitments *comm,
                          const slk_seal_paths *paths, slk_gate *arrived, slk_job *job,
                          slk_error *error)
{
    (void)comm;
    (void)arrived;
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
    if (lie_of(w, to) == LIE_BLOCKS)
        return slk_fail(error, SLK_E_CORRUPT, "block 0 is not what the peer's manifest says");
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
    return temp ? slk_remove_tree(temp, error) : slk_fail(error, SLK_E_NOMEM, "out of memory");
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

static slk_err peer_repeats_c1(void *ctx, bool *ret_repeats, const slk_seal_remote *to,
                               slk_error *error)
{
    (void)to;
    (void)error;
    const world *w = ctx;
    *ret_repeats = w->repeats_c1;
    return SLK_OK;
}

static slk_err peer_renew(void *ctx, bool *ret_can, int64_t *ret_left_ms, const slk_seal_remote *to,
                          const slk_seal_sector *s, slk_error *error)
{
    world *w = ctx;
    slk_partner p;
    SLK_TRY(peer_fault(w, OP_RENEW, to, error));
    *ret_can = !w->no_renewals;
    if (w->no_renewals)
        return SLK_OK;
    SLK_TRY(partner_of(&p, w, to, error));
    int64_t until_ms = 0;
    slk_seal *seal = seal_of(w, to);
    SLK_TRY(slk_provider_renew(&until_ms, seal, p.id, s->sp_id, s->number, error));
    *ret_left_ms = until_ms - slk_seal_now(seal);
    return SLK_OK;
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
    return w->now_ms + w->clock_off_ms;
}

static int64_t clock_monotonic_ms(void *ctx)
{
    const world *w = ctx;
    return w->now_ms;
}

static bool clock_kept_ms(void *ctx, int64_t *ret_ms)
{
    const world *w = ctx;
    *ret_ms = w->now_ms;
    return w->clock_kept;
}

static bool crash_at(void *ctx, const char *point)
{
    world_node *node = ctx;
    world *w = node->w;
    const bool here = w->crash_at_place && strcmp(w->crash_at_place, point) == 0;
    if (!here && (w->crash_at_point == 0 || ++w->points != w->crash_at_point))
        return false;
    w->crash_at_place = NULL;
    (void)snprintf(w->crashed_at, sizeof w->crashed_at, "%s", point);
    w->crashed = node;
    return true;
}

/* ---- nodes ---- */

static slk_seal_ops stub_ops(world *w)
{
    return (slk_seal_ops){
        .prover = {w, sector_bytes, zero_comm_d, stub_pc1, stub_pc2, stub_c1, stub_finalise,
                   stub_check_replica, stub_verify_c1, stub_c2, stub_verify_proof, stub_pc1_batch,
                   NULL, stub_batch_room},
        .chain = {w, stub_network, stub_head, stub_ticket, stub_seed, stub_allocated,
                  stub_check_miner, stub_precommit_info, stub_sector_info, stub_price,
                  stub_rehearse, stub_choose_node, stub_send, stub_find_pending, stub_raise_fee,
                  stub_push_again, stub_search, stub_funds},
        .peer = {w, peer_available, peer_order, peer_status, peer_fetch, peer_forget, peer_commit1,
                 peer_repeats_c1, peer_renew, peer_finalize, peer_cleanup, peer_ticket,
                 peer_complete},
        .keeper = {w, keeper_hash, keeper_wrap, keeper_unwrap},
        .clock = {w, clock_wall_ms, clock_monotonic_ms, clock_kept_ms},
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
                                       .batching = {{.most = 16}, {.most = 16}},
                                       .chain_poll_ms = 500,
                                       .backoff_scale_percent = 10,
                                       .watch_ms = -1,
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
    w->refused_number = WORLD_SECTORS;
    w->fee_cap = 3;
    w->network = "localnet-test";
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
