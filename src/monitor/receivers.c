/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/receivers.h"

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

static const char *const names[SLK_RECEIVER_COUNT] = {
    [SLK_RECEIVER_WEBHOOK] = "webhook",
    [SLK_RECEIVER_ALERTMANAGER] = "alertmanager",
    [SLK_RECEIVER_SLACK] = "slack",
};

const char *slk_receiver_name(slk_receiver_kind kind)
{
    slk_assert(kind < SLK_RECEIVER_COUNT);
    return names[kind];
}

slk_notice slk_notice_test(int64_t now_ms)
{
    return (slk_notice){
        .rule = "test",
        .severity = "warning",
        .subject = "nothing",
        .summary = "somebody tries whether alerts arrive here",
        .next = "nothing to do",
        .raised_ms = now_ms,
    };
}

/* ---- webhook ---- */

static json_t *webhook_alert(const slk_notice *n)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:o}", "state",
                     n->cleared_ms ? "cleared" : "raised", "rule", n->rule, "severity", n->severity,
                     "subject", n->subject, "summary", n->summary, "next", n->next, "raised_ms",
                     (json_int_t)n->raised_ms, "cleared_ms",
                     n->cleared_ms ? json_integer(n->cleared_ms) : json_null());
}

/* ---- Alertmanager ---- */

static json_t *alertmanager_alert(const slk_notice *n, const char *node, int64_t now_ms,
                                  int64_t good_ms)
{
    char starts[32], ends[32];
    slk_clock_format(starts, sizeof starts, n->raised_ms);
    slk_clock_format(ends, sizeof ends, n->cleared_ms ? n->cleared_ms : now_ms + good_ms);
    json_t *labels = json_pack("{s:s,s:s,s:s,s:s}", "alertname", n->rule, "severity", n->severity,
                               "subject", n->subject, "node", node);
    json_t *annotations = json_pack("{s:s,s:s}", "summary", n->summary, "next", n->next);
    return json_pack("{s:o,s:o,s:s,s:s}", "labels", labels, "annotations", annotations, "startsAt",
                     starts, "endsAt", ends);
}

/* ---- Slack ---- */

/* What Slack would take for markup. source: api.slack.com, Formatting text */
static slk_err slack_text(slk_buf *out, const char *text)
{
    for (; *text; text++) {
        const char *plain = *text == '&'   ? "&amp;"
                            : *text == '<' ? "&lt;"
                            : *text == '>' ? "&gt;"
                                           : NULL;
        SLK_TRY(plain ? slk_buf_text(out, plain) : slk_buf_byte(out, (uint8_t)*text));
    }
    return SLK_OK;
}

static slk_err slack_line(slk_buf *out, const slk_notice *n)
{
    char line[sizeof n->rule + sizeof n->subject + sizeof n->summary + sizeof n->next + 64];
    (void)snprintf(line, sizeof line, "%s %s: %s - %s", n->cleared_ms ? "cleared" : n->severity,
                   n->rule, n->subject, n->summary);
    SLK_TRY(slack_text(out, line));
    if (!n->cleared_ms && n->next[0]) {
        (void)snprintf(line, sizeof line, "\n    %s", n->next);
        SLK_TRY(slack_text(out, line));
    }
    return slk_buf_byte(out, '\n');
}

static json_t *slack_message(const char *node, const slk_notice *notices, size_t n)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, n * 2048 + 1024);
    slk_err code = slack_text(&text, node);
    if (code == SLK_OK)
        code = slk_buf_byte(&text, '\n');
    for (size_t i = 0; i < n && code == SLK_OK; i++)
        code = slack_line(&text, &notices[i]);
    return code == SLK_OK ? json_pack("{s:s}", "text", slk_buf_str(&text)) : NULL;
}

/* ---- all ---- */

static json_t *array_of(slk_receiver_kind kind, const char *node, const slk_notice *notices,
                        size_t n, int64_t now_ms, int64_t good_ms)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < n; i++) {
        json_t *one = kind == SLK_RECEIVER_WEBHOOK
                          ? webhook_alert(&notices[i])
                          : alertmanager_alert(&notices[i], node, now_ms, good_ms);
        if (json_array_append_new(array, one) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

slk_err slk_receiver_body(slk_buf *out, slk_receiver_kind kind, const char *node,
                          const slk_notice *notices, size_t n, int64_t now_ms, int64_t good_ms,
                          slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *body = NULL;
    if (kind == SLK_RECEIVER_SLACK)
        body = slack_message(node, notices, n);
    else
        body = array_of(kind, node, notices, n, now_ms, good_ms);
    if (kind == SLK_RECEIVER_WEBHOOK)
        body = json_pack("{s:i,s:s,s:I,s:o}", "version", 1, "node", node, "sent_ms",
                         (json_int_t)now_ms, "alerts", body);
    if (!body)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a message about alerts");
    return slk_json_print(out, body);
}
