/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/pool.h"

#include "base/cpu.h"
#include "base/mem.h"

#include <stdatomic.h>

/* A loop is published under `lock` by raising `generation`; each helper thread runs it to the end
 * and counts itself out in `busy`. Ranges are handed out by `next`. */
struct slk_pool {
    pthread_mutex_t turn; /* held for one whole loop */
    pthread_mutex_t lock;
    pthread_cond_t started;
    pthread_cond_t finished;
    uint64_t generation;
    unsigned busy;
    bool stopping;

    slk_pool_body *body;
    void *context;
    uint64_t n, grain;
    atomic_uint_fast64_t next;

    unsigned helpers;
    struct helper {
        struct slk_pool *pool;
        pthread_t thread;
        unsigned worker;
    } helper[];
};

static void run_ranges(slk_pool *pool, unsigned worker)
{
    for (;;) {
        uint64_t begin = atomic_fetch_add(&pool->next, pool->grain);
        if (begin >= pool->n)
            return;
        uint64_t end = pool->n - begin < pool->grain ? pool->n : begin + pool->grain;
        pool->body(pool->context, begin, end, worker);
    }
}

static void *helper_main(void *argument)
{
    struct helper *self = argument;
    slk_pool *pool = self->pool;
    uint64_t seen = 0;
    (void)pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stopping && pool->generation == seen)
            (void)pthread_cond_wait(&pool->started, &pool->lock);
        if (pool->stopping)
            break;
        seen = pool->generation;
        (void)pthread_mutex_unlock(&pool->lock);
        run_ranges(pool, self->worker);
        (void)pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            (void)pthread_cond_signal(&pool->finished);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

slk_err slk_pool_new(slk_pool **ret_pool, unsigned threads, slk_error *error)
{
    if (threads == 0)
        threads = slk_cpu_count();
    unsigned helpers = threads - 1;
    slk_pool *pool = slk_calloc(1, sizeof *pool + helpers * sizeof pool->helper[0]);
    if (!pool)
        return slk_fail(error, SLK_E_NOMEM, "cannot make a pool of %u threads", threads);
    (void)pthread_mutex_init(&pool->turn, NULL);
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->started, NULL);
    (void)pthread_cond_init(&pool->finished, NULL);
    for (unsigned i = 0; i < helpers; i++) {
        struct helper *h = &pool->helper[i];
        h->pool = pool;
        h->worker = i + 1;
        int rc = pthread_create(&h->thread, NULL, helper_main, h);
        if (rc != 0) {
            slk_pool_free(pool);
            return slk_fail_errno(error, rc, "cannot start thread %u of %u", i + 2, threads);
        }
        pool->helpers++;
    }
    *ret_pool = pool;
    return SLK_OK;
}

void slk_pool_free(slk_pool *pool)
{
    if (!pool)
        return;
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->started);
    (void)pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->helpers; i++)
        (void)pthread_join(pool->helper[i].thread, NULL);
    (void)pthread_cond_destroy(&pool->finished);
    (void)pthread_cond_destroy(&pool->started);
    (void)pthread_mutex_destroy(&pool->lock);
    (void)pthread_mutex_destroy(&pool->turn);
    slk_free(pool);
}

unsigned slk_pool_threads(const slk_pool *pool)
{
    return pool ? pool->helpers + 1 : 1;
}

bool slk_pool_helper(const slk_pool *pool, unsigned index, pthread_t *ret_thread)
{
    if (!pool || index >= pool->helpers)
        return false;
    *ret_thread = pool->helper[index].thread;
    return true;
}

void slk_pool_for(slk_pool *pool, uint64_t n, uint64_t grain, slk_pool_body *body, void *context)
{
    slk_assert(grain >= 1);
    if (!pool || pool->helpers == 0 || n <= grain) {
        for (uint64_t begin = 0; begin < n; begin += grain)
            body(context, begin, n - begin < grain ? n : begin + grain, 0);
        return;
    }
    (void)pthread_mutex_lock(&pool->turn);
    pool->body = body;
    pool->context = context;
    pool->n = n;
    pool->grain = grain;
    atomic_store(&pool->next, 0);
    (void)pthread_mutex_lock(&pool->lock);
    pool->busy = pool->helpers;
    pool->generation++;
    (void)pthread_cond_broadcast(&pool->started);
    (void)pthread_mutex_unlock(&pool->lock);
    run_ranges(pool, 0);
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->busy)
        (void)pthread_cond_wait(&pool->finished, &pool->lock);
    (void)pthread_mutex_unlock(&pool->lock);
    (void)pthread_mutex_unlock(&pool->turn);
}
