/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie clock` and `selkie clock accept`: which time the node goes by, and a person's word for the
 * machine's clock where nothing else confirms it. */
#include "app/service.h"

#include "seal/times.h"

#include <inttypes.h>
#include <stdio.h>

static slk_err show(slk_node *node, const slk_options *options, slk_error *error)
{
    (void)error;
    slk_time_view view;
    char text[SLK_TIME_TEXT_CHARS];
    slk_time_view_get(&view, node->seal);
    slk_time_describe(text, &view);
    if (options->json)
        (void)printf("{\"state\":\"%s\",\"now_ms\":%" PRId64 ",\"wall_ms\":%" PRId64 "}\n",
                     slk_time_doubt_name(view.doubt), view.believed_ms, view.wall_ms);
    else
        (void)printf("%s\n%s", text,
                     view.doubt == SLK_TIME_BELIEVED ? "" : "-> " SLK_TIME_ADVICE "\n");
    return SLK_OK;
}

static slk_err accept_clock(slk_node *node, const slk_options *options, slk_error *error)
{
    const bool dry = slk_options_flag(options, "dry-run");
    int64_t jump_ms = 0;
    SLK_TRY(slk_time_accept(&jump_ms, node->seal, dry, error));
    if (options->json) {
        (void)printf("{\"%s\":true,\"jump_ms\":%" PRId64 "}\n", dry ? "dry_run" : "done", jump_ms);
        return SLK_OK;
    }
    (void)printf("%s %" PRId64 " h %s; leases keep what is left of them%s\n",
                 dry ? "dry run: time would go" : "time goes",
                 (jump_ms < 0 ? -jump_ms : jump_ms) / 3600000, jump_ms < 0 ? "back" : "ahead",
                 dry ? "; nothing was changed" : "");
    return SLK_OK;
}

static const slk_option show_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option accept_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};

const slk_command slk_commands_clock[] = {
    {.name = "clock",
     .help = "Show whether the machine's clock is believed, and which time the node goes by.",
     .example = "selkie clock --repo ~/.selkie",
     .options = show_options,
     .run = slk_service_view,
     .action = show},
    {.name = "clock accept",
     .help = "Say that the machine's clock is right, where the node doubts it and nothing confirms "
             "it.",
     .example = "selkie clock accept --dry-run",
     .options = accept_options,
     .run = slk_service_run,
     .action = accept_clock},
    {.name = NULL},
};
