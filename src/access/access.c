/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "access/access.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rng.h"
#include "codec/json.h"
#include "net/token.h"

#include <stdio.h>
#include <string.h>

#define USED_GRAIN_MS 60000 /* used_ms is written at most so often */
#define NAME_TAIL_BYTES 4u
#define KEEP_EXPIRED_MS (INT64_C(7) * 86400000) /* an expired token is still listed so long */

static const slk_sql insert_token = {
    "access.insert", "INSERT INTO access_token (name, token_hash, role, once, created_ms,"
                     " expires_ms, used_ms) VALUES ($1, $2, $3, $4, $5, $6, 0)"};
static const slk_sql forget_sessions = {"access.forget_sessions",
                                        "DELETE FROM access_session WHERE expires_ms <= $1"};
static const slk_sql forget_tokens = {
    "access.forget_tokens",
    "DELETE FROM access_token WHERE expires_ms > 0 AND expires_ms <= $1 AND NOT EXISTS"
    " (SELECT 1 FROM access_session s WHERE s.token_name = access_token.name)"};
static const slk_sql end_sessions = {"access.end_sessions",
                                     "DELETE FROM access_session WHERE token_name = $1"};
static const slk_sql delete_token = {"access.delete", "DELETE FROM access_token WHERE name = $1"};
static const slk_sql list_tokens = {
    "access.list",
    "SELECT t.name, t.role, t.once, t.created_ms, t.expires_ms, t.used_ms,"
    " (SELECT count(*) FROM access_session s WHERE s.token_name = t.name AND s.expires_ms > $1)"
    " FROM access_token t ORDER BY t.created_ms, t.name"};
static const slk_sql find_token = {
    "access.find", "SELECT name, role, token_hash, once, expires_ms, used_ms FROM access_token"
                   " WHERE token_hash = $1"};
static const slk_sql use_token = {"access.use",
                                  "UPDATE access_token SET used_ms = $2 WHERE name = $1"};
static const slk_sql use_up_token = {
    "access.use_up", "UPDATE access_token SET used_ms = $2 WHERE name = $1 AND used_ms = 0"};
static const slk_sql insert_session = {
    "access.session_insert",
    "INSERT INTO access_session (session_hash, token_name, role, created_ms, expires_ms)"
    " VALUES ($1, $2, $3, $4, $5)"};
static const slk_sql find_session = {
    "access.session_find", "SELECT token_name, role, session_hash, expires_ms FROM access_session"
                           " WHERE session_hash = $1"};
static const slk_sql delete_session = {"access.session_delete",
                                       "DELETE FROM access_session WHERE session_hash = $1"};

static const char *const role_names[SLK_ROLE_COUNT] = {"none", "read", "write", "admin"};

const char *slk_role_name(slk_role role)
{
    return role_names[role];
}

slk_err slk_role_parse(slk_role *ret_role, const char *name, slk_error *error)
{
    for (unsigned i = SLK_ROLE_READ; i < SLK_ROLE_COUNT; i++) {
        if (strcmp(role_names[i], name) != 0)
            continue;
        *ret_role = (slk_role)i;
        return SLK_OK;
    }
    return slk_fail(error, SLK_E_INVAL, "there are three roles: read, write and admin");
}

/* ---- tokens ---- */

static slk_err make_name(char out[SLK_ACCESS_NAME_CHARS], const slk_access_grant *grant,
                         slk_error *error)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-@";
    if (*grant->name) {
        const size_t n = strlen(grant->name);
        if (n >= SLK_ACCESS_NAME_CHARS || strspn(grant->name, allowed) != n)
            return slk_fail(error, SLK_E_INVAL,
                            "a name has 1 to %u letters, digits or one of . _ - @",
                            SLK_ACCESS_NAME_CHARS - 1);
        memcpy(out, grant->name, n + 1);
        return SLK_OK;
    }
    uint8_t tail[NAME_TAIL_BYTES];
    char hex[2 * NAME_TAIL_BYTES + 1];
    slk_rng_fill(tail, sizeof tail);
    slk_hex_encode(hex, tail, sizeof tail);
    (void)snprintf(out, SLK_ACCESS_NAME_CHARS, "%s-%s",
                   grant->once ? "login" : role_names[grant->role], hex);
    return SLK_OK;
}

static slk_err run_with_number(slk_db *db, const slk_sql *sql, int64_t value, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, sql, error));
    slk_bind_i64(&q, 1, value);
    return slk_query_run(&q, error);
}

static slk_err run_with_text(int64_t *ret_changes, slk_db *db, const slk_sql *sql, const char *text,
                             slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, sql, error));
    slk_bind_text(&q, 1, text);
    SLK_TRY(slk_query_run(&q, error));
    *ret_changes = slk_query_changes(&q);
    return SLK_OK;
}

