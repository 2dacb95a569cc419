/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie partner …`: who may order from this provider. */
#include "app/service.h"

#include "base/bytes.h"
#include "base/clock.h"
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

/* What the partner runs with the connect string on standard input. */
#define OTHER_SIDE "selkie provider add - --miner f0ID --repo DIR"

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
        json_pack("{s:I,s:s,s:s*,s:s*,s:s*,s:s}", "id", (json_int_t)shown->id, "name", shown->name,
                  "token", connect ? shown->token : NULL, "connect_string", connect, "connect_out",
                  file, "other_side", OTHER_SIDE);
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
                     "  " OTHER_SIDE "\n",
                     shown->name, shown->id, shown->token, slk_buf_str(&connect));
    }
    slk_bytes_wipe(connect.data, connect.len);
    return code;
}

/* ---- terms from the command line ---- */

/* Lists that terms point into. */
struct lists {
    int64_t proofs[SLK_SEAL_MAX_PROOFS];
    slk_partner_miner miners[SLK_PARTNER_MINERS_MAX];
};

/* The next word of a list with commas; false at its end. SLK_E_INVAL for an empty or long one. */
static slk_err next_word(bool *ret_more, char word[48], const char **text, slk_error *error)
{
    *ret_more = **text != 0;
    if (!*ret_more)
        return SLK_OK;
    const size_t len = strcspn(*text, ",");
    if (len == 0 || len >= 48 || ((*text)[len] == ',' && (*text)[len + 1] == 0))
        return slk_fail(error, SLK_E_INVAL, "want a list such as 8,13");
    (void)snprintf(word, 48, "%.*s", (int)len, *text);
    *text += len;
    *text += **text == ',';
    return SLK_OK;
}

/* "5,6" as numbers; "all" as none. */
static slk_err read_proofs(slk_partner_terms *terms, struct lists *lists, const char *text,
                           slk_error *error)
{
    bool more = strcmp(text, "all") != 0;
    terms->proofs = lists->proofs;
    while (more) {
        char word[48];
        SLK_TRY(next_word(&more, word, &text, error));
        uint64_t value;
        if (!more)
            break;
        if (terms->proofs_n == SLK_SEAL_MAX_PROOFS || slk_parse_u64(&value, word) != SLK_OK ||
            value > 19)
            return slk_fail(error, SLK_E_INVAL, "--proof-types wants numbers such as 8,13, or all");
        lists->proofs[terms->proofs_n++] = (int64_t)value;
    }
    return SLK_OK;
}

/* "f01000:5,f01001" as miners with their limits; "all" as none. */
static slk_err read_miners(slk_partner_terms *terms, struct lists *lists, const char *text,
                           slk_error *error)
{
    bool more = strcmp(text, "all") != 0;
    terms->miners = lists->miners;
    while (more) {
        char word[48];
        SLK_TRY(next_word(&more, word, &text, error));
        if (!more)
            break;
        char *colon = strchr(word, ':');
        uint64_t limit = 0;
        if (colon)
            *colon = 0;
        if (terms->miners_n == SLK_PARTNER_MINERS_MAX ||
            slk_parse_miner(&lists->miners[terms->miners_n].sp_id, word) != SLK_OK ||
            (colon && (slk_parse_u64(&limit, colon + 1) != SLK_OK || limit > INT64_MAX)))
            return slk_fail(error, SLK_E_INVAL,
                            "--miners wants f01000:5,f01001 (a miner and its limit), or all");
        lists->miners[terms->miners_n++].max_sectors = (int64_t)limit;
    }
    return SLK_OK;
}

/* "30d" or "12h" from now; "never" as 0. */
static slk_err read_expiry(slk_partner_terms *terms, const char *text, int64_t now_ms,
                           slk_error *error)
{
    const size_t n = strlen(text);
    uint64_t ms = 0, days = 0;
    char number[24];
    if (strcmp(text, "never") == 0)
        return SLK_OK;
    (void)snprintf(number, sizeof number, "%.*s", n > 0 && n < sizeof number ? (int)n - 1 : 0,
                   text);
    if (n > 1 && text[n - 1] == 'd' && slk_parse_u64(&days, number) == SLK_OK && days <= 36500)
        ms = days * 24 * 3600 * 1000;
    else if (slk_parse_duration(&ms, text) != SLK_OK || ms > (uint64_t)INT64_MAX / 2)
        return slk_fail(error, SLK_E_INVAL, "--expires wants a time such as 30d or 12h, or never");
    terms->expires_ms = now_ms + (int64_t)ms;
    return SLK_OK;
}

/* The terms the options name, and which they are. */
static slk_err read_terms(slk_partner_terms *terms, unsigned *ret_what, struct lists *lists,
                          slk_node *node, const slk_options *options, slk_error *error)
{
    const char *proofs = slk_options_text(options, "proof-types");
    const char *miners = slk_options_text(options, "miners");
    const char *expires = slk_options_text(options, "expires");
    *terms = (slk_partner_terms){.url = slk_options_text(options, "url")};
    if (terms->url && *terms->url)
        SLK_TRY(slk_connect_check_url(terms->url, error));
    if (proofs)
        SLK_TRY(read_proofs(terms, lists, proofs, error));
    if (miners)
        SLK_TRY(read_miners(terms, lists, miners, error));
    if (expires)
        SLK_TRY(read_expiry(terms, expires, slk_seal_now(node->seal), error));
    if (slk_options_has(options, "weight")) {
        const uint64_t weight = slk_options_u64(options, "weight");
        if (weight < 1 || weight > SLK_PARTNER_WEIGHT_MAX)
            return slk_fail(error, SLK_E_INVAL, "--weight wants a number from 1 to %d",
                            SLK_PARTNER_WEIGHT_MAX);
        terms->weight = (int64_t)weight;
    }
    const bool allowance = slk_options_has(options, "allowance");
    terms->allowance_total = (int64_t)slk_options_u64(options, "allowance");
    terms->allowance_remaining = terms->allowance_total;
    *ret_what = (terms->url ? SLK_TERM_URL : 0) | (allowance ? SLK_TERM_ALLOWANCE : 0) |
                (proofs ? SLK_TERM_PROOFS : 0) | (miners ? SLK_TERM_MINERS : 0) |
                (terms->weight ? SLK_TERM_WEIGHT : 0) | (expires ? SLK_TERM_EXPIRY : 0);
    return SLK_OK;
}

/* ---- add, rotate ---- */

/* Shows the token that was just made, and wipes it. It is stored as a hash alone: what cannot be shown
 * is lost, and whoever asked must know that the rest was done. */
static slk_err hand_over(const struct shown *shown, char token[SLK_TOKEN_CHARS], slk_error *error)
{
    const slk_err code = show_token(shown, error);
    slk_bytes_wipe(token, SLK_TOKEN_CHARS);
    if (code == SLK_OK)
        return SLK_OK;
    const slk_error why = error ? *error : (slk_error){.code = code};
    return slk_fail(error, code,
                    "partner %s has a new token, but it could not be shown: %s; make another with "
                    "`selkie partner rotate %s`",
                    shown->name, slk_error_text(&why, code), shown->name);
}

static slk_err partner_add(slk_node *node, const slk_options *options, slk_error *error)
{
    struct lists lists = {0};
    slk_partner_terms terms;
    unsigned what;
    SLK_TRY(read_terms(&terms, &what, &lists, node, options, error));
    char token[SLK_TOKEN_CHARS];
    struct shown shown = {
        .options = options, .node = node, .name = options->args[0], .token = token};
    SLK_CLEANUP(slk_freep) char *own_url = NULL;
    SLK_TRY(slk_repo_url(&own_url, &node->repo, error)); /* before anything is made */
    SLK_TRY(slk_partner_check(node->seal, &terms, error));
    int64_t other;
    if (slk_partner_find(&other, node->seal, shown.name, NULL) == SLK_OK)
        return slk_fail(error, SLK_E_EXISTS, "there is already a partner named %s", shown.name);
    if (slk_service_dry(options, "the partner would be added and a token shown"))
        return SLK_OK;
    SLK_TRY(slk_partner_add(&shown.id, token, node->seal, shown.name, &terms, error));
    return hand_over(&shown, token, error);
}

static slk_err partner_rotate(slk_node *node, const slk_options *options, slk_error *error)
{
    char token[SLK_TOKEN_CHARS];
    struct shown shown = {
        .options = options, .node = node, .name = options->args[0], .token = token};
    SLK_CLEANUP(slk_freep) char *own_url = NULL;
    SLK_TRY(slk_repo_url(&own_url, &node->repo, error));
    SLK_TRY(slk_partner_find(&shown.id, node->seal, shown.name, error));
    if (slk_service_dry(options, "the partner would get a new token"))
        return SLK_OK;
    SLK_TRY(slk_partner_rotate(token, node->seal, shown.id,
                               (int64_t)slk_options_u64(options, "overlap"), error));
    return hand_over(&shown, token, error);
}

/* ---- list, show, set, remove ---- */

static slk_err print_json(const json_t *value)
{
    if (json_dumpf(value, stdout, JSON_COMPACT) != 0)
        return SLK_E_NOMEM;
    (void)printf("\n");
    return SLK_OK;
}

static slk_err partner_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_read(&list, slk_view_partners, node, error));
    if (options->json)
        return print_json(list);
    if (json_array_size(list) == 0)
        (void)printf("no partners; `selkie partner add NAME` makes one\n");
    else
        (void)printf("%-20s %9s %9s %7s %6s  %-24s %s\n", "NAME", "LEFT", "TOTAL", "ACTIVE",
                     "WEIGHT", "EXPIRES", "URL");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        char at[32] = "never";
        if (slk_service_number(row, "expires_ms") > 0)
            slk_clock_format(at, sizeof at, slk_service_number(row, "expires_ms"));
        (void)printf("%-20s %9" PRId64 " %9" PRId64 " %7" PRId64 " %6" PRId64 "  %-24s %s\n",
                     slk_service_text(row, "name"), slk_service_number(row, "allowance_remaining"),
                     slk_service_number(row, "allowance_total"), slk_service_number(row, "active"),
                     slk_service_number(row, "weight"), at, slk_service_text(row, "url"));
    }
    return SLK_OK;
}

static void print_proofs(const json_t *proofs)
{
    (void)printf("  %-20s", "proof types");
    for (size_t i = 0; i < json_array_size(proofs); i++)
        (void)printf(" %" PRId64, (int64_t)json_integer_value(json_array_get(proofs, i)));
    (void)printf("%s\n", json_array_size(proofs) == 0 ? " all offered here" : "");
}

static void print_miners(const json_t *miners)
{
    if (json_array_size(miners) == 0)
        (void)printf("  %-20s any\n", "miners");
    for (size_t i = 0; i < json_array_size(miners); i++) {
        const json_t *m = json_array_get(miners, i);
        const int64_t most = slk_service_number(m, "max_sectors");
        (void)printf("  %-20s f0%" PRId64 ": %" PRId64, "miner", slk_service_number(m, "sp_id"),
                     slk_service_number(m, "active"));
        if (most > 0)
            (void)printf(" of %" PRId64, most);
        (void)printf(" sectors here\n");
    }
}

static void print_partner(const json_t *row)
{
    char at[32] = "never";
    const char *url = slk_service_text(row, "url");
    if (slk_service_number(row, "expires_ms") > 0)
        slk_clock_format(at, sizeof at, slk_service_number(row, "expires_ms"));
    (void)printf(
        "partner %s (id %" PRId64 ")\n"
        "  %-20s %s\n"
        "  %-20s %" PRId64 " left to order, %" PRId64 " at once\n"
        "  %-20s %" PRId64 " active, %" PRId64 " promised, %" PRId64 " failed\n"
        "  %-20s %" PRId64 "\n"
        "  %-20s %s\n",
        slk_service_text(row, "name"), slk_service_number(row, "id"), "url",
        *url ? url : "none: it polls", "allowance", slk_service_number(row, "allowance_remaining"),
        slk_service_number(row, "allowance_total"), "sectors", slk_service_number(row, "active"),
        slk_service_number(row, "live_slots"), slk_service_number(row, "failed"), "weight",
        slk_service_number(row, "weight"), "expires", at);
    print_proofs(json_object_get(row, "proofs"));
    print_miners(json_object_get(row, "miners"));
}

static slk_err partner_show(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_read(&list, slk_view_partners, node, error));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (strcmp(slk_service_text(row, "name"), options->args[0]) != 0)
            continue;
        if (options->json)
            return print_json(row);
        print_partner(row);
        return SLK_OK;
    }
    return slk_fail(error, SLK_E_NOTFOUND, "there is no partner named %.100s", options->args[0]);
}

static slk_err partner_set(slk_node *node, const slk_options *options, slk_error *error)
{
    struct lists lists = {0};
    slk_partner_terms terms;
    unsigned what;
    int64_t id;
    SLK_TRY(read_terms(&terms, &what, &lists, node, options, error));
    if (what == 0)
        return slk_fail(error, SLK_E_INVAL,
                        "say what to change: --url, --allowance, --proof-types, --miners, --weight "
                        "or --expires");
    SLK_TRY(slk_partner_find(&id, node->seal, options->args[0], error));
    SLK_TRY(slk_partner_check(node->seal, &terms, error));
    if (slk_service_dry(options, "the partner would be changed"))
        return SLK_OK;
    SLK_TRY(slk_partner_set(node->seal, id, what, &terms, error));
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

#define OPTIONS_TERMS                                                                    \
    {.name = "proof-types",                                                              \
     .type = SLK_OPTION_TEXT,                                                            \
     .value = "N,N",                                                                     \
     .help = "seal proofs the partner may order, or all"},                               \
        {.name = "miners",                                                               \
         .type = SLK_OPTION_TEXT,                                                        \
         .value = "F0ID:N,F0ID",                                                         \
         .help = "miners it may order for, each with the most sectors at once, or all"}, \
        {.name = "weight",                                                               \
         .type = SLK_OPTION_U64,                                                         \
         .help = "its share of the machine beside other partners, 1 to 1000"},           \
    {                                                                                    \
        .name = "expires", .type = SLK_OPTION_TEXT, .value = "TIME",                     \
        .help = "no orders after this time from now, such as 30d, or never"              \
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
    OPTIONS_TERMS,
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
    OPTIONS_TERMS,
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
     .example = "selkie partner add lighthouse --url https://client.example:12310 --allowance 500",
     .options = add_options,
     .run = slk_service_run,
     .action = partner_add},
    {.name = "partner list",
     .help = "Show the partners, what they have left and what is being sealed for them.",
     .example = "selkie partner list --json",
     .options = plain_options,
     .run = slk_service_view,
     .action = partner_list},
    {.name = "partner show",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .help = "Show a partner's terms and what is being sealed for it.",
     .example = "selkie partner show lighthouse",
     .options = plain_options,
     .run = slk_service_run,
     .action = partner_show},
    {.name = "partner set",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .help = "Change a partner's terms; sectors already accepted are not touched.",
     .example = "selkie partner set lighthouse --allowance 500 --miners f01000:20,f01001",
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
     .example = "selkie partner remove lighthouse --dry-run",
     .options = remove_options,
     .run = slk_service_run,
     .action = partner_remove},
    {.name = NULL},
};
