/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/delivery.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/client.h"
#include "net/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CALL_TIMEOUT_MS 15000
#define LEASE_MS 60000
#define GAP_MS 30000 /* least distance of two messages */
#define AGAIN_MS 10000 /* after the first failure; doubles */
#define AGAIN_MAX_MS (INT64_C(15) * 60 * 1000)
#define ALERTMANAGER_REPEAT_MS 60000
#define ALERTMANAGER_GOOD_MS (INT64_C(5) * 60 * 1000)
#define BODY_MAX_BYTES ((size_t)1 << 20)
#define SEGMENT_LEAST 6u /* shorter words of a URL's path are no secrets */

struct slk_delivery {
    slk_http_client *client;
    char *url[SLK_RECEIVER_COUNT]; /* NULL: not told */
    char *secret;
    int64_t repeat_ms;
};

static const slk_sql add_receiver = {"delivery.add", "INSERT INTO alert_receiver (name) VALUES ($1)"
                                                     " ON CONFLICT (name) DO NOTHING"};
static const slk_sql read_receiver = {
    "delivery.read",
    "SELECT r.change, r.sent_ms, r.next_ms, r.failures, s.value FROM alert_receiver r,"
    " seal_sequence s WHERE r.name = $1 AND s.name = 'alert'"};
static const slk_sql claim = {
    "delivery.claim",
    "UPDATE alert_receiver SET owner = $2, lease_until_ms = $3 WHERE name = $1"
    " AND change = $4 AND next_ms = $5 AND (owner IS NULL OR lease_until_ms < $6)"};
static const slk_sql told = {
    "delivery.told", "UPDATE alert_receiver SET change = $3, sent_ms = $4, next_ms = $5,"
                     " failures = 0, last_error = '', owner = NULL WHERE name = $1 AND owner = $2"};
static const slk_sql not_told = {"delivery.not_told",
                                 "UPDATE alert_receiver SET next_ms = $3, failures = failures + 1,"
                                 " last_error = $4, owner = NULL WHERE name = $1 AND owner = $2"};

#define NOTICE                                                                   \
    "SELECT rule, severity, subject, summary, next_step, raised_ms, cleared_ms," \
    " CASE WHEN cleared_ms = 0 THEN raise_change ELSE clear_change END AS change FROM alert"
/* What a receiver told of everything up to $1 does not know. */
static const slk_sql find_news = {
    "delivery.news", NOTICE " WHERE (cleared_ms = 0 AND raise_change > $1) OR (cleared_ms > 0 AND"
                            " clear_change > $1 AND raise_change <= $1) ORDER BY 8 LIMIT 100"};
static const slk_sql find_active = {
    "delivery.active",
    NOTICE " WHERE cleared_ms = 0 OR clear_change > $1 ORDER BY 8 DESC LIMIT 100"};
static const slk_sql find_unacknowledged = {
    "delivery.unacknowledged",
    NOTICE " WHERE cleared_ms = 0 AND acked_ms = 0 AND $1 >= 0 ORDER BY 8 LIMIT 100"};

/* ---- made and gone ---- */

static bool is_this_machine(const char *url)
{
    static const char *const hosts[] = {"http://127.0.0.1", "http://[::1]", "http://localhost"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        const size_t n = strlen(hosts[i]);
        if (strncasecmp(url, hosts[i], n) == 0 && strchr(":/", url[n]))
            return true; /* strchr finds the final NUL, too */
    }
    return false;
}

static slk_err take_url(char **ret, slk_receiver_kind kind, const char *url, slk_error *error)
{
    if (!url || !*url)
        return SLK_OK;
    if (strncasecmp(url, "https://", 8) != 0 && !is_this_machine(url))
        return slk_fail(error, SLK_E_INVAL,
                        "the URL of the %s for alerts must be https://, or http:// of this machine",
                        slk_receiver_name(kind));
    *ret = slk_strdup(url);
    return *ret ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory for receivers of alerts");
}

slk_err slk_delivery_new(slk_delivery **ret_delivery, const slk_delivery_options *options,
                         slk_error *error)
{
    SLK_CLEANUP(slk_delivery_freep) slk_delivery *d = slk_calloc(1, sizeof *d);
    if (!d)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for receivers of alerts");
    d->repeat_ms = options->repeat_ms;
    for (unsigned i = 0; i < SLK_RECEIVER_COUNT; i++)
        SLK_TRY(take_url(&d->url[i], (slk_receiver_kind)i, options->url[i], error));
    if (options->webhook_secret && *options->webhook_secret &&
        !(d->secret = slk_strdup(options->webhook_secret)))
        return slk_fail(error, SLK_E_NOMEM, "out of memory for receivers of alerts");
    const slk_http_client_options http = {.allow_plain_http = true, .ca_file = options->ca_file};
    SLK_TRY(slk_http_client_new(&d->client, &http, error));
    *ret_delivery = d;
    d = NULL;
    return SLK_OK;
}

static void wipe_text(char *text)
{
    if (text)
        slk_bytes_wipe(text, strlen(text));
    slk_free(text);
}

