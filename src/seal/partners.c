/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Partners: who may order from this provider, and by which token. */
#include "base/bytes.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/partner.h"
#include "seal/rows_impl.h"

#include <stdio.h>
#include <string.h>

#define ALLOWANCE_MAX INT64_C(1000000000)
#define URL_MAX_CHARS 500u

static const slk_sql insert_partner = {
    "partner.insert",
    "INSERT INTO rseal_delegated_partners (partner_name, partner_token_hash, partner_token,"
    " partner_url, allowance_remaining, allowance_total, allowed_proof_types, weight, expires_ms,"
    " created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) RETURNING id"};
static const slk_sql find_partner = {
    "partner.find", "SELECT id FROM rseal_delegated_partners WHERE partner_name = $1"};
static const slk_sql count_uncleaned = {"partner.uncleaned",
                                        "SELECT count(*) FROM rseal_provider_pipeline"
                                        " WHERE partner_id = $1 AND after_cleanup = 0"};
static const slk_sql delete_rows = {"partner.delete_rows",
                                    "DELETE FROM rseal_provider_pipeline WHERE partner_id = $1"};
static const slk_sql delete_sums = {"partner.delete_sums",
                                    "DELETE FROM rseal_provider_sum WHERE partner_id = $1"};
static const slk_sql delete_slots = {"partner.delete_slots",
                                     "DELETE FROM rseal_provider_slots WHERE partner_id = $1"};
static const slk_sql delete_miners = {"partner.delete_miners",
                                      "DELETE FROM rseal_partner_miners WHERE partner_id = $1"};
static const slk_sql insert_miner = {
    "partner.insert_miner",
    "INSERT INTO rseal_partner_miners (partner_id, sp_id, max_sectors) VALUES ($1, $2, $3)"};
static const slk_sql delete_partner = {"partner.delete",
                                       "DELETE FROM rseal_delegated_partners WHERE id = $1"};
static const slk_sql rotate_token = {
    "partner.rotate",
    "UPDATE rseal_delegated_partners SET previous_token_hash = partner_token_hash,"
    " previous_until_ms = $4, partner_token_hash = $2, partner_token = $3, updated_at = $5"
    " WHERE id = $1"};
static const slk_sql touch = {"partner.touch",
                              "UPDATE rseal_delegated_partners SET updated_at = $2 WHERE id = $1"};
static const slk_sql set_allowance = {
    "partner.set_allowance",
    "UPDATE rseal_delegated_partners SET allowance_remaining = $2, allowance_total = $3"
    " WHERE id = $1"};
static const slk_sql read_url = {"partner.url",
                                 "SELECT partner_url FROM rseal_delegated_partners WHERE id = $1"};
static const slk_sql set_url = {
    "partner.set_url", "UPDATE rseal_delegated_partners SET partner_url = $2 WHERE id = $1"};
static const slk_sql set_proofs = {
    "partner.set_proofs",
    "UPDATE rseal_delegated_partners SET allowed_proof_types = $2 WHERE id = $1"};
static const slk_sql set_weight = {"partner.set_weight",
                                   "UPDATE rseal_delegated_partners SET weight = $2 WHERE id = $1"};
static const slk_sql set_expiry = {
    "partner.set_expiry", "UPDATE rseal_delegated_partners SET expires_ms = $2 WHERE id = $1"};
static const slk_sql authorize = {
    "partner.authorize",
    "SELECT id, partner_name, allowance_remaining, allowance_total FROM rseal_delegated_partners"
    " WHERE partner_token_hash = $1 OR (previous_token_hash = $1 AND previous_until_ms > $2)"};

/* ---- terms ---- */

static slk_err check_allowance(int64_t value, slk_error *error)
{
    if (value < 0 || value > ALLOWANCE_MAX)
        return slk_fail(error, SLK_E_INVAL, "an allowance must be from 0 to %ld",
                        (long)ALLOWANCE_MAX);
    return SLK_OK;
}

static slk_err check_proofs(const slk_seal *seal, const slk_partner_terms *terms, slk_error *error)
{
    const slk_seal_options *o = slk_seal_get_options(seal);
    for (size_t i = 0; i < terms->proofs_n; i++) {
        bool offered = false;
        for (size_t k = 0; k < o->seal_proofs_n; k++)
            offered = offered || o->seal_proofs[k] == terms->proofs[i];
        if (!offered)
            return slk_fail(error, SLK_E_INVAL, "this node does not offer seal proof %ld",
                            (long)terms->proofs[i]);
    }
    return SLK_OK;
}

