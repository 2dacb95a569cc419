/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/server_impl.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/http_text.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_DEFAULT 256u
#define CONNECTIONS_PER_ADDRESS_DEFAULT 64u
#define HEADER_DEADLINE_DEFAULT 10000
#define BODY_DEADLINE_DEFAULT 10000
#define IDLE_DEFAULT 60000
#define BODY_BYTES_PER_MS 16u /* least rate of an upload beyond the first deadline */
#define CONNECTION_MEMORY ((size_t)49152) /* header and buffers of one connection */
#define REPLY_SILENCE_S 60u
#define PEM_MAX_BYTES ((size_t)1 << 20)

/* ---- one exchange ---- */

static void exchange_free(slk_http_exchange *exchange)
{
    if (!exchange)
        return;
    slk_http_count_end(exchange);
    for (size_t i = 0; i < exchange->n_params; i++)
        slk_free(exchange->params[i].value);
    for (size_t i = 0; i < exchange->n_fields; i++) {
        slk_free(exchange->fields[i].name);
        slk_free(exchange->fields[i].value);
    }
    slk_buf_done(&exchange->body);
    slk_free(exchange->target);
    slk_free(exchange);
}

static void name_peer(slk_http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    char text[64] = "";
    if (address) {
        socklen_t n = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                     : sizeof(struct sockaddr_in);
        (void)getnameinfo(address, n, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    }
    const char *plain = strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text;
    slk_printable(exchange->peer, sizeof exchange->peer, plain, strlen(plain));
}

static http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The request line is here: the exchange begins, with the target as it was sent. */
static void *on_request_line(void *context, const char *target, struct MHD_Connection *mhd)
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
    name_peer(exchange);
    slk_buf_init(&exchange->body, 0);
    slk_http_watch_deadline(server, connection, server->options.header_deadline_ms);
    return exchange;
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **exchange_context,
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
    slk_http_watch_deadline(server, connection, server->options.idle_ms);
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    slk_http_server *server = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_connection *connection = *socket_context;
        if (!connection)
            return;
        exchange_free(connection->exchange);
        slk_http_watch_remove(server, connection);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    http_connection *connection = info ? slk_http_watch_add(server, info->connect_fd) : NULL;
    *socket_context = connection;
    if (!connection)
        return;
    int on = 1;
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    slk_http_watch_deadline(server, connection, server->options.header_deadline_ms);
}

/* ---- from header to reply ---- */

