/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Access tokens: `auth create-token`, `auth list` and `auth revoke` over the API. */
#include "page/page_impl.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/json.h"

#define EXPIRES_MAX_MS (INT64_C(3650) * 86400000)

static slk_err list(slk_buf *out, page_request *request, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *tokens = NULL;
    SLK_TRY(
        slk_access_list(&tokens, slk_page_db(request->page), slk_page_now(request->page), error));
    return slk_json_print(out, tokens);
}

static slk_err create(slk_buf *out, page_request *request, slk_error *error)
{
    const int64_t now = slk_page_now(request->page);
    const char *role;
    int64_t expires_in_ms = 0;
    slk_access_grant grant = {0};
    char token[SLK_ACCESS_TOKEN_CHARS], name[SLK_ACCESS_NAME_CHARS];
    SLK_TRY(slk_page_text(&grant.name, request, "name", SLK_ACCESS_NAME_CHARS, "", error));
    SLK_TRY(slk_page_text(&role, request, "role", 16, NULL, error));
    SLK_TRY(slk_role_parse(&grant.role, role, error));
    SLK_TRY(slk_page_number(&expires_in_ms, request, "expires_in_ms", 0, EXPIRES_MAX_MS, error));
    grant.expires_ms = expires_in_ms ? now + expires_in_ms : 0;
    SLK_TRY(slk_access_create(token, name, slk_page_db(request->page), &grant, now, error));
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer = json_pack("{s:s,s:s,s:s}", "name", name, "role", role, "token", token);
    slk_bytes_wipe(token, sizeof token);
    return answer ? slk_json_print(out, answer) : slk_page_out_of_memory(error);
}

static slk_err revoke(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    return slk_access_revoke(slk_page_db(request->page), slk_http_param(request->exchange, "name"),
                             error);
}

const page_endpoint slk_page_token_endpoints[] = {
    {"GET", "/api/v0/tokens", SLK_ROLE_ADMIN, list},
    {"POST", "/api/v0/tokens", SLK_ROLE_ADMIN, create},
    {"DELETE", "/api/v0/tokens/{name}", SLK_ROLE_ADMIN, revoke},
    {NULL, NULL, SLK_ROLE_NONE, NULL},
};
