/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/board.h"

#include "base/mem.h"
#include "codec/json.h"
#include "db/args.h"
#include "seal/drain.h"
#include "seal/state.h"

#include <string.h>

#define BUCKETS_MAX 500u
#define LEASE_SOON_MS (INT64_C(12) * 3600000)

static const slk_sql newest_event = {"board.newest",
                                     "SELECT COALESCE(max(id), 0) FROM sector_event"};
static const slk_sql provider_states = {
    "board.provider_states", "SELECT state, count(*), sum(CASE WHEN failed = 1 THEN 1 ELSE 0 END)"
                             " FROM rseal_provider_pipeline GROUP BY state"};
static const slk_sql client_states = {
    "board.client_states", "SELECT state, count(*), sum(CASE WHEN failed = 1 THEN 1 ELSE 0 END)"
                           " FROM rseal_client_pipeline GROUP BY state"};
static const slk_sql used_places = {
    "board.used", "SELECT count(*) FROM rseal_provider_pipeline WHERE after_cleanup = 0"};
static const slk_sql live_slots = {
    "board.slots", "SELECT count(*) FROM rseal_provider_slots WHERE expires_ms > $1"};
static const slk_sql leases = {
    "board.leases",
    "SELECT count(*), COALESCE(min(cleanup_timeout), 0) FROM rseal_provider_pipeline"
    " WHERE after_cleanup = 0 AND cleanup_timeout IS NOT NULL"
    " AND cleanup_timeout < $1"};
static const slk_sql queue = {
    "board.queue", "SELECT class, sum(CASE WHEN owner IS NOT NULL THEN 1 ELSE 0 END),"
                   " sum(CASE WHEN owner IS NULL AND not_before_ms <= $1 THEN 1 ELSE 0 END),"
                   " sum(CASE WHEN owner IS NULL AND not_before_ms > $1 THEN 1 ELSE 0 END)"
                   " FROM task GROUP BY class ORDER BY class"};
static const slk_sql running = {
    "board.running",
    "SELECT t.pipeline, t.sp_id, t.sector_number, COALESCE(p.state, c.state), t.kind, t.owner,"
    " t.progress_stage, t.progress_done, t.progress_total, t.stage_ms, t.started_ms"
    " FROM task t LEFT JOIN rseal_provider_pipeline p ON t.pipeline = 'provider'"
    " AND p.sp_id = t.sp_id AND p.sector_number = t.sector_number"
    " LEFT JOIN rseal_client_pipeline c ON t.pipeline = 'client'"
    " AND c.sp_id = t.sp_id AND c.sector_number = t.sector_number"
    " WHERE t.owner IS NOT NULL ORDER BY t.started_ms, t.id LIMIT 100"};
static const slk_sql reached = {
    "board.reached",
    "SELECT event, (at_ms - $1) / $2, count(*) FROM sector_event WHERE at_ms >= $1"
    " AND event IN ('trees_done', 'on_chain', 'failed') GROUP BY event, (at_ms - $1) / $2"};
static const slk_sql nodes = {"board.nodes",
                              "SELECT n.name, n.roles, n.starts, n.started_ms, n.seen_ms,"
                              " (SELECT count(*) FROM task t WHERE t.owner = n.name) FROM node n "
                              "WHERE n.name <> 'operator' ORDER BY n.name"};
static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory");
}

static json_t *text_or_null(const slk_query *q, int column)
{
    const char *text = slk_column_text(q, column);
    return text ? json_string(text) : json_null();
}

static json_t *number_or_null(const slk_query *q, int column)
{
    return slk_column_is_null(q, column) ? json_null() : json_integer(slk_column_i64(q, column));
}

/* One row as JSON; NULL when out of memory. */
typedef json_t *row_json(const slk_query *q, int64_t now_ms);

static slk_err rows(json_t **ret, slk_seal *seal, const slk_sql *sql, const slk_arg *args, size_t n,
                    row_json *one, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), sql, args, n, error));
    for (;;) {
        bool row;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        if (json_array_append_new(list, one(&q, slk_seal_now(seal))) != 0)
            return no_memory(error);
    }
    *ret = list;
    list = NULL;
    return SLK_OK;
}

