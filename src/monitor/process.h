/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* This process as every exporter shows it: process_* metrics. Linux, from /proc/self. */
#ifndef SLK_MONITOR_PROCESS_H
#define SLK_MONITOR_PROCESS_H

#include "monitor/exposition.h"

#include <stdint.h>

/* What cannot be read is left out. */
void slk_process_expose(slk_exposition *exposition, int64_t started_ms);

#endif
