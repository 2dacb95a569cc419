/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The node's workers as metrics, and the rules about them. */
#ifndef SLK_MONITOR_WORKERS_H
#define SLK_MONITOR_WORKERS_H

#include "monitor/exposition.h"

#include <jansson.h>

/* Where it is asked who they are; board NULL: there are none. */
typedef struct slk_workers_source {
    json_t *(*board)(
        void *context); /* farm/farm.h, slk_farm_board: a new reference, NULL no memory */
    void *context;
} slk_workers_source;

/* selkie_worker_…; one that is away, too, until it is started anew. Nothing without a source. */
void slk_workers_expose(slk_exposition *exposition, const slk_workers_source *source);

#endif
