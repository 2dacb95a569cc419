/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie message list`: what was sent to the chain, what it carries, what became of it. */
#include "app/amount.h"
#include "app/service.h"
#include "base/mem.h"
#include "codec/json.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>

static void print_message(const json_t *m)
{
    char value[SLK_FIL_CHARS], fee[SLK_FIL_CHARS], what[64], landed[48] = "";
    slk_fil_format(value, slk_service_text(m, "value"));
    slk_fil_format(fee, slk_service_text(m, "max_fee"));
    (void)snprintf(what, sizeof what, "%s of %" PRId64, slk_service_text(m, "kind"),
                   slk_service_number(m, "sectors"));
    if (json_is_integer(json_object_get(m, "landed_height")))
        (void)snprintf(landed, sizeof landed, " in %" PRId64 ", exit %" PRId64,
                       slk_service_number(m, "landed_height"), slk_service_number(m, "exit_code"));
    (void)printf("f0%-10" PRId64 " %-18s %-9s%s\n", slk_service_number(m, "sp_id"), what,
                 slk_service_text(m, "state"), landed);
    (void)printf("  carries %s, gas at most %s\n", *value ? value : "(not known yet)",
                 *fee ? fee : "(not known yet)");
    if (*slk_service_text(m, "cid"))
        (void)printf("  %s\n", slk_service_text(m, "cid"));
}

static slk_err list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(slk_json_decrefp) json_t *messages = NULL;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_messages(&text, node->seal, slk_options_u64(options, "limit"), error));
    if (options->json) {
        (void)printf("%s\n", slk_buf_str(&text));
        return SLK_OK;
    }
    SLK_TRY(slk_service_json(&messages, &text, error));
    if (json_array_size(messages) == 0)
        (void)printf("no messages\n");
    for (size_t i = 0; i < json_array_size(messages); i++)
        print_message(json_array_get(messages, i));
    return SLK_OK;
}

static const slk_option list_options[] = {
    SLK_OPTION_REPO,
    {.name = "limit", .type = SLK_OPTION_U64, .fallback = "50", .help = "at most so many"},
    {.name = NULL},
};

const slk_command slk_commands_messages[] = {
    {.name = "message list",
     .help = "Show the messages to the chain, newest first: sectors, deposits and pledges, gas.",
     .example = "selkie message list --limit 10",
     .options = list_options,
     .run = slk_service_run,
     .action = list},
    {.name = NULL},
};
