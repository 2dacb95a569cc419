/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rows of message_batch, and who is in which. */
#include "seal/message_batch_impl.h"

#include "base/mem.h"
#include "db/args.h"
#include "fil/commcid.h"
#include "fil/policy.h"

#include <string.h>

/* What a message of 64 KiB leaves for parameters. source: reference/chain 1.2 */
#define PARAMS_MAX_BYTES (60u * 1024u)
/* A member's bytes besides its proof, at most: seven numbers and a CID, or a number and three heads. */
#define MEMBER_MAX_BYTES 128u
/* Between two looks while others are waited for: who joins last closes the batch, so that a look is
 * only for what nobody else would see. */
#define JOINED_LOOK_MS 60000

/* The sector is where a message of that kind is due, and not stopped. $1 miner, $2 number. */
#define STANDS(state)                                                       \
    " AND EXISTS (SELECT 1 FROM rseal_client_pipeline c WHERE c.sp_id = $1" \
    " AND c.sector_number = $2 AND c.state = '" state "' AND c.failed = 0)"
#define MEMBER_COLUMNS(kind, more)                                                              \
    "SELECT s.sector_number, s.reg_seal_proof, s.tree_r_cid, s.ticket_epoch,"                   \
    " c.user_sector_duration_epochs, s." kind "_ready_ms, s." kind "_group, s.porep_proof" more \
    " FROM sectors_sdr_pipeline s JOIN rseal_client_pipeline c"                                 \
    " ON c.sp_id = s.sp_id AND c.sector_number = s.sector_number"

static const slk_sql join_row[SLK_SEAL_MESSAGE_KINDS] = {
    [SLK_SEAL_PRECOMMIT] =
        {"precommit.join",
         "UPDATE sectors_sdr_pipeline SET precommit_ready_ms ="
         " CASE WHEN precommit_ready_ms IS NULL THEN $3 ELSE precommit_ready_ms"
         " END WHERE sp_id = $1 AND sector_number = $2 AND precommit_uuid IS NULL" STANDS(
             "verified")},
    [SLK_SEAL_COMMIT] = {"commit.join",
                         "UPDATE sectors_sdr_pipeline SET commit_ready_ms ="
                         " CASE WHEN commit_ready_ms IS NULL THEN $3 ELSE commit_ready_ms END"
                         " WHERE sp_id = $1 AND sector_number = $2 AND commit_uuid IS NULL" STANDS(
                             "proven")},
};

/* Who could be in one message with sector $2, itself first, then those that wait longest, as many as a message
 * can hold. */
#define WOULD_JOIN(kind, state)                                                           \
    " WHERE s.sp_id = $1 AND s." kind "_ready_ms IS NOT NULL AND s." kind "_uuid IS NULL" \
    " AND c.state = '" state "' AND c.failed = 0 AND s.sector_number "
#define JOINED(kind, state)                                                                    \
    "SELECT * FROM (" MEMBER_COLUMNS(kind, ", 0 AS turn") WOULD_JOIN(                          \
        kind, state) "= $2) own UNION ALL SELECT * FROM (" MEMBER_COLUMNS(kind, ", 1 AS turn") \
        WOULD_JOIN(                                                                            \
            kind,                                                                              \
            state) "<> $2 AND s." kind "_group = (SELECT o." kind "_group"                     \
                   " FROM sectors_sdr_pipeline o WHERE o.sp_id = $1 AND o.sector_number = $2)" \
                   " ORDER BY s." kind "_ready_ms, s.sector_number LIMIT 256) others"          \
                   " ORDER BY turn, " kind "_ready_ms, sector_number"
static const slk_sql joined[SLK_SEAL_MESSAGE_KINDS] = {
    [SLK_SEAL_PRECOMMIT] = {"precommit.joined", JOINED("precommit", "verified")},
    [SLK_SEAL_COMMIT] = {"commit.joined", JOINED("commit", "proven")},
};

