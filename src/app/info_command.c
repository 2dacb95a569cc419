/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie info` and `selkie status`: the same facts; the latter also asks the chain and lists what is
 * at work. */
#include "app/info.h"
#include "app/service.h"

#include "base/mem.h"
#include "codec/json.h"

#include <stdio.h>

static slk_err show(slk_node *node, const slk_options *options, bool whole, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *info = NULL;
    SLK_TRY(slk_info_gather(&info, node, whole, error));
    if (options->json) {
        (void)json_dumpf(info, stdout, JSON_COMPACT);
        (void)printf("\n");
    } else {
        slk_info_print(info, slk_options_flag(options, "color"), whole);
    }
    return SLK_OK;
}

static slk_err info(slk_node *node, const slk_options *options, slk_error *error)
{
    return show(node, options, false, error);
}

static slk_err status(slk_node *node, const slk_options *options, slk_error *error)
{
    return show(node, options, true, error);
}

static const slk_option show_options[] = {
    SLK_OPTION_REPO,
    {.name = "color", .type = SLK_OPTION_FLAG, .help = "in colour also when this is no terminal"},
    {.name = NULL},
};

const slk_command slk_commands_info[] = {
    {.name = "info",
     .help = "Show what matters first: failures, the node, sectors, partners, workers, disks.",
     .example = "selkie info --repo ~/.selkie",
     .options = show_options,
     .run = slk_service_view,
     .action = info},
    {.name = "status",
     .help = "Show the same, ask the chain, and list the work that runs with its progress.",
     .example = "selkie status --repo ~/.selkie --json",
     .options = show_options,
     .run = slk_service_view,
     .action = status},
    {.name = NULL},
};
