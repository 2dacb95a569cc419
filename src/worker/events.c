/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What becomes of the calls, told as it happens: server-sent events on GET /selkie/events.
 *
 *   runner (its lock) -> ring -> readers, each a connection and its thread, which waits here
 *
 * The ring holds the text of the newest events, without their borders: a reader is a place in it, and one
 * that the ring has overtaken is cut off. What is at work is looked at by whichever reader wakes. The
 * hub's lock is taken inside the runner's, never the other way round. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "worker/worker_impl.h"

#include <stdio.h>
#include <string.h>

#define READERS_MAX 16u
#define RING_BYTES ((size_t)1 << 20) /* two events of each call of the largest batch */
#define EVENT_MAX_BYTES ((size_t)8192)
#define LIST_MAX_BYTES ((size_t)16 << 20)
#define LIST_MS 10000
#define LOOK_MS 250 /* at what is at work */
#define FURTHER_MS 1000 /* between two events of one stage of a call */
#define GATHER_MS 200 /* what comes so soon after is sent with it: each time wakes both sides */
/* Long enough that a reader which counts bytes a second does not take it for silence. */
#define COMMENT ": nothing has changed here for a while\n\n"

struct slk_worker_events {
    slk_worker *worker;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* an event; waited for by `sleeping` readers */
    pthread_cond_t stopped;
    unsigned readers, sleeping;
    bool stopping;
    bool at_work; /* something may be */
    bool measured; /* more than readers were told of */
    int64_t looked_ms;
    uint8_t *ring; /* heap, from the first reader on */
    uint64_t end; /* bytes that ever went into it */
};

typedef struct reader {
    slk_worker_events *events;
    char token[SLK_JWT_MAX_CHARS];
    int64_t until_ms; /* of the token's grant, monotonic; 0 for ever */
    bool listed; /* the list was made once */
    int64_t listed_ms; /* when it, or the comment in its place, was made last */
    int64_t since_ms; /* when it was seen that there is more in the ring; 0 there is not */
    uint64_t at; /* in the ring */
    slk_buf own; /* list or comment, not yet handed on from own_at on */
    size_t own_at;
} reader;

static void lock(slk_worker_events *events)
{
    slk_assert(pthread_mutex_lock(&events->lock) == 0);
}

static void unlock(slk_worker_events *events)
{
    slk_assert(pthread_mutex_unlock(&events->lock) == 0);
}

slk_err slk_worker_events_new(slk_worker_events **ret_events, slk_worker *worker, slk_error *error)
{
    slk_worker_events *events = slk_calloc(1, sizeof *events);
    if (!events)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker's events");
    events->worker = worker;
    slk_assert(pthread_mutex_init(&events->lock, NULL) == 0);
    slk_assert(slk_cond_init(&events->moved) == 0);
    slk_assert(slk_cond_init(&events->stopped) == 0);
    *ret_events = events;
    return SLK_OK;
}

void slk_worker_events_stop(slk_worker_events *events)
{
    lock(events);
    events->stopping = true;
    (void)pthread_cond_broadcast(&events->moved);
    (void)pthread_cond_broadcast(&events->stopped);
    unlock(events);
}

void slk_worker_events_free(slk_worker_events *events)
{
    if (!events)
        return;
    slk_assert(events->readers == 0);
    (void)pthread_cond_destroy(&events->stopped);
    (void)pthread_cond_destroy(&events->moved);
    (void)pthread_mutex_destroy(&events->lock);
    slk_free(events->ring);
    slk_free(events);
}

/* ---- what is told ---- */

/* Lock held. Without text (no memory for it) all readers are cut off: they come back and get a list. */
static void put_in(slk_worker_events *events, const slk_buf *text)
{
    if (!text)
        events->end += RING_BYTES + 1;
    for (size_t done = 0; text && done < text->len;) {
        const size_t at = (size_t)(events->end % RING_BYTES);
        const size_t n = slk_min_u64(text->len - done, RING_BYTES - at);
        memcpy(events->ring + at, text->data + done, n);
        events->end += n;
        done += n;
    }
    if (events->sleeping > 0)
        (void)pthread_cond_broadcast(&events->moved);
}

static slk_err print_event(slk_buf *out, const char *name, const json_t *value)
{
    SLK_TRY(slk_buf_printf(out, "event: %s\ndata: ", name));
    SLK_TRY(value ? slk_json_print(out, value) : SLK_E_NOMEM);
    return slk_buf_text(out, "\n\n");
}

