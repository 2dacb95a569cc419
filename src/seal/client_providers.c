/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whom this client orders from: adding, changing, distrusting and removing providers. */
#include "seal/client.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/rows_impl.h"

#include <string.h>

#define URL_MAX_CHARS 500u
#define NAME_MAX_CHARS 127u
/* 2 * 10^9 FIL are 28 digits of attoFIL; no price is higher. */
#define PRICE_MAX_DIGITS 28u

static const slk_sql upsert_provider = {
    "providers.upsert",
    "INSERT INTO rseal_client_providers (sp_id, provider_url, provider_token,"
    " provider_token_hash, provider_name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6,"
    " $6) ON CONFLICT (sp_id, provider_url) DO UPDATE SET provider_token = $3,"
    " provider_token_hash = $4, provider_name = $5, updated_at = $6, enabled = 1,"
    " disabled_reason = '', move_orders = 0 RETURNING id"};
static const slk_sql read_settings = {
    "providers.settings",
    "SELECT provider_url, provider_name, price FROM rseal_client_providers WHERE id = $1"};
static const slk_sql write_settings = {
    "providers.set", "UPDATE rseal_client_providers SET provider_url = $2, provider_name = $3,"
                     " price = $4, updated_at = $5 WHERE id = $1"};
static const slk_sql url_taken = {
    "providers.url_taken",
    "SELECT count(*) FROM rseal_client_providers o JOIN rseal_client_providers p"
    " ON p.sp_id = o.sp_id WHERE p.id = $1 AND o.id <> $1 AND o.provider_url = $2"};
static const slk_sql enable_provider = {
    "providers.enable", "UPDATE rseal_client_providers SET enabled = $2, disabled_reason = $3,"
                        " updated_at = $4, move_orders = $5 WHERE id = $1"};
static const slk_sql count_unreleased = {
    "providers.unreleased", "SELECT count(*) FROM rseal_client_placement WHERE provider_id = $1"
                            " AND (ended_ms IS NULL OR release_owed = 1)"};
static const slk_sql forget_provider = {
    "providers.forget",
    "UPDATE rseal_client_pipeline SET provider_id = NULL WHERE provider_id = $1"};
static const slk_sql forget_placements = {
    "providers.forget_placements", "DELETE FROM rseal_client_placement WHERE provider_id = $1"};
static const slk_sql delete_provider = {"providers.delete",
                                        "DELETE FROM rseal_client_providers WHERE id = $1"};

static const slk_sql insert_nonce = {
    "nonces.insert", "INSERT INTO rseal_client_call_back (nonce_hash, made_ms) VALUES ($1, $2)"};
static const slk_sql drop_nonces = {"nonces.drop",
                                    "DELETE FROM rseal_client_call_back WHERE made_ms < $1"};
static const slk_sql take_nonce = {
    "nonces.take",
    "UPDATE rseal_client_call_back SET seen_ms = $2 WHERE nonce_hash = $1 AND made_ms >= $3"};
static const slk_sql count_seen = {
    "nonces.seen",
    "SELECT count(*) FROM rseal_client_call_back WHERE nonce_hash = $1 AND seen_ms > 0"};

/* ---- adding ---- */

slk_err slk_client_provider_add(int64_t *ret_id, slk_seal *seal, uint64_t sp_id, const char *url,
                                const char *token, const char *name, slk_error *error)
{
    uint8_t raw[32];
    bool hex = slk_hex_decode(raw, sizeof raw, token);
    slk_bytes_wipe(raw, sizeof raw);
    if (!hex)
        return slk_fail(error, SLK_E_INVAL, "the provider's token must be 64 hex characters");
    size_t chars = strlen(url);
    if (sp_id > INT64_MAX || chars == 0 || chars > URL_MAX_CHARS || strlen(name) > NAME_MAX_CHARS)
        return slk_fail(error, SLK_E_INVAL, "miner, address or name is out of bounds");
    if (!slk_text_is_printable(url) || !slk_text_is_printable(name))
        return slk_fail(error, SLK_E_INVAL,
                        "address and name must be printable characters of UTF-8");
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    char hash[65];
    keeper->hash(keeper->ctx, hash, token);
    SLK_CLEANUP(slk_buf_done) slk_buf wrapped;
    slk_buf_init(&wrapped, 500);
    SLK_TRY(keeper->wrap(keeper->ctx, &wrapped, token, error));
    return slk_sql_number(ret_id, slk_seal_db(seal), &upsert_provider,
                          SLK_ARGS(slk_arg_u(sp_id), slk_arg_t(url),
                                   slk_arg_t(slk_buf_str(&wrapped)), slk_arg_t(hash),
                                   slk_arg_t(name), slk_arg_i(slk_seal_now(seal))),
                          error);
}

