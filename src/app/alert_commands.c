/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie alerts …`: what somebody should look at, and whether those who should know are told. */
#include "app/alerting.h"
#include "app/service.h"

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "monitor/alerts.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- list ---- */

static void print_alert(const json_t *row)
{
    char when[64];
    slk_clock_format(when, sizeof when, slk_service_number(row, "raised_ms"));
    const bool over = slk_service_number(row, "cleared_ms") != 0;
    const bool acked = slk_service_number(row, "acked_ms") != 0;
    (void)printf("%-8s  %-20s  %s\n          since %s%s%s\n          %s\n",
                 over ? "cleared" : slk_service_text(row, "severity"),
                 slk_service_text(row, "rule"), slk_service_text(row, "subject"), when,
                 acked ? ", acknowledged by " : "", acked ? slk_service_text(row, "acked_by") : "",
                 slk_service_text(row, "summary"));
    if (!over)
        (void)printf("          -> %s\n", slk_service_text(row, "next"));
}

static slk_err list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *alerts = NULL;
    SLK_TRY(slk_alerts_list(&alerts, node->db, slk_options_flag(options, "all"), error));
    if (options->json) {
        (void)json_dumpf(alerts, stdout, JSON_COMPACT);
        (void)printf("\n");
        return SLK_OK;
    }
    if (json_array_size(alerts) == 0)
        (void)printf("no alerts\n");
    for (size_t i = 0; i < json_array_size(alerts); i++)
        print_alert(json_array_get(alerts, i));
    return SLK_OK;
}

/* ---- ack ---- */

static slk_err ack(slk_node *node, const slk_options *options, slk_error *error)
{
    const char *rule = options->n_args > 0 ? options->args[0] : NULL;
    const char *subject = options->n_args > 1 ? options->args[1] : NULL;
    const bool all = slk_options_flag(options, "all");
    if (!rule && !all)
        return slk_fail(error, SLK_E_INVAL, "say which: RULE, RULE SUBJECT, or --all");
    if (slk_service_dry(options, "the alerts would be acknowledged"))
        return SLK_OK;
    uint64_t n = 0;
    const char *by = slk_options_text(options, "by");
    SLK_TRY(slk_alerts_ack(&n, node->db, rule, subject, by ? by : "operator",
                           slk_seal_now(node->seal), error));
    if (options->json)
        (void)printf("{\"acknowledged\":%" PRIu64 "}\n", n);
    else
        (void)printf("%" PRIu64 " acknowledged\n", n);
    return SLK_OK;
}

/* ---- test ---- */

/* Sends one test message; the answer into report. False when it did not arrive. */
static bool test_one(json_t *report, slk_delivery *delivery, slk_receiver_kind kind,
                     const char *node)
{
    slk_error why = {0};
    const slk_err code = slk_delivery_test(delivery, kind, node, slk_clock_wall_ms(), &why);
    json_t *one = code == SLK_OK ? json_pack("{s:b}", "delivered", 1)
                                 : json_pack("{s:b,s:s}", "delivered", 0, "problem",
                                             slk_error_text(&why, code));
    (void)json_object_set_new(report, slk_receiver_name(kind), one);
    return code == SLK_OK;
}

static void print_report(json_t *report)
{
    const char *name;
    json_t *one;
    json_object_foreach(report, name, one)(void)
        printf("%-13s %s\n", name,
               slk_service_bool(one, "delivered") ? "arrived" : slk_service_text(one, "problem"));
}

static slk_err test(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_delivery_freep) slk_delivery *delivery = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *report = json_object();
    SLK_TRY(slk_alerting_delivery(&delivery, &node->repo.config, error));
    size_t configured = 0, arrived = 0;
    for (unsigned i = 0; i < SLK_RECEIVER_COUNT; i++) {
        const slk_receiver_kind kind = (slk_receiver_kind)i;
        if (!slk_delivery_has(delivery, kind))
            continue;
        configured++;
        if (!slk_options_flag(options, "dry-run"))
            arrived += test_one(report, delivery, kind, node->repo.name) ? 1 : 0;
    }
    if (configured == 0)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "nobody is told of alerts: configure a receiver in [Alerting.Webhook], "
                        "[Alerting.PrometheusAlertManager] or [Alerting.SlackWebhook]");
    if (slk_service_dry(options, "every receiver would be sent a test message"))
        return SLK_OK;
    if (arrived < configured && !options->json)
        print_report(report);
    if (arrived < configured)
        return slk_fail(error, SLK_E_UNREACHABLE, "%zu of %zu receivers took the test message",
                        arrived, configured);
    if (options->json) {
        (void)json_dumpf(report, stdout, JSON_COMPACT);
        (void)printf("\n");
    } else {
        print_report(report);
    }
    return SLK_OK;
}

/* ---- the table ---- */

static const slk_option list_options[] = {
    SLK_OPTION_REPO,
    {.name = "all", .type = SLK_OPTION_FLAG, .help = "cleared ones of the last 30 days, too"},
    {.name = NULL},
};
static const slk_option ack_options[] = {
    SLK_OPTION_REPO,
    {.name = "all", .type = SLK_OPTION_FLAG, .help = "every active alert"},
    {.name = "by",
     .type = SLK_OPTION_TEXT,
     .env = "USER",
     .value = "NAME",
     .help = "who takes it on"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option test_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};

const slk_command slk_commands_alerts[] = {
    {.name = "alerts list",
     .help = "Shows what somebody should look at now, worst first, with the next step.",
     .example = "selkie alerts list --all --repo ~/.selkie",
     .options = list_options,
     .run = slk_service_run,
     .action = list},
    {.name = "log alerts",
     .help = "The same as `alerts list`.",
     .example = "selkie log alerts --repo ~/.selkie",
     .options = list_options,
     .run = slk_service_run,
     .action = list},
    {.name = "alerts ack",
     .args = "[RULE [SUBJECT]]",
     .args_max = 2,
     .help = "Acknowledges alerts: they stay until their cause is gone, but are not repeated.",
     .example = "selkie alerts ack lease-ending f01000/7 --repo ~/.selkie",
     .options = ack_options,
     .run = slk_service_run,
     .action = ack},
    {.name = "alerts test",
     .help = "Sends a test message to every receiver configured in [Alerting].",
     .example = "selkie alerts test --repo ~/.selkie",
     .options = test_options,
     .run = slk_service_run,
     .action = test},
    {.name = NULL},
};
