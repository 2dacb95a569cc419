/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/push.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 200 /* how often a waiting claim looks at its job */
#define PIPE_BYTES (1 << 20)

struct stream {
    struct stream *next;
    char uuid[SLK_UUID_CHARS];
    unsigned refs; /* the list's, each exchange's */
    bool head, post; /* have come */
    bool claimed, opened, closed;
    bool left; /* the caller is gone before it was asked for the data */
    int write_fd; /* from open to the end of the body */
    slk_push *push;
};

struct slk_push {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct stream *first;
    unsigned n;
    bool stopped;
};

slk_err slk_push_new(slk_push **ret_push, slk_error *error)
{
    slk_push *push = slk_calloc(1, sizeof *push);
    if (!push)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for streams");
    slk_assert(pthread_mutex_init(&push->lock, NULL) == 0);
    if (slk_cond_init(&push->moved) != 0) {
        (void)pthread_mutex_destroy(&push->lock);
        slk_free(push);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for streams");
    }
    *ret_push = push;
    return SLK_OK;
}

static void lock(slk_push *push)
{
    (void)pthread_mutex_lock(&push->lock);
}

static void unlock(slk_push *push)
{
    (void)pthread_cond_broadcast(&push->moved);
    (void)pthread_mutex_unlock(&push->lock);
}

/* ---- streams, lock held ---- */

static void drop_ref(struct stream *s)
{
    if (--s->refs > 0)
        return;
    slk_closep(&s->write_fd);
    slk_free(s);
}

static struct stream *find(const slk_push *push, const char *uuid)
{
    for (struct stream *s = push->first; s; s = s->next)
        if (strcmp(s->uuid, uuid) == 0)
            return s;
    return NULL;
}

/* Off the list: known no more. */
static void forget(slk_push *push, struct stream *stream)
{
    for (struct stream **at = &push->first; *at; at = &(*at)->next) {
        if (*at != stream)
            continue;
        *at = stream->next;
        push->n--;
        stream->closed = true;
        drop_ref(stream);
        return;
    }
}

/* When all places are taken, the stream that no call has named for the longest time gives way: a call
 * names its own at once, and anybody can open others. */
static slk_err make_room(slk_push *push, slk_error *error)
{
    struct stream *oldest = NULL;
    if (push->n < SLK_PUSH_STREAMS_MAX)
        return SLK_OK;
    for (struct stream *s = push->first; s; s = s->next) /* the list begins with the newest */
        if (!s->claimed)
            oldest = s;
    if (!oldest)
        return slk_fail(error, SLK_E_BUSY, "%u streams are open already", push->n);
    forget(push, oldest);
    (void)pthread_cond_broadcast(&push->moved);
    return SLK_OK;
}

static slk_err find_or_add(struct stream **ret, slk_push *push, const char *uuid, slk_error *error)
{
    struct stream *s = find(push, uuid);
    if (!s) {
        SLK_TRY(make_room(push, error));
        s = slk_calloc(1, sizeof *s);
        if (!s)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a stream");
        (void)snprintf(s->uuid, sizeof s->uuid, "%s", uuid);
        s->write_fd = -1;
        s->refs = 1;
        s->push = push;
        s->next = push->first;
        push->first = s;
        push->n++;
    }
    *ret = s;
    return SLK_OK;
}

void slk_push_stop(slk_push *push)
{
    lock(push);
    push->stopped = true;
    while (push->first)
        forget(push, push->first);
    unlock(push);
}

void slk_push_free(slk_push *push)
{
    if (!push)
        return;
    slk_push_stop(push);
    (void)pthread_cond_destroy(&push->moved);
    (void)pthread_mutex_destroy(&push->lock);
    slk_free(push);
}

/* Until the stream may be read; false: it is closed, or nobody has claimed it in time. */
static bool wait_opened(slk_push *push, struct stream *s)
{
    const int64_t until = slk_clock_monotonic_ms() + SLK_PUSH_CLAIM_MS;
    while (!s->opened && !s->closed && !s->left) {
        if (s->claimed) {
            (void)pthread_cond_wait(&push->moved, &push->lock);
            continue;
        }
        if (slk_clock_monotonic_ms() >= until)
            return false;
        (void)slk_cond_wait_ms(&push->moved, &push->lock, until - slk_clock_monotonic_ms());
    }
    return s->opened;
}

