/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A counter that one thread raises and others wait for: how far a producer has come. */
#ifndef SLK_BASE_GATE_H
#define SLK_BASE_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct slk_gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t level;
    bool closed;
    bool broken;
} slk_gate;

void slk_gate_init(slk_gate *gate); /* level 0, open */
void slk_gate_done(slk_gate *gate); /* nobody may be waiting */

/* Sets the level, which never sinks, and wakes those who wait for it. False: the gate is closed, nobody
 * wants more. */
bool slk_gate_raise(slk_gate *gate, uint64_t level);

uint64_t slk_gate_level(slk_gate *gate); /* how far it has been raised */
/* The level will rise no more: all waiting ends, and waiting for more than the level is refused. */
void slk_gate_close(slk_gate *gate);

bool slk_gate_closed(slk_gate *gate);

/* Closes it because what was said is not true (any more): all waiting ends and every wait, whatever its
 * level, is refused from now on. */
void slk_gate_break(slk_gate *gate);

bool slk_gate_broken(slk_gate *gate);

/* Waits until the level is at least `level`: true; false when the gate was closed before or is broken.
 * Sleeps; takes a lock each time, so it is for every thousand units rather than for each. */
bool slk_gate_wait(slk_gate *gate, uint64_t level);

#endif
