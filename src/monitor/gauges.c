/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/gauges.h"

#include "base/mem.h"

#include <stdbool.h>

#define LABELS_MAX 4

/* What $1 is. */
typedef enum gauge_asks {
    ASKS_NOTHING,
    ASKS_NOW,
    ASKS_LIVED, /* lived time, in which leases end */
} gauge_asks;

typedef struct gauge {
    const char *name;
    const char *help;
    slk_sql sql; /* labels, then the value; a value that is NULL is no sample */
    const char *labels[LABELS_MAX]; /* names, in the order of the columns */
    double unit; /* the value is multiplied by it */
    gauge_asks asks;
} gauge;

#define MINER(column) "'f0' || CAST(" column " AS TEXT)"
#define LIMIT " LIMIT 1000"

static const gauge gauges[] = {
    {"selkie_sectors",
     "Sectors of this node's database by role, state, miner and peer.",
     {"gauges.sectors",
      "SELECT 'provider', r.state, " MINER(
          "r.sp_id") ", p.partner_name, count(*)"
                     " FROM rseal_provider_pipeline r JOIN rseal_delegated_partners p ON p.id = "
                     "r.partner_id"
                     " GROUP BY r.state, r.sp_id, p.partner_name UNION ALL"
                     " SELECT 'client', c.state, " MINER(
                         "c.sp_id") ", coalesce(q.provider_name, ''), count(*)"
                                    " FROM rseal_client_pipeline c LEFT JOIN "
                                    "rseal_client_providers q ON q.id = c.provider_id"
                                    " GROUP BY c.state, c.sp_id, coalesce(q.provider_name, "
                                    "'')" LIMIT},
     {"role", "state", "miner", "peer"},
     1,
     ASKS_NOTHING},
    {"selkie_sectors_failed",
     "Sectors that stopped and need somebody, by role and reason.",
     {"gauges.failed", "SELECT 'provider', failed_reason, count(*) FROM rseal_provider_pipeline"
                       " WHERE failed = 1 AND after_cleanup = 0 GROUP BY failed_reason UNION ALL"
                       " SELECT 'client', failed_reason, count(*) FROM rseal_client_pipeline"
                       " WHERE failed = 1 AND after_cleanup = 0 GROUP BY failed_reason" LIMIT},
     {"role", "reason"},
     1,
     ASKS_NOTHING},
    {"selkie_tasks",
     "Tasks by class and step: running, ready (could run now) or waiting (for their time).",
     {"gauges.tasks", "SELECT class, kind, CASE WHEN owner IS NOT NULL THEN 'running'"
                      " WHEN not_before_ms > $1 THEN 'waiting' ELSE 'ready' END, count(*)"
                      " FROM task GROUP BY 1, 2, 3" LIMIT},
     {"class", "step", "state"},
     1,
     ASKS_NOW},
    {"selkie_task_progress_ratio",
     "How far running work is in its stage, all of one step and stage together.",
     {"gauges.progress",
      "SELECT kind, progress_stage, CAST(sum(progress_done) * 10000 / sum(progress_total) AS "
      "BIGINT)"
      " FROM task WHERE owner IS NOT NULL AND progress_stage IS NOT NULL AND progress_total > 0"
      " GROUP BY kind, progress_stage" LIMIT},
     {"step", "stage"},
     0.0001,
     ASKS_NOTHING},
    {"selkie_task_progress_rate",
     "Units of the stage done per second by running work since the stage began.",
     {"gauges.rate",
      "SELECT kind, progress_stage, CAST(sum(progress_done * 1000 / ($1 - stage_ms)) AS BIGINT)"
      " FROM task WHERE owner IS NOT NULL AND progress_stage IS NOT NULL AND stage_ms < $1"
      " GROUP BY kind, progress_stage" LIMIT},
     {"step", "stage"},
     1,
     ASKS_NOW},
    {"selkie_partner_allowance_remaining",
     "Sectors a partner may still order.",
     {"gauges.remaining", "SELECT partner_name, allowance_remaining FROM rseal_delegated_partners"
                          " ORDER BY id" LIMIT},
     {"partner"},
     1,
     ASKS_NOTHING},
    {"selkie_partner_allowance_limit",
     "Sectors and slots a partner may have here at once.",
     {"gauges.total", "SELECT partner_name, allowance_total FROM rseal_delegated_partners"
                      " ORDER BY id" LIMIT},
     {"partner"},
     1,
     ASKS_NOTHING},
    {"selkie_partner_sectors",
     "Sectors of a partner that are not cleaned up.",
     {"gauges.partner_sectors",
      "SELECT p.partner_name, count(r.partner_id) FROM rseal_delegated_partners p"
      " LEFT JOIN rseal_provider_pipeline r ON r.partner_id = p.id AND r.after_cleanup = 0"
      " GROUP BY p.partner_name" LIMIT},
     {"partner"},
     1,
     ASKS_NOTHING},
    {"selkie_partner_slots",
     "Places promised to a partner for the next seconds.",
     {"gauges.slots",
      "SELECT p.partner_name, count(s.partner_id) FROM rseal_delegated_partners p"
      " LEFT JOIN rseal_provider_slots s ON s.partner_id = p.id AND s.expires_ms > $1"
      " GROUP BY p.partner_name" LIMIT},
     {"partner"},
     1,
     ASKS_NOW},
    {"selkie_provider_enabled",
     "Whether a provider gets orders: 1, or 0 when it is paused or switched off.",
     {"gauges.providers", "SELECT CAST(id AS TEXT), provider_name, " MINER(
                              "sp_id") ", enabled FROM rseal_client_providers ORDER BY id" LIMIT},
     {"id", "provider", "miner"},
     1,
     ASKS_NOTHING},
    {"selkie_lease_soonest_seconds",
     "Time left of the sealed sector whose lease ends first.",
     {"gauges.soonest", "SELECT CAST(min(cleanup_timeout) - $1 AS BIGINT)"
                        " FROM rseal_provider_pipeline WHERE after_cleanup = 0 AND failed = 0"
                        " AND cleanup_requested = 0"},
     {NULL},
     0.001,
     ASKS_LIVED},
    {"selkie_leases_ending",
     "Sealed sectors whose lease ends within 12 hours.",
     {"gauges.ending", "SELECT count(*) FROM rseal_provider_pipeline WHERE after_cleanup = 0"
                       " AND failed = 0 AND cleanup_requested = 0"
                       " AND cleanup_timeout <= $1 + 43200000"},
     {NULL},
     1,
     ASKS_LIVED},
    {"selkie_chain_messages_pending",
     "Messages sent to the chain and not yet seen to have landed.",
     {"gauges.messages", "SELECT state, count(*) FROM rseal_client_pipeline"
                         " WHERE state IN ('precommit_sent', 'commit_sent') AND failed = 0"
                         " GROUP BY state"},
     {"state"},
     1,
     ASKS_NOTHING},
    {"selkie_alerts",
     "Active alerts by rule and severity, and whether somebody has acknowledged them.",
     {"gauges.alerts", "SELECT rule, severity, CASE WHEN acked_ms = 0 THEN 'false' ELSE 'true' END,"
                       " count(*) FROM alert WHERE cleared_ms = 0 GROUP BY 1, 2, 3" LIMIT},
     {"rule", "severity", "acknowledged"},
     1,
     ASKS_NOTHING},
    {"selkie_node_seen_seconds",
     "Time since a node of this database last showed that it lives.",
     {"gauges.nodes", "SELECT name, roles, CAST($1 - seen_ms AS BIGINT) FROM node"
                      " WHERE name <> 'operator' ORDER BY name" LIMIT},
     {"node", "roles"},
     0.001,
     ASKS_NOW},
};

static int labels_of(const gauge *g)
{
    int n = 0;
    while (n < LABELS_MAX && g->labels[n])
        n++;
    return n;
}

static slk_err expose_one(slk_exposition *x, slk_seal *seal, const gauge *g, slk_error *error)
{
    const int n = labels_of(g);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, slk_seal_db(seal), &g->sql, error));
    if (g->asks != ASKS_NOTHING)
        slk_bind_i64(&q, 1, g->asks == ASKS_LIVED ? slk_seal_lived(seal) : slk_seal_now(seal));
    slk_expose_family(x, g->name, SLK_METRIC_GAUGE, g->help);
    while (true) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        if (slk_column_is_null(&q, n))
            continue;
        slk_label labels[LABELS_MAX];
        for (int i = 0; i < n; i++)
            labels[i] = (slk_label){g->labels[i], slk_column_text(&q, i)};
        slk_expose(x, labels, (size_t)n, (double)slk_column_i64(&q, n) * g->unit);
    }
}

slk_err slk_gauges_expose(slk_exposition *exposition, slk_seal *seal, slk_error *error)
{
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++)
        SLK_TRY(expose_one(exposition, seal, &gauges[i], error));
    return SLK_OK;
}
