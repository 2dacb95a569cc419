/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie demo`: the whole way of a sector on one machine, in three processes. */
#include "app/demo_impl.h"
#include "app/service.h"
#include "app/signals.h"
#include "app/watch.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/client.h"
#include "remote/connect.h"
#include "seal/client.h"
#include "seal/provider.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 500
#define START_MS 60000
#define CLEAN_MS 30000 /* to wait for the provider's clean-up once all sectors are proving */
#define STOP_MS 20000
#define PARTNER "demo"

static slk_err check_stop(slk_error *error)
{
    return slk_signals_came() ? slk_fail(error, SLK_E_CANCELED, "stopped") : SLK_OK;
}

static slk_err check_children(slk_demo *demo, slk_error *error)
{
    SLK_TRY(check_stop(error));
    for (unsigned i = 0; i < SLK_DEMO_CHILDREN; i++)
        SLK_TRY(slk_child_check(&demo->children[i], error));
    return SLK_OK;
}

/* ---- starting ---- */

static bool answers(slk_http_client *client, const char *scheme, uint16_t port)
{
    char url[64];
    (void)snprintf(url, sizeof url, "%s://127.0.0.1:%u/health/livez", scheme, (unsigned)port);
    const slk_http_request request = {.url = url, .total_timeout_ms = 2000};
    slk_http_response response = {0};
    const bool good =
        slk_http_call(client, &request, &response, NULL) == SLK_OK && response.status == 200;
    slk_http_response_done(&response);
    return good;
}

static slk_err wait_until_up(slk_demo *demo, unsigned which, slk_http_client *client,
                             slk_error *error)
{
    const int64_t until = slk_clock_monotonic_ms() + START_MS;
    while (!answers(client, which == SLK_DEMO_DEVNET ? "http" : "https", demo->ports[which])) {
        SLK_TRY(slk_child_check(&demo->children[which], error));
        SLK_TRY(check_stop(error));
        if (slk_clock_monotonic_ms() > until)
            return slk_fail(error, SLK_E_TIMEOUT, "%s does not answer; its log is %s",
                            demo->children[which].name, demo->logs[which]);
        slk_clock_sleep_ms(50);
    }
    return SLK_OK;
}

static slk_err start_children(slk_demo *demo, slk_error *error)
{
    slk_http_client *client = NULL;
    const slk_http_client_options options = {.allow_plain_http = true, .ca_file = demo->trusted};
    SLK_TRY(slk_http_client_new(&client, &options, error));
    slk_err code = SLK_OK;
    for (unsigned i = 0; i < SLK_DEMO_CHILDREN && code == SLK_OK; i++) {
        code = slk_child_start(&demo->children[i], error);
        if (code == SLK_OK)
            code = wait_until_up(demo, i, client, error);
        if (code == SLK_OK)
            slk_demo_say(demo, "%-9s process %-7d %s://127.0.0.1:%u\n", demo->children[i].name,
                         (int)demo->children[i].pid, i == SLK_DEMO_DEVNET ? "http" : "https",
                         (unsigned)demo->ports[i]);
    }
    if (code == SLK_OK)
        slk_demo_say(demo, "folders and logs in %s\n", demo->folder);
    slk_http_client_free(client);
    return code;
}

/* ---- making the two know each other, and ordering ---- */

static slk_err open_nodes(slk_demo *demo, slk_error *error)
{
    slk_node_options options = {.folder = demo->folders[SLK_DEMO_PROVIDER], .tool = true};
    SLK_TRY(slk_node_open(&demo->provider, &options, error));
    options.folder = demo->folders[SLK_DEMO_CLIENT];
    return slk_node_open(&demo->client, &options, error);
}

static slk_err introduce(slk_demo *demo, slk_error *error)
{
    int64_t id = 0;
    if (slk_partner_find(&id, demo->provider->seal, PARTNER, NULL) == SLK_OK)
        return SLK_OK; /* by an earlier demo */
    SLK_CLEANUP(slk_freep) char *provider_url = NULL;
    SLK_CLEANUP(slk_freep) char *client_url = NULL;
    SLK_TRY(slk_repo_url(&provider_url, &demo->provider->repo, error));
    SLK_TRY(slk_repo_url(&client_url, &demo->client->repo, error));
    char token[SLK_TOKEN_CHARS];
    const slk_partner_terms terms = {
        .url = client_url, .allowance_remaining = 1000000, .allowance_total = 1000000};
    SLK_TRY(slk_partner_add(&id, token, demo->provider->seal, PARTNER, &terms, error));
    const slk_err code = slk_client_provider_add(&id, demo->client->seal, SLK_DEMO_MINER,
                                                 provider_url, token, "demo provider", error);
    slk_bytes_wipe(token, sizeof token);
    slk_demo_say(demo, "client of miner f0%u is the provider's partner \"%s\"\n", SLK_DEMO_MINER,
                 PARTNER);
    return code;
}

static slk_err order(slk_demo *demo, slk_error *error)
{
    const int64_t until = slk_clock_monotonic_ms() + START_MS;
    for (size_t i = 0; i < demo->n_sectors;) {
        const slk_err code = slk_client_order(&demo->numbers[i], demo->client->seal, SLK_DEMO_MINER,
                                              demo->seal_proof, 0, error);
        if (code == SLK_OK) {
            slk_demo_say(demo, "sector f0%u/%" PRIu64 " ordered, %s\n", SLK_DEMO_MINER,
                         demo->numbers[i], demo->shape->name);
            i++;
            continue;
        }
        if ((code != SLK_E_UNREACHABLE && code != SLK_E_TIMEOUT) ||
            slk_clock_monotonic_ms() > until)
            return code;
        SLK_TRY(check_children(demo, error)); /* the devnet was killed just now */
        slk_clock_sleep_ms(LOOK_MS);
    }
    return SLK_OK;
}

/* ---- watching ---- */

static slk_err failed_sectors(const slk_demo *demo, const slk_watch_counts *counts,
                              slk_error *error)
{
    return slk_fail(error, SLK_E_CONFLICT,
                    "%zu sectors failed (see above, or `selkie sector list --repo %s` and --repo "
                    "%s)",
                    counts[0].failed + counts[1].failed, demo->folders[SLK_DEMO_CLIENT],
                    demo->folders[SLK_DEMO_PROVIDER]);
}

static slk_err follow(slk_demo *demo, int64_t timeout_ms, slk_error *error)
{
    SLK_CLEANUP(slk_watch_freep) slk_watch *watch = NULL;
    SLK_TRY(slk_watch_new(&watch, demo->quiet, error));
    slk_seal *const seals[] = {demo->client->seal, demo->provider->seal};
    int64_t until = slk_clock_monotonic_ms() + timeout_ms;
    bool proving = false;
    for (;;) {
        slk_watch_counts counts[2];
        SLK_TRY(slk_watch_look(watch, counts, seals, 2, error));
        if (counts[0].failed + counts[1].failed > 0)
            return failed_sectors(demo, counts, error);
        const bool all = counts[0].done == counts[0].sectors;
        if (all && !proving)
            until = slk_clock_monotonic_ms() + CLEAN_MS;
        proving = all;
        if (proving && counts[1].done == counts[1].sectors)
            return SLK_OK;
        if (slk_clock_monotonic_ms() > until)
            return proving ? SLK_OK
                           : slk_fail(error, SLK_E_TIMEOUT, "not proving after %" PRId64 " s",
                                      timeout_ms / 1000);
        SLK_TRY(check_children(demo, error));
        slk_clock_sleep_ms(LOOK_MS);
    }
}

/* ---- the command ---- */

static slk_err fill(slk_demo *demo, const slk_options *options, slk_error *error)
{
    demo->quiet = options->json;
    demo->n_sectors = slk_options_u64(options, "count");
    if (demo->n_sectors == 0 || demo->n_sectors > SLK_DEMO_SECTORS_MAX)
        return slk_fail(error, SLK_E_INVAL, "--count wants 1 to %u", SLK_DEMO_SECTORS_MAX);
    demo->shape = slk_sector_shape_of(slk_options_u64(options, "size"));
    for (demo->seal_proof = 5; demo->seal_proof <= 7; demo->seal_proof++) {
        slk_seal_proof proof;
        SLK_TRY(slk_seal_proof_registered(&proof, demo->seal_proof, error));
        if (proof.shape == demo->shape)
            break;
    }
    if (!demo->shape || demo->seal_proof > 7)
        return slk_fail(error, SLK_E_INVAL, "--size wants 2KiB, 8MiB or 512MiB");
    const char *folder = slk_options_text(options, "dir");
    SLK_TRY(slk_folder_make(folder, 0700, error));
    char real[PATH_MAX];
    if (!realpath(folder, real))
        return slk_fail_errno(error, errno, "cannot use the folder %s", folder);
    demo->folder = slk_strdup(real);
    return demo->folder ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory for the demo");
}

static slk_err run_all(slk_demo *demo, const slk_options *options, slk_error *error)
{
    SLK_TRY(fill(demo, options, error));
    SLK_TRY(slk_demo_prepare(demo, error));
    SLK_TRY(start_children(demo, error));
    SLK_TRY(open_nodes(demo, error));
    SLK_TRY(introduce(demo, error));
    SLK_TRY(order(demo, error));
    SLK_TRY(follow(demo, (int64_t)slk_options_u64(options, "timeout"), error));
    slk_children_stop(demo->children, SLK_DEMO_CHILDREN, STOP_MS);
    return slk_demo_report(demo, options->json, error);
}

static int run_demo(const slk_command *command, const slk_options *options)
{
    slk_signals_block();
    slk_error error = {0};
    slk_demo demo = {0};
    const slk_err code = run_all(&demo, options, &error);
    slk_children_stop(demo.children, SLK_DEMO_CHILDREN, STOP_MS); /* of one that went wrong */
    slk_demo_done(&demo);
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
}

static const slk_option demo_options[] = {
    {.name = "size",
     .type = SLK_OPTION_SIZE,
     .fallback = "2KiB",
     .help = "sector size: 2KiB, 8MiB or 512MiB"},
    {.name = "count", .type = SLK_OPTION_U64, .fallback = "1", .help = "how many sectors"},
    {.name = "dir",
     .type = SLK_OPTION_TEXT,
     .value = "DIR",
     .fallback = "selkie-demo",
     .help = "folder for everything the demo makes; one of an earlier demo is used again"},
    {.name = "timeout",
     .type = SLK_OPTION_DURATION,
     .fallback = "4h",
     .help = "give up when the sectors are not proving after this"},
    {.name = NULL},
};

const slk_command slk_commands_demo[] = {
    {.name = "demo",
     .help = "Seal sectors from order to chain on this machine, with a devnet, a provider and a "
             "client.",
     .example = "selkie demo --size 8MiB --count 2",
     .options = demo_options,
     .run = run_demo},
    {.name = NULL},
};
