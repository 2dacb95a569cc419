/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The listening socket and the daemons that take connections from it. */
#include "net/server_impl.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DYING_LEAST \
    32u /* connections that were cut may be so many beside the others, or half of all */
#define STACK_BYTES ((size_t)1 << 20) /* of a connection's thread: address space, not memory */
#define PEM_MAX_BYTES ((size_t)1 << 20)
/* AES-128 before AES-256: as good here, and a quarter faster. */
#define TLS_PRIORITIES                                                                  \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:" \
    "+CHACHA20-POLY1305:%SERVER_PRECEDENCE"

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

/* ---- certificate and key ---- */

typedef struct pem_pair {
    slk_buf certificate, key; /* empty without TLS */
} pem_pair;

static void pem_pair_done(pem_pair *p)
{
    if (p->key.len)
        slk_bytes_wipe(p->key.data, p->key.len);
    slk_buf_done(&p->key);
    slk_buf_done(&p->certificate);
}

/* MHD closes the socket it was given when it cannot use these: so it only gets what is good. */
static slk_err check_pair(const slk_http_server_options *o, const pem_pair *p, slk_error *error)
{
    gnutls_certificate_credentials_t credentials;
    if (gnutls_certificate_allocate_credentials(&credentials) != GNUTLS_E_SUCCESS)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const gnutls_datum_t certificate = {p->certificate.data, (unsigned)p->certificate.len},
                         key = {p->key.data, (unsigned)p->key.len};
    const int rc =
        gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(credentials);
    if (rc < 0)
        return slk_fail(error, SLK_E_INVAL, "the certificate %s and the key %s cannot be used: %s",
                        o->certificate_file, o->key_file, gnutls_strerror(rc));
    return SLK_OK;
}

static slk_err read_pair(pem_pair *p, const slk_http_server_options *o, slk_error *error)
{
    SLK_TRY(read_pem(&p->certificate, o->certificate_file, error));
    SLK_TRY(read_pem(&p->key, o->key_file, error));
    return o->certificate_file ? check_pair(o, p, error) : SLK_OK;
}

static slk_err digest_pair(uint8_t ret[2][32], const pem_pair *p, slk_error *error)
{
    const slk_buf *part[2] = {&p->certificate, &p->key};
    for (size_t i = 0; i < 2; i++)
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, slk_buf_str(part[i]), part[i]->len, ret[i]) < 0)
            return slk_fail(error, SLK_E_INTERNAL, "cannot hash the certificate");
    return SLK_OK;
}

/* ---- daemons ---- */

static struct MHD_Daemon *start_daemon(slk_http_server *server, int fd, const char *certificate,
                                       const char *key)
{
    const unsigned max = server->options.max_connections;
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                     MHD_USE_POLL | MHD_USE_ITC | MHD_ALLOW_UPGRADE;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (certificate)
        flags |= MHD_USE_TLS;
    return MHD_start_daemon(
        flags, 0, slk_http_on_knock, server, slk_http_on_request, server, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_ARRAY, certificate ? tls : none, MHD_OPTION_URI_LOG_CALLBACK,
        slk_http_on_request_line, server, MHD_OPTION_NOTIFY_COMPLETED, slk_http_on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, slk_http_on_connection, server,
        MHD_OPTION_CONNECTION_LIMIT, max + max / 2 + DYING_LEAST,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_THREAD_STACK_SIZE,
        STACK_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

/* A daemon on the socket, with that certificate. Takes over *fd, also when it fails: MHD closes it
 * then. */
static slk_err serve_on(struct MHD_Daemon **ret_daemon, slk_http_server *server, int *fd,
                        const pem_pair *pems, slk_error *error)
{
    const slk_http_server_options *o = &server->options;
    const bool tls = o->certificate_file;
    uint8_t digest[2][32];
    SLK_TRY(digest_pair(digest, pems, error));
    const int given = *fd;
    *fd = -1;
    struct MHD_Daemon *daemon =
        start_daemon(server, given, tls ? slk_buf_str(&pems->certificate) : NULL,
                     tls ? slk_buf_str(&pems->key) : NULL);
    if (!daemon)
        return slk_fail(error, SLK_E_INVAL, "the server for %s does not start", o->listen);
    memcpy(server->pem_digest, digest, sizeof digest);
    *ret_daemon = daemon;
    return SLK_OK;
}

slk_err slk_http_listen(slk_http_server *server, slk_error *error)
{
    const slk_http_server_options *o = &server->options;
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_CLEANUP(pem_pair_done) pem_pair pems = {0};
    if (!o->certificate_file != !o->key_file)
        return slk_fail(error, SLK_E_INVAL, "TLS needs both a certificate and its key");
    SLK_TRY(read_pair(&pems, o, error));
    SLK_TRY(listen_on(&fd, o->listen, error));
    server->port = port_of(fd);
    return serve_on(&server->daemon, server, &fd, &pems, error);
}

/* ---- another certificate ---- */

bool slk_http_is_retired(slk_http_server *server, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_DAEMON);
    bool found = false;
    (void)pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; info && i < server->n_retired; i++)
        found = found || server->retired[i].daemon == info->daemon;
    (void)pthread_mutex_unlock(&server->mutex);
    return found;
}

