/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A fixed set of threads for data-parallel loops.
 *
 * One loop at a time per pool: a second caller waits for the first. The calling thread works too.
 * A NULL pool is legal everywhere and means "this thread alone". */
#ifndef SLK_BASE_POOL_H
#define SLK_BASE_POOL_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_pool slk_pool;

/* threads counts the caller: 1 starts none, 0 means slk_cpu_count(). */
SLK_MUST_CHECK slk_err slk_pool_new(slk_pool **ret_pool, unsigned threads, slk_error *error);
void slk_pool_free(slk_pool *pool); /* NULL allowed; no loop may be running */
unsigned slk_pool_threads(const slk_pool *pool); /* 1 for NULL */

/* The thread of helper `index` from 0, so that base/topology can bind it; false past the last. The
 * pool keeps it. */
bool slk_pool_helper(const slk_pool *pool, unsigned index, pthread_t *ret_thread);

/* Calls body(context, begin, end, worker) for disjoint ranges that together are [0, n), each of at
 * most `grain` indices (grain >= 1), from the pool's threads; worker < slk_pool_threads names the
 * thread, so body may keep per-worker scratch. Returns when all are done. body cannot fail: it
 * records failures in context. Not reentrant from inside body. */
typedef void slk_pool_body(void *context, uint64_t begin, uint64_t end, unsigned worker);
void slk_pool_for(slk_pool *pool, uint64_t n, uint64_t grain, slk_pool_body *body, void *context);

#endif