static slk_err check_miners(const slk_partner_terms *terms, slk_error *error)
{
    if (terms->miners_n > SLK_PARTNER_MINERS_MAX)
        return slk_fail(error, SLK_E_INVAL, "more than %u miners", SLK_PARTNER_MINERS_MAX);
    for (size_t i = 0; i < terms->miners_n; i++) {
        const slk_partner_miner *m = &terms->miners[i];
        if (m->sp_id > INT64_MAX || m->max_sectors < 0 || m->max_sectors > ALLOWANCE_MAX)
            return slk_fail(error, SLK_E_INVAL, "a miner's limit must be from 0 to %ld",
                            (long)ALLOWANCE_MAX);
        for (size_t k = 0; k < i; k++)
            if (terms->miners[k].sp_id == m->sp_id)
                return slk_fail(error, SLK_E_INVAL, "miner f0%lu is named twice",
                                (unsigned long)m->sp_id);
    }
    return SLK_OK;
}

slk_err slk_partner_check(const slk_seal *seal, const slk_partner_terms *terms, slk_error *error)
{
    SLK_TRY(check_allowance(terms->allowance_remaining, error));
    SLK_TRY(check_allowance(terms->allowance_total, error));
    if (terms->url && strlen(terms->url) > URL_MAX_CHARS)
        return slk_fail(error, SLK_E_INVAL, "the address is longer than %u characters",
                        URL_MAX_CHARS);
    if (terms->weight < 0 || terms->weight > SLK_PARTNER_WEIGHT_MAX)
        return slk_fail(error, SLK_E_INVAL, "a weight must be from 1 to %d",
                        SLK_PARTNER_WEIGHT_MAX);
    if (terms->expires_ms < 0)
        return slk_fail(error, SLK_E_INVAL, "an expiry must be a time after 1970, or 0 for never");
    SLK_TRY(check_proofs(seal, terms, error));
    return check_miners(terms, error);
}

/* ",5,8," : a number is looked for with its commas. */
static slk_err proofs_text(slk_buf *out, const slk_partner_terms *terms)
{
    for (size_t i = 0; i < terms->proofs_n; i++)
        SLK_TRY(slk_buf_printf(out, i == 0 ? ",%ld," : "%ld,", (long)terms->proofs[i]));
    return SLK_OK;
}

static int64_t weight_of(const slk_partner_terms *terms)
{
    return terms->weight == 0 ? 1 : terms->weight;
}

static slk_err write_miners(slk_db *db, int64_t id, const slk_partner_terms *terms,
                            slk_error *error)
{
    SLK_TRY(slk_sql_run(db, &delete_miners, SLK_ARGS(slk_arg_i(id)), NULL, error));
    for (size_t i = 0; i < terms->miners_n; i++)
        SLK_TRY(slk_sql_run(db, &insert_miner,
                            SLK_ARGS(slk_arg_i(id), slk_arg_u(terms->miners[i].sp_id),
                                     slk_arg_i(terms->miners[i].max_sectors)),
                            NULL, error));
    return SLK_OK;
}

/* ---- tokens ---- */

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

/* ---- add, change, remove ---- */

struct add {
    slk_seal *seal;
    const char *name;
    const slk_partner_terms *terms;
    const struct new_token *token;
    int64_t id;
};

static slk_err add_body(slk_db *db, void *context, slk_error *error)
{
    struct add *a = context;
    const slk_partner_terms *t = a->terms;
    SLK_CLEANUP(slk_buf_done) slk_buf types;
    slk_buf_init(&types, 256);
    SLK_TRY(proofs_text(&types, t));
    SLK_TRY(slk_sql_number(
        &a->id, db, &insert_partner,
        SLK_ARGS(slk_arg_t(a->name), slk_arg_t(a->token->hash),
                 slk_arg_t(slk_buf_str(&a->token->wrapped)), slk_arg_t(t->url ? t->url : ""),
                 slk_arg_i(t->allowance_remaining), slk_arg_i(t->allowance_total),
                 slk_arg_t(slk_buf_str(&types)), slk_arg_i(weight_of(t)), slk_arg_i(t->expires_ms),
                 slk_arg_i(slk_seal_now(a->seal))),
        error));
    return write_miners(db, a->id, t, error);
}

slk_err slk_partner_add(int64_t *ret_id, char ret_token[SLK_TOKEN_CHARS], slk_seal *seal,
                        const char *name, const slk_partner_terms *terms, slk_error *error)
{
    size_t chars = strlen(name);
    if (chars == 0 || chars > 127 || !slk_text_is_printable(name))
        return slk_fail(error, SLK_E_INVAL,
                        "a partner's name must have 1 to 127 printable characters of UTF-8");
    SLK_TRY(slk_partner_check(seal, terms, error));
    SLK_CLEANUP(new_token_done) struct new_token token = {0};
    SLK_TRY(new_token_make(&token, seal, error));
    struct add a = {.seal = seal, .name = name, .terms = terms, .token = &token};
    slk_err code = slk_db_tx(slk_seal_db(seal), add_body, &a, error);
    if (code == SLK_E_EXISTS)
        return slk_fail(error, code, "there is already a partner named %s", name);
    SLK_TRY(code);
    *ret_id = a.id;
    memcpy(ret_token, token.text, SLK_TOKEN_CHARS);
    return SLK_OK;
}