#define IN_BATCH(kind, state)                                                                 \
    MEMBER_COLUMNS(kind, "")                                                                  \
    " WHERE s.sp_id = $1 AND s." kind "_uuid = $2 AND c.state = '" state "' AND c.failed = 0" \
    " ORDER BY s.sector_number"
static const slk_sql in_batch[SLK_SEAL_MESSAGE_KINDS][2] = {
    [SLK_SEAL_PRECOMMIT] = {{"precommit.unsent", IN_BATCH("precommit", "verified")},
                            {"precommit.sent", IN_BATCH("precommit", "precommit_sent")}},
    [SLK_SEAL_COMMIT] = {{"commit.unsent", IN_BATCH("commit", "proven")},
                         {"commit.sent", IN_BATCH("commit", "commit_sent")}},
};

static const slk_sql insert_batch = {
    "batch.insert",
    "INSERT INTO message_batch (uuid, kind, sp_id, sectors, params, state, create_ms)"
    " VALUES ($1, $2, $3, $4, $5, 'closed', $6)"};
static const slk_sql take_row[SLK_SEAL_MESSAGE_KINDS] = {
    [SLK_SEAL_PRECOMMIT] = {"precommit.take",
                            "UPDATE sectors_sdr_pipeline SET precommit_uuid = $3,"
                            " precommit_expiration = $4 WHERE sp_id = $1 AND sector_number = $2"
                            " AND precommit_uuid IS NULL" STANDS("verified")},
    [SLK_SEAL_COMMIT] = {"commit.take",
                         "UPDATE sectors_sdr_pipeline SET commit_uuid = $3"
                         " WHERE sp_id = $1 AND sector_number = $2 AND commit_uuid IS NULL" STANDS(
                             "proven")},
};
static const slk_sql regroup_row[SLK_SEAL_MESSAGE_KINDS] = {
    [SLK_SEAL_PRECOMMIT] = {"precommit.regroup",
                            "UPDATE sectors_sdr_pipeline SET precommit_uuid = NULL,"
                            " precommit_ready_ms = 0, precommit_group = $4 WHERE sp_id = $1"
                            " AND sector_number = $2 AND precommit_uuid = $3"},
    [SLK_SEAL_COMMIT] = {"commit.regroup",
                         "UPDATE sectors_sdr_pipeline SET commit_uuid = NULL, commit_ready_ms = 0,"
                         " commit_group = $4 WHERE sp_id = $1 AND sector_number = $2"
                         " AND commit_uuid = $3"},
};
/* A message with the sector may be out although the batch is not. */
static const slk_sql note_tried = {
    "precommit.tried", "UPDATE sectors_sdr_pipeline SET precommit_tries = precommit_tries + 1"
                       " WHERE sp_id = $1 AND precommit_uuid = $2"};
/* A failed sector was a member, too: when it is retried it joins anew. */
static const slk_sql free_rest[SLK_SEAL_MESSAGE_KINDS] = {
    [SLK_SEAL_PRECOMMIT] = {"precommit.free",
                            "UPDATE sectors_sdr_pipeline SET precommit_uuid = NULL,"
                            " precommit_ready_ms = NULL WHERE sp_id = $1 AND precommit_uuid = $2"},
    [SLK_SEAL_COMMIT] = {"commit.free",
                         "UPDATE sectors_sdr_pipeline SET commit_uuid = NULL,"
                         " commit_ready_ms = NULL WHERE sp_id = $1 AND commit_uuid = $2"},
};
/* Members sleep until their next look: there is something to see. */
static const slk_sql wake_members[SLK_SEAL_MESSAGE_KINDS] = {
    [SLK_SEAL_PRECOMMIT] = {"precommit.wake",
                            "UPDATE task SET not_before_ms = 0 WHERE kind = 'client.precommit'"
                            " AND owner IS NULL AND sp_id = $1 AND sector_number IN"
                            " (SELECT s.sector_number FROM sectors_sdr_pipeline s"
                            " WHERE s.sp_id = $1 AND s.precommit_uuid = $2)"},
    [SLK_SEAL_COMMIT] = {"commit.wake",
                         "UPDATE task SET not_before_ms = 0 WHERE kind = 'client.commit'"
                         " AND owner IS NULL AND sp_id = $1 AND sector_number IN"
                         " (SELECT s.sector_number FROM sectors_sdr_pipeline s"
                         " WHERE s.sp_id = $1 AND s.commit_uuid = $2)"},
};
static const slk_sql read_batch = {
    "batch.read", "SELECT kind, sp_id, sectors, params, value, node, tries, tried_ms, message_cid,"
                  " earlier_cid, signed_msg, sent_ms FROM message_batch WHERE uuid = $1"};
