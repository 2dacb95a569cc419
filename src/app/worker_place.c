/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/worker_place.h"

#include "base/mem.h"
#include "base/num.h"
#include "net/address.h"
#include "net/server.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS 10000

struct address {
    char host[SLK_WORKER_HOST_CHARS]; /* without brackets */
    char port[8];
};

/* "host:port", "[v6]:port", ":port". */
static slk_err split(struct address *ret, const char *text, const char *what, slk_error *error)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (!colon || slk_parse_u64(&port, colon + 1) != SLK_OK || port > UINT16_MAX)
        return slk_fail(error, SLK_E_INVAL, "%s must be IP:PORT, such as 10.0.0.5:3456", what);
    size_t n = (size_t)(colon - text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    } else if (memchr(text, ':', n)) {
        return slk_fail(error, SLK_E_INVAL, "%s: IPv6 stands in brackets, as [::1]:3456", what);
    }
    if (n >= sizeof ret->host)
        return slk_fail(error, SLK_E_INVAL, "%s is too long", what);
    (void)snprintf(ret->host, sizeof ret->host, "%.*s", (int)n, text);
    (void)snprintf(ret->port, sizeof ret->port, "%u", (unsigned)port);
    return SLK_OK;
}

static bool is_everywhere(const char *host)
{
    return *host == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static slk_err node_address(struct address *ret, const char *url, slk_error *error)
{
    char text[SLK_WORKER_HOST_CHARS];
    const char *start = strstr(url, "://");
    const bool tls = strncmp(url, "https:", 6) == 0;
    start = start ? start + 3 : url;
    const size_t n = strcspn(start, "/");
    if (n >= sizeof text - 4)
        return slk_fail(error, SLK_E_INVAL, "the node's address is too long");
    const bool has_port = memchr(start, ':', n) && start[n - 1] != ']';
    (void)snprintf(text, sizeof text, "%.*s%s", (int)n, start,
                   has_port ? "" : (tls ? ":443" : ":80"));
    return split(ret, text, "the node's address", error);
}

static bool connect_in_time(int fd, const struct addrinfo *to)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int problem = 0;
    socklen_t n = sizeof problem;
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
        return true;
    return errno == EINPROGRESS && poll(&wait, 1, CONNECT_MS) == 1 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &n) == 0 && problem == 0;
}

/* Our end of a connection there. */
static bool own_end(slk_ip *ret, const struct addrinfo *to)
{
    struct sockaddr_storage own;
    socklen_t n = sizeof own;
    const int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    const bool found = connect_in_time(fd, to) &&
                       getsockname(fd, (struct sockaddr *)&own, &n) == 0 &&
                       slk_ip_of_socket(ret, (const struct sockaddr *)&own);
    (void)close(fd);
    return found;
}

static slk_err own_address(slk_ip *ret, const char *node_url, slk_error *error)
{
    struct address node;
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    SLK_TRY(node_address(&node, node_url, error));
    const int failed = getaddrinfo(node.host, node.port, &hints, &list);
    if (failed)
        return slk_fail(error, SLK_E_UNREACHABLE, "the node's name %s: %s", node.host,
                        gai_strerror(failed));
    bool found = false;
    for (const struct addrinfo *a = list; a && !found; a = a->ai_next)
        found = own_end(ret, a);
    freeaddrinfo(list);
    if (!found)
        return slk_fail(error, SLK_E_UNREACHABLE,
                        "the node at %s port %s does not answer: it is down, it listens on another "
                        "address ([API] ListenAddress), or a firewall is between",
                        node.host, node.port);
    return SLK_OK;
}

static void put_host(char *out, size_t n, const char *host)
{
    (void)snprintf(out, n, strchr(host, ':') ? "[%.250s]" : "%.250s", host);
}

slk_err slk_worker_place_find(slk_worker_place *ret_place, const char *listen, bool chosen,
                              const char *node_url, slk_error *error)
{
    struct address told;
    slk_ip own;
    char text[SLK_ADDRESS_CHARS];
    slk_worker_place place = {0};
    SLK_TRY(split(&told, listen, "--listen", error));
    (void)snprintf(place.listen, sizeof place.listen, "%s", listen);
    if (!is_everywhere(told.host)) {
        put_host(place.host, sizeof place.host, told.host);
        *ret_place = place;
        return SLK_OK;
    }
    SLK_TRY(own_address(&own, node_url, error));
    slk_ip_print(text, &own);
    put_host(place.host, sizeof place.host, text);
    place.from_node = true;
    if (!chosen && slk_ip_is_loopback(&own))
        (void)snprintf(place.listen, sizeof place.listen, "%.250s:%s", place.host, told.port);
    *ret_place = place;
    return SLK_OK;
}

slk_err slk_worker_place_try(const slk_worker_place *place, slk_error *error)
{
    slk_http_server *server = NULL;
    const slk_http_server_options options = {.listen = place->listen};
    const slk_err code = slk_http_server_new(&server, &options, error);
    slk_http_server_free(server);
    return code == SLK_E_BUSY
               ? slk_fail_context(error, code,
                                  "--listen IP:PORT takes another port, 0 any free one")
               : code;
}