struct set {
    slk_seal *seal;
    int64_t id;
    unsigned what;
    const slk_partner_terms *terms;
};

static slk_err set_body(slk_db *db, void *context, slk_error *error)
{
    const struct set *s = context;
    const slk_partner_terms *t = s->terms;
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(db, &touch, SLK_ARGS(slk_arg_i(s->id), slk_arg_i(slk_seal_now(s->seal))),
                        &changes, error));
    if (changes != 1)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such partner");
    SLK_CLEANUP(slk_buf_done) slk_buf types;
    slk_buf_init(&types, 256);
    SLK_TRY(proofs_text(&types, t));
    const struct {
        unsigned term;
        const slk_sql *sql;
        slk_arg value;
    } changed[] = {
        {SLK_TERM_URL, &set_url, slk_arg_t(t->url ? t->url : "")},
        {SLK_TERM_PROOFS, &set_proofs, slk_arg_t(slk_buf_str(&types))},
        {SLK_TERM_WEIGHT, &set_weight, slk_arg_i(weight_of(t))},
        {SLK_TERM_EXPIRY, &set_expiry, slk_arg_i(t->expires_ms)},
    };
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
        if (s->what & changed[i].term)
            SLK_TRY(slk_sql_run(db, changed[i].sql, SLK_ARGS(slk_arg_i(s->id), changed[i].value),
                                NULL, error));
    if (s->what & SLK_TERM_ALLOWANCE)
        SLK_TRY(slk_sql_run(db, &set_allowance,
                            SLK_ARGS(slk_arg_i(s->id), slk_arg_i(t->allowance_remaining),
                                     slk_arg_i(t->allowance_total)),
                            NULL, error));
    return s->what & SLK_TERM_MINERS ? write_miners(db, s->id, t, error) : SLK_OK;
}

slk_err slk_partner_set(slk_seal *seal, int64_t id, unsigned what, const slk_partner_terms *terms,
                        slk_error *error)
{
    SLK_TRY(slk_partner_check(seal, terms, error));
    struct set s = {seal, id, what, terms};
    return slk_db_tx(slk_seal_db(seal), set_body, &s, error);
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
    SLK_TRY(slk_sql_run(db, &delete_sums, SLK_ARGS(slk_arg_i(*id)), NULL, error));
    SLK_TRY(slk_sql_run(db, &delete_slots, SLK_ARGS(slk_arg_i(*id)), NULL, error));
    SLK_TRY(slk_sql_run(db, &delete_miners, SLK_ARGS(slk_arg_i(*id)), NULL, error));
    SLK_TRY(slk_sql_run(db, &delete_partner, SLK_ARGS(slk_arg_i(*id)), &changes, error));
    return changes == 1 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no such partner");
}

slk_err slk_partner_remove(slk_seal *seal, int64_t id, slk_error *error)
{
    return slk_db_tx(slk_seal_db(seal), remove_body, &id, error);
}

slk_err slk_partner_rotate(char ret_token[SLK_TOKEN_CHARS], slk_seal *seal, int64_t id,
                           int64_t overlap_ms, slk_error *error)
{
    SLK_CLEANUP(new_token_done) struct new_token token = {0};
    SLK_TRY(new_token_make(&token, seal, error));
    int64_t now = slk_seal_now(seal), changes = 0;
    SLK_TRY(slk_sql_run(slk_seal_db(seal), &rotate_token,
                        SLK_ARGS(slk_arg_i(id), slk_arg_t(token.hash),
                                 slk_arg_t(slk_buf_str(&token.wrapped)),
                                 slk_arg_i(now + overlap_ms), slk_arg_i(now)),
                        &changes, error));
    if (changes != 1)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such partner");
    memcpy(ret_token, token.text, SLK_TOKEN_CHARS);
    return SLK_OK;
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

slk_err slk_partner_url(char ret_url[SLK_PARTNER_URL_CHARS], slk_seal *seal, int64_t id,
                        slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(
        slk_sql_row(&q, slk_seal_db(seal), &read_url, SLK_ARGS(slk_arg_i(id)), "partner", error));
    slk_sql_copy_text(ret_url, SLK_PARTNER_URL_CHARS, &q, 0);
    return SLK_OK;
}