static const slk_sql dissolve_batch = {
    "batch.dissolve",
    "UPDATE message_batch SET state = 'dissolved' WHERE uuid = $1 AND state = 'closed'"};
static const slk_sql note_try = {
    "batch.try", "UPDATE message_batch SET tries = tries + 1, value = $2,"
                 " tried_ms = CASE WHEN node = $3 THEN tried_ms ELSE $4 END, node = $3"
                 " WHERE uuid = $1 AND state = 'closed'"};
static const slk_sql note_sent = {
    "batch.sent", "UPDATE message_batch SET state = 'sent', earlier_cid = message_cid,"
                  " message_cid = $2, signed_msg = $3, value = $4, max_fee = $5, sent_ms = $6"
                  " WHERE uuid = $1 AND state <> 'dissolved'"};
static const slk_sql note_landed = {
    "batch.landed", "UPDATE message_batch SET state = 'landed', exit_code = $2,"
                    " landed_height = $3, gas_used = $4, return_value = $5, landed_ms = $6"
                    " WHERE uuid = $1"};

/* ---- members ---- */

void slk_batch_members_done(slk_batch_members *members)
{
    slk_free(members->list);
    *members = (slk_batch_members){0};
}

static slk_err read_member(slk_batch_member *m, const slk_query *q, slk_error *error)
{
    *m = (slk_batch_member){
        .precommit = {.seal_proof = slk_column_i64(q, 1),
                      .sector_number = slk_u64(slk_column_i64(q, 0)),
                      .seal_rand_epoch = slk_column_i64(q, 3)},
        .ready_ms = slk_column_i64(q, 5),
        .group = slk_column_i64(q, 6),
    };
    const char *cid = slk_column_text(q, 2);
    SLK_TRY(slk_cid_parse(&m->precommit.sealed_cid, cid ? cid : "", error));
    size_t n = 0;
    const uint8_t *proof = slk_column_blob(q, 7, &n);
    if (n > sizeof m->proof)
        return slk_fail(error, SLK_E_CORRUPT, "the stored proof has %zu bytes", n);
    if (n > 0)
        memcpy(m->proof, proof, n);
    m->proof_bytes = n;
    return SLK_OK;
}

/* Legal for every legal pre-commit epoch. source: reference/chain 1.2 */
static int64_t expiration_of(const slk_seal_network *net, int64_t ticket_epoch, int64_t duration)
{
    if (duration <= 0 || duration > net->max_extension_epochs)
        duration = net->max_extension_epochs;
    int64_t least =
        net->ticket_max_age_epochs + net->max_prove_commit_epochs + net->min_expiration_epochs;
    return ticket_epoch + (duration > least ? duration : least);
}

/* Reads rows until there are `most` or the parameters are full. net NULL: no expirations. */
static slk_err read_members(slk_batch_members *ret, slk_query *q, size_t most,
                            const slk_seal_network *net, slk_error *error)
{
    ret->n = 0;
    ret->full = false;
    size_t bytes = 0;
    bool row = true;
    while (true) {
        SLK_TRY(slk_query_step(q, &row, error));
        if (!row)
            return SLK_OK;
        slk_batch_member *m = &ret->list[ret->n];
        SLK_TRY(read_member(m, q, error));
        if (net)
            m->precommit.expiration =
                expiration_of(net, m->precommit.seal_rand_epoch, slk_column_i64(q, 4));
        bytes += m->proof_bytes + MEMBER_MAX_BYTES;
        if (bytes <= PARAMS_MAX_BYTES)
            ret->n++;
        ret->full = bytes > PARAMS_MAX_BYTES || ret->n == most;
        if (ret->full)
            return SLK_OK;
    }
}

