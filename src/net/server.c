/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/server_impl.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/http_text.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_DEFAULT 2048u
#define CONNECTIONS_PER_ADDRESS_DEFAULT 64u
#define HEADER_DEADLINE_DEFAULT 10000
#define BODY_DEADLINE_DEFAULT 10000
#define IDLE_DEFAULT 60000
#define REPLY_SILENCE_DEFAULT 60000
/* Connections may have one of so many descriptors, and half as many more while those that were cut
 * end. */
#define DESCRIPTOR_PARTS 3u
#define REQUEST_BURST_DEFAULT 1000u
#define REQUEST_INTERVAL_DEFAULT 10

/* ---- one exchange ---- */

static void exchange_free(slk_http_exchange *exchange)
{
    if (!exchange)
        return;
    slk_http_count_end(exchange);
    if (exchange->on_end)
        exchange->on_end(exchange->on_end_context);
    for (size_t i = 0; i < exchange->n_params; i++)
        slk_free(exchange->params[i].value);
    for (size_t i = 0; i < exchange->n_fields; i++) {
        slk_free(exchange->fields[i].name);
        slk_free(exchange->fields[i].value);
    }
    slk_spool_done(&exchange->body);
    slk_free(exchange->target);
    slk_free(exchange);
}

static enum MHD_Result take_forwarded(void *context, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    (void)kind;
    const char **last = context;
    if (strcasecmp(name, "X-Forwarded-For") == 0)
        *last = value;
    return MHD_YES;
}

/* Whoever stands behind our proxies; of several fields the last is the nearest proxy's. */
static void name_peer(slk_http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    slk_ip ip;
    if (!info || !info->client_addr || !slk_ip_of_socket(&ip, info->client_addr))
        return;
    const slk_http_server *server = exchange->server;
    if (server->options.behind_proxy && slk_ip_set_has(&server->proxies, &ip)) {
        const char *forwarded = NULL;
        (void)MHD_get_connection_values(exchange->mhd, MHD_HEADER_KIND, take_forwarded, &forwarded);
        ip = slk_ip_behind_proxies(&server->proxies, &ip, forwarded);
    }
    slk_ip_print(exchange->peer, &ip);
    slk_ip_owner(exchange->owner, &ip);
}

static http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The request line is here: the exchange begins, with the target as it was sent. */
void *slk_http_on_request_line(void *context, const char *target, struct MHD_Connection *mhd)
{
    slk_http_server *server = context;
    http_connection *connection = connection_of(mhd);
    if (!connection)
        return NULL;
    exchange_free(connection->exchange);
    slk_http_exchange *exchange = slk_calloc(1, sizeof *exchange);
    connection->exchange = exchange;
    if (!exchange || !(exchange->target = slk_strdup(target)))
        return NULL;
    exchange->server = server;
    exchange->connection = connection;
    exchange->mhd = mhd;
    size_t n = strcspn(target, "?");
    slk_printable(exchange->path, sizeof exchange->path, target, n);
    slk_spool_init(&exchange->body, 0, server->options.spool_folder);
    slk_http_watch_deadline(server, connection, server->options.header_deadline_ms);
    return exchange;
}

void slk_http_on_completed(void *context, struct MHD_Connection *mhd, void **exchange_context,
                           enum MHD_RequestTerminationCode why)
{
    (void)why;
    slk_http_server *server = context;
    http_connection *connection = connection_of(mhd);
    *exchange_context = NULL;
    if (!connection)
        return;
    exchange_free(connection->exchange);
    connection->exchange = NULL;
    slk_http_watch_deadline(server, connection, connection->upgraded ? 0 : server->options.idle_ms);
}

enum MHD_Result slk_http_on_knock(void *context, const struct sockaddr *address,
                                  socklen_t address_n)
{
    (void)address_n;
    return slk_http_watch_admit(context, address) ? MHD_YES : MHD_NO;
}

static http_connection *begin_connection(slk_http_server *server, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *socket =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!socket)
        return NULL;
    const int fd = socket->connect_fd;
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const union MHD_ConnectionInfo *daemon =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_DAEMON);
    http_connection *c = slk_http_watch_add(server, fd, peer ? peer->client_addr : NULL);
    if (c)
        c->daemon = daemon ? daemon->daemon : NULL;
    return c;
}

void slk_http_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                            enum MHD_ConnectionNotificationCode what)
{
    slk_http_server *server = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_connection *connection = *socket_context;
        if (!connection)
            return;
        exchange_free(connection->exchange);
        const http_connection last = *connection;
        slk_http_watch_remove(server, connection);
        if (last.upgrade)
            last.upgrade->end(last.upgrade_context, last.upgraded);
        *socket_context = NULL;
        return;
    }
    http_connection *connection = begin_connection(server, mhd);
    *socket_context = connection;
    if (!connection)
        return;
    int on = 1;
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    slk_http_watch_deadline(server, connection, server->options.header_deadline_ms);
}

/* ---- from header to reply ---- */

