/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/progress.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define SAMPLE_MS 50
#define SHOW_AFTER_MS 2000
#define TERMINAL_EVERY_MS 500
#define LOG_EVERY_MS 10000

struct slk_progress {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop_asked;
    bool stopping;

    sigset_t signals; /* SIGINT, SIGTERM: taken by the watching thread */
    sigset_t signals_before;

    slk_job *job;
    bool quiet;
    bool terminal;
    bool line_open; /* something stands on the terminal's line */
    int64_t started_ms;
    int64_t next_show_ms;
    const char *stage;
    int64_t stage_ms; /* when the current stage was first seen */
    uint64_t peak_anon_bytes;
};

static void show(slk_progress *p, int64_t now_ms)
{
    const uint64_t done = atomic_load(&p->job->done);
    const uint64_t total = atomic_load(&p->job->total);
    const double seconds = (double)(now_ms - p->stage_ms) / 1000.0;
    char line[160];
    if (total && done && done <= total && seconds > 0) {
        const double rate = (double)done / seconds;
        (void)snprintf(line, sizeof line, "%s: %3.0f %%, %.3g/s, about %.0f s left", p->stage,
                       100.0 * (double)done / (double)total, rate, (double)(total - done) / rate);
    } else {
        (void)snprintf(line, sizeof line, "%s: %.0f s", p->stage, seconds);
    }
    if (p->terminal)
        (void)fprintf(stderr, "\r\033[K%s", line);
    else
        (void)fprintf(stderr, "%s\n", line);
    (void)fflush(stderr);
    p->line_open = p->terminal;
}

static void sample(slk_progress *p)
{
    const struct timespec at_once = {0};
    if (sigtimedwait(&p->signals, NULL, &at_once) > 0)
        slk_job_cancel(p->job);
    const uint64_t anon = slk_mem_usage_now().rss_anon_bytes;
    if (anon > p->peak_anon_bytes)
        p->peak_anon_bytes = anon;
    const int64_t now_ms = slk_clock_monotonic_ms();
    const char *stage = atomic_load(&p->job->stage);
    if (stage != p->stage) {
        p->stage = stage;
        p->stage_ms = now_ms;
    }
    if (p->quiet || !*stage || now_ms < p->next_show_ms)
        return;
    show(p, now_ms);
    p->next_show_ms = now_ms + (p->terminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS);
}

static void *watch(void *argument)
{
    slk_progress *p = argument;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        (void)pthread_mutex_unlock(&p->lock);
        sample(p);
        (void)pthread_mutex_lock(&p->lock);
        if (!p->stopping)
            (void)slk_cond_wait_ms(&p->stop_asked, &p->lock, SAMPLE_MS);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

slk_err slk_progress_start(slk_progress **ret_progress, slk_job *job, bool quiet, slk_error *error)
{
    slk_progress *p = slk_calloc(1, sizeof *p);
    if (!p)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    p->job = job;
    p->quiet = quiet;
    p->terminal = isatty(STDERR_FILENO) == 1;
    p->stage = "";
    p->started_ms = p->stage_ms = slk_clock_monotonic_ms();
    p->next_show_ms = p->started_ms + SHOW_AFTER_MS;
    (void)pthread_mutex_init(&p->lock, NULL);
    slk_assert(slk_cond_init(&p->stop_asked) == 0);
    (void)sigemptyset(&p->signals);
    (void)sigaddset(&p->signals, SIGINT);
    (void)sigaddset(&p->signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &p->signals, &p->signals_before);
    const int rc = pthread_create(&p->thread, NULL, watch, p);
    if (rc != 0) {
        (void)pthread_sigmask(SIG_SETMASK, &p->signals_before, NULL);
        slk_free(p);
        return slk_fail_errno(error, rc, "cannot start a thread");
    }
    *ret_progress = p;
    return SLK_OK;
}

slk_progress_summary slk_progress_stop(slk_progress *p)
{
    slk_progress_summary summary = {0};
    if (!p)
        return summary;
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_cond_signal(&p->stop_asked);
    (void)pthread_mutex_unlock(&p->lock);
    (void)pthread_join(p->thread, NULL);
    /* A signal that came when all was done would end us before the answer is printed. */
    const struct timespec at_once = {0};
    while (sigtimedwait(&p->signals, NULL, &at_once) > 0) {
    }
    (void)pthread_sigmask(SIG_SETMASK, &p->signals_before, NULL);
    if (p->line_open) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
    }
    summary.seconds = (double)(slk_clock_monotonic_ms() - p->started_ms) / 1000.0;
    summary.peak_anon_bytes = p->peak_anon_bytes;
    (void)pthread_cond_destroy(&p->stop_asked);
    (void)pthread_mutex_destroy(&p->lock);
    slk_free(p);
    return summary;
}