static slk_err new_members(slk_batch_members *ret, slk_error *error)
{
    ret->list = slk_calloc(SLK_PRE_COMMIT_BATCH_MAX + 1, sizeof *ret->list);
    return ret->list ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory for a batch");
}

slk_err slk_batch_members_read(slk_batch_members *ret_members, slk_seal *seal,
                               const slk_batch *batch, bool sent, slk_error *error)
{
    SLK_CLEANUP(slk_batch_members_done) slk_batch_members m = {0};
    slk_seal_network net;
    SLK_TRY(slk_seal_network_read(&net, seal, error));
    SLK_TRY(new_members(&m, error));
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &in_batch[batch->kind][sent],
                         SLK_ARGS(slk_arg_u(batch->sp_id), slk_arg_t(batch->uuid)), error));
    SLK_TRY(read_members(&m, &q, SLK_PRE_COMMIT_BATCH_MAX, &net, error));
    *ret_members = m;
    m.list = NULL;
    return SLK_OK;
}

slk_err slk_batch_leader(uint64_t *ret_number, slk_seal *seal, const slk_batch *batch, bool sent,
                         slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, slk_seal_db(seal), &in_batch[batch->kind][sent],
                        SLK_ARGS(slk_arg_u(batch->sp_id), slk_arg_t(batch->uuid)), "member",
                        error));
    *ret_number = slk_u64(slk_column_i64(&q, 0));
    return SLK_OK;
}

/* ---- parameters ---- */

static slk_err encode_precommits(slk_buf *out, const slk_batch_member *members, size_t n)
{
    SLK_CLEANUP(slk_freep) slk_precommit *list = slk_calloc(n, sizeof *list);
    if (!list)
        return SLK_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        list[i] = members[i].precommit;
    return slk_precommit_params_encode(out, list, n);
}

/* A sector that cannot be activated must not take the others down: their results come singly. */
static slk_err encode_commits(slk_buf *out, const slk_batch_member *members, size_t n)
{
    SLK_CLEANUP(slk_freep) slk_sector_activation *sectors = slk_calloc(n, sizeof *sectors);
    SLK_CLEANUP(slk_freep) slk_bytes_view *proofs = slk_calloc(n, sizeof *proofs);
    if (!sectors || !proofs)
        return SLK_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        sectors[i].sector_number = members[i].precommit.sector_number;
        proofs[i] = (slk_bytes_view){members[i].proof, members[i].proof_bytes};
    }
    const slk_prove_commit prove = {
        .sectors = sectors, .n_sectors = n, .proofs = proofs, .n_proofs = n};
    return slk_prove_commit_params_encode(out, &prove);
}

slk_err slk_batch_encode(slk_buf *out, slk_seal_message_kind kind, const slk_batch_member *members,
                         size_t n, slk_error *error)
{
    const slk_err code = kind == SLK_SEAL_PRECOMMIT ? encode_precommits(out, members, n)
                                                    : encode_commits(out, members, n);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "the parameters cannot be encoded");
}

/* ---- joining and closing ---- */

struct join {
    slk_seal *seal;
    slk_seal_message_kind kind;
    const slk_client_row *row;
    const slk_seal_network *net;
    bool urgent;
    slk_batch_members members;
    char uuid[40];
    int64_t wait_ms;
};