struct creation {
    const slk_access_grant *grant;
    const char *name;
    const char *hash;
    int64_t now_ms;
};

static slk_err create_body(slk_db *db, void *context, slk_error *error)
{
    const struct creation *c = context;
    SLK_TRY(run_with_number(db, &forget_sessions, c->now_ms, error));
    SLK_TRY(run_with_number(db, &forget_tokens, c->now_ms - KEEP_EXPIRED_MS, error));
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &insert_token, error));
    slk_bind_text(&q, 1, c->name);
    slk_bind_text(&q, 2, c->hash);
    slk_bind_text(&q, 3, role_names[c->grant->role]);
    slk_bind_bool(&q, 4, c->grant->once);
    slk_bind_i64(&q, 5, c->now_ms);
    slk_bind_i64(&q, 6, c->grant->expires_ms);
    const slk_err code = slk_query_run(&q, error);
    return code == SLK_E_EXISTS
               ? slk_fail(error, code, "there is already an access token named %s", c->name)
               : code;
}

slk_err slk_access_create(char ret_token[SLK_ACCESS_TOKEN_CHARS],
                          char ret_name[SLK_ACCESS_NAME_CHARS], slk_db *db,
                          const slk_access_grant *grant, int64_t now_ms, slk_error *error)
{
    char name[SLK_ACCESS_NAME_CHARS], token[SLK_ACCESS_TOKEN_CHARS], hash[SLK_ACCESS_TOKEN_CHARS];
    slk_assert(grant->role > SLK_ROLE_NONE && grant->role < SLK_ROLE_COUNT);
    SLK_TRY(make_name(name, grant, error));
    if (grant->expires_ms < 0 || (grant->expires_ms > 0 && grant->expires_ms <= now_ms))
        return slk_fail(error, SLK_E_INVAL, "the token would have expired already");
    slk_net_token_new(token);
    slk_net_token_hash(hash, token);
    struct creation c = {grant, name, hash, now_ms};
    SLK_TRY(slk_db_tx(db, create_body, &c, error));
    memcpy(ret_token, token, sizeof token);
    if (ret_name)
        memcpy(ret_name, name, sizeof name);
    slk_bytes_wipe(token, sizeof token);
    return SLK_OK;
}

static slk_err revoke_body(slk_db *db, void *context, slk_error *error)
{
    const char *name = context;
    int64_t changes;
    SLK_TRY(run_with_text(&changes, db, &end_sessions, name, error));
    SLK_TRY(run_with_text(&changes, db, &delete_token, name, error));
    if (changes == 0)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no access token of that name");
    return SLK_OK;
}

slk_err slk_access_revoke(slk_db *db, const char *name, slk_error *error)
{
    return slk_db_tx(db, revoke_body, (void *)(uintptr_t)name, error);
}

static json_t *time_or_null(int64_t ms)
{
    return ms ? json_integer(ms) : json_null();
}

slk_err slk_access_list(json_t **ret_list, slk_db *db, int64_t now_ms, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &list_tokens, error));
    slk_bind_i64(&q, 1, now_ms);
    for (;;) {
        bool row;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        const bool once = slk_column_bool(&q, 2);
        json_t *o = json_pack(
            "{s:s,s:s,s:b,s:b,s:I,s:o,s:o,s:I}", "name", slk_column_text(&q, 0), "role",
            slk_column_text(&q, 1), "once", once, "used", once && slk_column_i64(&q, 5) > 0,
            "created_ms", (json_int_t)slk_column_i64(&q, 3), "expires_ms",
            time_or_null(slk_column_i64(&q, 4)), "used_ms", time_or_null(slk_column_i64(&q, 5)),
            "sessions", (json_int_t)slk_column_i64(&q, 6));
        if (json_array_append_new(list, o) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    *ret_list = list;
    list = NULL;
    return SLK_OK;
}

/* ---- checks ---- */

struct found {
    slk_access_who who;
    bool once;
    int64_t used_ms;
};

static slk_err unknown(slk_error *error)
{
    return slk_fail(error, SLK_E_AUTH, "the access token is not known, or has expired");
}

static void copy_name(slk_access_who *who, const char *name)
{
    (void)snprintf(who->name, sizeof who->name, "%s", name);
}

/* Looked up by hash, then compared in constant time. */
static slk_err find(struct found *ret, slk_db *db, const char *token, int64_t now_ms,
                    slk_error *error)
{
    char hash[SLK_ACCESS_TOKEN_CHARS];
    if (!token)
        return unknown(error);
    slk_net_token_hash(hash, token);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &find_token, error));
    slk_bind_text(&q, 1, hash);
    bool row;
    SLK_TRY(slk_query_step(&q, &row, error));
    if (!row || !slk_net_token_matches(token, slk_column_text(&q, 2)))
        return unknown(error);
    *ret = (struct found){.once = slk_column_bool(&q, 3), .used_ms = slk_column_i64(&q, 5)};
    ret->who.expires_ms = slk_column_i64(&q, 4);
    copy_name(&ret->who, slk_column_text(&q, 0));
    SLK_TRY(slk_role_parse(&ret->who.role, slk_column_text(&q, 1), error));
    if (ret->who.expires_ms && ret->who.expires_ms <= now_ms)
        return unknown(error);
    return SLK_OK;
}

