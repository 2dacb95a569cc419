/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MHD knows one limit, on silence: a peer that sends a byte now and then outlives it. So each
 * phase that waits for the peer has an absolute deadline here, and one thread shuts the socket of
 * whoever misses it; MHD then closes the connection in its own thread. */
#include "net/server_impl.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#define TICK_MS 100

static void lock(slk_http_server *server)
{
    slk_assert(pthread_mutex_lock(&server->mutex) == 0);
}

static void unlock(slk_http_server *server)
{
    slk_assert(pthread_mutex_unlock(&server->mutex) == 0);
}

static void cut_late(slk_http_server *server)
{
    int64_t now = slk_clock_monotonic_ms();
    for (http_connection *c = server->connections; c; c = c->next) {
        if (c->deadline_ms == 0 || c->deadline_ms > now)
            continue;
        c->deadline_ms = 0;
        (void)shutdown(c->fd, SHUT_RDWR);
    }
}

static void wait_tick(slk_http_server *server)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    int rc = server->connections ? pthread_cond_timedwait(&server->wake, &server->mutex, &until)
                                 : pthread_cond_wait(&server->wake, &server->mutex);
    slk_assert(rc == 0 || rc == ETIMEDOUT);
}

static void *watch(void *context)
{
    slk_http_server *server = context;
    lock(server);
    while (!server->stopping) {
        wait_tick(server);
        cut_late(server);
    }
    unlock(server);
    return NULL;
}

slk_err slk_http_watch_start(slk_http_server *server, slk_error *error)
{
    pthread_condattr_t attr;
    slk_assert(pthread_condattr_init(&attr) == 0);
    slk_assert(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    slk_assert(pthread_cond_init(&server->wake, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
    slk_assert(pthread_mutex_init(&server->mutex, NULL) == 0);
    int rc = pthread_create(&server->watchdog, NULL, watch, server);
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot start a thread");
    server->watchdog_runs = true;
    return SLK_OK;
}

void slk_http_watch_stop(slk_http_server *server)
{
    if (!server->watchdog_runs)
        return;
    lock(server);
    server->stopping = true;
    (void)pthread_cond_signal(&server->wake);
    unlock(server);
    (void)pthread_join(server->watchdog, NULL);
    (void)pthread_cond_destroy(&server->wake);
    (void)pthread_mutex_destroy(&server->mutex);
}

http_connection *slk_http_watch_add(slk_http_server *server, int fd)
{
    http_connection *connection = slk_calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->fd = fd;
    lock(server);
    connection->next = server->connections;
    if (connection->next)
        connection->next->previous = connection;
    server->connections = connection;
    (void)pthread_cond_signal(&server->wake);
    unlock(server);
    return connection;
}

void slk_http_watch_remove(slk_http_server *server, http_connection *connection)
{
    lock(server);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    unlock(server);
    slk_free(connection);
}

void slk_http_watch_deadline(slk_http_server *server, http_connection *connection, int64_t ms)
{
    lock(server);
    connection->deadline_ms = ms ? slk_clock_monotonic_ms() + ms : 0;
    unlock(server);
}

void slk_http_watch_extend(slk_http_server *server, http_connection *connection, int64_t ms)
{
    lock(server);
    if (connection->deadline_ms)
        connection->deadline_ms += ms;
    unlock(server);
}
