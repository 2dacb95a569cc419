/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The stream of what becomes of a worker's calls (docs/worker.md), read while the worker is there. While it
 * stands nothing is asked but the session; while it does not, and of workers that have none, all of it is. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/sse.h"
#include "farm/farm_impl.h"

#include <string.h>

#define STALL_MS 30000 /* a worker says something every 10 s */
#define AGAIN_MS 1000 /* after an end; twice as long after each that brought nothing */
#define AGAIN_MAX_MS 60000
#define EVENT_MAX_BYTES ((size_t)16 << 20)

struct stream {
    slk_farm_worker *worker;
    slk_sse sse;
    bool stood; /* it brought a list */
};

/* Lock held. */
static void set_streaming(slk_farm_worker *worker, bool streaming)
{
    worker->streaming = streaming;
    worker->look = worker->look || streaming; /* what it was before nobody told */
    if (worker->look)
        (void)pthread_cond_broadcast(&worker->farm->moved);
}

/* Lock held. What the worker has in hand, all of it. */
static void take_tasks(struct stream *s, const json_t *list)
{
    if (!s->stood)
        set_streaming(s->worker, true);
    s->stood = true;
    slk_farm_take_progress(s->worker->farm, list);
}

static slk_err on_event(void *context, const char *name, const char *data, size_t n,
                        slk_error *error)
{
    struct stream *s = context;
    slk_farm_worker *worker = s->worker;
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    SLK_TRY(slk_json_parse(&value, data, n, EVENT_MAX_BYTES, error));
    slk_farm_enter(worker->farm);
    if (strcmp(name, "tasks") == 0)
        take_tasks(s, value);
    else if (strcmp(name, "task") == 0)
        slk_farm_take_row(worker->farm, value);
    else if (strcmp(name, "worker") == 0) {
        worker->look = true;
        (void)pthread_cond_broadcast(&worker->farm->moved);
    }
    slk_farm_leave(worker->farm);
    return SLK_OK;
}

static slk_err on_bytes(void *context, const slk_http_response *response, const uint8_t *bytes,
                        size_t n, slk_error *error)
{
    struct stream *s = context;
    (void)response;
    return slk_sse_take(&s->sse, bytes, n, error);
}

/* Until the stream ends, and why. */
static slk_err read_stream(struct stream *s, const char *url, slk_error *error)
{
    slk_farm_worker *worker = s->worker;
    slk_farm_key key;
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    SLK_TRY(slk_farm_doors_key(worker->farm->doors, &key, url, false, error));
    const slk_http_pass pass = slk_farm_key_pass(&key);
    const slk_http_request request = {.url = url,
                                      .bearer = pass.bearer,
                                      .pin = pass.pin,
                                      .only = pass.only,
                                      .stall_timeout_ms = STALL_MS,
                                      .sink = on_bytes,
                                      .sink_context = s,
                                      .stopper = worker->stopper};
    slk_err code = slk_http_call(worker->farm->http, &request, &response, error);
    slk_farm_key_wipe(&key);
    if (code == SLK_OK)
        code = slk_http_expect_success(&response, "the worker's events", error);
    return code;
}

/* Whether the stream had stood. */
static bool read_once(slk_farm_worker *worker, const char *url)
{
    slk_error error = {0};
    struct stream s = {.worker = worker};
    slk_sse_init(&s.sse, EVENT_MAX_BYTES, on_event, &s);
    const slk_err code = read_stream(&s, url, &error);
    slk_sse_done(&s.sse);
    slk_farm_enter(worker->farm);
    set_streaming(worker, false);
    const bool gone = worker->gone;
    slk_farm_leave(worker->farm);
    if (!gone)
        slk_log(SLK_LOG_DEBUG, "farm.events",
                "worker=\"%s\" session=%s why=\"%s\" then=\"it is asked, and read again\"",
                worker->info.hostname, worker->session,
                code == SLK_OK ? "it ended the stream" : slk_error_text(&error, code));
    return s.stood;
}

static bool wait_again(slk_farm_worker *worker, int64_t ms)
{
    slk_farm *farm = worker->farm;
    const int64_t due = slk_clock_monotonic_ms() + ms;
    slk_farm_enter(farm);
    while (!worker->gone && !farm->stopping && slk_clock_monotonic_ms() < due)
        slk_farm_wait(farm, due - slk_clock_monotonic_ms());
    const bool here = !worker->gone && !farm->stopping;
    slk_farm_leave(farm);
    return here;
}

/* Beside the API, whose URL is "http://10.0.0.5:3456/rpc/v0". Heap. */
static char *events_url(const char *url)
{
    const char *authority = strstr(url, "://") + 3; /* of a URL that doors took */
    const int n = (int)(authority - url) + (int)strcspn(authority, "/?");
    return slk_strf("%.*s/selkie/events", n, url);
}

void *slk_farm_read_events(void *arg)
{
    slk_farm_worker *worker = arg;
    int64_t again_ms = AGAIN_MS;
    SLK_CLEANUP(slk_freep) char *url = events_url(worker->url);
    while (url) { /* without memory it is asked, as those that have no stream */
        again_ms = read_once(worker, url) ? AGAIN_MS : again_ms;
        if (!wait_again(worker, again_ms))
            break;
        again_ms = again_ms * 2 < AGAIN_MAX_MS ? again_ms * 2 : AGAIN_MAX_MS;
    }
    return NULL;
}
