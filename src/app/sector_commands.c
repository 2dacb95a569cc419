/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie sector …`, `selkie watch`: the sectors of this repository. */
#include "app/sector_files.h"
#include "app/sector_find.h"
#include "app/sector_show.h"
#include "app/service.h"
#include "app/watch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "seal/client.h"
#include "seal/provider.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- retry, cancel, remove ---- */

/* --dry-run of a change that was found possible, or what was done. */
static slk_err answer(const slk_options *options, uint64_t sp_id, uint64_t number, const char *done,
                      slk_error *error)
{
    const bool dry = slk_options_flag(options, "dry-run");
    if (!options->json) {
        (void)printf("sector f0%" PRIu64 "/%" PRIu64 ": %s%s\n", sp_id, number, done,
                     dry ? " (dry run: nothing was changed)" : "");
        return SLK_OK;
    }
    SLK_CLEANUP(slk_json_decrefp)
    json_t *object = json_pack("{s:I,s:I,s:b,s:s}", "sp_id", (json_int_t)sp_id, "number",
                               (json_int_t)number, dry ? "dry_run" : "done", 1, "what", done);
    if (!object)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)printf("\n");
    return SLK_OK;
}

/* For the dry runs: the sector's row of a role; NULL when it has none. Borrowed from sector. */
static const json_t *role_of(const json_t *sector, const char *role)
{
    const json_t *roles = json_object_get(sector, "roles");
    for (size_t i = 0; i < json_array_size(roles); i++)
        if (strcmp(slk_service_text(json_array_get(roles, i), "role"), role) == 0)
            return json_array_get(roles, i);
    return NULL;
}

static slk_err check_failed(slk_node *node, uint64_t sp_id, uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *sector = NULL;
    SLK_TRY(slk_sector_view(&sector, node, sp_id, number, error));
    const json_t *row = role_of(sector, "client");
    if (!row)
        row = role_of(sector, "provider");
    if (row && slk_service_bool(row, "failed"))
        return SLK_OK;
    return slk_fail(error, SLK_E_CONFLICT,
                    "the sector has not failed; --from says what to do again");
}

static slk_err sector_retry(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id, number;
    char done[64];
    const char *from = slk_options_text(options, "from");
    const bool dry = slk_options_flag(options, "dry-run");
    SLK_TRY(slk_sector_find(&sp_id, &number, node, options, error));
    if (from) {
        SLK_TRY(slk_client_retry_from(node->seal, sp_id, number, from, dry, error));
        (void)snprintf(done, sizeof done, "goes back and on from %.20s", from);
        return answer(options, sp_id, number, done, error);
    }
    if (dry) {
        SLK_TRY(check_failed(node, sp_id, number, error));
        return answer(options, sp_id, number, "is tried again", error);
    }
    slk_err code = slk_client_retry(node->seal, sp_id, number, error);
    if (code == SLK_E_NOTFOUND)
        code = slk_provider_retry(node->seal, sp_id, number, error);
    SLK_TRY(code);
    return answer(options, sp_id, number, "is tried again", error);
}

/* Of the sector this node seals for somebody else: it has no chain to ask. */
static slk_err cancel_for_client(slk_node *node, const slk_options *options, uint64_t sp_id,
                                 uint64_t number, slk_error *error)
{
    SLK_TRY(slk_provider_operator_cancel(node->seal, sp_id, number,
                                         slk_options_flag(options, "really-do-it"),
                                         slk_options_flag(options, "dry-run"), error));
    return answer(options, sp_id, number, "is given up; its files go, the client is told", error);
}

static slk_err sector_cancel(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id, number;
    SLK_TRY(slk_sector_find(&sp_id, &number, node, options, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *sector = NULL;
    SLK_TRY(slk_sector_view(&sector, node, sp_id, number, error));
    if (!role_of(sector, "client") && role_of(sector, "provider"))
        return cancel_for_client(node, options, sp_id, number, error);
    if (!node->chain)
        return slk_fail(error, SLK_E_INVAL,
                        "no chain is configured to ask whether it has the sector");
    SLK_TRY(slk_client_cancel(
        node->seal, sp_id, number,
        &(slk_client_cancel_options){.really = slk_options_flag(options, "really-do-it"),
                                     .dry_run = slk_options_flag(options, "dry-run")},
        error));
    return answer(options, sp_id, number, "is given up; the provider is told to clean up", error);
}

static slk_err sector_remove(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id, number;
    SLK_TRY(slk_sector_find(&sp_id, &number, node, options, error));
    const slk_client_remove_options remove = {
        .really = slk_options_flag(options, "really-do-it"),
        .keep_files = slk_options_flag(options, "keep-files"),
        .dry_run = slk_options_flag(options, "dry-run"),
    };
    SLK_TRY(slk_client_remove(node->seal, sp_id, number, &remove, error));
    return answer(options, sp_id, number,
                  remove.keep_files ? "is removed, its files stay" : "is removed with its files",
                  error);
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

/* ---- the table ---- */

#define OPTION_REALLY(what)                                                        \
    {                                                                              \
        .name = "really-do-it", .type = SLK_OPTION_FLAG, .help = "also when " what \
    }

static const slk_option list_options[] = {
    SLK_OPTION_REPO,
    {.name = "limit", .type = SLK_OPTION_U64, .fallback = "1000", .help = "at most so many"},
    {.name = NULL},
};
static const slk_option show_options[] = {SLK_OPTION_REPO, SLK_OPTION_SECTOR_MINER, {.name = NULL}};
static const slk_option retry_options[] = {
    SLK_OPTION_REPO,
    SLK_OPTION_SECTOR_MINER,
    {.name = "from",
     .type = SLK_OPTION_TEXT,
     .value = "STAGE",
     .help = "go back to this stage, failed or not: order (another provider seals it), fetch, "
             "verify, seed, c1, porep"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option cancel_options[] = {
    SLK_OPTION_REPO,    SLK_OPTION_SECTOR_MINER, OPTION_REALLY("a deposit on chain is lost by it"),
    SLK_OPTION_DRY_RUN, {.name = NULL},
};
static const slk_option export_options[] = {
    SLK_OPTION_REPO,
    SLK_OPTION_SECTOR_MINER,
    {.name = "to",
     .type = SLK_OPTION_TEXT,
     .required = true,
     .value = "DIR",
     .help = "an existing folder; it gets sealed/ and cache/ in Lotus's layout"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option verify_options[] = {
    SLK_OPTION_REPO,
    SLK_OPTION_SECTOR_MINER,
    {.name = "sample",
     .type = SLK_OPTION_U64,
     .help = "look at so many places drawn at random (default: at all of it)"},
    {.name = NULL},
};
static const slk_option remove_options[] = {
    SLK_OPTION_REPO,
    SLK_OPTION_SECTOR_MINER,
    {.name = "keep-files",
     .type = SLK_OPTION_FLAG,
     .help = "leave replica and cache where they are"},
    OPTION_REALLY("the chain counts on the sector"),
    SLK_OPTION_DRY_RUN,
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
    {.name = "sector list",
     .help = "Show the sectors of this repository, newest first.",
     .example = "selkie sector list --limit 20",
     .options = list_options,
     .run = slk_service_view,
     .action = slk_sector_list},
    {.name = "sector show",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Show one sector: where it stands, what is next, who sealed it, and its history.",
     .example = "selkie sector show f01000/7",
     .options = show_options,
     .run = slk_service_view,
     .action = slk_sector_show},
    {.name = "sector watch",
     .help = "Follow the sectors as they are sealed and proven.",
     .example = "selkie sector watch --until-done",
     .options = watch_options,
     .run = slk_service_run,
     .action = watch},
    {.name = "sector retry",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Try a failed sector's step again, or go back to an earlier stage.",
     .example = "selkie sector retry f01000/7 --from fetch",
     .options = retry_options,
     .run = slk_service_run,
     .action = sector_retry},
    {.name = "sector cancel",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Give up a sector that failed or has nothing on chain yet; the provider cleans up.",
     .example = "selkie sector cancel f01000/7",
     .options = cancel_options,
     .run = slk_service_run,
     .action = sector_cancel},
    {.name = "sector export",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Copy a verified sector's replica and cache, read back and compared.",
     .example = "selkie sector export f01000/7 --to /mnt/storage",
     .options = export_options,
     .run = slk_service_run,
     .action = slk_sector_export},
    {.name = "sector verify",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Check that a sector's replica is still what it must be.",
     .example = "selkie sector verify f01000/7 --sample 100",
     .options = verify_options,
     .run = slk_service_verdict,
     .action = slk_sector_verify},
    {.name = "sector remove",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Remove a finished or canceled sector: its record and its files.",
     .example = "selkie sector remove f01000/7 --keep-files",
     .options = remove_options,
     .run = slk_service_run,
     .action = sector_remove},
    {.name = "watch",
     .help = "The same as `selkie sector watch`.",
     .example = "selkie watch --repo ~/client --until-done",
     .options = watch_options,
     .run = slk_service_view,
     .action = watch},
    {.name = NULL},
};