void slk_delivery_free(slk_delivery *delivery)
{
    if (!delivery)
        return;
    slk_http_client_free(delivery->client);
    for (unsigned i = 0; i < SLK_RECEIVER_COUNT; i++)
        wipe_text(delivery->url[i]);
    wipe_text(delivery->secret);
    slk_free(delivery);
}

void slk_delivery_freep(slk_delivery **delivery)
{
    slk_delivery_free(*delivery);
    *delivery = NULL;
}

bool slk_delivery_has(const slk_delivery *delivery, slk_receiver_kind kind)
{
    return delivery->url[kind] != NULL;
}

/* ---- one message ---- */

/* Takes every word of the URL's path and query out of a message: with many services they are the
 * secret. */
static void hide_url(char *message, const char *url)
{
    const char *at = strstr(url, "://");
    at = at ? at + 3 + strcspn(at + 3, "/?") : url;
    while (*at) {
        at += strspn(at, "/?&=");
        const size_t n = strcspn(at, "/?&=");
        char word[512];
        if (n >= SEGMENT_LEAST && n < sizeof word) {
            memcpy(word, at, n);
            word[n] = 0;
            for (char *hit = message; (hit = strstr(hit, word)) != NULL; hit += n)
                memset(hit, '*', n);
        }
        at += n;
    }
}

static slk_err post(slk_delivery *d, slk_receiver_kind kind, const slk_buf *body, slk_job *job,
                    slk_error *error)
{
    char signature[80] = "sha256=";
    const slk_http_header header = {.name = "X-Selkie-Signature", .value = signature};
    const bool is_signed = kind == SLK_RECEIVER_WEBHOOK && d->secret;
    if (is_signed)
        slk_net_sign(signature + strlen(signature), d->secret, body->data, body->len);
    const slk_http_request request = {
        .method = "POST",
        .url = d->url[kind],
        .headers = &header,
        .n_headers = is_signed ? 1 : 0,
        .body = body->data,
        .body_bytes = body->len,
        .content_type = "application/json",
        .total_timeout_ms = CALL_TIMEOUT_MS,
        .job = job,
    };
    slk_http_response response;
    slk_err code = slk_http_call(d->client, &request, &response, error);
    if (code == SLK_OK) {
        code = slk_http_expect_success(&response, slk_receiver_name(kind), error);
        slk_http_response_done(&response);
    }
    if (code != SLK_OK && error)
        hide_url(error->message, d->url[kind]);
    return code;
}

static slk_err tell(slk_delivery *d, slk_receiver_kind kind, const char *node,
                    const slk_notice *notices, size_t n, int64_t now_ms, slk_job *job,
                    slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf body;
    slk_buf_init(&body, BODY_MAX_BYTES);
    SLK_TRY(slk_receiver_body(&body, kind, node, notices, n, now_ms, ALERTMANAGER_GOOD_MS, error));
    return post(d, kind, &body, job, error);
}

slk_err slk_delivery_test(slk_delivery *delivery, slk_receiver_kind kind, const char *node,
                          int64_t now_ms, slk_error *error)
{
    if (!delivery->url[kind])
        return slk_fail(error, SLK_E_NOTFOUND, "no %s is configured in [Alerting]",
                        slk_receiver_name(kind));
    const slk_notice notice = slk_notice_test(now_ms);
    return tell(delivery, kind, node, &notice, 1, now_ms, NULL, error);
}

/* ---- whose turn it is ---- */

/* A receiver's row as it was read, and what it is to be told. */
struct turn {
    const char *name;
    const char *node;
    int64_t now_ms;
    int64_t change, sent_ms, next_ms, failures;
    int64_t newest; /* change there was when the row was read */
    slk_notice *notices; /* SLK_NOTICES_MAX of them */
    size_t n;
    int64_t upto; /* change to note once it is told */
};

static slk_err read_row(bool *ret_found, struct turn *t, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, db, &read_receiver, error));
    slk_bind_text(&q, 1, t->name);
    SLK_TRY(slk_query_step(&q, &row, error));
    *ret_found = row;
    if (!row)
        return SLK_OK;
    t->change = slk_column_i64(&q, 0);
    t->sent_ms = slk_column_i64(&q, 1);
    t->next_ms = slk_column_i64(&q, 2);
    t->failures = slk_column_i64(&q, 3);
    t->newest = slk_column_i64(&q, 4);
    return SLK_OK;
}

/* Makes the receiver's row when it is told for the first time. */
static slk_err make_row(const struct turn *t, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &add_receiver, error));
    slk_bind_text(&q, 1, t->name);
    return slk_query_run(&q, error);
}

static void take_notice(slk_notice *out, const slk_query *q)
{
    char *const texts[] = {out->rule, out->severity, out->subject, out->summary, out->next};
    const size_t sizes[] = {sizeof out->rule, sizeof out->severity, sizeof out->subject,
                            sizeof out->summary, sizeof out->next};
    for (int i = 0; i < 5; i++) {
        const char *text = slk_column_text(q, i);
        (void)snprintf(texts[i], sizes[i], "%s", text ? text : "");
        slk_text_mend(texts[i]); /* JSON takes no other */
    }
    out->raised_ms = slk_column_i64(q, 5);
    out->cleared_ms = slk_column_i64(q, 6);
}