static enum MHD_Result refuse_flood(slk_http_exchange *exchange, int64_t now)
{
    slk_error error = {0};
    exchange->close_after = true;
    slk_err code = slk_http_slow_down(
        exchange, slk_limiter_wait(exchange->server->requests, exchange->owner, now), &error);
    return slk_http_reply_failure(exchange, code, &error) == SLK_OK ? MHD_YES : MHD_NO;
}

static slk_err reply_no_route(slk_http_exchange *exchange, int status)
{
    if (status != 405)
        return slk_http_reply_error(exchange, status, slk_err_name(SLK_E_NOTFOUND),
                                    "nothing is at %s", exchange->path);
    SLK_TRY(slk_http_reply_header(exchange, "Allow", exchange->near->method));
    if (exchange->near->plain_errors)
        return slk_http_reply_empty(exchange, status);
    return slk_http_reply_error(exchange, status, slk_err_name(SLK_E_INVAL), "%s does not take %s",
                                exchange->path, exchange->method);
}

static enum MHD_Result refuse_route(slk_http_exchange *exchange, int status)
{
    return reply_no_route(exchange, status) == SLK_OK ? MHD_YES : MHD_NO;
}

static enum MHD_Result begin(slk_http_exchange *exchange, const char *version)
{
    int status = 400;
    const char *reason = "bad request";
    if (!slk_http_guard(exchange, version, &status, &reason))
        return slk_http_refuse(exchange, status, reason);
    name_peer(exchange);
    const int64_t now = slk_clock_monotonic_ms();
    if (!slk_limiter_take(exchange->server->requests, exchange->owner, now))
        return refuse_flood(exchange, now);
    status = slk_http_route_find(exchange);
    exchange->route_status = status;
    if (status != 200) {
        /* MHD closes after a reply this early: right with a body that nobody wants, a waste
         * without. */
        exchange->close_after = slk_http_has_body(exchange);
        return exchange->close_after ? refuse_route(exchange, status) : MHD_YES;
    }
    slk_http_count_begin(exchange);
    return slk_http_body_begin(exchange);
}

/* The handler has as long as it needs; the peer then not. */
static enum MHD_Result handle(slk_http_exchange *exchange)
{
    slk_http_watch_deadline(exchange->server, exchange->connection, 0);
    if (exchange->route_status == 200)
        return slk_http_body_end(exchange);
    const enum MHD_Result result = refuse_route(exchange, exchange->route_status);
    slk_http_watch_reply(exchange->server, exchange->connection);
    return result;
}

enum MHD_Result slk_http_on_request(void *context, struct MHD_Connection *mhd, const char *path,
                                    const char *method, const char *version, const char *bytes,
                                    size_t *bytes_n, void **exchange_context)
{
    (void)context;
    (void)mhd;
    (void)path;
    slk_http_exchange *exchange = *exchange_context;
    if (!exchange)
        return MHD_NO;
    if (!exchange->started) {
        exchange->started = true;
        exchange->method = method;
        return begin(exchange, version);
    }
    if (*bytes_n == 0)
        return exchange->replied ? MHD_YES : handle(exchange);
    enum MHD_Result result = slk_http_body_take(exchange, bytes, *bytes_n);
    *bytes_n = 0;
    return result;
}

/* ---- life ---- */

/* Files of the work must open whoever connects. */
static unsigned connections_possible(unsigned wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / DESCRIPTOR_PARTS >= wanted)
        return wanted;
    return (unsigned)limit.rlim_cur / DESCRIPTOR_PARTS;
}

static void set_defaults(slk_http_server_options *o)
{
    o->max_connections =
        connections_possible(o->max_connections ? o->max_connections : CONNECTIONS_DEFAULT);
    if (!o->max_connections_per_address)
        o->max_connections_per_address = CONNECTIONS_PER_ADDRESS_DEFAULT;
    if (!o->header_deadline_ms)
        o->header_deadline_ms = HEADER_DEADLINE_DEFAULT;
    if (!o->body_deadline_ms)
        o->body_deadline_ms = BODY_DEADLINE_DEFAULT;
    if (!o->idle_ms)
        o->idle_ms = IDLE_DEFAULT;
    if (!o->reply_silence_ms)
        o->reply_silence_ms = REPLY_SILENCE_DEFAULT;
    if (!o->request_burst)
        o->request_burst = REQUEST_BURST_DEFAULT;
    if (!o->request_interval_ms)
        o->request_interval_ms = REQUEST_INTERVAL_DEFAULT;
}

/* What the server keeps of the options' texts. */
static slk_err copy_texts(slk_http_server *server, slk_error *error)
{
    slk_http_server_options *o = &server->options;
    server->certificate_file = o->certificate_file ? slk_strdup(o->certificate_file) : NULL;
    server->key_file = o->key_file ? slk_strdup(o->key_file) : NULL;
    if ((o->certificate_file && !server->certificate_file) || (o->key_file && !server->key_file))
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    o->certificate_file = server->certificate_file;
    o->key_file = server->key_file;
    if (!o->behind_proxy)
        return SLK_OK;
    SLK_TRY(slk_ip_set_add(&server->proxies, "127.0.0.0/8 ::1", error));
    return slk_ip_set_add(&server->proxies, o->trusted_proxies ? o->trusted_proxies : "", error);
}

