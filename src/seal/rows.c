/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/rows_impl.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "db/args.h"
#include "fil/commcid.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const slk_sql read_provider = {
    "provider.row",
    "SELECT r.reg_seal_proof, r.partner_id, r.state, r.failed, r.ticket_epoch, r.ticket_value,"
    " r.tree_d_cid, r.tree_r_cid, r.finalize_requested, r.cleanup_requested,"
    " r.after_notify_client, r.failed_reason, r.failed_reason_msg, p.partner_url, p.partner_token,"
    " r.cleanup_timeout, r.cleanup_reason, r.folder_id, r.withheld"
    " FROM rseal_provider_pipeline r JOIN rseal_delegated_partners p ON p.id = r.partner_id"
    " WHERE r.sp_id = $1 AND r.sector_number = $2"};

static const slk_sql read_client = {
    "client.row",
    "SELECT c.reg_seal_proof, c.state, c.failed, c.provider_id, p.provider_url, p.provider_token,"
    " p.enabled, c.user_sector_duration_epochs, c.cancel_requested, s.ticket_epoch,"
    " s.ticket_value, s.tree_d_cid, s.tree_r_cid, s.precommit_uuid, s.precommit_tries,"
    " s.precommit_msg_cid, s.precommit_expiration, s.precommit_epoch, s.seed_epoch, s.seed_value,"
    " s.porep_proof, s.commit_uuid, s.commit_tries, s.commit_msg_cid, c.state_ms,"
    " p.move_orders, c.replica_anew, c.refetches, c.remote_state, c.remote_moved_ms, s.c1_anew,"
    " s.precommit_ready_ms, c.remote_stage, c.remote_done"
    " FROM rseal_client_pipeline c JOIN sectors_sdr_pipeline s"
    " ON s.sp_id = c.sp_id AND s.sector_number = c.sector_number"
    " LEFT JOIN rseal_client_providers p ON p.id = c.provider_id"
    " WHERE c.sp_id = $1 AND c.sector_number = $2"};

static slk_err read_state(slk_state *ret, const slk_query *q, int column, slk_pipeline pipeline,
                          slk_error *error)
{
    const char *name = slk_column_text(q, column);
    if (!name || !slk_state_parse(ret, pipeline, name))
        return slk_fail(error, SLK_E_CORRUPT, "a %s row has the unknown state %s",
                        slk_pipeline_name(pipeline), name ? name : "(none)");
    return SLK_OK;
}

slk_err slk_seal_check_key(uint64_t sp_id, uint64_t number, slk_error *error)
{
    return sp_id <= INT64_MAX && number <= INT64_MAX
               ? SLK_OK
               : slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
}

slk_err slk_provider_row_read(slk_provider_row *ret_row, slk_seal *seal, uint64_t sp_id,
                              uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, slk_seal_db(seal), &read_provider,
                        SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), "sector", error));
    slk_provider_row r = {.sector = {sp_id, number, slk_column_i64(&q, 0)},
                          .partner_id = slk_column_i64(&q, 1),
                          .failed = slk_column_bool(&q, 3),
                          .has_ticket = !slk_column_is_null(&q, 5),
                          .ticket_epoch = slk_column_i64(&q, 4),
                          .finalize_requested = slk_column_bool(&q, 8),
                          .cleanup_requested = slk_column_bool(&q, 9),
                          .notified = slk_column_bool(&q, 10),
                          .withheld = slk_column_bool(&q, 18)};
    SLK_TRY(read_state(&r.state, &q, 2, SLK_PIPELINE_PROVIDER, error));
    if (r.has_ticket)
        SLK_TRY(slk_column_bytes(&q, 5, r.ticket, 32, error));
    slk_sql_copy_text(r.completion.tree_d_cid, sizeof r.completion.tree_d_cid, &q, 6);
    slk_sql_copy_text(r.completion.tree_r_cid, sizeof r.completion.tree_r_cid, &q, 7);
    r.completion.ticket_epoch = r.ticket_epoch;
    memcpy(r.completion.ticket, r.ticket, 32);
    slk_sql_copy_text(r.failed_reason, sizeof r.failed_reason, &q, 11);
    slk_sql_copy_text(r.failed_message, sizeof r.failed_message, &q, 12);
    slk_sql_copy_text(r.partner_url, sizeof r.partner_url, &q, 13);
    slk_sql_copy_text(r.partner_token, sizeof r.partner_token, &q, 14);
    r.lease_until_ms = slk_column_i64(&q, 15);
    slk_sql_copy_text(r.cleanup_reason, sizeof r.cleanup_reason, &q, 16);
    slk_sql_copy_text(r.folder_id, sizeof r.folder_id, &q, 17);
    *ret_row = r;
    return SLK_OK;
}