static enum MHD_Result refuse(slk_http_exchange *exchange, int status, const char *reason)
{
    exchange->close_after = true;
    slk_err code = slk_http_reply_error(exchange, status, slk_err_name(SLK_E_INVAL), "%s", reason);
    return code == SLK_OK ? MHD_YES : MHD_NO;
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

static uint64_t announced_body(const slk_http_exchange *exchange)
{
    const char *text = slk_http_header_value(exchange, "Content-Length");
    uint64_t n = 0;
    return text && slk_parse_u64(&n, text) == SLK_OK ? n : 0;
}

static bool has_body(const slk_http_exchange *exchange)
{
    return announced_body(exchange) > 0 || slk_http_header_value(exchange, "Transfer-Encoding");
}

static enum MHD_Result begin(slk_http_exchange *exchange, const char *version)
{
    int status = 400;
    const char *reason = "bad request";
    if (!slk_http_guard(exchange, version, &status, &reason))
        return refuse(exchange, status, reason);
    status = slk_http_route_find(exchange);
    exchange->route_status = status;
    if (status != 200) {
        /* MHD closes after a reply this early: right with a body that nobody wants, a waste
         * without. */
        exchange->close_after = has_body(exchange);
        return exchange->close_after ? refuse_route(exchange, status) : MHD_YES;
    }
    slk_http_count_begin(exchange);
    size_t max =
        exchange->route->max_body_bytes ? exchange->route->max_body_bytes : SLK_HTTP_JSON_MAX_BYTES;
    if (announced_body(exchange) > max)
        return refuse(exchange, 413, "the body is larger than allowed here");
    exchange->body.max = max;
    slk_http_watch_deadline(exchange->server, exchange->connection,
                            exchange->server->options.body_deadline_ms);
    return MHD_YES;
}

/* A body past the maximum can only come chunked here; MHD takes no reply in the middle of a body,
 * so the connection is closed. */
static enum MHD_Result take_body(slk_http_exchange *exchange, const char *bytes, size_t n)
{
    return slk_buf_append(&exchange->body, bytes, n) == SLK_OK ? MHD_YES : MHD_NO;
}

/* While the handler works MHD's limit on silence must rest: setting it anew restarts its clock. */
static enum MHD_Result handle(slk_http_exchange *exchange)
{
    slk_http_server *server = exchange->server;
    slk_http_watch_deadline(server, exchange->connection, 0);
    if (exchange->route_status != 200)
        return refuse_route(exchange, exchange->route_status);
    (void)MHD_set_connection_option(exchange->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    slk_error error = {0};
    slk_err code = exchange->route->handler(exchange->route->context, exchange, &error);
    if (!exchange->replied)
        code = slk_http_reply_failure(exchange, code == SLK_OK ? SLK_E_INTERNAL : code, &error);
    (void)MHD_set_connection_option(exchange->mhd, MHD_CONNECTION_OPTION_TIMEOUT, REPLY_SILENCE_S);
    return exchange->replied ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *mhd, const char *path,
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
    /* The deadline moves with the bytes, not with the time they take. */
    slk_http_watch_extend(exchange->server, exchange->connection,
                          (int64_t)(*bytes_n / BODY_BYTES_PER_MS + 1));
    enum MHD_Result result = take_body(exchange, bytes, *bytes_n);
    *bytes_n = 0;
    return result;
}

/* ---- listening ---- */

static slk_err split_listen(char **ret_host, char **ret_port, const char *listen, slk_error *error)
{
    const char *colon = strrchr(listen, ':');
    bool bracketed = listen[0] == '[';
    uint64_t port = 0;
    bool good = colon && slk_parse_u64(&port, colon + 1) == SLK_OK && port <= UINT16_MAX;
    if (!good || (bracketed && colon[-1] != ']'))
        return slk_fail(error, SLK_E_INVAL,
                        "\"%s\" is no address to listen on: write host:port, [v6]:port or :port",
                        listen);
    size_t n = (size_t)(colon - listen);
    *ret_host =
        bracketed ? slk_strf("%.*s", (int)(n - 2), listen + 1) : slk_strf("%.*s", (int)n, listen);
    *ret_port = slk_strdup(colon + 1);
    return *ret_host && *ret_port ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

static slk_err bind_to(int *ret_fd, const struct addrinfo *a, const char *listen_text,
                       slk_error *error)
{
    SLK_CLEANUP(slk_closep)
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot make a socket for %s", listen_text);
    int on = 1, off = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        if (errno == EADDRINUSE)
            return slk_fail(error, SLK_E_BUSY, "another program listens on %s", listen_text);
        return slk_fail_errno(error, errno, "cannot listen on %s", listen_text);
    }
    *ret_fd = fd;
    fd = -1;
    return SLK_OK;
}

static void addresses_done(struct addrinfo **list)
{
    if (*list)
        freeaddrinfo(*list);
}

static slk_err listen_on(int *ret_fd, const char *text, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *host = NULL;
    SLK_CLEANUP(slk_freep) char *port = NULL;
    SLK_TRY(split_listen(&host, &port, text, error));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_family = host[0] ? AF_UNSPEC : AF_INET6,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    SLK_CLEANUP(addresses_done) struct addrinfo *list = NULL;
    int rc = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
    if (rc != 0)
        return slk_fail(error, SLK_E_INVAL, "cannot listen on %s: %s", text, gai_strerror(rc));
    slk_err code = bind_to(ret_fd, list, text, error);
    if (code == SLK_OK || host[0])
        return code;
    /* A machine without IPv6: all addresses then means all of IPv4. */
    freeaddrinfo(list);
    list = NULL;
    hints.ai_family = AF_INET;
    if (getaddrinfo(NULL, port, &hints, &list) != 0)
        return code;
    return bind_to(ret_fd, list, text, error);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &n) != 0)
        return 0;
    if (address.ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, &address, sizeof v6);
        return ntohs(v6.sin6_port);
    }
    struct sockaddr_in v4;
    memcpy(&v4, &address, sizeof v4);
    return ntohs(v4.sin_port);
}

