/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Conditions whose waits are measured by the monotonic clock: a wall clock that is set changes no
 * wait. */
#ifndef SLK_BASE_COND_H
#define SLK_BASE_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* 0 or an errno. The caller destroys it with pthread_cond_destroy. */
int slk_cond_init(pthread_cond_t *cond);

/* Waits, mutex held, for a signal or ms milliseconds (below 0: none). False: the time is over. Like
 * every wait it may end early. cond is one of slk_cond_init. */
bool slk_cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t ms);

#endif
