/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/sector_show.h"

#include "app/amount.h"
#include "app/sector_find.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void slk_sector_format_ms(char *out, size_t size, int64_t ms)
{
    const int64_t s = ms < 0 ? 0 : ms / 1000;
    if (s < 120)
        (void)snprintf(out, size, "%" PRId64 " s", s);
    else if (s < 7200)
        (void)snprintf(out, size, "%" PRId64 " min", s / 60);
    else if (s < 172800)
        (void)snprintf(out, size, "%" PRId64 " h %" PRId64 " min", s / 3600, s % 3600 / 60);
    else
        (void)snprintf(out, size, "%" PRId64 " d %" PRId64 " h", s / 86400, s % 86400 / 3600);
}

/* ---- list ---- */

slk_err slk_sector_list(slk_node *node, const slk_options *options, slk_error *error)
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
                     "NEXT");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        char sector[48];
        (void)snprintf(sector, sizeof sector, "f0%" PRId64 "/%" PRId64,
                       slk_service_number(row, "sp_id"), slk_service_number(row, "number"));
        const bool failed = slk_service_bool(row, "failed");
        (void)printf("%-9s %-22s %5" PRId64 " %-15s %-20s %s%s\n", slk_service_text(row, "role"),
                     sector, slk_service_number(row, "seal_proof"), slk_service_text(row, "state"),
                     slk_service_text(row, "peer"), failed ? "FAILED " : "",
                     slk_service_text(row, failed ? "message" : "next"));
    }
    return SLK_OK;
}

/* ---- show ---- */

static void print_field(const char *name, const char *value)
{
    if (*value)
        (void)printf("  %-12s %s\n", name, value);
}

static void print_amount(const char *name, const json_t *row, const char *field)
{
    char text[SLK_FIL_CHARS];
    slk_fil_format(text, slk_service_text(row, field));
    print_field(name, text);
}

static void print_epoch(const char *name, const json_t *row, const char *field)
{
    if (json_is_integer(json_object_get(row, field)))
        (void)printf("  %-12s epoch %" PRId64 "\n", name, slk_service_number(row, field));
}

static void print_task(const json_t *row)
{
    const json_t *task = json_object_get(row, "task");
    const int64_t total = slk_service_number(task, "total");
    const int64_t in_ms = slk_service_number(task, "not_before_ms") - slk_clock_wall_ms();
    char text[160] = "", eta[32];
    if (!json_is_object(task))
        return;
    int n = snprintf(text, sizeof text, "%s", slk_service_text(task, "step"));
    if (slk_service_bool(task, "running"))
        n += snprintf(text + n, sizeof text - (size_t)n, " on %.60s, %.30s",
                      slk_service_text(task, "owner"), slk_service_text(task, "stage"));
    if (total > 0)
        n += snprintf(text + n, sizeof text - (size_t)n, " %" PRId64 "%%",
                      (int64_t)((double)slk_service_number(task, "done") * 100 / (double)total));
    slk_sector_format_ms(eta, sizeof eta, slk_service_number(task, "eta_ms"));
    if (json_is_integer(json_object_get(task, "eta_ms")))
        (void)snprintf(text + n, sizeof text - (size_t)n, ", %s left", eta);
    slk_sector_format_ms(eta, sizeof eta, in_ms);
    if (!slk_service_bool(task, "running") && in_ms > 0)
        (void)snprintf(text + n, sizeof text - (size_t)n, ", in %s", eta);
    print_field("task", text);
    print_field("because", slk_service_text(task, "last_error"));
}

