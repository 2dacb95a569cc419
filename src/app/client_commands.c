/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie provider …` and `selkie sector order`: whom this client orders from, and ordering. */
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

#define ORDER_MAX 1000u

/* ---- provider add ---- */

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

static slk_err try_provider(char *ret_name, int64_t *ret_allowance, slk_node *node,
                            const slk_connect *connect, slk_error *error)
{
    const slk_seal_remote remote = {.url = connect->url, .token = connect->token};
    bool authorized = false;
    SLK_TRY(slk_remote_peer_authorize(node->peer, &authorized, ret_name, ret_allowance, &remote,
                                      error));
    if (!authorized)
        return slk_fail(error, SLK_E_AUTH, "%s does not know the token; ask for a new one",
                        connect->url);
    return SLK_OK;
}

static void show_provider(const slk_node *node, const slk_options *options,
                          const slk_connect *connect, const char *name, int64_t allowance,
                          int64_t id)
{
    const bool dry = slk_options_flag(options, "dry-run");
    if (options->json) {
        SLK_CLEANUP(slk_json_decrefp)
        json_t *answer = json_pack("{s:I,s:s,s:s,s:I,s:b}", "id", (json_int_t)id, "url",
                                   connect->url, "partner_name", name, "allowance_remaining",
                                   (json_int_t)allowance, "dry_run", dry ? 1 : 0);
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)printf("\n");
        return;
    }
    (void)printf("%s accepts us as %s; %" PRId64 " sectors may be ordered\n", connect->url,
                 *name ? name : "(unnamed)", allowance);
    if (dry)
        (void)printf("dry run: nothing was changed\n");
    else
        (void)printf("provider %" PRId64 " added for miner f0%" PRIu64 "; next:\n"
                     "  selkie order --miner f0%" PRIu64 " --count 1 --seal-proof %d --repo %s\n",
                     id, slk_options_u64(options, "miner"), slk_options_u64(options, "miner"),
                     node->repo.config.development ? 5 : 8, node->repo.folder);
}

static slk_err provider_add(slk_node *node, const slk_options *options, slk_error *error)
{
    slk_connect connect = {0};
    SLK_TRY(read_connect(&connect, node, options->args[0], error));
    char name[SLK_SEAL_REASON_CHARS] = "";
    int64_t allowance = 0;
    int64_t id = 0;
    slk_err code = try_provider(name, &allowance, node, &connect, error);
    const char *label = slk_options_text(options, "name");
    if (code == SLK_OK && !slk_options_flag(options, "dry-run"))
        code =
            slk_client_provider_add(&id, node->seal, slk_options_u64(options, "miner"), connect.url,
                                    connect.token, label ? label : connect.url, error);
    if (code == SLK_OK)
        show_provider(node, options, &connect, name, allowance, id);
    slk_bytes_wipe(&connect, sizeof connect);
    return code;
}

/* ---- provider list, remove, enable, disable ---- */

static slk_err provider_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_providers(&text, node->seal, error));
    if (options->json) {
        (void)printf("%s\n", slk_buf_str(&text));
        return SLK_OK;
    }
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_json(&list, &text, error));
    if (json_array_size(list) == 0)
        (void)printf("no providers; `selkie provider add` takes a connect string\n");
    else
        (void)printf("%4s %-12s %-8s %6s %6s %6s  %s\n", "ID", "MINER", "ENABLED", "ACTIVE", "DONE",
                     "FAILED", "URL");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        (void)printf(
            "%4" PRId64 " f0%-10" PRId64 " %-8s %6" PRId64 " %6" PRId64 " %6" PRId64 "  %s %s\n",
            slk_service_number(row, "id"), slk_service_number(row, "sp_id"),
            slk_service_bool(row, "enabled") ? "yes" : "no", slk_service_number(row, "active"),
            slk_service_number(row, "done"), slk_service_number(row, "failed"),
            slk_service_text(row, "url"), slk_service_text(row, "disabled_reason"));
    }
    return SLK_OK;
}

static slk_err read_id(int64_t *ret_id, const slk_options *options, slk_error *error)
{
    if (slk_parse_i64(ret_id, options->args[0]) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "want the provider's ID from `selkie provider list`");
    return SLK_OK;
}

/* Whether `selkie provider list` has it. */
static slk_err check_id(const slk_node *node, int64_t id, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_providers(&text, node->seal, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_json(&list, &text, error));
    for (size_t i = 0; i < json_array_size(list); i++)
        if (slk_service_number(json_array_get(list, i), "id") == id)
            return SLK_OK;
    return slk_fail(error, SLK_E_NOTFOUND,
                    "there is no provider %" PRId64 "; `selkie provider list` shows them", id);
}

static slk_err provider_remove(slk_node *node, const slk_options *options, slk_error *error)
{
    int64_t id;
    SLK_TRY(read_id(&id, options, error));
    SLK_TRY(check_id(node, id, error));
    if (slk_service_dry(options, "the provider would be removed unless it has sectors of ours"))
        return SLK_OK;
    SLK_TRY(slk_client_provider_remove(node->seal, id, error));
    slk_service_say(options, "removed");
    return SLK_OK;
}

static slk_err provider_enable(slk_node *node, const slk_options *options, slk_error *error)
{
    int64_t id;
    SLK_TRY(read_id(&id, options, error));
    SLK_TRY(check_id(node, id, error));
    if (slk_service_dry(options, "new orders could go there again"))
        return SLK_OK;
    SLK_TRY(slk_client_provider_enable(node->seal, id, true, error));
    slk_service_say(options, "enabled");
    return SLK_OK;
}

static slk_err provider_disable(slk_node *node, const slk_options *options, slk_error *error)
{
    int64_t id;
    SLK_TRY(read_id(&id, options, error));
    SLK_TRY(check_id(node, id, error));
    if (slk_service_dry(options, "no new orders would go there"))
        return SLK_OK;
    SLK_TRY(slk_client_provider_enable(node->seal, id, false, error));
    slk_service_say(options, "disabled: no new orders go there");
    return SLK_OK;
}

/* ---- order ---- */

static slk_err order_dry(slk_node *node, const slk_options *options, slk_error *error)
{
    const uint64_t miner = slk_options_u64(options, "miner");
    const int64_t proof = slk_options_i64(options, "seal-proof");
    const slk_seal_chain *chain = &slk_seal_get_ops(node->seal)->chain;
    SLK_TRY(chain->check_miner(chain->ctx, miner, proof, error));
    if (options->json)
        (void)printf("{\"dry_run\":true,\"sectors\":[]}\n");
    else
        (void)printf("miner f0%" PRIu64 " can have %" PRIu64 " sectors of seal proof %" PRId64
                     "; dry run: nothing was ordered\n",
                     miner, slk_options_u64(options, "count"), proof);
    return SLK_OK;
}

static slk_err order_each(json_t *numbers, slk_node *node, const slk_options *options,
                          slk_error *error)
{
    for (uint64_t i = 0; i < slk_options_u64(options, "count"); i++) {
        uint64_t number = 0;
        SLK_TRY(slk_client_order(&number, node->seal, slk_options_u64(options, "miner"),
                                 slk_options_i64(options, "seal-proof"),
                                 slk_options_i64(options, "duration"), error));
        if (json_array_append_new(numbers, json_integer((json_int_t)number)) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        if (!options->json)
            (void)printf("sector f0%" PRIu64 "/%" PRIu64 " ordered\n",
                         slk_options_u64(options, "miner"), number);
    }
    return SLK_OK;
}

static slk_err order(slk_node *node, const slk_options *options, slk_error *error)
{
    const uint64_t count = slk_options_u64(options, "count");
    if (count == 0 || count > ORDER_MAX)
        return slk_fail(error, SLK_E_INVAL, "--count wants 1 to %u", ORDER_MAX);
    if (!node->chain)
        return slk_fail(error, SLK_E_INVAL,
                        "no chain is configured: set FULLNODE_API_INFO, or ChainApiInfoFile in "
                        "[Network]");
    if (slk_options_flag(options, "dry-run"))
        return order_dry(node, options, error);
    SLK_CLEANUP(slk_json_decrefp) json_t *numbers = json_array();
    if (!numbers)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const slk_err code = order_each(numbers, node, options, error);
    if (code != SLK_OK && json_array_size(numbers) > 0)
        (void)slk_fail_context(error, code, "after %zu sectors", json_array_size(numbers));
    SLK_TRY(code);
    if (options->json) {
        SLK_CLEANUP(slk_json_decrefp)
        json_t *answer = json_pack("{s:O}", "sectors", numbers);
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)printf("\n");
    } else {
        (void)printf("`selkie watch` shows how they get on\n");
    }
    return SLK_OK;
}

/* ---- the table ---- */

#define OPTION_MINER                                                                     \
    {                                                                                    \
        .name = "miner", .type = SLK_OPTION_MINER, .required = true, .help = "our miner" \
    }

static const slk_option plain_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option change_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option add_options[] = {
    SLK_OPTION_REPO,
    OPTION_MINER,
    {.name = "name", .type = SLK_OPTION_TEXT, .help = "what we call the provider"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option order_options[] = {
    SLK_OPTION_REPO,
    OPTION_MINER,
    {.name = "count", .type = SLK_OPTION_U64, .fallback = "1", .help = "how many sectors"},
    {.name = "seal-proof",
     .type = SLK_OPTION_I64,
     .required = true,
     .help = "registered seal proof: 8 is 32 GiB, 9 is 64 GiB, 5 is 2 KiB"},
    {.name = "duration",
     .type = SLK_OPTION_I64,
     .fallback = "0",
     .help = "life of the sectors in epochs; 0 is the longest"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};

const slk_command slk_commands_client[] = {
    {.name = "provider add",
     .args = "CONNECT",
     .args_min = 1,
     .args_max = 1,
     .help = "Order from the provider that gave this connect string (- reads it from standard "
             "input).",
     .example = "selkie provider add - --miner f01000 < connect.txt",
     .options = add_options,
     .run = slk_service_run,
     .action = provider_add},
    {.name = "provider list",
     .help = "Show the providers and how many sectors each has.",
     .example = "selkie provider list --repo ~/client",
     .options = plain_options,
     .run = slk_service_view,
     .action = provider_list},
    {.name = "provider enable",
     .args = "ID",
     .args_min = 1,
     .args_max = 1,
     .help = "Order from this provider again.",
     .example = "selkie provider enable 2 --repo ~/client",
     .options = change_options,
     .run = slk_service_run,
     .action = provider_enable},
    {.name = "provider disable",
     .args = "ID",
     .args_min = 1,
     .args_max = 1,
     .help = "Send this provider no new orders.",
     .example = "selkie provider disable 2 --repo ~/client",
     .options = change_options,
     .run = slk_service_run,
     .action = provider_disable},
    {.name = "provider remove",
     .args = "ID",
     .args_min = 1,
     .args_max = 1,
     .help = "Remove a provider that has no sectors of ours.",
     .example = "selkie provider remove 2 --repo ~/client --dry-run",
     .options = change_options,
     .run = slk_service_run,
     .action = provider_remove},
    {.name = "sector order",
     .help = "Have sectors sealed and bring them onto the chain.",
     .example = "selkie sector order --miner f01000 --count 4 --seal-proof 8",
     .options = order_options,
     .run = slk_service_run,
     .action = order},
    {.name = "order",
     .help = "The same as `selkie sector order`.",
     .example = "selkie order --miner f01000 --count 4 --seal-proof 8",
     .options = order_options,
     .run = slk_service_run,
     .action = order},
    {.name = NULL},
};
