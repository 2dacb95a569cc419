/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/alerts.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

#define KEEP_MS (INT64_C(30) * 24 * 3600 * 1000)

static const slk_sql next_change = {
    "alerts.change",
    "UPDATE seal_sequence SET value = value + 1 WHERE name = 'alert' RETURNING value"};
static const slk_sql find = {
    "alerts.find", "SELECT cleared_ms, severity FROM alert WHERE rule = $1 AND subject = $2"};
static const slk_sql raise_new = {
    "alerts.raise_new",
    "INSERT INTO alert (rule, subject, severity, summary, next_step, node, raised_ms, seen_ms,"
    " raise_change) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)"};
static const slk_sql raise_again = {
    "alerts.raise_again",
    "UPDATE alert SET severity = $3, summary = $4, next_step = $5, node = $6, raised_ms = $7,"
    " seen_ms = $7, raise_change = $8, cleared_ms = 0, acked_ms = 0, acked_by = '',"
    " times = times + 1 WHERE rule = $1 AND subject = $2"};
static const slk_sql still_there = {"alerts.seen",
                                    "UPDATE alert SET severity = $3, summary = $4, seen_ms = $5"
                                    " WHERE rule = $1 AND subject = $2"};
static const slk_sql find_over = {"alerts.over",
                                  "SELECT rule, subject FROM alert WHERE cleared_ms = 0"
                                  " AND seen_ms <= $1 AND (node = '' OR node = $2)"};
static const slk_sql clear_one = {"alerts.clear",
                                  "UPDATE alert SET cleared_ms = $3, clear_change = $4"
                                  " WHERE rule = $1 AND subject = $2"};
static const slk_sql forget = {"alerts.forget",
                               "DELETE FROM alert WHERE cleared_ms > 0 AND cleared_ms < $1"};
static const slk_sql acknowledge = {
    "alerts.ack", "UPDATE alert SET acked_ms = $3, acked_by = $4 WHERE cleared_ms = 0 AND"
                  " acked_ms = 0 AND (rule = $1 OR $1 = '') AND (subject = $2 OR $2 = '')"};
static const slk_sql list = {
    "alerts.list",
    "SELECT rule, severity, subject, summary, next_step, node, raised_ms, cleared_ms, times,"
    " acked_ms, acked_by FROM alert WHERE cleared_ms = 0 OR $1 = 1"
    " ORDER BY CASE WHEN cleared_ms = 0 THEN 0 ELSE 1 END, severity, raised_ms DESC, rule, subject"
    " LIMIT 1000"};

const char *slk_severity_name(slk_severity severity)
{
    return severity == SLK_SEVERITY_CRITICAL ? "critical" : "warning";
}

/* ---- a look ---- */

void slk_look_done(slk_look *look)
{
    slk_free(look->found);
    *look = (slk_look){0};
}

slk_err slk_look_add(slk_look *look, const slk_condition *condition, slk_error *error)
{
    if (look->n == SLK_ALERTS_MAX) {
        look->whole = false;
        return SLK_OK;
    }
    if (!look->found)
        look->found = slk_alloc(SLK_ALERTS_MAX, sizeof *look->found);
    if (!look->found)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for alerts");
    slk_condition *c = &look->found[look->n++];
    *c = *condition;
    slk_text_mend(c->subject); /* they were cut to their fields */
    slk_text_mend(c->summary);
    return SLK_OK;
}

/* ---- what has changed ---- */

struct apply {
    const char *node;
    const slk_look *look;
    int64_t now_ms;
    int64_t clear_ms;
};

static slk_err take_change(int64_t *ret, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, db, &next_change, error));
    SLK_TRY(slk_query_step(&q, &row, error));
    if (!row)
        return slk_fail(error, SLK_E_CORRUPT, "the sequence of alerts is not there");
    *ret = slk_column_i64(&q, 0);
    return SLK_OK;
}

/* Whether the condition is known and stands as it did, or has to be raised (anew). */
static slk_err compare(bool *ret_known, bool *ret_raise, slk_db *db, const slk_condition *c,
                       slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &find, error));
    slk_bind_text(&q, 1, c->rule);
    slk_bind_text(&q, 2, c->subject);
    SLK_TRY(slk_query_step(&q, ret_known, error));
    *ret_raise = true;
    if (!*ret_known)
        return SLK_OK;
    const char *was = slk_column_text(&q, 1);
    const bool worse = c->severity == SLK_SEVERITY_CRITICAL && was &&
                       strcmp(was, slk_severity_name(SLK_SEVERITY_CRITICAL)) != 0;
    *ret_raise = slk_column_i64(&q, 0) != 0 || worse;
    return SLK_OK;
}

