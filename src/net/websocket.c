/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One thread waits for all connections of a hub. Senders write from their own threads as far as the
 * socket takes it; the rest is the hub's to write. */
#include "net/websocket.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/server_impl.h"
#include "net/ws_frame_impl.h"
#include "net/ws_handshake_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_DEFAULT ((size_t)1 << 20)
#define QUEUED_DEFAULT ((size_t)64 << 20)
#define PING_DEFAULT 5000
#define SILENCE_DEFAULT 30000
#define QUEUED_MESSAGES 16u /* of the greatest size, where that is less than the hub's */
#define PONG_BEHIND_MAX \
    ((size_t)4096) /* who leaves so much unread gets no Pong. source: RFC 6455 5.5.3 */
#define CLOSE_WAIT_MS 1000 /* for the peer's Close, and for it to take what is queued */
#define TICK_MS 100
#define READ_BYTES ((size_t)1 << 16)
#define READS_AT_ONCE 16u /* then others come */
#define EVENTS_AT_ONCE 64

struct slk_ws {
    slk_ws_hub *hub;
    slk_ws *next, *previous; /* in hub->open; the hub's thread only */
    slk_ws *next_arrived; /* under the hub's mutex */
    void *owner;
    atomic_uint holders;
    /* The hub's thread only. */
    ws_parser parser;
    slk_spool message;
    int64_t heard_ms; /* when something came last */
    int64_t ping_ms; /* when the next Ping is due */
    bool failed; /* nothing is read any more */
    slk_buf early; /* what came with the request */
    struct MHD_UpgradeResponseHandle *urh; /* for slk_http_upgrade_close */
    pthread_mutex_t mutex; /* guards all below */
    int fd; /* -1: not open yet, or closed */
    bool closed; /* for good */
    bool close_sent;
    int64_t end_ms; /* when it is cut, once it is closing; 0 it is not */
    slk_buf out; /* frames not yet written, from out_at */
    size_t out_at;
    bool waits_to_write;
    int64_t written_ms; /* when some of out was taken last, or out began to fill */
};

struct slk_ws_hub {
    slk_ws_options options;
    slk_ws_events events;
    pthread_t thread;
    bool runs;
    int epoll_fd, wake_fd;
    slk_ws *open; /* the thread's list; each held */
    pthread_mutex_t mutex; /* guards arrived and stopping */
    slk_ws *arrived;
    bool stopping;
    uint8_t buffer[READ_BYTES]; /* the thread's */
};

static void lock(pthread_mutex_t *mutex)
{
    slk_assert(pthread_mutex_lock(mutex) == 0);
}

static void unlock(pthread_mutex_t *mutex)
{
    slk_assert(pthread_mutex_unlock(mutex) == 0);
}

static void wake(const slk_ws_hub *hub)
{
    const uint64_t one = 1;
    ssize_t n = write(hub->wake_fd, &one, sizeof one);
    (void)n; /* a full counter wakes as well */
}

/* ---- life of one ---- */

static slk_ws *ws_new(slk_ws_hub *hub, void *owner)
{
    slk_ws *ws = slk_calloc(1, sizeof *ws);
    if (!ws)
        return NULL;
    ws->hub = hub;
    ws->owner = owner;
    ws->fd = -1;
    atomic_init(&ws->holders, 1);
    ws->parser.max_message = hub->options.max_message_bytes;
    slk_spool_init(&ws->message, hub->options.max_message_bytes, hub->options.spool_folder);
    slk_buf_init(&ws->early, CONNECTION_BYTES);
    slk_buf_init(&ws->out, hub->options.max_queued_bytes);
    slk_assert(pthread_mutex_init(&ws->mutex, NULL) == 0);
    return ws;
}

slk_ws *slk_ws_hold(slk_ws *ws)
{
    atomic_fetch_add(&ws->holders, 1);
    return ws;
}

void slk_ws_drop(slk_ws *ws)
{
    if (!ws || atomic_fetch_sub(&ws->holders, 1) != 1)
        return;
    slk_spool_done(&ws->message);
    slk_buf_done(&ws->early);
    slk_buf_done(&ws->out);
    (void)pthread_mutex_destroy(&ws->mutex);
    slk_free(ws);
}

/* ---- writing, under ws->mutex ---- */

static void wait_to_write(slk_ws *ws, bool on)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | (on ? EPOLLOUT : 0u), .data.ptr = ws};
    if (ws->waits_to_write == on)
        return;
    ws->waits_to_write = on;
    (void)epoll_ctl(ws->hub->epoll_fd, EPOLL_CTL_MOD, ws->fd, &e);
}

