/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* [Alerting] of the configuration, as the monitor wants it. */
#ifndef SLK_APP_ALERTING_H
#define SLK_APP_ALERTING_H

#include "app/config.h"
#include "monitor/delivery.h"
#include "monitor/rules.h"

/* The receivers. SLK_E_INVAL names the key that is wrong, never its value. */
SLK_MUST_CHECK slk_err slk_alerting_delivery(slk_delivery **ret_delivery, const slk_config *config,
                                             slk_error *error);

/* The limits; seal and certificate_file are the caller's. */
SLK_MUST_CHECK slk_err slk_alerting_rules(slk_rules *ret_rules, const slk_config *config,
                                          slk_error *error);

#endif
