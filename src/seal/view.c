/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/view.h"

#include "base/mem.h"
#include "codec/json.h"
#include "db/args.h"
#include "seal/rows_impl.h"

#include <string.h>

#define PAGE_MAX 1000u
#define TEXT_MAX ((size_t)256)

static const slk_sql partners = {
    "view.partners",
    "SELECT p.id, p.partner_name, p.partner_url, p.allowance_remaining, p.allowance_total,"
    " p.allowed_proof_types, p.created_at,"
    " (SELECT count(*) FROM rseal_provider_pipeline r WHERE r.partner_id = p.id"
    "  AND r.after_cleanup = 0),"
    " (SELECT count(*) FROM rseal_provider_slots s WHERE s.partner_id = p.id"
    "  AND s.expires_ms > $1),"
    " (SELECT count(*) FROM rseal_provider_pipeline r WHERE r.partner_id = p.id AND r.failed = 1"
    "  AND r.after_cleanup = 0), p.weight, p.expires_ms"
    " FROM rseal_delegated_partners p ORDER BY p.id"};
static const slk_sql partner_miners = {
    "view.partner_miners",
    "SELECT m.partner_id, m.sp_id, m.max_sectors, (SELECT count(*) FROM rseal_provider_pipeline r"
    " WHERE r.partner_id = m.partner_id AND r.sp_id = m.sp_id AND r.after_cleanup = 0)"
    " FROM rseal_partner_miners m ORDER BY m.partner_id, m.sp_id"};
static const slk_sql providers = {
    "view.providers",
    "SELECT p.id, p.sp_id, p.provider_url, p.provider_name, p.enabled, p.disabled_reason,"
    " p.created_at,"
    " (SELECT count(*) FROM rseal_client_pipeline c WHERE c.provider_id = p.id AND c.failed = 0"
    "  AND c.state <> 'proving'),"
    " (SELECT count(*) FROM rseal_client_pipeline c WHERE c.provider_id = p.id"
    "  AND c.state = 'proving'),"
    " (SELECT count(*) FROM rseal_client_pipeline c WHERE c.provider_id = p.id AND c.failed = 1),"
    " p.price, p.move_orders,"
    " (SELECT count(*) FROM rseal_client_placement a WHERE a.provider_id = p.id"
    "  AND a.outcome = 'verified'),"
    " (SELECT count(*) FROM rseal_client_placement a WHERE a.provider_id = p.id"
    "  AND a.outcome IN ('failed', 'stalled')),"
    " (SELECT count(*) FROM rseal_client_placement a WHERE a.provider_id = p.id"
    "  AND a.outcome = 'lied'),"
    " (SELECT count(*) FROM rseal_client_placement a WHERE a.provider_id = p.id"
    "  AND a.release_owed = 1)"
    " FROM rseal_client_providers p ORDER BY p.id"};

/* One shape for both roles, so that one function prints both; $1 and $2 pick a sector (negative:
 * all), $3 limits. */
#define SECTOR_COLUMNS                                                                 \
    " r.sp_id, r.sector_number, r.reg_seal_proof, r.state, r.failed, r.failed_reason," \
    " r.failed_reason_msg, r.state_ms, r.create_time"
#define TASK_COLUMNS                                                                     \
    " t.kind, t.owner, t.progress_stage, t.progress_done, t.progress_total, t.stage_ms," \
    " t.attempts, t.not_before_ms, t.last_error, t.started_ms"
#define TASK_JOIN(role)                                                              \
    " LEFT JOIN task t ON t.id = (SELECT x.id FROM task x WHERE x.pipeline = '" role \
    "' AND x.sp_id = r.sp_id AND x.sector_number = r.sector_number"                  \
    " ORDER BY CASE WHEN x.kind = 'client.renew' THEN 1 ELSE 0 END, x.id DESC LIMIT 1)"
#define PICK                                                     \
    " WHERE ($1 < 0 OR (r.sp_id = $1 AND r.sector_number = $2))" \
    " ORDER BY r.create_time DESC, r.sp_id, r.sector_number DESC LIMIT $3"

