/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/monitor_impl.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "base/mem.h"
#include "seal/times.h"

#define LOOK_MS_DEFAULT 30000
#define CLEAR_MS_DEFAULT 60000

static void take_sample(slk_monitor *monitor)
{
    const slk_chain_sampler *chain = &monitor->options.chain;
    if (!chain->sample)
        return;
    slk_chain_sample sample = {.taken_ms = slk_clock_wall_ms()};
    slk_error error = {0};
    const slk_err code =
        slk_chain_sample_miners(&sample, slk_seal_db(monitor->options.seal), &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "monitor.miners",
                "why=\"%s\" next=\"the chain is asked for the rest\"",
                slk_error_text(&error, code));
    chain->sample(chain->ctx, &sample);
    if (sample.answered && !sample.development)
        slk_time_hear_chain(monitor->options.seal, sample.head_ms, sample.epoch_ms);
    slk_assert(pthread_mutex_lock(&monitor->mutex) == 0);
    monitor->sample = sample;
    slk_assert(pthread_mutex_unlock(&monitor->mutex) == 0);
}

void slk_monitor_chain(slk_chain_sample *ret_sample, slk_monitor *monitor)
{
    slk_assert(pthread_mutex_lock(&monitor->mutex) == 0);
    *ret_sample = monitor->sample;
    slk_assert(pthread_mutex_unlock(&monitor->mutex) == 0);
}

/* ---- one look ---- */

slk_err slk_monitor_look(slk_monitor *monitor, slk_error *error)
{
    const slk_monitor_options *o = &monitor->options;
    slk_db *db = slk_seal_db(o->seal);
    const char *node = slk_seal_get_options(o->seal)->node_name;
    take_sample(monitor);
    slk_chain_sample chain;
    slk_monitor_chain(&chain, monitor);
    SLK_CLEANUP(slk_look_done) slk_look look = {0};
    const slk_err code = slk_rules_look(&look, &o->rules, &chain, error);
    SLK_TRY(slk_alerts_apply(db, node, &look, slk_seal_now(o->seal), o->clear_ms,
                             code == SLK_OK ? error : NULL));
    if (o->delivery)
        SLK_TRY(slk_delivery_turn(o->delivery, db, node, slk_seal_now(o->seal), &monitor->job,
                                  code == SLK_OK ? error : NULL));
    return code;
}

/* ---- the thread ---- */

/* Until the next look or the end; false at the end. */
static bool rest(slk_monitor *monitor)
{
    const int64_t until_ms = slk_clock_monotonic_ms() + monitor->options.look_ms;
    bool waits = true;
    slk_assert(pthread_mutex_lock(&monitor->mutex) == 0);
    while (!monitor->stopping && waits)
        waits =
            slk_cond_wait_ms(&monitor->wake, &monitor->mutex, until_ms - slk_clock_monotonic_ms());
    const bool goes_on = !monitor->stopping;
    slk_assert(pthread_mutex_unlock(&monitor->mutex) == 0);
    return goes_on;
}

static void *look(void *context)
{
    slk_monitor *monitor = context;
    do {
        slk_error error = {0};
        const slk_err code = slk_monitor_look(monitor, &error);
        if (code != SLK_OK)
            slk_log(SLK_LOG_WARN, "monitor.failed", "why=\"%s\" next=\"looks again\"",
                    slk_error_text(&error, code));
    } while (rest(monitor));
    return NULL;
}

slk_err slk_monitor_new(slk_monitor **ret_monitor, const slk_monitor_options *options,
                        slk_error *error)
{
    slk_monitor *monitor = slk_calloc(1, sizeof *monitor);
    if (!monitor)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the monitor");
    monitor->options = *options;
    if (monitor->options.look_ms <= 0)
        monitor->options.look_ms = LOOK_MS_DEFAULT;
    if (monitor->options.clear_ms <= 0)
        monitor->options.clear_ms = CLEAR_MS_DEFAULT;
    monitor->options.rules.seal = options->seal;
    slk_job_init(&monitor->job);
    monitor->started_ms = slk_clock_wall_ms();
    slk_assert(pthread_mutex_init(&monitor->mutex, NULL) == 0);
    slk_assert(slk_cond_init(&monitor->wake) == 0);
    *ret_monitor = monitor;
    return SLK_OK;
}

slk_err slk_monitor_start(slk_monitor *monitor, slk_error *error)
{
    const int rc = pthread_create(&monitor->thread, NULL, look, monitor);
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot start the monitor");
    monitor->runs = true;
    return SLK_OK;
}

void slk_monitor_free(slk_monitor *monitor)
{
    if (!monitor)
        return;
    slk_assert(pthread_mutex_lock(&monitor->mutex) == 0);
    monitor->stopping = true;
    slk_job_cancel(&monitor->job);
    (void)pthread_cond_broadcast(&monitor->wake);
    slk_assert(pthread_mutex_unlock(&monitor->mutex) == 0);
    if (monitor->runs)
        (void)pthread_join(monitor->thread, NULL);
    (void)pthread_cond_destroy(&monitor->wake);
    (void)pthread_mutex_destroy(&monitor->mutex);
    slk_free(monitor);
}

void slk_monitor_freep(slk_monitor **monitor)
{
    slk_monitor_free(*monitor);
    *monitor = NULL;
}