static void print_role(const json_t *row)
{
    char text[96], since[32];
    const bool failed = slk_service_bool(row, "failed");
    slk_sector_format_ms(since, sizeof since,
                         slk_clock_wall_ms() - slk_service_number(row, "since_ms"));
    (void)printf("sector f0%" PRId64 "/%" PRId64 " (%s)\n", slk_service_number(row, "sp_id"),
                 slk_service_number(row, "number"), slk_service_text(row, "role"));
    (void)snprintf(text, sizeof text, "%s%s, for %s", slk_service_text(row, "state"),
                   failed ? ", FAILED" : "", since);
    print_field("state", text);
    print_field("reason", slk_service_text(row, "reason"));
    print_field("message", slk_service_text(row, "message"));
    print_field("next", slk_service_text(row, "next"));
    print_task(row);
    (void)snprintf(text, sizeof text, "%" PRId64, slk_service_number(row, "seal_proof"));
    print_field("seal proof", text);
    print_field("peer", slk_service_text(row, "peer"));
    print_epoch("ticket", row, "ticket_epoch");
    print_field("CommD", slk_service_text(row, "comm_d"));
    print_field("CommR", slk_service_text(row, "comm_r"));
    print_field("pre-commit", slk_service_text(row, "precommit_cid"));
    print_amount("deposit", row, "deposit");
    print_epoch("landed", row, "precommit_epoch");
    print_epoch("seed", row, "seed_epoch");
    print_field("commit", slk_service_text(row, "commit_cid"));
    print_amount("pledge", row, "pledge");
}

static void print_placements(const json_t *list)
{
    if (json_array_size(list) == 0)
        return;
    (void)printf("providers\n");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        char took[32] = "";
        if (json_is_integer(json_object_get(p, "sealed_ms")))
            slk_sector_format_ms(took, sizeof took,
                                 slk_service_number(p, "sealed_ms") -
                                     slk_service_number(p, "ordered_ms"));
        const char *outcome = slk_service_text(p, "outcome");
        (void)printf("  %-20s %-10s %s%s%s%s%s\n", slk_service_text(p, "provider"),
                     *outcome ? outcome : "under way", *took ? "sealed in " : "", took,
                     *slk_service_text(p, "detail") ? "  " : "", slk_service_text(p, "detail"),
                     slk_service_bool(p, "release_owed") ? "  (not yet told to clean up)" : "");
    }
}

static void print_timeline(const json_t *list)
{
    (void)printf("timeline\n  %-24s %-13s %-8s %-34s %-24s %s\n", "AT", "FOR", "ROLE", "STATE",
                 "WHO", "WHY");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *event = json_array_get(list, i);
        char at[32], lasted[32] = "", state[64], who[128];
        slk_clock_format(at, sizeof at, slk_service_number(event, "at_ms"));
        if (json_is_integer(json_object_get(event, "lasted_ms")))
            slk_sector_format_ms(lasted, sizeof lasted, slk_service_number(event, "lasted_ms"));
        const char *from = slk_service_text(event, "from"), *to = slk_service_text(event, "to");
        const char *name = slk_service_text(event, "event");
        if (*to && strcmp(from, to) != 0)
            (void)snprintf(state, sizeof state, "%s -> %s", from, to);
        else
            (void)snprintf(state, sizeof state, "%s%s%s", to, *to ? ": " : "", name);
        (void)snprintf(who, sizeof who, "%.60s@%.60s", slk_service_text(event, "actor"),
                       slk_service_text(event, "node"));
        (void)printf("  %-24s %-13s %-8s %-34s %-24s %s\n", at, lasted,
                     slk_service_text(event, "role"), state, who,
                     slk_service_text(event, "detail"));
    }
}

slk_err slk_sector_show(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id, number;
    SLK_TRY(slk_sector_find(&sp_id, &number, node, options, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *sector = NULL;
    SLK_TRY(slk_sector_view(&sector, node, sp_id, number, error));
    if (options->json) {
        (void)json_dumpf(sector, stdout, JSON_COMPACT);
        (void)printf("\n");
        return SLK_OK;
    }
    const json_t *roles = json_object_get(sector, "roles");
    for (size_t i = 0; i < json_array_size(roles); i++)
        print_role(json_array_get(roles, i));
    print_placements(json_object_get(sector, "placements"));
    print_timeline(json_object_get(sector, "timeline"));
    return SLK_OK;
}
