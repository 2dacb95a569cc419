/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside of slk_monitor. */
#ifndef SLK_MONITOR_MONITOR_IMPL_H
#define SLK_MONITOR_MONITOR_IMPL_H

#include "monitor/monitor.h"

#include <pthread.h>

struct slk_monitor {
    slk_monitor_options options;
    int64_t started_ms; /* wall clock */
    pthread_mutex_t mutex; /* guards sample and stopping */
    pthread_cond_t wake;
    slk_chain_sample sample;
    bool stopping;
    slk_job job; /* of telling receivers; canceled at the end */
    bool runs;
    pthread_t thread;
};

#endif