/* ---- changing ---- */

static bool is_price(const char *text)
{
    size_t n = strlen(text);
    return n <= PRICE_MAX_DIGITS && strspn(text, "0123456789") == n;
}

static slk_err check_change(const slk_client_provider_change *change, slk_error *error)
{
    if (change->url && (!*change->url || strlen(change->url) > URL_MAX_CHARS))
        return slk_fail(error, SLK_E_INVAL, "the address wants 1 to %u characters", URL_MAX_CHARS);
    if (change->name && strlen(change->name) > NAME_MAX_CHARS)
        return slk_fail(error, SLK_E_INVAL, "the name has more than %u characters", NAME_MAX_CHARS);
    if (change->name && !slk_text_is_printable(change->name))
        return slk_fail(error, SLK_E_INVAL, "the name must be printable characters of UTF-8");
    if (change->price && !is_price(change->price))
        return slk_fail(error, SLK_E_INVAL,
                        "the price wants attoFIL as decimal digits (1 FIL is 10^18), or nothing");
    return SLK_OK;
}

slk_err slk_client_provider_secret(char *ret_url, slk_buf *ret_token, slk_seal *seal, int64_t id,
                                   slk_error *error)
{
    static const slk_sql read_secret = {
        "providers.secret",
        "SELECT provider_url, provider_token FROM rseal_client_providers WHERE id = $1"};
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    char wrapped[512];
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_row(&q, slk_seal_db(seal), &read_secret, SLK_ARGS(slk_arg_i(id)),
                            "provider", error));
        slk_sql_copy_text(ret_url, 512, &q, 0);
        slk_sql_copy_text(wrapped, sizeof wrapped, &q, 1);
    }
    return keeper->unwrap(keeper->ctx, ret_token, wrapped, error);
}

struct set_body {
    slk_seal *seal;
    int64_t id;
    const slk_client_provider_change *change;
};

static slk_err check_url_free(slk_db *db, const struct set_body *s, slk_error *error)
{
    int64_t taken = 0;
    if (!s->change->url)
        return SLK_OK;
    SLK_TRY(slk_sql_number(&taken, db, &url_taken,
                           SLK_ARGS(slk_arg_i(s->id), slk_arg_t(s->change->url)), error));
    return taken == 0
               ? SLK_OK
               : slk_fail(error, SLK_E_EXISTS, "the miner has another provider with this address");
}

static slk_err set_settings(slk_db *db, void *context, slk_error *error)
{
    const struct set_body *s = context;
    char url[512], name[128], price[PRICE_MAX_DIGITS + 1];
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_row(&q, db, &read_settings, SLK_ARGS(slk_arg_i(s->id)), "provider", error));
        slk_sql_copy_text(url, sizeof url, &q, 0);
        slk_sql_copy_text(name, sizeof name, &q, 1);
        slk_sql_copy_text(price, sizeof price, &q, 2);
    }
    SLK_TRY(check_url_free(db, s, error));
    const slk_client_provider_change *c = s->change;
    return slk_sql_run(db, &write_settings,
                       SLK_ARGS(slk_arg_i(s->id), slk_arg_t(c->url ? c->url : url),
                                slk_arg_t(c->name ? c->name : name),
                                slk_arg_t(c->price ? c->price : price),
                                slk_arg_i(slk_seal_now(s->seal))),
                       NULL, error);
}

slk_err slk_client_provider_set(slk_seal *seal, int64_t id,
                                const slk_client_provider_change *change, slk_error *error)
{
    struct set_body s = {seal, id, change};
    SLK_TRY(check_change(change, error));
    return slk_db_tx(slk_seal_db(seal), set_settings, &s, error);
}

static slk_err set_enabled(slk_seal *seal, int64_t id, bool enabled, bool move, const char *reason,
                           slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(slk_seal_db(seal), &enable_provider,
                        SLK_ARGS(slk_arg_i(id), slk_arg_i(enabled), slk_arg_t(reason),
                                 slk_arg_i(slk_seal_now(seal)), slk_arg_i(move)),
                        &changes, error));
    return changes == 1 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no such provider");
}