/* What is queued goes as far as the socket takes it. */
static void flush(slk_ws *ws)
{
    while (ws->fd >= 0 && ws->out_at < ws->out.len) {
        const ssize_t n = send(ws->fd, ws->out.data + ws->out_at, ws->out.len - ws->out_at,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* a broken connection shows when it is read */
        ws->out_at += (size_t)n;
        ws->written_ms = slk_clock_monotonic_ms();
    }
    if (ws->out_at == ws->out.len) {
        slk_buf_reset(&ws->out);
        ws->out_at = 0;
    }
    if (ws->fd >= 0)
        wait_to_write(ws, ws->out.len > 0);
}

/* Room that was written is used again. */
static void compact(slk_ws *ws)
{
    if (ws->out_at < ws->out.len / 2)
        return;
    memmove(ws->out.data, ws->out.data + ws->out_at, ws->out.len - ws->out_at);
    ws->out.len -= ws->out_at;
    ws->out_at = 0;
}

static slk_err queue(slk_ws *ws, uint8_t op, const void *bytes, size_t n)
{
    uint8_t header[WS_HEADER_MAX];
    const size_t header_n = slk_ws_header(header, op, n);
    if (ws->out.len > 0)
        compact(ws);
    else
        ws->written_ms = slk_clock_monotonic_ms();
    SLK_TRY(slk_buf_reserve(&ws->out, header_n + n));
    SLK_TRY(slk_buf_append(&ws->out, header, header_n));
    SLK_TRY(slk_buf_append(&ws->out, bytes, n));
    flush(ws);
    return SLK_OK;
}

static void begin_close(slk_ws *ws, unsigned status)
{
    const uint8_t payload[2] = {(uint8_t)(status >> 8), (uint8_t)status};
    if (!ws->end_ms)
        ws->end_ms = slk_clock_monotonic_ms() + CLOSE_WAIT_MS;
    if (!ws->close_sent)
        (void)queue(ws, WS_OP_CLOSE, payload, status == WS_NO_STATUS ? 0 : 2);
    ws->close_sent = true;
}

/* ---- from any thread ---- */

slk_err slk_ws_send(slk_ws *ws, const char *text, size_t n, slk_error *error)
{
    slk_err code = SLK_E_UNREACHABLE;
    lock(&ws->mutex);
    if (!ws->closed && !ws->close_sent)
        code = queue(ws, WS_OP_TEXT, text, n);
    if (code == SLK_E_LIMIT || code == SLK_E_NOMEM)
        ws->end_ms = slk_clock_monotonic_ms();
    unlock(&ws->mutex);
    if (code == SLK_OK)
        return SLK_OK;
    wake(ws->hub);
    return slk_fail(error, code,
                    code == SLK_E_UNREACHABLE ? "the WebSocket is closed"
                                              : "the peer does not take what is sent to it");
}

void slk_ws_close(slk_ws *ws, unsigned status)
{
    lock(&ws->mutex);
    if (!ws->closed)
        begin_close(ws, status);
    unlock(&ws->mutex);
    wake(ws->hub);
}

/* ---- the hub's thread: the end of one ---- */

/* Once for each: here when it was open, or in end() when it never was. */
static void tell_closed(slk_ws *ws)
{
    lock(&ws->mutex);
    ws->closed = true;
    unlock(&ws->mutex);
    ws->hub->events.closed(ws->owner, ws);
}

static void end_ws(slk_ws *ws)
{
    slk_ws_hub *hub = ws->hub;
    const int fd = ws->fd;
    lock(&ws->mutex);
    (void)epoll_ctl(hub->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    ws->fd = -1;
    ws->closed = true;
    unlock(&ws->mutex);
    if (ws->previous)
        ws->previous->next = ws->next;
    else
        hub->open = ws->next;
    if (ws->next)
        ws->next->previous = ws->previous;
    tell_closed(ws);
    slk_http_upgrade_close(fd, ws->urh); /* last: then the server may end */
    slk_ws_drop(ws);
}

/* ---- the hub's thread: reading ---- */

static void close_with(slk_ws *ws, unsigned status)
{
    ws->failed = true;
    lock(&ws->mutex);
    begin_close(ws, status);
    unlock(&ws->mutex);
}

/* Who broke the protocol may not know that it has to close the connection. */
static void end_sending(slk_ws *ws)
{
    lock(&ws->mutex);
    if (ws->out.len == 0)
        (void)shutdown(ws->fd, SHUT_WR);
    unlock(&ws->mutex);
}

static void pong(slk_ws *ws, const ws_event *event)
{
    lock(&ws->mutex);
    if (!ws->close_sent && ws->out.len - ws->out_at <= PONG_BEHIND_MAX)
        (void)queue(ws, WS_OP_PONG, event->bytes, event->n);
    unlock(&ws->mutex);
}

static void deliver(slk_ws *ws)
{
    slk_spool *message = &ws->message;
    ws->hub->events.message(ws->owner, ws, message);
    slk_spool_done(message);
    slk_spool_init(message, message->max, message->folder);
}

/* False: the connection is to be cut now. */
static bool act_on(slk_ws *ws, const ws_event *event)
{
    if (event->what == WS_DATA) {
        if (slk_spool_append(&ws->message, event->bytes, event->n, NULL) != SLK_OK)
            close_with(ws, WS_OUR_FAULT);
    } else if (event->what == WS_MESSAGE) {
        deliver(ws);
    } else if (event->what == WS_PING) {
        pong(ws, event);
    } else if (event->what == WS_BAD) {
        close_with(ws, event->status);
        end_sending(ws);
    } else if (event->what == WS_CLOSE) {
        close_with(ws, event->status);
        lock(&ws->mutex);
        const bool all_sent = ws->out.len == 0;
        unlock(&ws->mutex);
        return !all_sent;
    }
    return true;
}

/* False: the connection is over. */
static bool take_bytes(slk_ws *ws, uint8_t *bytes, size_t n)
{
    ws_event event;
    ws->heard_ms = slk_clock_monotonic_ms();
    do {
        size_t used = 0;
        if (ws->failed) /* what follows a fault is read, for the Close to arrive, and dropped */
            return true;
        slk_ws_parse(&ws->parser, bytes, n, &used, &event);
        bytes += used;
        n -= used;
        if (!act_on(ws, &event))
            return false;
    } while (event.what != WS_WANTS_MORE);
    return true;
}

static bool read_some(slk_ws *ws)
{
    for (unsigned i = 0; i < READS_AT_ONCE; i++) {
        const ssize_t n = recv(ws->fd, ws->hub->buffer, READ_BYTES, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (n <= 0 || !take_bytes(ws, ws->hub->buffer, (size_t)n))
            return false;
    }
    return true;
}

static void serve(slk_ws *ws, uint32_t events)
{
    if (events & EPOLLOUT) {
        lock(&ws->mutex);
        flush(ws);
        unlock(&ws->mutex);
    }
    if ((events & ~(uint32_t)EPOLLOUT) && !read_some(ws))
        end_ws(ws);
}

/* ---- the hub's thread: coming and waiting ---- */

static void arrive(slk_ws *ws)
{
    slk_ws_hub *hub = ws->hub;
    const int64_t now = slk_clock_monotonic_ms();
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = ws};
    ws->heard_ms = now;
    ws->ping_ms = now + hub->options.ping_ms;
    ws->next = hub->open;
    if (ws->next)
        ws->next->previous = ws;
    hub->open = ws;
    lock(&ws->mutex);
    const bool watched = epoll_ctl(hub->epoll_fd, EPOLL_CTL_ADD, ws->fd, &e) == 0;
    if (watched)
        flush(ws);
    unlock(&ws->mutex);
    if (!watched || !take_bytes(ws, ws->early.data, ws->early.len))
        end_ws(ws);
}

static void take_arrivals(slk_ws_hub *hub)
{
    uint64_t count;
    ssize_t n = read(hub->wake_fd, &count, sizeof count);
    (void)n;
    lock(&hub->mutex);
    slk_ws *ws = hub->arrived;
    hub->arrived = NULL;
    unlock(&hub->mutex);
    while (ws) {
        slk_ws *next = ws->next_arrived;
        arrive(ws);
        ws = next;
    }
}

/* Whether its time is over; else a Ping goes out when it is due. */
static bool look_at(slk_ws *ws, int64_t now)
{
    const slk_ws_options *o = &ws->hub->options;
    lock(&ws->mutex);
    bool over = (ws->end_ms && ws->end_ms <= now) || now - ws->heard_ms > o->silence_ms ||
                (ws->out.len > 0 && now - ws->written_ms > o->silence_ms);
    if (!over && ws->ping_ms <= now && !ws->close_sent) {
        ws->ping_ms = now + o->ping_ms;
        over = queue(ws, WS_OP_PING, "", 0) != SLK_OK;
    }
    unlock(&ws->mutex);
    return over;
}

static void look_after_all(slk_ws_hub *hub)
{
    const int64_t now = slk_clock_monotonic_ms();
    for (slk_ws *ws = hub->open, *next; ws; ws = next) {
        next = ws->next;
        if (look_at(ws, now))
            end_ws(ws);
    }
}

static bool is_stopping(slk_ws_hub *hub)
{
    lock(&hub->mutex);
    const bool stopping = hub->stopping;
    unlock(&hub->mutex);
    return stopping;
}

static void *run(void *context)
{
    slk_ws_hub *hub = context;
    struct epoll_event events[EVENTS_AT_ONCE];
    while (!is_stopping(hub)) {
        const int n = epoll_wait(hub->epoll_fd, events, EVENTS_AT_ONCE, hub->open ? TICK_MS : -1);
        bool arrivals = false;
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                serve(events[i].data.ptr, events[i].events);
            else
                arrivals = true;
        }
        if (arrivals)
            take_arrivals(hub);
        look_after_all(hub);
    }
    return NULL;
}

/* ---- the hub ---- */

static void set_defaults(slk_ws_options *o)
{
    if (!o->max_message_bytes)
        o->max_message_bytes = MESSAGE_DEFAULT;
    if (!o->max_queued_bytes)
        o->max_queued_bytes = QUEUED_DEFAULT;
    if (!o->ping_ms)
        o->ping_ms = PING_DEFAULT;
    if (!o->silence_ms)
        o->silence_ms = SILENCE_DEFAULT;
}

static slk_err start(slk_ws_hub *hub, slk_error *error)
{
    struct epoll_event e = {.events = EPOLLIN};
    hub->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    hub->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (hub->epoll_fd < 0 || hub->wake_fd < 0 ||
        epoll_ctl(hub->epoll_fd, EPOLL_CTL_ADD, hub->wake_fd, &e) != 0)
        return slk_fail_errno(error, errno, "cannot wait for WebSockets");
    const int rc = pthread_create(&hub->thread, NULL, run, hub);
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot start a thread");
    hub->runs = true;
    return SLK_OK;
}

slk_err slk_ws_hub_new(slk_ws_hub **ret_hub, const slk_ws_options *options,
                       const slk_ws_events *events, slk_error *error)
{
    slk_ws_hub *hub = slk_calloc(1, sizeof *hub);
    if (!hub)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    hub->options = *options;
    hub->events = *events;
    set_defaults(&hub->options);
    hub->epoll_fd = hub->wake_fd = -1;
    slk_assert(pthread_mutex_init(&hub->mutex, NULL) == 0);
    const slk_err code = start(hub, error);
    if (code == SLK_OK)
        *ret_hub = hub;
    else
        slk_ws_hub_free(hub);
    return code;
}

void slk_ws_hub_free(slk_ws_hub *hub)
{
    if (!hub)
        return;
    lock(&hub->mutex);
    hub->stopping = true;
    unlock(&hub->mutex);
    if (hub->runs) {
        wake(hub);
        (void)pthread_join(hub->thread, NULL);
    }
    slk_assert(!hub->open && !hub->arrived);
    slk_closep(&hub->epoll_fd);
    slk_closep(&hub->wake_fd);
    (void)pthread_mutex_destroy(&hub->mutex);
    slk_free(hub);
}

/* ---- from HTTP ---- */

static void begin(void *context, int fd, const void *early, size_t early_n,
                  struct MHD_UpgradeResponseHandle *urh)
{
    slk_ws *ws = slk_ws_hold(context);
    slk_ws_hub *hub = ws->hub;
    ws->urh = urh;
    if (slk_buf_append(&ws->early, early, early_n) != SLK_OK)
        slk_ws_close(ws, WS_OUR_FAULT);
    lock(&ws->mutex);
    ws->fd = fd;
    unlock(&ws->mutex);
    lock(&hub->mutex);
    ws->next_arrived = hub->arrived;
    hub->arrived = ws;
    unlock(&hub->mutex);
    wake(hub);
}

static void evict(void *context)
{
    slk_ws_close(context, WS_GOING_AWAY);
}

static void end(void *context, bool began)
{
    if (!began)
        tell_closed(context);
    slk_ws_drop(context);
}

slk_err slk_ws_accept(slk_ws_hub *hub, slk_http_exchange *exchange, void *owner,
                      size_t max_message_bytes, slk_ws **ret_ws, slk_error *error)
{
    static const http_upgrade upgrade = {begin, evict, end};
    bool good = false;
    SLK_TRY(slk_ws_handshake(exchange, &good, error));
    if (!good)
        return SLK_OK;
    slk_ws *ws = ws_new(hub, owner);
    if (!ws)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a WebSocket");
    if (max_message_bytes && max_message_bytes < ws->parser.max_message) {
        ws->parser.max_message = max_message_bytes;
        ws->out.max = (size_t)slk_min_u64(ws->out.max, QUEUED_MESSAGES * max_message_bytes);
    }
    slk_ws_hold(ws);
    const slk_err code = slk_http_reply_upgrade(exchange, "websocket", &upgrade, ws, error);
    if (code == SLK_OK) {
        *ret_ws = ws;
    } else {
        slk_ws_drop(ws);
        slk_ws_drop(ws);
    }
    return code;
}