/* ---- the caller's side ---- */

/* A stream for this request; counted until leave(). */
static slk_err enter(struct stream **ret, slk_push *push, slk_http_exchange *exchange, bool post,
                     slk_error *error)
{
    const char *uuid = slk_http_param(exchange, "uuid");
    if (!slk_uuid_is(uuid))
        return slk_fail(error, SLK_E_INVAL, "a stream's name is a UUID");
    lock(push);
    struct stream *s = NULL;
    slk_err code = push->stopped ? slk_fail(error, SLK_E_CANCELED, "the worker is stopping")
                                 : find_or_add(&s, push, uuid, error);
    if (code == SLK_OK && (post ? s->post : s->head))
        code = slk_fail(error, SLK_E_CONFLICT, "the stream is taken");
    if (code == SLK_OK) {
        s->post = s->post || post;
        s->head = s->head || !post;
        s->refs++;
        *ret = s;
    }
    unlock(push);
    return code;
}

static void leave_unclaimed(slk_push *push, struct stream *s)
{
    if (!s->claimed && !s->closed)
        forget(push, s);
}

static void head_left(void *context)
{
    struct stream *s = context;
    lock(s->push);
    if (!s->opened)
        s->left = true;
    unlock(s->push);
}

static slk_err head(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_push *push = context;
    struct stream *s = NULL;
    SLK_TRY(enter(&s, push, exchange, false, error));
    slk_http_on_leave(exchange, head_left, s);
    lock(push);
    const bool opened = wait_opened(push, s);
    const bool claimed = s->claimed;
    unlock(push);
    slk_http_on_leave(exchange, NULL, NULL); /* while there is a stream to tell */
    lock(push);
    leave_unclaimed(push, s);
    drop_ref(s);
    unlock(push);
    if (!opened && !claimed)
        return slk_http_reply_empty(exchange, 404);
    return slk_http_reply_empty(exchange, opened ? 200 : 204);
}

/* Ends the body's part, whether it came whole or was cut. */
static void post_ended(void *context)
{
    struct stream *s = context;
    slk_push *push = s->push;
    lock(push);
    slk_closep(&s->write_fd);
    s->write_fd = -1;
    leave_unclaimed(push, s);
    drop_ref(s);
    unlock(push);
}

static slk_err post_admit(void *context, slk_http_exchange *exchange, slk_error *error)
{
    struct stream *s = NULL;
    SLK_TRY(enter(&s, context, exchange, true, error));
    slk_http_set_state(exchange, s);
    slk_http_on_end(exchange, post_ended, s);
    return SLK_OK;
}

static slk_err write_all(int fd, const uint8_t *bytes, size_t n, slk_error *error)
{
    if (!slk_pipe_write(fd, bytes, n))
        return slk_fail(error, SLK_E_CANCELED, "nobody reads the stream any more");
    return SLK_OK;
}

static slk_err post_take(void *context, slk_http_exchange *exchange, const uint8_t *bytes, size_t n,
                         slk_error *error)
{
    slk_push *push = context;
    struct stream *s = slk_http_state(exchange);
    lock(push);
    const bool opened = wait_opened(push, s);
    const int fd = s->write_fd;
    unlock(push);
    if (!opened || fd < 0)
        return slk_fail(error, SLK_E_CANCELED, "nobody reads the stream");
    return write_all(fd, bytes, n, error);
}

/* The body is there: the reader sees its end. */
static slk_err post(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_push *push = context;
    struct stream *s = slk_http_state(exchange);
    (void)error;
    lock(push);
    const bool opened = wait_opened(push, s);
    slk_closep(&s->write_fd);
    s->write_fd = -1;
    while (opened && !s->closed)
        (void)pthread_cond_wait(&push->moved, &push->lock);
    unlock(push);
    return slk_http_reply_empty(exchange, opened ? 200 : 404);
}