/* Value is taken over. */
static void publish(slk_worker_events *events, const char *name, json_t *value)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *owned = value;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, EVENT_MAX_BYTES);
    const bool good = print_event(&text, name, owned) == SLK_OK;
    lock(events);
    if (events->ring)
        put_in(events, good ? &text : NULL);
    unlock(events);
}

static bool somebody_reads(slk_worker_events *events, bool at_work)
{
    lock(events);
    events->at_work = events->at_work || at_work;
    const bool reads = events->readers > 0;
    unlock(events);
    return reads;
}

void slk_worker_events_call(slk_worker_events *events, const slk_runner_view *view)
{
    if (somebody_reads(events, view->state == SLK_RUNNER_AT_WORK))
        publish(events, "task", slk_worker_view_json(view));
}

void slk_worker_events_measured(slk_worker_events *events)
{
    lock(events);
    events->measured = true;
    unlock(events);
}

void slk_worker_events_changed(slk_worker_events *events)
{
    if (somebody_reads(events, false))
        publish(events, "worker", json_object());
}

/* ---- one reader ---- */

/* Without the lock. */
static slk_err make_list(reader *r)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = slk_worker_views_json(r->events->worker);
    slk_buf_reset(&r->own);
    r->own_at = 0;
    if (list && json_array_size(list) == 0 && r->listed)
        return slk_buf_text(&r->own, COMMENT);
    r->listed = true;
    return print_event(&r->own, "tasks", list);
}

/* Without the lock: whether the token is good for more. */
static slk_err still_welcome(reader *r)
{
    slk_auth_may may;
    SLK_TRY(slk_auth_look(r->events->worker->auth, &may, r->token, false, NULL));
    r->until_ms = may.grant.until_ms;
    return may.grant.permissions & SLK_RPC_ADMIN ? SLK_OK : SLK_E_AUTH;
}

/* Without the lock: what is at work; what it told is in the ring then. */
static void look(slk_worker_events *events)
{
    if (slk_runner_tell(events->worker->runner, FURTHER_MS))
        (void)somebody_reads(events, true);
}

/* Lock held, which is given up meanwhile. */
static slk_err renew_list(reader *r, int64_t now)
{
    slk_worker_events *events = r->events;
    const bool measured = events->measured;
    events->measured = false;
    r->listed_ms = now;
    unlock(events);
    if (measured)
        slk_worker_events_changed(events);
    const slk_err code = make_list(r);
    lock(events);
    return code;
}

/* Lock held, which is given up meanwhile: what must be done by now. */
static slk_err do_what_is_due(reader *r, int64_t now)
{
    slk_worker_events *events = r->events;
    if (r->until_ms > 0 && now >= r->until_ms) {
        unlock(events);
        const slk_err code = still_welcome(r);
        lock(events);
        SLK_TRY(code);
    }
    if (now >= r->listed_ms + LIST_MS)
        SLK_TRY(renew_list(r, now));
    if (events->at_work && now >= events->looked_ms + LOOK_MS) {
        events->looked_ms = now;
        events->at_work = false; /* what begins from now on says so */
        unlock(events);
        look(events);
        lock(events);
    }
    return SLK_OK;
}

/* Lock held: until something may be due. */
static void sleep_a_while(reader *r, int64_t now)
{
    slk_worker_events *events = r->events;
    const int64_t look_ms = events->looked_ms + LOOK_MS;
    int64_t due = r->listed_ms + LIST_MS;
    if (r->until_ms > 0 && r->until_ms < due)
        due = r->until_ms;
    if (events->at_work && look_ms < due)
        due = look_ms;
    events->sleeping++;
    (void)slk_cond_wait_ms(&events->moved, &events->lock, due - now);
    events->sleeping--;
}

static size_t give(uint8_t *out, size_t capacity, const uint8_t *bytes, size_t n)
{
    n = slk_min_u64(n, capacity);
    memcpy(out, bytes, n);
    return n;
}

