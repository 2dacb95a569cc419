/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie sector order` and `selkie miner …`: what is ordered, by hand and by itself. */
#include "app/service.h"

#include "base/mem.h"
#include "codec/json.h"
#include "seal/client.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ORDER_MAX 1000u

/* ---- order ---- */

/* Deposits and pledges are looked at before work is bought. */
static slk_err check_money(slk_node *node, const slk_options *options, slk_error *error)
{
    if (slk_options_flag(options, "really-do-it"))
        return SLK_OK;
    const slk_err code = slk_client_check_funds(
        node->seal, slk_options_u64(options, "miner"), slk_options_i64(options, "seal-proof"),
        slk_options_u64(options, "count"), node->repo.config.balance_reserve, error);
    if (code == SLK_E_LIMIT)
        return slk_fail_context(error, code, "not ordered (--really-do-it does)");
    return code;
}

static slk_err order_dry(slk_node *node, const slk_options *options, slk_error *error)
{
    const uint64_t miner = slk_options_u64(options, "miner");
    const int64_t proof = slk_options_i64(options, "seal-proof");
    const slk_seal_chain *chain = &slk_seal_get_ops(node->seal)->chain;
    SLK_TRY(chain->check_miner(chain->ctx, miner, proof, error));
    SLK_TRY(check_money(node, options, error));
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
    SLK_TRY(check_money(node, options, error));
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

/* ---- miners ---- */

static void print_setting(const json_t *row, const char *field)
{
    const json_t *value = json_object_get(row, field);
    if (json_is_integer(value))
        (void)printf(" %7" PRId64, (int64_t)json_integer_value(value));
    else
        (void)printf(" %7s", "default");
}

static slk_err miner_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_miners(&text, node->seal, error));
    if (options->json) {
        (void)printf("%s\n", slk_buf_str(&text));
        return SLK_OK;
    }
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_json(&list, &text, error));
    (void)printf("%-12s %9s %7s %7s %9s %7s %6s  %s\n", "MINER", "PROVIDERS", "KEEP", "PROOF",
                 "UNDER WAY", "PROVING", "FAILED", "WAITS FOR");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        (void)printf("f0%-10" PRId64 " %9" PRId64, slk_service_number(row, "sp_id"),
                     slk_service_number(row, "providers_enabled"));
        print_setting(row, "keep_in_flight");
        print_setting(row, "seal_proof");
        (void)printf(" %9" PRId64 " %7" PRId64 " %6" PRId64 "  %s\n",
                     slk_service_number(row, "under_way"), slk_service_number(row, "proving"),
                     slk_service_number(row, "failed"), slk_service_text(row, "note"));
    }
    return SLK_OK;
}

static slk_err miner_set(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id = 0;
    slk_client_miner miner;
    if (slk_parse_miner(&sp_id, options->args[0]) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "want a miner, like f01000");
    SLK_TRY(slk_client_miner_get(&miner, node->seal, sp_id, error));
    if (slk_options_has(options, "keep"))
        miner.keep_in_flight = slk_options_i64(options, "keep");
    if (slk_options_has(options, "seal-proof"))
        miner.seal_proof = slk_options_i64(options, "seal-proof");
    if (slk_options_has(options, "duration"))
        miner.duration_epochs = slk_options_i64(options, "duration");
    const char *reserve = slk_options_text(options, "reserve");
    if (reserve)
        (void)snprintf(miner.reserve, sizeof miner.reserve, "%s", reserve);
    SLK_TRY(slk_client_miner_check(node->seal, sp_id, &miner, error));
    if (slk_service_dry(options, "the miner's flow would be set"))
        return SLK_OK;
    SLK_TRY(slk_client_miner_set(node->seal, sp_id, &miner, error));
    slk_service_say(options, "set");
    return SLK_OK;
}

/* ---- the table ---- */

#define OPTION_MINER                                                                     \
    {                                                                                    \
        .name = "miner", .type = SLK_OPTION_MINER, .required = true, .help = "our miner" \
    }

static const slk_option plain_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option miner_options[] = {
    SLK_OPTION_REPO,
    {.name = "keep",
     .type = SLK_OPTION_I64,
     .help = "sectors kept under way; 0: none are ordered by themselves; -1: as configured"},
    {.name = "seal-proof", .type = SLK_OPTION_I64, .help = "of those sectors; -1: as configured"},
    {.name = "duration",
     .type = SLK_OPTION_I64,
     .help = "life of those sectors in epochs; -1: the longest"},
    {.name = "reserve",
     .type = SLK_OPTION_TEXT,
     .value = "ATTOFIL",
     .help = "what deposits and pledges leave alone of the balances"},
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
    {.name = "really-do-it",
     .type = SLK_OPTION_FLAG,
     .help = "also when deposits and pledges are not covered yet"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};

const slk_command slk_commands_client[] = {
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
    {.name = "miner list",
     .help = "Show the miners, how many sectors are under way, and what more would wait for.",
     .example = "selkie miner list",
     .options = plain_options,
     .run = slk_service_view,
     .action = miner_list},
    {.name = "miner set",
     .args = "MINER",
     .args_min = 1,
     .args_max = 1,
     .help = "Keep so many of a miner's sectors under way, ordered by themselves.",
     .example = "selkie miner set f01000 --keep 8 --seal-proof 8",
     .options = miner_options,
     .run = slk_service_run,
     .action = miner_set},
    {.name = NULL},
};
