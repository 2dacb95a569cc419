/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Telling the receivers of alerts, each change once.
 *
 * A receiver has a row with the number of the last change it was told. What lies behind it goes out in
 * one message, at most one in half a minute; a failure is tried again at growing distance, for ever.
 * A lease on the row keeps two nodes of one database from telling the same. What was raised and
 * cleared before it could be told is not told. Unacknowledged alerts are told again every repeat_ms;
 * Alertmanager, which forgets by itself, is told of all active ones every minute.
 *
 * URLs may be secrets (Slack's are): they appear in no message, log or database. */
#ifndef SLK_MONITOR_DELIVERY_H
#define SLK_MONITOR_DELIVERY_H

#include "base/err.h"
#include "base/job.h"
#include "db/db.h"
#include "monitor/receivers.h"

#include <stdint.h>

typedef struct slk_delivery slk_delivery;

typedef struct slk_delivery_options {
    const char *url[SLK_RECEIVER_COUNT]; /* "" or NULL: not told; https, or http to this machine */
    const char *webhook_secret; /* "" or NULL: not signed */
    const char *ca_file; /* PEM certificates trusted instead of the system's; NULL the system's */
    int64_t repeat_ms; /* of unacknowledged alerts; 0 means never */
} slk_delivery_options;

/* Strings are copied. SLK_E_INVAL for a URL that cannot be. */
SLK_MUST_CHECK slk_err slk_delivery_new(slk_delivery **ret_delivery,
                                        const slk_delivery_options *options, slk_error *error);
void slk_delivery_free(slk_delivery *delivery); /* NULL allowed */
void slk_delivery_freep(slk_delivery **delivery);

/* Tells every receiver what it is due; job ends it within a second. A receiver's failure is noted in
 * its row and logged, not returned. */
SLK_MUST_CHECK slk_err slk_delivery_turn(slk_delivery *delivery, slk_db *db, const char *node,
                                         int64_t now_ms, slk_job *job, slk_error *error);

/* Whether that receiver is configured, and a test message to it now. */
bool slk_delivery_has(const slk_delivery *delivery, slk_receiver_kind kind);
SLK_MUST_CHECK slk_err slk_delivery_test(slk_delivery *delivery, slk_receiver_kind kind,
                                         const char *node, int64_t now_ms, slk_error *error);

#endif