static slk_err note_use(slk_db *db, const struct found *found, int64_t now_ms, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, found->once ? &use_up_token : &use_token, error));
    slk_bind_text(&q, 1, found->who.name);
    slk_bind_i64(&q, 2, now_ms);
    SLK_TRY(slk_query_run(&q, error));
    if (found->once && slk_query_changes(&q) == 0)
        return slk_fail(error, SLK_E_AUTH, "this login token has been used; make another one");
    return SLK_OK;
}

slk_err slk_access_check(slk_access_who *ret_who, slk_db *db, const char *token, int64_t now_ms,
                         slk_error *error)
{
    struct found found;
    SLK_TRY(find(&found, db, token, now_ms, error));
    if (found.once)
        return unknown(error);
    if (now_ms - found.used_ms >= USED_GRAIN_MS)
        SLK_TRY(note_use(db, &found, now_ms, error));
    *ret_who = found.who;
    return SLK_OK;
}

/* ---- sessions ---- */

struct login {
    const char *token;
    const char *session_hash;
    int64_t lifetime_ms;
    int64_t now_ms;
    slk_access_who who;
};

static slk_err login_body(slk_db *db, void *context, slk_error *error)
{
    struct login *l = context;
    struct found found;
    SLK_TRY(find(&found, db, l->token, l->now_ms, error));
    SLK_TRY(run_with_number(db, &forget_sessions, l->now_ms, error));
    SLK_TRY(note_use(db, &found, l->now_ms, error));
    l->who = found.who;
    l->who.expires_ms = l->now_ms + l->lifetime_ms;
    if (!found.once && found.who.expires_ms && found.who.expires_ms < l->who.expires_ms)
        l->who.expires_ms = found.who.expires_ms;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &insert_session, error));
    slk_bind_text(&q, 1, l->session_hash);
    slk_bind_text(&q, 2, l->who.name);
    slk_bind_text(&q, 3, role_names[l->who.role]);
    slk_bind_i64(&q, 4, l->now_ms);
    slk_bind_i64(&q, 5, l->who.expires_ms);
    return slk_query_run(&q, error);
}

slk_err slk_access_login(char ret_session[SLK_ACCESS_TOKEN_CHARS], slk_access_who *ret_who,
                         slk_db *db, const char *token, int64_t lifetime_ms, int64_t now_ms,
                         slk_error *error)
{
    char session[SLK_ACCESS_TOKEN_CHARS], hash[SLK_ACCESS_TOKEN_CHARS];
    slk_net_token_new(session);
    slk_net_token_hash(hash, session);
    struct login l = {token, hash, lifetime_ms, now_ms, {0}};
    SLK_TRY(slk_db_tx(db, login_body, &l, error));
    memcpy(ret_session, session, sizeof session);
    slk_bytes_wipe(session, sizeof session);
    *ret_who = l.who;
    return SLK_OK;
}

slk_err slk_access_session(slk_access_who *ret_who, slk_db *db, const char *session, int64_t now_ms,
                           slk_error *error)
{
    char hash[SLK_ACCESS_TOKEN_CHARS];
    slk_access_who who = {0};
    if (!session)
        return unknown(error);
    slk_net_token_hash(hash, session);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &find_session, error));
    slk_bind_text(&q, 1, hash);
    bool row;
    SLK_TRY(slk_query_step(&q, &row, error));
    if (!row || !slk_net_token_matches(session, slk_column_text(&q, 2)) ||
        slk_column_i64(&q, 3) <= now_ms)
        return slk_fail(error, SLK_E_AUTH, "the session has ended; log in again");
    copy_name(&who, slk_column_text(&q, 0));
    SLK_TRY(slk_role_parse(&who.role, slk_column_text(&q, 1), error));
    who.expires_ms = slk_column_i64(&q, 3);
    *ret_who = who;
    return SLK_OK;
}

slk_err slk_access_logout(slk_db *db, const char *session, slk_error *error)
{
    char hash[SLK_ACCESS_TOKEN_CHARS];
    int64_t changes;
    slk_net_token_hash(hash, session);
    return run_with_text(&changes, db, &delete_session, hash, error);
}