/* Lock held: of the ring, or of the reader's own; 0: there is nothing yet. */
static size_t hand_on(reader *r, uint8_t *out, size_t capacity, int64_t now)
{
    slk_worker_events *events = r->events;
    size_t n;
    if (r->own_at < r->own.len) {
        n = give(out, capacity, r->own.data + r->own_at, r->own.len - r->own_at);
        r->own_at += n;
        return n;
    }
    if (r->at == events->end)
        r->since_ms = 0;
    else if (r->since_ms == 0)
        r->since_ms = now;
    if (r->since_ms == 0 || now < r->since_ms + GATHER_MS)
        return 0;
    const size_t from = (size_t)(r->at % RING_BYTES);
    const size_t there = (size_t)(events->end - r->at);
    n = give(out, capacity, events->ring + from, slk_min_u64(there, RING_BYTES - from));
    r->at += n;
    return n;
}

/* Lock held, which is given up while it waits. *ret_n 0: the stream ends. */
static slk_err next(reader *r, uint8_t *out, size_t capacity, size_t *ret_n, slk_error *error)
{
    slk_worker_events *events = r->events;
    for (;;) {
        const int64_t now = slk_clock_monotonic_ms();
        if (events->stopping)
            return SLK_OK;
        if (do_what_is_due(r, now) != SLK_OK)
            return SLK_OK;
        if (events->end - r->at > RING_BYTES)
            return slk_fail(error, SLK_E_LIMIT, "the reader is too slow");
        *ret_n = hand_on(r, out, capacity, now);
        if (*ret_n > 0)
            return SLK_OK;
        if (r->since_ms > 0)
            (void)slk_cond_wait_ms(&events->stopped, &events->lock, r->since_ms + GATHER_MS - now);
        else
            sleep_a_while(r, now);
    }
}

static slk_err produce(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                       slk_error *error)
{
    reader *r = context;
    size_t n = 0;
    lock(r->events);
    const slk_err code = next(r, out, capacity, &n, error);
    unlock(r->events);
    *ret_n = n;
    return code;
}

static void leave(slk_worker_events *events)
{
    lock(events);
    events->readers--;
    unlock(events);
}

static void release(void *context)
{
    reader *r = context;
    leave(r->events);
    slk_buf_done(&r->own);
    slk_bytes_wipe(r->token, sizeof r->token);
    slk_free(r);
}

/* ---- one more reader ---- */

static bool enter(uint64_t *ret_at, slk_worker_events *events)
{
    lock(events);
    const bool place = !events->stopping && events->readers < READERS_MAX;
    if (place && !events->ring)
        events->ring = slk_alloc(1, RING_BYTES);
    const bool entered = place && events->ring;
    events->readers += entered;
    events->at_work = true; /* as far as anybody knows who has just come */
    *ret_at = events->end;
    unlock(events);
    return entered;
}

static slk_err authorise(slk_auth_may *ret_may, slk_worker_events *events,
                         slk_http_exchange *exchange, slk_error *error)
{
    const char *token = slk_http_bearer(exchange);
    if (!token)
        return slk_fail(error, SLK_E_AUTH, "this needs a token of permission admin");
    const slk_err code =
        slk_auth_look(events->worker->auth, ret_may, token, !slk_http_may_guess(exchange), error);
    return code == SLK_E_AUTH ? slk_http_guessed(exchange, error) : code;
}

static slk_err get_events(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_worker_events *events = context;
    slk_auth_may may;
    uint64_t at = 0;
    SLK_TRY(authorise(&may, events, exchange, error));
    if (!(may.grant.permissions & SLK_RPC_ADMIN))
        return slk_http_reply_error(exchange, 403, "forbidden",
                                    "the token has not the permission admin");
    if (!enter(&at, events)) {
        SLK_TRY(slk_http_reply_header(exchange, "Retry-After", "60"));
        return slk_http_reply_error(exchange, 503, "busy",
                                    "%u read the events already; ask Selkie.TaskProgress instead",
                                    READERS_MAX);
    }
    reader *r = slk_calloc(1, sizeof *r);
    if (!r) {
        leave(events);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a reader of events");
    }
    *r = (reader){.events = events,
                  .at = at,
                  .until_ms = may.grant.until_ms,
                  .listed_ms = slk_clock_monotonic_ms() - LIST_MS};
    (void)snprintf(r->token, sizeof r->token, "%s", slk_http_bearer(exchange));
    slk_buf_init(&r->own, LIST_MAX_BYTES);
    return slk_http_reply_stream(exchange, 200, "text/event-stream", -1, produce, release, r);
}

slk_http_route slk_worker_events_route(slk_worker_events *events)
{
    return (slk_http_route){
        .method = "GET", .path = "/selkie/events", .handler = get_events, .context = events};
}
