/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Epochs after which work or a deposit is lost. */
#include "monitor/rules_impl.h"

#include "base/mem.h"

#define TICKET_MARGIN_MS (INT64_C(2) * 3600 * 1000)
#define COMMIT_MARGIN_MS (INT64_C(24) * 3600 * 1000)

#define SECTOR "'f0' || CAST(c.sp_id AS TEXT) || '/' || CAST(c.sector_number AS TEXT)"
#define FROM                                                    \
    " FROM rseal_client_pipeline c JOIN sectors_sdr_pipeline s" \
    " ON s.sp_id = c.sp_id AND s.sector_number = c.sector_number"

/* $1: an epoch; what is older than it ends within the margin. $2 - x: epochs left. */
static const slk_sql find_tickets = {
    "rules.tickets",
    "SELECT " SECTOR ", c.state || '; its ticket is good for ' || CAST($2 + s.ticket_epoch AS TEXT)"
    " || ' epochs'" FROM " WHERE c.failed = 0 AND c.state IN ('sealed', 'fetched', 'verified')"
    " AND s.ticket_epoch < $1 ORDER BY 1 LIMIT 200"};
static const slk_sql find_commits = {
    "rules.commits", "SELECT " SECTOR ", c.state || '; ' || CAST($2 + s.precommit_epoch AS TEXT) ||"
                     " ' epochs until its deposit is lost'" FROM " WHERE c.state IN"
                     " ('precommitted', 'seeded', 'vanilla', 'proven', 'commit_sent')"
                     " AND s.precommit_epoch < $1 ORDER BY 1 LIMIT 200"};

/* The margin in epochs, on fast networks at most a quarter of the whole time. */
static int64_t margin(int64_t margin_ms, int64_t epoch_ms, int64_t whole)
{
    const int64_t epochs = epoch_ms > 0 ? margin_ms / epoch_ms : whole;
    return epochs < whole / 4 ? epochs : whole / 4;
}

static slk_err look_at(slk_look *look, slk_db *db, const slk_sql *sql, int64_t head, int64_t whole,
                       int64_t margin_epochs, const char *name, const char *next, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, sql, error));
    slk_bind_i64(&q, 1, head - whole + margin_epochs);
    slk_bind_i64(&q, 2, whole - head);
    return slk_rule_rows(look, &q, name, SLK_SEVERITY_CRITICAL, next, error);
}

slk_err slk_rule_deadlines(slk_look *look, const slk_rules *rules, const slk_chain_sample *chain,
                           slk_error *error)
{
    if (!chain->answered || !slk_seal_get_options(rules->seal)->client)
        return SLK_OK;
    slk_db *db = slk_seal_db(rules->seal);
    const int64_t ticket = chain->ticket_max_age_epochs, commit = chain->max_prove_commit_epochs;
    SLK_TRY(look_at(look, db, &find_tickets, chain->head_epoch, ticket,
                    margin(TICKET_MARGIN_MS, chain->epoch_ms, ticket), "ticket-expiring",
                    "clear what holds it up; afterwards it must be sealed again", error));
    return look_at(look, db, &find_commits, chain->head_epoch, commit,
                   margin(COMMIT_MARGIN_MS, chain->epoch_ms, commit), "commit-deadline",
                   "clear what holds it up, then selkie sector retry", error);
}
