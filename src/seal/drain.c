/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/drain.h"

#include "base/mem.h"
#include "db/args.h"

static const slk_sql set_on = {
    "drain.on", "INSERT INTO provider_setting (name, value, since_ms) VALUES ('draining', 1, $1)"
                " ON CONFLICT (name) DO NOTHING"};
static const slk_sql set_off = {"drain.off",
                                "DELETE FROM provider_setting WHERE name = 'draining'"};
/* An order that counted before the drain and one that comes after must not both be let in. */
static const slk_sql pass_door = {
    "drain.door", "UPDATE seal_sequence SET value = value + 1 WHERE name = 'admission'"};
static const slk_sql read_drain = {
    "drain.look",
    "SELECT coalesce((SELECT since_ms FROM provider_setting WHERE name = 'draining'), 0),"
    " count(CASE WHEN cleanup_requested = 0 AND failed = 0 AND state = 'ordered' THEN 1 END),"
    " count(CASE WHEN cleanup_requested = 0 AND failed = 0 AND state IN ('ticketed', 'labeled')"
    " THEN 1 END),"
    " count(CASE WHEN cleanup_requested = 0 AND failed = 0 AND state IN ('sealed', 'finalized')"
    " THEN 1 END),"
    " count(CASE WHEN cleanup_requested = 1 THEN 1 END),"
    " count(CASE WHEN cleanup_requested = 0 AND failed = 1 THEN 1 END),"
    " coalesce(max(cleanup_timeout), 0) FROM rseal_provider_pipeline WHERE after_cleanup = 0"};
/* From the start of its SDR to the end of its trees, of the last twenty. */
static const slk_sql read_pace = {
    "drain.pace",
    "SELECT coalesce(CAST(sum(ms) AS BIGINT) / count(*), 0) FROM (SELECT sealed_ms - started_ms"
    " AS ms FROM rseal_provider_pipeline WHERE sealed_ms IS NOT NULL AND started_ms IS NOT NULL"
    " ORDER BY sealed_ms DESC LIMIT 20) x"};

struct set {
    slk_seal *seal;
    bool on;
};

static slk_err set_body(slk_db *db, void *context, slk_error *error)
{
    const struct set *s = context;
    SLK_TRY(slk_sql_run(db, &pass_door, NULL, 0, NULL, error));
    if (s->on)
        return slk_sql_run(db, &set_on, SLK_ARGS(slk_arg_i(slk_seal_now(s->seal))), NULL, error);
    return slk_sql_run(db, &set_off, NULL, 0, NULL, error);
}

slk_err slk_drain_set(slk_seal *seal, bool on, slk_error *error)
{
    struct set s = {seal, on};
    return slk_db_tx(slk_seal_db(seal), set_body, &s, error);
}

/* The last of n sectors, `workers` at once, each taking ms. */
static int64_t end_of(int64_t now, int64_t n, int64_t ms, unsigned workers)
{
    return now + (n + workers - 1) / workers * ms;
}

slk_err slk_drain_look(slk_drain *ret_drain, slk_seal *seal, slk_error *error)
{
    const slk_seal_options *o = slk_seal_get_options(seal);
    slk_drain d = {0};
    int64_t last_lease, pace = 0;
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_row(&q, slk_seal_db(seal), &read_drain, NULL, 0, "drain", error));
        d = (slk_drain){.on = slk_column_i64(&q, 0) > 0,
                        .since_ms = slk_column_i64(&q, 0),
                        .ordered = slk_column_i64(&q, 1),
                        .sealing = slk_column_i64(&q, 2),
                        .sealed = slk_column_i64(&q, 3),
                        .cleaning = slk_column_i64(&q, 4),
                        .failed = slk_column_i64(&q, 5)};
        last_lease = slk_column_i64(&q, 6);
        if (last_lease > 0)
            last_lease = slk_seal_when_lived(seal, last_lease);
    }
    SLK_TRY(slk_sql_number(&pace, slk_seal_db(seal), &read_pace, NULL, 0, error));
    const int64_t now = slk_seal_now(seal), to_seal = d.ordered + d.sealing;
    if (to_seal > 0 && pace > 0)
        d.sealed_by_ms = end_of(now, to_seal, pace, o->workers[SLK_CLASS_COMPUTE]);
    if (to_seal == 0)
        d.empty_by_ms = last_lease;
    else if (d.sealed_by_ms > 0)
        d.empty_by_ms = d.sealed_by_ms + o->cleanup_timeout_ms > last_lease
                            ? d.sealed_by_ms + o->cleanup_timeout_ms
                            : last_lease;
    *ret_drain = d;
    return SLK_OK;
}
