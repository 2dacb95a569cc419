/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie provider …`: whom this client orders from. */
#include "app/provider_check.h"
#include "app/sector_show.h"
#include "app/service.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "remote/connect.h"
#include "seal/client.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static slk_err print_json(json_t *answer, slk_error *error)
{
    if (!answer || json_dumpf(answer, stdout, JSON_COMPACT) != 0)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    (void)printf("\n");
    return SLK_OK;
}

/* ---- add ---- */

static slk_err read_connect(slk_connect *ret, const slk_node *node, const char *argument,
                            slk_error *error)
{
    char *text = NULL;
    char *own = NULL;
    SLK_TRY(slk_service_secret(&text, argument, error));
    (void)(slk_repo_url(&own, &node->repo, NULL) == SLK_OK); /* unknown: nothing to compare with */
    const char *const urls[] = {own};
    const slk_err code = slk_connect_read(ret, text, urls, 1, error);
    slk_bytes_wipe(text, strlen(text));
    slk_free(text);
    slk_free(own);
    return code;
}

/* The result of a test, as text or JSON. id: what was added, 0: nothing (a dry run), -1: nothing was to
 * be added. */
static slk_err show_check(const slk_node *node, const slk_options *options,
                          const slk_provider_check *check, const char *url, int64_t id,
                          slk_error *error)
{
    if (options->json) {
        SLK_CLEANUP(slk_json_decrefp)
        json_t *answer = json_pack("{s:s,s:b,s:s,s:I,s:o}", "url", url, "good", check->good ? 1 : 0,
                                   "partner_name", check->partner_name, "allowance_remaining",
                                   (json_int_t)check->allowance_remaining, "checks",
                                   slk_provider_check_json(check));
        if (answer && id > 0 && json_object_set_new(answer, "id", json_integer(id)) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        if (answer && id == 0 && json_object_set_new(answer, "dry_run", json_true()) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        return print_json(answer, error);
    }
    (void)printf("%s\n", url);
    slk_provider_check_print(check);
    if (id > 0)
        (void)printf("provider %" PRId64 " added for miner f0%" PRIu64 "; next:\n"
                     "  selkie sector order --miner f0%" PRIu64
                     " --count 1 --seal-proof %d --repo %s\n",
                     id, slk_options_u64(options, "miner"), slk_options_u64(options, "miner"),
                     node->repo.config.development ? 5 : 8, node->repo.folder);
    return SLK_OK;
}

static slk_err add_checked(slk_node *node, const slk_options *options, const slk_connect *connect,
                           slk_error *error)
{
    slk_provider_check check;
    int64_t id = 0;
    const char *label = slk_options_text(options, "name");
    SLK_TRY(slk_provider_check_run(&check, node, connect->url, connect->token, error));
    if (!check.good) {
        if (!options->json)
            SLK_TRY(show_check(node, options, &check, connect->url, 0, error));
        return slk_provider_check_failure(&check, error);
    }
    if (!slk_options_flag(options, "dry-run"))
        SLK_TRY(slk_client_provider_add(&id, node->seal, slk_options_u64(options, "miner"),
                                        connect->url, connect->token, label ? label : connect->url,
                                        error));
    SLK_TRY(show_check(node, options, &check, connect->url, id, error));
    if (id == 0 && !options->json)
        (void)printf("dry run: nothing was changed\n");
    return SLK_OK;
}

static slk_err provider_add(slk_node *node, const slk_options *options, slk_error *error)
{
    slk_connect connect = {0};
    SLK_TRY(read_connect(&connect, node, options->args[0], error));
    const slk_err code = add_checked(node, options, &connect, error);
    slk_bytes_wipe(&connect, sizeof connect);
    return code;
}

/* ---- which one ---- */

/* The argument: an ID, or a name that only one provider has. *ret_row is a new reference. */
static slk_err find_provider(json_t **ret_row, slk_node *node, const slk_options *options,
                             slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    int64_t id = -1;
    json_t *found = NULL;
    SLK_TRY(slk_service_read(&list, slk_view_providers, node, error));
    const bool is_id = slk_parse_i64(&id, options->args[0]) == SLK_OK;
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *row = json_array_get(list, i);
        const bool named = strcmp(slk_service_text(row, "name"), options->args[0]) == 0;
        if (is_id ? slk_service_number(row, "id") != id : !named)
            continue;
        if (found)
            return slk_fail(error, SLK_E_INVAL,
                            "several providers are called %.60s: say the ID from `selkie provider "
                            "list`",
                            options->args[0]);
        found = row;
    }
    if (!found)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "there is no provider %.60s; `selkie provider list` shows them",
                        options->args[0]);
    *ret_row = json_incref(found);
    return SLK_OK;
}

