/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Raising, clearing, acknowledging; and telling real HTTP servers, once. */
#include "monitor/alerts.h"

#include "base/mem.h"
#include "codec/json.h"
#include "monitor/delivery.h"
#include "net/server.h"
#include "net/token.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define T0 INT64_C(1700000000000)
#define CLEAR_MS 60000
#define SECRET "canary-of-the-webhook"
#define PATH_WORD "T0CANARYOFTHEPATH"

static int make(void **state)
{
    *state = world_new();
    return 0;
}

static int unmake(void **state)
{
    world_free(*state);
    return 0;
}

/* ---- looks ---- */

static slk_condition condition(const char *rule, const char *subject, slk_severity severity,
                               bool own)
{
    slk_condition c = {.rule = rule, .next = "do this", .severity = severity, .own = own};
    (void)snprintf(c.subject, sizeof c.subject, "%s", subject);
    (void)snprintf(c.summary, sizeof c.summary, "it is <so> & so");
    return c;
}

/* One look of a node that finds the conditions given, up to one without a rule. */
static void look_whole(world *w, const char *node, int64_t now_ms, const slk_condition *found,
                       bool whole)
{
    SLK_CLEANUP(slk_look_done) slk_look look = {.whole = whole};
    slk_error error = {0};
    for (; found && found->rule; found++)
        assert_int_equal(slk_look_add(&look, found, &error), SLK_OK);
    if (slk_alerts_apply(w->provider.db, node, &look, now_ms, CLEAR_MS, &error) != SLK_OK)
        fail_msg("%s", error.message);
}

static void look(world *w, const char *node, int64_t now_ms, const slk_condition *found)
{
    look_whole(w, node, now_ms, found, true);
}