/* The part of the row that comes from sectors_sdr_pipeline: columns 9 to 23, and 31. */
static slk_err read_details(slk_client_row *r, const slk_query *q, slk_error *error)
{
    r->has_completion = !slk_column_is_null(q, 10);
    r->completion.ticket_epoch = slk_column_i64(q, 9);
    if (r->has_completion)
        SLK_TRY(slk_column_bytes(q, 10, r->completion.ticket, 32, error));
    slk_sql_copy_text(r->completion.tree_d_cid, sizeof r->completion.tree_d_cid, q, 11);
    slk_sql_copy_text(r->completion.tree_r_cid, sizeof r->completion.tree_r_cid, q, 12);
    slk_sql_copy_text(r->precommit_uuid, sizeof r->precommit_uuid, q, 13);
    r->precommit_tries = slk_column_i64(q, 14);
    slk_sql_copy_text(r->precommit_cid, sizeof r->precommit_cid, q, 15);
    r->precommit_expiration = slk_column_i64(q, 16);
    r->has_precommit_epoch = !slk_column_is_null(q, 17);
    r->precommit_epoch = slk_column_i64(q, 17);
    r->has_seed = !slk_column_is_null(q, 19);
    r->seed_epoch = slk_column_i64(q, 18);
    if (r->has_seed)
        SLK_TRY(slk_column_bytes(q, 19, r->seed, 32, error));
    size_t n;
    const uint8_t *proof = slk_column_blob(q, 20, &n);
    if (n > sizeof r->proof)
        return slk_fail(error, SLK_E_CORRUPT, "the stored proof has %zu bytes", n);
    if (n > 0)
        memcpy(r->proof, proof, n);
    r->proof_bytes = n;
    slk_sql_copy_text(r->commit_uuid, sizeof r->commit_uuid, q, 21);
    r->commit_tries = slk_column_i64(q, 22);
    slk_sql_copy_text(r->commit_cid, sizeof r->commit_cid, q, 23);
    r->precommit_joined = !slk_column_is_null(q, 31);
    return SLK_OK;
}

slk_err slk_client_row_read(slk_client_row *ret_row, slk_seal *seal, uint64_t sp_id,
                            uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, slk_seal_db(seal), &read_client,
                        SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), "sector", error));
    slk_client_row r = {.sector = {sp_id, number, slk_column_i64(&q, 0)},
                        .failed = slk_column_bool(&q, 2),
                        .has_provider = !slk_column_is_null(&q, 3),
                        .provider_id = slk_column_i64(&q, 3),
                        .provider_enabled = slk_column_bool(&q, 6),
                        .duration_epochs = slk_column_i64(&q, 7),
                        .cancel_requested = slk_column_bool(&q, 8)};
    SLK_TRY(read_state(&r.state, &q, 1, SLK_PIPELINE_CLIENT, error));
    slk_sql_copy_text(r.provider_url, sizeof r.provider_url, &q, 4);
    slk_sql_copy_text(r.provider_token, sizeof r.provider_token, &q, 5);
    r.state_ms = slk_column_i64(&q, 24);
    r.provider_left = slk_column_bool(&q, 25);
    r.replica_anew = slk_column_bool(&q, 26);
    r.refetches = slk_column_i64(&q, 27);
    slk_sql_copy_text(r.remote_state, sizeof r.remote_state, &q, 28);
    r.remote_moved_ms = slk_column_i64(&q, 29);
    slk_sql_copy_text(r.remote_stage, sizeof r.remote_stage, &q, 32);
    r.remote_done = slk_column_i64(&q, 33);
    r.c1_anew = slk_column_bool(&q, 30);
    SLK_TRY(read_details(&r, &q, error));
    *ret_row = r;
    return SLK_OK;
}

slk_err slk_seal_parse_cids(slk_seal_commitments *ret, const slk_seal_completion *completion,
                            slk_error *error)
{
    slk_seal_commitments comm;
    slk_cid cid;
    slk_err code = slk_cid_parse(&cid, completion->tree_d_cid, error);
    if (code == SLK_OK)
        code = slk_comm_d_from_cid(comm.comm_d, &cid, error);
    if (code != SLK_OK)
        return slk_fail_context(error, code, "tree_d_cid");
    code = slk_cid_parse(&cid, completion->tree_r_cid, error);
    if (code == SLK_OK)
        code = slk_comm_r_from_cid(comm.comm_r, &cid, error);
    if (code != SLK_OK)
        return slk_fail_context(error, code, "tree_r_cid");
    *ret = comm;
    return SLK_OK;
}

