/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie auth …` and `selkie ui open`: who may look at this node and change it. */
#include "app/farm_ask.h"
#include "app/lock.h"
#include "app/service.h"

#include "access/access.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOGIN_TOKEN_MS (INT64_C(15) * 60 * 1000)

/* One of the API for workers, which no table knows. */
static slk_err create_jwt(const slk_node *node, const slk_options *options, slk_error *error)
{
    char *token = NULL;
    if (slk_options_text(options, "name"))
        return slk_fail(error, SLK_E_INVAL, "a JWT has no name here");
    if (slk_service_dry(options, "a token would be made and shown"))
        return SLK_OK;
    SLK_TRY(slk_farm_make_token(&token, node->repo.folder, slk_options_text(options, "perm"),
                                (int64_t)slk_options_u64(options, "expires"), error));
    if (options->json)
        (void)printf("{\"token\":\"%s\"}\n", token);
    else
        (void)printf("%s\n", token);
    slk_bytes_wipe(token, strlen(token));
    slk_free(token);
    return SLK_OK;
}

static slk_err create(slk_node *node, const slk_options *options, slk_error *error)
{
    const int64_t now = slk_seal_now(node->seal);
    const char *name = slk_options_text(options, "name");
    const int64_t lasts_ms = (int64_t)slk_options_u64(options, "expires");
    slk_access_grant grant = {.name = name ? name : "",
                              .expires_ms = lasts_ms ? now + lasts_ms : 0};
    char token[SLK_ACCESS_TOKEN_CHARS], given[SLK_ACCESS_NAME_CHARS];
    if (slk_options_flag(options, "jwt"))
        return create_jwt(node, options, error);
    SLK_TRY(slk_role_parse(&grant.role, slk_options_text(options, "perm"), error));
    if (slk_service_dry(options, "a token would be made and shown"))
        return SLK_OK;
    SLK_TRY(slk_access_create(token, given, node->db, &grant, now, error));
    if (options->json)
        (void)printf("{\"name\":\"%s\",\"role\":\"%s\",\"token\":\"%s\"}\n", given,
                     slk_role_name(grant.role), token);
    else
        (void)printf("%s\n\naccess token %s of role %s; it is not shown again\n", token, given,
                     slk_role_name(grant.role));
    slk_bytes_wipe(token, sizeof token);
    return SLK_OK;
}

static void print_time(const char *title, const json_t *row, const char *field)
{
    char when[64] = "never";
    if (slk_service_number(row, field))
        slk_clock_format(when, sizeof when, slk_service_number(row, field));
    (void)printf("%s%-25s", title, when);
}

static slk_err list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *tokens = NULL;
    SLK_TRY(slk_access_list(&tokens, node->db, slk_seal_now(node->seal), error));
    if (options->json) {
        (void)json_dumpf(tokens, stdout, JSON_COMPACT);
        (void)printf("\n");
        return SLK_OK;
    }
    if (json_array_size(tokens) == 0)
        (void)printf("no access tokens; `selkie auth create-token --perm read` makes one\n");
    else
        (void)printf("%-24s %-6s %-9s %-25s %-25s\n", "NAME", "ROLE", "SESSIONS", "EXPIRES",
                     "LAST USED");
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        const json_t *row = json_array_get(tokens, i);
        (void)printf("%-24s %-6s %-9" PRId64 "", slk_service_text(row, "name"),
                     slk_service_text(row, "role"), slk_service_number(row, "sessions"));
        print_time(" ", row, "expires_ms");
        print_time(" ", row, "used_ms");
        (void)printf("%s\n", slk_service_bool(row, "once") ? " (one login)" : "");
    }
    return SLK_OK;
}

static slk_err revoke(slk_node *node, const slk_options *options, slk_error *error)
{
    if (slk_service_dry(options, "the token would be accepted no more and its sessions ended"))
        return SLK_OK;
    SLK_TRY(slk_access_revoke(node->db, options->args[0], error));
    slk_service_say(options, "revoked; the token is accepted no more and its sessions have ended");
    return SLK_OK;
}

static bool serves(const slk_node *node)
{
    slk_lock_holder holder = {0};
    return slk_lock_look(&holder, node->repo.folder, NULL) == SLK_OK && holder.serving;
}

static slk_err ui_open(slk_node *node, const slk_options *options, slk_error *error)
{
    const int64_t now = slk_seal_now(node->seal);
    slk_access_grant grant = {.name = "", .expires_ms = now + LOGIN_TOKEN_MS, .once = true};
    char token[SLK_ACCESS_TOKEN_CHARS];
    SLK_CLEANUP(slk_freep) char *url = NULL;
    if (!node->repo.config.page_enable)
        return slk_fail(error, SLK_E_CONFLICT, "the page is switched off: Enable in [Page]");
    SLK_TRY(slk_role_parse(&grant.role, slk_options_text(options, "perm"), error));
    SLK_TRY(slk_repo_url(&url, &node->repo, error));
    if (slk_service_dry(options, "a token for one login would be made and shown"))
        return SLK_OK;
    SLK_TRY(slk_access_create(token, NULL, node->db, &grant, now, error));
    if (options->json)
        (void)printf("{\"url\":\"%s/\",\"role\":\"%s\",\"token\":\"%s\",\"expires_ms\":%" PRId64
                     "}\n",
                     url, slk_role_name(grant.role), token, grant.expires_ms);
    else
        (void)printf("open    %s/\ntoken   %s\n\nThe token is for one login as %s within 15 "
                     "minutes. A self-signed certificate makes the\nbrowser ask once; see "
                     "docs/page.md.\n%s",
                     url, token, slk_role_name(grant.role),
                     serves(node) ? "" : "No node serves there now: `selkie run` starts it.\n");
    slk_bytes_wipe(token, sizeof token);
    return SLK_OK;
}

/* ---- the table ---- */

static const slk_option plain_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option change_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option create_options[] = {
    SLK_OPTION_REPO,
    {.name = "perm",
     .type = SLK_OPTION_TEXT,
     .required = true,
     .value = "ROLE",
     .help =
         "read, write (works with sectors) or admin (partners, providers, tokens, too); with --jwt "
         "also sign and worker"},
    {.name = "jwt",
     .type = SLK_OPTION_FLAG,
     .help = "one for the API of workers and Lotus's tools, as Lotus has them (see auth api-info)"},
    {.name = "name",
     .type = SLK_OPTION_TEXT,
     .value = "NAME",
     .help = "what the token is for; made up when left out"},
    {.name = "expires",
     .type = SLK_OPTION_DURATION,
     .help = "how long it is accepted; for ever when left out"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option open_options[] = {
    SLK_OPTION_REPO,
    {.name = "perm",
     .type = SLK_OPTION_TEXT,
     .fallback = "admin",
     .value = "ROLE",
     .help = "read, write or admin"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};

const slk_command slk_commands_auth[] = {
    {.name = "auth create-token",
     .help = "Make an access token for the page, the API or the metrics; prints it once.",
     .example = "selkie auth create-token --perm read --name grafana",
     .options = create_options,
     .run = slk_service_run,
     .action = create},
    {.name = "auth list",
     .help = "Show the access tokens: name, role, when used; never the tokens themselves.",
     .example = "selkie auth list --json",
     .options = plain_options,
     .run = slk_service_run,
     .action = list},
    {.name = "auth revoke",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .help = "Accept a token no more and end its sessions.",
     .example = "selkie auth revoke grafana",
     .options = change_options,
     .run = slk_service_run,
     .action = revoke},
    {.name = "ui open",
     .help = "Print where this node's page is, and a token for one login.",
     .example = "selkie ui open",
     .options = open_options,
     .run = slk_service_run,
     .action = ui_open},
    {.name = NULL},
};
