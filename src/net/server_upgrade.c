/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Connections that become another protocol's. MHD must not end while one is open: so the server knows
 * them, and has them closed first. */
#include "net/server_impl.h"

#include <sys/socket.h>
#include <unistd.h>

static void lock(slk_http_server *server)
{
    slk_assert(pthread_mutex_lock(&server->mutex) == 0);
}

static void unlock(slk_http_server *server)
{
    slk_assert(pthread_mutex_unlock(&server->mutex) == 0);
}

void slk_http_upgrade_close(int fd, struct MHD_UpgradeResponseHandle *urh)
{
    if (urh)
        (void)MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CLOSE);
    else
        (void)close(fd);
}

/* The protocol gets one end of a pair, and this thread carries what goes through it. */
static void begin_tls(http_connection *connection, gnutls_session_t tls, const void *early,
                      size_t early_n, struct MHD_UpgradeResponseHandle *urh)
{
    int pair[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
        connection->upgraded = true;
        connection->upgrade->begin(connection->upgrade_context, pair[0], early, early_n, NULL);
        slk_http_pump(tls, connection->fd, pair[1]);
        (void)close(pair[1]);
    }
    slk_http_upgrade_close(-1, urh);
}

static void begin(void *context, struct MHD_Connection *mhd, void *exchange_context,
                  const char *early, size_t early_n, MHD_socket fd,
                  struct MHD_UpgradeResponseHandle *urh)
{
    (void)exchange_context;
    http_connection *connection = context;
    const union MHD_ConnectionInfo *tls =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    /* Small frames must not wait for others. */
    (void)MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CORK_OFF);
    if (tls && tls->tls_session) {
        begin_tls(connection, tls->tls_session, early, early_n, urh);
        return;
    }
    connection->upgraded = true;
    connection->upgrade->begin(connection->upgrade_context, fd, early, early_n, urh);
}

static struct MHD_Response *make_response(const slk_http_exchange *exchange, const char *protocol)
{
    struct MHD_Response *response = MHD_create_response_for_upgrade(begin, exchange->connection);
    bool ok = response && MHD_add_response_header(response, "Upgrade", protocol) == MHD_YES;
    for (size_t i = 0; ok && i < exchange->n_fields; i++)
        ok = MHD_add_response_header(response, exchange->fields[i].name,
                                     exchange->fields[i].value) == MHD_YES;
    if (ok || !response)
        return response;
    MHD_destroy_response(response);
    return NULL;
}

slk_err slk_http_reply_upgrade(slk_http_exchange *exchange, const char *protocol,
                               const http_upgrade *upgrade, void *context, slk_error *error)
{
    slk_http_server *server = exchange->server;
    http_connection *connection = exchange->connection;
    struct MHD_Response *response = make_response(exchange, protocol);
    if (!response)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an answer");
    lock(server);
    const bool closing = server->closing;
    if (!closing) {
        connection->upgrade_context = context;
        connection->upgrade = upgrade;
    }
    unlock(server);
    const bool ok = !closing && MHD_queue_response(exchange->mhd, 101, response) == MHD_YES;
    MHD_destroy_response(response);
    if (!ok && !closing) {
        lock(server);
        connection->upgrade = NULL;
        unlock(server);
    }
    if (!ok)
        return slk_fail(error, closing ? SLK_E_BUSY : SLK_E_INTERNAL,
                        "the connection cannot be handed over");
    exchange->replied = true;
    exchange->status = 101;
    return SLK_OK;
}

/* Under the mutex. How many are left, each told to go. */
static unsigned evict_all(const slk_http_server *server, const struct MHD_Daemon *daemon)
{
    unsigned n = 0;
    for (http_connection *c = server->connections; c; c = c->next) {
        if (!c->upgrade || c->daemon != daemon)
            continue;
        n++;
        c->upgrade->evict(c->upgrade_context);
    }
    return n;
}

void slk_http_evict(slk_http_server *server, const struct MHD_Daemon *daemon)
{
    lock(server);
    while (evict_all(server, daemon) > 0)
        slk_assert(pthread_cond_wait(&server->gone, &server->mutex) == 0);
    unlock(server);
}
