/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie node list, selkie fsck. */
#include "app/service.h"

#include "base/mem.h"
#include "codec/json.h"
#include "seal/fsck.h"
#include "seal/view.h"

#include <stdio.h>

static slk_err print_json(const slk_buf *text)
{
    (void)printf("%s\n", slk_buf_str(text));
    return SLK_OK;
}

static slk_err node_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_nodes(&text, node->seal, error));
    if (options->json)
        return print_json(&text);
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_json(&list, &text, error));
    const int64_t now_ms = slk_seal_now(node->seal);
    (void)printf("%-24s %-9s %-8s %8s  %-28s %s\n", "node", "roles", "", "seen", "url", "runs");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        (void)printf("%-24s %-9s %-8s %6llds  %-28s", slk_service_text(row, "name"),
                     slk_service_text(row, "roles"), slk_service_bool(row, "alive") ? "alive" : "-",
                     (long long)((now_ms - slk_service_number(row, "seen_ms")) / 1000),
                     slk_service_text(row, "url"));
        const json_t *runs = json_object_get(row, "runs");
        for (size_t k = 0; k < json_array_size(runs); k++) {
            const json_t *run = json_array_get(runs, k);
            (void)printf("%s %s f0%lld/%lld", k ? "," : " ", slk_service_text(run, "step"),
                         (long long)slk_service_number(run, "sp_id"),
                         (long long)slk_service_number(run, "number"));
        }
        (void)printf("\n");
    }
    return SLK_OK;
}

static void print_finding(const json_t *finding)
{
    const int64_t number = slk_service_number(finding, "number");
    (void)printf("%s: %s", slk_service_text(finding, "promise"),
                 slk_service_text(finding, "miner"));
    if (number >= 0)
        (void)printf("/%lld", (long long)number);
    const char *detail = slk_service_text(finding, "detail");
    (void)printf("%s%s\n    %s\n", *detail ? " " : "", detail, slk_service_text(finding, "mend"));
}

static slk_err fsck(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    uint64_t findings = 0;
    SLK_TRY(slk_fsck(&text, &findings, node->seal, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    SLK_TRY(slk_service_json(&answer, &text, error));
    if (options->json) {
        SLK_TRY(print_json(&text));
    } else {
        const json_t *list = json_object_get(answer, "findings");
        for (size_t i = 0; i < json_array_size(list); i++)
            print_finding(json_array_get(list, i));
        (void)printf("looked at: sectors %lld, files of theirs %lld%s\n",
                     (long long)slk_service_number(answer, "sectors"),
                     (long long)slk_service_number(answer, "files"),
                     findings == 0 ? "; all is as it must be" : "");
    }
    if (findings > 0)
        return slk_fail(error, SLK_E_CORRUPT, "%llu promises are broken",
                        (unsigned long long)findings);
    return SLK_OK;
}

static const slk_option repo_options[] = {SLK_OPTION_REPO, {.name = NULL}};

const slk_command slk_commands_cluster[] = {
    {.name = "node list",
     .help =
         "Show the nodes of this database: roles, when they were last seen, where, what they run.",
     .example = "selkie node list --json",
     .options = repo_options,
     .run = slk_service_run,
     .action = node_list},
    {.name = "fsck",
     .help = "Check that the database agrees with itself and with the files that are here; changes "
             "nothing, exit status 1 when a promise is broken.",
     .example = "selkie fsck --json",
     .options = repo_options,
     .run = slk_service_run,
     .action = fsck},
    {.name = NULL},
};