#define PROVIDER_COLUMNS                                                                         \
    SECTOR_COLUMNS "," TASK_COLUMNS ", p.partner_name, r.tree_d_cid, r.tree_r_cid,"              \
                   " r.ticket_epoch, r.ticket_source, r.after_notify_client, r.cleanup_timeout," \
                   " r.started_ms, r.sealed_ms, r.reserved_bytes, r.cleanup_reason"
#define PROVIDER_JOINS \
    " JOIN rseal_delegated_partners p ON p.id = r.partner_id" TASK_JOIN("provider")
#define CLIENT_COLUMNS                                                                          \
    SECTOR_COLUMNS "," TASK_COLUMNS ", p.provider_url, s.tree_d_cid, s.tree_r_cid,"             \
                   " s.ticket_epoch, s.precommit_msg_cid, s.commit_msg_cid, s.precommit_epoch," \
                   " s.seed_epoch, r.after_cleanup, s.precommit_deposit, s.initial_pledge,"     \
                   " NULLIF(r.lease_until_ms, 0)"
#define CLIENT_JOINS                                              \
    " JOIN sectors_sdr_pipeline s"                                \
    " ON s.sp_id = r.sp_id AND s.sector_number = r.sector_number" \
    " LEFT JOIN rseal_client_providers p ON p.id = r.provider_id" TASK_JOIN("client")

static const slk_sql provider_sectors = {"view.provider_sectors",
                                         "SELECT" PROVIDER_COLUMNS
                                         " FROM rseal_provider_pipeline r" PROVIDER_JOINS PICK};
static const slk_sql client_sectors = {"view.client_sectors",
                                       "SELECT" CLIENT_COLUMNS
                                       " FROM rseal_client_pipeline r" CLIENT_JOINS PICK};

/* A page of them: the rows are picked before anything is joined to each. $1 miner, $2 states
 * between commas, $3 failed, $4 peer, $5 a LIKE pattern; "" and negative numbers pick all. */
#define PICKS(peer_column)                                                             \
    " WHERE ($1 < 0 OR r.sp_id = $1) AND ($2 = '' OR $2 LIKE '%,' || r.state || ',%')" \
    " AND ($3 < 0 OR r.failed = $3) AND ($4 < 0 OR r." peer_column " = $4)"
#define MATCHES(peer_column, name, comm_r)                                             \
    PICKS(peer_column)                                                                 \
    " AND ($5 = '' OR CAST(r.sector_number AS TEXT) LIKE $5 ESCAPE '\\'"               \
    " OR lower(" name ") LIKE $5 ESCAPE '\\' OR lower(" comm_r ") LIKE $5 ESCAPE '\\'" \
    " OR lower(r.failed_reason) LIKE $5 ESCAPE '\\'"                                   \
    " OR lower(r.failed_reason_msg) LIKE $5 ESCAPE '\\')"
#define PROVIDER_MATCHES                                              \
    " FROM rseal_provider_pipeline r JOIN rseal_delegated_partners p" \
    " ON p.id = r.partner_id" MATCHES("partner_id", "p.partner_name", "r.tree_r_cid")
#define CLIENT_MATCHES                                                     \
    " FROM rseal_client_pipeline r JOIN sectors_sdr_pipeline s"            \
    " ON s.sp_id = r.sp_id AND s.sector_number = r.sector_number"          \
    " LEFT JOIN rseal_client_providers p ON p.id = r.provider_id" MATCHES( \
        "provider_id", "p.provider_url", "s.tree_r_cid")
#define NEWEST_FIRST " ORDER BY r.create_time DESC, r.sp_id, r.sector_number DESC"

static const slk_sql provider_page = {"view.provider_page",
                                      "SELECT" PROVIDER_COLUMNS
                                      " FROM (SELECT r.*" PROVIDER_MATCHES NEWEST_FIRST
                                      " LIMIT $6 OFFSET $7) r" PROVIDER_JOINS NEWEST_FIRST};
