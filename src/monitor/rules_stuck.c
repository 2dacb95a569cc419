/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sectors that stay in a state far longer than others did. */
#include "monitor/rules_impl.h"

#include "base/mem.h"

#include <stdlib.h>

#define HISTORY 500 /* latest passages of a state that are looked at */
#define HISTORY_LEAST 20 /* fewer say nothing */
#define LEAST_MS (INT64_C(10) * 60 * 1000) /* nothing is stuck sooner */
#define UNKNOWN_MS (INT64_C(24) * 3600 * 1000) /* without a history */
#define FACTOR 3

typedef struct passage {
    slk_pipeline pipeline;
    slk_state state;
} passage;

/* The states that something must lead out of. */
static const passage passages[] = {
    {SLK_PIPELINE_PROVIDER, SLK_PS_ORDERED},      {SLK_PIPELINE_PROVIDER, SLK_PS_TICKETED},
    {SLK_PIPELINE_PROVIDER, SLK_PS_LABELED},      {SLK_PIPELINE_CLIENT, SLK_CS_NEW},
    {SLK_PIPELINE_CLIENT, SLK_CS_ORDERED},        {SLK_PIPELINE_CLIENT, SLK_CS_SEALED},
    {SLK_PIPELINE_CLIENT, SLK_CS_FETCHED},        {SLK_PIPELINE_CLIENT, SLK_CS_VERIFIED},
    {SLK_PIPELINE_CLIENT, SLK_CS_PRECOMMIT_SENT}, {SLK_PIPELINE_CLIENT, SLK_CS_PRECOMMITTED},
    {SLK_PIPELINE_CLIENT, SLK_CS_SEEDED},         {SLK_PIPELINE_CLIENT, SLK_CS_VANILLA},
    {SLK_PIPELINE_CLIENT, SLK_CS_PROVEN},         {SLK_PIPELINE_CLIENT, SLK_CS_COMMIT_SENT},
};

static const slk_sql read_history = {
    "rules.history", "SELECT took_ms FROM sector_event WHERE role = $1 AND from_state = $2"
                     " AND to_state <> from_state AND took_ms IS NOT NULL"
                     " ORDER BY at_ms DESC LIMIT 500"};
#define STUCK(table)                                                                          \
    "SELECT 'f0' || CAST(sp_id AS TEXT) || '/' || CAST(sector_number AS TEXT),"               \
    " $3 || ' ' || state || ' for ' || CAST(($2 - state_ms) / 60000 AS TEXT) || ' minutes; '" \
    " || CAST($4 AS TEXT) || ' is three times what 99 of 100 took'"                           \
    " FROM " table " WHERE state = $1 AND failed = 0 AND state_ms < $2 - $4 * 60000"          \
    " ORDER BY state_ms, sp_id, sector_number LIMIT 100"
static const slk_sql find_stuck[SLK_PIPELINE_COUNT] = {
    [SLK_PIPELINE_PROVIDER] = {"rules.stuck_provider", STUCK("rseal_provider_pipeline")},
    [SLK_PIPELINE_CLIENT] = {"rules.stuck_client", STUCK("rseal_client_pipeline")},
};

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Three times the 99th percentile of how long sectors stayed in the state. */
static slk_err limit_of(int64_t *ret_ms, slk_db *db, const passage *p, slk_error *error)
{
    int64_t took[HISTORY];
    size_t n = 0;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &read_history, error));
    slk_bind_text(&q, 1, slk_pipeline_name(p->pipeline));
    slk_bind_text(&q, 2, slk_state_name(p->state));
    for (; n < HISTORY; n++) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        took[n] = slk_column_i64(&q, 0);
    }
    *ret_ms = UNKNOWN_MS;
    if (n < HISTORY_LEAST)
        return SLK_OK;
    qsort(took, n, sizeof *took, by_value);
    *ret_ms = FACTOR * took[n * 99 / 100];
    if (*ret_ms < LEAST_MS)
        *ret_ms = LEAST_MS;
    return SLK_OK;
}

slk_err slk_rule_stuck(slk_look *look, const slk_rules *rules, slk_error *error)
{
    slk_db *db = slk_seal_db(rules->seal);
    const int64_t now_ms = slk_seal_now(rules->seal);
    for (size_t i = 0; i < sizeof passages / sizeof *passages; i++) {
        const passage *p = &passages[i];
        int64_t limit_ms = 0;
        SLK_TRY(limit_of(&limit_ms, db, p, error));
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_query_init(&q, db, &find_stuck[p->pipeline], error));
        slk_bind_text(&q, 1, slk_state_name(p->state));
        slk_bind_i64(&q, 2, now_ms);
        slk_bind_text(&q, 3, slk_pipeline_name(p->pipeline));
        slk_bind_i64(&q, 4, (limit_ms + 59999) / 60000);
        SLK_TRY(slk_rule_rows(look, &q, "sector-stuck", SLK_SEVERITY_WARNING,
                              "selkie sector show NUMBER shows what it waits for", error));
    }
    return SLK_OK;
}
