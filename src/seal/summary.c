/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/summary.h"

#include "base/mem.h"
#include "codec/bigint.h"
#include "codec/json.h"
#include "db/args.h"
#include "seal/times.h"

static const slk_sql miners = {
    "summary.miners",
    "SELECT 'client', sp_id, state, count(*), CAST(sum(failed) AS BIGINT)"
    " FROM rseal_client_pipeline GROUP BY state, sp_id UNION ALL"
    " SELECT 'provider', sp_id, state, count(*), CAST(sum(failed) AS BIGINT)"
    " FROM rseal_provider_pipeline GROUP BY state, sp_id ORDER BY 1, 2, 3 LIMIT 1000"};
static const slk_sql lease = {
    "summary.lease",
    "SELECT sp_id, sector_number, cleanup_timeout FROM rseal_provider_pipeline"
    " WHERE after_cleanup = 0 AND cleanup_requested = 0 AND cleanup_timeout IS NOT NULL"
    " ORDER BY cleanup_timeout, sp_id, sector_number LIMIT 1"};

/* What is bound on chain: the deposit until the commit, the pledge from then on. */
static const slk_sql bound = {
    "summary.bound", "SELECT sp_id, precommit_deposit, initial_pledge FROM sectors_sdr_pipeline"
                     " WHERE precommit_deposit IS NOT NULL AND (failed = 0 OR"
                     " initial_pledge IS NOT NULL) ORDER BY sp_id"};
static const slk_sql unlanded = {
    "summary.unlanded", "SELECT count(*) FROM message_batch WHERE state IN ('closed', 'sent')"};

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for the summary");
}

static slk_err read_miners(json_t *list, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &miners, NULL, 0, error));
    for (;;) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        json_t *counts = json_pack(
            "{s:s,s:I,s:s,s:I,s:I}", "role", slk_column_text(&q, 0), "sp_id",
            (json_int_t)slk_column_i64(&q, 1), "state", slk_column_text(&q, 2), "count",
            (json_int_t)slk_column_i64(&q, 3), "failed", (json_int_t)slk_column_i64(&q, 4));
        if (json_array_append_new(list, counts) != 0)
            return no_memory(error);
    }
}

static slk_err read_lease(json_t **ret_lease, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &lease, NULL, 0, error));
    SLK_TRY(slk_query_step(&q, &row, error));
    *ret_lease = row ? json_pack("{s:I,s:I,s:I}", "sp_id", (json_int_t)slk_column_i64(&q, 0),
                                 "number", (json_int_t)slk_column_i64(&q, 1), "until_ms",
                                 (json_int_t)slk_seal_when_lived(seal, slk_column_i64(&q, 2)))
                     : json_null();
    return *ret_lease ? SLK_OK : no_memory(error);
}

struct money {
    int64_t sp_id;
    slk_bigint deposits, pledges;
};

static slk_err add_money(json_t *list, const struct money *m, slk_error *error)
{
    char deposits[SLK_BIGINT_TEXT_CHARS], pledges[SLK_BIGINT_TEXT_CHARS];
    slk_bigint_print(deposits, &m->deposits);
    slk_bigint_print(pledges, &m->pledges);
    json_t *value = json_pack("{s:I,s:s,s:s}", "sp_id", (json_int_t)m->sp_id, "deposits", deposits,
                              "pledges", pledges);
    return json_array_append_new(list, value) == 0 ? SLK_OK : no_memory(error);
}

static slk_err read_money(json_t *list, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    struct money m = {.sp_id = -1};
    bool row = false;
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &bound, NULL, 0, error));
    for (;;) {
        SLK_TRY(slk_query_step(&q, &row, error));
        const bool next = !row || slk_column_i64(&q, 0) != m.sp_id;
        if (next && m.sp_id >= 0)
            SLK_TRY(add_money(list, &m, error));
        if (!row)
            return SLK_OK;
        if (next)
            m = (struct money){.sp_id = slk_column_i64(&q, 0)};
        const bool proven = !slk_column_is_null(&q, 2);
        slk_bigint *sum = proven ? &m.pledges : &m.deposits, amount;
        const char *text = slk_column_text(&q, proven ? 2 : 1);
        if (slk_bigint_parse(&amount, text) == SLK_OK)
            SLK_TRY(slk_bigint_add(sum, sum, &amount));
    }
}

static json_t *clock_json(const slk_seal *seal)
{
    slk_time_view view;
    char text[SLK_TIME_TEXT_CHARS];
    slk_time_view_get(&view, seal);
    slk_time_describe(text, &view);
    return json_pack("{s:s,s:I,s:I,s:s}", "state", slk_time_doubt_name(view.doubt), "now_ms",
                     (json_int_t)view.believed_ms, "wall_ms", (json_int_t)view.wall_ms, "says",
                     text);
}

slk_err slk_summary(slk_buf *out, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = json_array();
    SLK_CLEANUP(slk_json_decrefp) json_t *money = json_array();
    SLK_CLEANUP(slk_json_decrefp) json_t *next = NULL;
    int64_t messages = 0;
    SLK_TRY(read_miners(list, seal, error));
    SLK_TRY(read_money(money, seal, error));
    SLK_TRY(slk_sql_number(&messages, slk_seal_db(seal), &unlanded, NULL, 0, error));
    SLK_TRY(read_lease(&next, seal, error));
    SLK_CLEANUP(slk_json_decrefp)
    json_t *all = json_pack("{s:O,s:O,s:O,s:I,s:o}", "miners", list, "lease", next, "money", money,
                            "messages_waiting", (json_int_t)messages, "clock", clock_json(seal));
    return all ? slk_json_print(out, all) : no_memory(error);
}
