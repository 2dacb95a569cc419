/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who may look at this node and change it: named access tokens with a role, and the sessions that
 * the page makes from them.
 *
 * A token is shown once and stored as its hash (net/token.h). Programs send it with every request;
 * the page exchanges it at login for a session of bounded life. A token made for one login (`once`)
 * is used up by it and good for nothing else. Revoking a token ends its sessions.
 *
 * Partners and providers have tokens of their own (seal/provider.h); none of them opens anything
 * here. All functions: any thread, one short transaction; now_ms is the wall clock. */
#ifndef SLK_ACCESS_ACCESS_H
#define SLK_ACCESS_ACCESS_H

#include "base/err.h"
#include "db/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SLK_ACCESS_TOKEN_CHARS 65u /* 64 hex and NUL */
#define SLK_ACCESS_NAME_CHARS 64u /* with NUL */

/* Each role may what those before it may. */
typedef enum slk_role {
    SLK_ROLE_NONE, /* nobody known */
    SLK_ROLE_READ, /* sees everything but secrets */
    SLK_ROLE_WRITE, /* works with sectors: order, retry, cancel, renew, remove, drain */
    SLK_ROLE_ADMIN, /* decides who: partners, providers, access tokens */
    SLK_ROLE_COUNT
} slk_role;

const char *slk_role_name(slk_role role); /* "none", "read", "write", "admin" */
/* SLK_E_INVAL for anything but read, write, admin. */
SLK_MUST_CHECK slk_err slk_role_parse(slk_role *ret_role, const char *name, slk_error *error);

typedef struct slk_access_grant {
    const char *name; /* 1..63 of letters, digits and ._-@; "" makes one from the role */
    slk_role role;
    int64_t expires_ms; /* wall clock; 0 never */
    bool once; /* for one login */
} slk_access_grant;

/* Who a token or a session belongs to. */
typedef struct slk_access_who {
    slk_role role;
    char name[SLK_ACCESS_NAME_CHARS];
    int64_t expires_ms; /* 0 never */
} slk_access_who;

/* A new token. ret_name may be NULL. SLK_E_EXISTS when the name is taken, SLK_E_INVAL for a name or
 * an expiry that cannot be. What has expired is forgotten on this occasion. */
SLK_MUST_CHECK slk_err slk_access_create(char ret_token[SLK_ACCESS_TOKEN_CHARS],
                                         char ret_name[SLK_ACCESS_NAME_CHARS], slk_db *db,
                                         const slk_access_grant *grant, int64_t now_ms,
                                         slk_error *error);
/* The token and its sessions are accepted no more. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_access_revoke(slk_db *db, const char *name, slk_error *error);
/* [{"name","role","once","used","created_ms","expires_ms","used_ms","sessions"}]; no token, no hash.
 * expires_ms and used_ms null for never. */
SLK_MUST_CHECK slk_err slk_access_list(json_t **ret_list, slk_db *db, int64_t now_ms,
                                       slk_error *error);

/* Who sends this token with a request. SLK_E_AUTH: nobody known, expired, or made for one login. Any
 * text may come in, also NULL. */
SLK_MUST_CHECK slk_err slk_access_check(slk_access_who *ret_who, slk_db *db, const char *token,
                                        int64_t now_ms, slk_error *error);

/* A session of at most lifetime_ms for the token's owner, never longer than the token lives (one
 * made for one login gives a whole lifetime). The session's own token is new each time, whatever the
 * browser had before. SLK_E_AUTH as above. */
SLK_MUST_CHECK slk_err slk_access_login(char ret_session[SLK_ACCESS_TOKEN_CHARS],
                                        slk_access_who *ret_who, slk_db *db, const char *token,
                                        int64_t lifetime_ms, int64_t now_ms, slk_error *error);
/* Whose session this is. SLK_E_AUTH. */
SLK_MUST_CHECK slk_err slk_access_session(slk_access_who *ret_who, slk_db *db, const char *session,
                                          int64_t now_ms, slk_error *error);
/* Ends it; unknown is fine. */
SLK_MUST_CHECK slk_err slk_access_logout(slk_db *db, const char *session, slk_error *error);

#endif
