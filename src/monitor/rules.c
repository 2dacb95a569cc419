/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/rules.h"

#include "base/mem.h"
#include "monitor/rules_impl.h"
#include "net/certificate.h"
#include "seal/times.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define SKEW_MS INT64_C(5000)
#define BEHIND_EPOCHS 5 /* a head so old means that the node lags */

/* ---- rules over the database ---- */

/* What a statement of the table may ask for, as $1, $2 … */
typedef enum parameter {
    ASK_NOTHING,
    ASK_NOW,
    ASK_LIVED, /* in which leases end */
    ASK_ALLOWANCE,
} parameter;

typedef struct sql_rule {
    const char *name;
    slk_severity severity;
    const char *next;
    slk_sql sql;
    parameter ask[2];
} sql_rule;

#define SECTOR(t) "'f0' || CAST(" t ".sp_id AS TEXT) || '/' || CAST(" t ".sector_number AS TEXT)"
#define REFUTED                                                                            \
    "('replica-invalid', 'replica-damaged', 'c1-invalid', 'wrong-comm-d', 'wrong-ticket'," \
    " 'bad-completion')"
#define LEASE                                                                                \
    "SELECT " SECTOR("r") ", 'sealed for ' || p.partner_name || ', not yet taken over'"      \
                          " FROM rseal_provider_pipeline r JOIN rseal_delegated_partners p"  \
                          " ON p.id = r.partner_id WHERE r.state IN ('sealed', 'finalized')" \
                          " AND r.failed = 0 AND r.cleanup_requested = 0"
#define RENEWAL                                                                            \
    "SELECT " SECTOR("c") ", 'its lease cannot be renewed; last: ' || t.last_error"        \
                          " FROM task t JOIN rseal_client_pipeline c ON c.sp_id = t.sp_id" \
                          " AND c.sector_number = t.sector_number"                         \
                          " WHERE t.kind = 'client.renew' AND t.failing_since_ms > 0"
#define LIMIT " LIMIT 200"

