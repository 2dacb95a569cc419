/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/meter.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>

#define SAMPLE_MS 20

static void sample(slk_meter *meter)
{
    const uint64_t now = slk_mem_usage_now().rss_anon_bytes;
    if (now > atomic_load(&meter->peak_bytes))
        atomic_store(&meter->peak_bytes, now);
}

static void *watch(void *context)
{
    slk_meter *meter = context;
    slk_assert(pthread_mutex_lock(&meter->lock) == 0);
    while (!meter->stop) {
        sample(meter);
        (void)slk_cond_wait_ms(&meter->ended, &meter->lock, SAMPLE_MS);
    }
    slk_assert(pthread_mutex_unlock(&meter->lock) == 0);
    return NULL;
}

void slk_meter_start(slk_meter *meter)
{
    *meter = (slk_meter){.started_ms = slk_clock_monotonic_ms()};
    slk_assert(pthread_mutex_init(&meter->lock, NULL) == 0);
    slk_assert(slk_cond_init(&meter->ended) == 0);
    sample(meter);
    meter->running = pthread_create(&meter->thread, NULL, watch, meter) == 0;
}

void slk_meter_stop(slk_meter *meter, const char *stage, uint64_t sp_id, uint64_t number, bool ok)
{
    slk_assert(pthread_mutex_lock(&meter->lock) == 0);
    meter->stop = true;
    (void)pthread_cond_signal(&meter->ended);
    slk_assert(pthread_mutex_unlock(&meter->lock) == 0);
    if (meter->running)
        (void)pthread_join(meter->thread, NULL);
    sample(meter);
    (void)pthread_cond_destroy(&meter->ended);
    (void)pthread_mutex_destroy(&meter->lock);
    const int64_t ms = slk_clock_monotonic_ms() - meter->started_ms;
    slk_log(SLK_LOG_INFO, ok ? "stage.done" : "stage.failed",
            "sector=f0%" PRIu64 "/%" PRIu64 " stage=%s seconds=%" PRId64 ".%03" PRId64
            " peak_memory_bytes=%" PRIu64,
            sp_id, number, stage, ms / 1000, ms % 1000, (uint64_t)atomic_load(&meter->peak_bytes));
}