static const slk_sql client_page = {
    "view.client_page", "SELECT" CLIENT_COLUMNS " FROM (SELECT r.*" CLIENT_MATCHES NEWEST_FIRST
                        " LIMIT $6 OFFSET $7) r" CLIENT_JOINS NEWEST_FIRST};
static const slk_sql provider_total = {"view.provider_total", "SELECT count(*)" PROVIDER_MATCHES};
static const slk_sql client_total = {"view.client_total", "SELECT count(*)" CLIENT_MATCHES};
/* The same without a text to look for, which alone needs what is joined. */
static const slk_sql provider_count = {
    "view.provider_count",
    "SELECT count(*) FROM rseal_provider_pipeline r" PICKS("partner_id") " AND $5 = ''"};
static const slk_sql client_count = {
    "view.client_count",
    "SELECT count(*) FROM rseal_client_pipeline r" PICKS("provider_id") " AND $5 = ''"};

static const slk_sql timeline = {
    "view.timeline", "SELECT at_ms, role, node, actor, event, from_state, to_state, detail"
                     " FROM sector_event WHERE sp_id = $1 AND sector_number = $2 ORDER BY id"};

static const slk_sql placements = {
    "view.placements",
    "SELECT v.provider_name, v.provider_url, p.ordered_ms, p.sealed_ms, p.verified_ms, p.ended_ms,"
    " p.outcome, p.detail, p.release_owed FROM rseal_client_placement p"
    " JOIN rseal_client_providers v ON v.id = p.provider_id"
    " WHERE p.sp_id = $1 AND p.sector_number = $2 ORDER BY p.ordered_ms, p.provider_id"};
static const slk_sql miners = {
    "view.miners",
    "SELECT p.sp_id, count(*), sum(p.enabled), max(m.keep_in_flight), max(m.reg_seal_proof),"
    " max(m.duration_epochs), max(m.reserve), max(m.note),"
    " (SELECT count(*) FROM rseal_client_pipeline c WHERE c.sp_id = p.sp_id AND c.failed = 0"
    "  AND c.state <> 'proving'),"
    " (SELECT count(*) FROM rseal_client_pipeline c WHERE c.sp_id = p.sp_id"
    "  AND c.state = 'proving'),"
    " (SELECT count(*) FROM rseal_client_pipeline c WHERE c.sp_id = p.sp_id AND c.failed = 1"
    "  AND c.cancel_requested = 0)"
    " FROM rseal_client_providers p LEFT JOIN rseal_client_miner m ON m.sp_id = p.sp_id"
    " GROUP BY p.sp_id ORDER BY p.sp_id"};
static const slk_sql miners_of = {
    "view.miners_of", "SELECT sp_id FROM rseal_client_pipeline WHERE sector_number = $1 UNION"
                      " SELECT sp_id FROM rseal_provider_pipeline WHERE sector_number = $1"
                      " ORDER BY sp_id"};

/* A column as JSON: NULL null, text string, else number. */
static json_t *text_or_null(const slk_query *q, int column)
{
    const char *text = slk_column_text(q, column);
    return text ? json_string(text) : json_null();
}

static json_t *number_or_null(const slk_query *q, int column)
{
    return slk_column_is_null(q, column) ? json_null() : json_integer(slk_column_i64(q, column));
}

/* One moment in both times of the database (times.h). */
typedef struct moment {
    int64_t now_ms, lived_ms;
} moment;

/* A column in lived time as the time that the clock will say. */
static json_t *lived_or_null(const slk_query *q, int column, const moment *at)
{
    if (slk_column_is_null(q, column))
        return json_null();
    return json_integer(at->now_ms + slk_column_i64(q, column) - at->lived_ms);
}

/* json_object_set_new refuses a NULL value, so one check at the end finds any lack of memory. */
static void put(json_t *object, bool *ok, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        *ok = false;
}