/* ---- places ---- */

slk_err slk_seal_places_of(slk_seal_places *ret, const char *folder, uint64_t sp_id,
                           uint64_t number, slk_error *error)
{
    unsigned long sp = sp_id, n = number;
    slk_seal_places p = {.sealed = slk_strf("%s/sealed/s-t0%lu-%lu", folder, sp, n),
                         .cache = slk_strf("%s/cache/s-t0%lu-%lu", folder, sp, n),
                         .c1 = slk_strf("%s/c1/s-t0%lu-%lu", folder, sp, n)};
    if (!p.sealed || !p.cache || !p.c1) {
        slk_seal_places_done(&p);
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    *ret = p;
    return SLK_OK;
}

void slk_seal_places_done(slk_seal_places *places)
{
    slk_free(places->sealed);
    slk_free(places->cache);
    slk_free(places->c1);
    *places = (slk_seal_places){0};
}

char *slk_seal_c1_path(const slk_seal_places *places, const uint8_t seed[32])
{
    char hex[65];
    slk_hex_encode(hex, seed, 32);
    return slk_strf("%s/%s.json", places->c1, hex);
}

/* ---- tokens ---- */

slk_err slk_seal_token_open(slk_seal_token *ret, slk_seal *seal, const char *wrapped,
                            slk_error *error)
{
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    slk_seal_token token;
    slk_buf_init(&token.text, 512);
    slk_err code = keeper->unwrap(keeper->ctx, &token.text, wrapped, error);
    if (code != SLK_OK) {
        slk_seal_token_done(&token);
        return code;
    }
    *ret = token;
    return SLK_OK;
}

void slk_seal_token_done(slk_seal_token *token)
{
    if (token->text.data)
        slk_bytes_wipe(token->text.data, token->text.len);
    slk_buf_done(&token->text);
}

/* ---- changes ---- */

slk_change slk_seal_change(const slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id,
                           uint64_t number, slk_event event, const char *actor, const char *detail)
{
    return (slk_change){.pipeline = pipeline,
                        .sp_id = sp_id,
                        .number = number,
                        .event = event,
                        .actor = actor,
                        .node = slk_seal_get_options(seal)->node_name,
                        .detail = detail,
                        .now_ms = slk_seal_now(seal)};
}

static slk_err apply_body(slk_db *db, void *context, slk_error *error)
{
    return slk_state_apply(db, context, error);
}

slk_err slk_seal_apply(slk_seal *seal, const slk_change *change, slk_error *error)
{
    slk_change copy = *change;
    return slk_db_tx(slk_seal_db(seal), apply_body, &copy, error);
}

struct note {
    const slk_change *change;
    const char *event;
};

static slk_err note_body(slk_db *db, void *context, slk_error *error)
{
    const struct note *n = context;
    return slk_state_note(db, n->change, n->event, error);
}

slk_err slk_seal_note(slk_seal *seal, const slk_change *change, const char *event, slk_error *error)
{
    struct note n = {change, event};
    return slk_db_tx(slk_seal_db(seal), note_body, &n, error);
}

/* ---- random names ---- */

void slk_seal_random_hex(char *out, size_t n)
{
    uint8_t bytes[32];
    slk_assert(n <= sizeof bytes);
    slk_rng_fill(bytes, n);
    slk_hex_encode(out, bytes, n);
    slk_bytes_wipe(bytes, sizeof bytes);
}

void slk_seal_uuid(char out37[37])
{
    uint8_t b[16];
    slk_rng_fill(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0fu) | 0x40u); /* version 4 */
    b[8] = (uint8_t)((b[8] & 0x3fu) | 0x80u); /* variant of RFC 4122 */
    char hex[33];
    slk_hex_encode(hex, b, sizeof b);
    (void)snprintf(out37, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
}

/* ---- for run functions ---- */

slk_err slk_task_wait(slk_task *task, int64_t ms, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(task->note, sizeof task->note, format, args);
    va_end(args);
    task->wait = true;
    task->wait_ms = ms;
    return SLK_OK;
}

void slk_task_note(slk_task *task, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(task->note, sizeof task->note, format, args);
    va_end(args);
}

void slk_task_give_up(slk_task *task, const char *reason)
{
    task->give_up = true;
    slk_task_reason(task, reason);
}

void slk_task_reason(slk_task *task, const char *reason)
{
    (void)snprintf(task->failed_reason, sizeof task->failed_reason, "%.20s", reason);
}