static const sql_rule sql_rules[] = {
    {"sector-failed",
     SLK_SEVERITY_WARNING,
     "selkie sector show NUMBER shows why; selkie sector retry lets it go on",
     {"rules.failed",
      "SELECT 'client ' || " SECTOR(
          "c") ", c.failed_reason || ': ' || c.failed_reason_msg"
               " FROM rseal_client_pipeline c WHERE c.failed = 1 AND c.after_cleanup = 0"
               " AND c.cancel_requested = 0 AND c.failed_reason NOT IN " REFUTED " UNION ALL"
               " SELECT 'provider ' || " SECTOR(
                   "r") ", r.failed_reason || ': ' || r.failed_reason_msg"
                        " FROM rseal_provider_pipeline r WHERE r.failed = 1 AND r.after_cleanup = 0"
                        " AND r.cleanup_requested = 0 ORDER BY 1" LIMIT},
     {ASK_NOTHING}},
    {"verify-failed",
     SLK_SEVERITY_CRITICAL,
     "no deposit was risked on it; retry it elsewhere, and ask the provider what happened",
     {"rules.refuted",
      "SELECT " SECTOR(
          "c") ", c.failed_reason || ': ' || c.failed_reason_msg"
               " FROM rseal_client_pipeline c WHERE c.failed = 1 AND c.after_cleanup = 0"
               " AND c.cancel_requested = 0 AND c.failed_reason IN " REFUTED " ORDER BY 1" LIMIT},
     {ASK_NOTHING}},
    {"provider-silent",
     SLK_SEVERITY_WARNING,
     "selkie provider list; ask whoever runs it, or switch it off",
     {"rules.silent",
      "SELECT p.provider_name || ' (provider ' || CAST(p.id AS TEXT) || ')',"
      " CAST(count(*) AS TEXT) || ' sectors wait for it; last: ' || max(t.last_error)"
      " FROM task t JOIN rseal_client_pipeline c ON c.sp_id = t.sp_id"
      " AND c.sector_number = t.sector_number JOIN rseal_client_providers p"
      " ON p.id = c.provider_id WHERE t.kind IN ('client.poll', 'client.fetch', 'client.c1')"
      " AND t.failing_since_ms > 0 AND t.failing_since_ms <= $1 - 600000"
      " GROUP BY p.id, p.provider_name ORDER BY p.id" LIMIT},
     {ASK_NOW}},
    {"provider-paused",
     SLK_SEVERITY_CRITICAL,
     "selkie provider set ID --enable gives it orders again; look at its sectors first",
     {"rules.paused",
      "SELECT provider_name || ' (provider ' || CAST(id AS TEXT) || ')', disabled_reason"
      " FROM rseal_client_providers WHERE enabled = 0"
      " AND disabled_reason <> '' AND disabled_reason NOT LIKE 'by the operator%' ORDER BY "
      "id" LIMIT},
     {ASK_NOTHING}},
    {"allowance-low",
     SLK_SEVERITY_WARNING,
     "selkie partner set NAME --allowance N grants more",
     {"rules.allowance", "SELECT partner_name, CAST(allowance_remaining AS TEXT) || ' sectors left'"
                         " FROM rseal_delegated_partners WHERE allowance_remaining <= $1"
                         " AND permits_only = 0"
                         " ORDER BY id" LIMIT},
     {ASK_ALLOWANCE}},
    {"lease-ending",
     SLK_SEVERITY_CRITICAL,
     "call the partner: in less than an hour the sector is removed",
     {"rules.lease_1h", LEASE " AND r.cleanup_timeout <= $1 + 3600000 ORDER BY 1" LIMIT},
     {ASK_LIVED}},
    {"lease-ending",
     SLK_SEVERITY_WARNING,
     "tell the partner, or renew the lease: within 12 hours the sector is removed",
     {"rules.lease_12h", LEASE " AND r.cleanup_timeout > $1 + 3600000"
                               " AND r.cleanup_timeout <= $1 + 43200000 ORDER BY 1" LIMIT},
     {ASK_LIVED}},
    {"renewal-failing",
     SLK_SEVERITY_CRITICAL,
     "call whoever runs the provider: in less than 12 hours it removes the sector",
     {"rules.renewal_12h", RENEWAL " AND c.lease_until_ms > 0 AND c.lease_until_ms <= $1 + 43200000"
                                   " ORDER BY 1" LIMIT},
     {ASK_NOW}},
    {"renewal-failing",
     SLK_SEVERITY_WARNING,
     "selkie provider test; ask the provider to keep the sector until it is proving",
     {"rules.renewal", RENEWAL " AND t.failing_since_ms <= $1 - 3600000 AND (c.lease_until_ms = 0"
                               " OR c.lease_until_ms > $1 + 43200000) ORDER BY 1" LIMIT},
     {ASK_NOW}},
    {"callback-failing",
     SLK_SEVERITY_WARNING,
     "the partner's URL may be wrong: selkie partner set NAME --url; its own poll finds it, too",
     {"rules.callback",
      "SELECT p.partner_name, CAST(count(*) AS TEXT) || ' finished sectors cannot be told; last: '"
      " || max(t.last_error) FROM task t JOIN rseal_provider_pipeline r ON r.sp_id = t.sp_id"
      " AND r.sector_number = t.sector_number JOIN rseal_delegated_partners p"
      " ON p.id = r.partner_id WHERE t.kind = 'provider.notify' AND t.failing_since_ms > 0"
      " AND t.failing_since_ms <= $1 - 3600000 GROUP BY p.partner_name ORDER BY 1" LIMIT},
     {ASK_NOW}},
};

