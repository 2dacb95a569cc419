/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MHD knows one limit, on silence: a peer that sends or takes a byte now and then outlives it. So
 * each phase that waits for the peer has an absolute deadline here, each answer a least rate, and one
 * thread shuts the socket of whoever misses it; MHD then closes the connection in its own thread. */
#include "net/server_impl.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define TICK_MS 100
#define REPLY_BYTES_PER_S 1024u /* least rate at which an answer must be taken */

static void lock(slk_http_server *server)
{
    slk_assert(pthread_mutex_lock(&server->mutex) == 0);
}

static void unlock(slk_http_server *server)
{
    slk_assert(pthread_mutex_unlock(&server->mutex) == 0);
}

static void cut(http_connection *c)
{
    c->deadline_ms = 0;
    c->look_ms = 0;
    (void)shutdown(c->fd, SHUT_RDWR);
}

/* How far the peer has come with what we sent, and where it will be when it has all that is in the
 * socket now. */
static bool look_at(const http_connection *c, uint64_t *ret_taken, uint64_t *ret_given)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    int waiting = 0;
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0 ||
        n < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked ||
        ioctl(c->fd, SIOCOUTQ, &waiting) != 0)
        return false;
    *ret_taken = info.tcpi_bytes_acked;
    *ret_given = *ret_taken + (uint64_t)waiting;
    return true;
}

/* An answer may be slow because we are, or because little is left of it: only what lay in the socket
 * all the time tells of the peer. */
static void look_after(const slk_http_server *server, http_connection *c, int64_t now)
{
    const int64_t silence_ms = server->options.reply_silence_ms;
    uint64_t taken, given;
    if (!look_at(c, &taken, &given))
        return;
    const uint64_t least = (uint64_t)silence_ms * REPLY_BYTES_PER_S / 1000;
    if (c->given && taken < c->given && taken - c->taken < least) {
        /* What it would not take is dropped, or the kernel would go on offering it. */
        const struct linger drop = {.l_onoff = 1};
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
        cut(c);
        return;
    }
    c->taken = taken;
    c->given = given;
    c->look_ms = now + silence_ms;
}

/* Whoever waits for the peer's sake is told once that it has left. */
static void tell_left(http_connection *c)
{
    struct pollfd look = {.fd = c->fd, .events = POLLRDHUP};
    if (poll(&look, 1, 0) <= 0 || !(look.revents & (POLLRDHUP | POLLHUP | POLLERR)))
        return;
    void (*left)(void *) = c->left;
    c->left = NULL;
    left(c->left_context);
}

static void cut_late(slk_http_server *server)
{
    int64_t now = slk_clock_monotonic_ms();
    for (http_connection *c = server->connections; c; c = c->next) {
        if (c->deadline_ms && c->deadline_ms <= now)
            cut(c);
        else if (c->look_ms && c->look_ms <= now)
            look_after(server, c, now);
        if (c->left)
            tell_left(c);
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
    slk_assert(slk_cond_init(&server->gone) == 0);
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
    (void)pthread_cond_destroy(&server->gone);
    (void)pthread_mutex_destroy(&server->mutex);
}

/* ---- who may come in ---- */

/* Of all we wait for, the one we have waited for longest. */
static http_connection *find_longest(const slk_http_server *server)
{
    http_connection *longest = NULL;
    for (http_connection *c = server->connections; c; c = c->next)
        if (c->deadline_ms && (!longest || c->since_ms <= longest->since_ms))
            longest = c; /* the list begins with the newest */
    return longest;
}

static void make_room(slk_http_server *server)
{
    if (server->n_connections < server->options.max_connections)
        return;
    http_connection *longest = find_longest(server);
    if (longest)
        cut(longest);
}

static unsigned count_of(const slk_http_server *server, const char *owner)
{
    unsigned n = 0;
    for (const http_connection *c = server->connections; c; c = c->next)
        n += strcmp(c->owner, owner) == 0;
    return n;
}

bool slk_http_watch_admit(slk_http_server *server, const struct sockaddr *address)
{
    char owner[SLK_ADDRESS_CHARS];
    slk_ip ip;
    if (!slk_ip_of_socket(&ip, address))
        return false;
    slk_ip_owner(owner, &ip);
    lock(server);
    /* All of a proxy's connections come from its one address. */
    const bool good = server->options.behind_proxy ||
                      count_of(server, owner) < server->options.max_connections_per_address;
    if (good)
        make_room(server);
    unlock(server);
    return good;
}

http_connection *slk_http_watch_add(slk_http_server *server, int fd, const struct sockaddr *address)
{
    http_connection *connection = slk_calloc(1, sizeof *connection);
    slk_ip ip;
    if (!connection)
        return NULL;
    connection->fd = fd;
    if (address && slk_ip_of_socket(&ip, address))
        slk_ip_owner(connection->owner, &ip);
    lock(server);
    server->n_connections++;
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
    server->n_connections--;
    (void)pthread_cond_broadcast(&server->gone);
    unlock(server);
    slk_free(connection);
}

void slk_http_watch_deadline(slk_http_server *server, http_connection *connection, int64_t ms)
{
    const int64_t now = slk_clock_monotonic_ms();
    lock(server);
    connection->since_ms = now;
    connection->deadline_ms = ms ? now + ms : 0;
    connection->look_ms = 0;
    unlock(server);
}

void slk_http_watch_extend(slk_http_server *server, http_connection *connection, int64_t ms)
{
    lock(server);
    if (connection->deadline_ms)
        connection->deadline_ms += ms;
    unlock(server);
}

void slk_http_watch_pause(slk_http_server *server, http_connection *connection)
{
    const int64_t now = slk_clock_monotonic_ms();
    lock(server);
    connection->budget_ms = connection->deadline_ms - now;
    connection->deadline_ms = 0;
    unlock(server);
}

void slk_http_watch_resume(slk_http_server *server, http_connection *connection, int64_t ms,
                           int64_t most_ms)
{
    const int64_t now = slk_clock_monotonic_ms();
    lock(server);
    const int64_t budget = connection->budget_ms + ms;
    connection->since_ms = now;
    connection->deadline_ms = now + (budget < most_ms ? budget : most_ms);
    unlock(server);
}

void slk_http_on_leave(slk_http_exchange *exchange, void (*left)(void *context), void *context)
{
    http_connection *connection = exchange->connection;
    lock(exchange->server);
    connection->left_context = context;
    connection->left = left;
    unlock(exchange->server);
}

void slk_http_watch_reply(slk_http_server *server, http_connection *connection)
{
    lock(server);
    connection->given = 0;
    connection->look_ms = slk_clock_monotonic_ms();
    unlock(server);
}
