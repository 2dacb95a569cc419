/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who is told of alerts, and in which words: pure functions from a list of notices to a body.
 *
 *   webhook       {"version":1,"node":…,"sent_ms":…,"alerts":[{"state":"raised"|"cleared","rule",
 *                 "severity","subject","summary","next","raised_ms","cleared_ms"}]}, signed with
 *                 X-Selkie-Signature: sha256=<HMAC-SHA-256 of the body, hex> when there is a secret
 *   alertmanager  Alertmanager's API v2, POST /api/v2/alerts
 *   slack         an incoming webhook's {"text":…}
 * source: prometheus.io, Alertmanager API v2; api.slack.com, Incoming webhooks */
#ifndef SLK_MONITOR_RECEIVERS_H
#define SLK_MONITOR_RECEIVERS_H

#include "base/buf.h"
#include "base/err.h"
#include "monitor/alerts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_NOTICES_MAX 100u /* of one message */

typedef enum slk_receiver_kind {
    SLK_RECEIVER_WEBHOOK,
    SLK_RECEIVER_ALERTMANAGER,
    SLK_RECEIVER_SLACK,
    SLK_RECEIVER_COUNT,
} slk_receiver_kind;

const char *slk_receiver_name(slk_receiver_kind kind); /* "webhook", "alertmanager", "slack" */

/* One alert as a receiver is told of it. */
typedef struct slk_notice {
    char rule[64];
    char severity[16];
    char subject[SLK_ALERT_SUBJECT_CHARS];
    char summary[SLK_ALERT_SUMMARY_CHARS];
    char next[256];
    int64_t raised_ms;
    int64_t cleared_ms; /* 0: active */
} slk_notice;

/* The notice that a test sends. */
slk_notice slk_notice_test(int64_t now_ms);

/* Appends the body for n notices. good_ms: how long Alertmanager is to believe an active one. */
SLK_MUST_CHECK slk_err slk_receiver_body(slk_buf *out, slk_receiver_kind kind, const char *node,
                                         const slk_notice *notices, size_t n, int64_t now_ms,
                                         int64_t good_ms, slk_error *error);

#endif