slk_err slk_rule_rows(slk_look *look, slk_query *q, const char *name, slk_severity severity,
                      const char *next, slk_error *error)
{
    while (true) {
        bool row = false;
        SLK_TRY(slk_query_step(q, &row, error));
        if (!row)
            return SLK_OK;
        slk_condition c = {.rule = name, .severity = severity, .next = next};
        const char *subject = slk_column_text(q, 0);
        const char *summary = slk_column_text(q, 1);
        (void)snprintf(c.subject, sizeof c.subject, "%s", subject ? subject : "");
        (void)snprintf(c.summary, sizeof c.summary, "%s", summary ? summary : "");
        SLK_TRY(slk_look_add(look, &c, error));
    }
}

static slk_err look_sql(slk_look *look, const slk_rules *rules, const sql_rule *rule,
                        slk_error *error)
{
    const int64_t values[] = {[ASK_NOW] = slk_seal_now(rules->seal),
                              [ASK_LIVED] = slk_seal_lived(rules->seal),
                              [ASK_ALLOWANCE] = rules->allowance_low};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, slk_seal_db(rules->seal), &rule->sql, error));
    for (int i = 0; i < 2 && rule->ask[i] != ASK_NOTHING; i++)
        slk_bind_i64(&q, i + 1, values[rule->ask[i]]);
    return slk_rule_rows(look, &q, rule->name, rule->severity, rule->next, error);
}

/* ---- rules of this machine ---- */

slk_condition slk_rule_own(const slk_rules *rules, const char *name, slk_severity severity,
                           const char *next, const char *what)
{
    slk_condition c = {.rule = name, .severity = severity, .next = next, .own = true};
    (void)snprintf(c.subject, sizeof c.subject, "%s%s%s",
                   slk_seal_get_options(rules->seal)->node_name, *what ? " " : "", what);
    return c;
}

static slk_err look_certificate(slk_look *look, const slk_rules *rules, slk_error *error)
{
    if (!rules->certificate_file)
        return SLK_OK;
    slk_certificate_facts facts;
    SLK_TRY(slk_net_certificate_read(&facts, rules->certificate_file, NULL, error));
    const int64_t left = facts.not_after_ms - slk_seal_now(rules->seal);
    if (left > 14 * DAY_MS)
        return SLK_OK;
    slk_condition c = slk_rule_own(rules, "certificate-expiring",
                                   left < 2 * DAY_MS ? SLK_SEVERITY_CRITICAL : SLK_SEVERITY_WARNING,
                                   "renew it; peers refuse this node when it has expired", "");
    (void)snprintf(c.summary, sizeof c.summary,
                   left > 0 ? "the TLS certificate expires in %" PRId64 " days"
                            : "the TLS certificate expired %" PRId64 " days ago",
                   (left > 0 ? left : -left) / DAY_MS);
    return slk_look_add(look, &c, error);
}

static slk_err look_clock(slk_look *look, const slk_rules *rules, const slk_chain_sample *chain,
                          slk_error *error)
{
    const int64_t age_ms = chain->taken_ms - chain->head_ms;
    slk_condition c;
    slk_time_view view;
    slk_time_view_get(&view, rules->seal);
    if (view.doubt == SLK_TIME_REFUTED)
        return SLK_OK; /* that says it all */
    if (age_ms < -SKEW_MS) {
        c = slk_rule_own(rules, "clock-skew", SLK_SEVERITY_WARNING,
                         "set this machine's clock (chrony or ntpd)", "");
        (void)snprintf(c.summary, sizeof c.summary,
                       "the chain's head is %" PRId64 " s in this machine's future",
                       -age_ms / 1000);
        return slk_look_add(look, &c, error);
    }
    if (chain->development || age_ms <= BEHIND_EPOCHS * chain->epoch_ms + SKEW_MS)
        return SLK_OK;
    c = slk_rule_own(rules, "chain-behind", SLK_SEVERITY_WARNING,
                     "let the chain node sync; or this machine's clock is ahead", "");
    (void)snprintf(c.summary, sizeof c.summary, "the chain node's head is %" PRId64 " s old",
                   age_ms / 1000);
    return slk_look_add(look, &c, error);
}

