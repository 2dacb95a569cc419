/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The end of `selkie demo`: what was made, how long it took, where it is. */
#include "app/demo_impl.h"
#include "app/service.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"
#include "seal/client.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MAX_BYTES ((size_t)64 << 20)

/* ---- views ---- */

static slk_err view(json_t **ret, slk_seal *seal, uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_sector(&text, seal, SLK_DEMO_MINER, number, error));
    return slk_service_json(ret, &text, error);
}

/* ---- the timeline of both sides ---- */

static int64_t first_event_ms(const json_t *sector)
{
    return slk_service_number(json_array_get(json_object_get(sector, "timeline"), 0), "at_ms");
}

static void print_event(const json_t *event, int64_t from_ms, int64_t before_ms)
{
    const int64_t at = slk_service_number(event, "at_ms");
    (void)printf("    %8.2f s  +%-7.2f %-8s %s -> %s\n", (double)(at - from_ms) / 1000,
                 (double)(at - before_ms) / 1000, slk_service_text(event, "role"),
                 slk_service_text(event, "from"), slk_service_text(event, "to"));
}

/* Merges the changes of state of both sides by time. */
static void print_timeline(const json_t *client, const json_t *provider)
{
    const json_t *lists[] = {json_object_get(client, "timeline"),
                             json_object_get(provider, "timeline")};
    const int64_t from = first_event_ms(client);
    size_t at[2] = {0, 0};
    int64_t before = from;
    (void)printf("  times (from the order; the share of each step)\n");
    while (at[0] < json_array_size(lists[0]) || at[1] < json_array_size(lists[1])) {
        const json_t *a = json_array_get(lists[0], at[0]);
        const json_t *b = json_array_get(lists[1], at[1]);
        const bool first =
            a && (!b || slk_service_number(a, "at_ms") <= slk_service_number(b, "at_ms"));
        const json_t *event = first ? a : b;
        at[first ? 0 : 1]++;
        const char *to = slk_service_text(event, "to");
        if (!*to || strcmp(to, slk_service_text(event, "from")) == 0)
            continue;
        print_event(event, from, before);
        before = slk_service_number(event, "at_ms");
    }
}

/* ---- what the stages took, from the nodes' logs ---- */

/* The value of key=… in a log line, into out; false when it is not there. */
static bool log_value(char *out, size_t size, const char *line, const char *key)
{
    char pattern[48];
    (void)snprintf(pattern, sizeof pattern, " %s=", key);
    const char *at = strstr(line, pattern);
    if (!at)
        return false;
    at += strlen(pattern);
    (void)snprintf(out, size, "%.*s", (int)strcspn(at, " \n"), at);
    return true;
}

static void print_stage(const char *line, const char *sector, const char *side)
{
    char value[4][64];
    static const char *const keys[] = {"sector", "stage", "seconds", "peak_memory_bytes"};
    for (unsigned i = 0; i < 4; i++)
        if (!log_value(value[i], sizeof value[i], line, keys[i]))
            return;
    if (strcmp(value[0], sector) == 0)
        (void)printf("    %-8s %-8s %9s s  %8.1f MiB\n", side, value[1], value[2],
                     strtod(value[3], NULL) / (1 << 20));
}

static void print_stages(const slk_demo *demo, const char *sector)
{
    (void)printf("  stages (computing time, peak anonymous memory of the process)\n");
    for (unsigned i = SLK_DEMO_PROVIDER; i <= SLK_DEMO_CLIENT; i++) {
        SLK_CLEANUP(slk_buf_done) slk_buf text;
        slk_buf_init(&text, LOG_MAX_BYTES);
        if (slk_file_read_all(&text, demo->logs[i], NULL) != SLK_OK)
            continue;
        char *rest = NULL;
        for (char *line = strtok_r((char *)text.data, "\n", &rest); line;
             line = strtok_r(NULL, "\n", &rest))
            if (strstr(line, " stage.done "))
                print_stage(line, sector, demo->children[i].name);
    }
}

/* ---- one sector ---- */

static slk_err print_sector(const slk_demo *demo, uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *client = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *provider = NULL;
    SLK_CLEANUP(slk_freep) char *sealed = NULL;
    SLK_CLEANUP(slk_freep) char *cache = NULL;
    SLK_TRY(view(&client, demo->client->seal, number, error));
    SLK_TRY(view(&provider, demo->provider->seal, number, error));
    SLK_TRY(slk_client_paths(&sealed, &cache, demo->client->seal, SLK_DEMO_MINER, number, error));
    const json_t *row = json_array_get(json_object_get(client, "roles"), 0);
    char name[48];
    (void)snprintf(name, sizeof name, "f0%u/%" PRIu64, SLK_DEMO_MINER, number);
    (void)printf("\nsector %s is %s\n"
                 "  CommD        %s\n  CommR        %s\n"
                 "  pre-commit   %s\n  prove-commit %s\n"
                 "  sealed file  %s\n  cache        %s\n",
                 name, slk_service_text(row, "state"), slk_service_text(row, "comm_d"),
                 slk_service_text(row, "comm_r"), slk_service_text(row, "precommit_cid"),
                 slk_service_text(row, "commit_cid"), sealed, cache);
    print_timeline(client, provider);
    print_stages(demo, name);
    return SLK_OK;
}

static void print_end(const slk_demo *demo)
{
    const char *client = demo->folders[SLK_DEMO_CLIENT];
    const char *provider = demo->folders[SLK_DEMO_PROVIDER];
    unsigned killed = 0;
    for (unsigned i = 0; i < SLK_DEMO_CHILDREN; i++)
        killed += demo->children[i].killed;
    if (killed > 0)
        (void)printf("\n%u times a process was killed and started again.\n", killed);
    (void)printf("\nThe demo is over, and its processes have ended. What they made is in\n  %s\n"
                 "(folders devnet, provider and client, the logs beside them). Try next:\n"
                 "  selkie sector list --repo %s\n"
                 "  selkie sector show %" PRIu64 " --repo %s\n"
                 "  selkie partner list --repo %s\n"
                 "  selkie demo --size 8MiB\n"
                 "and workers for that provider: docs/trying-workers.md\n",
                 demo->folder, client, demo->numbers[0], client, provider);
}

/* ---- JSON ---- */

static slk_err print_json(const slk_demo *demo, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *sectors = json_array();
    if (!sectors)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    for (size_t i = 0; i < demo->n_sectors; i++) {
        json_t *client = NULL;
        json_t *provider = NULL;
        SLK_TRY(view(&client, demo->client->seal, demo->numbers[i], error));
        const slk_err code = view(&provider, demo->provider->seal, demo->numbers[i], error);
        json_t *both = json_pack("{s:o,s:o?}", "client", client, "provider", provider);
        if (json_array_append_new(sectors, both) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(code);
    }
    SLK_CLEANUP(slk_json_decrefp)
    json_t *all = json_pack("{s:s,s:O}", "folder", demo->folder, "sectors", sectors);
    if (!all || json_dumpf(all, stdout, JSON_COMPACT) != 0)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    (void)printf("\n");
    return SLK_OK;
}

slk_err slk_demo_report(const slk_demo *demo, bool json, slk_error *error)
{
    if (json)
        return print_json(demo, error);
    for (size_t i = 0; i < demo->n_sectors; i++)
        SLK_TRY(print_sector(demo, demo->numbers[i], error));
    print_end(demo);
    return SLK_OK;
}