static void set_defaults(slk_http_server_options *o)
{
    if (!o->max_connections)
        o->max_connections = CONNECTIONS_DEFAULT;
    if (!o->max_connections_per_address)
        o->max_connections_per_address = CONNECTIONS_PER_ADDRESS_DEFAULT;
    if (!o->header_deadline_ms)
        o->header_deadline_ms = HEADER_DEADLINE_DEFAULT;
    if (!o->body_deadline_ms)
        o->body_deadline_ms = BODY_DEADLINE_DEFAULT;
    if (!o->idle_ms)
        o->idle_ms = IDLE_DEFAULT;
}

static slk_err read_pem(slk_buf *pem, const char *path, slk_error *error)
{
    slk_buf_init(pem, PEM_MAX_BYTES);
    if (!path)
        return SLK_OK;
    SLK_TRY(slk_file_read_all(pem, path, error));
    if (!pem->len)
        return slk_fail(error, SLK_E_INVAL, "%s is empty", path);
    return SLK_OK;
}

static struct MHD_Daemon *start_daemon(slk_http_server *server, int fd, const char *certificate,
                                       const char *key)
{
    const slk_http_server_options *o = &server->options;
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                     MHD_USE_POLL | MHD_USE_ITC;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (certificate)
        flags |= MHD_USE_TLS;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_ARRAY,
        certificate ? tls : none, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_CONNECTION_LIMIT, o->max_connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->max_connections_per_address,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        REPLY_SILENCE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

static slk_err start(slk_http_server *server, slk_error *error)
{
    const slk_http_server_options *o = &server->options;
    SLK_CLEANUP(slk_buf_done) slk_buf certificate = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf key = {0};
    SLK_CLEANUP(slk_closep) int fd = -1;
    if (!o->certificate_file != !o->key_file)
        return slk_fail(error, SLK_E_INVAL, "TLS needs both a certificate and its key");
    SLK_TRY(read_pem(&certificate, o->certificate_file, error));
    SLK_TRY(read_pem(&key, o->key_file, error));
    SLK_TRY(listen_on(&fd, o->listen, error));
    server->port = port_of(fd);
    SLK_TRY(slk_http_watch_start(server, error));
    server->daemon =
        start_daemon(server, fd, o->certificate_file ? slk_buf_str(&certificate) : NULL,
                     o->key_file ? slk_buf_str(&key) : NULL);
    if (key.len)
        slk_bytes_wipe(key.data, key.len);
    if (!server->daemon)
        return slk_fail(error, SLK_E_INVAL, "the server for %s does not start%s", o->listen,
                        o->certificate_file ? ": look at the certificate and its key" : "");
    fd = -1; /* the daemon's now */
    return SLK_OK;
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
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    slk_http_watch_stop(server);
    slk_free(server->counts);
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

bool slk_http_is_json(const slk_http_exchange *exchange)
{
    static const char json[] = "application/json";
    const char *value = slk_http_header_value(exchange, "Content-Type");
    if (!value || strncasecmp(value, json, sizeof json - 1) != 0)
        return false;
    char after = value[sizeof json - 1];
    return after == 0 || after == ';' || after == ' ' || after == '\t';
}

const char *slk_http_body(const slk_http_exchange *exchange, size_t *ret_n)
{
    *ret_n = exchange->body.len;
    return slk_buf_str(&exchange->body);
}

const char *slk_http_peer(const slk_http_exchange *exchange)
{
    return exchange->peer;
}