static slk_err raise_one(slk_db *db, const struct apply *a, const slk_condition *c,
                         slk_error *error)
{
    bool known = false, raise = false;
    int64_t change = 0;
    SLK_TRY(compare(&known, &raise, db, c, error));
    if (raise)
        SLK_TRY(take_change(&change, db, error));
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db,
                           !raise  ? &still_there
                           : known ? &raise_again
                                   : &raise_new,
                           error));
    slk_bind_text(&q, 1, c->rule);
    slk_bind_text(&q, 2, c->subject);
    slk_bind_text(&q, 3, slk_severity_name(c->severity));
    slk_bind_text(&q, 4, c->summary);
    if (raise) {
        slk_bind_text(&q, 5, c->next);
        slk_bind_text(&q, 6, c->own ? a->node : "");
        slk_bind_i64(&q, 7, a->now_ms);
        slk_bind_i64(&q, 8, change);
    } else {
        slk_bind_i64(&q, 5, a->now_ms);
    }
    return slk_query_run(&q, error);
}

/* One alert that is over, copied, so that the query has ended before the next begins. */
struct over {
    bool found;
    char rule[64];
    char subject[SLK_ALERT_SUBJECT_CHARS];
};

static slk_err find_one_over(struct over *ret, slk_db *db, const struct apply *a, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &find_over, error));
    slk_bind_i64(&q, 1, a->now_ms - a->clear_ms);
    slk_bind_text(&q, 2, a->node);
    SLK_TRY(slk_query_step(&q, &ret->found, error));
    if (ret->found) {
        (void)snprintf(ret->rule, sizeof ret->rule, "%s", slk_column_text(&q, 0));
        (void)snprintf(ret->subject, sizeof ret->subject, "%s", slk_column_text(&q, 1));
    }
    return SLK_OK;
}

static slk_err clear_over(slk_db *db, const struct apply *a, slk_error *error)
{
    while (true) {
        struct over over = {0};
        SLK_TRY(find_one_over(&over, db, a, error));
        if (!over.found)
            return SLK_OK;
        int64_t change = 0;
        SLK_TRY(take_change(&change, db, error));
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_query_init(&q, db, &clear_one, error));
        slk_bind_text(&q, 1, over.rule);
        slk_bind_text(&q, 2, over.subject);
        slk_bind_i64(&q, 3, a->now_ms);
        slk_bind_i64(&q, 4, change);
        SLK_TRY(slk_query_run(&q, error));
    }
}

static slk_err apply_body(slk_db *db, void *context, slk_error *error)
{
    const struct apply *a = context;
    for (size_t i = 0; i < a->look->n; i++)
        SLK_TRY(raise_one(db, a, &a->look->found[i], error));
    if (a->look->whole)
        SLK_TRY(clear_over(db, a, error));
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &forget, error));
    slk_bind_i64(&q, 1, a->now_ms - KEEP_MS);
    return slk_query_run(&q, error);
}

slk_err slk_alerts_apply(slk_db *db, const char *node, const slk_look *look, int64_t now_ms,
                         int64_t clear_ms, slk_error *error)
{
    struct apply a = {node, look, now_ms, clear_ms};
    return slk_db_tx(db, apply_body, &a, error);
}

/* ---- people ---- */

slk_err slk_alerts_ack(uint64_t *ret_n, slk_db *db, const char *rule, const char *subject,
                       const char *who, int64_t now_ms, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &acknowledge, error));
    slk_bind_text(&q, 1, rule ? rule : "");
    slk_bind_text(&q, 2, subject ? subject : "");
    slk_bind_i64(&q, 3, now_ms);
    slk_bind_text(&q, 4, who);
    SLK_TRY(slk_query_run(&q, error));
    *ret_n = (uint64_t)slk_query_changes(&q);
    return SLK_OK;
}

static json_t *time_or_null(int64_t ms)
{
    return ms > 0 ? json_integer(ms) : json_null();
}

/* What was stored before it was mended at the door reads well, too. */
static json_t *text_json(const slk_query *q, int column)
{
    const char *text = slk_column_text(q, column);
    SLK_CLEANUP(slk_freep) char *readable = slk_text_printable(text ? text : "");
    return readable ? json_string(readable) : NULL;
}

static json_t *row_json(const slk_query *q)
{
    return json_pack("{s:s,s:s,s:o,s:o,s:s,s:s,s:I,s:o,s:I,s:o,s:s}", "rule", slk_column_text(q, 0),
                     "severity", slk_column_text(q, 1), "subject", text_json(q, 2), "summary",
                     text_json(q, 3), "next", slk_column_text(q, 4), "node", slk_column_text(q, 5),
                     "raised_ms", (json_int_t)slk_column_i64(q, 6), "cleared_ms",
                     time_or_null(slk_column_i64(q, 7)), "times", (json_int_t)slk_column_i64(q, 8),
                     "acked_ms", time_or_null(slk_column_i64(q, 9)), "acked_by",
                     slk_column_text(q, 10));
}

slk_err slk_alerts_list(json_t **ret_list, slk_db *db, bool all, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *array = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &list, error));
    slk_bind_i64(&q, 1, all);
    while (true) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        if (json_array_append_new(array, row_json(&q)) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for the list of alerts");
    }
    *ret_list = array;
    array = NULL;
    return SLK_OK;
}