static json_t *proofs_json(const char *list)
{
    json_t *array = json_array();
    for (const char *at = list; array && at && *at;) {
        const char *end = strchr(at + 1, ',');
        if (!end)
            break;
        int64_t number = 0;
        for (const char *c = at + 1; c < end; c++)
            number = number * 10 + (*c - '0');
        if (json_array_append_new(array, json_integer(number)) != 0) {
            json_decref(array);
            return NULL;
        }
        at = end;
    }
    return array;
}

static json_t *partner_json(const slk_query *q)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    put(o, &ok, "id", json_integer(slk_column_i64(q, 0)));
    put(o, &ok, "name", text_or_null(q, 1));
    put(o, &ok, "url", text_or_null(q, 2));
    put(o, &ok, "allowance_remaining", json_integer(slk_column_i64(q, 3)));
    put(o, &ok, "allowance_total", json_integer(slk_column_i64(q, 4)));
    put(o, &ok, "proofs", proofs_json(slk_column_text(q, 5)));
    put(o, &ok, "created_ms", json_integer(slk_column_i64(q, 6)));
    put(o, &ok, "active", json_integer(slk_column_i64(q, 7)));
    put(o, &ok, "live_slots", json_integer(slk_column_i64(q, 8)));
    put(o, &ok, "failed", json_integer(slk_column_i64(q, 9)));
    put(o, &ok, "weight", json_integer(slk_column_i64(q, 10)));
    const int64_t expires_ms = slk_column_i64(q, 11);
    put(o, &ok, "expires_ms", expires_ms > 0 ? json_integer(expires_ms) : json_null());
    put(o, &ok, "miners", json_array());
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *provider_json(const slk_query *q)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    put(o, &ok, "id", json_integer(slk_column_i64(q, 0)));
    put(o, &ok, "sp_id", json_integer(slk_column_i64(q, 1)));
    put(o, &ok, "url", text_or_null(q, 2));
    put(o, &ok, "name", text_or_null(q, 3));
    put(o, &ok, "enabled", json_boolean(slk_column_bool(q, 4)));
    put(o, &ok, "disabled_reason", text_or_null(q, 5));
    put(o, &ok, "created_ms", json_integer(slk_column_i64(q, 6)));
    put(o, &ok, "active", json_integer(slk_column_i64(q, 7)));
    put(o, &ok, "done", json_integer(slk_column_i64(q, 8)));
    put(o, &ok, "failed", json_integer(slk_column_i64(q, 9)));
    put(o, &ok, "price", text_or_null(q, 10));
    put(o, &ok, "orders_move", json_boolean(slk_column_bool(q, 11)));
    put(o, &ok, "verified", json_integer(slk_column_i64(q, 12)));
    put(o, &ok, "failures", json_integer(slk_column_i64(q, 13)));
    put(o, &ok, "lies", json_integer(slk_column_i64(q, 14)));
    put(o, &ok, "releases_owed", json_integer(slk_column_i64(q, 15)));
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

/* Time left of the stage at the rate seen so far; null when nothing can be said. */
static json_t *eta_json(const slk_query *q, int64_t now_ms)
{
    int64_t done = slk_column_i64(q, 12), total = slk_column_i64(q, 13);
    int64_t since = slk_column_i64(q, 14);
    if (slk_column_is_null(q, 10) || done <= 0 || total <= done || since <= 0 || now_ms <= since)
        return json_null();
    double rate = (double)done / (double)(now_ms - since);
    return json_integer((int64_t)((double)(total - done) / rate));
}

