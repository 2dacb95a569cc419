/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Time and peak anonymous memory of one stage, sampled by a thread of its own. The memory is the
 * whole process's, so stages that run at once see each other. */
#ifndef SLK_APP_METER_H
#define SLK_APP_METER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct slk_meter {
    pthread_t thread;
    bool running; /* the thread could be started */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool stop;
    int64_t started_ms;
    _Atomic uint64_t peak_bytes;
} slk_meter;

/* meter stays where it is until _stop. */
void slk_meter_start(slk_meter *meter);
/* Logs "stage.done" with sector, stage, seconds and peak memory, or with ok=false. */
void slk_meter_stop(slk_meter *meter, const char *stage, uint64_t sp_id, uint64_t number, bool ok);

#endif
