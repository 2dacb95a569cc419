/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Transfers by threads that pread and pwrite: for kernels and containers without io_uring. */
#include "base/aio_impl.h"
#include "base/mem.h"

#include <pthread.h>

#define THREADS_MAX 8u

struct threads {
    pthread_mutex_t lock;
    pthread_cond_t work; /* something is queued, or stopping */
    pthread_cond_t ended;
    slk_aio_slot *slots;
    unsigned depth;
    bool stopping;
    /* Two rings of slot numbers, each of `depth`: a slot is in one of them or with a thread. */
    unsigned *queued, *done;
    unsigned first_queued, n_queued, first_done, n_done;
    unsigned n_threads;
    pthread_t thread[THREADS_MAX];
};

static void push(const struct threads *t, unsigned *ring, unsigned first, unsigned *n,
                 unsigned slot)
{
    ring[(first + *n) % t->depth] = slot;
    ++*n;
}

static unsigned pop(const struct threads *t, const unsigned *ring, unsigned *first, unsigned *n)
{
    const unsigned slot = ring[*first];
    *first = (*first + 1) % t->depth;
    --*n;
    return slot;
}

static void *transfer_main(void *argument)
{
    struct threads *t = argument;
    (void)pthread_mutex_lock(&t->lock);
    for (;;) {
        while (!t->stopping && t->n_queued == 0)
            (void)pthread_cond_wait(&t->work, &t->lock);
        if (t->stopping)
            break;
        const unsigned number = pop(t, t->queued, &t->first_queued, &t->n_queued);
        (void)pthread_mutex_unlock(&t->lock);
        slk_aio_slot *slot = &t->slots[number];
        while (!slk_aio_settle(slot, slk_aio_transfer(slot))) {
        }
        (void)pthread_mutex_lock(&t->lock);
        push(t, t->done, t->first_done, &t->n_done, number);
        (void)pthread_cond_signal(&t->ended);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void threads_close(void *state)
{
    struct threads *t = state;
    (void)pthread_mutex_lock(&t->lock);
    t->stopping = true;
    (void)pthread_cond_broadcast(&t->work);
    (void)pthread_mutex_unlock(&t->lock);
    for (unsigned i = 0; i < t->n_threads; i++)
        (void)pthread_join(t->thread[i], NULL);
    (void)pthread_cond_destroy(&t->ended);
    (void)pthread_cond_destroy(&t->work);
    (void)pthread_mutex_destroy(&t->lock);
    slk_free(t->done);
    slk_free(t->queued);
    slk_free(t);
}

static slk_err start_threads(struct threads *t, slk_error *error)
{
    while (t->n_threads < THREADS_MAX && t->n_threads < t->depth) {
        const int rc = pthread_create(&t->thread[t->n_threads], NULL, transfer_main, t);
        if (rc != 0)
            return slk_fail_errno(error, rc, "cannot start a thread");
        t->n_threads++;
    }
    return SLK_OK;
}

static slk_err threads_open(void **ret_state, slk_aio_slot *slots, unsigned depth, slk_error *error)
{
    struct threads *t = slk_calloc(1, sizeof *t);
    if (!t)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->work, NULL);
    (void)pthread_cond_init(&t->ended, NULL);
    t->slots = slots;
    t->depth = depth;
    t->queued = slk_calloc(depth, sizeof *t->queued);
    t->done = slk_calloc(depth, sizeof *t->done);
    slk_err code = SLK_OK;
    if (!t->queued || !t->done)
        code = slk_fail(error, SLK_E_NOMEM, "out of memory");
    else
        code = start_threads(t, error);
    if (code == SLK_OK)
        *ret_state = t;
    else
        threads_close(t);
    return code;
}

static void threads_start(void *state, unsigned number)
{
    struct threads *t = state;
    (void)pthread_mutex_lock(&t->lock);
    push(t, t->queued, t->first_queued, &t->n_queued, number);
    (void)pthread_cond_signal(&t->work);
    (void)pthread_mutex_unlock(&t->lock);
}

static void threads_submit(void *state)
{
    (void)state; /* a request starts when it is queued */
}

static size_t threads_collect(void *state, unsigned *ret_slots, size_t max, bool wait)
{
    struct threads *t = state;
    size_t n = 0;
    (void)pthread_mutex_lock(&t->lock);
    while (wait && t->n_done == 0)
        (void)pthread_cond_wait(&t->ended, &t->lock);
    while (n < max && t->n_done > 0)
        ret_slots[n++] = pop(t, t->done, &t->first_done, &t->n_done);
    (void)pthread_mutex_unlock(&t->lock);
    return n;
}

const slk_aio_backend slk_aio_threads = {.open = threads_open,
                                         .close = threads_close,
                                         .start = threads_start,
                                         .submit = threads_submit,
                                         .collect = threads_collect};
