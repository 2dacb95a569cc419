/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Partners: who may order from this provider, and by which token. */
#include "base/bytes.h"
#include "base/mem.h"
#include "seal/provider.h"
#include "seal/rows_impl.h"
#include "seal/sql_impl.h"

#include <stdio.h>
#include <string.h>

#define ALLOWANCE_MAX INT64_C(1000000000)
#define URL_MAX_CHARS 500u

static const slk_sql insert_partner = {
    "partner.insert",
    "INSERT INTO rseal_delegated_partners (partner_name, partner_token_hash, partner_token,"
    " partner_url, allowance_remaining, allowance_total, allowed_proof_types, created_at,"
    " updated_at) VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $7) RETURNING id"};
static const slk_sql find_partner = {
    "partner.find", "SELECT id FROM rseal_delegated_partners WHERE partner_name = $1"};
static const slk_sql count_uncleaned = {"partner.uncleaned",
                                        "SELECT count(*) FROM rseal_provider_pipeline"
                                        " WHERE partner_id = $1 AND after_cleanup = 0"};
static const slk_sql delete_rows = {"partner.delete_rows",
                                    "DELETE FROM rseal_provider_pipeline WHERE partner_id = $1"};
static const slk_sql delete_slots = {"partner.delete_slots",
                                     "DELETE FROM rseal_provider_slots WHERE partner_id = $1"};
static const slk_sql delete_partner = {"partner.delete",
                                       "DELETE FROM rseal_delegated_partners WHERE id = $1"};
static const slk_sql rotate_token = {
    "partner.rotate",
    "UPDATE rseal_delegated_partners SET previous_token_hash = partner_token_hash,"
    " previous_until_ms = $4, partner_token_hash = $2, partner_token = $3, updated_at = $5"
    " WHERE id = $1"};
static const slk_sql set_allowance = {
    "partner.set_allowance",
    "UPDATE rseal_delegated_partners SET allowance_remaining = $2, allowance_total = $3,"
    " updated_at = $4 WHERE id = $1"};
static const slk_sql set_url = {
    "partner.set_url",
    "UPDATE rseal_delegated_partners SET partner_url = $2, updated_at = $3 WHERE id = $1"};
static const slk_sql authorize = {
    "partner.authorize",
    "SELECT id, partner_name, allowance_remaining, allowance_total, partner_token_hash,"
    " previous_token_hash FROM rseal_delegated_partners WHERE partner_token_hash = $1"
    " OR (previous_token_hash = $1 AND previous_until_ms > $2)"};

static slk_err check_allowance(int64_t value, slk_error *error)
{
    if (value < 0 || value > ALLOWANCE_MAX)
        return slk_fail(error, SLK_E_INVAL, "an allowance must be from 0 to %ld",
                        (long)ALLOWANCE_MAX);
    return SLK_OK;
}

static slk_err check_url(const char *url, slk_error *error)
{
    if (strlen(url) > URL_MAX_CHARS)
        return slk_fail(error, SLK_E_INVAL, "the address is longer than %u characters",
                        URL_MAX_CHARS);
    return SLK_OK;
}

/* ",5,8," : a number is looked for with its commas. */
static slk_err proofs_text(slk_buf *out, const slk_seal *seal, const int64_t *proofs, size_t n,
                           slk_error *error)
{
    const slk_seal_options *o = slk_seal_get_options(seal);
    for (size_t i = 0; i < n; i++) {
        bool offered = false;
        for (size_t k = 0; k < o->seal_proofs_n; k++)
            offered = offered || o->seal_proofs[k] == proofs[i];
        if (!offered)
            return slk_fail(error, SLK_E_INVAL, "this node does not offer seal proof %ld",
                            (long)proofs[i]);
        SLK_TRY(slk_buf_printf(out, i == 0 ? ",%ld," : "%ld,", (long)proofs[i]));
    }
    return SLK_OK;
}

struct new_token {
    char text[SLK_TOKEN_CHARS];
    char hash[65];
    slk_buf wrapped;
};

static void new_token_done(struct new_token *token)
{
    slk_bytes_wipe(token->text, sizeof token->text);
    slk_buf_done(&token->wrapped);
}

static slk_err new_token_make(struct new_token *token, slk_seal *seal, slk_error *error)
{
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    slk_buf_init(&token->wrapped, 500);
    slk_seal_random_hex(token->text, 32);
    keeper->hash(keeper->ctx, token->hash, token->text);
    return keeper->wrap(keeper->ctx, &token->wrapped, token->text, error);
}