/* Columns 9 to 18 of the sector queries; null when the sector has no task. */
static json_t *task_json(const slk_query *q, int64_t now_ms)
{
    if (slk_column_is_null(q, 9))
        return json_null();
    json_t *o = json_object();
    bool ok = o != NULL;
    put(o, &ok, "step", text_or_null(q, 9));
    put(o, &ok, "owner", text_or_null(q, 10));
    put(o, &ok, "running", json_boolean(!slk_column_is_null(q, 10)));
    put(o, &ok, "stage", text_or_null(q, 11));
    put(o, &ok, "done", json_integer(slk_column_i64(q, 12)));
    put(o, &ok, "total", json_integer(slk_column_i64(q, 13)));
    put(o, &ok, "eta_ms", eta_json(q, now_ms));
    put(o, &ok, "attempts", json_integer(slk_column_i64(q, 15)));
    put(o, &ok, "not_before_ms", json_integer(slk_column_i64(q, 16)));
    put(o, &ok, "last_error", text_or_null(q, 17));
    put(o, &ok, "started_ms", number_or_null(q, 18));
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

static void put_client_columns(json_t *o, bool *ok, const slk_query *q)
{
    put(o, ok, "precommit_cid", text_or_null(q, 23));
    put(o, ok, "commit_cid", text_or_null(q, 24));
    put(o, ok, "precommit_epoch", number_or_null(q, 25));
    put(o, ok, "seed_epoch", number_or_null(q, 26));
    put(o, ok, "released", json_boolean(slk_column_bool(q, 27)));
    put(o, ok, "deposit", text_or_null(q, 28));
    put(o, ok, "pledge", text_or_null(q, 29));
    put(o, ok, "lease_until_ms", number_or_null(q, 30));
}

static void put_provider_columns(json_t *o, bool *ok, const slk_query *q, const moment *at)
{
    put(o, ok, "ticket_source", text_or_null(q, 23));
    put(o, ok, "notified", json_boolean(slk_column_bool(q, 24)));
    put(o, ok, "lease_until_ms", lived_or_null(q, 25, at));
    put(o, ok, "started_ms", number_or_null(q, 26));
    put(o, ok, "sealed_ms", number_or_null(q, 27));
    put(o, ok, "reserved_bytes", number_or_null(q, 28));
    put(o, ok, "cleanup_reason", text_or_null(q, 29));
}

static json_t *next_json(const slk_query *q, bool client)
{
    slk_state state;
    const char *name = slk_column_text(q, 3);
    slk_pipeline pipeline = client ? SLK_PIPELINE_CLIENT : SLK_PIPELINE_PROVIDER;
    if (slk_column_bool(q, 4))
        return json_string("a person mends the cause, then retries or cancels the sector");
    if (!name || !slk_state_parse(&state, pipeline, name))
        return json_null();
    return json_string(slk_state_next(state));
}

static json_t *sector_json(const slk_query *q, bool client, const moment *at)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    put(o, &ok, "role", json_string(client ? "client" : "provider"));
    put(o, &ok, "sp_id", json_integer(slk_column_i64(q, 0)));
    put(o, &ok, "number", json_integer(slk_column_i64(q, 1)));
    put(o, &ok, "seal_proof", json_integer(slk_column_i64(q, 2)));
    put(o, &ok, "state", text_or_null(q, 3));
    put(o, &ok, "failed", json_boolean(slk_column_bool(q, 4)));
    put(o, &ok, "reason", text_or_null(q, 5));
    put(o, &ok, "message", text_or_null(q, 6));
    put(o, &ok, "since_ms", json_integer(slk_column_i64(q, 7)));
    put(o, &ok, "created_ms", json_integer(slk_column_i64(q, 8)));
    put(o, &ok, "task", task_json(q, at->now_ms));
    put(o, &ok, "next", next_json(q, client));
    put(o, &ok, "peer", text_or_null(q, 19));
    put(o, &ok, "comm_d", text_or_null(q, 20));
    put(o, &ok, "comm_r", text_or_null(q, 21));
    put(o, &ok, "ticket_epoch", number_or_null(q, 22));
    if (client)
        put_client_columns(o, &ok, q);
    else
        put_provider_columns(o, &ok, q, at);
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *event_json(const slk_query *q)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    put(o, &ok, "at_ms", json_integer(slk_column_i64(q, 0)));
    put(o, &ok, "role", text_or_null(q, 1));
    put(o, &ok, "node", text_or_null(q, 2));
    put(o, &ok, "actor", text_or_null(q, 3));
    put(o, &ok, "event", text_or_null(q, 4));
    put(o, &ok, "from", text_or_null(q, 5));
    put(o, &ok, "to", text_or_null(q, 6));
    put(o, &ok, "detail", text_or_null(q, 7));
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *placement_json(const slk_query *q)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    put(o, &ok, "provider", text_or_null(q, 0));
    put(o, &ok, "url", text_or_null(q, 1));
    put(o, &ok, "ordered_ms", number_or_null(q, 2));
    put(o, &ok, "sealed_ms", number_or_null(q, 3));
    put(o, &ok, "verified_ms", number_or_null(q, 4));
    put(o, &ok, "ended_ms", number_or_null(q, 5));
    put(o, &ok, "outcome", text_or_null(q, 6));
    put(o, &ok, "detail", text_or_null(q, 7));
    put(o, &ok, "release_owed", json_boolean(slk_column_bool(q, 8)));
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

/* Settings that are not set are null. */
static json_t *setting_json(const slk_query *q, int column)
{
    return slk_column_i64(q, column) >= 0 ? number_or_null(q, column) : json_null();
}

static json_t *miner_json(const slk_query *q)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    put(o, &ok, "sp_id", json_integer(slk_column_i64(q, 0)));
    put(o, &ok, "providers", json_integer(slk_column_i64(q, 1)));
    put(o, &ok, "providers_enabled", json_integer(slk_column_i64(q, 2)));
    put(o, &ok, "keep_in_flight", setting_json(q, 3));
    put(o, &ok, "seal_proof", setting_json(q, 4));
    put(o, &ok, "duration_epochs", setting_json(q, 5));
    put(o, &ok, "reserve", text_or_null(q, 6));
    put(o, &ok, "note", text_or_null(q, 7));
    put(o, &ok, "under_way", json_integer(slk_column_i64(q, 8)));
    put(o, &ok, "proving", json_integer(slk_column_i64(q, 9)));
    put(o, &ok, "failed", json_integer(slk_column_i64(q, 10)));
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

enum kind {
    KIND_PARTNER,
    KIND_PROVIDER,
    KIND_PROVIDER_SECTOR,
    KIND_CLIENT_SECTOR,
    KIND_EVENT,
    KIND_PLACEMENT,
    KIND_MINER
};

static json_t *row_json(const slk_query *q, enum kind kind, const moment *at)
{
    switch (kind) {
    case KIND_PARTNER:
        return partner_json(q);
    case KIND_PROVIDER:
        return provider_json(q);
    case KIND_PROVIDER_SECTOR:
        return sector_json(q, false, at);
    case KIND_CLIENT_SECTOR:
        return sector_json(q, true, at);
    case KIND_EVENT:
        return event_json(q);
    case KIND_MINER:
        return miner_json(q);
    case KIND_PLACEMENT:
        return placement_json(q);
    }
    return NULL;
}

/* Appends every row of the query to array. */
static slk_err append_rows(json_t *array, slk_seal *seal, const slk_sql *sql, const slk_arg *args,
                           size_t n, enum kind kind, slk_error *error)
{
    const moment at = {slk_seal_now(seal), slk_seal_lived(seal)};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), sql, args, n, error));
    bool row = true;
    while (true) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        if (json_array_append_new(array, row_json(&q, kind, &at)) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
}

