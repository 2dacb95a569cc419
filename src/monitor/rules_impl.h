/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rules that need more than a statement, and what they share with the table in rules.c. */
#ifndef SLK_MONITOR_RULES_IMPL_H
#define SLK_MONITOR_RULES_IMPL_H

#include "monitor/rules.h"

/* Adds a condition for each row (subject, summary) of an open query. */
SLK_MUST_CHECK slk_err slk_rule_rows(slk_look *look, slk_query *query, const char *name,
                                     slk_severity severity, const char *next, slk_error *error);
/* A condition of this node alone: its subject is the node's name, and what of it ("" for itself). */
slk_condition slk_rule_own(const slk_rules *rules, const char *name, slk_severity severity,
                           const char *next, const char *what);

/* rules_stuck.c, rules_deadline.c, rules_disk.c, workers.c */
SLK_MUST_CHECK slk_err slk_rule_stuck(slk_look *look, const slk_rules *rules, slk_error *error);
SLK_MUST_CHECK slk_err slk_rule_deadlines(slk_look *look, const slk_rules *rules,
                                          const slk_chain_sample *chain, slk_error *error);
SLK_MUST_CHECK slk_err slk_rule_disk(slk_look *look, const slk_rules *rules, slk_error *error);
SLK_MUST_CHECK slk_err slk_rule_workers(slk_look *look, const slk_rules *rules, slk_error *error);

#endif
