/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/peaks.h"

#include "base/cond.h"
#include "base/mem.h"
#include "lotus/resources.h"

#include <pthread.h>

#define SAMPLE_MS 50

struct slk_worker_peaks {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    pthread_t sampler;
    bool sampling, stop;
    unsigned running;
    bool alone; /* what runs has had the process for itself so far */
    uint64_t before_bytes, most_bytes; /* of the process, while alone */
    uint64_t bytes[SLK_LOTUS_TASKS][SLK_LOTUS_PROOFS];
};

static void sample(slk_worker_peaks *peaks)
{
    const uint64_t now = slk_mem_usage_now().rss_anon_bytes;
    if (now > peaks->most_bytes)
        peaks->most_bytes = now;
}

/* Sleeps while there is nothing to measure. */
static void *sample_all(void *context)
{
    slk_worker_peaks *peaks = context;
    (void)pthread_mutex_lock(&peaks->lock);
    while (!peaks->stop) {
        if (peaks->running == 1 && peaks->alone) {
            sample(peaks);
            (void)slk_cond_wait_ms(&peaks->moved, &peaks->lock, SAMPLE_MS);
        } else {
            (void)pthread_cond_wait(&peaks->moved, &peaks->lock);
        }
    }
    (void)pthread_mutex_unlock(&peaks->lock);
    return NULL;
}

slk_err slk_worker_peaks_new(slk_worker_peaks **ret_peaks, slk_error *error)
{
    slk_worker_peaks *peaks = slk_calloc(1, sizeof *peaks);
    if (!peaks)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for measuring");
    slk_assert(pthread_mutex_init(&peaks->lock, NULL) == 0);
    slk_assert(slk_cond_init(&peaks->moved) == 0);
    const int rc = pthread_create(&peaks->sampler, NULL, sample_all, peaks);
    peaks->sampling = rc == 0;
    if (rc != 0) {
        slk_worker_peaks_free(peaks);
        return slk_fail_errno(error, rc, "cannot start a thread that measures");
    }
    *ret_peaks = peaks;
    return SLK_OK;
}

void slk_worker_peaks_free(slk_worker_peaks *peaks)
{
    if (!peaks)
        return;
    (void)pthread_mutex_lock(&peaks->lock);
    peaks->stop = true;
    (void)pthread_cond_signal(&peaks->moved);
    (void)pthread_mutex_unlock(&peaks->lock);
    if (peaks->sampling)
        (void)pthread_join(peaks->sampler, NULL);
    (void)pthread_cond_destroy(&peaks->moved);
    (void)pthread_mutex_destroy(&peaks->lock);
    slk_free(peaks);
}

void slk_worker_peaks_begin(slk_worker_peaks *peaks)
{
    (void)pthread_mutex_lock(&peaks->lock);
    peaks->alone = peaks->running++ == 0;
    if (peaks->alone)
        peaks->before_bytes = peaks->most_bytes = slk_mem_usage_now().rss_anon_bytes;
    (void)pthread_cond_signal(&peaks->moved);
    (void)pthread_mutex_unlock(&peaks->lock);
}

bool slk_worker_peaks_end(slk_worker_peaks *peaks, bool kept, slk_lotus_task task, int64_t proof,
                          size_t sectors)
{
    bool more = false;
    (void)pthread_mutex_lock(&peaks->lock);
    slk_assert(peaks->running > 0);
    if (kept && peaks->alone && proof >= 0 && proof < SLK_LOTUS_PROOFS) {
        sample(peaks);
        const uint64_t took = (peaks->most_bytes - peaks->before_bytes) / sectors;
        more = took > peaks->bytes[task][proof];
        if (more)
            peaks->bytes[task][proof] = took;
    }
    peaks->running--;
    peaks->alone = false; /* one that is left was not alone */
    (void)pthread_mutex_unlock(&peaks->lock);
    return more;
}

json_t *slk_worker_peaks_json(slk_worker_peaks *peaks)
{
    json_t *list = json_array();
    bool good = list != NULL;
    (void)pthread_mutex_lock(&peaks->lock);
    for (unsigned t = 0; t < SLK_LOTUS_TASKS && good; t++)
        for (int p = 0; p < SLK_LOTUS_PROOFS && good; p++)
            if (peaks->bytes[t][p] > 0)
                good = json_array_append_new(list, json_pack("{ss si sI}", "Task",
                                                             slk_lotus_task_name((slk_lotus_task)t),
                                                             "Proof", p, "Bytes",
                                                             (json_int_t)peaks->bytes[t][p])) == 0;
    (void)pthread_mutex_unlock(&peaks->lock);
    if (good)
        return list;
    json_decref(list);
    return NULL;
}