static slk_err new_array(json_t **ret, slk_error *error)
{
    *ret = json_array();
    return *ret ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

static json_t *partner_with(const json_t *array, int64_t id)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *partner = json_array_get(array, i);
        if (json_integer_value(json_object_get(partner, "id")) == id)
            return partner;
    }
    return NULL;
}

/* Every partner's miners into its object; a partner that came between the two reads is left out. */
static slk_err append_miners(json_t *array, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &partner_miners, NULL, 0, error));
    bool row = true;
    while (true) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        json_t *partner = partner_with(array, slk_column_i64(&q, 0));
        if (partner && json_array_append_new(
                           json_object_get(partner, "miners"),
                           json_pack("{s:I,s:I,s:I}", "sp_id", (json_int_t)slk_column_i64(&q, 1),
                                     "max_sectors", (json_int_t)slk_column_i64(&q, 2), "active",
                                     (json_int_t)slk_column_i64(&q, 3))) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
}

slk_err slk_view_partners(slk_buf *out, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *array = NULL;
    SLK_TRY(new_array(&array, error));
    SLK_TRY(append_rows(array, seal, &partners, SLK_ARGS(slk_arg_i(slk_seal_now(seal))),
                        KIND_PARTNER, error));
    SLK_TRY(append_miners(array, seal, error));
    return slk_json_print(out, array);
}

