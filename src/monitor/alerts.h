/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Alerts: what somebody should look at, kept in the database so that neither a restart nor a second
 * node tells of it twice.
 *
 * An alert is one rule about one subject ("lease-ending" about "f01000/7"). It is raised when a look
 * finds its condition, cleared when looks no longer do, and acknowledged by a person in between; a
 * condition that comes back, or grows worse, is a new raising. Each raising and each clearing gets a
 * number from one rising sequence (`change`), by which receivers know what they have not told yet.
 * Conditions of one node alone (its disk, its certificate) are cleared by that node's looks only. */
#ifndef SLK_MONITOR_ALERTS_H
#define SLK_MONITOR_ALERTS_H

#include "base/err.h"
#include "db/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_ALERTS_MAX 1000u /* conditions of one look; more are left out */
#define SLK_ALERT_SUBJECT_CHARS 128u
#define SLK_ALERT_SUMMARY_CHARS 384u

typedef enum slk_severity {
    SLK_SEVERITY_WARNING, /* look at it today */
    SLK_SEVERITY_CRITICAL, /* look at it now: money or a sector is at risk */
} slk_severity;

const char *slk_severity_name(slk_severity severity); /* "warning", "critical" */

/* One condition as a look found it. */
typedef struct slk_condition {
    const char *rule; /* static */
    const char *next; /* static: what to do */
    slk_severity severity;
    bool own; /* of this node alone */
    char subject[SLK_ALERT_SUBJECT_CHARS];
    char summary[SLK_ALERT_SUMMARY_CHARS];
} slk_condition;

/* What one look found. whole: every rule could be looked at, so that what is absent is over. */
typedef struct slk_look {
    slk_condition *found; /* heap */
    size_t n;
    bool whole;
} slk_look;

void slk_look_done(slk_look *look); /* idempotent; zeroed allowed */
/* Adds a condition; past SLK_ALERTS_MAX the look is no longer whole. Subject and summary are cut. */
SLK_MUST_CHECK slk_err slk_look_add(slk_look *look, const slk_condition *condition,
                                    slk_error *error);

/* Raises what is new, clears what no whole look of the last clear_ms has found, forgets what was
 * cleared 30 days ago. One transaction. */
SLK_MUST_CHECK slk_err slk_alerts_apply(slk_db *db, const char *node, const slk_look *look,
                                        int64_t now_ms, int64_t clear_ms, slk_error *error);

/* Somebody has taken it on: active alerts of the rule (NULL: all) about the subject (NULL: all) are
 * acknowledged; *ret_n of them. */
SLK_MUST_CHECK slk_err slk_alerts_ack(uint64_t *ret_n, slk_db *db, const char *rule,
                                      const char *subject, const char *who, int64_t now_ms,
                                      slk_error *error);

/* [{"rule","severity","subject","summary","next","node","raised_ms","cleared_ms","times","acked_ms",
 *   "acked_by"}]: active ones, worst and newest first; all: cleared ones of 30 days behind them.
 * node "" for the whole database; cleared_ms and acked_ms null when not. At most 1000. */
SLK_MUST_CHECK slk_err slk_alerts_list(json_t **ret_list, slk_db *db, bool all, slk_error *error);

#endif