void slk_push_routes(slk_push *push, slk_http_route out[SLK_PUSH_ROUTES])
{
    static const char path[] = "/rpc/streams/v0/push/{uuid}";
    out[0] = (slk_http_route){
        .method = "HEAD", .path = path, .handler = head, .context = push, .plain_errors = true};
    out[1] = (slk_http_route){.method = "POST",
                              .path = path,
                              .handler = post,
                              .context = push,
                              .max_body_bytes = SIZE_MAX,
                              .plain_errors = true,
                              .admit = post_admit,
                              .take = post_take};
}

/* ---- the worker's side ---- */

static slk_err wait_seen(slk_push *push, struct stream *s, int64_t wait_ms, slk_job *job,
                         slk_error *error)
{
    const int64_t until = slk_clock_monotonic_ms() + wait_ms;
    while (!s->head && !s->post) {
        if (push->stopped)
            return slk_fail(error, SLK_E_CANCELED, "the worker is stopping");
        SLK_TRY(slk_job_check(job, error));
        const int64_t left = until - slk_clock_monotonic_ms();
        if (left <= 0)
            return slk_fail(error, SLK_E_TIMEOUT,
                            "the data of the stream was not offered within %d s",
                            (int)(wait_ms / 1000));
        (void)slk_cond_wait_ms(&push->moved, &push->lock, left < LOOK_MS ? left : LOOK_MS);
    }
    return SLK_OK;
}

slk_err slk_push_claim(slk_push *push, const char *uuid, int64_t wait_ms, slk_job *job,
                       slk_error *error)
{
    struct stream *s = NULL;
    lock(push);
    slk_err code = push->stopped ? slk_fail(error, SLK_E_CANCELED, "the worker is stopping")
                                 : find_or_add(&s, push, uuid, error);
    if (code == SLK_OK && s->claimed)
        code = slk_fail(error, SLK_E_CONFLICT, "another call reads this stream");
    else if (code == SLK_OK) {
        s->claimed = true;
        s->refs++;
        code = wait_seen(push, s, wait_ms, job, error);
        if (code != SLK_OK)
            forget(push, s);
        drop_ref(s);
    }
    unlock(push);
    return code;
}

static slk_err open_pipe(struct stream *s, int *ret_fd, slk_error *error)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) != 0)
        return slk_fail_errno(error, errno, "cannot make a pipe");
    (void)fcntl(fd[1], F_SETPIPE_SZ, PIPE_BYTES); /* else the usual size */
    s->write_fd = fd[1];
    s->opened = true;
    *ret_fd = fd[0];
    return SLK_OK;
}

/* Who was told to send does so soon. */
static slk_err wait_post(slk_push *push, const struct stream *s, slk_job *job, slk_error *error)
{
    const int64_t until = slk_clock_monotonic_ms() + SLK_PUSH_CLAIM_MS;
    (void)pthread_cond_broadcast(&push->moved);
    while (!s->post) {
        SLK_TRY(slk_job_check(job, error));
        const int64_t left = until - slk_clock_monotonic_ms();
        if (s->closed || left <= 0)
            return slk_fail(error, SLK_E_TIMEOUT,
                            "the stream's sender was told to send, and does not");
        (void)slk_cond_wait_ms(&push->moved, &push->lock, left < LOOK_MS ? left : LOOK_MS);
    }
    return SLK_OK;
}

slk_err slk_push_open(slk_push *push, const char *uuid, int *ret_fd, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    lock(push);
    struct stream *s = find(push, uuid);
    slk_err code = SLK_OK;
    if (!s || !s->claimed || s->opened || (s->left && !s->post))
        code = slk_fail(error, SLK_E_NOTFOUND, "the stream's sender has gone");
    else
        code = open_pipe(s, &fd, error);
    if (code == SLK_OK) {
        s->refs++;
        code = wait_post(push, s, job, error);
        drop_ref(s);
    }
    unlock(push);
    SLK_TRY(code);
    *ret_fd = fd;
    fd = -1;
    return SLK_OK;
}

void slk_push_close(slk_push *push, const char *uuid)
{
    lock(push);
    struct stream *s = find(push, uuid);
    if (s)
        forget(push, s);
    unlock(push);
}