static slk_err put_usual(json_t *list, slk_seal *seal, slk_error *error)
{
    bool ok = true;
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *o = json_array_get(list, i);
        int64_t usual_ms = 0, id = json_integer_value(json_object_get(o, "id"));
        SLK_TRY(slk_client_usual_ms(&usual_ms, slk_seal_db(seal), id, error));
        put(o, &ok, "usual_ms", usual_ms > 0 ? json_integer(usual_ms) : json_null());
    }
    return ok ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

slk_err slk_view_providers(slk_buf *out, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *array = NULL;
    SLK_TRY(new_array(&array, error));
    SLK_TRY(append_rows(array, seal, &providers, NULL, 0, KIND_PROVIDER, error));
    SLK_TRY(put_usual(array, seal, error));
    return slk_json_print(out, array);
}

slk_err slk_view_miners(slk_buf *out, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *array = NULL;
    SLK_TRY(new_array(&array, error));
    SLK_TRY(append_rows(array, seal, &miners, NULL, 0, KIND_MINER, error));
    return slk_json_print(out, array);
}

static slk_err append_sectors(json_t *array, slk_seal *seal, int64_t sp_id, int64_t number,
                              int64_t limit, slk_error *error)
{
    SLK_TRY(append_rows(array, seal, &client_sectors,
                        SLK_ARGS(slk_arg_i(sp_id), slk_arg_i(number), slk_arg_i(limit)),
                        KIND_CLIENT_SECTOR, error));
    return append_rows(array, seal, &provider_sectors,
                       SLK_ARGS(slk_arg_i(sp_id), slk_arg_i(number), slk_arg_i(limit)),
                       KIND_PROVIDER_SECTOR, error);
}

slk_err slk_view_sectors(slk_buf *out, slk_seal *seal, uint64_t limit, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *array = NULL;
    SLK_TRY(new_array(&array, error));
    int64_t most = limit == 0 || limit > 100000 ? 1000 : slk_i64(limit);
    SLK_TRY(append_sectors(array, seal, -1, -1, most, error));
    return slk_json_print(out, array);
}

/* "%text%" in lower case with LIKE's own signs escaped; "" stays "". */
static slk_err like_pattern(slk_buf *out, const char *text, slk_error *error)
{
    slk_err code = *text ? slk_buf_byte(out, '%') : SLK_OK;
    for (const char *c = text; *c && code == SLK_OK; c++) {
        if (strchr("%_\\", *c))
            code = slk_buf_byte(out, '\\');
        if (code == SLK_OK)
            code = slk_buf_byte(out, (uint8_t)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c));
    }
    if (code == SLK_OK && *text)
        code = slk_buf_byte(out, '%');
    return code == SLK_OK ? SLK_OK
                          : slk_fail(error, SLK_E_INVAL, "the text to look for is too long");
}

