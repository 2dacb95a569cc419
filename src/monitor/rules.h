/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rules: when a sector, a partner, a provider, the chain or this machine needs somebody.
 *
 *   sector-failed         a sector stopped                                   warning
 *   verify-failed         what a provider sent is refuted                    critical
 *   sector-stuck          in its state three times as long as 99 of the last 100 were    warning
 *   provider-silent       a provider has not answered for ten minutes        warning
 *   provider-paused       a provider gets no orders since it was refuted     critical
 *   allowance-low         a partner may order few more sectors               warning
 *   lease-ending          a sealed sector goes in 12 hours, in one           warning, critical
 *   renewal-failing       a lease cannot be renewed for an hour, ends in 12  warning, critical
 *   callback-failing      a client cannot be told for an hour that it is done            warning
 *   ticket-expiring       a sector's ticket runs out before its pre-commit   critical
 *   commit-deadline       a pre-commit's deposit is about to be lost         critical
 *   chain-unreachable     no chain node answers                              critical
 *   chain-behind          the chain node's head is old                       warning
 *   clock-skew            the head is in this machine's future               warning
 *   clock-in-doubt        the clock is hours off and not confirmed: the node goes by its own   critical
 *   balance-low           the sender cannot pay for the next sectors         critical
 *   disk-low              the scratch or storage disk has no room for the next sectors   critical
 *   certificate-expiring  in 14 days, in 2                                   warning, critical
 *   worker-away           a worker has not answered for two minutes          warning
 *   worker-refuted        a worker's work was false: it gets none            critical
 *
 * A rule over the database is one read-only statement whose rows are subject and summary. */
#ifndef SLK_MONITOR_RULES_H
#define SLK_MONITOR_RULES_H

#include "monitor/alerts.h"
#include "monitor/chain_sample.h"
#include "monitor/workers.h"
#include "seal/seal.h"

typedef struct slk_rules {
    slk_seal *seal;
    const char *certificate_file; /* NULL: TLS is somebody else's */
    int64_t allowance_low; /* sectors */
    int64_t disk_sectors; /* sectors there should be room for */
    int64_t balance_sectors; /* sectors there should be money for */
    double balance_fil; /* and never less than this; 0 none */
    slk_workers_source workers;
} slk_rules;

/* Looks at everything now; chain is the last sample. Failures of single rules make the look not
 * whole; error tells of the first. */
slk_err slk_rules_look(slk_look *ret_look, const slk_rules *rules, const slk_chain_sample *chain,
                       slk_error *error);

#endif
