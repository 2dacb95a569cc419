/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/gate.h"

void slk_gate_init(slk_gate *gate)
{
    (void)pthread_mutex_init(&gate->lock, NULL);
    (void)pthread_cond_init(&gate->moved, NULL);
    gate->level = 0;
    gate->closed = gate->broken = false;
}

void slk_gate_done(slk_gate *gate)
{
    (void)pthread_cond_destroy(&gate->moved);
    (void)pthread_mutex_destroy(&gate->lock);
}

bool slk_gate_raise(slk_gate *gate, uint64_t level)
{
    (void)pthread_mutex_lock(&gate->lock);
    if (level > gate->level)
        gate->level = level;
    const bool open = !gate->closed;
    (void)pthread_cond_broadcast(&gate->moved);
    (void)pthread_mutex_unlock(&gate->lock);
    return open;
}

uint64_t slk_gate_level(slk_gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    const uint64_t level = gate->level;
    (void)pthread_mutex_unlock(&gate->lock);
    return level;
}

void slk_gate_close(slk_gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->closed = true;
    (void)pthread_cond_broadcast(&gate->moved);
    (void)pthread_mutex_unlock(&gate->lock);
}

bool slk_gate_closed(slk_gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    const bool closed = gate->closed;
    (void)pthread_mutex_unlock(&gate->lock);
    return closed;
}

void slk_gate_break(slk_gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->closed = gate->broken = true;
    (void)pthread_cond_broadcast(&gate->moved);
    (void)pthread_mutex_unlock(&gate->lock);
}

bool slk_gate_broken(slk_gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    const bool broken = gate->broken;
    (void)pthread_mutex_unlock(&gate->lock);
    return broken;
}

bool slk_gate_wait(slk_gate *gate, uint64_t level)
{
    (void)pthread_mutex_lock(&gate->lock);
    while (gate->level < level && !gate->closed)
        (void)pthread_cond_wait(&gate->moved, &gate->lock);
    const bool there = gate->level >= level && !gate->broken;
    (void)pthread_mutex_unlock(&gate->lock);
    return there;
}