static slk_err print_rows(slk_buf *out, slk_seal *seal, const slk_sql *sql, row_json *one,
                          slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(rows(&list, seal, sql, NULL, 0, one, error));
    return slk_json_print(out, list);
}

/* ---- the overview ---- */

static slk_err states(json_t **ret, slk_seal *seal, const slk_sql *sql, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_object();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), sql, NULL, 0, error));
    for (;;) {
        bool row;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        json_t *counts = json_pack("{s:I,s:I}", "count", (json_int_t)slk_column_i64(&q, 1),
                                   "failed", (json_int_t)slk_column_i64(&q, 2));
        if (json_object_set_new(all, slk_column_text(&q, 0), counts) != 0)
            return no_memory(error);
    }
    *ret = all;
    all = NULL;
    return SLK_OK;
}

static json_t *queue_json(const slk_query *q, int64_t now_ms)
{
    (void)now_ms;
    return json_pack("{s:s,s:I,s:I,s:I}", "class", slk_column_text(q, 0), "running",
                     (json_int_t)slk_column_i64(q, 1), "ready", (json_int_t)slk_column_i64(q, 2),
                     "waiting", (json_int_t)slk_column_i64(q, 3));
}

static json_t *running_json(const slk_query *q, int64_t now_ms)
{
    const int64_t done = slk_column_i64(q, 7), total = slk_column_i64(q, 8);
    const int64_t since = slk_column_i64(q, 9);
    json_t *eta = json_null(), *rate = json_null();
    if (done > 0 && since > 0 && now_ms > since) {
        const double per_ms = (double)done / (double)(now_ms - since);
        rate = json_real(per_ms * 1000);
        if (total > done)
            eta = json_integer((int64_t)((double)(total - done) / per_ms));
    }
    return json_pack("{s:o,s:I,s:I,s:o,s:o,s:o,s:o,s:I,s:I,s:o,s:o,s:o}", "role",
                     text_or_null(q, 0), "sp_id", (json_int_t)slk_column_i64(q, 1), "number",
                     (json_int_t)slk_column_i64(q, 2), "state", text_or_null(q, 3), "step",
                     text_or_null(q, 4), "owner", text_or_null(q, 5), "stage", text_or_null(q, 6),
                     "done", (json_int_t)done, "total", (json_int_t)total, "eta_ms", eta, "rate",
                     rate, "started_ms", number_or_null(q, 10));
}

static slk_err provider_part(json_t **ret, slk_seal *seal, slk_error *error)
{
    const slk_seal_options *o = slk_seal_get_options(seal);
    const int64_t now = slk_seal_now(seal);
    int64_t used, slots;
    slk_drain drain;
    json_t *by_state = NULL;
    SLK_TRY(slk_drain_look(&drain, seal, error));
    SLK_TRY(slk_sql_number(&used, slk_seal_db(seal), &used_places, NULL, 0, error));
    SLK_TRY(
        slk_sql_number(&slots, slk_seal_db(seal), &live_slots, SLK_ARGS(slk_arg_i(now)), error));
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, slk_seal_db(seal), &leases,
                        SLK_ARGS(slk_arg_i(slk_seal_lived(seal) + LEASE_SOON_MS)), "leases",
                        error));
    const int64_t first = slk_column_i64(&q, 1);
    SLK_TRY(states(&by_state, seal, &provider_states, error));
    *ret = json_pack("{s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:o}", "enabled", o->provider, "draining",
                     drain.on, "leases_ending", (json_int_t)slk_column_i64(&q, 0), "lease_first_ms",
                     (json_int_t)(first > 0 ? slk_seal_when_lived(seal, first) : 0), "capacity",
                     (json_int_t)o->capacity_sectors, "used", (json_int_t)used, "slots",
                     (json_int_t)slots, "states", by_state);
    return *ret ? SLK_OK : no_memory(error);
}

static slk_err client_part(json_t **ret, slk_seal *seal, slk_error *error)
{
    json_t *by_state = NULL;
    SLK_TRY(states(&by_state, seal, &client_states, error));
    *ret =
        json_pack("{s:b,s:o}", "enabled", slk_seal_get_options(seal)->client, "states", by_state);
    return *ret ? SLK_OK : no_memory(error);
}