slk_err slk_view_sector_page(slk_buf *out, slk_seal *seal, const slk_view_filter *filter,
                             slk_error *error)
{
    if (filter->limit == 0 || filter->limit > PAGE_MAX || filter->offset > UINT32_MAX)
        return slk_fail(error, SLK_E_INVAL, "a page has 1 to %u sectors", PAGE_MAX);
    SLK_CLEANUP(slk_buf_done) slk_buf pattern;
    SLK_CLEANUP(slk_buf_done) slk_buf states;
    slk_buf_init(&pattern, TEXT_MAX);
    slk_buf_init(&states, TEXT_MAX);
    SLK_TRY(like_pattern(&pattern, filter->text, error));
    if (*filter->states && slk_buf_printf(&states, ",%s,", filter->states) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "too many states");
    const bool client = filter->pipeline == SLK_PIPELINE_CLIENT;
    const slk_arg args[] = {slk_arg_i(filter->sp_id),         slk_arg_t(slk_buf_str(&states)),
                            slk_arg_i(filter->failed),        slk_arg_i(filter->peer_id),
                            slk_arg_t(slk_buf_str(&pattern)), slk_arg_u(filter->limit),
                            slk_arg_u(filter->offset)};
    int64_t total;
    const slk_sql *count = client ? &client_total : &provider_total;
    if (!*filter->text)
        count = client ? &client_count : &provider_count;
    SLK_TRY(slk_sql_number(&total, slk_seal_db(seal), count, args, 5, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *rows = NULL;
    SLK_TRY(new_array(&rows, error));
    SLK_TRY(append_rows(rows, seal, client ? &client_page : &provider_page, args, 7,
                        client ? KIND_CLIENT_SECTOR : KIND_PROVIDER_SECTOR, error));
    SLK_CLEANUP(slk_json_decrefp)
    json_t *all = json_pack("{s:I,s:O}", "total", (json_int_t)total, "rows", rows);
    if (!all)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_json_print(out, all);
}

/* How long after an entry the same role's next one came. */
static slk_err put_lasted(json_t *events, slk_error *error)
{
    json_t *last[SLK_PIPELINE_COUNT] = {NULL};
    bool ok = true;
    for (size_t i = 0; i < json_array_size(events); i++) {
        json_t *event = json_array_get(events, i);
        const char *role = json_string_value(json_object_get(event, "role"));
        bool client = role && strcmp(role, slk_pipeline_name(SLK_PIPELINE_CLIENT)) == 0;
        json_t **before = &last[client ? SLK_PIPELINE_CLIENT : SLK_PIPELINE_PROVIDER];
        put(event, &ok, "lasted_ms", json_null());
        if (*before)
            put(*before, &ok, "lasted_ms",
                json_integer(json_integer_value(json_object_get(event, "at_ms")) -
                             json_integer_value(json_object_get(*before, "at_ms"))));
        *before = event;
    }
    return ok ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

slk_err slk_view_sector(slk_buf *out, slk_seal *seal, uint64_t sp_id, uint64_t number,
                        slk_error *error)
{
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *roles = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *events = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *placed = NULL;
    const slk_arg key[] = {slk_arg_u(sp_id), slk_arg_u(number)};
    SLK_TRY(new_array(&roles, error));
    SLK_TRY(new_array(&events, error));
    SLK_TRY(new_array(&placed, error));
    SLK_TRY(append_sectors(roles, seal, slk_i64(sp_id), slk_i64(number), 1, error));
    SLK_TRY(append_rows(events, seal, &timeline, key, 2, KIND_EVENT, error));
    SLK_TRY(append_rows(placed, seal, &placements, key, 2, KIND_PLACEMENT, error));
    if (json_array_size(roles) == 0 && json_array_size(events) == 0)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    SLK_TRY(put_lasted(events, error));
    SLK_CLEANUP(slk_json_decrefp)
    json_t *all =
        json_pack("{s:O, s:O, s:O}", "roles", roles, "timeline", events, "placements", placed);
    if (!all)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_json_print(out, all);
}

slk_err slk_view_miners_of(uint64_t *ret_sp_ids, size_t *ret_n, size_t max, slk_seal *seal,
                           uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    size_t n = 0;
    bool row = number <= INT64_MAX;
    if (row)
        SLK_TRY(
            slk_sql_open(&q, slk_seal_db(seal), &miners_of, SLK_ARGS(slk_arg_u(number)), error));
    while (row && n < max) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (row)
            ret_sp_ids[n++] = slk_u64(slk_column_i64(&q, 0));
    }
    *ret_n = n;
    return SLK_OK;
}