static slk_err look_doubt(slk_look *look, const slk_rules *rules, slk_error *error)
{
    slk_time_view view;
    slk_time_view_get(&view, rules->seal);
    if (view.doubt == SLK_TIME_BELIEVED)
        return SLK_OK;
    slk_condition c =
        slk_rule_own(rules, "clock-in-doubt", SLK_SEVERITY_CRITICAL, SLK_TIME_ADVICE, "");
    slk_time_describe(c.summary, &view);
    return slk_look_add(look, &c, error);
}

static slk_err look_chain(slk_look *look, const slk_rules *rules, const slk_chain_sample *chain,
                          slk_error *error)
{
    if (chain->taken_ms == 0)
        return SLK_OK;
    if (chain->answered)
        return look_clock(look, rules, chain, error);
    slk_condition c = slk_rule_own(rules, "chain-unreachable", SLK_SEVERITY_CRITICAL,
                                   "bring a chain node up, or add another to ChainApiInfo", "");
    (void)snprintf(c.summary, sizeof c.summary, "%s", chain->why);
    return slk_look_add(look, &c, error);
}

static slk_err look_balance(slk_look *look, const slk_rules *rules, const slk_chain_sample *chain,
                            slk_error *error)
{
    for (size_t i = 0; chain->answered && i < chain->miners_n; i++) {
        const slk_miner_sample *m = &chain->miners[i];
        double need = (double)rules->balance_sectors * m->pledge_fil;
        if (need < rules->balance_fil)
            need = rules->balance_fil;
        if (!m->known || m->sender_fil >= need)
            continue;
        slk_condition c = {.rule = "balance-low",
                           .severity = SLK_SEVERITY_CRITICAL,
                           .next = "send FIL to a control or worker address of the miner"};
        (void)snprintf(c.subject, sizeof c.subject, "f0%" PRIu64, m->sp_id);
        (void)snprintf(c.summary, sizeof c.summary,
                       "the richest sender has %.4f FIL, wanted are %.4f (pledges of the next "
                       "%" PRId64 " sectors, or MinimumWalletBalance)",
                       m->sender_fil, need, rules->balance_sectors);
        SLK_TRY(slk_look_add(look, &c, error));
    }
    return SLK_OK;
}

/* ---- all ---- */

/* Keeps the first failure and goes on: one rule that cannot be looked at silences no other. */
static void keep(slk_look *look, slk_err *code, slk_error *error, slk_err now, const slk_error *why)
{
    if (now == SLK_OK)
        return;
    look->whole = false;
    if (*code == SLK_OK && error)
        *error = *why;
    if (*code == SLK_OK)
        *code = now;
}

slk_err slk_rules_look(slk_look *ret_look, const slk_rules *rules, const slk_chain_sample *chain,
                       slk_error *error)
{
    slk_look look = {.whole = true};
    slk_err code = SLK_OK;
    slk_error why = {0};
    for (size_t i = 0; i < sizeof sql_rules / sizeof *sql_rules; i++)
        keep(&look, &code, error, look_sql(&look, rules, &sql_rules[i], &why), &why);
    keep(&look, &code, error, slk_rule_stuck(&look, rules, &why), &why);
    keep(&look, &code, error, slk_rule_deadlines(&look, rules, chain, &why), &why);
    keep(&look, &code, error, look_certificate(&look, rules, &why), &why);
    keep(&look, &code, error, look_doubt(&look, rules, &why), &why);
    keep(&look, &code, error, look_chain(&look, rules, chain, &why), &why);
    keep(&look, &code, error, look_balance(&look, rules, chain, &why), &why);
    keep(&look, &code, error, slk_rule_disk(&look, rules, &why), &why);
    keep(&look, &code, error, slk_rule_workers(&look, rules, &why), &why);
    *ret_look = look;
    return code;
}