slk_err slk_client_provider_enable(slk_seal *seal, int64_t id, bool enabled, slk_error *error)
{
    SLK_TRY(set_enabled(seal, id, enabled, false, enabled ? "" : "by the operator", error));
    slk_seal_wake(seal);
    return SLK_OK;
}

slk_err slk_client_provider_leave(slk_seal *seal, int64_t id, slk_error *error)
{
    SLK_TRY(set_enabled(seal, id, false, true, "by the operator, its orders go elsewhere", error));
    slk_seal_wake(seal);
    return SLK_OK;
}

slk_err slk_client_distrust(slk_seal *seal, int64_t provider_id, const char *why, slk_error *error)
{
    slk_log(SLK_LOG_ERROR, "provider.disabled", "provider=%ld why=\"%s\"", (long)provider_id, why);
    return set_enabled(seal, provider_id, false, true, why, error);
}

/* ---- removing ---- */

static slk_err remove_body(slk_db *db, void *context, slk_error *error)
{
    const int64_t *id = context;
    int64_t unreleased = 0, changes = 0;
    SLK_TRY(slk_sql_number(&unreleased, db, &count_unreleased, SLK_ARGS(slk_arg_i(*id)), error));
    if (unreleased > 0)
        return slk_fail(error, SLK_E_CONFLICT, "%ld sectors of this provider are not released",
                        (long)unreleased);
    SLK_TRY(slk_sql_run(db, &forget_provider, SLK_ARGS(slk_arg_i(*id)), NULL, error));
    SLK_TRY(slk_sql_run(db, &forget_placements, SLK_ARGS(slk_arg_i(*id)), NULL, error));
    SLK_TRY(slk_sql_run(db, &delete_provider, SLK_ARGS(slk_arg_i(*id)), &changes, error));
    return changes == 1 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "there is no such provider");
}

slk_err slk_client_provider_remove(slk_seal *seal, int64_t id, slk_error *error)
{
    return slk_db_tx(slk_seal_db(seal), remove_body, &id, error);
}

/* ---- the way back ---- */

static void hash_nonce(char out65[65], slk_seal *seal, const char *nonce)
{
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    keeper->hash(keeper->ctx, out65, nonce);
}

slk_err slk_client_nonce_make(char ret_nonce[SLK_NONCE_CHARS], slk_seal *seal, slk_error *error)
{
    char nonce[SLK_NONCE_CHARS], hash[65];
    const int64_t now_ms = slk_seal_now(seal);
    slk_seal_random_hex(nonce, 32);
    hash_nonce(hash, seal, nonce);
    SLK_TRY(slk_sql_run(slk_seal_db(seal), &drop_nonces,
                        SLK_ARGS(slk_arg_i(now_ms - SLK_CLIENT_CALL_BACK_MS)), NULL, error));
    SLK_TRY(slk_sql_run(slk_seal_db(seal), &insert_nonce,
                        SLK_ARGS(slk_arg_t(hash), slk_arg_i(now_ms)), NULL, error));
    memcpy(ret_nonce, nonce, sizeof nonce);
    return SLK_OK;
}

slk_err slk_client_nonce_take(slk_seal *seal, const char *nonce, slk_error *error)
{
    char hash[65];
    int64_t changes = 0;
    const int64_t now_ms = slk_seal_now(seal);
    hash_nonce(hash, seal, nonce);
    SLK_TRY(slk_sql_run(
        slk_seal_db(seal), &take_nonce,
        SLK_ARGS(slk_arg_t(hash), slk_arg_i(now_ms), slk_arg_i(now_ms - SLK_CLIENT_CALL_BACK_MS)),
        &changes, error));
    return changes == 1 ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "that nonce is none of ours");
}

slk_err slk_client_nonce_seen(bool *ret_seen, slk_seal *seal, const char *nonce, slk_error *error)
{
    char hash[65];
    int64_t n = 0;
    hash_nonce(hash, seal, nonce);
    SLK_TRY(slk_sql_number(&n, slk_seal_db(seal), &count_seen, SLK_ARGS(slk_arg_t(hash)), error));
    *ret_seen = n == 1;
    return SLK_OK;
}
