/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Server-sent events: the overview, again whenever it has changed.
 *
 * A listener is one connection and its thread, which waits here. The overview is made at most once a
 * second however many listen, by whichever of them wakes first. After 15 s without news a comment is
 * sent. Every 15 s, news or not, the listener's right to be here is looked at again; after ten minutes
 * the stream ends and the browser asks anew. The database is read without the hub's lock. */
#include "page/page_impl.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MAKE_MS 1000
#define BEAT_MS 15000
#define CHECK_MS 15000
#define LIFE_MS 600000

struct page_hub {
    slk_page *page;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    slk_buf text; /* of the newest overview */
    uint64_t generation; /* rises with each text that differs */
    int64_t made_ms; /* monotonic; 0 never */
    bool making; /* by one listener, without the lock */
    unsigned listeners;
    bool stopping;
};

typedef struct listener {
    page_hub *hub;
    char secret[SLK_ACCESS_TOKEN_CHARS]; /* session or bearer token, to look at again */
    bool bearer;
    uint64_t sent; /* generation */
    int64_t born_ms;
    int64_t last_ms; /* when something was sent */
    int64_t checked_ms; /* when its right to be here was looked at */
    slk_buf pending; /* not yet handed on from at on */
    size_t at;
} listener;

slk_err slk_page_hub_new(page_hub **ret_hub, slk_page *page, slk_error *error)
{
    page_hub *hub = slk_calloc(1, sizeof *hub);
    if (!hub)
        return slk_page_out_of_memory(error);
    hub->page = page;
    slk_buf_init(&hub->text, ANSWER_MAX_BYTES);
    slk_assert(slk_cond_init(&hub->changed) == 0);
    slk_assert(pthread_mutex_init(&hub->lock, NULL) == 0);
    *ret_hub = hub;
    return SLK_OK;
}

void slk_page_hub_free(page_hub *hub)
{
    if (!hub)
        return;
    slk_buf_done(&hub->text);
    (void)pthread_cond_destroy(&hub->changed);
    (void)pthread_mutex_destroy(&hub->lock);
    slk_free(hub);
}

static void lock(page_hub *hub)
{
    slk_assert(pthread_mutex_lock(&hub->lock) == 0);
}

static void unlock(page_hub *hub)
{
    slk_assert(pthread_mutex_unlock(&hub->lock) == 0);
}

void slk_page_hub_cancel(page_hub *hub)
{
    lock(hub);
    hub->stopping = true;
    (void)pthread_cond_broadcast(&hub->changed);
    unlock(hub);
}

/* ---- what is sent ---- */

/* Makes the overview anew when it is older than MAKE_MS and nobody else is at it. Gives up the hub's lock
 * meanwhile. */
static slk_err refresh(page_hub *hub, int64_t now_ms)
{
    if (hub->making || (hub->made_ms && now_ms - hub->made_ms < MAKE_MS))
        return SLK_OK;
    hub->making = true;
    unlock(hub);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, ANSWER_MAX_BYTES);
    const slk_err code = slk_page_overview(&text, hub->page, NULL);
    lock(hub);
    hub->making = false;
    (void)pthread_cond_broadcast(&hub->changed);
    SLK_TRY(code);
    hub->made_ms = now_ms;
    if (text.len == hub->text.len && memcmp(text.data, hub->text.data, text.len) == 0)
        return SLK_OK;
    const slk_buf old = hub->text;
    hub->text = text;
    text = old;
    hub->generation++;
    return SLK_OK;
}

static slk_err fill_pending(listener *l, int64_t now_ms)
{
    slk_buf_reset(&l->pending);
    l->at = 0;
    l->last_ms = now_ms;
    if (l->sent == l->hub->generation)
        return slk_buf_text(&l->pending, ":\n\n");
    l->sent = l->hub->generation;
    SLK_TRY(slk_buf_text(&l->pending, "event: overview\ndata: "));
    SLK_TRY(slk_buf_append(&l->pending, l->hub->text.data, l->hub->text.len));
    return slk_buf_text(&l->pending, "\n\n");
}

/* Gives up the hub's lock while it looks. */
static slk_err still_welcome(listener *l, int64_t now_ms)
{
    if (now_ms - l->checked_ms < CHECK_MS)
        return SLK_OK;
    slk_access_who who;
    const slk_page *page = l->hub->page;
    unlock(l->hub);
    const slk_err code =
        l->bearer
            ? slk_access_check(&who, slk_page_db(page), l->secret, slk_page_now(page), NULL)
            : slk_access_session(&who, slk_page_db(page), l->secret, slk_page_now(page), NULL);
    lock(l->hub);
    l->checked_ms = now_ms;
    return code;
}

/* Waits, under the hub's lock or without it, until there is something to send; false: the stream ends. */
static bool next(listener *l)
{
    page_hub *hub = l->hub;
    for (;;) {
        const int64_t now = slk_clock_monotonic_ms();
        if (now - l->born_ms >= LIFE_MS || still_welcome(l, now) != SLK_OK ||
            refresh(hub, now) != SLK_OK || hub->stopping)
            return false;
        if (now - l->last_ms >= BEAT_MS || l->sent != hub->generation)
            return fill_pending(l, now) == SLK_OK;
        (void)slk_cond_wait_ms(&hub->changed, &hub->lock,
                               hub->making ? MAKE_MS
                                           : hub->made_ms + MAKE_MS - slk_clock_monotonic_ms());
    }
}

static slk_err produce(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                       slk_error *error)
{
    (void)error;
    listener *l = context;
    size_t n = 0;
    lock(l->hub);
    if (l->at < l->pending.len || next(l)) {
        n = l->pending.len - l->at;
        if (n > capacity)
            n = capacity;
        memcpy(out, l->pending.data + l->at, n);
        l->at += n;
    }
    unlock(l->hub);
    *ret_n = n;
    return SLK_OK;
}

static void release(void *context)
{
    listener *l = context;
    lock(l->hub);
    l->hub->listeners--;
    unlock(l->hub);
    slk_buf_done(&l->pending);
    slk_bytes_wipe(l->secret, sizeof l->secret);
    slk_free(l);
}

/* ---- one more listener ---- */

static bool take_place(page_hub *hub)
{
    lock(hub);
    const bool free_place = !hub->stopping && hub->listeners < SLK_PAGE_LISTENERS_MAX;
    if (free_place)
        hub->listeners++;
    unlock(hub);
    return free_place;
}

slk_err slk_page_events(page_request *request, slk_error *error)
{
    page_hub *hub = request->page->hub;
    if (!take_place(hub)) {
        SLK_TRY(slk_http_reply_header(request->exchange, "Retry-After", "60"));
        return slk_http_reply_error(request->exchange, 503, "busy",
                                    "%u pages listen already; ask /api/v0/overview instead",
                                    SLK_PAGE_LISTENERS_MAX);
    }
    listener *l = slk_calloc(1, sizeof *l);
    if (!l) {
        lock(hub);
        hub->listeners--;
        unlock(hub);
        return slk_page_out_of_memory(error);
    }
    const char *bearer = slk_http_bearer(request->exchange);
    const int64_t now = slk_clock_monotonic_ms();
    *l = (listener){
        .hub = hub, .bearer = bearer != NULL, .born_ms = now, .last_ms = now, .checked_ms = now};
    (void)snprintf(l->secret, sizeof l->secret, "%s", bearer ? bearer : request->session);
    slk_buf_init(&l->pending, ANSWER_MAX_BYTES + 64);
    return slk_http_reply_stream(request->exchange, 200, "text/event-stream", -1, produce, release,
                                 l);
}