static slk_err read_notices(struct turn *t, slk_db *db, const slk_sql *sql, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, sql, error));
    slk_bind_i64(&q, 1, t->change);
    t->upto = t->newest;
    for (t->n = 0; t->n < SLK_NOTICES_MAX; t->n++) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        take_notice(&t->notices[t->n], &q);
        if (t->n == SLK_NOTICES_MAX - 1 && sql == &find_news)
            t->upto = slk_column_i64(&q, 7); /* the next message has the rest */
    }
    return SLK_OK;
}

/* What this receiver is due now; none: *t has n 0. */
static slk_err choose(struct turn *t, slk_db *db, const slk_delivery *d, slk_receiver_kind kind,
                      slk_error *error)
{
    t->n = 0;
    if (t->next_ms > t->now_ms)
        return SLK_OK;
    if (kind == SLK_RECEIVER_ALERTMANAGER) {
        if (t->newest > t->change || t->now_ms - t->sent_ms >= ALERTMANAGER_REPEAT_MS)
            return read_notices(t, db, &find_active, error);
        return SLK_OK;
    }
    if (t->newest > t->change)
        SLK_TRY(read_notices(t, db, &find_news, error));
    if (t->n == 0 && d->repeat_ms > 0 && t->now_ms - t->sent_ms >= d->repeat_ms)
        SLK_TRY(read_notices(t, db, &find_unacknowledged, error));
    return SLK_OK;
}

static slk_err take_lease(bool *ret_ours, const struct turn *t, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &claim, error));
    slk_bind_text(&q, 1, t->name);
    slk_bind_text(&q, 2, t->node);
    slk_bind_i64(&q, 3, t->now_ms + LEASE_MS);
    slk_bind_i64(&q, 4, t->change);
    slk_bind_i64(&q, 5, t->next_ms);
    slk_bind_i64(&q, 6, t->now_ms);
    SLK_TRY(slk_query_run(&q, error));
    *ret_ours = slk_query_changes(&q) == 1;
    return SLK_OK;
}

static slk_err note_told(const struct turn *t, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &told, error));
    slk_bind_text(&q, 1, t->name);
    slk_bind_text(&q, 2, t->node);
    slk_bind_i64(&q, 3, t->upto);
    slk_bind_i64(&q, 4, t->now_ms);
    slk_bind_i64(&q, 5, t->now_ms + GAP_MS);
    return slk_query_run(&q, error);
}

static slk_err note_not_told(const struct turn *t, slk_db *db, const char *why, slk_error *error)
{
    int64_t again = AGAIN_MS;
    for (int64_t i = 0; i < t->failures && again < AGAIN_MAX_MS; i++)
        again *= 2;
    again = again < AGAIN_MAX_MS ? again : AGAIN_MAX_MS;
    slk_log(SLK_LOG_WARN, "alerts.undelivered",
            "receiver=%s alerts=%zu again_ms=%" PRId64 " why=\"%s\"", t->name, t->n, again, why);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &not_told, error));
    slk_bind_text(&q, 1, t->name);
    slk_bind_text(&q, 2, t->node);
    slk_bind_i64(&q, 3, t->now_ms + again);
    slk_bind_text(&q, 4, why);
    return slk_query_run(&q, error);
}

static slk_err turn_of(slk_delivery *d, slk_db *db, slk_receiver_kind kind, struct turn *t,
                       slk_job *job, slk_error *error)
{
    bool ours = false;
    bool found = false;
    SLK_TRY(read_row(&found, t, db, error));
    if (!found)
        return make_row(t, db, error); /* told at the next turn */
    SLK_TRY(choose(t, db, d, kind, error));
    if (t->n == 0)
        return SLK_OK;
    SLK_TRY(take_lease(&ours, t, db, error));
    if (!ours)
        return SLK_OK;
    slk_error why = {0};
    const slk_err code = tell(d, kind, t->node, t->notices, t->n, t->now_ms, job, &why);
    if (code != SLK_OK)
        return note_not_told(t, db, slk_error_text(&why, code), error);
    slk_log(SLK_LOG_INFO, "alerts.delivered", "receiver=%s alerts=%zu", t->name, t->n);
    return note_told(t, db, error);
}

slk_err slk_delivery_turn(slk_delivery *delivery, slk_db *db, const char *node, int64_t now_ms,
                          slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep)
    slk_notice *notices = slk_alloc(SLK_NOTICES_MAX, sizeof *notices);
    if (!notices)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for alerts");
    for (unsigned i = 0; i < SLK_RECEIVER_COUNT; i++) {
        struct turn t = {.name = slk_receiver_name((slk_receiver_kind)i),
                         .node = node,
                         .now_ms = now_ms,
                         .notices = notices};
        if (delivery->url[i])
            SLK_TRY(turn_of(delivery, db, (slk_receiver_kind)i, &t, job, error));
    }
    return SLK_OK;
}