/* ---- list, show ---- */

static const char *standing(const json_t *row)
{
    if (slk_service_bool(row, "enabled"))
        return "yes";
    return slk_service_number(row, "lies") > 0 && slk_service_bool(row, "orders_move") ? "paused"
                                                                                       : "no";
}

static slk_err provider_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_read(&list, slk_view_providers, node, error));
    if (options->json)
        return print_json(list, error);
    if (json_array_size(list) == 0)
        (void)printf("no providers; `selkie provider add` takes a connect string\n");
    else
        (void)printf("%4s %-16s %-12s %-8s %6s %8s %6s %5s %-12s %s\n", "ID", "NAME", "MINER",
                     "ENABLED", "ACTIVE", "VERIFIED", "FAILED", "LIES", "USUALLY", "URL");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        char usual[32] = "-";
        if (slk_service_number(row, "usual_ms") > 0)
            slk_sector_format_ms(usual, sizeof usual, slk_service_number(row, "usual_ms"));
        (void)printf("%4" PRId64 " %-16.16s f0%-10" PRId64 " %-8s %6" PRId64 " %8" PRId64
                     " %6" PRId64 " %5" PRId64 " %-12s %s %s\n",
                     slk_service_number(row, "id"), slk_service_text(row, "name"),
                     slk_service_number(row, "sp_id"), standing(row),
                     slk_service_number(row, "active"), slk_service_number(row, "verified"),
                     slk_service_number(row, "failures"), slk_service_number(row, "lies"), usual,
                     slk_service_text(row, "url"), slk_service_text(row, "disabled_reason"));
    }
    return SLK_OK;
}

static slk_err provider_show(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *row = NULL;
    char usual[32] = "not known yet";
    SLK_TRY(find_provider(&row, node, options, error));
    if (options->json)
        return print_json(row, error);
    if (slk_service_number(row, "usual_ms") > 0)
        slk_sector_format_ms(usual, sizeof usual, slk_service_number(row, "usual_ms"));
    const char *price = slk_service_text(row, "price");
    (void)printf("provider %" PRId64 ", %s, for miner f0%" PRId64 "\n"
                 "  url        %s\n  enabled    %s  %s\n  price      %s%s\n"
                 "  record     %" PRId64 " verified, %" PRId64 " failed or stalled, %" PRId64
                 " lies\n  usually    %s\n"
                 "  sectors    %" PRId64 " active, %" PRId64 " proving, %" PRId64
                 " failed, %" PRId64 " it has yet to be told to clean up\n",
                 slk_service_number(row, "id"), slk_service_text(row, "name"),
                 slk_service_number(row, "sp_id"), slk_service_text(row, "url"), standing(row),
                 slk_service_text(row, "disabled_reason"), *price ? price : "unknown",
                 *price ? " attoFIL a sector" : "", slk_service_number(row, "verified"),
                 slk_service_number(row, "failures"), slk_service_number(row, "lies"), usual,
                 slk_service_number(row, "active"), slk_service_number(row, "done"),
                 slk_service_number(row, "failed"), slk_service_number(row, "releases_owed"));
    return SLK_OK;
}

/* ---- test ---- */

static slk_err provider_test(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *row = NULL;
    char url[512];
    slk_provider_check check;
    SLK_TRY(find_provider(&row, node, options, error));
    SLK_CLEANUP(slk_buf_done) slk_buf token;
    slk_buf_init(&token, 512);
    SLK_TRY(
        slk_client_provider_secret(url, &token, node->seal, slk_service_number(row, "id"), error));
    const slk_err code = slk_provider_check_run(&check, node, url, slk_buf_str(&token), error);
    slk_bytes_wipe(token.data, token.len);
    SLK_TRY(code);
    if (check.good || !options->json)
        SLK_TRY(show_check(node, options, &check, url, -1, error));
    return slk_provider_check_failure(&check, error);
}

/* ---- set, remove ---- */

static slk_err set_standing(slk_node *node, const slk_options *options, int64_t id,
                            slk_error *error)
{
    if (slk_options_flag(options, "enable"))
        return slk_client_provider_enable(node->seal, id, true, error);
    if (slk_options_flag(options, "move-orders"))
        return slk_client_provider_leave(node->seal, id, error);
    if (slk_options_flag(options, "disable"))
        return slk_client_provider_enable(node->seal, id, false, error);
    return SLK_OK;
}