static void retire(slk_http_server *server, http_retired retired)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->retired[server->n_retired++] = retired;
    (void)pthread_mutex_unlock(&server->mutex);
}

/* Its connections are closed, and it is gone. Not under the mutex: its threads need that to end. */
static void bury(slk_http_server *server, size_t i)
{
    const http_retired gone = server->retired[i];
    slk_http_evict(server, gone.daemon);
    MHD_stop_daemon(gone.daemon);
    if (gone.listen_fd >= 0)
        (void)close(gone.listen_fd);
    (void)pthread_mutex_lock(&server->mutex);
    server->n_retired--;
    memmove(&server->retired[i], &server->retired[i + 1],
            (server->n_retired - i) * sizeof *server->retired);
    (void)pthread_mutex_unlock(&server->mutex);
}

static bool is_idle(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info && info->num_connections == 0;
}

/* Room for one more: those without connections go, else the oldest. */
static void make_room(slk_http_server *server)
{
    for (size_t i = server->n_retired; i-- > 0;)
        if (is_idle(server->retired[i].daemon))
            bury(server, i);
    if (server->n_retired == RETIRED_MAX)
        bury(server, 0);
}

/* MHD reads its certificate once. So a second daemon takes over the listening socket, and the first
 * goes on with the connections it has. */
slk_err slk_http_server_reload(slk_http_server *server, slk_error *error)
{
    if (!server->options.key_file)
        return SLK_OK;
    SLK_CLEANUP(pem_pair_done) pem_pair pems = {0};
    uint8_t digest[2][32];
    SLK_TRY(read_pair(&pems, &server->options, error));
    SLK_TRY(digest_pair(digest, &pems, error));
    if (memcmp(digest, server->pem_digest, sizeof digest) == 0)
        return SLK_OK;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_LISTEN_FD);
    SLK_CLEANUP(slk_closep) int fd = info ? fcntl(info->listen_fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot take over the listening socket");
    struct MHD_Daemon *daemon = NULL;
    SLK_TRY(serve_on(&daemon, server, &fd, &pems, error));
    make_room(server);
    retire(server, (http_retired){server->daemon, MHD_quiesce_daemon(server->daemon)});
    server->daemon = daemon;
    return SLK_OK;
}

void slk_http_unlisten(slk_http_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->closing = true;
    (void)pthread_mutex_unlock(&server->mutex);
    if (server->daemon) {
        slk_http_evict(server, server->daemon);
        MHD_stop_daemon(server->daemon);
    }
    while (server->n_retired > 0)
        bury(server, server->n_retired - 1);
}
