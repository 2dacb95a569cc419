/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MHD knows one limit, on silence: a peer that sends a byte now and then outlives it. So each
 * phase that waits for the peer has an absolute deadline here, and one thread shuts the socket of
 * whoever misses it; MHD then closes the connection in its own thread. */
#include "net/server_impl.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"

#include <sys/socket.h>

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
    if (server->connections)
        (void)slk_cond_wait_ms(&server->wake, &server->mutex, TICK_MS);
    else
        slk_assert(pthread_cond_wait(&server->wake, &server->mutex) == 0);
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
    slk_assert(slk_cond_init(&server->wake) == 0);
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