/* What the options want changed; SLK_E_INVAL when that is nothing or contradicts itself. */
static slk_err read_change(slk_client_provider_change *ret, bool *ret_standing,
                           const slk_options *options, slk_error *error)
{
    const char *price = slk_options_text(options, "price");
    const bool enable = slk_options_flag(options, "enable");
    const bool disable =
        slk_options_flag(options, "disable") || slk_options_flag(options, "move-orders");
    const slk_client_provider_change change = {
        .url = slk_options_text(options, "url"),
        .name = slk_options_text(options, "name"),
        .price = price && strcmp(price, "unknown") == 0 ? "" : price,
    };
    if (enable && disable)
        return slk_fail(error, SLK_E_INVAL, "--enable and --disable do not go together");
    if (!change.url && !change.name && !change.price && !enable && !disable)
        return slk_fail(error, SLK_E_INVAL, "nothing to set: see --help");
    if (change.url)
        SLK_TRY(slk_connect_check_url(change.url, error));
    *ret = change;
    *ret_standing = enable || disable;
    return SLK_OK;
}

static slk_err provider_set(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *row = NULL;
    slk_client_provider_change change;
    bool standing_too = false;
    SLK_TRY(read_change(&change, &standing_too, options, error));
    SLK_TRY(find_provider(&row, node, options, error));
    if (slk_service_dry(options, "the provider would be changed"))
        return SLK_OK;
    const int64_t id = slk_service_number(row, "id");
    SLK_TRY(slk_client_provider_set(node->seal, id, &change, error));
    if (standing_too)
        SLK_TRY(set_standing(node, options, id, error));
    slk_service_say(options, "changed");
    return SLK_OK;
}

static slk_err provider_remove(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *row = NULL;
    SLK_TRY(find_provider(&row, node, options, error));
    if (slk_service_dry(options, "the provider would be removed unless it has sectors of ours"))
        return SLK_OK;
    SLK_TRY(slk_client_provider_remove(node->seal, slk_service_number(row, "id"), error));
    slk_service_say(options, "removed");
    return SLK_OK;
}

/* ---- the table ---- */

static const slk_option plain_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option remove_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option add_options[] = {
    SLK_OPTION_REPO,
    {.name = "miner", .type = SLK_OPTION_MINER, .required = true, .help = "our miner"},
    {.name = "name", .type = SLK_OPTION_TEXT, .help = "what we call the provider"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option set_options[] = {
    SLK_OPTION_REPO,
    {.name = "price",
     .type = SLK_OPTION_TEXT,
     .value = "ATTOFIL",
     .help = "what it asks for a sector, or `unknown`; the cheapest delivered sector is ordered "
             "first"},
    {.name = "name", .type = SLK_OPTION_TEXT, .help = "what we call it"},
    {.name = "url", .type = SLK_OPTION_TEXT, .help = "its new address; sectors under way go on"},
    {.name = "enable",
     .type = SLK_OPTION_FLAG,
     .help = "orders may go there, also when it was paused for lying"},
    {.name = "disable",
     .type = SLK_OPTION_FLAG,
     .help = "no new orders go there; what it has is finished"},
    {.name = "move-orders",
     .type = SLK_OPTION_FLAG,
     .help = "as --disable, and what it has not sealed yet goes to other providers"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};

#define ONE_PROVIDER .args = "PROVIDER", .args_min = 1, .args_max = 1

const slk_command slk_commands_providers[] = {
    {.name = "provider add",
     .args = "CONNECT",
     .args_min = 1,
     .args_max = 1,
     .help =
         "Test the provider that gave this connect string, and order from it. The string holds a "
         "token: better - and standard input, since arguments show in the process list.",
     .example = "selkie provider add - --miner f01000 < connect.txt",
     .options = add_options,
     .run = slk_service_run,
     .action = provider_add},
    {.name = "provider list",
     .help = "Show the providers, how many sectors each has, and their record.",
     .example = "selkie provider list",
     .options = plain_options,
     .run = slk_service_view,
     .action = provider_list},
    {.name = "provider show",
     ONE_PROVIDER,
     .help = "Show one provider: price, record, usual time, sectors.",
     .example = "selkie provider show lighthouse",
     .options = plain_options,
     .run = slk_service_view,
     .action = provider_show},
    {.name = "provider test",
     ONE_PROVIDER,
     .help = "Test name, TCP, TLS, protocol, token and the way back, and say what to do.",
     .example = "selkie provider test lighthouse",
     .options = plain_options,
     .run = slk_service_run,
     .action = provider_test},
    {.name = "provider set",
     ONE_PROVIDER,
     .help = "Change a provider's price, name or address, or whether orders go there.",
     .example = "selkie provider set lighthouse --price 5000000000000000",
     .options = set_options,
     .run = slk_service_run,
     .action = provider_set},
    {.name = "provider remove",
     ONE_PROVIDER,
     .help = "Remove a provider that has no sectors of ours.",
     .example = "selkie provider remove lighthouse --dry-run",
     .options = remove_options,
     .run = slk_service_run,
     .action = provider_remove},
    {.name = NULL},
};