/* In a transaction: fixes the contents. */
static slk_err close_batch(slk_db *db, struct join *j, slk_error *error)
{
    const slk_batch_members *m = &j->members;
    const uint64_t sp_id = j->row->sector.sp_id;
    SLK_CLEANUP(slk_buf_done) slk_buf params;
    slk_buf_init(&params, PARAMS_MAX_BYTES + 64);
    SLK_TRY(slk_batch_encode(&params, j->kind, m->list, m->n, error));
    char uuid[37];
    slk_seal_uuid(uuid);
    SLK_TRY(
        slk_sql_run(db, &insert_batch,
                    SLK_ARGS(slk_arg_t(uuid), slk_arg_t(slk_seal_message_kind_name(j->kind)),
                             slk_arg_u(sp_id), slk_arg_u(m->n), slk_arg_b(params.data, params.len),
                             slk_arg_i(slk_seal_now(j->seal))),
                    NULL, error));
    for (size_t i = 0; i < m->n; i++) {
        const slk_precommit *p = &m->list[i].precommit;
        const slk_arg args[] = {slk_arg_u(sp_id), slk_arg_u(p->sector_number), slk_arg_t(uuid),
                                slk_arg_i(p->expiration)};
        int64_t changes = 0;
        SLK_TRY(slk_sql_run(db, &take_row[j->kind], args, j->kind == SLK_SEAL_PRECOMMIT ? 4 : 3,
                            &changes, error));
        if (changes != 1)
            return slk_fail(error, SLK_E_CONFLICT, "sector %lu moved meanwhile",
                            (unsigned long)p->sector_number);
    }
    SLK_TRY(slk_sql_run(db, &wake_members[j->kind], SLK_ARGS(slk_arg_u(sp_id), slk_arg_t(uuid)),
                        NULL, error));
    memcpy(j->uuid, uuid, sizeof uuid);
    return SLK_OK;
}

static slk_err join_body(slk_db *db, void *context, slk_error *error)
{
    struct join *j = context;
    const slk_seal_batching *limits = &slk_seal_get_options(j->seal)->batching[j->kind];
    const slk_seal_sector *own = &j->row->sector;
    const int64_t now = slk_seal_now(j->seal);
    int64_t changes = 0;
    j->uuid[0] = '\0';
    SLK_TRY(slk_sql_run(db, &join_row[j->kind],
                        SLK_ARGS(slk_arg_u(own->sp_id), slk_arg_u(own->number), slk_arg_i(now)),
                        &changes, error));
    if (changes != 1)
        return slk_fail(error, SLK_E_CONFLICT, "the sector moved meanwhile");
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_open(&q, db, &joined[j->kind],
                             SLK_ARGS(slk_arg_u(own->sp_id), slk_arg_u(own->number)), error));
        SLK_TRY(read_members(&j->members, &q, limits->most, j->net, error));
    }
    slk_assert(j->members.n > 0); /* this sector is the first of them */
    const slk_batch_member *self = &j->members.list[0];
    const int64_t left = self->ready_ms + limits->timeout_ms - now;
    if (j->urgent || self->group != 0 || j->members.full || left <= 0)
        return close_batch(db, j, error);
    j->wait_ms = left < JOINED_LOOK_MS ? left : JOINED_LOOK_MS;
    return SLK_OK;
}

slk_err slk_batch_join(char ret_uuid[40], int64_t *ret_wait_ms, slk_seal *seal,
                       slk_seal_message_kind kind, const slk_client_row *row,
                       const slk_seal_network *net, bool urgent, slk_error *error)
{
    struct join j = {.seal = seal, .kind = kind, .row = row, .net = net, .urgent = urgent};
    SLK_TRY(new_members(&j.members, error));
    const slk_err code = slk_db_tx(slk_seal_db(seal), join_body, &j, error);
    slk_batch_members_done(&j.members);
    if (code != SLK_OK)
        return code;
    memcpy(ret_uuid, j.uuid, sizeof j.uuid);
    *ret_wait_ms = j.wait_ms;
    if (j.uuid[0])
        slk_seal_wake(seal);
    return SLK_OK;
}

/* ---- reading ---- */

void slk_batch_done(slk_batch *batch)
{
    slk_buf_done(&batch->params);
    slk_buf_done(&batch->signed_json);
}

