/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie partner …`: who may order from this provider. */
#include "app/service.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "remote/connect.h"
#include "seal/provider.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- showing a new token, once ---- */

struct shown {
    const slk_options *options;
    const slk_node *node;
    const char *name;
    int64_t id;
    const char *token;
};

static slk_err print_connect(slk_buf *out, const struct shown *shown, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *url = NULL;
    SLK_TRY(slk_repo_url(&url, &shown->node->repo, error));
    SLK_TRY(slk_connect_check_url(url, error));
    slk_connect connect = {0};
    (void)snprintf(connect.url, sizeof connect.url, "%s", url);
    (void)snprintf(connect.token, sizeof connect.token, "%s", shown->token);
    const slk_err code = slk_connect_print(out, &connect);
    slk_bytes_wipe(&connect, sizeof connect);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "the connect string cannot be made");
}

/* connect NULL: it has gone into the file, and the secrets stay out of the answer. */
static slk_err show_json(const struct shown *shown, const char *connect, const char *file)
{
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer =
        json_pack("{s:I,s:s,s:s*,s:s*,s:s*}", "id", (json_int_t)shown->id, "name", shown->name,
                  "token", connect ? shown->token : NULL, "connect", connect, "connect_out", file);
    if (!answer || json_dumpf(answer, stdout, JSON_COMPACT) != 0)
        return SLK_E_NOMEM;
    (void)printf("\n");
    return SLK_OK;
}

/* To standard output, or with --connect-out into a file of ours alone. */
static slk_err show_token(const struct shown *shown, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf connect;
    slk_buf_init(&connect, SLK_CONNECT_TEXT_MAX);
    SLK_TRY(print_connect(&connect, shown, error));
    const char *file = slk_options_text(shown->options, "connect-out");
    slk_err code = SLK_OK;
    if (file) {
        code = slk_file_write_atomic(file, connect.data, connect.len, 0600, error);
        if (code == SLK_OK && shown->options->json)
            code = show_json(shown, NULL, file);
        else if (code == SLK_OK)
            (void)printf("partner %s: the connect string is in %s; hand it over like a password\n",
                         shown->name, file);
    } else if (shown->options->json) {
        code = show_json(shown, slk_buf_str(&connect), NULL);
    } else {
        (void)printf("partner %s (id %" PRId64 ")\n"
                     "token, shown only now:\n  %s\n"
                     "connect string, to be handed over like a password:\n  %s\n"
                     "the other side then runs, with it on standard input:\n"
                     "  selkie provider add - --miner f0ID --repo DIR\n",
                     shown->name, shown->id, shown->token, slk_buf_str(&connect));
    }
    slk_bytes_wipe(connect.data, connect.len);
    return code;
}

/* ---- add ---- */

/* "5,6" as numbers. */
static slk_err read_proofs(int64_t *out, size_t max, size_t *ret_n, const char *text,
                           slk_error *error)
{
    size_t n = 0;
    while (text && *text) {
        const size_t len = strcspn(text, ",");
        char word[24];
        (void)snprintf(word, sizeof word, "%.*s", (int)len, text);
        uint64_t value;
        if (len == 0 || len >= sizeof word || n == max || slk_parse_u64(&value, word) != SLK_OK ||
            value > 14)
            return slk_fail(error, SLK_E_INVAL, "--seal-proofs wants numbers such as 8,13");
        out[n++] = (int64_t)value;
        text += len;
        text += *text == ',';
    }
    *ret_n = n;
    return SLK_OK;
}

static slk_err partner_add(slk_node *node, const slk_options *options, slk_error *error)
{
    int64_t proofs[SLK_SEAL_MAX_PROOFS];
    size_t n_proofs = 0;
    SLK_TRY(read_proofs(proofs, SLK_SEAL_MAX_PROOFS, &n_proofs,
                        slk_options_text(options, "seal-proofs"), error));
    const char *url = slk_options_text(options, "url");
    if (url)
        SLK_TRY(slk_connect_check_url(url, error));
    char token[65];
    struct shown shown = {
        .options = options, .node = node, .name = options->args[0], .token = token};
    SLK_CLEANUP(slk_freep) char *own_url = NULL;
    SLK_TRY(slk_repo_url(&own_url, &node->repo, error)); /* before anything is made */
    if (slk_service_dry(options, "the partner would be added and a token shown"))
        return SLK_OK;
    SLK_TRY(slk_partner_add(&shown.id, token, node->seal, shown.name, url ? url : "",
                            (int64_t)slk_options_u64(options, "allowance"), proofs, n_proofs,
                            error));
    const slk_err code = show_token(&shown, error);
    slk_bytes_wipe(token, sizeof token);
    return code;
}

static slk_err partner_rotate(slk_node *node, const slk_options *options, slk_error *error)
{
    char token[65];
    struct shown shown = {
        .options = options, .node = node, .name = options->args[0], .token = token};
    SLK_CLEANUP(slk_freep) char *own_url = NULL;
    SLK_TRY(slk_repo_url(&own_url, &node->repo, error));
    SLK_TRY(slk_partner_find(&shown.id, node->seal, shown.name, error));
    if (slk_service_dry(options, "the partner would get a new token"))
        return SLK_OK;
    SLK_TRY(slk_partner_rotate(token, node->seal, shown.id,
                               (int64_t)slk_options_u64(options, "overlap"), error));
    const slk_err code = show_token(&shown, error);
    slk_bytes_wipe(token, sizeof token);
    return code;
}

/* ---- list, set, remove ---- */

static slk_err partner_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_partners(&text, node->seal, error));
    if (options->json) {
        (void)printf("%s\n", slk_buf_str(&text));
        return SLK_OK;
    }
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_json(&list, &text, error));
    if (json_array_size(list) == 0)
        (void)printf("no partners; `selkie partner add NAME` makes one\n");
    else
        (void)printf("%-20s %9s %9s %7s  %s\n", "NAME", "LEFT", "TOTAL", "ACTIVE", "URL");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        (void)printf("%-20s %9" PRId64 " %9" PRId64 " %7" PRId64 "  %s\n",
                     slk_service_text(row, "name"), slk_service_number(row, "allowance_remaining"),
                     slk_service_number(row, "allowance_total"), slk_service_number(row, "active"),
                     slk_service_text(row, "url"));
    }
    return SLK_OK;
}

static slk_err partner_set(slk_node *node, const slk_options *options, slk_error *error)
{
    int64_t id;
    SLK_TRY(slk_partner_find(&id, node->seal, options->args[0], error));
    const char *url = slk_options_text(options, "url");
    if (!url && !slk_options_has(options, "allowance"))
        return slk_fail(error, SLK_E_INVAL, "say what to change: --url or --allowance");
    if (url)
        SLK_TRY(slk_connect_check_url(url, error));
    if (slk_service_dry(options, "the partner would be changed"))
        return SLK_OK;
    if (url) {
        SLK_TRY(slk_partner_set_url(node->seal, id, url, error));
    }
    if (slk_options_has(options, "allowance")) {
        const int64_t allowance = (int64_t)slk_options_u64(options, "allowance");
        SLK_TRY(slk_partner_set_allowance(node->seal, id, allowance, allowance, error));
    }
    slk_service_say(options, "changed");
    return SLK_OK;
}

static slk_err partner_remove(slk_node *node, const slk_options *options, slk_error *error)
{
    int64_t id;
    SLK_TRY(slk_partner_find(&id, node->seal, options->args[0], error));
    if (slk_service_dry(options, "the partner would be removed unless it has sectors here"))
        return SLK_OK;
    SLK_TRY(slk_partner_remove(node->seal, id, error));
    slk_service_say(options, "removed; the token is no longer accepted");
    return SLK_OK;
}

/* ---- the table ---- */

#define OPTION_CONNECT_OUT                                                             \
    {                                                                                  \
        .name = "connect-out", .type = SLK_OPTION_TEXT, .value = "FILE",               \
        .help = "write the connect string into this file (0600) instead of showing it" \
    }

static const slk_option add_options[] = {
    SLK_OPTION_REPO,
    {.name = "url",
     .type = SLK_OPTION_TEXT,
     .value = "URL",
     .help = "where the partner's node is reached, for tickets and notice of completion"},
    {.name = "allowance",
     .type = SLK_OPTION_U64,
     .fallback = "100",
     .help = "sectors the partner may order"},
    {.name = "seal-proofs",
     .type = SLK_OPTION_TEXT,
     .value = "N,N",
     .help = "seal proofs the partner may order; all offered ones when left out"},
    OPTION_CONNECT_OUT,
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option plain_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option remove_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option set_options[] = {
    SLK_OPTION_REPO,
    {.name = "url", .type = SLK_OPTION_TEXT, .value = "URL", .help = "the partner's node"},
    {.name = "allowance", .type = SLK_OPTION_U64, .help = "sectors it may order from now on"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option rotate_options[] = {
    SLK_OPTION_REPO,
    {.name = "overlap",
     .type = SLK_OPTION_DURATION,
     .fallback = "1h",
     .help = "how long the old token stays valid"},
    OPTION_CONNECT_OUT,
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};

const slk_command slk_commands_provider[] = {
    {.name = "partner add",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .help = "Let somebody order sectors here; prints the token once.",
     .example = "selkie partner add lighthouse --url https://client.example:12310",
     .options = add_options,
     .run = slk_service_run,
     .action = partner_add},
    {.name = "partner list",
     .help = "Show the partners, what they have left and what is being sealed for them.",
     .options = plain_options,
     .run = slk_service_run,
     .action = partner_list},
    {.name = "partner set",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .help = "Change a partner's URL or allowance.",
     .example = "selkie partner set lighthouse --allowance 500",
     .options = set_options,
     .run = slk_service_run,
     .action = partner_set},
    {.name = "partner rotate",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .help = "Give a partner a new token; the old one stays valid for a while.",
     .example = "selkie partner rotate lighthouse --overlap 24h",
     .options = rotate_options,
     .run = slk_service_run,
     .action = partner_rotate},
    {.name = "partner remove",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .help = "Remove a partner that has no sectors here.",
     .options = remove_options,
     .run = slk_service_run,
     .action = partner_remove},
    {.name = NULL},
};
