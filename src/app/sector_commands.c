/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie sectors …`, `selkie watch`, `selkie info`: how the sectors of this repository are. */
#include "app/service.h"
#include "app/watch.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "seal/client.h"
#include "seal/provider.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- list ---- */

static slk_err sectors_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_sectors(&text, node->seal, slk_options_u64(options, "limit"), error));
    if (options->json) {
        (void)printf("%s\n", slk_buf_str(&text));
        return SLK_OK;
    }
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_json(&list, &text, error));
    if (json_array_size(list) == 0)
        (void)printf("no sectors\n");
    else
        (void)printf("%-9s %-22s %5s %-15s %-20s %s\n", "ROLE", "SECTOR", "PROOF", "STATE", "PEER",
                     "AT");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        char sector[48];
        (void)snprintf(sector, sizeof sector, "f0%" PRId64 "/%" PRId64,
                       slk_service_number(row, "sp_id"), slk_service_number(row, "number"));
        const bool failed = slk_service_bool(row, "failed");
        (void)printf("%-9s %-22s %5" PRId64 " %-15s %-20s %s%s\n", slk_service_text(row, "role"),
                     sector, slk_service_number(row, "seal_proof"), slk_service_text(row, "state"),
                     slk_service_text(row, "peer"), failed ? "FAILED " : "",
                     failed ? slk_service_text(row, "message")
                            : slk_service_text(json_object_get(row, "task"), "step"));
    }
    return SLK_OK;
}

/* ---- which sector ---- */

/* "7", or "f01000/7" as it is printed; *ret_sp_id is set by the latter only. */
static slk_err read_sector(uint64_t *ret_sp_id, bool *ret_has_sp_id, uint64_t *ret_number,
                           const char *text, slk_error *error)
{
    const char *slash = strchr(text, '/');
    char miner[32];
    *ret_has_sp_id = slash != NULL;
    if (slash) {
        (void)snprintf(miner, sizeof miner, "%.*s", (int)(slash - text), text);
        if (slash - text >= (ptrdiff_t)sizeof miner || slk_parse_miner(ret_sp_id, miner) != SLK_OK)
            return slk_fail(error, SLK_E_INVAL, "want a sector: 7 or f01000/7");
    }
    if (slk_parse_u64(ret_number, slash ? slash + 1 : text) != SLK_OK || *ret_number > INT64_MAX)
        return slk_fail(error, SLK_E_INVAL, "want a sector: 7 or f01000/7");
    return SLK_OK;
}

/* --miner, or the only miner that has a sector of that number here. */
static slk_err find_sector(uint64_t *ret_sp_id, uint64_t *ret_number, slk_node *node,
                           const slk_options *options, slk_error *error)
{
    uint64_t number;
    bool has_miner = false;
    SLK_TRY(read_sector(ret_sp_id, &has_miner, &number, options->args[0], error));
    *ret_number = number;
    if (has_miner)
        return SLK_OK;
    if (slk_options_has(options, "miner")) {
        *ret_sp_id = slk_options_u64(options, "miner");
        return SLK_OK;
    }
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_sectors(&text, node->seal, 100000, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_json(&list, &text, error));
    int64_t found = -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (slk_service_number(row, "number") != (int64_t)number)
            continue;
        if (found >= 0 && found != slk_service_number(row, "sp_id"))
            return slk_fail(error, SLK_E_INVAL,
                            "several miners have a sector %" PRIu64 ": say --miner f0ID", number);
        found = slk_service_number(row, "sp_id");
    }
    if (found < 0)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no sector %" PRIu64 " here", number);
    *ret_sp_id = (uint64_t)found;
    return SLK_OK;
}

/* ---- status ---- */

static void print_value(const char *key, const json_t *value)
{
    const size_t n = strlen(key);
    char at[32];
    if (json_is_string(value) && *json_string_value(value))
        (void)printf("  %-24s %s\n", key, json_string_value(value));
    else if (json_is_integer(value) && n > 3 && strcmp(key + n - 3, "_ms") == 0) {
        slk_clock_format(at, sizeof at, (int64_t)json_integer_value(value));
        (void)printf("  %-24.*s %s\n", (int)n - 3, key, at);
    } else if (json_is_integer(value) && n > 6 && strcmp(key + n - 6, "_bytes") == 0)
        (void)printf("  %-24.*s %.1f GiB\n", (int)n - 6, key,
                     (double)json_integer_value(value) / (1 << 30));
    else if (json_is_integer(value))
        (void)printf("  %-24s %" PRId64 "\n", key, (int64_t)json_integer_value(value));
    else if (json_is_boolean(value))
        (void)printf("  %-24s %s\n", key, json_is_true(value) ? "yes" : "no");
}

static void print_events(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *event = json_array_get(list, i);
        char at[32];
        slk_clock_format(at, sizeof at, slk_service_number(event, "at_ms"));
        (void)printf("  %s %-8s %-18s %-16s %s%s%s  %s\n", at, slk_service_text(event, "role"),
                     slk_service_text(event, "actor"), slk_service_text(event, "event"),
                     slk_service_text(event, "from"), *slk_service_text(event, "to") ? " -> " : "",
                     slk_service_text(event, "to"), slk_service_text(event, "detail"));
    }
}

/* Values of an object, one line each; objects in it as groups of lines. */
static void print_object(json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!json_is_object(value)) {
            print_value(key, value);
            continue;
        }
        (void)printf("%s\n", key);
        const char *inner_key;
        json_t *inner;
        json_object_foreach(value, inner_key, inner) print_value(inner_key, inner);
    }
}

static slk_err sectors_status(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id, number;
    SLK_TRY(find_sector(&sp_id, &number, node, options, error));
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_sector(&text, node->seal, sp_id, number, error));
    if (options->json) {
        (void)printf("%s\n", slk_buf_str(&text));
        return SLK_OK;
    }
    SLK_CLEANUP(slk_json_decrefp) json_t *sector = NULL;
    SLK_TRY(slk_service_json(&sector, &text, error));
    const json_t *roles = json_object_get(sector, "roles");
    for (size_t i = 0; i < json_array_size(roles); i++) {
        (void)printf("sector f0%" PRIu64 "/%" PRIu64 "\n", sp_id, number);
        print_object(json_array_get(roles, i));
    }
    if (slk_options_flag(options, "log")) {
        (void)printf("timeline\n");
        print_events(json_object_get(sector, "timeline"));
    }
    return SLK_OK;
}

/* ---- retry, abandon ---- */

/* --dry-run: says whether the sector has failed, which both commands want. */
static slk_err sector_dry(const slk_node *node, const slk_options *options, uint64_t sp_id,
                          uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_sector(&text, node->seal, sp_id, number, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *sector = NULL;
    SLK_TRY(slk_service_json(&sector, &text, error));
    const json_t *row = json_array_get(json_object_get(sector, "roles"), 0);
    if (options->json)
        (void)printf("{\"dry_run\":true,\"state\":\"%s\",\"failed\":%s}\n",
                     slk_service_text(row, "state"),
                     slk_service_bool(row, "failed") ? "true" : "false");
    else
        (void)printf("sector f0%" PRIu64 "/%" PRIu64 " is %s%s; dry run: nothing was changed\n",
                     sp_id, number, slk_service_text(row, "state"),
                     slk_service_bool(row, "failed") ? ", FAILED" : ", not failed");
    return SLK_OK;
}

static slk_err sectors_retry(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id, number;
    SLK_TRY(find_sector(&sp_id, &number, node, options, error));
    if (slk_options_flag(options, "dry-run"))
        return sector_dry(node, options, sp_id, number, error);
    slk_err code = slk_client_retry(node->seal, sp_id, number, error);
    if (code == SLK_E_NOTFOUND)
        code = slk_provider_retry(node->seal, sp_id, number, error);
    SLK_TRY(code);
    slk_service_say(options, "it is tried again");
    return SLK_OK;
}

static slk_err sectors_abandon(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id, number;
    SLK_TRY(find_sector(&sp_id, &number, node, options, error));
    if (slk_options_flag(options, "dry-run"))
        return sector_dry(node, options, sp_id, number, error);
    if (!node->chain)
        return slk_fail(error, SLK_E_INVAL,
                        "no chain is configured to ask whether it has the sector");
    SLK_TRY(slk_client_abandon(node->seal, sp_id, number, error));
    slk_service_say(options, "given up; the provider is told to clean up");
    return SLK_OK;
}

/* ---- watch ---- */

static slk_err print_sectors_json(slk_node *node, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_sectors(&text, node->seal, 0, error));
    (void)printf("%s\n", slk_buf_str(&text));
    (void)fflush(stdout);
    return SLK_OK;
}

static slk_err watch(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_watch_freep) slk_watch *view = NULL;
    SLK_TRY(slk_watch_new(&view, false, error));
    const bool until_done = slk_options_flag(options, "until-done");
    if (until_done && options->json)
        return slk_fail(error, SLK_E_INVAL, "--until-done and --json do not go together");
    for (;;) {
        slk_watch_counts counts = {0};
        if (options->json)
            SLK_TRY(print_sectors_json(node, error));
        else
            SLK_TRY(slk_watch_look(view, &counts, &node->seal, 1, error));
        if (until_done && counts.failed > 0)
            return slk_fail(error, SLK_E_CONFLICT, "%zu of %zu sectors have failed", counts.failed,
                            counts.sectors);
        if (slk_options_flag(options, "once") || (until_done && counts.done == counts.sectors))
            return SLK_OK;
        slk_clock_sleep_ms((int64_t)slk_options_u64(options, "every"));
    }
}

/* ---- info ---- */

static slk_err fill_chain(json_t *answer, slk_node *node)
{
    slk_network network;
    slk_error why = {0};
    int64_t head = 0;
    if (!node->chain)
        return json_object_set_new(answer, "chain", json_null()) == 0 ? SLK_OK : SLK_E_NOMEM;
    const slk_seal_chain *chain = &slk_seal_get_ops(node->seal)->chain;
    slk_err code = slk_chain_ops_network(node->chain, &network, &why);
    if (code == SLK_OK)
        code = chain->head(chain->ctx, &head, &why);
    json_t *value = code == SLK_OK ? json_pack("{s:s,s:I,s:s}", "network", network.name, "head",
                                               (json_int_t)head, "node", network.node_version)
                                   : json_pack("{s:s}", "error", slk_error_text(&why, code));
    return json_object_set_new(answer, "chain", value) == 0 ? SLK_OK : SLK_E_NOMEM;
}

static slk_err fill_info(json_t *answer, slk_node *node, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *url = NULL;
    uint64_t free_bytes = 0;
    if (slk_repo_url(&url, &node->repo, error) != SLK_OK)
        url = slk_strdup("");
    SLK_TRY(slk_folder_free_bytes(&free_bytes, node->repo.folder, error));
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_sectors(&text, node->seal, 100000, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_json(&list, &text, error));
    size_t failed = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        failed += slk_service_bool(json_array_get(list, i), "failed") ? 1 : 0;
    SLK_CLEANUP(slk_json_decrefp)
    json_t *own = json_pack("{s:s,s:s,s:s,s:b,s:I,s:I,s:I}", "node", node->repo.name, "repository",
                            node->repo.folder, "url", url ? url : "", "development",
                            node->repo.config.development ? 1 : 0, "free_bytes",
                            (json_int_t)free_bytes, "sectors", (json_int_t)json_array_size(list),
                            "failed_sectors", (json_int_t)failed);
    if (!own || json_object_update(answer, own) != 0 || fill_chain(answer, node) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return SLK_OK;
}

static slk_err info(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = json_object();
    if (!answer)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(fill_info(answer, node, error));
    if (options->json) {
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)printf("\n");
    } else {
        print_object(answer);
    }
    return SLK_OK;
}

/* ---- the table ---- */

#define OPTION_MINER                                                   \
    {                                                                  \
        .name = "miner", .type = SLK_OPTION_MINER,                     \
        .help = "its miner, when several have a sector of that number" \
    }

static const slk_option plain_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option list_options[] = {
    SLK_OPTION_REPO,
    {.name = "limit", .type = SLK_OPTION_U64, .fallback = "1000", .help = "at most so many"},
    {.name = NULL},
};
static const slk_option sector_options[] = {
    SLK_OPTION_REPO, OPTION_MINER, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option status_options[] = {
    SLK_OPTION_REPO,
    OPTION_MINER,
    {.name = "log", .type = SLK_OPTION_FLAG, .help = "with its whole history"},
    {.name = NULL},
};
static const slk_option watch_options[] = {
    SLK_OPTION_REPO,
    {.name = "every",
     .type = SLK_OPTION_DURATION,
     .fallback = "1s",
     .help = "time between two looks"},
    {.name = "once", .type = SLK_OPTION_FLAG, .help = "look once"},
    {.name = "until-done",
     .type = SLK_OPTION_FLAG,
     .help = "end when every sector is proving or cleaned up, or one has failed"},
    {.name = NULL},
};

const slk_command slk_commands_sectors[] = {
    {.name = "sectors list",
     .help = "Show the sectors of this repository, newest first.",
     .options = list_options,
     .run = slk_service_run,
     .action = sectors_list},
    {.name = "sectors status",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Show everything known about one sector.",
     .example = "selkie sectors status 7 --log",
     .options = status_options,
     .run = slk_service_run,
     .action = sectors_status},
    {.name = "sectors retry",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Try a failed sector's step again.",
     .options = sector_options,
     .run = slk_service_run,
     .action = sectors_retry},
    {.name = "sectors abandon",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Give up a sector that failed or has nothing on chain yet; it is cleaned up.",
     .options = sector_options,
     .run = slk_service_run,
     .action = sectors_abandon},
    {.name = "watch",
     .help = "Follow the sectors as they are sealed and proven.",
     .options = watch_options,
     .run = slk_service_run,
     .action = watch},
    {.name = "info",
     .help = "Show this node: address, chain, space, sectors.",
     .options = plain_options,
     .run = slk_service_run,
     .action = info},
    {.name = NULL},
};