static slk_err read_row(slk_batch *b, const slk_query *q, slk_error *error)
{
    const char *kind = slk_column_text(q, 0);
    b->kind = kind && strcmp(kind, "commit") == 0 ? SLK_SEAL_COMMIT : SLK_SEAL_PRECOMMIT;
    b->sp_id = slk_u64(slk_column_i64(q, 1));
    b->sectors = slk_u64(slk_column_i64(q, 2));
    b->tries = slk_column_i64(q, 6);
    b->tried_ms = slk_column_i64(q, 7);
    b->sent_ms = slk_column_i64(q, 11);
    slk_sql_copy_text(b->value, sizeof b->value, q, 4);
    slk_sql_copy_text(b->node, sizeof b->node, q, 5);
    slk_sql_copy_text(b->cid, sizeof b->cid, q, 8);
    slk_sql_copy_text(b->earlier_cid, sizeof b->earlier_cid, q, 9);
    size_t n = 0;
    const uint8_t *params = slk_column_blob(q, 3, &n);
    slk_err code = slk_buf_append(&b->params, params, n);
    const char *json = slk_column_text(q, 10);
    if (code == SLK_OK && json)
        code = slk_buf_text(&b->signed_json, json);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "a stored message is too long");
}

slk_err slk_batch_read(slk_batch *ret_batch, slk_seal *seal, const char *uuid, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, slk_seal_db(seal), &read_batch, SLK_ARGS(slk_arg_t(uuid)),
                        "message batch", error));
    slk_batch b = {0};
    slk_buf_init(&b.params, PARAMS_MAX_BYTES + 64);
    slk_buf_init(&b.signed_json, SLK_SEAL_SIGNED_MAX_BYTES);
    memcpy(b.uuid, uuid, strnlen(uuid, sizeof b.uuid - 1));
    const slk_err code = read_row(&b, &q, error);
    if (code != SLK_OK) {
        slk_batch_done(&b);
        return code;
    }
    *ret_batch = b;
    return SLK_OK;
}

/* ---- what becomes of it ---- */

struct dissolve {
    const slk_batch *batch;
    const slk_batch_members *members;
};

static slk_err dissolve_body(slk_db *db, void *context, slk_error *error)
{
    const struct dissolve *d = context;
    const slk_batch *b = d->batch;
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(db, &dissolve_batch, SLK_ARGS(slk_arg_t(b->uuid)), &changes, error));
    if (changes != 1)
        return slk_fail(error, SLK_E_CONFLICT, "the batch is no longer to be sent");
    SLK_TRY(slk_sql_run(db, &wake_members[b->kind],
                        SLK_ARGS(slk_arg_u(b->sp_id), slk_arg_t(b->uuid)), NULL, error));
    if (b->kind == SLK_SEAL_PRECOMMIT && b->tries > 0)
        SLK_TRY(slk_sql_run(db, &note_tried, SLK_ARGS(slk_arg_u(b->sp_id), slk_arg_t(b->uuid)),
                            NULL, error));
    for (size_t i = 0; i < d->members->n; i++) {
        const slk_batch_member *m = &d->members->list[i];
        SLK_TRY(slk_sql_run(db, &regroup_row[b->kind],
                            SLK_ARGS(slk_arg_u(b->sp_id), slk_arg_u(m->precommit.sector_number),
                                     slk_arg_t(b->uuid), slk_arg_i(m->group)),
                            NULL, error));
    }
    return slk_sql_run(db, &free_rest[b->kind], SLK_ARGS(slk_arg_u(b->sp_id), slk_arg_t(b->uuid)),
                       NULL, error);
}

slk_err slk_batch_dissolve(slk_seal *seal, const slk_batch *batch, const slk_batch_members *members,
                           slk_error *error)
{
    struct dissolve d = {batch, members};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), dissolve_body, &d, error));
    slk_seal_wake(seal);
    return SLK_OK;
}

