/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a node shows of itself: a page of metrics for Prometheus, and the thread that looks at the
 * chain, raises and clears alerts by the rules, and tells their receivers.
 *
 * A page is made of counters that the parts keep (server, steps, peers), of gauges read from the
 * database at that moment, of the disks, the process and the last sample of the chain. It holds no
 * token, hash or path. */
#ifndef SLK_MONITOR_MONITOR_H
#define SLK_MONITOR_MONITOR_H

#include "base/err.h"
#include "monitor/chain_sample.h"
#include "monitor/delivery.h"
#include "monitor/rules.h"
#include "net/server.h"
#include "remote/peer.h"
#include "remote/provider_api.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct slk_monitor slk_monitor;

typedef struct slk_monitor_options {
    slk_seal *seal;
    const slk_remote_provider *provider; /* NULL: no provider */
    const slk_remote_peer *peer;
    slk_chain_sampler chain;
    const char *version;
    const char *revision;
    /* Requests of this machine itself need no token. Not behind a proxy, whose requests all come from
     * it. Others need an access token (access/access.h) that may read. */
    bool trust_loopback;
    slk_rules rules; /* seal is filled in */
    slk_delivery *delivery; /* NULL: nobody is told */
    int64_t look_ms; /* between looks at the chain and the rules; 0 means 30 s */
    int64_t clear_ms; /* an alert ends when it was not seen for so long; 0 means 60 s */
} slk_monitor_options;

/* Strings and what the pointers name must outlive the monitor. */
SLK_MUST_CHECK slk_err slk_monitor_new(slk_monitor **ret_monitor,
                                       const slk_monitor_options *options, slk_error *error);
/* Without a thread: one look at chain and rules, and one turn of telling; for tests and tools. */
SLK_MUST_CHECK slk_err slk_monitor_look(slk_monitor *monitor, slk_error *error);
SLK_MUST_CHECK slk_err slk_monitor_start(slk_monitor *monitor, slk_error *error);
/* Server gone; waits for the thread. NULL allowed. */
void slk_monitor_free(slk_monitor *monitor);
void slk_monitor_freep(slk_monitor **monitor);

/* GET /metrics, for slk_http_server_options. 401 without permission. */
slk_http_route slk_monitor_route(slk_monitor *monitor);

/* The page itself; server may be NULL. */
SLK_MUST_CHECK slk_err slk_monitor_page(slk_buf *out, slk_monitor *monitor,
                                        const slk_http_server *server, slk_error *error);

/* A copy of what was last seen of the chain. */
void slk_monitor_chain(slk_chain_sample *ret_sample, slk_monitor *monitor);

#endif