slk_err slk_board_overview(slk_buf *out, slk_seal *seal, slk_error *error)
{
    const int64_t now = slk_seal_now(seal);
    int64_t event;
    SLK_CLEANUP(slk_json_decrefp) json_t *provider = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *client = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *work = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *now_running = NULL;
    SLK_TRY(slk_sql_number(&event, slk_seal_db(seal), &newest_event, NULL, 0, error));
    SLK_TRY(provider_part(&provider, seal, error));
    SLK_TRY(client_part(&client, seal, error));
    SLK_TRY(rows(&work, seal, &queue, SLK_ARGS(slk_arg_i(now)), queue_json, error));
    SLK_TRY(rows(&now_running, seal, &running, NULL, 0, running_json, error));
    SLK_CLEANUP(slk_json_decrefp)
    json_t *all = json_pack("{s:I,s:O,s:O,s:O,s:O}", "event_id", (json_int_t)event, "provider",
                            provider, "client", client, "queue", work, "running", now_running);
    return all ? slk_json_print(out, all) : no_memory(error);
}

/* ---- throughput ---- */

static slk_err count_into(json_t *series, int64_t bucket, int64_t count)
{
    if (bucket < 0 || (uint64_t)bucket >= json_array_size(series))
        return SLK_OK; /* written by a clock ahead of ours */
    return json_array_set_new(series, (size_t)bucket, json_integer(count)) == 0 ? SLK_OK
                                                                                : SLK_E_NOMEM;
}

static json_t *zeros(uint64_t n)
{
    json_t *list = json_array();
    for (uint64_t i = 0; i < n; i++)
        (void)json_array_append_new(list, json_integer(0)); /* too short is seen by the reader */
    return list;
}

slk_err slk_board_throughput(slk_buf *out, slk_seal *seal, int64_t bucket_ms, uint64_t buckets,
                             slk_error *error)
{
    if (bucket_ms <= 0 || bucket_ms > INT64_C(366) * 86400000 || buckets == 0 ||
        buckets > BUCKETS_MAX)
        return slk_fail(error, SLK_E_INVAL, "want 1 to %u buckets of at most a year", BUCKETS_MAX);
    const int64_t from = slk_seal_now(seal) - bucket_ms * (int64_t)buckets + 1;
    SLK_CLEANUP(slk_json_decrefp) json_t *sealed = zeros(buckets);
    SLK_CLEANUP(slk_json_decrefp) json_t *proving = zeros(buckets);
    SLK_CLEANUP(slk_json_decrefp) json_t *failed = zeros(buckets);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &reached,
                         SLK_ARGS(slk_arg_i(from), slk_arg_i(bucket_ms)), error));
    for (;;) {
        bool row;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        const char *event = slk_column_text(&q, 0);
        json_t *series = strcmp(event, slk_event_name(SLK_EV_TREES_DONE)) == 0 ? sealed
                         : strcmp(event, slk_event_name(SLK_EV_ON_CHAIN)) == 0 ? proving
                                                                               : failed;
        if (count_into(series, slk_column_i64(&q, 1), slk_column_i64(&q, 2)) != SLK_OK)
            return no_memory(error);
    }
    SLK_CLEANUP(slk_json_decrefp)
    json_t *all =
        json_pack("{s:I,s:I,s:O,s:O,s:O}", "from_ms", (json_int_t)from, "bucket_ms",
                  (json_int_t)bucket_ms, "sealed", sealed, "proving", proving, "failed", failed);
    return all ? slk_json_print(out, all) : no_memory(error);
}

/* ---- nodes ---- */

static json_t *node_json(const slk_query *q, int64_t now_ms)
{
    (void)now_ms;
    return json_pack("{s:o,s:o,s:I,s:I,s:I,s:I}", "name", text_or_null(q, 0), "roles",
                     text_or_null(q, 1), "starts", (json_int_t)slk_column_i64(q, 2), "started_ms",
                     (json_int_t)slk_column_i64(q, 3), "seen_ms", (json_int_t)slk_column_i64(q, 4),
                     "running", (json_int_t)slk_column_i64(q, 5));
}

slk_err slk_board_nodes(slk_buf *out, slk_seal *seal, slk_error *error)
{
    return print_rows(out, seal, &nodes, node_json, error);
}