slk_err slk_partner_add(int64_t *ret_id, char ret_token[SLK_TOKEN_CHARS], slk_seal *seal,
                        const char *name, const char *url, int64_t allowance, const int64_t *proofs,
                        size_t proofs_n, slk_error *error)
{
    size_t chars = strlen(name);
    if (chars == 0 || chars > 127)
        return slk_fail(error, SLK_E_INVAL, "a partner's name must have 1 to 127 characters");
    SLK_TRY(check_allowance(allowance, error));
    SLK_TRY(check_url(url, error));
    SLK_CLEANUP(slk_buf_done) slk_buf types;
    slk_buf_init(&types, 256);
    SLK_TRY(proofs_text(&types, seal, proofs, proofs_n, error));
    SLK_CLEANUP(new_token_done) struct new_token token = {0};
    SLK_TRY(new_token_make(&token, seal, error));
    int64_t id = 0;
    slk_err code = slk_sql_number(&id, slk_seal_db(seal), &insert_partner,
                                  SLK_ARGS(slk_arg_t(name), slk_arg_t(token.hash),
                                           slk_arg_t(slk_buf_str(&token.wrapped)), slk_arg_t(url),
                                           slk_arg_i(allowance), slk_arg_t(slk_buf_str(&types)),
                                           slk_arg_i(slk_seal_now(seal))),
                                  error);
    if (code == SLK_E_EXISTS)
        return slk_fail(error, code, "there is already a partner named %s", name);
    SLK_TRY(code);
    *ret_id = id;
    memcpy(ret_token, token.text, SLK_TOKEN_CHARS);
    return SLK_OK;
}

slk_err slk_partner_find(int64_t *ret_id, slk_seal *seal, const char *name, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, slk_seal_db(seal), &find_partner, SLK_ARGS(slk_arg_t(name)), "partner",
                        error));
    *ret_id = slk_column_i64(&q, 0);
    return SLK_OK;
}

static slk_err remove_body(slk_db *db, void *context, slk_error *error)
{
    const int64_t *id = context;
    int64_t uncleaned = 0, changes = 0;
    SLK_TRY(slk_sql_number(&uncleaned, db, &count_uncleaned, SLK_ARGS(slk_arg_i(*id)), error));
    if (uncleaned > 0)
        return slk_fail(error, SLK_E_CONFLICT,
                        "the partner has %ld sectors that are not cleaned up", (long)uncleaned);
    SLK_TRY(slk_sql_run(db, &delete_rows, SLK_ARGS(slk_arg_i(*id)), NULL, error));
    SLK_TRY(slk_sql_run(db, &delete_slots, SLK_ARGS(slk_arg_i(*id)), NULL, error));
    SLK_TRY(slk_sql_run(db, &delete_partner, SLK_ARGS(slk_arg_i(*id)), &changes, error));
    return changes == 1 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no such partner");
}

slk_err slk_partner_remove(slk_seal *seal, int64_t id, slk_error *error)
{
    return slk_db_tx(slk_seal_db(seal), remove_body, &id, error);
}

/* Runs an UPDATE of one partner. */
static slk_err update_partner(slk_seal *seal, const slk_sql *sql, const slk_arg *args, size_t n,
                              slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(slk_seal_db(seal), sql, args, n, &changes, error));
    return changes == 1 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no such partner");
}

slk_err slk_partner_rotate(char ret_token[SLK_TOKEN_CHARS], slk_seal *seal, int64_t id,
                           int64_t overlap_ms, slk_error *error)
{
    SLK_CLEANUP(new_token_done) struct new_token token = {0};
    SLK_TRY(new_token_make(&token, seal, error));
    int64_t now = slk_seal_now(seal);
    SLK_TRY(update_partner(seal, &rotate_token,
                           SLK_ARGS(slk_arg_i(id), slk_arg_t(token.hash),
                                    slk_arg_t(slk_buf_str(&token.wrapped)),
                                    slk_arg_i(now + overlap_ms), slk_arg_i(now)),
                           error));
    memcpy(ret_token, token.text, SLK_TOKEN_CHARS);
    return SLK_OK;
}

slk_err slk_partner_set_allowance(slk_seal *seal, int64_t id, int64_t remaining, int64_t total,
                                  slk_error *error)
{
    SLK_TRY(check_allowance(remaining, error));
    SLK_TRY(check_allowance(total, error));
    return update_partner(seal, &set_allowance,
                          SLK_ARGS(slk_arg_i(id), slk_arg_i(remaining), slk_arg_i(total),
                                   slk_arg_i(slk_seal_now(seal))),
                          error);
}

slk_err slk_partner_set_url(slk_seal *seal, int64_t id, const char *url, slk_error *error)
{
    SLK_TRY(check_url(url, error));
    return update_partner(seal, &set_url,
                          SLK_ARGS(slk_arg_i(id), slk_arg_t(url), slk_arg_i(slk_seal_now(seal))),
                          error);
}

slk_err slk_provider_authorize(slk_partner *ret_partner, slk_seal *seal, const char *token,
                               slk_error *error)
{
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    char hash[65];
    keeper->hash(keeper->ctx, hash, token);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &authorize,
                         SLK_ARGS(slk_arg_t(hash), slk_arg_i(slk_seal_now(seal))), error));
    bool row;
    SLK_TRY(slk_query_step(&q, &row, error));
    if (!row)
        return slk_fail(error, SLK_E_AUTH, "the partner token is not known here");
    slk_partner p = {.id = slk_column_i64(&q, 0),
                     .allowance_remaining = slk_column_i64(&q, 2),
                     .allowance_total = slk_column_i64(&q, 3)};
    slk_sql_copy_text(p.name, sizeof p.name, &q, 1);
    *ret_partner = p;
    return SLK_OK;
}