static slk_err start(slk_http_server *server, slk_error *error)
{
    const slk_http_server_options *o = &server->options;
    SLK_TRY(copy_texts(server, error));
    SLK_TRY(slk_limiter_new(&server->requests, o->request_burst, o->request_interval_ms, error));
    SLK_TRY(slk_limiter_new(&server->guesses, SLK_HTTP_GUESSES, SLK_HTTP_GUESS_INTERVAL_MS, error));
    SLK_TRY(slk_http_watch_start(server, error));
    return slk_http_listen(server, error);
}

slk_err slk_http_server_new(slk_http_server **ret_server, const slk_http_server_options *options,
                            slk_error *error)
{
    SLK_CLEANUP(slk_http_server_freep) slk_http_server *server = slk_calloc(1, sizeof *server);
    if (!server)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    server->options = *options;
    set_defaults(&server->options);
    SLK_TRY(slk_http_count_init(server, error));
    SLK_TRY(start(server, error));
    *ret_server = server;
    server = NULL;
    return SLK_OK;
}

void slk_http_server_free(slk_http_server *server)
{
    if (!server)
        return;
    slk_http_unlisten(server);
    slk_http_watch_stop(server);
    slk_free(server->counts);
    slk_limiter_free(server->requests);
    slk_limiter_free(server->guesses);
    slk_free(server->certificate_file);
    slk_free(server->key_file);
    slk_free(server);
}

void slk_http_server_freep(slk_http_server **server)
{
    slk_http_server_free(*server);
}

uint16_t slk_http_server_port(const slk_http_server *server)
{
    return server->port;
}

/* ---- the request ---- */

const char *slk_http_method(const slk_http_exchange *exchange)
{
    return exchange->method;
}

const char *slk_http_path(const slk_http_exchange *exchange)
{
    return exchange->path;
}

slk_err slk_http_param_u64(const slk_http_exchange *exchange, const char *name, uint64_t *ret_value,
                           slk_error *error)
{
    slk_err code = slk_parse_u64(ret_value, slk_http_param(exchange, name));
    if (code != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "%s in the path is no number from 0 to 2^64 - 1", name);
    return SLK_OK;
}

const char *slk_http_query(const slk_http_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->mhd, MHD_GET_ARGUMENT_KIND, name);
}

const char *slk_http_header_value(const slk_http_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, name);
}

const char *slk_http_bearer(const slk_http_exchange *exchange)
{
    const char *value = slk_http_header_value(exchange, "Authorization");
    if (!value || strncasecmp(value, "Bearer ", 7) != 0)
        return NULL;
    value += 7 + strspn(value + 7, " ");
    return *value ? value : NULL;
}

const char *slk_http_token(const slk_http_exchange *exchange)
{
    if (slk_http_header_value(exchange, "Authorization"))
        return slk_http_bearer(exchange);
    const char *token = slk_http_query(exchange, "token");
    return token ? token : "";
}

slk_err slk_http_guessed(slk_http_exchange *exchange, slk_error *error)
{
    slk_limiter *guesses = exchange->server->guesses;
    const int64_t now = slk_clock_monotonic_ms();
    if (slk_limiter_take(guesses, exchange->owner, now))
        return slk_fail(error, SLK_E_AUTH, "unauthorized");
    return slk_http_slow_down(exchange, slk_limiter_wait(guesses, exchange->owner, now), error);
}

bool slk_http_may_guess(const slk_http_exchange *exchange)
{
    return slk_limiter_wait(exchange->server->guesses, exchange->owner, slk_clock_monotonic_ms()) ==
           0;
}

bool slk_http_is_json(const slk_http_exchange *exchange)
{
    static const char json[] = "application/json";
    const char *value = slk_http_header_value(exchange, "Content-Type");
    if (!value || strncasecmp(value, json, sizeof json - 1) != 0)
        return false;
    char after = value[sizeof json - 1];
    return after == 0 || after == ';' || after == ' ' || after == '\t';
}

const char *slk_http_peer(const slk_http_exchange *exchange)
{
    return exchange->peer;
}

bool slk_http_peer_is_loopback(const slk_http_exchange *exchange)
{
    slk_ip ip;
    return slk_ip_parse(&ip, exchange->peer) && slk_ip_is_loopback(&ip);
}

const char *slk_http_peer_owner(const slk_http_exchange *exchange)
{
    return exchange->owner;
}

void slk_http_set_state(slk_http_exchange *exchange, void *state)
{
    exchange->state = state;
}

void *slk_http_state(const slk_http_exchange *exchange)
{
    return exchange->state;
}

void slk_http_on_end(slk_http_exchange *exchange, void (*end)(void *context), void *context)
{
    slk_assert(!exchange->on_end);
    exchange->on_end = end;
    exchange->on_end_context = context;
}
