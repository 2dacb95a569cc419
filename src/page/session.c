/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Login, logout, and what ties a browser's requests to a login.
 *
 * The session token lives in a cookie that scripts cannot read; the CSRF value is a hash of it under
 * a name of its own, so that it needs no storing and whoever has only the database has neither. */
#include "page/page_impl.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "net/token.h"

#include <stdio.h>
#include <string.h>

#define COOKIE_PLAIN "selkie"
#define COOKIE_SECURE "__Host-selkie" /* browsers take it by https alone, from us alone */
#define CSRF_HEADER "X-Selkie-CSRF"
#define TOKEN_MAX_CHARS ((size_t)200)

static const char *cookie_name(const slk_page *page)
{
    return page->options.secure_cookies ? COOKIE_SECURE : COOKIE_PLAIN;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

void slk_page_cookie(char out[SLK_ACCESS_TOKEN_CHARS], const page_request *request)
{
    const char *name = cookie_name(request->page);
    const size_t n = strlen(name);
    const char *at = slk_http_header_value(request->exchange, "Cookie");
    out[0] = 0;
    while (at && *at) {
        at += strspn(at, "; ");
        const size_t length = strcspn(at, ";");
        if (length == n + 1 + SLK_NET_TOKEN_CHARS && memcmp(at, name, n) == 0 && at[n] == '=') {
            size_t good = 0;
            while (good < SLK_NET_TOKEN_CHARS && is_hex(at[n + 1 + good]))
                good++;
            if (good == SLK_NET_TOKEN_CHARS) {
                memcpy(out, at + n + 1, SLK_NET_TOKEN_CHARS);
                out[SLK_NET_TOKEN_CHARS] = 0;
                return;
            }
        }
        at += length;
    }
}

static void csrf_of(char out[SLK_ACCESS_TOKEN_CHARS], const char *session)
{
    char text[sizeof "csrf:" + SLK_NET_TOKEN_CHARS];
    (void)snprintf(text, sizeof text, "csrf:%s", session);
    slk_net_token_hash(out, text);
    slk_bytes_wipe(text, sizeof text);
}

bool slk_page_csrf_fits(const page_request *request)
{
    char wanted[SLK_ACCESS_TOKEN_CHARS];
    const char *sent = slk_http_header_value(request->exchange, CSRF_HEADER);
    if (!sent || strlen(sent) != SLK_NET_TOKEN_CHARS)
        return false;
    csrf_of(wanted, request->session);
    return slk_bytes_equal_ct((const uint8_t *)sent, (const uint8_t *)wanted, SLK_NET_TOKEN_CHARS);
}

/* What the page needs to know of its login. */
static slk_err print_session(slk_buf *out, const page_request *request, const char *session,
                             const slk_access_who *who, slk_error *error)
{
    const slk_page_options *o = &request->page->options;
    char csrf[SLK_ACCESS_TOKEN_CHARS] = "";
    if (session)
        csrf_of(csrf, session);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer =
        json_pack("{s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:b}", "name", who->name, "role",
                  slk_role_name(who->role), "expires_ms", (json_int_t)who->expires_ms, "now_ms",
                  (json_int_t)slk_page_now(request->page), "csrf", csrf, "node", o->node_name,
                  "version", o->version, "development", o->development);
    return answer ? slk_json_print(out, answer) : slk_page_out_of_memory(error);
}

static slk_err set_cookie(page_request *request, const char *session, int64_t life_ms)
{
    char value[256];
    (void)snprintf(value, sizeof value, "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s",
                   cookie_name(request->page), session, (long long)(life_ms / 1000),
                   request->page->options.secure_cookies ? "; Secure" : "");
    const slk_err code = slk_http_reply_header(request->exchange, "Set-Cookie", value);
    slk_bytes_wipe(value, sizeof value);
    return code;
}

static slk_err too_many(slk_error *error)
{
    return slk_fail(error, SLK_E_BUSY, "too many wrong tokens from your address; wait a minute");
}

static slk_err login(slk_buf *out, page_request *request, slk_error *error)
{
    slk_page *page = request->page;
    const char *token;
    const char *peer = slk_http_peer(request->exchange);
    const int64_t now = slk_page_now(page);
    char old[SLK_ACCESS_TOKEN_CHARS], session[SLK_ACCESS_TOKEN_CHARS];
    slk_access_who who;
    SLK_TRY(slk_page_text(&token, request, "token", TOKEN_MAX_CHARS, NULL, error));
    const slk_err code = slk_access_login(session, &who, slk_page_db(page), token,
                                          page->options.session_ms, now, error);
    if (code == SLK_E_AUTH) {
        slk_log(SLK_LOG_WARN, "page.login_refused", "peer=%s", peer);
        if (!slk_page_may_guess(page, request->exchange))
            return too_many(error);
    }
    SLK_TRY(code);
    slk_log(SLK_LOG_INFO, "page.login", "name=%s role=%s peer=%s", who.name,
            slk_role_name(who.role), peer);
    slk_page_cookie(old, request);
    if (*old)
        SLK_TRY(slk_access_logout(slk_page_db(page), old, error));
    SLK_TRY(set_cookie(request, session, who.expires_ms - now));
    return print_session(out, request, session, &who, error);
}

static slk_err logout(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    if (!request->session)
        return SLK_OK; /* a token ends by `auth revoke` */
    SLK_TRY(slk_access_logout(slk_page_db(request->page), request->session, error));
    return set_cookie(request, "", 0);
}

static slk_err get_session(slk_buf *out, page_request *request, slk_error *error)
{
    return print_session(out, request, request->session, &request->who, error);
}

const page_endpoint slk_page_session_endpoints[] = {
    {"POST", "/api/v0/login", SLK_ROLE_NONE, login},
    {"POST", "/api/v0/logout", SLK_ROLE_READ, logout},
    {"GET", "/api/v0/session", SLK_ROLE_READ, get_session},
    {"GET", "/api/v0/events", SLK_ROLE_READ, NULL},
    {NULL, NULL, SLK_ROLE_NONE, NULL},
};