slk_err slk_batch_note_try(slk_seal *seal, slk_batch *batch, const char *node, const char *value,
                           slk_error *error)
{
    int64_t changes = 0, now = slk_seal_now(seal);
    SLK_TRY(slk_sql_run(
        slk_seal_db(seal), &note_try,
        SLK_ARGS(slk_arg_t(batch->uuid), slk_arg_t(value), slk_arg_t(node), slk_arg_i(now)),
        &changes, error));
    if (changes != 1)
        return slk_fail(error, SLK_E_CONFLICT, "the batch is no longer to be sent");
    batch->tries++;
    memcpy(batch->node, node, strlen(node) + 1);
    return SLK_OK;
}

struct note {
    slk_seal *seal;
    const slk_batch *batch;
    const slk_seal_sent *sent;
};

static slk_err sent_body(slk_db *db, void *context, slk_error *error)
{
    const struct note *n = context;
    const slk_batch *b = n->batch;
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(db, &note_sent,
                        SLK_ARGS(slk_arg_t(b->uuid), slk_arg_t(n->sent->message_cid),
                                 slk_arg_t(n->sent->signed_json), slk_arg_t(n->sent->value),
                                 slk_arg_t(n->sent->max_fee), slk_arg_i(slk_seal_now(n->seal))),
                        &changes, error));
    if (changes != 1)
        return slk_fail(error, SLK_E_CONFLICT, "the batch was dissolved meanwhile");
    return slk_sql_run(db, &wake_members[b->kind],
                       SLK_ARGS(slk_arg_u(b->sp_id), slk_arg_t(b->uuid)), NULL, error);
}

slk_err slk_batch_note_sent(slk_seal *seal, slk_batch *batch, const slk_seal_sent *sent,
                            slk_error *error)
{
    struct note n = {seal, batch, sent};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), sent_body, &n, error));
    memcpy(batch->earlier_cid, batch->cid, sizeof batch->cid);
    batch->cid[0] = '\0';
    strncat(batch->cid, sent->message_cid, sizeof batch->cid - 1);
    slk_seal_wake(seal);
    return SLK_OK;
}

slk_err slk_batch_note_landed(slk_seal *seal, const slk_batch *batch,
                              const slk_seal_landing *landing, slk_error *error)
{
    return slk_sql_run(slk_seal_db(seal), &note_landed,
                       SLK_ARGS(slk_arg_t(batch->uuid), slk_arg_i(landing->exit_code),
                                slk_arg_i(landing->height), slk_arg_i(landing->gas_used),
                                slk_arg_b(landing->return_value, landing->return_bytes),
                                slk_arg_i(slk_seal_now(seal))),
                       NULL, error);
}

/* Where the sector stands in the commit's parameters; -1 when it does not. */
static int64_t index_of(const slk_batch *batch, uint64_t number)
{
    slk_prove_commit_decoded prove = {0};
    if (slk_prove_commit_params_decode(&prove, batch->params.data, batch->params.len, NULL) !=
        SLK_OK)
        return -1;
    int64_t index = -1;
    for (size_t i = 0; i < prove.params.n_sectors && index < 0; i++)
        if (prove.params.sectors[i].sector_number == number)
            index = (int64_t)i;
    slk_prove_commit_decoded_done(&prove);
    return index;
}

int64_t slk_batch_exit_of(const slk_batch *batch, const slk_seal_landing *landing, uint64_t number)
{
    slk_batch_return result = {0};
    if (landing->exit_code != 0 || landing->return_bytes == 0 || batch->kind != SLK_SEAL_COMMIT)
        return landing->exit_code;
    const int64_t index = index_of(batch, number);
    if (index < 0 || slk_batch_return_decode(&result, landing->return_value, landing->return_bytes,
                                             NULL) != SLK_OK)
        return 0; /* the sector's own record decides */
    const int64_t code = slk_batch_return_exit_of(&result, slk_u64(index));
    slk_batch_return_done(&result);
    return code;
}