static json_t *list(world *w, bool all)
{
    json_t *array = NULL;
    slk_error error = {0};
    if (slk_alerts_list(&array, w->provider.db, all, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return array;
}

static size_t active(world *w)
{
    json_t *array = list(w, false);
    const size_t n = json_array_size(array);
    json_decref(array);
    return n;
}

static int64_t number(world *w, const char *field)
{
    json_t *array = list(w, true);
    assert_true(json_array_size(array) > 0);
    const int64_t value = json_integer_value(json_object_get(json_array_get(array, 0), field));
    json_decref(array);
    return value;
}

static const slk_condition nothing = {.rule = NULL};

static void raised_once_and_cleared(void **state)
{
    world *w = *state;
    const slk_condition found[] = {condition("disk-low", "a", SLK_SEVERITY_WARNING, false),
                                   nothing};
    look(w, "n1", T0, found);
    look(w, "n2", T0 + 1000, found); /* another node sees the same */
    assert_int_equal(active(w), 1);
    assert_int_equal(number(w, "raised_ms"), T0);
    assert_int_equal(number(w, "times"), 1);
    look(w, "n1", T0 + 1000 + CLEAR_MS - 1, NULL);
    assert_int_equal(active(w), 1); /* may be back in a moment */
    look_whole(w, "n1", T0 + 1000 + CLEAR_MS, NULL, false);
    assert_int_equal(active(w), 1); /* a look that failed in part proves nothing */
    look(w, "n1", T0 + 1000 + CLEAR_MS, NULL);
    assert_int_equal(active(w), 0);
    assert_int_equal(number(w, "cleared_ms"), T0 + 1000 + CLEAR_MS);
    look(w, "n1", T0 + 200000, found);
    assert_int_equal(active(w), 1);
    assert_int_equal(number(w, "times"), 2);
    look(w, "n1", T0 + 200000 + INT64_C(40) * 24 * 3600 * 1000, NULL);
    json_t *all = list(w, true);
    assert_int_equal(json_array_size(all), 1);
    json_decref(all);
    look(w, "n1", T0 + 200000 + INT64_C(80) * 24 * 3600 * 1000, NULL);
    all = list(w, true);
    assert_int_equal(json_array_size(all), 0); /* forgotten after 30 days */
    json_decref(all);
}

static void a_node_clears_its_own_alone(void **state)
{
    world *w = *state;
    const slk_condition found[] = {condition("disk-low", "n1", SLK_SEVERITY_WARNING, true),
                                   nothing};
    look(w, "n1", T0, found);
    look(w, "n2", T0 + 10 * CLEAR_MS, NULL);
    assert_int_equal(active(w), 1);
    look(w, "n1", T0 + 10 * CLEAR_MS, NULL);
    assert_int_equal(active(w), 0);
}

static void acknowledged_until_it_grows_worse(void **state)
{
    world *w = *state;
    uint64_t n = 0;
    slk_error error = {0};
    slk_condition found[] = {condition("lease-ending", "f01000/7", SLK_SEVERITY_WARNING, false),
                             condition("lease-ending", "f01000/8", SLK_SEVERITY_WARNING, false),
                             nothing};
    look(w, "n1", T0, found);
    assert_int_equal(
        slk_alerts_ack(&n, w->provider.db, "lease-ending", "f01000/7", "ann", T0 + 5, &error),
        SLK_OK);
    assert_int_equal(n, 1);
    assert_int_equal(slk_alerts_ack(&n, w->provider.db, "other", NULL, "ann", T0 + 5, &error),
                     SLK_OK);
    assert_int_equal(n, 0);
    found[0].severity = SLK_SEVERITY_CRITICAL;
    look(w, "n1", T0 + 1000, found);
    assert_int_equal(number(w, "acked_ms"), 0); /* the critical one comes first */
    assert_int_equal(number(w, "raised_ms"), T0 + 1000);
    assert_int_equal(slk_alerts_ack(&n, w->provider.db, NULL, NULL, "ann", T0 + 2000, &error),
                     SLK_OK);
    assert_int_equal(n, 2);
    found[0].severity = SLK_SEVERITY_WARNING; /* better is no news */
    look(w, "n1", T0 + 3000, found);
    assert_int_equal(number(w, "times"), 2);
    assert_int_equal(number(w, "acked_ms"), T0 + 2000);
}

static void a_look_is_bounded(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_look_done) slk_look all = {.whole = true};
    const slk_condition c = condition("r", "s", SLK_SEVERITY_WARNING, false);
    for (unsigned i = 0; i <= SLK_ALERTS_MAX; i++)
        assert_int_equal(slk_look_add(&all, &c, NULL), SLK_OK);
    assert_int_equal(all.n, SLK_ALERTS_MAX);
    assert_false(all.whole);
}

/* ---- a receiver ---- */

struct receiver {
    slk_http_server *server;
    pthread_mutex_t mutex;
    unsigned calls;
    int status;
    char body[65536];
    char signature[128];
    char url[128];
};

static slk_err take(void *context, slk_http_exchange *exchange, slk_error *error)
{
    (void)error;
    struct receiver *r = context;
    size_t n;
    const char *body = slk_http_body(exchange, &n);
    const char *signature = slk_http_header_value(exchange, "X-Selkie-Signature");
    pthread_mutex_lock(&r->mutex);
    r->calls++;
    (void)snprintf(r->body, sizeof r->body, "%s", body);
    (void)snprintf(r->signature, sizeof r->signature, "%s", signature ? signature : "");
    const int status = r->status;
    pthread_mutex_unlock(&r->mutex);
    /* A receiver that shows what it was sent to. */
    return slk_http_reply_text(exchange, status, "%s", slk_http_path(exchange));
}

static void receiver_start(struct receiver *r, slk_http_route *route)
{
    *r = (struct receiver){.status = 200};
    assert_int_equal(pthread_mutex_init(&r->mutex, NULL), 0);
    *route = (slk_http_route){
        .method = "POST", .path = "/services/" PATH_WORD, .handler = take, .context = r};
    const slk_http_server_options options = {
        .listen = "127.0.0.1:0", .routes = route, .n_routes = 1};
    slk_error error = {0};
    if (slk_http_server_new(&r->server, &options, &error) != SLK_OK)
        fail_msg("%s", error.message);
    (void)snprintf(r->url, sizeof r->url, "http://127.0.0.1:%u/services/" PATH_WORD "?k=******",
                   (unsigned)slk_http_server_port(r->server));
}

static void receiver_stop(struct receiver *r)
{
    slk_http_server_free(r->server);
    (void)pthread_mutex_destroy(&r->mutex);
}

static slk_delivery *delivery_to(const struct receiver *r, slk_receiver_kind kind,
                                 int64_t repeat_ms)
{
    slk_delivery_options options = {.webhook_secret = SECRET, .repeat_ms = repeat_ms};
    options.url[kind] = r->url;
    slk_delivery *delivery = NULL;
    slk_error error = {0};
    if (slk_delivery_new(&delivery, &options, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return delivery;
}

/* A turn of a node at a time; how often the receiver has been called by now. */
static unsigned turn(world *w, slk_delivery *delivery, struct receiver *r, const char *node,
                     int64_t now_ms)
{
    slk_error error = {0};
    if (slk_delivery_turn(delivery, w->provider.db, node, now_ms, NULL, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return r->calls;
}

static void a_webhook_is_told_once(void **state)
{
    world *w = *state;
    struct receiver r;
    slk_http_route route;
    receiver_start(&r, &route);
    SLK_CLEANUP(slk_delivery_freep) slk_delivery *one = delivery_to(&r, SLK_RECEIVER_WEBHOOK, 0);
    SLK_CLEANUP(slk_delivery_freep) slk_delivery *two = delivery_to(&r, SLK_RECEIVER_WEBHOOK, 0);
    const slk_condition found[] = {condition("disk-low", "a", SLK_SEVERITY_CRITICAL, false),
                                   condition("sector-stuck", "b", SLK_SEVERITY_WARNING, false),
                                   nothing};
    assert_int_equal(turn(w, one, &r, "n1", T0), 0); /* nothing to tell */
    look(w, "n1", T0, found);
    assert_int_equal(turn(w, one, &r, "n1", T0 + 1000), 1); /* both in one message */
    char signature[80] = "sha256=";
    slk_net_sign(signature + 7, SECRET, r.body, strlen(r.body));
    assert_string_equal(r.signature, signature);
    SLK_CLEANUP(slk_json_decrefp) json_t *body = json_loads(r.body, 0, NULL);
    json_t *alerts = json_object_get(body, "alerts");
    assert_int_equal(json_array_size(alerts), 2);
    const json_t *first = json_array_get(alerts, 0);
    assert_string_equal(json_string_value(json_object_get(first, "state")), "raised");
    assert_string_equal(json_string_value(json_object_get(first, "rule")), "disk-low");
    assert_string_equal(json_string_value(json_object_get(first, "summary")), "it is <so> & so");
    assert_string_equal(json_string_value(json_object_get(body, "node")), "n1");
    /* Neither the other node nor a restart tells it again. */
    assert_int_equal(turn(w, two, &r, "n2", T0 + 40000), 1);
    assert_int_equal(turn(w, one, &r, "n1", T0 + 80000), 1);
    look(w, "n1", T0 + 100000, NULL);
    assert_int_equal(turn(w, two, &r, "n2", T0 + 110000), 2);
    assert_non_null(strstr(r.body, "\"state\":\"cleared\""));
    receiver_stop(&r);
}

/* A rule's words end where their field does, perhaps inside a character. */
static void cut_words_are_told(void **state)
{
    world *w = *state;
    struct receiver r;
    slk_http_route route;
    receiver_start(&r, &route);
    SLK_CLEANUP(slk_delivery_freep) slk_delivery *d = delivery_to(&r, SLK_RECEIVER_WEBHOOK, 0);
    slk_condition found[] = {condition("disk-low", "a\xc3", SLK_SEVERITY_WARNING, false), nothing};
    look(w, "n1", T0, found);
    (void)turn(w, d, &r, "n1", T0); /* makes its row */
    assert_int_equal(turn(w, d, &r, "n1", T0 + 1), 1);
    assert_non_null(strstr(r.body, "\"subject\":\"a\""));
    receiver_stop(&r);
}

static void messages_keep_their_distance(void **state)
{
    world *w = *state;
    struct receiver r;
    slk_http_route route;
    receiver_start(&r, &route);
    SLK_CLEANUP(slk_delivery_freep) slk_delivery *d = delivery_to(&r, SLK_RECEIVER_WEBHOOK, 0);
    slk_condition found[] = {condition("disk-low", "a", SLK_SEVERITY_WARNING, false), nothing,
                             nothing};
    look(w, "n1", T0, found);
    (void)turn(w, d, &r, "n1", T0); /* makes its row */
    assert_int_equal(turn(w, d, &r, "n1", T0 + 1), 1);
    found[1] = condition("disk-low", "b", SLK_SEVERITY_WARNING, false);
    look(w, "n1", T0 + 100, found);
    assert_int_equal(turn(w, d, &r, "n1", T0 + 29000), 1);
    assert_int_equal(turn(w, d, &r, "n1", T0 + 30001), 2);
    assert_null(strstr(r.body, "\"subject\":\"a\""));
    receiver_stop(&r);
}

static void what_came_and_went_is_not_told(void **state)
{
    world *w = *state;
    struct receiver r;
    slk_http_route route;
    receiver_start(&r, &route);
    SLK_CLEANUP(slk_delivery_freep) slk_delivery *d = delivery_to(&r, SLK_RECEIVER_WEBHOOK, 0);
    const slk_condition found[] = {condition("disk-low", "a", SLK_SEVERITY_WARNING, false),
                                   nothing};
    (void)turn(w, d, &r, "n1", T0);
    look(w, "n1", T0, found);
    look(w, "n1", T0 + CLEAR_MS, NULL);
    assert_int_equal(turn(w, d, &r, "n1", T0 + 2 * CLEAR_MS), 0);
    receiver_stop(&r);
}

static void last_error(world *w, char out[400])
{
    static const slk_sql read = {"t.last", "SELECT last_error FROM alert_receiver"};
    slk_query q = {0};
    bool row = false;
    assert_int_equal(slk_query_init(&q, w->provider.db, &read, NULL), SLK_OK);
    assert_int_equal(slk_query_step(&q, &row, NULL), SLK_OK);
    assert_true(row);
    (void)snprintf(out, 400, "%s", slk_column_text(&q, 0));
    slk_query_done(&q);
}

/* The receiver answers with an error that shows the URL's secret; then it is gone altogether. */
static void failures_are_tried_again_and_show_no_secret(void **state)
{
    world *w = *state;
    struct receiver r;
    slk_http_route route;
    receiver_start(&r, &route);
    r.status = 500;
    SLK_CLEANUP(slk_delivery_freep) slk_delivery *d = delivery_to(&r, SLK_RECEIVER_WEBHOOK, 0);
    const slk_condition found[] = {condition("disk-low", "a", SLK_SEVERITY_WARNING, false),
                                   nothing};
    char why[400];
    look(w, "n1", T0, found);
    (void)turn(w, d, &r, "n1", T0);
    assert_int_equal(turn(w, d, &r, "n1", T0), 1);
    last_error(w, why);
    assert_non_null(strstr(why, "500"));
    assert_null(strstr(why, PATH_WORD));
    assert_int_equal(turn(w, d, &r, "n1", T0 + 9999), 1);
    assert_int_equal(turn(w, d, &r, "n1", T0 + 10000), 2);
    assert_int_equal(turn(w, d, &r, "n1", T0 + 29999), 2); /* twice as long */
    r.status = 200;
    assert_int_equal(turn(w, d, &r, "n1", T0 + 30000), 3);
    last_error(w, why);
    assert_string_equal(why, "");
    slk_error error = {0};
    r.status = 500;
    assert_int_not_equal(slk_delivery_test(d, SLK_RECEIVER_WEBHOOK, "n1", T0, &error), SLK_OK);
    assert_null(strstr(error.message, PATH_WORD));
    receiver_stop(&r);
    assert_int_equal(slk_delivery_test(d, SLK_RECEIVER_WEBHOOK, "n1", T0, &error),
                     SLK_E_UNREACHABLE);
    assert_null(strstr(error.message, PATH_WORD));
    assert_int_equal(slk_delivery_test(d, SLK_RECEIVER_SLACK, "n1", T0, &error), SLK_E_NOTFOUND);
}

static void unacknowledged_alerts_are_repeated(void **state)
{
    world *w = *state;
    struct receiver r;
    slk_http_route route;
    uint64_t n = 0;
    receiver_start(&r, &route);
    SLK_CLEANUP(slk_delivery_freep) slk_delivery *d = delivery_to(&r, SLK_RECEIVER_SLACK, 3600000);
    const slk_condition found[] = {condition("disk-low", "a", SLK_SEVERITY_WARNING, false),
                                   nothing};
    look(w, "n1", T0, found);
    (void)turn(w, d, &r, "n1", T0);
    assert_int_equal(turn(w, d, &r, "n1", T0), 1);
    assert_non_null(strstr(r.body, "it is &lt;so&gt; &amp; so"));
    assert_string_equal(r.signature, ""); /* the secret is the webhook's alone */
    assert_int_equal(turn(w, d, &r, "n1", T0 + 3599999), 1);
    assert_int_equal(turn(w, d, &r, "n1", T0 + 3600000), 2);
    assert_int_equal(slk_alerts_ack(&n, w->provider.db, NULL, NULL, "ann", T0 + 3600001, NULL),
                     SLK_OK);
    assert_int_equal(turn(w, d, &r, "n1", T0 + 3 * 3600000), 2);
    receiver_stop(&r);
}

static void alertmanager_is_kept_up_to_date(void **state)
{
    world *w = *state;
    struct receiver r;
    slk_http_route route;
    receiver_start(&r, &route);
    SLK_CLEANUP(slk_delivery_freep) slk_delivery *d = delivery_to(&r, SLK_RECEIVER_ALERTMANAGER, 0);
    const slk_condition found[] = {condition("disk-low", "a", SLK_SEVERITY_CRITICAL, false),
                                   nothing};
    look(w, "n1", T0, found);
    (void)turn(w, d, &r, "n1", T0);
    assert_int_equal(turn(w, d, &r, "n1", T0), 1);
    SLK_CLEANUP(slk_json_decrefp) json_t *body = json_loads(r.body, 0, NULL);
    const json_t *one = json_array_get(body, 0);
    const json_t *labels = json_object_get(one, "labels");
    assert_string_equal(json_string_value(json_object_get(labels, "alertname")), "disk-low");
    assert_string_equal(json_string_value(json_object_get(labels, "severity")), "critical");
    assert_string_equal(json_string_value(json_object_get(one, "startsAt")),
                        "2023-11-14T22:13:20.000Z");
    assert_string_equal(json_string_value(json_object_get(one, "endsAt")),
                        "2023-11-14T22:18:20.000Z");
    assert_int_equal(turn(w, d, &r, "n1", T0 + 59999), 1);
    assert_int_equal(turn(w, d, &r, "n1", T0 + 60000), 2);
    look(w, "n1", T0 + 90000, NULL);
    assert_int_equal(turn(w, d, &r, "n1", T0 + 90000), 3);
    assert_non_null(strstr(r.body, "\"endsAt\":\"2023-11-14T22:14:50.000Z\""));
    assert_int_equal(turn(w, d, &r, "n1", T0 + 900000), 3); /* nothing is active any more */
    receiver_stop(&r);
}

static void urls_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"http://example.com/x", "ftp://127.0.0.1/", "127.0.0.1",
                                      "http://127.0.0.1.example.com/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slk_delivery_options options = {.url = {[SLK_RECEIVER_SLACK] = bad[i]}};
        slk_delivery *delivery = NULL;
        slk_error error = {0};
        assert_int_equal(slk_delivery_new(&delivery, &options, &error), SLK_E_INVAL);
        assert_null(strstr(error.message, bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(raised_once_and_cleared, make, unmake),
        cmocka_unit_test_setup_teardown(a_node_clears_its_own_alone, make, unmake),
        cmocka_unit_test_setup_teardown(acknowledged_until_it_grows_worse, make, unmake),
        cmocka_unit_test(a_look_is_bounded),
        cmocka_unit_test_setup_teardown(a_webhook_is_told_once, make, unmake),
        cmocka_unit_test_setup_teardown(cut_words_are_told, make, unmake),
        cmocka_unit_test_setup_teardown(messages_keep_their_distance, make, unmake),
        cmocka_unit_test_setup_teardown(what_came_and_went_is_not_told, make, unmake),
        cmocka_unit_test_setup_teardown(failures_are_tried_again_and_show_no_secret, make, unmake),
        cmocka_unit_test_setup_teardown(unacknowledged_alerts_are_repeated, make, unmake),
        cmocka_unit_test_setup_teardown(alertmanager_is_kept_up_to_date, make, unmake),
        cmocka_unit_test(urls_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
